"""What becomes of a file in the tables of an archive's index.

The rules that make the index a function of the files, whatever happened in between: of two files with the same SOP
Instance UID the younger one counts, and the other waits in `superseded`; patient, study and series have the values of
the object that came last, and keep those it does not have; who has no Patient ID is a patient of that one study.
"""

from typing import Any

from sqlalchemy import Connection, Row, Table, bindparam, delete, exists, insert, select, update

from ..query.models import IMAGE, PATIENT, SERIES, STUDY
from .attributes import Record, name_groups
from .schema import ATTRIBUTES, GROUPS, LEVELS, TABLES, instances, patients, series, studies, superseded

Values = dict[str, Any]


def columns(level: str, values: dict[str, str]) -> Values:
    """The columns of one level that an object has values for."""
    found: Values = {}
    for attribute in _OF_LEVEL[level]:
        value = values.get(attribute.keyword)
        if value is not None:
            found[attribute.column] = value
            if attribute.vr == "PN":
                names = (f"{attribute.column}_{group}" for group in GROUPS)
                found.update(zip(names, name_groups(value), strict=True))
    return found


_OF_LEVEL = {level: [each for each in ATTRIBUTES.values() if each.level == level] for level in LEVELS}
_OF_INSTANCE = tuple(each.column for each in _OF_LEVEL[IMAGE])
_ABOVE = tuple(each.keyword for each in ATTRIBUTES.values() if each.level != IMAGE)


# Made once: to make a statement takes as long as to execute it.
_OF_UID = select(*(instances.c[name] for name in ("pk", "parent", "path", "size", "modified"))).where(
    instances.c.sop_instance_uid == bindparam("uid")
)
_OF_PATH = select(*(instances.c[name] for name in ("pk", "parent", "sop_instance_uid"))).where(
    instances.c.path == bindparam("of_path")
)
_NOT_SUPERSEDED = delete(superseded).where(superseded.c.path == bindparam("of_path"))
_INSERT, _INSERT_SUPERSEDED = insert(instances), insert(superseded)
Last = tuple[list[str | None], int]
"""What stood above an object, and the key of its series."""


class Writer:
    """Changes rows within one transaction.

    Args:
        connection: in a transaction.
        last: the `last` of the writer before, if its transaction was committed and no one has removed rows since.
    """

    def __init__(self, connection: Connection, last: Last | None = None) -> None:
        self._connection = connection
        self.last = last
        """Of the last object entered: the next is mostly of the same series. None after rows were removed."""

    def enter(self, record: Record) -> None:
        """A file, new or changed."""
        connection, uid = self._connection, record.values["SOPInstanceUID"]
        self.forget(record.path, uid)
        file = {"path": record.path, "size": record.size, "modified": record.modified}
        known = self._known(uid)
        if known is not None and known.path != record.path:
            older = {"path": known.path, "size": known.size, "modified": known.modified}
            is_newest = (record.modified, record.path) > (known.modified, known.path)
            connection.execute(_INSERT_SUPERSEDED, (older if is_newest else file) | {"sop_instance_uid": uid})
            if not is_newest:
                return
        row = dict.fromkeys(_OF_INSTANCE) | columns(IMAGE, record.values) | file
        row |= {"parent": self._series(record.values), "transfer_syntax_uid": record.transfer_syntax_uid}
        if known is None:
            connection.execute(_INSERT, row)
            return
        connection.execute(update(instances).where(instances.c.pk == known.pk).values(**row))
        if known.parent != row["parent"]:
            self._prune(SERIES, known.parent)

    def forget(self, path: str, but: str | None = None) -> None:
        """Remove the row of a file, unless it holds the instance `but`; with what it superseded, to be found anew."""
        connection, file = self._connection, instances.c
        connection.execute(_NOT_SUPERSEDED, {"of_path": path})
        row = connection.execute(_OF_PATH, {"of_path": path}).first()
        if row is not None and row.sop_instance_uid != but:
            connection.execute(delete(instances).where(file.pk == row.pk))
            connection.execute(delete(superseded).where(superseded.c.sop_instance_uid == row.sop_instance_uid))
            self._prune(SERIES, row.parent)

    def _known(self, uid: str) -> Any:
        return self._connection.execute(_OF_UID, {"uid": uid}).first()

    def _series(self, values: dict[str, str]) -> int:
        """The rows of patient, study and series, made or brought up to date; the key of the last."""
        above = [values.get(keyword) for keyword in _ABOVE]
        if self.last is None or self.last[0] != above:
            self.last = above, self._above(values)
        return self.last[1]

    def _above(self, values: dict[str, str]) -> int:
        study, part = values["StudyInstanceUID"], values.get("SeriesInstanceUID", "")
        number, issuer = values.get("PatientID", ""), values.get("IssuerOfPatientID", "")
        identity = f"{number}\x1f{issuer}" if number else f"\x1f\x1f{study}"
        found = self._first(patients, identity=identity)
        patient = self._put(patients, found, {"identity": identity} | columns(PATIENT, values))
        found = self._first(studies, study_instance_uid=study)
        key = self._put(studies, found, {"parent": patient} | columns(STUDY, values))
        if found is not None and found.parent != patient:
            self._prune(PATIENT, found.parent)
        found = self._first(series, series_instance_uid=part, parent=key)
        return self._put(series, found, {"parent": key, "series_instance_uid": part} | columns(SERIES, values))

    def _first(self, table: Table, **values: Any) -> Row[Any] | None:
        wanted = select(table).where(*(table.c[name] == value for name, value in values.items()))
        return self._connection.execute(wanted).first()

    def _put(self, table: Table, found: Row[Any] | None, values: Values) -> int:
        """Insert a row, or update it where it differs; its key."""
        if found is None:
            key = self._connection.execute(insert(table).values(**values)).inserted_primary_key
            assert key is not None  # SQLAlchemy knows it of a row that was inserted alone
            return int(key[0])
        row = found._mapping
        if any(row[name] != value for name, value in values.items()):
            self._connection.execute(update(table).where(table.c.pk == row["pk"]).values(**values))
        return int(row["pk"])

    def _prune(self, level: str, key: int) -> None:
        """Remove a row nothing is below, and those above it that are empty then."""
        connection, table = self._connection, TABLES[level]
        below = TABLES[LEVELS[LEVELS.index(level) + 1]]
        if connection.scalar(select(exists().where(below.c.parent == key))):
            return
        self.last = None
        parent = None if level == PATIENT else connection.scalar(select(table.c.parent).where(table.c.pk == key))
        connection.execute(delete(table).where(table.c.pk == key))
        if parent is not None:
            self._prune(LEVELS[LEVELS.index(level) - 1], parent)
