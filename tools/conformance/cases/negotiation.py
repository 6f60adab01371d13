"""Section NEG: the negotiation of contexts, roles, windows and extensions (PS3.7 Annex D.3); identities are next door.

Whatever is optional is answered only where it was proposed, and never with more than was proposed. What a requestor
shall not send may be refused, or borne; silence is wrong.
"""

from struct import pack, unpack
from typing import TYPE_CHECKING

from .. import commands, frames
from ..answers import Answer, Look, ask, asks, breaches, gives, has_none
from ..case import case
from ..endings import Skip
from ..recipes import acceptance, request
from ..results import Reaction
from .associate_rq import OTHER, UNKNOWN_UID

if TYPE_CHECKING:
    from ..trial import Trial

CONTEXTS = "PS3.7 D.3.2"
WINDOW = "PS3.7 D.3.3.3"
ROLES = "PS3.7 D.3.3.4"
ROLE_ITEM = "PS3.7 D.3.3.4.1"
EXTENDED = "PS3.7 D.3.3.5"
COMMON = "PS3.7 D.3.3.6"

JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
EXPLICIT_BIG_ENDIAN = "1.2.840.10008.1.2.2"
STORAGE_SERVICE = "1.2.840.10008.4.2"
STORAGE = ("verification", "storage")
STORAGE_INFORMATION = bytes([2, 0, 0, 0, 1, 0])
"""Level of support, digital signatures and coercion (PS3.4 Annex B)."""


def with_user_items(trial: "Trial", *sub_items: bytes, sop_class: str = frames.VERIFICATION) -> bytes:
    """An A-ASSOCIATE-RQ for one SOP class, with more user sub-items."""
    context = frames.proposed(1, sop_class, [trial.profile.syntax(sop_class)])
    return request(trial, [context], user=frames.user_information_with(*sub_items))


# ---- transfer syntaxes ----


def _accepted(trial: "Trial") -> list[str]:
    """Transfer syntaxes the peer accepts for Verification; the default one where nobody asked (PS3.5 10.1)."""
    return (trial.profile.classes or {}).get(frames.VERIFICATION) or [frames.IMPLICIT]


def _each_alone(trial: "Trial") -> bytes:
    syntaxes = _accepted(trial)[:128]
    return request(trial, [frames.proposed(2 * n + 1, frames.VERIFICATION, [uid]) for n, uid in enumerate(syntaxes)])


def _that_one(answer: Answer) -> None:
    for number, (_, proposed) in answer.asked.proposals.items():
        gives(number, 0)(answer)
        found = answer.context(number).transfer_syntaxes
        answer.trial.check(found == proposed, f"context {number} accepted with {found}, proposed was {proposed}")


asks("NEG-01", "each transfer syntax it accepts, alone", _each_alone, "AC", _that_one, clause=CONTEXTS)


def _in_order(trial: "Trial") -> bytes:
    syntaxes = list(dict.fromkeys([*_accepted(trial), frames.IMPLICIT, frames.EXPLICIT]))
    ordered = syntaxes if trial.variant == "in one order" else syntaxes[::-1]
    return request(trial, [frames.proposed(1, frames.VERIFICATION, ordered)])


def _one_of_them(answer: Answer) -> None:
    gives(1, 0)(answer)
    proposed, found = answer.asked.proposals[1][1], answer.context(1).transfer_syntaxes
    answer.trial.check(len(found) == 1 and found[0] in proposed, f"accepted with {found}, proposed were {proposed}")
    place = proposed.index(found[0]) + 1
    answer.trial.exchange.why = f"it takes number {place} of {len(proposed)}, {found[0].decode('ascii')}"


asks(
    "NEG-02",
    "all transfer syntaxes it accepts, in two orders",
    _in_order,
    "AC",
    _one_of_them,
    clause=CONTEXTS,
    variants=("in one order", "in the other"),
    why="Whose preference counts is the acceptor's affair, and recorded.",
)


def _judged_one_by_one(answer: Answer) -> None:
    gives(1, 0)(answer)
    gives(3, 4, 1, 2)(answer)
    gives(5, 0)(answer)


