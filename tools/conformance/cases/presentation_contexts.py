"""Section RQ, the second part: presentation contexts as an acceptor judges them (PS3.8 9.3.2.2, 7.1.1.13; PS3.7 D.3.2).

IDs that are even, too many or the same, syntaxes that are missing, doubled, unknown or no UIDs. What cannot be accepted
is turned down by its own result (Table 9-18), and the contexts beside it are served.
"""

from typing import TYPE_CHECKING

from .. import frames
from ..answers import Answer, asks, breaches, gives, invents_no_context, refuses
from ..recipes import request
from ..results import Reaction
from .associate_rq import OTHER, UNKNOWN_UID, syntax, verification

if TYPE_CHECKING:
    from ..trial import Trial

RESULTS = "PS3.8 Table 9-18"
CONTEXT_IDS = "PS3.8 Table 9-13"
UIDS = "PS3.8 F.1"
LONG_UID = f"{UNKNOWN_UID}.{'1' * (65 - len(UNKNOWN_UID) - 1)}"
"""65 characters, and lawful but for its length."""


# ---- presentation-context-IDs ----

for _id, _number in (("RQ-19", 2), ("RQ-20", 0)):
    breaches(
        _id,
        f"presentation-context-ID {_number}",
        lambda trial, number=_number: request(trial, [verification(trial, number)]),  # type: ignore[misc]  # mypy infers no lambda that has a default
        invents_no_context,
        level="M",
        clause=CONTEXT_IDS,
        why="An answer that repeats the ID breaks Table 9-18, one that leaves it out breaks 7.1.1.14.",
    )
asks(
    "RQ-21",
    "presentation-context-ID 255",
    lambda trial: request(trial, [verification(trial, 255)]),
    "AC",
    gives(255, 0),
    invents_no_context,
    clause=CONTEXT_IDS,
)
breaches(
    "RQ-22",
    "two contexts of one presentation-context-ID",
    lambda trial: request(trial, [verification(trial), frames.proposed(1, OTHER, [syntax(trial)])]),
    invents_no_context,
    clause="PS3.8 7.1.1.13",
)


def _all_answered(answer: Answer) -> None:
    answered = {each.id for each in answer.contexts}
    missing = len(set(answer.asked.proposals) - answered)
    answer.trial.check(not missing, f"{missing} of {len(answer.asked.proposals)} contexts have no result")


asks(
    "RQ-23",
    "128 contexts",
    lambda trial: request(trial, [verification(trial, number) for number in range(1, 256, 2)]),
    "AC",
    _all_answered,
    invents_no_context,
    clause=(CONTEXT_IDS, "PS3.8 7.1.1.14"),
)
breaches(
    "RQ-24",
    "129 contexts, one presentation-context-ID twice",
    lambda trial: request(trial, [verification(trial, number) for number in (*range(1, 256, 2), 1)]),
    invents_no_context,
    clause="PS3.8 7.1.1.13",
)

# ---- abstract and transfer syntaxes ----

asks(
    "RQ-25",
    "a context without abstract syntax",
    lambda trial: request(trial, [frames.proposed(1, None, [syntax(trial)])]),
    "AC | REFUSE",
    gives(1, 3, 1, 2, 4),
    clause=("PS3.8 9.3.2.2", RESULTS),
    event="",
)
asks(
    "RQ-26",
    "a context with two abstract syntaxes",
    lambda trial: request(
        trial,
        [frames.proposed(1, frames.VERIFICATION, (), more=frames.item(0x30, OTHER.encode()) + _transfer_syntax(trial))],
    ),
    "AC | REFUSE",
    refuses(1, "accepted, though it has two abstract syntaxes"),
    clause=("PS3.8 9.3.2.2", "PS3.7 D.3.2"),
    event="",
)
asks(
    "RQ-27",
    "a context without transfer syntax",
    lambda trial: request(trial, [frames.proposed(1, transfer_syntaxes=())]),
    "AC | REFUSE",
    gives(1, 4, 1, 2, 3),
    clause=("PS3.8 9.3.2.2", RESULTS),
    event="",
)


def _transfer_syntax(trial: "Trial") -> bytes:
    return frames.item(0x40, syntax(trial).encode())


def _beside(trial: "Trial", context: bytes) -> bytes:
    """A context alone, or beside one for Verification."""
    return request(trial, [context] if trial.variant == "alone" else [context, verification(trial, 3)])


def _served_beside(answer: Answer) -> None:
    if answer.trial.variant == "beside":
        gives(3, 0)(answer)


ONE_OR_NONE = ("beside", "alone")
NOT_THE_WHOLE = "AC | ~RJ [LENIENT]"
"""Contexts are taken or refused one by one; that the whole is rejected no clause forbids."""
asks(
    "RQ-28",
    "an abstract syntax that nobody knows",
    lambda trial: _beside(trial, frames.proposed(1, UNKNOWN_UID, [syntax(trial)])),
    NOT_THE_WHOLE,
    gives(1, 3, 1, 2),
    _served_beside,
    clause=(RESULTS, "PS3.7 D.3.2"),
    variants=ONE_OR_NONE,
    tags=("smoke",),
)
asks(
    "RQ-29",
    "a transfer syntax that nobody knows",
    lambda trial: _beside(trial, frames.proposed(1, frames.VERIFICATION, [UNKNOWN_UID])),
    NOT_THE_WHOLE,
    gives(1, 4, 1, 2),
    _served_beside,
    clause=(RESULTS, "PS3.7 D.3.2"),
    variants=ONE_OR_NONE,
)
asks(
    "RQ-30",
    "an abstract syntax padded with NUL",
    lambda trial: request(trial, [frames.proposed(1, f"{frames.VERIFICATION}\0", [syntax(trial)])]),
    "AC | REFUSE",
    refuses(1, "accepted, though padding is for data sets (PS3.5 9.1)", Reaction.INFO),
    level="I",
    clause=(UIDS, "PS3.5 9.1"),
    event="",
)
_UNLAWFUL = {"a trailing space": f"{frames.VERIFICATION} ", "a letter": f"{frames.VERIFICATION}a"}
asks(
    "RQ-31",
    "an abstract syntax that is no UID",
    lambda trial: request(trial, [frames.proposed(1, _UNLAWFUL[trial.variant], [syntax(trial)])]),
    "AC | REFUSE",
    gives(1, 3, 1, 2),
    level="S",
    clause=UIDS,
    event="",
    variants=tuple(_UNLAWFUL),
)
asks(
    "RQ-32",
    "an abstract syntax of 65 characters",
    lambda trial: request(trial, [frames.proposed(1, LONG_UID, [syntax(trial)])]),
    "AC | REFUSE",
    gives(1, 3, 1, 2),
    level="S",
    clause=UIDS,
    event="",
)
