"""The blocking SCU as a whole: typed results and typed errors, with our SCP and with peers that follow a script."""

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from data_sets import BIG_ENDIAN, EXPLICIT, IMPLICIT, JPEG, data_set, element
from dulcet.acse.events import Initiator
from dulcet.dimse import messages
from dulcet.dul.items import ProposedContext
from dulcet.dul.pdu import PDV, Abort, AssociateRJ, PDataTF, ReleaseRP, ReleaseRQ
from dulcet.services.scp import RunningSCP
from dulcet.services.storage.outgoing import OutgoingFile
from dulcet.services.storage.part10 import file_meta
from wire_peers import CT, SECONDS, VERIFICATION, Wire, accepting, answering, message

from dulcet import (
    SCP,
    SCU,
    AssociationAborted,
    AssociationError,
    AssociationRejected,
    AssociationTimeout,
    ConnectionFailed,
    Entity,
    FileStore,
    LocalProtocolError,
    NoAcceptedContext,
    Operation,
    Status,
    Storage,
    Timeouts,
    Verification,
)

PATIENT = Timeouts(connect=5.0, artim=0.2, acse=5.0, idle=None)


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "received", mode="crash-safe")


@pytest.fixture
def running(store: FileStore) -> Iterator[RunningSCP]:
    accepted = (IMPLICIT, EXPLICIT, JPEG)
    with SCP("DULCET", [Verification(), Storage(store, transfer_syntaxes=accepted)]).running() as scp:
        yield scp
        scp.stop(0.2)


def file(
    folder: Path, number: int = 1, *, syntax: str = EXPLICIT, pixels: bytes = b"\1\2", sop_class: str = CT
) -> Path:
    """A DICOM file."""
    uid = f"1.2.3.{number}"
    path = folder / f"{number}.dcm"
    encoded = data_set(uid, sop_class, pixels=pixels, syntax=EXPLICIT if syntax == JPEG else syntax)
    path.write_bytes(file_meta(sop_class, uid, syntax, "") + encoded)
    return path


def responding(pdu: PDataTF, status: int) -> Any:
    """The response to the request in a P-DATA-TF."""
    command: Any = messages.decode(pdu.pdvs[0].data)
    return command.response(status)


def scu(timeouts: Timeouts = PATIENT, **settings: Any) -> SCU:
    return SCU("CALLER", timeouts=timeouts, **settings)


# Results


def test_echo(running: RunningSCP) -> None:
    status = scu().echo(running.entity)
    assert isinstance(status, Status)
    assert (status, status.category) == (0x0000, "success")


def test_several_operations_on_one_association(running: RunningSCP, tmp_path: Path) -> None:
    with scu().associate(running.entity, [Verification, (CT, (EXPLICIT,))]) as association:
        assert association.agreement.called_ae_title == "DULCET"
        assert [association.echo() for _ in range(3)] == [0x0000] * 3
        result = association.store(file(tmp_path))
        assert association.echo() == 0x0000
    assert (result.status, result.stored, result.error, result.transfer_syntax_uid) == (0x0000, True, "", EXPLICIT)
    assert (result.sop_class_uid, result.sop_instance_uid, result.size > 0) == (CT, "1.2.3.1", True)
    association.release()  # harmless
    association.abort()  # likewise
    association.close()


def test_store(running: RunningSCP, store: FileStore, tmp_path: Path) -> None:
    files = [file(tmp_path, number) for number in range(3)]
    (tmp_path / "text").write_text("no DICOM file", "ascii")
    results = list(scu().store(running.entity, [*files, tmp_path / "text", tmp_path / "missing"]))
    assert [result.path.name for result in results] == ["text", "missing", "0.dcm", "1.dcm", "2.dcm"]
    assert [result.status for result in results] == [None, None, 0x0000, 0x0000, 0x0000]
    assert all(result.error and not result.stored for result in results[:2])
    assert len(list(Path(store.directory).iterdir())) == 3


def test_what_the_peer_does_not_take(running: RunningSCP, tmp_path: Path) -> None:
    """Uncompressed ones are converted; of the others the reason is told, and the rest still goes."""
    files = [
        file(tmp_path, 1, syntax=BIG_ENDIAN),
        file(tmp_path, 2, sop_class="1.2.3.4.5"),
        file(tmp_path, 3, syntax="1.2.840.10008.1.2.4.90"),
        file(tmp_path, 4, syntax=JPEG),
    ]
    results = list(scu().store(running.entity, files))
    assert [result.status for result in results] == [0x0000, None, None, 0x0000]
    assert [result.transfer_syntax_uid for result in results] == [EXPLICIT, "", "", JPEG]
    assert isinstance(results[1].cause, NoAcceptedContext)
    assert "abstract-syntax-not-supported" in results[1].error
    assert "transfer-syntaxes-not-supported" in results[2].error


