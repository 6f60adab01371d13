"""The seven PDUs of the upper layer (PS3.8 9.3.2 to 9.3.8).

A PDU is a value with the fields of its table in the standard; `encode` gives the whole PDU, `decode` takes
one. Decoding raises `DecodeError` with the reason an A-ABORT would give; encoding raises `LocalProtocolError`
for what the standard does not allow to be sent. Reading is the more lenient of the two: what a policy can
answer in its own words (no abstract syntax, no transfer syntax, no context at all, a blank title, another
protocol version) is read, not refused.
"""

from collections.abc import Callable
from dataclasses import field
from functools import lru_cache
from struct import Struct
from typing import ClassVar, Self, get_args

from ..spec import codes
from ..spec.values import value
from .errors import UNEXPECTED_PARAMETER, UNRECOGNIZED_PDU, DecodeError, LocalProtocolError
from .items import ContextResult, ProposedContext, UserInformation
from .p_data import P_DATA_TF, PDV, decode_pdvs, encode_pdvs, p_data_header
from .wire import decode_ae_title, decode_uid, encode_ae_title, encode_uid, item, items

__all__ = [
    "PDV",
    "Abort",
    "AssociateAC",
    "AssociateRJ",
    "AssociateRQ",
    "PDataTF",
    "Pdu",
    "ReleaseRP",
    "ReleaseRQ",
    "decode",
    "decode_body",
    "decode_pdvs",
    "p_data_header",
]

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
"""The DICOM application context name (PS3.7 A.2.1)."""
MAXIMUM_CONTEXTS = 128
"""Presentation contexts of one association: the odd numbers of one byte (Table 9-13)."""

_PDU_HEADER = Struct(">BxL")
_ASSOCIATE = Struct(">Hxx64s")
_OURS = UserInformation()
"""What we say of ourselves when nothing else is said."""
_FIXED_BODY = 4
"""Body of all PDUs but A-ASSOCIATE-RQ, A-ASSOCIATE-AC and P-DATA-TF."""


@value
class AssociateRQ:
    """A-ASSOCIATE-RQ (Table 9-11)."""

    name: ClassVar = "A-ASSOCIATE-RQ"
    type: ClassVar = 0x01

    called_ae_title: str
    """Called-AE-title; "" where a peer sent spaces only."""
    calling_ae_title: str
    """Calling-AE-title; "" where a peer sent spaces only."""
    presentation_contexts: tuple[ProposedContext, ...]
    """What is proposed; may be empty where a peer proposed nothing."""
    user_information: UserInformation = _OURS
    """User information."""
    application_context: str = APPLICATION_CONTEXT
    """Application-context-name."""
    protocol_version: int = 1
    """Protocol-version: bit 0 is version 1, the others mean nothing."""
    echo: bytes = field(default=b"", compare=False, repr=False)
    """Bytes 11-74 as received, which an A-ASSOCIATE-AC returns; made from the titles when not given."""

    def __post_init__(self) -> None:
        if not self.echo:
            titles = f"{self.called_ae_title:16.16}{self.calling_ae_title:16.16}".encode("ascii", "replace")
            object.__setattr__(self, "echo", titles + bytes(32))

    def encode(self) -> bytes:
        """The whole PDU."""
        if not self.presentation_contexts:
            raise LocalProtocolError("an A-ASSOCIATE-RQ proposes at least one presentation context (PS3.8 9.3.2)")
        called = encode_ae_title(self.called_ae_title, "called-AE-title")
        calling = encode_ae_title(self.calling_ae_title, "calling-AE-title")
        return _associate(self, called + calling + bytes(32))

    @classmethod
    def decode(cls, body: memoryview) -> Self:
        """From what follows the header."""
        version, echo, variable = _fixed_fields(body, cls.name)
        called = decode_ae_title(body[4:20], "called-AE-title")
        calling = decode_ae_title(body[20:36], "calling-AE-title")
        application_context, values, user_data = _variable_items(variable, ProposedContext.item_type, cls.name)
        contexts = tuple([ProposedContext.decode(value) for value in values])
        _check_ids(contexts, DecodeError)
        if user_data is None:
            raise DecodeError(f"{cls.name} without user information", clause="PS3.8 9.3.2")
        user_information = UserInformation.decode(user_data)
        if user_information.maximum_length is None:
            raise DecodeError(f"{cls.name} without maximum length", clause="PS3.8 D.1")
        if user_information.implementation_class_uid is None:
            raise DecodeError(f"{cls.name} without implementation class UID", clause="PS3.7 D.3.3.2")
        return cls(called, calling, contexts, user_information, application_context, version, echo)


