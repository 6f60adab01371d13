"""The identifiers that answer a C-FIND, made from the rows of the index that matched (PS3.4 C.4.1.1.3.2).

Each has the keys of the request and no others: with its value what the index knows, empty what it does not. Rows are
read some hundred at a time; those that were removed since they matched are left out.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from pydicom.datadict import keyword_for_tag
from sqlalchemy import Column, Connection, Engine, func, select

from ..flat import Elements
from ..query.models import IMAGE, STUDY
from .schema import ATTRIBUTES, LEVELS, TABLES, instances, joined
from .search import COUNTS, LISTS, OF_OURS, QUERY_RETRIEVE_LEVEL, SPECIFIC_CHARACTER_SET, Search

BATCH = 200
"""Rows read at a time."""
_TIME_ZONE = 0x00080201
_Values = dict[str, Any]


def answers(search: Search, engine: Engine) -> Iterator[Elements]:
    """One data set for each row that matches."""
    empty = _frame(search)
    rows = search.rows(engine)
    for start in range(0, len(rows), BATCH):
        with engine.connect() as connection:
            batch = _values(search, connection, rows[start : start + BATCH])
        for values in batch:
            yield _identifier(empty, values, search.level)


def _frame(search: Search) -> list[tuple[int, str, str]]:
    """The elements of every answer: tag, VR and keyword."""
    left_out = (QUERY_RETRIEVE_LEVEL, SPECIFIC_CHARACTER_SET, _TIME_ZONE)
    return [
        (int(element.tag), element.VR, keyword_for_tag(element.tag))
        for element in search.keys
        if element.tag not in left_out
    ]


def _identifier(empty: Sequence[tuple[int, str, str]], values: _Values, level: str) -> Elements:
    found = Elements()
    for tag, vr, keyword in empty:
        value = values.get(keyword)
        found[tag] = vr, int(value) if vr == "US" and value is not None else value
    found[QUERY_RETRIEVE_LEVEL] = "CS", level
    return found


def _values(search: Search, connection: Connection, rows: Sequence[int]) -> list[_Values]:
    """What is known of each row, by keyword."""
    keywords = {keyword_for_tag(element.tag) for element in search.keys}
    table = TABLES[search.level]
    columns: dict[str, Column[Any]] = {
        each.keyword: TABLES[each.level].c[each.column] for each in search.attributes if each.keyword in keywords
    }
    columns |= {level: TABLES[level].c.pk for level in search.levels}
    if search.level == IMAGE:
        columns["AvailableTransferSyntaxUID"] = instances.c.transfer_syntax_uid
    wanted = select(*(column.label(name) for name, column in columns.items()))
    found = connection.execute(wanted.select_from(joined(LEVELS[0], search.level)).where(table.c.pk.in_(rows)))
    known = sorted((dict(row) for row in found.mappings()), key=lambda row: int(row[search.level]))
    for keyword in keywords & (COUNTS.keys() | LISTS.keys()):
        _compute(search, connection, keyword, known)
    if "InstanceAvailability" in keywords & OF_OURS:
        for row in known:
            row["InstanceAvailability"] = "ONLINE"
    return known


def _compute(search: Search, connection: Connection, keyword: str, known: Sequence[_Values]) -> None:
    """Fill in an attribute that is not stored, for all rows at once."""
    level = COUNTS[keyword][0] if keyword in COUNTS else STUDY
    if level not in search.levels:
        return
    made = _count if keyword in COUNTS else _list
    values = made(connection, keyword, list({row[level] for row in known}))
    for row in known:
        row[keyword] = values.get(row[level])


def _count(connection: Connection, keyword: str, owners: Sequence[int]) -> dict[int, Any]:
    """How many of a kind are below each of these."""
    level, below = COUNTS[keyword]
    first = LEVELS[LEVELS.index(level) + 1]
    owner = TABLES[first].c.parent
    counted = select(owner, func.count()).select_from(joined(first, below)).where(owner.in_(owners)).group_by(owner)
    return {key: str(number) for key, number in connection.execute(counted)}


def _list(connection: Connection, keyword: str, owners: Sequence[int]) -> dict[int, Any]:
    """The different values below each of these studies, sorted."""
    below, level = LISTS[keyword]
    column = TABLES[level].c[ATTRIBUTES[below].column]
    first = LEVELS[LEVELS.index(STUDY) + 1]
    owner = TABLES[first].c.parent
    wanted = select(owner, column).distinct().select_from(joined(first, level))
    lists: dict[int, list[str]] = {}
    for key, value in connection.execute(wanted.where(owner.in_(owners), column.is_not(None))):
        lists.setdefault(key, []).append(value)
    return {key: sorted(values) for key, values in lists.items()}
