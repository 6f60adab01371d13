"""The SCP: an asyncio server that gives each connection an exchange and hands its requests to services.

    SCP("ARCHIVE", services=[Verification(), Storage("incoming/")]).serve(port=11112)

    with SCP("TEST", services=[Verification()]).running(port=0) as scp:      # in a thread of its own
        print(scp.port)

No thread per association and no polling: see `server`. This module says what is served, and runs it: on an event loop
that is there already, on one of its own until a signal ends it, or in a thread.
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from ..acse.association import Timeouts
from ..acse.policy import Policy, Reject, SupportedContext
from ..dimse.exchange import DimseEvent
from ..dul.actions import Actions
from ..dul.pdu import AssociateRQ
from ..dul.upper_layer import Trace
from .addresses import Networks
from .entity import Entity
from .log import Log, logger
from .server import DRAIN_SECONDS, Server
from .service import Service
from .shutdown import Shutdown, acknowledge

if TYPE_CHECKING:
    import ssl

POOL = 8
"""Threads for services that block. Storing waits for the disk, which takes that many requests at a time well."""
REMEMBERED = 1024
"""Abstract syntaxes whose support is remembered: more than there are, and a bound on what peers can make us keep."""


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
        allowed_addresses: networks ("10.0.0.0/8") and addresses that may connect; None: any.
        proxy_networks: those from which proxies connect, which must say for whom by the PROXY protocol.
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
        allowed_addresses: Sequence[str] | None = None,
        proxy_networks: Sequence[str] = (),
        **policy: Any,
    ) -> None:
        self.services = tuple(services)
        policy.setdefault("require_called_ae_title", False)
        policy.setdefault("extended_negotiation", self._negotiate)
        self._allowed = None if allowed_addresses is None else Networks(allowed_addresses)
        self._proxies = Networks(proxy_networks)
        self._refuse = refuse
        self._may_shut_down = any(isinstance(service, Shutdown) for service in services)
        self.policy = Policy(
            ae_title=ae_title,
            supports=lru_cache(REMEMBERED)(self._supports),
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

    def allows(self, host: str) -> bool:
        """Whether connections may be from here."""
        return self._allowed is None or host in self._allowed

    def is_proxy(self, host: str) -> bool:
        """Whether connections from here begin with a PROXY header."""
        return host in self._proxies

    def _supports(self, abstract_syntax: str) -> SupportedContext | None:
        """As the service that serves it does; the requestor may also be SCP where any other service lets it."""
        service = self.service_for(abstract_syntax)
        supported = None if service is None else service.supports(abstract_syntax)
        if supported is None or supported.scp_role:
            return supported
        others = (each.supports(abstract_syntax) for each in self.services)
        return replace(supported, scp_role=any(each is not None and each.scp_role for each in others))

    def _negotiate(self, abstract_syntax: str, information: bytes) -> bytes | None:
        service = self.service_for(abstract_syntax)
        return None if service is None else service.negotiate(abstract_syntax, information)

    def _refusal(self, request: AssociateRQ) -> Reject | None:
        """Last word on a whole request: what the user has against it, or that it asks this server to stop."""
        refusal = self._refuse(request) if self._refuse is not None else None
        if refusal is None and self._may_shut_down:
            refusal = acknowledge(request)
            if refusal is not None:
                for server in self._servers:
                    server.loop.call_soon_threadsafe(server.request_stop)
        return refusal

    def service_for(self, abstract_syntax: str) -> Service | None:
        """The first service that supports an abstract syntax with the requestor as SCU, or else as SCP only."""
        found: Service | None = None
        for service in self.services:
            supported = service.supports(abstract_syntax)
            if supported is not None and supported.scu_role:
                return service
            if supported is not None:
                found = found or service
        return found

    async def start(self, host: str = "", port: int = 0) -> Server:
        """Listen, on the running event loop. Port 0 lets the system choose; `Server.port` tells."""
        server = Server(self)
        self._servers.add(server)
        await server.listen(host, port)
        return server

    def serve(self, host: str = "", port: int = 104, *, ready: Callable[[Server], None] | None = None) -> None:
        """Serve until SIGTERM or SIGINT, then drain and return; a second signal ends at once."""
        with _runner() as runner:
            runner.run(self._serve(host, port, ready))

    async def _serve(self, host: str, port: int, ready: Callable[[Server], None] | None) -> None:
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
        except Exception as error:  # noqa: BLE001  # raised again in the thread that asked for the server
            self._error = error
            return
        finally:
            self._ready.set()
        await self._server.wait_stopped()

    @property
    def server(self) -> Server:
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
