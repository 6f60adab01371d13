"""A case, its rounds and its goals: who is measured how, in turns, and what the figures are to be beside each other.

Where server and client take turns, one waiting while the other works, both are put on one processor. Left to itself the
kernel puts them on one or on two as it comes, and a virtual machine takes so long to wake an idle processor that the
same server does 10 000 C-ECHOs a second on two and 25 000 on one: what was measured was the dice.
"""

import os
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field

from .place import Missing, Place

Measure = Callable[[], float]
Opener = Callable[[Place], AbstractContextManager[Measure]]
"""Makes ready, and gives what measures once."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure of ours is to be: so many times another's, or, without another, itself."""

    ours: str
    """Whose figure."""
    against: str
    """Beside whose; "" for none."""
    reach: float | None
    """To be reached; None where there is only something to stretch for."""
    stretch: float | None = None
    """Better still."""
    at_least: bool = True
    """Whether more is better."""

    def met(self, value: float, bound: float | None) -> bool:
        """Whether a figure or ratio is as good as a bound."""
        return bound is not None and (value >= bound if self.at_least else value <= bound)


@dataclass(frozen=True, slots=True)
class Case:
    """Something to measure."""

    key: str
    """What `--only` calls it."""
    words: str
    """What people call it."""
    unit: str
    """Of its figures."""
    contenders: Mapping[str, Opener]
    """Who is measured, in turns."""
    goals: Sequence[Goal] = ()
    """What is to be reached."""
    rounds: int = 5
    """How often each is measured, unless told otherwise."""
    turns: bool = False
    """Whether server and client take turns."""


@dataclass(slots=True)
class Outcome:
    """The figures of a case."""

    case: Case
    figures: dict[str, list[float]] = field(default_factory=dict)
    """Of each contender, one a round."""
    missing: dict[str, str] = field(default_factory=dict)
    """Contenders that could not be measured, and why."""

    def median(self, name: str) -> float | None:
        """The median figure of a contender."""
        return statistics.median(self.figures[name]) if self.figures.get(name) else None

    def value(self, goal: Goal) -> float | None:
        """What a goal is about: the median of the ratios of each round, or the median of the figures."""
        ours = self.figures.get(goal.ours)
        if not goal.against:
            return self.median(goal.ours)
        theirs = self.figures.get(goal.against)
        if not ours or not theirs:
            return None
        return statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))


@contextmanager
def on_one_processor() -> Iterator[None]:
    """What is started meanwhile runs on one processor, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def measure(
    case: Case, place: Place, rounds: int | None = None, say: Say = lambda _: None, *, apart: bool = False
) -> Outcome:
    """Measure a case: every contender once a round, each round beginning with another; with `apart` processors are the
    kernel's business."""
    outcome = Outcome(case)
    with ExitStack() as stack:
        if case.turns and not apart:
            stack.enter_context(on_one_processor())
        ready: dict[str, Measure] = {}
        for name, opener in case.contenders.items():
            try:
                ready[name] = stack.enter_context(opener(place))
            except Missing as missing:
                outcome.missing[name] = f"{missing} is not installed"
        names = list(ready)
        for number in range(rounds or case.rounds):
            for name in names[number % len(names) :] + names[: number % len(names)]:
                figure = ready[name]()
                outcome.figures.setdefault(name, []).append(figure)
                say(f"{case.key} {number + 1} {name} {figure:.5g} {case.unit}")
    return outcome
