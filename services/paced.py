"""An exchange on an event loop that tells when it has room for more: nobody sends faster than the peer reads, and who
waits for the end of a message hears of it, though nothing comes from the peer."""

import asyncio
from collections.abc import Callable

from ..dimse.exchange import Exchange
from ..dimse.sending import ROOM


class PacedExchange(Exchange):
    """An exchange whose `fill` is heard of."""

    on_room: "Callable[[], None] | None" = None
    """Told when there may be room again, as those who wait in `room` are."""
    _change: "asyncio.Event | None" = None

    async def room(self) -> None:
        """Wait until everything said so far is in the hands of the transport, or the association has ended."""
        while (self.sending or len(self.outbox) >= ROOM) and self.ending is None:
            self._change = self._change or asyncio.Event()
            self._change.clear()
            await self._change.wait()

    def changed(self) -> None:
        """Let those who wait look again."""
        if self._change is not None:
            self._change.set()
        if self.on_room is not None:
            self.on_room()

    def fill(self, now: float) -> None:
        """As in `Exchange`; the driver calls it when there is room."""
        if self._unsent:
            super().fill(now)
        if not self._unsent and (self._change is not None or self.on_room is not None):
            self.changed()
