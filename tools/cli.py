"""`dulcet TOOL ...`: find the tool, run it, and turn what it raises into a sentence and an exit code.

A tool is a module beside this one with `main(argv) -> int`, loaded when it is called and not before; those of
`NETWORK_TOOLS` are given the parsed options in place of the words. A symbolic link named after a tool runs that
tool.
"""

import errno
import gc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from .exit_codes import ExitCode, for_error

if TYPE_CHECKING:
    import argparse

TOOLS = {
    "echoscu": ("echoscu", "ask a peer whether it is there (C-ECHO)"),
    "storescu": ("storescu", "send files to a peer (C-STORE)"),
    "storescp": ("storescp", "receive objects and write them to files"),
    "findscu": ("findscu", "ask a peer what it has (C-FIND)"),
    "getscu": ("getscu", "fetch objects over the same association (C-GET)"),
    "movescu": ("movescu", "have objects sent to somebody (C-MOVE)"),
    "dcmsend": ("dcmsend", "send folders, media and archives (C-STORE)"),
    "dcmrecv": ("dcmrecv", "receive objects, the simple way"),
    "qrscp": ("qrscp", "keep an archive that can be queried"),
    "termscu": ("termscu", "ask a server to stop"),
    "table": ("table", "show the state table, PS3.8 Table 9-10"),
    "dump": ("dump", "show bytes as PDUs"),
    "demo": ("demo", "watch two entities talk"),
    "conformance": ("conformance.command", "judge whether a peer follows the standard"),
    "manual": ("manual", "make manual pages, an HTML reference, shell completion"),
    "link-tools": ("link_tools", "make links, so that `echoscu` alone runs ours"),
}
"""Each tool's module and what it does."""
NETWORK_TOOLS = (
    "echoscu",
    "storescu",
    "storescp",
    "findscu",
    "getscu",
    "movescu",
    "dcmsend",
    "dcmrecv",
    "qrscp",
    "termscu",
)
"""Those whose options stand in `options`."""

