"""Ctrl-C, in every tool that calls a peer: once, the association is released in order; twice, it is aborted."""

import signal
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path

import pytest
from dulcet.acse.events import Aborted, Initiator, Released, ReleaseRequested
from dulcet.dimse.exchange import DimseEvent
from dulcet.dimse.messages import Response
from dulcet.dul.pdu import Abort
from dulcet.services.entity import Entity
from dulcet.services.query.query import Query
from dulcet.services.query.retrieve import Retrieve
from dulcet.services.scp import SCP
from dulcet.services.service import Operation, Service
from dulcet.services.storage.storage import Storage
from dulcet.services.verification import Verification
from dulcet.tools.exit_codes import ExitCode
from dulcet.tools.interrupts import TOLD
from pydicom.dataset import Dataset
from tool_runs import LIMIT, Keyboard, Ran, Tool, process
from wire_peers import Wire, answering

pytestmark = pytest.mark.usefixtures("here")
KEYS = ("-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2")
QUERIES = dict.fromkeys(("findscu", "getscu", "movescu"), KEYS)
TOOLS = ("echoscu", "storescu", "dcmsend", *QUERIES)


class Pressed(Verification):
    """Presses Ctrl-C before it answers."""

    def __init__(self, press: Callable[[], None]) -> None:
        self._press = press
        self.blocking = True

    def perform(self, operation: Operation) -> Response:
        self._press()
        return super().perform(operation)


def services(press: Callable[[], None], folder: Path, files: Sequence[Path], station: Entity) -> list[Service]:
    """All of them press Ctrl-C in the middle of an operation."""

    def matches(_keys: Dataset, _operation: Operation) -> Iterator[Dataset]:
        for number in count():
            if number == 2:
                press()
            match = Dataset()
            match.StudyInstanceUID = f"1.2.{number}"
            yield match

    def objects(_keys: Dataset, _operation: Operation) -> Sequence[Path]:
        press()
        return files

    storage = Storage(folder / "archive", on_stored=lambda _caller, _outcome: press())
    return [Pressed(press), storage, Query(matches), Retrieve(objects, {"STATION": station})]


def work(name: str, files: Sequence[Path]) -> list[object]:
    """More than is done when Ctrl-C is pressed."""
    if name in ("storescu", "dcmsend"):
        return list(files)
    return [*QUERIES.get(name, ()), *(["-aem", "STATION"] if name == "movescu" else []), "--repeat", 50]


def interrupted(
    tool: Tool, keyboard: Keyboard, times: int, folder: Path, files: Sequence[Path], *words: object
) -> tuple[Ran, DimseEvent]:
    """A run in which Ctrl-C is pressed, and how its association ended for the peer."""
    ends: list[DimseEvent] = []

    def note(_address: object, event: DimseEvent) -> None:
        if isinstance(event, Aborted | Released | ReleaseRequested):
            ends.append(event)

    with SCP("STATION", [Storage(folder / "station")]).running() as station:
        pressing = services(lambda: keyboard.press(times), folder, files, station.entity)
        with SCP("ANY-SCP", pressing, on_event=note).running() as running:
            ran = tool(words[0], "127.0.0.1", running.port, *words[1:], *work(str(words[0]), files))
    return ran, ends[0]


@pytest.mark.parametrize("name", TOOLS)
def test_once(tool: Tool, keyboard: Keyboard, tmp_path: Path, files: list[Path], name: str) -> None:
    ran, end = interrupted(tool, keyboard, 1, tmp_path, files, name)
    assert ran.code == ExitCode.INTERRUPTED
    assert isinstance(end, ReleaseRequested | Released)
    last = (ran.err if name == "findscu" else ran.out).splitlines()[-1]
    assert last.endswith(ExitCode.INTERRUPTED.words)
    assert "ANY-SCP@127.0.0.1:" in last


@pytest.mark.parametrize("name", TOOLS)
def test_twice(tool: Tool, keyboard: Keyboard, tmp_path: Path, files: list[Path], name: str) -> None:
    ran, end = interrupted(tool, keyboard, 2, tmp_path, files, name, "--json")
    assert (ran.code, ran.summary["exit_code"]) == (130, 130)
    assert isinstance(end, Aborted)
    assert end.initiator is Initiator.PEER_USER
    assert "stopped from the keyboard" in ran.err


@pytest.mark.parametrize("name", TOOLS)
def test_what_is_done_is_told(tool: Tool, keyboard: Keyboard, tmp_path: Path, files: list[Path], name: str) -> None:
    """What was under way when Ctrl-C was pressed once is finished, or cancelled where it can be."""
    ran, _ = interrupted(tool, keyboard, 1, tmp_path, files, name, "--json")
    if name in QUERIES:
        told = [each["status"] for each in ran.records if each["record"] == "response"]
        assert told == ["0xFE00"] or (told == ["0x0000"] and name != "findscu")  # three objects go quickly
    elif name == "echoscu":
        assert [each["record"] for each in ran.records] == ["echo", "summary"]
    else:
        assert [each["status"] for each in ran.records[:-1]] == ["0x0000", None, None]
        assert (ran.summary["stored"], ran.summary["files"]) == (1, 3)


def test_the_handlers_of_before_are_back(tool: Tool, keyboard: Keyboard, tmp_path: Path, files: list[Path]) -> None:
    for name in TOOLS:
        interrupted(tool, keyboard, 2, tmp_path, files, name)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize("name", [*TOOLS, "termscu"])
def test_before_there_is_an_association(tool: Tool, keyboard: Keyboard, files: list[Path], name: str) -> None:
    def silent(wire: Wire) -> None:
        wire.receive()
        if name == "dcmsend":  # looks out for it from the start, so that it can keep what it is retrying
            keyboard.press(2)
        else:
            keyboard.press_for_python(wire.sock)
        while wire.receive() not in (Abort(0, 0), None):
            pass

    with answering(silent) as peer:
        ran = tool(name, peer.host, peer.port, *(work(name, files) if name != "termscu" else []))
    assert ran.code == 130
    assert "stopped from the keyboard" in ran.err


def test_what_the_user_is_told(files: list[Path]) -> None:
    with (
        SCP("ANY-SCP", [Verification()]).running() as running,
        process("echoscu", "--json", "--repeat", 1_000_000, "127.0.0.1", running.port) as ran,
    ):
        assert ran.stdout is not None
        assert ran.stdout.readline().startswith('{"record": "echo"')
        ran.send_signal(signal.SIGINT)
        out, err = ran.communicate(timeout=LIMIT)
    assert (ran.returncode, err) == (130, TOLD.decode())
    assert '"exit_code": 130' in out.splitlines()[-1]
