"""`dulcet storescp`: what it accepts, writes, tells and runs, and how it ends."""

import contextlib
import errno
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from data_sets import BIG_ENDIAN, CT, EXPLICIT, JPEG, MR, data_set, element
from dulcet.acse.agreement import Agreement
from dulcet.dul import pdu
from dulcet.dul.items import ProposedContext, UserInformation
from dulcet.services.entity import Entity
from dulcet.services.errors import AssociationAborted, AssociationError, AssociationRejected, ConnectionFailed
from dulcet.services.scp import SCP
from dulcet.services.scu import SCU, LiveAssociation
from dulcet.services.server import Server
from dulcet.services.shutdown import SHUTDOWN
from dulcet.services.storage.part10 import peek
from dulcet.services.verification import VERIFICATION, Verification
from dulcet.tools.connection import log_for
from dulcet.tools.options.command_line import parse
from dulcet.tools.storescp import Receiving
from ports import free_port
from pydicom._uid_dict import UID_dictionary
from tool_runs import (
    IMPLICIT,
    LIMIT,
    Terminal,
    Tool,
    dicom_file,
    documented,
    names,
    needs_ipv6,
    process,
    serving,
)

SCU_TITLE = "MODALITY"
UNKNOWN = "1.2.826.0.1.3680043.9.9999.1"
"""A SOP class nobody has heard of."""


@pytest.fixture
def scu() -> SCU:
    return SCU(SCU_TITLE)


@contextlib.contextmanager
def started(*words: object) -> Iterator[tuple[subprocess.Popen[str], Entity]]:
    """A storescp as a process of its own."""
    with process("storescp", "--json", *words, 0) as ran:
        assert ran.stdout is not None
        record = json.loads(ran.stdout.readline())
        assert record.keys() == {"record", "port"}
        assert record["record"] == "listening"
        assert list(record) == documented("storescp", "listening")
        yield ran, Entity("STORESCP", "127.0.0.1", record["port"])


def agreed(words: list[object], context: tuple[str, tuple[str, ...]], scu: SCU) -> Agreement:
    """What comes of one proposed context."""
    with serving("storescp", *words) as running, scu.associate(running.entity, [context]) as association:
        return association.agreement


def test_objects_become_files(
    tmp_path: Path, scu: SCU, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path / "in")
    with serving("storescp") as running:
        (result,) = scu.store(running.entity, [dicom_file(tmp_path / "a.dcm")])
        assert scu.echo(running.entity) == 0
    assert result.status == 0
    (name,) = names(tmp_path / "in")
    assert name == "CT.1.2.3"
    meta = peek(tmp_path / "in" / name)
    assert (meta.sop_class_uid, meta.sop_instance_uid, meta.transfer_syntax_uid) == (CT, "1.2.3", EXPLICIT)
    assert (tmp_path / "in" / name).read_bytes()[meta.dataset_offset :] == data_set("1.2.3")
    assert SCU_TITLE.encode() in (tmp_path / "in" / name).read_bytes()[: meta.dataset_offset]
    assert capsys.readouterr() == ("1 object stored\n", "")


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ([], r"CT\.1\.2\.3"),
        (["-uf"], r"CT\.1\.2\.3"),
        (["+uf"], r"CT\.X\..+"),
        (["-fe", ".dcm"], r"CT\.1\.2\.3\.dcm"),
        (["-su", "study"], r"study_1\.2\.3\.9/CT\.1\.2\.3"),
        (["--sort-on-study-uid="], r"1\.2\.3\.9/CT\.1\.2\.3"),
        (["--durability", "crash-safe"], r"CT\.1\.2\.3"),
        (["-B", "+F"], r"CT\.1\.2\.3"),
        (["+B"], r"CT\.1\.2\.3"),
    ],
)
def test_names(tmp_path: Path, scu: SCU, words: list[object], name: str) -> None:
    (tmp_path / "in").mkdir()
    with serving("storescp", "-od", tmp_path / "in", *words) as running:
        (result,) = scu.store(running.entity, [dicom_file(tmp_path / "a.dcm")])
    assert result.status == 0
    (found,) = names(tmp_path / "in")
    assert re.fullmatch(name, found)


