"""A bounded look at the first elements of a data set, in any transfer syntax (PS3.5 section 7, Annex A).

A storage SCP must know the SOP Class and SOP Instance UID inside the object it was sent, and a storage SCU
the UIDs of the object it is about to send. Both stand in group 0008, so a walk over a handful of element
headers finds them; a data-set library would build the whole tree first. The walk is iterative and
everything a peer could make grow has a limit: nesting, elements, length of a value it keeps, bytes it
inflates.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection
from typing import Final, NamedTuple

from ..transfer_syntaxes import Encoding, encoding

SPECIFIC_CHARACTER_SET: Final = 0x00080005
SOP_CLASS_UID: Final = 0x00080016
SOP_INSTANCE_UID: Final = 0x00080018
SERIES_DATE: Final = 0x00080021
PATIENT_NAME: Final = 0x00100010
STUDY_INSTANCE_UID: Final = 0x0020000D

MAXIMUM_DEPTH: Final = 64
"""Sequences inside sequences; real objects stay below ten."""
MAXIMUM_ELEMENTS: Final = 100_000
"""Elements passed before giving up: a tenth of a second; group 0008 of a real object has a hundred."""
MAXIMUM_VALUE: Final = 1024
"""Bytes of a value we keep; a UID has 64 (PS3.5 table 6.2-1), a person name three groups of 64 characters."""
MAXIMUM_INFLATED: Final = 1 << 20
"""Bytes inflated from a deflated data set, whatever it claims to hold."""

_FIRST_INFLATED: Final = 16 << 10
_UNDEFINED: Final = 0xFFFFFFFF
_NO_TAG: Final = 0xFFFFFFFF
"""Above every tag there is, so a walk that looks for it ends with the data set."""
_DELIMITERS: Final = 0xFFFE0000
_ITEM, _ITEM_DELIMITATION, _SEQUENCE_DELIMITATION = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD

_SHORT: Final = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split(b" "))
"""VRs with a 16-bit length (PS3.5 table 7.1-2); every other one, also one invented tomorrow, has 32 bits."""


_HEADERS: Final = tuple(
    tuple(struct.Struct(order + layout).unpack_from for layout in ("HHL", "HH2sH", "L")) for order in "><"
)
"""Big and little endian: tag and length, tag and VR and short length, long length."""


class DataSetError(ValueError):
    """A data set that cannot be read as far as needed; says where and why, never with a value."""


class Truncated(DataSetError):
    """The bytes end before what was sought: an error if they are all there is."""


class Header(NamedTuple):
    """The head of one element."""

    tag: int
    """Group number in the upper, element number in the lower 16 bits."""
    vr: bytes
    """Two letters, empty in implicit VR and for items."""
    length: int
    """Value length, 0xFFFFFFFF if undefined."""
    value: int
    """Offset of the value."""


def read_header(data: bytes | memoryview, offset: int, layout: Encoding) -> Header:
    """The element header at `offset`; raises `Truncated` when it is not all there."""
    implicit, explicit, long = _HEADERS[layout.little_endian]
    try:
        if layout.explicit:
            group, element, vr, length = explicit(data, offset)
            if vr in _SHORT and group != 0xFFFE:  # nearly every one
                return Header(group << 16 | element, vr, length, offset + 8)
        group, element, length = implicit(data, offset)
        tag = group << 16 | element
        if not layout.explicit or group == 0xFFFE:
            return Header(tag, b"", length, offset + 8)
        if not (vr.isalpha() and vr.isupper()):
            raise DataSetError(f"no value representation after tag {show(tag)} at byte {offset} (PS3.5 7.1.2)")
        return Header(tag, vr, long(data, offset + 8)[0], offset + 12)
    except struct.error:
        raise Truncated(f"ends inside an element header at byte {offset}") from None


def show(tag: int) -> str:
    """A tag as the standard writes it: (0008,0018)."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def check_complete(data: bytes | memoryview, layout: Encoding, maximum_elements: int) -> None:
    """Walk over all of an inflated data set; raises `DataSetError` if anything is cut off or out of place."""
    _Walk(data, layout, (_NO_TAG,)).run(True, maximum_elements)


def find(
    data: bytes | memoryview, transfer_syntax_uid: str, tags: Collection[int], *, whole: bool = True
) -> dict[int, bytes]:
    """The values, undecoded, of those of `tags` that stand in the outermost data set; stops after the last.

    `whole` says whether `data` is all there is; if it is not and ends too early, `Truncated` asks for more.
    """
    layout = encoding(transfer_syntax_uid)
    if not layout.deflated:
        return _Walk(data, layout, tags).run(whole)
    for limit in (_FIRST_INFLATED, MAXIMUM_INFLATED):
        inflated, complete = _inflate(data, limit, whole)
        try:
            return _Walk(inflated, layout, tags).run(complete)
        except Truncated:
            if complete or len(inflated) < limit:
                raise
    raise DataSetError(f"the first {MAXIMUM_INFLATED} inflated bytes do not reach {show(max(tags))}")


