"""Bulk transfer with DCMTK, both ways: our dcmsend and DCMTK's receivers, DCMTK's senders and our dcmrecv; and each of
our tools in the place of DCMTK's, on the same command lines, against the same peer."""

import json
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pydicom
import pytest
from certificates import Certificates
from data_sets import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT
from live_instances import REAL, SYNTAXES, TEST_FILES, digests, instance, real_files, same_content, syntax_of, uid_of
from live_peers import Ended, Process, Server, configuration, dcmtk, dcmtk_tls, dulcet, run, told

Proven = Callable[..., None]
DICOMDIR = TEST_FILES / "dicomdirtests" / "DICOMDIR"
FOLDER = TEST_FILES / "dicomdirtests" / "98892003"
CLASSES = sorted({str(pydicom.dcmread(file, stop_before_pixels=True).SOPClassUID) for file in real_files()})


@contextmanager
def receiver(tool: str, folder: Path, *options: object) -> Iterator[Server]:
    """One of DCMTK's storage SCPs, or our dcmrecv or storescp as `dulcet dcmrecv`; stopped in order at the end."""
    folder.mkdir(exist_ok=True)
    name, ours = tool.removeprefix("dulcet "), tool.startswith("dulcet ")
    command = dulcet(name) if ours else [dcmtk(name)]
    with Server([*command, "-od", folder, *options, "PORT"], folder.parent / f"{folder.name}.log") as server:
        yield server
        if ours:
            server.send(signal.SIGTERM)
            assert server.wait() == 0


def everything(tmp_path: Path) -> list[object]:
    """DCMTK's dcmrecv takes what a profile says, and no more."""
    contexts = {uid: tuple(SYNTAXES) for uid in CLASSES} | {"1.2.840.10008.1.1": ("1.2.840.10008.1.2",)}
    return ["-xf", configuration(tmp_path, contexts), "LIVE"]


