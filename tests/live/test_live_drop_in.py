"""echoscu, storescu and termscu in the place of DCMTK's: everyday command lines, run with DCMTK's tool and with ours
against the same peer. The same arrives; the exit codes are the same, or the manual tells why they are not. And what no
tool can even begin; what the others do stands in `test_live_query_tools` and `test_live_bulk`."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bad_peers
import pytest
from data_sets import BIG_ENDIAN, IMPLICIT
from live_instances import CT, TEST_FILES, instance, same_content, syntax_of
from live_peers import Pynetdicom, Server, configuration, dcmtk, dulcet, run, told
from ports import free_port
from wire_peers import Wire, answering

pytestmark = pytest.mark.usefixtures("dcmtk")
Proven = Callable[..., None]


def both(tool: str, *words: object) -> tuple[int, int]:
    """The exit codes of DCMTK's tool and of ours, which must say in words how it ended."""
    theirs, ours = run([dcmtk(tool), *words]), run([*dulcet(tool), *words])
    assert bool(ours.said.strip()) == ("-q" not in words or ours.code != 0), "our last line says what happened"
    assert told(tool, theirs.code, ours.code), f"{theirs.code} and {ours.code}, and the manual does not say why"
    return theirs.code, ours.code


SENT = {"storescu": ["ct.dcm"], "dcmsend": ["ct.dcm"]}
"""What the senders send where something has to be sent."""

# C-ECHO

PEER, REFUSING, NOBODY = "PEER", "REFUSING", "NOBODY"
"""Stand for the ports of a storescp, of one that refuses everybody, and of nobody."""


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """What those words stand for."""
    folder = tmp_path_factory.mktemp("storescp")
    common = [dcmtk("storescp"), "-dhl", "--ignore"]
    with (
        Server([*common, "PORT"], folder / "peer.log") as peer,
        Server([*common, "--refuse", "PORT"], folder / "refusing.log") as refusing,
    ):
        yield {PEER: peer.port, REFUSING: refusing.port, NOBODY: free_port()}


