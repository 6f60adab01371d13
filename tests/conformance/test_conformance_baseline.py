"""Baselines: expected failures with their manner, their end, and what happens when they do not come."""

import datetime
import json
from pathlib import Path

import pytest
from dulcet.tools.conformance import command
from dulcet.tools.conformance.baseline import Entry, compare, load, text, updated
from dulcet.tools.conformance.exits import Exit, exit_code
from dulcet.tools.conformance.reports.json_report import load as load_run
from dulcet.tools.conformance.reports.json_report import write
from dulcet.tools.conformance.results import Expectation, Health, Level, Outcome, Result, RunResult
from peers import our_scp

TODAY = datetime.date(2026, 6, 1)
SILENT = Entry("SILENT", "HOLD", "it waits for more")


def result(
    id_: str = "P-11", outcome: Outcome = Outcome.FAILED, verdict: str = "SILENT", signature: str = "HOLD"
) -> Result:
    return Result(
        id_,
        "slug",
        "title",
        "A",
        Level.M,
        ("PS3.8 9.3.1",),
        (),
        (),
        (),
        outcome,
        verdict,
        signature,
        health=Health.OK,
    )


def run_of(*results: Result) -> RunResult:
    return RunResult("a peer", "A", "default", results=list(results))


@pytest.mark.parametrize(
    ("found", "entry", "expectation", "code"),
    [
        (result(), SILENT, "XFAIL", Exit.PASSED),
        (result(), None, "", Exit.FAILED),
        (result(signature="AC"), SILENT, "DRIFT", Exit.DRIFT),
        (result(verdict="LEAK"), SILENT, "DRIFT", Exit.DRIFT),
        (result(outcome=Outcome.PASSED, verdict="PASS", signature="A(2,6)"), SILENT, "XPASS", Exit.DRIFT),
        (result(outcome=Outcome.TOLERATED, verdict="DIRTY", signature="FIN"), SILENT, "XPASS", Exit.DRIFT),
        (result(outcome=Outcome.SKIPPED), SILENT, "", Exit.PASSED),
        (result(), Entry("SILENT", "HOLD", until=TODAY), "XFAIL", Exit.PASSED),
        (result(), Entry("SILENT", "HOLD", until=TODAY - datetime.timedelta(1)), "EXPIRED", Exit.FAILED),
    ],
)
def test_what_a_baseline_says(found: Result, entry: Entry | None, expectation: str, code: Exit) -> None:
    compare(found, {"P-11": entry} if entry else {}, TODAY)
    assert (found.expectation, exit_code(run_of(found))) == (Expectation(expectation), code)


def test_a_new_failure_weighs_more_than_a_drift() -> None:
    drifted, new = result(signature="AC"), result("P-12")
    for each in (drifted, new):
        compare(each, {"P-11": SILENT}, TODAY)
    assert exit_code(run_of(drifted, new)) is Exit.FAILED


def test_a_blocked_peer_that_is_expected_is_no_failure() -> None:
    blocked = result(verdict="BLOCKED")
    blocked.health = Health.BLOCKED
    assert exit_code(run_of(blocked)) is Exit.PEER_DOWN
    compare(blocked, {"P-11": Entry("BLOCKED", "HOLD")}, TODAY)
    assert exit_code(run_of(blocked)) is Exit.PASSED


def test_an_entry_of_one_role_is_for_that_role() -> None:
    found = result()
    compare(found, {"P-11/R": SILENT}, TODAY)
    assert found.expectation is Expectation.NONE
    compare(found, {"P-11/A": SILENT}, TODAY)
    assert found.expectation is Expectation.XFAIL


