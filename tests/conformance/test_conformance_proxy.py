"""`proxy`: two peers that do not notice it, judged from between them, whatever way they end."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from struct import pack

import pytest
from dulcet.tools.conformance import command, frames
from dulcet.tools.conformance.commands import echo
from dulcet.tools.conformance.proxy import Proxy
from peers import Script, acceptor, our_scp, read_pdu

from dulcet import SCU, Entity

SECONDS = 20.0
RESET = pack("ii", 1, 0)


@asynccontextmanager
async def proxied(script: Script, most: int = 1) -> AsyncIterator[tuple[Proxy, int, "asyncio.Task[None]"]]:
    """A proxy in front of an acceptor that is a script: the proxy, its port, and its end."""
    async with acceptor(script) as port:
        proxy = Proxy("127.0.0.1", port, most)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.setblocking(False)
            serving = asyncio.ensure_future(proxy.serve(listening, asyncio.Event()))
            try:
                yield proxy, listening.getsockname()[1], serving
            finally:
                serving.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await serving


async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    pdu = await read_pdu(reader)
    writer.write(frames.associate_ac(fixed=pdu[10:74]))
    await reader.read()


def told(proxy: Proxy) -> list[tuple[str, str]]:
    return [(side.role, each.rule) for each in proxy.associations for side in each.sides for each in side.broken]


def played(script: Script, *sent: bytes, end: str = "fin") -> tuple[Proxy, bytes, str]:
    """What came back through the proxy of what was sent, and how it ended: "fin" or "rst"."""

    async def play() -> tuple[Proxy, bytes, str]:
        async with asyncio.timeout(SECONDS), proxied(script) as (proxy, port, serving):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            came, how = b"", "fin"
            for data in sent:
                writer.write(data)
                await writer.drain()
                with contextlib.suppress(ConnectionError):
                    came += await reader.read(1 << 16)
            if end == "fin":
                writer.write_eof()
            elif end == "rst":
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                writer.transport.abort()
            try:
                came += await reader.read()
            except ConnectionError:
                how = "rst"
            writer.close()
            await serving
            return proxy, came, how

    return asyncio.run(play())


def test_bytes_pass_unchanged_and_both_sides_are_judged() -> None:
    rq = frames.associate_rq(reserved=1)  # the requestor's fault
    proxy, came, how = played(answering, rq)
    assert came == frames.associate_ac(fixed=rq[10:74])
    assert (how, told(proxy)) == ("fin", [("R", "EM-01"), ("R", "EM-20")])
    assert proxy.associations[0].outcome == "established, then closed by the requestor"


def test_a_reset_passes_and_is_laid_to_who_did_it() -> None:
    async def resetting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answering_once(reader, writer)
        await read_pdu(reader)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        writer.transport.abort()

    proxy, _, how = played(resetting, frames.associate_rq(), echo(), end="")
    assert how == "rst"
    assert proxy.associations[0].outcome == "established, then reset by the acceptor"
    assert told(proxy) == [("A", "EM-20")]


async def answering_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    pdu = await read_pdu(reader)
    writer.write(frames.associate_ac(fixed=pdu[10:74]))


def test_the_requestors_reset_passes_too() -> None:
    ends: list[str] = []

    async def listening(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answering_once(reader, writer)
        try:
            await reader.read()
            ends.append("fin")
        except ConnectionError:
            ends.append("rst")

    proxy, _, _ = played(listening, frames.associate_rq(), end="rst")
    assert proxy.associations[0].outcome == "established, then reset by the requestor"
    assert ends == ["rst"]


def test_what_a_side_says_with_its_last_breath_is_passed_on() -> None:
    """An A-ABORT in front of a reset arrives, though the other side was just sending."""

    async def dying(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answering_once(reader, writer)
        await read_pdu(reader)
        writer.write(frames.abort(2, 2))
        await writer.drain()

    proxy, came, _ = played(dying, frames.associate_rq(), echo(), end="")
    assert came.endswith(frames.abort(2, 2))
    assert proxy.associations[0].outcome == "aborted by the acceptor, A(2,2)"


def test_a_half_closed_connection_still_carries_the_answer() -> None:
    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = await reader.read()
        writer.write(frames.associate_ac(fixed=data[10:74]))

    async def play() -> bytes:
        async with asyncio.timeout(SECONDS), proxied(late) as (_, port, _serving):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(frames.associate_rq())
            writer.write_eof()
            came = await reader.read()
            writer.close()
            return came

    assert asyncio.run(play())[0] == 0x02


def test_an_acceptor_that_is_not_there_is_a_reset_and_a_note() -> None:
    async def play() -> Proxy:
        with socket.socket() as unheard:
            unheard.bind(("127.0.0.1", 0))
            proxy = Proxy("127.0.0.1", unheard.getsockname()[1], 1)
            with socket.create_server(("127.0.0.1", 0)) as listening:
                listening.setblocking(False)
                enough = asyncio.Event()
                serving = asyncio.ensure_future(proxy.serve(listening, enough))
                reader, writer = await asyncio.open_connection(*listening.getsockname())
                with pytest.raises(ConnectionError):
                    await reader.read()
                writer.close()
                enough.set()
                await serving
        return proxy

    proxy = asyncio.run(play())
    assert proxy.associations == []
    assert "not passed on" in proxy.notes[0]


@contextmanager
def running(*options: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The command, and the port it listens on."""
    words = [sys.executable, "-m", "dulcet", "conformance", "proxy", *options]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        port = int(process.stderr.readline().split()[-1])
        try:
            yield process, port
        finally:
            process.kill()


def test_the_command_between_our_scu_and_scp(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    with (
        our_scp() as port,
        running("--to", f"127.0.0.1:{port}", "--associations", "3", "--json", str(path)) as (
            process,
            through,
        ),
    ):
        for _ in range(3):
            assert SCU("DULCET").echo(Entity("ANY-SCP", "127.0.0.1", through)) == 0
        out, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert out.splitlines()[-1] == "3 associations, 0 in which something was broken"
    found = json.loads(path.read_text())
    assert [each["outcome"] for each in found["associations"]] == ["released"] * 3
    assert [len(each["steps"]) for each in found["associations"]] == [8] * 3


def test_the_command_reports_at_sigint() -> None:
    with our_scp() as port, running("--to", f"127.0.0.1:{port}", "-q") as (process, through):
        SCU("DULCET").echo(Entity("ANY-SCP", "127.0.0.1", through))
        os.kill(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, err) == (0, "")
    assert out.splitlines()[-1] == "1 associations, 0 in which something was broken"


@pytest.mark.parametrize("where", ["nowhere", "host:", ":104", "host:x", "host:0", "host:65536"])
def test_a_target_that_is_none(where: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["proxy", "--to", where]) == 2
    assert "must be HOST:PORT" in capsys.readouterr().err
