"""A query or retrieval, understood: whether its identifier is usable, and the rows of the index it means (PS3.4 C.4).

Keys of the levels above are matched too, as people expect of joined tables. What is read is keys of rows, all at once:
no transaction is open while a peer takes its time with the answers, which `archive_answers` makes of them.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from sqlalchemy import Column, Engine, FromClause, exists, select

from ...spec.values import value
from ..query.models import IMAGE, PATIENT, SERIES, STUDY, UNIQUE_KEYS, QueryExtension, QueryModel
from .matching import Condition, combined, condition, is_universal
from .schema import ATTRIBUTES, LEVELS, TABLES, Attribute, instances, joined, series, studies

UNUSABLE = 0xA900
"""Identifier does not match SOP Class (PS3.4 Tables C.4-1 to C.4-3)."""
LIST = 5000
"""Values of a key in one statement; databases take some ten thousand."""
QUERY_RETRIEVE_LEVEL, SPECIFIC_CHARACTER_SET = 0x00080052, 0x00080005
_ECHOED = (QUERY_RETRIEVE_LEVEL, SPECIFIC_CHARACTER_SET, 0x00080201)
"""What in an identifier is about the identifier: level, character set, time zone."""

COUNTS = {
    "NumberOfPatientRelatedStudies": (PATIENT, STUDY),
    "NumberOfPatientRelatedSeries": (PATIENT, SERIES),
    "NumberOfPatientRelatedInstances": (PATIENT, IMAGE),
    "NumberOfStudyRelatedSeries": (STUDY, SERIES),
    "NumberOfStudyRelatedInstances": (STUDY, IMAGE),
    "NumberOfSeriesRelatedInstances": (SERIES, IMAGE),
}
"""Attributes that count: of which level, and what (PS3.4 C.3.4)."""
LISTS = {"ModalitiesInStudy": ("Modality", SERIES), "SOPClassesInStudy": ("SOPClassUID", IMAGE)}
"""Attributes of a study that list the values of another one below it."""
OF_OURS = frozenset(("InstanceAvailability", "RetrieveAETitle"))
"""Attributes that are not the objects' but the archive's (PS3.4 C.4.1.1.3.2)."""


class UnusableIdentifier(ValueError):
    """A request's identifier cannot be answered."""

    status = UNUSABLE
    """What to answer."""

    def __init__(self, why: str, *tags: int) -> None:
        super().__init__(why)
        self.offending_elements = tags
        """Offending Element (0000,0901)."""


@value
class Stored:
    """One file of an archive."""

    path: str
    """Relative to the archive's directory."""
    sop_class_uid: str
    """Its SOP class."""
    sop_instance_uid: str
    """Its SOP instance."""
    transfer_syntax_uid: str
    """How the file holds it."""
    size: int
    """Bytes of the file."""

    @staticmethod
    def columns() -> tuple[Column[Any], ...]:
        """What to select for one."""
        table = instances.c
        return table.path, table.sop_class_uid, table.sop_instance_uid, table.transfer_syntax_uid, table.size


def values_of(keys: Dataset, tag: int) -> list[str]:
    """The values of a key as text; none where it has none, or is not there."""
    element = keys.get(tag)
    if element is None or element.VR == "SQ" or element.value is None:
        return []
    many = element.VM > 1 and not isinstance(element.value, str)
    return [str(value) for value in (element.value if many else [element.value])]


