"""An association as a sequence diagram in text, made from the trace of one of its ends."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..spec.upper_layer import Action, UpperLayerSpec, load

WIDTH = 44
"""Columns between the two lifelines."""


class Step(NamedTuple):
    """One record of a trace: what `UpperLayer(trace=...)` is called with."""

    now: float
    """Time, seconds."""
    state: str
    """State before."""
    event: str
    """What happened."""
    action: str
    """What was done."""
    next_state: str
    """State after."""
    pdus: int
    """How many, for a run of P-DATA-TF."""


class _Arrow(NamedTuple):
    sent: bool
    label: str
    states: str


def diagram(steps: Iterable[Step], here: str, there: str) -> list[str]:
    """Lines: `here` with its states on the left, `there` on the right, an arrow a PDU; what repeats is counted."""
    lines = [f"{'':<14}{here}{'':<{max(1, WIDTH - len(here) + 2)}}{there}"]
    began: float | None = None
    for arrow, count, now in _merged(steps):
        began = now if began is None else began
        label = f" {arrow.label}{f' x{count}' if count > 1 else ''} "
        line = f"{label:-^{WIDTH - 1}}"
        drawn = f"|{line}>|" if arrow.sent else f"|<{line}|"
        lines.append(f"{arrow.states:<14}{drawn} {1000 * (now - began):8.1f} ms")
    return lines


def _merged(steps: Iterable[Step]) -> Iterator[tuple[_Arrow, int, float]]:
    """Arrows in order; a dialogue that repeats (P-DATA-TF to and fro) becomes one arrow each way, with its count."""
    spec = load()
    runs: list[tuple[_Arrow, int, float]] = []
    for step in steps:
        for arrow in _arrows(spec, step):
            same = next((n for n in (-1, -2) if len(runs) >= -n and runs[n][0] == arrow), None)
            if same is not None and (same == -1 or runs[-1][0].label == arrow.label):
                runs[same] = (arrow, runs[same][1] + step.pdus, runs[same][2])
            else:
                runs.append((arrow, step.pdus, step.now))
    yield from runs


def _arrows(spec: UpperLayerSpec, step: Step) -> Iterator[_Arrow]:
    states = step.state if step.state == step.next_state else f"{step.state} > {step.next_state}"
    event = spec.events[step.event]
    if event.source == "peer":
        yield _Arrow(False, event.means.removesuffix(" PDU received"), states)
    action: Action = spec.actions[step.action]
    outcome = action.yes if action.yes.next == step.next_state else action.no
    for did in outcome.does:
        if did.startswith("send "):
            yield _Arrow(True, did.removeprefix("send "), states)
