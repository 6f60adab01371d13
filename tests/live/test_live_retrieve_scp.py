"""Our C-MOVE and C-GET SCP, and those who retrieve: DCMTK's movescu and getscu, Orthanc, pynetdicom's tools."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from data_sets import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT
from dulcet.acse.events import Aborted, Released
from dulcet.services.query.retrieve import Retrieve
from dulcet.services.scu import Settings
from dulcet.services.storage.outgoing import OutgoingFile
from live_archive import Archive
from live_instances import CT, ROOT, awkward, digest, digests, encapsulated, instance, large, read, same_content, uid_of
from live_peers import Ended, Orthanc, Process, Pynetdicom, Server, dcmtk, run
from ports import free_port

from dulcet import SCU, Entity, Operation

Trace = Callable[..., None]
Proven = Callable[..., None]
STUDY = ("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={ROOT}.0")
JPEG = "1.2.840.10008.1.2.4.50"
RLE = "1.2.840.10008.1.2.5"
LOG = "peer.log"

Retrievable = Callable[..., Archive]


class Shelf:
    """What is retrieved, and where it may be moved to."""

    def __init__(self) -> None:
        self.files: list[Path] = []
        self.destinations: dict[str, Entity] = {}
        self.asked: list[tuple[str, str, str]] = []

    def find(self, keys: Any, operation: Operation) -> Iterator[Path]:
        """Everything, whatever is asked for."""
        calling = operation.caller.agreement.calling_ae_title
        self.asked.append((operation.request.name, calling, str(keys.get("StudyInstanceUID", ""))))
        yield from self.files


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def archive(tmp_path: Path, shelf: Shelf, trace: Trace) -> Iterator[Archive]:
    """Our SCP."""
    retrieve = Retrieve(shelf.find, shelf.destinations, settings=Settings(trace=trace))
    with Archive(tmp_path, trace, services=[retrieve]) as archive:
        yield archive


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A folder for instances that are made."""
    folder = tmp_path / "made"
    folder.mkdir()
    return folder


def written(inbox: Path) -> list[Path]:
    """The files a peer has written, besides its log."""
    return [path for path in inbox.iterdir() if path.name != LOG]


def received(inbox: Path) -> list[str]:
    """Their digests."""
    return digests(written(inbox))


# movescu


def movescu(archive: Archive, shelf: Shelf, inbox: Path, *options: object) -> Ended:
    """movescu, bit-preserving, which is its own destination; so it writes to where it runs, whatever -od says."""
    port = free_port()
    shelf.destinations["MOVER"] = Entity.local("MOVER", port)
    own = ("-aet", "MOVER", "-aec", "DULCET", "-S", *STUDY, "+P", port)
    with Process([dcmtk("movescu"), "-d", *own, *options, "127.0.0.1", archive.port], inbox / LOG) as mover:
        return Ended(mover.wait(), mover.said)


@pytest.mark.usefixtures("dcmtk")
def test_move_to_movescu_itself(archive: Archive, shelf: Shelf, made: Path, inbox: Path, proven: Proven) -> None:
    shelf.files = [*awkward(made), large(made)]
    ended = movescu(archive, shelf, inbox)
    assert ended.code == 0, ended
    by_uid = {uid_of(path): path for path in written(inbox)}
    assert len(by_uid) == len(shelf.files)
    for path in shelf.files:  # movescu mends lengths, even bit-preserving
        assert same_content(by_uid[uid_of(path)], path)
    assert ended.said.count("Move Originator AE Title      : MOVER") == len(shelf.files)
    assert ended.said.count("Move Originator ID            : 1") == len(shelf.files)
    assert shelf.asked == [("C-MOVE-RQ", "MOVER", f"{ROOT}.0")]
    assert archive.ending() == Released()
    proven("DCMTK movescu", "SCP", "C-MOVE", "awkward instances and 40 MiB", "its own destination")


@pytest.mark.usefixtures("dcmtk")
def test_move_hundreds(archive: Archive, shelf: Shelf, made: Path, inbox: Path, proven: Proven) -> None:
    shelf.files = [instance(made, number) for number in range(1, 301)]
    ended = movescu(archive, shelf, inbox)
    assert ended.code == 0, ended
    assert received(inbox) == digests(shelf.files)
    proven("DCMTK movescu", "SCP", "C-MOVE", "300 instances")


