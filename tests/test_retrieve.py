"""C-MOVE and C-GET as SCP: who is asked, what goes where, what is told of it, and how it ends when someone stops it."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pydicom
import pytest
from data_sets import BIG_ENDIAN, CT, EXPLICIT, IMPLICIT, JPEG, MR, data_set
from dulcet.acse.agreement import AcceptedContext
from dulcet.acse.events import Aborted, Established
from dulcet.acse.policy import SupportedContext
from dulcet.dimse import messages
from dulcet.dimse.events import CancelRequested, Response
from dulcet.dul.errors import LocalProtocolError
from dulcet.dul.items import AsynchronousOperationsWindow, ProposedContext, RoleSelection, UserInformation
from dulcet.dul.pdu import Abort, AssociateAC, AssociateRJ, AssociateRQ, PDataTF, ReleaseRP, ReleaseRQ
from dulcet.services.identifiers import decode, encode
from dulcet.services.query import sub_associations, sub_operations
from dulcet.services.query.models import QueryExtension
from dulcet.services.query.retrieve import Retrieve
from dulcet.services.query.sub_operations import Tally
from dulcet.services.scp import RunningSCP
from dulcet.services.scu import Settings
from dulcet.services.steps import failure
from dulcet.services.storage.outgoing import OutgoingFile
from dulcet.services.storage.part10 import file_meta
from pydicom.dataset import Dataset
from test_scp import Recorder
from wire_peers import SECONDS, Caller, Wire, accepting, answering, message, store_request, until

from dulcet import SCP, SCU, AssociationAborted, Entity, FileStore, Operation, Service, Storage, Timeouts

MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
GET = "1.2.840.10008.5.1.4.1.2.2.3"
RLE = "1.2.840.10008.1.2.5"
PATIENT_GET = "1.2.840.10008.5.1.4.1.2.1.3"
VIEWER = "VIEWER"

Serve = Callable[..., RunningSCP]


@pytest.fixture
def log() -> Recorder:
    return Recorder()


@pytest.fixture
def serve(log: Recorder) -> Iterator[Serve]:
    """Starts SCPs that have ended when the test has."""
    with ExitStack() as stack:

        def start(title: str, *services: Service, **options: Any) -> RunningSCP:
            options = {"timeouts": Timeouts(artim=2.0)} | options
            running = stack.enter_context(SCP(title, services, log=log, **options).running())
            stack.callback(running.stop, 0.2)
            return running

        yield start


def file(folder: Path, number: int, sop_class: str = CT, syntax: str = EXPLICIT, pixels: bytes = b"\1\2") -> Path:
    """An instance, 1.2.3.number."""
    path = folder / f"{number:04}.dcm"
    uid = f"1.2.3.{number}"
    encoded = data_set(uid, sop_class, pixels=pixels, syntax=syntax)
    path.write_bytes(file_meta(sop_class, uid, syntax, "") + encoded)
    return path


def files(folder: Path, count: int, **how: Any) -> list[Path]:
    return [file(folder, number, **how) for number in range(1, count + 1)]


class Destination(Storage):
    """Receives, remembers the requests, and answers what it is told to."""

    def __init__(self, folder: Path, statuses: dict[str, int] | None = None, **options: Any) -> None:
        super().__init__(FileStore(folder, mode="crash-safe"), **options)
        self.requests: list[Any] = []
        self.syntaxes: set[str] = set()
        self.callers: list[Any] = []
        self._statuses = statuses or {}

    def perform(self, operation: Operation) -> Any:
        self.requests.append(operation.request)
        self.callers.append(operation.caller)
        self.syntaxes.add(operation.context.transfer_syntax)
        status = self._statuses.get(operation.request.sop_instance_uid or "")
        if status is None:
            return super().perform(operation)
        assert hasattr(operation.sink, "discard")
        operation.sink.discard()
        return operation.request.response(status, error_comment="told to")

    @property
    def uids(self) -> list[str]:
        return sorted((request.sop_instance_uid for request in self.requests), key=lambda uid: int(uid.split(".")[-1]))


class Answered:
    """All responses to a C-MOVE or C-GET."""

    def __init__(self, responses: Sequence[Response]) -> None:
        *self.pending, self.final = (response.message for response in responses)
        self.status = self.final.status
        sink: Any = responses[-1].sink
        syntax = responses[-1].context.transfer_syntax
        self.identifier = None if sink is None else decode(sink.getvalue(), syntax)
        assert all(response.sink is None for response in responses[:-1])

    @property
    def counts(self) -> tuple[int | None, ...]:
        """Completed, failed, warning."""
        return told(self.final)[1:]

    @property
    def failed(self) -> list[str]:
        """The SOP instances in the identifier."""
        assert self.identifier is not None
        value = self.identifier.FailedSOPInstanceUIDList
        return [value] if isinstance(value, str) else list(value)


def told(response: Any) -> tuple[int | None, ...]:
    """Remaining, completed, failed, warning."""
    return (
        response.number_of_remaining_suboperations,
        response.number_of_completed_suboperations,
        response.number_of_failed_suboperations,
        response.number_of_warning_suboperations,
    )


def study(syntax: str = IMPLICIT) -> bytes:
    """An identifier."""
    keys = Dataset()
    keys.QueryRetrieveLevel, keys.StudyInstanceUID = "STUDY", "1.2.3.9"
    return encode(keys, syntax)


def move_request(message_id: int, model: str = MOVE, destination: str = VIEWER) -> Any:
    """A C-MOVE-RQ."""
    return messages.C_MOVE_RQ(
        message_id=message_id, affected_sop_class_uid=model, priority=0, move_destination=destination
    )


def get_request(message_id: int, model: str = GET) -> Any:
    """A C-GET-RQ."""
    return messages.C_GET_RQ(message_id=message_id, affected_sop_class_uid=model, priority=0)


class Receiving(Service):
    """Takes what a C-GET brings."""

    def __init__(self, on_store: "OnStore") -> None:
        self._on_store = on_store

    def supports(self, abstract_syntax: str) -> SupportedContext:
        return SupportedContext(None)

    def perform(self, operation: Operation) -> Any:
        return operation.request.response(self._on_store(operation))


OnStore = Callable[[Operation], int]
OnPending = Callable[[Any], object]


def conversation(
    exchange: Any,
    context: AcceptedContext,
    request: messages.Request,
    identifier: bytes,
    on_pending: OnPending,
) -> Any:
    """Steps: ask, and take the responses to the last."""
    exchange.request(context.id, request, identifier, time.monotonic())
    responses = []
    while True:
        inbox, _ = yield
        while inbox:
            event = inbox.popleft()
            if isinstance(event, Response):
                responses.append(event)
                if event.final:
                    return Answered(responses)
                on_pending(exchange)
        failure(exchange.ending)


def move(
    running: RunningSCP,
    destination: str = VIEWER,
    *,
    on_pending: OnPending = lambda exchange: None,
    identifier: bytes | None = None,
) -> Answered:
    """C-MOVE of a study."""
    with SCU("WORKSTATION").associate(running.entity, [(MOVE, (IMPLICIT,))]) as live:
        request = move_request(77, destination=destination)
        context = live.agreement.contexts[1]
        steps = conversation(live.exchange, context, request, identifier or study(), on_pending)
        answered: Answered = live.run(steps)
        return answered


def get(
    running: RunningSCP,
    storage: Sequence[tuple[str, tuple[str, ...]]] = ((CT, (EXPLICIT,)),),
    *,
    roles: Sequence[RoleSelection] | None = None,
    on_store: OnStore = lambda operation: 0,
    on_pending: OnPending = lambda exchange: None,
    model: str = GET,
) -> Answered:
    """C-GET of a study."""
    if roles is None:
        roles = [RoleSelection(uid, False, True) for uid in dict(storage)]
    contexts, services = [(model, (IMPLICIT,)), *storage], [Receiving(on_store)]
    with SCU("WORKSTATION").associate(running.entity, contexts, roles=roles, services=services) as live:
        request, context = get_request(1, model), live.agreement.contexts[1]
        answered: Answered = live.run(conversation(live.exchange, context, request, study(), on_pending))
        return answered


def archive(serve: Serve, handler: Any, destinations: Any = None, **options: Any) -> RunningSCP:
    return serve("ARCHIVE", Retrieve(handler, destinations, **options))


# C-MOVE


def test_a_move_stores_everything_and_says_for_whom(serve: Serve, tmp_path: Path, log: Recorder) -> None:
    viewer = serve(VIEWER, destination := Destination(tmp_path / "in"))
    asked: list[Any] = []

    def find(keys: Dataset, operation: Operation) -> Iterator[Path]:
        asked.append(
            (keys.QueryRetrieveLevel, keys.StudyInstanceUID, operation.request.name, threading.current_thread())
        )
        yield from files(tmp_path, 3)

    answered = move(archive(serve, find, {VIEWER: viewer.entity}, log=log))
    assert answered.status == 0x0000
    assert (answered.counts, answered.identifier) == ((3, 0, 0), None)
    assert answered.final.number_of_remaining_suboperations is None
    assert 1 <= len(answered.pending) <= 3
    assert told(answered.pending[0]) == (3, 0, 0, 0)
    assert destination.uids == ["1.2.3.1", "1.2.3.2", "1.2.3.3"]
    for request in destination.requests:
        assert request.move_originator_application_entity_title == "WORKSTATION"
        assert request.move_originator_message_id == 77
    caller = destination.callers[0].agreement
    assert (caller.calling_ae_title, caller.called_ae_title) == ("ARCHIVE", VIEWER)
    ((level, uid, name, thread),) = asked
    assert (level, uid, name) == ("STUDY", "1.2.3.9", "C-MOVE-RQ")
    assert thread.name.startswith("dulcet service")
    assert ("retrieved", 3) in [(event, fields.get("completed")) for _, event, fields in log.lines]


async def generator(_keys: Dataset, operation: Operation) -> AsyncIterator[str]:
    folder = Path(operation.caller.ae_title)
    for path in sorted(folder.glob("*.dcm")):
        yield str(path)
        await asyncio.sleep(0)  # one turn of the loop


async def coroutine(_keys: Dataset, operation: Operation) -> list[OutgoingFile]:
    return [OutgoingFile(path) for path in sorted(Path(operation.caller.ae_title).glob("*.dcm"))]


class AsyncCallable:
    async def __call__(self, keys: Dataset, operation: Operation) -> list[OutgoingFile]:
        return await coroutine(keys, operation)


@pytest.mark.parametrize("handler", [generator, coroutine, AsyncCallable()])
def test_async_handlers(serve: Serve, tmp_path: Path, handler: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    viewer = serve(VIEWER, destination := Destination(tmp_path / "in"))
    (folder := tmp_path / "ARCHIVE").mkdir()
    files(folder, 2)
    monkeypatch.chdir(tmp_path)
    assert move(archive(serve, handler, {VIEWER: viewer.entity})).counts == (2, 0, 0)
    assert destination.uids == ["1.2.3.1", "1.2.3.2"]


def test_nothing_found_is_success(serve: Serve) -> None:
    answered = move(archive(serve, lambda keys, operation: [], {VIEWER: Entity.local(VIEWER, 1)}))
    assert (answered.status, answered.counts, answered.pending) == (0x0000, (0, 0, 0), [])


def test_an_unknown_destination(serve: Serve, tmp_path: Path) -> None:
    asked: list[str] = []
    running = archive(serve, asked.append, {VIEWER: Entity.local(VIEWER, 1)})
    answered = move(running, "NOBODY")
    assert (answered.status, answered.pending) == (0xA801, [])
    assert answered.final.error_comment == "Move Destination NOBODY is not known"
    assert move(running, "ARCHIVE").status == 0xA801  # nor do we know ourselves, unless told so
    assert asked == []


def test_destinations_that_are_looked_up(serve: Serve, tmp_path: Path) -> None:
    viewer = serve(VIEWER, destination := Destination(tmp_path / "in"))

    def look_up(title: str) -> Entity | None:
        assert threading.current_thread().name.startswith("dulcet service")
        return viewer.entity if title == VIEWER else None

    running = archive(serve, lambda keys, operation: files(tmp_path, 1), look_up)
    assert move(running).status == 0x0000
    assert move(running, "NOBODY").status == 0xA801
    assert destination.uids == ["1.2.3.1"]


def test_a_move_to_ourselves_ends(serve: Serve, tmp_path: Path) -> None:
    table: dict[str, Entity] = {}
    destination = Destination(tmp_path / "in")
    running = serve("ARCHIVE", Retrieve(lambda keys, operation: files(tmp_path, 2), table), destination)
    table["ARCHIVE"] = running.entity
    assert move(running, "ARCHIVE").counts == (2, 0, 0)
    assert destination.uids == ["1.2.3.1", "1.2.3.2"]


def test_a_destination_that_is_down(serve: Serve, tmp_path: Path, log: Recorder) -> None:
    running = archive(serve, lambda keys, operation: files(tmp_path, 3), {VIEWER: Entity.local(VIEWER, 1)}, log=log)
    answered = move(running)
    assert (answered.status, answered.counts) == (0xA702, (0, 3, 0))
    assert answered.failed == ["1.2.3.1", "1.2.3.2", "1.2.3.3"]
    assert answered.final.error_comment == "VIEWER cannot be reached"
    assert "sub-association failed" in log.events()


def test_a_destination_that_rejects_us(serve: Serve, tmp_path: Path) -> None:
    def reject(wire: Wire) -> None:
        wire.receive()
        wire.send(AssociateRJ(1, 1, 7))

    with answering(reject) as entity:
        answered = move(archive(serve, lambda keys, operation: files(tmp_path, 2), {VIEWER: entity}))
    assert (answered.status, answered.counts) == (0xA702, (0, 2, 0))
    assert answered.final.error_comment == "SCRIPTED rejects us: called-AE-title-not-recognized"


def test_a_destination_that_takes_only_some(serve: Serve, tmp_path: Path) -> None:
    only = {MR: Storage(tmp_path).supports(MR)}
    viewer = serve(VIEWER, destination := Destination(tmp_path / "in", contexts=only))
    given = [file(tmp_path, 1), file(tmp_path, 2, MR), file(tmp_path, 3)]
    answered = move(archive(serve, lambda keys, operation: given, {VIEWER: viewer.entity}))
    assert (answered.status, answered.counts, answered.failed) == (0xB000, (1, 2, 0), ["1.2.3.1", "1.2.3.3"])
    assert destination.uids == ["1.2.3.2"]


def test_statuses_of_the_destination_are_counted(serve: Serve, tmp_path: Path) -> None:
    statuses = {"1.2.3.1": 0xA700, "1.2.3.2": 0xB000, "1.2.3.4": 0xC123}
    viewer = serve(VIEWER, Destination(tmp_path / "in", statuses))
    running = archive(serve, lambda keys, operation: files(tmp_path, 4), {VIEWER: viewer.entity})
    answered = move(running)
    assert (answered.status, answered.counts, answered.failed) == (0xB000, (1, 2, 1), ["1.2.3.1", "1.2.3.4"])
    assert answered.final.error_comment == "told to"


def test_warnings_alone_are_a_warning_without_a_list(serve: Serve, tmp_path: Path) -> None:
    viewer = serve(VIEWER, Destination(tmp_path / "in", {"1.2.3.1": 0xB007}))
    answered = move(archive(serve, lambda keys, operation: files(tmp_path, 2), {VIEWER: viewer.entity}))
    assert (answered.status, answered.counts, answered.identifier) == (0xB000, (1, 0, 1), None)


def test_files_that_cannot_be_sent_are_counted(serve: Serve, tmp_path: Path, log: Recorder) -> None:
    viewer = serve(VIEWER, destination := Destination(tmp_path / "in", transfer_syntaxes=(EXPLICIT,)))
    (nothing := tmp_path / "nothing.dcm").write_bytes(b"")
    unlawful = tmp_path / "unlawful.dcm"
    unlawful.write_bytes(file_meta(CT, "1.2.3.5", EXPLICIT, "") + data_set("1.02.x", CT))
    broken = tmp_path / "broken.dcm"
    broken.write_bytes(file_meta(CT, "1.2.3.6", BIG_ENDIAN, "") + data_set("1.2.3.6", CT, syntax=BIG_ENDIAN)[:-2])
    given = [tmp_path / "missing", nothing, unlawful, broken, file(tmp_path, 7), tmp_path]
    running = archive(serve, lambda keys, operation: given, {VIEWER: viewer.entity}, log=log)
    answered = move(running)
    assert (answered.status, answered.counts) == (0xB000, (1, 5, 0))
    assert answered.final.error_comment == "an object cannot be read"
    assert "1.2.3.7" in destination.uids
    assert log.events().count("object cannot be sent") == 4


def test_only_files_that_cannot_be_sent(serve: Serve, tmp_path: Path) -> None:
    running = archive(serve, lambda keys, operation: [tmp_path / "missing"], {VIEWER: Entity.local(VIEWER, 1)})
    answered = move(running)
    assert (answered.status, answered.counts, answered.identifier) == (0xA702, (0, 1, 0), None)


def test_transfer_syntaxes_follow_the_destination(serve: Serve, tmp_path: Path) -> None:
    viewer = serve(VIEWER, destination := Destination(tmp_path / "in", transfer_syntaxes=(IMPLICIT,)))
    given = [file(tmp_path, 1), file(tmp_path, 2, syntax=BIG_ENDIAN), file(tmp_path, 3, syntax=JPEG)]
    answered = move(archive(serve, lambda keys, operation: given, {VIEWER: viewer.entity}))
    assert (answered.status, answered.counts, answered.failed) == (0xB000, (2, 1, 0), ["1.2.3.3"])
    assert answered.final.error_comment == f"not accepted: {CT}"
    assert destination.syntaxes == {IMPLICIT}


def test_compressed_objects_are_decompressed_where_that_is_wanted(serve: Serve, tmp_path: Path) -> None:
    pytest.importorskip("numpy")
    rle = Path(pydicom.__file__).parent / "data" / "test_files" / "MR_small_RLE.dcm"
    viewer = serve(VIEWER, destination := Destination(tmp_path / "in", transfer_syntaxes=(IMPLICIT, EXPLICIT)))
    for decompress, counts in (((), (0, 1, 0)), ((RLE,), (1, 0, 0))):
        running = archive(serve, lambda keys, operation: [rle], {VIEWER: viewer.entity}, decompress=decompress)
        assert move(running).counts == counts
        assert get(running, [(MR, (IMPLICIT,))]).counts == counts
    assert destination.syntaxes == {EXPLICIT}


def test_more_contexts_than_one_association_has(serve: Serve, tmp_path: Path) -> None:
    viewer = serve(VIEWER, destination := Destination(tmp_path / "in", promiscuous=True))
    given = [file(tmp_path, number, f"1.2.826.0.1.{number}") for number in range(1, 66)]  # two contexts each
    answered = move(archive(serve, lambda keys, operation: given, {VIEWER: viewer.entity}))
    assert (answered.status, answered.counts) == (0x0000, (65, 0, 0))
    assert len({id(caller.agreement) for caller in destination.callers}) == 2


def test_hundreds_of_objects_over_several_associations(serve: Serve, tmp_path: Path) -> None:
    open_, most = 0, 0

    def heard(_address: Any, event: Any) -> None:
        nonlocal open_, most
        open_ += isinstance(event, Established)
        most = max(most, open_)

    viewer = serve(VIEWER, destination := Destination(tmp_path / "in"), on_event=heard)
    given = files(tmp_path, 300)
    answered = move(archive(serve, lambda keys, operation: given, {VIEWER: viewer.entity}, associations=4))
    assert (answered.status, answered.counts) == (0x0000, (300, 0, 0))
    assert destination.uids == [f"1.2.3.{number}" for number in range(1, 301)]
    assert most == 4
    assert len(answered.pending) < 100
    remaining = [told(response)[0] or 0 for response in answered.pending]
    assert remaining == sorted(set(remaining), reverse=True)
    assert all(sum(count or 0 for count in told(response)) == 300 for response in answered.pending)


class Gate(Destination):
    """Stores when it may."""

    blocking = True

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.blocking = True
        self.arrived, self.go_on = threading.Semaphore(0), threading.Event()

    def perform(self, operation: Operation) -> Any:
        self.arrived.release()
        assert self.go_on.wait(10)
        return super().perform(operation)


def test_cancel_stops_after_the_object_under_way(serve: Serve, tmp_path: Path) -> None:
    viewer = serve(VIEWER, destination := Gate(tmp_path / "in"))

    def cancel(exchange: Any) -> None:
        assert destination.arrived.acquire(timeout=10)
        exchange.cancel(77, time.monotonic())
        threading.Timer(0.3, destination.go_on.set).start()

    running = archive(serve, lambda keys, operation: files(tmp_path, 5), {VIEWER: viewer.entity})
    answered = move(running, on_pending=cancel)
    assert answered.status == 0xFE00
    assert told(answered.final) == (4, 1, 0, 0)
    assert len(answered.pending) == 1
    assert len(destination.requests) == 1


def test_cancel_while_the_handler_looks(serve: Serve, tmp_path: Path) -> None:
    looking, path = threading.Event(), file(tmp_path, 1)

    def endless(_keys: Dataset, operation: Operation) -> Iterator[Path]:
        yield path
        looking.set()
        until(lambda: operation.cancelled, "the cancel")
        yield path
        raise AssertionError("asked for more after a cancel")

    running = archive(serve, endless, {VIEWER: Entity.local(VIEWER, 1)})
    with Caller(running.port) as peer:
        assert isinstance(peer.associate(sop_class=MOVE), AssociateAC)
        peer.send(message(3, move_request(5), study(EXPLICIT)))
        assert looking.wait(10)
        peer.send(message(3, messages.C_CANCEL_RQ(message_id_being_responded_to=5)))
        assert peer.response().status == 0xFE00
        peer.release()


def test_cancel_while_an_async_handler_looks(serve: Serve, tmp_path: Path) -> None:
    looking, path, closed = threading.Event(), file(tmp_path, 1), threading.Event()

    async def endless(_keys: Dataset, operation: Operation) -> AsyncIterator[Path]:
        try:
            looking.set()
            while not operation.cancelled:
                await asyncio.sleep(0.005)  # before the next look
            yield path
            raise AssertionError("asked for more after a cancel")
        finally:
            closed.set()

    with Caller(archive(serve, endless, {VIEWER: Entity.local(VIEWER, 1)}).port) as peer:
        assert isinstance(peer.associate(sop_class=MOVE), AssociateAC)
        peer.send(message(3, move_request(5), study(EXPLICIT)))
        assert looking.wait(10)
        peer.send(message(3, messages.C_CANCEL_RQ(message_id_being_responded_to=5)))
        assert peer.response().status == 0xFE00
        assert closed.wait(10)


@pytest.mark.parametrize("rude", [True, False])
def test_a_requestor_that_leaves_ends_the_sub_operations(serve: Serve, tmp_path: Path, rude: bool) -> None:
    endings: list[Any] = []
    viewer = serve(
        VIEWER, destination := Gate(tmp_path / "in"), on_event=lambda address, event: endings.append(type(event))
    )
    running = archive(serve, lambda keys, operation: files(tmp_path, 5), {VIEWER: viewer.entity})
    with Caller(running.port) as peer:
        assert isinstance(peer.associate(sop_class=MOVE), AssociateAC)
        peer.send(message(3, move_request(5), study(EXPLICIT)))
        assert peer.response().status == 0xFF00
        assert destination.arrived.acquire(timeout=10)
        if rude:
            peer.reset()
        else:
            peer.send(Abort())
        until(lambda: Aborted in endings, "the sub-association to be aborted")
    destination.go_on.set()
    until(lambda: running.server.associations == 0, "the association to end")
    until(lambda: destination.requests, "the object under way")
    assert len(destination.requests) == 1


def test_an_scp_that_stops_ends_its_sub_operations(serve: Serve, tmp_path: Path) -> None:
    endings: list[Any] = []
    viewer = serve(
        VIEWER, destination := Gate(tmp_path / "in"), on_event=lambda address, event: endings.append(type(event))
    )
    running = archive(serve, lambda keys, operation: files(tmp_path, 5), {VIEWER: viewer.entity})
    with Caller(running.port) as peer:
        assert isinstance(peer.associate(sop_class=MOVE), AssociateAC)
        peer.send(message(3, move_request(5), study(EXPLICIT)))
        assert destination.arrived.acquire(timeout=10)
        began = time.monotonic()
        running.stop(0.1)
        assert time.monotonic() - began < SECONDS
        until(lambda: Aborted in endings, "the sub-association to be aborted")
    destination.go_on.set()


def test_a_destination_that_aborts_in_the_middle_is_called_again(serve: Serve, tmp_path: Path) -> None:
    def store_one_and_abort(wire: Wire) -> None:
        accepting(wire)
        for status in (0x0000, None):
            command = wire.receive()
            assert isinstance(command, PDataTF)
            request = messages.decode(command.pdvs[0].data)
            assert isinstance(request, messages.Request)
            wire.receive()
            if status is None:
                wire.send(Abort())
            else:
                wire.send(message(command.pdvs[0].context_id, request.response(status)))

    def abort(wire: Wire) -> None:
        accepting(wire)
        wire.receive()
        wire.send(Abort())

    with answering(store_one_and_abort, abort) as entity:
        answered = move(archive(serve, lambda keys, operation: files(tmp_path, 6), {VIEWER: entity}))
    assert (answered.status, answered.counts) == (0xB000, (1, 5, 0))
    assert answered.failed == [f"1.2.3.{number}" for number in range(2, 7)]
    assert "aborted by the peer" in str(answered.final.error_comment)


def test_a_slow_destination_gives_signs_of_life(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sub_operations, "SIGN_OF_LIFE_SECONDS", 0.01)
    viewer = serve(VIEWER, destination := Gate(tmp_path / "in"))
    seen: list[Any] = []

    def pending(exchange: Any) -> None:
        seen.append(exchange)
        if len(seen) == 3:
            destination.go_on.set()

    running = archive(serve, lambda keys, operation: files(tmp_path, 1), {VIEWER: viewer.entity})
    answered = move(running, on_pending=pending)
    assert (answered.status, answered.counts) == (0x0000, (1, 0, 0))
    assert len(answered.pending) >= 3
    assert {told(response) for response in answered.pending} == {(1, 0, 0, 0)}


def test_at_most_so_many_sub_associations_at_a_time(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sub_associations, "EACH", 1)
    monkeypatch.setattr(sub_associations, "ALL", 1)
    viewer = serve(VIEWER, destination := Gate(tmp_path / "in"))
    given = files(tmp_path, 2)
    running = archive(serve, lambda keys, operation: given, {VIEWER: viewer.entity})
    with ThreadPoolExecutor(2) as pool:
        moves = [pool.submit(move, running) for _ in range(2)]
        assert destination.arrived.acquire(timeout=10)
        until(lambda: running.server.associations == 2, "both to ask")
        assert not destination.arrived.acquire(timeout=0.1)
        assert viewer.server.associations == 1
        destination.go_on.set()
        assert [each.result().counts for each in moves] == [(2, 0, 0), (2, 0, 0)]
    assert len(destination.requests) == 4


def test_settings_of_the_sub_associations(serve: Serve, tmp_path: Path) -> None:
    viewer = serve(VIEWER, destination := Destination(tmp_path / "in"))
    settings = Settings(ae_title="IGNORED", maximum_length=4096)
    running = serve("ARCHIVE", Retrieve(lambda k, o: files(tmp_path, 1), {VIEWER: viewer.entity}, settings=settings))
    assert move(running).status == 0x0000
    agreement = destination.callers[0].agreement
    assert (agreement.calling_ae_title, agreement.maximum_send_length) == ("ARCHIVE", 4096)
    with pytest.raises(LocalProtocolError, match="5 associations to one destination"):
        Retrieve(lambda keys, operation: [], associations=5)


# What is asked


def raising(_keys: Dataset, _operation: Operation) -> list[Path]:
    raise ZeroDivisionError


async def raising_later(_keys: Dataset, _operation: Operation) -> AsyncIterator[Path]:
    raise ZeroDivisionError
    yield Path()


@pytest.mark.parametrize("handler", [raising, raising_later, lambda keys, operation: None])
def test_a_handler_that_fails(serve: Serve, log: Recorder, handler: Any) -> None:
    answered = move(archive(serve, handler, {VIEWER: Entity.local(VIEWER, 1)}))
    assert (answered.status, answered.pending) == (0xC000, [])
    assert "service failed" in log.events()


def test_an_identifier_that_is_none(serve: Serve) -> None:
    asked: list[Any] = []
    answered = move(archive(serve, asked.append, {VIEWER: Entity.local(VIEWER, 1)}), identifier=study()[:-2])
    assert answered.status == 0xC000
    assert "data set" in str(answered.final.error_comment)
    assert asked == []


def test_what_is_no_retrieval(serve: Serve) -> None:
    running = archive(serve, lambda keys, operation: [], {VIEWER: Entity.local(VIEWER, 1)})
    with Caller(running.port) as peer:
        assert isinstance(peer.associate(sop_class=MOVE), AssociateAC)
        peer.send(message(3, messages.C_FIND_RQ(message_id=1, affected_sop_class_uid=MOVE, priority=0), study()))
        assert peer.response().status == 0x0211
        peer.send(message(3, messages.C_GET_RQ(message_id=2, affected_sop_class_uid=MOVE, priority=0), study()))
        assert peer.response().status == 0x0211
        peer.send(message(3, move_request(3, GET), study()))
        assert peer.response().status == 0x0122
        peer.release()


def test_models(tmp_path: Path) -> None:
    both, moves = Retrieve(raising), Retrieve(raising, models=[MOVE])
    assert both.supports(MOVE) is not None
    assert both.supports(PATIENT_GET) is not None
    assert both.supports("1.2.840.10008.5.1.4.1.2.2.1") is None  # C-FIND
    assert moves.supports(GET) is None
    assert moves.supports(CT) is None  # nobody stores to us, and without C-GET we store to nobody here
    supported = both.supports(CT)
    assert supported is not None
    assert (supported.scu_role, supported.scp_role) == (False, True)
    unknown = Retrieve(raising, models=["1.2.3.4"])  # a private model may do either
    assert unknown.supports("1.2.3.4") is not None
    assert unknown.supports(CT) is not None
    assert Retrieve(raising, models=["composite"]).uids == {
        "1.2.840.10008.5.1.4.1.2.4.2",
        "1.2.840.10008.5.1.4.1.2.4.3",
    }
    with pytest.raises(LocalProtocolError, match="no model 'worklist' to retrieve from"):
        Retrieve(raising, models=["worklist"])


def test_extended_negotiation() -> None:
    service = Retrieve(raising, extension=QueryExtension(relational=True))
    assert service.negotiate(MOVE, b"\1\1") == b"\1"
    assert service.negotiate(GET, b"\0") == b"\0"
    assert service.negotiate(CT, b"\1") is None
    assert Retrieve(raising).negotiate(MOVE, b"\1") is None


def test_a_level_that_is_none(serve: Serve) -> None:
    keys = Dataset()
    keys.QueryRetrieveLevel = "PATIENT"  # not of the study root
    running = archive(serve, raising, {VIEWER: Entity.local(VIEWER, 1)})
    assert move(running, identifier=encode(keys, IMPLICIT)).status == 0xA900


@pytest.mark.parametrize(("wrong", "status"), [("PATIENT", 0xA900), (None, 0xC000)])
def test_an_identifier_is_refused_before_its_destination_is_looked_up(
    serve: Serve, wrong: str | None, status: int
) -> None:
    """Where both are wrong either could be told; a look-up may wait for people, and need not be made."""
    looked_up: list[str] = []
    keys = Dataset()
    keys.QueryRetrieveLevel = wrong
    running = archive(serve, raising, looked_up.append)
    sent = encode(keys, IMPLICIT) if wrong else b"\xff" * 20
    assert move(running, "NOBODY", identifier=sent).status == status
    assert looked_up == []


def test_with_our_own_scu(serve: Serve, tmp_path: Path) -> None:
    viewer = serve(VIEWER, destination := Destination(tmp_path / "in"))
    running = archive(serve, lambda keys, operation: files(tmp_path, 5), {VIEWER: viewer.entity})
    scu = SCU("WORKSTATION")
    moved = scu.move(running.entity, destination=VIEWER, StudyInstanceUID="1.2.3.9")
    assert (moved.status, moved.completed, destination.uids) == (0, 5, [f"1.2.3.{number}" for number in range(1, 6)])
    got = scu.get(running.entity, store=tmp_path / "got", sop_classes=[CT], StudyInstanceUID="1.2.3.9")
    assert (got.status, got.completed) == (0, 5)
    assert len(list((tmp_path / "got").iterdir())) == 5


# C-GET


def test_a_get_comes_back_over_the_same_association(serve: Serve, tmp_path: Path) -> None:
    stored: list[Any] = []

    def on_store(operation: Operation) -> int:
        stored.append((operation.request, operation.context.transfer_syntax))
        return 0

    answered = get(archive(serve, lambda keys, operation: files(tmp_path, 3)), on_store=on_store)
    assert (answered.status, answered.counts, answered.identifier) == (0x0000, (3, 0, 0), None)
    assert 1 <= len(answered.pending) <= 3
    assert told(answered.pending[0]) == (3, 0, 0, 0)
    assert [each.sop_instance_uid for each, _ in stored] == ["1.2.3.1", "1.2.3.2", "1.2.3.3"]
    assert all(each.move_originator_message_id is None for each, _ in stored)
    assert {syntax for _, syntax in stored} == {EXPLICIT}


def test_hundreds_of_objects(serve: Serve, tmp_path: Path) -> None:
    given = files(tmp_path, 300, pixels=bytes(20_000))
    answered = get(archive(serve, lambda keys, operation: given))
    assert (answered.status, answered.counts) == (0x0000, (300, 0, 0))
    assert len(answered.pending) < 100


@pytest.mark.parametrize("roles", [[], [RoleSelection(CT, True, False)]])
def test_a_get_without_the_role(serve: Serve, tmp_path: Path, roles: list[RoleSelection]) -> None:
    answered = get(archive(serve, lambda keys, operation: files(tmp_path, 2)), roles=roles)
    assert (answered.status, answered.counts, answered.failed) == (0xA702, (0, 2, 0), ["1.2.3.1", "1.2.3.2"])
    assert answered.final.error_comment == f"not accepted: {CT}"


def test_a_get_without_storage_contexts_for_all(serve: Serve, tmp_path: Path) -> None:
    given = [file(tmp_path, 1), file(tmp_path, 2, MR), file(tmp_path, 3, syntax=JPEG)]
    answered = get(archive(serve, lambda keys, operation: given))
    assert (answered.status, answered.counts, answered.failed) == (0xB000, (1, 2, 0), ["1.2.3.2", "1.2.3.3"])


def test_a_get_converts_what_is_not_compressed(serve: Serve, tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []

    def on_store(operation: Operation) -> int:
        sink: Any = operation.sink
        syntax = operation.context.transfer_syntax
        uid = decode(sink.getvalue(), IMPLICIT if syntax == IMPLICIT else EXPLICIT).SOPInstanceUID
        seen.append((uid, syntax))
        return 0

    given = [file(tmp_path, 1, syntax=BIG_ENDIAN), file(tmp_path, 2, syntax=IMPLICIT), file(tmp_path, 3, syntax=JPEG)]
    contexts = [(CT, (IMPLICIT,)), (CT, (JPEG,))]
    answered = get(archive(serve, lambda keys, operation: given), contexts, on_store=on_store, model=PATIENT_GET)
    assert (answered.status, answered.counts) == (0x0000, (3, 0, 0))
    assert seen == [("1.2.3.1", IMPLICIT), ("1.2.3.2", IMPLICIT), ("1.2.3.3", JPEG)]


def test_what_the_requestor_answers_is_counted(serve: Serve, tmp_path: Path) -> None:
    statuses = iter((0xA700, 0xB000, 0x0000, 0x0123))
    running = archive(serve, lambda keys, operation: files(tmp_path, 4))
    answered = get(running, on_store=lambda operation: next(statuses))
    assert (answered.status, answered.counts, answered.failed) == (0xB000, (1, 2, 1), ["1.2.3.1", "1.2.3.4"])


def test_a_get_is_cancelled_after_the_object_under_way(serve: Serve, tmp_path: Path) -> None:
    stored: list[Operation] = []

    def on_store(operation: Operation) -> int:
        stored.append(operation)
        time.sleep(1.5 * sub_operations.PENDING_SECONDS)  # an object that takes so long that another one pends
        return 0

    def cancel(exchange: Any) -> None:
        if stored:
            exchange.cancel(1, time.monotonic())

    answered = get(archive(serve, lambda keys, operation: files(tmp_path, 9)), on_store=on_store, on_pending=cancel)
    assert answered.status == 0xFE00
    remaining, completed, failed, warning = told(answered.final)
    assert (remaining, completed, failed, warning) == (9 - len(stored), len(stored), 0, 0)
    assert 0 < len(stored) < 9


def test_a_requestor_that_aborts_in_the_middle_of_a_get(serve: Serve, tmp_path: Path, log: Recorder) -> None:
    def on_store(operation: Operation) -> int:
        operation.caller.abort("a test")
        return 0

    running = archive(serve, lambda keys, operation: files(tmp_path, 3, pixels=bytes(3 << 20)))
    with pytest.raises(AssociationAborted):
        get(running, on_store=on_store)
    until(lambda: running.server.associations == 0, "the association to end")
    assert "service failed" not in log.events()
    assert get(running).status == 0x0000


def test_a_requestor_that_asks_for_release_in_the_middle_of_a_get(serve: Serve, tmp_path: Path) -> None:
    with Caller(archive(serve, lambda keys, operation: files(tmp_path, 2)).port) as peer:
        contexts = (ProposedContext(1, GET, (IMPLICIT,)), ProposedContext(3, CT, (EXPLICIT,)))
        said = UserInformation(role_selections=(RoleSelection(CT, False, True),))
        peer.send(AssociateRQ("ARCHIVE", "RUDE", contexts, said))
        assert isinstance(peer.receive(), AssociateAC)
        peer.send(message(1, get_request(4), study()), ReleaseRQ())
        response = peer.response()
        while response.status == 0xFF00:
            response = peer.response()
        assert response.name == "C-GET-RSP"
        assert (response.status, told(response)[1:]) == (0xA702, (0, 2, 0))
        pdu = peer.receive()
        assert isinstance(pdu, PDataTF)  # its identifier
        assert peer.receive() == ReleaseRP()


def test_storage_and_retrieve_share_storage_classes(serve: Serve, tmp_path: Path) -> None:
    storage = Storage(FileStore(tmp_path / "in", mode="crash-safe"), transfer_syntaxes=(EXPLICIT,))
    for services in ([Retrieve(lambda k, o: files(tmp_path, 1)), storage], [storage, Retrieve(raising)]):
        running = serve("ARCHIVE", *services)
        roles = [RoleSelection(CT, True, True)]
        with SCU("BOTH").associate(
            running.entity, [(GET, (IMPLICIT,)), (CT, (IMPLICIT, EXPLICIT))], roles=roles
        ) as live:
            context = live.agreement.context_for(CT)
            assert context is not None
            assert (context.scu, context.scp, context.transfer_syntax) == (True, True, EXPLICIT)
            assert live.store(file(tmp_path, 1)).status == 0x0000
        with SCU("STORES").associate(running.entity, [(CT, (EXPLICIT,))]) as live:
            assert live.store(file(tmp_path, 1)).status == 0x0000
    assert get(serve("ARCHIVE", Retrieve(lambda k, o: files(tmp_path, 1)), storage)).status == 0x0000


def test_without_a_storage_service_nothing_is_stored(serve: Serve, tmp_path: Path) -> None:
    running = archive(serve, raising)
    with SCU("STORES").associate(running.entity, [(CT, (EXPLICIT,))]) as live:
        assert [refused.result for refused in live.agreement.refused] == [1]
    with Caller(running.port) as peer:
        said = UserInformation(role_selections=(RoleSelection(CT, True, True),))
        assert isinstance(peer.associate(said=said), AssociateAC)
        peer.send(message(3, store_request(1, "1.2.3"), data_set("1.2.3")))
        assert peer.response().status == 0x0211


# Counting


def test_counts_and_lists_have_a_limit() -> None:
    tally = Tally(70_000)
    for number in range(70_000):
        tally.fail(f"1.2.{number:05}", "why")
    assert tally.counts()["number_of_failed_suboperations"] == 0xFFFF
    fitting = sub_operations._as_many_as_fit(tally.failed_sop_instances)
    assert len(fitting) == 0xFFFE // 10
    assert len("\\".join(fitting)) <= 0xFFFE


# Several objects under way


def stored(wire: Wire) -> tuple[int, Any]:
    """The next C-STORE-RQ, its data set read: presentation context and command."""
    command = wire.receive()
    assert isinstance(command, PDataTF), command
    wire.receive()
    return command.pdvs[0].context_id, messages.decode(command.pdvs[0].data)


STATUSES = {"1.2.3.2": 0xA700, "1.2.3.3": 0xB000, "1.2.3.5": 0xC000}


def answer(wire: Wire, context_id: int, command: Any) -> None:
    wire.send(message(context_id, command.response(STATUSES.get(command.affected_sop_instance_uid, 0x0000))))


def test_a_destination_that_takes_several_at_a_time(serve: Serve, tmp_path: Path) -> None:
    """PS3.7 D.3.3.3: it answers none of four before it has all of them, and then in another order."""

    def script(wire: Wire) -> None:
        asked = accepting(wire, window=(4, 1)).user_information.asynchronous_operations_window
        assert asked == AsynchronousOperationsWindow(8, 8)
        for command in reversed([stored(wire) for _ in range(4)]):
            answer(wire, *command)
        for command in [stored(wire) for _ in range(2)]:
            answer(wire, *command)
        assert wire.receive() == ReleaseRQ()
        wire.send(ReleaseRP())

    with answering(script) as entity:
        answered = move(archive(serve, lambda keys, operation: files(tmp_path, 6), {VIEWER: entity}))
    assert (answered.status, answered.counts) == (0xB000, (3, 2, 1))
    assert sorted(answered.failed) == ["1.2.3.2", "1.2.3.5"]


def test_a_destination_that_aborts_with_several_under_way(serve: Serve, tmp_path: Path) -> None:
    """What it has not answered has failed; the rest goes over another association."""
    answered_first: list[str] = []

    def success(wire: Wire, context_id: int, command: Any) -> None:
        wire.send(message(context_id, command.response(0x0000)))

    def first(wire: Wire) -> None:
        accepting(wire, window=(3, 1))
        commands = [stored(wire) for _ in range(3)]
        answered_first.append(commands[0][1].affected_sop_instance_uid)
        success(wire, *commands[0])
        stored(wire)
        wire.send(Abort())

    def second(wire: Wire) -> None:
        accepting(wire, window=(3, 1))
        for command in [stored(wire) for _ in range(3)]:
            success(wire, *command)
        assert wire.receive() == ReleaseRQ()
        wire.send(ReleaseRP())

    with answering(first, second) as entity:
        answered = move(archive(serve, lambda keys, operation: files(tmp_path, 7), {VIEWER: entity}))
    assert (answered.status, answered.counts) == (0xB000, (4, 3, 0))
    assert {*answered.failed, *answered_first} == {f"1.2.3.{number}" for number in range(1, 5)}
    assert len(answered.failed) == 3


def getting(running: RunningSCP, window: tuple[int, int]) -> Caller:
    """A requestor that has asked for a C-GET, and lets this many C-STOREs be outstanding."""
    said = UserInformation(
        asynchronous_operations_window=AsynchronousOperationsWindow(*window),
        role_selections=(RoleSelection(CT, False, True),),
    )
    contexts = (ProposedContext(1, GET, (IMPLICIT,)), ProposedContext(3, CT, (EXPLICIT,)))
    peer = Caller(running.port)
    peer.send(AssociateRQ("ARCHIVE", "WORKSTATION", contexts, said))
    assert isinstance(peer.receive(), AssociateAC)
    peer.send(message(1, get_request(7), study()))
    return peer


def without_pendings(peer: Wire) -> tuple[int, Any]:
    """The next message that is not a pending response: a C-STORE-RQ without its data set, or the final response."""
    while True:
        pdu = peer.receive()
        assert isinstance(pdu, PDataTF), pdu
        command = messages.decode(pdu.pdvs[0].data)
        if not (isinstance(command, messages.Response) and command.status == 0xFF00):
            return pdu.pdvs[0].context_id, command


def test_a_requestor_that_takes_several_at_a_time(serve: Serve, tmp_path: Path) -> None:
    given = files(tmp_path, 6)
    service = Retrieve(lambda keys, operation: given)
    running = serve("ARCHIVE", service, asynchronous_operations_window=(3, 3))
    with getting(running, (1, 8)) as peer:
        commands = []
        for _ in range(3):
            commands.append(without_pendings(peer))
            peer.receive()
        for command in reversed(commands):
            answer(peer, *command)
        for _ in range(3):
            command = without_pendings(peer)
            peer.receive()
            answer(peer, *command)
        _, final = without_pendings(peer)
        assert (final.status, told(final)) == (0xB000, (None, 3, 2, 1))
        peer.receive()
        peer.release()


def test_a_file_is_not_opened_before_the_one_before_it_has_been_sent(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A peer may answer before it has everything (PS3.7 9.1.1.2): it must not make us open one file after the other."""
    given = files(tmp_path, 2, pixels=bytes(16 << 20))
    running = archive(serve, lambda keys, operation: given)
    sending: list[bool] = []
    second = threading.Event()
    opened = OutgoingFile.dataset

    def dataset(self: OutgoingFile, transfer_syntax_uid: str = "") -> memoryview:
        (connection,) = running.server.connections
        sending.append(connection.exchange.sending)
        if len(sending) == 2:
            second.set()
        return opened(self, transfer_syntax_uid)

    monkeypatch.setattr(OutgoingFile, "dataset", dataset)
    with getting(running, (1, 1)) as peer:
        for number in (1, 2):
            command = without_pendings(peer)
            answer(peer, *command)
            if number == 1:
                assert not second.wait(0.3), "the first is not sent, and the second is opened"
            while not (pdu := peer.receive()).pdvs[-1].control & 2:  # type: ignore[union-attr]  # P-DATA-TF
                assert isinstance(pdu, PDataTF)
        assert without_pendings(peer)[1].status == 0xB000
        peer.receive()
        peer.release()
    assert sending == [False, False]


