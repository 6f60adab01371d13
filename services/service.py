"""What an SCP offers: the shape of a service, and of the operations it is asked to perform."""

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..acse.agreement import AcceptedContext, Agreement
from ..acse.policy import SupportedContext
from ..dimse import exchange
from ..dimse.exchange import Dataset
from ..dimse.fragments import Memory, Sink
from ..dimse.messages import Request, Response
from ..dimse.status import PROCESSING_FAILURE
from ..spec.values import value

if TYPE_CHECKING:
    from ..dul.transport.tls import Peer as TlsPeer


Invoke = Callable[[AcceptedContext, Request, Dataset | None], Awaitable[exchange.Response]]
Work = Callable[..., Awaitable[Any]]


async def _at_once(do: Callable[..., Any], *arguments: Any) -> Any:
    return do(*arguments)


@value
class Caller:
    """Who asks."""

    agreement: Agreement
    """What was agreed on the association: titles, contexts, user."""
    address: tuple[Any, ...]
    """The peer's socket address."""
    abort: Callable[[str], None]
    """Ends the association with A-ABORT, from any thread; takes the cause, for the log."""
    invoke: Invoke
    """Invokes an operation of ours on the same association: (context, request, data set) to the final response. Its
    Message ID is filled in. For services that run on the event loop."""
    tls: "TlsPeer | None" = None
    """What TLS knows about the peer; None on a plain connection."""
    work: Work = _at_once
    """Runs something that may block in the server's pool of threads: (function, arguments) to its result. For services
    that run on the event loop; without a server it runs in place."""
    ae_title: str = ""
    """Our own AE title, whatever the peer called us."""
    association: int = 0
    """The number of the association at its server, which is in every line of the log about it; 0: it has none."""


@value
class Reply:
    """A response with its data set, from a service that has one to give."""

    response: Response
    """The command."""
    dataset: Dataset | None = None
    """The encoded data set, in the transfer syntax of the operation's context; None if it has none."""


Answer = Response | Reply
"""What answers an operation, or one of the pending responses to it."""
Answers = Answer | Awaitable[Answer] | Iterable[Answer] | AsyncIterable[Answer]
"""What `perform` may return. Of several answers the last is final; where all are pending, success follows by itself.
The next one is asked for when the one before has been taken by the peer's connection, and not after a C-CANCEL."""


@dataclass(slots=True)
class Operation:
    """A request of the peer that waits for its response."""

    caller: Caller
    """Who asks."""
    context: AcceptedContext
    """The presentation context it came on."""
    request: Request
    """The command."""
    sink: Sink | None
    """Where its data set went; None if it has none."""
    cancelled: bool = False
    """Whether the peer has asked to cancel it, or is gone."""


_CANNOT_PROCESS = (0x0001, 0x0020, 0x0010, 0x0021)
"""Command fields of C-STORE, C-FIND, C-GET and C-MOVE, whose tables in PS3.4 know 0xC000 and no processing failure."""


def failure_of(request: Request) -> Response:
    """The answer for a service that failed: 0xC000, unable to process, or 0x0110, processing failure (PS3.7 C.5.21)."""
    return request.response(0xC000 if request.command_field in _CANNOT_PROCESS else PROCESSING_FAILURE)


class Service:
    """One service class of an SCP. Subclasses say what they support and perform what they are asked."""

    proposes: ClassVar[tuple[str, ...]] = ()
    """The abstract syntaxes an SCU proposes when it is given this service in place of a context."""
    blocking = False
    """Whether `perform` may wait for disk or people: it then runs in a thread, so that receiving never waits for it."""

    def supports(self, abstract_syntax: str) -> SupportedContext | None:
        """How this service serves an abstract syntax; None when it does not. Asked once for each name."""
        raise NotImplementedError

    def negotiate(self, abstract_syntax: str, information: bytes) -> bytes | None:
        """Answer the SOP class extended negotiation of an abstract syntax (PS3.7 D.3.3.5); None says nothing to it."""
        return None

    def resume(self) -> None:
        """Take up what was left undone, on the event loop: a server begins to listen. Most have nothing of the kind."""

    def open_sink(self, caller: Caller, context: AcceptedContext, request: Request) -> Sink:
        """Where the data set of a request shall go. Memory, 16 MiB at most, unless a service knows better."""
        return Memory()

    def waits(self, operation: Operation) -> bool:
        """Whether `perform` may wait with this operation; as `blocking` says, unless a service knows better."""
        return self.blocking

    def perform(self, operation: Operation) -> Answers:
        """Do it, and return what answers it.

        An exception is logged and answered with a failure: 0xC000, unable to process, of C-STORE, C-FIND, C-GET and
        C-MOVE (PS3.4), else 0x0110, processing failure (PS3.7 C.5.21).
        """
        raise NotImplementedError
