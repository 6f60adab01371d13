"""No skip that nobody sees: what was left out is told in one loud line, and is a failure where it need not be.

A pytest plugin. With `DULCET_REQUIRE_PEERS` in the environment, as `.ci/run` has it, a test that is skipped fails: what
it lacks can be installed. Only what the machine itself does not allow remains a skip; such a reason begins with
"this machine".
"""

import os
from collections import Counter
from collections.abc import Generator

import pytest

REQUIRED = "DULCET_REQUIRE_PEERS"
FORBIDDEN = "this machine"


def _reason(report: pytest.TestReport) -> str:
    why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return why.removeprefix("Skipped: ")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get(REQUIRED):
        why = _reason(report)
        if not why.startswith(FORBIDDEN):
            report.outcome = "failed"
            report.longrepr = f"skipped, and {REQUIRED} is set: {why}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", ()))
    if reasons:
        told = "; ".join(f"{why} ({count})" for why, count in reasons.most_common())
        words = f"NOT PROVEN IN THIS RUN, {reasons.total()} skipped: {told}"
        terminalreporter.write_line(words, red=True, bold=True)
