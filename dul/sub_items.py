"""The sub-items of user information (PS3.7 Annex D.3.3, PS3.8 D.1) by which applications negotiate.

Each sub-item is a value with `encode`, which gives the whole sub-item, and `decode`, which takes what follows
its header and must use it up exactly. What they mean is for `acse`; here they are only bytes and fields.
"""

from collections.abc import Callable
from dataclasses import field
from struct import Struct
from typing import Any, ClassVar, Self

from ..spec.values import value
from .errors import DecodeError, LocalProtocolError
from .wire import Reader, counted, decode_name, decode_uid, encode_uid, item

_WINDOW = Struct(">HH")


@value
class AsynchronousOperationsWindow:
    """Asynchronous operations window sub-item (PS3.7 D.3.3.3)."""

    item_type: ClassVar = 0x53

    invoked: int
    """Maximum-number-operations-invoked; 0 is unlimited."""
    performed: int
    """Maximum-number-operations-performed; 0 is unlimited."""

    def encode(self) -> bytes:
        """The whole sub-item."""
        if not (0 <= self.invoked <= 0xFFFF and 0 <= self.performed <= 0xFFFF):
            raise LocalProtocolError(f"{self} does not fit in two bytes each")
        return item(self.item_type, _WINDOW.pack(self.invoked, self.performed))

    @classmethod
    def decode(cls, value: memoryview) -> Self:
        """From what follows the header."""
        reader = Reader(value, "asynchronous operations window sub-item")
        window = cls(reader.u16(), reader.u16())
        reader.end()
        return window


@value
class RoleSelection:
    """SCP/SCU role selection sub-item (PS3.7 D.3.3.4)."""

    item_type: ClassVar = 0x54

    sop_class_uid: str
    """SOP-class-uid."""
    scu: bool
    """SCU-role: the requestor may be, or is accepted as, SCU."""
    scp: bool
    """SCP-role: the requestor may be, or is accepted as, SCP."""

    def encode(self) -> bytes:
        """The whole sub-item."""
        uid = counted(encode_uid(self.sop_class_uid, "SOP-class-uid of role selection"))
        return item(self.item_type, uid + bytes((self.scu, self.scp)))

    @classmethod
    def decode(cls, value: memoryview) -> Self:
        """From what follows the header."""
        reader = Reader(value, "role selection sub-item")
        uid = decode_uid(reader.counted(), "SOP-class-uid of role selection")
        roles = cls(uid, _flag(reader, "SCU-role"), _flag(reader, "SCP-role"))
        reader.end()
        return roles


def _flag(reader: Reader, what: str) -> bool:
    value = reader.u8()
    if value > 1:
        raise DecodeError(f"{what} is {value}, neither 0 nor 1", clause="PS3.7 D.3.3")
    return bool(value)


@value
class ExtendedNegotiation:
    """SOP class extended negotiation sub-item (PS3.7 D.3.3.5)."""

    item_type: ClassVar = 0x56

    sop_class_uid: str
    """SOP-class-uid."""
    information: bytes
    """Service-class-application-information; what it means is the service class's."""

    def encode(self) -> bytes:
        """The whole sub-item."""
        uid = encode_uid(self.sop_class_uid, "SOP-class-uid of extended negotiation")
        return item(self.item_type, counted(uid) + self.information)

    @classmethod
    def decode(cls, value: memoryview) -> Self:
        """From what follows the header."""
        reader = Reader(value, "extended negotiation sub-item")
        uid = decode_uid(reader.counted(), "SOP-class-uid of extended negotiation")
        return cls(uid, bytes(reader.rest()))


