"""`--resume FILE`: what a peer has acknowledged, kept across runs.

The file has a head line and then a line of JSON for each instance, written in one piece and only when the response has
come: however a run ends, what stands there was acknowledged. A line that is lost or torn costs sending that instance
once more, which harms nobody, so nothing waits for the disk. A lock keeps two runs from the same file.
"""

import fcntl
import json
import os
import stat
from types import TracebackType
from typing import Any, Self

from ..services.entity import Entity
from ..services.storage.outgoing import OutgoingFile
from .exit_codes import ExitCode, Failure

_HEAD = {"dulcet": "dcmsend", "version": 1}


class Acknowledged:
    """The instances a peer has acknowledged."""

    def __init__(self, path: str, peer: Entity) -> None:
        self._path, self._peer = path, str(peer)
        self._known: set[tuple[str, int]] = set()
        self._fd = self._open()
        try:
            self._read()
        except BaseException:  # Ctrl-C, too: the file is not left locked
            os.close(self._fd)
            raise

    def _open(self) -> int:
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise Failure(ExitCode.OUTPUT_NOT_WRITABLE, f"{self._path}: {error.strerror} (--resume)") from None
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise Failure(ExitCode.OUTPUT_NOT_WRITABLE, f"{self._path}: no regular file (--resume)")
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            raise Failure(ExitCode.FAILURE, f"{self._path}: another run uses this file (--resume)") from None
        return fd

    def _read(self) -> None:
        with open(self._path, "rb") as file:
            head = file.readline()
            if head and _decoded(head) != _HEAD:
                raise Failure(ExitCode.USAGE, f"{self._path}: no file that --resume has written")
            last = head
            for last in file:
                self._note(_decoded(last))
        if not head:
            self._write(_HEAD)
        elif not last.endswith(b"\n"):
            os.write(self._fd, b"\n")

    def _note(self, entry: object) -> None:
        if isinstance(entry, dict) and entry.get("peer") == self._peer:
            uid, size = entry.get("sop_instance_uid"), entry.get("bytes")
            if isinstance(uid, str) and isinstance(size, int):
                self._known.add((uid, size))

    def __contains__(self, file: OutgoingFile) -> bool:
        return (file.sop_instance_uid, file.size) in self._known

    def add(self, file: OutgoingFile) -> None:
        """The peer has acknowledged it.

        Raises:
            OSError: it cannot be written down.
        """
        self._write({"peer": self._peer, "sop_instance_uid": file.sop_instance_uid, "bytes": file.size})

    def _write(self, entry: dict[str, Any]) -> None:
        os.write(self._fd, json.dumps(entry).encode() + b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)


def _decoded(line: bytes) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return None
