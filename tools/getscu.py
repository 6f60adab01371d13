"""`dulcet getscu`: fetch objects over the association that asks for them (C-GET, PS3.4 C.4.3)."""

import argparse
import time
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from ..acse.agreement import AcceptedContext
from ..dimse import messages
from ..dimse.fragments import Sink
from ..dimse.status import SUCCESS, Status
from ..dul.items import RoleSelection
from ..dul.pdu import MAXIMUM_CONTEXTS
from ..services.errors import AssociationError
from ..services.query import retrieve_scu
from ..services.query.models import Verb
from ..services.query.receiving import COMMON_STORAGE, Receiving
from ..services.query.retrieve_scu import RetrieveResult
from ..services.scu import SCU, LiveAssociation
from ..services.service import Operation
from ..services.storage.storage import is_storage_class
from ..services.transfer_syntaxes import CONVERTIBLE
from .connection import log_for, scu_for
from .log import Log, PeerLog
from .options.transfer_syntaxes import UNCOMPRESSED
from .querying import asked, check_directory, extended, refuse, transfer_syntaxes
from .retrieving import Request, Retrieving, Watching

if TYPE_CHECKING:
    from ..services.service import Caller
    from ..services.storage.incoming import FileStore
    from ..services.storage.outcome import StoreOutcome


def main(options: argparse.Namespace) -> int:
    """Read the queries and fetch what they name."""
    log = log_for(options)
    scu = scu_for(options, log)
    getting = Getting(options, log)
    queries, bad = asked(options)
    if not options.ignore:
        check_directory(options.output_directory)
    getting.codes += refuse(bad, len(queries), log)
    if queries:
        getting.run(scu, queries)
    return getting.summary()


class Getting(Retrieving):
    """C-GET. Nobody knows which storage classes will come, or how they are compressed, and 128 contexts are not enough
    for all: the usual ones are proposed, and what the peer then could not send is asked for again with others (PS3.4
    C.5.3)."""

    verb: Verb = "get"

    def __init__(self, options: argparse.Namespace, log: Log) -> None:
        super().__init__(options, log)
        self._proposals = proposals(options.prefer)
        self._proposed = 0
        self._again: list[Request] = []
        self._accepted: set[tuple[str, tuple[str, ...]]] = set()
        self._files: FileStore
        self._service: Once

    @contextmanager
    def receiving(self) -> Iterator[None]:
        """The directory."""
        with self.store() as self._files:
            yield

    def ask(self, scu: SCU, requests: list[Request]) -> bool:
        """On as many associations as it takes."""
        goes_on = True
        for number in range(len(self._proposals)):
            self._proposed, self._again = number, []
            try:
                goes_on = super().ask(scu, requests)
            except AssociationError:
                self._give_up(requests)
                raise
            requests = self._again
            if not requests or not goes_on:
                break
        self._give_up(requests)
        return goes_on

    def _give_up(self, requests: list[Request]) -> None:
        """Tell of what has had an answer, if not the last one."""
        for request in requests:
            if request.results and not request.concluded:
                self.conclude(request, combined(request.results, request.received))

    def associate(self, scu: SCU) -> LiveAssociation:
        """The query model's context, and those of storage classes with us as SCP (PS3.7 D.3.3.4)."""
        storage = [each for each in self._proposals[self._proposed] if each not in self._accepted]
        roles = [RoleSelection(uid, scu=False, scp=True) for uid in dict.fromkeys(uid for uid, _ in storage)]
        contexts = [(self.model, transfer_syntaxes(self.options)), *storage]
        asked_for = extended(self.options, self.model)
        self._service = Once(self._files, on_stored=self._came, log=PeerLog(self.log))
        association = scu.associate(self.peer, contexts, roles=roles, extended=asked_for, services=[self._service])
        agreed = association.agreement.contexts.values()
        self._accepted |= {(each.abstract_syntax, (each.transfer_syntax,)) for each in agreed}
        return association

    def retrieve(self, association: LiveAssociation, request: Request, watch: Watching) -> RetrieveResult:
        """C-GET."""
        self._service.begin(request.received)
        steps = retrieve_scu.get(
            association.exchange, request.query, time.monotonic(), model=self.model, progress=watch
        )
        return association.run(steps)

    def _came(self, _caller: "Caller", outcome: "StoreOutcome") -> None:
        self.stored(outcome, self.peer.title, self.peer.host)

    def answered(self, request: Request, result: RetrieveResult) -> None:
        """What failed may be of a class, or in a transfer syntax, that was not proposed. A peer that only sends what
        came before is not asked once more."""
        request.results.append(result)
        useful = self._service.new or not self._service.known
        more = self._proposed + 1 < len(self._proposals)
        if result.failed and useful and more and not result.status.is_cancel:
            self.log.info("not everything came; asking again with other storage contexts", failed=result.failed)
            self._again.append(request)
        else:
            self.conclude(request, combined(request.results, request.received))


