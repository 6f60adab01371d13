"""The provider of Storage Commitment, push model (PS3.4 J.3): says that it will look, looks, and reports.

    SCP("ARCHIVE", [Storage(store), StorageCommitment(StoredFiles("incoming"), entities={"MODALITY": modality})])

A report goes out on the association of the request while that stands, else on one of our own to the entity that asked,
on which we propose to be SCP (J.3.3.1). It is repeated, a few times, until somebody has answered it: an answer ends the
matter, whatever it says. Where an association breaks after the report and before the answer it may arrive twice; its
Transaction UID tells.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...acse.agreement import AcceptedContext
from ...dimse import messages
from ...dimse.status import MISSING_ATTRIBUTE, NO_SUCH_ACTION_TYPE, NO_SUCH_SOP_INSTANCE, PROCESSING_FAILURE, Status
from ...dul.errors import ProtocolError
from ...dul.items import RoleSelection
from ..entity import Entity
from ..log import Log, logger, place
from ..service import Caller, Invoke
from .commitment import (
    REFERENCED_SOP_SEQUENCE,
    REQUEST_STORAGE_COMMITMENT,
    STORAGE_COMMITMENT,
    STORAGE_COMMITMENT_INSTANCE,
    CommitmentReports,
    CommitmentResult,
    FailedInstance,
    Instance,
    references,
    report_information,
    transaction_of,
)
from .normalized import Normalized, NormalizedOperation, ServiceFailure

Check = Callable[[str, str], bool | int]
"""(SOP Class UID, SOP Instance UID) to True: it is safe; False: there is no such instance; or a Failure Reason of
PS3.3 C.14.1.1. Runs in a thread."""
DUPLICATE_TRANSACTION_UID = 0x0131
"""Failure Reason: the transaction is under way already."""
RETRIES = (2.0, 10.0, 60.0)
"""Seconds before each further association for a report that could not be delivered."""


class StorageCommitment(Normalized):
    """The SCP.

    Args:
        check: says whether an instance is safe; `StoredFiles` looks into a directory.
        entities: where entities listen, by AE title: those that have gone when the report is ready.
        same_association: whether to report on the association of the request while it stands. Peers that cannot take
            it there are asked on an association of our own from the start.
        retries: seconds before each further attempt to reach an entity.
        settings: of the associations we request; see `Settings`.
        retrieve_ae_title: told to peers as the title to retrieve from; None leaves it out.
        reports: hears what others report to us, where we are also a user of this service.
        log: told of every report; by default dulcet's own.
    """

    proposes = (STORAGE_COMMITMENT,)

    def __init__(
        self,
        check: Check,
        *,
        entities: Mapping[str, Entity] | Callable[[str], Entity | None] | None = None,
        same_association: bool = True,
        retries: Sequence[float] = RETRIES,
        settings: Mapping[str, Any] | None = None,
        retrieve_ae_title: str | None = None,
        reports: CommitmentReports | None = None,
        log: Log | None = None,
    ) -> None:
        on_event_report = None if reports is None else reports.report
        super().__init__((STORAGE_COMMITMENT,), on_action=self._requested, on_event_report=on_event_report)
        self._check = check
        self._entity = entities if callable(entities) else (entities or {}).get
        self._same_association = same_association
        self._retries = tuple(retries)
        self._settings = dict(settings or {})
        self._retrieve_ae_title = retrieve_ae_title or ""
        self._log = log or logger()
        self._under_way: set[str] = set()
        self._tasks: dict[Invoke, asyncio.Task[None]] = {}  # the last one of each association

    async def _requested(self, operation: NormalizedOperation) -> None:
        """The N-ACTION: success says that we will look into it (J.3.2.1.3)."""
        if operation.sop_instance_uid != STORAGE_COMMITMENT_INSTANCE:
            raise ServiceFailure(NO_SUCH_SOP_INSTANCE)
        if operation.type_id != REQUEST_STORAGE_COMMITMENT:
            raise ServiceFailure(NO_SUCH_ACTION_TYPE)
        uid = transaction_of(operation.dataset)
        assert operation.dataset is not None  # or there was no transaction
        instances = [instance for instance, _ in references(operation.dataset)]
        if not instances:
            raise ServiceFailure(MISSING_ATTRIBUTE, "no instances", offending=[REFERENCED_SOP_SEQUENCE])
        caller = operation.caller
        before = self._tasks.get(caller.invoke)
        # The response leaves before the task has its turn.
        task = asyncio.get_running_loop().create_task(self._fulfil(operation, uid, instances, before))
        self._tasks[caller.invoke] = task
        task.add_done_callback(lambda done: self._over(caller, done))

    def _over(self, caller: Caller, task: "asyncio.Task[None]") -> None:
        if self._tasks.get(caller.invoke) is task:
            del self._tasks[caller.invoke]
        error = None if task.cancelled() else task.exception()
        if task.cancelled():
            self._log.warning("storage commitment was not reported: the server has stopped")
        elif error is not None:
            self._log.error("storage commitment failed", error=type(error).__name__, at=place(error))

    async def _fulfil(
        self, operation: NormalizedOperation, uid: str, instances: list[Instance], before: "asyncio.Task[None] | None"
    ) -> None:
        """Look, and report; on one association in the order of the requests."""
        caller = operation.caller
        if uid in self._under_way:
            duplicate = (FailedInstance(*each, DUPLICATE_TRANSACTION_UID) for each in instances)
            result = CommitmentResult(uid, (), tuple(duplicate), self._retrieve_ae_title)
            await self._report(operation, result, before)
            return
        self._under_way.add(uid)
        try:
            result = await caller.work(self._look, uid, instances)
            await self._report(operation, result, before)
        finally:
            self._under_way.discard(uid)

    def _look(self, uid: str, instances: list[Instance]) -> CommitmentResult:
        """Check every instance; in a thread."""
        committed, failed = [], []
        for instance in instances:
            reason = self._reason(instance)
            if reason:
                failed.append(FailedInstance(*instance, reason))
            else:
                committed.append(instance)
        return CommitmentResult(uid, tuple(committed), tuple(failed), self._retrieve_ae_title)

    def _reason(self, instance: Instance) -> int:
        """Why an instance is not safe; 0 if it is."""
        try:
            found = self._check(*instance)
        except Exception as error:  # noqa: BLE001  # the application's check: nothing is safe that it cannot find
            self._log.error("storage commitment check failed", error=type(error).__name__, at=place(error))
            return PROCESSING_FAILURE
        if found is True:
            return 0
        return NO_SUCH_SOP_INSTANCE if found is False else int(found)

    # ---- the report ----

    async def _report(
        self, operation: NormalizedOperation, result: CommitmentResult, before: "asyncio.Task[None] | None"
    ) -> None:
        """Report until somebody has answered."""
        caller = operation.caller
        if before is not None:
            await asyncio.wait([before])
        answer, where = None, "same"
        if self._same_association:
            answer = await self._on_same(caller, operation.context, result)
        if answer is None:
            answer, where = await self._on_new(caller, result), "new"
        fields = {
            "peer": caller.agreement.calling_ae_title,
            "transaction": result.transaction_uid,
            "committed": len(result.committed),
            "failed": len(result.failed),
        }
        if answer is None:
            self._log.error("storage commitment not reported", **fields)
        else:
            level = self._log.info if answer.category in ("success", "warning") else self._log.warning
            level("storage commitment reported", association=where, status=f"0x{answer:04X}", **fields)

    async def _on_same(self, caller: Caller, context: AcceptedContext, result: CommitmentResult) -> Status | None:
        """The answer on the association of the request; None if that does not stand any more."""
        from ..identifiers import encode

        event_type_id, information = report_information(result)
        request = messages.N_EVENT_REPORT_RQ(
            message_id=0,
            affected_sop_class_uid=STORAGE_COMMITMENT,
            affected_sop_instance_uid=STORAGE_COMMITMENT_INSTANCE,
            event_type_id=event_type_id,
        )
        try:
            response = await caller.invoke(context, request, encode(information, context.transfer_syntax))
        except ProtocolError:  # it ended, or is about to
            return None
        return response.message.status

    async def _on_new(self, caller: Caller, result: CommitmentResult) -> Status | None:
        """The answer on an association of our own; None if nobody could be asked."""
        title = caller.agreement.calling_ae_title
        entity = self._entity(title)
        if entity is None:
            self._log.warning("storage commitment: entity not known", title=title)
            return None
        for seconds in (0.0, *self._retries):
            await asyncio.sleep(seconds)
            answer = await self._attempt(caller.ae_title, entity, result)
            if answer is not None:
                return answer
        return None

    async def _attempt(self, ae_title: str, entity: Entity, result: CommitmentResult) -> Status | None:
        from .. import aio

        event_type_id, information = report_information(result)
        answer = None
        try:
            scu = aio.SCU(ae_title, **self._settings)
            role = RoleSelection(STORAGE_COMMITMENT, False, True)
            async with await scu.associate(entity, [STORAGE_COMMITMENT], roles=[role]) as association:
                context = association.agreement.context_for(STORAGE_COMMITMENT)
                if context is not None and not context.scp:
                    self._log.warning("storage commitment: role of SCP not accepted", entity=str(entity))
                    return None
                reported = await association.n_event_report(
                    STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE, event_type_id, information
                )
                answer = reported.status
        except ProtocolError as error:  # after the answer, only the release can have failed
            if answer is None:
                self._log.warning("storage commitment: entity not reached", entity=str(entity), error=str(error))
        return answer
