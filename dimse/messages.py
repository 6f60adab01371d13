"""The 23 DIMSE messages as frozen dataclasses, named as in PS3.7 with underscores: C_STORE_RQ … N_DELETE_RSP.

The classes are made from `spec/dimse.toml` when first asked for: defining a frozen slotted dataclass costs
0.4 ms, 23 of them would delay every start by 10 ms, and `echoscu` needs two. What a type checker sees is
written down in `message_types.pyi`, which nothing imports when the program runs; a test compares it with the
specification, name by name. (One hand-written module of classes would be shorter, but slow to import and a
second place to be right.)

Fields are the elements of Table E.1-1 in lower case: `affected_sop_class_uid`, `message_id`, … Mandatory ones
must be given, the others are None, lists of tags (). Command Field, Command Group Length and Command Data Set
Type are no fields: they follow from the class, the bytes and `dataset_follows`.

CPython 3.11, command set included: C-STORE-RQ encode 1.4 us, decode 2.5 us; C-STORE-RSP 1.5 us and 3.2 us.
"""

from collections.abc import Mapping
from dataclasses import field, make_dataclass
from functools import cache, lru_cache
from struct import error as StructError  # noqa: N812  # a class, whatever struct calls it
from typing import TYPE_CHECKING, Any, ClassVar, Final

from ..dul.errors import LocalProtocolError
from ..spec import dimse as spec
from . import command_set, layouts, straight
from .errors import CommandSetError
from .status import Status

if TYPE_CHECKING:
    from .message_types import *  # noqa: F403  # names for the type checker, as many as the file has

COMMAND_FIELD: Final = 0x0100
PRIORITY: Final = 0x0700
COMMAND_DATA_SET_TYPE: Final = 0x0800
STATUS: Final = 0x0900
NO_DATA_SET: Final = 0x0101
"""Command Data Set Type: no data set follows; every other value says that one does (Table E.1-1)."""
DATA_SET: Final = 0x0001
"""The other value we send."""
MEDIUM: Final = 0x0000
HIGH: Final = 0x0001
LOW: Final = 0x0002
"""MEDIUM, HIGH, LOW: the values of Priority (0000,0700)."""

_ECHOED = {
    "affected_sop_class_uid": "sop_class_uid",
    "affected_sop_instance_uid": "sop_instance_uid",
    "event_type_id": "event_type_id",
    "action_type_id": "action_type_id",
}
"""Fields of a response that equal those of its request, U(=) and C(=), and what they are there."""
_FAILURES_WITH = {
    ("N-EVENT-REPORT-RSP", "event_type_id"): (0x0113, 0x0114, 0x0115),
    ("N-ACTION-RSP", "action_type_id"): (0x0114, 0x0115, 0x0123),
    ("N-CREATE-RSP", "affected_sop_instance_uid"): (0x0110, 0x0111, 0x0115, 0x0117),
}
"""Those that belong into the response of success (PS3.7 10.1.1.1.5, 10.1.4.1.5, 10.1.5.1.4), and the failures that
Annex C lets carry them all the same (C.5.8, C.5.10, C.5.12, C.5.16, C.5.18, C.5.21, C.5.24)."""

_SPECS = {message.command_field: message for message in spec.load().messages.values()}
_FIELDS = {message.name.replace("-", "_"): field for field, message in _SPECS.items()}
_DERIVED = (0x0000, COMMAND_FIELD, COMMAND_DATA_SET_TYPE)
_TYPES = {"US": int, "UI": str, "AE": str, "LO": str, "AT": tuple[int, ...]}
_DATA_SET_FOLLOWS = {"always": True, "never": False}
_status = lru_cache(maxsize=256)(Status)  # most statuses recur, and this is 0.3 us less than making one
_MADE = {STATUS: _status}
_NO_FAILURE = frozenset((0x0000, 0xFF00, 0xFF01))
"""Success and pending: the response says all fields of its request again."""


