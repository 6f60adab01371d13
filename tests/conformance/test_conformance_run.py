"""Runs against our own peers, which must pass, and against wrong ones, which must not."""

import asyncio
import io
from pathlib import Path

import pytest
from dulcet.tools.conformance import acceptor, command, frames
from dulcet.tools.conformance.case import registry
from dulcet.tools.conformance.commands import response
from dulcet.tools.conformance.exits import Exit, exit_code
from dulcet.tools.conformance.reports.json_report import document, load, parse
from dulcet.tools.conformance.reports.terminal import Terminal
from dulcet.tools.conformance.results import Closing, Health, Outcome, Reaction, RunResult
from dulcet.tools.conformance.selecting import select
from peers import echoscu, in_a_thread, judged, judged_by_script, judged_requestor, only, our_scp, read_pdu, settings


def told(run: RunResult) -> list[str]:
    """What did not pass, for a message."""
    return [
        f"{each.id} {each.verdict} {each.signature} {each.reason}"
        for each in run.results
        if each.outcome is not Outcome.PASSED
    ]


def ids(*selectors: str, role: str = "A", slow: bool = False) -> list[str]:
    return [each.id for each in select(registry().values(), selectors, role=role, slow=slow, robust=True)]


def test_our_scp_passes_everything_strictly() -> None:
    wanted = [
        id_
        for id_ in ids("!tag:slow", "!tag:gated")
        if not registry()[id_].needs or registry()[id_].needs == ("verification",)
    ]
    # What needs more than Verification, and what is robust, is in the tests of its sections.
    wanted = [id_ for id_ in wanted if "robust" not in registry()[id_].tags and id_ != "AB-01"]
    with our_scp() as port:
        run = judged(port, wanted, strict=True, jobs=8)
    assert not told(run)
    assert (exit_code(run), run.sanity, run.end_sanity) == (Exit.PASSED, "", "")
    assert {each.level for each in run.results} == {"M", "S", "I"}


def test_our_artim_is_the_standards_idle_and_dripping() -> None:
    with our_scp() as port:
        run = judged(port, ["T-01", "T-02", "T-03", "T-04", "T-05", "T-06", "T-07"], strict=True)
    assert not told(run)
    closed = [each.exchanges[0].events[-1].at for each in run.results]
    assert all(at < 3.0 for at in closed)


def test_our_scu_passes() -> None:
    wanted = [
        "S-R-05-03",
        "S-R-06-12",
        "S-R-07-10",
        "S-R-09-13",
        "S-R-11-19",
        "S-R-13-19",
        "S-R-04-17",
        "T-14",
        "RL-10",
    ]
    run = judged_requestor(echoscu(), wanted, strict=True, jobs=4)
    assert not told(run)
    assert all(each.exchanges[0].trigger is not None for each in run.results)


def test_a_run_survives_its_json() -> None:
    with our_scp() as port:
        run = judged(port, ["S-A-06-19", "P-05"])
    assert parse(document(run)) == run


# ---- wrong peers ----


async def politely(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, unexpected: bytes | None = b"") -> None:
    """An acceptor that does the ordinary things, and answers all else with these bytes; None closes."""
    accepted = False
    while True:
        pdu = await read_pdu(reader)
        match pdu[0]:
            case 0x01 if not accepted:
                accepted = True
                writer.write(frames.associate_ac(fixed=pdu[10:74]))
            case 0x04 if accepted:
                writer.write(response(1, {}))
            case 0x05 if accepted and len(pdu) == 10:
                writer.write(frames.release_rp())
            case 0x07:
                return
            case _ if unexpected is None:
                return
            case _:
                writer.write(unexpected)


@pytest.mark.parametrize(
    ("unexpected", "reaction", "closing", "outcome", "strictly"),
    [
        (frames.abort(2, 2), "PASS", "CLEAN", "PASSED", "PASSED"),
        (frames.abort(2, 0), "PASS", "CLEAN", "PASSED", "FAILED"),
        (frames.abort(0, 0), "LENIENT", "CLEAN", "TOLERATED", "FAILED"),
        (None, "ALT", "DIRTY", "TOLERATED", "FAILED"),
        (b"", "SILENT", "CLEAN", "FAILED", "FAILED"),
        (frames.release_rp(), "FAIL", "CLEAN", "FAILED", "FAILED"),
        (frames.abort(2, 2) * 5, "FAIL", "CLEAN", "FAILED", "FAILED"),
        (frames.abort(2, 3), "FAIL", "CLEAN", "FAILED", "FAILED"),
    ],
    ids=["right", "inexact", "source", "close", "silence", "wrong-pdu", "storm", "reserved"],
)
def test_the_answer_to_an_unexpected_pdu(
    unexpected: bytes | None, reaction: str, closing: str, outcome: str, strictly: str
) -> None:
    for strict, wanted in ((False, outcome), (True, strictly)):
        result = only(
            judged_by_script(lambda reader, writer: politely(reader, writer, unexpected), ["S-A-06-13"], strict=strict)
        )
        exchange = result.exchanges[0]
        assert (exchange.reaction, exchange.closing) == (Reaction[reaction], Closing[closing])
        assert (result.outcome, result.health) == (Outcome[wanted], Health.OK)


