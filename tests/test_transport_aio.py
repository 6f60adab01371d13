"""The asyncio driver, on asyncio's own loop and on uvloop, against peers good and bad."""

import asyncio
import hashlib
import socket
import struct
import time
from pathlib import Path
from typing import Any

import pytest
from dulcet.dul.primitives import CLOSE, CONNECT
from dulcet.dul.transport import aio_driver
from dulcet.dul.transport.aio import AsyncioDriver, connect
from dulcet.dul.transport.listen import Listener
from dulcet.dul.transport.sockets import bind
from dulcet.dul.transport.tls import TlsError, client_context
from event_loops import Contexts, Run
from transport_toys import Flood, Lines, flood_bytes

RST = struct.pack("ii", 1, 0)


class Wanted:
    """Collects events, and lets a test wait for one."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._news = asyncio.Event()

    def __call__(self, driver: AsyncioDriver[str], events: list[str]) -> None:
        assert events
        self.heard += events
        self._news.set()

    async def until(self, event: str) -> None:
        while event not in self.heard:
            self._news.clear()
            await self._news.wait()


class Serving:
    """A listener whose one thing a test gives."""

    def __init__(self, thing: Lines, wanted: Wanted | None = None, **options: Any) -> None:
        self.thing, self.wanted = thing, wanted or Wanted()
        self.driver = AsyncioDriver(thing, self.wanted, server_side=True, **options)
        self.listener = Listener(lambda peer, overloaded: self.driver, bind("127.0.0.1"))

    async def __aenter__(self) -> "Serving":
        self.listener.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.listener.close()
        await self.listener.wait_closed()

    @property
    def address(self) -> tuple[str, int]:
        return ("127.0.0.1", self.listener.port)


def test_two_drivers_talk(run: Run) -> None:
    async def main() -> None:
        async with Serving(Lines()) as serving:
            thing, wanted = Lines(requestor=True, answers=False), Wanted()
            driver = await connect(thing, serving.address, wanted)
            assert wanted.heard == ["connected"]
            assert driver.peer == serving.address
            for each in (driver, serving.driver):  # Nagle's algorithm is off at both ends
                sock = each._transport.get_extra_info("socket")
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            thing.say("hello")
            driver.flush()
            await wanted.until("echo hello")
            thing.say("bye")
            driver.flush()
            await wanted.until("closed")
            await driver.wait_closed()
            await driver.wait_closed()
            await serving.driver.wait_closed()
            assert serving.wanted.heard == ["offered", "hello", "bye"]
            assert driver.error is None
            driver.flush()
            driver.abort()

    run(main())


def test_two_drivers_talk_tls(run: Run, contexts: Contexts) -> None:
    client, server = contexts

    async def main() -> None:
        async with Serving(Lines(), tls=server) as serving:
            thing, wanted = Lines(requestor=True, answers=False), Wanted()
            driver = await connect(thing, serving.address, wanted, tls=client)
            assert driver.tls is not None
            assert driver.tls.ready
            thing.say("x" * 300_000)
            thing.say("bye")
            driver.flush()
            await wanted.until("closed")
            assert wanted.heard == ["connected", "echo " + "x" * 300_000, "echo bye", "closed"]
            assert not driver.tls.truncated

    run(main())


def test_tls_failure_is_told_and_raised(run: Run, contexts: Contexts) -> None:
    async def main() -> None:
        async with Serving(Lines(), tls=contexts[1]) as serving:
            wanted = Wanted()
            mistrustful = client_context(ca_dirs=[Path(__file__).parent])  # no authority is there
            with pytest.raises(TlsError, match="not acceptable"):
                await connect(Lines(requestor=True), serving.address, wanted, tls=mistrustful)
            assert wanted.heard == ["closed"]
            await serving.driver.wait_closed()
            assert serving.wanted.heard == []
            assert isinstance(serving.driver.error, TlsError)

    run(main())


def test_refused(run: Run) -> None:
    async def main() -> None:
        [sock] = bind("127.0.0.1")
        address = sock.getsockname()
        sock.close()
        wanted = Wanted()
        with pytest.raises(ConnectionRefusedError, match=f"127.0.0.1 port {address[1]}"):
            await connect(Lines(requestor=True), address, wanted)
        assert wanted.heard == ["closed"]

    run(main())


def test_no_answer_to_connect(run: Run) -> None:
    async def main() -> None:
        [full] = bind("127.0.0.1", backlog=0)
        filling = [socket.socket() for _ in range(3)]
        for sock in filling:
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
        wanted = Wanted()
        with pytest.raises(TimeoutError, match="no answer"):
            await connect(Lines(requestor=True), full.getsockname(), wanted, connect_seconds=0.2)
        assert wanted.heard == ["closed"]
        for sock in [full, *filling]:
            sock.close()

    run(main())


def test_connecting_can_be_cancelled(run: Run, contexts: Contexts) -> None:
    async def main() -> None:
        [silent] = bind("127.0.0.1")
        wanted = Wanted()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await connect(Lines(requestor=True), silent.getsockname(), wanted, tls=contexts[0])
        silent.close()
        await wanted.until("closed")

    run(main())


def test_connect_is_not_for_a_driver_that_stands(run: Run) -> None:
    async def main() -> None:
        async with Serving(Lines()) as serving:
            driver = await connect(Lines(requestor=True), serving.address, Wanted())
            driver.thing.outbox.append(CONNECT)
            with pytest.raises(ValueError, match="connect"):
                driver.flush()
            driver.abort()
            await driver.wait_closed()

    run(main())


def test_fin_comes_after_the_last_words(run: Run) -> None:
    async def main() -> None:
        async with Serving(Lines()) as serving:
            with socket.create_connection(serving.address) as peer:
                peer.sendall(b"last words\n")
            await serving.driver.wait_closed()
            assert serving.wanted.heard == ["offered", "last words", "closed"]

    run(main())


def test_rst(run: Run) -> None:
    async def main() -> None:
        async with Serving(Lines()) as serving:
            with socket.create_connection(serving.address) as peer:
                await serving.wanted.until("offered")
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
            await serving.driver.wait_closed()
            assert serving.wanted.heard == ["offered", "closed"]
            assert isinstance(serving.driver.error, ConnectionResetError)

    run(main())


def test_abort_resets(run: Run) -> None:
    async def main() -> None:
        async with Serving(Lines()) as serving:
            reader, writer = await asyncio.open_connection(*serving.address)
            await serving.wanted.until("offered")
            serving.driver.abort()
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()
            await serving.driver.wait_closed()
            assert serving.wanted.heard == ["offered", "closed"]

    run(main())


@pytest.mark.parametrize("size", [1 << 30, 1 << 18])
def test_a_peer_that_stops_reading_is_reset(run: Run, size: int) -> None:
    """In the middle of much to send, and with our close waiting for the last of it."""

    async def main() -> None:
        async with Serving(Flood(size), write_seconds=0.3) as serving:
            with socket.socket() as peer:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                if size < 1 << 20:
                    serving.listener.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
                peer.connect(serving.address)
                await serving.driver.wait_closed()
                assert isinstance(serving.driver.error, TimeoutError)
                assert ("closed" in serving.wanted.heard) == (size == 1 << 30)

    run(main())


def test_a_peer_that_ends_and_does_not_read_is_reset(run: Run) -> None:
    """Our transport would wait for ever to hand over the rest."""

    async def main() -> None:
        async with Serving(Flood(1 << 30), write_seconds=0.3) as serving:
            serving.listener.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            with socket.create_connection(serving.address) as peer:
                await serving.wanted.until("offered")
                peer.shutdown(socket.SHUT_WR)
                await serving.driver.wait_closed()
                assert serving.wanted.heard == ["offered", "closed"]
                assert isinstance(serving.driver.error, TimeoutError)

    run(main())


def test_aborted_before_it_stands(run: Run) -> None:
    async def main() -> None:
        async with Serving(Lines()) as serving:
            serving.driver.abort()
            reader, writer = await asyncio.open_connection(*serving.address)
            assert await reader.read() == b""
            writer.close()
            await serving.driver.wait_closed()
            assert serving.wanted.heard == []

    run(main())


def test_a_deadline_that_closes_comes_before_the_bytes(run: Run) -> None:
    class Impatient(Lines):
        def tick(self, now: float) -> list[str]:
            self.outbox.append(CLOSE)
            return super().tick(now)

    async def main() -> None:
        thing = Impatient()
        async with Serving(thing) as serving:
            reader, writer = await asyncio.open_connection(*serving.address)
            await serving.wanted.until("offered")
            thing.deadline = asyncio.get_running_loop().time() + 0.05
            serving.driver.flush()
            writer.write(b"too late\n")
            time.sleep(0.1)  # the loop finds both at once: the bytes, and that it is time
            assert await reader.read() == b""
            writer.close()
            assert serving.wanted.heard == ["offered", "due"]

    run(main())


def test_who_is_told_may_flush_what_ends_the_connection(run: Run) -> None:
    async def main() -> None:
        class Hasty(Wanted):
            def __call__(self, driver: AsyncioDriver[str], events: list[str]) -> None:
                super().__call__(driver, events)
                driver.flush()

        async with Serving(Lines(), Hasty()) as serving:
            reader, writer = await asyncio.open_connection(*serving.address)
            writer.write(b"bye\n")
            assert (await reader.read()).endswith(b"bye\n")
            assert (serving.wanted.heard, serving.driver.open) == (["offered", "bye"], False)
            writer.close()

    run(main())


def test_much_in_small_pieces_is_written_in_bursts(run: Run) -> None:
    async def main() -> None:
        thing = Lines()
        async with Serving(thing) as serving:
            reader, writer = await asyncio.open_connection(*serving.address)
            await serving.wanted.until("offered")
            thing.outbox.extend([bytes(16_000)] * 300)
            thing.outbox.append(CLOSE)
            serving.driver.flush()
            assert len(await reader.read(-1)) == 16_000 * 300
            writer.close()

    run(main())


def test_a_slow_reader_is_not_a_stalled_one(run: Run) -> None:
    async def main() -> None:
        async with Serving(Flood(6 << 20), write_seconds=0.4) as serving:
            reader, writer = await asyncio.open_connection(*serving.address, limit=1000)
            received = 0
            while data := await reader.read(200_000):
                received += len(data)
                await asyncio.sleep(0.01)  # a reader that is slower than the writer
            assert received == 6 << 20
            assert serving.driver.error is None
            writer.close()

    run(main())


def test_reads_while_the_peer_does_not(run: Run) -> None:
    async def main() -> None:
        async with Serving(Flood(1 << 30)) as serving:
            with socket.create_connection(serving.address) as peer:
                peer.sendall(b"stop\n")
                await serving.wanted.until("stop")

    run(main())


def test_a_peer_that_asks_and_does_not_read_is_held_back(run: Run) -> None:
    """Answers do not pile up: after a while its questions stay in its own buffers."""

    async def main() -> None:
        async with Serving(Lines()) as serving:
            reader, writer = await asyncio.open_connection(*serving.address, limit=1000)
            transport = writer.transport
            question = b"x" * 9_999 + b"\n"
            asked = 0
            while transport.get_write_buffer_size() < 1 << 20:
                transport.write(question * 10)
                asked += 10
                await asyncio.sleep(0)  # one turn of the loop
            heard = len(serving.wanted.heard)
            assert len(serving.thing.outbox) < 4 * (aio_driver.WAITING + aio_driver.RECEIVE_BUFFER // 10_000)
            assert heard < asked
            writer.write_eof()
            received = 0
            while data := await reader.read(1 << 20):
                received += len(data)
            assert received <= asked * (len(question) + 5)
            writer.close()

    run(main())


def test_sends_through_fill_without_holding_much(run: Run) -> None:
    size = 64 << 20

    async def main() -> None:
        thing = Flood(size)
        async with Serving(thing) as serving:
            reader, writer = await asyncio.open_connection(*serving.address)
            digest = hashlib.sha256()
            while data := await reader.read(1 << 18):
                digest.update(data)
            assert digest.digest() == hashlib.sha256(flood_bytes(size)).digest()
            assert thing.most <= 18
            writer.close()

    run(main())


def test_small_pieces_are_joined(run: Run) -> None:
    async def main() -> None:
        thing = Lines()
        async with Serving(thing) as serving:
            reader, writer = await asyncio.open_connection(*serving.address)
            await serving.wanted.until("offered")
            for number in range(3000):
                thing.outbox.extend([b"", str(number).encode() * 300, memoryview(b"\n")])
            serving.driver.flush()
            for number in range(3000):
                assert await reader.readline() == str(number).encode() * 300 + b"\n"
            writer.close()

    run(main())


def test_deadlines(run: Run) -> None:
    """The first one, an earlier one set while the timer runs, and a later one the timer looks at again."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        thing = Lines(deadline=loop.time() + 60)
        async with Serving(thing) as serving:
            _, writer = await asyncio.open_connection(*serving.address)
            await serving.wanted.until("offered")
            thing.deadline = early = loop.time() + 0.1
            serving.driver.flush()
            thing.deadline = late = early + 0.1
            serving.driver.flush()
            await serving.wanted.until("due")
            assert loop.time() >= late
            thing.deadline = loop.time() + 0.05
            serving.driver.flush()
            writer.write(b"x\n")
            time.sleep(0.1)  # the loop finds both at once
            await serving.wanted.until("x")
            assert serving.wanted.heard == ["offered", "due", "due", "x"]
            writer.close()

    run(main())


