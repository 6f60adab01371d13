"""Modality Performed Procedure Step (PS3.4 F.7, F.8): what a modality tells of the step it performs, both roles.

    association.n_create(PROCEDURE_STEP, uid, in_progress(attributes))
    association.n_set(PROCEDURE_STEP, uid, completed(attributes))          # or discontinued(...)

The SCP is `ProcedureSteps`. It keeps the steps in a `StepStore`, holds the rules on their states, and tells of every
change. What is COMPLETED or DISCONTINUED never changes again.
"""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from ...dimse.status import (
    DUPLICATE_SOP_INSTANCE,
    INVALID_ATTRIBUTE_VALUE,
    MISSING_ATTRIBUTE,
    MISSING_ATTRIBUTE_VALUE,
    NO_SUCH_SOP_INSTANCE,
    PROCESSING_FAILURE,
    RESOURCE_LIMITATION,
    UNRECOGNIZED_OPERATION,
)
from .normalized import Normalized, NormalizedOperation, ServiceFailure

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

PROCEDURE_STEP = "1.2.840.10008.3.1.2.3.3"
"""Modality Performed Procedure Step SOP Class: N-CREATE and N-SET."""
PROCEDURE_STEP_RETRIEVE = "1.2.840.10008.3.1.2.3.4"
"""Modality Performed Procedure Step Retrieve SOP Class: N-GET, of the same instances."""
IN_PROGRESS = "IN PROGRESS"
COMPLETED = "COMPLETED"
DISCONTINUED = "DISCONTINUED"
"""IN_PROGRESS, COMPLETED, DISCONTINUED: the values of Performed Procedure Step Status (PS3.3 C.4.14)."""
STATUS = 0x00400252
"""Performed Procedure Step Status."""
MAY_NO_LONGER_BE_UPDATED = 0xA710
"""Error ID of an N-SET on a step that is over (Table F.7.2-2)."""

REQUIRED_AT_CREATION = (
    ("ScheduledStepAttributesSequence", 0x00400270),
    ("PerformedProcedureStepID", 0x00400253),
    ("PerformedStationAETitle", 0x00400241),
    ("PerformedProcedureStepStartDate", 0x00400244),
    ("PerformedProcedureStepStartTime", 0x00400245),
    ("PerformedProcedureStepStatus", STATUS),
    ("Modality", 0x00080060),
)
"""Type 1 of the SCU's N-CREATE (Table F.7.2-1)."""
FIXED = frozenset(
    {
        *(0x00400270, 0x00100010, 0x00100020, 0x00100030, 0x00100040, 0x00400253, 0x00400241),
        *(0x00400242, 0x00400243, 0x00400244, 0x00400245, 0x00080060, 0x00200010),
    }
)
"""What N-SET may not change: scheduled step, patient, step ID, station, beginning, modality, Study ID (the same)."""
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
        strict: refuse a creation without what Table F.7.2-1 requires of the SCU, and a change of what it fixes. Without
            it only the rules on states hold: many a modality sends less.
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
            _check_required(attributes)
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
            if self._strict:
                _check_fixed(step, modifications)
            self._keep(operation.sop_instance_uid, _updated(step, modifications))

    def _get(self, operation: NormalizedOperation) -> "Dataset":
        """N-GET (F.8.2.1), of the Retrieve SOP Class."""
        self._check_class(operation, PROCEDURE_STEP_RETRIEVE)
        from pydicom.dataset import Dataset

        with self._lock:
            step = self._known(operation.sop_instance_uid)
        if not operation.attributes:
            return step
        asked = Dataset()
        for tag in operation.attributes:
            if tag in step:
                asked.add(step[tag])
        return asked

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


def _given(operation: NormalizedOperation) -> "Dataset":
    if operation.dataset is None:
        raise ServiceFailure(MISSING_ATTRIBUTE, "no data set", attributes=[STATUS])
    return operation.dataset


def _wrong_status(comment: str, *, missing: bool) -> ServiceFailure:
    status = MISSING_ATTRIBUTE_VALUE if missing else INVALID_ATTRIBUTE_VALUE
    return ServiceFailure(status, comment, offending=[STATUS], attributes=[STATUS])


def _check_required(attributes: "Dataset") -> None:
    absent = [tag for keyword, tag in REQUIRED_AT_CREATION if keyword not in attributes]
    if absent:
        raise ServiceFailure(MISSING_ATTRIBUTE, offending=absent, attributes=absent)
    empty = [tag for keyword, tag in REQUIRED_AT_CREATION if not attributes[keyword].value]
    if empty:
        raise ServiceFailure(MISSING_ATTRIBUTE_VALUE, offending=empty, attributes=empty)


def _check_fixed(step: "Dataset", modifications: "Dataset") -> None:
    """What is fixed may be said again, but not otherwise."""
    changed = [int(each.tag) for each in modifications if each.tag in FIXED and step.get(each.tag) != each]
    if changed:
        raise ServiceFailure(INVALID_ATTRIBUTE_VALUE, "may not be changed", offending=changed, attributes=changed)


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
