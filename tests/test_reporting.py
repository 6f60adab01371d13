"""Records, the last line, and the progress bar that is there for people only."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from dulcet.tools.reporting import Counter, Matches, Progress, Report
from tool_runs import Terminal

ROOT = Path(__file__).parent.parent


def test_people_see_the_last_line() -> None:
    stream = io.StringIO()
    report = Report(stream=stream)
    report.record("c-store", file="a.dcm", status=0)
    report.summary("1 file sent.", sent=1)
    assert stream.getvalue() == "1 file sent.\n"


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    Report(quiet=True).summary("1 file sent.")
    assert capsys.readouterr().out == ""


def test_programs_see_records_and_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(json=True, quiet=True)
    report.record("c-store", file=Path("a.dcm"), status=0)
    report.summary("1 file sent.", sent=1)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"record": "c-store", "file": "a.dcm", "status": 0},
        {"record": "summary", "words": "1 file sent.", "sent": 1},
    ]


def test_progress_on_a_terminal() -> None:
    stream = Terminal()
    with Progress(2, 2000, stream=stream) as progress:
        progress.advance(1000, files=1)
        progress.advance(1000, files=1)
        progress.finish()
    assert "2 of 2 files" in stream.getvalue()


@pytest.mark.parametrize(("stream", "wanted"), [(io.StringIO(), True), (Terminal(), False)])
def test_no_progress_when_nobody_looks(stream: io.StringIO, wanted: bool) -> None:
    with Progress(1, 10, wanted=wanted, stream=stream) as progress:
        progress.advance(10, files=1)
    assert stream.getvalue() == ""


def test_a_server_counts_on_one_line() -> None:
    stream = Terminal()
    counter = Counter(stream=stream)
    counter.count(1_500_000)
    counter.count(500_000)
    counter.finish()
    counter.finish()
    assert stream.getvalue() == "\r1 object, 1.5 MB received\x1b[K\r2 objects, 2.0 MB received\x1b[K\n"


def test_matches_are_counted_while_they_come() -> None:
    stream, times = Terminal(), iter([10.0, 10.05, 10.5, 10.55, 11.0])
    matches = Matches(stream=stream, clock=lambda: next(times))
    for _ in range(4):
        matches.count()
    matches.finish()
    matches.finish()
    told = ["2 matches, 4 a second\x1b[K", "4 matches, 4 a second\x1b[K", "\x1b[K"]
    assert stream.getvalue() == "".join(f"\r{each}" for each in told)


@pytest.mark.parametrize(("stream", "wanted"), [(io.StringIO(), True), (Terminal(), False)])
def test_matches_are_not_counted_when_nobody_looks(stream: io.StringIO, wanted: bool) -> None:
    times = iter([1.0, 2.0])
    matches = Matches(wanted=wanted, stream=stream, clock=lambda: next(times))
    matches.count()
    matches.finish()
    assert stream.getvalue() == ""


@pytest.mark.parametrize(("stream", "wanted"), [(io.StringIO(), True), (Terminal(), False)])
def test_a_server_does_not_count_when_nobody_looks(stream: io.StringIO, wanted: bool) -> None:
    counter = Counter(wanted=wanted, stream=stream)
    counter.count(1)
    counter.finish()
    assert stream.getvalue() == ""


def test_rich_is_loaded_for_a_bar_only() -> None:
    code = (
        "import sys; from dulcet.tools.reporting import Progress; Progress(1, 1).advance(1);"
        "print('rich' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ran.stdout == "False\n"
