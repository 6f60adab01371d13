"""Section AC, the second part: the A-ASSOCIATE-AC as a requestor reads it (PS3.8 9.3.3, 7.1.1.14).

It is given answers of every kind. What it makes of a context is seen by whether it sends a request on it: without one
it can use, it asks for release or aborts.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from .. import frames
from ..case import case, stimulus
from ..endings import Skip
from ..reading import read
from ..recipes import acceptance
from .associate_rq import UNKNOWN_UID

if TYPE_CHECKING:
    from ..trial import Trial

STRUCTURE = "PS3.8 9.3.3"
FIELDS = "PS3.8 Table 9-17"
RESULTS = "PS3.8 Table 9-18"
ITEMS = "PS3.8 9.3.1"
MAXIMUM_LENGTH = "PS3.8 D.1"


PROCEEDS = 'REQ | ~RLRQ [INFO] "it asks for release without a request"'
GIVES_UP = "RLRQ | A(0,*) | ~CLOSE [DIRTY]"
"""Of a requestor that is left with no context it can use."""


def _answered(
    id_: str,
    title: str,
    answer: Callable[["Trial"], bytes],
    expected: str,
    *,
    clause: str | Iterable[str],
    **more: object,
) -> None:
    """A case: the requestor gets an A-ASSOCIATE-AC, and may send requests only on contexts that it accepts."""

    async def script(trial: "Trial") -> None:
        await trial.drive("Sta5")
        ac = answer(trial)
        await trial.send(ac)
        await trial.expect()
        _keeps_to(trial, ac)

    more = {"level": "M", "states": ("Sta5",), "events": ("Evt3",), "expected": expected, **more}
    case(id_, title, roles="R", clause=clause, **more)(script)  # type: ignore[arg-type]  # names of keywords


def _keeps_to(trial: "Trial", ac: bytes) -> None:
    """Requests come only on contexts that were proposed and accepted."""
    proposed = trial.request.proposals if trial.request else {}
    usable = {number for number, result in read(ac).results.items() if result == 0 and number in proposed}
    used = {message.context_id for message in trial.track.messages}
    trial.check(used <= usable, f"requests on contexts {sorted(used)}; proposed and accepted are {sorted(usable)}")


def _proposals(trial: "Trial") -> dict[int, tuple[bytes, tuple[bytes, ...]]]:
    return trial.request.proposals if trial.request else {}


def _every(trial: "Trial", result: int = 0, **how: object) -> list[bytes]:
    """All contexts with one result."""
    return [frames.answered(number, result, syntaxes[:1], **how) for number, (_, syntaxes) in _proposals(trial).items()]  # type: ignore[arg-type]  # names of keywords


_answered(
    "AC-08",
    "the least that is valid",
    lambda trial: acceptance(
        trial, user=frames.user_information(frames.maximum_length(), frames.implementation_class())
    ),
    PROCEEDS,
    clause=STRUCTURE,
)
_answered(
    "AC-09",
    "other AE titles, and FFH in every reserved field",
    lambda trial: acceptance(
        trial,
        fixed=b"SOMEBODY".ljust(16) + b"ELSE".ljust(16) + b"\xff" * 32,
        contexts=_every(trial, reserved=0xFF),
        user=frames.user_information(reserved=0xFF),
        reserved=0xFF,
        inner_reserved=0xFF,
    ),
    PROCEEDS,
    clause=FIELDS,
)
_REFUSED_SYNTAX = {
    "garbage": frames.item(0x40, b"\xff no UID \0"),
    "empty": frames.item(0x40),
    "absent": b"",
}


@case(
    "AC-10",
    "the transfer syntax of a rejected context is none",
    roles="R",
    level="M",
    clause=RESULTS,
    states=("Sta5",),
    events=("Evt3",),
    expected=f'REQ | {GIVES_UP} | x A(2,*) "what is not significant is not to be tested"',
    variants=tuple(_REFUSED_SYNTAX),
    why="The last context is rejected, with something in the place of its transfer syntax.",
)
async def _(trial: "Trial") -> None:
    await trial.drive("Sta5")
    *others, last = _proposals(trial)
    refused = frames.answered(last, 3, (), more=_REFUSED_SYNTAX[trial.variant])
    ac = acceptance(trial, contexts=[*_every(trial)[:-1], refused])
    await trial.send(ac)
    # Where no context is left, some abort with source 2 whatever stands there: that tells nothing here (but see AC-15).
    await trial.expect("" if others else f'{GIVES_UP} | ~A(2,*) [INFO] "it was the only context"')
    _keeps_to(trial, ac)


_answered(
    "AC-11",
    "results that do not exist",
    lambda trial: acceptance(trial, contexts=_every(trial, int(trial.variant))),
    f"AA8 r6 | {GIVES_UP}",
    level="S",
    clause=RESULTS,
    variants=("5", "127", "255"),
)


def _with_stranger(trial: "Trial") -> bytes:
    """A context that was never proposed, accepted beside those that were, or alone."""
    stranger = next((number for number in range(255, 0, -2) if number not in _proposals(trial)), None)
    if stranger is None:
        raise Skip("the peer proposes all 128 contexts there can be")
    contexts = _every(trial) if trial.variant == "beside" else []
    return acceptance(trial, contexts=[*contexts, frames.answered(stranger)])


_answered(
    "AC-12",
    "a context that was never proposed",
    _with_stranger,
    f"AA8 r6 | REQ | {GIVES_UP}",
    clause=("PS3.8 7.1.1.14", RESULTS),
    variants=("beside", "alone"),
)
_answered(
    "AC-13",
    "a transfer syntax that was never proposed",
    lambda trial: acceptance(
        trial, contexts=[frames.answered(number, 0, [UNKNOWN_UID]) for number in _proposals(trial)]
    ),
    f'A(*) | {GIVES_UP} | x REQ "a context used whose transfer syntax was never proposed"',
    clause=("PS3.8 9.3.3.2", "PS3.7 D.3.2"),
)
_answered(
    "AC-14",
    "the first context is missing from the answer",
    lambda trial: acceptance(trial, contexts=_every(trial)[1:] or [b""]),
    f"REQ | A(*) | {GIVES_UP}",
    level="S",
    clause="PS3.8 7.1.1.14",
    why="It is not accepted; where it was the only one, the answer has no context at all.",
)
_answered(
    "AC-15",
    "all contexts rejected",
    lambda trial: acceptance(trial, contexts=_every(trial, 3)),
    "RLRQ | A(0,0) | ~CLOSE [DIRTY]",
    level="S",
    clause=("PS3.8 9.3.3.2", "PS3.8 9.1.4 n1"),
)
_answered(
    "AC-16",
    "an application context that was not proposed, and that nobody knows",
    lambda trial: acceptance(trial, application=frames.application_context(UNKNOWN_UID)),
    'A(0,*) | ~REQ [LENIENT] "it operates in it" | ~A(2,*) [LENIENT] | ~CLOSE [DIRTY]',
    clause="PS3.7 A.1",
    why="A requestor that cannot operate in it shall abort, as service-user (PS3.8 7.1.1.2): nobody can in this one.",
)


def _with_unknown_items(trial: "Trial") -> bytes:
    unknown = frames.item(0x41, b"unknown")
    contexts = _every(trial, more=unknown)
    user = frames.user_information_with(frames.item(0x5F, b"unknown"))
    items = [frames.application_context(), *contexts, user, frames.item(0x60, b"unknown")]
    return acceptance(trial, items=items)


_answered("AC-17", "unknown items and sub-items", _with_unknown_items, PROCEEDS, clause=ITEMS)

# ---- the maximum length ----

ENOUGH = 50
"""P-DATA-TF after which a limit is seen to be kept."""


async def _sends_at_most(trial: "Trial", most: int) -> None:
    """The acceptance announces a maximum length, and no P-DATA-TF goes beyond it (Table D.1-1)."""
    await trial.drive("Sta5")
    user = frames.user_information(frames.maximum_length(most), frames.implementation_class())
    await trial.send(acceptance(trial, user=user))
    track = trial.track
    await trial.link.until(
        lambda: bool(trial.seen) or sum(pdu.type == 0x04 for pdu in track.pdus) >= ENOUGH, trial.settings.react
    )
    await trial.link.quiet(trial.settings.settle)
    lengths = [len(pdu.body) for pdu in track.pdus if pdu.type == 0x04]
    if not lengths:
        await trial.expect("A(*) | RLRQ | ~CLOSE [DIRTY]")
    trial.exchange.expected = trial.case.expects(trial.variant)
    trial.exchange.seen = trial.exchange.seen or trial.seen
    trial.check(max(lengths, default=0) <= most, f"a P-DATA-TF of {max(lengths, default=0)} bytes, {most} at most")


def _at_most(most: str) -> str:
    return f"P-DATA-TF of {most} bytes at most | A(*) | RLRQ | ~CLOSE [DIRTY]"


@case(
    "AC-18",
    "a maximum length of 20",
    roles="R",
    level="M",
    clause=MAXIMUM_LENGTH,
    states=("Sta6",),
    derived=lambda _variant: _at_most("20"),
)
async def _(trial: "Trial") -> None:
    await _sends_at_most(trial, 20)


@case(
    "AC-19",
    "a maximum length in which no fragment has room",
    roles="R",
    level="S",
    clause=(MAXIMUM_LENGTH, "PS3.8 E.1"),
    states=("Sta6",),
    derived=_at_most,
    variants=("7", "1"),
    why="A PDV takes 6 bytes for its header, and a fragment is of 2 at least.",
)
async def _(trial: "Trial") -> None:
    await _sends_at_most(trial, int(trial.variant))


# ---- what was not asked for, and what is broken ----

_UNSOLICITED = {
    "53H": frames.operations_window(5, 5),
    "54H": frames.role_selection(UNKNOWN_UID, 1, 1),
    "59H": frames.identity_response(),
}
_ASKED_FOR = {"53H": 0x53, "59H": 0x58}
"""By the sub-item that would answer it; the 54H is of a class that nobody proposes."""


def _with_unsolicited(trial: "Trial") -> bytes:
    asked = {item.type for item in trial.request.user_items} if trial.request else set()
    if _ASKED_FOR.get(trial.variant) in asked:
        raise Skip(f"the peer asks for {trial.variant} itself")
    return acceptance(trial, user=frames.user_information_with(_UNSOLICITED[trial.variant]))


_answered(
    "AC-20",
    "sub-items that were not proposed",
    _with_unsolicited,
    f"AA8 r5 | {PROCEEDS}",
    level="S",
    clause=("PS3.7 D.3.3.3", "PS3.7 D.3.3.4", "PS3.7 D.3.3.7"),
    variants=tuple(_UNSOLICITED),
)


def _two_each(trial: "Trial") -> bytes:
    contexts = []
    for number, (_, syntaxes) in _proposals(trial).items():
        two: list[frames.Text] = [*syntaxes, frames.EXPLICIT, frames.IMPLICIT]
        contexts.append(frames.answered(number, 0, two[:2]))
    return acceptance(trial, contexts=contexts)


_answered(
    "AC-21",
    "two transfer syntaxes in an accepted context",
    _two_each,
    f"AA8 | {GIVES_UP} | ~REQ [LENIENT]",
    level="S",
    clause="PS3.8 9.3.3.2",
)
stimulus(
    "AC-22",
    "an item whose length overruns the PDU",
    lambda trial: [
        acceptance(
            trial, items=[frames.application_context(), *_every(trial), frames.item(0x50, bytes(8), length=0x1000)]
        )
    ],
    "AA8 r6",
    roles="R",
    clause=("PS3.8 Table 9-10", ITEMS),
    state="Sta5",
    event="Evt19",
)
