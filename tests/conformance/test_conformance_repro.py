"""Once more: cases and traces are repeated byte for byte, and as programs of their own."""

import ast
import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from dulcet.tools.conformance import command
from dulcet.tools.conformance.acceptor import AcceptorPeer
from dulcet.tools.conformance.exits import Exit
from dulcet.tools.conformance.frames import abort
from dulcet.tools.conformance.replay import replay, same, traces
from dulcet.tools.conformance.reports import json_report
from dulcet.tools.conformance.reports import traces as trace_report
from dulcet.tools.conformance.results import Event, Exchange, Outcome, RunResult
from dulcet.tools.conformance.script import program
from peers import echoscu, in_a_thread, judged, judged_requestor, our_scp, settings
from ports import free_port
from sample_runs import cell_result, silent, wrong_peer_run

LIMIT = 30


def traced(run: RunResult, folder: Path) -> dict[str, str]:
    """The traces of a run, by id."""
    trace_report.write(run, str(folder))
    return {each.name.split(".")[0]: str(each) for each in folder.iterdir()}


def sent(exchange: Exchange) -> list[bytes]:
    return [event.data for event in exchange.events if event.kind == "sent"]


# ---- traces ----


def test_a_trace_is_replayed_as_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with our_scp() as port:
        paths = traced(judged(port, ["S-A-06-19", "P-07", "RL-02"]), tmp_path)
        for path in paths.values():
            assert command.main(["repro", path]) == Exit.PASSED
            out = capsys.readouterr().out
            assert "as recorded: PASS" in out
            assert "01 A-ASSOCIATE-RQ" in out


def test_a_peer_that_does_otherwise_is_told_from_the_one_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = traced(wrong_peer_run(), tmp_path)["S-A-06-13"]
    with our_scp() as port:
        assert command.main(["repro", path, "127.0.0.1", str(port)]) == Exit.DRIFT
    out = capsys.readouterr().out
    assert "seen      A(2,2)" in out
    assert "other than recorded: SILENT HOLD" in out
    with in_a_thread(silent) as port:
        assert command.main(["repro", path, "127.0.0.1", str(port), "--repeat", "2"]) == Exit.PASSED
    assert "2 of 2 times so" in capsys.readouterr().out


def test_the_bytes_are_those_recorded() -> None:
    """Of a case with several conversations, closes and pieces."""
    with our_scp() as port:
        run = judged(port, ["S-A-02-19", "S-A-06-17", "P-06"])
        made = settings(port=port)
        for result in run.results:
            for exchange in result.exchanges:
                again = asyncio.run(replay(result, exchange, AcceptorPeer(made), made))
                assert sent(again) == sent(exchange)
                assert again.seen == exchange.seen
                assert same(exchange, again)


def test_a_requestors_trace_is_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dial = [sys.executable, "-m", "dulcet", "echoscu", "-q", "-aec", "{aet}", "-ta", "1", "-td", "1"]
    path = traced(judged_requestor(echoscu(), ["S-R-06-03"]), tmp_path)["S-R-06-03"]
    assert command.main(["repro", path, "--", *dial, "{host}", "{port}"]) == Exit.PASSED
    assert "as recorded: PASS" in capsys.readouterr().out


