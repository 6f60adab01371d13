"""What makes a requestor dial: a command for each case, an operator who is told which button to press, or nobody.

(An HTTP server that is asked is `trigger_http`.)

A command is a list of words with the placeholders `{host}`, `{port}`, `{aet}` and `{case}`; no shell sees it. Its exit
code and the end of its output are recorded, and never judged: there are requestors that return 0 after an abort.
"""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from .results import TriggerRun

KEPT_OUTPUT = 4096
"""Bytes kept of the end of what a command prints."""
PLACEHOLDERS = ("host", "port", "aet", "case")


class Started(Protocol):
    """A trigger that was pulled."""

    async def ended(self) -> str:
        """Waits until no connection can come of it any more, and says why."""
        ...

    async def finish(self, seconds: float) -> TriggerRun | None:
        """What became of it; it is stopped when it is still at work after so many seconds."""
        ...


class Trigger(Protocol):
    """Makes the peer dial."""

    chooses_title: bool
    """Whether the peer dials the title it is told, so that cases can be told apart and run side by side."""
    description: str

    async def pull(self, host: str, port: int, aet: str, case: str) -> Started:
        """Start it for a case."""
        ...


class Command:
    """A command a case.

    Args:
        words: with placeholders.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._words = tuple(words)
        self.chooses_title = any("{aet}" in word for word in words)
        self.description = " ".join(words)

    async def pull(self, host: str, port: int, aet: str, case: str) -> "Running":
        """Run it.

        Raises:
            OSError: there is no such program.
        """
        values = {"host": host, "port": str(port), "aet": aet, "case": case}
        words = [filled(word, values) for word in self._words]
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        return Running(process, tuple(words))


def filled(word: str, values: Mapping[str, str]) -> str:
    """A word with its placeholders replaced."""
    for name in PLACEHOLDERS:
        word = word.replace(f"{{{name}}}", values[name])
    return word


def dialled(host: str) -> str:
    """Where others reach what listens on a host: who listens on all addresses of this machine is called by its name."""
    return socket.gethostname() if host in ("", "0.0.0.0") else host  # noqa: S104  # nothing is bound here


class Running:
    """A command at work."""

    def __init__(self, process: asyncio.subprocess.Process, words: tuple[str, ...]) -> None:
        self._process = process
        self._words = words
        self._output = bytearray()
        self._reader = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        stream = self._process.stdout
        while stream is not None and (data := await stream.read(KEPT_OUTPUT)):
            self._output += data
            del self._output[:-KEPT_OUTPUT]

    async def ended(self) -> str:
        """Waits for the process to end."""
        await self._process.wait()
        await self._drained()
        return f"the command ended with exit code {self._process.returncode}: {self._told()}"

    async def finish(self, seconds: float) -> TriggerRun:
        """Wait for the process, or end it and all that it started."""
        code: int | None = None
        try:
            code = await asyncio.wait_for(self._process.wait(), seconds)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):  # it ended just now
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()
        await self._drained()
        return TriggerRun(self._words, code, self._told())

    async def _drained(self) -> None:
        """What it printed is read; a child that outlives it may keep the pipe open."""
        await asyncio.wait([self._reader], timeout=1.0)
        self._reader.cancel()

    def _told(self) -> str:
        return self._output.decode("utf-8", "backslashreplace").strip()


class Operator:
    """Somebody at the peer who is told what to do, or who knows (`tell` prints nothing).

    Args:
        tell: shows a line.
        seconds: how long a connection is waited for.
    """

    chooses_title = True

    def __init__(self, tell: Callable[[str], None], seconds: float) -> None:
        self._tell = tell
        self._seconds = seconds
        self.description = "operated by hand"

    async def pull(self, host: str, port: int, aet: str, case: str) -> "Asked":
        """Say what to dial."""
        self._tell(f"{case}: make the peer connect to {dialled(host)} port {port}, called AE title {aet}")
        return Asked(self._seconds)


class Asked:
    """An operator who was asked."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def ended(self) -> str:
        """Waits as long as an operator may take."""
        await asyncio.sleep(self._seconds)
        return f"no connection within {self._seconds:g} s"

    async def finish(self, seconds: float) -> None:
        """Nothing was started."""
