"""Drive a sans-IO thing on an asyncio loop: the server's driver, and the client's where there is a loop.

A `BufferedProtocol` under asyncio or uvloop. One receive buffer serves all connections of a thread, since a
read and what it causes happen in one go: an idle connection costs its objects and no buffer. One timer a
connection, armed anew only when the deadline comes earlier: arming it for every message costs more than the
message.
"""

import asyncio
import errno
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, cast

from ..primitives import CLOSE, CONNECT, Output, Transport
from .sansio import E, SansIO
from .sockets import HANDSHAKE_SECONDS, NO_LINGER, RECEIVE_BUFFER, WRITE_SECONDS
from .tls_layer import TlsLayer

JOIN = 1 << 14
"""Pieces up to this size are copied together into one write; larger ones are written as they are."""
BURST = 1 << 20
"""Bytes written before the other connections have their turn, however fast the peer reads."""
HIGH_WATER, LOW_WATER = 1 << 18, 1 << 16
"""Bytes in the loop's write buffer at which we stop giving, and go on."""
WAITING = 256
"""Items waiting for a peer that does not read, before we stop reading from it: of a thing that says at once all it has
to say, as `Association` does. An `Exchange` leaves fewer in its outbox, and bounds what it keeps behind it itself."""
LOOKS = 4
"""How often in `write_seconds` to see whether the peer takes anything."""

_thread = threading.local()


def _receive_buffer() -> memoryview:
    """The buffer of this thread, hence of its loop."""
    if not hasattr(_thread, "buffer"):
        _thread.buffer = memoryview(bytearray(RECEIVE_BUFFER))
    return cast(memoryview, _thread.buffer)


def _ignore(_driver: "AsyncioDriver[E]", _events: list[E]) -> None:
    """Nobody is told."""