class Search:
    """An identifier, understood.

    Args:
        keys: the request's identifier.
        model: whose levels it is asked at.
        extension: what was negotiated: relational queries, date and time matched together.
        dialect: SQLAlchemy's name for the database's.
        retrieve: whether this is for C-MOVE or C-GET, which know unique keys only (PS3.4 C.4.2.2.1).

    Raises:
        UnusableIdentifier: no level, one the model does not have, or a unique key is missing or has no single value.
    """

    def __init__(
        self, keys: Dataset, model: QueryModel, extension: QueryExtension, dialect: str, *, retrieve: bool = False
    ) -> None:
        self.keys, self._dialect = keys, dialect
        self.level = _level(keys, model)
        """Value of Query/Retrieve Level (0008,0052)."""
        self.levels = LEVELS[: LEVELS.index(self.level) + 1]
        """It and those above it."""
        above = model.levels[: model.levels.index(self.level)]
        _check_unique_keys(keys, () if extension.relational else above)
        if retrieve:
            _check_what_to_retrieve(keys, self.level)
        unique = {UNIQUE_KEYS[level] for level in (*above, self.level)}
        self.attributes = [
            each
            for each in ATTRIBUTES.values()
            if each.level in self.levels and each.tag in keys and (each.keyword in unique or not retrieve)
        ]
        """The keys that the index holds."""
        self._conditions = {each.keyword: self._condition(each) for each in self.attributes}
        if not retrieve:
            self._conditions |= {name: self._listed(name) for name in LISTS if name in keys}
        if extension.date_time_matching:
            self._combine()

    @property
    def complete(self) -> bool:
        """Whether every key of the request is supported: if not, answers are FF01H (PS3.4 Table C.4-1)."""
        return all(map(self._supports, self.keys))

    def _supports(self, element: DataElement) -> bool:
        keyword = keyword_for_tag(element.tag)
        if keyword in COUNTS:
            return COUNTS[keyword][0] in self.levels and is_universal(values_of(self.keys, element.tag))
        if keyword in LISTS:
            return STUDY in self.levels
        if keyword in ATTRIBUTES:
            return ATTRIBUTES[keyword].level in self.levels
        if keyword == "AvailableTransferSyntaxUID":
            return self.level == IMAGE and is_universal(values_of(self.keys, element.tag))
        return keyword in OF_OURS or element.tag in _ECHOED

    # ---- conditions ----

    def _condition(self, attribute: Attribute) -> Condition | None:
        return condition(TABLES[attribute.level], attribute, values_of(self.keys, attribute.tag), self._dialect)

    def _listed(self, keyword: str) -> Condition | None:
        """Some series, or some instance, of the study has the value."""
        below, level = LISTS[keyword]
        if STUDY not in self.levels:
            return None
        # By other names, as the query itself may be about series and instances.
        part, instance = series.alias(), instances.alias()
        values = values_of(self.keys, self.keys[keyword].tag)
        wanted = condition(part if level == SERIES else instance, ATTRIBUTES[below], values, self._dialect)
        if wanted is None:
            return None
        tables: FromClause = part if level == SERIES else part.join(instance, instance.c.parent == part.c.pk)
        return exists().select_from(tables).where(part.c.parent == studies.c.pk, wanted).correlate(studies)

    def _combine(self) -> None:
        """Dates and times that are both ranges become one condition."""
        for date in [each for each in self.attributes if each.vr == "DA"]:
            time = ATTRIBUTES.get(date.keyword.removesuffix("Date") + "Time")
            if time not in self.attributes or time is None:
                continue
            days, times = values_of(self.keys, date.tag), values_of(self.keys, time.tag)
            if len(days) == len(times) == 1:
                moment = combined(TABLES[date.level], date, time, days[0], times[0])
                if moment is not None:
                    self._conditions |= {date.keyword: moment, time.keyword: None}

    def _alternatives(self) -> Iterator[list[Condition]]:
        """The conditions; several times, each with a part of the UIDs, if there are more than a statement takes."""
        unique = ATTRIBUTES[UNIQUE_KEYS[self.level]]
        values = values_of(self.keys, unique.tag)
        rest = [each for name, each in self._conditions.items() if each is not None and name != unique.keyword]
        if is_universal(values):
            yield rest
            return
        for start in range(0, len(values), LIST):
            part = condition(TABLES[self.level], unique, values[start : start + LIST], self._dialect)
            yield rest if part is None else [*rest, part]

    def _top(self) -> str:
        """The uppermost level that a condition is about."""
        named = {ATTRIBUTES[name].level if name in ATTRIBUTES else STUDY for name, each in self._conditions.items()
                 if each is not None}  # fmt: skip
        return next((level for level in self.levels if level in named), self.level)

    # ---- rows ----

    def rows(self, engine: Engine) -> list[int]:
        """The keys of the rows that match, in the table of the level, in the order they came to be."""
        found: list[int] = []
        table = TABLES[self.level]
        with engine.connect() as connection:
            for conditions in self._alternatives():
                wanted = select(table.c.pk).select_from(joined(self._top(), self.level)).where(*conditions)
                found.extend(connection.scalars(wanted))
        return sorted(found)

    def files(self, engine: Engine) -> list[Stored]:
        """The instances that match, or that are below what matches; those of a series together."""
        found: list[Stored] = []
        with engine.connect() as connection:
            for conditions in self._alternatives():
                wanted = select(*Stored.columns()).select_from(joined(self._top(), IMAGE)).where(*conditions)
                rows = connection.execute(wanted.order_by(instances.c.parent, instances.c.pk))
                found.extend(Stored(*row) for row in rows)
        return found


def _level(keys: Dataset, model: QueryModel) -> str:
    values = values_of(keys, QUERY_RETRIEVE_LEVEL)
    if len(values) != 1 or values[0] not in model.levels:
        raise UnusableIdentifier(f"level is one of {', '.join(model.levels)}", QUERY_RETRIEVE_LEVEL)
    return values[0]


def _check_unique_keys(keys: Dataset, above: Sequence[str]) -> None:
    """Without relational queries one branch of the tree is followed down to the level (PS3.4 C.4.1.2.1)."""
    for level in above:
        key = ATTRIBUTES[UNIQUE_KEYS[level]]
        values = values_of(keys, key.tag)
        if len(values) != 1 or is_universal(values) or (key.vr != "UI" and set("*?") & set(values[0])):
            raise UnusableIdentifier(f"no single value of {key.keyword}", key.tag)


def _check_what_to_retrieve(keys: Dataset, level: str) -> None:
    """One entity or a list of UIDs, never everything (PS3.4 C.4.2.2.1, C.4.3.2.1)."""
    key = ATTRIBUTES[UNIQUE_KEYS[level]]
    values = values_of(keys, key.tag)
    if is_universal(values) or any(set("*?") & set(value) for value in values):
        raise UnusableIdentifier(f"no value of {key.keyword}", key.tag)