def test_an_update_keeps_the_words_and_drops_what_passes() -> None:
    entries = {"P-11": SILENT, "P-12": Entry("FAIL", "AC"), "RQ-99": Entry("FAIL", "AC", link="https://example.org")}
    passed = result("P-12", Outcome.PASSED, "PASS", "A(0,0)")
    new = updated(entries, run_of(result(verdict="FAIL", signature="AC"), passed, result("S-A-06-19")))
    assert new == {
        "P-11": Entry("FAIL", "AC", "it waits for more"),
        "RQ-99": entries["RQ-99"],
        "S-A-06-19": Entry("SILENT", "HOLD"),
    }


def test_a_case_of_both_roles_is_written_with_its_role() -> None:
    assert list(updated({}, run_of(result("P-05")))) == ["P-05/A"]


def test_a_file_survives(tmp_path: Path) -> None:
    entries = {
        "P-11": Entry("SILENT", "HOLD", 'says "no"\\', "https://example.org/1", datetime.date(2026, 12, 31)),
        "P-05/A": Entry("FAIL", "AC"),
    }
    path = tmp_path / "peer.xfail.toml"
    path.write_text(text(entries), encoding="utf-8")
    assert load(path) == entries


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("[P-11]\nverdict = 'FAIL'\n", "P-11 is no entry: verdict and reaction"),
        ("P-11 = 'FAIL'\n", "P-11 is no entry"),
        ("[P-11]\nverdict = 'FAIL'\nreaction = 'AC'\ncolour = 'red'\n", "P-11 is no entry"),
        ("[P-11]\nverdict = 'FAIL'\nreaction = 'AC'\nuntil = '2026-12-31'\n", "until is a date without quotes"),
        ("[P-11]\nverdict = 'FAIL'\nreaction = 3\n", "reaction is a text in quotes"),
        ("[P-11\n", "Expected ']'"),
    ],
)
def test_a_file_that_is_none_is_told(
    wrong: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run.json").write_text("{}", encoding="utf-8")
    write(run_of(), str(tmp_path / "run.json"))
    (tmp_path / "x.toml").write_text(wrong, encoding="utf-8")
    words_of_command = ["baseline", "check", str(tmp_path / "x.toml"), str(tmp_path / "run.json")]
    assert command.main(words_of_command) == Exit.USAGE
    assert words in capsys.readouterr().err


def test_update_and_check_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, baseline = str(tmp_path / "run.json"), str(tmp_path / "peer.xfail.toml")
    write(run_of(result(), result("P-12", Outcome.PASSED, "PASS", "A(0,0)")), run)
    assert command.main(["baseline", "update", baseline, run]) == Exit.PASSED
    assert "+ P-11         SILENT HOLD" in capsys.readouterr().out
    assert command.main(["baseline", "check", baseline, run]) == Exit.PASSED
    assert capsys.readouterr().out == "XFAIL   P-11         A  SILENT HOLD\n"
    write(run_of(result(signature="RP"), result("P-12")), run)
    assert command.main(["baseline", "check", baseline, run]) == Exit.FAILED
    assert capsys.readouterr().out.splitlines() == [
        "DRIFT   P-11         A  SILENT RP  expected SILENT HOLD",
        "NEW     P-12         A  SILENT HOLD",
    ]


def test_a_run_with_a_baseline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An entry of what passes is XPASS: the run fails with 6, and the report that tells it is written all the same."""
    baseline, report = tmp_path / "x.toml", tmp_path / "run.json"
    baseline.write_text(text({"RL-01/A": SILENT}), encoding="utf-8")
    with our_scp() as port:
        words = ["acceptor", "127.0.0.1", str(port), "RL-01", "RL-02", "--settle", "0.05", "--no-color"]
        code = command.main([*words, "--baseline", str(baseline), "--json", str(report)])
    out = capsys.readouterr().out
    assert code == Exit.DRIFT
    assert "XPASS    RL-01" in out
    assert "1 XPASS  RL-01" in out
    run = load_run(report)
    assert {each.id: each.expectation for each in run.results} == {"RL-01": "XPASS", "RL-02": ""}
    assert json.loads(report.read_text(encoding="utf-8"))["results"][0]["expected_why"] == "it waits for more"