def test_progress_and_preference(running: RunningSCP, tmp_path: Path) -> None:
    told: list[int] = []
    with scu().associate(running.entity, [(CT, (EXPLICIT,)), (CT, (IMPLICIT,))]) as association:
        large = file(tmp_path, 1, pixels=bytes(3 << 20))
        result = association.store(OutgoingFile(large), progress=told.append)
        assert (sum(told), len(told), result.transfer_syntax_uid) == (result.size, 4, EXPLICIT)
        result = association.store(file(tmp_path, 2), preferred=IMPLICIT)
        assert (result.status, result.transfer_syntax_uid) == (0x0000, IMPLICIT)


def test_errors_in_the_middle_leave_the_association_usable(running: RunningSCP, tmp_path: Path) -> None:
    with scu().associate(running.entity, [Verification, (CT, (EXPLICIT,))]) as association:
        with pytest.raises(NoAcceptedContext, match=r"1\.2\.840\.10008\.5\.1\.4\.1\.1\.4"):
            association.store(file(tmp_path, sop_class="1.2.840.10008.5.1.4.1.1.4"))
        with pytest.raises(FileNotFoundError):
            association.store(tmp_path / "missing")
        vanished = OutgoingFile(gone := file(tmp_path))
        gone.unlink()
        assert "No such file" in association.try_to_store(vanished).error
        assert association.echo() == 0x0000


def test_a_failure_status_is_a_result(tmp_path: Path, store: FileStore) -> None:
    class Refusing(Storage):
        def perform(self, operation: Operation) -> messages.Response:
            assert operation.sink is not None
            return operation.request.response(0xA700, error_comment="full")

    with SCP("DULCET", [Refusing(store)]).running() as scp:
        (result,) = scu().store(scp.entity, [file(tmp_path)])
    assert (result.status, result.error, result.stored) == (0xA700, "full", False)
    assert result.status is not None
    assert result.status.is_failure


# Errors


def test_rejected() -> None:
    def reject(wire: Wire) -> None:
        wire.receive()
        wire.send(AssociateRJ(2, 1, 3))

    with (
        answering(reject) as peer,
        pytest.raises(AssociationRejected, match="calling-AE-title-not-recognized") as caught,
    ):
        scu().echo(peer)
    assert (caught.value.result, caught.value.source, caught.value.reason) == (2, 1, 3)
    assert caught.value.transient
    assert isinstance(caught.value, AssociationError)


@pytest.mark.parametrize(
    ("source", "reason", "initiator"), [(0, 0, Initiator.PEER_USER), (2, 1, Initiator.PEER_PROVIDER)]
)
@pytest.mark.parametrize("state", ["Sta5", "Sta6", "Sta7"])
def test_aborted_by_the_peer(state: str, source: int, reason: int, initiator: Initiator) -> None:
    def abort(wire: Wire) -> None:
        if state == "Sta5":
            wire.receive()
        else:
            accepting(wire)
            echoed = wire.receive()
            if state == "Sta7":
                assert isinstance(echoed, PDataTF)
                wire.send(message(1, responding(echoed, 0)))
                assert wire.receive() == ReleaseRQ()
        wire.send(Abort(source, reason))

    with answering(abort) as peer, pytest.raises(AssociationAborted) as caught:
        scu().echo(peer)
    error = caught.value
    assert (error.source, error.reason, error.initiator, error.state) == (source, reason, initiator, state)
    assert not isinstance(error, AssociationTimeout)


def test_a_peer_that_goes_away() -> None:
    def leave(wire: Wire) -> None:
        accepting(wire)
        wire.receive()
        wire.reset()

    with answering(leave) as peer, pytest.raises(AssociationAborted) as caught:
        scu().echo(peer)
    assert (caught.value.initiator, caught.value.source, caught.value.state) == (Initiator.CONNECTION, None, "Sta6")


def test_a_peer_that_talks_nonsense() -> None:
    heard: list[object] = []

    def babble(wire: Wire) -> None:
        wire.receive()
        wire.send(b"HTTP/1.0 400 Bad Request\r\n\r\n")
        heard.append(wire.receive())

    with answering(babble) as peer, pytest.raises(AssociationAborted) as caught:
        scu().echo(peer)
    assert (caught.value.initiator, caught.value.state) == (Initiator.LOCAL_PROVIDER, "Sta5")
    assert heard == [Abort(2, 1)]


