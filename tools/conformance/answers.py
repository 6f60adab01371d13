"""What an A-ASSOCIATE-AC says (PS3.8 9.3.3), looked at piece by piece: for cases whose verdict lies inside the PDU.

`asks` registers a case of data: an A-ASSOCIATE-RQ, the reactions allowed, and, where an A-ASSOCIATE-AC is what comes,
what must be found in it. A look is a function of an `Answer`; it fails the trial or lowers its grade. The order of
results is never looked at, because nobody may rely on one (PS3.8 7.1.1.14).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from .case import case
from .reading import Seen, cut_items, read
from .results import Reaction

if TYPE_CHECKING:
    from .trial import Trial


class Context(NamedTuple):
    """A presentation context item of an A-ASSOCIATE-AC as it stands (Table 9-18)."""

    id: int
    result: int
    transfer_syntaxes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """An A-ASSOCIATE-RQ of the tester, and the A-ASSOCIATE-AC that came for it."""

    trial: "Trial"
    asked: Seen
    ac: Seen

    @property
    def contexts(self) -> list[Context]:
        """Its contexts, in its order, each as often as it stands there."""
        items = [item.value for item in self.ac.items if item.type == 0x21 and len(item.value) >= 4]
        return [
            Context(value[0], value[2], tuple(sub.value for sub in cut_items(value[4:]) if sub.type == 0x40))
            for value in items
        ]

    def context(self, context_id: int) -> Context:
        """The one with an ID; the trial fails where it is missing."""
        found = [each for each in self.contexts if each.id == context_id]
        self.trial.check(bool(found), f"context {context_id} was proposed, and has no result (PS3.8 7.1.1.14)")
        return found[0]

    def sub_items(self, *types: int) -> list[bytes]:
        """The values of the sub-items of its user information of these types."""
        return [sub.value for sub in self.ac.user_items if sub.type in types]


Look = Callable[[Answer], None]


async def ask(trial: "Trial", request: bytes, allowed: str = "") -> Answer | None:
    """Send an A-ASSOCIATE-RQ on a new connection and judge the reaction; the answer where it is an acceptance.

    Raises:
        Stop: the reaction is not allowed.
        Undriven: there is no connection.
    """
    await trial.open()
    await trial.send(request)
    await trial.expect(allowed)
    ac = next((pdu for pdu in trial.track.pdus if pdu.type == 0x02), None)
    return None if ac is None else Answer(trial, read(request), ac)


def asks(
    id_: str,
    title: str,
    send: Callable[["Trial"], bytes],
    expected: str,
    *looks: Look,
    clause: str | Iterable[str],
    level: str = "M",
    event: str = "Evt6",
    **more: object,
) -> None:
    """Register a case: an A-ASSOCIATE-RQ in Sta2, the reaction, and what is looked for in an A-ASSOCIATE-AC."""

    async def script(trial: "Trial") -> None:
        answer = await ask(trial, send(trial))
        if answer is not None:
            for look in looks:
                look(answer)

    events = (event,) if event else ()
    more = {"states": ("Sta2",), "events": events, "expected": expected, **more}
    case(id_, title, roles="A", level=level, clause=clause, **more)(script)


REFUSED = "REFUSE | ~AC [LENIENT]"
"""To what a sender shall not send, where no clause names the answer."""


def breaches(
    id_: str, title: str, send: Callable[["Trial"], bytes], *looks: Look, clause: str | Iterable[str], **more: object
) -> None:
    """Register a case of what a sender shall not send: any refusal is right, and accepting it is lenient."""
    given = {"level": "S", "event": "", **more}
    asks(id_, title, send, REFUSED, *looks, clause=clause, **given)  # type: ignore[arg-type]  # names of keywords


# ---- looks ----


def gives(context_id: int, *results: int) -> Look:
    """The first of these results for a context; the others are allowed too, and anything else is wrong."""

    def look(answer: Answer) -> None:
        result = answer.context(context_id).result
        wanted = " or ".join(map(str, results))
        answer.trial.check(result in results, f"result {result} for context {context_id}, {wanted} is due (Table 9-18)")
        if result != results[0]:
            answer.trial.grade(Reaction.ALT, f"result {result} for context {context_id}, where {results[0]} is exact")

    return look


def refuses(context_id: int, why: str, grade: Reaction = Reaction.LENIENT) -> Look:
    """A context that should not be accepted: if it is, that is lenient, or what else it is graded as."""

    def look(answer: Answer) -> None:
        if answer.context(context_id).result == 0:
            answer.trial.grade(grade, why)

    return look


def invents_no_context(answer: Answer) -> None:
    """No context comes back that was not proposed (PS3.8 7.1.1.14)."""
    invented = sorted({each.id for each in answer.contexts} - set(answer.asked.proposals))
    answer.trial.check(not invented, f"results for contexts {invented}, which were never proposed")


def has_none(*types: int, why: str) -> Look:
    """No user sub-item of these types."""

    def look(answer: Answer) -> None:
        found = [f"{item.type:02X}H" for item in answer.ac.user_items if item.type in types]
        answer.trial.check(not found, f"{', '.join(found)} in the A-ASSOCIATE-AC: {why}")

    return look
