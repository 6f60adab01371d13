"""`dulcet conformance COMMAND ...`: finds the command, loaded when it is called and not before.

A command is a module beside this one with `main(argv) -> int`, where the first word of argv is the command's name.
"""

import sys
from collections.abc import Sequence
from importlib import import_module

from ..exit_codes import Failure
from .exits import MEANINGS, Exit

COMMANDS = {
    "acceptor": ("running", "judge a peer that accepts associations (an SCP): HOST PORT [SELECTOR...]"),
    "requestor": ("running", "judge a peer that requests them (an SCU): --listen PORT [SELECTOR...] -- COMMAND..."),
    "both": ("running", "judge a peer in both roles, as its profile says: --profile peer.toml [SELECTOR...]"),
    "probe": ("probe", "measure a peer into a profile: HOST PORT [-o peer.toml]"),
    "list": ("listing", "the cases, their clauses and levels: [SELECTOR...] [--json]"),
    "repro": ("repro", "a case or a trace once more, told step by step: ID|TRACE.json [HOST PORT] [--emit-py FILE]"),
    "diff": ("comparing", "what differs between two runs: A.json B.json"),
    "matrix": ("side_by_side", "many peers side by side, in one page: RUN.json... [-o index.html]"),
    "schema": ("schema", "the JSON Schema of what --json and --trace write"),
    "baseline": ("baseline", "what a peer is expected to fail: update|check PEER.xfail.toml RUN.json..."),
    "fuzz": ("fuzz", "random conversations with an acceptor, the smallest that fails: HOST PORT"),
    "words": ("words", "every short word of PDU events from every stable state: HOST PORT, or -- COMMAND..."),
    "proxy": ("proxy", "stand between two peers and judge both: --listen PORT --to HOST:PORT"),
    "capture": ("capture", "judge the associations in a capture, both sides: FILE.pcapng|pcap"),
    "explain": ("listing", "a case: what is sent, what is allowed, and why: ID"),
}
"""Each command's module and what it does."""


def main(argv: Sequence[str]) -> int:
    """Run a command; its exit code."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(help_text(), file=sys.stdout if argv else sys.stderr)
        return Exit.PASSED if argv else Exit.USAGE
    if argv[0] not in COMMANDS:
        print(f"dulcet conformance: there is no command {argv[0]!r}\n{help_text()}", file=sys.stderr)
        return Exit.USAGE
    module = import_module(f".{COMMANDS[argv[0]][0]}", __package__)
    try:
        code: int = module.main(argv)
    except Failure as failure:
        # Its code is of the table of all tools; here the catalogue's few hold.
        print(f"dulcet conformance {argv[0]}: {failure}", file=sys.stderr)
        return Exit.USAGE
    return code


def help_text() -> str:
    """What `dulcet conformance --help` prints."""
    lines = [
        "usage: dulcet conformance COMMAND ...",
        "",
        "Judges whether a DICOM peer follows PS3.8 and PS3.7. Never against a system in clinical use: the cases send",
        "what breaks unprepared software.",
        "",
        "commands:",
        *(f"  {name:<11}{words}" for name, (_, words) in COMMANDS.items()),
        "",
        "selectors: an id (PD-18), a glob (S-A-*), a clause with all below it (ps3.8/9.3.5), sta6, evt19, level:M,",
        "tag:smoke, and !tag:slow for what is not wanted; of one kind they widen, of different kinds they narrow.",
        "",
        "all there is against one peer, in both roles (its profile has host, port and requestor):",
        "  dulcet conformance both --profile peer.toml --strict --robust --slow --allow-dos --jobs 4 --html run.html",
        "",
        "exit codes:",
        *(f"  {code.value}  {words}" for code, words in MEANINGS.items()),
    ]
    return "\n".join(lines)