_OF_STDOUT = {errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What writing to standard output fails with, when nobody reads on or its disk is full; of a file we tell the name."""
_HELP_WORDS = ("-h", "--help", "help")


def main(argv: Sequence[str] | None = None, program: str | None = None) -> int:
    """The console script: the exit code of the tool that was called.

    It makes the process its own: what is in memory once a tool is loaded is left out of garbage collection.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    name = os.path.basename(sys.argv[0] if program is None else program)
    try:
        code = _main(name, words)
        sys.stdout.flush()
        return code
    except OSError as error:
        return _cannot_print("dulcet", error)


def _main(name: str, words: list[str]) -> int:
    if name in TOOLS:
        return run(name, words)
    if not words:
        print(help_text(), file=sys.stderr)
        return ExitCode.USAGE
    if words[0] in _HELP_WORDS:
        print(help_text())
        return ExitCode.SUCCESS
    if words[0] == "--version":
        from .options.command_line import version_text

        print(version_text())
        return ExitCode.SUCCESS
    if words[0] not in TOOLS:
        print(_unknown(words[0]), file=sys.stderr)
        return ExitCode.USAGE
    return run(words[0], words[1:])


def run(tool: str, argv: Sequence[str]) -> int:
    """A tool's exit code, whatever it raises; only what nobody expected comes with a traceback."""
    options: argparse.Namespace | None = None
    try:
        if tool in NETWORK_TOOLS:
            # Before the tool is imported: a wrong command line need not wait for the services.
            with _nothing_collected():
                from .options.command_line import parse

                options = parse(tool, argv)
        return _call(tool, argv if options is None else options)
    except SystemExit as end:
        return _ended(end)
    except KeyboardInterrupt:
        _tell(tool, options, "stopped from the keyboard", ExitCode.INTERRUPTED)
        return ExitCode.INTERRUPTED
    except Exception as error:  # what is not expected is raised again
        if isinstance(error, OSError) and error.filename is None and error.errno in _OF_STDOUT:
            return _cannot_print(f"dulcet {tool}", error)
        if not _expected(error):
            raise
        if _in_detail(argv):
            import traceback

            traceback.print_exception(error)
        _tell(tool, options, _sentence(error, options), for_error(error))
        return for_error(error)


def _call(tool: str, given: "Sequence[str] | argparse.Namespace") -> int:
    with _nothing_collected():
        module = import_module(f".{TOOLS[tool][0]}", __package__)
    code: int = module.main(given)
    sys.stdout.flush()
    return code


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Importing makes tens of thousands of objects, and no garbage.

    To look for some meanwhile cost 7 of 115 ms; to look at all that was loaded once more at the end 10 of 100.
    """
    collecting, loaded = gc.isenabled(), len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > loaded:
            gc.freeze()
        if collecting:
            gc.enable()


def _cannot_print(who: str, error: OSError) -> int:
    """Standard output takes no more: say so, and end quietly. Python would complain once more when it flushes."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return ExitCode.FAILURE
    print(f"{who}: standard output: {error.strerror}", file=sys.stderr)
    return ExitCode.OUTPUT_NOT_WRITABLE


def _ended(end: SystemExit) -> int:
    """The exit code of a tool that ended the process."""
    if isinstance(end.code, int):
        return end.code
    return ExitCode.SUCCESS if end.code is None else ExitCode.FAILURE


def _tell(tool: str, options: "argparse.Namespace | None", words: str, code: ExitCode) -> None:
    """Why a tool ended early: a line on stderr, and with --json the summary that it did not come to."""
    if options is not None and options.log_format == "json":
        from .log import Log

        Log("fatal", "json").fatal(words, tool=tool, exit_code=int(code))
    else:
        print(f"dulcet {tool}: {words}", file=sys.stderr)
    if options is not None and options.json:
        from .reporting import Report

        Report(json=True).summary(words, exit_code=int(code))


def _expected(error: Exception) -> bool:
    """Whether an error is of the protocol, of the system, or has an exit code of its own."""
    if isinstance(error, OSError) or isinstance(getattr(error, "exit_code", None), str):
        return True
    from ..dul.errors import ProtocolError

    return isinstance(error, ProtocolError)


def _in_detail(argv: Sequence[str]) -> bool:
    asked = zip(argv, ["", *argv], strict=False)
    return any(
        word in ("-d", "--debug") or (word in ("debug", "trace") and before in ("-ll", "--log-level"))
        for word, before in asked
    )


def _sentence(error: Exception, options: "argparse.Namespace | None") -> str:
    """What happened, in a line: with whom, if it is about an association; an error of the system without its number."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    from ..services.errors import AssociationError

    words = str(error)
    if isinstance(error, AssociationError) and options is not None and "peer" in options:
        from .connection import at_peer, peer_of

        words = at_peer(peer_of(options), error)
    return " ".join(words.split()) or type(error).__name__


def help_text() -> str:
    """What `dulcet --help` prints."""
    lines = ["usage: dulcet TOOL [options] ...", "", "tools:"]
    lines += [f"  {tool:<12}{words}" for tool, (_, words) in TOOLS.items()]
    lines += [
        "",
        "to begin:",
        "  dulcet demo                 two entities talk, and you see how",
        "  dulcet echoscu HOST PORT    is there a DICOM peer?",
        "  dulcet TOOL --help          what a tool does, examples, all its options",
        "  dulcet --version            the versions of everything",
        "",
        "exit codes:",
    ]
    lines += [f"  {code.value:>3}  {code.words}" for code in ExitCode]
    return "\n".join(lines)


def _unknown(word: str) -> str:
    import difflib

    likely = difflib.get_close_matches(word, TOOLS, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(likely)}?" if likely else ""
    return f"dulcet: there is no tool {word!r}{hint}\nTry: dulcet --help"
