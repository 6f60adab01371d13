"""`Exchange`: an association that speaks messages (PS3.7 6, 7, 9, 10); sans-IO, in the same few verbs.

Out: a message is cut into fragments lazily. `fill` moves them into the outbox while there is room, so a data set of any
size needs a bounded amount of memory, and messages never interleave (PS3.8 Annex E).
In: fragments are put together per message; a data set flows into a sink, chosen when its command is complete, as it comes.

Operations are matched by Message ID (PS3.7 9.1.1.1.1), never by order: those we invoke are `outstanding`, those the peer
invokes are being `performed`. Both directions keep the asynchronous operations window. What breaks these rules, or
cannot be understood, ends the association with A-ABORT: nothing dangles, nothing hangs.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ..acse.association import Association, Event
from ..acse.events import Aborted, Initiator, Rejected, Released
from ..acse.agreement import AcceptedContext, Agreement
from ..dul.errors import LocalProtocolError
from ..dul.pdu import PDV, AssociateRQ
from ..dul.primitives import Output, PDataIndication
from .errors import CommandSetError
from .fragments import Completed, FragmentError, Memory, Reassembly, Sink, fragment
from .messages import Message, decode
from .status import Status

ROOM = 32
"""`fill` stops at this many items in the outbox: 16 PDUs of up to the peer's maximum length."""
PERFORMED_LIMIT = 16
"""How many operations a peer may have open with us, where the agreed window is smaller. Peers send the next request
before they have read the last response, and all are answered in order; beyond this it is an attack on our memory."""
C_CANCEL_RQ = 0x0FFF
DUPLICATE_INVOCATION = 0x0210

_PENDING_ALLOWED = (0x0020, 0x0010, 0x0021)
"""C-FIND-RQ, C-GET-RQ, C-MOVE-RQ: the operations with pending responses (PS3.7 9.1.2 to 9.1.4)."""

Dataset = bytes | memoryview | Iterable[bytes | memoryview]
"""An encoded data set: whole, or in pieces."""


@dataclass(frozen=True, slots=True)
class Request:
    """The peer invokes an operation or notifies: it waits for `respond`."""

    context: AcceptedContext
    """The presentation context it came on."""
    message: Message
    """The command."""
    sink: Sink | None
    """Where its data set went; None if it has none."""


@dataclass(frozen=True, slots=True)
class Response:
    """A response to one of our requests."""

    context: AcceptedContext
    """The presentation context it came on."""
    message: Message
    """The command."""
    sink: Sink | None
    """Where its data set went; None if it has none."""
    request: Message
    """What it responds to."""
    final: bool
    """False while more responses follow (status class pending)."""


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """The peer asks to cancel an operation we perform (C-CANCEL-RQ, PS3.7 9.3.2.3)."""

    message_id: int
    """Of the request to be cancelled."""


DimseEvent = Request | Response | CancelRequested | Event

def discard(sink: Sink | None) -> None:
    """Tell a sink that its data set will not be used, if that matters to it: a sink may have a method `discard`."""
    throw_away = getattr(sink, "discard", None)
    if throw_away is not None:
        throw_away()


OpenSink = Callable[[AcceptedContext, Message], Sink]
"""Asked once for each message with a data set, when its command is complete: where shall the data set go?"""


@dataclass(slots=True)
class _Outstanding:
    request: Message
    context_id: int
    deadline: float | None


