"""Accept connections, with limits, so that no peer can keep another waiting.

The accept loop is ours: asyncio's logs a traceback for every failed attempt when descriptors run out, and
knows no limits. It never waits on a peer. Each connection is counted from accept to its very end; over
`max_connections` a few more are let in so that the thing above can answer A-ASSOCIATE-RJ (local limit
exceeded, PS3.8 Table 9-21), beyond those the door is simply shut. TLS handshakes have places of their own;
who finds none waits in line, unread, and whoever has begun to speak goes before the silent.
"""

import asyncio
import errno
import os
import resource
import select
import socket
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

from .aio_driver import AsyncioDriver

Driver = AsyncioDriver[Any]

SPARE_DESCRIPTORS = 64
"""Descriptors left for files, logs and outgoing associations."""
PAUSE_SECONDS = 0.1
"""How long to stop accepting when descriptors ran out: time for connections to end."""
NOTICE_SECONDS = 1.0
"""At most one notice of a kind in this time; the next says how many were left out."""
ACCEPTS = 64
"""Connections taken at once, before those that stand have their turn."""
CROWDED_SECONDS = 1.0
"""A handshake that took longer than this gives its place to those in line."""
SHORT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""The machine, or our share of it, is full."""


class Notice(Protocol):
    """Where the listener tells what it did; a logger's method will do."""

    def __call__(self, event: str, /, **fields: object) -> None:
        """`event` is a word of this module, `fields` say more."""


def _silence(event: str, /, **fields: object) -> None:
    """Tell no one."""


