"""`dulcet conformance list` and `explain`: what the cases are, without a peer."""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterable, Sequence

from ..pdu_text import hexdump
from . import rehearsal
from .case import Case, registry
from .exits import Exit
from .results import Exchange
from .selecting import SelectorError, select


def main(argv: Sequence[str]) -> int:
    """Either command."""
    return _list(argv[1:]) if argv[0] == "list" else _explain(argv[1:])


def _list(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser("dulcet conformance list", description="List cases.", allow_abbrev=False)
    parser.add_argument("selectors", nargs="*", metavar="SELECTOR", help="which ones; all when none is given")
    parser.add_argument("--json", action="store_true", help="as a JSON array")
    options = parser.parse_args(argv)
    try:
        cases = chosen(options.selectors)
    except SelectorError as error:
        print(f"dulcet conformance list: {error}", file=sys.stderr)
        return Exit.USAGE
    print(json.dumps([record(each) for each in cases], indent=2) if options.json else text(cases))
    return Exit.PASSED


def chosen(selectors: Sequence[str], roles: str = "AR") -> list[Case]:
    """Of all packs and the roles given, in the order of the catalogue.

    Raises:
        SelectorError: a selector means nothing.
    """
    everything = registry().values()
    found = {each.id for role in roles for each in select(everything, selectors, role=role, slow=True, robust=True)}
    return [each for each in everything if each.id in found]


def text(cases: Iterable[Case]) -> str:
    """A line a case, and how many there are."""
    cases = list(cases)
    lines = [
        f"{each.id:<12} {'+'.join(each.roles):<4} {each.level}  {each.clauses[0]:<22} {each.title}"
        + (f"  ({len(each.variants)} variants)" if len(each.variants) > 1 else "")
        + (f"  [{', '.join(each.tags)}]" if each.tags else "")
        for each in cases
    ]
    return "\n".join([*lines, f"{len(cases)} cases, {sum(len(each.variants) for each in cases)} exchanges"])


def record(case: Case) -> dict[str, object]:
    """A case as JSON has it: everything but its script."""
    names = ("id", "slug", "title", "roles", "level", "clauses", "states", "events", "tags", "needs", "why")
    return {name: getattr(case, name) for name in names} | {
        "expected": case.allowed,
        "variants": [*filter(None, case.variants)],
    }


def _explain(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser("dulcet conformance explain", description="Explain a case.", allow_abbrev=False)
    parser.add_argument("id", metavar="ID", help="the case")
    options = parser.parse_args(argv)
    case = registry().get(options.id.upper())
    if case is None:
        print(f"dulcet conformance explain: there is no case {options.id}", file=sys.stderr)
        return Exit.USAGE
    print("\n".join(explanation(case)))
    return Exit.PASSED


def explanation(case: Case) -> list[str]:
    """A case in lines: what it asks, what is sent to whom it meets, what is allowed."""
    lines = [
        f"{case.id}  {case.title}",
        f"  roles    {', '.join({'A': 'acceptor', 'R': 'requestor'}[role] for role in case.roles)}",
        f"  level    {case.level}",
        f"  clauses  {'; '.join(case.clauses)}",
    ]
    if case.states or case.events:
        lines.append(f"  cells    {' in '.join(filter(None, map(' '.join, (case.events, case.states))))}")
    lines.append(f"  expected {case.allowed}")
    if case.tags:
        lines.append(f"  tags     {', '.join(case.tags)}")
    if case.why:
        lines.append(f"  why      {case.why}")
    for role in case.roles:
        for exchange in asyncio.run(rehearsal.rehearse(case, role)):
            lines += _rehearsed(role, exchange)
    return lines


def _rehearsed(role: str, exchange: Exchange) -> list[str]:
    head = f"as {'acceptor' if role == 'A' else 'requestor'}" + (f", {exchange.label}" if exchange.label else "")
    lines = ["", f"  {head}; allowed: {exchange.expected or 'see above'}"]
    for event in exchange.events:
        if event.kind == "sent" and event.at >= exchange.stimulus_at:
            lines.append(f"  sent: {event.words}, {event.length} bytes")
            lines += hexdump(0, event.data[: rehearsal.SHOWN])
    return lines
