"""Loads `status.toml`: the classes of status codes (PS3.7 Annex C) and what the services of PS3.4 say with
them.

Reading is checking: a code that is no hexadecimal number, a row of a class the number does not have, two rows
of a service for one number are refused with a `SpecError` that names file, service and code.
"""

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from . import text_of
from .documents import document
from .errors import SpecError
from .values import value

CATEGORIES = ("success", "warning", "failure", "cancel", "pending")
"""The status classes of PS3.7 Annex C."""
GENERAL = "general"
"""The service whose words hold for all the others, unless they have their own."""

_CODES = re.compile(r"([0-9A-F]{4})(?:-([0-9A-F]{4}))?")


@value
class Meaning:
    """A status code, or a range of them, and what it means."""

    first: int
    """The lowest code."""
    last: int
    """The highest code, often the same."""
    category: str
    """Its status class, one of `CATEGORIES`."""
    name: str
    """The words of the standard; nothing for a row of [classes]."""
    clause: str
    """Where it says so."""


@value
class Statuses:
    """The whole of `status.toml`."""

    edition: str
    """The editions it follows."""
    classes: tuple[Meaning, ...]
    """PS3.7 Annex C, single numbers before ranges."""
    services: Mapping[str, tuple[Meaning, ...]]
    """The rows of each service."""

    def category(self, code: int) -> str | None:
        """The class of a code, None where the standard allows no such code."""
        return next((row.category for row in self.classes if row.first <= code <= row.last), None)

    def meanings(self, code: int, service: str | None = None) -> list[Meaning]:
        """What a code means: to a service, else to all services in general, else to any of them.

        For one service that is one row at most. Without a service there may be several.
        """
        chosen = [GENERAL] if service is None else [service, GENERAL]
        for name in chosen:
            found = _covering(self.services[name], code)
            if found:
                return found
        return [] if service else [row for rows in self.services.values() for row in _covering(rows, code)]


@cache
def load() -> Statuses:
    """The status codes that ship with dulcet."""
    return parse(text_of("status.toml"))


def parse(text: str, source: str = "status.toml") -> Statuses:
    """Read and check a file of status codes.

    Args:
        text: the TOML text.
        source: its name, for messages.

    Raises:
        SpecError: naming file, service and code of the first thing that is wrong.
    """
    read = document(text, source)
    try:
        return _statuses(read)
    except SpecError as error:
        raise SpecError(f"{source}: {error}") from None


def _statuses(document: dict[str, Any]) -> Statuses:
    if document.keys() != {"edition", "classes", "services"} or GENERAL not in document["services"]:
        raise SpecError(f"must hold edition, classes, services with {GENERAL!r} among them, and nothing else")
    if not (document["edition"] and isinstance(document["edition"], str)):
        raise SpecError("edition: must be a text")
    rows = [_meaning("classes", codes, [category, ""], "") for codes, category in document["classes"].items()]
    classes = tuple(sorted(rows, key=lambda row: row.last - row.first))
    statuses = Statuses(document["edition"], classes, {})
    services = {name: _service(name, table, statuses) for name, table in document["services"].items()}
    return Statuses(document["edition"], classes, MappingProxyType(services))


def _service(name: str, table: dict[str, Any], statuses: Statuses) -> tuple[Meaning, ...]:
    if table.keys() != {"clause", "statuses"}:
        raise SpecError(f"{name}: must have clause, statuses and nothing else")
    if not (table["clause"] and isinstance(table["clause"], str)):
        raise SpecError(f"{name}: clause must be a text")
    rows: list[Meaning] = []
    for codes, cells in table["statuses"].items():
        row = _meaning(name, codes, cells, table["clause"])
        if not row.name:
            raise SpecError(f"{name}, {codes}: has no words")
        if {statuses.category(code) for code in (row.first, row.last)} != {row.category}:
            raise SpecError(f"{name}, {codes}: is no {row.category} by [classes]")
        if any(row.first <= other.last and other.first <= row.last for other in rows):
            raise SpecError(f"{name}, {codes}: has two rows")
        rows.append(row)
    return tuple(rows)


def _meaning(where: str, codes: str, cells: Any, clause: str) -> Meaning:
    match = _CODES.fullmatch(codes)
    if match is None:
        raise SpecError(f"{where}, {codes}: must be four hexadecimal digits or a range of two such numbers")
    first, last = int(match[1], 16), int(match[2] or match[1], 16)
    if first > last:
        raise SpecError(f"{where}, {codes}: the range is empty")
    if not isinstance(cells, list) or len(cells) not in (2, 3) or not all(isinstance(cell, str) for cell in cells):
        raise SpecError(f"{where}, {codes}: must be [class, meaning] or [class, meaning, clause]")
    if cells[0] not in CATEGORIES:
        raise SpecError(f"{where}, {codes}: class must be one of {', '.join(CATEGORIES)}, not {cells[0]!r}")
    return Meaning(first, last, cells[0], cells[1], cells[2] if len(cells) == 3 else clause)


def _covering(rows: tuple[Meaning, ...], code: int) -> list[Meaning]:
    return [row for row in rows if row.first <= code <= row.last]
