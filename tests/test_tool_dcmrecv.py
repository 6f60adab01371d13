"""`dulcet dcmrecv`: what it accepts by itself, whom it rejects, how it names and sorts."""

import json
import signal
from datetime import datetime
from pathlib import Path

import pytest
from data_sets import CT, EXPLICIT, JPEG, MR, data_set, element
from dulcet.services.entity import Entity
from dulcet.services.errors import AssociationRejected
from dulcet.services.scu import SCU
from dulcet.services.shutdown import SHUTDOWN
from dulcet.services.storage.part10 import file_meta, peek
from dulcet.services.verification import VERIFICATION
from tool_runs import IMPLICIT, LIMIT, Tool, dicom_file, documented, names, process, serving

UNKNOWN = "1.2.826.0.1.3680043.9.9999.1"


@pytest.fixture
def scu() -> SCU:
    return SCU("MODALITY")


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


TODAY = f"{datetime.now():%Y%m%d}"


@pytest.mark.parametrize(
    ("words", "pattern"),
    [
        ([], "CT.1.2.3"),
        (["+fd", "-s"], "CT.1.2.3"),
        (["+fu"], "CT.X.2.25.*"),
        (["+fsu"], "CT_" + "[0-9a-f]" * 16),
        (["+fst"], "2[0-9]*.[0-9]*.CT"),
        (["-fe", ".dcm"], "CT.1.2.3.dcm"),
        (["+ssd"], "data/2024/02/29/CT.1.2.3"),
        (["+ssd", "+fsu", "-fe", ".dcm"], "data/2024/02/29/CT_*.dcm"),
        (["-B"], "CT.1.2.3"),
        (["+B"], "CT.1.2.3"),
    ],
)
def test_names(tmp_path: Path, inbox: Path, scu: SCU, words: list[str], pattern: str) -> None:
    date = element((0x0008, 0x0021), "DA", "20240229")
    with serving("dcmrecv", "-od", inbox, *words) as running:
        for _ in range(2):
            (result,) = scu.store(running.entity, [dicom_file(tmp_path / "a.dcm", after=date)])
            assert result.status == 0
    found = names(inbox)
    assert list(map(str, sorted(inbox.glob(pattern)))) == [str(inbox / name) for name in found]
    assert len(found) == (2 if {"+fu", "+fsu", "+fst"} & set(words) else 1)
    meta = peek(inbox / found[0])
    assert (inbox / found[0]).read_bytes()[meta.dataset_offset :] == data_set("1.2.3", after=date)


def test_a_series_without_a_date(tmp_path: Path, inbox: Path, scu: SCU) -> None:
    with serving("dcmrecv", "-od", inbox, "+ssd") as running:
        list(scu.store(running.entity, [dicom_file(tmp_path / "a.dcm")]))
    assert names(inbox) in ([f"undef/{TODAY}/CT.1.2.3"], [f"undef/{datetime.now():%Y%m%d}/CT.1.2.3"])


def test_nothing_is_written_on_order(tmp_path: Path, inbox: Path, scu: SCU) -> None:
    with serving("dcmrecv", "-od", inbox, "--ignore") as running:
        (result,) = scu.store(running.entity, [dicom_file(tmp_path / "a.dcm")])
    assert (result.status, names(inbox)) == (0, [])


def test_every_storage_class_in_every_transfer_syntax(inbox: Path, scu: SCU) -> None:
    contexts = [(CT, (JPEG,)), (MR, ("1.2.840.10008.1.2.4.107",)), (VERIFICATION, (IMPLICIT,)), (UNKNOWN, (EXPLICIT,))]
    with serving("dcmrecv", "-od", inbox) as running, scu.associate(running.entity, contexts) as association:
        accepted = {context.abstract_syntax for context in association.agreement.contexts.values()}
    assert accepted == {CT, MR, VERIFICATION}


