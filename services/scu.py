"""The blocking SCU: association and operations on the caller's own thread.

    scu = SCU("DULCET")
    scu.echo(Entity("ORTHANC", "127.0.0.1", 4242))

What happens on an association is in the `Steps` of the service modules; this one gives them a connection and a clock.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from ..acse.agreement import Agreement
from ..acse.association import Association, Timeouts
from ..acse.proposal import Proposed, propose
from ..dimse.exchange import DimseEvent, Exchange, OpenSink
from ..dimse.status import Status
from ..dul.actions import Actions
from ..dul.items import ExtendedNegotiation, RoleSelection, UserIdentity
from ..dul.pdu import AssociateRQ
from ..dul.transport.blocking import BlockingDriver
from ..dul.upper_layer import MAXIMUM_LENGTH, Trace
from .contexts import Proposable, proposed
from .entity import Entity
from .errors import AssociationAborted, unreachable
from .normalized.calls import NormalizedCalls
from .query.calls import QueryCalls
from .query.user import QueryUser
from .service import Service
from .serving import Serving
from .steps import Inbox, Steps, associate, failure, release
from .storage.calls import StoreCalls
from .verification import Verification, echo

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from pydicom.dataset import Dataset

    from ..dimse.messages import Request
    from .normalized.commitment import CommitmentReports, CommitmentResult, Instance
    from .normalized.normalized import NResult
    from .storage.storage import StoreResult

T = TypeVar("T")
ABORT_SECONDS = 1.0
"""How long a peer has to close after our A-ABORT. ARTIM allows more (PS3.8 9.1.5), but nobody wants to wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How an SCU behaves, on every association it makes."""

    ae_title: str = "DULCET"
    """Own title, sent as the calling AE title."""
    timeouts: Timeouts = field(default_factory=lambda: Timeouts(idle=None))
    """How long to wait for connection and association; an SCU has no idle limit unless given one."""
    dimse_seconds: float | None = 300.0
    """How long to wait for a response; None: for ever."""
    write_seconds: float = 30.0
    """How long the peer may take no byte of what we send."""
    maximum_length: int = MAXIMUM_LENGTH
    """Longest P-DATA-TF we take, bytes; 0 is unlimited."""
    operations_window: int = 1
    """How many operations to have outstanding at a time, if the peer agrees (PS3.7 D.3.3.3); 0 is unlimited."""
    maximum_send_length: int = 0
    """Longest P-DATA-TF we send, bytes, where the peer would take more; 0 leaves it to the peer."""
    user_identity: UserIdentity | None = None
    """Who the user is (PS3.7 D.3.3.7)."""
    tls: "ssl.SSLContext | None" = None
    """TLS context of `dulcet.dul.transport.tls.client_context`; None: plain TCP."""
    server_hostname: str | None = None
    """Name expected in the peer's certificate, and sent as SNI; None: the host of the entity; "": none at all."""
    family: int = 0
    """Address family, `socket.AF_INET` or `AF_INET6`; 0 takes what the name resolves to."""
    trace: Trace | None = None
    """Called with each event of Table 9-10; see `UpperLayer`."""
    actions: type[Actions] = Actions
    """Class of the 28 actions; see `UpperLayer`."""

    def request(
        self,
        peer: Entity,
        contexts: Sequence[Proposed],
        roles: Sequence[RoleSelection] = (),
        extended: Sequence[ExtendedNegotiation] = (),
    ) -> AssociateRQ:
        """The A-ASSOCIATE-RQ to a peer."""
        return propose(
            peer.title,
            self.ae_title,
            contexts,
            roles=roles,
            extended=extended,
            maximum_length=self.maximum_length,
            asynchronous_operations_window=(self.operations_window, 1) if self.operations_window != 1 else None,
            user_identity=self.user_identity,
        )

    def exchange(self, open_sink: OpenSink | None = None) -> Exchange:
        """The sans-IO end of a new association; `open_sink` is for what the peer may send us (C-GET)."""
        association = Association(requestor=True, timeouts=self.timeouts, trace=self.trace, actions=self.actions)
        return Exchange(
            association,
            dimse_seconds=self.dimse_seconds,
            maximum_send_length=self.maximum_send_length,
            **({} if open_sink is None else {"open_sink": open_sink}),
        )


