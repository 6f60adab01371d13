"""C-FIND, both roles: our SCU with our SCP, with scripted peers, blocking and on an event loop."""

import asyncio
import gc
import itertools
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from dulcet.acse.events import Aborted, Released
from dulcet.dimse import messages
from dulcet.dul.pdu import AssociateAC, PDataTF, ReleaseRP
from dulcet.services.identifiers import IdentifierError, decode, encode
from dulcet.services.query import query
from dulcet.services.query.keys import default_model, identifier, keys
from dulcet.services.query.models import model
from dulcet.services.query.query import QueryFailed, extension
from dulcet.services.query.retrieve import Retrieve
from dulcet.services.scp import RunningSCP
from pydicom.dataset import Dataset
from test_scp import Recorder
from wire_peers import EXPLICIT, SECONDS, Caller, Wire, accepting, answering, message, until

from dulcet import (
    SCP,
    SCU,
    AssociationAborted,
    Entity,
    LocalProtocolError,
    NoAcceptedContext,
    Operation,
    Query,
    QueryExtension,
    Service,
    Timeouts,
    Verification,
    aio,
)

FIND = "1.2.840.10008.5.1.4.1.2.2.1"
GET = "1.2.840.10008.5.1.4.1.2.2.3"
PATIENT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"
WORKLIST = "1.2.840.10008.5.1.4.31"
Serve = Callable[..., RunningSCP]


@pytest.fixture
def log() -> Recorder:
    return Recorder()


@pytest.fixture
def serve(log: Recorder) -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(*services: Service, **options: Any) -> RunningSCP:
            options = {"timeouts": Timeouts(artim=2.0)} | options
            running = stack.enter_context(SCP("ARCHIVE", [*services, Verification()], log=log, **options).running())
            stack.callback(running.stop, 0.2)
            return running

        yield start


def studies(wanted: Dataset, operation: Operation) -> list[Dataset]:
    """As many as the patient's number says."""
    return [
        keys(PatientID=wanted.PatientID, StudyInstanceUID=f"1.2.{number}", PatientName="Müller^Jörg")
        for number in range(int(wanted.PatientID))
    ]


# Identifiers


def test_an_identifier_asks_for_what_is_usual() -> None:
    made = identifier("STUDY", PatientID="123")
    assert made.QueryRetrieveLevel == "STUDY"
    assert made.PatientID == "123"
    wanted = (
        "StudyInstanceUID",
        "PatientName",
        "StudyDate",
        "StudyDescription",
        "AccessionNumber",
        "ModalitiesInStudy",
    )
    assert all(made[keyword].value in ("", None) for keyword in wanted)


def test_but_not_where_the_user_asked_for_something() -> None:
    made = identifier("study", PatientID="123", StudyDate="")
    assert [element.keyword for element in made] == [
        *("StudyDate", "QueryRetrieveLevel", "PatientID"),
        "StudyInstanceUID",  # without it nobody could go on from a match
    ]


def test_every_level() -> None:
    assert "PatientID" in identifier("PATIENT")
    assert "SeriesInstanceUID" in identifier("SERIES", StudyInstanceUID="1.2")
    assert "SOPInstanceUID" in identifier("IMAGE")
    worklist = identifier()
    assert "QueryRetrieveLevel" not in worklist
    assert "Modality" in worklist.ScheduledProcedureStepSequence[0]
    assert identifier("", PatientName="A*").PatientName == "A*"


def test_what_is_no_level_and_no_keyword() -> None:
    with pytest.raises(LocalProtocolError, match="PATIENT, STUDY, SERIES, IMAGE"):
        identifier("FRAME")
    with pytest.raises(LocalProtocolError, match="PatientNam"):
        identifier("STUDY", PatientNam="x")


def test_the_model_an_identifier_is_meant_for() -> None:
    assert [default_model(identifier(level)) for level in ("PATIENT", "STUDY", "IMAGE", "")] == [
        *("patient", "study", "study"),
        "worklist",
    ]


