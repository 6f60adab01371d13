"""Selectors of the command line: every form there is, how they go together, and what is said of a wrong one."""

from collections.abc import Awaitable

import pytest
from dulcet.tools.conformance import command
from dulcet.tools.conformance.case import Case, registry
from dulcet.tools.conformance.results import Level
from dulcet.tools.conformance.selecting import SelectorError, select, shard
from dulcet.tools.conformance.trial import Trial


async def script(_trial: Trial) -> None:
    """Nothing: who selects plays nothing."""


def case(id_: str, roles: str = "A", level: str = "M", clause: str = "PS3.8 9.3.1", **more: tuple[str, ...]) -> Case:
    played: Awaitable[None] | object = script
    return Case(id_, "slug", "title", roles, Level(level), (clause,), played, **more)  # type: ignore[arg-type]  # fields


CASES = (
    case("S-A-06-13", states=("Sta6",), events=("Evt13",), clause="PS3.8 Table 9-10"),
    case("S-R-06-13", "R", states=("Sta6",), events=("Evt13",), clause="PS3.8 Table 9-10"),
    case("PD-18", level="S", clause="PS3.8 E.1"),
    case("PD-26", "AR", states=("Sta6",), clause="PS3.8 D.1"),
    case("AB-10", level="S", clause="PS3.8 9.3.8", states=("Sta2",)),
    case("RL-07", level="I", clause="PS3.7 D.3.3.4", tags=("smoke",)),
    case("RL-08", clause="PS3.7 D.3.31", events=("Evt1",)),
    case("T-01", clause="PS3.8 9.1.4", tags=("slow",)),
    case("ROB-01", "AR", tags=("robust",), clause="PS3.8 9.3.5 n1"),
)
ORDINARY = ["S-A-06-13", "PD-18", "PD-26", "AB-10", "RL-07", "RL-08"]


def chosen(*selectors: str, role: str = "A", slow: bool = False, robust: bool = False) -> list[str]:
    return [each.id for each in select(CASES, selectors, role=role, slow=slow, robust=robust)]


FORMS = [
    # selectors, ids
    ((), ORDINARY),
    (("PD-18",), ["PD-18"]),
    (("pd-18",), ["PD-18"]),
    (("PD-*",), ["PD-18", "PD-26"]),
    (("S-A-*",), ["S-A-06-13"]),
    (("?D-1[0-9]",), ["PD-18"]),
    (("ps3.8/9.3.8",), ["AB-10"]),
    (("PS3.8/9.3",), ["AB-10"]),  # and all below it; robustness is not asked for by name
    (("ps3.8/9",), ["AB-10"]),
    (("ps3.8/t9-10",), ["S-A-06-13"]),
    (("ps3.7/D.3.3",), ["RL-07"]),  # D.3.31 is not below D.3.3
    (("ps3.7",), ["RL-07", "RL-08"]),
    (("sta6",), ["S-A-06-13", "PD-26"]),
    (("Sta06",), ["S-A-06-13", "PD-26"]),
    (("evt13",), ["S-A-06-13"]),
    (("evt1",), ["RL-08"]),
    (("level:S",), ["PD-18", "AB-10"]),
    (("level:i",), ["RL-07"]),
    (("tag:smoke",), ["RL-07"]),
    (("!PD-*",), ["S-A-06-13", "AB-10", "RL-07", "RL-08"]),
    (("!level:M", "!tag:smoke"), ["PD-18", "AB-10"]),
    (("!sta6", "!evt1", "!ps3.8/E.1"), ["AB-10", "RL-07"]),
    # of one kind they widen, of different kinds they narrow
    (("PD-18", "AB-10"), ["PD-18", "AB-10"]),
    (("sta2", "sta6"), ["S-A-06-13", "PD-26", "AB-10"]),
    (("sta2", "sta6", "level:M"), ["S-A-06-13", "PD-26"]),
    (("PD-*", "S-*", "sta6", "level:M", "!ps3.8/D.1"), ["S-A-06-13"]),
    (("PD-18", "level:M"), []),
    # what waits and what is robust, asked for by name
    (("T-01",), ["T-01"]),
    (("tag:slow",), ["T-01"]),
    (("ROB-*", "PD-18"), ["PD-18", "ROB-01"]),
    (("ps3.8/9.1.4",), []),
    (("T-01", "!tag:slow"), []),
]


