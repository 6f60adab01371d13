"""The blocking SCU: associations and operations on the caller's own thread.

    scu = SCU("DULCET")
    scu.echo(Entity("ORTHANC", "127.0.0.1", 4242))

What happens on an association is in the `Steps` of the service modules; `association` gives them a connection and a
clock, this one makes the associations.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from ..dimse.exchange import Exchange
from ..dimse.status import Status
from ..dul.items import ExtendedNegotiation, RoleSelection
from ..dul.ranges import LONGEST_SECONDS
from ..dul.transport.blocking import BlockingDriver
from .association import LiveAssociation
from .contexts import Proposable, proposed
from .entity import Entity
from .errors import AssociationAborted, AssociationError, not_made
from .query.user import QueryUser
from .service import Service
from .serving import Serving
from .settings import Settings
from .steps import associate
from .verification import Verification
from .visits import Visits

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom.dataset import Dataset

    from .normalized.commitment import CommitmentReports, CommitmentResult, Instance
    from .query.retrieve_scu import RetrieveResult
    from .query.user import Question
    from .storage.user import StoreResult

__all__ = ["SCU", "LiveAssociation", "Settings"]

T = TypeVar("T")


class SCU(QueryUser["RetrieveResult", "Iterator[Dataset]"]):
    """A service class user: makes associations to entities and invokes operations.

    Args:
        ae_title: own title.
        settings: see `Settings`; the keywords are its fields.
    """

    def __init__(self, ae_title: str = "DULCET", **settings: object) -> None:
        self.settings = Settings.of("SCU", ae_title, settings)

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
        exchange = serving.exchange = settings.exchange(Exchange, serving.open_sink)
        driver = BlockingDriver(
            exchange,
            (peer.host, peer.port),
            tls=settings.tls,
            server_hostname=settings.server_hostname,
            family=settings.family,
            connect_seconds=settings.timeouts.connect or LONGEST_SECONDS,
            write_seconds=settings.write_seconds,
        )
        live = LiveAssociation(driver, exchange, serving)
        try:
            live.run(associate(exchange, request, time.monotonic()))
        except AssociationAborted as error:
            seconds, tls = settings.timeouts.connect, settings.tls is not None
            made = not_made(error, peer, driver.error, connect_seconds=seconds, tls=tls)
            raise made from made.__cause__
        finally:
            if exchange.state != "Sta6":
                live.abort()
                live.close()
        return live

    # ---- how this form makes what the service modules tell ----

    def visit(self, peer: Entity, visits: Visits[T]) -> T:
        """Make visits to their end.

        Raises:
            AssociationError: an association could not be made, or ended early, and the visits need it.
        """
        try:
            visit = next(visits)
            while True:
                try:
                    with self.associate(peer, visit.contexts, roles=visit.roles, extended=visit.extended) as live:
                        result = live.run(visit.steps(live))
                except AssociationError as error:
                    visit = visits.throw(error)
                else:
                    visit = visits.send(result)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]  # a generator's return value is untyped

    def _retrieved(self, peer: Entity, visits: "Visits[RetrieveResult]") -> "RetrieveResult":
        return self.visit(peer, visits)

    def _found(self, peer: Entity, question: "Question") -> "Iterator[Dataset]":
        from .query.query import found

        with self.associate(peer, [question.sop_class_uid], extended=question.extended) as association:
            for match in association.find(question.identifier, question.sop_class_uid):
                yield found(match)

    # ---- operations ----

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

    def store(self, peer: Entity, paths: "Iterable[Path | str]", *, at_once: int = 1) -> "Iterator[StoreResult]":
        """Send files. Proposes exactly what they need, over as many associations as 128 contexts each allow.

        Args:
            peer: where to.
            paths: files; a file that cannot be sent is a result with an error, and the rest still goes.
            at_once: how many may be under way at a time. Above 1 it is proposed as the asynchronous operations window
                (PS3.7 D.3.3.3), and where the peer agrees to less, several associations share the files: four at once
                are one association with four outstanding, two with two each, or four with one each. With 1 the window
                is that of the settings.

        Yields:
            One result for each file, in the order the peer answers. Leaving early waits for the answers to what has
            been sent.

        Raises:
            AssociationError: an association could not be made, or ended early. Where there are several, the others
                carry on with what waits, and it is raised after their results; what a peer takes no more associations
                for goes over those that stand.
            ValueError: nothing could be under way.
        """
        from .storage.user import prepare, unsendable

        if at_once < 1:
            raise ValueError(f"{at_once} files at once")
        prepared = prepare(paths)
        yield from map(unsendable, prepared.refused)
        for batch in prepared.batches:
            if at_once > 1:
                from .storage.side_by_side import stored_blocking

                yield from stored_blocking(self.settings, peer, batch, at_once)
                continue
            with self.associate(peer, batch.contexts) as association:
                yield from association.store_many(batch.objects)
