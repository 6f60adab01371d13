"""The values of an object that go into the index: read from the first bytes of its file, within bounds, and tidied.

Neither Pixel Data nor anything inside a sequence is looked at. Values come back as a query returns them: without
padding, text decoded, numbers and dates in the one form that compares; what is not what its value representation says
is left out, so that it is neither found nor returned.
"""

import codecs
import os
import re
import struct
import unicodedata
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path

from ...spec.values import value
from ..storage.dataset_prefix import DataSetError, Truncated, find
from ..storage.part10 import NotPart10, peek
from ..transfer_syntaxes import encoding
from .schema import ATTRIBUTES, LONGEST

SPECIFIC_CHARACTER_SET = 0x00080005
_TAGS = (SPECIFIC_CHARACTER_SET, *(attribute.tag for attribute in ATTRIBUTES.values()))
_ESSENTIAL = tuple(
    ATTRIBUTES[keyword].tag
    for keyword in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
)
_FIRST, _MORE = 16 << 10, 64 << 20
"""Bytes read at first, and at most: what stands before (0040,0254) is short in all but very strange objects."""
_DELIMITERS = {0x5E, 0x3D}
"""`^` and `=` end what an escape sequence began (PS3.5 6.1.2.5.3)."""
_DATE = re.compile(r"\d{8}", re.ASCII)
_TIME = re.compile(r"([01]\d|2[0-3])([0-5]\d([0-5]\d|60)?)?(?:(?<=\d{6})\.\d{1,6})?", re.ASCII)


class NotIndexable(ValueError):
    """A file that cannot be found by its content: no DICOM file, or one without the UIDs that name it."""


@value
class Record:
    """What the index keeps of one file."""

    path: str
    """Relative to the archive's directory."""
    size: int
    """Bytes of the file."""
    modified: int
    """Nanoseconds since the epoch; of two files with the same instance the younger one counts."""
    transfer_syntax_uid: str
    """How the file holds its data set."""
    values: dict[str, str]
    """By keyword; what the object does not have is not there."""


def read(directory: str | os.PathLike[str], path: str) -> Record:
    """Look into one DICOM file.

    Raises:
        NotIndexable: no DICOM file, cannot be read as far as needed, or lacks a UID.
        OSError: it cannot be read.
    """
    with open(Path(directory, path), "rb", opener=_opener) as file:
        status = os.fstat(file.fileno())
        head = file.read(_FIRST)
        try:
            meta = peek(head if len(head) < _FIRST else Path(directory, path))
            syntax = meta.transfer_syntax_uid
            values = _found(head[meta.dataset_offset :], syntax, whole=len(head) < _FIRST)
            if values is None:
                data = head + file.read(_MORE)
                values = _found(data[meta.dataset_offset :], syntax, whole=len(data) == status.st_size)
        except (NotPart10, DataSetError) as error:
            raise NotIndexable(str(error)) from None
    if values is None:
        raise NotIndexable("its first attributes are longer than what is read of a file")
    kept = texts(values, syntax)
    for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID"):
        if keyword not in kept:
            raise NotIndexable(f"no {keyword}")
    return Record(path, status.st_size, status.st_mtime_ns, syntax, kept)


def _opener(path: str, flags: int) -> int:
    """A FIFO or a link in the archive must neither make us wait nor lead us out of it."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)


def _found(data: bytes, transfer_syntax_uid: str, *, whole: bool) -> dict[int, bytes] | None:
    """The values of the wanted attributes, or, where one is out of bounds, of those without which nothing is found;
    None if more bytes are needed."""
    try:
        return find(data, transfer_syntax_uid, _TAGS, whole=whole)
    except Truncated:
        if not whole:
            return None
        return find(data, transfer_syntax_uid, _ESSENTIAL, whole=whole)
    except DataSetError:
        return find(data, transfer_syntax_uid, _ESSENTIAL, whole=whole)


def texts(values: dict[int, bytes], transfer_syntax_uid: str) -> dict[str, str]:
    """Values by keyword, from their bytes by tag."""
    terms = values.get(SPECIFIC_CHARACTER_SET, b"").decode("latin-1")
    kept = {}
    for attribute in ATTRIBUTES.values():
        raw = values.get(attribute.tag)
        if raw:
            text = _number(raw, transfer_syntax_uid) if attribute.vr == "US" else _decoded(raw, attribute.vr, terms)
            text = tidied(attribute.vr, text)
            if text:
                kept[attribute.keyword] = text
    return kept


def _number(raw: bytes, transfer_syntax_uid: str) -> str:
    order = "<" if encoding(transfer_syntax_uid).little_endian else ">"
    return str(struct.unpack(f"{order}H", raw[:2])[0]) if len(raw) >= 2 else ""


def _decoded(raw: bytes, vr: str, terms: str) -> str:
    if vr not in ("PN", "LO", "SH"):
        return raw.decode("ascii", "replace")
    names = _encodings(terms)
    if b"\x1b" in raw:
        from pydicom.charset import decode_bytes

        try:
            return decode_bytes(raw, list(names), _DELIMITERS if vr == "PN" else set())
        except (UnicodeError, LookupError, Warning):
            pass  # escape sequences that make no sense: the first character set is as good as any
    return raw.decode(names[0], "replace")


@lru_cache(64)
def _encodings(terms: str) -> tuple[str, ...]:
    """Python's names for the Defined Terms of Specific Character Set (PS3.3 C.12.1.1.2); Latin-1 for what is none."""
    from pydicom.charset import python_encoding

    names = [python_encoding.get(term.strip(" \0"), "latin-1") for term in terms.split("\\")]
    for name in names:
        codecs.lookup(name)
    return tuple(names)


def tidied(vr: str, text: str) -> str:
    """The one form of a value that is kept and compared; empty if it is no value of its VR."""
    text = text.replace("\0", "").strip()[:LONGEST]
    match vr:
        case "DA":
            text = text.replace(".", "")  # ACR-NEMA wrote 1997.08.21 (PS3.5 6.2, note)
            return text if _DATE.fullmatch(text) else ""
        case "TM":
            text = text.replace(":", "")
            return text if _TIME.fullmatch(text) else ""
        case "IS" | "DS" | "US":
            return _canonical(text, whole=vr != "DS")
        case "PN":
            groups = (group.rstrip("^ ").strip() for group in text.split("="))
            return "=".join(groups).rstrip("=")
    return text


def _canonical(text: str, *, whole: bool) -> str:
    """A number as everybody writes it: 7 for 007 and +7, 1.5 for 1.50 and 15e-1."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return ""
    if not number.is_finite() or abs(number.adjusted()) > 12 or (whole and number != int(number)):
        return ""
    return str(int(number)) if number == int(number) else f"{number.normalize():f}"[:16]


def folded(text: str) -> str:
    """A person name as it is compared: without regard to case, or to which of Unicode's equal forms it is in."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def name_groups(name: str) -> tuple[str | None, str | None, str | None]:
    """The alphabetic, ideographic and phonetic group of a person name as they are compared; None where it has none."""
    groups = [folded(group)[:LONGEST] or None for group in name.split("=")][:3]
    first, second, third = (*groups, None, None, None)[:3]
    return first, second, third
