"""Our SCP and DCMTK's clients: echoscu, storescu, dcmsend, termscu."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from certificates import Certificates
from data_sets import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT
from dulcet.acse.agreement import AcceptedContext
from dulcet.acse.events import Aborted, Initiator, Rejected, Released
from dulcet.dimse.fragments import Sink
from dulcet.dimse.messages import Request, Response
from dulcet.dul.transport.tls import server_context
from dulcet.services.service import Caller
from live_archive import Archive
from live_instances import (
    REAL,
    SYNTAXES,
    TEST_FILES,
    awkward,
    digest,
    digests,
    instance,
    large,
    real_files,
    same_content,
    syntax_of,
    uid_of,
)
from live_peers import Process, Server, dcmtk, dcmtk_tls, dulcet, run

from dulcet import SCU, Operation, Shutdown, Storage, Verification

pytestmark = pytest.mark.usefixtures("dcmtk")

Trace = Callable[..., None]
Proven = Callable[..., None]
VERBOSE = ("-v", "-aec", "DULCET")


@pytest.fixture
def archive(tmp_path: Path, trace: Trace) -> Iterator[Archive]:
    with Archive(tmp_path, trace) as archive:
        yield archive


def echoscu(port: int, *options: object) -> tuple[int, str]:
    """Run it: exit code and words."""
    ended = run([dcmtk("echoscu"), *VERBOSE, *options, "127.0.0.1", port])
    return ended.code, ended.said


def storescu(port: int, *options: object) -> tuple[int, str]:
    """Run it: exit code and words."""
    ended = run([dcmtk("storescu"), *VERBOSE, "-nh", *options[:-1], "127.0.0.1", port, *as_list(options[-1])])
    return ended.code, ended.said


def as_list(files: object) -> list[object]:
    return list(files) if isinstance(files, list) else [files]


# echoscu


def test_echo_and_release(archive: Archive, proven: Proven) -> None:
    code, said = echoscu(archive.port, "--repeat", 20)
    assert (code, said.count("(Success)")) == (0, 20)
    assert archive.ending() == Released()
    assert archive.agreement.maximum_send_length == 16384
    proven("DCMTK echoscu", "SCP", "C-ECHO", "20 on one association", "release")


@pytest.mark.parametrize("options", [("-ppc", 128), ("-pts", 38), ("-ppc", 128, "-pts", 38)], ids=str)
def test_many_contexts(archive: Archive, options: tuple[object, ...], proven: Proven) -> None:
    code, said = echoscu(archive.port, *options)
    assert code == 0, said
    assert len(archive.agreement.contexts) == (128 if "-ppc" in options else 1)
    proven("DCMTK echoscu", "SCP", "negotiation", " ".join(map(str, options)))


@pytest.mark.parametrize("length", [4096, 131072])
def test_what_the_peer_takes_at_most(archive: Archive, length: int, proven: Proven) -> None:
    assert echoscu(archive.port, "-pdu", length)[0] == 0
    assert archive.agreement.maximum_send_length == length
    proven("DCMTK echoscu", "SCP", "negotiation", f"max PDU {length}")


def test_abort(archive: Archive, proven: Proven) -> None:
    assert echoscu(archive.port, "--abort")[0] == 0
    ended = archive.ending()
    assert isinstance(ended, Aborted)
    assert (ended.initiator, ended.source, ended.state) == (Initiator.PEER_USER, 0, "Sta6")
    proven("DCMTK echoscu", "SCP", "negotiation", "peer aborts")


def test_another_title(tmp_path: Path, trace: Trace, proven: Proven) -> None:
    with Archive(tmp_path, trace, require_called_ae_title=True) as archive:
        code, said = echoscu(archive.port, "-aec", "OTHER")
        assert code == 1
        assert "Called AE Title Not Recognized" in said
        ended = archive.ending()
        assert isinstance(ended, Rejected)
        assert (ended.pdu.result, ended.pdu.source, ended.pdu.reason) == (1, 1, 7)
        assert echoscu(archive.port)[0] == 0
    proven("DCMTK echoscu", "SCP", "negotiation", "called title rejected (1,1,7)")


def test_too_many_associations(tmp_path: Path, trace: Trace, proven: Proven) -> None:
    with Archive(tmp_path, trace, maximum_associations=1) as archive:
        with SCU("FIRST", trace=trace).associate(archive.entity, [Verification]) as first:
            code, said = echoscu(archive.port)
            assert code == 1
            assert "Rejected Transient" in said
            assert "Local Limit Exceeded" in said
            assert first.echo() == 0x0000
        assert isinstance(archive.ending(2), Released)
        assert echoscu(archive.port)[0] == 0
    proven("DCMTK echoscu", "SCP", "negotiation", "rejected transient (2,3,2)")


def test_a_service_that_aborts(tmp_path: Path, trace: Trace, proven: Proven) -> None:
    class Refusing(Verification):
        def perform(self, operation: Operation) -> Response:
            operation.caller.abort("a test")
            return super().perform(operation)

    with Archive(tmp_path, trace, services=[Refusing()]) as archive:
        _, said = echoscu(archive.port)
        ended = archive.ending()
        assert isinstance(ended, Aborted)
        assert (ended.initiator, ended.cause) == (Initiator.LOCAL_USER, "a test")
        assert "(Success)" not in said
    proven("DCMTK echoscu", "SCP", "C-ECHO", "we abort")


def test_shutdown_only_where_it_is_offered(tmp_path: Path, trace: Trace, proven: Proven) -> None:
    with Archive(tmp_path, trace) as archive:
        run([dcmtk("termscu"), "127.0.0.1", archive.port])
        assert isinstance(archive.ending(), Released)
        assert echoscu(archive.port)[0] == 0
    with Archive(tmp_path, trace, services=[Shutdown()]) as archive:
        run([dcmtk("termscu"), "127.0.0.1", archive.port])
        ended = archive.ending()
        assert isinstance(ended, Rejected)
        assert (ended.pdu.result, ended.pdu.source, ended.pdu.reason) == (1, 1, 1)
        assert archive.stopped()
    proven("DCMTK termscu", "SCP", "Shutdown", "refused", "performed (1,1,1)")


# storescu

PROPOSE = {
    IMPLICIT: "-xi",
    EXPLICIT: "-xe",
    BIG_ENDIAN: "-xb",
    DEFLATED: "-xd",
    "1.2.840.10008.1.2.4.50": "-xy",
    "1.2.840.10008.1.2.4.70": "-xs",
    "1.2.840.10008.1.2.4.80": "-xt",
    "1.2.840.10008.1.2.4.81": "-xu",
    "1.2.840.10008.1.2.4.90": "-xv",
    "1.2.840.10008.1.2.4.91": "-xw",
    "1.2.840.10008.1.2.5": "-xr",
}


@pytest.mark.parametrize("syntax", SYNTAXES, ids=list(SYNTAXES.values()))
def test_storescu_in_every_transfer_syntax(archive: Archive, syntax: str, proven: Proven) -> None:
    """Its own 128 contexts; it reads and writes data sets anew, so their bytes may be others than the file's."""
    file = TEST_FILES / REAL[syntax]
    code, said = storescu(archive.port, PROPOSE[syntax], file)
    assert code == 0, said
    (outcome,) = archive.outcomes
    assert (outcome.status, outcome.transfer_syntax_uid) == (0x0000, syntax)
    assert outcome.path is not None
    assert outcome.digest == digest(outcome.path)
    assert same_content(outcome.path, file)
    assert isinstance(archive.ending(), Released)
    assert len(archive.agreement.contexts) >= 64
    proven("DCMTK storescu", "SCP", "C-STORE", SYNTAXES[syntax])


