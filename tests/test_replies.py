"""Services that answer many times: in every form they may have, cancelled, interrupted, unread, and when they fail."""

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from dulcet.acse.agreement import AcceptedContext
from dulcet.acse.policy import SupportedContext
from dulcet.dimse import messages
from dulcet.dimse.exchange import Response
from dulcet.dul.pdu import Abort, AssociateAC, PDataTF
from dulcet.services.errors import AssociationAborted, AssociationReleased
from dulcet.services.scp import RunningSCP
from dulcet.services.service import Answer, Reply
from test_scp import Recorder, echoes
from wire_peers import SECONDS, VERIFICATION, Caller, echo_request, message

from dulcet import SCP, Operation, Service, Timeouts, Verification

FIND = "1.2.840.10008.5.1.4.1.2.2.1"
PENDING = 0xFF00
IDENTIFIER = b"\x08\x00\x52\x00CS\x06\x00STUDY "
"""Query/Retrieve Level STUDY, in Explicit VR Little Endian."""


@pytest.fixture
def log() -> Recorder:
    return Recorder()


class Answering(Service):
    """Answers C-FIND with what a function makes of the operation."""

    def __init__(self, answers: Callable[[Operation], Any], *, blocking: bool = False) -> None:
        self.answers = answers
        self.blocking = blocking

    def supports(self, abstract_syntax: str) -> SupportedContext | None:
        return SupportedContext(None) if abstract_syntax == FIND else None

    def perform(self, operation: Operation) -> Any:
        return self.answers(operation)


def pending(operation: Operation, data: bytes = IDENTIFIER) -> Reply:
    return Reply(operation.request.response(PENDING), data)


@contextmanager
def asking(log: Recorder, service: Service, **options: Any) -> Iterator[tuple[Caller, RunningSCP]]:
    """A peer that has sent C-FIND-RQ 7 on context 3; Verification is on context 1."""
    with SCP(
        "DULCET", [service, Verification()], log=log, timeouts=Timeouts(artim=2.0), **options
    ).running() as running:
        with Caller(running.port, receive_buffer=4096) as peer:
            assert isinstance(peer.associate(sop_class=FIND), AssociateAC)
            peer.send(message(3, messages.C_FIND_RQ(message_id=7, affected_sop_class_uid=FIND, priority=0), IDENTIFIER))
            yield peer, running
        running.stop(0.2)


def said(peer: Caller) -> list[tuple[int, bytes | None]]:
    """The responses to the request: statuses with their data sets, up to the final one."""
    heard: list[tuple[int, bytes | None]] = []
    while not heard or heard[-1][0] == PENDING:
        response = peer.response()
        assert response.message_id_being_responded_to == 7
        data = None
        if response.dataset_follows:
            pdu = peer.receive()
            assert isinstance(pdu, PDataTF)
            data = bytes(pdu.pdvs[0].data)
        heard.append((int(response.status), data))
    return heard


def statuses(peer: Caller) -> list[int]:
    return [status for status, _ in said(peer)]


# Every form


def as_list(operation: Operation) -> list[Answer]:
    return [pending(operation)] * 3


def as_generator(operation: Operation) -> Iterator[Answer]:
    yield from as_list(operation)


async def as_async_generator(operation: Operation) -> AsyncIterator[Answer]:
    for answer in as_list(operation):
        await asyncio.sleep(0)  # one turn of the loop
        yield answer


FORMS = [(as_list, False), (as_list, True), (as_generator, False), (as_generator, True), (as_async_generator, False)]
forms = pytest.mark.parametrize(("answers", "blocking"), FORMS)


@forms
def test_three_pending_and_success_follows_by_itself(log: Recorder, answers: Any, blocking: bool) -> None:
    with asking(log, Answering(answers, blocking=blocking)) as (peer, _):
        assert said(peer) == [(PENDING, IDENTIFIER)] * 3 + [(0x0000, None)]
        peer.send(message(1, echo_request(8)))
        assert peer.response().status == 0x0000
        peer.release()


@forms
def test_nothing_more_is_asked_for_after_a_final_answer(log: Recorder, answers: Any, blocking: bool) -> None:
    asked = []

    def then_final(operation: Operation) -> Iterator[Answer]:
        yield pending(operation)
        yield operation.request.response(0xA700, error_comment="enough")
        asked.append(True)
        yield pending(operation)

    async def then_final_async(operation: Operation) -> AsyncIterator[Answer]:
        for answer in then_final(operation):
            yield answer

    chosen = then_final_async if answers is as_async_generator else then_final
    with asking(log, Answering(chosen, blocking=blocking)) as (peer, running):
        assert statuses(peer) == [PENDING, 0xA700]
        assert echoes(running)
    assert not log.events() or "service failed" not in log.events()


