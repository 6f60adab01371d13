"""The oracle against the catalogue's own tables, copied by hand, and against dulcet's own upper layer in any walk."""

import pytest
from dulcet.dul.pdu import AssociateAC
from dulcet.dul.primitives import AAbortRequest, AAssociateResponse, AReleaseRequest, AReleaseResponse
from dulcet.dul.upper_layer import UpperLayer
from dulcet.tools.conformance import frames
from dulcet.tools.conformance.oracle import Follower, Stimulus, expected
from dulcet.tools.conformance.reactions import Reactions, parse
from dulcet.tools.conformance.reading import Cutter
from dulcet.tools.conformance.recipes import STARTS
from dulcet.tools.conformance.tokens import Token, of_pdu
from hypothesis import given
from hypothesis import strategies as st

ACCEPTOR = """
Evt3    AA1       AA8r2    AA8r2    AA8r2|AA6  AA6
Evt4    AA1       AA8r2    AA8r2    AA8r2|AA6  AA6
Evt6    AC|RJ     AA8r2    AA8r2    AA8r2|AA7  AA7
Evt12   AA1       AA8r2|RP RP       AA8r2|AA6  AA6
Evt13   AA1       AA8r2    AA8r2    AA8r2|AA6  AA6
Evt16   CLOSE     CLOSE    CLOSE    CLOSE      CLOSE
Evt19   AA1       AA8r1    AA8r1    AA8r1|AA7  AA7
"""
"""The catalogue's 3.1, role A: Sta2, Sta3, Sta6, Sta8, Sta13."""
REQUESTOR = """
Evt3    REQ|RLRQ  AA8r2  AA8r2  AA8r2|AA6  AA8r2        AA8r2  AA6
Evt4    CLOSE     AA8r2  AA8r2  AA8r2|AA6  AA8r2        AA8r2  AA6
Evt6    AA8r2     AA8r2  AA8r2  AA8r2|AA7  AA8r2        AA8r2  AA7
Evt12   AA8r2     RP     RP     AA8r2|AA6  AA8r2        AA8r2  AA6
Evt13   AA8r2     AA8r2  CLOSE  AA8r2|AA6  AA8r2|CLOSE  CLOSE  AA6
Evt16   CLOSE     CLOSE  CLOSE  CLOSE      CLOSE        CLOSE  CLOSE
Evt19   AA8r1     AA8r1  AA8r1  AA8r1|AA7  AA8r1        AA8r1  AA7
"""
"""Role R: Sta5, Sta6, Sta7, Sta8, Sta9, Sta11, Sta13."""
PREFIX = {
    ("A", "Sta3"): ("Evt6", ("AC", "RJ")),
    ("A", "Sta8"): ("Evt12", ("RP",)),
    ("R", "Sta8"): ("Evt12", ("RP",)),
    ("R", "Sta9"): ("Evt12", ("RP",)),
}
"""What leads into a transient state, and what was due to it, which may come first."""


def rows() -> list[tuple[str, str, str, str]]:
    columns = {
        "A": ("Sta2", "Sta3", "Sta6", "Sta8", "Sta13"),
        "R": ("Sta5", "Sta6", "Sta7", "Sta8", "Sta9", "Sta11", "Sta13"),
    }
    return [
        (role, state, line.split()[0], cell)
        for role, grid in (("A", ACCEPTOR), ("R", REQUESTOR))
        for line in grid.strip().splitlines()
        for state, cell in zip(columns[role], line.split()[1:], strict=True)
    ]


def traces(reactions: Reactions, *, passing: bool = True) -> set[str]:
    """What may be seen without any remark, as notation."""
    good = [each for each in reactions.alternatives if not passing or (each.rank == (0, 0, False))]
    return {", ".join(map(str, each.tokens)) or "HOLD" for each in good}


EXACT = {
    "AA1": {"A(0,*)"},
    "AA8r1": {"A(2,1)"},
    "AA8r2": {"A(2,2)"},
    "AA6": {"HOLD"},
    "AA7": {"A(*,*)"},
}


@pytest.mark.parametrize(("role", "state", "event", "cell"), rows(), ids="-".join)
def test_a_cell_is_expected_as_the_catalogue_has_it(role: str, state: str, event: str, cell: str) -> None:
    before, due = PREFIX.get((role, state), ("", ()))
    turns = int(event == "Evt3" and state == "Sta5")
    stimuli = ([Stimulus(before)] if before else []) + [Stimulus(event, turns, (1,) if event == "Evt19" else (2,))]
    found = traces(expected(role, [STARTS[role, state]], stimuli))
    wanted = set().union(*(EXACT.get(word, {word}) for word in cell.split("|")))
    if due:
        behind = {trace.partition(", ")[2] or "HOLD" for trace in found if trace.partition(", ")[0] in due}
        found = {trace for trace in found if trace.partition(", ")[0] not in due} | behind
        if state == "Sta3":
            found -= {"HOLD", "A(*,*)"}  # behind an A-ASSOCIATE-RJ the peer is in Sta13: AA-6, AA-7
    assert found == wanted


