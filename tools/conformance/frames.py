"""Builders of PDUs, items and PDVs that refuse nothing (PS3.8 9.3): how a case says what is wrong on the wire.

Beside the strict codec of `dul`, which cannot be made to break the standard. Every function returns bytes. What is not
said is right; each field can be said otherwise: `length` instead of the true length, `reserved` instead of zeros,
`raw` instead of a whole value. `patched` changes bytes anywhere. UIDs, names and titles are taken as `str` or as the
very bytes that shall stand in the field.
"""

from collections.abc import Iterable, Sequence
from struct import pack

from ...dul.items import IMPLEMENTATION_CLASS_UID
from ...dul.pdu import APPLICATION_CONTEXT

VERIFICATION = "1.2.840.10008.1.1"
CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
VERSION_NAME = "DULCET_JUDGE"
"""The implementation version name the tester goes by, so that a peer's log tells where its trouble came from."""
MAXIMUM_LENGTH = 16384
"""What the tester announces (D.1), unless a case says otherwise."""

COMMAND, LAST = 1, 2
"""Bits of the message control header (E.2)."""

Text = str | bytes


def pdu(type_: int, body: bytes = b"", *, reserved: int = 0, length: int | None = None) -> bytes:
    """A PDU of any type (9.3.1); `length` lies about its body."""
    return pack(">BBL", type_, reserved, len(body) if length is None else length) + body


def item(type_: int, value: bytes = b"", *, reserved: int = 0, length: int | None = None) -> bytes:
    """An item or sub-item (9.3.1)."""
    return pack(">BBH", type_, reserved, len(value) if length is None else length) + value


def patched(data: bytes, offset: int, value: bytes) -> bytes:
    """The same bytes with some replaced from an offset on."""
    return data[:offset] + value + data[offset + len(value) :]


# ---- A-ASSOCIATE ----


def title(text: Text) -> bytes:
    """An AE title field: 16 characters; bytes are only padded or cut."""
    return (text.encode("latin-1") if isinstance(text, str) else text).ljust(16)[:16]


def application_context(name: Text = APPLICATION_CONTEXT) -> bytes:
    """Application context item (Table 9-12)."""
    return item(0x10, _octets(name))


def proposed(
    context_id: int,
    abstract_syntax: Text | None = VERIFICATION,
    transfer_syntaxes: Sequence[Text] = (IMPLICIT,),
    *,
    reserved: int = 0,
    more: bytes = b"",
    length: int | None = None,
) -> bytes:
    """Presentation context item of an A-ASSOCIATE-RQ (Table 9-13); `more` stands behind its sub-items."""
    subs = b"" if abstract_syntax is None else item(0x30, _octets(abstract_syntax), reserved=reserved)
    subs += b"".join(item(0x40, _octets(uid), reserved=reserved) for uid in transfer_syntaxes)
    return item(0x20, bytes([context_id, *[reserved] * 3]) + subs + more, reserved=reserved, length=length)


def answered(
    context_id: int,
    result: int = 0,
    transfer_syntaxes: Sequence[Text] = (IMPLICIT,),
    *,
    reserved: int = 0,
    more: bytes = b"",
    length: int | None = None,
) -> bytes:
    """Presentation context item of an A-ASSOCIATE-AC (Table 9-18)."""
    subs = b"".join(item(0x40, _octets(uid), reserved=reserved) for uid in transfer_syntaxes)
    value = bytes([context_id, reserved, result, reserved]) + subs + more
    return item(0x21, value, reserved=reserved, length=length)


def maximum_length(number: int = MAXIMUM_LENGTH, *, raw: bytes | None = None, reserved: int = 0) -> bytes:
    """Maximum length sub-item (D.1)."""
    return item(0x51, pack(">L", number) if raw is None else raw, reserved=reserved)


def implementation_class(uid: Text = IMPLEMENTATION_CLASS_UID, *, reserved: int = 0) -> bytes:
    """Implementation class UID sub-item (PS3.7 D.3.3.2.1)."""
    return item(0x52, _octets(uid), reserved=reserved)


def version_name(name: Text = VERSION_NAME, *, reserved: int = 0) -> bytes:
    """Implementation version name sub-item (PS3.7 D.3.3.2.3)."""
    return item(0x55, _octets(name), reserved=reserved)


def user_information(*sub_items: bytes, reserved: int = 0, length: int | None = None) -> bytes:
    """User information item (Table 9-16); without arguments the three sub-items that everybody sends."""
    subs = sub_items or (
        maximum_length(reserved=reserved),
        implementation_class(reserved=reserved),
        version_name(reserved=reserved),
    )
    return item(0x50, b"".join(subs), reserved=reserved, length=length)


def user_information_with(*more: bytes) -> bytes:
    """The user information that everybody sends, with more sub-items, in ascending order of their types."""
    subs = (maximum_length(), implementation_class(), version_name(), *more)
    return user_information(*sorted(subs, key=lambda sub: sub[0]))


def operations_window(invoked: int, performed: int, *, raw: bytes | None = None) -> bytes:
    """Asynchronous operations window sub-item (PS3.7 D.3.3.3)."""
    return item(0x53, pack(">HH", invoked, performed) if raw is None else raw)


def role_selection(uid: Text, scu: int, scp: int, *, uid_length: int | None = None) -> bytes:
    """SCP/SCU role selection sub-item (PS3.7 D.3.3.4)."""
    return item(0x54, counted(uid, length=uid_length) + bytes([scu, scp]))


def extended_negotiation(uid: Text, information: bytes) -> bytes:
    """SOP class extended negotiation sub-item (PS3.7 D.3.3.5)."""
    return item(0x56, counted(uid) + information)


