"""`dulcet table`: Table 9-10 for people, for programs and as charts."""

import html
import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from table_9_10 import ACTIONS, CELLS, EVENTS, OUTCOMES, STATES
from tool_runs import Tool


def test_the_grid(tool: Tool) -> None:
    ran = tool("table")
    lines = ran.out.splitlines()
    assert (ran.code, ran.err) == (0, "")
    assert lines[0].split() == [f"Sta{n}" for n in range(1, 14)]
    assert [line.split()[0] for line in lines[1:20]] == [f"Evt{n}" for n in range(1, 20)]
    for line, event in zip(lines[1:20], EVENTS, strict=True):
        assert line.split()[1:14] == [CELLS[state].get(event, ".").split()[0] for state in STATES]
    assert "cells filled" in lines[-1]


def test_one_state(tool: Tool) -> None:
    ran = tool("table", "Sta8")
    assert ran.code == 0
    assert ran.out.startswith("Sta8: ")
    assert "Evt14" in ran.out
    assert "AR-4" in ran.out
    assert "-> Sta13" in ran.out
    assert "ARTIM runs" in tool("table", "Sta13").out


def test_questions_have_two_answers(tool: Tool) -> None:
    lines = tool("table", "Sta2").out.splitlines()
    first = next(number for number, line in enumerate(lines) if "AE-6" in line)
    assert lines[first].endswith("?")
    assert lines[first + 1].strip().startswith("yes: ")
    assert lines[first + 2].strip().startswith("no: ")


def test_no_such_state(tool: Tool) -> None:
    ran = tool("table", "Sta14")
    assert ran.code == 2
    assert "there is no state 'Sta14': Sta1 to Sta13 expected" in ran.err


@pytest.mark.parametrize("name", ["table", "manual"])
def test_help_has_an_example_a_line(tool: Tool, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Whole, so that each can be copied, however narrow the terminal."""
    monkeypatch.setenv("COLUMNS", "30")
    ran = tool(name, "--help")
    examples = ran.out.partition("\nexamples:\n")[2].splitlines()
    assert ran.code == 0
    assert len(examples) >= 2
    assert all(line.startswith(f"  dulcet {name}") for line in examples)


def test_json(tool: Tool) -> None:
    table = json.loads(tool("table", "--json").out)
    assert table.keys() == {"states", "events", "cells"}
    assert (table["states"], table["events"]) == (list(STATES), list(EVENTS))
    assert table["cells"] == {
        event: {
            state: {"action": CELLS[state][event], "next": [each.next for each in ACTIONS[CELLS[state][event]]]}
            for state in STATES
            if event in CELLS[state]
        }
        for event in EVENTS
    }
    one = json.loads(tool("table", "--json", "Sta1").out)
    assert {event: list(cells) for event, cells in one["cells"].items()} == {"Evt1": ["Sta1"], "Evt5": ["Sta1"]}


ARROWS = sorted((state, outcome.next, event, action) for state, event, action, outcome in OUTCOMES)
"""Source, destination, event and action of each of the 125."""


def _arrows(line: str) -> list[tuple[str, ...]]:
    """Those of one line of mermaid: transitions draws those between the same two states as one, its labels apart."""
    ends, _, labels = line.strip().partition(": ")
    if "-->" not in ends or not labels:
        return []
    source, following = ends.split(" --> ")
    return [(source, following, *label.split(" / ")) for label in labels.split(" | ")]


def test_mermaid(tool: Tool) -> None:
    ran = tool("table", "--mermaid")
    assert ran.code == 0
    assert "stateDiagram" in ran.out
    assert sorted(arrow for line in ran.out.splitlines() for arrow in _arrows(line)) == ARROWS


def test_forms_exclude_each_other(tool: Tool) -> None:
    assert tool("table", "--json", "--mermaid").code == 2


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_svg(tool: Tool, tmp_path: Path) -> None:
    chart = tmp_path / "chart.svg"
    ran = tool("table", "--svg", chart)
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert "<svg" in chart.read_text()
    edges = re.findall(r'class="edge">\s*<title>(.*?)</title>.*?<text [^>]*>(.*?)</text>', chart.read_text(), re.DOTALL)
    lines = (html.unescape(ends).replace("->", " --> ") + ": " + html.unescape(labels) for ends, labels in edges)
    assert sorted(arrow for line in lines for arrow in _arrows(line)) == ARROWS
    assert list(tmp_path.iterdir()) == [chart]


def test_svg_without_graphviz(tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    ran = tool("table", "--svg", tmp_path / "chart.svg")
    assert ran.code == 1
    assert "Graphviz (the program dot, Debian package graphviz)" in ran.err
    assert "--mermaid needs nothing" in ran.err


def test_svg_without_its_package(tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "graphviz", None)
    ran = tool("table", "--svg", tmp_path / "chart.svg")
    assert ran.code == 1
    assert "pip install 'dulcet[graph]'" in ran.err
    assert not list(tmp_path.iterdir())


def test_svg_that_cannot_be_written(tool: Tool, tmp_path: Path) -> None:
    if shutil.which("dot") is None:
        pytest.skip("Graphviz is not installed")
    (tmp_path / "file").touch()
    for folder in ("file", "none"):
        ran = tool("table", "--svg", tmp_path / folder / "chart.svg")
        assert ran.code == 43
        assert "chart.svg cannot be written" in ran.err
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
