"""Plays what was recorded once more, byte for byte: the tester's bytes and closes, each after what came before it.

Nothing is built anew and nothing is decided: what the peer does now is recorded, and compared with what it did then.
A PDU that came is waited for, for as long as a reaction is; then the next bytes leave all the same.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from . import conditions
from .case import Case
from .endings import Skip, Undriven
from .link import Link
from .reading import Assembler, read
from .results import Event, Exchange, Result
from .settings import Settings
from .tokens import Token, of_message, of_pdu
from .trial import Peer, Trial, play

_THEIRS = ("pdu", "fin", "rst", "send-failed")
_OURS = ("sent", "silence", "our-fin", "our-rst", "our-close")
_ENDS = ("fin", "rst", "send-failed")


async def replay(result: Result, exchange: Exchange, peer: Peer, settings: Settings) -> Exchange:
    """A conversation once more.

    Args:
        result: of the case it belongs to.
        exchange: as it was recorded.
        peer: who is on the other side now.
        settings: the clocks.
    """
    then = conditions.applied(settings, exchange.conditions)
    made = await play(_case(result, exchange), exchange.label, peer, then)
    return replace(made, expected=exchange.expected, conditions=exchange.conditions)


def _case(result: Result, exchange: Exchange) -> Case:
    async def script(trial: Trial) -> None:
        await _play(trial, exchange)

    return Case(result.id, result.slug, result.title, result.role, result.level, result.clauses, script)


async def _play(trial: Trial, exchange: Exchange) -> None:
    seen: Counter[int] = Counter()
    judged: tuple[Token, ...] = ()
    begun = False
    for event in exchange.events:
        if not begun and event.at >= exchange.stimulus_at and trial.links:
            begun = True
            await _caught_up(trial, trial.link, seen[len(trial.links) - 1])
            trial.mark()
            trial.exchange.states = trial.track.follower.states
            trial.exchange.stimulus_at = trial.recording.now
        if event.kind in _THEIRS:
            seen[event.connection] += 1
        else:
            if event.kind == "our-fin":
                judged = trial.seen
            await _do(trial, event, seen[event.connection])
    trial.exchange.seen = trial.seen if _ends_closed(exchange) else judged or trial.seen


def _ends_closed(exchange: Exchange) -> bool:
    """Whether the peer's close was a part of its reaction, and not the answer to the tester's, at the end."""
    return bool(exchange.seen) and exchange.seen[-1].kind == "CLOSE"


async def _do(trial: Trial, event: Event, seen: int) -> None:
    """What the tester did, behind as many PDUs and closes of the peer as had come before."""
    if event.kind in ("connect", "accept"):
        await trial.open()
        return
    if event.kind == "refused":
        await trial.peer.refused(trial)
        return
    if event.kind not in _OURS:
        return
    if not 0 <= event.connection < len(trial.links):
        raise Undriven(f"connection {event.connection} was not opened")
    link = trial.links[event.connection]
    await _caught_up(trial, link, seen)
    if event.kind == "sent":
        if event.digest:
            raise Skip(f"{event.length} bytes were sent, of which the first {len(event.data)} were kept")
        await link.send([event.data], trial.settings.delivery)
    elif event.kind == "silence":
        await link.quiet(trial.settings.settle)
    elif event.kind == "our-fin":
        link.finish()
        await link.until(lambda: link.track.closed, trial.settings.react)
    elif event.kind in ("our-rst", "our-close"):
        await link.reset()


async def _caught_up(trial: Trial, link: Link, seen: int) -> None:
    await link.until(lambda: len(link.track.pdus) + link.track.closed >= seen, trial.settings.react)


def traces(events: Iterable[Event]) -> dict[int, list[Token]]:
    """What the peer did on each connection, whichever way it closed."""
    found: dict[int, list[Token]] = {}
    assemblers: dict[int, Assembler] = {}
    for event in events:
        trace = found.setdefault(event.connection, [])
        if event.kind in _ENDS:
            trace.append(Token("CLOSE"))
        elif event.kind == "pdu":
            assembler = assemblers.setdefault(event.connection, Assembler())
            pdu = read(event.data)
            whole = [message for each in pdu.fragments if (message := assembler.feed(each)) is not None]
            trace += [of_message(message) for message in whole] if pdu.type == 0x04 else [of_pdu(pdu)]
    return found


def same(then: Exchange, now: Exchange) -> bool:
    """Whether the peer did what it did then."""
    return traces(then.events) == traces(now.events)
