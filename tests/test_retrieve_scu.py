"""C-MOVE and C-GET as SCU, blocking and on an event loop: what is asked, told, received, merged and cancelled."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from data_sets import CT, EXPLICIT, MR, data_set
from dulcet.dimse import messages
from dulcet.dul.pdu import PDataTF
from dulcet.services.identifiers import encode
from dulcet.services.query.keys import keys
from dulcet.services.query.receiving import COMMON_STORAGE, ENCAPSULATED, ReceivedObject, storage_proposals
from dulcet.services.query.retrieve import Retrieve
from dulcet.services.query.retrieve_scu import RetrieveResult, classes_of, retrieve_identifier
from dulcet.services.scp import RunningSCP
from dulcet.services.storage.part10 import file_meta
from pydicom.dataset import Dataset
from pydicom.uid import UID_dictionary
from test_scp import Recorder
from wire_peers import Wire, accepting, answering, message

from dulcet import (
    SCP,
    SCU,
    AssociationAborted,
    Entity,
    FileStore,
    LocalProtocolError,
    NoAcceptedContext,
    Progress,
    Service,
    Storage,
    Timeouts,
    Verification,
    aio,
)

MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
GET = "1.2.840.10008.5.1.4.1.2.2.3"
Serve = Callable[..., RunningSCP]
STUDY = keys(QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.3.9", PatientID="1", StudyDescription="x")


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(title: str, *services: Service, **options: Any) -> RunningSCP:
            options = {"timeouts": Timeouts(artim=2.0), "log": Recorder()} | options
            running = stack.enter_context(SCP(title, [*services, Verification()], **options).running())
            stack.callback(running.stop, 0.2)
            return running

        yield start


def files(folder: Path, count: int, sop_class: str = CT) -> list[Path]:
    paths = []
    for number in range(1, count + 1):
        uid = f"1.2.3.{number}" if sop_class == CT else f"1.2.4.{number}"
        paths.append(folder / f"{uid}.dcm")
        paths[-1].write_bytes(file_meta(sop_class, uid, EXPLICIT, "") + data_set(uid, sop_class, pixels=b"\1\2"))
    return paths


class Catcher:
    """An entity that objects are moved to."""

    def __init__(self, serve: Serve, folder: Path) -> None:
        self.store = FileStore(folder, mode="crash-safe")
        self.running = serve("CATCHER", Storage(self.store))

    def known(self, title: str) -> Entity | None:
        return self.running.entity if title == "CATCHER" else None


# Identifiers


def test_a_retrieval_names_level_and_unique_keys_only() -> None:
    made = retrieve_identifier(STUDY)
    assert [(element.keyword, element.value) for element in made] == [
        ("QueryRetrieveLevel", "STUDY"),
        ("StudyInstanceUID", "1.2.3.9"),
    ]
    assert "PatientID" in retrieve_identifier(STUDY, model="patient")
    assert retrieve_identifier(StudyInstanceUID=["1.2", "1.3"]).StudyInstanceUID == ["1.2", "1.3"]
    image = retrieve_identifier(STUDY, SeriesInstanceUID="1.2.5", SOPInstanceUID="1.2.6", level="IMAGE")
    assert (image.QueryRetrieveLevel, image.SOPInstanceUID) == ("IMAGE", "1.2.6")
    assert retrieve_identifier(PatientID="7").QueryRetrieveLevel == "PATIENT"
    with pytest.raises(LocalProtocolError, match="SeriesInstanceUID is missing"):
        retrieve_identifier(STUDY, "SERIES")
    with pytest.raises(LocalProtocolError, match="nothing to retrieve"):
        retrieve_identifier()


def test_what_classes_a_match_tells() -> None:
    assert classes_of(keys(SOPClassUID=CT)) == (CT,)
    assert classes_of(keys(SOPClassesInStudy=[CT, MR])) == (CT, MR)
    assert classes_of(STUDY) == ()


# Proposals


def test_the_usual_classes_fit_one_association() -> None:
    (proposal,) = storage_proposals()
    assert len(proposal.contexts) + 1 <= 128
    assert all(UID_dictionary[uid][1] == "SOP Class" and "Storage" in UID_dictionary[uid][4] for uid in COMMON_STORAGE)
    assert not any(UID_dictionary[uid][3] for uid in COMMON_STORAGE)  # none is retired
    assert len(set(COMMON_STORAGE)) == len(COMMON_STORAGE)
    assert all(role.scp and not role.scu for role in proposal.roles)
    assert {role.sop_class_uid for role in proposal.roles} == set(COMMON_STORAGE)
    assert "1.2.840.10008.1.2.4.50" in ENCAPSULATED


def test_many_classes_take_several() -> None:
    classes = [f"1.2.3.{number}" for number in range(150)]
    proposals = storage_proposals(classes)
    assert [len(each.contexts) for each in proposals] == [126, 126, 48]
    assert [role.sop_class_uid for each in proposals for role in each.roles] == classes


# C-MOVE


def test_move(serve: Serve, tmp_path: Path) -> None:
    catcher = Catcher(serve, tmp_path / "caught")
    sources = files(tmp_path, 3)
    archive = serve("ARCHIVE", Retrieve(lambda wanted, operation: sources, catcher.known))
    steps: list[Progress] = []
    result = SCU("CALLER").move(archive.entity, STUDY, "CATCHER", progress=steps.append)
    assert (result.status, result.completed, result.failed, result.ok) == (0x0000, 3, 0, True)
    assert (result.message_id, result.destination) == (1, "CATCHER")
    assert len(list((tmp_path / "caught").iterdir())) == 3
    assert steps
    assert steps[-1].completed is not None
    assert str(result) == "3 completed, 0 failed, 0 with a warning (0x0000 (success: Success))"


def test_move_on_an_event_loop(serve: Serve, tmp_path: Path) -> None:
    catcher = Catcher(serve, tmp_path / "caught")
    archive = serve("ARCHIVE", Retrieve(lambda wanted, operation: files(tmp_path, 2), catcher.known))
    result = asyncio.run(aio.SCU("CALLER").move(archive.entity, STUDY, "CATCHER"))
    assert (result.status, result.completed) == (0x0000, 2)


def test_a_destination_nobody_knows(serve: Serve, tmp_path: Path) -> None:
    archive = serve("ARCHIVE", Retrieve(lambda wanted, operation: files(tmp_path, 1), lambda title: None))
    result = SCU("CALLER").move(archive.entity, STUDY, "NOWHERE")
    assert result.status == 0xA801
    assert not result.ok
    assert str(result).startswith("the archive does not know destination NOWHERE")


def test_move_needs_a_context(serve: Serve) -> None:
    running = serve("ARCHIVE")
    with pytest.raises(NoAcceptedContext):
        SCU("CALLER").move(running.entity, STUDY, "CATCHER")


# C-MOVE, a scripted archive


def responding(*responses: bytes) -> Callable[[Wire], None]:
    """Accepts, takes the C-MOVE-RQ, answers."""

    def script(wire: Wire) -> None:
        accepting(wire)
        while not (isinstance(pdu := wire.receive(), PDataTF) and pdu.pdvs[-1].control == 2):
            assert pdu is not None
        wire.send(*responses)
        while wire.receive() is not None:
            continue

    return script


def response(status: int, data: Dataset | None = None, **numbers: Any) -> bytes:
    command = messages.C_MOVE_RSP(
        message_id_being_responded_to=1,
        status=status,
        error_comment=numbers.pop("error_comment", None),
        **{f"number_of_{name}_suboperations": number for name, number in numbers.items()},
    )
    return message(1, command, None if data is None else encode(data, EXPLICIT))


def moved(*responses: bytes, progress: Any = None) -> RetrieveResult:
    with answering(responding(*responses)) as peer:
        association = SCU("CALLER", timeouts=Timeouts(artim=0.2, idle=None)).associate(peer, [(MOVE, (EXPLICIT,))])
        result = association.move(retrieve_identifier(STUDY), "CATCHER", progress=progress)
        association.abort()
        association.close()
    return result


def test_failed_instances_and_comment() -> None:
    failed = keys(FailedSOPInstanceUIDList=["1.2.3", "1.2.4"])
    result = moved(response(0xB000, failed, completed=1, failed=2, warning=1, error_comment="two are gone"))
    assert (result.completed, result.failed, result.warning, result.remaining) == (1, 2, 1, 0)
    assert result.failed_sop_instances == ("1.2.3", "1.2.4")
    assert "two are gone" in str(result)
    assert not result.ok
    one = moved(response(0xB000, keys(FailedSOPInstanceUIDList="1.2.3"), failed=1))
    assert one.failed_sop_instances == ("1.2.3",)


def test_numbers_a_final_response_does_not_have_are_those_before() -> None:
    seen: list[Progress] = []
    result = moved(
        response(0xFF00, remaining=2, completed=1, failed=0, warning=0),
        response(0xFF00, remaining=1, completed=2),
        response(0xA702),
        progress=seen.append,
    )
    assert seen == [Progress(2, 1, 0, 0), Progress(1, 2, None, None)]
    assert (result.status, result.completed, result.remaining) == (0xA702, 2, 1)
    assert moved(response(0xFF00, remaining=1, completed=1), response(0x0000)).remaining == 0


def test_a_list_that_cannot_be_read_is_no_list() -> None:
    command = messages.C_MOVE_RSP(message_id_being_responded_to=1, status=0xB000)
    assert moved(message(1, command, b"\xff" * 10)).failed_sop_instances == ()


def test_progress_cancels_once() -> None:
    heard: list[str] = []

    def script(wire: Wire) -> None:
        accepting(wire)
        while not (isinstance(pdu := wire.receive(), PDataTF) and pdu.pdvs[-1].control == 2):
            assert pdu is not None
        wire.send(response(0xFF00, remaining=2), response(0xFF00, remaining=1))
        cancel = wire.receive()
        assert isinstance(cancel, PDataTF)
        heard.append(messages.decode(cancel.pdvs[0].data).name)
        wire.send(response(0xFE00, remaining=1, completed=1))
        while (pdu := wire.receive()) is not None:
            heard.append(type(pdu).__name__)

    with answering(script) as peer:
        association = SCU("CALLER").associate(peer, [(MOVE, (EXPLICIT,))])
        result = association.move(retrieve_identifier(STUDY), "CATCHER", progress=lambda step: False)
        association.abort()
        association.close()
    assert (result.status, result.completed, result.remaining) == (0xFE00, 1, 1)
    assert heard == ["C-CANCEL-RQ", "Abort"]


def test_the_association_ends_meanwhile() -> None:
    def script(wire: Wire) -> None:
        accepting(wire)
        wire.receive()
        wire.reset()

    with answering(script) as peer, pytest.raises(AssociationAborted):
        SCU("CALLER").move(peer, STUDY, "CATCHER")


# C-GET


def archive_of(serve: Serve, sources: list[Path]) -> Entity:
    return serve("ARCHIVE", Retrieve(lambda wanted, operation: sources, {})).entity


def test_get_into_a_directory(serve: Serve, tmp_path: Path) -> None:
    sources = files(tmp_path, 3)
    archive = archive_of(serve, sources)
    outcomes: list[Any] = []
    result = SCU("CALLER").get(archive, STUDY, tmp_path / "got", on_stored=outcomes.append)
    assert (result.status, result.completed, result.failed) == (0x0000, 3, 0)
    assert sorted(outcome.sop_instance_uid for outcome in outcomes) == ["1.2.3.1", "1.2.3.2", "1.2.3.3"]
    got = sorted((tmp_path / "got").iterdir())
    assert len(got) == 3
    assert b"ARCHIVE" in got[0].read_bytes()[:400]  # whom it came from, in File Meta Information


def test_get_into_a_function(serve: Serve, tmp_path: Path) -> None:
    archive = archive_of(serve, files(tmp_path, 2))
    got: list[ReceivedObject] = []
    result = SCU("CALLER").get(archive, STUDY, got.append)
    assert (result.status, result.completed) == (0x0000, 2)
    assert {each.sop_class_uid for each in got} == {CT}
    first = next(each for each in got if each.sop_instance_uid == "1.2.3.1")
    assert sha256(first.data).digest() == sha256(data_set("1.2.3.1", CT, pixels=b"\1\2")).digest()
    assert "\\x" not in repr(first)


def test_get_on_an_event_loop(serve: Serve, tmp_path: Path) -> None:
    archive = archive_of(serve, files(tmp_path, 3))

    async def get() -> RetrieveResult:
        with FileStore(tmp_path / "got") as store:
            return await aio.SCU("CALLER").get(archive, STUDY, store)

    result = asyncio.run(get())
    assert (result.status, result.completed) == (0x0000, 3)
    assert len(list((tmp_path / "got").iterdir())) == 3


def test_the_association_goes_on_after_it(serve: Serve, tmp_path: Path) -> None:
    archive = archive_of(serve, files(tmp_path, 1))
    (proposal,) = storage_proposals([CT])
    contexts = [GET, Verification, *proposal.contexts]
    with SCU("CALLER").associate(archive, contexts, roles=proposal.roles) as association:
        for number in (1, 2):
            result = association.get(retrieve_identifier(STUDY), lambda one: None)
            assert (result.message_id, result.completed) == (number, 1)
        assert association.echo() == 0


def test_what_we_refuse_is_counted_as_failed(serve: Serve, tmp_path: Path) -> None:
    archive = archive_of(serve, files(tmp_path, 2))
    result = SCU("CALLER").get(archive, STUDY, lambda one: 0xA700 if one.sop_instance_uid == "1.2.3.1" else None)
    assert (result.status, result.completed, result.failed) == (0xB000, 1, 1)
    assert result.failed_sop_instances == ("1.2.3.1",)


def test_a_function_that_raises_fails_its_object_only(serve: Serve, tmp_path: Path) -> None:
    def take(one: ReceivedObject) -> int | None:
        if one.sop_instance_uid == "1.2.3.2":
            raise RuntimeError("of a user")
        return None

    result = SCU("CALLER").get(archive_of(serve, files(tmp_path, 3)), STUDY, take)
    assert (result.completed, result.failed) == (2, 1)


def test_cancel_a_get(serve: Serve, tmp_path: Path) -> None:
    archive = archive_of(serve, files(tmp_path, 50))
    got: list[str] = []
    result = SCU("CALLER").get(
        archive, STUDY, lambda one: got.append(one.sop_instance_uid), progress=lambda step: False
    )
    assert (result.status, result.completed, result.remaining) == (0xFE00, len(got), 50 - len(got))
    assert len(got) < 50


def test_classes_over_several_associations(serve: Serve, tmp_path: Path) -> None:
    """CT is proposed on the first association, MR on the third; each object comes on one of them."""
    others = [uid for uid in COMMON_STORAGE if uid not in (CT, MR)]
    made_up = [f"1.2.3.4.{number}" for number in range(130 - len(others) + 2)]
    archive = archive_of(serve, [*files(tmp_path, 2), *files(tmp_path, 1, MR)])
    got: set[str] = set()
    result = SCU("CALLER").get(
        archive, STUDY, lambda one: got.add(one.sop_instance_uid), sop_classes=[CT, *others, *made_up, MR]
    )
    assert got == {"1.2.3.1", "1.2.3.2", "1.2.4.1"}
    assert (result.status, result.completed, result.failed, result.failed_sop_instances) == (0x0000, 3, 0, ())
