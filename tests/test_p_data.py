"""P-DATA-TF: golden vectors, every malformed length, views instead of copies."""

import pytest
from dulcet.dul.errors import DecodeError, LocalProtocolError
from dulcet.dul.p_data import PDV, decode_pdvs, encode_pdvs, p_data_header
from dulcet.dul.pdu import PDataTF, decode
from dulcet.dul.strategies import p_data_tfs
from hypothesis import given
from hypothesis import strategies as st

ONE_PDV = bytes.fromhex(
    "04"  # PDU-type P-DATA-TF
    "00"  # reserved
    "0000000a"  # PDU-length 10
    "00000006"  # PDV item-length 6: context ID, control header, four bytes
    "05"  # presentation-context-ID 5
    "03"  # message control header: command, last
    "deadbeef"
)
TWO_PDVS = bytes.fromhex(
    "04 00 00000010"  # PDU-length 16
    "00000004 01 01 aabb"  # context 1, command, not last
    "00000004 01 02 ccdd"  # context 1, data set, last
)


def body(data: bytes) -> memoryview:
    return memoryview(data)[6:]


def test_one_pdv() -> None:
    assert PDataTF((PDV(5, 3, b"\xde\xad\xbe\xef"),)).encode() == ONE_PDV
    assert decode(ONE_PDV) == PDataTF((PDV(5, 3, b"\xde\xad\xbe\xef"),))
    assert p_data_header(4, 5, 3) + b"\xde\xad\xbe\xef" == ONE_PDV


def test_two_pdvs() -> None:
    pdvs = [PDV(1, 1, b"\xaa\xbb"), PDV(1, 2, b"\xcc\xdd")]
    assert encode_pdvs(pdvs) == TWO_PDVS
    assert decode_pdvs(body(TWO_PDVS)) == pdvs


@given(p_data_tfs())
def test_round_trip(pdu: PDataTF) -> None:
    assert decode(pdu.encode()) == pdu
    assert decode(pdu.encode()).encode() == pdu.encode()


@given(st.integers(0, 2**32 - 7), st.integers(0, 255), st.integers(0, 255))
def test_the_header_of_a_single_pdv(length: int, context_id: int, control: int) -> None:
    header = p_data_header(length, context_id, control)
    assert len(header) == 12
    assert header[:2] == b"\x04\x00"
    assert int.from_bytes(header[2:6], "big") == length + 6
    assert int.from_bytes(header[6:10], "big") == length + 2
    assert header[10:] == bytes([context_id, control])


@pytest.mark.parametrize(
    ("control", "is_command", "is_last"),
    [
        (0, False, False),
        (1, True, False),
        (2, False, True),
        (3, True, True),
        (0xFC, False, False),
        (0xFF, True, True),
    ],
)
def test_bits_of_the_message_control_header(control: int, is_command: bool, is_last: bool) -> None:
    pdv = PDV(1, control, b"")
    assert (pdv.is_command, pdv.is_last) == (is_command, is_last)


def test_fragments_are_views() -> None:
    data = bytearray(ONE_PDV)
    (pdv,) = decode_pdvs(memoryview(data)[6:])
    assert isinstance(pdv.data, memoryview)
    data[-1] = 0
    assert bytes(pdv.data) == b"\xde\xad\xbe\x00"


def test_patients_stay_out_of_logs() -> None:
    assert repr(PDV(1, 3, b"DOE^JANE")) == "PDV(context_id=1, control=3, 8 bytes)"
    assert "DOE" not in repr(PDataTF((PDV(1, 3, b"DOE^JANE"),)))


@pytest.mark.parametrize(
    "malformed",
    [
        "",  # no PDV at all
        "00",
        "00000000 01",
        "00000000 0103",  # length 0
        "00000001 0103",  # length 1
        "00000003 0103",  # overruns by one
        "ffffffff 0103",
        "00000002 0103 00",  # a stray byte
        "00000002 0103 000000",
        "00000002 0103 00000002 01",  # a second one cut off
        "00000002 0103 00000003 0103",
    ],
)
def test_pdvs_fill_their_pdu_exactly(malformed: str) -> None:
    with pytest.raises(DecodeError, match="PDV") as caught:
        decode_pdvs(memoryview(bytes.fromhex(malformed)))
    assert caught.value.reason == 6


@pytest.mark.parametrize("length", range(len(TWO_PDVS) - 6))
def test_every_truncation_but_that_between_the_pdvs_is_refused(length: int) -> None:
    if length == 8:
        assert len(decode_pdvs(body(TWO_PDVS)[:length])) == 1
    else:
        with pytest.raises(DecodeError):
            decode_pdvs(body(TWO_PDVS)[:length])


def test_a_pdu_has_at_most_1024_pdvs() -> None:
    empty = bytes.fromhex("00000002 0100")
    assert len(decode_pdvs(memoryview(empty * 1024))) == 1024
    with pytest.raises(DecodeError, match="more than 1024 PDVs"):
        decode_pdvs(memoryview(empty * 1025))


@given(st.binary(max_size=64))
def test_any_bytes_are_pdvs_or_refused(data: bytes) -> None:
    try:
        pdvs = decode_pdvs(memoryview(data))
    except DecodeError:
        return
    assert encode_pdvs(pdvs)[6:] == data


def test_what_cannot_be_sent() -> None:
    with pytest.raises(LocalProtocolError, match="at least one PDV"):
        encode_pdvs([])
    for context_id, control in [(256, 0), (-1, 0), (1, 256), (1, -1)]:
        with pytest.raises(LocalProtocolError, match="PDV"):
            encode_pdvs([PDV(context_id, control, b"")])
        with pytest.raises(LocalProtocolError, match="PDV"):
            p_data_header(0, context_id, control)
    with pytest.raises(LocalProtocolError, match="PDV"):
        p_data_header(2**32, 1, 0)
