"""What an `Exchange` tells its user besides what its association does: messages that are complete, and cancels."""

from typing import NamedTuple

from ..acse.agreement import AcceptedContext
from ..acse.association import Event
from ..acse.events import Aborted, Rejected, Released
from ..spec.values import value
from . import messages
from .fragments import Sink


class Request(NamedTuple):
    """The peer invokes an operation or notifies: it waits for `Exchange.respond`.

    A tuple, as `Response`: one is made per message, for 0.3 us instead of the 0.7 of a frozen dataclass.
    """

    context: AcceptedContext
    """The presentation context it came on."""
    message: messages.Request
    """The command."""
    sink: Sink | None
    """Where its data set went; None if it has none."""


class Response(NamedTuple):
    """A response to one of our requests."""

    context: AcceptedContext
    """The presentation context it came on."""
    message: messages.Response
    """The command."""
    sink: Sink | None
    """Where its data set went; None if it has none."""
    request: messages.Request
    """What it responds to."""
    final: bool
    """False while more responses follow (status class pending)."""


@value
class CancelRequested:
    """The peer asks to cancel an operation we perform (C-CANCEL-RQ, PS3.7 9.3.2.3)."""

    message_id: int
    """Of the request to be cancelled."""


DimseEvent = Request | Response | CancelRequested | Event
Ending = Released | Rejected | Aborted
"""The event that ends an association; there is one, and nothing is told after it."""
