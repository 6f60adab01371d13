"""`dulcet getscu`: what is proposed, what comes and where it lies, and what the exit code tells."""

import io
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from data_sets import CT, DEFLATED, EXPLICIT, JPEG, MR
from dulcet.acse.policy import Reject
from dulcet.dimse.status import Status
from dulcet.dul import pdu
from dulcet.dul.items import ContextResult, RoleSelection
from dulcet.services.query.retrieve import Retrieve
from dulcet.services.query.retrieve_scu import Progress, RetrieveResult
from dulcet.services.scp import SCP
from dulcet.services.service import Operation
from dulcet.services.storage.part10 import peek
from dulcet.tools.getscu import combined, proposals, storage_classes
from dulcet.tools.options.transfer_syntaxes import ACCEPT_ALL
from dulcet.tools.retrieving import RetrievalBar
from ports import free_port
from pydicom.dataset import Dataset
from tool_runs import (
    CLOSE,
    HOLD,
    IMPLICIT,
    PROVIDER_ABORT,
    USER_ABORT,
    Ran,
    Scripted,
    Terminal,
    Tool,
    dicom_file,
    documented,
)

STUDY_GET = "1.2.840.10008.5.1.4.1.2.2.3"
TRACTOGRAPHY = "1.2.840.10008.5.1.4.1.1.66.6"
"""A storage class that is not among the usual ones."""
RLE = "1.2.840.10008.1.2.5"
BIG = "1.2.840.10008.1.2.2"
UNCOMPRESSED = (EXPLICIT, BIG, IMPLICIT)
pytestmark = pytest.mark.usefixtures("here")
KEYS = ("-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2")
ACCEPTED = pdu.AssociateAC((ContextResult(1, 0, EXPLICIT),)).encode()


class Archive:
    """A handler that has these files, and remembers what it was asked."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = files
        self.asked: list[Dataset] = []
        self.associations: dict[int, object] = {}  # callers by identity, kept so that none is used again

    def __call__(self, keys: Dataset, operation: Operation) -> Sequence[Path]:
        self.asked.append(keys)
        self.associations[id(operation.caller)] = operation.caller
        return self.files


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three files."""
    return [dicom_file(tmp_path / f"{n}.dcm", f"1.2.{n}", CT if n < 3 else MR) for n in (1, 2, 3)]


def get(tool: Tool, handler: Callable[..., Any], *words: object, **options: Any) -> Ran:
    with SCP("PEER", [Retrieve(handler)], **options).running() as running:
        return tool("getscu", "-aec", "PEER", "127.0.0.1", running.port, *words)


def inbox() -> list[str]:
    return sorted(os.listdir())


def asked(tool: Tool, *words: object) -> pdu.AssociateRQ:
    with Scripted([pdu.AssociateRJ(1, 1, 1).encode()]) as peer:
        assert tool("getscu", "127.0.0.1", peer.port, *words).code == 61
    request = pdu.decode(peer.heard[0])
    assert isinstance(request, pdu.AssociateRQ)
    return request


def test_objects_come_as_they_are(tool: Tool, files: list[Path]) -> None:
    handler = Archive(files)
    ran = get(tool, handler, *KEYS)
    assert ran.code == 0, ran.err
    assert ran.out.startswith("3 objects retrieved from PEER@127.0.0.1:")
    assert ran.err == ""
    assert inbox() == ["CT.1.2.1", "CT.1.2.2", "MR.1.2.3"]
    for file, name in zip(files, inbox(), strict=True):
        meta = peek(name)
        assert (meta.transfer_syntax_uid, meta.source_ae_title) == (EXPLICIT, "PEER")
        assert Path(name).read_bytes()[meta.dataset_offset :] == file.read_bytes()[peek(file).dataset_offset :]
    assert [key.keyword for key in handler.asked[0]] == ["QueryRetrieveLevel", "StudyInstanceUID"]


def test_records(tool: Tool, files: list[Path]) -> None:
    ran = get(tool, Archive(files), "--json", *KEYS)
    assert [record["record"] for record in ran.records] == ["object"] * 3 + ["response", "summary"]
    for record in ran.records:
        assert list(record) == documented("getscu", record["record"])
    assert ran.records[0] == {
        "record": "object",
        "outcome": "stored",
        "status": "0x0000",
        "file": "CT.1.2.1",
        "bytes": 88,
        "sop_class_uid": CT,
        "sop_instance_uid": "1.2.1",
        "calling": "PEER",
        "peer": "127.0.0.1",
    }
    assert (ran.summary["completed"], ran.summary["stored"], ran.summary["exit_code"]) == (3, 3, 0)