def test_a_thing_that_did_not_ask_is_connected_all_the_same(run: Run) -> None:
    async def main() -> None:
        async with Serving(Lines()) as serving:
            wanted = Wanted()
            driver = await connect(Lines(), serving.address, wanted)
            assert wanted.heard == ["connected"]
            driver.abort()
            await driver.wait_closed()

    run(main())


def test_a_port_that_does_not_exist(run: Run) -> None:
    async def main() -> None:
        wanted = Wanted()
        with pytest.raises(socket.gaierror, match="port 70000: no port, 1 to 65535"):
            await connect(Lines(requestor=True), ("127.0.0.1", 70000), wanted)
        assert wanted.heard == ["closed"]

    run(main())


def test_a_name_that_no_host_can_have(run: Run) -> None:
    async def main() -> None:
        wanted = Wanted()
        with pytest.raises(socket.gaierror, match="port 104: not a host name"):
            await connect(Lines(requestor=True), ("a" * 64 + ".example", 104), wanted)
        assert wanted.heard == ["closed"]

    run(main())


def test_whoever_waited_and_gave_up_is_not_woken(run: Run) -> None:
    async def main() -> None:
        async with Serving(Lines()) as serving:
            driver = await connect(Lines(requestor=True), serving.address, Wanted())
            impatient, patient = (asyncio.ensure_future(driver.wait_closed()) for _ in range(2))
            await asyncio.sleep(0)  # one turn of the loop
            impatient.cancel()
            driver.abort()
            await patient
            assert impatient.cancelled()

    run(main())


class Deaf(asyncio.Transport):
    """A transport that only remembers, and has no socket."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.ended = 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def close(self) -> None:
        self.ended += 1

    def abort(self) -> None:
        self.ended += 1


def test_a_transport_without_a_socket() -> None:
    async def main() -> None:
        thing, wanted, transport = Lines(requestor=True), Wanted(), Deaf()
        driver = AsyncioDriver(thing, wanted)
        driver.pause_writing()  # by nobody yet
        driver.resume_writing()
        thing.outbox.clear()
        driver.connection_made(transport)
        thing.outbox.append(b"")
        driver.flush()
        assert transport.written == []
        driver.abort()
        assert transport.ended == 1
        thing.outbox.append(CLOSE)
        driver.flush()
        driver.buffer_updated(7)  # what came before the transport closed
        assert wanted.heard == ["connected"]
        driver.connection_lost(None)
        assert not driver.open

    asyncio.run(main())
