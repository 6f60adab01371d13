"""How a peer is brought into a state of Table 9-10 by what is sent to it (catalogue 1.2).

A stable state is reached when its sign was seen (the A-ASSOCIATE-AC, the A-RELEASE-RQ). A transient one is reached only
in passing: the PDU that leads there is kept (`trial.prefix`) and leaves in one segment with the stimulus, and the
oracle knows the race.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from . import commands, frames, hooks
from .endings import Undriven
from .reading import Seen
from .tokens import Token, text
from .trial import SYNTAXES, Trial

MOST_MESSAGES = 10_000
"""Requests that are answered on the way to a release."""
STARTS = {
    ("A", "Sta2"): "Sta2",
    ("A", "Sta3"): "Sta2",
    ("A", "Sta6"): "Sta6",
    ("A", "Sta8"): "Sta6",
    ("A", "Sta13"): "Sta13",
    ("A", "Sta7"): "Sta7",
    ("A", "Sta10"): "Sta10",
    ("A", "Sta12"): "Sta10",
    ("R", "Sta5"): "Sta5",
    ("R", "Sta6"): "Sta6",
    ("R", "Sta7"): "Sta7",
    ("R", "Sta8"): "Sta6",
    ("R", "Sta9"): "Sta7",
    ("R", "Sta11"): "Sta11",
    ("R", "Sta13"): "Sta13",
}
"""By role and state: where the peer is when the stimulus leaves, a prefix in front of it."""
PREFIXES = {
    ("A", "Sta3"): "Evt6",
    ("A", "Sta8"): "Evt12",
    ("A", "Sta12"): "Evt13",
    ("R", "Sta8"): "Evt12",
    ("R", "Sta9"): "Evt12",
}
"""The event of the prefix, which leads from there to a transient state."""

GATED = ("Sta7", "Sta10", "Sta12")
"""An acceptor gets there only by asking for release itself, which few do."""


def is_gated(role: str, state: str) -> bool:
    """Whether a peer gets there only when it is made to do what peers of its role rarely do."""
    return role == "A" and state in GATED


async def drive(trial: Trial, state: str, **how: Any) -> None:
    """Bring the peer into a state.

    Args:
        trial: whose connection is opened for it, if there is none.
        state: of the peer.
        how: `contexts`, `user`, `called`: of the A-ASSOCIATE-RQ, role A; `contexts`, `user` of the -AC, role R.

    Raises:
        Undriven: it does not get there.
    """
    await _RECIPES[trial.role, state](trial, **how)


def request(trial: Trial, contexts: Sequence[bytes] = (), **how: Any) -> bytes:
    """The A-ASSOCIATE-RQ of an ordinary case: right titles, Verification on context 1."""
    first = contexts or padded(trial, [frames.proposed(1, frames.VERIFICATION, _syntaxes(trial))])
    usual = {"called": trial.settings.called, "calling": trial.settings.calling, "user": _user(trial)}
    return frames.associate_rq(first, **{**usual, **how})


def padded(trial: Trial, contexts: Sequence[bytes]) -> list[bytes]:
    """Presentation contexts, and Verification on other ids in as many more as are wanted of one association."""
    taken = {context[4] for context in contexts}
    free = [number for number in range(1, 256, 2) if number not in taken]
    more = free[: max(trial.settings.contexts - len(contexts), 0)]
    return [*contexts, *(frames.proposed(number, frames.VERIFICATION, _syntaxes(trial)) for number in more)]


def _syntaxes(trial: Trial) -> list[str]:
    """What is proposed for Verification: the default too (PS3.5 10.1), where nobody knows if a peer has the wanted."""
    known = trial.syntax(frames.VERIFICATION)
    wanted = SYNTAXES.get(trial.settings.syntax, known)
    return [known] if trial.profile.classes else list(dict.fromkeys([wanted, known]))


def _user(trial: Trial) -> bytes:
    """The user information that everybody sends, with our maximum length."""
    subs = frames.maximum_length(trial.settings.maximum), frames.implementation_class(), frames.version_name()
    return frames.user_information(*subs)


def acceptance(trial: Trial, **how: Any) -> bytes:
    """An A-ASSOCIATE-AC that takes every context the requestor proposed, with its first transfer syntax or the
    one that is wanted."""
    if trial.request is None:
        raise Undriven("no A-ASSOCIATE-RQ was read")
    contexts = [
        frames.answered(number, 0, [_taken(trial, syntaxes)])
        for number, (_, syntaxes) in trial.request.proposals.items()
    ]
    usual = {"contexts": contexts, "fixed": trial.request.body[4:68], "user": _user(trial)}
    return frames.associate_ac(**{**usual, **how})


def _taken(trial: Trial, syntaxes: Sequence[bytes]) -> frames.Text:
    wanted = SYNTAXES.get(trial.settings.syntax, "").encode()
    return wanted if wanted in syntaxes else next(iter(syntaxes), frames.IMPLICIT)


# ---- role A: we dial ----


async def _a_sta2(trial: Trial) -> None:
    await trial.open()


async def _a_sta3(trial: Trial, **how: Any) -> None:
    await _a_sta2(trial)
    trial.prefix.append(request(trial, **how))


async def _a_sta6(trial: Trial, **how: Any) -> None:
    await _a_sta2(trial)
    await trial.send(request(trial, **how))
    trial.acceptance = await _await_pdu(trial, "AC")


async def _a_sta8(trial: Trial, **how: Any) -> None:
    await _a_sta6(trial, **how)
    trial.prefix.append(frames.release_rq())


async def _a_sta13(trial: Trial, **how: Any) -> None:
    await _a_sta6(trial, **how)
    await trial.send(frames.release_rq())
    await _await_pdu(trial, "RP")


async def _a_sta7(trial: Trial, **how: Any) -> None:
    """An acceptor that asks for release: by itself, or made to by the command of its profile."""
    await _a_sta6(trial, **how)
    settings, release = trial.settings, trial.profile.release
    if release and (fault := await hooks.run(release, settings, trial.case.id, settings.trigger_seconds)):
        raise Undriven(fault)
    await _await_pdu(trial, "RLRQ", settings.trigger_seconds)


async def _a_sta10(trial: Trial, **how: Any) -> None:
    await _a_sta7(trial, **how)
    await trial.send(frames.release_rq())
    await trial.link.quiet(trial.settings.settle)


async def _a_sta12(trial: Trial, **how: Any) -> None:
    await _a_sta10(trial, **how)
    trial.prefix.append(frames.release_rp())


# ---- role R: we listen ----


async def _r_sta5(trial: Trial) -> None:
    await trial.open()


async def _r_sta6(trial: Trial, **how: Any) -> None:
    await _r_sta5(trial)
    await trial.send(acceptance(trial, **how))
    if not await _await(trial, lambda: bool(trial.track.messages)):
        raise Undriven(f"no request came after the A-ASSOCIATE-AC, but {_came(trial)}")


async def _r_sta7(trial: Trial, **how: Any) -> None:
    await _r_sta5(trial)
    await trial.send(acceptance(trial, **how))
    await serve(trial)


async def serve(trial: Trial, answered: int = 0) -> None:
    """Answer every request of a requestor with success, behind so many that were answered, until it asks for release.

    Raises:
        Undriven: it does not ask for it.
    """
    while answered < MOST_MESSAGES:
        track = trial.track
        more = await _await(trial, lambda: len(track.messages) > answered or _has(track.trace, "RLRQ"))  # noqa: B023  # awaited at once
        if not more:
            raise Undriven(f"no A-RELEASE-RQ came, but {_came(trial)}")
        for message in track.messages[answered:]:
            answered += 1
            await trial.link.send([commands.response(message.context_id, message.elements)])
        if _has(track.trace, "RLRQ"):
            return
    raise Undriven(f"the peer sent {MOST_MESSAGES} requests and no A-RELEASE-RQ")


async def _r_sta8(trial: Trial, **how: Any) -> None:
    await _r_sta6(trial, **how)
    trial.prefix.append(frames.release_rq())


async def _r_sta9(trial: Trial, **how: Any) -> None:
    await _r_sta7(trial, **how)
    trial.prefix.append(frames.release_rq())


async def _r_sta11(trial: Trial, **how: Any) -> None:
    await _r_sta7(trial, **how)
    await trial.send(frames.release_rq())
    await _await_pdu(trial, "RP")


async def _r_sta13(trial: Trial) -> None:
    await _r_sta5(trial)
    await trial.send(frames.release_rq())
    await _await_pdu(trial, "A")


_RECIPES: dict[tuple[str, str], Callable[..., Awaitable[None]]] = {
    ("A", "Sta2"): _a_sta2,
    ("A", "Sta3"): _a_sta3,
    ("A", "Sta6"): _a_sta6,
    ("A", "Sta8"): _a_sta8,
    ("A", "Sta13"): _a_sta13,
    ("A", "Sta7"): _a_sta7,
    ("A", "Sta10"): _a_sta10,
    ("A", "Sta12"): _a_sta12,
    ("R", "Sta5"): _r_sta5,
    ("R", "Sta6"): _r_sta6,
    ("R", "Sta7"): _r_sta7,
    ("R", "Sta8"): _r_sta8,
    ("R", "Sta9"): _r_sta9,
    ("R", "Sta11"): _r_sta11,
    ("R", "Sta13"): _r_sta13,
}


# ---- what is waited for on the way ----


async def _await(trial: Trial, condition: Callable[[], bool], seconds: float | None = None) -> bool:
    """Whether something came before the connection ended and in time."""
    track = trial.track
    await trial.link.until(lambda: condition() or track.closed, seconds or trial.settings.react)
    return condition()


async def _await_pdu(trial: Trial, kind: str, seconds: float | None = None) -> Seen:
    """The PDU that shows that a state is reached."""
    if not await _await(trial, lambda: _has(trial.track.trace, kind), seconds):
        raise Undriven(f"{kind} was due, but {_came(trial)}")
    return trial.track.pdus[-1]


def _has(trace: Sequence[Token], kind: str) -> bool:
    return any(token.kind == kind for token in trace)


def _came(trial: Trial) -> str:
    trace = tuple(trial.track.trace)
    return f"{text(trace)} came" if trace else "nothing came"