# Found


def test_find(serve: Serve) -> None:
    running = serve(Query(studies))
    found = list(SCU("CALLER").find(running.entity, PatientID="3"))
    assert [each.StudyInstanceUID for each in found] == ["1.2.0", "1.2.1", "1.2.2"]
    assert {(each.QueryRetrieveLevel, str(each.PatientName)) for each in found} == {("STUDY", "Müller^Jörg")}


def test_find_on_an_event_loop(serve: Serve) -> None:
    running = serve(Query(studies))

    async def found() -> list[str]:
        return [each.StudyInstanceUID async for each in aio.SCU("CALLER").find(running.entity, PatientID="3")]

    assert asyncio.run(found()) == ["1.2.0", "1.2.1", "1.2.2"]


def test_no_match_is_no_failure(serve: Serve) -> None:
    running = serve(Query(lambda wanted, operation: None))
    assert list(SCU("CALLER").find(running.entity, PatientID="0")) == []


def test_what_a_handler_sees(serve: Serve) -> None:
    seen: list[Any] = []

    def handler(wanted: Dataset, operation: Operation) -> list[Dataset]:
        seen.append((wanted.PatientName, wanted.SpecificCharacterSet, operation.caller.agreement.calling_ae_title))
        return []

    running = serve(Query(handler))
    list(SCU("CALLER").find(running.entity, PatientName="Müller*"))
    assert seen == [("Müller*", "ISO_IR 192", "CALLER")]


def test_several_models_on_one_association(serve: Serve) -> None:
    def which(wanted: Dataset, operation: Operation) -> list[Dataset]:
        return [keys(PatientID="1", RequestedProcedureID=operation.context.abstract_syntax[-4:])]

    running = serve(Query(which))
    uids = [model("find", name) for name in ("worklist", "study", "patient")]
    with SCU("CALLER").associate(running.entity, uids) as association:
        for wanted, uid in (
            (identifier(""), WORKLIST),
            (identifier("PATIENT"), PATIENT_FIND),
            (identifier("STUDY"), PATIENT_FIND),  # both models have the level
        ):
            (match,) = association.find(wanted)
            assert match.identifier is not None
            assert match.identifier.RequestedProcedureID == uid[-4:]
        (match,) = association.find(identifier("STUDY"), "study")
        assert match.identifier is not None
        assert match.identifier.RequestedProcedureID == FIND[-4:]


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", EXPLICIT, "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"])
def test_every_transfer_syntax(serve: Serve, syntax: str) -> None:
    running = serve(Query(studies))
    with SCU("CALLER").associate(running.entity, [(FIND, (syntax,))]) as association:
        (match,) = association.find(identifier("STUDY", PatientID="1"))
        assert (match.status, match.transfer_syntax_uid) == (0xFF00, syntax)
        assert match.identifier is not None
        assert match.identifier.PatientName == "Müller^Jörg"


def as_generator(wanted: Dataset, operation: Operation) -> Iterator[Dataset]:
    yield from studies(wanted, operation)


async def as_coroutine(wanted: Dataset, operation: Operation) -> Sequence[Dataset]:
    return studies(wanted, operation)


async def as_async_generator(wanted: Dataset, operation: Operation) -> AsyncIterator[Dataset]:
    for each in studies(wanted, operation):
        yield each


class AsObject:
    async def __call__(self, wanted: Dataset, operation: Operation) -> Sequence[Dataset]:
        return studies(wanted, operation)


LONG = ["1.2.3"] * 2_000
"""12 000 bytes of an identifier."""


async def nothing_later(_wanted: Dataset, _operation: Operation) -> list[Any]:
    return []


