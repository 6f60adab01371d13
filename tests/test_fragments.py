"""Messages into fragments and back (PS3.7 6.3, PS3.8 Annex E and D.1)."""

import mmap
from collections.abc import Iterator
from typing import Any

import pytest
from dulcet.dimse import command_set, messages
from dulcet.dimse import strategies as ours
from dulcet.dimse.errors import CommandSetError
from dulcet.dimse.fragments import Command, Completed, FragmentError, Memory, Reassembly, fragment
from dulcet.dimse.messages import MEDIUM, Message
from dulcet.dul.errors import LocalProtocolError
from dulcet.dul.pdu import PDV
from hypothesis import given
from hypothesis import strategies as st

ECHO = messages.C_ECHO_RQ(affected_sop_class_uid="1.2.840.10008.1.1", message_id=1)
STORE = messages.C_STORE_RQ(
    affected_sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
    message_id=2,
    priority=MEDIUM,
    affected_sop_instance_uid="1.2.3",
)
COMMAND, DATA, LAST = 1, 0, 2
"""The bits of the message control header, PS3.8 E.2."""


def pieces(pdvs: list[PDV]) -> list[tuple[int, int, bytes]]:
    return [(context_id, control, bytes(data)) for context_id, control, data in pdvs]


def take_all(pdvs: list[PDV], sink: Any = None) -> list[Command | Completed]:
    """Everything that happens while a peer's fragments are taken."""
    reassembly, happened = Reassembly(), []
    for pdv in pdvs:
        event = reassembly.take(pdv)
        if event:
            happened.append(event)
        if isinstance(event, Command) and sink is not None:
            reassembly.open(sink)
    return happened


# ---- into fragments ----


def test_a_command_alone() -> None:
    assert pieces(list(fragment(3, b"command.", None, 0))) == [(3, COMMAND | LAST, b"command.")]


def test_a_command_and_a_data_set() -> None:
    assert pieces(list(fragment(3, b"command.", b"data set", 0))) == [
        (3, COMMAND | LAST, b"command."),
        (3, DATA | LAST, b"data set"),
    ]


@given(st.binary(min_size=2, max_size=60), st.integers(16, 40))
def test_a_small_data_set_is_cut_as_one_in_pieces(dataset: bytes, maximum_length: int) -> None:
    """PS3.8 E.1, E.2: whatever it is held in, bytes, a view of them, or a piece that is asked for."""
    held: list[Any] = [dataset, memoryview(dataset), bytearray(dataset), iter([dataset])]
    first, *others = [pieces(list(fragment(1, b"command.", each, maximum_length))) for each in held]
    assert all(each == first for each in others)


def test_the_maximum_length_counts_the_header_of_the_pdv() -> None:
    """PS3.8 D.1: it limits the PDU-length: 4 bytes item length, context ID, control header, fragment."""
    assert pieces(list(fragment(3, b"command.", b"data set", 10))) == [
        (3, COMMAND, b"comm"),
        (3, COMMAND | LAST, b"and."),
        (3, DATA, b"data"),
        (3, DATA | LAST, b" set"),
    ]
    assert [len(pdv.data) for pdv in fragment(3, b"command.", None, 13)] == [6, 2]
    assert [len(pdv.data) for pdv in fragment(3, b"command.", None, 14)] == [8]


@pytest.mark.parametrize("maximum_length", range(1, 8))
def test_no_room_at_all(maximum_length: int) -> None:
    with pytest.raises(LocalProtocolError, match=f"maximum length of {maximum_length} has no room"):
        fragment(1, b"command.", None, maximum_length)  # at once, not when the first PDV is asked for


def test_no_maximum_length() -> None:
    sizes = [len(pdv.data) for pdv in fragment(1, b"command.", bytes(300000), 0)]
    assert sizes == [8, 131072, 131072, 300000 - 2 * 131072]


@pytest.mark.parametrize("dataset", [b"", memoryview(b""), bytearray()])
def test_an_empty_data_set_cannot_be_sent(dataset: Any) -> None:
    """PS3.8 E.1: no PDV with nothing but a message control header."""
    with pytest.raises(LocalProtocolError, match=r"without any bytes cannot be sent.*\(PS3.8 E.1\)"):
        fragment(1, b"ab", dataset, 0)