class Message:
    """What the 23 have in common."""

    __slots__ = ()

    name: ClassVar[str]
    """As the standard writes it: "C-STORE-RQ"."""
    command_field: ClassVar[int]
    """The value of Command Field (0000,0100)."""
    clause: ClassVar[str]
    """Where PS3.7 defines it."""
    data_set: ClassVar[str]
    """Whether a data set follows: "always", "never" or "optional"."""
    is_request: ClassVar[bool]
    """Whether it is an -RQ; a C-CANCEL-RQ is one, though it is never answered and has no Message ID."""
    is_response: ClassVar[bool]
    """Whether it is an -RSP."""
    dataset_follows: bool
    """Whether a data set follows this message. Not compared: it is about the next fragments, not about the
    command."""

    _elements: ClassVar[Mapping[str, int]]  # element number of each field, in the order of the tags
    _mandatory: ClassVar[tuple[int, ...]]  # numbers of the elements that must have a value, but group length
    _fields: ClassVar[tuple[straight.Field, ...]]

    def encode(self, dataset: bool | None = None) -> bytes:
        """The command set.

        Args:
            dataset: whether a data set follows; `dataset_follows` if None.

        Raises:
            LocalProtocolError: for a mandatory field without value, a value that does not fit its element or
            a data
                set the message cannot have or do without.
        """
        follows = self.dataset_follows if dataset is None else dataset
        try:
            return _encoder(self.command_field, follows)(self)
        except (StructError, ValueError, TypeError, AttributeError):
            return command_set.encode(self._values(follows))  # which says what is wrong

    def _values(self, follows: bool) -> dict[int, command_set.Value]:
        """The elements by number."""
        if _DATA_SET_FOLLOWS.get(self.data_set, follows) is not follows:
            raise LocalProtocolError(f"a {self.name} {self.data_set} carries a data set ({self.clause})")
        elements: dict[int, command_set.Value] = {
            COMMAND_FIELD: self.command_field,
            COMMAND_DATA_SET_TYPE: DATA_SET if follows else NO_DATA_SET,
        }
        for name, number in self._elements.items():
            value = getattr(self, name)
            if value is not None and value != ():
                elements[number] = value
        for number in self._mandatory:
            if number not in elements:
                raise LocalProtocolError(f"a {self.name} needs a {command_set.keyword(number)} ({self.clause})")
        if elements.get(PRIORITY, MEDIUM) not in (MEDIUM, HIGH, LOW):
            raise LocalProtocolError(f"Priority {elements[PRIORITY]!r} is neither low, medium nor high (PS3.7 E.1)")
        return elements

    def __repr__(self) -> str:
        values = ((name, getattr(self, name)) for name in self._elements)
        present = (f"{name}={value!r}" for name, value in values if value is not None and value != ())
        return f"{self.name}({', '.join(present)})"


class Request(Message):
    """A message that is answered: every -RQ but C-CANCEL-RQ."""

    __slots__ = ()

    message_id: int
    """Tells this operation from the others outstanding."""

    sop_class_uid: str
    """The SOP class it is about, whether the message calls it affected or requested."""
    sop_instance_uid: str | None
    """The SOP instance it is about, affected or requested; None if it names none."""

    def response(self, status: int, **elements: Any) -> "Response":
        """The response to this request: Message ID Being Responded To and what must be equal are filled in.

        Args:
            status: the status code.
            elements: further fields of the response, such as error_comment, offending_element, error_id or
                dataset_follows; an error_comment is made to fit its element.

        Raises:
            LocalProtocolError: for a field the response does not have.
        """
        if not elements and status in _NO_FAILURE:  # nearly always: 0.6 us, not 2.4
            plain: Response = _answerer(self.command_field)(self, _status(status))
            return plain
        kind = _class(self.command_field | spec.RESPONSE_BIT)
        unknown = elements.keys() - kind._elements.keys() - {"dataset_follows"}
        if unknown:
            raise LocalProtocolError(f"a {kind.name} has no {', '.join(sorted(unknown))} ({kind.clause})")
        for name, other in _ECHOED.items():
            if name in kind._elements and name not in elements and _belongs(kind, name, status):
                elements[name] = getattr(self, other)
        if elements.get("error_comment"):
            elements["error_comment"] = comment(elements["error_comment"])
        made: Response = kind(message_id_being_responded_to=self.message_id, status=status, **elements)
        return made


