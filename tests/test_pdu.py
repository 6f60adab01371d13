"""The seven PDUs: golden vectors annotated byte by byte, round trips, every malformed case at every field."""

from dataclasses import replace
from typing import Any

import pytest
from dulcet.dul import pdu
from dulcet.dul.errors import DecodeError, LocalProtocolError
from dulcet.dul.items import ContextResult, ProposedContext, UserInformation
from dulcet.dul.pdu import (
    Abort,
    AssociateAC,
    AssociateRJ,
    AssociateRQ,
    PDataTF,
    ReleaseRP,
    ReleaseRQ,
    decode,
    decode_body,
)
from dulcet.dul.strategies import associate_acs, associate_rqs, corrupted, pdus
from dulcet.dul.sub_items import UserIdentity
from hypothesis import given
from hypothesis import strategies as st

VERIFICATION = "1.2.840.10008.1.1"
IMPLICIT = "1.2.840.10008.1.2"
SPEAKER = UserInformation(16384, "1.3", "AB")

CALLED = b"STORE SCP       ".hex()
CALLING = b"ECHOSCU         ".hex()
APPLICATION = "10 00 0015" + b"1.2.840.10008.3.1.1.1".hex()
ABSTRACT = "30 00 0011" + b"1.2.840.10008.1.1".hex()
TRANSFER = "40 00 0011" + b"1.2.840.10008.1.2".hex()
CONTEXT = "20 00 002e 01 000000" + ABSTRACT + TRANSFER
RESULT = "21 00 0019 01 00 00 00" + TRANSFER
MAXIMUM_LENGTH = "51 00 0004 00004000"
CLASS_UID = "52 00 0003 312e33"
VERSION_NAME = "55 00 0002 4142"
USER = "50 00 0015" + MAXIMUM_LENGTH + CLASS_UID + VERSION_NAME
HEAD = "0001 0000" + CALLED + CALLING + "00" * 32

RQ = (
    "01"  # PDU-type A-ASSOCIATE-RQ
    "00"  # reserved
    "000000a8"  # PDU-length 168
    "0001"  # protocol-version: bit 0
    "0000"  # reserved
    + CALLED  # bytes 11-26
    + CALLING  # bytes 27-42
    + "00" * 32  # bytes 43-74 reserved
    + APPLICATION  # 25 bytes
    + CONTEXT  # 50 bytes
    + USER  # 25 bytes
)
AC = (
    "02"  # PDU-type A-ASSOCIATE-AC
    "00"  # reserved
    "00000093"  # PDU-length 147
    "0001"  # protocol-version: bit 0
    "0000"  # reserved
    + CALLED  # bytes 11-74: as in the request
    + CALLING
    + "00" * 32
    + APPLICATION
    + RESULT  # 29 bytes
    + USER
)
RJ = (
    "03"  # PDU-type A-ASSOCIATE-RJ
    "00"  # reserved
    "00000004"  # PDU-length 4
    "00"  # reserved
    "01"  # result: rejected-permanent
    "01"  # source: service-user
    "07"  # reason: called-AE-title-not-recognized
)
RELEASE_RQ = "05 00 00000004 00000000"
RELEASE_RP = "06 00 00000004 00000000"
ABORT = (
    "07"  # PDU-type A-ABORT
    "00"  # reserved
    "00000004"  # PDU-length 4
    "0000"  # reserved
    "02"  # source: service-provider
    "06"  # reason: invalid-PDU-parameter value
)
PROPOSAL = AssociateRQ("STORE SCP", "ECHOSCU", (ProposedContext(1, VERIFICATION, (IMPLICIT,)),), SPEAKER)
ACCEPTANCE = AssociateAC(
    (ContextResult(1, 0, IMPLICIT),), SPEAKER, echo=b"STORE SCP       ECHOSCU         " + bytes(32)
)
GOLDEN: list[tuple[pdu.Pdu, str]] = [
    (PROPOSAL, RQ),
    (ACCEPTANCE, AC),
    (AssociateRJ(1, 1, 7), RJ),
    (ReleaseRQ(), RELEASE_RQ),
    (ReleaseRP(), RELEASE_RP),
    (Abort(2, 6), ABORT),
    (Abort(), "07 00 00000004 00000000"),
]
NAMES = [
    (AssociateRQ, "A-ASSOCIATE-RQ", 1),
    (AssociateAC, "A-ASSOCIATE-AC", 2),
    (AssociateRJ, "A-ASSOCIATE-RJ", 3),
    (PDataTF, "P-DATA-TF", 4),
    (ReleaseRQ, "A-RELEASE-RQ", 5),
    (ReleaseRP, "A-RELEASE-RP", 6),
    (Abort, "A-ABORT", 7),
]


