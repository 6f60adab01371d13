"""The report on the terminal: a bar while cases run, a line a case, failures in full, and what the run comes to."""

import io
import re

import pytest
from dulcet.tools.conformance.case import registry
from dulcet.tools.conformance.reports.terminal import Terminal
from dulcet.tools.conformance.results import Level, Outcome, RunResult
from sample_runs import cell_result, sample, wrong_peer_run

BEFORE = "\x1b\\[[0-9;?]*[A-Za-z]"
"""What a terminal is told between the words: colours, and where the cursor goes."""


class FakeTty(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def ended(run: RunResult, *, verbose: bool = False) -> list[str]:
    """The lines of each case of a run, in a file."""
    stream = io.StringIO()
    with Terminal(len(run.results), stream, verbose=verbose, repro="judge {id}") as terminal:
        for result in run.results:
            terminal.ended(result)
    return stream.getvalue().splitlines()


def summary(run: RunResult) -> list[str]:
    """The lines of its end, in a file."""
    stream = io.StringIO()
    Terminal(len(run.results), stream).summary(run)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("done", [1, 2, 3])
def test_on_a_terminal_a_bar_tells_the_case_and_how_many_are_done(done: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar is drawn ten times a second, and when the run stops: here after so many cases."""
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    stream, run = FakeTty(), wrong_peer_run()
    with Terminal(len(run.results), stream) as terminal:
        for result in run.results[:done]:
            terminal.began(registry()[result.id])
            terminal.ended(result)
    shown = re.sub(BEFORE, "", stream.getvalue())
    assert "cases " in shown.partition("0/3")[0]  # from the beginning on
    assert re.search(rf"{result.id} +\S+ {done}/3 ", shown)
    assert "\x1b[1;31mSILENT" in stream.getvalue()  # a failure, bold and red


def test_in_a_file_there_is_neither_bar_nor_colour() -> None:
    run = wrong_peer_run()
    lines = ended(run)
    assert not [line for line in lines if "\x1b" in line or "/3" in line]


def test_a_case_is_a_line_and_a_failure_is_told_in_full() -> None:
    lines = ended(wrong_peer_run())
    heads = [line for line in lines if not line.startswith(" ")]
    assert [line.split()[:2] for line in sorted(heads)] == [
        ["PASS", "RL-01"],
        ["PASS", "RL-08"],
        ["SILENT", "S-A-06-13"],
    ]
    assert all(re.search(r" \d+\.\d\d s$", line) for line in heads)
    inside = [line.strip() for line in lines if line.startswith("    ")]
    assert "requirement  PS3.8 Table 9-10 (M)" in inside
    assert any(line.startswith("expected     A(2,2) | ") for line in inside)
    assert "seen         HOLD (SILENT)" in inside
    assert "nothing came, and the connection stayed open" in inside
    assert any(re.match(r"\+ +\d+\.\d{3}  ------>  A-RELEASE-RP  \[Sta6\]", line) for line in inside)
    assert "repeat       judge S-A-06-13" in inside


def test_what_is_known_to_fail_is_a_line_and_what_has_changed_is_told_in_full() -> None:
    lines = ended(sample())
    told = {line.split()[1]: line.split()[0] for line in lines if line and not line.startswith(" ")}
    assert told == {
        "P-01": "PASS",
        "P-02": "LENIENT",
        "P-03": "SILENT",
        "P-05": "UNDRIVEN",
        "P-06": "ERROR",
        "P-07": "XFAIL",
        "P-08": "XPASS",
        "P-09": "DRIFT",
        "P-10": "BLOCKED",
    }  # P-04 is skipped: the summary counts it
    repeated = [line.split()[-1] for line in lines if line.startswith("    repeat")]
    assert repeated == ["P-03", "P-06", "P-09", "P-10"]
    assert "    baseline     DRIFT " in "\n".join(lines)
    assert any(line.startswith("    health       BLOCKED") for line in lines)


def test_verbosely_each_case_is_told_with_its_wire_log() -> None:
    run = wrong_peer_run()
    arrows = {verbose: sum("------>" in line for line in ended(run, verbose=verbose)) for verbose in (False, True)}
    sent = {each.id: sum(event.direction == ">" for event in each.exchanges[0].events) for each in run.results}
    assert arrows == {False: sent["S-A-06-13"], True: sum(sent.values())}
    assert any(line.startswith("SKIP     P-04 ") for line in ended(sample(), verbose=True))


def test_the_summary_has_a_row_a_clause_and_a_column_a_level() -> None:
    run = RunResult("a peer", "A", "default")
    for event, outcome in (("Evt3", Outcome.PASSED), ("Evt4", Outcome.FAILED), ("Evt6", Outcome.TOLERATED)):
        run.results.append(cell_result("A", "Sta6", event, outcome))
    run.results.append(sample().results[0])
    run.results[-1].level = Level.S
    lines = [line.split() for line in summary(run)]
    assert ["clause", "M", "S", "I"] in lines
    assert ["PS3.8", "9.3.1", "1/1"] in lines
    assert ["PS3.8", "Table", "9-10", "1/3"] in lines  # what is tolerated has not passed


def test_the_small_table_has_a_sign_a_cell_of_both_roles_the_worse() -> None:
    run = RunResult("a peer", "AR", "default")
    run.results += [
        cell_result("A", "Sta6", "Evt13", Outcome.PASSED),
        cell_result("R", "Sta6", "Evt13", Outcome.FAILED),
        cell_result("A", "Sta2", "Evt13", Outcome.TOLERATED),
        cell_result("R", "Sta5", "Evt13", Outcome.SKIPPED),
        cell_result("R", "Sta11", "Evt13", Outcome.PASSED),
    ]
    lines = summary(run)
    head = next(line for line in lines if line.split()[:3] == ["1", "2", "3"])
    assert head.split() == [str(number) for number in range(1, 14)]
    row = next(line for line in lines if line.startswith("Evt13"))
    signs = {state: row[6 + 3 * index : 9 + 3 * index].strip() for index, state in enumerate(range(1, 14))}
    assert signs == {
        1: "",  # Table 9-10 has no such cell: there is no connection
        2: "~",
        3: ".",
        4: "",
        5: "-",
        6: "x",
        **dict.fromkeys(range(7, 11), "."),
        11: "o",
        12: ".",
        13: ".",
    }
    local = next(line for line in lines if line.startswith("Evt14"))  # the local user asks for something
    assert set(local[6:].split()) <= {","}
    assert "," in local


def test_the_summary_counts_what_was_not_judged_and_what_a_baseline_says() -> None:
    text = "\n".join(summary(sample()))
    assert "1 SKIPPED" in text
    assert re.search(r"^ +1  needs a peer \| with <b>Find$", text, re.MULTILINE)
    for line in ("1 XFAIL  P-07", "1 XPASS  P-08", "1 DRIFT  P-09"):
        assert line in text
    assert "2 passed, 1 tolerated, 4 failed, 1 skipped, 1 undriven, 1 error in 12.5 s" in text


def test_where_nothing_could_be_judged_that_is_all() -> None:
    run = RunResult("nobody", "A", "default", sanity="no connection: refused [port 1]")
    assert summary(run) == ["", "nothing could be judged: no connection: refused [port 1]"]


def test_a_peer_that_is_not_well_at_the_end_is_told() -> None:
    run = sample()
    run.end_sanity = "no connection: refused"
    assert summary(run)[-1] == "at the end the peer is not well: no connection: refused"