@pytest.mark.parametrize(
    "service",
    [
        pytest.param(Query(lambda _wanted, _operation: []), id="C-FIND"),
        pytest.param(Query(nothing_later), id="C-FIND, async"),
        pytest.param(Retrieve(lambda _wanted, _operation: []), id="C-GET"),
        pytest.param(Retrieve(nothing_later), id="C-GET, async"),
    ],
)
def test_others_are_served_while_an_identifier_is_read(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, service: Service
) -> None:
    """A long one: of 250 000 elements it takes seconds."""
    reading, served = threading.Event(), threading.Event()

    def long(data: bytes, transfer_syntax_uid: str) -> Dataset:
        reading.set()
        assert served.wait(SECONDS)
        return decode(data, transfer_syntax_uid)

    monkeypatch.setattr(query, "decode", long)
    peer, ask = serve(service).entity, SCU("ASKING")
    wanted = {"level": "STUDY", "StudyInstanceUID": LONG}
    with ThreadPoolExecutor(1) as other:
        asked = other.submit(lambda: list(ask.find(peer, **wanted)) if isinstance(service, Query) else get(ask, peer))
        try:
            assert reading.wait(SECONDS)
            assert SCU("OTHER", dimse_seconds=2.0, timeouts=Timeouts(acse=2.0)).echo(peer) == 0
        finally:
            served.set()
        assert asked.result(SECONDS) == []


@pytest.mark.parametrize("verb", ["C-FIND", "C-GET"])
def test_an_async_handler_needs_no_thread_for_a_short_identifier(serve: Serve, verb: str) -> None:
    """All threads of the server wait in plain handlers."""
    busy, leave = threading.Semaphore(0), threading.Event()

    def wait(_wanted: Dataset, _operation: Operation) -> list[Dataset]:
        busy.release()
        assert leave.wait(SECONDS)
        return []

    services = Query(wait, models=["patient"]), Query(nothing_later, models=["study"]), Retrieve(nothing_later)
    peer = serve(*services, pool=2).entity
    with ThreadPoolExecutor(2) as others:
        try:
            asked = [
                others.submit(lambda: list(SCU("SLOW").find(peer, level="PATIENT", model="patient"))) for _ in "ab"
            ]
            assert all(busy.acquire(timeout=SECONDS) for _ in asked)
            scu = SCU("ASKING", dimse_seconds=2.0, timeouts=Timeouts(acse=2.0))
            if verb == "C-FIND":
                assert list(scu.find(peer, level="STUDY", StudyInstanceUID="1.2")) == []
            else:
                assert scu.get(peer, identifier("STUDY", StudyInstanceUID="1.2"), print).status == 0
        finally:
            leave.set()
        assert [each.result(SECONDS) for each in asked] == [[], []]


