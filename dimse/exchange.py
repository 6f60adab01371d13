"""`Exchange`: an association that speaks messages (PS3.7 6, 7, 9, 10); sans-IO, in the same few verbs.

Out: a message is cut into fragments lazily. `fill` moves them into the outbox while there is room, so a data set of any
size needs a bounded amount of memory, and messages never interleave (PS3.8 Annex E).
In: fragments are put together per message; a data set flows into a sink, chosen when its command is complete, as it
comes.

Operations are matched by Message ID (PS3.7 9.1.1.1.1), never by order: those we invoke are `outstanding`, those the
peer invokes we are `performing`. Both directions keep the asynchronous operations window. What breaks these rules, or
cannot be understood, ends the association with A-ABORT: nothing dangles, nothing hangs.

When the peer asks for release, what we owe it still goes out (Sta8, AR-7), then the answer follows by itself; a new
request of ours would never be answered and is refused. While our own A-RELEASE-RQ is under way (Sta7) what the peer
sent before still comes in (AR-6), and nothing can be said to it any more.

CPython 3.11: a C-ECHO, both ends together, takes 28 us.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from ..acse.agreement import AcceptedContext, Agreement
from ..acse.association import Association, Event
from ..acse.events import Aborted, Initiator, Rejected, Released
from ..dul.errors import LocalProtocolError
from ..dul.pdu import PDV, AssociateRQ
from ..dul.primitives import Output, PDataIndication
from ..dul.ranges import MINIMUM_MAXIMUM_LENGTH, check_maximum_length, check_seconds
from . import messages
from .errors import CommandSetError
from .events import CancelRequested, DimseEvent, Ending, Request, Response
from .fragments import MEMORY_LIMIT, Completed, FragmentError, Memory, Reassembly, Sink, fragment
from .operations import Operations, Outstanding
from .sending import Sending
from .status import DUPLICATE_INVOCATION

__all__ = ["CancelRequested", "DimseEvent", "Ending", "Exchange", "Request", "Response", "discard"]

PERFORMED_LIMIT = 16
"""How many operations a peer may have open with us, responses it has not read counted, where the agreed window is
smaller. Peers send the next request before they have read the last response, and all are answered in order; beyond
this it is an attack on our memory."""
OPEN_LIMIT = 1024
"""The same where the agreed window is unlimited."""
AHEAD_LIMIT = MEMORY_LIMIT
"""How many bytes of data sets may wait in memory as soon as there are more operations than agreed (16 where any number
is): who sends ahead of our answers sends small things. So an association of window n can make us keep n + 1 data sets,
one of them still coming, of `MEMORY_LIMIT` each, and one P-DATA-TF."""
Dataset = bytes | memoryview | Iterable[bytes | memoryview]
"""An encoded data set: whole, or in pieces."""


OpenSink = Callable[[AcceptedContext, messages.Request], Sink]
"""Asked once for each request with a data set, when its command is complete: where shall the data set go?"""


def discard(sink: Sink | None) -> None:
    """Tell a sink that its data set will not be used, if that matters to it: a sink may have a method `discard`."""
    throw_away = getattr(sink, "discard", None)
    if throw_away is not None:
        throw_away()


def _memory(_context: AcceptedContext, _message: messages.Request) -> Sink:
    """A data set is kept in memory, where nobody asks for more."""
    return Memory()


class Exchange:
    """Messages over one association.

    Args:
        association: the floor below.
        open_sink: see `OpenSink`; by default data sets are kept in memory, up to 16 MiB, as those of responses are.
        dimse_seconds: how long to wait for each response: from the last fragment of the request, from the response
            before, and from anything of a data set or of a sub-operation (C-GET) the peer sends; None: for ever.
        maximum_send_length: longest P-DATA-TF to send, where the peer would take more; 0 leaves it to the peer.

    Raises:
        LocalProtocolError: seconds that are none, a maximum length that has no room for a fragment.
    """

    def __init__(
        self,
        association: Association,
        *,
        open_sink: OpenSink = _memory,
        dimse_seconds: float | None = 300.0,
        maximum_send_length: int = 0,
    ) -> None:
        check_seconds("dimse_seconds", dimse_seconds, for_ever=True)
        check_maximum_length("maximum_send_length", maximum_send_length)
        self.association = association
        association.hold_release = True
        self.outbox: deque[Output] = association.outbox
        """What the transport shall do, in order."""
        self._operations = Operations(dimse_seconds)
        self.outstanding = self._operations.outstanding
        """Our requests without a final response, by Message ID."""
        self.performing = self._operations.performing
        """The peer's requests without a final response of ours, by Message ID."""
        self.ending: Ending | None = None
        """How the association ended; None while it has not."""
        self._open_sink = open_sink
        self._maximum_send_length = maximum_send_length
        self._reassembly = Reassembly()
        self._sending = Sending(self.outbox, association.send, self._operations.wait)
        self._unsent = self._sending.queue
        self._untold: list[DimseEvent] = []  # what happened in `fill`, for the next input to tell
        self._last_id = 0

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
        """When `tick` is due; at once, which is 0, when there is something to tell."""
        if self._untold:
            return 0.0
        below = self.association.deadline
        ours = self._operations.deadline if self.outstanding else None
        return below if ours is None else ours if below is None else min(below, ours)

    @property
    def may_invoke(self) -> bool:
        """Whether the association stands and its window has room for one more request of ours (PS3.7 D.3.3.3)."""
        agreement = self.association.agreement
        if agreement is None or self.association.state != "Sta6":
            return False
        window = agreement.window_invoked if self.association.requestor else agreement.window_performed
        return window == 0 or len(self.outstanding) < window

    @property
    def sending(self) -> bool:
        """Whether fragments wait for room in the outbox."""
        return bool(self._unsent)

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

    def request(self, context_id: int, message: messages.Request, dataset: Dataset | None, now: float) -> None:
        """Invoke an operation or notify.

        Raises:
            LocalProtocolError: no association, or not for long; the context was not accepted, the Message ID is in
                use, the window is full, or the message cannot be sent. Nothing was sent.
        """
        agreement = self._agreed(context_id)
        if not isinstance(message, messages.Request):
            raise LocalProtocolError(f"{message!r} invokes nothing")
        if message.message_id in self.outstanding:
            raise LocalProtocolError(f"Message ID {message.message_id} is in use (PS3.7 9.1.1.1.1)")
        if self.association.release_unanswered:
            raise LocalProtocolError("the peer has asked for release and answers no request (PS3.8 7.2.2)")
        if not self.may_invoke:
            outstanding = len(self.outstanding)
            raise LocalProtocolError(f"{outstanding} operations are outstanding, as many as agreed (PS3.7 D.3.3.3)")
        pdvs = self._fragments(agreement, context_id, message, dataset)
        operation = self.outstanding[message.message_id] = Outstanding(message, context_id)
        self.association.busy = True
        self._send(pdvs, operation, False, now)

    def respond(
        self, context_id: int, message: messages.Response, dataset: Dataset | None, now: float
    ) -> list[DimseEvent]:
        """Respond to a request of the peer. A status that is not pending ends the operation.

        Raises:
            LocalProtocolError: no association, no such request is open, or the message cannot be sent. Nothing was.
        """
        agreement = self._agreed(context_id)
        if not isinstance(message, messages.Response):
            raise LocalProtocolError(f"{message!r} responds to nothing")
        final = self._operations.is_final(context_id, message)
        pdvs = self._fragments(agreement, context_id, message, dataset)
        if final:
            del self.performing[message.message_id_being_responded_to]
            self._rest()
        self._send(pdvs, None, final, now)
        return self._through((), now) if self._untold or self.association.release_unanswered else []

    def cancel(self, message_id: int, now: float) -> None:
        """Ask the peer to cancel an operation (C-CANCEL-RQ). Harmless when it has ended.

        Raises:
            LocalProtocolError: nothing can be sent any more, or the operation is none that can be cancelled.
        """
        operation = self.outstanding.get(message_id)
        if operation is None:
            return
        if not operation.can_be_cancelled:
            raise LocalProtocolError(f"a {operation.request.name} cannot be cancelled (PS3.7 9.3.2.3)")
        agreement = self._agreed(operation.context_id)
        cancel = messages.C_CANCEL_RQ(message_id_being_responded_to=message_id)
        self._send(self._fragments(agreement, operation.context_id, cancel, None), None, False, now)

    def release(self, now: float) -> list[DimseEvent]:
        """Ask for release. After it nothing can be sent; requests the peer has sent already still come.

        Raises:
            LocalProtocolError: no association, it was the peer that requested it, an operation of ours is not
                confirmed, messages are still being sent, or the peer waits for responses.
        """
        if not self.association.requestor:
            raise LocalProtocolError("only the association-requestor asks for release (PS3.7 A.5)")
        if self.outstanding:
            raise LocalProtocolError(f"{len(self.outstanding)} operations invoked are not confirmed (PS3.7 A.5)")
        if self._unsent or self.performing:
            what = "a message is still being sent" if self._unsent else "the peer waits for a response"
            raise LocalProtocolError(f"{what}: after A-RELEASE-RQ nothing can be sent (PS3.8 7.2.2)")
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
        return self._through(self.association.tick(now), now) + self._overdue(now)

    def receive(self, data: bytes | bytearray | memoryview, now: float) -> list[DimseEvent]:
        """Take bytes from the peer. Never raises."""
        if not self.outstanding:
            return self._through(self.association.receive(data, now), now)
        return self._overdue(now) + self._through(self.association.receive(data, now), now)

    def fill(self, now: float) -> None:
        """Move fragments into the outbox while it has room; after the last, answer a peer that asked for release."""
        if self._unsent:
            self._push(now)
            if not self._unsent:
                self._untold += self._settle(now)

    # ---- out ----

    def _agreed(self, context_id: int) -> Agreement:
        """The agreement, if a message may be sent on this context."""
        agreement = self.association.agreement
        if agreement is None or not self.association.established:
            raise LocalProtocolError(f"no association to send a message on: {self.association.state}")
        if context_id not in agreement.contexts:
            raise LocalProtocolError(f"presentation context {context_id} was not accepted (PS3.8 7.1.1.14)")
        return agreement

    def _fragments(
        self, agreement: Agreement, context_id: int, message: messages.Message, dataset: Dataset | None
    ) -> tuple[PDV, ...] | Iterator[PDV]:
        if dataset == b"" and message.data_set == "optional":
            dataset = None  # without elements there is none: an empty fragment shall not be sent (PS3.8 E.1)
        theirs, ours = agreement.maximum_send_length, self._maximum_send_length
        maximum = min(theirs, ours) if theirs and ours else theirs or ours
        return fragment(context_id, message.encode(dataset is not None), dataset, maximum)

    def _send(
        self, pdvs: tuple[PDV, ...] | Iterator[PDV], operation: Outstanding | None, ends: bool, now: float
    ) -> None:
        self._sending.put(pdvs, operation, ends, now)
        if self._unsent:
            self._push(now)

    def _push(self, now: float) -> None:
        try:
            self._sending.push(now)
        except Exception as error:  # noqa: BLE001  # whatever reads the data set: half a message has gone already
            self._untold += self._give_up(f"a data set could not be read: {type(error).__name__}: {error}", now)

    # ---- in ----

    def _through(self, below: Sequence[Event], now: float) -> list[DimseEvent]:
        """Events of the floor below, data turned into messages."""
        events, self._untold = self._untold, []
        for event in below:
            if type(event) is PDataIndication:
                self._take(event.pdvs, events, now)
            elif self.ending is None:
                events.append(event)
                if isinstance(event, Released | Rejected | Aborted):
                    self._end(event)
        if self.association.release_unanswered:
            events += self._settle(now)
        return events

    def _take(self, pdvs: Sequence[PDV], events: list[DimseEvent], now: float) -> None:
        agreement, reassembly = self.association.agreement, self._reassembly
        assert agreement is not None  # P-DATA is indicated in Sta6 and Sta7 only
        try:
            for pdv in pdvs:
                if reassembly is not self._reassembly:  # what a PDV before this one led to has ended the association
                    break
                context = agreement.contexts.get(pdv.context_id)
                if context is None:
                    raise FragmentError(f"P-DATA on context {pdv.context_id}, not accepted", clause="PS3.8 7.6.1")
                happened = reassembly.take(pdv)
                if type(happened) is Completed:
                    self._complete(agreement, context, happened, events, now)
                elif happened is not None and isinstance(happened.message, messages.Request):
                    reassembly.open(self._open_sink(context, happened.message))
        except (FragmentError, CommandSetError) as error:
            events += self._give_up(str(error), now)
        except Exception as error:  # noqa: BLE001  # the application's sink failed
            events += self._give_up(f"a data set could not be taken: {type(error).__name__}: {error}", now)
        if self.outstanding and reassembly.sink is not None:
            self._operations.wait_anew(now)

    def _complete(
        self, agreement: Agreement, context: AcceptedContext, done: Completed, events: list[DimseEvent], now: float
    ) -> None:
        message = done.message
        try:
            if isinstance(message, messages.Request):
                self._invoked(agreement, Request(context, message, done.sink), events, now)
            elif isinstance(message, messages.Response):
                if self.association.state == "Sta7" and not self.outstanding:
                    discard(done.sink)  # we asked for release, and all is confirmed: nothing to end for it
                    return
                events.append(self._operations.responded(context, message, done.sink, now))
                self._rest()
            elif isinstance(message, messages.C_CANCEL_RQ) and message.message_id_being_responded_to in self.performing:
                events.append(CancelRequested(message.message_id_being_responded_to))
        except CommandSetError:
            discard(done.sink)
            raise

    def _invoked(self, agreement: Agreement, request: Request, events: list[DimseEvent], now: float) -> None:
        """A request of the peer is complete."""
        message_id = request.message.message_id
        if 0 < agreement.maximum_send_length < MINIMUM_MAXIMUM_LENGTH:
            cause = f"no response fits into a P-DATA-TF of {agreement.maximum_send_length}"
            raise CommandSetError(cause, clause="PS3.8 D.1")
        if self.performing or self._sending.final_responses:
            self._check_open(agreement, request)
        if self.outstanding:
            self._operations.wait_anew(now)
        if message_id not in self.performing:
            self.performing[message_id] = request
            self.association.busy = True
            events.append(request)
            return
        discard(request.sink)
        if self.association.established:  # else nothing can be said any more
            refusal = request.message.response(DUPLICATE_INVOCATION)
            self._send(self._fragments(agreement, request.context.id, refusal, None), None, True, now)

    def _check_open(self, agreement: Agreement, request: Request) -> None:
        """Whether the peer may have one more operation open with us, responses it has not read counted."""
        window = agreement.window_performed if self.association.requestor else agreement.window_invoked
        already = len(self.performing) + self._sending.final_responses
        if already >= (max(window, PERFORMED_LIMIT) if window else OPEN_LIMIT):
            raise CommandSetError("too many operations at a time", clause="PS3.7 D.3.3.3")
        if already >= (window or PERFORMED_LIMIT) and self._held(request) > AHEAD_LIMIT:
            raise CommandSetError(f"more than {AHEAD_LIMIT} bytes sent ahead of our responses", clause="PS3.7 D.3.3.3")

    def _held(self, request: Request) -> int:
        """Bytes of data sets in memory, of a request and of those before it."""
        sinks = [each.sink for each in (request, *self.performing.values())]
        return sum(sink.size for sink in sinks if isinstance(sink, Memory))

    # ---- time and the end ----

    def _rest(self) -> None:
        """An operation has ended."""
        self.association.busy = bool(self.performing or self.outstanding)

    def _overdue(self, now: float) -> list[DimseEvent]:
        cause = self._operations.overdue(now)
        return self._give_up(cause, now, Initiator.TIMEOUT) if cause else []

    def _settle(self, now: float) -> list[DimseEvent]:
        """Answer the peer's release request once we owe it nothing, or can give it nothing any more (Sta9, Sta12)."""
        association = self.association
        if not association.release_unanswered or (association.established and (self.performing or self._unsent)):
            return []
        events = association.answer_release(now)
        for event in events:
            self._end(event)
        return [*events]

    def _give_up(self, cause: str, now: float, initiator: Initiator = Initiator.LOCAL_USER) -> list[DimseEvent]:
        """Abort, for what the peer did or did not do. Nothing to tell where the end of the association is told next."""
        events = self.association.abort(now, cause, initiator)
        self._end(events[0] if events else None)
        return [*events]

    def _end(self, ending: Ending | None) -> None:
        """No message will be completed any more."""
        self.ending = ending
        self._operations.end()
        self._sending.clear()
        unfinished, self._reassembly = self._reassembly.sink, Reassembly()
        discard(unfinished)
        self._open_sink = _memory  # no data set comes any more, and whoever opened sinks may be let go of
