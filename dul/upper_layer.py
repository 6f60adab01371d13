"""`UpperLayer`: one end of an association at PS3.8's service boundary, without socket and without clock.

Things happen to it (bytes, a connection, a request, time); each input returns the primitives it caused. What it wants
of the transport stands in `outbox`, in order; `deadline` says when `tick` is due. Every input becomes events of
Table 9-10, fired one after another into the one machine; this class only tells which event an input is:

- A PDU is judged on its first six bytes (`_JUDGEMENT`). Where the table's answer to its type does not look at its
  content (AA-1, AA-6, AA-7, AA-8), the event happens at once and the body is skipped as it comes. A type that does not
  exist, or a length that cannot be, is Evt19 at once.
- A run of P-DATA-TF PDUs that lie whole in the received bytes is one pass through the machine, since Evt10 leaves Sta6
  and Sta7 as they are: one indication for all of them, one trace record with their count.
- Time that is due happens before the bytes that come with it, so a drip of bytes cannot hold off ARTIM.

No bytes and no clock can make this class raise. A user's event in an empty cell raises `LocalProtocolError` before
anything changes.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from transitions import MachineError

from .actions import Acceptable, Actions, Fault
from .errors import INVALID_PARAMETER_VALUE, UNEXPECTED_PDU, UNRECOGNIZED_PDU, DecodeError, LocalProtocolError
from .machine import MACHINE, SPEC
from .p_data import PDV, PDV_OVERHEAD
from .pdu import Abort, AssociateAC, AssociateRJ, AssociateRQ, PDataTF, ReleaseRP, ReleaseRQ, decode_body, decode_pdvs
from .primitives import (
    AAbortRequest,
    AAssociateRequest,
    AAssociateResponse,
    AReleaseRequest,
    AReleaseResponse,
    Output,
    PDataRequest,
    Primitive,
)
from .ranges import check_maximum_length, check_seconds
from .stream import Stream

ARTIM_SECONDS = 30.0
"""Default of the ARTIM timer, the same in Sta2 and Sta13; PS3.8 9.1.5 leaves the value to the implementation."""
MAXIMUM_LENGTH = 131072
"""Default of the longest P-DATA-TF we take, in bytes of PDU-length: larger ones gain nothing on loopback or a LAN."""
ASSOCIATE_LIMIT = 1 << 20
"""Longest A-ASSOCIATE-RQ and -AC: 128 contexts of 40 transfer syntaxes need 0.4 MiB."""
UNLIMITED_P_DATA = 16 << 20
"""Longest P-DATA-TF where we announced no limit: a PDU is held in memory until it is whole."""
GARBAGE_LIMIT = 2
"""How many unrecognized PDUs after our A-ABORT are answered (AA-7) before we stop listening for PDUs and wait for the
connection to close: a peer that sends garbage cannot make us talk without end."""

_TLS_RECORDS = {0x15: ", a TLS alert: the peer speaks TLS", 0x16: ", a TLS handshake: the peer speaks TLS"}
"""What says more than that a type does not exist: the first byte of a peer that takes us for TLS (RFC 8446 5.1)."""

Trace = Callable[[float, str, str, str, str, int], None]
"""Called after each event: (now, state, event, action, next state, count); count is above 1 for a run of P-DATA-TF."""

_P_DATA = PDataTF.type
_EVENTS = {
    AssociateAC.type: ("Evt3", AssociateAC.name),
    AssociateRJ.type: ("Evt4", AssociateRJ.name),
    AssociateRQ.type: ("Evt6", AssociateRQ.name),
    _P_DATA: ("Evt10", PDataTF.name),
    ReleaseRQ.type: ("Evt12", ReleaseRQ.name),
    ReleaseRP.type: ("Evt13", ReleaseRP.name),
    Abort.type: ("Evt16", Abort.name),
}
_LENGTHS = {
    AssociateRQ.type: (68, ASSOCIATE_LIMIT),  # the fixed fields of Tables 9-11 and 9-17
    AssociateAC.type: (68, ASSOCIATE_LIMIT),
    AssociateRJ.type: (4, 4),  # Tables 9-21, 9-24, 9-25, 9-26
    ReleaseRQ.type: (4, 4),
    ReleaseRP.type: (4, 4),
    Abort.type: (4, 4),
}
_BLIND = ("AA-1", "AA-6", "AA-7", "AA-8")
"""Actions that answer a PDU without looking at its content."""
_UNCONNECTED = ("Sta1", "Sta4")
"""The states without a transport connection: bytes that a driver still brings are of a connection that is gone."""
_ENDED = ("Sta1", "Sta13")
"""The states in which there is no association any more."""
_ROWS = {name: row.trigger for name, row in MACHINE.events.items()}
_LABELS = {cell: action.name for cell, action in SPEC.cells.items()}
_JUDGEMENT: dict[str, dict[int, tuple[str, Fault | None]]] = {
    state: {
        type_: (
            event,
            Fault(UNEXPECTED_PDU, f"unexpected {name} in {state}") if _LABELS[event, state] in _BLIND else None,
        )
        for type_, (event, name) in _EVENTS.items()
        if (event, state) in _LABELS
    }
    for state in SPEC.states
}
_USER_EVENTS: dict[object, str] = {
    (AAssociateRequest, AssociateRQ): "Evt1",
    (AAssociateResponse, AssociateAC): "Evt7",
    (AAssociateResponse, AssociateRJ): "Evt8",
    PDataRequest: "Evt9",
    AReleaseRequest: "Evt11",
    AReleaseResponse: "Evt14",
    AAbortRequest: "Evt15",
}


class UpperLayer:
    """One end of one association (PS3.8 9).

    Args:
        requestor: whether this end requests the association (and so is the requestor in a release collision).
        artim_seconds: the ARTIM timer.
        acceptable: AE-6's question, asked once for each A-ASSOCIATE-RQ: None, or the refusal to send.
        maximum_length: longest P-DATA-TF taken, bytes of PDU-length, as announced to the peer; 0 is unlimited.
        trace: called with each event after it happened.
        actions: class of the 28 actions.

    Raises:
        LocalProtocolError: `artim_seconds` or `maximum_length` is out of range.
    """

    __slots__ = ("_actions", "_garbage", "_p_data_limit", "_stream", "_trace", "ended_in")

    def __init__(
        self,
        *,
        requestor: bool,
        artim_seconds: float = ARTIM_SECONDS,
        acceptable: Acceptable = lambda rq: None,  # noqa: ARG005  # a question's default answer
        maximum_length: int = MAXIMUM_LENGTH,
        trace: Trace | None = None,
        actions: type[Actions] = Actions,
    ) -> None:
        check_seconds("artim_seconds", artim_seconds)
        check_maximum_length("maximum_length", maximum_length)
        self._actions = actions(requestor=requestor, artim_seconds=artim_seconds, acceptable=acceptable)
        self.announce(maximum_length)
        self._stream = Stream()
        self._trace = trace
        self._garbage = 0
        self.ended_in = "Sta1"
        """The state that was left last for Sta13 or Sta1, which after several PDUs in one input nothing else tells."""

    def announce(self, maximum_length: int) -> None:
        """Set the longest P-DATA-TF that is taken, bytes of PDU-length; 0 is unlimited (PS3.8 D.1)."""
        self._p_data_limit = maximum_length or UNLIMITED_P_DATA

    @property
    def state(self) -> str:
        """ "Sta1" to "Sta13"."""
        return self._actions.state

    @property
    def outbox(self) -> deque[Output]:
        """What the transport shall do, in order: bytes to write, CONNECT, ACCEPT, CLOSE."""
        return self._actions.outbox

    @property
    def deadline(self) -> float | None:
        """When `tick` is due, on the clock that gave `now`; None when no timer runs."""
        return self._actions.deadline

    @property
    def fault(self) -> Fault | None:
        """What was wrong with the PDU that made this end abort, or None."""
        return self._actions.fault

    @property
    def requestor(self) -> bool:
        """Whether this end requested the association."""
        return self._actions.is_requestor

    def possible(self) -> tuple[str, ...]:
        """The events with a filled cell in this state."""
        return SPEC.possible(self.state)

    def fill(self, now: float) -> None:
        """Nothing: this floor queues nothing. Drivers call it on any sans-IO object before they write."""

    # ---- what the user asks ----

    def request(self, primitive: Primitive, now: float) -> list[Primitive]:
        """Take a request or response primitive: Evt1, 7, 8, 9, 11, 14, 15.

        Raises:
            LocalProtocolError: the primitive cannot be issued in this state, or its content cannot be sent. Nothing
                has changed.
        """
        event = _USER_EVENTS.get(type(primitive))
        if event is None and isinstance(primitive, AAssociateRequest | AAssociateResponse):
            event = _USER_EVENTS.get((type(primitive), type(primitive.pdu)))
        if event is None:
            raise LocalProtocolError(f"{primitive!r} is no request or response primitive (PS3.8 7)")
        if event == "Evt1" and not self._actions.is_requestor:
            raise LocalProtocolError("an A-ASSOCIATE request needs the requestor's end: UpperLayer(requestor=True)")
        return self._ask(event, primitive, now)

    def send(self, pdvs: Sequence[PDV], now: float) -> list[Primitive]:
        """`request(PDataRequest(pdvs), now)`, which is nearly all that is asked for: Evt9."""
        return self._ask("Evt9", PDataRequest(pdvs), now)

    def _ask(self, event: str, primitive: Primitive, now: float) -> list[Primitive]:
        primitives = self._begin(now)
        try:
            self._fire(event, primitive)
        except MachineError:
            raise LocalProtocolError(self._refusal(event)) from None
        return primitives

    def _refusal(self, event: str) -> str:
        state = SPEC.states[self.state]
        can = ", ".join(
            f"{SPEC.events[name].means} ({name})" for name in self.possible() if SPEC.events[name].source == "user"
        )
        return (
            f"{SPEC.events[event].means} ({event}) cannot be issued in {state.name}, {state.means} (PS3.8 Table 9-10); "
            f"possible now: {can or 'nothing'}"
        )

    # ---- what happens to the connection ----

    def connected(self, now: float) -> list[Primitive]:
        """The transport connection asked for is open: Evt2. Ignored where it is no longer waited for."""
        return self._transport("Evt2", now)

    def offered(self, now: float) -> list[Primitive]:
        """A peer opened a transport connection: Evt5.

        Raises:
            LocalProtocolError: this is the requestor's end.
        """
        if self._actions.is_requestor:
            raise LocalProtocolError("a transport connection indication is for UpperLayer(requestor=False)")
        return self._transport("Evt5", now)

    def closed(self, now: float) -> list[Primitive]:
        """The transport connection is gone, or could not be opened: Evt17. Ignored where there was none."""
        self.outbox.clear()
        return self._transport("Evt17", now)

    def _transport(self, event: str, now: float) -> list[Primitive]:
        primitives = self._begin(now)
        if (event, self.state) in _LABELS:
            self._fire(event)
        return primitives

    # ---- time ----

    def tick(self, now: float) -> list[Primitive]:
        """Let due time happen: Evt18. Harmless when nothing is due."""
        primitives = self._begin(now)
        self._expire(now)
        return primitives

    def _expire(self, now: float) -> None:
        deadline = self._actions.deadline
        if deadline is not None and now >= deadline:
            self._fire("Evt18")

    # ---- bytes ----

    def receive(self, data: bytes | bytearray | memoryview, now: float) -> list[Primitive]:
        """Take bytes from the peer, in any pieces: Evt3, 4, 6, 10, 12, 13, 16, 19. Never raises.

        Data of a P-DATA indication are views of `data`: use or copy them before the buffer is filled again.
        """
        primitives: list[Primitive] = []
        actions, stream = self._actions, self._stream
        actions.now, actions.primitives = now, primitives
        if actions.deadline is not None:
            self._expire(now)
        if self._garbage == GARBAGE_LIMIT or actions.state in _UNCONNECTED:
            return primitives
        stream.feed(data)
        while (header := stream.header()) is not None:
            if not self._take(*header) or actions.state == "Sta1":
                break
        stream.keep()
        return primitives

    def _take(self, type_: int, length: int) -> bool:
        """Judge and take the PDU whose header has come; False when its body has not, or nothing is heard any more."""
        state = self._actions.state
        if type_ == _P_DATA and state == "Sta6" and PDV_OVERHEAD <= length <= self._p_data_limit:
            return self._take_run(length)  # as below, for what comes nearly always: 0.3 us less
        judged = _JUDGEMENT[state].get(type_)
        if judged is None:  # a type that does not exist
            what = f"unrecognized PDU type 0x{type_:02X}{_TLS_RECORDS.get(type_, '')}"
            return self._invalid(length, Fault(UNRECOGNIZED_PDU, what))
        event, unexpected = judged
        shortest, longest = _LENGTHS.get(type_) or (PDV_OVERHEAD, self._p_data_limit)
        if unexpected is not None and shortest <= length and (length <= longest or type_ == _P_DATA):
            # In Sta13 it matters: a valid PDU is ignored (AA-6), an invalid one is answered (AA-7). What is longer than
            # we announced was on its way when we aborted, and is no invalid PDU there.
            self._stream.skip(length)
            self._fire(event, unexpected)
            return self._still_heard(state, event)
        if not shortest <= length <= longest:
            what = f"{_EVENTS[type_][1]} of length {length}, not {shortest} to {longest}"
            return self._invalid(length, Fault(INVALID_PARAMETER_VALUE, what))
        if type_ == _P_DATA:
            return self._take_run(length)
        body = self._stream.body(length)
        if body is None:
            return False
        try:
            pdu = decode_body(type_, body)
        except DecodeError as error:
            self._fire("Evt19", Fault(error.reason, str(error)))
        else:
            self._fire(event, pdu)
        return True

    def _take_run(self, length: int) -> bool:
        """Take this P-DATA-TF and those that follow whole in the stream, as one event; whether a header is there."""
        stream, fault = self._stream, None
        run = stream.run(self._p_data_limit)
        count = len(run)
        header = stream.header() if run else (_P_DATA, length)
        while header is not None and header[0] == _P_DATA and PDV_OVERHEAD <= header[1] <= self._p_data_limit:
            body = stream.body(header[1])
            if body is None:
                header = None
                break
            try:
                pdvs = decode_pdvs(body)
            except DecodeError as error:
                fault = Fault(error.reason, str(error))
                break
            more = stream.run(self._p_data_limit)
            run += pdvs + more
            count += 1 + len(more)
            header = stream.header()
        if run:
            self._fire("Evt10", run, count=count)
        if fault is not None:
            self._fire("Evt19", fault)
        return header is not None

    def _invalid(self, length: int, fault: Fault) -> bool:
        """A header that nothing good can follow: Evt19, and its body is skipped as it comes."""
        state = self._actions.state
        self._stream.skip(length)
        self._fire("Evt19", fault)
        return self._still_heard(state, "Evt19")

    def _still_heard(self, state: str, event: str) -> bool:
        """After an unwelcome PDU in a state: False once a peer has had its share of answers in Sta13 (AA-7)."""
        if state == "Sta13" and event in ("Evt6", "Evt19"):
            self._garbage += 1
            if self._garbage == GARBAGE_LIMIT:
                self._stream.discard()
                return False
        return True

    # ---- the machine ----

    def _begin(self, now: float) -> list[Primitive]:
        actions = self._actions
        actions.now = now
        primitives: list[Primitive] = []
        actions.primitives = primitives
        return primitives

    def _fire(self, event: str, *argument: Any, count: int = 1) -> None:
        actions = self._actions
        state = actions.state
        _ROWS[event](actions, *argument)
        following = actions.state
        if following != state:
            if following in _ENDED and state != "Sta13":
                self.ended_in = state
            if following == "Sta1":
                self._forget()
        if self._trace is not None:
            self._trace(actions.now, state, event, _LABELS[event, state], actions.state, count)

    def _forget(self) -> None:
        """An association is over: nothing of it may be left for the next one."""
        self._stream.discard()
        self._garbage = 0