@pytest.mark.usefixtures("dcmtk")
@pytest.mark.parametrize(
    ("option", "syntax"), [("+xi", IMPLICIT), ("+xb", BIG_ENDIAN), ("+xd", DEFLATED), ("+x=", EXPLICIT)]
)
def test_move_converts_for_the_destination(
    archive: Archive, shelf: Shelf, made: Path, inbox: Path, option: str, syntax: str, proven: Proven
) -> None:
    shelf.files = [instance(made, number, syntax=own) for number, own in enumerate((IMPLICIT, EXPLICIT, BIG_ENDIAN), 1)]
    ended = movescu(archive, shelf, inbox, option)
    assert ended.code == 0, ended
    by_uid = {uid_of(path): path for path in written(inbox)}
    assert len(by_uid) == 3
    for path in shelf.files:
        assert same_content(by_uid[uid_of(path)], path)
    syntaxes = {read(path).file_meta.TransferSyntaxUID for path in written(inbox)}
    assert syntaxes == {IMPLICIT} if syntax == IMPLICIT else syntaxes <= {IMPLICIT, EXPLICIT, BIG_ENDIAN}
    proven("DCMTK movescu", "SCP", "C-MOVE", "uncompressed syntaxes, converted")


@pytest.mark.usefixtures("dcmtk")
def test_move_some_that_are_not_accepted(
    archive: Archive, shelf: Shelf, made: Path, inbox: Path, proven: Proven
) -> None:
    good, compressed = instance(made, 1), encapsulated(made, 2, JPEG)
    shelf.files = [good, compressed]
    ended = movescu(archive, shelf, inbox)
    assert ended.code == 68, ended  # movescu's for 0xB000
    assert received(inbox) == [digest(good)]
    assert f"{ROOT}.2" in ended.said  # Failed SOP Instance UID List
    proven("DCMTK movescu", "SCP", "C-MOVE", "0xB000 with the list of failures")
    for path in written(inbox):
        path.unlink()
    ended = movescu(archive, shelf, inbox, "+xa")
    assert ended.code == 0, ended
    assert received(inbox) == digests(shelf.files)
    proven("DCMTK movescu", "SCP", "C-MOVE", "compressed")


@pytest.mark.usefixtures("dcmtk")
def test_move_to_the_unknown(archive: Archive, shelf: Shelf, inbox: Path, proven: Proven) -> None:
    ended = movescu(archive, shelf, inbox, "-aem", "NOBODY")
    assert ended.code == 69, ended
    assert "MoveDestinationUnknown" in ended.said
    assert shelf.asked == []
    proven("DCMTK movescu", "SCP", "C-MOVE", "0xA801")


@pytest.mark.usefixtures("dcmtk")
def test_move_to_nobody_there(archive: Archive, shelf: Shelf, made: Path, inbox: Path, proven: Proven) -> None:
    shelf.files = [instance(made, 1)]
    shelf.destinations["GONE"] = Entity.local("GONE", free_port())
    ended = movescu(archive, shelf, inbox, "-aem", "GONE")
    assert ended.code == 69, ended
    assert "GONE cannot be reached" in ended.said
    proven("DCMTK movescu", "SCP", "C-MOVE", "0xA702")


@pytest.mark.usefixtures("dcmtk")
def test_move_to_storescp(
    archive: Archive, shelf: Shelf, made: Path, inbox: Path, tmp_path: Path, proven: Proven
) -> None:
    shelf.files = [instance(made, number) for number in range(1, 21)]
    with Server([dcmtk("storescp"), "-v", "+B", "-od", inbox, "PORT"], tmp_path / "storescp.log") as storescp:
        shelf.destinations["STORESCP"] = Entity.local("STORESCP", storescp.port)
        ended = run(
            [dcmtk("movescu"), "-v", "-aec", "DULCET", "-aem", "STORESCP", "-S", *STUDY, "127.0.0.1", archive.port]
        )
    assert ended.code == 0, ended
    assert received(inbox) == digests(shelf.files)
    proven("DCMTK storescp", "SCU", "C-STORE", "as destination of a C-MOVE")


