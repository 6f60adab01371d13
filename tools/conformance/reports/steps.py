"""An exchange as the steps of a sequence diagram: what every report that draws a conversation reads.

One `Step` for each PDU in either direction, for bytes that are none, and for each thing that happened to a connection.
PDUs are decoded by the records of `dulcet dump`, which shows no secrets; what is malformed is shown as far as its
lengths lead.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ....spec.values import value
from ...pdu_record import Recorder
from ...pdu_source import Piece
from ...pdu_text import lines
from ..reading import Cutter, Seen
from ..results import Event, Exchange

HEADER = 6
"""Bytes of PDU-type, a reserved one and PDU-length (PS3.8 9.3.1)."""
ENDS = {
    "fin": "FIN",
    "rst": "RST",
    "send-failed": "connection gone (a send failed)",
    "our-fin": "FIN",
    "our-rst": "RST",
    "our-close": "close",
    "refused": "connection refused",
    "silence": "silence",
    "connect": "TCP connection",
    "accept": "TCP connection",
}
"""Events that are no bytes, in words."""
_NEGOTIATION = (0x01, 0x02)


@value
class Step:
    """One line of a sequence diagram."""

    at: float
    """Seconds since the exchange began."""
    direction: str
    """ ">" from the tester to the peer, "<" from the peer, "-" neither."""
    label: str
    """"04 P-DATA-TF 1:cmd*": a fragment a word, its presentation context, its kind, a star on the last."""
    kind: str
    """"pdu", "bytes", "end", "silence", "open", "note"."""
    connection: int = 0
    length: int | None = None
    """PDU-length, or how many bytes they were."""
    states: tuple[str, ...] = ()
    """Where the oracle thinks the peer may be afterwards."""
    remark: str = ""
    """The messages that a PDU completes, or what else is to be told of it."""
    fault: str = ""
    """What the strict codec says against it."""
    data: bytes = b""
    """The bytes, as far as they are kept."""
    decoded: tuple[str, ...] = ()
    """The fields of a PDU, a line each."""
    stimulus: bool = False
    """Whether the case itself had begun, the peer being where it was wanted."""
    explained: bool = True
    """Whether Table 9-10 has an explanation."""


@dataclass(slots=True)
class _Connection:
    """What the steps of one connection need of those before."""

    cutters: dict[str, Cutter] = field(default_factory=lambda: {">": Cutter(), "<": Cutter()})
    recorders: dict[str, Recorder] = field(default_factory=lambda: {">": Recorder(), "<": Recorder()})

    def record(self, direction: str, pdu: Seen) -> dict[str, Any]:
        """A PDU decoded; what was negotiated is known in both directions."""
        whole = int.from_bytes(pdu.raw[2:HEADER], "big") == len(pdu.body)
        piece = Piece(0, pdu.raw[:HEADER], pdu.body, "" if whole else "truncated")
        found = {way: self.recorders[way].record(piece) for way in "<>" if way == direction or _negotiates(pdu)}
        return found[direction]


def _negotiates(pdu: Seen) -> bool:
    return pdu.type in _NEGOTIATION


def steps(exchange: Exchange) -> list[Step]:
    """An exchange in order."""
    connections: dict[int, _Connection] = {}
    found: list[Step] = []
    for event in exchange.events:
        connection = connections.setdefault(event.connection, _Connection())
        found += _of(event, connection, event.at >= exchange.stimulus_at)
    return found


def _of(event: Event, connection: _Connection, stimulus: bool) -> Iterator[Step]:
    if event.kind in ("sent", "pdu"):
        yield from _pdus(event, connection, stimulus)
        return
    kind = {"bytes": "bytes", "silence": "silence", "note": "note", "connect": "open", "accept": "open"}
    label = f"{event.length} bytes" if event.kind == "bytes" else ENDS.get(event.kind, event.words)
    remark = event.words if event.kind in ("connect", "accept", "refused") else ""
    direction = {"connect": ">", "accept": "<"}.get(event.kind, event.direction)
    yield _step(event, kind.get(event.kind, "end"), label, stimulus, direction, remark=remark, data=event.data)


def _pdus(event: Event, connection: _Connection, stimulus: bool) -> Iterator[Step]:
    """The PDUs of an event, and what is left of its bytes."""
    cutter = Cutter() if event.kind == "pdu" else connection.cutters[event.direction]
    before = len(cutter.held)
    pdus = cutter.feed(event.data)
    used = 0
    for pdu in pdus:
        raw = pdu.raw[before:]
        used += len(raw)
        record = connection.record(event.direction, pdu)
        told = _remark(record, begun_before=bool(before))
        before = 0
        label = " ".join([f"{pdu.type:02X} {pdu.name}", *_fragments(record)])
        length = int.from_bytes(pdu.raw[2:HEADER], "big")
        more: dict[str, Any] = {"length": length, "remark": told, "data": raw, "decoded": tuple(lines(1, record))[1:]}
        yield _step(event, "pdu", label, stimulus, fault=pdu.fault, **more)
    if rest := event.data[used:] if pdus else event.data:
        shown = event.length - used
        label = f"{shown} bytes" + (", the beginning of a PDU" if pdus or _begins(rest, before) else ", no whole PDU")
        yield _step(event, "bytes", label, stimulus, length=shown, data=rest)


def _begins(rest: bytes, before: int) -> bool:
    return not before and rest[0] in range(1, 8)


def _step(event: Event, kind: str, label: str, stimulus: bool, direction: str = "", **more: Any) -> Step:
    way = direction or event.direction
    explained = bool(event.states) or way == "-"
    return Step(
        event.at,
        way,
        label,
        kind,
        event.connection,
        states=event.states,
        stimulus=stimulus,
        explained=explained,
        **more,
    )


def _fragments(record: dict[str, Any]) -> list[str]:
    return [
        f"{pdv['context_id']}:{'cmd' if pdv['kind'] == 'command' else 'data'}{'*' if pdv['last'] else ''}"
        for pdv in record.get("pdvs", ())
    ]


def _remark(record: dict[str, Any], *, begun_before: bool) -> str:
    words = ["begun in the bytes before"] if begun_before else []
    words += [_message(pdv["message"]) for pdv in record.get("pdvs", ()) if pdv.get("message")]
    words += [f"{key} {record[key]['code']}" for key in ("result", "source", "reason") if key in record]
    return " | ".join(words) if record.get("pdvs") else ", ".join(words)


def _message(message: dict[str, Any]) -> str:
    """The name of a message, its message id, and its status."""
    values = {each["keyword"]: each["value"] for each in message["elements"]}
    number = values.get("MessageID", values.get("MessageIDBeingRespondedTo"))
    status = values.get("Status")
    parts = [str(message["name"]), f"id {number}" if number is not None else ""]
    return " ".join(filter(None, [*parts, f"{status:04X}" if isinstance(status, int) else ""]))
