"""One connection of a server: an exchange, its driver, and the requests that wait to be performed.

A service that may block is performed in the server's pool of threads, the others on the event loop; the responses to
all requests that came in one piece leave in one write. Requests of one association are performed in the order they
came. Many answers to one request (C-FIND, C-GET, C-MOVE) leave no faster than the peer reads them, and none after a
C-CANCEL.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ..acse.agreement import AcceptedContext, Agreement
from ..acse.association import Association
from ..acse.events import Aborted, Established, Initiator, Rejected, Released
from ..dimse import messages
from ..dimse.exchange import CancelRequested, Dataset, DimseEvent, Request, Response, discard
from ..dimse.fragments import Sink
from ..dimse.status import CANCEL, SUCCESS
from ..dul.errors import LocalProtocolError
from ..dul.transport.aio import AsyncioDriver
from .answers import batches
from .errors import AssociationReleased, aborted
from .log import place
from .paced import PacedExchange
from .provider import Provider
from .service import Answer, Answers, Caller, Operation, Reply, Service, failure_of

if TYPE_CHECKING:
    from ..dul.transport.tls import Peer as TlsPeer
    from .proxy_protocol import Header

T = TypeVar("T")


class Host(Protocol):
    """The server of a connection, as far as a connection needs it."""

    scp: Provider
    """What it offers."""
    loop: asyncio.AbstractEventLoop
    """Where its connections live."""
    associations: int
    """How many of them have an association."""

    async def work(self, do: Callable[..., T], *arguments: Any) -> T:
        """Run something that may block in the pool."""


def _is_pending(answer: Answer) -> bool:
    return (answer.response if isinstance(answer, Reply) else answer).status.is_pending


def _count(server: Host, overloaded: bool) -> int:
    """How many associations there are, for the policy's limit: a server that cannot take one more has too many."""
    return server.scp.policy.maximum_associations if overloaded else server.associations


