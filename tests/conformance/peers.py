"""What the tests of the judge judge: our own SCP and SCU, quick ones, and peers that are wrong in one way."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from dulcet.acse.association import Timeouts
from dulcet.services.scp import SCP
from dulcet.services.verification import Verification
from dulcet.tools.conformance import frames
from dulcet.tools.conformance.acceptor import AcceptorPeer
from dulcet.tools.conformance.case import registry
from dulcet.tools.conformance.commands import response
from dulcet.tools.conformance.requestor import RequestorPeer
from dulcet.tools.conformance.results import Outcome, Result, RunResult, TriggerRun
from dulcet.tools.conformance.runner import Runner, new_run
from dulcet.tools.conformance.settings import Settings
from dulcet.tools.conformance.trigger import Command
from dulcet.tools.log import Log

ROOT = Path(__file__).parent.parent.parent
ARTIM = 1.0
SETTLE = 0.05
LIMIT = 30
"""Seconds for a peer in a thread to begin and to end."""
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""What a wrong acceptor does with a connection."""


@contextmanager
def our_scp() -> Iterator[int]:
    """The port of an SCP of ours whose ARTIM is short."""
    scp = SCP("ANY-SCP", [Verification()], timeouts=Timeouts(artim=ARTIM), log=Log("fatal"))
    with scp.running(port=0) as running:
        yield running.port


@contextmanager
def apart(artim: float) -> Iterator[tuple[int, int]]:
    """An SCP made of our floors in a process of its own: its port and its pid."""
    script = Path(__file__).with_name("releasing_scp.py")
    with subprocess.Popen([sys.executable, script, str(artim)], stdout=subprocess.PIPE, text=True) as peer:
        assert peer.stdout is not None
        try:
            yield int(peer.stdout.readline()), peer.pid
        finally:
            peer.terminate()


def echoscu(*options: str) -> Command:
    """Our echoscu, as the command that makes a requestor dial."""
    words = ("-m", "dulcet", "echoscu", "-q", "-aec", "{aet}", "-ta", "1", "-td", "1", *options, "{host}", "{port}")
    return Command([sys.executable, *words])


def settings(**more: object) -> Settings:
    made = Settings(artim=ARTIM, settle=SETTLE, react=1.0)
    for name, value in more.items():
        setattr(made, name, value)
    return made


def judged(port: int, ids: Sequence[str], **more: object) -> RunResult:
    """Cases against an acceptor."""
    return asyncio.run(_judged(port, ids, **more))


def unknown(_result: Result) -> bool:
    """No failure is expected."""
    return False


async def _judged(
    port: int, ids: Sequence[str], known: Callable[[Result], bool] = unknown, **more: object
) -> RunResult:
    made = settings(port=port, **more)
    run = new_run("test", "A", made)
    await Runner(AcceptorPeer(made), made, run, known=known).run([registry()[id_] for id_ in ids])
    return run


def judged_requestor(command: Command, ids: Sequence[str], **more: object) -> RunResult:
    """Cases against a requestor."""

    async def play() -> RunResult:
        made = settings(**more)
        run = new_run("test", "R", made)
        async with RequestorPeer(made, command) as peer:
            await Runner(peer, made, run).run([registry()[id_] for id_ in ids])
        return run

    return asyncio.run(play())


class Calling:
    """A trigger that calls a function of (host, port, called title) in a thread."""

    chooses_title = True
    description = "a function"

    def __init__(self, call: Callable[[str, int, str], object]) -> None:
        self._call = call

    async def pull(self, host: str, port: int, aet: str, _case: str) -> "Called":
        return Called(asyncio.ensure_future(asyncio.to_thread(self._call, host, port, aet)))


class Called:
    """A call under way."""

    def __init__(self, task: "asyncio.Future[object]") -> None:
        self._task = task

    async def ended(self) -> str:
        await asyncio.wait([self._task])
        return f"the call ended: {self._task.exception()}"

    async def finish(self, seconds: float) -> TriggerRun:
        done, _ = await asyncio.wait([self._task], timeout=seconds)
        return TriggerRun(("call",), 0 if done else None, str(self._task.exception()) if done else "")


def judged_call(call: Callable[[str, int, str], object], ids: Sequence[str], **more: object) -> RunResult:
    """Cases against a requestor in this process."""

    async def play() -> RunResult:
        made = settings(**more)
        run = new_run("test", "R", made)
        async with RequestorPeer(made, Calling(call)) as peer:
            await Runner(peer, made, run).run([registry()[id_] for id_ in ids])
        return run

    return asyncio.run(play())


@asynccontextmanager
async def acceptor(script: Script) -> AsyncIterator[int]:
    """The port of an acceptor that does this with every connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await script(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@contextmanager
def in_a_thread(script: Script) -> Iterator[int]:
    """The port of an acceptor that does this, in a thread of its own: for commands, which have a loop themselves."""
    ready, port = threading.Event(), 0
    loop = asyncio.new_event_loop()
    done = asyncio.Event()

    async def serve() -> None:
        nonlocal port
        async with acceptor(script) as port:
            ready.set()
            await done.wait()
            if others := asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.wait(others, timeout=LIMIT)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(LIMIT)
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(LIMIT)
        loop.close()


async def read_pdu(reader: asyncio.StreamReader) -> bytes:
    """One whole PDU."""
    head = await reader.readexactly(6)
    return head + await reader.readexactly(int.from_bytes(head[2:], "big"))


def judged_by_script(
    script: Script, ids: Sequence[str], known: Callable[[Result], bool] = unknown, **more: object
) -> RunResult:
    """Cases against an acceptor that is a script."""

    async def play() -> RunResult:
        async with acceptor(script) as port:
            return await _judged(port, ids, known, **more)

    return asyncio.run(play())


def only(run: RunResult) -> Result:
    """The one result of a run."""
    (result,) = run.results
    return result


def told(run: RunResult) -> list[str]:
    """What did not pass, for a message."""
    return [
        f"{each.id} {each.verdict} {each.signature} {each.reason} {[exchange.why for exchange in each.exchanges]}"
        for each in run.results
        if each.outcome is not Outcome.PASSED
    ]


async def at_one_gulp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes what one read brings for a PDU: right as long as nothing is cut, and nothing joined."""
    answers = {0x01: frames.associate_ac(), 0x04: response(1, {}), 0x05: frames.release_rp()}
    while data := await reader.read(1 << 16):
        if len(data) != 6 + int.from_bytes(data[2:6], "big"):
            writer.write(frames.abort(2, 6))
            return
        writer.write(answers.get(data[0], b""))
