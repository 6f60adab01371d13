"""Query and retrieve with live peers: our SCU at DCMTK's dcmqrscp, Orthanc and pynetdicom; our Query SCP asked
by DCMTK's findscu and by pynetdicom."""

import asyncio
import contextlib
import itertools
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from dulcet.services.query.keys import identifier, keys
from dulcet.services.query.models import model
from dulcet.services.query.query import QueryFailed
from dulcet.services.query.receiving import COMMON_STORAGE, storage_proposals
from live_archive import Archive
from live_instances import CT, ROOT, digests, encapsulated, instance
from live_peers import Orthanc, Pynetdicom, Server, run
from live_peers import dcmtk as program
from pydicom.dataset import Dataset
from wire_peers import SECONDS

from dulcet import SCP, SCU, Entity, FileStore, Operation, Query, QueryBuilder, Timeouts, Verification, aio

MR = "1.2.840.10008.5.1.4.1.1.4"
STUDY_FIND = model("find", "study")
STUDY = f"{ROOT}.0"
SERIES = f"{ROOT}.0.1"
Trace = Callable[..., None]
Proven = Callable[..., None]


@pytest.fixture
def scu(trace: Trace) -> SCU:
    return SCU("LIVE", trace=trace, timeouts=Timeouts(artim=2.0, idle=None))


@pytest.fixture
def catcher(tmp_path: Path, trace: Trace) -> Iterator[Archive]:
    """Where archives move things: an SCP of ours, DULCET."""
    with Archive(tmp_path, trace) as archive:
        yield archive


def files(folder: Path) -> list[Path]:
    """One study, one series, three images of two classes."""
    return [instance(folder, 1), instance(folder, 2), instance(folder, 3, sop_class=MR)]


def finds_everything(scu: SCU, peer: Entity) -> list[Any]:
    """From patient to images; patient root and study root."""
    (patient,) = scu.find(peer, "PATIENT", PatientID="LIVE")
    assert str(patient.PatientName) == "Live^Test"
    (study,) = scu.find(peer, "STUDY", PatientID="LIVE", PatientName="Live*")
    assert study.StudyInstanceUID == STUDY
    assert list(scu.find(peer, "STUDY", PatientID="NOBODY")) == []
    builder = QueryBuilder(scu, peer)
    images = list(builder.image_uids(builder.series_uids(builder.study_uids("LIVE"))))
    assert sorted(image.sop_instance_uid for image in images) == [f"{ROOT}.{number}" for number in (1, 2, 3)]
    assert {image.series.series_instance_uid for image in images} == {SERIES}
    found = asyncio.run(_asynchronously(peer))
    assert found == [STUDY]
    return images


async def _asynchronously(peer: Entity) -> list[str]:
    return [str(each.StudyInstanceUID) async for each in aio.SCU("LIVE").find(peer, PatientID="LIVE")]


def moves_everything(scu: SCU, peer: Entity, catcher: Archive, sources: list[Path], images: list[Any]) -> None:
    result = scu.move(peer, level="STUDY", StudyInstanceUID=STUDY, destination="DULCET")
    assert (result.status, result.completed, result.failed, result.destination) == (0x0000, 3, 0, "DULCET")
    assert catcher.digests == digests(sources)
    one = scu.move_image(peer, images[0], "DULCET")
    assert (one.status, one.message_id, one.completed) == (0x0000, 1, 1)
    assert len(catcher.outcomes) == 4


def gets_everything(scu: SCU, peer: Entity, folder: Path, sources: list[Path], images: list[Any]) -> None:
    outcomes: list[Any] = []
    with FileStore(folder / "got", mode="crash-safe", digest=True) as store:
        result = scu.get(peer, store=store, StudyInstanceUID=STUDY, on_stored=outcomes.append)
    assert (result.status, result.completed, result.failed) == (0x0000, 3, 0)
    assert sorted(outcome.digest for outcome in outcomes) == digests(sources)
    got: list[str] = []
    image = scu.get(
        peer, images[0].keys, lambda one: got.append(one.sop_instance_uid), sop_classes=[images[0].sop_class_uid or CT]
    )
    assert (image.status, got) == (0x0000, [images[0].sop_instance_uid])


RARE = ("1.2.840.10008.5.1.4.1.1.77.1.5.2", "1.2.840.10008.5.1.4.1.1.78.1", "1.2.840.10008.5.1.4.1.1.481.4")
"""Ophthalmic photographs of 16 bits, lensometry, RT treatment records: nobody proposes them unasked."""
COMPRESSED = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.5")


