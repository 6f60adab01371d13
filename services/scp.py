"""The SCP: an asyncio server that gives each connection an exchange and hands its requests to services.

    SCP("ARCHIVE", services=[Verification(), Storage("incoming/")]).serve(port=11112)

    with SCP("TEST", services=[Verification()]).running(port=0) as scp:      # in a thread of its own
        print(scp.port)

No thread per association and no polling. A service that may block is performed in a bounded pool of threads, so
receiving never waits for it; the others answer on the event loop, and the responses to all requests that came in one
piece leave in one write. Requests of one association are performed in the order they came.
"""

import asyncio
import signal
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache, partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from ..acse.agreement import AcceptedContext
from ..acse.association import Association, Timeouts
from ..acse.events import Aborted, Established, Initiator, Rejected, Released
from ..acse.policy import Policy, Reject, SupportedContext
from ..dimse import messages
from ..dimse.exchange import CancelRequested, DimseEvent, Exchange, Request, discard
from ..dimse.fragments import Sink
from ..dimse.status import PROCESSING_FAILURE
from ..dul.actions import Actions
from ..dul.errors import LocalProtocolError
from ..dul.pdu import AssociateRQ
from ..dul.transport.aio import AsyncioDriver
from ..dul.transport.listen import Listener
from ..dul.transport.sockets import bind
from ..dul.upper_layer import Trace
from .entity import Entity
from .log import Log, logger
from .service import Caller, Operation, Service
from .shutdown import Shutdown, acknowledge

if TYPE_CHECKING:
    import ssl

    from ..dul.transport.tls import Peer as TlsPeer

POOL = 8
"""Threads for services that block. Storing waits for the disk, which takes that many requests at a time well."""
DRAIN_SECONDS = 30.0
"""How long a stop waits for associations to end by themselves."""
ABORT_SECONDS = 1.0
"""How long it then waits for peers to close after our A-ABORT."""