def test_one_answer_awaited(log: Recorder) -> None:
    async def later(operation: Operation) -> Answer:
        await asyncio.sleep(0)  # one turn of the loop
        return operation.request.response(0x0000)

    with asking(log, Answering(later)) as (peer, _):
        assert statuses(peer) == [0x0000]


def test_no_answers_at_all_are_success(log: Recorder) -> None:
    with asking(log, Answering(lambda operation: [])) as (peer, _):
        assert statuses(peer) == [0x0000]


# Failing


def fails_at_once(operation: Operation) -> Iterator[Answer]:
    raise ValueError("of a service")
    yield pending(operation)


def fails_later(operation: Operation) -> Iterator[Answer]:
    yield pending(operation)
    yield pending(operation)
    raise ValueError("of a service")


async def fails_later_async(operation: Operation) -> AsyncIterator[Answer]:
    yield pending(operation)
    yield pending(operation)
    raise ValueError("of a service")


def fails_outright(operation: Operation) -> Answer:
    raise ValueError("of a service")


@pytest.mark.parametrize(
    ("answers", "blocking", "before"),
    [
        *((fails_outright, blocking, 0) for blocking in (False, True)),
        *((fails_at_once, blocking, 0) for blocking in (False, True)),
        *((fails_later, blocking, 2) for blocking in (False, True)),
        (fails_later_async, False, 2),
    ],
)
def test_raising_is_0xc000_after_what_was_answered(log: Recorder, answers: Any, blocking: bool, before: int) -> None:
    with asking(log, Answering(answers, blocking=blocking)) as (peer, _):
        assert statuses(peer) == [PENDING] * before + [0xC000]
        peer.send(message(1, echo_request(8)))
        assert peer.response().status == 0x0000
    assert log.events().count("service failed") == 1


def test_an_answer_that_cannot_be_sent(log: Recorder) -> None:
    def of_something_else(operation: Operation) -> Iterator[Answer]:
        yield pending(operation)
        yield messages.C_ECHO_RSP(message_id_being_responded_to=7, status=0x0000)
        yield pending(operation)

    with asking(log, Answering(of_something_else)) as (peer, running):
        assert statuses(peer) == [PENDING, 0xC000]
        assert echoes(running)
    assert "response not sent" in log.events()


# Cancelled


class Endless:
    """Answers for ever, and knows how it ended."""

    def __init__(self) -> None:
        self.asked = 0
        self.closed = threading.Event()

    def plain(self, operation: Operation) -> Iterator[Answer]:
        try:
            for number in itertools.count():
                self.asked = number
                yield pending(operation)
        finally:
            self.closed.set()

    async def later(self, operation: Operation) -> AsyncIterator[Answer]:
        try:
            for number in itertools.count():
                self.asked = number
                yield pending(operation)
        finally:
            self.closed.set()


endless = pytest.mark.parametrize(("form", "blocking"), [("plain", False), ("plain", True), ("later", False)])


@endless
def test_cancelled(log: Recorder, form: str, blocking: bool) -> None:
    answers = Endless()
    with asking(log, Answering(getattr(answers, form), blocking=blocking)) as (peer, running):
        for _ in range(3):
            assert peer.response().status == PENDING
            peer.receive()
        peer.send(message(3, messages.C_CANCEL_RQ(message_id_being_responded_to=7)))
        assert statuses(peer)[-1] == 0xFE00
        assert answers.closed.wait(SECONDS)
        peer.send(message(3, messages.C_CANCEL_RQ(message_id_being_responded_to=7)))  # too late, and harmless
        peer.send(message(1, echo_request(8)))
        assert peer.response().status == 0x0000
        assert echoes(running)
    assert "service failed" not in log.events()


@pytest.mark.parametrize("is_async", [False, True])
def test_after_a_cancel_at_most_one_more_pending_response(log: Recorder, is_async: bool) -> None:
    go_on = threading.Semaphore(1)
    answers = Endless()

    def step_by_step(operation: Operation) -> Iterator[Answer]:
        for answer in answers.plain(operation):
            assert go_on.acquire(timeout=10.0)
            yield answer

    async def step_by_step_async(operation: Operation) -> AsyncIterator[Answer]:
        async for answer in answers.later(operation):
            assert await asyncio.to_thread(go_on.acquire, True, 10.0)
            yield answer

    service = Answering(step_by_step_async if is_async else step_by_step, blocking=not is_async)
    with asking(log, service) as (peer, running):
        assert peer.response().status == PENDING
        peer.receive()
        peer.send(message(3, messages.C_CANCEL_RQ(message_id_being_responded_to=7)))
        assert echoes(running)  # by now the cancel was read as well
        go_on.release()
        assert len(statuses(peer)) <= 2
        go_on.release()


def test_a_cancel_of_something_else_changes_nothing(log: Recorder) -> None:
    with asking(log, Answering(as_generator)) as (peer, _):
        peer.send(message(3, messages.C_CANCEL_RQ(message_id_being_responded_to=99)))
        assert statuses(peer) == [PENDING] * 3 + [0x0000]


