"""DCMTK's private Shutdown SOP Class: a request for an association that proposes it asks the server to stop.

A server that agrees rejects the association (permanent, service-user, no reason given) and ends; the rejection is the
acknowledgement. Off unless an SCP is given this service, since whoever reaches the port may call it.
"""

from ..acse.policy import Reject, SupportedContext
from ..dimse.messages import Response
from ..dimse.status import UNRECOGNIZED_OPERATION
from ..dul.pdu import AssociateRQ
from .service import Operation, Service

SHUTDOWN = "1.2.276.0.7230010.3.4.1915765545.18030.917282194.0"
"""The private Shutdown SOP Class."""


def acknowledge(request: AssociateRQ) -> Reject | None:
    """The rejection that acknowledges a request to stop; None if the request is an ordinary one."""
    if any(context.abstract_syntax == SHUTDOWN for context in request.presentation_contexts):
        return Reject(1, 1, 1, "shutdown requested")
    return None


class Shutdown(Service):
    """The SCP: an SCP given this service stops when it is asked to."""

    proposes = (SHUTDOWN,)

    def supports(self, abstract_syntax: str) -> SupportedContext | None:
        """The Shutdown SOP Class only."""
        return SupportedContext(None) if abstract_syntax == SHUTDOWN else None

    def perform(self, operation: Operation) -> Response:
        """Never reached by a peer that follows the protocol: its association was rejected."""
        return operation.request.response(UNRECOGNIZED_OPERATION)
