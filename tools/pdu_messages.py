"""What a stream of PDUs says beyond each PDU: presentation contexts by name, command sets put together.

Contexts are learnt from A-ASSOCIATE-RQ and -AC in either order, so that the two directions of an association may
stand in one file, interleaved or one behind the other. For the same reason fragments are put together for each
context by itself, and a command between two fragments of a data set is no error here: it may be the other
direction's.
"""

from collections.abc import Callable, Iterator
from typing import Any

from ..dimse import command_set, messages
from ..dimse.errors import CommandSetError
from ..dimse.messages import COMMAND_DATA_SET_TYPE, COMMAND_FIELD, NO_DATA_SET, STATUS
from ..dimse.status import Status
from ..dul.pdu import PDV, AssociateAC, AssociateRQ
from ..spec import dimse as spec

LONGEST_SHOWN = 32
"""Bytes of an element without a known value representation that are shown."""
PRIORITY = 0x0700
_NAMES = {message.command_field: message.name for message in spec.load().messages.values()}

Json = dict[str, Any]


def uid(value: str) -> Json:
    """A UID and its name, None where the standard has none for it."""
    from pydicom.uid import UID_dictionary  # type: ignore[attr-defined]  # documented, but not listed as exported

    row = UID_dictionary.get(value)
    return {"uid": value, "name": row[0] if row else None}


class _Fragments:
    """What has come on one presentation context and is not complete."""

    __slots__ = ("announced", "command", "count", "length")

    def __init__(self) -> None:
        self.command = bytearray()
        self.announced = ""  # the message whose data set comes or is to come
        self.count = self.length = 0  # fragments and bytes of that data set


class Conversation:
    """The presentation contexts of an association, and the messages on them."""

    def __init__(self) -> None:
        self._proposed: dict[int, str] = {}
        self._answered: dict[int, str | None] = {}  # transfer syntax, None for a refused context
        self._fragments: dict[int, _Fragments] = {}

    def propose(self, rq: AssociateRQ) -> None:
        """Learn what is proposed; an acceptance without a request before it was the answer to this one."""
        if self._proposed:
            self._answered = {}
        self._proposed = {context.id: context.abstract_syntax for context in rq.presentation_contexts}
        self.forget()

    def answer(self, ac: AssociateAC) -> None:
        """Learn what is accepted."""
        self._answered = {
            context.id: None if context.result else context.transfer_syntax for context in ac.presentation_contexts
        }
        self.forget()

    def forget(self) -> None:
        """Nothing more comes of what is not complete."""
        self._fragments.clear()

    def syntaxes(self, context_id: int) -> Json:
        """Abstract and transfer syntax of a context, None where they are not known."""
        abstract, transfer = self._proposed.get(context_id), self._answered.get(context_id)
        return {
            "abstract_syntax": uid(abstract) if abstract else None,
            "transfer_syntax": uid(transfer) if transfer else None,
        }

    def unfinished(self) -> list[str]:
        """What the stream has begun and not ended."""
        said = []
        for number, fragments in sorted(self._fragments.items()):
            if fragments.command:
                said.append(f"context {number}: {len(fragments.command)} bytes of an unfinished command")
            if fragments.announced:
                what = f"{fragments.length} bytes of the unfinished data set of a {fragments.announced}"
                said.append(f"context {number}: {what}")
        return said

    def take(self, pdv: PDV, problems: list[str]) -> Json:
        """A PDV as a record; what is wrong with it joins the problems."""
        record: Json = {
            "context_id": pdv.context_id,
            **self.syntaxes(pdv.context_id),
            "kind": "command" if pdv.is_command else "data set",
            "last": pdv.is_last,
            "length": len(pdv.data),
        }
        problems += self._wrong(pdv)
        fragments = self._fragments.setdefault(pdv.context_id, _Fragments())
        if pdv.is_command:
            record["message"] = _command(fragments, pdv, problems)
        else:
            record["data_set"] = _data_set(fragments, pdv, problems)
        return record

    def _wrong(self, pdv: PDV) -> Iterator[str]:
        number = pdv.context_id
        if number % 2 == 0:
            yield f"presentation-context-ID {number} is not odd (PS3.8 Table 9-23)"
        elif self._answered and self._answered.get(number) is None:
            yield f"presentation context {number} was not accepted (PS3.8 7.1.1.14)"
        if len(pdv.data) & 1 and not pdv.is_last:
            yield f"fragment of odd length, {len(pdv.data)}, that is not the last (PS3.8 E.1)"


