"""Reads pcap and pcapng (the IETF drafts `draft-ietf-opsawg-pcap` and `-pcapng`): frames with their times.

Both byte orders, times in any resolution. Lengths are checked before anything is read, and a file that ends in the
middle, as one does whose writer was killed, gives what there is and says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from struct import Struct
from typing import BinaryIO, NamedTuple

LARGEST = 1 << 24
"""Bytes of a block or a frame; the largest frames in the field are 256 KiB."""
_PCAP = {b"\xd4\xc3\xb2\xa1": ("<", 1e-6), b"\xa1\xb2\xc3\xd4": (">", 1e-6)}
_PCAP |= {b"\x4d\x3c\xb2\xa1": ("<", 1e-9), b"\xa1\xb2\x3c\x4d": (">", 1e-9)}
"""Magic number: byte order and seconds of the fraction's unit."""
_SECTION = b"\x0a\x0d\x0d\x0a"
_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _ENHANCED_PACKET = 1, 2, 3, 6
_TSRESOL, _TSOFFSET = 9, 14


class CaptureError(ValueError):
    """A file is no capture, or is broken."""


class Frame(NamedTuple):
    """What was captured of a packet."""

    at: float
    """Seconds since 1970."""
    link: int
    """Link type, a LINKTYPE_ number."""
    data: bytes
    """What was captured of it."""
    length: int
    """How long it was on the wire."""


@dataclass(slots=True)
class _Interface:
    link: int
    snap: int
    unit: float = 1e-6
    offset: float = 0.0


@dataclass(slots=True)
class Capture:
    """A capture file.

    Args:
        path: pcap or pcapng.
    """

    path: Path
    cut: str = field(default="", init=False)
    """Where the file ends before its time, in words, once `frames` came there."""

    def frames(self) -> Iterator[Frame]:
        """Its frames, in the file's order.

        Raises:
            OSError: it cannot be read.
            CaptureError: it is no capture, or is broken where it has not ended.
        """
        with self.path.open("rb") as file:
            magic = file.read(4)
            if magic in _PCAP:
                yield from self._pcap(file, *_PCAP[magic])
            elif magic == _SECTION:
                yield from self._pcapng(file)
            else:
                raise CaptureError(
                    f"{self.path}: begins with {magic.hex(' ') or 'nothing'}, which no pcap or pcapng does"
                )

    def _read(self, file: BinaryIO, length: int, *, may_end: bool = False) -> bytes:
        """So many bytes; fewer, and `cut`, where the file ends before. Nothing where it `may_end`, and does."""
        if length > LARGEST:
            raise CaptureError(f"{self.path}: a block of {length} bytes before offset {file.tell()}")
        data = file.read(length)
        if len(data) < length and not (may_end and not data):
            self.cut = f"the file ends in the middle of a packet, at offset {file.tell()}"
        return data

    # ---- pcap ----

    def _pcap(self, file: BinaryIO, order: str, unit: float) -> Iterator[Frame]:
        head = self._read(file, 20)
        if self.cut:
            return
        link = int.from_bytes(head[16:20], "little" if order == "<" else "big") & 0x0FFFFFFF
        record = Struct(order + "LLLL")
        while (header := self._read(file, record.size, may_end=True)) and not self.cut:
            seconds, fraction, captured, length = record.unpack(header)
            data = self._read(file, captured)
            if self.cut:
                return
            yield Frame(seconds + fraction * unit, link, data, length)

    # ---- pcapng ----

    def _pcapng(self, file: BinaryIO) -> Iterator[Frame]:
        interfaces: list[_Interface] = []
        order, kind = "", _SECTION
        while kind and not self.cut:
            rest = self._read(file, 4 if kind != _SECTION else 8)
            if self.cut:
                return
            if kind == _SECTION:
                order, interfaces = _ORDERS.get(rest[4:], ""), []
                if not order:
                    raise CaptureError(f"{self.path}: a section of no byte order before offset {file.tell()}")
            length = Struct(order + "L").unpack(rest[:4])[0]
            already = 4 + len(rest)
            if length < already + 4 or length % 4:
                raise CaptureError(f"{self.path}: a block of length {length} before offset {file.tell()}")
            body = self._read(file, length - already)[:-4]
            if self.cut:
                return
            number = int.from_bytes(kind, "little" if order == "<" else "big")
            if number == _INTERFACE:
                interfaces.append(_interface(body, order))
            elif (frame := self._packet(number, body, order, interfaces)) is not None:
                yield frame
            kind = self._read(file, 4, may_end=True)

    def _packet(self, kind: int, body: bytes, order: str, interfaces: list[_Interface]) -> Frame | None:
        """The frame in a block, if it is one of a packet."""
        if kind == _SIMPLE_PACKET:
            which, head, high, low = 0, Struct(order + "L"), 0, 0
            captured, length = -1, head.unpack_from(body)[0]
        elif kind in (_ENHANCED_PACKET, _OLD_PACKET):
            head = Struct(order + ("LLLLL" if kind == _ENHANCED_PACKET else "HxxLLLL"))
            which, high, low, captured, length = head.unpack_from(body)
        else:
            return None
        if which >= len(interfaces):
            raise CaptureError(f"{self.path}: a packet of interface {which}, which is not described")
        interface = interfaces[which]
        if captured < 0:
            captured = min(length, interface.snap or length)
        data = body[head.size : head.size + captured]
        return Frame((high << 32 | low) * interface.unit + interface.offset, interface.link, data, length)


def _interface(body: bytes, order: str) -> _Interface:
    link, snap = Struct(order + "HxxL").unpack_from(body)
    found = _Interface(link, snap)
    for code, value in _options(body[8:], order):
        if code == _TSRESOL and value:
            found.unit = 2.0 ** -(value[0] & 0x7F) if value[0] & 0x80 else 10.0 ** -value[0]
        elif code == _TSOFFSET and len(value) == 8:
            found.offset = float(Struct(order + "q").unpack(value)[0])
    return found


def _options(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    head = Struct(order + "HH")
    at = 0
    while at + 4 <= len(data):
        code, length = head.unpack_from(data, at)
        if code == 0:
            return
        yield code, data[at + 4 : at + 4 + length]
        at += 4 + length + -length % 4
