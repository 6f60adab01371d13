"""`dulcet movescu`: where objects are sent, its own storage SCP, and what the exit code tells."""

import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from certificates import Certificates
from data_sets import EXPLICIT, JPEG, data_set
from dulcet.dul import pdu
from dulcet.dul.items import ContextResult
from dulcet.dul.transport.tls import client_context, server_context
from dulcet.services.entity import Entity
from dulcet.services.query.retrieve import Retrieve
from dulcet.services.scp import SCP
from dulcet.services.scu import Settings
from dulcet.services.service import Operation
from dulcet.services.storage.part10 import peek
from dulcet.services.storage.storage import Storage
from ports import free_port
from pydicom.dataset import Dataset
from tool_runs import (
    CLOSE,
    HOLD,
    IMPLICIT,
    PROVIDER_ABORT,
    USER_ABORT,
    Ran,
    Scripted,
    Tool,
    dicom_file,
    documented,
)

PATIENT_MOVE = "1.2.840.10008.5.1.4.1.2.1.2"
pytestmark = pytest.mark.usefixtures("here")
KEYS = ("-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2")
ACCEPTED = pdu.AssociateAC((ContextResult(1, 0, EXPLICIT),)).encode()


def move(tool: Tool, files: Sequence[Path], *words: object, to: int | None = None, **options: Any) -> Ran:
    """Move from an archive that knows one destination, ME, on a port of this machine."""
    port = to or free_port()
    listening = () if to else ("+P", port)
    retrieve = Retrieve(lambda _keys, _operation: files, {"ME": Entity("ME", "127.0.0.1", port)}, **options)
    with SCP("PEER", [retrieve]).running() as running:
        return tool("movescu", "-aec", "PEER", *listening, "127.0.0.1", running.port, *words)


def inbox() -> list[str]:
    return sorted(os.listdir())


def test_received_here(tool: Tool, files: list[Path]) -> None:
    ran = move(tool, files, "-aem", "ME", *KEYS)
    assert ran.code == 0, ran.err
    assert ran.out.startswith("3 objects retrieved from PEER@127.0.0.1:")
    assert ran.err == ""
    assert inbox() == ["CT.1.2.1", "CT.1.2.2", "CT.1.2.3"]
    meta = peek("CT.1.2.1")
    assert (meta.transfer_syntax_uid, meta.source_ae_title) == (EXPLICIT, "PEER")
    assert Path("CT.1.2.1").read_bytes()[meta.dataset_offset :] == data_set("1.2.1")


def test_our_own_title_is_the_default_destination(tool: Tool, files: list[Path]) -> None:
    assert move(tool, files, "-aet", "ME", *KEYS).code == 0
    assert len(inbox()) == 3


