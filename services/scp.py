"""The SCP: an asyncio server that gives each connection an exchange and hands its requests to services.

    SCP("ARCHIVE", services=[Verification(), Storage("incoming/")]).serve(port=11112)

    with SCP("TEST", services=[Verification()]).running(port=0) as scp:      # in a thread of its own
        print(scp.port)

No thread per association and no polling: see `server`. What is served, to whom and how, is in `provider`; this module
runs it: on an event loop that is there already, on one of its own until a signal ends it, or in a thread.
"""

import asyncio
import gc
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from weakref import WeakSet

from ..acse.policy import Reject
from ..dul.pdu import AssociateRQ
from .entity import Entity
from .provider import Provider
from .server import DRAIN_SECONDS, Server
from .shutdown import Shutdown, acknowledge


class SCP(Provider):
    """A service class provider that listens; the arguments are those of `Provider`."""

    @cached_property
    def _servers(self) -> "WeakSet[Server]":
        """Where it listens."""
        return WeakSet()

    def _refusal(self, request: AssociateRQ) -> Reject | None:
        """What the user has against a request, or that it asks this server to stop."""
        refusal = super()._refusal(request)
        if refusal is None and any(isinstance(service, Shutdown) for service in self.services):
            refusal = acknowledge(request)
            if refusal is not None:
                for server in self._servers:
                    server.loop.call_soon_threadsafe(server.request_stop)
        return refusal

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
        gc.freeze()  # what is loaded by now stays, and need not be looked at whenever garbage is collected
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
