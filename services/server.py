"""A listening SCP at work: its connections, the requests that wait to be performed, its end.

Each connection is an exchange and its driver. A service that may block is performed in the server's pool of threads,
the others on the event loop; the responses to all requests that came in one piece leave in one write. Requests of one
association are performed in the order they came.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from ..acse.agreement import AcceptedContext
from ..acse.association import Association
from ..acse.events import Aborted, Established, Initiator, Rejected, Released
from ..dimse import messages
from ..dimse.exchange import CancelRequested, DimseEvent, Exchange, Request, discard
from ..dimse.fragments import Sink
from ..dimse.status import PROCESSING_FAILURE
from ..dul.errors import LocalProtocolError
from ..dul.transport.aio import AsyncioDriver
from ..dul.transport.listen import Listener
from ..dul.transport.sockets import bind
from .service import Caller, Operation, Service

if TYPE_CHECKING:
    from ..dul.transport.tls import Peer as TlsPeer
    from .scp import SCP

DRAIN_SECONDS = 30.0
"""How long a stop waits for associations to end by themselves."""
ABORT_SECONDS = 1.0
"""How long it then waits for peers to close after our A-ABORT."""
PERFORM_SECONDS = 10.0
"""How long it then waits for services still at work in the pool: what they were asked for nobody waits for any more."""


class Server:
    """A listening SCP: its connections, its pool, its end."""

    def __init__(self, scp: "SCP") -> None:
        self.scp = scp
        self.loop = asyncio.get_running_loop()
        """The event loop it runs on."""
        self.connections: WeakSet[Connection] = WeakSet()
        """Every open connection; the listener holds them."""
        self.associations = 0
        """How many of them have an association."""
        self.pool = ThreadPoolExecutor(scp.pool_size, thread_name_prefix="dulcet service")
        self.port = 0
        """The port it listens on, or did."""
        self.working: set[asyncio.Future[messages.Response | Awaitable[messages.Response]]] = set()
        """What is being performed in the pool."""
        self._listener: Listener | None = None
        self._stopped = asyncio.Event()
        self._stop_task: asyncio.Task[None] | None = None
        self._numbers = 0

    async def listen(self, host: str, port: int) -> None:
        """Open the listening sockets."""
        sockets = bind(host, port, family=self.scp.family)
        self._listener = Listener(
            self._connection, sockets, max_connections=self.scp.maximum_connections, notice=self._notice
        )
        self._listener.start()
        self.port = self._listener.port

    def _notice(self, event: str, /, **fields: object) -> None:
        self.scp.log.warning(event, **fields)

    def _connection(self, _address: Any, overloaded: bool) -> "AsyncioDriver[DimseEvent]":
        self._numbers += 1
        connection = Connection(self, self._numbers, overloaded)
        self.connections.add(connection)
        return connection.driver

    def request_stop(self, drain: float = DRAIN_SECONDS) -> None:
        """Stop accepting and drain; asked a second time, end at once."""
        if self._stop_task is None:
            self._stop_task = asyncio.get_running_loop().create_task(self._stop(drain))
        else:
            self._abort_all("server stops")

    async def _stop(self, drain: float) -> None:
        assert self._listener is not None  # `listen` was called
        self._listener.stop_accepting()
        for connection in list(self.connections):
            connection.close_if_unassociated()
        try:
            async with asyncio.timeout(drain):
                await self._listener.wait_closed()
        except TimeoutError:
            self._abort_all("server stops")
            await self._close()
        if self.working:
            await asyncio.wait(self.working, timeout=PERFORM_SECONDS)
        self.pool.shutdown(wait=False, cancel_futures=True)
        self._stopped.set()

    async def _close(self) -> None:
        """Give peers a moment to take our A-ABORT and close, then break what is left."""
        assert self._listener is not None  # `listen` was called
        try:
            async with asyncio.timeout(ABORT_SECONDS):
                await self._listener.wait_closed()
        except TimeoutError:
            self._listener.close()
            await self._listener.wait_closed()

    def _abort_all(self, cause: str) -> None:
        for connection in list(self.connections):
            connection.abort(cause)

    @property
    def stopping(self) -> bool:
        """Whether it drains, or has."""
        return self._stop_task is not None

    async def wait_stopped(self) -> None:
        """Until `request_stop` has done its work."""
        await self._stopped.wait()


class Connection:
    """One connection of a server: an exchange, its driver, and the requests that wait to be performed."""

    def __init__(self, server: Server, number: int, overloaded: bool) -> None:
        scp = server.scp
        self._server = server
        self._number = number
        self._overloaded = overloaded
        association = Association(
            scp.policy, timeouts=scp.timeouts, associations=self._count, trace=scp.trace, actions=scp.actions
        )
        self.exchange = Exchange(association, open_sink=self._open_sink)
        self.driver = AsyncioDriver(
            self.exchange, self._on_events, tls=scp.tls, server_side=True, write_seconds=scp.write_seconds
        )
        self._caller: Caller | None = None
        self._waiting: deque[Operation] = deque()
        self._current: Operation | None = None
        self._aborting = False
        self._began = time.monotonic()
        self._messages = 0
        self._log = scp.log

    def _count(self) -> int:
        """How many associations there are, for the policy's limit: a server that cannot take one more has too many."""
        if self._overloaded:
            return self._server.scp.policy.maximum_associations
        return self._server.associations

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
            if self._server.scp.on_event is not None:
                self._server.scp.on_event(driver.peer, event)

    def _other(self, event: DimseEvent) -> None:
        match event:
            case Established(agreement):
                self._server.associations += 1
                self._caller = Caller(agreement, self.driver.peer, self.request_abort, self._tls_peer())
            case CancelRequested(message_id):
                for operation in (self._current, *self._waiting):
                    if operation is not None and operation.request.message_id == message_id:
                        operation.cancelled = True
            case Rejected() | Released() | Aborted():
                self._over(event)

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
        service = self._server.scp.service_for(context.abstract_syntax)
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
        service = self._service(operation.context)
        if service.blocking:
            self._current = operation
            loop = asyncio.get_running_loop()
            future = loop.run_in_executor(self._server.pool, self._ask, service, operation)
            self._server.working.add(future)
            future.add_done_callback(self._server.working.discard)
            future.add_done_callback(partial(self._performed, operation))
            return
        answer = self._ask(service, operation)
        if isinstance(answer, Awaitable):
            self._current = operation
            task = asyncio.ensure_future(self._await(answer, operation))
            task.add_done_callback(partial(self._performed, operation))
        else:
            self._respond(operation, answer)

    def _ask(self, service: Service, operation: Operation) -> messages.Response | Awaitable[messages.Response]:
        try:
            return service.perform(operation)
        except Exception as error:  # noqa: BLE001  # a service's bug is answered, logged, and no one else's business
            return self._failed(error, operation)

    async def _await(self, answer: Awaitable[messages.Response], operation: Operation) -> messages.Response:
        try:
            return await answer
        except Exception as error:  # noqa: BLE001  # as above
            return self._failed(error, operation)

    def _failed(self, error: Exception, operation: Operation) -> messages.Response:
        self._log.error(
            "service failed",
            association=self._number,
            request=operation.request.name,
            error=type(error).__name__,
            exc_info=error,
        )
        return operation.request.response(PROCESSING_FAILURE)

    def _performed(self, operation: Operation, done: "asyncio.Future[Any]") -> None:
        self._current = None
        if not done.cancelled():
            self._respond(operation, done.result())
        while self._waiting and self._current is None:
            self._perform(self._waiting.popleft())
        self.driver.flush()

    def _respond(self, operation: Operation, response: messages.Response) -> None:
        if self._aborting or operation.request.message_id not in self.exchange.performing:
            return  # the association ended meanwhile, or is about to
        try:
            events = self.exchange.respond(operation.context.id, response, None, time.monotonic())
        except LocalProtocolError as error:  # a service answered what cannot be sent
            self._log.error("response not sent", association=self._number, error=str(error))
            events = self.exchange.respond(
                operation.context.id, operation.request.response(PROCESSING_FAILURE), None, time.monotonic()
            )
        self._on_events(self.driver, events)
