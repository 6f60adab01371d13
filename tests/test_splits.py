"""The pieces in which bytes arrive make no difference: TCP promises their order and no more (PS3.8 9.1.3).

The same stream is given whole, byte by byte and at drawn cuts, with what follows taken into the same input or
into the next. Primitives (values of P-DATA indications joined), outbox, state, deadline and the events of the
trace (runs of P-DATA-TF counted out) must be equal. Truncated anywhere, a stream gives the beginning of what
it gives whole.
"""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import table_9_10 as table
from cell_coverage import traced
from dulcet.dul import strategies as dul
from dulcet.dul.pdu import PDV, Abort, PDataTF, ReleaseRP, ReleaseRQ
from dulcet.dul.primitives import PDataIndication
from hypothesis import example, given, settings
from hypothesis import strategies as st
from walks import AC, ARTIM, PDVS, RJ_BY_USER, RQ, Walk, byte_by_byte, cut_at, drain, ends, heard, whole

LISTENING = tuple(state for state in table.STATES if "Evt10" in table.CELLS[state])
COUNT = traced("conversation")

Result = tuple[list[Any], list[bytes | str], str, float | None, list[tuple[str, str, str]]]


def run(state: str, requestor: bool, data: bytes, pieces: Callable[[bytes], Iterable[bytes]]) -> Result:
    """Walk to a state, receive a stream in pieces, and return all that can be seen."""
    events: list[tuple[str, str, str]] = []

    def trace(now: float, state: str, event: str, action: str, following: str, count: int) -> None:
        COUNT(now, state, event, action, following, count)
        events.extend([(state, event, following)] * count)

    walk = Walk(requestor, trace=trace, now=7.0).to(state)
    events.clear()
    issued: list[Any] = []
    for piece in pieces(data):
        buffer = bytearray(piece)
        issued += heard(walk.layer.receive(buffer, walk.now))
        buffer[:] = b"\xee" * len(buffer)  # a driver fills its buffer again
    return heard(issued), drain(walk.layer.outbox), walk.layer.state, walk.layer.deadline, events


GOOD = [
    RQ.encode(),
    AC.encode(),
    RJ_BY_USER.encode(),
    PDataTF(PDVS).encode(),
    ReleaseRQ().encode(),
    ReleaseRP().encode(),
]

unknown = st.builds(
    lambda kind, length, body: bytes([kind, 0]) + length.to_bytes(4) + body,
    st.integers(8, 255),
    st.integers(0, 60),
    st.binary(max_size=30),
)
streams = st.lists(
    st.one_of(
        dul.p_data_tfs().map(lambda pdu: pdu.encode()),
        st.sampled_from([*GOOD, Abort(0, 0).encode(), Abort(2, 6).encode()]),
        unknown,
        st.binary(max_size=40),
    ),
    max_size=6,
).map(b"".join)
cuts = st.lists(st.one_of(st.integers(0, 14), st.integers(0, 2000)), max_size=12)


@pytest.mark.parametrize("state", LISTENING)
@settings(max_examples=100)
@given(data=streams, where=cuts)
@example(data=PDataTF(PDVS).encode() * 3 + ReleaseRQ().encode(), where=[6, 40])
@example(data=bytes.fromhex("09 00 00000003 010203") + Abort(0, 0).encode(), where=[6, 8, 9])
@example(data=bytes.fromhex("04 00 00000006 00000009 01 03") + ReleaseRQ().encode(), where=[11])
def test_any_split(state: str, data: bytes, where: list[int]) -> None:
    for requestor in ends(state):
        expected = run(state, requestor, data, whole)
        assert run(state, requestor, data, byte_by_byte) == expected
        assert run(state, requestor, data, cut_at(where)) == expected


@pytest.mark.parametrize("state", LISTENING)
def test_truncation_at_every_position(state: str) -> None:
    """A stream cut off gives a beginning of what it gives whole, and nothing that it does not give."""
    requestor = ends(state)[0]
    data = (RQ.encode() if state == "Sta2" else AC.encode() if state == "Sta5" else b"") + PDataTF(PDVS).encode() * 2
    data += ReleaseRQ().encode() + bytes.fromhex("0A 00 00000004 00000000") + Abort(0, 0).encode()
    events = run(state, requestor, data, whole)[-1]
    for end in range(len(data)):
        found = run(state, requestor, data[:end], whole)
        assert found[-1] == events[: len(found[-1])]