def rq(*items: str, head: str = HEAD) -> AssociateRQ:
    """Decode an A-ASSOCIATE-RQ of these items."""
    decoded = decode_body(1, memoryview(bytes.fromhex(head + "".join(items))))
    assert isinstance(decoded, AssociateRQ)
    return decoded


def ac(*items: str) -> AssociateAC:
    """Decode an A-ASSOCIATE-AC of these items."""
    decoded = decode_body(2, memoryview(bytes.fromhex(HEAD + "".join(items))))
    assert isinstance(decoded, AssociateAC)
    return decoded


def context(number: int) -> str:
    return f"20 00 002e {number:02x} 000000" + ABSTRACT + TRANSFER


@pytest.mark.parametrize(("decoded", "golden"), GOLDEN)
def test_golden_vectors(decoded: pdu.Pdu, golden: str) -> None:
    encoded = bytes.fromhex(golden)
    assert decoded.encode() == encoded
    assert decode(encoded) == decoded
    assert decode(memoryview(encoded)) == decoded
    assert decode_body(encoded[0], memoryview(encoded)[6:]) == decoded


@pytest.mark.parametrize(("cls", "name", "type_"), NAMES)
def test_names_of_the_standard(cls: type[pdu.Pdu], name: str, type_: int) -> None:
    assert cls.name == name
    assert cls.type == type_


@given(pdus())
def test_round_trip(drawn: pdu.Pdu) -> None:
    encoded = drawn.encode()
    assert len(encoded) == 6 + int.from_bytes(encoded[2:6], "big")
    assert decode(encoded) == drawn
    assert decode(encoded).encode() == encoded


@given(associate_rqs())
def test_an_acceptance_returns_bytes_11_to_74(request_: AssociateRQ) -> None:
    received = bytearray(request_.encode())
    received[42:74] = b"\xff" * 32  # reserved, not tested
    decoded = decode(bytes(received))
    assert isinstance(decoded, AssociateRQ)
    assert decoded == request_
    assert decoded.echo == received[10:74]
    assert AssociateAC((), echo=decoded.echo).encode()[10:74] == received[10:74]
    assert request_.echo == request_.encode()[10:74]  # the same when it was not received but made


@given(associate_acs())
def test_the_reserved_fields_of_an_acceptance_are_kept_and_not_tested(acceptance: AssociateAC) -> None:
    received = bytearray(acceptance.encode())
    received[10:74] = b"\xff" * 64
    assert decode(bytes(received)) == replace(acceptance, echo=b"\xff" * 64)


RESERVED = {
    RQ: [1, 8, 9, *range(42, 74), 75, 100, 104, 105, 106, 108, 129, 150, 154, 162, 169],
    AC: [1, 8, 9, 75, 100, 104, 106, 108, 129, 133, 141, 148],
    RJ: [1, 6],
    RELEASE_RQ: [1, 6, 7, 8, 9],
    RELEASE_RP: [1, 6, 7, 8, 9],
    ABORT: [1, 6, 7],
}


