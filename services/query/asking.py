"""What a C-GET will bring, as far as C-FIND tells (PS3.4 C.4.1): storage classes, instances, what they may come in.

The queries are hierarchical: each has the unique keys of the levels above, so every archive may answer them. Where it
is not said what is above, nobody is asked: that would be a query for all there is.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Set
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from pydicom.dataset import Dataset
from pydicom.uid import UID_dictionary  # type: ignore[attr-defined]  # documented, but not listed as exported

from ...dimse.messages import MEDIUM
from ...dul.items import ExtendedNegotiation
from ...spec.values import value
from ..errors import NoAcceptedContext
from ..live import Live
from ..steps import Steps
from ..storage.outcome import StoreOutcome
from ..storage.storage import is_storage_class
from .keys import keys
from .models import IMAGE, PATIENT, STUDY, UNIQUE_KEYS, model, model_of
from .query import Finding, QueryFailed
from .receiving import ANY_SYNTAX, COMMON_STORAGE, ENCAPSULATED, UNENCAPSULATED, Store
from .retrieve_scu import Watch, classes_of

T = TypeVar("T")
AT_A_TIME = 500
"""UIDs in one identifier: they fit an element of explicit VR, 64 KiB (PS3.5 7.1.2)."""

Context = tuple[str, tuple[str, ...]]
"""An abstract syntax and its transfer syntaxes."""


@value
class Wanted:
    """What is to be gotten."""

    identifier: Dataset
    """Level and unique keys."""
    sop_class_uid: str
    """Of the C-GET."""
    extended: tuple[ExtendedNegotiation, ...]
    """What is asked for beyond the baseline."""
    store: Store
    """Where objects go."""
    progress: Watch | None = None
    """Told of pending responses; False cancels."""
    on_stored: Callable[[StoreOutcome], None] | None = None
    """Told of what went to a store."""

    @property
    def level(self) -> str:
        """Query/Retrieve Level (0008,0052)."""
        return str(self.identifier.QueryRetrieveLevel)

    @property
    def find(self) -> str:
        """The SOP class of queries about it: of the same model, if that goes down to images."""
        known = model_of(self.sop_class_uid)
        return known.find if known is not None and known.find and IMAGE in known.levels else model("find", "study")

    @property
    def levels(self) -> tuple[str, ...]:
        """Those of these queries, from the top."""
        known = model_of(self.find)
        assert known is not None  # `find` is one of ours
        return known.levels

    def given(self, level: str) -> list[str]:
        """The values of the unique key of a level."""
        value = self.identifier.get(UNIQUE_KEYS[level])
        return [value] if isinstance(value, str) and value else [str(each) for each in value or ()]


@value
class Image:
    """An instance, as a C-FIND tells of it."""

    sop_instance_uid: str
    sop_class_uid: str
    """Empty where it does not tell, as DCMTK's dcmqrscp."""
    transfer_syntaxes: tuple[str, ...]
    above: tuple[tuple[str, str], ...]
    """The unique keys of the levels above it."""

    def may_be(self, classes: Container[str]) -> bool:
        """Whether it is of one of these classes, as far as anybody knows."""
        return not self.sop_class_uid or self.sop_class_uid in classes

    def contexts(self, accepted: Set[tuple[str, str]]) -> Iterator[Context]:
        """What it may come in, and could not yet. Of a class that is not known: whatever nobody proposes unasked, and
        what is asked for often, but compressed only, since some archives look at the first context of a class."""
        if self.sop_class_uid:
            for syntax in self.transfer_syntaxes or ANY_SYNTAX:
                if (self.sop_class_uid, syntax) not in accepted:
                    yield self.sop_class_uid, (syntax,)
            return
        classes = {sop_class for sop_class, _ in accepted}
        for sop_class in _storage_classes():
            if sop_class not in classes:
                yield sop_class, UNENCAPSULATED
            yield sop_class, ENCAPSULATED


@cache
def _storage_classes() -> tuple[str, ...]:
    """All that are known, the unusual ones first."""
    known = [uid for uid in UID_dictionary if is_storage_class(uid)]
    return tuple(sorted(known, key=lambda uid: uid in COMMON_STORAGE))


def asked_classes(live: Live, wanted: Wanted) -> Steps[tuple[str, ...]]:
    """The storage classes of what is wanted; none where the peer does not tell."""
    if wanted.level in (PATIENT, STUDY):
        asked = {UNIQUE_KEYS[level]: wanted.given(level) for level in (PATIENT, STUDY) if level in wanted.levels}
        studies = yield from _found(live, wanted, STUDY, **asked, SOPClassesInStudy="")
        told = [classes_of(study) for study in studies]
        if told and all(told):
            return tuple(dict.fromkeys(uid for each in told for uid in each))
    images = yield from asked_images(live, wanted)
    return tuple(dict.fromkeys(image.sop_class_uid for image in images if image.sop_class_uid))


def asked_images(live: Live, wanted: Wanted) -> Steps[list[Image]]:
    """Every instance of what is wanted; none where the peer does not tell, or where it is not said where to look."""
    branches: list[dict[str, str]] = [{}]
    for level in wanted.levels[: wanted.levels.index(IMAGE)]:
        key, given = UNIQUE_KEYS[level], wanted.given(level)
        if not given and wanted.levels.index(level) <= wanted.levels.index(wanted.level):
            return []
        below: list[dict[str, str]] = []
        for branch in branches:
            matches = [] if given else (yield from _found(live, wanted, level, **branch, **{key: ""}))
            uids = given or dict.fromkeys(str(match.get(key) or "") for match in matches)
            below += [branch | {key: uid} for uid in uids if uid]
        branches = below
    found: list[Image] = []
    for branch in branches:
        asked = {"SOPInstanceUID": wanted.given(IMAGE), "SOPClassUID": "", "AvailableTransferSyntaxUID": ""}
        for each in (yield from _found(live, wanted, IMAGE, **branch, **asked)):
            found += _image(each, branch)
    return found


def _image(match: Dataset, branch: dict[str, str]) -> Iterator[Image]:
    uid, sop_class = match.get("SOPInstanceUID"), match.get("SOPClassUID")
    told = match.get("AvailableTransferSyntaxUID") or ()
    if uid:
        syntaxes = (told,) if isinstance(told, str) else tuple(map(str, told))
        yield Image(str(uid), str(sop_class or ""), syntaxes, tuple(branch.items()))


def _found(live: Live, wanted: Wanted, level: str, **asked: Any) -> Steps[list[Dataset]]:
    """The matches of a query; none of one that is not answered."""
    identifier = keys(QueryRetrieveLevel=level, **asked)
    found: list[Dataset] = []
    try:
        finding = Finding(live.exchange, identifier, wanted.find, MEDIUM, live.now())
        while (match := (yield from finding.next())) is not None:
            found += [match.identifier] if match.identifier is not None else []
    except (QueryFailed, NoAcceptedContext):
        return []
    return found


def identifiers(images: Iterable[Image]) -> Iterator[Dataset]:
    """What gets these instances: those of one series at a time."""
    series: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for image in images:
        series.setdefault(image.above, []).append(image.sop_instance_uid)
    for above, uids in series.items():
        for some in chunks(uids, AT_A_TIME):
            yield keys(QueryRetrieveLevel=IMAGE, **dict(above), SOPInstanceUID=some)


def chunks(things: Iterable[T], size: int) -> Iterator[list[T]]:
    """So many at a time."""
    iterator = iter(things)
    while some := list(islice(iterator, size)):
        yield some