@pytest.mark.parametrize(
    ("option", "syntax"), [("+t=", EXPLICIT), ("+te", EXPLICIT), ("+ti", IMPLICIT), ("+tb", BIG_ENDIAN)]
)
def test_written_in_another_transfer_syntax(tmp_path: Path, scu: SCU, option: str, syntax: str) -> None:
    (tmp_path / "in").mkdir()
    with serving("storescp", "-od", tmp_path / "in", option) as running:
        (result,) = scu.store(running.entity, [dicom_file(tmp_path / "a.dcm")])
    assert result.status == 0
    (name,) = names(tmp_path / "in")
    meta = peek(tmp_path / "in" / name)
    assert meta.transfer_syntax_uid == syntax
    assert (tmp_path / "in" / name).read_bytes()[meta.dataset_offset :] == data_set("1.2.3", syntax=syntax)


def test_written_deflated(tmp_path: Path, scu: SCU) -> None:
    (tmp_path / "in").mkdir()
    with serving("storescp", "-od", tmp_path / "in", "+td") as running:
        (result,) = scu.store(running.entity, [dicom_file(tmp_path / "a.dcm")])
    assert result.status == 0
    path = tmp_path / "in" / "CT.1.2.3"
    meta = peek(path)
    assert meta.transfer_syntax_uid == f"{EXPLICIT}.99"
    assert zlib.decompress(path.read_bytes()[meta.dataset_offset :], wbits=-15) == data_set("1.2.3")


def test_bare_data_sets(tmp_path: Path, scu: SCU) -> None:
    (tmp_path / "in").mkdir()
    with serving("storescp", "-od", tmp_path / "in", "-F") as running:
        list(scu.store(running.entity, [dicom_file(tmp_path / "a.dcm")]))
    assert (tmp_path / "in" / "CT.1.2.3").read_bytes() == data_set("1.2.3")


def test_ignore_writes_nothing_and_runs_nothing(tool: Tool, tmp_path: Path, scu: SCU) -> None:
    trace = tmp_path / "ran"
    words = ["--ignore", "-od", tmp_path / "missing", "-xcr", f"touch {trace}"]
    with serving("storescp", *words) as running:
        (result,) = scu.store(running.entity, [dicom_file(tmp_path / "a.dcm")])
    assert result.status == 0
    assert names(tmp_path) == ["a.dcm"]


def test_a_directory_that_is_not_there(tool: Tool, tmp_path: Path) -> None:
    ran = tool("storescp", "--json", "-od", tmp_path / "missing", 0)
    assert (ran.code, ran.summary["exit_code"]) == (45, 45)
    assert "no directory that can be written to (-od)" in ran.err
    (tmp_path / "file").touch()
    assert tool("storescp", "-od", tmp_path / "file", 0).code == 45


def test_a_port_in_use(tool: Tool, tmp_path: Path) -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        ran = tool("storescp", "-od", tmp_path, port)
        assert tool("storescp", "--ignore", port).code == 64
    assert ran.code == 64
    assert "cannot listen on port" in ran.err
    assert "in use" in ran.err


