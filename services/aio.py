"""The asyncio SCU: the same names and the same steps as the blocking one, awaited.

    from dulcet import Entity, aio

    async with await aio.SCU("DULCET").associate(pacs, [Verification]) as association:
        await association.echo()

An SCP is asyncio already: `await SCP(...).start(port=...)`.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from ..acse.agreement import Agreement
from ..dimse.exchange import DimseEvent, Exchange
from ..dimse.status import Status
from ..dul.transport.aio import AsyncioDriver, connect
from .contexts import Proposable, proposed
from .entity import Entity
from .errors import AssociationAborted, NoAcceptedContext, unreachable
from .scp import SCP as SCP
from .scu import Settings
from .steps import Inbox, Steps, associate, release
from .verification import Verification, echo

if TYPE_CHECKING:
    from .outgoing import OutgoingFile
    from .storage import StoreResult

__all__ = ["SCU", "SCP", "LiveAssociation"]

T = TypeVar("T")


class LiveAssociation:
    """An association on an event loop, and the operations on it, one at a time."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._driver: AsyncioDriver[DimseEvent] | None = None
        self._inbox: Inbox = deque()
        self._arrived = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
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
        try:
            next(steps)
            while True:
                self._flush()
                if not self._inbox:
                    self._arrived.clear()
                    await self._arrived.wait()
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

    async def echo(self) -> Status:
        """C-ECHO (PS3.7 9.1.5); see the blocking one."""
        return await self.run(echo(self._exchange, self._now()))

    async def store(self, file: "OutgoingFile | Path | str") -> "StoreResult":
        """C-STORE one file (PS3.7 9.1.1); see the blocking one."""
        from .storage import store_file

        return await self.run(store_file(self._exchange, file, self._now()))

    async def try_to_store(self, file: "OutgoingFile") -> "StoreResult":
        """The same, with a file that cannot be sent told in the result."""
        from .storage import StoreResult

        try:
            return await self.store(file)
        except (NoAcceptedContext, OSError, ValueError) as error:  # ValueError: the file is not what it should be
            return StoreResult(
                file.path, file.sop_class_uid, file.sop_instance_uid, file.size, error=str(error), cause=error
            )

    async def release(self) -> None:
        """A-RELEASE, if the association still stands, and wait for the answer."""
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


class SCU:
    """A service class user on an event loop; the arguments are those of the blocking one."""

    def __init__(self, ae_title: str = "DULCET", **settings: object) -> None:
        self.settings = Settings(ae_title=ae_title, **settings)  # type: ignore[arg-type]  # checked by Settings itself

    async def associate(self, peer: Entity, contexts: Iterable[Proposable]) -> LiveAssociation:
        """Make an association; see the blocking one."""
        settings = self.settings
        request = settings.request(peer, proposed(contexts))
        exchange = settings.exchange()
        live = LiveAssociation(exchange)
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

    async def store(self, peer: Entity, paths: "Iterable[Path | str]") -> "AsyncIterator[StoreResult]":
        """Send files; see the blocking one. Files are looked at in a thread."""
        from .storage import prepare, unsendable

        prepared = await asyncio.to_thread(prepare, paths)
        for file in prepared.refused:
            yield unsendable(file)
        for batch in prepared.batches:
            async with await self.associate(peer, batch.contexts) as association:
                for each in batch.objects:
                    yield await association.try_to_store(each)


def _resumed(steps: Steps[T]) -> Steps[T]:
    """Steps that have begun already."""
    try:
        while True:
            steps.send((yield))
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]  # as in `run`
