"""The count of cells counts what it says; a whole run fails when an outcome of Table 9-10 has no proof."""

import json
from collections import Counter
from pathlib import Path

import cell_coverage
import pytest
import table_9_10 as table
from inner_runs import inner_run


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counter[cell_coverage.Visit]:
    """Counts of this test's own."""
    fresh: Counter[cell_coverage.Visit] = Counter()
    monkeypatch.setattr(cell_coverage, "counts", fresh)
    return fresh


def test_counts_by_source(counts: Counter[cell_coverage.Visit], tmp_path: Path) -> None:
    trace = cell_coverage.traced("live")
    trace(0.0, "Sta6", "Evt10", "DT-2", "Sta6", 3)
    trace(0.0, "Sta7", "Evt12", "AR-8", "Sta10", 1)
    cell_coverage.merge([(("live", "Sta6", "Evt10", "Sta6"), 100_000)])
    assert len(cell_coverage.missed("live")) == len(table.OUTCOMES) - 2
    assert "Sta7 + Evt12 -> AR-8 -> Sta9" in cell_coverage.missed("live")
    assert len(cell_coverage.missed("property")) == len(table.OUTCOMES)
    rows = {line.split()[0]: line.split() for line in cell_coverage.grid("live")}
    assert (rows["Evt10"][6], rows["Evt12"][7], rows["Evt2"][1]) == ("100k", "1", ".")
    cell_coverage.write_json(tmp_path / "cells.json")
    outcomes = json.loads((tmp_path / "cells.json").read_text("utf-8"))["outcomes"]
    assert {(o["state"], o["event"], o["next"]): o["counts"]["live"] for o in outcomes if o["counts"]["live"]} == {
        ("Sta6", "Evt10", "Sta6"): 100_003,
        ("Sta7", "Evt12", "Sta10"): 1,
    }


@pytest.mark.parametrize(
    ("state", "event", "action", "following", "count"),
    [
        ("Sta1", "Evt3", "AA-8", "Sta13", 1),
        ("Sta6", "Evt10", "AR-6", "Sta7", 1),
        ("Sta6", "Evt10", "DT-2", "Sta7", 1),
        ("Sta6", "Evt10", "DT-2", "Sta6", 0),
    ],
)
def test_refuses_what_the_table_does_not_say(
    counts: Counter[cell_coverage.Visit], state: str, event: str, action: str, following: str, count: int
) -> None:
    with pytest.raises(AssertionError):
        cell_coverage.traced("live")(0.0, state, event, action, following, count)
    assert not counts


PROOF = """
import cell_coverage, pytest, table_9_10 as table

@pytest.mark.parametrize(("state", "event", "action", "outcome"), table.OUTCOMES[{start}:])
def test_proof(state, event, action, outcome):
    cell_coverage.traced("{source}")(0.0, state, event, action, outcome.next, 1)
"""


@pytest.mark.parametrize(
    ("gap", "arguments", "passes"),
    [
        (None, [], True),
        ("property", [], False),
        ("enumerated", [], False),
        ("property", ["test_table_9_10.py"], True),
        (None, ["-n2"], True),
        ("property", ["-n2"], False),
        ("property", ["-k", "Sta6"], True),
        ("property", ["test_table_9_10.py", "test_table_9_10_properties.py::test_proof"], True),
    ],
    ids=[
        "every-outcome",
        "one-missing",
        "one-missing-of-the-enumerated",
        "one-module",
        "every-outcome-by-two-workers",
        "one-missing-by-two-workers",
        "some-tests",
        "named-tests",
    ],
)
def test_a_whole_run_needs_every_outcome(tmp_path: Path, gap: str | None, arguments: list[str], passes: bool) -> None:
    """Only a run of both proofs from their first to their last test can be asked for all of the table."""
    tests = {
        module: PROOF.format(source=source, start=int(source == gap)) for source, module in cell_coverage.PROOFS.items()
    }
    run = inner_run(tmp_path, "cell_gate", tests, *arguments, DULCET_CELLS_JSON="cells.json")
    assert (run.returncode == 0) is passes, run.stdout
    assert ("without proof" in run.stdout) is not passes
    assert (f"{gap}: Sta1 + Evt1 -> AE-1 -> Sta4" in run.stdout) is not passes
    assert (tmp_path / "cells.json").exists()


def test_a_whole_run_prints_the_grid_of_each_proof(tmp_path: Path) -> None:
    """A row of counts for each event, under the heading of its source: 13 cells, as many filled as in the table."""
    tests = {module: PROOF.format(source=source, start=0) for source, module in cell_coverage.PROOFS.items()}
    lines = inner_run(tmp_path, "cell_gate", tests).stdout.splitlines()
    for source in cell_coverage.PROOFS:
        (head,) = (number for number, line in enumerate(lines) if f"Table 9-10, {source}: 125 of 125 outcomes" in line)
        assert lines[head + 1].split() == list(table.STATES)
        for event, line in zip(table.EVENTS, lines[head + 2 : head + 21], strict=True):
            name, *cells = line.split()
            expected = [
                str(len(table.ACTIONS[table.CELLS[state][event]])) if event in table.CELLS[state] else "."
                for state in table.STATES
            ]
            assert (name, cells) == (event, expected)
