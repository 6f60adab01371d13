"""Loads `upper_layer.toml`: PS3.8 section 9.2 (states, events, actions, Table 9-10) as immutable values.

The loader refuses whatever could make the table say something else than the standard's: a missing, doubled or misplaced
state, event or action, a ragged row, a cell that names no action, an action no cell uses, a state nothing leads to, a
network event without an answer. Each refusal names the line and the cell.
"""

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from . import text_of
from .documents import document
from .errors import SpecError
from .values import value

STATES = tuple(f"Sta{n}" for n in range(1, 14))
EVENTS = tuple(f"Evt{n}" for n in range(1, 20))
ACTIONS = tuple(
    f"{group}-{n}" for group, last in (("AE", 8), ("DT", 2), ("AR", 10), ("AA", 8)) for n in range(1, last + 1)
)
SOURCES = ("user", "transport", "peer", "timer")
EMPTY = "."
_VERBS = re.compile(r"(connect|accept|close|ignore|(start|stop) ARTIM|(send|indicate|confirm) [AP]-[A-Z].*)")
_CLOSED = ("Sta1", "Sta4")
"""The states without a transport connection: nothing can arrive from a peer there."""


@value
class State:
    """A state of the protocol machine (Tables 9-1 to 9-5)."""

    name: str
    """"Sta1" to "Sta13"."""
    phase: str
    """The heading it stands under."""
    means: str
    """What it awaits."""
    artim: bool
    """Whether the ARTIM timer runs in it."""


@value
class Event:
    """An event: a row of Table 9-10."""

    name: str
    """"Evt1" to "Evt19"."""
    means: str
    """What happened."""
    source: str
    """Who makes it happen: "user", "transport", "peer" or "timer"."""


@value
class Outcome:
    """What an action does, in order, and where it leads."""

    does: tuple[str, ...]
    """Steps, in the few words that the TOML file lists."""
    next: str
    """The state that follows."""


@value
class Action:
    """An action (Tables 9-6 to 9-9)."""

    name: str
    """"AE-1" to "AA-8"."""
    question: str | None
    """The question it branches on, or None."""
    yes: Outcome
    """The outcome; of a branching action, when the answer is yes."""
    no: Outcome
    """The same as `yes` where nothing is asked."""

    @property
    def method(self) -> str:
        """Name of the method that carries it out: "AE-6" is `ae_6`."""
        return self.name.lower().replace("-", "_")

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """One outcome, or two."""
        return (self.yes,) if self.question is None else (self.yes, self.no)


@value
class UpperLayerSpec:
    """PS3.8 9.2 as data."""

    edition: str
    """The edition of the standard it was checked against."""
    states: Mapping[str, State]
    events: Mapping[str, Event]
    actions: Mapping[str, Action]
    cells: Mapping[tuple[str, str], Action]
    """The filled cells of Table 9-10 by (event, state)."""

    def possible(self, state: str) -> tuple[str, ...]:
        """The events with a filled cell in a state, in the order of the table."""
        return tuple(event for event in self.events if (event, state) in self.cells)


@cache
def load() -> UpperLayerSpec:
    """The specification that ships with dulcet."""
    return parse(text_of("upper_layer.toml"))


def parse(text: str, source: str = "upper_layer.toml") -> UpperLayerSpec:
    """Read and check a specification.

    Args:
        text: the TOML text.
        source: its name, for messages.

    Raises:
        SpecError: naming line and cell of the first thing that is wrong.
    """
    return _Reader(text, source).spec()


