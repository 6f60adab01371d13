"""Bounds-checked reading and writing of what PDUs are made of (PS3.8 9.3.1).

Integers are unsigned and big endian. Items and sub-items are a type, a reserved byte, a length of two bytes
and a value. AE titles are Table 9-11's, UIDs are PS3.5 9.1's. Reading works on views that end where the
parent ends, so nothing can reach past it, and raises `DecodeError`. Writing refuses what the standard does
not allow with `LocalProtocolError`; reading is more lenient where peers are known to be sloppy and nothing
can be misunderstood.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from struct import Struct

from .errors import DecodeError, LocalProtocolError

MAXIMUM_ITEMS = 1024
"""Items in one run. 9.3.1 has no limit, and unknown ones are skipped; but 128 contexts, or some 400 sub-items
of user information, are the most that means anything, and nobody shall make us step through 262 144."""
UID_LENGTH = 64
"""The longest UID (PS3.5 9.1)."""
AE_TITLE_LENGTH = 16
"""Every AE title field (Table 9-11)."""
NAME_LENGTH = 16
"""The longest implementation version name (PS3.7 D.3.3.2.3)."""

_U16 = Struct(">H")
_U32 = Struct(">L")
_ITEM_HEADER = Struct(">BxH")

_RECEIVED_UID = re.compile(rb"[0-9]+(?:\.[0-9]+)*")
_STRICT_UID = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*")
_G0 = re.compile(r"[ -~]+")
"""ISO 646 basic G0 set: no control characters, nothing above 7EH."""
_TITLE = re.compile(r"[ -\[\]-~]{1,16}")
"""What an AE title may consist of: G0 without the backslash (PS3.5 6.2)."""


class Reader:
    """Reads the fields of one item in their order, never past its end."""

    __slots__ = ("_at", "_data", "_what")

    def __init__(self, data: memoryview, what: str) -> None:
        self._data = data
        self._at = 0
        self._what = what

    def take(self, size: int) -> memoryview:
        """The next `size` bytes."""
        start, self._at = self._at, self._at + size
        if self._at > len(self._data):
            raise DecodeError(f"{self._what}: a field of {size} bytes overruns it", clause="PS3.8 9.3.1")
        return self._data[start : self._at]

    def u8(self) -> int:
        """The next byte."""
        return self.take(1)[0]

    def u16(self) -> int:
        """The next two bytes."""
        value: int = _U16.unpack(self.take(2))[0]
        return value

    def u32(self) -> int:
        """The next four bytes."""
        value: int = _U32.unpack(self.take(4))[0]
        return value

    def counted(self) -> memoryview:
        """A field preceded by its length in two bytes."""
        return self.take(self.u16())

    def rest(self) -> memoryview:
        """Everything that is left."""
        return self.take(len(self._data) - self._at)

    def more(self) -> bool:
        """Whether anything is left."""
        return self._at < len(self._data)

    def end(self) -> None:
        """Check that nothing is left."""
        if self.more():
            left = len(self._data) - self._at
            raise DecodeError(f"{self._what}: {left} bytes too many", clause="PS3.8 9.3.1")


def items(data: memoryview, what: str) -> Iterator[tuple[int, memoryview]]:
    """Type and value of each item in a run that must fill `data` exactly."""
    at, end = 0, len(data)
    for _ in range(MAXIMUM_ITEMS):
        if at == end:
            return
        if end - at < _ITEM_HEADER.size:
            raise DecodeError(f"{what}: {end - at} stray bytes after the last item", clause="PS3.8 9.3.1")
        type_, length = _ITEM_HEADER.unpack_from(data, at)
        start = at + _ITEM_HEADER.size
        at = start + length
        if at > end:
            raise DecodeError(f"{what}: item {type_:02X}H overruns it by {at - end}", clause="PS3.8 9.3.1")
        yield type_, data[start:at]
    if at != end:
        raise DecodeError(f"{what}: more than {MAXIMUM_ITEMS} items")


def item(type_: int, value: bytes) -> bytes:
    """An item with its header."""
    if len(value) > 0xFFFF:
        raise LocalProtocolError(f"item {type_:02X}H of {len(value)} bytes: its length has two bytes")
    return _ITEM_HEADER.pack(type_, len(value)) + value


def counted(value: bytes) -> bytes:
    """A field preceded by its length in two bytes."""
    if len(value) > 0xFFFF:
        raise LocalProtocolError(f"a field of {len(value)} bytes: its length has two bytes")
    return _U16.pack(len(value)) + value


def decode_uid(value: memoryview, what: str) -> str:
    """A UID as a peer may send it: leading zeros and one NUL of padding pass, being common and harmless."""
    uid = _received_uid(bytes(value)) if len(value) <= UID_LENGTH + 1 else None  # the cache keeps no 64 KiB of nonsense
    if uid is None:
        raise DecodeError(f"{what}: {bytes(value[:UID_LENGTH])!r} is not a UID", clause="PS3.5 9.1")
    return uid


@lru_cache(maxsize=1024)  # the same few come with every association: 0.37 µs to check, 0.04 µs to find
def _received_uid(value: bytes) -> str | None:
    digits = value.removesuffix(b"\0")
    if len(digits) > UID_LENGTH or not _RECEIVED_UID.fullmatch(digits):
        return None
    return digits.decode("ascii")


@lru_cache(maxsize=1024)
def encode_uid(uid: str, what: str) -> bytes:
    """A UID, which must be one to the letter of PS3.5 9.1."""
    if len(uid) > UID_LENGTH or not _STRICT_UID.fullmatch(uid):
        raise LocalProtocolError(f"{what}: {uid!r} is not a UID (PS3.5 9.1)")
    return uid.encode("ascii")


def decode_ae_title(field: memoryview, what: str) -> str:
    """An AE title without insignificant spaces; "" when it is all spaces, which a policy may refuse."""
    title = str(field, "latin-1")
    if not _G0.fullmatch(title):
        raise DecodeError(f"{what}: {title!r} is not ISO 646 basic G0", clause="PS3.8 Table 9-11")
    return title.strip(" ")


def is_ae_title(title: str) -> bool:
    """Is this an AE title (PS3.5 6.2: 1 to 16 characters, insignificant spaces left out)?"""
    return _TITLE.fullmatch(title.strip(" ")) is not None


def encode_ae_title(title: str, what: str) -> bytes:
    """An AE title in its field of 16 characters."""
    title = title.strip(" ")
    if not is_ae_title(title):
        raise LocalProtocolError(f"{what}: {title!r} is not 1 to 16 characters of ISO 646 (PS3.8 Table 9-11)")
    return title.ljust(AE_TITLE_LENGTH).encode("ascii")


def decode_name(value: memoryview, what: str) -> str:
    """A string of 1 to 16 characters (PS3.7 D.3.3.2.3)."""
    name = str(value, "latin-1")
    if len(name) > NAME_LENGTH or not _G0.fullmatch(name):
        raise DecodeError(f"{what}: {name[:64]!r} is not 1 to 16 of ISO 646", clause="PS3.7 D.3.3.2.3")
    return name


def encode_name(name: str, what: str) -> bytes:
    """A string of 1 to 16 characters (PS3.7 D.3.3.2.3)."""
    if len(name) > NAME_LENGTH or not _G0.fullmatch(name):
        raise LocalProtocolError(f"{what}: {name!r} is not 1 to 16 characters of ISO 646 (PS3.7 D.3.3.2.3)")
    return name.encode("ascii")