def _inflate(data: bytes | memoryview, limit: int, whole: bool) -> tuple[bytes, bool]:
    """At most `limit` bytes of a deflated data set (PS3.5 A.5), and whether they are all of it."""
    inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    try:
        # Deflate grows data by a few bytes a block at most, so that much input is always enough.
        inflated = inflater.decompress(data[: limit + 1024], limit)
    except zlib.error as error:
        raise DataSetError(f"not a deflate stream: {error} (PS3.5 A.5)") from None
    if whole and not inflater.eof and len(inflated) < limit:
        raise Truncated("ends inside the deflate stream")
    return inflated, inflater.eof


class _Walk:
    """One pass over element headers: what is open at the moment lies in `open`, never on Python's stack."""

    __slots__ = ("data", "found", "last", "layout", "offset", "open", "tags")

    def __init__(self, data: bytes | memoryview, layout: Encoding, tags: Collection[int]) -> None:
        self.data = data
        self.layout = layout
        self.tags = tags
        self.last = max(tags)
        self.offset = 0
        self.open: list[tuple[int, Encoding]] = []
        self.found: dict[int, bytes] = {}

    def run(self, whole: bool, maximum_elements: int = MAXIMUM_ELEMENTS) -> dict[int, bytes]:
        """Walk until past the last wanted tag, or to the end."""
        size = len(self.data)
        for _ in range(maximum_elements):
            if self.offset == size and not self.open and whole:
                return self.found
            header = read_header(self.data, self.offset, self.layout)
            # Elements ascend by tag (PS3.5 7.1), so nothing wanted follows.
            if not self.open and self.last < header.tag < _DELIMITERS:
                return self.found
            if self.step(header) and len(self.found) == len(self.tags):
                return self.found
        where = "" if self.last == _NO_TAG else f" before {show(self.last)}"
        raise DataSetError(f"has more than {maximum_elements} elements{where}")

    def step(self, header: Header) -> bool:
        """Pass one header; True if it was a wanted element."""
        if header.tag >> 16 == 0xFFFE:
            self.item(header)
            return False
        if self.open and self.open[-1][0] != _ITEM:
            raise DataSetError(f"{show(header.tag)} at byte {self.offset} stands between items (PS3.5 7.5)")
        if header.length == _UNDEFINED:
            # A sequence of VR UN is in Implicit VR Little Endian, whatever surrounds it (PS3.5 6.2.2).
            self.enter(header, Encoding(False, True) if header.vr == b"UN" else self.layout)
            return False
        wanted = not self.open and header.tag in self.tags
        if wanted:
            self.keep(header)
        self.skip(header)
        return wanted

    def item(self, header: Header) -> None:
        """Items and their delimiters (PS3.5 7.5): each is legal in one place only."""
        inside = self.open[-1][0] if self.open else 0
        if header.tag == _ITEM and inside == _SEQUENCE_DELIMITATION:
            if header.length == _UNDEFINED:
                self.enter(header, self.layout)
            else:
                self.skip(header)
        elif (header.tag, inside) in (
            (_ITEM_DELIMITATION, _ITEM),
            (_SEQUENCE_DELIMITATION, _SEQUENCE_DELIMITATION),
        ):
            self.layout = self.open.pop()[1]
            self.offset = header.value
        else:
            raise DataSetError(f"{show(header.tag)} at byte {self.offset} is out of place (PS3.5 7.5)")

    def enter(self, header: Header, layout: Encoding) -> None:
        """Open an item or a sequence, which is remembered by the delimiter that will end it."""
        if len(self.open) == 2 * MAXIMUM_DEPTH:
            raise DataSetError(f"sequences nested deeper than {MAXIMUM_DEPTH}")
        self.open.append((_ITEM if header.tag == _ITEM else _SEQUENCE_DELIMITATION, self.layout))
        self.layout = layout
        self.offset = header.value

    def skip(self, header: Header) -> None:
        """Step over a value, which must be there in full: a cut-off object is not an object."""
        self.offset = header.value + header.length
        if self.offset > len(self.data):
            raise Truncated(f"ends inside the value of {show(header.tag)}")

    def keep(self, header: Header) -> None:
        """Remember the value of a wanted element."""
        if header.length > MAXIMUM_VALUE:
            raise DataSetError(f"{show(header.tag)} has {header.length} bytes, more than {MAXIMUM_VALUE}")
        self.found[header.tag] = bytes(self.data[header.value : header.value + header.length])


def uid_text(value: bytes) -> str:
    """A UID value without its padding (PS3.5 9.1: one NUL; some peers pad with spaces)."""
    return value.rstrip(b"\0 ").decode("latin-1")
