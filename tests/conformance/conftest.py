"""Programs that reports are read with, a browser and Wireshark's dissectors; a missing one is told loudly."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import NoReturn

import pytest
from dulcet.tools.conformance import acceptor

REQUIRED = "DULCET_REQUIRE_PEERS"
"""With this in the environment a missing program is a failure."""
_missing: set[str] = set()


def _lacks(program: str, package: str) -> NoReturn:
    _missing.add(package)
    words = f"{program} is not installed (apt-get install {package})"
    if os.environ.get(REQUIRED):
        pytest.fail(f"{words}, and {REQUIRED} is set")
    pytest.skip(words)


@pytest.fixture(autouse=True)
def nobody_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests keep this machine busy: how long a peer took says nothing here. What is blocked is still found."""
    monkeypatch.setattr(acceptor, "SLOW_SECONDS", 60.0)


@pytest.fixture(scope="session")
def tshark() -> str:
    """The program that dissects captures."""
    found = shutil.which("tshark")
    if found is None:
        _lacks("tshark", "tshark")
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """A headless Chromium, driven by selenium; what pages say on its console is kept."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        _lacks("chromium", "chromium chromium-driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for switch in (
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            f"--user-data-dir={folder}",
        ):
            options.add_argument(switch)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        found = webdriver.Chrome(options, Service(driver))
        found.set_page_load_timeout(60)
        try:
            yield found
        finally:
            found.quit()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """In one line what was not there."""
    if _missing:
        words = f"REPORT READERS MISSING: {', '.join(sorted(_missing))}: what needs them was not proven"
        terminalreporter.write_line(words, red=True, bold=True)
