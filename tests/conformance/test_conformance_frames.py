"""What `frames` and `commands` write, `reading` reads; and `reading` reads anything without raising."""

from dataclasses import dataclass

import pytest
from dulcet.tools.conformance import commands, frames
from dulcet.tools.conformance.reading import (
    LONGEST,
    LONGEST_COMMAND,
    Assembler,
    Cutter,
    Fragment,
    Item,
    Seen,
    cut_elements,
    cut_items,
    cut_pdvs,
    promised,
    read,
)
from hypothesis import given
from hypothesis import strategies as st

TYPES = st.integers(0, 255)
SHORT = st.binary(max_size=40)
UIDS = st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,4}){1,4}", fullmatch=True)
TITLES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=16)
IDS = st.integers(0, 255)
PDUS = st.lists(st.tuples(TYPES, SHORT, TYPES), max_size=6)
"""Type, body and reserved byte."""
NUMBERS = st.integers(1, 0xFFFF).filter(
    lambda number: number not in (0x0002, 0x0003, 0x0600, 0x0902, 0x1000, 0x1001, 0x1030)
)
"""Elements of a command set that are no text (PS3.7 Table E.1-1)."""
FRAGMENTS = st.lists(st.tuples(IDS, SHORT, IDS), max_size=6)
"""Context ID, data and message control header."""


@dataclass(frozen=True)
class Context:
    """A proposal and its answer."""

    id: int
    abstract: str
    syntaxes: tuple[str, ...]
    result: int


CONTEXTS = st.lists(
    st.builds(Context, IDS, UIDS, st.lists(UIDS, min_size=1, max_size=3).map(tuple), IDS),
    min_size=1,
    max_size=5,
    unique_by=lambda context: context.id,
)


# ---- what is written is read ----


@given(PDUS, st.data())
def test_a_stream_is_cut_into_the_pdus_it_was_made_of(pdus: list[tuple[int, bytes, int]], data: st.DataObject) -> None:
    """In whatever pieces it comes; what is behind the last whole PDU is held."""
    raw = [frames.pdu(type_, body, reserved=reserved) for type_, body, reserved in pdus]
    rest = b"\x04\x00\x00\x00\x00\x09begun"
    stream = b"".join(raw) + rest
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    cutter = Cutter()
    found = [
        seen
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for seen in cutter.feed(stream[start:end])
    ]
    assert [(seen.raw, seen.type, seen.body) for seen in found] == [
        (whole, type_, body) for whole, (type_, body, _) in zip(raw, pdus, strict=True)
    ]
    assert (cutter.held, cutter.lost) == (rest, "")


@given(st.lists(st.tuples(TYPES, SHORT), max_size=6))
def test_items_are_read_as_written(items: list[tuple[int, bytes]]) -> None:
    assert list(cut_items(b"".join(frames.item(*each) for each in items))) == [Item(*each) for each in items]


@given(FRAGMENTS)
def test_pdvs_are_read_as_written(pdvs: list[tuple[int, bytes, int]]) -> None:
    raw = frames.p_data(*(frames.pdv(id_, data, control=control) for id_, data, control in pdvs))
    assert read(raw).fragments == [Fragment(id_, control, data) for id_, data, control in pdvs]


@given(CONTEXTS, TITLES, TITLES, st.integers(0, 0xFFFFFFFF))
def test_an_association_is_read_as_written(contexts: list[Context], called: str, calling: str, maximum: int) -> None:
    user = frames.user_information(frames.maximum_length(maximum), frames.implementation_class("1.2.3"))
    proposals = [frames.proposed(each.id, each.abstract, each.syntaxes) for each in contexts]
    rq = read(frames.associate_rq(proposals, called=called, calling=calling, user=user))
    assert (rq.name, rq.called, rq.calling, rq.maximum_length) == ("A-ASSOCIATE-RQ", called, calling, maximum)
    assert rq.proposals == {
        each.id: (each.abstract.encode(), tuple(uid.encode() for uid in each.syntaxes)) for each in contexts
    }
    assert rq.user_items == [Item(0x51, maximum.to_bytes(4, "big")), Item(0x52, b"1.2.3")]

    answers = [frames.answered(each.id, each.result, each.syntaxes[:1]) for each in contexts]
    ac = read(frames.associate_ac(answers, user=user))
    assert (ac.name, ac.maximum_length) == ("A-ASSOCIATE-AC", maximum)
    assert ac.results == {each.id: each.result for each in contexts}
    assert ac.transfer_syntaxes == {each.id: each.syntaxes[0].encode() for each in contexts if each.result == 0}


@given(IDS, IDS, IDS)
def test_the_short_pdus_are_read_as_written(first: int, second: int, third: int) -> None:
    assert read(frames.associate_rj(first, second, third)).byte == (first, second, third)
    assert read(frames.abort(first, second)).byte == (0, first, second)