def test_what_is_proposed(tool: Tool) -> None:
    request = asked(tool, *KEYS)
    first, *storage = request.presentation_contexts
    assert (first.abstract_syntax, first.transfer_syntaxes) == (STUDY_GET, UNCOMPRESSED)
    assert len(storage) == 127
    assert {context.transfer_syntaxes for context in storage} == {UNCOMPRESSED}
    classes = [context.abstract_syntax for context in storage]
    assert classes[:2] == [CT, MR]
    assert request.user_information.role_selections == tuple(RoleSelection(uid, False, True) for uid in classes)


@pytest.mark.parametrize(
    ("words", "uid"),
    [
        (["-P"], "1.2.840.10008.5.1.4.1.2.1.3"),
        ([], "1.2.840.10008.5.1.4.1.2.1.3"),
        (["-O"], "1.2.840.10008.5.1.4.1.2.3.3"),
    ],
)
def test_models(tool: Tool, words: list[str], uid: str) -> None:
    request = asked(tool, *words, "-xi", "-k", "PatientID=1", "--relational")
    assert request.presentation_contexts[0].abstract_syntax == uid
    assert request.presentation_contexts[0].transfer_syntaxes == (IMPLICIT,)
    (item,) = request.user_information.extended_negotiations
    assert (item.sop_class_uid, item.information) == (uid, b"\1")


def test_compressed_syntaxes_have_contexts_of_their_own(tool: Tool) -> None:
    contexts = asked(tool, "+xy", *KEYS).presentation_contexts[1:]
    assert len(contexts) == 126
    assert [(each.abstract_syntax, each.transfer_syntaxes) for each in contexts[:2]] == [
        (CT, (JPEG,)),
        (CT, UNCOMPRESSED),
    ]
    assert {each.transfer_syntaxes for each in asked(tool, "+xi", *KEYS).presentation_contexts[1:]} == {(IMPLICIT,)}


def test_every_storage_class_is_proposed_sometime() -> None:
    for preferred in (UNCOMPRESSED, (JPEG, *UNCOMPRESSED), (JPEG, DEFLATED, *UNCOMPRESSED)):
        found = proposals(preferred)
        assert {uid for each in found for uid, _ in each} == set(storage_classes())
        assert all(0 < len(each) <= 127 for each in found)
        if preferred != UNCOMPRESSED:
            assert all(len(each) % 2 == 0 for each in found[:3])
    alone = [context for each in proposals((JPEG, DEFLATED, RLE, *UNCOMPRESSED)) for context in each]
    assert ((CT, (RLE,)) in alone, (CT, (DEFLATED,)) in alone) == (True, False)
    assert TRACTOGRAPHY in storage_classes()[62:]


def test_a_second_association_for_rare_classes(tool: Tool, files: list[Path], tmp_path: Path) -> None:
    rare = storage_classes()[-1]
    handler = Archive([*files, dicom_file(tmp_path / "rare", "1.2.9", rare)])
    ran = get(tool, handler, "--json", *KEYS)
    assert ran.code == 0, ran.out
    assert len(handler.associations) == 2
    assert len(inbox()) == 4
    assert [record["record"] for record in ran.records] == ["object"] * 4 + ["response", "summary"]
    assert ran.records[-2]["status"] == "0x0000"
    assert (ran.records[-2]["completed"], ran.records[-2]["failed"]) == (4, 0)


def test_what_is_not_accepted_at_all(tool: Tool, files: list[Path], tmp_path: Path) -> None:
    ran = get(tool, Archive([*files, dicom_file(tmp_path / "jpeg", "1.2.9", syntax=JPEG)]), "--json", *KEYS)
    assert (ran.code, len(inbox())) == (68, 3)
    assert ran.records[-2]["status"] == "0xB000"
    assert (ran.records[-2]["completed"], ran.records[-2]["failed"]) == (3, 1)
    assert ran.records[-2]["failed_sop_instances"] == ["1.2.9"]
    ran = get(tool, Archive([tmp_path / "jpeg"]), *KEYS)
    assert ran.code == 69
    assert "0xA702 (failure: " in ran.err


def test_all_that_is_stored_however_compressed(tool: Tool, files: list[Path], tmp_path: Path) -> None:
    syntaxes = (JPEG, "1.2.840.10008.1.2.4.90", RLE, EXPLICIT)
    compressed = [dicom_file(tmp_path / f"c{n}", f"1.3.{n}", syntax=syntax) for n, syntax in enumerate(syntaxes)]
    ran = get(tool, Archive(compressed), "+xa", *KEYS)
    assert ran.code == 0, ran.err
    assert [peek(name).transfer_syntax_uid for name in inbox()] == list(syntaxes)


