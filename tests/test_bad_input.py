"""Bad input for every tool: a clear sentence that names what and where, the right exit code, the rest still done."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import bad_peers
import pytest
from bad_peers import closed, dangling, disk_full, empty, prose, unreachable
from dulcet.services.entity import Entity
from dulcet.services.errors import AssociationRejected
from dulcet.services.query.query import Query
from dulcet.services.query.retrieve import Retrieve
from dulcet.services.scp import SCP
from dulcet.services.scu import SCU
from dulcet.services.storage.storage import Storage
from dulcet.services.verification import Verification
from ports import free_port
from pydicom.dataset import Dataset
from tool_runs import LIMIT, SERVERS, Ran, Tool, dicom_file, names, process, serving
from wire_peers import Wire, answering

pytestmark = pytest.mark.usefixtures("here")
SENDERS = ("storescu", "dcmsend")
ASKERS = ("findscu", "getscu", "movescu")
CALLERS = ("echoscu", *SENDERS, *ASKERS, "termscu")
KEYS = ("-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2")
FILES = {
    closed: "Too many levels of symbolic links",
    dangling: "No such file or directory",
    empty: "empty",
    prose: "",  # what is wrong with it depends on what it was taken for
}
"""Files from which nothing comes, and why not."""


@pytest.fixture
def good(tmp_path: Path) -> list[Path]:
    """Two files as they should be."""
    return [dicom_file(tmp_path / f"{number}.dcm", f"1.2.{number}") for number in (1, 2)]


def work(tool: str, good: list[Path]) -> list[object]:
    """What a calling tool is given to do."""
    if tool in SENDERS:
        return [good[0]]
    return list(KEYS) if tool in ASKERS else []


def archive(folder: Path, files: list[Path], **destinations: Entity) -> SCP:
    """A peer that takes what it is sent, and has one study of these files."""
    study = Dataset()
    study.StudyInstanceUID = "1.2"
    services = [
        Verification(),
        Storage(folder / "archive"),
        Query(lambda _keys, _operation: [study]),
        Retrieve(lambda _keys, _operation: files, destinations),
    ]
    return SCP("ANY-SCP", services)


def clear(text: str) -> None:
    """No numbers of the system, no traceback."""
    assert "Errno" not in text
    assert "Traceback" not in text
    assert "None" not in text


# ---- peers ----


class Fault(NamedTuple):
    script: Callable[[Wire], object]
    code: int
    said: str
    termscu: int = 1
    """What termscu ends with: to accept the association is not to stop, whatever comes later."""


FAULTS = (
    Fault(bad_peers.wrong_title, 61, "called-AE-title-not-recognized", termscu=61),
    Fault(bad_peers.busy, 61, "local-limit-exceeded", termscu=61),
    Fault(bad_peers.no_context, 65, "abstract-syntax-not-supported"),
    Fault(bad_peers.aborts, 70, "aborted by the peer's service user"),
    Fault(bad_peers.aborts_as_provider, 72, "aborted by the peer's service provider"),
    Fault(bad_peers.closes, 73, "association lost"),
    Fault(bad_peers.babbles, 72, "unrecognized PDU type", termscu=72),
    Fault(bad_peers.silent, 74, "waited 0.2 s for"),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.script.__name__)
@pytest.mark.parametrize("name", CALLERS)
def test_a_peer_that_fails(tool: Tool, good: list[Path], name: str, fault: Fault) -> None:
    patience = ["-ta" if name == "termscu" else "-td", "0.2"] if fault.script is bad_peers.silent else []
    with answering(fault.script) as peer:
        ran = tool(name, *patience, peer.host, peer.port, *work(name, good))
    assert ran.code == (fault.termscu if name == "termscu" else fault.code), ran
    where = f"ANY-SCP@{peer.host}:{peer.port}"
    assert where in ran.err or (name in SENDERS and str(good[0]) in ran.err) or (name == "termscu" and where in ran.out)
    assert (name == "termscu" and fault.script is bad_peers.no_context) or fault.said in ran.err
    clear(ran.err)


@pytest.mark.parametrize("name", CALLERS)
def test_a_peer_that_cannot_be_reached(tool: Tool, good: list[Path], name: str) -> None:
    with unreachable() as port:
        ran = tool(name, "-to", "0.2", "127.0.0.1", port, *work(name, good))
    assert ran.code == 60
    assert f"ANY-SCP@127.0.0.1:{port} cannot be reached: no connection within 0.2 s\n" in ran.err
    clear(ran.err)


@pytest.mark.parametrize("name", CALLERS)
def test_a_port_where_nobody_listens(tool: Tool, good: list[Path], name: str) -> None:
    port = free_port()
    ran = tool(name, "127.0.0.1", port, *work(name, good))
    assert ran.code == 60
    assert f"ANY-SCP@127.0.0.1:{port} cannot be reached: 127.0.0.1 port {port}: Connection refused\n" in ran.err
    clear(ran.err)


@pytest.mark.parametrize("name", SENDERS)
def test_an_association_lost_between_files(tool: Tool, good: list[Path], tmp_path: Path, name: str) -> None:
    more = dicom_file(tmp_path / "3.dcm", "1.2.3")
    with answering(bad_peers.lost_at_the_second) as peer:
        ran = tool(name, "--json", peer.host, peer.port, *good, more)
    assert ran.code == 73
    stored = [(Path(each["file"]).name, each["status"]) for each in ran.records if each["record"] == "store"]
    assert stored == [("1.dcm", "0x0000"), ("2.dcm", None), ("3.dcm", None)]
    assert (ran.summary["stored"], ran.summary["files"]) == (1, 3)


# ---- files ----


@pytest.mark.parametrize("made", FILES, ids=lambda made: made.__name__)
@pytest.mark.parametrize("name", SENDERS)
def test_a_bad_file_among_good_ones(
    tool: Tool, good: list[Path], tmp_path: Path, name: str, made: Callable[[Path], Path]
) -> None:
    bad = made(tmp_path)
    with archive(tmp_path, good).running() as running:
        ran = tool(name, "-nh", "127.0.0.1", running.port, good[0], bad, good[1])
        alone = tool(name, "127.0.0.1", running.port, bad)
    assert (ran.code, alone.code) == (22, 23)
    assert names(tmp_path / "archive") == ["CT.1.2.1", "CT.1.2.2"]
    assert ran.out.startswith("2 of 3 files stored at ")
    for each in (ran, alone):
        assert each.err.startswith(f"E: not sent file={bad} why=")
        assert FILES[made] in each.err
        clear(each.err)


@pytest.mark.parametrize("made", FILES, ids=lambda made: made.__name__)
@pytest.mark.parametrize("name", ASKERS)
def test_a_bad_query_among_good_ones(
    tool: Tool, good: list[Path], tmp_path: Path, name: str, made: Callable[[Path], Path]
) -> None:
    query = tmp_path / "query"
    query.write_text("QueryRetrieveLevel=STUDY\nStudyInstanceUID=1.2\n")
    bad = made(tmp_path)
    with (
        archive(tmp_path, []).running() as station,
        archive(tmp_path, good, MOVESCU=station.entity).running() as running,
    ):
        ran = tool(name, "--json", "-S", "127.0.0.1", running.port, query, bad, query)
        alone = tool(name, "-S", "127.0.0.1", running.port, bad)
    assert (ran.code, alone.code) == (22, 23)
    assert [each["status"] for each in ran.records if each["record"] == "response"] == ["0x0000", "0x0000"]
    for each in (ran, alone):
        assert each.err.startswith(f"E: not asked file={bad} why=")
        assert FILES[made] in each.err
        clear(each.err)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("PatientNaem=DOE", "PatientNaem is no keyword of the data dictionary (PS3.6); did you mean PatientName"),
        ("(0010,00)=DOE", "character 1: here a keyword or a tag is wanted, as PatientID or (0010,0020)"),
        ("ScheduledProcedureStepSequence[x].Modality", "character"),
    ],
)
@pytest.mark.parametrize("name", ASKERS)
def test_a_wrong_key(tool: Tool, name: str, key: str, said: str) -> None:
    ran = tool(name, "127.0.0.1", free_port(), "-k", key)
    assert ran.code == 2
    assert ran.err.startswith(f"dulcet {name}: -k {key.partition('=')[0]}")
    assert said in ran.err
    clear(ran.err)


@pytest.mark.parametrize("made", FILES, ids=lambda made: made.__name__)
@pytest.mark.parametrize("name", [*CALLERS, *SERVERS])
def test_a_wrong_private_key(
    tool: Tool, good: list[Path], tmp_path: Path, name: str, made: Callable[[Path], Path]
) -> None:
    bad = made(tmp_path)
    todo = work(name, good) if name in CALLERS else [tmp_path / "archive"] if name == "qrscp" else []
    where = ["127.0.0.1", free_port()] if name in CALLERS else ["--port", "0"] if name == "qrscp" else ["0"]
    ran = tool(name, "+tls", bad, bad, "-ic", *where, *todo)
    assert ran.code == 71
    assert ran.err.startswith(f"dulcet {name}: cannot ")
    assert str(bad) in ran.err
    clear(ran.err)


def test_what_an_archive_cannot_index(tool: Tool, good: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    folder.mkdir()
    empty(folder)
    prose(folder)
    closed(folder)  # links are not followed, so this one is no file
    dicom_file(folder / "good.dcm")
    ran = tool("qrscp", "--reindex", folder)
    assert (ran.code, ran.out) == (0, "1 object indexed, 2 files are none\n")
    told = sorted(line.rpartition("/")[2] for line in ran.err.splitlines())
    assert told == ["empty.dcm", "letter.dcm"]
    for number in range(20):
        (folder / f"note{number}").write_text("nothing")
    ran = tool("qrscp", "--reindex", folder)
    assert len(ran.err.splitlines()) == 11
    assert ran.err.splitlines()[-1] == f"W: not indexed: 12 files more directory={folder}"


# ---- a disk that is full ----


@pytest.fixture
def big(tmp_path: Path) -> Path:
    """A file that is larger than what the full disk takes."""
    return dicom_file(tmp_path / "big.dcm", "1.2.9", pixels=bytes(2 * bad_peers.FULL))


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_whose_disk_is_full(
    tool: Tool, good: list[Path], big: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    words = [folder] if name == "qrscp" else ["-od", folder]
    with serving(name, *words) as running, disk_full():
        results = list(SCU("ME").store(running.entity, [good[0], big, good[1]]))
    assert [result.status for result in results] == [0, 0xA700, 0]
    assert sorted(path.name.removesuffix(".dcm") for path in folder.rglob("CT*")) == ["CT.1.2.1", "CT.1.2.2"]
    out, err = capsys.readouterr()
    assert f'E: cannot write directory={folder} why="File too large"\n' in err
    assert out == "2 objects stored, 1 not\n"


@pytest.mark.parametrize("name", ["getscu", "movescu"])
def test_a_retrieval_to_a_full_disk(tool: Tool, good: list[Path], big: Path, tmp_path: Path, name: str) -> None:
    port = free_port()
    me = Entity("MOVESCU", "127.0.0.1", port)
    here = ["+P", port] if name == "movescu" else []
    with archive(tmp_path, [good[0], big, good[1]], MOVESCU=me).running() as running, disk_full():
        ran = tool(name, *here, "127.0.0.1", running.port, *KEYS)
    assert ran.code == 43
    assert sorted(os.listdir()) == ["CT.1.2.1", "CT.1.2.2"]
    assert 'E: cannot write directory=. why="File too large"\n' in ran.err
    assert "2 objects retrieved from " in ran.out
    assert "1 failed" in ran.out
    clear(ran.err)


def test_responses_to_a_full_disk(tool: Tool, tmp_path: Path) -> None:
    Path("rsp0001.dcm").symlink_to("/dev/full")
    Path("all.xml").symlink_to("/dev/full")
    with archive(tmp_path, []).running() as running:
        ran = tool("findscu", "--repeat", 2, "-X", "-Xs", "all.xml", "127.0.0.1", running.port, *KEYS)
    assert ran.code == 43
    assert ran.err.splitlines()[:2] == [
        'E: not written file=rsp0001.dcm why="No space left on device"',
        'E: not written file=all.xml why="No space left on device"',
    ]
    assert Path("rsp0002.dcm").stat().st_size > 100


@pytest.mark.parametrize("option", ["+crf", "--report-json"])
def test_a_report_to_a_full_disk(tool: Tool, good: list[Path], tmp_path: Path, option: str) -> None:
    Path("report").symlink_to("/dev/full")
    with archive(tmp_path, []).running() as running:
        ran = tool("dcmsend", option, "report", "127.0.0.1", running.port, *good)
    assert ran.code == 43
    assert names(tmp_path / "archive") == ["CT.1.2.1", "CT.1.2.2"]
    assert ran.err == "E: no report: /dev/full: No space left on device\n"
    assert ran.out.startswith("2 of 2 files stored at ")
    assert Path("report").is_char_device()


def test_what_was_acknowledged_does_not_fit_on_the_disk(tool: Tool, good: list[Path], tmp_path: Path) -> None:
    head = b'{"dulcet": "dcmsend", "version": 1}\n'
    Path("sent").write_bytes(head + b" " * (bad_peers.FULL - len(head) - 1) + b"\n")
    with archive(tmp_path, []).running() as running, disk_full():
        ran = tool("dcmsend", "--resume", "sent", "127.0.0.1", running.port, *good)
    assert ran.code == 43
    assert names(tmp_path / "archive") == ["CT.1.2.1", "CT.1.2.2"]
    assert ran.err == "E: sent: File too large (--resume): what follows is not remembered\n"
    assert ran.out.startswith("2 of 2 files stored at ")


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["table"],
        ["findscu", "--help"],
        ["echoscu"],
        ["echoscu", "--json"],
        ["storescu", "--json"],
        ["findscu", *KEYS],
        ["findscu", "--json", *KEYS],
        ["getscu", *KEYS],
        ["getscu", "--json", *KEYS],
        ["movescu", "-aem", "STATION", *KEYS],
        ["movescu", "-aem", "STATION", "--json", *KEYS],
        ["dcmsend"],
        ["dcmsend", "--json"],
        ["termscu"],
        ["termscu", "--json"],
    ],
    ids=" ".join,
)
def test_standard_output_on_a_full_disk(good: list[Path], tmp_path: Path, words: list[str]) -> None:
    station = SCP("STATION", [Storage(tmp_path / "station")]).running()
    with (
        station as there,
        archive(tmp_path, good, STATION=there.entity).running() as running,
        Path("/dev/full").open("w") as full,
    ):
        peer = ["127.0.0.1", running.port] if words[-1] not in ("--help", "table") else []
        files = good if words[0] in SENDERS else []
        with process(*words, *peer, *files, cwd=tmp_path, stdout=full) as ran:
            err = ran.communicate(timeout=LIMIT)[1]
    name = "dulcet" if words == ["--help"] else f"dulcet {words[0]}"
    assert (ran.returncode, err) == (43, f"{name}: standard output: No space left on device\n")


def test_a_device_remembers_nothing(tool: Tool, good: list[Path]) -> None:
    ran = tool("dcmsend", "--resume", "/dev/full", "127.0.0.1", free_port(), *good)
    assert (ran.code, ran.err) == (43, "dulcet dcmsend: /dev/full: no regular file (--resume)\n")


# ---- servers and their callers ----


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def start(server: str, folder: Path) -> list[object]:
    """The words that start a server on a directory, where it takes one called title only."""
    folder.mkdir(exist_ok=True)
    title: list[object] = ["-aet", "MINE"] if server == "dcmrecv" else ["-aet", "MINE", "--check-called-aetitle"]
    return [*title, folder] if server == "qrscp" else [*title, "-od", folder]


@pytest.mark.parametrize(
    ("caller", "said"),
    [
        (bad_peers.aborts_halfway, "peer's service user"),
        (bad_peers.vanishes_halfway, 'cause="transport connection closed" state=Sta6'),
        (bad_peers.knocks_wrongly, "unrecognized PDU type 0x47"),
    ],
)
def test_a_caller_that_fails(
    good: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    server: str,
    caller: Callable[[int, str], None],
    said: str,
) -> None:
    folder = tmp_path / "in"
    with serving(server, *start(server, folder)) as running:
        caller(running.port, "MINE")
        (result,) = SCU("ME").store(running.entity, good[:1])
    assert result.stored
    assert [path.name.removesuffix(".dcm") for path in folder.rglob("CT*")] == ["CT.1.2.1"]
    assert not [name for name in names(folder) if "66" in name]
    out, err = capsys.readouterr()
    assert said in err
    assert "peer=127.0.0.1" in err
    assert out == "1 object stored\n"
    clear(err)


def test_a_caller_with_a_wrong_title(
    good: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], server: str
) -> None:
    with serving(server, "-v", *start(server, tmp_path / "in")) as running:
        with pytest.raises(AssociationRejected) as rejected:
            list(SCU("ME").store(running.entity._replace(title="YOURS"), good))
        assert all(result.stored for result in SCU("ME").store(running.entity, good))
    assert (rejected.value.source, rejected.value.reason) == (1, 7)
    err = capsys.readouterr().err
    assert "association rejected" in err
    assert "called=YOURS" in err


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that is not free."""
    with socket.create_server(("", 0)) as listener:
        yield int(listener.getsockname()[1])


@pytest.mark.parametrize("name", [*SERVERS, "movescu"])
def test_a_port_that_is_taken(tool: Tool, tmp_path: Path, taken: int, name: str) -> None:
    words = {"qrscp": ["--port", taken, tmp_path / "in"], "movescu": ["+P", taken, "127.0.0.1", free_port(), *KEYS]}
    ran = tool(name, *words.get(name, [taken]))
    assert (ran.code, ran.out) == (64, "")
    assert ran.err == f"dulcet {name}: cannot listen on port {taken}: Address already in use\n"


@pytest.mark.parametrize("name", [*SERVERS, "findscu", "getscu", "movescu"])
def test_a_directory_that_is_none(tool: Tool, good: list[Path], name: str) -> None:
    words: list[object] = [0]
    if name in ASKERS:
        words = ["-X"] * (name == "findscu") + ["+P", 0] * (name == "movescu") + ["127.0.0.1", free_port(), *KEYS]
    ran: Ran = tool(name, *(["--port", 0, good[0]] if name == "qrscp" else ["-od", good[0], *words]))
    assert ran.code == 45
    assert ran.err.startswith(f"dulcet {name}: {good[0]}: ")
    clear(ran.err)
