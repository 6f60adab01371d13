"""What was overheard, for people and as JSON: which associations, how they went, and who broke what where."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from .exits import Exit
from .overhearing import Overheard, Side, Step, counts

SCHEMA_VERSION = 1
"""Of the JSON form; grows when a field changes its meaning or goes."""
MOST_ARROWS = 40
"""Of an association that broke something; the JSON form has more."""
WIDTH = 40
_NAMES = {"R": "requestor", "A": "acceptor"}


def text(associations: Sequence[Overheard], notes: Iterable[str], *, strict: bool, verbose: bool) -> str:
    """The report in lines."""
    lines: list[str] = []
    for number, each in enumerate(associations, 1):
        lines += _association(number, each, verbose=verbose)
    lines += [f"note: {note}" for note in notes]
    return "\n".join([*lines, _total(associations, strict=strict)])


def summary(each: Overheard, *, strict: bool) -> str:
    """An association in a line."""
    rules = {broken.rule: None for side in each.sides for broken in side.broken if counts(broken, strict=strict)}
    broke = f"; broken: {', '.join(rules)}" if rules else ""
    return f"{_side(each.requestor)} -> {_side(each.acceptor)}: {each.outcome}{broke}"


def _association(number: int, each: Overheard, *, verbose: bool) -> Iterator[str]:
    at = datetime.fromtimestamp(each.began, UTC).isoformat(sep=" ", timespec="milliseconds")
    yield f"{number}  {at}  {_side(each.requestor)} -> {_side(each.acceptor)}"
    sent = ", ".join(f"{_NAMES[side.role]} {side.pdus} PDUs {side.sent_bytes} bytes" for side in each.sides)
    yield f"   {each.outcome}; {sent}"
    if each.unjudged:
        yield f"   not judged further: {each.unjudged}"
    for side in each.sides:
        for broken in side.broken:
            level = "S" if broken.strict else broken.level
            yield f"   {_NAMES[side.role]} broke {broken.rule} ({level}) at +{broken.at:.3f} s: {broken.what}"
    if verbose or any(side.broken for side in each.sides):
        yield from _arrows(each.steps)


def _side(side: Side) -> str:
    return f"{side.title or '(no title)'} at {side.address}" + (
        f" [{side.implementation}]" if side.implementation else ""
    )


def _arrows(steps: Sequence[Step]) -> Iterator[str]:
    for step in steps[:MOST_ARROWS]:
        label = f" {step.name}{f' x{step.count}' if step.count > 1 else ''} "
        line = f"{label:-^{WIDTH}}"
        arrow = f"|{line}>|" if step.role == "R" else f"|<{line}|"
        yield f"      requestor {arrow} acceptor  +{step.at:.3f}"
    if len(steps) > MOST_ARROWS:
        yield f"      ... {len(steps) - MOST_ARROWS} more"


def _total(associations: Sequence[Overheard], *, strict: bool) -> str:
    bad = sum(each.worst(strict=strict) for each in associations)
    partly = sum(bool(each.unjudged) for each in associations)
    words = f"{len(associations)} associations, {bad} in which something was broken"
    return words + (f", {partly} judged in part" if partly else "")


def document(associations: Sequence[Overheard], notes: Iterable[str]) -> dict[str, Any]:
    """The report as plain values."""
    return {"schema": SCHEMA_VERSION, "notes": list(notes), "associations": [_plain(each) for each in associations]}


def _plain(each: Overheard) -> dict[str, Any]:
    return {
        "began": each.began,
        "outcome": each.outcome,
        "unjudged": each.unjudged,
        **{_NAMES[side.role]: asdict(side) for side in each.sides},
        "steps": [asdict(step) for step in each.steps],
    }


def written(associations: Sequence[Overheard], notes: Sequence[str], path: str | None) -> None:
    """Write the JSON form, if it is wanted.

    Raises:
        OSError: it cannot be written.
    """
    if path is not None:
        with open(path, "w", encoding="utf-8") as file:
            json.dump(document(associations, notes), file, indent=1)
            file.write("\n")


def exit_code(associations: Sequence[Overheard], *, strict: bool) -> Exit:
    """What a command ends with."""
    if not associations:
        return Exit.UNREACHABLE
    return Exit.FAILED if any(each.worst(strict=strict) for each in associations) else Exit.PASSED
