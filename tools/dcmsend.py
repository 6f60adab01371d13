"""`dulcet dcmsend`: send folders, media and archives to a peer (Storage, PS3.4 Annex B)."""

import argparse
import os
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path

from ..services.storage.decompression import is_available
from ..services.storage.media_directory import referenced
from ..services.storage.naming import is_valid_uid
from ..services.storage.outgoing import OutgoingFile, Unsendable, scan
from ..services.storage.proposing import Batch, propose
from ..services.storage.storage import is_storage_class
from ..services.storage.user import StoreResult
from ..services.storage.zipped import look_into
from ..services.transfer_syntaxes import LOSSLESS, LOSSY
from . import transfer_report
from .bulk import BulkSending, Instance, Queue
from .connection import log_for, peer_of, report_for, scu_for
from .exit_codes import ExitCode, Failure, worst
from .interrupts import Interrupts
from .log import Log
from .reporting import Progress
from .resuming import Acknowledged
from .storing import READINGS, StoreResults

POLICIES = {"never": frozenset[str](), "lossless": LOSSLESS, "lossy": LOSSLESS | LOSSY}
"""What -dn, +dls and +dly let be decompressed."""


def main(options: argparse.Namespace) -> int:
    """Find the instances, propose what they need, send them, tell what became of each."""
    if options.list_decoders:
        return list_decoders()
    # What pydicom warns of may quote values, and it is not what anybody asked.
    warnings.filterwarnings("ignore", category=UserWarning, module="pydicom")
    log = log_for(options)
    scu = scu_for(options, log)
    _check_reports(options)
    with Acknowledged(options.resume, peer_of(options)) if options.resume else nullcontext() as acknowledged:
        run = Run(options, log, acknowledged)
        run.find()
        if run.has_work:
            run.send(BulkSending(
                scu, run.peer, options, log,
                decompress=POLICIES[options.decompress], on_result=run.told, stopping=lambda: run.stopping,
            ))  # fmt: skip
        return run.end()


def list_decoders() -> int:
    """`--list-decoders`."""
    from pydicom.uid import UID

    for uid in sorted(LOSSLESS | LOSSY):
        words = "yes" if is_available(uid) else "no, pip install dulcet[pixels]"
        print(f"{UID(uid).name}: {words}")
    return ExitCode.SUCCESS


def _check_reports(options: argparse.Namespace) -> None:
    """Better now than when everything is sent."""
    for path in (options.create_report_file, options.report_json):
        if path is not None:
            _write(path, "", mode="a")


