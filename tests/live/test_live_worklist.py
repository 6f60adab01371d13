"""Modality Worklists (PS3.4 K) with live peers: our SCU at DCMTK's wlmscpfs, Orthanc's plugin and pynetdicom; our SCP,
which is a handler, asked by Orthanc and by pynetdicom. DCMTK's findscu asks it in `test_live_query`."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dulcet.services.query.keys import keys
from dulcet.services.query.models import model
from live_instances import ROOT
from live_peers import Orthanc, Pynetdicom, Server
from live_peers import dcmtk as program
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from dulcet import SCP, SCU, Entity, Operation, Query, Timeouts

WORKLIST = model("find", "worklist")
STUDY = f"{ROOT}.0"
PLUGIN = Path("/usr/share/orthanc/plugins/libModalityWorklists.so")
"""Where Debian's package has it."""
PATIENTS = (("Müller^Jörg", "CT"), ("Live^Test", "MR"))
"""Who is expected, and for which modality."""
Trace = Callable[..., None]
Proven = Callable[..., None]


@pytest.fixture
def scu(trace: Trace) -> SCU:
    return SCU("LIVE", trace=trace, timeouts=Timeouts(artim=2.0, idle=None))


def worklist_item(name: str, modality: str) -> Dataset:
    step = keys(
        Modality=modality,
        ScheduledStationAETitle="STATION",
        ScheduledProcedureStepStartDate="20240101",
        ScheduledProcedureStepStartTime="1000",
        ScheduledPerformingPhysicianName="Live^Doctor",
        ScheduledProcedureStepID="S1",
        ScheduledProcedureStepDescription="Schädel",
    )
    item = keys(
        SpecificCharacterSet="ISO_IR 100",
        PatientName=name,
        PatientID="LIVE",
        PatientBirthDate="19700101",
        PatientSex="O",
        AccessionNumber="A1",
        StudyInstanceUID=STUDY,
        RequestedProcedureID="R1",
        RequestedProcedureDescription="Kopf",
        ScheduledProcedureStepSequence=[step],
    )
    item.file_meta = FileMetaDataset()
    item.file_meta.MediaStorageSOPClassUID = "1.2.276.0.7230010.3.1.0.1"
    item.file_meta.MediaStorageSOPInstanceUID = f"{ROOT}.99"
    item.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return item


def write(folder: Path) -> None:
    """The worklist as files."""
    folder.mkdir(parents=True)
    (folder / "lockfile").touch()
    for number, (name, modality) in enumerate(PATIENTS):
        worklist_item(name, modality).save_as(folder / f"{number}.wl", enforce_file_format=True)


def finds_who_is_expected(scu: SCU, peer: Entity) -> None:
    """Everybody, and by a key inside the sequence."""
    both = list(scu.find(peer, ""))
    assert sorted(str(each.PatientName) for each in both) == ["Live^Test", "Müller^Jörg"]
    assert {each.ScheduledProcedureStepSequence[0].Modality for each in both} == {"CT", "MR"}
    wanted = keys(PatientName="", ScheduledProcedureStepSequence=[keys(Modality="CT")])
    with scu.associate(peer, [WORKLIST]) as association:
        (match,) = association.find(wanted)
    assert match.identifier is not None
    assert match.identifier.PatientName == "Müller^Jörg"


# Our SCU


def test_wlmscpfs(scu: SCU, dcmtk: None, tmp_path: Path, proven: Proven) -> None:
    write(tmp_path / "worklists" / "WORK")
    command = [program("wlmscpfs"), "-v", "-dfp", tmp_path / "worklists", "-csk", "PORT"]
    with Server(command, tmp_path / "wlmscpfs.log") as server:
        finds_who_is_expected(scu, Entity.local("WORK", server.port))
    proven("DCMTK wlmscpfs", "SCU", "Modality Worklist", "sequence keys", "character sets")


def test_orthanc(start_orthanc: Callable[..., Orthanc], scu: SCU, tmp_path: Path, proven: Proven) -> None:
    assert PLUGIN.exists(), "it comes with Debian's package of Orthanc"
    write(tmp_path / "worklists")
    orthanc = start_orthanc(
        Plugins=[str(PLUGIN)],
        Worklists={"Enable": True, "Database": str(tmp_path / "worklists")},
        DicomAlwaysAllowFindWorklist=True,
        DefaultEncoding="Latin1",
    )
    orthanc.knows("live", "LIVE", 1)
    finds_who_is_expected(scu, Entity.local(orthanc.title, orthanc.port))
    proven("Orthanc", "SCU", "Modality Worklist", "sequence keys", "character sets")


def test_pynetdicom(pynetdicom: Pynetdicom, scu: SCU, proven: Proven) -> None:
    items = [worklist_item(*patient).to_json_dict() for patient in PATIENTS]
    port = pynetdicom.ask("serve-worklist", items=items)["port"]
    try:
        finds_who_is_expected(scu, Entity.local("PYNETDICOM", port))
    finally:
        pynetdicom.ask("stop", port=port)
    proven("pynetdicom", "SCU", "Modality Worklist", "sequence keys", "character sets")


# Our SCP


def modality(item: Dataset) -> str:
    """The key inside the sequence; "" where it is universal or not there."""
    steps = item.get("ScheduledProcedureStepSequence") or [Dataset()]
    return str(steps[0].get("Modality", "") or "")


def expected(wanted: Dataset, _operation: Operation) -> Iterator[Dataset]:
    """Those of the modality that is asked for."""
    for patient in PATIENTS:
        item = worklist_item(*patient)
        if modality(wanted) in ("", modality(item)):
            yield item


@pytest.fixture
def asked(trace: Trace) -> Iterator[int]:
    """The port of a worklist of ours."""
    with SCP("DULCET", [Query(expected)], trace=trace).running() as running:
        yield running.port
        running.stop(1.0)


def test_orthanc_asks(orthanc: Orthanc, asked: int, proven: Proven) -> None:
    orthanc.knows("worklist", "DULCET", asked)

    def names(**step: str) -> list[Any]:
        wanted = {"PatientName": "", "ScheduledProcedureStepSequence": [{"Modality": ""} | step]}
        status, body = orthanc.ask("POST", "/modalities/worklist/find-worklist", wanted)
        assert status == 200, body
        return [each["PatientName"] for each in json.loads(body)]

    assert names() == ["Müller^Jörg", "Live^Test"]
    assert names(Modality="MR") == ["Live^Test"]
    proven("Orthanc", "SCP", "Modality Worklist", "sequence keys", "character sets")


def test_pynetdicom_asks(pynetdicom: Pynetdicom, asked: int, proven: Proven) -> None:
    wanted = keys(PatientName="", ScheduledProcedureStepSequence=[keys(Modality="CT")])
    said = pynetdicom.ask("query", port=asked, model=WORKLIST, identifier=wanted.to_json_dict())
    assert said["statuses"] == [0xFF00, 0x0000]
    (match,) = map(Dataset.from_json, said["matches"])
    assert (match.PatientName, modality(match)) == ("Müller^Jörg", "CT")
    proven("pynetdicom", "SCP", "Modality Worklist", "sequence keys", "character sets")
