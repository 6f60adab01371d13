"""What getscu and movescu share: retrievals one after another, what arrives here, and how far it is."""

import argparse
import sys
import threading
import time
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, TextIO

from ..dimse.status import MOVE_DESTINATION_UNKNOWN
from ..services.errors import AssociationError
from ..services.identifiers import IdentifierError
from ..services.query.models import Verb
from ..services.query.retrieve_scu import Progress, RetrieveResult
from ..services.scu import SCU, LiveAssociation
from ..services.storage.incoming import FileStore
from ..services.storage.outcome import OUT_OF_RESOURCES, StoreOutcome
from .connection import at_peer, leave, peer_of, report_for, tell_agreement
from .exit_codes import ExitCode, for_error, for_status, worst
from .interrupts import Interrupts
from .log import Log
from .matches import plain
from .querying import sop_class, status_shown, tell_extension
from .reporting import a_second, objects

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from rich.progress import Progress as Bar

    from ..services.service import Caller

NOT_KNOWN = "the peer does not know this move destination: its title, host and port must be in the peer's configuration"
"""What 0xA801 means, and nearly always why it comes."""


@dataclass(slots=True)
class Request:
    """One thing to retrieve."""

    number: int
    """Its number among all."""
    query: "Dataset"
    """The identifier."""
    results: list[RetrieveResult] = field(default_factory=list)
    """What came of it, on each association on which it was tried."""
    received: set[str] = field(default_factory=set)
    """SOP Instance UIDs of what has come here and was stored, on any of them."""
    concluded: bool = False
    """Whether its end has been told."""


class Retrieving(ABC):
    """The state of one run: what was retrieved, and what came of it."""

    verb: Verb

    def __init__(self, options: argparse.Namespace, log: Log) -> None:
        self.codes: list[ExitCode] = []
        """What each part of the run came to."""
        self.model = sop_class(options, self.verb)
        """The SOP class."""
        self.options, self.log = options, log
        self.peer = peer_of(options)
        self._report = report_for(options)
        self._bar = RetrievalBar(wanted=not (options.no_progress or options.json or options.log_level == "fatal"))
        self._lock = threading.Lock()  # objects may be told of by the threads of a server
        self._stored = self._completed = self._failed = self._warning = 0

    @abstractmethod
    def associate(self, scu: SCU) -> LiveAssociation:
        """The association for the requests."""

    @abstractmethod
    def retrieve(self, association: LiveAssociation, request: Request, watch: "Watching") -> RetrieveResult:
        """Invoke one operation."""

    @abstractmethod
    def receiving(self) -> AbstractContextManager[object]:
        """What must be there while objects come."""

    def store(self) -> FileStore:
        """Where objects go that come here."""
        given = vars(self.options)
        return FileStore(
            given["output_directory"],
            mode=given["durability"],
            file_format=not given.get("write_dataset"),
            write_transfer_syntax=given.get("write_syntax"),
            ignore=given["ignore"],
        )

    def run(self, scu: SCU, queries: "list[Dataset]") -> None:
        """Retrieve everything; an association that fails ends the run."""
        requests = [Request(number, query) for number, query in enumerate(queries * self.options.repeat, 1)]
        try:
            with self._bar, self.receiving():
                self.ask(scu, requests)
        except AssociationError as error:
            self.log.error(at_peer(self.peer, error))
            self.codes.append(for_error(error))
        except KeyboardInterrupt:
            self.log.error("stopped from the keyboard")
            self.codes.append(ExitCode.INTERRUPTED)

    def ask(self, scu: SCU, requests: "list[Request]") -> bool:
        """Ask everything on one association; whether the user wants to go on."""
        self.log.info("requesting association", peer=str(self.peer), queries=len(requests))
        with self.associate(scu) as association, Interrupts() as interrupts:
            tell_agreement(self.options, self.log, association.agreement)
            tell_extension(self.options, self.log, association.agreement, self.model)
            for request in requests:
                self._request(association, request, Watching(self.options.cancel, interrupts, self._bar))
                if interrupts.wanted:
                    self.codes.append(ExitCode.INTERRUPTED)
                    break
            self.codes.append(leave(association, self.log, abort=self.options.abort))
        return not interrupts.wanted

    def _request(self, association: LiveAssociation, request: "Request", watch: "Watching") -> None:
        self.log.info(f"sending C-{self.verb.upper()} request", request=request.number)
        try:
            result = self.retrieve(association, request, watch)
        except IdentifierError as unfit:
            self.log.error("not asked", request=request.number, why=str(unfit))
            self.codes.append(ExitCode.INVALID_INPUT)
            return
        self.answered(request, result)

    def answered(self, request: "Request", result: RetrieveResult) -> None:
        """The final response to a request has come."""
        self.conclude(request, result)

    def conclude(self, request: "Request", result: RetrieveResult) -> None:
        """A request is done with: its end into log, records and exit code."""
        request.concluded = True
        self._bar.show(Progress(result.remaining, result.completed, result.failed, result.warning))
        code = for_status(result.status.category)
        if code is ExitCode.SUCCESS and result.failed:
            code = ExitCode.WARNING
        self.codes.append(code)
        error = NOT_KNOWN if result.status == MOVE_DESTINATION_UNKNOWN else plain(result.error_comment)
        counts = {"completed": result.completed, "failed": result.failed, "warning": result.warning}
        self._completed += result.completed
        self._failed += result.failed
        self._warning += result.warning
        say = self.log.info if code is ExitCode.SUCCESS else self.log.error
        comment = {"comment": error} if error else {}
        words = f"received final C-{self.verb.upper()} response"
        say(words, request=request.number, status=str(result.status), **counts, **comment)
        self._report.record(
            "response",
            request=request.number,
            status=status_shown(result.status),
            error=error,
            **counts,
            failed_sop_instances=list(result.failed_sop_instances),
        )

    def stored(self, outcome: StoreOutcome, calling: str, address: str) -> None:
        """An object came and was stored, or not."""
        with self._lock:
            self._stored += outcome.status == 0
            self._bar.count(outcome.size)
            # What is no success has been told of as a warning, by the service that answered so.
            self.log.info(f"object {outcome.outcome}", status=status_shown(outcome.status), peer=address)
            if outcome.status == OUT_OF_RESOURCES:
                directory = self.options.output_directory
                self.log.error("cannot write", directory=directory, why=outcome.error_comment)
                self.codes.append(ExitCode.OUTPUT_NOT_WRITABLE)
            elif outcome.status != 0:
                self.codes.append(ExitCode.STATUS)
            with suppress(OSError):  # of standard output; the record of the final response meets it again
                self._report.record(
                    "object",
                    outcome=outcome.outcome,
                    status=status_shown(outcome.status),
                    file=None if outcome.path is None else str(outcome.path),
                    bytes=outcome.size,
                    sop_class_uid=outcome.sop_class_uid,
                    sop_instance_uid=outcome.sop_instance_uid,
                    calling=calling,
                    peer=address,
                )

    def stored_for(self, caller: "Caller", outcome: StoreOutcome) -> None:
        """The same, from a server."""
        self.stored(outcome, caller.agreement.calling_ae_title, str(caller.address[0]))

    def summary(self) -> int:
        """The last line, and the exit code: that of the worst that happened."""
        code = worst(self.codes)
        words = f"{objects(self._completed)} retrieved from {self.peer}"
        words += f", {self._failed} failed" if self._failed else ""
        words += f", {self._warning} with a warning" if self._warning else ""
        if code is not ExitCode.SUCCESS:
            words += f": {code.words}"
        self._report.summary(
            words,
            completed=self._completed,
            failed=self._failed,
            warning=self._warning,
            stored=self._stored,
            peer=str(self.peer),
            exit_code=int(code),
        )
        self.log.close()
        return code


