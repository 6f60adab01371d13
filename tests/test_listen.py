"""The accept loop: limits kept and released, TLS handshakes that wait for no one, descriptors running out."""

import asyncio
import contextlib
import errno
import gc
import os
import resource
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from dulcet.dul.transport import listen, sockets
from dulcet.dul.transport.aio import AsyncioDriver, connect
from dulcet.dul.transport.listen import Listener
from dulcet.dul.transport.sockets import bind
from dulcet.dul.transport.tls import TlsError
from event_loops import LIMIT, Contexts, Run
from transport_toys import Lines


class House:
    """A listener of `Lines`, and what it noticed. Who is let in only to be refused hears "full"."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, **options: Any) -> None:
        self.tls = tls
        self.notices: list[tuple[str, dict[str, object]]] = []
        self.changed = asyncio.Event()
        self.taken = 0
        self.listener = Listener(self.make, bind("127.0.0.1"), notice=self.notice, **options)

    def make(self, peer: Any, overloaded: bool) -> AsyncioDriver[str]:
        self.taken += 1
        thing = Lines()
        if overloaded:
            thing.say("full")
        return AsyncioDriver(thing, lambda *_: None, server_side=True, tls=self.tls)

    def notice(self, event: str, /, **fields: object) -> None:
        self.notices.append((event, fields))

    @property
    def noticed(self) -> list[str]:
        return [event for event, _ in self.notices]

    @property
    def address(self) -> tuple[str, int]:
        return ("127.0.0.1", self.listener.port)


@contextlib.asynccontextmanager
async def house(**options: Any) -> AsyncIterator[House]:
    opened = House(**options)
    opened.listener.start()
    try:
        yield opened
    finally:
        opened.listener.close()
        await opened.listener.wait_closed()
        assert opened.listener.handshakes == 0


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until it is so; the test as a whole is bounded."""
    while not condition():
        await asyncio.sleep(0.005)  # before the next look


async def ask(address: tuple[str, int], tls: ssl.SSLContext | None = None) -> str:
    """One line there and back on a connection of its own."""
    thing = Lines(requestor=True, answers=False)
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def hear(_: AsyncioDriver[str], events: list[str]) -> None:
        for event in events:
            if event.startswith(("echo", "full", "closed")) and not answer.done():
                answer.set_result(event)

    driver = await connect(thing, address, hear, tls=tls)
    thing.say("hello")
    driver.flush()
    try:
        return await answer
    finally:
        driver.abort()
        await driver.wait_closed()


def test_serves_others_while_300_are_idle(run: Run) -> None:
    async def main() -> None:
        async with house() as open_house:
            idle = [await asyncio.open_connection(*open_house.address) for _ in range(300)]
            await until(lambda: len(open_house.listener.connections) == 300)
            assert await ask(open_house.address) == "echo hello"
            assert len(open_house.listener.connections) >= 300
            for _, writer in idle:
                writer.close()
            await until(lambda: not open_house.listener.connections)
            assert open_house.notices == []

    run(main())


def test_over_the_limit_some_are_refused_politely_and_the_rest_at_once(run: Run) -> None:
    async def main() -> None:
        async with house(max_connections=2, reject_slots=2) as full:
            kept = [await asyncio.open_connection(*full.address) for _ in range(2)]
            polite = [await asyncio.open_connection(*full.address) for _ in range(2)]
            for reader, _ in polite:
                assert await reader.readline() == b"full\n"
            reader, writer = await asyncio.open_connection(*full.address)
            assert await reader.read() == b""
            writer.close()
            assert full.noticed == ["overloaded"]
            for _, writer in [*kept, *polite]:
                writer.close()
            await until(lambda: not full.listener.connections and not full.listener.rejecting)
            assert await ask(full.address) == "echo hello"

    run(main())


def test_notices_are_rare_and_count_what_they_left_out(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "NOTICE_SECONDS", 3600.0)

    async def main() -> None:
        async with house(max_connections=0, reject_slots=0) as full:
            for _ in range(5):
                reader, writer = await asyncio.open_connection(*full.address)
                await reader.read()
                writer.close()
            monkeypatch.setattr(listen, "NOTICE_SECONDS", 0.0)  # as if an hour had passed
            reader, writer = await asyncio.open_connection(*full.address)
            await reader.read()
            writer.close()
            assert [fields["left_out"] for _, fields in full.notices] == [0, 4]

    run(main())


