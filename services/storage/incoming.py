"""What a storage SCP does with the objects it receives: 0x0000 means the object is safe (PS3.4 B.2.2, B.2.3).

`FileStore.begin` opens an object when its C-STORE-RQ arrives, `IncomingObject.write` takes the fragments of
the data set as they come, and `finish` checks, publishes and says which status to answer. Data sets are
kept exactly as received. `write` never raises: after the first failure it swallows the rest, so that the
association survives and the SCU gets its answer. `finish` may wait for the disk and is meant for a thread;
until it returns nothing is visible, and after `discard` (the association ended in mid-message) nothing ever
was.

Statuses (PS3.4 table B.2-1): 0xA700 the disk, a limit or a watermark said no; 0xA900 the data set is not the
instance the command names; 0xC000 the data set cannot be read as far as its UIDs. In each case nothing is
published, but for one: if the directory cannot be synced after the file got its name, the whole file stays.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, Self, get_args

from ..transfer_syntaxes import CONVERTIBLE
from . import naming
from .dataset_prefix import (
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    DataSetError,
    Truncated,
    find,
    uid_text,
)
from .filing import FileNames, Filing, Finished, SameUID
from .outcome import (
    CANNOT_UNDERSTAND,
    DOES_NOT_MATCH_SOP_CLASS,
    OUT_OF_RESOURCES,
    SUCCESS,
    Refused,
    StoreOutcome,
    comment_on,
)
from .part10 import file_meta
from .publishing import Directory, Draft
from .sorting import ByStudyUID, Sorting

Mode = Literal["durable", "crash-safe"]

_GATHERED: Final = 64 << 10
"""Fragments are gathered up to this; writing pieces of 16 KiB one by one costs a third of the throughput."""
_HEAD: Final = 16 << 10
"""What is read back to look for UIDs; whole files are mapped if that is not enough."""
_LOW_SPACE_SHARE: Final = 20
"""One twentieth of the file system, and at least 1 GiB, stays free unless the user says otherwise."""


@dataclass(slots=True, kw_only=True)
class FileStore:
    """A directory that received objects are kept in; for many threads, each with objects of its own."""

    directory: str | os.PathLike[str] = field(kw_only=False)
    """Where files go; made if it is not there."""
    mode: Mode = "durable"
    """Success means it survives a power failure ("durable") or the end of this process ("crash-safe")."""
    file_format: bool = True
    """Write DICOM files; else bare data sets."""
    extension: str = ""
    """Appended to every name, dot included."""
    sort_on_study_uid: str | None = None
    """If not None, a directory for each study, named by this prefix and the Study Instance UID."""
    sorting: Sorting | None = None
    """Another way to sort into directories."""
    filenames: FileNames = "uid"
    """How files are called; but by "uid", every object has a name of its own, so that none is ever a duplicate."""
    write_transfer_syntax: str | None = None
    """Re-encode uncompressed objects in this syntax, in memory; the others stay as they are."""
    ignore: bool = False
    """Receive, answer success, and keep nothing."""
    max_object_bytes: int = 4 << 30
    """Larger data sets are refused."""
    low_space: int | None = None
    """Refuse when fewer bytes are free; None: 1 GiB, or a twentieth of the file system; 0: never look."""
    same_uid: SameUID = "keep-both"
    """What to do with a different data set under a SOP Instance UID already there."""
    digest: bool = False
    """Make the SHA-256 of every data set."""
    filing: Filing = field(init=False, repr=False)
    """The naming options, as `filing` wants them."""
    _root: Directory | None = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        naming.check_local_part(self.extension, naming.MAXIMUM_EXTENSION, leading_dot=True)
        if self.sort_on_study_uid is not None:
            self.sorting = ByStudyUID(self.sort_on_study_uid)
        for value, kind in ((self.mode, Mode), (self.same_uid, SameUID), (self.filenames, FileNames)):
            if value not in get_args(kind):
                raise ValueError(f"{value!r} is not one of {', '.join(get_args(kind))}")
        if self.write_transfer_syntax is not None and self.write_transfer_syntax not in CONVERTIBLE:
            raise ValueError(f"cannot write transfer syntax {self.write_transfer_syntax}: it is not uncompressed")
        self.filing = Filing(self.file_format, self.extension, self.filenames, self.same_uid, self.durable)
        if not self.ignore:
            self._root = Directory.open(self.directory, durable=self.durable)

    @property
    def durable(self) -> bool:
        """Whether success waits for the disk."""
        return self.mode == "durable"

    @property
    def root(self) -> Directory:
        """The open directory."""
        if self._root is None:
            raise ValueError("this store is closed, or ignores what it receives")
        return self._root

    def begin(
        self,
        *,
        sop_class_uid: str,
        sop_instance_uid: str,
        transfer_syntax_uid: str,
        calling_ae_title: str = "",
    ) -> IncomingObject:
        """Open an object for the data set that a C-STORE-RQ announces. Never raises: see `refused`."""
        return IncomingObject(self, sop_class_uid, sop_instance_uid, transfer_syntax_uid, calling_ae_title)

    def sweep(self) -> int:
        """Remove what a crash left behind (only where files cannot be unnamed); how many files that was."""
        return 0 if self._root is None else self._root.sweep()

    def has_room(self) -> bool:
        """Whether the file system is above the low-space watermark."""
        if self.low_space == 0:
            return True
        free, size = self.root.free_bytes()
        return free >= (max(1 << 30, size // _LOW_SPACE_SHARE) if self.low_space is None else self.low_space)

    def close(self) -> None:
        """Close the directory; objects still open must be finished or discarded first."""
        if self._root is not None:
            self._root.close()
            self._root = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class IncomingObject:
    """One object on its way in."""

    __slots__ = (
        *("_digest", "_draft", "_failure", "_gathered", "_head", "_store", "calling_ae_title", "size"),
        *("sop_class_uid", "sop_instance_uid", "transfer_syntax_uid"),
    )

    def __init__(
        self,
        store: FileStore,
        sop_class_uid: str,
        sop_instance_uid: str,
        transfer_syntax_uid: str,
        calling_ae_title: str,
    ) -> None:
        self._store = store
        self.sop_class_uid = sop_class_uid
        self.sop_instance_uid = sop_instance_uid
        self.transfer_syntax_uid = transfer_syntax_uid
        self.calling_ae_title = calling_ae_title
        self.size = 0
        """Bytes of the data set so far."""
        self._draft: Draft | None = None
        self._failure = ""
        self._digest = hashlib.sha256() if store.digest and not store.ignore else None
        self._head = self._new_head(transfer_syntax_uid)
        self._gathered = bytearray(self._head)
        try:
            if not store.ignore and not store.has_room():
                self._fail("low on storage space")
        except OSError as error:
            self._fail(comment_on(error))

    def _new_head(self, transfer_syntax_uid: str) -> bytes:
        """What stands before the data set in the file."""
        if not self._store.file_format or self._store.ignore:
            return b""
        return file_meta(self.sop_class_uid, self.sop_instance_uid, transfer_syntax_uid, self.calling_ae_title)

    @property
    def refused(self) -> bool:
        """Whether the answer is a failure already; a server may limit how much more it listens to."""
        return bool(self._failure)

    def write(self, fragment: bytes | memoryview) -> None:
        """Take the next bytes of the data set. Never raises; the buffer may be reused afterwards."""
        self.size += len(fragment)
        if self._failure or self._store.ignore:
            return
        if self.size > self._store.max_object_bytes:
            self._fail(f"larger than {self._store.max_object_bytes} bytes")
            return
        try:
            if self._digest is not None:
                self._digest.update(fragment)
            if len(self._gathered) + len(fragment) < _GATHERED:
                self._gathered += fragment
            else:
                self._flush(fragment)
        except (OSError, MemoryError) as error:
            self._fail(comment_on(error))

    def finish(self) -> StoreOutcome:
        """The data set is complete: check it, publish it, and say what to answer. May wait for the disk."""
        try:
            return self._finish()
        except Refused as refused:
            return self._outcome(refused.status, refused.outcome, comment=str(refused), offending=refused.offending)
        except (OSError, MemoryError) as error:
            return self._outcome(OUT_OF_RESOURCES, "failed", comment=comment_on(error))
        finally:
            self.discard()

    def discard(self) -> None:
        """Forget the object: nothing of it remains. Harmless after `finish`, and never raises."""
        draft, self._draft = self._draft, None
        self._gathered = bytearray()
        if draft is not None:
            try:
                draft.close()
            except OSError:
                # The name, if it had one, was removed first or waits for the next sweep.
                return

    def _finish(self) -> StoreOutcome:
        if self._store.ignore:
            return self._outcome(SUCCESS, "ignored")
        if self._failure:
            raise Refused(OUT_OF_RESOURCES, "failed", self._failure)
        draft = self._flush()
        directories = self._check(draft)
        syntax = self.transfer_syntax_uid
        wanted = self._store.write_transfer_syntax
        if wanted is not None and wanted != syntax and syntax in CONVERTIBLE:
            draft, syntax = self._convert(draft, wanted), wanted
        return self._file(draft, syntax, directories)

    def _flush(self, fragment: bytes | memoryview = b"") -> Draft:
        """Write what was gathered, and a fragment too large to gather."""
        if self._draft is None:
            self._draft = Draft(self._store.root)
        self._draft.write(self._gathered, fragment)
        self._gathered = bytearray()
        return self._draft

    def _fail(self, comment: str) -> None:
        """Remember the first failure and give back the space at once."""
        self._failure = comment
        self.discard()

    def _check(self, draft: Draft) -> tuple[str, ...]:
        """Compare the UIDs inside with the command (PS3.4 B.2.3); return the directories it is sorted into."""
        sorting = self._store.sorting
        wanted = [SOP_CLASS_UID, SOP_INSTANCE_UID, *(sorting.required if sorting else ())]
        try:
            values = self._find(draft, [*wanted, *(sorting.looked_at if sorting else ())])
        except DataSetError as error:
            raise Refused(CANNOT_UNDERSTAND, "not-understood", str(error)) from None
        uids = {tag: uid_text(values.get(tag, b"")) for tag in wanted}
        missing = tuple(tag for tag, uid in uids.items() if not uid)
        if missing:
            raise Refused(CANNOT_UNDERSTAND, "not-understood", "a UID is missing from the data set", missing)
        command = ((SOP_CLASS_UID, self.sop_class_uid), (SOP_INSTANCE_UID, self.sop_instance_uid))
        wrong = tuple(tag for tag, uid in command if uids[tag] != uid)
        if wrong:
            comment = "data set and command name different UIDs"
            raise Refused(DOES_NOT_MATCH_SOP_CLASS, "mismatch", comment, wrong)
        return sorting.directories(values, datetime.now()) if sorting else ()

    def _find(self, draft: Draft, wanted: list[int]) -> Mapping[int, bytes]:
        """Look into the first bytes, then, rarely, into all of them."""
        offset = len(self._head)
        head = draft.read(_HEAD, offset)
        try:
            return find(head, self.transfer_syntax_uid, wanted, whole=len(head) == self.size)
        except Truncated:
            if len(head) == self.size:
                raise
        with draft.map() as mapped, memoryview(mapped) as view, view[offset:] as data_set:
            return find(data_set, self.transfer_syntax_uid, wanted)

    def _convert(self, draft: Draft, wanted: str) -> Draft:
        """Another draft, with the data set in the transfer syntax our user wants in files."""
        from .transcode import CannotConvert, convert  # pydicom is not needed otherwise

        with draft.map() as mapped, memoryview(mapped) as view, view[len(self._head) :] as data_set:
            try:
                limit = self._store.max_object_bytes
                converted = convert(data_set, self.transfer_syntax_uid, wanted, maximum_bytes=limit)
            except CannotConvert as error:
                raise Refused(CANNOT_UNDERSTAND, "not-understood", str(error)) from None
        self._head = self._new_head(wanted)
        self._draft = Draft(self._store.root)
        draft.close()
        self._draft.write(self._head, converted)
        return self._draft

    def _file(self, draft: Draft, syntax: str, directories: tuple[str, ...]) -> StoreOutcome:
        """Give the file its place and name."""
        store = self._store
        finished = Finished(draft, len(self._head), self.sop_class_uid, self.sop_instance_uid, syntax)
        directory = store.root
        with ExitStack() as opened:
            for name in directories:
                directory = opened.enter_context(directory.child(name, durable=store.durable))
            outcome, name = store.filing.file(finished, directory)
        return self._outcome(SUCCESS, outcome, path=Path(store.directory, *directories, name), syntax=syntax)

    def _outcome(
        self,
        status: int,
        outcome: str,
        *,
        path: Path | None = None,
        syntax: str = "",
        comment: str = "",
        offending: tuple[int, ...] = (),
    ) -> StoreOutcome:
        return StoreOutcome(
            status=status,
            outcome=outcome,
            sop_class_uid=self.sop_class_uid,
            sop_instance_uid=self.sop_instance_uid,
            size=self.size,
            path=path,
            transfer_syntax_uid=syntax,
            digest=self._digest.hexdigest() if self._digest is not None else "",
            error_comment=comment[:64],
            offending_elements=offending,
        )
