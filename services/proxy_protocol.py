"""The PROXY protocol, versions 1 and 2: a proxy says first, before TLS and DICOM, for whom it connects.

`ProxyLayer` stands between the transport and everything else, as the TLS layer does, and is one thing more of the same
verbs: what is inside hears of the connection when the header has been read. Only proxies that were listed may say such
a thing, and they must: whoever believes it from anybody believes any address. The header has a deadline of its own and
`MAXIMUM_HEADER` bytes.
"""

import struct
from collections import deque
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Generic

from ..dul.primitives import CLOSE, Output
from ..dul.transport.sansio import E, SansIO
from ..spec.values import value

HEADER_SECONDS = 3.0
"""How long a proxy has for its header; the specification asks for three at least."""
MAXIMUM_HEADER = 536
"""Bytes of a header: what fits into the smallest segment every host takes, as the specification demands of senders."""
_MAXIMUM_LINE = 107
_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_PREFIX = b"PROXY "
_LOCAL, _PROXY = 0x20, 0x21
_TCP4, _TCP6 = 0x11, 0x21
_FIXED = struct.Struct(">12sBBH")

Address = tuple[str, int]


class ProxyError(ValueError):
    """No PROXY header; says why not."""


@value
class Header:
    """A PROXY header."""

    source: Address | None
    """For whom the connection is; None where the proxy does not say."""
    length: int
    """Bytes it takes."""
    local: bool = False
    """Whether the proxy connects for itself (a health check), which must be let in."""


def parse(data: bytes | bytearray) -> Header | None:
    """The header at the beginning of a connection; None while it is not complete.

    Raises:
        ProxyError: these bytes cannot become one.
    """
    if data[: len(_PREFIX)] == _PREFIX[: len(data)]:
        return _version_1(bytes(data[:_MAXIMUM_LINE]))
    if data[: len(_SIGNATURE)] == _SIGNATURE[: len(data)]:
        return _version_2(bytes(data))
    raise ProxyError("no PROXY header")


def _version_1(data: bytes) -> Header | None:
    """A line of text: PROXY TCP4 192.0.2.1 192.0.2.2 1111 11112."""
    line, end, _ = data.partition(b"\r\n")
    if not end:
        if len(data) == _MAXIMUM_LINE:
            raise ProxyError(f"a PROXY line of more than {_MAXIMUM_LINE} bytes")
        return None
    words = line.decode("latin-1").split(" ")
    length = len(line) + len(end)
    if words[1] == "UNKNOWN":
        return Header(None, length)
    kinds = {"TCP4": IPv4Address, "TCP6": IPv6Address}
    if len(words) != 6 or words[1] not in kinds or not all(map(_is_port, words[4:])):
        raise ProxyError("a malformed PROXY line")
    try:
        source, _destination = map(kinds[words[1]], words[2:4])
    except ValueError:
        raise ProxyError("a PROXY line without addresses") from None
    return Header((str(source), int(words[4])), length)


def _is_port(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= 5 and int(word) <= 0xFFFF


def _version_2(data: bytes) -> Header | None:
    """A signature, version and command, address family and protocol, a length, addresses, and what we do not need."""
    if len(data) < _FIXED.size:
        return None
    _, command, family, rest = _FIXED.unpack_from(data)
    length = _FIXED.size + rest
    if command not in (_LOCAL, _PROXY):
        raise ProxyError(f"PROXY version and command {command:02X}")
    if length > MAXIMUM_HEADER:
        raise ProxyError(f"a PROXY header of {length} bytes")
    if len(data) < length:
        return None
    addresses = data[_FIXED.size : length]
    if command == _LOCAL or family not in (_TCP4, _TCP6):
        return Header(None, length, local=command == _LOCAL)
    size, kind = (4, IPv4Address) if family == _TCP4 else (16, IPv6Address)
    if len(addresses) < 2 * size + 4:
        raise ProxyError("a PROXY header without addresses")
    port = int.from_bytes(addresses[2 * size : 2 * size + 2], "big")
    return Header((str(kind(addresses[:size])), port), length)


class ProxyLayer(Generic[E]):
    """A connection that begins with a PROXY header.

    Args:
        thing: what is inside.
        admit: asked with the header; False closes the connection.
        refused: told why there was no header.
    """

    def __init__(self, thing: SansIO[E], admit: Callable[[Header], bool], refused: Callable[[str], None]) -> None:
        self._thing, self._admit, self._refused = thing, admit, refused
        self._ready = False
        self._until: float | None = None
        self._header = bytearray()
        self._outbox: deque[Output] = deque()

    @property
    def outbox(self) -> deque[Output]:
        """That of the thing, once it has heard of the connection."""
        return self._thing.outbox if self._ready else self._outbox

    @property
    def deadline(self) -> float | None:
        """That of the header, then that of the thing."""
        return self._thing.deadline if self._ready else self._until

    def connected(self, now: float) -> list[E]:
        """A proxy connects to us, never we to it."""
        return self._thing.connected(now)

    def offered(self, now: float) -> list[E]:
        """A proxy connected: wait for its header."""
        self._until = now + HEADER_SECONDS
        return []

    def receive(self, data: bytes | memoryview, now: float) -> list[E]:
        """The header, and what comes behind it."""
        if self._ready:
            return self._thing.receive(data, now)
        self.tick(now)
        if self._until is None:
            return []
        kept = len(self._header)
        self._header += data[: MAXIMUM_HEADER - kept]
        try:
            header = parse(self._header)
        except ProxyError as error:
            self._refuse(str(error))
            return []
        if header is None:
            return []
        if not self._admit(header):
            self._close()
            return []
        self._ready = True
        caused = self._thing.offered(now)
        rest = data[header.length - kept :]
        return caused + self._thing.receive(rest, now) if rest else caused

    def closed(self, now: float) -> list[E]:
        """The connection is gone."""
        self._until = None
        return self._thing.closed(now) if self._ready else []

    def tick(self, now: float) -> list[E]:
        """The header is not awaited for ever."""
        if self._ready:
            return self._thing.tick(now)
        if self._until is not None and self._until <= now:
            self._refuse(f"no PROXY header within {HEADER_SECONDS:g} s")
        return []

    def fill(self, now: float) -> None:
        """As the thing does."""
        if self._ready:
            self._thing.fill(now)

    def _refuse(self, why: str) -> None:
        self._refused(why)
        self._close()

    def _close(self) -> None:
        self._until = None
        self._outbox.append(CLOSE)