@pytest.mark.parametrize("dataset", [[], [b""], [b"", memoryview(b"")], iter(())])
def test_pieces_that_turn_out_to_be_nothing(dataset: Any) -> None:
    pdvs = fragment(1, b"ab", dataset, 0)
    assert next(pdvs) == PDV(1, COMMAND | LAST, b"ab")
    with pytest.raises(LocalProtocolError, match="without any bytes"):
        next(pdvs)


@pytest.mark.parametrize("dataset", [b"abc", [b"abc"], [b"a", b"b", b"c"], [b"ab", memoryview(b"c")]])
@pytest.mark.parametrize("maximum_length", [0, 8, 10])
def test_a_data_set_of_odd_length_is_completed(dataset: Any, maximum_length: int) -> None:
    """PS3.8 E.1: each fragment of a message consists of an even number of bytes."""
    pdvs = list(fragment(1, b"ab", dataset, maximum_length))[1:]
    assert b"".join(pdv.data for pdv in pdvs) == b"abc\0"
    assert all(pdv.data and len(pdv.data) % 2 == 0 for pdv in pdvs)


@pytest.mark.parametrize(
    ("buffers", "fragments"),
    [
        ([b"abc", b"", b"de", b"fghij"], [b"ab", b"cd", b"efgh", b"ij"]),
        ([b"a", b"bcdef", b"g"], [b"abcd", b"ef", b"g\0"]),
    ],
)
def test_buffers_that_end_in_the_middle_of_a_pair(buffers: list[bytes], fragments: list[bytes]) -> None:
    """PS3.8 E.1: fragments are of even length, wherever the pieces end that they are made of."""
    assert [bytes(pdv.data) for pdv in fragment(1, b"ab", buffers, 10)][1:] == fragments


def test_nothing_is_copied() -> None:
    whole = bytearray(100)
    pdvs = list(fragment(1, b"ab", whole, 26))[1:]
    assert all(isinstance(pdv.data, memoryview) and pdv.data.obj is whole for pdv in pdvs)
    pages = mmap.mmap(-1, 100)
    views = [pdv.data for pdv in fragment(1, b"ab", pages, 26)][1:]
    assert [view.obj for view in views if isinstance(view, memoryview)] == [pages] * 5
    del views
    parts: list[Any] = [memoryview(bytes(40)), bytearray(20)]
    assert [len(pdv.data) for pdv in fragment(1, b"ab", parts, 26)][1:] == [20, 20, 20]


def test_pieces_are_asked_for_when_needed_and_one_ahead() -> None:
    asked = []

    def dataset() -> Iterator[bytes]:
        for number in range(3):
            asked.append(number)
            yield bytes(4)

    pdvs = fragment(1, b"ab", dataset(), 0)
    next(pdvs)
    assert asked == []
    next(pdvs)
    assert asked == [0, 1]
    assert [pdv.control for pdv in pdvs] == [0, LAST]
    assert asked == [0, 1, 2]


def test_buffers_of_other_items_are_bytes() -> None:
    """Not one item a byte: sizes are counted in bytes."""
    words: Any = memoryview(bytes(8)).cast("I")
    assert [len(pdv.data) for pdv in fragment(1, b"ab", [words], 12)] == [2, 6, 2]


@pytest.mark.parametrize("shape", [(4, 2), (2, 2, 2)])
def test_a_view_of_several_dimensions_is_as_long_as_its_bytes(shape: tuple[int, ...]) -> None:
    """`len` counts its rows: a P-DATA-TF of that length would be followed by bytes that are no PDU."""
    rows = memoryview(b"data set").cast("B", shape)
    assert pieces(list(fragment(1, b"ab", rows, 0)))[-1] == (1, LAST, b"data set")


@given(
    st.binary(min_size=1, max_size=60).map(lambda half: half + half),
    st.none() | st.binary(min_size=1, max_size=200) | st.lists(st.binary(max_size=30), max_size=12).filter(any),
    st.integers(8, 60) | st.just(0),
)
def test_any_message_into_fragments(command: bytes, dataset: Any, maximum_length: int) -> None:
    pdvs = list(fragment(9, command, dataset, maximum_length))
    commands = [pdv for pdv in pdvs if pdv.is_command]
    data = pdvs[len(commands) :]
    assert not any(pdv.is_command for pdv in data)
    whole = dataset if isinstance(dataset, bytes) else b"".join(dataset or ())
    whole += bytes(len(whole) % 2)
    for part, expected in ((commands, command), (data, whole)):
        assert b"".join(pdv.data for pdv in part) == expected
        assert [pdv.is_last for pdv in part] == [False] * (len(part) - 1) + [True] * bool(part)
        assert all(len(pdv.data) % 2 == 0 for pdv in part)
        assert all(pdv.data for pdv in data)
        assert all(pdv.context_id == 9 and pdv.control < 4 for pdv in part)
        assert all(4 + 2 + len(pdv.data) <= (maximum_length or 131072) for pdv in part)
    assert bool(data) == (dataset is not None)


