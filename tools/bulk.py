"""How dcmsend sends: over several associations, several at a time, with another try where that makes sense.

Each association takes instances from the same queue, so that none idles while another has work. An instance is in the
queue until its response has come; when an association is lost, the instance under way goes back.
"""

import argparse
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from ..acse.agreement import Agreement
from ..services.entity import Entity
from ..services.errors import AssociationError
from ..services.scu import SCU, LiveAssociation
from ..services.storage.outgoing import OutgoingFile
from ..services.storage.proposing import Batch
from ..services.storage.user import StoreResult
from .connection import at_peer, leave, tell_agreement
from .exit_codes import ExitCode, for_error
from .log import Log
from .reporting import Progress
from .retrying import Backoff, is_out_of_resources, is_transient
from .storing import associate


@dataclass(slots=True, eq=False)
class Instance:
    """One instance, and what became of it."""

    number: int
    """Its place among all, from 1 on."""
    file: OutgoingFile
    """Where it is."""
    result: StoreResult | None = None
    """None until its response has come, or it is clear that none will."""
    association: int = 0
    """The number of the association it went over."""
    context_id: int = 0
    """The presentation context it went through."""
    failures: int = 0
    """Associations that ended while it was on its way."""


@dataclass(slots=True)
class Queue:
    """What the contexts of one proposal carry."""

    batch: Batch[OutgoingFile]
    """The proposal."""
    waiting: deque[Instance] = field(default_factory=deque)
    """What is still to be sent."""


