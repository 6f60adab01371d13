"""The asyncio SCU: the same steps, results and errors as the blocking one, and many associations on one loop."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from data_sets import EXPLICIT, data_set
from dulcet.acse.events import Initiator
from dulcet.dimse import messages
from dulcet.dul.pdu import Abort, AssociateRJ, PDataTF, ReleaseRP, ReleaseRQ
from dulcet.services.scp import RunningSCP
from dulcet.services.storage.part10 import file_meta
from wire_peers import CT, SECONDS, Wire, accepting, answering, message

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
    NoAcceptedContext,
    Storage,
    Timeouts,
    Verification,
    aio,
)

PATIENT = Timeouts(connect=5.0, artim=0.2, acse=5.0, idle=None)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[RunningSCP]:
    store = FileStore(tmp_path / "received", mode="crash-safe")
    with SCP("DULCET", [Verification(), Storage(store)]).running() as scp:
        yield scp
        scp.stop(0.2)


def file(folder: Path, number: int, sop_class: str = CT, pixels: bytes = b"\1\2") -> Path:
    path = folder / f"{number}.dcm"
    uid = f"1.2.3.{number}"
    path.write_bytes(file_meta(sop_class, uid, EXPLICIT, "") + data_set(uid, sop_class, pixels=pixels))
    return path


def scu(timeouts: Timeouts = PATIENT, **settings: Any) -> aio.SCU:
    return aio.SCU("CALLER", timeouts=timeouts, **settings)


def run(main: Callable[[], Awaitable[Any]]) -> Any:
    """Run it to its end, on the standard event loop."""

    async def limited() -> Any:
        async with asyncio.timeout(20):
            return await main()

    return asyncio.run(limited())


def test_echo_and_store_on_one_association(running: RunningSCP, tmp_path: Path) -> None:
    async def main() -> None:
        async with await scu().associate(running.entity, [Verification, (CT, (EXPLICIT,))]) as association:
            assert association.agreement.called_ae_title == "DULCET"
            assert association.exchange.state == "Sta6"
            assert await association.echo() == 0x0000
            result = await association.store(file(tmp_path, 1, pixels=bytes(3 << 20)))
            assert (result.status, result.sop_instance_uid) == (0x0000, "1.2.3.1")
            with pytest.raises(NoAcceptedContext):
                await association.store(file(tmp_path, 2, "1.2.840.10008.5.1.4.1.1.4"))
            with pytest.raises(FileNotFoundError):
                await association.store(tmp_path / "missing")
            assert await association.echo() == 0x0000
        await association.release()  # harmless

    run(main)


def test_store_many(running: RunningSCP, tmp_path: Path) -> None:
    files = [file(tmp_path, 1), file(tmp_path, 2, "1.2.3.4.5"), tmp_path / "missing", file(tmp_path, 3)]

    async def main() -> list[Any]:
        return [result async for result in scu().store(running.entity, files)]

    results = run(main)
    assert [result.path.name for result in results] == ["missing", "1.dcm", "2.dcm", "3.dcm"]
    assert [result.status for result in results] == [None, 0x0000, None, 0x0000]
    assert isinstance(results[2].cause, NoAcceptedContext)


def test_100_associations_at_once(running: RunningSCP) -> None:
    async def main() -> list[Any]:
        one = scu()
        return await asyncio.gather(*(one.echo(running.entity) for _ in range(100)))

    assert run(main) == [0x0000] * 100


def test_a_server_on_the_same_loop() -> None:
    async def main() -> None:
        server = await aio.SCP("SAME", [Verification()]).start("127.0.0.1")
        assert await scu().echo(Entity.local("SAME", server.port)) == 0x0000
        server.request_stop(1.0)
        await server.wait_stopped()

    run(main)


def test_rejected() -> None:
    def reject(wire: Wire) -> None:
        wire.receive()
        wire.send(AssociateRJ(1, 1, 7))

    with answering(reject) as peer, pytest.raises(AssociationRejected) as caught:
        run(lambda: scu().echo(peer))
    assert (caught.value.result, caught.value.source, caught.value.reason) == (1, 1, 7)


@pytest.mark.parametrize("form", [aio.SCU, SCU], ids=["asyncio", "blocking"])
@pytest.mark.parametrize("last", [Wire.reset, lambda wire: wire.sock.close()], ids=["reset", "closed"])
def test_a_peer_that_ends_the_connection_unheard(last: Callable[[Wire], None], form: Any) -> None:
    """As one does that wants TLS: some close, some reset."""

    def unheard(wire: Wire) -> None:
        wire.receive()
        last(wire)

    async def echo() -> Any:
        answer = form("CALLER").echo(peer)
        return await answer if form is aio.SCU else answer

    with answering(unheard) as peer, pytest.raises(AssociationError, match=r"is this a port for TLS\?$") as caught:
        run(echo)
    assert not isinstance(caught.value, AssociationTimeout)
    assert isinstance(caught.value, AssociationAborted | ConnectionFailed)


def test_aborted_by_the_peer() -> None:
    def abort(wire: Wire) -> None:
        accepting(wire)
        wire.receive()
        wire.send(Abort(2, 2))

    with answering(abort) as peer, pytest.raises(AssociationAborted) as caught:
        run(lambda: scu().echo(peer))
    error = caught.value
    assert (error.source, error.reason, error.state) == (2, 2, "Sta6")
    assert error.initiator is Initiator.PEER_PROVIDER


def silence(wire: Wire) -> None:
    while wire.receive() is not None:
        continue


def after_accepting(wire: Wire) -> None:
    accepting(wire)
    silence(wire)


@pytest.mark.parametrize(("script", "phase", "acse"), [(silence, "acse", 0.2), (after_accepting, "dimse", 5.0)])
def test_a_peer_that_says_nothing(script: Any, phase: str, acse: float) -> None:
    hasty = Timeouts(connect=5.0, artim=0.2, acse=acse, idle=None)
    began = time.monotonic()
    with answering(script) as peer, pytest.raises(AssociationTimeout) as caught:
        run(lambda: scu(hasty, dimse_seconds=0.2).echo(peer))
    assert caught.value.phase == phase
    assert time.monotonic() - began < 20.0


def test_nobody_there() -> None:
    with pytest.raises(ConnectionFailed, match="cannot be reached"):
        run(lambda: scu().echo(Entity.local("X", 1)))


def test_no_accepted_context_aborts() -> None:
    heard: list[object] = []

    def refusing(wire: Wire) -> None:
        accepting(wire, 3)
        heard.append(wire.receive())

    with answering(refusing) as peer, pytest.raises(NoAcceptedContext, match="abstract-syntax-not-supported"):
        run(lambda: scu().echo(peer))
    assert heard == [Abort(0, 0)]


def test_a_cancelled_task_aborts() -> None:
    heard: list[object] = []
    asked = threading.Event()

    def wait(wire: Wire) -> None:
        accepting(wire)
        wire.receive()
        asked.set()
        heard.append(wire.receive())

    async def main(peer: Entity) -> None:
        task = asyncio.create_task(scu().echo(peer))
        assert await asyncio.to_thread(asked.wait, SECONDS)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with answering(wait) as peer:
        run(lambda: main(peer))
    assert heard == [Abort(0, 0)]


def test_a_peer_that_answers_before_it_has_everything(tmp_path: Path) -> None:
    """PS3.7 9.1.1.2 lets it: the rest is sent all the same, and then the next object, with nothing heard between."""
    big = file(tmp_path, 1, pixels=b"\1\2" * (8 << 20))

    def script(wire: Wire) -> None:
        accepting(wire)
        for number in (1, 2):
            command = wire.receive()
            assert isinstance(command, PDataTF)
            asked = messages.decode(command.pdvs[0].data)
            assert asked.affected_sop_instance_uid == f"1.2.3.{number}"
            wire.send(message(1, asked.response(0x0000)))
            while not (pdu := wire.receive()).pdvs[-1].control & 2:  # type: ignore[union-attr]  # P-DATA-TF
                assert isinstance(pdu, PDataTF)
        assert wire.receive() == ReleaseRQ()
        wire.send(ReleaseRP())

    async def main() -> list[int]:
        with answering(script) as peer:
            async with await scu().associate(peer, [(CT, [EXPLICIT])]) as association:
                return [(await association.store(each)).status for each in (big, file(tmp_path, 2))]

    assert run(main) == [0x0000, 0x0000]


def test_operations_at_a_time(tmp_path: Path) -> None:
    """As many as agreed may be outstanding, answered in any order; when the association ends, all of them hear it."""

    def script(wire: Wire) -> None:
        accepting(wire, window=(3, 1))
        asked = [wire.receive() for _ in range(3)]
        commands = [messages.decode(pdu.pdvs[0].data) for pdu in asked]  # type: ignore[union-attr]  # P-DATA-TF
        for command in reversed(commands):
            wire.send(message(1, command.response(0x0000)))
        for _ in range(2):
            wire.receive()
        wire.send(Abort(0, 0))

    async def main() -> tuple[list[int], list[Any], Any]:
        with answering(script) as peer:
            association = await scu(operations_window=3).associate(peer, [Verification])
            context = association.agreement.context_for("1.2.840.10008.1.1")
            assert context is not None

            def echo() -> Awaitable[Any]:
                request = messages.C_ECHO_RQ(message_id=0, affected_sop_class_uid="1.2.840.10008.1.1")
                return association.invoke(context, request)

            answers = await asyncio.gather(*(echo() for _ in range(3)))
            lost = await asyncio.gather(echo(), echo(), return_exceptions=True)
            with pytest.raises(AssociationAborted):
                await echo()
            await association.abort()
            return [answer.request.message_id for answer in answers], lost, association.exchange.outstanding

    ids, lost, outstanding = run(main)
    assert ids == [1, 2, 3]
    assert [type(each) for each in lost] == [AssociationAborted] * 2
    assert not outstanding