def common_extended_negotiation(
    uid: Text, service_class: Text, related: Iterable[Text] = (), *, version: int = 0, more: bytes = b""
) -> bytes:
    """SOP class common extended negotiation sub-item (PS3.7 D.3.3.6); byte 2 is its version."""
    generals = b"".join(map(counted, related))
    return item(0x57, counted(uid) + counted(service_class) + counted(generals) + more, reserved=version)


def user_identity(
    type_: int, primary: Text, secondary: Text = b"", *, response: int = 0, primary_length: int | None = None
) -> bytes:
    """User identity sub-item of an A-ASSOCIATE-RQ (PS3.7 D.3.3.7); `response` is Positive-response-requested."""
    return item(0x58, bytes([type_, response]) + counted(primary, length=primary_length) + counted(secondary))


def identity_response(response: Text = b"") -> bytes:
    """User identity sub-item of an A-ASSOCIATE-AC (PS3.7 D.3.3.7)."""
    return item(0x59, counted(response))


def counted(text: Text, *, length: int | None = None) -> bytes:
    """A field behind two bytes of length."""
    octets = _octets(text)
    return pack(">H", len(octets) if length is None else length) + octets


def associate(
    type_: int,
    items: Iterable[bytes],
    *,
    called: Text,
    calling: Text,
    version: int = 1,
    reserved: int = 0,
    inner_reserved: int = 0,
    fixed: bytes | None = None,
    length: int | None = None,
) -> bytes:
    """A-ASSOCIATE-RQ or -AC (Tables 9-11, 9-17) of any items; `fixed` stands for bytes 11-74 as a whole."""
    spare = bytes([inner_reserved])
    fields = title(called) + title(calling) + spare * 32 if fixed is None else fixed
    return pdu(type_, pack(">H", version) + spare * 2 + fields + b"".join(items), reserved=reserved, length=length)


def associate_rq(
    contexts: Iterable[bytes] = (),
    *,
    called: Text = "ANY-SCP",
    calling: Text = "DULCET",
    application: bytes | None = None,
    user: bytes | None = None,
    version: int = 1,
    reserved: int = 0,
    inner_reserved: int = 0,
    length: int | None = None,
    items: Iterable[bytes] | None = None,
) -> bytes:
    """A-ASSOCIATE-RQ (Table 9-11): Verification on context 1 when nothing else is said.

    `application` and `user` are whole items, b"" for none; `items` replaces all of them.
    """
    parts = items if items is not None else _items(application, list(contexts) or [proposed(1)], user)
    return associate(
        0x01,
        parts,
        called=called,
        calling=calling,
        version=version,
        reserved=reserved,
        inner_reserved=inner_reserved,
        length=length,
    )


def associate_ac(
    contexts: Iterable[bytes] = (),
    *,
    called: Text = "ANY-SCP",
    calling: Text = "DULCET",
    fixed: bytes | None = None,
    application: bytes | None = None,
    user: bytes | None = None,
    version: int = 1,
    reserved: int = 0,
    inner_reserved: int = 0,
    length: int | None = None,
    items: Iterable[bytes] | None = None,
) -> bytes:
    """A-ASSOCIATE-AC (Table 9-17): context 1 accepted when nothing else is said; `fixed` is bytes 11-74 of the RQ."""
    parts = items if items is not None else _items(application, list(contexts) or [answered(1)], user)
    return associate(
        0x02,
        parts,
        called=called,
        calling=calling,
        version=version,
        reserved=reserved,
        inner_reserved=inner_reserved,
        fixed=fixed,
        length=length,
    )


def _items(application: bytes | None, contexts: list[bytes], user: bytes | None) -> list[bytes]:
    first = application_context() if application is None else application
    return [first, *contexts, user_information() if user is None else user]


# ---- the PDUs of ten bytes ----


def associate_rj(result: int = 1, source: int = 1, reason: int = 1, *, inner_reserved: int = 0, **header: int) -> bytes:
    """A-ASSOCIATE-RJ (Table 9-21); `header` is `reserved` and `length` of the PDU."""
    return pdu(0x03, bytes([inner_reserved, result, source, reason]), **header)


def release_rq(body: bytes = bytes(4), **header: int) -> bytes:
    """A-RELEASE-RQ (Table 9-24)."""
    return pdu(0x05, body, **header)


def release_rp(body: bytes = bytes(4), **header: int) -> bytes:
    """A-RELEASE-RP (Table 9-25)."""
    return pdu(0x06, body, **header)


def abort(
    source: int = 0, reason: int = 0, *, inner_reserved: int = 0, body: bytes | None = None, **header: int
) -> bytes:
    """A-ABORT (Table 9-26)."""
    return pdu(0x07, bytes([inner_reserved, inner_reserved, source, reason]) if body is None else body, **header)


# ---- P-DATA-TF ----


def pdv(
    context_id: int,
    data: bytes = b"",
    *,
    command: bool = True,
    last: bool = True,
    control: int | None = None,
    length: int | None = None,
) -> bytes:
    """A PDV item (Table 9-23); `control` is the whole message control header (E.2)."""
    bits = (COMMAND if command else 0) | (LAST if last else 0) if control is None else control
    return pack(">LBB", len(data) + 2 if length is None else length, context_id, bits) + data


def p_data(*pdvs: bytes, **header: int) -> bytes:
    """P-DATA-TF (Table 9-22)."""
    return pdu(0x04, b"".join(pdvs), **header)


def fragmented(context_id: int, data: bytes, size: int, *, command: bool = True) -> list[bytes]:
    """The PDVs of a command or data set in fragments of a size."""
    starts = range(0, max(len(data), 1), size)
    return [
        pdv(context_id, data[start : start + size], command=command, last=start + size >= len(data)) for start in starts
    ]


def _octets(text: Text) -> bytes:
    return text.encode("latin-1") if isinstance(text, str) else text
