"""Manual pages, HTML and completion hold every option of every tool, and are what their readers understand."""

import html.parser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dcmtk_options import LETTERS
from dulcet.tools import manual
from dulcet.tools.exit_codes import ExitCode
from dulcet.tools.options.other_codes import EVERY_TOOL, OTHER_CODES
from dulcet.tools.options.table import rows
from dulcet.tools.options.tool_texts import TOOLS


@pytest.mark.parametrize("tool", TOOLS)
def test_a_page_names_every_option_and_exit_code(tool: str) -> None:
    page = "\n".join(manual.manual_page(tool)).replace(r"\-", "-")
    for _, group in rows(tool):
        for row in group:
            assert ", ".join(row.flags) in page
    for code in ExitCode:
        assert f"\\fB{int(code)}\\fR" in page
    assert all(not line.startswith("'") for line in page.splitlines())


@pytest.mark.parametrize("tool", OTHER_CODES)
def test_a_page_tells_where_dcmtk_ends_otherwise(tool: str) -> None:
    """Each with a reason, and each only once."""
    page = "\n".join(manual.manual_page(tool)).replace(r"\-", "-")
    told = (*OTHER_CODES[tool], *EVERY_TOOL)
    assert len({(theirs, ours) for theirs, ours, _ in told}) == len(told)
    for theirs, ours, why in told:
        assert theirs != ours
        assert f"\\fB{theirs}, here {int(ours)}\\fR\n{why}" in page
    assert tool in LETTERS


def test_man_understands_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert manual.main(["man", str(tmp_path / "man1")]) == 0
    assert f"{len(TOOLS)} pages" in capsys.readouterr().out
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("groff is not installed: manual pages were written, but not set")
    for page in (tmp_path / "man1").iterdir():
        command = [groff, "-man", "-Tascii", "-ww", page]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
        assert not done.stderr
        assert "everything asked for was done" in done.stdout


def test_a_directory_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert manual.main(["man", str(tmp_path / "file")]) == ExitCode.OUTPUT_NOT_WRITABLE
    assert "File exists" in capsys.readouterr().err


class Balanced(html.parser.HTMLParser):
    """Counts tags that are opened and closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: set[str] = set()
        self.links: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.ids.add(named.get("id") or "")
        self.links.add((named.get("href") or "#").removeprefix("#"))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_html_reference(capsys: pytest.CaptureFixture[str]) -> None:
    assert manual.main(["html"]) == 0
    page = capsys.readouterr().out
    parser = Balanced()
    parser.feed(page)
    assert not parser.open
    assert parser.links <= parser.ids
    assert "src=" not in page  # it works from a file, with no network
    assert all(manual._text(why) in page for told in OTHER_CODES.values() for _, _, why in told)
    for tool in TOOLS:
        for _, group in rows(tool):
            assert all(manual._text(row.flags[-1]) in page for row in group)


@pytest.fixture(params=["bash", "zsh"])
def completion(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """A shell, and what completes for it."""
    assert manual.main([request.param]) == 0
    return request.param, capsys.readouterr().out


def test_completion_is_a_program_of_the_shell(completion: tuple[str, str]) -> None:
    shell, script = completion
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=script, text=True, check=True, timeout=30)
    else:
        assert script.startswith("#compdef dulcet")


@pytest.mark.parametrize("tool", TOOLS)
def test_completion_knows_every_option(completion: tuple[str, str], tool: str) -> None:
    """All flags of the table are in the tool's own list, and it has no others."""
    shell, script = completion
    if shell == "bash":
        (listed,) = re.findall(rf"^_shtab_dulcet_{tool}_option_strings=\((.*)\)$", script, re.MULTILINE)
        offered = set(listed.split())
    else:
        (listed,) = re.findall(rf"^_shtab_dulcet_{tool}_options=\(\n(.*?)^\)$", script, re.MULTILINE | re.DOTALL)
        heads = [re.sub(r'["*{}]', "", line.partition("[")[0]).strip() for line in listed.splitlines()]
        offered = {flag for head in heads if head[0] not in "(:" for flag in head.split(",")}
    assert offered == {flag for _, group in rows(tool) for row in group for flag in row.flags}


def test_completion_without_shtab(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert manual.main(["bash"]) == ExitCode.FAILURE
    assert "dulcet[completion]" in capsys.readouterr().err


def test_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        manual.main([])
    assert ended.value.code == 2
    assert "WHAT" in capsys.readouterr().err