def test_a_peer_that_sends_everything_again_is_not_asked_for_ever(
    tool: Tool, files: list[Path], tmp_path: Path
) -> None:
    handler = Archive([*files, dicom_file(tmp_path / "video", "1.2.9", syntax="1.2.840.10008.1.2.4.64")])
    ran = get(tool, handler, "--json", "+xa", *KEYS)
    assert (ran.code, ran.summary["completed"], ran.summary["failed"], len(inbox())) == (68, 3, 1, 3)
    deflating = Archive([*files, dicom_file(tmp_path / "deflated", "1.2.8", syntax=DEFLATED)])
    assert get(tool, deflating, "+xy", *KEYS).code == 0


def test_what_comes_again_is_not_stored_again(tool: Tool, files: list[Path], tmp_path: Path) -> None:
    """A peer that changes what it sends to fit what is proposed sends everything on each association."""
    never = dicom_file(tmp_path / "never", "1.2.9", syntax="1.2.840.10008.1.2.4.64")
    again = dicom_file(tmp_path / "again", "1.2.1", storage_classes()[-1])
    asked: list[Dataset] = []

    def changing(keys: Dataset, _operation: Operation) -> Sequence[Path]:
        asked.append(keys)
        return [files[0] if len(asked) == 1 else again, never]

    ran = get(tool, changing, "--json", "+xa", *KEYS)
    assert (ran.code, inbox(), ran.summary["stored"]) == (68, ["CT.1.2.1"], 1)
    assert (ran.summary["completed"], ran.summary["failed"]) == (1, 1)
    assert 1 < len(asked) < len(proposals(ACCEPT_ALL))


def test_several_queries_on_one_association(tool: Tool, files: list[Path], tmp_path: Path) -> None:
    for n in (1, 2):
        (tmp_path / f"query{n}").write_text(f"QueryRetrieveLevel=STUDY\nStudyInstanceUID=1.{n}")
    (tmp_path / "bad").write_text("StudyInstanceUI=1")
    handler = Archive(files)
    ran = get(tool, handler, "-S", "--repeat", 2, *(tmp_path / name for name in ("query1", "bad", "query2")))
    assert [each.StudyInstanceUID for each in handler.asked] == ["1.1", "1.2"] * 2
    assert len(handler.associations) == 1
    assert ran.code == 22
    assert ran.out.startswith("12 objects retrieved")


def test_a_failure_of_the_peer(tool: Tool) -> None:
    def failing(_keys: Dataset, _operation: Operation) -> Iterator[Path]:
        raise RuntimeError("no")

    ran = get(tool, failing, "-v", *KEYS)
    assert ran.code == 69
    assert 'E: received final C-GET response request=1 status="0xC' in ran.err