class Once(Receiving):
    """C-STORE of a request that is tried on several associations: what has come is not stored again."""

    new = known = 0
    """How many objects came on this association: for the first time, and once more."""
    _received: set[str]

    def begin(self, received: set[str]) -> None:
        """What has come of the request that follows; what comes now is added."""
        self._received = received
        self.new = self.known = 0

    def open_sink(self, caller: "Caller", context: AcceptedContext, request: messages.Request) -> Sink:
        """Nothing is kept of an object that is there already."""
        if request.name == "C-STORE-RQ" and request.sop_instance_uid in self._received:
            return Nothing()
        return super().open_sink(caller, context, request)

    def perform(self, operation: Operation) -> messages.Response:
        """C-STORE-RSP."""
        if isinstance(operation.sink, Nothing):
            self.known += 1
            return operation.request.response(SUCCESS)
        response = super().perform(operation)
        if response.status == SUCCESS:
            self.new += 1
            self._received.add(operation.request.sop_instance_uid or "")
        return response


class Nothing:
    """A sink that keeps nothing."""

    def write(self, fragment: bytes | memoryview) -> None:
        """Take the next bytes of the data set."""


def combined(results: Sequence[RetrieveResult], received: Set[str]) -> RetrieveResult:
    """One result of a request that was tried on several associations, on each of which other objects could come.

    Args:
        results: in their order; at least one.
        received: SOP Instance UIDs of what has come, on all of them.
    """
    first, last = results[0], results[-1]
    if len(results) == 1:
        return first
    total = first.completed + first.failed + first.warning
    completed = min(len(received), total)
    status = last.status
    if completed and not status.is_cancel:
        status = Status(0x0000 if completed == total else 0xB000)
    failed = total - completed
    missing = tuple(uid for uid in last.failed_sop_instances if uid not in received)
    comment = last.error_comment if failed else ""
    return replace(
        last,
        status=status,
        completed=completed,
        failed=failed,
        warning=0,
        failed_sop_instances=missing,
        error_comment=comment,
    )


Proposal = list[tuple[str, tuple[str, ...]]]
"""The storage contexts of an association: SOP classes and transfer syntaxes."""


def proposals(preferred: tuple[str, ...]) -> list[Proposal]:
    """What to propose on one association after another, as long as objects are missing.

    A peer accepts one transfer syntax a context, so compressed ones have contexts of their own: first all in one, with
    every storage class there is; then each alone, with the usual classes.
    """
    compressed = tuple(uid for uid in preferred if uid not in UNCOMPRESSED)
    images = [uid for uid in compressed if uid not in CONVERTIBLE]
    every = [compressed, UNCOMPRESSED] if compressed else [preferred]
    contexts = [(uid, syntaxes) for uid in storage_classes() for syntaxes in every]
    found = list(_by_association(contexts, len(every)))
    if len(images) > 1:
        alone: Proposal = [(uid, (one,)) for one in images for uid in COMMON_STORAGE]
        found += _by_association(alone, 1)
    return found


def _by_association(contexts: Proposal, together: int) -> Iterator[Proposal]:
    room = (MAXIMUM_CONTEXTS - 1) // together * together
    yield from (contexts[start : start + room] for start in range(0, len(contexts), room))


def storage_classes() -> list[str]:
    """All storage classes, those seen most first, the retired ones last."""
    from pydicom._uid_dict import UID_dictionary

    others = (uid for uid in UID_dictionary if is_storage_class(uid))
    return list(dict.fromkeys([*COMMON_STORAGE, *sorted(others, key=lambda uid: "Retired" in UID_dictionary[uid][3])]))