class Exchange:
    """Messages over one association.

    Args:
        association: the floor below.
        open_sink: see `OpenSink`; by default data sets are kept in memory, up to 16 MiB.
        dimse_seconds: how long to wait for each response, from the last byte of the request or the response before;
            None: for ever.
        maximum_send_length: longest P-DATA-TF to send, where the peer would take more; 0 leaves it to the peer.
    """

    def __init__(
        self,
        association: Association,
        *,
        open_sink: OpenSink = lambda context, message: Memory(),  # noqa: ARG005  # a question's default answer
        dimse_seconds: float | None = 300.0,
        maximum_send_length: int = 0,
    ) -> None:
        self.association = association
        association.hold_release = True
        self.outbox: deque[Output] = association.outbox
        """What the transport shall do, in order."""
        self.outstanding: dict[int, _Outstanding] = {}
        """Our requests without a final response, by Message ID."""
        self.performing: dict[int, AcceptedContext] = {}
        """The peer's requests without a final response of ours, by Message ID."""
        self._open_sink = open_sink
        self._dimse_seconds = dimse_seconds
        self._maximum_send_length = maximum_send_length
        self._reassembly = Reassembly()
        self._sending: deque[tuple[Iterator[PDV], int | None]] = deque()
        self._last_id = 0
        self._ended = False

    # ---- what it is ----

    @property
    def agreement(self) -> Agreement | None:
        """What was agreed, once it is."""
        return self.association.agreement

    @property
    def state(self) -> str:
        """ "Sta1" to "Sta13"."""
        return self.association.state

    @property
    def deadline(self) -> float | None:
        """When `tick` is due."""
        deadline = self.association.deadline
        for operation in self.outstanding.values():
            if operation.deadline is not None and (deadline is None or operation.deadline < deadline):
                deadline = operation.deadline
        return deadline

    @property
    def may_invoke(self) -> bool:
        """Whether the window has room for one more request of ours (PS3.7 D.3.3.3)."""
        agreement = self.association.agreement
        if agreement is None or not self.association.established:
            return False
        window = agreement.window_invoked if self.association.requestor else agreement.window_performed
        return window == 0 or len(self.outstanding) < window

    @property
    def sending(self) -> bool:
        """Whether fragments wait for room in the outbox."""
        return bool(self._sending)

    # ---- what the user asks ----

    def associate(self, request: AssociateRQ, now: float) -> list[DimseEvent]:
        """See `Association.associate`."""
        return [*self.association.associate(request, now)]

    def next_message_id(self) -> int:
        """A Message ID that no request of ours uses (PS3.7 9.1.1.1.1)."""
        candidate = self._last_id
        while True:
            candidate = candidate % 0xFFFF + 1
            if candidate not in self.outstanding:
                self._last_id = candidate
                return candidate

    def request(self, context_id: int, message: Message, dataset: Dataset | None, now: float) -> None:
        """Invoke an operation or notify.

        Raises:
            LocalProtocolError: no association, the context was not accepted, the Message ID is in use, or the window
                is full. Nothing was sent.
        """
        self._check_context(context_id)
        message_id = message.message_id
        if message_id in self.outstanding:
            raise LocalProtocolError(f"Message ID {message_id} is in use (PS3.7 9.1.1.1.1)")
        if not self.may_invoke:
            raise LocalProtocolError(f"{len(self.outstanding)} operations are outstanding, as many as agreed (PS3.7 D.3.3.3)")
        command = message.encode(dataset is not None)
        self.outstanding[message_id] = _Outstanding(message, context_id, None)
        self.association.busy = True
        self._send(context_id, command, dataset, message_id, now)

    def respond(self, context_id: int, message: Message, dataset: Dataset | None, now: float) -> list[DimseEvent]:
        """Respond to a request of the peer. A status that is not pending ends the operation.

        Raises:
            LocalProtocolError: no association, or no such request is open.
        """
        self._check_context(context_id)
        message_id = message.message_id_being_responded_to
        if message_id not in self.performing:
            raise LocalProtocolError(f"no request with Message ID {message_id} waits for a response (PS3.7 9.1.1.1.1)")
        command = message.encode(dataset is not None)
        if not Status(message.status).is_pending:
            del self.performing[message_id]
            self.association.busy = bool(self.performing or self.outstanding)
        self._send(context_id, command, dataset, None, now)
        return self._settle(now)

    def cancel(self, message_id: int, now: float) -> None:
        """Ask the peer to cancel an operation (C-CANCEL-RQ). Harmless when it has ended.

        Raises:
            LocalProtocolError: no association.
        """
        operation = self.outstanding.get(message_id)
        if operation is None:
            return
        self._check_context(operation.context_id)
        from .messages import C_CANCEL_RQ as CancelRQ  # noqa: PLC0415  # made on first use

        self._send(operation.context_id, CancelRQ(message_id_being_responded_to=message_id).encode(False), None, None, now)

    def release(self, now: float) -> list[DimseEvent]:
        """Ask for release.

        Raises:
            LocalProtocolError: no association, or messages are still being sent.
        """
        if self._sending:
            raise LocalProtocolError("a message is still being sent")
        return self._through(self.association.release(now), now)

    def abort(self, now: float, cause: str = "A-ABORT requested") -> list[DimseEvent]:
        """Abort. Harmless where nothing is left to abort."""
        return self._through(self.association.abort(now, cause), now)

    # ---- what happens ----

    def connected(self, now: float) -> list[DimseEvent]:
        """The transport connection is open."""
        return self._through(self.association.connected(now), now)

    def offered(self, now: float) -> list[DimseEvent]:
        """A peer opened a transport connection."""
        return self._through(self.association.offered(now), now)

    def closed(self, now: float) -> list[DimseEvent]:
        """The transport connection is gone."""
        return self._through(self.association.closed(now), now)

    def tick(self, now: float) -> list[DimseEvent]:
        """Let due time happen."""
        events = self._through(self.association.tick(now), now)
        for message_id, operation in self.outstanding.items():
            if operation.deadline is not None and now >= operation.deadline:
                cause = f"waited {self._dimse_seconds:g} s for a response to {operation.request.name} {message_id}"
                return events + self._give_up(Initiator.TIMEOUT, cause, now)
        return events

    def receive(self, data: bytes | bytearray | memoryview, now: float) -> list[DimseEvent]:
        """Take bytes from the peer. Never raises."""
        events: list[DimseEvent] = []
        if self.outstanding:
            events += self.tick(now)
        return events + self._through(self.association.receive(data, now), now)

    def fill(self, now: float) -> None:
        """Move fragments into the outbox while it has room."""
        sending, outbox = self._sending, self.outbox
        while sending and len(outbox) < ROOM:
            pdvs, message_id = sending[0]
            pdv = next(pdvs, None)
            if pdv is None:
                sending.popleft()
                self._sent(message_id, now)
            else:
                self.association.send((pdv,), now)

    # ---- inside ----

    def _check_context(self, context_id: int) -> None:
        agreement = self.association.agreement
        if agreement is None or not self.association.established:
            raise LocalProtocolError(f"no association to send a message on: {self.association.state}")
        if context_id not in agreement.contexts:
            raise LocalProtocolError(f"presentation context {context_id} was not accepted (PS3.8 7.1.1.14)")

    def _send(
        self, context_id: int, command: bytes, dataset: Dataset | None, message_id: int | None, now: float
    ) -> None:
        agreement = self.association.agreement
        assert agreement is not None  # _check_context
        theirs, ours = agreement.maximum_send_length, self._maximum_send_length
        maximum = min(theirs, ours) if theirs and ours else theirs or ours
        pdvs = fragment(context_id, command, dataset, maximum)
        self._sending.append((pdvs, message_id))
        self.fill(now)

    def _sent(self, message_id: int | None, now: float) -> None:
        """A message has gone into the outbox whole; from now on its response is waited for."""
        operation = self.outstanding.get(message_id) if message_id is not None else None
        if operation is not None and self._dimse_seconds is not None:
            operation.deadline = now + self._dimse_seconds

    def _through(self, below: list[Event], now: float) -> list[DimseEvent]:
        """Events of the floor below, data turned into messages."""
        events: list[DimseEvent] = []
        for event in below:
            if type(event) is PDataIndication:
                if not self._ended:
                    self._take(event, events, now)
            else:
                if isinstance(event, Aborted | Released | Rejected):
                    self._end()
                events.append(event)
        return events + self._settle(now)

    def _settle(self, now: float) -> list[DimseEvent]:
        """Answer the peer's release request once we owe it nothing."""
        if self.performing or self._sending or not self.association.release_unanswered:
            return []
        events = self.association.answer_release(now)
        if events:
            self._end()
        return [*events]

    def _take(self, indication: PDataIndication, events: list[DimseEvent], now: float) -> None:
        agreement = self.association.agreement
        assert agreement is not None  # P-DATA is indicated in Sta6 and Sta7 only
        for pdv in indication.pdvs:
            context = agreement.contexts.get(pdv.context_id)
            if context is None:
                cause = f"P-DATA on presentation context {pdv.context_id}, which was not accepted (PS3.8 7.1.1.14)"
                events += self._give_up(Initiator.LOCAL_USER, cause, now)
                return
            try:
                happened = self._reassembly.take(pdv)
                if isinstance(happened, Completed):
                    self._complete(context, happened, events, now)
                elif happened is not None:
                    self._reassembly.open(self._open_sink(context, happened.message))
            except (FragmentError, CommandSetError) as error:
                events += self._give_up(Initiator.LOCAL_USER, str(error), now)
                return

    def _complete(self, context: AcceptedContext, done: Completed, events: list[DimseEvent], now: float) -> None:
        message = done.message
        if message.command_field == C_CANCEL_RQ:
            if message.message_id_being_responded_to in self.performing:
                events.append(CancelRequested(message.message_id_being_responded_to))
        elif message.is_response:
            events.append(self._response(context, done, now))
        elif message.message_id in self.performing:
            refusal = message.response(DUPLICATE_INVOCATION)
            self._send(context.id, refusal.encode(False), None, None, now)
        elif len(self.performing) >= self._performed_limit():
            raise FragmentError(f"{len(self.performing)} operations are open already", clause="PS3.7 D.3.3.3")
        else:
            self.performing[message.message_id] = context
            self.association.busy = True
            events.append(Request(context, message, done.sink))

    def _performed_limit(self) -> int:
        agreement = self.association.agreement
        assert agreement is not None  # a message was received
        window = agreement.window_performed if self.association.requestor else agreement.window_invoked
        return max(window, PERFORMED_LIMIT)

    def _response(self, context: AcceptedContext, done: Completed, now: float) -> Response:
        message = done.message
        message_id = message.message_id_being_responded_to
        operation = self.outstanding.get(message_id)
        if operation is None:
            raise CommandSetError(f"{message.name} to Message ID {message_id}, which no request has", clause="PS3.7 9.1.1.1.2")
        if message.command_field != operation.request.command_field | 0x8000 or context.id != operation.context_id:
            raise CommandSetError(
                f"{message.name} on context {context.id} responds to {operation.request.name} on {operation.context_id}",
                clause="PS3.7 E.1",
            )
        final = not Status(message.status).is_pending
        if not final and operation.request.command_field not in _PENDING_ALLOWED:
            raise CommandSetError(f"{message.name} with a pending status", element=0x0900, clause="PS3.7 C.5.1")
        if final:
            del self.outstanding[message_id]
            self.association.busy = bool(self.performing or self.outstanding)
        elif operation.deadline is not None and self._dimse_seconds is not None:
            operation.deadline = now + self._dimse_seconds
        return Response(context, message, done.sink, operation.request, final)

    def _give_up(self, initiator: Initiator, cause: str, now: float) -> list[DimseEvent]:
        """Abort, for what the peer did or did not do."""
        events = self.association.abort(now, cause, initiator)
        self._end()
        return [*events]

    def _end(self) -> None:
        """No message will be completed any more."""
        self._ended = True
        discard(self._reassembly.sink)
        self._sending.clear()
        self.outstanding.clear()
        self.performing.clear()
