"""Presentation contexts and user information: golden vectors from PS3.8 9.3, round trips, refusals."""

from collections.abc import Callable

import pytest
from dulcet.dul.errors import DecodeError, LocalProtocolError
from dulcet.dul.items import (
    ContextResult,
    ExtendedNegotiation,
    ProposedContext,
    RoleSelection,
    UserIdentity,
    UserInformation,
)
from dulcet.dul.strategies import context_results, proposed_contexts, user_informations
from hypothesis import given

UID = "1.2.840.10008.1.2"
UID_HEX = UID.encode().hex()

PROPOSED = (
    "20 00 0033"  # item type, reserved, item length
    "03"  # presentation-context-ID
    "000000"  # reserved
    "30 00 0011" + b"1.2.840.10008.1.1".hex() +  # abstract syntax sub-item
    "40 00 0011" + UID_HEX +  # transfer syntax sub-item
    "40 00 0001" + "31"  # another
)  # fmt: skip
ACCEPTED = (
    "21 00 0019"
    "03"  # presentation-context-ID
    "00"  # reserved
    "00"  # result/reason: acceptance
    "00"  # reserved
    "40 00 0011" + UID_HEX
)
REFUSED = "21 00 0019 03 00 04 00 40 00 0011" + UID_HEX
USER_INFORMATION = (
    "50 00 0039"
    "51 00 0004 00004000"  # maximum length 16384
    "52 00 0003 312e33"  # implementation class UID "1.3"
    "53 00 0004 0001 0001"  # asynchronous operations window
    "54 00 0007 0003 312e35 01 00"  # role selection for "1.5"
    "55 00 0002 4142"  # implementation version name "AB"
    "56 00 0006 0003 312e35 ff"  # extended negotiation for "1.5"
    "59 00 0003 0001 41"  # user identity, of an acceptor
)


def value(data: str) -> memoryview:
    return memoryview(bytes.fromhex(data))[4:]


def context(sub_items: str, number: str = "03") -> memoryview:
    return memoryview(bytes.fromhex(number + "000000" + sub_items))


def test_proposed_context() -> None:
    proposed = ProposedContext(3, "1.2.840.10008.1.1", (UID, "1"))
    assert proposed.encode() == bytes.fromhex(PROPOSED)
    assert ProposedContext.decode(value(PROPOSED)) == proposed


def test_accepted_context() -> None:
    assert ContextResult(3, 0, UID).encode() == bytes.fromhex(ACCEPTED)
    assert ContextResult.decode(value(ACCEPTED)) == ContextResult(3, 0, UID)


def test_refused_context_has_a_transfer_syntax_that_nobody_looks_at() -> None:
    assert ContextResult(3, 4).encode() == bytes.fromhex(REFUSED)
    assert ContextResult.decode(value(REFUSED)) == ContextResult(3, 4)
    for garbage in ("", "40 00 0000", "40 00 0002 ffff", "40 00 ffff", "40", "99 00 0000"):
        assert ContextResult.decode(memoryview(bytes.fromhex("03 00 04 00" + garbage))) == ContextResult(3, 4)


def test_undefined_results_are_refusals_too() -> None:
    for result in range(5, 256):
        assert ContextResult.decode(memoryview(bytes([3, 0, result, 0]))) == ContextResult(3, result)


def test_user_information() -> None:
    encoded = bytes.fromhex(USER_INFORMATION)
    decoded = UserInformation.decode(memoryview(encoded)[4:])
    assert decoded.maximum_length == 16384
    assert decoded.implementation_class_uid == "1.3"
    assert decoded.role_selections == (RoleSelection("1.5", scu=True, scp=False),)
    assert decoded.implementation_version_name == "AB"
    assert decoded.extended_negotiations == (ExtendedNegotiation("1.5", b"\xff"),)
    assert decoded.user_identity is None
    assert decoded.user_identity_response is not None
    assert decoded.encode() == encoded


def test_sub_items_may_come_in_any_order_and_leave_ascending() -> None:
    shuffled = "50 00 0013 55 00 0002 4142 52 00 0003 312e33 51 00 0004 00000000"
    decoded = UserInformation.decode(value(shuffled))
    assert decoded == UserInformation(0, "1.3", "AB")
    assert decoded.encode().hex() == "50000015510000040000000052000003312e33550000024142"


