"""A PostgreSQL of our own: a cluster in a temporary directory, reached through a socket in it, gone at the end.

PostgreSQL refuses to run as root; then it is run as its own user, or as nobody.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Self

from live_peers import LEASH, SECONDS, until


def programs() -> Path | None:
    """The directory of initdb and postgres."""
    for place in (*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), *map(Path, os.get_exec_path())):
        if (place / "initdb").exists() and (place / "postgres").exists():
            return place
    return None


def _other_user() -> dict[str, Any]:
    """For subprocess: whom to become, if we are root."""
    if os.geteuid():
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise OSError("no user that PostgreSQL would run as")


class Cluster:
    """Runs for as long as its `with` block lasts."""

    def __init__(self, bin_directory: Path) -> None:
        self._bin = bin_directory
        # Not pytest's directory: only we may look into that.
        self._folder = Path(tempfile.mkdtemp(prefix="dulcet-pg-", dir="/tmp"))  # sockets have short paths
        self._databases = 0

    def __enter__(self) -> Self:
        become = _other_user()
        if become:
            os.chown(self._folder, become["user"], become["group"])
        self._folder.chmod(0o755)
        command = [self._bin / "initdb", "-D", self._folder / "data", "-U", "dulcet", "-A", "trust", "-E", "UTF8", "-N"]
        subprocess.run(command, check=True, capture_output=True, timeout=60, cwd="/", **become)
        # The user we become may not be allowed to run our own Python.
        python = shutil.which("python3", path="/usr/bin:/bin") or LEASH[0]
        self._log = (self._folder / "log").open("wb")
        self._process = subprocess.Popen(
            [python, *LEASH[1:], self._bin / "postgres", "-D", self._folder / "data", "-k", self._folder, "-h", ""],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, start_new_session=True, cwd="/", **become,
        )  # fmt: skip
        try:
            until(self._answers, "PostgreSQL to answer")
        except BaseException:  # Ctrl-C, too: no process is left
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGQUIT)  # "immediate shutdown": nothing here is worth a checkpoint
        try:
            self._process.wait(SECONDS)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._log.close()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _url(self, database: str) -> str:
        return f"postgresql+psycopg://dulcet@/{database}?host={self._folder}"

    def _execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(host=str(self._folder), user="dulcet", dbname="postgres", autocommit=True) as connection:
            connection.execute(statement.encode())

    def _answers(self) -> bool:
        import psycopg

        assert self._process.poll() is None, (self._folder / "log").read_text()
        try:
            self._execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def database(self) -> str:
        """A new and empty database; its URL."""
        self._databases += 1
        self._execute(f"CREATE DATABASE archive{self._databases}")
        return self._url(f"archive{self._databases}")
