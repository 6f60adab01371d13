"""A PDU as a record: plain values with stable names, for JSON as they are and for people through `pdu_text`.

Numbers that mean something come with the words of the standard (PS3.8 9.3, PS3.7 Annex D.3.3), UIDs with their
names. Data sets are told by their length only, passcodes, tickets and tokens too unless they are asked for.
"""

from collections.abc import Iterator, Mapping
from itertools import islice

from ..acse.user_identity import JSON_WEB_TOKEN, KERBEROS, SAML, USERNAME, USERNAME_AND_PASSCODE
from ..dul import layout
from ..dul.errors import DecodeError
from ..dul.items import UserIdentity, UserInformation
from ..dul.pdu import Abort, AssociateAC, AssociateRJ, AssociateRQ, PDataTF, Pdu, decode_body
from ..spec import codes
from .pdu_messages import Conversation, Json, uid
from .pdu_source import UNKNOWN_LIMIT, Piece, longest

MOST_FIELDS = 256
"""Fields of a malformed PDU that are shown: every field there is of any that is not noise."""
LONGEST_FIELD = 16
"""Bytes of a field of a malformed PDU that are shown."""
SECRET = "not shown, --show-secrets does"  # noqa: S105  # what stands in the place of one

_IDENTITY_TYPES = {
    USERNAME: "user name",
    USERNAME_AND_PASSCODE: "user name and passcode",
    KERBEROS: "Kerberos service ticket",
    SAML: "SAML assertion",
    JSON_WEB_TOKEN: "JSON Web Token",
}
_PRIVATE = ("User Identity (A-ASSOCIATE-RQ)/value", "User Identity (A-ASSOCIATE-AC)/value", "PDV/fragment", "surplus")
"""Fields of a malformed PDU that may hold a secret or a patient's data."""
_HINTS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xd4\xc3\xb2\xa1", "a capture file"),
    (0, b"\xa1\xb2\xc3\xd4", "a capture file"),
    (0, b"\x4d\x3c\xb2\xa1", "a capture file"),
    (0, b"\x0a\x0d\x0d\x0a", "a capture file"),
    (0, b"\x16\x03", "a TLS handshake"),
    (0, b"GET ", "HTTP"),
    (0, b"POST", "HTTP"),
    (0, b"HTTP/", "HTTP"),
    (126, b"\0\0DICM", "a DICOM file (PS3.10)"),
)
"""Offset, bytes, and what a stream that has them there is instead."""


class Recorder:
    """Makes the records of one stream.

    Args:
        show_secrets: whether passcodes, tickets, assertions and tokens are shown.
    """

    def __init__(self, *, show_secrets: bool = False) -> None:
        self.conversation = Conversation()
        self._show_secrets = show_secrets

    def record(self, piece: Piece) -> Json:
        """The record of a PDU, or of what was found where one should be."""
        problems: list[str] = []
        record: Json = {
            "offset": piece.offset,
            "length": piece.length,
            "type": piece.type,
            "name": codes.PDU_TYPES.get(piece.type),
            "verdict": "ok",
            "problems": problems,
        }
        if piece.end:
            record["verdict"] = piece.end
            problems.append((_truncated if piece.end == "truncated" else _lost)(piece))
        elif record["name"] is None:
            record["verdict"] = "unknown"
            problems.append(_unknown(piece))
        else:
            self._decode(piece, record, problems)
        if problems and (hint := _hint(piece)):
            problems.append(hint)
        return record

    def _decode(self, piece: Piece, record: Json, problems: list[str]) -> None:
        try:
            pdu = decode_body(piece.type, memoryview(piece.body))
        except DecodeError as error:
            problems.append(f"malformed: {error}")
            record["fields"] = _fields(piece)
        else:
            record |= self._content(pdu, problems)
            if isinstance(pdu, AssociateRQ | AssociateAC):
                record["unknown_items"] = list(_unknown_items(piece))
        if problems:
            record["verdict"] = "malformed"

    def _content(self, pdu: Pdu, problems: list[str]) -> Json:
        """What is in a PDU, by its type."""
        match pdu:
            case AssociateRQ():
                self.conversation.propose(pdu)
                return self._request(pdu)
            case AssociateAC():
                self.conversation.answer(pdu)
                return self._acceptance(pdu)
            case AssociateRJ():
                return _rejection(pdu)
            case PDataTF():
                return {"pdvs": [self.conversation.take(pdv, problems) for pdv in pdu.pdvs]}
            case Abort():
                self.conversation.forget()
                return _abort(pdu)
            case _:
                return {}  # A-RELEASE-RQ and -RP have no fields

    def _request(self, rq: AssociateRQ) -> Json:
        return {
            "protocol_version": rq.protocol_version,
            "called_ae_title": rq.called_ae_title,
            "calling_ae_title": rq.calling_ae_title,
            "application_context": uid(rq.application_context),
            "presentation_contexts": [
                {
                    "id": context.id,
                    "abstract_syntax": uid(context.abstract_syntax),
                    "transfer_syntaxes": [uid(syntax) for syntax in context.transfer_syntaxes],
                }
                for context in rq.presentation_contexts
            ],
            "user_information": self._user_information(rq.user_information),
        }

    def _acceptance(self, ac: AssociateAC) -> Json:
        return {
            "protocol_version": ac.protocol_version,
            "application_context": uid(ac.application_context),
            "presentation_contexts": [
                {
                    "id": context.id,
                    "result": {"code": context.result, "means": codes.context_result(context.result)},
                    **self.conversation.syntaxes(context.id),
                }
                for context in ac.presentation_contexts
            ],
            "user_information": self._user_information(ac.user_information),
        }

    def _user_information(self, user: UserInformation) -> Json:
        window, answer = user.asynchronous_operations_window, user.user_identity_response
        class_uid = user.implementation_class_uid
        return {
            "maximum_length": user.maximum_length,
            "implementation_class_uid": class_uid and uid(class_uid),
            "implementation_version_name": user.implementation_version_name,
            "asynchronous_operations_window": window and {"invoked": window.invoked, "performed": window.performed},
            "role_selections": [
                {"sop_class": uid(role.sop_class_uid), "scu": role.scu, "scp": role.scp}
                for role in user.role_selections
            ],
            "extended_negotiations": [
                {"sop_class": uid(each.sop_class_uid), "information": each.information.hex()}
                for each in user.extended_negotiations
            ],
            "common_extended_negotiations": [
                {
                    "sop_class": uid(each.sop_class_uid),
                    "service_class": uid(each.service_class_uid),
                    "related": [uid(related) for related in each.related],
                }
                for each in user.common_extended_negotiations
            ],
            "user_identity": user.user_identity and self._identity(user.user_identity),
            "user_identity_response": answer and self._secret(answer.response),
        }

    def _identity(self, identity: UserIdentity) -> Json:
        """Who the user claims to be is shown, what proves it is not."""
        named = identity.type in (USERNAME, USERNAME_AND_PASSCODE)
        return {
            "type": {"code": identity.type, "means": _IDENTITY_TYPES.get(identity.type, "reserved")},
            "positive_response_requested": identity.response_requested,
            "primary": self._secret(identity.primary, named),
            "secondary": self._secret(identity.secondary),
        }

    def _secret(self, value: bytes, public: bool = False) -> Json:
        text = value.decode("utf-8", "backslashreplace") if value else ""
        shown = public or self._show_secrets or not value
        return {"length": len(value), "text": text if shown else None}


