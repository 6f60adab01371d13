"""Selectors: which cases are wanted (catalogue 2.5).

An id (`PD-18`), a glob (`S-A-*`), a clause with all below it (`ps3.8/9.3.5`), a state (`sta6`), an event (`evt19`), a
level (`level:M`), a tag (`tag:smoke`), and any of them denied (`!tag:slow`). Selectors of one kind widen, of different
kinds narrow: `PD-* RL-* sta6 level:M` is what of PD and RL is about Sta6 and binding. Cases that wait for timers and
those of robustness are left out unless they are asked for, by an option or by name.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from zlib import crc32

from .case import TAGS, Case

Test = Callable[[Case], bool]
_NAMED = ("id", "tag")
"""Kinds that ask for cases by name, whatever their pack."""


class SelectorError(ValueError):
    """A selector that means nothing."""


def clause_key(clause: str) -> str:
    """A clause as selectors write it: "PS3.8 Table 9-26" is "ps3.8/t9-26"."""
    return re.sub(r" n\d.*$", "", clause.lower()).replace("table ", "t").replace(" ", "/")


def select(cases: Iterable[Case], selectors: Sequence[str], *, role: str, slow: bool, robust: bool) -> list[Case]:
    """The cases wanted in a role, in their order.

    Raises:
        SelectorError: a selector means nothing, or an id is unknown.
    """
    everything = list(cases)
    wanted: dict[str, list[Test]] = {}
    denied: list[Test] = []
    for selector in selectors:
        kind, test = _test(selector.removeprefix("!"), everything)
        if selector.startswith("!"):
            denied.append(test)
        else:
            wanted.setdefault(kind, []).append(test)
    named = [test for kind in _NAMED for test in wanted.get(kind, ())]

    def chosen(each: Case) -> bool:
        in_pack = (slow or "slow" not in each.tags) and (robust or "robust" not in each.tags)
        return (
            role in each.roles
            and (in_pack or any(test(each) for test in named))
            and all(any(test(each) for test in tests) for tests in wanted.values())
            and not any(test(each) for test in denied)
        )

    return [each for each in everything if chosen(each)]


def shard(cases: Iterable[Case], part: tuple[int, int]) -> list[Case]:
    """The K-th of N parts, in their order: by a hash of the id, so that a case stays in its part when others are added.

    Args:
        cases: all of them.
        part: K and N, K from 1.
    """
    return [each for each in cases if crc32(each.id.encode()) % part[1] == part[0] - 1]


def _test(selector: str, cases: Sequence[Case]) -> tuple[str, Test]:
    """The kind of a selector, and whom it means."""
    word = selector.lower()
    if word.startswith("tag:"):
        if (tag := word.removeprefix("tag:")) not in TAGS:
            raise SelectorError(f"{selector}: tags are {', '.join(TAGS)}")
        return "tag", lambda each: tag in each.tags
    if word.startswith("level:"):
        if (level := selector[6:].upper()) not in ("M", "S", "I"):
            raise SelectorError(f"{selector}: levels are M, S and I")
        return "level", lambda each: each.level == level
    if found := re.fullmatch(r"(sta|evt)(\d+)", word):
        return _by_cell(selector, found[1].capitalize(), int(found[2]))
    if word.startswith("ps3."):
        return "clause", _by_clause(selector, cases)
    return "id", _by_id(selector.upper(), cases)


def _by_cell(selector: str, axis: str, number: int) -> tuple[str, Test]:
    """By a state or an event of Table 9-10, whether its number is written with a zero in front or not."""
    kind, last = ("state", 13) if axis == "Sta" else ("event", 19)
    if not 1 <= number <= last:
        raise SelectorError(f"{selector}: {kind}s are {axis}1 to {axis}{last} (PS3.8 Table 9-10)")
    name = f"{axis}{number}"
    return kind, lambda each: name in (each.states if axis == "Sta" else each.events)


def _by_clause(selector: str, cases: Sequence[Case]) -> Test:
    word = selector.lower()

    def test(each: Case) -> bool:
        return any(_below(clause, word) for clause in each.clauses)

    if not any(map(test, cases)):
        raise SelectorError(f"{selector}: no case is about this clause (dulcet conformance list)")
    return test


def _below(clause: str, selector: str) -> bool:
    key = clause_key(clause)
    return key == selector or key.startswith((selector + ".", selector + "/"))


def _by_id(glob: str, cases: Sequence[Case]) -> Test:
    ids = [each.id for each in cases]
    if not any(fnmatchcase(each, glob) for each in ids):
        near = difflib.get_close_matches(glob, ids, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise SelectorError(f"{glob}: no case has this id{hint} (dulcet conformance list)")
    return lambda each: fnmatchcase(each.id, glob)
