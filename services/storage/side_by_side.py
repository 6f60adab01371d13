"""Files sent several at a time, whatever the peer agrees to: outstanding on one association where its window allows
that (PS3.7 D.3.3.3), on several associations side by side where it does not.

The first association proposes the window. What the peer agrees to tells how many more there are to be; all of them take
from the same files, so that none idles while another has work. The blocking SCU runs the same, on an event loop in a
thread of its own.
"""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Iterable, Iterator
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Self, TypeVar

from ..association_aio import LiveAssociation
from ..entity import Entity
from ..errors import AssociationError
from ..settings import Settings
from .outgoing import OutgoingFile
from .pipeline import Pipeline
from .proposing import Batch
from .user import StoreResult

if TYPE_CHECKING:
    from ..aio import SCU

T = TypeVar("T")


class SideBySide:
    """Files on their way over as many associations as it takes to have some number of them under way.

    Args:
        associate: makes an association; called again for each.
        files: what to send.
        at_once: how many, at most, are under way at a time, all associations together.
    """

    def __init__(
        self, associate: Callable[[], Awaitable[LiveAssociation]], files: Iterable[OutgoingFile], at_once: int
    ) -> None:
        self._associate = associate
        self._files = deque(files)
        self._at_once = at_once
        self._tasks: list[asyncio.Task[None]] = []
        self._ended = 0
        self._results: asyncio.Queue[StoreResult | None] = asyncio.Queue()  # None: an association has ended
        self._room = asyncio.Semaphore(at_once)  # who takes no results holds up the sending

    async def next(self) -> StoreResult | None:
        """The next result of any association; None after the last.

        Raises:
            AssociationError: after all results there are: of the first association that could not be made, or that
                ended early.
        """
        if not self._tasks:
            self._begin(self._first())
        while self._ended < len(self._tasks):
            result = await self._results.get()
            if result is not None:
                self._room.release()
                return result
            self._ended += 1
        for error in [task.exception() for task in self._tasks]:  # all are asked, or asyncio complains of the others
            if error is not None:
                raise error
        return None

    async def finish(self) -> None:
        """Wait for what is outstanding, sending no more, and release."""
        self._files.clear()
        while await self.next() is not None:
            pass

    async def abandon(self) -> None:
        """Abort all associations."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.append(task)
        task.add_done_callback(lambda _: self._results.put_nowait(None))

    async def _first(self) -> None:
        """Associate, and have others made where what is agreed leaves room for them."""
        async with await self._associate() as association:
            agreed = association.agreement.window_invoked or self._at_once
            for _ in range(min(self._at_once, len(self._files)) // agreed - 1):
                self._begin(self._other())
            await self._carry(association)

    async def _other(self) -> None:
        """One more association; where the peer wants no more of them, those that stand carry it all."""
        try:
            association = await self._associate()
        except AssociationError:
            return
        async with association:
            await self._carry(association)

    async def _carry(self, association: LiveAssociation) -> None:
        pipeline = Pipeline(association.exchange, self._waiting())
        while (result := await association.run(pipeline.next(association.now()))) is not None:
            await self._room.acquire()
            self._results.put_nowait(result)

    def _waiting(self) -> Iterator[OutgoingFile]:
        """What nobody has taken yet, each as it can go."""
        while self._files:
            yield self._files.popleft()


def _shared(scu: "SCU", settings: Settings, peer: Entity, batch: Batch[OutgoingFile], at_once: int) -> SideBySide:
    """The files of a batch, by an SCU that proposes as large a window."""
    wide = copy(scu)
    wide.settings = replace(settings, operations_window=at_once)
    return SideBySide(lambda: wide.associate(peer, batch.contexts), batch.objects, at_once)


async def stored(
    scu: "SCU", peer: Entity, batch: Batch[OutgoingFile], at_once: int
) -> AsyncGenerator[StoreResult, None]:
    """C-STORE what is in a batch, on this event loop; see `SCU.store`."""
    files = _shared(scu, scu.settings, peer, batch, at_once)
    try:
        while (result := await files.next()) is not None:
            yield result
    except GeneratorExit:
        await files.finish()
        raise
    except BaseException:  # a cancellation, too: no association is left open
        await files.abandon()
        raise


def stored_blocking(
    settings: Settings, peer: Entity, batch: Batch[OutgoingFile], at_once: int
) -> Generator[StoreResult, None, None]:
    """The same for a caller without an event loop, or on whose one nothing may be awaited here."""
    from ..aio import SCU

    files = _shared(SCU(), settings, peer, batch, at_once)
    with _LoopThread() as loop:
        try:
            while (result := loop.run(files.next())) is not None:
                yield result
        except GeneratorExit:
            loop.run(files.finish())
            raise
        except BaseException:  # Ctrl-C, too: no association is left open
            loop.run(files.abandon())
            raise


class _LoopThread:
    """An event loop in a thread of its own: there may be another in the caller's, as in a notebook."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop
        self._left: asyncio.Event
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._stay()), name="dulcet store", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._left.set)
        self._thread.join()

    async def _stay(self) -> None:
        self._loop, self._left = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        await self._left.wait()

    def run(self, work: Coroutine[object, object, T]) -> T:
        """Wait for the end of something there; it ends with the waiting, as by Ctrl-C."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:  # Ctrl-C, too: what is waited for no more is not left at work
            future.cancel()
            raise
