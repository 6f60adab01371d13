"""The head of a DICOM file: preamble, prefix and File Meta Information (PS3.10 7.1).

Sending a file needs three things from its head - which transfer syntax, which instance, where the data set
begins - and storing one needs a head to be written. Group 0002 is always Explicit VR Little Endian, so both
are a few lines, and nothing of the data set is touched.
"""

from __future__ import annotations

import os
import struct
from typing import Final

from ...dul.items import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from ...spec.values import value
from ..transfer_syntaxes import Encoding
from .dataset_prefix import DataSetError, Truncated, read_header, show, uid_text

MAXIMUM_META: Final = 1 << 20
"""Bytes of File Meta Information we read; Private Information (0002,0102) may be long, but is no image."""

_FIRST_READ: Final = 4096
_PREFIX: Final = b"DICM"
_START: Final = 132
_META: Final = Encoding(explicit=True, little_endian=True)
_LONG: Final = (b"OB", b"UN")


class NotPart10(ValueError):
    """Not a DICOM file, or one whose head cannot be read: names the file, what is wrong and the clause."""

    def __init__(self, name: str, what: str, clause: str = "PS3.10 7.1") -> None:
        super().__init__(f"{name}: {what} ({clause})")


@value
class FileMeta:
    """What the head of a file says (PS3.10 table 7.1-1); empty where it says nothing."""

    sop_class_uid: str
    """Media Storage SOP Class UID (0002,0002)."""
    sop_instance_uid: str
    """Media Storage SOP Instance UID (0002,0003)."""
    transfer_syntax_uid: str
    """Transfer Syntax UID (0002,0010); never empty."""
    dataset_offset: int
    """Where the data set begins."""
    implementation_class_uid: str = ""
    """Implementation Class UID (0002,0012)."""
    implementation_version_name: str = ""
    """Implementation Version Name (0002,0013)."""
    source_ae_title: str = ""
    """Source Application Entity Title (0002,0016)."""


def peek(source: str | os.PathLike[str] | bytes | memoryview, name: str = "<memory>") -> FileMeta:
    """Read the head of a file given by path, or of one already in memory, called `name`; raises `NotPart10`."""
    if isinstance(source, (bytes, memoryview)):
        return _decode(source, name)
    name = os.fspath(source)
    with open(source, "rb") as file:
        head = file.read(_FIRST_READ)
        try:
            return _decode(head, name)
        except NotPart10:
            if len(head) < _FIRST_READ or head[128:_START] != _PREFIX:
                raise
        return _decode(head + file.read(MAXIMUM_META), name)


def is_part10(head: bytes | memoryview) -> bool:
    """Whether these first bytes of a file carry the prefix "DICM" (PS3.10 7.1)."""
    return bytes(head[128:_START]) == _PREFIX


def _decode(data: bytes | memoryview, name: str) -> FileMeta:
    if not is_part10(data):
        raise NotPart10(name, "no DICM after a preamble of 128 bytes")
    try:
        values, offset = _group_2(data)
    except DataSetError as error:
        raise NotPart10(name, f"File Meta Information: {error}") from None
    syntax = uid_text(values.get(0x00020010, b""))
    if not syntax:
        raise NotPart10(name, "no Transfer Syntax UID (0002,0010)")
    return FileMeta(
        sop_class_uid=uid_text(values.get(0x00020002, b"")),
        sop_instance_uid=uid_text(values.get(0x00020003, b"")),
        transfer_syntax_uid=syntax,
        dataset_offset=offset,
        implementation_class_uid=uid_text(values.get(0x00020012, b"")),
        implementation_version_name=values.get(0x00020013, b"").decode("latin-1").strip(" \0"),
        source_ae_title=values.get(0x00020016, b"").decode("latin-1").strip(" \0"),
    )


def _group_2(data: bytes | memoryview) -> tuple[dict[int, bytes], int]:
    """The elements of group 0002 and where they end: at the next group, as group lengths are often wrong."""
    values: dict[int, bytes] = {}
    offset = _START
    while bytes(data[offset : offset + 2]) == b"\x02\x00":
        header = read_header(data, offset, _META)
        offset = header.value + header.length
        if offset > min(len(data), MAXIMUM_META):
            raise Truncated(f"ends inside the value of {show(header.tag)}")
        values[header.tag] = bytes(data[header.value : offset])
    return values, offset


def file_meta(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str, source_ae_title: str = "") -> bytes:
    """Preamble, prefix and File Meta Information for a data set we received (PS3.10 table 7.1-1).

    The preamble is all zeros: 128 bytes of somebody else's choice could make the file something to execute.
    """
    group = b"".join(
        (
            _element(0x0001, b"OB", b"\0\1"),
            _element(0x0002, b"UI", sop_class_uid.encode("latin-1", "replace")),
            _element(0x0003, b"UI", sop_instance_uid.encode("latin-1", "replace")),
            _element(0x0010, b"UI", transfer_syntax_uid.encode("latin-1", "replace")),
            _element(0x0012, b"UI", IMPLEMENTATION_CLASS_UID.encode("ascii")),
            _element(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME.encode("ascii")),
            _element(0x0016, b"AE", source_ae_title.encode("latin-1", "replace")) if source_ae_title else b"",
        )
    )
    return bytes(128) + _PREFIX + _element(0x0000, b"UL", struct.pack("<L", len(group))) + group


def _element(number: int, vr: bytes, value: bytes) -> bytes:
    """One element of group 0002, padded to even length as its VR asks (PS3.5 table 6.2-1)."""
    if len(value) % 2:
        value += b" " if vr in (b"SH", b"AE") else b"\0"
    if vr in _LONG:
        return struct.pack("<HH2sHL", 2, number, vr, 0, len(value)) + value
    return struct.pack("<HH2sH", 2, number, vr, len(value)) + value
