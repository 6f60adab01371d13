"""Attribute matching (PS3.4 C.2.2.2) as conditions of SQL: exact, so that what the database finds is the answer.

Where the standard leaves a choice: person names are compared without regard to case, and a key of one component group
matches any group of the name; a time of few digits stands for the whole minute or hour it names; several values in one
key mean any of them; wild cards in a UID, a date or a number match nothing, but for `*` alone, which is universal.
"""

import re
from collections.abc import Sequence

from sqlalchemy import ColumnElement, FromClause, and_, false, or_

from .attributes import folded, tidied
from .schema import GROUPS, Attribute

WILD = frozenset(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"))
"""The VRs that wild cards are for (PS3.4 C.2.2.2.4)."""
RANGED = frozenset(("DA", "TM"))
"""The VRs of ours that ranges are for (PS3.4 C.2.2.2.5)."""
_HIGHEST = "\U0010ffff"
Condition = ColumnElement[bool]


def is_universal(values: Sequence[str]) -> bool:
    """Whether a key matches everything: no value, or `*` (PS3.4 C.2.2.2.3, C.2.2.2.4)."""
    return not any(values) or any(value and not value.strip("*") for value in values)


def condition(table: FromClause, attribute: Attribute, values: Sequence[str], dialect: str) -> Condition | None:
    """What holds for rows that match a key; None if all do.

    Args:
        table: that of the attribute's level.
        attribute: the key.
        values: the key's values.
        dialect: SQLAlchemy's name of the database's.
    """
    values = [value.strip(" \0") for value in values]
    if is_universal(values):
        return None
    column = table.c[attribute.column]
    wanted = [value for value in values if value]
    if attribute.vr in RANGED:
        return or_(*(_in_range(column, attribute.vr, value) for value in wanted))
    if attribute.vr == "PN":
        return or_(*(_named(table, attribute, value, dialect) for value in wanted))
    if attribute.vr in WILD:
        return or_(*(_like(column, value, dialect) for value in wanted))
    return column.in_([tidied(attribute.vr, value) or value for value in wanted])


# ---- wild cards ----


def _like(column: ColumnElement[str], pattern: str, dialect: str) -> Condition:
    """`*` any characters, none too; `?` one character; in the database's own spelling."""
    literal = re.split(r"[*?]", pattern, maxsplit=1)[0]
    if literal == pattern:
        return column == pattern
    if dialect == "sqlite":
        # LIKE does not tell a from A here; GLOB does, and has the wild cards of DICOM.
        matched: Condition = column.op("GLOB", is_comparison=True)(pattern.replace("[", "[[]"))
    else:
        escaped = re.sub(r"([\\%_])", r"\\\1", pattern).replace("*", "%").replace("?", "_")
        matched = column.like(escaped, escape="\\")
    # Said besides, since not every database sees in a bound pattern which part of its index it needs.
    return and_(column >= literal, column <= literal + _HIGHEST, matched) if literal else matched


def _named(table: FromClause, attribute: Attribute, value: str, dialect: str) -> Condition:
    """A person name: group against group where the key has several, else any of them (PS3.5 6.2.1.2)."""
    columns = [table.c[f"{attribute.column}_{group}"] for group in GROUPS]
    name = folded(tidied("PN", value))
    if "=" not in name:
        return or_(*(_like(column, name, dialect) for column in columns))
    groups = zip(columns, name.split("="), strict=False)
    return and_(*(_like(column, group, dialect) for column, group in groups if group.strip("*")))


# ---- ranges ----


def bounds(vr: str, value: str) -> tuple[str, str] | None:
    """The least and the greatest value that match a key, as strings that compare; None if it makes no sense.

    >>> bounds("DA", "20260101-")
    ('20260101', '99999999')
    >>> bounds("TM", "1030")
    ('1030', '103060.999999')
    """
    first, dash, last = (part.strip() for part in value.partition("-"))
    if not dash:
        last = first
    low, high = tidied(vr, first), tidied(vr, last)
    if (first and not low) or (last and not high) or not (first or last):
        return None
    return (_beginning(vr, low), _end(vr, high) if high else _LAST[vr])


_LAST = {"DA": "99999999", "TM": "235960.999999"}
_REST = {2: "5960", 4: "60", 6: ""}
"""The last minute and second, which may be a leap second, of a time of so many digits."""


def _beginning(vr: str, value: str) -> str:
    """The least way to write this moment: 10 for 100000.00, since values of less precision mean that, too."""
    if vr == "DA":
        return value
    value = value.rstrip("0").rstrip(".") if "." in value else value
    while len(value) in (4, 6) and value.endswith("00"):
        value = value[:-2]
    return value


def _end(vr: str, value: str) -> str:
    """The last moment of the day, hour, minute, second or fraction a value names."""
    if vr == "DA":
        return value
    whole, _, fraction = value.partition(".")
    return f"{whole}{_REST[len(whole)]}.{fraction:9<6}"


def _in_range(column: ColumnElement[str], vr: str, value: str) -> Condition:
    found = bounds(vr, value)
    return false() if found is None else and_(column >= found[0], column <= found[1])


def combined(table: FromClause, date: Attribute, time: Attribute, dates: str, times: str) -> Condition | None:
    """Date and time as one moment, where that was negotiated and both are ranges (PS3.4 C.2.2.2.5.1)."""
    days, moments = bounds("DA", dates), bounds("TM", times)
    if days is None or moments is None or "-" not in dates or "-" not in times:
        return None
    day, moment = table.c[date.column], table.c[time.column]
    first_day, last_day = days
    return and_(
        or_(day > first_day, and_(day == first_day, moment >= moments[0])),
        or_(day < last_day, and_(day == last_day, moment <= moments[1])),
    )
