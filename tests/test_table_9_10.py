"""PS3.8 Table 9-10, all 247 cells: each is walked to through the public inputs and fired.

A filled cell must do what the transcription says, no more and no less. An empty cell refuses a user before
anything changes, and is nothing to a transport, a clock or a peer that speaks out of turn: they can never
make the layer raise.
"""

import re
import tracemalloc
from array import array
from dataclasses import replace
from typing import Any

import pytest
import table_9_10 as table
from cell_coverage import traced
from dulcet.dul.actions import Actions
from dulcet.dul.errors import LocalProtocolError
from dulcet.dul.items import ContextResult
from dulcet.dul.pdu import PDV, AssociateAC, AssociateRJ, PDataTF
from dulcet.dul.primitives import (
    AAbortIndication,
    AAssociateRequest,
    AAssociateResponse,
    APAbortIndication,
    PDataRequest,
    Primitive,
)
from walks import (
    AC,
    ARTIM,
    DEFAULT,
    INVALID,
    INVALID_WHERE_EXPECTED,
    PDVS,
    RJ_BY_PROVIDER,
    RQ,
    Walk,
    byte_by_byte,
    check,
    drain,
    ends,
    roles,
    values,
    whole,
)

TRACE = traced("enumerated")


def walked(state: str, requestor: bool, **options: Any) -> Walk:
    """An end in a state, at a time that is not a round number."""
    walk = Walk(requestor, trace=TRACE, now=1000.5, **options).to(state)
    walk.now += 1.25
    return walk


def test_the_actions_stand_in_the_order_of_the_standard() -> None:
    """The 28 methods of `Actions`, in the order of Tables 9-6 to 9-9, so that both can be read side by side."""
    methods = [name for name in vars(Actions) if re.fullmatch(r"(ae|dt|ar|aa)_\d+", name)]
    assert methods == [name.lower().replace("-", "_") for name in table.ACTIONS]
    assert len(methods) == 28


# ---- filled cells ----


@pytest.mark.parametrize(("state", "event", "action", "outcome"), table.OUTCOMES, ids=table.OUTCOME_IDS)
def test_filled(state: str, event: str, action: str, outcome: table.Outcome) -> None:
    for requestor in roles(state, event, action, outcome):
        for pieces in (whole, byte_by_byte):
            walk = walked(state, requestor, refusal=RJ_BY_PROVIDER if outcome.answer == "not acceptable" else None)
            before = walk.layer.deadline
            assert event in walk.layer.possible()
            issued = walk.fire(event, pieces=pieces)
            check(walk, event, action, outcome, issued, before)


@pytest.mark.parametrize("content", INVALID.values(), ids=INVALID)
@pytest.mark.parametrize("state", [state for state, event in table.FILLED if event == "Evt19"])
def test_invalid_everywhere(state: str, content: bytes) -> None:
    check_invalid(state, content)


@pytest.mark.parametrize(
    ("state", "content"),
    [(state, data) for data, states in INVALID_WHERE_EXPECTED.values() for state in states],
    ids=[f"{state}-{title}" for title, (_, states) in INVALID_WHERE_EXPECTED.items() for state in states],
)
def test_invalid_where_expected(state: str, content: bytes) -> None:
    check_invalid(state, content)


def check_invalid(state: str, content: bytes) -> None:
    action = table.CELLS[state]["Evt19"]
    for requestor in ends(state):
        for pieces in (whole, byte_by_byte):
            walk = walked(state, requestor)
            before = walk.layer.deadline
            issued = walk.fire("Evt19", content, pieces)
            check(walk, "Evt19", action, table.ACTIONS[action][0], issued, before)


