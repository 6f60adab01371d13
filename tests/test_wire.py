"""Integers, items, AE titles, UIDs and names: nothing reads past its end, nothing illegal is written."""

import ast
from collections.abc import Callable
from pathlib import Path

import pytest
from dulcet.dul import wire
from dulcet.dul.errors import DecodeError, LocalProtocolError
from dulcet.dul.strategies import ae_titles, uids
from hypothesis import given
from hypothesis import strategies as st


def reader(data: bytes) -> wire.Reader:
    return wire.Reader(memoryview(data), "thing")


def test_fields_in_their_order() -> None:
    fields = reader(b"\x01\x02\x03\x04\x05\x06\x07\x00\x02abrest")
    assert fields.u8() == 0x01
    assert fields.u16() == 0x0203
    assert fields.u32() == 0x04050607
    assert bytes(fields.counted()) == b"ab"
    assert fields.more()
    assert bytes(fields.rest()) == b"rest"
    assert not fields.more()
    fields.end()


@pytest.mark.parametrize(
    ("data", "method"),
    [(b"", "u8"), (b"\0", "u16"), (b"\0\0\0", "u32"), (b"\0", "counted"), (b"\0\2a", "counted")],
)
def test_nothing_is_read_past_the_end(data: bytes, method: str) -> None:
    with pytest.raises(DecodeError, match=r"thing: a field of . bytes overruns it") as caught:
        getattr(reader(data), method)()
    assert caught.value.reason == 6
    assert caught.value.clause == "PS3.8 9.3.1"


def test_nothing_may_be_left() -> None:
    with pytest.raises(DecodeError, match="thing: 3 bytes too many"):
        reader(b"abc").end()


def test_items_of_a_run() -> None:
    run = b"\x10\xff\x00\x02ab\x20\x00\x00\x00"  # the second byte is reserved and not tested
    assert [(type_, bytes(value)) for type_, value in wire.items(memoryview(run), "run")] == [
        (0x10, b"ab"),
        (0x20, b""),
    ]
    assert wire.item(0x10, b"ab") == b"\x10\x00\x00\x02ab"
    assert list(wire.items(memoryview(b""), "run")) == []


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (b"\x10\x00\x00", "3 stray bytes"),
        (b"\x10\x00\x00\x00\x20", "1 stray bytes"),
        (b"\x10\x00\x00\x01", "item 10H overruns it by 1"),
        (b"\x10\x00\xff\xff" + bytes(10), "item 10H overruns it by 65525"),
    ],
)
def test_a_run_fills_its_parent_exactly(run: bytes, message: str) -> None:
    with pytest.raises(DecodeError, match=message):
        list(wire.items(memoryview(run), "run"))


def test_a_run_has_a_limit() -> None:
    assert len(list(wire.items(memoryview(bytes(4 * 1024)), "run"))) == 1024
    with pytest.raises(DecodeError, match="more than 1024 items"):
        list(wire.items(memoryview(bytes(4 * 1025)), "run"))


@pytest.mark.parametrize("write", [lambda value: wire.item(0x56, value), wire.counted])
def test_lengths_have_two_bytes(write: Callable[[bytes], bytes]) -> None:
    assert len(write(bytes(0xFFFF))) > 0xFFFF
    with pytest.raises(LocalProtocolError, match="its length has two bytes"):
        write(bytes(0x10000))


@given(uids())
def test_uids_round_trip(uid: str) -> None:
    assert wire.decode_uid(memoryview(wire.encode_uid(uid, "uid")), "uid") == uid


@pytest.mark.parametrize(
    ("received", "uid"),
    [
        (b"1.2.840.10008.1.1\0", "1.2.840.10008.1.1"),
        (b"1.02.840", "1.02.840"),
        (b"1", "1"),
        (b"1." + b"2" * 62, "1." + "2" * 62),
        (b"1." + b"2" * 62 + b"\0", "1." + "2" * 62),
    ],
)
def test_sloppy_uids_are_read(received: bytes, uid: str) -> None:
    assert wire.decode_uid(memoryview(received), "uid") == uid


