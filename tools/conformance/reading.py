"""Reads whatever a peer sends, and never raises: PDUs cut by their lengths, fields found as far as they lead.

Beside the strict codec of `dul`: a `Seen` PDU has the strict reading's complaint, if there is one, and what is in it
anyway. `Cutter` cuts a stream into PDUs (PS3.8 9.3.1), `Assembler` puts PDVs together to messages (Annex E). Both keep
a bounded amount.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import Struct
from typing import NamedTuple

from ...dul.errors import DecodeError
from ...dul.pdu import decode
from ...spec import codes
from ...spec.values import value
from .commands import COMMAND_FIELD, DATA_SET_TYPE, NO_DATA_SET, RESPONDED_TO, RESPONSE, STATUS
from .frames import COMMAND, LAST

LONGEST = 1 << 24
"""Bytes of a PDU that are waited for; a longer one is told by its header, and nothing is cut after it."""
LONGEST_COMMAND = 1 << 16
"""Bytes of a command set that are kept."""

_HEADER = Struct(">BBL")
_EVENTS = {0x01: "Evt6", 0x02: "Evt3", 0x03: "Evt4", 0x04: "Evt10", 0x05: "Evt12", 0x06: "Evt13", 0x07: "Evt16"}
"""The event of Table 9-10 that a valid PDU is at its receiver."""
_SHORT = {0x03: 4, 0x05: 4, 0x06: 4, 0x07: 4}
"""PDU-lengths that cannot be others (Tables 9-21, 9-24, 9-25, 9-26)."""


class Item(NamedTuple):
    """An item or sub-item as its own length cuts it."""

    type: int
    value: bytes


class Fragment(NamedTuple):
    """A PDV as it came (Table 9-23)."""

    context_id: int
    control: int
    data: bytes


@value
class Seen:
    """One PDU as it came."""

    raw: bytes
    """Header and body."""
    fault: str = ""
    """What the strict codec says against it, or nothing."""
    reason: int = 0
    """The reason an A-ABORT would give for the fault (Table 9-26)."""

    @property
    def type(self) -> int:
        """PDU-type."""
        return self.raw[0]

    @property
    def body(self) -> bytes:
        """What follows the header."""
        return self.raw[6:]

    @property
    def name(self) -> str:
        """The standard's name, or the type as a number."""
        return codes.PDU_TYPES.get(self.type, f"PDU-type {self.type:02X}H")

    @property
    def event(self) -> str:
        """The event of Table 9-10 that it is at its receiver; Evt19 where the strict codec refuses it."""
        return "Evt19" if self.fault else _EVENTS.get(self.type, "Evt19")

    @property
    def events(self) -> tuple[str, ...]:
        """The events that it may be at a receiver: one that is lenient takes what the strict codec refuses as valid."""
        return tuple(dict.fromkeys((self.event, _EVENTS.get(self.type, self.event))))

    @property
    def byte(self) -> tuple[int, int, int]:
        """The last three bytes of the body of a ten-byte PDU: result, source, reason; zeros where it is shorter."""
        low = self.body[1:4].ljust(3, b"\0")
        return low[0], low[1], low[2]

    @property
    def items(self) -> list[Item]:
        """The variable items of an A-ASSOCIATE-RQ or -AC."""
        return list(cut_items(self.body[68:])) if self.type in (0x01, 0x02) else []

    @property
    def user_items(self) -> list[Item]:
        """The sub-items of its user information."""
        return [sub for item in self.items if item.type == 0x50 for sub in cut_items(item.value)]

    @property
    def results(self) -> dict[int, int]:
        """Result/Reason by presentation-context-ID, of an A-ASSOCIATE-AC."""
        return {item.value[0]: item.value[2] for item in self.items if item.type == 0x21 and len(item.value) > 2}

    @property
    def proposals(self) -> dict[int, tuple[bytes, tuple[bytes, ...]]]:
        """Abstract syntax and transfer syntaxes by presentation-context-ID, of an A-ASSOCIATE-RQ."""
        found = {}
        for item in self.items:
            if item.type == 0x20 and item.value:
                subs = list(cut_items(item.value[4:]))
                abstract = next((sub.value for sub in subs if sub.type == 0x30), b"")
                found[item.value[0]] = (abstract, tuple(sub.value for sub in subs if sub.type == 0x40))
        return found

    @property
    def transfer_syntaxes(self) -> dict[int, bytes]:
        """Transfer syntax by presentation-context-ID of what an A-ASSOCIATE-AC accepts."""
        found = {}
        for item in self.items:
            if item.type == 0x21 and len(item.value) > 2 and item.value[2] == 0:
                found[item.value[0]] = next((sub.value for sub in cut_items(item.value[4:]) if sub.type == 0x40), b"")
        return found

    @property
    def called(self) -> str:
        """Called AE title of an A-ASSOCIATE-RQ, without spaces and NULs."""
        return self.body[4:20].decode("latin-1").strip(" \0")

    @property
    def calling(self) -> str:
        """Calling AE title of an A-ASSOCIATE-RQ, without spaces and NULs."""
        return self.body[20:36].decode("latin-1").strip(" \0")

    @property
    def maximum_length(self) -> int | None:
        """What its sub-item 51H announces (D.1); None without one."""
        return next((int.from_bytes(item.value, "big") for item in self.user_items if item.type == 0x51), None)

    @property
    def fragments(self) -> list[Fragment]:
        """The PDVs of a P-DATA-TF, as far as their lengths lead."""
        return list(cut_pdvs(self.body)) if self.type == 0x04 else []


