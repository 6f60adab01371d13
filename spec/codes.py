"""Loads `codes.toml`: the numbers in the PDUs of PS3.8 9.3 and the words the standard has for them.

The file is read when a code is first asked for, not at import. The loader refuses a missing or unknown table,
a number that is not one byte or stands twice, and an entry without name or clause; each refusal names the
line and the cell.
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

TABLES = (
    "pdu_types",
    "item_types",
    "context_results",
    "reject_results",
    "reject_sources",
    "reject_reasons",
    "abort_sources",
    "abort_reasons",
)

PDU_TYPES: Mapping[int, str]
ITEM_TYPES: Mapping[int, str]
CONTEXT_RESULTS: Mapping[int, str]
REJECT_RESULTS: Mapping[int, str]
REJECT_SOURCES: Mapping[int, str]
REJECT_REASONS: Mapping[tuple[int, int], str]
"""By (source, reason)."""
ABORT_SOURCES: Mapping[int, str]
ABORT_REASONS: Mapping[int, str]


@value
class Code:
    """One number and what it means."""

    name: str
    """The words of the standard."""
    clause: str
    """Where it says so."""


Table = Mapping[int, Code]


@value
class Codes:
    """All the codes, with their clauses; the upper-case names of this module give the words alone."""

    pdu_types: Table
    item_types: Table
    context_results: Table
    """Result/Reason of a presentation context (Table 9-18)."""
    reject_results: Table
    reject_sources: Table
    reject_reasons: Mapping[tuple[int, int], Code]
    """By source and reason (Table 9-21)."""
    abort_sources: Table
    abort_reasons: Table


def reject_reason(source: int, reason: int) -> str:
    """Reason/Diag. of an A-ASSOCIATE-RJ in words."""
    code = load().reject_reasons.get((source, reason))
    return code.name if code else f"reserved ({reason})"


def abort_reason(source: int, reason: int) -> str:
    """Reason/Diag. of an A-ABORT in words; of the service-user (0) it is not significant."""
    if source == 0:
        return load().abort_sources[0].name
    code = load().abort_reasons.get(reason)
    return code.name if code else f"reserved ({reason})"


def context_result(result: int) -> str:
    """Result/Reason of a presentation context in words."""
    code = load().context_results.get(result)
    return code.name if code else f"reserved ({result})"


def __getattr__(name: str) -> Mapping[Any, str]:
    table = name.lower()
    if table not in TABLES or name != name.upper():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    words = MappingProxyType({number: code.name for number, code in getattr(load(), table).items()})
    globals()[name] = words
    return words


@cache
def load() -> Codes:
    """The codes that ship with dulcet."""
    return parse(text_of("codes.toml"))


def parse(text: str, source: str = "codes.toml") -> Codes:
    """Read and check a file of codes.

    Args:
        text: the TOML text.
        source: its name, for messages.

    Raises:
        SpecError: naming line and cell of the first thing that is wrong.
    """
    return _Reader(text, source).codes(document(text, source))


class _Reader:
    """One reading of a file of codes: knows the text, to name lines."""

    def __init__(self, text: str, source: str) -> None:
        self.lines = text.splitlines()
        self.source = source

    def fail(self, message: str, table: str = "", key: str = "") -> SpecError:
        line = self.line_of(table, key)
        where = f"{self.source}, line {line}" if line else self.source
        return SpecError(f"{where}: {message}")

    def line_of(self, table: str, key: str) -> int:
        """Number of the line of a key in a table, else of the table, else 0."""
        heading = 0
        for number, line in enumerate(self.lines, 1):
            if line.startswith("["):
                if heading:
                    break
                heading = number if line.startswith(f"[{table}]") else 0
            elif heading and key and line.startswith(f"{key} "):
                return number
        return heading

    def codes(self, document: dict[str, Any]) -> Codes:
        for name in document:
            if name not in TABLES:
                raise self.fail(f"[{name}] is no table of codes", name)
        tables: dict[str, Any] = {
            name: self.table(name, document.get(name)) for name in TABLES if name != "reject_reasons"
        }
        tables["reject_reasons"] = self.reasons(document.get("reject_reasons"), tables["reject_sources"])
        return Codes(**tables)

    def reasons(self, section: Any, sources: Table) -> Mapping[tuple[int, int], Code]:
        """The reasons of each source: every source has some, and nothing else has."""
        if not isinstance(section, dict) or [*section] != [str(source) for source in sources]:
            raise self.fail("[reject_reasons] needs one table for each of [reject_sources]", "reject_sources")
        return MappingProxyType(
            {
                (source, reason): code
                for source in sources
                for reason, code in self.table(f"reject_reasons.{source}", section[str(source)]).items()
            }
        )

    def table(self, name: str, section: Any) -> Table:
        if not isinstance(section, dict) or not section:
            raise self.fail(f"[{name}] is missing")
        table: dict[int, Code] = {}
        for key, entry in section.items():
            number = self.number(name, key)
            if number in table:
                raise self.fail(f"[{name}] {key}: {number} stands twice", name, key)
            table[number] = self.code(name, key, entry)
        return MappingProxyType(table)

    def number(self, name: str, key: str) -> int:
        if re.fullmatch("[0-9A-F]{2}H", key):
            return int(key[:2], 16)
        if re.fullmatch("[0-9]{1,3}", key) and int(key) < 256:
            return int(key)
        raise self.fail(f"[{name}] {key}: not a number of one byte, like 21H or 7", name, key)

    def code(self, name: str, key: str, entry: Any) -> Code:
        if not isinstance(entry, dict) or {*entry} != {"name", "clause"}:
            raise self.fail(f"[{name}] {key}: needs a name and a clause and nothing else", name, key)
        for field, words in entry.items():
            if not isinstance(words, str) or not words:
                raise self.fail(f"[{name}] {key}: {field} is not a text", name, key)
        return Code(entry["name"], entry["clause"])
