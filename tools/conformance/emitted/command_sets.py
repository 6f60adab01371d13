"""A command set by itself: EM-14 and EM-16 (PS3.7 6.3.1, 9.3, 10.3, Annexes C and E).

Read by its own lengths in Implicit VR Little Endian, and held against the tables of messages in `spec/dimse.toml`.
"""

import re
from collections.abc import Container, Iterator
from functools import cache
from typing import NamedTuple

from ....spec import dimse, status
from ..commands import COMMAND_FIELD, DATA_SET_TYPE, NO_DATA_SET, PRIORITY, STATUS
from .rules import Breach

_WIDTHS = {"US": 2, "UL": 4}
_VR = re.compile(rb"[A-Z]{2}")
_UID = re.compile(rb"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))*\0?")
_C_FIND_RSP = "C-FIND-RSP"
_COUNTS = (0x1020, 0x1021, 0x1022, 0x1023)
"""Numbers of sub-operations, due in every pending response of C-GET and C-MOVE (PS3.7 9.1.3.1, 9.1.4.1)."""
_TYPE_IDS = {0x1002: (0x0113, 0x0114, 0x0115), 0x1008: (0x0114, 0x0115, 0x0123)}
"""Event and Action Type ID of a response: with success, and with these failures (PS3.7 10.1.1.1.5, 10.1.4.1.5, C.5)."""


class Element(NamedTuple):
    """An element of a command set, as its length cuts it."""

    tag: int
    """Group and element as one number."""
    value: bytes


def breaches(data: bytes, *, ids_unknown: bool = False, given: Container[bytes] = ()) -> list[Breach]:
    """What is wrong with a whole command set.

    Args:
        data: its bytes.
        ids_unknown: whether it may answer a request that was no message: what it had to repeat is not asked then.
        given: UIDs that it may merely give back, as they were in a request of ours.
    """
    elements, cut = _elements(data)
    found = [Breach("EM-14", cut)] if cut else list(_encoding(elements, len(data), given))
    values = {each.tag: each.value for each in elements}
    field = _number(values, COMMAND_FIELD)
    message = _messages().get(field if field is not None else -1)
    if cut or (message is None and ids_unknown):
        return found
    if message is None:
        words = "no Command Field" if field is None else f"Command Field {field:04X}H, which no message has"
        return [*found, Breach("EM-14", words)]
    return [*found, *_fields(message, values, ids_unknown), *_data_set(message, values), *_status(message, values)]


def _elements(data: bytes) -> tuple[list[Element], str]:
    """The elements, and where they end before their time."""
    found: list[Element] = []
    at = 0
    while at < len(data):
        tag = int.from_bytes(data[at : at + 2], "little") << 16 | int.from_bytes(data[at + 2 : at + 4], "little")
        end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 > len(data) or end > len(data):
            explicit = _VR.fullmatch(data[at + 4 : at + 6])
            return found, f"({tag >> 16:04X},{tag & 0xFFFF:04X}) overruns its command set" + (
                "; it looks like Explicit VR" if explicit else ""
            )
        found.append(Element(tag, data[at + 8 : end]))
        at = end
    return found, ""


def wrong_uids(data: bytes) -> set[bytes]:
    """The UIDs of a command set that are none."""
    return {value for tag, value in _elements(data)[0] if _is_uid(tag) and not _is_right(value)}


def _is_uid(tag: int) -> bool:
    known = _known().get(tag)
    return known is not None and known.vr == "UI"


def _is_right(uid: bytes) -> bool:
    return not uid or (len(uid) <= 64 and _UID.fullmatch(uid) is not None)


def _encoding(elements: list[Element], length: int, given: Container[bytes]) -> Iterator[Breach]:
    tags = [each.tag for each in elements]
    if tags != sorted(set(tags)):
        yield Breach("EM-14", "its elements do not ascend, each once")
    for tag, value in elements:
        name = f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
        if tag >> 16:
            yield Breach("EM-14", f"{name} is not of group 0000")
        if len(value) % 2:
            yield Breach("EM-14", f"{name} has {len(value)} bytes, an odd number")
        known = _known().get(tag)
        if known and known.vm == "1" and len(value) not in (_WIDTHS.get(known.vr, len(value)), 0):
            yield Breach("EM-14", f"{name} {known.keyword} has {len(value)} bytes")
        if known and _is_uid(tag) and not _is_right(value) and value not in given:
            yield Breach("EM-14", f"{name} {known.keyword} is {value[:80]!r}")
    if not elements or elements[0].tag or elements[0].value != (length - 12).to_bytes(4, "little", signed=True):
        yield Breach("EM-14", f"no right Command Group Length in front: {length - 12} bytes follow it")


def _fields(message: dimse.Message, values: dict[int, bytes], ids_unknown: bool) -> Iterator[Breach]:
    for field in message.fields:
        number = field.element.number
        if field.mark != "M" or (ids_unknown and message.is_response and number != STATUS):
            continue
        if not values.get(number):
            yield Breach("EM-14", f"{message.name} without {field.element.keyword}")
    priority = _number(values, PRIORITY)
    if priority is not None and priority not in (0, 1, 2):
        yield Breach("EM-14", f"{message.name} with Priority {priority:04X}H")


def _data_set(message: dimse.Message, values: dict[int, bytes]) -> Iterator[Breach]:
    kind = _number(values, DATA_SET_TYPE)
    if kind is None:
        return
    announced = kind != NO_DATA_SET
    if message.data_set == ("never" if announced else "always"):
        yield Breach("EM-14", f"{message.name} {'announces' if announced else 'announces no'} data set")
    if message.name == _C_FIND_RSP and announced and _category(values) not in ("pending", None):
        yield Breach("EM-14", "C-FIND-RSP with an Identifier, though its status is not pending")


def _status(message: dimse.Message, values: dict[int, bytes]) -> Iterator[Breach]:
    code = _number(values, STATUS)
    if not message.is_response or code is None:
        return
    category = _category(values)
    if category is None:
        yield Breach("EM-16", f"{message.name} with Status {code:04X}H")
    if category == "pending" and message.name in ("C-GET-RSP", "C-MOVE-RSP"):
        missing = [f"(0000,{number:04X})" for number in _COUNTS if number not in values]
        if missing:
            yield Breach("EM-14", f"pending {message.name} without {', '.join(missing)}")
    for number, failures in _TYPE_IDS.items():
        if number in values and category in ("failure", "cancel") and code not in failures:
            yield Breach("EM-14", f"{message.name} with (0000,{number:04X}) and Status {code:04X}H", strict=True)


def _category(values: dict[int, bytes]) -> str | None:
    code = _number(values, STATUS)
    return None if code is None else status.load().category(code)


def _number(values: dict[int, bytes], number: int) -> int | None:
    value = values.get(number)
    return int.from_bytes(value, "little") if value is not None and len(value) == 2 else None


@cache
def _messages() -> dict[int, dimse.Message]:
    return {each.command_field: each for each in dimse.load().messages.values()}


@cache
def _known() -> dict[int, dimse.Element]:
    return {each.number: each for each in dimse.load().elements.values()}
