"""PS3.4 Table F.7.2-1: which attributes a performed procedure step is created with, set to, and ends with.

Each row is an attribute with its requirement types for the SCU of N-CREATE and of N-SET (PS3.4 5.4: 1 with a value, 2
may be empty, 3 optional; - not allowed), and the one of the final state where that is another (F.7.2.2.2). Attributes
of items stand below their sequence, with >. Rows of what is conditional, or an item deeper, are left out: codes,
issuers, specimens.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from ...spec.values import value

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Use = Literal["create", "set", "final"]

_TABLE = """
ScheduledStepAttributesSequence                             1 - .
>StudyInstanceUID                                           1 - .
>ReferencedStudySequence                                    2 - .
>AccessionNumber                                            2 - .
>RequestedProcedureID                                       2 - .
>RequestedProcedureDescription                              2 - .
>ScheduledProcedureStepID                                   2 - .
>ScheduledProcedureStepDescription                          2 - .
>ScheduledProtocolCodeSequence                              2 - .
PatientName                                                 2 - .
PatientID                                                   2 - .
IssuerOfPatientID                                           3 - .
IssuerOfPatientIDQualifiersSequence                         3 - .
OtherPatientIDsSequence                                     3 - .
PatientBirthDate                                            2 - .
PatientSex                                                  2 - .
ReferencedPatientSequence                                   2 - .
AdmissionID                                                 3 - .
IssuerOfAdmissionIDSequence                                 3 - .
ServiceEpisodeID                                            3 - .
IssuerOfServiceEpisodeIDSequence                            3 - .
ServiceEpisodeDescription                                   3 - .
PerformedProcedureStepID                                    1 - .
PerformedStationAETitle                                     1 - .
PerformedStationName                                        2 - .
PerformedLocation                                           2 - .
PerformedProcedureStepStartDate                             1 - .
PerformedProcedureStepStartTime                             1 - .
PerformedProcedureStepStatus                                1 3 .
PerformedProcedureStepDescription                           2 3 .
PerformedProcedureTypeDescription                           2 3 .
ProcedureCodeSequence                                       2 3 .
ReasonForPerformedProcedureCodeSequence                     3 3 .
PerformedProcedureStepEndDate                               2 3 1
PerformedProcedureStepEndTime                               2 3 1
CommentsOnThePerformedProcedureStep                         3 3 .
PerformedProcedureStepDiscontinuationReasonCodeSequence     3 3 .
Modality                                                    1 - .
StudyID                                                     2 - .
PerformedProtocolCodeSequence                               2 3 .
PerformedSeriesSequence                                     2 3 1
>PerformingPhysicianName                                    2 2 2
>ProtocolName                                               1 1 1
>OperatorsName                                              2 2 2
>SeriesInstanceUID                                          1 1 1
>SeriesDescription                                          2 2 2
>RetrieveAETitle                                            2 2 2
>ReferencedImageSequence                                    2 2 2
>ReferencedNonImageCompositeSOPInstanceSequence             2 2 2
"""


@value
class Row:
    """One attribute."""

    keyword: str
    """Its name in PS3.6."""
    create: str
    """Requirement type of N-CREATE."""
    set: str
    """Of N-SET."""
    final: str
    """Of the final state."""
    items: "tuple[Row, ...]" = ()
    """The attributes of each item, if it is a sequence."""

    def required(self, use: Use) -> str:
        """The requirement type in one of the three columns."""
        type_: str = getattr(self, use)
        return type_


def _rows(lines: Sequence[str]) -> Iterator[Row]:
    for at, line in enumerate(lines):
        keyword, create, set_, final = line.split()
        if not keyword.startswith(">"):
            below = next((n for n, each in enumerate(lines[at + 1 :]) if not each.startswith(">")), len(lines))
            yield Row(keyword, create, set_, final, tuple(_rows([each[1:] for each in lines[at + 1 : at + 1 + below]])))


ROWS = tuple(_rows(_TABLE.split("\n")[1:-1]))
"""The table, in its order."""
NOT_TO_BE_SET = frozenset(row.keyword for row in ROWS if row.set == "-")
"""What N-SET does not allow."""


def lacking(attributes: "Dataset", use: Use, rows: Sequence[Row] = ROWS) -> tuple[list[str], list[str]]:
    """Keywords of what is missing, and of what is empty that must not be; each once, also where several items lack it.

    Args:
        attributes: of a step, or of an item.
        use: the column to hold them against.
        rows: what to look for.
    """
    missing: dict[str, None] = {}
    empty: dict[str, None] = {}
    for row in rows:
        type_ = row.required(use)
        if row.keyword not in attributes:
            if type_ in ("1", "2"):
                missing[row.keyword] = None
            continue
        value = attributes[row.keyword].value
        if type_ == "1" and (value is None or not len(str(value) if isinstance(value, int) else value)):
            empty[row.keyword] = None
        for item in value or () if row.items else ():
            below = lacking(item, use, row.items)
            missing |= dict.fromkeys(below[0])
            empty |= dict.fromkeys(below[1])
    return list(missing), list(empty)