def _command(fragments: _Fragments, pdv: PDV, problems: list[str]) -> Json | None:
    """The message whose command set ends with this fragment."""
    if len(fragments.command) + len(pdv.data) > command_set.MAXIMUM_LENGTH:
        fragments.command.clear()
        problems.append(f"command set longer than {command_set.MAXIMUM_LENGTH} bytes (a limit of ours)")
        return None
    fragments.command += pdv.data
    if not pdv.is_last:
        return None
    data = bytes(fragments.command)
    fragments.command.clear()
    message = _message(data, problems)
    if message is not None and message["data_set_follows"]:
        fragments.announced = message["name"]
        fragments.count = fragments.length = 0
    return message


def _data_set(fragments: _Fragments, pdv: PDV, problems: list[str]) -> Json | None:
    """How long the data set is that ends with this fragment, and whose it is."""
    if not fragments.announced:
        problems.append("data set fragment without a complete command that announces a data set (PS3.8 E.1)")
        return None
    fragments.count += 1
    fragments.length += len(pdv.data)
    if not pdv.is_last:
        return None
    whole = {"of": fragments.announced, "fragments": fragments.count, "length": fragments.length}
    fragments.announced = ""
    return whole


def _message(data: bytes, problems: list[str]) -> Json | None:
    """A command set by message name and element keyword, None where its elements cannot be told apart."""
    try:
        elements = command_set.decode(data)
    except CommandSetError as error:
        problems.append(f"command set: {error}")
        return None
    try:
        messages.decode(data)
    except CommandSetError as error:
        problems.append(f"command set: {error}")
    field = elements.get(COMMAND_FIELD)
    return {
        "name": _NAMES.get(field, "unknown message") if isinstance(field, int) else "unknown message",
        "data_set_follows": elements.get(COMMAND_DATA_SET_TYPE) != NO_DATA_SET,
        "elements": [_element(number, value) for number, value in elements.items()],
    }


def _element(number: int, value: command_set.Value) -> Json:
    return {
        "tag": f"(0000,{number:04X})",
        "keyword": command_set.keyword(number),
        "value": _plain(value),
        "means": _meaning(number, value),
    }


def _plain(value: command_set.Value) -> Any:
    if isinstance(value, tuple):
        return [f"({tag >> 16:04X},{tag & 0xFFFF:04X})" for tag in value]
    if isinstance(value, bytes):
        return value.hex() if len(value) <= LONGEST_SHOWN else f"{len(value)} bytes"
    return value


def _meaning(number: int, value: command_set.Value) -> str | None:
    """What a value says to people, where it does not say it itself."""
    if isinstance(value, int):
        words = _WORDS.get(number)
        return words(value) if words else None
    if isinstance(value, str) and number in _UIDS:
        name: str | None = uid(value)["name"]
        return name
    return None


def _status(value: int) -> str:
    status = Status(value)
    return f"{status.category}: {status.name}"


_UIDS = {element.number for element in spec.load().elements.values() if element.vr == "UI"}
_WORDS: dict[int, Callable[[int], str | None]] = {
    COMMAND_FIELD: _NAMES.get,
    PRIORITY: {messages.MEDIUM: "MEDIUM", messages.HIGH: "HIGH", messages.LOW: "LOW"}.get,
    COMMAND_DATA_SET_TYPE: lambda value: "no data set follows" if value == NO_DATA_SET else "a data set follows",
    STATUS: _status,
}
