"""Section PD, second part: the maximum length, which each side announces and the other keeps to (PS3.8 D.1).

It is one of PDU-length: exceeding it "shall be a protocol error", so what is longer than the peer's own is AA-8, and
what the peer sends is measured against ours.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .. import commands, data_sets, frames, operations
from ..case import case
from ..endings import Skip, Undriven
from ..process import Meter
from ..reading import Message
from ..recipes import acceptance, serve
from ..results import Reaction
from .p_data import STORAGE, stored

if TYPE_CHECKING:
    from ..record import Track
    from ..trial import Trial

LIMIT = "PS3.8 D.1"
MOST_BYTES = 1 << 24
"""Of a PDU that a case sends because of what the peer announced."""
LARGE = 40_000
"""Bytes of pixels that count as large data: more than the largest maximum that is asked for."""
SMALL = 1024
"""A maximum length with which a data set takes a while."""
OUT_OF_RESOURCES = 0xA700
"""A failure of the Storage Service Class (PS3.4 Table B.2-1)."""

# ---- the peer's ----


async def _of_length(trial: "Trial", excess: int, times: int = 1) -> list[bytes]:
    """A C-STORE-RQ one of whose P-DATA-TF is as long as the peer's maximum, or longer."""
    await operations.associate(trial, "storage")
    announced = trial.acceptance.maximum_length if trial.acceptance else None
    if not announced:
        raise Skip("the peer announces no maximum length")
    length = (announced * times + excess) & ~1
    if length > MOST_BYTES:
        raise Skip(f"the peer announces {announced} bytes: too much to send")
    image = data_sets.new_image(length)
    command = commands.command(commands.store_elements(1, image.instance))
    data = operations.data_of(trial, image)
    size = length - operations.OVERHEAD
    first = frames.p_data(frames.pdv(1, data[:size], command=False, last=False))
    return [frames.p_data(frames.pdv(1, command)), first, *operations.data_pdus(trial, 1, data[size:])]


@case(
    "PD-23",
    "a P-DATA-TF exactly as long as the peer's maximum",
    roles="A",
    level="M",
    clause=LIMIT,
    needs=STORAGE,
    expected="RSP",
    why="The maximum is one of PDU-length: the PDV-lengths and control headers count, the six bytes in front do not.",
)
async def _(trial: "Trial") -> None:
    await stored(trial, await _of_length(trial, 0))


@case(
    "PD-24",
    "a P-DATA-TF two bytes longer than the peer's maximum",
    roles="A",
    level="S",
    clause=LIMIT,
    needs=STORAGE,
    expected="AA8 r6 | ~RSP [LENIENT]",
)
async def _(trial: "Trial") -> None:
    await stored(trial, await _of_length(trial, 2))


@case(
    "PD-25",
    "a P-DATA-TF ten times as long as the peer's maximum",
    roles="A",
    level="S",
    clause=LIMIT,
    needs=STORAGE,
    expected="AA8 r6 | ~RSP [LENIENT]",
    why="The header tells; who decides there needs no memory for the rest.",
)
async def _(trial: "Trial") -> None:
    command, long, *rest = await _of_length(trial, 0, times=10)
    meter = Meter(trial)
    half = len(long) // 2
    await trial.send(command, long[:half])
    if await trial.link.until(lambda: bool(trial.seen), trial.settings.settle):
        trial.recording.note("decided before the PDU was whole")
    else:
        await trial.send(long[half:], *rest)
    meter.look()
    await trial.expect(within=operations.SECONDS)
    await meter.judge()


# ---- ours ----

LIMITS = ("16384", "4096", "128", "20")


@case(
    "PD-26",
    "we announce a maximum length, and ask for large data",
    roles="AR",
    level="M",
    clause=LIMIT,
    derived=lambda limit: f"P-DATA-TF of {limit} bytes at most",
    variants=LIMITS,
    why="From an acceptor: responses, and an image where it can be stored and got back. Who aborts exceeds nothing.",
)
async def _(trial: "Trial") -> None:
    await _ask_for_data(trial, int(trial.variant))


@case(
    "PD-27",
    "we announce that no maximum length is specified, and ask for large data",
    roles="AR",
    level="M",
    clause=LIMIT,
    rule="P-DATA-TF of any length",
    why="0 is lawful (D.1): who gets no further with it than to the association is failed, whatever it does instead.",
)
async def _(trial: "Trial") -> None:
    await _ask_for_data(trial, 0)


