"""`dulcet findscu`: ask a peer what it has (C-FIND, PS3.4 C.4.1 and K)."""

import argparse
import sys
import time
from typing import TYPE_CHECKING

from ..dimse import messages
from ..services.errors import AssociationError
from ..services.identifiers import IdentifierError
from ..services.query.query import Finding, Match, QueryFailed
from ..services.scu import SCU, LiveAssociation
from .connection import at_peer, leave, log_for, peer_of, scu_for, tell_agreement
from .exit_codes import ExitCode, for_error, for_status, worst
from .extraction import Extraction
from .interrupts import Interrupts
from .log import Log
from .matches import columns, dump_lines, plain, view
from .querying import (
    asked,
    check_directory,
    extended,
    refuse,
    sop_class,
    status_shown,
    tell_extension,
    transfer_syntaxes,
)
from .reporting import Matches, Report

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def main(options: argparse.Namespace) -> int:
    """Read the queries, ask them one after another, show and write what is found."""
    log = log_for(options)
    scu = scu_for(options, log)
    searching = Searching(options, log, sop_class(options, "find"))
    queries, bad = asked(options)
    if searching.extraction.wanted:
        check_directory(options.output_directory)
    searching.codes += refuse(bad, len(queries), log)
    if queries:
        searching.ask(scu, queries)
    return searching.summary()


class Searching:
    """The state of one run: what was found so far."""

    def __init__(self, options: argparse.Namespace, log: Log, model: str) -> None:
        self.codes: list[ExitCode] = []
        """What each part of the run came to."""
        self.extraction = Extraction(options, log, model)
        """What is written to files."""
        self._options, self._log, self._model = options, log, model
        self._peer = peer_of(options)
        # What was found goes to stdout, for programs too; so the summary goes there only if a person reads it.
        stream = sys.stdout if options.json or sys.stdout.isatty() else sys.stderr
        self._report = Report(json=options.json, quiet=options.log_level == "fatal", stream=stream)
        self._view = view()
        self._shown = self._how()
        quiet = options.no_progress or options.log_level == "fatal" or self._shown in ("records", "shown")
        self._bar = Matches(wanted=not quiet)
        self._requests = self._matches = 0

    def _how(self) -> str:
        """How responses are shown: as records, "shown" whole, in a table, or not at all, as when they are written."""
        options = self._options
        if options.json:
            return "records"
        default = "hidden" if self.extraction.wanted or options.log_level == "fatal" else "table"
        return options.responses or default

    def ask(self, scu: SCU, queries: "list[Dataset]") -> None:
        """Ask everything on one association; one that fails ends the run."""
        self._log.info("requesting association", peer=str(self._peer), queries=len(queries))
        try:
            with self._associate(scu) as association, Interrupts() as interrupts:
                tell_agreement(self._options, self._log, association.agreement)
                tell_extension(self._options, self._log, association.agreement, self._model)
                for query in queries * self._options.repeat:
                    self._query(association, query, interrupts)
                    if interrupts.wanted:
                        self.codes.append(ExitCode.INTERRUPTED)
                        break
                self.codes.append(leave(association, self._log, abort=self._options.abort))
        except AssociationError as error:
            self._log.error(at_peer(self._peer, error))
            self.codes.append(for_error(error))
        except KeyboardInterrupt:
            self._log.error("stopped from the keyboard")
            self.codes.append(ExitCode.INTERRUPTED)

    def _associate(self, scu: SCU) -> LiveAssociation:
        contexts = [(self._model, transfer_syntaxes(self._options))]
        return scu.associate(self._peer, contexts, extended=extended(self._options, self._model))

    def _query(self, association: LiveAssociation, query: "Dataset", interrupts: Interrupts) -> None:
        """Ask one query, and show what is found."""
        self._requests += 1
        self._log.info("sending C-FIND request", request=self._requests)
        try:
            finding = Finding(association.exchange, query, self._model, messages.MEDIUM, time.monotonic())
        except IdentifierError as unfit:
            self._log.error("not asked", request=self._requests, why=str(unfit))
            self.codes.append(ExitCode.INVALID_INPUT)
            return
        self._take(association, finding, query, interrupts)

    def _take(self, association: LiveAssociation, finding: Finding, query: "Dataset", interrupts: Interrupts) -> None:
        """Take the matches, and stop where --cancel or the user says so."""
        if self._shown == "table":
            self._view.begin(columns(query))
        found, error = 0, ""
        try:
            while (match := association.run(finding.next())) is not None:
                found += 1
                self._found(match, found)
                if found == self._options.cancel or interrupts.wanted:
                    self._log.info("sending C-CANCEL request", request=self._requests)
                    finding.cancel(time.monotonic())
        except QueryFailed as failed:
            error = failed.error_comment
        finally:
            self._bar.finish()
            self._matches += found
            if self._shown == "table":
                self._view.end()
        self._ended(finding, found, error)

    def _found(self, match: Match, number: int) -> None:
        """A match: shown, written, told."""
        self._bar.count()
        files = self.extraction.add(match)
        if match.identifier is None:
            self._log.error("a response cannot be read", request=self._requests, number=number, why=match.error)
            self.codes.append(ExitCode.FAILURE)
        elif self._shown == "table":
            self._view.add(match.identifier)
        elif self._shown == "shown":
            print(
                f"# request {self._requests}, response {number}: {match.status}",
                *dump_lines(match.identifier),
                sep="\n",
            )
        self._report.record(
            "match",
            request=self._requests,
            number=number,
            status=status_shown(match.status),
            dataset=_json(match.identifier) if self._options.json else None,
            files=files,
        )

    def _ended(self, finding: Finding, found: int, error: str) -> None:
        """The final response to a query."""
        status = finding.status
        assert status is not None  # else an AssociationError has been raised
        code = for_status(status.category)
        self.codes.append(code)
        say = self._log.info if code is ExitCode.SUCCESS else self._log.error
        comment = {"comment": plain(error)} if error else {}
        say("received final C-FIND response", request=self._requests, status=str(status), matches=found, **comment)
        self._report.record("response", request=self._requests, status=status_shown(status), error=error, matches=found)

    def summary(self) -> int:
        """The last line, and the exit code: that of the worst that happened."""
        if self._requests:
            self.extraction.close()
        if self.extraction.failed:
            self.codes.append(ExitCode.OUTPUT_NOT_WRITABLE)
        code = worst(self.codes)
        words = f"{self._matches} {'match' if self._matches == 1 else 'matches'} at {self._peer}"
        if code is not ExitCode.SUCCESS:
            words += f": {code.words}"
        self._report.summary(
            words, matches=self._matches, requests=self._requests, peer=str(self._peer), exit_code=int(code)
        )
        return code


def _json(dataset: "Dataset | None") -> dict[str, object] | None:
    """DICOM JSON (PS3.18 F.2)."""
    return None if dataset is None else dataset.to_json_dict(suppress_invalid_tags=True)
