"""One conversation with the peer: played, and held against the oracle, the always-on rules and the peer's health.

Silence is judged too: where the table wants an answer, the peer has the time of a reaction for it. Where our own bytes
can no longer be cut into PDUs, nothing is judged that comes after.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ..case import Case
from ..emitted.rules import RULES
from ..link import Delivery, Link
from ..oracle import ACCEPTOR
from ..results import Closing, Exchange, Health, Level, Reaction
from ..runner import Subject
from ..settings import Settings
from ..trial import Trial, play
from .steps import FIN, RST, SEND, Step, turns


class FaultOfTester(RuntimeError):
    """The tester failed, and not the peer."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a conversation."""

    rule: str
    """What it broke: "Table 9-10", "EM-04", "health", "closing"; nothing where it broke nothing."""
    why: str
    exchange: Exchange
    latency: float
    """Seconds of the slowest answer."""
    amplification: float
    """Bytes that came for each that was sent."""
    health: Health = Health.OK

    @property
    def failed(self) -> bool:
        """Whether it broke something."""
        return bool(self.rule)


async def converse(
    steps: Sequence[Step], state: str, peer: Subject, settings: Settings, *, number: int = 0, alone: bool = True
) -> Verdict:
    """Play it on a connection of its own.

    Args:
        steps: of the conversation.
        state: where it begins.
        peer: who is judged.
        settings: of the conversation.
        number: tells it apart from others at the same time.
        alone: whether there are none, so that the peer's health afterwards is its doing, and is asked for.

    Raises:
        FaultOfTester: the tester itself failed.
    """
    told: dict[str, float] = {"latency": 0.0, "sent": 0.0, "received": 0.0}

    async def script(trial: Trial) -> None:
        await trial.drive(state)
        try:
            await _all(trial, steps, told)
        finally:
            told["sent"], told["received"] = float(trial.track.sent_bytes), float(trial.track.received_bytes)

    roles = "A" if peer.role == ACCEPTOR else "R"
    id_ = f"X-{number // 100 % 100:02}-{number % 100:02}"
    case = Case(id_, "conversation", "a random conversation", roles, Level.M, ("PS3.8 Table 9-10",), script)
    exchange = await play(case, "", peer, settings)
    if exchange.error:
        raise FaultOfTester(exchange.error)
    health = (await peer.health())[0] if alone else Health.UNKNOWN
    rule, why = _broken(exchange, health, strict=settings.strict)
    return Verdict(rule, why, exchange, told["latency"], told["received"] / max(told["sent"], 1.0), health)


async def _all(trial: Trial, steps: Sequence[Step], told: dict[str, float]) -> None:
    for kind, segments in turns(steps):
        began = trial.recording.now
        if kind == SEND:
            first, *rest = segments
            await trial.link.send([b"".join([*trial.prefix, first]), *rest], Delivery.WHOLE)
            trial.prefix = []
        elif kind == FIN:
            trial.link.finish()
        elif kind == RST:
            await trial.link.reset()
            return
        goes_on = await _rest(trial)
        came = [event.at - began for event in trial.recording.events if event.direction == "<"]
        told["latency"] = max([told["latency"], *came[-1:]])  # an A-ABORT is an answer, and the close behind it
        if not goes_on:
            return


async def _rest(trial: Trial) -> bool:
    """Wait until the peer may have taken everything; False when the conversation is over, or can be judged no more."""
    link, track, follower = trial.link, trial.track, trial.track.follower
    answered = await link.until(lambda: track.closed or not follower.explained or follower.rested, trial.settings.react)
    if track.closed or not follower.explained or track.unreadable:
        return False
    if not answered:
        trial.fail(f"nothing came, though an answer was due in {' or '.join(follower.states)}")
    await _quiet(link, trial.settings.settle)
    return not track.closed and follower.explained


async def _quiet(link: Link, seconds: float) -> None:
    """Wait until nothing has come for so long. A slow peer may still answer later: the oracle keeps that possible."""
    track = link.track
    while not track.closed:
        seen = track.received_bytes
        if not await link.until(lambda seen=seen: track.closed or track.received_bytes != seen, seconds):  # type: ignore[misc]  # mypy infers no lambda that has a default
            return


def _broken(exchange: Exchange, health: Health, *, strict: bool) -> tuple[str, str]:
    for event, before in zip(exchange.events[1:], exchange.events, strict=False):
        if event.kind == "pdu" and not event.states and before.states and not exchange.undriven:
            return (
                "Table 9-10",
                f"{event.words} in {' or '.join(before.states)}, which no reading of the table explains",
            )
    if exchange.why and exchange.reaction is Reaction.FAIL:
        return "Table 9-10", exchange.why
    for found in exchange.findings:
        if strict or (RULES[found.id].level is Level.M and not found.strict):
            return found.id, found.what
    if exchange.closing is Closing.LEAK:
        return "closing", "the peer did not close its side after ours"
    if health in (Health.DEAD, Health.BLOCKED):
        return "health", f"the peer is {health} after it"
    return "", ""