def test_sent_to_somebody_else(tool: Tool, files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    with SCP("ME", [Storage(tmp_path / "elsewhere")]).running() as elsewhere:
        ran = move(tool, files, "-aem", "ME", "--no-port", *KEYS, to=elsewhere.port)
    assert ran.code == 0, ran.err
    assert (inbox(), len(list((tmp_path / "elsewhere").iterdir()))) == ([], 3)


def test_records(tool: Tool, files: list[Path]) -> None:
    ran = move(tool, files, "--json", "-aem", "ME", *KEYS)
    assert [record["record"] for record in ran.records] == ["object"] * 3 + ["response", "summary"]
    for record in ran.records:
        assert list(record) == documented("movescu", record["record"])
    assert (ran.records[0]["file"], ran.records[0]["calling"]) == ("CT.1.2.1", "PEER")
    assert (ran.records[-2]["status"], ran.records[-2]["completed"]) == ("0x0000", 3)
    assert (ran.summary["completed"], ran.summary["stored"], ran.summary["exit_code"]) == (3, 3, 0)


def test_several_associations_come_in_at_the_same_time(tool: Tool, tmp_path: Path) -> None:
    many = [dicom_file(tmp_path / f"m{n}", f"1.2.{n}") for n in range(40)]
    ran = move(tool, many, "-v", "-aem", "ME", *KEYS, associations=4)
    assert (ran.code, len(inbox())) == (0, 40), ran.err
    assert ran.err.count("association released") == 4


def test_an_unknown_destination_is_explained(tool: Tool, files: list[Path]) -> None:
    ran = move(tool, files, "--json", "-aem", "OTHER", *KEYS)
    assert ran.code == 69
    assert ran.records[0]["status"] == "0xA801"
    assert "title, host and port must be in the peer's configuration" in ran.records[0]["error"]
    assert "0xA801 (failure: " in ran.err
    assert "title, host and port must be in the peer's configuration" in ran.err


def test_a_destination_that_does_not_answer(tool: Tool, files: list[Path]) -> None:
    ran = move(tool, files, "-aem", "ME", *KEYS, to=free_port())
    assert ran.code == 69
    assert ran.out.startswith("0 objects retrieved")
    assert ", 3 failed: " in ran.out


@pytest.mark.parametrize(("words", "code", "stored"), [([], 68, 3), (["+xy"], 0, 4), (["+xa"], 0, 4)])
def test_preferred_syntaxes(
    tool: Tool, files: list[Path], tmp_path: Path, words: list[str], code: int, stored: int
) -> None:
    jpeg = dicom_file(tmp_path / "jpeg", "1.2.9", syntax=JPEG)
    ran = move(tool, [*files, jpeg], "-aem", "ME", *words, *KEYS)
    assert (ran.code, len(inbox())) == (code, stored), ran.err


def test_how_files_are_written(tool: Tool, files: list[Path], tmp_path: Path) -> None:
    assert move(tool, files[:1], "-aem", "ME", "+ti", *KEYS).code == 0
    assert peek("CT.1.2.1").transfer_syntax_uid == IMPLICIT
    (tmp_path / "there").mkdir()
    assert move(tool, files[1:2], "-aem", "ME", "+B", "-od", tmp_path, *KEYS).code == 0
    assert peek(tmp_path / "CT.1.2.2").transfer_syntax_uid == EXPLICIT
    words = ("-aem", "ME", "-F", "-od", tmp_path / "there", "--durability", "crash-safe")
    assert move(tool, files[:1], *words, *KEYS).code == 0
    assert (tmp_path / "there" / "CT.1.2.1").read_bytes() == data_set("1.2.1")
    assert move(tool, files, "-aem", "ME", "--ignore", "-od", tmp_path / "none", *KEYS).code == 0
    assert inbox() == ["CT.1.2.1"]


def test_cancel(tool: Tool, tmp_path: Path) -> None:
    many = [dicom_file(tmp_path / f"m{n}", f"1.2.{n}", pixels=bytes(100_000)) for n in range(200)]
    ran = move(tool, many, "--json", "-aem", "ME", "--cancel", 1, *KEYS)
    assert ran.code == 75, ran.err
    assert ran.records[-2]["status"] == "0xFE00"
    assert ran.summary["completed"] < 200


def test_stopped_from_the_keyboard(tool: Tool, tmp_path: Path) -> None:
    def stopping() -> Iterator[Path]:
        for number in range(200):
            if number == 5:
                os.kill(os.getpid(), signal.SIGINT)
            yield dicom_file(tmp_path / f"m{number}", f"1.2.{number}", pixels=bytes(100_000))

    port = free_port()
    retrieve = Retrieve(lambda _keys, _operation: stopping(), {"ME": Entity("ME", "127.0.0.1", port)})
    with SCP("PEER", [retrieve]).running() as running:
        ran = tool("movescu", "--json", "-aem", "ME", "+P", port, "127.0.0.1", running.port, *KEYS, "--repeat", 2)
    assert (ran.code, ran.summary["exit_code"]) == (130, 130)
    assert [record["status"] for record in ran.records if record["record"] == "response"] == ["0xFE00"]


def test_what_is_proposed(tool: Tool) -> None:
    with Scripted([pdu.AssociateRJ(1, 1, 1).encode()]) as peer:
        ran = tool("movescu", "--enhanced", "-xi", "127.0.0.1", peer.port, "-k", "PatientID=1")
    assert ran.code == 61
    request = pdu.decode(peer.heard[0])
    assert isinstance(request, pdu.AssociateRQ)
    (context,) = request.presentation_contexts
    assert (context.abstract_syntax, context.transfer_syntaxes) == (PATIENT_MOVE, (IMPLICIT,))
    assert request.calling_ae_title == "MOVESCU"
    (item,) = request.user_information.extended_negotiations
    assert (item.sop_class_uid, item.information) == (PATIENT_MOVE, b"\0\1")


def test_several_queries_and_bad_ones(tool: Tool, files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "query").write_text("QueryRetrieveLevel=STUDY")
    query = tmp_path / "query"
    ran = move(tool, files, "-aem", "ME", *KEYS, query, tmp_path / "none", query)
    assert ran.code == 22
    assert ran.out.startswith("6 objects retrieved")
    assert tool("movescu", "127.0.0.1", free_port(), tmp_path / "none").code == 23
    assert tool("movescu", "127.0.0.1", free_port()).code == 2


def test_a_port_that_is_taken(tool: Tool) -> None:
    with SCP("OTHER", []).running("") as other:
        ran = tool("movescu", "+P", other.port, "127.0.0.1", free_port(), *KEYS)
    assert ran.code == 64
    assert f"cannot listen on port {other.port}" in ran.err


def test_no_directory(tool: Tool, tmp_path: Path) -> None:
    ran = tool("movescu", "+P", free_port(), "-od", tmp_path / "none", "127.0.0.1", free_port(), *KEYS)
    assert ran.code == 45


def test_tls_both_ways(tool: Tool, files: list[Path], tmp_path: Path) -> None:
    made = Certificates(tmp_path)
    trusted = {"ca_files": [made.authority.certificate_file]}
    identity = {"key": made.server.key_file, "certificate": made.server.certificate_file}
    port = free_port()
    calling = Settings(tls=client_context(check_hostname=False, verify=False, **identity), server_hostname="")
    retrieve = Retrieve(lambda _keys, _operation: files, {"ME": Entity("ME", "127.0.0.1", port)}, settings=calling)
    ours = ("+tls", made.client.key_file, made.client.certificate_file, "-ic")
    with SCP("PEER", [retrieve], tls=server_context(**trusted, **identity)).running() as running:
        ran = tool("movescu", *ours, "-aem", "ME", "+P", port, "127.0.0.1", running.port, *KEYS)
    assert (ran.code, len(inbox())) == (0, 3), ran.err


def test_a_server_with_tls_needs_a_key(tool: Tool) -> None:
    ran = tool("movescu", "+P", free_port(), "+tla", "127.0.0.1", free_port(), *KEYS)
    assert ran.code == 2
    assert "a server needs a key" in ran.err


@pytest.mark.parametrize(
    ("answer", "words", "code"),
    [(USER_ABORT, [], 70), (PROVIDER_ABORT, [], 72), (CLOSE, [], 73), (HOLD, ["-td", "0.3"], 74)],
)
def test_the_association_ends_in_the_middle(tool: Tool, answer: bytes, words: list[str], code: int) -> None:
    with Scripted([ACCEPTED, answer]) as peer:
        ran = tool("movescu", *words, "+P", free_port(), "127.0.0.1", peer.port, *KEYS)
    assert ran.code == code
    assert ran.err.startswith("E: ")


def test_nothing_of_what_moves_is_in_the_log(tool: Tool, files: list[Path]) -> None:
    ran = move(tool, files, "-v", "-aem", "ME", *KEYS)
    assert "A^B" not in ran.err
    assert "I: listening port=" in ran.err
    assert ran.err.count("I: object stored") == 3


def test_an_identifier_that_cannot_be_encoded(tool: Tool) -> None:
    def never(_keys: Dataset, _operation: Operation) -> Iterator[Path]:
        raise AssertionError

    with SCP("PEER", [Retrieve(never)]).running() as running:
        words = ("-k", "SpecificCharacterSet=ISO_IR 100", "-k", "PatientName=神")
        ran = tool("movescu", "127.0.0.1", running.port, *KEYS, *words)
    assert ran.code == 22
    assert "E: not asked request=1" in ran.err
