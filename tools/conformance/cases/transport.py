"""Section T: the transport connection and the ARTIM timer (PS3.8 9.1, Evt17 and Evt18 of Table 9-10).

ARTIM is tested idle and dripping, because a timer that any byte re-arms passes the first and not the second. Where
the peer's ARTIM is known (`--artim`, or the profile) it must fire there, within a margin; where it is not, before a
ceiling. What fires is measured and told.
"""

from itertools import pairwise
from typing import TYPE_CHECKING

from .. import commands, frames
from ..case import case
from ..recipes import request
from ..results import Closing, Reaction

if TYPE_CHECKING:
    from ..trial import Trial

DRIP_SECONDS = 1.0
"""Between two bytes."""
IGNORABLE_SECONDS = 5.0
"""Between two PDUs that Sta13 ignores; less where ARTIM is short."""
GIVE_UP_SECONDS = 90.0
"""For a peer's user to give up waiting (its own timer, for which the standard has no value)."""
RETRIES = 3
RETRY_SECONDS = 1.0
"""At least, between two attempts to connect."""
CLOCK = "PS3.8 9.1.5"


async def _closes_at_artim(trial: "Trial", *, strictly_silent: bool = True) -> None:
    """The peer closes when ARTIM fires: not much before where it is known, and without a PDU."""
    await trial.expect("CLOSE" if strictly_silent else "CLOSE | ~A(*), CLOSE [INFO]", within=trial.settings.artim_limit)
    trial.recording.note(f"closed {trial.elapsed:.2f} s after the timer began")
    early = trial.settings.artim_start
    trial.check(trial.elapsed >= early, f"closed after {trial.elapsed:.2f} s, ARTIM is {trial.settings.artim} s")
    trial.exchange.why = f"ARTIM fired after {trial.elapsed:.2f} s"


async def _closes_by_artim(trial: "Trial") -> None:
    """In Sta13 the peer closes when ARTIM fires at the latest; before is early, not at all is a leak."""
    limit = trial.settings.artim_limit
    closed = await trial.link.until(lambda: trial.track.closed, limit)
    after = trial.recording.now - trial.exchange.stimulus_at
    trial.exchange.expected, trial.exchange.seconds = "CLOSE by ARTIM", after
    trial.exchange.seen = trial.seen
    if not closed:
        trial.exchange.closing = Closing.LEAK
        trial.fail(f"still open {after:.1f} s after Sta13 began, ARTIM has passed")
    pdus = [token for token in trial.seen if token.kind != "CLOSE"]
    trial.check(not pdus, f"{', '.join(map(str, pdus))} came in Sta13 (PS3.8 Table 9-10, Evt18: AA-2)")
    if after < trial.settings.artim_start:
        trial.exchange.closing = Closing.EARLY
    trial.exchange.why = f"closed {after:.2f} s after Sta13 began"


