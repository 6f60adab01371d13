"""`dulcet table`: PS3.8 Table 9-10 as this program has it, for people, for programs, as a chart."""

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from ..spec.upper_layer import EMPTY, UpperLayerSpec, load
from .exit_codes import ExitCode, Failure

if TYPE_CHECKING:
    from transitions.extensions import GraphMachine


def main(argv: Sequence[str]) -> int:
    """Print the table, one state's row of it, or a chart."""
    options = _parser().parse_args(argv)
    spec = load()
    if options.state is not None and options.state not in spec.states:
        _parser().error(f"there is no state {options.state!r}: Sta1 to Sta13 expected")
    if options.svg is not None:
        return _svg(spec, options.svg)
    if options.json:
        print(json.dumps(as_json(spec, options.state), indent=2))
    elif options.mermaid:
        print(_chart(spec, "mermaid").get_combined_graph().draw(None))
    else:
        print("\n".join(state_lines(spec, options.state) if options.state else grid_lines(spec)))
    return ExitCode.SUCCESS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "dulcet table",
        description="Show the DICOM upper layer state table (PS3.8 Table 9-10) that this program runs on.",
        epilog="examples:\n  dulcet table\n  dulcet table Sta6\n  dulcet table --mermaid > upper-layer.mmd",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("state", nargs="?", metavar="STATE", help="show what can happen in this state, Sta1 to Sta13")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="the filled cells as JSON")
    form.add_argument("--mermaid", action="store_true", help="the chart as Mermaid text")
    form.add_argument("--svg", metavar="FILE", help="the chart as SVG; needs Graphviz and the Python package graphviz")
    return parser


def grid_lines(spec: UpperLayerSpec) -> list[str]:
    """The table as the standard prints it: a row an event, a column a state."""
    lines = [_row("", spec.states)]
    for event in spec.events.values():
        cells = (spec.cells.get((event.name, state)) for state in spec.states)
        lines.append(_row(event.name, (EMPTY if cell is None else cell.name for cell in cells)) + f"  {event.means}")
    lines += ["", f"{len(spec.cells)} of {len(spec.states) * len(spec.events)} cells filled; {spec.edition} Table 9-10"]
    return lines


def _row(head: str, cells: Any) -> str:
    return f"{head:<6}" + "".join(f" {cell:<5}" for cell in cells)


def state_lines(spec: UpperLayerSpec, name: str) -> list[str]:
    """What can happen in one state, what is done then, and where it leads."""
    state = spec.states[name]
    lines = [f"{name}: {state.means} ({state.phase}){', ARTIM runs' if state.artim else ''}", ""]
    for event in spec.possible(name):
        action = spec.cells[event, name]
        head = f"  {event:<6} {spec.events[event].means:<42} {action.name:<6}"
        if action.question is None:
            lines.append(f"{head} {'; '.join(action.yes.does)} -> {action.yes.next}")
        else:
            lines.append(f"{head} {action.question}?")
            for answer, outcome in zip(("yes", "no"), action.outcomes, strict=True):
                lines.append(f"{'':<58} {answer}: {'; '.join(outcome.does)} -> {outcome.next}")
    return lines


def as_json(spec: UpperLayerSpec, state: str | None = None) -> dict[str, Any]:
    """States, events and the filled cells; of one state, if one is named."""
    cells: dict[str, dict[str, Any]] = {}
    for (event, where), action in spec.cells.items():
        if state in (None, where):
            outcomes = [outcome.next for outcome in action.outcomes]
            cells.setdefault(event, {})[where] = {"action": action.name, "next": outcomes}
    return {"states": list(spec.states), "events": list(spec.events), "cells": cells}


def _chart(spec: UpperLayerSpec, engine: Literal["graphviz", "mermaid"]) -> "GraphMachine":
    """The table in the chart machine of `transitions`: the same rows, labelled with event and action."""
    from transitions.extensions import GraphMachine

    arrows = [
        {"trigger": f"{event} / {action.name}", "source": state, "dest": outcome.next}
        for (event, state), action in spec.cells.items()
        for outcome in action.outcomes
    ]
    title = f"DICOM upper layer, {spec.edition} Table 9-10"
    return GraphMachine(
        states=list(spec.states),
        transitions=arrows,
        initial="Sta1",
        auto_transitions=False,
        graph_engine=engine,
        title=title,
    )


def _svg(spec: UpperLayerSpec, path: str) -> int:
    missing = None if shutil.which("dot") else "Graphviz (the program dot, Debian package graphviz)"
    try:
        import graphviz  # type: ignore[import-untyped]  # noqa: F401  # transitions imports it, but says less
    except ImportError:
        missing = "the Python package graphviz (pip install 'dulcet[graph]')"
    if missing:
        print(f"dulcet table: --svg needs {missing}, which is not installed; --mermaid needs nothing", file=sys.stderr)
        return ExitCode.FAILURE
    chart = _chart(spec, "graphviz").get_combined_graph()
    try:
        with open(path, "wb") as file:
            chart.draw(file, format="svg", prog="dot")
    except OSError as error:
        raise Failure(ExitCode.OUTPUT_NOT_WRITABLE, f"{path} cannot be written: {error.strerror}") from error
    return ExitCode.SUCCESS
