"""Messages over an association: matched, bounded, never interleaved, and nothing left hanging (PS3.7 6, 9, 10, C)."""

import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from dialogue import (
    FIND,
    GET,
    POLICY,
    RQ,
    STORE,
    VERIFICATION,
    End,
    associated,
    pdus,
    pdvs,
    requestor,
    talking,
)
from dulcet.acse.association import Association, Timeouts
from dulcet.acse.events import Aborted, Initiator, Rejected, Released, ReleaseRequested
from dulcet.dimse import exchange, messages
from dulcet.dimse.exchange import (
    OPEN_LIMIT,
    PERFORMED_LIMIT,
    CancelRequested,
    Exchange,
    Request,
    Response,
    discard,
)
from dulcet.dimse.fragments import Memory, Reassembly, Sink
from dulcet.dimse.messages import Message
from dulcet.dimse.sending import ROOM
from dulcet.dul.errors import LocalProtocolError
from dulcet.dul.pdu import PDV, Abort, AssociateRJ, PDataTF, ReleaseRP, ReleaseRQ
from hypothesis import given, settings
from hypothesis import strategies as st
from walks import byte_by_byte, cut_at

ECHO_CONTEXT, FIND_CONTEXT, GET_CONTEXT, STORE_CONTEXT = 1, 3, 5, 7
LOCAL = Initiator.LOCAL_USER


def echo(message_id: int = 1) -> messages.C_ECHO_RQ:
    return messages.C_ECHO_RQ(message_id=message_id, affected_sop_class_uid=VERIFICATION)


def find(message_id: int = 1) -> messages.C_FIND_RQ:
    return messages.C_FIND_RQ(message_id=message_id, affected_sop_class_uid=FIND, priority=messages.MEDIUM)


def get(message_id: int = 1) -> messages.C_GET_RQ:
    return messages.C_GET_RQ(message_id=message_id, affected_sop_class_uid=GET, priority=messages.MEDIUM)


def store(message_id: int = 1) -> messages.C_STORE_RQ:
    return messages.C_STORE_RQ(
        message_id=message_id,
        affected_sop_class_uid=STORE,
        affected_sop_instance_uid="1.2.3",
        priority=messages.MEDIUM,
    )


def ended(end: End, events: list[Any], words: str = "", initiator: Initiator = LOCAL, state: str = "Sta6") -> None:
    """The last event is the end by A-ABORT of this end, the A-ABORT is out, and nothing dangles."""
    event = events[-1]
    assert isinstance(event, Aborted)
    assert (event.initiator, event.source, event.reason, event.state) == (initiator, 0, 0, state)
    assert words in event.cause
    assert end.said()[-1] == Abort(0, 0)
    over(end, event)


def over(end: End, ending: Any) -> None:
    """Nothing dangles, nothing more is told or said."""
    exchange = end.thing
    assert exchange.ending == ending
    assert not exchange.outstanding
    assert not exchange.performing
    assert not exchange.sending
    assert not exchange.may_invoke
    for verb in (
        lambda: exchange.request(ECHO_CONTEXT, echo(9), None, end.now),
        lambda: exchange.respond(ECHO_CONTEXT, echo(9).response(0), None, end.now),
        lambda: exchange.release(end.now),
    ):
        with pytest.raises(LocalProtocolError):
            verb()
    assert exchange.cancel(9, end.now) is None
    exchange.fill(end.now)
    assert end.do(exchange.abort(end.now)) == []
    assert end.hear(*pdus(echo(77)), ReleaseRQ()) == []
    assert end.names() == []
    if end.state == "Sta13":
        assert end.wait(30.0) == []  # ARTIM
        assert end.names() == ["close"]
    assert exchange.deadline is None


class Kept:
    """A sink that remembers what became of it."""

    def __init__(self) -> None:
        self.data = b""
        self.discarded = 0

    def write(self, data: bytes | memoryview) -> None:
        self.data += data

    def discard(self) -> None:
        self.discarded += 1


# ---- operations ----


def test_request_and_response() -> None:
    """PD-01, CMD-01."""
    dialogue = associated()
    ours, theirs = dialogue.requestor.thing, dialogue.acceptor.thing
    assert ours.agreement is not None
    assert ours.next_message_id() == 1
    ours.request(ECHO_CONTEXT, echo(1), None, 0.0)
    assert (list(ours.outstanding), ours.may_invoke) == ([1], False)
    dialogue.settle()
    (request,) = dialogue.acceptor.events
    assert request == Request(theirs.agreement.contexts[ECHO_CONTEXT], echo(1), None)
    assert list(theirs.performing) == [1]
    assert dialogue.acceptor.do(theirs.respond(ECHO_CONTEXT, request.message.response(0), None, 0.0)) == []
    dialogue.settle()
    assert dialogue.requestor.events == [
        Response(ours.agreement.contexts[ECHO_CONTEXT], echo(1).response(0), None, echo(1), True)
    ]
    assert dialogue.said == ["requestor: P-DATA-TF", "acceptor: P-DATA-TF"]
    assert not ours.outstanding
    assert not theirs.performing
    dialogue.requestor.do(ours.release(0.0))
    dialogue.settle()
    assert dialogue.kinds("requestor")[1:] == ["Released"]
    assert dialogue.kinds("acceptor")[1:] == ["ReleaseRequested", "Released"]


def test_many_responses_and_their_data_sets() -> None:
    """CMD-34: pending responses carry identifiers, the final one does not."""
    dialogue = associated()
    ours, theirs = dialogue.requestor.thing, dialogue.acceptor.thing
    ours.request(FIND_CONTEXT, find(5), b"asked ", 0.0)
    dialogue.settle()
    (request,) = dialogue.acceptor.events
    assert request.sink == b"asked "
    for status, identifier in ((0xFF00, b"one "), (0xFF01, b"another "), (0x0000, None)):
        theirs.respond(FIND_CONTEXT, request.message.response(status), identifier, 0.0)
    dialogue.settle()
    assert [(r.message.status, r.sink, r.final) for r in dialogue.requestor.events] == [
        (0xFF00, b"one ", False),
        (0xFF01, b"another ", False),
        (0x0000, None, True),
    ]
    assert all(event.request == find(5) for event in dialogue.requestor.events)


@pytest.mark.parametrize("message_id", [0, 65535])
def test_any_message_id(message_id: int) -> None:
    """CMD-02."""
    end = talking(requests=False)
    (request,) = end.hear(*pdus(echo(message_id)))
    end.do(end.thing.respond(ECHO_CONTEXT, request.message.response(0), None, 0.0))
    (said,) = end.bytes_out()
    assert said == pdus(echo(message_id).response(0))[0].encode()


def test_responses_in_another_order() -> None:
    """PS3.7 9.1.1.1.1: matched by Message ID."""
    end = talking(window=(3, 1))
    for message_id in (4, 5, 6):
        end.thing.request(ECHO_CONTEXT, echo(message_id), None, 0.0)
    events = end.hear(*(pdu for id_ in (6, 4, 5) for pdu in pdus(echo(id_).response(0))))
    assert [event.request.message_id for event in events] == [6, 4, 5]


