"""What bytes travel over: TCP alone, or TLS upon it (PS3.15 Annex B). `link` reads and sends in the clear over either.

The tester trusts whatever certificate it is shown: what is judged is DICOM, and not who the peer is. A TLS that breaks
is an `OSError`, as a connection that breaks; a close_notify is the peer's end, as its FIN is.
"""

import asyncio
import contextlib
import socket
import ssl
from functools import cache
from pathlib import Path

from ...dul.transport.sockets import NO_LINGER
from ...dul.transport.tls import client_context, server_context
from .settings import Settings

READ = 1 << 16
"""Bytes of one read beneath TLS."""


class Wire:
    """TCP.

    Args:
        sock: connected.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock

    async def receive(self, most: int) -> bytes:
        """The next bytes; none at the peer's end.

        Raises:
            OSError: the connection broke.
        """
        return await asyncio.get_running_loop().sock_recv(self._sock, most)

    async def send(self, data: bytes) -> None:
        """Send all of it.

        Raises:
            OSError: the connection broke.
        """
        await asyncio.get_running_loop().sock_sendall(self._sock, data)

    def finish(self) -> None:
        """End our side with FIN."""
        with contextlib.suppress(OSError):  # gone already
            self._sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """End at once, with RST."""
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self._sock.close()

    def close(self) -> None:
        """Let go of the socket."""
        self._sock.close()


class TlsWire(Wire):
    """TLS upon TCP; `shake` comes first.

    Args:
        sock: connected.
        context: of our end.
        server: whether we listened.
    """

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, *, server: bool) -> None:
        super().__init__(sock)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=server)
        self._leaving = asyncio.Lock()  # records leave in the order in which they were made

    async def shake(self) -> None:
        """The handshake.

        Raises:
            OSError: the peer does not agree, or speaks no TLS.
        """
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                if not await self._fill():
                    raise ConnectionResetError("the peer closed in the TLS handshake") from None
            else:
                return await self._flush()

    async def receive(self, most: int) -> bytes:
        """The next bytes in the clear; none at the peer's close_notify or FIN."""
        while True:
            try:
                return self._tls.read(most)
            except ssl.SSLWantReadError:
                await self._flush()  # what TLS itself has to say
                if not await self._fill():
                    return b""
            except ssl.SSLZeroReturnError:
                return b""

    async def send(self, data: bytes) -> None:
        """Send it in records of its own."""
        view = memoryview(data)
        while view:
            view = view[self._tls.write(view) :]
        await self._flush()

    def finish(self) -> None:
        """close_notify, where it can leave at once, and FIN."""
        with contextlib.suppress(OSError):  # the peer's own is not waited for; gone already
            self._tls.unwrap()
        with contextlib.suppress(OSError):
            self._sock.send(self._outgoing.read())
        super().finish()

    async def _fill(self) -> bool:
        data = await super().receive(READ)
        self._incoming.write(data)
        return bool(data)

    async def _flush(self) -> None:
        async with self._leaving:
            if self._outgoing.pending:
                await super().send(self._outgoing.read())


async def wired(sock: socket.socket, settings: Settings, *, server: bool) -> Wire:
    """A connected socket as the settings want it: in the clear, or behind a TLS handshake.

    Raises:
        OSError: the handshake failed.
        TlsError: our key or certificate is none.
    """
    if not settings.tls:
        return Wire(sock)
    wire = TlsWire(sock, context(settings.tls_key, settings.tls_cert, server=server), server=server)
    await wire.shake()
    return wire


@cache
def context(key: str, certificate: str, *, server: bool) -> ssl.SSLContext:
    """What our end of TLS is: without a certificate where we dial and have none.

    Raises:
        TlsError: a file cannot be used.
    """
    own = Path(key) if key else None
    if server:
        return server_context(certificate=Path(certificate), key=own, client_certificate="ignore")
    return client_context(
        certificate=Path(certificate) if certificate else None, key=own, verify=False, check_hostname=False
    )
