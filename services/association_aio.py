"""An association of the asyncio SCU: it runs the same steps as the blocking one, awaited."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from ..acse.agreement import AcceptedContext
from ..dimse.exchange import Dataset, DimseEvent, Response
from ..dimse.messages import Request
from ..dimse.status import Status
from ..dul.items import ExtendedNegotiation, RoleSelection
from ..dul.transport.aio import AsyncioDriver
from .contexts import Proposable
from .entity import Entity
from .errors import AssociationAborted, AssociationError
from .normalized.calls import NormalizedCalls
from .paced import PacedExchange
from .query.calls import QueryCalls
from .service import Service
from .serving import Serving
from .steps import Steps, failure, release
from .storage.calls import StoreCalls
from .verification import echo

if TYPE_CHECKING:
    from .normalized.normalized import NResult
    from .query.matches import AsyncMatches
    from .query.query import Finding
    from .query.retrieve_scu import RetrieveResult
    from .storage.pipeline import Pipeline
    from .storage.user import StoreResult

T = TypeVar("T")


class LiveAssociation(
    NormalizedCalls["Awaitable[NResult]"],
    QueryCalls["Awaitable[RetrieveResult]", "AsyncMatches"],
    StoreCalls["Awaitable[StoreResult]", "AsyncGenerator[StoreResult, None]"],
):
    """An association on an event loop, and the operations on it, one at a time."""

    _exchange: PacedExchange

    def __init__(self, exchange: PacedExchange, serving: Serving) -> None:
        super().__init__(exchange, serving)
        self._driver: AsyncioDriver[DimseEvent] | None = None
        self._arrived = asyncio.Event()
        exchange.on_room = self._arrived.set
        self._invoked: dict[int, asyncio.Future[Response]] = {}
        self._abandoned: list[Finding] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or kind is GeneratorExit:  # leaving a generator early is no error
            await self.release()
        else:
            await self.abort(f"{kind.__name__} in the service user")

    def carry(self, driver: AsyncioDriver[DimseEvent]) -> None:
        """Let this connection carry it; its first steps may have been taken before."""
        self._driver = driver

    def happened(self, _driver: AsyncioDriver[DimseEvent], events: list[DimseEvent]) -> None:
        """Told by the driver of what has happened."""
        self._inbox += [event for event in events if not self._is_answer(event)]
        self._arrived.set()
        if self._exchange.ending is not None:
            self._exchange.changed()
            self._give_up()

    def _is_answer(self, event: DimseEvent) -> bool:
        """Whether somebody waits for this in `invoke`, and has it now."""
        if not (isinstance(event, Response) and event.final):
            return False
        future = self._invoked.pop(event.request.message_id, None)
        if future is None:
            return False
        if not future.done():
            future.set_result(event)
        return True

    def _give_up(self) -> None:
        """Nobody who waits in `invoke` will have an answer."""
        waiting, self._invoked = self._invoked, {}
        for future in waiting.values():
            try:
                failure(self._exchange.ending)
            except AssociationError as error:
                if isinstance(error, AssociationAborted):
                    error.because(self._driver.error if self._driver is not None else None)
                if not future.done():
                    future.set_exception(error)

    async def run(self, steps: Steps[T]) -> T:
        """Run steps to their end.

        Raises:
            AssociationError: the association ended first.
        """
        while self._abandoned:
            await self._take(self._abandoned.pop().leave(self.now()))
        return await self._take(steps)

    def abandon(self, finding: "Finding") -> None:
        """Nobody wants the matches of a query any more: cancel it, and let whatever is done next wait for its end."""
        self._abandoned.append(finding)
        finding.cancel(self.now())
        self._flush()

    async def _take(self, steps: Steps[T]) -> T:
        try:
            next(steps)
            while True:
                if not self._inbox:
                    await self._listen()
                steps.send((self._inbox, self.now()))
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]  # a generator's return value is untyped
        except AssociationAborted as error:
            error.because(self._driver.error if self._driver is not None else None)
            raise
        finally:
            steps.close()
            self._flush()

    def _flush(self) -> None:
        if self._driver is not None:
            self._driver.flush()

    def now(self) -> float:
        """The clock of the steps, seconds."""
        return asyncio.get_running_loop().time()

    async def invoke(self, context: AcceptedContext, request: Request, dataset: Dataset | None = None) -> Response:
        """Invoke an operation, its Message ID filled in, and wait for its final response. As many may wait at a time as
        were agreed (PS3.7 D.3.3.3).

        Raises:
            AssociationError: the association ended first.
            LocalProtocolError: the message cannot be sent.
        """
        failure(self._exchange.ending)
        # replace() takes dataclasses, and only message_types.pyi says that each Request is one
        numbered: Request = replace(request, message_id=self._exchange.next_message_id())  # type: ignore[type-var]  # every one is a dataclass
        self._exchange.request(context.id, numbered, dataset, self.now())
        future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._invoked[numbered.message_id] = future
        self._flush()
        response = await future
        await self._exchange.room()  # it may have answered before it had everything (PS3.7 9.1.1.2)
        return response

    async def _listen(self) -> None:
        """Wait for the peer, unless something has happened, and perform what it asks of our services."""
        self._flush()
        if not self._inbox:
            self._arrived.clear()
            await self._arrived.wait()
        await self._serve()

    async def _serve(self) -> None:
        while await self._serving.serve_async(self._inbox):  # more may have come meanwhile
            self._flush()

    async def wait_for(self, condition: Callable[[], bool], seconds: float | None = None) -> bool:
        """Serve the peer until a condition holds, or for this long; see the blocking one."""
        until = None if seconds is None else self.now() + seconds
        await self._serve()
        while not condition():
            failure(self._exchange.ending)
            try:
                async with asyncio.timeout_at(until):
                    self._arrived.clear()
                    await self._arrived.wait()
            except TimeoutError:
                return False
            await self._serve()
        return True

    def wake(self) -> None:
        """Have `wait_for` ask its condition again; on the event loop's thread."""
        self._arrived.set()

    # ---- operations: how this form runs what the service modules tell ----

    def _normalized(self, steps: "Steps[NResult]") -> "Awaitable[NResult]":
        return self.run(steps)

    def _retrieved(self, steps: "Steps[RetrieveResult]") -> "Awaitable[RetrieveResult]":
        return self.run(steps)

    def _matches(self, finding: "Finding") -> "AsyncMatches":
        from .query.matches import AsyncMatches

        return AsyncMatches(self, finding, self.now)

    def _stored(self, steps: "Steps[StoreResult]") -> "Awaitable[StoreResult]":
        return self.run(steps)

    async def _all_stored(self, pipeline: "Pipeline") -> "AsyncGenerator[StoreResult, None]":
        try:
            while (result := await self.run(pipeline.next(self.now()))) is not None:
                yield result
        except GeneratorExit:
            await self.run(pipeline.drain(self.now()))
            raise

    async def echo(self) -> Status:
        """C-ECHO (PS3.7 9.1.5); see the blocking one."""
        return await self.run(echo(self._exchange, self.now()))

    # ---- its end ----

    async def release(self) -> None:
        """A-RELEASE, if the association still stands, and wait for the answer."""
        await self._serve()
        if self._exchange.state == "Sta6":
            await self.run(release(self._exchange, self.now()))
        await self._closed()

    async def abort(self, cause: str = "A-ABORT requested") -> None:
        """A-ABORT, if there is anything left to abort, and wait for the connection to close (ARTIM at most)."""
        self._exchange.abort(self.now(), cause)
        self._flush()
        await self._closed()

    async def _closed(self) -> None:
        if self._driver is not None:
            await self._driver.wait_closed()


class AsyncAssociates(Protocol):
    """Who makes such associations: an SCU of `aio`."""

    async def associate(
        self,
        peer: Entity,
        contexts: Iterable[Proposable],
        *,
        roles: Sequence[RoleSelection] = (),
        extended: Sequence[ExtendedNegotiation] = (),
        services: Sequence[Service] = (),
    ) -> LiveAssociation:
        """Make an association."""
