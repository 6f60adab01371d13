"""Where an SCP's log lines go: structlog, as the application configured it.

Where no one configured structlog, lines go to the standard library's logger "dulcet", which is silent below warnings
until the application says otherwise: a library prints nothing by itself. structlog is imported when a server is made:
a client has nothing to say here and need not pay the 60 ms.
"""

from typing import Any, Protocol


class Log(Protocol):
    """What we need of a structlog logger: an event in a few words, and named values. Never values of a data set."""

    def info(self, event: str, **fields: Any) -> Any:
        """What went as it should."""

    def warning(self, event: str, **fields: Any) -> Any:
        """What someone may want to look at."""

    def error(self, event: str, **fields: Any) -> Any:
        """What someone must look at."""


def place(error: BaseException) -> str:
    """Where an exception came from, as file:line. Its text stays out of logs: it may hold values of a data set."""
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "unknown"


def _sentence(_logger: Any, _method: str, line: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    """A structured line for a standard logger: the event, then key=value."""
    text = " ".join([line.pop("event"), *(f"{key}={value!r}" for key, value in line.items())])
    return ("%s", text), {}


def logger() -> Log:
    """dulcet's own logger."""
    import structlog

    if structlog.is_configured():
        return structlog.get_logger("dulcet")  # type: ignore[no-any-return]  # whatever the application chose
    import logging

    stdlib = structlog.stdlib
    return structlog.wrap_logger(  # type: ignore[no-any-return]  # a BoundLogger
        logging.getLogger("dulcet"), processors=[stdlib.filter_by_level, _sentence], wrapper_class=stdlib.BoundLogger
    )
