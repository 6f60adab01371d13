"""Storage as SCP (PS3.4 Annex B): C-STORE without decoding what is received.

Each data set is streamed into a `FileStore`, and answered when the object is safe there.
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from os import PathLike

from ...acse.agreement import AcceptedContext
from ...acse.policy import SupportedContext
from ...dimse.fragments import Sink
from ...dimse.messages import Request, Response
from ...dimse.status import SOP_CLASS_NOT_SUPPORTED, SUCCESS, UNRECOGNIZED_OPERATION
from ..log import Log, logger, place
from ..service import Caller, Operation, Service
from .incoming import FileStore, IncomingObject
from .outcome import StoreOutcome


@lru_cache(1024)
def is_storage_class(uid: str) -> bool:
    """Whether pydicom's UID dictionary knows this as a SOP class whose instances are stored."""
    from pydicom.uid import UID

    known = UID(uid)
    if not known.type.startswith("SOP Class") or uid == "1.2.840.10008.1.3.10":  # a DICOMDIR is not stored
        return False
    keyword = known.keyword
    return "Storage" in keyword and not keyword.startswith(("StorageCommitment", "StorageManagement", "StorageService"))


class Storage(Service):
    """The SCP.

    Args:
        store: a `FileStore`, or a directory for a durable one.
        transfer_syntaxes: the ones to accept, best first; None accepts any.
        contexts: the SOP classes to accept and how; None accepts every storage class that is known.
        promiscuous: accept SOP classes that are not known, too.
        on_stored: called with (caller, outcome) after each object, before its response, in the thread that stored it.
            What it raises is logged and changes no answer: the object is where it is.
        on_stored_waits: whether `on_stored` may wait for disk or people, so that objects are stored in a thread. Where
            neither it nor the disk is waited for, none is needed: twice as many objects of 38 KiB a second.
        log: told of objects that were refused or kept beside another one; by default dulcet's own.
    """

    def __init__(
        self,
        store: "FileStore | PathLike[str] | str",
        *,
        transfer_syntaxes: tuple[str, ...] | None = None,
        contexts: Mapping[str, SupportedContext] | None = None,
        promiscuous: bool = False,
        on_stored: Callable[[Caller, StoreOutcome], None] | None = None,
        on_stored_waits: bool = True,
        log: Log | None = None,
    ) -> None:
        self.store = store if isinstance(store, FileStore) else FileStore(store)
        self.blocking = (self.store.durable and not self.store.ignore) or (on_stored is not None and on_stored_waits)
        self._supported = SupportedContext(transfer_syntaxes, scp_role=False)
        self._contexts = contexts
        self._promiscuous = promiscuous
        self._on_stored = on_stored
        self._log = log or logger()
        self._lock = threading.Lock()  # objects of several associations are stored by several threads
        self.counts: Counter[str] = Counter()
        """How many objects came to which outcome; the words are those of `StoreOutcome.outcome`."""

    def supports(self, abstract_syntax: str) -> SupportedContext | None:
        """The storage classes it was told to accept."""
        if self._contexts is not None:
            return self._contexts.get(abstract_syntax)
        if is_storage_class(abstract_syntax) or (self._promiscuous and not _is_known(abstract_syntax)):
            return self._supported
        return None

    def open_sink(self, caller: Caller, context: AcceptedContext, request: Request) -> Sink:
        """An object of the store; what is no C-STORE-RQ goes to memory and is refused."""
        if request.name != "C-STORE-RQ":
            return super().open_sink(caller, context, request)
        return self.store.begin(
            sop_class_uid=request.sop_class_uid,
            sop_instance_uid=request.sop_instance_uid or "",
            transfer_syntax_uid=context.transfer_syntax,
            calling_ae_title=self.sender(caller),
        )

    def sender(self, caller: Caller) -> str:
        """The AE title of whom objects come from, for File Meta Information."""
        return caller.agreement.calling_ae_title

    def _note(self, caller: Caller, outcome: StoreOutcome) -> None:
        with self._lock:
            self.counts[outcome.outcome] += 1
        if outcome.outcome not in _UNREMARKABLE:
            why = {"why": outcome.error_comment} if outcome.error_comment else {}
            self._log.warning(
                f"object {outcome.outcome}",
                status=f"0x{outcome.status:04X}",
                association=caller.association,
                peer=str(caller.address[0]),
                calling=caller.agreement.calling_ae_title,
                **why,
            )

    def _tell(self, caller: Caller, outcome: StoreOutcome) -> None:
        try:
            if self._on_stored is not None:
                self._on_stored(caller, outcome)
        except Exception as error:  # noqa: BLE001  # the application's callback; see `on_stored`
            self._log.error(
                "on_stored failed", association=caller.association, error=type(error).__name__, at=place(error)
            )

    def keep(self, outcome: StoreOutcome) -> StoreOutcome:
        """What must be done before an object may be called stored, for subclasses; the outcome to answer with."""
        return outcome

    def perform(self, operation: Operation) -> Response:
        """C-STORE-RSP, once the object is where `FileStore` promises."""
        request, sink = operation.request, operation.sink
        if not isinstance(sink, IncomingObject):
            return request.response(UNRECOGNIZED_OPERATION)
        if request.sop_class_uid != operation.context.abstract_syntax:
            sink.discard()
            return request.response(SOP_CLASS_NOT_SUPPORTED)
        outcome = self.keep(sink.finish())
        self._note(operation.caller, outcome)
        self._tell(operation.caller, outcome)
        if outcome.status == SUCCESS:
            return request.response(SUCCESS)
        return request.response(
            outcome.status,
            error_comment=outcome.error_comment or None,
            offending_element=outcome.offending_elements,
        )


_UNREMARKABLE = ("stored", "identical", "ignored")


def _is_known(uid: str) -> bool:
    from pydicom.uid import UID

    return bool(UID(uid).type)