def test_limit_for_each_address(run: Run) -> None:
    async def main() -> None:
        async with house(max_per_address=1) as strict:
            _, writer = await asyncio.open_connection(*strict.address)
            assert await ask(strict.address) == "full"
            elsewhere = socket.create_connection(strict.address, source_address=("127.0.0.2", 0))
            elsewhere.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(elsewhere, b"hello\n")
            assert await loop.sock_recv(elsewhere, 100) == b"echo hello\n"
            elsewhere.close()
            writer.close()
            await until(lambda: not strict.listener.connections)
            assert await ask(strict.address) == "echo hello"

    run(main())


def test_tls_waits_for_no_one(run: Run, contexts: Contexts) -> None:
    """50 peers say nothing, or one byte of a ClientHello; a good one is served before any of them has given up."""

    async def main() -> None:
        async with house(tls=contexts[1]) as secure:
            silent = [await asyncio.open_connection(*secure.address) for _ in range(50)]
            for _, writer in silent[:25]:
                writer.write(b"\x16")
            await until(lambda: secure.listener.handshakes == 50)
            assert await ask(secure.address, contexts[0]) == "echo hello"
            assert secure.listener.handshakes == 50
            for _, writer in silent:
                writer.close()
            await until(lambda: not secure.listener.connections)
            assert set(secure.noticed) == {"handshake-failed"}

    run(main())


def test_a_full_house_of_silent_handshakes_gives_way(
    run: Run, contexts: Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listen, "CROWDED_SECONDS", 0.5)
    monkeypatch.setattr(listen, "PAUSE_SECONDS", 0.02)

    async def main() -> None:
        async with house(tls=contexts[1], max_handshakes=4) as secure:
            silent = [await asyncio.open_connection(*secure.address) for _ in range(8)]
            assert await ask(secure.address, contexts[0]) == "echo hello"
            assert "handshake-crowded-out" in secure.noticed
            assert secure.listener.handshakes <= 4
            for _, writer in silent:
                writer.transport.abort()

    run(main())


def test_who_speaks_passes_a_long_line_of_silent_peers(
    run: Run, contexts: Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listen, "CROWDED_SECONDS", 0.5)
    monkeypatch.setattr(listen, "PAUSE_SECONDS", 0.02)

    async def main() -> None:
        async with house(tls=contexts[1], max_handshakes=4) as secure:
            silent = [await asyncio.open_connection(*secure.address) for _ in range(100)]
            await until(lambda: secure.taken == 100)
            assert await ask(secure.address, contexts[0]) == "echo hello"
            assert len(secure.listener.connections) > 20  # four at a time give way, in their order it is 97
            for _, writer in silent:
                writer.transport.abort()

    run(main())


