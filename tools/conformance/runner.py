"""Runs cases against a peer: in order, with a health check after each, suspects once more alone, waiting ones last.

A peer that earlier cases made to hang answers later ones with a refusal that is not theirs. So what fails while the
peer is not well, or next to other cases, is a suspect, and is run again alone before it counts (catalogue 4.1, 4.2),
with longer clocks, as it may have been this machine that was busy; unless it is known to fail just so.
With `repeat`, a case that does not always come out the same is FLAKY(k/n), never retried to green.
"""

import asyncio
import datetime
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Protocol

from ...spec.upper_layer import load
from . import conditions, hooks
from .case import Case
from .conditions import Condition
from .emitted import summing
from .judging import outcome
from .results import CLOSINGS, Closing, Exchange, Health, Outcome, Reaction, Result, RunResult
from .settings import Settings
from .tokens import text
from .trial import Peer, play

RESTART_SECONDS = 30.0
"""For the command that starts a peer anew, and for the peer to serve then."""
PAUSE_SECONDS = 0.25
"""Between two looks whether it does."""
PATIENCE = 3
"""Times `react` and `settle` that a suspect is given when it is run alone."""

Told = Callable[[Result], None]


class Subject(Peer, Protocol):
    """A peer that can also be asked how it is."""

    async def sanity(self) -> str:
        """Why nothing can be tested, or nothing."""
        ...

    async def health(self) -> tuple[Health, float]:
        """How it is, and the seconds that tell."""
        ...


