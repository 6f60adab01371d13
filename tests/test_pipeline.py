"""Several C-STOREs outstanding at a time: as many as agreed, answered in any order, and none forgotten."""

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from data_sets import EXPLICIT, MR, data_set
from dulcet.dimse import messages
from dulcet.dul.items import AsynchronousOperationsWindow, UserInformation
from dulcet.dul.pdu import Abort, AssociateAC, AssociateRQ, PDataTF, ReleaseRP, ReleaseRQ
from dulcet.services.storage.outgoing import OutgoingFile
from dulcet.services.storage.part10 import file_meta
from wire_peers import CT, Wire, acceptance, answering, message

from dulcet import SCP, SCU, AssociationAborted, AssociationReleased, FileStore, Storage, aio


def file(folder: Path, number: int, sop_class: str = CT, pixels: bytes = b"\1\2") -> Path:
    """An instance, 1.2.3.number."""
    path = folder / f"{number:03}.dcm"
    uid = f"1.2.3.{number}"
    path.write_bytes(file_meta(sop_class, uid, EXPLICIT, "") + data_set(uid, sop_class, pixels=pixels))
    return path


def opened(folder: Path, count: int, pixels: bytes = b"\1\2") -> list[OutgoingFile]:
    return [OutgoingFile(file(folder, number, pixels=pixels)) for number in range(1, count + 1)]


def accepting(wire: Wire, invoked: int | None) -> AssociateRQ:
    """Accept with this window; None: without one."""
    rq = wire.receive()
    assert isinstance(rq, AssociateRQ)
    window = AsynchronousOperationsWindow(invoked, 1) if invoked is not None else None
    accepted = acceptance(rq)
    said = UserInformation(asynchronous_operations_window=window)
    wire.send(AssociateAC(accepted.presentation_contexts, said, echo=rq.echo))
    return rq


def request(wire: Wire) -> messages.C_STORE_RQ:
    """The next C-STORE-RQ; its data set is taken, too."""
    command = wire.receive()
    assert isinstance(command, PDataTF), command
    pdvs = list(command.pdvs)
    while len(pdvs) < 2 or not pdvs[-1].is_last:
        more = wire.receive()
        assert isinstance(more, PDataTF)
        pdvs += more.pdvs
    found = messages.decode(pdvs[0].data)
    assert isinstance(found, messages.C_STORE_RQ)
    return found


def answer(wire: Wire, *requests: messages.C_STORE_RQ, status: int = 0) -> None:
    wire.send(*(message(1, each.response(status)) for each in requests))


def release(wire: Wire) -> None:
    assert wire.receive() == ReleaseRQ()
    wire.send(ReleaseRP())


def scu(window: int = 4) -> SCU:
    return SCU("CALLER", operations_window=window)


def uids(results: Any) -> list[str]:
    return [result.sop_instance_uid for result in results]


def test_as_many_are_outstanding_as_agreed_and_answered_in_any_order(tmp_path: Path) -> None:
    def peer(wire: Wire) -> None:
        rq = accepting(wire, 3)
        assert rq.user_information.asynchronous_operations_window == AsynchronousOperationsWindow(4, 4)
        first = [request(wire) for _ in range(3)]  # unanswered, all of them
        answer(wire, *reversed(first[1:]))
        more = [request(wire) for _ in range(2)]
        answer(wire, *more, first[0])
        release(wire)

    with answering(peer) as entity, scu().associate(entity, [(CT, (EXPLICIT,))]) as live:
        assert live.agreement.window_invoked == 3
        results = list(live.store_many(opened(tmp_path, 5)))
    assert all(result.stored for result in results)
    assert uids(results) == ["1.2.3.3", "1.2.3.2", "1.2.3.4", "1.2.3.5", "1.2.3.1"]


@pytest.mark.parametrize("granted", [None, 1])
def test_one_at_a_time_where_no_more_is_agreed(tmp_path: Path, granted: int | None) -> None:
    def peer(wire: Wire) -> None:
        accepting(wire, granted)
        for status in (0x0000, 0xA700):
            only = request(wire)
            wire.sock.settimeout(0.1)
            with pytest.raises(TimeoutError):
                wire.sock.recv(1)
            wire.sock.settimeout(10)
            answer(wire, only, status=status)
        release(wire)

    with answering(peer) as entity, scu().associate(entity, [(CT, (EXPLICIT,))]) as live:
        results = list(live.store_many(opened(tmp_path, 2)))
    assert [result.status for result in results] == [0x0000, 0xA700]