class _Reader:
    """One reading of a specification: knows the text, to name lines."""

    def __init__(self, text: str, source: str) -> None:
        self.source = source
        self.lines = text.splitlines()
        self.document = document(text, source)
        self.rows: dict[str, int] = {}
        """Line of each event's row of Table 9-10."""

    def fail(self, message: str, *places: int | str) -> SpecError:
        """What is wrong, and the first place that there is: a line's number, or what one starts with."""
        lines = (place if isinstance(place, int) else self.line_of(place) for place in places)
        line = next((line for line in lines if line is not None), None)
        where = self.source if line is None else f"{self.source}, line {line}"
        return SpecError(f"{where}: {message}")

    def line_of(self, start: str) -> int | None:
        """Number of the first line that starts so."""
        return next((n for n, line in enumerate(self.lines, 1) if line.startswith(start)), None)

    def section(self, name: str, names: tuple[str, ...]) -> dict[str, dict[str, Any]]:
        """A table of the document, whose keys must be `names` in this order."""
        found = self.document.get(name)
        if not isinstance(found, dict):
            raise self.fail(f"[{name}] is missing")
        for expected, key in zip(names, found, strict=False):
            if key != expected:
                raise self.fail(f"[{name}]: {expected} expected, {key} found", key, f"[{name}.{key}]")
        if len(found) != len(names):
            odd = (
                names[len(found)] + " is missing"
                if len(found) < len(names)
                else list(found)[len(names)] + " is one too many"
            )
            raise self.fail(f"[{name}]: {odd}", f"[{name}", name)
        for key, entry in found.items():
            if not isinstance(entry, dict):
                raise self.fail(f"{key} is not a table", key)
        return found

    def word(self, key: str, entry: dict[str, Any], field: str, allowed: tuple[str, ...] = ()) -> str:
        """A string of an entry, one of `allowed` where that is given."""
        value = entry.get(field)
        places = (key, f"[actions.{key}]")
        if not isinstance(value, str) or not value:
            raise self.fail(f"{key}: {field} is missing", *places)
        if allowed and value not in allowed:
            raise self.fail(f"{key}: {field} = {value!r} is none of {', '.join(allowed)}", *places)
        return value

    def spec(self) -> UpperLayerSpec:
        edition = self.word("edition", self.document, "edition")
        states = {
            name: State(
                name, self.word(name, entry, "phase"), self.word(name, entry, "means"), entry.get("artim") is True
            )
            for name, entry in self.section("states", STATES).items()
        }
        events = {
            name: Event(name, self.word(name, entry, "means"), self.word(name, entry, "source", SOURCES))
            for name, entry in self.section("events", EVENTS).items()
        }
        actions = {name: self.action(name, entry) for name, entry in self.section("actions", ACTIONS).items()}
        cells = self.cells(actions)
        spec = UpperLayerSpec(edition, *map(MappingProxyType, (states, events, actions, cells)))  # type: ignore[arg-type]  # mypy loses the four types in map
        self.judge(spec)
        return spec

    def action(self, name: str, entry: dict[str, Any]) -> Action:
        question = entry.get("question")
        if question is None:
            outcome = self.outcome(name, entry)
            return Action(name, None, outcome, outcome)
        branches = []
        for answer in ("yes", "no"):
            if not isinstance(entry.get(answer), dict):
                raise self.fail(f"{name}: asks a question but has no '{answer}'", f"[actions.{name}]")
            branches.append(self.outcome(name, entry[answer]))
        return Action(name, self.word(name, entry, "question"), *branches)

    def outcome(self, name: str, entry: dict[str, Any]) -> Outcome:
        place = f"[actions.{name}]"
        does = entry.get("does")
        if not isinstance(does, list) or not does:
            raise self.fail(f"{name}: does is missing", place)
        for step in does:
            if not isinstance(step, str) or not _VERBS.fullmatch(step):
                raise self.fail(f"{name}: does not understand the step {step!r}", place)
        return Outcome(tuple(does), self.word(name, entry, "next", STATES))

    def cells(self, actions: dict[str, Action]) -> dict[tuple[str, str], Action]:
        """The grid, cell by cell."""
        table = self.document.get("table_9_10")
        grid = table.get("grid") if isinstance(table, dict) else None
        first = self.line_of("grid")
        if not isinstance(grid, str) or first is None:
            raise self.fail("[table_9_10]: grid is missing", "[table_9_10]")
        rows = [(first + offset, line.split()) for offset, line in enumerate(grid.splitlines(), 1) if line.strip()]
        if not rows or rows[0][1] != list(STATES):
            raise self.fail(
                "Table 9-10: the first row must name the states Sta1 to Sta13", rows[0][0] if rows else first
            )
        cells = {}
        for event, (line, row) in zip(EVENTS, rows[1:], strict=False):
            if row[0] != event:
                raise self.fail(f"Table 9-10: row {event} expected, {row[0]} found", line)
            if len(row) != 1 + len(STATES):
                raise self.fail(f"Table 9-10: row {event} has {len(row) - 1} cells, not {len(STATES)}", line)
            self.rows[event] = line
            for state, name in zip(STATES, row[1:], strict=True):
                if name == EMPTY:
                    continue
                if name not in actions:
                    raise self.fail(f"Table 9-10: cell {event} x {state}: there is no action {name}", line)
                cells[event, state] = actions[name]
        if len(rows) != 1 + len(EVENTS):
            raise self.fail(f"Table 9-10: {len(rows) - 1} rows, not {len(EVENTS)}", rows[-1][0])
        return cells

    def judge(self, spec: UpperLayerSpec) -> None:
        """What must hold between the parts."""
        for event in spec.events.values():
            for state in spec.states.values():
                must = {
                    "peer": state.name not in _CLOSED,
                    "timer": state.artim,
                    "transport": (event.name, state.name) in spec.cells,
                    "user": (event.name, state.name) in spec.cells,
                }[event.source]
                if must is not ((event.name, state.name) in spec.cells):
                    need = "empty, but may happen there" if must else "filled, but cannot happen there"
                    raise self.fail(f"Table 9-10: cell {event.name} x {state.name} is {need}", self.rows[event.name])
        used = {action.name for action in spec.cells.values()}
        for name in spec.actions:
            if name not in used:
                raise self.fail(f"{name} stands in no cell of Table 9-10", f"[actions.{name}]")
        found = reachable(spec)
        for lost in [state for state in spec.states if state not in found]:
            raise self.fail(f"Table 9-10: no cell leads to {lost}", lost)


def reachable(spec: UpperLayerSpec) -> frozenset[str]:
    """The states that events can lead to from Sta1."""
    known, open_ends = {"Sta1"}, ["Sta1"]
    while open_ends:
        state = open_ends.pop()
        for event in spec.possible(state):
            for outcome in spec.cells[event, state].outcomes:
                if outcome.next not in known:
                    known.add(outcome.next)
                    open_ends.append(outcome.next)
    return frozenset(known)
