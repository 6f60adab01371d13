"""The shape of what a driver drives: inputs return what they caused, outputs stand in one ordered outbox.

Time is an argument, `deadline` says when to call `tick`. The drivers promise to call `tick` before any other
input once the deadline has passed, so that a peer dripping bytes cannot keep a timer from firing; of a deadline that
comes earlier they know once they have been told to `flush`.
"""

from collections import deque
from typing import Protocol, TypeVar

from ..primitives import Output

E = TypeVar("E")


class SansIO(Protocol[E]):
    """Anything with the verbs of the upper layer; `E` is what its user hears.

    Data given to `receive` is a view of a buffer that is used again: a thing, and whoever gets its events,
    uses or copies it before the next input. Views in the outbox belong to the transport until the connection
    is gone.
    """

    @property
    def outbox(self) -> deque[Output]:
        """Bytes, flat views of bytes, and requests to the transport, in order."""

    @property
    def deadline(self) -> float | None:
        """When `tick` is due, on the driver's clock."""

    def connected(self, now: float, /) -> list[E]:
        """The connection that CONNECT asked for stands."""

    def offered(self, now: float, /) -> list[E]:
        """A peer opened a connection to us."""

    def receive(self, data: bytes | memoryview, now: float, /) -> list[E]:
        """The peer sent this."""

    def closed(self, now: float, /) -> list[E]:
        """The connection is gone, or never came to be; not called after the thing's own CLOSE."""

    def tick(self, now: float, /) -> list[E]:
        """The deadline may have passed; harmless when not."""

    def fill(self, now: float, /) -> None:
        """There is room: a thing with much to say refills its outbox up to its own high-water mark."""
