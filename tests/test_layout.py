"""The layout of a PDU covers its bytes without gap or overlap, whatever the bytes are."""

from dulcet.dul.layout import Field, fields
from dulcet.dul.pdu import PDV, Abort, AssociateRJ, PDataTF, Pdu, ReleaseRQ
from dulcet.dul.strategies import corrupted, pdus
from hypothesis import given
from hypothesis import strategies as st

HEADER = [Field("PDU-type", 0, 1), Field("Reserved", 1, 2), Field("PDU-length", 2, 6)]


def test_short_pdus() -> None:
    assert list(fields(Abort().encode())) == [
        *HEADER,
        Field("Reserved", 6, 8),
        Field("Source", 8, 9),
        Field("Reason/Diag", 9, 10),
    ]
    assert list(fields(ReleaseRQ().encode())) == [*HEADER, Field("Reserved", 6, 10)]
    assert [name for name, _, _ in fields(AssociateRJ(1, 1, 1).encode())][3:] == [
        "Reserved",
        "Result",
        "Source",
        "Reason/Diag",
    ]


def test_presentation_data_values() -> None:
    assert list(fields(PDataTF((PDV(1, 3, b"ab"), PDV(1, 2, b""))).encode())) == [
        *HEADER,
        Field("PDV/Item-length", 6, 10),
        Field("PDV/Presentation-context-ID", 10, 11),
        Field("PDV/Message control header", 11, 12),
        Field("PDV/fragment", 12, 14),
        Field("PDV/Item-length", 14, 18),
        Field("PDV/Presentation-context-ID", 18, 19),
        Field("PDV/Message control header", 19, 20),
    ]


def test_items() -> None:
    acceptance = bytes.fromhex(
        "02 00 00000060 0001 0000" + "00" * 64 + "21 00 0009 01 00 00 00 40 00 0001 31" + "50 00 0007 51 00 0003 000000"
    )
    assert list(fields(acceptance))[3:] == [
        Field("Protocol-version", 6, 8),
        Field("Reserved", 8, 10),
        Field("Reserved", 10, 74),
        Field("Presentation Context (A-ASSOCIATE-AC)/Item-type", 74, 75),
        Field("Presentation Context (A-ASSOCIATE-AC)/Reserved", 75, 76),
        Field("Presentation Context (A-ASSOCIATE-AC)/Item-length", 76, 78),
        Field("Presentation Context (A-ASSOCIATE-AC)/Presentation-context-ID", 78, 79),
        Field("Presentation Context (A-ASSOCIATE-AC)/Reserved", 79, 80),
        Field("Presentation Context (A-ASSOCIATE-AC)/Result/Reason", 80, 81),
        Field("Presentation Context (A-ASSOCIATE-AC)/Reserved", 81, 82),
        Field("Presentation Context (A-ASSOCIATE-AC)/Transfer Syntax/Item-type", 82, 83),
        Field("Presentation Context (A-ASSOCIATE-AC)/Transfer Syntax/Reserved", 83, 84),
        Field("Presentation Context (A-ASSOCIATE-AC)/Transfer Syntax/Item-length", 84, 86),
        Field("Presentation Context (A-ASSOCIATE-AC)/Transfer Syntax/value", 86, 87),
        Field("User Information/Item-type", 87, 88),
        Field("User Information/Reserved", 88, 89),
        Field("User Information/Item-length", 89, 91),
        Field("User Information/Maximum Length/Item-type", 91, 92),
        Field("User Information/Maximum Length/Reserved", 92, 93),
        Field("User Information/Maximum Length/Item-length", 93, 95),
        Field("User Information/Maximum Length/value", 95, 98),
    ]


def test_malformed_pdus_have_a_layout_too() -> None:
    assert list(fields(b"")) == []
    assert list(fields(b"\x07\0\0")) == [*HEADER[:2], Field("PDU-length", 2, 3)]
    assert list(fields(b"\x09\0\0\0\0\x01\xff")) == [*HEADER, Field("surplus", 6, 7)]
    assert list(fields(b"\x07\0\0\0\0\x05\0\0\0\0\xff"))[-1] == Field("surplus", 10, 11)
    unknown = bytes.fromhex("01 00 00000045 0001 0000") + bytes(64) + b"\x99"
    assert list(fields(unknown))[-1] == Field("item 99H/Item-type", 74, 75)


def covers(data: bytes) -> bool:
    at = 0
    for _, start, stop in fields(data):
        if start != at or stop <= start:
            return False
        at = stop
    return at == len(data)


@given(pdus())
def test_every_byte_of_a_pdu_is_in_one_field(pdu: Pdu) -> None:
    assert covers(pdu.encode())


@given(corrupted() | st.binary(max_size=200))
def test_every_byte_of_anything_is_in_one_field(data: bytes) -> None:
    assert covers(data)