def received(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def sent(*words: object) -> Ended:
    """Our dcmsend."""
    return run(dulcet("dcmsend", *words))


# Our dcmsend.


def test_every_transfer_syntax_to_dcmrecv(tmp_path: Path, proven: Proven) -> None:
    files = list({uid_of(file): file for file in real_files()}.values())
    with receiver("dcmrecv", tmp_path / "in", "+B", *everything(tmp_path)) as peer:
        ended = sent("-nh", "localhost", peer.port, *files)
    assert ended.code == 0, ended
    assert digests(received(tmp_path / "in")) == digests(files)
    proven("DCMTK dcmrecv", "SCU", "C-STORE", "dcmsend: every transfer syntax")


def test_a_folder_to_storescp(tmp_path: Path, proven: Proven) -> None:
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    with receiver("storescp", tmp_path / "in", "+B", "+xa") as peer:
        ended = sent("+sd", "+r", "localhost", peer.port, FOLDER)
    assert ended.code == 0, ended
    assert digests(received(tmp_path / "in")) == digests(files)
    proven("DCMTK storescp", "SCU", "C-STORE", "dcmsend: a folder")


def test_several_at_a_time_to_storescp(tmp_path: Path, proven: Proven) -> None:
    files = [instance(tmp_path, number) for number in range(40)]
    with receiver("storescp", tmp_path / "in", "+B", "--fork") as peer:
        ended = sent("--json", "--jobs", 4, "localhost", peer.port, *files)
    assert (ended.code, json.loads(ended.said.splitlines()[-1])["associations"]) == (0, 4)
    assert digests(received(tmp_path / "in")) == digests(files)
    proven("DCMTK storescp", "SCU", "C-STORE", "dcmsend: 4 associations at a time")


def test_a_zip_file(tmp_path: Path, proven: Proven) -> None:
    archive = shutil.make_archive(str(tmp_path / "study"), "zip", FOLDER)
    with receiver("storescp", tmp_path / "in", "+B") as peer:
        ended = sent("localhost", peer.port, archive)
    assert ended.code == 0, ended
    assert digests(received(tmp_path / "in")) == digests([path for path in FOLDER.rglob("*") if path.is_file()])
    proven("DCMTK storescp", "SCU", "C-STORE", "dcmsend: a zip file")


def test_over_tls(tmp_path: Path, certificates: Certificates, proven: Proven) -> None:
    server, client = certificates.server, certificates.client
    options = dcmtk_tls(server, certificates.authority)
    file = instance(tmp_path, 1)
    with receiver("dcmrecv", tmp_path / "in", *options, *everything(tmp_path)) as peer:
        trust = ["+tls", client.key_file, client.certificate_file, "+cf", certificates.authority.certificate_file]
        ended = sent(*trust, "localhost", peer.port, file)
    assert ended.code == 0, ended
    assert len(received(tmp_path / "in")) == 1
    proven("DCMTK dcmrecv", "SCU", "C-STORE", "dcmsend: TLS")


def test_until_the_peer_is_there(tmp_path: Path, proven: Proven) -> None:
    """It is killed, and comes back while we try again."""
    files = [instance(tmp_path, number) for number in range(3)]
    with receiver("storescp", tmp_path / "in") as peer:
        port = peer.port
    words = ["-v", "--retry", 9, "--retry-delay", 0.2, "localhost", port, *files]
    with Process(dulcet("dcmsend", *words), tmp_path / "sent.log") as sender:
        sender.wait_for("trying again", 2)
        with Process([dcmtk("storescp"), "-od", tmp_path / "in", port], tmp_path / "again.log"):
            assert sender.wait() == 0, sender.said
    assert len(received(tmp_path / "in")) == 3
    proven("DCMTK storescp", "SCU", "C-STORE", "dcmsend: a peer that comes late")


# Our dcmrecv.


@pytest.mark.parametrize("sender", ["dcmsend", "storescu"])
def test_dcmtk_s_senders(tmp_path: Path, sender: str, proven: Proven) -> None:
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    with receiver("dulcet dcmrecv", tmp_path / "in") as peer:
        ended = run([dcmtk(sender), "+sd", "+r", "localhost", peer.port, FOLDER])
    assert ended.code == 0, ended
    assert digests(received(tmp_path / "in")) == digests(files)
    proven(f"DCMTK {sender}", "SCP", "C-STORE", "dcmrecv: a folder")


def test_compressed_as_it_is(tmp_path: Path, proven: Proven) -> None:
    compressed = [file for syntax, file in zip(REAL, real_files(), strict=True) if syntax not in UNCOMPRESSED]
    files = {uid_of(file): file for file in compressed}
    with receiver("dulcet dcmrecv", tmp_path / "in") as peer:
        ended = run([dcmtk("dcmsend"), "-dn", "localhost", peer.port, *files.values()])
    assert ended.code == 0, ended
    stored = {uid_of(file): file for file in received(tmp_path / "in")}
    assert stored.keys() == files.keys()
    for uid, file in stored.items():
        assert syntax_of(file) == syntax_of(files[uid])
        assert same_content(file, files[uid])
    proven("DCMTK dcmsend", "SCP", "C-STORE", "dcmrecv: every transfer syntax")


UNCOMPRESSED = (IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED)


def test_over_tls_to_ours(tmp_path: Path, certificates: Certificates, proven: Proven) -> None:
    server, client = certificates.server, certificates.client
    trust = ["+tls", server.key_file, server.certificate_file, "+cf", certificates.authority.certificate_file]
    with receiver("dulcet dcmrecv", tmp_path / "in", *trust) as peer:
        options = dcmtk_tls(client, certificates.authority)
        ended = run([dcmtk("storescu"), *options, "localhost", peer.port, instance(tmp_path, 1)])
    assert ended.code == 0, ended
    assert len(received(tmp_path / "in")) == 1
    proven("DCMTK storescu", "SCP", "C-STORE", "dcmrecv: TLS")


# In the place of DCMTK's.


def shapes(folder: Path) -> list[str]:
    """The names of files below a folder, with what is new each time left out."""
    names = (str(path.relative_to(folder)) for path in received(folder))
    shaped = (
        re.sub(r"(X\.)[0-9.]+$|(_)[0-9a-f]{16}|^[0-9]{14}\.[0-9]{6}|undef/[0-9]{8}", r"\1\2*", name) for name in names
    )
    return sorted(shaped)


@pytest.mark.parametrize(
    "options",
    [[], ["+fd"], ["+fu"], ["+fsu"], ["+fst"], ["+ssd"], ["+ssd", "+fsu"], ["-fe", ".dcm"], ["+B"], ["--ignore"]],
    ids=" ".join,
)
def test_dcmrecv_in_the_place_of_dcmtk_s(tmp_path: Path, options: list[str], proven: Proven) -> None:
    command = [dcmtk("dcmsend"), "+sd", "+r", "localhost"]
    codes, found = [], []
    for tool in ("dcmrecv", "dulcet dcmrecv"):
        folder = tmp_path / tool.replace(" ", "-")
        with receiver(tool, folder, *everything(tmp_path), *options) as peer:
            codes.append(run([*command, peer.port, FOLDER]).code)
        found.append(shapes(folder))
    assert codes == [0, 0]
    assert found[0] == found[1]
    assert bool(found[0]) == ("--ignore" not in options)
    proven("DCMTK dcmsend", "SCP", "C-STORE", "dcmrecv: names and folders as DCMTK's")


@pytest.mark.parametrize(
    "options", [[], ["+uf"], ["-tn"], ["-su", "st"], ["-su", ""], ["-ss", "st"], ["-sp"], ["-fe", ".dcm"]], ids=" ".join
)
def test_storescp_in_the_place_of_dcmtk_s(tmp_path: Path, options: list[str], proven: Proven) -> None:
    files = sorted(path for path in FOLDER.rglob("*") if path.is_file())
    codes, found = [], []
    for tool in ("storescp", "dulcet storescp"):
        folder = tmp_path / tool.replace(" ", "-")
        with receiver(tool, folder, *options) as peer:
            codes.append(run([dcmtk("storescu"), "localhost", peer.port, *files]).code)
        times = re.compile(r"[0-9]{8}_[0-9]{9}|^[0-9]{17}(_[0-9]{4})?\.")
        found.append(sorted(times.sub("*", name) for name in shapes(folder)))
    assert codes == [0, 0]
    assert found[0] == found[1]
    proven("DCMTK storescu", "SCP", "C-STORE", "storescp: names and folders as DCMTK's")


def test_what_storescp_runs_in_the_place_of_dcmtk_s(tmp_path: Path, proven: Proven) -> None:
    """A program on each object, which is told its directory and file, the titles, and the peer's address."""
    command = [dcmtk("storescu"), "-aet", "ME", "-aec", "YOU", "localhost"]
    copies: list[list[Path]] = []
    codes: list[int] = []
    for tool in ("storescp", "dulcet storescp"):
        copied = tmp_path / f"copied-by-{tool[:6]}"
        copied.mkdir()
        words = ["-dhl", "+B", "-xs", "-xcr", f"cp #p/#f {copied}/#a-#c-#r-#f"]
        with receiver(tool, tmp_path / tool.replace(" ", "-"), *words) as peer:
            codes.append(run([*command, peer.port, instance(tmp_path, 1), instance(tmp_path, 2)]).code)
        copies.append(received(copied))
    assert codes == [0, 0]
    theirs, ours = ([file.name for file in files] for files in copies)
    assert theirs == ours
    assert [name.startswith("ME-YOU-127.0.0.1-CT.") for name in ours] == [True, True]
    assert digests(copies[0]) == digests(copies[1])
    proven("DCMTK storescu", "SCP", "C-STORE", "storescp: -xcr as DCMTK's")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("name", ["storescp", "dcmrecv"])
def test_how_a_receiver_ends(tmp_path: Path, name: str, number: int) -> None:
    codes = []
    for folder, command in ((tmp_path / "theirs", [dcmtk(name)]), (tmp_path / "ours", dulcet(name))):
        folder.mkdir()
        with Server([*command, "-od", folder, "PORT"], tmp_path / f"{folder.name}.log") as server:
            server.send(number)
            code = server.wait()
            codes.append(code if code >= 0 else 128 - code)  # as a shell tells it
    assert codes == [128 + number, 0]
    assert told(name, *codes)


@pytest.mark.parametrize(
    ("words", "theirs", "ours"),
    [
        (["a.dcm"], 0, 0),
        (["+f", "a.dcm", "bare"], 0, 0),
        (["-f", "bare"], 0, 0),
        (["+sd", "folder"], 0, 0),
        (["+sd", "+r", "folder"], 0, 0),
        (["+sd", "+r", "+sp", "*.dcm", "folder"], 0, 0),
        (["folder"], 21, 21),
        (["+sd", "empty"], 21, 21),
        (["a.dcm", "bad"], 22, 22),
        (["-nh", "a.dcm", "bad"], 0, 22),  # it says so when a file was left out
        (["bad"], 22, 23),  # none of the files is one
        (["-nh", "bad"], 23, 23),
        (["missing"], 22, 23),
        (["+rd", "disc/DICOMDIR"], 0, 0),
        (["-nh", "bare"], 23, 23),
        (["+crf", "nowhere/report", "a.dcm"], 43, 43),  # before anything is sent
        (["-dn", "rle.dcm"], 0, 65),  # the peer took no context for it
        (["--no-such-option"], 1, 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_dcmsend_in_the_place_of_dcmtk_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], theirs: int, ours: int, proven: Proven
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    prepare(tmp_path)
    found: list[list[Path]] = []
    codes: list[int] = []
    for tool, command in (("dcmtk", [dcmtk("dcmsend")]), ("dulcet", dulcet("dcmsend"))):
        with receiver("storescp", tmp_path / tool, "+B") as peer:
            codes.append(run([*command, "localhost", peer.port, *words]).code)
        found.append(received(tmp_path / tool))
    assert codes == [theirs, ours]
    assert told("dcmsend", theirs, ours)
    if "nowhere/report" not in words:
        assert [file.name for file in found[0]] == [file.name for file in found[1]]
        assert all(map(same_content, *found))
    proven("DCMTK storescp", "SCU", "C-STORE", "dcmsend: command lines as DCMTK's")


def prepare(folder: Path) -> None:
    """The files those command lines name."""
    source = TEST_FILES / "CT_small.dcm"
    shutil.copy(source, folder / "a.dcm")
    shutil.copy(TEST_FILES / "MR_small_RLE.dcm", folder / "rle.dcm")
    shutil.copytree(TEST_FILES / "dicomdirtests", folder / "disc")
    (folder / "bad").write_bytes(b"no instance")
    (folder / "empty").mkdir()
    (folder / "folder" / "deeper").mkdir(parents=True)
    for number, name in enumerate(("one.dcm", "two", "deeper/three.dcm"), 1):
        (folder / "folder" / name).write_bytes(instance(folder, number).read_bytes())
    made = instance(folder, 9)
    (folder / "bare").write_bytes(made.read_bytes()[made.read_bytes().index(b"\x08\0\x16\0") :])


def test_the_same_report(tmp_path: Path, proven: Proven) -> None:
    """Line by line, but for the time, the names of transfer syntaxes, and the number of contexts."""
    files = [TEST_FILES / name for name in ("CT_small.dcm", "MR_small.dcm", "JPEG2000.dcm")]
    reports = []
    with receiver("storescp", tmp_path / "in", "+xa") as peer:
        for name, command in (("theirs", [dcmtk("dcmsend")]), ("ours", dulcet("dcmsend"))):
            assert run([*command, "+crf", tmp_path / name, "localhost", peer.port, *files]).code == 0
            reports.append((tmp_path / name).read_text().splitlines())
    compared = [[line for line in report if not re.match(r"Current|Pres|Number of pres", line)] for report in reports]
    shortened = [[re.sub(r"(Xfer +: \S+) = .*", r"\1", line).rstrip() for line in report] for report in compared]
    # The size of a data set is that of the file here; DCMTK's is that of its own encoding of it.
    sizes = [[line for line in report if not line.startswith("Dataset Size")] for report in shortened]
    assert sizes[0] == sizes[1]
    proven("DCMTK storescp", "SCU", "C-STORE", "dcmsend: report as DCMTK's")
