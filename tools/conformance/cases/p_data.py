"""Section PD, first part: P-DATA-TF, PDVs and fragments (PS3.8 9.3.5, Annex E). The maximum length is `maximum_length`.

What Annex E asks of a sender, and names no reaction for when it is broken, is judged with S; what a receiver must be
able to take, or what does not parse, with M. A silence where a message was complete is never right.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .. import commands, data_sets, frames, operations
from ..case import case, stimulus
from ..endings import Skip

if TYPE_CHECKING:
    from ..trial import Trial

FRAGMENTS, HEADER = "PS3.8 E.1", "PS3.8 E.2"
PDV, MESSAGE = "PS3.8 Table 9-23", "PS3.7 6.3"
ABORTS = "A(*) | ~CLOSE [DIRTY]"
"""REFUSE in Sta6, where an A-ASSOCIATE-RJ is none of the table's."""
UNKNOWN_CLASS = f"{frames.VERIFICATION}.9999.1"
"""An abstract syntax that nobody has."""
STORAGE = ("verification", "storage")


def _cut(context_ids: Sequence[int], data: bytes, at: int) -> list[bytes]:
    """A command in two PDVs."""
    return [
        frames.pdv(context_ids[0], data[:at], last=False),
        frames.pdv(context_ids[-1], data[at:]),
    ]


# ---- fragments of commands ----

stimulus("PD-01", "a C-ECHO-RQ in one PDV", lambda _: [commands.echo()], "RSP(0000)", clause="PS3.8 9.3.5")
stimulus(
    "PD-02",
    "a command in two P-DATA-TF",
    lambda _: [frames.p_data(each) for each in _cut([1], commands.echo_rq(), 34)],
    "RSP(0000)",
    clause=FRAGMENTS,
)
stimulus(
    "PD-03",
    "a command in two PDVs of one P-DATA-TF",
    lambda _: [frames.p_data(*_cut([1], commands.echo_rq(), 34))],
    "RSP(0000)",
    clause=FRAGMENTS,
    tags=("smoke",),
    why="Senders are discouraged from it; receivers must be able to take it (E.1, notes).",
)
stimulus(
    "PD-04",
    "a command in fragments of two bytes",
    lambda _: [frames.p_data(each) for each in frames.fragmented(1, commands.echo_rq(), 2)],
    "RSP(0000)",
    clause=FRAGMENTS,
)


async def stored(trial: "Trial", pdus: Sequence[bytes]) -> None:
    await trial.send(*pdus)
    await trial.expect(within=operations.SECONDS)


@case(
    "PD-05",
    "command and data set of a C-STORE-RQ in one P-DATA-TF",
    roles="A",
    level="M",
    clause=FRAGMENTS,
    needs=STORAGE,
    expected="RSP",
)
async def _(trial: "Trial") -> None:
    await operations.associate(trial, "storage")
    image = data_sets.new_image()
    command = commands.command(commands.store_elements(1, image.instance))
    data = operations.data_of(trial, image)
    if len(command) + len(data) + operations.OVERHEAD > operations.room(trial):
        raise Skip("the peer's maximum length has no room for a whole C-STORE-RQ")
    await stored(trial, [frames.p_data(frames.pdv(1, command), frames.pdv(1, data, command=False))])


stimulus(
    "PD-06",
    "a fragment with an odd number of bytes",
    lambda _: [frames.p_data(each) for each in _cut([1], commands.echo_rq(), 33)],
    f"{ABORTS} | ~RSP [LENIENT]",
    level="S",
    clause=FRAGMENTS,
)
stimulus(
    "PD-07",
    "an empty fragment that is not the last, then the rest",
    lambda _: [frames.p_data(each) for each in _cut([1], commands.echo_rq(), 0)],
    "RSP(0000) | ~A(*) [LENIENT] | ~CLOSE [DIRTY]",
    level="S",
    clause=FRAGMENTS,
    why="Shall not be sent; receivers are recommended to take it all the same (E.1, note).",
)


@case(
    "PD-08",
    "an empty last fragment of a data set",
    roles="A",
    level="S",
    clause=FRAGMENTS,
    needs=STORAGE,
    expected="RSP | ~A(*) [LENIENT] | ~CLOSE [DIRTY]",
    why="Shall not be sent; receivers are recommended to take it all the same (E.1, note).",
)
async def _(trial: "Trial") -> None:
    await operations.associate(trial, "storage")
    command, *data = operations.store(trial, 1, data_sets.new_image())
    open_end = frames.patched(data[-1], 11, b"\0")  # its message control header: a data set, not the last of it
    await stored(trial, [command, *data[:-1], open_end, frames.p_data(frames.pdv(1, b"", command=False))])


# ---- PDVs that do not parse ----


def _right(trial: "Trial") -> bytes:
    """The PDV of a message that the peer could take."""
    if trial.role == "A":
        return frames.pdv(1, commands.echo_rq())
    message = trial.track.messages[-1]
    return frames.pdv(message.context_id, commands.command(commands.response_elements(message.elements)))


def _overrunning(trial: "Trial") -> bytes:
    whole = _right(trial)
    return frames.patched(whole, 0, (len(whole) + 100).to_bytes(4, "big"))


