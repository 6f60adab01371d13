"""Ctrl-C for tools that hold an association: once, finish what is under way and release; twice, abort."""

import os
import signal
from types import FrameType, TracebackType
from typing import Self

TOLD = b"stopping when this operation is done; once more aborts the association\n"


class Interrupts:
    """Within its `with` block the first SIGINT or SIGTERM only sets `wanted`; the next raises KeyboardInterrupt."""

    def __init__(self) -> None:
        self.wanted = False
        """Whether the user asked to stop."""

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._came) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _came(self, _number: int, _frame: FrameType | None) -> None:
        if self.wanted:
            raise KeyboardInterrupt
        self.wanted = True
        os.write(2, TOLD)  # not through sys.stderr: it may be in the middle of a line
