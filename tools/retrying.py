"""`--retry`: what is worth another try, and how long to wait before it.

The delay doubles from try to try, so that a peer in trouble is left in peace, and is made longer or shorter by chance,
so that many senders that failed together do not come back together. What is permanent is never tried again.
"""

import random
import time
from collections.abc import Callable

from ..acse.events import Initiator
from ..services.errors import AssociationAborted, AssociationError, AssociationRejected, ConnectionFailed
from ..spec.values import value

LONGEST = 60.0
"""Seconds; a peer that comes back should not stay unused for long."""
_SLICE = 0.1
"""Seconds between looks at whether to go on waiting."""


@value
class Backoff:
    """How often and when to try again."""

    tries: int
    """Beyond the first."""
    delay: float = 1.0
    """Seconds before the first of them."""
    jitter: float = 0.25
    """The share of a delay by which it varies."""
    chance: Callable[[float, float], float] = random.uniform

    def seconds(self, number: int) -> float:
        """How long to wait before the number-th try, from 1 on."""
        delay = min(self.delay * 2.0 ** (number - 1), LONGEST)
        return delay * (1 + self.chance(-self.jitter, self.jitter))

    def wait(self, number: int, stopping: Callable[[], bool]) -> None:
        """Wait so long, or until someone wants to stop."""
        until = time.monotonic() + self.seconds(number)
        while not stopping() and (left := until - time.monotonic()) > 0:
            time.sleep(min(_SLICE, left))  # no longer: someone may want to stop


def is_transient(error: AssociationError) -> bool:
    """Whether an association may come about, or last longer, another time.

    So it is with a transient rejection (PS3.8 9.3.4), a peer that cannot be reached or does not answer, and a lost
    connection; not with a permanent rejection, TLS that does not come about, or an A-ABORT, which has its reason.
    """
    if isinstance(error, AssociationRejected):
        return error.transient
    if isinstance(error, AssociationAborted):
        return error.initiator in (Initiator.CONNECTION, Initiator.TIMEOUT)
    return isinstance(error, ConnectionFailed) and error.exit_code == "CONNECT"


def is_out_of_resources(status: int | None) -> bool:
    """Whether a peer says so: Refused: Out of resources (PS3.4 table B.2-1)."""
    return status is not None and 0xA700 <= status <= 0xA7FF
