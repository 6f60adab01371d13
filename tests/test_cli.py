"""The front of the command line: finding tools, and what becomes of what they raise."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import pytest
from dulcet.dul.errors import LocalProtocolError, ProtocolError
from dulcet.tools import cli, link_tools
from dulcet.tools.exit_codes import ExitCode
from dulcet.tools.options.command_line import parse
from dulcet.tools.options.table import LETTER_OF_TOOL

ROOT = Path(__file__).parent.parent


class RejectedError(Exception):
    exit_code = "REJECTED"


Main = Callable[[Sequence[str]], int]


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Callable[[Main], None]:
    """Put a function in the place of the demo tool."""

    def install(main: Main) -> None:
        module = ModuleType("dulcet.tools.demo")
        module.main = main  # type: ignore[attr-defined]  # a module has what it is given
        monkeypatch.setitem(sys.modules, "dulcet.tools.demo", module)

    return install


def raising(error: BaseException) -> Main:
    def main(_: Sequence[str]) -> int:
        raise error

    return main


def dulcet(*words: str, program: str = "dulcet") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", program, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_help_lists_every_tool_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"], "dulcet") == 0
    lines = capsys.readouterr().out.splitlines()
    for name, (_, words) in cli.TOOLS.items():
        assert f"  {name:<12}{words}" in lines
    for code in ExitCode:
        assert f"  {code.value:>3}  {code.words}" in lines


def test_without_a_tool_there_is_help_and_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([], "dulcet") == 2
    out, err = capsys.readouterr()
    assert (out, err.startswith("usage: dulcet TOOL")) == ("", True)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"], "dulcet") == 0
    assert capsys.readouterr().out.startswith("dulcet ")


def test_an_unknown_tool_is_2_with_suggestions(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["echoscp"], "dulcet") == 2
    assert "did you mean" in (err := capsys.readouterr().err)
    assert "echoscu" in err
    assert cli.main(["xyzzy"], "dulcet") == 2
    assert "there is no tool 'xyzzy'\n" in capsys.readouterr().err


def test_the_tool_s_code_and_words(tool: Callable[[Main], None]) -> None:
    seen: list[Sequence[str]] = []

    def main(argv: Sequence[str]) -> int:
        seen.append(argv)
        return 7

    tool(main)
    assert cli.main(["demo", "a", "-b"], "/usr/bin/dulcet") == 7
    assert cli.main(["c"], "/somewhere/demo") == 7
    assert seen == [["a", "-b"], ["c"]]


def test_words_come_from_the_process(tool: Callable[[Main], None], monkeypatch: pytest.MonkeyPatch) -> None:
    tool(len)
    monkeypatch.setattr(sys, "argv", ["/bin/dulcet", "demo", "1", "2", "3"])
    assert cli.main() == 3


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (KeyboardInterrupt(), 130, "stopped from the keyboard"),
        (RejectedError("rejected,\n  for now"), 61, "rejected, for now"),
        (ProtocolError("the peer did something"), 1, "the peer did something"),
        (LocalProtocolError("not now"), 1, "not now"),
        (ConnectionRefusedError(111, "Connection refused"), 60, "Connection refused"),
        (FileNotFoundError(2, "No such file or directory", "a.dcm"), 1, "a.dcm: No such file or directory"),
        (OSError("strange"), 1, "strange"),
        (TimeoutError(), 74, "TimeoutError"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_expected_errors_are_a_sentence(
    tool: Callable[[Main], None],
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    sentence: str,
) -> None:
    tool(raising(error))
    assert cli.main(["demo"], "dulcet") == code
    assert capsys.readouterr() == ("", f"dulcet demo: {sentence}\n")


@pytest.mark.parametrize("words", ["-d", "--debug", "-ll debug", "--log-level trace"])
def test_with_debug_there_is_a_traceback(
    tool: Callable[[Main], None], capsys: pytest.CaptureFixture[str], words: str
) -> None:
    tool(raising(RejectedError("no")))
    assert cli.main(["demo", *words.split()], "dulcet") == 61
    err = capsys.readouterr().err
    assert err.startswith("Traceback")
    assert err.endswith("dulcet demo: no\n")


def test_a_mistake_of_ours_is_not_hidden(tool: Callable[[Main], None]) -> None:
    tool(raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        cli.main(["demo"], "dulcet")


@pytest.mark.parametrize(("end", "code"), [(SystemExit(2), 2), (SystemExit(), 0), (SystemExit("words"), 1)])
def test_a_tool_may_end_the_process(tool: Callable[[Main], None], end: SystemExit, code: int) -> None:
    tool(raising(end))
    assert cli.main(["demo"], "dulcet") == code


def test_network_tools_are_those_of_the_option_table() -> None:
    assert set(cli.NETWORK_TOOLS) == set(LETTER_OF_TOOL)


def test_a_usage_error_of_a_tool_is_2(tool: Callable[[Main], None]) -> None:
    tool(lambda argv: parse("echoscu", argv).port)
    assert cli.main(["demo", "localhost", "11112"], "dulcet") == 11112
    assert cli.main(["demo", "localhost"], "dulcet") == 2


def test_python_m_dulcet() -> None:
    ran = dulcet("--help")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "echoscu" in ran.stdout
    assert dulcet("nothing").returncode == 2


def test_the_front_imports_no_tool_and_nothing_heavy() -> None:
    code = (
        "import sys; from dulcet.tools import cli; cli.help_text();"
        "print(sorted({'argparse', 'structlog', 'pydicom', 'rich', 'asyncio', 'ssl'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ran.stdout == "[]\n"


def test_parsing_imports_nothing_heavy() -> None:
    code = (
        "import sys; from dulcet.tools.options.command_line import parse; parse('echoscu', ['localhost', '104']);"
        "print(sorted({'structlog', 'pydicom', 'rich', 'asyncio', 'ssl', 'difflib'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ran.stdout == "[]\n"


def test_nobody_reads_on() -> None:
    """A pipe that is closed at the other end is no reason to complain."""
    code = "import sys; sys.path.insert(0, '.')\nfrom dulcet.tools import cli\nsys.exit(cli.run('table', []))"
    ran = subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.stdin.read()\n{code}"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert ran.stdin is not None
    assert ran.stdout is not None
    assert ran.stderr is not None
    with ran.stderr:
        ran.stdout.close()
        ran.stdin.close()
        assert ran.stderr.read() == b""
    assert ran.wait(60) == 1


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A `dulcet` program as pip would install it."""
    path = tmp_path / "bin" / "dulcet"
    path.parent.mkdir()
    path.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from dulcet.tools.cli import main\nsys.exit(main())\n"
    )
    path.chmod(0o755)
    return path


