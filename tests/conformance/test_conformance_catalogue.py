"""What stands in the registry agrees with the catalogue and the standard: packs, levels, expectations."""

import pytest
from dulcet.tools.conformance.case import registry
from dulcet.tools.conformance.listing import explanation, record

SMOKE = [
    "S-A-02-10",
    "S-A-02-19",
    "S-A-06-03",
    "S-A-06-06",
    "S-A-06-12",
    "S-A-06-16",
    "S-A-06-19",
    "S-A-13-06",
    "P-02",
    "P-05",
    "P-07",
    "RQ-01",
    "RQ-02",
    "RQ-06",
    "RQ-10",
    "RQ-15",
    "RQ-17",
    "RQ-28",
    "PD-03",
    "PD-11",
    "PD-14",
    "PD-19",
    "RL-01",
    "NEG-06",
    "CMD-01",
]
"""Catalogue 3.15."""


def test_the_smoke_set_is_the_catalogues() -> None:
    assert len(SMOKE) == 25
    assert sorted(each.id for each in registry().values() if "smoke" in each.tags) == sorted(SMOKE)


def test_timers_are_judged_as_table_9_9_binds_them() -> None:
    """Only AA-1 restarts ARTIM: AA-6 names no timer (T-07). That it is set on a connection is 9.1.2 (T-01)."""
    assert registry()["T-07"].level == "M"
    assert "PS3.8 9.1.2" in registry()["T-01"].clauses


def test_every_row_says_what_it_expects() -> None:
    assert not [row["id"] for row in map(record, registry().values()) if not row["expected"]]


INEXACT = " (other reasons: not in strict mode)"
CELLS = {
    "S-A-02-06": {"AC", "RJ"},
    "S-A-02-16": {"CLOSE"},
    "S-A-06-12": {"RP"},
    "S-A-13-04": {"HOLD", "~CLOSE [EARLY]"},
    "S-R-05-04": {"CLOSE"},
    "S-R-07-12": {"RP"},
    "S-A-06-13": {"A(2,2)", "~A(0,*) [LENIENT]", "~CLOSE [DIRTY]"},
}
"""By hand from Table 9-10 and the reaction sets: AE-6, AA-2, AR-2 and AR-4, AA-6, AE-4, AR-8 and AR-9, AA-8."""


@pytest.mark.parametrize("id_", CELLS)
def test_cells_expect_what_table_9_10_has(id_: str) -> None:
    told = str(record(registry()[id_])["expected"])
    assert set(told.removesuffix(INEXACT).split(" | ")) == CELLS[id_]


def test_variants_that_differ_are_told_one_by_one() -> None:
    """The exact reasons of Table 9-26: 1 for a type that does not exist, 4 or 6 for a broken PDU."""
    told = str(record(registry()["S-A-06-19"])["expected"]).split("; ")
    assert [each.split(": ")[0] for each in told] == [
        "unknown type with a body",
        "unknown type without a body",
        "known type, broken",
    ]
    assert [("A(2,1)" in each, "A(2,4)" in each) for each in told] == [(True, False), (True, False), (False, True)]


def test_a_rule_is_told_in_words_and_explained() -> None:
    assert record(registry()["EM-06"])["expected"] == "protocol version has bit 0"
    assert "  expected CLOSE, after anything" in explanation(registry()["ROB-20"])


@pytest.mark.parametrize(("id_", "cells"), [("S-A-06-13", "Evt13 in Sta6"), ("PD-18", "Sta6"), ("AB-09", "Evt16")])
def test_cells_are_told_as_far_as_there_are_some(id_: str, cells: str) -> None:
    assert f"  cells    {cells}" in explanation(registry()[id_])


@pytest.mark.parametrize(
    ("id_", "level"),
    [("T-07", "M"), ("RQ-38", "S"), ("AC-01", "M"), ("AC-16", "M"), ("RL-11", "M"), ("NEG-02", "M"), ("CMD-28", "I")],
)
def test_a_level_that_was_settled_by_the_clause_says_why(id_: str, level: str) -> None:
    """Those that were first put down as another one: a reader is told what the clause says."""
    case = registry()[id_]
    assert case.level == level
    assert case.why
