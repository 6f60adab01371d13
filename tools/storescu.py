"""`dulcet storescu`: send files to a peer (Storage, PS3.4 Annex B)."""

import argparse
from collections import deque
from itertools import zip_longest
from typing import TYPE_CHECKING

from ..services.errors import AssociationError
from ..services.scu import SCU, LiveAssociation
from ..services.storage.outgoing import OutgoingFile, Unsendable, scan
from ..services.storage.proposing import Batch, propose
from .connection import at_peer, leave, log_for, peer_of, report_for, scu_for, tell_agreement
from .exit_codes import ExitCode, for_error, worst
from .interrupts import Interrupts
from .log import Log
from .reporting import Progress
from .storing import READINGS, StoreResults, associate

if TYPE_CHECKING:
    from ..services.storage.inventing import Inventor


def main(options: argparse.Namespace) -> int:
    """Look at the files, propose what they need, send them, tell what became of each."""
    log = log_for(options)
    scu = scu_for(options, log)
    sendable, bad = _looked_at(options)
    sending = Sending(options, log, sendable)
    for file in bad:
        sending.refuse(file)
    if not sendable:
        sending.results.codes.append(ExitCode.NO_VALID_INPUT if bad else ExitCode.NO_INPUT)
    elif not bad or options.no_halt:
        sending.send(scu)
    return sending.summary()


def _looked_at(options: argparse.Namespace) -> tuple[list[OutgoingFile], list[Unsendable]]:
    found = scan(
        options.files,
        directories=options.scan_directories,
        recurse=options.recurse,
        pattern=options.scan_pattern,
        reading=READINGS[options.read],
    )
    sendable: list[OutgoingFile] = []
    bad: list[Unsendable] = []
    for file in found:
        if isinstance(file, OutgoingFile):
            sendable.append(file)
        else:
            bad.append(file)
    return sendable, bad


def _inventor(options: argparse.Namespace) -> "Inventor":
    """What +II, +IR, +IS and +IP ask for; what is larger is made of what is smaller."""
    from ..services.storage.inventing import Inventor  # brings pydicom: 0.2 s

    study = options.invent_study or (50 if options.invent_patient else None)
    series = options.invent_series or (100 if study else None)
    return Inventor(series=series, study=study, patient=options.invent_patient)


class Sending:
    """The state of one run: what is still to be sent, what became of the rest."""

    def __init__(self, options: argparse.Namespace, log: Log, files: list[OutgoingFile]) -> None:
        self._options, self._log = options, log
        self._report, self._peer = report_for(options), peer_of(options)
        self.results = StoreResults(log, self._report)
        """What became of each file so far."""
        self._preferred: str = (options.propose or ("",))[0]
        self._batches = self._planned(files)
        self._waiting = deque(file for batch in self._batches for file in batch.objects * options.repeat)
        self._files = len(self._waiting)
        self._bytes = sum(file.size for file in self._waiting)
        self._refused = 0
        self._inventor = _inventor(options) if options.invent_instance else None

    def refuse(self, file: Unsendable) -> None:
        """A path from which nothing can be sent."""
        self._refused += 1
        self.results.refuse(file)

    def _planned(self, files: list[OutgoingFile]) -> list[Batch[OutgoingFile]]:
        """What goes over which association; a profile is one, whatever the files need."""
        if self._options.config_file is None:
            return propose(files, preferred=self._preferred, combine=self._options.combine)
        return [Batch((), tuple(files))]

    def send(self, scu: SCU) -> None:
        """Send everything, over as many associations as it takes; an association that fails ends the run."""
        options, codes = self._options, self.results.codes
        wanted = not (options.no_progress or options.json or options.log_level == "fatal")
        with Progress(self._files, self._bytes, wanted=wanted) as progress:
            try:
                for batch in self._batches:
                    if not self._batch(scu, batch, progress):
                        return
            except AssociationError as error:
                self._log.error(at_peer(self._peer, error))
                codes.append(for_error(error))
            except KeyboardInterrupt:
                self._log.error("stopped from the keyboard")
                codes.append(ExitCode.INTERRUPTED)

    def _batch(self, scu: SCU, batch: Batch[OutgoingFile], progress: Progress) -> bool:
        """Send what one association carries; whether to go on with the next."""
        files = batch.objects * self._options.repeat
        self._log.info("requesting association", peer=str(self._peer), files=len(files))
        with associate(scu, self._peer, self._options, batch) as association, Interrupts() as interrupts:
            tell_agreement(self._options, self._log, association.agreement)
            goes_on = True
            for file, following in zip_longest(files, files[1:]):
                if following is not None and self._inventor is None:
                    association.read_meanwhile(following)
                goes_on = self._file(association, file, progress) or self._options.no_halt
                if interrupts.wanted or not goes_on:
                    break
            self.results.codes.append(leave(association, self._log, abort=self._options.abort))
        if interrupts.wanted:
            self.results.codes.append(ExitCode.INTERRUPTED)
        return goes_on and not interrupts.wanted

    def _file(self, association: LiveAssociation, file: OutgoingFile, progress: Progress) -> bool:
        """Send one file; whether the peer has it."""
        if self._inventor is not None:
            file = self._inventor.of(file)
        self._log.info("sending C-STORE request", file=str(file.path), sop_instance_uid=file.sop_instance_uid)
        watched = progress.advance if progress.shown else None
        result = association.try_to_store(file, preferred=self._preferred, progress=watched)
        self._waiting.popleft()
        progress.advance(0, files=1)
        self.results.add(result)
        return result.stored

    def summary(self) -> int:
        """The last line, and the exit code: that of the worst that happened."""
        for file in self._waiting:
            self.results.leave_out(file)
        code, stored = worst(self.results.codes), self.results.stored
        files = self._files + self._refused
        words = f"{stored} of {files} files stored at {self._peer}"
        if code is not ExitCode.SUCCESS:
            words += f": {code.words}"
        self._report.summary(words, stored=stored, files=files, peer=str(self._peer), exit_code=int(code))
        return code
