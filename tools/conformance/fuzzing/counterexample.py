"""A conversation that failed, as a file: TOML with its steps, a hexdump and a diagram, which can be played again."""

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

from ..reports.diagram import exchange_diagram
from .search import TIMES, Found
from .steps import KINDS, SEND, Step

FORMAT = 1
"""Of the file; grows when a field changes its meaning or goes."""


class NoCounterexample(ValueError):
    """A file is none."""


@dataclass(frozen=True, slots=True)
class Counterexample:
    """What is needed to play it again."""

    state: str
    steps: tuple[Step, ...]
    rule: str
    why: str


def document(found: Found, state: str, peer: str, number: int, when: str) -> str:
    """The file's text."""
    verdict = found.verdict
    lines = [
        "# A conversation that a peer answered in a way that breaks the standard, the smallest that was found.",
        "# Again: dulcet conformance fuzz HOST PORT --replay THIS-FILE",
        f"format = {FORMAT}",
        f"peer = {json.dumps(peer)}",
        f"found = {json.dumps(when)}",
        f"seed = {number}",
        f"state = {json.dumps(state)}",
        f"rule = {json.dumps(verdict.rule)}",
        f"why = {json.dumps(verdict.why)}",
        f'failed = "{found.failures}/{TIMES}"',
    ]
    for step in found.steps:
        lines += ["", "[[steps]]", f"kind = {json.dumps(step.kind)}"]
        if step.kind == SEND:
            lines += [f"name = {json.dumps(step.name)}", f"joined = {json.dumps(step.joined)}"]
            lines += [f"cuts = {json.dumps(list(step.cuts))}", f'hex = "{step.data.hex(" ")}"']
    drawing = exchange_diagram(verdict.exchange, dumps=True)
    lines += ["", "[pictures]", "diagram = '''", *(line.replace("'''", '"""') for line in drawing), "'''"]
    return "\n".join(lines) + "\n"


def load(path: Path) -> Counterexample:
    """A conversation from its file.

    Raises:
        OSError: it cannot be read.
        NoCounterexample: it is none.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        if found["format"] != FORMAT:
            raise NoCounterexample(f"{path}: of format {found['format']}, not {FORMAT}")
        steps = tuple(_step(each) for each in found["steps"])
        return Counterexample(str(found["state"]), steps, str(found["rule"]), str(found["why"]))
    except NoCounterexample:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise NoCounterexample(f"{path}: no counter-example: {type(error).__name__} {error}") from None


def _step(row: dict[str, object]) -> Step:
    kind = str(row["kind"])
    if kind not in KINDS:
        raise ValueError(f"a step of kind {kind!r}")
    if kind != SEND:
        return Step(kind)
    cuts = row["cuts"]
    if not isinstance(cuts, list) or not all(isinstance(cut, int) and 0 <= cut <= 100 for cut in cuts):
        raise ValueError("cuts must be percentages")
    return Step(kind, str(row["name"]), bytes.fromhex(str(row["hex"])), tuple(cuts), bool(row["joined"]))
