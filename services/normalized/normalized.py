"""The DIMSE-N services (PS3.7 10): N-EVENT-REPORT, N-GET, N-SET, N-ACTION, N-CREATE, N-DELETE, both roles.

The SCU is `invoke`, which the methods of `NormalizedCalls` run on a blocking or an asyncio association. The SCP is
`Normalized`: one handler an operation, which returns what it has to say or raises `ServiceFailure`.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from ...acse.policy import SupportedContext
from ...dimse.events import Response as Responded
from ...dimse.exchange import Exchange
from ...dimse.fragments import Memory
from ...dimse.messages import Request, Response
from ...dimse.status import (
    NO_SUCH_SOP_CLASS,
    PROCESSING_FAILURE,
    SOP_CLASS_NOT_SUPPORTED,
    SUCCESS,
    UNRECOGNIZED_OPERATION,
    Status,
)
from ...spec.values import value
from ..service import Answer, Operation, Reply, Service
from ..steps import Steps, context_for, operation
from ..transfer_syntaxes import UNCOMPRESSED

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

OPERATIONS = ("N-EVENT-REPORT", "N-GET", "N-SET", "N-ACTION", "N-CREATE", "N-DELETE")
"""The six, in the order of PS3.7 10.1."""


@value
class NResult:
    """What the peer answered to a DIMSE-N request."""

    status: Status
    """How it went."""
    dataset: "Dataset | None" = None
    """Attribute list, action reply, or event reply; None if it gave none."""
    sop_class_uid: str = ""
    """Affected SOP class; that of the request where the response names none."""
    sop_instance_uid: str = ""
    """Affected SOP instance, as above; after N-CREATE the one that was made."""
    error_comment: str = ""
    """Error Comment (0000,0902)."""
    error_id: int | None = None
    """Error ID (0000,0903)."""
    offending_elements: tuple[int, ...] = ()
    """Offending Element (0000,0901)."""
    attributes: tuple[int, ...] = ()
    """Attribute Identifier List (0000,1005): what a warning or failure is about."""

    @property
    def performed(self) -> bool:
        """Whether the peer did it: status success or warning."""
        return self.status.category in ("success", "warning")


def result_of(response: Responded) -> NResult:
    """A response in its decoded form.

    Raises:
        IdentifierError: its data set cannot be read.
    """
    message, sink = response.message, response.sink
    dataset = None
    if isinstance(sink, Memory):
        from ..identifiers import decode

        dataset = decode(sink.getvalue(), response.context.transfer_syntax)
    return NResult(
        message.status,
        dataset,
        getattr(message, "affected_sop_class_uid", None) or response.request.sop_class_uid,
        getattr(message, "affected_sop_instance_uid", None) or response.request.sop_instance_uid or "",
        message.error_comment or "",
        message.error_id,
        message.offending_element,
        getattr(message, "attribute_identifier_list", ()),
    )


def invoke(
    exchange: Exchange, request: Request, dataset: "Dataset | None", now: float, *, meta_sop_class: str | None = None
) -> Steps[NResult]:
    """Invoke a DIMSE-N operation and wait for its response.

    Args:
        exchange: an established association.
        request: the command; its Message ID is filled in.
        dataset: what goes with it, encoded as the context wants.
        now: the time.
        meta_sop_class: the abstract syntax whose context to use, where it is not the SOP class of the request: a meta
            SOP class (PS3.4 H.3.2), or the class a UPS was negotiated by (PS3.4 CC.3.1).

    Raises:
        NoAcceptedContext: no accepted context fits.
        IdentifierError: the data set cannot be encoded, or that of the response not be decoded.
    """
    agreement = exchange.agreement
    assert agreement is not None  # the caller has associated
    context = context_for(agreement, meta_sop_class or request.sop_class_uid)
    encoded = None
    if dataset is not None:
        from ..identifiers import encode

        encoded = encode(dataset, context.transfer_syntax)
    # replace() takes dataclasses, and only message_types.pyi says that each Request is one
    numbered: Request = replace(request, message_id=exchange.next_message_id())  # type: ignore[type-var]  # every one is a dataclass
    response = yield from operation(exchange, context, numbered, encoded, now)
    return result_of(response)


class ServiceFailure(Exception):
    """Raised by a handler: the status to answer with, and what explains it (PS3.7 Annex C).

    Args:
        status: a failure or warning, such as `dulcet.dimse.status.NO_SUCH_SOP_INSTANCE`.
        comment: for people, cut to 64 characters; never a value of a data set.
        offending: tags of the elements in which the error was found.
        attributes: the Attribute Identifier List of N-GET, N-SET and N-CREATE responses.
        error_id: an error code of the application.
        dataset: what the response carries all the same.
    """

    def __init__(
        self,
        status: int,
        comment: str = "",
        *,
        offending: Iterable[int] = (),
        attributes: Iterable[int] = (),
        error_id: int | None = None,
        dataset: "Dataset | None" = None,
    ) -> None:
        super().__init__(comment or Status.describe(status))
        self.status = Status(status)
        self.dataset = dataset
        self.elements: dict[str, Any] = {"error_comment": comment or None, "error_id": error_id}
        self.elements["offending_element"] = tuple(map(int, offending))
        if attributes:
            self.elements["attribute_identifier_list"] = tuple(map(int, attributes))


@dataclass(slots=True)
class NormalizedOperation(Operation):
    """A DIMSE-N request of the peer, its data set decoded."""

    dataset: "Dataset | None" = None
    """Attribute list, modification list, action or event information; None if there is none."""
    sop_instance_uid: str = ""
    """The SOP instance it is about. Where N-CREATE leaves the choice to us, a new one (PS3.7 10.1.5.1.4)."""

    @property
    def sop_class_uid(self) -> str:
        """The SOP class it is about."""
        return self.request.sop_class_uid

    @property
    def attributes(self) -> tuple[int, ...]:
        """What N-GET asks for; empty: everything."""
        tags: tuple[int, ...] = getattr(self.request, "attribute_identifier_list", ())
        return tags

    @property
    def type_id(self) -> int:
        """Event Type ID of N-EVENT-REPORT, Action Type ID of N-ACTION."""
        name = "event_type_id" if self.request.name == "N-EVENT-REPORT-RQ" else "action_type_id"
        number: int = getattr(self.request, name)
        return number


Returned = "Dataset | Status | int | tuple[int, Dataset | None] | None"
"""What a handler returns: a data set, a status, both, or nothing to say but success."""
Handler = Callable[[NormalizedOperation], Any]
"""Plain or async; returns a `Returned`."""


class Normalized(Service):
    """The SCP of SOP classes with DIMSE-N services, or the SCU that is told of their events.

    Args:
        sop_classes: the SOP classes. As a mapping: abstract syntaxes to the SOP classes that requests on their contexts
            may be about, for meta SOP classes (PS3.4 H.3.2) and Unified Procedure Steps.
        on_get, on_set, on_action, on_create, on_delete: perform these, for the peer that is SCU.
        on_event_report: hears of events from the peer that is SCP; it may then take that role as requestor.
        blocking: whether plain handlers may wait for disk or people, and run in a thread. Async ones are awaited on the
            event loop.
    """

    def __init__(
        self,
        sop_classes: Iterable[str] | Mapping[str, Iterable[str]],
        *,
        on_get: Handler | None = None,
        on_set: Handler | None = None,
        on_action: Handler | None = None,
        on_create: Handler | None = None,
        on_delete: Handler | None = None,
        on_event_report: Handler | None = None,
        blocking: bool = True,
    ) -> None:
        pairs = sop_classes.items() if isinstance(sop_classes, Mapping) else ((uid, (uid,)) for uid in sop_classes)
        self._classes = {context: frozenset(members) for context, members in pairs}
        handlers = zip(OPERATIONS, (on_event_report, on_get, on_set, on_action, on_create, on_delete), strict=True)
        self._handlers = {f"{name}-RQ": handler for name, handler in handlers if handler is not None}
        self._supported = SupportedContext(UNCOMPRESSED, scp_role=on_event_report is not None)
        self.blocking = blocking

    def supports(self, abstract_syntax: str) -> SupportedContext | None:
        """The SOP classes it was made for."""
        return self._supported if abstract_syntax in self._classes else None

    def perform(self, operation: Operation) -> Answer | Awaitable[Answer]:
        """Ask the handler."""
        try:
            handler = self._handlers.get(operation.request.name)
            if handler is None:
                raise ServiceFailure(UNRECOGNIZED_OPERATION)
            call = self._decoded(operation)
            returned = handler(call)
            return _awaited(call, returned) if isawaitable(returned) else _answer(call, returned)
        except ServiceFailure as failure:
            return _refusal(operation, failure)

    def _decoded(self, operation: Operation) -> NormalizedOperation:
        """The operation as handlers see it.

        Raises:
            ServiceFailure: it is about a SOP class that is not for this context, or cannot be read.
        """
        request, sink = operation.request, operation.sink
        if request.sop_class_uid not in self._classes[operation.context.abstract_syntax]:
            raise ServiceFailure(_class_trouble(request.sop_class_uid))
        dataset, instance = None, request.sop_instance_uid
        if isinstance(sink, Memory):
            from ..identifiers import IdentifierError, decode

            try:
                dataset = decode(sink.getvalue(), operation.context.transfer_syntax)
            except IdentifierError as error:
                raise ServiceFailure(PROCESSING_FAILURE, str(error)) from None
        if not instance:
            from pydicom.uid import generate_uid

            instance = str(generate_uid(prefix=None))
        return NormalizedOperation(operation.caller, operation.context, request, sink, False, dataset, instance)


def _class_trouble(uid: str) -> Status:
    """0x0122 for a SOP class that exists, 0x0118 for one that nobody knows (PS3.7 C.5.6, C.5.20)."""
    from pydicom.uid import UID

    return SOP_CLASS_NOT_SUPPORTED if UID(uid).type.endswith("SOP Class") else NO_SUCH_SOP_CLASS


async def _awaited(call: NormalizedOperation, returned: Awaitable[Any]) -> Answer:
    try:
        return _answer(call, await returned)
    except ServiceFailure as failure:
        return _refusal(call, failure)


def _answer(call: NormalizedOperation, returned: Any) -> Answer:
    """The response that says what a handler returned."""
    status, dataset = returned if isinstance(returned, tuple) else (SUCCESS, returned)
    if isinstance(dataset, int):
        status, dataset = dataset, None
    elements = {}
    if call.request.name == "N-CREATE-RQ":
        elements["affected_sop_instance_uid"] = call.sop_instance_uid
    return _with_dataset(call, call.request.response(status, **elements), dataset)


def _refusal(operation: Operation, failure: ServiceFailure) -> Answer:
    response = operation.request.response(failure.status, **failure.elements)
    return _with_dataset(operation, response, failure.dataset)


def _with_dataset(operation: Operation, response: Response, dataset: "Dataset | None") -> Answer:
    if dataset is None:
        return response
    from ..identifiers import encode

    return Reply(response, encode(dataset, operation.context.transfer_syntax))
