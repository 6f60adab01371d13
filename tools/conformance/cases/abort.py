"""Section AB: aborts, those a peer gets and those it gives (PS3.8 7.3, 7.4, 9.3.8, Table 9-26).

An A-ABORT ends the association whatever its fields say (AA-3); nothing is sent behind one's own but more of them.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from .. import commands, data_sets, frames, operations
from ..case import case, stimulus
from ..endings import Skip
from ..reading import Seen
from ..results import Reaction

if TYPE_CHECKING:
    from ..trial import Trial

FORM, USER, PROVIDER = "PS3.8 9.3.8", "PS3.8 7.3", "PS3.8 7.4.1"
TABLE, FIELDS = "PS3.8 Table 9-10", "PS3.8 Table 9-26"
REASONS = (0, 1, 2, 4, 5, 6)
"""Of an abort by the service provider: those that Table 9-26 has, 3 being reserved."""
STORM = 0x10000 // 6
"""PDUs of six bytes in 64 KiB."""
SHARE = 0.01
"""Of the bytes that are sent, how many may come back."""
MOST_ABORTS = 1000
"""Where it is not their number that is judged."""
ABORTS = "A(*) | ~CLOSE [DIRTY]"

# ---- aborts that a peer gets ----


@case(
    "AB-01",
    "A-ABORT while an operation is open",
    roles="AR",
    level="M",
    clause=(TABLE, "PS3.7 A.6"),
    states=("Sta6",),
    events=("Evt16",),
    expected="CLOSE",
    variants=("C-STORE", "C-FIND"),
    why="AA-3: nothing more is sent. The operation has failed, and what did not come whole is not stored.",
)
async def _(trial: "Trial") -> None:
    if trial.role == "R":
        await _aborted_requestor(trial)
    elif trial.variant == "C-STORE":
        operations.require(trial, "storage")
        await operations.associate(trial, "storage")
        image = data_sets.new_image()
        command, data = operations.store(trial, 1, image)[:2]
        beginning = frames.p_data(frames.pdv(1, data[12:112], command=False, last=False))
        await trial.send(command, beginning, frames.abort())
        await trial.expect()
        await operations.check_not_stored(trial, image)
    else:
        await _aborted_query(trial)


async def _aborted_requestor(trial: "Trial") -> None:
    await trial.drive("Sta6")
    request = trial.track.messages[-1].number(commands.COMMAND_FIELD)
    wanted = {"C-STORE": commands.C_STORE, "C-FIND": commands.C_FIND}[trial.variant]
    if request != wanted and trial.variant != trial.case.variants[0]:
        raise Skip("which operation a requestor has open is its command's choice")
    await trial.send(frames.abort())
    await trial.expect()


async def _aborted_query(trial: "Trial") -> None:
    """Responses that were on their way may come; then the connection ends, and no other PDU is seen."""
    operations.require(trial, "find")
    await operations.associate(trial, "find")
    await trial.send(*operations.find(trial, 1), frames.abort())
    closed = await trial.link.until(lambda: trial.track.closed, trial.settings.react)
    trial.exchange.expected, trial.exchange.seen = "RSP..., CLOSE", trial.seen
    others = [token for token in trial.seen if token.kind not in ("RSP", "DATA", "CLOSE")]
    trial.check(not others, f"{', '.join(map(str, others))} came where nothing is sent any more")
    trial.check(closed, f"the connection is open {trial.settings.react:g} s after the A-ABORT")


stimulus(
    "AB-02",
    "A-ABORT with a source that is none",
    lambda trial: [frames.abort(int(trial.variant))],
    "CLOSE | AA8 r6",
    roles="AR",
    level="S",
    clause=FIELDS,
    variants=("1", "3", "255"),
)
stimulus(
    "AB-03",
    "A-ABORT of the service user with a reason",
    lambda trial: [frames.abort(0, int(trial.variant))],
    "CLOSE",
    roles="AR",
    clause=FIELDS,
    event="Evt16",
    variants=("1", "2", "255"),
    why="The reason of a service user's abort is not tested.",
)
stimulus(
    "AB-04",
    "A-ABORT of the service provider, with each reason",
    lambda trial: [frames.abort(2, int(trial.variant))],
    "CLOSE",
    roles="AR",
    clause=FIELDS,
    event="Evt16",
    variants=tuple(map(str, range(7))),
)
stimulus(
    "AB-05",
    "A-ABORT of length 0, and of length 8",
    lambda trial: [frames.abort(body=bytes(int(trial.variant)))],
    "CLOSE | AA8 r6",
    roles="AR",
    level="S",
    clause=FORM,
    event="Evt19",
    variants=("0", "8"),
)


@case(
    "AB-06",
    "A-ABORT while the responses of a C-FIND stream",
    roles="A",
    level="M",
    clause=(TABLE, "PS3.7 A.6"),
    states=("Sta6",),
    events=("Evt16",),
    needs=("find",),
    expected="CLOSE",
    why="The stream stops in the time of a reaction, however many matches there are.",
)
async def _(trial: "Trial") -> None:
    operations.require(trial, "find")
    await operations.associate(trial, "find")
    await trial.send(*operations.find(trial, 1))
    await trial.link.until(lambda: bool(trial.seen), operations.SECONDS)
    trial.mark()
    await trial.send(frames.abort())
    closed = await trial.link.until(lambda: trial.track.closed, trial.settings.react)
    trial.exchange.expected, trial.exchange.seen = "RSP..., CLOSE", trial.seen
    trial.check(closed, f"the connection is open {trial.settings.react:g} s after the A-ABORT")


# ---- aborts that a peer gives ----

_PROVOKING: dict[str, tuple[Callable[[], bytes], int]] = {
    "a type that does not exist": (lambda: frames.pdu(0x47, bytes(4)), 1),
    "a PDU that is not expected": (frames.associate_ac, 2),
    "a value that is invalid": (lambda: frames.p_data(bytes(4)), 6),
}
"""What makes a peer abort in Sta6, and the exact reason (7.4.1, Table 9-26)."""


@case(
    "AB-07",
    "the form of every A-ABORT",
    roles="AR",
    level="M",
    clause=(FIELDS, FORM),
    rule="A-ABORT as in Table 9-26",
    variants=tuple(_PROVOKING),
    why="Length 4; source 0 or 2; a reason of the table, and 0 where the source is the service user.",
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta6")
    await trial.send(_PROVOKING[trial.variant][0]())
    await trial.link.until(lambda: bool(trial.seen), trial.settings.react)
    await trial.link.quiet(trial.settings.settle)
    trial.exchange.seen = trial.seen
    aborts = [pdu for pdu in trial.track.pdus if pdu.type == 0x07]
    if not aborts:
        trial.grade(Reaction.INFO, "no A-ABORT came: there is none to be looked at")
    for pdu in aborts:
        trial.check(_is_right(pdu), f"an A-ABORT with the body {pdu.body.hex(' ')}")


def _is_right(pdu: Seen) -> bool:
    """Whether an A-ABORT has the form of Table 9-26; its reserved bytes are looked at elsewhere."""
    source, reason = pdu.byte[1:]
    return len(pdu.body) == 4 and ((source, reason) == (0, 0) or (source == 2 and reason in REASONS))


stimulus(
    "AB-08",
    "more PDUs behind the one that makes the peer abort",
    lambda trial: [frames.associate_ac(), *([commands.echo()] if trial.role == "A" else []), frames.release_rq()],
    ABORTS,
    roles="AR",
    clause=TABLE,
    most_aborts=MOST_ABORTS,
    why="In Sta13 nothing is sent but A-ABORT (AA-6, AA-7).",
)


@case(
    "AB-09",
    "both sides abort at the same time",
    roles="AR",
    level="M",
    clause=(USER, TABLE),
    events=("Evt16",),
    expected="CLOSE",
    why="The A-ABORT of the tester meets the peer in Sta13, where it closes (AA-2), or in Sta6, where it closes too.",
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta6")
    await trial.send(frames.associate_ac(), frames.abort())
    closed = await trial.link.until(lambda: trial.track.closed, trial.settings.react)
    trial.exchange.expected, trial.exchange.seen = "A(*)..., CLOSE", trial.seen
    others = [token for token in trial.seen if token.kind not in ("A", "CLOSE")]
    trial.check(not others, f"{', '.join(map(str, others))} came where only A-ABORT may")
    trial.check(closed, f"the connection is open {trial.settings.react:g} s after both A-ABORTs")


@case(
    "AB-10",
    "64 KiB of unknown PDUs of six bytes",
    roles="A",
    level="S",
    clause=(TABLE, FIELDS),
    expected=ABORTS,
    why="AA-7 would answer each of them; who is asked by a flood does not answer with one.",
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta6")
    before, sent = trial.track.received_bytes, trial.track.sent_bytes
    await trial.send(frames.pdu(0x47) * STORM)
    await trial.expect()
    came, left = trial.track.received_bytes - before, trial.track.sent_bytes - sent
    trial.check(came <= SHARE * left, f"{came} bytes came back for {left}")


@case(
    "AB-11",
    "the exact reason of an A-ABORT",
    roles="AR",
    level="S",
    clause=(PROVIDER, FIELDS),
    derived=lambda provoked: f"AA8 r{_PROVOKING[provoked][1]}",
    variants=tuple(_PROVOKING),
    why="The reasons tell people what went wrong; other ones fail in strict mode only.",
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta6")
    await trial.send(_PROVOKING[trial.variant][0]())
    await trial.expect(trial.case.expects(trial.variant))
