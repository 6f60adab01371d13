"""The 28 actions of the upper layer (PS3.8 9.2.2, Tables 9-6 to 9-9), one method each, in the order of the standard.

An `Actions` object is the model that the machine of Table 9-10 drives: it has the `state`, and what the actions touch:
the outbox to the transport, the primitives to the user, the ARTIM timer's deadline. Actions append; they never fire
another event and never name a next state. This is where the PDU codec plugs in, and where a subclass may listen or
replace: `UpperLayer(actions=MyActions)`.
"""

from collections import deque
from collections.abc import Callable, Sequence

from ..spec.values import value
from .pdu import PDV, Abort, AssociateAC, AssociateRJ, AssociateRQ, PDataTF, ReleaseRP, ReleaseRQ, p_data_header
from .primitives import (
    ACCEPT,
    CLOSE,
    CONNECT,
    AAbortIndication,
    AAbortRequest,
    AAssociateConfirmation,
    AAssociateIndication,
    AAssociateRequest,
    AAssociateResponse,
    APAbortIndication,
    AReleaseConfirmation,
    AReleaseIndication,
    Output,
    PDataIndication,
    PDataRequest,
    Primitive,
)

SERVICE_USER, SERVICE_PROVIDER = 0, 2  # sources of an A-ABORT (Table 9-26)

_RELEASE_RQ = ReleaseRQ().encode()
_RELEASE_RP = ReleaseRP().encode()
_USER_ABORT = Abort(SERVICE_USER, 0).encode()

Acceptable = Callable[[AssociateRQ], AssociateRJ | None]
"""AE-6's question: None when the service provider finds a request acceptable, else its refusal (source 2 or 3)."""


@value
class Fault:
    """What is wrong with a PDU: the argument of events whose actions look at no content (AA-1, AA-6, AA-7, AA-8)."""

    reason: int
    """Table 9-26, reason for source service-provider."""
    what: str
    """In words."""


