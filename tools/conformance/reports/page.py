"""The HTML report: one file that needs nothing else, read from a disk or a USB stick (catalogue 4.8).

The peer's fingerprint, the score, Table 9-10 with cells that lead to their cases, the clauses as a tree, filters, and
each case with what was expected and seen, its sequence diagram, and its bytes field by field. The form is in
`templates/`; here is only what goes into it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from .. import clauses
from ..reactions import INEXACT
from ..results import Closing, Exchange, Health, Level, Outcome, Reaction, Result, RunResult, expected
from ..tokens import text
from . import fingerprint, small_picture
from .bytes_view import hexdump
from .diagram import repeat
from .drawing import written
from .matrix import Cell, by_cell
from .picture import SIGNS, drawn
from .score import score, tally
from .sequence_drawing import drawn as sequence
from .steps import Step, steps

SECTIONS = {
    "S": "State cells",
    "T": "Transport and ARTIM",
    "P": "PDU framing",
    "RQ": "A-ASSOCIATE-RQ",
    "AC": "A-ASSOCIATE-AC",
    "RJ": "A-ASSOCIATE-RJ",
    "PD": "P-DATA-TF",
    "RL": "Release and collision",
    "AB": "Abort",
    "NEG": "Negotiation",
    "CMD": "Command sets",
    "ROB": "Robustness",
    "EM": "What the peer sends",
}
"""Of the catalogue, by the first word of an id."""
SCORES = {"M": "shall", "S": "should", "I": "informational", "robust": "robustness", "cells": "cells of Table 9-10"}
MOST_STEPS = 200
"""Of one exchange that stand in the wire log; the JSON report has all."""
SIGN = {**SIGNS, Outcome.SKIPPED: "\N{EN DASH}"}


def write(run: RunResult, path: str) -> None:
    """Write it to a file."""
    Path(path).write_text(document(run), encoding="utf-8")


def document(run: RunResult) -> str:
    """The report as HTML."""
    results = sorted(run.results, key=lambda each: (clauses.order(each.clauses[0]), _number(each), each.role))
    groups = [Group(clause, [each for each in results if each.clauses[0] == clause]) for clause in _clauses(results)]
    return (
        environment()
        .get_template("report.html")
        .render(
            run=run,
            name=fingerprint.name(run),
            verdict=verdict(run),
            facts=fingerprint.fingerprint(run),
            scores=[Score(SCORES[name], good, of) for name, good, of in score(run) if of],
            outcomes=[(each, run.count(each), SIGN[each]) for each in Outcome if run.count(each)],
            levels=[level for level in Level if any(each.level is level for each in results)],
            sections=[(key, name) for key, name in SECTIONS.items() if any(_section(each) == key for each in results)],
            picture=svg(drawn(run, _link(run))),
            small=svg(small_picture.drawn(run, _link(run))),
            chapters=chapters(groups),
            groups=groups,
            case=lambda result: CaseView(run, result),
        )
    )


def svg(element: Element) -> Markup:
    """A drawing, to stand in the page."""
    return Markup(written(element))  # noqa: S704  # made of elements, all text in it escaped


def environment() -> Environment:
    """Templates beside this module; everything that is put into them is escaped."""
    return Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def verdict(run: RunResult) -> tuple[str, str]:
    """How it ended: a class and a sentence."""
    if run.sanity:
        return "failed", f"Nothing could be judged: {run.sanity}"
    if count := len(run.failed):
        return "failed", f"{count} unexpected failure{'s' if count > 1 else ''}"
    if run.drifted:
        return "tolerated", "Other than the baseline has it"
    return "passed", "No unexpected failure"


@dataclass(frozen=True, slots=True)
class Score:
    """A part of the score."""

    name: str
    good: int
    of: int

    @property
    def percent(self) -> float:
        """For a bar."""
        return 100 * self.good / self.of


@dataclass(frozen=True, slots=True)
class Group:
    """The cases of a clause."""

    clause: str
    results: list[Result]

    @property
    def anchor(self) -> str:
        """Where it stands in the page."""
        return self.clause.replace(" ", "-")

    @property
    def words(self) -> str:
        """What the clause says."""
        return clauses.words(self.clause)

    @property
    def tally(self) -> tuple[int, int]:
        """Passed, and judged."""
        return tally(self.results)

    @property
    def bad(self) -> int:
        """Unexpected failures."""
        return sum(each.outcome is Outcome.FAILED and not expected(each) for each in self.results)


def chapters(groups: Sequence[Group]) -> list[tuple[str, str, list[Group]]]:
    """The tree of clauses: part and chapter, its words, the clauses of it that have cases."""
    found: dict[str, list[Group]] = {}
    for group in groups:
        part, _, number = group.clause.partition(" ")
        first = number.removeprefix("Table ").replace("-", ".").partition(".")[0]
        found.setdefault(f"{part} {first}", []).append(group)
    return [(chapter, clauses.words(chapter), own) for chapter, own in found.items()]


def _clauses(results: Sequence[Result]) -> list[str]:
    return list(dict.fromkeys(each.clauses[0] for each in results))


def _section(result: Result) -> str:
    return result.id.partition("-")[0]


def _number(result: Result) -> tuple[int, str]:
    """Sections in the order of the catalogue."""
    section = _section(result)
    return (list(SECTIONS).index(section) if section in SECTIONS else len(SECTIONS)), result.id


def anchor(result: Result) -> str:
    """Where a case stands in the page."""
    return f"{result.id}.{result.role}"


def _link(run: RunResult) -> "Linked":
    return Linked({cell: anchor(next(iter(roles.values()))[0]) for cell, roles in by_cell(run).items()})


@dataclass(frozen=True, slots=True)
class Linked:
    """Where the cells lead: to the first of their cases, and with a script to all of them."""

    anchors: dict[Cell, str]

    def __call__(self, cell: Cell) -> str:
        """The link of a cell, or nothing."""
        return f"#{self.anchors[cell]}" if cell in self.anchors else ""


# ---- a case ----


class CaseView:
    """A case as the page shows it."""

    def __init__(self, run: RunResult, result: Result) -> None:
        self.result = result
        self.anchor = anchor(result)
        self.repeat = repeat(run, result)
        self.section = _section(result)
        self.clauses = [(clause, clauses.words(clause)) for clause in result.clauses]
        self.word = str(result.expectation or result.verdict or result.outcome)
        self.sign = SIGN[result.outcome]
        self.cells = "|".join(" ".join(cell) for cell in result.cells) if len(result.cells) == 1 else ""
        self.unwell = result.health not in (Health.OK, Health.UNKNOWN)

    @property
    def search(self) -> str:
        """The text that is searched."""
        result = self.result
        parts = (result.id, result.title, result.slug, result.signature, self.word, *result.clauses, *result.states)
        return " ".join((*parts, *result.events, *result.tags, result.reason)).lower()

    @property
    def seen(self) -> str:
        """In the line of the case: what came, or why nothing was judged."""
        reason = self.result.reason.strip().splitlines()
        return reason[-1] if reason else self.result.signature

    @property
    def exchanges(self) -> Iterator["ExchangeView"]:
        """Its conversations."""
        return map(ExchangeView, self.result.exchanges)


class ExchangeView:
    """A conversation as the page shows it."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._steps = steps(exchange)
        self.seen = text(exchange.seen)
        self.closing = "" if exchange.closing is Closing.CLEAN else str(exchange.closing)
        self.left_out = max(0, len(self._steps) - MOST_STEPS)

    @property
    def expected(self) -> list[list[str]]:
        """What was allowed, one by one, of each reaction that was due in turn."""
        turns = self.exchange.expected.replace(INEXACT, "").split("; then ")
        return [[each.strip() for each in turn.split(" | ")] for turn in turns if turn]

    @property
    def inexact(self) -> bool:
        """Whether other reasons than these pass, the mode not being strict."""
        return INEXACT in self.exchange.expected

    @property
    def grade(self) -> str:
        """The class of its reaction and closing."""
        if self.exchange.reaction in (Reaction.FAIL, Reaction.SILENT) or self.exchange.closing is Closing.LEAK:
            return "failed"
        good = self.exchange.reaction in (Reaction.PASS, Reaction.INFO)
        return "passed" if good and self.exchange.closing in (Closing.CLEAN, Closing.EARLY) else "tolerated"

    @property
    def diagram(self) -> Markup:
        """The sequence diagram."""
        return svg(sequence(self._steps)) if self._steps else Markup()

    @property
    def wire(self) -> Iterator[tuple[Step, Markup]]:
        """Steps and their bytes."""
        for step in self._steps[:MOST_STEPS]:
            length = len(step.data) if step.kind == "pdu" else step.length or len(step.data)
            dump = hexdump(step.data, length, pdu=step.kind == "pdu")
            yield step, Markup(dump)  # noqa: S704  # escaped where it is made