class Runner:
    """One run in one role.

    Args:
        peer: who is judged.
        settings: of the run.
        run: where results go.
        began: called with each case when it begins.
        ended: called with each result.
        known: whether a failure is the one that is expected, so that no other reason for it is looked for.
    """

    def __init__(
        self,
        peer: Subject,
        settings: Settings,
        run: RunResult,
        *,
        began: Callable[[Case], None] = lambda _case: None,
        ended: Told = lambda _result: None,
        known: Callable[[Result], bool] = lambda _result: False,
    ) -> None:
        self._peer = peer
        self._settings = settings
        self._run = run
        self._began = began
        self._ended = ended
        self._known = known
        self._conditions = conditions.of_run(settings, peer.role)
        self._unwell = False  # whether an earlier case left the peer holding something
        self._lost = False  # whether not even a restart has brought it back

    async def run(self, cases: Sequence[Case]) -> None:
        """All of them, between two sanity checks; stops at a dead peer, and at the first failure if that is wanted."""
        began = time.monotonic()
        self._run.sanity = await self._peer.sanity()
        if not self._run.sanity:
            await self._all([each for each in cases if not summing.is_rule(each)])
            await self._rules([each for each in cases if summing.is_rule(each)])
            self._run.end_sanity = "" if self._stopped() else await self._peer.sanity()
        self._run.seconds += time.monotonic() - began

    async def _all(self, cases: Sequence[Case]) -> None:
        quick = [each for each in cases if not each.waits]
        waiting = [each for each in cases if each.waits]
        alone = [each for each in quick if each.alone]
        results = await self._side_by_side([each for each in quick if not each.alone], self._settings.jobs)
        results += await self._side_by_side(alone, 1)
        results += await self._side_by_side(waiting, self._settings.waiting_jobs)
        await self._again([result for result in results if result.suspect])

    async def _rules(self, cases: Sequence[Case]) -> None:
        """Judge the always-on assertions by all that was heard; where nothing was, by an ordinary association."""
        conversations = list(summing.heard(self._run.results, self._peer.role))
        if cases and not conversations:
            conversations = [("an ordinary association", await play(cases[0], "", self._peer, self._settings))]
        for case in cases:
            self._began(case)
            result = blank(case, self._peer.role)
            summing.fill(result, conversations)
            conclude(result, self._settings)
            summing.sign(result, conversations)
            self._run.results.append(result)
            self._ended(result)

    def _stopped(self) -> bool:
        dead = any(result.health is Health.DEAD for result in self._run.results)
        lost = self._lost if self._settings.restart else dead
        return lost or (self._settings.fail_fast and bool(self._run.failed))

    async def _side_by_side(self, cases: Sequence[Case], jobs: int) -> list[Result]:
        room = asyncio.Semaphore(max(jobs, 1))
        many = jobs > 1 and len(cases) > 1

        async def one(case: Case) -> Result | None:
            async with room:
                if self._stopped():
                    return None
                self._began(case)
                result = await self.judge(case, alone=not many)
                result.suspect = result.outcome in _SUSPECT and (many or self._unwell) and not self._known(result)
                self._unwell |= _left_something(result)
                if _left_something(result):
                    await self._restart(result)
                self._run.results.append(result)
                if not result.suspect:
                    self._ended(result)
                return result

        return [result for result in await asyncio.gather(*map(one, cases)) if result is not None]

    async def _restart(self, result: Result) -> None:
        """Start the peer anew, where there is a command for it; then it is well, and the run goes on."""
        settings = self._settings
        if not settings.restart:
            return
        fault = await hooks.run(settings.restart, settings, result.id, RESTART_SECONDS)
        until = time.monotonic() + RESTART_SECONDS
        fault = fault or await self._peer.sanity()
        while fault and time.monotonic() < until:
            await asyncio.sleep(PAUSE_SECONDS)  # before the next look
            fault = await self._peer.sanity()
        self._lost = bool(fault)
        self._unwell = bool(fault)

    async def _again(self, suspects: Sequence[Result]) -> None:
        """Run suspects once more, alone, on a peer that is well."""
        from .case import REGISTRY

        for result in suspects:
            if self._unwell:
                await self._peer.health()
            with self._patiently():
                fresh = await self.judge(REGISTRY[result.id], alone=True)
            fresh.suspect = True
            fresh.runs, fresh.failures = fresh.runs + 1, fresh.failures + 1
            if fresh.outcome not in _SUSPECT:
                fresh.reason = "it failed next to other cases, and not when run alone"
            self._run.results[self._run.results.index(result)] = fresh
            self._ended(fresh)

    @contextmanager
    def _patiently(self) -> Iterator[None]:
        """With longer clocks, which the peer shares."""
        settings = self._settings
        usual = settings.react, settings.settle
        settings.react, settings.settle = (PATIENCE * each for each in usual)
        try:
            yield
        finally:
            settings.react, settings.settle = usual

    async def judge(self, case: Case, *, alone: bool = True) -> Result:
        """One case, as often as wanted."""
        results = [await self._once(case, alone=alone) for _ in range(self._settings.repeat)]
        worst = max(results, key=lambda each: _ORDER.index(each.outcome))
        worst.runs, worst.failures = len(results), sum(each.outcome is Outcome.FAILED for each in results)
        return worst

    async def _once(self, case: Case, *, alone: bool) -> Result:
        result = blank(case, self._peer.role)
        began = time.monotonic()
        if lacking := self._lacking(case):
            result.outcome, result.verdict, result.reason = Outcome.SKIPPED, "SKIP", lacking
            return result
        for condition in self._conditions:
            for variant in case.variants:
                result.exchanges.append(await self._under(condition, case, variant))
                self._run.instances += result.exchanges[-1].instances
        partly(result.exchanges)
        if alone or self._settings.isolate:
            result.health, result.health_seconds = await self._peer.health()
        hung = [each.trigger for each in result.exchanges if each.trigger and each.trigger.exit_code is None]
        if hung:
            result.health, result.health_seconds = Health.BLOCKED, self._settings.trigger_seconds
        if result.health in (Health.OK, Health.SLOW, Health.UNKNOWN) and any(each.growth for each in result.exchanges):
            result.health = Health.GROWTH
        result.seconds = time.monotonic() - began
        conclude(result, self._settings)
        result.reason = result.reason or self._told_partly(result)
        return result

    async def _under(self, condition: Condition, case: Case, variant: str) -> Exchange:
        """A variant under a condition, which stands in the name of the exchange, too."""
        exchange = await play(case, variant, self._peer, replace(self._settings, **condition))  # type: ignore[arg-type]
        exchange.conditions = conditions.words(condition)
        exchange.label = ", ".join(filter(None, (variant, exchange.conditions)))
        return exchange

    def _told_partly(self, result: Result) -> str:
        """Under which conditions a case fails that passes under others, in words."""
        failed = {each.conditions for each in result.exchanges if each.reaction in (Reaction.FAIL, Reaction.SILENT)}
        found = [each for each in self._conditions if conditions.words(each) in failed]
        return conditions.in_common(found, self._conditions) if found else ""

    def _lacking(self, case: Case) -> str:
        if "dos" in case.tags and not self._settings.allow_dos:
            return "needs --allow-dos: it may put an unprepared peer out of service"
        reasons = [self._settings.profile.lacks(need) for need in case.needs] if self._peer.role == "A" else []
        return next(filter(None, reasons), "")