@value
class CommonExtendedNegotiation:
    """SOP class common extended negotiation sub-item (PS3.7 D.3.3.6), version 0."""

    item_type: ClassVar = 0x57

    sop_class_uid: str
    """SOP-class-uid."""
    service_class_uid: str
    """Service-class-uid."""
    related: tuple[str, ...] = ()
    """Related-general-sop-class-identification."""

    def encode(self) -> bytes:
        """The whole sub-item."""
        related = b"".join([counted(encode_uid(uid, "related-general-sop-class-uid")) for uid in self.related])
        return item(
            self.item_type,
            counted(encode_uid(self.sop_class_uid, "SOP-class-uid of common extended negotiation"))
            + counted(encode_uid(self.service_class_uid, "service-class-uid"))
            + counted(related),
        )

    @classmethod
    def decode(cls, value: memoryview) -> Self:
        """From what follows the header; later versions may add fields at the end, which are ignored."""
        reader = Reader(value, "common extended negotiation sub-item")
        sop_class_uid = decode_uid(reader.counted(), "SOP-class-uid of common extended negotiation")
        service_class_uid = decode_uid(reader.counted(), "service-class-uid")
        run = Reader(reader.counted(), "related-general-sop-class-identification")
        related = []
        while run.more():
            related.append(decode_uid(run.counted(), "related-general-sop-class-uid"))
        return cls(sop_class_uid, service_class_uid, tuple(related))


@value
class UserIdentity:
    """User identity sub-item of an A-ASSOCIATE-RQ (PS3.7 D.3.3.7); its repr keeps the secrets."""

    item_type: ClassVar = 0x58

    type: int
    """User-Identity-Type: 1 user name, 2 user name and passcode, 3 Kerberos, 4 SAML, 5 JWT."""
    primary: bytes = field(repr=False)
    """Primary-field."""
    secondary: bytes = field(default=b"", repr=False)
    """Secondary-field: the passcode of type 2."""
    response_requested: bool = False
    """Positive-response-requested."""

    def encode(self) -> bytes:
        """The whole sub-item."""
        if not 1 <= self.type <= 5 or (self.secondary and self.type != 2):
            raise LocalProtocolError(f"{self}: types are 1 to 5, only 2 has a secondary field (PS3.7 D.3.3.7)")
        head = bytes((self.type, self.response_requested))
        return item(self.item_type, head + counted(self.primary) + counted(self.secondary))

    @classmethod
    def decode(cls, value: memoryview) -> Self:
        """From what follows the header."""
        reader = Reader(value, "user identity sub-item")
        kind, response = reader.u8(), _flag(reader, "positive-response-requested")
        identity = cls(kind, bytes(reader.counted()), bytes(reader.counted()), response)
        reader.end()
        if identity.secondary and kind != 2:
            raise DecodeError(f"user identity of type {kind} has a secondary field", clause="PS3.7 D.3.3.7")
        return identity


@value
class UserIdentityResponse:
    """User identity sub-item of an A-ASSOCIATE-AC (PS3.7 D.3.3.7)."""

    item_type: ClassVar = 0x59

    response: bytes = field(repr=False)
    """Server-response; empty for types 1 and 2."""

    def encode(self) -> bytes:
        """The whole sub-item."""
        return item(self.item_type, counted(self.response))

    @classmethod
    def decode(cls, value: memoryview) -> Self:
        """From what follows the header."""
        reader = Reader(value, "user identity sub-item")
        response = cls(bytes(reader.counted()))
        reader.end()
        return response


Negotiation = RoleSelection | ExtendedNegotiation | CommonExtendedNegotiation
"""What there may be one of for each SOP class."""


def _maximum_length(value: memoryview) -> int:
    reader = Reader(value, "maximum length sub-item")
    length = reader.u32()
    reader.end()
    return length


SUB_ITEMS: dict[int, Callable[[memoryview], Any]] = {
    0x51: _maximum_length,
    0x52: lambda value: decode_uid(value, "implementation-class-uid"),
    0x53: AsynchronousOperationsWindow.decode,
    0x54: RoleSelection.decode,
    0x55: lambda value: decode_name(value, "implementation-version-name"),
    0x56: ExtendedNegotiation.decode,
    0x57: CommonExtendedNegotiation.decode,
    0x58: UserIdentity.decode,
    0x59: UserIdentityResponse.decode,
}
"""How to decode what follows the header, by item type; other types are unknown and skipped."""
