"""The blocking driver against peers that behave, and against every one that does not."""

import contextlib
import hashlib
import os
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from dulcet.dul.primitives import CLOSE
from dulcet.dul.ranges import LONGEST_SECONDS
from dulcet.dul.transport.blocking import BlockingDriver
from transport_toys import Flood, Lines, flood_bytes

LIMIT = 20.0
"""Seconds no wait of a test exceeds."""
RST = struct.pack("ii", 1, 0)


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.settimeout(LIMIT)
        yield sock


def turns_until(driver: BlockingDriver[str], event: str) -> list[str]:
    """Take turns until the thing hears `event`; everything heard on the way."""
    heard: list[str] = []
    until = time.monotonic() + LIMIT
    while event not in heard:
        assert time.monotonic() < until, f"{event} not heard, only {heard}"
        heard += driver.turn(0.5)
    return heard


def tcp_pair(listening: socket.socket) -> tuple[socket.socket, socket.socket]:
    ours = socket.create_connection(listening.getsockname())
    peer, _ = listening.accept()
    peer.settimeout(LIMIT)
    return ours, peer


def read_all(sock: socket.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(1 << 16), b""))


def test_connects_and_talks(listening: socket.socket) -> None:
    thing = Lines(requestor=True, answers=False)
    with BlockingDriver(thing, listening.getsockname()) as driver:
        assert turns_until(driver, "connected") == ["connected"]
        peer, _ = listening.accept()
        with peer:
            thing.say("hello")
            driver.turn(0)
            assert peer.recv(100) == b"hello\n"
            peer.sendall(b"one\ntwo\n")
            assert turns_until(driver, "two") == ["one", "two"]
            assert driver.sock is not None
            assert driver.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert driver.sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert driver.sock is None
    assert driver.error is None


def test_an_accepted_socket_is_offered() -> None:
    ours, peer = socket.socketpair()
    with peer, BlockingDriver.over(Lines(), ours) as driver:
        assert driver.turn(0) == ["offered"]
        peer.sendall(b"hello\n")
        assert driver.turn(LIMIT) == ["hello"]
        assert peer.recv(100) == b"echo hello\n"


def test_a_given_socket_answers_connect() -> None:
    ours, peer = socket.socketpair()
    with peer, BlockingDriver.over(Lines(requestor=True), ours, accepted=False) as driver:
        assert driver.turn(0) == ["connected"]


def test_close_comes_after_what_stands_before_it() -> None:
    ours, peer = socket.socketpair()
    with peer, BlockingDriver.over(Lines(), ours) as driver:
        peer.sendall(b"bye\n")
        assert turns_until(driver, "bye") == ["offered", "bye"]
        assert not driver.open
        assert read_all(peer) == b"echo bye\n"
        assert driver.turn(LIMIT) == []
        driver.close()
        driver.close()


def test_connects_again_after_close(listening: socket.socket) -> None:
    thing = Lines(requestor=True)
    with BlockingDriver(thing, listening.getsockname()) as driver:
        turns_until(driver, "connected")
        listening.accept()[0].close()
        turns_until(driver, "closed")
        thing.outbox.extend(Lines(requestor=True).outbox)
        turns_until(driver, "connected")
        listening.accept()[0].close()


def test_connect_needs_an_address() -> None:
    with BlockingDriver(Lines(requestor=True)) as driver, pytest.raises(ValueError, match="no address"):
        driver.turn(0)


def test_refused(listening: socket.socket) -> None:
    address = listening.getsockname()
    listening.close()
    with BlockingDriver(Lines(requestor=True), address) as driver:
        assert turns_until(driver, "closed") == ["closed"]
        assert isinstance(driver.error, ConnectionRefusedError)
        assert f"127.0.0.1 port {address[1]}" in str(driver.error)
        assert not driver.open


