"""C-FIND, C-MOVE and C-GET as methods of an association, blocking or on an event loop; they run the same steps.

pydicom is imported when the first of them is called: `echoscu` has no use for it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ...dimse.exchange import Exchange
from ...dimse.messages import MEDIUM
from ..serving import Serving
from ..steps import Steps

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from ..storage.outcome import StoreOutcome
    from .matches import AsyncMatches, Matches
    from .query import Finding
    from .receiving import Store
    from .retrieve_scu import RetrieveResult, Watch

T = TypeVar("T")


class QueryCalls:
    """The three operations on an association."""

    _exchange: Exchange
    _serving: Serving | None

    def run(self, steps: Steps[T]) -> T:
        """Run steps to their end."""
        raise NotImplementedError

    def _now(self) -> float:
        """The clock of the steps."""
        raise NotImplementedError

    def find(self, identifier: "Dataset", model: str | None = None, *, priority: int = MEDIUM) -> "Matches":
        """C-FIND (PS3.4 C.4.1): the matches, as they are asked for. Leaving them early cancels the query and waits for
        its end, so that the association is usable again.

        Args:
            identifier: the keys; `dulcet.services.query.query.identifier` makes one.
            model: "study", "patient", "worklist", …, or a SOP class UID; None: the accepted one that fits.
            priority: of the request, PS3.7 E.1-1.

        Raises (the last two while iterating):
            NoAcceptedContext: the peer accepted no context for it.
            IdentifierError: the identifier cannot be encoded.
            QueryFailed: the query ended with a failure; the matches before that were given.
            AssociationError: the association ended first.
        """
        from .matches import Matches
        from .query import Finding

        finding = Finding(self._exchange, identifier, model, priority, self._now())
        return Matches(self, finding, self._now)  # type: ignore[arg-type]  # a LiveAssociation, which this is a part of

    def move(
        self,
        identifier: "Dataset",
        destination: str,
        model: str | None = None,
        *,
        priority: int = MEDIUM,
        progress: "Watch | None" = None,
    ) -> "RetrieveResult":
        """C-MOVE (PS3.4 C.4.2): let the peer send objects to an entity it knows by its title.

        Args:
            identifier: level and unique keys; `retrieve_identifier` makes one of a match.
            destination: AE title of the receiver.
            model: as for `find`.
            priority: as for `find`.
            progress: called with a `Progress` for each pending response; returning False cancels.

        Returns:
            Status and numbers of the final response, whatever they are.

        Raises:
            NoAcceptedContext, IdentifierError, AssociationError: as for `find`.
        """
        from .retrieve_scu import move

        options: dict[str, Any] = {"model": model, "priority": priority, "progress": progress}
        return self.run(move(self._exchange, identifier, destination, self._now(), **options))

    def get(
        self,
        identifier: "Dataset",
        store: "Store",
        model: str | None = None,
        *,
        priority: int = MEDIUM,
        progress: "Watch | None" = None,
        on_stored: "Callable[[StoreOutcome], None] | None" = None,
    ) -> "RetrieveResult":
        """C-GET (PS3.4 C.4.3): have objects sent back on this association. Their storage classes must have been
        proposed with the SCP role (`dulcet.services.query.receiving.storage_proposals`); `SCU.get` does it by itself.

        Args:
            identifier: as for `move`.
            store: a `FileStore`, its directory, or a function of a `ReceivedObject` that returns a status or None.
            model: as for `find`.
            priority: as for `find`.
            progress: as for `move`.
            on_stored: called with the outcome of each object a store was given.

        Returns and raises: as `move`.
        """
        from .receiving import receiver
        from .retrieve_scu import get

        assert self._serving is not None  # an SCU's association has one
        options: dict[str, Any] = {"model": model, "priority": priority, "progress": progress}
        with receiver(store, on_stored) as service, self._serving.offering(service):
            return self.run(get(self._exchange, identifier, self._now(), **options))


class AsyncQueryCalls:
    """The same, awaited; `find` returns an asynchronous iterator at once."""

    _exchange: Exchange
    _serving: Serving | None
    _abandoned: "list[Finding]"

    async def run(self, steps: Steps[T]) -> T:
        """Run steps to their end."""
        raise NotImplementedError

    def _now(self) -> float:
        """The clock of the steps."""
        raise NotImplementedError

    def find(self, identifier: "Dataset", model: str | None = None, *, priority: int = MEDIUM) -> "AsyncMatches":
        """C-FIND; see the blocking one. Matches left early are cancelled, and drained by whatever is done next."""
        from .matches import AsyncMatches
        from .query import Finding

        finding = Finding(self._exchange, identifier, model, priority, self._now())
        return AsyncMatches(self, finding, self._now)  # type: ignore[arg-type]  # as above

    async def move(
        self,
        identifier: "Dataset",
        destination: str,
        model: str | None = None,
        *,
        priority: int = MEDIUM,
        progress: "Watch | None" = None,
    ) -> "RetrieveResult":
        """C-MOVE; see the blocking one."""
        from .retrieve_scu import move

        options: dict[str, Any] = {"model": model, "priority": priority, "progress": progress}
        return await self.run(move(self._exchange, identifier, destination, self._now(), **options))

    async def get(
        self,
        identifier: "Dataset",
        store: "Store",
        model: str | None = None,
        *,
        priority: int = MEDIUM,
        progress: "Watch | None" = None,
        on_stored: "Callable[[StoreOutcome], None] | None" = None,
    ) -> "RetrieveResult":
        """C-GET; see the blocking one. A store that waits for the disk does so in a thread."""
        from .receiving import receiver
        from .retrieve_scu import get

        assert self._serving is not None  # an SCU's association has one
        options: dict[str, Any] = {"model": model, "priority": priority, "progress": progress}
        with receiver(store, on_stored) as service, self._serving.offering(service):
            return await self.run(get(self._exchange, identifier, self._now(), **options))
