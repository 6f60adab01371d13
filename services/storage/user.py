"""Storage as SCU (PS3.4 Annex B): C-STORE without decoding what is sent.

The file is mapped, and its data set sent as it lies there, if its transfer syntax was accepted; between uncompressed
ones it is converted. Nothing of the SCP is imported: who only sends need not wait 6 ms for it.
"""

from collections.abc import Callable, Container, Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any

from ...dimse import messages
from ...dimse.events import Response as Answered
from ...dimse.exchange import Exchange
from ...dimse.status import Status
from ...spec.values import value
from ..errors import NoAcceptedContext
from ..steps import Steps, failure, response, sent
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