@given(proposed_contexts())
def test_proposed_contexts_round_trip(proposed: ProposedContext) -> None:
    assert ProposedContext.decode(memoryview(proposed.encode())[4:]) == proposed


@given(context_results())
def test_context_results_round_trip(result: ContextResult) -> None:
    assert ContextResult.decode(memoryview(result.encode())[4:]) == result


@given(user_informations() | user_informations("A-ASSOCIATE-AC"))
def test_user_informations_round_trip(information: UserInformation) -> None:
    encoded = information.encode()
    assert UserInformation.decode(memoryview(encoded)[4:]) == information
    assert UserInformation.decode(memoryview(encoded)[4:]).encode() == encoded


def test_reserved_bytes_are_not_tested() -> None:
    assert ProposedContext.decode(memoryview(bytes.fromhex("03ffffff 30ff0001 31 40ff0001 32"))) == ProposedContext(
        3, "1", ("2",)
    )
    assert ContextResult.decode(memoryview(bytes.fromhex("03ff00ff 40ff0001 32"))) == ContextResult(3, 0, "2")


def test_unknown_sub_items_are_skipped() -> None:
    skipped = "31 00 0002 ffff"
    assert ProposedContext.decode(context(skipped + "30000001 31" + skipped + "40000001 32" + skipped)) == (
        ProposedContext(3, "1", ("2",))
    )
    assert ContextResult.decode(context(skipped + "40000001 32")) == ContextResult(3, 0, "2")
    assert UserInformation.decode(memoryview(bytes.fromhex("5f 00 0001 00 50 00 0000"))) == (
        UserInformation(None, None, None)
    )


def test_a_policy_can_answer_for_missing_syntaxes() -> None:
    assert ProposedContext.decode(context("40000001 32")) == ProposedContext(3, "", ("2",))
    assert ProposedContext.decode(context("30000001 31")) == ProposedContext(3, "1", ())
    assert ProposedContext.decode(context("")) == ProposedContext(3, "", ())


def test_syntaxes_of_a_context_may_be_in_any_order() -> None:
    assert ProposedContext.decode(context("40000001 32 30000001 31")) == ProposedContext(3, "1", ("2",))


@pytest.mark.parametrize(
    ("decode", "malformed", "message"),
    [
        (ProposedContext.decode, "", "1 bytes overruns"),
        (ProposedContext.decode, "0300", "3 bytes overruns"),
        (ProposedContext.decode, "00000000", "presentation-context-ID 0 is not odd"),
        (ProposedContext.decode, "02000000 30000001 31 40000001 32", "presentation-context-ID 2 is not odd"),
        (ProposedContext.decode, "fe000000", "presentation-context-ID 254 is not odd"),
        (ProposedContext.decode, "03000000 30000001 31 30000001 31", "two abstract syntaxes in context 3"),
        (ProposedContext.decode, "03000000 30000001 61", "abstract-syntax-name"),
        (ProposedContext.decode, "03000000 30000000", "abstract-syntax-name"),
        (ProposedContext.decode, "03000000 30000041" + "31" * 65, "abstract-syntax-name"),
        (ProposedContext.decode, "03000000 40000002 3120", "transfer-syntax-name"),
        (ProposedContext.decode, "03000000 40000003 3132", "item 40H overruns it by 1"),
        (ProposedContext.decode, "03000000 40000001 31 00", "1 stray bytes"),
        (ProposedContext.decode, "03000000" + "4000000131" * 257, "257 transfer syntaxes in context 3"),
        (ContextResult.decode, "030000", "1 bytes overruns"),
        (ContextResult.decode, "02000000 40000001 32", "presentation-context-ID 2 is not odd"),
        (ContextResult.decode, "02000400 40000001 32", "presentation-context-ID 2 is not odd"),
        (ContextResult.decode, "03000000", "0 transfer syntaxes in context 3"),
        (ContextResult.decode, "03000000 40000001 31 40000001 32", "2 transfer syntaxes in context 3"),
        (ContextResult.decode, "03000000 40000001 61", "transfer-syntax-name"),
        (ContextResult.decode, "03000000 40000002 31", "item 40H overruns it by 1"),
        (UserInformation.decode, "5100000400000000 5100000400000000", "2 sub-items 51H"),
        (UserInformation.decode, "520000013152000001 32", "2 sub-items 52H"),
        (UserInformation.decode, "55000001315500000132", "2 sub-items 55H"),
        (UserInformation.decode, "5300000400000000 5300000400000000", "2 sub-items 53H"),
        (UserInformation.decode, "58000006010000000000" * 2, "2 sub-items 58H"),
        (UserInformation.decode, "590000020000" * 2, "2 sub-items 59H"),
        (UserInformation.decode, "54000005 0001310001 54000005 0001310100", "two different sub-items 54H"),
        (UserInformation.decode, "56000003 000131 56000004 00013100", "two different sub-items 56H"),
        (
            UserInformation.decode,
            "57000008 000131000131 0000 57000008 000131000132 0000",
            "two different sub-items 57H",
        ),
        (UserInformation.decode, "54000005 0001310001" * 129, "129 sub-items 54H"),
        (UserInformation.decode, "5100", "2 stray bytes"),
        (UserInformation.decode, "51000005 00000000", "item 51H overruns it by 1"),
        (UserInformation.decode, "5fff000500000000", "item 5FH overruns it by 1"),
    ],
)
def test_malformed_items_are_refused(decode: Callable[[memoryview], object], malformed: str, message: str) -> None:
    with pytest.raises(DecodeError, match=message) as caught:
        decode(memoryview(bytes.fromhex(malformed)))
    once_too_often = message.startswith(("2 sub-items", "two "))
    assert caught.value.reason == (5 if once_too_often else 6)  # unexpected or invalid parameter (Table 9-26)


