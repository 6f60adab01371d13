"""Section CMD, first part: command sets as they come to an acceptor (PS3.7 6.3.1, 9.1.5, Annexes C and E).

What is wrong with a command set is a sender's fault; of the receiver the standard says hardly more than that there is a
response to every operation. So most reactions are judged with S; with M silence, and success where there can be none.
"""

from struct import pack
from typing import TYPE_CHECKING

from ....dimse.command_set import decode
from ....dimse.errors import CommandSetError
from ....spec import status
from .. import commands, data_sets, frames, operations
from ..case import case, stimulus
from ..commands import (
    AFFECTED_SOP_CLASS,
    COMMAND_FIELD,
    DATA_SET_TYPE,
    MESSAGE_ID,
    NO_DATA_SET,
    command,
    element,
)
from ..endings import Skip
from ..reading import Message
from ..results import Reaction
from .p_data import STORAGE, stored

if TYPE_CHECKING:
    from ..trial import Trial

SET, FIELDS, ECHO = "PS3.7 6.3.1", "PS3.7 E.1", "PS3.7 9.1.5"
CLASS_UNKNOWN, OPERATION_UNKNOWN = "PS3.7 C.5.6", "PS3.7 C.5.23"
ABORTS = "A(*) | ~CLOSE [DIRTY]"
EITHER = f"RSP | {ABORTS}"
"""Refused or answered."""
LENIENTLY = f"{ABORTS} | ~RSP [LENIENT]"
UNRECOGNIZED = f"RSP(0211) | RSP(0122) | {LENIENTLY}"
"""An operation or a SOP class that the presentation context does not have (C.5.6, C.5.23)."""
LENGTH_TO_END, UNKNOWN_ELEMENT = 0x0001, 0x0F42
"""(0000,0001) is retired and may come (6.3.1); Table E.1-1 has never had the other."""
UNKNOWN_FIELD = 0x0077
"""A command field that Table E.1-1 does not have."""
N_GET, REQUESTED_SOP_CLASS, REQUESTED_SOP_INSTANCE = 0x0110, 0x0003, 0x1001
_GET_OF_VERIFICATION: commands.Elements = {
    REQUESTED_SOP_CLASS: frames.VERIFICATION,
    COMMAND_FIELD: N_GET,
    MESSAGE_ID: 1,
    DATA_SET_TYPE: NO_DATA_SET,
    REQUESTED_SOP_INSTANCE: f"{frames.VERIFICATION}.1",
}

ELEMENTS = commands.echo_elements()
PARTS = [element(*pair) for pair in ELEMENTS.items()]
"""The elements of a C-ECHO-RQ, from Affected SOP Class UID to Command Data Set Type."""
CLASS, FIELD, ID, TYPE = PARTS
WHOLE = len(b"".join(PARTS))
EXPLICIT_PARTS = [
    pack("<HH2sH", 0, number, b"UI" if isinstance(value, str) else b"US", len(commands.octets(value)))
    + commands.octets(value)
    for number, value in ELEMENTS.items()
]
"""The same in Explicit VR."""

# ---- C-ECHO, right ----


@case(
    "CMD-01",
    "C-ECHO-RQ, and the command set of its response",
    roles="A",
    level="M",
    clause=("PS3.7 9.3.5.2", SET),
    tags=("smoke",),
    expected="RSP(0000) | ~RSP [INFO]",
)
async def _(trial: "Trial") -> None:
    response = await _echoed(trial, 1)
    trial.check(response.number(COMMAND_FIELD) == commands.C_ECHO | commands.RESPONSE, "the Command Field is not 8030H")
    trial.check(response.number(DATA_SET_TYPE) == NO_DATA_SET, "the Command Data Set Type is not 0101H")
    code = response.status
    trial.check(code is not None, "no Status, which every response must have (PS3.7 C)")
    trial.check(status.load().category(code or 0) is not None, f"the Status {code:04X}H is none of PS3.7 Annex C")
    try:
        decode(bytes(response.command))
    except CommandSetError as error:
        trial.fail(str(error))


