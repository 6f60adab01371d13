"""C-GET by an SCU that need not know what will come, nor how it is encoded (PS3.4 C.4.3).

1. Which storage classes there are is asked by C-FIND: of the studies (SOP Classes in Study), else of the instances. For
   a peer that does not tell, it is the usual classes.
2. A few classes are proposed in every transfer syntax; many in two contexts each, uncompressed and compressed, over as
   many associations as 128 contexts allow.
3. An acceptor chooses one transfer syntax of a context, and an object may be kept in another. So what failed is asked
   for by C-FIND, instance by instance, and gotten by its UID in contexts of one syntax each that were not accepted yet.

No instance is stored twice, though it may come twice; it counts once, and a failure counts if the instance never came.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydicom.dataset import Dataset

from ...acse.agreement import AcceptedContext
from ...acse.policy import SupportedContext
from ...dimse.fragments import Sink
from ...dimse.messages import Request
from ...dimse.status import SUBOPERATIONS_COMPLETE_WITH_FAILURES, SUCCESS, Status
from ...dul.items import RoleSelection
from ...dul.pdu import MAXIMUM_CONTEXTS
from ..errors import AssociationError
from ..live import Live
from ..service import Answers, Caller, Operation, Service
from ..steps import Steps
from ..visits import Visit, Visits
from .asking import Image, Wanted, asked_classes, asked_images, chunks, identifiers
from .receiving import receiver, storage_proposals
from .retrieve_scu import RetrieveResult, get


def getting(wanted: Wanted, sop_classes: Sequence[str] = ()) -> Visits[RetrieveResult]:
    """Get it.

    Args:
        wanted: what.
        sop_classes: the storage classes that may come; none: they are asked for.
    """
    taken = Taken()
    known = tuple(sop_classes)
    if not known:
        try:
            known = yield Visit([wanted.find], lambda live: asked_classes(live, wanted))
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


def _missing(wanted: Wanted, taken: "Taken", results: Sequence[RetrieveResult]) -> Visits[list[RetrieveResult]]:
    """Get what failed, in other transfer syntaxes."""
    missing = {uid for each in results for uid in each.failed_sop_instances if not taken.has(uid)}
    if not missing or wanted.level not in wanted.levels:
        return []
    try:
        found: list[Image] = yield Visit([wanted.find], lambda live: asked_images(live, wanted))
    except AssociationError:  # as above
        return []
    images = [image for image in found if image.sop_instance_uid in missing]
    tried = dict.fromkeys(context for image in images for context in image.contexts(taken.accepted))
    again: list[RetrieveResult] = []
    for some in chunks(tried, MAXIMUM_CONTEXTS - 1):
        classes = dict.fromkeys(sop_class for sop_class, _ in some)
        still = [image for image in images if image.may_be(classes) and not taken.has(image.sop_instance_uid)]
        if not still:
            continue
        roles = [RoleSelection(uid, scu=False, scp=True) for uid in classes]
        steps = _Round(wanted, taken, list(identifiers(still)))
        again += yield Visit([wanted.sop_class_uid, *some], steps, roles=roles, extended=wanted.extended)
        if again[-1].status.is_cancel:
            break
    return again


class _Round:
    """The steps of one association: C-GETs, one after the other, and what comes back."""

    def __init__(self, wanted: Wanted, taken: "Taken", identifiers: Sequence[Dataset]) -> None:
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
    accepted: set[tuple[str, str]] = field(default_factory=set)
    """What could come: abstract syntaxes with a transfer syntax each."""

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

    def waits(self, operation: Operation) -> bool:
        """As the other service."""
        return self._service.waits(operation)

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
