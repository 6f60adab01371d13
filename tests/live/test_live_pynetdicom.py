"""pynetdicom, both ways: the peer that takes and sends PDUs as small as one likes."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from certificates import Certificates
from data_sets import BIG_ENDIAN, EXPLICIT, IMPLICIT
from dulcet.acse.agreement import AcceptedContext
from dulcet.acse.events import Aborted, Initiator, Rejected, Released
from dulcet.dimse.fragments import Sink
from dulcet.dimse.messages import Request
from dulcet.dul.transport.tls import client_context, server_context
from dulcet.services.service import Caller
from live_archive import Archive
from live_instances import (
    NEAR_LOSSLESS,
    SYNTAXES,
    awkward,
    digest,
    digests,
    encapsulated,
    encoded_data_set,
    instance,
    large,
    real_files,
    syntax_of,
)
from live_peers import Pynetdicom

from dulcet import SCU, AssociationAborted, AssociationRejected, Entity, Shutdown, Storage, Timeouts, Verification

VERIFICATION = "1.2.840.10008.1.1"
PEER = "pynetdicom"
Trace = Callable[..., None]
Proven = Callable[..., None]


@pytest.fixture
def scu(trace: Trace) -> SCU:
    return SCU("LIVE", trace=trace, timeouts=Timeouts(artim=2.0, idle=None))


def data_sets(files: list[Path]) -> list[bytes]:
    return sorted(map(encoded_data_set, files))


def received(inbox: Path) -> list[bytes]:
    return sorted(path.read_bytes() for path in inbox.iterdir())


# Our SCU


def test_echo_and_128_contexts(pynetdicom: Pynetdicom, scu: SCU, proven: Proven) -> None:
    with pynetdicom.serving() as port:
        peer = Entity.local("ANY", port)
        assert scu.echo(peer) == 0x0000
        with scu.associate(peer, [(VERIFICATION, (IMPLICIT,))] * 128) as association:
            assert len(association.agreement.contexts) == 128
            assert association.echo() == 0x0000
    proven(PEER, "SCU", "C-ECHO", "128 contexts", "release")


def test_every_transfer_syntax(pynetdicom: Pynetdicom, scu: SCU, tmp_path: Path, inbox: Path, proven: Proven) -> None:
    files = [*real_files(), *awkward(tmp_path), encapsulated(tmp_path, 107, NEAR_LOSSLESS)]
    with pynetdicom.serving(keep=inbox, maximum_length=0) as port:
        results = list(scu.store(Entity.local("ANY", port), files))
    assert [(result.status, result.transfer_syntax_uid) for result in results] == [
        (0, syntax_of(file)) for file in files
    ]
    even = [data + b"\0" * (len(data) % 2) for data in data_sets(files)]  # a deflate stream (PS3.5 A.5)
    assert received(inbox) == sorted(even)
    proven(PEER, "SCU", "C-STORE", *SYNTAXES.values(), "awkward data sets", "max PDU unlimited")


@pytest.mark.parametrize("length", [20, 128, 131072])
def test_small_and_large_pdus(
    pynetdicom: Pynetdicom, scu: SCU, tmp_path: Path, inbox: Path, length: int, proven: Proven
) -> None:
    files = [instance(tmp_path, 1), instance(tmp_path, 2, pixels=bytes(3_000))]
    files += [large(tmp_path)] if length > 1000 else []
    with pynetdicom.serving(keep=inbox, maximum_length=length) as port:
        with scu.associate(Entity.local("ANY", port), [Verification]) as association:
            assert association.agreement.maximum_send_length == length
        assert {result.status for result in scu.store(Entity.local("ANY", port), files)} == {0x0000}
    assert received(inbox) == data_sets(files)
    proven(PEER, "SCU", "C-STORE", f"max PDU {length}", *["40 MiB"] * (length > 1000))


@pytest.mark.parametrize("status", [0xA700, 0xA900, 0xB000, 0xC000, 0x0122])
def test_statuses(pynetdicom: Pynetdicom, scu: SCU, tmp_path: Path, inbox: Path, status: int, proven: Proven) -> None:
    with pynetdicom.serving(keep=inbox, status=status) as port:
        (result,) = scu.store(Entity.local("ANY", port), [instance(tmp_path, 1)])
    assert (result.status, result.stored) == (status, status == 0xB000)
    proven(PEER, "SCU", "C-STORE", f"status {status:04X}")


def test_rejections(pynetdicom: Pynetdicom, scu: SCU, proven: Proven) -> None:
    with pynetdicom.serving(require_called=True, title="RIGHT") as port, pytest.raises(AssociationRejected) as caught:
        scu.echo(Entity.local("WRONG", port))
    assert (caught.value.result, caught.value.source, caught.value.reason) == (1, 1, 7)
    with (
        pynetdicom.serving(maximum_associations=1) as port,
        scu.associate(Entity.local("RIGHT", port), [Verification]) as association,
    ):
        with pytest.raises(AssociationRejected) as caught:
            scu.echo(Entity.local("RIGHT", port))
        assert (caught.value.result, caught.value.source, caught.value.reason) == (2, 3, 2)
        assert caught.value.transient
        assert association.echo() == 0x0000
    proven(PEER, "SCU", "negotiation", "called title rejected (1,1,7)", "rejected transient (2,3,2)")


def test_a_peer_that_aborts(pynetdicom: Pynetdicom, scu: SCU, tmp_path: Path, inbox: Path, proven: Proven) -> None:
    with pynetdicom.serving(keep=inbox, abort=True) as port, pytest.raises(AssociationAborted) as caught:
        list(scu.store(Entity.local("ANY", port), [instance(tmp_path, 1)]))
    assert (caught.value.initiator, caught.value.source) == (Initiator.PEER_USER, 0)
    proven(PEER, "SCU", "C-STORE", "peer aborts")


def test_tls_for_our_scu(
    pynetdicom: Pynetdicom, trace: Trace, tmp_path: Path, inbox: Path, certificates: Certificates, proven: Proven
) -> None:
    ours, theirs = certificates.client, certificates.server
    context = client_context(certificate=ours.certificate_file, key=ours.key_file, ca_files=certificates.ca_files)
    tls = {
        "authority": certificates.authority.certificate_file,
        "certificate": theirs.certificate_file,
        "key": theirs.key_file,
    }
    file = instance(tmp_path, 1, pixels=bytes(1_000_000))
    with pynetdicom.serving(keep=inbox, tls=tls) as port:
        (result,) = SCU("LIVE", trace=trace, tls=context).store(Entity.local("ANY", port), [file])
    assert result.status == 0x0000
    assert received(inbox) == data_sets([file])
    proven(PEER, "SCU", "C-STORE", "mutual TLS")


# Our SCP


def test_it_verifies_us(pynetdicom: Pynetdicom, tmp_path: Path, trace: Trace, proven: Proven) -> None:
    with Archive(tmp_path, trace) as archive:
        said = pynetdicom.ask("echo", port=archive.port, contexts=128, times=20)
        assert said == {"statuses": [0] * 20, "contexts": 128, "maximum_length": 131072, "ended": "released"}
        assert isinstance(archive.ending(), Released)
        assert pynetdicom.ask("echo", port=archive.port, end="abort")["ended"] == "aborted"
        ended = archive.ending(2)
        assert isinstance(ended, Aborted)
        assert (ended.initiator, ended.source, ended.state) == (Initiator.PEER_USER, 0, "Sta6")
    proven(PEER, "SCP", "C-ECHO", "128 contexts", "20 on one association", "release", "peer aborts")


def test_it_sends_every_transfer_syntax(pynetdicom: Pynetdicom, tmp_path: Path, trace: Trace, proven: Proven) -> None:
    files = [*real_files(), *awkward(tmp_path), encapsulated(tmp_path, 107, NEAR_LOSSLESS)]
    with Archive(tmp_path, trace, maximum_length=0) as archive:
        said = pynetdicom.ask("store", port=archive.port, files=files)
        assert said["statuses"] == [0] * len(files)
        assert said["ended"] == "released"
        sent = [sha256(encoded_data_set(file)).hexdigest() for file in files]  # a deflate stream of odd length too
        assert archive.digests == sorted(sent)
        assert [outcome.transfer_syntax_uid for outcome in archive.outcomes] == list(map(syntax_of, files))
    proven(PEER, "SCP", "C-STORE", *SYNTAXES.values(), "awkward data sets", "our max PDU unlimited")


@pytest.mark.parametrize("length", [20, 128, 131072])
def test_what_we_take_at_most(
    pynetdicom: Pynetdicom, tmp_path: Path, trace: Trace, length: int, proven: Proven
) -> None:
    files = [instance(tmp_path, 1), instance(tmp_path, 2, pixels=bytes(3_000))]
    files += [large(tmp_path)] if length > 1000 else []
    with Archive(tmp_path, trace, maximum_length=length) as archive:
        said = pynetdicom.ask("store", port=archive.port, files=files, maximum_length=length)
        assert (said["statuses"], said["maximum_length"]) == ([0] * len(files), length)
        assert archive.digests == digests(files)
        assert archive.agreement.maximum_send_length == length
    proven(PEER, "SCP", "C-STORE", f"max PDU {length} both ways", *["40 MiB"] * (length > 1000))


def test_an_object_of_odd_length(pynetdicom: Pynetdicom, tmp_path: Path, trace: Trace, proven: Proven) -> None:
    """Against PS3.5 7.1; taken all the same, and kept as it is."""
    file = instance(tmp_path, 1)
    file.write_bytes(file.read_bytes()[:-1])
    whole = bytearray(file.read_bytes())
    whole[-19:-15] = (15).to_bytes(4, "little")  # the length of the pixel data
    file.write_bytes(whole)
    assert len(encoded_data_set(file)) % 2 == 1
    with Archive(tmp_path, trace) as archive:
        assert pynetdicom.ask("store", port=archive.port, files=[file])["statuses"] == [0]
        assert archive.digests == [digest(file)]
    proven(PEER, "SCP", "C-STORE", "odd length")


def test_our_rejections(pynetdicom: Pynetdicom, tmp_path: Path, trace: Trace, proven: Proven) -> None:
    with Archive(
        tmp_path, trace, require_called_ae_title=True, maximum_associations=1, services=[Shutdown()]
    ) as archive:
        said = pynetdicom.ask("echo", port=archive.port, called="WRONG")
        assert said.get("rejection") == [1, 1, 7]
        with SCU("FIRST", trace=trace).associate(archive.entity, [Verification]):
            said = pynetdicom.ask("echo", port=archive.port)
        assert said.get("rejection") == [2, 3, 2], archive.events
        assert isinstance(archive.ending(2), Rejected)
    proven(PEER, "SCP", "negotiation", "called title rejected (1,1,7)", "rejected transient (2,3,2)")


def test_we_abort(pynetdicom: Pynetdicom, tmp_path: Path, trace: Trace, proven: Proven) -> None:
    class Aborting(Storage):
        def open_sink(self, caller: Caller, context: AcceptedContext, request: Request) -> Sink:
            caller.abort("enough")
            return super().open_sink(caller, context, request)

    with Archive(tmp_path, trace, storage=Aborting) as archive:
        said = pynetdicom.ask("store", port=archive.port, files=[large(tmp_path)])
        assert (said["statuses"], said["ended"]) == ([None], "aborted")
        assert (archive.outcomes, archive.files) == ([], [])
    proven(PEER, "SCP", "C-STORE", "we abort in the middle")


@pytest.mark.parametrize("anonymous", [False, True], ids=["mutual", "anonymous"])
def test_tls_for_our_scp(
    pynetdicom: Pynetdicom, tmp_path: Path, trace: Trace, certificates: Certificates, anonymous: bool, proven: Proven
) -> None:
    ours, theirs = certificates.server, certificates.client
    context = server_context(
        certificate=ours.certificate_file,
        key=ours.key_file,
        ca_files=certificates.ca_files,
        client_certificate="ignore" if anonymous else "require",
    )
    tls = {
        "authority": certificates.authority.certificate_file,
        "certificate": None if anonymous else theirs.certificate_file,
        "key": theirs.key_file,
    }
    files = [instance(tmp_path, 1, pixels=bytes(1_000_000)), instance(tmp_path, 2, syntax=BIG_ENDIAN)]
    with Archive(tmp_path, trace, tls=context) as archive:
        assert pynetdicom.ask("store", port=archive.port, files=files, tls=tls)["statuses"] == [0, 0]
        assert archive.digests == digests(files)
    proven(PEER, "SCP", "C-STORE", f"{'anonymous' if anonymous else 'mutual'} TLS")


def test_contexts_it_does_not_take_are_converted(
    pynetdicom: Pynetdicom, scu: SCU, tmp_path: Path, inbox: Path, proven: Proven
) -> None:
    ct = "1.2.840.10008.5.1.4.1.1.2"
    files = [
        instance(tmp_path, number, syntax=syntax) for number, syntax in enumerate((IMPLICIT, EXPLICIT, BIG_ENDIAN))
    ]
    with pynetdicom.serving(keep=inbox, contexts={ct: [IMPLICIT]}) as port:
        results = list(scu.store(Entity.local("ANY", port), files))
    assert [result.transfer_syntax_uid for result in results] == [IMPLICIT] * 3
    expected = [
        instance(tmp_path, number, syntax=IMPLICIT, pixels=pixels * 8)
        for number, pixels in enumerate((b"\1\2", b"\1\2", b"\2\1"))
    ]
    assert received(inbox) == data_sets(expected)
    proven(PEER, "SCU", "C-STORE", "explicit and BE to implicit")
