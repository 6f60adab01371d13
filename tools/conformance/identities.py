"""Who a peer's user is, struck out of what is kept: PS3.7 D.3.3.7 puts names, passcodes and tickets on the wire.

Of the user identity sub-items 58H (A-ASSOCIATE-RQ) and 59H (-AC) the primary field, the secondary field and the
server-response become as many `*`; every length stays, so that what is told and drawn of a PDU stays true. The bytes
are taken in any pieces. Where lengths in the user information do not nest, nobody knows where an identity ends: then
all the rest of the PDU is struck out.
"""

from collections.abc import Generator

_READ, _KEEP, _HIDE = range(3)
_Steps = Generator[tuple[int, int], bytes, bool]
"""How many bytes come next, and what becomes of them; those of a `_READ` are sent in, and are few. At the end whether
the lengths nested."""
_FIXED = 68
"""Bytes of an A-ASSOCIATE-RQ or -AC in front of its items (PS3.8 Tables 9-11, 9-17)."""
_USER_INFORMATION = 0x50
_SECRETS = {0x58: (2, 2), 0x59: (0, 1)}
"""By sub-item: bytes in front of its fields, and how many fields, each behind its length (Tables D.3-14, D.3-15)."""


class Mask:
    """Strikes identities out of one direction of a connection."""

    def __init__(self) -> None:
        self._steps = _pdus()
        self._left, self._what = next(self._steps)
        self._read = bytearray()

    def feed(self, data: bytes) -> bytes:
        """The next bytes, without identities."""
        masked, at = bytearray(data), 0
        while at < len(data):
            count = min(self._left, len(data) - at)
            if self._what == _HIDE:
                masked[at : at + count] = b"*" * count
            elif self._what == _READ:
                self._read += data[at : at + count]
            at += count
            self._left -= count
            if not self._left:
                self._left, self._what = self._steps.send(bytes(self._read))
                self._read.clear()
        return bytes(masked)


def masked(pdu: bytes) -> bytes:
    """A PDU, or the beginning of one, without identities."""
    return Mask().feed(pdu)


def _pdus() -> _Steps:
    while True:
        head = yield 6, _READ
        length = int.from_bytes(head[2:], "big")
        if head[0] in (0x01, 0x02):
            fixed = min(_FIXED, length)
            yield from _some(fixed, _KEEP)
            yield from _items(length - fixed)
        else:
            yield from _some(length, _KEEP)


def _items(room: int, *, within: bool = False) -> _Steps:
    """The items in so many bytes; `within` the user information all of them must nest, elsewhere its own must."""
    while room >= 4:
        head = yield 4, _READ
        length = int.from_bytes(head[2:], "big")
        size = min(length, room - 4)
        room -= 4 + size
        nested = size == length or not within
        if head[0] == _USER_INFORMATION:
            nested = yield from _items(size, within=True)
        elif head[0] in _SECRETS:
            nested = (yield from _fields(size, *_SECRETS[head[0]])) and size == length
        else:
            yield from _some(size, _KEEP if nested else _HIDE)
        if not nested:
            yield from _some(room, _HIDE)
            return False
    yield from _some(room, _KEEP)
    return not (within and room)


def _fields(room: int, front: int, fields: int) -> _Steps:
    front = min(front, room)
    yield from _some(front, _KEEP)
    room -= front
    for _ in range(fields):
        if room < 2:
            yield from _some(room, _HIDE)
            return False
        length = int.from_bytes((yield 2, _READ), "big")
        size = min(length, room - 2)
        yield from _some(size, _HIDE)
        room -= 2 + size
        if size < length:
            return False
    return (yield from _some(room, _HIDE))


def _some(count: int, what: int) -> _Steps:
    if count:
        yield count, what
    return True
