"""Verification (PS3.4 Annex A): C-ECHO, both roles."""

from ..acse.policy import SupportedContext
from ..dimse import messages
from ..dimse.exchange import Exchange
from ..dimse.messages import Response
from ..dimse.status import SOP_CLASS_NOT_SUPPORTED, SUCCESS, UNRECOGNIZED_OPERATION, Status
from .service import Operation, Service
from .steps import Steps, context_for, operation
from .transfer_syntaxes import KNOWN

VERIFICATION = "1.2.840.10008.1.1"
"""Verification SOP Class."""
_SUPPORTED = SupportedContext(KNOWN)


def echo(exchange: Exchange, now: float) -> Steps[Status]:
    """Invoke C-ECHO (PS3.7 9.1.5) and wait for its status."""
    assert exchange.agreement is not None  # the caller has associated
    context = context_for(exchange.agreement, VERIFICATION)
    request = messages.C_ECHO_RQ(message_id=exchange.next_message_id(), affected_sop_class_uid=VERIFICATION)
    response = yield from operation(exchange, context, request, None, now)
    return response.message.status


class Verification(Service):
    """The SCP: answers C-ECHO with success. C-ECHO has no data set, so any transfer syntax that is one will do."""

    proposes = (VERIFICATION,)

    def supports(self, abstract_syntax: str) -> SupportedContext | None:
        """Verification SOP Class only."""
        return _SUPPORTED if abstract_syntax == VERIFICATION else None

    def perform(self, operation: Operation) -> Response:
        """C-ECHO-RSP with status 0x0000."""
        request = operation.request
        if request.name != "C-ECHO-RQ":
            return request.response(UNRECOGNIZED_OPERATION)
        if request.sop_class_uid != VERIFICATION:
            return request.response(SOP_CLASS_NOT_SUPPORTED)
        return request.response(SUCCESS)
