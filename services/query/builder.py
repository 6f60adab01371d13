"""`QueryBuilder`: walk PATIENT → STUDY → SERIES → IMAGE, one query for each thing found (PS3.4 C.3, C.4.1.2).

    builder = QueryBuilder(scu, pacs)
    studies = builder.study_uids("1234")
    series = builder.series_uids(each for each in studies if each.date >= "20240101")
    for image in builder.image_uids(each for each in series if each.modality == "CT"):
        scu.move_image(pacs, image, "CATCHER")

The queries are hierarchical: each has the unique keys of the levels above, so every archive answers them.
"""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from pydicom.dataset import Dataset

from .keys import identifier
from .models import IMAGE, SERIES, STUDY, model
from .query import found
from .walked import (
    Image,
    Series,
    Study,
    image_of,
    keys_of_patient,
    keys_of_series,
    keys_of_study,
    series_of,
    study_of,
)

if TYPE_CHECKING:
    from ..association import Associates
    from ..association_aio import AsyncAssociates
    from ..entity import Entity

T = TypeVar("T")


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

    def __init__(self, scu: "Associates", pacs: "Entity") -> None:
        self._scu = scu
        self._pacs = pacs

    def study_uids(self, patient_id: str = "", **keys: Any) -> Iterator[Study]:
        """The studies of a patient; further keys narrow them (`StudyDate="20240101-"`)."""
        for found_in, each in self._found(STUDY, [patient_id], keys_of_patient, _STUDY_KEYS | keys):
            yield study_of(found_in, each)

    def series_uids(self, studies: Iterable[Study], **keys: Any) -> Iterator[Series]:
        """The series of studies; further keys narrow them (`Modality="CT"`)."""
        for found_in, each in self._found(SERIES, studies, keys_of_study, _SERIES_KEYS | keys):
            yield series_of(found_in, each)

    def image_uids(self, series: Iterable[Series], **keys: Any) -> Iterator[Image]:
        """The images of series; further keys narrow them (`InstanceNumber="1"`)."""
        for found_in, each in self._found(IMAGE, series, keys_of_series, _IMAGE_KEYS | keys):
            yield image_of(found_in, each)

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

    def __init__(self, scu: "AsyncAssociates", pacs: "Entity") -> None:
        self._scu = scu
        self._pacs = pacs

    async def study_uids(self, patient_id: str = "", **keys: Any) -> AsyncIterator[Study]:
        """The studies of a patient; see the blocking one."""
        async for found_in, each in self._found(STUDY, [patient_id], keys_of_patient, _STUDY_KEYS | keys):
            yield study_of(found_in, each)

    async def series_uids(self, studies: Iterable[Study] | AsyncIterable[Study], **keys: Any) -> AsyncIterator[Series]:
        """The series of studies; see the blocking one."""
        async for found_in, each in self._found(SERIES, studies, keys_of_study, _SERIES_KEYS | keys):
            yield series_of(found_in, each)

    async def image_uids(self, series: Iterable[Series] | AsyncIterable[Series], **keys: Any) -> AsyncIterator[Image]:
        """The images of series; see the blocking one."""
        async for found_in, each in self._found(IMAGE, series, keys_of_series, _IMAGE_KEYS | keys):
            yield image_of(found_in, each)

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
