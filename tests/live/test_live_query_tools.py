"""findscu, getscu and movescu as processes against DCMTK's archive, and beside DCMTK's own tools: the same command
lines find the same, bring the same, and end with the same code or a truer one."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from data_sets import IMPLICIT, element
from live_instances import CT, TEST_FILES, part10, read, same_content, syntax_of, uid_of
from live_peers import Orthanc, Server, dcmtk, dulcet, run, told
from ports import free_port
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

pytestmark = pytest.mark.usefixtures("dcmtk")
QRSCP = "DCMTK dcmqrscp"
Proven = Callable[..., None]
MR = "1.2.840.10008.5.1.4.1.1.4"
ROOT = "1.2.826.0.1.3680043.8.498.78"
STUDIES = ((1, "DOE^JANE", 3), (2, "ROE^RICHARD", 2))
"""Studies in the archive: number, patient's name, how many instances."""
MANY = 1000


def made(folder: Path, study: int, name: str, number: int) -> Path:
    """An instance of a study."""
    uid = f"{ROOT}.{study}.{number}"
    sop_class = CT if number % 2 else MR
    values = (
        ((0x0008, 0x0016), "UI", sop_class),
        ((0x0008, 0x0018), "UI", uid),
        ((0x0008, 0x0020), "DA", f"2020010{study}"),
        ((0x0008, 0x0030), "TM", "120000"),
        ((0x0008, 0x0050), "SH", f"A{study}"),
        ((0x0008, 0x0060), "CS", "CT" if number % 2 else "MR"),
        ((0x0010, 0x0010), "PN", name),
        ((0x0010, 0x0020), "LO", f"P{study}"),
        ((0x0020, 0x000D), "UI", f"{ROOT}.{study}"),
        ((0x0020, 0x000E), "UI", f"{ROOT}.{study}.0"),
        ((0x0020, 0x0010), "SH", f"S{study}"),
        ((0x0020, 0x0013), "IS", str(number)),
        ((0x7FE0, 0x0010), "OW", b"\1\2" * 5000),
    )
    return part10(folder, uid, b"".join(element(*value) for value in values), sop_class=sop_class)


class Qrscp(Server):
    """A dcmqrscp with a few studies, which knows one move destination, at a port of ours."""

    def __init__(self, folder: Path, studies: Sequence[tuple[int, str, int]] = STUDIES) -> None:
        self.destination = free_port()
        (folder / "archive").mkdir()
        configuration = folder / "dcmqrscp.cfg"
        configuration.write_text(
            "NetworkTCPPort = 104\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
            f"HostTable BEGIN\nmover = (MOVER, 127.0.0.1, {self.destination})\nHostTable END\n"
            "VendorTable BEGIN\nVendorTable END\n"
            f"AETable BEGIN\nARCHIVE {folder / 'archive'} RW (9, 1024mb) ANY\nAETable END\n",
            "utf-8",
        )
        super().__init__([dcmtk("dcmqrscp"), "-v", "-dhl", "-c", configuration, "PORT"], folder / "dcmqrscp.log")
        self.files = [made(folder, study, name, n) for study, name, count in studies for n in range(1, count + 1)]
        stored = run([dcmtk("storescu"), "-aec", "ARCHIVE", "127.0.0.1", self.port, *self.files])
        assert stored.code == 0, stored.said
        self.peer: list[object] = ["-aec", "ARCHIVE", "127.0.0.1", self.port]


@pytest.fixture(scope="module")
def qrscp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Qrscp]:
    with Qrscp(tmp_path_factory.mktemp("dcmqrscp")) as server:
        yield server


