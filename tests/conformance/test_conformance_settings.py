"""What options of `dulcet conformance` become in a run's settings, and what clocks and delivery do."""

import asyncio
import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest
from dulcet.tools.conformance import baseline, command, frames
from dulcet.tools.conformance.acceptor import AcceptorPeer
from dulcet.tools.conformance.case import registry
from dulcet.tools.conformance.commands import response
from dulcet.tools.conformance.exits import Exit, exit_code
from dulcet.tools.conformance.link import Delivery
from dulcet.tools.conformance.results import Outcome
from dulcet.tools.conformance.running import parser, settings_of
from dulcet.tools.conformance.safety import check_target
from dulcet.tools.conformance.selecting import select
from dulcet.tools.conformance.settings import Settings
from peers import (
    Script,
    acceptor,
    at_one_gulp,
    echoscu,
    judged,
    judged_by_script,
    judged_requestor,
    only,
    our_scp,
    read_pdu,
    told,
)

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
        ("--delivery split", {"delivery": Delivery.SPLIT}),
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


# ---- how bytes are delivered ----


@pytest.mark.parametrize("delivery", ["joined", "whole", "split", "bytewise"])
def test_our_scp_takes_no_notice_of_how_bytes_are_delivered(delivery: str) -> None:
    wanted = [each.id for each in select(registry().values(), ["tag:smoke"], role="A", slow=True, robust=True)]
    assert len(wanted) == 25
    with our_scp() as port:
        run = judged(port, wanted, strict=True, jobs=4, delivery=Delivery(delivery))
    assert told(run) == []
    assert exit_code(run) is Exit.PASSED
    assert run.settings["delivery"] == delivery


@pytest.mark.parametrize(
    ("delivery", "outcome"),
    [("joined", "PASSED"), ("whole", "PASSED"), ("split", "UNDRIVEN"), ("bytewise", "UNDRIVEN")],
)
def test_a_peer_that_takes_a_segment_for_a_pdu_is_found(delivery: str, outcome: str) -> None:
    result = only(judged_by_script(at_one_gulp, ["RL-01"], delivery=Delivery(delivery)))
    assert result.outcome is Outcome[outcome]
    assert outcome == "PASSED" or result.reason == "AC was due, but A(2,6), FIN came"


def test_what_a_requestor_is_sent_is_delivered_so_too() -> None:
    run = judged_requestor(echoscu(), ["S-R-06-12", "RL-09"], strict=True, delivery=Delivery.BYTEWISE)
    assert told(run) == []


def ended(script: Script, *words: str) -> int:
    """The exit code of a command against an acceptor; {port} is its."""

    async def play() -> int:
        async with acceptor(script) as port:
            return await asyncio.to_thread(command.main, [word.replace("{port}", str(port)) for word in words])

    return asyncio.run(play())


def test_one_case_and_a_trace_are_delivered_so_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As it was recorded, where nothing else is said."""
    trace = str(tmp_path / "run.json")
    once = ["acceptor", "127.0.0.1", "{port}", "--settle", "0.05", "--repro", "RL-01", "--delivery"]
    assert ended(at_one_gulp, *once, "joined") == Exit.PASSED
    assert ended(at_one_gulp, *once, "split") == Exit.UNREACHABLE  # no case could be driven
    with our_scp() as port:
        words = ["acceptor", "127.0.0.1", str(port), "RL-01", "--settle", "0.05", "--delivery", "split"]
        assert command.main([*words, "--json", trace]) == Exit.PASSED
        assert command.main(["repro", trace]) == Exit.PASSED
    capsys.readouterr()
    assert ended(at_one_gulp, "repro", trace, "127.0.0.1", "{port}") == Exit.DRIFT
    assert "other than recorded: PASS RP" in capsys.readouterr().out
    assert ended(at_one_gulp, "repro", trace, "127.0.0.1", "{port}", "--delivery", "whole") == Exit.PASSED


# ---- clocks ----


def slowly(seconds: float) -> Script:
    """An acceptor for ordinary associations that takes so long for each answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers = {0x01: frames.associate_ac(), 0x04: response(1, {}), 0x05: frames.release_rp()}
        while answer := answers.get((await read_pdu(reader))[0]):
            await asyncio.sleep(seconds)  # a peer that takes so long
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
