"""Drive a sans-IO thing on the caller's own thread: the client's driver (PS3.8 9.1).

One `turn` writes what the thing has to say, waits, reads once and returns what that caused. Nothing is
registered anew from turn to turn, sending is vectored, receiving goes into one buffer for the life of the
connection, and reading goes on while writing, so that an A-ABORT is noticed in the middle of a send.
"""

import errno
import os
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, Self

from ..primitives import CLOSE, CONNECT, Output, Transport
from .outbox import front, take
from .sansio import E, SansIO
from .sockets import (
    CONNECT_SECONDS,
    HANDSHAKE_SECONDS,
    RECEIVE_BUFFER,
    WRITE_SECONDS,
    Address,
    begin_connect,
    check_port,
    named,
    prepare,
    reset,
)

if TYPE_CHECKING:
    import ssl

    from .tls_layer import TlsLayer

VECTORS = 64
"""Buffers one system call takes (IOV_MAX is 1024 on Linux, 16 is all POSIX promises)."""
ROUNDS = 8
"""Writes before looking whether the peer said something, however fast it reads."""
LONGEST_WAIT = 86400.0
"""Seconds of one wait: poll() takes milliseconds as a C int, which is 24 days. A longer one is several turns."""
NOWHERE: Address = ("", 0)
"""No address to connect to."""


