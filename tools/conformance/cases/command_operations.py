"""Section CMD, third part: operations that take more than a request and a response (PS3.7 9.1.1, 9.1.2, 9.3.2).

C-CANCEL, the responses of a C-FIND, and data sets that are wrong where their command is right.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .. import commands, data_sets, frames, operations
from ..case import case
from ..commands import DATA_SET_TYPE, NO_DATA_SET, command, element
from ..reading import Message
from ..results import Reaction
from .command_sets import ABORTS
from .p_data import STORAGE, stored

if TYPE_CHECKING:
    from ..trial import Trial

CANCEL, FIND, STORE = "PS3.7 9.3.2.3", "PS3.7 9.1.2.2", "PS3.7 9.1.1"
QUERY = ("verification", "find")
CANCELED, SUCCESS = 0xFE00, 0x0000
"""PS3.7 C.3.1, C.1.1."""
UNDECODABLE = element(0x0052, "STUDY ", group=0x0008, length=0x7FFFFFFE)
"""An identifier whose only element is longer than it."""
LATER_ID = 2


@case(
    "CMD-30",
    "C-CANCEL-RQ for a Message ID that nobody knows, then C-ECHO-RQ",
    roles="A",
    level="S",
    clause=(FIND, CANCEL),
    expected="RSP | ~A(*) [ALT]",
    why="It is ignored. With Verification alone an abort is as good: no operation there has C-CANCEL.",
)
async def _(trial: "Trial") -> None:
    needs = ["verification", *(["find"] if not trial.profile.lacks("find") else [])]
    await operations.associate(trial, *needs)
    await trial.send(operations.cancel(2 * len(needs) - 1, 4711), commands.echo())
    await trial.expect("RSP" if "find" in needs else "")


@case(
    "CMD-31",
    "C-CANCEL-RQ while a C-FIND is at work",
    roles="A",
    level="M",
    clause=(FIND, CANCEL),
    needs=QUERY,
    expected="RSP(FE00) | RSP(0000)",
    why="Any number of pending responses, and one final one: canceled, or success if it was there before.",
)
async def _(trial: "Trial") -> None:
    await operations.associate(trial, "find")
    found = await operations.responses(trial, [*operations.find(trial, 1), operations.cancel(1, 1)])
    await trial.link.quiet(trial.settings.settle)
    trial.exchange.expected, trial.exchange.seen = f"RSP(FF00)..., {trial.case.expected}", trial.seen[-8:]
    final = _final(trial, found)
    trial.check(len(trial.track.messages) == len(found), "something came behind the final response")
    if final.status not in (CANCELED, SUCCESS):
        trial.grade(Reaction.INFO, f"the query fails: {final.status:04X}")


@case(
    "CMD-32",
    "C-CANCEL-RQ behind the final response",
    roles="A",
    level="S",
    clause=(FIND, CANCEL),
    needs=QUERY,
    expected="RSP",
)
async def _(trial: "Trial") -> None:
    await operations.associate(trial, *QUERY)
    _final(trial, await operations.responses(trial, operations.find(trial, 3)))
    trial.mark()
    await trial.send(operations.cancel(3, 1), commands.echo(1, LATER_ID))
    await trial.expect()


@case(
    "CMD-33",
    "C-FIND-RQ whose identifier cannot be decoded",
    roles="A",
    level="S",
    clause="PS3.7 9.1.2",
    needs=QUERY,
    expected=f"RSP | {ABORTS}",
    why="A failure (Axxx, Cxxx, or one of Annex C), or an abort; success only where the peer has found nothing in it.",
)
async def _(trial: "Trial") -> None:
    await operations.associate(trial, "find")
    request = command(operations.query_elements(commands.C_FIND, commands.STUDY_ROOT_FIND))
    await trial.send(frames.p_data(frames.pdv(1, request)), frames.p_data(frames.pdv(1, UNDECODABLE, command=False)))
    await trial.expect(within=operations.SECONDS)
    _refused(trial)


@case(
    "CMD-34",
    "C-FIND-RQ that matches",
    roles="A",
    level="M",
    clause=("PS3.7 9.1.2.1.5", "PS3.7 9.3.2.2"),
    needs=QUERY,
    expected="RSP(FF00) | RSP(FF01)",
    why="An identifier with every pending response, and none with the final one.",
)
async def _(trial: "Trial") -> None:
    study = ""
    if not trial.profile.lacks("storage"):
        image = data_sets.new_image()
        study = image.study
        await operations.associate(trial, "storage")
        await operations.responses(trial, operations.store(trial, 1, image))
        await operations.leave(trial)
    await operations.associate(trial, "find")
    found = await operations.responses(trial, operations.find(trial, 1, study))
    trial.exchange.expected, trial.exchange.seen = "RSP(FF00)..., RSP(0000)", trial.seen[-8:]
    final = _final(trial, found)
    for message in found[:-1]:
        trial.check(_has_data(message), "a pending response without an identifier")
    trial.check(not _has_data(final), f"an identifier with the final response {final.status:04X}")
    if len(found) == 1:
        trial.grade(Reaction.INFO, "nothing matched: no pending response was seen")


def _has_data(message: Message) -> bool:
    return message.number(DATA_SET_TYPE) != NO_DATA_SET or message.data_length > 0


def _final(trial: "Trial", found: Sequence[Message]) -> Message:
    """The final response.

    Raises:
        Stop: there is none.
    """
    trial.check(bool(found) and found[-1].status not in operations.PENDING, "no final response came")
    return found[-1]


def _succeeded(trial: "Trial") -> bool:
    return any(token.kind == "RSP" and token.values == (SUCCESS,) for token in trial.exchange.seen)


def _refused(trial: "Trial") -> None:
    """A success was lenient."""
    if _succeeded(trial):
        trial.grade(Reaction.LENIENT, "success")


async def _store(trial: "Trial", instance: str, data: bytes) -> None:
    trial.recording.offered(instance)
    request = command(commands.store_elements(1, instance))
    await stored(trial, [frames.p_data(frames.pdv(1, request)), *operations.data_pdus(trial, 1, data)])


@case(
    "CMD-35",
    "C-STORE-RQ whose data set ends inside an element",
    roles="A",
    level="S",
    clause=STORE,
    needs=STORAGE,
    expected=f"RSP | {ABORTS}",
    why="A failure and nothing stored, or an abort. A success is recorded only: C-STORE has a status for an SCP that "
    "cannot understand elements, and no clause that makes one read them which keeps what comes bit by bit.",
)
async def _(trial: "Trial") -> None:
    await operations.associate(trial, "storage")
    image = data_sets.new_image()
    await _store(trial, image.instance, operations.data_of(trial, image)[:-100])
    if _succeeded(trial):
        trial.grade(Reaction.INFO, "success: it does not look at the end of a data set")
        return
    trial.link.finish()
    await trial.link.until(lambda: trial.track.closed, trial.settings.react)
    await operations.check_not_stored(trial, image)


@case(
    "CMD-36",
    "C-STORE-RQ with an empty data set",
    roles="A",
    level="S",
    clause=STORE,
    needs=STORAGE,
    expected=f"RSP | {ABORTS}",
)
async def _(trial: "Trial") -> None:
    await operations.associate(trial, "storage")
    await _store(trial, data_sets.new_uid(), b"")
    _refused(trial)


@case(
    "CMD-37",
    "C-STORE-RQ whose Affected SOP Instance UID is not the data set's",
    roles="A",
    level="I",
    clause=STORE,
    needs=STORAGE,
    expected=f"RSP | {ABORTS}",
)
async def _(trial: "Trial") -> None:
    await operations.associate(trial, "storage")
    await _store(trial, data_sets.new_uid(), operations.data_of(trial, data_sets.new_image()))
