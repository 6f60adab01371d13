"""What the tools say while they work: lines on stderr, as text with DCMTK's letter in front or as JSON.

structlog does the work, but it is loaded by the first line that is really written: a tool with nothing to
say starts faster by a tenth of a second. What peers send ends up in these lines, so control characters are
escaped and long strings are cut, and lines a peer can cause at will go through a rate limit.
"""

import sys
import time
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, TextIO

LEVELS = {"fatal": 0, "error": 1, "warn": 2, "info": 3, "debug": 4, "trace": 5}
"""What is said, from least to most."""
LETTERS = {"fatal": "F", "error": "E", "warn": "W", "info": "I", "debug": "D", "trace": "T"}
"""The letter in front of a line, as DCMTK writes it."""
LONGEST = 256
"""Characters of a value that are shown: enough for every title, UID and path one has to tell apart."""
LINES_A_SECOND = 10
"""Lines a second of one key; a peer that floods us must not fill the disk."""

EventDict = MutableMapping[str, Any]


class Log:
    """A log with a level, a format and values that stand in every line."""

    def __init__(
        self,
        level: str = "warn",
        format: str = "text",  # noqa: A002 - the option is called so
        *,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
        values: Mapping[str, object] | None = None,
    ) -> None:
        self.level = level
        """The most detailed level that is written."""
        self._format = format
        self._stream = stream
        self._clock = clock
        self._values = dict(values or {})
        self._limit = RateLimit()
        self._logger: Any = None

    def bind(self, **values: object) -> "Log":
        """The same log with more values in every line."""
        bound = Log(self.level, self._format, stream=self._stream, clock=self._clock)
        bound._values = self._values | values
        bound._limit = self._limit
        return bound

    def says(self, level: str) -> bool:
        """Whether a line of this level is written; ask before computing what is expensive."""
        return LEVELS[level] <= LEVELS[self.level]

    def fatal(self, event: str, **values: object) -> None:
        """The tool cannot go on."""
        self.write("fatal", event, **values)

    def error(self, event: str, **values: object) -> None:
        """Something asked for was not done."""
        self.write("error", event, **values)

    def warning(self, event: str, **values: object) -> None:
        """Something is odd."""
        self.write("warn", event, **values)

    def info(self, event: str, **values: object) -> None:
        """What happens."""
        self.write("info", event, **values)

    def debug(self, event: str, **values: object) -> None:
        """What happens inside."""
        self.write("debug", event, **values)

    def trace(self, event: str, **values: object) -> None:
        """Every event of the machine."""
        self.write("trace", event, **values)

    def write(self, level: str, event: str, **values: object) -> None:
        """A line of any level."""
        if self.says(level):
            self._line(level, event, values)

    def limited(self, key: object, level: str, event: str, **values: object) -> None:
        """A line that a peer can cause; of one key so many a second are written, the rest are counted."""
        if not self.says(level):
            return
        admitted, withheld = self._limit.admit(key, self._clock())
        if withheld:
            self._line(level, f"{withheld} more lines like the next one were withheld", {})
        if admitted:
            self._line(level, event, values)

    def close(self) -> None:
        """Tell what the rate limit still withholds."""
        for key, withheld in self._limit.withheld():
            if self.says("warn"):
                event, peer = key if isinstance(key, tuple) else (key, None)
                about = {"of": str(event)} | ({} if peer is None else {"peer": peer})
                self._line("warn", f"{withheld} more lines were withheld", about)

    def _line(self, level: str, event: str, values: Mapping[str, object]) -> None:
        if self._logger is None:
            self._logger = _logger(self._format, self._stream or sys.stderr)
        self._logger.line(event, level=level, **_located({**self._values, **values}))


class PeerLog:
    """A log for what peers cause: each of them gets so many warnings and errors of a kind a second."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def info(self, event: str, **values: object) -> None:
        """What went as it should; whoever asks for these lines wants them all."""
        self._log.info(event, **values)

    def warning(self, event: str, **values: object) -> None:
        """What someone may want to look at."""
        self._log.limited((event, values.get("peer")), "warn", event, **values)

    def error(self, event: str, **values: object) -> None:
        """What someone must look at."""
        self._log.limited((event, values.get("peer")), "error", event, **values)


def _located(values: Mapping[str, object]) -> dict[str, object]:
    """An exception becomes the place it came from: its text may hold values of a data set, which no line may show."""
    shown = dict(values)
    error = shown.pop("exc_info", None)
    if isinstance(error, BaseException) and error.__traceback__ is not None:
        import traceback

        frame = traceback.extract_tb(error.__traceback__)[-1]
        shown["at"] = f"{frame.filename}:{frame.lineno}"
    return shown


class RateLimit:
    """So many a second of each key; what is more is counted and told later. Time is an argument."""

    MOST_KEYS = 1000
    """Keys remembered; the oldest is forgotten first, so that a flood of keys is no flood of memory."""

    def __init__(self, a_second: int = LINES_A_SECOND) -> None:
        self._a_second = a_second
        self._windows: dict[object, tuple[float, int]] = {}

    def admit(self, key: object, now: float) -> tuple[bool, int]:
        """Whether one more may pass, and how many were withheld in the second that is over."""
        begun, count = self._windows.get(key, (now, 0))
        withheld = 0
        if now - begun >= 1.0:
            withheld = max(count - self._a_second, 0)
            begun, count = now, 0
        if key not in self._windows and len(self._windows) >= self.MOST_KEYS:
            del self._windows[next(iter(self._windows))]
        self._windows[key] = (begun, count + 1)
        return count < self._a_second, withheld

    def withheld(self) -> list[tuple[object, int]]:
        """What was withheld and not told yet; forgets it."""
        left = [(key, count - self._a_second) for key, (_, count) in self._windows.items()]
        self._windows.clear()
        return [(key, count) for key, count in left if count > 0]


class _Lines:
    """What structlog writes to: a line is one write, so that lines of several processes do not mix."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def line(self, text: str) -> None:
        self._stream.write(f"{text}\n")
        self._stream.flush()


def _logger(format: str, stream: TextIO) -> Any:  # noqa: A002 - the option is called so
    import structlog

    if format == "json":
        stamp = structlog.processors.TimeStamper(fmt="iso", utc=True, key="time")
        processors: list[Any] = [_tamed, stamp, structlog.processors.JSONRenderer(default=str)]
    else:
        processors = [_tamed, _as_text]
    return structlog.wrap_logger(_Lines(stream), processors=processors, wrapper_class=structlog.BoundLogger)


def _tamed(_logger: Any, _method: str, line: EventDict) -> EventDict:
    """A structlog processor: whatever is shown is short and has no control characters."""
    return {key: value if isinstance(value, int | float | None) else tame(str(value)) for key, value in line.items()}


def tame(text: str) -> str:
    """The text with control characters escaped and its end cut off when it is long."""
    if len(text) > LONGEST:
        text = text[:LONGEST] + "…"
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _as_text(_logger: Any, _method: str, line: EventDict) -> str:
    """A structlog processor, the last: `I: event key=value`; what is not there is left out."""
    letter, event = LETTERS[line.pop("level")], line.pop("event")
    values = "".join(f" {key}={_quoted(str(value))}" for key, value in line.items() if value is not None)
    return f"{letter}: {event}{values}"


def _quoted(value: str) -> str:
    return value if value and " " not in value and '"' not in value else '"' + value.replace('"', '\\"') + '"'