def _rejection(rj: AssociateRJ) -> Json:
    return {
        "result": _coded(rj.result, codes.REJECT_RESULTS),
        "source": _coded(rj.source, codes.REJECT_SOURCES),
        "reason": {"code": rj.reason, "means": codes.reject_reason(rj.source, rj.reason)},
    }


def _abort(abort: Abort) -> Json:
    reason = codes.abort_reason(abort.source, abort.reason) if abort.source else "not significant"
    return {
        "source": _coded(abort.source, codes.ABORT_SOURCES),
        "reason": {"code": abort.reason, "means": reason},
    }


def _coded(code: int, words: Mapping[int, str]) -> Json:
    return {"code": code, "means": words.get(code, f"reserved ({code})")}


def _unknown_items(piece: Piece) -> Iterator[Json]:
    """Items and sub-items of types the standard does not have: receivers pass over them (PS3.8 9.3.1, D.2)."""
    for name, start, stop in layout.fields(piece.header + piece.body):
        parent, _, last = name.rpartition("/")
        if last == "value" and parent.rpartition("/")[2].startswith("item "):
            yield {"item": parent, "offset": piece.offset + start, "length": stop - start}


def _fields(piece: Piece) -> list[Json]:
    """Where the fields of a malformed PDU lie, as far as its lengths lead."""
    data = piece.header + piece.body
    shown = []
    for name, start, stop in islice(layout.fields(data), MOST_FIELDS):
        short = stop - start <= LONGEST_FIELD and not name.endswith(_PRIVATE)
        field = {"field": name, "offset": piece.offset + start, "length": stop - start}
        shown.append(field | {"hex": data[start:stop].hex() if short else None})
    return shown


def _truncated(piece: Piece) -> str:
    have = len(piece.header) + len(piece.body)
    if piece.length is None:
        return f"the stream ends after {have} of the 6 bytes of a PDU header, {_hex(piece)} (PS3.8 9.3.1)"
    name = codes.PDU_TYPES.get(piece.type, f"PDU of unknown type {piece.type:02X}H")
    whole = layout.HEADER + piece.length
    return f"the stream ends after {have} of the {whole} bytes of {_an(name)} that begins with {_hex(piece)}"


def _lost(piece: Piece) -> str:
    """Why nothing is read from here on: which length was expected, and what stands there."""
    code = codes.load().pdu_types.get(piece.type)
    if code is None:
        expected = (
            f"01H to 07H are the types (PS3.8 9.3.1), and others may have {UNKNOWN_LIMIT} at most (a limit of ours)"
        )
    elif piece.type in (AssociateRQ.type, AssociateAC.type, PDataTF.type):
        expected = f"{_an(code.name)} may have {longest(piece.type)} at most (a limit of ours)"
    else:
        expected = f"{_an(code.name)} has 4 ({code.clause})"
    return f"no PDU begins here, with {_hex(piece)}: PDU-length would be {piece.length}, but {expected}; stopped"


def _unknown(piece: Piece) -> str:
    expected = "01H to 07H expected (PS3.8 9.3.1)"
    return f"PDU-type {piece.type:02X}H, but {expected}; it begins with {_hex(piece)}, {piece.length} bytes skipped"


def _hint(piece: Piece) -> str | None:
    """What the stream seems to be, if it is no stream of PDUs."""
    if piece.offset == 0 and all(byte in b"0123456789abcdefABCDEF \r\n" for byte in piece.header):
        return "the stream looks like hexadecimal text: --from-hex reads that"
    for offset, begins, what in _HINTS:
        if piece.offset == offset and piece.header.startswith(begins):
            return f"the stream looks like {what}, not like PDUs"
    return None


def _hex(piece: Piece) -> str:
    """The header as it came; what is behind it may be a patient's."""
    return piece.header.hex(" ")


def _an(name: str) -> str:
    return f"{'an' if name.startswith('A-') else 'a'} {name}"