@pytest.mark.parametrize("golden", RESERVED)
def test_reserved_bytes_are_sent_zero_and_not_tested(golden: str) -> None:
    data = bytearray.fromhex(golden)
    expected = decode(bytes(data))
    for position in RESERVED[golden]:
        assert data[position] == 0
        data[position] = 0xFF
    assert decode(bytes(data)) == expected


@pytest.mark.parametrize("version", [1, 3, 0xFFFF, 0, 2])
def test_the_protocol_version_is_read_and_not_judged(version: int) -> None:
    assert rq(APPLICATION, CONTEXT, USER, head=f"{version:04x}" + HEAD[4:]).protocol_version == version


@pytest.mark.parametrize(
    ("called", "expected"),
    [(b" " * 16, ""), (b"   STORE SCP    ", "STORE SCP"), (b"A\\B             ", "A\\B")],
)
def test_titles_are_read_for_a_policy_to_judge(called: bytes, expected: str) -> None:
    swapped = rq(APPLICATION, CONTEXT, USER, head="00010000" + called.hex() + CALLING + "00" * 32)
    assert swapped.called_ae_title == expected
    assert swapped.calling_ae_title == "ECHOSCU"
    assert swapped.echo[:16] == called


def test_what_a_policy_can_answer_is_read() -> None:
    assert rq(APPLICATION, USER).presentation_contexts == ()
    other = "10 00 0003 312e32"
    assert rq(other, CONTEXT, USER).application_context == "1.2"
    bare = rq(APPLICATION, "20 00 0004 05 000000", USER).presentation_contexts
    assert bare == (ProposedContext(5, "", ()),)


def test_unknown_items_are_skipped_wherever_they_stand() -> None:
    unknown = "60 00 0003 ffffff"
    assert rq(unknown, APPLICATION, unknown, "11 00 0000", CONTEXT, RESULT, unknown, USER, unknown) == PROPOSAL
    assert ac(APPLICATION, unknown, RESULT, CONTEXT, USER, unknown).presentation_contexts == (
        ContextResult(1, 0, IMPLICIT),
    )
    assert rq(APPLICATION, CONTEXT, USER, "00000000") == PROPOSAL


def test_128_contexts() -> None:
    assert len(rq(APPLICATION, *map(context, range(1, 256, 2)), USER).presentation_contexts) == 128


UNEXPECTED = {
    "2 application context items",
    "2 user information items",
    "item 20H after 50H",
    "item 10H after 20H",
    "item 21H after 50H",
    "two abstract syntaxes",
}
"""What is there once too often, or out of its order: unexpected-PDU parameter (Table 9-26), the rest is invalid."""


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([CONTEXT, USER], "without application context item"),
        (["10 00 0000", CONTEXT, USER], "application-context-name"),
        ([APPLICATION, APPLICATION, CONTEXT, USER], "2 application context items"),
        ([APPLICATION, CONTEXT], "without user information"),
        ([APPLICATION, CONTEXT, USER, USER], "2 user information items"),
        ([APPLICATION, CONTEXT, "50 00 000d", CLASS_UID, VERSION_NAME], "without maximum length"),
        (
            [APPLICATION, CONTEXT, "50 00 000e", MAXIMUM_LENGTH, VERSION_NAME],
            "without implementation class UID",
        ),
        ([USER, CONTEXT, APPLICATION], "item 20H after 50H"),
        ([APPLICATION, USER, CONTEXT], "item 20H after 50H"),
        ([CONTEXT, APPLICATION, USER], "item 10H after 20H"),
        ([APPLICATION, context(2), USER], "presentation-context-ID 2 is not odd"),
        ([APPLICATION, context(0), USER], "presentation-context-ID 0 is not odd"),
        ([APPLICATION, CONTEXT, CONTEXT, USER], "two of the same presentation-context-ID"),
        (
            [APPLICATION, *map(context, range(1, 256, 2)), CONTEXT, USER],
            "more than 128 presentation contexts",
        ),
        ([APPLICATION, "20 00 0043 01 000000", ABSTRACT, ABSTRACT, TRANSFER, USER], "two abstract syntaxes"),
        ([APPLICATION, "20 00 0009 01 000000 30 00 0001 61", USER], "abstract-syntax-name"),
        ([APPLICATION, "20 00 0049 01 000000 30 00 0041" + "31" * 65, USER], "abstract-syntax-name"),
        ([APPLICATION, "20 00 ffff 01 000000", ABSTRACT, TRANSFER, USER], "item 20H overruns it"),
        ([APPLICATION, "20 00 0009 01 000000 30 00 0002 31", USER], "item 30H overruns it by 1"),
        ([APPLICATION, CONTEXT, "50 00 000f 51 00 0002 0000", CLASS_UID, "0000"], "maximum length"),
        ([APPLICATION, CONTEXT, USER, "000000"], "3 stray bytes"),
        ([APPLICATION, CONTEXT, USER, "00000000" * 1022], "more than 1024 items"),
    ],
)
def test_malformed_requests_are_refused(items: list[str], message: str) -> None:
    with pytest.raises(DecodeError, match=message) as caught:
        rq(*items)
    assert caught.value.reason == (5 if message in UNEXPECTED else 6)