asks(
    "NEG-03",
    "one abstract syntax in three contexts, with and without a transfer syntax it knows",
    lambda trial: request(
        trial,
        [
            frames.proposed(1, frames.VERIFICATION, [_accepted(trial)[0]]),
            frames.proposed(3, frames.VERIFICATION, [UNKNOWN_UID]),
            frames.proposed(5, frames.VERIFICATION, [UNKNOWN_UID, _accepted(trial)[0]]),
        ],
    ),
    "AC",
    _judged_one_by_one,
    clause=CONTEXTS,
)
for _id, _title, _syntax in (
    ("NEG-04", "only a compressed transfer syntax for Verification", JPEG_BASELINE),
    ("NEG-05", "only Explicit VR Big Endian, which is retired", EXPLICIT_BIG_ENDIAN),
):
    asks(
        _id,
        _title,
        lambda trial, syntax=_syntax: request(trial, [frames.proposed(1, frames.VERIFICATION, [syntax])]),  # type: ignore[misc]
        "AC | ~RJ [INFO]",
        lambda answer: answer.trial.check(
            (result := answer.context(1).result) in (0, 1, 2, 4), f"result {result}, 0 or 4 is due"
        ),
        level="I",
        clause=CONTEXTS,
    )

# ---- roles ----


def _roles(answer: Answer) -> list[tuple[bytes, int, int]]:
    """The role items of an answer: class, SCU, SCP; the trial fails where one is broken."""
    found = []
    for value in answer.sub_items(0x54):
        length = int.from_bytes(value[:2], "big")
        answer.trial.check(len(value) == length + 4, f"a role sub-item of {len(value)} bytes, UID-length is {length}")
        found.append((value[2:-2], value[-2], value[-1]))
    return found


def _grants_at_most(uid: str, scu: int, scp: int) -> Look:
    """Role items only for one class, at most once, and no role that was not proposed (PS3.7 D.3.3.4)."""

    def look(answer: Answer) -> None:
        roles = _roles(answer)
        answer.trial.check(len(roles) < 2, f"{len(roles)} role sub-items, proposed was one")
        for name, granted_scu, granted_scp in roles:
            answer.trial.check(name == uid.encode(), f"a role for {name!r}, proposed was {uid}")
            answer.trial.check(
                granted_scu <= scu and granted_scp <= scp,
                f"roles {granted_scu}/{granted_scp} granted, proposed were {scu}/{scp}",
            )

    return look


asks(
    "NEG-06",
    "no role selection",
    request,
    "AC",
    has_none(0x54, why="no role was proposed"),
    clause=ROLES,
    tags=("smoke",),
)
asks(
    "NEG-07",
    "both roles for CT Image Storage",
    lambda trial: with_user_items(trial, frames.role_selection(OTHER, 1, 1), sop_class=OTHER),
    "AC",
    _grants_at_most(OTHER, 1, 1),
    clause=ROLES,
    needs=STORAGE,
)
asks(
    "NEG-08",
    "the SCU role only",
    lambda trial: with_user_items(trial, frames.role_selection(frames.VERIFICATION, 1, 0)),
    "AC",
    _grants_at_most(frames.VERIFICATION, 1, 0),
    clause=ROLES,
)


@case(
    "NEG-09",
    "the SCP role only, which is turned down",
    roles="A",
    level="S",
    clause=ROLES,
    states=("Sta6",),
    expected="AC",
    why="Without an item in the answer the default holds: the requestor is SCU, and may send its C-ECHO.",
)
async def _(trial: "Trial") -> None:
    answer = await ask(trial, with_user_items(trial, frames.role_selection(frames.VERIFICATION, 0, 1)))
    assert answer is not None  # expected
    _grants_at_most(frames.VERIFICATION, 0, 1)(answer)
    if answer.context(1).result != 0:
        trial.grade(Reaction.ALT, "the context is refused")
    elif _roles(answer):
        trial.grade(Reaction.INFO, "a role is answered, so no default holds")
    else:
        await trial.send(commands.echo())
        await trial.expect("RSP(0000)")


asks(
    "NEG-10",
    "a role for a class in no context",
    lambda trial: with_user_items(trial, frames.role_selection(UNKNOWN_UID, 1, 1)),
    "AC | ~RJ [INFO] | ~A(*) [INFO]",
    has_none(0x54, why="the class is in no context"),
    level="I",
    clause=ROLES,
    event="",
)
breaches(
    "NEG-11",
    "two role selections for one class, at odds",
    lambda trial: with_user_items(
        trial,
        frames.role_selection(frames.VERIFICATION, 1, 0),
        frames.role_selection(frames.VERIFICATION, 0, 1),
    ),
    clause=ROLE_ITEM,
    why="The same said twice has one meaning, and is sent by some for every context of a class; this has none.",
)
breaches(
    "NEG-12",
    "role values that do not exist",
    lambda trial: with_user_items(trial, frames.role_selection(frames.VERIFICATION, int(trial.variant), 0)),
    clause=ROLE_ITEM,
    variants=("2", "255"),
)
asks(
    "NEG-13",
    "a role selection whose UID-length overruns it",
    lambda trial: with_user_items(trial, frames.role_selection(frames.VERIFICATION, 1, 0, uid_length=200)),
    "REFUSE",
    clause=ROLE_ITEM,
    event="Evt19",
)

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