@case(
    "T-01",
    "connect, and stay idle",
    roles="A",
    level="M",
    clause=("PS3.8 9.1.4", "PS3.8 9.1.2"),
    states=("Sta2",),
    events=("Evt18",),
    tags=("slow",),
    expected="CLOSE",
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta2")
    await _closes_at_artim(trial)


@case(
    "T-02",
    "an A-ASSOCIATE-RQ that drips, a byte a second, beyond ARTIM",
    roles="A",
    level="M",
    clause=("PS3.8 Table 9-10", "PS3.8 9.1.4"),
    tags=("slow",),
    expected="CLOSE",
    why="Only a complete A-ASSOCIATE-RQ stops the timer (AE-6); a byte does not start it anew.",
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta2")
    whole, limit = request(trial), trial.settings.artim_limit
    byte = 0
    while trial.recording.now < limit and not trial.track.closed and byte < len(whole) - 1:
        await trial.send(whole[byte : byte + 1])
        byte += 1
        await trial.link.until(lambda: trial.track.closed, DRIP_SECONDS)
    await trial.expect("CLOSE", within=0.0)
    trial.exchange.why = f"closed {trial.recording.events[-1].at:.2f} s after the connection opened"


@case(
    "T-03",
    "the six bytes of a header, then silence",
    roles="A",
    level="M",
    clause="PS3.8 9.1.4",
    tags=("slow",),
    expected="CLOSE",
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta2")
    await trial.send(request(trial)[:6])
    await _closes_at_artim(trial)


@case(
    "T-04",
    "the connection is kept open after an A-ASSOCIATE-RJ",
    roles="A",
    level="M",
    clause=("PS3.8 9.1.4", CLOCK),
    states=("Sta13",),
    events=("Evt18",),
    tags=("slow",),
    expected="CLOSE",
)
async def _(trial: "Trial") -> None:
    await trial.open()
    await trial.send(request(trial, version=0))
    await trial.expect("RJ | ~A(*) [INFO]")
    trial.exchange.stimulus_at = trial.recording.now
    await _closes_by_artim(trial)


@case(
    "T-05",
    "the connection is kept open after the A-RELEASE-RP",
    roles="A",
    level="M",
    clause=("PS3.8 9.1.4", CLOCK),
    states=("Sta13",),
    events=("Evt18",),
    tags=("slow",),
    expected="CLOSE",
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta13")
    await _closes_by_artim(trial)


@case(
    "T-06",
    "the connection is kept open after the peer's A-ABORT",
    roles="A",
    level="M",
    clause=("PS3.8 9.1.4", CLOCK),
    states=("Sta13",),
    events=("Evt18",),
    tags=("slow",),
    expected="CLOSE",
)
async def _(trial: "Trial") -> None:
    await _aborted(trial)
    await _closes_by_artim(trial)


async def _aborted(trial: "Trial") -> None:
    """The peer has sent an A-ABORT: an A-RELEASE-RP in Sta6 makes it (AA-8)."""
    await trial.drive("Sta6")
    await trial.send(frames.release_rp())
    await trial.link.until(lambda: bool(trial.seen) or trial.track.closed, trial.settings.react)
    trial.check(bool(trial.seen) and trial.seen[0].kind == "A", "no A-ABORT came for an A-RELEASE-RP in Sta6")
    trial.mark()
    trial.exchange.stimulus_at = trial.recording.now


@case(
    "T-07",
    "in Sta13 a P-DATA-TF to be ignored, again and again",
    roles="A",
    level="M",
    clause=("PS3.8 Table 9-10", "PS3.8 Table 9-9"),
    tags=("slow",),
    expected="CLOSE",
    why="AA-6 ignores the PDU; only AA-1 restarts a timer that runs.",
)
async def _(trial: "Trial") -> None:
    await _aborted(trial)
    limit = trial.settings.artim_limit
    pause = min(IGNORABLE_SECONDS, limit / 4)
    while not trial.track.closed and trial.recording.now - trial.exchange.stimulus_at < limit:
        await trial.send(commands.echo())
        await trial.link.until(lambda: trial.track.closed, pause)
    await _closes_by_artim(trial) if trial.track.closed else trial.fail(
        f"still open after {limit:.1f} s: ARTIM was re-armed"
    )


@case(
    "T-08",
    "an established association idles for twice ARTIM",
    roles="A",
    level="I",
    clause="PS3.8 9.1.4 n2",
    tags=("slow",),
    expected="RSP",
    why="ARTIM does not run in Sta6; a peer may have a limit of its own.",
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta6")
    await trial.link.until(lambda: trial.track.closed, 2 * trial.settings.artim_limit)
    if trial.track.closed:
        trial.fail(f"it ended after {trial.recording.now:.1f} s of quiet")
    await trial.send(commands.echo())
    await trial.expect()


@case(
    "T-09",
    "an established association idles until the peer gives up",
    roles="A",
    level="S",
    clause="PS3.8 9.1.4 n1",
    tags=("slow",),
    expected="A(*) | RLRQ | ~CLOSE [DIRTY]",
    why="A limit of the peer's own ends an association with an A-ABORT, not with a bare close.",
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta6")
    await trial.link.until(lambda: bool(trial.seen), GIVE_UP_SECONDS)
    if trial.seen:
        await trial.expect()
        return
    trial.exchange.expected = trial.case.expected
    trial.grade(Reaction.INFO, f"it did not give up within {GIVE_UP_SECONDS:g} s")


GAVE_UP = "A(0,*) | ~A(2,*) [ALT] | ~CLOSE [DIRTY]"
"""Evt15 (AA-1): a requestor whose user waits no longer."""


@case(
    "T-10",
    "silence after the A-ASSOCIATE-RQ",
    roles="R",
    level="S",
    clause="PS3.8 9.1.4 n1-2",
    tags=("slow",),
    expected=GAVE_UP,
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta5")
    await trial.expect(within=GIVE_UP_SECONDS)


@case(
    "T-11",
    "silence after the A-RELEASE-RQ",
    roles="R",
    level="S",
    clause="PS3.8 9.1.4 n1-2",
    tags=("slow",),
    expected=GAVE_UP,
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta7")
    await trial.expect(within=GIVE_UP_SECONDS)


ONE_ASSOCIATION = 'A(*) | CLOSE | x AC "a second association on the connection" | ~RJ [INFO]'


@case(
    "T-12",
    "a new A-ASSOCIATE-RQ on the connection of a released association",
    roles="A",
    level="M",
    clause="PS3.8 9.1.1",
    expected=ONE_ASSOCIATION,
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta13")
    if trial.track.closed:
        trial.closed_early()
        return
    await trial.send(request(trial))
    await trial.expect()


@case(
    "T-13",
    "a new A-ASSOCIATE-RQ on the connection of a rejected association",
    roles="A",
    level="M",
    clause="PS3.8 9.1.1",
    expected=ONE_ASSOCIATION,
)
async def _(trial: "Trial") -> None:
    await trial.open()
    await trial.send(request(trial, version=0))
    await trial.expect("RJ | ~A(*) [INFO]")
    if trial.track.closed:
        trial.closed_early()
        return
    await trial.send(request(trial))
    await trial.expect()


@case(
    "T-14",
    "every connection is reset as soon as it is made",
    roles="R",
    level="I",
    clause="PS3.8 9.1.1",
    alone=True,
    expected="HOLD",
    why="Who tries again waits in between.",
)
async def _(trial: "Trial") -> None:
    times = await trial.peer.reset_all(trial, RETRIES)
    trial.check(bool(times), "the peer did not dial")
    pauses = [later - sooner for sooner, later in pairwise(times)]
    trial.check(all(pause >= RETRY_SECONDS for pause in pauses), f"it tries again after {min(pauses, default=0):.2f} s")
    trial.exchange.why = f"{len(times)} attempts"
