"""The variable items of A-ASSOCIATE-RQ and -AC (PS3.8 9.3.2, 9.3.3): contexts and user information.

Each item is a value with `encode`, which gives the whole item, and `decode`, which takes what follows its
header. Unknown items and sub-items are skipped (9.3.1, D.2), reserved bytes are sent zero and not tested.
Sub-items of user information may come in any order (9.3.2.3 note) and leave in ascending order, as older
applications expect. What is said once for each SOP class must not be said twice. Whether a sub-item may be
missing is for the PDU to judge.
"""

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct
from typing import Any, ClassVar, Self

from ..spec.values import value
from .errors import UNEXPECTED_PARAMETER, DecodeError, LocalProtocolError
from .sub_items import (
    SUB_ITEMS,
    AsynchronousOperationsWindow,
    CommonExtendedNegotiation,
    ExtendedNegotiation,
    Negotiation,
    RoleSelection,
    UserIdentity,
    UserIdentityResponse,
)
from .wire import Reader, decode_uid, encode_name, encode_uid, item, items

__all__ = [
    "AsynchronousOperationsWindow",
    "CommonExtendedNegotiation",
    "ContextResult",
    "ExtendedNegotiation",
    "ProposedContext",
    "RoleSelection",
    "UserIdentity",
    "UserIdentityResponse",
    "UserInformation",
]

IMPLEMENTATION_CLASS_UID = "2.25.172772051965440126651801379510090856780"
"""Names this implementation to peers (PS3.7 D.3.3.2); a UUID under 2.25, so that nobody had to assign it."""
IMPLEMENTATION_VERSION_NAME = "DULCET_0.1"
"""Names its version, 1 to 16 characters (PS3.7 D.3.3.2)."""
DEFAULT_TRANSFER_SYNTAX = "1.2.840.10008.1.2"
"""Implicit VR Little Endian: what fills a field that must hold a transfer syntax and is not significant."""

MAXIMUM_TRANSFER_SYNTAXES = 256
"""In one presentation context. The standard has no limit and some seventy transfer syntaxes."""
MAXIMUM_SUB_ITEMS = 128
"""Of each repeatable kind in user information: one for each of 128 presentation contexts."""

_CONTEXT = Struct(">BxBx")
_LENGTH = Struct(">L")


def _context_id(number: int) -> int:
    if number % 2 == 0:
        raise DecodeError(f"presentation-context-ID {number} is not odd", clause="PS3.8 Tables 9-13, 9-18")
    return number


def _checked_id(number: int) -> int:
    if not (1 <= number <= 255 and number % 2):
        raise LocalProtocolError(f"presentation-context-ID {number} is not odd and between 1 and 255")
    return number


@lru_cache(maxsize=1024)  # the same few go into every association: 0.54 µs to make, 0.05 µs to find
def _uid_item(type_: int, uid: str, what: str) -> bytes:
    return item(type_, encode_uid(uid, what))


@value
class ProposedContext:
    """Presentation context item of an A-ASSOCIATE-RQ (Table 9-13)."""

    item_type: ClassVar = 0x20

    id: int
    """Presentation-context-ID: odd, 1 to 255."""
    abstract_syntax: str
    """Abstract-syntax-name; "" where a peer sent none."""
    transfer_syntaxes: tuple[str, ...]
    """Transfer-syntax-names, in the requestor's order of preference; () where a peer sent none."""

    def encode(self) -> bytes:
        """The whole item."""
        if not self.transfer_syntaxes:
            raise LocalProtocolError(f"presentation context {self.id} proposes no transfer syntax")
        return item(
            self.item_type,
            _CONTEXT.pack(_checked_id(self.id), 0)
            + _uid_item(0x30, self.abstract_syntax, "abstract-syntax-name")
            + b"".join([_uid_item(0x40, uid, "transfer-syntax-name") for uid in self.transfer_syntaxes]),
        )

    @classmethod
    def decode(cls, value: memoryview) -> Self:
        """From what follows the header; a context without syntaxes can still be refused by its ID."""
        reader = Reader(value, "presentation context item")
        number = _context_id(reader.u8())
        reader.take(3)
        abstract_syntax = ""
        transfer_syntaxes = []
        for type_, data in items(reader.rest(), "presentation context item"):
            if type_ == 0x40:
                transfer_syntaxes.append(decode_uid(data, "transfer-syntax-name"))
            elif type_ == 0x30:
                if abstract_syntax:
                    what = f"two abstract syntaxes in context {number}"
                    raise DecodeError(what, reason=UNEXPECTED_PARAMETER, clause="PS3.8 9.3.2.2")
                abstract_syntax = decode_uid(data, "abstract-syntax-name")
        if len(transfer_syntaxes) > MAXIMUM_TRANSFER_SYNTAXES:
            raise DecodeError(f"{len(transfer_syntaxes)} transfer syntaxes in context {number}")
        return cls(number, abstract_syntax, tuple(transfer_syntaxes))