@pytest.mark.usefixtures("dcmtk")
def test_move_is_cancelled(archive: Archive, shelf: Shelf, made: Path, inbox: Path, proven: Proven) -> None:
    shelf.files = [instance(made, number, pixels=bytes(1 << 20)) for number in range(1, 201)]
    ended = movescu(archive, shelf, inbox, "--cancel", 1)
    assert "0xfe00: Cancel" in ended.said
    assert len(written(inbox)) < 200
    assert archive.ending() == Released()
    proven("DCMTK movescu", "SCP", "C-CANCEL", "of a C-MOVE")


@pytest.mark.usefixtures("dcmtk")
def test_movescu_aborts(archive: Archive, shelf: Shelf, made: Path, inbox: Path, proven: Proven) -> None:
    shelf.files = [instance(made, 1)]
    assert movescu(archive, shelf, inbox, "--abort").code == 0
    assert isinstance(archive.ending(), Aborted)
    assert received(inbox) == digests(shelf.files)
    proven("DCMTK movescu", "SCP", "C-MOVE", "peer aborts at the end")


@pytest.mark.usefixtures("dcmtk")
def test_movescu_is_killed_in_the_middle(
    archive: Archive, shelf: Shelf, made: Path, inbox: Path, tmp_path: Path, proven: Proven
) -> None:
    shelf.files = [instance(made, number, pixels=bytes(1 << 20)) for number in range(1, 301)]
    port = free_port()
    shelf.destinations["MOVER"] = Entity.local("MOVER", port)
    own = ("-aet", "MOVER", "-aec", "DULCET", "-S", *STUDY, "+P", port, "+B")
    with Process([dcmtk("movescu"), "-v", *own, "127.0.0.1", archive.port], inbox / LOG) as mover:
        mover.wait_for("Received Store Request", 2)
    assert isinstance(archive.ending(), Aborted)
    proven("DCMTK movescu", "SCP", "C-MOVE", "killed in the middle")


# getscu


def getscu(archive: Archive, inbox: Path, *options: object) -> Ended:
    """getscu, bit-preserving."""
    own = ("-aec", "DULCET", *STUDY, "+B", "-od", inbox)
    return run([dcmtk("getscu"), "-d", *own, *options, "127.0.0.1", archive.port])


@pytest.mark.usefixtures("dcmtk")
@pytest.mark.parametrize("model", ["-P", "-S", "-O"])
def test_get(archive: Archive, shelf: Shelf, made: Path, inbox: Path, model: str, proven: Proven) -> None:
    shelf.files = [*awkward(made), *([large(made)] if model == "-S" else [])]
    ended = getscu(archive, inbox, model)
    assert ended.code == 0, ended
    assert received(inbox) == digests(shelf.files)
    assert shelf.asked == [("C-GET-RQ", "GETSCU", f"{ROOT}.0")]
    assert archive.ending() == Released()
    proven("DCMTK getscu", "SCP", "C-GET", "awkward instances and 40 MiB", model)


@pytest.mark.usefixtures("dcmtk")
def test_get_hundreds(archive: Archive, shelf: Shelf, made: Path, inbox: Path, proven: Proven) -> None:
    shelf.files = [instance(made, number) for number in range(1, 301)]
    ended = getscu(archive, inbox)
    assert ended.code == 0, ended
    assert received(inbox) == digests(shelf.files)
    proven("DCMTK getscu", "SCP", "C-GET", "300 instances")


@pytest.mark.usefixtures("dcmtk")
def test_get_compressed_and_converted(archive: Archive, shelf: Shelf, made: Path, inbox: Path, proven: Proven) -> None:
    compressed, big = encapsulated(made, 1, JPEG), instance(made, 2, syntax=BIG_ENDIAN)
    shelf.files = [compressed]
    ended = getscu(archive, inbox, "+xy")
    assert ended.code == 0, ended
    assert received(inbox) == [digest(compressed)]
    shelf.files = [compressed, big]
    said = getscu(archive, inbox).said  # then it aborts: it does not read the list of failures
    assert "Warning: SubOperationsCompleteOneOrMoreFailures" in said
    assert {uid_of(path) for path in written(inbox)} == {f"{ROOT}.1", f"{ROOT}.2"}
    (converted,) = (path for path in written(inbox) if uid_of(path) == f"{ROOT}.2")
    assert read(converted).file_meta.TransferSyntaxUID == EXPLICIT
    assert same_content(converted, big)
    proven("DCMTK getscu", "SCP", "C-GET", "compressed", "uncompressed syntaxes, converted", "0xB000")


