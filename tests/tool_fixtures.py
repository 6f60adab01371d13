"""Fixtures of the tests of command-line tools."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tool_runs import Keyboard, Tool, dicom_file


@pytest.fixture
def tool(capsys: pytest.CaptureFixture[str]) -> Tool:
    """The `dulcet` program, in this process."""
    return Tool(capsys)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory in which the test runs, so that what comes without -od comes there."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three small DICOM files: SOP Instance UIDs 1.2.1 to 1.2.3."""
    return [dicom_file(tmp_path / f"{number}.dcm", f"1.2.{number}") for number in (1, 2, 3)]


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Keyboard]:
    """Ctrl-C for tools in this process."""
    with Keyboard(monkeypatch) as keyboard:
        yield keyboard
