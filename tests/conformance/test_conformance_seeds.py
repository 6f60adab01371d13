"""Seeds for AFLNet: what a client sends on a connection, whole PDUs one after the other, and nothing else."""

from dataclasses import replace
from pathlib import Path

import pytest
from dulcet.tools.conformance import command, frames
from dulcet.tools.conformance.exits import Exit
from dulcet.tools.conformance.record import MOST_EVENTS, Recording
from dulcet.tools.conformance.reports import seeds
from dulcet.tools.conformance.results import Event, Exchange, Level, Result, RunResult
from peers import our_scp


def cut(data: bytes) -> list[int]:
    """The types of the PDUs of a file, cut as AFLNet does: by PDU-length (PS3.8 9.3.1)."""
    types = []
    while data:
        types.append(data[0])
        data = data[6 + int.from_bytes(data[2:6], "big") :]
    return types


@pytest.mark.parametrize(
    ("id_", "files"),
    [
        ("RL-01", {"RL-01.1.0.raw": [0x01, 0x05]}),
        ("S-A-06-13", {"S-A-06-13.1.0.raw": [0x01, 0x06]}),
        ("S-A-06-17", {"S-A-06-17.1.0.raw": [0x01]}),  # two ways to end: the same bytes, one file
    ],
)
def test_what_was_sent_is_a_seed(id_: str, files: dict[str, list[int]], tmp_path: Path) -> None:
    with our_scp() as port:
        words = ["acceptor", "127.0.0.1", str(port), id_, "--settle", "0.05", "--seeds", str(tmp_path / "seeds")]
        assert command.main(words) == Exit.PASSED
    assert {each.name: cut(each.read_bytes()) for each in (tmp_path / "seeds").iterdir()} == files


def test_connections_are_apart_and_what_is_not_whole_makes_none(tmp_path: Path) -> None:
    first, second = Event(0.1, "sent", 0, frames.release_rq(), 10), Event(0.2, "sent", 1, frames.abort(), 10)
    long = Event(0.3, "sent", 2, bytes(10), 1 << 20, digest="0" * 64)
    came = Event(0.4, "pdu", 0, frames.release_rp(), 10)
    exchange = Exchange(events=(first, second, replace(first, at=0.25), long, came))
    result = Result("RL-01", "slug", "title", "A", Level.M, (), (), (), (), exchanges=[exchange])
    asked = replace(result, role="R")
    seeds.write(RunResult("peer", "AR", "default", results=[result, asked, replace(result, id="RL-02")]), str(tmp_path))
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {
        "RL-01.1.0.raw": frames.release_rq() * 2,
        "RL-01.1.1.raw": frames.abort(),
    }


def test_a_conversation_that_was_cut_off_is_no_seed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def recorded(times: int) -> Exchange:
        recording = Recording()
        for _ in range(times):
            recording.add("sent", 0, frames.abort())
        return Exchange(events=tuple(recording.events))

    exchanges = [recorded(MOST_EVENTS + 1), recorded(2)]
    result = Result("RL-01", "slug", "title", "A", Level.M, (), (), (), (), exchanges=exchanges)
    seeds.write(RunResult("peer", "A", "default", results=[result]), str(tmp_path))
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {"RL-01.2.0.raw": frames.abort() * 2}
    assert "no seed of RL-01.1: only its first 20000 events were kept" in capsys.readouterr().err
