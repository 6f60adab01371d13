"""What storescu and dcmsend share: which associations carry the files, and what is told of each."""

import argparse
import threading

from ..services.entity import Entity
from ..services.errors import AssociationError
from ..services.scu import SCU, LiveAssociation
from ..services.storage.outgoing import IS_DIRECTORY, OutgoingFile, Reading, Unsendable
from ..services.storage.proposing import Batch
from ..services.storage.user import StoreResult
from .exit_codes import ExitCode, for_error, for_status
from .log import Log
from .reporting import Report

READINGS = {"any": Reading.AUTOMATIC, "file": Reading.FILE, "dataset": Reading.DATA_SET}
"""What +f, +fo and -f take a file for."""
NOT_TRIED = "not sent: the run ended before, or while it was being sent"


def associate(scu: SCU, peer: Entity, options: argparse.Namespace, batch: Batch[OutgoingFile]) -> LiveAssociation:
    """An association for some files: with the contexts they need, or those of the profile of -xf.

    Raises:
        AssociationError: it cannot be made.
        ProfileError: the profile cannot be read.
    """
    if options.config_file is None:
        return scu.associate(peer, batch.contexts)
    from .profiles import load

    profile = load(*options.config_file, requestor=True)
    contexts = [(context.abstract_syntax, context.transfer_syntaxes) for context in profile.contexts]
    return scu.associate(peer, contexts, roles=profile.roles, extended=profile.extended_negotiations)


def code_for(result: StoreResult) -> ExitCode:
    """What one file adds to the exit code."""
    if result.status is not None:
        return for_status(result.status.category)
    if isinstance(result.cause, AssociationError):  # NoAcceptedContext is one too
        return for_error(result.cause)
    return ExitCode.INVALID_INPUT


class StoreResults:
    """What became of each file, into log, records and exit code; for several threads."""

    def __init__(self, log: Log, report: Report) -> None:
        self.codes: list[ExitCode] = []
        """What each part of the run came to."""
        self.stored = 0
        """How many files the peer has."""
        self._log, self._report = log, report
        self._lock = threading.Lock()

    def refuse(self, file: Unsendable) -> None:
        """A path from which nothing can be sent."""
        self.add(StoreResult(file.path, error=file.error), ExitCode.INVALID_INPUT)

    def add(self, result: StoreResult, code: ExitCode | None = None) -> None:
        """One file's result."""
        code = code_for(result) if code is None else code
        with self._lock:
            self.codes.append(code)
            self.stored += result.stored
            self._tell(result, code)
            self._record(result)

    def leave_out(self, file: OutgoingFile, why: str = NOT_TRIED) -> None:
        """A file that the run did not come to: a record and no more."""
        with self._lock:
            self._record(StoreResult(file.path, file.sop_class_uid, file.sop_instance_uid, file.size, error=why))

    def _tell(self, result: StoreResult, code: ExitCode) -> None:
        if result.status is None:
            why = result.error.removeprefix(f"{result.path}: ")
            if why == IS_DIRECTORY:
                why += "; with +sd/--scan-directories the files in it are sent"
            self._log.error("not sent", file=str(result.path), why=why)
            return
        if code is ExitCode.SUCCESS and not self._log.says("info"):
            return
        say = self._log.info if code is ExitCode.SUCCESS else self._log.warning if result.stored else self._log.error
        comment = {"comment": result.error} if result.error else {}
        say("received C-STORE response", file=str(result.path), status=str(result.status), **comment)

    def _record(self, result: StoreResult) -> None:
        if not self._report.records:
            return
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
