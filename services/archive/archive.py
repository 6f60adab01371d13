"""An archive over a directory: what is stored there can be found, moved and got (PS3.4 Annexes B, C and J).

    with Archive("archive/", destinations={"VIEWER": Entity("VIEWER", "10.0.0.7", 11112)}) as archive:
        SCP("ARCHIVE", archive.services).serve(port=11112)

The files are the truth, the index is made of them. An object is answered with success when its file and its row are
both safe; a crash between the two leaves a file without a row, and the next start enters it. Files that people put into
the directory are found then, too, and rows whose files are gone are removed. Objects of one SOP Instance UID with
different data sets are all kept; the youngest file is the one that queries and retrievals see.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, Self

from pydicom.dataset import Dataset
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from ...dimse.messages import Response
from ...dimse.status import CLASS_INSTANCE_CONFLICT, NO_SUCH_SOP_INSTANCE, PENDING
from ...spec.values import value
from ..flat import Elements
from ..log import Log, logger
from ..normalized.commitment_scp import StorageCommitment
from ..query.models import QueryExtension, QueryModel, Verb, model, model_of, verb_of
from ..query.query import Query, extension
from ..query.retrieve import Destinations, Retrieve
from ..service import Answers, Operation, Service
from ..storage.incoming import FileStore, Mode
from ..storage.outcome import CANNOT_UNDERSTAND, OUT_OF_RESOURCES, SUCCESS, StoreOutcome
from ..storage.storage import Storage
from .attributes import NotIndexable, Record, read
from .index import SQLITE, ArchiveIndex
from .search import Search, UnusableIdentifier

MODELS = ("patient", "study", "patient-study-only")
"""The query models of an archive."""
EXTENSION = QueryExtension(relational=True, date_time_matching=True)
"""What it grants of extended negotiation."""
PENDING_WITH_WARNING = 0xFF01
"""Matches go on, but some keys of the request are not supported (PS3.4 Table C.4-1)."""
BATCH = 500
"""Files entered in one transaction."""

JOURNAL = ".commitments"
"""Directory of the storage commitment requests that are not reported on yet; no object is below a name with a dot."""

Progress = Callable[[int, int], None]
"""Told of files looked at, and of how many there are to look at."""


@value
class Reconciled:
    """What was done to make the index say what the directory holds."""

    added: int
    """Files entered."""
    removed: int
    """Rows removed, because their files are gone or have changed."""
    unreadable: tuple[str, ...]
    """Files that are no SOP instances, or cannot be read; they are left alone."""


class Archive:
    """Storage, query and retrieve over a directory.

    Args:
        directory: where objects are; made if it is not there. A directory for each study, named by its UID.
        url: of the index, as SQLAlchemy writes it; None: SQLite, in the directory.
        mode: what success promises, see `FileStore`.
        destinations: the known Move Destinations, to whom storage commitment is also reported: titles and entities,
            or what looks one up.
        anew: make the index anew from the files, whatever is in it.
        progress: told while the index is brought up to date.
        log: told of what was found at the start, and as in `Storage` and `Retrieve`.
        storage: further arguments of `Storage`: transfer_syntaxes, contexts, promiscuous, on_stored.

    Raises:
        SQLAlchemyError: the index cannot be opened. OSError: the directory cannot.
    """

    def __init__(
        self,
        directory: "PathLike[str] | str",
        url: str | None = None,
        *,
        mode: Mode = "durable",
        destinations: Destinations | None = None,
        anew: bool = False,
        progress: Progress | None = None,
        log: Log | None = None,
        **storage: Any,
    ) -> None:
        self.directory = Path(directory)
        """Where objects are."""
        self._log = log or logger()
        self.store = FileStore(directory, mode=mode, sort_on_study_uid="", extension=".dcm")
        """What writes them."""
        try:
            self.index = ArchiveIndex(make_url(url) if url else self.directory, durable=self.store.durable)
        except BaseException:  # Ctrl-C, too: the directory is not left locked
            self.store.close()
            raise
        self.found = self.reindex(progress) if anew else self.reconcile(progress)
        """What had to be done to the index at the start."""
        self.services: tuple[Service, ...] = (
            _Storing(self, log=log, **storage),
            _Finding(self),
            _Retrieving(self, destinations, log=log),
            StorageCommitment(self.committed, entities=destinations, journal=self.directory / JOURNAL, log=log),
        )
        """What to give an `SCP`."""

    # ---- what is there ----

    def search(self, keys: Dataset, operation: Operation, *, retrieve: bool = False) -> Search:
        """Understand the identifier of a request; raises `UnusableIdentifier`."""
        uid = operation.context.abstract_syntax
        return self.index.search(keys, _model(uid), extension(operation.caller.agreement, uid), retrieve=retrieve)

    def committed(self, sop_class_uid: str, sop_instance_uid: str) -> int:
        """Whether an instance is safe, for `StorageCommitment`: True, or the Failure Reason (PS3.3 C.14.1.1).

        The file is opened, what it holds is compared, and it is put on the disk.
        """
        stored = self.index.instance(sop_instance_uid)
        if stored is None:
            return NO_SUCH_SOP_INSTANCE
        if stored.sop_class_uid != sop_class_uid:
            return CLASS_INSTANCE_CONFLICT
        try:
            held = read(self.directory, stored.path)
            if (held.size, held.values["SOPInstanceUID"]) != (stored.size, sop_instance_uid):
                return NO_SUCH_SOP_INSTANCE
            _sync(self.directory / stored.path)
        except (OSError, NotIndexable):
            return NO_SUCH_SOP_INSTANCE
        return True

    def enter(self, path: Path) -> None:
        """Enter a file of the directory into the index.

        Raises:
            NotIndexable: it cannot be found by its content.
            OSError, SQLAlchemyError: it cannot be read, or not be entered.
        """
        self.index.add(read(self.directory, path.relative_to(self.directory).as_posix()))

    # ---- index and files ----

    def reindex(self, progress: Progress | None = None) -> Reconciled:
        """Forget the index, and make it anew from the files."""
        self.index.clear()
        return self.reconcile(progress)

    def reconcile(self, progress: Progress | None = None) -> Reconciled:
        """Make the index say what the directory holds. Files that have not changed are not opened."""
        self.store.sweep()
        there = dict(_walk(self.directory))
        known = self.index.paths()
        gone = [path for path, stamp in known.items() if there.get(path) != stamp]
        self.index.remove(gone)
        known = self.index.paths() if gone else known
        # The oldest first, as they would have come.
        new = sorted((path for path in there if path not in known), key=lambda path: (there[path][1], path))
        unreadable = tuple(self._enter_all(new, progress or (lambda _done, _total: None)))
        if len(new) > len(known):
            self.index.optimize()
        found = Reconciled(len(new) - len(unreadable), len(gone), unreadable)
        if new or gone:
            self._log.info("index reconciled", added=found.added, removed=found.removed, unreadable=len(unreadable))
        return found

    def _enter_all(self, paths: Sequence[str], progress: Progress) -> Iterator[str]:
        """Enter files; gives those that cannot be."""
        batch: list[Record] = []
        progress(0, len(paths))
        for number, path in enumerate(paths, 1):
            try:
                batch.append(read(self.directory, path))
            except (OSError, NotIndexable):
                yield path
            if len(batch) == BATCH or number == len(paths):
                self.index.add_all(batch)
                batch.clear()
                progress(number, len(paths))

    def close(self) -> None:
        """Let go of directory and index."""
        self.store.close()
        self.index.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _walk(top: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """Every file that may be an object: its path from `top`, its size and time of modification. Links are not."""
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        with os.scandir(top / inside) as entries:
            for entry in entries:
                path = f"{inside}/{entry.name}" if inside else entry.name
                if entry.name.startswith(".") or (not inside and entry.name.startswith(SQLITE)):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(path)
                elif entry.is_file(follow_symlinks=False):
                    status = entry.stat(follow_symlinks=False)
                    yield path, (status.st_size, status.st_mtime_ns)


def _sync(path: Path) -> None:
    """Put a file and its name on the disk; whoever wrote them may not have."""
    for each in (path, path.parent):
        fd = os.open(each, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _model(uid: str) -> QueryModel:
    found = model_of(uid)
    assert found is not None  # of MODELS
    return found


_RETRIEVE_AE_TITLE = 0x00080054


def _refusal(operation: Operation, error: UnusableIdentifier) -> Response:
    return operation.request.response(
        error.status, error_comment=str(error)[:64], offending_element=error.offending_elements
    )


class _Storing(Storage):
    """Storage whose objects are in the index before they are called stored."""

    def __init__(self, archive: Archive, **arguments: Any) -> None:
        super().__init__(archive.store, **arguments)
        self.blocking = True  # the index waits for the disk, too
        self._archive = archive

    def keep(self, outcome: StoreOutcome) -> StoreOutcome:
        """Enter the object. If the index cannot take it, the file stays: a later attempt, or the next start, will."""
        if outcome.status != SUCCESS or outcome.path is None:
            return outcome
        try:
            self._archive.enter(outcome.path)
        except NotIndexable:
            if outcome.outcome in ("stored", "kept-both"):
                outcome.path.unlink(missing_ok=True)
            comment = "the data set cannot be read as far as needed"
            return replace(
                outcome, status=CANNOT_UNDERSTAND, outcome="not-understood", path=None, error_comment=comment
            )
        except (OSError, SQLAlchemyError):
            comment = "the index cannot be written"
            return replace(outcome, status=OUT_OF_RESOURCES, outcome="failed", path=None, error_comment=comment)
        return outcome


class _Finding(Query):
    """C-FIND over the index."""

    def __init__(self, archive: Archive) -> None:
        super().__init__(self._find, models=MODELS, blocking=True, extension=EXTENSION)
        self._archive = archive

    def perform(self, operation: Operation) -> Answers:
        """As in `Query`; an identifier that cannot be answered is refused with what is wrong."""
        try:
            return super().perform(operation)
        except UnusableIdentifier as error:
            return _refusal(operation, error)

    def _find(self, keys: Dataset, operation: Operation) -> Iterator[tuple[int, Elements]]:
        search = self._archive.search(keys, operation)
        title = operation.caller.agreement.called_ae_title
        return self._answers(search, title)

    def _answers(self, search: Search, title: str) -> Iterator[tuple[int, Elements]]:
        status = int(PENDING) if search.complete else PENDING_WITH_WARNING
        for found in self._archive.index.elements(search):
            found[_RETRIEVE_AE_TITLE] = "AE", title
            yield status, found


class _Retrieving(Retrieve):
    """C-MOVE and C-GET over the index."""

    def __init__(self, archive: Archive, destinations: Destinations | None, **arguments: Any) -> None:
        verbs: tuple[Verb, ...] = ("move", "get")
        models = [model(verb, name) for name in MODELS for verb in verbs]
        super().__init__(self._files, destinations, models=models, **arguments)
        self._archive = archive

    def negotiate(self, abstract_syntax: str, information: bytes) -> bytes | None:
        """Grant relational retrieval (PS3.4 C.5.2.1, C.5.3.1)."""
        known = model_of(abstract_syntax)
        if known is None or known.name not in MODELS:
            return None
        verb = verb_of(abstract_syntax)
        return (EXTENSION & QueryExtension.decode(information, verb)).encode(verb)

    def keys(self, operation: Operation) -> Dataset | Response:
        """As in `Retrieve`; an identifier that cannot be answered is refused with what is wrong."""
        keys = super().keys(operation)
        if not isinstance(keys, Response):
            try:
                self._archive.search(keys, operation, retrieve=True)
            except UnusableIdentifier as error:
                return _refusal(operation, error)
        return keys

    def _files(self, keys: Dataset, operation: Operation) -> Iterator[Path]:
        found = self._archive.index.files(self._archive.search(keys, operation, retrieve=True))
        return (self._archive.directory / stored.path for stored in found)