@case(
    "CMD-02",
    "the Message IDs 0 and 65535",
    roles="A",
    level="M",
    clause="PS3.7 9.3.5",
    variants=("0", "65535"),
    expected="RSP(0000) | ~RSP [INFO]",
)
async def _(trial: "Trial") -> None:
    await _echoed(trial, int(trial.variant))


async def _echoed(trial: "Trial", message_id: int) -> Message:
    """The response to a C-ECHO-RQ, which must be to its Message ID."""
    await trial.drive("Sta6")
    await trial.send(commands.echo(1, message_id))
    await trial.expect()
    response = trial.track.messages[-1]
    found = response.responded_to
    trial.check(found == message_id, f"Message ID Being Responded To is {found}, not {message_id}")
    return response


# ---- command sets, mostly wrong ----

_ROWS: tuple[tuple[str, str, bytes, str, str, str], ...] = (
    ("CMD-03", "no group length", command(PARTS, headless=True), LENIENTLY, "S", FIELDS),
    ("CMD-05", "elements in another order", command([CLASS, ID, FIELD, TYPE]), EITHER, "S", SET),
    ("CMD-06", "an element twice", command([CLASS, FIELD, ID, ID, TYPE]), EITHER, "S", SET),
    (
        "CMD-07",
        "an element of group 0000 that nobody knows",
        command([*PARTS, element(UNKNOWN_ELEMENT, "AB")]),
        "RSP",
        "S",
        SET,
    ),
    (
        "CMD-08",
        "the retired element (0000,0001)",
        command([element(LENGTH_TO_END, pack("<L", WHOLE)), *PARTS]),
        "RSP",
        "M",
        SET,
    ),
    (
        "CMD-09",
        "an element of another group behind the command set",
        command([*PARTS, element(0x0005, "ISO_IR 100", group=0x0008)], group_length=WHOLE),
        EITHER,
        "S",
        FIELDS,
    ),
    (
        "CMD-11",
        "values with an odd number of bytes",
        command([element(AFFECTED_SOP_CLASS, b"1.2.840.10008.1.1"), FIELD, ID, TYPE, element(UNKNOWN_ELEMENT, b"A")]),
        EITHER,
        "S",
        SET,
    ),
    (
        "CMD-12",
        "an element that overruns the command set",
        command([CLASS, FIELD, ID, element(DATA_SET_TYPE, NO_DATA_SET, length=200)]),
        ABORTS,
        "M",
        SET,
    ),
    ("CMD-13", "no Command Field", command([CLASS, ID, TYPE]), ABORTS, "M", FIELDS),
    (
        "CMD-14",
        "no Message ID",
        command([CLASS, FIELD, TYPE]),
        f'{EITHER} | x RSP(0000) "success for an operation that has no Message ID"',
        "M",
        "PS3.7 9.3.5.1",
    ),
    (
        "CMD-15",
        "no Affected SOP Class UID",
        command([FIELD, ID, TYPE]),
        f"RSP(0122) | RSP(0212) | {LENIENTLY}",
        "M",
        "PS3.7 9.3.5.1",
    ),
    ("CMD-16", "no Command Data Set Type", command([CLASS, FIELD, ID]), ABORTS, "M", FIELDS),
    (
        "CMD-17",
        "a Command Field that there is not",
        command({**ELEMENTS, COMMAND_FIELD: UNKNOWN_FIELD}),
        f'RSP(0211) | {LENIENTLY} | x RSP(0000) "success for an operation that there is not"',
        "M",
        OPERATION_UNKNOWN,
    ),
    (
        "CMD-19",
        "an Affected SOP Class UID that is not the presentation context's",
        command({**ELEMENTS, AFFECTED_SOP_CLASS: frames.CT_IMAGE_STORAGE}),
        UNRECOGNIZED,
        "S",
        "PS3.7 9.1.5.1.4",
    ),
    (
        "CMD-22",
        "a response that nobody waits for",
        command(commands.response_elements({MESSAGE_ID: 7})),
        f"HOLD | {ABORTS}",
        "I",
        "PS3.7 9.3.5.2",
    ),
    (
        "CMD-39",
        "N-GET-RQ of a SOP class that has no N-GET",
        command(_GET_OF_VERIFICATION),
        UNRECOGNIZED,
        "S",
        OPERATION_UNKNOWN,
    ),
)
for _id, _title, _set, _expected, _level, _clause in _ROWS:
    stimulus(
        _id,
        _title,
        lambda _, set_=_set: [frames.p_data(frames.pdv(1, set_))],  # type: ignore[misc]  # mypy infers no lambda that has a default
        _expected,
        level=_level,
        clause=_clause,
    )
