"""`dulcet demo`: exit code 0 means that every step held, and only that."""

import sys
from pathlib import Path
from typing import Any

import pytest
from dulcet.services.scp import SCP
from dulcet.services.service import Service
from dulcet.services.storage.incoming import FileStore
from dulcet.services.storage.storage import Storage
from dulcet.services.verification import Verification
from dulcet.tools import demo, reporting
from tool_runs import Terminal, Tool, dicom_file


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [dicom_file(tmp_path / f"{n}.dcm", f"1.2.{n}") for n in (1, 2)]


def test_all_of_it_holds(tool: Tool, files: list[Path]) -> None:
    ran = tool("demo", *files)
    assert (ran.code, ran.err) == (0, "")
    assert [line for line in ran.out.splitlines() if line.startswith(("ok", "FAIL"))][-1] == "ok   all of it held"
    assert "FAIL" not in ran.out
    assert "C-STORE: 2 of 2 files" in ran.out
    assert "the data sets of 2 of 2 files are on the disk, byte for byte" in ran.out
    assert ran.out.count("- A-ASSOCIATE-RQ -") == 2
    assert "ok   termscu: the SCP agreed to stop\nok   the SCP has stopped\n" in ran.out
    assert "ok   C-FIND: 1 studies of 2 instances" in ran.out
    assert "ok   C-MOVE: 2 to VIEWER" in ran.out
    assert "ok   the data sets of 2 of 2 were got, byte for byte" in ran.out


def test_progress_on_a_terminal(tool: Tool, files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "REDRAWN", 0.0)
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    assert tool("demo", *files).code == 0
    for words in ("2 of 2 files", "B/s", "0:00:"):
        assert words in terminal.getvalue()


def test_without_a_file_to_send(tool: Tool, tmp_path: Path) -> None:
    ran = tool("demo", tmp_path / "nothing", tmp_path)
    assert (ran.code, ran.out) == (21, "")
    assert ran.err == f"dulcet demo: no DICOM file to send: {tmp_path}/nothing, {tmp_path}\n"


def test_without_the_archive_s_extra(tool: Tool, files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("dulcet.services.archive")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    ran = tool("demo", *files)
    assert ran.code == 0
    assert "to find, move and get: pip install 'dulcet[archive]' (sqlalchemy is not installed)" in ran.out


def test_the_files_of_pydicom(tool: Tool) -> None:
    ran = tool("demo")
    assert ran.code == 0
    assert "transfer syntaxes" in ran.out


def test_what_cannot_be_sent_is_left_out(tool: Tool, files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no DICOM file")
    assert "C-STORE: 2 of 2 files" in tool("demo", tmp_path).out


def test_a_step_that_fails(tool: Tool, files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    real: Any = demo._digest
    monkeypatch.setattr(demo, "_digest", lambda path: real(path) + str(path).encode())
    ran = tool("demo", *files)
    assert ran.code == 1
    assert "FAIL the data sets of 0 of 2 files" in ran.out
    assert ran.out.endswith("FAIL 3 steps failed\n")  # what arrived, what was moved, what was got


def test_a_store_that_fails(tool: Tool, files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(directory: Path, **options: Any) -> Storage:
        return Storage(FileStore(directory, max_object_bytes=1), **options)

    monkeypatch.setattr(demo, "Storage", full)
    ran = tool("demo", *files)
    assert ran.code == 1
    assert "FAIL C-STORE: 0 of 2 files" in ran.out
    assert "FAIL the data sets of 0 of 2 files" in ran.out
    assert ran.out.endswith("FAIL 2 steps failed\n")


def test_a_server_that_does_not_stop(tool: Tool, files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "Shutdown", type("Deaf", (Service,), {"supports": lambda *_: None}))
    monkeypatch.setattr(demo, "STOP_SECONDS", 0.1)
    ran = tool("demo", *files)
    assert ran.code == 1
    assert "FAIL termscu: the SCP accepted the association, but should stop" in ran.out
    assert "FAIL the SCP has stopped" in ran.out


def test_a_rejection_that_is_no_consent(tool: Tool, files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Local limit exceeded (PS3.8 Table 9-21): told, and what comes after it is done all the same."""
    real: Any = demo.agrees_to_stop
    with SCP("FULL", [Verification()], maximum_associations=0).running() as full:
        monkeypatch.setattr(demo, "agrees_to_stop", lambda scu, _peer, log: real(scu, full.entity, log))
        monkeypatch.setattr(demo, "STOP_SECONDS", 0.1)
        ran = tool("demo", *files)
    assert ran.code == 1
    assert "FAIL termscu: association rejected: " in ran.out
    assert ", which is no consent to stop\n" in ran.out
    assert "C-FIND: " in ran.out
    assert ran.out.endswith("FAIL 2 steps failed\n")
