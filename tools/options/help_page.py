"""The help text of a tool: what it is, examples to start from, and its options by group.

Loaded for `--help` only. It is made of the same table as the parser, so that no option can be missing.
"""

import shutil
import textwrap
from collections.abc import Iterator

from .row import Option
from .table import defaults, rows
from .tool_texts import TOOLS, Argument, Tool

COLUMN = 38
"""Where the explanations begin."""
WIDEST = 110
"""Longer lines are hard to read, however wide the terminal."""


def help_text(tool: str, width: int | None = None) -> str:
    """What `--help` prints."""
    width = min(width or shutil.get_terminal_size().columns, WIDEST)
    text = TOOLS[tool]
    lines = [f"usage: dulcet {tool} {synopsis(text)}", "", f"{tool}: {text.summary}", ""]
    lines += [*textwrap.wrap(text.about, width), "", "examples:", *_examples(tool), "", "arguments:"]
    for argument in text.arguments:
        lines += _entry(argument.metavar, argument.help, width)
    for heading, group in rows(tool):
        lines += ["", f"{heading}:"]
        for row in group:
            lines += _entry(_left(row), row.help + _default(tool, row), width)
    lines += [
        "",
        "Of options that exclude each other the rightmost wins; @FILE stands for the words in a file.",
    ]
    lines += ["", "records of --json, an object a line:"]
    for kind, fields in text.records:
        lines += _entry(f'"record": "{kind}"', ", ".join(fields.split()), width)
    lines += textwrap.wrap("A summary always comes last; of a run that ended early it has words and exit_code.", width)
    lines += ["", "`dulcet --help` lists the exit codes."]
    return "\n".join(lines)


def synopsis(text: Tool) -> str:
    """`[options] peer port [file...]`."""
    return " ".join(["[options]", *map(_shown, text.arguments)])


def _shown(argument: Argument) -> str:
    """`file...`, and in brackets what may be left out."""
    name = f"{argument.metavar}..." if argument.many else argument.metavar
    return f"[{name}]" if argument.optional else name


def _left(row: Option) -> str:
    """`-to   --timeout SECONDS`, short and long spellings in columns."""
    short = " ".join(row.flags[:-1])
    return f"{short:<5} {row.flags[-1]} {' '.join(row.metavars)}".rstrip()


def _default(tool: str, row: Option) -> str:
    """The default of an option with a value, or whether a flag is the default among those it excludes."""
    initial = defaults(tool).get(row.attribute)
    if not row.metavars:
        rivals = [other for _, group in rows(tool) for other in group if other.attribute == row.attribute]
        stands = row.default is not None or (row.value in (None, False) and row.value == initial)
        return " (default)" if len(rivals) > 1 and stands else ""
    return "" if row.default in (None, "") else f" (default: {_number(initial)})"


def _number(value: object) -> object:
    """10.0 seconds are 10 seconds to a reader."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _entry(left: str, right: str, width: int) -> Iterator[str]:
    left = f"  {left}"
    if len(left) >= COLUMN:
        yield left
        left = ""
    wrapped = textwrap.wrap(right, max(width - COLUMN, 30)) or [""]
    yield f"{left:<{COLUMN}}{wrapped[0]}".rstrip()
    yield from (" " * COLUMN + line for line in wrapped[1:])


def _examples(tool: str) -> Iterator[str]:
    for wish, line in TOOLS[tool].examples:
        yield f"  {wish}"
        yield f"      dulcet {line}"