stimulus(
    "CMD-04",
    "a group length that is too big, or too small",
    lambda trial: [frames.p_data(frames.pdv(1, command(PARTS, group_length=WHOLE + int(trial.variant))))],
    EITHER,
    level="S",
    clause=FIELDS,
    variants=("10", "-10"),
)
stimulus(
    "CMD-21",
    "a data set behind a command that says there is none",
    lambda _: [
        frames.p_data(
            frames.pdv(1, commands.echo_rq()), frames.pdv(1, element(0x0020, "CS", group=0x0008), command=False)
        )
    ],
    f"RSP, A(*) | {LENIENTLY}",
    level="S",
    clause=FIELDS,
)
stimulus(
    "CMD-38",
    "the same Message ID twice at once",
    lambda _: [commands.echo(), commands.echo()],
    f"RSP, A(*) | RSP, RSP(0210) | RSP(0210), RSP | ~RSP(0000), RSP(0000) [ALT] | {ABORTS}",
    level="S",
    clause=("PS3.7 9.1.5.1.1", "PS3.7 C.5.9"),
    why="Who answers the first before it reads the second has never had both outstanding, and cannot know.",
)
stimulus(
    "CMD-40",
    "the header of an element in two PDVs",
    lambda _: [frames.p_data(each) for each in frames.fragmented(1, commands.echo_rq(), 16)],
    "RSP",
    clause="PS3.8 E.1 n2",
)

# ---- contexts, transfer syntaxes, data sets ----


@case(
    "CMD-10",
    "a command set in Explicit VR, on a context of Explicit VR",
    roles="A",
    level="M",
    clause=SET,
    expected=ABORTS,
    why="Command sets are in Implicit VR Little Endian on every presentation context.",
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta6", contexts=[frames.proposed(1, frames.VERIFICATION, [frames.EXPLICIT])])
    if trial.acceptance is None or trial.acceptance.results.get(1) != 0:
        raise Skip("the peer does not accept Verification in Explicit VR Little Endian")
    body = b"".join(EXPLICIT_PARTS)
    await trial.send(frames.p_data(frames.pdv(1, pack("<HH2sHL", 0, 0, b"UL", 4, len(body)) + body)))
    await trial.expect()


@case(
    "CMD-18",
    "a whole C-STORE-RQ on a presentation context of Verification",
    roles="A",
    level="M",
    clause=(CLASS_UNKNOWN, OPERATION_UNKNOWN),
    expected=f'{UNRECOGNIZED} | x RSP(0000) "it stores on a presentation context of Verification"',
)
async def _(trial: "Trial") -> None:
    await operations.associate(trial, "verification")
    image = data_sets.new_image()
    data = image.encoded(trial.syntax(frames.VERIFICATION))
    request = command(commands.store_elements(1, image.instance))
    await stored(trial, [frames.p_data(frames.pdv(1, request)), *operations.data_pdus(trial, 1, data)])


@case(
    "CMD-20",
    "a data set announced with another value than 0001H",
    roles="A",
    level="M",
    clause=FIELDS,
    needs=STORAGE,
    variants=("0000", "0102", "FFFE"),
    expected="RSP(0000) | ~RSP [INFO]",
    why="0101H is that there is none, any other value that there is one.",
)
async def _(trial: "Trial") -> None:
    await operations.associate(trial, "storage")
    image = data_sets.new_image()
    elements = {**commands.store_elements(1, image.instance), DATA_SET_TYPE: int(trial.variant, 16)}
    data = operations.data_pdus(trial, 1, operations.data_of(trial, image))
    await stored(trial, [frames.p_data(frames.pdv(1, command(elements))), *data])
    if trial.exchange.reaction is Reaction.INFO:
        trial.recording.note("a failure status is no sign that the data set was not read")