def _write(path: str, text: str, mode: str = "w") -> None:
    try:
        with open(path, mode, encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
    except OSError as error:
        raise Failure(ExitCode.OUTPUT_NOT_WRITABLE, f"{path}: {error.strerror or error}") from None


def _replace(path: str, text: str) -> None:
    """Write a whole report or none; what is no regular file, as /dev/stdout, is written to and stays what it is."""
    path = os.path.realpath(path)
    if not os.path.isfile(path):
        _write(path, text)
        return
    _write(f"{path}.new", text)
    os.replace(f"{path}.new", path)


class Run:
    """The state of one run."""

    def __init__(self, options: argparse.Namespace, log: Log, acknowledged: Acknowledged | None) -> None:
        self.peer = peer_of(options)
        """To whom."""
        self._options, self._log, self._acknowledged = options, log, acknowledged
        self._report = report_for(options)
        self._results = StoreResults(log, self._report)
        self._time = datetime.now()
        self._files: list[OutgoingFile] = []
        self._refused: list[Unsendable] = []
        self._already: list[OutgoingFile] = []
        self._instances: list[Instance] = []
        self._sending: BulkSending | None = None
        self._interrupts = Interrupts()

    # What there is to send.

    def find(self) -> None:
        """Look at everything the command line names."""
        for found in self._found():
            if isinstance(found, Unsendable):
                self._refused.append(found)
                self._results.refuse(found)
            elif self._acknowledged is not None and found in self._acknowledged:
                self._already.append(found)
            else:
                self._files.append(found)
        self._instances = [Instance(number, file) for number, file in enumerate(self._files, 1)]
        if not self._files and not self._already:
            self._results.codes.append(ExitCode.NO_VALID_INPUT if self._refused else ExitCode.NO_INPUT)

    def _found(self) -> Iterator[OutgoingFile | Unsendable]:
        options, reading = self._options, READINGS[self._options.read]
        paths = list(self._named())
        if options.read_from_dicomdir:
            found: Iterable[OutgoingFile | Unsendable] = (file for path in paths for file in referenced(path))
        else:
            found = scan(
                paths,
                directories=options.scan_directories,
                recurse=options.recurse,
                pattern=options.scan_pattern,
                reading=reading,
                look=look_into,
            )
        return map(self._checked, found)

    def _named(self) -> Iterator[Path]:
        """The paths of the command line; directories count only with +sd."""
        for path in map(Path, self._options.files):
            if path.is_dir() and not self._options.scan_directories and not self._options.read_from_dicomdir:
                self._log.warning("ignoring a directory, as +sd is not given", directory=str(path))
            else:
                yield path / "DICOMDIR" if path.is_dir() and self._options.read_from_dicomdir else path

    def _checked(self, file: OutgoingFile | Unsendable) -> OutgoingFile | Unsendable:
        """UIDs that could not be put on the wire, and, without -nuc, those nobody has heard of."""
        if isinstance(file, Unsendable):
            return file
        for uid in (file.sop_class_uid, file.sop_instance_uid, file.transfer_syntax_uid):
            if not is_valid_uid(uid):
                return Unsendable(file.path, f"{file.path}: {uid!r} is no UID (PS3.5 9.1)")
        if self._options.no_uid_checks:
            return file
        if not is_storage_class(file.sop_class_uid):
            return Unsendable(file.path, f"{file.path}: {file.sop_class_uid} is no known storage class (see -nuc)")
        if not _is_known_syntax(file.transfer_syntax_uid):
            return Unsendable(
                file.path, f"{file.path}: {file.transfer_syntax_uid} is no known transfer syntax (see -nuc)"
            )
        return file

    @property
    def has_work(self) -> bool:
        """Whether anything is to be sent."""
        return bool(self._files) and (not self._refused or self._options.no_halt)

    # Sending it.

    @property
    def stopping(self) -> bool:
        """Whether the user wants to stop."""
        return self._interrupts.wanted

    def send(self, sending: BulkSending) -> None:
        """Send all of it."""
        options, self._sending = self._options, sending
        wanted = not (options.no_progress or options.json or options.log_level == "fatal")
        with Progress(len(self._files), sum(file.size for file in self._files), wanted=wanted) as progress:
            try:
                with self._interrupts:
                    sending.send(self._queues(), progress)
            except KeyboardInterrupt:
                self._log.error("stopped from the keyboard")
        if self.stopping:
            self._results.codes.append(ExitCode.INTERRUPTED)

    def _queues(self) -> list[Queue]:
        instances = {id(instance.file): instance for instance in self._instances}
        queues = [Queue(batch, deque(instances[id(file)] for file in batch.objects)) for batch in self._planned()]
        if not self._options.single_association:
            return queues
        for instance in (instance for queue in queues[1:] for instance in queue.waiting):
            self._leave_out(instance, "needs another association (PS3.8 9.3.2.2: 128 contexts), and -ma forbids it")
        return queues[:1]

    def _planned(self) -> list[Batch[OutgoingFile]]:
        if self._options.config_file is not None:
            return [Batch((), tuple(self._files))]
        decompress = POLICIES[self._options.decompress]
        return propose(self._files, decompress=decompress, always_default=self._options.no_illegal_proposal)

    def _leave_out(self, instance: Instance, why: str) -> None:
        file = instance.file
        instance.result = StoreResult(file.path, file.sop_class_uid, file.sop_instance_uid, file.size, error=why)
        self._results.add(instance.result, ExitCode.NO_CONTEXT)

    def told(self, instance: Instance) -> None:
        """An instance has its result."""
        assert instance.result is not None  # that is what it says
        self._results.add(instance.result)
        if instance.result.stored:
            self._remember(instance.file)

    def _remember(self, file: OutgoingFile) -> None:
        """Into the file of --resume; when it cannot be written, no more of that, and the rest is still sent."""
        if (acknowledged := self._acknowledged) is None:
            return
        try:
            acknowledged.add(file)
        except OSError as error:
            self._acknowledged = None
            self._log.error(f"{self._options.resume}: {error.strerror} (--resume): what follows is not remembered")
            self._results.codes.append(ExitCode.OUTPUT_NOT_WRITABLE)

    # What became of it.

    def end(self) -> int:
        """Reports, the last line, and the exit code: that of the worst that happened."""
        for instance in self._instances:
            if instance.result is None:
                self._results.leave_out(instance.file)
        codes, run = self._results.codes, self._run()
        codes += self._sending.codes if self._sending else []
        if self._log.says("info"):
            for line in transfer_report.summary(run):
                self._log.info(line)
        codes += self._written(run)
        return self._summary(run, worst(codes))

    def _run(self) -> transfer_report.Run:
        options, sending = self._options, self._sending
        return transfer_report.Run(
            f"{options.peer}:{options.port}",
            (options.aetitle, options.call),
            self._time,
            self._instances,
            self._refused,
            self._already,
            sending.associations if sending else 0,
            sending.contexts if sending else 0,
        )

    def _written(self, run: transfer_report.Run) -> Iterator[ExitCode]:
        """Write the reports; the disk may have filled up since they were looked at."""
        wanted = (
            (self._options.create_report_file, transfer_report.text),
            (self._options.report_json, transfer_report.as_json),
        )
        for path, made in wanted:
            if path is None:
                continue
            try:
                _replace(path, made(run))
            except (Failure, OSError) as error:
                self._log.error(f"no report: {error}")
                yield ExitCode.OUTPUT_NOT_WRITABLE

    def _summary(self, run: transfer_report.Run, code: ExitCode) -> int:
        stored, already = self._results.stored, len(self._already)
        files = len(self._files) + len(self._refused) + already
        words = f"{stored} of {files} files stored at {self.peer}"
        words += f", {already} acknowledged before" if already else ""
        words += "" if code is ExitCode.SUCCESS else f": {code.words}"
        self._report.summary(
            words,
            stored=stored,
            files=files,
            already_there=already,
            associations=run.associations,
            peer=str(self.peer),
            exit_code=int(code),
        )
        return code


def _is_known_syntax(uid: str) -> bool:
    from pydicom.uid import UID

    return UID(uid).is_transfer_syntax
