"""Section RJ: the A-ASSOCIATE-RJ (PS3.8 9.3.4, Table 9-21), as an acceptor writes it and as a requestor takes it.

A requestor closes the connection behind it and says nothing more (AE-4).
"""

from itertools import pairwise
from typing import TYPE_CHECKING

from ....spec import codes
from .. import commands, frames
from ..case import case, stimulus
from ..endings import Skip, Undriven
from ..recipes import request
from ..results import Reaction
from .associate_rq import UNKNOWN_UID

if TYPE_CHECKING:
    from ..trial import Trial

VALUES = "PS3.8 Table 9-21"
REJECTED = "PS3.8 Table 9-10"

# ---- role A ----

_PROVOKED = {
    "protocol version": lambda trial: request(trial, version=0),
    "application context": lambda trial: request(trial, application=frames.application_context(UNKNOWN_UID)),
    "called AE title": lambda trial: request(trial, called="NOBODY-OF-US"),
    "calling AE title": lambda trial: request(trial, calling=""),
}


@case(
    "RJ-01",
    "the values of every A-ASSOCIATE-RJ",
    roles="A",
    level="M",
    clause=(VALUES, "PS3.8 9.3.4"),
    expected='RJ | ~AC [INFO] "no rejection to judge" | ~A(*) [INFO] "no rejection to judge" | ~CLOSE [INFO]',
    variants=tuple(_PROVOKED),
    why="What a peer rejects is its own affair; where it does, the three values must be of the table.",
)
async def _(trial: "Trial") -> None:
    await trial.open()
    await trial.send(_PROVOKED[trial.variant](trial))
    await trial.link.until(lambda: bool(trial.seen), trial.settings.react)
    if not trial.seen:
        trial.exchange.expected = trial.case.expected
        trial.grade(Reaction.INFO, "nothing came: no rejection to judge")
        return
    await trial.expect()
    for pdu in trial.track.pdus:
        if pdu.type == 0x03:
            result, source, reason = pdu.byte
            legal = result in codes.REJECT_RESULTS and (source, reason) in codes.REJECT_REASONS
            trial.check(len(pdu.body) == 4, f"its length is {len(pdu.body)}, 4 is due")
            trial.check(legal, f"result {result}, source {source}, reason {reason} are not in Table 9-21")


@case(
    "RJ-02",
    "a P-DATA-TF behind the A-ASSOCIATE-RJ",
    roles="A",
    level="M",
    clause=(REJECTED, VALUES),
    states=("Sta13",),
    events=("Evt10",),
    expected="HOLD | ~CLOSE [EARLY]",
    why="AE-6 and AE-8 end in Sta13: nothing comes behind the A-ASSOCIATE-RJ but, for some PDUs, an A-ABORT (AA-7).",
)
async def _(trial: "Trial") -> None:
    await trial.open()
    await trial.send(request(trial, version=0))
    await trial.expect("RJ | ~A(*) [INFO]")
    if trial.track.closed:
        trial.closed_early()
        return
    await trial.send(commands.echo())
    await trial.expect("HOLD | ~CLOSE [EARLY] | ~A(*) [ALT]")


MOST_HELD = 64
"""Associations that are opened to reach a limit."""


@case(
    "RJ-07",
    "one association more than the peer serves at once",
    roles="A",
    level="S",
    clause=("PS3.8 9.1.4 n1", VALUES),
    needs=("verification", "concurrency"),
    expected='RJ(2,3,1) | RJ(2,3,2) | ~RJ [LENIENT] | ~A(*) [LENIENT] | ~CLOSE [DIRTY] | ~AC [INFO] "it serves more"',
    why="A lack of resources is told by a transient rejection, not by refusing the connection.",
)
async def _(trial: "Trial") -> None:
    most = trial.profile.concurrency or 0
    if most > MOST_HELD:
        raise Skip(f"the peer serves {most} associations at once; no more than {MOST_HELD} are opened")
    for _each in range(most):
        await trial.drive("Sta6")
    try:
        await trial.open()
    except Undriven as reason:
        trial.fail(str(reason))
    await trial.send(request(trial))
    await trial.expect()


# ---- role R ----

_TRIPLES = {
    f"{result},{source},{reason}": (result, source, reason)
    for result in codes.REJECT_RESULTS
    for source, reason in codes.REJECT_REASONS
}


def _triple(trial: "Trial") -> bytes:
    return frames.associate_rj(*_TRIPLES[trial.variant])


stimulus(
    "RJ-03",
    "an A-ASSOCIATE-RJ without a reason",
    lambda _: [frames.associate_rj(1, 1, 1)],
    "CLOSE",
    roles="R",
    clause=(REJECTED, VALUES),
    state="Sta5",
    event="Evt4",
    why="AE-4: it closes, and needs no A-ABORT.",
)
stimulus(
    "RJ-04",
    "every A-ASSOCIATE-RJ there is",
    lambda trial: [_triple(trial)],
    "CLOSE",
    roles="R",
    clause=(VALUES, REJECTED),
    state="Sta5",
    event="Evt4",
    variants=tuple(_TRIPLES),
)
stimulus(
    "RJ-05",
    "an A-ASSOCIATE-RJ of values that do not exist",
    lambda _: [frames.associate_rj(9, 9, 9)],
    "CLOSE | AA8 r6",
    roles="R",
    level="S",
    clause=VALUES,
    state="Sta5",
)
stimulus(
    "RJ-06",
    "an A-ASSOCIATE-RJ of length 2, and of length 6",
    lambda trial: [frames.pdu(0x03, bytes([0, 1, 1, 1, 0, 0])[: int(trial.variant)])],
    "CLOSE | AA8 r6",
    roles="R",
    level="S",
    clause="PS3.8 9.3.4",
    state="Sta5",
    event="Evt19",
    variants=("2", "6"),
)

RETRIES = 3
RETRY_SECONDS = 1.0
"""At least, between a transient rejection and another attempt."""


@case(
    "RJ-08",
    "a transient A-ASSOCIATE-RJ, again and again",
    roles="R",
    level="I",
    clause=VALUES,
    states=("Sta5",),
    events=("Evt4",),
    expected="CLOSE",
    why="Who tries again waits in between.",
)
async def _(trial: "Trial") -> None:
    times: list[float] = []
    for _each in range(RETRIES):
        try:
            await trial.drive("Sta5")
        except Undriven:
            if not times:
                raise
            break  # it does not try again
        times.append(trial.recording.now)
        await trial.send(frames.associate_rj(2, 3, 1))
        await trial.expect()
    pauses = [later - sooner for sooner, later in pairwise(times)]
    trial.check(all(pause >= RETRY_SECONDS for pause in pauses), f"it tries again after {min(pauses, default=0):.2f} s")
    trial.exchange.why = f"{len(times)} attempts"
