"""A case, its rounds and its goals: who is measured how, in turns, and what the figures are to be beside each other."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
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


def measure(case: Case, place: Place, rounds: int | None = None, say: Say = lambda _: None) -> Outcome:
    """Measure a case: every contender once a round, each round beginning with another."""
    outcome = Outcome(case)
    with ExitStack() as stack:
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
