"""Walks an `UpperLayer` to a state of Table 9-10 by its public inputs, fires an event, looks what came of it.

The shortest way to each state is found in the transcription (`table_9_10.py`), never in `spec/`; the state is
never set. What an observer can see is compared with the transcription: what leaves, what the user hears,
ARTIM, the state.
"""

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from struct import unpack_from
from typing import Any

import table_9_10 as table
from cell_coverage import Trace
from dulcet.dul.items import ContextResult, ProposedContext
from dulcet.dul.pdu import (
    PDV,
    Abort,
    AssociateAC,
    AssociateRJ,
    AssociateRQ,
    PDataTF,
    ReleaseRP,
    ReleaseRQ,
    decode,
)
from dulcet.dul.primitives import (
    AAbortIndication,
    AAbortRequest,
    AAssociateConfirmation,
    AAssociateIndication,
    AAssociateRequest,
    AAssociateResponse,
    APAbortIndication,
    AReleaseRequest,
    AReleaseResponse,
    PDataIndication,
    PDataRequest,
    Primitive,
    Transport,
)
from dulcet.dul.upper_layer import UpperLayer

ARTIM = 30.0
VERIFICATION, IMPLICIT = "1.2.840.10008.1.1", "1.2.840.10008.1.2"

RQ = AssociateRQ("ANY-SCP", "ECHOSCU", (ProposedContext(1, VERIFICATION, (IMPLICIT,)),))
AC = AssociateAC((ContextResult(1, 0, IMPLICIT),))
RJ_BY_USER = AssociateRJ(1, 1, 7)  # permanent, service-user: called AE title not recognized (Table 9-21)
RJ_BY_PROVIDER = AssociateRJ(2, 3, 2)  # transient, service-provider (presentation): local limit exceeded
PDVS = (PDV(1, 3, b"a command"), PDV(1, 2, b"and its data"))

HEADERS = {1: "A-ASSOCIATE-RQ", 2: "A-ASSOCIATE-AC", 3: "A-ASSOCIATE-RJ", 4: "P-DATA-TF"} | {
    5: "A-RELEASE-RQ",
    6: "A-RELEASE-RP",
    7: "A-ABORT",
}
"""PDU types of PS3.8 9.3.2 to 9.3.8."""

FIXED = {
    "A-RELEASE-RQ": bytes.fromhex("05 00 00000004 00000000"),  # Table 9-24
    "A-RELEASE-RP": bytes.fromhex("06 00 00000004 00000000"),  # Table 9-25
}

DEFAULT: dict[str, Any] = {
    "Evt1": RQ,
    "Evt3": AC,
    "Evt4": RJ_BY_USER,
    "Evt6": RQ,
    "Evt7": AC,
    "Evt8": RJ_BY_USER,
    "Evt9": PDVS,
    "Evt10": PDataTF(PDVS),
    "Evt11": None,
    "Evt12": ReleaseRQ(),
    "Evt13": ReleaseRP(),
    "Evt14": None,
    "Evt15": None,
    "Evt16": Abort(0, 0),
    "Evt19": bytes.fromhex("08 00 00000002 0102"),  # no PDU has this type
}
"""What each event carries where a test does not say."""

INVALID = {
    "type-00": bytes.fromhex("00 00 00000000"),
    "type-08": bytes.fromhex("08 00 00000001 FF"),
    "type-FF-that-never-ends": bytes.fromhex("FF 00 FFFFFFFF"),
    "abort-too-short": bytes.fromhex("07 00 00000003 000000"),
    "abort-too-long": bytes.fromhex("07 00 00000005 0000000000"),
}
"""Invalid in every state (PS3.8 9.3.1, Table 9-26): Evt19."""

INVALID_WHERE_EXPECTED: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "request-too-long": (bytes.fromhex("01 00 00100001"), ("Sta2",)),
    "request-too-short": (bytes.fromhex("01 00 00000003 000100"), ("Sta2",)),
    "request-of-zeros": (bytes.fromhex("01 00 00000044") + bytes(68), ("Sta2",)),
    "acceptance-too-long": (bytes.fromhex("02 00 00100001"), ("Sta5",)),
    "acceptance-of-zeros": (bytes.fromhex("02 00 00000044") + bytes(68), ("Sta5",)),
    "rejection-too-short": (bytes.fromhex("03 00 00000003 000101"), ("Sta5",)),
    "rejection-too-long": (bytes.fromhex("03 00 00000005 0001010100"), ("Sta5",)),
    "data-over-the-announced-length": (bytes.fromhex("04 00 00020001"), ("Sta6", "Sta7")),
    "data-without-a-value": (bytes.fromhex("04 00 00000000"), ("Sta6", "Sta7")),
    "data-value-over-the-end": (bytes.fromhex("04 00 00000006 00000003 01 03"), ("Sta6", "Sta7")),
    "data-value-too-short": (bytes.fromhex("04 00 00000006 00000001 01 03"), ("Sta6", "Sta7")),
    "release-too-long": (bytes.fromhex("05 00 00000005 0000000000"), ("Sta6", "Sta7")),
    "release-too-short": (bytes.fromhex("05 00 00000000"), ("Sta6", "Sta7")),
    "release-answer-too-long": (bytes.fromhex("06 00 00000005 0000000000"), ("Sta7", "Sta10", "Sta11")),
}
"""PDUs of a type the state expects, which cannot be: Evt19 for what is in them."""

