"""What `full_run` lets pass: a case that passed, and those that its two peers cannot be made to play; nothing else."""

import pytest
from dulcet.tools.conformance.reports.json_report import document
from dulcet.tools.conformance.results import Level, Outcome, Result, RunResult
from full_run import unpassed


@pytest.mark.parametrize(
    ("id_", "role", "outcome", "tags", "passes"),
    [
        ("RQ-37", "A", Outcome.SKIPPED, (), True),
        ("RQ-38", "A", Outcome.SKIPPED, (), True),
        ("NEG-26", "A", Outcome.SKIPPED, (), True),
        ("PD-28", "R", Outcome.SKIPPED, (), True),
        ("S-A-07-13", "A", Outcome.SKIPPED, ("gated",), True),
        ("RQ-37", "A", Outcome.PASSED, (), True),
        ("PD-28", "A", Outcome.SKIPPED, (), False),
        ("RQ-36", "A", Outcome.SKIPPED, (), False),
        ("ROB-14", "A", Outcome.SKIPPED, ("robust", "dos"), False),
        ("RQ-37", "A", Outcome.TOLERATED, (), False),
        ("S-A-07-13", "A", Outcome.UNDRIVEN, ("gated",), False),
    ],
)
def test_only_what_cannot_be_played_may_be_skipped(
    id_: str, role: str, outcome: Outcome, tags: tuple[str, ...], passes: bool
) -> None:
    result = Result(id_, "slug", "title", role, Level.M, ("PS3.8 7.1",), (), (), tags, outcome, reason="why")
    told = unpassed(document(RunResult("peer", "AR", "strict", results=[result])))
    assert told == ([] if passes else [f"{outcome} {id_} in role {role}:  why"])
