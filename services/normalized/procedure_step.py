"""Modality Performed Procedure Step (PS3.4 F.7 to F.9): what a modality tells of the step it performs, both roles.

    association.n_create(PROCEDURE_STEP, uid, in_progress(attributes))
    association.n_set(PROCEDURE_STEP, uid, completed(attributes))          # or discontinued(...)

The SCP is `ProcedureSteps`. It keeps the steps in a `StepStore`, holds the rules on their states, and tells of every
change. What is COMPLETED or DISCONTINUED never changes again. Others are told of changes by N-EVENT-REPORT (F.9), on an
association with the role of SCP for the Notification SOP Class, and hear of them by `StepNotifications`:

    association.n_event_report(PROCEDURE_STEP_NOTIFICATION, uid, EVENT_TYPES[COMPLETED])
"""

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from ...dimse.status import (
    DUPLICATE_SOP_INSTANCE,
    INVALID_ATTRIBUTE_VALUE,
    MISSING_ATTRIBUTE,
    MISSING_ATTRIBUTE_VALUE,
    NO_SUCH_ATTRIBUTE,
    NO_SUCH_EVENT_TYPE,
    NO_SUCH_SOP_INSTANCE,
    PROCESSING_FAILURE,
    RESOURCE_LIMITATION,
    SUCCESS,
    UNRECOGNIZED_OPERATION,
    Status,
)
from .normalized import Normalized, NormalizedOperation, ServiceFailure
from .procedure_step_table import NOT_TO_BE_SET, Use, lacking

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

PROCEDURE_STEP = "1.2.840.10008.3.1.2.3.3"
"""Modality Performed Procedure Step SOP Class: N-CREATE and N-SET."""
PROCEDURE_STEP_RETRIEVE = "1.2.840.10008.3.1.2.3.4"
"""Modality Performed Procedure Step Retrieve SOP Class: N-GET, of the same instances (F.8)."""
PROCEDURE_STEP_NOTIFICATION = "1.2.840.10008.3.1.2.3.5"
"""Modality Performed Procedure Step Notification SOP Class: N-EVENT-REPORT, on the same instances (F.9)."""
IN_PROGRESS = "IN PROGRESS"
COMPLETED = "COMPLETED"
DISCONTINUED = "DISCONTINUED"
"""IN_PROGRESS, COMPLETED, DISCONTINUED: the values of Performed Procedure Step Status (PS3.3 C.4.14)."""
EVENT_TYPES = {IN_PROGRESS: 1, COMPLETED: 2, DISCONTINUED: 3}
"""Event Type ID of the notification that a step has come into a state (Table F.9.2-1)."""
UPDATED = 4
"""Event Type ID: a step has changed, but not its state."""
DELETED = 5
"""Event Type ID: a step is not kept any more."""
SPECIFIC_CHARACTER_SET = 0x00080005
STATUS = 0x00400252
"""Performed Procedure Step Status."""
NOT_ALL_SUPPORTED = Status(0x0001)
"""Warning of N-GET: requested optional attributes are not supported (Table F.8.2-2)."""
MAY_NO_LONGER_BE_UPDATED = 0xA710
"""Error ID of an N-SET on a step that is over (Table F.7.2-2)."""

LIMIT = 10_000
"""Steps in progress that a `MemoryStore` takes: peers cannot make it grow for ever."""


def in_progress(attributes: "Dataset") -> "Dataset":
    """What to create a step with: the attributes, and that it is in progress (PS3.4 F.7.2.1.2)."""
    return _with_status(attributes, IN_PROGRESS)


def completed(modifications: "Dataset") -> "Dataset":
    """What to end a step with (PS3.4 F.7.2.2.2)."""
    return _with_status(modifications, COMPLETED)


def discontinued(modifications: "Dataset") -> "Dataset":
    """What to end a step with that was not finished."""
    return _with_status(modifications, DISCONTINUED)


def _with_status(attributes: "Dataset", status: str) -> "Dataset":
    from pydicom.dataset import Dataset

    changed = Dataset()
    changed.update(attributes)
    changed.PerformedProcedureStepStatus = status
    return changed


