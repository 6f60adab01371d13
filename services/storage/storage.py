"""Storage (PS3.4 Annex B): C-STORE, both roles, without decoding what is sent or received.

The SCU maps the file and sends its data set as it lies there, if its transfer syntax was accepted; between uncompressed
ones it converts. The SCP streams each data set into a `FileStore` and answers when the object is safe there.
"""

import threading
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import Any

from ...acse.agreement import AcceptedContext
from ...acse.policy import SupportedContext
from ...dimse import messages
from ...dimse.events import Response as Answered
from ...dimse.exchange import Exchange
from ...dimse.fragments import Sink
from ...dimse.messages import Request, Response
from ...dimse.status import SOP_CLASS_NOT_SUPPORTED, SUCCESS, UNRECOGNIZED_OPERATION, Status
from ...spec.values import value
from ..errors import NoAcceptedContext
from ..log import Log, logger, place
from ..service import Caller, Operation, Service
from ..steps import Steps, failure, response, sent
from .incoming import FileStore, IncomingObject
from .outcome import StoreOutcome
from .outgoing import OutgoingFile, Unsendable, scan
from .proposing import Batch, choose, propose


@value
class StoreResult:
    """What became of one file."""

    path: Path
    """The file."""
    sop_class_uid: str = ""
    """Its SOP class."""
    sop_instance_uid: str = ""
    """Its SOP instance."""
    size: int = 0
    """Bytes of its data set."""
    transfer_syntax_uid: str = ""
    """The transfer syntax it was sent in."""
    status: Status | None = None
    """The peer's answer; None if it was not sent."""
    error: str = ""
    """Why it was not sent, or the peer's Error Comment (0000,0902)."""
    cause: Exception | None = None
    """The exception behind `error`, when the peer was not asked: `NoAcceptedContext`, or about the file."""

    @property
    def stored(self) -> bool:
        """Whether the peer has it: status success or warning (PS3.4 B.2.3)."""
        return self.status is not None and self.status.category in ("success", "warning")


@value
class Originator:
    """The C-MOVE on whose behalf an object is stored (PS3.7 9.1.1.1.6)."""

    ae_title: str
    """Of the entity that invoked it."""
    message_id: int
    """Of its C-MOVE-RQ."""


def store_request(file: OutgoingFile, message_id: int, originator: Originator | None = None) -> messages.C_STORE_RQ:
    """The C-STORE-RQ for a file."""
    return messages.C_STORE_RQ(
        message_id=message_id,
        affected_sop_class_uid=file.sop_class_uid,
        affected_sop_instance_uid=file.sop_instance_uid,
        priority=messages.MEDIUM,
        move_originator_application_entity_title=originator.ae_title if originator is not None else None,
        move_originator_message_id=originator.message_id if originator is not None else None,
    )


def store_file(
    exchange: Exchange,
    file: "OutgoingFile | PathLike[str] | str",
    now: float,
    *,
    preferred: str = "",
    decompress: Container[str] = (),
    progress: Callable[[int], None] | None = None,
) -> Steps[StoreResult]:
    """Invoke C-STORE for one file (PS3.7 9.1.1) and wait for its status.

    Args:
        exchange: an established association.
        file: what to send.
        now: the time.
        preferred: transfer syntax to convert to where it was accepted and both are uncompressed.
        decompress: compressed transfer syntaxes to decompress where no context was accepted for them.
        progress: called with numbers of bytes as they leave.

    Raises:
        NoAcceptedContext: no accepted context fits the file.
        OSError, NotPart10, NotSendable, CannotConvert: the file cannot be read, or not be converted.
    """
    opened = file if isinstance(file, OutgoingFile) else OutgoingFile(file)
    try:
        message_id = start(exchange, opened, now, preferred=preferred, decompress=decompress, progress=progress)
        answer = yield from response(exchange, message_id)
        yield from sent(exchange, now)  # it may have answered before it had everything (PS3.7 9.1.1.2)
    finally:
        opened.close()
    return result_of(opened, answer)


