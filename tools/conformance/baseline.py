"""`dulcet conformance baseline`, and `--baseline FILE`: what a peer is expected to fail, and in which manner.

    # somepeer-1.2.3.xfail.toml
    ["RQ-02"]
    verdict  = "FAIL"
    reaction = "RJ(1,2,2)"
    why      = "tests the whole field, not bit 0"
    link     = "https://..."
    until    = 2026-12-31

The manner must match: a failure whose verdict or reaction is another is DRIFT. A case that does not fail any more is
XPASS, and fails the run, so that the file cannot rot. After the day of `until` an entry excuses nothing. "RQ-02/R" is
an entry of one role only. (Catalogue 4.6.)
"""

import argparse
import datetime
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path

from ...spec.values import value
from ..exit_codes import ExitCode, Failure
from .case import registry
from .exits import Exit, exit_code
from .reports.json_report import load as load_run
from .results import Expectation, Outcome, Result, RunResult


@value
class Entry:
    """An expected failure."""

    verdict: str
    reaction: str
    """The signature, in the notation of `tokens`."""
    why: str = ""
    link: str = ""
    until: datetime.date | None = None
    """The last day it holds."""


Entries = Mapping[str, Entry]
"""By id, or id and role: "RQ-02", "RQ-02/R"."""
_NAMES = tuple(each.name for each in fields(Entry))
_UNJUDGED = (Outcome.SKIPPED, Outcome.UNDRIVEN, Outcome.ERROR)


def load(path: str | Path) -> dict[str, Entry]:
    """Read a baseline.

    Raises:
        Failure: it cannot be read, or has what is no entry.
    """
    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        return {key: _entry(key, found) for key, found in document.items()}
    except (OSError, ValueError) as error:
        raise Failure(ExitCode.USAGE, f"{path}: {error}") from None


def _entry(key: str, found: object) -> Entry:
    if not isinstance(found, dict) or not {"verdict", "reaction"} <= set(found) <= set(_NAMES):
        raise ValueError(f"{key} is no entry: verdict and reaction, and why, link, until where wanted")
    until = found.get("until")
    if until is not None and not (isinstance(until, datetime.date) and not isinstance(until, datetime.datetime)):
        raise ValueError(f"{key}: until is a date without quotes, as 2026-12-31")
    words = [name for name in _NAMES if name != "until" and not isinstance(found.get(name, ""), str)]
    if words:
        raise ValueError(f"{key}: {words[0]} is a text in quotes")
    return Entry(**found)


def compare(result: Result, entries: Entries, today: datetime.date) -> None:
    """Write into a result what the baseline says to it."""
    entry = entries.get(f"{result.id}/{result.role}") or entries.get(result.id)
    if entry is None or result.outcome in _UNJUDGED:
        return
    result.expected_why = " ".join(filter(None, (entry.why, entry.link)))
    result.expectation = _expectation(result, entry, today)
    if result.expectation is Expectation.DRIFT:
        was = f"expected {entry.verdict} {entry.reaction}"
        result.expected_why = "; ".join(filter(None, (was, result.expected_why)))


def _expectation(result: Result, entry: Entry, today: datetime.date) -> Expectation:
    if result.outcome is not Outcome.FAILED:
        return Expectation.XPASS
    if entry.until is not None and today > entry.until:
        return Expectation.EXPIRED
    same = (result.verdict, result.signature) == (entry.verdict, entry.reaction)
    return Expectation.XFAIL if same else Expectation.DRIFT


def updated(entries: Entries, run: RunResult) -> dict[str, Entry]:
    """The baseline after a run: what failed is expected as it failed, what did not is not, the rest stays."""
    found = dict(entries)
    for result in run.results:
        if result.outcome in _UNJUDGED:
            continue
        key = key_of(result)
        known = found.pop(key, None) or entries.get(result.id)
        if result.outcome is Outcome.FAILED:
            known = known or Entry("", "")
            found[key] = replace(known, verdict=result.verdict, reaction=result.signature)
    return dict(sorted(found.items()))


def key_of(result: Result) -> str:
    """The id, with the role where the case exists in both."""
    case = registry().get(result.id)
    return f"{result.id}/{result.role}" if case is not None and len(case.roles) > 1 else result.id


def text(entries: Entries) -> str:
    """A baseline as its file."""
    lines = ["# Failures that are expected; `dulcet conformance baseline` made this."]
    for key, entry in entries.items():
        lines += ["", f"[{json.dumps(key)}]", *_rows(entry)]
    return "\n".join(lines) + "\n"


def _rows(entry: Entry) -> Iterator[str]:
    for name in _NAMES:
        value = getattr(entry, name)
        if isinstance(value, datetime.date):
            yield f"{name:<8} = {value.isoformat()}"
        elif value:
            yield f"{name:<8} = {json.dumps(value, ensure_ascii=False)}"


# ---- the command ----


def main(argv: Sequence[str]) -> int:
    """`baseline update` and `baseline check`."""
    parser = argparse.ArgumentParser(
        "dulcet conformance baseline",
        description="Expected failures of a peer: update writes them from runs, check compares runs with them.",
        allow_abbrev=False,
    )
    parser.add_argument("what", choices=["update", "check"])
    parser.add_argument("baseline", metavar="PEER.xfail.toml")
    parser.add_argument("runs", metavar="RUN.json", nargs="+", help="JSON reports")
    options = parser.parse_args(argv[1:])
    runs = [load_run(path) for path in options.runs]
    return (_update if options.what == "update" else _check)(Path(options.baseline), runs)


def _update(path: Path, runs: Sequence[RunResult]) -> int:
    old = load(path) if path.exists() else {}
    new = dict(old)
    for run in runs:
        new = updated(new, run)
    try:
        path.write_text(text(new), encoding="utf-8")
    except OSError as error:
        raise Failure(ExitCode.USAGE, f"{path}: {error.strerror or error}") from None
    for sign, keys in (("+", new.keys() - old.keys()), ("-", old.keys() - new.keys()), ("~", _changed(old, new))):
        for key in sorted(keys):
            entry = new.get(key) or old[key]
            print(f"{sign} {key:<12} {entry.verdict} {entry.reaction}")
    print(f"{path}: {len(new)} expected failures")
    return Exit.PASSED


def _changed(old: Entries, new: Entries) -> set[str]:
    return {key for key in old.keys() & new.keys() if old[key] != new[key]}


def _check(path: Path, runs: Sequence[RunResult]) -> int:
    entries, today = load(path), datetime.date.today()
    worst = Exit.PASSED
    for run in runs:
        for result in run.results:
            result.expectation, result.expected_why = Expectation.NONE, ""
            compare(result, entries, today)
            if line := _told(result):
                print(line)
        worst = min((worst, exit_code(run)), key=_worst_first)
    return worst


def _worst_first(code: Exit) -> int:
    return (Exit.TESTER_ERROR, Exit.UNREACHABLE, Exit.PEER_DOWN, Exit.FAILED, Exit.DRIFT, Exit.PASSED).index(code)


def _told(result: Result) -> str:
    if result.outcome is not Outcome.FAILED and result.expectation is Expectation.NONE:
        return ""
    word = str(result.expectation) or "NEW"
    return (
        f"{word:<8}{result.id:<12} {result.role}  {result.verdict} {result.signature}  {result.expected_why}".rstrip()
    )
