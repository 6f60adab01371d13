"""What a tool tells of its results: records and a summary on stdout, a progress bar on a terminal.

With `--json` each record is an object on a line of its own and the summary comes last; without, the last
line says in words what became of it all. rich is loaded only when a bar is really drawn.
"""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


REDRAWN = 0.1
"""Seconds between two looks of a line that is written again and again."""


def objects(count: int) -> str:
    """How many, in words."""
    return f"{count} object{'s' if count != 1 else ''}"


def a_second(count: int, begun: float) -> str:
    """How fast that many came since then (in seconds of `time.monotonic`), in words."""
    rate = count / max(time.monotonic() - begun, 0.001)
    return f"{rate:.0f} a second" if rate >= 10 else f"{rate:.1f} a second"


class Report:
    """Records and a summary, for people or for programs."""

    def __init__(self, *, json: bool = False, quiet: bool = False, stream: TextIO | None = None) -> None:
        self._json = json
        self._quiet = quiet
        self._stream = stream or sys.stdout

    @property
    def records(self) -> bool:
        """Whether results are told one by one; ask before computing for each of many."""
        return self._json

    def record(self, kind: str, **values: object) -> None:
        """One result; people see the summary only."""
        if self._json:
            self._object({"record": kind, **values})

    def summary(self, words: str, **values: object) -> None:
        """The end: a sentence for people, the same sentence and its figures for programs."""
        if self._json:
            self._object({"record": "summary", "words": words, **values})
        elif not self._quiet:
            self._write(words)

    def _object(self, values: dict[str, object]) -> None:
        import json

        self._write(json.dumps(values, default=str))

    def _write(self, line: str) -> None:
        # Flushed line by line, so that a program reading along sees each record when it happens.
        self._stream.write(f"{line}\n")
        self._stream.flush()


class Progress:
    """A progress bar with rate and time left; nothing at all when nobody is looking."""

    def __init__(
        self,
        total_files: int,
        total_bytes: int,
        *,
        wanted: bool = True,
        stream: TextIO | None = None,
    ) -> None:
        self._stream = stream or sys.stderr
        self._files = 0
        self._total_files = total_files
        self._task: Any = None
        self._bar: Bar | None = None
        if wanted and self._stream.isatty():
            self._bar = _bar(self._stream)
            self._task = self._bar.add_task(self._told(), total=total_bytes)
            self._bar.start()

    @property
    def shown(self) -> bool:
        """Whether anybody looks."""
        return self._bar is not None

    def advance(self, number_of_bytes: int, *, files: int = 0) -> None:
        """So many bytes are sent, and perhaps a file is done."""
        self._files += files
        if self._bar is not None:
            self._bar.update(self._task, advance=number_of_bytes, description=self._told())

    def finish(self) -> None:
        """Leave the terminal as it was; may be called twice."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def _told(self) -> str:
        return f"{self._files} of {self._total_files} files"


class Tally:
    """How many of so many are done, how fast, and how long the rest takes; nothing at all when nobody is looking.

    For what is counted and has no bytes.
    """

    def __init__(self, doing: str, what: str, *, wanted: bool = True, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._wanted = wanted and self._stream.isatty()
        self._doing, self._what = doing, what
        self._bar: Bar | None = None
        self._task: Any = None

    def tell(self, done: int, total: int) -> None:
        """So many of so many."""
        if self._bar is None and self._wanted and total:
            self._bar = _tally(self._stream, self._what)
            self._begun = time.monotonic()
            self._task = self._bar.add_task(self._doing, total=total)
            self._bar.start()
        if self._bar is not None:
            description = f"{self._doing}, {a_second(done, self._begun)}" if done else self._doing
            self._bar.update(self._task, completed=done, total=total, description=description)

    def __enter__(self) -> "Tally":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


class Counter:
    """What a server has received, on one line of a terminal that is written again; nothing when nobody is looking."""

    def __init__(self, *, wanted: bool = True, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._shown = wanted and self._stream.isatty()
        self._objects = self._bytes = 0

    def count(self, number_of_bytes: int) -> None:
        """One more object of so many bytes."""
        self._objects += 1
        self._bytes += number_of_bytes
        if self._shown:
            self._stream.write(f"\r{objects(self._objects)}, {self._bytes / 1e6:.1f} MB received\x1b[K")
            self._stream.flush()

    def finish(self) -> None:
        """Leave the line; may be called twice."""
        if self._shown and self._objects:
            self._stream.write("\n")
        self._shown = False


class Matches:
    """How many matches have come, and how fast, on one line of a terminal that is erased at the end.

    Nobody knows how many there will be (PS3.4 C.4.1), so there is no time left to tell.
    """

    def __init__(
        self, *, wanted: bool = True, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream, self._clock = stream or sys.stderr, clock
        self._wanted = wanted and self._stream.isatty()
        self._matches = 0
        self._begun = self._told = clock()

    def count(self) -> None:
        """One more."""
        self._matches += 1
        now = self._clock()
        if self._wanted and now - self._told >= REDRAWN:
            self._told = now
            rate = self._matches / (now - self._begun)
            self._stream.write(f"\r{self._matches} matches, {rate:.0f} a second\x1b[K")
            self._stream.flush()

    def finish(self) -> None:
        """Erase the line, if there is one; may be called twice."""
        if self._told > self._begun:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._told = self._begun


def _bar(stream: TextIO) -> "Bar":
    from rich import progress
    from rich.console import Console

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
        console=Console(file=stream),
        transient=True,
    )


def _tally(stream: TextIO, what: str) -> "Bar":
    from rich import progress
    from rich.console import Console

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(bar_width=20),
        progress.MofNCompleteColumn(),
        progress.TextColumn(what),
        progress.TimeRemainingColumn(),
        console=Console(file=stream),
        transient=True,
    )