WRONG_IN_STA13 = {
    "request-without-its-fixed-fields": bytes.fromhex("01 00 00000004 00010000"),
    "request-over-the-limit": bytes.fromhex("01 00 00100001"),
    "acceptance-without-its-fixed-fields": bytes.fromhex("02 00 00000004 00010000"),
    "acceptance-over-the-limit": bytes.fromhex("02 00 00100001"),
    "rejection-too-short": bytes.fromhex("03 00 00000003 000101"),
    "rejection-too-long": bytes.fromhex("03 00 00000005 0001010100"),
    "data-without-a-value": bytes.fromhex("04 00 00000000"),
    "data-shorter-than-a-value": bytes.fromhex("04 00 00000005 0000000201"),
    "release-too-short": bytes.fromhex("05 00 00000003 000000"),
    "release-too-long": bytes.fromhex("05 00 00000005 0000000000"),
    "release-answer-empty": bytes.fromhex("06 00 00000000"),
    "release-answer-too-long": bytes.fromhex("06 00 00000005 0000000000"),
}
"""PDUs whose length no PDU of their type can have (PS3.8 9.3.2 to 9.3.7); A-ABORTs are in `INVALID`."""


@pytest.mark.parametrize("content", WRONG_IN_STA13.values(), ids=WRONG_IN_STA13)
def test_a_pdu_of_wrong_length_in_sta13_is_answered(content: bytes) -> None:
    """Evt19, and so AA-7: of a right length the same types are ignored (AA-6), all but the request."""
    check_invalid("Sta13", content)


BLIND = ("AA-1", "AA-6", "AA-7", "AA-8")


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (state, event)
        for state, event in table.FILLED
        if table.ORIGIN[event] == "peer" and event != "Evt19" and table.CELLS[state][event] in BLIND
    ],
    ids="-".join,
)
def test_unwelcome_at_its_sixth_byte(state: str, event: str) -> None:
    """A PDU whose content cannot matter is answered on its header; its body is dropped, the next PDU is
    heard."""
    action = table.CELLS[state][event]
    data = DEFAULT[event].encode()
    for requestor in ends(state):
        walk = walked(state, requestor)
        before = walk.layer.deadline
        assert walk.fire(event, data[:5]) == []
        assert (walk.layer.state, list(walk.layer.outbox)) == (state, [])
        issued = walk.fire(event, data[5:6])
        check(walk, event, action, table.ACTIONS[action][0], issued, before)
        assert walk.fire(event, data[6:]) == []
        assert (walk.layer.state, list(walk.layer.outbox)) == ("Sta13", [])
        assert walk.fire("Evt16") == []
        assert (walk.layer.state, drain(walk.layer.outbox)) == ("Sta1", ["close"])


@pytest.mark.parametrize("state", [state for state, event in table.FILLED if table.CELLS[state][event] == "AA-3"])
@pytest.mark.parametrize("reason", range(7))
def test_abort_tells_who_aborted(state: str, reason: int) -> None:
    """AA-3: the service-user's abort and the service-provider's are two primitives (PS3.8 7.3, 7.4)."""
    for requestor in ends(state):
        for source, kind in ((0, AAbortIndication), (2, APAbortIndication)):
            walk = walked(state, requestor)
            (primitive,) = walk.fire("Evt16", bytes([7, 0, 0, 0, 0, 4, 0, 0, source, reason]))
            assert type(primitive) is kind
            assert (primitive.source, primitive.reason) == (source, reason)
            assert (walk.layer.state, drain(walk.layer.outbox)) == ("Sta1", ["close"])


@pytest.mark.parametrize("refusal", [AssociateRJ(1, 2, 2), AssociateRJ(2, 3, 1), AssociateRJ(2, 3, 2)], ids=str)
def test_provider_refuses_in_its_own_words(refusal: AssociateRJ) -> None:
    """AE-6, not acceptable: result, source and reason are those of the answer (Table 9-21), and it is asked
    once."""
    walk = walked("Sta2", False, refusal=refusal)
    before = walk.layer.deadline
    issued = walk.fire("Evt6")
    check(walk, "Evt6", "AE-6", table.ACTIONS["AE-6"][1], issued, before)
    assert walk.asked == [RQ]


