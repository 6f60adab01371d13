"""A result for each always-on assertion, of all the conversations of a run: in which cases it was broken, and how.

What is broken in an exchange stands there too (`Exchange.findings`), and does not make its case fail: a case is judged
by its reaction, an assertion by everything.
"""

from collections.abc import Iterable, Iterator, Sequence

from ..case import Case
from ..results import Exchange, Outcome, Reaction, Result

SHOWN = 5
"""Exchanges that are shown of those that broke a rule; of the others the ids stand in the reason."""


def heard(results: Iterable[Result], role: str) -> Iterator[tuple[str, Exchange]]:
    """Every exchange that took place in a role, with the case it is of."""
    for result in results:
        if result.role == role and result.outcome is not Outcome.SKIPPED:
            for exchange in result.exchanges:
                yield result.id, exchange


def fill(result: Result, conversations: Sequence[tuple[str, Exchange]]) -> None:
    """Give the result of a rule its exchanges: those where it was broken, else one that says how much was heard."""
    broken = [(id_, each) for id_, each in conversations if any(found.id == result.id for found in each.findings)]
    result.exchanges = [_shown(result, id_, each) for id_, each in _worst_first(result.id, broken)[:SHOWN]]
    if not broken:
        words = f"held in {len(conversations)} exchanges"
        result.exchanges = [Exchange(expected=result.title, why=words)]


def sign(result: Result, conversations: Sequence[tuple[str, Exchange]]) -> None:
    """Say in which cases it was broken: that is how the rule failed, and what a baseline compares."""
    ids = dict.fromkeys(id_ for id_, each in conversations if any(found.id == result.id for found in each.findings))
    result.signature = ", ".join(ids)
    if ids:
        result.reason = f"in {len(ids)} cases: {result.signature}"


def _worst_first(rule: str, broken: list[tuple[str, Exchange]]) -> list[tuple[str, Exchange]]:
    return sorted(broken, key=lambda pair: all(found.strict for found in pair[1].findings if found.id == rule))


def _shown(result: Result, id_: str, exchange: Exchange) -> Exchange:
    """An exchange as the rule sees it."""
    found = [each for each in exchange.findings if each.id == result.id]
    words = "; ".join(dict.fromkeys(each.what for each in found))
    only_strict = all(each.strict for each in found)
    return Exchange(
        label=f"{id_} {exchange.label}".strip(),
        expected=result.title,
        reaction=Reaction.PASS if only_strict else Reaction.FAIL,
        why="" if only_strict else words,
        strict_fault=words if only_strict else "",
        states=exchange.states,
        stimulus_at=exchange.stimulus_at,
        events=exchange.events,
        findings=tuple(found),
    )


def is_rule(case: Case) -> bool:
    """Whether a case is no conversation of its own, but an assertion about all of them."""
    return case.section == "EM"