_ORDER = (
    Outcome.PASSED,
    Outcome.SKIPPED,
    Outcome.TOLERATED,
    Outcome.UNDRIVEN,
    Outcome.FAILED,
    Outcome.ERROR,
)


_SUSPECT = (Outcome.FAILED, Outcome.UNDRIVEN)
"""What may be due to other cases: a peer with few places leaves the association that is one more waiting."""


def blank(case: Case, role: str) -> Result:
    """A result without a verdict."""
    return Result(
        case.id,
        case.slug,
        case.title,
        role,
        case.level,
        case.clauses,
        case.states,
        case.events,
        case.tags,
        why=case.why,
    )


def partly(exchanges: Sequence[Exchange]) -> None:
    """Whom a condition keeps from a state that is reached as usual has failed there (catalogue 4.1)."""
    usual = {each.label for each in exchanges if not (each.conditions or each.undriven)}
    for each in exchanges:
        if each.conditions and each.undriven and each.label.removesuffix(each.conditions).removesuffix(", ") in usual:
            each.reaction, each.why, each.undriven = Reaction.FAIL, each.undriven, ""


def conclude(result: Result, settings: Settings) -> None:
    """Make one outcome and one word of what the exchanges and the health check found."""
    robust = settings.robust and "robust" in result.tags
    result.outcome = outcome(result.exchanges, result.level, result.health, strict=settings.strict, robust=robust)
    worst = result.worst
    if worst is None:
        return
    grown = "; ".join(each.growth for each in result.exchanges if each.growth)
    result.reason = worst.error or worst.undriven or worst.skipped or (f"it has grown: {grown}" if grown else "")
    result.verdict = verdict(result, worst)
    result.signature = text(worst.seen)


def verdict(result: Result, worst: Exchange) -> str:
    """The word that decided."""
    if result.outcome in (Outcome.ERROR, Outcome.UNDRIVEN):
        return str(result.outcome)
    if result.outcome is Outcome.SKIPPED:
        return "SKIP"
    if result.health in (Health.DEAD, Health.BLOCKED):
        return str(result.health)
    if worst.reaction in (Reaction.FAIL, Reaction.SILENT):
        return str(worst.reaction)
    if CLOSINGS.index(worst.closing) >= CLOSINGS.index(Closing.DIRTY):
        return str(worst.closing)
    if result.health is Health.GROWTH:
        return str(result.health)
    if result.outcome is Outcome.FAILED and worst.strict_fault:
        return "INEXACT"
    return str(Health.SLOW if result.health is Health.SLOW else worst.reaction)


def _left_something(result: Result) -> bool:
    leaked = any(each.closing is Closing.LEAK for each in result.exchanges)
    return leaked or result.health in (Health.BLOCKED, Health.DEAD)


def new_run(peer: str, roles: str, settings: Settings) -> RunResult:
    """A run without results."""
    from ..options.command_line import version_text

    told = {
        key: value
        for key, value in asdict(settings).items()
        if isinstance(value, int | float | str | bool) and key not in ("host", "port", "tls_key", "tls_cert")
    }
    return RunResult(
        peer,
        roles,
        settings.mode,
        datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        tool=version_text(),
        edition=load().edition,
        settings=told,
        profile=asdict(settings.profile),
    )
