"""`dulcet conformance proxy`: judge two peers from between them, bytes passed on unchanged (catalogue 4.13).

Each connection is dialled on to the other peer; what one side sends is judged and then handed to the other, and so are
its FIN and its RST. A side that does not read holds up the other, as it would without us. The report comes at the end:
after so many associations, or at SIGINT or SIGTERM.
"""

import argparse
import asyncio
import contextlib
import signal
import socket
import sys
import time
from collections.abc import Sequence

from ...dul.transport.sockets import NO_LINGER
from ..exit_codes import ExitCode, Failure
from . import arguments
from .overheard_report import exit_code, summary, text, written
from .overhearing import Overheard, Side

READ = 1 << 16
"""Bytes of one read."""
CONNECT_SECONDS = 10.0


def main(argv: Sequence[str]) -> int:
    """The command."""
    options = _parser().parse_args(argv[1:])
    host, port = _target(options.to)
    proxy = Proxy(host, port, options.associations, live=not options.quiet, strict=options.strict)
    try:
        asyncio.run(_run(proxy, options.listen_host, options.listen))
    except OSError as error:
        raise Failure(
            ExitCode.LISTEN, f"{options.listen_host} port {options.listen}: {error.strerror or error}"
        ) from None
    print(text(proxy.associations, proxy.notes, strict=options.strict, verbose=options.verbose))
    written(proxy.associations, proxy.notes, options.json)
    return exit_code(proxy.associations, strict=options.strict)


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        "dulcet conformance proxy",
        description="Stand between two peers, pass everything on, and judge both.",
        allow_abbrev=False,
    )
    made.add_argument(
        "--listen", metavar="PORT", type=arguments.listening_port, default=0, help="where the requestor dials; 0 is any"
    )
    made.add_argument("--listen-host", metavar="HOST", default="127.0.0.1", help="on which address (%(default)s)")
    made.add_argument("--to", metavar="HOST:PORT", required=True, help="the acceptor")
    made.add_argument("--associations", metavar="N", type=arguments.count, help="end after so many; else at Ctrl-C")
    made.add_argument("--strict", action="store_true", help="what should be fails too")
    made.add_argument("--json", metavar="FILE", help="the report as JSON (versioned)")
    made.add_argument("-q", "--quiet", action="store_true", help="no line for each association as it ends")
    made.add_argument("-v", "--verbose", action="store_true", help="the PDUs of every association")
    return made


def _target(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isdecimal() and 0 < int(port) < 1 << 16):
        raise Failure(ExitCode.USAGE, f"--to {text}: must be HOST:PORT")
    return host.strip("[]"), int(port)


async def _run(proxy: "Proxy", host: str, port: int) -> None:
    loop, enough = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, enough.set)
    with socket.create_server((host, port), backlog=128) as listening:
        listening.setblocking(False)
        where = listening.getsockname()
        print(f"listening on {where[0]} port {where[1]}", file=sys.stderr, flush=True)
        await proxy.serve(listening, enough)


class Proxy:
    """Passes connections on, and overhears them.

    Args:
        host: the acceptor's address.
        port: and its port.
        most: associations after which it ends; None for no end.
        live: whether a line is printed for each association as it ends.
        strict: whether what should be counts in these lines.
    """

    def __init__(
        self, host: str, port: int, most: int | None = None, *, live: bool = False, strict: bool = False
    ) -> None:
        self.associations: list[Overheard] = []
        """What was overheard, in the order of the connections."""
        self.notes: list[str] = []
        """Connections that could not be passed on."""
        self._host = host
        self._port = port
        self._most = most
        self._live = live
        self._strict = strict
        self._ended = 0
        self._passing: set[asyncio.Task[None]] = set()

    async def serve(self, listening: socket.socket, enough: asyncio.Event) -> None:
        """Until there were enough, or somebody says so; what still stands then is cut off, and told as it stood."""
        accepting = asyncio.ensure_future(self._accept(listening, enough))
        await enough.wait()
        for task in (accepting, *self._passing):
            task.cancel()
        await asyncio.gather(accepting, *self._passing, return_exceptions=True)

    async def _accept(self, listening: socket.socket, enough: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        while True:
            sock, address = await loop.sock_accept(listening)
            task = asyncio.ensure_future(self._pass_on(sock, _named(address), enough))
            self._passing.add(task)
            task.add_done_callback(self._passing.discard)

    async def _pass_on(self, sock: socket.socket, address: str, enough: asyncio.Event) -> None:
        overheard = Overheard(address, f"{self._host}:{self._port}", time.time())
        sock.setblocking(False)
        with sock:
            try:
                other = await self._dial()
            except (OSError, TimeoutError) as error:
                self.notes.append(f"{address}: not passed on, {self._host}:{self._port}: {error or 'timed out'}")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
                return
            self.associations.append(overheard)
            with other:
                await _both(sock, other, overheard)
        self._ended += 1
        if self._live:
            print(summary(overheard, strict=self._strict), flush=True)
        if self._ended == self._most:
            enough.set()

    async def _dial(self) -> socket.socket:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_SECONDS):
            found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
            family, kind, protocol, _, where = found[0]
            sock = socket.socket(family, kind, protocol)
            sock.setblocking(False)
            try:
                await loop.sock_connect(sock, where)
            except BaseException:  # a cancellation, too: no socket is left open
                sock.close()
                raise
            return sock


async def _both(requestor: socket.socket, acceptor: socket.socket, overheard: Overheard) -> None:
    """Pass on what both say, until both have ended, or one has reset: then the other is reset too."""
    reset: set[socket.socket] = set()
    for sock in (requestor, acceptor):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_pump(requestor, acceptor, overheard, overheard.requestor, reset))
            group.create_task(_pump(acceptor, requestor, overheard, overheard.acceptor, reset))
    except* ConnectionResetError:
        pass  # told by the pump that saw it
    if reset:
        for sock in (requestor, acceptor):
            with contextlib.suppress(OSError):  # gone already
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)


async def _pump(
    source: socket.socket, sink: socket.socket, overheard: Overheard, side: Side, reset: set[socket.socket]
) -> None:
    """One direction, to its end.

    Raises:
        ConnectionResetError: its source reset the connection; nothing more is to be passed on either way.
    """
    loop = asyncio.get_running_loop()
    while True:
        try:
            data = await loop.sock_recv(source, READ)
        except OSError:
            reset.add(source)
            break
        if not data:
            break
        overheard.sent(side, data, time.time())
        try:
            await loop.sock_sendall(sink, data)
        except OSError:
            reset.add(sink)  # what it said before is still to be read: its own pump does
            return
    overheard.ended(side, "rst" if source in reset else "fin", time.time())
    if source in reset:
        raise ConnectionResetError
    with contextlib.suppress(OSError):  # the other side is gone already
        sink.shutdown(socket.SHUT_WR)


def _named(address: Sequence[object]) -> str:
    host = str(address[0])
    return f"[{host}]:{address[1]}" if ":" in host else f"{host}:{address[1]}"
