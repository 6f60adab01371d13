"""Several C-STOREs outstanding at a time, as many as were agreed (PS3.7 D.3.3.3): no waiting for a response to send on.

A peer may answer in any order; results are given in the order of its answers.
"""

from collections import deque
from collections.abc import Container, Iterable

from ...dimse.exchange import Exchange, Response
from ..errors import NoAcceptedContext
from ..steps import Steps, failure, sent
from .outgoing import OutgoingFile
from .user import StoreResult, not_sent, result_of, start

AT_MOST = 64
"""Requests outstanding where the peer takes any number: each holds a file open."""


class Pipeline:
    """Files on their way over one association.

    Args:
        exchange: an established association.
        files: what to send.
        preferred: transfer syntax to convert to where it was accepted and both are uncompressed.
        decompress: compressed transfer syntaxes to decompress where no context was accepted for them.
    """

    def __init__(
        self,
        exchange: Exchange,
        files: Iterable[OutgoingFile],
        *,
        preferred: str = "",
        decompress: Container[str] = (),
    ) -> None:
        self._exchange = exchange
        self._files = iter(files)
        self._preferred = preferred
        self._decompress = decompress
        self._results: deque[StoreResult] = deque()
        self.unanswered: dict[int, OutgoingFile] = {}
        """What has been sent, and waits for its response, by Message ID: where an association is lost, nobody knows
        whether the peer has it."""

    def next(self, now: float) -> Steps[StoreResult | None]:
        """Send what may be sent, and wait for the next result; None after the last.

        Raises:
            AssociationError: the association ended first.
        """
        while True:
            if self._exchange.ending is None:
                self._fill(now)
            if self._results:
                return self._results.popleft()
            failure(self._exchange.ending)
            if not self.unanswered:
                return None
            now = yield from self._listen()

    def drain(self, now: float) -> Steps[None]:
        """Wait for what is outstanding, sending no more."""
        while self.unanswered:
            failure(self._exchange.ending)
            now = yield from self._listen()
        yield from sent(self._exchange, now)

    def _fill(self, now: float) -> None:
        """Send as many as may be outstanding; where not even one may, sending it tells why."""
        exchange = self._exchange
        while not self.unanswered or (exchange.may_invoke and len(self.unanswered) < AT_MOST):
            file = next(self._files, None)
            if file is None:
                return
            try:
                message_id = start(exchange, file, now, preferred=self._preferred, decompress=self._decompress)
            except (NoAcceptedContext, OSError, ValueError) as error:  # ValueError: the file is not what it should be
                self._results.append(not_sent(file, error))
                file.close()
                return  # there is something to give
            else:
                self.unanswered[message_id] = file

    def _listen(self) -> Steps[float]:
        """Wait for responses, and take all there are; the time."""
        inbox, now = yield
        while inbox:
            event = inbox.popleft()
            if isinstance(event, Response) and event.request.message_id in self.unanswered:
                file = self.unanswered.pop(event.request.message_id)
                file.close()
                self._results.append(result_of(file, event))
        return now