@pytest.mark.parametrize(
    ("words", "theirs", "ours"),
    [
        (("localhost", PEER), 0, 0),
        (("-v", "localhost", PEER), 0, 0),
        (("-d", "127.0.0.1", PEER), 0, 0),
        (("-aet", "ME", "-aec", "STORESCP", "localhost", PEER), 0, 0),
        (("--aetitle", "ME", "--call", "STORESCP", "localhost", PEER), 0, 0),
        (("localhost", PEER, "-aec", "STORESCP"), 0, 0),
        (("-to", "5", "-ta", "5", "-td", "5", "localhost", PEER), 0, 0),
        (("-ts", "5", "-pdu", "16384", "localhost", PEER), 0, 0),
        (("--repeat", "3", "localhost", PEER), 0, 0),
        (("--abort", "localhost", PEER), 0, 0),
        (("-pts", "3", "-ppc", "4", "localhost", PEER), 0, 0),
        (("-q", "localhost", PEER), 0, 0),
        (("-q", "localhost", NOBODY), 1, 60),
        (("-to", "1", "localhost", NOBODY), 1, 60),
        (("localhost", REFUSING), 1, 61),
        (("--no-such-option", "localhost", PEER), 1, 2),
        (("localhost",), 1, 2),
        (("localhost", "no-port"), 1, 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_echoscu_in_the_place_of_dcmtk_s(
    ports: dict[str, int], words: tuple[str, ...], theirs: int, ours: int, proven: Proven
) -> None:
    assert both("echoscu", *(ports.get(word, word) for word in words)) == (theirs, ours)
    proven("DCMTK storescp", "SCU", "C-ECHO", "echoscu: command lines as DCMTK's")


# C-STORE


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the command lines name."""
    folder = tmp_path_factory.mktemp("files")
    for name, original in (("ct", "CT_small"), ("mr", "MR_small"), ("rle", "MR_small_RLE"), ("j2k", "JPEG2000")):
        shutil.copy(TEST_FILES / f"{original}.dcm", folder / f"{name}.dcm")
    (folder / "bad").write_bytes(b"no instance")
    (folder / "zero").touch()
    (folder / "none").mkdir()
    (folder / "tree" / "deeper").mkdir(parents=True)
    for number, name in enumerate(("one.dcm", "two", "deeper/three.dcm"), 1):
        (folder / "tree" / name).write_bytes(instance(folder, number).read_bytes())
    bare = instance(folder, 9).read_bytes()
    (folder / "bare").write_bytes(bare[bare.index(b"\x08\0\x16\0") :])
    configuration(folder, {CT: (IMPLICIT,)})
    return folder


STORES: list[tuple[tuple[str, ...], int, int, int]] = [
    (("ct.dcm",), 0, 0, 1),
    (("ct.dcm", "mr.dcm"), 0, 0, 2),
    (("-R", "ct.dcm", "mr.dcm"), 0, 0, 2),
    (("-aet", "ME", "-aec", "STORESCP", "ct.dcm"), 0, 0, 1),
    (("-to", "5", "-ta", "5", "-td", "5", "-pdu", "16384", "--max-send-pdu", "8192", "ct.dcm"), 0, 0, 1),
    (("+C", "ct.dcm"), 0, 0, 1),
    (("-xi", "ct.dcm"), 0, 0, 1),
    (("-xe", "mr.dcm"), 0, 0, 1),
    (("-xb", "ct.dcm"), 0, 0, 1),
    (("-xr", "rle.dcm"), 0, 0, 1),
    (("-xw", "j2k.dcm"), 0, 0, 1),
    (("-xs", "ct.dcm"), 0, 0, 1),  # uncompressed all the same
    (("+sd", "tree"), 0, 0, 2),
    (("+sd", "+r", "tree"), 0, 0, 3),
    (("+sd", "+r", "+sp", "*.dcm", "tree"), 0, 0, 2),
    (("+f", "ct.dcm", "bare"), 0, 0, 2),
    (("+fo", "ct.dcm"), 0, 0, 1),
    (("-f", "bare"), 0, 0, 1),
    (("--repeat", "2", "ct.dcm"), 0, 0, 1),
    (("--abort", "ct.dcm"), 0, 0, 1),
    (("-usr", "me", "-pwd", "secret", "ct.dcm"), 0, 0, 1),
    (("-xf", "associations.cfg", "LIVE", "ct.dcm"), 0, 0, 1),
    (("+II", "+IR", "2", "ct.dcm", "mr.dcm"), 0, 0, 2),
    (("-nh", "ct.dcm", "bad", "zero", "mr.dcm"), 0, 22, 2),
    (("-nh", "bad"), 0, 23, 0),
    (("-R", "ct.dcm", "bad"), 1, 22, 0),
    (("bad",), 1, 23, 0),
    (("zero",), 1, 23, 0),
    (("missing.dcm",), 1, 23, 0),
    (("+sd", "none"), 1, 21, 0),
    (("tree",), 1, 23, 0),
    (("-xf", "missing.cfg", "LIVE", "ct.dcm"), 1, 66, 0),
    ((), 1, 2, 0),
]
"""Command lines: DCMTK's exit code, ours, and how many files arrive."""


class Inbox(Server):
    """A storescp that takes every transfer syntax and keeps every byte."""

    def __init__(self, folder: Path) -> None:
        self.inbox = folder / "inbox"
        self.inbox.mkdir()
        command = [dcmtk("storescp"), "-dhl", "-pm", "+B", "+xa", "-od", self.inbox, "PORT"]
        super().__init__(command, folder / "storescp.log")

    def taken(self, folder: Path) -> dict[str, Path]:
        """What has come, by its name, and put away."""
        folder.mkdir()
        return {path.name: path.rename(folder / path.name) for path in sorted(self.inbox.iterdir())}


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inbox]:
    with Inbox(tmp_path_factory.mktemp("storescp")) as server:
        yield server


def stored(inbox: Inbox, tmp_path: Path, *words: str) -> tuple[list[int], list[dict[str, Path]]]:
    """The exit codes of both tools, and what arrived from each."""
    codes, arrived = [], []
    for name, command in (("theirs", [dcmtk("storescu")]), ("ours", dulcet("storescu"))):
        codes.append(run([*command, "localhost", inbox.port, *words]).code)
        arrived.append(inbox.taken(tmp_path / name))
    assert told("storescu", *codes), f"storescu ends with {codes}, and the manual does not say why"
    return codes, arrived


@pytest.mark.parametrize(
    ("words", "theirs", "ours", "arriving"), STORES, ids=[" ".join(row[0]) or "no file" for row in STORES]
)
def test_storescu_in_the_place_of_dcmtk_s(
    files: Path, inbox: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], theirs: int,
    ours: int, arriving: int, proven: Proven,
) -> None:  # fmt: skip
    monkeypatch.chdir(files)
    codes, (one, other) = stored(inbox, tmp_path, *words)
    assert codes == [theirs, ours]
    assert len(one) == len(other) == arriving
    if "+II" not in words:  # which invents new instances each time
        assert one.keys() == other.keys()
        for name, path in other.items():
            assert same_content(path, one[name])
            # DCMTK's sends what is uncompressed as it is whenever that was accepted, too; ours as was asked for first.
            assert syntax_of(path) == (BIG_ENDIAN if "-xb" in words else syntax_of(one[name]))
    proven("DCMTK storescp", "SCU", "C-STORE", "storescu: command lines as DCMTK's")


def test_a_bad_file_is_known_before_anything_is_sent(
    files: Path, inbox: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with DCMTK's -R: to propose what the files need, they are looked at first."""
    monkeypatch.chdir(files)
    codes, (one, other) = stored(inbox, tmp_path, "ct.dcm", "bad")
    assert (codes, len(one), len(other)) == ([1, 22], 1, 0)


@pytest.mark.parametrize(
    ("words", "theirs", "ours"), [((), 1, 65), (("-R",), 1, 65), (("-nh",), 0, 65)], ids=["", "-R", "-nh"]
)
def test_what_the_peer_takes_no_context_for(
    ports: dict[str, int], files: Path, words: tuple[str, ...], theirs: int, ours: int
) -> None:
    assert both("storescu", *words, "localhost", ports[PEER], files / "rle.dcm") == (theirs, ours)


@pytest.mark.parametrize(("peer", "theirs", "ours"), [(NOBODY, 1, 60), (REFUSING, 1, 61)])
def test_storescu_and_peers_that_will_not(
    ports: dict[str, int], files: Path, peer: str, theirs: int, ours: int
) -> None:
    assert both("storescu", "localhost", ports[peer], files / "ct.dcm") == (theirs, ours)


@pytest.mark.parametrize(
    ("tool", "answer", "theirs", "ours"),
    [
        ("storescu", {"status": 0xA700}, 167, 69),
        ("storescu", {"status": 0xC123}, 193, 69),
        ("storescu", {"status": 0x0122}, 1, 69),
        ("storescu", {"status": 0xB000}, 0, 68),
        ("storescu", {"abort": True}, 10, 70),
        ("storescu -nh", {"status": 0xA700}, 0, 69),
        ("storescu -nh", {"abort": True}, 1, 70),
        ("dcmsend", {"status": 0xA700}, 0, 69),
        ("dcmsend", {"status": 0xB000}, 0, 68),
        ("dcmsend", {"abort": True}, 62, 70),
    ],
    ids=str,
)
def test_senders_and_answers_that_are_no_success(
    pynetdicom: Pynetdicom, files: Path, tmp_path: Path, tool: str, answer: dict[str, Any], theirs: int, ours: int,
    proven: Proven,
) -> None:  # fmt: skip
    name, *words = tool.split()
    with pynetdicom.serving(keep=tmp_path, **answer) as port:
        assert both(name, *words, "localhost", port, files / "ct.dcm") == (theirs, ours)
    proven("pynetdicom", "SCU", "C-STORE", f"{name}: answers that are no success")


@pytest.mark.parametrize(
    ("tool", "script", "theirs", "ours"),
    [
        ("echoscu", bad_peers.no_context, 1, 65),
        ("echoscu", bad_peers.aborts, 0, 70),
        ("echoscu", bad_peers.closes, 0, 73),
        ("echoscu", bad_peers.responds(0x0122), 0, 69),
        ("echoscu", bad_peers.responds(0xB000), 0, 68),
        ("storescu", bad_peers.closes, 10, 73),
        ("storescu -nh", bad_peers.closes, 1, 73),
        ("dcmsend", bad_peers.closes, 62, 73),
        ("findscu -k PatientID", bad_peers.aborts, 0, 70),
        ("findscu -k PatientID", bad_peers.closes, 0, 73),
        ("findscu -k PatientID", bad_peers.responds(0xB000), 0, 68),
        ("getscu -k PatientID", bad_peers.aborts, 1, 70),
        ("getscu -k PatientID", bad_peers.closes, 1, 73),
        ("getscu -k PatientID", bad_peers.responds(0xA701), 0, 69),
        ("getscu -k PatientID", bad_peers.responds(0xB000), 0, 68),
    ],
)
def test_a_peer_that_fails_when_asked(
    files: Path, monkeypatch: pytest.MonkeyPatch, tool: str, script: Callable[[Wire], None], theirs: int, ours: int
) -> None:
    monkeypatch.chdir(files)
    name, *words = tool.split()
    with answering(script, script) as peer:  # one after the other
        assert both(name, *words, peer.host, peer.port, *SENT.get(name, ())) == (theirs, ours)


# Shutdown


@pytest.mark.parametrize(
    ("words", "theirs", "ours", "stops"),
    [
        (("-aec", "ARCHIVE"), 1, 0, True),
        (("-v", "-aet", "ME", "-aec", "ARCHIVE"), 1, 0, True),
        (("-pdu", "32768", "--call", "ARCHIVE"), 1, 0, True),
        ((), 1, 61, False),  # the called title is not one of its own
    ],
    ids=["by title", "both titles", "maximum length", "a wrong title"],
)
def test_termscu_in_the_place_of_dcmtk_s(
    tmp_path: Path, words: tuple[str, ...], theirs: int, ours: int, stops: bool, proven: Proven
) -> None:
    codes = []
    for name, command in (("theirs", [dcmtk("termscu")]), ("ours", dulcet("termscu"))):
        (tmp_path / name).mkdir()
        with archive(tmp_path / name) as server:
            codes.append(run([*command, *words, "localhost", server.port]).code)
            if stops:
                server.wait()  # its own exit status says nothing in this version
            assert server.running is not stops
    assert codes == [theirs, ours]
    assert told("termscu", *codes)
    proven("DCMTK dcmqrscp", "SCU", "Shutdown", "termscu: command lines as DCMTK's")


def archive(folder: Path) -> Server:
    """A dcmqrscp that may be told to stop."""
    (folder / "archive").mkdir()
    configured = folder / "dcmqrscp.cfg"
    configured.write_text(
        "NetworkTCPPort = 104\nMaxPDUSize = 16384\nMaxAssociations = 16\nHostTable BEGIN\nHostTable END\n"
        "VendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nARCHIVE {folder / 'archive'} RW (9, 1024mb) ANY\nAETable END\n",
        "ascii",
    )
    return Server([dcmtk("dcmqrscp"), "-dhl", "-c", configured, "--allow-shutdown", "PORT"], folder / "dcmqrscp.log")


@pytest.mark.parametrize(
    ("words", "theirs", "ours"),
    [(("localhost", PEER), 1, 1), (("localhost", NOBODY), 1, 60), (("localhost",), 1, 2)],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_termscu_and_peers_that_will_not(ports: dict[str, int], words: tuple[str, ...], theirs: int, ours: int) -> None:
    assert both("termscu", *(ports.get(word, word) for word in words)) == (theirs, ours)


# What cannot begin


@pytest.mark.parametrize(
    ("words", "theirs", "ours"),
    [
        ("storescp -od nowhere FREE", 1, 45),
        ("storescp PEER", 1, 64),
        ("storescp -xf nothing LIVE FREE", 1, 66),
        ("storescp", 0, 2),
        ("dcmrecv -od nowhere FREE", 45, 45),
        ("dcmrecv PEER", 64, 64),
        ("dcmrecv -xf nothing LIVE FREE", 66, 66),
        ("dcmrecv", 0, 2),
        ("dcmsend localhost NOBODY ct.dcm", 61, 60),
        ("dcmsend localhost REFUSING ct.dcm", 61, 61),
        ("findscu -k PatientID localhost NOBODY", 2, 60),
        ("findscu -k PatientID localhost REFUSING", 2, 61),
        ("findscu -X -od nowhere -k PatientID localhost PEER", 1, 45),
        ("getscu -k PatientID localhost NOBODY", 1, 60),
        ("getscu -k PatientID localhost REFUSING", 1, 61),
        ("getscu -k PatientID localhost PEER", 1, 65),
        ("getscu -od nowhere -k PatientID localhost PEER", 1, 45),
        ("movescu -aem ME -k PatientID localhost NOBODY", 61, 60),
        ("movescu -aem ME -k PatientID localhost REFUSING", 61, 61),
        ("movescu -aem ME -k PatientID localhost PEER", 66, 65),
        ("movescu -aem ME +P PEER -k PatientID localhost PEER", 60, 64),
        ("movescu -aem ME +P FREE -od nowhere -k PatientID localhost PEER", 45, 45),
        ("echoscu +tls nothing nothing localhost PEER", 1, 71),
        ("storescu +tls nothing nothing localhost PEER ct.dcm", 1, 71),
        ("findscu +tls nothing nothing -k PatientID localhost PEER", 1, 71),
        ("storescp +tls nothing nothing FREE", 1, 71),
    ],
)
def test_what_cannot_begin(
    ports: dict[str, int], files: Path, monkeypatch: pytest.MonkeyPatch, words: str, theirs: int, ours: int
) -> None:
    """The reasons of the manual, for all tools."""
    monkeypatch.chdir(files)
    tool, *rest = words.split()
    meant = ports | {"FREE": ports[NOBODY]}
    assert both(tool, *(meant.get(word, word) for word in rest)) == (theirs, ours)
