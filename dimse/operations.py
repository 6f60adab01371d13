"""Operations and notifications under way on one association, in both directions (PS3.7 9.1, 10.1).

A response belongs to a request by Message ID, presentation context and Command Field, never by order. Those we invoke
are `outstanding` until their final response, and are waited for; those the peer invokes we are `performing`.
"""

from dataclasses import dataclass

from ..acse.agreement import AcceptedContext
from ..dul.errors import LocalProtocolError
from ..spec.dimse import RESPONSE_BIT
from . import messages
from .errors import CommandSetError
from .events import Request, Response
from .fragments import Sink

_PENDING_ALLOWED = (0x0020, 0x0010, 0x0021)
"""C-FIND-RQ, C-GET-RQ, C-MOVE-RQ: the operations with pending responses (PS3.7 9.1.2 to 9.1.4), and those that
C-CANCEL-RQ cancels (9.3.2.3)."""


@dataclass(slots=True)
class Outstanding:
    """A request of ours without a final response."""

    request: messages.Request
    """What we asked."""
    context_id: int
    """Where we asked it."""
    deadline: float | None = None
    """When the wait for a response ends; None until the request is sent as a whole, or for ever."""

    @property
    def can_be_cancelled(self) -> bool:
        """Whether there is a C-CANCEL-RQ for it."""
        return self.request.command_field in _PENDING_ALLOWED


class Operations:
    """The operations of one association.

    Args:
        seconds: how long to wait for each response; None: for ever.
    """

    __slots__ = ("_seconds", "outstanding", "performing")

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self.outstanding: dict[int, Outstanding] = {}
        """Our requests without a final response, by Message ID."""
        self.performing: dict[int, Request] = {}
        """The peer's requests without a final response of ours, by Message ID."""

    def end(self) -> None:
        """None of them will come to its end."""
        self.outstanding.clear()
        self.performing.clear()

    # ---- ours ----

    def responded(
        self, context: AcceptedContext, message: messages.Response, sink: Sink | None, now: float
    ) -> Response:
        """Take a response of the peer.

        Raises:
            CommandSetError: it answers nothing we asked, or not so.
        """
        message_id = message.message_id_being_responded_to
        operation = self.outstanding.get(message_id)
        if operation is None:
            what = f"{message.name} to Message ID {message_id}, which no request has"
            raise CommandSetError(what, element=0x0120, clause="PS3.7 9.1.1.1.2")
        request = operation.request
        if message.command_field != request.command_field | RESPONSE_BIT or context.id != operation.context_id:
            what = f"{message.name} on context {context.id} to a {request.name} on {operation.context_id}"
            raise CommandSetError(what, clause="PS3.7 E.1; the context is a demand of ours")
        final = not message.status.is_pending
        if final:
            del self.outstanding[message_id]
        elif request.command_field not in _PENDING_ALLOWED:
            raise CommandSetError(f"{message.name} with a pending status", element=0x0900, clause="PS3.7 9.1, 10.1")
        elif operation.deadline is not None:
            self.wait(operation, now)
        return Response(context, message, sink, request, final)

    # ---- time ----

    @property
    def deadline(self) -> float | None:
        """When the first wait for a response ends."""
        if len(self.outstanding) == 1:  # as nearly always: a third of the time
            (operation,) = self.outstanding.values()
            return operation.deadline
        waits = [each.deadline for each in self.outstanding.values() if each.deadline is not None]
        return min(waits, default=None)

    def wait(self, operation: Outstanding, now: float) -> None:
        """A response is waited for from now on."""
        if self._seconds is not None:
            operation.deadline = now + self._seconds

    def wait_anew(self, now: float) -> None:
        """The peer is at work on what we asked: our patience with it begins again."""
        for operation in self.outstanding.values():
            if operation.deadline is not None:
                self.wait(operation, now)

    def overdue(self, now: float) -> str:
        """Which response did not come in time, in words; "" when none is overdue."""
        for message_id, operation in self.outstanding.items():
            if operation.deadline is not None and now >= operation.deadline:
                return f"waited {self._seconds:g} s for a response to {operation.request.name} {message_id}"
        return ""

    # ---- the peer's ----

    def is_final(self, context_id: int, message: messages.Response) -> bool:
        """Whether a response of ours ends its operation.

        Raises:
            LocalProtocolError: it answers nothing the peer asked, or not so.
        """
        request = self.performing.get(message.message_id_being_responded_to)
        field = message.command_field & ~RESPONSE_BIT
        if request is None or context_id != request.context.id or field != request.message.command_field:
            raise LocalProtocolError(f"no request on context {context_id} waits for {message!r} (PS3.7 9.1.1.1.2)")
        final = not message.status.is_pending
        if not final and field not in _PENDING_ALLOWED:
            raise LocalProtocolError(f"a {message.name} has no pending status (PS3.7 9.1, 10.1)")
        return final