def test_those_who_go_no_further_give_way_together(
    run: Run, contexts: Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one after another: four have places, eight are in line before the good peer, whose turn would come after
    eight pauses of a second. After two it is this way."""
    monkeypatch.setattr(listen, "CROWDED_SECONDS", 0.5)
    monkeypatch.setattr(listen, "PAUSE_SECONDS", 1.0)

    async def main() -> None:
        async with house(tls=contexts[1], max_handshakes=4) as secure:
            stuck = [await asyncio.open_connection(*secure.address) for _ in range(12)]
            for _, writer in stuck:
                writer.write(b"\x16")
            await until(lambda: secure.taken == 12)
            began = asyncio.get_running_loop().time()
            assert await ask(secure.address, contexts[0]) == "echo hello"
            assert asyncio.get_running_loop().time() - began < 7.5
            for _, writer in stuck:
                writer.transport.abort()

    run(main())


def test_closing_with_some_in_line(run: Run, contexts: Contexts) -> None:
    async def main() -> None:
        async with house(tls=contexts[1], max_handshakes=1) as secure:
            waiting = [await asyncio.open_connection(*secure.address) for _ in range(3)]
            await until(lambda: len(secure.listener.connections) == 3)
            secure.listener.close()
            for reader, writer in waiting:
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b""
                writer.close()
            await secure.listener.wait_closed()

    run(main())


def test_plaintext_on_the_tls_port(run: Run, contexts: Contexts) -> None:
    async def main() -> None:
        async with house(tls=contexts[1]) as secure:
            reader, writer = await asyncio.open_connection(*secure.address)
            writer.write(b"\x01\0\0\0\0\x04abcd")
            assert await reader.read() == b""
            writer.close()
            [(event, fields)] = secure.notices
            assert event == "handshake-failed"
            assert isinstance(fields["error"], TlsError)
            assert "DICOM PDU of type 01H" in str(fields["error"])

    run(main())


def limit_with_free_descriptors(free: int) -> int:
    """The number below which that many descriptors are unused."""
    used = set(map(int, os.listdir("/proc/self/fd")))
    return [number for number in range(len(used) + free + 1) if number not in used][free - 1] + 1


def test_descriptors_run_out_and_come_back(run: Run) -> None:
    """Peers beyond the last descriptor wait or are turned away; the loop does not spin, and recovers."""

    async def main() -> None:
        async with house() as poor:
            clients = [socket.socket() for _ in range(20)]
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit_with_free_descriptors(4), hard))
            try:
                for sock in clients:
                    sock.connect(poor.address)
                await until(lambda: "accept-failed" in poor.noticed)
                await asyncio.sleep(3 * listen.PAUSE_SECONDS)  # time for more tries, of which there must be none
                assert poor.noticed == ["accept-failed"]
                error = poor.notices[0][1]["error"]
                assert isinstance(error, OSError)
                assert error.errno == errno.EMFILE
                for sock in clients:
                    sock.close()
                await until(lambda: not poor.listener.connections)
                assert await ask(poor.address) == "echo hello"
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    run(main())


def test_no_more_connections_than_descriptors(run: Run) -> None:
    async def main() -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (400, hard))
        try:
            async with house() as modest:
                assert modest.listener.max_connections == 136
                assert modest.notices == [("max-connections-lowered", {"wanted": 1000, "to": 136, "left_out": 0})]
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    run(main())


@pytest.mark.parametrize(("limit", "most"), [(100, 1), (130, 1), (2130, 1000), (resource.RLIM_INFINITY, 1000)])
def test_few_descriptors_and_no_limit_to_them(run: Run, monkeypatch: pytest.MonkeyPatch, limit: int, most: int) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))

    async def main() -> None:
        async with house() as opened:
            assert opened.listener.max_connections == most

    run(main())


def test_whatever_accept_says_the_loop_survives(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Unlucky(socket.socket):
        faults = (ConnectionAbortedError(), OSError(errno.EPERM, "firewall"), OSError(), OSError(errno.ENOBUFS, "full"))

        def accept(self) -> tuple[socket.socket, Any]:
            if faults:
                raise faults.pop()
            return super().accept()

    faults: list[OSError] = []
    monkeypatch.setattr(listen, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(listen, "NOTICE_SECONDS", 0.0)

    async def main() -> None:
        async with house() as unlucky:
            [sound] = unlucky.listener.sockets
            unlucky.listener.stop_accepting()
            unlucky.listener.sockets = [Unlucky(fileno=bind("127.0.0.1")[0].detach())]
            unlucky.listener.start()
            assert sound.fileno() < 0
            faults.extend(Unlucky.faults)
            assert await ask(unlucky.address) == "echo hello"
            assert [str(fields["error"]) for _, fields in unlucky.notices] == [
                "[Errno 105] full",
                "[Errno 1] firewall",
            ]

    run(main())


def test_a_factory_that_fails_ends_one_connection_only(run: Run) -> None:
    async def main() -> None:
        async with house() as shaky:
            good = shaky.make
            attempts = iter([True, False])

            def make(peer: Any, overloaded: bool) -> AsyncioDriver[str]:
                if next(attempts):
                    raise RuntimeError("not today")
                return good(peer, overloaded)

            shaky.listener._factory = make
            reader, writer = await asyncio.open_connection(*shaky.address)
            assert await reader.read() == b""
            writer.close()
            assert await ask(shaky.address) == "echo hello"
            assert shaky.noticed == ["accept-failed"]

    run(main())


def test_stop_accepting_lets_those_within_finish(run: Run) -> None:
    async def main() -> None:
        async with house() as closing:
            reader, writer = await asyncio.open_connection(*closing.address)
            await until(lambda: closing.listener.connections)
            address = closing.address
            closing.listener.stop_accepting()
            closing.listener.stop_accepting()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(*address)
            writer.write(b"bye\n")
            assert await reader.read() == b"echo bye\n"
            writer.close()
            await closing.listener.wait_closed()

    run(main())


# Sockets


def test_all_interfaces_on_one_socket() -> None:
    [sock] = bind()
    with sock:
        port = sock.getsockname()[1]
        assert port
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            if family == sock.family or socket.has_dualstack_ipv6():
                socket.create_connection((host, port), 5).close()


@pytest.mark.parametrize("options", [{"family": socket.AF_INET}, {"dual_stack": False}])
def test_ipv4_only(options: dict[str, Any]) -> None:
    [sock] = bind(**options)
    with sock:
        assert sock.family == socket.AF_INET


def test_a_name_of_two_addresses_gets_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 0)) for host in ("127.0.0.1", "127.0.0.2")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: found)
    first, second = bind("both")
    with first, second:
        assert first.getsockname()[1] == second.getsockname()[1]
        assert second.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_port_in_use() -> None:
    [sock] = bind("127.0.0.1")
    with sock, pytest.raises(OSError, match="in use"):
        bind("127.0.0.1", sock.getsockname()[1])
    first, *_ = bind("127.0.0.1", reuse_port=True)
    second, *_ = bind("127.0.0.1", first.getsockname()[1], reuse_port=True)
    first.close()
    second.close()


def test_names_in_errors() -> None:
    assert str(sockets.named(TimeoutError(), ("host", 104))).endswith("host port 104: TimeoutError")


def test_an_address_that_cannot_be_had_takes_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """192.0.2.1 is nobody's (RFC 5737); the socket bound before it is closed, or its warning would be an error."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 0)) for host in ("127.0.0.1", "192.0.2.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: found)
    with pytest.raises(OSError, match=r"192\.0\.2\.1"):
        bind("somewhere")
    gc.collect()


def test_many_at_once_are_taken_in_turns(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "ACCEPTS", 2)

    async def main() -> None:
        async with house() as busy:
            callers = [socket.create_connection(busy.address) for _ in range(6)]
            await until(lambda: len(busy.listener.connections) == 6)
            for sock in callers:
                sock.close()

    run(main())


def test_a_pause_that_the_closing_overtakes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(socket.socket):
        def accept(self) -> tuple[socket.socket, Any]:
            raise OSError(errno.ENOBUFS, "full")

    monkeypatch.setattr(listen, "PAUSE_SECONDS", 0.01)

    async def main() -> None:
        full = House()
        [sound] = full.listener.sockets
        full.listener.sockets = [Full(fileno=sound.detach())]
        full.listener.start()
        with socket.create_connection(full.address):
            await until(lambda: full.noticed)
            full.listener.stop_accepting()
            await asyncio.sleep(3 * listen.PAUSE_SECONDS)  # time for more tries, of which there must be none
        assert full.noticed == ["accept-failed"]

    run(main())


def test_a_reserve_that_cannot_be_kept_is_tried_for_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: object) -> int:
        raise OSError(errno.EMFILE, "too many open files")

    async def main() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(os, "open", none_left)
            poor = House()
            poor.listener.start()
        assert await ask(poor.address) == "echo hello"
        poor.listener.close()
        await poor.listener.wait_closed()

    run(main())


