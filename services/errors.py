"""How an operation can fail before or beside its DIMSE status: one class for each way an association can end badly.

Each error carries `exit_code`, the name of the code that the command-line tools leave with.
"""

from ..acse.agreement import Agreement
from ..acse.events import Aborted, Initiator, Rejected
from ..dul.errors import ProtocolError

_EXIT_CODES = {
    Initiator.LOCAL_PROVIDER: "PROVIDER_ABORTED",
    Initiator.PEER_PROVIDER: "PROVIDER_ABORTED",
    Initiator.CONNECTION: "CONNECTION_LOST",
    Initiator.TIMEOUT: "TIMED_OUT",
}


class AssociationError(ProtocolError):
    """An association could not be made, or ended before its time."""

    exit_code: str = "FAILURE"


class ConnectionFailed(AssociationError):
    """The transport connection could not be opened: unknown host, refused, no answer in time, TLS."""

    exit_code = "CONNECT"


def unreachable(peer: object, error: OSError) -> ConnectionFailed:
    """The error for a connection that could not be opened, in a sentence without numbers.

    A TLS failure keeps its own kind of exit code.
    """
    failed = ConnectionFailed(f"{peer} cannot be reached: {error.strerror or error}")
    failed.exit_code = getattr(error, "exit_code", failed.exit_code)
    failed.__cause__ = error
    return failed


class AssociationRejected(AssociationError):
    """The peer answered with A-ASSOCIATE-RJ (PS3.8 9.3.4)."""

    exit_code = "REJECTED"

    def __init__(self, event: Rejected) -> None:
        super().__init__(f"association rejected: {event.why}")
        self.result = event.pdu.result
        """1 permanent, 2 transient (Table 9-21)."""
        self.source = event.pdu.source
        """Who rejected."""
        self.reason = event.pdu.reason
        """Why, within the source."""

    @property
    def transient(self) -> bool:
        """Whether another try later may succeed."""
        return self.result == 2


class AssociationAborted(AssociationError):
    """The association ended by A-ABORT or with its connection."""

    def __init__(self, event: Aborted) -> None:
        numbers = "" if event.source is None else f" (source {event.source}, reason {event.reason})"
        by = "" if event.initiator in (Initiator.CONNECTION, Initiator.TIMEOUT) else f" by the {event.initiator}"
        what = "lost" if event.initiator is Initiator.CONNECTION else "aborted"
        super().__init__(f"association {what}{by}: {event.cause}{numbers}, in {event.state}")
        self.initiator = event.initiator
        """Who ended it."""
        self.source = event.source
        """Source of the A-ABORT PDU, None where there was none (Table 9-26)."""
        self.reason = event.reason
        """Its reason."""
        self.state = event.state
        """The state in which it happened."""
        self.exit_code = _EXIT_CODES.get(event.initiator, "ABORTED")

    def because(self, error: OSError | None) -> None:
        """Say what the transport knows of a lost connection, too."""
        if error is not None and self.initiator is Initiator.CONNECTION:
            self.args = (f"{self}: {error.strerror or error}",)
            self.__cause__ = error


class AssociationReleased(AssociationError):
    """The association was released while, or before, something was to be done on it."""

    exit_code = "RELEASE"


class AssociationTimeout(AssociationAborted):
    """This end lost patience and aborted."""

    def __init__(self, event: Aborted) -> None:
        super().__init__(event)
        self.phase = {"Sta4": "connect", "Sta5": "acse", "Sta6": "dimse"}.get(event.state, "release")
        """What was waited for: "connect", "acse", "dimse" or "release"."""


class NoAcceptedContext(AssociationError):
    """The association stands, but the peer accepted no presentation context for what was asked."""

    exit_code = "NO_CONTEXT"

    def __init__(self, agreement: Agreement, abstract_syntax: str, transfer_syntax: str | None = None) -> None:
        super().__init__(agreement.why_not(abstract_syntax, transfer_syntax))
        self.agreement = agreement
        """What was agreed, with what was offered and why it was refused."""


def not_made(
    error: AssociationAborted, peer: object, why: OSError | None, *, connect_seconds: float | None, tls: bool
) -> AssociationError:
    """The error of an association that came to nothing, which tells of the connection where that was the matter.

    Args:
        error: how it ended.
        peer: who was called.
        why: what the transport knows of the end.
        connect_seconds: how long we waited for the connection.
        tls: whether we spoke TLS. A peer that wants it closes, without a word, on plain DICOM.
    """
    made: AssociationError = error
    if why is not None and error.state in ("Sta4", "Sta5"):
        made = unreachable(peer, why)
    elif error.state == "Sta4":
        made = unreachable(peer, TimeoutError(f"no connection within {connect_seconds or 0:g} s"))
    if error.state == "Sta5" and error.initiator is Initiator.CONNECTION and not tls:
        made.args = (f"{made}: without an answer to A-ASSOCIATE-RQ; is this a port for TLS?",)
    return made


def aborted(event: Aborted) -> AssociationAborted:
    """The error that tells of this end."""
    return (AssociationTimeout if event.initiator is Initiator.TIMEOUT else AssociationAborted)(event)