def test_message_ids_are_not_used_twice_at_a_time() -> None:
    end = talking(window=(0, 1))
    assert [end.thing.next_message_id() for _ in range(3)] == [1, 2, 3]
    end.thing._last_id = 0xFFFE
    end.thing.request(ECHO_CONTEXT, echo(1), None, 0.0)
    assert [end.thing.next_message_id() for _ in range(2)] == [0xFFFF, 2]
    with pytest.raises(LocalProtocolError, match="Message ID 1 is in use"):
        end.thing.request(ECHO_CONTEXT, echo(1), None, 0.0)


# ---- responses a peer must not send ----

PENDING = find(1).response(0xFF00, dataset_follows=True)
WRONG_RESPONSES: dict[str, tuple[Message, list[tuple[Message, int]], str]] = {
    # our request, the responses with their contexts, words of the cause
    "CMD-22 none was asked for": (echo(1), [(echo(1).response(0), 1), (echo(1).response(0), 1)], "no request has"),
    "CMD-23 another Message ID": (echo(1), [(echo(2).response(0), 1)], "C-ECHO-RSP to Message ID 2"),
    "CMD-24 another command field": (echo(1), [(find(1).response(0), 1)], "C-FIND-RSP on context 1 to a C-ECHO-RQ"),
    "CMD-27 pending": (echo(1), [(echo(1).response(0xFF00), 1)], "pending status"),
    "CMD-28 another context": (find(1), [(find(1).response(0), 5)], "context 5 to a C-FIND-RQ on 3"),
    "CMD-29 two finals": (find(1), [(find(1).response(0), 3), (find(1).response(0), 3)], "no request has"),
    "pending after the final": (find(1), [(find(1).response(0xFE00), 3), (PENDING, 3)], "no request has"),
}


@pytest.mark.parametrize("case", WRONG_RESPONSES)
def test_wrong_responses(case: str) -> None:
    """Taken for a success by nobody: A-ABORT."""
    request, responses, words = WRONG_RESPONSES[case]
    end = talking()
    dataset = b"asked " if request.name == "C-FIND-RQ" else None
    end.thing.request(FIND_CONTEXT if dataset else ECHO_CONTEXT, request, dataset, 0.0)
    end.bytes_out()
    stream = [pdu for m, context in responses for pdu in pdus(m, b"xx" if m.dataset_follows else None, context)]
    events = end.hear(*stream)
    assert [type(event) for event in events[:-1]] == [Response] * (len(responses) - 1)
    ended(end, events, words)


def command(message: Message, **changes: Any) -> bytes:
    """A command set with elements changed, or, where None, left out: (0000,xxxx) by number, as bytes of the value."""
    whole, at, kept = message.encode(), 12, b""
    while at < len(whole):
        number, length = (
            int.from_bytes(whole[at + 2 : at + 4], "little"),
            int.from_bytes(whole[at + 4 : at + 8], "little"),
        )
        value = changes.get(f"x{number:04X}", whole[at + 8 : at + 8 + length])
        if value is not None:
            kept += whole[at : at + 4] + len(value).to_bytes(4, "little") + value
        at += 8 + length
    return whole[:8] + len(kept).to_bytes(4, "little") + kept


def sent(data: bytes, context_id: int = ECHO_CONTEXT, control: int = 3) -> PDataTF:
    return PDataTF((PDV(context_id, control, data),))


NOT_UNDERSTOOD: dict[str, tuple[list[PDataTF], str]] = {
    "PD-06 odd fragment": ([sent(b"odd", control=1)], "odd length"),
    "PD-14 context never proposed": ([sent(echo().encode(), 99)], "99, not accepted"),
    "PD-16 a message on two contexts": (
        [sent(echo().encode()[:8], 1, control=1), sent(echo().encode()[8:], 3)],
        "on context 3 in a message on context 1",
    ),
    "PD-20 data without a command": ([sent(b"data", control=2)], "without a complete command"),
    "PD-21 command in a data set": (
        [*pdus(store(), b"data", STORE_CONTEXT)[:1], sent(echo().encode(), STORE_CONTEXT)],
        "command fragment before the last",
    ),
    "PD-22 data nobody announced": ([*pdus(find().response(0), None, 3), sent(b"data", 3, control=2)], ""),
    "CMD-04 group length": ([sent(echo().encode()[:8] + bytes(4) + echo().encode()[12:])], "roup"),
    "CMD-12 element overruns": ([sent(echo().encode()[:-1] + b"")], ""),
    "CMD-13 no command field": ([sent(command(echo(), x0100=None))], "CommandField is missing"),
    "CMD-14 no Message ID": ([sent(command(echo(), x0110=None))], "MessageID is missing"),
    "CMD-15 no SOP class": ([sent(command(echo(), x0002=None))], "AffectedSOPClassUID is missing"),
    "CMD-16 no data set type": ([sent(command(echo(), x0800=None))], "CommandDataSetType"),
    "CMD-17 unknown command": ([sent(command(echo(), x0100=b"\x31\x00"))], "0031H"),
    "CMD-22 unsolicited": (pdus(echo().response(0)), "no request has"),
    "CMD-25 no status": ([sent(command(echo().response(0), x0900=None))], "Status is missing"),
    "ROB-17 an endless command": ([sent(bytes(60000), control=1), sent(bytes(60000), control=1)], "longer than"),
    "nothing, again and again": ([sent(b"", control=1)] * 65, "empty fragments"),
}


@pytest.mark.parametrize("case", NOT_UNDERSTOOD)
@pytest.mark.parametrize("requests", [True, False], ids=["requestor", "acceptor"])
def test_not_understood(case: str, requests: bool) -> None:
    stream, words = NOT_UNDERSTOOD[case]
    end = talking(requests)
    ended(end, end.hear(*stream), words)


def test_what_is_unusual_and_understood() -> None:
    """PD-02 to PD-05, PD-07, PD-08, PD-18, PD-19, CMD-07, CMD-08, CMD-20, CMD-40."""
    data = echo(3).encode()
    end = talking(requests=False)
    assert [e.message for e in end.hear(*pdus(echo(3), longest=8))] == [echo(3)]  # two bytes at a time
    end.thing.respond(ECHO_CONTEXT, echo(3).response(0), None, 0.0)
    for parts in (
        [PDV(1, 1, data[:20]), PDV(1, 3, data[20:])],
        [PDV(1, 1, b""), PDV(1, 0xFF, data)],
        [PDV(1, 3, command(echo(3), x0800=b"\x01\x01"))],
        [
            PDV(
                1,
                3,
                echo(3).encode()[:8]
                + (len(data) - 12 + 10).to_bytes(4, "little")
                + data[12:]
                + b"\0\0\x09\x10\2\0\0\0ab",
            )
        ],
    ):
        (request,) = end.hear(PDataTF(tuple(parts)))
        assert request.message == echo(3)
        end.thing.respond(ECHO_CONTEXT, echo(3).response(0), None, 0.0)
    (request,) = end.hear(PDataTF((*pdvs(store(8), b"", 7),)))
    assert request.sink == b""
    two = end.hear(PDataTF((*pdvs(echo(4)), *pdvs(echo(5)))))
    assert [each.message.message_id for each in two] == [4, 5]


