"""C-GET by an SCU that need not know what will come, nor how it is encoded (PS3.4 C.4.3).

1. Which storage classes there are is asked by C-FIND: of the studies (SOP Classes in Study), else of the instances. For
   a peer that does not tell, it is the usual classes.
2. A few classes are proposed in every transfer syntax; many in two contexts each, uncompressed and compressed, over as
   many associations as 128 contexts allow.
3. An acceptor chooses one transfer syntax of a context, and an object may be kept in another. So what failed is asked
   for by C-FIND, instance by instance, and gotten by its UID in contexts of one syntax each that were not accepted yet.

No instance is stored twice, though it may come twice; it counts once, and a failure counts if the instance never came.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from pydicom.dataset import Dataset

from ...acse.agreement import AcceptedContext
from ...acse.policy import SupportedContext
from ...dimse.fragments import Sink
from ...dimse.messages import MEDIUM, Request
from ...dimse.status import SUBOPERATIONS_COMPLETE_WITH_FAILURES, SUCCESS, Status
from ...dul.items import ExtendedNegotiation, RoleSelection
from ...dul.pdu import MAXIMUM_CONTEXTS
from ..errors import AssociationError, NoAcceptedContext
from ..live import Live
from ..service import Answers, Caller, Operation, Service
from ..steps import Steps
from ..storage.outcome import StoreOutcome
from ..visits import Visit, Visits
from .keys import keys
from .models import IMAGE, PATIENT, STUDY, UNIQUE_KEYS, model, model_of
from .query import Finding, QueryFailed
from .receiving import ANY_SYNTAX, Store, receiver, storage_proposals
from .retrieve_scu import RetrieveResult, Watch, classes_of, get

AT_A_TIME = 500
"""UIDs in one identifier: they fit an element of explicit VR, 64 KiB (PS3.5 7.1.2)."""

_Pair = tuple[str, str]
"""An abstract syntax and a transfer syntax."""


@dataclass(frozen=True, slots=True)
class Getting:
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


def getting(wanted: Getting, sop_classes: Sequence[str] = ()) -> Visits[RetrieveResult]:
    """Get it.

    Args:
        wanted: what.
        sop_classes: the storage classes that may come; none: they are asked for.
    """
    taken = Taken()
    known = tuple(sop_classes)
    if not known:
        try:
            known = yield Visit([wanted.find], lambda live: _classes(live, wanted))
        except AssociationError:  # it may do C-GET all the same, and says what is wrong if not
            known = ()
    results: list[RetrieveResult] = []
    for proposal in storage_proposals(known):
        contexts = [wanted.sop_class_uid, *proposal.contexts]
        steps = _Round(wanted, taken, [wanted.identifier])
        results += yield Visit(contexts, steps, roles=proposal.roles, extended=wanted.extended)
        if results[-1].status.is_cancel or (known and results[-1].status.is_success and not results[-1].failed):
            break
    again = [] if results[-1].status.is_cancel else (yield from _missing(wanted, taken, results))
    return results[0] if len(results) == 1 and not again else merged(results, again, taken.statuses)


def _missing(wanted: Getting, taken: "Taken", results: Sequence[RetrieveResult]) -> Visits[list[RetrieveResult]]:
    """Get what failed, in other transfer syntaxes."""
    missing = {uid for each in results for uid in each.failed_sop_instances if not taken.has(uid)}
    if not missing or wanted.level not in wanted.levels:
        return []
    try:
        found: list[_Image] = yield Visit([wanted.find], lambda live: _images(live, wanted))
    except AssociationError:  # as above
        return []
    images = [image for image in found if image.sop_instance_uid in missing]
    pairs = dict.fromkeys(pair for image in images for pair in image.pairs if pair not in taken.accepted)
    again: list[RetrieveResult] = []
    for some in _chunks(pairs, MAXIMUM_CONTEXTS - 1):
        classes = dict.fromkeys(sop_class for sop_class, _ in some)
        still = [
            each for each in images if each.sop_class_uid in classes and each.sop_instance_uid not in taken.statuses
        ]
        if not still:
            continue
        contexts = [wanted.sop_class_uid, *((sop_class, (syntax,)) for sop_class, syntax in some)]
        roles = [RoleSelection(uid, scu=False, scp=True) for uid in classes]
        steps = _Round(wanted, taken, list(_identifiers(still)))
        again += yield Visit(contexts, steps, roles=roles, extended=wanted.extended)
        if again[-1].status.is_cancel:
            break
    return again


class _Round:
    """The steps of one association: C-GETs, one after the other, and what comes back."""

    def __init__(self, wanted: Getting, taken: "Taken", identifiers: Sequence[Dataset]) -> None:
        self._wanted = wanted
        self._taken = taken
        self._identifiers = identifiers

    def __call__(self, live: Live) -> Steps[list[RetrieveResult]]:
        wanted = self._wanted
        self._taken.accepts(live.agreement.contexts.values())
        results: list[RetrieveResult] = []
        with receiver(wanted.store, wanted.on_stored) as service, live.serving.offering(Once(service, self._taken)):
            for identifier in self._identifiers:
                options: dict[str, Any] = {"model": wanted.sop_class_uid, "progress": wanted.progress}
                results.append((yield from get(live.exchange, identifier, live.now(), **options)))
                if results[-1].status.is_cancel:
                    break
        return results


# ---- what comes ----


@dataclass(slots=True)
class Taken:
    """What has come, on whichever association."""

    statuses: dict[str, Status] = field(default_factory=dict)
    """What we answered to each instance that was stored: success, or a warning."""
    accepted: set[_Pair] = field(default_factory=set)
    """What could come."""

    def has(self, sop_instance_uid: str) -> bool:
        """Whether an instance is here."""
        return sop_instance_uid in self.statuses

    def accepts(self, contexts: Iterable[AcceptedContext]) -> None:
        """One more association has these."""
        self.accepted |= {(context.abstract_syntax, context.transfer_syntax) for context in contexts}


class Once(Service):
    """Another service's C-STORE, which it is asked for once for each instance; what comes again is success at once."""

    def __init__(self, service: Service, taken: Taken) -> None:
        self._service = service
        self._taken = taken
        self.blocking = service.blocking

    def supports(self, abstract_syntax: str) -> SupportedContext | None:
        """As the other service."""
        return self._service.supports(abstract_syntax)

    def open_sink(self, caller: Caller, context: AcceptedContext, request: Request) -> Sink:
        """As the other service, unless it is not wanted."""
        if self._taken.has(request.sop_instance_uid or ""):
            return Unwanted()
        return self._service.open_sink(caller, context, request)

    def perform(self, operation: Operation) -> Answers:
        """As the other service, whose answer is kept."""
        if isinstance(operation.sink, Unwanted):
            return operation.request.response(SUCCESS)
        answer = self._service.perform(operation)
        status: Status = answer.status  # type: ignore[union-attr]  # C-STORE has one answer, without a data set
        if not status.is_failure:
            self._taken.statuses[operation.request.sop_instance_uid or ""] = status
        return answer