def _belongs(kind: Any, field: str, status: int) -> bool:
    """Whether a response with this status says a field again that its request has said."""
    failures = _FAILURES_WITH.get((kind.name, field))
    return failures is None or status in failures or not _status(status).is_failure


class Response(Message):
    """A message that answers another: every -RSP."""

    __slots__ = ()

    message_id_being_responded_to: int
    """Message ID of the request."""
    status: Status
    """How it went."""
    offending_element: tuple[int, ...]
    """Tags of the elements in which an error was detected."""
    error_comment: str | None
    """An explanation for people."""
    error_id: int | None
    """An error code of the application."""

    def __post_init__(self) -> None:
        if type(self.status) is not Status:
            object.__setattr__(self, "status", _status(self.status))


def decode(data: bytes | memoryview) -> Message:
    """The message a command set conveys; elements it does not know are passed over.

    Raises:
        CommandSetError: for a malformed command set, an unknown command field, a mandatory element that is
        missing or
            empty, a data set announced that the message cannot have or not announced that it must have.
    """
    data = bytes(data)
    known: Message | None = layouts.recall(data)
    if known is not None:
        return known
    elements = command_set.decode(data)
    get = elements.get
    kind = _class_of(get(COMMAND_FIELD))
    for number in kind._mandatory:
        if get(number) is None:
            raise _without_value(kind, number, elements)
    follows = get(COMMAND_DATA_SET_TYPE) != NO_DATA_SET
    if _DATA_SET_FOLLOWS.get(kind.data_set, follows) is not follows:
        what = f"CommandDataSetType announces {'a' if follows else 'no'} data set, which a {kind.name} "
        what += f"{kind.data_set} carries"
        raise CommandSetError(what, element=COMMAND_DATA_SET_TYPE, clause=kind.clause)
    if kind.is_response:
        elements[STATUS] = _status(elements[STATUS])
    # Past __init__, straight into the slots, since all is checked: 1.3 us less of 4.3 for a C-ECHO-RSP.
    message: Message = object.__new__(kind)
    for number, put, absent in kind._slots:
        value = get(number)
        put(message, absent if value is None else value)
    kind._put_dataset_follows(message, follows)
    layouts.remember(data, elements, message, (COMMAND_FIELD, COMMAND_DATA_SET_TYPE), _MADE)
    return message


def comment(text: str) -> str:
    """Any text made fit for Error Comment (0000,0902): one line of at most 64 characters of the default
    repertoire."""
    line = " ".join(text.split()).replace("\\", "/")
    return "".join(each if " " <= each <= "~" else "?" for each in line)[: command_set.MAXIMUM_LO_LENGTH]


def _class_of(command_field: Any) -> Any:
    """The class for the Command Field of a peer."""
    if command_field not in _SPECS:
        what = "is missing" if command_field is None else f"is {command_field:04X}H, which is no message"
        raise CommandSetError(f"CommandField {what}", element=COMMAND_FIELD, clause="PS3.7 E.1")
    return _class(command_field)


@cache
def _encoder(command_field: int, follows: bool) -> straight.Encoder:
    """What encodes the messages of a class that a data set follows, or does not.

    Raises:
        ValueError: it cannot be so.
    """
    kind = _class(command_field)
    if _DATA_SET_FOLLOWS.get(kind.data_set, follows) is not follows:
        raise ValueError
    constants = {COMMAND_FIELD: command_field, COMMAND_DATA_SET_TYPE: DATA_SET if follows else NO_DATA_SET}
    return straight.encoder(kind._fields, constants, {PRIORITY: (MEDIUM, HIGH, LOW)})