class Actions:
    """State and actions of one end of one association."""

    __slots__ = (
        "_acceptable",
        "_refusal",
        "_request",
        "artim_seconds",
        "deadline",
        "fault",
        "is_requestor",
        "now",
        "outbox",
        "primitives",
        "state",
    )

    def __init__(self, *, requestor: bool, artim_seconds: float, acceptable: Acceptable) -> None:
        self.state = "Sta1"
        """The state of Table 9-10, set by the machine only."""
        self.outbox: deque[Output] = deque()
        """What goes to the transport, in order."""
        self.primitives: list[Primitive] = []
        """What the present input caused for the user."""
        self.deadline: float | None = None
        """When ARTIM expires; None while it is stopped (PS3.8 9.1.5)."""
        self.now = 0.0
        """Time of the present input, seconds."""
        self.fault: Fault | None = None
        """The last PDU answered with A-ABORT; None while there was none."""
        self.is_requestor = requestor
        self.artim_seconds = artim_seconds
        self._acceptable = acceptable
        self._refusal: bytes | None = None
        self._request = b""

    def start_artim(self) -> None:
        """Start or restart the ARTIM timer."""
        self.deadline = self.now + self.artim_seconds

    def stop_artim(self) -> None:
        """Stop the ARTIM timer, if it runs."""
        self.deadline = None

    # The two questions of the table.

    def acceptable(self, rq: AssociateRQ) -> bool:
        """AE-6: is the A-ASSOCIATE-RQ acceptable by the service-provider? A refusal is made ready to be sent."""
        refusal = self._acceptable(rq)
        self._refusal = None if refusal is None else refusal.encode()
        return refusal is None

    def requestor(self, _pdu: ReleaseRQ) -> bool:
        """AR-8: did this end send the A-ASSOCIATE-RQ?"""
        return self.is_requestor

    # Table 9-6: association establishment.

    def ae_1(self, request: AAssociateRequest) -> None:
        """Issue TRANSPORT CONNECT request. The PDU of AE-2 is made here, where a user's mistake can still be told."""
        self._request = request.pdu.encode()
        self.fault = None
        self.outbox.append(CONNECT)

    def ae_2(self) -> None:
        """Send A-ASSOCIATE-RQ."""
        self.outbox.append(self._request)
        self._request = b""

    def ae_3(self, pdu: AssociateAC) -> None:
        """Issue A-ASSOCIATE confirmation (accept)."""
        self.primitives.append(AAssociateConfirmation(pdu))

    def ae_4(self, pdu: AssociateRJ) -> None:
        """Issue A-ASSOCIATE confirmation (reject), close."""
        self.primitives.append(AAssociateConfirmation(pdu))
        self.outbox.append(CLOSE)

    def ae_5(self) -> None:
        """Issue transport connection response, start ARTIM."""
        self.fault = None
        self.outbox.append(ACCEPT)
        self.start_artim()

    def ae_6(self, pdu: AssociateRQ) -> None:
        """Stop ARTIM; if acceptable issue A-ASSOCIATE indication, else send A-ASSOCIATE-RJ and start ARTIM."""
        self.stop_artim()
        if self._refusal is None:
            self.primitives.append(AAssociateIndication(pdu))
        else:
            self.outbox.append(self._refusal)
            self.start_artim()

    def ae_7(self, response: AAssociateResponse) -> None:
        """Send A-ASSOCIATE-AC."""
        self.outbox.append(response.pdu.encode())

    def ae_8(self, response: AAssociateResponse) -> None:
        """Send A-ASSOCIATE-RJ, start ARTIM."""
        self.outbox.append(response.pdu.encode())
        self.start_artim()

    # Table 9-7: data transfer.

    def dt_1(self, request: PDataRequest) -> None:
        """Send P-DATA-TF. Fragments go out as the views they are; only headers are made."""
        pdvs = request.pdvs
        if len(pdvs) == 1:
            ((context_id, control, data),) = pdvs
            size = data.nbytes if isinstance(data, memoryview) else len(data)
            header = p_data_header(size, context_id, control)
            if size <= _SMALL:
                self.outbox.append(header + bytes(data))
            else:
                self.outbox.append(header)
                self.outbox.append(data)
        else:
            self.outbox.append(PDataTF(tuple(pdvs)).encode())

    def dt_2(self, pdvs: Sequence[PDV]) -> None:
        """Issue P-DATA indication."""
        self.primitives.append(PDataIndication(pdvs))

    # Table 9-8: association release.

    def ar_1(self, _request: Primitive) -> None:
        """Send A-RELEASE-RQ."""
        self.outbox.append(_RELEASE_RQ)

    def ar_2(self, _pdu: ReleaseRQ) -> None:
        """Issue A-RELEASE indication."""
        self.primitives.append(AReleaseIndication())

    def ar_3(self, _pdu: ReleaseRP) -> None:
        """Issue A-RELEASE confirmation, close."""
        self.primitives.append(AReleaseConfirmation())
        self.outbox.append(CLOSE)

    def ar_4(self, _response: Primitive) -> None:
        """Send A-RELEASE-RP, start ARTIM."""
        self.outbox.append(_RELEASE_RP)
        self.start_artim()

    def ar_5(self) -> None:
        """Stop ARTIM."""
        self.stop_artim()

    def ar_6(self, pdvs: Sequence[PDV]) -> None:
        """Issue P-DATA indication: what the peer sent before it read our A-RELEASE-RQ."""
        self.dt_2(pdvs)

    def ar_7(self, request: PDataRequest) -> None:
        """Send P-DATA-TF: what we still had to say when the peer asked for release."""
        self.dt_1(request)

    def ar_8(self, _pdu: ReleaseRQ) -> None:
        """Issue A-RELEASE indication (release collision)."""
        self.primitives.append(AReleaseIndication(collision=True))

    def ar_9(self, _response: Primitive) -> None:
        """Send A-RELEASE-RP."""
        self.outbox.append(_RELEASE_RP)

    def ar_10(self, _pdu: ReleaseRP) -> None:
        """Issue A-RELEASE confirmation."""
        self.primitives.append(AReleaseConfirmation())

    # Table 9-9: association abort.

    def aa_1(self, cause: AAbortRequest | Fault) -> None:
        """Send A-ABORT (service-user source), start or restart ARTIM.

        The source is the service-user's in Sta2 too, where the cause is a PDU: so says Table 9-9.
        """
        if isinstance(cause, Fault):
            self.fault = cause
        self.outbox.append(_USER_ABORT)
        self.start_artim()

    def aa_2(self, _cause: object = None) -> None:
        """Stop ARTIM if it runs, close."""
        self.stop_artim()
        self.outbox.append(CLOSE)

    def aa_3(self, pdu: Abort) -> None:
        """Issue A-ABORT indication (service-user source) or A-P-ABORT indication (any other), close."""
        if pdu.source == SERVICE_USER:
            self.primitives.append(AAbortIndication(pdu.source, pdu.reason))
        else:
            self.primitives.append(APAbortIndication(pdu.source, pdu.reason, "A-ABORT received"))
        self.outbox.append(CLOSE)

    def aa_4(self) -> None:
        """Issue A-P-ABORT indication."""
        self.primitives.append(APAbortIndication(None, None, "transport connection closed"))

    def aa_5(self) -> None:
        """Stop ARTIM."""
        self.stop_artim()

    def aa_6(self, _pdu: Fault) -> None:
        """Ignore PDU."""

    def aa_7(self, fault: Fault) -> None:
        """Send A-ABORT. Here it is the provider that speaks: the association is gone (PS3.8 9.2.1, Sta13)."""
        self.outbox.append(Abort(SERVICE_PROVIDER, fault.reason).encode())

    def aa_8(self, fault: Fault) -> None:
        """Send A-ABORT (service-provider source), issue A-P-ABORT indication, start ARTIM."""
        self.fault = fault
        self.outbox.append(Abort(SERVICE_PROVIDER, fault.reason).encode())
        self.primitives.append(APAbortIndication(SERVICE_PROVIDER, fault.reason, fault.what))
        self.start_artim()


_SMALL = 4096
"""Up to this many bytes a fragment is copied behind its header: one buffer is cheaper to write than two."""