def silence(wire: Wire) -> None:
    """Until the other end gives up."""
    while wire.receive() is not None:
        continue


def after_accepting(wire: Wire) -> None:
    accepting(wire)
    silence(wire)


def until_release(wire: Wire) -> None:
    accepting(wire)
    pdu = wire.receive()
    assert isinstance(pdu, PDataTF)
    wire.send(message(1, responding(pdu, 0)))
    silence(wire)


@pytest.mark.parametrize(
    ("script", "phase", "state", "acse", "dimse"),
    [
        (silence, "acse", "Sta5", 0.2, None),
        (after_accepting, "dimse", "Sta6", 5.0, 0.2),
        (until_release, "release", "Sta7", 1.0, None),
    ],
)
def test_a_peer_that_says_nothing(script: Any, phase: str, state: str, acse: float, dimse: float | None) -> None:
    began = time.monotonic()
    with answering(script) as peer, pytest.raises(AssociationTimeout) as caught:
        scu(replace(PATIENT, acse=acse), dimse_seconds=dimse).echo(peer)
    assert (caught.value.phase, caught.value.state) == (phase, state)
    assert caught.value.initiator is Initiator.TIMEOUT
    assert time.monotonic() - began < SECONDS


def test_a_connection_that_does_not_come() -> None:
    """The queue of a listening socket that accepts nothing is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening:
        port = listening.getsockname()[1]
        fillers = [socket.socket() for _ in range(8)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        began = time.monotonic()
        with pytest.raises(ConnectionFailed) as caught:
            scu(replace(PATIENT, connect=0.2)).echo(Entity.local("NOBODY", port))
        for filler in fillers:
            filler.close()
    assert time.monotonic() - began < SECONDS
    assert str(caught.value) == f"NOBODY@127.0.0.1:{port} cannot be reached: no connection within 0.2 s"


def test_no_such_host_and_nobody_there() -> None:
    with pytest.raises(ConnectionFailed, match=r"^X@host\.invalid:104 cannot be reached: "):
        scu().echo(Entity("X", "host.invalid"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(ConnectionFailed, match="Connection refused"):
        scu().echo(Entity.local("X", port))


@pytest.mark.parametrize(
    ("result", "words"),
    [(1, "user-rejection"), (3, "abstract-syntax-not-supported"), (4, "transfer-syntaxes-not-supported")],
)
def test_no_accepted_context_says_what_was_offered(result: int, words: str) -> None:
    def refusing(wire: Wire) -> None:
        accepting(wire, result)
        assert wire.receive() == Abort(0, 0)

    with answering(refusing) as peer, pytest.raises(NoAcceptedContext, match=words) as caught:
        scu().echo(peer)
    assert VERIFICATION in str(caught.value)
    (refused,) = caught.value.agreement.refused
    assert (refused.id, refused.abstract_syntax, refused.result) == (1, VERIFICATION, result)


def test_a_user_s_error_aborts() -> None:
    heard: list[object] = []

    def accept(wire: Wire) -> None:
        accepting(wire)
        heard.append(wire.receive())

    def stumble(peer: Entity) -> None:
        with scu().associate(peer, [Verification]):
            raise KeyError("a user's")

    with answering(accept) as peer, pytest.raises(KeyError):
        stumble(peer)
    assert heard == [Abort(0, 0)]


def test_a_peer_that_releases_first() -> None:
    def release(wire: Wire) -> None:
        accepting(wire)
        wire.send(ReleaseRQ())
        while isinstance(pdu := wire.receive(), PDataTF):  # it may have asked before it heard
            continue
        assert pdu == ReleaseRP()

    with answering(release) as peer, pytest.raises(AssociationError, match="released"):
        scu().echo(peer)


def test_a_response_to_nothing_asked_aborts() -> None:
    heard: list[object] = []

    def confuse(wire: Wire) -> None:
        accepting(wire)
        wire.receive()
        wire.send(message(1, messages.C_ECHO_RSP(message_id_being_responded_to=99, status=Status(0))))
        heard.append(wire.receive())

    with answering(confuse) as peer, pytest.raises(AssociationAborted, match="99") as caught:
        scu().echo(peer)
    assert caught.value.initiator is Initiator.LOCAL_USER
    assert heard == [Abort(0, 0)]


def test_a_peer_that_aborts_in_the_middle_of_an_object(tmp_path: Path) -> None:
    """It is noticed although there is much left to send, and the peer reads no more."""
    read = threading.Event()

    def abort(wire: Wire) -> None:
        accepting(wire)
        wire.receive()
        wire.send(Abort(2, 6))
        assert read.wait(10)

    large = file(tmp_path, pixels=bytes(40 << 20))
    with answering(abort) as peer:
        with pytest.raises(AssociationAborted) as caught:
            list(scu().store(peer, [large]))
        read.set()
    assert (caught.value.source, caught.value.reason) == (2, 6)


def test_a_peer_that_stops_reading(tmp_path: Path) -> None:
    done = threading.Event()

    def stop(wire: Wire) -> None:
        accepting(wire)
        assert done.wait(10)

    large = file(tmp_path, pixels=bytes(40 << 20))
    with answering(stop) as peer:
        with pytest.raises(AssociationAborted) as caught:
            list(scu(write_seconds=0.2).store(peer, [large]))
        done.set()
    assert (caught.value.initiator, caught.value.state) == (Initiator.CONNECTION, "Sta6")


def test_an_early_response_is_heard_and_the_object_finished(tmp_path: Path) -> None:
    """PS3.7 9.1.1.2: the response may come before the last fragment; fragments that have begun go on."""
    seen: list[int] = []

    def early(wire: Wire) -> None:
        accepting(wire)
        pdu = wire.receive()
        assert isinstance(pdu, PDataTF)
        wire.send(message(1, responding(pdu, 0xA700)))
        while not (isinstance(pdu := wire.receive(), PDataTF) and pdu.pdvs[-1].control & 2):
            assert isinstance(pdu, PDataTF)
        seen.append(1)
        assert wire.receive() == ReleaseRQ()
        wire.send(ReleaseRP())

    with answering(early) as peer:
        (result,) = scu().store(peer, [file(tmp_path, pixels=bytes(4 << 20))])
    assert (result.status, seen) == (0xA700, [1])


# What is refused before anything is sent


def test_what_the_standard_has_no_room_for() -> None:
    nobody = Entity.local("X", 1)
    with pytest.raises(LocalProtocolError, match="128"):
        scu().associate(nobody, [(f"1.2.{number}", (IMPLICIT,)) for number in range(129)])
    with pytest.raises(LocalProtocolError, match="AE title"):
        scu().echo(nobody._replace(title="MORE THAN SIXTEEN CHARACTERS"))
    with pytest.raises(TypeError, match="no service"):
        scu().associate(nobody, [42])  # type: ignore[list-item]  # wrong on purpose
    with pytest.raises(TypeError):
        SCU("X", patience=3)


def test_contexts_with_ids_of_their_own(running: RunningSCP) -> None:
    context = ProposedContext(201, VERIFICATION, (IMPLICIT,))
    with scu().associate(running.entity, [context]) as association:
        assert list(association.agreement.contexts) == [201]
        assert association.echo() == 0x0000


def test_many_at_once(running: RunningSCP) -> None:
    """One SCU serves many threads, with an association each."""
    one = scu()
    statuses: list[Status] = []
    threads = [threading.Thread(target=partial(_echo, one, running.entity, statuses)) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [0x0000] * 10


def _echo(one: SCU, peer: Entity, statuses: list[Status]) -> None:
    statuses.append(one.echo(peer))


def test_private_elements_go_as_they_are(running: RunningSCP, store: FileStore, tmp_path: Path) -> None:
    private = element((0x0009, 0x0010), "LO", "ME") + element((0x0009, 0x1001), "UN", b"\0\1\2\3")
    path = tmp_path / "private.dcm"
    encoded = data_set("1.2.3", after=private)
    path.write_bytes(file_meta(CT, "1.2.3", EXPLICIT, "") + encoded)
    (result,) = scu().store(running.entity, [path])
    assert result.stored
    (received,) = Path(store.directory).iterdir()
    assert received.read_bytes().endswith(encoded)


def test_a_pdv_of_another_context_aborts() -> None:
    heard: list[object] = []

    def confuse(wire: Wire) -> None:
        accepting(wire)
        wire.receive()
        wire.send(PDataTF((PDV(77, 3, b""),)))
        heard.append(wire.receive())

    with answering(confuse) as peer, pytest.raises(AssociationAborted, match="77"):
        scu().echo(peer)
    assert heard == [Abort(0, 0)]
