"""The query models: which SOP class finds, moves and gets what, at which levels, with which keys (PS3.4 C, K, U).

    >>> model("find", "study")
    '1.2.840.10008.5.1.4.1.2.2.1'

The extended negotiation of C-FIND, C-MOVE and C-GET is here in typed form (PS3.4 C.5.1.1, C.5.2.1, C.5.3.1).
"""

from dataclasses import dataclass, fields
from typing import Literal, Self

from ...dul.errors import LocalProtocolError
from ...dul.items import ExtendedNegotiation
from ...spec.values import value

Verb = Literal["find", "move", "get"]
"""The three operations of Query/Retrieve."""


@value
class QueryModel:
    """A query information model and its SOP classes."""

    name: str
    """What `model` is asked for: "study"."""
    title: str
    """As the standard calls it."""
    find: str = ""
    """SOP class of its C-FIND; empty if it has none."""
    move: str = ""
    """Of its C-MOVE."""
    get: str = ""
    """Of its C-GET."""
    levels: tuple[str, ...] = ()
    """Values of Query/Retrieve Level (0008,0052), from the top; empty if identifiers have none."""
    retired: bool = False
    """Whether the standard has retired it."""


_QR = "1.2.840.10008.5.1.4.1.2"
_MODEL = "1.2.840.10008.5.1.4"
PATIENT, STUDY, SERIES, IMAGE = "PATIENT", "STUDY", "SERIES", "IMAGE"
"""PATIENT, STUDY, SERIES, IMAGE: values of Query/Retrieve Level (0008,0052), PS3.4 C.3."""


def _three(name: str, title: str, root: str, first: int, **more: tuple[str, ...]) -> QueryModel:
    """A model whose FIND, MOVE and GET have consecutive UIDs."""
    find, move, get = (f"{root}.{first + n}" for n in range(3))
    return QueryModel(name, title, find, move, get, **more)  # type: ignore[arg-type]  # levels only


MODELS: tuple[QueryModel, ...] = (
    _three("patient", "Patient Root", f"{_QR}.1", 1, levels=(PATIENT, STUDY, SERIES, IMAGE)),
    _three("study", "Study Root", f"{_QR}.2", 1, levels=(STUDY, SERIES, IMAGE)),
    QueryModel(
        *("patient-study-only", "Patient/Study Only"),
        *(f"{_QR}.3.1", f"{_QR}.3.2", f"{_QR}.3.3"),
        levels=(PATIENT, STUDY),
        retired=True,
    ),
    QueryModel(
        *("composite", "Composite Instance Root Retrieve", "", f"{_QR}.4.2", f"{_QR}.4.3"),
        levels=(STUDY, SERIES, IMAGE, "FRAME"),
    ),
    QueryModel(
        *("without-bulk-data", "Composite Instance Retrieve Without Bulk Data", "", "", f"{_QR}.5.3"),
        levels=(IMAGE,),
    ),
    QueryModel("worklist", "Modality Worklist", f"{_MODEL}.31"),
    QueryModel("general-purpose-worklist", "General Purpose Worklist", f"{_MODEL}.32.1", retired=True),
    _three("defined-procedure-protocol", "Defined Procedure Protocol", f"{_MODEL}.20", 1),
    _three("hanging-protocol", "Hanging Protocol", f"{_MODEL}.38", 2),
    _three("color-palette", "Color Palette", f"{_MODEL}.39", 2),
    _three("implant-template", "Generic Implant Template", f"{_MODEL}.43", 2),
    _three("implant-assembly-template", "Implant Assembly Template", f"{_MODEL}.44", 2),
    _three("implant-template-group", "Implant Template Group", f"{_MODEL}.45", 2),
    _three("protocol-approval", "Protocol Approval", f"{_MODEL}.1.1.200", 4),
    _three("inventory", "Inventory", f"{_MODEL}.1.1.201", 2),
    QueryModel("repository", "Repository Query", f"{_MODEL}.1.1.201.6", levels=(STUDY, SERIES, IMAGE)),
    QueryModel("procedure-step", "Unified Procedure Step - Pull", f"{_MODEL}.34.6.3"),
)
"""Every model that the standard has, or had, SOP classes for. (A Unified Procedure Step is queried through the class
that also works on it, PS3.4 CC.2.8.)"""

_BY_NAME = {each.name: each for each in MODELS}
_BY_UID = {uid: each for each in MODELS for uid in (each.find, each.move, each.get) if uid}