def rarities(folder: Path, compressed: Sequence[str] = COMPRESSED) -> list[Path]:
    """One study of three classes that are rare, and of one class in compressed syntaxes."""
    assert not set(RARE) & set(COMMON_STORAGE)
    rare = [instance(folder, number, sop_class=uid) for number, uid in enumerate(RARE, 50)]
    return [*rare, *(encapsulated(folder, number, syntax) for number, syntax in enumerate(compressed, 60))]


def gets_rarities(scu: SCU, peer: Entity, folder: Path, sources: list[Path]) -> None:
    """All of it, without a word of what it is."""
    outcomes: list[Any] = []
    with FileStore(folder / "rare", mode="crash-safe", digest=True) as store:
        result = scu.get(peer, store=store, StudyInstanceUID=STUDY, on_stored=outcomes.append)
    assert (result.status, result.completed, result.failed) == (0x0000, len(sources), 0), result
    assert sorted(outcome.digest for outcome in outcomes) == digests(sources)


# DCMTK dcmqrscp


@pytest.fixture
def dcmqrscp_options() -> list[str]:
    return []


@pytest.fixture
def dcmqrscp(dcmtk: None, tmp_path: Path, catcher: Archive, dcmqrscp_options: list[str]) -> Iterator[Entity]:
    """An archive that knows our SCP as a destination."""
    (tmp_path / "database").mkdir()
    path = tmp_path / "dcmqrscp.cfg"
    path.write_text(
        "NetworkTCPPort = 104\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
        f"HostTable BEGIN\nours = (DULCET, 127.0.0.1, {catcher.port})\nHostTable END\n"
        "VendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nQR {tmp_path / 'database'} RW (10, 1024mb) ANY\nAETable END\n"
    )
    command = [program("dcmqrscp"), "-v", *dcmqrscp_options, "-c", path, "PORT"]
    with Server(command, tmp_path / "dcmqrscp.log") as server:
        yield Entity.local("QR", server.port)


def test_dcmqrscp(scu: SCU, dcmqrscp: Entity, catcher: Archive, tmp_path: Path, proven: Proven) -> None:
    sources = files(tmp_path)
    assert all(result.stored for result in scu.store(dcmqrscp, sources))
    images = finds_everything(scu, dcmqrscp)
    proven("DCMTK dcmqrscp", "SCU", "C-FIND", "patient root", "study root", "all levels", "asyncio")
    moves_everything(scu, dcmqrscp, catcher, sources, images)
    proven("DCMTK dcmqrscp", "SCU", "C-MOVE", "study", "one image", "to our SCP")
    gets_everything(scu, dcmqrscp, tmp_path, sources, images)
    proven("DCMTK dcmqrscp", "SCU", "C-GET", "study", "one image", "roles")


@pytest.mark.parametrize("dcmqrscp_options", [["+xy"]], ids=["JPEG"])
def test_rarities_at_dcmqrscp(scu: SCU, dcmqrscp: Entity, tmp_path: Path, proven: Proven) -> None:
    """It takes one compressed syntax, whichever it was told."""
    sources = rarities(tmp_path, COMPRESSED[:1])
    assert all(result.stored for result in scu.store(dcmqrscp, sources))
    gets_rarities(scu, dcmqrscp, tmp_path, sources)
    proven("DCMTK dcmqrscp", "SCU", "C-GET", "rare classes", "compressed")


def test_dcmqrscp_says_no(scu: SCU, dcmqrscp: Entity, tmp_path: Path, proven: Proven) -> None:
    assert all(result.stored for result in scu.store(dcmqrscp, files(tmp_path)))
    nowhere = scu.move(dcmqrscp, StudyInstanceUID=STUDY, destination="NOWHERE")
    assert nowhere.status == 0xA801
    assert "does not know destination NOWHERE" in str(nowhere)
    proven("DCMTK dcmqrscp", "SCU", "C-MOVE", "status A801")
    uid = STUDY_FIND
    with scu.associate(dcmqrscp, [uid]) as association:
        with pytest.raises(QueryFailed) as caught:
            list(association.find(keys(QueryRetrieveLevel="SERIES", SeriesInstanceUID=""), uid))
        assert caught.value.status.is_failure
        assert len(list(association.find(identifier("STUDY"), uid))) == 1
    proven("DCMTK dcmqrscp", "SCU", "C-FIND", "failure status, then again")