# ---- empty cells ----


def seen(walk: Walk) -> tuple[Any, ...]:
    return walk.layer.state, list(walk.layer.outbox), walk.layer.deadline, walk.layer.possible()


@pytest.mark.parametrize(("state", "event"), table.FILLED, ids=["-".join(cell) for cell in table.FILLED])
def test_the_table_and_its_actions_lead_to_the_same_states(state: str, event: str) -> None:
    """Two transcriptions that agree: what Table 9-10 prints in a cell, and Tables 9-6 to 9-9 of its action."""
    assert table.NEXT[state, event] == tuple(outcome.next for outcome in table.ACTIONS[table.CELLS[state][event]])


@pytest.mark.parametrize(
    ("state", "event"), table.EMPTY, ids=[f"{state}-{event}-empty" for state, event in table.EMPTY]
)
def test_empty(state: str, event: str) -> None:
    for requestor in ends(state):
        walk = walked(state, requestor)
        before = seen(walk)
        assert event not in walk.layer.possible()
        if table.ORIGIN[event] == "user":
            with pytest.raises(LocalProtocolError) as refusal:
                walk.fire(event)
            if event != "Evt1" or requestor:
                assert {state + ",", f"({event})"} <= set(str(refusal.value).split())
                for other in table.CELLS[state]:
                    assert table.ORIGIN[other] != "user" or f"({other})" in str(refusal.value)
        elif event == "Evt18":
            for later in (0.0, ARTIM, 1e9):
                assert walk.layer.tick(walk.now + later) == []
        elif event != "Evt5" or not requestor:
            assert walk.fire(event) == []
        assert seen(walk) == before
        check_goes_on(walk)


def check_goes_on(walk: Walk) -> None:
    """What met an empty cell left no trace behind: the association can still be walked to its end."""
    if walk.layer.state in ("Sta1", "Sta4"):
        walk.to("Sta6")
    if walk.layer.state == "Sta6":
        assert walk.fire("Evt10") != []
    walk.to("Sta1")


@pytest.mark.parametrize("state", ["Sta1", "Sta4"])
@pytest.mark.parametrize("data", [b"", b"\x07", b"\x04\x00\x00\x00", AC.encode() + b"\x06\x00", bytes(4000)], ids=len)
def test_bytes_without_a_connection(state: str, data: bytes) -> None:
    """Nothing can arrive where there is no connection; if it does all the same, it is not kept for the next
    one."""
    for requestor in ends(state):
        walk = walked(state, requestor)
        before = seen(walk)
        assert walk.layer.receive(data, walk.now) == []
        assert seen(walk) == before
        check_goes_on(walk)


@pytest.mark.parametrize("requestor", [True, False])
def test_wrong_end(requestor: bool) -> None:
    """Evt1 belongs to the association-requestor, Evt5 to the acceptor: the other end refuses, unchanged."""
    walk = walked("Sta1", requestor)
    before = seen(walk)
    with pytest.raises(LocalProtocolError):
        walk.fire("Evt5" if requestor else "Evt1")
    assert seen(walk) == before


@pytest.mark.parametrize("primitive", [AAbortIndication(0, 0), "A-ABORT", None], ids=str)
def test_no_request(primitive: Any) -> None:
    """An indication is nothing a user can issue."""
    walk = walked("Sta6", True)
    before = seen(walk)
    with pytest.raises(LocalProtocolError):
        walk.layer.request(primitive, walk.now)
    assert seen(walk) == before