# ---- and back ----


@given(st.data())
def test_any_legal_fragmentation_gives_the_same(data: st.DataObject) -> None:
    """Of several messages one after the other, each on a context of its own."""
    reassembly = Reassembly()
    for _ in range(data.draw(st.integers(1, 3))):
        message = data.draw(ours.messages())
        dataset = data.draw(st.binary(max_size=40)) if message.dataset_follows else b""
        pdvs = data.draw(ours.fragments(message, dataset))
        happened = [event for pdv in pdvs if (event := reassembly.take(pdv))]
        completed = happened.pop()
        assert isinstance(completed, Completed)
        assert completed.context_id == pdvs[0].context_id
        assert completed.message == message
        assert happened == ([Command(pdvs[0].context_id, message)] if message.dataset_follows else [])
        kept = completed.sink.getvalue() if isinstance(completed.sink, Memory) else None
        assert kept == (dataset if message.dataset_follows else None)


@given(ours.messages(), st.binary(min_size=1, max_size=40).map(lambda half: half + half), st.integers(8, 40))
def test_our_own_fragments_come_back(message: Message, dataset: bytes, maximum_length: int) -> None:
    pdvs = fragment(1, message.encode(), dataset if message.dataset_follows else None, maximum_length)
    assert take_all(list(pdvs))[-1].message == message


def test_a_message_without_data_set() -> None:
    assert take_all([PDV(5, COMMAND | LAST, ECHO.encode())]) == [Completed(5, ECHO, None)]


def test_control_bits_2_to_7_are_not_tested() -> None:
    """PS3.8 E.2."""
    assert take_all([PDV(5, 0xFF, ECHO.encode())]) == [Completed(5, ECHO, None)]


class Views:
    """A sink that keeps what it was given, not a copy."""

    def __init__(self) -> None:
        self.given: list[bytes | memoryview] = []

    def write(self, data: bytes | memoryview, /) -> None:
        self.given.append(data)


def test_a_data_set_flows_into_the_sink_as_it_comes() -> None:
    reassembly, sink = Reassembly(), Views()
    assert reassembly.take(PDV(5, COMMAND | LAST, STORE.encode())) == Command(5, STORE)
    assert reassembly.sink is None
    reassembly.open(sink)
    assert reassembly.sink is sink
    first, last = memoryview(b"data"), memoryview(b" set")
    assert reassembly.take(PDV(5, DATA, first)) is None
    assert sink.given[0] is first
    assert reassembly.take(PDV(5, DATA | LAST, last)) == Completed(5, STORE, sink)
    assert sink.given[1] is last
    assert reassembly.sink is None


def test_the_next_message_may_be_on_another_context() -> None:
    reassembly = Reassembly()
    for context_id in (1, 3, 1):
        assert reassembly.take(PDV(context_id, COMMAND | LAST, ECHO.encode())) == Completed(context_id, ECHO, None)


def test_an_odd_last_fragment_of_a_data_set_passes() -> None:
    happened = take_all([PDV(5, COMMAND | LAST, STORE.encode()), PDV(5, DATA | LAST, b"abc")])
    assert isinstance(happened[1], Completed)
    assert isinstance(happened[1].sink, Memory)
    assert happened[1].sink.getvalue() == b"abc"


def test_an_empty_data_set() -> None:
    """PS3.8 E.1, last note: receivers had better process what senders shall not send."""
    happened = take_all([PDV(5, COMMAND | LAST, STORE.encode()), PDV(5, DATA | LAST, b"")], sink := Memory())
    assert happened == [Command(5, STORE), Completed(5, STORE, sink)]
    assert sink.getvalue() == b""


STORE_COMMAND = PDV(5, COMMAND | LAST, STORE.encode())