def test_unknown_host(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with BlockingDriver(Lines(requestor=True), ("nowhere.invalid", 104)) as driver:
        assert driver.turn(LIMIT) == ["closed"]
        assert "nowhere.invalid port 104: Name or service not known" in str(driver.error)


@pytest.mark.parametrize("immediately", [True, False])
def test_the_next_address_is_tried(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch, immediately: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        shut = gone.getsockname()
    bad = ("255.255.255.255", 1) if immediately else shut
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", where) for where in (bad, listening.getsockname())]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: found)
    with BlockingDriver(Lines(requestor=True), ("somewhere", 104)) as driver:
        turns_until(driver, "connected")
        assert driver.error is None


def test_a_family_the_machine_does_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(12345, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: found)
    with BlockingDriver(Lines(requestor=True), ("somewhere", 104)) as driver:
        assert driver.turn(LIMIT) == ["closed"]
        assert "somewhere port 104: Address family not supported" in str(driver.error)


def test_a_thing_may_close_while_connecting(listening: socket.socket) -> None:
    thing = Lines(requestor=True)
    with BlockingDriver(thing, listening.getsockname()) as driver:
        thing.fill = lambda now: thing.outbox.append(CLOSE)  # type: ignore[method-assign]  # this one only
        assert driver.turn(0) == []
        assert not driver.open


def test_no_answer_to_connect() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        filling = [socket.socket() for _ in range(3)]
        for sock in filling:
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
        began = time.monotonic()
        thing = Lines(requestor=True)
        with BlockingDriver(thing, full.getsockname(), connect_seconds=0.3) as driver:
            thing.say("waits for the connection")
            driver.turn(0)
            driver.wake()
            assert driver.turn(LIMIT) == []
            assert turns_until(driver, "closed") == ["closed"]
            assert isinstance(driver.error, TimeoutError)
        assert 0.25 < time.monotonic() - began < LIMIT
        for sock in filling:
            sock.close()


def test_two_addresses_that_do_not_answer_share_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """`connect_seconds` is for all of them together."""
    with contextlib.ExitStack() as stack:
        found = []
        for _ in range(2):
            full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
            for _ in range(3):
                filler = stack.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
            found.append((socket.AF_INET, socket.SOCK_STREAM, 0, "", full.getsockname()))
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_: found)
        began = time.monotonic()
        thing = Lines(requestor=True)
        with BlockingDriver(thing, ("127.0.0.1", 104), connect_seconds=3.0) as driver:
            thing.say("waits for the connection")
            assert turns_until(driver, "closed") == ["closed"]
            assert isinstance(driver.error, TimeoutError)
        assert 2.7 < time.monotonic() - began < 5.6  # 6 s, if each had its own


def test_fin_at_once(listening: socket.socket) -> None:
    ours, peer = tcp_pair(listening)
    with BlockingDriver.over(Lines(), ours) as driver:
        peer.sendall(b"last words\n")
        peer.close()
        assert turns_until(driver, "closed") == ["offered", "last words", "closed"]
        assert driver.error is None


def test_what_is_done_meanwhile_is_done_once_and_when_all_is_said(listening: socket.socket) -> None:
    thing = Lines()
    thing.outbox.append(bytes(6 << 20))
    ours, peer = tcp_pair(listening)
    with peer, BlockingDriver.over(thing, ours, accepted=True) as driver:
        driver.turn(0.0)  # "offered" is told without a wait
        done: list[bool] = []
        driver.meanwhile = lambda: done.append(bool(thing.outbox))
        driver.turn(0.0)
        assert not done  # the socket is full
        reading = threading.Thread(target=read_all, args=(peer,), daemon=True)
        reading.start()
        until = time.monotonic() + LIMIT
        while not done and time.monotonic() < until:
            driver.turn(0.05)
        driver.turn(0.0)
        assert done == [False]
        ours.shutdown(socket.SHUT_WR)
        reading.join(LIMIT)


def test_rst_while_sending(listening: socket.socket) -> None:
    ours, peer = tcp_pair(listening)
    with BlockingDriver.over(Flood(1 << 30), ours) as driver:
        driver.turn(0)
        peer.recv(1000)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
        peer.close()
        assert "closed" in turns_until(driver, "closed")
        assert isinstance(driver.error, ConnectionError)


def test_rst_while_waiting(listening: socket.socket) -> None:
    ours, peer = tcp_pair(listening)
    with BlockingDriver.over(Lines(), ours) as driver:
        driver.turn(0)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
        peer.close()
        assert driver.turn(LIMIT) == ["closed"]
        assert isinstance(driver.error, ConnectionResetError)


def test_a_deadline_that_closes_comes_before_the_bytes() -> None:
    class Impatient(Lines):
        def tick(self, now: float) -> list[str]:
            self.outbox.append(CLOSE)
            return super().tick(now)

    ours, peer = socket.socketpair()
    with peer, BlockingDriver.over(Impatient(deadline=1.0), ours, clock=iter([0.0, 0.1, 0.2, 1.0]).__next__) as driver:
        driver.turn(0)
        peer.sendall(b"too late\n")
        assert driver.turn(0) == ["due"]
        assert not driver.open


def test_last_words_before_a_reset_are_heard(listening: socket.socket) -> None:
    """The peer says something (an A-ABORT) and closes with our bytes unread: TCP sends RST behind it."""
    ours, peer = tcp_pair(listening)
    thing = Lines()
    with BlockingDriver.over(thing, ours) as driver:
        thing.say("unread")
        driver.turn(0)
        peer.sendall(b"last words\n")
        peer.close()
        thing.outbox.append(b"more " * 10000)
        assert turns_until(driver, "closed") == ["last words", "closed"]
        assert isinstance(driver.error, ConnectionError)


def test_a_peer_that_stops_reading_is_reset(listening: socket.socket) -> None:
    ours, peer = tcp_pair(listening)
    with BlockingDriver.over(Flood(1 << 30), ours, write_seconds=0.3) as driver, peer:
        began = time.monotonic()
        assert turns_until(driver, "closed") == ["offered", "closed"]
        assert 0.25 < time.monotonic() - began < LIMIT
        assert isinstance(driver.error, TimeoutError)
        with pytest.raises(ConnectionResetError):
            read_all(peer)


def test_reads_while_the_peer_does_not(listening: socket.socket) -> None:
    ours, peer = tcp_pair(listening)
    with BlockingDriver.over(Flood(1 << 30), ours) as driver, peer:
        driver.turn(0)
        peer.sendall(b"stop\n")
        assert turns_until(driver, "stop") == ["stop"]


def test_sends_through_fill_without_holding_much(listening: socket.socket) -> None:
    size = 64 << 20
    ours, peer = tcp_pair(listening)
    digest = hashlib.sha256()

    def drain() -> None:
        while data := peer.recv(1 << 17):
            digest.update(data)

    reader = threading.Thread(target=drain)
    reader.start()
    thing = Flood(size)
    with BlockingDriver.over(thing, ours) as driver:
        driver.turn(0)
        while driver.open:
            driver.turn(LIMIT)
    reader.join(LIMIT)
    peer.close()
    assert digest.digest() == hashlib.sha256(flood_bytes(size)).digest()
    assert thing.most <= 18


def test_many_small_pieces_and_empty_ones() -> None:
    ours, peer = socket.socketpair()
    thing = Lines()
    with peer, BlockingDriver.over(thing, ours) as driver:
        for number in range(300):
            thing.outbox.extend([b"", str(number).encode(), memoryview(b" ")])
        thing.outbox.append(CLOSE)
        while driver.open:
            driver.turn(0)
        assert read_all(peer).split() == [str(number).encode() for number in range(300)]


def test_deadline_is_met_and_outlives_dripping_bytes() -> None:
    """The thing is ticked before it hears more bytes, however steadily they come."""
    ours, peer = socket.socketpair()
    clock = iter(number / 10 for number in range(1000))
    thing = Lines(deadline=1.0)
    with peer, BlockingDriver.over(thing, ours, clock=lambda: next(clock)) as driver:
        while "due" not in thing.heard:
            peer.sendall(b"x")
            driver.turn(0)
        assert next(clock) < 1.4
        peer.sendall(b"\n")
        driver.turn(0)
        assert thing.heard[-1] == f"{'x' * thing.heard[-1].count('x')}"


def test_deadline_ends_the_wait() -> None:
    ours, peer = socket.socketpair()
    thing = Lines()
    with peer, BlockingDriver.over(thing, ours) as driver:
        driver.turn(0)
        thing.deadline = time.monotonic() + 0.1
        assert driver.turn(LIMIT) == ["due"]


def test_a_wait_of_years() -> None:
    """The longest that settings allow is more than poll() takes at once."""
    ours, peer = socket.socketpair()
    with peer, BlockingDriver.over(Lines(deadline=time.monotonic() + LONGEST_SECONDS), ours) as driver:
        driver.turn(0)
        peer.sendall(b"hello\n")
        assert driver.turn() == ["hello"]
        assert driver.turn(0.01) == []


def test_wake_before_and_in_the_wait() -> None:
    ours, peer = socket.socketpair()
    with peer, BlockingDriver.over(Lines(), ours) as driver:
        driver.turn(0)
        began = time.monotonic()
        for _ in range(70000):  # more than the pipe holds
            driver.wake()
        assert driver.turn(LIMIT) == []
        old = signal.signal(signal.SIGALRM, lambda *_: driver.wake())
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        assert driver.turn(LIMIT) == []
        signal.signal(signal.SIGALRM, old)
        assert time.monotonic() - began < LIMIT
    driver.wake()


def test_neither_asyncio_nor_ssl_is_imported() -> None:
    code = "import sys, dulcet.dul.transport.blocking; sys.exit(bool({'asyncio', 'ssl'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_a_name_that_no_host_can_have() -> None:
    with BlockingDriver(Lines(requestor=True), ("a" * 64 + ".example", 104)) as driver:
        assert driver.turn(LIMIT) == ["closed"]
        assert isinstance(driver.error, socket.gaierror)
        assert "port 104: not a host name" in str(driver.error)


@pytest.mark.parametrize("port", [-1, 0, 65536, 70000])
def test_a_port_that_does_not_exist(port: int) -> None:
    """The C library would connect to 70000 - 65536."""
    with BlockingDriver(Lines(requestor=True), ("127.0.0.1", port)) as driver:
        assert driver.turn(LIMIT) == ["closed"]
        assert isinstance(driver.error, socket.gaierror)
        assert f"127.0.0.1 port {port}: no port, 1 to 65535" in str(driver.error)


def test_a_socket_that_was_not_ready_after_all() -> None:
    class Fickle(socket.socket):
        def recv_into(self, *arguments: Any) -> int:
            if moods.pop():
                raise BlockingIOError
            return super().recv_into(*arguments)

    moods = [False, True]
    ours, peer = socket.socketpair()
    with peer, BlockingDriver.over(Lines(), Fickle(fileno=ours.detach())) as driver:
        peer.sendall(b"hello\n")
        assert turns_until(driver, "hello") == ["offered", "hello"]
        assert moods == []


def test_wake_while_another_thread_closes(listening: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """The descriptor is not closed, and given to somebody else, between the look at it and the write."""
    driver = BlockingDriver(Lines(requestor=True, answers=False), listening.getsockname())
    turns_until(driver, "connected")
    writing, closed = threading.Event(), threading.Event()
    write, good = os.write, []

    def slowly(descriptor: int, data: bytes) -> int:
        writing.set()
        closed.wait(0.3)
        good.append(stat.S_ISFIFO(os.fstat(descriptor).st_mode))
        return write(descriptor, data)

    def close() -> None:
        assert writing.wait(LIMIT)
        driver.close()
        closed.set()

    monkeypatch.setattr(os, "write", slowly)
    closing = threading.Thread(target=close)
    closing.start()
    driver.wake()
    closing.join(LIMIT)
    assert closed.is_set()
    assert good == [True]
    driver.wake()
    assert good == [True], "closed, there is nothing to wake"


def test_wake_from_a_signal_handler_in_the_middle_of_a_wake_or_close(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The handler runs on the thread it interrupts: it must neither wait for itself nor meet a closed descriptor."""
    driver = BlockingDriver(Lines(requestor=True, answers=False), listening.getsockname())
    turns_until(driver, "connected")
    write, close = os.write, os.close
    interrupted: list[str] = []

    def writing(descriptor: int, data: bytes) -> int:
        if not interrupted:
            interrupted.append("write")
            driver.wake()
        return write(descriptor, data)

    def closing(descriptor: int) -> None:
        interrupted.append("close")
        driver.wake()
        close(descriptor)

    monkeypatch.setattr(os, "write", writing)
    driver.wake()
    monkeypatch.setattr(os, "close", closing)
    driver.close()
    monkeypatch.undo()
    assert interrupted == ["write", "close", "close"]