def test_where_it_goes(tool: Tool, files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    assert get(tool, Archive(files), "-od", tmp_path / "there", "+B", "-B", *KEYS).code == 0
    assert len(list((tmp_path / "there").iterdir())) == 3
    assert get(tool, Archive(files), "--ignore", "-od", tmp_path / "none", *KEYS).code == 0
    assert inbox() == []
    ran = tool("getscu", "-od", tmp_path / "none", "127.0.0.1", free_port(), *KEYS)
    assert ran.code == 45


def test_an_object_that_cannot_be_stored(tool: Tool, files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from dulcet.services.storage.incoming import FileStore

    monkeypatch.setattr(FileStore, "has_room", lambda self: False)
    ran = get(tool, Archive(files), *KEYS)
    assert (ran.code, inbox()) == (43, [])
    assert ran.err.count('E: cannot write directory=. why="low on storage space"') >= 3


def test_verbose(tool: Tool, files: list[Path]) -> None:
    ran = get(tool, Archive(files), "-v", *KEYS)
    said = [line.split(" peer=")[0].split(" request=")[0] for line in ran.err.splitlines()]
    assert said[0] == "I: requesting association"
    assert said[2:] == [
        "I: sending C-GET request",
        *["I: object stored status=0x0000"] * 3,
        "I: received final C-GET response",
        "I: releasing association",
    ]
    assert "A^B" not in ran.err
    ran = get(tool, Archive(files), "-v", "+v", *KEYS)
    assert f"presentation context 1: {STUDY_GET} accepted" in ran.err


def test_nothing_asked(tool: Tool) -> None:
    assert tool("getscu", "127.0.0.1", free_port()).code == 2
    assert tool("getscu", "--model", "worklist", "-k", "PatientID", "127.0.0.1", free_port()).code == 2
    assert tool("getscu", "127.0.0.1", free_port(), "nowhere").code == 23


@pytest.mark.parametrize(
    ("answer", "words", "code"),
    [(USER_ABORT, [], 70), (PROVIDER_ABORT, [], 72), (CLOSE, [], 73), (HOLD, ["-td", "0.3"], 74)],
)
def test_the_association_ends_in_the_middle(tool: Tool, answer: bytes, words: list[str], code: int) -> None:
    with Scripted([ACCEPTED, answer]) as peer:
        ran = tool("getscu", *words, "127.0.0.1", peer.port, *KEYS)
    assert ran.code == code
    assert ran.err.startswith("E: ")


def test_no_context_and_nobody_there(tool: Tool) -> None:
    with SCP("PEER", [Retrieve(Archive([]), models=[STUDY_GET])]).running() as running:
        assert tool("getscu", "-P", "-k", "PatientID=1", "127.0.0.1", running.port).code == 65
    ran = tool("getscu", "--json", "127.0.0.1", free_port(), *KEYS)
    assert (ran.code, ran.summary["exit_code"]) == (60, 60)


def result(status: int, completed: int = 0, failed: int = 0) -> RetrieveResult:
    return RetrieveResult(Status(status), completed, failed)


@pytest.mark.parametrize(
    ("results", "came", "status", "completed", "failed"),
    [
        ([result(0xA702, 0, 2)], 0, 0xA702, 0, 2),
        ([result(0xB000, 2, 1), result(0xB000, 1, 2)], 3, 0x0000, 3, 0),
        ([result(0xB000, 2, 2), result(0xB000, 1, 3)], 3, 0xB000, 3, 1),
        ([result(0xB000, 2, 1), result(0xA702, 0, 3)], 2, 0xB000, 2, 1),
        ([result(0xA702, 0, 3), result(0xA702, 0, 3)], 0, 0xA702, 0, 3),
        ([result(0xB000, 2, 1), result(0xFE00, 0, 0)], 2, 0xFE00, 2, 1),
        ([result(0xB000, 2, 1), result(0x0000, 3, 0)], 3, 0x0000, 3, 0),
    ],
)
def test_one_result_of_several(
    results: list[RetrieveResult], came: int, status: int, completed: int, failed: int
) -> None:
    one = combined(results, set(map(str, range(came))))
    assert (one.status, one.completed, one.failed) == (status, completed, failed)


def test_what_came_before_a_later_association_failed_is_told(tool: Tool, files: list[Path], tmp_path: Path) -> None:
    associations: list[object] = []

    def once(request: pdu.AssociateRQ) -> Reject | None:
        associations.append(request)
        return Reject(1, 1, 1, "once is enough") if len(associations) > 1 else None

    handler = Archive([*files, dicom_file(tmp_path / "rare", "1.2.9", storage_classes()[-1])])
    ran = get(tool, handler, "--json", *KEYS, refuse=once)
    assert (ran.code, len(associations)) == (61, 2)
    assert (ran.records[-2]["record"], ran.records[-2]["status"]) == ("response", "0xB000")
    assert (ran.summary["completed"], ran.summary["failed"]) == (3, 1)


def test_an_identifier_that_cannot_be_encoded(tool: Tool, files: list[Path]) -> None:
    ran = get(tool, Archive(files), *KEYS, "-k", "SpecificCharacterSet=ISO_IR 100", "-k", "PatientName=神")
    assert (ran.code, ran.out.split(" ")[0]) == (22, "0")


def test_the_bar() -> None:
    terminal = Terminal()
    with RetrievalBar(stream=terminal) as bar:
        bar.show(Progress(3, 1, 0, 0))
        bar.count(1_000_000)
        bar.show(Progress(0, 2, 1, 1))
        bar.show(Progress())
    said = terminal.getvalue()
    assert "1 object received, 1.0 MB" in said
    assert ", 1 failed, 1 with a warning" in said
    assert "4/4" in said
    for silent in (RetrievalBar(wanted=False, stream=Terminal()), RetrievalBar(stream=io.StringIO())):
        with silent as bar:
            bar.show(Progress(1, 0))
            bar.count(5)
        assert bar._stream.getvalue() == ""


def test_a_success_with_failures_is_none(tool: Tool) -> None:
    """A final status of success that counts failures is worth a warning."""

    class Boasting(Retrieve):
        def perform(self, operation: Operation) -> Any:
            return operation.request.response(0x0000, number_of_failed_suboperations=2)

    with SCP("PEER", [Boasting(Archive([]))]).running() as running:
        ran = tool("getscu", "127.0.0.1", running.port, *KEYS)
    assert ran.code == 68
    assert ", 2 failed: " in ran.out
