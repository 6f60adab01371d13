"""Table 9-10 in small: one square a cell, for phones and for many peers side by side."""

from xml.etree.ElementTree import Element

from ....spec.upper_layer import load
from ..results import RunResult
from .drawing import add, canvas, printable
from .matrix import by_cell, coverage
from .picture import COLOURS, QUIET, Link, ground, reachable

CELL = 20
LEFT, TOP = 30, 18


def drawn(run: RunResult, link: Link = lambda _cell: "") -> Element:
    """The picture as SVG, about 290 wide."""
    table = load()
    svg = canvas(LEFT + CELL * len(table.states) + 1, TOP + CELL * len(table.events) + 1)
    svg.set("class", "table-9-10 small")
    svg.set("role", "img")
    judged, of = coverage(run)
    svg.set("aria-label", printable(f"Table 9-10 in small: {judged} of {of} cells judged"))
    names = {"font_size": 9, "font_family": "system-ui, sans-serif", "class_": "quiet", "fill": QUIET}
    seen, roles = by_cell(run), reachable(run)
    for column, state in enumerate(table.states):
        add(svg, "text", state[3:], x=LEFT + CELL * (column + 0.5), y=TOP - 6, text_anchor="middle", **names)
    for row, event in enumerate(table.events):
        add(svg, "text", event[3:], x=LEFT - 8, y=TOP + CELL * row + 14, text_anchor="end", **names)
        for column, state in enumerate(table.states):
            cell = (event, state)
            href = link(cell)
            group = add(svg, "a", href=href, class_="cell") if href else add(svg, "g", class_="cell")
            group.set("data-cell", " ".join(cell))
            results = seen.get(cell, {})
            own = {role: found[0] for role, found in results.items() if found[0].outcome in COLOURS}
            box = (LEFT + CELL * column, TOP + CELL * row, CELL, CELL)
            ground(group, box, cell in table.cells, own, {role for role, each in roles if each == cell})
            if cell in table.cells:
                words = ", ".join(f"{each.id} {each.verdict}" for found in results.values() for each in found)
                add(group, "title", f"{event} in {state}, {table.cells[cell].name}: {words or 'not run'}")
    return svg
