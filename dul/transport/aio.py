"""The asyncio transport: `AsyncioDriver` for a connection that stands, `connect` to make one."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable

from ..primitives import CONNECT
from .aio_driver import AsyncioDriver
from .sansio import E, SansIO
from .sockets import CONNECT_SECONDS, HANDSHAKE_SECONDS, WRITE_SECONDS, Address, check_port, named, prepare

__all__ = ["AsyncioDriver", "connect"]


async def connect(
    thing: SansIO[E],
    address: Address,
    on_events: Callable[[AsyncioDriver[E], list[E]], None],
    *,
    tls: ssl.SSLContext | None = None,
    server_hostname: str | None = None,
    family: int = socket.AF_UNSPEC,
    connect_seconds: float = CONNECT_SECONDS,
    write_seconds: float = WRITE_SECONDS,
    handshake_seconds: float = HANDSHAKE_SECONDS,
) -> AsyncioDriver[E]:
    """Make the connection the thing's outbox asks for first, TLS included; return when it stands.

    A failure is told to the thing (`closed`) and to `on_events`, then raised: an `OSError`, maybe `TlsError`.
    """
    driver = AsyncioDriver(
        thing,
        on_events,
        tls=tls,
        server_hostname=address[0] if server_hostname is None else server_hostname or None,
        write_seconds=write_seconds,
        handshake_seconds=handshake_seconds,
    )
    loop = asyncio.get_running_loop()
    if thing.outbox and thing.outbox[0] is CONNECT:
        thing.outbox.popleft()
    try:
        sock = await _dial(loop, address, family, connect_seconds)
    except (OSError, UnicodeError) as error:
        failure = named(error, address)
        driver.failed(failure)
        raise driver.error or failure from error
    await _stand(loop, driver, sock)
    if driver.error is not None:
        raise driver.error
    return driver


async def _stand(loop: asyncio.AbstractEventLoop, driver: AsyncioDriver[E], sock: socket.socket) -> None:
    """Until the connection is safe to use, or has failed to be."""
    settled = loop.create_future()
    driver.on_settled = lambda _: None if settled.done() else settled.set_result(None)
    try:
        await loop.create_connection(lambda: driver, sock=sock)
        await settled
    except BaseException:  # a cancellation, too: no connection is left open
        driver.abort()
        raise


async def _dial(loop: asyncio.AbstractEventLoop, address: Address, family: int, seconds: float) -> socket.socket:
    """A connected socket; an address that does not answer costs only its share of the time."""
    until = loop.time() + seconds
    check_port(address[1])
    async with asyncio.timeout_at(until):
        found = await loop.getaddrinfo(*address, family=family, type=socket.SOCK_STREAM)
    last: OSError = OSError(errno.EADDRNOTAVAIL, "no address")
    for tried, (kind, how, protocol, _, where) in enumerate(found):
        try:
            async with asyncio.timeout((until - loop.time()) / (len(found) - tried)):
                return await _attempt(loop, socket.socket(kind, how, protocol), where)
        except OSError as error:
            last = error if error.errno else TimeoutError(errno.ETIMEDOUT, "no answer")
    raise last


async def _attempt(loop: asyncio.AbstractEventLoop, sock: socket.socket, where: tuple[object, ...]) -> socket.socket:
    try:
        prepare(sock)
        await loop.sock_connect(sock, where)
    except BaseException:  # as above
        sock.close()
        raise
    return sock
