"""The codec of command sets: the elements of group 0000, always Implicit VR Little Endian (PS3.7 6.3.1, Annex
E).

A command set is a handful of elements of six shapes, so it needs no data-set library. An element is a tag of
two 16-bit numbers, a 32-bit length and that many bytes of value, an even number; the first element counts the
bytes that follow it. Values here are int (US), str (UI, AE, LO), tuple of 32-bit tags (AT) and None for an
element without value. Elements that Table E.1-1 does not list, retired ones among them, are kept as bytes.

We are strict where leniency would mean guessing: group length absent or wrong, elements out of order or
twice, another group, odd lengths, a value of the wrong shape. We are lenient where nothing hangs on it:
padding at either end of text, leading zeros in a UID, an Error Comment that is too long or no ASCII.

CPython 3.11: C-STORE-RQ (7 elements) encode 2.4 us, decode 3.0 us; C-ECHO-RSP (6 elements) 1.6 us and 2.1 us.
"""

import re
import struct
from collections.abc import Callable, Mapping
from typing import TypeAlias

from ..dul.errors import LocalProtocolError
from ..dul.wire import UID_LENGTH, is_ae_title
from ..spec import dimse as spec
from .errors import CommandSetError

MAXIMUM_LENGTH = 65536
"""Bytes. The longest command set anyone needs has under 1 KiB; this bounds what a peer can make us keep
(PS3.7 has no limit)."""
MAXIMUM_ELEMENTS = 256
"""Table E.1-1 has 24; the rest is room for what we do not know."""
MAXIMUM_LO_LENGTH = 64
"""PS3.5 6.2."""

Value: TypeAlias = int | str | tuple[int, ...] | bytes | None

_ELEMENTS = {element.number: element for element in spec.load().elements.values()}
_KEYWORDS = {number: keyword for keyword, number in spec.load().retired.items()} | {
    number: element.keyword for number, element in _ELEMENTS.items()
}
US_NUMBERS = frozenset(number for number, element in _ELEMENTS.items() if element.vr == "US")
"""Elements that are a 16-bit number."""
_HEADER = struct.Struct("<HHL")
_FIRST = struct.Struct("<HHLL")
_pack_us = struct.Struct("<HHLH").pack
_pack_header = _HEADER.pack
_is_uid = re.compile(rb"[0-9]+(?:\.[0-9]+)*").fullmatch


def keyword(number: int) -> str:
    """The keyword of a command element for people, "unknown element" where the standard has none."""
    return _KEYWORDS.get(number, "unknown element")


def decode(data: bytes | memoryview) -> dict[int, Value]:
    """The elements of a whole command set by element number, group length left out.

    Raises:
        CommandSetError: naming the element and what is wrong with it.
    """
    data = bytes(data)
    end = _end_of_group(data)
    elements: dict[int, Value] = {}
    last, offset = 0, _FIRST.size
    header = _HEADER.unpack_from
    number = 0
    try:
        while offset < end:
            group, number, length = header(data, offset)
            start = offset + 8
            offset = start + length
            if group or number <= last or length & 1 or offset > end:
                raise _misplaced(group, number, last, length, offset - end)
            last = number
            if length == 2 and number in US_NUMBERS:  # most elements; 0.3 us less than through DECODERS
                elements[number] = data[start] | data[start + 1] << 8
            elif length == 0:
                elements[number] = None
            else:
                elements[number] = DECODERS.get(number, bytes)(data[start:offset])
    except struct.error:
        raise CommandSetError(f"ends {end - offset} bytes into the header of an element") from None
    except ValueError as error:
        raise CommandSetError(f"{keyword(number)} {error}", element=number, clause="PS3.5 6.2") from None
    if len(elements) > MAXIMUM_ELEMENTS:
        raise CommandSetError(f"{len(elements)} elements, more than {MAXIMUM_ELEMENTS}", clause="a limit of ours")
    return elements


def encode(elements: Mapping[int, Value]) -> bytes:
    """A command set of the elements given, in ascending order behind the group length, which is computed.

    Raises:
        LocalProtocolError: naming the element whose value does not fit it.
    """
    parts = [b""]
    number = 0
    try:
        for number in sorted(elements):
            value = elements[number]
            if number in US_NUMBERS and value is not None:
                parts.append(_pack_us(0, number, 2, value))
            else:
                raw = b"" if value is None else ENCODERS.get(number, _encode_unknown)(value)
                parts.append(_pack_header(0, number, len(raw)))
                parts.append(raw)
    except (struct.error, ValueError, TypeError, AttributeError) as error:
        raise LocalProtocolError(f"(0000,{number:04X}) {keyword(number)}: {value!r} does not fit: {error}") from None
    body = b"".join(parts)
    if len(body) > MAXIMUM_LENGTH - _FIRST.size:
        raise LocalProtocolError(f"a command set of {len(body)} bytes is longer than {MAXIMUM_LENGTH}")
    return _FIRST.pack(0, 0, 4, len(body)) + body


