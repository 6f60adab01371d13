"""Section ROB, first part: connections that break off, are held, or come in numbers (PS3.8 9.1).

No conformance level: they count with --robust only. What may be asked of any peer is that it serves the next one, lets
go of what has ended, and does not grow (with --pid it is measured: `process`).
"""

import asyncio
from collections.abc import Callable, Sequence
from math import ceil
from typing import TYPE_CHECKING

from .. import commands, frames
from ..acceptor import converse
from ..case import case
from ..endings import Undriven
from ..process import BACK_SECONDS, PAUSE_SECONDS, Meter
from ..recipes import acceptance, request
from ..results import Closing

if TYPE_CHECKING:
    from ..trial import Trial

CONNECTION = "PS3.8 9.1"
CELLS = "PS3.8 Table 9-10"
PHASES = {
    "associating": {"A": "Sta2", "R": "Sta5"},
    "associated": {"A": "Sta6", "R": "Sta6"},
    "releasing": {"A": "Sta13", "R": "Sta7"},
}
"""The stable states in which a connection breaks off."""
TIMES = 5
"""Connections with an acceptor that break off in each: what it keeps of one shows in five."""
IDLE = 50
CONNECTIONS, ASSOCIATIONS = 500, 200
MOST_SECONDS = 120.0
"""For all of them; a slow peer gets fewer."""
DRIFT, DRIFT_SECONDS = 2.0, 0.1
"""The second half of many associations is slower when its slowest take this many times, and so many seconds, longer."""


# ---- connections that break off ----


