"""The benchmark itself: its arithmetic, its turns, its chart, and one quick run. Nothing here judges a speed."""

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from xml.etree import ElementTree

import pytest
from bench import chart, report
from bench.__main__ import main
from bench.cases import CASES, pressed
from bench.curves import Curve, Drawn
from bench.micro import measure as measure_parts
from bench.peers import DULCET, SINK
from bench.place import Missing, Place
from bench.rounds import Case, Goal, Outcome, measure
from tool_runs import ROOT


def outcome(goals, **figures):
    """An outcome of two rounds or so, of contenders by name."""
    case = Case("key", "words", "/s", dict.fromkeys(figures), goals)
    return Outcome(case, {name.replace("_", " "): each for name, each in figures.items()})


def test_a_ratio_is_the_median_of_those_of_each_round():
    """A busy second round, in which both were slow, changes nothing; the ratio of medians would be 1.5."""
    found = outcome([Goal("ours", "theirs", 2.0)], ours=[20.0, 2.0, 30.0], theirs=[10.0, 1.0, 20.0])
    assert found.value(found.case.goals[0]) == 2.0
    assert found.median("ours") == 20.0


@pytest.mark.parametrize(
    ("goal", "value", "says"),
    [
        (Goal("ours", "theirs", 2.0, 3.0), 1.9, "MISSED"),
        (Goal("ours", "theirs", 2.0, 3.0), 2.0, "reached"),
        (Goal("ours", "theirs", 2.0, 3.0), 3.0, "stretched"),
        (Goal("ours", "theirs", 2.0, 1.0, at_least=False), 2.1, "MISSED"),
        (Goal("ours", "theirs", 2.0, 1.0, at_least=False), 1.5, "reached"),
        (Goal("ours", "theirs", 2.0, 1.0, at_least=False), 0.9, "stretched"),
        (Goal("ours", "theirs", None, 0.8), 0.5, ""),
        (Goal("ours", "theirs", None, 0.8), 0.8, "stretched"),
        (Goal("ours", "theirs", 2.0), None, "not measured"),
    ],
)
def test_a_verdict_says_how_near_a_goal_is(goal, value, says):
    assert report.verdict(goal, value) == says


def test_a_goal_without_another_is_about_the_figure_itself():
    found = outcome([Goal("ours", "", 32, at_least=False)], ours=[8.0, 40.0, 30.0])
    assert found.value(found.case.goals[0]) == 30.0


def test_nothing_is_told_of_who_was_not_measured():
    found = outcome([Goal("ours", "theirs", 2.0)], ours=[8.0], theirs=[])
    assert found.value(found.case.goals[0]) is None
    assert "not measured" in report.table([found])


def test_rounds_take_turns_and_begin_with_another_each_time():
    said, opened = [], []

    def counting(name):
        @contextmanager
        def opener(place):
            opened.append(name)
            yield lambda: said.append(name) or 1.0
            opened.remove(name)

        return opener

    @contextmanager
    def absent(place):
        raise Missing("nobody")
        yield

    case = Case("key", "words", "/s", {"a": counting("a"), "b": counting("b"), "c": absent}, rounds=3)
    found = measure(case, None)
    assert said == ["a", "b", "b", "a", "a", "b"]
    assert found.figures == {"a": [1.0] * 3, "b": [1.0] * 3}
    assert found.missing == {"c": "nobody is not installed"}
    assert opened == []


