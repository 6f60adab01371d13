"""What this run has proven with live peers: peer, our role, service, and how; printed at the end.

A pytest plugin. The short of it, peers by services with our roles in the cells, stands in README.md. A run of all live
tests fails when the two differ, so that the page promises no more than is proven, and no less. Workers of
pytest-xdist hand their rows to the process that started them.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import selection

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
MODULES = {path.name for path in (HERE / "live").glob("test_*.py")}
ROLES = ("SCU", "SCP")

Row = tuple[str, str, str]

rows: dict[Row, set[str]] = {}
"""(peer, our role, service) to what was proven."""


def enter(peer: str, role: str, service: str, *what: str) -> None:
    """One more thing was proven.

    A peer is a product and, where it has many, which of its programs ("DCMTK storescu"); a role is "SCU" or "SCP" and,
    where it was not the library, with which of our tools ("SCP (qrscp)"); or, for who is no DICOM node, what else.
    """
    rows.setdefault((peer, role, service), set()).update(what)


def lines() -> Iterator[str]:
    """All of it, as Markdown."""
    yield "| peer | dulcet is | service | proven |"
    yield "| --- | --- | --- | --- |"
    for (peer, role, service), what in sorted(rows.items()):
        yield f"| {peer} | {role} | {service} | {', '.join(sorted(what))} |"


def summary() -> list[str]:
    """The short of it: a line for each service, a column for each product, our roles in the cells."""
    roles: dict[tuple[str, str], set[str]] = {}
    for peer, role, service in rows:
        if role.split()[0] in ROLES:
            roles.setdefault((service, peer.split()[0]), set()).add(role.split()[0])
    products = sorted({product for _, product in roles}, key=str.lower)
    table = [["dulcet is", *products], ["---"] * (len(products) + 1)]
    for service in sorted({service for service, _ in roles}, key=str.lower):
        cells = (roles.get((service, product), ()) for product in products)
        table.append([service, *(", ".join(role for role in ROLES if role in cell) or "-" for cell in cells)])
    return [f"| {' | '.join(cells)} |" for cells in table]


def committed(page: str) -> list[str]:
    """The same table as it stands on a page, where the products have versions."""
    found = re.search(r"^\| dulcet is .*(?:\n\|.*)*", page, re.MULTILINE)
    return re.sub(r" [0-9][0-9.]*(?= \|)", "", found[0]).splitlines() if found else []


def _all_proven(reporter: Any) -> bool:
    """Whether every live test was run, and none left out."""
    return bool(MODULES) and selection.whole(MODULES) and not reporter.stats.get("skipped")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """A worker of pytest-xdist is done: take over its rows."""
    for row, what in getattr(node, "workeroutput", {}).get("live", ()):
        enter(*row, *what)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["live"] = [(list(row), sorted(what)) for row, what in rows.items()]
        return
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    if exitstatus == pytest.ExitCode.OK and _all_proven(reporter) and summary() != committed(README.read_text("utf-8")):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _print(reporter: pytest.TerminalReporter, table: Iterable[str]) -> None:
    for line in table:
        reporter.write_line(line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not rows:
        return
    terminalreporter.section("proven with live peers", sep="-")
    _print(terminalreporter, lines())
    terminalreporter.section("in short", sep="-")
    _print(terminalreporter, summary())
    if _all_proven(terminalreporter) and summary() != committed(README.read_text("utf-8")):
        terminalreporter.write_line("README.md has another table of what is proven with whom", red=True, bold=True)