def _end_of_group(data: bytes) -> int:
    """Where group 0000 ends. The group length is compared with what came, never used to allocate.

    Orthanc 1.10 puts Failed SOP Instance UID List (0008,0058) of a failed C-GET behind the command set, not counted in
    the group length: what follows and is of another group is passed over.
    """
    if len(data) > MAXIMUM_LENGTH:
        raise CommandSetError(f"command set longer than {MAXIMUM_LENGTH} bytes", clause="a limit of ours")
    if len(data) < _FIRST.size or data[:8] != b"\0\0\0\0\4\0\0\0":
        raise CommandSetError("CommandGroupLength is missing", element=0)
    length = int.from_bytes(data[8:12], "little")
    end = _FIRST.size + length
    if end != len(data) and not any(data[end : end + 2]):
        raise CommandSetError(f"CommandGroupLength is {length}, {len(data) - _FIRST.size} bytes follow", element=0)
    return end


def _misplaced(group: int, number: int, last: int, length: int, excess: int) -> CommandSetError:
    """Why an element may not stand where it stands or be as long as it says."""
    if group:
        return CommandSetError(f"element ({group:04X},{number:04X}) is not of group 0000")
    name = keyword(number)
    if number <= last:
        why = f"stands behind (0000,{last:04X})" if number < last else "occurs twice"
        return CommandSetError(f"{name} {why}", element=number)
    if excess > 0:
        return CommandSetError(f"{name} ends {excess} bytes behind the command set", element=number)
    return CommandSetError(f"{name} has an odd length, {length}", element=number)


def _decode_us(raw: bytes) -> int:
    raise ValueError(f"has {len(raw)} bytes, not 2")


def _decode_uid(raw: bytes) -> str | None:
    raw = raw.rstrip(b"\0 ")
    return _checked_uid(raw).decode("ascii") if raw else None


def _decode_ae(raw: bytes) -> str | None:
    text = raw.strip(b"\0 ").decode("latin-1")
    return _checked_ae(text) if text else None


def _decode_lo(raw: bytes) -> str | None:
    # A comment explains a failure: worth more than its length, its repertoire or a backslash in it. What could
    # move a terminal's cursor or forge a line of a log is made visible.
    text = raw.strip(b"\0 ").decode("ascii", "backslashreplace")
    if not text.isprintable():
        text = "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in text)
    return text or None


def _decode_at(raw: bytes) -> tuple[int, ...]:
    if len(raw) % 4:
        raise ValueError(f"has {len(raw)} bytes, no multiple of 4")
    halves = struct.unpack(f"<{len(raw) // 2}H", raw)
    return tuple(group << 16 | number for group, number in zip(halves[::2], halves[1::2], strict=True))


def _encode_group_length(_: object) -> bytes:
    raise ValueError("it is computed")


def _encode_uid(value: str) -> bytes:
    raw = _checked_uid(value.encode("ascii"))
    return raw + b"\0" if len(raw) & 1 else raw


def _encode_ae(value: str) -> bytes:
    raw = _checked_ae(value.strip(" ")).encode("ascii")
    return raw + b" " if len(raw) & 1 else raw


def _encode_lo(value: str) -> bytes:
    raw = value.encode("ascii")
    if len(raw) > MAXIMUM_LO_LENGTH or b"\\" in raw or not value.isprintable():
        raise ValueError(f"must be {MAXIMUM_LO_LENGTH} printable characters at most and no backslash")
    return raw + b" " if len(raw) & 1 else raw


def _encode_at(value: tuple[int, ...]) -> bytes:
    halves = [half for tag in value for half in (tag >> 16, tag & 0xFFFF)]
    return struct.pack(f"<{len(halves)}H", *halves)


def _encode_unknown(value: bytes) -> bytes:
    if not isinstance(value, bytes) or len(value) & 1:
        raise ValueError("an element we do not know must be an even number of bytes")
    return value


def _checked_uid(raw: bytes) -> bytes:
    """Characters and components of a UID; leading zeros pass, since a response must echo what a request
    had."""
    if len(raw) > UID_LENGTH:
        raise ValueError(f"has {len(raw)} characters, more than {UID_LENGTH}")
    if not _is_uid(raw):
        raise ValueError(f"is no UID: {raw.decode('latin-1')!r}")
    return raw


def _checked_ae(text: str) -> str:
    if not is_ae_title(text):
        raise ValueError(f"is no AE title: {text!r}")
    return text


_DECODER_OF: dict[str, Callable[[bytes], Value]] = {
    "US": _decode_us,  # reached with a wrong length only
    "UI": _decode_uid,
    "AE": _decode_ae,
    "LO": _decode_lo,
    "AT": _decode_at,
}
_ENCODER_OF: dict[str, Callable[..., bytes]] = {
    "UL": _encode_group_length,
    "UI": _encode_uid,
    "AE": _encode_ae,
    "LO": _encode_lo,
    "AT": _encode_at,
}
DECODERS = {number: _DECODER_OF[element.vr] for number, element in _ELEMENTS.items() if element.vr != "UL"}
"""What makes a value of the bytes of an element; they raise `ValueError`."""
ENCODERS = {number: _ENCODER_OF[element.vr] for number, element in _ELEMENTS.items() if element.vr != "US"}
"""What makes bytes of the value of an element that is no US; they raise `ValueError`."""
