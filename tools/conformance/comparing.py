"""`dulcet conformance diff`: what differs between two runs, of one peer at two times or of two peers.

A regression is a case that fails in the second run and did not in the first. The manner is compared too, except of what
passes: two right answers to a race are no difference. (Catalogue 4.3.)
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .exits import Exit
from .reports.json_report import load
from .results import Outcome, Result, RunResult

JUDGED = (Outcome.PASSED, Outcome.TOLERATED, Outcome.FAILED)
"""From best to worst; the other outcomes say nothing about the peer."""
KINDS = {
    "REGRESSION": "fails now",
    "WORSE": "is only tolerated now",
    "DRIFT": "comes out the same, in another manner",
    "UNJUDGED": "is not judged any more",
    "BETTER": "passes now",
    "FIXED": "does not fail any more",
    "NEW": "is judged now",
}
"""What may have changed, from worst to best, and in words."""
_DRIFTS = ("WORSE", "DRIFT", "UNJUDGED")


@dataclass(frozen=True, slots=True)
class Change:
    """A case that came out differently."""

    kind: str
    """One of `KINDS`."""
    id: str
    role: str
    title: str
    then: str
    """Verdict and reaction in the first run, or why there is none."""
    now: str


def changes(first: RunResult, second: RunResult) -> list[Change]:
    """All of them, the worst first, then in the order of the first run."""
    before = {(each.id, each.role): each for each in first.results}
    after = {(each.id, each.role): each for each in second.results}
    found = []
    for key in dict.fromkeys([*before, *after]):
        then, now = before.get(key), after.get(key)
        if (kind := _kind(then, now)) and (known := now or then) is not None:
            found.append(Change(kind, *key, known.title, _words(then), _words(now)))
    return sorted(found, key=lambda each: list(KINDS).index(each.kind))


def _kind(then: Result | None, now: Result | None) -> str:
    was = then is not None and then.outcome in JUDGED
    is_ = now is not None and now.outcome in JUDGED
    if then is None or now is None or not (was and is_):
        return "UNJUDGED" if was else "NEW" if is_ else ""
    if then.outcome is now.outcome:
        same = (then.verdict, then.signature) == (now.verdict, now.signature)
        return "" if same or now.outcome is Outcome.PASSED else "DRIFT"
    if now.outcome is Outcome.FAILED:
        return "REGRESSION"
    if then.outcome is Outcome.FAILED:
        return "FIXED"
    return "WORSE" if now.outcome is Outcome.TOLERATED else "BETTER"


def _words(result: Result | None) -> str:
    if result is None:
        return "not run"
    reason = result.reason.strip().splitlines()
    seen = result.signature if result.outcome in JUDGED else reason[-1] if reason else ""
    return f"{result.verdict or result.outcome} {seen}".strip()


def exit_code(found: Sequence[Change]) -> Exit:
    """1 for regressions, 6 for what only drifted, 0 for what did not or for the better."""
    if any(each.kind == "REGRESSION" for each in found):
        return Exit.FAILED
    return Exit.DRIFT if any(each.kind in _DRIFTS for each in found) else Exit.PASSED


# ---- the command ----


def main(argv: Sequence[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        "dulcet conformance diff",
        description="What differs between two runs; ends with 1 when a case fails that did not.",
        allow_abbrev=False,
    )
    parser.add_argument("first", metavar="A.json", help="JSON report")
    parser.add_argument("second", metavar="B.json", help="another")
    options = parser.parse_args(argv[1:])
    first, second = load(options.first), load(options.second)
    found = changes(first, second)
    print("\n".join(lines(first, second, found)))
    return exit_code(found)


def lines(first: RunResult, second: RunResult, found: Sequence[Change]) -> Iterator[str]:
    """What is printed."""
    yield f"A  {first.peer}  {first.started}  {first.program}"
    yield f"B  {second.peer}  {second.started}  {second.program}"
    for kind, words in KINDS.items():
        own = [each for each in found if each.kind == kind]
        if own:
            yield f"\n{kind}: {len(own)} {words}"
        for each in own:
            yield f"  {each.id:<12} {each.role}  {each.title}"
            yield f"  {'':<12}    {each.then}  ->  {each.now}"
    if not found:
        yield "\nno difference"
