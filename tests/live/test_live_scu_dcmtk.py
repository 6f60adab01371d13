"""Our SCU and DCMTK's servers: storescp, dcmrecv, dcmqrscp."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from certificates import Certificates
from data_sets import IMPLICIT
from dulcet.acse.events import Initiator
from dulcet.dul.items import ProposedContext
from dulcet.dul.transport.tls import client_context
from dulcet.services.storage.naming import PREFIXES
from live_instances import (
    NEAR_LOSSLESS,
    SYNTAXES,
    UNCOMPRESSED,
    awkward,
    digest,
    digests,
    encapsulated,
    instance,
    large,
    real_files,
    same_content,
    syntax_of,
    uid_of,
)
from live_peers import Server, configuration, dcmtk, dcmtk_tls, dulcet, run, until

from dulcet import (
    SCU,
    AssociationAborted,
    AssociationRejected,
    AssociationTimeout,
    ConnectionFailed,
    Entity,
    NoAcceptedContext,
    Shutdown,
    Timeouts,
    Verification,
)

pytestmark = pytest.mark.usefixtures("dcmtk")

VERIFICATION = "1.2.840.10008.1.1"
STORESCP = "DCMTK storescp"
Trace = Callable[..., None]
Proven = Callable[..., None]


@pytest.fixture
def scu(trace: Trace) -> SCU:
    return SCU("LIVE", trace=trace, timeouts=Timeouts(artim=2.0, idle=None))


class Storescp(Server):
    """A storescp that keeps every byte, and where it puts them."""

    def __init__(self, folder: Path, *options: object) -> None:
        self.inbox = folder / "inbox"
        self.inbox.mkdir(exist_ok=True)
        command = [dcmtk("storescp"), "-v", "-dhl", "-pm", "-od", self.inbox, *options, "PORT"]
        super().__init__(command, folder / "storescp.log")
        self.entity = Entity.local("STORESCP", self.port)

    def received(self) -> list[Path]:
        """What it has, and nothing afterwards."""
        return [path for path in self.inbox.iterdir() if path.is_file()]

    def empty(self) -> None:
        """Forget what it has."""
        for path in self.received():
            path.unlink()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storescp]:
    with Storescp(tmp_path_factory.mktemp("storescp"), "+B", "+xa", "-pdu", "131072") as server:
        yield server


@pytest.fixture
def storescp(running: Storescp) -> Storescp:
    running.empty()
    return running


# Verification, negotiation, ends


def test_echo_and_release(storescp: Storescp, scu: SCU, proven: Proven) -> None:
    released = storescp.said.count("Association Release")
    assert scu.echo(storescp.entity) == 0x0000
    storescp.wait_for("Association Release", released + 1)
    proven(STORESCP, "SCU", "C-ECHO", "release")


def test_128_presentation_contexts(storescp: Storescp, scu: SCU, proven: Proven) -> None:
    with scu.associate(storescp.entity, [(VERIFICATION, (IMPLICIT,))] * 128) as association:
        assert list(association.agreement.contexts) == list(range(1, 256, 2))
        assert association.agreement.maximum_send_length == 131072
        assert association.echo() == 0x0000
    proven(STORESCP, "SCU", "negotiation", "128 contexts")


def test_what_was_not_accepted_is_said(storescp: Storescp, scu: SCU, proven: Proven) -> None:
    worklist = ProposedContext(77, "1.2.840.10008.5.1.4.31", (IMPLICIT,))
    with scu.associate(storescp.entity, [worklist]) as association, pytest.raises(NoAcceptedContext) as caught:
        association.echo()
    assert VERIFICATION in str(caught.value)
    assert [(refused.id, refused.result) for refused in caught.value.agreement.refused] == [(77, 3)]
    proven(STORESCP, "SCU", "negotiation", "abstract syntax refused")


def test_a_user_s_error_aborts(storescp: Storescp, scu: SCU, proven: Proven) -> None:
    aborts = storescp.said.count("Association Abort")

    def stumbling() -> None:
        with scu.associate(storescp.entity, [Verification]) as association:
            association.echo()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stumbling()
    storescp.wait_for("Association Abort", aborts + 1)
    proven(STORESCP, "SCU", "negotiation", "we abort")


# Storage


def test_every_transfer_syntax_arrives_as_it_was(storescp: Storescp, scu: SCU, proven: Proven) -> None:
    files = real_files()
    for file in files:  # some are the same instance in another transfer syntax, and storescp overwrites
        (result,) = scu.store(storescp.entity, [file])
        assert (result.status, result.transfer_syntax_uid) == (0x0000, syntax_of(file)), file.name
        until(storescp.received, "the file")
        (received,) = storescp.received()
        assert digest(received) == digest(file), file.name
        assert syntax_of(received) == syntax_of(file)
        storescp.empty()
    assert sorted(map(syntax_of, files)) == sorted(SYNTAXES)
    proven(STORESCP, "SCU", "C-STORE", *SYNTAXES.values())


def test_awkward_instances(storescp: Storescp, scu: SCU, tmp_path: Path, proven: Proven) -> None:
    files = [*awkward(tmp_path), encapsulated(tmp_path, 107, NEAR_LOSSLESS)]
    assert [result.status for result in scu.store(storescp.entity, files)] == [0x0000] * len(files)
    assert digests(storescp.received()) == digests(files)
    proven(STORESCP, "SCU", "C-STORE", "awkward data sets")


def test_40_mib(storescp: Storescp, scu: SCU, tmp_path: Path, proven: Proven) -> None:
    file = large(tmp_path)
    (result,) = scu.store(storescp.entity, [file])
    assert (result.status, result.size > 40 << 20) == (0x0000, True)
    assert digests(storescp.received()) == [digest(file)]
    proven(STORESCP, "SCU", "C-STORE", "40 MiB", "max PDU 131072")


def test_more_than_128_contexts_take_several_associations(
    storescp: Storescp, trace: Trace, tmp_path: Path, proven: Proven
) -> None:
    made: list[str] = []

    def counting(now: float, state: str, event: str, action: str, next_state: str, count: int) -> None:
        made.append(action)
        trace(now, state, event, action, next_state, count)

    classes = [f"1.2.826.0.1.3680043.8.498.78.{number}" for number in range(70)]  # unknown to everyone: -pm
    files = [instance(tmp_path, 200 + number, sop_class=uid) for number, uid in enumerate(classes)]
    results = list(SCU("LIVE", trace=counting).store(storescp.entity, files))
    assert [result.status for result in results] == [0x0000] * 70
    assert digests(storescp.received()) == digests(files)
    assert made.count("AE-3") == 2
    proven(STORESCP, "SCU", "C-STORE", "140 contexts on 2 associations")


@pytest.mark.parametrize("length", [0, 4096, 131072])
def test_what_we_take_at_most(storescp: Storescp, trace: Trace, tmp_path: Path, length: int, proven: Proven) -> None:
    (result,) = SCU("LIVE", trace=trace, maximum_length=length).store(storescp.entity, [instance(tmp_path, 1)])
    assert result.status == 0x0000
    proven(STORESCP, "SCU", "negotiation", f"our max PDU {length or 'unlimited'}")


def test_small_pdus(scu: SCU, tmp_path: Path, proven: Proven) -> None:
    """It takes 4096 at most, which is the least DCMTK knows."""
    files = [*awkward(tmp_path), *map(Path, real_files()[1:2])]
    with Storescp(tmp_path, "+B", "+xa", "-pdu", "4096") as server:
        with scu.associate(server.entity, [Verification]) as association:
            assert association.agreement.maximum_send_length == 4096
        assert [result.status for result in scu.store(server.entity, files)] == [0x0000] * len(files)
        assert digests(server.received()) == digests(files)
    proven(STORESCP, "SCU", "C-STORE", "max PDU 4096")


def test_we_send_less_than_the_peer_would_take(
    storescp: Storescp, trace: Trace, tmp_path: Path, proven: Proven
) -> None:
    file = instance(tmp_path, 1, pixels=bytes(20_000))
    (result,) = SCU("LIVE", trace=trace, maximum_send_length=128).store(storescp.entity, [file])
    assert result.status == 0x0000
    assert digests(storescp.received()) == [digest(file)]
    proven(STORESCP, "SCU", "C-STORE", "PDUs of 128")


def test_what_the_peer_does_not_take_is_converted(scu: SCU, tmp_path: Path, proven: Proven) -> None:
    files = [file for file in real_files() if syntax_of(file) in UNCOMPRESSED]
    with Storescp(tmp_path, "+B", "+xi") as server:
        for file in files:
            (result,) = scu.store(server.entity, [file])
            assert (result.status, result.transfer_syntax_uid) == (0x0000, IMPLICIT), file.name
            (received,) = server.received()
            assert syntax_of(received) == IMPLICIT
            assert same_content(received, file), file.name
            server.empty()
        jpeg = next(file for file in real_files() if syntax_of(file).startswith("1.2.840.10008.1.2.4"))
        (result,) = scu.store(server.entity, [jpeg])
        assert result.status is None
        assert "no accepted presentation context" in result.error
    proven(STORESCP, "SCU", "C-STORE", "explicit and BE to implicit")


def test_our_tool_as_a_process(storescp: Storescp, tmp_path: Path, proven: Proven) -> None:
    files = [instance(tmp_path, number) for number in range(5)]
    ended = run(dulcet("storescu", "127.0.0.1", storescp.port, *files))
    assert ended.code == 0, ended
    assert digests(storescp.received()) == digests(files)
    assert run(dulcet("echoscu", "127.0.0.1", storescp.port)).code == 0
    proven(STORESCP, "SCU", "C-STORE", "python -m dulcet storescu")


# Refusals, aborts, and peers that go away


def test_a_peer_that_refuses(scu: SCU, tmp_path: Path, proven: Proven) -> None:
    with Storescp(tmp_path, "--refuse") as server, pytest.raises(AssociationRejected) as caught:
        scu.echo(server.entity)
    assert (caught.value.result, caught.value.source, caught.value.reason) == (1, 1, 1)
    assert not caught.value.transient
    proven(STORESCP, "SCU", "negotiation", "rejected (1,1,1)")


@pytest.mark.parametrize("when", ["--abort-during", "--abort-after"])
def test_a_peer_that_aborts(scu: SCU, tmp_path: Path, when: str, proven: Proven) -> None:
    file = large(tmp_path) if when == "--abort-during" else instance(tmp_path, 1)
    with Storescp(tmp_path, when) as server, pytest.raises(AssociationAborted) as caught:
        list(scu.store(server.entity, [file]))
    assert (caught.value.initiator, caught.value.source, caught.value.state) == (Initiator.PEER_USER, 0, "Sta6")
    proven(STORESCP, "SCU", "C-STORE", f"aborted by peer, {when}")


def test_a_peer_killed_in_the_middle(scu: SCU, tmp_path: Path, proven: Proven) -> None:
    file = large(tmp_path)
    with Storescp(tmp_path) as server:

        def killing(_: int) -> None:
            server.kill()

        with (
            pytest.raises(AssociationAborted) as caught,
            scu.associate(server.entity, [("1.2.840.10008.5.1.4.1.1.2", UNCOMPRESSED)]) as association,
        ):
            association.store(file, progress=killing)
    assert (caught.value.initiator, caught.value.source, caught.value.state) == (Initiator.CONNECTION, None, "Sta6")
    proven(STORESCP, "SCU", "C-STORE", "peer killed in the middle")


def test_a_peer_that_stops(trace: Trace, tmp_path: Path, proven: Proven) -> None:
    scu = SCU("LIVE", trace=trace, timeouts=Timeouts(artim=0.2, idle=None), dimse_seconds=0.3)
    with Storescp(tmp_path) as server:
        with scu.associate(server.entity, [Verification]) as association:
            association.echo()
            server.send(signal.SIGSTOP)
            with pytest.raises(AssociationTimeout) as caught:
                association.echo()
        server.send(signal.SIGCONT)
        assert SCU("LIVE", trace=trace).echo(server.entity) == 0x0000
    assert (caught.value.phase, caught.value.initiator) == ("dimse", Initiator.TIMEOUT)
    proven(STORESCP, "SCU", "C-ECHO", "DIMSE timeout, ARTIM")


def test_nobody_there(scu: SCU, tmp_path: Path, proven: Proven) -> None:
    with Storescp(tmp_path) as server:
        entity = server.entity
    with pytest.raises(ConnectionFailed, match="Connection refused"):
        scu.echo(entity)
    proven(STORESCP, "SCU", "negotiation", "connection refused")


# TLS


def test_mutual_tls(trace: Trace, tmp_path: Path, certificates: Certificates, proven: Proven) -> None:
    ours, theirs = certificates.client, certificates.server
    context = client_context(certificate=ours.certificate_file, key=ours.key_file, ca_files=certificates.ca_files)
    file = instance(tmp_path, 1, pixels=bytes(1_000_000))
    with Storescp(tmp_path, "+B", *dcmtk_tls(theirs, certificates.authority)) as server:
        scu = SCU("LIVE", trace=trace, tls=context)
        assert scu.echo(server.entity) == 0x0000
        (result,) = scu.store(server.entity, [file])
        assert result.status == 0x0000
        assert digests(server.received()) == [digest(file)]
        anonymous = SCU("LIVE", trace=trace, tls=client_context(ca_files=certificates.ca_files))
        with pytest.raises((ConnectionFailed, AssociationAborted)):
            anonymous.echo(server.entity)
    proven(STORESCP, "SCU", "C-ECHO", "mutual TLS")
    proven(STORESCP, "SCU", "C-STORE", "mutual TLS")


def test_anonymous_tls(trace: Trace, tmp_path: Path, certificates: Certificates, proven: Proven) -> None:
    with Storescp(tmp_path, "-ic", *dcmtk_tls(certificates.server)) as server:
        assert (
            SCU("LIVE", trace=trace, tls=client_context(ca_files=certificates.ca_files)).echo(server.entity) == 0x0000
        )
        stranger = client_context(ca_files=[certificates.stranger_authority.certificate_file])
        with pytest.raises(ConnectionFailed, match="certificate is not acceptable"):
            SCU("LIVE", trace=trace, tls=stranger).echo(server.entity)
    proven(STORESCP, "SCU", "C-ECHO", "anonymous TLS", "certificate refused by us")


def test_our_prefixes_are_those_of_storescp(storescp: Storescp, scu: SCU, tmp_path: Path, proven: Proven) -> None:
    """An object of each class with a prefix of its own; a class newer than this DCMTK is UNKNOWN to it."""
    files = [instance(tmp_path, 1000 + number, sop_class=uid) for number, uid in enumerate(PREFIXES)]
    assert [result.status for result in scu.store(storescp.entity, files)] == [0x0000] * len(files)
    given = {path.name.partition(".")[2]: path.name.partition(".")[0] for path in storescp.received()}
    theirs = {uid: given[uid_of(file)] for uid, file in zip(PREFIXES, files, strict=True)}
    assert {uid: letters for uid, letters in theirs.items() if letters not in (PREFIXES[uid], "UNKNOWN")} == {}
    assert sum(letters != "UNKNOWN" for letters in theirs.values()) >= 140
    proven(STORESCP, "SCU", "C-STORE", "prefixes of file names")


# dcmrecv


def test_dcmrecv(scu: SCU, tmp_path: Path, inbox: Path, proven: Proven) -> None:
    files = real_files()
    classes = ("2", "4", "7", "6.1")
    contexts = {f"1.2.840.10008.5.1.4.1.1.{tail}": list(SYNTAXES) for tail in classes} | {VERIFICATION: [IMPLICIT]}
    profile = configuration(tmp_path, contexts)
    command = [
        dcmtk("dcmrecv"),
        "-v",
        "-dhl",
        "-xf",
        profile,
        "LIVE",
        "+B",
        "-od",
        inbox,
        "+fu",
        "-aet",
        "RECV",
        "PORT",
    ]
    with Server(command, tmp_path / "dcmrecv.log") as server:
        entity = Entity.local("RECV", server.port)
        assert scu.echo(entity) == 0x0000
        results = list(scu.store(entity, files))
        assert [(result.status, result.transfer_syntax_uid) for result in results] == [
            (0x0000, syntax_of(file)) for file in files
        ]
        assert digests(inbox.iterdir()) == digests(files)
        with pytest.raises(AssociationRejected) as caught:  # it accepts none of these
            scu.associate(entity, [Shutdown])
        assert (caught.value.result, caught.value.source, caught.value.reason) == (1, 1, 1)
    proven("DCMTK dcmrecv", "SCU", "C-ECHO", "release")
    proven("DCMTK dcmrecv", "SCU", "C-STORE", *SYNTAXES.values())
    proven("DCMTK dcmrecv", "SCU", "negotiation", "rejected (1,1,1)")


# dcmqrscp


def archive(folder: Path) -> list[object]:
    """The command line of a dcmqrscp with one archive."""
    (folder / "archive").mkdir()
    path = folder / "dcmqrscp.cfg"
    path.write_text(
        "NetworkTCPPort = 104\nMaxPDUSize = 131072\nMaxAssociations = 16\n"
        "HostTable BEGIN\nHostTable END\nVendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nARCHIVE {folder / 'archive'} RW (9, 1024mb) ANY\nAETable END\n",
        "utf-8",
    )
    return [dcmtk("dcmqrscp"), "-v", "-dhl", "-c", path, "--allow-shutdown", "PORT"]


@pytest.mark.parametrize("terminate", ["library", "process"])
def test_dcmqrscp(scu: SCU, tmp_path: Path, terminate: str, proven: Proven) -> None:
    files = [*awkward(tmp_path), instance(tmp_path, 1, pixels=bytes(1_000_000))]
    with Server(archive(tmp_path), tmp_path / "dcmqrscp.log") as server:
        entity = Entity.local("ARCHIVE", server.port)
        assert scu.echo(entity) == 0x0000
        results = list(scu.store(entity, files))
        assert [result.status for result in results] == [0x0000] * len(files)
        stored = {uid_of(path): path for path in (tmp_path / "archive").glob("*.dcm")}
        assert sorted(stored) == sorted(map(uid_of, files))
        assert all(same_content(stored[uid_of(file)], file) for file in files)
        with pytest.raises(AssociationRejected) as caught:
            scu.echo(Entity.local("OTHER", server.port))
        assert (caught.value.result, caught.value.source, caught.value.reason) == (1, 1, 7)
        if terminate == "library":
            with pytest.raises(AssociationRejected) as caught:
                scu.associate(entity, [Shutdown])
            assert (caught.value.result, caught.value.source, caught.value.reason) == (1, 1, 1)
        else:
            assert run(dulcet("termscu", "-aec", "ARCHIVE", "127.0.0.1", server.port)).code == 0
        server.wait()  # its exit status says nothing in this version
    proven("DCMTK dcmqrscp", "SCU", "C-ECHO", "release")
    proven("DCMTK dcmqrscp", "SCU", "C-STORE", "explicit LE", "awkward data sets")
    proven("DCMTK dcmqrscp", "SCU", "negotiation", "called title rejected (1,1,7)")
    proven("DCMTK dcmqrscp", "SCU", "Shutdown", terminate)
