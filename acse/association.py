"""`Association`: an upper layer and what was agreed on it (PS3.8 7, PS3.7 Annex D); sans-IO, in the same few verbs.

It adds three things to `UpperLayer`: negotiation (an acceptor answers by its `Policy`, a requestor reads the answer),
the deadlines of the service user (connecting, the peer's answer to A-ASSOCIATE and A-RELEASE, an idle association), and
events in place of primitives. The standard has one timer, ARTIM; the others are a user's patience, and when it ends
they do what a user does: issue an A-ABORT request (Evt15). No cell is added to the table for them.
"""

from collections import deque
from collections.abc import Callable, Sequence

from ..dul.actions import Actions
from ..dul.errors import LocalProtocolError
from ..dul.pdu import APPLICATION_CONTEXT, PDV, AssociateAC, AssociateRJ, AssociateRQ
from ..dul.primitives import (
    AAbortIndication,
    AAbortRequest,
    AAssociateConfirmation,
    AAssociateIndication,
    AAssociateRequest,
    AAssociateResponse,
    APAbortIndication,
    AReleaseConfirmation,
    AReleaseIndication,
    AReleaseRequest,
    AReleaseResponse,
    Output,
    PDataIndication,
    Primitive,
)
from ..dul.ranges import check_seconds
from ..dul.upper_layer import ARTIM_SECONDS, MAXIMUM_LENGTH, Trace, UpperLayer
from ..spec.values import value
from .agreement import Agreement
from .events import Aborted, AssociationEvent, Established, Initiator, Rejected, Released, ReleaseRequested, Requested
from .negotiation import Accept, agree, answer_by_user, describe_rejection, refusal_by_provider
from .policy import Policy, Reject

Event = AssociationEvent | PDataIndication


@value
class Timeouts:
    """How long this end waits, in seconds. A drip of bytes that make no PDU extends none of them. None: for ever.

    Raises:
        LocalProtocolError: one of them is no time to wait.
    """

    connect: float | None = 10.0
    """For the transport connection to open (Sta4)."""
    artim: float = ARTIM_SECONDS
    """ARTIM: for the A-ASSOCIATE-RQ on a new connection (Sta2), for the peer to close an ended one (Sta13)."""
    acse: float | None = 30.0
    """For the peer's answer to A-ASSOCIATE-RQ (Sta5) and to A-RELEASE-RQ (Sta7, Sta10, Sta11)."""
    idle: float | None = 300.0
    """For the next P-DATA-TF in either direction on an established association without an operation under way."""

    def __post_init__(self) -> None:
        check_seconds("artim", self.artim)
        for name in ("connect", "acse", "idle"):
            check_seconds(name, getattr(self, name), for_ever=True)


_PATIENCE = {
    "Sta4": ("connect", "the connection to open"),
    "Sta5": ("acse", "the answer to A-ASSOCIATE-RQ"),
    "Sta6": ("idle", "a message"),
    "Sta7": ("acse", "A-RELEASE-RP"),
    "Sta10": ("acse", "A-RELEASE-RP"),
    "Sta11": ("acse", "A-RELEASE-RP"),
}
"""States in which a user's patience is limited: which of `Timeouts`, and what for."""
_RELEASE_UNANSWERED = ("Sta8", "Sta9", "Sta12")
_CONGESTION = (2, 1, 1)
"""rejected-transient, by service-user, no reason given (Table 9-21): our own fault, the peer may try again."""
_NO_REQUEST = {
    Initiator.CONNECTION: "connection closed before an A-ASSOCIATE-RQ",
    Initiator.PEER_USER: "A-ABORT before an A-ASSOCIATE-RQ",
    Initiator.TIMEOUT: "no A-ASSOCIATE-RQ before ARTIM expired",
}
"""Ends of Sta2 of which the table tells the user nothing (AA-2, AA-5), and a log should."""


