"""A correct peer is never failed: ours as programs, strictly and with the cases of robustness, as often as asked.

storescp is judged as acceptor; echoscu and storescu as requestors. A case that fails in one run of ten would be a judge
that nobody believes.
"""

import asyncio
import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from dulcet.services.storage.part10 import file_meta
from dulcet.tools.conformance.acceptor import AcceptorPeer
from dulcet.tools.conformance.case import Case, registry
from dulcet.tools.conformance.data_sets import new_image
from dulcet.tools.conformance.frames import CT_IMAGE_STORAGE, EXPLICIT, IMPLICIT, VERIFICATION
from dulcet.tools.conformance.profile import Profile
from dulcet.tools.conformance.requestor import RequestorPeer
from dulcet.tools.conformance.results import Outcome, RunResult
from dulcet.tools.conformance.runner import Runner, new_run
from dulcet.tools.conformance.selecting import select
from dulcet.tools.conformance.settings import Settings
from dulcet.tools.conformance.trigger import Command

SELECTORS = ("!tag:slow", "!tag:gated", "!tag:dos")
DULCET = (sys.executable, "-m", "dulcet")
READY_SECONDS = 20.0


def judge_all(times: int) -> bool:
    """Judge each so often; whether one failed."""
    failed = False
    with TemporaryDirectory() as folder:
        path = _image(Path(folder))
        for number in range(1, times + 1):
            began = time.monotonic()
            with _storescp(Path(folder)) as port:
                runs = [asyncio.run(_acceptor(port))]
            for tool, more in (("echoscu", ()), ("storescu", (str(path),))):
                words = [*DULCET, tool, "-q", "-aec", "{aet}", "-ta", "1", "-td", "1", "{host}", "{port}", *more]
                runs.append(asyncio.run(_requestor(words)))
            wrong = [each for run in runs for each in _wrong(run)]
            counts = ", ".join(f"{run.count(Outcome.PASSED)} of {len(run.results)}" for run in runs)
            seconds = time.monotonic() - began
            print(
                f"right peers, run {number}: storescp, echoscu, storescu passed {counts}; {seconds:.0f} s", flush=True
            )
            for line in wrong:
                print(f"  {line}")
            failed |= bool(wrong)
    return failed


def _wrong(run: RunResult) -> Iterator[str]:
    for words in filter(None, (run.sanity, run.end_sanity)):
        yield f"{run.peer}: not well: {words}"
    for each in run.results:
        if each.outcome not in (Outcome.PASSED, Outcome.SKIPPED):
            why = "; ".join(filter(None, (exchange.why or exchange.strict_fault for exchange in each.exchanges)))
            yield f"{run.peer}: {each.id} {each.outcome} {each.verdict} {each.signature} {each.reason} {why}"


async def _acceptor(port: int) -> RunResult:
    classes = {VERIFICATION: [IMPLICIT, EXPLICIT], CT_IMAGE_STORAGE: [IMPLICIT, EXPLICIT]}
    made = Settings(
        port=port, strict=True, robust=True, jobs=4, profile=Profile(classes=classes, maximum_length=131072)
    )
    run = new_run("storescp", "A", made)
    await Runner(AcceptorPeer(made), made, run).run(_cases("A"))
    return run


async def _requestor(words: Sequence[str]) -> RunResult:
    made = Settings(strict=True, robust=True, jobs=4)
    run = new_run(words[3], "R", made)
    async with RequestorPeer(made, Command(words)) as peer:
        await Runner(peer, made, run).run(_cases("R"))
    return run


def _cases(role: str) -> list[Case]:
    return select(registry().values(), SELECTORS, role=role, slow=False, robust=True)


@contextmanager
def _storescp(folder: Path) -> Iterator[int]:
    """The port of our storescp, once it listens."""
    (folder / "stored").mkdir(exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    words = [*DULCET, "storescp", "-q", "-od", str(folder / "stored"), "-ta", "600", str(port)]
    with subprocess.Popen(words) as process:
        try:
            _await_listening(process, port)
            yield port
        finally:
            process.terminate()


def _await_listening(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + READY_SECONDS
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return
        time.sleep(0.05)  # before the next look
    raise RuntimeError(f"storescp does not listen on port {port}")


def _image(folder: Path) -> Path:
    """A file that can be stored."""
    image = new_image()
    path = folder / "image.dcm"
    path.write_bytes(file_meta(CT_IMAGE_STORAGE, image.instance, IMPLICIT) + image.encoded(IMPLICIT))
    return path