@pytest.mark.parametrize("id_", ["rl-02", "RL-02"])
def test_an_option_of_the_commands_that_judge(id_: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--repro of either role is the command of that name, with what was said of peer and clocks (catalogue 4.3)."""
    told = []
    with our_scp() as port:
        for words in (["repro", id_, "127.0.0.1", str(port)], ["acceptor", "127.0.0.1", str(port), "--repro", id_]):
            assert command.main([*words, "--calling", "ME", "--settle", "0.05", "--repeat", "2"]) == Exit.PASSED
            told.append([line for line in capsys.readouterr().out.splitlines() if "A-ASSOCIATE" in line])
            assert any("01 A-ASSOCIATE-RQ" in line for line in told[-1])
    assert len(told[0]) == len(told[1])
    dial = [sys.executable, "-m", "dulcet", "echoscu", "-q", "-aec", "{aet}", "-ta", "1", "-td", "1"]
    requestor = ["requestor", "--repro", id_, "--settle", "0.05", "--", *dial, "{host}", "{port}"]
    assert command.main(requestor) == Exit.PASSED
    assert "PASS (M): " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--json", "run.json"], "--json"),
        (["--html", "run.html", "--trace", "traces"], "--html, --trace"),
        (["--baseline", "peer.toml"], "--baseline"),
        (["--restart-cmd", "true"], "--restart-cmd"),
        (["tag:smoke"], "tag:smoke"),
    ],
)
def test_what_would_be_dropped_is_refused(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["acceptor", "127.0.0.1", "1", "--repro", "RL-02", *words]) == Exit.USAGE
    wanted = f"--repro tells of one case on the terminal, and does nothing with {told}\n"
    assert capsys.readouterr().err.endswith(wanted)


DOS = "ROB-14"
"""An A-ASSOCIATE-RQ that announces 4 GiB, which may put an unprepared peer out of service (catalogue 4.15)."""


@pytest.mark.parametrize(
    ("form", "end"),
    [
        ("id", Exit.PASSED),
        ("option", Exit.PASSED),
        ("trace", Exit.UNREACHABLE),  # it dials, but of 64 MiB a trace keeps the first bytes only
    ],
)
def test_what_may_put_a_peer_out_of_service_needs_to_be_allowed(
    form: str, end: Exit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with our_scp() as port:
        path = traced(judged(port, [DOS], allow_dos=True), tmp_path)[DOS]
        words = {
            "id": ["repro", DOS, "127.0.0.1", str(port), "--settle", "0.05"],
            "option": ["acceptor", "127.0.0.1", str(port), "--repro", DOS, "--settle", "0.05"],
            "trace": ["repro", path],
        }[form]
        assert command.main(words) == Exit.USAGE
        said = capsys.readouterr()
        assert said.err.endswith(f"{DOS} needs --allow-dos: it may put an unprepared peer out of service\n")
        assert said.out == ""
        assert command.main([*words, "--allow-dos"]) == end
        assert "A-ASSOCIATE-RQ  (4294967295)" in capsys.readouterr().out


def test_against_dulcet_itself_nothing_needs_to_be_allowed() -> None:
    assert command.main(["repro", DOS]) == Exit.PASSED


def test_nobody_there_is_not_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = traced(wrong_peer_run(), tmp_path)["S-A-06-13"]
    assert command.main(["repro", path, "127.0.0.1", "1"]) == Exit.UNREACHABLE
    assert "not played to its end: no connection" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changed", "alike"),
    [
        ((Event(0.1, "pdu", 0, abort(2, 2), 10), Event(0.2, "fin")), True),
        ((Event(0.7, "pdu", 0, abort(2, 2), 10), Event(0.9, "rst")), True),
        ((Event(0.1, "pdu", 0, abort(2, 1), 10), Event(0.2, "fin")), False),
        ((Event(0.1, "pdu", 0, abort(2, 2), 10),), False),
        ((Event(0.2, "fin"),), False),
        ((Event(0.1, "pdu", 1, abort(2, 2), 10), Event(0.2, "fin", 1)), False),
    ],
)
def test_what_counts_as_the_same(changed: tuple[Event, ...], alike: bool) -> None:
    then = Exchange(events=(Event(0.1, "pdu", 0, abort(2, 2), 10), Event(0.2, "fin")))
    assert same(then, Exchange(events=changed)) is alike


def test_traces_hold_whole_messages() -> None:
    with our_scp() as port:
        (result,) = judged(port, ["P-07"]).results
    assert [str(token) for token in traces(result.exchanges[0].events)[0]] == [
        "AC",
        "RSP(0000)",
        "RSP(0000)",
        "RP",
        "CLOSE",
    ]


# ---- ids ----


def test_a_case_is_played_anew(capsys: pytest.CaptureFixture[str]) -> None:
    with in_a_thread(silent) as port:
        code = command.main(["repro", "s-a-06-13", "127.0.0.1", str(port), "--react", "0.3", "--settle", "0.05"])
    out = capsys.readouterr().out
    assert code == Exit.FAILED
    assert "SILENT (M): HOLD" in out
    assert "00000000  06 00 00 00 00 04 00 00  00 00" in out
    assert "(silence)" in out


def test_without_a_peer_dulcet_itself_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["repro", "S-A-06-13"]) == Exit.PASSED
    out = capsys.readouterr().out
    assert "against dulcet itself" in out
    assert "PASS (M): A(2,2)" in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["NO-99"], "NO-99 is no file, and no id of a case"),
        (["{report}"], "has S-A-06-13, RL-01, RL-08: --id and --role tell which"),
        (["{report}", "--id", "RL-99"], "--id and --role tell which"),
        (["{rubbish}"], "no report of version 1"),
    ],
)
def test_what_cannot_be_repeated_is_told(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    json_report.write(wrong_peer_run(), str(tmp_path / "report"))
    (tmp_path / "rubbish").write_text("{}", encoding="utf-8")
    named = [word.format(report=tmp_path / "report", rubbish=tmp_path / "rubbish") for word in words]
    assert command.main(["repro", *named]) == Exit.USAGE
    assert told in capsys.readouterr().err


def broken(path: Path, *where: str | int) -> Iterator[dict[str, object]]:
    """A trace, read to be changed at a place, and written back."""
    trace = json.loads(path.read_text(encoding="utf-8"))
    place = trace
    for step in where:
        place = place[step]
    yield place
    path.write_text(json.dumps(trace), encoding="utf-8")


RESULT = ("results", 0)
EXCHANGE = (*RESULT, "exchanges", 0)


@pytest.mark.parametrize(
    ("where", "change", "said"),
    [
        (EXCHANGE, {"events": 7}, "'int' object is not iterable"),
        (EXCHANGE, {"seen": ["NONSENSE"]}, "'NONSENSE' is no token"),
        (EXCHANGE, {"reaction": 12}, "12 is not a valid Reaction"),
        (EXCHANGE, {"stimulus_at": None}, "exchanges[0].stimulus_at is None"),
        (EXCHANGE, {"conditions": "maximum=7"}, "maximum=7 is no condition"),
        (EXCHANGE, {"label": ["x"]}, "exchanges[0].label is ['x']"),
        (EXCHANGE, {"surprise": 1}, "unexpected keyword argument 'surprise'"),
        ((*EXCHANGE, "events", 0), {"data": "xyz"}, "non-hexadecimal number"),
        ((*EXCHANGE, "events", 0), {"at": "soon"}, "events[0].at is 'soon'"),
        ((*EXCHANGE, "events", 0), {"at": float("nan")}, "events[0].at is nan"),
        ((*EXCHANGE, "events", 0), {"connection": True}, "events[0].connection is True"),
        (RESULT, {"clauses": [1]}, "results[0].clauses[0] is 1"),
        (RESULT, {"exchanges": None}, "no report: 'NoneType' object is not iterable"),
        (("settings",), {"react": "soon"}, "its settings are none that a run can have"),
        (("settings",), {"delivery": "by post"}, "'by post' is not a valid Delivery"),
        ((), {"profile": []}, "the report.profile is []"),
        ((), {"results": 5}, "no report: 'int' object is not iterable"),
    ],
)
def test_a_trace_that_was_tampered_with_is_told(
    where: tuple[str | int, ...],
    change: dict[str, object],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = Path(traced(wrong_peer_run(), tmp_path)["S-A-06-13"])
    for place in broken(path, *where):
        place.update(change)
    assert command.main(["repro", str(path), "127.0.0.1", "1"]) == Exit.USAGE
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"dulcet conformance repro: {path}: ")
    assert said in line


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\0", b"[" * 100_000, b'{"schema": 1}', b"[1]", b"null"])
def test_garbage_is_told(data: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "trace.json"
    path.write_bytes(data)
    assert command.main(["repro", str(path)]) == Exit.USAGE
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"dulcet conformance repro: {path}: ")


@pytest.mark.parametrize("connection", [-1, 5])
def test_a_connection_that_was_never_opened_is_not_played(
    connection: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(traced(wrong_peer_run(), tmp_path)["S-A-06-13"])
    for place in broken(path, *EXCHANGE, "events", 1):
        place["connection"] = connection
    with our_scp() as port:
        assert command.main(["repro", str(path), "127.0.0.1", str(port)]) == Exit.UNREACHABLE
    assert f"not played to its end: connection {connection} was not opened" in capsys.readouterr().out


def test_a_report_of_many_gives_the_one_that_is_named(tmp_path: Path) -> None:
    with our_scp() as port:
        json_report.write(judged(port, ["RL-01", "RL-02"]), str(tmp_path / "run.json"))
        assert command.main(["repro", str(tmp_path / "run.json"), "--id", "RL-02"]) == Exit.PASSED


# ---- programs ----


def ran(path: Path, *words: object) -> str:
    """What a program prints; it has nothing but the standard library."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", path, *map(str, words)], capture_output=True, text=True, timeout=LIMIT
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_program_of_its_own_sends_the_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bug.py"
    with our_scp() as port:
        words = ["repro", "S-A-06-13", "127.0.0.1", str(port), "--settle", "0.05"]
        assert command.main([*words, "--emit-py", str(path)]) == Exit.PASSED
        out = ran(path, "127.0.0.1", port)
    lines = out.splitlines()
    assert [line.split(" ", 2)[:2] for line in lines if "silence" not in line] == [
        ["->", "A-ASSOCIATE-RQ"],
        ["<-", "A-ASSOCIATE-AC"],
        ["->", "A-RELEASE-RP"],
        ["<-", "A-ABORT"],
        ["->", "FIN"],
        ["<-", "FIN"],
    ]
    assert lines[3].endswith("07 00 00 00 00 04 00 00 02 02")
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 80
    assert "bug.py: " in capsys.readouterr().out