@value
class ContextResult:
    """Presentation context item of an A-ASSOCIATE-AC (Table 9-18)."""

    item_type: ClassVar = 0x21

    id: int
    """Presentation-context-ID of the context proposed."""
    result: int
    """Result/Reason: 0 acceptance, 1 to 4 refused; from a peer also 5 to 255, which mean nothing."""
    transfer_syntax: str = ""
    """Transfer-syntax-name of an accepted context; of a refused one not significant, and "" on receipt."""

    def encode(self) -> bytes:
        """The whole item; a refused context has a transfer syntax too, as Table 9-18 asks."""
        if not 0 <= self.result <= 4:
            raise LocalProtocolError(f"result {self.result} of context {self.id} is none of Table 9-18")
        syntax = self.transfer_syntax or (DEFAULT_TRANSFER_SYNTAX if self.result else "")
        head = _CONTEXT.pack(_checked_id(self.id), self.result)
        return item(self.item_type, head + _uid_item(0x40, syntax, "transfer-syntax-name"))

    @classmethod
    def decode(cls, value: memoryview) -> Self:
        """From what follows the header; the syntax of a refused context is not looked at."""
        reader = Reader(value, "presentation context item")
        number = _context_id(reader.u8())
        reader.take(1)
        result = reader.u8()
        reader.take(1)
        if result:
            return cls(number, result)
        found = [data for type_, data in items(reader.rest(), "presentation context item") if type_ == 0x40]
        if len(found) != 1:
            raise DecodeError(f"{len(found)} transfer syntaxes in context {number}", clause="PS3.8 9.3.3.2")
        return cls(number, 0, decode_uid(found[0], "transfer-syntax-name"))


@value
class UserInformation:
    """User information item (PS3.8 9.3.2.3, PS3.7 D.3.3)."""

    item_type: ClassVar = 0x50

    maximum_length: int | None = 131072
    """51H: the longest P-DATA-TF the sender of this wants; 0 unlimited, None where a peer sent none."""
    implementation_class_uid: str | None = IMPLEMENTATION_CLASS_UID
    """52H; None where a peer sent none."""
    implementation_version_name: str | None = IMPLEMENTATION_VERSION_NAME
    """55H, optional."""
    asynchronous_operations_window: AsynchronousOperationsWindow | None = None
    """53H."""
    role_selections: tuple[RoleSelection, ...] = ()
    """54H."""
    extended_negotiations: tuple[ExtendedNegotiation, ...] = ()
    """56H."""
    common_extended_negotiations: tuple[CommonExtendedNegotiation, ...] = ()
    """57H."""
    user_identity: UserIdentity | None = None
    """58H, in a request."""
    user_identity_response: UserIdentityResponse | None = None
    """59H, in an acceptance."""

    def encode(self) -> bytes:
        """The whole item, its sub-items in ascending order; 51H and 52H are mandatory."""
        if self.maximum_length is None or not 0 <= self.maximum_length <= 0xFFFFFFFF:
            raise LocalProtocolError(f"maximum length {self.maximum_length} is not four bytes (PS3.8 D.1)")
        if self.implementation_class_uid is None:
            raise LocalProtocolError("an implementation class UID is mandatory (PS3.7 D.3.3.2)")
        parts = [
            item(0x51, _LENGTH.pack(self.maximum_length)),
            _uid_item(0x52, self.implementation_class_uid, "implementation-class-uid"),
        ]
        if self.asynchronous_operations_window is not None:
            parts.append(self.asynchronous_operations_window.encode())
        parts += _each(self.role_selections)
        if self.implementation_version_name is not None:
            name = encode_name(self.implementation_version_name, "implementation-version-name")
            parts.append(item(0x55, name))
        parts += _each(self.extended_negotiations)
        parts += _each(self.common_extended_negotiations)
        identities = (self.user_identity, self.user_identity_response)
        parts += [identity.encode() for identity in identities if identity is not None]
        return item(self.item_type, b"".join(parts))

    @classmethod
    def decode(cls, value: memoryview) -> Self:
        """From what follows the header."""
        found: dict[int, list[Any]] = {}
        for type_, data in items(value, "user information item"):
            if type_ in SUB_ITEMS:
                found.setdefault(type_, []).append(SUB_ITEMS[type_](data))
        return cls(
            maximum_length=_single(found, 0x51),
            implementation_class_uid=_single(found, 0x52),
            implementation_version_name=_single(found, 0x55),
            asynchronous_operations_window=_single(found, 0x53),
            role_selections=_one_each(found, 0x54),
            extended_negotiations=_one_each(found, 0x56),
            common_extended_negotiations=_one_each(found, 0x57),
            user_identity=_single(found, 0x58),
            user_identity_response=_single(found, 0x59),
        )


def _each(negotiations: Sequence[Negotiation]) -> list[bytes]:
    """Encoded sub-items, one for a SOP class."""
    if len({negotiation.sop_class_uid for negotiation in negotiations}) != len(negotiations):
        raise LocalProtocolError(f"two items for the same SOP class (PS3.7 D.3.3): {negotiations}")
    return [negotiation.encode() for negotiation in negotiations]


def _single(found: dict[int, list[Any]], type_: int) -> Any:
    """The sub-item that may be there once, or None."""
    values = found.get(type_, [None])
    if len(values) > 1:
        what = f"{len(values)} sub-items {type_:02X}H in user information"
        raise DecodeError(what, reason=UNEXPECTED_PARAMETER, clause="PS3.7 D.3.3")
    return values[0]


def _one_each(found: dict[int, list[Any]], type_: int) -> tuple[Any, ...]:
    """The sub-items that may be there once for each SOP class.

    DCMTK sends a role selection once for each presentation context, so twice for a SOP class in two of them: the same
    thing said twice is taken as said once, only a contradiction is refused.
    """
    values = found.get(type_, ())
    if len(values) > MAXIMUM_SUB_ITEMS:
        raise DecodeError(f"{len(values)} sub-items {type_:02X}H in user information")
    said = tuple(dict.fromkeys(values))
    if len({value.sop_class_uid for value in said}) != len(said):
        what = f"two different sub-items {type_:02X}H for one SOP class"
        raise DecodeError(what, reason=UNEXPECTED_PARAMETER, clause="PS3.7 D.3.3")
    return said
