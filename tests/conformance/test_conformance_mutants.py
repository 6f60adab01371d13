"""A sample of the mutations, judged; all of them are `python -m tests.conformance.mutation_sweep`."""

import asyncio
from collections import defaultdict

import pytest
from dulcet.tools.conformance.case import registry
from dulcet.tools.conformance.results import Level, Outcome
from mutants.mutated import RIGHT
from mutants.peers import judge_acceptor, judge_requestor
from mutants.sweep import MUTATIONS, main, shown, sweep_one

SAMPLE = (
    "AA-8 knows no reason",
    "no ARTIM after A-RELEASE-RP",
    "protocol version compared for equality",
    "two transfer syntaxes in one context",
    "roles answered 1 where 0 was proposed",
    "P-DATA-TF longer than declared",
    "a response behind A-RELEASE-RP",
    "R: a release collision ends with a close",
    "R: P-DATA-TF longer than declared",
    "items of an A-ASSOCIATE-RQ are looked for by their types",
    "each context has a message of its own",
    "a requestor without a maximum length is not served",
    "a connection that the peer has closed stays open",
    "R: no maximum length is no length",
    "R: reserved bytes of A-RELEASE-RP are tested",
)
QUICK = {
    "A": (
        "S-A-02-10",
        "S-A-06-13",
        "S-A-13-06",
        "P-05",
        "RQ-17",
        "AC-03",
        "PD-03",
        "RL-01",
        "NEG-08",
        "CMD-01",
        "EM-14",
    ),
    "R": ("S-R-05-04", "S-R-07-12", "AC-09", "AC-18", "RL-10", "RL-15", "CMD-23", "EM-11", "EM-18"),
}


@pytest.mark.parametrize("name", SAMPLE)
def test_a_wrong_peer_is_caught_by_what_must_catch_it(name: str) -> None:
    role, mutation = next(each for each in MUTATIONS if each[1].name == name)
    swept = asyncio.run(sweep_one(role, mutation))
    assert swept.missed == {}
    assert swept.caught == mutation.caught_by


@pytest.mark.parametrize(("role", "judge"), [("A", judge_acceptor), ("R", judge_requestor)])
def test_the_peer_without_a_mutation_is_right(role: str, judge: object) -> None:
    results = asyncio.run(judge(RIGHT, QUICK[role]))  # type: ignore[operator]  # a function; typed as an object
    assert {each.id: each.outcome for each in results} == dict.fromkeys(QUICK[role], Outcome.PASSED)


def test_the_table_is_of_the_catalogue() -> None:
    names = [mutation.name for _, mutation in MUTATIONS]
    assert len(set(names)) == len(names) >= 60
    for role, mutation in MUTATIONS:
        assert mutation.caught_by
        assert all(role in registry()[id_].roles for id_ in (*mutation.caught_by, *mutation.beside))


def test_most_of_each_section_is_shown_to_be_able_to_fail() -> None:
    """Of what is binding, in each role; robustness has peers of its own (tests of its section)."""
    seen = shown()
    sections: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for each in registry().values():
        for role in each.roles:
            if each.level is not Level.I and "robust" not in each.tags and "gated" not in each.tags:
                sections[each.section, role].append((role, each.id) in seen)
    assert len(sections) == 23
    few = {
        where: f"{sum(found)} of {len(found)}" for where, found in sections.items() if 3 * sum(found) < 2 * len(found)
    }
    assert not few


def test_the_command_tells_what_was_caught(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bytes 11-74"]) == 0
    assert "caught  bytes 11-74 not returned: AC-01" in capsys.readouterr().out
