"""Messages on their way out, one after another (PS3.8 Annex E): fragments are made when there is room for them.

A message is queued as an iterator of its PDVs and moved into the outbox as far as that has room, so a data set of any
size needs a bounded amount of memory; a message begins when the one before it has gone whole.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from ..dul.pdu import PDV
from ..dul.primitives import Output
from .operations import Outstanding

ROOM = 32
"""No more than this many items are left in the outbox: 16 PDUs of up to the peer's maximum length."""


class Sending:
    """The queue of one association.

    Args:
        outbox: where PDUs end up.
        send: sends presentation data values, at a time.
        sent: told of each request that is in the outbox whole, and when.
    """

    __slots__ = ("_outbox", "_send", "_sent", "final_responses", "queue")

    def __init__(
        self,
        outbox: deque[Output],
        send: Callable[[Sequence[PDV], float], None],
        sent: Callable[[Outstanding, float], None],
    ) -> None:
        self._outbox, self._send, self._sent = outbox, send, sent
        self.queue: deque[tuple[Iterator[PDV], Outstanding | None, bool]] = deque()
        """Messages that are not in the outbox whole: their PDVs, the operation they ask for, whether they end one."""
        self.final_responses = 0
        """How many of those queued end an operation of the peer's."""

    def put(self, pdvs: tuple[PDV, ...] | Iterator[PDV], operation: Outstanding | None, ends: bool, now: float) -> None:
        """Take a message: the request of an operation, or a response that ends one, or another.

        One that is there as a whole and need not wait is sent at once (2 us less); the others are queued.
        """
        if type(pdvs) is tuple and not self.queue and len(self._outbox) + 2 * len(pdvs) <= ROOM:
            for pdv in pdvs:
                self._send((pdv,), now)
            if operation is not None:
                self._sent(operation, now)
            return
        self.queue.append((iter(pdvs), operation, ends))
        self.final_responses += ends

    def push(self, now: float) -> None:
        """Move fragments into the outbox while it has room. What reading a data set raises passes through."""
        queue, outbox = self.queue, self._outbox
        while queue and len(outbox) < ROOM - 1:  # a PDU takes two items at most
            pdvs, operation, ends = queue[0]
            pdv = next(pdvs, None)
            if pdv is not None:
                self._send((pdv,), now)
                continue
            queue.popleft()
            self.final_responses -= ends
            if operation is not None:
                self._sent(operation, now)

    def clear(self) -> None:
        """Nothing of it will be sent."""
        self.queue.clear()
