"""`capture`: associations found in files made by hand, however their packets came, and who broke what in them."""

import json
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from captured import (
    ACK,
    FRAMINGS,
    RST,
    SYN,
    Talk,
    Wire,
    block,
    ethernet,
    ip4,
    pcap,
    pcapng,
    shifted,
)
from dulcet.tools.conformance import command, frames
from dulcet.tools.conformance.capture import judge
from dulcet.tools.conformance.captures.files import LARGEST, Capture, CaptureError
from dulcet.tools.conformance.captures.streams import MOST_HELD
from dulcet.tools.conformance.commands import echo, echo_elements, response
from dulcet.tools.conformance.overhearing import Overheard
from hypothesis import given, settings
from hypothesis import strategies as st

RQ = frames.associate_rq()
AC = frames.associate_ac(fixed=RQ[10:74])
RSP = response(1, echo_elements())
RLRQ, RP = frames.release_rq(), frames.release_rp()


def association() -> Talk:
    """An ordinary one, each PDU in its segment."""
    talk = Talk().open().client(RQ).server(AC).client(echo()).server(RSP).client(RLRQ).server(RP)
    return talk.end(client=False).end()


def only(path: Path) -> Overheard:
    (overheard,), notes = judge(Capture(path))
    assert notes == []
    return overheard


def told(overheard: Overheard) -> list[tuple[str, str]]:
    return [(side.role, each.rule) for side in overheard.sides for each in side.broken]


def check(overheard: Overheard) -> None:
    """It is the ordinary association, whole and right."""
    assert (overheard.outcome, told(overheard), overheard.unjudged) == ("released", [], "")
    assert (overheard.requestor.title, overheard.acceptor.title) == ("DULCET", "ANY-SCP")
    assert [side.pdus for side in overheard.sides] == [3, 3]
    assert [side.sent_bytes for side in overheard.sides] == [len(RQ + echo() + RLRQ), len(AC + RSP + RP)]


# ---- files ----


@pytest.mark.parametrize("framing", FRAMINGS)
def test_every_link_type(tmp_path: Path, framing: str) -> None:
    link, frame = FRAMINGS[framing]
    check(only(pcapng(tmp_path / "c", [(wire.at, frame(wire)) for wire in association().segments], link)))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nano", [False, True])
def test_pcap_in_both_orders_and_resolutions(tmp_path: Path, order: str, nano: bool) -> None:
    found = only(pcap(tmp_path / "c", ethernet(association().segments), order=order, nano=nano))
    check(found)
    assert found.began == pytest.approx(100.0)
    assert found.steps[-1].at == pytest.approx(0.010)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("packets", ["enhanced", "old", "simple"])
def test_pcapng_in_both_orders_and_every_packet_block(tmp_path: Path, order: str, packets: str) -> None:
    check(only(pcapng(tmp_path / "c", ethernet(association().segments), order=order, packets=packets)))


@pytest.mark.parametrize("resolution", [6, 9, 0x80 | 20])
def test_times_of_pcapng(tmp_path: Path, resolution: int) -> None:
    found = only(pcapng(tmp_path / "c", ethernet(association().segments), resolution=resolution))
    assert found.began == pytest.approx(100.0)
    assert found.steps[0].at == pytest.approx(0.003, abs=1e-5)