def test_storescu_keeps_what_it_can(archive: Archive, tmp_path: Path, proven: Proven) -> None:
    """Where nothing is to be written otherwise, the bytes are those of the file."""
    files = [instance(tmp_path, number) for number in range(20)]
    code, said = storescu(archive.port, "-xe", "-R", files)
    assert code == 0, said
    assert archive.digests == digests(files)
    proven("DCMTK storescu", "SCP", "C-STORE", "20 on one association")


def test_storescu_awkward(archive: Archive, tmp_path: Path, proven: Proven) -> None:
    files = awkward(tmp_path)
    code, said = storescu(archive.port, "-R", files)
    assert code == 0, said
    received = {outcome.sop_instance_uid: outcome for outcome in archive.outcomes}
    assert sorted(received) == sorted(map(uid_of, files))
    for file in files:
        outcome = received[uid_of(file)]
        assert outcome.path is not None
        assert same_content(outcome.path, file), file.name
    proven("DCMTK storescu", "SCP", "C-STORE", "awkward data sets")


@pytest.mark.parametrize("length", [0, 4096, 131072])
def test_what_we_take_at_most(tmp_path: Path, trace: Trace, length: int, proven: Proven) -> None:
    files = (
        [large(tmp_path), instance(tmp_path, 1, pixels=bytes(100_000))] if length != 4096 else [instance(tmp_path, 1)]
    )
    with Archive(tmp_path, trace, maximum_length=length) as archive:
        code, said = storescu(archive.port, "-xe", "-R", files)
        assert code == 0, said
        assert archive.digests == digests(files)
    proven("DCMTK storescu", "SCP", "C-STORE", f"our max PDU {length or 'unlimited'}", *["40 MiB"] * (length != 4096))


