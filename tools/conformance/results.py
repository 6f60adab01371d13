"""What a run found, as plain values: the one model that every report reads and that the judging writes.

`RunResult` holds a `Result` for each case, a `Result` holds an `Exchange` for each conversation of the case (a case
with three sub-stimuli has three), an `Exchange` holds its verdict on two axes and every `Event` on the wire. Reports
need nothing else: no registry, no network, no clock. Times are seconds; of events since the exchange began, monotonic.
"""

import enum
from dataclasses import dataclass, field

from ...spec.values import value
from .tokens import Token

SCHEMA_VERSION = 1
"""Of the JSON report; grows when a field changes its meaning or goes. `reports/schema.json` has every field."""


class Reaction(enum.StrEnum):
    """The first axis: what the peer did, from best to worst."""

    PASS = "PASS"  # noqa: S105  # a verdict, not a password
    ALT = "ALT"
    """An allowed alternative, or the other side of a race."""
    INFO = "INFO"
    """The standard says nothing; recorded."""
    LENIENT = "LENIENT"
    """Invalid input accepted, harmlessly."""
    SILENT = "SILENT"
    """A reaction was due, and nothing came."""
    FAIL = "FAIL"


class Closing(enum.StrEnum):
    """The second axis: how the connection ended, from best to worst."""

    CLEAN = "CLEAN"
    EARLY = "EARLY"
    """Closed in Sta13 before ARTIM or the tester did."""
    DIRTY = "DIRTY"
    """Gone without the PDU that was due."""
    LEAK = "LEAK"
    """Still open after ARTIM, or after the tester had closed."""


class Health(enum.StrEnum):
    """How the peer is after a case, from best to worst."""

    OK = "OK"
    SLOW = "SLOW"
    GROWTH = "GROWTH"
    """Its process has kept memory, descriptors or threads that the case cost it."""
    BLOCKED = "BLOCKED"
    """It serves again, but only after a while."""
    DEAD = "DEAD"
    UNKNOWN = "UNKNOWN"
    """Not asked for."""


class Outcome(enum.StrEnum):
    """What became of a case as a whole, in the mode of the run."""

    PASSED = "PASSED"
    TOLERATED = "TOLERATED"
    """Not what the clause asks, but not failed in this mode."""
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    UNDRIVEN = "UNDRIVEN"
    """The peer could not be brought into the state."""
    ERROR = "ERROR"
    """The tester's own fault."""


class Expectation(enum.StrEnum):
    """What a baseline says to an outcome (catalogue 4.6)."""

    NONE = ""
    """It does not have the case, or has nothing against how it came out."""
    XFAIL = "XFAIL"
    """Failed as expected, in the manner expected."""
    XPASS = "XPASS"
    """Expected to fail, and did not."""
    DRIFT = "DRIFT"
    """Failed in another manner."""
    EXPIRED = "EXPIRED"
    """Failed as expected, but the entry was good until an earlier day only."""


class Level(enum.StrEnum):
    """How binding a case is."""

    M = "M"
    """Shall."""
    S = "S"
    """Should, or canonical."""
    I = "I"  # noqa: E741  # the letter of the catalogue
    """Informational."""


REACTIONS, CLOSINGS = list(Reaction), list(Closing)
"""In the order from best to worst."""


