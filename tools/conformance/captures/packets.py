"""A frame to the TCP segment in it: link types and both versions of IP, as far as they are met between DICOM peers."""

import ipaddress
from typing import NamedTuple

from .files import Frame

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
_IP4, _IP6, _VLAN = 0x0800, 0x86DD, (0x8100, 0x88A8, 0x9100)
_TCP = 6
_NULL, _ETHERNET, _RAW, _LOOP, _SLL, _IPV4, _IPV6, _SLL2 = 0, 1, 101, 108, 113, 228, 229, 276
_RAWS = (_RAW, 12, 14, _IPV4, _IPV6)
"""LINKTYPE_RAW and the numbers it has on some systems."""
_EXTENSIONS = (0, 43, 60)
"""IPv6: hop-by-hop options, routing, destination options, which stand in front of TCP."""
LINKS = (_NULL, _ETHERNET, _LOOP, _SLL, _SLL2, *_RAWS)
"""The link types that are understood."""

Endpoint = tuple[str, int]


class Segment(NamedTuple):
    """A TCP segment."""

    at: float
    source: Endpoint
    destination: Endpoint
    sequence: int
    acknowledged: int
    flags: int
    payload: bytes
    """What was captured of it."""
    size: int
    """How long the payload was on the wire."""


def segment(frame: Frame) -> Segment | None:
    """The segment in a frame; None when there is none, or its header was not captured."""
    kind, packet = _network(frame.link, frame.data)
    whole = _ip4(packet) if kind == _IP4 else _ip6(packet) if kind == _IP6 else None
    return _tcp(frame, *whole) if whole is not None else None


def _network(link: int, data: bytes) -> tuple[int, bytes]:
    """The protocol and bytes above the link."""
    if link == _ETHERNET:
        at = 12
        while int.from_bytes(data[at : at + 2], "big") in _VLAN:
            at += 4
        return int.from_bytes(data[at : at + 2], "big"), data[at + 2 :]
    if link == _SLL:
        return int.from_bytes(data[14:16], "big"), data[16:]
    if link == _SLL2:
        return int.from_bytes(data[:2], "big"), data[20:]
    packet = data if link in _RAWS else data[4:] if link in (_NULL, _LOOP) else b""
    return {4: _IP4, 6: _IP6}.get(packet[0] >> 4 if packet else 0, 0), packet


def _ip4(packet: bytes) -> tuple[str, str, bytes, int] | None:
    """Addresses, what follows the header, and how long that was."""
    header = (packet[0] & 0x0F) * 4 if packet else 0
    if len(packet) < max(header, 20) or packet[9] != _TCP or int.from_bytes(packet[6:8], "big") & 0x3FFF:
        return None  # fragments of IP are not put together: TCP avoids them
    total = int.from_bytes(packet[2:4], "big") or len(packet)  # 0 where the network card was to cut it
    source, destination = (str(ipaddress.IPv4Address(packet[at : at + 4])) for at in (12, 16))
    return source, destination, packet[header:total], total - header


def _ip6(packet: bytes) -> tuple[str, str, bytes, int] | None:
    if len(packet) < 40:
        return None
    following, total = packet[6], 40 + (int.from_bytes(packet[4:6], "big") or len(packet) - 40)
    at = 40
    while following in _EXTENSIONS and at + 2 <= len(packet):
        following, at = packet[at], at + 8 + packet[at + 1] * 8
    if following != _TCP:
        return None
    source, destination = (str(ipaddress.IPv6Address(packet[where : where + 16])) for where in (8, 24))
    return source, destination, packet[at:total], total - at


def _tcp(frame: Frame, source: str, destination: str, data: bytes, length: int) -> Segment | None:
    header = (data[12] >> 4) * 4 if len(data) >= 20 else 0
    if header < 20 or len(data) < header:
        return None
    ports = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big")
    return Segment(
        frame.at,
        (source, ports[0]),
        (destination, ports[1]),
        int.from_bytes(data[4:8], "big"),
        int.from_bytes(data[8:12], "big"),
        data[13],
        data[header:],
        length - header,
    )