RIGHT = {
    "A-ASSOCIATE-RQ": (frames.associate_rq(), "Evt6"),
    "A-ASSOCIATE-AC": (frames.associate_ac(), "Evt3"),
    "A-ASSOCIATE-RJ": (frames.associate_rj(), "Evt4"),
    "P-DATA-TF": (commands.echo(), "Evt10"),
    "A-RELEASE-RQ": (frames.release_rq(), "Evt12"),
    "A-RELEASE-RP": (frames.release_rp(), "Evt13"),
    "A-ABORT": (frames.abort(), "Evt16"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_not_said_is_right(name: str) -> None:
    """Without arguments a builder writes what the strict codec takes; its event is known from the header on."""
    raw, event = RIGHT[name]
    seen = read(raw)
    assert (seen.name, seen.event, seen.events, seen.fault, seen.reason) == (name, event, (event,), "", 0)
    assert promised(raw[:6]) == event


@pytest.mark.parametrize(
    ("raw", "event", "reason"),
    [
        (frames.pdu(0x47), "Evt19", 1),
        (frames.release_rq(b""), "Evt19", 6),
        (frames.abort(body=bytes(5)), "Evt19", 6),
        (frames.associate_rj(length=3)[:9], "Evt19", 6),
    ],
    ids=["type", "release", "abort", "rejection"],
)
def test_what_is_wrong_is_told_from_the_header_on(raw: bytes, event: str, reason: int) -> None:
    seen = read(raw)
    assert (seen.event, seen.reason, promised(raw[:6])) == (event, reason, event)
    assert seen.fault
    assert promised(raw[:5]) == ""


def test_a_leniency_is_another_event() -> None:
    """A receiver may take an A-RELEASE-RQ without its four bytes for one: both events are followed."""
    assert read(frames.release_rq(b"")).events == ("Evt19", "Evt12")
    assert read(frames.pdu(0x47)).events == ("Evt19",)


@given(IDS, st.dictionaries(NUMBERS, st.integers(0, 0xFFFF), max_size=5), st.integers(1, 30))
def test_a_command_set_is_read_as_written(id_: int, numbers: dict[int, int], size: int) -> None:
    """In fragments of any size, put together."""
    elements = {**numbers, commands.DATA_SET_TYPE: commands.NO_DATA_SET, commands.AFFECTED_SOP_CLASS: "1.2.3"}
    assembler = Assembler()
    pdvs = frames.fragmented(id_, commands.command(elements), size)
    (message,) = [message for each in cut_pdvs(b"".join(pdvs)) if (message := assembler.feed(each)) is not None]
    assert {number: value for number, value in message.elements.items() if number} == elements
    assert (message.context_id, message.complete, assembler.unfinished) == (id_, True, [])


def test_a_message_with_a_data_set_is_complete_with_it() -> None:
    store = commands.command(commands.store_elements(7, "1.2.3"))
    assembler = Assembler()
    assert assembler.feed(Fragment(3, 3, store)) is None
    (open_,) = assembler.unfinished
    assert (open_.command_complete, open_.complete, open_.is_response) == (True, False, False)
    message = assembler.feed(Fragment(3, 2, bytes(10)))
    assert message is open_
    assert (message.data_length, message.number(commands.MESSAGE_ID), message.status) == (10, 7, None)


# ---- anything is read ----


@given(st.binary(max_size=300))
def test_reading_never_raises(data: bytes) -> None:
    """Whatever comes, in whatever type of PDU; and what is kept of it is part of what came."""
    for type_ in range(9):
        look(read(frames.pdu(type_, data)))
    look(read(frames.associate(0x01, [data], called="A", calling="B")))
    look(read(frames.associate(0x02, [frames.user_information(data), frames.item(0x21, data)], called="", calling="")))
    cutter = Cutter()
    for seen in cutter.feed(data):
        look(seen)
    assert len(cutter.held) <= len(data)
    promised(data)


def look(seen: Seen) -> None:
    """Ask a PDU everything there is to ask."""
    assert seen.name
    assert seen.event in seen.events
    assert len(seen.byte) == 3
    assert all(item.value in seen.raw for item in (*seen.items, *seen.user_items))
    assert set(seen.results) | set(seen.proposals) | set(seen.transfer_syntaxes) <= set(range(256))
    assert seen.maximum_length is None or seen.maximum_length >= 0
    assert len(seen.called) <= 16
    assert len(seen.calling) <= 16
    assert all(fragment.data in seen.raw for fragment in seen.fragments)


@given(FRAGMENTS)
def test_assembling_never_raises(fragments: list[tuple[int, bytes, int]]) -> None:
    assembler = Assembler()
    for id_, data, control in fragments:
        message = assembler.feed(Fragment(id_, control, data))
        for each in (*assembler.unfinished, *([message] if message is not None else [])):
            assert len(each.command) + each.data_length <= sum(len(data) for _, data, _ in fragments)
            assert each.status in {None, *range(0x10000)}
            assert each.responded_to in {None, *range(0x10000)}
            assert isinstance(each.is_response, bool)


@given(st.binary(max_size=200))
def test_elements_of_anything(data: bytes) -> None:
    assert all(0 <= number <= 0xFFFF for number, _ in cut_elements(data))


def test_what_is_kept_is_bounded() -> None:
    """A header that promises more than is ever waited for ends the cutting; a command set that never ends is cut."""
    cutter = Cutter()
    (seen,) = cutter.feed(frames.pdu(0x04, b"begin", length=LONGEST + 1))
    assert (seen.raw[0], seen.reason, cutter.held) == (0x04, 6, b"")
    assert cutter.lost == f"a PDU of type 04H and length {LONGEST + 1}"
    assert cutter.feed(frames.abort()) == []
    (unknown,) = Cutter().feed(frames.pdu(0x47, length=0xFFFFFFFF))
    assert unknown.reason == 1

    assembler = Assembler()
    for _ in range(5):
        assembler.feed(Fragment(1, frames.COMMAND, bytes(LONGEST_COMMAND // 4)))
    (message,) = assembler.unfinished
    assert len(message.command) == LONGEST_COMMAND