UNSENDABLE: dict[str, tuple[str, Primitive]] = {
    "title-too-long": ("Sta1", AAssociateRequest(replace(RQ, called_ae_title="X" * 17))),
    "no-contexts": ("Sta1", AAssociateRequest(replace(RQ, presentation_contexts=()))),
    "context-300": ("Sta3", AAssociateResponse(AssociateAC((ContextResult(300, 0, "1.2.840.10008.1.2"),)))),
    "rejection-without-meaning": ("Sta3", AAssociateResponse(AssociateRJ(9, 9, 9))),
    "no-values": ("Sta6", PDataRequest(())),
    "no-values-after-release-request": ("Sta8", PDataRequest(())),
    "value-of-context-300": ("Sta6", PDataRequest((PDV(300, 3, b""),))),
    "large-value-of-context-300": ("Sta6", PDataRequest((PDV(300, 3, bytes(5000)),))),
    "second-value-of-context-300": ("Sta6", PDataRequest((PDV(1, 3, b""), PDV(300, 3, b"")))),
}


@pytest.mark.parametrize(("state", "primitive"), UNSENDABLE.values(), ids=UNSENDABLE)
def test_content_that_cannot_be_sent(state: str, primitive: Primitive) -> None:
    """The user's mistake, told before anything changes; the association goes on."""
    for requestor in ends(state):
        if state != "Sta1" or requestor:
            walk = walked(state, requestor)
            before = seen(walk)
            with pytest.raises(LocalProtocolError):
                walk.layer.request(primitive, walk.now)
            assert seen(walk) == before
            check_goes_on(walk)


@pytest.mark.parametrize("size", [10, 5000])
def test_values_are_measured_in_bytes(size: int) -> None:
    """A view of wider items is refused, or sent as the bytes it is: its items are not its length."""
    walk = walked("Sta6", True)
    view = memoryview(array("H", range(size)))
    try:
        walk.layer.request(PDataRequest((PDV(1, 2, view),)), walk.now)
    except LocalProtocolError:
        return
    (pdu,) = drain(walk.layer.outbox)
    assert isinstance(pdu, bytes)
    assert values(pdu) == [PDV(1, 2, view.tobytes())]


def test_refusal_that_cannot_be_sent() -> None:
    """AE-6 with an answer outside Table 9-21: whoever gave it is told, and ARTIM still watches over Sta2."""
    walk = walked("Sta2", False, refusal=AssociateRJ(9, 9, 9))
    with pytest.raises(LocalProtocolError):
        walk.fire("Evt6")
    assert walk.layer.state == "Sta2"
    assert walk.layer.deadline is not None


# ---- ARTIM ----


@pytest.mark.parametrize("state", sorted(table.ARTIM_STATES))
def test_artim_expires_at_its_time_and_not_before(state: str) -> None:
    for requestor in ends(state):
        walk = walked(state, requestor)
        deadline = walk.layer.deadline
        assert deadline == walk.now - 1.25 + ARTIM
        before = seen(walk)
        for early in (walk.now, deadline - 1e-6):
            assert walk.layer.tick(early) == []
        assert seen(walk) == before
        assert walk.layer.tick(deadline) == []
        assert (walk.layer.state, drain(walk.layer.outbox), walk.layer.deadline) == ("Sta1", ["close"], None)


def test_time_that_is_due_comes_before_the_bytes_that_came_with_it() -> None:
    """A request that is complete only after ARTIM expired finds the door closed."""
    walk = walked("Sta2", False)
    assert walk.layer.deadline is not None
    assert walk.layer.receive(RQ.encode(), walk.layer.deadline) == []
    assert (walk.layer.state, drain(walk.layer.outbox)) == ("Sta1", ["close"])


def test_ignored_pdus_and_repeated_aborts_do_not_move_artim() -> None:
    """AA-6 and AA-7 do not speak of the timer: garbage cannot keep a connection in Sta13 open."""
    walk = walked("Sta13", True)
    deadline = walk.layer.deadline
    for event in ("Evt3", "Evt4", "Evt6", "Evt10", "Evt12", "Evt13", "Evt19"):
        walk.now += 1
        walk.fire(event)
        assert (walk.layer.state, walk.layer.deadline) == ("Sta13", deadline)


# ---- one layer, more than one association ----