@value
class AssociateAC:
    """A-ASSOCIATE-AC (Table 9-17)."""

    name: ClassVar = "A-ASSOCIATE-AC"
    type: ClassVar = 0x02

    presentation_contexts: tuple[ContextResult, ...]
    """The answer to each context proposed."""
    user_information: UserInformation = _OURS
    """User information."""
    application_context: str = APPLICATION_CONTEXT
    """Application-context-name."""
    protocol_version: int = 1
    """Protocol-version: bit 0 is version 1, the others mean nothing."""
    echo: bytes = field(default=bytes(64), repr=False)
    """Bytes 11-74: those of the request, not tested on receipt."""

    def encode(self) -> bytes:
        """The whole PDU."""
        if len(self.echo) != 64:
            raise LocalProtocolError(
                f"bytes 11-74 of an A-ASSOCIATE-AC are 64, not {len(self.echo)} (PS3.8 Table 9-17)"
            )
        return _associate(self, self.echo)

    @classmethod
    def decode(cls, body: memoryview) -> Self:
        """From what follows the header. Acceptors that say nothing of themselves exist, and are let pass."""
        version, echo, variable = _fixed_fields(body, cls.name)
        application_context, values, user_data = _variable_items(variable, ContextResult.item_type, cls.name)
        contexts = tuple([ContextResult.decode(value) for value in values])
        _check_ids(contexts, DecodeError)
        user_information = UserInformation(None, None, None) if user_data is None else UserInformation.decode(user_data)
        return cls(contexts, user_information, application_context, version, echo)


def _associate(pdu: AssociateRQ | AssociateAC, fields: bytes) -> bytes:
    """Encode an A-ASSOCIATE-RQ or -AC; `fields` are bytes 11-74."""
    if not 0 <= pdu.protocol_version <= 0xFFFF or not pdu.protocol_version & 1:
        raise LocalProtocolError(f"protocol-version {pdu.protocol_version} does not have bit 0 set (PS3.8 Table 9-11)")
    said = pdu.user_information
    again = type(pdu) is AssociateAC and said.user_identity_response is None and len(pdu.presentation_contexts) <= _FEW
    make = _kept_items if again else _items
    body = _ASSOCIATE.pack(pdu.protocol_version, fields) + make(
        pdu.application_context, pdu.presentation_contexts, said
    )
    return _PDU_HEADER.pack(pdu.type, len(body)) + body


def _items(
    application_context: str,
    contexts: tuple[ProposedContext, ...] | tuple[ContextResult, ...],
    user_information: UserInformation,
) -> bytes:
    """The variable items of an A-ASSOCIATE-RQ or -AC."""
    _check_ids(contexts, LocalProtocolError)
    name = item(0x10, encode_uid(application_context, "application-context-name"))
    return b"".join([name, *[context.encode() for context in contexts], user_information.encode()])


_FEW = 16
"""Contexts of an answer up to which its items are kept encoded, which saves 20 of 27 us: those who ask again are
answered again, and more contexts take longer to compare than they are worth."""
_kept_items = lru_cache(64)(_items)


def _check_ids(
    contexts: tuple[ProposedContext, ...] | tuple[ContextResult, ...], fault: Callable[[str], Exception]
) -> None:
    """At most 128 contexts, no ID twice; whose fault it would be depends on who wrote them."""
    if len(contexts) > MAXIMUM_CONTEXTS or len({context.id for context in contexts}) != len(contexts):
        raise fault("more than 128 presentation contexts, or two of the same presentation-context-ID (PS3.8 7.1.1.13)")