# A peer that does not read, or goes away


@endless
def test_nobody_answers_faster_than_the_peer_reads(log: Recorder, form: str, blocking: bool) -> None:
    answers = Endless()
    big = IDENTIFIER + b"\x10\x00\x20\x00UT\x00\x00" + (1 << 16).to_bytes(4, "little") + b" " * (1 << 16)

    def large(operation: Operation) -> Iterator[Answer]:
        for _ in answers.plain(operation):
            yield pending(operation, big)

    async def large_later(operation: Operation) -> AsyncIterator[Answer]:
        async for _ in answers.later(operation):
            yield pending(operation, big)

    service = Answering(large_later if form == "later" else large, blocking=blocking)
    with asking(log, service, write_seconds=60.0) as (peer, running):
        asked = -1
        while asked != answers.asked:  # until it has stopped
            asked = answers.asked
            assert echoes(running)
            threading.Event().wait(0.1)
        (connection,) = (each for each in running.server.connections if each.exchange.performing)
        assert len(connection.exchange.outbox) <= 64
        assert asked < 2000  # 128 MiB: what sockets and one batch hold, and no more
        assert not answers.closed.is_set()
        peer.reset()
        assert answers.closed.wait(SECONDS)
        assert echoes(running)
    assert "service failed" not in log.events()


@endless
@pytest.mark.parametrize("how", ["abort", "reset"])
def test_the_association_ends_meanwhile(log: Recorder, form: str, blocking: bool, how: str) -> None:
    answers = Endless()
    with asking(log, Answering(getattr(answers, form), blocking=blocking)) as (peer, running):
        assert peer.response().status == PENDING
        if how == "abort":
            peer.send(Abort(0, 0))
        else:
            peer.reset()
        assert answers.closed.wait(SECONDS)
        assert echoes(running)
    assert "service failed" not in log.events()


# Sub-operations on the same association


class Invoking(Service):
    """Echoes back at the peer on context 1 before it answers, and remembers how that went."""

    def __init__(self) -> None:
        self.outcome: Any = None
        self.over = threading.Event()

    def supports(self, abstract_syntax: str) -> SupportedContext | None:
        return SupportedContext(None) if abstract_syntax == FIND else None

    async def perform(self, operation: Operation) -> AsyncIterator[Answer]:  # type: ignore[override]  # is Answers
        yield pending(operation)
        context: AcceptedContext = operation.caller.agreement.contexts[1]
        request = messages.C_ECHO_RQ(message_id=0, affected_sop_class_uid=VERIFICATION)
        try:
            answer: Response = await operation.caller.invoke(context, request, None)
            self.outcome = int(answer.message.status)
        except Exception as error:  # whatever it is, the test looks at it
            self.outcome = error
            raise
        finally:
            self.over.set()
        yield pending(operation)


def invoked(peer: Caller) -> Any:
    """The request of the service, behind its first answer."""
    assert peer.response().status == PENDING
    peer.receive()
    return peer.response()


def test_a_sub_operation(log: Recorder) -> None:
    service = Invoking()
    with asking(log, service) as (peer, _):
        request = invoked(peer)
        assert (request.name, request.affected_sop_class_uid) == ("C-ECHO-RQ", VERIFICATION)
        assert request.message_id > 0
        peer.send(message(1, request.response(0x0000)))
        assert statuses(peer) == [PENDING, 0x0000]
    assert service.outcome == 0x0000


def test_a_sub_operation_s_failure_is_an_answer_too(log: Recorder) -> None:
    service = Invoking()
    with asking(log, service) as (peer, _):
        peer.send(message(1, invoked(peer).response(0x0122)))
        assert statuses(peer) == [PENDING, 0x0000]
    assert service.outcome == 0x0122


@pytest.mark.parametrize("how", ["abort", "reset"])
def test_the_association_ends_during_a_sub_operation(log: Recorder, how: str) -> None:
    service = Invoking()
    with asking(log, service) as (peer, running):
        invoked(peer)
        if how == "abort":
            peer.send(Abort(0, 0))
        else:
            peer.reset()
        assert service.over.wait(SECONDS)
        assert echoes(running)
    assert isinstance(service.outcome, AssociationAborted | AssociationReleased | None)


def test_requests_behind_a_long_one_are_answered_in_their_turn(log: Recorder) -> None:
    gate = threading.Event()

    def waits(operation: Operation) -> Iterator[Answer]:
        yield pending(operation)
        gate.wait(10.0)
        yield pending(operation)

    with asking(log, Answering(waits, blocking=True)) as (peer, _):
        peer.send(message(1, echo_request(8)))
        assert peer.response().status == PENDING
        peer.receive()
        gate.set()
        assert statuses(peer) == [PENDING, 0x0000]
        assert peer.response().message_id_being_responded_to == 8