STUDY = ("-S", "-k", "QueryRetrieveLevel=STUDY")
FINDS: list[tuple[str, tuple[str, ...], int, int, int]] = [
    ("study root", (*STUDY, "-k", "PatientName=DOE*", "-k", "StudyInstanceUID", "-k", "StudyDate"), 1, 0, 0),
    ("by tag", ("-S", "-k", "0008,0052=STUDY", "-k", "(0010,0020)=P2", "-k", "(0020,000d)"), 1, 0, 0),
    ("a range of dates", (*STUDY, "-k", "StudyDate=20200101-20200102", "-k", "StudyInstanceUID"), 2, 0, 0),
    ("patient root", ("-P", "-k", "QueryRetrieveLevel=PATIENT", "-k", "PatientName", "-k", "PatientID"), 2, 0, 0),
    ("patient/study only", ("-O", "-k", "QueryRetrieveLevel=PATIENT", "-k", "PatientID=P1"), 1, 0, 0),
    ("images", ("-S", "-k", "QueryRetrieveLevel=IMAGE", "-k", f"StudyInstanceUID={ROOT}.1",
                "-k", f"SeriesInstanceUID={ROOT}.1.0", "-k", "SOPInstanceUID", "-k", "InstanceNumber"), 3, 0, 0),
    ("a list of UIDs", (*STUDY, "-k", f"StudyInstanceUID={ROOT}.1\\{ROOT}.2"), 2, 0, 0),
    ("implicit", ("-xi", *STUDY, "-k", "StudyInstanceUID"), 2, 0, 0),
    ("big endian", ("-xb", *STUDY, "-k", "StudyInstanceUID"), 2, 0, 0),
    ("repeated", ("--repeat", "2", *STUDY, "-k", "StudyInstanceUID"), 4, 0, 0),
    ("no match", (*STUDY, "-k", "PatientID=NOBODY"), 0, 0, 0),
    ("limited", ("-Xlo", "1", *STUDY, "-k", "StudyInstanceUID"), 1, 0, 0),
    # DCMTK's tool ends with 0 whatever the final status was; ours tells of it.
    ("a wrong level", ("-S", "-k", "QueryRetrieveLevel=NONSENSE", "-k", "PatientID"), 0, 0, 69),
    # DCMTK's tool ends with 2 for whatever keeps it from asking; ours tells what.
    ("no such model", ("-W", "-k", "PatientName"), 0, 2, 65),
]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "found", "theirs", "ours"), [row[1:] for row in FINDS], ids=[row[0] for row in FINDS]
)
def test_findscu_beside_dcmtk_s(
    qrscp: Qrscp, tmp_path: Path, words: tuple[str, ...], found: int, theirs: int, ours: int, proven: Proven
) -> None:
    folders = [tmp_path / "theirs", tmp_path / "ours"]
    for folder, command, code in zip(folders, ([dcmtk("findscu")], dulcet("findscu")), (theirs, ours), strict=True):
        folder.mkdir()
        ended = run([*command, "-X", "-od", folder, *words, *qrscp.peer])
        assert ended.code == code, ended.said
    assert told("findscu", theirs, ours)
    one, other = (sorted(folder.iterdir()) for folder in folders)
    assert [path.name for path in other] == [f"rsp{n:04}.dcm" for n in range(1, found + 1)]
    if "--repeat" not in words:  # DCMTK's numbers have gaps then: it counts the final responses, too
        assert [path.name for path in one] == [path.name for path in other]
    assert list(map(plain, one)) == list(map(plain, other))
    proven(QRSCP, "SCU", "C-FIND", "drop-in")


def plain(path: Path) -> Any:
    """The responses' elements; DCMTK's own Retrieve AE Title and all."""
    found = read(path)
    return {element.tag: (element.VR, str(element.value).strip()) for element in found}


def test_findscu_s_own_ways(qrscp: Qrscp, proven: Proven) -> None:
    words = (*STUDY, "-k", "PatientName", "-k", "StudyInstanceUID", "-k", "StudyDate=20200102", *qrscp.peer)
    ended = run(dulcet("findscu", *words))
    assert ended.said.splitlines()[:2] == [
        "StudyDate\tPatientName\tStudyInstanceUID",
        f"20200102\tROE^RICHARD\t{ROOT}.2",
    ]
    match, response, summary = map(json.loads, run(dulcet("findscu", "--json", *words)).said.splitlines())
    assert match["dataset"]["00100010"]["Value"] == [{"Alphabetic": "ROE^RICHARD"}]
    assert (response["status"], summary["matches"], summary["exit_code"]) == ("0x0000", 1, 0)
    ended = run(dulcet("findscu", "--relational", "--fuzzy-names", *words))
    assert (ended.code, ended.said.count("the peer does not grant")) == (0, 2)
    proven(QRSCP, "SCU", "C-FIND", "table", "JSON", "extended negotiation refused")


