"""The draft of a conformance statement: each failure with what was seen of it, and nothing that was not."""

from pathlib import Path

from dulcet.tools.conformance import command
from dulcet.tools.conformance.case import registry
from dulcet.tools.conformance.exits import Exit
from dulcet.tools.conformance.reports import statement
from dulcet.tools.conformance.results import Exchange, Health, Level, Outcome, Result, RunResult
from dulcet.tools.conformance.tokens import Token, pattern
from peers import judged, our_scp


def row(text: str, failure: str) -> str:
    (found,) = (line for line in text.splitlines() if line.startswith(f"| {failure} |"))
    return found


def test_what_our_scp_does_is_told_in_words() -> None:
    with our_scp() as port:
        text = statement.document(judged(port, ["S-A-06-13", "S-A-06-16", "S-A-06-19", "RQ-04"]))
    assert row(text, "Association aborted") == (
        "| Association aborted | closes the connection, takes the next association | S-A-06-16 |"
    )
    assert row(text, "Unexpected PDU") == (
        "| Unexpected PDU | sends A-ABORT (DICOM UL service-provider (initiated abort), unexpected-PDU), "
        "takes the next association | S-A-06-13 |"
    )
    assert row(text, "Timeout: no A-ASSOCIATE-RQ").split(" | ")[1] == "*not observed*"
    assert "protocol-version-not-supported | RQ-04 |" in text
    assert "as association initiator" not in text


def test_ways_that_differ_stand_side_by_side() -> None:
    def result(id_: str, *seen: Token, health: Health = Health.OK) -> Result:
        clauses = ("PS3.8 Table 9-10",)
        found = Result(id_, "", "", "R", Level.M, clauses, (), (), (), Outcome.FAILED, health=health)
        found.exchanges, found.health_seconds = [Exchange(seen=seen)], 12.0
        return found

    run = RunResult("peer", "R", "default", profile={"classes": {"1.2.3": ["1.2.840.10008.1.2"], "1.2.4": []}})
    run.results = [
        result("S-R-06-16", Token("CLOSE", how="FIN")),
        result("S-R-07-16", Token("CLOSE", how="RST"), health=Health.BLOCKED),
        result("S-R-05-16", pattern("A(1,9)"), pattern("RSP(0110)"), health=Health.DEAD),
    ]
    text = statement.document(run)
    behaviour = row(text, "Association aborted").split(" | ")[1]
    assert behaviour == (
        "closes the connection, takes the next association; or: "
        "resets the connection, takes no association for 12 s; or: "
        "sends A-ABORT (reserved source 1, reserved (9)), answers with status 0110H, takes no association any more"
    )
    assert "| 1.2.3 | 1.2.840.10008.1.2 |" in text
    assert "1.2.4" not in text


def test_its_cases_exist() -> None:
    for role, failures in (("R", statement.INITIATOR), ("A", statement.ACCEPTOR)):
        for failure in failures:
            assert all(role in registry()[id_].roles for id_ in failure.ids), failure


def test_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "statement.md"
    with our_scp() as port:
        words = ["acceptor", "127.0.0.1", str(port), "S-A-06-16", "--settle", "0.05", "--statement", str(path)]
        assert command.main(words) == Exit.PASSED
    assert path.read_text(encoding="utf-8").startswith("# Draft for a DICOM conformance statement of 127.0.0.1 port")
