"""`dulcet storescu`: what becomes of each file, in records, words and the exit code."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from data_sets import BIG_ENDIAN, CT, DEFLATED, EXPLICIT, JPEG, MR, data_set, element
from dulcet.acse.policy import Reject, SupportedContext
from dulcet.dimse.messages import Response
from dulcet.dul import pdu
from dulcet.dul.items import ContextResult
from dulcet.services.scp import SCP
from dulcet.services.service import Operation, Service
from dulcet.services.storage.storage import Storage
from dulcet.services.verification import Verification
from dulcet.tools.connection import scu_for
from dulcet.tools.log import Log
from dulcet.tools.options.command_line import parse
from ports import free_port
from tool_runs import (
    CLOSE,
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

RECORD = {
    "record",
    "file",
    "sop_class_uid",
    "sop_instance_uid",
    "transfer_syntax_uid",
    "bytes",
    "status",
    "error",
}
TWO_CONTEXTS = pdu.AssociateAC((ContextResult(1, 0, EXPLICIT), ContextResult(3, 0, IMPLICIT))).encode()


class Answering(Service):
    """A storage SCP in memory that answers as told, by SOP Instance UID."""

    def __init__(self, statuses: dict[str, int] | None = None, *, syntaxes: tuple[str, ...] | None = None) -> None:
        self.statuses = statuses or {}
        self.syntaxes = syntaxes
        self.received: list[tuple[str, str, bytes]] = []

    def supports(self, abstract_syntax: str) -> SupportedContext | None:
        return SupportedContext(self.syntaxes) if abstract_syntax == CT else None

    def perform(self, operation: Operation) -> Response:
        uid = operation.request.sop_instance_uid or ""
        sink: Any = operation.sink
        self.received.append((uid, operation.context.transfer_syntax, sink.getvalue()))
        status = self.statuses.get(uid, 0)
        if status < 0:
            operation.caller.abort("no")
            status = 0
        return operation.request.response(status, error_comment="because" if status else None)

    @property
    def uids(self) -> list[str]:
        return [uid for uid, _, _ in self.received]


def store(tool: Tool, service: Service, *words: object, **options: Any) -> Ran:
    with SCP("PEER", [service, Verification()], **options).running() as running:
        return tool("storescu", "127.0.0.1", running.port, *words)


def asked(tool: Tool, *words: object) -> list[tuple[str, tuple[str, ...]]]:
    """The presentation contexts that a command line proposes."""
    seen: list[pdu.AssociateRQ] = []

    def see(request: pdu.AssociateRQ) -> Reject | None:
        seen.append(request)
        return None

    store(tool, Answering(), *words, refuse=see)
    return [(each.abstract_syntax, each.transfer_syntaxes) for each in seen[0].presentation_contexts]


def test_files_are_sent_as_they_are(tool: Tool, files: list[Path]) -> None:
    service = Answering()
    with SCP("PEER", [service]).running() as running:
        ran = tool("storescu", "-aec", "PEER", "127.0.0.1", running.port, *files)
        assert ran == (0, f"3 of 3 files stored at PEER@127.0.0.1:{running.port}\n", "")
    assert service.received == [(f"1.2.{n}", EXPLICIT, data_set(f"1.2.{n}")) for n in (1, 2, 3)]


def test_verbose(tool: Tool, files: list[Path]) -> None:
    ran = store(tool, Answering(), "-v", files[0])
    lines = ran.err.splitlines()
    for line, said in zip(
        lines,
        [
            "I: requesting association peer=",
            "I: association accepted maximum_send_length=",
            "I: sending C-STORE request file=",
            "I: received C-STORE response file=",
            "I: releasing association",
        ],
        strict=True,
    ):
        assert line.startswith(said)
    assert 'status="0x0000 (success: Success)"' in lines[3]
    assert "presentation context" not in ran.err


def test_verbose_contexts(tool: Tool, files: list[Path]) -> None:
    ran = store(tool, Answering(), "-v", "+v", files[0])
    assert f"I: presentation context 1: {CT} accepted with {EXPLICIT}" in ran.err


def test_records(tool: Tool, files: list[Path]) -> None:
    ran = store(tool, Answering({"1.2.2": 0xB007}), "--json", *files)
    assert [record["record"] for record in ran.records] == ["store"] * 3 + ["summary"]
    assert ran.records[0].keys() == RECORD
    assert list(ran.records[0]) == documented("storescu", "store")
    assert list(ran.summary) == documented("storescu", "summary")
    assert ran.records[1] == {
        "record": "store",
        "file": str(files[1]),
        "sop_class_uid": CT,
        "sop_instance_uid": "1.2.2",
        "transfer_syntax_uid": EXPLICIT,
        "bytes": len(data_set("1.2.2")),
        "status": "0xB007",
        "error": "because",
    }
    assert ran.summary.keys() == {"record", "words", "stored", "files", "peer", "exit_code"}
    assert (ran.summary["stored"], ran.summary["files"], ran.summary["exit_code"]) == (3, 3, 68)


@pytest.mark.parametrize(
    ("statuses", "words", "sent", "code"),
    [
        ({"1.2.1": 0xB000}, [], 3, 68),
        ({"1.2.1": 0xA700}, [], 1, 69),
        ({"1.2.1": 0xA700}, ["-nh"], 3, 69),
        ({"1.2.1": 0xA700, "1.2.2": 0xB000}, ["-nh"], 3, 69),
        ({"1.2.3": 0xC123}, [], 3, 69),
        ({"1.2.2": 0x0122}, ["-nh"], 3, 69),
        ({"1.2.2": -1}, ["-nh"], 2, 70),
    ],
)
def test_the_worst_counts(
    tool: Tool, files: list[Path], statuses: dict[str, int], words: list[str], sent: int, code: int
) -> None:
    service = Answering(statuses)
    ran = store(tool, service, "--json", *words, *files)
    assert (ran.code, ran.summary["exit_code"]) == (code, code)
    assert service.uids == [f"1.2.{n}" for n in range(1, sent + 1)]
    assert [record["file"] for record in ran.records[:-1]] == list(map(str, files))


def test_what_was_not_tried_has_a_record(tool: Tool, files: list[Path]) -> None:
    ran = store(tool, Answering({"1.2.1": 0xA700}), "--json", *files)
    assert [record["status"] for record in ran.records[:-1]] == ["0xA700", None, None]
    assert "the run ended before" in ran.records[1]["error"]
    assert ran.summary["stored"] == 0


def test_a_status_is_told_in_words(tool: Tool, files: list[Path]) -> None:
    ran = store(tool, Answering({"1.2.1": 0xA700}), *files)
    assert ran.out.endswith("0 of 3 files stored at " + ran.out.split(" at ")[1])
    assert ran.out.endswith(": the worst status was a failure\n")
    assert "E: received C-STORE response" in ran.err
    assert "0xA700 (failure: " in ran.err
    assert "comment=because" in ran.err


def test_no_context(tool: Tool, files: list[Path], tmp_path: Path) -> None:
    ran = store(tool, Answering(), dicom_file(tmp_path / "mr.dcm", "1.9", MR))
    assert ran.code == 65
    assert "no accepted presentation context for " + MR in ran.err
    service = Answering()
    ran = store(tool, service, "-nh", tmp_path / "mr.dcm", *files)
    assert ran.code == 65
    assert service.uids == ["1.2.1", "1.2.2", "1.2.3"]


def test_rejected(tool: Tool, files: list[Path]) -> None:
    ran = store(tool, Answering(), "-aec", "WRONG", *files, require_called_ae_title=True)
    assert ran.code == 61
    assert "called-AE-title-not-recognized" in ran.err
    assert ran.out.startswith("0 of 3 files stored")


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_unreachable(tool: Tool, files: list[Path], host: str) -> None:
    ran = tool("storescu", "--json", host, free_port(), *files)
    assert (ran.code, ran.summary["exit_code"], len(ran.records)) == (60, 60, 4)


@pytest.mark.parametrize(
    ("answer", "words", "code"),
    [
        (USER_ABORT, [], 70),
        (PROVIDER_ABORT, [], 72),
        (CLOSE, [], 73),
        (HOLD, ["-td", "0.3"], 74),
    ],
)
def test_the_association_ends_in_the_middle(
    tool: Tool, files: list[Path], answer: bytes, words: list[str], code: int
) -> None:
    with Scripted([TWO_CONTEXTS, answer]) as peer:
        ran = tool("storescu", "-nh", *words, "127.0.0.1", peer.port, *files)
    assert ran.code == code
    assert ran.out.startswith("0 of 3 files stored")
    assert ran.err.startswith("E: ")


def test_an_abort_in_the_middle_of_a_large_object(tool: Tool, tmp_path: Path) -> None:
    large = dicom_file(tmp_path / "large.dcm", pixels=bytes(40 << 20))
    with Scripted([TWO_CONTEXTS, USER_ABORT]) as peer:
        ran = tool("storescu", "-ta", 1, "127.0.0.1", peer.port, large)
    assert ran.code in (70, 73)  # 73 where the kernel lost the A-ABORT to the reset


def test_bad_files(tool: Tool, files: list[Path], tmp_path: Path) -> None:
    empty, text, missing = tmp_path / "empty", tmp_path / "text", tmp_path / "missing"
    empty.touch()
    text.write_text("This is no DICOM file, though it is long enough to be one." * 10)
    for bad in (empty, text, missing, tmp_path):
        service = Answering()
        ran = store(tool, service, "--json", files[0], bad, files[1])
        assert ran.code == 22, bad
        assert service.uids == []
        assert ran.records[0]["file"] == str(bad)
        ran = store(tool, service, "--json", "-nh", files[0], bad, files[1])
        assert (ran.code, service.uids) == (22, ["1.2.1", "1.2.2"])
        assert (ran.summary["stored"], ran.summary["files"]) == (2, 3)
    assert (
        ran.err.splitlines()[0]
        == f'E: not sent file={tmp_path} why="is a directory; with +sd/--scan-directories the files in it are sent"'
    )


def test_an_unreadable_file(tool: Tool, files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = os.open

    def refusing(path: Any, *rest: Any, **more: Any) -> int:
        if str(path) == str(files[1]):
            raise PermissionError(13, "Permission denied", str(path))
        return genuine(path, *rest, **more)

    monkeypatch.setattr(os, "open", refusing)
    service = Answering()
    ran = store(tool, service, "-nh", *files)
    assert (ran.code, service.uids) == (22, ["1.2.1", "1.2.3"])
    assert "Permission denied" in ran.err


def test_nothing_valid_and_nothing_at_all(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    port = free_port()
    assert tool("storescu", "-nh", "127.0.0.1", port, tmp_path / "empty").code == 23
    assert tool("storescu", "127.0.0.1", port, tmp_path).code == 23
    (tmp_path / "empty").unlink()
    ran = tool("storescu", "+sd", "127.0.0.1", port, tmp_path)
    assert ran.code == 21
    assert "there is no file to work on" in ran.out


def test_a_file_that_changes_meanwhile(tool: Tool, files: list[Path]) -> None:
    class Meddling(Answering):
        def perform(self, operation: Operation) -> Response:
            files[2].write_bytes(b"")  # the second may be read already
            return super().perform(operation)

    service = Meddling()
    ran = store(tool, service, "--json", "-nh", *files)
    assert (ran.code, service.uids) == (22, ["1.2.1", "1.2.2"])
    assert "changed since it was looked at" in ran.records[2]["error"]


def test_directories(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    dicom_file(tmp_path / "a" / "1.dcm", "1.2.1")
    dicom_file(tmp_path / "a" / "2.img", "1.2.2")
    dicom_file(tmp_path / "a" / "b" / "3.dcm", "1.2.3")
    for words, uids in [
        (["+sd"], ["1.2.1", "1.2.2"]),
        (["+sd", "-r"], ["1.2.1", "1.2.2"]),
        (["+sd", "+r"], ["1.2.1", "1.2.2", "1.2.3"]),
        (["+sd", "+r", "+sp", "*.dcm"], ["1.2.1", "1.2.3"]),
    ]:
        service = Answering()
        assert store(tool, service, *words, tmp_path / "a").code == 0
        assert service.uids == uids, words


def test_how_files_are_read(tool: Tool, files: list[Path], tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.write_bytes(data_set("1.2.9", syntax=IMPLICIT))
    for words, sent in [
        ([], ["1.2.1", "1.2.9"]),
        (["+f"], ["1.2.1", "1.2.9"]),
        (["+fo"], ["1.2.1"]),
        (["-f"], ["1.2.9"]),
    ]:
        service = Answering()
        store(tool, service, "-nh", *words, files[0], bare)
        assert service.uids == sent, words


def test_repeat(tool: Tool, files: list[Path]) -> None:
    service = Answering()
    ran = store(tool, service, "--repeat", 2, *files[:2])
    assert service.uids == ["1.2.1", "1.2.2"] * 2
    assert ran.out.startswith("4 of 4 files stored")


def test_proposed_by_need(tool: Tool, tmp_path: Path) -> None:
    jpeg = dicom_file(tmp_path / "jpeg", "1.1", syntax=JPEG)
    explicit = dicom_file(tmp_path / "explicit", "1.2")
    assert asked(tool, jpeg) == [(CT, (JPEG,))]
    assert asked(tool, "-R", explicit) == [(CT, (EXPLICIT,)), (CT, (IMPLICIT,))]
    assert asked(tool, "+C", explicit, jpeg) == [(CT, (EXPLICIT, IMPLICIT, JPEG))]


@pytest.mark.parametrize(
    ("option", "contexts"),
    [
        ("-x=", [(EXPLICIT,), (IMPLICIT, BIG_ENDIAN)]),
        ("-xe", [(EXPLICIT,), (IMPLICIT, BIG_ENDIAN)]),
        ("-xb", [(BIG_ENDIAN,), (EXPLICIT, IMPLICIT)]),
        ("-xi", [(IMPLICIT,)]),
        ("-xd", [(DEFLATED,), (EXPLICIT, IMPLICIT, BIG_ENDIAN)]),
        ("-xy", [(JPEG,), (EXPLICIT, IMPLICIT, BIG_ENDIAN)]),
        ("-xx", [("1.2.840.10008.1.2.4.51",), (EXPLICIT, IMPLICIT, BIG_ENDIAN)]),
        ("-xv", [("1.2.840.10008.1.2.4.90",), (EXPLICIT, IMPLICIT, BIG_ENDIAN)]),
        ("-xm", [("1.2.840.10008.1.2.4.100",)]),
    ],
)
def test_proposed_by_option(tool: Tool, files: list[Path], option: str, contexts: list[tuple[str, ...]]) -> None:
    assert [(name, set(syntaxes)) for name, syntaxes in asked(tool, option, files[0])] == [
        (CT, set(syntaxes)) for syntaxes in contexts
    ]


def test_nothing_is_decoded_where_the_syntax_is_accepted(tmp_path: Path) -> None:
    """What decodes data sets is not even loaded."""
    service = Answering()
    file = dicom_file(tmp_path / "a.dcm")
    run = "import sys; from dulcet.tools import cli; code = cli.main(sys.argv[1:], 'dulcet')"
    told = "print(int(code), [name for name in sys.modules if name.split('.')[0] == 'pydicom'])"
    with SCP("PEER", [service]).running() as running:
        ran = subprocess.run(
            [sys.executable, "-c", f"{run}; {told}", "storescu", "-q", "127.0.0.1", str(running.port), file],
            capture_output=True, text=True, check=False, timeout=LIMIT,
        )  # fmt: skip
    assert (ran.stdout, ran.stderr) == ("0 []\n", "")
    assert service.received == [("1.2.3", EXPLICIT, data_set("1.2.3"))]


def test_converted_to_what_is_preferred(tool: Tool, files: list[Path]) -> None:
    service = Answering()
    assert store(tool, service, "-xi", files[0]).code == 0
    assert service.received == [("1.2.1", IMPLICIT, data_set("1.2.1", syntax=IMPLICIT))]


PROFILE = f"""
[[TransferSyntaxes]]
[Plain]
TransferSyntax1 = LittleEndianImplicit
[[PresentationContexts]]
[Contexts]
PresentationContext1 = {CT}\\Plain
PresentationContext2 = {MR}\\Plain
[[SCPSCURoleSelection]]
[Roles]
Role1 = {CT}\\BOTH
[[Profiles]]
[Mine]
PresentationContexts = Contexts
SCPSCURoleSelection = Roles
"""


def test_a_profile(tool: Tool, files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "profile").write_text(PROFILE)
    assert asked(tool, "-xf", tmp_path / "profile", "Mine", files[0]) == [(CT, (IMPLICIT,)), (MR, (IMPLICIT,))]
    service = Answering()
    assert store(tool, service, "-xf", tmp_path / "profile", "Mine", *files).code == 0
    assert [syntax for _, syntax, _ in service.received] == [IMPLICIT] * 3


def test_a_profile_that_is_not_there(tool: Tool, files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "profile").write_text(PROFILE)
    ran = tool("storescu", "--json", "-xf", tmp_path / "profile", "Yours", "127.0.0.1", free_port(), *files)
    assert (ran.code, ran.summary["exit_code"]) == (66, 66)
    assert "there is no profile 'Yours'" in ran.err


def test_lengths() -> None:
    options = parse("storescu", ["-pdu", "4096", "--max-send-pdu", "8192", "h", "1", "f"])
    made = scu_for(options, Log()).settings
    assert (made.maximum_length, made.maximum_send_length) == (4096, 8192)


def test_longest_pdu_to_send(tool: Tool, tmp_path: Path) -> None:
    large = dicom_file(tmp_path / "large.dcm", pixels=bytes(100_000))
    service = Answering()
    assert store(tool, service, "--max-send-pdu", 4096, large).code == 0
    assert len(service.received[0][2]) > 100_000


def test_abort_instead_of_release(tool: Tool, files: list[Path]) -> None:
    ran = store(tool, Answering(), "-v", "--abort", *files)
    assert ran.code == 0
    assert "I: aborting association" in ran.err
    assert "releasing" not in ran.err


def test_no_patient_in_any_line(tool: Tool, tmp_path: Path) -> None:
    patient = element((0x0010, 0x0010), "PN", "CANARY^NAME") + element((0x0010, 0x0020), "LO", "CANARY-ID")
    file = dicom_file(tmp_path / "1.dcm", "1.2.1", after=patient)
    wrong = dicom_file(tmp_path / "2.dcm", "1.2.2", after=patient)
    (tmp_path / "in").mkdir()
    with SCP("PEER", [Storage(tmp_path / "in")]).running() as running:
        ran = tool("storescu", "-ll", "trace", "-nh", "--json", "127.0.0.1", running.port, file, wrong)
    assert ran.code == 0
    assert "CANARY" not in ran.out + ran.err


def test_two_interrupts_abort(tmp_path: Path) -> None:
    file = dicom_file(tmp_path / "1.dcm")
    with Scripted([TWO_CONTEXTS, HOLD]) as peer, process("storescu", "127.0.0.1", peer.port, file) as ran:
        peer.wait_for(2)
        assert ran.stderr is not None
        ran.send_signal(signal.SIGINT)
        ran.stderr.readline()
        ran.send_signal(signal.SIGTERM)
        out, err = ran.communicate(timeout=LIMIT)
    assert ran.returncode == 130
    assert err == "E: stopped from the keyboard\n"
    assert out.startswith("0 of 1 files stored")
    assert peer.types[0] == 1
    assert peer.types[-1] == 7