@pytest.mark.parametrize("option", ["-pdu", "--max-send-pdu"])
def test_what_storescu_is_told_to_take_or_send(archive: Archive, tmp_path: Path, option: str, proven: Proven) -> None:
    file = instance(tmp_path, 1, pixels=bytes(200_000))
    assert storescu(archive.port, "-xe", "-R", option, 4096, file)[0] == 0
    assert archive.digests == [digest(file)]
    proven("DCMTK storescu", "SCP", "C-STORE", f"{option} 4096")


def test_what_we_do_not_take_is_converted_by_the_peer(tmp_path: Path, trace: Trace, proven: Proven) -> None:
    with Archive(tmp_path, trace, transfer_syntaxes=(IMPLICIT,)) as archive:
        for syntax in (EXPLICIT, BIG_ENDIAN):
            file = TEST_FILES / REAL[syntax]
            assert storescu(archive.port, file)[0] == 0
            outcome = archive.outcomes.pop()
            assert outcome.path is not None
            assert syntax_of(outcome.path) == IMPLICIT
            assert same_content(outcome.path, file)
    proven("DCMTK storescu", "SCP", "C-STORE", "explicit and BE to implicit")


def test_storescu_aborts(archive: Archive, tmp_path: Path, proven: Proven) -> None:
    storescu(archive.port, "--abort", instance(tmp_path, 1))
    ended = archive.ending()
    assert isinstance(ended, Aborted)
    assert ended.initiator is Initiator.PEER_USER
    assert len(archive.files) == 1
    proven("DCMTK storescu", "SCP", "C-STORE", "peer aborts")


class Watched(Storage):
    """Calls someone when the first bytes of a data set are on their way."""

    def arriving(self, caller: Caller) -> None:
        raise NotImplementedError

    def open_sink(self, caller: Caller, context: AcceptedContext, request: Request) -> Sink:
        self.arriving(caller)
        return super().open_sink(caller, context, request)


def test_storescu_killed_in_the_middle(tmp_path: Path, trace: Trace, proven: Proven) -> None:
    peers: list[Process] = []

    class Killing(Watched):
        def arriving(self, caller: Caller) -> None:
            peers[0].kill()

    file = large(tmp_path)
    with Archive(tmp_path, trace, storage=Killing) as archive:
        command = [dcmtk("storescu"), "-R", "127.0.0.1", archive.port, file]
        process = Process(command, tmp_path / "storescu.log")
        peers.append(process)
        with process:
            ended = archive.ending()
        assert isinstance(ended, Aborted)
        assert (ended.initiator, ended.source, ended.state) == (Initiator.CONNECTION, None, "Sta6")
        assert (archive.outcomes, archive.files) == ([], [])
        assert echoscu(archive.port)[0] == 0
    proven("DCMTK storescu", "SCP", "C-STORE", "peer killed in the middle")


def test_we_abort_in_the_middle(tmp_path: Path, trace: Trace, proven: Proven) -> None:
    class Aborting(Watched):
        def arriving(self, caller: Caller) -> None:
            caller.abort("enough")

    with Archive(tmp_path, trace, storage=Aborting) as archive:
        code, _ = storescu(archive.port, "-R", large(tmp_path))
        assert code != 0
        ended = archive.ending()
        assert isinstance(ended, Aborted)
        assert (ended.initiator, ended.cause) == (Initiator.LOCAL_USER, "enough")
        assert (archive.outcomes, archive.files) == ([], [])
    proven("DCMTK storescu", "SCP", "C-STORE", "we abort in the middle")


# dcmsend


def test_dcmsend(archive: Archive, tmp_path: Path, proven: Proven) -> None:
    files = [*real_files(), instance(tmp_path, 1)]
    report = tmp_path / "report.txt"
    command = [dcmtk("dcmsend"), *VERBOSE, "-dn", "+crf", report, "127.0.0.1", archive.port, *files]
    ended = run(command)
    assert ended.code == 0, ended
    assert len(archive.outcomes) == len(files)
    for outcome, file in zip(archive.outcomes, files, strict=True):
        assert outcome.path is not None
        assert outcome.status == 0x0000
        assert same_content(outcome.path, file), file.name
        if syntax_of(file) not in (IMPLICIT, EXPLICIT, BIG_ENDIAN):  # it lets us choose among these
            assert syntax_of(outcome.path) == syntax_of(file)
    assert isinstance(archive.ending(), Released)
    proven("DCMTK dcmsend", "SCP", "C-STORE", *SYNTAXES.values())