@pytest.mark.parametrize("title", [b"STORESCP\0\0\0\0\0\0\0\0", b"STORE\nSCP       ", b"\xc4RZTE           "])
def test_titles_of_other_characters_are_refused(title: bytes) -> None:
    with pytest.raises(DecodeError, match="called-AE-title"):
        rq(APPLICATION, CONTEXT, USER, head="00010000" + title.hex() + CALLING + "00" * 32)
    with pytest.raises(DecodeError, match="calling-AE-title"):
        rq(APPLICATION, CONTEXT, USER, head="00010000" + CALLED + title.hex() + "00" * 32)


def test_acceptors_may_say_nothing_of_themselves() -> None:
    nothing = UserInformation(None, None, None)
    assert ac(APPLICATION, RESULT).user_information == nothing
    assert ac(APPLICATION, RESULT, "50 00 0000").user_information == nothing
    assert ac(APPLICATION, RESULT, "50 00 0007", CLASS_UID).user_information == UserInformation(None, "1.3", None)
    assert ac(APPLICATION).presentation_contexts == ()


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([RESULT, USER], "without application context item"),
        ([APPLICATION, RESULT, RESULT, USER], "two of the same presentation-context-ID"),
        ([APPLICATION, "21 00 0004 02 00 03 00", USER], "presentation-context-ID 2 is not odd"),
        ([APPLICATION, "21 00 002e 01 00 00 00", TRANSFER, TRANSFER, USER], "2 transfer syntaxes"),
        ([APPLICATION, "21 00 0004 01 00 00 00", USER], "0 transfer syntaxes"),
        ([APPLICATION, RESULT, USER, USER], "2 user information items"),
        ([APPLICATION, USER, RESULT], "item 21H after 50H"),
        ([APPLICATION, "21 00 ffff 01 00 00 00", TRANSFER, USER], "item 21H overruns it"),
    ],
)
def test_malformed_acceptances_are_refused(items: list[str], message: str) -> None:
    with pytest.raises(DecodeError, match=message) as caught:
        ac(*items)
    assert caught.value.reason == (5 if message in UNEXPECTED else 6)


LEGAL_REASONS = [(1, 1), (1, 2), (1, 3), (1, 7), (2, 1), (2, 2), (3, 1), (3, 2)]


def test_rejections() -> None:
    """Sixteen are legal (Table 9-21); all others near them are refused, both ways."""
    for result in range(4):
        for source in range(5):
            for reason in range(12):
                body = memoryview(bytes([0, result, source, reason]))
                rejection = AssociateRJ(result, source, reason)
                if result in (1, 2) and (source, reason) in LEGAL_REASONS:
                    assert decode_body(3, body) == rejection
                    assert rejection.encode()[6:] == body
                    continue
                with pytest.raises(DecodeError, match="A-ASSOCIATE-RJ with") as caught:
                    decode_body(3, body)
                assert caught.value.reason == 6
                with pytest.raises(LocalProtocolError, match="Table 9-21"):
                    rejection.encode()


