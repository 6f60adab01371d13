"""Two runs compared, and many side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from dulcet.tools.conformance import command
from dulcet.tools.conformance.comparing import changes, exit_code
from dulcet.tools.conformance.exits import Exit
from dulcet.tools.conformance.reports.json_report import write
from dulcet.tools.conformance.results import Level, Outcome, Result, RunResult
from dulcet.tools.conformance.side_by_side import document, rows
from sample_runs import cell_result, our_run, sample

P, T, F, S, U = Outcome.PASSED, Outcome.TOLERATED, Outcome.FAILED, Outcome.SKIPPED, Outcome.UNDRIVEN


def result(outcome: Outcome, signature: str = "A(2,2)", id_: str = "P-11", role: str = "A") -> Result:
    verdict = {P: "PASS", T: "DIRTY", F: "FAIL", S: "SKIP"}.get(outcome, str(outcome))
    clauses = ("PS3.8 9.3.1",)
    return Result(id_, "slug", "title", role, Level.M, clauses, (), (), (), outcome, verdict, signature)


def run_of(*results: Result, peer: str = "peer") -> RunResult:
    return RunResult(peer, "A", "default", results=list(results))


# ---- diff ----


@pytest.mark.parametrize(
    ("then", "now", "kind", "code"),
    [
        ([result(P)], [result(P)], "", Exit.PASSED),
        ([result(P)], [result(P, "A(2,0)")], "", Exit.PASSED),
        ([result(P)], [result(F)], "REGRESSION", Exit.FAILED),
        ([result(T)], [result(F)], "REGRESSION", Exit.FAILED),
        ([result(P)], [result(T)], "WORSE", Exit.DRIFT),
        ([result(T)], [result(P)], "BETTER", Exit.PASSED),
        ([result(F)], [result(P)], "FIXED", Exit.PASSED),
        ([result(F)], [result(T)], "FIXED", Exit.PASSED),
        ([result(F)], [result(F)], "", Exit.PASSED),
        ([result(F)], [result(F, "AC")], "DRIFT", Exit.DRIFT),
        ([result(T)], [result(T, "FIN")], "DRIFT", Exit.DRIFT),
        ([result(P)], [result(U)], "UNJUDGED", Exit.DRIFT),
        ([result(P)], [], "UNJUDGED", Exit.DRIFT),
        ([], [result(F)], "NEW", Exit.PASSED),
        ([result(S)], [result(P)], "NEW", Exit.PASSED),
        ([result(S)], [result(U)], "", Exit.PASSED),
        ([result(P)], [result(P), result(F, role="R")], "NEW", Exit.PASSED),
    ],
)
def test_what_changed(then: Sequence[Result], now: Sequence[Result], kind: str, code: Exit) -> None:
    found = changes(run_of(*then), run_of(*now))
    assert [each.kind for each in found] == list(filter(None, [kind]))
    assert exit_code(found) == code


def test_a_difference_is_told_the_worst_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = str(tmp_path / "a.json"), str(tmp_path / "b.json")
    write(run_of(result(F), result(P, id_="P-12"), peer="old"), first)
    write(run_of(result(P), result(F, "HOLD", id_="P-12"), peer="new"), second)
    assert command.main(["diff", first, second]) == Exit.FAILED
    assert capsys.readouterr().out.splitlines()[3:] == [
        "REGRESSION: 1 fails now",
        "  P-12         A  title",
        "                  PASS A(2,2)  ->  FAIL HOLD",
        "",
        "FIXED: 1 does not fail any more",
        "  P-11         A  title",
        "                  FAIL A(2,2)  ->  PASS A(2,2)",
    ]
    assert command.main(["diff", first, first]) == Exit.PASSED
    assert "no difference" in capsys.readouterr().out


def test_what_is_no_report_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.json").write_text("[]", encoding="utf-8")
    for words in (["diff", str(tmp_path / "x.json"), "none.json"], ["matrix", str(tmp_path / "x.json")]):
        assert command.main(words) == Exit.USAGE
        assert "no report of version 1" in capsys.readouterr().err


# ---- many side by side ----


def test_the_rows_are_the_cases_of_all() -> None:
    found = rows(
        [run_of(result(P), result(F, id_="P-12")), run_of(result(P), result(T, id_="P-12"), result(P, role="R"))]
    )
    assert [(each.id, each.role, each.differs, each.bad) for each in found] == [
        ("P-11", "A", False, False),
        ("P-11", "R", False, False),
        ("P-12", "A", True, True),
    ]


def test_the_page_in_a_browser(browser: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [our_run(), sample(), RunResult("far", "R", "strict", results=[cell_result("R", "Sta6", "Evt13", F)])]
    for number, run in enumerate(runs):
        write(run, str(tmp_path / f"{number}.json"))
    names = [str(tmp_path / f"{number}.json") for number in range(3)]
    assert command.main(["matrix", *names, "-o", str(tmp_path / "index.html")]) == Exit.PASSED
    size = {"width": 390, "height": 900, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get((tmp_path / "index.html").as_uri())
    shown = (
        "return [...document.querySelectorAll('tr.one')].filter(each => each.checkVisibility())"
        ".map(each => each.querySelector('code').textContent)"
    )
    everything = browser.execute_script(shown)
    assert len(everything) == len(rows(runs)) == 14
    assert browser.execute_script("return document.querySelectorAll('.table-9-10.small').length") == 3
    browser.execute_script("document.getElementById('bad').click()")
    assert browser.execute_script(shown) == ["P-03", "P-07", "P-09", "P-10", "S-R-06-13"]
    browser.execute_script("document.getElementById('bad').click(); document.getElementById('differs').click()")
    assert set(browser.execute_script(shown)) <= set(everything)
    browser.find_element("id", "text").send_keys("p-05")
    assert browser.execute_script(shown) == ["P-05"]
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    assert browser.get_log("browser") == []


def test_nothing_of_a_peer_is_markup() -> None:
    evil = "<script>alert(1)</script>"
    text = document([run_of(result(F, id_="P-11"), peer=evil)])
    assert "<script>alert" not in text
    assert text.count("<script>") == 1
