"""Query (PS3.4 C.4.1, and the annexes of the other query models): C-FIND, both roles.

The SCU sends an identifier of keys and takes matches as they come; leaving early cancels. The SCP gives the identifier
to a handler and sends the data sets it returns, one pending response for each, no faster than the peer takes them.
"""

import inspect
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing, suppress
from dataclasses import field
from typing import Any

from pydicom.dataset import Dataset

from ...acse.agreement import Agreement
from ...acse.policy import SupportedContext
from ...dimse import messages
from ...dimse.events import Response as Answered
from ...dimse.exchange import DimseEvent, Exchange
from ...dimse.messages import Response
from ...dimse.status import (
    DATA_SET_DOES_NOT_MATCH_SOP_CLASS,
    PENDING,
    SOP_CLASS_NOT_SUPPORTED,
    UNABLE_TO_PROCESS,
    UNRECOGNIZED_OPERATION,
    Status,
)
from ...dul.errors import LocalProtocolError
from ...spec.values import value
from ..errors import AssociationError
from ..flat import Elements
from ..identifiers import IdentifierError, decode, encode
from ..service import Answer, Answers, Operation, Reply, Service
from ..steps import Steps, failure, response
from ..transfer_syntaxes import DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, UNCOMPRESSED
from . import models as query_models
from .keys import query_context
from .models import QueryExtension, model_of

DRAIN_SECONDS = 30.0
"""How long a peer may go on with matches after a C-CANCEL before the association is aborted."""


class OperationFailed(AssociationError):
    """The peer answered with a status of class failure."""

    exit_code = "STATUS"

    def __init__(self, what: str, answer: Response) -> None:
        comment = f": {answer.error_comment}" if answer.error_comment else ""
        super().__init__(f"{what} failed with {answer.status}{comment}")
        self.status = answer.status
        """Status (0000,0900)."""
        self.error_comment = answer.error_comment or ""
        """Error Comment (0000,0902)."""
        self.offending_elements = answer.offending_element
        """Offending Element (0000,0901): tags."""


class QueryFailed(OperationFailed):
    """A query ended with a failure (PS3.4 C.4.1.1.4); the matches before it were given."""


@value
class Match:
    """One match of a query: a pending C-FIND response."""

    status: Status
    """0xFF00, or 0xFF01: some optional keys were not supported for matching."""
    identifier: Dataset | None
    """The match; None if there was none with the response, or none that can be read."""
    error: str = ""
    """Why it cannot be read."""
    encoded: bytes = field(default=b"", repr=False)
    """The identifier as it came."""
    transfer_syntax_uid: str = ""
    """How it is encoded."""


# ---- SCU ----


class Finding:
    """A C-FIND of ours under way: sends the request when made, gives the steps that take its matches.

    Args:
        exchange: an established association.
        dataset: the identifier.
        model: name of the query model, or SOP class UID; None: the accepted one that fits.
        priority: of the request.
        now: the time.

    Raises:
        NoAcceptedContext: the peer accepted no context for it.
        IdentifierError: the identifier cannot be encoded.
        LocalProtocolError: nothing can be asked now. AssociationError: the association has ended.
    """

    def __init__(self, exchange: Exchange, dataset: Dataset, model: str | None, priority: int, now: float) -> None:
        failure(exchange.ending)
        assert exchange.agreement is not None  # the caller has associated
        context = query_context(exchange.agreement, "find", model, dataset)
        self._exchange = exchange
        self.message_id = exchange.next_message_id()
        """Message ID of the request."""
        self.status: Status | None = None
        """Status of the final response; None before it."""
        request = messages.C_FIND_RQ(
            message_id=self.message_id, affected_sop_class_uid=context.abstract_syntax, priority=priority
        )
        exchange.request(context.id, request, encode(dataset, context.transfer_syntax), now)

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.status is not None or self._exchange.ending is not None

    def next(self) -> Steps[Match | None]:
        """Wait for the next match; None after the last, or when the query was cancelled.

        Raises:
            QueryFailed: the query ended with a failure.
            AssociationError: the association ended first.
        """
        if self.status is not None:
            return None
        answer = yield from response(self._exchange, self.message_id)
        if not answer.final:
            data = answer.sink.getvalue() if answer.sink is not None else b""  # type: ignore[attr-defined]  # a Memory
            return match(answer.message.status, data, answer.context.transfer_syntax)
        self.status = answer.message.status
        if self.status.is_failure:
            raise QueryFailed("the query", answer.message)
        return None

    def cancel(self, now: float) -> None:
        """Send C-CANCEL; harmless when it is over. Matches may still come before the final response."""
        if not self.over:
            with suppress(LocalProtocolError):  # release is under way, and ends it as well
                self._exchange.cancel(self.message_id, now)

    def leave(self, now: float) -> Steps[None]:
        """Cancel, and wait for the final response, for `DRAIN_SECONDS`; then the association is usable, or over."""
        self.cancel(now)
        until = now + DRAIN_SECONDS
        while self.status is None and self._exchange.ending is None:
            inbox, now = yield
            while inbox and self.status is None:
                self._hear(inbox.popleft())
            if now > until and not self.over:
                self._exchange.abort(now, f"matches go on {DRAIN_SECONDS:g} s after C-CANCEL")

    def _hear(self, event: DimseEvent) -> None:
        """While leaving, only the final response matters."""
        if isinstance(event, Answered) and event.final and event.request.message_id == self.message_id:
            self.status = event.message.status