# What is said before everything is known


def test_pending_responses_do_not_wait_for_the_files(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one leaves before a file has been looked at, and tells of all of them."""
    go = threading.Event()
    look = sub_operations.scan

    def scan(paths: Any) -> Any:
        assert go.wait(10), "no response yet"
        return look(paths)

    monkeypatch.setattr(sub_operations, "scan", scan)
    viewer = serve(VIEWER, Destination(tmp_path / "in"))
    running = archive(serve, lambda keys, operation: files(tmp_path, 5), {VIEWER: viewer.entity})
    answered = move(running, on_pending=lambda exchange: go.set())
    assert (answered.status, answered.counts) == (0x0000, (5, 0, 0))
    assert told(answered.pending[0]) == (5, 0, 0, 0)


def test_the_first_objects_of_a_get_do_not_wait_for_the_last(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    came = threading.Event()
    look = sub_operations.scan

    def scan(paths: Any) -> Any:
        (path,) = paths
        assert path.name != "0100.dcm" or came.wait(10), "no object yet"
        return look(paths)

    def on_store(operation: Operation) -> int:
        came.set()
        return 0

    monkeypatch.setattr(sub_operations, "scan", scan)
    answered = get(archive(serve, lambda keys, operation: files(tmp_path, 100)), on_store=on_store)
    assert (answered.status, answered.counts) == (0x0000, (100, 0, 0))
    assert told(answered.pending[0]) == (100, 0, 0, 0)


def test_a_cancel_is_heard_while_files_are_looked_at(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, cancelled = threading.Event(), []
    look = sub_operations.scan

    def scan(paths: Any) -> Any:
        assert go.wait(10)
        return look(paths)

    def cancel(exchange: Any) -> None:
        exchange.cancel(77, time.monotonic())
        cancelled.append(True)

    def heard(_address: Any, event: Any) -> None:
        if isinstance(event, CancelRequested):
            go.set()

    monkeypatch.setattr(sub_operations, "scan", scan)
    viewer = serve(VIEWER, destination := Destination(tmp_path / "in"))
    service = Retrieve(lambda keys, operation: files(tmp_path, 100), {VIEWER: viewer.entity})
    answered = move(serve("ARCHIVE", service, on_event=heard), on_pending=cancel)
    assert cancelled
    assert (answered.status, told(answered.final), destination.uids) == (0xFE00, (100, 0, 0, 0), [])
