"""TLS as a sans-IO thing that wraps another: ciphertext outside, the thing inside (PS3.15 Annex B).

Being a `SansIO` itself it runs under both drivers, and in a simulator, without either knowing. The thing
inside hears `connected` or `offered` only when the handshake is finished, so no plaintext reaches it before
(CVE-2023-40217), and nothing it says leaves earlier. The handshake's deadline is absolute: a peer that drips
bytes does not extend it.
"""

import ssl
from collections import deque
from contextlib import suppress
from typing import Generic

from ..primitives import CLOSE, CONNECT, Output, Transport
from .sansio import E, SansIO
from .sockets import HANDSHAKE_SECONDS
from .tls import TlsError, explain

RECORD = 1 << 14
"""Plaintext of one TLS record at most (RFC 8446 5.1)."""
STEP = 1 << 16
"""Bytes given to OpenSSL at once: its memory buffers never shrink, an idle connection keeps this much."""
HIGH_WATER = 8
"""Pieces of ciphertext in the outbox before encrypting more waits for the driver."""
LINGER_SECONDS = 1.0
"""How long a refused client may take to read our alert; closing at once would destroy it on the way (RST)."""
HANDSHAKE_RECORD, ALERT_RECORD = 22, 21
"""First byte of what a TLS peer may say first (RFC 8446 5.1); DICOM's PDU types are 1 to 7."""


