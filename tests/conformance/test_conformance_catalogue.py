"""What stands in the registry agrees with the catalogue and the standard: packs, levels, expectations."""

from dulcet.tools.conformance.case import registry
from dulcet.tools.conformance.listing import record

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


def test_every_t_p_and_rl_row_says_what_it_expects() -> None:
    rows = [record(each) for each in registry().values() if each.section in ("T", "P", "RL")]
    assert not [row["id"] for row in rows if not row["expected"]]
