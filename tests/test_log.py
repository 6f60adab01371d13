"""Lines on stderr: levels, formats, nothing a peer could misuse."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from dulcet.services.log import Log as ServicesLog
from dulcet.tools.log import LEVELS, Log, PeerLog, RateLimit, tame

ROOT = Path(__file__).parent.parent


def lines(log_level: str, *, form: str = "text") -> list[str]:
    stream = io.StringIO()
    log = Log(log_level, form, stream=stream)
    for level in LEVELS:
        log.write(level, f"a {level} thing", peer="PACS", port=104)
    return stream.getvalue().splitlines()


@pytest.mark.parametrize(
    ("level", "letters"),
    [
        ("fatal", "F"),
        ("error", "FE"),
        ("warn", "FEW"),
        ("info", "FEWI"),
        ("debug", "FEWID"),
        ("trace", "FEWIDT"),
    ],
)
def test_levels(level: str, letters: str) -> None:
    assert "".join(line[0] for line in lines(level)) == letters


def test_text() -> None:
    assert lines("fatal") == ["F: a fatal thing peer=PACS port=104"]


def test_json() -> None:
    (line,) = lines("fatal", form="json")
    record = json.loads(line)
    assert record.pop("time").endswith("Z")
    assert record == {"event": "a fatal thing", "level": "fatal", "peer": "PACS", "port": 104}


def test_values_with_spaces_are_quoted() -> None:
    stream = io.StringIO()
    Log("warn", stream=stream).warning("rejected", title="MY PACS", empty="", quoted='a"b')
    assert stream.getvalue() == 'W: rejected title="MY PACS" empty="" quoted="a\\"b"\n'


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_peer_cannot_write_lines_of_its_own(form: str) -> None:
    stream = io.StringIO()
    Log("warn", form, stream=stream).warning("rejected\r", title="A\nF: faked\x1b[2J %s {}\u2028", long="x" * 10_000)
    (line,) = stream.getvalue().splitlines()
    assert line.isprintable()
    assert "x" * 256 + ("…" if form == "text" else "\\u2026") in line
    assert "x" * 257 not in line
    assert "\\x1b" in line


@pytest.mark.parametrize(
    ("text", "shown"),
    [("plain é", "plain é"), ("\t\n\0\x7f", r"\t\n\x00\x7f"), ("‮", r"\u202e"), ("x" * 256, "x" * 256)],
)
def test_tame(text: str, shown: str) -> None:
    assert tame(text) == shown


def test_numbers_truth_and_nothing_stay_what_they_are() -> None:
    stream = io.StringIO()
    Log("info", "json", stream=stream).info("x", number=1.5, truth=True, nothing=None, path=Path("a"), raw=b"\0")
    record = json.loads(stream.getvalue())
    assert (record["number"], record["truth"], record["nothing"]) == (1.5, True, None)
    assert (record["path"], record["raw"]) == ("a", "b'\\x00'")


def test_bound_values_stand_in_every_line() -> None:
    stream = io.StringIO()
    log = Log("info", stream=stream).bind(association=7)
    log.info("accepted")
    log.bind(peer="A").info("released")
    assert stream.getvalue() == "I: accepted association=7\nI: released association=7 peer=A\n"


def test_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    Log().error("no")
    assert capsys.readouterr() == ("", "E: no\n")


def test_a_flood_is_ten_lines_a_second_and_a_count() -> None:
    stream = io.StringIO()
    now = 100.0
    log = Log("info", stream=stream, clock=lambda: now)
    for _ in range(50):
        log.limited("10.0.0.1", "info", "nonsense received")
        log.limited("quiet one", "debug", "not said")
    log.limited("10.0.0.2", "info", "another peer")
    now = 101.0
    log.limited("10.0.0.1", "info", "nonsense received")
    said = stream.getvalue().splitlines()
    assert said.count("I: nonsense received") == 11
    assert said[10:] == [
        "I: another peer",
        "I: 40 more lines like the next one were withheld",
        "I: nonsense received",
    ]


def test_what_is_withheld_at_the_end_is_told() -> None:
    stream = io.StringIO()
    log = Log("warn", stream=stream, clock=lambda: 1.0)
    for _ in range(13):
        log.limited("key", "warn", "again")
    log.close()
    log.close()
    assert stream.getvalue().splitlines()[10:] == ["W: 3 more lines were withheld of=key"]
    peers = PeerLog(log)
    for _ in range(12):
        peers.warning("association aborted", peer="10.0.0.1")
    log.close()
    assert stream.getvalue().splitlines()[-1] == (
        'W: 2 more lines were withheld of="association aborted" peer=10.0.0.1'
    )
    quiet = Log("error", stream=stream, clock=lambda: 1.0)
    for _ in range(13):
        quiet.limited("key", "error", "again")
    quiet.close()
    assert stream.getvalue().splitlines()[-1] == "E: again"


def test_a_flood_of_keys_is_no_flood_of_memory() -> None:
    limit = RateLimit()
    for key in range(RateLimit.MOST_KEYS + 500):
        assert limit.admit(key, 0.0) == (True, 0)
    assert len(limit._windows) == RateLimit.MOST_KEYS


def test_structlog_is_loaded_by_the_first_line_only() -> None:
    code = (
        "import sys; from dulcet.tools.log import Log; log = Log(); log.info('no');"
        "log.limited(1, 'info', 'no');"
        "before = 'structlog' in sys.modules; log.warning('yes'); print(before, 'structlog' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (ran.stdout, ran.stderr) == ("False True\n", "W: yes\n")


def test_peers_have_their_lines_counted() -> None:
    stream = io.StringIO()
    log: ServicesLog = PeerLog(Log("info", stream=stream, clock=lambda: 1.0))
    for _ in range(12):
        log.info("released", peer="A")
        log.warning("aborted", peer="A")
        log.error("failed", peer="A")
    log.warning("aborted", peer="B")
    lines = stream.getvalue().splitlines()
    assert [lines.count(f"{said} peer=A") for said in ("I: released", "W: aborted", "E: failed")] == [12, 10, 10]
    assert lines[-1] == "W: aborted peer=B"


def test_an_exception_is_a_place_and_no_text() -> None:
    stream = io.StringIO()
    try:
        raise ValueError("SMITH^JOHN")
    except ValueError as error:
        Log("error", stream=stream).error("service failed", exc_info=error)
    Log("error", stream=stream).error("service failed", exc_info=ValueError("SMITH^JOHN"))
    first, second = stream.getvalue().splitlines()
    assert first.startswith(f"E: service failed at={__file__}:")
    assert second == "E: service failed"