def test_a_file_that_ends_in_the_middle_is_judged_to_there(tmp_path: Path) -> None:
    path = pcapng(tmp_path / "c", ethernet(association().segments))
    whole = path.read_bytes()
    for cut in range(120, len(whole), 37):
        path.write_bytes(whole[:cut])
        associations, notes = judge(Capture(path))
        assert [told(each) for each in associations] in ([], [[]])
        assert len(notes) <= 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        b"\x0a\x0d\x0d\x0a" + bytes(24),
        block(0x0A0D0D0A, b"\x4d\x3c\x2b\x1a" + bytes(12)) + block(6, bytes(20)),
        b"\x0a\x0d\x0d\x0a\x08\0\0\0\x4d\x3c\x2b\x1a",
        b"\xd4\xc3\xb2\xa1" + bytes(20) + bytes(8) + (LARGEST + 1).to_bytes(4, "little") * 2,
    ],
    ids=["empty", "another", "no order", "no interface", "short block", "huge"],
)
def test_what_is_no_capture_is_refused(tmp_path: Path, data: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "c"
    path.write_bytes(data)
    with pytest.raises(CaptureError, match="c: "):
        judge(Capture(path))
    assert command.main(["capture", str(path)]) == 2
    assert "dulcet conformance capture: " in capsys.readouterr().err


def test_a_link_type_that_is_not_understood_is_told(tmp_path: Path) -> None:
    associations, notes = judge(Capture(pcap(tmp_path / "c", [(1.0, bytes(60))], link=105)))
    assert (associations, notes) == ([], ["frames of link type 105 are not understood"])


@settings(max_examples=30)
@given(data=st.binary(max_size=80))
def test_no_frame_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    for link, _ in FRAMINGS.values():
        assert judge(Capture(pcap(path, [(1.0, data), (2.0, b"\x08\0" * 6 + data)], link)))[0] == []


# ---- streams ----


@settings(max_examples=50)
@given(chance=st.randoms(use_true_random=False), by=st.integers(0, (1 << 32) - 1))
def test_segments_may_come_late_twice_and_overlapping(
    tmp_path_factory: pytest.TempPathFactory, chance: Random, by: int
) -> None:
    """Only within a direction, between two segments of the other: what was said in answer was said later."""
    talk = Talk().open()
    for data, client in ((RQ, True), (AC, False), (echo(), True), (RSP, False), (RLRQ, True), (RP, False)):
        cuts = sorted(chance.sample(range(1, len(data)), min(3, len(data) - 1)))
        pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, None], strict=True)]
        first = len(talk.segments)
        (talk.client if client else talk.server)(*pieces)
        own = talk.segments[first:]
        start = own[0].sequence
        own.append(replace(own[-1], sequence=start, data=data[: chance.randint(1, len(data))]))  # an overlap
        chance.shuffle(own)
        talk.segments[first:] = own
    talk.end(client=False).end()
    path = tmp_path_factory.getbasetemp() / "shuffled"
    check(only(pcap(path, ethernet(shifted(talk.segments, by)))))


def test_what_the_capture_lacks_is_told_and_nothing_later_is_judged(tmp_path: Path) -> None:
    segments = association().segments
    for lost in range(3, 9):
        if not segments[lost].data:
            continue
        associations, notes = judge(Capture(pcap(tmp_path / "c", ethernet(segments[:lost] + segments[lost + 1 :]))))
        if lost == 3:
            assert (associations, len(notes)) == ([], 1)  # the A-ASSOCIATE-RQ itself
            continue
        (overheard,) = associations
        assert told(overheard) == []
        assert overheard.unjudged.startswith("bytes are missing in the capture from +0.0")


def test_what_came_before_a_hole_is_judged(tmp_path: Path) -> None:
    talk = Talk().open().client(RQ).server(AC, frames.patched(RSP, 1, b"\7")).client(echo()).server(RSP).client(RLRQ)
    segments = talk.segments
    (overheard,), _ = judge(Capture(pcap(tmp_path / "c", ethernet(segments[:-2] + segments[-1:]))))
    assert told(overheard) == [("A", "EM-01")]


def test_packets_cut_short_are_a_hole(tmp_path: Path) -> None:
    frames_of = ethernet(association().segments)
    data = pcap(tmp_path / "c", [(at, frame[:100]) for at, frame in frames_of])
    associations, _ = judge(Capture(data))
    assert [told(each) for each in associations] == [[]]
    assert associations[0].unjudged