class BlockingDriver(Generic[E]):
    """A thing, its socket, and a turn for both.

    The data that events refer to lies in the receive buffer until the next turn: use or copy it before. Host
    names are looked up inside a turn; the system's resolver bounds that, not `connect_seconds`.
    """

    def __init__(
        self,
        thing: SansIO[E],
        address: Address | None = None,
        *,
        tls: "ssl.SSLContext | None" = None,
        server_side: bool = False,
        server_hostname: str | None = None,
        family: int = socket.AF_UNSPEC,
        connect_seconds: float = CONNECT_SECONDS,
        write_seconds: float = WRITE_SECONDS,
        handshake_seconds: float = HANDSHAKE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.thing = thing
        self.tls: TlsLayer[E] | None = None
        """The TLS floor between the thing and the socket, for its certificate and its error."""
        if tls is not None:
            from .tls_layer import TlsLayer as Layer  # ssl costs 10 ms to import

            if server_hostname is None and address and not server_side:
                server_hostname = address[0]
            name = server_hostname or None  # "" names no server
            self.thing = self.tls = Layer(
                thing, tls, server_side=server_side, server_hostname=name, handshake_seconds=handshake_seconds
            )
        self.open = False
        """Whether there is a connection, or one is being made."""
        self._socket: socket.socket  # while open
        self._address, self._family = address or NOWHERE, family
        self._connect_seconds, self._write_seconds, self._clock = connect_seconds, write_seconds, clock
        self._error: OSError | None = None
        self._candidates: deque[tuple[int, int, int, Any]] = deque()
        self._connect_until = self._attempt_until = 0.0
        self.meanwhile: Callable[[], None] | None = None
        """Called once, before the next wait for a peer that has been told everything: what is to be done anyhow."""
        self._caused: list[E] = []  # what happened outside the inputs' own returns, handed out by the turn
        self._connecting = self._pending = False  # pending: the socket did not take all there was
        self._stall_at: float | None = None
        self._broken: OSError | None = None  # writing failed; what the peer sent before is still to be read
        self._buffer = memoryview(b"")
        self._poll = select.poll()
        self._flags = 0
        self._wake_pipe: tuple[int, int] | None = None
        # Whoever wakes must not write to a descriptor that was closed and is somebody else's now. A signal handler may
        # come in the middle of either on the same thread: it may enter, and finds the pipe there or not.
        self._waking = threading.RLock()

    @classmethod
    def over(
        cls,
        thing: SansIO[E],
        sock: socket.socket,
        *,
        accepted: bool = True,
        tls: "ssl.SSLContext | None" = None,
        server_hostname: str | None = None,
        write_seconds: float = WRITE_SECONDS,
        handshake_seconds: float = HANDSHAKE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> Self:
        """Drive `thing` over a socket that stands: accepted, or connected and waiting for CONNECT."""
        driver = cls(
            thing,
            tls=tls,
            server_side=accepted,
            server_hostname=server_hostname,
            write_seconds=write_seconds,
            handshake_seconds=handshake_seconds,
            clock=clock,
        )
        prepare(sock)
        driver._adopt(sock)
        if accepted:
            driver._caused += driver.thing.offered(clock())
        return driver

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def error(self) -> OSError | None:
        """Why the connection failed or broke, TLS first: it knows better than the socket."""
        return (self.tls.error if self.tls else None) or self._error

    @property
    def sock(self) -> socket.socket | None:
        """The socket while open, to ask it for addresses."""
        return self._socket if self.open else None

    def turn(self, timeout: float | None = None) -> list[E]:
        """Write, wait for at most `timeout` seconds, read once; return what happened.

        Returns at once when there is no connection, or when something happened before the wait.
        """
        now = self._clock()
        self._tick(now)
        self._write(now)
        if self.open and not self._caused:
            if self.meanwhile is not None and not self._pending and not self._connecting:
                meanwhile, self.meanwhile = self.meanwhile, None
                meanwhile()
                now = self._clock()
            ready = self._wait(now, timeout)
            now = self._clock()
            self._tick(now)
            self._react(ready, now)
            self._write(now)
        caused, self._caused = self._caused, []
        return caused

    def wake(self) -> None:
        """End this wait or the next; safe from another thread and from a signal handler, harmless after `close`."""
        with self._waking:
            if self._wake_pipe is not None:
                with suppress(BlockingIOError):  # the pipe is full of earlier calls
                    os.write(self._wake_pipe[1], b"!")

    def close(self) -> None:
        """Let go of everything, telling no one; harmless when done before."""
        self._drop()
        with self._waking:
            ends, self._wake_pipe = self._wake_pipe, None
            for end in ends or ():
                os.close(end)

    # Time

    def _tick(self, now: float) -> None:
        deadline = self.thing.deadline
        if deadline is not None and deadline <= now:
            self._caused += self.thing.tick(now)
            self._write(now)  # it may have closed

    def _wait(self, now: float, timeout: float | None) -> int:
        """What the socket is ready for; 0 when time ran out or someone woke us."""
        due = [self.thing.deadline, self._attempt_until if self._connecting else self._stall_at]
        until = min((at for at in due if at is not None), default=None)
        if timeout is not None and (until is None or now + timeout < until):
            until = now + timeout
        self._register()
        ready = 0
        seconds = LONGEST_WAIT if until is None else min(max(0.0, until - now), LONGEST_WAIT)
        for descriptor, event in self._poll.poll(seconds * 1000):
            if self._wake_pipe is not None and descriptor == self._wake_pipe[0]:
                os.read(descriptor, 1 << 16)  # a pipe holds no more
            else:
                ready = event
        return ready

    def _register(self) -> None:
        flags = 0 if self._connecting else select.POLLIN
        if self._connecting or self._pending:
            flags |= select.POLLOUT
        if flags != self._flags:
            self._poll.register(self._socket, flags)
            self._flags = flags

    # Connecting

    def _connect(self, now: float) -> None:
        if self.open:  # given by `over`
            self._caused += self.thing.connected(now)
            return
        if self._address == NOWHERE:
            raise ValueError("the thing asks for a connection, and the driver was given no address")
        host, port = self._address
        try:
            check_port(port)
            found = socket.getaddrinfo(_name(host), port, self._family, socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:  # gaierror is an OSError, a name IDNA refuses a UnicodeError
            self._lost(named(error, self._address), now)
            return
        self._candidates = deque((kind, how, protocol, address) for kind, how, protocol, _, address in found)
        self._connect_until = now + self._connect_seconds
        self._attempt(now)

    def _attempt(self, now: float) -> None:
        """Start with the next address; an address that does not answer costs only its share of the time."""
        while self._candidates:
            kind, how, protocol, address = self._candidates.popleft()
            try:
                sock = begin_connect(kind, how, protocol, address)
            except OSError as error:
                self._error = named(error, self._address)
                continue
            self._adopt(sock)
            self._connecting = True
            self._attempt_until = now + (self._connect_until - now) / (len(self._candidates) + 1)
            return
        self._lost(None, now)

    def _settle(self, ready: int, now: float) -> None:
        if not ready and now < self._attempt_until:
            return
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if ready else errno.ETIMEDOUT
        self._connecting = False
        if code == 0:
            self._error = None
            self._caused += self.thing.connected(now)
            return
        self._error = named(OSError(code, os.strerror(code)), self._address)
        self._drop()
        self._attempt(now)

    def _adopt(self, sock: socket.socket) -> None:
        self._socket, self.open = sock, True
        self._pending, self._stall_at, self._broken = False, None, None
        if not self._buffer:
            self._buffer = memoryview(bytearray(RECEIVE_BUFFER))
        if self._wake_pipe is None:
            self._wake_pipe = os.pipe()
            os.set_blocking(self._wake_pipe[1], False)
            self._poll.register(self._wake_pipe[0], select.POLLIN)

    # Reading

    def _react(self, ready: int, now: float) -> None:
        if not self.open:  # closed by the tick just before
            return
        if self._connecting:
            self._settle(ready, now)
        elif ready & ~select.POLLOUT:
            self._read(now)
        elif not ready and self._stall_at is not None and now >= self._stall_at:
            self._stalled(now)

    def _read(self, now: float) -> None:
        try:
            size = self._socket.recv_into(self._buffer)
        except BlockingIOError:
            return
        except OSError as error:
            self._lost(error, now)
            return
        if size:
            self._caused += self.thing.receive(self._buffer[:size], now)
        else:
            self._lost(self._broken, now)

    def _lost(self, error: OSError | None, now: float) -> None:
        self._error = error or self._error
        self._drop()
        self._caused += self.thing.closed(now)

    def _drop(self, *, forget: bool = False) -> None:
        """Close the socket; `forget` what the peer has not taken yet."""
        if self.open:
            if self._flags:
                self._poll.unregister(self._socket)
            if forget:
                reset(self._socket)
            self._socket.close()
        self.open, self._connecting, self._flags = False, False, 0
        self._pending, self._stall_at = False, None

    # Writing

    def _write(self, now: float) -> None:
        """Do what the outbox asks for, in order, until it is empty or the socket is full."""
        thing, outbox = self.thing, self.thing.outbox
        for _ in range(ROUNDS):
            thing.fill(now)
            while outbox and isinstance(outbox[0], Transport):
                self._perform(outbox.popleft(), now)
            if not outbox:
                self._pending, self._stall_at = False, None
                return
            if self._connecting:
                return
            if not self._send(outbox, now):
                break
        self._pending = self.open and self._broken is None

    def _perform(self, item: Output, now: float) -> None:
        if item is CONNECT:
            self._connect(now)
        elif item is CLOSE:
            self._drop()
        # ACCEPT: the kernel has accepted before we heard of it

    def _send(self, outbox: deque[Output], now: float) -> bool:
        """Give the socket what stands before the next request; False when it did not take all of that."""
        pieces = front(outbox, VECTORS)
        if not self.open or self._broken is not None:  # no one left to tell
            return take(outbox, pieces, sum(map(len, pieces)))
        try:
            sent = self._socket.send(pieces[0]) if len(pieces) == 1 else self._socket.sendmsg(pieces)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            # An A-ABORT or A-ASSOCIATE-RJ may lie in our receive queue: read on until its end.
            self._broken, self._stall_at = error, None
            return True
        whole = take(outbox, pieces, sent)
        if sent or self._stall_at is None:
            self._stall_at = None if whole else now + self._write_seconds
        return whole

    def _stalled(self, now: float) -> None:
        self._drop(forget=True)
        self._lost(TimeoutError(errno.ETIMEDOUT, f"the peer took no byte for {self._write_seconds:g} s"), now)


def _name(host: str) -> str | bytes:
    """As bytes, where it is plain: of a str Python makes an internationalized name, whose tables take 2 ms to load."""
    plain = host.isascii() and max(map(len, host.split("."))) < 64
    return host.encode() if plain else host
