"""A pause of pynetdicom's reactor that is one.

Before a request is sent the thread that looks for messages is paused; but it tells so before it waits, and then, on
a busy machine, may look once more while the response comes, take it for a request, and drop it. The request is then
never answered, and after its time-out the association is aborted.
"""

import threading
import time
from typing import Any


class _Checkpoint(threading.Event):
    """The event that lets the reactor pass; who clears it goes on when the reactor has found it cleared, or ended."""

    def __init__(self, reactor: threading.Thread) -> None:
        super().__init__()
        self._reactor, self._found = reactor, False

    def clear(self) -> None:
        self._found = False
        super().clear()
        while not self._found and self._reactor.is_alive():
            time.sleep(0.001)  # before the next look, as often as the reactor looks

    def wait(self, timeout: float | None = None) -> bool:
        while not super().wait(0.001):
            self._found = True
        return True


def steady(association: Any) -> Any:
    """The association, with such a pause."""
    if association.is_established:
        association._reactor_checkpoint = _Checkpoint(association)  # which is that thread
        association._reactor_checkpoint.set()
    return association