def test_aborts() -> None:
    """Any are read, for the association is over whatever they say; those of Table 9-26 are sent."""
    legal = [(0, 0), *((2, reason) for reason in (0, 1, 2, 4, 5, 6))]
    for source in (0, 1, 2, 3, 255):
        for reason in (*range(8), 255):
            body = memoryview(bytes([0, 0, source, reason]))
            abort = Abort(source, reason)
            assert decode_body(7, body) == abort
            if (source, reason) in legal:
                assert abort.encode()[6:] == body
                continue
            with pytest.raises(LocalProtocolError, match="Table 9-26"):
                abort.encode()


@pytest.mark.parametrize("type_", [3, 5, 6, 7])
@pytest.mark.parametrize("length", [0, 1, 2, 3, 5, 6, 8])
def test_fixed_lengths(type_: int, length: int) -> None:
    with pytest.raises(DecodeError, match=f"of length {length}, not 4") as caught:
        decode_body(type_, memoryview(bytes(length)))
    assert caught.value.reason == 6


@pytest.mark.parametrize("type_", [0, 8, 9, 0x16, 0x47, 0x7F, 0x80, 0xFF])
@pytest.mark.parametrize("rest", ["00 00000004 00000000", "00 00000000", "00 ffffffff"])
def test_unknown_types_have_a_reason_of_their_own(type_: int, rest: str) -> None:
    with pytest.raises(DecodeError, match="PDU type") as caught:
        decode(bytes([type_]) + bytes.fromhex(rest))
    assert caught.value.reason == 1


@pytest.mark.parametrize("golden", [RQ, AC, RJ, RELEASE_RQ, RELEASE_RP, ABORT])
def test_every_truncation_is_refused(golden: str) -> None:
    """Cut anywhere, with its PDU-length as it was or made to fit what is left."""
    data = bytes.fromhex(golden)
    whole_without_user_information = len(data) - 25
    for length in range(len(data)):
        with pytest.raises(DecodeError):
            decode(data[:length])
        if length < 6 or (golden == AC and length in (whole_without_user_information, 99)):
            continue  # an acceptance without user information, or without contexts too, is let pass
        with pytest.raises(DecodeError):
            decode(data[:2] + (length - 6).to_bytes(4, "big") + data[6:length])