def test_findscu_with_query_files(qrscp: Qrscp, tmp_path: Path, proven: Proven) -> None:
    """The files DCMTK's own tool extracts are queries for ours, and the other way round."""
    for n, (command, other) in enumerate(
        (([dcmtk("findscu")], dulcet("findscu")), (dulcet("findscu"), [dcmtk("findscu")]))
    ):
        folder, again = tmp_path / f"first{n}", tmp_path / f"again{n}"
        folder.mkdir()
        again.mkdir()
        words: tuple[object, ...] = ("-X", "-od", folder, *STUDY, "-k", "StudyInstanceUID", "-k", "PatientID")
        assert run([*command, *words, *qrscp.peer]).code == 0
        files = sorted(folder.iterdir())
        ended = run([*other, "-X", "-od", again, "-S", "-k", "PatientName", *qrscp.peer, *files])
        assert ended.code == 0, ended.said
        assert [str(read(path).PatientName) for path in sorted(again.iterdir())] == ["DOE^JANE", "ROE^RICHARD"]
    proven(QRSCP, "SCU", "C-FIND", "query files")


RETRIEVES: list[tuple[str, tuple[str, ...], int, int, int]] = [
    ("study root", (*STUDY, "-k", f"StudyInstanceUID={ROOT}.1"), 3, 0, 0),
    ("by tag", ("-S", "-k", "0008,0052=STUDY", "-k", f"0020,000d={ROOT}.2"), 2, 0, 0),
    ("patient root", ("-P", "-k", "QueryRetrieveLevel=PATIENT", "-k", "PatientID=P1"), 3, 0, 0),
    ("the default model", ("-k", "QueryRetrieveLevel=PATIENT", "-k", "PatientID=P2"), 2, 0, 0),
    ("an image", ("-S", "-k", "QueryRetrieveLevel=IMAGE", "-k", f"StudyInstanceUID={ROOT}.1",
                  "-k", f"SeriesInstanceUID={ROOT}.1.0", "-k", f"SOPInstanceUID={ROOT}.1.2"), 1, 0, 0),
    ("implicit", ("-xi", "+xi", *STUDY, "-k", f"StudyInstanceUID={ROOT}.1"), 3, 0, 0),
    ("preferring JPEG", ("+xy", *STUDY, "-k", f"StudyInstanceUID={ROOT}.1"), 3, 0, 0),
    ("no match", (*STUDY, "-k", "StudyInstanceUID=1.2.3"), 0, 0, 0),
]  # fmt: skip
GETS = [
    ("bit preserving", ("+B", *STUDY, "-k", f"StudyInstanceUID={ROOT}.1"), 3, 0, 0),
    ("ignored", ("--ignore", *STUDY, "-k", f"StudyInstanceUID={ROOT}.1"), 0, 0, 0),
]
"""DCMTK's movescu writes to the current directory with +B, whatever -od says."""
MOVES = [
    ("nowhere known", (*STUDY, "-aem", "NOWHERE", "-k", f"StudyInstanceUID={ROOT}.1"), 0, 69, 69),
    ("written as data sets", ("-F", *STUDY, "-k", f"StudyInstanceUID={ROOT}.1"), 3, 0, 0),
    ("written implicit", ("+ti", *STUDY, "-k", f"StudyInstanceUID={ROOT}.1"), 3, 0, 0),
    ("ignored", ("--ignore", *STUDY, "-k", f"StudyInstanceUID={ROOT}.1"), 0, 0, 0),
    ("accepting all", ("+xa", *STUDY, "-k", f"StudyInstanceUID={ROOT}.1"), 3, 0, 0),
]


