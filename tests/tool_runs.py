"""What the tests of the command-line tools share: runs in this process, peers that play a script, small files."""

import contextlib
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Any, NamedTuple, Self

import pytest
from data_sets import CT, EXPLICIT, data_set
from dulcet.dul import pdu
from dulcet.dul.items import ContextResult
from dulcet.services.scp import RunningSCP
from dulcet.services.storage.part10 import file_meta
from dulcet.tools import cli, dcmrecv, qrscp, storescp
from dulcet.tools.connection import log_for
from dulcet.tools.interrupts import Interrupts
from dulcet.tools.options.command_line import parse
from dulcet.tools.options.tool_texts import TOOLS

ROOT = Path(__file__).parent.parent
LIMIT = 20.0
"""Seconds after which a test that hangs fails."""
IMPLICIT = "1.2.840.10008.1.2"

ACCEPTED = pdu.AssociateAC((ContextResult(1, 0, IMPLICIT),)).encode()
NO_CONTEXT = pdu.AssociateAC((ContextResult(1, 3),)).encode()
RELEASED = pdu.ReleaseRP().encode()
USER_ABORT = pdu.Abort(0, 0).encode()
PROVIDER_ABORT = pdu.Abort(2, 6).encode()
CLOSE = b""
"""In a script: close the connection."""
ABORT = 7
"""The PDU type of A-ABORT, to which the answer is to close (AA-2, AA-3)."""
HOLD = b"hold"
"""In a script: say nothing more, and wait for the other end to close."""


class Ran(NamedTuple):
    """How a tool ended."""

    code: int
    """Its exit code."""
    out: str
    """What it printed."""
    err: str
    """What it said on stderr."""

    @property
    def records(self) -> list[dict[str, Any]]:
        """What --json printed."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def summary(self) -> dict[str, Any]:
        """The last of them."""
        last = self.records[-1]
        assert last["record"] == "summary"
        return last


class Terminal(io.StringIO):
    """What stands in for a terminal."""

    def isatty(self) -> bool:
        """It says it is one."""
        return True


class Tool:
    """The `dulcet` program, in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: object) -> Ran:
        self._capsys.readouterr()
        code = cli.main([str(word) for word in words], "dulcet")
        return Ran(int(code), *self._capsys.readouterr())


class Keyboard:
    """Ctrl-C for a tool in this process, pressed by the thread of a peer."""

    NUDGE = 0.1
    """Seconds after which the main thread is reminded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._taken = threading.Semaphore(0)
        came = Interrupts._came

        def noted(interrupts: Interrupts, number: int, frame: FrameType | None) -> None:
            try:
                came(interrupts, number, frame)
            finally:
                self._taken.release()

        monkeypatch.setattr(Interrupts, "_came", noted)

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGUSR1, lambda _number, _frame: None)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGUSR1, self._before)

    def press(self, times: int = 1) -> None:
        """Press it; returns when the tool has taken notice.

        A signal that comes just before the main thread waits is noticed by Python only when the wait is over; another
        one, which means nothing, ends the wait.
        """
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGINT)
            self._remind(lambda seconds: self._taken.acquire(timeout=seconds))

    def press_for_python(self, sock: socket.socket) -> None:
        """Press it where the tool has not looked out for it yet; returns when it says something to the peer."""
        os.kill(os.getpid(), signal.SIGINT)
        self._remind(lambda seconds: bool(select.select([sock], [], [], seconds)[0]))

    def _remind(self, noticed: Callable[[float], bool]) -> None:
        for _ in range(int(LIMIT / self.NUDGE)):
            if noticed(self.NUDGE):
                return
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
        raise AssertionError("nobody takes notice of Ctrl-C")


@dataclass
class Scripted:
    """A peer for one connection: to each PDU that comes, however broken, the next answer of its script."""

    answers: Sequence[bytes]
    """One for each PDU; `CLOSE` and `HOLD` end the script."""
    heard: list[bytes] = field(default_factory=list)
    """The PDUs that came."""
    _news: threading.Condition = field(default_factory=threading.Condition)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(LIMIT)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._play, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self._thread.join(LIMIT)
        assert not self._thread.is_alive()

    def _play(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        with connection, connection.makefile("rb") as stream, contextlib.suppress(OSError):
            connection.settimeout(LIMIT)
            for answer in self.answers:
                if not self._hear(stream) or answer == CLOSE:
                    return
                if answer == HOLD:
                    break
                connection.sendall(answer)
            while self._hear(stream):
                pass

    def _hear(self, stream: Any) -> bool:
        head = stream.read(6)
        if len(head) < 6:
            return False
        with self._news:
            self.heard.append(head + stream.read(int.from_bytes(head[2:], "big")))
            self._news.notify_all()
        return head[0] != ABORT

    def wait_for(self, number: int) -> None:
        """Until so many PDUs have come."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.heard) >= number, LIMIT)

    @property
    def types(self) -> list[int]:
        """The types of the PDUs that came (PS3.8 9.3.1)."""
        return [each[0] for each in self.heard]


def documented(tool: str, kind: str) -> list[str]:
    """The fields of a record as `--help` tells them."""
    return ["record", *dict(TOOLS[tool].records)[kind].split()]


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6 loopback")


def dicom_file(path: Path, uid: str = "1.2.3", sop_class: str = CT, syntax: str = EXPLICIT, **more: Any) -> Path:
    """A small DICOM file."""
    path.write_bytes(file_meta(sop_class, uid, syntax) + data_set(uid, sop_class, syntax=syntax, **more))
    return path


SERVERS = {"storescp": storescp.Receiving, "dcmrecv": dcmrecv.Receiving, "qrscp": qrscp.Serving}


@contextlib.contextmanager
def serving(tool: str, *words: object) -> Iterator[RunningSCP]:
    """A server tool in this process, on a port of its own and without its signals."""
    port = ["--port", "0"] if tool == "qrscp" else ["0"]
    options = parse(tool, [*map(str, words), *port])
    receiving = SERVERS[tool](options, log_for(options))
    try:
        with receiving.scp().running() as running:
            yield running
    finally:
        receiving.close()
        receiving.summary()


def names(directory: Path) -> list[str]:
    """The files of a directory, by their paths in it."""
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


@contextlib.contextmanager
def process(
    *words: object, cwd: Path | None = None, stdout: int | IO[str] = subprocess.PIPE, stderr: int = subprocess.PIPE
) -> Iterator[subprocess.Popen[str]]:
    """`python -m dulcet` as a process of its own; killed if it is still there at the end."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    started = subprocess.Popen(
        [sys.executable, "-m", "dulcet", *map(str, words)],
        cwd=cwd or ROOT,
        env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
        stdout=stdout,
        stderr=stderr,
        text=True,
    )
    with started:
        try:
            yield started
        finally:
            started.kill()