class Connection:
    """One connection of a server: an exchange, its driver, and the requests that wait to be performed."""

    def __init__(self, server: Host, number: int, overloaded: bool) -> None:
        scp = self._scp = server.scp
        self._server = server
        self._number = number
        association = Association(
            scp.policy,
            timeouts=scp.timeouts,
            associations=partial(_count, server, overloaded),
            trace=scp.trace,
            actions=scp.actions,
        )
        self.exchange = PacedExchange(association, open_sink=self._open_sink)
        self.driver = AsyncioDriver(
            self.exchange, self._on_events, tls=scp.tls, server_side=True, write_seconds=scp.write_seconds
        )
        self._caller: Caller | None = None
        self._waiting: deque[Operation] = deque()
        self._current: Operation | None = None
        self._woken: asyncio.Event | None = None  # of what takes answers out of the pool, once there was something
        self._task: asyncio.Task[None] | None = None  # that of the current operation, if it is one of the event loop
        self._invoked: dict[int, asyncio.Future[Response]] = {}
        self._aborting = False
        self._began = time.monotonic()
        self._messages = 0
        self._log = scp.log

    def expect_proxy_header(self) -> None:
        """The connection is a proxy's, and begins by telling for whom it is."""
        from .proxy_protocol import ProxyLayer

        self.driver.thing = ProxyLayer(self.driver.thing, self._admit, self._no_proxy_header)

    def _admit(self, header: "Header") -> bool:
        """Whether a connection may be for whom its proxy says. Where it does not say, the proxy's address counts."""
        proxy = self.driver.peer
        if header.local:
            return True
        self.driver.peer = header.source or proxy
        allowed = self._scp.allows(str(self.driver.peer[0]))
        if not allowed:
            self._log.warning("address-refused", peer=str(self.driver.peer[0]), proxy=str(proxy[0]))
        return allowed

    def _no_proxy_header(self, why: str) -> None:
        self._log.warning("proxy header refused", peer=str(self.driver.peer[0]), why=why)

    def close_if_unassociated(self) -> None:
        """While draining: do not wait for a peer that has not even asked."""
        if self.exchange.agreement is None:
            self.driver.abort()

    def abort(self, cause: str) -> None:
        """A-ABORT, whatever is under way."""
        self._on_events(self.driver, self.exchange.abort(time.monotonic(), cause))
        self.driver.flush()

    def request_abort(self, cause: str) -> None:
        """The same from any thread. A response that a service returns after this is not sent."""
        self._aborting = True
        self._server.loop.call_soon_threadsafe(self.abort, cause)

    # ---- events ----

    def _on_events(self, driver: "AsyncioDriver[DimseEvent]", events: list[DimseEvent]) -> None:
        for event in events:
            if type(event) is Request:
                self._request(event)
            else:
                self._other(event)
            if self._scp.on_event is not None:
                self._show("on_event", self._scp.on_event, self.driver.peer, event)

    def _show(self, name: str, look: Callable[..., None], *arguments: Any) -> None:
        """Let the application look on."""
        try:
            look(*arguments)
        except Exception as error:  # noqa: BLE001  # who looks on must not end an association
            self._log.error(f"{name} failed", association=self._number, error=type(error).__name__, at=place(error))

    def _other(self, event: DimseEvent) -> None:
        match event:
            case Response() if event.final:
                future = self._invoked.pop(event.request.message_id, None)
                if future is not None and not future.done():
                    future.set_result(event)
            case Established(agreement):
                self._server.associations += 1
                self._caller = self._new_caller(agreement)
                if self._scp.on_association is not None:
                    self._show("on_association", self._scp.on_association, self._caller)
            case CancelRequested(message_id):
                for operation in (self._current, *self._waiting):
                    if operation is not None and operation.request.message_id == message_id:
                        operation.cancelled = True
                if self._woken is not None:
                    self._woken.set()
            case Rejected() | Released() | Aborted():
                self._over(event)

    def _new_caller(self, agreement: Agreement) -> Caller:
        server = self._server
        title = self._scp.policy.ae_title or agreement.called_ae_title  # without one of its own it is whom peers call
        tls = self._tls_peer()
        return Caller(
            agreement, self.driver.peer, self.request_abort, self.invoke, tls, server.work, title, self._number
        )

    def _tls_peer(self) -> "TlsPeer | None":
        tls = self.driver.tls
        if tls is None or tls.connection is None:
            return None
        from ..dul.transport.tls import peer

        return peer(tls.connection)

    def _over(self, event: Rejected | Released | Aborted) -> None:
        """The association ended: one line in the log."""
        if self._caller is not None:
            self._server.associations -= 1
        for operation in self._waiting:
            discard(operation.sink)
        self._waiting.clear()
        if self._current is not None:
            self._current.cancelled = True  # for what looks for answers in a thread
        if self._task is not None:
            self._task.cancel()
        for future in self._invoked.values():
            if not future.done():
                future.set_exception(aborted(event) if isinstance(event, Aborted) else AssociationReleased("released"))
        self._invoked.clear()
        self.exchange.changed()
        self._log_line(event)
        self._caller = None

    def _log_line(self, event: Rejected | Released | Aborted) -> None:
        request = self.exchange.association.request
        fields: dict[str, object] = {"association": self._number, "peer": str(self.driver.peer[0])}
        if request is not None:
            fields |= {"calling": request.calling_ae_title, "called": request.called_ae_title}
        fields |= {"messages": self._messages, "seconds": round(time.monotonic() - self._began, 3)}
        match event:
            case Released():
                self._log.info("association released", **fields)
            case Rejected(_, why):
                self._log.info("association rejected", why=why, **fields)
            case Aborted(initiator, source, reason, cause, state):
                error = self.driver.error
                if initiator is Initiator.CONNECTION and error is not None:
                    cause = error.strerror or str(error)
                quiet = initiator is Initiator.CONNECTION and request is None  # a health check: connect and close
                level = self._log.info if quiet else self._log.warning
                level(
                    "association aborted",
                    by=str(initiator),
                    source=source,
                    reason=reason,
                    cause=cause,
                    state=state,
                    **fields,
                )

    # ---- requests ----

    def _service(self, context: AcceptedContext) -> Service:
        service = self._scp.service_for(context.abstract_syntax)
        assert service is not None  # the context was accepted for it
        return service

    def _open_sink(self, context: AcceptedContext, message: messages.Request) -> Sink:
        assert self._caller is not None  # messages come on established associations
        return self._service(context).open_sink(self._caller, context, message)

    def _request(self, event: Request) -> None:
        assert self._caller is not None  # messages come on established associations
        self._messages += 1
        operation = Operation(self._caller, event.context, event.message, event.sink)
        if self._current is None:
            self._perform(operation)
        else:
            self._waiting.append(operation)

    def _perform(self, operation: Operation) -> None:
        """Ask the service; what it answers at once is sent at once, all else is a task until its final answer."""
        service = self._service(operation.context)
        if not service.waits(operation):
            answers = self._ask(service, operation)
            if isinstance(answers, messages.Response | Reply):
                self._respond(operation, answers)
                return
            work = self._converse(operation, answers, blocking=False)
        else:
            work = self._in_pool(operation, service)
        self._current = operation
        self._task = self._server.loop.create_task(work)
        self._task.add_done_callback(self._performed)

    async def _in_pool(self, operation: Operation, service: Service) -> None:
        await self._converse(operation, await self._server.work(self._ask, service, operation), blocking=True)

    async def _converse(self, operation: Operation, answers: Answers, *, blocking: bool) -> None:
        """Send answers as they come, no faster than the peer takes them."""
        if isinstance(answers, messages.Response | Reply):
            self._respond(operation, answers)
            return
        self._woken = self._woken or asyncio.Event()  # 1 KiB that an idle association need not have
        taken = batches(answers, self._woken, self._server.work if blocking else None)
        try:
            async for batch in taken:
                for answer in batch:
                    if operation.cancelled and _is_pending(answer):
                        self._respond(operation, operation.request.response(CANCEL))
                    if not self._respond(operation, answer):
                        return
                if operation.cancelled and not batch:
                    break  # the service is at work on an answer that nobody waits for
                self.driver.flush()
                await self.exchange.room()
            self._respond(operation, operation.request.response(CANCEL if operation.cancelled else SUCCESS))
        except Exception as error:  # noqa: BLE001  # a service's bug is answered, logged, and no one else's business
            self._respond(operation, self._failed(error, operation))
        finally:
            await taken.aclose()

    async def invoke(
        self, context: AcceptedContext, request: messages.Request, dataset: Dataset | None = None
    ) -> Response:
        """Invoke an operation of ours on this association, and wait for its final response; see `Caller.invoke`."""
        # replace() takes dataclasses, and only message_types.pyi says that each Request is one
        numbered: messages.Request = replace(request, message_id=self.exchange.next_message_id())  # type: ignore[type-var]  # every one is a dataclass
        self.exchange.request(context.id, numbered, dataset, time.monotonic())
        future = self._invoked[numbered.message_id] = self._server.loop.create_future()
        self.driver.flush()
        response: Response = await future
        await self.exchange.room()  # it may have answered before it had everything (PS3.7 9.1.1.2)
        return response

    def _ask(self, service: Service, operation: Operation) -> Answers:
        try:
            return service.perform(operation)
        except Exception as error:  # noqa: BLE001  # as in `_converse`
            return self._failed(error, operation)

    def _failed(self, error: Exception, operation: Operation) -> messages.Response:
        self._log.error(
            "service failed",
            association=self._number,
            request=operation.request.name,
            error=type(error).__name__,
            at=place(error),
        )
        return failure_of(operation.request)

    def _performed(self, task: "asyncio.Task[None]") -> None:
        self._current = self._task = None
        error = None if task.cancelled() else task.exception()
        if error is not None:  # a response that cannot be sent, and neither can its replacement
            self._log.error(
                "association given up", association=self._number, error=type(error).__name__, at=place(error)
            )
            self.abort("a response could not be sent")
        while self._waiting and self._current is None:
            self._perform(self._waiting.popleft())
        self.driver.flush()

    def _respond(self, operation: Operation, answer: Answer) -> bool:
        """Send an answer; whether the operation goes on after it."""
        message_id = operation.request.message_id
        if self._aborting or message_id not in self.exchange.performing:
            return False  # the association ended meanwhile, or is about to
        response, dataset = (answer.response, answer.dataset) if isinstance(answer, Reply) else (answer, None)
        try:
            events = self.exchange.respond(operation.context.id, response, dataset, time.monotonic())
        except LocalProtocolError as error:  # a service answered what cannot be sent
            self._log.error("response not sent", association=self._number, error=str(error))
            events = self.exchange.respond(operation.context.id, failure_of(operation.request), None, time.monotonic())
        if events:
            self._on_events(self.driver, events)
        return message_id in self.exchange.performing
