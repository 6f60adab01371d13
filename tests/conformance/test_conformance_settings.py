"""What options of `dulcet conformance` become in a run's settings, and what the settings do."""

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from dulcet.tools.conformance import baseline, command, frames
from dulcet.tools.conformance.acceptor import AcceptorPeer
from dulcet.tools.conformance.case import registry
from dulcet.tools.conformance.commands import response
from dulcet.tools.conformance.exits import Exit
from dulcet.tools.conformance.results import Expectation, Outcome, Result, RunResult
from dulcet.tools.conformance.runner import Runner, new_run
from dulcet.tools.conformance.running import parser, settings_of
from dulcet.tools.conformance.safety import check_target
from dulcet.tools.conformance.settings import Settings
from peers import Script, acceptor, judged, judged_by_script, only, our_scp, read_pdu, settings
from sample_runs import silent

BASELINES = Path(__file__).with_name("baselines")
OURS = str(os.getpid())


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        ("--called PACS", {"called": "PACS"}),
        ("--calling ME", {"calling": "ME"}),
        ("--artim 7.5", {"artim": 7.5}),
        ("--react 3", {"react": 3.0}),
        ("--settle 0.1", {"settle": 0.1}),
        ("--jobs 4", {"jobs": 4}),
        ("--repeat 3", {"repeat": 3}),
        ("--fail-fast", {"fail_fast": True}),
        ("--isolate", {"isolate": True}),
        ("--restart-cmd", {"restart": ["restart", "the peer", "{port}"]}),
        ("--pid", {"pid": os.getpid()}),
        ("--allow-dos", {"allow_dos": True}),
        ("--strict", {"strict": True}),
        ("--robust", {"robust": True}),
        ("--slow", {"slow": True}),
        ("--keep-identities", {"keep_identities": True}),
        ("--target-confirmed", {}),  # it is about whom is dialled, below
    ],
)
def test_an_option_changes_its_setting_and_no_other(words: str, changed: dict[str, object]) -> None:
    value = {"--pid": [OURS], "--restart-cmd": ["restart 'the peer' {port}"]}.get(words, [])
    made = settings_of(parser("acceptor").parse_args(["peer.example", "104", *words.split(), *value]))
    assert asdict(made) == asdict(Settings(host="peer.example", port=104)) | changed


def test_a_public_address_needs_to_be_confirmed() -> None:
    options = parser("acceptor").parse_args(["8.8.8.8", "104", "--target-confirmed"])
    check_target(options.host, confirmed=options.target_confirmed)  # says nothing, and asks nobody


def test_our_title_is_what_the_peer_is_told() -> None:
    with our_scp() as port:
        result = only(judged(port, ["RL-01"], calling="ME"))
    sent = next(event for event in result.exchanges[0].events if event.kind == "sent")
    assert sent.data[26:42] == b"ME".ljust(16)  # Table 9-11: Calling-AE-title


# ---- repeat and fail-fast ----


async def moody(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, moods: Callable[[], bool]) -> None:
    """Right in an ordinary association; what is not ordinary is answered when it is in the mood."""
    writer.write(frames.associate_ac(fixed=(await read_pdu(reader))[10:74]))
    while (pdu := await read_pdu(reader))[0] == 0x04:
        writer.write(response(1, {}))
    if pdu[0] == 0x05:
        writer.write(frames.release_rp())
    elif moods():
        writer.write(frames.abort(2, 2))
    await reader.read()


@pytest.mark.parametrize(
    ("moods", "failures", "flaky", "outcome"),
    [("+-+-", 2, True, "FAILED"), ("----", 4, False, "FAILED"), ("++++", 0, False, "PASSED")],
)
def test_a_case_that_is_repeated_is_never_retried_to_green(
    moods: str, failures: int, flaky: bool, outcome: str
) -> None:
    coming = iter(moods)
    result = only(
        judged_by_script(
            lambda reader, writer: moody(reader, writer, lambda: next(coming) == "+"),
            ["S-A-06-13"],
            repeat=4,
            react=0.3,
        )
    )
    assert (result.runs, result.failures, result.flaky) == (4, failures, flaky)
    assert result.outcome is Outcome[outcome]
    assert not [*coming]  # played four times, and no fifth


