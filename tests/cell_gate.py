"""A whole run fails when an outcome of Table 9-10 has no proof; every run prints what cells it has been through.

A pytest plugin around `cell_coverage`, which does the counting. Workers of pytest-xdist hand their counts to the
process that started them, and that one judges.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cell_coverage
import pytest
import selection
from table_9_10 import OUTCOMES


def _whole() -> bool:
    """Whether both proofs of the table run from their first to their last test."""
    return selection.whole(cell_coverage.PROOFS.values())


def _missed() -> Iterator[str]:
    for source in cell_coverage.PROOFS:
        for outcome in cell_coverage.missed(source):
            yield f"{source}: {outcome}"


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """A worker of pytest-xdist is done: take over its counts."""
    output = getattr(node, "workeroutput", {})
    cell_coverage.merge((tuple(visit), count) for visit, count in output.get("cells", ()))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["cells"] = [(list(visit), count) for visit, count in cell_coverage.counts.items()]
        return
    if path := os.environ.get("DULCET_CELLS_JSON"):
        cell_coverage.write_json(Path(path))
    if _whole() and exitstatus == pytest.ExitCode.OK and any(_missed()):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reached = {visit[0] for visit in cell_coverage.counts}
    for source in cell_coverage.SOURCES:
        if source in reached:
            total = len(OUTCOMES)
            hit = total - len(cell_coverage.missed(source))
            terminalreporter.section(f"Table 9-10, {source}: {hit} of {total} outcomes", sep="-")
            if _whole():
                terminalreporter.write_line("\n".join(cell_coverage.grid(source)))
    if _whole() and (gaps := list(_missed())):
        terminalreporter.section("outcomes of Table 9-10 without proof", sep="=", red=True)
        terminalreporter.write_line("\n".join(gaps))