class Watching:
    """Told of pending responses; says when to cancel: after --cancel of them, or when the user has had enough."""

    def __init__(self, cancel: int | None, interrupts: Interrupts, bar: "RetrievalBar") -> None:
        self._cancel, self._interrupts, self._bar = cancel, interrupts, bar
        self._responses = 0

    def __call__(self, progress: Progress) -> bool:
        self._responses += 1
        self._bar.show(progress)
        enough = self._cancel is not None and self._responses >= self._cancel
        return not (enough or self._interrupts.wanted)


class RetrievalBar:
    """How far a retrieval is, with rate and time left; nothing at all when nobody is looking."""

    def __init__(self, *, wanted: bool = True, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._wanted = wanted and self._stream.isatty()
        self._bar: Bar | None = None
        self._task: Any = None
        self._objects = self._bytes = self._done = 0
        self._counts = ""

    def __enter__(self) -> Self:
        if self._wanted:
            from rich import progress
            from rich.console import Console

            self._bar = progress.Progress(
                progress.TextColumn("{task.description}"),
                progress.BarColumn(bar_width=20),
                progress.MofNCompleteColumn(),
                progress.TimeRemainingColumn(),
                console=Console(file=self._stream),
                transient=True,
            )
            self._begun = time.monotonic()
            self._task = self._bar.add_task("retrieving", total=None)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def show(self, progress: Progress) -> None:
        """What the peer says."""
        done = (progress.completed or 0) + (progress.failed or 0) + (progress.warning or 0)
        total = None if progress.remaining is None else done + progress.remaining
        if progress.failed or progress.warning:
            self._counts = f", {progress.failed or 0} failed, {progress.warning or 0} with a warning"
        self._done = done
        if self._bar is not None and progress.completed is not None:
            self._bar.update(self._task, completed=done, total=total, description=self._told())

    def count(self, size: int) -> None:
        """One more object has come here."""
        self._objects += 1
        self._bytes += size
        if self._bar is not None:
            self._bar.update(self._task, description=self._told())

    def _told(self) -> str:
        if not self._objects:  # what goes elsewhere has no bytes to count
            pace = f", {a_second(self._done, self._begun)}" if self._done else ""
            return f"retrieving{pace}{self._counts}"
        rate = self._bytes / 1e6 / max(time.monotonic() - self._begun, 0.001)
        return f"{objects(self._objects)} received, {self._bytes / 1e6:.1f} MB, {rate:.1f} MB/s{self._counts}"
