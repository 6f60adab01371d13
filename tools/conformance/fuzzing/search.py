"""Many conversations, and the smallest that fails: hypothesis against a peer that is alive.

A live peer is impure, so nothing is believed that happened once: a conversation counts as failing when it fails three
times of three, and is FLAKY otherwise, remembered and never shrunk. What was played once is not played again, so that
shrinking costs connections for new candidates only. The budget is wall time and connections; when it is spent, what has
been found so far is the result.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, Phase, Verbosity, currently_in_test_context, given, seed, settings, target

from ..results import Health
from ..runner import Subject
from ..settings import Settings
from . import alphabet
from .playing import Verdict, converse
from .steps import Step, text

TIMES = 3
"""How often a conversation must fail to count."""
COOL_DOWN_SECONDS = 1.0
"""For a peer that has become slow."""


@dataclass(slots=True)
class Budget:
    """What a search may cost."""

    seconds: float
    connections: int
    began: float = field(default_factory=time.monotonic)
    used: int = 0
    """Connections so far, without those of the health checks."""

    @property
    def spent(self) -> bool:
        """Whether there is nothing left."""
        return self.used >= self.connections or time.monotonic() - self.began >= self.seconds


@dataclass(frozen=True, slots=True)
class Found:
    """A conversation that fails."""

    steps: tuple[Step, ...]
    verdict: Verdict
    failures: int
    """Of `TIMES`."""


class _Broken(AssertionError):
    """What hypothesis shrinks."""


class Search:
    """One search.

    Args:
        peer: who is judged.
        settings: of the conversations.
        state: where each begins.
        budget: what it may cost.
        told: is given a line now and then.
        pid: of the peer, where its memory is to be watched, too.
    """

    def __init__(
        self,
        peer: Subject,
        settings: Settings,
        state: str,
        budget: Budget,
        *,
        told: Callable[[str], None] = lambda _line: None,
        pid: int | None = None,
    ) -> None:
        self._peer = peer
        self._settings = settings
        self._state = state
        self.budget = budget
        self._told = told
        self._pid = pid
        self._known: dict[tuple[Step, ...], Found | None] = {}
        self._last: Found | None = None
        self.flaky: list[Found] = []
        """Those that failed, but not each time."""
        self.played = 0
        """Conversations that were played, repetitions not counted."""
        self.undriven = 0
        """Those whose state the peer did not reach."""

    def run(self, examples: int, number: int, known: Iterable[tuple[Step, ...]] = ()) -> Found | None:
        """Play so many conversations, and shrink the first that fails.

        Args:
            examples: at most.
            number: the seed.
            known: conversations that failed before: they are played first, as they are.

        Raises:
            FaultOfTester: the tester itself failed.
        """
        with asyncio.Runner() as runner:
            for steps in known:
                if runner.run(self._fails(steps)):
                    return self._last

            @seed(number)
            @settings(
                max_examples=examples,
                database=None,  # hypothesis has none for a run with a seed; see `known`
                deadline=None,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.generate, Phase.target, Phase.shrink],
                report_multiple_bugs=False,
                print_blob=False,
                verbosity=Verbosity.quiet,
            )
            @given(alphabet.conversations(self._settings.called, self._settings.calling))
            def holds(steps: list[Step]) -> None:
                if runner.run(self._fails(tuple(steps))):
                    raise _Broken

            try:
                holds()
            except _Broken:
                return self._last
        return None

    async def _fails(self, steps: tuple[Step, ...]) -> bool:
        """Whether a conversation fails each time; what is not known and cannot be afforded does not."""
        if steps not in self._known:
            if self.budget.spent:
                return False
            self._known[steps] = await self._judge(steps)
        found = self._known[steps]
        if found is not None:
            self._last = found  # hypothesis ends with the smallest
        return found is not None

    async def _judge(self, steps: tuple[Step, ...]) -> Found | None:
        self.played += 1
        first = await self._play(steps)
        self._aim(first)
        if not first.failed:
            return None
        again = [await self._play(steps) for _ in range(TIMES - 1)]
        found = Found(steps, first, 1 + sum(each.failed for each in again))
        if found.failures < TIMES:
            self.flaky.append(found)
            return None
        self._told(f"{first.rule}: {first.why}: {text(steps)}")
        return found

    async def _play(self, steps: Sequence[Step]) -> Verdict:
        self.budget.used += 1
        verdict = await converse(steps, self._state, self._peer, self._settings)
        self.undriven += bool(verdict.exchange.undriven)
        if verdict.health is Health.SLOW:
            await asyncio.sleep(COOL_DOWN_SECONDS)
        return verdict

    def _aim(self, verdict: Verdict) -> None:
        """Steer to what takes long, brings much, and costs memory."""
        if not currently_in_test_context():
            return  # one that failed before
        # In coarse steps, so that a run with the same seed goes the same way.
        target(round(min(verdict.latency, self._settings.react), 1), label="seconds to the slowest answer")
        target(round(min(verdict.amplification, 1e6)), label="bytes that came for each sent")
        if self._pid is not None:
            target(float(_resident(self._pid)), label="resident memory")


def _resident(pid: int) -> int:
    """Kibibytes of memory of a process; 0 where it is not told."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)
