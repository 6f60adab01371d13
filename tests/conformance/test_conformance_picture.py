"""The picture of Table 9-10: each cell in its colour, with its action and what was seen, in both roles."""

from itertools import product
from pathlib import Path
from xml.etree import ElementTree

import pytest
from dulcet.tools.conformance import command
from dulcet.tools.conformance.case import registry
from dulcet.tools.conformance.exits import Exit
from dulcet.tools.conformance.reports.drawing import written
from dulcet.tools.conformance.reports.picture import drawn, observed
from dulcet.tools.conformance.results import Exchange, Outcome, Result, RunResult
from dulcet.tools.conformance.tokens import Token, pattern
from peers import our_scp
from sample_runs import cell_result, our_run
from table_9_10 import CELLS, EVENTS, STATES

SVG = "{http://www.w3.org/2000/svg}"


def cells(run: RunResult) -> dict[str, ElementTree.Element]:
    """The groups of the picture, by event and state."""
    root = ElementTree.fromstring(written(drawn(run)))  # noqa: S314  # our own
    return {each.get("data-cell", ""): each for each in root.iter(f"{SVG}g") if each.get("data-cell")}


def paints(cell: ElementTree.Element) -> list[str]:
    shapes = [each for each in cell if each.tag in (f"{SVG}rect", f"{SVG}polygon") and each.get("fill") != "none"]
    return [each.get("class", "") for each in shapes]


def texts(cell: ElementTree.Element) -> list[str]:
    return [each.text or "" for each in cell.iter(f"{SVG}text")]


def run_of(*results: Result, roles: str = "A", **profile: object) -> RunResult:
    return RunResult("peer {aet} <&>", roles, "default", results=list(results), profile=dict(profile))


def test_every_cell_has_the_action_of_the_table() -> None:
    found = cells(run_of())
    assert len(found) == 19 * 13
    for event in EVENTS:
        for state in STATES:
            assert texts(found[f"{event} {state}"]) == list(filter(None, [CELLS[state].get(event)]))


def test_cells_that_are_empty_or_out_of_reach_or_were_not_run() -> None:
    found = cells(run_of())
    looks = {name: paints(found[name]) for name in ("Evt1 Sta2", "Evt11 Sta6", "Evt3 Sta7", "Evt3 Sta6", "Evt18 Sta2")}
    assert looks == {
        "Evt1 Sta2": ["empty"],
        "Evt11 Sta6": ["unreachable"],
        "Evt3 Sta7": ["unreachable"],
        "Evt3 Sta6": ["not-run"],
        "Evt18 Sta2": ["not-run"],
    }
    assert paints(cells(run_of(can_release=True))["Evt3 Sta7"]) == ["not-run"]
    assert paints(cells(run_of(roles="R"))["Evt3 Sta7"]) == ["not-run"]


@pytest.mark.parametrize("outcome", [each for each in Outcome if each is not Outcome.SKIPPED])
def test_a_verdict_has_its_colour(outcome: Outcome) -> None:
    found = cells(run_of(cell_result("A", "Sta6", "Evt13", outcome)))
    assert paints(found["Evt13 Sta6"]) == [outcome.lower()]


def test_two_roles_are_two_triangles() -> None:
    both = [cell_result("A", "Sta6", "Evt13", Outcome.PASSED), cell_result("R", "Sta6", "Evt13", Outcome.FAILED)]
    found = cells(run_of(*both, roles="AR"))
    assert paints(found["Evt13 Sta6"]) == ["passed", "failed"]
    assert paints(found["Evt13 Sta5"]) == ["not-run"]
    assert paints(found["Evt3 Sta6"]) == ["not-run", "not-run"]


def test_the_worst_of_several_cases_shows() -> None:
    several = [cell_result("A", "Sta2", "Evt18", outcome) for outcome in (Outcome.PASSED, Outcome.FAILED)]
    assert paints(cells(run_of(*several))["Evt18 Sta2"]) == ["failed"]


@pytest.mark.parametrize(
    ("tokens", "seconds", "words"),
    [
        (("A(2,2)",), 0.003, "A 2/2 3 ms"),
        (("A(2,2)", "FIN"), 0.003, "A 2/2\N{RIGHTWARDS ARROW}FIN"),
        ((), 2.04, "silence 2.0 s"),
        (("RSP(0000)",), 0.0, "RSP 0000 0 ms"),
        (("AC", "RSP(0000)", "RP"), 0.0, "AC\N{RIGHTWARDS ARROW}RSP 0000\N{RIGHTWARDS ARROW}RP"),
        (
            ("AC", "RSP(0000)", "RLRQ"),
            0.0,
            "AC\N{RIGHTWARDS ARROW}RSP 0000\N{RIGHTWARDS ARROW}RL\N{HORIZONTAL ELLIPSIS}",
        ),
    ],
)
def test_what_was_seen_fits(tokens: tuple[str, ...], seconds: float, words: str) -> None:
    result = cell_result("A", "Sta6", "Evt13", Outcome.PASSED)
    seen = tuple(Token("CLOSE", how=each) if each == "FIN" else pattern(each) for each in tokens)
    result.exchanges = [Exchange(seen=seen, seconds=seconds)]
    assert observed(result) == words


def test_a_run_is_drawn() -> None:
    found = cells(our_run())
    assert paints(found["Evt19 Sta6"]) == ["passed"]
    assert "\N{CHECK MARK}" in texts(found["Evt19 Sta6"])
    title = found["Evt19 Sta6"].findtext(f"{SVG}title") or ""
    assert title.startswith("AA-8: unrecognized or invalid PDU received in Sta6")
    assert "acceptor: S-A-06-19 PASS" in title


def test_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "table.svg"
    with our_scp() as port:
        words = ["acceptor", "127.0.0.1", str(port), "S-A-06-13", "--settle", "0.05", "--svg", str(path)]
        assert command.main(words) == Exit.PASSED
    root = ElementTree.fromstring(path.read_bytes())  # noqa: S314  # our own
    assert (root.tag, (root.get("viewBox") or "").split()[:2]) == (f"{SVG}svg", ["0", "0"])
    assert "1 of 40 cells judged" in (root.findtext(f"{SVG}title") or "")


def test_the_picture_in_the_readme_is_of_the_cases_there_are() -> None:
    """Each cell that a case judges has passed in each role of it, as `full_run` plays them; no other cell has."""
    root = ElementTree.parse(Path(__file__).with_name("dulcet.svg")).getroot()  # noqa: S314  # our own
    judged: dict[str, set[str]] = {}
    for case in registry().values():
        if "gated" not in case.tags:
            for event, state in product(case.events, case.states):
                judged.setdefault(f"{event} {state}", set()).update(case.roles)
    found = {each.get("data-cell", ""): each for each in root.iter(f"{SVG}g") if each.get("data-cell")}
    assert len(found) == 19 * 13
    assert {cell: paints(each).count("passed") for cell, each in found.items()} == {
        cell: len(judged.get(cell, ())) for cell in found
    }
    actions = {cell: next(filter(None, texts(each)), None) for cell, each in found.items()}
    assert actions == {f"{event} {state}": CELLS[state].get(event) for event in EVENTS for state in STATES}
