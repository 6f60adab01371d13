"""Storage Commitment, push model (PS3.4 Annex J): ask a peer to keep instances safe, and hear what became of that.

    reports = CommitmentReports()
    result = scu.commit(pacs, [(sop_class_uid, sop_instance_uid), ...], reports=reports, seconds=600)
    result.failed                               # each with its Failure Reason

The answer to the N-ACTION says only that the peer looks into it. What it found comes as an N-EVENT-REPORT, on the same
association or on one that the peer requests later (J.3.3.1). `CommitmentReports` hears both: as one of the services of
the association, and of an SCP of ours. The provider is in `commitment_scp`.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import TYPE_CHECKING

from ...dimse.status import MISSING_ATTRIBUTE, NO_SUCH_ARGUMENT, NO_SUCH_EVENT_TYPE, NO_SUCH_SOP_INSTANCE, Status
from ...spec.values import value
from ..entity import Entity
from ..errors import AssociationError
from .normalized import Normalized, NormalizedOperation, NResult, ServiceFailure

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from ..association import Associates
    from ..association_aio import AsyncAssociates

STORAGE_COMMITMENT = "1.2.840.10008.1.20.1"
"""Storage Commitment Push Model SOP Class."""
STORAGE_COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"
"""Its well-known SOP instance (J.3.5)."""
REQUEST_STORAGE_COMMITMENT = 1
"""Action Type ID (Table J.3-1)."""
SUCCESSFUL = 1
FAILURES_EXIST = 2
"""SUCCESSFUL, FAILURES_EXIST: Event Type IDs (Table J.3-2)."""
TRANSACTION_UID = 0x00081195
REFERENCED_SOP_SEQUENCE = 0x00081199
REMEMBERED = 1000
"""Transactions on which a report is no news: a peer that missed our response reports again."""

_TARGET = (STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE, REQUEST_STORAGE_COMMITMENT)

Instance = tuple[str, str]
"""SOP Class UID and SOP Instance UID."""


@value
class FailedInstance:
    """An instance the peer does not commit itself to keep."""

    sop_class_uid: str
    """Referenced SOP Class UID (0008,1150)."""
    sop_instance_uid: str
    """Referenced SOP Instance UID (0008,1155)."""
    reason: int
    """Failure Reason (0008,1197)."""

    def __str__(self) -> str:
        why = Status.describe(self.reason, "storage-commitment") if 0 <= self.reason <= 0xFFFF else "no such reason"
        return f"{self.sop_instance_uid}: 0x{self.reason:04X} ({why})"


@value
class CommitmentResult:
    """What a peer reported on one transaction."""

    transaction_uid: str
    """Transaction UID (0008,1195)."""
    committed: tuple[Instance, ...] = ()
    """What it keeps safe."""
    failed: tuple[FailedInstance, ...] = ()
    """What it does not."""
    retrieve_ae_title: str = ""
    """Retrieve AE Title (0008,0054): whom to ask for them."""

    @property
    def complete(self) -> bool:
        """Whether all is safe."""
        return not self.failed


class CommitmentRefused(AssociationError):
    """The peer does not process the request: its N-ACTION response has a failure status (PS3.4 J.3.2.1.3)."""

    exit_code = "FAILURE"

    def __init__(self, result: NResult) -> None:
        comment = f": {result.error_comment}" if result.error_comment else ""
        super().__init__(f"storage commitment refused: {result.status}{comment}")
        self.result = result
        """The response."""


class CommitmentTimeout(AssociationError):
    """No report came in time. The peer may report later."""

    exit_code = "TIMED_OUT"

    def __init__(self, transaction: "Transaction") -> None:
        super().__init__(f"no report on storage commitment transaction {transaction.uid} in time")
        self.transaction = transaction
        """What was not reported."""


# ---- data sets ----


def request_information(transaction_uid: str, instances: Iterable[Instance]) -> "Dataset":
    """The Action Information of a request (Table J.3-1)."""
    from pydicom.dataset import Dataset

    information = Dataset()
    information.TransactionUID = transaction_uid
    information.ReferencedSOPSequence = [_reference(*instance) for instance in instances]
    return information


def report_information(result: CommitmentResult) -> "tuple[int, Dataset]":
    """Event Type ID and Event Information of a report (Table J.3-2)."""
    information = request_information(result.transaction_uid, result.committed)
    if result.retrieve_ae_title:
        information.RetrieveAETitle = result.retrieve_ae_title
    if not result.committed:
        del information.ReferencedSOPSequence
    if not result.failed:
        return SUCCESSFUL, information
    failed = [_reference(each.sop_class_uid, each.sop_instance_uid) for each in result.failed]
    for item, each in zip(failed, result.failed, strict=True):
        item.FailureReason = each.reason
    information.FailedSOPSequence = failed
    return FAILURES_EXIST, information


def _reference(sop_class_uid: str, sop_instance_uid: str) -> "Dataset":
    from pydicom.dataset import Dataset

    item = Dataset()
    item.ReferencedSOPClassUID = sop_class_uid
    item.ReferencedSOPInstanceUID = sop_instance_uid
    return item


def transaction_of(information: "Dataset | None") -> str:
    """The Transaction UID.

    Raises:
        ServiceFailure: there is none.
    """
    if information is None:
        raise ServiceFailure(NO_SUCH_ARGUMENT, "no data set")
    uid = str(information.get("TransactionUID") or "")
    if not uid:
        raise ServiceFailure(MISSING_ATTRIBUTE, "no Transaction UID", offending=[TRANSACTION_UID])
    return uid


def references(information: "Dataset", keyword: str = "ReferencedSOPSequence") -> "Iterator[tuple[Instance, Dataset]]":
    """The instances a sequence refers to, each with its item."""
    for item in information.get(keyword) or ():
        yield (str(item.get("ReferencedSOPClassUID") or ""), str(item.get("ReferencedSOPInstanceUID") or "")), item


def reported(information: "Dataset | None") -> CommitmentResult:
    """What a report says.

    Raises:
        ServiceFailure: it does not say on which transaction.
    """
    transaction_uid = transaction_of(information)
    assert information is not None  # or there was no transaction
    failed = references(information, "FailedSOPSequence")
    return CommitmentResult(
        transaction_uid,
        tuple(instance for instance, _ in references(information)),
        tuple(FailedInstance(*instance, int(item.get("FailureReason") or 0)) for instance, item in failed),
        str(information.get("RetrieveAETitle") or ""),
    )


# ---- the SCU ----


class Transaction:
    """A request, and what will be reported on it."""

    def __init__(self, uid: str, instances: Sequence[Instance]) -> None:
        self.uid = uid
        """Transaction UID."""
        self.instances = tuple(instances)
        """What is to be kept."""
        self.future: Future[CommitmentResult] = Future()
        """The result; `asyncio.wrap_future` makes it one to await."""

    @property
    def done(self) -> bool:
        """Whether the report has come."""
        return self.future.done()

    @property
    def information(self) -> "Dataset":
        """The Action Information to send."""
        return request_information(self.uid, self.instances)


class CommitmentReports(Normalized):
    """Hears reports on transactions of ours: for associations of an SCU, and for an SCP.

    Args:
        on_report: called with every report on a transaction that nobody began here: one begun before a restart, say.
            Without it such reports are refused.
    """

    def __init__(self, on_report: Callable[[CommitmentResult], None] | None = None) -> None:
        super().__init__((STORAGE_COMMITMENT,), on_event_report=self.report, blocking=on_report is not None)
        self._open: dict[str, Transaction] = {}
        self._forgotten: deque[str] = deque(maxlen=REMEMBERED)
        self._on_report = on_report

    def begin(self, instances: Iterable[Instance], uid: str = "") -> Transaction:
        """A new transaction, to be heard of from now on: before its request is sent, since the report may be quick."""
        if not uid:
            from pydicom.uid import generate_uid

            uid = str(generate_uid(prefix=None))
        transaction = self._open[uid] = Transaction(uid, list(instances))
        return transaction

    def forget(self, transaction: Transaction) -> None:
        """A report on it is not wanted any more; one that comes all the same is taken and dropped."""
        self._open.pop(transaction.uid, None)
        self._forgotten.append(transaction.uid)

    def report(self, operation: NormalizedOperation) -> None:
        """An N-EVENT-REPORT. The same report again is no news, and no failure."""
        if operation.sop_instance_uid != STORAGE_COMMITMENT_INSTANCE:
            raise ServiceFailure(NO_SUCH_SOP_INSTANCE)
        if operation.type_id not in (SUCCESSFUL, FAILURES_EXIST):
            raise ServiceFailure(NO_SUCH_EVENT_TYPE)
        result = reported(operation.dataset)
        transaction = self._open.get(result.transaction_uid)
        if transaction is not None:
            with suppress(InvalidStateError):  # it was reported before
                transaction.future.set_result(result)
        elif self._on_report is not None:
            self._on_report(result)
        elif result.transaction_uid not in self._forgotten:
            raise ServiceFailure(NO_SUCH_ARGUMENT, "no such transaction", offending=[TRANSACTION_UID])


def _accepted(result: NResult) -> None:
    """Raise if the peer does not process the request."""
    if not result.performed:
        raise CommitmentRefused(result)


def _elsewhere(reports: CommitmentReports | None) -> "suppress":
    """Where reports are also heard elsewhere, the end of this association is no end of the wait."""
    return suppress(*([AssociationError] if reports else []))


def _result(transaction: Transaction, ask: Callable[[], CommitmentResult]) -> CommitmentResult:
    try:
        return ask()
    except TimeoutError:
        raise CommitmentTimeout(transaction) from None


def commit(
    scu: "Associates",
    peer: Entity,
    instances: Iterable[Instance],
    reports: CommitmentReports | None,
    seconds: float,
    stay: float,
) -> CommitmentResult:
    """What `SCU.commit` does."""
    hearing = reports or CommitmentReports()
    transaction = hearing.begin(instances)
    try:
        with scu.associate(peer, [STORAGE_COMMITMENT], services=[hearing]) as association:
            _accepted(association.n_action(*_TARGET, transaction.information))
            transaction.future.add_done_callback(lambda _: association.wake())
            with _elsewhere(reports):
                association.wait_for(lambda: transaction.done, stay if reports else seconds)
        return _result(transaction, lambda: transaction.future.result(seconds if reports else 0.0))
    finally:
        hearing.forget(transaction)


async def commit_async(
    scu: "AsyncAssociates",
    peer: Entity,
    instances: Iterable[Instance],
    reports: CommitmentReports | None,
    seconds: float,
    stay: float,
) -> CommitmentResult:
    """What `aio.SCU.commit` does."""
    hearing = reports or CommitmentReports()
    transaction = hearing.begin(instances)
    heard = asyncio.wrap_future(transaction.future)
    try:
        async with await scu.associate(peer, [STORAGE_COMMITMENT], services=[hearing]) as association:
            _accepted(await association.n_action(*_TARGET, transaction.information))
            heard.add_done_callback(lambda _: association.wake())
            with _elsewhere(reports):
                await association.wait_for(lambda: transaction.done, stay if reports else seconds)
        await asyncio.wait([heard], timeout=seconds if reports else 0.0)
        return _result(transaction, lambda: transaction.future.result(0.0))
    finally:
        heard.cancel()
        hearing.forget(transaction)
