"""`dulcet movescu`: have objects sent to somebody, ourselves perhaps (C-MOVE, PS3.4 C.4.2)."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..acse.association import Timeouts
from ..services.query.models import Verb
from ..services.query.retrieve_scu import RetrieveResult
from ..services.scp import SCP, RunningSCP
from ..services.scu import SCU, LiveAssociation
from ..services.storage.storage import Storage
from ..services.verification import Verification
from .connection import FAMILIES, FOR_EVER, cannot_listen, log_for, scu_for, tracer
from .log import PeerLog
from .options.command_line import UsageError
from .querying import asked, check_directory, extended, refuse, transfer_syntaxes
from .retrieving import Request, Retrieving, Watching

if TYPE_CHECKING:
    import ssl

    from ..services.storage.incoming import FileStore


def main(options: argparse.Namespace) -> int:
    """Read the queries, listen if objects shall come here, and have everything sent."""
    if options.listen_port is not None and options.tls == ():
        raise UsageError("+P/--port: with TLS a server needs a key and a certificate; give them with +tls")
    log = log_for(options)
    scu = scu_for(options, log)
    moving = Moving(options, log)
    queries, bad = asked(options)
    if options.listen_port is not None and not options.ignore:
        check_directory(options.output_directory)
    moving.codes += refuse(bad, len(queries), log)
    if queries:
        moving.run(scu, queries)
    return moving.summary()


class Moving(Retrieving):
    """C-MOVE, and with +P the storage SCP that receives; any number of associations may come in at the same time."""

    verb: Verb = "move"

    def associate(self, scu: SCU) -> LiveAssociation:
        """One presentation context: the query model's."""
        contexts = [(self.model, transfer_syntaxes(self.options))]
        return scu.associate(self.peer, contexts, extended=extended(self.options, self.model))

    def retrieve(self, association: LiveAssociation, request: Request, watch: Watching) -> RetrieveResult:
        """C-MOVE to -aem, or to ourselves."""
        destination = self.options.move or self.options.aetitle
        return association.move(request.query, destination, self.model, progress=watch)

    @contextmanager
    def receiving(self) -> Iterator[None]:
        """+P: the server. What is still coming in when the work is done may end in order."""
        options = self.options
        if options.listen_port is None:
            yield
            return
        with self.store() as store:
            running = self._listening(store)
            self.log.info("listening", port=running.port)
            try:
                yield
            except BaseException:  # Ctrl-C, too: it stops at once
                running.stop(0.0)
                raise
            running.stop(options.acse_timeout)

    def _listening(self, store: "FileStore") -> RunningSCP:
        options = self.options
        try:
            # A named address, since IPv6 sockets of all interfaces take IPv4 too.
            return RunningSCP(self._server(store), "::" if options.ip == "6" else "", options.listen_port)
        except OSError as error:
            raise cannot_listen(options.listen_port, error) from error

    def _server(self, store: "FileStore") -> SCP:
        options = self.options
        storage = Storage(store, transfer_syntaxes=options.prefer, on_stored=self.stored_for, log=PeerLog(self.log))
        return SCP(
            options.move or options.aetitle,
            [Verification(), storage],
            timeouts=Timeouts(artim=options.acse_timeout, acse=options.acse_timeout, idle=options.idle_timeout),
            tls=self._tls(),
            family=FAMILIES[options.ip],
            write_seconds=options.socket_timeout or FOR_EVER,
            trace=tracer(self.log),
            log=PeerLog(self.log),
            maximum_length=options.max_pdu & ~1,  # fragments are even (PS3.8 E.1), so an odd maximum is never used
        )

    def _tls(self) -> "ssl.SSLContext | None":
        if not self.options.tls:
            return None
        from .tls import acceptor_context

        return acceptor_context(self.options)
