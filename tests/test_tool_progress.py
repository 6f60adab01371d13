"""How far it is: what the tools that work long show on a terminal, and that they show nothing where nobody looks."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dulcet.services.query.query import Query
from dulcet.services.query.retrieve import Retrieve
from dulcet.services.scp import SCP, RunningSCP
from dulcet.services.storage.storage import Storage
from dulcet.services.verification import Verification
from dulcet.tools import reporting
from pydicom.dataset import Dataset
from tool_runs import Ran, Terminal, Tool, dicom_file

KEYS = ("-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2")
SHOWN = {
    "storescu": ("3 of 3 files", "MB/s", "0:00:"),
    "dcmsend": ("3 of 3 files", "MB/s", "0:00:"),
    "getscu": ("3 objects received", "MB/s", "3/3", "0:00:"),
    "movescu": ("retrieving", "a second", "3/3", "0:00:"),  # what goes elsewhere has no bytes to count
    "findscu": ("3 matches", "a second"),
    "echoscu": ("C-ECHO", "a second", "3/3", "0:00:"),
    "qrscp": ("indexing", "a second", "3/3", "files", "0:00:"),
}
"""What stands on the terminal in the end: how much, how fast, and where it can be known how long it will take."""


@pytest.fixture
def peer(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSCP]:
    """An archive with three objects and three studies; it sends to one station."""
    monkeypatch.setattr(reporting, "REDRAWN", 0.0)
    files = [dicom_file(tmp_path / f"{number}.dcm", f"1.2.{number}", pixels=bytes(300_000)) for number in (1, 2, 3)]
    studies = [Dataset() for _ in files]
    with SCP("STATION", [Storage(tmp_path / "station")]).running() as station:
        services = [
            Verification(),
            Storage(tmp_path / "archive"),
            Query(lambda _keys, _operation: studies),
            Retrieve(lambda _keys, _operation: files, {"STATION": station.entity}),
        ]
        with SCP("ANY-SCP", services).running() as running:
            yield running


def run(tool: Tool, peer: RunningSCP, folder: Path, name: str, *words: object) -> Ran:
    files = [folder / f"{number}.dcm" for number in (1, 2, 3)]
    who = ("127.0.0.1", peer.port)
    work = {"storescu": files, "dcmsend": files, "movescu": [*KEYS, "-aem", "STATION"], "echoscu": ["--repeat", 3]}
    ran = tool(name, *words, *([*who, *work.get(name, KEYS)] if name != "qrscp" else ["--reindex", folder]))
    assert ran.code == 0
    return ran


@pytest.mark.parametrize("name", SHOWN)
def test_on_a_terminal(
    tool: Tool, peer: RunningSCP, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    run(tool, peer, tmp_path, name)
    for words in SHOWN[name]:
        assert words in terminal.getvalue()
    assert "Traceback" not in terminal.getvalue()


@pytest.mark.parametrize("word", ["--no-progress", "-q", "--json"])
@pytest.mark.parametrize("name", SHOWN)
def test_not_when_it_is_not_wanted(
    tool: Tool, peer: RunningSCP, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, word: str
) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    run(tool, peer, tmp_path, name, word)
    assert "\x1b" not in terminal.getvalue()
    assert "\r" not in terminal.getvalue()


@pytest.mark.parametrize("name", SHOWN)
def test_not_where_nobody_looks(tool: Tool, peer: RunningSCP, tmp_path: Path, name: str) -> None:
    ran = run(tool, peer, tmp_path, name)
    assert "\r" not in ran.out + ran.err
    assert "\x1b" not in ran.out + ran.err
