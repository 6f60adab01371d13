"""Section ROB, second part: windows that stay closed, lengths that nobody can mean, floods, garbage (PS3.8 9.3, D.1).

What a stranger can ask for costs the peer nothing but the time to refuse it: no memory by a length that is only
announced, no connection that is not ended, no association of others.
"""

import asyncio
import random
from struct import pack
from typing import TYPE_CHECKING

from .. import commands, data_sets, frames, operations
from ..case import case
from ..process import MEMORY_GROWTH, Meter
from ..recipes import acceptance, request
from .robustness import drive_again, ended, others_are_served

if TYPE_CHECKING:
    from ..data_sets import Image
    from ..trial import Trial

FORM, FRAGMENTS = "PS3.8 9.3.1", "PS3.8 E.1"
ABORTS = "A(*) | ~CLOSE [DIRTY]"
ENDLESS = 0xFFFFFFFF
FLOOD, CHUNK = 64 << 20, 1 << 20
"""Bytes behind a length that is absurd, and how many at a time."""
LARGE = 6 << 20
"""Bytes of an image that the windows of both sides do not hold."""
IMAGE_MEMORY = MEMORY_GROWTH + 2 * LARGE
"""Bytes: a peer may hold the image itself, and a copy of it that it sends."""
WINDOW_SECONDS = 60.0
LONG_COMMAND = 16 << 20
TWO_BYTES = 1_000_000
"""Fragments of two bytes."""
PROCESSOR_SECONDS, FRAGMENTS_SECONDS = 60.0, 120.0
"""For the peer to take them."""
GARBAGE, LONGEST_GARBAGE = 200, 4096
SEEDS, FLIPS = 25, 20
"""Of an acceptor 20 flips with each of 25 seeds; of a requestor, which has to be started each time, one with each."""
SUB_ITEMS = 10_000
RETRIEVE = ("verification", "storage", "get")


# ---- windows that stay closed ----


async def _ask_and_not_read(trial: "Trial") -> "tuple[Meter, Image]":
    """A large image is asked for, and not read when it comes."""
    image = data_sets.new_image(LARGE)
    await operations.associate(trial, "storage")
    found = await operations.responses(trial, operations.store(trial, 1, image))
    trial.check(bool(found), "the image that is to be got back could not be stored")
    await operations.leave(trial)
    meter = Meter(trial)
    user = frames.user_information(
        frames.maximum_length(), frames.implementation_class(), frames.version_name(), operations.storage_role()
    )
    await operations.associate(trial, "get", "storage", user=user)
    trial.link.pause()
    await trial.send(*operations.get(trial, 1, image))
    return meter, image


@case(
    "ROB-05",
    "a large image is asked for with C-GET and never read",
    roles="A",
    level="I",
    clause="PS3.7 9.1.3",
    needs=RETRIEVE,
    tags=("robust", "dos"),
    rule="AC, RSP, RP on another connection",
    why="What waits for our window is bounded, and others are served. Whether a timer ends it is seen in ROB-06.",
)
async def _(trial: "Trial") -> None:
    meter, _image = await _ask_and_not_read(trial)
    held = trial.link
    await trial.link.until(lambda: trial.track.closed, trial.settings.react)
    meter.look()
    await others_are_served(trial)
    await held.reset()
    await meter.judge(memory=IMAGE_MEMORY)


@case(
    "ROB-06",
    "the window is closed for a minute while a large image is under way, then opened again",
    roles="A",
    level="I",
    clause="PS3.7 9.1.3",
    needs=RETRIEVE,
    tags=("robust", "dos", "slow"),
    rule="REQ(0001), RSP | A(*) | CLOSE",
    why="It goes on where it was, or a timer of the peer's has ended the association.",
)
async def _(trial: "Trial") -> None:
    meter, image = await _ask_and_not_read(trial)
    await asyncio.sleep(WINDOW_SECONDS)  # the stimulus is the time
    trial.link.resume()
    found = await operations.responses(trial, [])
    trial.exchange.seen = trial.seen
    got = sum(message.data_length for message in trial.track.messages if not message.is_response)
    if trial.track.closed or any(token.kind == "A" for token in trial.seen):
        trial.exchange.why = "the association had been ended"
    else:
        complete = bool(found) and found[-1].status not in operations.PENDING and got >= image.pixels
        trial.check(complete, f"{got} bytes of the image came, and {len(found)} responses")
    await meter.judge(memory=IMAGE_MEMORY)


# ---- lengths and numbers ----


