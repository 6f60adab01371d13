"""The provider of Storage Commitment, push model (PS3.4 J.3): says that it will look, looks, and reports.

    SCP("ARCHIVE", [Storage(store), StorageCommitment(StoredFiles("incoming"), entities={"MODALITY": modality})])

Requests are taken here; how a report finds its way is in `commitment_reporting`, and how one survives a restart, where
that is wanted, in `commitment_journal`.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from os import PathLike
from typing import Any

from ...dimse.status import (
    MISSING_ATTRIBUTE,
    NO_SUCH_ACTION_TYPE,
    NO_SUCH_SOP_INSTANCE,
    PROCESSING_FAILURE,
    RESOURCE_LIMITATION,
)
from ...spec.values import value
from ..log import Log, logger, place
from ..service import Invoke
from .commitment import (
    REFERENCED_SOP_SEQUENCE,
    REQUEST_STORAGE_COMMITMENT,
    STORAGE_COMMITMENT,
    STORAGE_COMMITMENT_INSTANCE,
    CommitmentReports,
    CommitmentResult,
    FailedInstance,
    references,
    transaction_of,
)
from .commitment_journal import CommitmentJournal, PendingCommitment
from .commitment_reporting import RETRIES, RETRIES_OF_A_DAY, Entities, Pause, Reporter
from .normalized import Normalized, NormalizedOperation, ServiceFailure

Check = Callable[[str, str], bool | int]
"""(SOP Class UID, SOP Instance UID) to True: it is safe; False: there is no such instance; or a Failure Reason of
PS3.3 C.14.1.1. Runs in a thread of its own, two at most at a time."""
DUPLICATE_TRANSACTION_UID = 0x0131
"""Failure Reason: the transaction is under way already."""
AT_MOST = 100
"""Reports under way for one peer: far more than one that waits for its answers ever has."""
LOOKS = 2
"""Requests looked at, at a time: who asks for much must not keep others from the disk, or from the server's threads."""
PEERS = 10
"""As many times that for all peers together: titles are easily made up."""


@value
class _Received:
    """A request that will be reported on."""

    pending: PendingCommitment
    operation: NormalizedOperation | None = None
    """None if it is of the journal."""
    before: "asyncio.Task[None] | None" = None
    """The one before it on its association."""