class Listener:
    """Accepts on `sockets` (from `sockets.bind`), makes a driver for each connection and keeps count.

    `driver_factory(peer_address, overloaded)` returns a fresh `AsyncioDriver(..., server_side=True)`; when
    overloaded, its thing is to refuse politely. A host that `admits` does not is shut out without a word.
    """

    def __init__(
        self,
        driver_factory: Callable[[Any, bool], Driver],
        sockets: Sequence[socket.socket],
        *,
        max_connections: int = 1000,
        max_per_address: int = 0,
        reject_slots: int = 16,
        max_handshakes: int = 64,
        admits: Callable[[str], bool] = lambda host: True,  # noqa: ARG005  # a question's default answer
        notice: Notice = _silence,
    ) -> None:
        self._admits = admits
        self._factory, self.sockets = driver_factory, list(sockets)
        self.max_connections = max_connections
        """Connections at once; lowered at start where the process may not open that many descriptors."""
        self._max_per_address, self._reject_slots, self._max_handshakes = (
            max_per_address,
            reject_slots,
            max_handshakes,
        )
        self._notify = notice
        self.connections: set[Driver] = set()
        """Those within the limit."""
        self.rejecting: set[Driver] = set()
        """Those let in to be refused."""
        self._by_address: Counter[str] = Counter()
        self._handshakes: dict[Driver, float] = {}  # since when, oldest first
        self._line: deque[tuple[Driver, socket.socket]] = deque()  # waiting for a handshake's place
        self._tasks: set[asyncio.Task[None]] = set()
        self._hurrying: asyncio.TimerHandle | None = None
        self._idle = asyncio.Event()
        self._accepting = False
        self._reserve = -1
        self._told: dict[str, tuple[float, int]] = {}

    @property
    def port(self) -> int:
        """The port bound to."""
        return int(self.sockets[0].getsockname()[1])

    @property
    def handshakes(self) -> int:
        """TLS handshakes going on."""
        return len(self._handshakes)

    def start(self) -> None:
        """Accept from now on; needs the running loop."""
        self._loop = asyncio.get_running_loop()
        descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        room = max(1, descriptors // 2 - SPARE_DESCRIPTORS)
        if descriptors != resource.RLIM_INFINITY and room < self.max_connections:
            self._notice("max-connections-lowered", wanted=self.max_connections, to=room)
            self.max_connections = room
        self._accepting = True
        self._watch()

    def stop_accepting(self) -> None:
        """Close the door; connections that stand go on."""
        self._accepting = False
        for sock in self.sockets:
            if sock.fileno() >= 0:
                self._loop.remove_reader(sock)
                sock.close()
        if self._reserve >= 0:
            os.close(self._reserve)
            self._reserve = -1

    def close(self) -> None:
        """Close the door and break every connection."""
        self.stop_accepting()
        while self._line:
            driver, sock = self._line.popleft()
            self._shut(driver, sock)
        for driver in [*self.connections, *self.rejecting]:
            driver.abort()

    async def wait_closed(self) -> None:
        """Until no connection is left."""
        while self.connections or self.rejecting or self._tasks:
            self._idle.clear()
            await self._idle.wait()

    # Accepting

    def _watch(self) -> None:
        if self._accepting:
            if self._reserve < 0:
                self._keep_reserve()
            for sock in self.sockets:
                self._loop.add_reader(sock, self._accept, sock)

    def _accept(self, listening: socket.socket) -> None:
        """Take who is waiting; survives whatever accept may say.

        To ask whether there is another costs an exception: where nobody else is here, the loop asks by itself.
        (One client 2 690 to 2 830 associations a second; never to ask cost eight clients a sixth.)
        """
        for _ in range(ACCEPTS if self.connections else 1):
            try:
                sock, peer = listening.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:  # gone before we came
                continue
            except OSError as error:
                self._short(listening, error)
                return
            try:
                self._take(sock, peer)
            except Exception as error:  # noqa: BLE001  # a factory's fault ends one connection, not the service
                sock.close()
                self._notice("accept-failed", peer=peer, error=error)

    def _short(self, listening: socket.socket, error: OSError) -> None:
        """Out of descriptors or memory: turn one away with the descriptor kept for that, then pause."""
        self._notice("accept-failed", error=error)
        if error.errno in SHORT and self._reserve >= 0:
            os.close(self._reserve)
            with suppress(OSError):  # the peer went away
                listening.accept()[0].close()
            self._keep_reserve()
        for sock in self.sockets:
            self._loop.remove_reader(sock)
        self._loop.call_later(PAUSE_SECONDS, self._watch)

    def _keep_reserve(self) -> None:
        try:
            self._reserve = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:  # taken by another: tried again after the pause
            self._reserve = -1

    def _take(self, sock: socket.socket, peer: Any) -> None:
        host = str(peer[0])
        if not self._admits(host):
            self._notice("address-refused", peer=peer)
            sock.close()
            return
        many = self._max_per_address and self._by_address[host] >= self._max_per_address
        overloaded = bool(many) or len(self.connections) >= self.max_connections
        if overloaded:
            self._notice("overloaded", peer=peer, connections=len(self.connections))
            if len(self.rejecting) >= self._reject_slots:
                sock.close()
                return
        sock.setblocking(False)
        driver = self._factory(peer, overloaded)
        driver.peer = peer
        (self.rejecting if overloaded else self.connections).add(driver)
        self._by_address[host] += 1
        driver.on_closed = partial(self._release, host)
        if driver.tls is None:
            self._open(driver, sock)
        elif len(self._handshakes) < self._max_handshakes:
            self._shake(driver, sock)
        else:
            self._line.append((driver, sock))
            if self._hurrying is None:
                self._hurry()

    def _open(self, driver: Driver, sock: socket.socket) -> None:
        task = self._loop.create_task(self._begin(driver, sock))
        self._tasks.add(task)
        task.add_done_callback(self._begun)

    async def _begin(self, driver: Driver, sock: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: driver, sock)
        except OSError as error:
            self._notice("accept-failed", error=error)
            self._shut(driver, sock)

    def _begun(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._rest()

    def _shut(self, driver: Driver, sock: socket.socket) -> None:
        sock.close()
        if driver.on_closed is not None:
            driver.on_closed(driver)

    def _release(self, host: str, driver: Driver) -> None:
        driver.on_closed = None
        self.connections.discard(driver)
        self.rejecting.discard(driver)
        self._by_address[host] -= 1
        if not self._by_address[host]:
            del self._by_address[host]
        self._settled(driver)
        self._rest()

    def _rest(self) -> None:
        if not (self.connections or self.rejecting or self._tasks):
            self._idle.set()

    # TLS handshakes

    def _shake(self, driver: Driver, sock: socket.socket) -> None:
        self._handshakes[driver] = self._loop.time()
        driver.on_settled = self._settled
        self._open(driver, sock)

    def _settled(self, driver: Driver) -> None:
        """A handshake is over: its place goes to the next in line."""
        if self._handshakes.pop(driver, None) is None:
            return
        if driver.error is not None:
            self._notice("handshake-failed", peer=driver.peer, error=driver.error)
        if self._line:
            self._shake(*self._next())

    def _next(self) -> tuple[Driver, socket.socket]:
        """Out of the line, the first who has sent something; the silent can wait, in their order."""
        line = select.poll()
        for _, sock in self._line:
            line.register(sock, select.POLLIN)
        speaking = {descriptor for descriptor, _ in line.poll(0)}
        at = next((at for at, (_, sock) in enumerate(self._line) if sock.fileno() in speaking), 0)
        chosen = self._line[at]
        del self._line[at]
        return chosen

    def _hurry(self) -> None:
        """With others in line, handshakes that drag on give up their places, as many as are wanted."""
        self._hurrying = None
        if not self._line or not self._handshakes:
            return
        now = self._loop.time()
        dragging = [driver for driver, since in self._handshakes.items() if since + CROWDED_SECONDS <= now]
        for driver in dragging[: len(self._line)]:
            self._notice("handshake-crowded-out", peer=driver.peer)
            driver.abort()
        due = now + PAUSE_SECONDS if dragging else next(iter(self._handshakes.values())) + CROWDED_SECONDS
        self._hurrying = self._loop.call_at(due, self._hurry)

    # Notices

    def _notice(self, event: str, **fields: object) -> None:
        now = self._loop.time()
        since, left_out = self._told.get(event, (-NOTICE_SECONDS, 0))
        if now - since < NOTICE_SECONDS:
            self._told[event] = (since, left_out + 1)
            return
        self._told[event] = (now, 0)
        self._notify(event, left_out=left_out, **fields)