def test_dcmsend_with_more_contexts_than_fit(archive: Archive, tmp_path: Path, proven: Proven) -> None:
    classes = [f"1.2.826.0.1.3680043.8.498.78.{number}" for number in range(130)]
    files = [instance(tmp_path, 200 + number, sop_class=uid) for number, uid in enumerate(classes)]
    ended = run([dcmtk("dcmsend"), *VERBOSE, "-nuc", "127.0.0.1", archive.port, *files])
    assert ended.code == 0, ended
    assert archive.digests == digests(files)
    assert isinstance(archive.ending(2), Released)
    proven("DCMTK dcmsend", "SCP", "C-STORE", "130 contexts on 2 associations")


# TLS


def test_mutual_tls(tmp_path: Path, trace: Trace, certificates: Certificates, proven: Proven) -> None:
    server = certificates.server
    context = server_context(certificate=server.certificate_file, key=server.key_file, ca_files=certificates.ca_files)
    file = instance(tmp_path, 1, pixels=bytes(1_000_000))
    ours = dcmtk_tls(certificates.client, certificates.authority)
    with Archive(tmp_path, trace, tls=context) as archive:
        code, said = echoscu(archive.port, *ours)
        assert code == 0, said
        assert storescu(archive.port, "-xe", "-R", *ours, file)[0] == 0
        assert archive.digests == [digest(file)]
        assert echoscu(archive.port, "+tla", "+cf", certificates.authority.certificate_file)[0] == 1
        assert echoscu(archive.port, *dcmtk_tls(certificates.stranger, certificates.authority))[0] == 1
    proven("DCMTK echoscu", "SCP", "C-ECHO", "mutual TLS", "certificate refused by us")
    proven("DCMTK storescu", "SCP", "C-STORE", "mutual TLS")


def test_anonymous_tls(tmp_path: Path, trace: Trace, certificates: Certificates, proven: Proven) -> None:
    server = certificates.server
    context = server_context(certificate=server.certificate_file, key=server.key_file, client_certificate="ignore")
    with Archive(tmp_path, trace, tls=context) as archive:
        code, said = echoscu(archive.port, "+tla", "+cf", certificates.authority.certificate_file)
        assert code == 0, said
        stranger = certificates.stranger_authority.certificate_file
        assert echoscu(archive.port, "+tla", "+cf", stranger)[0] == 1
        assert echoscu(archive.port)[0] == 1  # plain TCP
    proven("DCMTK echoscu", "SCP", "C-ECHO", "anonymous TLS", "our certificate refused")


# python -m dulcet storescp


def test_our_tool_as_a_process(tmp_path: Path, inbox: Path, proven: Proven) -> None:
    files = [*awkward(tmp_path), instance(tmp_path, 1, pixels=bytes(1_000_000))]
    with Server(dulcet("storescp", "-v", "-od", inbox, "PORT"), tmp_path / "log") as server:
        assert echoscu(server.port)[0] == 0
        code, said = storescu(server.port, "-R", files)
        assert code == 0, said
        assert sorted(map(uid_of, inbox.iterdir())) == sorted(map(uid_of, files))
        server.send(signal.SIGTERM)
        assert server.wait() == 0, server.said
    proven("DCMTK storescu", "SCP", "C-STORE", "python -m dulcet storescp", "drain on SIGTERM")


@pytest.mark.parametrize("when", ["--abort-during", "--abort-after"])
def test_our_tool_told_to_abort(tmp_path: Path, inbox: Path, when: str, proven: Proven) -> None:
    with Server(dulcet("storescp", "-od", inbox, when, "PORT"), tmp_path / "log") as server:
        code, said = storescu(server.port, "-R", instance(tmp_path, 1, pixels=bytes(1_000_000)))
        assert code != 0
        assert "(Success)" not in said
    proven("DCMTK storescu", "SCP", "C-STORE", f"python -m dulcet storescp {when}")


def test_our_tool_told_to_stop(tmp_path: Path, inbox: Path, proven: Proven) -> None:
    with Server(dulcet("storescp", "-od", inbox, "--allow-shutdown", "PORT"), tmp_path / "log") as server:
        run([dcmtk("termscu"), "127.0.0.1", server.port])
        assert server.wait() == 0, server.said
    proven("DCMTK termscu", "SCP", "Shutdown", "python -m dulcet storescp")
