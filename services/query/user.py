"""C-FIND, C-MOVE and C-GET as methods of an SCU, each on associations of its own; told once for the blocking and the
asyncio one.

On a blocking SCU they return their results; on an asyncio one those are awaited, or iterated with `async for`.
pydicom is imported when the first of them is called: `echoscu` has no use for it.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ...dul.items import ExtendedNegotiation
from ...spec.values import value
from ..entity import Entity
from ..live import Live
from ..steps import Steps
from ..visits import Visit, Visits

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from ..storage.outcome import StoreOutcome
    from .models import QueryExtension, Verb
    from .receiving import Store
    from .retrieve_scu import RetrieveResult, Watch
    from .walked import Image

R = TypeVar("R")
"""A `RetrieveResult`, or what is awaited for it."""
F = TypeVar("F")
"""An iterator of identifiers, or an asynchronous one."""


@value
class Question:
    """What is asked for, and of which SOP class."""

    identifier: "Dataset"
    """The keys."""
    sop_class_uid: str
    """The class of the query model."""
    extended: tuple[ExtendedNegotiation, ...]
    """What is asked for beyond the baseline."""


class QueryUser(Generic[R, F]):
    """The three operations of an SCU, each on associations of its own."""

    def _found(self, peer: Entity, question: Question) -> F:
        """The matches of a C-FIND."""
        raise NotImplementedError

    def _retrieved(self, peer: Entity, visits: "Visits[RetrieveResult]") -> R:
        """Make the visits of a C-MOVE or C-GET."""
        raise NotImplementedError

    def find(
        self,
        peer: Entity,
        level: str = "STUDY",
        *,
        model: str | None = None,
        extension: "QueryExtension | None" = None,
        **keys: Any,
    ) -> F:
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

        return self._found(peer, _question("find", identifier(level, **keys), model, extension))

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
    ) -> R:
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

        question = _question("move", retrieve_identifier(what, level, model, **keys), model, extension)
        return self._retrieved(peer, _moving(question, destination, progress))

    def move_image(self, peer: Entity, image: "Image", destination: str, *, progress: "Watch | None" = None) -> R:
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
    ) -> R:
        """Have a peer send objects back: associate, C-GET, release. Over several associations if 128 presentation
        contexts do not suffice for the storage classes, or if something is kept in a transfer syntax that the peer did
        not choose at first; no instance is stored twice.

        Args:
            peer: who has them.
            what: as for `move`.
            store: a `FileStore`, its directory, or a function of a `ReceivedObject` that returns a status or None.
            level: as for `move`.
            model: as for `find`.
            sop_classes: storage classes to propose; by default those that `what` names, else those the peer tells by
                C-FIND, else the usual ones.
            extension: as for `find`.
            progress: as for `move`.
            on_stored: called with the outcome of each object a store was given.
            keys: as for `move`.

        Returns and raises: as `move`.
        """
        from .asking import Wanted
        from .getting import getting
        from .retrieve_scu import classes_of, retrieve_identifier

        question = _question("get", retrieve_identifier(what, level, model, **keys), model, extension)
        classes = tuple(sop_classes) or (classes_of(what) if what is not None else ())
        wanted = Wanted(question.identifier, question.sop_class_uid, question.extended, store, progress, on_stored)
        return self._retrieved(peer, getting(wanted, classes))


def _question(verb: "Verb", wanted: "Dataset", model: str | None, extension: "QueryExtension | None") -> Question:
    """The SOP class to propose, with its extended negotiation."""
    from . import models as query_models
    from .keys import default_model

    uid = query_models.model(verb, model or default_model(wanted))
    return Question(wanted, uid, (extension.item(uid),) if extension else ())


def _moving(question: Question, destination: str, progress: "Watch | None") -> "Visits[RetrieveResult]":
    """C-MOVE: one association."""
    from .retrieve_scu import move

    def steps(live: Live) -> "Steps[RetrieveResult]":
        title = destination or live.agreement.calling_ae_title
        options: dict[str, Any] = {"model": question.sop_class_uid, "progress": progress}
        return move(live.exchange, question.identifier, title, live.now(), **options)

    result: RetrieveResult = yield Visit([question.sop_class_uid], steps, extended=question.extended)
    return result