@cache
def _answerer(command_field: int) -> Any:
    """What makes a response that says no more than its status, and what it must echo."""
    kind = _class(command_field | spec.RESPONSE_BIT)
    echoed = {kind._elements[name]: other for name, other in _ECHOED.items() if name in kind._elements}
    echoed[kind._elements["message_id_being_responded_to"]] = "message_id"
    plan = [(put, echoed.get(number), absent) for number, put, absent in kind._slots if number != STATUS]
    return straight.answerer(kind, [*plan, (kind._put_dataset_follows, None, kind.data_set == "always")])


@cache
def _class(command_field: int) -> Any:
    """Makes the class of a message. Any, because only `message_types.pyi` knows its fields."""
    message = _SPECS[command_field]
    fields = [each for each in message.fields if each.element.number not in _DERIVED]
    base = Response if message.is_response else Message if message.name == "C-CANCEL-RQ" else Request
    follows = field(default=message.data_set == "always", compare=False)
    kind: Any = make_dataclass(
        message.name.replace("-", "_"),
        [*map(_field, fields), ("dataset_follows", bool, follows)],
        bases=(base,),
        namespace=_class_variables(message, fields),
        repr=False,
        frozen=True,
        slots=True,
        kw_only=True,
    )
    kind._slots = tuple(
        (
            each.element.number,
            getattr(kind, each.element.attribute).__set__,
            () if each.element.vr == "AT" else None,
        )
        for each in fields
    )
    kind._put_dataset_follows = kind.dataset_follows.__set__
    if message.is_response:
        kind._put_status = kind.status.__set__
    for name in ("sop_class_uid", "sop_instance_uid"):  # of a request, one slot: 0.4 us less than a property each time
        slots = [getattr(kind, slot) for slot in (f"affected_{name}", f"requested_{name}") if slot in kind._elements]
        if base is Request:
            setattr(kind, name, slots[0] if slots else None)
    return kind


def _class_variables(message: spec.Message, fields: list[spec.Field]) -> dict[str, Any]:
    return {
        "__doc__": f"{message.name} (PS3.7 {message.clause}, Table {message.table}).",
        "__module__": __name__,
        "name": message.name,
        "command_field": message.command_field,
        "clause": f"PS3.7 {message.clause}",
        "data_set": message.data_set,
        "is_request": not message.is_response,
        "is_response": message.is_response,
        "_elements": {each.element.attribute: each.element.number for each in fields},
        "_fields": tuple((each.element.number, each.element.attribute, each.mark == "M") for each in fields),
        "_mandatory": tuple(each.element.number for each in message.fields[1:] if each.mark == "M"),
    }


def _field(each: spec.Field) -> tuple[str, Any, Any]:
    """A field as `make_dataclass` takes it."""
    kind: Any = Status if each.element.keyword == "Status" else _TYPES[each.element.vr]
    if each.mark == "M":
        return each.element.attribute, kind, field()
    if each.element.vr == "AT":
        return each.element.attribute, kind, field(default=())
    return each.element.attribute, kind | None, field(default=None)


def _without_value(kind: Any, number: int, elements: dict[int, command_set.Value]) -> CommandSetError:
    how = "is empty" if number in elements else "is missing"
    what = f"{command_set.keyword(number)} {how} in a {kind.name}"
    return CommandSetError(what, element=number, clause=kind.clause)


if not TYPE_CHECKING:  # pragma: no branch  # a checker that saw this would believe in any name

    def __getattr__(name: str) -> type[Message]:
        if name not in _FIELDS:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = _class(_FIELDS[name])
        return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *_FIELDS})
