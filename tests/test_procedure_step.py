"""Modality Performed Procedure Step: both roles, the states of PS3.4 F.7.2, and what the provider refuses."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from dulcet.dul.items import RoleSelection
from dulcet.services.normalized.normalized import ServiceFailure
from dulcet.services.normalized.procedure_step import (
    EVENT_TYPES,
    MemoryStore,
    ProcedureSteps,
    StepNotifications,
    completed,
    discontinued,
    in_progress,
)
from dulcet.services.scu import LiveAssociation
from pydicom.dataset import Dataset

from dulcet import SCP, SCU, aio

MPPS = "1.2.840.10008.3.1.2.3.3"
MPPS_RETRIEVE = "1.2.840.10008.3.1.2.3.4"
MPPS_NOTIFICATION = "1.2.840.10008.3.1.2.3.5"
STATUS = 0x00400252
MODALITY = 0x00080060
STEP_ID = 0x00400253
PATIENT_NAME = 0x00100010


def data(**elements: Any) -> Dataset:
    dataset = Dataset()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset


def begun(**elements: Any) -> Dataset:
    """What a modality creates a step with."""
    scheduled = data(StudyInstanceUID="1.2.3")
    return data(
        ScheduledStepAttributesSequence=[scheduled],
        PatientName="Doe^Jane",
        PatientID="1",
        PerformedProcedureStepID="STEP1",
        PerformedStationAETitle="CT1",
        PerformedProcedureStepStartDate="20240102",
        PerformedProcedureStepStartTime="030405",
        Modality="CT",
        **elements,
    )


ENDED = data(PerformedProcedureStepEndDate="20240102", PerformedProcedureStepEndTime="040506")


class Steps:
    """An SCP, an association with it, and what it told of."""

    def __init__(self, association: LiveAssociation, changes: list[tuple[str, Dataset]], store: MemoryStore) -> None:
        self.association, self.changes, self.store = association, changes, store

    def create(self, uid: str | None = "1.2.3.4", attributes: Dataset | None = None) -> Any:
        return self.association.n_create(MPPS, uid, in_progress(begun()) if attributes is None else attributes)

    def set(self, modifications: Dataset, uid: str = "1.2.3.4") -> Any:
        return self.association.n_set(MPPS, uid, modifications)

    @property
    def states(self) -> list[str]:
        return [step.PerformedProcedureStepStatus for _, step in self.changes]


Start = Callable[..., Steps]


@pytest.fixture
def start() -> Iterator[Start]:
    from contextlib import ExitStack

    with ExitStack() as stack:

        def started(limit: int = 10, **options: Any) -> Steps:
            changes: list[tuple[str, Dataset]] = []
            store = MemoryStore(limit)
            service = ProcedureSteps(store, on_change=lambda *change: changes.append(change), **options)
            running = stack.enter_context(SCP("RIS", [service]).running())
            association = SCU("CT1").associate(running.entity, [ProcedureSteps, MPPS_RETRIEVE])
            return Steps(stack.enter_context(association), changes, store)

        yield started


def test_from_the_beginning_to_the_end(start: Start) -> None:
    steps = start()
    assert steps.create().status == 0x0000
    assert steps.set(data(PerformedProcedureStepDescription="Head")).status == 0x0000
    assert steps.set(completed(ENDED)).status == 0x0000
    assert steps.states == ["IN PROGRESS", "IN PROGRESS", "COMPLETED"]
    uid, last = steps.changes[-1]
    assert uid == "1.2.3.4"
    assert (last.PatientName, last.PerformedProcedureStepDescription) == ("Doe^Jane", "Head")
    assert last.PerformedProcedureStepEndTime == "040506"
    assert "PerformedProcedureStepDescription" not in steps.changes[0][1]


def test_on_asyncio() -> None:
    service = ProcedureSteps()

    async def perform(entity: Any) -> list[int]:
        async with await aio.SCU("CT1").associate(entity, [ProcedureSteps]) as association:
            return [
                (await association.n_create(MPPS, "1.2.3.4", in_progress(begun()))).status,
                (await association.n_set(MPPS, "1.2.3.4", discontinued(ENDED))).status,
            ]

    with SCP("RIS", [service]).running() as running:
        assert asyncio.run(perform(running.entity)) == [0, 0]
    step = service.store.get("1.2.3.4")
    assert step is not None
    assert step.PerformedProcedureStepStatus == "DISCONTINUED"


def test_what_the_helpers_leave_alone() -> None:
    given = data(Modality="CT")
    assert in_progress(given)[STATUS].value == "IN PROGRESS"
    assert given == data(Modality="CT")


@pytest.mark.parametrize("end", [completed, discontinued])
def test_what_is_over_never_changes(start: Start, end: Any) -> None:
    steps = start()
    steps.create()
    steps.set(end(ENDED))
    answer = steps.set(in_progress(data()))
    assert (answer.status, answer.error_id) == (0x0110, 0xA710)
    assert answer.error_comment == "Performed Procedure Step Object may no longer be updated"
    assert len(steps.changes) == 2


def test_twice_and_never_created(start: Start) -> None:
    steps = start()
    steps.create()
    assert steps.create().status == 0x0111
    assert steps.set(completed(ENDED), "1.2.3.5").status == 0x0112
    created = steps.create(None)
    assert created.status == 0x0000
    assert steps.set(completed(ENDED), created.sop_instance_uid).status == 0x0000


@pytest.mark.parametrize(
    ("status", "expected"), [("COMPLETED", 0x0106), ("IN  PROGRESS", 0x0106), ("", 0x0121), (None, 0x0121)]
)
def test_a_step_is_created_in_progress(start: Start, status: str | None, expected: int) -> None:
    steps = start()
    answer = steps.create(attributes=begun() if status is None else begun(PerformedProcedureStepStatus=status))
    assert (answer.status, answer.offending_elements, answer.attributes) == (expected, (STATUS,), (STATUS,))
    assert steps.changes == []


def test_a_status_that_is_none(start: Start) -> None:
    steps = start()
    steps.create()
    assert steps.set(data(PerformedProcedureStepStatus="DONE")).status == 0x0106
    assert steps.set(data(PerformedProcedureStepStatus="")).status == 0x0121
    assert steps.association.n_create(MPPS, "1.2.3.6").status == 0x0120


def whole(**elements: Any) -> Dataset:
    """What Table F.7.2-1 requires of N-CREATE, its types 1 and 2, transcribed by hand."""
    scheduled = dict.fromkeys(
        (
            *("AccessionNumber", "RequestedProcedureID", "RequestedProcedureDescription"),
            *("ScheduledProcedureStepID", "ScheduledProcedureStepDescription"),
        ),
        "",
    )
    empty = dict.fromkeys(
        (
            *("PatientBirthDate", "PatientSex", "PerformedStationName", "PerformedLocation", "StudyID"),
            *("PerformedProcedureStepDescription", "PerformedProcedureTypeDescription"),
            *("PerformedProcedureStepEndDate", "PerformedProcedureStepEndTime"),
        ),
        "",
    )
    none: dict[str, list[Dataset]] = {
        "ReferencedPatientSequence": [],
        "ProcedureCodeSequence": [],
        "PerformedProtocolCodeSequence": [],
        "PerformedSeriesSequence": [],
    }
    step = begun(**empty, **none, **elements)
    item = step.ScheduledStepAttributesSequence[0]
    item.update(data(**scheduled, ReferencedStudySequence=[], ScheduledProtocolCodeSequence=[]))
    return in_progress(step)


def a_series(**elements: Any) -> Dataset:
    """An item of Performed Series Sequence with what the final state requires."""
    series = data(
        **dict.fromkeys(("PerformingPhysicianName", "OperatorsName", "SeriesDescription", "RetrieveAETitle"), ""),
        ProtocolName="HEAD",
        SeriesInstanceUID="1.2.3.9",
        ReferencedImageSequence=[],
        ReferencedNonImageCompositeSOPInstanceSequence=[],
    )
    series.update(data(**elements))
    return series


def with_(attributes: Dataset, more: Dataset) -> Dataset:
    both = Dataset()
    both.update(attributes)
    both.update(more)
    return both


def lacking(attributes: Dataset, *keywords: str) -> Dataset:
    for keyword in keywords:
        del attributes[keyword]
    return attributes


IN_ITEM = whole()
del IN_ITEM.ScheduledStepAttributesSequence[0].AccessionNumber


@pytest.mark.parametrize(
    ("attributes", "status", "tags"),
    [
        (whole(), 0x0000, ()),
        (whole(CommentsOnThePerformedProcedureStep="type 3"), 0x0000, ()),
        (lacking(whole(), "Modality"), 0x0120, (MODALITY,)),
        (lacking(whole(), "PatientSex", "StudyID"), 0x0120, (0x00100040, 0x00200010)),
        (IN_ITEM, 0x0120, (0x00080050,)),
        (with_(whole(), data(PerformedProcedureStepID="")), 0x0121, (STEP_ID,)),
        (with_(whole(), data(ScheduledStepAttributesSequence=[])), 0x0121, (0x00400270,)),
        (with_(whole(), data(PerformedSeriesSequence=[a_series(ProtocolName="")])), 0x0121, (0x00181030,)),
        (with_(whole(), data(PerformedSeriesSequence=[a_series(), a_series(ProtocolName="")])), 0x0121, (0x00181030,)),
        (in_progress(begun()), 0x0120, ...),
    ],
)
def test_strictly_created(start: Start, attributes: Dataset, status: int, tags: Any) -> None:
    answer = start(strict=True).create("1.2.3.5", attributes)
    assert answer.status == status
    assert tags is ... or answer.attributes == tags


SERIES = data(PerformedSeriesSequence=[a_series()])
OF_NOBODY = data(PerformedSeriesSequence=[lacking(a_series(), "OperatorsName")])


@pytest.mark.parametrize(
    ("modifications", "status", "tags"),
    [
        (data(PerformedProcedureStepDescription="HEAD"), 0x0000, ()),
        (data(PatientName="Doe^John"), 0x0106, (PATIENT_NAME,)),
        (data(PatientName="Doe^Jane"), 0x0106, (PATIENT_NAME,)),
        (data(AdmissionID="1", Modality="CT"), 0x0106, (MODALITY, 0x00380010)),
        (data(CommentsOnThePerformedProcedureStep="x"), 0x0105, (0x00400280,)),
        (data(SpecificCharacterSet="ISO_IR 192", PerformedProcedureStepDescription="Kopf"), 0x0000, ()),
        (completed(ENDED), 0x0121, (0x00400340,)),
        (completed(SERIES), 0x0121, (0x00400250, 0x00400251)),
        (
            discontinued(with_(data(PerformedSeriesSequence=[lacking(a_series(), "OperatorsName")]), ENDED)),
            0x0120,
            (0x00081070,),
        ),
        (discontinued(with_(SERIES, ENDED)), 0x0000, ()),
        (completed(with_(SERIES, ENDED)), 0x0000, ()),
    ],
)
def test_strictly_set(start: Start, modifications: Dataset, status: int, tags: tuple[int, ...]) -> None:
    steps = start(strict=True)
    assert steps.create("1.2.3.4", whole()).status == 0x0000
    answer = steps.set(modifications)
    assert (answer.status, answer.attributes) == (status, tags)


def test_the_final_state_may_be_reached_by_and_by(start: Start) -> None:
    """F.7.2.2.2: before or when the step ends."""
    steps = start(strict=True)
    steps.create("1.2.3.4", whole())
    assert [steps.set(each).status for each in (SERIES, ENDED, completed(Dataset()))] == [0x0000] * 3
    assert steps.states == ["IN PROGRESS"] * 3 + ["COMPLETED"]


def test_retrieving(start: Start) -> None:
    steps = start()
    steps.create()
    whole = steps.association.n_get(MPPS_RETRIEVE, "1.2.3.4")
    assert (whole.status, whole.dataset) == (0x0000, in_progress(begun()))
    some = steps.association.n_get(MPPS_RETRIEVE, "1.2.3.4", ["Modality", "StudyID"])
    assert (some.status, some.dataset) == (0x0001, data(Modality="CT")), "it has no Study ID (F.8.2.1.4)"
    some = steps.association.n_get(MPPS_RETRIEVE, "1.2.3.4", ["Modality"])
    assert (some.status, some.dataset) == (0x0000, data(Modality="CT"))
    assert steps.association.n_get(MPPS_RETRIEVE, "1.2.3.5").status == 0x0112


def test_who_is_told(start: Start) -> None:
    """F.9: of a change of state, on an association of the one who tells, who is SCP of the class there."""
    heard: list[tuple[str, int]] = []
    hearer = StepNotifications(lambda uid, event: heard.append((uid, event)))
    role = RoleSelection(MPPS_NOTIFICATION, scu=False, scp=True)
    with (
        SCP("PACS", [hearer]).running() as pacs,
        SCU("RIS").associate(pacs.entity, [StepNotifications], roles=[role]) as association,
    ):
        assert association.agreement.context_for(MPPS_NOTIFICATION).scp  # type: ignore[union-attr]  # it was accepted
        statuses = [association.n_event_report(MPPS_NOTIFICATION, "1.2.3.4", event).status for event in range(7)]
        assert association.n_get(MPPS_NOTIFICATION, "1.2.3.4").status == 0x0211
    assert statuses == [0x0113, *[0x0000] * 5, 0x0113]
    assert heard == [("1.2.3.4", event) for event in (1, 2, 3, 4, 5)]
    assert (EVENT_TYPES["IN PROGRESS"], EVENT_TYPES["COMPLETED"], EVENT_TYPES["DISCONTINUED"]) == (1, 2, 3)


def test_each_class_has_its_own_operations(start: Start) -> None:
    steps = start()
    steps.create()
    assert steps.association.n_get(MPPS, "1.2.3.4").status == 0x0211
    assert steps.association.n_set(MPPS_RETRIEVE, "1.2.3.4", ENDED).status == 0x0211
    assert steps.association.n_create(MPPS_RETRIEVE, "1.2.3.5", begun()).status == 0x0211
    assert steps.association.n_delete(MPPS, "1.2.3.4").status == 0x0211


def test_character_sets_meet_in_unicode(start: Start) -> None:
    steps = start()
    latin = in_progress(begun(SpecificCharacterSet="ISO_IR 100"))
    latin.PatientName = "Müller^Jürgen"
    steps.create(attributes=latin)
    steps.set(data(SpecificCharacterSet="ISO_IR 144", PerformedProcedureStepDescription="Голова"))
    step = steps.association.n_get(MPPS_RETRIEVE, "1.2.3.4").dataset
    assert (step.SpecificCharacterSet, step.PatientName) == ("ISO_IR 192", "Müller^Jürgen")
    assert step.PerformedProcedureStepDescription == "Голова"


def test_a_memory_that_is_full(start: Start) -> None:
    steps = start(limit=2)
    assert [steps.create(f"1.2.{number}").status for number in range(3)] == [0x0000, 0x0000, 0x0213]
    steps.set(completed(ENDED), "1.2.0")
    assert steps.create("1.2.2").status == 0x0000
    assert list(steps.store.steps) == ["1.2.1", "1.2.2"]


def test_a_store_that_refuses(start: Start) -> None:
    class Refusing(MemoryStore):
        def put(self, sop_instance_uid: str, step: Dataset) -> None:
            raise ServiceFailure(0x0124, "not today")

    with (
        SCP("RIS", [ProcedureSteps(Refusing())]).running() as running,
        SCU("CT1").associate(running.entity, [MPPS]) as association,
    ):
        answer = association.n_create(MPPS, "1.2.3.4", in_progress(begun()))
    assert (answer.status, answer.error_comment) == (0x0124, "not today")
