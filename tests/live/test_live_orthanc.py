"""Orthanc, both ways: an archive that is read back through its REST API, and an SCU that is told there what to do."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from certificates import Certificates
from data_sets import DEFLATED, EXPLICIT, IMPLICIT
from dulcet.acse.events import Rejected, Released
from dulcet.dul.transport.tls import client_context, server_context
from live_archive import Archive
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
from live_peers import Orthanc, dulcet, run

from dulcet import SCU, AssociationAborted, AssociationRejected, ConnectionFailed, Entity, Timeouts, Verification

VERIFICATION = "1.2.840.10008.1.1"
Trace = Callable[..., None]
Proven = Callable[..., None]


@pytest.fixture
def scu(trace: Trace) -> SCU:
    return SCU("LIVE", trace=trace, timeouts=Timeouts(artim=2.0, idle=None))


@pytest.fixture
def entity(orthanc: Orthanc) -> Entity:
    for name in json.loads(orthanc.get("/instances")):
        orthanc.ask("DELETE", f"/instances/{name}")
    return Entity.local(orthanc.title, orthanc.port)


def files_in_all_syntaxes(folder: Path) -> list[Path]:
    """Real ones; but Orthanc does not want those without a patient, so the JPEG-LS near-lossless one is made up."""
    made = encapsulated(folder, 1, NEAR_LOSSLESS)
    return [made if syntax_of(file) == NEAR_LOSSLESS else file for file in real_files()]


def kept(orthanc: Orthanc, folder: Path, file: Path) -> Path:
    """The file the archive has for an instance."""
    path = folder / "kept.dcm"
    path.write_bytes(orthanc.get(f"/instances/{orthanc.instance(uid_of(file))}/file"))
    return path


# Our SCU


def test_echo(entity: Entity, scu: SCU, proven: Proven) -> None:
    assert scu.echo(entity) == 0x0000
    with scu.associate(entity, [(VERIFICATION, (IMPLICIT,))] * 128) as association:
        assert len(association.agreement.contexts) == 128
        assert association.echo() == 0x0000
    proven("Orthanc", "SCU", "C-ECHO", "128 contexts", "release")


def test_the_archive_has_what_we_sent(
    orthanc: Orthanc, entity: Entity, scu: SCU, tmp_path: Path, proven: Proven
) -> None:
    for file in files_in_all_syntaxes(tmp_path):
        (result,) = scu.store(entity, [file])
        assert (result.status, result.transfer_syntax_uid) == (0x0000, syntax_of(file)), file.name
        copy = kept(orthanc, tmp_path, file)
        assert syntax_of(copy) == syntax_of(file)
        assert same_content(copy, file), file.name
        orthanc.ask("DELETE", f"/instances/{orthanc.instance(uid_of(file))}")
    proven("Orthanc", "SCU", "C-STORE", *SYNTAXES.values())


def test_it_keeps_our_bytes(orthanc: Orthanc, entity: Entity, scu: SCU, tmp_path: Path, proven: Proven) -> None:
    """It writes data sets anew; where there is but one way to write one, it is ours."""
    files = [instance(tmp_path, number, syntax=syntax) for number, syntax in enumerate((IMPLICIT, EXPLICIT))]
    files.append(large(tmp_path))
    for file in files:
        (result,) = scu.store(entity, [file])
        assert result.status == 0x0000
        assert digest(kept(orthanc, tmp_path, file)) == digest(file)
    proven("Orthanc", "SCU", "C-STORE", "40 MiB", "same bytes in its archive")


def test_awkward_instances(orthanc: Orthanc, entity: Entity, scu: SCU, tmp_path: Path, proven: Proven) -> None:
    files = awkward(tmp_path)
    assert [result.status for result in scu.store(entity, files)] == [0x0000] * len(files)
    for file in files:
        assert same_content(kept(orthanc, tmp_path, file), file), file.name
    proven("Orthanc", "SCU", "C-STORE", "awkward data sets")


def test_another_title(entity: Entity, scu: SCU, proven: Proven) -> None:
    with pytest.raises(AssociationRejected) as caught:
        scu.echo(entity._replace(title="OTHER"))
    assert (caught.value.result, caught.value.source, caught.value.reason) == (1, 1, 7)
    proven("Orthanc", "SCU", "negotiation", "called title rejected (1,1,7)")


def test_we_abort(orthanc: Orthanc, entity: Entity, scu: SCU, proven: Proven) -> None:
    association = scu.associate(entity, [Verification])
    association.abort()
    association.close()
    assert scu.echo(entity) == 0x0000
    proven("Orthanc", "SCU", "negotiation", "we abort")


def test_our_tool_as_a_process(orthanc: Orthanc, entity: Entity, tmp_path: Path, proven: Proven) -> None:
    files = [instance(tmp_path, number) for number in range(5)]
    ended = run(dulcet("storescu", "-aec", entity.title, "127.0.0.1", entity.port, *files))
    assert ended.code == 0, ended
    assert len(json.loads(orthanc.get("/instances"))) == 5
    proven("Orthanc", "SCU", "C-STORE", "python -m dulcet storescu")


# Our SCP


def tell(orthanc: Orthanc, do: str, content: object) -> int:
    """Have Orthanc talk to us; the HTTP status."""
    return orthanc.ask("POST", f"/modalities/dulcet/{do}", content)[0]


def test_it_verifies_us(orthanc: Orthanc, tmp_path: Path, trace: Trace, proven: Proven) -> None:
    with Archive(tmp_path, trace, require_called_ae_title=True) as archive:
        orthanc.knows("dulcet", "DULCET", archive.port)
        assert tell(orthanc, "echo", {}) == 200
        assert isinstance(archive.ending(), Released)
        orthanc.knows("dulcet", "OTHER", archive.port)
        assert tell(orthanc, "echo", {}) == 500
        ended = archive.ending(2)
        assert isinstance(ended, Rejected)
        assert (ended.pdu.result, ended.pdu.source, ended.pdu.reason) == (1, 1, 7)
    proven("Orthanc", "SCP", "C-ECHO", "release", "called title rejected (1,1,7)")


@pytest.mark.parametrize("length", [0, 4096, 131072])
def test_it_sends_us_its_archive(
    orthanc: Orthanc, entity: Entity, tmp_path: Path, trace: Trace, length: int, proven: Proven
) -> None:
    made = [instance(tmp_path, 300 + number, pixels=bytes(50_000)) for number in range(3)]
    files = (
        [file for file in files_in_all_syntaxes(tmp_path) if syntax_of(file) != DEFLATED]
        if length
        else [large(tmp_path)]
    )
    with Archive(tmp_path, trace, maximum_length=length) as archive:
        orthanc.knows("dulcet", "DULCET", archive.port)
        for file in [*made, *files]:  # some are the same instance
            name = orthanc.put(file)
            assert tell(orthanc, "store", {"Resources": [name], "Synchronous": True}) == 200
            outcome = archive.outcomes[-1]
            assert outcome.path is not None
            assert same_content(outcome.path, file), file.name
            assert syntax_of(outcome.path) == syntax_of(file) or syntax_of(file) in UNCOMPRESSED
            orthanc.ask("DELETE", f"/instances/{name}")
        assert [outcome.status for outcome in archive.outcomes] == [0x0000] * len([*made, *files])
        assert set(digests(made)) <= set(archive.digests)
    what = [name for uid, name in SYNTAXES.items() if uid != DEFLATED] if length else ["40 MiB"]
    proven("Orthanc", "SCP", "C-STORE", *what, f"our max PDU {length or 'unlimited'}")


def test_many_on_one_association(
    orthanc: Orthanc, entity: Entity, tmp_path: Path, trace: Trace, proven: Proven
) -> None:
    files = [instance(tmp_path, 400 + number) for number in range(30)]
    names = [orthanc.put(file) for file in files]
    with Archive(tmp_path, trace) as archive:
        orthanc.knows("dulcet", "DULCET", archive.port)
        assert tell(orthanc, "store", names) == 200
        assert archive.digests == digests(files)
        assert isinstance(archive.ending(), Released)
    proven("Orthanc", "SCP", "C-STORE", "30 on one association")


# TLS


def tls_options(certificates: Certificates) -> dict[str, object]:
    server = certificates.server
    return {
        "DicomTlsEnabled": True,
        "DicomTlsCertificate": str(server.certificate_file),
        "DicomTlsPrivateKey": str(server.key_file),
        "DicomTlsTrustedCertificates": str(certificates.authority.certificate_file),
        "DicomTlsRemoteCertificateRequired": True,
    }


def test_tls_both_ways(
    start_orthanc: Callable[..., Orthanc], tmp_path: Path, trace: Trace, certificates: Certificates, proven: Proven
) -> None:
    orthanc = start_orthanc(**tls_options(certificates))
    entity = Entity.local(orthanc.title, orthanc.port)
    ours = certificates.client
    context = client_context(certificate=ours.certificate_file, key=ours.key_file, ca_files=certificates.ca_files)
    file = instance(tmp_path, 1, pixels=bytes(1_000_000))
    (result,) = SCU("LIVE", trace=trace, tls=context).store(entity, [file])
    assert result.status == 0x0000
    assert digest(kept(orthanc, tmp_path, file)) == digest(file)
    anonymous = SCU("LIVE", trace=trace, tls=client_context(ca_files=certificates.ca_files))
    with pytest.raises((ConnectionFailed, AssociationAborted)):
        anonymous.echo(entity)
    proven("Orthanc", "SCU", "C-STORE", "mutual TLS")

    server = certificates.server  # Orthanc shows its one certificate as a client too
    context = server_context(certificate=server.certificate_file, key=server.key_file, client_certificate="ignore")
    with Archive(tmp_path, trace, tls=context) as archive:
        orthanc.knows("dulcet", "DULCET", archive.port, UseDicomTls=True)
        assert tell(orthanc, "echo", {}) == 200
        assert tell(orthanc, "store", [orthanc.instance(uid_of(file))]) == 200
        assert archive.digests == [hashlib.sha256(file.read_bytes()[-archive.outcomes[0].size :]).hexdigest()]
    proven("Orthanc", "SCP", "C-STORE", "TLS")
