"""What a peer invokes on an association of ours: the services an SCU offers on it (PS3.7 10.1.1, PS3.4 J.3.3).

Requests are performed when the association is looked at: while an operation of ours waits for its response, and in
`wait_for`. On a blocking association they are performed in its own thread, async ones on an event loop made for them.
"""

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..acse.agreement import AcceptedContext
from ..dimse import messages
from ..dimse.exchange import DimseEvent, Exchange, Request, discard
from ..dimse.fragments import Memory, Sink
from ..dimse.status import UNRECOGNIZED_OPERATION
from .log import logger, place
from .service import Answer, Caller, Operation, Reply, Service, Work, failure_of
from .steps import Inbox


async def _no_event_loop(*_arguments: Any) -> Any:
    """Stands where services of a server find their event loop's means."""
    raise NotImplementedError("on an association of ours, its own methods invoke operations")


class Serving:
    """The services of one association.

    Args:
        services: what is offered; the first that supports an abstract syntax serves it.
        address: where the peer is.
        ae_title: our own title.
        now: the clock.
        work: runs something that may block in a thread; on an event loop only.
    """

    def __init__(
        self,
        services: Sequence[Service],
        address: tuple[Any, ...],
        ae_title: str,
        now: Callable[[], float],
        work: Work = _no_event_loop,
    ) -> None:
        self._services = tuple(services)
        self._address = address
        self._ae_title = ae_title
        self._now = now
        self._work = work
        self.exchange: Exchange | None = None
        """The association, once there is one."""

    def service_for(self, abstract_syntax: str) -> Service | None:
        """The first service that supports an abstract syntax."""
        return next((each for each in self._services if each.supports(abstract_syntax) is not None), None)

    @contextmanager
    def offering(self, service: Service) -> Iterator[None]:
        """Offer one more service for as long as the block lasts."""
        before = self._services
        self._services = (*before, service)
        try:
            yield
        finally:
            self._services = before

    @property
    def _caller(self) -> Caller:
        assert self.exchange is not None
        assert self.exchange.agreement is not None  # requests come after that
        agreement = self.exchange.agreement
        return Caller(
            agreement=agreement,
            address=self._address,
            abort=self._abort,
            invoke=_no_event_loop,
            work=self._work,
            ae_title=self._ae_title,
        )

    def _abort(self, cause: str) -> None:
        assert self.exchange is not None  # as above
        self.exchange.abort(self._now(), cause)

    def open_sink(self, context: AcceptedContext, request: messages.Request) -> Sink:
        """Where a data set goes; see `Service.open_sink`."""
        service = self.service_for(context.abstract_syntax)
        return Memory() if service is None else service.open_sink(self._caller, context, request)

    def operations(self, inbox: Inbox) -> Iterator[tuple[Service, Operation]]:
        """Take requests out of the inbox; the rest stays in its order. What no service is for is refused."""
        for event in [each for each in inbox if isinstance(each, Request)]:
            inbox.remove(event)
            operation = Operation(self._caller, event.context, event.message, event.sink)
            service = self.service_for(event.context.abstract_syntax)
            if service is not None:
                yield service, operation
                continue
            discard(event.sink)
            inbox += self._respond(operation, event.message.response(UNRECOGNIZED_OPERATION))

    def serve(self, inbox: Inbox) -> bool:
        """Perform everything in the inbox, here and now; whether there was anything."""
        served = False
        for service, operation in self.operations(inbox):
            served = True
            try:
                answers = service.perform(operation)
                if isinstance(answers, Awaitable | AsyncIterable):
                    import asyncio  # costs 40 ms, which plain services need not pay

                    answers = asyncio.run(_gathered(answers))
                for answer in _each(answers):
                    inbox += self._respond(operation, answer)
            except Exception as error:  # noqa: BLE001  # a service's bug is answered and logged
                inbox += self._failed(operation, error)
        return served

    async def serve_async(self, inbox: Inbox) -> bool:
        """The same on an event loop; services that block are asked in a thread."""
        served = False
        for service, operation in self.operations(inbox):
            served = True
            try:
                perform = service.perform
                answers = await self._work(perform, operation) if service.waits(operation) else perform(operation)
                if isinstance(answers, Awaitable | AsyncIterable):
                    answers = await _gathered(answers)
                for answer in _each(answers):
                    inbox += self._respond(operation, answer)
            except Exception as error:  # noqa: BLE001  # as above
                inbox += self._failed(operation, error)
        return served

    def _failed(self, operation: Operation, error: Exception) -> list[DimseEvent]:
        request = operation.request
        logger().error("service failed", request=request.name, error=type(error).__name__, at=place(error))
        return self._respond(operation, failure_of(request))

    def _respond(self, operation: Operation, answer: Answer) -> list[DimseEvent]:
        """Send an answer, where it can still be heard."""
        exchange = self.exchange
        assert exchange is not None  # the request came on it
        if operation.request.message_id not in exchange.performing or not exchange.association.established:
            return []
        response, dataset = (answer.response, answer.dataset) if isinstance(answer, Reply) else (answer, None)
        return exchange.respond(operation.context.id, response, dataset, self._now())


async def _gathered(answers: Awaitable[Answer] | AsyncIterable[Answer]) -> list[Answer]:
    """The answers of an async service."""
    if isinstance(answers, Awaitable):
        return [await answers]
    return [answer async for answer in answers]


def _each(answers: Answer | Iterable[Answer]) -> Iterable[Answer]:
    return (answers,) if isinstance(answers, messages.Response | Reply) else answers