@pytest.mark.parametrize("told", [False, True])
def test_a_connection_that_the_loop_cannot_take(monkeypatch: pytest.MonkeyPatch, told: bool) -> None:
    """asyncio's loop only: uvloop's cannot be made to fail from here."""

    async def fail(_: object, factory: Callable[[], AsyncioDriver[str]], sock: socket.socket) -> None:
        if told:
            factory().failed(OSError(errno.EBADF, "gone"))
        raise OSError(errno.EBADF, "gone")

    async def main() -> None:
        async with house() as opened:
            with monkeypatch.context() as patch:
                patch.setattr(asyncio.BaseEventLoop, "connect_accepted_socket", fail)
                with socket.create_connection(opened.address):
                    await until(lambda: opened.noticed)
            await until(lambda: not opened.listener.connections)
            assert opened.noticed == ["accept-failed"]
            assert await ask(opened.address) == "echo hello"

    asyncio.run(asyncio.wait_for(main(), LIMIT))


@pytest.mark.parametrize("port", [-1, 65536])
def test_no_such_port(port: int) -> None:
    with pytest.raises(ValueError, match=f"{port} is no port"):
        bind("127.0.0.1", port)


def test_a_connection_that_was_reset_before_it_was_accepted_has_its_peer(run: Run) -> None:
    """The kernel gives it out all the same, and knows no peer of it any more."""

    async def main() -> None:
        made: list[AsyncioDriver[str]] = []

        def make(_peer: Any, _overloaded: bool) -> AsyncioDriver[str]:
            made.append(AsyncioDriver(Lines(), lambda *_: None, server_side=True))
            return made[-1]

        listener = Listener(make, bind("127.0.0.1"), notice=lambda *_, **__: None)
        client = socket.create_connection(("127.0.0.1", listener.port))
        name = client.getsockname()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, sockets.NO_LINGER)
        client.close()
        listener.start()
        await until(lambda: made and not listener.connections)
        assert made[0].peer == name
        listener.close()
        await listener.wait_closed()

    run(main())