@pytest.mark.parametrize(
    "received",
    [
        b"",
        b"\0",
        b".",
        b"1.",
        b".1",
        b"1..2",
        b"1.2 ",
        b" 1.2",
        b"1.2a",
        b"1.2\0\0",
        b"\0001.2",
        b"1.2\n",
        b"\xb2.1",
        b"1." + b"2" * 63,
        b"x" * 70000,
    ],
)
def test_what_is_no_uid_is_not_read(received: bytes) -> None:
    with pytest.raises(DecodeError, match=r"the-name: .* is not a UID") as caught:
        wire.decode_uid(memoryview(received), "the-name")
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "uid", ["", "1.02", "00", "1.", "1..2", "a", "1.2 ", "1.2\0", "1." + "2" * 63, "\u0661.2", "1.2\n"]
)
def test_only_strict_uids_are_written(uid: str) -> None:
    with pytest.raises(LocalProtocolError, match=r"the-name: .* is not a UID"):
        wire.encode_uid(uid, "the-name")


def test_longest_uid_and_single_zeros_are_written() -> None:
    assert wire.encode_uid("1.0." + "2" * 60, "uid") == b"1.0." + b"2" * 60


@given(ae_titles())
def test_ae_titles_round_trip(title: str) -> None:
    field = wire.encode_ae_title(title, "title")
    assert len(field) == 16
    assert wire.decode_ae_title(memoryview(field), "title") == title


@pytest.mark.parametrize(
    ("field", "title"),
    [
        (b"   STORE SCP    ", "STORE SCP"),
        (b" " * 16, ""),
        (b"A\\B             ", "A\\B"),
        (b"~" * 16, "~" * 16),
    ],
)
def test_spaces_around_a_received_title_do_not_count(field: bytes, title: str) -> None:
    assert wire.decode_ae_title(memoryview(field), "title") == title


@pytest.mark.parametrize("byte", [*range(0x20), *range(0x7F, 0x100)])
def test_titles_outside_the_repertoire_are_not_read(byte: int) -> None:
    with pytest.raises(DecodeError, match=r"called-AE-title: .*ISO 646"):
        wire.decode_ae_title(memoryview(b"STORESCP" + bytes([byte]) * 8), "called-AE-title")


@pytest.mark.parametrize("title", ["", " ", "A" * 17, "A\\B", "A\nB", "A\0", "\xc4RZTE", "A\n"])
def test_only_legal_titles_are_written(title: str) -> None:
    with pytest.raises(LocalProtocolError, match="called-AE-title"):
        wire.encode_ae_title(title, "called-AE-title")


def test_names() -> None:
    assert wire.encode_name("DULCET_0.1", "name") == b"DULCET_0.1"
    assert wire.decode_name(memoryview(b"A NAME OF 16 CH."), "name") == "A NAME OF 16 CH."


@pytest.mark.parametrize("name", ["", "A" * 17, "A\0", "\xe9", "A\n"])
def test_names_are_1_to_16_characters(name: str) -> None:
    with pytest.raises(DecodeError, match=r"version: .*ISO 646"):
        wire.decode_name(memoryview(name.encode("latin-1")), "version")
    with pytest.raises(LocalProtocolError, match=r"version: .*ISO 646"):
        wire.encode_name(name, "version")


@given(st.binary(max_size=200))
def test_any_bytes_are_items_or_refused(data: bytes) -> None:
    try:
        found = list(wire.items(memoryview(data), "run"))
    except DecodeError as error:
        assert error.reason == 6  # noqa: PT017  # most bytes are refused
    else:
        assert sum(4 + len(value) for _, value in found) == len(data)


def test_no_signed_integers_in_wire_code() -> None:
    """A length turned negative by a signed format would pass the checks of its bounds."""
    for path in Path(wire.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Struct":
                assert isinstance(node.args[0], ast.Constant)
                assert not {*"bhilqn"} & {*str(node.args[0].value)}, path.name


@pytest.mark.parametrize("title", ["A", "ARCHIVE", "A B", " A ", "!\"#$%&'()*+,-./:", "0123456789ABCDEF"])
def test_titles(title: str) -> None:
    assert wire.is_ae_title(title)


@pytest.mark.parametrize("title", ["", "   ", "A\\B", "A\x00", "A\n", "\x7f", "Ä", "0123456789ABCDEFG"])
def test_what_is_no_title(title: str) -> None:
    assert not wire.is_ae_title(title)


def test_nonsense_is_not_remembered() -> None:
    """A cache of UIDs may keep UIDs: 1024 of the longest values an item can have would be 64 MiB."""
    before = wire._received_uid.cache_info().misses
    with pytest.raises(DecodeError, match="is not a UID"):
        wire.decode_uid(memoryview(b"1" * 66), "thing")
    assert wire._received_uid.cache_info().misses == before