def retrieved(qrscp: Qrscp, tool: str, folders: list[Path], words: tuple[object, ...], codes: tuple[int, int]) -> None:
    """Run both, each into a folder of its own."""
    assert told(tool, *codes)
    for folder, command, code in zip(folders, ([dcmtk(tool)], dulcet(tool)), codes, strict=True):
        folder.mkdir()
        where = () if "--ignore" in words else ("-od", folder)
        ended = run([*command, *where, *words, *qrscp.peer])
        assert ended.code == code, ended.said


def compare(qrscp: Qrscp, folders: list[Path], number: int, syntax: str | None = None) -> None:
    """The same instances in both, with their content, in the same transfer syntax or in this one."""
    theirs, ours = ({uid_of(path): path for path in folder.iterdir()} for folder in folders)
    originals = {uid_of(path): path for path in qrscp.files}
    assert theirs.keys() == ours.keys()
    assert len(ours) == number
    for uid, path in ours.items():
        assert same_content(path, originals[uid])
        if syntax is None:
            assert syntax_of(path) == syntax_of(theirs[uid])
        else:
            assert syntax_of(path) == syntax


@pytest.mark.parametrize(
    ("words", "came", "theirs", "ours"),
    [row[1:] for row in RETRIEVES + GETS],
    ids=[row[0] for row in RETRIEVES + GETS],
)
def test_getscu_beside_dcmtk_s(
    qrscp: Qrscp, tmp_path: Path, words: tuple[str, ...], came: int, theirs: int, ours: int, proven: Proven
) -> None:
    folders = [tmp_path / "theirs", tmp_path / "ours"]
    retrieved(qrscp, "getscu", folders, words, (theirs, ours))
    compare(qrscp, folders, came, IMPLICIT if "+xi" in words else None)  # DCMTK's getscu takes explicit VR all the same
    if "+B" not in words:
        one, other = ({path.name for path in folder.iterdir()} for folder in folders)
        assert one == other
    proven(QRSCP, "SCU", "C-GET", "drop-in")


@pytest.mark.parametrize(
    ("words", "came", "theirs", "ours"),
    [row[1:] for row in RETRIEVES + MOVES],
    ids=[row[0] for row in RETRIEVES + MOVES],
)
def test_movescu_beside_dcmtk_s(
    qrscp: Qrscp, tmp_path: Path, words: tuple[str, ...], came: int, theirs: int, ours: int, proven: Proven
) -> None:
    folders = [tmp_path / "theirs", tmp_path / "ours"]
    here = ("-aet", "MOVER", "+P", qrscp.destination, *(() if "-aem" in words else ("-aem", "MOVER")))
    retrieved(qrscp, "movescu", folders, (*here, *words), (theirs, ours))
    names = [sorted(path.name for path in folder.iterdir()) for folder in folders]
    assert names[0] == names[1]
    if "-F" in words:
        assert len(names[1]) == came
    else:
        compare(qrscp, folders, came)
    proven(QRSCP, "SCU", "C-MOVE", "drop-in")


def test_several_query_files_on_one_association(qrscp: Qrscp, tmp_path: Path, proven: Proven) -> None:
    queries = [tmp_path / f"query{n}" for n in (1, 2)]
    for n, query in enumerate(queries, 1):
        query.write_text(f"QueryRetrieveLevel=STUDY\nStudyInstanceUID={ROOT}.{n}\n", "utf-8")
    for tool, more in (("getscu", ()), ("movescu", ("-aem", "MOVER", "+P", qrscp.destination))):
        folder = tmp_path / tool
        folder.mkdir()
        ended = run(dulcet(tool, "--json", "-S", *more, "-od", folder, *qrscp.peer, *queries))
        records = [json.loads(line) for line in ended.said.splitlines()]
        assert ended.code == 0, ended.said
        assert [record["completed"] for record in records if record["record"] == "response"] == [3, 2]
        assert records[-1]["completed"] == records[-1]["stored"] == len(list(folder.iterdir())) == 5
    proven(QRSCP, "SCU", "C-GET", "several queries")
    proven(QRSCP, "SCU", "C-MOVE", "several queries")


