"""What a tool's exit code says: one table for all tools.

The numbers are DCMTK's where it documents one, so that scripts in the field keep working; but they are
computed from the worst that happened: the status of the operations, the answer to the negotiation, the way
the association ended. 1 is for what has no code of its own; a wrong command line is 2, as everywhere else.

An error names its code: a class attribute `exit_code` holding a name of this table (`exit_code =
"REJECTED"`). So the layers below need not import this module, and the numbers stand in one place.
"""

import enum
from collections.abc import Iterable


class ExitCode(enum.IntEnum):
    """Every exit code, from success to the signals."""

    words: str
    """What it means."""

    def __new__(cls, number: int, words: str) -> "ExitCode":
        """Numbers compare and convert; the words come along."""
        code = int.__new__(cls, number)
        code._value_ = number
        code.words = words
        return code

    SUCCESS = 0, "everything asked for was done"
    FAILURE = 1, "it could not be done, for a reason without a code of its own"
    USAGE = 2, "the command line makes no sense"
    NO_INPUT = 21, "there is no file to work on"
    INVALID_INPUT = 22, "a file is not what it should be"
    NO_VALID_INPUT = 23, "no file is what it should be"
    OUTPUT_NOT_WRITABLE = 43, "a result cannot be written"
    OUTPUT_DIRECTORY = 45, "the output directory is missing or cannot be written"
    CONNECT = 60, "the peer cannot be reached"
    REJECTED = 61, "the association was rejected"
    SEND = 62, "a message could not be sent"
    LISTEN = 64, "the port cannot be listened on"
    NO_CONTEXT = 65, "no presentation context that is needed was accepted"
    PROFILE = 66, "the association configuration file is wrong"
    RELEASE = 67, "the work was done, but the association was not released in order"
    WARNING = 68, "done, and the worst status was a warning"
    STATUS = 69, "the worst status was a failure"
    ABORTED = 70, "the association was aborted by a service user (A-ABORT)"
    TLS = 71, "TLS could not be set up"
    PROVIDER_ABORTED = 72, "the association was aborted by a service provider (A-P-ABORT)"
    CONNECTION_LOST = 73, "the connection was closed with neither release nor abort"
    TIMED_OUT = 74, "an answer did not come in time"
    CANCELLED = 75, "the operation was cancelled"
    INTERRUPTED = 130, "stopped by a signal, as from the keyboard"


class Failure(Exception):
    """What a tool finds itself, with the code it ends with."""

    def __init__(self, code: ExitCode, words: str) -> None:
        super().__init__(words)
        self.exit_code = code.name
        """The name of the code."""


SEVERITY = (
    ExitCode.SUCCESS,
    ExitCode.WARNING,
    ExitCode.CANCELLED,
    ExitCode.RELEASE,
    ExitCode.INVALID_INPUT,
    ExitCode.NO_CONTEXT,
    ExitCode.STATUS,
    ExitCode.FAILURE,
    ExitCode.NO_INPUT,
    ExitCode.NO_VALID_INPUT,
    ExitCode.OUTPUT_NOT_WRITABLE,
    ExitCode.OUTPUT_DIRECTORY,
    ExitCode.SEND,
    ExitCode.TIMED_OUT,
    ExitCode.CONNECTION_LOST,
    ExitCode.PROVIDER_ABORTED,
    ExitCode.ABORTED,
    ExitCode.REJECTED,
    ExitCode.TLS,
    ExitCode.CONNECT,
    ExitCode.LISTEN,
    ExitCode.PROFILE,
    ExitCode.USAGE,
    ExitCode.INTERRUPTED,
)
"""From harmless to worst: a single object first, then the association, then that nothing could even begin."""

STATUS_CATEGORIES = {
    "success": ExitCode.SUCCESS,
    "pending": ExitCode.SUCCESS,
    "warning": ExitCode.WARNING,
    "cancel": ExitCode.CANCELLED,
    "failure": ExitCode.STATUS,
}
"""The category of a DIMSE status (PS3.7 Annex C) and the code it leads to."""

_SYSTEM_ERRORS: tuple[tuple[str, ExitCode], ...] = (
    ("KeyboardInterrupt", ExitCode.INTERRUPTED),
    ("SSLError", ExitCode.TLS),
    ("TimeoutError", ExitCode.TIMED_OUT),
    ("ConnectionRefusedError", ExitCode.CONNECT),
    ("gaierror", ExitCode.CONNECT),
    ("ConnectionError", ExitCode.CONNECTION_LOST),
)
"""Errors of Python itself, by name: neither ssl nor socket is imported; the most special ones first."""


def for_error(error: BaseException) -> ExitCode:
    """The code an error names, or that of the error of Python it is, or plain failure."""
    name = getattr(error, "exit_code", None)
    if isinstance(name, str):
        return ExitCode[name]
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return next((code for kind, code in _SYSTEM_ERRORS if kind in kinds), ExitCode.FAILURE)


def for_status(category: str) -> ExitCode:
    """The code for the category of a status."""
    return STATUS_CATEGORIES[category]


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """The worst of some codes; success when there are none."""
    return max(codes, key=SEVERITY.index, default=ExitCode.SUCCESS)


def exit_code_for(outcome: BaseException | str | None) -> ExitCode:
    """The code for what an operation ends with: an error, the category of a status, or nothing to tell."""
    if outcome is None:
        return ExitCode.SUCCESS
    return for_status(outcome) if isinstance(outcome, str) else for_error(outcome)
