"""Section RL: release and its collision (PS3.8 7.2, 9.3.6, 9.3.7; AR-1 to AR-10 of Table 9-8).

An acceptor that asks for release is rare (PS3.7 A.5 leaves it to the requestor), but the Upper Layer has an answer to
it, and a collision is what happens when both ask at once.
"""

from typing import TYPE_CHECKING

from .. import commands, frames
from ..case import case, stimulus
from ..results import Reaction

if TYPE_CHECKING:
    from ..trial import Trial

RELEASE = "PS3.8 7.2"
GIVE_UP_SECONDS = 90.0
"""For a requestor's user to give up waiting."""

stimulus(
    "RL-01",
    "A-RELEASE-RQ",
    lambda _: [frames.release_rq()],
    "RP",
    clause=(RELEASE, "PS3.8 9.3.6"),
    event="Evt12",
    tags=("smoke",),
)


@case(
    "RL-02",
    "reserved fields of A-RELEASE-RQ and -RP are FFH",
    roles="AR",
    level="M",
    clause=("PS3.8 9.3.6", "PS3.8 9.3.7"),
    expected="RP | CLOSE",
    why="An acceptor answers with the A-RELEASE-RP, a requestor closes.",
)
async def _(trial: "Trial") -> None:
    if trial.role == "A":
        await trial.drive("Sta6")
        await trial.send(frames.release_rq(b"\xff" * 4, reserved=0xFF))
        await trial.expect("RP")
    else:
        await trial.drive("Sta7")
        await trial.send(frames.release_rp(b"\xff" * 4, reserved=0xFF))
        await trial.expect("CLOSE")


for _id, _length in (("RL-03", 0), ("RL-04", 8)):
    stimulus(
        _id,
        f"an A-RELEASE-RQ of length {_length}",
        lambda _, length=_length: [frames.release_rq(bytes(length))],  # type: ignore[misc]  # mypy infers no lambda that has a default
        "AA8 r6 | ~RP [LENIENT]",
        level="S",
        clause="PS3.8 9.3.6",
        event="Evt19",
    )
stimulus(
    "RL-05",
    "an A-RELEASE-RP of length 0, and of length 8",
    lambda trial: [frames.release_rp(bytes(int(trial.variant)))],
    "AA8 r6 | ~CLOSE [LENIENT]",
    roles="R",
    level="S",
    clause="PS3.8 9.3.7",
    state="Sta7",
    event="Evt19",
    variants=("0", "8"),
)


@case(
    "RL-06",
    "A-RELEASE-RQ while the responses of a C-FIND are coming",
    roles="A",
    level="M",
    clause=("PS3.8 7.2.2", "PS3.8 Table 9-10"),
    needs=("find",),
    expected="RP | A(*)",
    why="In Sta8 the peer may still send P-DATA (AR-7) before its A-RELEASE-RP; silence is not an answer.",
)
async def _(trial: "Trial") -> None:
    context = frames.proposed(1, commands.STUDY_ROOT_FIND, [trial.syntax(commands.STUDY_ROOT_FIND)])
    await trial.drive("Sta6", contexts=[context])
    await trial.send(*commands.find_everything(1), frames.release_rq())
    await trial.link.until(lambda: trial.track.closed or any(t.kind in ("RP", "A") for t in trial.seen), 10.0)
    last = [token for token in trial.seen if token.kind not in ("RSP", "DATA")]
    trial.exchange.expected, trial.exchange.seen = "RSP..., RP", trial.seen
    trial.check(bool(last), "neither an A-RELEASE-RP nor an A-ABORT came")
    trial.check(last[0].kind in ("RP", "A"), f"{last[0]} came where an A-RELEASE-RP was due")
    if last[0].kind == "A":
        trial.grade(Reaction.ALT, "it aborts")


stimulus(
    "RL-07",
    "A-RELEASE-RQ inside an unfinished message",
    lambda _: [frames.p_data(frames.pdv(1, commands.echo_rq()[:20], last=False)), frames.release_rq()],
    "RP | A(*) | ~CLOSE [DIRTY]",
    level="S",
    clause="PS3.7 A.5",
)


