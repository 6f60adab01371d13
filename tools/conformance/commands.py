"""Command sets and messages for cases, right and wrong (PS3.7 6.3.1, 9.3, Annex E), beside the strict `dimse` codec.

A command set is a list of elements of group 0000 in Implicit VR Little Endian; the group length in front is computed,
unless a case says another one or none. Values are int (US), str (text or UID) or the very bytes.
"""

from collections.abc import Iterable, Mapping
from struct import pack

from .frames import CT_IMAGE_STORAGE, VERIFICATION, p_data, pdv

AFFECTED_SOP_CLASS, COMMAND_FIELD, MESSAGE_ID, RESPONDED_TO = 0x0002, 0x0100, 0x0110, 0x0120
PRIORITY, DATA_SET_TYPE, STATUS, AFFECTED_SOP_INSTANCE = 0x0700, 0x0800, 0x0900, 0x1000
NO_DATA_SET, DATA_SET = 0x0101, 0x0001
C_STORE, C_FIND, C_GET, C_MOVE, C_ECHO, C_CANCEL = 0x0001, 0x0020, 0x0010, 0x0021, 0x0030, 0x0FFF
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"
RESPONSE = 0x8000
"""The bit that makes a command field a response's (PS3.7 E.1)."""

Value = int | str | bytes
Elements = Mapping[int, Value]


def element(number: int, value: Value = b"", *, group: int = 0, length: int | None = None) -> bytes:
    """One element of a command set."""
    raw = octets(value)
    return pack("<HHL", group, number, len(raw) if length is None else length) + raw


def octets(value: Value) -> bytes:
    """A value as bytes: two for a number, an even number of characters for a text."""
    if isinstance(value, int):
        return pack("<H", value)
    if isinstance(value, str):
        raw = value.encode("latin-1")
        return raw + b"\0" * (len(raw) % 2)
    return value


def command(elements: Elements | Iterable[bytes], *, group_length: int | None = None, headless: bool = False) -> bytes:
    """A command set of elements, in the order given; `headless` leaves (0000,0000) away."""
    parts = [element(*pair) for pair in elements.items()] if isinstance(elements, Mapping) else list(elements)
    body = b"".join(parts)
    length = len(body) if group_length is None else group_length
    return body if headless else element(0, pack("<L", length)) + body


def echo_rq(message_id: int = 1) -> bytes:
    """C-ECHO-RQ (PS3.7 Table 9.3-12)."""
    return command(echo_elements(message_id))


def echo_elements(message_id: int = 1, sop_class: str = VERIFICATION) -> dict[int, Value]:
    """Those of a C-ECHO-RQ, to be changed."""
    return {
        AFFECTED_SOP_CLASS: sop_class,
        COMMAND_FIELD: C_ECHO,
        MESSAGE_ID: message_id,
        DATA_SET_TYPE: NO_DATA_SET,
    }


def store_elements(message_id: int, instance: str, sop_class: str = CT_IMAGE_STORAGE) -> dict[int, Value]:
    """Those of a C-STORE-RQ (PS3.7 Table 9.3-1)."""
    return {
        AFFECTED_SOP_CLASS: sop_class,
        COMMAND_FIELD: C_STORE,
        MESSAGE_ID: message_id,
        PRIORITY: 0,
        DATA_SET_TYPE: DATA_SET,
        AFFECTED_SOP_INSTANCE: instance,
    }


def response_elements(request: Elements, status: int = 0) -> dict[int, Value]:
    """Those of a final response without data set to a request that came (see `reading.Message.elements`)."""
    field = request.get(COMMAND_FIELD, C_ECHO)
    found = {
        AFFECTED_SOP_CLASS: request.get(AFFECTED_SOP_CLASS, VERIFICATION),
        COMMAND_FIELD: (field if isinstance(field, int) else C_ECHO) | RESPONSE,
        RESPONDED_TO: request.get(MESSAGE_ID, 1),
        DATA_SET_TYPE: NO_DATA_SET,
        STATUS: status,
    }
    if AFFECTED_SOP_INSTANCE in request:
        found[AFFECTED_SOP_INSTANCE] = request[AFFECTED_SOP_INSTANCE]
    return found


def echo(context_id: int = 1, message_id: int = 1) -> bytes:
    """A whole C-ECHO-RQ in one P-DATA-TF."""
    return p_data(pdv(context_id, echo_rq(message_id)))


def response(context_id: int, request: Elements, status: int = 0) -> bytes:
    """A whole response in one P-DATA-TF."""
    return p_data(pdv(context_id, command(response_elements(request, status))))


def find_everything(context_id: int, message_id: int = 1) -> list[bytes]:
    """A C-FIND-RQ for every study (PS3.4 C.4.1), command and identifier in a P-DATA-TF each, Implicit VR."""
    elements: dict[int, Value] = {
        AFFECTED_SOP_CLASS: STUDY_ROOT_FIND,
        COMMAND_FIELD: C_FIND,
        MESSAGE_ID: message_id,
        PRIORITY: 0,
        DATA_SET_TYPE: DATA_SET,
    }
    identifier = element(0x0052, "STUDY ", group=0x0008) + element(0x000D, "", group=0x0020)
    return [
        p_data(pdv(context_id, command(elements))),
        p_data(pdv(context_id, identifier, command=False)),
    ]
