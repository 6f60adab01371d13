"""What every test run shares: the hypothesis profile and the count of the cells of Table 9-10."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cell_coverage
import pytest
from hypothesis import settings
from table_9_10 import OUTCOMES

settings.register_profile("dulcet", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("dulcet")

selected: set[str] = set()
"""The test modules of this run, by file name."""
curtailed: set[str] = set()
"""Those of which only some tests were selected."""


def pytest_deselected(items: list[pytest.Item]) -> None:
    curtailed.update(item.path.name for item in items)


def pytest_collection_finish(session: pytest.Session) -> None:
    selected.update(item.path.name for item in session.items)
    curtailed.update(Path(argument.split("::")[0]).name for argument in session.config.args if "::" in argument)


def _whole() -> bool:
    """Whether both proofs of the table run from their first to their last test."""
    return set(cell_coverage.PROOFS.values()) <= selected - curtailed


def _missed() -> Iterator[str]:
    for source in cell_coverage.PROOFS:
        for outcome in cell_coverage.missed(source):
            yield f"{source}: {outcome}"


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """A worker of pytest-xdist is done: take over its counts."""
    output = getattr(node, "workeroutput", {})
    cell_coverage.merge((tuple(visit), count) for visit, count in output.get("cells", ()))
    selected.update(output.get("selected", ()))
    curtailed.update(output.get("curtailed", ()))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput |= {
            "cells": [(list(visit), count) for visit, count in cell_coverage.counts.items()],
            "selected": sorted(selected),
            "curtailed": sorted(curtailed),
        }
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