@value
class Event:
    """Something that happened on a connection of an exchange."""

    at: float
    """Seconds since the exchange began."""
    kind: str
    """"connect", "accept", "sent", "pdu" (one whole PDU that came), "bytes" (what came and completed no PDU), "fin",
    "rst", "send-failed" (what the peer did to the connection), "our-fin", "our-rst", "our-close" (what we did),
    "refused", "silence", "note"."""
    connection: int = 0
    """Which connection of the exchange, from 0."""
    data: bytes = b""
    """The bytes of "sent", "pdu", "bytes"; at most `record.KEPT` of them."""
    length: int = 0
    """How many bytes there were."""
    digest: str = ""
    """SHA-256 of all of them, where not all are kept."""
    words: str = ""
    """What it is: the names of PDUs, the token, or what was noted."""
    states: tuple[str, ...] = ()
    """The states of Table 9-10 that the peer may be in afterwards; () where Table 9-10 allows no explanation."""
    fault: str = ""
    """What the strict codec says against a PDU that came."""

    @property
    def direction(self) -> str:
        """ ">" from the tester to the peer, "<" from the peer, "-" neither."""
        return {"sent": ">", "our-fin": ">", "our-rst": ">", "our-close": ">", "pdu": "<", "bytes": "<"}.get(
            self.kind, "<" if self.kind in ("fin", "rst") else "-"
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """An always-on assertion (EM-01 to EM-20) that the peer broke in an exchange, whatever the case was about."""

    id: str
    """Of the assertion."""
    what: str
    """What was wrong."""
    at: float = 0.0
    """Seconds since the exchange began."""
    connection: int = 0
    """Which connection of the exchange, from 0."""
    strict: bool = False
    """Whether only strict mode minds."""


@dataclass(slots=True)
class Exchange:
    """One conversation of a case, and what was found."""

    label: str = ""
    """Which variant of the case's stimulus; "" when there is one only."""
    expected: str = ""
    """The reactions allowed, in the notation of `tokens`."""
    seen: tuple[Token, ...] = ()
    """The reaction: what came from the stimulus on."""
    reaction: Reaction = Reaction.PASS
    closing: Closing = Closing.CLEAN
    why: str = ""
    """In words: which alternative matched with a remark, or what was missing."""
    strict_fault: str = ""
    """What strict mode finds against it, though the reaction passes (an inexact abort reason)."""
    growth: str = ""
    """What of the peer's process has grown, where its pid is known."""
    states: tuple[str, ...] = ()
    """Where the stimulus met the peer, as far as Table 9-10 tells."""
    began: float = 0.0
    """When it began, by the wall clock: seconds since 1970, UTC."""
    stimulus_at: float = 0.0
    """When the peer was where the case wants it: events before brought it there, events from then on are the case."""
    seconds: float = 0.0
    """From the last stimulus to the decision."""
    events: tuple[Event, ...] = ()
    findings: tuple[Finding, ...] = ()
    """What of the always-on assertions was broken meanwhile: counted as results of their own, not of this case."""
    instances: tuple[str, ...] = ()
    """SOP Instance UIDs that the peer was given to store."""
    trigger: "TriggerRun | None" = None
    """Role R: what the command that made the peer dial did."""
    skipped: str = ""
    undriven: str = ""
    error: str = ""
    """The tester's own fault, with its traceback."""
    conditions: str = ""
    """What was not ordinary about how it was played (`conditions.words`), where a case is played under several."""


@value
class TriggerRun:
    """A run of the command that makes a requestor dial."""

    command: tuple[str, ...]
    exit_code: int | None
    """None when it had to be killed. Recorded, and never an oracle."""
    output: str
    """The end of what it printed."""


@dataclass(slots=True)
class Result:
    """A case in one role."""

    id: str
    slug: str
    title: str
    role: str
    """"A": the peer is the acceptor; "R": the peer is the requestor."""
    level: Level
    clauses: tuple[str, ...]
    states: tuple[str, ...]
    events: tuple[str, ...]
    """States and events of Table 9-10 the case is about: its cells."""
    tags: tuple[str, ...]
    outcome: Outcome = Outcome.PASSED
    verdict: str = ""
    """One word for tables and baselines: the worst of reaction, closing and health that decided the outcome."""
    signature: str = ""
    """How it failed, in the notation of `tokens`: what a baseline compares."""
    exchanges: list[Exchange] = field(default_factory=list)
    health: Health = Health.UNKNOWN
    health_seconds: float = 0.0
    """How long the check took, or how long the peer was blocked."""
    seconds: float = 0.0
    reason: str = ""
    """Why it was skipped, not driven, or an error."""
    runs: int = 1
    failures: int = 0
    """Of `runs`, with --repeat, or when a suspect was run once more alone."""
    suspect: bool = False
    """It failed next to others, and this is the result of running it alone."""
    why: str = ""
    """What a reader should know of the case besides."""
    expectation: Expectation = Expectation.NONE
    """What the baseline says to the outcome."""
    expected_why: str = ""
    """Why the baseline expects it to fail, with the link."""

    @property
    def flaky(self) -> bool:
        """It did not always come out the same."""
        return 0 < self.failures < self.runs

    @property
    def worst(self) -> Exchange | None:
        """The exchange that decided, the first of the worst."""
        return max(self.exchanges, key=badness, default=None)

    @property
    def cells(self) -> tuple[tuple[str, str], ...]:
        """The cells (event, state) of Table 9-10 it judges."""
        return tuple((event, state) for event in self.events for state in self.states)


def badness(exchange: Exchange) -> tuple[bool, int, int]:
    """Orders exchanges from best to worst."""
    return (
        bool(exchange.error or exchange.undriven),
        REACTIONS.index(exchange.reaction),
        CLOSINGS.index(exchange.closing),
    )


@dataclass(slots=True)
class RunResult:
    """A whole run against one peer."""

    peer: str
    """Address, or command, and titles."""
    roles: str
    """"A", "R" or "AR"."""
    mode: str
    """"default", "strict" or "robust"."""
    started: str = ""
    """Wall-clock time, ISO 8601 with zone."""
    seconds: float = 0.0
    tool: str = ""
    """Name and version."""
    edition: str = ""
    """Of the standard whose table judged."""
    settings: dict[str, float | str | bool | int] = field(default_factory=dict)
    """react, settle, artim, ...: what a repetition needs."""
    profile: dict[str, object] = field(default_factory=dict)
    """What `probe` measured, or nothing."""
    results: list[Result] = field(default_factory=list)
    sanity: str = ""
    """Why the peer could not be used at all, or nothing."""
    end_sanity: str = ""
    """What was wrong with it at the end, or nothing."""
    instances: list[str] = field(default_factory=list)
    """SOP Instance UIDs that the peer was given to store, to be cleaned up there: of every conversation, also of those
    that were repeated and are not kept."""
    again: str = ""
    """The command that repeats a case, with {id} for its id."""

    @property
    def program(self) -> str:
        """The tester's name and version, without those of its libraries."""
        return self.tool.partition("\n")[0]

    def count(self, outcome: Outcome, level: Level | None = None) -> int:
        """How many cases came out so."""
        return sum(each.outcome is outcome and level in (None, each.level) for each in self.results)

    @property
    def failed(self) -> list[Result]:
        """What decides the exit code, worst levels first."""
        unexpected = [each for each in self.results if each.outcome is Outcome.FAILED and not expected(each)]
        return [each for level in Level for each in unexpected if each.level is level]

    @property
    def drifted(self) -> list[Result]:
        """What a baseline has something against, though it is no new failure."""
        return [each for each in self.results if each.expectation in (Expectation.XPASS, Expectation.DRIFT)]


def expected(result: Result) -> bool:
    """Whether a failure does not count as one: the baseline has it, in this manner or in another."""
    return result.expectation in (Expectation.XFAIL, Expectation.DRIFT)