def test_generous_limits() -> None:
    many = ProposedContext.decode(context("4000000131" * 256))
    assert len(many.transfer_syntaxes) == 256
    roles = "".join(f"54000007 0003 312e{n:02x} 0001" for n in range(0x30, 0x3A))
    assert len(UserInformation.decode(memoryview(bytes.fromhex(roles))).role_selections) == 10


@pytest.mark.parametrize(
    "item",
    [
        ProposedContext(0, UID, (UID,)),
        ProposedContext(2, UID, (UID,)),
        ProposedContext(257, UID, (UID,)),
        ProposedContext(-1, UID, (UID,)),
        ProposedContext(1, "", (UID,)),
        ProposedContext(1, "1.02", (UID,)),
        ProposedContext(1, UID, ()),
        ProposedContext(1, UID, ("",)),
        ProposedContext(1, UID, (UID,) * 4000),
        ContextResult(2, 0, UID),
        ContextResult(1, 0),
        ContextResult(1, 5),
        ContextResult(1, -1),
        ContextResult(1, 3, "x"),
        UserInformation(maximum_length=None),
        UserInformation(maximum_length=-1),
        UserInformation(maximum_length=2**32),
        UserInformation(implementation_class_uid=None),
        UserInformation(implementation_class_uid="1.x"),
        UserInformation(implementation_version_name=""),
        UserInformation(implementation_version_name="A" * 17),
        UserInformation(role_selections=(RoleSelection(UID, True, True), RoleSelection(UID, True, False))),
        UserInformation(extended_negotiations=(ExtendedNegotiation(UID, b""), ExtendedNegotiation(UID, b"1"))),
        UserInformation(user_identity=UserIdentity(3, bytes(65525))),
    ],
)
def test_what_cannot_be_sent(item: ProposedContext | ContextResult | UserInformation) -> None:
    with pytest.raises(LocalProtocolError):
        item.encode()


def test_what_we_say_of_ourselves() -> None:
    ours = UserInformation()
    assert ours.maximum_length == 131072
    assert ours.implementation_class_uid is not None
    assert ours.implementation_class_uid.startswith("2.25.")
    assert ours.implementation_version_name is not None
    assert ours.implementation_version_name.startswith("DULCET")
    assert UserInformation.decode(memoryview(ours.encode())[4:]) == ours


@pytest.mark.parametrize(
    ("encoded", "name"),
    [
        ("54000005 0001310001", "role_selections"),
        ("56000003 000131", "extended_negotiations"),
        ("57000008 000131000131 0000", "common_extended_negotiations"),
    ],
)
def test_the_same_negotiation_twice_is_taken_once(encoded: str, name: str) -> None:
    """DCMTK says the role once for each context of a SOP class."""
    once, twice = (UserInformation.decode(memoryview(bytes.fromhex(encoded * times))) for times in (1, 2))
    assert twice == once
    assert len(getattr(twice, name)) == 1
