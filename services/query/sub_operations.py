"""The C-STORE sub-operations of a C-MOVE or C-GET: sent, counted, told to who asked (PS3.7 9.1.3, 9.1.4; PS3.4 C.4).

Where objects go, to a destination or back over the association that asked for them, is not decided here: whoever knows
takes and sends them, one by one or several at a time, and the responses follow from what was counted.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Container, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

from pydicom.dataset import Dataset

from ...acse.agreement import AcceptedContext
from ...dimse.messages import Response
from ...dimse.status import (
    CANCEL,
    PENDING,
    SUBOPERATIONS_COMPLETE_WITH_FAILURES,
    SUCCESS,
    UNABLE_TO_PERFORM_SUBOPERATIONS,
    Status,
)
from ...dul.errors import LocalProtocolError
from ...dul.wire import encode_uid
from ..errors import AssociationError
from ..identifiers import encode
from ..service import Invoke, Operation, Reply
from ..storage.outgoing import OutgoingFile, Unsendable, scan
from ..storage.proposing import choose
from ..storage.user import Originator, store_request

PENDING_SECONDS = 0.1
"""Pending responses are at least so far apart: enough for a progress bar, and few beside the objects."""
SIGN_OF_LIFE_SECONDS = 15.0
"""And at most so far: who waits shall know that a large object, or a slow destination, takes time."""
AHEAD = 32
"""Files looked at together: few enough that the first object goes at once."""
AT_A_TIME = 16
"""Objects under way on one association, whatever window is agreed: each is in memory, or mapped."""
Stored = OutgoingFile | PathLike[str] | str
"""An object to send: its file."""
_MAXIMUM_COUNT = 0xFFFF
"""The counts have the VR US (PS3.7 Table 9.3-10); more than that is told as so many."""
_MAXIMUM_LIST = 0xFFFE
"""Bytes of a list of UIDs: what a UI element in explicit VR holds (PS3.5 7.1.2)."""


@dataclass(slots=True)
class Tally:
    """How the sub-operations of one C-MOVE or C-GET went (PS3.7 9.1.3.1)."""

    remaining: int
    """Not yet begun, or under way."""
    completed: int = 0
    """Stored."""
    failed: int = 0
    """Not stored."""
    warning: int = 0
    """Stored, with a deviation."""
    failed_sop_instances: list[str] = field(default_factory=list)
    """The SOP instances that were not stored."""
    error_comment: str = ""
    """Why the first of them was not."""

    def answered(self, sop_instance_uid: str, status: Status, error_comment: str | None) -> None:
        """The destination has answered."""
        match status.category:
            case "success":
                self.remaining -= 1
                self.completed += 1
            case "warning":
                self.remaining -= 1
                self.warning += 1
            case _:
                self.fail(sop_instance_uid, error_comment or str(status))

    def fail(self, sop_instance_uid: str, why: str) -> None:
        """An object was not stored; its UID is empty where it is not known."""
        self.remaining -= 1
        self.failed += 1
        self.error_comment = self.error_comment or why
        if sop_instance_uid:
            self.failed_sop_instances.append(sop_instance_uid)

    @property
    def status(self) -> Status:
        """How it went as a whole, once all is done (PS3.4 C.4.2.3.1, C.4.3.3.1)."""
        if not (self.failed or self.warning):
            return SUCCESS
        if not (self.completed or self.warning):
            return UNABLE_TO_PERFORM_SUBOPERATIONS
        return SUBOPERATIONS_COMPLETE_WITH_FAILURES

    def counts(self) -> dict[str, int]:
        """The elements of a response that count what has been done."""
        return {
            "number_of_completed_suboperations": min(self.completed, _MAXIMUM_COUNT),
            "number_of_failed_suboperations": min(self.failed, _MAXIMUM_COUNT),
            "number_of_warning_suboperations": min(self.warning, _MAXIMUM_COUNT),
        }

    def counts_with_remaining(self) -> dict[str, int]:
        """The same with what is left, for the responses that tell it: pending and cancel (PS3.4 C.4.2.1.6)."""
        return {"number_of_remaining_suboperations": min(self.remaining, _MAXIMUM_COUNT), **self.counts()}


class SubOperations:
    """Those of one C-MOVE or C-GET.

    Args:
        operation: what was asked.
        found: the objects that shall be sent; files are looked at as their turn comes.
        decompress: compressed transfer syntaxes to decompress where they are not accepted.
        unsendable: told of files that hold nothing that can be sent.
    """

    def __init__(
        self,
        operation: Operation,
        found: Iterable[Stored],
        decompress: Container[str] = (),
        unsendable: Callable[[Unsendable], None] = lambda each: None,  # noqa: ARG005  # nobody listens
    ) -> None:
        self.operation = operation
        """The C-MOVE or C-GET."""
        self.decompress = decompress
        """Compressed transfer syntaxes to decompress where they are not accepted."""
        self._found = deque(found)
        self._files: deque[OutgoingFile] = deque()
        self._looking = asyncio.Lock()
        self._unsendable = unsendable
        self.tally = Tally(len(self._found))
        """How it goes."""
        self._changed = asyncio.Event()

    @property
    def over(self) -> bool:
        """Whether no further object shall be sent: the requestor has cancelled, or is gone."""
        return self.operation.cancelled

    # ---- what there is ----

    async def next(self) -> OutgoingFile | None:
        """The next object to send; None after the last, or when no further one shall be sent. Some files are looked at
        together; those that cannot be sent are counted."""
        async with self._looking:
            while not self._files and self._found and not self.over:
                some = [self._found.popleft() for _ in range(min(AHEAD, len(self._found)))]
                for each in await self.operation.caller.work(_look, some):
                    if isinstance(each, OutgoingFile):
                        self._files.append(each)
                        continue
                    self._unsendable(each)
                    self.tally.fail("", "an object cannot be read")  # its error names a path, which is for the log only
                    self._changed.set()
            return None if self.over or not self._files else self._files.popleft()

    async def all(self) -> list[OutgoingFile]:
        """All objects to send, for who must know them before the first goes."""
        files = []
        while (file := await self.next()) is not None:
            files.append(file)
        return files

    # ---- sending ----

    async def send(
        self,
        file: OutgoingFile,
        contexts: Iterable[AcceptedContext],
        invoke: Invoke,
        originator: Originator | None = None,
    ) -> None:
        """Store one object, in a transfer syntax that was accepted for it, and count how it went.

        Raises:
            AssociationError: the association it was to go over has ended; that is counted, too.
        """
        choice = choose(file, contexts, decompress=self.decompress)
        if choice is None:
            self.fail(file, f"not accepted: {file.sop_class_uid}")
            return
        uid = file.sop_instance_uid
        try:
            data_set = await self.operation.caller.work(file.dataset, choice.context.transfer_syntax)
            response = await invoke(choice.context, store_request(file, 0, originator), data_set)
        except (OSError, ValueError):  # ValueError: the file is not what it should be
            self.fail(file, "an object cannot be read, or not be converted")
        except LocalProtocolError as error:
            self.fail(file, str(error))
        except AssociationError as error:
            self.fail(file, str(error))
            raise
        else:
            self.tally.answered(uid, response.message.status, response.message.error_comment)
            self._changed.set()
        finally:
            file.close()

    def fail(self, file: OutgoingFile, why: str) -> None:
        """Count an object that is not sent."""
        self.tally.fail(file.sop_instance_uid, why)
        self._changed.set()

    def fail_all(self, files: deque[OutgoingFile], why: str) -> None:
        """Count what is left, none of which is sent."""
        while files:
            self.fail(files.popleft(), why)

    # ---- telling ----

    async def responses(self, work: Coroutine[Any, Any, None]) -> AsyncGenerator[Response, None]:
        """The pending responses while something is at work on the objects; the first at once, none after a cancel."""
        sending = asyncio.create_task(work)
        sending.add_done_callback(lambda _: self._changed.set())
        try:
            while not sending.done():
                if not self.over:
                    yield self.operation.request.response(PENDING, **self.tally.counts_with_remaining())
                await asyncio.wait((sending,), timeout=PENDING_SECONDS)
                with suppress(TimeoutError):
                    async with asyncio.timeout(SIGN_OF_LIFE_SECONDS):
                        await self._changed.wait()
                self._changed.clear()
            sending.result()
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    def final(self) -> Reply:
        """The final response, with the SOP instances that failed as its identifier (PS3.4 C.4.2.1.4.2)."""
        tally, operation = self.tally, self.operation
        comment = tally.error_comment or None
        if self.over and tally.remaining:
            elements: dict[str, Any] = tally.counts_with_remaining()
            response = operation.request.response(CANCEL, error_comment=comment, **elements)
        else:
            response = operation.request.response(tally.status, error_comment=comment, **tally.counts())
        if not tally.failed_sop_instances:
            return Reply(response)
        identifier = Dataset()
        identifier.FailedSOPInstanceUIDList = _as_many_as_fit(tally.failed_sop_instances)
        return Reply(response, encode(identifier, operation.context.transfer_syntax))


async def together(window: int, worker: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """As many workers at a time as an asynchronous operations window has room for (PS3.7 D.3.3.3; 0: any number).

    Raises what the first of them raised that did, after all have ended.
    """
    count = min(window or AT_A_TIME, AT_A_TIME)
    for ended in await asyncio.gather(*(worker() for _ in range(count)), return_exceptions=True):
        if ended is not None:
            raise ended


def _look(found: Iterable[Stored]) -> list[OutgoingFile | Unsendable]:
    """In the pool: what the files hold."""
    return [each if isinstance(each, OutgoingFile) else _lawful(next(scan([each]))) for each in found]


def _lawful(file: OutgoingFile | Unsendable) -> OutgoingFile | Unsendable:
    """A file whose UIDs may be said: one that may not would spoil the proposal for all."""
    if isinstance(file, OutgoingFile):
        try:
            for uid in (file.sop_class_uid, file.sop_instance_uid, file.transfer_syntax_uid):
                encode_uid(uid, str(file.path))
        except LocalProtocolError as error:
            return Unsendable(file.path, str(error))
    return file


def _as_many_as_fit(uids: Iterable[str]) -> list[str]:
    """The first of these UIDs, as many as one element holds."""
    room = _MAXIMUM_LIST
    fitting: list[str] = []
    for uid in uids:
        room -= len(uid) + 1
        if room < 0:
            break
        fitting.append(uid)
    return fitting
