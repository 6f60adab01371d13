"""Captures: Wireshark's dissectors name the PDUs, each byte stands once and at its time, and FIN and RST where seen."""

import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from dulcet.tools.conformance.frames import abort, associate_rq, release_rq
from dulcet.tools.conformance.reports import pcapng
from dulcet.tools.conformance.reports.streams import Segment, segments
from dulcet.tools.conformance.results import Event, Exchange, Outcome, Result, RunResult
from sample_runs import cell_result, our_run, wrong_peer_run

BEGAN = 1_700_000_000.25


def read(tshark: str, path: Path, *options: str) -> list[str]:
    """What tshark says of a capture, a line a packet."""
    command = [tshark, "-r", str(path), "-o", "nameres.network_name:FALSE", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.splitlines()


def case_of(*events: Event, role: str = "A") -> Result:
    result = cell_result(role, "Sta6", "Evt13", Outcome.PASSED)
    result.exchanges = [Exchange(began=BEGAN, events=events)]
    return result


def run_of(*results: Result) -> RunResult:
    return RunResult("peer", "A", "default", results=list(results))


def write(tmp_path: Path, run: RunResult) -> Path:
    pcapng.write(run, str(tmp_path / "pcap"))
    return tmp_path / "pcap"


def packets(capture: bytes) -> Iterator[tuple[float, bytes, int]]:
    """Time, captured bytes and true length of each packet."""
    at = 0
    while at < len(capture):
        kind, length = struct.unpack_from("<LL", capture, at)
        assert struct.unpack_from("<L", capture, at + length - 4) == (length,)
        if kind == 6:
            _, high, low, kept, whole = struct.unpack_from("<LLLLL", capture, at + 8)
            yield ((high << 32) + low) / 1e9, capture[at + 28 : at + 28 + kept], whole
        at += length


# ---- as Wireshark has it ----


def test_the_dissector_names_the_pdus(tshark: str, tmp_path: Path) -> None:
    folder = write(tmp_path, wrong_peer_run())
    assert sorted(each.name for each in folder.iterdir()) == [
        "RL-01.A.pcapng",
        "RL-08.A.pcapng",
        "S-A-06-13.A.pcapng",
    ]
    lines = read(tshark, folder / "S-A-06-13.A.pcapng", "-Y", "dicom")
    assert [
        name
        for line in lines
        for name in ("A-ASSOCIATE request", "A-ASSOCIATE accept", "A-RELEASE response")
        if name in line
    ] == ["A-ASSOCIATE request", "A-ASSOCIATE accept", "A-RELEASE response"]


def test_the_ports_and_comments_tell_the_case(tshark: str, tmp_path: Path) -> None:
    path = write(tmp_path, our_run()) / "S-A-06-19.A.pcapng"
    fields = ("-T", "fields", "-e", "tcp.srcport", "-e", "tcp.dstport", "-e", "frame.comment")
    rows = [line.split("\t") for line in read(tshark, path, *fields)]
    assert {row[0] for row in rows} == {"49152", "49153", "49154", "104"}
    comments = [row[2] for row in rows if len(row) > 2 and row[2]]
    assert all("S-A-06-19" in comment for comment in comments)
    assert "expected  A(2,1)" in comments[0]
    assert any("the peer may be in Sta6" in comment for comment in comments)


def test_tcp_finds_no_fault(tshark: str, tmp_path: Path) -> None:
    """Sequence and acknowledgement numbers fit, and the checksums."""
    checked = ("-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE")
    troubled = "tcp.analysis.flags || tcp.checksum.status == 0 || ip.checksum.status == 0"
    for path in write(tmp_path, our_run()).iterdir():
        assert read(tshark, path, *checked, "-Y", troubled) == []


def test_a_storm_in_pieces_is_put_together(tshark: str, tmp_path: Path) -> None:
    """An A-ASSOCIATE-RQ in three pieces, the peer's in two: the dissector has each once."""
    request, answer = associate_rq([]), abort(2, 6) * 2
    events = (
        Event(0.0, "connect"),
        *(Event(0.1 + number, "sent", 0, request[start : start + 30], 30) for number, start in enumerate((0, 30))),
        Event(2.0, "sent", 0, request[60:], len(request) - 60),
        Event(3.0, "bytes", 0, answer[:4], 4),
        Event(3.5, "pdu", 0, answer[:10], 10),
        Event(3.5, "bytes", 0, answer[10:12], 2),
        Event(4.0, "pdu", 0, answer[10:], 10),
        Event(5.0, "rst"),
    )
    path = write(tmp_path, run_of(case_of(*events))) / "S-A-06-13.A.pcapng"
    lines = read(tshark, path)
    assert sum("A-ASSOCIATE request" in line for line in lines) == 1
    assert sum("ABORT" in line for line in lines) == 2
    assert "[RST, ACK]" in lines[-1]


# ---- as the format has it ----


def test_times_are_those_of_the_events() -> None:
    result = case_of(Event(0.0, "connect"), Event(1.5, "sent", 0, release_rq(), 10), Event(2.75, "fin"))
    found = list(packets(pcapng.capture(run_of(result), result)))
    assert sorted({round(at - BEGAN, 6) for at, _, _ in found}) == [0.0, 1.5, 2.75]


def test_who_listens_has_port_104() -> None:
    for role, ports in (("A", (49152, 104)), ("R", (104, 49152))):
        opening = Event(0.0, "connect" if role == "A" else "accept")
        result = case_of(opening, Event(1.0, "sent", 0, release_rq(), 10), role=role)
        (data,) = (packet for _, packet, _ in packets(pcapng.capture(run_of(result), result)) if len(packet) == 50)
        assert struct.unpack(">HH", data[20:24]) == ports
        assert (data[12:16], data[16:20], data[40:]) == (pcapng.TESTER, pcapng.PEER, release_rq())


def test_what_was_not_kept_is_told_by_its_length() -> None:
    event = Event(1.0, "sent", 0, b"\x04" * 65536, 200_000, digest="0" * 64)
    result = case_of(Event(0.0, "connect"), event, Event(2.0, "sent", 0, release_rq(), 10))
    found = list(packets(pcapng.capture(run_of(result), result)))
    data = [(len(packet) - 40, whole - 40) for _, packet, whole in found if packet[12:16] == pcapng.TESTER][2:-1]
    assert sum(whole for _, whole in data) == 200_000
    assert sum(kept for kept, _ in data) == 65536
    last = next(packet for _, packet, _ in reversed(found) if packet.endswith(release_rq()))
    assert struct.unpack(">L", last[24:28]) == (1001 + 200_000,)


@pytest.mark.parametrize(
    ("kind", "ours", "flags"),
    [("fin", False, 17), ("rst", False, 20), ("send-failed", False, 20), ("our-fin", True, 17), ("our-rst", True, 20)],
)
def test_ends_are_the_ones_seen(kind: str, ours: bool, flags: int) -> None:
    result = case_of(Event(0.0, "connect"), Event(1.0, kind))
    found = [packet for at, packet, _ in packets(pcapng.capture(run_of(result), result)) if at > BEGAN + 0.5]
    assert (found[0][12:16] == pcapng.TESTER, found[0][33]) == (ours, flags)


def test_a_refused_connection_is_a_reset_of_its_syn() -> None:
    result = case_of(Event(0.0, "refused", words="nobody listens"), role="R")
    found = [(packet[12:16], packet[33]) for _, packet, _ in packets(pcapng.capture(run_of(result), result))]
    assert found == [(pcapng.PEER, 2), (pcapng.TESTER, 20)]


def test_each_byte_stands_once_whatever_was_noted_between() -> None:
    two = abort(2, 6) + abort(0, 0)
    events = [
        Event(0.0, "accept"),
        Event(0.1, "bytes", 0, two[:3], 3),
        Event(0.2, "bytes", 0, two[3:5], 2),
        Event(0.2, "note", words="waiting"),
        Event(0.3, "pdu", 0, two[:10], 10),
        Event(0.3, "pdu", 0, two[10:], 10),
        Event(0.4, "silence"),
    ]
    found: list[Segment] = list(segments(events))
    assert b"".join(each.data for each in found) == two
    assert [each.length for each in found if each.flags == "data"] == [3, 2, 5, 10]
