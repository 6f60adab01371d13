"""README.md is true: its programs run and print what it says, its tables are the program's own, its links lead on."""

import contextlib
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from bench.cases import CASES
from dulcet.tools import cli, table
from dulcet.tools.conformance.case import registry
from dulcet.tools.exit_codes import ExitCode

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", README, re.DOTALL)
COMMANDS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)


def rows(heading: str) -> list[tuple[str, ...]]:
    """The body of the table with such a head row."""
    lines = README[README.index(heading) :].split("\n\n")[0].splitlines()
    return [tuple(cell.strip(" `") for cell in line.strip("|").split("|")) for line in lines[2:]]


def test_every_program_is_followed_by_what_it_prints() -> None:
    assert len(PROGRAMS) == README.count("```python") == 4


@pytest.mark.parametrize(("program", "printed"), PROGRAMS, ids=["ten lines", "the walk", "own transport", "judge"])
def test_a_program_prints_what_it_says(
    program: str,
    printed: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(program, "README.md", "exec"), {"__name__": "__main__"})  # noqa: S102  # our own page
    assert capsys.readouterr().out == printed


class Original(NamedTuple):
    """An example of another toolkit that one of our programs must not be longer than."""

    lines: int
    """Its lines, but for blank ones and those of comments alone; braces on lines of their own count, as there."""
    read_in: str
    """Repository, commit, path and section."""
    does: tuple[str, ...]
    """What ours must do too, by its words."""


ORIGINALS = (
    Original(
        23,
        "DCMTK/dcmtk 0796b62131aaf8d11cfd7159594898d01e519438 dcmnet/docs/dcmnet.dox, Examples: a very simple Echo SCU",
        ("SCU(", "Entity(", ".echo("),
    ),
    Original(
        13,
        "rexcardan/Evil-DICOM f64726c3fdfff509293a964d4fc52bea8b729d98 DocFx/articles/networking.md, Messaging 101 (7 "
        "lines) and C-Move (6 lines)",
        (".study_uids(", ".series_uids(", ".image_uids(", ".move_image(", ".message_id", ".status"),
    ),
)


def lines(program: str) -> int:
    """How long it is."""
    return len([line for line in program.splitlines() if line.strip() and not line.strip().startswith("#")])


@pytest.mark.parametrize(("program", "original"), list(zip(PROGRAMS[:2], ORIGINALS, strict=True)), ids=["echo", "walk"])
def test_no_longer_than_the_original(program: tuple[str, str], original: Original) -> None:
    assert all(words in program[0] for words in original.does)
    assert lines(program[0]) <= original.lines
    told = " ".join(README.split())
    assert f"of {original.lines} lines" in told
    assert original.read_in.split()[0] in told


def test_ten_lines_are_ten_lines() -> None:
    assert lines(PROGRAMS[0][0]) <= 10


def test_the_table_is_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    table.main([])
    printed = "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines())
    assert f"```text\n{printed}\n```" in README


def test_the_tools_are_the_tools() -> None:
    told = [(name, words.replace("`", "")) for name, words in rows("| tool |")]
    assert told == [(name, words.replace("`", "")) for name, (_, words) in cli.TOOLS.items()]


@pytest.mark.parametrize("line", re.findall(r"^\$ dulcet (.*)", README, re.MULTILINE))
def test_what_is_typed_on_this_page_can_be_typed(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each tool and command is there, and its help knows each option."""
    words = shlex.split(line.rstrip(" &"), comments=True)
    words = words[: words.index("--")] if "--" in words else words
    named = words[:2] if words[0] == "conformance" else words[:1]
    with contextlib.suppress(SystemExit):
        cli.main([*named, "--help"])
    told = capsys.readouterr().out
    assert f"dulcet {' '.join(named)}" in told
    assert [word for word in words if word.startswith("-") and word not in told.replace(",", " ").split()] == []


def test_the_exit_codes_are_the_exit_codes() -> None:
    assert rows("| code |") == [(str(code.value), code.words) for code in ExitCode]


def test_each_command_is_one_line() -> None:
    """`.ci/run` takes both from this page and runs them as they stand; here, that they are what a person can copy."""
    assert len(COMMANDS) == 2
    for command, beginning in zip(
        COMMANDS, ("sh bin/setup archive,conformance && ", "sh bin/setup test && "), strict=True
    ):
        assert command.count("\n") == 1
        assert command.startswith(beginning)
        assert f'readme "{beginning}"' in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert links
    assert not [link for link in links if not link.startswith("https://") and not (ROOT / link).exists()]


def test_as_many_cases_as_are_told() -> None:
    assert f"\n{len(registry())} cases, as an acceptor and as a requestor" in README


def test_the_benchmark_runs() -> None:
    assert "`python tests/bench_machine.py`" in README
    command = [sys.executable, "tests/bench_machine.py", "--events", "50", "--rounds", "1"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    contenders = [line.split("  ")[1] for line in ran.stdout.splitlines()[1:]]
    assert contenders == ["dulcet", "a dict, by hand", "stock transitions"]


@pytest.mark.parametrize("script", ["bin/setup", ".ci/run"])
def test_scripts_parse(script: str) -> None:
    shell = "sh" if script == "bin/setup" else "bash"
    assert (ROOT / script).stat().st_mode & 0o111, "it is executable"
    assert shutil.which(shell)
    ran = subprocess.run([shell, "-n", ROOT / script], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_what_is_said_to_be_measured_is_what_the_benchmark_measures() -> None:
    """Figures are of one machine and one day; the cases, whom they are beside and what is to be reached are not."""
    told = [row for row in rows("| measured |") if row[0]]
    measured = {(case.words, goal.against) for case in CASES.values() for goal in case.goals if goal.reach is not None}
    assert {(words, beside) for words, beside, *_ in told} == measured
    for words, beside, *_, reach in told:
        goals = [
            f"{'≥' if goal.at_least else '≤'} {goal.reach:g}"
            for case in CASES.values()
            for goal in case.goals
            if (case.words, goal.against) == (words, beside) and goal.reach is not None
        ]
        assert reach == ", ".join(dict.fromkeys(goals))
