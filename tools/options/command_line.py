"""The command lines of the tools: from the option table to a parser, from words to a Namespace.

`parse` reads as DCMTK does: flags of several letters after one dash or plus, anywhere on the line, the
rightmost of excluding ones winning, `@file` replaced by the words in it. argparse cannot do all of that, so
the words are first sorted by the table into options and arguments, each option in its long spelling;
argparse then converts. Nothing is abbreviated and nothing is clustered: `-vd` is an error, not `-v -d`.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, NoReturn

from ..exit_codes import ExitCode
from .row import Option
from .table import defaults, rows
from .tool_texts import TOOLS, Argument


class UsageError(Exception):
    """A command line that makes no sense; the text names the option and says what to give."""

    exit_code = "USAGE"


class Given(NamedTuple):
    """An option as it stands on a command line."""

    row: Option
    """Its row in the table."""
    values: list[str]
    """The words it took."""

    @property
    def words(self) -> list[str]:
        """The same in the long spelling; a single value is attached, so that it may begin with a dash."""
        long = self.row.flags[-1]
        return [f"{long}={self.values[0]}"] if len(self.values) == 1 else [long, *self.values]

    @property
    def shown(self) -> list[str]:
        """The words that may be shown to anybody."""
        return [f"{self.row.flags[-1]}=***"] if self.row.secret else self.words


_REQUIRED = "the following arguments are required: "
"""What argparse says of words that are missing, which does not show where they belong."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises instead of ending the process, and whose help is ours."""

    tool: str
    """Whose options it knows."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse has to say."""
        missing = message.removeprefix(_REQUIRED)
        if missing != message:
            from .help_page import synopsis

            verb = "are" if "," in missing else "is"
            message = f"{missing} {verb} missing: dulcet {self.tool} {synopsis(TOOLS[self.tool])}"
        raise UsageError(message.removeprefix("argument "))

    def format_help(self) -> str:
        """The help text made of the table."""
        from .help_page import help_text

        return help_text(self.tool)


def parse(tool: str, argv: Sequence[str]) -> argparse.Namespace:
    """Read a tool's command line; ends the process on --help and the like (0) and on errors (2)."""
    try:
        return _parse(tool, list(expanded(argv)))
    except UsageError as error:
        print(f"dulcet {tool}: {error}\nTry: dulcet {tool} --help", file=sys.stderr)
        raise SystemExit(ExitCode.USAGE) from None


def _parse(tool: str, words: Sequence[str]) -> argparse.Namespace:
    given, arguments = separated(tool, words)
    attributes = {option.row.attribute for option in given}
    if "help" in attributes:
        _print_and_end(build_parser(tool).format_help())
    if "version" in attributes:
        _print_and_end(version_text())
    if "arguments" in attributes:
        _show(tool, given, arguments)
    _check(tool, given)
    parser = build_parser(tool, alone=any(option.row.alone for option in given))
    namespace = parser.parse_args([*(word for option in given for word in option.words), "--", *arguments])
    for option in given:
        if option.row.implies and option.row.implies[0] not in attributes:
            setattr(namespace, *option.row.implies)
    if namespace.list_profiles or namespace.list_ciphers:
        from ..tls import cipher_lines, profile_lines

        _print_and_end("\n".join(profile_lines() if namespace.list_profiles else cipher_lines(namespace)))
    namespace.tool = tool
    return namespace


def _print_and_end(text: str) -> NoReturn:
    print(text)
    raise SystemExit(ExitCode.SUCCESS)


def expanded(argv: Iterable[str]) -> Iterator[str]:
    """The words with each `@file` replaced by the words in the file; quotes count, files in files do not."""
    for word in argv:
        if len(word) > 1 and word[0] == "@":
            yield from _words_of(word[1:])
        else:
            yield word


def _words_of(name: str) -> list[str]:
    import shlex

    try:
        with open(name, encoding="utf-8") as file:
            return shlex.split(file.read())
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or error
        raise UsageError(f"@{name}: cannot take words from this file: {why}") from None


def separated(tool: str, words: Iterable[str]) -> tuple[list[Given], list[str]]:
    """The options and arguments of a command line, wherever they stand; after `--` only arguments."""
    known = {flag: row for _, group in rows(tool) for row in group for flag in row.flags}
    given: list[Given] = []
    arguments: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            arguments.extend(rest)
        elif len(word) < 2 or word[0] not in "-+":
            arguments.append(word)
        else:
            given.append(_option(tool, known, word, rest))
    return given, arguments