class TlsLayer(Generic[E]):
    """One TLS connection around a thing."""

    def __init__(
        self,
        thing: SansIO[E],
        context: ssl.SSLContext,
        *,
        server_side: bool,
        server_hostname: str | None = None,
        handshake_seconds: float = HANDSHAKE_SECONDS,
    ) -> None:
        self.thing = thing
        self.outbox: deque[Output] = deque()
        self.ready = False
        """Whether the handshake is finished."""
        self.error: TlsError | None = None
        """Why there is no TLS connection any more."""
        self.truncated = False
        """Whether the connection ended without the peer's close_notify: something may have been cut off."""
        self._context, self._server_side, self._hostname = context, server_side, server_hostname
        self._handshake_seconds = handshake_seconds
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls: ssl.SSLObject  # once started
        self._started = self._heard = False
        self._until: float | None = None  # end of the handshake, or of lingering
        self._over = False  # the thing has heard the end, or never heard of a beginning

    @property
    def deadline(self) -> float | None:
        """The earlier of ours and the thing's."""
        inner = None if self._over else self.thing.deadline
        if inner is None or self._until is None:
            return self._until if inner is None else inner
        return min(inner, self._until)

    @property
    def connection(self) -> ssl.SSLObject | None:
        """To ask for the peer's certificate, version, cipher, ALPN and server name."""
        return self._tls if self._started else None

    # Inputs

    def connected(self, now: float) -> list[E]:
        """Our connection stands: say ClientHello."""
        return self._start(now)

    def offered(self, now: float) -> list[E]:
        """A peer connected: wait for its ClientHello."""
        return self._start(now)

    def receive(self, data: bytes | memoryview, now: float) -> list[E]:
        """Ciphertext."""
        caused = self.tick(now)
        if self._over or not self._started or not data:
            return caused
        if not self._heard and data[0] not in (HANDSHAKE_RECORD, ALERT_RECORD):
            return caused + self._fail(TlsError(_plaintext(data[0])), now, alert=False)
        self._heard = True
        plaintext: list[bytes] = []
        view = memoryview(data)
        for start in range(0, len(view), STEP):
            self._incoming.write(view[start : start + STEP])
            if not self.ready:
                caused += self._handshake(now)
            if self._over:
                return caused
            if self.ready:
                caused += self._decrypt(plaintext, now)
        if plaintext and not self._over:
            caused += self.thing.receive(b"".join(plaintext), now)
        self._pump()
        return caused

    def closed(self, now: float) -> list[E]:
        """The transport connection is gone."""
        if self._over:
            self._until = None
            return []
        self.truncated = self.ready
        if self._started and not self.ready:
            self.error = TlsError("the peer closed in the TLS handshake: it may not speak TLS here")
        return self._end(now)

    def tick(self, now: float) -> list[E]:
        """Time passes, for the handshake and for the thing."""
        if self._until is not None and self._until <= now:
            self._until = None
            if self._over:
                self.outbox.append(CLOSE)
            else:
                text = f"no TLS handshake within {self._handshake_seconds:g} s"
                return self._fail(TlsError(f"{text}: the peer may not speak TLS here"), now, alert=False)
        deadline = self.thing.deadline
        if self._over or deadline is None or now < deadline:
            return []
        caused = self.thing.tick(now)
        self._pump()
        return caused

    def fill(self, now: float) -> None:
        """Encrypt what the thing says, as far as there is room."""
        while len(self.outbox) < HIGH_WATER:
            before = len(self.outbox)
            self.thing.fill(now)
            self._pump()
            if len(self.outbox) == before:
                break

    # Handshake

    def _start(self, now: float) -> list[E]:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.ready, self.error, self.truncated = False, None, False
        self._started, self._heard, self._over = False, False, False
        self._until = now + self._handshake_seconds
        try:
            hostname = None if self._server_side else self._hostname
            self._tls = self._context.wrap_bio(self._incoming, self._outgoing, self._server_side, hostname)
            self._started = True
        except (ssl.SSLError, ValueError) as error:
            return self._fail(TlsError(explain(error)), now, alert=False)
        return self._handshake(now)

    def _handshake(self, now: float) -> list[E]:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return []
        except (ssl.SSLError, ssl.CertificateError) as error:
            return self._fail(TlsError(explain(error)), now, alert=True)
        self._flush()
        self.ready, self._until = True, None
        caused = self.thing.offered(now) if self._server_side else self.thing.connected(now)
        self._pump()
        return caused

    # Data

    def _decrypt(self, plaintext: list[bytes], now: float) -> list[E]:
        """Add what OpenSSL has in the clear; on the end of the connection, deliver it and tell the thing."""
        try:
            while piece := self._tls.read(RECORD):
                plaintext.append(piece)
        except ssl.SSLWantReadError:
            return []
        except ssl.SSLError as error:
            failure: TlsError | None = TlsError(explain(error))
        else:
            failure = None  # close_notify
        caused = self.thing.receive(b"".join(plaintext), now) if plaintext else []
        plaintext.clear()
        if failure is not None:  # OpenSSL takes nothing more: an answer could not leave
            return caused + self._fail(failure, now, alert=True)
        self._pump()
        if self._over:  # the thing closed of itself on what it just heard
            return caused
        caused += self._end(now)
        self._close()
        return caused

    def _pump(self) -> None:
        """Move what the thing says to our own outbox: requests as they are, data encrypted."""
        inner = self.thing.outbox
        while inner and len(self.outbox) < HIGH_WATER:
            item = inner[0]
            if isinstance(item, Transport):
                inner.popleft()
                self._perform(item)
            elif self.ready and not self._over:
                self._encrypt(_batch(inner))
            elif self._over:
                inner.popleft()  # no one left to tell
            else:
                return  # before the handshake nothing leaves

    def _perform(self, item: Transport) -> None:
        if item is not CLOSE:
            self.outbox.append(item)
            self._over = self._over and item is not CONNECT
        elif not self._over:
            self._over = True
            self._close()

    def _encrypt(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        while view:
            view = view[self._tls.write(view) :]  # a record at a time
        self._flush()

    def _flush(self) -> None:
        if self._outgoing.pending:
            self.outbox.append(self._outgoing.read())

    # The end

    def _close(self) -> None:
        """Say close_notify, then close."""
        self._until = None
        if self._started:
            with suppress(ssl.SSLError):  # the peer's own close_notify is not waited for
                self._tls.unwrap()
            self._flush()
        self.outbox.append(CLOSE)

    def _fail(self, error: TlsError, now: float, *, alert: bool) -> list[E]:
        """End the connection; a client whose handshake we refuse gets time to read the alert."""
        self.error = error
        lingering = alert and self._server_side and not self.ready
        caused = self._end(now)
        if alert:
            self._flush()
        if lingering:
            self._until = now + LINGER_SECONDS
        else:
            self.outbox.append(CLOSE)
        return caused

    def _end(self, now: float) -> list[E]:
        """Tell the thing, if it knows of a connection: a server's does so only after the handshake."""
        known = self.ready or not self._server_side
        self._over, self._until = True, None
        return self.thing.closed(now) if known else []


def _batch(items: deque[Output]) -> bytes | memoryview:
    """Take up to `STEP` bytes from the front: small pieces share records, large ones are cut."""
    pieces: list[bytes | memoryview] = []
    room = STEP
    while items and room > 0:
        item = items[0]
        if isinstance(item, Transport):
            break
        items.popleft()
        if len(item) > room:
            items.appendleft(memoryview(item)[room:])
            item = memoryview(item)[:room]
        pieces.append(item)
        room -= len(item)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _plaintext(first: int) -> str:
    said = f"a DICOM PDU of type {first:02X}H" if 1 <= first <= 7 else f"bytes beginning with {first:02X}H"
    return f"{said} came where TLS was expected: the peer speaks plain DICOM, or another protocol"
