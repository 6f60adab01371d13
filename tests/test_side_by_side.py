"""Several files under way at a time: on one association where the peer agrees to a window, else on several."""

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from dulcet.dul.items import AsynchronousOperationsWindow
from dulcet.dul.pdu import Abort, AssociateRJ, AssociateRQ
from dulcet.services.storage.user import StoreResult
from test_pipeline import accepting, answer, file, release, request, uids
from wire_peers import SECONDS, Wire

from dulcet import (
    SCP,
    SCU,
    AssociationAborted,
    AssociationError,
    AssociationRejected,
    ConnectionFailed,
    Entity,
    FileStore,
    Storage,
    aio,
)

Script = Callable[[Wire], object]
Outcome = tuple[list[StoreResult], AssociationError | None]


@contextmanager
def answering_together(*scripts: Script) -> Iterator[Entity]:
    """An acceptor that goes through a script with each connection, all at a time; one connection for each, no more."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(SECONDS)
    errors: list[BaseException] = []

    def serve(script: Script) -> None:
        try:
            sock, _ = listening.accept()
            with Wire(sock) as wire:
                script(wire)
        except BaseException as error:  # noqa: BLE001  # told below
            errors.append(error)

    threads = [threading.Thread(target=serve, args=(script,), daemon=True) for script in scripts]
    for thread in threads:
        thread.start()
    try:
        yield Entity.local("SCRIPTED", listening.getsockname()[1])
    finally:
        for thread in threads:
            thread.join(SECONDS)
        listening.settimeout(0)
        with pytest.raises(BlockingIOError):
            listening.accept()
        listening.close()
    assert not errors, errors


def files(folder: Path, count: int) -> list[Path]:
    return [file(folder, number) for number in range(1, count + 1)]


def blocking(entity: Entity, paths: list[Path], at_once: int) -> Outcome:
    results: list[StoreResult] = []
    try:
        results.extend(SCU("CALLER").store(entity, paths, at_once=at_once))
    except AssociationError as error:
        return results, error
    return results, None


def on_asyncio(entity: Entity, paths: list[Path], at_once: int) -> Outcome:
    async def main() -> Outcome:
        results: list[StoreResult] = []
        try:
            async for result in aio.SCU("CALLER").store(entity, paths, at_once=at_once):
                results.append(result)  # noqa: PERF401  # what came before an error counts, too
        except AssociationError as error:
            return results, error
        return results, None

    return asyncio.run(main())


both = pytest.mark.parametrize("store", [blocking, on_asyncio])


@both
def test_one_association_where_the_peer_agrees(tmp_path: Path, store: Callable[..., Outcome]) -> None:
    def peer(wire: Wire) -> None:
        rq = accepting(wire, 3)
        assert rq.user_information.asynchronous_operations_window == AsynchronousOperationsWindow(3, 3)
        first = [request(wire) for _ in range(3)]  # unanswered, all of them
        answer(wire, *reversed(first))
        answer(wire, request(wire))
        answer(wire, request(wire))
        release(wire)

    with answering_together(peer) as entity:
        results, error = store(entity, files(tmp_path, 5), 3)
    assert error is None
    assert uids(results)[:3] == ["1.2.3.3", "1.2.3.2", "1.2.3.1"]
    assert sorted(uids(results)) == [f"1.2.3.{n}" for n in range(1, 6)]


@both
@pytest.mark.parametrize(("granted", "associations"), [(None, 4), (1, 4), (2, 2), (3, 1)])
def test_associations_side_by_side_where_it_agrees_to_less(
    tmp_path: Path, store: Callable[..., Outcome], granted: int | None, associations: int
) -> None:
    """Each has as many outstanding as agreed before anything is answered; together they are never more than asked."""
    window = granted or 1
    all_have_theirs = threading.Barrier(associations)

    def peer(wire: Wire) -> None:
        accepting(wire, granted)
        outstanding = [request(wire) for _ in range(window)]
        all_have_theirs.wait(SECONDS)
        answer(wire, *outstanding)
        release(wire)

    with answering_together(*[peer] * associations) as entity:
        results, error = store(entity, files(tmp_path, window * associations), 4)
    assert error is None
    assert sorted(uids(results)) == [f"1.2.3.{n}" for n in range(1, window * associations + 1)]
    assert all(result.stored for result in results)


@both
def test_no_more_associations_than_files(tmp_path: Path, store: Callable[..., Outcome]) -> None:
    def peer(wire: Wire) -> None:
        accepting(wire, None)
        answer(wire, request(wire))
        release(wire)

    with answering_together(peer) as entity:
        results, error = store(entity, files(tmp_path, 1), 8)
    assert (uids(results), error) == (["1.2.3.1"], None)


@both
def test_a_peer_that_takes_one_association_only(tmp_path: Path, store: Callable[..., Outcome]) -> None:
    """PS3.8 9.3.4: local limit exceeded. What stands carries it all."""
    refused = threading.Event()
    order = threading.Lock()
    first: list[Wire] = []

    def peer(wire: Wire) -> None:
        with order:
            is_first = not first
            first.append(wire)
        if not is_first:
            assert isinstance(wire.receive(), AssociateRQ)
            wire.send(AssociateRJ(2, 3, 2))
            assert wire.receive() is None
            refused.set()
            return
        accepting(wire, None)
        only = request(wire)
        assert refused.wait(SECONDS)
        answer(wire, only)
        for _ in range(4):
            answer(wire, request(wire))
        release(wire)

    with answering_together(peer, peer) as entity:
        results, error = store(entity, files(tmp_path, 5), 2)
    assert error is None
    assert uids(results) == [f"1.2.3.{n}" for n in range(1, 6)]


@both
def test_an_association_that_ends_early_costs_what_it_had_and_nothing_else(
    tmp_path: Path, store: Callable[..., Outcome]
) -> None:
    together = threading.Barrier(2)
    taken: list[str] = []

    def dies(wire: Wire) -> None:
        accepting(wire, None)
        taken.append(request(wire).affected_sop_instance_uid)
        together.wait(SECONDS)
        wire.send(Abort())

    def lives(wire: Wire) -> None:
        accepting(wire, None)
        first = request(wire)
        together.wait(SECONDS)
        answer(wire, first)
        for _ in range(7):
            answer(wire, request(wire))
        release(wire)

    with answering_together(dies, lives) as entity:
        results, error = store(entity, files(tmp_path, 9), 2)
    assert isinstance(error, AssociationAborted)
    assert sorted(uids(results) + taken) == [f"1.2.3.{n}" for n in range(1, 10)]
    assert all(result.stored for result in results)
    assert len(results) == 8


@both
def test_the_first_association_cannot_be_made(tmp_path: Path, store: Callable[..., Outcome]) -> None:
    def peer(wire: Wire) -> None:
        assert isinstance(wire.receive(), AssociateRQ)
        wire.send(AssociateRJ(1, 1, 7))
        assert wire.receive() is None

    paths = files(tmp_path, 2)
    with answering_together(peer) as entity:
        results, error = store(entity, paths, 2)
    assert not results
    assert isinstance(error, AssociationRejected)
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = Entity.local("NOBODY", free.getsockname()[1])
    assert isinstance(store(nobody, paths, 2)[1], ConnectionFailed)


def test_leaving_early(tmp_path: Path) -> None:
    """Who takes no results holds up the sending; who leaves waits for what is outstanding, and releases."""
    with SCP("DULCET", [service := Storage(FileStore(tmp_path / "in"))]).running() as running:
        results = iter(SCU("CALLER").store(running.entity, files(tmp_path, 40), at_once=2))
        first = next(results)
        results.close()  # type: ignore[attr-defined]  # it is a generator
        running.stop(SECONDS)  # every association has ended in order, or this would wait
    assert first.stored
    assert 1 <= service.counts["stored"] <= 7
    assert not [thread for thread in threading.enumerate() if thread.name == "dulcet store"]


def test_leaving_early_on_asyncio(tmp_path: Path) -> None:
    async def main(entity: Entity, paths: list[Path]) -> StoreResult:
        async with aclosing(aio.SCU("CALLER").store(entity, paths, at_once=2)) as results:  # type: ignore[type-var]  # a generator
            return await anext(results)

    with SCP("DULCET", [service := Storage(FileStore(tmp_path / "in"))]).running() as running:
        assert asyncio.run(main(running.entity, files(tmp_path, 40))).stored
        running.stop(SECONDS)
    assert 1 <= service.counts["stored"] <= 7


def silent(heard: "list[Any]", asked: threading.Semaphore) -> Script:
    """Never answers."""

    def peer(wire: Wire) -> None:
        accepting(wire, None)
        request(wire)
        asked.release()
        heard.append(wire.receive())

    return peer


def test_a_task_that_is_cancelled_aborts_all(tmp_path: Path) -> None:
    heard: list[Any] = []
    asked = threading.Semaphore(0)

    async def main(entity: Entity, paths: list[Path]) -> None:
        async def store() -> None:
            async for _ in aio.SCU("CALLER").store(entity, paths, at_once=2):
                pass

        task = asyncio.create_task(store())
        for _ in range(2):
            assert await asyncio.to_thread(asked.acquire, timeout=SECONDS)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    peer = silent(heard, asked)
    with answering_together(peer, peer) as entity:
        asyncio.run(main(entity, files(tmp_path, 9)))
    assert heard == [Abort(), Abort()]


def test_an_error_of_the_caller_aborts_all(tmp_path: Path) -> None:
    """As Ctrl-C does, between two results."""
    heard: list[Any] = []
    asked = threading.Semaphore(0)

    def answers_once(wire: Wire) -> None:
        accepting(wire, None)
        answer(wire, request(wire))
        request(wire)
        asked.release()
        heard.append(wire.receive())

    with answering_together(answers_once, silent(heard, asked)) as entity:
        results: Any = SCU("CALLER").store(entity, files(tmp_path, 9), at_once=2)
        assert next(results).stored
        for _ in range(2):
            assert asked.acquire(timeout=SECONDS)
        with pytest.raises(KeyboardInterrupt):
            results.throw(KeyboardInterrupt())
    assert heard == [Abort(), Abort()]


def test_a_signal_while_it_waits_aborts_all(tmp_path: Path) -> None:
    """As Ctrl-C does, while no result comes."""

    class Stopped(Exception):
        pass

    def stop(*_: object) -> None:
        raise Stopped

    heard: list[Any] = []
    asked = threading.Semaphore(0)

    def signals(wire: Wire) -> None:
        accepting(wire, None)
        request(wire)
        assert asked.acquire(timeout=SECONDS)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
        heard.append(wire.receive())

    before = signal.signal(signal.SIGUSR1, stop)
    try:
        with answering_together(signals, silent(heard, asked)) as entity, pytest.raises(Stopped):
            list(SCU("CALLER").store(entity, files(tmp_path, 9), at_once=2))
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert heard == [Abort(), Abort()]
    assert not [thread for thread in threading.enumerate() if thread.name == "dulcet store"]


def test_the_blocking_form_where_an_event_loop_runs(tmp_path: Path) -> None:
    """As in a notebook."""

    async def main(entity: Entity, paths: list[Path]) -> list[StoreResult]:
        return list(SCU("CALLER").store(entity, paths, at_once=3))

    with SCP("DULCET", [Storage(FileStore(tmp_path / "in"))]).running() as running:
        results = asyncio.run(main(running.entity, files(tmp_path, 9)))
    assert sorted(uids(results)) == [f"1.2.3.{n}" for n in range(1, 10)]


@both
@pytest.mark.parametrize("window", [(1, 1), (2, 1), (8, 1)])
def test_hundreds_to_our_own_scp(tmp_path: Path, store: Callable[..., Outcome], window: tuple[int, int]) -> None:
    service = Storage(FileStore(tmp_path / "in"))
    paths = [*files(tmp_path, 300), tmp_path / "missing.dcm"]
    with SCP("DULCET", [service], asynchronous_operations_window=window).running() as running:
        results, error = store(running.entity, paths, 4)
    assert error is None
    assert len(results) == 301
    assert [result.path.name for result in results if not result.stored] == ["missing.dcm"]
    assert service.counts == {"stored": 300}


def test_none_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="0 files at once"):
        list(SCU().store(Entity.local("NOBODY", 1), files(tmp_path, 1), at_once=0))
    with pytest.raises(ValueError, match="-1 files at once"):
        on_asyncio(Entity.local("NOBODY", 1), files(tmp_path, 1), -1)
