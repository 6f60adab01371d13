"""Loads `dimse.toml`: the command elements and the 23 messages of the DIMSE protocol (PS3.7 9.3, 10.3 and
Annex E).

Reading is checking: a message that names an unknown element, stands out of the order of the tags, lacks its
request or carries a mark that is none of M, C, U is refused with a `SpecError` that names file, message and
element.
"""

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from . import text_of
from .documents import document
from .errors import SpecError
from .values import value

VRS = ("AE", "AT", "LO", "UI", "UL", "US")
"""The value representations Table E.1-1 uses."""
VMS = ("1", "1-n")
MARKS = ("M", "C", "U")
DATA_SETS = ("always", "never", "optional")
RESPONSE_BIT = 0x8000
"""What the command field of a response adds to that of its request (Table E.1-1, Command Field)."""

_TABLES = {"edition", "elements", "retired", "every_message", "every_response", "messages"}
_WORD_ENDS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@value
class Element:
    """A command element of Table E.1-1."""

    number: int
    """Its element number; the group is 0000."""
    keyword: str
    """The standard's keyword."""
    vr: str
    """Value representation, one of `VRS`."""
    vm: str
    """Value multiplicity, "1" or "1-n"."""
    attribute: str
    """The keyword as a Python name: MessageID is message_id."""


@value
class Field:
    """An element as one message carries it."""

    element: Element
    """Which element."""
    mark: str
    """M mandatory, C conditional, U user option."""


@value
class Message:
    """One of the messages of 9.3 and 10.3."""

    name: str
    """As the standard writes it: C-STORE-RQ."""
    command_field: int
    """The value of Command Field (0000,0100)."""
    clause: str
    """The clause of PS3.7 that defines it."""
    table: str
    """The table of PS3.7 that lists its fields."""
    data_set: str
    """Whether a data set follows: always, never, optional."""
    fields: tuple[Field, ...]
    """Everything it may carry, in the order of the tags."""

    @property
    def is_response(self) -> bool:
        """Whether this is an -RSP."""
        return bool(self.command_field & RESPONSE_BIT)


@value
class Dimse:
    """The whole of `dimse.toml`."""

    edition: str
    """The edition of PS3.7 it follows."""
    elements: Mapping[str, Element]
    """Table E.1-1 by keyword."""
    retired: Mapping[str, int]
    """Table E.2-1: keyword to element number."""
    messages: Mapping[str, Message]
    """The messages by name."""


@cache
def load() -> Dimse:
    """The messages that ship with dulcet."""
    return parse(text_of("dimse.toml"))


def parse(text: str, source: str = "dimse.toml") -> Dimse:
    """Read and check a file of messages.

    Args:
        text: the TOML text.
        source: its name, for messages.

    Raises:
        SpecError: naming file, message and element of the first thing that is wrong.
    """
    read = document(text, source)
    try:
        return _Reader(read).dimse()
    except SpecError as error:
        raise SpecError(f"{source}: {error}") from None


class _Reader:
    """One reading of the document: knows the elements while it reads the messages."""

    def __init__(self, document: dict[str, Any]) -> None:
        if document.keys() != _TABLES:
            raise SpecError(f"must hold {', '.join(sorted(_TABLES))} and nothing else")
        for name, part in document.items():
            if not isinstance(part, str if name == "edition" else dict):
                raise SpecError(f"{name}: must be a {'text' if name == 'edition' else 'table'}")
        self.document = document
        self.elements = {name: _element(name, row) for name, row in document["elements"].items()}
        self.everywhere = self.fields("every_message", document["every_message"])
        self.in_responses = self.fields("every_response", document["every_response"])

    def dimse(self) -> Dimse:
        numbers = [element.number for element in self.elements.values()]
        retired = self.document["retired"]
        if numbers != sorted(set(numbers)):
            raise SpecError("elements: must ascend by number, each once")
        for keyword, number in retired.items():
            if not _is_u16(number) or number in numbers:
                raise SpecError(f"retired, {keyword}: must be the number of no element in use")
        messages = {name: self.message(name, row) for name, row in self.document["messages"].items()}
        _check_pairs(messages)
        return Dimse(
            self.document["edition"],
            MappingProxyType(self.elements),
            MappingProxyType(retired),
            MappingProxyType(messages),
        )

    def message(self, name: str, row: dict[str, Any]) -> Message:
        if row.keys() != {"command_field", "clause", "table", "data_set", "elements"}:
            raise SpecError(f"{name}: must have command_field, clause, table, data_set, elements and nothing else")
        if not all(row[word] and isinstance(row[word], str) for word in ("clause", "table")):
            raise SpecError(f"{name}: clause and table must be texts")
        command_field = row["command_field"]
        if not _is_u16(command_field):
            raise SpecError(f"{name}: command_field must be a number of 16 bits")
        if name.endswith("-RSP") != bool(command_field & RESPONSE_BIT):
            raise SpecError(f"{name}: the command field of a response, and of no request, has bit 8000H")
        if row["data_set"] not in DATA_SETS:
            raise SpecError(f"{name}: data_set must be one of {', '.join(DATA_SETS)}")
        shared = self.everywhere + (self.in_responses if command_field & RESPONSE_BIT else ())
        own = self.fields(name, row["elements"])
        for field in own:
            if any(field.element is other.element for other in shared):
                raise SpecError(f"{name}, {field.element.keyword}: is in every_message or every_response already")
        fields = sorted(shared + own, key=lambda field: field.element.number)
        return Message(name, command_field, row["clause"], row["table"], row["data_set"], tuple(fields))

    def fields(self, where: str, marks: dict[str, str]) -> tuple[Field, ...]:
        """The fields of a table, which must stand in the order of their tags."""
        last = -1
        for keyword, mark in marks.items():
            element = self.elements.get(keyword)
            if element is None:
                raise SpecError(f"{where}, {keyword}: is no element of [elements]")
            if mark not in MARKS:
                raise SpecError(f"{where}, {keyword}: mark must be one of {', '.join(MARKS)}, not {mark!r}")
            if element.number <= last:
                raise SpecError(f"{where}, {keyword}: is out of the order of the tags")
            last = element.number
        return tuple(Field(self.elements[keyword], mark) for keyword, mark in marks.items())


def _element(keyword: str, row: Any) -> Element:
    if not isinstance(row, dict) or row.keys() != {"number", "vr", "vm"}:
        raise SpecError(f"elements, {keyword}: must have number, vr, vm and nothing else")
    if not _is_u16(row["number"]):
        raise SpecError(f"elements, {keyword}: number must be a number of 16 bits")
    if row["vr"] not in VRS:
        raise SpecError(f"elements, {keyword}: vr must be one of {', '.join(VRS)}")
    if row["vm"] not in VMS:
        raise SpecError(f"elements, {keyword}: vm must be one of {', '.join(VMS)}")
    return Element(row["number"], keyword, row["vr"], row["vm"], _WORD_ENDS.sub("_", keyword).lower())


def _check_pairs(messages: dict[str, Message]) -> None:
    """Each command field once, and a request for each response."""
    names: dict[int, str] = {}
    for message in messages.values():
        other = names.setdefault(message.command_field, message.name)
        if other != message.name:
            raise SpecError(f"{message.name}: has the command field of {other}")
    for message in messages.values():
        request = names.get(message.command_field & ~RESPONSE_BIT)
        if message.is_response and request != message.name.removesuffix("-RSP") + "-RQ":
            raise SpecError(f"{message.name}: its request has another command field or is missing")


def _is_u16(number: object) -> bool:
    return type(number) is int and 0 <= number <= 0xFFFF