def test_views_are_of_the_bytes_received() -> None:
    """A value that lies whole in the input is handed on without a copy."""
    walk = Walk(True).to("Sta6")
    buffer = bytearray(PDataTF((PDV(1, 2, bytes(5000)),)).encode())
    (primitive,) = walk.layer.receive(memoryview(buffer), 0.0)
    assert isinstance(primitive, PDataIndication)
    buffer[-1] = 255
    assert bytes(primitive.pdvs[0].data[-1:]) == b"\xff"


@settings(max_examples=40)
@given(
    pdus=st.lists(dul.p_data_tfs(), min_size=1, max_size=8),
    batches=st.lists(st.integers(1, 8), min_size=8, max_size=8),
    state=st.sampled_from(["Sta6", "Sta7"]),
    requestor=st.booleans(),
)
def test_a_run_of_data_is_one_by_one(pdus: list[PDataTF], batches: list[int], state: str, requestor: bool) -> None:
    """Any batching of whole P-DATA-TF PDUs is heard, and traced, as if each came alone."""
    encoded = [pdu.encode() for pdu in pdus]

    def alone(_: bytes) -> Iterable[bytes]:
        return encoded

    def batched(_: bytes) -> Iterable[bytes]:
        at = 0
        for size in batches:
            yield b"".join(encoded[at : at + size])
            at += size

    stream = b"".join(encoded)
    expected = run(state, requestor, stream, alone)
    assert [event for _, event, _ in expected[-1]] == ["Evt10"] * len(pdus)
    assert run(state, requestor, stream, batched) == expected
    assert run(state, requestor, stream, whole) == expected


def test_data_before_a_fault_is_heard() -> None:
    """A run that ends in an invalid P-DATA-TF: what came before it counts, in the same input too."""
    data = PDataTF(PDVS).encode() * 2 + bytes.fromhex("04 00 00000006 00000009 01 03")
    issued, out, state, _, events = run("Sta6", True, data, whole)
    assert [type(primitive).__name__ for primitive in issued] == ["PDataIndication", "APAbortIndication"]
    assert issued[0].pdvs == list(PDVS * 2)
    assert out == [bytes.fromhex("07 00 00000004 00000206")]
    assert state == "Sta13"
    assert [event for _, event, _ in events] == ["Evt10", "Evt10", "Evt19"]


@pytest.mark.parametrize("state", sorted(table.ARTIM_STATES))
def test_a_drip_does_not_extend_artim(state: str) -> None:
    """A byte a second: ARTIM was started once and expires at its time (PS3.8 9.1.5)."""
    walk = Walk(False).to(state)
    deadline = walk.layer.deadline
    data = RQ.encode() if state == "Sta2" else PDataTF(PDVS).encode()
    assert deadline is not None
    for second in range(int(ARTIM)):
        assert walk.layer.receive(data[second : second + 1], float(second)) == []
        assert (walk.layer.state, walk.layer.deadline) == (state, deadline)
    assert walk.layer.receive(data[30:31], deadline) == []
    assert (walk.layer.state, walk.layer.deadline, drain(walk.layer.outbox)) == ("Sta1", None, ["close"])


STORMS: dict[str, bytes] = {
    "headers-of-no-type": bytes.fromhex("FF 00 00000000"),
    "zeros": bytes(6),
    "text": b"GET / HTTP/1.1\r\nHost: pacs\r\n\r\n",
    "requests": RQ.encode(),
    "aborts-too-long": bytes.fromhex("07 00 00000005 0000000000"),
}


@pytest.mark.parametrize("storm", STORMS.values(), ids=STORMS)
@pytest.mark.parametrize("state", LISTENING)
def test_a_storm_gets_a_handful_of_answers(state: str, storm: bytes) -> None:
    """After our A-ABORT a peer is answered a few times (AA-7), then only ARTIM and transport are heard."""
    for requestor in ends(state):
        walk = Walk(requestor).to(state)
        for second in range(20):
            walk.layer.receive(storm * 200, second / 10)
        aborts = drain(walk.layer.outbox)
        assert len(aborts) <= 8
        assert walk.layer.state == "Sta13"
        assert walk.layer.deadline is not None
        walk.layer.tick(walk.layer.deadline)
        assert (walk.layer.state, drain(walk.layer.outbox)) == ("Sta1", ["close"])


@settings(max_examples=60)
@given(pieces=st.lists(st.binary(max_size=60), max_size=20), state=st.sampled_from(table.STATES), data=st.data())
def test_no_bytes_make_it_raise(pieces: list[bytes], state: str, data: Any) -> None:
    walk = Walk(data.draw(st.sampled_from(ends(state)))).to(state)
    for piece in pieces:
        walk.layer.receive(piece, 1.0)
        assert (walk.layer.deadline is not None) == (walk.layer.state in table.ARTIM_STATES)