def test_a_race_between_answer_and_next_pdu_has_both_sides() -> None:
    """RQ, P-DATA and RLRQ in one segment: `AC, RSP, RP` and `A(2,2)` are both right (catalogue 4.2, rule 5)."""
    found = expected("A", ["Sta2"], [Stimulus("Evt6"), Stimulus("Evt10", 1), Stimulus("Evt12")])
    assert {"AC, RSP, RP", "A(2,2)"} <= traces(found)


@pytest.mark.parametrize(
    ("state", "event", "tolerated"),
    [
        ("Sta2", "Evt3", {"A(2,*)": "ALT", "CLOSE": "DIRTY"}),
        ("Sta6", "Evt3", {"A(0,*)": "LENIENT", "CLOSE": "DIRTY"}),
        ("Sta13", "Evt3", {"CLOSE": "EARLY"}),
        ("Sta13", "Evt6", {"CLOSE": "EARLY"}),
    ],
)
def test_what_is_tolerated_in_the_place_of_an_action(state: str, event: str, tolerated: dict[str, str]) -> None:
    found = expected("A", [state], [Stimulus(event)])
    marked = {str(each) for each in found.alternatives if not each.strict_fault and each.rank != (0, 0, False)}
    assert marked == {f"~{trace} [{grade}]" for trace, grade in tolerated.items()}


def test_reasons_that_are_not_exact_pass_and_are_told() -> None:
    found = expected("A", ["Sta6"], [Stimulus("Evt3")])
    inexact = {str(each.tokens[0]) for each in found.alternatives if each.strict_fault}
    assert inexact == {"A(2,0)", "A(2,1)", "A(2,4)", "A(2,5)", "A(2,6)"}


def test_only_a_requestor_may_abort_a_release_it_did_not_ask_for() -> None:
    assert parse("~A(0,*) [DIRTY]").alternatives[0] in expected("R", ["Sta6"], [Stimulus("Evt12")]).alternatives
    assert traces(expected("A", ["Sta6"], [Stimulus("Evt12")]), passing=False) == {"RP"}


# ---- following ----


def test_the_states_of_an_ordinary_association() -> None:
    follower = Follower("A", "Sta2")
    follower.sent("Evt6")
    assert follower.states == ("Sta2", "Sta3")
    follower.saw(Token("AC"))
    assert follower.states == ("Sta6",)
    follower.sent("Evt12")
    assert follower.states == ("Sta6", "Sta8")
    follower.settled()
    assert follower.states == ("Sta8",)
    follower.saw(Token("RP"))
    assert follower.states == ("Sta13",)


def test_what_no_row_explains_leaves_no_state() -> None:
    follower = Follower("A", "Sta2")
    follower.saw(Token("AC"))
    assert follower.states == ()
    assert not follower.explained


RQ = frames.associate_rq()
PDUS = {
    "RQ": RQ,
    "AC": frames.associate_ac(),
    "RJ": frames.associate_rj(),
    "DATA": frames.p_data(frames.pdv(1, b"\0\0")),
    "RLRQ": frames.release_rq(),
    "RP": frames.release_rp(),
    "ABORT": frames.abort(),
    "unknown": frames.pdu(0x47, b"1234"),
    "broken": frames.release_rq(b"12"),
}
USER = ("accept", "release", "respond", "abort")
STEPS = st.lists(st.sampled_from([*PDUS, *USER, "close", "artim"]), max_size=8)


@given(STEPS)
def test_the_state_of_our_own_upper_layer_is_always_among_those_followed(steps: list[str]) -> None:
    """In any conversation with an acceptor of ours, the table explains what it does, and its state is in the set."""
    layer, follower, cutter, now = UpperLayer(requestor=False), Follower("A", "Sta2"), Cutter(), 0.0
    layer.offered(now)
    layer.outbox.clear()
    for step in steps:
        now += 1.0
        if step in PDUS:
            for pdu in Cutter().feed(PDUS[step]):
                follower.sent(pdu.event)
            layer.receive(PDUS[step], now)
        elif step == "close":
            follower.sent("Evt17")
            layer.closed(now)
        elif step == "artim":
            layer.tick(now + 1000.0)
        else:
            user_does(layer, step, now)
        for output in layer.outbox:
            if isinstance(output, bytes):
                for pdu in cutter.feed(output):
                    follower.saw(of_pdu(pdu))
            else:
                follower.saw(Token("CLOSE"))
        layer.outbox.clear()
        assert layer.state in follower.states
        if layer.state == "Sta1":
            return


def user_does(layer: UpperLayer, step: str, now: float) -> None:
    primitives = {
        "accept": AAssociateResponse(AssociateAC(())),
        "release": AReleaseRequest(),
        "respond": AReleaseResponse(),
        "abort": AAbortRequest(),
    }
    event = {"accept": "Evt7", "release": "Evt11", "respond": "Evt14", "abort": "Evt15"}[step]
    if event in layer.possible():
        layer.request(primitives[step], now)
