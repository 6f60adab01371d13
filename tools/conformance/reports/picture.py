"""Table 9-10 as a picture: what the peer did in each cell (catalogue 4.8, state-coverage picture).

A cell has its action code, the colour of its verdict and the reaction that was seen. Where both roles reach it, the
upper triangle is the peer as acceptor and the lower one the peer as requestor. Empty cells of the table are grey, those
a tester cannot reach hatched, those that were not run white. In the HTML report every cell leads to its cases.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from ....spec.upper_layer import load
from ..recipes import STARTS, is_gated
from ..results import Outcome, Result, RunResult
from ..tokens import Token
from .drawing import add, canvas, printable, written
from .matrix import Cell, by_cell, coverage, drivable

WIDTH, HEIGHT = 84, 46
"""Of a cell."""
LEFT, TOP = 204, 44
"""Of the names of events and states."""
LEGEND = 40
"""Below the table."""
COLOURS = {
    Outcome.PASSED: "#b7e4c7",
    Outcome.TOLERATED: "#ffe08a",
    Outcome.FAILED: "#ff9e94",
    Outcome.ERROR: "#e0b3ff",
    Outcome.UNDRIVEN: "#bfe3f2",
}
"""Verdicts; what was skipped could not be reached."""
SIGNS = {
    Outcome.PASSED: "\N{CHECK MARK}",
    Outcome.TOLERATED: "~",
    Outcome.FAILED: "\N{MULTIPLICATION X}",
    Outcome.ERROR: "!",
    Outcome.UNDRIVEN: "?",
}
"""For those who see no colours."""
GREY, WHITE, HATCH, INK, QUIET = "#e4e7eb", "#ffffff", "url(#hatch)", "#1c2330", "#5d6675"
LONGEST = 15
"""Characters of a reaction that fit into a cell."""

Attributes = dict[str, Any]
Link = Callable[[Cell], str]
"""Where a cell leads to; nothing where it leads nowhere."""


def write(run: RunResult, path: str) -> None:
    """Write it to a file."""
    Path(path).write_text('<?xml version="1.0" encoding="UTF-8"?>\n' + written(drawn(run)) + "\n", encoding="utf-8")


def drawn(run: RunResult, link: Link = lambda _cell: "") -> Element:
    """The picture as SVG."""
    table = load()
    width, height = LEFT + WIDTH * len(table.states) + 1, TOP + HEIGHT * len(table.events) + LEGEND
    judged, of = coverage(run)
    words = f"Table 9-10, {run.peer}: {judged} of {of} cells judged that can be reached"
    svg = canvas(width, height, **{"class": "table-9-10", "role": "img", "font-family": "system-ui, sans-serif"})
    add(svg, "title", words)
    _hatch(svg)
    _names(svg)
    seen, known = by_cell(run), reachable(run)
    for row, event in enumerate(table.events):
        for column, state in enumerate(table.states):
            cell = (event, state)
            place = (LEFT + column * WIDTH, TOP + row * HEIGHT)
            roles = {role for role, each in known if each == cell}
            _cell(svg, cell, place, seen.get(cell, {}), roles, link(cell))
    _legend(svg, height - LEGEND + 12, words)
    return svg


def reachable(run: RunResult) -> set[tuple[str, Cell]]:
    """Role and cell of what a tester can do to this peer: send a PDU, close, or let ARTIM expire."""
    cells = load().cells
    return drivable(run) | {
        (role, (event, state))
        for role, state in STARTS
        for event in ("Evt17", "Evt18")
        if role in run.roles and (event, state) in cells and not is_gated(role, state)
    }


def _hatch(svg: Element) -> None:
    pattern = add(add(svg, "defs"), "pattern", id="hatch", width=7, height=7, patternUnits="userSpaceOnUse")
    pattern.set("patternTransform", "rotate(45)")
    add(pattern, "rect", width=7, height=7, fill=WHITE, class_="not-run")
    add(pattern, "rect", width=1.4, height=7, fill="#c3c9d2", class_="hatch")


def _text(parent: Element, words: str, x: float, y: float, size: float, how: str = "") -> Element:
    """Words; `how` has any of "bold", "quiet", "middle", "end", "mono"."""
    quiet = "quiet" in how
    made = add(parent, "text", words, x=float(x), y=float(y), font_size=size, fill=QUIET if quiet else INK)
    made.set("class", "quiet" if quiet else "ink")
    for word, name, value in _HOW:
        if word in how:
            made.set(name, value)
    return made


_HOW = (
    ("bold", "font-weight", "600"),
    ("middle", "text-anchor", "middle"),
    ("end", "text-anchor", "end"),
    ("mono", "font-family", "ui-monospace, monospace"),
)


def _names(svg: Element) -> None:
    table = load()
    for column, (state, words) in enumerate(table.states.items()):
        x = LEFT + column * WIDTH + WIDTH / 2
        add(_text(svg, state, x, TOP - 22, 13, "bold middle"), "title", f"{state}: {words}")
        _text(svg, _SHORT[state], x, TOP - 9, 8, "quiet middle")
    for row, event in enumerate(table.events.values()):
        y = TOP + row * HEIGHT + HEIGHT / 2
        _text(svg, event.name, 0, y - 2, 13, "bold")
        _text(svg, event.means, 0, y + 11, 9.5, "quiet")


_SHORT = {
    "Sta1": "idle",
    "Sta2": "awaiting RQ",
    "Sta3": "awaiting response",
    "Sta4": "connecting",
    "Sta5": "awaiting AC or RJ",
    "Sta6": "data transfer",
    "Sta7": "awaiting RP",
    "Sta8": "asked to release",
    "Sta9": "collision, requestor",
    "Sta10": "collision, acceptor",
    "Sta11": "collision, requestor",
    "Sta12": "collision, acceptor",
    "Sta13": "awaiting close",
}
"""The states in words that fit (PS3.8 Tables 9-1 to 9-5)."""


# ---- a cell ----


def _cell(
    svg: Element, cell: Cell, place: tuple[float, float], seen: dict[str, list[Result]], roles: set[str], href: str
) -> None:
    x, y = place
    action = load().cells.get(cell)
    group = add(svg, "a", href=href, class_="cell") if href else add(svg, "g", class_="cell")
    group.set("data-cell", " ".join(cell))
    judged = {role: results[0] for role, results in sorted(seen.items()) if results[0].outcome in COLOURS}
    ground(group, (x, y, WIDTH, HEIGHT), action is not None, judged, roles)
    if action is None:
        return
    _text(group, action.name, x + WIDTH / 2, y + HEIGHT / 2 + 4, 12, "bold middle")
    for role, result in judged.items():
        _reaction(group, x, y, role if len(judged) > 1 else "", result)
    add(group, "title", "\n".join(_told(cell, seen, roles)))


def _reaction(group: Element, x: float, y: float, role: str, result: Result) -> None:
    """What was seen, and the sign of the verdict: in the corner of a role, or where there is one role, below."""
    words, sign = observed(result), SIGNS[result.outcome]
    if role == "A":
        _text(group, words, x + 4, y + 11, 8.6, "mono")
        _text(group, sign, x + 4, y + HEIGHT / 2 + 4, 10)
    elif role == "R":
        _text(group, words, x + WIDTH - 4, y + HEIGHT - 5, 8.6, "mono end")
        _text(group, sign, x + WIDTH - 4, y + HEIGHT / 2 + 4, 10, "end")
    else:
        _text(group, words, x + WIDTH / 2, y + HEIGHT - 5, 8.6, "mono middle")
        _text(group, sign, x + WIDTH - 5, y + 12, 10, "end")


Box = tuple[float, float, float, float]
"""Left, top, width, height."""


def ground(group: Element, box: Box, filled: bool, judged: dict[str, Result], roles: set[str]) -> None:
    """The colours of a cell: of all of it, or where both roles reach it, of its triangles."""
    x, y, width, height = box
    right, bottom = x + width, y + height
    corners = {"A": f"{x},{y} {right},{y} {x},{bottom}", "R": f"{right},{y} {right},{bottom} {x},{bottom}"}
    sides: Attributes = {"x": x, "y": y, "width": width, "height": height}
    either = sorted(judged.keys() | roles)
    if len(either) < 2:
        outcome = judged[either[0]].outcome if judged else None
        add(group, "rect", **sides, **_paint(outcome, filled, bool(either)))
    else:
        for role in either:
            paint = _paint(judged[role].outcome if role in judged else None, filled, True)
            add(group, "polygon", points=corners[role], **paint)
        diagonal: Attributes = {"x1": right, "y1": y, "x2": x, "y2": bottom}
        add(group, "line", **diagonal, stroke="#ffffff", stroke_width=1, class_="grid")
    add(group, "rect", **sides, fill="none", stroke="#ffffff", stroke_width=2, class_="grid")


def _paint(outcome: Outcome | None, filled: bool, reachable: bool) -> dict[str, str]:
    if outcome is not None:
        return {"fill": COLOURS[outcome], "class_": outcome.lower()}
    if not filled:
        return {"fill": GREY, "class_": "empty"}
    return {"fill": WHITE, "class_": "not-run"} if reachable else {"fill": HATCH, "class_": "unreachable"}


def observed(result: Result) -> str:
    """What came, as short as a cell needs it: "A 2/2 -> FIN 3 ms"."""
    worst = result.worst
    if worst is None or result.outcome is Outcome.UNDRIVEN:
        return ""
    words = " \N{RIGHTWARDS ARROW} ".join(map(_token, worst.seen)) or "silence"
    timed = f"{words} {_duration(worst.seconds)}"
    if len(timed) <= LONGEST:
        return timed
    tight = words.replace(" \N{RIGHTWARDS ARROW} ", "\N{RIGHTWARDS ARROW}")
    return tight if len(tight) <= LONGEST else tight[: LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _token(token: Token) -> str:
    text = str(token)
    return text.replace("(", " ").replace(")", "").replace(",", "/")


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"


def _told(cell: Cell, seen: dict[str, list[Result]], roles: set[str]) -> list[str]:
    table = load()
    event, state = cell
    lines = [f"{table.cells[cell].name}: {table.events[event].means} in {state} ({table.states[state]})"]
    for role, results in sorted(seen.items()):
        words = {"A": "acceptor", "R": "requestor"}[role]
        lines += [printable(f"{words}: {each.id} {each.verdict} {observed(each)}") for each in results]
    if not seen:
        lines.append("not run" if roles else "a tester cannot make this happen, or not with this peer")
    return lines


# ---- what the colours mean ----


def _legend(svg: Element, y: float, words: str) -> None:
    entries: list[tuple[str, str, str]] = [
        (outcome.lower(), COLOURS[outcome], f"{SIGNS[outcome]} {outcome.lower()}") for outcome in COLOURS
    ]
    entries += [("not-run", WHITE, "not run"), ("unreachable", HATCH, "not drivable"), ("empty", GREY, "empty cell")]
    x = 0.0
    for class_, fill, text in entries:
        box: Attributes = {"x": x + 1, "y": y, "width": 18, "height": 14, "rx": 3}
        add(svg, "rect", **box, fill=fill, stroke="#aab2bf", class_=f"{class_} swatch")
        _text(svg, text, x + 25, y + 11, 11)
        x += 44 + 6.6 * len(text)
    _text(svg, "upper triangle: the peer as acceptor, lower: as requestor", x + 6, y + 11, 11, "quiet")
    svg.set("aria-label", printable(words))
