"""The codec of command sets (PS3.7 6.3.1, Annex E): golden vectors, round trips, all that is malformed."""

import contextlib
import struct
from typing import Any

import pytest
from dulcet.dimse import command_set
from dulcet.dimse.command_set import decode, encode
from dulcet.dimse.errors import CommandSetError
from dulcet.dimse.strategies import error_comments, tags
from dulcet.dul.errors import LocalProtocolError
from dulcet.dul.strategies import ae_titles, uids
from hypothesis import given
from hypothesis import strategies as st

C_ECHO_RQ = bytes.fromhex(
    "0000 0000 04000000 38000000"  # (0000,0000) Command Group Length: 56 bytes follow
    "0000 0200 12000000 312e322e3834302e31303030382e312e3100"  # (0000,0002) 1.2.840.10008.1.1 and NUL
    "0000 0001 02000000 3000"  # (0000,0100) Command Field: 0030H
    "0000 1001 02000000 0100"  # (0000,0110) Message ID: 1
    "0000 0008 02000000 0101"  # (0000,0800) Command Data Set Type: 0101H, none
)

N_GET_RSP = bytes.fromhex(
    "0000 0000 04000000 50000000"  # (0000,0000) Command Group Length: 80 bytes follow
    "0000 0001 02000000 1081"  # (0000,0100) Command Field: 8110H
    "0000 2001 02000000 ff00"  # (0000,0120) Message ID Being Responded To: 255
    "0000 0008 02000000 0100"  # (0000,0800) Command Data Set Type: 0001H, present
    "0000 0009 02000000 0701"  # (0000,0900) Status: 0107H
    "0000 0209 04000000 6f647364"  # (0000,0902) Error Comment: "odsd"
    "0000 0010 04000000 312e3200"  # (0000,1000) Affected SOP Instance UID: 1.2, padded with NUL
    "0000 0510 08000000 1000 1000 1000 2000"  # (0000,1005) Attribute Identifier List: (0010,0010) (0010,0020)
)

GOLDEN: list[tuple[bytes, dict[int, Any]]] = [
    (C_ECHO_RQ, {0x0002: "1.2.840.10008.1.1", 0x0100: 0x0030, 0x0110: 1, 0x0800: 0x0101}),
    (
        N_GET_RSP,
        {
            0x0100: 0x8110,
            0x0120: 255,
            0x0800: 1,
            0x0900: 0x0107,
            0x0902: "odsd",
            0x1000: "1.2",
            0x1005: (0x00100010, 0x00100020),
        },
    ),
]


def element(number: int, value: bytes, group: int = 0, length: int | None = None) -> bytes:
    """One element, put together by PS3.5 7.1.3."""
    return struct.pack("<HHL", group, number, len(value) if length is None else length) + value


def command(*elements: bytes) -> bytes:
    """A command set around elements, with a right group length."""
    body = b"".join(elements)
    return element(0x0000, struct.pack("<L", len(body))) + body


@pytest.mark.parametrize(("data", "elements"), GOLDEN, ids=["C-ECHO-RQ", "N-GET-RSP"])
def test_golden(data: bytes, elements: dict[int, Any]) -> None:
    assert decode(data) == elements
    assert decode(memoryview(data)) == elements
    assert encode(elements) == data
    assert encode(dict(reversed(elements.items()))) == data  # in ascending order, whatever it is given in


SOME_OF_EACH = st.fixed_dictionaries(
    {},
    optional={
        0x0002: uids(),
        0x0100: st.integers(0, 0xFFFF),
        0x0600: ae_titles(),
        0x0901: st.lists(tags(), min_size=1, max_size=5).map(tuple),
        0x0902: error_comments(),
        0x1000: st.none() | uids(),
        0x1031: st.none() | st.integers(0, 0xFFFF),
        0x4000: st.binary(min_size=1, max_size=9).map(lambda half: half + half),
        0x7777: st.binary(min_size=1, max_size=9).map(lambda half: half + half),
    },
)


@given(SOME_OF_EACH)
def test_what_is_encoded_is_decoded(elements: dict[int, Any]) -> None:
    data = encode(elements)
    assert len(data) % 2 == 0
    assert decode(data) == elements


@given(st.binary(max_size=200) | st.binary(max_size=60).map(command))
def test_no_bytes_make_it_raise_anything_else(data: bytes) -> None:
    try:
        elements = decode(data)
    except CommandSetError:
        return
    assert decode(encode(elements)) == elements