@pytest.mark.parametrize("requestor", [True, False])
@pytest.mark.parametrize(
    "rubbish", [b"\x04\x00", bytes.fromhex("09 00 0000FFFF 00"), b"\x09\x00\x00\x00\x00\x00" * 40], ids=len
)
def test_next_association_begins_clean(requestor: bool, rubbish: bytes) -> None:
    """Half a PDU, a body that never came, a storm of garbage: nothing of it reaches the next association."""
    walk = walked("Sta6", requestor)
    walk.layer.receive(rubbish, walk.now)
    walk.layer.closed(walk.now)
    assert (walk.layer.state, walk.layer.deadline) == ("Sta1", None)
    walk.layer.outbox.clear()
    walk.to("Sta6")
    (primitive,) = walk.fire("Evt10")
    assert primitive.pdvs == list(PDVS)


def test_nothing_unsent_survives_the_connection() -> None:
    """What stood in the outbox when the connection went belongs to no other connection."""
    walk = walked("Sta6", True)
    walk.fire("Evt9")
    assert walk.layer.outbox
    walk.fire("Evt17")
    assert drain(walk.layer.outbox) == []


@pytest.mark.parametrize("requestor", [True, False])
def test_filling_is_nothing_to_this_floor(requestor: bool) -> None:
    """Drivers call it on everything they drive."""
    walk = walked("Sta6", requestor)
    before = seen(walk)
    walk.layer.fill(walk.now)
    assert seen(walk) == before
    assert walk.layer.requestor is requestor


# ---- the longest P-DATA-TF ----


@pytest.mark.parametrize(("announced", "limit"), [(16384, 16384), (0, 16 << 20)])
def test_data_up_to_the_announced_length(announced: int, limit: int) -> None:
    """PS3.8 D.1: what we announced is taken to its last byte, and nothing over it; 0 announces no limit, ours
    is 16 MiB."""
    walk = walked("Sta6", True, maximum_length=announced)
    data = bytes.fromhex("0400") + limit.to_bytes(4) + (limit - 4).to_bytes(4) + b"\x01\x02" + bytes(limit - 6)
    issued = walk.fire("Evt10", data)
    assert [len(pdv.data) for pdv in issued[0].pdvs] == [limit - 6]
    issued = walk.fire("Evt19", bytes.fromhex("0400") + (limit + 1).to_bytes(4))
    check(walk, "Evt19", "AA-8", table.ACTIONS["AA-8"][0], issued, None)


@pytest.mark.parametrize("state", ["Sta2", "Sta5", "Sta6", "Sta7", "Sta13"])
@pytest.mark.parametrize("kind", [*range(8), 255])
@pytest.mark.parametrize("length", ["00FFFFFF", "7FFFFFFF", "FFFFFFFF"])
def test_nothing_is_allocated_from_a_length(state: str, kind: int, length: str) -> None:
    """Six bytes that announce 16 MiB to 4 GiB, and a hundred of them: what is kept is what came, in every state."""
    walk = walked(state, state in ("Sta5", "Sta6", "Sta7"))
    header = bytes([kind, 0]) + bytes.fromhex(length)
    tracemalloc.start()
    try:
        walk.layer.receive(header, 1.0)
        walk.layer.receive(bytes(100), 1.0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000


def test_data_of_several_values_and_a_run() -> None:
    """Three P-DATA-TF in one piece are heard as their values in order, and traced as three events."""
    lines: list[tuple[str, str, int]] = []

    def trace(now: float, state: str, event: str, action: str, following: str, count: int) -> None:
        lines.append((state, event, count))

    walk = Walk(True, trace=trace).to("Sta6")
    (primitive,) = walk.fire("Evt10", PDataTF(PDVS).encode() * 3)
    assert primitive.pdvs == list(PDVS * 3)
    assert sum(count for state, event, count in lines if (state, event) == ("Sta6", "Evt10")) == 3