# ---- windows ----


@pytest.mark.parametrize(("window", "most"), [((1, 1), 1), ((3, 1), 3), ((0, 1), 100), (None, 1)])
def test_our_requests_keep_the_window(window: tuple[int, int] | None, most: int) -> None:
    """EM-17: as many as agreed; 0 is unlimited, and one where nothing was negotiated (PS3.7 D.3.3.3)."""
    end = talking(window=window)
    for message_id in range(1, most + 1):
        assert end.thing.may_invoke
        end.thing.request(ECHO_CONTEXT, echo(message_id), None, 0.0)
    if window == (0, 1):
        return
    assert not end.thing.may_invoke
    end.bytes_out()
    with pytest.raises(LocalProtocolError, match="as many as agreed"):
        end.thing.request(ECHO_CONTEXT, echo(200), None, 0.0)
    assert end.names() == []
    end.hear(*pdus(echo(1).response(0)))
    assert end.thing.may_invoke


def test_the_acceptors_requests_keep_the_window() -> None:
    """What the requestor performs is what the acceptor may invoke."""
    end = talking(requests=False, window=(1, 2))
    end.thing.request(ECHO_CONTEXT, echo(1), None, 0.0)
    end.thing.request(ECHO_CONTEXT, echo(2), None, 0.0)
    assert not end.thing.may_invoke
    end.hear(*pdus(echo(2).response(0)), *pdus(echo(1).response(0)))
    assert end.thing.may_invoke


@pytest.mark.parametrize(
    ("requests", "window", "most"),
    [(False, None, PERFORMED_LIMIT), (False, (40, 1), 40), (True, (1, 20), 20), (True, None, PERFORMED_LIMIT)],
)
def test_the_peers_requests_keep_the_window(requests: bool, window: tuple[int, int] | None, most: int) -> None:
    """NEG-18: some more than agreed are borne, in the end it is too much."""
    end = talking(requests, window=window)
    events = end.hear(*(pdu for id_ in range(most) for pdu in pdus(echo(id_))))
    assert len(events) == most
    ended(end, end.hear(*pdus(echo(1000))), "too many operations")


def test_a_window_without_limit_has_none() -> None:
    end = talking(requests=False, window=(0, 1))
    assert len(end.hear(*(pdu for id_ in range(500) for pdu in pdus(echo(id_))))) == 500