def test_leaving_dcmqrscp_early(scu: SCU, dcmqrscp: Entity, tmp_path: Path, proven: Proven) -> None:
    sources = [instance(tmp_path, number) for number in range(200, 260)]
    assert all(result.stored for result in scu.store(dcmqrscp, sources))
    wanted = identifier("IMAGE", StudyInstanceUID=STUDY, SeriesInstanceUID=SERIES)
    with scu.associate(dcmqrscp, [STUDY_FIND, Verification]) as association:
        for number, _ in enumerate(association.find(wanted)):
            if number == 3:
                break
        assert association.echo() == 0x0000
        assert len(list(association.find(wanted))) == 60
    proven("DCMTK dcmqrscp", "SCU", "C-FIND", "left early", "association goes on")


# Orthanc


def test_orthanc(
    start_orthanc: Callable[..., Orthanc], scu: SCU, catcher: Archive, tmp_path: Path, proven: Proven
) -> None:
    allowed = {f"DicomAlwaysAllow{what}": True for what in ("Find", "FindWorklist", "Get", "Move")}
    orthanc = start_orthanc(**allowed)
    orthanc.knows("live", "LIVE", 1)
    orthanc.knows("dulcet", "DULCET", catcher.port)
    peer = Entity.local(orthanc.title, orthanc.port)
    sources = files(tmp_path)
    assert all(result.stored for result in scu.store(peer, sources))
    images = finds_everything(scu, peer)
    proven("Orthanc", "SCU", "C-FIND", "patient root", "study root", "all levels", "asyncio")
    moves_everything(scu, peer, catcher, sources, images)
    proven("Orthanc", "SCU", "C-MOVE", "study", "one image", "to our SCP")
    gets_everything(scu, peer, tmp_path, sources, images)
    proven("Orthanc", "SCU", "C-GET", "study", "one image", "roles")
    nowhere = scu.move(peer, StudyInstanceUID=STUDY, destination="NOWHERE")
    assert nowhere.status.is_failure
    proven("Orthanc", "SCU", "C-MOVE", "unknown destination")


def test_rarities_at_orthanc(start_orthanc: Callable[..., Orthanc], scu: SCU, tmp_path: Path, proven: Proven) -> None:
    orthanc = start_orthanc(DicomAlwaysAllowFind=True, DicomAlwaysAllowGet=True)
    orthanc.knows("live", "LIVE", 1)
    peer = Entity.local(orthanc.title, orthanc.port)
    sources = rarities(tmp_path)
    assert all(result.stored for result in scu.store(peer, sources))
    gets_rarities(scu, peer, tmp_path, sources)
    proven("Orthanc", "SCU", "C-GET", "rare classes", "several compressed syntaxes")


# pynetdicom


@contextlib.contextmanager
def archive_of(pynetdicom: Pynetdicom, **options: Any) -> Iterator[Entity]:
    port = pynetdicom.ask("serve-archive", **options)["port"]
    try:
        yield Entity.local("PYNETDICOM", port)
    finally:
        pynetdicom.ask("stop", port=port)


def test_pynetdicom(pynetdicom: Pynetdicom, scu: SCU, catcher: Archive, tmp_path: Path, proven: Proven) -> None:
    sources = files(tmp_path)
    destinations = {"DULCET": ["127.0.0.1", catcher.port]}
    with archive_of(pynetdicom, files=sources, destinations=destinations) as peer:
        found = list(scu.find(peer, "IMAGE", StudyInstanceUID=STUDY))
        assert sorted(each.SOPInstanceUID for each in found) == [f"{ROOT}.{number}" for number in (1, 2, 3)]
        assert list(scu.find(peer, "STUDY", StudyInstanceUID="1.2.3")) == []
        proven("pynetdicom", "SCU", "C-FIND", "study root")
        moved = scu.move(peer, StudyInstanceUID=STUDY, destination="DULCET")
        assert (moved.status, moved.completed) == (0x0000, 3)
        assert len(catcher.outcomes) == 3
        assert scu.move(peer, StudyInstanceUID=STUDY, destination="NOWHERE").status == 0xA801
        proven("pynetdicom", "SCU", "C-MOVE", "study", "status A801")
        got: list[str] = []
        result = scu.get(peer, store=lambda one: got.append(one.sop_instance_uid), StudyInstanceUID=STUDY)
        assert (result.status, result.completed, len(got)) == (0x0000, 3, 3)
        proven("pynetdicom", "SCU", "C-GET", "study", "roles")