def test_a_deflated_identifier_is_read_in_a_thread(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it inflates to may be long."""
    threads: list[str] = []

    def told(data: bytes, transfer_syntax_uid: str) -> Dataset:
        threads.append(threading.current_thread().name)
        return decode(data, transfer_syntax_uid)

    monkeypatch.setattr(query, "decode", told)
    peer = serve(Query(nothing_later)).entity
    for syntax in ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"):
        with SCU("ASKING").associate(peer, [(FIND, (syntax,))]) as association:
            assert list(association.find(identifier("STUDY", PatientID="1"))) == []
    assert threads[0] != threads[1]


def get(scu: SCU, peer: Entity) -> list[object]:
    """What comes of a C-GET."""
    came: list[object] = []
    assert scu.get(peer, identifier("STUDY", StudyInstanceUID=LONG), came.append).status == 0
    return came


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize("handler", [studies, as_generator, as_coroutine, as_async_generator, AsObject()])
def test_handlers_of_every_kind(serve: Serve, handler: Any, blocking: bool) -> None:
    running = serve(Query(handler, blocking=blocking))
    assert len(list(SCU("CALLER").find(running.entity, PatientID="5"))) == 5


def test_nothing_is_left_of_an_async_handler_when_the_association_ends_while_its_identifier_is_read(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A coroutine that nobody awaits would be a warning, which is an error here."""
    callers: list[Any] = []
    ended, read = threading.Event(), threading.Event()

    def long(data: bytes, transfer_syntax_uid: str) -> Dataset:
        callers[0].abort("while it is read")
        assert ended.wait(SECONDS)
        read.set()
        return decode(data, transfer_syntax_uid)

    def on_event(_peer: object, event: object) -> None:
        if isinstance(event, Aborted):
            ended.set()

    monkeypatch.setattr(query, "decode", long)
    running = serve(Query(nothing_later), on_event=on_event, on_association=callers.append)
    with pytest.raises(AssociationAborted):
        list(SCU("ASKING").find(running.entity, level="STUDY", StudyInstanceUID=LONG))
    assert read.wait(SECONDS)
    running.stop(SECONDS)  # it waits for what is in the pool
    gc.collect()


def test_blocking_is_a_bool() -> None:
    for wrong in (None, 1, "no"):
        with pytest.raises(TypeError, match="blocking is True or False"):
            Query(studies, blocking=wrong)  # type: ignore[arg-type]  # what is wrong


# Statuses


def test_a_failure_after_matches(serve: Serve) -> None:
    def handler(wanted: Dataset, operation: Operation) -> Iterator[Any]:
        yield keys(StudyInstanceUID="1.2")
        yield 0xFF01, keys(StudyInstanceUID="1.3")
        yield 0xA700, None

    running = serve(Query(handler))
    with SCU("CALLER").associate(running.entity, [Query]) as association:
        matches = association.find(identifier("STUDY"))
        assert [next(matches).status, next(matches).status] == [0xFF00, 0xFF01]
        with pytest.raises(QueryFailed, match="0xA700") as caught:
            next(matches)
        assert (caught.value.status, caught.value.exit_code) == (0xA700, "STATUS")
        assert matches.status == 0xA700
        assert list(matches) == []


def test_a_handler_that_raises(serve: Serve, log: Recorder) -> None:
    def handler(wanted: Dataset, operation: Operation) -> Iterator[Dataset]:
        yield keys(StudyInstanceUID="1.2")
        raise RuntimeError("of a handler")

    running = serve(Query(handler))
    found = []
    with pytest.raises(QueryFailed, match="0xC000"):
        found.extend(SCU("CALLER").find(running.entity))
    assert SCU("CALLER").echo(running.entity) == 0
    assert log.events().count("service failed") == 1


@pytest.mark.parametrize(
    ("data", "status"),
    [(b"\xff" * 20, 0xC000), (b"", 0xA900), (encode(keys(QueryRetrieveLevel="FRAME"), EXPLICIT), 0xA900)],
)
def test_an_identifier_that_makes_no_sense(serve: Serve, data: bytes, status: int) -> None:
    running = serve(Query(studies))
    with Caller(running.port) as peer:
        assert isinstance(peer.associate(sop_class=FIND), AssociateAC)
        peer.send(message(3, messages.C_FIND_RQ(message_id=1, affected_sop_class_uid=FIND, priority=0), data))
        assert peer.response().status == status
        peer.release()


def test_what_is_no_query(serve: Serve) -> None:
    running = serve(Query(studies))
    with Caller(running.port) as peer:
        assert isinstance(peer.associate(sop_class=FIND), AssociateAC)
        peer.send(message(3, messages.C_ECHO_RQ(message_id=1, affected_sop_class_uid=FIND)))
        assert peer.response().status == 0x0211
        peer.send(message(3, messages.C_FIND_RQ(message_id=2, affected_sop_class_uid=WORKLIST, priority=0), b""))
        assert peer.response().status == 0x0122


def test_models_that_are_not_served(serve: Serve) -> None:
    running = serve(Query(studies, models=["worklist"]))
    with pytest.raises(NoAcceptedContext):
        list(SCU("CALLER").find(running.entity))
    assert len(list(SCU("CALLER").find(running.entity, "", PatientID="2"))) == 2


# Left early


class Endless:
    def __init__(self) -> None:
        self.closed = threading.Event()

    def __call__(self, wanted: Dataset, operation: Operation) -> Iterator[Dataset]:
        try:
            for number in itertools.count():
                yield keys(StudyInstanceUID=f"1.2.{number}")
        finally:
            self.closed.set()


def test_leaving_early_cancels_and_the_association_goes_on(serve: Serve, log: Recorder) -> None:
    handler = Endless()
    running = serve(Query(handler))
    with SCU("CALLER").associate(running.entity, [Query, Verification]) as association:
        for match in association.find(identifier("STUDY")):
            assert match.status == 0xFF00
            break
        assert association.echo() == 0
        assert handler.closed.wait(SECONDS)
        matches = association.find(identifier("STUDY"))
        next(matches)
        matches.close()
        matches.close()
        assert matches.status == 0xFE00
        assert association.echo() == 0
    assert "service failed" not in log.events()


def test_cancel_and_go_on(serve: Serve) -> None:
    running = serve(Query(Endless()))
    with SCU("CALLER").associate(running.entity, [Query, Verification]) as association:
        matches = association.find(identifier("STUDY"))
        next(matches)
        matches.cancel()
        list(matches)
        assert matches.status == 0xFE00
        matches.cancel()
        assert association.echo() == 0


@pytest.mark.parametrize("is_async", [False, True])
def test_leaving_the_query_of_an_scu_releases(serve: Serve, is_async: bool) -> None:
    async def leave() -> None:
        found = aio.SCU("CALLER").find(running.entity)
        async for _ in found:
            break
        await found.aclose()  # type: ignore[attr-defined]  # a generator

    handler = Endless()
    events: list[Any] = []
    running = serve(Query(handler), on_event=lambda _address, event: events.append(event))
    if is_async:
        asyncio.run(leave())
    else:
        for _ in SCU("CALLER").find(running.entity):
            break
    assert handler.closed.wait(SECONDS)
    until(lambda: isinstance(events[-1], Released), "the release")


def test_leaving_early_on_an_event_loop(serve: Serve) -> None:
    handler = Endless()
    running = serve(Query(handler))

    async def leave() -> None:
        async with await aio.SCU("CALLER").associate(running.entity, [Query, Verification]) as association:
            async for _ in association.find(identifier("STUDY")):
                break
            assert await association.echo() == 0
            matches = association.find(identifier("STUDY"))
            await anext(matches)
            matches.cancel()
            assert isinstance([match async for match in matches], list)
            assert matches.status == 0xFE00
            matches = association.find(identifier("STUDY"))
            await anext(matches)
            await matches.aclose()
            assert await association.echo() == 0
            left = association.find(identifier("STUDY"))
            await anext(left)
            del left

    asyncio.run(leave())
    assert handler.closed.wait(SECONDS)


def test_a_peer_that_ignores_cancel_is_aborted_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dulcet.services.query.query.DRAIN_SECONDS", 0.2)
    answer = messages.C_FIND_RSP(message_id_being_responded_to=1, status=0xFF00)
    match = message(1, answer, encode(keys(StudyInstanceUID="1.2"), EXPLICIT))

    def deaf(wire: Wire) -> None:
        accepting(wire)
        wire.receive()
        try:
            while True:
                wire.send(match * 50)
                threading.Event().wait(0.01)
        except ConnectionError:
            return

    with answering(deaf) as peer, SCU("CALLER").associate(peer, [(FIND, (EXPLICIT,))]) as association:
        matches = association.find(identifier("STUDY"))
        next(matches)
        matches.close()
        with pytest.raises(AssociationAborted, match="C-CANCEL"):
            association.find(identifier("STUDY"))


# Peers that err


def answers(*what: bytes) -> Callable[[Wire], None]:
    def script(wire: Wire) -> None:
        accepting(wire)
        while True:  # the request, as many PDUs as it has
            pdu = wire.receive()
            assert isinstance(pdu, PDataTF)
            if pdu.pdvs[-1].control == 2:
                break
        wire.send(*what)
        if wire.receive() is not None:
            wire.send(ReleaseRP())

    return script


def pending(data: bytes | None) -> bytes:
    return message(1, messages.C_FIND_RSP(message_id_being_responded_to=1, status=0xFF00), data)


def final(status: int = 0, **elements: Any) -> bytes:
    return message(1, messages.C_FIND_RSP(message_id_being_responded_to=1, status=status, **elements))


def test_a_match_that_cannot_be_read_does_not_hide_the_others() -> None:
    good = encode(keys(StudyInstanceUID="1.2"), EXPLICIT)
    script = answers(pending(good), pending(b"\xff" * 10), pending(None), pending(good), final())
    with answering(script) as peer, SCU("CALLER").associate(peer, [(FIND, (EXPLICIT,))]) as association:
        matches = list(association.find(identifier("STUDY")))
    assert [match.identifier is None for match in matches] == [False, True, True, False]
    assert [bool(match.error) for match in matches] == [False, True, True, False]
    assert [match.encoded for match in matches] == [good, b"\xff" * 10, b"", good]
    with answering(answers(pending(b"\xff" * 10), final())) as peer, pytest.raises(IdentifierError):
        list(SCU("CALLER").find(peer))


def test_a_failure_says_why() -> None:
    said = final(0xA900, error_comment="no such level", offending_element=(0x00080052,))
    with answering(answers(said)) as peer, pytest.raises(QueryFailed, match="no such level") as caught:
        list(SCU("CALLER").find(peer))
    assert caught.value.offending_elements == (0x00080052,)
    assert caught.value.error_comment == "no such level"


def test_the_association_ends_in_the_middle() -> None:
    def script(wire: Wire) -> None:
        accepting(wire)
        wire.receive()
        wire.send(pending(encode(keys(StudyInstanceUID="1.2"), EXPLICIT)))
        wire.reset()

    with answering(script) as peer, SCU("CALLER").associate(peer, [(FIND, (EXPLICIT,))]) as association:
        matches = association.find(identifier("STUDY"))
        assert next(matches).status == 0xFF00
        with pytest.raises(AssociationAborted):
            next(matches)


def test_keys_that_cannot_be_sent_are_the_user_s_error(serve: Serve) -> None:
    running = serve(Query(studies))
    wanted = keys(QueryRetrieveLevel="STUDY", SpecificCharacterSet="ISO_IR 100", PatientName="山田")
    with SCU("CALLER").associate(running.entity, [Query, Verification]) as association:
        with pytest.raises(IdentifierError):
            association.find(wanted)
        assert association.echo() == 0


# Extended negotiation


def test_extended_negotiation(serve: Serve) -> None:
    agreed: list[QueryExtension] = []

    def handler(wanted: Dataset, operation: Operation) -> list[Dataset]:
        agreed.append(extension(operation.caller.agreement, FIND))
        return []

    asked = QueryExtension(relational=True, fuzzy_names=True)
    running = serve(Query(handler, extension=QueryExtension(relational=True, time_zone=True)))
    with SCU("CALLER").associate(running.entity, [FIND], extended=[asked.item(FIND)]) as association:
        assert extension(association.agreement, FIND) == QueryExtension(relational=True)
        list(association.find(identifier("STUDY")))
    list(SCU("CALLER").find(running.entity, extension=asked))
    list(SCU("CALLER").find(running.entity))
    assert agreed == [QueryExtension(relational=True)] * 2 + [QueryExtension()]


def test_nothing_is_said_where_nothing_is_supported(serve: Serve) -> None:
    running = serve(Query(studies))
    asked = [QueryExtension(relational=True).item(FIND)]
    with SCU("CALLER").associate(running.entity, [FIND], extended=asked) as association:
        assert FIND not in association.agreement.extended