def _fixed_fields(body: memoryview, what: str) -> tuple[int, bytes, memoryview]:
    """Protocol version, bytes 11-74, and the variable items of an A-ASSOCIATE-RQ or -AC."""
    if len(body) < _ASSOCIATE.size:
        raise DecodeError(f"{what} of {len(body)} bytes", clause="PS3.8 9.3.2")
    version, fields = _ASSOCIATE.unpack_from(body)
    return version, fields, body[_ASSOCIATE.size :]


def _variable_items(data: memoryview, context_type: int, what: str) -> tuple[str, list[memoryview], memoryview | None]:
    """Application context, presentation contexts, user information, in increasing order of type (9.3.1)."""
    found: dict[int, list[memoryview]] = {0x10: [], context_type: [], 0x50: []}
    last = 0
    for type_, content in items(data, what):
        if type_ not in found:
            continue
        if type_ < last:
            fault = f"{what}: item {type_:02X}H after {last:02X}H"
            raise DecodeError(fault, reason=UNEXPECTED_PARAMETER, clause="PS3.8 9.3.1")
        last = type_
        found[type_].append(content)
    for type_, called in ((0x10, "application context"), (0x50, "user information")):
        if len(found[type_]) > 1:
            fault = f"{what} with {len(found[type_])} {called} items"
            raise DecodeError(fault, reason=UNEXPECTED_PARAMETER, clause="PS3.8 9.3.2")
    if not found[0x10]:
        raise DecodeError(f"{what} without application context item", clause="PS3.8 9.3.2")
    name = decode_uid(found[0x10][0], "application-context-name")
    return name, found[context_type], found[0x50][0] if found[0x50] else None


def _fixed_body(body: memoryview, what: str) -> memoryview:
    if len(body) != _FIXED_BODY:
        raise DecodeError(f"{what} of length {len(body)}, not {_FIXED_BODY}", clause="PS3.8 9.3")
    return body


def _short(type_: int, *values: int) -> bytes:
    """A PDU of ten bytes."""
    return _PDU_HEADER.pack(type_, _FIXED_BODY) + bytes(values)


@value
class AssociateRJ:
    """A-ASSOCIATE-RJ (Table 9-21)."""

    name: ClassVar = "A-ASSOCIATE-RJ"
    type: ClassVar = 0x03

    result: int
    """Result: 1 rejected-permanent, 2 rejected-transient."""
    source: int
    """Source: 1 service-user, 2 service-provider (ACSE), 3 service-provider (Presentation)."""
    reason: int
    """Reason/Diag.: what it means depends on the source."""

    def encode(self) -> bytes:
        """The whole PDU."""
        if not self._legal():
            raise LocalProtocolError(f"{self} is none of PS3.8 Table 9-21")
        return _short(self.type, 0, self.result, self.source, self.reason)

    @classmethod
    def decode(cls, body: memoryview) -> Self:
        """From what follows the header."""
        _, *values = _fixed_body(body, cls.name)
        rejection = cls(*values)
        if not rejection._legal():
            raise DecodeError(f"{cls.name} with {rejection}", clause="PS3.8 Table 9-21")
        return rejection

    def _legal(self) -> bool:
        return self.result in codes.REJECT_RESULTS and (self.source, self.reason) in codes.REJECT_REASONS


@value
class PDataTF:
    """P-DATA-TF (Table 9-22)."""

    name: ClassVar = "P-DATA-TF"
    type: ClassVar = P_DATA_TF

    pdvs: tuple[PDV, ...]
    """Its presentation data values, at least one."""

    def encode(self) -> bytes:
        """The whole PDU. Copies the data; `p_data_header` serves where that matters."""
        return encode_pdvs(self.pdvs)

    @classmethod
    def decode(cls, body: memoryview) -> Self:
        """From what follows the header."""
        return cls(tuple(decode_pdvs(body)))