@pytest.mark.usefixtures("pynetdicom")
def test_qrscp_of_pynetdicom(scu: SCU, catcher: Archive, tmp_path: Path, proven: Proven) -> None:
    """Its archive, as people start it. It answers once for each instance, at every level."""
    settings = tmp_path / "qrscp.ini"
    settings.write_text(
        "[DEFAULT]\nae_title: QR\nport: 104\nmax_pdu: 16382\nacse_timeout: 30\ndimse_timeout: 30\n"
        "network_timeout: 30\nbind_address: 127.0.0.1\nlog_identifier: False\n"
        f"instance_location: {tmp_path / 'objects'}\ndatabase_location: {tmp_path / 'objects.sqlite'}\n"
        f"[DULCET]\naddress: 127.0.0.1\nport: {catcher.port}\n"
    )
    command = [sys.executable, "-m", "pynetdicom", "qrscp", "-d", "-c", settings, "--port", "PORT"]
    with Server(command, tmp_path / "qrscp.log") as server:
        peer = Entity.local("QR", server.port)
        sources = files(tmp_path)
        assert all(result.stored for result in scu.store(peer, sources))
        proven("pynetdicom qrscp", "SCU", "C-STORE", "a study")
        images = [f"{ROOT}.{number}" for number in (1, 2, 3)]
        assert {str(each.PatientName) for each in scu.find(peer, "PATIENT", PatientID="LIVE")} == {"Live^Test"}
        assert {each.StudyInstanceUID for each in scu.find(peer, "STUDY", PatientName="Live*")} == {STUDY}
        assert {each.SeriesInstanceUID for each in scu.find(peer, "SERIES", StudyInstanceUID=STUDY)} == {SERIES}
        found = scu.find(peer, "IMAGE", StudyInstanceUID=STUDY, SeriesInstanceUID=SERIES)
        assert sorted(each.SOPInstanceUID for each in found) == images
        assert list(scu.find(peer, "STUDY", PatientID="NOBODY")) == []
        proven("pynetdicom qrscp", "SCU", "C-FIND", "patient root", "study root", "all levels")
        moved = scu.move(peer, level="STUDY", StudyInstanceUID=STUDY, destination="DULCET")
        assert (moved.status, moved.completed, moved.failed) == (0x0000, 3, 0)
        assert sorted(one.sop_instance_uid for one in catcher.outcomes) == images
        assert scu.move(peer, StudyInstanceUID=STUDY, destination="NOWHERE").status == 0xA801
        proven("pynetdicom qrscp", "SCU", "C-MOVE", "study", "to our SCP", "status A801")
        got: list[str] = []
        result = scu.get(peer, store=lambda one: got.append(one.sop_instance_uid), StudyInstanceUID=STUDY)
        assert (result.status, result.completed, sorted(got)) == (0x0000, 3, images)
        proven("pynetdicom qrscp", "SCU", "C-GET", "study", "roles")


def test_failures_and_cancel_at_pynetdicom(pynetdicom: Pynetdicom, scu: SCU, tmp_path: Path, proven: Proven) -> None:
    with archive_of(pynetdicom, status=0xA700) as peer, pytest.raises(QueryFailed, match="0xA700"):
        list(scu.find(peer, PatientID="LIVE"))
    with (
        archive_of(pynetdicom, files=files(tmp_path), endless=3_000) as peer,
        scu.associate(peer, [STUDY_FIND]) as association,
    ):
        for _ in range(2):  # the association goes on
            matches = association.find(identifier("STUDY"))
            next(matches)
            matches.close()
            assert matches.status == 0xFE00
        assert pynetdicom.ask("cancelled")["cancelled"]
    proven("pynetdicom", "SCU", "C-FIND", "status A700")
    proven("pynetdicom", "SCU", "C-CANCEL", "of a C-FIND")


def test_cancelling_a_retrieval_from_pynetdicom(
    pynetdicom: Pynetdicom, scu: SCU, tmp_path: Path, proven: Proven
) -> None:
    """It pauses between sub-operations, so that it hears us; the association goes on after it."""
    sources = [instance(tmp_path, number) for number in range(300, 340)]
    with archive_of(pynetdicom, files=sources, destinations={}, pause=0.05) as peer:
        (proposal,) = storage_proposals([CT])
        contexts = [model("get", "study"), *proposal.contexts, Verification]
        wanted = keys(QueryRetrieveLevel="STUDY", StudyInstanceUID=STUDY)
        got: list[str] = []
        with scu.associate(peer, contexts, roles=proposal.roles) as association:
            result = association.get(wanted, lambda one: got.append(one.sop_instance_uid), progress=lambda step: False)
            assert result.status == 0xFE00
            assert 0 < len(got) < 40
            assert result.completed == len(got)
            assert result.remaining == 40 - len(got)
            assert association.get(wanted, lambda one: None).completed == 40
        assert pynetdicom.ask("cancelled")["cancelled"]
        result = scu.get(peer, store=lambda one: None, progress=lambda step: False, StudyInstanceUID=STUDY)
        assert result.status == 0xFE00
    proven("pynetdicom", "SCU", "C-CANCEL", "of a C-GET")


