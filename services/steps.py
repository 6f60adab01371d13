"""What a service user does on an association, told without a transport: generators that wait for events.

A `Steps` generator sends through the exchange it was given, yields when it can only wait, is sent what happened and
when, and returns its result. The blocking and the asyncio SCU run the same steps; tests run them in memory.
"""

from collections.abc import Generator, Sequence
from typing import TypeVar

from ..acse.agreement import AcceptedContext, Agreement
from ..acse.events import Aborted, Established, Rejected, Released
from ..dimse.exchange import Dataset, DimseEvent, Ending, Exchange, Response
from ..dimse.messages import Request
from ..dul.pdu import AssociateRQ
from .errors import AssociationRejected, AssociationReleased, NoAcceptedContext, aborted

T = TypeVar("T")
Steps = Generator[None, tuple[Sequence[DimseEvent], float], T]
"""Yields to wait; is sent (events, now)."""


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
    """Request the association and wait for the answer."""
    events: Sequence[DimseEvent] = exchange.associate(request, now)
    while True:
        failure(exchange.ending)
        for event in events:
            if isinstance(event, Established):
                return event.agreement
        events, now = yield


def release(exchange: Exchange, now: float) -> Steps[None]:
    """Release the association, once everything is sent, and wait for the answer. Released already will do."""
    while exchange.sending:
        _events, now = yield
    if exchange.ending is None and not exchange.association.release_unanswered:
        exchange.release(now)
    while not isinstance(exchange.ending, Released):
        failure(exchange.ending)
        yield


def final_response(exchange: Exchange, message_id: int) -> Steps[Response]:
    """Wait for the final response to a request."""
    while True:
        events, _now = yield
        for event in events:
            if isinstance(event, Response) and event.final and event.request.message_id == message_id:
                return event
        failure(exchange.ending)


def operation(
    exchange: Exchange, context: AcceptedContext, request: Request, dataset: Dataset | None, now: float
) -> Steps[Response]:
    """Invoke one operation with one response."""
    failure(exchange.ending)
    exchange.request(context.id, request, dataset, now)
    return (yield from final_response(exchange, request.message_id))


def context_for(agreement: Agreement, abstract_syntax: str, transfer_syntax: str | None = None) -> AcceptedContext:
    """The accepted presentation context for something.

    Raises:
        NoAcceptedContext: with what was offered and what the peer said to it.
    """
    context = agreement.context_for(abstract_syntax, transfer_syntax)
    if context is None:
        raise NoAcceptedContext(agreement, abstract_syntax, transfer_syntax)
    return context
