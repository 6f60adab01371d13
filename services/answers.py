"""Many answers to one request, in batches: from iterables and generators, plain ones in the server's pool, async ones.

What there is without waiting goes together, nothing is held back for company for longer than `GATHER_SECONDS`, and of
what was answered before a service fails nothing is lost. Whatever the answers come from is closed in the end.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing, suppress
from itertools import islice
from typing import Any, TypeVar

T = TypeVar("T")

BATCH = 32
"""Answers taken from a plain iterator at a time, before others have their turn."""
BATCH_SECONDS = 0.05
"""And the time they may take together."""
GATHER_SECONDS = 0.005
"""How long an answer made in a thread may wait for those after it: where thread and event loop take turns at each
answer of many, they mostly wait for one another, and 3 times fewer leave in a second."""
Work = Callable[..., Awaitable[Any]]


async def batches(
    answers: Awaitable[T] | AsyncIterable[T] | Iterable[T], woken: asyncio.Event, work: Work | None
) -> AsyncGenerator[list[T], None]:
    """Answers in lists of those there are without waiting; an empty one when somebody else has set `woken`.

    Args:
        answers: what a service returned.
        woken: set from outside when something has happened that the taker should know.
        work: runs a function in a thread, if the answers may wait for disk or people; else None.
    """
    if isinstance(answers, Awaitable):
        yield [await answers]
    elif isinstance(answers, AsyncIterable):
        async with aclosing(_one_by_one(answers)) as ones:
            async for batch in ones:
                yield batch
    else:
        iterator = iter(answers)
        some = _here(iterator) if work is None else _in_pool(iterator, woken, work)
        async with aclosing(some) as lists:
            async for batch in lists:
                yield batch


async def _one_by_one(answers: AsyncIterable[T]) -> AsyncGenerator[list[T], None]:
    try:
        async for answer in answers:
            yield [answer]
            await asyncio.sleep(0)  # a generator that never waits must not keep the others waiting
    finally:
        close = getattr(answers, "aclose", None)
        if close is not None:
            await close()


async def _here(iterator: Iterator[T]) -> AsyncGenerator[list[T], None]:
    batch: list[T] = []
    try:
        while not _take(iterator, batch):
            yield batch
            batch = []
            await asyncio.sleep(0)  # as above
    except Exception:  # a service's bug: what it had answered before goes first
        if batch:
            yield batch
        raise
    else:
        yield batch
    finally:
        _close(iterator)


def _take(iterator: Iterator[T], batch: list[T]) -> bool:
    """Take the next answers; whether they were the last."""
    until = time.monotonic() + BATCH_SECONDS
    for answer in iterator:
        batch.append(answer)
        if len(batch) == BATCH or time.monotonic() >= until:
            return False
    return True


async def _in_pool(iterator: Iterator[T], woken: asyncio.Event, work: Work) -> AsyncGenerator[list[T], None]:
    """A thread makes answers, `BATCH` at most that nobody has taken; the event loop takes them when no more are to be
    made, or `GATHER_SECONDS` after the first of them."""
    loop = asyncio.get_running_loop()
    made: deque[T] = deque()
    leaving = False

    def make() -> bool:
        count = 0
        for answer in islice(iterator, BATCH):
            count += 1
            made.append(answer)
            if leaving:
                break
            if len(made) == 1:  # whoever took the others has gone to sleep
                with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
                    loop.call_soon_threadsafe(loop.call_later, GATHER_SECONDS, woken.set)
        return count < BATCH

    making: asyncio.Future[bool] | None = None
    try:
        while making is None or not making.result():
            making = asyncio.ensure_future(work(make))
            making.add_done_callback(lambda _: woken.set())
            ended = False
            while not ended:
                await woken.wait()
                woken.clear()
                ended = making.done()
                yield [made.popleft() for _ in range(len(made))]
    finally:
        leaving = True
        if making is not None:
            await asyncio.wait({making})  # a generator cannot be closed while it runs
            making.exception()  # if nobody has heard of it, nobody needs to
        await work(_close, iterator)


def _close(iterator: object) -> None:
    close = getattr(iterator, "close", None)
    if close is not None:
        close()
