"""Section NEG: the negotiation of contexts and roles (PS3.7 D.3.2, D.3.3.4).

Windows and extensions, and identities, have modules of their own.

Whatever is optional is answered only where it was proposed, and never with more than was proposed. What a requestor
shall not send may be refused, or borne; silence is wrong.
"""

from typing import TYPE_CHECKING

from .. import commands, frames
from ..answers import Answer, Look, ask, asks, breaches, gives, has_none
from ..case import case
from ..recipes import request
from ..results import Reaction
from .associate_rq import OTHER, UNKNOWN_UID

if TYPE_CHECKING:
    from ..trial import Trial

CONTEXTS = "PS3.7 D.3.2"
ROLES = "PS3.7 D.3.3.4"
ROLE_ITEM = "PS3.7 D.3.3.4.1"

JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
EXPLICIT_BIG_ENDIAN = "1.2.840.10008.1.2.2"
STORAGE = ("verification", "storage")


def with_user_items(trial: "Trial", *sub_items: bytes, sop_class: str = frames.VERIFICATION) -> bytes:
    """An A-ASSOCIATE-RQ for one SOP class, with more user sub-items."""
    context = frames.proposed(1, sop_class, [trial.syntax(sop_class)])
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
    why="One of those proposed is binding (D.3.2); whose preference counts is the acceptor's affair, and recorded.",
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
        lambda trial, syntax=_syntax: request(trial, [frames.proposed(1, frames.VERIFICATION, [syntax])]),  # type: ignore[misc]  # mypy infers no lambda that has a default
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