class _Question:
    """AE-6's question, and what was said to it.

    It knows nothing of the association that has it: what refers to itself waits for the garbage collector, and of
    5 000 associations that were over 13 MiB did.
    """

    __slots__ = ("associations", "policy", "refused", "request")

    def __init__(self, policy: Policy | None, associations: Callable[[], int]) -> None:
        self.policy, self.associations = policy, associations
        self.request: AssociateRQ | None = None
        self.refused: Reject | None = None

    def __call__(self, request: AssociateRQ) -> AssociateRJ | None:
        """What the service provider has to say."""
        self.request = request
        if self.policy is None:
            return None
        self.refused = refusal_by_provider(request, self.policy, self.associations())
        return None if self.refused is None else self.refused.pdu


class Association:
    """One end of one association.

    Args:
        policy: what an acceptor allows; None on the requestor's end, or where `accept` and `reject` are called by hand.
        requestor: whether this end requests the association.
        timeouts: see `Timeouts`.
        associations: how many associations this application has now, for the policy's limit (an acceptor asks once).
        trace: see `UpperLayer`.
        actions: see `UpperLayer`.
    """

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        requestor: bool = False,
        timeouts: Timeouts = Timeouts(),  # noqa: B008  # immutable
        associations: Callable[[], int] = lambda: 0,
        trace: Trace | None = None,
        actions: type[Actions] = Actions,
    ) -> None:
        self._policy = policy
        self._question = _Question(policy, associations)
        self._timeouts = timeouts
        self._layer = UpperLayer(
            requestor=requestor,
            artim_seconds=timeouts.artim,
            acceptable=self._question,
            maximum_length=policy.maximum_length if policy is not None else MAXIMUM_LENGTH,
            trace=trace,
            actions=actions,
        )
        self.outbox: deque[Output] = self._layer.outbox
        """What the transport shall do, in order."""
        self.request: AssociateRQ | None = None
        """The A-ASSOCIATE-RQ of this association, once there is one."""
        self.agreement: Agreement | None = None
        """What was agreed, once it is."""
        self.hold_release = False
        """Set while the user still has something to send after the peer asked for release (Sta8: AR-7)."""
        self.busy = False
        """Set while an operation is under way, so that the association does not count as idle."""
        self._begun = False
        self._collision = False
        self._patience: float | None = None
        self._idle = timeouts.idle or 0.0  # asked only while somebody waits in Sta6
        self._waiting_in = "Sta1"

    # ---- what it is ----

    @property
    def state(self) -> str:
        """ "Sta1" to "Sta13"."""
        return self._layer.state

    @property
    def established(self) -> bool:
        """Whether data may be sent: Sta6, or Sta8 after the peer asked for release."""
        return self._layer.state in ("Sta6", "Sta8")

    @property
    def release_unanswered(self) -> bool:
        """Whether the peer asked for release and waits for our answer (Sta8, Sta9, Sta12)."""
        return self._layer.state in _RELEASE_UNANSWERED

    @property
    def requestor(self) -> bool:
        """Whether this end requested the association."""
        return self._layer.requestor

    @property
    def deadline(self) -> float | None:
        """When `tick` is due: a user's patience, or ARTIM, which runs in Sta2 and Sta13 only, where no user waits."""
        return self._layer.deadline if self._patience is None else self._patience

    # ---- what the user asks ----

    def associate(self, request: AssociateRQ, now: float) -> list[Event]:
        """Request the association (Evt1). The outbox then asks for a connection.

        Raises:
            LocalProtocolError: not possible now, or the request cannot be sent.
        """
        self._check_unused()
        primitives = self._layer.request(AAssociateRequest(request), now)
        self._layer.announce(request.user_information.maximum_length or 0)
        self._begun = True
        self.request = request
        return self._events(primitives, "Sta1", now)

    def accept(self, pdu: AssociateAC, agreement: Agreement, now: float) -> list[Event]:
        """Accept by hand what `Requested` told of (Evt7).

        Raises:
            LocalProtocolError: nobody is waiting for an answer, or the answer cannot be sent.
        """
        state = self.state
        primitives = self._layer.request(AAssociateResponse(pdu), now)
        self._layer.announce(pdu.user_information.maximum_length or 0)
        self.agreement = agreement
        return [Established(agreement), *self._events(primitives, state, now)]

    def reject(self, pdu: AssociateRJ, now: float, why: str = "") -> list[Event]:
        """Reject by hand what `Requested` told of (Evt8).

        Raises:
            LocalProtocolError: nobody is waiting for an answer.
        """
        state = self.state
        primitives = self._layer.request(AAssociateResponse(pdu), now)
        return [Rejected(pdu, why or describe_rejection(pdu)), *self._events(primitives, state, now)]

    def send(self, pdvs: Sequence[PDV], now: float) -> None:
        """Send presentation data values, all in one P-DATA-TF (Evt9).

        Raises:
            LocalProtocolError: no association stands. Nothing was sent.
        """
        self._layer.send(pdvs, now)
        if self._patience is not None:
            self._patience = now + self._idle

    def release(self, now: float) -> list[Event]:
        """Ask for release (Evt11).

        Raises:
            LocalProtocolError: no association stands.
        """
        state = self.state
        return self._events(self._layer.request(AReleaseRequest(), now), state, now)

    def abort(
        self, now: float, cause: str = "A-ABORT requested", initiator: Initiator = Initiator.LOCAL_USER
    ) -> list[Aborted]:
        """Abort (Evt15); while connecting, give up. Harmless where nothing is left to abort.

        Args:
            now: the time.
            cause: why, in words, for the event.
            initiator: whom the event names.
        """
        state = self.state
        if "Evt15" not in self._layer.possible():
            return []
        self._layer.request(AAbortRequest(), now)
        self._wait(now)
        source = 0 if state != "Sta4" else None
        return [Aborted(initiator, source, source, cause, state)]

    def fill(self, now: float) -> None:
        """Nothing: this floor queues nothing."""

    # ---- what happens ----

    def connected(self, now: float) -> list[Event]:
        """The transport connection is open (Evt2)."""
        state = self.state
        return self._events(self._layer.connected(now), state, now)

    def offered(self, now: float) -> list[Event]:
        """A peer opened a transport connection (Evt5).

        Raises:
            LocalProtocolError: this is the requestor's end, or had its association already.
        """
        self._check_unused()
        primitives = self._layer.offered(now)
        self._begun = True
        return self._events(primitives, "Sta1", now)

    def closed(self, now: float) -> list[Event]:
        """The transport connection is gone, or could not be opened (Evt17)."""
        state = self.state
        return self._events(self._layer.closed(now), state, now)

    def receive(self, data: bytes | bytearray | memoryview, now: float) -> list[Event]:
        """Take bytes from the peer. Never raises. Data of the events are views of `data`."""
        layer = self._layer
        deadline = layer.deadline if self._patience is None else self._patience
        events = [] if deadline is None or now < deadline else self.tick(now)
        state = layer.state
        primitives = layer.receive(data, now)
        if state == layer.state == "Sta6":  # nothing but data came: no cell leads from Sta6 elsewhere and back
            if primitives and self._patience is not None:
                self._patience = now + self._idle
            return primitives  # type: ignore[return-value]  # P-DATA indications; and no tick tells of an end in Sta6
        return events + self._events(primitives, state, now, Initiator.PEER_USER)

    def tick(self, now: float) -> list[Event]:
        """Let due time happen."""
        deadline = self.deadline
        if deadline is None or now < deadline:
            return []
        state = self.state
        if self._patience is None:
            return self._events(self._layer.tick(now), state, now, Initiator.TIMEOUT)
        if state == "Sta6" and self.busy:
            self._wait(now)
            return []
        which, what = _PATIENCE[state]
        cause = f"waited {getattr(self._timeouts, which):g} s for {what}"
        return [*self.abort(now, cause, Initiator.TIMEOUT)]

    # ---- primitives to events ----

    def _check_unused(self) -> None:
        if self._begun:
            raise LocalProtocolError("this Association had its association; the next one needs another")

    def _events(
        self, primitives: list[Primitive], before: str, now: float, ended_by: Initiator = Initiator.CONNECTION
    ) -> list[Event]:
        """What happened, in events. `ended_by`: whom to name where the table names nobody."""
        events: list[Event] = []
        if before == "Sta2":
            self.request = self._question.request
        for primitive in primitives:
            if type(primitive) is PDataIndication:
                if self.agreement is not None:  # else it came right behind an A-ASSOCIATE-AC we aborted for
                    events.append(primitive)
            else:
                events += self._event(primitive, now)
        if before == "Sta2" and not events and self._layer.state in ("Sta1", "Sta13"):
            events.append(self._not_established(ended_by))
        if not self.hold_release:
            events += self.answer_release(now)
        if self._layer.state != self._waiting_in:
            self._wait(now)
        return events

    def _event(self, primitive: Primitive, now: float) -> list[Event]:
        match primitive:
            case AAssociateIndication(request):
                return self._answer(request, now)
            case AAssociateConfirmation(AssociateAC() as pdu):
                assert self.request is not None  # Sta5 is reached through `associate` only
                if pdu.application_context != APPLICATION_CONTEXT:
                    cause = f"the acceptor answers with application context {pdu.application_context!r} (PS3.7 A.1)"
                    return [*self.abort(now, cause)]
                self.agreement = agree(self.request, pdu)
                return [Established(self.agreement)]
            case AAssociateConfirmation(AssociateRJ() as pdu):
                return [Rejected(pdu, describe_rejection(pdu))]
            case AReleaseIndication(collision):
                self._collision = collision
                return [ReleaseRequested(collision)]
            case AReleaseConfirmation() if self.requestor or not self._collision:
                return [Released()]
            case AAbortIndication(source, reason):
                return [Aborted(Initiator.PEER_USER, source, reason, "A-ABORT received", self._layer.ended_in)]
            case APAbortIndication(source, reason, cause):
                return [Aborted(self._blame(source), source, reason, cause, self._layer.ended_in)]
        return []  # AR-10's confirmation: our own answer is still owed, and `answer_release` tells the end

    def _not_established(self, ended_by: Initiator) -> Rejected | Aborted:
        refused, fault = self._question.refused, self._layer.fault
        if refused is not None:
            return Rejected(refused.pdu, refused.why)
        if fault is not None:
            return Aborted(Initiator.LOCAL_USER, 0, 0, f"no A-ASSOCIATE-RQ: {fault.what}", "Sta2")
        return Aborted(ended_by, None, None, _NO_REQUEST[ended_by], "Sta2")

    def _blame(self, source: int | None) -> Initiator:
        if source is None:
            return Initiator.CONNECTION
        return Initiator.PEER_PROVIDER if self._layer.fault is None else Initiator.LOCAL_PROVIDER

    def _answer(self, request: AssociateRQ, now: float) -> list[Event]:
        if self._policy is None:
            return [Requested(request)]
        if self._layer.state != "Sta3":
            return []  # the A-ABORT or the end of the connection came in the same piece; its event follows
        try:
            verdict = answer_by_user(request, self._policy)
            if isinstance(verdict, Accept):
                return self.accept(verdict.ac, verdict.agreement, now)
        except Exception as error:  # noqa: BLE001  # the application's policy failed, or says what cannot be sent
            verdict = Reject(*_CONGESTION, f"the policy failed: {type(error).__name__}: {error}")
        return self.reject(verdict.pdu, now, verdict.why)

    def answer_release(self, now: float) -> list[Released]:
        """Answer the peer's A-RELEASE-RQ (Evt14), if one is unanswered. Done by itself unless `hold_release` is set."""
        if not self.release_unanswered:
            return []
        self._layer.request(AReleaseResponse(), now)
        self._wait(now)
        return [Released()] if self._layer.state == "Sta13" else []

    def _wait(self, now: float) -> None:
        """A new state: how long is it borne?"""
        self._waiting_in = state = self._layer.state
        which = _PATIENCE.get(state)
        seconds = None if which is None else getattr(self._timeouts, which[0])
        self._patience = None if seconds is None else now + seconds