@pytest.mark.parametrize(("seconds", "reaction", "outcome"), [(0.0, "PASS", "PASSED"), (0.8, "SILENT", "FAILED")])
def test_a_close_in_sta13_is_early_only_at_once(seconds: float, reaction: str, outcome: str) -> None:
    """AA-7 answers an A-ASSOCIATE-RQ in Sta13: who is silent and closes much later has not been overtaken by it."""

    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(frames.associate_ac(fixed=(await read_pdu(reader))[10:74]))
        while (await read_pdu(reader))[0] == 0x04:
            writer.write(response(1, {}))
        writer.write(frames.release_rp())
        await read_pdu(reader)
        await asyncio.sleep(seconds)  # a peer that takes so long

    result = only(judged_by_script(closing, ["S-A-13-06"]))
    assert (result.exchanges[0].reaction, result.outcome) == (Reaction[reaction], Outcome[outcome])


def test_a_side_that_stays_open_is_a_leak() -> None:
    async def clinging(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await politely(reader, writer, frames.abort(2, 2))
        except asyncio.IncompleteReadError:
            await asyncio.sleep(1.5)  # longer than react

    run = judged_by_script(clinging, ["S-A-06-13"])
    assert (only(run).verdict, only(run).outcome, exit_code(run)) == ("LEAK", Outcome.FAILED, Exit.FAILED)


def test_a_listener_that_serves_one_at_a_time_is_blocked_and_recovers() -> None:
    """It holds its one place until ARTIM, after the stimulus: the next association has to wait."""
    place = asyncio.Lock()

    async def one_at_a_time(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with place:
            try:
                await politely(reader, writer, frames.abort(2, 2))
            except asyncio.IncompleteReadError:
                writer.close()
                if next(holds, False):
                    await asyncio.sleep(1.5)  # longer than react

    holds = iter([False, True])  # the sanity check, the case
    run = judged_by_script(one_at_a_time, ["S-A-06-06"])
    assert (only(run).health, only(run).outcome, exit_code(run)) == (Health.BLOCKED, Outcome.FAILED, Exit.PEER_DOWN)


def test_a_run_stops_at_the_first_failure_when_that_is_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is expected stops nothing: S-A-06-03 stands in the baseline, S-A-06-06 is the first new failure."""
    baseline, report = tmp_path / "peer.toml", tmp_path / "run.json"
    baseline.write_text('["S-A-06-03"]\nverdict = "SILENT"\nreaction = "HOLD"\nwhy = "known"\n', "utf-8")
    wanted = ["S-A-06-03", "S-A-06-06", "S-A-06-13"]
    with in_a_thread(politely) as port:
        words = ["acceptor", "127.0.0.1", str(port), *wanted, "--react", "0.2", "--settle", "0.05", "--no-color"]
        ends = {}
        for more in ((), ("--fail-fast",)):
            code = command.main([*words, *more, "--baseline", str(baseline), "--json", str(report)])
            ends[more] = code, [each.id for each in load(report).results]
    capsys.readouterr()
    assert ends == {(): (Exit.FAILED, wanted), ("--fail-fast",): (Exit.FAILED, wanted[:2])}


def test_a_case_that_comes_out_one_way_and_the_other_is_flaky() -> None:
    """Right and silent by turns: never retried to green, and told how often."""
    turns = iter([b"", frames.abort(2, 2)] * 2)
    told = io.StringIO()

    async def by_turns(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await associated_until_unwelcome(reader, writer):
            writer.write(next(turns))
            await reader.read()

    run = judged_by_script(by_turns, ["S-A-06-13"], repeat=4, react=0.2)
    assert (only(run).runs, only(run).failures, only(run).flaky) == (4, 2, True)
    assert (only(run).outcome, exit_code(run)) == (Outcome.FAILED, Exit.FAILED)
    Terminal(1, told, color=False).ended(only(run))
    assert "FLAKY(2/4)" in told.getvalue()


def test_a_peer_that_is_not_there() -> None:
    run = judged(1, ["S-A-02-16"])
    assert (run.results, exit_code(run)) == ([], Exit.UNREACHABLE)
    assert "no connection" in run.sanity


def test_a_peer_that_rejects_everybody_is_told_what_to_mend() -> None:
    async def rejecting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_pdu(reader)
        writer.write(frames.associate_rj(1, 1, 7))
        await reader.read()

    run = judged_by_script(rejecting, ["S-A-02-16"])
    assert (
        run.sanity == "RJ(1,1,7) came after the A-ASSOCIATE-RQ: check titles, SOP class Verification, transfer syntax"
    )


def test_a_fault_of_the_tester_is_no_failure_of_the_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_trial: object) -> bytes:
        raise ZeroDivisionError

    from dulcet.tools.conformance.cases import state_cells

    monkeypatch.setitem(state_cells._PDUS, "Evt3", broken)
    with our_scp() as port:
        run = judged(port, ["S-A-06-03"])
    assert (only(run).outcome, exit_code(run)) == (Outcome.ERROR, Exit.TESTER_ERROR)
    assert "ZeroDivisionError" in only(run).reason


def test_what_a_peer_lacks_is_skipped_with_its_reason() -> None:
    with our_scp() as port:
        run = judged(port, ["RL-14"])
    assert (only(run).outcome, only(run).reason) == (
        Outcome.SKIPPED,
        "needs a peer of which the profile says that it can start a release as acceptor",
    )


def test_what_could_not_be_driven_next_to_others_is_run_again_alone() -> None:
    """It has one place: the association that is one more gets no answer for as long as the other lasts."""
    place = asyncio.Lock()

    async def one_at_a_time(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with place:
            await politely(reader, writer, frames.abort(2, 2))

    run = judged_by_script(one_at_a_time, ["S-A-06-13", "S-A-06-06", "S-A-06-03"], jobs=3, react=0.3, settle=0.2)
    assert not told(run)
    assert any(each.suspect for each in run.results)


@pytest.mark.parametrize("known", [False, True])
def test_a_suspect_is_given_longer_unless_it_is_known_to_fail_so(known: bool) -> None:
    """Whatever it answers comes a little late, as on a busy machine."""
    late = 1.0

    async def slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(frames.associate_ac(fixed=(await read_pdu(reader))[10:74]))
        while (pdu := await read_pdu(reader))[0] in (0x04, 0x05):
            writer.write(response(1, {}) if pdu[0] == 0x04 else frames.release_rp())
        await asyncio.sleep(late)  # a peer that takes so long
        writer.write(frames.abort(2, 2))

    run = judged_by_script(
        slowly, ["S-A-06-13", "S-A-06-03"], known=lambda _: known, jobs=2, react=late * 0.7, settle=0.05
    )
    expected = ("SILENT", False) if known else ("PASS", True)
    assert {(each.verdict, each.suspect) for each in run.results} == {expected}


async def associated_until_unwelcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Accept, answer what comes, release; whether there came another PDU instead."""
    writer.write(frames.associate_ac(fixed=(await read_pdu(reader))[10:74]))
    while (pdu := await read_pdu(reader))[0] == 0x04:
        writer.write(response(1, {}))
    if pdu[0] == 0x05:
        writer.write(frames.release_rp())
        await reader.read()
    return pdu[0] != 0x05


def test_a_peer_that_wedges_is_started_anew_and_the_next_case_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first unexpected PDU wedges it: it accepts connections and answers nothing, until it is restarted."""
    monkeypatch.setattr(acceptor, "RECOVERY_SECONDS", 0.5)
    well = tmp_path / "well"
    well.touch()

    async def wedged(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not well.exists():
            await reader.read()
            return
        if await associated_until_unwelcome(reader, writer):
            well.unlink()
            writer.write(frames.abort(2, 2))

    run = judged_by_script(wedged, ["S-A-06-13", "S-A-06-12"], react=0.3, artim=0.1, restart=["touch", str(well)])
    first, second = run.results
    assert (first.id, first.health, second.outcome) == ("S-A-06-13", Health.DEAD, Outcome.PASSED)
    assert not run.end_sanity


def test_settings_derive_the_limits_of_artim() -> None:
    made = settings(artim=30.0)
    assert (made.artim_start, made.artim_limit) == (25.5, 34.5)
    assert settings(artim=None).artim_limit == 120.0


def test_a_case_after_which_the_peer_is_slow_is_not_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceptor, "SLOW_SECONDS", -60.0)
    monkeypatch.setattr(acceptor, "SLOW_FACTOR", 0.0)
    with our_scp() as port:
        result = only(judged(port, ["RL-01"]))
    assert (result.health, result.outcome, result.verdict) == (Health.SLOW, Outcome.TOLERATED, "SLOW")


def test_isolate_asks_for_the_peers_health_after_each_case_next_to_others_too() -> None:
    wanted = ["RL-01", "RL-02", "PD-01", "S-A-06-13"]
    for isolate, health in ((False, Health.UNKNOWN), (True, Health.OK)):
        with our_scp() as port:
            run = judged(port, wanted, jobs=4, isolate=isolate)
        assert {each.id: each.health for each in run.results} == dict.fromkeys(wanted, health)


def test_what_isolate_finds_is_the_peers_and_not_its_neighbours() -> None:
    """One kind of PDU wedges it for a while: with the check in between, the case that sent it is BLOCKED, run alone."""
    well = asyncio.Event()
    well.set()

    async def delicate(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await well.wait()
        if await associated_until_unwelcome(reader, writer):
            writer.write(frames.abort(2, 2))
            well.clear()
            asyncio.get_running_loop().call_later(3.0, well.set)  # longer than a suspect is given

    run = judged_by_script(delicate, ["RL-01", "S-A-06-13"], jobs=2, isolate=True, react=0.3)
    blocked = [each.id for each in run.results if each.health is Health.BLOCKED]
    assert blocked == ["S-A-06-13"]
    assert exit_code(run) == Exit.PEER_DOWN
