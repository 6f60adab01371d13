"""How many instructions the interpreter executes in a server, for one of each: the profile that names its wall.

Unlike times they are the same, to a few, on every machine of one version of Python, and small gains can be seen. A
server of the library runs in a thread of its own, on asyncio's loop; what is counted is that thread's, from the first
byte of a request to the last of its answer.
"""

import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from dulcet.acse.proposal import propose
from dulcet.dimse import messages
from dulcet.dul.p_data import p_data_header
from dulcet.dul.pdu import ReleaseRQ

from dulcet import SCP, FileStore, Storage, Verification

VERIFICATION, CT = "1.2.840.10008.1.1", "1.2.840.10008.5.1.4.1.1.2"
IMPLICIT = "1.2.840.10008.1.2"
FRAGMENT = 131066
"""Bytes of a data set in one P-DATA-TF."""
KIB = 1024
REPEATS = 20
CLONE = Path(__file__).resolve().parent.parent.parent
Counts = Counter[tuple[str, str]]
"""Instructions by file and function."""


class _Counting:
    """A trace function for one thread, which counts while it is told to."""

    def __init__(self) -> None:
        self.on = False
        self.counts: Counts = Counter()

    def __call__(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        if not self.on:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        key = (frame.f_code.co_filename, frame.f_code.co_qualname)

        def each(_frame: FrameType, event: str, _argument: Any) -> Any:
            if event == "opcode" and self.on:
                self.counts[key] += 1
            return each

        return each


class _Client:
    """Whole requests, each with how many bytes its answer has."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.sock = self._connected()

    def _connected(self) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self._port))
        sock.sendall(propose("ANY-SCP", "BENCH", [(VERIFICATION, [IMPLICIT]), (CT, [IMPLICIT])]).encode())
        self._answer(sock)
        return sock

    def _answer(self, sock: socket.socket) -> None:
        head = sock.recv(6, socket.MSG_WAITALL)
        sock.recv(int.from_bytes(head[2:], "big"), socket.MSG_WAITALL)

    def _ask(self, sock: socket.socket, request: bytes) -> None:
        sock.sendall(request)
        self._answer(sock)

    def echo(self) -> None:
        """One C-ECHO."""
        command = messages.C_ECHO_RQ(message_id=1, affected_sop_class_uid=VERIFICATION).encode()
        self._ask(self.sock, p_data_header(len(command), 1, 3) + command)

    def store(self, size: int) -> None:
        """One C-STORE of a data set of so many bytes."""
        command = messages.C_STORE_RQ(
            message_id=1, affected_sop_class_uid=CT, affected_sop_instance_uid="1.2.3", priority=0
        ).encode(True)
        pieces = [p_data_header(len(command), 3, 3) + command]
        for at in range(0, size, FRAGMENT):
            length = min(FRAGMENT, size - at)
            pieces.append(p_data_header(length, 3, 2 if at + length == size else 0) + bytes(length))
        self._ask(self.sock, b"".join(pieces))

    def associate(self) -> None:
        """A connection, an association, release, the end of the connection; and an echo, by which that was noticed."""
        with self._connected() as sock:
            self.release(sock)
        self.echo()

    def release(self, sock: socket.socket) -> None:
        """A-RELEASE."""
        self._ask(sock, ReleaseRQ().encode())


@contextmanager
def _serving(counting: _Counting) -> Iterator[_Client]:
    threading.settrace(counting)
    try:
        with SCP("ANY-SCP", [Verification(), Storage(FileStore(Path(), ignore=True))]).running() as running:
            threading.settrace(None)  # type: ignore[arg-type]  # what takes it away
            client = _Client(running.port)
            with client.sock:
                yield client
                client.release(client.sock)
    finally:
        threading.settrace(None)  # type: ignore[arg-type]  # as above


def measure() -> dict[str, Counts]:
    """Instructions for one of each, by file and function."""
    sys.modules["uvloop"] = None  # type: ignore[assignment]  # an import of it fails: the loop is asyncio's, in Python
    counting = _Counting()
    found: dict[str, Counts] = {}
    with _serving(counting) as client:
        cases: dict[str, Callable[[], None]] = {
            "C-ECHO": client.echo,
            "associate + C-ECHO + release": client.associate,
            "C-STORE of 38 KiB, dropped": lambda: client.store(38 * KIB),
            "C-STORE of 512 KiB, dropped": lambda: client.store(512 * KIB),
        }
        for name, do in cases.items():
            do()  # what is done once
            do()
            counting.counts = Counter()
            counting.on = True
            for _ in range(REPEATS):
                do()
            counting.on = False
            found[name] = Counter({where: number // REPEATS for where, number in counting.counts.items()})
    return found


def text(found: dict[str, Counts], most: int = 12) -> str:
    """A table a case: whose they are, and the functions with most of them."""
    blocks = []
    for name, counts in found.items():
        lines = [f"{name}: {counts.total()} instructions of the interpreter"]
        whose: Counter[str] = Counter()
        for (path, _), number in counts.items():
            whose[_whose(path)] += number
        lines += [f"{number:8} {who}" for who, number in whose.most_common()]
        lines += [f"{number:8}   {_whose(path)}: {function}" for (path, function), number in counts.most_common(most)]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _whose(path: str) -> str:
    """The layer of ours, or the package that a file belongs to."""
    file = Path(path)
    if file.is_relative_to(CLONE) and "site-packages" not in file.parts:
        return file.relative_to(CLONE).parts[0]
    return file.parent.name or "made by exec"