@given(SOME_OF_EACH, st.data())
def test_no_change_of_a_byte_makes_it_raise_anything_else(elements: dict[int, Any], data: st.DataObject) -> None:
    raw = bytearray(encode(elements))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(CommandSetError):
        decode(bytes(raw))


@given(SOME_OF_EACH, st.data())
def test_every_truncation_is_refused(elements: dict[int, Any], data: st.DataObject) -> None:
    raw = encode(elements)
    with pytest.raises(CommandSetError):
        decode(raw[: data.draw(st.integers(0, len(raw) - 1))])


# ---- what is tolerated ----


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (element(0x0002, b"1.2\0"), "1.2"),
        (element(0x0002, b"1.2 "), "1.2"),
        (element(0x0002, b"1.02\0\0"), "1.02"),
        (element(0x0002, b"\0\0"), None),
        (element(0x0002, b"1." + b"2" * 62), "1." + "2" * 62),
        (element(0x0600, b" A B  "), "A B"),
        (element(0x0600, b"AB\0\0"), "AB"),
        (element(0x0600, b"    "), None),
        (element(0x0902, b"C:\\xy \xe9\0"), "C:\\xy \\xe9"),
        (element(0x0902, b"x" * 100), "x" * 100),
        (element(0x0902, b"  "), None),
        (element(0x0110, b""), None),
        (element(0x1005, b""), None),
        (element(0x0001, b"\1\0\0\0"), b"\1\0\0\0"),  # retired: Command Length to End
        (element(0x7777, b"ab"), b"ab"),
        (element(0x7777, b""), None),
    ],
)
def test_tolerated(raw: bytes, value: Any) -> None:
    assert list(decode(command(raw)).values()) == [value]


def test_an_empty_command_set() -> None:
    assert decode(command()) == {}
    assert encode({}) == command()


# ---- what is refused ----

ID = element(0x0110, b"\1\0")


@pytest.mark.parametrize(
    ("data", "number", "complaint"),
    [
        (b"", 0x0000, "CommandGroupLength is missing"),
        (b"\0" * 11, 0x0000, "CommandGroupLength is missing"),
        (C_ECHO_RQ[12:], 0x0000, "CommandGroupLength is missing"),
        (element(0x0000, b"\0\0") + ID, 0x0000, "CommandGroupLength is missing"),
        (element(0x0000, b"\0\0\0\0") + ID, 0x0000, "CommandGroupLength is 0, 10 bytes follow"),
        (element(0x0000, b"\x0b\0\0\0") + ID, 0x0000, "CommandGroupLength is 11, 10 bytes follow"),
        (command(ID, ID), 0x0110, "MessageID occurs twice"),
        (command(element(0x0000, b"\0\0\0\0")), 0x0000, "CommandGroupLength occurs twice"),
        (command(element(0x0120, b"\1\0"), ID), 0x0110, r"MessageID stands behind \(0000,0120\)"),
        (command(element(0x0110, b"\1\0", group=8)), None, r"element \(0008,0110\) is not of group 0000"),
        (command(element(0x0902, b"abc")), 0x0902, "ErrorComment has an odd length, 3"),
        (command(ID[:-2] + b"\1"), 0x0110, "MessageID ends 1 bytes behind the command set"),
        (command(element(0x0110, b"", length=0xFFFFFFFE)), 0x0110, "MessageID ends 4294967294 bytes behind"),
        (command(ID, b"\0\0\x20\1\2\0\0"), None, "ends 7 bytes into the header"),
        (command(element(0x0110, b"\1\0\0\0")), 0x0110, "MessageID has 4 bytes, not 2"),
        (command(element(0x0002, b"1.2x")), 0x0002, "AffectedSOPClassUID is no UID: '1.2x'"),
        (command(element(0x0002, b"1..2")), 0x0002, "is no UID"),
        (command(element(0x0002, b".1.2")), 0x0002, "is no UID"),
        (command(element(0x0002, b"1.2.")), 0x0002, "is no UID"),
        (command(element(0x0002, b"1.2\\1.3\0")), 0x0002, "is no UID"),
        (command(element(0x0002, b"1" * 66)), 0x0002, "has 66 characters, more than 64"),
        (command(element(0x0600, b"A\\BC")), 0x0600, "MoveDestination is no AE title"),
        (command(element(0x0600, b"A\nBC")), 0x0600, "is no AE title"),
        (command(element(0x0600, b"A\xe9")), 0x0600, "is no AE title"),
        (command(element(0x0600, b"A" * 18)), 0x0600, "is no AE title"),
        (command(element(0x0901, b"abcdef")), 0x0901, "OffendingElement has 6 bytes, no multiple of 4"),
        (command(b"\0\0\2\0UI\4\0" + b"1.2\0"), 0x0002, "AffectedSOPClassUID ends"),  # CMD-10: Explicit VR
        (command(*(element(n, b"") for n in range(0x6000, 0x6101))), None, "257 elements, more than 256"),
        (command(element(0x6000, bytes(65536))), None, "longer than 65536 bytes"),
    ],
)
def test_refused(data: bytes, number: int | None, complaint: str) -> None:
    with pytest.raises(CommandSetError, match=complaint) as refusal:
        decode(data)
    assert refusal.value.element == number
    assert refusal.value.clause in str(refusal.value)
    if number is not None:
        assert str(refusal.value).startswith(f"(0000,{number:04X}) ")