def test_a_program_shows_the_silence_of_a_recorded_failure(tmp_path: Path) -> None:
    trace, path = traced(wrong_peer_run(), tmp_path / "traces")["S-A-06-13"], tmp_path / "bug.py"
    with in_a_thread(silent) as port:
        command.main(["repro", trace, "127.0.0.1", str(port), "--emit-py", str(path)])
        assert "<- silence for 1.1 s" in ran(path, "127.0.0.1", port)


@pytest.mark.parametrize("id_", ["S-A-06-17", "S-A-06-19", "P-06", "RL-01"])
def test_programs_of_all_kinds_run(id_: str, tmp_path: Path) -> None:
    with our_scp() as port:
        (result,) = judged(port, [id_]).results
        for number, exchange in enumerate(result.exchanges):
            path = tmp_path / f"{number}.py"
            path.write_text(program(result, exchange, path.name, 1.0), encoding="utf-8")
            assert "-> A-ASSOCIATE-RQ\n<- A-ASSOCIATE-AC" in ran(path, "127.0.0.1", port)


def test_a_program_for_a_requestor_listens(tmp_path: Path) -> None:
    (result,) = judged_requestor(echoscu(), ["S-R-06-03"]).results
    path, port = tmp_path / "bug.py", free_port()
    path.write_text(program(result, result.exchanges[0], "bug.py", 1.0), encoding="utf-8")
    command_ = [sys.executable, "-I", "-u", path, str(port)]
    with subprocess.Popen(command_, stdout=subprocess.PIPE, text=True) as listening:
        assert listening.stdout is not None
        assert listening.stdout.readline() == "waiting for the peer to dial\n"
        dial = [sys.executable, "-m", "dulcet", "echoscu", "-q", "-ta", "2", "-td", "2", "127.0.0.1", str(port)]
        subprocess.run(dial, timeout=LIMIT, check=False)
        out, _ = listening.communicate(timeout=LIMIT)
    assert "<- A-ASSOCIATE-RQ" in out
    assert "<- A-ABORT 07 00 00 00 00 04 00 00 02 02" in out


