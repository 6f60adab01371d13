"""The asyncio SCU: the same names and the same steps as the blocking one, awaited.

    from dulcet import Entity, aio

    async with await aio.SCU("DULCET").associate(pacs, [Verification]) as association:
        await association.echo()

An SCP is asyncio already: `await SCP(...).start(port=...)`.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ..dimse.status import Status
from ..dul.items import ExtendedNegotiation, RoleSelection
from ..dul.ranges import LONGEST_SECONDS
from ..dul.transport.aio import connect
from .association_aio import LiveAssociation
from .contexts import Proposable, proposed
from .entity import Entity
from .errors import AssociationAborted, AssociationError, not_made, unreachable
from .paced import PacedExchange
from .query.user import QueryUser
from .scp import SCP
from .service import Service
from .serving import Serving
from .settings import Settings
from .steps import Steps, associate
from .verification import Verification
from .visits import Visits

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from .normalized.commitment import CommitmentReports, CommitmentResult, Instance
    from .query.builder import AsyncQueryBuilder as QueryBuilder
    from .query.retrieve_scu import RetrieveResult
    from .query.user import Question
    from .storage.outgoing import OutgoingFile
    from .storage.proposing import Batch
    from .storage.user import StoreResult

__all__ = ["SCU", "SCP", "LiveAssociation", "QueryBuilder"]

T = TypeVar("T")


class SCU(QueryUser["Awaitable[RetrieveResult]", "AsyncIterator[Dataset]"]):
    """A service class user on an event loop; the arguments are those of the blocking one."""

    def __init__(self, ae_title: str = "DULCET", **settings: object) -> None:
        self.settings = Settings.of("SCU", ae_title, settings)

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
        exchange = serving.exchange = settings.exchange(PacedExchange, serving.open_sink)
        live = LiveAssociation(exchange, serving)
        steps = associate(exchange, request, live.now())
        next(steps)  # asks for the connection
        try:
            driver = await connect(
                exchange,
                (peer.host, peer.port),
                live.happened,
                tls=settings.tls,
                server_hostname=settings.server_hostname,
                family=settings.family,
                connect_seconds=settings.timeouts.connect or LONGEST_SECONDS,
                write_seconds=settings.write_seconds,
            )
        except OSError as error:
            raise unreachable(peer, error) from error
        live.carry(driver)
        try:
            await live.run(_resumed(steps))
        except AssociationAborted as error:
            await live.abort()
            seconds, tls = settings.timeouts.connect, settings.tls is not None
            made = not_made(error, peer, None, connect_seconds=seconds, tls=tls)
            raise made from made.__cause__
        except BaseException:  # a cancellation, too: the peer is not left with half an association
            await live.abort()
            raise
        return live

    # ---- how this form makes what the service modules tell ----

    async def visit(self, peer: Entity, visits: Visits[T]) -> T:
        """Make visits to their end; see the blocking one."""
        try:
            visit = next(visits)
            while True:
                try:
                    async with await self.associate(
                        peer, visit.contexts, roles=visit.roles, extended=visit.extended
                    ) as live:
                        result = await live.run(visit.steps(live))
                except AssociationError as error:
                    visit = visits.throw(error)
                else:
                    visit = visits.send(result)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]  # a generator's return value is untyped

    def _retrieved(self, peer: Entity, visits: "Visits[RetrieveResult]") -> "Awaitable[RetrieveResult]":
        return self.visit(peer, visits)

    async def _found(self, peer: Entity, question: "Question") -> "AsyncIterator[Dataset]":
        from .query.query import found

        async with await self.associate(peer, [question.sop_class_uid], extended=question.extended) as association:
            async for match in association.find(question.identifier, question.sop_class_uid):
                yield found(match)

    # ---- operations ----

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

    async def store(
        self, peer: Entity, paths: "Iterable[Path | str]", *, at_once: int = 1
    ) -> "AsyncIterator[StoreResult]":
        """Send files; see the blocking one. Files are looked at in a thread."""
        from .storage.user import prepare, unsendable

        if at_once < 1:
            raise ValueError(f"{at_once} files at once")
        prepared = await asyncio.to_thread(prepare, paths)
        for file in prepared.refused:
            yield unsendable(file)
        for batch in prepared.batches:
            async with aclosing(self._sent(peer, batch, at_once)) as results:
                async for each in results:
                    yield each

    async def _sent(
        self, peer: Entity, batch: "Batch[OutgoingFile]", at_once: int
    ) -> "AsyncGenerator[StoreResult, None]":
        from .storage.side_by_side import stored

        if at_once > 1:
            async with aclosing(stored(self, peer, batch, at_once)) as shared:
                async for each in shared:
                    yield each
            return
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