def match(status: Status, data: bytes, transfer_syntax_uid: str) -> Match:
    """A match from what came; one that cannot be read says why, and the rest still comes."""
    try:
        dataset, error = (decode(data, transfer_syntax_uid), "") if data else (None, "the response has no identifier")
    except IdentifierError as unreadable:
        dataset, error = None, str(unreadable)
    return Match(status, dataset, error, data, transfer_syntax_uid)


def found(one: Match) -> Dataset:
    """The identifier of a match.

    Raises:
        IdentifierError: there is none that can be read.
    """
    if one.identifier is None:
        raise IdentifierError(one.error)
    return one.identifier


# ---- SCP ----

Found = Dataset | Elements | tuple[int, Dataset | Elements | None]
"""What a handler returns for each match: the identifier, or that with a status; a status of failure ends it."""
Matcher = Callable[[Dataset, Operation], "Iterable[Found] | AsyncIterable[Found] | Awaitable[Iterable[Found]]"]
"""Takes the keys and the operation (who asks, whether it is cancelled), returns the matches."""

_SYNTAXES = (*UNCOMPRESSED, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)


class Query(Service):
    """The SCP.

    Args:
        handler: a function, generator or `async` one of (keys, operation) that gives data sets, or pairs of a status
            (0xFF00, or 0xFF01 where optional keys were not matched) and a data set. A generator is closed after a
            C-CANCEL. What it raises is logged and answered with 0xC000.
        models: names of query models, or SOP class UIDs; by default the query classes of every model.
        blocking: whether a plain handler may wait for disk or people, and runs in a thread; its identifiers are read
            there, too. Async ones are awaited on the event loop, and need a thread only for a long identifier.
        extension: what it supports of extended negotiation; `extension` of this module tells what was agreed.

    Raises:
        TypeError: `blocking` is no bool; None, which once left it to the handler, is refused as well.
    """

    proposes = (query_models.model("find", "study"), query_models.model("find", "patient"))

    def __init__(
        self,
        handler: Matcher,
        *,
        models: Iterable[str] | None = None,
        blocking: bool = True,
        extension: QueryExtension = QueryExtension(),  # noqa: B008  # immutable
    ) -> None:
        if not isinstance(blocking, bool):
            raise TypeError(f"blocking is True or False, not {blocking!r}")
        named = query_models.uids("find") if models is None else models
        self.uids = frozenset(query_models.model("find", name) for name in named)
        """The SOP classes it serves."""
        self.extension = extension
        """What it supports of extended negotiation."""
        self._handler = handler
        self._asynchronous = is_async(handler)
        self.blocking = blocking

    def supports(self, abstract_syntax: str) -> SupportedContext | None:
        """Its SOP classes, in every transfer syntax an identifier can have."""
        return _SUPPORTED if abstract_syntax in self.uids else None

    def negotiate(self, abstract_syntax: str, information: bytes) -> bytes | None:
        """Grant what it supports of what was asked (PS3.4 C.5.1.2); nothing is said where that is nothing at all."""
        if abstract_syntax not in self.uids or not self.extension:
            return None
        return (self.extension & QueryExtension.decode(information)).encode()

    def waits(self, operation: Operation) -> bool:
        """An async handler waits on the event loop; what may take time before it is a long identifier."""
        return self.blocking and not (self._asynchronous and is_short(operation))

    def perform(self, operation: Operation) -> Answers:
        """A pending C-FIND-RSP for each match; the final one follows by itself."""
        request = operation.request
        if request.name != "C-FIND-RQ":
            return request.response(UNRECOGNIZED_OPERATION)
        if request.sop_class_uid != operation.context.abstract_syntax:
            return request.response(SOP_CLASS_NOT_SUPPORTED)
        wanted = received_identifier(operation)
        if isinstance(wanted, Response):
            return wanted
        if self._asynchronous:
            return _answers_awaited(operation, wanted, self._handler)
        matches = self._handler(wanted, operation)
        if isinstance(matches, AsyncIterable):
            return _answers_later(operation, wanted, matches)
        if isinstance(matches, Awaitable):
            return _answers_after(operation, wanted, matches)
        return _answers(operation, wanted, matches)


