"""Retrieve as SCU (PS3.4 C.4.2, C.4.3): C-MOVE, by which an archive sends objects to an entity it knows, and C-GET, by
which it sends them back on the association of the request."""

from collections.abc import Callable
from typing import Any

from pydicom.dataset import Dataset

from ...dimse import messages
from ...dimse.events import Response as Answered
from ...dimse.exchange import Exchange
from ...dimse.fragments import Memory
from ...dimse.status import MOVE_DESTINATION_UNKNOWN, Status
from ...dul.errors import LocalProtocolError
from ...spec.values import value
from ..identifiers import IdentifierError, decode, encode
from ..steps import Steps, failure, response
from . import models as query_models
from .keys import keys, query_context
from .models import UNIQUE_KEYS, Verb, model_of


@value
class Progress:
    """How far a retrieval is: the numbers of a pending response; those it does not have are None (PS3.7 9.1.4.1.8)."""

    remaining: int | None = None
    """Sub-operations still to be done."""
    completed: int | None = None
    """Done, with success."""
    failed: int | None = None
    """Not done."""
    warning: int | None = None
    """Done, with a warning."""


Watch = Callable[[Progress], bool | None]
"""Told of each pending response; False cancels the retrieval."""


@value
class RetrieveResult:
    """How a retrieval ended: the final response."""

    status: Status
    """Status (0000,0900): 0x0000, 0xB000 some sub-operations failed or had warnings, 0xFE00 cancelled, or a failure."""
    completed: int = 0
    """Sub-operations done with success."""
    failed: int = 0
    """Not done."""
    warning: int = 0
    """Done with a warning."""
    remaining: int = 0
    """Not begun: the retrieval was cancelled, or failed."""
    failed_sop_instances: tuple[str, ...] = ()
    """Failed SOP Instance UID List (0008,0058)."""
    error_comment: str = ""
    """Error Comment (0000,0902)."""
    message_id: int = 0
    """Message ID of the request it answers."""
    destination: str = ""
    """Where objects were to go; empty for C-GET."""

    @property
    def ok(self) -> bool:
        """Whether everything that matched has arrived."""
        return self.status.is_success and not self.failed

    def __str__(self) -> str:
        """The end of it in words."""
        if self.status == MOVE_DESTINATION_UNKNOWN:
            return f"the archive does not know destination {self.destination} ({self.status})"
        counts = f"{self.completed} completed, {self.failed} failed, {self.warning} with a warning"
        left = f", {self.remaining} not begun" if self.remaining else ""
        comment = f": {self.error_comment}" if self.error_comment else ""
        return f"{counts}{left} ({self.status}{comment})"


def retrieve_identifier(
    what: Dataset | None = None, level: str = "", model: str | None = None, **values: Any
) -> Dataset:
    """The identifier of a retrieval: level and unique keys of what shall be retrieved, no more (PS3.4 C.4.2.1.4.1).

    Args:
        what: a match of a query, say, or None.
        level: Query/Retrieve Level; by default that of `what`, else of the lowest unique key there is.
        model: name of the query model, or SOP class UID; PatientID is no key of the study root's.
        values: keys by their keywords, besides those of `what`; a list of UIDs retrieves several.

    Raises:
        LocalProtocolError: the unique key of the level is missing.
    """
    given = Dataset()
    given.update(what or {})
    given.update(keys(**values))
    levels = [each for each, keyword in UNIQUE_KEYS.items() if given.get(keyword)]
    level = (level or given.get("QueryRetrieveLevel") or (levels[-1] if levels else "")).upper()
    if level not in levels:
        key = UNIQUE_KEYS.get(level, "a unique key")
        raise LocalProtocolError(f"nothing to retrieve: {key} is missing (PS3.4 C.4.2.1.4.1)")
    if model is None:
        model = "patient" if level == query_models.PATIENT else "study"
    known = model_of(query_models.model("get", model) if not model[:1].isdigit() else model)
    chosen = Dataset()
    chosen.QueryRetrieveLevel = level
    for each in levels[: levels.index(level) + 1]:
        if known is None or each in known.levels:
            chosen[UNIQUE_KEYS[each]] = given[UNIQUE_KEYS[each]]
    return chosen