class BulkSending:
    """A run of dcmsend on the network.

    Args:
        scu: makes the associations.
        peer: to whom.
        options: the command line.
        log: told of associations.
        on_result: called, by any thread, with each instance that has its result.
        stopping: whether the user wants to stop.
    """

    def __init__(
        self,
        scu: SCU,
        peer: Entity,
        options: argparse.Namespace,
        log: Log,
        *,
        decompress: frozenset[str],
        on_result: Callable[[Instance], None],
        stopping: Callable[[], bool],
    ) -> None:
        self.codes: list[ExitCode] = []
        """What became of the associations."""
        self.associations = 0
        """How many were made."""
        self.contexts = 0
        """How many presentation contexts were proposed on them."""
        self._scu, self._peer, self._options, self._log = scu, peer, options, log
        self._decompress, self._on_result = decompress, on_result
        self._stopped = threading.Event()
        self._user_stops = stopping
        self._backoff = Backoff(options.retry, options.retry_delay, options.retry_jitter)
        self._lock = threading.Lock()

    def send(self, queues: Sequence[Queue], progress: Progress) -> None:
        """Send everything; returns when it is sent, or when the run ended early."""
        if self._options.jobs == 1:
            self._work(queues, progress)
            return
        errors: list[BaseException] = []
        # Daemons, so that a second Ctrl-C need not wait for a peer that says nothing.
        workers = [
            threading.Thread(target=self._guarded, args=(queues, progress, errors), daemon=True)
            for _ in range(self._options.jobs)
        ]
        for worker in workers:
            worker.start()
        try:
            for worker in workers:
                worker.join()
        finally:
            self._stopped.set()
        if errors:
            raise errors[0]

    def _guarded(self, queues: Sequence[Queue], progress: Progress, errors: list[BaseException]) -> None:
        """Work, and bring what ends it early to the main thread; the others end too."""
        try:
            self._work(queues, progress)
        except BaseException as error:  # noqa: BLE001 - it is raised again there
            errors.append(error)
            self._stopped.set()

    def _work(self, queues: Sequence[Queue], progress: Progress) -> None:
        """One association after another, until nothing waits."""
        for queue in queues:
            failures = 0
            while queue.waiting and not self._stopping():
                try:
                    association, number = self._associate(queue)
                except AssociationError as error:
                    failures += 1
                    self._not_made(error, failures)
                    continue
                failures = 0
                with suppress(AssociationError):  # told by `_lost`
                    self._use(association, number, queue, progress)

    def _stopping(self) -> bool:
        return self._stopped.is_set() or self._user_stops()

    def _associate(self, queue: Queue) -> tuple[LiveAssociation, int]:
        """An association, and its number."""
        self._log.info("requesting association", peer=str(self._peer), files=len(queue.waiting))
        association = associate(self._scu, self._peer, self._options, queue.batch)
        with self._lock:
            self.associations += 1
            self.contexts += len(queue.batch.contexts) or len(association.agreement.contexts)
            return association, self.associations

    def _not_made(self, error: AssociationError, failures: int) -> None:
        """Wait for the time of another try, or end the run."""
        if is_transient(error) and failures <= self._backoff.tries:
            self._log.warning(f"trying again: {at_peer(self._peer, error)}", retry=failures)
            self._backoff.wait(failures, self._stopping)
            return
        self._log.error(at_peer(self._peer, error))
        self._add(for_error(error))
        self._stopped.set()

    def _add(self, code: ExitCode) -> None:
        with self._lock:
            self.codes.append(code)

    def _use(self, association: LiveAssociation, number: int, queue: Queue, progress: Progress) -> None:
        """Send what waits over one association."""
        with association:
            tell_agreement(self._options, self._log, association.agreement)
            while (instance := self._next(queue)) is not None:
                instance.association = number
                self._instance(association, queue, instance, progress)
            self._add(leave(association, self._log))

    def _next(self, queue: Queue) -> Instance | None:
        if self._stopping():
            return None
        try:
            return queue.waiting.popleft()
        except IndexError:  # another association was faster
            return None

    def _instance(self, association: LiveAssociation, queue: Queue, instance: Instance, progress: Progress) -> None:
        """Send one instance, again while the peer is out of resources."""
        attempt = 0
        while True:
            result = self._tried(association, queue, instance, progress)
            attempt += 1
            if attempt > self._backoff.tries or not is_out_of_resources(result.status) or self._stopping():
                break
            self._log.warning(f"trying again: {result.status}", file=str(instance.file.path), retry=attempt)
            self._backoff.wait(attempt, self._stopping)
        progress.advance(0, files=1)
        self._done(instance, result, association.agreement)

    def _tried(self, association: LiveAssociation, queue: Queue, instance: Instance, progress: Progress) -> StoreResult:
        self._log.info("sending C-STORE request", file=str(instance.file.path))
        try:
            return self._stored(association, instance, progress)
        except AssociationError as error:
            self._lost(queue, instance, error)
            raise
        except BaseException:  # Ctrl-C, too: it counts as not sent
            queue.waiting.appendleft(instance)
            raise

    def _stored(self, association: LiveAssociation, instance: Instance, progress: Progress) -> StoreResult:
        sent = 0

        def advance(size: int) -> None:
            nonlocal sent
            sent += size
            progress.advance(size)

        acknowledged = False
        try:
            result = association.try_to_store(instance.file, decompress=self._decompress, progress=advance)
            acknowledged = result.stored
        finally:
            if not acknowledged:
                progress.advance(-sent)
        return result

    def _lost(self, queue: Queue, instance: Instance, error: AssociationError) -> None:
        """The association ended while this was on its way: it goes back, unless it is what ends associations."""
        instance.failures += 1
        if is_transient(error) and instance.failures <= self._backoff.tries:
            queue.waiting.appendleft(instance)
            self._log.warning(f"trying again: {error}", file=str(instance.file.path), retry=instance.failures)
            self._backoff.wait(instance.failures, self._stopping)
            return
        file = instance.file
        instance.result = StoreResult(
            file.path, file.sop_class_uid, file.sop_instance_uid, file.size, error=str(error), cause=error
        )
        self._on_result(instance)
        if not self._options.no_halt:
            self._stopped.set()

    def _done(self, instance: Instance, result: StoreResult, agreement: Agreement) -> None:
        instance.result = result
        way = (result.sop_class_uid, result.transfer_syntax_uid)
        for context in agreement.contexts.values():
            if (context.abstract_syntax, context.transfer_syntax) == way:
                instance.context_id = context.id
                break
        self._on_result(instance)
        if not (result.stored or self._options.no_halt):
            self._stopped.set()
