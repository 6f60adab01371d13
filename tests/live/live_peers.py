"""Foreign DICOM nodes on loopback: found, started, asked, and ended with everything they started.

DCMTK's tools are told from others of the same name by what they answer to `--version`. A process leads a group of its
own, so that ending it ends its children; its output goes to a file, for tests to read when something went wrong.
Nothing sleeps for a guessed time: a server is ready when its port answers or its line is written.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self

from dulcet.tools.options.other_codes import EVERY_TOOL, OTHER_CODES
from ports import free_port
from wire_peers import SECONDS, until

PLACES = ("/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/opt/homebrew/bin", "/opt/local/bin")
"""Where peers are, besides the search path."""
ENVIRONMENT = os.environ | {"TCP_NODELAY": "1"}
"""DCMTK leaves Nagle's algorithm on unless told otherwise, and loses 40 ms with each message."""


LEASH = (
    sys.executable,
    "-ISc",
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); os.execv(sys.argv[1], sys.argv[1:])",
)
"""Starts a program that the kernel kills when we are gone, even by SIGKILL (PR_SET_PDEATHSIG)."""


def leashed(command: Sequence[object]) -> list[str]:
    """A command line whose process does not outlive this one, where the system can see to that."""
    return [*(LEASH if sys.platform == "linux" else ()), *map(str, command)]


@cache
def find(name: str, sign: str) -> str | None:
    """The absolute path of a program whose `--version` says `sign`."""
    for place in (*os.get_exec_path(), *PLACES):
        path = shutil.which(name, path=place)
        if path is None:
            continue
        said = subprocess.run([path, "--version"], capture_output=True, timeout=SECONDS, check=False)
        if sign in (said.stdout + said.stderr).lower().decode("latin-1"):
            return path
    return None


def dcmtk(tool: str) -> str:
    """The path of one of DCMTK's tools, which must be there."""
    path = find(tool, "$dcmtk")
    assert path is not None, f"DCMTK's {tool} is not installed"
    return path


def listens(port: int) -> bool:
    """Whether someone accepts connections there."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


class Process:
    """A program in a process group of its own; leaving its `with` block kills the group."""

    def __init__(self, command: Sequence[object], log: Path) -> None:
        self.command = [str(word) for word in command]
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                leashed(self.command), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
                cwd=log.parent, env=ENVIRONMENT,
            )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def said(self) -> str:
        """What it wrote so far."""
        return self.log.read_text("latin-1")

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def send(self, number: int) -> None:
        """Send a signal to the whole group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """End the whole group, however it feels about it."""
        self.send(signal.SIGKILL)
        self.process.wait(SECONDS)

    def wait(self) -> int:
        """Its exit code."""
        return self.process.wait(SECONDS)

    def wait_for(self, words: str, times: int = 1) -> None:
        """Until it has written something."""
        until(lambda: self.said.count(words) >= times or not self.running, f"{words!r} from {self.command[0]}")
        assert self.said.count(words) >= times, f"{self.command} ended without {words!r}:\n{self.said}"

    def wait_for_port(self, port: int) -> None:
        """Until it accepts connections."""
        until(lambda: listens(port) or not self.running, f"{self.command[0]} to listen")
        assert self.running, f"{self.command} ended:\n{self.said}"


class Server(Process):
    """A program that listens on a port of our choice, which the command says as PORT."""

    def __init__(self, command: Sequence[object], log: Path) -> None:
        self.port = free_port()
        super().__init__([self.port if word == "PORT" else word for word in command], log)
        try:
            self.wait_for_port(self.port)
        except BaseException:  # Ctrl-C, too: no process is left
            self.kill()
            raise


class Ended:
    """A program that has run to its end."""

    def __init__(self, code: int, said: str) -> None:
        self.code = code
        self.said = said

    def __repr__(self) -> str:
        return f"exit code {self.code}: {self.said}"


def run(command: Sequence[object]) -> Ended:
    """Run a program to its end."""
    words = [str(word) for word in command]
    process = subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        env=ENVIRONMENT,
    )  # fmt: skip
    try:
        said, _ = process.communicate(timeout=SECONDS)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(SECONDS)
    return Ended(process.returncode, said.decode("latin-1"))


def dulcet(*arguments: object) -> list[object]:
    """The command line of one of our tools."""
    return [sys.executable, "-m", "dulcet", *arguments]


def told(tool: str, theirs: int, ours: int) -> bool:
    """Whether two codes are the same, or the manual says why not."""
    return theirs == ours or (theirs, ours) in {(one, int(other)) for one, other, _ in OTHER_CODES[tool] + EVERY_TOOL}


# Orthanc


