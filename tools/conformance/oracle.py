"""The oracle: Table 9-10 walked as sets of states (PS3.8 9.2).

Nobody outside sees a peer's state, and what it does by itself (accept, answer, give up) may come before or after it
reads the next byte. So two questions are asked of the rows of `spec/`, and of nothing else:

- `expected`: in these states, after these stimuli, which traces may be seen? Local primitives take part only where
  they are due: the response to an indication, the next request of a requestor whose turn it is.
- `Follower`: after all that was sent and seen, in which states may it be? Here every local primitive may happen at any
  time (a user may abort whenever it likes), so an empty set means that no reading of the table explains what was seen.

What an action shows on the wire is read off its steps (`shown`); the tolerated variants are data (`reactions`).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache

from ...spec.upper_layer import Outcome, load
from ...spec.values import value
from .reactions import Alternative, Reactions, inexact, tolerated
from .results import CLOSINGS, REACTIONS
from .tokens import Token

ACCEPTOR, REQUESTOR = "A", "R"
"""Roles of the peer."""
UNEXPECTED = (2,)
"""The exact A-ABORT reason for a valid PDU in the wrong state: unexpected-PDU (Table 9-26)."""

_SENT = {
    "A-ASSOCIATE-RQ": Token("RQ"),
    "A-ASSOCIATE-AC": Token("AC"),
    "A-ASSOCIATE-RJ": Token("RJ"),
    "P-DATA-TF": Token("DATA"),
    "A-RELEASE-RQ": Token("RLRQ"),
    "A-RELEASE-RP": Token("RP"),
    "A-ABORT (service-user source)": Token("A", (0, None)),
    "A-ABORT (service-provider source)": Token("A", (2, None)),
    "A-ABORT": Token("A", (None, None)),
}
"""What a "send" step shows."""
_ANSWERS = {"Sta3": ("Evt7", "Evt8"), "Sta8": ("Evt14",), "Sta9": ("Evt14",), "Sta12": ("Evt14",)}
"""Local responses that are due: an indication was given, and the table waits for the user."""
_CLOSED = "Sta1"
MOST_PENDING = 256
"""Events that may wait at a peer while its state is still followed; behind a longer queue it is anybody's guess."""
ENOUGH_ABORTS = 3
"""A-ABORTs after which a peer may answer no more in Sta13: AA-7 has no end, and a peer need not be made to talk."""
_MESSAGE_KINDS = ("DATA", "RSP", "REQ")
"""Tokens that are P-DATA-TF on the wire."""


@value
class Stimulus:
    """An event that the tester makes happen at the peer."""

    event: str
    """Of Table 9-10."""
    turns: int = 0
    """P-DATA messages that it entitles the peer to: a complete request, its response; a response, the next request."""
    reasons: tuple[int, ...] = UNEXPECTED
    """A-ABORT reasons that are exact for it."""


@cache
def shown(outcome: Outcome) -> Token | None:
    """The one thing that an observer sees of an action: a PDU, a close, or nothing."""
    for step in outcome.does:
        if step == "close":
            return Token("CLOSE")
        if step.startswith("send "):
            return _SENT[re.sub("^send ", "", step)]
    return None


@cache
def outcomes(event: str, state: str, role: str) -> tuple[tuple[str, Outcome], ...]:
    """The actions and outcomes of a cell; AR-8 asks for the role, AE-6 may go either way."""
    action = load().cells.get((event, state))
    if action is None:
        return ()
    if action.question == "requestor":
        return ((action.name, action.yes if role == REQUESTOR else action.no),)
    return tuple((action.name, outcome) for outcome in action.outcomes)


# ---- what is due ----


_NOTHING_YET = Alternative(())


@value
class _Path:
    """A way through the table: where it is, what of the stimuli was consumed, what was shown, how good it was."""

    state: str
    consumed: int = 0
    turns: int = 0
    way: Alternative = _NOTHING_YET

    def step(self, shows: Token | None, state: str, **more: int) -> "_Path":
        tokens = self.way.tokens if shows is None else (*self.way.tokens, shows)
        return replace(self, state=state, way=replace(self.way, tokens=tokens), **more)


def expected(role: str, states: Iterable[str], stimuli: Sequence[Stimulus], *, turns: int = 0) -> Reactions:
    """The traces that Table 9-10 allows, best first.

    Args:
        role: of the peer, "A" or "R".
        states: where it may be when the first stimulus comes.
        stimuli: in order.
        turns: P-DATA messages it is already entitled to.
    """
    found: list[Alternative] = []
    ends = [_Path(state, turns=turns) for state in states]
    while ends:
        path = ends.pop()
        following = list(_steps(role, path, stimuli))
        if path.state == _CLOSED or (path.consumed == len(stimuli) and not following):
            found.append(path.way)
        elif path.consumed == len(stimuli) and role == REQUESTOR and path.state == "Sta6" and path.turns < turns + 1:
            found.append(path.way)  # a requestor's turn is no duty
        if path.state != _CLOSED:
            ends += following
    return Reactions.of(found)


