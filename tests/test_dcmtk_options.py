"""Every option of DCMTK's network tools: offered under the same spellings, or told in the manual as not offered."""

import argparse
import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from dcmtk_options import LEFT_OUT, LETTERS, options
from dulcet.tools import cli, manual
from dulcet.tools.options.command_line import UsageError, build_parser, separated
from dulcet.tools.options.not_offered import NOT_OFFERED
from dulcet.tools.options.row import Option
from dulcet.tools.options.table import rows

TOOLS = Path(__file__).parent.parent / "tools"
ALWAYS_SO = {
    "-pem --pem-keys",
    "-dhl --disable-host-lookup",
    "-R --required",
    "--fork",
    "--reject",
}
"""What these ask for is done without them, and their help says so."""
AS_IT_COMES = {"-B --normal", "+B --bit-preserving"}
"""Objects are stored as they come, bit by bit, in both; what else +t? may ask for excludes +B."""
ELSEWHERE = {"help", "version", "arguments", "log_level", "log_format", "list_profiles", "list_ciphers"}
"""Attributes that act before a tool is called, or in its log."""


@cache
def table(tool: str) -> dict[str, Option]:
    return {" ".join(row.flags): row for _, group in rows(tool) for row in group}


def wanted() -> Iterator[object]:
    for tool in LETTERS:
        for spelled in sorted(options(tool, "MS").keys() - LEFT_OUT):
            yield pytest.param(tool, spelled, id=f"{tool} {spelled}")


@pytest.mark.parametrize(("tool", "spelled"), list(wanted()))
def test_what_must_and_should_be_there_is(tool: str, spelled: str) -> None:
    row = table(tool)[spelled]
    assert row.mark == options(tool, "MS")[spelled]
    values = ["1"] * len(row.metavars)
    for word in spelled.split():
        (given,), arguments = separated(tool, [word, *values])
        assert (given.row, given.values, arguments) == (row, values, [])


@pytest.mark.parametrize("tool", LETTERS)
def test_what_is_rare_is_there_or_told_as_not_offered(tool: str) -> None:
    page = "\n".join(manual.manual_page(tool)).replace(r"\-", "-").replace(r"\e", "\\")
    for spelled in options(tool, "R").keys() | LEFT_OUT:
        if spelled in table(tool):
            assert table(tool)[spelled].mark == "R"
            continue
        advice = NOT_OFFERED[spelled]
        assert f"\\fB{spelled}\\fR" in page
        assert advice in page
        for word in spelled.split():
            with pytest.raises(UsageError, match="does not have this option of DCMTK's"):
                separated(tool, [word])


def test_what_is_not_offered_is_dcmtk_s() -> None:
    known = {spelled for tool in LETTERS for spelled in options(tool, "R")} | LEFT_OUT
    assert set(NOT_OFFERED) == known - {spelled for tool in LETTERS for spelled in table(tool)}


# ---- something acts on it ----


@cache
def reads(module: str) -> frozenset[str]:
    """The names of attributes that a module of tools/, and those of tools/ that it imports, may read of options."""
    found: set[str] = set()
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = TOOLS / f"{name}.py"
        if name in seen or not path.exists():
            continue
        seen.add(name)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
            elif isinstance(node, ast.ImportFrom) and node.level == 1:
                waiting += [alias.name for alias in node.names] if node.module is None else [node.module]
    return frozenset(found)


@pytest.mark.parametrize("tool", cli.NETWORK_TOOLS)
def test_no_option_is_read_and_forgotten(tool: str) -> None:
    """An attribute that no module of its tool names is one on which nothing acts."""
    parsed: argparse.Namespace = build_parser(tool, alone=True).parse_args([])
    known = reads(cli.TOOLS[tool][0])
    for spelled, row in table(tool).items():
        assert row.attribute in ELSEWHERE or hasattr(parsed, row.attribute)
        if spelled in ALWAYS_SO:
            assert "always so" in row.help
        elif spelled in AS_IT_COMES:
            assert row.help.startswith("the data set stays as it came")
        else:
            assert row.attribute in known | ELSEWHERE, f"{tool} {spelled}"
