"""What every stream socket of ours has in common, whoever drives it.

TCP_NODELAY: a PDU leaves when it is written (Nagle costs a DICOM dialogue 40 ms a message). Keep-alive: a
dead peer is noticed in the end. The buffer sizes are the kernel's business: it tunes them better than a
constant could.
"""

import errno
import os
import socket
import struct
from collections.abc import Sequence
from typing import Any

CONNECT_SECONDS = 10.0
"""Default for a connection to open, all addresses of a host together; the resolver has its own time."""
HANDSHAKE_SECONDS = 10.0
"""Default for the whole TLS handshake."""
WRITE_SECONDS = 30.0
"""Default for a peer to take at least one byte of what waits for it."""
RECEIVE_BUFFER = 1 << 20
"""Bytes read at most in one system call, one buffer for all connections of a thread. Of each read the PDU at its end is
mostly cut, and copied: objects of 512 KiB take 100 us of processor time, with a quarter of this buffer 143."""

NO_LINGER = struct.pack("ii", 1, 0)
"""SO_LINGER with a time of zero: close sends RST and forgets what the peer never took."""

Address = tuple[str, int]
"""Host name or IP address, and port."""


def prepare(sock: socket.socket) -> None:
    """Set what holds for every connection; accepted sockets inherit it from the listening one."""
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def bind(
    host: str = "",
    port: int = 0,
    *,
    family: int = socket.AF_UNSPEC,
    dual_stack: bool = True,
    backlog: int = 128,
    reuse_port: bool = False,
) -> list[socket.socket]:
    """Listening sockets for every address of `host`, all on one port; no host means all interfaces.

    With no host, `dual_stack` gives one IPv6 socket that takes IPv4 too, where the machine can do that.

    Raises:
        ValueError: there is no such port. OSError: it cannot be listened on.
    """
    if not 0 <= port <= 0xFFFF:
        raise ValueError(f"{port} is no port, 0 to 65535")
    if not host and family != socket.AF_INET and dual_stack and socket.has_dualstack_ipv6():
        return [_listening(socket.AF_INET6, ("::", port), backlog, reuse_port, both=True)]
    if not host and family == socket.AF_UNSPEC:
        family = socket.AF_INET
    found = socket.getaddrinfo(host or None, port, family, socket.SOCK_STREAM, 0, socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    try:
        for kind, address in dict.fromkeys((entry[0], entry[4]) for entry in found):
            wanted = (address[0], sockets[0].getsockname()[1] if sockets else port)
            sockets.append(_listening(kind, wanted, backlog, reuse_port, both=False))
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def _listening(kind: int, address: Sequence[Any], backlog: int, reuse_port: bool, *, both: bool) -> socket.socket:
    where = (address[0], address[1])
    sock = socket.create_server(where, family=kind, backlog=backlog, reuse_port=reuse_port, dualstack_ipv6=both)
    prepare(sock)
    return sock


def check_port(port: int) -> None:
    """Where to connect to: the C library takes 70000 for 4464, and would connect there.

    Raises:
        socket.gaierror: there is no such port.
    """
    if not 0 < port <= 0xFFFF:
        raise socket.gaierror(socket.EAI_SERVICE, "no port, 1 to 65535")


def begin_connect(kind: int, how: int, protocol: int, address: Any) -> socket.socket:
    """A socket that is connecting; an error that shows at once is raised."""
    sock = socket.socket(kind, how, protocol)
    try:
        prepare(sock)
        code = sock.connect_ex(address)
        if code not in (0, errno.EINPROGRESS):
            raise OSError(code, os.strerror(code))
    except OSError:
        sock.close()
        raise
    return sock


def reset(sock: socket.socket) -> None:
    """Close at once with RST: the peer does not take what we send, so nothing more can be said."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    finally:
        sock.close()


def named(error: OSError | UnicodeError, address: Address) -> OSError:
    """The same error, saying which address it is about; of a name that IDNA refuses, that there is no such host."""
    if isinstance(error, UnicodeError):
        error = socket.gaierror(socket.EAI_NONAME, "not a host name")
    text = error.strerror or str(error) or type(error).__name__
    return type(error)(error.errno, f"{address[0]} port {address[1]}: {text}")