def move(
    exchange: Exchange,
    dataset: Dataset,
    destination: str,
    now: float,
    *,
    model: str | None = None,
    priority: int = messages.MEDIUM,
    progress: Watch | None = None,
) -> Steps[RetrieveResult]:
    """Invoke C-MOVE (PS3.7 9.1.4) and wait until all is moved.

    Args:
        exchange: an established association.
        dataset: the identifier.
        destination: AE title of where objects shall go; the peer must know it.
        now: the time.
        model: name of the query model, or SOP class UID; None: the accepted one that fits.
        priority: of the request.
        progress: told of pending responses; returning False cancels.

    Raises:
        NoAcceptedContext: the peer accepted no context for it.
        IdentifierError: the identifier cannot be encoded.
        LocalProtocolError: nothing can be asked now, or the destination is no AE title.
        AssociationError: the association ended first.
    """

    def request(message_id: int, sop_class: str) -> messages.C_MOVE_RQ:
        return messages.C_MOVE_RQ(
            message_id=message_id, affected_sop_class_uid=sop_class, priority=priority, move_destination=destination
        )

    return (yield from _retrieve(exchange, "move", dataset, request, now, model, progress))


def get(
    exchange: Exchange,
    dataset: Dataset,
    now: float,
    *,
    model: str | None = None,
    priority: int = messages.MEDIUM,
    progress: Watch | None = None,
) -> Steps[RetrieveResult]:
    """Invoke C-GET (PS3.7 9.1.3) and wait until all has come. What comes is for a service on this association; see
    `receiving`. Arguments and errors are those of `move`."""

    def request(message_id: int, sop_class: str) -> messages.C_GET_RQ:
        return messages.C_GET_RQ(message_id=message_id, affected_sop_class_uid=sop_class, priority=priority)

    return (yield from _retrieve(exchange, "get", dataset, request, now, model, progress))


def _retrieve(
    exchange: Exchange,
    verb: Verb,
    dataset: Dataset,
    request: Callable[[int, str], messages.Request],
    now: float,
    model: str | None,
    progress: Watch | None,
) -> Steps[RetrieveResult]:
    failure(exchange.ending)
    assert exchange.agreement is not None  # the caller has associated
    context = query_context(exchange.agreement, verb, model, dataset)
    asked = request(exchange.next_message_id(), context.abstract_syntax)
    exchange.request(context.id, asked, encode(dataset, context.transfer_syntax), now)
    last, cancelled = Progress(), False
    while True:
        answer = yield from response(exchange, asked.message_id)
        if answer.final:
            return _result(answer, last)
        last = _progress(answer.message)
        if progress is not None and progress(last) is False and not cancelled:
            cancelled = True
            exchange.cancel(asked.message_id, now)


def _progress(answer: Any) -> Progress:
    return Progress(
        answer.number_of_remaining_suboperations,
        answer.number_of_completed_suboperations,
        answer.number_of_failed_suboperations,
        answer.number_of_warning_suboperations,
    )


def _result(answer: Answered, last: Progress) -> RetrieveResult:
    """The final response; numbers it does not have are those of the last pending one."""
    told = _progress(answer.message)
    status = answer.message.status
    completed, failed = _first(told.completed, last.completed), _first(told.failed, last.failed)
    warning = _first(told.warning, last.warning)
    there_were = sum(_first(number) for number in (last.remaining, last.completed, last.failed, last.warning))
    left = 0 if status.is_success or status.is_warning else max(there_were - completed - failed - warning, 0)
    return RetrieveResult(
        status,
        completed,
        failed,
        warning,
        _first(told.remaining, left),
        _failed_instances(answer),
        answer.message.error_comment or "",
        answer.request.message_id,
        getattr(answer.request, "move_destination", ""),
    )


def _first(*numbers: int | None) -> int:
    return next((number for number in numbers if number is not None), 0)


def _failed_instances(answer: Answered) -> tuple[str, ...]:
    """Failed SOP Instance UID List (0008,0058), if the response has one that can be read."""
    if not isinstance(answer.sink, Memory):
        return ()
    try:
        uids = decode(answer.sink.getvalue(), answer.context.transfer_syntax).get("FailedSOPInstanceUIDList")
    except IdentifierError:
        return ()
    return (str(uids),) if isinstance(uids, str) and uids else tuple(map(str, uids or ()))


def classes_of(dataset: Dataset) -> tuple[str, ...]:
    """The SOP classes of what is to be retrieved, as far as a match tells."""
    for keyword in ("SOPClassUID", "SOPClassesInStudy"):
        uids = dataset.get(keyword)
        if uids:
            return (str(uids),) if isinstance(uids, str) else tuple(map(str, uids))
    return ()
