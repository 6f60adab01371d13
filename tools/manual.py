"""`dulcet manual`: manual pages, an HTML reference and shell completion, all made of the one option table.

What is made is printed or written where the user says; nothing of it is kept in the source, so it cannot grow old.
"""

import argparse
import html
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from .exit_codes import ExitCode
from .options.help_page import synopsis
from .options.not_offered import NOT_OFFERED
from .options.other_codes import EVERY_TOOL, OTHER_CODES
from .options.row import Option
from .options.table import rows
from .options.tool_texts import TOOLS

FLAWLESS = "Zero only when everything asked for was done."
OTHER_THAN = "Where DCMTK's {} (3.6.7) ends with another exit code, and why:"


def main(argv: Sequence[str]) -> int:
    """Write what is asked for."""
    parser = argparse.ArgumentParser(
        "dulcet manual",
        description="Make manual pages, an HTML reference or shell completion from the options the tools have.",
        epilog="examples:\n  dulcet manual man ~/.local/share/man/man1\n  dulcet manual html > options.html",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    pages = what.add_parser("man", help="a manual page for each tool, in a directory")
    pages.add_argument("directory", type=Path)
    what.add_parser("html", help="one page with every option of every tool, on stdout")
    for shell in ("bash", "zsh"):
        what.add_parser(shell, help=f"completion for {shell}, on stdout; needs the Python package shtab")
    options = parser.parse_args(argv)
    if options.what == "man":
        return _write_pages(options.directory)
    if options.what == "html":
        print("\n".join(page_of_everything()))
        return ExitCode.SUCCESS
    return _print_completion(options.what)


def _write_pages(directory: Path) -> int:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name in TOOLS:
            (directory / f"dulcet-{name}.1").write_text("\n".join(manual_page(name)) + "\n", encoding="utf-8")
    except OSError as error:
        print(f"dulcet manual: {directory}: {error.strerror}", file=sys.stderr)
        return ExitCode.OUTPUT_NOT_WRITABLE
    print(f"{len(TOOLS)} pages in {directory}")
    return ExitCode.SUCCESS


# ---- manual pages ----


def manual_page(name: str) -> Iterator[str]:
    """A page for man(1), in troff's man macros."""
    tool = TOOLS[name]
    yield f'.TH DULCET-{name.upper()} 1 "" dulcet "DICOM tools"'
    yield from (".SH NAME", rf"dulcet\-{name} \- {_troff(tool.summary)}")
    yield from (".SH SYNOPSIS", rf".B dulcet {name}", _troff(synopsis(tool)))
    yield from (".SH DESCRIPTION", _troff(tool.about), ".SH ARGUMENTS")
    for argument in tool.arguments:
        yield from (".TP", f".I {_troff(argument.metavar)}", _troff(argument.help))
    yield ".SH OPTIONS"
    for heading, group in rows(name):
        yield f'.SS "{_troff(heading)}"'
        for row in group:
            yield from (".TP", rf"\fB{_troff(', '.join(row.flags))}\fR {_troff(' '.join(row.metavars))}".rstrip())
            yield _troff(row.help)
    yield ".SH OPTIONS OF DCMTK THAT ARE NOT OFFERED"
    for spelled, advice in NOT_OFFERED.items():
        yield from (".TP", rf"\fB{_troff(spelled)}\fR", _troff(advice))
    yield from (".SH EXIT STATUS", FLAWLESS)
    for code in ExitCode:
        yield from (".TP", rf"\fB{int(code)}\fR", _troff(code.words))
    if name in OTHER_CODES:
        yield from (".SH OTHER THAN DCMTK", _troff(OTHER_THAN.format(name)))
        for theirs, ours, why in (*OTHER_CODES[name], *EVERY_TOOL):
            yield from (".TP", rf"\fB{theirs}, here {int(ours)}\fR", _troff(why))
    yield ".SH EXAMPLES"
    for wish, line in tool.examples:
        yield from (".TP", _troff(wish), rf"\fBdulcet {_troff(line)}\fR")


def _troff(text: str) -> str:
    """Text that troff prints as it stands: backslashes, hyphens, and no line that begins like a request."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{escaped}" if escaped[:1] in (".", "'") else escaped


# ---- the HTML reference ----

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.25rem .75rem .25rem 0;"
    "border-top:1px solid #ccc}code{white-space:nowrap}nav a{margin-right:1rem}"
    "@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}a{color:#8bf}}"
)


def page_of_everything() -> Iterator[str]:
    """One HTML page, without anything from elsewhere."""
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width"><title>dulcet: every option of every tool</title>'
    yield f"<style>{_STYLE}</style></head><body><h1>Every option of every tool</h1>"
    yield "<nav>" + "".join(f'<a href="#{name}">{name}</a>' for name in TOOLS) + '<a href="#exit">exit codes</a></nav>'
    for name, tool in TOOLS.items():
        yield f'<h2 id="{name}">{name}</h2><p><b>{_text(tool.summary)}</b></p><p>{_text(tool.about)}</p>'
        yield f"<p><code>dulcet {name} {_text(synopsis(tool))}</code></p>"
        for heading, group in rows(name):
            yield f"<h3>{_text(heading)}</h3><table>" + "".join(map(_table_row, group)) + "</table>"
        if name in OTHER_CODES:
            yield f"<h3>exit codes other than DCMTK's</h3><p>{_text(OTHER_THAN.format(name))}</p><table>"
            for theirs, ours, why in (*OTHER_CODES[name], *EVERY_TOOL):
                yield f"<tr><td>{theirs}, here {int(ours)}</td><td>{_text(why)}</td></tr>"
            yield "</table>"
        yield "<h3>examples</h3><table>"
        yield from (
            f"<tr><td>{_text(wish)}</td><td><code>dulcet {_text(do)}</code></td></tr>" for wish, do in tool.examples
        )
        yield "</table>"
    yield '<h2 id="not-offered">Options of DCMTK that are not offered</h2><table>'
    yield from (f"<tr><td><code>{_text(s)}</code></td><td>{_text(why)}</td></tr>" for s, why in NOT_OFFERED.items())
    yield f'</table><h2 id="exit">Exit codes</h2><p>{FLAWLESS}</p><table>'
    yield from (f"<tr><td>{int(code)}</td><td>{_text(code.words)}</td></tr>" for code in ExitCode)
    yield "</table></body></html>"


def _table_row(row: Option) -> str:
    spelled = " ".join([*row.flags, *row.metavars])
    return f"<tr><td><code>{_text(spelled)}</code></td><td>{_text(row.help)}</td></tr>"


def _text(text: str) -> str:
    return html.escape(text)


# ---- completion ----


def _print_completion(shell: str) -> int:
    try:
        import shtab
    except ImportError:
        print(
            f"dulcet manual: {shell} needs the Python package shtab (pip install 'dulcet[completion]')", file=sys.stderr
        )
        return ExitCode.FAILURE
    print(shtab.complete(parser_of_everything(), shell))
    return ExitCode.SUCCESS


def parser_of_everything() -> argparse.ArgumentParser:
    """`dulcet` as one parser with a subparser a tool: what shtab reads."""
    from .cli import TOOLS as COMMANDS
    from .options.command_line import build_parser

    whole = argparse.ArgumentParser("dulcet", prefix_chars="-+", allow_abbrev=False)
    commands = whole.add_subparsers(dest="tool")
    for name, (_, words) in COMMANDS.items():
        if name in TOOLS:
            parents = [build_parser(name)]
            commands.add_parser(name, help=words, prefix_chars="-+", parents=parents, add_help=False)
        else:
            commands.add_parser(name, help=words)
    return whole