_SUPPORTED = SupportedContext(_SYNTAXES)


def extension(agreement: Agreement, uid: str) -> QueryExtension:
    """What was agreed by extended negotiation for a SOP class; nothing where it was not negotiated (PS3.4 C.5)."""
    return QueryExtension.decode(agreement.extended.get(uid, b""), query_models.verb_of(uid))


def received_identifier(operation: Operation) -> Dataset | Response:
    """The identifier of a C-FIND, C-MOVE or C-GET, or the response that refuses it.

    0xC000 for one that cannot be read, 0xA900 for one without a level of its model (PS3.4 C.4.1.1.4, C.4.2.1.5).
    """
    request, model = operation.request, model_of(operation.context.abstract_syntax)
    data = operation.sink.getvalue() if operation.sink is not None else b""  # type: ignore[attr-defined]  # a Memory
    try:
        dataset = decode(data, operation.context.transfer_syntax)
    except IdentifierError as error:
        return request.response(UNABLE_TO_PROCESS, error_comment=str(error))
    if model is not None and model.levels and dataset.get("QueryRetrieveLevel") not in model.levels:
        comment = f"Query/Retrieve Level is none of {', '.join(model.levels)}"
        return request.response(DATA_SET_DOES_NOT_MATCH_SOP_CLASS, error_comment=comment, offending_element=(_LEVEL,))
    return dataset


_LEVEL = 0x00080052
SHORT = 8 << 10
"""Bytes of an identifier that is read on the event loop: at worst, 1024 empty elements, in 30 ms. One of 64 KiB takes
230 ms; few have more than 1 KiB."""


def is_short(operation: Operation) -> bool:
    """Whether to read an identifier takes no thread; a deflated one may be of any length, up to 16 MiB."""
    data = operation.sink.getvalue() if operation.sink is not None else b""  # type: ignore[attr-defined]  # a Memory
    return len(data) <= SHORT and operation.context.transfer_syntax != DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN


def is_async(handler: Any) -> bool:
    """Whether calling it gives something for the event loop."""
    call = handler if inspect.isroutine(handler) else getattr(handler, "func", handler.__call__)  # `func` of a partial
    return inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call)


def _answers(operation: Operation, wanted: Dataset, matches: Iterable[Found] | None) -> Iterator[Answer]:
    try:
        for each in matches or ():
            yield _answer(operation, wanted, each)
    finally:
        close = getattr(matches, "close", None)
        if close is not None:
            close()


async def _answers_awaited(operation: Operation, wanted: Dataset, handler: Matcher) -> AsyncIterator[Answer]:
    """Those of an async handler. It is called when somebody waits for the first: where the association ended before,
    there is no coroutine that nobody awaits."""
    matches = handler(wanted, operation)
    if isinstance(matches, AsyncIterable):
        answers = _answers_later(operation, wanted, matches)
    else:
        assert isinstance(matches, Awaitable)  # the handler is an async one
        answers = _answers_after(operation, wanted, matches)
    async with aclosing(answers):
        async for answer in answers:
            yield answer


async def _answers_later(
    operation: Operation, wanted: Dataset, matches: AsyncIterable[Found]
) -> AsyncGenerator[Answer, None]:
    try:
        async for each in matches:
            yield _answer(operation, wanted, each)
    finally:
        close = getattr(matches, "aclose", None)
        if close is not None:
            await close()


async def _answers_after(
    operation: Operation, wanted: Dataset, matches: Awaitable[Iterable[Found]]
) -> AsyncGenerator[Answer, None]:
    for answer in _answers(operation, wanted, await matches):
        yield answer


def _answer(operation: Operation, wanted: Dataset, found: Found) -> Answer:
    """One response. Query/Retrieve Level belongs into every identifier of a model with levels (PS3.4 C.4.1.1.3.2)."""
    status, dataset = found if isinstance(found, tuple) else (PENDING, found)
    answer = operation.request.response(status)
    if dataset is None or not answer.status.is_pending:
        return answer
    if _LEVEL not in dataset and _LEVEL in wanted:
        if isinstance(dataset, Elements):
            dataset = dataset.dataset()
        copy = Dataset()
        copy.update(dataset)
        copy.QueryRetrieveLevel = wanted.QueryRetrieveLevel
        dataset = copy
    return Reply(answer, encode(dataset, operation.context.transfer_syntax))
