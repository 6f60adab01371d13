"""C-STORE as methods of an association, told once for the blocking and the asyncio one.

On a blocking association they return their results; on an asyncio one those are awaited, or iterated with `async for`.
"""

from collections.abc import Callable, Container, Iterable
from typing import TYPE_CHECKING, Generic, TypeVar

from ..live import Live
from ..steps import Steps

if TYPE_CHECKING:
    from pathlib import Path

    from .outgoing import OutgoingFile
    from .pipeline import Pipeline
    from .user import StoreResult

R = TypeVar("R")
"""A `StoreResult`, or what is awaited for it."""
G = TypeVar("G")
"""A generator of them, or an asynchronous one."""


class StoreCalls(Live, Generic[R, G]):
    """C-STORE on an association."""

    def _stored(self, steps: "Steps[StoreResult]") -> R:
        """Run one C-STORE."""
        raise NotImplementedError

    def _all_stored(self, pipeline: "Pipeline") -> G:
        """Run many."""
        raise NotImplementedError

    def store(
        self,
        file: "OutgoingFile | Path | str",
        *,
        preferred: str = "",
        decompress: Container[str] = (),
        progress: Callable[[int], None] | None = None,
    ) -> R:
        """C-STORE one file (PS3.7 9.1.1). Its data set goes out as it lies in the file, unless its transfer syntax was
        not accepted and an uncompressed one can be written instead.

        Args:
            file: what to send.
            preferred: transfer syntax to convert to where it was accepted and both are uncompressed.
            decompress: compressed transfer syntaxes to decompress where no context was accepted for them.
            progress: called with numbers of bytes as they leave.

        Returns:
            `StoreResult`: what the peer answered.

        Raises:
            NoAcceptedContext: no accepted context fits the file.
            AssociationError: the association ended first.
            OSError, NotPart10: the file cannot be read.
        """
        from .user import store_file

        now = self.now()
        return self._stored(
            store_file(self._exchange, file, now, preferred=preferred, decompress=decompress, progress=progress)
        )

    def try_to_store(
        self,
        file: "OutgoingFile",
        *,
        preferred: str = "",
        decompress: Container[str] = (),
        progress: Callable[[int], None] | None = None,
    ) -> R:
        """The same, with a file that cannot be sent told in the result.

        Raises:
            AssociationAborted: the association ended first.
        """
        from .user import try_to_store_file

        now = self.now()
        return self._stored(
            try_to_store_file(self._exchange, file, now, preferred=preferred, decompress=decompress, progress=progress)
        )

    def store_many(self, files: "Iterable[OutgoingFile]", *, preferred: str = "", decompress: Container[str] = ()) -> G:
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

        return self._all_stored(Pipeline(self._exchange, files, preferred=preferred, decompress=decompress))
