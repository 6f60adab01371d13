"""What a service user does on an association, told without a transport: generators that wait for events.

A `Steps` generator sends through the exchange it was given, yields when it can only wait, is sent what happened and
when, and returns its result. What happened lies in an inbox: steps take events from its left, all of them before they
wait again, and what they leave when they return is for the steps that come next. The blocking and the asyncio SCU run
the same steps; tests run them in memory.
"""

from collections import deque
from collections.abc import Generator
from typing import TypeVar

from ..acse.agreement import AcceptedContext, Agreement
from ..acse.events import Aborted, Established, Rejected, Released
from ..dimse.exchange import Dataset, DimseEvent, Ending, Exchange, Response
from ..dimse.messages import Request
from ..dul.pdu import AssociateRQ
from ..dul.ranges import MINIMUM_MAXIMUM_LENGTH
from .errors import AssociationRejected, AssociationReleased, NoAcceptedContext, aborted

T = TypeVar("T")
Inbox = deque[DimseEvent]
"""Events in the order they happened."""
Steps = Generator[None, tuple[Inbox, float], T]
"""Yields to wait; is sent (inbox, now)."""
CONFIRM_SECONDS = 30.0
"""How long who releases waits for the end of operations it has cancelled."""


def failure(ending: Ending | None) -> None:
    """Raise what ended the association, if it has ended.

    Raises:
        AssociationRejected: A-ASSOCIATE-RJ came.
        AssociationAborted: A-ABORT was sent or came, or the connection was lost.
        AssociationReleased: it was released.
    """
    match ending:
        case Aborted():
            raise aborted(ending)
        case Rejected():
            raise AssociationRejected(ending)
        case Released():
            raise AssociationReleased("the association was released")


def associate(exchange: Exchange, request: AssociateRQ, now: float) -> Steps[Agreement]:
    """Request the association and wait for the answer; one on which nothing could ever be sent is aborted."""
    exchange.associate(request, now)
    while True:
        inbox, now = yield
        failure(exchange.ending)
        while inbox:
            event = inbox.popleft()
            if isinstance(event, Established):
                if 0 < event.agreement.maximum_send_length < MINIMUM_MAXIMUM_LENGTH:
                    cause = (
                        f"no fragment fits into a P-DATA-TF of {event.agreement.maximum_send_length} (PS3.8 D.1, E.1)"
                    )
                    exchange.abort(now, cause)
                    failure(exchange.ending)
                return event.agreement


def release(exchange: Exchange, now: float) -> Steps[None]:
    """Release the association, once everything is sent and confirmed, and wait for the answer. Released already will
    do."""
    now = yield from sent(exchange, now)
    now = yield from _confirmed(exchange, now)
    if exchange.ending is None and not exchange.association.release_unanswered:
        exchange.release(now)
    while not isinstance(exchange.ending, Released):
        failure(exchange.ending)
        inbox, _now = yield
        inbox.clear()


def sent(exchange: Exchange, now: float) -> Steps[float]:
    """Wait until everything has left the exchange; the time when it had. What happens meanwhile is not heard."""
    while exchange.sending:
        inbox, now = yield
        inbox.clear()
    return now


def _confirmed(exchange: Exchange, now: float) -> Steps[float]:
    """Wait until the peer has confirmed all we invoked, as PS3.7 A.5 demands of who releases; what can be cancelled is.
    What still goes on after `CONFIRM_SECONDS` is aborted."""
    for message_id, operation in exchange.outstanding.items():
        if operation.can_be_cancelled:
            exchange.cancel(message_id, now)
    until = now + CONFIRM_SECONDS
    while exchange.outstanding:
        inbox, now = yield
        inbox.clear()
        if exchange.outstanding and now > until:
            exchange.abort(now, f"operations go on {CONFIRM_SECONDS:g} s after they should end")
    return now


def response(exchange: Exchange, message_id: int) -> Steps[Response]:
    """Wait for the next response to a request, pending or final."""
    while True:
        inbox, _now = yield
        while inbox:
            event = inbox.popleft()
            if isinstance(event, Response) and event.request.message_id == message_id:
                return event
        failure(exchange.ending)


def operation(
    exchange: Exchange, context: AcceptedContext, request: Request, dataset: Dataset | None, now: float
) -> Steps[Response]:
    """Invoke one operation and wait for its final response."""
    failure(exchange.ending)
    exchange.request(context.id, request, dataset, now)
    while True:
        answer = yield from response(exchange, request.message_id)
        if answer.final:
            return answer


def context_for(agreement: Agreement, abstract_syntax: str, transfer_syntax: str | None = None) -> AcceptedContext:
    """The accepted presentation context for something.

    Raises:
        NoAcceptedContext: with what was offered and what the peer said to it.
    """
    context = agreement.context_for(abstract_syntax, transfer_syntax)
    if context is None:
        raise NoAcceptedContext(agreement, abstract_syntax, transfer_syntax)
    return context
