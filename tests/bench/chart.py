"""The bar chart of the README: how many times as fast as a peer, on a scale where twice is as far as half."""

import math
from collections.abc import Iterable
from html import escape

from .rounds import Outcome

LEFT, WIDTH, BAR, GAP, TOP = 350, 420, 13, 11, 62
"""Pixels: room for words, of the scale, a bar's height, between cases, above the first."""
COLOURS = {"dulcet": "#2f6f9f", "dulcet+uvloop": "#e08e2b"}
PEERS = ("DCMTK", "pynetdicom")
_TEXT = 'font-family="DejaVu Sans, Verdana, sans-serif"'

Bar = tuple[str, float]


def bars(outcomes: Iterable[Outcome]) -> list[tuple[str, list[Bar]]]:
    """For each case and peer, how many times as fast whoever of ours is; where less is better, the inverse."""
    groups: dict[str, list[Bar]] = {}
    for outcome in outcomes:
        for goal in outcome.case.goals:
            value = outcome.value(goal)
            if goal.against in PEERS and value:
                words = f"{outcome.case.words}" + ("" if goal.against == PEERS[0] else f", {goal.against}")
                groups.setdefault(words, []).append((goal.ours, value if goal.at_least else 1 / value))
    return list(groups.items())


def svg(outcomes: Iterable[Outcome]) -> str:
    """The chart."""
    groups = bars(outcomes)
    values = [value for _, found in groups for _, value in found] or [1.0]
    low = math.floor(min(0, *(math.log2(value) for value in values)))
    high = math.ceil(max(1, *(math.log2(value) for value in values)))

    def x(value: float) -> float:
        return round(LEFT + (math.log2(value) - low) / (high - low) * WIDTH, 1)

    height = TOP + sum(len(found) * BAR + GAP for _, found in groups) + 34
    total = LEFT + WIDTH + 60
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {height}" width="{total}" height="{height}" '
        f'role="img" aria-label="dulcet beside its peers">',
        f'<rect width="{total}" height="{height}" rx="8" fill="#ffffff"/>',
        f'<text x="16" y="24" {_TEXT} font-size="14" font-weight="bold" fill="#1d2733">'
        "How many times as fast as DCMTK, or as who is named</text>",
        *_legend(),
    ]
    for power in range(low, high + 1):
        at, colour, thick = (x(2.0**power), *(("#1d2733", 1.5) if power == 0 else ("#dde3ea", 1)))
        parts += [
            f'<line x1="{at}" y1="{TOP - 6}" x2="{at}" y2="{height - 28}" stroke="{colour}" stroke-width="{thick}"/>',
            f'<text x="{at}" y="{height - 12}" {_TEXT} font-size="11" fill="#5b6876" text-anchor="middle">'
            f"{_times(2.0**power)}</text>",
        ]
    y = TOP
    for words, found in groups:
        parts.append(
            f'<text x="{LEFT - 30}" y="{y + len(found) * BAR / 2 + 4}" {_TEXT} font-size="12" fill="#1d2733" '
            f'text-anchor="end">{escape(words)}</text>'
        )
        for who, value in found:
            begin, end = sorted((x(1.0), x(value)))
            label, anchor = (end + 5, "start") if value >= 1 else (begin - 5, "end")
            parts += [
                f'<rect x="{begin}" y="{y + 1}" width="{max(1.0, round(end - begin, 1))}" height="{BAR - 2}" '
                f'fill="{COLOURS.get(who, "#888888")}"/>',
                f'<text x="{label}" y="{y + BAR - 3}" {_TEXT} font-size="10" fill="#1d2733" text-anchor="{anchor}">'
                f"{value:.2g}</text>" if value < 10 else
                f'<text x="{label}" y="{y + BAR - 3}" {_TEXT} font-size="10" fill="#1d2733" text-anchor="{anchor}">'
                f"{value:.0f}</text>",
            ]  # fmt: skip
            y += BAR
        y += GAP
    return "\n".join([*parts, "</svg>", ""])


def _legend() -> list[str]:
    parts, at = [], 16
    for who, colour in COLOURS.items():
        parts += [
            f'<rect x="{at}" y="34" width="11" height="11" fill="{colour}"/>',
            f'<text x="{at + 17}" y="44" {_TEXT} font-size="11" fill="#1d2733">{escape(who)}</text>',
        ]
        at += 40 + 8 * len(who)
    return parts


def _times(value: float) -> str:
    return f"{value:g}x" if value >= 1 else f"1/{1 / value:g}"