def test_the_longest_command_set() -> None:
    """64 KiB and no byte more; 256 elements and no more."""
    longest = command(element(0x6000, bytes(65536 - 20)))
    assert len(longest) == 65536 == command_set.MAXIMUM_LENGTH
    assert encode(decode(longest)) == longest
    assert len(decode(command(*(element(n, b"") for n in range(0x6000, 0x6100))))) == 256


@pytest.mark.parametrize(
    ("elements", "complaint"),
    [
        ({0x0000: 4}, r"\(0000,0000\) CommandGroupLength: 4 does not fit: it is computed"),
        ({0x0110: 65536}, r"\(0000,0110\) MessageID: 65536"),
        ({0x0110: -1}, "MessageID"),
        ({0x0110: "1"}, "MessageID"),
        ({0x0002: "1.2.x"}, "AffectedSOPClassUID: .* is no UID"),
        ({0x0002: ""}, "is no UID"),
        ({0x0002: "1." + "2" * 63}, "65 characters"),
        ({0x0002: "1.é"}, "AffectedSOPClassUID"),
        ({0x0002: 12}, "AffectedSOPClassUID"),
        ({0x0600: "  "}, "MoveDestination: .* is no AE title"),
        ({0x0600: "A" * 17}, "is no AE title"),
        ({0x0902: "x" * 65}, "ErrorComment: .* 64"),
        ({0x0902: "a\\b"}, "backslash"),
        ({0x0902: "a\nb"}, "printable"),
        ({0x0902: "é"}, "ErrorComment"),
        ({0x0901: (1, -1)}, "OffendingElement"),
        ({0x0901: 1}, "OffendingElement"),
        ({0x7777: b"abc"}, "unknown element: .* even"),
        ({0x7777: 1}, "unknown element"),
        ({0x10000: b""}, "unknown element"),
        ({0x6000: bytes(65536)}, "longer than 65536"),
    ],
)
def test_not_encoded(elements: dict[int, Any], complaint: str) -> None:
    with pytest.raises(LocalProtocolError, match=complaint):
        encode(elements)


def test_keywords() -> None:
    assert command_set.keyword(0x0110) == "MessageID"
    assert command_set.keyword(0x0001) == "CommandLengthToEnd"
    assert command_set.keyword(0x7777) == "unknown element"


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"no \x1b[2J\r\n\x07", "no \\x1b[2J\\x0d\\x0a\\x07"),  # would clear a screen, or begin a line of a log
        ("é ".encode("latin-1"), "\\xe9"),
        (b"a\\b ", "a\\b"),
        (b"\0\0", None),
    ],
)
def test_error_comments_are_lenient_and_printable(sent: bytes, told: str | None) -> None:
    assert decode(command(element(0x0902, sent))) == {0x0902: told}


def test_what_follows_of_another_group_is_passed_over() -> None:
    """Orthanc's failing C-GET-RSP carries (0008,0058) behind its command set, not counted in the group length."""
    command = encode({0x0100: 0x8010, 0x0900: 0xA702})
    stranger = b"\x08\x00\x58\x00\x06\x00\x00\x001.2.3\x00"
    assert decode(command + stranger) == decode(command)
    with pytest.raises(CommandSetError, match="CommandGroupLength"):
        decode(command + b"\x00\x00\x00\x10\x00\x00\x00\x00")  # an element of group 0000 that is not counted