class SCP:
    """A service class provider.

    Args:
        ae_title: own title. Associations that call another one are answered too, unless the policy says otherwise.
        services: what is offered; the first service that supports an abstract syntax serves it.
        policy: everything else an acceptor decides: see `Policy`, whose fields are the keywords.
        timeouts: see `Timeouts`.
        maximum_connections: open connections, with an association or without.
        tls: TLS context of `dulcet.dul.transport.tls.server_context`; None: plain TCP.
        family: address family to listen in, `socket.AF_INET` or `AF_INET6`; 0 takes both where it can.
        write_seconds: how long a peer may take no byte of what we send.
        pool: threads for services that block.
        on_event: called with (caller address, event) for each event of each association: progress, metrics.
        trace: see `UpperLayer`.
        actions: see `UpperLayer`.
        log: a structlog logger; by default dulcet's own.
        refuse: last word on a whole request whose titles have passed, before its contexts are judged.
    """

    def __init__(
        self,
        ae_title: str = "DULCET",
        services: Sequence[Service] = (),
        *,
        timeouts: Timeouts = Timeouts(),  # noqa: B008  # immutable
        maximum_connections: int = 1000,
        tls: "ssl.SSLContext | None" = None,
        family: int = 0,
        write_seconds: float = 30.0,
        pool: int = POOL,
        on_event: Callable[[tuple[Any, ...], DimseEvent], None] | None = None,
        trace: Trace | None = None,
        actions: type[Actions] = Actions,
        log: Log | None = None,
        refuse: Callable[[AssociateRQ], Reject | None] | None = None,
        **policy: Any,
    ) -> None:
        self.services = tuple(services)
        policy.setdefault("require_called_ae_title", False)
        self._refuse = refuse
        self._may_shut_down = any(isinstance(service, Shutdown) for service in services)
        self.policy = Policy(
            ae_title=ae_title,
            supports=cache(self._supports),
            request_policy=self._refusal,
            **policy,
        )
        self._servers: WeakSet[Server] = WeakSet()
        self.timeouts = timeouts
        self.maximum_connections = maximum_connections
        self.tls = tls
        self.family = family
        self.write_seconds = write_seconds
        self.pool_size = pool
        self.on_event = on_event
        self.trace = trace
        self.actions = actions
        self.log = log or logger()

    def _supports(self, abstract_syntax: str) -> SupportedContext | None:
        service = self.service_for(abstract_syntax)
        return None if service is None else service.supports(abstract_syntax)

    def _refusal(self, request: AssociateRQ) -> Reject | None:
        """Last word on a whole request: what the user has against it, or that it asks this server to stop."""
        refusal = self._refuse(request) if self._refuse is not None else None
        if refusal is None and self._may_shut_down:
            refusal = acknowledge(request)
            if refusal is not None:
                for server in self._servers:
                    server.request_stop()
        return refusal

    def service_for(self, abstract_syntax: str) -> Service | None:
        """The first service that supports an abstract syntax."""
        return next((service for service in self.services if service.supports(abstract_syntax) is not None), None)

    async def start(self, host: str = "", port: int = 0) -> "Server":
        """Listen, on the running event loop. Port 0 lets the system choose; `Server.port` tells."""
        server = Server(self)
        self._servers.add(server)
        await server.listen(host, port)
        return server

    def serve(self, host: str = "", port: int = 104, *, ready: "Callable[[Server], None] | None" = None) -> None:
        """Serve until SIGTERM or SIGINT, then drain and return; a second signal ends at once."""
        with _runner() as runner:
            runner.run(self._serve(host, port, ready))

    async def _serve(self, host: str, port: int, ready: "Callable[[Server], None] | None") -> None:
        server = await self.start(host, port)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, server.request_stop)
        try:
            if ready is not None:
                ready(server)
            await server.wait_stopped()
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    @contextmanager
    def running(self, host: str = "127.0.0.1", port: int = 0) -> "Iterator[RunningSCP]":
        """Serve in a thread of its own for as long as the block lasts."""
        running = RunningSCP(self, host, port)
        try:
            yield running
        finally:
            running.stop()


def _runner() -> asyncio.Runner:
    """An event loop: uvloop's where it is installed (`dulcet[fast]`), it is up to twice as fast."""
    try:
        import uvloop
    except ImportError:
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


class RunningSCP:
    """An SCP that serves in a thread of its own."""

    def __init__(self, scp: SCP, host: str, port: int) -> None:
        self._scp, self._host, self._port = scp, host, port
        self._ready = threading.Event()
        self._server: Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"dulcet SCP {scp.policy.ae_title}", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        with _runner() as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            self._server = await self._scp.start(self._host, self._port)
        except OSError as error:
            self._error = error
            return
        finally:
            self._ready.set()
        await self._server.wait_stopped()

    @property
    def server(self) -> "Server":
        """The server, which belongs to the thread."""
        assert self._server is not None  # __init__ raises otherwise
        return self._server

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self.server.port

    @property
    def entity(self) -> Entity:
        """How to reach it."""
        return Entity(self._scp.policy.ae_title or "ANY-SCP", self._host, self.port)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it has stopped, because someone asked it to (`Shutdown`); whether it has."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def stop(self, drain: float = DRAIN_SECONDS) -> None:
        """Stop accepting, wait `drain` seconds for associations to end, abort the rest. Harmless when done before."""
        if self._thread.is_alive() and self._loop is not None:
            with suppress(RuntimeError):  # it ended by itself in this moment, and its loop is closed
                self._loop.call_soon_threadsafe(self.server.request_stop, drain)
            self._thread.join()


class Server:
    """A listening SCP: its connections, its pool, its end."""

    def __init__(self, scp: SCP) -> None:
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
        self._listener: Listener | None = None
        self._stopping = False
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
        self._stopping = True
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
        self.pool.shutdown()
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
        """Whether new associations are refused because the server drains."""
        return self._stopping

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
        if self._overloaded or self._server.stopping:
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
