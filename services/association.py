"""An association of the blocking SCU: it runs the steps of the service modules on the caller's own thread."""

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from ..dimse.exchange import DimseEvent, Exchange
from ..dimse.status import Status
from ..dul.items import ExtendedNegotiation, RoleSelection
from ..dul.transport.blocking import BlockingDriver
from .contexts import Proposable
from .entity import Entity
from .errors import AssociationAborted
from .normalized.calls import NormalizedCalls
from .query.calls import QueryCalls
from .service import Service
from .serving import Serving
from .steps import Steps, failure, release
from .storage.calls import StoreCalls
from .verification import echo

if TYPE_CHECKING:
    from .normalized.normalized import NResult
    from .query.matches import Matches
    from .query.query import Finding
    from .query.retrieve_scu import RetrieveResult
    from .storage.outgoing import OutgoingFile
    from .storage.pipeline import Pipeline
    from .storage.user import StoreResult

T = TypeVar("T")
ABORT_SECONDS = 1.0
"""How long a peer has to close after our A-ABORT. ARTIM allows more (PS3.8 9.1.5), but nobody wants to wait."""


class LiveAssociation(
    NormalizedCalls["NResult"],
    QueryCalls["RetrieveResult", "Matches"],
    StoreCalls["StoreResult", "Generator[StoreResult, None, None]"],
):
    """An established association, and the operations on it. Leaving its `with` block releases it, or, when the block
    raised, aborts it."""

    def __init__(self, driver: BlockingDriver[DimseEvent], exchange: Exchange, serving: Serving) -> None:
        super().__init__(exchange, serving)
        self._driver = driver

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None or kind is GeneratorExit:  # leaving a generator early is no error
                self.release()
            else:
                self.abort(f"{kind.__name__} in the service user")
        finally:
            self.close()

    def run(self, steps: Steps[T]) -> T:
        """Run steps to their end.

        Raises:
            AssociationError: the association ended first.
        """
        try:
            next(steps)
            while True:
                if not self._inbox:
                    self._listen(None)
                steps.send((self._inbox, time.monotonic()))
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]  # a generator's return value is untyped
        except AssociationAborted as error:
            error.because(self._driver.error)
            raise
        finally:
            steps.close()

    def read_meanwhile(self, file: "OutgoingFile") -> None:
        """Read a file that is sent next while the peer is at work with what is sent now."""
        self._driver.meanwhile = file.read_ahead

    def now(self) -> float:
        """The clock of the steps, seconds."""
        return time.monotonic()

    def _listen(self, seconds: float | None) -> None:
        """Wait for the peer, and perform what it asks of our services."""
        self._inbox += self._driver.turn(seconds)
        while self._serving.serve(self._inbox):
            self._inbox += self._driver.turn(0.0)

    def wait_for(self, condition: Callable[[], bool], seconds: float | None = None) -> bool:
        """Serve the peer until a condition holds, or for this long; whether it holds.

        The condition is asked whenever something has happened. What changes it from another thread calls `wake`.

        Raises:
            AssociationError: the association ended first.
        """
        until = None if seconds is None else time.monotonic() + seconds
        while not condition():
            failure(self._exchange.ending)
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                return False
            self._listen(left)
        return True

    def wake(self) -> None:
        """Have `wait_for` ask its condition again; from any thread."""
        self._driver.wake()

    # ---- operations: how this form runs what the service modules tell ----

    def _normalized(self, steps: "Steps[NResult]") -> "NResult":
        return self.run(steps)

    def _retrieved(self, steps: "Steps[RetrieveResult]") -> "RetrieveResult":
        return self.run(steps)

    def _matches(self, finding: "Finding") -> "Matches":
        from .query.matches import Matches

        return Matches(self, finding, self.now)

    def _stored(self, steps: "Steps[StoreResult]") -> "StoreResult":
        return self.run(steps)

    def _all_stored(self, pipeline: "Pipeline") -> "Generator[StoreResult, None, None]":
        try:
            while (result := self.run(pipeline.next(self.now()))) is not None:
                yield result
        except GeneratorExit:
            self.run(pipeline.drain(self.now()))
            raise

    def echo(self) -> Status:
        """C-ECHO (PS3.7 9.1.5).

        Returns:
            The status of the response.

        Raises:
            NoAcceptedContext: the peer accepted no Verification context.
            AssociationError: the association ended first.
        """
        return self.run(echo(self._exchange, time.monotonic()))

    # ---- its end ----

    def release(self) -> None:
        """A-RELEASE, if the association still stands, and wait for the answer."""
        if self._exchange.state == "Sta6":
            self.run(release(self._exchange, time.monotonic()))

    def abort(self, cause: str = "A-ABORT requested") -> None:
        """A-ABORT, if there is anything left to abort, and give the peer `ABORT_SECONDS` to close."""
        now = time.monotonic()
        until = now + ABORT_SECONDS
        self._exchange.abort(now, cause)
        while self._driver.open and now < until:
            self._driver.turn(until - now)
            now = time.monotonic()

    def close(self) -> None:
        """Drop the connection, however things stand."""
        self._driver.close()


class Associates(Protocol):
    """Who makes such associations: an SCU."""

    def associate(
        self,
        peer: Entity,
        contexts: Iterable[Proposable],
        *,
        roles: Sequence[RoleSelection] = (),
        extended: Sequence[ExtendedNegotiation] = (),
        services: Sequence[Service] = (),
    ) -> LiveAssociation:
        """Make an association."""