def _steps(role: str, path: _Path, stimuli: Sequence[Stimulus]) -> Iterator[_Path]:
    if path.consumed < len(stimuli):
        yield from _consume(role, path, stimuli[path.consumed])
    for event in _ANSWERS.get(path.state, ()):
        yield from (path.step(shown(outcome), outcome.next) for _, outcome in outcomes(event, path.state, role))
    if path.turns and path.state in ("Sta6", "Sta8"):
        message = Token("RSP" if role == ACCEPTOR else "REQ")
        for _, outcome in outcomes("Evt9", path.state, role):
            yield path.step(message, outcome.next, turns=path.turns - 1)
        if role == REQUESTOR:
            for _, outcome in outcomes("Evt11", path.state, role):
                yield path.step(shown(outcome), outcome.next, turns=0)


def _consume(role: str, path: _Path, stimulus: Stimulus) -> Iterator[_Path]:
    """The peer takes the next stimulus: by the table, or in a way that is tolerated."""
    turns = path.turns + (stimulus.turns if path.state in ("Sta5", "Sta6") else 0)
    for name, outcome in outcomes(stimulus.event, path.state, role):
        taken = path.step(shown(outcome), outcome.next, consumed=path.consumed + 1, turns=turns)
        if shown(outcome) == Token("A", (2, None)):
            yield from _by_reason(taken, stimulus.reasons)
        else:
            yield taken
        for variant in tolerated(name, requestor=role == REQUESTOR):
            yield _tolerated(path, variant, path.consumed + 1)


def _by_reason(path: _Path, exact: tuple[int, ...]) -> Iterator[_Path]:
    """A provider's abort with each reason of Table 9-26: the inexact ones are for strict mode to judge."""
    before = path.way.tokens[:-1]
    for reason in (0, 1, 2, 4, 5, 6):
        way = inexact(replace(path.way, tokens=(*before, Token("A", (2, reason)))), exact)
        yield replace(path, way=way)


def _tolerated(path: _Path, variant: Alternative, consumed: int) -> _Path:
    """A path that goes on behind a variant: it keeps the worse of both grades."""
    way = path.way
    worse = replace(
        way,
        tokens=way.tokens + variant.tokens,
        reaction=max(way.reaction, variant.reaction, key=REACTIONS.index),
        closing=max(way.closing, variant.closing, key=CLOSINGS.index),
    )
    state = _CLOSED if variant.tokens[-1].kind == "CLOSE" else "Sta13"
    return replace(path, state=state, consumed=consumed, way=worse)


# ---- what is possible ----


class Follower:
    """Keeps the set of states a peer may be in, from what was sent to it and what it was seen to do.

    Args:
        role: of the peer.
        state: where it begins: Sta2 behind an accepted connection, Sta5 behind its A-ASSOCIATE-RQ.
    """

    def __init__(self, role: str, state: str) -> None:
        self._role = role
        self._events: list[tuple[str, ...]] = []
        self._places = {(state, 0)}
        self._aborts = 0

    @property
    def states(self) -> tuple[str, ...]:
        """The states it may be in, in the order of the table; () when nothing in the table explains what was seen."""
        possible = {state for state, _ in self._silently(self._places)}
        return tuple(state for state in load().states if state in possible)

    @property
    def explained(self) -> bool:
        """Whether the table allows all that was seen."""
        return bool(self._places)

    @property
    def rested(self) -> bool:
        """Whether it may have taken all that was sent, and owe nothing: no PDU, and no answer of its user."""
        last = len(self._events)
        return any(consumed == last and state not in _ANSWERS for state, consumed in self._silently(self._places))

    def sent(self, *events: str) -> None:
        """The tester made an event happen; the peer may take it from now on, as any of these."""
        if len(self._events) < MOST_PENDING:
            self._events.append(events)
        else:
            self._places = set()

    def saw(self, token: Token) -> None:
        """The peer showed something."""
        kind = "DATA" if token.kind in _MESSAGE_KINDS else token.kind
        self._aborts += kind == "A"
        before = self._silently(self._places)
        self._places = {
            place
            for start in before
            for showed, place in self._moves(start)
            if showed is not None and showed.kind == kind
        }
        if kind == "CLOSE":
            # Sta13 is left before ARTIM by many, and a process may end anywhere: a transport event, no PDU of the table
            self._places |= {(_CLOSED, len(self._events))}

    def settled(self) -> None:
        """Nothing came for so long that the peer has taken all that was sent."""
        last = len(self._events)
        self._places = {place for place in self._silently(self._places) if place[1] == last}

    def _silently(self, places: Iterable[tuple[str, int]]) -> set[tuple[str, int]]:
        """With all places that are reached without a sign."""
        known = set(places)
        ends = list(known)
        while ends:
            for showed, place in self._moves(ends.pop()):
                if showed is None and place not in known:
                    known.add(place)
                    ends.append(place)
        return known

    def _moves(self, place: tuple[str, int]) -> Iterator[tuple[Token | None, tuple[str, int]]]:
        state, consumed = place
        if state == _CLOSED:
            return
        if consumed < len(self._events):
            if state == "Sta13" and self._aborts >= ENOUGH_ABORTS:
                yield None, (state, consumed + 1)
            for event in self._events[consumed]:
                for _, outcome in outcomes(event, state, self._role):
                    yield shown(outcome), (outcome.next, consumed + 1)
        for event in _LOCAL.get(state, ()):
            for _, outcome in outcomes(event, state, self._role):
                yield shown(outcome), (outcome.next, consumed)


_LOCAL = {
    state: tuple(event for event in load().possible(state) if load().events[event].source in ("user", "timer"))
    for state in load().states
    if state != _CLOSED
}
"""What may happen at a peer without anybody else."""
