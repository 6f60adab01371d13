"""The asyncio SCU: the same names and the same steps as the blocking one, awaited.

    from dulcet import Entity, aio

    async with await aio.SCU("DULCET").associate(pacs, [Verification]) as association:
        await association.echo()

An SCP is asyncio already: `await SCP(...).start(port=...)`.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from ..acse.agreement import AcceptedContext, Agreement
from ..dimse.exchange import Dataset, DimseEvent, Exchange, Response
from ..dimse.messages import Request
from ..dimse.status import Status
from ..dul.items import ExtendedNegotiation, RoleSelection
from ..dul.transport.aio import AsyncioDriver, connect
from .contexts import Proposable, proposed
from .entity import Entity
from .errors import AssociationAborted, unreachable
from .normalized.calls import NormalizedCalls
from .query.calls import AsyncQueryCalls
from .query.user import AsyncQueryUser
from .scp import SCP as SCP
from .scu import Settings
from .service import Service
from .serving import Serving
from .steps import Inbox, Steps, associate, failure, operation, release, sent
from .storage.calls import AsyncStoreCalls
from .verification import Verification, echo

if TYPE_CHECKING:
    from pydicom.dataset import Dataset as DecodedDataset

    from .normalized.commitment import CommitmentReports, CommitmentResult, Instance
    from .normalized.normalized import NResult
    from .query.builder import AsyncQueryBuilder as QueryBuilder
    from .query.query import Finding
    from .storage.storage import StoreResult

__all__ = ["SCU", "SCP", "LiveAssociation", "QueryBuilder"]

T = TypeVar("T")


class LiveAssociation(NormalizedCalls[Awaitable["NResult"]], AsyncQueryCalls, AsyncStoreCalls):
    """An association on an event loop, and the operations on it, one at a time."""

    def __init__(self, exchange: Exchange, serving: Serving | None = None) -> None:
        self._exchange = exchange
        self._serving = serving
        self._driver: AsyncioDriver[DimseEvent] | None = None
        self._inbox: Inbox = deque()
        self._arrived = asyncio.Event()
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

    def _happened(self, _driver: AsyncioDriver[DimseEvent], events: list[DimseEvent]) -> None:
        self._inbox += events
        self._arrived.set()

    @property
    def agreement(self) -> Agreement:
        """What was agreed."""
        assert self._exchange.agreement is not None  # established when handed out
        return self._exchange.agreement

    @property
    def exchange(self) -> Exchange:
        """The sans-IO end, for what has no method here."""
        return self._exchange

    async def run(self, steps: Steps[T]) -> T:
        """Run steps to their end.

        Raises:
            AssociationError: the association ended first.
        """
        while self._abandoned:
            await self._take(self._abandoned.pop().leave(self._now()))
        return await self._take(steps)

    def abandon(self, finding: "Finding") -> None:
        """Nobody wants the matches of a query any more: cancel it, and let whatever is done next wait for its end."""
        self._abandoned.append(finding)
        finding.cancel(self._now())
        self._flush()

    async def _take(self, steps: Steps[T]) -> T:
        try:
            next(steps)
            while True:
                if not self._inbox:
                    await self._listen()
                steps.send((self._inbox, self._now()))
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]  # a generator's return value is untyped
        except AssociationAborted as error:
            error.because(self._driver.error if self._driver is not None else None)
            raise
        finally:
            self._flush()

    def _flush(self) -> None:
        if self._driver is not None:
            self._driver.flush()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def invoke(self, context: AcceptedContext, request: Request, dataset: Dataset | None = None) -> Response:
        """Invoke an operation, its Message ID filled in, and wait for its final response.

        Raises:
            AssociationError: the association ended first.
            LocalProtocolError: the message cannot be sent.
        """
        # replace() takes dataclasses, and only message_types.pyi says that each Request is one
        numbered: Request = replace(request, message_id=self._exchange.next_message_id())  # type: ignore[type-var]
        response = await self.run(operation(self._exchange, context, numbered, dataset, self._now()))
        await self.run(sent(self._exchange, self._now()))  # it may have answered before it had everything
        return response

    async def _listen(self) -> None:
        """Wait for the peer, unless something has happened, and perform what it asks of our services."""
        self._flush()
        if not self._inbox:
            self._arrived.clear()
            await self._arrived.wait()
        await self._serve()

    async def _serve(self) -> None:
        if self._serving is not None:
            while await self._serving.serve_async(self._inbox):  # more may have come meanwhile
                self._flush()

    async def wait_for(self, condition: Callable[[], bool], seconds: float | None = None) -> bool:
        """Serve the peer until a condition holds, or for this long; see the blocking one."""
        until = None if seconds is None else self._now() + seconds
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

    def _normalized(
        self, request: Request, dataset: "DecodedDataset | None", meta_sop_class: str | None
    ) -> "Awaitable[NResult]":
        from .normalized.normalized import invoke

        return self.run(invoke(self._exchange, request, dataset, self._now(), meta_sop_class=meta_sop_class))

    async def echo(self) -> Status:
        """C-ECHO (PS3.7 9.1.5); see the blocking one."""
        return await self.run(echo(self._exchange, self._now()))

    async def release(self) -> None:
        """A-RELEASE, if the association still stands, and wait for the answer."""
        await self._serve()
        if self._exchange.state == "Sta6":
            await self.run(release(self._exchange, self._now()))
        await self._closed()

    async def abort(self, cause: str = "A-ABORT requested") -> None:
        """A-ABORT, if there is anything left to abort, and wait for the connection to close (ARTIM at most)."""
        self._exchange.abort(self._now(), cause)
        self._flush()
        await self._closed()

    async def _closed(self) -> None:
        if self._driver is not None:
            await self._driver.wait_closed()


class SCU(AsyncQueryUser):
    """A service class user on an event loop; the arguments are those of the blocking one."""

    def __init__(self, ae_title: str = "DULCET", **settings: object) -> None:
        self.settings = Settings(ae_title=ae_title, **settings)  # type: ignore[arg-type]  # checked by Settings itself

    async def associate(
        self,
        peer: Entity,
        contexts: Iterable[Proposable],
        *,
        roles: Sequence[RoleSelection] = (),
        extended: Sequence[ExtendedNegotiation] = (),
        services: Sequence[Service] = (),
    ) -> LiveAssociation:
        """Make an association; see the blocking one."""
        settings = self.settings
        request = settings.request(peer, proposed(contexts), roles, extended)
        now = asyncio.get_running_loop().time
        serving = Serving(services, (peer.host, peer.port), settings.ae_title, now, asyncio.to_thread)
        exchange = serving.exchange = settings.exchange(serving.open_sink)
        live = LiveAssociation(exchange, serving)
        steps = associate(exchange, request, live._now())
        next(steps)  # asks for the connection
        try:
            live._driver = await connect(
                exchange,
                (peer.host, peer.port),
                live._happened,
                tls=settings.tls,
                server_hostname=settings.server_hostname,
                family=settings.family,
                connect_seconds=settings.timeouts.connect or 1e9,
                write_seconds=settings.write_seconds,
            )
        except OSError as error:
            raise unreachable(peer, error) from error
        try:
            await live.run(_resumed(steps))
        except BaseException:
            await live.abort()
            raise
        return live

    async def echo(self, peer: Entity) -> Status:
        """Verify the connection to a peer; see the blocking one."""
        async with await self.associate(peer, [Verification]) as association:
            return await association.echo()

    async def commit(
        self,
        peer: Entity,
        instances: "Iterable[Instance]",
        *,
        reports: "CommitmentReports | None" = None,
        seconds: float = 60.0,
        stay: float = 5.0,
    ) -> "CommitmentResult":
        """Have a peer commit itself to keep instances, and wait for its report; see the blocking one."""
        from .normalized.commitment import commit_async

        return await commit_async(self, peer, instances, reports, seconds, stay)

    async def store(self, peer: Entity, paths: "Iterable[Path | str]") -> "AsyncIterator[StoreResult]":
        """Send files; see the blocking one. Files are looked at in a thread."""
        from .storage.storage import prepare, unsendable

        prepared = await asyncio.to_thread(prepare, paths)
        for file in prepared.refused:
            yield unsendable(file)
        for batch in prepared.batches:
            async with (
                await self.associate(peer, batch.contexts) as association,
                aclosing(association.store_many(batch.objects)) as results,
            ):
                async for each in results:
                    yield each


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name == "QueryBuilder":  # pydicom is imported when it is asked for
            from .query.builder import AsyncQueryBuilder

            return AsyncQueryBuilder
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _resumed(steps: Steps[T]) -> Steps[T]:
    """Steps that have begun already."""
    try:
        while True:
            steps.send((yield))
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]  # as in `run`