REQUESTS: dict[str, Callable[[Any], Primitive]] = {
    "Evt1": AAssociateRequest,
    "Evt7": AAssociateResponse,
    "Evt8": AAssociateResponse,
    "Evt9": PDataRequest,
    "Evt11": lambda _: AReleaseRequest(),
    "Evt14": lambda _: AReleaseResponse(),
    "Evt15": lambda _: AAbortRequest(),
}


def whole(data: bytes) -> Iterable[bytes]:
    """The bytes in one piece."""
    return (data,)


def byte_by_byte(data: bytes) -> Iterable[bytes]:
    """The bytes one at a time."""
    return (data[at : at + 1] for at in range(len(data)))


def cut_at(cuts: Iterable[int]) -> Callable[[bytes], Iterable[bytes]]:
    """The bytes cut at these positions; one that lies beyond the end cuts nothing."""

    def pieces(data: bytes) -> Iterable[bytes]:
        edges = [0, *sorted({cut for cut in cuts if cut < len(data)}), len(data)]
        return (data[start:stop] for start, stop in itertools.pairwise(edges))

    return pieces


# ---- what comes out, in a form that can be compared ----


def heard(primitives: Iterable[Primitive]) -> list[Any]:
    """The primitives, P-DATA indications with bytes of their own and runs of them joined."""
    result: list[Any] = []
    for primitive in primitives:
        if isinstance(primitive, PDataIndication):
            pdvs = [PDV(context_id, control, bytes(data)) for context_id, control, data in primitive.pdvs]
            if result and isinstance(result[-1], PDataIndication):
                pdvs = [*result.pop().pdvs, *pdvs]
            primitive = PDataIndication(pdvs)
        result.append(primitive)
    return result


def drain(outbox: deque[Any]) -> list[bytes | str]:
    """Empty an outbox: whole PDUs as bytes, what is asked of the transport in lower case."""
    result: list[bytes | str] = []
    pending = b""
    while outbox:
        item = outbox.popleft()
        if isinstance(item, Transport):
            assert not pending, "half a PDU stands before a transport request"
            result.append(item.name.lower())
            continue
        pending += item
        while len(pending) >= 6 and len(pending) >= (size := 6 + unpack_from(">L", pending, 2)[0]):
            result.append(pending[:size])
            pending = pending[size:]
    assert not pending, "half a PDU was sent"
    return result


def name_of(pdu: bytes) -> str:
    """What the first byte says a PDU is."""
    return HEADERS[pdu[0]]


def values(pdu: bytes) -> list[PDV]:
    """The presentation data values of a P-DATA-TF, read by Table 9-22 and 9-23."""
    result, at = [], 6
    while at < len(pdu):
        length, context_id, control = unpack_from(">LBB", pdu, at)
        result.append(PDV(context_id, control, pdu[at + 6 : at + 4 + length]))
        at += 4 + length
    return result


# ---- an end of an association that walks ----


@dataclass
class Walk:
    """One end, and what a test remembers of the way it went."""

    requestor: bool
    trace: Trace | None = None
    refusal: AssociateRJ | None = None
    """AE-6's answer; None is "acceptable"."""
    maximum_length: int = 131072
    now: float = 0.0
    carried: dict[str, Any] = field(default_factory=dict)
    """The last content of each event."""
    asked: list[AssociateRQ] = field(default_factory=list)
    """The requests AE-6 asked about."""

    def __post_init__(self) -> None:
        self.layer = UpperLayer(
            requestor=self.requestor,
            artim_seconds=ARTIM,
            acceptable=self.acceptable,
            maximum_length=self.maximum_length,
            trace=self.trace,
        )

    def acceptable(self, rq: AssociateRQ) -> AssociateRJ | None:
        """AE-6's question."""
        self.asked.append(rq)
        return self.refusal

    def fire(self, event: str, content: Any = None, pieces: Callable[[bytes], Iterable[bytes]] = whole) -> list[Any]:
        """Make an event happen the way its origin makes it happen."""
        layer, now = self.layer, self.now
        content = DEFAULT.get(event) if content is None else content
        self.carried[event] = content
        match table.ORIGIN[event]:
            case "user":
                return heard(layer.request(REQUESTS[event](content), now))
            case "timer":
                self.now = now if layer.deadline is None else max(now, layer.deadline)
                return heard(layer.tick(self.now))
            case "transport":
                happens = {"Evt2": layer.connected, "Evt5": layer.offered, "Evt17": layer.closed}[event]
                return heard(happens(now))
        data = content if isinstance(content, bytes) else content.encode()
        result: list[Any] = []
        for piece in pieces(data):
            result += heard(layer.receive(piece, now))
        return heard(result)

    def to(self, state: str) -> "Walk":
        """Walk to a state the shortest way; what leaves on the way is dropped."""
        for event in path(self.layer.state, state, self.requestor):
            self.fire(event)
        assert self.layer.state == state
        self.layer.outbox.clear()
        return self