async def _ask_for_data(trial: "Trial", limit: int) -> None:
    """Let the peer send what it has, and look at the lengths of its P-DATA-TF."""
    subs = [frames.maximum_length(limit), frames.implementation_class(), frames.version_name()]
    trial.exchange.expected = trial.case.expects(trial.variant)
    image = data_sets.new_image(LARGE)
    if trial.role == "A" and not trial.profile.lacks("storage"):
        await _give(trial, image)
    before = len(trial.links)
    try:
        if trial.role == "R":
            await trial.drive("Sta7", user=frames.user_information(*subs))
        else:
            await _take_all(trial, subs, image)
    except Undriven as reason:
        if not limit and len(trial.links) > before and not _went_on(trial):
            trial.exchange.seen = tuple(trial.track.trace)
            trial.fail(f"told that nothing limits it, it does not go on: {reason}")
        if not any(token.kind == "A" for token in trial.track.trace):
            raise
        trial.grade(Reaction.INFO, "it aborts instead")
    trial.exchange.seen = tuple(trial.track.trace)
    lengths = [len(pdu.body) for pdu in trial.track.pdus if pdu.type == 0x04]
    longest = max(lengths, default=0)
    trial.exchange.why = trial.exchange.why or f"{len(lengths)} P-DATA-TF, the longest of {longest} bytes"
    trial.check(not limit or longest <= limit, f"a P-DATA-TF of {longest} bytes, {limit} at most")


def _went_on(trial: "Trial") -> bool:
    """Whether a requestor has asked for something, once it was told; or nobody has told it yet."""
    asked = any(pdu.type == 0x04 for pdu in trial.track.pdus)
    return not trial.track.sent_bytes or (trial.role == "R" and asked)


async def _give(trial: "Trial", image: data_sets.Image) -> None:
    """Store an image, on an association of its own.

    Raises:
        Undriven: no final response comes.
    """
    await operations.associate(trial, "storage")
    _complete(await operations.responses(trial, operations.store(trial, 1, image)), "the C-STORE-RQ")
    await operations.leave(trial)


async def _take_all(trial: "Trial", subs: Sequence[bytes], image: data_sets.Image) -> None:
    """Of an acceptor: the responses to a C-ECHO and a C-FIND, and the image back that it has taken.

    Raises:
        Undriven: one of them does not come.
    """
    needs = [need for need in ("find", "get", "storage") if not trial.profile.lacks(need)]
    roles = [operations.storage_role()] if "get" in needs and "storage" in needs else []
    await operations.associate(trial, "verification", *needs, user=frames.user_information(*subs, *roles))
    ids = {need: 2 * number + 3 for number, need in enumerate(needs)}
    _complete(await operations.responses(trial, [commands.echo(1, 1)]), "the C-ECHO-RQ")
    if "find" in needs:
        found = await operations.responses(trial, operations.find(trial, ids["find"], image.study, 2))
        _complete(found, "the C-FIND-RQ")
    if roles:
        before = len(trial.track.messages)
        _complete(await operations.responses(trial, operations.get(trial, ids["get"], image, 3)), "the C-GET-RQ")
        got = sum(message.data_length for message in trial.track.messages[before:] if not message.is_response)
        trial.check(got >= image.pixels or not got, f"{got} bytes came of an image of {image.pixels} bytes and more")


def _complete(found: Sequence[Message], request: str) -> None:
    if not found or found[-1].status in operations.PENDING:
        raise Undriven(f"no final response came to {request}")


@case(
    "PD-28",
    "the answer Failed before the data set has ended",
    roles="R",
    level="S",
    clause=("PS3.7 9.1.1.2", "PS3.7 9.3.1.3"),
    expected="CLOSE",
    why="The peer may stop early, with Last set, or go on to the end; either way the association stays in order.",
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta5")
    user = frames.user_information(frames.maximum_length(SMALL), frames.implementation_class())
    trial.link.read_few(SMALL)
    await trial.send(acceptance(trial, user=user))
    track = trial.track
    await trial.link.until(lambda: bool(_open_of(track) or track.messages or track.closed), trial.settings.react)
    if not _open_of(track):
        raise Skip("the peer's command sends no data set, or had sent it before it could be answered")
    request = _open_of(track)[0]
    await trial.link.send([commands.response(request.context_id, request.elements, OUT_OF_RESOURCES)])
    try:
        await serve(trial, answered=1)
    except Undriven as reason:
        trial.exchange.seen = tuple(track.trace)
        trial.fail(str(reason))
    trial.mark()
    await trial.send(frames.release_rp())
    await trial.expect("CLOSE")


def _open_of(track: "Track") -> list[Message]:
    """Messages whose command has come and whose data set has not, not all of it."""
    return [message for message in track.unfinished if message.command_complete]