def try_to_store_file(exchange: Exchange, file: OutgoingFile, now: float, **options: Any) -> Steps[StoreResult]:
    """The same, with a file that cannot be sent told in the result."""
    try:
        return (yield from store_file(exchange, file, now, **options))
    except (NoAcceptedContext, OSError, ValueError) as error:  # ValueError: the file is not what it should be
        return not_sent(file, error)


def start(
    exchange: Exchange,
    file: OutgoingFile,
    now: float,
    *,
    preferred: str = "",
    decompress: Container[str] = (),
    progress: Callable[[int], None] | None = None,
) -> int:
    """Invoke C-STORE for a file that its caller closes when the response has come; the Message ID.

    Raises:
        AssociationError: the association has ended.
        NoAcceptedContext, OSError, NotSendable, CannotConvert: as `store_file`.
        LocalProtocolError: as `Exchange.request`.
    """
    failure(exchange.ending)
    agreement = exchange.agreement
    assert agreement is not None  # the caller has associated
    choice = choose(file, agreement.contexts.values(), preferred=preferred, decompress=decompress)
    if choice is None:
        raise NoAcceptedContext(agreement, file.sop_class_uid, file.transfer_syntax_uid)
    request = store_request(file, exchange.next_message_id())
    data_set = file.dataset(choice.context.transfer_syntax)
    in_pieces = progress is not None or len(data_set) > _PIECE
    exchange.request(choice.context.id, request, _pieces(file, data_set, progress) if in_pieces else data_set, now)
    return request.message_id


def result_of(file: OutgoingFile, answer: Answered) -> StoreResult:
    """What the response says."""
    return StoreResult(
        file.path,
        file.sop_class_uid,
        file.sop_instance_uid,
        file.size,
        answer.context.transfer_syntax,
        answer.message.status,
        answer.message.error_comment or "",
    )


def not_sent(file: OutgoingFile, error: Exception) -> StoreResult:
    """The result of a file that cannot be sent over this association."""
    return StoreResult(file.path, file.sop_class_uid, file.sop_instance_uid, file.size, error=str(error), cause=error)


def _pieces(file: OutgoingFile, data_set: memoryview, progress: Callable[[int], None] | None) -> Iterator[memoryview]:
    """The data set in pieces. When one is asked for, the one before it is told of, and what lies `_BEHIND` it is let go
    of: it has left the outbox, or is read again."""
    for start in range(0, len(data_set), _PIECE):
        piece = data_set[start : start + _PIECE]
        yield piece
        if progress is not None:
            progress(len(piece))
        file.passed(max(0, start - _BEHIND))


_PIECE = 1 << 20
"""Bytes between two calls of a progress callback."""
_BEHIND = 4 << 20
"""Bytes of a mapped file that stay in memory behind what is sent: more than 16 PDUs, which wait in the outbox."""


@value
class Prepared:
    """Files looked at before sending."""

    batches: list[Batch[OutgoingFile]]
    """What goes over which association."""
    refused: list[Unsendable]
    """What cannot be sent at all."""


def prepare(paths: Iterable["PathLike[str] | str"], *, preferred: str = "", combine: bool = False) -> Prepared:
    """Look at files and directories (inside which everything is taken), and at what they need to be proposed."""
    found = list(scan(paths, directories=True, recurse=True))
    sendable = [each for each in found if isinstance(each, OutgoingFile)]
    return Prepared(
        propose(sendable, preferred=preferred, combine=combine),
        [each for each in found if isinstance(each, Unsendable)],
    )


def unsendable(file: Unsendable) -> StoreResult:
    """The result of a file that cannot be sent."""
    return StoreResult(file.path, error=file.error)


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
                peer=str(caller.address[0]),
                calling=caller.agreement.calling_ae_title,
                **why,
            )

    def _tell(self, caller: Caller, outcome: StoreOutcome) -> None:
        try:
            if self._on_stored is not None:
                self._on_stored(caller, outcome)
        except Exception as error:  # noqa: BLE001  # the application's callback; see `on_stored`
            self._log.error("on_stored failed", error=type(error).__name__, at=place(error))

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
