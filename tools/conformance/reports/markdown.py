"""The Markdown report: short enough for the summary of a job, with every unexpected failure in full (catalogue 4.8)."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..results import Expectation, Outcome, Result, RunResult, expected
from .diagram import case_diagram, repeat
from .score import score, tally

MOST_FAILURES = 50
"""That are told in full; job summaries have limits (GitHub's: 1 MiB)."""
NAMES = {"M": "shall", "S": "should", "I": "informational", "robust": "robustness", "cells": "cells of Table 9-10"}


def write(run: RunResult, path: str) -> None:
    """Write it to a file."""
    Path(path).write_text(document(run), encoding="utf-8")


def document(run: RunResult) -> str:
    """The report as Markdown."""
    return "\n".join(_lines(run)) + "\n"


def _lines(run: RunResult) -> Iterator[str]:
    yield f"## DICOM conformance of {literal(run.peer)}"
    yield ""
    if run.sanity:
        yield f"**Nothing could be judged:** {literal(run.sanity)}"
        return
    yield f"{_verdict(run)} {', '.join(_counts(run))}; {run.mode} mode, {run.seconds:.1f} s."
    yield ""
    yield from table(("", "passed", "judged"), [(NAMES[name], good, of) for name, good, of in score(run) if of])
    if run.end_sanity:
        yield f"\n**At the end the peer is not well:** {literal(run.end_sanity)}"
    yield from _failures(run)
    yield from _expectations(run)
    yield from _clauses(run)
    yield from _skipped(run)
    yield f"\n{run.program}; Table 9-10 of PS3.8 {run.edition}; {run.started}"


def _verdict(run: RunResult) -> str:
    if run.failed:
        return f"**{len(run.failed)} unexpected failure{'s' if len(run.failed) > 1 else ''}.**"
    return "**Other than the baseline has it.**" if run.drifted else "**No unexpected failure.**"


def _counts(run: RunResult) -> list[str]:
    return [f"{run.count(outcome)} {outcome.lower()}" for outcome in Outcome if run.count(outcome)]


def _failures(run: RunResult) -> Iterator[str]:
    told = [*run.failed, *(each for each in run.results if each.outcome is Outcome.ERROR)]
    if told:
        yield "\n### Failures\n"
    for result in told[:MOST_FAILURES]:
        yield "<details><summary>"
        yield f"<b>{result.id}</b> {_html(result.title)} <code>{_html(result.verdict)}</code> {_html(result.signature)}"
        yield "</summary>\n"
        yield from fenced([*case_diagram(result), "", f"repeat: {repeat(run, result)}"])
        yield "</details>\n"
    if len(told) > MOST_FAILURES:
        yield f"and {len(told) - MOST_FAILURES} more: {', '.join(each.id for each in told[MOST_FAILURES:])}"


def _expectations(run: RunResult) -> Iterator[str]:
    told = [each for each in run.results if each.expectation]
    if told:
        yield "\n### Baseline\n"
        order = [Expectation.XPASS, Expectation.DRIFT, Expectation.EXPIRED, Expectation.XFAIL]
        told.sort(key=lambda each: order.index(each.expectation))
        rows = [(each.expectation, each.id, literal(each.signature), literal(each.expected_why)) for each in told]
        yield from table(("", "case", "seen", "why"), rows)


def _clauses(run: RunResult) -> Iterator[str]:
    yield "\n### By clause\n"
    rows = []
    for clause in sorted({each.clauses[0] for each in run.results}):
        own = [each for each in run.results if each.clauses[0] == clause]
        good, of = tally(own)
        bad = [each.id for each in own if each.outcome is Outcome.FAILED and not expected(each)]
        rows.append((clause, good, of, " ".join(bad)))
    yield from table(("clause", "passed", "judged", "failed"), rows)


def _skipped(run: RunResult) -> Iterator[str]:
    left_out = [each for each in run.results if each.outcome in (Outcome.SKIPPED, Outcome.UNDRIVEN)]
    if left_out:
        yield f"\n### {len(left_out)} not judged\n"
        reasons = dict.fromkeys(_reason(each) for each in left_out)
        rows = [(sum(_reason(each) == reason for each in left_out), literal(reason)) for reason in reasons]
        yield from table(("cases", "why"), rows)


def _reason(result: Result) -> str:
    return result.reason.strip().splitlines()[-1] if result.reason.strip() else str(result.outcome).lower()


# ---- Markdown ----


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """A table; numbers stand on the right."""
    numbers = [bool(rows) and isinstance(rows[0][column], int) for column in range(len(heads))]
    yield f"| {' | '.join(heads)} |"
    yield f"|{'|'.join(' ---: ' if number else ' --- ' for number in numbers)}|"
    for row in rows:
        yield f"| {' | '.join(map(str, row))} |"


def literal(text: str) -> str:
    """Text that is no Markdown."""
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", " ".join(text.split()))


def fenced(lines: Sequence[str]) -> Iterator[str]:
    """Lines as they are."""
    fence = "~~~~" if any("```" in line for line in lines) else "```"
    yield from (f"{fence}text", *lines, fence)


def _html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
