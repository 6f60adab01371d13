"""The C-STORE sub-operations of a C-MOVE or C-GET: sent, counted, told to who asked (PS3.7 9.1.3, 9.1.4; PS3.4 C.4).

Where objects go, to a destination or back over the association that asked for them, is not decided here: whoever knows
sends them one by one, and the responses follow from what was counted.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Container, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
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
from ..errors import AssociationError
from ..identifiers import encode
from ..service import Invoke, Operation, Reply
from ..storage.outgoing import OutgoingFile, Unsendable
from ..storage.proposing import choose
from ..storage.storage import Originator, store_request

PENDING_SECONDS = 0.1
"""Pending responses are at least so far apart: enough for a progress bar, and few beside the objects."""
SIGN_OF_LIFE_SECONDS = 15.0
"""And at most so far: who waits shall know that a large object, or a slow destination, takes time."""
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
        found: the objects that shall be sent.
        decompress: compressed transfer syntaxes to decompress where they are not accepted.
    """

    def __init__(
        self, operation: Operation, found: Sequence[OutgoingFile | Unsendable], decompress: Container[str] = ()
    ) -> None:
        self.operation = operation
        """The C-MOVE or C-GET."""
        self.files = [each for each in found if isinstance(each, OutgoingFile)]
        """What can be sent."""
        self.decompress = decompress
        """Compressed transfer syntaxes to decompress where they are not accepted."""
        self.tally = Tally(len(found))
        """How it goes."""
        self._changed = asyncio.Event()
        for _ in range(len(found) - len(self.files)):
            self.tally.fail("", "an object cannot be read")  # its error names a path, which is for the log only

    @property
    def over(self) -> bool:
        """Whether no further object shall be sent: the requestor has cancelled, or is gone."""
        return self.operation.cancelled

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
