"""`dulcet storescu`: send files to a peer (Storage, PS3.4 Annex B)."""

import argparse
from collections.abc import Iterator, Sequence

from ..services.errors import AssociationError
from ..services.outgoing import OutgoingFile, Reading, Unsendable, scan
from ..services.proposing import Batch, propose
from ..services.scu import SCU, LiveAssociation
from ..services.storage import StoreResult
from .connection import log_for, peer_of, report_for, scu_for, tell_agreement
from .exit_codes import ExitCode, for_error, for_status, worst
from .interrupts import Interrupts
from .log import Log
from .options import parse
from .reporting import Progress

_READINGS = {"any": Reading.AUTOMATIC, "file": Reading.FILE, "dataset": Reading.DATA_SET}


def main(argv: Sequence[str]) -> int:
    """Look at the files, propose what they need, send them, tell what became of each."""
    options = parse("storescu", argv)
    log = log_for(options)
    sendable, bad = _looked_at(options, log)
    sending = Sending(options, log)
    for file in bad:
        sending.told(StoreResult(file.path, error=file.error), ExitCode.INVALID_INPUT)
    if not sendable:
        sending.codes.append(ExitCode.NO_VALID_INPUT if bad else ExitCode.NO_INPUT)
    elif not bad or options.no_halt:
        with Interrupts() as interrupts:
            sending.send(scu_for(options, log), sendable, interrupts)
    return sending.summary(len(sendable) * options.repeat + len(bad))


def _looked_at(options: argparse.Namespace, log: Log) -> tuple[list[OutgoingFile], list[Unsendable]]:
    sendable: list[OutgoingFile] = []
    bad: list[Unsendable] = []
    found = scan(
        options.files,
        directories=options.scan_directories,
        recurse=options.recurse,
        pattern=options.scan_pattern,
        reading=_READINGS[options.read],
    )
    for file in found:
        if isinstance(file, OutgoingFile):
            sendable.append(file)
        else:
            log.error("cannot be sent", file=str(file.path), why=file.error)
            bad.append(file)
    return sendable, bad


class Sending:
    """The state of one run: what was sent, what it came to."""

    def __init__(self, options: argparse.Namespace, log: Log) -> None:
        self.codes: list[ExitCode] = []
        """What each part of the run came to."""
        self._options, self._log = options, log
        self._report, self._peer = report_for(options), peer_of(options)
        self._stored = 0
        self._halted = False

    def send(self, scu: SCU, files: list[OutgoingFile], interrupts: Interrupts) -> None:
        """Send everything, over as many associations as it takes; an association that fails ends the run."""
        options = self._options
        total = sum(file.size for file in files) * options.repeat
        wanted = not (options.no_progress or options.json or options.log_level == "fatal")
        with Progress(len(files) * options.repeat, total, wanted=wanted) as progress:
            try:
                for batch in self._batches(files):
                    self._batch(scu, batch, interrupts, progress)
                    if self._halted:
                        return
            except AssociationError as error:
                self._log.error(str(error))
                self.codes.append(for_error(error))

    def _batches(self, files: list[OutgoingFile]) -> Iterator[Batch[OutgoingFile]]:
        options = self._options
        for _ in range(options.repeat):
            if options.config_file is None:
                yield from propose(files, preferred=(options.propose or ("",))[0], combine=options.combine)
            else:
                yield Batch((), tuple(files))

    def _batch(self, scu: SCU, batch: Batch[OutgoingFile], interrupts: Interrupts, progress: Progress) -> None:
        self._log.info("requesting association", peer=str(self._peer), files=len(batch.objects))
        with self._associate(scu, batch) as association:
            tell_agreement(self._log, association.agreement, contexts=self._options.verbose_pc)
            for file in batch.objects:
                self._file(association, file, progress)
                if interrupts.wanted:
                    self.codes.append(ExitCode.INTERRUPTED)
                    self._halted = True
                if self._halted:
                    break
            if self._options.abort:
                self._log.info("aborting association")
                association.abort()

    def _associate(self, scu: SCU, batch: Batch[OutgoingFile]) -> LiveAssociation:
        if self._options.config_file is None:
            return scu.associate(self._peer, batch.contexts)
        from .profiles import load

        profile = load(*self._options.config_file, requestor=True)
        contexts = [(context.abstract_syntax, context.transfer_syntaxes) for context in profile.contexts]
        return scu.associate(self._peer, contexts, roles=profile.roles, extended=profile.extended_negotiations)

    def _file(self, association: LiveAssociation, file: OutgoingFile, progress: Progress) -> None:
        result = association.try_to_store(
            file, preferred=(self._options.propose or ("",))[0], progress=progress.advance
        )
        progress.advance(0, files=1)
        if result.status is None:
            code = ExitCode.NO_CONTEXT if "no accepted presentation context" in result.error else ExitCode.INVALID_INPUT
        else:
            code = for_status(result.status.category)
        self.told(result, code)
        self._halted = not result.stored and not self._options.no_halt

    def told(self, result: StoreResult, code: ExitCode) -> None:
        """One file's result into log, records and exit code."""
        self.codes.append(code)
        self._stored += result.stored
        status = None if result.status is None else f"0x{result.status:04X}"
        say = self._log.info if result.stored else self._log.error
        if result.status is not None:
            say("received C-STORE response", file=str(result.path), status=str(result.status), comment=result.error)
        elif code is ExitCode.NO_CONTEXT:
            say("not sent", file=str(result.path), why=result.error)
        self._report.record(
            "store",
            file=str(result.path),
            sop_class_uid=result.sop_class_uid,
            sop_instance_uid=result.sop_instance_uid,
            transfer_syntax_uid=result.transfer_syntax_uid,
            bytes=result.size,
            status=status,
            error=result.error,
        )

    def summary(self, total: int) -> int:
        """The last line, and the exit code: that of the worst that happened."""
        code = worst(self.codes)
        words = f"{self._stored} of {total} files stored at {self._peer}"
        if code is not ExitCode.SUCCESS:
            words += f": {code.words}"
        self._report.summary(words, stored=self._stored, files=total, peer=str(self._peer), exit_code=int(code))
        return code
