"""A trial: one conversation of one case with the peer. The verbs that scripts of cases are written in.

    await trial.drive("Sta6")               # bring the peer there (recipes)
    await trial.send(frames.release_rp())   # the stimulus, whole PDUs
    await trial.expect("AA8 r2")            # what must come of it, judged at once

`expect` ends the script when the reaction is not allowed; what it found stands in `trial.exchange`. With no text it
takes the case's own. The stimulus must be complete before silence counts: sending half a message and waiting proves
nothing.
"""

import traceback
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from .endings import Skip, Stop, Undriven
from .frames import EXPLICIT, IMPLICIT
from .judging import Judgement, hopeless, judge, settled
from .link import Delivery, Link
from .reactions import Reactions, parse
from .reading import Seen
from .record import Recording, Track
from .results import CLOSINGS, REACTIONS, Closing, Exchange, Reaction
from .settings import Settings
from .tokens import Token

SYNTAXES = {"implicit": IMPLICIT, "explicit": EXPLICIT}
"""The transfer syntaxes of `Settings.syntax`."""
EARLY_SECONDS = 0.5
"""A peer in Sta13 may close at any time; but one that was sent what AA-7 answers, and closes so much later without an
A-ABORT, was not on its way out already."""


class Played(Protocol):
    """What a trial needs of a `case.Case`, and all that it knows of one."""

    @property
    def id(self) -> str:
        """Permanent."""
        ...

    @property
    def script(self) -> Callable[["Trial"], Awaitable[None]]:
        """What plays it."""
        ...

    @property
    def expected(self) -> str:
        """The reactions that `Trial.expect` takes when it is not given others."""
        ...

    @property
    def rule(self) -> str:
        """What must hold, in words, where no trace tells it."""
        ...

    @property
    def most_aborts(self) -> int:
        """A-ABORTs that one stimulus may bring."""
        ...

    @property
    def states(self) -> tuple[str, ...]:
        """Of the cells it is about."""
        ...

    @property
    def events(self) -> tuple[str, ...]:
        """Of the cells it is about."""
        ...

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of its sub-stimuli."""
        ...

    def expects(self, variant: str) -> str:
        """What is allowed of a variant."""
        ...


class Peer(Protocol):
    """How connections with the peer come about, in one role."""

    role: str
    """Of the peer."""

    async def open(self, trial: "Trial") -> Link:
        """The next connection: dialled, or accepted with its A-ASSOCIATE-RQ read.

        Raises:
            Undriven: there is none.
        """
        ...

    async def drive(self, trial: "Trial", state: str, **how: Any) -> None:
        """Bring the peer into a state, on the trial's connections (`recipes.drive`).

        Raises:
            Undriven: it does not get there.
        """
        ...

    async def ended(self, trial: "Trial") -> None:
        """The trial is over and its connections are closed."""
        ...

    async def refused(self, trial: "Trial") -> None:
        """Role R: make the peer dial where nobody listens, and wait until it has given up."""
        ...

    async def reset_all(self, trial: "Trial", most: int) -> list[float]:
        """Role R: reset every connection it makes, until it gives up or has made `most`; when they came, seconds."""
        ...


class Trial:
    """One variant of a case, being played."""

    def __init__(self, case: Played, variant: str, peer: Peer, settings: Settings) -> None:
        self.case = case
        self.variant = variant
        """Which of the case's sub-stimuli; "" when there is one only."""
        self.role = peer.role
        """Of the peer: "A" or "R"."""
        self.settings = settings
        self.profile = settings.profile
        self.recording = Recording(keep_identities=settings.keep_identities)
        self.exchange = Exchange(label=variant, expected=case.rule)
        self.links: list[Link] = []
        """The connections of the case, in order."""
        self.prefix: list[bytes] = []
        """PDUs that take the peer into a transient state: they leave in one segment with the stimulus."""
        self.request: Seen | None = None
        """The A-ASSOCIATE-RQ of a requestor."""
        self.acceptance: Seen | None = None
        """The A-ASSOCIATE-AC of an acceptor."""
        self.delivery = settings.delivery
        self.elapsed = 0.0
        """Seconds from the last stimulus to the last token of the reaction."""
        self.peer = peer
        self._mark = 0
        self._marked_at = 0.0

    def syntax(self, sop_class: str) -> str:
        """A transfer syntax the peer accepts for a SOP class: the one that is wanted, where it is among them."""
        wanted = SYNTAXES.get(self.settings.syntax, "")
        return wanted if wanted in (self.profile.classes or {}).get(sop_class, ()) else self.profile.syntax(sop_class)

    # ---- connections ----

    @property
    def link(self) -> Link:
        """The latest connection."""
        return self.links[-1]

    @property
    def track(self) -> Track:
        """What was seen on it."""
        return self.link.track

    async def open(self) -> Link:
        """One more connection."""
        link = await self.peer.open(self)
        self.links.append(link)
        self.mark()
        self.exchange.states = self.track.follower.states
        return link

    async def drive(self, state: str, **how: Any) -> None:
        """Bring the peer into a state (recipes of the catalogue's 1.2).

        Raises:
            Undriven: it does not get there.
        """
        await self.peer.drive(self, state, **how)
        self.mark()
        self.exchange.states = self.track.follower.states
        self.exchange.stimulus_at = self.recording.now

    # ---- sending ----

    def mark(self) -> None:
        """The reaction is what comes from here on."""
        self._mark = len(self.track.trace)
        self._marked_at = self.recording.now

    async def send(self, *pdus: bytes, delivery: Delivery | None = None) -> bool:
        """Send the stimulus, behind what a transient state needs in front of it; False when it was not taken."""
        whole = [*self.prefix, *pdus]
        self.prefix = []
        return await self.link.send(whole, delivery or self.delivery)

    # ---- judging ----

    async def expect(
        self, allowed: str | Reactions = "", *, within: float | None = None, most_aborts: int | None = None
    ) -> tuple[Token, ...]:
        """Wait for the reaction and judge it; the trace since the stimulus.

        Args:
            allowed: reactions, the case's own when not given.
            within: seconds for what is due; `settings.react` when not given.
            most_aborts: A-ABORTs that are borne; the case's own number when not given.

        Raises:
            Stop: it is none of those allowed.
        """
        reactions = parse(allowed or self.case.expected) if isinstance(allowed, str) else allowed
        await self._wait(reactions, self.settings.react if within is None else within)
        judgement = judge(reactions, self.seen, self.case.most_aborts if most_aborts is None else most_aborts)
        if self._closed_late(reactions):
            judgement = Judgement(Reaction.SILENT, why=f"nothing came, and a close {self.elapsed:.2f} s later")
        self.record(str(reactions), judgement)
        trace = self.seen
        self.mark()
        return trace

    def _closed_late(self, reactions: Reactions) -> bool:
        """Whether a bare close that may be early came too late for that: the peer had taken what a PDU was due to."""
        early = [each for each in reactions.alternatives if each.closing is Closing.EARLY and len(each.tokens) == 1]
        due = not any(each.tokens == () for each in reactions.alternatives)
        bare = [token.kind for token in self.seen] == ["CLOSE"]
        return bool(early) and due and bare and self.elapsed > EARLY_SECONDS

    @property
    def seen(self) -> tuple[Token, ...]:
        """The trace since the stimulus."""
        return tuple(self.track.trace[self._mark :]) if self.links else ()

    async def _wait(self, reactions: Reactions, seconds: float) -> None:
        def decided() -> bool:
            trace = self.seen
            return self.track.closed or (bool(trace) and (settled(reactions, trace) or hopeless(reactions, trace)))

        if not settled(reactions, ()):
            await self.link.until(decided, seconds)
        self.elapsed = self.recording.now - self._marked_at
        await self.link.quiet(self.settings.settle)

    def record(self, expected: str, judgement: Judgement) -> None:
        """Put a judgement into the exchange; the worst of several stays.

        Raises:
            Stop: it is not good.
        """
        exchange = self.exchange
        exchange.expected = "; then ".join(filter(None, (exchange.expected, expected)))
        exchange.seen += self.seen
        exchange.seconds = self.elapsed
        exchange.closing = max(exchange.closing, judgement.closing, key=CLOSINGS.index)
        exchange.strict_fault = judgement.strict_fault or exchange.strict_fault
        self.grade(judgement.reaction, judgement.why)
        if not judgement.good:
            raise Stop

    def fail(self, why: str) -> None:
        """What was seen is wrong in a way that no trace tells.

        Raises:
            Stop: always.
        """
        self.grade(Reaction.FAIL, why)
        raise Stop

    def check(self, holds: bool, why: str) -> None:
        """Fail with these words unless something holds."""
        if not holds:
            self.fail(why)

    def grade(self, reaction: Reaction, why: str = "") -> None:
        """Lower the grade of the exchange, where this one is lower, and say why."""
        self.exchange.reaction = max(self.exchange.reaction, reaction, key=REACTIONS.index)
        self.exchange.why = why or self.exchange.why

    def closed_early(self) -> None:
        """The peer left Sta13 before the stimulus could reach it: allowed, and noted (catalogue 2.2, AA6)."""
        self.exchange.expected = "HOLD | ~CLOSE [EARLY]"
        self.exchange.seen = tuple(self.track.trace[-1:])
        self.exchange.closing = Closing.EARLY
        self.exchange.why = "the peer closed before the stimulus could be sent"

    # ---- the end ----

    async def finish(self) -> None:
        """End every connection: FIN, and see whether the peer closes its side (Evt17), which is a LEAK otherwise."""
        for link in self.links:
            if not link.track.closed and not link.ours_closed:
                link.finish()
                if not await link.until(lambda track=link.track: track.closed, self.settings.react):  # type: ignore[misc]  # mypy infers no lambda that has a default
                    self.exchange.closing = Closing.LEAK
                    words = "the peer did not close its side after ours"
                    self.exchange.why = "; ".join(filter(None, (self.exchange.why, words)))
            await link.close()


async def play(case: Played, variant: str, peer: Peer, settings: Settings) -> Exchange:
    """Play one variant of a case from its first connection to its last; never raises for what peer or script do."""
    trial = Trial(case, variant, peer, settings)
    exchange = trial.exchange
    try:
        await case.script(trial)
    except Stop:
        pass  # what was wrong stands in the exchange
    except Undriven as reason:
        exchange.undriven = str(reason)
    except Skip as reason:
        exchange.skipped = str(reason)
    except Exception:  # noqa: BLE001  # a fault of the tester must not end the run: it is a result of its own
        exchange.error = traceback.format_exc()
    finally:
        await trial.finish()
        await peer.ended(trial)
        exchange.began = trial.recording.wall_clock
        exchange.events = tuple(trial.recording.events)
        exchange.findings = tuple(trial.recording.findings)
        exchange.instances = tuple(trial.recording.instances)
    return exchange
