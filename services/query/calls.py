"""C-FIND, C-MOVE and C-GET as methods of an association, told once for the blocking and the asyncio one.

On a blocking association they return their results; on an asyncio one those are awaited, or iterated with `async for`.
pydicom is imported when the first of them is called: `echoscu` has no use for it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ...dimse.messages import MEDIUM
from ..live import Live
from ..steps import Steps

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from ..storage.outcome import StoreOutcome
    from .query import Finding
    from .receiving import Store
    from .retrieve_scu import RetrieveResult, Watch

R = TypeVar("R")
"""A `RetrieveResult`, or what is awaited for it."""
M = TypeVar("M")
"""`Matches`, or those of an event loop."""


class QueryCalls(Live, Generic[R, M]):
    """The three operations on an association."""

    def _matches(self, finding: "Finding") -> M:
        """The matches of a C-FIND."""
        raise NotImplementedError

    def _retrieved(self, steps: "Steps[RetrieveResult]") -> R:
        """Run a C-MOVE or C-GET."""
        raise NotImplementedError

    def find(self, identifier: "Dataset", model: str | None = None, *, priority: int = MEDIUM) -> M:
        """C-FIND (PS3.4 C.4.1): the matches, as they are asked for. Leaving them early cancels the query and waits for
        its end, so that the association is usable again; on an event loop whatever is done next waits for it.

        Args:
            identifier: the keys; `dulcet.services.query.keys.identifier` makes one.
            model: "study", "patient", "worklist", …, or a SOP class UID; None: the accepted one that fits.
            priority: of the request, PS3.7 9.1.2.1.4.

        Raises (the last two while iterating):
            NoAcceptedContext: the peer accepted no context for it.
            IdentifierError: the identifier cannot be encoded.
            QueryFailed: the query ended with a failure; the matches before that were given.
            AssociationError: the association ended first.
        """
        from .query import Finding

        return self._matches(Finding(self._exchange, identifier, model, priority, self.now()))

    def move(
        self,
        identifier: "Dataset",
        destination: str,
        model: str | None = None,
        *,
        priority: int = MEDIUM,
        progress: "Watch | None" = None,
    ) -> R:
        """C-MOVE (PS3.4 C.4.2): let the peer send objects to an entity it knows by its title.

        Args:
            identifier: level and unique keys; `retrieve_identifier` makes one of a match.
            destination: AE title of the receiver.
            model: as for `find`.
            priority: as for `find`.
            progress: called with a `Progress` for each pending response; returning False cancels.

        Returns:
            `RetrieveResult`: status and numbers of the final response, whatever they are.

        Raises:
            NoAcceptedContext, IdentifierError, AssociationError: as for `find`.
        """
        from .retrieve_scu import move

        options: dict[str, Any] = {"model": model, "priority": priority, "progress": progress}
        return self._retrieved(move(self._exchange, identifier, destination, self.now(), **options))

    def get(
        self,
        identifier: "Dataset",
        store: "Store",
        model: str | None = None,
        *,
        priority: int = MEDIUM,
        progress: "Watch | None" = None,
        on_stored: "Callable[[StoreOutcome], None] | None" = None,
    ) -> R:
        """C-GET (PS3.4 C.4.3): have objects sent back on this association. Their storage classes must have been
        proposed with the SCP role (`dulcet.services.query.receiving.storage_proposals`); `SCU.get` does it by itself.

        Args:
            identifier: as for `move`.
            store: a `FileStore`, its directory, or a function of a `ReceivedObject` that returns a status or None. On
                an event loop a store that waits for the disk does so in a thread.
            model: as for `find`.
            priority: as for `find`.
            progress: as for `move`.
            on_stored: called with the outcome of each object a store was given.

        Returns and raises: as `move`.
        """
        from .receiving import getting

        options: dict[str, Any] = {"model": model, "priority": priority, "progress": progress}
        return self._retrieved(getting(self, identifier, store, on_stored, **options))
