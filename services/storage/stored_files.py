"""Whether an instance really lies in a directory of received objects: what storage commitment rests on (PS3.4 J.3.3.1).

An instance is found by the name its file would have; where that is not how files are named or sorted, by an index of
UIDs that is made from the files and looks at each file once. Found is not enough: the file is opened, the UIDs in it
are compared, and it is put on the disk, so that what is committed survives a power failure.
"""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from ...dimse.status import CLASS_INSTANCE_CONFLICT, NO_SUCH_SOP_INSTANCE
from . import naming
from .outgoing import NotSendable, OutgoingFile
from .part10 import NotPart10
from .publishing import TEMPORARY_PREFIX

SETTLED = 1_000_000_000
"""Nanoseconds after which a directory that changes again is sure to get another time of change."""


class StoredFiles:
    """A check for `StorageCommitment`, over the files of a directory and those below it; for many threads.

    Args:
        directory: that of a `FileStore`.
        extension: that of its files.
    """

    def __init__(self, directory: "os.PathLike[str] | str", *, extension: str = "") -> None:
        self._directory = Path(directory)
        self._extension = extension
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._listed: dict[str, int] = {}  # directories that have not changed since, by name
        self._folders: dict[str, list[str]] = {}  # what is in a directory besides files
        self._paths: dict[str, list[Path]] = {}  # by SOP Instance UID

    def __call__(self, sop_class_uid: str, sop_instance_uid: str) -> bool | int:
        """True if it is safe, else the Failure Reason (PS3.3 C.14.1.1)."""
        conflict = False
        for path in self._candidates(sop_class_uid, sop_instance_uid):
            found = _safe(path)
            if found == (sop_class_uid, sop_instance_uid):
                return True
            conflict |= found is not None and found[1] == sop_instance_uid
        return int(CLASS_INSTANCE_CONFLICT if conflict else NO_SUCH_SOP_INSTANCE)

    def _candidates(self, sop_class_uid: str, sop_instance_uid: str) -> Iterator[Path]:
        yield self._directory / naming.file_name(sop_class_uid, sop_instance_uid, self._extension)
        with self._lock:
            known = list(self._paths.get(sop_instance_uid, ()))
        yield from known
        with self._lock:
            self._look_for_new()
            new = [path for path in self._paths.get(sop_instance_uid, ()) if path not in known]
        yield from new

    def _look_for_new(self) -> None:
        """Put files into the index that were not there before. A directory is listed again when it has changed, so that
        asking for what is not there costs little."""
        folders = [os.fspath(self._directory)]
        while folders:
            folder = folders.pop()
            try:
                changed = os.stat(folder).st_mtime_ns
                if self._listed.get(folder) != changed:
                    self._folders[folder] = self._list(folder)
            except OSError:  # it is gone, or was never there
                continue
            if time.time_ns() - changed > SETTLED:
                self._listed[folder] = changed
            folders += self._folders[folder]

    def _list(self, folder: str) -> list[str]:
        """Index the new files of one directory; the directories in it."""
        folders = []
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif entry.path not in self._seen and not entry.name.startswith(TEMPORARY_PREFIX):
                    self._index(entry.path)
        return folders

    def _index(self, where: str) -> None:
        uids = _uids(Path(where))
        if uids is not None:  # else it may be an instance when we look again
            self._paths.setdefault(uids[1], []).append(Path(where))
            self._seen.add(where)


def _uids(path: Path) -> tuple[str, str] | None:
    """SOP Class and Instance UID of the data set in a file; None where there is no such file."""
    try:
        file = OutgoingFile(path)
    except (OSError, NotSendable, NotPart10):
        return None
    return file.sop_class_uid, file.sop_instance_uid


def _safe(path: Path) -> tuple[str, str] | None:
    """The same, once the file and its name are on the disk."""
    uids = _uids(path)
    if uids is not None:
        for each in (path, path.parent):
            descriptor = os.open(each, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    return uids