def test_a_window_without_limit_has_one_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dulcet.services.storage.pipeline.AT_MOST", 2)

    def peer(wire: Wire) -> None:
        accepting(wire, 0)
        first = [request(wire) for _ in range(2)]
        wire.sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            wire.sock.recv(1)
        wire.sock.settimeout(10)
        answer(wire, *first)
        answer(wire, request(wire))
        release(wire)

    with answering(peer) as entity, scu(0).associate(entity, [(CT, (EXPLICIT,))]) as live:
        assert len(list(live.store_many(opened(tmp_path, 3)))) == 3


def test_files_that_cannot_be_sent_are_results_too(tmp_path: Path) -> None:
    store = Storage(FileStore(tmp_path / "in", mode="crash-safe"))
    with SCP("DULCET", [store], asynchronous_operations_window=(4, 1)).running() as running:
        files = [*opened(tmp_path, 6), OutgoingFile(file(tmp_path, 7, MR))]
        files[2].path.unlink()
        with scu().associate(running.entity, [(CT, (EXPLICIT,))]) as live:
            assert live.agreement.window_invoked == 4
            results = list(live.store_many(files))
        running.stop(0.2)
    errors = {result.sop_instance_uid: result.error for result in results if not result.stored}
    assert len(results) == 7
    assert set(errors) == {"1.2.3.3", "1.2.3.7"}
    assert "No such file" in errors["1.2.3.3"]
    assert store.counts == {"stored": 5}


@pytest.mark.parametrize("window", [1, 4])
def test_hundreds_to_our_own_scp(tmp_path: Path, window: int) -> None:
    store = Storage(FileStore(tmp_path / "in", mode="crash-safe"))
    with SCP("DULCET", [store], asynchronous_operations_window=(4, 1)).running() as running:
        for number in range(1, 301):
            file(tmp_path, number, pixels=bytes(10_000))
        results = list(scu(window).store(running.entity, sorted(tmp_path.glob("*.dcm"))))
        running.stop(0.2)
    assert len({result.sop_instance_uid for result in results if result.status == 0}) == 300
    assert store.counts == {"stored": 300}


def test_on_an_event_loop(tmp_path: Path) -> None:
    store = Storage(FileStore(tmp_path / "in", mode="crash-safe"))
    files = opened(tmp_path, 20, pixels=bytes(2 << 20))

    async def main(entity: Any) -> None:
        ours = aio.SCU("CALLER", operations_window=4)
        results = [result async for result in ours.store(entity, [each.path for each in files])]
        assert len(results) == 20
        assert all(result.stored for result in results)
        async with await ours.associate(entity, [(CT, (EXPLICIT,))]) as live:
            async with aclosing(live.store_many(files)) as some:
                assert (await anext(some)).stored
            assert not live.exchange.outstanding
            assert (await live.store(files[0])).stored

    with SCP("DULCET", [store], asynchronous_operations_window=(4, 1)).running() as running:
        asyncio.run(main(running.entity))
        running.stop(0.2)


def test_leaving_early_waits_for_what_was_sent(tmp_path: Path) -> None:
    store = Storage(FileStore(tmp_path / "in", mode="crash-safe"))
    with SCP("DULCET", [store], asynchronous_operations_window=(4, 1)).running() as running:
        with scu().associate(running.entity, [(CT, (EXPLICIT,))]) as live:
            results = live.store_many(opened(tmp_path, 20))
            next(results)
            results.close()
            assert not live.exchange.outstanding
            assert live.store(file(tmp_path, 99)).stored
        running.stop(0.2)
    assert 2 <= store.counts["stored"] < 20


def test_an_association_that_ends_gives_what_was_answered_before(tmp_path: Path) -> None:
    def peer(wire: Wire) -> None:
        accepting(wire, 4)
        first = [request(wire) for _ in range(4)]
        answer(wire, first[1], first[0])
        wire.send(Abort())

    with answering(peer) as entity:
        live = scu().associate(entity, [(CT, (EXPLICIT,))])
        results = live.store_many(opened(tmp_path, 9))
        assert uids([next(results), next(results)]) == ["1.2.3.2", "1.2.3.1"]
        with pytest.raises(AssociationAborted):
            next(results)
        live.close()


def test_a_peer_that_asks_for_release_gets_no_more(tmp_path: Path) -> None:
    def peer(wire: Wire) -> None:
        accepting(wire, 2)
        first = [request(wire) for _ in range(2)]
        wire.send(*(message(1, each.response(0)) for each in first), ReleaseRQ())

    with answering(peer) as entity:
        live = scu().associate(entity, [(CT, (EXPLICIT,))])
        results = live.store_many(opened(tmp_path, 9))
        assert uids([next(results), next(results)]) == ["1.2.3.1", "1.2.3.2"]
        with pytest.raises(AssociationReleased):
            next(results)
        live.close()
