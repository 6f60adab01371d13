"""Captures made by hand for the tests: TCP segments of a conversation, in frames, in files of both formats."""

import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from struct import pack

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
CLIENT, SERVER = ("10.0.0.1", 40000), ("10.0.0.2", 104)


@dataclass(frozen=True)
class Wire:
    """A TCP segment as the tests write it."""

    from_client: bool
    sequence: int
    flags: int = ACK
    data: bytes = b""
    acknowledged: int = 0
    at: float = 0.0


@dataclass
class Talk:
    """A TCP connection whose segments are written down one after another, a millisecond apart."""

    segments: list[Wire] = field(default_factory=list)
    sequences: dict[bool, int] = field(default_factory=lambda: {True: 1000, False: 5000})

    def open(self) -> "Talk":
        self._add(True, SYN)
        self._add(False, SYN | ACK)
        self._add(True, ACK)
        return self

    def client(self, *pieces: bytes) -> "Talk":
        for piece in pieces:
            self._add(True, ACK, piece)
        return self

    def server(self, *pieces: bytes) -> "Talk":
        for piece in pieces:
            self._add(False, ACK, piece)
        return self

    def end(self, *, client: bool = True, how: int = FIN) -> "Talk":
        self._add(client, how | ACK)
        return self

    def _add(self, from_client: bool, flags: int, data: bytes = b"") -> None:
        wire = Wire(
            from_client,
            self.sequences[from_client] % (1 << 32),
            flags,
            data,
            self.sequences[not from_client] % (1 << 32),
            100.0 + len(self.segments) / 1000,
        )
        self.segments.append(wire)
        self.sequences[from_client] += len(data) + bool(flags & (SYN | FIN))


def tcp(wire: Wire, client: int = CLIENT[1], server: int = SERVER[1]) -> bytes:
    ports = (client, server) if wire.from_client else (server, client)
    return pack(">HHLLBBHHH", *ports, wire.sequence, wire.acknowledged, 5 << 4, wire.flags, 65535, 0, 0) + wire.data


def ip4(wire: Wire) -> bytes:
    payload = tcp(wire)
    ends = [socket.inet_aton(host) for host, _ in (CLIENT, SERVER)]
    source, destination = ends if wire.from_client else reversed(ends)
    return pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, 6, 0) + source + destination + payload


def ip6(wire: Wire, *, hop_by_hop: bool = False) -> bytes:
    payload = tcp(wire)
    if hop_by_hop:
        payload = b"\6\0" + bytes(6) + payload
    ends = [socket.inet_pton(socket.AF_INET6, host) for host in ("fd00::1", "fd00::2")]
    source, destination = ends if wire.from_client else reversed(ends)
    head = pack(">LHBB", 6 << 28, len(payload), 0 if hop_by_hop else 6, 64)
    return head + source + destination + payload


ETHERNET = bytes(12)
FRAMINGS = {
    "ethernet": (1, lambda wire: ETHERNET + b"\x08\0" + ip4(wire)),
    "vlan": (1, lambda wire: ETHERNET + b"\x81\0\0\5\x08\0" + ip4(wire)),
    "ethernet-6": (1, lambda wire: ETHERNET + b"\x86\xdd" + ip6(wire)),
    "hop-by-hop": (1, lambda wire: ETHERNET + b"\x86\xdd" + ip6(wire, hop_by_hop=True)),
    "loopback": (0, lambda wire: b"\2\0\0\0" + ip4(wire)),
    "loopback-6": (0, lambda wire: b"\x1e\0\0\0" + ip6(wire)),
    "openbsd-loopback": (108, lambda wire: b"\0\0\0\2" + ip4(wire)),
    "raw": (101, ip4),
    "raw-6": (101, ip6),
    "ipv4": (228, ip4),
    "linux-cooked": (113, lambda wire: bytes(14) + b"\x08\0" + ip4(wire)),
    "linux-cooked-2": (276, lambda wire: b"\x08\0" + bytes(18) + ip4(wire)),
}
"""Link type, and a segment as its frame."""


def ethernet(segments: Iterable[Wire]) -> list[tuple[float, bytes]]:
    return [(wire.at, FRAMINGS["ethernet"][1](wire)) for wire in segments]


def pcap(
    path: Path, frames: Iterable[tuple[float, bytes]], link: int = 1, order: str = "<", nano: bool = False
) -> Path:
    magic, unit = (0xA1B23C4D, 1e9) if nano else (0xA1B2C3D4, 1e6)
    data = pack(order + "LHHlLLL", magic, 2, 4, 0, 0, 262144, link)
    for at, frame in frames:
        data += pack(order + "LLLL", int(at), round(at % 1 * unit), len(frame), len(frame)) + frame
    path.write_bytes(data)
    return path


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    return pack(order + "LL", kind, len(body) + 12) + body + pack(order + "L", len(body) + 12)


def pcapng(
    path: Path,
    frames: Sequence[tuple[float, bytes]],
    link: int = 1,
    order: str = "<",
    packets: str = "enhanced",
    resolution: int = 6,
) -> Path:
    option = pack(order + "HHBxxxHH", 9, 1, resolution, 0, 0)
    data = block(0x0A0D0D0A, pack(order + "LHHq", 0x1A2B3C4D, 1, 0, -1), order)
    data += block(1, pack(order + "HHL", link, 0, 0) + option, order)
    data += block(5, bytes(12), order)  # interface statistics, which are passed over
    for at, frame in frames:
        ticks = round(at * (2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution))
        high, low = ticks >> 32, ticks & 0xFFFFFFFF
        if packets == "enhanced":
            data += block(6, pack(order + "LLLLL", 0, high, low, len(frame), len(frame)) + frame, order)
        elif packets == "old":
            data += block(2, pack(order + "HHLLLL", 0, 0, high, low, len(frame), len(frame)) + frame, order)
        else:
            data += block(3, pack(order + "L", len(frame)) + frame, order)
    path.write_bytes(data)
    return path


def shifted(segments: Iterable[Wire], by: int) -> list[Wire]:
    """The same with other initial sequence numbers."""
    wrap = 1 << 32
    return [
        replace(wire, sequence=(wire.sequence + by) % wrap, acknowledged=(wire.acknowledged + by) % wrap)
        for wire in segments
    ]