@case(
    "RL-08",
    "nothing comes behind the A-RELEASE-RP",
    roles="A",
    level="M",
    clause="PS3.8 7.2.2",
    expected="HOLD | ~CLOSE [EARLY]",
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta6")
    await trial.send(frames.release_rq())
    await trial.expect("RP")  # and, until it is quiet, nothing else but the close


@case(
    "RL-09",
    "A-RELEASE-RQ from the acceptor in Sta6",
    roles="R",
    level="M",
    clause=("PS3.8 7.2", "PS3.8 Table 9-10"),
    states=("Sta6",),
    events=("Evt12",),
    expected="RP | ~A(0,*) [DIRTY]",
    why="A duty of the Upper Layer (AR-2, AR-4), although PS3.7 A.5 keeps application entities from starting it.",
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta6")
    await trial.send(frames.release_rq())
    await trial.expect()


@case(
    "RL-10",
    "release collision: A-RELEASE-RQ in Sta7, then the A-RELEASE-RP",
    roles="R",
    level="M",
    clause=("PS3.8 7.2.2", "PS3.8 Table 9-8"),
    expected="RP",
    why="AR-8, AR-9, AR-3: the requestor answers first, then takes the answer and closes.",
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta7")
    await trial.send(frames.release_rq())
    await trial.expect()
    await trial.send(frames.release_rp())
    await trial.expect("CLOSE")


stimulus(
    "RL-11",
    "release collision, the A-RELEASE-RP sent without waiting",
    lambda _: [frames.release_rq(), frames.release_rp()],
    "RP, CLOSE | AA8 r2",
    roles="R",
    clause="PS3.8 Table 9-10",
    state="Sta7",
    why="In Sta9 it is unexpected (AA-8), in Sta11 it is due (AR-3): a race, and Table 9-10 has no third end.",
)


@case("RL-12", "release collision, then an A-ABORT", roles="R", level="M", clause="PS3.8 Table 9-10", expected="RP")
async def _(trial: "Trial") -> None:
    await trial.drive("Sta7")
    await trial.send(frames.release_rq())
    await trial.expect()
    await trial.send(frames.abort())
    await trial.expect("CLOSE")


@case(
    "RL-13",
    "release collision, then silence",
    roles="R",
    level="S",
    clause="PS3.8 9.1.4 n1-2",
    tags=("slow",),
    expected="RP",
    why="Its user waits for the A-RELEASE-RP as long as it likes, then aborts (Evt15, AA-1).",
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta7")
    await trial.send(frames.release_rq())
    await trial.expect()
    await trial.expect("A(0,*) | ~A(2,*) [ALT] | ~CLOSE [DIRTY]", within=GIVE_UP_SECONDS)


@case(
    "RL-14",
    "release collision on the acceptor's side",
    roles="A",
    level="M",
    clause=("PS3.8 7.2.2", "PS3.8 Table 9-8"),
    needs=("verification", "can_release"),
    tags=("gated",),
    alone=True,
    expected="HOLD",
    why="AR-8, AR-10, AR-4: the acceptor waits for the A-RELEASE-RP before it answers.",
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta7")
    await trial.send(frames.release_rq())
    await trial.expect()
    await trial.send(frames.release_rp())
    await trial.expect("RP")


@case(
    "RL-15",
    "a P-DATA-TF in Sta7, then the A-RELEASE-RP",
    roles="R",
    level="M",
    clause="PS3.8 Table 9-10",
    expected="CLOSE",
    why="AR-6: what the acceptor sent before it read the A-RELEASE-RQ is still taken.",
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta7")
    message = trial.track.messages[-1]
    await trial.send(commands.response(message.context_id, message.elements))
    await trial.send(frames.release_rp())
    await trial.expect()
    trial.check(
        str(trial.exchange.seen[-1]) == "FIN", "the connection was reset, as if the P-DATA-TF had not been taken"
    )
