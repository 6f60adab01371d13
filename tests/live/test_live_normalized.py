"""The DIMSE-N services, storage commitment and performed procedure steps with pynetdicom and Orthanc, both roles."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dulcet.dul.items import RoleSelection
from dulcet.services.normalized.commitment import CommitmentReports, FailedInstance
from dulcet.services.normalized.commitment_scp import StorageCommitment
from dulcet.services.normalized.normalized import Normalized, NormalizedOperation
from dulcet.services.normalized.procedure_step import ProcedureSteps, completed, in_progress
from live_instances import instance, uid_of
from live_peers import Orthanc, Pynetdicom, until
from pydicom.dataset import Dataset

from dulcet import SCP, SCU, Entity, Timeouts

PRINTER, PRINTER_INSTANCE = "1.2.840.10008.5.1.1.16", "1.2.840.10008.5.1.1.17"
COMMITMENT, COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"
MPPS = "1.2.840.10008.3.1.2.3.3"
AVAILABILITY = "1.2.840.10008.5.1.4.33"
"""Instance Availability Notification (PS3.4 Annex R)."""
CT = "1.2.840.10008.5.1.4.1.1.2"
KEPT, LOST = (CT, "1.2.3.1"), (CT, "1.2.3.9")
"""The peer commits itself to the one and not to the other."""
PEER = "pynetdicom"
Trace = Callable[..., None]
Proven = Callable[..., None]


@pytest.fixture
def scu(trace: Trace) -> SCU:
    return SCU("LIVE", trace=trace, timeouts=Timeouts(artim=2.0, idle=None), dimse_seconds=10.0)


def data(**elements: Any) -> Dataset:
    dataset = Dataset()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset


def said(dataset: Dataset) -> Any:
    """As pynetdicom tells it."""
    return json.loads(json.dumps(dataset.to_json_dict()))


SCHEDULED = data(
    StudyInstanceUID="1.2.3",
    ReferencedStudySequence=[],
    AccessionNumber="",
    RequestedProcedureID="",
    RequestedProcedureDescription="",
    ScheduledProcedureStepID="",
    ScheduledProcedureStepDescription="",
    ScheduledProtocolCodeSequence=[],
)
BEGUN = data(
    ScheduledStepAttributesSequence=[SCHEDULED],
    PatientName="Müller^Jürgen",
    PatientID="1",
    PatientBirthDate="",
    PatientSex="",
    ReferencedPatientSequence=[],
    PerformedProcedureStepID="STEP1",
    PerformedStationAETitle="CT1",
    PerformedStationName="",
    PerformedLocation="",
    PerformedProcedureStepStartDate="20240102",
    PerformedProcedureStepStartTime="030405",
    PerformedProcedureStepDescription="",
    PerformedProcedureTypeDescription="",
    ProcedureCodeSequence=[],
    PerformedProcedureStepEndDate="",
    PerformedProcedureStepEndTime="",
    Modality="CT",
    StudyID="",
    PerformedProtocolCodeSequence=[],
    PerformedSeriesSequence=[],
    SpecificCharacterSet="ISO_IR 192",
)
"""What PS3.4 Table F.7.2-1 wants to begin with, and to end with."""
ENDED = data(
    PerformedProcedureStepEndDate="20240102",
    PerformedProcedureStepEndTime="040506",
    PerformedSeriesSequence=[
        data(
            PerformingPhysicianName="",
            ProtocolName="HEAD",
            OperatorsName="",
            SeriesInstanceUID="1.2.3.9",
            SeriesDescription="",
            RetrieveAETitle="",
            ReferencedImageSequence=[],
            ReferencedNonImageCompositeSOPInstanceSequence=[],
        )
    ],
)

NOTICE = data(
    ReferencedPerformedProcedureStepSequence=[],
    StudyInstanceUID="1.2.3",
    ReferencedSeriesSequence=[
        data(
            SeriesInstanceUID="1.2.3.4",
            ReferencedSOPSequence=[
                data(
                    ReferencedSOPClassUID=CT,
                    ReferencedSOPInstanceUID="1.2.3.4.5",
                    InstanceAvailability="ONLINE",
                    RetrieveAETitle="ARCHIVE",
                )
            ],
        )
    ],
)
"""What is of type 1 and 2 in PS3.4 Table R.3.2-1."""


def serving(pynetdicom: Pynetdicom, port: int) -> Any:
    """Stops an SCP of pynetdicom in the end."""
    from contextlib import ExitStack

    stack = ExitStack()
    stack.callback(pynetdicom.ask, "stop", port=port)
    return stack


# Our SCU


def test_all_six_operations(pynetdicom: Pynetdicom, scu: SCU, proven: Proven) -> None:
    answer, sent = data(PrinterStatus="NORMAL"), data(PrinterName="A")
    pynetdicom.ask("heard")
    port = pynetdicom.ask("serve-normalized", classes=[PRINTER], answer=said(answer))["port"]
    roles = [RoleSelection(PRINTER, True, True)]
    with (
        serving(pynetdicom, port),
        scu.associate(Entity.local("ANY", port), [PRINTER], roles=roles) as association,
    ):
        results = [
            association.n_get(PRINTER, PRINTER_INSTANCE, ["PrinterStatus"]),
            association.n_set(PRINTER, "1.2.3", sent),
            association.n_action(PRINTER, "1.2.3", 7, sent),
            association.n_create(PRINTER, "1.2.3", sent),
            association.n_event_report(PRINTER, PRINTER_INSTANCE, 3, sent),
            association.n_delete(PRINTER, "1.2.3"),
        ]
    assert [(result.status, result.dataset) for result in results] == [(0x0000, answer)] * 5 + [(0x0000, None)]
    assert pynetdicom.ask("heard")["heard"] == [
        ["EVT_N_GET", PRINTER_INSTANCE, [0x21100010]],
        ["EVT_N_SET", "1.2.3", said(sent)],
        ["EVT_N_ACTION", 7, said(sent)],
        ["EVT_N_CREATE", "1.2.3", said(sent)],
        ["EVT_N_EVENT_REPORT", 3, said(sent)],
        ["EVT_N_DELETE", "1.2.3"],
    ]
    for service in ("N-GET", "N-SET", "N-ACTION", "N-CREATE", "N-DELETE"):
        proven(PEER, "SCU", service, "data sets both ways" if service != "N-DELETE" else "status")
    proven(PEER, "SCP", "N-EVENT-REPORT", "as requestor, by role selection")


def test_a_procedure_step(pynetdicom: Pynetdicom, scu: SCU, proven: Proven) -> None:
    pynetdicom.ask("heard")
    port = pynetdicom.ask("serve-normalized", classes=[MPPS])["port"]
    with (
        serving(pynetdicom, port),
        scu.associate(Entity.local("RIS", port), [ProcedureSteps]) as association,
    ):
        assert association.n_create(MPPS, "1.2.3.4", in_progress(BEGUN)).status == 0x0000
        assert association.n_set(MPPS, "1.2.3.4", completed(ENDED)).status == 0x0000
    assert pynetdicom.ask("heard")["heard"] == [
        ["EVT_N_CREATE", "1.2.3.4", said(in_progress(BEGUN))],
        ["EVT_N_SET", "1.2.3.4", said(completed(ENDED))],
    ]
    proven(PEER, "SCU", "Modality Performed Procedure Step", "in progress, completed")


def test_availability_is_told(pynetdicom: Pynetdicom, scu: SCU, proven: Proven) -> None:
    pynetdicom.ask("heard")
    port = pynetdicom.ask("serve-normalized", classes=[AVAILABILITY])["port"]
    with serving(pynetdicom, port), scu.associate(Entity.local("RIS", port), [AVAILABILITY]) as association:
        assert association.n_create(AVAILABILITY, "1.2.3.6", NOTICE).status == 0x0000
    assert pynetdicom.ask("heard")["heard"] == [["EVT_N_CREATE", "1.2.3.6", said(NOTICE)]]
    proven(PEER, "SCU", "Instance Availability Notification", "a notification")


def test_commitment_reported_on_the_same_association(pynetdicom: Pynetdicom, scu: SCU, proven: Proven) -> None:
    pynetdicom.ask("heard")
    port = pynetdicom.ask("serve-normalized", classes=[COMMITMENT], commit=0)["port"]
    with serving(pynetdicom, port):
        result = scu.commit(Entity.local("ARCHIVE", port), [KEPT, LOST], seconds=10.0)
        assert (result.committed, result.failed) == ((KEPT,), (FailedInstance(*LOST, 0x0112),))
        assert scu.commit(Entity.local("ARCHIVE", port), [KEPT], seconds=10.0).complete
    assert pynetdicom.ask("heard")["heard"] == [["reported", 0x0000]] * 2
    proven(PEER, "SCU", "Storage Commitment", "report on the same association")


def test_commitment_reported_on_another_association(
    pynetdicom: Pynetdicom, scu: SCU, trace: Trace, proven: Proven
) -> None:
    pynetdicom.ask("heard")
    reports = CommitmentReports()
    with SCP("LIVE", [reports], trace=trace).running() as ours:
        port = pynetdicom.ask("serve-normalized", classes=[COMMITMENT], commit=ours.port)["port"]
        with serving(pynetdicom, port):
            peer = Entity.local("ARCHIVE", port)
            result = scu.commit(peer, [KEPT, LOST], reports=reports, stay=0.0, seconds=10.0)
            assert (result.committed, result.failed) == ((KEPT,), (FailedInstance(*LOST, 0x0112),))
            until(lambda: pynetdicom.ask("heard")["heard"] == [["reported", 0x0000]], "the report to be answered")
    proven(PEER, "SCU", "Storage Commitment", "report on another association")


# Our SCP


@pytest.fixture
def heard() -> list[NormalizedOperation]:
    return []


def test_it_tells_what_is_available(
    pynetdicom: Pynetdicom, trace: Trace, heard: list[NormalizedOperation], proven: Proven
) -> None:
    calls = [["send_n_create", said(NOTICE), AVAILABILITY, "1.2.3.6"]]
    with SCP("DULCET", [Normalized([AVAILABILITY], on_create=heard.append)], trace=trace).running() as ours:
        asked = pynetdicom.ask("invoke-normalized", port=ours.port, classes=[AVAILABILITY], calls=calls)
    assert asked["answers"] == [[0x0000, None]]
    assert [(each.sop_instance_uid, each.dataset) for each in heard] == [("1.2.3.6", NOTICE)]
    proven(PEER, "SCP", "Instance Availability Notification", "a notification")


def test_it_invokes_all_six(
    pynetdicom: Pynetdicom, trace: Trace, heard: list[NormalizedOperation], proven: Proven
) -> None:
    answer, sent = data(PrinterStatus="NORMAL"), data(PrinterName="A")

    def handle(operation: NormalizedOperation) -> Dataset | None:
        heard.append(operation)
        return None if operation.request.name == "N-DELETE-RQ" else answer

    handlers = dict.fromkeys(("on_get", "on_set", "on_action", "on_create", "on_delete", "on_event_report"), handle)
    calls = [
        ["send_n_get", [0x21100010], PRINTER, PRINTER_INSTANCE],
        ["send_n_set", said(sent), PRINTER, "1.2.3"],
        ["send_n_action", said(sent), 7, PRINTER, "1.2.3"],
        ["send_n_create", said(sent), PRINTER, "1.2.3"],
        ["send_n_event_report", said(sent), 3, PRINTER, PRINTER_INSTANCE],
        ["send_n_delete", PRINTER, "1.2.3"],
    ]
    with SCP("DULCET", [Normalized([PRINTER], **handlers)], trace=trace).running() as ours:
        asked = pynetdicom.ask("invoke-normalized", port=ours.port, classes=[PRINTER], roles=True, calls=calls)
    assert asked["answers"] == [[0x0000, said(answer)]] * 5 + [[0x0000, None]]
    assert [each.dataset for each in heard] == [None, sent, sent, sent, sent, None]
    assert (heard[0].attributes, heard[2].type_id, heard[4].type_id) == ((0x21100010,), 7, 3)
    for service in ("N-GET", "N-SET", "N-ACTION", "N-CREATE", "N-DELETE"):
        proven(PEER, "SCP", service, "data sets both ways" if service != "N-DELETE" else "status")
    proven(PEER, "SCU", "N-EVENT-REPORT", "as acceptor, by role selection")


def test_it_performs_a_procedure_step(pynetdicom: Pynetdicom, trace: Trace, proven: Proven) -> None:
    service = ProcedureSteps(strict=True)
    calls = [
        ["send_n_create", said(in_progress(BEGUN)), MPPS, "1.2.3.4"],
        ["send_n_create", said(in_progress(BEGUN)), MPPS, "1.2.3.4"],
        ["send_n_set", said(completed(ENDED)), MPPS, "1.2.3.4"],
        ["send_n_set", said(completed(ENDED)), MPPS, "1.2.3.4"],
        ["send_n_set", said(completed(ENDED)), MPPS, "1.2.3.5"],
    ]
    with SCP("RIS", [service], trace=trace).running() as ours:
        answers = pynetdicom.ask("invoke-normalized", port=ours.port, classes=[MPPS], calls=calls)["answers"]
    assert [status for status, _ in answers] == [0x0000, 0x0111, 0x0000, 0x0110, 0x0112]
    step = service.store.get("1.2.3.4")
    assert step is not None
    assert (step.PatientName, step.PerformedProcedureStepStatus) == ("Müller^Jürgen", "COMPLETED")
    proven(PEER, "SCP", "Modality Performed Procedure Step", "in progress, completed", "duplicate, over, unknown")


@pytest.mark.parametrize("same", [True, False], ids=["same association", "another association"])
def test_it_asks_for_commitment(pynetdicom: Pynetdicom, trace: Trace, same: bool, proven: Proven) -> None:
    pynetdicom.ask("heard")
    peer = pynetdicom.ask("serve-normalized", classes=[COMMITMENT])["port"]
    service = StorageCommitment(
        lambda _class, uid: uid == KEPT[1],
        entities={"PYNETDICOM": Entity.local("PYNETDICOM", peer)},
        same_association=same,
        settings={"trace": trace},
    )
    items = [data(ReferencedSOPClassUID=uids[0], ReferencedSOPInstanceUID=uids[1]) for uids in (KEPT, LOST)]
    request = data(TransactionUID="1.2.3", ReferencedSOPSequence=items)
    calls = [["send_n_action", said(request), 1, COMMITMENT, COMMITMENT_INSTANCE]]
    with serving(pynetdicom, peer), SCP("ARCHIVE", [service], trace=trace).running() as ours:
        asked = pynetdicom.ask("invoke-normalized", port=ours.port, classes=[COMMITMENT], calls=calls, stay=5.0)
        assert asked["answers"] == [[0x0000, None]]
        ((name, event_type, report),) = pynetdicom.ask("heard")["heard"]
    result = Dataset.from_json(report)
    assert (name, event_type, result.TransactionUID) == ("EVT_N_EVENT_REPORT", 2, "1.2.3")
    assert [item.ReferencedSOPInstanceUID for item in result.ReferencedSOPSequence] == [KEPT[1]]
    (failed,) = result.FailedSOPSequence
    assert (failed.ReferencedSOPInstanceUID, failed.FailureReason) == (LOST[1], 0x0112)
    proven(PEER, "SCP", "Storage Commitment", f"report on {'the same' if same else 'another'} association")


# Orthanc


def test_orthanc_commits_itself(
    start_orthanc: Callable[..., Orthanc], scu: SCU, trace: Trace, tmp_path: Path, proven: Proven
) -> None:
    """Orthanc reports on an association of its own."""
    reports = CommitmentReports()
    orthanc = start_orthanc()
    with SCP("LIVE", [reports], trace=trace).running() as ours:
        orthanc.knows("live", "LIVE", ours.port)
        file = instance(tmp_path, 1)
        orthanc.put(file)
        kept = (CT, uid_of(file))
        peer = Entity.local(orthanc.title, orthanc.port)
        result = scu.commit(peer, [kept, LOST], reports=reports, stay=0.0, seconds=20.0)
    assert (result.committed, result.failed) == ((kept,), (FailedInstance(*LOST, 0x0112),))
    proven("Orthanc", "SCU", "Storage Commitment", "report on another association")


def test_orthanc_asks_for_commitment(
    start_orthanc: Callable[..., Orthanc], trace: Trace, tmp_path: Path, proven: Proven
) -> None:
    orthanc = start_orthanc()
    file = instance(tmp_path, 1)
    kept = uid_of(file)
    service = StorageCommitment(
        lambda _class, uid: uid == kept,
        entities={orthanc.title: Entity.local(orthanc.title, orthanc.port)},
        settings={"trace": trace},
    )
    with SCP("ARCHIVE", [service], trace=trace).running() as ours:
        orthanc.knows("archive", "ARCHIVE", ours.port)
        wanted = {"DicomInstances": [{"SOPClassUID": CT, "SOPInstanceUID": uid} for uid in (kept, LOST[1])]}
        status, body = orthanc.ask("POST", "/modalities/archive/storage-commitment", wanted)
        assert status == 200, body
        path = json.loads(body)["Path"]
        until(lambda: json.loads(orthanc.get(path))["Status"] != "Pending", "Orthanc to hear the report")
        report = json.loads(orthanc.get(path))
    assert report["Status"] == "Failure"
    assert [each["SOPInstanceUID"] for each in report["Success"]] == [kept]
    assert [each["SOPInstanceUID"] for each in report["Failures"]] == [LOST[1]]
    proven("Orthanc", "SCP", "Storage Commitment", "asked, reported")
