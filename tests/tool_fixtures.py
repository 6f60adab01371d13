"""Fixtures of the tests of command-line tools."""

from collections.abc import Iterator

import pytest
from tool_runs import Keyboard, Tool


@pytest.fixture
def tool(capsys: pytest.CaptureFixture[str]) -> Tool:
    """The `dulcet` program, in this process."""
    return Tool(capsys)


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Keyboard]:
    """Ctrl-C for tools in this process."""
    with Keyboard(monkeypatch) as keyboard:
        yield keyboard
