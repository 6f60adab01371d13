"""The service primitives of the upper layer (PS3.8 7): what its user asks of it and hears from it.

A request or response goes down with `UpperLayer.request`; indications and confirmations come back from its inputs.
A-ASSOCIATE primitives carry the PDU that conveys them: PS3.8 7.1.1 and 9.3.2 list the same parameters, and a second set
of classes would only be copied to and fro. What the layer asks of the transport stands in its outbox between the bytes:
`CONNECT`, `ACCEPT`, `CLOSE`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from ..spec.values import value
from .pdu import PDV, AssociateAC, AssociateRJ, AssociateRQ


class Transport(Enum):
    """What the state machine asks of the transport (PS3.8 9.1): items of the outbox, in order with the bytes."""

    CONNECT = "TRANSPORT CONNECT request"
    """Open the transport connection (AE-1); answered by `connected` or `closed`."""
    ACCEPT = "Transport connection response"
    """Take the connection that was offered (AE-5)."""
    CLOSE = "close transport connection"
    """Write what stands before this, then close. Nothing follows it."""


CONNECT, ACCEPT, CLOSE = Transport.CONNECT, Transport.ACCEPT, Transport.CLOSE

Output = bytes | memoryview | Transport
"""What an outbox holds."""


@value
class AAssociateRequest:
    """A-ASSOCIATE request (Evt1)."""

    pdu: AssociateRQ
    """What to propose."""


@value
class AAssociateIndication:
    """A-ASSOCIATE indication (AE-6): a peer asks for an association the service provider finds acceptable."""

    pdu: AssociateRQ
    """What the peer proposes."""


@value
class AAssociateResponse:
    """A-ASSOCIATE response: accept (Evt7) or reject (Evt8), by the class of its PDU."""

    pdu: AssociateAC | AssociateRJ
    """The answer."""


@value
class AAssociateConfirmation:
    """A-ASSOCIATE confirmation: the peer accepted (AE-3) or rejected (AE-4), by the class of its PDU."""

    pdu: AssociateAC | AssociateRJ
    """The peer's answer."""


@value
class PDataRequest:
    """P-DATA request (Evt9): one P-DATA-TF PDU."""

    pdvs: Sequence[PDV]
    """The presentation data values of the PDU, at least one."""


@dataclass(slots=True)
class PDataIndication:
    """P-DATA indication (DT-2, AR-6).

    One for each run of P-DATA-TF PDUs that lay whole in the received bytes. Not frozen: one is made for every
    message on the hot path, and freezing costs 0.4 µs each.
    """

    pdvs: Sequence[PDV]
    """The presentation data values in the order of arrival. Their data are views of the received bytes: use or copy
    them before the next input."""


@value
class AReleaseRequest:
    """A-RELEASE request (Evt11)."""


@value
class AReleaseIndication:
    """A-RELEASE indication (AR-2), or that of a release collision (AR-8)."""

    collision: bool = False
    """True when both ends asked for release at the same time (PS3.8 7.2.2)."""


@value
class AReleaseResponse:
    """A-RELEASE response (Evt14)."""


@value
class AReleaseConfirmation:
    """A-RELEASE confirmation (AR-3, AR-10)."""


@value
class AAbortRequest:
    """A-ABORT request (Evt15)."""


@value
class AAbortIndication:
    """A-ABORT indication (AA-3): the peer's service user aborted."""

    source: int = 0
    """Table 9-26: 0, DICOM UL service-user."""
    reason: int = 0
    """As received; not significant when the source is the service-user."""


@value
class APAbortIndication:
    """A-P-ABORT indication (AA-3, AA-4, AA-8): a provider or the loss of the connection ended the association."""

    source: int | None
    """Table 9-26: the source in the A-ABORT PDU that was sent or received; None where there was none (AA-4)."""
    reason: int | None
    """Table 9-26: the reason in that PDU; None where there was none."""
    cause: str
    """In words: what was wrong, and who found it."""


Primitive = (
    AAssociateRequest
    | AAssociateIndication
    | AAssociateResponse
    | AAssociateConfirmation
    | PDataRequest
    | PDataIndication
    | AReleaseRequest
    | AReleaseIndication
    | AReleaseResponse
    | AReleaseConfirmation
    | AAbortRequest
    | AAbortIndication
    | APAbortIndication
)
