"""The associations on which a C-MOVE SCP stores to its destination, and how many of them there may be (PS3.4 C.4.2.2).

A peer that may move decides how much we send to whom: what is sent at a time is limited for each destination and
in all. Further moves wait for their turn.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from weakref import WeakKeyDictionary, WeakValueDictionary

from ...dul.errors import ProtocolError
from ...spec import codes
from ..aio import SCU
from ..entity import Entity
from ..errors import AssociationRejected, ConnectionFailed
from ..log import Log
from ..storage.outgoing import OutgoingFile
from ..storage.proposing import Batch, propose
from ..storage.user import Originator
from .sub_operations import SubOperations, together

EACH = 4
"""Sub-associations to one destination."""
ALL = 8
"""Sub-associations of one service."""


class _Free:
    """What is free on one event loop."""

    def __init__(self) -> None:
        self.all = asyncio.Semaphore(ALL)
        self.each: WeakValueDictionary[Entity, asyncio.Semaphore] = WeakValueDictionary()


class Places:
    """The sub-associations there may be at a time; on each event loop, if a service runs on several."""

    def __init__(self) -> None:
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _Free] = WeakKeyDictionary()

    @asynccontextmanager
    async def place(self, destination: Entity) -> AsyncIterator[None]:
        """Wait for a place, and hold it."""
        free = self._loops.setdefault(asyncio.get_running_loop(), _Free())
        each = free.each.setdefault(destination, asyncio.Semaphore(EACH))
        async with each, free.all:
            yield


class Mover:
    """Sends the objects of one C-MOVE to its destination.

    Args:
        scu: makes the associations.
        destination: where to.
        at_a_time: associations at a time, where there are objects enough.
        places: what limits them.
        log: told of associations that went wrong.
    """

    def __init__(self, scu: SCU, destination: Entity, at_a_time: int, places: Places, log: Log) -> None:
        self._scu = scu
        self._destination = destination
        self._at_a_time = at_a_time
        self._places = places
        self._log = log

    async def move(self, sub_operations: SubOperations) -> None:
        """Send all of them, over as many associations as their contexts need."""
        work = sub_operations.operation.caller.work
        files = await sub_operations.all()
        for batch in await work(partial(propose, decompress=sub_operations.decompress), files):
            waiting = deque(batch.objects)
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._at_a_time, len(waiting))):
                    group.create_task(self._carry(sub_operations, batch, waiting))

    async def _carry(
        self, sub_operations: SubOperations, batch: Batch[OutgoingFile], waiting: deque[OutgoingFile]
    ) -> None:
        """Take from what waits until nothing does. An association that ends early is made anew as long as each one
        gets something done."""
        while waiting and not sub_operations.over:
            done: list[OutgoingFile] = []
            try:
                async with self._places.place(self._destination):
                    await self._associated(sub_operations, batch, waiting, done)
            except ProtocolError as error:
                self._log.warning("sub-association failed", destination=str(self._destination), error=str(error))
                if not done:
                    sub_operations.fail_all(waiting, self._reason(error))

    async def _associated(
        self,
        sub_operations: SubOperations,
        batch: Batch[OutgoingFile],
        waiting: deque[OutgoingFile],
        done: list[OutgoingFile],
    ) -> None:
        """One association, with as many objects under way as the destination agrees to."""
        if not waiting or sub_operations.over:  # others were faster, or this one waited for its place too long
            return
        request = sub_operations.operation.request
        originator = Originator(sub_operations.operation.caller.agreement.calling_ae_title, request.message_id)
        async with await self._scu.associate(self._destination, batch.contexts) as association:
            contexts = list(association.agreement.contexts.values())

            async def carry() -> None:
                while waiting and not sub_operations.over and association.exchange.ending is None:
                    file = waiting.popleft()
                    await sub_operations.send(file, contexts, association.invoke, originator)
                    done.append(file)

            await together(association.agreement.window_invoked, carry)

    def _reason(self, error: ProtocolError) -> str:
        """For the requestor, who is told no addresses."""
        if isinstance(error, ConnectionFailed):
            return f"{self._destination.title} cannot be reached"
        if isinstance(error, AssociationRejected):
            return f"{self._destination.title} rejects us: {codes.reject_reason(error.source, error.reason)}"
        return f"{self._destination.title}: {error}"
