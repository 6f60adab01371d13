"""`dulcet conformance both`: one peer in both roles, as its profile says, in one report."""

import json
import sys
from pathlib import Path

import pytest
from dulcet.tools.conformance import command
from dulcet.tools.conformance.exits import Exit
from dulcet.tools.conformance.profile import Profile, text
from dulcet.tools.conformance.reports.json_report import load
from peers import our_scp

ECHOSCU = [sys.executable, "-m", "dulcet", "echoscu", "-q", "-aec", "{aet}", "-ta", "1", "-td", "1", "{host}", "{port}"]
QUICK = ("--settle", "0.05", "--no-color")


def profile(folder: Path, port: int, requestor: list[str]) -> str:
    """A file that says where the peer is, and how it is made to dial."""
    path = folder / "peer.toml"
    path.write_text(text(Profile(called="ANY-SCP", host="127.0.0.1", port=port, requestor=requestor)), "utf-8")
    return str(path)


def test_both_roles_are_in_one_report(tmp_path: Path) -> None:
    """A case of both roles is judged in each, one of a single role once; the always-on assertions in each."""
    report = tmp_path / "run.json"
    with our_scp() as port:
        words = ["both", "--profile", profile(tmp_path, port, ECHOSCU), *QUICK, "--strict", "--json", str(report)]
        assert command.main([*words, "RL-01", "RL-02", "RL-09", "EM-01"]) == Exit.PASSED
    run = load(report)
    assert [(each.id, each.role) for each in run.results] == [
        ("RL-01", "A"),
        ("RL-02", "A"),
        ("EM-01", "A"),
        ("RL-02", "R"),
        ("RL-09", "R"),
        ("EM-01", "R"),
    ]
    assert (run.roles, {str(each.outcome) for each in run.results}) == ("AR", {"PASSED"})
    assert run.peer == f"127.0.0.1 port {port}, ANY-SCP; {' '.join(ECHOSCU)}"
    assert run.again.startswith("dulcet conformance both --profile ")


def test_the_requestor_is_not_judged_when_the_acceptor_is_not_there(tmp_path: Path) -> None:
    """One run has one word for how it began."""
    dialled = tmp_path / "dialled"
    words = ["both", "--profile", profile(tmp_path, 1, ["touch", str(dialled)]), *QUICK, "RL-02"]
    assert command.main(words) == Exit.UNREACHABLE
    assert not dialled.exists()


def test_a_command_behind_the_options_is_the_one_that_dials(tmp_path: Path) -> None:
    """The profile's is for those who give none."""
    report = tmp_path / "run.json"
    with our_scp() as port:
        words = ["both", "--profile", profile(tmp_path, port, ["false"]), *QUICK, "--json", str(report), "RL-09"]
        assert command.main([*words, "--", *ECHOSCU]) == Exit.PASSED
    (result,) = load(report).results
    trigger = result.exchanges[0].trigger
    assert trigger is not None
    assert trigger.command[:4] == tuple(ECHOSCU[:4])


def test_each_case_is_listed_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["both", "--profile", profile(tmp_path, 1, ["true"]), "--list", "RL-01", "RL-02", "RL-09"]
    assert command.main(words) == Exit.PASSED
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("RL-")] == ["RL-01", "RL-02", "RL-09"]
    assert lines[-1].startswith("3 cases, ")


def test_a_failure_in_one_role_decides(tmp_path: Path) -> None:
    """The SCP is right and the command never dials: what could not be judged is told, and is no pass."""
    report = tmp_path / "run.json"
    with our_scp() as port:
        words = ["both", "--profile", profile(tmp_path, port, ["true"]), *QUICK, "--json", str(report), "RL-02"]
        assert command.main(words) == Exit.UNREACHABLE
    told = json.loads(report.read_text("utf-8"))
    assert [(each["id"], each["role"], each["outcome"]) for each in told["results"]] == [("RL-02", "A", "PASSED")]
    assert told["sanity"]
