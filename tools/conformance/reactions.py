"""Reaction sets: what is allowed after a stimulus, what is tolerated, and what fails by name.

An expectation is text, so that it can stand in a table of cases and be shown as it stands:

    A(2,1) | RSP(0000) | ~CLOSE [DIRTY] | x AC "taken as valid"

Alternatives stand between bars; the tokens of one come in their order. `~` tolerates: the word in brackets says as
what (ALT, LENIENT, INFO, DIRTY, EARLY). `x` fails, in the words that follow it. Names of sets stand for their
alternatives (`SETS`); `AA8 r6` is AA8 whose exact reason is 6. HOLD is that nothing comes and the connection stays.

What the actions of Table 9-10 show on the wire is read from the table (`oracle`); here stand only the variants of them
that are tolerated, which the table does not have.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from ...spec.values import value
from .results import CLOSINGS, REACTIONS, Closing, Reaction
from .tokens import Token, pattern

SETS = {
    "AA1": "A(0,*) | ~A(2,*) [ALT] | ~CLOSE [DIRTY]",
    "AA8": "A(2,0) | A(2,1) | A(2,2) | A(2,4) | A(2,5) | A(2,6) | ~A(0,*) [LENIENT] | ~CLOSE [DIRTY]",
    "AA2": "CLOSE",
    "AA3": "CLOSE",
    "AA6": "HOLD | ~CLOSE [EARLY]",
    "AA7": "A(*,*) | ~CLOSE [EARLY]",
    "REFUSE": "RJ(*) | A(*) | ~CLOSE [DIRTY]",
}
"""The sets of the catalogue. AA1: Table 9-9 words the source as service-user, though the cause is a PDU."""
TOLERATED = {
    "AA-1": "~A(2,*) [ALT] | ~CLOSE [DIRTY]",
    "AA-8": "~A(0,*) [LENIENT] | ~CLOSE [DIRTY]",
    "AA-6": "~CLOSE [EARLY]",
    "AA-7": "~CLOSE [EARLY]",
}
"""By action of Table 9-10: what a peer may show in its place."""
TOLERATED_OF_REQUESTOR = {"AR-2": "~A(0,*) [DIRTY]"}
"""The same of a requestor alone: PS3.7 A.5 has no acceptor that starts a release, so many do not know what to do."""

INEXACT = " (other reasons: not in strict mode)"
"""Behind the text of reactions of which some pass only because the mode is not strict."""

_EXACT = re.compile(r"(AA8) r([0-9/]+)")
_ALTERNATIVE = re.compile(r'(?P<mark>~|x )?\s*(?P<tokens>[^\["]+?)\s*(\[(?P<grade>[A-Z]+)\])?\s*("(?P<words>[^"]*)")?')


@value
class Alternative:
    """One way a peer may react."""

    tokens: tuple[Token, ...]
    """In order; empty is HOLD."""
    reaction: Reaction = Reaction.PASS
    closing: Closing = Closing.CLEAN
    why: str = ""
    """A remark, or the words of a failure."""
    strict_fault: str = ""
    """What strict mode has against it."""

    @property
    def rank(self) -> tuple[int, int, bool]:
        """From best to worst."""
        return REACTIONS.index(self.reaction), CLOSINGS.index(self.closing), bool(self.strict_fault)

    def __str__(self) -> str:
        words = ", ".join(map(str, self.tokens)) or "HOLD"
        if self.reaction is Reaction.FAIL:
            return f'x {words} "{self.why}"' if self.why else f"x {words}"
        grade = self.closing if self.closing is not Closing.CLEAN else self.reaction
        return words if grade is Reaction.PASS else f"~{words} [{grade}]"


@value
class Reactions:
    """All the ways, best first."""

    alternatives: tuple[Alternative, ...]

    @classmethod
    def of(cls, alternatives: Iterable[Alternative]) -> "Reactions":
        """In order, each trace once, in its best grade."""
        best: dict[tuple[Token, ...], Alternative] = {}
        for each in sorted(alternatives, key=lambda each: each.rank):
            best.setdefault(each.tokens, each)
        return cls(tuple(best.values()))

    def __or__(self, other: "Reactions") -> "Reactions":
        return Reactions.of((*self.alternatives, *other.alternatives))

    def __str__(self) -> str:
        exact = " | ".join(str(each) for each in self.alternatives if not each.strict_fault)
        return exact + INEXACT if self.inexact else exact

    @property
    def inexact(self) -> bool:
        """Whether some pass only because the mode is not strict."""
        return any(each.strict_fault for each in self.alternatives)


def tolerated(action: str, *, requestor: bool) -> tuple[Alternative, ...]:
    """What a peer may show in the place of an action."""
    text = TOLERATED.get(action) or (TOLERATED_OF_REQUESTOR.get(action) if requestor else None)
    return parse(text).alternatives if text else ()


@cache
def parse(text: str) -> Reactions:
    """Reactions from their notation.

    Raises:
        ValueError: it is not notation.
    """
    found: list[Alternative] = []
    for part in _expanded(text).split("|"):
        match = _ALTERNATIVE.fullmatch(part.strip())
        if match is None:
            raise ValueError(f"{part.strip()!r} in {text!r} is no alternative")
        found.append(_alternative(match))
    exact = _EXACT.search(text)
    return Reactions.of(_exactly(found, exact[2]) if exact else found)


def _expanded(text: str) -> str:
    """The names of sets replaced by what they stand for."""
    text = _EXACT.sub(r"\1", text)
    return re.sub(r"\b(AA[1-9]|REFUSE)\b", lambda name: SETS[name[0]], text)


def _alternative(match: re.Match[str]) -> Alternative:
    words = [word for word in re.split(r",\s*(?![^(]*\))", match["tokens"]) if word.strip() != "HOLD"]
    tokens = tuple(pattern(word) for word in words)
    why = match["words"] or ""
    if match["mark"] == "x ":
        return Alternative(tokens, Reaction.FAIL, why=why)
    grade = match["grade"] or ("ALT" if match["mark"] else "PASS")
    if grade in Closing.__members__:
        return Alternative(tokens, Reaction.ALT if grade == "DIRTY" else Reaction.PASS, Closing[grade], why)
    return Alternative(tokens, Reaction[grade], why=why)


def _exactly(alternatives: Iterable[Alternative], reasons: str) -> list[Alternative]:
    """Mark the aborts whose reason is another than the one the clause asks for."""
    wanted = {int(reason) for reason in reasons.split("/")}
    return [inexact(each, wanted) for each in alternatives]


def inexact(alternative: Alternative, wanted: Iterable[int]) -> Alternative:
    """The alternative, with what strict mode has against the reason of a provider's abort in it."""
    for token in alternative.tokens:
        if token.kind == "A" and token.values[:1] == (2,) and token.values[1] not in (None, *wanted):
            words = "/".join(map(str, sorted(wanted)))
            return replace(alternative, strict_fault=f"reason {token.values[1]} where {words} is exact (Table 9-26)")
    return alternative
