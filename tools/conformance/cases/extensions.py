"""Section NEG, the second part: operations windows (PS3.7 D.3.3.3) and extended negotiation (D.3.3.5, D.3.3.6).

Whatever is optional is answered only where it was proposed, and never with more than was proposed.
"""

from struct import pack, unpack
from typing import TYPE_CHECKING

from .. import commands, frames
from ..answers import Answer, Look, asks, breaches, has_none
from ..case import case
from ..endings import Skip
from ..recipes import acceptance, request
from .associate_rq import OTHER
from .negotiation import STORAGE, with_user_items

if TYPE_CHECKING:
    from ..trial import Trial

WINDOW = "PS3.7 D.3.3.3"
EXTENDED = "PS3.7 D.3.3.5"
COMMON = "PS3.7 D.3.3.6"

STORAGE_SERVICE = "1.2.840.10008.4.2"
STORAGE_INFORMATION = bytes([2, 0, 0, 0, 1, 0])
"""Level of support, digital signatures and coercion (PS3.4 Annex B)."""


# ---- the asynchronous operations window ----


def _window(answer: Answer) -> tuple[int, int] | None:
    found = answer.sub_items(0x53)
    answer.trial.check(len(found) < 2, f"{len(found)} sub-items 53H")
    if not found:
        return None
    answer.trial.check(len(found[0]) == 4, f"a sub-item 53H of length {len(found[0])}")
    invoked, performed = unpack(">HH", found[0])
    return invoked, performed


def _some_window(answer: Answer) -> None:
    """Any, but no broken one."""
    _window(answer)


def _within(offered: int) -> Look:
    def look(answer: Answer) -> None:
        granted = _window(answer)
        if granted is not None:
            answer.trial.check(
                all(1 <= each <= offered for each in granted),
                f"a window of {granted[0]}/{granted[1]} for an offer of {offered}/{offered}; 0 is unlimited",
            )

    return look


asks("NEG-14", "no window", request, "AC", has_none(0x53, why="no window was proposed"), clause=WINDOW)
asks(
    "NEG-15",
    "a window of 5 and 5",
    lambda trial: with_user_items(trial, frames.operations_window(5, 5)),
    "AC",
    _within(5),
    clause=WINDOW,
)
asks(
    "NEG-16",
    "an unlimited window",
    lambda trial: with_user_items(trial, frames.operations_window(0, 0)),
    "AC",
    _some_window,
    level="I",
    clause=WINDOW,
)
_ONES = pack(">HHH", 1, 1, 1)
breaches(
    "NEG-17",
    "a window sub-item of another length than 4",
    lambda trial: with_user_items(
        trial, frames.operations_window(1, 1, raw=pack(">HHH", 1, 1, 1)[: int(trial.variant)])
    ),
    clause=WINDOW,
    variants=("2", "6"),
)


@case(
    "NEG-18",
    "three C-ECHO-RQ at once, though no window was agreed",
    roles="A",
    level="S",
    clause=WINDOW,
    states=("Sta6",),
    events=("Evt10",),
    expected="RSP, RSP, RSP | RSP, RSP, A(*) | RSP, A(*) | A(*)",
    why="Each is answered once, one after the other or with a failure, or the association is aborted.",
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta6")
    asked = (11, 12, 13)
    await trial.send(*[commands.echo(1, number) for number in asked])
    await trial.expect()
    answered = [message.responded_to for message in trial.track.messages]
    trial.check(
        len(set(answered)) == len(answered) and set(answered) <= set(asked),
        f"responses to {answered}, requests were {list(asked)}",
    )
    statuses = {message.status for message in trial.track.messages}
    trial.check(statuses <= {0x0000, 0x0210, 0x0213}, f"statuses {[f'{each or 0:04X}' for each in statuses]}")


LARGER = 4
"""Operations more than were offered."""


@case(
    "NEG-19",
    "a larger window than was offered",
    roles="R",
    level="M",
    clause=WINDOW,
    states=("Sta5",),
    events=("Evt3",),
    expected="A(*) | REQ | ~RLRQ [INFO] | ~CLOSE [DIRTY]",
    why="What was offered is never exceeded; an absent offer is one operation.",
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta5")
    offers = [item.value for item in trial.request.user_items if item.type == 0x53] if trial.request else []
    offered, performed = unpack(">HH", offers[0]) if offers and len(offers[0]) == 4 else (1, 1)
    if not offered:
        raise Skip("the peer offers an unlimited window, and there is no larger one")
    window = frames.operations_window(offered + LARGER, performed + LARGER)
    await trial.send(acceptance(trial, user=frames.user_information_with(window)))
    await trial.link.until(lambda: bool(trial.seen), trial.settings.react)
    await trial.link.quiet(trial.settings.settle)
    requests = sum(token.kind == "REQ" for token in trial.seen)
    trial.check(requests <= offered, f"{requests} requests outstanding, offered were {offered}")
    await trial.expect(trial.case.expected if requests < 2 else ", ".join(["REQ"] * requests))


# ---- extended negotiation ----


def _extended(answer: Answer) -> None:
    found = answer.sub_items(0x56)
    answer.trial.check(len(found) < 2, f"{len(found)} sub-items 56H, proposed was one")
    for value in found:
        length = int.from_bytes(value[:2], "big")
        name = value[2 : 2 + length]
        answer.trial.check(name == OTHER.encode(), f"a sub-item 56H for {name!r}, proposed was {OTHER}")


asks(
    "NEG-20",
    "extended negotiation of CT Image Storage",
    lambda trial: with_user_items(trial, frames.extended_negotiation(OTHER, STORAGE_INFORMATION), sop_class=OTHER),
    "AC",
    _extended,
    clause=EXTENDED,
    needs=STORAGE,
)
breaches(
    "NEG-21",
    "two extended negotiations of one class, at odds",
    lambda trial: with_user_items(
        trial,
        frames.extended_negotiation(frames.VERIFICATION, b"\0\0"),
        frames.extended_negotiation(frames.VERIFICATION, b"\1\1"),
    ),
    clause=EXTENDED,
)
asks(
    "NEG-22",
    "common extended negotiation",
    lambda trial: with_user_items(trial, frames.common_extended_negotiation(OTHER, STORAGE_SERVICE), sop_class=OTHER),
    "AC",
    has_none(0x57, why="it has no answer"),
    clause=COMMON,
)
asks(
    "NEG-23",
    "common extended negotiation of a later version, with bytes at its end",
    lambda trial: with_user_items(
        trial, frames.common_extended_negotiation(frames.VERIFICATION, STORAGE_SERVICE, version=1, more=b"later")
    ),
    "AC",
    has_none(0x57, why="it has no answer"),
    level="S",
    clause="PS3.7 D.3.3.6.1",
    why="Later versions only append.",
)
