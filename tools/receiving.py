"""What the storage SCPs share: the server of a command line, what it received, whom it tells.

`Receiving` is a run of storescp or dcmrecv; what is only theirs, they add in subclasses.
"""

import argparse
import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..acse.association import Timeouts
from ..acse.policy import SupportedContext
from ..services.scp import SCP
from ..services.service import Caller, Service
from ..services.shutdown import Shutdown
from ..services.storage.incoming import FileStore
from ..services.storage.outcome import OUT_OF_RESOURCES, StoreOutcome
from ..services.storage.storage import Storage
from ..services.verification import VERIFICATION, Verification
from .connection import FAMILIES, FOR_EVER, cannot_listen, report_for, tracer
from .exit_codes import ExitCode, Failure
from .log import Log, PeerLog
from .options.command_line import UsageError
from .reporting import Counter, objects
from .workers import run as run_workers
from .workers import shared

if TYPE_CHECKING:
    import ssl

    from ..services.server import Server


def serve(options: argparse.Namespace, log: Log, make: "Callable[[argparse.Namespace, Log], Receiving]") -> int:
    """Serve in this process, or in as many as --workers says; the exit code."""
    if options.workers > 1:
        return run_workers(options, log, make)
    return make(options, log).run()


def check_directory(options: argparse.Namespace) -> None:
    """Refuse an output directory that cannot be written to; DCMTK's tools make none either.

    Raises:
        Failure: it is so.
    """
    path = Path(options.output_directory)
    if not options.ignore and not (path.is_dir() and os.access(path, os.W_OK | os.X_OK)):
        raise Failure(ExitCode.OUTPUT_DIRECTORY, f"{path}: no directory that can be written to (-od)")


class Receiving:
    """The state of one run: the server, what it received, whom it tells."""

    def __init__(self, options: argparse.Namespace, log: Log) -> None:
        self._options, self._log = options, log
        self._report = report_for(options)
        self._counter = Counter(wanted=not options.json and options.log_level != "fatal")
        self._lock = threading.Lock()  # objects are told of by the threads that stored them
        self._stored = self._failed = 0
        self._listening = False
        self.on_ready: Callable[[Server], None] = self._ready
        """Told when it listens."""
        self._store = self._opened()

    @property
    def directory(self) -> str:
        """Where objects are written."""
        return str(self._options.output_directory)

    def run(self) -> int:
        """Serve until a signal or termscu ends it; the exit code."""
        self.work()
        return self.summary()

    def work(self) -> None:
        """Serve until a signal or termscu ends it, and let go of everything."""
        try:
            self.serve()
        finally:
            self.close()

    @property
    def counts(self) -> tuple[int, int]:
        """How many objects were stored, and how many were not."""
        return self._stored, self._failed

    def serve(self) -> None:
        """Until a signal or termscu."""
        scp = self.scp()
        try:
            # A named address, since IPv6 sockets of all interfaces take IPv4 too.
            scp.serve("::" if self._options.ip == "6" else "", self._options.port, ready=self._listens)
        except OSError as error:
            if self._listening:
                raise
            raise cannot_listen(self._options.port, error) from error

    def _opened(self) -> FileStore:
        try:
            return self.file_store()
        except ValueError as error:
            raise UsageError(str(error)) from None

    def file_store(self) -> FileStore:
        """Where objects go.

        Raises:
            ValueError: what the command line says of it makes no sense.
        """
        raise NotImplementedError

    def scp(self) -> SCP:
        """The server the command line asks for."""
        options = self._options
        return SCP(
            services=self.services(),
            timeouts=Timeouts(artim=options.artim, acse=options.acse_timeout, idle=options.idle_timeout),
            maximum_connections=shared(options.max_connections, options.workers),
            reuse_port=options.workers > 1,
            tls=self._tls(),
            family=FAMILIES[options.ip],
            write_seconds=options.socket_timeout or FOR_EVER,
            trace=tracer(self._log),
            on_association=self.tell,
            log=PeerLog(self._log),
            maximum_length=options.max_pdu & ~1,  # fragments are even (PS3.8 E.1), so an odd maximum is never used
            maximum_associations=shared(options.max_associations, options.workers),
            allowed_addresses=options.allow_address or None,
            proxy_networks=options.proxy_network,
            calling_ae_titles=frozenset(options.allow_calling_aetitle) or None,
            **self.policy(),
        )

    def policy(self) -> dict[str, Any]:
        """Our title, whom we reject, and who looks on."""
        raise NotImplementedError

    def storage(self) -> Callable[..., Storage]:
        """The class of the storage service."""
        return Storage

    def accepted(self) -> dict[str, Any]:
        """What the storage service accepts when no profile says so."""
        raise NotImplementedError

    def services(self) -> list[Service]:
        """What is offered: a profile's contexts (-xf), or Verification and what the tool accepts by itself."""
        contexts = self._profile()
        storage = partial(
            self.storage(),
            self._store,
            on_stored=self._stored_one,
            on_stored_waits=self.received_waits,
            log=PeerLog(self._log),
        )
        services: list[Service] = []
        if contexts is None:
            services += [Verification(), storage(**self.accepted())]
        else:
            if VERIFICATION in contexts:
                services.append(Verification())
            services.append(storage(contexts=contexts))
        if self._options.allow_shutdown:
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

    def _listens(self, server: "Server") -> None:
        self._listening = True
        self.on_ready(server)

    def _ready(self, server: "Server") -> None:
        """Tell that peers may come."""
        self._log.info("listening", port=server.port)
        self._report.record("listening", port=server.port)

    def tell(self, caller: Caller) -> None:
        """An association begins: -v tells who, +v the presentation contexts too."""
        agreement = caller.agreement
        self._log.info(
            "association accepted",
            association=caller.association,
            peer=str(caller.address[0]),
            calling=agreement.calling_ae_title,
            called=agreement.called_ae_title,
        )
        if self._options.verbose_pc or self._log.says("debug"):
            for line in agreement.explain():
                self._log.info(line, association=caller.association)

    def _stored_one(self, caller: Caller, outcome: StoreOutcome) -> None:
        """An object came and was stored, or not."""
        stored = outcome.status == 0
        address = str(caller.address[0])
        with self._lock:
            self._stored += stored
            self._failed += not stored
            self._counter.count(outcome.size)
            if self._log.says("info"):
                self._log.info(
                    f"object {outcome.outcome}",
                    status=f"0x{outcome.status:04X}",
                    association=caller.association,
                    peer=address,
                )
            if outcome.status == OUT_OF_RESOURCES:
                PeerLog(self._log).error("cannot write", directory=self.directory, why=outcome.error_comment)
            if self._report.records:
                self._record(caller, outcome, address)
        if outcome.path is not None:
            self.received(caller, outcome.path)

    def _record(self, caller: Caller, outcome: StoreOutcome, address: str) -> None:
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

    @property
    def received_waits(self) -> bool:
        """Whether `received` may wait for something."""
        return False

    def received(self, caller: Caller, path: Path) -> None:
        """An object is on the disk, and its response waits for this to return."""

    def close(self) -> None:
        """Let go of the directory."""
        self._counter.finish()
        self._store.close()
        self._log.close()

    def summary(self) -> int:
        """The last line: a server that was asked to stop has done its work, whatever peers sent."""
        words = f"{objects(self._stored)} stored" + (f", {self._failed} not" if self._failed else "")
        self._report.summary(words, stored=self._stored, failed=self._failed, exit_code=0)
        return ExitCode.SUCCESS
