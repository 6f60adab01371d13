"""`QueryBuilder`: walk PATIENT → STUDY → SERIES → IMAGE, one query for each thing found (PS3.4 C.3, C.4.1.2).

    builder = QueryBuilder(scu, pacs)
    studies = builder.study_uids("1234")
    series = builder.series_uids(each for each in studies if each.date >= "20240101")
    for image in builder.image_uids(each for each in series if each.modality == "CT"):
        scu.move_image(pacs, image, "CATCHER")

The queries are hierarchical: each has the unique keys of the levels above, so every archive answers them.
"""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from pydicom.dataset import Dataset

from .keys import identifier, keys
from .models import IMAGE, SERIES, STUDY, model
from .query import found

if TYPE_CHECKING:
    from .. import aio
    from ..entity import Entity
    from ..scu import SCU

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Study:
    """A study that was found."""

    study_instance_uid: str
    """Study Instance UID (0020,000D)."""
    patient_id: str = ""
    """Patient ID (0010,0020)."""
    date: str = ""
    """Study Date (0008,0020), YYYYMMDD."""
    description: str = field(default="", repr=False)
    """Study Description (0008,1030)."""
    accession_number: str = ""
    """Accession Number (0008,0050)."""
    modalities: tuple[str, ...] = ()
    """Modalities in Study (0008,0061)."""
    identifier: Dataset | None = field(default=None, repr=False, compare=False)
    """All that the archive said."""


@dataclass(frozen=True, slots=True)
class Series:
    """A series that was found."""

    study: Study
    """What it is part of."""
    series_instance_uid: str
    """Series Instance UID (0020,000E)."""
    modality: str = ""
    """Modality (0008,0060)."""
    number: int | None = None
    """Series Number (0020,0011)."""
    description: str = field(default="", repr=False)
    """Series Description (0008,103E)."""
    identifier: Dataset | None = field(default=None, repr=False, compare=False)
    """All that the archive said."""


@dataclass(frozen=True, slots=True)
class Image:
    """A composite object that was found."""

    series: Series
    """What it is part of."""
    sop_instance_uid: str
    """SOP Instance UID (0008,0018)."""
    sop_class_uid: str = ""
    """SOP Class UID (0008,0016); empty where the archive does not tell."""
    number: int | None = None
    """Instance Number (0020,0013)."""
    identifier: Dataset | None = field(default=None, repr=False, compare=False)
    """All that the archive said."""

    @property
    def keys(self) -> Dataset:
        """The unique keys that lead to it."""
        return keys(**_keys_of_series(self.series), SOPInstanceUID=self.sop_instance_uid)


class QueryBuilder:
    """Queries that lead from a patient to images, at one archive.

    Args:
        scu: who asks.
        pacs: who is asked.

    Each method raises, while it is iterated:
        QueryFailed: a query ended with a failure.
        AssociationError: the association could not be made, or ended early.
        LocalProtocolError: a keyword that does not exist.
    """

    def __init__(self, scu: "SCU", pacs: "Entity") -> None:
        self._scu = scu
        self._pacs = pacs

    def study_uids(self, patient_id: str = "", **keys: Any) -> Iterator[Study]:
        """The studies of a patient; further keys narrow them (`StudyDate="20240101-"`)."""
        for found_in, each in self._found(STUDY, [patient_id], _keys_of_patient, _STUDY_KEYS | keys):
            yield _study(found_in, each)

    def series_uids(self, studies: Iterable[Study], **keys: Any) -> Iterator[Series]:
        """The series of studies; further keys narrow them (`Modality="CT"`)."""
        for found_in, each in self._found(SERIES, studies, _keys_of_study, _SERIES_KEYS | keys):
            yield _series(found_in, each)

    def image_uids(self, series: Iterable[Series], **keys: Any) -> Iterator[Image]:
        """The images of series; further keys narrow them (`InstanceNumber="1"`)."""
        for found_in, each in self._found(IMAGE, series, _keys_of_series, _IMAGE_KEYS | keys):
            yield _image(found_in, each)

    def _found(
        self, level: str, above: Iterable[T], keys_of: Callable[[T], dict[str, str]], asked: dict[str, Any]
    ) -> Iterator[tuple[T, Dataset]]:
        """What is below each of those above, over one association. All those above are known before it is made: they
        may come from an association of their own."""
        waiting = list(above)
        if not waiting:
            return
        with self._scu.associate(self._pacs, [_FIND]) as association:
            for one in waiting:
                for match in association.find(identifier(level, **asked | keys_of(one)), _FIND):
                    yield one, found(match)


