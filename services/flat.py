"""The short way to encode an identifier: a flat data set of ASCII text and small numbers, as nearly every one is.

pydicom's writer is made for all there is; for seven short texts it takes 200 us, this 15. It gives up, and leaves the
data set to pydicom, wherever it would have to think: sequences, several values, a character set, bytes, any VR but
those of the tables. `tests/test_flat.py` shows that what it does encode is what pydicom makes of it.
"""

from collections.abc import Iterable
from struct import Struct
from struct import error as StructError  # noqa: N812  # a class, whatever struct calls it
from typing import TYPE_CHECKING, Any

from .transfer_syntaxes import Encoding

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_PADDING = dict.fromkeys(("AE", "CS", "DA", "DS", "IS", "LO", "LT", "PN", "SH", "ST", "TM"), b" ") | {"UI": b"\0"}
"""What makes a value's length even, for the VRs whose values are their text (PS3.5 6.2)."""
_CHARACTER_SET = 0x00080005
_LONGEST = 0xFFFE
"""Bytes of a value where the VR is explicit (PS3.5 7.1.2)."""
_LITTLE = (Struct("<HHL").pack, Struct("<HH2sH").pack)
_BIG = (Struct(">HHL").pack, Struct(">HH2sH").pack)
_THOUGHT_ABOUT = ("IS", "DS")
_packers = {
    (vr, order == "<"): Struct(order + code) for vr, code in (("US", "H"), ("UL", "L"), ("SS", "h"), ("SL", "l"))
    for order in "<>"
}  # fmt: skip


Element = tuple[int, str, Any]
"""Tag, VR and value."""


class Elements(dict[int, tuple[str, Any]]):
    """A flat data set that pydicom need not know of: VR and value by tag. Values are text, several of them as they are
    in bytes (joined by backslashes) or in a list, numbers of US and the like, or None."""

    def encode(self, layout: Encoding) -> bytes | None:
        """As it travels; None if pydicom has to do it."""
        return _encode(sorted([(tag, vr, value) for tag, (vr, value) in self.items()]), layout)

    def dataset(self) -> "Dataset":
        """The same for pydicom."""
        from pydicom.config import IGNORE
        from pydicom.dataelem import DataElement, empty_value_for_VR
        from pydicom.dataset import Dataset

        made = Dataset()
        for tag, (vr, value) in self.items():
            given = empty_value_for_VR(vr) if value is None else value
            made[tag] = DataElement(tag, vr, given, validation_mode=IGNORE)
        return made


def encode(dataset: "Dataset", layout: Encoding) -> bytes | None:
    """The data set as it travels, group lengths and File Meta Information left out; None if pydicom has to do it."""
    try:
        elements: list[Element] = [(int(tag), str(element.VR), element.value) for tag, element in dataset.items()]
    except AttributeError:  # not decoded yet
        return None
    return _encode(sorted(elements, key=_tag), layout)


def _encode(elements: Iterable[Element], layout: Encoding) -> bytes | None:
    implicit, explicit = _LITTLE if layout.little_endian else _BIG
    parts = []
    try:
        for tag, vr, value in elements:
            if tag < 0x00080000 or not tag & 0xFFFF:
                continue
            raw = _value(vr, value, layout.little_endian)
            if raw is None or tag == _CHARACTER_SET or len(raw) > _LONGEST:
                return None
            if layout.explicit:
                parts.append(explicit(tag >> 16, tag & 0xFFFF, vr.encode(), len(raw)))
            else:
                parts.append(implicit(tag >> 16, tag & 0xFFFF, len(raw)))
            parts.append(raw)
    except (ValueError, StructError):  # not ASCII, or too large a number
        return None
    return b"".join(parts)


def _tag(element: Element) -> int:
    return element[0]


def _value(vr: str, value: Any, little_endian: bool) -> bytes | None:
    """The bytes of a value, None where it is not simple."""
    padding = _PADDING.get(vr)
    if padding is None:
        packer = _packers.get((vr, little_endian))
        return packer.pack(value) if packer is not None and type(value) is int else None
    if value is None:
        return b""
    if not isinstance(value, str):
        value = _text(vr, value)
        if value is None:
            return None
    elif value and ((vr in _THOUGHT_ABOUT and not value.isdecimal()) or (vr == "PN" and "=" in value)):
        return None  # pydicom looks closer at what is no plain number, and at groups of a name that are empty
    if vr == "UI" and (" " in value or not value.isprintable()):
        return None  # pydicom strips it
    raw: bytes = value.encode("ascii")
    return raw + padding if len(raw) & 1 else raw


def _text(vr: str, value: Any) -> str | None:
    """The text of a person name, or of a number that was given as text."""
    if vr == "PN" and hasattr(value, "components"):
        return str(value)
    if type(value) is list and vr not in _THOUGHT_ABOUT and vr != "PN":
        return "\\".join(value)
    text = getattr(value, "original_string", None) if vr in ("IS", "DS") else None
    return text if isinstance(text, str) else None