class Unwanted:
    """Where the data set of an instance goes that is here already."""

    def write(self, data: bytes | memoryview, /) -> None:
        """Nowhere."""


def merged(
    first: Sequence[RetrieveResult], again: Sequence[RetrieveResult], statuses: "dict[str, Status]"
) -> RetrieveResult:
    """One result of a C-GET over several associations.

    Args:
        first: of those that asked for everything, in each of which the classes of the others failed.
        again: of those that asked for what was missing.
        statuses: what was answered to the instances that were stored.
    """
    results = (*first, *again)
    missing = dict.fromkeys(uid for each in results for uid in each.failed_sop_instances if uid not in statuses)
    warning = sum(status.is_warning for status in statuses.values())
    asked = max(each.completed + each.failed + each.warning + each.remaining for each in first)
    cancelled = next((each for each in results if each.status.is_cancel), None)
    if cancelled is not None:
        remaining = max(asked - len(statuses) - len(missing), 0)
        status, failed, worst = cancelled.status, len(missing), cancelled
    else:
        remaining, failed = 0, max(asked - len(statuses), len(missing))
        worst = max(results, key=lambda each: (each.status.is_failure, not each.status.is_success))
        status = SUCCESS if not (failed or warning) and statuses else SUBOPERATIONS_COMPLETE_WITH_FAILURES
        status = status if statuses else worst.status
    comment = worst.error_comment if failed else ""
    completed = len(statuses) - warning
    return RetrieveResult(
        status, completed, failed, warning, remaining, tuple(missing), comment, results[-1].message_id
    )


