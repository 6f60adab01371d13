"""Data sets for cases: a CT image that archives take, and the identifiers that find it (PS3.5 7.1, PS3.4 C.4.1).

Synthetic throughout: patient DULCET^CONFORMANCE, UIDs under 2.25 (PS3.5 B.2) that are new for every image, noted in the
exchange so that they can be cleaned up. Elements are written in the Little Endian encoding that was agreed.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from struct import pack

from .endings import Skip
from .frames import CT_IMAGE_STORAGE, EXPLICIT, IMPLICIT

Element = tuple[int, str, str | int | bytes]
"""Tag of 32 bits, VR, value: a US as int, text as str, other bytes."""

PATIENT = "DULCET^CONFORMANCE"
ROW_BYTES = 512
"""Of the image: 256 columns of two bytes."""
_LONG = ("OB", "OW", "UN")
"""VRs whose Explicit length has 32 bits (PS3.5 Table 7.1-1)."""


def encoded(elements: Iterable[Element], syntax: str) -> bytes:
    """A data set.

    Raises:
        Skip: the transfer syntax is neither Little Endian encoding without compression.
    """
    if syntax not in (IMPLICIT, EXPLICIT):
        raise Skip(f"the peer takes data sets in {syntax} only, which the tester does not write")
    return b"".join(_element(*each, explicit=syntax == EXPLICIT) for each in sorted(elements))


def _element(tag: int, vr: str, value: str | int | bytes, *, explicit: bool) -> bytes:
    raw = pack("<H", value) if isinstance(value, int) else value if isinstance(value, bytes) else _padded(value, vr)
    head = pack("<HH", tag >> 16, tag & 0xFFFF)
    if not explicit:
        return head + pack("<L", len(raw)) + raw
    length = pack("<HL", 0, len(raw)) if vr in _LONG else pack("<H", len(raw))
    return head + vr.encode("ascii") + length + raw


def _padded(value: str, vr: str) -> bytes:
    raw = value.encode("ascii")
    return raw + (b"\0" if vr == "UI" else b" ") * (len(raw) % 2)


def new_uid() -> str:
    """A UID nobody has (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid4().int}"


@dataclass(frozen=True, slots=True)
class Image:
    """An image that can be stored, and found."""

    study: str
    series: str
    instance: str
    pixels: int
    """Bytes of Pixel Data."""

    def elements(self) -> list[Element]:
        """A CT image of one frame, with what archives file it by (PS3.3 A.3)."""
        return [
            (0x00080016, "UI", CT_IMAGE_STORAGE),
            (0x00080018, "UI", self.instance),
            (0x00080020, "DA", "20000101"),
            (0x00080030, "TM", "120000"),
            (0x00080050, "SH", "1"),
            (0x00080060, "CS", "CT"),
            (0x00100010, "PN", PATIENT),
            (0x00100020, "LO", "DULCET-CONFORMANCE"),
            (0x0020000D, "UI", self.study),
            (0x0020000E, "UI", self.series),
            (0x00200010, "SH", "1"),
            (0x00200011, "IS", "1"),
            (0x00200013, "IS", "1"),
            (0x00280002, "US", 1),
            (0x00280004, "CS", "MONOCHROME2"),
            (0x00280010, "US", self.pixels // ROW_BYTES),
            (0x00280011, "US", ROW_BYTES // 2),
            (0x00280100, "US", 16),
            (0x00280101, "US", 16),
            (0x00280102, "US", 15),
            (0x00280103, "US", 0),
            (0x7FE00010, "OW", bytes(self.pixels)),
        ]

    def encoded(self, syntax: str) -> bytes:
        """Its data set.

        Raises:
            Skip: the tester does not write this transfer syntax.
        """
        return encoded(self.elements(), syntax)


def new_image(at_least: int = ROW_BYTES) -> Image:
    """An image with so many bytes of pixels, or a few more."""
    rows = max(1, -(-at_least // ROW_BYTES))
    return Image(new_uid(), new_uid(), new_uid(), rows * ROW_BYTES)


def study_query(study: str = "") -> list[Element]:
    """The identifier of a query for studies: one, or every one (PS3.4 C.6.2.1)."""
    return [(0x00080052, "CS", "STUDY"), (0x0020000D, "UI", study)]


def image_request(image: Image) -> list[Element]:
    """The identifier of a C-GET of one image (PS3.4 C.4.3.1.3.1)."""
    return [
        (0x00080052, "CS", "IMAGE"),
        (0x00080018, "UI", image.instance),
        (0x0020000D, "UI", image.study),
        (0x0020000E, "UI", image.series),
    ]