class AsyncioDriver(asyncio.BufferedProtocol, Generic[E]):
    """A thing and its transport; `on_events` is called with what happened, never with nothing.

    The data that events refer to is valid only until `on_events` returns.
    """

    def __init__(
        self,
        thing: SansIO[E],
        on_events: "Callable[[AsyncioDriver[E], list[E]], None]",
        *,
        tls: ssl.SSLContext | None = None,
        server_side: bool = False,
        server_hostname: str | None = None,
        write_seconds: float = WRITE_SECONDS,
        handshake_seconds: float = HANDSHAKE_SECONDS,
    ) -> None:
        self.thing = thing
        self.tls: TlsLayer[E] | None = None
        """The TLS floor between the thing and the transport, for its certificate and its error."""
        if tls is not None:
            self.thing = self.tls = TlsLayer(
                thing,
                tls,
                server_side=server_side,
                server_hostname=server_hostname,
                handshake_seconds=handshake_seconds,
            )
        self.peer: Any = None
        """The peer's address, once there is a connection; of an accepted one whoever accepted it knows it before."""
        self.open = False
        """Whether the thing has a connection."""
        self.on_settled: Callable[[AsyncioDriver[E]], None] | None = None
        """Called once, when the connection stands (with TLS: is safe) or has failed to."""
        self.on_closed: Callable[[AsyncioDriver[E]], None] | None = None
        """Called once, when everything is over and let go of."""
        self._on_events, self._server_side, self._write_seconds = on_events, server_side, write_seconds
        self._error: OSError | None = None
        self._loop: asyncio.AbstractEventLoop
        self._transport: asyncio.Transport | None = None
        self._settled = self._aborted = self._finished = False
        self._paused = self._reading_paused = self._again = False
        self._timer: asyncio.TimerHandle | None = None
        self._look_at: float | None = None  # when to see whether the peer takes anything
        self._unsent, self._progress_at, self._timer_at = 0, 0.0, 0.0
        self._waiters: list[asyncio.Future[None]] = []

    @property
    def error(self) -> OSError | None:
        """Why the connection failed or broke, TLS first: it knows better than the socket."""
        return (self.tls.error if self.tls else None) or self._error

    # What the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A connection stands."""
        self._loop = asyncio.get_running_loop()
        self._transport = cast(asyncio.Transport, transport)
        if self._aborted:
            self._transport.abort()
            return
        self._transport.set_write_buffer_limits(HIGH_WATER, LOW_WATER)
        self._buffer = _receive_buffer()
        self.peer = transport.get_extra_info("peername") or self.peer  # none of a connection that was reset already
        self.open = True
        now = self._loop.time()
        self._caused(self.thing.offered(now) if self._server_side else self.thing.connected(now), now)

    def get_buffer(self, sizehint: int) -> memoryview:  # asyncio's own name
        """Where to read to."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes have arrived."""
        if not self.open:
            return
        now = self._loop.time()
        if self._timer is not None and self._timer_at <= now:  # no deadline is earlier than that
            self._timed()
            if not self.open:
                return
        self._caused(self.thing.receive(self._buffer[:nbytes], now), now)

    def eof_received(self) -> None:
        """The peer has said all it will (FIN): for DICOM that is the end of the connection."""
        self._lost(None)
        self._leave()

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is gone."""
        try:
            self._lost(exc if isinstance(exc, OSError) else None)
        finally:
            self._finish()

    def pause_writing(self) -> None:
        """The loop holds enough for a peer that reads slowly."""
        self._paused = True
        self._watch_progress()

    def resume_writing(self) -> None:
        """The peer took some."""
        self._paused = False
        if self.open:
            self._look_at = None
            self.flush()

    # What the user calls

    def flush(self) -> None:
        """Write what the thing has to say; after using the thing outside `on_events`, call this."""
        if self.open:
            self._flush(self._loop.time())

    def _flush(self, now: float) -> None:
        transport = self._transport
        assert transport is not None  # as long as it is open
        thing, outbox, room = self.thing, self.thing.outbox, BURST
        thing.fill(now)
        while outbox and self.open and not self._paused:
            if room <= 0:
                self._flush_soon()
                break
            room -= self._write_front(transport, outbox)
            thing.fill(now)
        if self._paused or self._reading_paused:
            self._hold_reading(transport, self._paused and len(outbox) > WAITING)
        self._watch()

    def _flush_soon(self) -> None:
        if not self._again:
            self._again = True
            self._loop.call_soon(self._flush_again)

    def abort(self) -> None:
        """Break the connection with RST; the thing hears `closed`."""
        self._break(None)

    async def wait_closed(self) -> None:
        """Until everything is over and let go of."""
        if not self._finished:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    def failed(self, error: OSError) -> None:
        """No connection came to be; tell the thing."""
        self._loop = asyncio.get_running_loop()
        self.open = True
        self._lost(error)
        self._finish()

    # Events

    def _caused(self, events: list[E], now: float) -> None:
        if not self._settled and (self.tls is None or self.tls.ready or self.tls.error is not None):
            self._settle()
        if events:
            self._on_events(self, events)
        if self.open:
            self._flush(now)

    def _settle(self) -> None:
        if not self._settled:
            self._settled = True
            if self.on_settled is not None:
                self.on_settled(self)

    def _lost(self, error: OSError | None) -> None:
        """Tell the thing, unless it closed the connection itself."""
        self._error = self._error or error
        if not self.open:
            return
        self.open = False
        events = self.thing.closed(self._loop.time())
        if events:
            self._on_events(self, events)

    def _finish(self) -> None:
        self._finished, self._transport = True, None
        if self._timer is not None:
            self._timer.cancel()
        self._settle()
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        if self.on_closed is not None:
            self.on_closed(self)
        self._on_events = _ignore  # nothing comes any more, and whoever was told may be let go of with this driver

    # Writing

    def _write_front(self, transport: asyncio.Transport, outbox: deque[Output]) -> int:
        """Write one large piece or several small ones, or do one request; returns the bytes written."""
        item = outbox.popleft()
        if isinstance(item, Transport):
            self._perform(transport, item)
            return 0
        size = len(item)
        if size <= JOIN and outbox:
            pieces = [item]
            while outbox and not isinstance(following := outbox[0], Transport) and len(following) <= JOIN:
                pieces.append(following)
                size += len(following)
                outbox.popleft()
                if not outbox and size <= JOIN:  # many small messages: 4 times as many in a write
                    self.thing.fill(self._loop.time())
            item = b"".join(pieces)
        if size:
            transport.write(item)
        return size

    def _perform(self, transport: asyncio.Transport, item: Transport) -> None:
        if item is CLOSE:
            self.open = False
            self._loop.call_soon(transport.close)  # closing inside resume_writing upsets asyncio
            self._leave()
        elif item is CONNECT:
            raise ValueError("only `connect` makes connections; this driver has one")
        # ACCEPT: the kernel has accepted before we heard of it

    def _flush_again(self) -> None:
        self._again = False
        self.flush()

    def _hold_reading(self, transport: asyncio.Transport, hold: bool) -> None:
        """Do not let a peer that reads no answers ask more and more."""
        if hold != self._reading_paused and not transport.is_closing():
            self._reading_paused = hold
            if hold:
                transport.pause_reading()
            else:
                transport.resume_reading()

    # Time

    def _leave(self) -> None:
        """The transport closes once the peer has taken the rest: see to it that it does."""
        if self._transport is not None and self._transport.get_write_buffer_size():
            self._watch_progress()

    def _watch_progress(self) -> None:
        if self._transport is None:
            return
        now = self._loop.time()
        self._unsent, self._progress_at = self._transport.get_write_buffer_size(), now
        self._look_at = now + self._write_seconds / LOOKS
        self._watch()

    def _watch(self) -> None:
        """Have the timer fire no later than the next deadline; one that fires too early looks again."""
        due = self.thing.deadline if self.open else None
        if self._look_at is not None and (due is None or self._look_at < due):
            due = self._look_at
        if due is None or (self._timer is not None and self._timer_at <= due):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = self._loop.call_at(due, self._timed), due

    def _timed(self) -> None:
        assert self._timer is not None
        self._timer.cancel()  # it may be bytes that brought us here, at the time it is due
        self._timer = None
        now = self._loop.time()
        if self._transport is not None and self._look_at is not None and self._look_at <= now:
            self._look(self._transport, now)
        deadline = self.thing.deadline
        if self.open and deadline is not None and deadline <= now:
            self._caused(self.thing.tick(now), now)
        self._watch()

    def _look(self, transport: asyncio.Transport, now: float) -> None:
        """Break a connection whose peer took no byte for `write_seconds`."""
        unsent = transport.get_write_buffer_size()
        if unsent != self._unsent:
            self._unsent, self._progress_at = unsent, now
        if now - self._progress_at < self._write_seconds:
            self._look_at = now + self._write_seconds / LOOKS
            return
        self._look_at = None
        text = f"the peer took no byte for {self._write_seconds:g} s"
        self._break(TimeoutError(errno.ETIMEDOUT, text))

    def _break(self, error: OSError | None) -> None:
        self._aborted = True
        if self._transport is None:
            return
        self._error = self._error or error
        sock = self._transport.get_extra_info("socket")
        if sock is not None and sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self._transport.abort()
