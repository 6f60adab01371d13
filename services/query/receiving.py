"""What a C-GET SCU must be ready for (PS3.4 C.4.3, C.5.3): C-STORE comes back on the same association.

It proposes the storage classes that may come, itself in the role of SCP, and answers the C-STORE sub-operations. The
standard has room for 128 presentation contexts, so where more classes are asked for there are several associations.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field
from os import PathLike
from typing import Any

from pydicom.dataset import Dataset

from ...acse.agreement import AcceptedContext
from ...acse.policy import SupportedContext
from ...acse.proposal import Proposed
from ...dimse.fragments import Memory, Sink
from ...dimse.messages import Request, Response
from ...dimse.status import SUCCESS, UNRECOGNIZED_OPERATION
from ...dul.items import RoleSelection
from ...dul.pdu import MAXIMUM_CONTEXTS
from ...spec.values import value
from ..live import Live
from ..service import Caller, Operation, Service
from ..steps import Steps
from ..storage.incoming import FileStore
from ..storage.outcome import StoreOutcome
from ..storage.storage import Storage
from ..transfer_syntaxes import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    LETTERS,
    LOSSLESS,
    LOSSY,
    UNCOMPRESSED,
)
from .retrieve_scu import RetrieveResult, get

OBJECT_LIMIT = 1 << 30
"""Bytes of an object that is kept in memory for a function of the user's; a larger one ends the association."""

_ROOT = "1.2.840.10008.5.1.4.1.1."
COMMON_STORAGE: tuple[str, ...] = tuple(
    _ROOT + tail
    for tail in (
        *("2", "4", "1", "1.1", "6.1", "3.1", "7", "12.1", "12.2", "1.2", "128", "20"),  # images of every day
        *("2.1", "4.1", "4.3", "130", "12.1.1", "12.2.1", "13.1.1", "13.1.3", "2.2", "4.4", "6.2"),  # enhanced
        *("1.1.1", "1.2.1", "1.3", "7.1", "7.2", "7.3", "7.4"),  # for processing, intra-oral, multi-frame captures
        *("88.11", "88.22", "88.33", "88.59", "88.67", "88.50", "88.65"),  # structured reports
        *("104.1", "104.2", "11.1", "11.2", "66", "66.1", "66.4", "67"),  # documents, presentation states, raw, masks
        *("481.1", "481.2", "481.3", "481.5", "481.8"),  # radiotherapy
        *("77.1.1", "77.1.1.1", "77.1.2", "77.1.4", "77.1.4.1", "77.1.5.1", "77.1.5.4", "77.1.6"),  # visible light
        *("9.1.1", "9.1.2", "4.2", "66.3"),  # waveforms, spectra, deformable registrations
    )
)
"""The storage classes to propose when nobody knows what will come: the usual ones, those seen most first."""
UNENCAPSULATED = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN)
"""What every archive can send."""
ENCAPSULATED = tuple(uid for uid in dict.fromkeys(LETTERS.values()) if uid not in UNCOMPRESSED)
"""What archives keep objects in, too: sent as they are, they need not be decompressed."""
ANY_SYNTAX = (
    *dict.fromkeys((*ENCAPSULATED, *sorted(LOSSLESS), *sorted(LOSSY))),
    *(DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN),
)
"""Whatever an object may be kept in, besides what every archive can send."""


@value
class StorageProposal:
    """What one association of a C-GET proposes."""

    contexts: tuple[Proposed, ...]
    """At least two for each class: objects that are not compressed, and those that are."""
    roles: tuple[RoleSelection, ...]
    """We are SCP of each (PS3.7 D.3.3.4)."""