def test_an_unknown_move_destination_is_explained(qrscp: Qrscp, proven: Proven) -> None:
    ended = run(dulcet("movescu", "-aem", "NOWHERE", *STUDY, "-k", f"StudyInstanceUID={ROOT}.1", *qrscp.peer))
    assert ended.code == 69
    assert "0xA801" in ended.said
    assert "title, host and port must be in the peer's configuration" in ended.said
    proven(QRSCP, "SCU", "C-MOVE", "unknown destination explained")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Qrscp]:
    """One whose only study takes it longer to look through, and to send, than a C-CANCEL takes to come."""
    with Qrscp(tmp_path_factory.mktemp("large"), [(1, "DOE^JANE", MANY)]) as server:
        yield server


IMAGES = ("-S", "-k", "QueryRetrieveLevel=IMAGE", "-k", f"StudyInstanceUID={ROOT}.1",
          "-k", f"SeriesInstanceUID={ROOT}.1.0", "-k", "SOPInstanceUID")  # fmt: skip


@pytest.mark.parametrize("service", ["C-FIND", "C-MOVE"])
def test_cancel(large: Qrscp, tmp_path: Path, service: str, proven: Proven) -> None:
    """dcmqrscp looks for a C-CANCEL between its responses; what it then ends with is FE00H (PS3.7 9.3.2.3)."""
    moving = ("-aem", "MOVER", "+P", large.destination, "-od", tmp_path, *STUDY, "-k", f"StudyInstanceUID={ROOT}.1")
    words = ("findscu", *IMAGES) if service == "C-FIND" else ("movescu", *moving)
    ended = run(dulcet(*words, "--json", "--cancel", "1", *large.peer))
    assert ended.code == 75, ended.said
    assert "0xFE00" in ended.said
    records = [json.loads(line) for line in ended.said.splitlines() if line.startswith("{")]
    assert 0 < sum(each["record"] in ("match", "object") for each in records) < MANY
    proven(QRSCP, "SCU", "C-CANCEL", f"of a {service}")


# Worklists

PATIENTS = (("DOE^JANE", "CT", "20200101"), ("ROE^RICHARD", "MR", "20200102"))