class AsyncQueryBuilder:
    """The same on an event loop, with an SCU of `dulcet.aio`: asynchronous iterators, which each method also takes."""

    def __init__(self, scu: "aio.SCU", pacs: "Entity") -> None:
        self._scu = scu
        self._pacs = pacs

    async def study_uids(self, patient_id: str = "", **keys: Any) -> AsyncIterator[Study]:
        """The studies of a patient; see the blocking one."""
        async for found_in, each in self._found(STUDY, [patient_id], _keys_of_patient, _STUDY_KEYS | keys):
            yield _study(found_in, each)

    async def series_uids(self, studies: Iterable[Study] | AsyncIterable[Study], **keys: Any) -> AsyncIterator[Series]:
        """The series of studies; see the blocking one."""
        async for found_in, each in self._found(SERIES, studies, _keys_of_study, _SERIES_KEYS | keys):
            yield _series(found_in, each)

    async def image_uids(self, series: Iterable[Series] | AsyncIterable[Series], **keys: Any) -> AsyncIterator[Image]:
        """The images of series; see the blocking one."""
        async for found_in, each in self._found(IMAGE, series, _keys_of_series, _IMAGE_KEYS | keys):
            yield _image(found_in, each)

    async def _found(
        self,
        level: str,
        above: Iterable[T] | AsyncIterable[T],
        keys_of: Callable[[T], dict[str, str]],
        asked: dict[str, Any],
    ) -> AsyncIterator[tuple[T, Dataset]]:
        waiting = [one async for one in above] if isinstance(above, AsyncIterable) else list(above)
        if not waiting:
            return
        async with await self._scu.associate(self._pacs, [_FIND]) as association:
            for one in waiting:
                async for match in association.find(identifier(level, **asked | keys_of(one)), _FIND):
                    yield one, found(match)


_FIND = model("find", "study")
_STUDY_KEYS: dict[str, Any] = dict.fromkeys(
    ("StudyDate", "StudyDescription", "AccessionNumber", "ModalitiesInStudy"), ""
)
_SERIES_KEYS: dict[str, Any] = dict.fromkeys(("Modality", "SeriesNumber", "SeriesDescription"), "")
_IMAGE_KEYS: dict[str, Any] = dict.fromkeys(("SOPClassUID", "InstanceNumber"), "")


def _study(patient_id: str, each: Dataset) -> Study:
    modalities = _text(each, "ModalitiesInStudy")
    return Study(
        _text(each, "StudyInstanceUID"),
        _text(each, "PatientID") or patient_id,
        _text(each, "StudyDate"),
        _text(each, "StudyDescription"),
        _text(each, "AccessionNumber"),
        tuple(modalities.split("\\")) if modalities else (),
        each,
    )


def _series(study: Study, each: Dataset) -> Series:
    return Series(
        study,
        _text(each, "SeriesInstanceUID"),
        _text(each, "Modality"),
        _number(each, "SeriesNumber"),
        _text(each, "SeriesDescription"),
        each,
    )


def _image(series: Series, each: Dataset) -> Image:
    uid, sop_class = _text(each, "SOPInstanceUID"), _text(each, "SOPClassUID")
    return Image(series, uid, sop_class, _number(each, "InstanceNumber"), each)


def _keys_of_patient(patient_id: str) -> dict[str, str]:
    return {"PatientID": patient_id}


def _keys_of_study(study: Study) -> dict[str, str]:
    return {"StudyInstanceUID": study.study_instance_uid}


def _keys_of_series(series: Series) -> dict[str, str]:
    return _keys_of_study(series.study) | {"SeriesInstanceUID": series.series_instance_uid}


def _text(dataset: Dataset, keyword: str) -> str:
    """A value as text, several with backslashes between them; empty where there is none."""
    value = dataset.get(keyword)
    if value is None:
        return ""
    return str(value) if isinstance(value, str) else "\\".join(map(str, value))


def _number(dataset: Dataset, keyword: str) -> int | None:
    """A value as a number; None where there is none, or what is there is no number."""
    try:
        return int(dataset.get(keyword))
    except (TypeError, ValueError):
        return None