@pytest.mark.parametrize(
    ("pdvs", "complaint"),
    [
        ([PDV(5, DATA, b"data")], "data set fragment without a complete command"),
        ([PDV(5, DATA | LAST, b"")], "data set fragment without"),
        ([PDV(5, COMMAND, ECHO.encode()), PDV(5, DATA, b"data")], "data set fragment without"),
        ([PDV(5, COMMAND | LAST, ECHO.encode()), PDV(5, DATA | LAST, b"data")], "data set fragment without"),
        ([STORE_COMMAND, STORE_COMMAND], "command fragment before the last fragment of a data set"),
        ([STORE_COMMAND, PDV(5, DATA, b"data"), STORE_COMMAND], "command fragment before the last"),
        ([STORE_COMMAND, PDV(7, DATA, b"data")], "fragment on context 7 in a message on context 5"),
        ([STORE_COMMAND, PDV(7, COMMAND | LAST, ECHO.encode())], "fragment on context 7"),
        ([PDV(5, COMMAND, b"\0\0"), PDV(7, COMMAND, b"\0\0")], "fragment on context 7"),
        ([PDV(5, COMMAND, b""), PDV(7, COMMAND | LAST, ECHO.encode())], "fragment on context 7"),
        ([PDV(5, COMMAND, b"\0\0\0")], "odd length, 3, that is not the last"),
        ([STORE_COMMAND, PDV(5, DATA, b"abc")], "odd length, 3"),
    ],
)
def test_fragments_that_may_not_come(pdvs: list[PDV], complaint: str) -> None:
    with pytest.raises(FragmentError, match=complaint) as refusal:
        take_all(pdvs)
    assert refusal.value.clause in str(refusal.value)
    assert refusal.value.what in str(refusal.value)


@pytest.mark.parametrize("kind", [COMMAND, DATA])
def test_64_empty_fragments_in_a_row_and_no_more(kind: int) -> None:
    empty = [PDV(5, kind, b"")] * 64
    before, part, rest = [], PDV(5, COMMAND, ECHO.encode()[:4]), PDV(5, COMMAND | LAST, ECHO.encode()[4:])
    if kind == DATA:
        before, part, rest = [STORE_COMMAND], PDV(5, DATA, b"ab"), PDV(5, DATA | LAST, b"")
    assert isinstance(take_all([*before, *empty, part, *empty, rest])[-1], Completed)
    with pytest.raises(FragmentError, match="more than 64 empty fragments in a row"):
        take_all([*before, *empty, empty[0]])


def test_empty_fragments_are_counted_from_the_command_to_its_data() -> None:
    empty = [PDV(5, COMMAND, b"")] * 64
    data = [PDV(5, DATA, b"")] * 64
    assert len(take_all([*empty, STORE_COMMAND, *data, PDV(5, DATA | LAST, b"")])) == 2


@pytest.mark.parametrize("last", [0, LAST])
def test_a_command_of_64_kib_and_no_more(last: int) -> None:
    """Decided while it comes, not when it is complete."""
    part = PDV(5, COMMAND, bytes(16384))
    with pytest.raises(CommandSetError, match="longer than 65536 bytes"):
        take_all([part] * 4 + [PDV(5, COMMAND | last, b"ab")])


def test_the_longest_command() -> None:
    elements = command_set.decode(ECHO.encode()) | {0x7777: b""}
    elements[0x7777] = bytes(65536 - len(command_set.encode(elements)))
    data = command_set.encode(elements)
    assert len(data) == 65536
    pdvs = [PDV(5, COMMAND, data[start : start + 8192]) for start in range(0, 65536, 8192)]
    assert take_all([*pdvs, PDV(5, COMMAND | LAST, b"")]) == [Completed(5, ECHO, None)]


def test_a_malformed_command() -> None:
    with pytest.raises(CommandSetError, match="CommandGroupLength is missing"):
        take_all([PDV(5, COMMAND | LAST, b"")])


def test_a_sink_is_opened_once_and_in_time() -> None:
    reassembly = Reassembly()
    with pytest.raises(LocalProtocolError, match="opened once"):
        reassembly.open(Memory())
    reassembly.take(STORE_COMMAND)
    reassembly.open(Memory())
    with pytest.raises(LocalProtocolError, match="opened once"):
        reassembly.open(Memory())


def test_a_sink_in_memory_has_a_limit() -> None:
    sink = Memory(limit=4)
    sink.write(b"abcd")
    with pytest.raises(FragmentError, match="data set longer than 4 bytes"):
        sink.write(b"e")
    assert sink.getvalue() == b"abcd"
    assert Memory().limit == 16 * 1024 * 1024
