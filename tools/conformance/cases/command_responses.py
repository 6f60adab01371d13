"""Section CMD, second part: responses as they come to a requestor (PS3.7 9.1, 9.3, Annex C).

What a requestor made of a response nobody sees. But one whose operation is not confirmed shall not release (A.5), nor
is there a window for its next operation (D.3.3.3): who goes on took the wrong response for the right one.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from .. import commands, frames
from ..case import case
from ..commands import COMMAND_FIELD, RESPONDED_TO, RESPONSE, STATUS, Value, command
from ..endings import Undriven
from ..recipes import serve
from ..results import Reaction

if TYPE_CHECKING:
    from ..trial import Trial

RESPONSES, CONFIRMED, STATUSES = "PS3.7 9.3", "PS3.7 A.5", "PS3.7 C"
ABORTS = "A(*) | ~CLOSE [DIRTY]"
NOT_TAKEN = f'HOLD | {ABORTS} | x RLRQ "taken for the response" | x REQ "taken for the response"'
GOES_ON = f"RLRQ | REQ | {ABORTS}"
Response = dict[int, Value]


def _response(trial: "Trial", change: Callable[[Response], object], context_id: int | None = None) -> bytes:
    """The response to the last request, changed."""
    message = trial.track.messages[-1]
    elements = commands.response_elements(message.elements)
    change(elements)
    number = message.context_id if context_id is None else context_id
    return frames.p_data(frames.pdv(number, command(elements)))


@case(
    "CMD-23",
    "a response to another Message ID",
    roles="R",
    level="M",
    clause=(RESPONSES, CONFIRMED),
    expected=NOT_TAKEN,
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta6")
    other = ((trial.track.messages[-1].number(commands.MESSAGE_ID) or 0) + 1000) & 0xFFFF
    await trial.send(_response(trial, lambda elements: elements.update({RESPONDED_TO: other})))
    await trial.expect()


@case(
    "CMD-24",
    "a response of another operation",
    roles="R",
    level="M",
    clause=(RESPONSES, CONFIRMED),
    expected=NOT_TAKEN,
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta6")
    asked = trial.track.messages[-1].number(COMMAND_FIELD)
    other = (commands.C_FIND if asked != commands.C_FIND else commands.C_ECHO) | RESPONSE
    await trial.send(_response(trial, lambda elements: elements.update({COMMAND_FIELD: other})))
    await trial.expect()


@case(
    "CMD-25",
    "a response without Status",
    roles="R",
    level="M",
    clause=(STATUSES, RESPONSES),
    expected=f"{GOES_ON} | ~HOLD [INFO]",
    why="A failure, which the peer may report and go on; whether it does, its user sees.",
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta6")
    await trial.send(_response(trial, lambda elements: elements.pop(STATUS)))
    await trial.expect()


@case(
    "CMD-26",
    "the statuses of failure, warning and cancel, and one that there is not",
    roles="R",
    level="S",
    clause=STATUSES,
    variants=("0122", "0210", "0211", "0212", "A700", "B000", "C001", "FE00", "1234"),
    expected=GOES_ON,
    why="Whatever it means to the peer, the association comes to an end in order.",
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta6")
    await trial.send(_response(trial, lambda elements: elements.update({STATUS: int(trial.variant, 16)})))
    await trial.expect()
    await _ends(trial)


@case(
    "CMD-27",
    "a pending response to an operation that has one response",
    roles="R",
    level="S",
    clause=(STATUSES, RESPONSES),
    expected=f"HOLD | {ABORTS} | ~RLRQ [INFO] | ~REQ [INFO]",
    why="It may wait for a final one, abort, or report a failure; success it is not, but nobody sees that.",
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta6")
    await trial.send(_response(trial, lambda elements: elements.update({STATUS: 0xFF00})))
    await trial.expect()


@case(
    "CMD-28",
    "a response on another presentation context",
    roles="R",
    level="I",
    clause=("PS3.8 E.1", "PS3.7 A.4"),
    expected=f"HOLD | {GOES_ON}",
    why="PS3.8 E.1 binds the fragments of one message to one context; of request and response nothing is said.",
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta6")
    own = trial.track.messages[-1].context_id
    accepted = trial.request.proposals if trial.request else {}
    other = next((number for number in accepted if number != own), (own + 2) % 256)
    await trial.send(_response(trial, lambda _: None, other))
    await trial.expect()


@case(
    "CMD-29",
    "two final responses",
    roles="R",
    level="S",
    clause=RESPONSES,
    expected=f"{GOES_ON} | RLRQ, A(*)",
    why="The second is nobody's: it is ignored, or the association is aborted.",
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta6")
    response = _response(trial, lambda _: None)
    await trial.send(response, response)
    await trial.expect()
    await _ends(trial)


async def _ends(trial: "Trial") -> None:
    """The association comes to its end in order, where it has not ended: the rest is answered, and released."""
    if trial.track.closed or any(token.kind == "A" for token in trial.track.trace):
        return
    try:
        await serve(trial, answered=1)
    except Undriven as reason:
        if any(token.kind == "A" for token in trial.track.trace):
            trial.grade(Reaction.ALT, "it aborts")
            return
        trial.fail(str(reason))
    trial.mark()
    await trial.send(frames.release_rp())
    await trial.expect("CLOSE")