def test_more_than_can_be_held_behind_a_hole_is_lost(tmp_path: Path) -> None:
    big = bytes(1 << 20)
    talk = Talk().open().client(RQ).server(AC)
    talk.sequences[True] += 2
    talk.client(*(big for _ in range(MOST_HELD // len(big) + 2)))
    path = pcapng(tmp_path / "c", [(wire.at, _jumbo(wire)) for wire in talk.segments], link=101)
    (overheard,), _ = judge(Capture(path))
    assert (told(overheard), bool(overheard.unjudged)) == ([], True)


def _jumbo(wire: Wire) -> bytes:
    """A frame whose IP length is 0, as a network card that cuts segments itself leaves it."""
    whole = ip4(replace(wire, data=b""))
    return whole[:2] + b"\0\0" + whole[4:] + wire.data


def test_a_connection_without_its_beginning_is_none(tmp_path: Path) -> None:
    segments = association().segments[5:]
    associations, notes = judge(Capture(pcap(tmp_path / "c", ethernet(segments))))
    assert associations == []
    assert notes == ["1 connections are none of DICOM, or begin before the capture does"]


def test_without_the_handshake_the_request_tells_who_is_who(tmp_path: Path) -> None:
    check(only(pcap(tmp_path / "c", ethernet(association().segments[3:]))))


def test_other_traffic_is_counted_only(tmp_path: Path) -> None:
    talk = Talk().open().server(b"SSH-2.0-x\r\n").client(b"SSH-2.0-y\r\n").end()
    associations, notes = judge(Capture(pcap(tmp_path / "c", ethernet(talk.segments))))
    assert (associations, len(notes)) == ([], 1)


def test_a_port_that_was_named_is_dicoms_whatever_comes(tmp_path: Path) -> None:
    talk = Talk().open().client(b"GET / HTTP/1.1\r\n\r\n").server(RP)
    path = pcap(tmp_path / "c", ethernet(talk.segments))
    (overheard,), notes = judge(Capture(path), [104])
    assert notes == []
    assert overheard.unjudged.startswith("the requestor sends a PDU of type 47H")


def test_a_port_that_is_used_again_is_another_connection(tmp_path: Path) -> None:
    again = [replace(wire, at=wire.at + 1) for wire in shifted(association().segments, 12345)]
    associations, _ = judge(Capture(pcap(tmp_path / "c", ethernet([*association().segments, *again]))))
    assert len(associations) == 2
    for each in associations:
        check(each)


# ---- what is judged ----


BREACHES = [
    # what passed, who broke what, the outcome
    (Talk().open().client(RQ).server(AC).server(RP), [("A", "Table 9-10")], "released"),
    (Talk().open().client(RQ).server(AC).client(echo(), frames.release_rq()), [("R", "EM-18")], "established"),
    (Talk().open().client(RQ).client(AC), [("R", "Table 9-10")], "established"),
    (
        Talk().open().client(RQ).server(AC).end(client=False, how=RST),
        [("A", "EM-20")],
        "established, then reset by the acceptor",
    ),
    (Talk().open().client(RQ).server(frames.associate_rj(1, 1, 7)).end(), [], "rejected RJ(1,1,7)"),
    (Talk().open().client(RQ).server(frames.abort(2, 3)), [("A", "EM-02")], "aborted by the acceptor, A(2,3)"),
    (Talk().open().client(RQ).end(), [("R", "EM-20")], "requested, then closed by the requestor"),
    # judged on its header, before the rest has come (Sta2 has no abort of its own)
    (Talk().open().client(RQ[:6], RQ[6:]).server(AC).client(b"\x47\0\0\0\1\0").server(frames.abort(2, 1)), [], None),
    (Talk().open().client(RQ).server(AC).client(RLRQ[:4]).server(frames.abort(0, 0)), [], None),
]


@pytest.mark.parametrize(("talk", "broken", "outcome"), BREACHES)
def test_who_broke_what(tmp_path: Path, talk: Talk, broken: list[tuple[str, str]], outcome: str | None) -> None:
    overheard = only(pcap(tmp_path / "c", ethernet(talk.segments)))
    assert told(overheard) == broken
    assert outcome in (overheard.outcome, None)


def test_the_report_for_people_and_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = pcap(tmp_path / "good", ethernet(association().segments))
    bad = pcap(tmp_path / "bad", ethernet(Talk().open().client(RQ).server(AC, RP).segments))
    none = pcap(tmp_path / "none", [])
    assert command.main(["capture", str(good)]) == 0
    assert capsys.readouterr().out.endswith("1 associations, 0 in which something was broken\n")
    assert command.main(["capture", str(bad), "--json", str(tmp_path / "j")]) == 1
    out = capsys.readouterr().out
    assert "acceptor broke Table 9-10 (M) at +0.005 s: RP (A-RELEASE-RP) in Sta6, which no reading" in out
    assert "DULCET at 10.0.0.1:40000" in out
    found = json.loads((tmp_path / "j").read_text())
    assert found["associations"][0]["acceptor"]["broken"][0]["rule"] == "Table 9-10"
    assert command.main(["capture", str(none)]) == 3
    assert command.main(["capture", str(tmp_path / "missing")]) == 2


def test_what_should_be_counts_in_strict_mode_only(tmp_path: Path) -> None:
    path = str(pcap(tmp_path / "c", ethernet(Talk().open().client(RQ).server(AC).end().segments)))
    assert (command.main(["capture", path]), command.main(["capture", path, "--strict"])) == (0, 1)


def test_a_segment_of_nothing_but_flags_is_no_data() -> None:
    talk = Talk().open()
    assert [wire.flags for wire in talk.segments] == [SYN, SYN | ACK, ACK]