WANTED = ["RL-01", "S-A-06-13", "RL-08"]
"""The second fails with a peer that keeps silent."""


@pytest.mark.parametrize(("fail_fast", "played"), [(False, WANTED), (True, WANTED[:2])])
def test_fail_fast_stops_at_the_first_failure(fail_fast: bool, played: list[str]) -> None:
    run = judged_by_script(silent, WANTED, fail_fast=fail_fast, react=0.3)
    assert [each.id for each in run.results] == played
    assert [each.id for each in run.failed] == ["S-A-06-13"]


def test_fail_fast_goes_on_after_a_failure_that_is_expected() -> None:
    def ended(result: Result) -> None:
        if result.outcome is Outcome.FAILED:
            result.expectation = Expectation.XFAIL

    async def play() -> RunResult:
        async with acceptor(silent) as port:
            made = settings(port=port, fail_fast=True, react=0.3)
            run = new_run("test", "A", made)
            await Runner(AcceptorPeer(made), made, run, ended=ended).run([registry()[id_] for id_ in WANTED])
            return run

    assert [each.id for each in asyncio.run(play()).results] == WANTED


# ---- clocks ----


def slowly(seconds: float) -> Script:
    """An acceptor for ordinary associations that takes so long for each answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers = {0x01: frames.associate_ac(), 0x04: response(1, {}), 0x05: frames.release_rp()}
        while answer := answers.get((await read_pdu(reader))[0]):
            await asyncio.sleep(seconds)
            writer.write(answer)

    return serve


@pytest.mark.parametrize("seconds", [0.0, 0.15])
def test_what_is_due_is_waited_for_ten_echoes_and_two_seconds_at_least(seconds: float) -> None:
    async def play() -> tuple[float, float]:
        async with acceptor(slowly(seconds)) as port:
            made = Settings(port=port)
            peer = AcceptorPeer(made)
            assert await peer.sanity() == ""
            assert peer.echo_seconds is not None
            return peer.echo_seconds, made.react

    echo, react = asyncio.run(play())
    assert echo >= 3 * seconds
    assert react == max(2.0, 10 * echo)
    assert react > 4.0 or not seconds


@pytest.mark.parametrize(("at_once", "quicker"), [(16, True), (1, False)])
def test_cases_that_wait_do_so_side_by_side(at_once: int, quicker: bool) -> None:
    """An idle connection, half a header, and a Sta13: ARTIM is one second of each (PS3.8 9.1.5)."""
    with our_scp() as port:
        run = judged(port, ["T-01", "T-03", "T-04"], waiting_jobs=at_once)
    assert {each.outcome for each in run.results} == {Outcome.PASSED}
    assert min(each.seconds for each in run.results) > 0.5
    assert (run.seconds < sum(each.seconds for each in run.results)) == quicker


# ---- the baselines that are kept here ----


@pytest.mark.parametrize("path", sorted(BASELINES.glob("*.toml")), ids=lambda path: path.stem)
def test_a_baseline_names_the_peer_and_gives_each_reason(path: Path) -> None:
    """What a baseline says of somebody's software is what was observed, and with which release."""
    first = path.read_text(encoding="utf-8").splitlines()[0]
    _, release, _ = path.stem.rsplit("-", 2)
    assert first.startswith("# Observed with ")
    assert release in first
    entries = baseline.load(path)
    assert entries
    assert [id_ for id_, entry in entries.items() if len(entry.why.split()) < 3] == []


# ---- told in the reports ----


def test_the_reports_tell_the_settings(tmp_path: Path) -> None:
    report = tmp_path / "run.json"
    with our_scp() as port:
        words = ["acceptor", "127.0.0.1", str(port), "RL-01", "--settle", "0.05", "--calling", "ME", "--artim", "1"]
        assert command.main([*words, "--json", str(report)]) == Exit.PASSED
    told = json.loads(report.read_text(encoding="utf-8"))["settings"]
    assert (told["calling"], told["settle"], told["artim"]) == ("ME", 0.05, 1.0)
