"""The score of a run, which is never one number: passed of judged, by level, by robustness, by cells of Table 9-10."""

from collections.abc import Iterable

from ..results import Level, Outcome, Result, RunResult
from .matrix import coverage

UNJUDGED = (Outcome.SKIPPED, Outcome.UNDRIVEN, Outcome.ERROR)
"""Outcomes that say nothing about the peer."""


def tally(results: Iterable[Result]) -> tuple[int, int]:
    """How many passed, and of how many that were judged."""
    outcomes = [each.outcome for each in results if each.outcome not in UNJUDGED]
    return outcomes.count(Outcome.PASSED), len(outcomes)


def score(run: RunResult) -> list[tuple[str, int, int]]:
    """Name, passed, judged: the levels without the robust cases, these, and the cells that were judged of all."""
    ordinary = [each for each in run.results if "robust" not in each.tags]
    found = [(str(level), *tally(each for each in ordinary if each.level is level)) for level in Level]
    found.append(("robust", *tally(each for each in run.results if "robust" in each.tags)))
    return [*found, ("cells", *coverage(run))]
