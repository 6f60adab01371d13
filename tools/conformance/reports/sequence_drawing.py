"""An exchange as a sequence diagram in SVG: the tester on the left, the peer on the right, time from top to bottom.

Narrow enough for a phone. Beside the peer stand the states that the oracle thought possible after each step.
"""

from typing import Any
from xml.etree.ElementTree import Element

from .drawing import add, canvas
from .steps import Step

TESTER, PEER, WIDTH = 64, 352, 470
"""Columns of the two lifelines, and all of it."""
TOP, ROW, GAP = 34, 36, 30
"""Above the first step; of a step; of the line where the case itself begins."""
MOST_STEPS = 60
"""Of one exchange; the wire log has all."""
LONGEST = 44
"""Characters of a label that fit between the lifelines."""
INK, QUIET, OURS, THEIRS, WRONG = "#1c2330", "#5d6675", "#2454c6", "#0b7a5b", "#c0281c"


def drawn(all_steps: list[Step]) -> Element:
    """The diagram as SVG."""
    shown = all_steps[:MOST_STEPS]
    begins = next((number for number, step in enumerate(shown) if step.stimulus), 0)
    height = TOP + ROW * len(shown) + (GAP if begins else 0) + 14
    svg = canvas(WIDTH, height, **{"class": "sequence", "role": "img", "font-family": "system-ui, sans-serif"})
    svg.set("aria-label", "sequence diagram of the exchange")
    _lifelines(svg, height)
    y = float(TOP)
    for number, step in enumerate(shown):
        if number == begins and begins:
            _begins(svg, y)
            y += GAP
        _step(svg, step, y, all_steps[number - 1].at if number else 0.0)
        y += ROW
    if len(all_steps) > MOST_STEPS:
        _text(svg, f"and {len(all_steps) - MOST_STEPS} more", (TESTER + PEER) / 2, height - 4, "quiet middle")
    return svg


def _lifelines(svg: Element, height: float) -> None:
    for x, name in ((TESTER, "tester"), (PEER, "peer")):
        _text(svg, name, x, 14, "bold middle")
        add(svg, "line", x1=x, y1=22, x2=x, y2=height - 4, stroke="#b6bdc9", stroke_width=1.5, class_="life")


def _begins(svg: Element, y: float) -> None:
    line: dict[str, Any] = {"y1": y + 8, "y2": y + 8, "stroke": "#b6bdc9", "stroke_dasharray": "2 4", "class_": "life"}
    add(svg, "line", x1=4, x2=TESTER + 52, **line)
    add(svg, "line", x1=PEER - 52, x2=WIDTH - 4, **line)
    _text(svg, "the case itself begins", (TESTER + PEER) / 2, y + 12, "quiet middle")


def _step(svg: Element, step: Step, y: float, before: float) -> None:
    line = y + 18
    _text(svg, f"{step.at:.3f}", TESTER - 10, line + 4, "quiet end mono")
    if step.explained:
        _text(svg, " ".join(each[3:] for each in step.states), PEER + 12, line + 4, "mono", prefix="Sta ")
    else:
        _text(svg, "off the table", PEER + 12, line + 4, "wrong")
    middle = (TESTER + PEER) / 2
    if step.direction == "-":
        words = f"silence, {step.at - before:.2f} s" if step.kind == "silence" else step.label
        _text(svg, words, middle, line + 4, "quiet middle italic")
        return
    length = f" ({step.length})" if step.length is not None and step.kind == "pdu" else ""
    ours = step.direction == ">"
    _text(svg, step.label + length, middle, line - 5, f"middle {'ours' if ours else 'theirs'}")
    _arrow(svg, line, ours=ours, dashed=step.kind in ("end", "open"))
    under = step.fault or step.remark
    if under:
        _text(svg, under, middle, line + 12, f"middle small {'wrong' if step.fault else 'quiet'}")


def _arrow(svg: Element, y: float, *, ours: bool, dashed: bool) -> None:
    start, end = (TESTER + 2, PEER - 2) if ours else (PEER - 2, TESTER + 2)
    back = -7 if ours else 7
    color, class_ = (OURS, "ours") if ours else (THEIRS, "theirs")
    line = add(svg, "line", x1=start, y1=y, x2=end + back, y2=y, stroke=color, stroke_width=1.6, class_=class_)
    if dashed:
        line.set("stroke-dasharray", "5 4")
    points = f"{end},{y} {end + back},{y - 4.5} {end + back},{y + 4.5}"
    add(svg, "polygon", points=points, fill=color, class_=f"{class_} head")


_FILLS = {"quiet": QUIET, "wrong": WRONG, "ours": OURS, "theirs": THEIRS}


def _text(svg: Element, words: str, x: float, y: float, how: str = "", prefix: str = "") -> None:
    if not words:
        return
    color = next((word for word in how.split() if word in _FILLS), "")
    shown = words if len(words) <= LONGEST else words[: LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"
    made = add(svg, "text", prefix + shown, x=float(x), y=float(y), fill=_FILLS.get(color, INK), class_=color or "ink")
    made.set("font-size", "9.5" if "small" in how else "11.5" if "mono" not in how else "10.5")
    anchor = "middle" if "middle" in how else "end" if "end" in how else "start"
    made.set("text-anchor", anchor)
    if "mono" in how:
        made.set("font-family", "ui-monospace, monospace")
    if "bold" in how:
        made.set("font-weight", "600")
    if "italic" in how:
        made.set("font-style", "italic")
    if shown != words:
        add(made, "title", words)