class Orthanc:
    """An Orthanc without plugins, and its REST API."""

    def __init__(self, program: str, folder: Path, **options: object) -> None:
        self.title = "ORTHANC"
        self.http_port = free_port()
        self.port = free_port()
        configuration = {
            "Name": "live",
            "StorageDirectory": str(folder / "archive"),
            "IndexDirectory": str(folder / "archive"),
            "Plugins": [],
            "RemoteAccessAllowed": False,
            "HttpPort": self.http_port,
            "DicomPort": self.port,
            "DicomAet": self.title,
            "DicomCheckCalledAet": True,
            "DicomAlwaysAllowStore": True,
            "DicomAlwaysAllowEcho": True,
            "AcceptedTransferSyntaxes": ["1.2.840.10008.1.*"],
            "UnknownSopClassAccepted": True,
            "DicomAssociationCloseDelay": 0,
            "DicomScuTimeout": 5,
            "SaveJobs": False,
            "StorageAccessOnFind": "Never",
        } | options
        (folder / "archive").mkdir()
        (folder / "orthanc.json").write_text(json.dumps(configuration), "utf-8")
        self.process = Process([program, "--verbose", folder / "orthanc.json"], folder / "orthanc.log")
        try:
            self.process.wait_for_port(self.http_port)
            self.process.wait_for_port(self.port)
        except BaseException:  # Ctrl-C, too: no process is left
            self.process.kill()
            raise

    def ask(self, method: str, path: str, content: object = None) -> tuple[int, bytes]:
        """One request, of bytes or of what becomes JSON: status and body."""
        connection = HTTPConnection("127.0.0.1", self.http_port, timeout=SECONDS)
        try:
            connection.request(method, path, content if isinstance(content, bytes) else json.dumps(content))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def get(self, path: str) -> bytes:
        """What is there."""
        status, body = self.ask("GET", path)
        assert status == 200, f"GET {path}: {status} {body!r}"
        return body

    def knows(self, name: str, title: str, port: int, **options: object) -> None:
        """Tell it of a modality."""
        modality = {"AET": title, "Host": "127.0.0.1", "Port": port, "Timeout": 5} | options
        status, body = self.ask("PUT", f"/modalities/{name}", modality)
        assert status == 200, body

    def put(self, file: Path) -> str:
        """Take a file into the archive; its identifier there."""
        status, body = self.ask("POST", "/instances", file.read_bytes())
        assert status == 200, body
        return str(json.loads(body)["ID"])

    def instance(self, sop_instance_uid: str) -> str:
        """Its identifier of an instance."""
        _, body = self.ask("POST", "/tools/find", {"Level": "Instance", "Query": {"SOPInstanceUID": sop_instance_uid}})
        (found,) = json.loads(body)
        return str(found)


# pynetdicom


class Pynetdicom:
    """pynetdicom in a process of its own, which takes requests and gives answers as lines of JSON."""

    def __init__(self, log: Path) -> None:
        script = Path(__file__).with_name("live_pynetdicom.py")
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                leashed([sys.executable, script]), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                start_new_session=True, text=True,
            )  # fmt: skip
        self._log = log

    def ask(self, do: str, **options: object) -> dict[str, Any]:
        """Let it do something."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"do": do, **options}, default=str) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        answer: dict[str, Any] = json.loads(line or "{}")
        assert "error" not in answer, answer["error"]
        assert line, f"pynetdicom ended:\n{self._log.read_text('latin-1')}"
        return answer

    @contextlib.contextmanager
    def serving(self, **options: object) -> Iterator[int]:
        """A storage and verification SCP for as long as the block lasts; its port."""
        port = self.ask("serve", **options)["port"]
        try:
            yield port
        finally:
            self.ask("stop", port=port)

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate(timeout=SECONDS)


def dcmtk_tls(identity: Any, authority: Any = None) -> list[object]:
    """DCMTK's options for TLS with a key and a certificate."""
    trust: list[object] = [] if authority is None else ["+cf", authority.certificate_file]
    return ["+tls", identity.key_file, identity.certificate_file, *trust]


def configuration(folder: Path, contexts: Mapping[str, Sequence[str]]) -> Path:
    """An association negotiation profile for DCMTK, named LIVE: abstract syntaxes and their transfer syntaxes."""
    syntaxes = {syntaxes: f"TS{number}" for number, syntaxes in enumerate(dict.fromkeys(map(tuple, contexts.values())))}
    lines = ["[[TransferSyntaxes]]"]
    for uids, name in syntaxes.items():
        lines += [f"[{name}]", *(f"TransferSyntax{n} = {uid}" for n, uid in enumerate(uids, 1))]
    lines += ["[[PresentationContexts]]", "[ALL]"]
    lines += [
        f"PresentationContext{n} = {uid}\\{syntaxes[tuple(known)]}"
        for n, (uid, known) in enumerate(contexts.items(), 1)
    ]
    lines += ["[[Profiles]]", "[LIVE]", "PresentationContexts = ALL", ""]
    path = folder / "associations.cfg"
    path.write_text("\n".join(lines), "ascii")
    return path
