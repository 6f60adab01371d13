"""`dulcet dcmsend`: what it finds, how it goes, what is tried again, what is remembered and told."""

import contextlib
import json
import os
import signal
import socket
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from data_sets import BIG_ENDIAN, CT, EXPLICIT, JPEG, MR, data_set
from dulcet.acse.policy import Reject, SupportedContext
from dulcet.dimse.messages import Response
from dulcet.dul import pdu
from dulcet.services.scp import SCP, RunningSCP
from dulcet.services.service import Operation, Service
from dulcet.services.storage.decompression import CannotDecompress
from dulcet.services.storage.part10 import file_meta
from dulcet.tools import retrying
from ports import free_port
from test_media_directory import dicomdir, record
from tool_runs import (
    HOLD,
    IMPLICIT,
    LIMIT,
    PROVIDER_ABORT,
    USER_ABORT,
    Ran,
    Scripted,
    Tool,
    dicom_file,
    documented,
    process,
)

RLE = "1.2.840.10008.1.2.5"


class Archive(Service):
    """Keeps what it gets in memory; `answers` has statuses for an instance, one after another, -1 for an abort."""

    def __init__(self, syntaxes: tuple[str, ...] | None = None, **answers: list[int]) -> None:
        self.syntaxes = syntaxes
        self.answers = {uid.replace("_", "."): list(statuses) for uid, statuses in answers.items()}
        self.received: list[tuple[str, str, bytes]] = []
        self.associations: set[object] = set()
        self.gate: threading.Barrier | None = None
        self.more = threading.Semaphore(0)
        self.blocking = True

    def supports(self, abstract_syntax: str) -> SupportedContext | None:
        return SupportedContext(self.syntaxes)

    def perform(self, operation: Operation) -> Response:
        request = operation.request
        uid = request.sop_instance_uid or ""
        self.associations.add(operation.caller.address)
        if self.gate is not None:
            self.gate.wait(LIMIT)
        waiting = self.answers.get("i" + uid, [])
        status = waiting.pop(0) if waiting else 0
        if status == -1:
            operation.caller.abort("as told")
        if status == 0:
            content = operation.sink.getvalue()  # type: ignore[union-attr]  # a Memory
            self.received.append((uid, operation.context.transfer_syntax, bytes(content)))
            self.more.release()
        return request.response(max(status, 0))

    @property
    def uids(self) -> list[str]:
        return [uid for uid, _, _ in self.received]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Waiting takes no time; the list tells how long it would have been."""
    waited: list[int] = []
    monkeypatch.setattr(retrying.Backoff, "wait", lambda self, number, stopping: waited.append(number))
    return waited


@contextmanager
def serving(archive: Service, **options: object) -> Iterator[RunningSCP]:
    with SCP("ARCHIVE", services=[archive], **options).running() as running:  # type: ignore[arg-type]  # names of keywords
        yield running


def send(tool: Tool, archive: Service, *words: object, **options: object) -> Ran:
    with serving(archive, **options) as running:
        return tool("dcmsend", "localhost", running.port, *words)


# What there is to send.


def test_files_go(tool: Tool, files: list[Path]) -> None:
    archive = Archive()
    ran = send(tool, archive, *files)
    assert (ran.code, ran.err) == (0, "")
    assert archive.received == [(f"1.2.{n}", EXPLICIT, data_set(f"1.2.{n}")) for n in (1, 2, 3)]
    assert ran.out.startswith("3 of 3 files stored at ANY-SCP@localhost:")


def test_folders_and_archives(tool: Tool, files: list[Path], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as packed:
        packed.writestr("a/1", file_meta(CT, "1.2.8", EXPLICIT) + data_set("1.2.8"))
    (tmp_path / "deeper").mkdir()
    dicom_file(tmp_path / "deeper" / "9.dcm", "1.2.9")
    archive = Archive()
    assert send(tool, archive, "+sd", tmp_path).code == 0
    assert sorted(archive.uids) == ["1.2.1", "1.2.2", "1.2.3", "1.2.8"]
    archive = Archive()
    assert send(tool, archive, "+sd", "+r", "+sp", "*.dcm", tmp_path).code == 0
    assert sorted(archive.uids) == ["1.2.1", "1.2.2", "1.2.3", "1.2.9"]


def test_a_dicomdir(tool: Tool, tmp_path: Path) -> None:
    disc = tmp_path / "disc"
    disc.mkdir()
    dicom_file(disc / "A", "1.2.1")
    dicom_file(disc / "NOT", "1.2.2")
    dicom_file(tmp_path / "OUTSIDE", "1.2.3")
    directory = dicomdir(disc, record("A"), record("..\\OUTSIDE", "1.2.3"))
    archive = Archive()
    ran = send(tool, archive, "-nh", "+rd", directory)
    assert (ran.code, archive.uids) == (22, ["1.2.1"])
    assert "no Referenced File ID" in ran.err
    archive = Archive()
    assert send(tool, archive, "-nh", "+rd", disc).code == 22
    assert archive.uids == ["1.2.1"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["."], 21, "ignoring a directory, as +sd is not given"),
        (["+sd", "empty"], 21, ""),
        (["missing.dcm"], 23, "No such file"),
        (["1.dcm", "bad"], 22, "no DICM"),
        (["bad"], 23, "no DICM"),
        (["-f", "1.dcm"], 23, "neither"),
        (["+rd", "1.dcm"], 23, "not a DICOMDIR"),
        (["odd"], 23, "is no known storage class"),
        (["strange"], 23, "is no known transfer syntax"),
        (["wrong", "-nuc"], 23, "is no UID"),
    ],
)
def test_what_cannot_be_sent(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("bad").write_bytes(b"hello")
    dicom_file(Path("1.dcm"))
    dicom_file(Path("odd"), sop_class="1.2.826.0.1.1")
    Path("strange").write_bytes(file_meta(CT, "1.2.3", "1.2.826.0.1.2") + data_set("1.2.3"))
    dicom_file(Path("wrong"), "1..2")
    archive = Archive()
    ran = send(tool, archive, *words)
    assert ran.code == code
    assert said in ran.err
    assert archive.received == []


def test_uids_nobody_has_heard_of(tool: Tool, tmp_path: Path) -> None:
    archive = Archive()
    assert send(tool, archive, "-nuc", dicom_file(tmp_path / "odd", sop_class="1.2.826.0.1.1")).code == 0
    assert archive.uids == ["1.2.3"]


def test_a_bad_file_among_good_ones(tool: Tool, files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(b"")
    archive = Archive()
    ran = send(tool, archive, "--json", "-nh", tmp_path / "bad", *files)
    assert (ran.code, ran.summary["stored"], len(archive.uids)) == (22, 3, 3)
    assert [list(record) for record in ran.records[:-1]] == [documented("dcmsend", "store")] * 4
    assert list(ran.summary) == documented("dcmsend", "summary")


# Over which associations.


def many(folder: Path, number: int) -> list[Path]:
    """As many SOP classes, all compressed, so that each takes one context."""
    classes = [f"1.2.840.10008.5.1.4.1.1.{last}" for last in range(1000, 1000 + number)]
    found = []
    for last, sop_class in enumerate(classes):
        path = folder / f"{last}.dcm"
        path.write_bytes(file_meta(sop_class, f"1.2.{last}", JPEG) + data_set(f"1.2.{last}", sop_class))
        found.append(path)
    return found


def test_more_contexts_than_an_association_takes(tool: Tool, tmp_path: Path) -> None:
    archive = Archive()
    ran = send(tool, archive, "--json", "-nuc", *many(tmp_path, 130))
    assert (ran.code, len(archive.uids), ran.summary["associations"]) == (0, 130, 2)


def test_no_more_than_one_association(tool: Tool, tmp_path: Path) -> None:
    archive = Archive()
    ran = send(tool, archive, "--json", "-nuc", "-ma", *many(tmp_path, 130))
    assert (ran.code, len(archive.uids), ran.summary["associations"]) == (65, 128, 1)
    assert "-ma forbids it" in ran.records[0]["error"]


def test_several_at_a_time(tool: Tool, tmp_path: Path) -> None:
    files = [dicom_file(tmp_path / f"{n}.dcm", f"1.2.{n}") for n in range(8)]
    archive = Archive()
    archive.gate = threading.Barrier(4)  # broken, and an error, if fewer than four are under way at a time
    ran = send(tool, archive, "--jobs", 4, *files)
    assert (ran.code, len(archive.uids), len(archive.associations)) == (0, 8, 4)


@pytest.mark.parametrize(("words", "syntaxes"), [([], {JPEG}), (["-nip"], {JPEG, IMPLICIT})])
def test_the_default_transfer_syntax_is_proposed_on_order(
    tool: Tool, tmp_path: Path, words: list[str], syntaxes: set[str]
) -> None:
    path = dicom_file(tmp_path / "a", syntax=JPEG)
    with Scripted([pdu.AssociateRJ(1, 1, 1).encode()]) as peer:
        tool("dcmsend", *words, "localhost", peer.port, path)
    request = pdu.decode(peer.heard[0])
    assert isinstance(request, pdu.AssociateRQ)
    assert {uid for context in request.presentation_contexts for uid in context.transfer_syntaxes} == syntaxes


def test_a_profile(tool: Tool, files: list[Path], tmp_path: Path) -> None:
    profile = tmp_path / "profile.cfg"
    profile.write_text(
        "[[TransferSyntaxes]]\n[Few]\nTransferSyntax1 = 1.2.840.10008.1.2\n"
        f"[[PresentationContexts]]\n[One]\nPresentationContext1 = {CT}\\Few\n"
        "[[Profiles]]\n[Mine]\nPresentationContexts = One\n"
    )
    archive = Archive()
    assert send(tool, archive, "-xf", profile, "Mine", *files).code == 0
    assert {syntax for _, syntax, _ in archive.received} == {IMPLICIT}


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_profile_that_is_not_there(tool: Tool, files: list[Path], jobs: int) -> None:
    ran = send(tool, Archive(), "--jobs", jobs, "-xf", "/nowhere/at/all", "Mine", *files)
    assert (ran.code, "/nowhere/at/all" in ran.err) == (66, True)


# Compressed pixels.


@pytest.mark.parametrize(
    ("words", "syntax", "sent"),
    [([], RLE, True), (["+dls"], RLE, True), (["-dn"], RLE, False), ([], JPEG, False), (["+dly"], JPEG, True)],
)
def test_what_is_decompressed(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], syntax: str, sent: bool
) -> None:
    asked: list[tuple[str, str]] = []

    def decompress(data_set: memoryview, source: str, target: str) -> bytes:
        asked.append((source, target))
        return b"\1\2"

    monkeypatch.setattr("dulcet.services.storage.decompression.decompress", decompress)
    archive = Archive((EXPLICIT, IMPLICIT, BIG_ENDIAN))
    path = dicom_file(tmp_path / "a", syntax=syntax)
    ran = send(tool, archive, *words, path)
    assert ran.code == (0 if sent else 65)
    assert asked == ([(syntax, EXPLICIT)] if sent else [])
    assert archive.received == ([("1.2.3", EXPLICIT, b"\1\2")] if sent else [])
    assert send(tool, Archive((EXPLICIT, syntax)), *words, path).code == 0
    assert len(asked) == sent, "what the peer takes is not decompressed"


def test_no_decoder(tool: Tool, files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dulcet.services.storage.decompression.find_spec", lambda name: None)
    archive = Archive((EXPLICIT, IMPLICIT))
    ran = send(tool, archive, "-nh", dicom_file(tmp_path / "a", "1.9", syntax=RLE), *files)
    assert (ran.code, archive.uids) == (22, ["1.2.1", "1.2.2", "1.2.3"])
    assert "no decoder for RLE Lossless is installed; `pip install dulcet[pixels]` brings one" in ran.err
    assert issubclass(CannotDecompress, ValueError)


def test_decoders_are_listed(tool: Tool) -> None:
    ran = tool("dcmsend", "--list-decoders")
    assert ran.code == 0
    assert len(ran.out.splitlines()) == 12
    assert any(line.startswith("RLE Lossless: ") for line in ran.out.splitlines())


# Trying again.


def test_out_of_resources_is_tried_again(tool: Tool, files: list[Path], quick: list[int]) -> None:
    archive = Archive(i1_2_2=[0xA700, 0xA700])
    ran = send(tool, archive, "--json", "--retry", 2, *files)
    assert (ran.code, archive.uids, quick) == (0, ["1.2.1", "1.2.2", "1.2.3"], [1, 2])
    assert [record["status"] for record in ran.records[:-1]] == ["0x0000"] * 3


def test_so_often_and_no_more(tool: Tool, files: list[Path], quick: list[int]) -> None:
    archive = Archive(i1_2_2=[0xA700] * 9)
    ran = send(tool, archive, "-nh", "--retry", 2, *files)
    assert (ran.code, archive.uids, quick) == (69, ["1.2.1", "1.2.3"], [1, 2])


@pytest.mark.parametrize("status", [0xA900, 0xC000, 0x0122])
def test_what_is_permanent_is_not_tried_again(tool: Tool, files: list[Path], quick: list[int], status: int) -> None:
    archive = Archive(i1_2_2=[status])
    ran = send(tool, archive, "-nh", "--retry", 5, *files)
    assert (ran.code, archive.uids, quick) == (69, ["1.2.1", "1.2.3"], [])


def test_a_transient_rejection(tool: Tool, files: list[Path], quick: list[int]) -> None:
    rejections = [Reject(2, 1, 1, "later"), Reject(2, 3, 2, "full")]
    archive = Archive()
    words = ["--json", "--retry", 2, *files]
    ran = send(tool, archive, *words, refuse=lambda _: rejections.pop() if rejections else None)
    assert (ran.code, len(archive.uids), quick, ran.summary["associations"]) == (0, 3, [1, 2], 1)


def test_a_permanent_rejection(tool: Tool, files: list[Path], quick: list[int]) -> None:
    ran = send(tool, Archive(), "--retry", 2, *files, refuse=lambda _: Reject(1, 1, 1, "never"))
    assert (ran.code, quick) == (61, [])
    assert "0 of 3 files stored" in ran.out


def test_nobody_there(tool: Tool, files: list[Path], quick: list[int]) -> None:
    ran = tool("dcmsend", "--retry", 3, "localhost", free_port(), *files)
    assert (ran.code, quick) == (60, [1, 2, 3])


class Cutting:
    """A network in front of a peer that cuts connections when the first data come, so many times."""

    def __init__(self, port: int, times: int) -> None:
        self._there, self._times = port, times
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                self._times -= 1
                self._threads.append(threading.Thread(target=self._connection, args=(here, self._times >= 0)))
                self._threads[-1].start()

    def _connection(self, here: socket.socket, cut: bool) -> None:
        with here, socket.create_connection(("127.0.0.1", self._there)) as there:
            back = threading.Thread(target=self._carry, args=(there, here, False))
            back.start()
            self._carry(here, there, cut)
            back.join(LIMIT)

    def _carry(self, source: socket.socket, target: socket.socket, cut: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if cut and data[0] == 4:  # P-DATA-TF
                    break
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(LIMIT)


@pytest.mark.parametrize(
    ("cuts", "words", "code", "uids", "waited"),
    [
        (1, [], 73, [], []),
        (2, ["--retry", 2], 0, ["1.2.1", "1.2.2", "1.2.3"], [1, 2]),
        (2, ["--retry", 1], 73, [], [1]),
        (2, ["--retry", 1, "-nh"], 73, ["1.2.2", "1.2.3"], [1]),
    ],
)
def test_a_lost_connection(
    tool: Tool,
    files: list[Path],
    quick: list[int],
    cuts: int,
    words: list[object],
    code: int,
    uids: list[str],
    waited: list[int],
) -> None:
    """Lost in the middle of the first instance, which goes again, unless it went as often as was allowed."""
    archive = Archive()
    with serving(archive) as running, contextlib.closing(Cutting(running.port, cuts)) as network:
        ran = tool("dcmsend", *words, "localhost", network.port, *files)
    assert (ran.code, archive.uids, quick) == (code, uids, waited)


def test_a_peer_that_says_nothing(tool: Tool, files: list[Path], quick: list[int]) -> None:
    with Scripted([HOLD]) as peer:
        ran = tool("dcmsend", "-ta", 0.2, "--retry", 1, "localhost", peer.port, *files)
    assert (ran.code, quick) == (74, [1])


@pytest.mark.parametrize(("words", "uids"), [([], ["1.2.1"]), (["-nh"], ["1.2.1", "1.2.3"])])
def test_an_abort_is_not_tried_again(
    tool: Tool, files: list[Path], quick: list[int], words: list[str], uids: list[str]
) -> None:
    archive = Archive(i1_2_2=[-1] * 9)
    ran = send(tool, archive, "--retry", 3, *words, *files)
    assert (ran.code, archive.uids, quick) == (70, uids, [])


@pytest.mark.parametrize(("answer", "code"), [(USER_ABORT, 70), (PROVIDER_ABORT, 72)])
def test_aborts_of_the_association(tool: Tool, files: list[Path], answer: bytes, code: int) -> None:
    with Scripted([answer]) as peer:
        assert tool("dcmsend", "--retry", 3, "localhost", peer.port, *files).code == code


def test_delays_double_and_vary() -> None:
    backoff = retrying.Backoff(9, 2.0, 0.25, chance=lambda low, high: high)
    assert [backoff.seconds(number) for number in (1, 2, 3, 9)] == [2.5, 5.0, 10.0, 75.0]
    assert 1.5 <= retrying.Backoff(1, 2.0, 0.25).seconds(1) <= 2.5


def test_waiting_ends_when_the_user_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    looks: list[bool] = [False, True]
    start = time.monotonic()
    retrying.Backoff(1, 30.0, 0.0).wait(1, lambda: looks.pop(0))
    assert time.monotonic() - start < 20
    retrying.Backoff(1, 0.01, 0.0).wait(1, lambda: False)


# What is remembered.


def test_what_was_acknowledged_is_not_sent_again(tool: Tool, files: list[Path], tmp_path: Path) -> None:
    state = tmp_path / "state"
    archive = Archive(i1_2_2=[0xA700])
    with serving(archive) as running:
        words = ["dcmsend", "--json", "-nh", "--resume", state, "localhost", running.port, *files]
        first, second, third = tool(*words), tool(*words), tool(*words)
    assert [ran.code for ran in (first, second, third)] == [69, 0, 0]
    assert [ran.summary["already_there"] for ran in (first, second, third)] == [0, 2, 3]
    assert archive.uids == ["1.2.1", "1.2.3", "1.2.2"]
    assert len(state.read_text().splitlines()) == 4


def test_another_peer_or_another_content_is_another_matter(tool: Tool, files: list[Path], tmp_path: Path) -> None:
    state = tmp_path / "state"
    for _ in range(2):
        archive = Archive()
        assert send(tool, archive, "--resume", state, files[0]).code == 0
        assert archive.uids == ["1.2.1"], "another port"
    archive = Archive()
    with serving(archive) as running:
        words = ["dcmsend", "--resume", state, "localhost", running.port, files[0]]
        tool(*words)
        dicom_file(files[0], "1.2.1", pixels=bytes(10))
        tool(*words)
    assert archive.uids == ["1.2.1", "1.2.1"]


def test_a_torn_line_costs_one_instance(tool: Tool, files: list[Path], tmp_path: Path) -> None:
    state = tmp_path / "state"
    archive = Archive()
    with serving(archive) as running:
        words = ["dcmsend", "--resume", state, "localhost", running.port, *files]
        tool(*words)
        state.write_bytes(state.read_bytes()[:-20])
        assert tool(*words).code == 0
        assert tool(*words).code == 0
    assert archive.uids == ["1.2.1", "1.2.2", "1.2.3", "1.2.3"]


@pytest.mark.parametrize(
    ("content", "code", "said"), [(b"DICM", 2, "no file that --resume has written"), (None, 43, "Is a directory")]
)
def test_files_that_are_no_state(
    tool: Tool, files: list[Path], tmp_path: Path, content: bytes | None, code: int, said: str
) -> None:
    state = tmp_path / "state"
    if content is None:
        state.mkdir()
    else:
        state.write_bytes(content)
    ran = tool("dcmsend", "--resume", state, "localhost", 1, *files)
    assert ran.code == code
    assert said in ran.err
    assert content is None or state.read_bytes() == content


def test_two_runs_do_not_share_a_state(tool: Tool, files: list[Path], tmp_path: Path) -> None:
    import fcntl

    state = tmp_path / "state"
    with state.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        ran = tool("dcmsend", "--resume", state, "localhost", 1, *files)
    assert (ran.code, "another run uses this file" in ran.err) == (1, True)


def test_killed_and_taken_up_again(tmp_path: Path, tool: Tool) -> None:
    """A run that is killed has told its file of everything that was acknowledged, but perhaps the last one."""
    files = [dicom_file(tmp_path / f"{n}.dcm", f"1.2.{n}") for n in range(200)]
    state, archive = tmp_path / "state", Archive()
    with serving(archive) as running:
        with process("dcmsend", "--resume", state, "localhost", running.port, *files) as ran:
            for _ in range(20):
                assert archive.more.acquire(timeout=LIMIT)
            ran.send_signal(signal.SIGKILL)
            ran.wait(LIMIT)
        assert tool("dcmsend", "--resume", state, "localhost", running.port, *files).code == 0
    assert set(archive.uids) == {f"1.2.{n}" for n in range(200)}
    assert len(archive.uids) <= 201


# What is told.


def test_reports(tool: Tool, files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(b"hello")
    text, report = tmp_path / "report.txt", tmp_path / "report.json"
    mr = dicom_file(tmp_path / "mr", "1.2.9", MR, syntax=JPEG)
    archive = Archive((IMPLICIT, EXPLICIT), i1_2_2=[0xA700], i1_2_3=[0xC123])
    words = ["-nh", "-dn", "+crf", text, "--report-json", report, *files, mr, tmp_path / "bad"]
    with serving(archive) as running:
        ran = tool("dcmsend", "-v", "-aec", "THERE", "localhost", running.port, *words)
    assert ran.code == 69
    lines = text.read_text().splitlines()
    assert lines[0] == "Detailed Report on the Transfer of Instances"
    assert f"Communication Peer : localhost:{running.port}" in lines
    assert "AE Titles used     : DCMSEND -> THERE" in lines
    first = lines.index("Number        : 1")
    assert lines[first + 1 : first + 10] == [
        f"Filename      : {files[0]}",
        "SOP Instance  : 1.2.1",
        f"SOP Class     : {CT} = CTImageStorage",
        f"Original Xfer : {EXPLICIT} = Explicit VR Little Endian",
        f"Dataset Size  : {len(data_set('1.2.1'))} bytes",
        "Association   : 1",
        "Pres. Context : 1",
        f"Network Xfer  : {EXPLICIT} = Explicit VR Little Endian",
        "DIMSE Status  : 0x0000 (Success)",
    ]
    figures = [
        "Number of associations   : 1",
        "Number of pres. contexts : 3",
        "Number of SOP instances  : 4",
        "- sent to the peer       : 3",
        "  * with status ERROR    : 1",
        "  * with status SUCCESS  : 1",
        "  * with status REFUSED  : 1",
        "- NOT sent to the peer   : 1",
        "  * no acceptable pres.  : 1",
        "- files of no use        : 1",
    ]
    assert lines[-len(figures) :] == figures
    assert all(f"I: {line}" in ran.err for line in figures)
    told = json.loads(report.read_text())
    assert [each["status"] for each in told["instances"]] == ["0x0000", "0xA700", "0xC123", None]
    assert told["instances"][0] == {
        "number": 1,
        "file": str(files[0]),
        "sop_class_uid": CT,
        "sop_instance_uid": "1.2.1",
        "transfer_syntax_uid": EXPLICIT,
        "bytes": len(data_set("1.2.1")),
        "association": 1,
        "presentation_context": 1,
        "network_transfer_syntax_uid": EXPLICIT,
        "status": "0x0000",
        "error": "",
    }
    assert [each["file"] for each in told["refused"]] == [str(tmp_path / "bad")]


def test_reports_of_a_run_that_came_to_nothing(tool: Tool, files: list[Path], tmp_path: Path) -> None:
    text, report = tmp_path / "report.txt", tmp_path / "report.json"
    ran = tool("dcmsend", "+crf", text, "--report-json", report, "localhost", free_port(), *files)
    assert ran.code == 60
    assert text.read_text().count("DIMSE Status  : <not sent> not sent: the run ended before") == 3
    assert "  * run ended before     : 3" in text.read_text()
    assert json.loads(report.read_text())["associations"] == 0


@pytest.mark.parametrize("option", ["+crf", "--report-json"])
def test_a_report_that_cannot_be_written(tool: Tool, files: list[Path], tmp_path: Path, option: str) -> None:
    archive = Archive()
    ran = send(tool, archive, option, tmp_path / "nowhere" / "report", *files)
    assert (ran.code, archive.uids) == (43, [])
    assert "No such file or directory" in ran.err


def test_a_disk_that_fills_up_meanwhile(
    tool: Tool, files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_from: str, _to: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    archive = Archive()
    ran = send(tool, archive, "+crf", tmp_path / "report", *files)
    assert (ran.code, len(archive.uids)) == (43, 3)


@pytest.mark.parametrize(
    ("status", "words", "code"), [(0xB000, [], 68), (0xA700, [], 69), (0xA700, ["-nh"], 69), (0x0122, ["-nh"], 69)]
)
def test_the_worst_counts(tool: Tool, files: list[Path], status: int, words: list[str], code: int) -> None:
    ran = send(tool, Archive(i1_2_1=[status]), "--json", *words, *files)
    assert ran.code == code
    assert len(ran.records) == 4


@pytest.mark.parametrize("jobs", [1, 3])
def test_stopped_from_the_keyboard(tmp_path: Path, jobs: int) -> None:
    files = [dicom_file(tmp_path / f"{n}.dcm", f"1.2.{n}") for n in range(9)]
    archive = Archive(**{f"i1_2_{n}": [0xA700] * 99 for n in range(9)})
    with serving(archive) as running:
        words = ["--json", "-v", "--jobs", jobs, "--retry", 50, "--retry-delay", 30]
        with process("dcmsend", *words, "localhost", running.port, *files) as ran:
            assert ran.stderr is not None
            while "trying again" not in ran.stderr.readline():
                pass
            ran.send_signal(signal.SIGINT)
            out, _ = ran.communicate(timeout=LIMIT)
    assert ran.returncode == 130
    assert json.loads(out.splitlines()[-1])["exit_code"] == 130