@pytest.fixture(scope="module")
def worklist(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("wlmscpfs")
    (folder / "lists" / "WORKLIST").mkdir(parents=True)
    (folder / "lists" / "WORKLIST" / "lockfile").touch()
    for number, (name, modality, date) in enumerate(PATIENTS, 1):
        scheduled(folder / "lists" / "WORKLIST" / f"{number}.wl", number, name, modality, date)
    command = [dcmtk("wlmscpfs"), "-v", "-dhl", "-dfp", folder / "lists", "PORT"]
    with Server(command, folder / "wlmscpfs.log") as server:
        yield server


def scheduled(path: Path, number: int, name: str, modality: str, date: str) -> None:
    """An entry of a worklist."""
    step = Dataset()
    step.ScheduledStationAETitle, step.ScheduledProcedureStepStartDate = "STATION", date
    step.ScheduledProcedureStepStartTime, step.Modality = "090000", modality
    step.ScheduledPerformingPhysicianName, step.ScheduledProcedureStepDescription = "", "all of it"
    step.ScheduledStationName, step.ScheduledProcedureStepLocation = "", ""
    step.ScheduledProcedureStepID = f"STEP{number}"
    entry = Dataset()
    entry.AccessionNumber, entry.PatientName, entry.PatientID = f"A{number}", name, f"P{number}"
    entry.StudyInstanceUID, entry.RequestedProcedureID = f"{ROOT}.{number}", f"R{number}"
    entry.RequestedProcedureDescription = "everything"
    entry.ScheduledProcedureStepSequence = [step]
    entry.file_meta = FileMetaDataset()
    entry.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    entry.file_meta.MediaStorageSOPClassUID, entry.file_meta.MediaStorageSOPInstanceUID = "1.2.3", f"{ROOT}.{number}.9"
    entry.save_as(path, enforce_file_format=True)


STEP = "ScheduledProcedureStepSequence[0]"


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("-k", "PatientName", "-k", f"{STEP}.Modality=CT"), 1),
        (("-W", "-k", "PatientName=DOE*", "-k", "(0040,0100)[0].(0008,0060)"), 1),
        (("-k", "PatientID", "-k", f"{STEP}.ScheduledProcedureStepStartDate=20200101-20200102"), 2),
        (("-k", "PatientID", "-k", f"{STEP}.ScheduledStationAETitle=NOBODY"), 0),
        (("-k", "PatientName", "-k", "ScheduledProcedureStepSequence"), 2),
    ],
)
def test_worklists_beside_dcmtk_s_findscu(
    worklist: Server, tmp_path: Path, words: tuple[str, ...], found: int, proven: Proven
) -> None:
    folders = [tmp_path / "theirs", tmp_path / "ours"]
    for folder, command in zip(folders, ([dcmtk("findscu")], dulcet("findscu")), strict=True):
        folder.mkdir()
        ended = run([*command, "-X", "-od", folder, *words, "-aec", "WORKLIST", "127.0.0.1", worklist.port])
        assert ended.code == 0, ended.said
    one, other = (sorted(folder.iterdir()) for folder in folders)
    assert (
        [path.name for path in one] == [path.name for path in other] == [f"rsp{n:04}.dcm" for n in range(1, found + 1)]
    )
    assert list(map(plain, one)) == list(map(plain, other))
    proven("DCMTK wlmscpfs", "SCU", "Modality Worklist", "drop-in")


# Orthanc


def test_the_tools_with_orthanc(start_orthanc: Callable[..., Orthanc], tmp_path: Path, proven: Proven) -> None:
    """Found, fetched and moved, plain and compressed."""
    destination = free_port()
    orthanc = start_orthanc(**{f"DicomAlwaysAllow{verb}": True for verb in ("Find", "Get", "Move")})
    orthanc.knows("mover", "MOVER", destination)
    compressed = TEST_FILES / "MR_small_jp2klossless.dcm"
    plain_ones = [made(tmp_path, 7, "POE^EDGAR", number) for number in (1, 2)]
    for file in (*plain_ones, compressed):
        orthanc.put(file)
    peer = ("-aec", orthanc.title, "127.0.0.1", orthanc.port)
    ended = run(dulcet("findscu", "--json", *STUDY, "-k", "PatientName=POE*", "-k", "StudyInstanceUID", *peer))
    assert ended.code == 0, ended.said
    assert json.loads(ended.said.splitlines()[0])["dataset"]["0020000D"]["Value"] == [f"{ROOT}.7"]
    for tool, more in (("getscu", ()), ("movescu", ("-aem", "MOVER", "+P", destination))):
        for option, wanted in (("+x=", plain_ones), ("+xa", plain_ones), ("+xv", [compressed])):
            folder = tmp_path / f"{tool}{option}"
            folder.mkdir()
            study = str(read(wanted[0]).StudyInstanceUID)
            ended = run(dulcet(tool, *more, option, "-od", folder, *STUDY, "-k", f"StudyInstanceUID={study}", *peer))
            assert ended.code == 0, ended.said
            came = {uid_of(path): path for path in folder.iterdir()}
            assert came.keys() == set(map(uid_of, wanted))
            assert all(same_content(came[uid_of(file)], file) for file in wanted)
    proven("Orthanc", "SCU", "C-FIND", "findscu")
    proven("Orthanc", "SCU", "C-GET", "getscu, plain and JPEG 2000")
    proven("Orthanc", "SCU", "C-MOVE", "movescu, plain and JPEG 2000")
