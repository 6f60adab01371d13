"""What was measured, as a table for people, as JSON and as rows for a chart."""

import os
import platform
from collections.abc import Iterable
from typing import Any

from .rounds import Goal, Outcome

HEADINGS = ("case", "who", "figure", "beside", "figure", "ratio", "to reach", "stretch", "")


def number(value: float | None) -> str:
    """Three digits that mean something."""
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}"


def bound(goal: Goal, value: float | None) -> str:
    """A figure to reach, and from which side."""
    return "" if value is None else f"{'≥' if goal.at_least else '≤'} {value:g}"


def verdict(goal: Goal, value: float | None) -> str:
    """How near a goal is."""
    if value is None:
        return "not measured"
    if goal.met(value, goal.stretch):
        return "stretched"
    if goal.reach is None:
        return ""
    return "reached" if goal.met(value, goal.reach) else "MISSED"


def rows(outcomes: Iterable[Outcome]) -> list[tuple[str, ...]]:
    """A line a goal, and one for each contender that has none."""
    lines: list[tuple[str, ...]] = []
    for outcome in outcomes:
        case, told = outcome.case, set[str]()
        for goal in case.goals:
            value = outcome.value(goal)
            told |= {goal.ours, goal.against}
            lines.append(
                (
                    case.words, goal.ours, f"{number(outcome.median(goal.ours))} {case.unit}".strip(), goal.against,
                    f"{number(outcome.median(goal.against))} {case.unit}".strip() if goal.against else "",
                    number(value) if goal.against else "", bound(goal, goal.reach), bound(goal, goal.stretch),
                    verdict(goal, value),
                )
            )  # fmt: skip
        for name in case.contenders.keys() - told if case.goals else case.contenders:
            figure = outcome.missing.get(name) or f"{number(outcome.median(name))} {case.unit}".strip()
            lines.append((case.words, name, figure, "", "", "", "", "", ""))
    return lines


def table(outcomes: Iterable[Outcome]) -> str:
    """For a terminal."""
    lines = [HEADINGS, *rows(outcomes)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    text = []
    before = ""
    for line in lines:
        shown = ("" if line[0] == before else line[0], *line[1:])
        before = line[0]
        text.append("  ".join(f"{cell:<{width}}" for cell, width in zip(shown, widths, strict=True)).rstrip())
    return "\n".join(text)


def record(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """For machines: every figure of every round."""
    return {
        "machine": f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores",
        "cases": [
            {
                "key": outcome.case.key,
                "words": outcome.case.words,
                "unit": outcome.case.unit,
                "figures": outcome.figures,
                "missing": outcome.missing,
                "goals": [
                    {
                        "ours": goal.ours,
                        "against": goal.against,
                        "value": outcome.value(goal),
                        "reach": goal.reach,
                        "stretch": goal.stretch,
                        "at_least": goal.at_least,
                        "verdict": verdict(goal, outcome.value(goal)),
                    }
                    for goal in outcome.case.goals
                ],
            }
            for outcome in outcomes
        ],
    }