def test_a_title_is_no_part_of_the_program(tmp_path: Path) -> None:
    result = cell_result("A", "Sta6", "Evt13", Outcome.FAILED)
    evil = '""" + exit(3) + """ \\'
    result.title = evil
    exchange = Exchange(label=evil, events=(Event(0.0, "connect"), Event(0.1, "sent", 0, b"\x07", 1, words='"+\\')))
    ast.parse(program(result, exchange, "x.py", 1.0))
    assert "exit" not in [
        node.id for node in ast.walk(ast.parse(program(result, exchange, "x.py", 1.0))) if isinstance(node, ast.Name)
    ]


def test_what_was_not_kept_cannot_be_repeated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = wrong_peer_run()
    first = next(each for each in run.results if each.id == "S-A-06-13")
    long = Event(0.5, "sent", 0, bytes(10), 100_000, digest="0" * 64)
    exchange = replace(first.exchanges[0], events=(first.exchanges[0].events[0], long))
    path = traced(replace(run, results=[replace(first, exchanges=[exchange])]), tmp_path)["S-A-06-13"]
    with our_scp() as port:
        words = ["repro", path, "127.0.0.1", str(port)]
        assert command.main(words) == Exit.UNREACHABLE
        assert "100000 bytes were sent, of which the first 10 were kept" in capsys.readouterr().out
        assert command.main([*words, "--emit-py", str(tmp_path / "x.py")]) == Exit.USAGE