RETURN_KEYS: dict[str, tuple[str, ...]] = {
    PATIENT: ("PatientID", "PatientName", "PatientBirthDate", "PatientSex"),
    STUDY: (
        *("StudyInstanceUID", "PatientID", "PatientName", "StudyDate", "StudyTime", "StudyDescription"),
        *("AccessionNumber", "ModalitiesInStudy", "StudyID"),
    ),
    SERIES: ("StudyInstanceUID", "SeriesInstanceUID", "Modality", "SeriesNumber", "SeriesDescription"),
    IMAGE: ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "InstanceNumber"),
}
"""What to ask for at each level when nobody said: the unique keys and what people know things by (PS3.4 C.6)."""
WORKLIST_KEYS = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "AccessionNumber"),
    *("RequestedProcedureID", "RequestedProcedureDescription"),
)
"""What to ask for of each item of a worklist (PS3.4 Table K.6-1)."""
SCHEDULED_STEP_KEYS = (
    *("Modality", "ScheduledStationAETitle", "ScheduledProcedureStepStartDate", "ScheduledProcedureStepStartTime"),
    *("ScheduledProcedureStepID", "ScheduledProcedureStepDescription", "ScheduledPerformingPhysicianName"),
)
"""And of its Scheduled Procedure Step Sequence (0040,0100)."""
UNIQUE_KEYS: dict[str, str] = {
    PATIENT: "PatientID",
    STUDY: "StudyInstanceUID",
    SERIES: "SeriesInstanceUID",
    IMAGE: "SOPInstanceUID",
}
"""The unique key of each level (PS3.4 C.6.1.1, C.6.2.1)."""


def model(verb: Verb, name: str = "study") -> str:
    """The SOP class that does something in a model; a UID is passed through.

    Raises:
        LocalProtocolError: there is no such model, or it does not do that; the message names those that do.
    """
    if name[:1].isdigit():
        return name
    uid: str = getattr(_BY_NAME.get(name), verb, "")
    if not uid:
        known = ", ".join(each.name for each in MODELS if getattr(each, verb))
        raise LocalProtocolError(f"no model {name!r} to {verb} in; there are {known}")
    return uid


def model_of(uid: str) -> QueryModel | None:
    """The model a SOP class belongs to; None if it is of none that is known."""
    return _BY_UID.get(uid)


def uids(verb: Verb) -> tuple[str, ...]:
    """Every SOP class that finds, or moves, or gets."""
    return tuple(getattr(each, verb) for each in MODELS if getattr(each, verb))


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryExtension:
    """What a query may ask for beyond the baseline: the Service-class-application-information of C-FIND (PS3.4
    Table C.5-1); C-MOVE and C-GET have `relational` and `enhanced` (Tables C.5-3, C.5-5)."""

    relational: bool = False
    """Queries or retrievals without the unique keys of the levels above."""
    date_time_matching: bool = False
    """Date and time of an attribute pair are matched together."""
    fuzzy_names: bool = False
    """Fuzzy semantic matching of person names."""
    time_zone: bool = False
    """Timezone Offset From UTC (0008,0201) is honoured in queries."""
    enhanced: bool = False
    """Enhanced multi-frame image conversion (Query/Retrieve View, PS3.4 C.3.5)."""
    empty_values: bool = False
    """Empty value matching (PS3.4 C.2.2.2.7)."""
    multiple_values: bool = False
    """Multiple value matching (PS3.4 C.2.2.2.8)."""

    def __bool__(self) -> bool:
        return self != type(self)()

    def __and__(self, other: "QueryExtension") -> "QueryExtension":
        """What both have: the answer of one who knows `self` to a proposal of `other`."""
        return QueryExtension(
            **{name: getattr(self, name) and getattr(other, name) for name in _NAMES}  # all are booleans
        )

    def encode(self, verb: Verb = "find") -> bytes:
        """One byte for each, 0 or 1; those at the end that say no are left out, as peers of older standards expect."""
        flags = [getattr(self, name) for name in _names(verb)]
        least = 3 if verb == "find" and any(flags[1:]) else 1
        while len(flags) > least and not flags[-1]:
            flags.pop()
        return bytes(flags)

    @classmethod
    def decode(cls, information: bytes, verb: Verb = "find") -> Self:
        """What a peer says; bytes that are not there are 0, those too many are ignored (PS3.7 D.3.3.5)."""
        return cls(**{name: flag == 1 for name, flag in zip(_names(verb), information, strict=False)})

    def item(self, uid: str) -> ExtendedNegotiation:
        """The item that proposes it for a SOP class of Query/Retrieve."""
        return ExtendedNegotiation(uid, self.encode(verb_of(uid)))


_NAMES = tuple(field.name for field in fields(QueryExtension))


def _names(verb: Verb) -> tuple[str, ...]:
    """What the bytes are about, in their order."""
    return _NAMES if verb == "find" else ("relational", "enhanced")


def verb_of(uid: str) -> Verb:
    """What a SOP class of a query model does; "find" for one that is not known."""
    known = _BY_UID.get(uid)
    if known is None or uid == known.find:
        return "find"
    return "move" if uid == known.move else "get"
