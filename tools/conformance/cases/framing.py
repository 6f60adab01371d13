"""Section P: the framing of PDUs (PS3.8 9.3.1): types that do not exist, lengths that lie, bytes in any pieces.

Receivers do not test reserved fields, take bytes however TCP brings them, and answer a type they do not know at once.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .. import commands, frames
from ..case import case, stimulus
from ..endings import Undriven
from ..link import Delivery
from ..process import Meter
from ..recipes import acceptance, request, serve
from ..results import Reaction

if TYPE_CHECKING:
    from ..trial import Trial

UNKNOWN_TYPES = (0x00, 0x08, 0x09, 0x16, 0x47, 0x7F, 0x80, 0xFF)
FRAMING = "PS3.8 9.3.1"
ABORT_REASONS = "PS3.8 Table 9-26"
GAP_SECONDS = 0.2
"""Between the two halves of a header."""
MEBIBYTE = 1 << 20


def _type_of(trial: "Trial") -> int:
    return int(trial.variant, 16)


def _types() -> tuple[str, ...]:
    return tuple(f"{type_:02X}" for type_ in UNKNOWN_TYPES)


stimulus(
    "P-01",
    "types that do not exist, with four bytes of body",
    lambda trial: [frames.pdu(_type_of(trial), bytes(4))],
    "AA8 r1",
    roles="AR",
    clause=(FRAMING, ABORT_REASONS),
    event="Evt19",
    variants=_types(),
)
stimulus(
    "P-02",
    "types that do not exist, with no body",
    lambda trial: [frames.pdu(_type_of(trial))],
    "AA8 r1",
    roles="AR",
    clause=(FRAMING, ABORT_REASONS),
    event="Evt19",
    variants=_types(),
    tags=("smoke",),
)
stimulus(
    "P-03",
    "a type that does not exist, of length FFFFFFFFH, and no body",
    lambda _: [frames.pdu(0x47, length=0xFFFFFFFF)],
    "AA8 r1",
    level="S",
    clause=FRAMING,
    event="Evt19",
    why="The type is enough: waiting for a body of 4 GiB helps nobody.",
)
stimulus(
    "P-04",
    "a type that does not exist, with a body of 1 MiB",
    lambda _: [frames.pdu(0x47, bytes(MEBIBYTE))],
    "AA8 r1",
    level="S",
    clause=FRAMING,
    event="Evt19",
    most_aborts=2,
    why="The body belongs to the PDU; who reads PDUs in it sends an A-ABORT for each.",
)


# ---- whole conversations, in ways that must make no difference ----


@case("P-05", "every PDU byte by byte", roles="AR", level="M", clause=FRAMING, tags=("smoke",), expected="RSP, RP")
async def _(trial: "Trial") -> None:
    trial.delivery = Delivery.BYTEWISE
    await _converse(trial)


@case("P-06", "headers in two halves with a pause", roles="AR", level="M", clause=FRAMING, expected="RSP, RP")
async def _(trial: "Trial") -> None:
    await _converse(trial, halves=True)


@case("P-08", "byte 2 of every PDU is FFH", roles="AR", level="M", clause=FRAMING, expected="RSP, RP")
async def _(trial: "Trial") -> None:
    await _converse(trial, reserved=0xFF)


@case(
    "P-09",
    "every reserved field inside PDUs and items is FFH",
    roles="AR",
    level="M",
    clause=(FRAMING, "PS3.8 Table 9-11"),
    expected="RSP, RP",
)
async def _(trial: "Trial") -> None:
    await _converse(trial, inner_reserved=0xFF)


async def _converse(trial: "Trial", *, halves: bool = False, reserved: int = 0, inner_reserved: int = 0) -> None:
    """An ordinary association from beginning to end, in the tester's part of it."""
    fields = {"reserved": reserved, "inner_reserved": inner_reserved}
    if trial.role == "A":
        await trial.open()
        contexts = [frames.proposed(1, reserved=inner_reserved)]
        user = frames.user_information(reserved=inner_reserved)
        await _send(trial, [request(trial, contexts, user=user, **fields)], halves=halves)
        await trial.expect("AC")
        await _send(trial, [frames.p_data(frames.pdv(1, commands.echo_rq()), reserved=reserved)], halves=halves)
        await trial.expect("RSP(0000)")
        await _send(trial, [frames.release_rq(bytes([inner_reserved]) * 4, reserved=reserved)], halves=halves)
        await trial.expect("RP")
    else:
        await trial.drive("Sta5")
        assert trial.request is not None  # driven
        contexts = [
            frames.answered(number, 0, syntaxes[:1], reserved=inner_reserved)
            for number, (_, syntaxes) in trial.request.proposals.items()
        ]
        user = frames.user_information(reserved=inner_reserved)
        fixed = bytes([inner_reserved]) * 64 if inner_reserved else trial.request.body[4:68]
        await _send(trial, [acceptance(trial, contexts=contexts, user=user, fixed=fixed, **fields)], halves=halves)
        try:
            await serve(trial)
        except Undriven as reason:
            trial.fail(f"it does not go on as with an ordinary A-ASSOCIATE-AC: {reason}")
        trial.mark()
        await _send(trial, [frames.release_rp(bytes([inner_reserved]) * 4, reserved=reserved)], halves=halves)
        await trial.expect("CLOSE")


