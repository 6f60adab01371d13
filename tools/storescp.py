"""`dulcet storescp`: receive objects and write them to files (Storage and Verification SCP)."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..acse.policy import Reject
from ..dul.pdu import AssociateRQ
from ..services.service import Caller
from ..services.storage.incoming import FileStore
from ..services.storage.sorting import ByPatientName, ByStudyTime, Sorting
from ..services.storage.storage import Storage
from . import receiving
from .connection import log_for
from .faults import FaultyStorage
from .hooks import Hook, Reception
from .log import Log
from .options.command_line import UsageError
from .study_ends import StudyEnds


def main(options: argparse.Namespace) -> int:
    """Listen, answer C-ECHO and C-STORE, until a signal or termscu ends it."""
    log = log_for(options)
    receiving.check_directory(options)
    return receiving.serve(options, log, Receiving)


def _refuse_all(_request: AssociateRQ) -> Reject:
    return Reject(1, 1, 1, "every association is refused (--refuse)")


class Receiving(receiving.Receiving):
    """A run of storescp: with sorting, faults and programs that it starts."""

    def __init__(self, options: argparse.Namespace, log: Log) -> None:
        self._hook = self._study_ends = None
        if options.exec_on_reception is not None:
            self._hook = self._program(options, log, options.exec_on_reception, "exec-on-reception")
        if options.exec_on_eostudy is not None:
            if "#f" in options.exec_on_eostudy:
                raise UsageError(
                    "-xcs/--exec-on-eostudy: a study has many files, so #f has no meaning; #p is its directory"
                )
            program = self._program(options, log, options.exec_on_eostudy, "exec-on-eostudy")
            self._study_ends = StudyEnds(program, options.eostudy_timeout)
        super().__init__(options, log)

    def _program(self, options: argparse.Namespace, log: Log, command: str, name: str) -> Hook:
        return Hook(command, log=log, timeout=options.exec_timeout, concurrency=options.exec_concurrency, name=name)

    def file_store(self) -> FileStore:
        """Where objects go."""
        options = self._options
        return FileStore(
            options.output_directory,
            mode=options.durability,
            file_format=not options.write_dataset,
            extension=options.filename_extension,
            sort_on_study_uid=options.sort_on_study_uid,
            sorting=self._sorting(),
            filenames=options.filenames,
            write_transfer_syntax=options.write_syntax,
            ignore=options.ignore,
        )

    def _sorting(self) -> Sorting | None:
        if self._options.sort_on_patientname:
            return ByPatientName()
        prefix = self._options.sort_conc_studies
        return None if prefix is None else ByStudyTime(prefix)

    def policy(self) -> dict[str, Any]:
        """Our title, whom we reject, and who looks on."""
        return {
            "ae_title": self._options.aetitle,
            "require_called_ae_title": self._options.check_called_aetitle,
            "refuse": _refuse_all if self._options.refuse else None,
            "on_event": None if self._study_ends is None else self._study_ends.happened,
        }

    def storage(self) -> Callable[..., Storage]:
        """The class of the storage service: one with faults, where any are asked for."""
        options = self._options
        faulty = options.abort is not None or options.sleep_after or options.sleep_during
        return FaultyStorage.of(options) if faulty else Storage

    def accepted(self) -> dict[str, Any]:
        """What the transfer syntax options say."""
        return {"transfer_syntaxes": self._options.prefer, "promiscuous": self._options.promiscuous}

    @property
    def received_waits(self) -> bool:
        """Whether there is a program to run."""
        return self._hook is not None or self._study_ends is not None

    def received(self, caller: Caller, path: Path) -> None:
        """Run the program of -xcr, and wait for it if that is wanted."""
        agreement = caller.agreement
        reception = Reception(
            str(path.parent),
            path.name,
            agreement.calling_ae_title,
            agreement.called_ae_title,
            str(caller.address[0]),
        )
        if self._study_ends is not None:
            self._study_ends.received(caller.address, reception)
        if self._hook is not None:
            future = self._hook.submit(reception)
            if self._options.exec_sync:
                future.result()

    def close(self) -> None:
        """Wait for the programs that still run."""
        if self._study_ends is not None:
            self._study_ends.close()
        if self._hook is not None:
            self._hook.close()
        super().close()