def ends(state: str) -> tuple[bool, ...]:
    """Which ends can be in a state: True for the association-requestor."""
    return tuple(requestor for requestor in (True, False) if path("Sta1", state, requestor) is not None)


def roles(state: str, event: str, action: str, outcome: table.Outcome) -> list[bool]:
    """The ends for which a cell leads to an outcome."""
    if event in ("Evt1", "Evt5"):
        return [event == "Evt1"]
    if action == "AR-8":
        return [outcome.answer == "association-requestor"]
    return list(ends(state))


def path(start: str, state: str, requestor: bool) -> Sequence[str]:
    """Shortest way from state to state, as events; breadth first over the transcription."""
    ways: dict[str, list[str]] = {start: []}
    todo = deque([start])
    while todo:
        here = todo.popleft()
        for event, action in table.CELLS[here].items():
            if event in (("Evt5",) if requestor else ("Evt1", "Evt2")):
                continue  # the acceptor's beginning, the requestor's
            outcome = table.ACTIONS[action][0 if action != "AR-8" or requestor else 1]
            if outcome.next not in ways:
                ways[outcome.next] = [*ways[here], event]
                todo.append(outcome.next)
    return ways.get(state)  # type: ignore[return-value]  # None is for `ends`


# ---- what the transcription lets us expect ----


def check(
    walk: Walk, event: str, action: str, outcome: table.Outcome, issued: list[Primitive], before: float | None
) -> None:
    """Compare all that is visible after an event with the transcription. `before`: the deadline as it was."""
    layer, content = walk.layer, walk.carried.get(event)
    out = drain(layer.outbox)
    assert layer.state == outcome.next
    assert [item if isinstance(item, str) else name_of(item) for item in out] == [
        item for item in (outcome.sends, outcome.transport) if item
    ]
    assert [type(primitive).__name__ in outcome.issues.split("|") for primitive in issued] == [True] * bool(
        outcome.issues
    )
    assert layer.deadline == {"start": walk.now + ARTIM, "stop": None, "": before}[outcome.artim]
    assert (layer.deadline is not None) == (layer.state in table.ARTIM_STATES)
    if action in ("AA-1", "AA-8"):
        found = None if layer.fault is None else layer.fault.reason
        assert found == (reason_of(event, content) if table.ORIGIN[event] == "peer" else None)
    if outcome.sends:
        assert isinstance(out[0], bytes)
        check_sent(walk, event, action, out[0], content)
    for primitive in issued:
        check_issued(event, action, primitive, content)


def check_sent(walk: Walk, event: str, action: str, pdu: bytes, content: Any) -> None:
    """The PDU says what the event, or its primitive, gave it to say."""
    match name_of(pdu):
        case "A-ASSOCIATE-RQ":
            assert decode(pdu) == walk.carried["Evt1"]
        case "A-ASSOCIATE-AC":
            assert decode(pdu) == content
        case "A-ASSOCIATE-RJ":
            refusal = content if event == "Evt8" else walk.refusal
            assert refusal is not None
            assert pdu == bytes([3, 0, 0, 0, 0, 4, 0, refusal.result, refusal.source, refusal.reason])
        case "P-DATA-TF":
            assert values(pdu) == list(content)
        case "A-ABORT":
            assert pdu == abort_of(action, event, content)
        case name:
            assert pdu == FIXED[name]


def abort_of(action: str, event: str, content: Any) -> bytes:
    """The A-ABORT an action sends (Table 9-26): the service-user's carries no reason, the provider's the
    right one."""
    source = table.ABORT_SOURCE[action]
    return bytes([7, 0, 0, 0, 0, 4, 0, 0, source, reason_of(event, content) if source else 0])


def reason_of(event: str, content: Any) -> int:
    """Why a PDU is refused (Table 9-26)."""
    if event != "Evt19":
        return table.UNEXPECTED_PDU
    return table.INVALID_VALUE if content[0] in HEADERS else table.UNRECOGNIZED_PDU


def check_issued(event: str, action: str, primitive: Primitive, content: Any) -> None:
    """The primitive says what the PDU said, or why the association ended."""
    match primitive:
        case AAssociateConfirmation(pdu) | AAssociateIndication(pdu):
            assert pdu == content
        case PDataIndication(pdvs):
            assert list(pdvs) == [PDV(i, control, bytes(data)) for i, control, data in content.pdvs]
        case AAbortIndication(source, reason):
            assert content.source == 0
            assert (source, reason) == (content.source, content.reason)
        case APAbortIndication(source, reason, cause):
            match action:
                case "AA-3":
                    assert content.source != 0
                    assert (source, reason) == (content.source, content.reason)
                case "AA-4":
                    assert (source, reason) == (None, None)
                case _:
                    assert (source, reason) == (2, reason_of(event, content))
            assert cause
