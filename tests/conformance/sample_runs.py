"""Runs that reports are tried on: real ones against our SCP and a wrong peer, and one with every outcome there is."""

import asyncio
import datetime
from functools import cache

from dulcet.tools.conformance import frames
from dulcet.tools.conformance.baseline import Entry, compare
from dulcet.tools.conformance.commands import response
from dulcet.tools.conformance.results import Exchange, Health, Level, Outcome, Reaction, Result, RunResult
from dulcet.tools.conformance.tokens import pattern
from peers import judged, judged_by_script, our_scp, read_pdu

TODAY = datetime.date(2026, 6, 1)


@cache
def our_run() -> RunResult:
    """Cases with one conversation and with three, against our SCP."""
    with our_scp() as port:
        return judged(port, ["S-A-06-19", "P-05", "RL-14", "S-A-02-16"])


@cache
def wrong_peer_run() -> RunResult:
    """An acceptor that keeps silent where it should abort."""
    return judged_by_script(silent, ["S-A-06-13", "RL-01", "RL-08"])


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    answers = {0x01: frames.associate_ac(), 0x04: response(1, {}), 0x05: frames.release_rp()}
    while True:
        pdu = await read_pdu(reader)
        if pdu[0] == 0x07:
            return
        writer.write(answers.get(pdu[0], b""))


def sample() -> RunResult:
    """Every outcome, and everything a baseline can say."""
    expected = {"P-07": Entry("FAIL", "AC", "known"), "P-08": Entry("FAIL", "AC"), "P-09": Entry("FAIL", "RP")}
    results = [
        _result("P-01", Outcome.PASSED, "PASS", "A(2,6)"),
        _result("P-02", Outcome.TOLERATED, "LENIENT", "A(0,0)"),
        _result("P-03", Outcome.FAILED, "SILENT", "HOLD"),
        _result("P-04", Outcome.SKIPPED, "SKIP", "", reason="needs a peer | with <b>Find"),
        _result("P-05", Outcome.UNDRIVEN, "UNDRIVEN", "", reason="AC was due, but nothing came"),
        _result("P-06", Outcome.ERROR, "ERROR", "", reason="Traceback ...\nZeroDivisionError: \x1b"),
        _result("P-07", Outcome.FAILED, "FAIL", "AC"),
        _result("P-08", Outcome.PASSED, "PASS", "A(2,6)"),
        _result("P-09", Outcome.FAILED, "FAIL", "AC"),
        _result("P-10", Outcome.FAILED, "BLOCKED", "A(2,6)", health=Health.BLOCKED),
    ]
    for each in results:
        compare(each, expected, TODAY)
    return RunResult("<a> & peer", "A", "default", "2026-06-01T10:00:00+00:00", 12.5, results=results)


def _result(
    id_: str, outcome: Outcome, verdict: str, signature: str, *, reason: str = "", health: Health = Health.OK
) -> Result:
    seen = tuple(pattern(word) for word in [signature] if signature not in ("", "HOLD"))
    exchange = Exchange("", "A(2,6)", seen, Reaction.PASS)
    return Result(
        id_,
        "slug",
        f"title of {id_}",
        "A",
        Level.M,
        ("PS3.8 9.3.1",),
        (),
        (),
        (),
        outcome,
        verdict,
        signature,
        [exchange] if seen else [],
        health,
        reason=reason,
    )


def cell_result(role: str, state: str, event: str, outcome: Outcome) -> Result:
    """A case about one cell."""
    id_ = f"S-{role}-{int(state[3:]):02}-{int(event[3:]):02}"
    clauses = ("PS3.8 Table 9-10",)
    return Result(id_, "slug", "title", role, Level.M, clauses, (state,), (event,), (), outcome, exchanges=[Exchange()])
