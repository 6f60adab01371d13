"""What an association tells its user: facts, as immutable values, returned by the input that caused them.

Data come as the upper layer's own `PDataIndication` (PS3.8 7.6), unwrapped: they are the hot path.
"""

from enum import StrEnum

from ..dul.pdu import AssociateRJ, AssociateRQ
from ..spec.values import value
from .agreement import Agreement


class Initiator(StrEnum):
    """Who ended an association before its time."""

    LOCAL_USER = "local service user"
    """This end asked for A-ABORT."""
    LOCAL_PROVIDER = "local service provider"
    """This end found a PDU it cannot take (AA-8)."""
    PEER_USER = "peer's service user"
    """A-ABORT with source 0 arrived."""
    PEER_PROVIDER = "peer's service provider"
    """A-ABORT with another source arrived."""
    CONNECTION = "transport connection"
    """The transport connection closed without A-ABORT and without A-RELEASE."""
    TIMEOUT = "timeout"
    """A deadline of this end passed; A-ABORT was sent where there was a connection."""


@value
class Requested:
    """A peer asks for an association and nobody has answered yet: call `accept` or `reject`."""

    request: AssociateRQ
    """What it proposes."""


@value
class Established:
    """The association stands (Sta6)."""

    agreement: Agreement
    """What was agreed."""


@value
class Rejected:
    """The association was rejected, by the peer or, on the acceptor's end, by us."""

    pdu: AssociateRJ
    """Result, source and reason."""
    why: str
    """In words."""


@value
class ReleaseRequested:
    """The peer asked for release. It is answered when this end has nothing left to send."""

    collision: bool
    """Both ends asked at the same time (PS3.8 7.2.2)."""


@value
class Released:
    """The association ended in order."""


@value
class Aborted:
    """The association ended before its time, or could not begin."""

    initiator: Initiator
    """Who ended it."""
    source: int | None
    """Source of the A-ABORT PDU (Table 9-26); None where there was none, or where it is not told (Sta2)."""
    reason: int | None
    """Its reason."""
    cause: str
    """In words."""
    state: str
    """The state in which it happened, "Sta1" to "Sta13"."""


AssociationEvent = Requested | Established | Rejected | ReleaseRequested | Released | Aborted
