"""`dulcet storescp`: receive objects and write them to files (Storage and Verification SCP)."""

import argparse
import os
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..acse.association import Timeouts
from ..acse.events import Established
from ..acse.policy import Reject, SupportedContext
from ..dimse.exchange import DimseEvent
from ..dul.pdu import AssociateRQ
from ..services.incoming import FileStore
from ..services.scp import SCP
from ..services.service import Caller, Service
from ..services.shutdown import Shutdown
from ..services.storage import Storage
from ..services.store_outcome import StoreOutcome
from ..services.verification import VERIFICATION, Verification
from .connection import FAMILIES, FOR_EVER, log_for, report_for, tracer
from .exit_codes import ExitCode, Failure
from .faults import FaultyStorage
from .hooks import Hook, Reception
from .log import Log, PeerLog
from .options import UsageError
from .reporting import Counter

if TYPE_CHECKING:
    import ssl

    from ..services.server import Server


def main(options: argparse.Namespace) -> int:
    """Listen, answer C-ECHO and C-STORE, until a signal or termscu ends it."""
    log = log_for(options)
    if not options.ignore:
        _check_directory(Path(options.output_directory))
    receiving = Receiving(options, log)
    try:
        receiving.serve()
    finally:
        receiving.close()
    return receiving.summary()


def _check_directory(path: Path) -> None:
    if not (path.is_dir() and os.access(path, os.W_OK | os.X_OK)):
        raise Failure(ExitCode.OUTPUT_DIRECTORY, f"{path}: no directory that can be written to (-od)")


def _refuse_all(_request: AssociateRQ) -> Reject:
    return Reject(1, 1, 1, "every association is refused (--refuse)")


class Receiving:
    """The state of one run: the server, what it received, whom it tells."""

    def __init__(self, options: argparse.Namespace, log: Log) -> None:
        self._options, self._log = options, log
        self._report = report_for(options)
        self._hook = None
        if options.exec_on_reception is not None:
            self._hook = Hook(
                options.exec_on_reception, log=log, timeout=options.exec_timeout, concurrency=options.exec_concurrency
            )
        self._counter = Counter(wanted=not options.json and options.log_level != "fatal")
        self._lock = threading.Lock()  # objects are told of by the threads that stored them
        self._stored = self._failed = 0
        self._listening = False
        self._store = self._opened()

    def serve(self) -> None:
        """Until a signal or termscu."""
        scp = self.scp()
        try:
            # A named address, since IPv6 sockets of all interfaces take IPv4 too.
            scp.serve("::" if self._options.ip == "6" else "", self._options.port, ready=self._ready)
        except OSError as error:
            if self._listening:
                raise
            words = f"cannot listen on port {self._options.port}: {error.strerror or error}"
            raise Failure(ExitCode.LISTEN, words) from error

    def _opened(self) -> FileStore:
        try:
            return self._file_store()
        except ValueError as error:
            raise UsageError(str(error)) from None

    def _file_store(self) -> FileStore:
        options = self._options
        return FileStore(
            options.output_directory,
            mode=options.durability,
            file_format=not options.write_dataset,
            extension=options.filename_extension,
            sort_on_study_uid=options.sort_on_study_uid,
            unique_filenames=options.filenames == "unique",
            write_transfer_syntax=options.write_syntax,
            ignore=options.ignore,
        )

    def scp(self) -> SCP:
        """The server the command line asks for."""
        options = self._options
        return SCP(
            options.aetitle,
            self._services(),
            timeouts=Timeouts(artim=options.artim, acse=options.acse_timeout, idle=options.idle_timeout),
            maximum_connections=options.max_connections,
            tls=self._tls(),
            family=FAMILIES[options.ip],
            write_seconds=options.socket_timeout or FOR_EVER,
            trace=tracer(self._log),
            on_event=self._tell,
            log=PeerLog(self._log),
            maximum_length=options.max_pdu & ~1,  # fragments are even (PS3.8 E.1), so an odd maximum is never used
            maximum_associations=options.max_associations,
            require_called_ae_title=options.check_called_aetitle,
            calling_ae_titles=frozenset(options.allow_calling_aetitle) or None,
            refuse=_refuse_all if options.refuse else None,
        )

    def _services(self) -> list[Service]:
        options = self._options
        contexts = self._profile()
        storage = partial(
            Storage if options.abort is None and not options.sleep_after else FaultyStorage.of(options),
            self._store,
            on_stored=self._stored_one,
            log=self._log,
        )
        services: list[Service] = []
        if contexts is None:
            services += [Verification(), storage(transfer_syntaxes=options.prefer, promiscuous=options.promiscuous)]
        else:
            if VERIFICATION in contexts:
                services.append(Verification())
            services.append(storage(contexts=contexts))
        if options.allow_shutdown:
            services.append(Shutdown())
        return services

    def _profile(self) -> dict[str, SupportedContext] | None:
        if self._options.config_file is None:
            return None
        from .profiles import load

        profile = load(*self._options.config_file, requestor=False)
        return {context.abstract_syntax: SupportedContext(context.transfer_syntaxes) for context in profile.contexts}

    def _tls(self) -> "ssl.SSLContext | None":
        if not self._options.tls:
            return None
        from .tls import acceptor_context

        return acceptor_context(self._options)

    def _ready(self, server: "Server") -> None:
        """Tell that peers may come."""
        self._listening = True
        self._log.info("listening", port=server.port)
        self._report.record("listening", port=server.port)

    def _tell(self, address: tuple[Any, ...], event: DimseEvent) -> None:
        """An association begins: -v tells who, +v the presentation contexts too."""
        if not isinstance(event, Established) or not self._log.says("info"):
            return
        agreement = event.agreement
        self._log.info(
            "association accepted",
            peer=str(address[0]),
            calling=agreement.calling_ae_title,
            called=agreement.called_ae_title,
        )
        if self._options.verbose_pc or self._log.says("debug"):
            for line in agreement.explain():
                self._log.info(line)

    def _stored_one(self, caller: Caller, outcome: StoreOutcome) -> None:
        """An object came and was stored, or not."""
        stored = outcome.status == 0
        address = str(caller.address[0])
        with self._lock:
            self._stored += stored
            self._failed += not stored
            self._counter.count(outcome.size)
            self._log.info(f"object {outcome.outcome}", status=f"0x{outcome.status:04X}", peer=address)
            self._report.record(
                "object",
                outcome=outcome.outcome,
                status=f"0x{outcome.status:04X}",
                file=None if outcome.path is None else str(outcome.path),
                bytes=outcome.size,
                sop_class_uid=outcome.sop_class_uid,
                sop_instance_uid=outcome.sop_instance_uid,
                calling=caller.agreement.calling_ae_title,
                peer=address,
            )
        if self._hook is not None and outcome.path is not None:
            agreement = caller.agreement
            reception = Reception(
                str(outcome.path.parent),
                outcome.path.name,
                agreement.calling_ae_title,
                agreement.called_ae_title,
                address,
            )
            future = self._hook.submit(reception)
            if self._options.exec_sync:
                future.result()

    def close(self) -> None:
        """Wait for the programs that still run, and let go of the directory."""
        self._counter.finish()
        if self._hook is not None:
            self._hook.close()
        self._store.close()
        self._log.close()

    def summary(self) -> int:
        """The last line: a server that was asked to stop has done its work, whatever peers sent."""
        words = f"{self._stored} objects stored" + (f", {self._failed} not" if self._failed else "")
        self._report.summary(words, stored=self._stored, failed=self._failed, exit_code=0)
        return ExitCode.SUCCESS