def test_a_link_named_after_a_tool_runs_it(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(link_tools, "executable", lambda: str(program))
    links = tmp_path / "links"
    assert cli.main(["link-tools", str(links)], "dulcet") == 0
    number = len(LETTER_OF_TOOL)
    assert capsys.readouterr().out == f"{number} of {number} tools are linked in {links}\n"
    assert {path.name for path in links.iterdir()} == set(LETTER_OF_TOOL)
    ran = subprocess.run([links / "echoscu", "--help"], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("usage: dulcet echoscu ")
    ran = subprocess.run([links / "echoscu", "localhost"], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (2, "")


def test_link_tools_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"], "/usr/local/bin/link-tools") == 0
    assert capsys.readouterr().out == link_tools.USAGE


def test_links_are_made_twice_but_replace_nothing_else(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(link_tools, "executable", lambda: str(program))
    assert link_tools.main([str(tmp_path)]) == 0
    assert link_tools.main([str(tmp_path)]) == 0
    (tmp_path / "echoscu").unlink()
    (tmp_path / "echoscu").write_text("another program")
    assert link_tools.main([str(tmp_path)]) == ExitCode.OUTPUT_NOT_WRITABLE
    assert (tmp_path / "echoscu").read_text() == "another program"
    assert f"{tmp_path / 'echoscu'} exists" in capsys.readouterr().err
    assert link_tools.main(["--force", str(tmp_path)]) == 0
    assert (tmp_path / "echoscu").readlink() == program


def test_links_tell_what_they_hide(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(link_tools, "executable", lambda: str(program))
    theirs = tmp_path / "dcmtk"
    theirs.mkdir()
    (theirs / "echoscu").write_text("#!/bin/sh\n")
    (theirs / "echoscu").chmod(0o755)
    ours = tmp_path / "ours"
    monkeypatch.setenv("PATH", f"{ours}{os.pathsep}{theirs}")
    assert link_tools.main([str(ours)]) == 0
    assert f"echoscu is dulcet's now; {theirs / 'echoscu'} is hidden" in capsys.readouterr().out


def test_links_need_a_directory_and_a_program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert link_tools.main([]) == 2
    assert link_tools.main(["--nonsense"]) == 2
    assert link_tools.main(["one", "two"]) == 2
    assert "usage: dulcet link-tools" in capsys.readouterr().err
    monkeypatch.setattr(link_tools, "executable", lambda: None)
    assert link_tools.main([str(tmp_path)]) == 1


def test_the_program_is_found_beside_python_or_on_the_path(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(program.parent / "python"))
    assert link_tools.executable() == str(program)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    monkeypatch.setenv("PATH", str(program.parent))
    assert link_tools.executable() == str(program)


def test_a_pipe_that_breaks_inside_a_tool(
    tool: Callable[[Main], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as output:
        monkeypatch.setattr(sys, "stdout", output)

        def main(_: Sequence[str]) -> int:
            output.write("nobody reads this")
            return 0

        tool(main)
        assert cli.main(["demo"], "dulcet") == 1
        monkeypatch.undo()
    assert capsys.readouterr() == ("", "")
