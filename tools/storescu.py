"""`dulcet storescu`: send files to a peer (Storage, PS3.4 Annex B)."""

import argparse
from collections import deque

from ..services.errors import AssociationError, NoAcceptedContext
from ..services.outgoing import OutgoingFile, Reading, Unsendable, scan
from ..services.proposing import Batch, propose
from ..services.scu import SCU, LiveAssociation
from ..services.storage import StoreResult
from .connection import leave, log_for, peer_of, report_for, scu_for, tell_agreement
from .exit_codes import ExitCode, for_error, for_status, worst
from .interrupts import Interrupts
from .log import Log
from .reporting import Progress

_READINGS = {"any": Reading.AUTOMATIC, "file": Reading.FILE, "dataset": Reading.DATA_SET}


def main(options: argparse.Namespace) -> int:
    """Look at the files, propose what they need, send them, tell what became of each."""
    log = log_for(options)
    scu = scu_for(options, log)
    sendable, bad = _looked_at(options)
    sending = Sending(options, log, sendable)
    for file in bad:
        sending.refuse(file)
    if not sendable:
        sending.codes.append(ExitCode.NO_VALID_INPUT if bad else ExitCode.NO_INPUT)
    elif not bad or options.no_halt:
        sending.send(scu)
    return sending.summary()


def _looked_at(options: argparse.Namespace) -> tuple[list[OutgoingFile], list[Unsendable]]:
    found = scan(
        options.files,
        directories=options.scan_directories,
        recurse=options.recurse,
        pattern=options.scan_pattern,
        reading=_READINGS[options.read],
    )
    sendable: list[OutgoingFile] = []
    bad: list[Unsendable] = []
    for file in found:
        if isinstance(file, OutgoingFile):
            sendable.append(file)
        else:
            bad.append(file)
    return sendable, bad


class Sending:
    """The state of one run: what is still to be sent, what became of the rest."""

    def __init__(self, options: argparse.Namespace, log: Log, files: list[OutgoingFile]) -> None:
        self.codes: list[ExitCode] = []
        """What each part of the run came to."""
        self._options, self._log = options, log
        self._report, self._peer = report_for(options), peer_of(options)
        self._preferred: str = (options.propose or ("",))[0]
        self._batches = self._planned(files)
        self._waiting = deque(file for batch in self._batches for file in batch.objects * options.repeat)
        self._files = len(self._waiting)
        self._bytes = sum(file.size for file in self._waiting)
        self._stored = self._refused = 0

    def refuse(self, file: Unsendable) -> None:
        """A path from which nothing can be sent."""
        self._refused += 1
        self._told(StoreResult(file.path, error=file.error), ExitCode.INVALID_INPUT)

    def _planned(self, files: list[OutgoingFile]) -> list[Batch[OutgoingFile]]:
        """What goes over which association; a profile is one, whatever the files need."""
        if self._options.config_file is None:
            return propose(files, preferred=self._preferred, combine=self._options.combine)
        return [Batch((), tuple(files))]

    def send(self, scu: SCU) -> None:
        """Send everything, over as many associations as it takes; an association that fails ends the run."""
        options = self._options
        wanted = not (options.no_progress or options.json or options.log_level == "fatal")
        with Progress(self._files, self._bytes, wanted=wanted) as progress:
            try:
                for batch in self._batches:
                    if not self._batch(scu, batch, progress):
                        return
            except AssociationError as error:
                self._log.error(str(error))
                self.codes.append(for_error(error))
            except KeyboardInterrupt:
                self._log.error("stopped from the keyboard")
                self.codes.append(ExitCode.INTERRUPTED)

    def _batch(self, scu: SCU, batch: Batch[OutgoingFile], progress: Progress) -> bool:
        """Send what one association carries; whether to go on with the next."""
        files = batch.objects * self._options.repeat
        self._log.info("requesting association", peer=str(self._peer), files=len(files))
        with self._associate(scu, batch) as association, Interrupts() as interrupts:
            tell_agreement(self._options, self._log, association.agreement)
            goes_on = True
            for file in files:
                goes_on = self._file(association, file, progress) or self._options.no_halt
                if interrupts.wanted or not goes_on:
                    break
            self.codes.append(leave(association, self._log, abort=self._options.abort))
        if interrupts.wanted:
            self.codes.append(ExitCode.INTERRUPTED)
        return goes_on and not interrupts.wanted

    def _associate(self, scu: SCU, batch: Batch[OutgoingFile]) -> LiveAssociation:
        if self._options.config_file is None:
            return scu.associate(self._peer, batch.contexts)
        from .profiles import load

        profile = load(*self._options.config_file, requestor=True)
        contexts = [(context.abstract_syntax, context.transfer_syntaxes) for context in profile.contexts]
        return scu.associate(self._peer, contexts, roles=profile.roles, extended=profile.extended_negotiations)

    def _file(self, association: LiveAssociation, file: OutgoingFile, progress: Progress) -> bool:
        """Send one file; whether the peer has it."""
        self._log.info("sending C-STORE request", file=str(file.path), sop_instance_uid=file.sop_instance_uid)
        result = association.try_to_store(file, preferred=self._preferred, progress=progress.advance)
        self._waiting.popleft()
        progress.advance(0, files=1)
        if result.status is not None:
            self._told(result, for_status(result.status.category))
        elif isinstance(result.cause, NoAcceptedContext):
            self._told(result, ExitCode.NO_CONTEXT)
        else:
            self._told(result, ExitCode.INVALID_INPUT)
        return result.stored

    def _told(self, result: StoreResult, code: ExitCode) -> None:
        """One file's result into log, records and exit code."""
        self.codes.append(code)
        self._stored += result.stored
        if result.status is None:
            self._log.error("not sent", file=str(result.path), why=result.error.removeprefix(f"{result.path}: "))
        else:
            say = (
                self._log.info if code is ExitCode.SUCCESS else self._log.warning if result.stored else self._log.error
            )
            comment = {"comment": result.error} if result.error else {}
            say("received C-STORE response", file=str(result.path), status=str(result.status), **comment)
        self._record(result)

    def _record(self, result: StoreResult) -> None:
        self._report.record(
            "store",
            file=str(result.path),
            sop_class_uid=result.sop_class_uid,
            sop_instance_uid=result.sop_instance_uid,
            transfer_syntax_uid=result.transfer_syntax_uid,
            bytes=result.size,
            status=None if result.status is None else f"0x{result.status:04X}",
            error=result.error,
        )

    def summary(self) -> int:
        """The last line, and the exit code: that of the worst that happened."""
        for file in self._waiting:
            unsent = "not sent: the run ended before, or while it was being sent"
            self._record(StoreResult(file.path, file.sop_class_uid, file.sop_instance_uid, file.size, error=unsent))
        code = worst(self.codes)
        files = self._files + self._refused
        words = f"{self._stored} of {files} files stored at {self._peer}"
        if code is not ExitCode.SUCCESS:
            words += f": {code.words}"
        self._report.summary(words, stored=self._stored, files=files, peer=str(self._peer), exit_code=int(code))
        return code
