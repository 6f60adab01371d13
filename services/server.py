"""A listening SCP at work: its sockets, its connections, its pool of threads for services that block, its end."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from weakref import WeakSet

from ..dimse.exchange import DimseEvent
from ..dul.transport.aio import AsyncioDriver
from ..dul.transport.listen import Listener
from ..dul.transport.sockets import bind
from .connection import Connection
from .provider import Provider
from .verification import VERIFICATION

T = TypeVar("T")

DRAIN_SECONDS = 30.0
"""How long a stop waits for associations to end by themselves."""
ABORT_SECONDS = 1.0
"""How long it then waits for peers to close after our A-ABORT."""
PERFORM_SECONDS = 10.0
"""How long it then waits for services still at work in the pool: what they were asked for nobody waits for any more."""


class Server:
    """A listening SCP: its connections, its pool, its end."""

    def __init__(self, scp: Provider) -> None:
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
        self.working: set[asyncio.Future[Any]] = set()
        """What is being performed in the pool."""
        self._listener: Listener | None = None
        self._stopped = asyncio.Event()
        self._stop_task: asyncio.Task[None] | None = None
        self._numbers = 0

    async def listen(self, host: str, port: int) -> None:
        """Open the listening sockets."""
        self.scp.policy.supported(VERIFICATION)  # what services load for this must not keep the first peer waiting
        sockets = bind(host, port, family=self.scp.family, reuse_port=self.scp.reuse_port)
        self._listener = Listener(
            self._connection,
            sockets,
            max_connections=self.scp.maximum_connections,
            admits=lambda host: self.scp.allows(host) or self.scp.is_proxy(host),
            notice=self._notice,
        )
        self._listener.start()
        self.port = self._listener.port
        for service in self.scp.services:
            service.resume()

    async def work(self, do: Callable[..., T], *arguments: Any) -> T:
        """Run something that may block in the pool. It is waited for even when nobody needs its result any more."""
        future = self.loop.run_in_executor(self.pool, do, *arguments)
        self.working.add(future)
        future.add_done_callback(self.working.discard)
        return await asyncio.shield(future)

    def _notice(self, event: str, /, **fields: Any) -> None:
        """Log what the listener noticed: of an address the host, since every connection has another port."""
        if "peer" in fields:
            fields["peer"] = str(fields["peer"][0])
        if not fields["left_out"]:
            del fields["left_out"]
        self.scp.log.warning(event, **fields)

    def _connection(self, address: Any, overloaded: bool) -> "AsyncioDriver[DimseEvent]":
        self._numbers += 1
        connection = Connection(self, self._numbers, overloaded)
        if self.scp.is_proxy(str(address[0])):
            connection.expect_proxy_header()
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
