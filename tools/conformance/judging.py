"""Compares a trace with reactions, on the two axes of the catalogue (2.3).

What may follow an expected reaction is settled here once: behind an A-ABORT more A-ABORTs (AA-7) up to a limit and the
close; behind an A-ASSOCIATE-RJ or A-RELEASE-RP the close, which is early before the tester closes; behind anything else
a close is dirty, because no release or abort came first. A bare close is never an abort.
"""

from collections.abc import Sequence

from ...spec.values import value
from .reactions import Alternative, Reactions
from .results import CLOSINGS, Closing, Exchange, Health, Level, Outcome, Reaction
from .tokens import Token, text


@value
class Judgement:
    """What a trace is worth."""

    reaction: Reaction
    closing: Closing = Closing.CLEAN
    why: str = ""
    strict_fault: str = ""

    @property
    def good(self) -> bool:
        """Whether one of the allowed reactions has come."""
        return self.reaction not in (Reaction.FAIL, Reaction.SILENT)


def judge(reactions: Reactions, trace: Sequence[Token], most_aborts: int) -> Judgement:
    """The best alternative that a whole trace fits, or why none does."""
    aborts = sum(token.kind == "A" for token in trace)
    if aborts > most_aborts:
        return Judgement(Reaction.FAIL, why=f"{aborts} A-ABORTs, {most_aborts} at most")
    fitting = [(each, closing) for each in reactions.alternatives if (closing := _fit(each, trace)) is not None]
    for alternative, _ in fitting:
        if alternative.reaction is Reaction.FAIL:
            return Judgement(Reaction.FAIL, why=alternative.why or f"{text(tuple(trace))} is ruled out")
    for alternative, closing in fitting:
        worse = max(alternative.closing, closing, key=CLOSINGS.index)
        return Judgement(alternative.reaction, worse, alternative.why, alternative.strict_fault)
    if not trace:
        return Judgement(Reaction.SILENT, why="nothing came, and the connection stayed open")
    return Judgement(Reaction.FAIL, why=f"{text(tuple(trace))} is none of the reactions allowed")


def hopeless(reactions: Reactions, trace: Sequence[Token]) -> bool:
    """Whether nothing that may still come can make a trace fit."""
    return not any(_begins(each, trace) or _fit(each, trace) is not None for each in reactions.alternatives)


def settled(reactions: Reactions, trace: Sequence[Token]) -> bool:
    """Whether a trace is a whole reaction already, so that only quiet is waited for."""
    return any(_fit(each, trace) is not None for each in reactions.alternatives)


def _begins(alternative: Alternative, trace: Sequence[Token]) -> bool:
    tokens = alternative.tokens
    return len(trace) < len(tokens) and all(map(Token.matches, tokens, trace))


def _fit(alternative: Alternative, trace: Sequence[Token]) -> Closing | None:
    """How the connection ended, where a trace is this alternative and what may follow it."""
    tokens = alternative.tokens
    if len(trace) < len(tokens) or not all(map(Token.matches, tokens, trace)):
        return None
    rest = list(trace[len(tokens) :])
    last = trace[len(tokens) - 1].kind if tokens else "HOLD"
    while last == "A" and rest and rest[0].kind == "A":
        rest.pop(0)
    if not rest:
        return Closing.CLEAN
    if len(rest) > 1 or rest[0].kind != "CLOSE" or last in ("HOLD", "CLOSE"):
        return None
    return {"A": Closing.CLEAN, "RJ": Closing.EARLY, "RP": Closing.EARLY}.get(last, Closing.DIRTY)


def outcome(exchanges: Sequence[Exchange], level: Level, health: Health, *, strict: bool, robust: bool) -> Outcome:
    """What becomes of a case: the worst of its exchanges, and never passed when the peer is not well (2.3, 2.4).

    Args:
        exchanges: of the case.
        level: of the case.
        health: of the peer afterwards.
        strict: S fails too, and LENIENT, DIRTY and inexact reasons.
        robust: whether it is a case that counts for robustness.
    """
    if any(each.error for each in exchanges):
        return Outcome.ERROR
    if exchanges and all(each.skipped for each in exchanges):
        return Outcome.SKIPPED
    if any(each.undriven for each in exchanges):
        return Outcome.UNDRIVEN
    if health in (Health.BLOCKED, Health.DEAD):
        return Outcome.FAILED
    binding = level is Level.M or robust or (strict and level is Level.S)
    worst = max((_severity(each, strict=strict) for each in exchanges), default=0)
    worst = 2 if health is Health.GROWTH else worst
    if worst == 2 and binding:
        return Outcome.FAILED
    return Outcome.TOLERATED if worst or health is Health.SLOW else Outcome.PASSED


def _severity(exchange: Exchange, *, strict: bool) -> int:
    """0 passes, 1 is tolerated, 2 fails where the level is binding."""
    if exchange.reaction in (Reaction.FAIL, Reaction.SILENT) or exchange.closing is Closing.LEAK:
        return 2
    if exchange.reaction is Reaction.LENIENT or exchange.closing is Closing.DIRTY or (strict and exchange.strict_fault):
        return 2 if strict else 1
    return 0