def storage_proposals(sop_classes: Iterable[str] = (), *, reserved: int = 1) -> list[StorageProposal]:
    """What to propose for storage classes, over as many associations as they need.

    An acceptor chooses one transfer syntax of a context: each has a context of its own, if all fit one association.

    Args:
        sop_classes: the classes that may come; none: `COMMON_STORAGE`.
        reserved: presentation contexts that are needed for something else, the C-GET itself.
    """
    classes = tuple(dict.fromkeys(sop_classes)) or COMMON_STORAGE
    room = MAXIMUM_CONTEXTS - reserved
    if len(classes) * (1 + len(ANY_SYNTAX)) <= room:
        return [_proposal(classes, [UNENCAPSULATED, *((syntax,) for syntax in ANY_SYNTAX)])]
    some = [classes[start : start + room // 2] for start in range(0, len(classes), room // 2)]
    return [_proposal(each, [UNENCAPSULATED, ENCAPSULATED]) for each in some]


def _proposal(classes: Sequence[str], contexts: Sequence[tuple[str, ...]]) -> StorageProposal:
    return StorageProposal(
        tuple((uid, syntaxes) for uid in classes for syntaxes in contexts),
        tuple(RoleSelection(uid, scu=False, scp=True) for uid in classes),
    )


@value
class ReceivedObject:
    """An object for a function of the user's."""

    sop_class_uid: str
    """Affected SOP Class UID of the command."""
    sop_instance_uid: str
    """Affected SOP Instance UID of the command."""
    transfer_syntax_uid: str
    """How the data set is encoded."""
    data: bytes = field(repr=False)
    """The data set."""


Store = FileStore | PathLike[str] | str | Callable[[ReceivedObject], int | None]
"""Where objects go: a store, its directory, or a function that returns a status; None means success."""


class Receiving(Storage):
    """Storage on an association of our own: the sender of an object is whom we called."""

    def supports(self, abstract_syntax: str) -> SupportedContext | None:
        """Whatever we have proposed to store."""
        return _ANY

    def sender(self, caller: Caller) -> str:
        """The title that goes into files."""
        return caller.agreement.called_ae_title


class Taking(Service):
    """C-STORE for a function of the user's, which gets objects whole."""

    def __init__(self, take: Callable[[ReceivedObject], int | None]) -> None:
        self._take = take

    def supports(self, abstract_syntax: str) -> SupportedContext | None:
        """Whatever we have proposed to store."""
        return _ANY

    def open_sink(self, caller: Caller, context: AcceptedContext, request: Request) -> Sink:
        """Memory for an object."""
        return Memory(OBJECT_LIMIT)

    def perform(self, operation: Operation) -> Response:
        """C-STORE-RSP with the status the function returns."""
        request = operation.request
        if request.name != "C-STORE-RQ" or not isinstance(operation.sink, Memory):
            return request.response(UNRECOGNIZED_OPERATION)
        data = operation.sink.getvalue()
        context = operation.context
        taken = self._take(
            ReceivedObject(request.sop_class_uid, request.sop_instance_uid or "", context.transfer_syntax, data)
        )
        return request.response(SUCCESS if taken is None else taken)


_ANY = SupportedContext(None, scu_role=False, scp_role=True)


@contextmanager
def receiver(store: Store, on_stored: Callable[[StoreOutcome], None] | None = None) -> Iterator[Service]:
    """The service that answers C-STORE sub-operations.

    Args:
        store: where objects go.
        on_stored: called with the outcome of each object that went to a store, before it is answered.
    """
    if not isinstance(store, FileStore | PathLike | str):
        yield Taking(store)
        return
    ours = store if isinstance(store, FileStore) else FileStore(store)
    told = None if on_stored is None else lambda _caller, outcome: on_stored(outcome)
    try:
        yield Receiving(ours, on_stored=told)
    finally:
        if ours is not store:
            ours.close()


def getting(
    live: Live,
    dataset: Dataset,
    store: Store,
    on_stored: Callable[[StoreOutcome], None] | None = None,
    **options: Any,
) -> Steps[RetrieveResult]:
    """Invoke C-GET, and take what comes back; further arguments and errors are those of `retrieve_scu.get`."""
    with receiver(store, on_stored) as service, live.serving.offering(service):
        return (yield from get(live.exchange, dataset, live.now(), **options))
