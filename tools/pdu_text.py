"""The records of `pdu_record` as text: a headline a PDU, and under it a line a field with the standard's name.

What comes from a peer is printed without control characters, so that no stream can talk to the terminal.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from .pdu_messages import Json
from .pdu_record import SECRET

INDENT = 4
"""Columns a level."""
NAMES = 42
"""Columns of the names of fields with the indentation that grows with them."""
ELEMENTS = 56
"""The same for command elements, whose names are longer."""
BYTES_A_LINE = 16
"""Of a hexdump."""

_CODED = {"result": "Result", "source": "Source", "reason": "Reason/Diag."}


def lines(number: int, record: Json) -> Iterator[str]:
    """A record in lines: what is wrong, then what is in it."""
    name = record["name"] or f"PDU-type {record['type']:02X}H"
    length = "" if record["length"] is None else f"  PDU-length {record['length']}"
    yield f"#{number}  offset {record['offset']}  {name}{length}"
    for problem in record["problems"]:
        yield f"{'':{INDENT}}! {_printable(problem)}"
    yield from _fields(record)


def hexdump(offset: int, data: bytes) -> Iterator[str]:
    """All the bytes, sixteen a line, with offsets and as ISO 646, as `hexdump -C` prints them."""
    for start in range(0, len(data), BYTES_A_LINE):
        row = data[start : start + BYTES_A_LINE]
        left, right = row[:8].hex(" "), row[8:].hex(" ")
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        yield f"{'':{INDENT}}{offset + start:08x}  {left:<23}  {right:<23}  |{text}|"


def _fields(record: Json) -> Iterator[str]:
    """What the record of a PDU has behind its headline."""
    for key, label in (
        ("protocol_version", "Protocol-version"),
        ("called_ae_title", "Called-AE-title"),
        ("calling_ae_title", "Calling-AE-title"),
    ):
        if key in record:
            yield _line(1, label, record[key])
    if "application_context" in record:
        yield _line(1, "Application Context", _uid(record["application_context"]))
    for context in record.get("presentation_contexts", ()):
        yield from _context(context)
    if "user_information" in record:
        yield _line(1, "User Information", "")
        yield from _user_information(record["user_information"])
    for item in record.get("unknown_items", ()):
        where = f"unknown, {item['length']} bytes at offset {item['offset']}"
        yield _line(1, item["item"], where)
    for key, label in _CODED.items():
        if key in record:
            yield _line(1, label, _coded(record[key]))
    for pdv in record.get("pdvs", ()):
        yield from _pdv(pdv)
    for field in record.get("fields", ()):
        place = f"at {field['offset']}, {field['length']} bytes"
        yield f"{'':{INDENT}}{place:<28}{field['field']}: {field['hex'] or 'not shown'}"


def _context(context: Json) -> Iterator[str]:
    result = context.get("result")
    yield _line(1, f"Presentation Context {context['id']}", _coded(result) if result else "")
    if context["abstract_syntax"]:
        yield _line(2, "Abstract Syntax", _uid(context["abstract_syntax"]))
    if context.get("transfer_syntax"):
        yield _line(2, "Transfer Syntax", _uid(context["transfer_syntax"]))
    for syntax in context.get("transfer_syntaxes", ()):
        yield _line(2, "Transfer Syntax", _uid(syntax))


def _user_information(user: Json) -> Iterator[str]:
    """The sub-items in ascending order of their types."""
    length = user["maximum_length"]
    yield from _present(2, "Maximum Length", "0 (unlimited)" if length == 0 else length)
    class_uid = user["implementation_class_uid"]
    yield from _present(2, "Implementation Class UID", class_uid and _uid(class_uid))
    if window := user["asynchronous_operations_window"]:
        said = f"invoked {_window(window['invoked'])}, performed {_window(window['performed'])}"
        yield _line(2, "Asynchronous Operations Window", said)
    for role in user["role_selections"]:
        yield _line(2, "SCP/SCU Role Selection", _uid(role["sop_class"]))
        yield _line(3, "SCU-role, SCP-role", f"{role['scu']:d}, {role['scp']:d}")
    yield from _present(2, "Implementation Version Name", user["implementation_version_name"])
    for each in user["extended_negotiations"]:
        yield _line(2, "SOP Class Extended Negotiation", _uid(each["sop_class"]))
        yield _line(3, "Application information", each["information"])
    for each in user["common_extended_negotiations"]:
        yield _line(2, "SOP Class Common Extended Negotiation", _uid(each["sop_class"]))
        yield _line(3, "Service-class-uid", _uid(each["service_class"]))
        yield from (_line(3, "Related-general-sop-class", _uid(related)) for related in each["related"])
    if identity := user["user_identity"]:
        yield from _identity(identity)
    if response := user["user_identity_response"]:
        yield _line(2, "User Identity, Server-response", _secret(response))


def _identity(identity: Json) -> Iterator[str]:
    yield _line(2, "User Identity", _coded(identity["type"]))
    yield _line(3, "Positive-response-requested", f"{identity['positive_response_requested']:d}")
    yield _line(3, "Primary-field", _secret(identity["primary"]))
    yield _line(3, "Secondary-field", _secret(identity["secondary"]))


def _pdv(pdv: Json) -> Iterator[str]:
    syntaxes = [pdv[key]["name"] or pdv[key]["uid"] for key in ("abstract_syntax", "transfer_syntax") if pdv[key]]
    known = f" ({', '.join(syntaxes)})" if syntaxes else ""
    last = ", last" if pdv["last"] else ""
    yield f"{'':{INDENT}}PDV: context {pdv['context_id']}{known}, {pdv['kind']}{last}, {pdv['length']} bytes"
    if whole := pdv.get("data_set"):
        many = f"{whole['fragments']} fragment{'s' if whole['fragments'] > 1 else ''}"
        yield f"{'':{2 * INDENT}}ends the data set of a {whole['of']}: {whole['length']} bytes in {many}"
    if message := pdv.get("message"):
        yield f"{'':{2 * INDENT}}{message['name']}"
        for element in message["elements"]:
            yield _line(3, f"{element['tag']} {element['keyword']}", _element(element), ELEMENTS)


def _element(element: Json) -> str:
    value, means = element["value"], element["means"]
    if isinstance(value, list):
        value = " ".join(value)
    elif element["keyword"] in ("CommandField", "CommandDataSetType", "Status") and isinstance(value, int):
        value = f"{value:04X}H"
    text = "" if value is None else str(value)
    return f"{text} ({means})" if means else text


def _present(level: int, label: str, value: Any) -> Iterable[str]:
    return () if value is None else (_line(level, label, value),)


def _line(level: int, label: str, value: Any, width: int = NAMES) -> str:
    return f"{'':{level * INDENT}}{label:<{width - (level - 1) * INDENT}} {_printable(str(value))}".rstrip()


def _uid(syntax: Json) -> str:
    return f"{syntax['uid']} ({syntax['name']})" if syntax["name"] else str(syntax["uid"] or "none")


def _coded(code: Json) -> str:
    return f"{code['code']} ({code['means']})"


def _window(number: int) -> str:
    return "unlimited" if number == 0 else str(number)


def _secret(secret: Json) -> Any:
    if secret["text"] is None:
        return f"{secret['length']} bytes, {SECRET}"
    return secret["text"] or "empty"


def _printable(text: str) -> str:
    return "".join([each if each.isprintable() else each.encode("unicode_escape").decode() for each in text])