def cut_items(data: bytes) -> Iterator[Item]:
    """Items until one overruns; it is given as far as it goes."""
    at = 0
    while at + 4 <= len(data):
        end = at + 4 + int.from_bytes(data[at + 2 : at + 4], "big")
        yield Item(data[at], data[at + 4 : end])
        at = end


def cut_pdvs(data: bytes) -> Iterator[Fragment]:
    """PDVs until one overruns or is too short for its context ID."""
    at = 0
    while at + 6 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if length < 2:
            return
        yield Fragment(data[at + 4], data[at + 5], data[at + 6 : at + 4 + length])
        at += 4 + length


def read(raw: bytes) -> Seen:
    """A PDU with what the strict codec thinks of it."""
    try:
        decode(raw)
    except DecodeError as error:
        return Seen(raw, str(error), error.reason)
    return Seen(raw)


def promised(begun: bytes) -> str:
    """The event that a PDU of which the header has come will be, as far as its type tells; "" without one."""
    if len(begun) < _HEADER.size:
        return ""
    type_, _, length = _HEADER.unpack_from(begun)
    return "Evt19" if _SHORT.get(type_, length) != length else _EVENTS.get(type_, "Evt19")


class Cutter:
    """Cuts one direction of a connection into PDUs."""

    def __init__(self) -> None:
        self._held = bytearray()
        self.lost = ""
        """Why nothing is cut any more, or nothing."""

    @property
    def held(self) -> bytes:
        """The beginning of a PDU whose rest has not come."""
        return bytes(self._held)

    def feed(self, data: bytes) -> list[Seen]:
        """The PDUs that these bytes complete."""
        if self.lost:
            return []
        self._held += data
        found = []
        while len(self._held) >= _HEADER.size:
            type_, _, length = _HEADER.unpack_from(self._held)
            whole = _HEADER.size + length
            if length > LONGEST:
                self.lost = f"a PDU of type {type_:02X}H and length {length}"
                found.append(Seen(bytes(self._held[: _HEADER.size]), self.lost, 6 if type_ in _EVENTS else 1))
                self._held.clear()
                break
            if len(self._held) < whole:
                break
            found.append(read(bytes(self._held[:whole])))
            del self._held[:whole]
        return found


@dataclass(slots=True)
class Message:
    """A DIMSE message, complete or as far as it came."""

    context_id: int
    command: bytearray = field(default_factory=bytearray)
    """The command set's bytes."""
    data_length: int = 0
    """Bytes of data set."""
    command_complete: bool = False
    data_complete: bool = False

    @property
    def elements(self) -> dict[int, int | str | bytes]:
        """Element values of group 0000 by number: numbers of two bytes, texts, other bytes; never raises."""
        return dict(cut_elements(bytes(self.command)))

    def number(self, element: int) -> int | None:
        """The value of an element of two bytes."""
        value = self.elements.get(element)
        return value if isinstance(value, int) else None

    @property
    def is_response(self) -> bool:
        """Whether its command field is a response's."""
        return bool((self.number(COMMAND_FIELD) or 0) & RESPONSE)

    @property
    def complete(self) -> bool:
        """Whether all of it came."""
        return self.command_complete and (self.data_complete or self.number(DATA_SET_TYPE) in (NO_DATA_SET, None))

    @property
    def status(self) -> int | None:
        """(0000,0900) of a response."""
        return self.number(STATUS)

    @property
    def responded_to(self) -> int | None:
        """(0000,0120) of a response."""
        return self.number(RESPONDED_TO)


_TEXTS = (0x0002, 0x0003, 0x0600, 0x0902, 0x1000, 0x1001, 0x1030)
"""Elements that are text (Table E.1-1)."""


def cut_elements(data: bytes) -> Iterator[tuple[int, int | str | bytes]]:
    """Elements of group 0000 until one overruns."""
    at = 0
    while at + 8 <= len(data):
        group, number = int.from_bytes(data[at : at + 2], "little"), int.from_bytes(data[at + 2 : at + 4], "little")
        end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        value = data[at + 8 : end]
        if group == 0:
            yield number, _value(number, value)
        at = end


def _value(number: int, raw: bytes) -> int | str | bytes:
    if number in _TEXTS:
        return raw.decode("latin-1").rstrip("\0 ")
    return int.from_bytes(raw, "little") if len(raw) == 2 else raw


class Assembler:
    """Puts the PDVs of one direction together to messages, one open message a context."""

    def __init__(self) -> None:
        self._open: dict[int, Message] = {}

    @property
    def unfinished(self) -> list[Message]:
        """Messages of which something has come, but not all."""
        return list(self._open.values())

    def feed(self, fragment: Fragment) -> Message | None:
        """The message that a PDV completes."""
        message = self._open.setdefault(fragment.context_id, Message(fragment.context_id))
        if fragment.control & COMMAND:
            room = LONGEST_COMMAND - len(message.command)
            message.command += fragment.data[:room]
            message.command_complete |= bool(fragment.control & LAST)
        else:
            message.data_length += len(fragment.data)
            message.data_complete |= bool(fragment.control & LAST)
        if message.complete or (message.data_complete and not message.command):
            return self._open.pop(fragment.context_id)
        return None
