"""Where measuring is done: a directory of our own, the C programs, and processes that end with it."""

import contextlib
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

HERE = Path(__file__).resolve().parent
PATIENCE = 120.0
"""Seconds to wait for anything; only failures take that long."""
RUN_SECONDS = 900.0
"""Seconds for one run of a client."""
LOOK = 0.005
"""Seconds between looks at a server that starts, or at a process whose memory is watched."""


ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""Of all programs: as installed ones, ours and pynetdicom's are compiled once and not each time."""


class Missing(Exception):
    """Something is not installed."""


class Place:
    """A temporary directory, and what is started from it."""

    def __init__(self, *, quick: bool = False) -> None:
        self.quick = quick
        """Whether a rough figure will do."""
        self._stack = contextlib.ExitStack()
        self.root = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="dulcet-bench-")))
        """The directory."""

    def __enter__(self) -> Self:
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))  # for 5 000 associations
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def directory(self, name: str) -> Path:
        """A directory in it."""
        path = self.root / name
        path.mkdir(exist_ok=True)
        return path

    # ---- the C programs ----

    @cached_property
    def load(self) -> Path:
        """`load.c`, compiled."""
        return self._compiled("load")

    @cached_property
    def sink(self) -> Path:
        """`sink.c`, compiled."""
        return self._compiled("sink")

    def _compiled(self, name: str) -> Path:
        compiler = shutil.which("cc")
        if compiler is None:
            raise Missing("cc, the C compiler")
        program = self.root / name
        source = HERE / f"{name}.c"
        subprocess.run([compiler, "-O2", "-pthread", "-o", program, source], check=True, timeout=PATIENCE)
        return program

    def press(self, mode: str, port: int, **settings: float) -> dict[str, Any]:
        """Run `load`; what it counted.

        Raises:
            RuntimeError: an association or an operation failed.
        """
        words = [self.load, mode, port, *(f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
                                          for name, value in settings.items())]  # fmt: skip
        done = subprocess.run([*map(str, words)], capture_output=True, check=True, timeout=RUN_SECONDS)
        counted: dict[str, Any] = json.loads(done.stdout)
        if counted["failed"]:
            raise RuntimeError(f"{' '.join(map(str, words))}: {counted['failed']} of the clients failed")
        return counted

    # ---- processes ----

    @cached_property
    def python(self) -> Path:
        """This interpreter with the same packages, without what a developer's environment does at each start.

        The hooks of coverage, of setuptools and of the editable installation take 12 ms there; `python -c pass`
        takes 22 ms with them and 10 ms in an environment into which a wheel was installed.
        """
        where = self.root / "python"
        venv.create(where, symlinks=True)
        [packages] = where.glob("lib/python*/site-packages")
        clone = HERE.parent.parent
        (packages / "bench.pth").write_text(f"{sysconfig.get_path('purelib')}\n{clone}\n")
        return where / "bin" / "python"

    def _words(self, command: Sequence[object]) -> list[str]:
        """A command line; that of a Python program has `sys.executable` in front."""
        first, *rest = map(str, command)
        return [str(self.python) if first == sys.executable else first, *rest]

    @contextlib.contextmanager
    def process(
        self, command: Sequence[object], environment: Mapping[str, str] = {}, **options: Any
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A process in a group of its own, which is killed at the end."""
        with (self.root / "log").open("ab") as log:
            process = subprocess.Popen(
                self._words(command),
                env=ENVIRONMENT | dict(environment),
                start_new_session=True,
                cwd=self.root,
                **({"stdout": log, "stderr": log} | options),
            )
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    @contextlib.contextmanager
    def serving(
        self, command: Sequence[object], port: int, environment: Mapping[str, str] = {}
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A server, once it listens.

        Raises:
            RuntimeError: it ended, or does not listen.
        """
        with self.process(command, environment) as process:
            until = time.monotonic() + PATIENCE
            while not listens(port):
                if process.poll() is not None or time.monotonic() > until:
                    said = (self.root / "log").read_text("latin-1")[-2000:]
                    raise RuntimeError(f"{' '.join(map(str, command))} does not listen: {said}")
                time.sleep(LOOK)  # before the next look
            yield process

    def seconds(self, command: Sequence[object], environment: Mapping[str, str] = {}) -> float:
        """How long a program takes, from its start to its end.

        Raises:
            RuntimeError: it failed.
        """
        begin = time.perf_counter()
        done = subprocess.run(
            self._words(command),
            env=ENVIRONMENT | dict(environment),
            capture_output=True,
            timeout=RUN_SECONDS,
            cwd=self.root,
        )
        taken = time.perf_counter() - begin
        if done.returncode:
            raise RuntimeError(f"{' '.join(map(str, command))}: {done.returncode}, {done.stderr[-500:]!r}")
        return taken


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def program(name: str, sign: str) -> str:
    """The path of a program whose `--version` says `sign`.

    Raises:
        Missing: there is none.
    """
    for place in (*os.get_exec_path(), "/usr/bin", "/usr/sbin", "/usr/local/bin", "/opt/homebrew/bin"):
        path = shutil.which(name, path=place)
        if path is not None and Path(path).resolve().parent != Path(sys.executable).parent:
            said = subprocess.run([path, "--version"], capture_output=True, timeout=PATIENCE)
            if sign in (said.stdout + said.stderr).decode("latin-1").lower():
                return path
    raise Missing(f"{sign} {name}")
