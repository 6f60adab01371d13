"""A TCP connection under test: read from its first byte to the end of the case, whatever the case is doing meanwhile.

FIN, RST, a send that fails and silence are different things here, and each is recorded with its time; so an A-ABORT in
front of a RST is not lost. Waiting is for something that is seen (`Link.until`), never for a time to pass. Bytes are
bounded: a peer that sends more than `MOST_BYTES` is not read any further.
"""

import asyncio
import contextlib
import enum
import socket
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from .record import Recording, Track

if TYPE_CHECKING:
    from .settings import Settings
    from .wire import Wire

MOST_BYTES = 1 << 28
"""Read from one connection."""
HEADER = 6
"""Bytes of PDU-type, reserved and PDU-length."""
READ = 1 << 16
"""Bytes of one read."""
SEND_SECONDS = 20.0
"""For a peer to take what is sent."""


SPLIT_SECONDS = 0.02
"""Between a header and the rest, so that the peer reads one without the other."""
MOST_SINGLE = 1 << 12
"""Bytes of one PDU that are sent one by one: headers and items are among them, and a body of a MiB takes no minute."""


class Delivery(enum.StrEnum):
    """How bytes are handed to TCP, which keeps no boundaries: a right peer takes no notice (PS3.8 9.3.1)."""

    COALESCED = "joined"
    """All PDUs of a stimulus in one segment."""
    WHOLE = "whole"
    """A PDU a segment."""
    SPLIT = "split"
    """Of each PDU its type and length, and the rest in another segment."""
    BYTEWISE = "bytewise"
    """A byte a segment."""

    def pieces(self, pdu: bytes) -> list[bytes]:
        """The segments of a PDU."""
        match self:
            case Delivery.SPLIT:
                return [pdu[:HEADER], pdu[HEADER:]] if len(pdu) > HEADER else [pdu]
            case Delivery.BYTEWISE:
                return [*(bytes([byte]) for byte in pdu[:MOST_SINGLE]), *filter(None, [pdu[MOST_SINGLE:]])]
            case _:
                return [pdu]


class Link:
    """One connection; made by `dial` or from an accepted socket.

    Args:
        wire: TCP, or TLS upon it.
        recording: of the exchange.
        number: which connection of the exchange.
        role: of the peer.
        words: what is recorded of its opening.
        first: bytes that were read already, to find out whose connection it is.
    """

    def __init__(
        self, wire: "Wire", recording: Recording, number: int, role: str, words: str, first: bytes = b""
    ) -> None:
        self._wire = wire
        self.track = Track(recording, number, role)
        self.track.opened("connect" if role == "A" else "accept", words)
        if first:
            self.track.received(first)
        self._changed = asyncio.Event()
        self._reading = asyncio.Event()
        self._reading.set()
        self._most = READ
        self._reader: asyncio.Task[None] = asyncio.ensure_future(self._read())
        self.ours_closed = False
        """Whether our side has ended."""

    # ---- reading ----

    async def _read(self) -> None:
        while self.track.received_bytes < MOST_BYTES:
            await self._reading.wait()
            try:
                data = await self._wire.receive(self._most)
            except OSError:
                self.track.ended("rst")
                break
            if not data:
                self.track.ended("fin")
                break
            self.track.received(data)
            self._changed.set()
            await asyncio.sleep(0)  # the turn of who waits for it
        self._changed.set()

    def read_few(self, most: int) -> None:
        """Take at most so many bytes at a time, to answer in the middle of a message."""
        self._most = most

    def pause(self) -> None:
        """Read nothing more, as an application that is busy: TCP's window closes."""
        self._reading.clear()
        self.track.unread()

    def resume(self) -> None:
        """Read on."""
        self._reading.set()

    async def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait for something to be seen; False when it was not in time."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return condition()
        return True

    async def quiet(self, seconds: float) -> None:
        """Wait until nothing has come for so long, or the connection has ended."""
        while not self.track.closed:
            seen = self.track.received_bytes
            if not await self.until(lambda seen=seen: self.track.closed or self.track.received_bytes != seen, seconds):  # type: ignore[misc]  # mypy infers no lambda that has a default
                self.track.settled()
                return

    # ---- sending ----

    async def send(self, pdus: Iterable[bytes], delivery: Delivery = Delivery.COALESCED) -> bool:
        """Send; False when the connection did not take it, which is recorded."""
        parts = list(pdus)
        if delivery is Delivery.COALESCED:
            parts = [b"".join(parts)]
        pause = SPLIT_SECONDS if delivery is Delivery.SPLIT else 0
        for part in parts:
            self.track.sent(part)
            for piece in delivery.pieces(part):
                if not await self._send(piece):
                    return False
                await asyncio.sleep(pause)  # the reader's turn, at least
        return True

    async def _send(self, data: bytes) -> bool:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._wire.send(data)
        except TimeoutError:
            self.track.note_unsent()
            return False
        except OSError:
            # What came before the RST may still wait to be read: the reader tells the end, in its order.
            await self.until(lambda: self.track.closed, 1.0)
            self.track.ended("send-failed")
            return False
        return True

    # ---- ending ----

    def finish(self) -> None:
        """Close our side (FIN), and go on reading."""
        if self.ours_closed:
            return
        self.ours_closed = True
        self.track.we_ended("our-fin")
        self._wire.finish()

    async def reset(self) -> None:
        """End at once, with RST."""
        await self._stop_reading()
        if not self.ours_closed:
            self.track.we_ended("our-rst")
        self.ours_closed = True
        self._wire.reset()

    async def close(self) -> None:
        """Let go of the socket."""
        await self._stop_reading()
        self._wire.close()

    async def _stop_reading(self) -> None:
        self._reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reader


async def dial(settings: "Settings", recording: Recording, number: int) -> Link:
    """Connect to an acceptor, where and as the settings say.

    Raises:
        OSError: it cannot be reached, or does not agree about TLS.
        TimeoutError: not in time.
    """
    from .wire import wired

    loop = asyncio.get_running_loop()
    async with asyncio.timeout(settings.connect):
        found = await loop.getaddrinfo(settings.host, settings.dialled_port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        try:
            await loop.sock_connect(sock, address)
            wire = await wired(sock, settings, server=False)
        except BaseException:  # a cancellation, too: no socket is left open
            sock.close()
            raise
    return Link(wire, recording, number, "A", f"{settings.host} port {settings.dialled_port}")