class _Release:
    """What A-RELEASE-RQ and -RP have in common: they say nothing."""

    __slots__ = ()
    name: ClassVar[str]
    type: ClassVar[int]

    def encode(self) -> bytes:
        """The whole PDU."""
        return _short(self.type, 0, 0, 0, 0)

    @classmethod
    def decode(cls, body: memoryview) -> Self:
        """From what follows the header."""
        _fixed_body(body, cls.name)
        return cls()


@value
class ReleaseRQ(_Release):
    """A-RELEASE-RQ (Table 9-24)."""

    name = "A-RELEASE-RQ"
    type = 0x05


@value
class ReleaseRP(_Release):
    """A-RELEASE-RP (Table 9-25)."""

    name = "A-RELEASE-RP"
    type = 0x06


@value
class Abort:
    """A-ABORT (Table 9-26)."""

    name: ClassVar = "A-ABORT"
    type: ClassVar = 0x07

    source: int = 0
    """Source: 0 service-user, 2 service-provider; from a peer any number."""
    reason: int = 0
    """Reason/Diag. of the service-provider; of the service-user zero, and from a peer not significant."""

    def encode(self) -> bytes:
        """The whole PDU."""
        reasons = codes.ABORT_REASONS if self.source else (0,)
        if self.source not in codes.ABORT_SOURCES or self.reason not in reasons:
            raise LocalProtocolError(f"{self} is none of PS3.8 Table 9-26")
        return _short(self.type, 0, 0, self.source, self.reason)

    @classmethod
    def decode(cls, body: memoryview) -> Self:
        """From what follows the header. Whatever it says, the association is over: no value is refused."""
        _, _, source, reason = _fixed_body(body, cls.name)
        return cls(source, reason)


Pdu = AssociateRQ | AssociateAC | AssociateRJ | PDataTF | ReleaseRQ | ReleaseRP | Abort
"""Any of the seven."""

_DECODERS: dict[int, Callable[[memoryview], Pdu]] = {pdu.type: pdu.decode for pdu in get_args(Pdu)}


def decode(data: bytes | memoryview) -> Pdu:
    """One whole PDU, header and body.

    Raises:
        DecodeError: it is not one; the error has the reason an A-ABORT would give.
    """
    view = memoryview(data)
    if len(view) < _PDU_HEADER.size:
        raise DecodeError(f"a PDU of {len(view)} bytes", clause="PS3.8 9.3.1")
    type_, length = _PDU_HEADER.unpack_from(view)
    body = view[_PDU_HEADER.size :]
    if type_ in _DECODERS and length != len(body):
        raise DecodeError(f"PDU-length {length} before {len(body)} bytes", clause="PS3.8 9.3.1")
    return decode_body(type_, body)


def decode_body(type: int, body: memoryview) -> Pdu:  # noqa: A002  # PDU-type, as the standard calls it
    """A PDU whose header was read and judged.

    Raises:
        DecodeError: it is not of its type; the error has the reason an A-ABORT would give.
    """
    decoder = _DECODERS.get(type)
    if decoder is None:
        raise DecodeError(f"PDU type {type:02X}H", reason=UNRECOGNIZED_PDU, clause="PS3.8 9.3.1")
    if type == AssociateRQ.type and len(body) <= _COMES_AGAIN:
        return _request(bytes(body))
    return decoder(body)


_COMES_AGAIN = 4096
"""A peer asks for the same association again and again; the requests up to this many bytes are kept, the last
`_KEPT` of them, which saves 17 of 19 us."""
_KEPT = 64
_requests: dict[bytes, AssociateRQ] = {}


def _request(body: bytes) -> AssociateRQ:
    """An A-ASSOCIATE-RQ, kept unless it tells who its user is: passwords are not kept."""
    known = _requests.get(body)
    if known is None:
        known = AssociateRQ.decode(memoryview(body))
        if known.user_information.user_identity is None:
            if len(_requests) >= _KEPT:
                _requests.clear()
            _requests[body] = known
    return known