@pytest.mark.parametrize("length", [0, 1, 0x9F, 0xA1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_the_pdu_length_must_be_true(length: int) -> None:
    data = bytes.fromhex(RQ)
    with pytest.raises(DecodeError, match="PDU-length"):
        decode(data[:2] + length.to_bytes(4, "big") + data[6:])


def decodes_or_refuses(data: bytes) -> None:
    """Nothing but a PDU or a DecodeError; what is read and may be sent is read again as the same."""
    try:
        decoded = decode(data)
    except DecodeError as error:
        assert error.reason in (1, 5, 6)  # noqa: PT017  # most are refused
        return
    try:
        again = decoded.encode()
    except LocalProtocolError:
        return
    assert decode(again) == decoded


@given(corrupted())
def test_a_corrupted_field_is_read_or_refused(data: bytes) -> None:
    decodes_or_refuses(data)


@given(st.integers(0, 9), st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(type_: int, body: bytes) -> None:
    decodes_or_refuses(bytes([type_, 0]) + len(body).to_bytes(4, "big") + body)


@given(st.sampled_from([RQ, AC]), st.data())
def test_any_bytes_in_the_place_of_items_are_read_or_refused(golden: str, data: st.DataObject) -> None:
    valid = bytes.fromhex(golden)
    start = data.draw(st.integers(74, len(valid)))
    stop = data.draw(st.integers(start, len(valid)))
    changed = valid[6:start] + data.draw(st.binary(max_size=40)) + valid[stop:]
    decodes_or_refuses(valid[:2] + len(changed).to_bytes(4, "big") + changed)


@given(st.binary(max_size=300))
def test_garbage_is_refused(data: bytes) -> None:
    decodes_or_refuses(data)


@pytest.mark.parametrize(
    ("unsendable", "message"),
    [
        (replace(PROPOSAL, presentation_contexts=()), "at least one presentation context"),
        (replace(PROPOSAL, called_ae_title=""), "called-AE-title"),
        (replace(PROPOSAL, calling_ae_title="A" * 17), "calling-AE-title"),
        (replace(PROPOSAL, application_context=""), "application-context-name"),
        (replace(PROPOSAL, protocol_version=2), "bit 0"),
        (replace(PROPOSAL, protocol_version=0x10001), "bit 0"),
        (replace(PROPOSAL, protocol_version=-1), "bit 0"),
        (
            replace(PROPOSAL, presentation_contexts=PROPOSAL.presentation_contexts * 2),
            "presentation-context-ID",
        ),
        (replace(PROPOSAL, user_information=UserInformation(None)), "maximum length"),
        (replace(ACCEPTANCE, echo=b""), "bytes 11-74"),
        (replace(ACCEPTANCE, protocol_version=0), "bit 0"),
        (PDataTF(()), "at least one PDV"),
    ],
)
def test_what_cannot_be_sent(unsendable: pdu.Pdu, message: str) -> None:
    with pytest.raises(LocalProtocolError, match=message):
        unsendable.encode()


def test_titles_that_cannot_be_sent_still_make_a_request() -> None:
    """The mistake is reported by `encode`, with the name of the field."""
    made = AssociateRQ("\xc4RZTE", "A" * 20, PROPOSAL.presentation_contexts)
    assert made.echo == b"?RZTE           " + b"A" * 16 + bytes(32)


@pytest.mark.parametrize("value", [*(decoded for decoded, _ in GOLDEN), PDataTF(())])
def test_pdus_are_values(value: Any) -> None:
    with pytest.raises((AttributeError, TypeError)):
        value.anything = 1
    assert hash(value) == hash(replace(value))


def test_requests_are_compared_without_the_bytes_they_came_in() -> None:
    assert replace(PROPOSAL, echo=b"\xff" * 64) == PROPOSAL
    assert "echo" not in repr(PROPOSAL)


def test_errors_tell_the_clause() -> None:
    with pytest.raises(DecodeError, match=r"\(PS3\.8 9\.3\.2\)") as caught:
        rq(APPLICATION, CONTEXT)
    assert caught.value.what == "A-ASSOCIATE-RQ without user information"
    assert caught.value.clause == "PS3.8 9.3.2"
    assert str(DecodeError("bare")) == "bare"


def test_requests_that_come_again_are_the_same_value_unless_they_name_a_user():
    """Passwords are not kept."""
    plain = AssociateRQ("ANY", "ME", (ProposedContext(1, "1.2.840.10008.1.1", ("1.2.840.10008.1.2",)),)).encode()
    assert decode(plain) is decode(plain)
    user = UserInformation(user_identity=UserIdentity(2, b"me", b"secret"))
    secret = replace(decode(plain), user_information=user).encode()
    assert decode(secret) == decode(secret)
    assert decode(secret) is not decode(secret)


def test_no_more_requests_are_kept_than_some():
    first = AssociateRQ("ANY", "ME", (ProposedContext(1, "1.2.840.10008.1.1", ("1.2.840.10008.1.2",)),))
    known = decode(first.encode())
    for number in range(100):
        decode(replace(first, calling_ae_title=f"ME{number}").encode())
    assert decode(first.encode()) is not known
    assert decode(first.encode()) == known