class StorageCommitment(Normalized):
    """The SCP.

    Args:
        check: says whether an instance is safe; `StoredFiles` looks into a directory.
        entities: where entities listen, by AE title: those that have gone when the report is ready.
        same_association: whether to report on the association of the request while it stands. Peers that cannot take
            it there are asked on an association of our own from the start.
        retries: seconds before each further attempt to reach an entity, after which the report is given up. None: 2, 10
            and 60 seconds, and where there is a journal every ten minutes for a day after that.
        settings: of the associations we request; see `Settings`.
        retrieve_ae_title: told to peers as the title to retrieve from; None leaves it out.
        reports: hears what others report to us, where we are also a user of this service.
        journal: a directory in which requests are kept until they are reported on. What a stop or a crash left there is
            looked at and reported when a server begins to listen, with all attempts anew. None: they are forgotten with
            the process.
        at_most: reports under way for one peer, those that wait for another attempt too; further requests of it are
            refused with 0213H, resource limitation (PS3.7 C.5.22). For all peers together it is ten times that.
        log: told of every report; by default dulcet's own.
        pause: waits so many seconds before another attempt.

    Raises:
        OSError: the journal cannot be read.
    """

    proposes = (STORAGE_COMMITMENT,)

    def __init__(
        self,
        check: Check,
        *,
        entities: Entities | None = None,
        same_association: bool = True,
        retries: Sequence[float] | None = None,
        settings: Mapping[str, Any] | None = None,
        retrieve_ae_title: str | None = None,
        reports: CommitmentReports | None = None,
        journal: "PathLike[str] | str | None" = None,
        at_most: int = AT_MOST,
        log: Log | None = None,
        pause: Pause = asyncio.sleep,
    ) -> None:
        on_event_report = None if reports is None else reports.report
        super().__init__((STORAGE_COMMITMENT,), on_action=self._requested, on_event_report=on_event_report)
        self._check = check
        self._same_association = same_association
        self._retrieve_ae_title = retrieve_ae_title or ""
        self._log = log or logger()
        self._lookers = ThreadPoolExecutor(LOOKS, thread_name_prefix="dulcet storage commitment")
        if retries is None:
            retries = RETRIES if journal is None else RETRIES_OF_A_DAY
        self._reporter = Reporter(entities, retries, settings or {}, self._log, pause)
        self._at_most = at_most
        self._under_way: set[str] = set()
        self._reports: Counter[str] = Counter()  # under way, by who asked
        self._tasks: set[asyncio.Task[None]] = set()
        self._last: dict[Invoke, asyncio.Task[None]] = {}  # the last one of each association
        self._journal = None if journal is None else CommitmentJournal(journal)
        self._left = self._read_journal()

    def _read_journal(self) -> list[PendingCommitment]:
        if self._journal is None:
            return []
        left, unreadable = self._journal.pending()
        for name in unreadable:
            self._log.warning("storage commitment journal: not a request", file=name)
        return left

    def resume(self) -> None:
        """Take up what a stop or a crash left in the journal."""
        for pending in self._left:
            self._under_way.add(pending.transaction_uid)
            received = _Received(pending)
            self._begin(received, self._fulfil(received))
        self._left = []

    # ---- requests ----

    async def _requested(self, operation: NormalizedOperation) -> None:
        """The N-ACTION: success says that we have received it, and will look (J.3.2.1.3)."""
        if operation.sop_instance_uid != STORAGE_COMMITMENT_INSTANCE:
            raise ServiceFailure(NO_SUCH_SOP_INSTANCE)
        if operation.type_id != REQUEST_STORAGE_COMMITMENT:
            raise ServiceFailure(NO_SUCH_ACTION_TYPE)
        uid = transaction_of(operation.dataset)
        assert operation.dataset is not None  # or there was no transaction
        instances = tuple(instance for instance, _ in references(operation.dataset))
        if not instances:
            raise ServiceFailure(MISSING_ATTRIBUTE, "no instances", offending=[REFERENCED_SOP_SEQUENCE])
        caller = operation.caller
        pending = PendingCommitment(uid, instances, caller.agreement.calling_ae_title, caller.ae_title)
        if self._reports[pending.calling_ae_title] >= self._at_most or self._reports.total() >= PEERS * self._at_most:
            raise ServiceFailure(RESOURCE_LIMITATION, "too many storage commitments under way")
        received = _Received(pending, operation, self._last.get(caller.invoke))
        if uid in self._under_way:
            self._begin(received, self._refuse_duplicate(received))
            return
        self._under_way.add(uid)
        await self._keep(received)

    async def _keep(self, received: "_Received") -> None:
        """Put a request where no crash can take it, and begin; the response leaves before the task has its turn."""
        entering = asyncio.ensure_future(self._enter(received.pending))
        try:
            await asyncio.shield(entering)
        except OSError as error:
            self._under_way.discard(received.pending.transaction_uid)
            self._log.error("storage commitment journal: cannot be written", error=error.strerror)
            raise ServiceFailure(RESOURCE_LIMITATION, "the request cannot be kept") from error
        except asyncio.CancelledError:  # the peer is gone; what it asked for is brought to its end all the same
            self._begin(received, self._fulfil(received, entering))
            raise
        self._begin(received, self._fulfil(received))

    async def _enter(self, pending: PendingCommitment) -> None:
        if self._journal is not None:
            await asyncio.to_thread(self._journal.enter, pending)

    # ---- under way ----

    def _begin(self, received: "_Received", work: Coroutine[Any, Any, None]) -> None:
        """Begin what ends in a report."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        self._reports[received.pending.calling_ae_title] += 1
        if received.operation is not None:
            self._last[received.operation.caller.invoke] = task
        task.add_done_callback(lambda done: self._over(received, done))

    def _over(self, received: "_Received", task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._reports[received.pending.calling_ae_title] -= 1
        self._reports += Counter()  # drops those of whom there are none
        operation = received.operation
        if operation is not None and self._last.get(operation.caller.invoke) is task:
            del self._last[operation.caller.invoke]
        error = None if task.cancelled() else task.exception()
        if task.cancelled():
            self._log.warning("storage commitment was not reported: the server has stopped")
        elif error is not None:
            self._log.error("storage commitment failed", error=type(error).__name__, at=place(error))

    async def _refuse_duplicate(self, received: "_Received") -> None:
        """Report that the transaction is under way already."""
        pending = received.pending
        failed = tuple(FailedInstance(*each, DUPLICATE_TRANSACTION_UID) for each in pending.instances)
        await self._report(received, CommitmentResult(pending.transaction_uid, (), failed, self._retrieve_ae_title))

    async def _fulfil(self, received: "_Received", entering: "asyncio.Future[None] | None" = None) -> None:
        """Look, report, and forget."""
        pending = received.pending
        try:
            if entering is not None:
                await asyncio.wait([entering])
            looking = asyncio.get_running_loop().run_in_executor(self._lookers, self._look, pending)
            await self._report(received, await looking)
            if self._journal is not None:
                await asyncio.to_thread(self._journal.strike, pending)
        finally:
            self._under_way.discard(pending.transaction_uid)

    async def _report(self, received: "_Received", result: CommitmentResult) -> None:
        """Report; on one association in the order of the requests."""
        if received.before is not None:
            await asyncio.wait([received.before])
        operation = received.operation if self._same_association else None
        same = None if operation is None else (operation.caller.invoke, operation.context)
        await self._reporter.report(received.pending, result, same)

    def _look(self, pending: PendingCommitment) -> CommitmentResult:
        """Check every instance; in a thread."""
        committed, failed = [], []
        for instance in pending.instances:
            reason = self._reason(*instance)
            if reason:
                failed.append(FailedInstance(*instance, reason))
            else:
                committed.append(instance)
        return CommitmentResult(pending.transaction_uid, tuple(committed), tuple(failed), self._retrieve_ae_title)

    def _reason(self, sop_class_uid: str, sop_instance_uid: str) -> int:
        """Why an instance is not safe; 0 if it is."""
        try:
            found = self._check(sop_class_uid, sop_instance_uid)
        except Exception as error:  # noqa: BLE001  # the application's check: nothing is safe that it cannot find
            self._log.error("storage commitment check failed", error=type(error).__name__, at=place(error))
            return PROCESSING_FAILURE
        if found is True:
            return 0
        return NO_SUCH_SOP_INSTANCE if found is False else int(found)