@pytest.mark.parametrize(
    ("window", "agreed"), [(None, 1), ((1, 1), 1), ((3, 1), 3), ((20, 1), 20), ((0, 1), PERFORMED_LIMIT)]
)
def test_what_is_sent_ahead_of_our_responses_is_small(
    window: tuple[int, int] | None, agreed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the operations agreed may bring a whole data set; those beyond may not, where much is kept already."""
    monkeypatch.setattr(exchange, "AHEAD_LIMIT", 1000)
    small, large = talking(requests=False, window=window), talking(requests=False, window=window)
    for message_id in range(max(agreed, PERFORMED_LIMIT)):
        assert len(small.hear(*pdus(find(message_id), bytes(20), FIND_CONTEXT))) == 1
    for message_id in range(agreed):
        assert len(large.hear(*pdus(find(message_id), bytes(2000), FIND_CONTEXT))) == 1
    last = large.hear(*pdus(find(1000), bytes(2), FIND_CONTEXT))
    ended(large, last, "too many" if agreed == 20 else "more than 1000 bytes sent ahead of our responses")


def test_how_much_memory_a_peer_can_make_an_association_keep() -> None:
    """Two data sets of 16 MiB, one of them still coming, though 16 requests may be open."""
    end = talking(requests=False)
    commands = [pdus(find(message_id), bytes(2), FIND_CONTEXT)[0].encode() for message_id in range(PERFORMED_LIMIT)]
    data = [pdu.encode() for pdu in pdus(find(), bytes(16 << 20), FIND_CONTEXT, 131072)[1:]]
    tracemalloc.start()
    try:
        for pdu in (pdu for command in commands for pdu in (command, *data)):
            end.thing.receive(pdu, 0.0)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(end.thing.ending, Aborted)
    assert 32 << 20 < most < 40 << 20  # a bytearray that grows is an eighth larger than what is in it


@pytest.mark.parametrize(("window", "most"), [(None, PERFORMED_LIMIT), ((0, 1), OPEN_LIMIT)])
def test_a_peer_that_asks_and_never_reads_is_not_served_for_ever(window: tuple[int, int] | None, most: int) -> None:
    """ROB-05: responses that wait for room count as operations; pending ones of our own making do not. Where any
    number of operations was agreed, the responses that wait are still limited."""
    end = talking(requests=False, window=window)
    served = 0
    for message_id in range(2000):
        events = end.do(end.thing.receive(pdus(echo(message_id))[0].encode(), 0.0))
        if isinstance(events[-1], Aborted):
            break
        served += 1
        end.thing.respond(ECHO_CONTEXT, echo(message_id).response(0), None, 0.0)
    assert served == ROOM - 1 + most
    patient = talking(requests=False)
    patient.hear(*pdus(find(1), b"", FIND_CONTEXT))
    for _ in range(100):
        patient.thing.respond(FIND_CONTEXT, find(1).response(0xFF00), b"match ", 0.0)
    assert [type(event) for event in patient.hear(*pdus(echo(2)))] == [Request]
    assert len(patient.names()) == 200


# ---- duplicates and cancels ----


def test_duplicate_message_id() -> None:
    """CMD-38, PS3.7 C.5.9: 0210H, and the first operation goes on."""
    sinks: list[Kept] = []

    def keep(context: Any, message: Any) -> Sink:
        sinks.append(Kept())
        return sinks[-1]

    end = talking(requests=False, open_sink=keep)
    assert len(end.hear(*pdus(store(1), b"data", STORE_CONTEXT))) == 1
    assert end.hear(*pdus(store(1), b"other ", STORE_CONTEXT)) == []
    assert end.bytes_out() == [pdus(store(1).response(0x0210), None, STORE_CONTEXT)[0].encode()]
    assert [sink.discarded for sink in sinks] == [0, 1]
    assert list(end.thing.performing) == [1]
    end.thing.respond(STORE_CONTEXT, store(1).response(0), None, 0.0)
    assert [type(event) for event in end.hear(*pdus(store(1), b"data", STORE_CONTEXT))] == [Request]


def cancel(message_id: int) -> Message:
    return messages.C_CANCEL_RQ(message_id_being_responded_to=message_id)


def test_cancel_received() -> None:
    """CMD-30 to CMD-32: told while the operation is open, else ignored (PS3.7 9.3.2.3)."""
    end = talking(requests=False)
    assert end.hear(*pdus(cancel(4), None, FIND_CONTEXT)) == []
    end.hear(*pdus(find(4), b"", FIND_CONTEXT))
    assert end.hear(*pdus(cancel(4), None, FIND_CONTEXT)) == [CancelRequested(4)]
    end.thing.respond(FIND_CONTEXT, find(4).response(0xFE00), None, 0.0)
    assert end.hear(*pdus(cancel(4), None, FIND_CONTEXT)) == []
    assert [type(event) for event in end.hear(*pdus(echo(5)))] == [Request]


def test_cancel_sent() -> None:
    end = talking()
    end.thing.cancel(1, 0.0)
    end.thing.request(FIND_CONTEXT, find(1), b"keys", 0.0)
    end.bytes_out()
    end.thing.cancel(1, 0.0)
    assert end.bytes_out() == [pdus(cancel(1), None, FIND_CONTEXT)[0].encode()]
    (response,) = end.hear(*pdus(find(1).response(0xFE00), None, FIND_CONTEXT))
    assert response.final
    end.thing.cancel(1, 0.0)
    end.thing.request(ECHO_CONTEXT, echo(2), None, 0.0)
    end.bytes_out()
    with pytest.raises(LocalProtocolError, match="C-ECHO-RQ cannot be cancelled"):
        end.thing.cancel(2, 0.0)
    assert end.names() == []


# ---- mistakes of our own user ----


def test_mistakes_are_told_before_anything_changes() -> None:
    ours, theirs = talking(), talking(requests=False)
    theirs.hear(*pdus(find(7), b"", FIND_CONTEXT), *pdus(echo(8)))
    mistakes: list[tuple[Callable[[], Any], str]] = [
        (lambda: ours.thing.request(99, echo(), None, 0.0), "context 99 was not accepted"),
        (lambda: ours.thing.request(1, echo().response(0), None, 0.0), "invokes nothing"),
        (lambda: ours.thing.request(1, cancel(1), None, 0.0), "invokes nothing"),
        (lambda: ours.thing.request(1, echo(), b"data", 0.0), "data set"),
        (lambda: ours.thing.respond(1, echo().response(0), None, 0.0), "waits for"),
        (lambda: theirs.thing.respond(1, echo(), None, 0.0), "responds to nothing"),
        (lambda: theirs.thing.respond(1, find(7).response(0), None, 0.0), "no request on context 1 waits for"),
        (lambda: theirs.thing.respond(1, find(8).response(0), None, 0.0), "no request on context 1 waits for"),
        (lambda: theirs.thing.respond(1, echo(8).response(0xFF00), None, 0.0), "no pending status"),
        (lambda: theirs.thing.release(0.0), "only the association-requestor"),
        (lambda: talking(maximum_send_length=7), "maximum_send_length=7: "),
        (lambda: talking(dimse_seconds=0), "dimse_seconds=0: seconds expected, above 0 .*, or None for ever"),
        (lambda: Exchange(Association(POLICY)).request(1, echo(), None, 0.0), "no association"),
        (lambda: Exchange(Association(requestor=True)).release(0.0), "Sta1"),
    ]
    for mistake, words in mistakes:
        with pytest.raises(LocalProtocolError, match=words):
            mistake()
    assert (ours.names(), theirs.names()) == ([], [])
    assert ours.thing.outstanding == {}
    assert list(theirs.thing.performing) == [7, 8]
    assert not Exchange(Association(POLICY)).may_invoke


# ---- lengths and large data sets ----


@pytest.mark.parametrize(
    ("theirs", "ours", "longest"), [(8, 0, 8), (9, 0, 8), (0, 100, 100), (64, 30, 30), (30, 64, 30)]
)
def test_maximum_length_is_kept(theirs: int, ours: int, longest: int) -> None:
    """PD-26, AC-18, PS3.8 D.1: the limit is one of the PDU-length; fragments are even."""
    end = talking(longest=theirs, maximum_send_length=ours)
    data = bytes(range(256)) * 2
    end.thing.request(STORE_CONTEXT, store(), data, 0.0)
    lengths, reassembly, done = [], Reassembly(), None
    for pdu in end.said():
        assert isinstance(pdu, PDataTF)
        lengths.append(len(pdu.encode()) - 6)
        for pdv in pdu.pdvs:
            done = reassembly.take(pdv)
    assert max(lengths) == longest
    assert done is not None
    assert done.message == store()
    assert isinstance(done.sink, Memory)
    assert done.sink.getvalue() == data


def test_no_maximum_length() -> None:
    """PD-27."""
    end = talking(longest=0)
    end.thing.request(STORE_CONTEXT, store(), bytes(1 << 20), 0.0)
    assert len(end.names()) == 1 + 8


@pytest.mark.parametrize("longest", range(1, 8))
def test_a_peer_that_can_take_nothing(longest: int) -> None:
    """AC-19: no endless loop. We cannot ask; asked, we cannot answer."""
    end = talking(longest=longest)
    with pytest.raises(LocalProtocolError, match="no room for a fragment"):
        end.thing.request(ECHO_CONTEXT, echo(), None, 0.0)
    assert not end.thing.outstanding
    assert end.names() == []
    sink = Kept()
    asked = talking(requests=False, longest=longest, open_sink=lambda context, message: sink)
    ended(asked, asked.hear(*pdus(store(), b"data", STORE_CONTEXT)), "no response fits")
    assert sink.discarded == 1


def source(pieces: int, taken: list[int]) -> Iterator[bytes]:
    for at in range(pieces):
        taken.append(at)
        yield bytes([at % 256]) * 5000


def test_a_large_data_set_goes_out_as_there_is_room() -> None:
    """The source is asked when there is room; the outbox never holds more than it may."""
    end = talking(longest=5006)
    taken: list[int] = []
    end.thing.request(STORE_CONTEXT, store(), source(1000, taken), 0.0)
    total = 0
    while end.thing.outbox:
        assert len(end.thing.outbox) <= ROOM
        assert len(taken) <= total + ROOM
        total += sum(1 for item in list(end.thing.outbox) if len(item) == 5000)
        end.thing.outbox.clear()
        end.thing.fill(0.0)
    assert (len(taken), total) == (1000, 1000)
    assert not end.thing.sending


def test_messages_never_interleave() -> None:
    """PS3.8 Annex E: what is said while a message goes out waits for its end."""
    end = talking(window=(0, 1), longest=1000)
    end.thing.request(STORE_CONTEXT, store(1), bytes(100_000), 0.0)
    end.thing.request(FIND_CONTEXT, find(2), b"asked ", 0.0)
    end.thing.cancel(2, 0.0)
    end.hear(*pdus(echo(3)))
    end.thing.respond(ECHO_CONTEXT, echo(3).response(0), None, 0.0)
    assert end.thing.sending
    reassembly, said = Reassembly(), []
    for pdu in end.said():
        assert isinstance(pdu, PDataTF)
        done = reassembly.take(pdu.pdvs[0])
        if done is not None:
            said.append((type(done).__name__, done.message.name))
    assert said == [
        ("Command", "C-STORE-RQ"),
        ("Completed", "C-STORE-RQ"),
        ("Command", "C-FIND-RQ"),
        ("Completed", "C-FIND-RQ"),
        ("Completed", "C-CANCEL-RQ"),
        ("Completed", "C-ECHO-RSP"),
    ]


def test_a_final_response_before_the_request_is_out() -> None:
    """PD-28, PS3.7 9.1.1.2: the rest of the message still goes out, then another may."""
    end = talking(longest=1000)
    end.thing.request(STORE_CONTEXT, store(1), bytes(100_000), 0.0)
    (response,) = end.hear(*pdus(store(1).response(0xA700), None, STORE_CONTEXT))
    assert response.final
    assert end.thing.sending
    with pytest.raises(LocalProtocolError, match="still being sent"):
        end.thing.release(0.0)
    end.thing.request(ECHO_CONTEXT, echo(2), None, 0.0)
    said = end.said()
    assert said[-1] == pdus(echo(2))[0]
    assert end.thing.deadline is not None


def broken() -> Iterator[bytes]:
    yield bytes(1000)
    raise OSError("the disk is gone")


@pytest.mark.parametrize("early", [True, False])
def test_a_data_set_that_cannot_be_read(early: bool) -> None:
    """Half a message has gone: nothing but an A-ABORT can follow it, and the next input tells of it."""
    end = talking(longest=1000 if early else 20)
    end.thing.request(STORE_CONTEXT, store(1), broken(), 0.0)
    said = end.names()
    assert said[-1] == "A-ABORT"
    assert end.thing.deadline == 0.0
    (event,) = end.wait(0.0)
    assert event == Aborted(LOCAL, 0, 0, "a data set could not be read: OSError: the disk is gone", "Sta6")
    over(end, event)


# ---- sinks ----


def test_a_data_set_flows_into_its_sink() -> None:
    kept: list[tuple[int, str, Kept]] = []

    def keep(context: Any, message: Any) -> Sink:
        kept.append((context.id, message.name, Kept()))
        return kept[-1][2]

    end = talking(requests=False, open_sink=keep)
    first, *rest = pdus(store(), b"abcdef", STORE_CONTEXT, longest=8)[-3:]
    commands = pdus(store(), b"abcdef", STORE_CONTEXT, longest=8)[:-3]
    assert end.hear(*commands) == []
    ((context_id, name, sink),) = kept
    assert (context_id, name, sink.data) == (STORE_CONTEXT, "C-STORE-RQ", b"")
    assert end.hear(first) == []
    assert sink.data == b"ab"
    (request,) = end.hear(*rest)
    assert request.sink is sink
    assert (sink.data, sink.discarded) == (b"abcdef", 0)
    end.lose()
    assert sink.discarded == 0  # it is the user's now


def test_data_sets_of_responses_are_kept_in_memory() -> None:
    end = talking(open_sink=lambda context, message: pytest.fail("nobody asks where a response goes"))
    end.thing.request(FIND_CONTEXT, find(1), b"keys", 0.0)
    (response,) = end.hear(*pdus(PENDING, b"match ", FIND_CONTEXT))
    assert response.sink == b"match "


ENDINGS: dict[str, Callable[[End], list[Any]]] = {
    "AB-01 A-ABORT": lambda end: end.hear(Abort(0, 0)),
    "garbage": lambda end: end.hear(bytes.fromhex("08 00 00000002 0102")),
    "connection lost": lambda end: end.lose(),
    "abort": lambda end: end.do(end.thing.abort(end.now)),
    "RL-07 A-RELEASE-RQ": lambda end: end.hear(ReleaseRQ()),
    "a broken message": lambda end: end.hear(sent(b"", 3, control=2)),
    "idle": lambda end: end.wait(300.0),
}


@pytest.mark.parametrize("case", ENDINGS)
def test_an_unfinished_data_set_is_discarded(case: str) -> None:
    """Whatever ends the association in mid-message: nothing is stored, the sink hears of it once."""
    sink = Kept()
    end = talking(requests=False, open_sink=lambda context, message: sink)
    end.hear(*pdus(store(), b"abcdef", STORE_CONTEXT, longest=8)[:-1])
    assert sink.data == b"abcd"
    events = ENDINGS[case](end)
    assert type(events[-1]) is (Released if "RELEASE" in case else Aborted)
    assert sink.discarded == 1
    end.lose()
    assert sink.discarded == 1


class Full:
    def write(self, data: bytes | memoryview) -> None:
        raise OSError("no space")


def refuse(context: Any, message: Any) -> Sink:
    raise KeyError("who?")


@pytest.mark.parametrize(("open_sink", "words"), [(lambda c, m: Full(), "OSError: no space"), (refuse, "KeyError")])
def test_a_sink_that_fails_ends_the_association(open_sink: Any, words: str) -> None:
    """A peer cannot make us raise, and neither can the application by its sinks."""
    end = talking(requests=False, open_sink=open_sink)
    ended(end, end.hear(*pdus(store(), b"data", STORE_CONTEXT)), words)


def test_discard_is_for_those_who_want_it() -> None:
    discard(None)
    discard(Memory())
    sink = Kept()
    discard(sink)
    assert sink.discarded == 1


# ---- release ----


def test_echo_echo_release_in_one_segment() -> None:
    """P-07: RSP, RSP, RP in order."""
    end = talking(requests=False)
    one, two, requested = end.hear(*pdus(echo(1)), *pdus(echo(2)), ReleaseRQ())
    assert requested == ReleaseRequested(False)
    assert end.do(end.thing.respond(1, one.message.response(0), None, 0.0)) == []
    assert end.do(end.thing.respond(1, two.message.response(0), None, 0.0)) == [Released()]
    assert end.names() == ["P-DATA-TF", "P-DATA-TF", "A-RELEASE-RP"]
    over(end, Released())


def test_release_while_responses_are_owed() -> None:
    """RL-06, PS3.8 7.2.2, AR-7: more P-DATA, then RP; asked in that state, nobody would answer."""
    end = talking(requests=False)
    end.hear(*pdus(find(1), b"", FIND_CONTEXT))
    assert end.hear(ReleaseRQ()) == [ReleaseRequested(False)]
    assert end.wait(1000.0) == []
    end.thing.respond(FIND_CONTEXT, find(1).response(0xFF00), b"match ", end.now)
    with pytest.raises(LocalProtocolError, match="asked for release"):
        end.thing.request(ECHO_CONTEXT, echo(9), None, end.now)
    assert not end.thing.may_invoke
    assert end.do(end.thing.respond(FIND_CONTEXT, find(1).response(0), None, end.now)) == [Released()]
    assert end.names() == ["P-DATA-TF", "P-DATA-TF", "P-DATA-TF", "A-RELEASE-RP"]
    over(end, Released())


def test_release_while_a_response_still_goes_out() -> None:
    """The answer to A-RELEASE-RQ follows the last fragment by itself; the next input tells of it."""
    end = talking(requests=False, longest=1000)
    end.hear(*pdus(get(1), b"", GET_CONTEXT))
    end.hear(ReleaseRQ())
    assert end.do(end.thing.respond(GET_CONTEXT, get(1).response(0xB000), bytes(100_000), 0.0)) == []
    assert end.thing.sending
    names = end.names()
    assert len(names) > 100
    assert set(names[:-1]) == {"P-DATA-TF"}
    assert names[-1] == "A-RELEASE-RP"
    assert end.state == "Sta13"
    assert end.thing.deadline == 0.0
    assert end.wait(0.0) == [Released()]
    over(end, Released())


def test_release_by_the_peer_while_we_wait_for_it() -> None:
    """It can say nothing more, so there is nothing to wait for."""
    end = talking()
    end.thing.request(ECHO_CONTEXT, echo(1), None, 0.0)
    end.bytes_out()
    assert end.hear(ReleaseRQ()) == [ReleaseRequested(False), Released()]
    assert end.names() == ["A-RELEASE-RP"]
    over(end, Released())


def test_responses_on_their_way_when_we_ask_for_release() -> None:
    """RL-15, AR-6; the floor below lets a user ask who does not wait (PS3.8 7.2.2.1)."""
    end = talking()
    end.thing.request(ECHO_CONTEXT, echo(1), None, 0.0)
    end.do(end.thing.association.release(0.0))
    end.bytes_out()
    (response, released) = end.hear(*pdus(echo(1).response(0)), ReleaseRP())
    assert response.final
    assert released == Released()
    assert end.names() == ["close"]
    over(end, Released())


def test_a_response_too_many_when_we_asked_for_release() -> None:
    """RL-15: consumed, whether the release is answered in the same piece or later; the end is in order."""
    for together in (True, False):
        end = talking()
        end.thing.request(ECHO_CONTEXT, echo(1), None, 0.0)
        assert len(end.hear(*pdus(echo(1).response(0)))) == 1
        end.do(end.thing.release(0.0))
        end.bytes_out()
        if together:
            assert end.hear(*pdus(echo(1).response(0)), ReleaseRP()) == [Released()]
        else:
            assert end.hear(*pdus(echo(1).response(0))) == []
            assert end.hear(ReleaseRP()) == [Released()]
        assert end.names() == ["close"]
        over(end, Released())


@pytest.mark.parametrize("requests", [True, False])
def test_requests_on_their_way_when_we_ask_for_release(requests: bool) -> None:
    """Sta7: they are told, none can be answered, not even a duplicate; in a collision they hold nothing up."""
    end = talking(requests)
    end.do(end.thing.association.release(0.0))
    end.bytes_out()
    (request,) = end.hear(*pdus(echo(1)), *pdus(echo(1)))
    with pytest.raises(LocalProtocolError, match="Sta7"):
        end.thing.respond(1, request.message.response(0), None, 0.0)
    if requests:
        assert end.hear(ReleaseRQ()) == [ReleaseRequested(True)]
        assert end.names() == ["A-RELEASE-RP"]
        assert end.hear(ReleaseRP()) == [Released()]
    else:
        assert end.hear(ReleaseRQ()) == [ReleaseRequested(True)]
        assert end.names() == []
        assert end.hear(ReleaseRP()) == [Released()]
        assert end.names() == ["A-RELEASE-RP"]
    end.bytes_out()
    over(end, Released())


def test_who_may_ask_for_release_and_when() -> None:
    """PS3.7 A.5: the association-requestor, once all that it invoked is confirmed and all that it owes is said."""
    dialogue = associated()
    ours, theirs = dialogue.requestor.thing, dialogue.acceptor.thing
    ours.request(ECHO_CONTEXT, echo(1), None, 0.0)
    dialogue.settle()
    with pytest.raises(LocalProtocolError, match=r"1 operations invoked are not confirmed \(PS3.7 A.5\)"):
        ours.release(0.0)
    theirs.respond(ECHO_CONTEXT, echo(1).response(0), None, 0.0)
    dialogue.settle()
    with pytest.raises(LocalProtocolError, match=r"only the association-requestor .* \(PS3.7 A.5\)"):
        theirs.release(0.0)
    dialogue.requestor.hear(*pdus(echo(5)))
    with pytest.raises(LocalProtocolError, match="the peer waits for a response"):
        ours.release(0.0)
    ours.respond(ECHO_CONTEXT, echo(5).response(0), None, 0.0)
    assert dialogue.requestor.do(ours.release(0.0)) == []
    assert dialogue.requestor.state == "Sta7"


def test_a_data_set_without_elements_is_none() -> None:
    """PS3.8 E.1: no PDV consists of a message control header only. So a message that may go without a data set says
    that none follows (PS3.7 Table 9.3-4), and one that must have it (Table 9.3-3) cannot be sent."""
    end = talking(requests=False)
    end.hear(*pdus(find(1), b"", FIND_CONTEXT))
    end.thing.respond(FIND_CONTEXT, find(1).response(0xFF00, dataset_follows=True), b"", 0.0)
    assert end.said() == pdus(find(1).response(0xFF00), None, FIND_CONTEXT)
    end = talking()
    for data in (b"", memoryview(b""), bytearray()):
        with pytest.raises(LocalProtocolError, match="without any bytes"):
            end.thing.request(FIND_CONTEXT, find(1), data, 0.0)
    assert (end.names(), end.thing.outstanding) == ([], {})
    end.thing.request(FIND_CONTEXT, find(1), iter(()), 0.0)
    (aborted,) = end.wait(0.0)
    assert "without any bytes" in aborted.cause


def test_release_collision() -> None:
    dialogue = associated()
    for end in (dialogue.requestor, dialogue.acceptor):
        end.do(end.thing.association.release(0.0))
    dialogue.settle(3)
    assert dialogue.requestor.events == [ReleaseRequested(True), Released()]
    assert dialogue.acceptor.events == [ReleaseRequested(True), Released()]
    assert (dialogue.requestor.state, dialogue.acceptor.state) == ("Sta1", "Sta1")


def test_a_broken_message_in_sta7() -> None:
    end = talking()
    end.do(end.thing.release(0.0))
    ended(end, end.hear(sent(b"data", control=2)), "without a complete command", state="Sta7")


# ---- one end, told once ----


def test_nothing_is_told_behind_our_own_abort() -> None:
    """A broken message, A-RELEASE-RQ behind it: the association is aborted, not released."""
    end = talking(requests=False)
    events = end.hear(*pdus(echo(1)), sent(b"data", control=2), *pdus(echo(2)), ReleaseRQ())
    assert [type(event) for event in events] == [Request, Aborted]
    ended(end, events, "without a complete command", state="Sta8")


@pytest.mark.parametrize(
    ("after", "who"),
    [
        ([Abort(0, 0)], Initiator.PEER_USER),
        ([bytes.fromhex("08 00 00000000")], Initiator.LOCAL_PROVIDER),
        ([bytes.fromhex("08 00 00000000"), Abort(0, 0)], Initiator.LOCAL_PROVIDER),
    ],
)
def test_a_broken_message_on_a_dead_association(after: list[Any], who: Initiator) -> None:
    """The end came in the same piece: it is the end that is told, once, and no A-ABORT follows a closed connection."""
    end = talking(requests=False)
    events = end.hear(*pdus(echo(1)), *pdus(echo(1)), sent(b"data", control=2), *pdus(echo(2)), *after)
    assert [type(event) for event in events] == [Request, Aborted]
    assert events[-1].initiator is who
    end.bytes_out()
    over(end, events[-1])


def test_rejected() -> None:
    end = End(Exchange(Association(requestor=True)))
    end.do(end.thing.associate(RQ, 0.0))
    end.do(end.thing.connected(0.0))
    end.bytes_out()
    (event,) = end.hear(AssociateRJ(1, 1, 7))
    assert isinstance(event, Rejected)
    end.bytes_out()
    over(end, event)


def test_connection_refused() -> None:
    end = End(Exchange(Association(requestor=True)))
    end.do(end.thing.associate(RQ, 0.0))
    end.bytes_out()
    (event,) = end.lose()
    assert (event.initiator, event.state) == (Initiator.CONNECTION, "Sta4")
    over(end, event)


def test_aborted_by_our_user() -> None:
    end = talking()
    end.thing.request(ECHO_CONTEXT, echo(1), None, 0.0)
    end.bytes_out()
    ended(end, end.do(end.thing.abort(0.0, "enough")), "enough")


def test_data_before_an_acceptance_are_no_business_of_this_floor() -> None:
    end = requestor("Sta5")
    (event,) = end.hear(*pdus(echo(1)))
    assert (event.initiator, event.reason) == (Initiator.LOCAL_PROVIDER, 2)


# ---- time ----


def test_a_response_is_waited_for() -> None:
    """From the last fragment of the request, absolutely: a drip does not extend it."""
    end = talking(dimse_seconds=10.0, timeouts=Timeouts(idle=None))
    assert end.thing.deadline is None
    end.now = 5.0
    end.thing.request(ECHO_CONTEXT, echo(1), None, 5.0)
    end.bytes_out()
    assert end.thing.deadline == 15.0
    response = pdus(echo(1).response(0))[0].encode()
    for byte in response[:9]:
        end.now += 1.0
        assert end.hear(bytes([byte])) == []
    end.now = 15.0
    events = end.hear(response[9:])
    ended(end, events, "waited 10 s for a response to C-ECHO-RQ 1", Initiator.TIMEOUT)


def test_a_response_in_many_fragments_is_still_late() -> None:
    end = talking(dimse_seconds=10.0)
    end.thing.request(ECHO_CONTEXT, echo(1), None, 0.0)
    end.bytes_out()
    for pdu in pdus(echo(1).response(0), longest=8)[:5]:
        end.now += 1.9
        assert end.hear(pdu) == []
    ended(end, end.wait(0.5), "C-ECHO-RQ 1", Initiator.TIMEOUT)


def test_nothing_is_waited_for_while_the_request_still_goes_out() -> None:
    end = talking(dimse_seconds=10.0, longest=1000, timeouts=Timeouts(idle=None))
    end.thing.request(STORE_CONTEXT, store(1), bytes(100_000), 0.0)
    assert end.thing.deadline is None
    assert end.wait(50.0) == []
    end.bytes_out()
    assert end.thing.deadline == 60.0
    assert end.wait(9.9) == []
    ended(end, end.wait(0.1), "C-STORE-RQ 1", Initiator.TIMEOUT)


def test_pending_responses_extend_the_wait() -> None:
    end = talking(dimse_seconds=10.0)
    end.thing.request(FIND_CONTEXT, find(1), b"keys", 0.0)
    end.bytes_out()
    end.now = 9.0
    end.hear(*pdus(PENDING, b"match ", FIND_CONTEXT))
    assert end.thing.deadline == 19.0
    end.hear(*pdus(find(1).response(0), None, FIND_CONTEXT))
    assert end.thing.deadline == 309.0  # idle
    assert not end.thing.association.busy


def test_sub_operations_extend_the_wait() -> None:
    """C-GET: pending responses are optional (PS3.7 9.1.3.1), C-STORE-RQs and their data are progress, too."""
    end = talking(dimse_seconds=10.0, timeouts=Timeouts(idle=None))
    end.thing.request(GET_CONTEXT, get(1), b"keys", 0.0)
    end.bytes_out()
    command_pdu = pdus(store(1), bytes(8), STORE_CONTEXT)[0]
    end.now = 6.0
    end.hear(command_pdu)
    assert end.thing.deadline == 16.0  # the data set is announced
    end.now = 12.0
    end.hear(PDataTF((PDV(STORE_CONTEXT, 0, bytes(4)),)))
    assert end.thing.deadline == 22.0
    end.now = 20.0
    end.hear(PDataTF((PDV(STORE_CONTEXT, 2, bytes(4)),)))
    assert end.thing.deadline == 30.0
    end.thing.respond(STORE_CONTEXT, store(1).response(0), None, 20.0)
    ended(end, end.wait(10.0), "C-GET-RQ 1", Initiator.TIMEOUT)


def test_a_request_that_still_goes_out_is_not_waited_for_sooner() -> None:
    end = talking(dimse_seconds=10.0, longest=1000, window=(0, 1), timeouts=Timeouts(idle=None))
    end.thing.request(FIND_CONTEXT, find(1), b"keys", 0.0)
    end.thing.request(STORE_CONTEXT, store(2), bytes(100_000), 0.0)
    end.now = 5.0
    end.hear(*pdus(echo(1)))  # the peer is at work
    assert end.thing.deadline == 15.0
    end.hear(*pdus(PENDING, b"", FIND_CONTEXT))
    assert [operation.deadline for operation in end.thing.outstanding.values()] == [15.0, None]


def test_pending_response_to_a_request_that_still_goes_out() -> None:
    end = talking(dimse_seconds=10.0, longest=1000)
    end.thing.request(FIND_CONTEXT, find(1), bytes(100_000), 0.0)
    (response,) = end.hear(*pdus(PENDING, b"", FIND_CONTEXT))
    assert not response.final
    assert [operation.deadline for operation in end.thing.outstanding.values()] == [None]


def test_no_patience_set_is_patience_without_end() -> None:
    end = talking(dimse_seconds=None, timeouts=Timeouts(idle=5.0))
    end.thing.request(FIND_CONTEXT, find(1), b"keys", 0.0)
    end.bytes_out()
    assert end.wait(1e6) == []
    assert [type(event) for event in end.hear(*pdus(PENDING, b"", FIND_CONTEXT))] == [Response]


def test_an_association_with_operations_is_not_idle() -> None:
    """However long one takes; when the last has ended, idleness begins anew."""
    end = talking(requests=False, timeouts=Timeouts(idle=4.0))
    end.hear(*pdus(echo(1)), *pdus(echo(2)))
    assert end.wait(399.0) == []
    end.thing.respond(1, echo(1).response(0), None, end.now)
    assert end.wait(399.0) == []
    end.thing.respond(1, echo(2).response(0), None, end.now)
    assert end.wait(3.9) == []
    ended(end, end.wait(0.1), "waited 4 s for a message", Initiator.TIMEOUT)


def test_release_is_waited_for_and_operations_too() -> None:
    end = talking(dimse_seconds=10.0, timeouts=Timeouts(acse=3.0))
    end.thing.request(ECHO_CONTEXT, echo(1), None, 0.0)
    end.do(end.thing.association.release(0.0))
    end.bytes_out()
    assert end.thing.deadline == 3.0
    ended(end, end.wait(3.0), "waited 3 s for A-RELEASE-RP", Initiator.TIMEOUT, state="Sta7")


# ---- in any pieces ----

STREAMS: dict[str, list[Any]] = {
    "requests": [*pdus(echo(1)), *pdus(store(2), b"abcdef", 7, longest=20), *pdus(cancel(3), None, 3), ReleaseRQ()],
    "duplicates": [*pdus(find(1), b"ab", 3), *pdus(find(1), b"cd", 3), *pdus(cancel(1), None, 3), ReleaseRQ()],
    "broken": [*pdus(echo(1)), *pdus(store(2), b"abcdef", 7)[:1], sent(b"ab", 3, control=2), *pdus(echo(4))],
    "garbage": [PDataTF((*pdvs(echo(1)), *pdvs(echo(2)))), bytes.fromhex("08 00 00000002 0102"), *pdus(echo(3))],
    "unsolicited": [*pdus(echo(1)), *pdus(echo(1).response(0)), *pdus(echo(2)), Abort(2, 6)],
}


def play(stream: list[Any], pieces: Any) -> tuple[list[Any], list[Any], str]:
    """What is told and said, by an acceptor that answers at once or not at all."""
    sinks: list[Kept] = []

    def keep(context: Any, message: Any) -> Sink:
        sinks.append(Kept())
        return sinks[-1]

    end = talking(requests=False, open_sink=keep)
    end.pieces = pieces
    end.hear(*stream)
    events = [
        event._replace(sink=event.sink and event.sink.data)
        if isinstance(event, Request)
        else (event.initiator, event.cause)
        if isinstance(event, Aborted)
        else event
        for event in end.events
    ]
    return events, end.bytes_out(), [sink.discarded for sink in sinks]  # type: ignore[return-value]  # sinks of this module


@pytest.mark.parametrize("case", ["requests", "duplicates", "garbage"])
@settings(max_examples=60)
@given(cuts=st.lists(st.integers(1, 700), max_size=10))
def test_any_split(case: str, cuts: list[int]) -> None:
    """Same events, same bytes, whatever the pieces."""
    expected = play(STREAMS[case], lambda data: [data])
    assert play(STREAMS[case], cut_at(cuts)) == expected
    assert play(STREAMS[case], byte_by_byte) == expected


@pytest.mark.parametrize("case", ["broken", "unsolicited"])
@settings(max_examples=60)
@given(cuts=st.lists(st.integers(1, 700), max_size=10))
def test_any_split_of_what_cannot_be_understood(case: str, cuts: list[int]) -> None:
    """The same up to the end. How it ends is a race where the peer's own A-ABORT is behind the fault."""
    *expected, _ = play(STREAMS[case], lambda data: [data])[0]
    for pieces in (cut_at(cuts), byte_by_byte):
        *events, (initiator, _cause) = play(STREAMS[case], pieces)[0]
        assert events == expected
        assert initiator in (LOCAL, Initiator.PEER_PROVIDER)


@settings(max_examples=40)
@given(
    sizes=st.lists(st.integers(2, 1500), min_size=1, max_size=6),
    longest=st.sampled_from([8, 9, 64, 1000, 0]),
    piece=st.integers(1, 5000),
)
def test_any_data_sets_through_any_lengths(sizes: list[int], longest: int, piece: int) -> None:
    """Both ways at once, stores one way and their responses the other: everything arrives whole and in order."""
    dialogue = associated(maximum_send_length=longest)
    ours, theirs = dialogue.requestor.thing, dialogue.acceptor.thing
    for number, size in enumerate(sizes, 1):
        data = bytes([number]) * (size & ~1)
        ours.request(STORE_CONTEXT, store(number), (data[at : at + 700] for at in range(0, len(data), 700)), 0.0)
        dialogue.settle(piece)
        request = dialogue.acceptor.events[-1]
        assert request.sink == data
        theirs.respond(STORE_CONTEXT, request.message.response(0), None, 0.0)
        dialogue.settle(piece)
        response = dialogue.requestor.events[-1]
        assert (response.request.message_id, response.final) == (number, True)
    assert len(dialogue.acceptor.events) == len(dialogue.requestor.events) == len(sizes)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from([1, 3, 7, 9]), st.integers(0, 255), st.binary(max_size=60)), max_size=8))