class StepStore(Protocol):
    """Where steps are kept. Called by one thread at a time."""

    def get(self, sop_instance_uid: str) -> "Dataset | None":
        """A step as it is now; None if there is none."""

    def put(self, sop_instance_uid: str, step: "Dataset") -> None:
        """Keep a step, or what became of it; an exception refuses the change."""


class MemoryStore:
    """Keeps steps as long as the process lives; of those that are over, the last `LIMIT`."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self.steps: dict[str, Dataset] = {}
        """Every step by SOP Instance UID, those that changed last at the end."""

    def get(self, sop_instance_uid: str) -> "Dataset | None":
        """See `StepStore`."""
        return self.steps.get(sop_instance_uid)

    def put(self, sop_instance_uid: str, step: "Dataset") -> None:
        """See `StepStore`."""
        if sop_instance_uid not in self.steps and len(self.steps) >= self._limit:
            over = (uid for uid, each in self.steps.items() if each.PerformedProcedureStepStatus != IN_PROGRESS)
            oldest = next(over, None)
            if oldest is None:
                raise ServiceFailure(RESOURCE_LIMITATION, "too many steps in progress")
            del self.steps[oldest]
        self.steps.pop(sop_instance_uid, None)
        self.steps[sop_instance_uid] = step


class ProcedureSteps(Normalized):
    """The SCP.

    Args:
        store: where steps are kept; by default in memory.
        on_change: called with (SOP Instance UID, the step as it is now) after every change, before the response.
        strict: hold the SCU to Table F.7.2-1: a step is created with what it requires, only what was created and may be
            set is set (F.7.2.2.2), and it ends with what the final state requires. Without it only the rules on states
            hold: many a modality sends less.
    """

    proposes = (PROCEDURE_STEP,)

    def __init__(
        self,
        store: StepStore | None = None,
        *,
        on_change: "Callable[[str, Dataset], None] | None" = None,
        strict: bool = False,
    ) -> None:
        classes = {PROCEDURE_STEP: (PROCEDURE_STEP,), PROCEDURE_STEP_RETRIEVE: (PROCEDURE_STEP_RETRIEVE,)}
        super().__init__(classes, on_create=self._create, on_set=self._set, on_get=self._get)
        self.store: StepStore = store or MemoryStore()
        """The steps."""
        self._on_change = on_change
        self._strict = strict
        self._lock = threading.Lock()  # requests of several associations are performed by several threads

    def _create(self, operation: NormalizedOperation) -> None:
        """N-CREATE (F.7.2.1.3): a step begins in progress."""
        self._check_class(operation, PROCEDURE_STEP)
        attributes = _given(operation)
        status = attributes.get("PerformedProcedureStepStatus")
        if status != IN_PROGRESS:
            raise _wrong_status("a step is created IN PROGRESS", missing=not status)
        if self._strict:
            _check_complete(attributes, "create")
        with self._lock:
            if self.store.get(operation.sop_instance_uid) is not None:
                raise ServiceFailure(DUPLICATE_SOP_INSTANCE)
            self._keep(operation.sop_instance_uid, attributes)

    def _set(self, operation: NormalizedOperation) -> None:
        """N-SET (F.7.2.2.3): only while the step is in progress."""
        self._check_class(operation, PROCEDURE_STEP)
        modifications = _given(operation)
        status = modifications.get("PerformedProcedureStepStatus", IN_PROGRESS)
        if status not in (IN_PROGRESS, COMPLETED, DISCONTINUED):
            raise _wrong_status("not a status of a step", missing=not status)
        with self._lock:
            step = self._known(operation.sop_instance_uid)
            if step.get("PerformedProcedureStepStatus") != IN_PROGRESS:
                comment = "Performed Procedure Step Object may no longer be updated"
                raise ServiceFailure(PROCESSING_FAILURE, comment, error_id=MAY_NO_LONGER_BE_UPDATED)
            updated = _updated(step, modifications)
            if self._strict:
                _check_settable(step, modifications)
                if status != IN_PROGRESS:
                    _check_complete(updated, "final")
            self._keep(operation.sop_instance_uid, updated)

    def _get(self, operation: NormalizedOperation) -> "tuple[int, Dataset]":
        """N-GET (F.8.2.1), of the Retrieve SOP Class; a warning where the step has not all that was asked for."""
        self._check_class(operation, PROCEDURE_STEP_RETRIEVE)
        from pydicom.dataset import Dataset

        with self._lock:
            step = self._known(operation.sop_instance_uid)
        if not operation.attributes:
            return SUCCESS, step
        asked = Dataset()
        for tag in operation.attributes:
            if tag in step:
                asked.add(step[tag])
        return SUCCESS if len(asked) == len(set(operation.attributes)) else NOT_ALL_SUPPORTED, asked

    def _check_class(self, operation: NormalizedOperation, wanted: str) -> None:
        """Each of the two SOP classes has its own operations."""
        if operation.sop_class_uid != wanted:
            raise ServiceFailure(UNRECOGNIZED_OPERATION)

    def _known(self, sop_instance_uid: str) -> "Dataset":
        step = self.store.get(sop_instance_uid)
        if step is None:
            raise ServiceFailure(NO_SUCH_SOP_INSTANCE)
        return step

    def _keep(self, sop_instance_uid: str, step: "Dataset") -> None:
        self.store.put(sop_instance_uid, step)
        if self._on_change is not None:
            self._on_change(sop_instance_uid, step)


class StepNotifications(Normalized):
    """Hears what became of steps, for who is SCU of the Notification SOP Class (F.9.2.1).

    Args:
        on_notification: called with (SOP Instance UID, Event Type ID).
    """

    proposes = (PROCEDURE_STEP_NOTIFICATION,)

    def __init__(self, on_notification: Callable[[str, int], None]) -> None:
        super().__init__((PROCEDURE_STEP_NOTIFICATION,), on_event_report=self._hear)
        self._on_notification = on_notification

    def _hear(self, operation: NormalizedOperation) -> None:
        if operation.type_id not in (*EVENT_TYPES.values(), UPDATED, DELETED):
            raise ServiceFailure(NO_SUCH_EVENT_TYPE)
        self._on_notification(operation.sop_instance_uid, operation.type_id)


def _given(operation: NormalizedOperation) -> "Dataset":
    if operation.dataset is None:
        raise ServiceFailure(MISSING_ATTRIBUTE, "no data set", attributes=[STATUS])
    return operation.dataset


def _wrong_status(comment: str, *, missing: bool) -> ServiceFailure:
    status = MISSING_ATTRIBUTE_VALUE if missing else INVALID_ATTRIBUTE_VALUE
    return ServiceFailure(status, comment, offending=[STATUS], attributes=[STATUS])


def _check_complete(attributes: "Dataset", use: Use) -> None:
    """Whether everything is there that must be."""
    missing, empty = lacking(attributes, use)
    if missing:
        raise _refused(MISSING_ATTRIBUTE, missing)
    if empty:
        raise _refused(MISSING_ATTRIBUTE_VALUE, empty)


def _check_settable(step: "Dataset", modifications: "Dataset") -> None:
    """Whether all of this may be set, and was created before (F.7.2.2.2)."""
    fixed = [each.keyword for each in modifications if each.keyword in NOT_TO_BE_SET]
    if fixed:
        raise _refused(INVALID_ATTRIBUTE_VALUE, fixed, "may not be set")
    unknown = [each.tag for each in modifications if each.tag not in step and each.tag != SPECIFIC_CHARACTER_SET]
    if unknown:
        raise _refused(NO_SUCH_ATTRIBUTE, unknown, "was not created")


def _refused(status: Status, attributes: Iterable[int | str], comment: str = "") -> ServiceFailure:
    from pydicom.tag import Tag

    tags = [int(Tag(each)) for each in attributes]
    return ServiceFailure(status, comment, offending=tags, attributes=tags)


def _updated(step: "Dataset", modifications: "Dataset") -> "Dataset":
    """A new data set: who was told of the old one keeps it as it was.

    Text was decoded by the character set it came with; two of them meet in Unicode (F.7.2.2.3).
    """
    from pydicom.dataset import Dataset

    updated = Dataset()
    updated.update(step)
    updated.update(modifications)
    if len({str(each.get("SpecificCharacterSet", "")) for each in (step, modifications)}) == 2:
        updated.SpecificCharacterSet = "ISO_IR 192"
    return updated