def _half(trial: "Trial") -> bytes:
    """The beginning of a PDU that belongs to the peer's state."""
    wholes: dict[str, Callable[[], bytes]] = {
        "Sta2": lambda: request(trial),
        "Sta5": lambda: acceptance(trial),
        "Sta7": frames.release_rp,
        "Sta13": commands.echo,
    }
    state = PHASES[trial.variant][trial.role]
    if state != "Sta6":
        whole = wholes[state]()
    elif trial.role == "A":
        whole = commands.echo()
    else:
        whole = commands.response(trial.track.messages[-1].context_id, trial.track.messages[-1].elements)
    return whole[: len(whole) // 2]


async def _break_off(trial: "Trial", *, reset: bool) -> None:
    meter = Meter(trial)
    for number in range(TIMES if trial.role == "A" else 1):
        await drive_again(trial, PHASES[trial.variant][trial.role], number)
        if trial.track.closed:
            trial.closed_early()
            continue
        await trial.send(_half(trial))
        if reset:
            await trial.link.reset()
        else:
            await ended(trial)
    await meter.judge()


async def drive_again(trial: "Trial", state: str, before: int) -> None:
    """Bring the peer into a state once more; it may need a moment to let go of those before, but no longer.

    Raises:
        Undriven: the first time.
    """
    deadline = trial.recording.now + BACK_SECONDS
    while True:
        try:
            await trial.drive(state)
        except Undriven as reason:
            if not before:
                raise
            trial.check(trial.recording.now < deadline, f"after {before} such connections: {reason}")
            await asyncio.sleep(PAUSE_SECONDS)  # before the next try
        else:
            return


async def ended(trial: "Trial") -> None:
    """Our side of the connection ends, and the peer's must too."""
    trial.link.finish()
    if not await trial.link.until(lambda: trial.track.closed, trial.settings.react):
        trial.exchange.closing = Closing.LEAK
        trial.fail("the peer did not close its side after ours")
    await trial.link.close()


@case(
    "ROB-01",
    "RST in the middle of a PDU",
    roles="AR",
    level="I",
    clause=CELLS,
    events=("Evt17",),
    tags=("robust",),
    rule="CLOSE",
    variants=tuple(PHASES),
)
async def _(trial: "Trial") -> None:
    await _break_off(trial, reset=True)


@case(
    "ROB-02",
    "FIN in the middle of a PDU",
    roles="AR",
    level="I",
    clause=CELLS,
    events=("Evt17",),
    tags=("robust",),
    rule="CLOSE",
    variants=tuple(PHASES),
)
async def _(trial: "Trial") -> None:
    await _break_off(trial, reset=False)


@case(
    "ROB-03",
    "our side is closed behind the A-ASSOCIATE-RQ",
    roles="A",
    level="I",
    clause=CELLS,
    tags=("robust",),
    expected="AC, CLOSE | CLOSE | RJ, CLOSE | ~AC, A(*), CLOSE [INFO] | ~A(*), CLOSE [INFO]",
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta2")
    await trial.send(request(trial))
    trial.link.finish()
    await trial.expect()


@case(
    "ROB-04",
    "our side is closed behind the last request",
    roles="A",
    level="I",
    clause=CELLS,
    tags=("robust",),
    expected="RSP, CLOSE | RSP, A(*), CLOSE | ~CLOSE [ALT] | ~A(*), CLOSE [ALT]",
    why="The request came in order, so its response is wanted; but Evt17 ends Sta6 at once (AA-4), so it may be lost.",
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta6")
    await trial.send(commands.echo())
    trial.link.finish()
    await trial.expect()


# ---- connections that are held ----


async def others_are_served(trial: "Trial", *also: str) -> None:
    """Fail unless another association works at once, or is answered so."""
    try:
        fault = await converse(trial)
    except Undriven as reason:
        fault = str(reason)
    trial.exchange.seen = tuple(trial.track.trace)
    trial.check(not fault or fault.startswith(also), f"others are not served meanwhile: {fault or 'nothing came'}")


async def _hold(trial: "Trial", *first: bytes) -> None:
    """One connection stays open, with this on it; another must not have to wait for it."""
    await trial.drive("Sta2")
    if first:
        await trial.send(*first)
    await others_are_served(trial)


@case(
    "ROB-07",
    "one idle connection is held",
    roles="A",
    level="I",
    clause=CONNECTION,
    tags=("robust",),
    rule="AC, RSP, RP on another connection",
)
async def _(trial: "Trial") -> None:
    await _hold(trial)


@case(
    "ROB-08",
    "half an A-ASSOCIATE-RQ is held",
    roles="A",
    level="I",
    clause=CONNECTION,
    tags=("robust",),
    rule="AC, RSP, RP on another connection",
)
async def _(trial: "Trial") -> None:
    whole = request(trial)
    await _hold(trial, whole[: len(whole) // 2])


@case(
    "ROB-09",
    "a malformed A-ASSOCIATE-RQ is held",
    roles="A",
    level="I",
    clause=CONNECTION,
    tags=("robust",),
    rule="AC, RSP, RP on another connection",
)
async def _(trial: "Trial") -> None:
    await _hold(trial, frames.pdu(0x01, bytes(10)))


@case(
    "ROB-10",
    "many idle connections",
    roles="A",
    level="I",
    clause=CONNECTION,
    tags=("robust", "dos", "slow"),
    rule="AC, RSP, RP, or RJ(2,3,2); after ARTIM AC, RSP, RP",
    why="Others are served, or told of the limit (RJ(2,3,2)); when ARTIM has ended the idle ones all is well again.",
)
async def _(trial: "Trial") -> None:
    meter = Meter(trial)
    for _ in range(min(IDLE, trial.profile.concurrency or IDLE)):
        await trial.open()
    idle = list(trial.links)
    await others_are_served(trial, "RJ(2,3,2)")
    for link in idle:
        rest = max(0.0, trial.settings.artim_limit - trial.recording.now)
        await link.until(lambda link=link: link.track.closed, rest)  # type: ignore[misc]  # mypy infers no lambda that has a default
    await others_are_served(trial)
    await meter.judge()


# ---- many connections ----


async def _many(trial: "Trial", times: int) -> list[float]:
    """Associate, echo, release so often; the seconds of each."""
    found: list[float] = []
    while len(found) < times and trial.recording.now < MOST_SECONDS:
        began = trial.recording.now
        fault = await converse(trial)
        trial.check(not fault, f"association {len(found) + 1}: {fault}")
        await ended(trial)
        found.append(trial.recording.now - began)
    return found


@case(
    "ROB-11",
    "500 connections without a word",
    roles="A",
    level="I",
    clause=CONNECTION,
    tags=("robust",),
    rule="descriptors, threads and memory as before",
)
async def _(trial: "Trial") -> None:
    await _many(trial, 1)
    meter = Meter(trial)
    for _ in range(CONNECTIONS):
        if trial.recording.now > MOST_SECONDS:
            break
        await trial.open()
        await ended(trial)
    await meter.judge()


@case(
    "ROB-12",
    "200 associations with a C-ECHO",
    roles="A",
    level="I",
    clause=CONNECTION,
    tags=("robust",),
    rule="the last ones as quick as the first",
)
async def _(trial: "Trial") -> None:
    await _many(trial, TIMES)
    meter = Meter(trial)
    times = await _many(trial, ASSOCIATIONS)
    first, second = (_slow(half) for half in (times[: len(times) // 2], times[len(times) // 2 :]))
    trial.exchange.why = f"99 of 100 in {first * 1000:.0f} ms, then in {second * 1000:.0f} ms"
    trial.check(second < max(DRIFT * first, first + DRIFT_SECONDS), f"it gets slower: {trial.exchange.why}")
    await meter.judge()


def _slow(times: Sequence[float]) -> float:
    """The time in which 99 of 100 are done."""
    return sorted(times)[ceil(0.99 * len(times)) - 1]


@case("ROB-13", "200 associations that are aborted", roles="A", level="I", clause=CELLS, tags=("robust",), rule="CLOSE")
async def _(trial: "Trial") -> None:
    await _many(trial, TIMES)
    meter = Meter(trial)
    for _ in range(ASSOCIATIONS):
        if trial.recording.now > MOST_SECONDS:
            break
        await trial.drive("Sta6")
        await trial.send(frames.abort())
        await ended(trial)
    await meter.judge()
