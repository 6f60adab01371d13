"""C-STORE as methods of an association, blocking or on an event loop; they run the same steps."""

from collections.abc import AsyncGenerator, Callable, Container, Generator, Iterable
from typing import TYPE_CHECKING, TypeVar

from ...dimse.exchange import Exchange
from ..errors import NoAcceptedContext
from ..steps import Steps

if TYPE_CHECKING:
    from pathlib import Path

    from .outgoing import OutgoingFile
    from .storage import StoreResult

T = TypeVar("T")


class StoreCalls:
    """C-STORE on an association."""

    _exchange: Exchange

    def run(self, steps: Steps[T]) -> T:
        """Run steps to their end."""
        raise NotImplementedError

    def _now(self) -> float:
        """The clock of the steps."""
        raise NotImplementedError

    def store(
        self,
        file: "OutgoingFile | Path | str",
        *,
        preferred: str = "",
        decompress: Container[str] = (),
        progress: Callable[[int], None] | None = None,
    ) -> "StoreResult":
        """C-STORE one file (PS3.7 9.1.1). Its data set goes out as it lies in the file, unless its transfer syntax was
        not accepted and an uncompressed one can be written instead.

        Args:
            file: what to send.
            preferred: transfer syntax to convert to where it was accepted and both are uncompressed.
            decompress: compressed transfer syntaxes to decompress where no context was accepted for them.
            progress: called with numbers of bytes as they leave.

        Raises:
            NoAcceptedContext: no accepted context fits the file.
            AssociationError: the association ended first.
            OSError, NotPart10: the file cannot be read.
        """
        from .storage import store_file

        now = self._now()
        return self.run(
            store_file(self._exchange, file, now, preferred=preferred, decompress=decompress, progress=progress)
        )

    def try_to_store(
        self,
        file: "OutgoingFile",
        *,
        preferred: str = "",
        decompress: Container[str] = (),
        progress: Callable[[int], None] | None = None,
    ) -> "StoreResult":
        """The same, with a file that cannot be sent told in the result.

        Raises:
            AssociationAborted: the association ended first.
        """
        from .storage import not_sent

        try:
            return self.store(file, preferred=preferred, decompress=decompress, progress=progress)
        except (NoAcceptedContext, OSError, ValueError) as error:  # ValueError: the file is not what it should be
            return not_sent(file, error)

    def store_many(
        self, files: "Iterable[OutgoingFile]", *, preferred: str = "", decompress: Container[str] = ()
    ) -> "Generator[StoreResult, None, None]":
        """C-STORE files, as many outstanding at a time as were agreed: `Settings.operations_window` proposes it.

        Args:
            files: what to send; they are asked for as they can go.
            preferred: as for `store`.
            decompress: as for `store`.

        Yields:
            One result for each file, in the order the peer answers; a file that cannot be sent is one with an error.
            Leaving early waits for the answers to what has been sent.

        Raises:
            AssociationError: the association ended first. Whether the peer has what was sent and is unanswered is not
                known.
        """
        from .pipeline import Pipeline

        pipeline = Pipeline(self._exchange, files, preferred=preferred, decompress=decompress)
        try:
            while (result := self.run(pipeline.next(self._now()))) is not None:
                yield result
        except GeneratorExit:
            self.run(pipeline.drain(self._now()))
            raise


class AsyncStoreCalls:
    """The same, awaited."""

    _exchange: Exchange

    async def run(self, steps: Steps[T]) -> T:
        """Run steps to their end."""
        raise NotImplementedError

    def _now(self) -> float:
        """The clock of the steps."""
        raise NotImplementedError

    async def store(self, file: "OutgoingFile | Path | str") -> "StoreResult":
        """C-STORE one file (PS3.7 9.1.1); see the blocking one."""
        from .storage import store_file

        return await self.run(store_file(self._exchange, file, self._now()))

    async def try_to_store(self, file: "OutgoingFile") -> "StoreResult":
        """The same, with a file that cannot be sent told in the result."""
        from .storage import not_sent

        try:
            return await self.store(file)
        except (NoAcceptedContext, OSError, ValueError) as error:  # ValueError: the file is not what it should be
            return not_sent(file, error)

    async def store_many(self, files: "Iterable[OutgoingFile]") -> "AsyncGenerator[StoreResult, None]":
        """C-STORE files, as many outstanding at a time as were agreed; see the blocking one."""
        from .pipeline import Pipeline

        pipeline = Pipeline(self._exchange, files)
        try:
            while (result := await self.run(pipeline.next(self._now()))) is not None:
                yield result
        except GeneratorExit:
            await self.run(pipeline.drain(self._now()))
            raise
