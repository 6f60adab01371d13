"""`dulcet qrscp` as a process of its own, with DCMTK's clients, Orthanc and pynetdicom."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from archive_files import CT, instance, write
from live_peers import Orthanc, Process, Pynetdicom, Server, dcmtk, dulcet, run
from ports import free_port
from pydicom import dcmread

Proven = Callable[..., None]
TITLES = ("-aet", "ME", "-aec", "QRSCP")
UIDS = ("1.2.1.1", "1.2.1.2", "1.2.2.1")


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """A study of two series."""
    more = {"StudyDate": "20260102", "StudyTime": "1030", "AccessionNumber": "A1", "InstanceNumber": 1}
    return [
        write(tmp_path / "in" / f"{uid}.dcm", instance(uid, study="1.2", series=uid[:5], pixels=bytes(60_000), **more))
        for uid in UIDS
    ]


@pytest.fixture
def destination() -> int:
    """The port that the title VIEWER is said to listen on."""
    return free_port()


@pytest.fixture
def archive(tmp_path: Path, destination: int) -> Iterator[Server]:
    """The tool."""
    toml = tmp_path / "entities.toml"
    toml.write_text(f'[entities]\nviewer = "VIEWER@127.0.0.1:{destination}"\n')
    command = dulcet("qrscp", "-v", "--allow-shutdown", "--port", "PORT", "--destinations", toml, tmp_path / "archive")
    with Server(command, tmp_path / "qrscp.log") as server:
        yield server


@pytest.fixture
def filled(archive: Server, files: list[Path]) -> Server:
    """With the study in it."""
    ended = run([dcmtk("storescu"), *TITLES, "-R", "127.0.0.1", archive.port, *files])
    assert ended.code == 0, ended
    return archive


def keys(*words: str) -> list[str]:
    return [part for word in words for part in ("-k", word)]


@pytest.mark.usefixtures("dcmtk")
def test_dcmtk_stores_and_echoes(filled: Server, files: list[Path], tmp_path: Path, proven: Proven) -> None:
    assert run([dcmtk("echoscu"), *TITLES, "127.0.0.1", filled.port]).code == 0
    stored = {path.name: path for path in (tmp_path / "archive").rglob("*.dcm")}
    assert sorted(stored) == [f"CT.{uid}.dcm" for uid in UIDS]
    for path in files:
        assert dcmread(stored[f"CT.{path.name}"]) == dcmread(path)
    proven("DCMTK storescu", "SCP (qrscp)", "C-STORE", "a study")


@pytest.mark.usefixtures("dcmtk")
@pytest.mark.parametrize("model", ["-P", "-S"])
def test_dcmtk_finds(filled: Server, tmp_path: Path, model: str, proven: Proven) -> None:
    found = tmp_path / "found"
    found.mkdir()
    wanted = keys("QueryRetrieveLevel=STUDY", "PatientName=doe*", "StudyDate=20260101-20260131", "StudyInstanceUID",
                  "NumberOfStudyRelatedInstances", "ModalitiesInStudy", "PatientID=P1")  # fmt: skip
    ended = run([dcmtk("findscu"), *TITLES, model, "-X", "-od", found, *wanted, "127.0.0.1", filled.port])
    assert ended.code == 0, ended
    (file,) = found.iterdir()
    match = dcmread(file)
    assert (match.StudyInstanceUID, match.NumberOfStudyRelatedInstances, match.ModalitiesInStudy) == ("1.2", 3, "CT")
    assert (str(match.PatientName), match.StudyDate, match.RetrieveAETitle) == ("Doe^Jane", "20260102", "QRSCP")
    proven("DCMTK findscu", "SCP (qrscp)", "C-FIND", {"-P": "Patient Root", "-S": "Study Root"}[model])


@pytest.mark.usefixtures("dcmtk")
@pytest.mark.parametrize(
    ("level", "wanted", "matches"),
    [
        ("SERIES", ["StudyInstanceUID=1.2", "SeriesInstanceUID", "NumberOfSeriesRelatedInstances"], 2),
        ("IMAGE", ["StudyInstanceUID=1.2", "SeriesInstanceUID=1.2.1", "SOPInstanceUID"], 2),
        ("STUDY", ["StudyInstanceUID", "AccessionNumber=B*"], 0),
    ],
)
def test_dcmtk_finds_at_each_level(filled: Server, level: str, wanted: list[str], matches: int, proven: Proven) -> None:
    ended = run([dcmtk("findscu"), "-v", *TITLES, "-S", *keys(f"QueryRetrieveLevel={level}", *wanted),
                 "127.0.0.1", filled.port])  # fmt: skip
    assert ended.code == 0, ended
    assert ended.said.count("(Pending)") == matches, ended
    proven("DCMTK findscu", "SCP (qrscp)", "C-FIND", level)


@pytest.mark.usefixtures("dcmtk")
def test_dcmtk_is_told_of_keys_that_are_not_supported(filled: Server, proven: Proven) -> None:
    wanted = keys("QueryRetrieveLevel=STUDY", "StudyInstanceUID", "PatientComments=x")
    ended = run([dcmtk("findscu"), "-v", *TITLES, "-S", *wanted, "127.0.0.1", filled.port])
    assert ended.said.count("(Pending: WarningUnsupportedOptionalKeys)") == 1, ended
    proven("DCMTK findscu", "SCP (qrscp)", "C-FIND", "FF01")


@pytest.mark.usefixtures("dcmtk")
def test_dcmtk_is_told_of_missing_unique_keys(filled: Server, proven: Proven) -> None:
    wanted = keys("QueryRetrieveLevel=SERIES", "SeriesInstanceUID")
    ended = run([dcmtk("findscu"), "-d", *TITLES, "-S", *wanted, "127.0.0.1", filled.port])
    assert "0xa900" in ended.said.lower(), ended
    proven("DCMTK findscu", "SCP (qrscp)", "C-FIND", "A900")


@pytest.mark.usefixtures("dcmtk")
def test_dcmtk_gets(filled: Server, files: list[Path], inbox: Path, proven: Proven) -> None:
    wanted = keys("QueryRetrieveLevel=STUDY", "StudyInstanceUID=1.2")
    ended = run([dcmtk("getscu"), "-v", *TITLES, "-S", "-od", inbox, *wanted, "127.0.0.1", filled.port])
    assert ended.code == 0, ended
    got = {dcmread(path).SOPInstanceUID: dcmread(path) for path in inbox.iterdir()}
    assert got == {path.stem: dcmread(path) for path in files}
    proven("DCMTK getscu", "SCP (qrscp)", "C-GET", "a study")


@pytest.mark.usefixtures("dcmtk")
def test_dcmtk_moves(filled: Server, destination: int, files: list[Path], inbox: Path, proven: Proven) -> None:
    receiver = [dcmtk("storescp"), "-aet", "VIEWER", "-od", inbox, destination]
    with Process(receiver, inbox.parent / "storescp.log") as viewer:
        viewer.wait_for_port(destination)
        wanted = keys("QueryRetrieveLevel=STUDY", "StudyInstanceUID=1.2")
        ended = run([dcmtk("movescu"), "-v", *TITLES, "-aem", "VIEWER", "-S", *wanted, "127.0.0.1", filled.port])
    assert ended.code == 0, ended
    got = {dcmread(path).SOPInstanceUID: dcmread(path) for path in inbox.iterdir()}
    assert got == {path.stem: dcmread(path) for path in files}
    proven("DCMTK movescu", "SCP (qrscp)", "C-MOVE", "to DCMTK storescp")


@pytest.mark.usefixtures("dcmtk")
def test_dcmtk_moves_to_nobody(filled: Server, proven: Proven) -> None:
    wanted = keys("QueryRetrieveLevel=STUDY", "StudyInstanceUID=1.2")
    ended = run([dcmtk("movescu"), "-d", *TITLES, "-aem", "STRANGER", "-S", *wanted, "127.0.0.1", filled.port])
    assert ended.code != 0
    assert "0xa801" in ended.said.lower(), ended
    proven("DCMTK movescu", "SCP (qrscp)", "C-MOVE", "A801")


@pytest.mark.usefixtures("dcmtk")
def test_dcmtk_ends_it_and_the_next_one_knows_everything(filled: Server, tmp_path: Path, proven: Proven) -> None:
    run([dcmtk("termscu"), *TITLES, "127.0.0.1", filled.port])
    assert filled.wait() == 0, filled.said
    with Server(dulcet("qrscp", "--port", "PORT", tmp_path / "archive"), tmp_path / "again.log") as again:
        wanted = keys("QueryRetrieveLevel=STUDY", "StudyInstanceUID", "NumberOfStudyRelatedInstances=")
        ended = run([dcmtk("findscu"), "-v", *TITLES, "-S", *wanted, "127.0.0.1", again.port])
        assert ended.said.count("(Pending)") == 1, ended
    proven("DCMTK termscu", "SCP (qrscp)", "Shutdown", "performed")


@pytest.mark.parametrize(
    ("level", "query", "unique", "found"),
    [
        ("Patient", {"PatientID": "P1", "PatientName": ""}, "PatientID", ["P1"]),
        ("Study", {"StudyDate": "20260101-20260131", "StudyInstanceUID": ""}, "StudyInstanceUID", ["1.2"]),
        ("Study", {"AccessionNumber": "B*", "StudyInstanceUID": ""}, "StudyInstanceUID", []),
        ("Series", {"StudyInstanceUID": "1.2", "SeriesInstanceUID": ""}, "SeriesInstanceUID", ["1.2.1", "1.2.2"]),
        ("Instance", {"StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.2.1", "SOPInstanceUID": ""}, "SOPInstanceUID",
         ["1.2.1.1", "1.2.1.2"]),
    ],
)  # fmt: skip
def test_orthanc_finds(
    filled: Server, orthanc: Orthanc, level: str, query: dict[str, str], unique: str, found: list[str], proven: Proven
) -> None:
    orthanc.knows("dulcet", "QRSCP", filled.port)
    status, body = orthanc.ask("POST", "/modalities/dulcet/query", {"Level": level, "Query": query})
    assert status == 200, body
    answers = f"{json.loads(body)['Path']}/answers"
    matches = [json.loads(orthanc.get(f"{answers}/{n}/content?simplify")) for n in json.loads(orthanc.get(answers))]
    assert sorted(match[unique] for match in matches) == found
    proven("Orthanc", "SCP (qrscp)", "C-FIND", level)


def test_pynetdicom_finds_and_gets(pynetdicom: Pynetdicom, archive: Server, files: list[Path], proven: Proven) -> None:
    options = {"port": archive.port, "called": "QRSCP"}
    assert pynetdicom.ask("store", files=files, **options)["statuses"] == [0, 0, 0]
    answer = pynetdicom.ask("find", keys={"QueryRetrieveLevel": "SERIES", "StudyInstanceUID": "1.2",
                                          "SeriesInstanceUID": "", "Modality": "CT"}, **options)  # fmt: skip
    assert answer["statuses"] == [0xFF00, 0xFF00, 0x0000]
    assert [each["SeriesInstanceUID"] for each in answer["matches"]] == ["1.2.1", "1.2.2"]
    answer = pynetdicom.ask("get", classes=[CT], keys={"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "1.2"},
                            **options)  # fmt: skip
    assert (answer["statuses"][-1], sorted(answer["stored"])) == (0, list(UIDS))
    proven("pynetdicom", "SCP (qrscp)", "C-FIND", "SERIES")
    proven("pynetdicom", "SCP (qrscp)", "C-GET", "a study")