def _option(tool: str, known: dict[str, Option], word: str, rest: Iterator[str]) -> Given:
    """The option that begins with this word; its values are the next words or stand behind `=`."""
    attached = word not in known and word.startswith("--") and "=" in word
    flag, value = word.split("=", 1) if attached else (word, "")
    if flag not in known:
        raise UsageError(_unknown(tool, flag, known))
    row = known[flag]
    values = [value] if attached else list(islice(rest, len(row.metavars)))
    if len(values) != len(row.metavars):
        raise UsageError(f"{_spelled(row)}: takes {' and '.join(row.metavars) or 'no value'}")
    for value in values:
        if value in known and not attached:
            wanted = " and ".join(row.metavars)
            hint = f"; if you mean it, write {row.flags[-1]}={value}" if len(values) == 1 else ""
            raise UsageError(f"{_spelled(row)}: takes {wanted}, but {value} is an option{hint}")
    return Given(row, values)


def _spelled(row: Option) -> str:
    return "/".join(row.flags)


def _unknown(tool: str, flag: str, known: Iterable[str]) -> str:
    from .not_offered import NOT_OFFERED

    for spelled, advice in NOT_OFFERED.items():
        if flag in spelled.split():
            return f"{flag}: dulcet does not have this option of DCMTK's: {advice}"
    import difflib

    likely = difflib.get_close_matches(flag, list(known), n=3, cutoff=0.5)
    return f"{flag}: {tool} has no such option" + (f"; did you mean {' or '.join(likely)}?" if likely else "")


def _check(tool: str, given: Sequence[Given]) -> None:
    """Options that need or exclude others."""
    present = {option.row.attribute: option.row for option in given}
    for row in present.values():
        if row.needs and not present.keys() & set(row.needs.split()):
            raise UsageError(f"{_spelled(row)}: works only together with {_setting(tool, row.needs)}")
        for attribute in row.not_with.split():
            if attribute in present:
                raise UsageError(f"{_spelled(row)}: does not go with {_spelled(present[attribute])}")


def _setting(tool: str, attributes: str) -> str:
    """The options that set one of these attributes, flags that only take it back left out."""
    every = [row for _, group in rows(tool) for row in group if row.attribute in attributes.split()]
    return " or ".join(_spelled(row) for row in every if row.metavars or row.value is not None)


def _show(tool: str, given: Sequence[Given], arguments: Sequence[str]) -> None:
    import shlex

    words = [word for option in given for word in option.shown]
    print(shlex.join(["dulcet", tool, *words, *arguments]), file=sys.stderr)


def _plain_formatter(prog: str) -> argparse.HelpFormatter:
    """What argparse makes for each argument to check it: of a width, or it would look at the terminal (2 ms)."""
    return argparse.HelpFormatter(prog, width=80)


def build_parser(tool: str, *, alone: bool = False) -> Parser:
    """A tool's parser, for `parse` and what else is made of parsers; with `alone` no argument is required."""
    parser = Parser(
        prog=f"dulcet {tool}",
        description=TOOLS[tool].summary,
        prefix_chars="-+",
        allow_abbrev=False,
        add_help=False,
        formatter_class=_plain_formatter,
    )
    parser.tool = tool
    initial = defaults(tool)
    for heading, group in rows(tool):
        section = parser.add_argument_group(heading)
        for row in group:
            _add_option(section, row, initial.get(row.attribute, argparse.SUPPRESS))
    for argument in TOOLS[tool].arguments:
        _add_argument(parser, argument, alone)
    return parser


def _add_option(section: argparse._ArgumentGroup, row: Option, default: object) -> None:
    words = row.help.replace("%", "%%")
    if not row.metavars:
        section.add_argument(
            *row.flags, action="store_const", const=row.value, dest=row.attribute, default=default, help=words
        )
        return
    section.add_argument(
        *row.flags,
        action="append" if row.repeat else "store",
        nargs=None if len(row.metavars) == 1 else len(row.metavars),
        metavar=row.metavars[0] if len(row.metavars) == 1 else tuple(row.metavars),
        type=_explaining(row.parse),
        dest=row.attribute,
        default=default,
        help=words,
    )


def _add_argument(parser: Parser, argument: Argument, alone: bool) -> None:
    how_many = {(False, False): None, (False, True): "?", (True, False): "+", (True, True): "*"}
    parser.add_argument(
        argument.name,
        nargs=how_many[argument.many, alone or argument.optional],
        metavar=argument.metavar,
        type=_explaining(argument.parse),
        help=argument.help,
    )


def _explaining(read: Callable[[str], object]) -> Callable[[str], object]:
    """argparse shows the text of an ArgumentTypeError and hides that of a ValueError."""

    def value(word: str) -> object:
        try:
            return read(word)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return value


def version_text() -> str:
    """Our version and those of what we stand on."""
    import platform
    import ssl
    from importlib.metadata import PackageNotFoundError, version

    from ... import __version__

    parts = [f"dulcet {__version__}", f"Python {platform.python_version()}", ssl.OPENSSL_VERSION]
    for package in ("pydicom", "transitions", "structlog", "rich", "uvloop"):
        try:
            parts.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            parts.append(f"no {package}")
    return "\n".join(parts)