@pytest.mark.parametrize(("selectors", "ids"), FORMS, ids=lambda value: " ".join(value) or "none")
def test_a_selector_means(selectors: tuple[str, ...], ids: list[str]) -> None:
    assert chosen(*selectors) == ids


def test_packs_are_added_by_options() -> None:
    assert chosen(slow=True) == [*ORDINARY, "T-01"]
    assert chosen(robust=True) == [*ORDINARY, "ROB-01"]
    assert chosen("ps3.8/9.3", robust=True) == ["AB-10", "ROB-01"]  # a note belongs to its clause


def test_a_case_is_of_its_roles() -> None:
    assert chosen(role="R") == ["S-R-06-13", "PD-26"]
    assert chosen("ROB-01", role="R") == ["ROB-01"]


WRONG = [
    # selector, what is said
    ("PD-81", "PD-81: no case has this id; did you mean PD-18"),
    ("zz*", "ZZ*: no case has this id (dulcet conformance list)"),
    ("", ": no case has this id (dulcet conformance list)"),
    ("tag:loud", "tag:loud: tags are smoke, slow, robust, dos, gated"),
    ("level:X", "level:X: levels are M, S and I"),
    ("sta0", "sta0: states are Sta1 to Sta13 (PS3.8 Table 9-10)"),
    ("STA14", "STA14: states are Sta1 to Sta13 (PS3.8 Table 9-10)"),
    ("evt20", "evt20: events are Evt1 to Evt19 (PS3.8 Table 9-10)"),
    ("ps3.8/9.9", "ps3.8/9.9: no case is about this clause (dulcet conformance list)"),
    ("ps3.8/9.3.", "ps3.8/9.3.: no case is about this clause (dulcet conformance list)"),
]


@pytest.mark.parametrize("denied", ["", "!"])
@pytest.mark.parametrize(("selector", "words"), WRONG)
def test_a_selector_that_means_nothing(selector: str, words: str, denied: str) -> None:
    with pytest.raises(SelectorError) as refusal:
        chosen(denied + selector)
    assert str(refusal.value).startswith(words)


def test_every_case_is_found_by_its_id_and_by_each_of_its_clauses() -> None:
    """What a report names can be typed: no clause of the catalogue is written in a way no selector reaches."""
    cases = list(registry().values())
    for each in cases:
        for selector in (each.id, *(clause.partition(" n")[0].replace(" ", "/", 1) for clause in each.clauses)):
            word = selector.replace("Table ", "t")
            assert each in select(cases, [word], role=each.roles[0], slow=True, robust=True), word


# ---- parts ----


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_parts_are_all_of_it_and_no_case_twice(parts: int) -> None:
    cases = list(registry().values())
    found = [shard(cases, (part, parts)) for part in range(1, parts + 1)]
    assert sorted(each.id for part in found for each in part) == sorted(each.id for each in cases)
    assert min(map(len, found)) > len(cases) / parts / 2
    assert all([each for each in cases if each in part] == part for part in found)


def test_a_case_stays_in_its_part_when_others_go() -> None:
    cases = list(registry().values())
    assert shard(cases[::2], (2, 3)) == [each for each in shard(cases, (2, 3)) if each in cases[::2]]


def test_the_option_takes_a_part(capsys: pytest.CaptureFixture[str]) -> None:
    listed = []
    for part in ("1/2", "2/2"):
        assert command.main(["acceptor", "127.0.0.1", "104", "RL-*", "--list", "--shard", part]) == 0
        listed.append({line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("RL-")})
    assert listed[0]
    assert listed[1]
    assert not listed[0] & listed[1]
    for wrong in ("0/2", "3/2", "two", "1/"):
        with pytest.raises(SystemExit):
            command.main(["acceptor", "127.0.0.1", "104", "--shard", wrong])
        assert f"{wrong}: must be K/N, 1 to N" in capsys.readouterr().err