def test_rarities_at_pynetdicom(pynetdicom: Pynetdicom, scu: SCU, tmp_path: Path, proven: Proven) -> None:
    sources = rarities(tmp_path)
    with archive_of(pynetdicom, files=sources, destinations={}) as peer:
        got: list[str] = []
        result = scu.get(peer, store=lambda one: got.append(one.sop_instance_uid), StudyInstanceUID=STUDY)
    assert (result.status, result.completed, result.failed) == (0x0000, 6, 0), result
    assert len(set(got)) == len(got) == 6
    proven("pynetdicom", "SCU", "C-GET", "rare classes", "several compressed syntaxes")


# Our Query SCP


class Answers:
    """Some matches for a patient, endless ones for another."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def __call__(self, wanted: Dataset, operation: Operation) -> Iterator[Any]:
        try:
            for number in itertools.count():
                if wanted.get("PatientID") != "ENDLESS" and number == 3:
                    break
                yield keys(
                    StudyInstanceUID=f"1.2.{number}", PatientName="Müller^Jörg", PatientID=wanted.get("PatientID")
                )
            if wanted.get("PatientID") == "BROKEN":
                yield 0xA700, None
        finally:
            self.closed.set()


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def asked(answers: Answers, trace: Trace) -> Iterator[int]:
    with SCP("DULCET", [Query(answers), Verification()], trace=trace).running() as running:
        yield running.port
        running.stop(1.0)


FINDS = ["-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID", "-k", "PatientName"]


def test_findscu(dcmtk: None, asked: int, answers: Answers, proven: Proven) -> None:
    findscu = [program("findscu"), "-v", "-aec", "DULCET"]
    said = run([*findscu, *FINDS, "-k", "PatientID=LIVE", "127.0.0.1", asked])
    assert said.code == 0, said
    assert said.said.count("Find Response") >= 3
    assert [said.said.count(f"[1.2.{number}") for number in range(4)] == [1, 1, 1, 0], said
    broken = run([*findscu, *FINDS, "-k", "PatientID=BROKEN", "127.0.0.1", asked])
    assert "Refused: OutOfResources" in broken.said, broken
    worklist = run([*findscu, "-W", "-k", "PatientName=*", "127.0.0.1", asked])
    assert worklist.said.count("Find Response") >= 3, worklist
    proven("DCMTK findscu", "SCP", "C-FIND", "study root", "status A700")
    proven("DCMTK findscu", "SCP", "Modality Worklist", "all of it")
    cancelled = run([*findscu, *FINDS, "-k", "PatientID=ENDLESS", "--cancel", "5", "127.0.0.1", asked])
    assert cancelled.code == 0, cancelled.said[-500:]
    assert answers.closed.wait(SECONDS)
    proven("DCMTK findscu", "SCP", "C-CANCEL", "of a C-FIND")


def test_pynetdicom_asks(pynetdicom: Pynetdicom, asked: int, answers: Answers, proven: Proven) -> None:
    def ask(patient: str, **options: Any) -> dict[str, Any]:
        wanted = identifier("STUDY", PatientID=patient)
        return pynetdicom.ask("query", port=asked, model=STUDY_FIND, identifier=wanted.to_json_dict(), **options)

    said = ask("LIVE")
    assert said["statuses"] == [0xFF00] * 3 + [0]
    assert [Dataset.from_json(each).PatientName for each in said["matches"]] == ["Müller^Jörg"] * 3
    assert ask("BROKEN")["statuses"][-1] == 0xA700
    assert ask("ENDLESS", cancel=3)["statuses"][-1] == 0xFE00
    assert answers.closed.wait(SECONDS)
    proven("pynetdicom", "SCP", "C-FIND", "study root", "status A700")
    proven("pynetdicom", "SCP", "C-CANCEL", "of a C-FIND")