def test_until_termscu_asks(tool: Tool, tmp_path: Path, scu: SCU, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    peer = Entity("STORESCP", "127.0.0.1", port)
    listening = threading.Event()
    ready = Receiving._ready

    def noted(receiving: Receiving, server: Server) -> None:
        ready(receiving, server)
        listening.set()

    def stop() -> None:
        assert listening.wait(LIMIT)
        with pytest.raises(AssociationRejected):
            scu.associate(peer, [SHUTDOWN])

    monkeypatch.setattr(Receiving, "_ready", noted)
    with ThreadPoolExecutor(1) as other:
        stopped = other.submit(stop)
        ran = tool("storescp", "-v", "--allow-shutdown", "-od", tmp_path, port)
        stopped.result(LIMIT)
    assert (ran.code, ran.out) == (0, "0 objects stored\n")
    assert ran.err.splitlines()[0] == f"I: listening port={port}"
    assert 'why="shutdown requested"' in ran.err


def test_an_error_of_the_system_while_it_serves(tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def serve(_self: SCP, _host: str, port: int, *, ready: Any) -> None:
        ready(SimpleNamespace(port=port))
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(SCP, "serve", serve)
    ran = tool("storescp", "-od", tmp_path, 11112)
    assert (ran.code, ran.err) == (1, "dulcet storescp: Input/output error\n")


def test_an_extension_that_leads_elsewhere(tool: Tool, tmp_path: Path) -> None:
    ran = tool("storescp", "-od", tmp_path, "-fe", "/../x", 0)
    assert ran.code == 2
    assert "Traceback" not in ran.err


def test_a_command_that_cannot_be_split(tool: Tool, tmp_path: Path) -> None:
    assert tool("storescp", "-od", tmp_path, "-xcr", "'open", 0).code == 2


@pytest.mark.parametrize(
    ("words", "proposed", "chosen"),
    [
        ([], (IMPLICIT, EXPLICIT), EXPLICIT),
        ([], (JPEG,), None),
        (["+x="], (IMPLICIT, BIG_ENDIAN), BIG_ENDIAN),
        (["+xi"], (EXPLICIT, IMPLICIT), IMPLICIT),
        (["+xi"], (EXPLICIT,), None),
        (["+xy"], (EXPLICIT, JPEG), JPEG),
        (["+xy"], (EXPLICIT,), EXPLICIT),
        (["+xe"], (BIG_ENDIAN, IMPLICIT, EXPLICIT), EXPLICIT),
        (["+xe"], (JPEG,), None),
        (["+xs"], (EXPLICIT, JPEG, "1.2.840.10008.1.2.4.70"), "1.2.840.10008.1.2.4.70"),
        (["+xx"], (EXPLICIT, JPEG, "1.2.840.10008.1.2.4.51"), "1.2.840.10008.1.2.4.51"),
        (["+xv"], (EXPLICIT, JPEG, "1.2.840.10008.1.2.4.90"), "1.2.840.10008.1.2.4.90"),
        (["+xw"], (EXPLICIT, JPEG, "1.2.840.10008.1.2.4.91"), "1.2.840.10008.1.2.4.91"),
        (["+xr"], (EXPLICIT, JPEG, "1.2.840.10008.1.2.5"), "1.2.840.10008.1.2.5"),
        (["+xr"], (JPEG,), None),
        (["+xa"], (EXPLICIT, JPEG), JPEG),
        (["+xa"], ("1.2.840.10008.1.2.4.110",), "1.2.840.10008.1.2.4.110"),
    ],
)
def test_transfer_syntaxes(
    tmp_path: Path, scu: SCU, words: list[object], proposed: tuple[str, ...], chosen: str | None
) -> None:
    context = agreed(["-od", tmp_path, *words], (CT, proposed), scu).context_for(CT)
    assert (context.transfer_syntax if context else None) == chosen


def test_every_storage_class_is_accepted(tmp_path: Path, scu: SCU) -> None:
    """All that pydicom's dictionary calls Storage (PS3.6 Table A-1), by as many associations as that takes."""
    classes = [
        uid
        for uid, (name, kind, _, retired, _) in UID_dictionary.items()
        if kind == "SOP Class"
        and name.endswith("Storage")
        and not retired
        and uid.startswith("1.2.840.10008.5.1.4.1.1.")
    ]
    assert len(classes) > 128
    with serving("storescp", "-od", tmp_path) as running:
        for start in range(0, len(classes), 128):
            some = classes[start : start + 128]
            with scu.associate(running.entity, [(uid, (EXPLICIT,)) for uid in some]) as association:
                assert [uid for uid in some if association.agreement.context_for(uid) is None] == []


def test_unknown_classes_for_the_promiscuous(tmp_path: Path, scu: SCU) -> None:
    proposed = (UNKNOWN, (EXPLICIT,))
    assert agreed(["-od", tmp_path], proposed, scu).context_for(UNKNOWN) is None
    assert agreed(["-od", tmp_path, "-pm"], proposed, scu).context_for(UNKNOWN) is not None


def test_a_profile(tmp_path: Path, scu: SCU) -> None:
    (tmp_path / "profile").write_text(
        "[[TransferSyntaxes]]\n[Plain]\nTransferSyntax1 = LittleEndianImplicit\n"
        f"[[PresentationContexts]]\n[CT]\nPresentationContext1 = {CT}\\Plain\n"
        f"[Both]\nPresentationContext1 = {CT}\\Plain\nPresentationContext2 = VerificationSOPClass\\Plain\n"
        "[[Profiles]]\n[CT]\nPresentationContexts = CT\n[Both]\nPresentationContexts = Both\n"
    )
    words = ["-od", tmp_path, "-xf", tmp_path / "profile"]
    plain = ((EXPLICIT, IMPLICIT),)
    agreement = agreed([*words, "CT"], (CT, *plain), scu)
    assert [context.transfer_syntax for context in agreement.contexts.values()] == [IMPLICIT]
    assert not agreed([*words, "CT"], (MR, *plain), scu).contexts
    assert not agreed([*words, "CT"], (VERIFICATION, *plain), scu).contexts
    assert agreed([*words, "Both"], (VERIFICATION, *plain), scu).contexts
    with pytest.raises(ValueError, match="there is no profile"):
        agreed([*words, "Neither"], (CT, *plain), scu)


@pytest.mark.parametrize(
    ("words", "title", "called", "reason"),
    [
        (["--refuse"], SCU_TITLE, "STORESCP", (1, 1, 1)),
        (["--check-called-aetitle", "-aet", "RIGHT"], SCU_TITLE, "WRONG", (1, 1, 7)),
        (["--check-called-aetitle", "-aet", "RIGHT"], SCU_TITLE, "RIGHT", None),
        (["-aet", "RIGHT"], SCU_TITLE, "WRONG", None),
        (["--allow-calling-aetitle", "A", "--allow-calling-aetitle", "B"], "C", "X", (1, 1, 3)),
        (["--allow-calling-aetitle", "A", "--allow-calling-aetitle", "B"], "B", "X", None),
        (["--reject"], SCU_TITLE, "X", None),
    ],
)
def test_who_is_rejected(
    tmp_path: Path, words: list[object], title: str, called: str, reason: tuple[int, int, int] | None
) -> None:
    with serving("storescp", "-od", tmp_path, *words) as running:
        peer = Entity(called, "127.0.0.1", running.port)
        if reason is None:
            SCU(title).echo(peer)
            return
        with pytest.raises(AssociationRejected) as rejected:
            SCU(title).echo(peer)
    error = rejected.value
    assert (error.result, error.source, error.reason) == reason


def test_requests_without_an_implementation_class_uid(tmp_path: Path) -> None:
    request = pdu.AssociateRQ(
        "STORESCP",
        "OLD",
        (ProposedContext(1, VERIFICATION, (IMPLICIT,)),),
        UserInformation(implementation_class_uid="1.2.3.4", implementation_version_name=None),
    ).encode()
    # Ours always has the item, so it is made into one of a type nobody knows.
    request = request.replace(b"\x52\x00\x00\x071.2.3.4", b"\x7f\x00\x00\x071.2.3.4")
    for words in ([], ["--reject"]):
        with (
            serving("storescp", "-od", tmp_path, *words) as running,
            socket.create_connection(("127.0.0.1", running.port), LIMIT) as sock,
        ):
            sock.sendall(request)
            assert sock.recv(1000)[0] == 7  # A-ABORT


@pytest.mark.parametrize("words", [["--max-associations", 1], ["--single-process"]])
def test_too_many_associations(tmp_path: Path, scu: SCU, words: list[object]) -> None:
    with (
        serving("storescp", "-od", tmp_path, *words) as running,
        scu.associate(running.entity, [Verification]) as first,
        pytest.raises(AssociationRejected) as rejected,
    ):
        scu.echo(running.entity)
    assert rejected.value.transient
    del first


def test_concurrent_by_default(tmp_path: Path, scu: SCU) -> None:
    with (
        serving("storescp", "-od", tmp_path, "--fork", "-dhl") as running,
        scu.associate(running.entity, [Verification]) as first,
        scu.associate(running.entity, [Verification]) as second,
    ):
        assert first.echo() == second.echo() == 0


def test_too_many_connections(tmp_path: Path, scu: SCU) -> None:
    with (
        serving("storescp", "-od", tmp_path, "--max-connections", 1) as running,
        scu.associate(running.entity, [Verification]),
        pytest.raises(AssociationError),
    ):
        scu.echo(running.entity)


@pytest.mark.parametrize("option", ["--idle-timeout", "-td"])
def test_idle_associations_are_aborted(tmp_path: Path, scu: SCU, option: str) -> None:
    with serving("storescp", "-od", tmp_path, option, "0.2") as running:
        association = scu.associate(running.entity, [Verification])
        with pytest.raises(AssociationAborted):
            association.wait_for(lambda: False, LIMIT)
        association.close()


def test_artim(tmp_path: Path) -> None:
    with (
        serving("storescp", "-od", tmp_path, "--artim", "0.2") as running,
        socket.create_connection(("127.0.0.1", running.port), LIMIT) as sock,
    ):
        assert sock.recv(10) == b""


def test_lengths_and_times(tmp_path: Path) -> None:
    words = ["-pdu", "4097", "-ts", "0", "-ta", "7", "--artim", "8", "--idle-timeout", "0", "-od", str(tmp_path)]
    receiving = Receiving(parse("storescp", [*words, "0"]), log_for(parse("storescp", ["0"])))
    scp = receiving.scp()
    receiving.close()
    assert scp.policy.maximum_length == 4096
    assert scp.write_seconds == 1e9
    assert (scp.timeouts.acse, scp.timeouts.artim, scp.timeouts.idle) == (7.0, 8.0, None)


@pytest.mark.parametrize("option", ["--abort-after", "--abort-during"])
def test_aborts_on_order(tmp_path: Path, scu: SCU, option: str) -> None:
    (tmp_path / "in").mkdir()
    with serving("storescp", "-od", tmp_path / "in", option) as running, pytest.raises(AssociationAborted) as aborted:
        list(scu.store(running.entity, [dicom_file(tmp_path / "a.dcm", pixels=bytes(1 << 20))]))
    assert aborted.value.exit_code == "ABORTED"
    assert names(tmp_path / "in") == (["CT.1.2.3"] if option == "--abort-after" else [])


def test_sleeps_on_order(tmp_path: Path, scu: SCU) -> None:
    (tmp_path / "in").mkdir()
    with serving("storescp", "-od", tmp_path / "in", "--sleep-after", "0.3") as running:
        began = time.monotonic()
        list(scu.store(running.entity, [dicom_file(tmp_path / "a.dcm")]))
    assert time.monotonic() - began >= 0.3


WRITE = "import sys; open(sys.argv[1], 'w').write('|'.join(sys.argv[2:]))"


def test_a_program_on_each_object(tmp_path: Path, scu: SCU) -> None:
    (tmp_path / "in").mkdir()
    script, out = tmp_path / "script.py", tmp_path / "out"
    script.write_text(WRITE)
    command = f"{sys.executable} {script} {out} #p #f #a #c #r"
    with serving("storescp", "-od", tmp_path / "in", "-xcr", command) as running:
        peer = Entity("CALLED", "127.0.0.1", running.port)
        list(scu.store(peer, [dicom_file(tmp_path / "a.dcm")]))
    assert out.read_text() == f"{tmp_path / 'in'}|CT.1.2.3|{SCU_TITLE}|CALLED|127.0.0.1"


@pytest.fixture
def program() -> Iterator[socket.socket]:
    """Where programs that -xcr and -xcs start tell that they are there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(LIMIT)
        yield listener


@pytest.mark.parametrize("waits", [False, True])
def test_a_program_that_is_waited_for(tmp_path: Path, scu: SCU, program: socket.socket, waits: bool) -> None:
    """Here it runs until we close its connection: with -xs the response waits for that, without it is there before."""
    (tmp_path / "in").mkdir()
    script, out = tmp_path / "script.py", tmp_path / "out"
    where = program.getsockname()
    script.write_text(f"import socket; socket.create_connection({where}).recv(1)\n{WRITE}")
    words = ["-xcr", f"{sys.executable} {script} {out} #f", "--exec-timeout", 20, "--exec-concurrency", 1]
    with (
        serving("storescp", "-od", tmp_path / "in", *(["-xs"] if waits else []), *words) as running,
        ThreadPoolExecutor(1) as other,
    ):
        stored = other.submit(lambda: list(scu.store(running.entity, [dicom_file(tmp_path / "a.dcm")])))
        runs, _ = program.accept()
        with runs:
            if waits:
                assert not stored.done()
            else:
                stored.result(LIMIT)
            assert not out.exists()
        stored.result(LIMIT)
    assert out.read_text() == "CT.1.2.3"


def test_a_program_that_takes_too_long(tmp_path: Path, scu: SCU, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    with serving("storescp", "-od", tmp_path / "in", "-xcr", "sleep 20", "--exec-timeout", "0.2") as running:
        list(scu.store(running.entity, [dicom_file(tmp_path / "a.dcm")]))
    assert "took longer than 0.2 s" in capsys.readouterr().err


def test_records(tmp_path: Path, scu: SCU, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    lying = tmp_path / "b.dcm"
    dicom_file(lying, "1.2.4")
    with serving("storescp", "--json", "-od", tmp_path / "in") as running:
        list(scu.store(running.entity, [dicom_file(tmp_path / "a.dcm"), lying]))
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["record"] for record in records] == ["object", "object", "summary"]
    assert records[0] == {
        "record": "object",
        "outcome": "stored",
        "status": "0x0000",
        "file": str(tmp_path / "in" / "CT.1.2.3"),
        "bytes": len(data_set("1.2.3")),
        "sop_class_uid": CT,
        "sop_instance_uid": "1.2.3",
        "calling": SCU_TITLE,
        "peer": "127.0.0.1",
    }
    assert list(records[0]) == documented("storescp", "object")
    assert list(records[-1]) == documented("storescp", "summary")
    assert records[-1] == {"record": "summary", "words": "2 objects stored", "stored": 2, "failed": 0, "exit_code": 0}


def test_objects_that_are_refused_are_counted(tmp_path: Path, scu: SCU, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    file = dicom_file(tmp_path / "a.dcm", study="")
    with serving("storescp", "-od", tmp_path / "in", "-su", "study") as running:
        (result,) = scu.store(running.entity, [file])
    assert result.status == 0xC000
    out, err = capsys.readouterr()
    assert out == "0 objects stored, 1 not\n"
    assert "W: object not-understood status=0xC000 association=1 peer=127.0.0.1" in err


def test_verbose(tmp_path: Path, scu: SCU, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    for words, contexts in [(["-v"], False), (["-v", "+v"], True), (["-d"], True)]:
        with serving("storescp", "-od", tmp_path / "in", *words) as running:
            list(scu.store(running.entity, [dicom_file(tmp_path / "a.dcm")]))
        err = capsys.readouterr().err
        assert f"I: association accepted association=1 peer=127.0.0.1 calling={SCU_TITLE} called=STORESCP" in err
        assert all(
            "association=1" in line for line in err.splitlines() if line.startswith("I: ") and "listening" not in line
        )
        assert "status=0x0000" in err
        assert "I: association released" in err
        assert ("presentation context 1: " + CT in err) is contexts
    assert "D: Sta2 Evt6 AE-6 -> Sta3" in err


def test_no_patient_in_any_line(tmp_path: Path, scu: SCU, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    patient = element((0x0010, 0x0010), "PN", "CANARY^NAME") + element((0x0010, 0x0020), "LO", "CANARY-ID")
    good = dicom_file(tmp_path / "a.dcm", after=patient)
    bad = dicom_file(tmp_path / "b.dcm", "1.2.4", after=patient, study="")
    with serving("storescp", "--json", "-ll", "trace", "-su", "study", "-od", tmp_path / "in") as running:
        assert [result.status for result in scu.store(running.entity, [good, bad])] == [0, 0xC000]
    out, err = capsys.readouterr()
    assert "CANARY" not in out + err


def test_a_service_that_fails_shows_no_value(tmp_path: Path, scu: SCU, capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(Verification):
        def perform(self, operation: Any) -> Any:
            raise ValueError("CANARY")

    options = parse("storescp", ["-od", str(tmp_path), "-d", "0"])
    receiving = Receiving(options, log_for(options))
    scp = receiving.scp()
    scp.services = (Broken(),)
    with scp.running() as running:
        assert scu.echo(running.entity) == 0x0110
    receiving.close()
    err = capsys.readouterr().err
    assert "CANARY" not in err
    assert "E: service failed" in err
    assert f"at={__file__}:" in err


def test_a_counter_on_a_terminal(tmp_path: Path, scu: SCU, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    (tmp_path / "in").mkdir()
    with serving("storescp", "-od", tmp_path / "in") as running:
        list(scu.store(running.entity, [dicom_file(tmp_path / "a.dcm")]))
    assert "\r1 object, 0.0 MB received" in terminal.getvalue()


@needs_ipv6
@pytest.mark.parametrize(("words", "hosts"), [([], "4"), (["-i4"], "4"), (["-i6"], "6"), (["-i0"], "46")])
def test_internet_protocols(tmp_path: Path, scu: SCU, words: list[object], hosts: str) -> None:
    with started("-od", tmp_path, *words) as (_, peer):
        for family, host in (("4", "127.0.0.1"), ("6", "::1")):
            if family in hosts:
                assert scu.echo(Entity("X", host, peer.port)) == 0
            else:
                with pytest.raises(ConnectionFailed):
                    scu.echo(Entity("X", host, peer.port))


def ended(ran: subprocess.Popen[str]) -> tuple[int, dict[str, Any], str]:
    out, err = ran.communicate(timeout=LIMIT)
    return ran.returncode, json.loads(out.splitlines()[-1]), err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains(tmp_path: Path, scu: SCU, number: int) -> None:
    (tmp_path / "in").mkdir()
    file = dicom_file(tmp_path / "a.dcm")
    with started("-od", tmp_path / "in") as (ran, peer):
        with scu.associate(peer, [(CT, (EXPLICIT,))]) as association:
            ran.send_signal(number)
            _wait_until_refused(scu, peer)
            assert association.store(file).status == 0
        code, summary, err = ended(ran)
    assert (code, summary["stored"], summary["exit_code"]) == (0, 1, 0)
    assert "Traceback" not in err
    assert names(tmp_path / "in") == ["CT.1.2.3"]


def _wait_until_refused(scu: SCU, peer: Entity) -> None:
    until = time.monotonic() + LIMIT
    while time.monotonic() < until:
        try:
            scu.echo(peer)
        except AssociationRejected as rejected:
            if rejected.transient:
                return
            raise
        except (ConnectionFailed, AssociationAborted):
            return
    pytest.fail("a server that drains still takes associations")


def test_an_object_under_way_is_finished(tmp_path: Path) -> None:
    """The signal comes between two fragments of an object; the rest follows, and the answer is success."""
    (tmp_path / "in").mkdir()
    file = dicom_file(tmp_path / "a.dcm", pixels=bytes(8 << 20))
    halfway, go_on = threading.Event(), threading.Event()

    def pause(_bytes: int) -> None:
        halfway.set()
        go_on.wait(LIMIT)

    statuses: list[int | None] = []

    def send(peer: Entity) -> None:
        with SCU("SLOW").associate(peer, [(CT, (EXPLICIT,))]) as association:
            statuses.append(association.store(file, progress=pause).status)

    with started("-od", tmp_path / "in") as (ran, peer):
        sender = threading.Thread(target=send, args=(peer,), daemon=True)
        sender.start()
        assert halfway.wait(LIMIT)
        ran.send_signal(signal.SIGTERM)
        _wait_until_refused(SCU("OTHER"), peer)
        assert ran.poll() is None
        go_on.set()
        sender.join(LIMIT)
        code, summary, _ = ended(ran)
    assert statuses == [0]
    assert (code, summary["stored"]) == (0, 1)


def test_two_signals_abort(tmp_path: Path, scu: SCU) -> None:
    with started("-od", tmp_path) as (ran, peer):
        association = scu.associate(peer, [Verification])
        ran.send_signal(signal.SIGTERM)
        _wait_until_refused(scu, peer)
        ran.send_signal(signal.SIGTERM)
        with pytest.raises(AssociationAborted) as aborted:
            _echo_on(association)
        association.close()
        assert ended(ran)[0] == 0
    assert aborted.value.exit_code == "ABORTED"


def _echo_on(association: LiveAssociation) -> None:
    for _ in range(10_000):
        association.echo()


def test_a_flood_of_nonsense_is_a_few_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving("storescp", "-od", tmp_path) as running:
        for _ in range(60):
            with socket.create_connection(("127.0.0.1", running.port), LIMIT) as sock:
                sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
                assert sock.recv(1000)[0] == 7  # A-ABORT
    lines = capsys.readouterr().err.splitlines()
    assert 10 <= sum(line.startswith("W: association aborted") for line in lines) < 60
    assert any("withheld" in line for line in lines)


@pytest.mark.parametrize(
    ("words", "pattern"),
    [
        (["-tn"], "[0-9]" * 17 + "*.CT"),
        (["-ss", "in"], "in_[0-9]*_[0-9]*/CT.1.2.3"),
        (["-sp"], "A_B_[0-9]*_[0-9]*/CT.1.2.3"),
        (["-sp", "-tn", "-fe", ".dcm"], "A_B_[0-9]*_[0-9]*/[0-9]*.CT.dcm"),
    ],
)
def test_names_and_folders_of_the_time(tmp_path: Path, scu: SCU, words: list[object], pattern: str) -> None:
    (tmp_path / "in").mkdir()
    with serving("storescp", "-od", tmp_path / "in", *words) as running:
        for _ in range(2):
            assert [result.status for result in scu.store(running.entity, [dicom_file(tmp_path / "a.dcm")])] == [0]
    assert len(list((tmp_path / "in").glob(pattern))) == len(names(tmp_path / "in")) == (2 if "-tn" in words else 1)


def test_sleeps_while_storing_on_order(tmp_path: Path, scu: SCU) -> None:
    (tmp_path / "in").mkdir()
    with serving("storescp", "-od", tmp_path / "in", "--sleep-during", 0.3) as running:
        start = time.monotonic()
        list(scu.store(running.entity, [dicom_file(tmp_path / "a.dcm")]))
    assert time.monotonic() - start >= 0.3


RECORDS_ITS_ARGUMENTS = (
    "import socket, sys; open(sys.argv[2], 'a').write(' '.join(sys.argv[3:]) + chr(10)); "
    "socket.create_connection(('127.0.0.1', int(sys.argv[1])))"
)


def lines_of(told: Path) -> list[str]:
    return told.read_text().splitlines() if told.exists() else []


def test_a_program_when_the_association_that_brought_a_study_ends(
    tmp_path: Path, scu: SCU, program: socket.socket
) -> None:
    (tmp_path / "in").mkdir()
    told = tmp_path / "told"
    command = f'{sys.executable} -c "{RECORDS_ITS_ARGUMENTS}" {program.getsockname()[1]} {told} #p #a #c'
    files = [dicom_file(tmp_path / f"{n}.dcm", f"1.2.{n}", study=f"1.9.{n % 2}") for n in range(4)]
    with serving("storescp", "-od", tmp_path / "in", "-su", "s", "-xcs", command) as running:
        with scu.associate(running.entity, [(CT, (EXPLICIT,))]) as association:
            for file in files:
                assert association.store(file).status == 0
            assert lines_of(told) == [], "studies that arrive together do not end each other"
        for _ in range(2):
            program.accept()[0].close()
        title = running.entity.title
        wanted = [f"{tmp_path / 'in' / f's_1.9.{n}'} {SCU_TITLE} {title}" for n in range(2)]
        assert sorted(lines_of(told)) == wanted
    assert len(lines_of(told)) == 2, "nothing is left for the end of the server"


def test_a_program_when_nothing_of_a_study_came_for_a_while(tmp_path: Path, scu: SCU, program: socket.socket) -> None:
    (tmp_path / "in").mkdir()
    told = tmp_path / "told"
    command = f'{sys.executable} -c "{RECORDS_ITS_ARGUMENTS}" {program.getsockname()[1]} {told} #p'
    with serving("storescp", "-od", tmp_path / "in", "-su", "s", "-xcs", command, "-tos", 0.3) as running:
        with scu.associate(running.entity, [(CT, (EXPLICIT,))]) as association:
            assert association.store(dicom_file(tmp_path / "a.dcm", study="1.9.1")).status == 0
            program.accept()[0].close()
            assert lines_of(told) == [str(tmp_path / "in" / "s_1.9.1")]
        assert association is not None
        list(scu.store(running.entity, [dicom_file(tmp_path / "b.dcm", "1.2.4", study="1.9.2")]))
    assert lines_of(told)[1:] == [str(tmp_path / "in" / "s_1.9.2")], "the end of the server is the end of every study"


def test_a_study_has_no_file_name(tool: Tool, tmp_path: Path) -> None:
    ran = tool("storescp", "-od", tmp_path, "-su", "s", "-xcs", "process #f", 0)
    assert (ran.code, "#f" in ran.err) == (2, True)