async def _send(trial: "Trial", pdus: Sequence[bytes], *, halves: bool) -> None:
    if not halves:
        await trial.send(*pdus)
        return
    for pdu in pdus:
        await trial.send(pdu[:3])
        await asyncio.sleep(GAP_SECONDS)  # the stimulus is the pause
        await trial.send(pdu[3:])


stimulus(
    "P-07",
    "two C-ECHO-RQ and the A-RELEASE-RQ in one segment",
    lambda _: [commands.echo(1, 1), commands.echo(1, 2), frames.release_rq()],
    "RSP(0000), RSP(0000), RP",
    clause=FRAMING,
    tags=("smoke",),
)

# ---- before an association ----

stimulus(
    "P-10",
    "an A-ASSOCIATE-RQ with four zero bytes behind its items",
    lambda trial: [
        request(trial, items=[frames.application_context(), frames.proposed(1), frames.user_information(), bytes(4)])
    ],
    "AC | AA1",
    level="I",
    clause=FRAMING,
    state="Sta2",
    why="Type 00, length 0: an unknown item, which receivers skip.",
)
stimulus(
    "P-11",
    "an A-ASSOCIATE-RQ of ten bytes of body",
    lambda _: [frames.pdu(0x01, bytes([0, 1, *bytes(8)]))],
    "AA1",
    clause=("PS3.8 Table 9-10", FRAMING),
    state="Sta2",
    event="Evt19",
)
stimulus(
    "P-12",
    "an A-ASSOCIATE-RQ whose PDU-length is four too short",
    lambda trial: [_shortened(request(trial))],
    "REFUSE",
    clause=FRAMING,
    state="Sta2",
    event="Evt19",
    why="Its last item overruns it, and its last four bytes begin the next PDU.",
)
stimulus(
    "P-13",
    "an HTTP request",
    lambda _: [b"GET / HTTP/1.1\r\nHost: dicom\r\n\r\n"],
    "AA1 | CLOSE",
    level="S",
    clause=FRAMING,
    state="Sta2",
    event="Evt19",
    most_aborts=2,
)
stimulus(
    "P-14",
    "a TLS ClientHello on a port without TLS",
    lambda _: [_client_hello()],
    "AA1 | CLOSE",
    level="S",
    clause=FRAMING,
    state="Sta2",
    event="Evt19",
    most_aborts=2,
)


def _shortened(pdu: bytes) -> bytes:
    return frames.patched(pdu, 2, (len(pdu) - 6 - 4).to_bytes(4, "big"))


def _client_hello() -> bytes:
    """What a TLS client says first (RFC 8446 4.1.2), cut from a real one."""
    import ssl

    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):  # it is the server's turn
        client.do_handshake()
    return outgoing.read()


@case(
    "P-15",
    "an A-ASSOCIATE-RQ with its PDU-length in the other byte order",
    roles="A",
    level="S",
    clause=FRAMING,
    expected="AA1 | CLOSE",
    why="The length is absurd. Waiting for the rest is legal as long as ARTIM runs, and keeps no memory.",
)
async def _(trial: "Trial") -> None:
    meter = Meter(trial)
    await trial.drive("Sta2")
    whole = request(trial)
    await trial.send(frames.patched(whole, 2, (len(whole) - 6).to_bytes(4, "little")))
    await trial.link.until(lambda: bool(trial.seen), trial.settings.react)
    await meter.judge()
    if trial.seen:
        await trial.expect()
    else:
        trial.exchange.expected = f"{trial.case.expected} | waits for ARTIM"
        trial.grade(Reaction.ALT, "it waits for the rest")
