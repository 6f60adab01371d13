"""C-FIND, C-MOVE and C-GET as methods of an SCU, blocking or on an event loop, each on associations of its own.

pydicom is imported when the first of them is called: `echoscu` has no use for it.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...dul.items import ExtendedNegotiation, RoleSelection
from ..contexts import Proposable
from ..entity import Entity
from ..service import Service

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from ..aio import LiveAssociation as AsyncAssociation
    from ..scu import LiveAssociation
    from ..storage.outcome import StoreOutcome
    from .builder import Image
    from .models import QueryExtension, Verb
    from .receiving import ReceivedObject, StorageProposal, Store
    from .retrieve_scu import RetrieveResult, Watch


class QueryUser:
    """The three operations of an SCU, each on associations of its own."""

    def associate(
        self,
        peer: Entity,
        contexts: Iterable[Proposable],
        *,
        roles: Sequence[RoleSelection] = (),
        extended: Sequence[ExtendedNegotiation] = (),
        services: Sequence[Service] = (),
    ) -> "LiveAssociation":
        """Make an association."""
        raise NotImplementedError

    def find(
        self,
        peer: Entity,
        level: str = "STUDY",
        *,
        model: str | None = None,
        extension: "QueryExtension | None" = None,
        **keys: Any,
    ) -> "Iterator[Dataset]":
        """Query a peer: associate, C-FIND, release.

            for study in scu.find(pacs, level="STUDY", PatientID="123", StudyDate=""): ...

        Args:
            peer: whom to ask.
            level: "PATIENT", "STUDY", "SERIES" or "IMAGE"; "" for models without levels (worklists).
            model: "study", "patient", "worklist", …, or a SOP class UID; by default what fits the level.
            extension: what to ask for beyond the baseline, by extended negotiation.
            keys: keys by keyword: a value is matched, an empty one is asked for. The unique key of the level is always
                asked for; without any empty one, all that is usually wanted.

        Yields:
            The identifiers of the matches.

        Raises:
            QueryFailed: the query ended with a failure, or the peer sent a match that cannot be read: IdentifierError.
            AssociationError: the association could not be made, or ended early.
            LocalProtocolError: a level or keyword that does not exist.
        """
        from .keys import identifier
        from .query import found

        wanted = identifier(level, **keys)
        uid, extended = _proposal("find", wanted, model, extension)
        with self.associate(peer, [uid], extended=extended) as association:
            for match in association.find(wanted, uid):
                yield found(match)

    def move(
        self,
        peer: Entity,
        what: "Dataset | None" = None,
        destination: str = "",
        *,
        level: str = "",
        model: str | None = None,
        extension: "QueryExtension | None" = None,
        progress: "Watch | None" = None,
        **keys: Any,
    ) -> "RetrieveResult":
        """Have a peer send objects to another entity: associate, C-MOVE, release.

        Args:
            peer: who has them.
            what: a match of `find`; its unique keys say what.
            destination: AE title of the receiver, known to the peer; by default ourselves.
            level: what to retrieve, "PATIENT" to "IMAGE"; by default the level of `what`.
            model: as for `find`.
            extension: as for `find`.
            progress: called with a `Progress` for each pending response; returning False cancels.
            keys: unique keys, with or without `what`: `StudyInstanceUID="1.2.3"`.

        Returns:
            Status and numbers of the final response, whatever they are.

        Raises:
            AssociationError: the association could not be made, or ended early.
            LocalProtocolError: the unique key of the level is missing.
        """
        from .retrieve_scu import retrieve_identifier

        wanted = retrieve_identifier(what, level, model, **keys)
        uid, extended = _proposal("move", wanted, model, extension)
        with self.associate(peer, [uid], extended=extended) as association:
            title = destination or association.agreement.calling_ae_title
            return association.move(wanted, title, uid, progress=progress)

    def move_image(
        self, peer: Entity, image: "Image", destination: str, *, progress: "Watch | None" = None
    ) -> "RetrieveResult":
        """Have a peer send one image that `QueryBuilder` found to another entity.

        Args:
            peer: who has it.
            image: what `image_uids` yielded.
            destination: AE title of the receiver, known to the peer.
            progress: as for `move`.

        Returns:
            The response: the message id it answers, its status, and numbers.

        Raises:
            AssociationError: the association could not be made, or ended early.
        """
        return self.move(peer, image.keys, destination, progress=progress)

    def get(
        self,
        peer: Entity,
        what: "Dataset | None" = None,
        store: "Store" = ".",
        *,
        level: str = "",
        model: str | None = None,
        sop_classes: Iterable[str] = (),
        extension: "QueryExtension | None" = None,
        progress: "Watch | None" = None,
        on_stored: "Callable[[StoreOutcome], None] | None" = None,
        **keys: Any,
    ) -> "RetrieveResult":
        """Have a peer send objects back: associate, C-GET, release; over several associations if 128 presentation
        contexts do not suffice for the storage classes.

        Args:
            peer: who has them.
            what: as for `move`.
            store: a `FileStore`, its directory, or a function of a `ReceivedObject` that returns a status or None.
            level: as for `move`.
            model: as for `find`.
            sop_classes: storage classes to propose; by default those that `what` names, else the usual ones.
            extension: as for `find`.
            progress: as for `move`.
            on_stored: called with the outcome of each object a store was given.
            keys: as for `move`.

        Returns and raises: as `move`.
        """
        options: dict[str, Any] = {"sop_classes": sop_classes, "extension": extension}
        plan = _getting(what, level, model, keys, store=store, on_stored=on_stored, **options)
        for proposal in plan.proposals:
            contexts = [plan.uid, *proposal.contexts]
            with self.associate(peer, contexts, roles=proposal.roles, extended=plan.extended) as association:
                options = {"progress": progress, "on_stored": plan.on_stored}
                plan.results.append(association.get(plan.wanted, plan.store, plan.uid, **options))
            if plan.results[-1].status.is_cancel:
                break
        return plan.result()


class AsyncQueryUser:
    """The same, awaited; `find` is an asynchronous iterator."""

    async def associate(
        self,
        peer: Entity,
        contexts: Iterable[Proposable],
        *,
        roles: Sequence[RoleSelection] = (),
        extended: Sequence[ExtendedNegotiation] = (),
        services: Sequence[Service] = (),
    ) -> "AsyncAssociation":
        """Make an association."""
        raise NotImplementedError

    async def find(
        self,
        peer: Entity,
        level: str = "STUDY",
        *,
        model: str | None = None,
        extension: "QueryExtension | None" = None,
        **keys: Any,
    ) -> "AsyncIterator[Dataset]":
        """Query a peer; see the blocking one."""
        from .keys import identifier
        from .query import found

        wanted = identifier(level, **keys)
        uid, extended = _proposal("find", wanted, model, extension)
        async with await self.associate(peer, [uid], extended=extended) as association:
            async for match in association.find(wanted, uid):
                yield found(match)

    async def move(
        self,
        peer: Entity,
        what: "Dataset | None" = None,
        destination: str = "",
        *,
        level: str = "",
        model: str | None = None,
        extension: "QueryExtension | None" = None,
        progress: "Watch | None" = None,
        **keys: Any,
    ) -> "RetrieveResult":
        """Have a peer send objects to another entity; see the blocking one."""
        from .retrieve_scu import retrieve_identifier

        wanted = retrieve_identifier(what, level, model, **keys)
        uid, extended = _proposal("move", wanted, model, extension)
        async with await self.associate(peer, [uid], extended=extended) as association:
            title = destination or association.agreement.calling_ae_title
            return await association.move(wanted, title, uid, progress=progress)

    async def move_image(
        self, peer: Entity, image: "Image", destination: str, *, progress: "Watch | None" = None
    ) -> "RetrieveResult":
        """Have a peer send one image to another entity; see the blocking one."""
        return await self.move(peer, image.keys, destination, progress=progress)

    async def get(
        self,
        peer: Entity,
        what: "Dataset | None" = None,
        store: "Store" = ".",
        *,
        level: str = "",
        model: str | None = None,
        sop_classes: Iterable[str] = (),
        extension: "QueryExtension | None" = None,
        progress: "Watch | None" = None,
        on_stored: "Callable[[StoreOutcome], None] | None" = None,
        **keys: Any,
    ) -> "RetrieveResult":
        """Have a peer send objects back; see the blocking one."""
        options: dict[str, Any] = {"sop_classes": sop_classes, "extension": extension}
        plan = _getting(what, level, model, keys, store=store, on_stored=on_stored, **options)
        for proposal in plan.proposals:
            contexts = [plan.uid, *proposal.contexts]
            async with await self.associate(
                peer, contexts, roles=proposal.roles, extended=plan.extended
            ) as association:
                options = {"progress": progress, "on_stored": plan.on_stored}
                plan.results.append(await association.get(plan.wanted, plan.store, plan.uid, **options))
            if plan.results[-1].status.is_cancel:
                break
        return plan.result()


def _proposal(
    verb: "Verb", wanted: "Dataset", model: str | None, extension: "QueryExtension | None"
) -> tuple[str, tuple[ExtendedNegotiation, ...]]:
    """The SOP class to propose, with its extended negotiation."""
    from . import models as query_models
    from .keys import default_model

    uid = query_models.model(verb, model or default_model(wanted))
    return uid, (extension.item(uid),) if extension else ()


@dataclass(slots=True)
class _Getting:
    """What the associations of a C-GET propose and ask for, and what has come on them."""

    wanted: "Dataset"
    uid: str
    extended: tuple[ExtendedNegotiation, ...]
    proposals: "list[StorageProposal]"
    store: "Store"
    on_stored: "Callable[[StoreOutcome], None]"
    received: set[str] = field(default_factory=set)
    results: "list[RetrieveResult]" = field(default_factory=list)

    def result(self) -> "RetrieveResult":
        """All associations together."""
        from .retrieve_scu import merged

        return merged(self.results, self.received)


def _getting(
    what: "Dataset | None",
    level: str,
    model: str | None,
    keys: dict[str, Any],
    *,
    sop_classes: Iterable[str],
    extension: "QueryExtension | None",
    store: "Store",
    on_stored: "Callable[[StoreOutcome], None] | None",
) -> _Getting:
    from .receiving import storage_proposals
    from .retrieve_scu import classes_of, retrieve_identifier

    wanted = retrieve_identifier(what, level, model, **keys)
    uid, extended = _proposal("get", wanted, model, extension)
    proposals = storage_proposals(tuple(sop_classes) or (classes_of(what) if what is not None else ()))
    received: set[str] = set()

    def told(outcome: "StoreOutcome") -> None:
        if outcome.status == 0:
            received.add(outcome.sop_instance_uid)
        if on_stored is not None:
            on_stored(outcome)

    def taken(thing: "ReceivedObject") -> int | None:
        status = store(thing) if callable(store) else None
        if not status:
            received.add(thing.sop_instance_uid)
        return status

    return _Getting(wanted, uid, extended, proposals, taken if callable(store) else store, told, received)