# ---- what is asked ----


@dataclass(frozen=True, slots=True)
class _Image:
    """An instance, as a C-FIND tells of it."""

    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntaxes: tuple[str, ...]
    above: tuple[tuple[str, str], ...]
    """The unique keys of the levels above it."""

    @property
    def pairs(self) -> Iterator[_Pair]:
        """What it may come in."""
        return ((self.sop_class_uid, syntax) for syntax in self.transfer_syntaxes or ANY_SYNTAX)


def _classes(live: Live, wanted: Getting) -> Steps[tuple[str, ...]]:
    """The storage classes of what is wanted; none where the peer does not tell."""
    if wanted.level in (PATIENT, STUDY):
        asked = {UNIQUE_KEYS[level]: wanted.given(level) for level in (PATIENT, STUDY) if level in wanted.levels}
        studies = yield from _found(live, wanted, STUDY, **asked, SOPClassesInStudy="")
        told = [classes_of(study) for study in studies]
        if told and all(told):
            return tuple(dict.fromkeys(uid for each in told for uid in each))
    images = yield from _images(live, wanted)
    return tuple(dict.fromkeys(image.sop_class_uid for image in images))


def _images(live: Live, wanted: Getting) -> Steps[list[_Image]]:
    """Every instance of what is wanted; none where the peer does not tell, or where it is not said where to look."""
    branches: list[dict[str, str]] = [{}]
    for level in wanted.levels[: wanted.levels.index(IMAGE)]:
        key, given = UNIQUE_KEYS[level], wanted.given(level)
        if not given and wanted.levels.index(level) <= wanted.levels.index(wanted.level):
            return []
        below: list[dict[str, str]] = []
        for branch in branches:
            uids = given
            if not given:
                uids = [
                    str(each.get(key) or "") for each in (yield from _found(live, wanted, level, **branch, **{key: ""}))
                ]
            below += [branch | {key: uid} for uid in uids if uid]
        branches = below
    images: list[_Image] = []
    for branch in branches:
        asked = {"SOPInstanceUID": wanted.given(IMAGE), "SOPClassUID": "", "AvailableTransferSyntaxUID": ""}
        for each in (yield from _found(live, wanted, IMAGE, **branch, **asked)):
            images += _image(each, branch)
    return images


def _image(match: Dataset, branch: dict[str, str]) -> Iterator[_Image]:
    uid, sop_class = match.get("SOPInstanceUID"), match.get("SOPClassUID")
    told = match.get("AvailableTransferSyntaxUID") or ()
    if uid and sop_class:
        syntaxes = (told,) if isinstance(told, str) else tuple(map(str, told))
        yield _Image(str(uid), str(sop_class), syntaxes, tuple(branch.items()))


def _found(live: Live, wanted: Getting, level: str, **asked: Any) -> Steps[list[Dataset]]:
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


def _identifiers(images: Iterable[_Image]) -> Iterator[Dataset]:
    """What gets these instances: those of one series at a time."""
    series: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for image in images:
        series.setdefault(image.above, []).append(image.sop_instance_uid)
    for above, uids in series.items():
        for some in _chunks(uids, AT_A_TIME):
            yield keys(QueryRetrieveLevel=IMAGE, **dict(above), SOPInstanceUID=some)


def _chunks(things: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(things)
    while some := list(islice(iterator, size)):
        yield some
