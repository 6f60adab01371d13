"""Clauses of the standard: in which order they come, which is above which, and what they say in short words.

The words are data, `clauses.toml`, by part and number; a clause that is not there has the words of the one above it.
"""

import re
import tomllib
from functools import cache
from importlib.resources import files

_NOTE = re.compile(r" n\d(-\d)?$")


@cache
def _words() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = tomllib.loads(files(__package__).joinpath("clauses.toml").read_text("utf-8"))
    return found


def words(clause: str) -> str:
    """What a clause says: "PS3.8 9.3.5"; nothing where not even its part is known."""
    part, _, _ = clause.partition(" ")
    known = _words().get(part, {})
    return next((known[each] for each in reversed(above(clause)) if each in known), "")


def above(clause: str) -> list[str]:
    """A clause's number behind those it is part of: "PS3.8 9.3.5 n1" gives "", "9", "9.3", "9.3.5"."""
    number = _NOTE.sub("", clause).partition(" ")[2]
    if number.startswith("Table "):
        return ["", number]
    pieces = number.split(".")
    return ["", *(".".join(pieces[:count]) for count in range(1, len(pieces) + 1))]


def order(clause: str) -> tuple[object, ...]:
    """Sorts clauses as the standard has them, numbers before annexes, a table behind the clauses of its chapter."""
    part, _, number = clause.partition(" ")
    table = number.startswith("Table ")
    pieces = re.findall(r"\d+|[A-Z]+", number.removeprefix("Table "))
    key = [(0, int(piece), "") if piece.isdigit() else (1, 0, piece) for piece in pieces]
    return (part, key[:1], table, key[1:])