def test_a_profile_says_less(tmp_path: Path, inbox: Path, scu: SCU) -> None:
    profile = tmp_path / "profile.cfg"
    profile.write_text(
        "[[TransferSyntaxes]]\n[Few]\nTransferSyntax1 = 1.2.840.10008.1.2\n"
        f"[[PresentationContexts]]\n[One]\nPresentationContext1 = {CT}\\Few\n"
        "[[Profiles]]\n[Mine]\nPresentationContexts = One\n"
    )
    with serving("dcmrecv", "-od", inbox, "-xf", profile, "Mine") as running:
        contexts = [(CT, (EXPLICIT, IMPLICIT)), (MR, (IMPLICIT,))]
        with scu.associate(running.entity, contexts) as association:
            (context,) = association.agreement.contexts.values()
        assert (context.abstract_syntax, context.transfer_syntax) == (CT, IMPLICIT)
        with pytest.raises(AssociationRejected):
            scu.associate(running.entity, [(MR, (IMPLICIT,))])


def test_who_wants_nothing_we_have_is_rejected(inbox: Path, scu: SCU) -> None:
    with serving("dcmrecv", "-od", inbox) as running, pytest.raises(AssociationRejected) as rejected:
        scu.associate(running.entity, [(UNKNOWN, (IMPLICIT,))])
    assert (rejected.value.result, rejected.value.source, rejected.value.reason) == (1, 1, 1)


@pytest.mark.parametrize(
    ("words", "called", "accepted"),
    [
        ([], "ANYBODY", True),
        (["-uca"], "ANYBODY", True),
        (["-aet", "MINE"], "MINE", True),
        (["-aet", "MINE"], "ANYBODY", False),
        (["-aet", "MINE", "-uca"], "ANYBODY", True),
        (["-uca", "-aet", "MINE"], "ANYBODY", False),
        (["--allow-calling-aetitle", "OTHER"], "ANYBODY", False),
    ],
)
def test_titles(inbox: Path, scu: SCU, words: list[str], called: str, accepted: bool) -> None:
    with serving("dcmrecv", "-od", inbox, *words) as running:
        peer = Entity(called, "127.0.0.1", running.port)
        if accepted:
            assert scu.echo(peer) == 0
        else:
            with pytest.raises(AssociationRejected):
                scu.echo(peer)


def test_a_directory_that_is_not_there(tool: Tool, tmp_path: Path) -> None:
    ran = tool("dcmrecv", "-od", tmp_path / "nowhere", 0)
    assert (ran.code, "no directory that can be written to" in ran.err) == (45, True)


def test_a_port_in_use(tool: Tool, inbox: Path) -> None:
    with serving("dcmrecv", "-od", inbox) as running:
        ran = tool("dcmrecv", "-od", inbox, running.port)
    assert (ran.code, "cannot listen on port" in ran.err) == (64, True)


def test_a_profile_that_is_not_there(tool: Tool, inbox: Path) -> None:
    assert tool("dcmrecv", "-od", inbox, "-xf", "/nowhere", "X", 0).code == 66


def test_as_a_process(tmp_path: Path, inbox: Path, scu: SCU) -> None:
    with process("dcmrecv", "--json", "-od", inbox, 0) as ran:
        assert ran.stdout is not None
        listening = json.loads(ran.stdout.readline())
        assert list(listening) == documented("dcmrecv", "listening")
        (tmp_path / "bad.dcm").write_bytes(file_meta(CT, "1.2.9", EXPLICIT) + data_set("1.2.9")[:60])
        list(scu.store(Entity("X", "127.0.0.1", listening["port"]), [dicom_file(tmp_path / "a.dcm")]))
        ran.send_signal(signal.SIGTERM)
        out, err = ran.communicate(timeout=LIMIT)
    stored, summary = map(json.loads, out.splitlines())
    assert list(stored) == documented("dcmrecv", "object")
    assert list(summary) == documented("dcmrecv", "summary")
    assert (ran.returncode, summary["stored"], err) == (0, 1, "")


def test_stops_when_termscu_asks(tool: Tool, inbox: Path) -> None:
    with process("dcmrecv", "--json", "--allow-shutdown", "-od", inbox, 0) as ran:
        assert ran.stdout is not None
        port = json.loads(ran.stdout.readline())["port"]
        assert tool("termscu", "localhost", port).code == 0
        assert ran.wait(LIMIT) == 0
    assert SHUTDOWN