# Orthanc


def test_orthanc_moves_to_itself(archive: Archive, shelf: Shelf, made: Path, orthanc: Orthanc, proven: Proven) -> None:
    shelf.files = [instance(made, number) for number in range(201, 221)]
    shelf.files += [encapsulated(made, 221, JPEG), encapsulated(made, 222, RLE)]
    orthanc.knows("dulcet", "DULCET", archive.port)
    shelf.destinations[orthanc.title] = Entity.local(orthanc.title, orthanc.port)
    what = {"Level": "Study", "Resources": [{"StudyInstanceUID": f"{ROOT}.0"}], "Timeout": 20}
    status, body = orthanc.ask("POST", "/modalities/dulcet/move", what)
    assert status == 200, body
    assert shelf.asked == [("C-MOVE-RQ", orthanc.title, f"{ROOT}.0")]
    for path in shelf.files:
        kept = made / "kept.dcm"
        kept.write_bytes(orthanc.get(f"/instances/{orthanc.instance(uid_of(path))}/file"))
        assert digest(kept) == digest(path)
    origin = json.loads(orthanc.get(f"/instances/{orthanc.instance(f'{ROOT}.201')}/metadata?expand"))
    assert origin["RemoteAET"] == "DULCET"
    proven("Orthanc", "SCP", "C-MOVE", "its own destination", "compressed")
    proven("Orthanc", "SCU", "C-STORE", "as destination of a C-MOVE")


# pynetdicom


def pynetdicom_tool(tool: str, *options: object) -> Ended:
    """One of pynetdicom's own tools."""
    return run([sys.executable, "-m", "pynetdicom", tool, "-d", "-aec", "DULCET", "-S", *STUDY, *options])


@pytest.mark.usefixtures("pynetdicom")
def test_pynetdicom_gets(archive: Archive, shelf: Shelf, made: Path, inbox: Path, proven: Proven) -> None:
    shelf.files = [instance(made, number) for number in range(1, 21)]
    ended = pynetdicom_tool("getscu", "-od", inbox, "127.0.0.1", archive.port)
    assert ended.code == 0, ended
    assert sorted(map(uid_of, written(inbox))) == sorted(map(uid_of, shelf.files)), ended
    proven("pynetdicom", "SCP", "C-GET", "20 instances")


def test_pynetdicom_grants_no_window(pynetdicom: Pynetdicom, made: Path, inbox: Path, proven: Proven) -> None:
    files = [instance(made, number) for number in range(1, 21)]
    with pynetdicom.serving(keep=inbox) as port:
        scu = SCU("LIVE", operations_window=4)
        entity = Entity.local("ANY-SCP", port)
        with scu.associate(entity, [(CT, (EXPLICIT,))]) as live:
            assert live.agreement.window_invoked == 1
            results = list(live.store_many(map(OutgoingFile, files)))
    assert [result.status for result in results] == [0x0000] * 20
    assert len(written(inbox)) == 20
    proven("pynetdicom", "SCU", "C-STORE", "a window of 1 for the 4 proposed")


@pytest.mark.usefixtures("pynetdicom")
def test_pynetdicom_moves(archive: Archive, shelf: Shelf, made: Path, inbox: Path, proven: Proven) -> None:
    shelf.files = [instance(made, number) for number in range(1, 21)]
    port = free_port()
    shelf.destinations["STORESCP"] = Entity.local("STORESCP", port)
    own = ("--store", "--store-port", port, "-aem", "STORESCP", "-od", inbox)
    ended = pynetdicom_tool("movescu", *own, "127.0.0.1", archive.port)
    assert ended.code == 0, ended
    assert sorted(map(uid_of, written(inbox))) == sorted(map(uid_of, shelf.files)), ended
    proven("pynetdicom", "SCP", "C-MOVE", "20 instances", "its own destination")
    proven("pynetdicom", "SCU", "C-STORE", "as destination of a C-MOVE")
