"""What the index of an archive knows of each object: attributes, their levels, and the tables that hold them.

The levels and their unique and required keys are those of PS3.4 C.6.1.1 and C.6.2.1; the optional keys are those people
ask for, each of one value. A table a level, so that a query reads as many rows as it can answer with, whatever
the number of objects below them.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, FromClause, Index, Integer, MetaData, String, Table

from ...spec.values import value
from ..query.models import IMAGE, PATIENT, SERIES, STUDY

VERSION = 1
"""Of the tables below; an index of another version is made anew from the files."""
LONGEST = 255
"""Characters kept of a value; a name of three groups has 194 (PS3.5 Table 6.2-1)."""


@value
class Attribute:
    """One attribute in the index."""

    keyword: str
    """Its name in PS3.6."""
    tag: int
    """Group number in the upper, element number in the lower 16 bits."""
    vr: str
    """Value representation."""
    level: str
    """Value of Query/Retrieve Level (0008,0052)."""
    column: str
    """The column that holds its value as it is returned; null where the object has none."""
    indexed: bool
    """Whether queries with this key alone need not look at every row."""


def _name(keyword: str) -> str:
    """PatientID, patient_id; SOPInstanceUID, sop_instance_uid."""
    letters = [
        f"_{letter}"
        if at and letter.isupper() and (keyword[at - 1].islower() or keyword[at + 1 : at + 2].islower())
        else letter
        for at, letter in enumerate(keyword)
    ]
    return "".join(letters).lower()


_ATTRIBUTES = {
    PATIENT: """
        +PatientID 00100020 LO, +PatientName 00100010 PN, IssuerOfPatientID 00100021 LO,
        +PatientBirthDate 00100030 DA, PatientBirthTime 00100032 TM, PatientSex 00100040 CS, EthnicGroup 00102160 SH
    """,
    STUDY: """
        +StudyInstanceUID 0020000D UI, +StudyDate 00080020 DA, StudyTime 00080030 TM, +AccessionNumber 00080050 SH,
        +StudyID 00200010 SH, +ReferringPhysicianName 00080090 PN, StudyDescription 00081030 LO,
        PatientAge 00101010 AS, PatientSize 00101020 DS, PatientWeight 00101030 DS
    """,
    SERIES: """
        +SeriesInstanceUID 0020000E UI, +Modality 00080060 CS, SeriesNumber 00200011 IS, SeriesDescription 0008103E LO,
        +SeriesDate 00080021 DA, SeriesTime 00080031 TM, BodyPartExamined 00180015 CS, Laterality 00200060 CS,
        ProtocolName 00181030 LO, PatientPosition 00185100 CS, FrameOfReferenceUID 00200052 UI,
        Manufacturer 00080070 LO, ManufacturerModelName 00081090 LO, StationName 00081010 SH,
        InstitutionName 00080080 LO, InstitutionalDepartmentName 00081040 LO,
        +PerformedProcedureStepStartDate 00400244 DA, PerformedProcedureStepStartTime 00400245 TM,
        PerformedProcedureStepID 00400253 SH, PerformedProcedureStepDescription 00400254 LO
    """,
    IMAGE: """
        +SOPInstanceUID 00080018 UI, SOPClassUID 00080016 UI, InstanceNumber 00200013 IS,
        InstanceCreationDate 00080012 DA, InstanceCreationTime 00080013 TM, ContentDate 00080023 DA,
        ContentTime 00080033 TM, AcquisitionDate 00080022 DA, AcquisitionTime 00080032 TM,
        AcquisitionNumber 00200012 IS, SliceLocation 00201041 DS,
        NumberOfFrames 00280008 IS, Rows 00280010 US, Columns 00280011 US,
        BitsAllocated 00280100 US, CompletionFlag 0040A491 CS, VerificationFlag 0040A493 CS
    """,
}
"""Keyword, tag and VR (PS3.6) of what is kept at each level; + where an index of the database helps to find it."""


def _attributes() -> Iterator[Attribute]:
    for level, text in _ATTRIBUTES.items():
        for row in text.split(","):
            keyword, tag, vr = row.split()
            name = keyword.removeprefix("+")
            yield Attribute(name, int(tag, 16), vr, level, _name(name), keyword != name)


ATTRIBUTES: dict[str, Attribute] = {each.keyword: each for each in _attributes()}
"""By keyword, from the uppermost level to the lowest."""

GROUPS = ("match", "ideographic", "phonetic")
"""The columns beside a person name that hold its component groups as they are compared (PS3.5 6.2.1.2)."""

METADATA = MetaData()


def _text() -> String:
    """Compared byte by byte: no locale of the database shall decide what matches, or in which range it lies."""
    text: String = String(LONGEST).with_variant(String(LONGEST, collation="C"), "postgresql")
    return text


def _columns(level: str) -> Iterator[Column[Any]]:
    for each in ATTRIBUTES.values():
        if each.level == level:
            yield Column(each.column, _text(), index=each.indexed and each.vr != "PN")
            if each.vr == "PN":
                yield from (Column(f"{each.column}_{group}", _text(), index=True) for group in GROUPS)


def _pk() -> Column[Any]:
    return Column("pk", Integer, primary_key=True)


def _parent(table: str) -> Column[Any]:
    return Column("parent", ForeignKey(f"{table}.pk"), nullable=False, index=True)


def _file() -> tuple[Column[Any], ...]:
    """A file relative to the archive's directory, and what shows that it has not changed since."""
    return (
        Column("path", String(1024), nullable=False),
        Column("size", BigInteger, nullable=False),
        Column("modified", BigInteger, nullable=False),
    )


def _table(name: str, *columns: Any) -> Table:
    """A table whose keys are never used twice: who remembers one must not meet another row under it."""
    return Table(name, METADATA, _pk(), *columns, sqlite_autoincrement=True)


patients = _table("patients", Column("identity", String(600), nullable=False, unique=True), *_columns(PATIENT))
"""`identity` is what one is known by: Patient ID and its issuer; or the study, where it has no ID."""
studies = _table(
    "studies", _parent("patients"), *_columns(STUDY), Index("one_study", "study_instance_uid", unique=True)
)
series = _table(
    "series", _parent("studies"), *_columns(SERIES), Index("one_series", "series_instance_uid", "parent", unique=True)
)
instances = _table(
    "instances",
    *(_parent("series"), *_columns(IMAGE), *_file()),
    Column("transfer_syntax_uid", _text(), nullable=False),
    Index("one_instance", "sop_instance_uid", unique=True),
    Index("one_path", "path", unique=True),
)
superseded = _table(
    "superseded",
    *_file(),
    Column("sop_instance_uid", _text(), nullable=False, index=True),
    Index("one_superseded_path", "path", unique=True),
)
"""Files whose instance a newer file holds too; no query sees them until that one goes away."""
about = Table("about", METADATA, Column("name", String(64), primary_key=True), Column("value", String(64)))

TABLES: dict[str, Table] = {PATIENT: patients, STUDY: studies, SERIES: series, IMAGE: instances}
"""The table of each level, from the top; each row names its `parent` in the one above."""
LEVELS = tuple(TABLES)
"""From the top."""


def joined(top: str, bottom: str) -> FromClause:
    """The tables from one level down to another, each row of the lowest with those above it."""
    found: FromClause = TABLES[bottom]
    for lower, upper in zip(LEVELS[::-1], LEVELS[-2::-1], strict=False):
        if LEVELS.index(top) <= LEVELS.index(upper) and LEVELS.index(lower) <= LEVELS.index(bottom):
            found = found.join(TABLES[upper], TABLES[lower].c.parent == TABLES[upper].c.pk)
    return found