async def _flood(trial: "Trial", meter: Meter) -> None:
    """64 MiB, or as much as is taken."""
    for _ in range(FLOOD // CHUNK):
        if trial.track.closed or not await trial.link.send([bytes(CHUNK)]):
            break
        meter.look()


@case(
    "ROB-14",
    "an A-ASSOCIATE-RQ of length FFFFFFFFH, and 64 MiB of it",
    roles="A",
    level="I",
    clause=FORM,
    tags=("robust", "dos"),
    expected=f"HOLD | {ABORTS}",
)
async def _(trial: "Trial") -> None:
    meter = Meter(trial)
    await trial.drive("Sta2")
    await trial.send(frames.pdu(0x01, length=ENDLESS))
    await _flood(trial, meter)
    await trial.expect()
    await meter.judge()


@case(
    "ROB-15",
    "a P-DATA-TF of length FFFFFFFFH, and 64 MiB of it",
    roles="A",
    level="I",
    clause="PS3.8 D.1",
    tags=("robust", "dos"),
    expected=ABORTS,
)
async def _(trial: "Trial") -> None:
    meter = Meter(trial)
    await trial.drive("Sta6")
    await trial.send(frames.pdu(0x04, length=ENDLESS))
    await _flood(trial, meter)
    await trial.expect()
    await meter.judge()


@case(
    "ROB-16",
    "a PDV of length FFFFFFFFH in a P-DATA-TF that is as long as it says",
    roles="A",
    level="I",
    clause="PS3.8 Table 9-23",
    tags=("robust",),
    expected="AA8 r6",
)
async def _(trial: "Trial") -> None:
    meter = Meter(trial)
    await trial.drive("Sta6")
    await trial.send(frames.p_data(frames.pdv(1, commands.echo_rq(), length=ENDLESS)))
    await trial.expect()
    await meter.judge()


@case(
    "ROB-17",
    "a command set of 16 MiB whose last fragment never comes",
    roles="A",
    level="I",
    clause=FRAGMENTS,
    tags=("robust", "dos"),
    expected=ABORTS,
)
async def _(trial: "Trial") -> None:
    meter = Meter(trial)
    await operations.associate(trial, "verification")
    size = operations.room(trial)
    head = commands.element(0, pack("<L", LONG_COMMAND)) + commands.element(0x0F42, length=LONG_COMMAND - 8)
    pieces = [frames.p_data(frames.pdv(1, head, last=False))]
    pieces += [frames.p_data(frames.pdv(1, bytes(size), last=False))] * (LONG_COMMAND // size)
    for start in range(0, len(pieces), 64):
        if trial.track.closed or not await trial.link.send([b"".join(pieces[start : start + 64])]):
            break
        meter.look()
    await trial.expect()
    await meter.judge()


@case(
    "ROB-18",
    "a data set in a million fragments of two bytes",
    roles="A",
    level="I",
    clause=FRAGMENTS,
    needs=("verification", "storage"),
    tags=("robust", "dos"),
    expected=f"RSP | {ABORTS}",
)
async def _(trial: "Trial") -> None:
    meter = Meter(trial)
    await operations.associate(trial, "storage")
    image = data_sets.new_image(2 * TWO_BYTES - 1024)
    data = operations.data_of(trial, image)
    await trial.send(frames.p_data(frames.pdv(1, commands.command(commands.store_elements(1, image.instance)))))
    pdvs = frames.fragmented(1, data, 2, command=False)
    number = (operations.room(trial) + operations.OVERHEAD) // (operations.OVERHEAD + 2)
    for start in range(0, len(pdvs), number):
        if trial.track.closed or not await trial.link.send([frames.p_data(*pdvs[start : start + number])]):
            break
    await trial.expect(within=FRAGMENTS_SECONDS)
    await meter.judge(processor=PROCESSOR_SECONDS)


@case(
    "ROB-21",
    "an A-ASSOCIATE-RQ with 10 000 sub-items of length 0",
    roles="A",
    level="I",
    clause=FORM,
    tags=("robust",),
    expected="AC | REFUSE",
)
async def _(trial: "Trial") -> None:
    meter = Meter(trial)
    await trial.drive("Sta2")
    subs = [frames.maximum_length(), frames.implementation_class(), *[frames.item(0x5F)] * SUB_ITEMS]
    await trial.send(request(trial, user=frames.user_information(*subs)))
    await trial.expect()
    await meter.judge()


# ---- garbage ----


@case(
    "ROB-19",
    "200 pieces of garbage",
    roles="A",
    level="I",
    clause=FORM,
    tags=("robust",),
    rule="CLOSE, after A-ABORTs or nothing",
    variants=("Sta2", "Sta6"),
    why="The peer aborts or waits, lets go when we do, and is well. The variant's name is the seed.",
)
async def _(trial: "Trial") -> None:
    meter = Meter(trial)
    draw = random.Random(trial.variant)  # noqa: S311  # to be repeated, not to be secret
    for number in range(GARBAGE):
        await drive_again(trial, trial.variant, number)
        await trial.send(draw.randbytes(draw.randint(1, LONGEST_GARBAGE)))
        await ended(trial)
        others = [token for token in trial.seen if token.kind not in ("A", "CLOSE")]
        trial.check(not others, f"{', '.join(map(str, others))} came for garbage")
    await meter.judge()


@case(
    "ROB-20",
    "500 PDUs with one bit wrong",
    roles="AR",
    level="I",
    clause=FORM,
    tags=("robust",),
    rule="CLOSE, after anything",
    variants=tuple(f"seed {number}" for number in range(SEEDS)),
    why="Some of them are right all the same. Whatever comes back, the peer lets go when we do, and is well.",
)
async def _(trial: "Trial") -> None:
    meter = Meter(trial)
    draw = random.Random(trial.variant)  # noqa: S311  # to be repeated, not to be secret
    for number in range(FLIPS if trial.role == "A" else 1):
        state = draw.choice(("Sta2", "Sta6") if trial.role == "A" else ("Sta5", "Sta6"))
        await drive_again(trial, state, number)
        await trial.send(_flipped(_valid(trial, state), draw))
        await ended(trial)
    await meter.judge()


def _valid(trial: "Trial", state: str) -> bytes:
    """A PDU that the peer waits for."""
    if trial.role == "A":
        return request(trial) if state == "Sta2" else commands.echo()
    if state == "Sta5":
        return acceptance(trial)
    message = trial.track.messages[-1]
    return commands.response(message.context_id, message.elements)


def _flipped(pdu: bytes, draw: random.Random) -> bytes:
    at, bit = draw.randrange(len(pdu)), 1 << draw.randrange(8)
    return frames.patched(pdu, at, bytes([pdu[at] ^ bit]))
