"""The matches of a C-FIND as they come: an iterator, and an asynchronous one, that can be cancelled or left early.

Both run the steps of `Finding`. An iterator that nobody holds any more cancels: what a `for` loop leaves behind when it
breaks. The blocking one waits then until the peer has ended the query; the asyncio one leaves that to whatever is done
next on its association.
"""

from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import suppress
from typing import Protocol, Self, TypeVar

from ...dimse.status import Status
from ..steps import Steps
from .query import Finding, Match

T = TypeVar("T")


class Runs(Protocol):
    """A blocking association, as far as matches need it."""

    def run(self, steps: Steps[T]) -> T:
        """Run steps to their end."""


class RunsLater(Protocol):
    """An association on an event loop, as far as matches need it."""

    async def run(self, steps: Steps[T]) -> T:
        """Run steps to their end."""

    def abandon(self, finding: Finding) -> None:
        """Cancel a query, and wait for its end before anything else."""


class _Matches:
    """A C-FIND of ours that gives matches.

    Args:
        finding: the C-FIND.
        now: the clock of its association.
    """

    def __init__(self, finding: Finding, now: Callable[[], float]) -> None:
        self._finding = finding
        self._now = now

    @property
    def message_id(self) -> int:
        """Message ID of the request."""
        return self._finding.message_id

    @property
    def status(self) -> Status | None:
        """The final status; None before the end."""
        return self._finding.status

    def cancel(self) -> None:
        """Send C-CANCEL (PS3.7 9.3.2.3), and go on: matches the peer has sent before it heard still come."""
        self._finding.cancel(self._now())


class Matches(_Matches, Iterator[Match]):
    """Matches, each taken from the association when it is asked for.

    Raises, when asked for the next one:
        QueryFailed: the query ended with a failure.
        AssociationError: the association ended first.
    """

    def __init__(self, live: Runs, finding: Finding, now: Callable[[], float]) -> None:
        super().__init__(finding, now)
        self._matches = _taken(live, finding, now)
        next(self._matches)  # from here on, letting go of it closes it, and closing it leaves

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Match:
        one = next(self._matches)
        if one is None:
            raise StopIteration
        return one

    def close(self) -> None:
        """Cancel, and wait until the peer has ended the query. Harmless when it has."""
        self._matches.close()


def _taken(live: Runs, finding: Finding, now: Callable[[], float]) -> Generator[Match | None, None, None]:
    """None when begun, then the matches. Closed early, it leaves."""
    try:
        yield None
        while (one := live.run(finding.next())) is not None:
            yield one
    finally:
        if not finding.over:
            live.run(finding.leave(now()))


class AsyncMatches(_Matches, AsyncIterator[Match]):
    """The same on an event loop."""

    def __init__(self, live: RunsLater, finding: Finding, now: Callable[[], float]) -> None:
        super().__init__(finding, now)
        self._live = live

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Match:
        one = await self._live.run(self._finding.next())
        if one is None:
            raise StopAsyncIteration
        return one

    async def aclose(self) -> None:
        """Cancel, and wait until the peer has ended the query. Harmless when it has."""
        await self._live.run(self._finding.leave(self._now()))

    def __del__(self) -> None:
        if not self._finding.over:
            with suppress(RuntimeError):  # the event loop is gone, and the association with it
                self._live.abandon(self._finding)