Body = Callable[["Trial"], bytes]
_BROKEN: tuple[tuple[str, str, str, Body, tuple[str, ...]], ...] = (
    ("PD-09", "a PDV whose item-length is 0", PDV, lambda _: bytes(4), ("",)),
    ("PD-10", "a PDV whose item-length is 1", PDV, lambda _: b"\0\0\0\1\1", ("",)),
    ("PD-11", "a PDV that overruns its PDU", PDV, _overrunning, ("",)),
    (
        "PD-12",
        "stray bytes after the last PDV",
        PDV,
        lambda trial: _right(trial) + bytes(int(trial.variant)),
        ("1", "2", "3"),
    ),
    ("PD-13", "a P-DATA-TF of length 0", "PS3.8 9.3.5", lambda _: b"", ("",)),
)
for _id, _title, _clause, _body, _variants in _BROKEN:
    stimulus(
        _id,
        _title,
        lambda trial, body=_body: [frames.p_data(body(trial))],  # type: ignore[misc]  # mypy infers no lambda that has a default
        "AA8 r6",
        roles="AR",
        clause=_clause,
        event="Evt19",
        variants=_variants,
        tags=("smoke",) * (_id == "PD-11"),
    )

# ---- presentation contexts ----


@case(
    "PD-14",
    "a presentation-context-ID that was never proposed",
    roles="A",
    level="M",
    clause=("PS3.8 7.6.1", PDV),
    states=("Sta6",),
    expected=ABORTS,
    tags=("smoke",),
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta6", contexts=[frames.proposed(1, frames.VERIFICATION, [trial.syntax(frames.VERIFICATION)])])
    await trial.send(commands.echo(3))
    await trial.expect()


@case(
    "PD-15",
    "a presentation-context-ID that was proposed and rejected",
    roles="A",
    level="M",
    clause=("PS3.8 7.6.1", PDV),
    states=("Sta6",),
    expected=ABORTS,
)
async def _(trial: "Trial") -> None:
    syntax = trial.syntax(frames.VERIFICATION)
    contexts = [
        frames.proposed(1, frames.VERIFICATION, [syntax]),
        frames.proposed(3, UNKNOWN_CLASS, [frames.IMPLICIT]),
    ]
    await trial.drive("Sta6", contexts=contexts)
    if trial.acceptance is None or trial.acceptance.results.get(3) in (0, None):
        raise Skip("the peer rejects no abstract syntax, whatever it is")
    await trial.send(commands.echo(3))
    await trial.expect()


async def _on_two_contexts(trial: "Trial", *pdus: bytes) -> None:
    """On an association with Verification on contexts 1 and 3."""
    await operations.associate(trial, "verification", "verification")
    await trial.send(*pdus)
    await trial.expect()


@case(
    "PD-16",
    "the fragments of one message on two presentation contexts",
    roles="A",
    level="S",
    clause=FRAGMENTS,
    expected=f"{ABORTS} | ~RSP [LENIENT]",
)
async def _(trial: "Trial") -> None:
    await _on_two_contexts(trial, *map(frames.p_data, _cut([1, 3], commands.echo_rq(), 34)))


@case(
    "PD-17",
    "two messages interleaved on two presentation contexts",
    roles="A",
    level="S",
    clause=FRAGMENTS,
    expected=ABORTS,
)
async def _(trial: "Trial") -> None:
    first, second = _cut([1], commands.echo_rq(1), 34), _cut([3], commands.echo_rq(2), 34)
    await _on_two_contexts(trial, *map(frames.p_data, (first[0], second[0], first[1], second[1])))


stimulus(
    "PD-18",
    "two complete messages in one P-DATA-TF",
    lambda _: [frames.p_data(frames.pdv(1, commands.echo_rq(1)), frames.pdv(1, commands.echo_rq(2)))],
    f"{ABORTS} | RSP, A(*) | RSP(0000), RSP(0000)",
    level="S",
    clause=FRAGMENTS,
    why="Refused or answered, both of them; one that is lost silently leaves its requestor waiting.",
)
stimulus(
    "PD-19",
    "the bits 2 to 7 of the message control header are set",
    lambda _: [frames.p_data(frames.pdv(1, commands.echo_rq(), control=0xFF))],
    "RSP(0000)",
    clause=HEADER,
    tags=("smoke",),
)

# ---- commands and their data sets ----

stimulus(
    "PD-20",
    "a data set with no command before it",
    lambda _: [frames.p_data(frames.pdv(1, commands.element(0x0020, "CS", group=0x0008), command=False))],
    ABORTS,
    clause=(FRAGMENTS, MESSAGE),
)


@case(
    "PD-21",
    "a new command while a data set is open",
    roles="A",
    level="M",
    clause=(FRAGMENTS, MESSAGE),
    needs=STORAGE,
    expected=ABORTS,
)
async def _(trial: "Trial") -> None:
    await operations.associate(trial, "storage")
    image, other = data_sets.new_image(), data_sets.new_image()
    command, data = operations.store(trial, 1, image)[:2]
    await stored(trial, [command, frames.patched(data, 11, b"\0"), *operations.store(trial, 1, other, 2)])


@case(
    "PD-22",
    "a data set behind a command that announced none",
    roles="A",
    level="S",
    clause=(FRAGMENTS, MESSAGE),
    expected=f"{ABORTS} | ~HOLD [LENIENT]",
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta6")
    await trial.send(commands.echo())
    await trial.expect("RSP")
    await trial.send(frames.p_data(frames.pdv(1, commands.element(0x0020, "CS", group=0x0008), command=False)))
    await trial.expect()
