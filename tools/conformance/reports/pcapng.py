"""A capture of each case, for Wireshark: pcapng made of the bytes and times that were seen, without any privilege.

The tester is 192.0.2.1 and the peer 192.0.2.2 (RFC 5737), which the capture also names; who listens does so on port
104, whatever the port was, so that Wireshark takes it for DICOM. Segments, acknowledgements and the handshake are made
up around what each side sent; FIN and RST stand where they were seen. Comments on packets have the case, the states
the oracle thought possible, and in the first one what was expected and seen.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..results import Result, RunResult
from .diagram import repeat, told
from .streams import Segment, segments
from .traces import named

TESTER, PEER = b"\xc0\x00\x02\x01", b"\xc0\x00\x02\x02"
DICOM_PORT, FIRST_PORT = 104, 49152
SEGMENT = 16384
"""Bytes of data in a packet."""
_SHB, _IDB, _NRB, _EPB = 0x0A0D0D0A, 1, 4, 6
_RAW_IP = 101
_FIN, _SYN, _RST, _PSH, _ACK = 1, 2, 4, 8, 16
_COMMENT, _USER_APPLICATION, _RESOLUTION = 1, 4, 9
_END = struct.pack("<HH", 0, 0)


def write(run: RunResult, path: str) -> None:
    """Write a file for each case that had an exchange, into a directory that is made."""
    for result, name in named(run, path, "pcapng"):
        name.write_bytes(capture(run, result))


def capture(run: RunResult, result: Result) -> bytes:
    """A case as a capture."""
    found = [_header(run, result), _interface(), _names()]
    port = FIRST_PORT
    for exchange in result.exchanges:
        connections: dict[int, _Connection] = {}
        first = "\n".join([f"{result.id} {result.title}", *told(exchange), f"repeat: {repeat(run, result)}"])
        for segment in segments(exchange.events):
            number = segment.event.connection
            if number not in connections:
                connections[number] = _Connection(result.role == "A", port)
                port += 1
            at = round((exchange.began + segment.event.at) * 1e9)
            comment, first = first or _comment(result, segment), ""
            for packet in connections[number].packets(segment):
                found.append(_packet(at, packet, comment))
                comment = ""
    return b"".join(found)


def _comment(result: Result, segment: Segment) -> str:
    states = ", ".join(segment.event.states)
    where = f"the peer may be in {states}" if states else "off the table"
    return f"{result.id}: {segment.event.words or segment.event.kind}; {where}"


# ---- TCP ----


@dataclass(frozen=True, slots=True)
class _Packet:
    data: bytes
    """As captured."""
    length: int
    """As it was."""


@dataclass(slots=True)
class _Connection:
    """The numbers of a connection."""

    tester_dials: bool
    port: int
    """Of who dials."""
    numbers: dict[bool, int] = field(default_factory=lambda: {True: 1000, False: 2000})
    """The next sequence number of the tester (True) and of the peer."""

    def packets(self, segment: Segment) -> Iterator[_Packet]:
        """What a segment is on the wire."""
        ours = segment.ours
        match segment.flags:
            case "open":
                yield self._made(self.tester_dials, _SYN)
                yield self._made(not self.tester_dials, _SYN | _ACK)
                yield self._made(self.tester_dials, _ACK)
            case "refused":
                yield self._made(self.tester_dials, _SYN)
                yield self._made(not self.tester_dials, _RST | _ACK)
            case "data":
                yield from self._data(segment)
                yield self._made(not ours, _ACK)
            case "fin":
                yield self._made(ours, _FIN | _ACK)
                yield self._made(not ours, _ACK)
            case "rst":
                yield self._made(ours, _RST | _ACK)

    def _data(self, segment: Segment) -> Iterator[_Packet]:
        for start in range(0, segment.length, SEGMENT):
            length = min(SEGMENT, segment.length - start)
            last = start + length == segment.length
            kept = segment.data[start : start + length]
            yield self._made(segment.ours, _ACK | (_PSH if last else 0), kept, length)

    def _made(self, ours: bool, flags: int, data: bytes = b"", length: int = 0) -> _Packet:
        """One packet; its sender's number moves on."""
        ports = (self.port, DICOM_PORT) if ours == self.tester_dials else (DICOM_PORT, self.port)
        acknowledged = self.numbers[not ours] if flags & _ACK else 0
        addresses = (TESTER, PEER) if ours else (PEER, TESTER)
        number = self.numbers[ours]
        self.numbers[ours] = (number + length + bool(flags & (_SYN | _FIN))) % (1 << 32)
        head = struct.pack(">HHLLBBHHH", *ports, number, acknowledged, 5 << 4, flags, 65535, 0, 0)
        pseudo = b"".join(addresses) + struct.pack(">BBH", 0, 6, len(head) + length)
        check = _checksum(pseudo + head + data)  # wrong where not all bytes are kept, and not checked then
        head = head[:16] + struct.pack(">H", check) + head[18:]
        return _Packet(_ip(addresses, len(head) + length) + head + data, 20 + len(head) + length)


def _ip(addresses: tuple[bytes, bytes], length: int) -> bytes:
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + length, 0, 0x4000, 64, 6, 0) + b"".join(addresses)
    return head[:10] + struct.pack(">H", _checksum(head)) + head[12:]


def _checksum(data: bytes) -> int:
    """Of RFC 1071."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


# ---- pcapng ----


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<L", 12 + len(body))
    return struct.pack("<L", kind) + length + body + length


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _text(code: int, words: str) -> bytes:
    return _option(code, words.encode()[:65535].decode(errors="ignore").encode())


def _header(run: RunResult, result: Result) -> bytes:
    about = f"{result.id} {result.title}; the peer was {run.peer}; {run.started}"
    options = _text(_COMMENT, about) + _text(_USER_APPLICATION, run.program or "dulcet conformance") + _END
    return _block(_SHB, struct.pack("<LHHq", 0x1A2B3C4D, 1, 0, -1) + options)


def _interface() -> bytes:
    return _block(_IDB, struct.pack("<HHL", _RAW_IP, 0, 0) + _option(_RESOLUTION, b"\x09") + _END)


def _names() -> bytes:
    """The addresses have names."""
    records = b"".join(
        struct.pack("<HH", 1, len(value)) + _padded(value)
        for value in (TESTER + b"dulcet-tester\0", PEER + b"peer-under-test\0")
    )
    return _block(_NRB, records + _END)


def _packet(nanoseconds: int, packet: _Packet, comment: str) -> bytes:
    options = _text(_COMMENT, comment) + _END if comment else b""
    head = struct.pack("<LLLLL", 0, nanoseconds >> 32, nanoseconds & 0xFFFFFFFF, len(packet.data), packet.length)
    return _block(_EPB, head + _padded(packet.data) + options)