def test_no_fragments_can_make_us_raise(values: list[tuple[int, int, bytes]]) -> None:
    for requests in (True, False):
        end = talking(requests)
        end.thing.request(ECHO_CONTEXT, echo(1), None, 0.0)
        end.hear(*(PDataTF((PDV(*value),)) for value in values))
        assert end.state in ("Sta6", "Sta13")
        assert (end.state == "Sta13") == (end.thing.ending is not None)


def test_nothing_of_a_run_is_heard_after_it_ended_the_association() -> None:
    """A duplicate's refusal pushes the queue, whose data set fails: the request behind it in the PDU is lost too."""

    def failing() -> Iterator[bytes]:
        yield from [bytes(131_072)] * (ROOM // 2 + 4)
        raise RuntimeError("disk")

    exchange = Exchange(Association(POLICY))
    exchange.offered(0.0)
    exchange.receive(RQ.encode(), 0.0)
    exchange.outbox.clear()
    for part in pdus(find(1), b"", FIND_CONTEXT):
        exchange.receive(part.encode(), 0.0)
    pending = exchange.performing[1].message.response(0xFF00, dataset_follows=True)
    exchange.respond(FIND_CONTEXT, pending, failing(), 0.0)
    exchange.outbox.clear()
    run = (*pdvs(echo(1), None, ECHO_CONTEXT), *pdvs(echo(2), None, ECHO_CONTEXT))
    events = exchange.receive(PDataTF(run).encode(), 0.0)
    assert isinstance(exchange.ending, Aborted)
    assert not any(isinstance(event, Request) for event in events)
    assert not exchange.performing
