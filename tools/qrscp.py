"""`dulcet qrscp`: an archive over a directory (Storage, Query/Retrieve and Storage Commitment SCP)."""

import argparse
from typing import TYPE_CHECKING, Any

from ..services.entities import Entities
from ..services.entity import Entity
from ..services.service import Service
from ..services.shutdown import Shutdown
from ..services.storage.incoming import FileStore
from ..services.verification import Verification
from . import receiving
from .connection import log_for
from .exit_codes import ExitCode, Failure
from .log import Log, PeerLog
from .options.command_line import UsageError
from .reporting import Tally, objects

WINDOW = 8
"""Operations that may be outstanding, either way, where a peer asks for a window (PS3.7 D.3.3.3)."""

if TYPE_CHECKING:
    from ..services.archive.archive import Archive


TOLD = 10
"""Files that are told of one by one when they cannot be indexed."""


def main(options: argparse.Namespace) -> int:
    """Bring the index up to date, and serve until a signal or termscu ends it."""
    log = log_for(options)
    if not options.reindex and options.workers == 1:
        return Serving(options, log).run()
    serving = Serving(options, log)  # which brings the index up to date
    serving.close()
    if options.reindex:
        return serving.indexed()
    return receiving.serve(options, log, Serving)


class Serving(receiving.Receiving):
    """A run of qrscp."""

    _archive: "Archive"

    def __init__(self, options: argparse.Namespace, log: Log) -> None:
        self._destinations = _destinations(options.destinations)
        super().__init__(options, log)
        found = self._archive.found
        for path in found.unreadable[:TOLD]:
            self._log.warning("not indexed: no SOP instance, or not to be read", file=f"{self.directory}/{path}")
        if len(found.unreadable) > TOLD:
            self._log.warning(f"not indexed: {len(found.unreadable) - TOLD} files more", directory=self.directory)
        self._report.record("index", added=found.added, removed=found.removed, unreadable=len(found.unreadable))

    @property
    def directory(self) -> str:
        """Where the archive is."""
        return str(self._options.directory)

    def file_store(self) -> FileStore:
        """That of the archive, whose index is up to date then."""
        options = self._options
        wanted = not (options.no_progress or options.json or options.log_level == "fatal")
        with Tally("indexing", "files", wanted=wanted) as bar:
            self._archive = _archive(
                options.directory,
                options.index,
                mode=options.durability,
                destinations=self._destinations,
                anew=options.reindex,
                progress=bar.tell,
                log=PeerLog(self._log),
                promiscuous=options.promiscuous,
                on_stored=self._stored_one,
            )
        return self._archive.store

    def policy(self) -> dict[str, Any]:
        """Our title, and as many objects under way in a C-GET as its requestor takes."""
        return {
            "ae_title": self._options.aetitle,
            "require_called_ae_title": self._options.check_called_aetitle,
            "asynchronous_operations_window": (WINDOW, WINDOW),
        }

    def services(self) -> list[Service]:
        """What an archive offers."""
        services: list[Service] = [Verification(), *self._archive.services]
        if self._options.allow_shutdown:
            services.append(Shutdown())
        return services

    def close(self) -> None:
        """Let go of the index too."""
        self._archive.close()
        super().close()

    def indexed(self) -> int:
        """The last line of --reindex."""
        found = self._archive.found
        words = f"{objects(found.added)} indexed"
        if unreadable := len(found.unreadable):
            words += f", {unreadable} file is none" if unreadable == 1 else f", {unreadable} files are none"
        self._report.summary(words, stored=0, failed=0, exit_code=0)
        return ExitCode.SUCCESS


def _destinations(path: str | None) -> dict[str, Entity]:
    """The entities of a file by their AE titles; none without a file.

    Raises:
        UsageError: it cannot be read, or is wrong.
    """
    if path is None:
        return {}
    try:
        entities = Entities.load(path)
    except OSError as error:
        raise UsageError(f"--destinations: {path}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"--destinations: {error}") from None
    if not entities:
        raise UsageError(f"--destinations: {path}: there is nobody in a table [entities]")
    return {entity.title: entity for entity in entities.values()}


def _archive(directory: str, url: str | None, **options: Any) -> "Archive":
    """The archive, whose index needs what only the extra installs.

    Raises:
        Failure: directory or index cannot be opened.
    """
    try:
        from sqlalchemy.exc import SQLAlchemyError

        from ..services.archive.archive import Archive
    except ModuleNotFoundError as error:
        raise Failure(ExitCode.FAILURE, f"{error.name} is not installed: pip install 'dulcet[archive]'") from None
    try:
        return Archive(directory, url, **options)
    except ModuleNotFoundError as error:
        raise Failure(ExitCode.FAILURE, f"--index: {error.name} is not installed") from None
    except OSError as error:
        raise Failure(ExitCode.OUTPUT_DIRECTORY, f"{directory}: {error.strerror or error}") from None
    except SQLAlchemyError as error:
        # What a driver says may hold the password of a URL; its first line says what is wrong.
        words = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise Failure(ExitCode.FAILURE, f"the index cannot be opened: {words}") from error
