"""What a service user does on an association, told without a transport: generators that wait for events.

A `Steps` generator sends through the exchange it was given, yields when it can only wait, is sent what happened and when,
and returns its result. The blocking and the asyncio SCU run the same steps; tests run them in memory.
"""

from collections.abc import Generator, Sequence
from typing import TypeVar

from ..acse.agreement import AcceptedContext, Agreement
from ..acse.events import Aborted, Established, Rejected, Released
from ..dimse.exchange import Dataset, DimseEvent, Exchange, Response
from ..dimse.messages import Message
from ..dul.pdu import AssociateRQ
from .errors import AssociationRejected, NoAcceptedContext, aborted

T = TypeVar("T")
Steps = Generator[None, tuple[Sequence[DimseEvent], float], T]
"""Yields to wait; is sent (events, now)."""


def failure(events: Sequence[DimseEvent]) -> None:
    """Raise what ended the association, if one of the events did.

    Raises:
        AssociationRejected: A-ASSOCIATE-RJ came.
        AssociationAborted: A-ABORT was sent or came, or the connection was lost.
    """
    for event in events:
        if isinstance(event, Aborted):
            raise aborted(event)
        if isinstance(event, Rejected):
            raise AssociationRejected(event)


def associate(exchange: Exchange, request: AssociateRQ, now: float) -> Steps[Agreement]:
    """Request the association and wait for the answer."""
    events: Sequence[DimseEvent] = exchange.associate(request, now)
    while True:
        failure(events)
        for event in events:
            if isinstance(event, Established):
                return event.agreement
        events, now = yield


def release(exchange: Exchange, now: float) -> Steps[None]:
    """Release the association, once everything is sent, and wait for the answer."""
    while exchange.sending:
        events, now = yield
        failure(events)
    events = exchange.release(now)
    while not any(isinstance(event, Released) for event in events):
        failure(events)
        events, now = yield


def final_response(message_id: int) -> Steps[Response]:
    """Wait for the final response to a request."""
    while True:
        events, _now = yield
        for event in events:
            if isinstance(event, Response) and event.final and event.request.message_id == message_id:
                return event
        failure(events)


def operation(
    exchange: Exchange, context: AcceptedContext, request: Message, dataset: Dataset | None, now: float
) -> Steps[Response]:
    """Invoke one operation with one response."""
    exchange.request(context.id, request, dataset, now)
    return (yield from final_response(request.message_id))


def context_for(agreement: Agreement, abstract_syntax: str, transfer_syntax: str | None = None) -> AcceptedContext:
    """The accepted presentation context for something.

    Raises:
        NoAcceptedContext: with what was offered and what the peer said to it.
    """
    context = agreement.context_for(abstract_syntax, transfer_syntax)
    if context is None:
        raise NoAcceptedContext(agreement, abstract_syntax, transfer_syntax)
    return context
