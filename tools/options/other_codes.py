"""Where a tool ends with another exit code than DCMTK's of the same name, and why: for scripts that look at codes.

DCMTK's codes are those that version 3.6.7 was seen to end with. The live tests run both tools side by side, and fail
where two codes differ and nothing here says why.
"""

from ..exit_codes import ExitCode

Difference = tuple[int, ExitCode, str]
"""DCMTK's code, ours, and why."""

EVERY_TOOL: tuple[Difference, ...] = (
    (1, ExitCode.USAGE, "a wrong command line is told from work that failed"),
    (0, ExitCode.USAGE, "a command line without a word asks for nothing; -h shows the usage"),
)
"""The differences of every tool."""

_UNREACHABLE = (1, ExitCode.CONNECT, "a peer that nobody can reach has a code of its own")
_REJECTED = (1, ExitCode.REJECTED, "a rejection has a code of its own")
_NO_CONTEXT = (1, ExitCode.NO_CONTEXT, "a presentation context that was not accepted has a code of its own")
_TLS = (1, ExitCode.TLS, "TLS that cannot be set up has a code of its own")
_DIRECTORY = (1, ExitCode.OUTPUT_DIRECTORY, "an output directory that cannot be written has a code of its own")
_PROFILE = (1, ExitCode.PROFILE, "an association configuration file that is wrong has a code of its own")
_ABORTED = "the peer aborted instead of answering"
_CLOSED = "the peer closed the connection instead of answering"
_FAILED = (0, ExitCode.STATUS, "the status of the response was a failure")
_WARNED = (0, ExitCode.WARNING, "the status of the response was a warning")
_UNANSWERED = ((0, ExitCode.ABORTED, _ABORTED), (0, ExitCode.CONNECTION_LOST, _CLOSED))
_MISSED = (0, ExitCode.INVALID_INPUT, "with -nh: the rest was sent, but a file was not")
_REFUSED = (0, ExitCode.NO_CONTEXT, "a file was not sent, as no presentation context for it was accepted")
_STOPPED = tuple(
    (code, ExitCode.SUCCESS, f"it was stopped by {signal}, after what was under way: that is how a server ends")
    for code, signal in ((143, "SIGTERM"), (130, "SIGINT"))
)

OTHER_CODES: dict[str, tuple[Difference, ...]] = {
    "echoscu": (_UNREACHABLE, _REJECTED, _NO_CONTEXT, _TLS, *_UNANSWERED, _FAILED, _WARNED),
    "storescu": (
        *(_UNREACHABLE, _REJECTED, _NO_CONTEXT, _TLS, _PROFILE),
        (1, ExitCode.NO_INPUT, "there is no file to send: dcmsend's code"),
        (1, ExitCode.INVALID_INPUT, "a file is bad, and all are looked at before any is sent: dcmsend's code"),
        (1, ExitCode.NO_VALID_INPUT, "no file is good: dcmsend's code"),
        _MISSED,
        (0, ExitCode.NO_VALID_INPUT, "with -nh: nothing was sent, as no file is good"),
        *(_REFUSED, _FAILED, _WARNED),
        (1, ExitCode.STATUS, "01xxH was the status, and DCMTK's code is its first byte"),
        (167, ExitCode.STATUS, "A7xxH was the status, and DCMTK's code is its first byte, whatever that is"),
        (193, ExitCode.STATUS, "C1xxH was the status, and so on"),
        *((code, ExitCode.ABORTED, _ABORTED) for code in (10, 1)),
        *((code, ExitCode.CONNECTION_LOST, _CLOSED) for code in (10, 1)),
    ),
    "findscu": (
        *((2, code, why) for _, code, why in (_UNREACHABLE, _REJECTED, _NO_CONTEXT)),
        *(_TLS, _DIRECTORY, *_UNANSWERED, _FAILED, _WARNED),
    ),
    "getscu": (
        *(_UNREACHABLE, _REJECTED, _NO_CONTEXT, _DIRECTORY, _FAILED, _WARNED),
        (1, ExitCode.ABORTED, _ABORTED),
        (1, ExitCode.CONNECTION_LOST, _CLOSED),
    ),
    "movescu": (
        (61, ExitCode.CONNECT, "a peer that cannot be reached is told from one that rejects"),
        (66, ExitCode.NO_CONTEXT, "one code for all tools, dcmsend's"),
        (60, ExitCode.LISTEN, "the port of +P cannot be listened on: dcmrecv's code"),
    ),
    "dcmsend": (
        (61, ExitCode.CONNECT, "a peer that cannot be reached is told from one that rejects"),
        (22, ExitCode.NO_VALID_INPUT, "no file is good"),
        *(_MISSED, _REFUSED, _FAILED, _WARNED),
        (62, ExitCode.ABORTED, _ABORTED),
        (62, ExitCode.CONNECTION_LOST, _CLOSED),
    ),
    "storescp": (
        *(_DIRECTORY, _PROFILE, _TLS),
        (1, ExitCode.LISTEN, "the port cannot be listened on: dcmrecv's code"),
        *_STOPPED,
    ),
    "dcmrecv": _STOPPED,
    "termscu": (
        (1, ExitCode.SUCCESS, "the server rejects the association because it stops, which is what was asked for"),
        *(_UNREACHABLE, _REJECTED),
    ),
}
"""The differences of each tool of DCMTK's names. Codes that are not here are the same."""
