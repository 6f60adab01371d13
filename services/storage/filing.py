"""Which name a checked object gets, and what happens when a different object has it already.

The same data set again is no news: it is found by comparing with the file that has the name, which costs a
read on a resend only. Hashing every object to compare digests would halve the rate at which objects of 512 KiB
are stored without fsync (SHA-256: from about 4400 to 2000 a second). A digest is made for the second name of a
different data set under the same UID, and there alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from ...spec.values import value
from . import naming
from .outcome import OUT_OF_RESOURCES, REFUSED_DUPLICATE, Refused
from .part10 import NotPart10, peek
from .publishing import Directory, Draft, Reader

SameUID = Literal["keep-both", "keep-first", "replace", "refuse"]
FileNames = Literal["uid", "unique", "short", "time", "system-time"]
"""How files are called: by the SOP Instance UID, or, a new name each time: by a fresh UID, by 16 random digits, by the
time in milliseconds as storescp does, in microseconds as dcmrecv does."""

_COMPARED = 256 << 10
_HEAD = 4096


@value
class Filing:
    """How a store names its files."""

    file_format: bool
    """DICOM files, else bare data sets."""
    extension: str
    """Appended to every name."""
    names: FileNames
    """How files are called."""
    same_uid: SameUID
    """For a different data set under a UID already there."""
    durable: bool
    """Whether success waits for the disk."""

    def file(self, finished: Finished, directory: Directory) -> tuple[str, str]:
        """Publish in `directory`, in the order `publishing` explains: what became of it, and its name."""
        if self.durable:
            finished.draft.sync()
        outcome, name = self._publish(finished, directory)
        if self.durable:
            directory.sync()
        return outcome, name

    def _publish(self, finished: Finished, directory: Directory) -> tuple[str, str]:
        if self.names != "uid":
            return "stored", next(name for name in self._fresh(finished) if finished.draft.publish(directory, name))
        name = naming.file_name(finished.sop_class_uid, finished.sop_instance_uid, self.extension)
        if finished.draft.publish(directory, name):
            return "stored", name
        if self._same(finished, directory, name):
            return "identical", name
        match self.same_uid:
            case "keep-first":
                return "kept-first", name
            case "replace":
                finished.draft.replace(directory, name)
                return "replaced", name
            case "refuse":
                raise Refused(REFUSED_DUPLICATE, "refused", "a different instance with this UID is already stored")
        return self._keep_both(finished, directory)

    def _fresh(self, finished: Finished) -> Iterator[str]:
        """Names nobody has yet, as far as one can know; the next is for when somebody has."""
        sop_class = finished.sop_class_uid
        match self.names:
            case "time":
                yield from naming.time_file_names(sop_class, datetime.now(), self.extension)
            case "system-time":
                while True:
                    yield naming.system_time_file_name(sop_class, datetime.now(), self.extension)
            case "short":
                while True:
                    yield naming.short_unique_file_name(sop_class, self.extension)
            case _:
                while True:
                    yield naming.unique_file_name(sop_class, self.extension)

    def _keep_both(self, finished: Finished, directory: Directory) -> tuple[str, str]:
        """A second name, made from what the object holds: a resend of this very object finds it again."""
        name = naming.another_file_name(
            finished.sop_class_uid, finished.sop_instance_uid, finished.digest(), self.extension
        )
        if finished.draft.publish(directory, name):
            return "kept-both", name
        if self._same(finished, directory, name):
            return "identical", name
        raise Refused(OUT_OF_RESOURCES, "failed", "the file name is taken")

    def _same(self, finished: Finished, directory: Directory, name: str) -> bool:
        """Whether the file of this name holds the same data set; if so, make it as durable as we promise."""
        with Reader(directory, name) as file:
            start = 0
            if self.file_format:
                try:
                    meta = peek(file.read(_HEAD, 0))
                except NotPart10:
                    return False
                if meta.transfer_syntax_uid != finished.transfer_syntax_uid:
                    return False
                start = meta.dataset_offset
            if not _same_bytes(finished.draft, finished.dataset_offset, file, start):
                return False
            # Whoever linked it may not have come to its last fsync, and we are about to promise the same.
            if self.durable:
                file.sync()
        return True


@value
class Finished:
    """An object written in full, whose UIDs are those of the command, without a name yet."""

    draft: Draft
    """The file."""
    dataset_offset: int
    """Where the data set begins in it."""
    sop_class_uid: str
    """SOP Class UID (0008,0016)."""
    sop_instance_uid: str
    """SOP Instance UID (0008,0018)."""
    transfer_syntax_uid: str
    """How the file holds the data set."""

    def digest(self) -> str:
        """SHA-256 of the data set as it is in the file."""
        with self.draft.map() as mapped, memoryview(mapped) as view, view[self.dataset_offset :] as data_set:
            return hashlib.sha256(data_set).hexdigest()


def _same_bytes(ours: Draft, offset: int, theirs: Reader, their_offset: int) -> bool:
    """Compare two files from these offsets on; different objects mostly differ in the first piece."""
    while True:
        piece = ours.read(_COMPARED, offset)
        if piece != theirs.read(_COMPARED, their_offset):
            return False
        if not piece:
            return True
        offset += len(piece)
        their_offset += len(piece)