class LiveAssociation(NormalizedCalls["NResult"], QueryCalls, StoreCalls):
    """An established association, and the operations on it. Leaving its `with` block releases it, or, when the block
    raised, aborts it."""

    def __init__(self, driver: BlockingDriver[DimseEvent], exchange: Exchange, serving: Serving | None = None) -> None:
        self._driver = driver
        self._exchange = exchange
        self._serving = serving
        self._inbox: Inbox = deque()

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

    @property
    def agreement(self) -> Agreement:
        """What was agreed."""
        assert self._exchange.agreement is not None  # established when made
        return self._exchange.agreement

    @property
    def exchange(self) -> Exchange:
        """The sans-IO end, for what has no method here."""
        return self._exchange

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

    def _now(self) -> float:
        return time.monotonic()

    def _listen(self, seconds: float | None) -> None:
        """Wait for the peer, and perform what it asks of our services."""
        self._inbox += self._driver.turn(seconds)
        while self._serving is not None and self._serving.serve(self._inbox):
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

    def _normalized(self, request: "Request", dataset: "Dataset | None", meta_sop_class: str | None) -> "NResult":
        from .normalized.normalized import invoke

        return self.run(invoke(self._exchange, request, dataset, time.monotonic(), meta_sop_class=meta_sop_class))

    def echo(self) -> Status:
        """C-ECHO (PS3.7 9.1.5).

        Returns:
            The status of the response.

        Raises:
            NoAcceptedContext: the peer accepted no Verification context.
            AssociationError: the association ended first.
        """
        return self.run(echo(self._exchange, time.monotonic()))

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


class SCU(QueryUser):
    """A service class user: makes associations to entities and invokes operations.

    Args:
        ae_title: own title.
        settings: see `Settings`; the keywords are its fields.
    """

    def __init__(self, ae_title: str = "DULCET", **settings: object) -> None:
        self.settings = Settings(ae_title=ae_title, **settings)  # type: ignore[arg-type]  # checked by Settings itself

    def associate(
        self,
        peer: Entity,
        contexts: Iterable[Proposable],
        *,
        roles: Sequence[RoleSelection] = (),
        extended: Sequence[ExtendedNegotiation] = (),
        services: Sequence[Service] = (),
    ) -> LiveAssociation:
        """Make an association.

        Args:
            peer: whom to call.
            contexts: what to propose: services (`Verification`), abstract syntaxes, pairs of one and its transfer
                syntaxes, or `ProposedContext`.
            roles: roles other than the default ones (PS3.7 D.3.3.4).
            extended: SOP class extended negotiation (PS3.7 D.3.3.5).
            services: perform what the peer invokes on this association, N-EVENT-REPORT for one; see `serving`.

        Raises:
            ConnectionFailed, AssociationRejected, AssociationAborted, AssociationTimeout: it could not be made.
            LocalProtocolError: the proposal is not one the standard allows.
        """
        settings = self.settings
        request = settings.request(peer, proposed(contexts), roles, extended)
        serving = Serving(services, (peer.host, peer.port), settings.ae_title, time.monotonic)
        exchange = serving.exchange = settings.exchange(serving.open_sink)
        driver = BlockingDriver(
            exchange,
            (peer.host, peer.port),
            tls=settings.tls,
            server_hostname=settings.server_hostname,
            family=settings.family,
            connect_seconds=settings.timeouts.connect or 1e9,
            write_seconds=settings.write_seconds,
        )
        live = LiveAssociation(driver, exchange, serving)
        try:
            live.run(associate(exchange, request, time.monotonic()))
        except BaseException as error:
            if isinstance(error, AssociationAborted) and driver.error is not None and error.state in ("Sta4", "Sta5"):
                raise unreachable(peer, driver.error) from driver.error
            raise
        finally:
            if exchange.state != "Sta6":
                live.abort()
                live.close()
        return live

    def echo(self, peer: Entity) -> Status:
        """Verify the connection to a peer: associate, C-ECHO, release.

        Returns:
            The status of the response.

        Raises:
            AssociationError: with the reason why it could not be done.
        """
        with self.associate(peer, [Verification]) as association:
            return association.echo()

    def commit(
        self,
        peer: Entity,
        instances: "Iterable[Instance]",
        *,
        reports: "CommitmentReports | None" = None,
        seconds: float = 60.0,
        stay: float = 5.0,
    ) -> "CommitmentResult":
        """Have a peer commit itself to keep instances (PS3.4 Annex J), and wait for its report.

        Args:
            peer: who has them.
            instances: pairs of SOP Class UID and SOP Instance UID.
            reports: hears reports at an SCP of ours, too, for peers that report on an association of their own.
            seconds: how long to wait for the report.
            stay: how long to keep the association for it, where it may also come to `reports`.

        Raises:
            CommitmentRefused: the peer does not process the request.
            CommitmentTimeout: no report came.
            AssociationError: the association could not be made, or ended too early.
        """
        from .normalized.commitment import commit

        return commit(self, peer, instances, reports, seconds, stay)

    def store(self, peer: Entity, paths: "Iterable[Path | str]") -> "Iterator[StoreResult]":
        """Send files. Proposes exactly what they need, over as many associations as 128 contexts each allow.

        Args:
            peer: where to.
            paths: files; a file that cannot be sent is a result with an error, and the rest still goes.

        Yields:
            One result for each file, in the order the peer answers.

        Raises:
            AssociationError: an association could not be made, or ended early.
        """
        from .storage.storage import prepare, unsendable

        prepared = prepare(paths)
        yield from map(unsendable, prepared.refused)
        for batch in prepared.batches:
            with self.associate(peer, batch.contexts) as association:
                yield from association.store_many(batch.objects)