@pytest.mark.parametrize(
    ("turns", "apart", "shared"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_those_who_take_turns_share_a_processor(turns, apart, shared):
    before = os.sched_getaffinity(0)
    seen = []

    @contextmanager
    def looking(_place):
        yield lambda: float(seen.append(len(os.sched_getaffinity(0))) or 1)

    measure(Case("key", "words", "/s", {"a": looking}, rounds=1, turns=turns), None, apart=apart)
    assert seen == [1 if shared else len(before)]
    assert os.sched_getaffinity(0) == before


def test_the_table_has_a_line_for_each_goal_and_for_who_has_none():
    found = outcome([Goal("ours", "theirs", 2.0, 3.0)], ours=[2500.0], theirs=[1000.0], sink=[4.0])
    heading, line, other = report.table([found]).splitlines()
    assert heading.split() == ["case", "who", "figure", "beside", "figure", "ratio", "to", "reach", "stretch"]
    assert line.split("  ")[0] == "words"
    assert [cell.strip() for cell in line.split("  ") if cell] == [
        *("words", "ours", "2 500 /s", "theirs", "1 000 /s", "2.5", "≥ 2", "≥ 3", "reached"),
    ]
    assert other.split() == ["sink", "4", "/s"]


def test_the_record_has_every_figure():
    found = outcome([Goal("ours", "theirs", 2.0)], ours=[3.0, 4.0], theirs=[1.0, 1.0])
    (case,) = json.loads(json.dumps(report.record([found])))["cases"]
    assert case["figures"] == {"ours": [3.0, 4.0], "theirs": [1.0, 1.0]}
    assert case["goals"][0]["value"] == 3.5
    assert case["goals"][0]["verdict"] == "reached"


def test_the_chart_draws_speed_in_both_kinds_of_case():
    """Half the time is twice as fast: both bars are equally long, and one that is slower points the other way."""
    figures = {"dulcet": [20.0], "DCMTK": [10.0]}
    faster = Outcome(Case("a", "more is better", "/s", {}, [Goal("dulcet", "DCMTK", 1.0)]), figures)
    time = Outcome(Case("b", "less < better", "s", {}, [Goal("dulcet", "DCMTK", 1.0, at_least=False)]), figures)
    quick = Outcome(time.case, {"dulcet": [5.0], "DCMTK": [10.0]})
    assert chart.bars([faster, quick]) == [("more is better", [("dulcet", 2.0)]), ("less < better", [("dulcet", 2.0)])]
    drawing = ElementTree.fromstring(chart.svg([faster, time, quick]))  # noqa: S314  # our own words
    drawn = [each for each in drawing.findall("{*}rect") if each.get("fill") == chart.COLOURS["dulcet"]]
    bars = [each for each in drawn if float(each.get("y")) >= chart.TOP]  # above are the words and the legend
    assert len(bars) == 3
    assert len({each.get("width") for each in bars}) == 1
    ahead, behind, other = (float(each.get("x")) for each in bars)
    assert behind < ahead == other


@pytest.mark.parametrize(
    ("costs", "says"),
    [
        ({1: 10.0, 10: 100.0, 100: 1000.0}, "linear"),
        ({1: 10.0, 10: 40.0, 100: 4000.0}, "MORE THAN LINEAR"),
        ({1: 10.0, 10: 13.0, 100: 400.0, 1000: 4400.0}, "linear"),  # whose first step was cheap
        ({1: 1.0, 10: 100.0}, "linear"),  # for all that two points tell
        ({1: 10.0, 10: 10.1, 100: 10.2}, "cost does not grow"),
    ],
)
def test_a_curve_says_whether_cost_grows_linearly(costs, says):
    drawn = Drawn(Curve("things", "µs", tuple(costs), None), costs)
    assert drawn.text().splitlines()[-1].strip().startswith(says)


def test_parts_of_the_core_are_measured():
    assert all(figure > 0 for figure in measure_parts(rounds=1).values())


def test_what_a_server_executes_is_counted():
    """In a process of its own: it takes the place of the tracer that measures coverage."""
    command = [sys.executable, "-m", "tests.bench", "--instructions"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    totals = {name: int(number) for name, number in re.findall(r"^(.*): (\d+) instructions", ran.stdout, re.MULTILINE)}
    assert len(totals) == 4
    assert totals["C-ECHO"] < totals["C-STORE of 38 KiB, dropped"] < totals["C-STORE of 512 KiB, dropped"]
    assert totals["C-ECHO"] < totals["associate + C-ECHO + release"] < 20 * totals["C-ECHO"]
    assert re.search(r"^ +\d+ dul$", ran.stdout, re.MULTILINE)


def test_a_quick_run_of_one_case():
    """A server of ours and the C sink, whole processes; what comes out are figures and no judgement."""
    if shutil.which("cc") is None:
        pytest.skip("cc, the C compiler, is not installed")
    case = Case("echo", "echo", "/s", pressed("echo", DULCET, SINK), [Goal(DULCET.name, SINK.name, 0.0)], rounds=1)
    with Place(quick=True) as place:
        found = measure(case, place)
        root = place.root
    assert found.value(case.goals[0]) > 0
    assert not root.exists()


def test_the_command_line_names_the_cases_it_knows(capsys):
    with pytest.raises(SystemExit):
        main(["--only", "echo,nonsense"])
    said = capsys.readouterr().err
    assert "no such case: nonsense" in said
    assert all(key in said for key in CASES)
