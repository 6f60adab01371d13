"""Each of the 125 outcomes of Table 9-10, with everything around it drawn by hypothesis.

What the PDU or the primitive contains, the way to the state and its detours, the pieces the bytes come in and
the times at which things happen vary; what the transcription says of the outcome must not.
"""

from functools import cache
from typing import Any

import pytest
import table_9_10 as table
from cell_coverage import traced
from dulcet.dul import strategies as dul
from dulcet.dul.pdu import Abort
from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st
from walks import (
    ARTIM,
    HEADERS,
    INVALID,
    INVALID_WHERE_EXPECTED,
    RJ_BY_PROVIDER,
    Walk,
    check,
    cut_at,
    path,
    roles,
)

TRACE = traced("property")

times = st.floats(0, 1e6, allow_nan=False)
fractions = st.floats(0, 0.99)
cuts = st.lists(st.one_of(st.integers(1, 12), st.integers(0, 400)), max_size=5)


def strangers() -> st.SearchStrategy[bytes]:
    """A PDU of no type there is, its body whole or missing."""
    return st.builds(
        lambda kind, length, body: bytes([kind, 0]) + length.to_bytes(4) + body[:length],
        st.integers(0, 255).filter(lambda kind: kind not in HEADERS),
        st.one_of(st.integers(0, 40), st.integers(0, 0xFFFFFFFF)),
        st.binary(max_size=40),
    )


def misshapen(kind: int) -> st.SearchStrategy[bytes]:
    """A PDU of four bytes that has another length."""
    return (
        st.integers(0, 64)
        .filter(lambda length: length != 4)
        .map(lambda length: bytes([kind, 0]) + length.to_bytes(4) + bytes(length))
    )


def invalid(state: str) -> st.SearchStrategy[bytes]:
    """What is Evt19 in a state."""
    expected = [data for data, states in INVALID_WHERE_EXPECTED.values() if state in states]
    return st.one_of(st.sampled_from([*INVALID.values(), *expected]), strangers(), misshapen(0x07))


@cache
def contents(state: str, event: str) -> st.SearchStrategy[Any]:
    """What an event carries in a state."""
    match event:
        case "Evt1" | "Evt6":
            return dul.associate_rqs()
        case "Evt3" | "Evt7":
            return dul.associate_acs()
        case "Evt4" | "Evt8":
            return dul.associate_rjs()
        case "Evt9":
            return dul.p_data_tfs().map(lambda pdu: pdu.pdvs)
        case "Evt10":
            return dul.p_data_tfs()
        case "Evt16":
            return st.just(Abort(0, 0)) | st.builds(Abort, st.just(2), st.sampled_from([0, 1, 2, 4, 5, 6]))
        case "Evt19":
            return invalid(state)
    return st.none()


def pass_time(walk: Walk, draw: Any) -> None:
    """Let time pass, but not ARTIM."""
    deadline = walk.layer.deadline
    room = ARTIM * 10 if deadline is None else deadline - walk.now
    walk.now += draw(fractions) * room


LOOPS = {"Sta6": ("Evt9", "Evt10"), "Sta7": ("Evt10",), "Sta8": ("Evt9",)}
"""Events that leave their state as it is, while the association lives."""


def wander(walk: Walk, draw: Any) -> None:
    """Take a detour, where the state has one."""
    for event in (
        draw(st.lists(st.sampled_from(LOOPS[walk.layer.state]), max_size=2)) if walk.layer.state in LOOPS else ()
    ):
        state = walk.layer.state
        walk.fire(event, draw(contents(state, event)), cut_at(draw(cuts)))
        assert walk.layer.state == state


def last_steps(requestor: bool) -> list[tuple[str, str]]:
    """The cells through which an end comes into Sta13."""
    return [
        (state, event)
        for state, event, action, outcome in table.OUTCOMES
        if outcome.next == "Sta13" and requestor in roles(state, event, action, outcome)
    ]


def go(walk: Walk, state: str, draw: Any) -> None:
    """Walk to a state, with time, detours and pieces on the way, and into Sta13 by any of its doors."""
    if state == "Sta13" and walk.layer.state != "Sta13":
        before, event = draw(st.sampled_from(last_steps(walk.requestor)))
        go(walk, before, draw)
        if (before, event) == ("Sta2", "Evt6"):
            walk.refusal = RJ_BY_PROVIDER
        walk.fire(event)
    for event in path(walk.layer.state, state, walk.requestor):
        pass_time(walk, draw)
        wander(walk, draw)
        walk.fire(event, pieces=cut_at(draw(cuts)))
    wander(walk, draw)
    walk.layer.outbox.clear()
    assert walk.layer.state == state


@pytest.mark.parametrize(
    ("state", "event", "action", "outcome"),
    table.OUTCOMES,
    ids=table.OUTCOME_IDS,
)
@settings(max_examples=15)
@given(data=st.data())
def test_outcome(state: str, event: str, action: str, outcome: table.Outcome, data: st.DataObject) -> None:
    draw = data.draw
    walk = Walk(draw(st.sampled_from(roles(state, event, action, outcome))), trace=TRACE, now=draw(times))
    note("association-requestor" if walk.requestor else "association-acceptor")
    go(walk, state, draw)
    pass_time(walk, draw)
    if outcome.answer == "not acceptable":
        walk.refusal = draw(dul.associate_rjs())
    content, before = draw(contents(state, event)), walk.layer.deadline
    issued = walk.fire(event, content, cut_at(draw(cuts)))
    check(walk, event, action, outcome, issued, before)
