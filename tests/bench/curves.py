"""How cost grows: with the size of an object, the length of a PDU, the number of associations and of contexts.

A cost is linear when the last step up costs, for each unit more, no more than the steps before it did together, times
`TOLERANCE`; steps too small to be told from noise are passed over.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from .memory import held, resident
from .peers import DULCET, storescp
from .place import Place, free_port
from .report import number

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
TOLERANCE = 2.0
NOISE = 1.3
"""A step whose cost is not at least so many times the one before says nothing about growth."""

Cost = Callable[[int], float]


@dataclass(frozen=True, slots=True)
class Curve:
    """A cost by something that grows."""

    words: str
    """What grows."""
    unit: str
    """Of the cost."""
    points: Sequence[int]
    """Where it is measured."""
    opener: Callable[[Place], AbstractContextManager[Cost]]
    """Makes ready; gives what measures the cost at a point."""
    amount: Callable[[int], float] = float
    """What the cost should be linear in, at a point."""


@dataclass(slots=True)
class Drawn:
    """A curve that was measured."""

    curve: Curve
    costs: dict[int, float] = field(default_factory=dict)
    """Cost at each point."""

    @property
    def growth(self) -> float | None:
        """What a unit costs in the last step, beside those before it; None where nothing grows."""
        points = sorted((self.curve.amount(point), cost) for point, cost in self.costs.items())
        steps = [
            (cost - before, amount - less)
            for (less, before), (amount, cost) in pairwise(points)
            if cost >= NOISE * before
        ]
        if not steps:
            return None
        costs, amounts = (sum(each) for each in zip(*(steps[:-1] or steps), strict=True))
        return steps[-1][0] / steps[-1][1] / (costs / amounts)

    def text(self) -> str:
        """For people."""
        lines = [f"{self.curve.words} ({self.curve.unit})"]
        lines += [f"  {point:>12,}  {number(cost)}" for point, cost in self.costs.items()]
        growth = self.growth
        if growth is None:
            lines.append("  cost does not grow")
        else:
            says = "linear" if growth <= TOLERANCE else "MORE THAN LINEAR"
            lines.append(f"  {says}: the last step costs {growth:.2g} times those before it, for each unit more")
        return "\n".join(lines)

    def record(self) -> dict[str, Any]:
        """For machines."""
        return {"words": self.curve.words, "unit": self.curve.unit, "costs": self.costs, "growth": self.growth}


def measure(curve: Curve, place: Place, say: Callable[[str], None]) -> Drawn:
    """Measure a curve: the least of three looks at each point."""
    drawn = Drawn(curve)
    points = curve.points[:3] if place.quick else curve.points
    with curve.opener(place) as cost:
        for point in points:
            drawn.costs[point] = min(cost(point) for _ in range(1 if place.quick else 3))
            say(f"{curve.words} {point}: {drawn.costs[point]:.4g} {curve.unit}")
    return drawn


def _stored(of_point: Callable[[int], dict[str, int]], *options: object) -> Callable[[Place], Any]:
    """Microseconds that an object takes to be received and dropped."""

    @contextmanager
    def opener(place: Place) -> Iterator[Cost]:
        port = free_port()
        with place.serving(storescp("--ignore", *options)(place, DULCET, port), port):

            def cost(point: int) -> float:
                settings: dict[str, float] = {"seconds": 0.5} | of_point(point)
                counted = place.press("store", port, **settings)
                return float(counted["seconds"]) / float(counted["messages"]) * 1e6

            yield cost

    return opener


@contextmanager
def _associations(place: Place) -> Iterator[Cost]:
    port = free_port()
    limits = ("--max-connections", 5100, "--max-associations", 5100)
    with place.serving(storescp("--ignore", *limits)(place, DULCET, port), port):

        def cost(point: int) -> float:
            with held(place, port, point) as counted:
                return float(counted["seconds"]) * 1e3

        yield cost


@contextmanager
def _memory(place: Place) -> Iterator[Cost]:
    def cost(point: int) -> float:
        port = free_port()
        limits = ("--max-connections", 5100, "--max-associations", 5100)
        with place.serving(storescp("--ignore", *limits)(place, DULCET, port), port) as process:
            place.press("echo", port, messages=1, associations=1)
            before = resident(process.pid, "VmRSS")
            with held(place, port, point):
                return max(0.01, resident(process.pid, "VmRSS") - before)

    yield cost


@contextmanager
def _contexts(place: Place) -> Iterator[Cost]:
    port = free_port()
    with place.serving(storescp("--ignore")(place, DULCET, port), port):

        def cost(point: int) -> float:
            counted = place.press("echo", port, messages=1, seconds=0.5, contexts=point)
            return float(counted["seconds"]) / float(counted["associations"]) * 1e6

        yield cost


def _sized(point: int) -> dict[str, int]:
    few = {"messages": 1, "associations": 1} if point >= 256 * MIB else {}
    return {"bytes": point} | few


CURVES = (
    Curve(
        "object size, bytes", "µs an object",
        (4 * KIB, 32 * KIB, 256 * KIB, 2 * MIB, 16 * MIB, 128 * MIB, GIB, 2 * GIB - 4096), _stored(_sized),
    ),
    Curve(
        "PDU length, bytes", "µs an object of 4 MiB", tuple(4 * KIB << step for step in range(9)),
        _stored(lambda point: {"bytes": 4 * MIB, "pdu": point}, "-pdu", MIB), lambda point: 4 * MIB / point,
    ),
    Curve("associations held", "ms to make them", (1, 8, 64, 512, 2500, 5000), _associations),
    Curve("associations held", "MiB", (1, 8, 64, 512, 2500, 5000), _memory),
    Curve("presentation contexts", "µs associate + echo + release", (1, 2, 4, 8, 16, 32, 64, 128), _contexts),
)  # fmt: skip
