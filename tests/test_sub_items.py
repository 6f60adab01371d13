"""The sub-items of user information: golden vectors from PS3.7 D.3.3, and every way to get them wrong."""

from typing import Any

import pytest
from dulcet.dul.errors import DecodeError, LocalProtocolError
from dulcet.dul.sub_items import (
    SUB_ITEMS,
    AsynchronousOperationsWindow,
    CommonExtendedNegotiation,
    ExtendedNegotiation,
    RoleSelection,
    UserIdentity,
    UserIdentityResponse,
)

GOLDEN: list[tuple[Any, str]] = [
    (
        AsynchronousOperationsWindow(invoked=258, performed=3),
        "53 00 0004"  # item type, reserved, item length
        "0102"  # maximum-number-operations-invoked
        "0003",  # maximum-number-operations-performed
    ),
    (
        RoleSelection("1.2.3", scu=False, scp=True),
        "54 00 0009"
        "0005 312e322e33"  # UID-length, SOP-class-uid "1.2.3"
        "00"  # SCU-role
        "01",  # SCP-role
    ),
    (
        ExtendedNegotiation("1.2.3", b"\x01\x00\x02"),
        "56 00 000a"
        "0005 312e322e33"  # SOP-class-uid-length, SOP-class-uid
        "010002",  # service-class-application-information
    ),
    (ExtendedNegotiation("1.2.3", b""), "56 00 0007 0005 312e322e33"),
    (
        CommonExtendedNegotiation("1.2.3", "1.4", ("1.5", "1.2.6")),
        "57 00 001a"  # item type, sub-item version 0, item length
        "0005 312e322e33"  # SOP-class-uid
        "0003 312e34"  # service-class-uid
        "000c"  # related-general-sop-class-identification-length
        "0003 312e35"  # first related-general-sop-class-uid
        "0005 312e322e36",  # second
    ),
    (CommonExtendedNegotiation("1.2.3", "1.4"), "57 00 000e 0005 312e322e33 0003 312e34 0000"),
    (
        UserIdentity(2, b"me", b"secret", response_requested=True),
        "58 00 000e"
        "02"  # user-identity-type: user name and passcode
        "01"  # positive-response-requested
        "0002 6d65"  # primary-field
        "0006 736563726574",  # secondary-field
    ),
    (UserIdentity(1, b"me"), "58 00 0008 01 00 0002 6d65 0000"),
    (UserIdentityResponse(b"ok"), "59 00 0004 0002 6f6b"),  # server-response-length, server-response
    (UserIdentityResponse(b""), "59 00 0002 0000"),
]


@pytest.mark.parametrize(("sub_item", "golden"), GOLDEN)
def test_golden_vectors(sub_item: Any, golden: str) -> None:
    encoded = bytes.fromhex(golden)
    assert sub_item.encode() == encoded
    assert type(sub_item).decode(memoryview(encoded)[4:]) == sub_item
    assert SUB_ITEMS[encoded[0]](memoryview(encoded)[4:]) == sub_item


@pytest.mark.parametrize(("sub_item", "golden"), GOLDEN)
def test_every_truncation_is_refused(sub_item: Any, golden: str) -> None:
    value = bytes.fromhex(golden)[4:]
    if isinstance(sub_item, ExtendedNegotiation):
        value = value[:7]  # what follows the UID may have any length
    for length in range(len(value)):
        with pytest.raises(DecodeError) as caught:
            type(sub_item).decode(memoryview(value)[:length])
        assert caught.value.reason == 6


@pytest.mark.parametrize(("sub_item", "golden"), GOLDEN)
def test_surplus_bytes(sub_item: Any, golden: str) -> None:
    value = memoryview(bytes.fromhex(golden)[4:] + b"\0")
    match sub_item:
        case ExtendedNegotiation():
            assert ExtendedNegotiation.decode(value).information == sub_item.information + b"\0"
        case CommonExtendedNegotiation():  # later versions may add fields (PS3.7 D.3.3.6.1)
            assert CommonExtendedNegotiation.decode(value) == sub_item
        case _:
            with pytest.raises(DecodeError, match="1 bytes too many"):
                type(sub_item).decode(value)


@pytest.mark.parametrize(
    ("type_", "value", "message"),
    [
        (0x51, "4000", "4 bytes overruns"),
        (0x51, "0000400000", "1 bytes too many"),
        (0x52, "", "implementation-class-uid"),
        (0x52, "312e61", "implementation-class-uid"),
        (0x54, "0005 312e322e33 02 00", "SCU-role is 2"),
        (0x54, "0005 312e322e33 00 ff", "SCP-role is 255"),
        (0x54, "0005 312e322e61 00 01", "SOP-class-uid of role selection"),
        (0x54, "0008 312e322e33 00 01", "8 bytes overruns"),
        (0x55, "", "implementation-version-name"),
        (0x55, "41" * 17, "implementation-version-name"),
        (0x56, "0000", "SOP-class-uid of extended negotiation"),
        (0x57, "0003 312e34 0003 312e34 0004 0003 312e", "related-general-sop-class-identification"),
        (0x57, "0003 312e34 0003 312e34 0002 0000", "related-general-sop-class-uid"),
        (0x57, "0003 312e34 0000 0000", "service-class-uid"),
        (0x58, "01 02 0000 0000", "positive-response-requested is 2"),
        (0x58, "01 00 0000 0001 41", "type 1 has a secondary field"),
        (0x58, "05 00 0000 0001 41", "type 5 has a secondary field"),
        (0x58, "02 00 ffff 0000", "65535 bytes overruns"),
    ],
)
def test_malformed_values_are_refused(type_: int, value: str, message: str) -> None:
    with pytest.raises(DecodeError, match=message) as caught:
        SUB_ITEMS[type_](memoryview(bytes.fromhex(value)))
    assert caught.value.reason == 6


@pytest.mark.parametrize("kind", [0, 6, 255])
def test_unknown_kinds_of_identity_are_read_for_a_policy_to_ignore(kind: int) -> None:
    value = memoryview(bytes([kind]) + bytes.fromhex("00 0001 41 0000"))
    assert UserIdentity.decode(value) == UserIdentity(kind, b"A")


@pytest.mark.parametrize(
    "sub_item",
    [
        AsynchronousOperationsWindow(-1, 1),
        AsynchronousOperationsWindow(1, 65536),
        RoleSelection("1.2.x", scu=True, scp=True),
        ExtendedNegotiation("", b""),
        ExtendedNegotiation("1.2", bytes(0xFFFF)),
        CommonExtendedNegotiation("1.2", "x"),
        CommonExtendedNegotiation("x", "1.2"),
        CommonExtendedNegotiation("1.2", "1.2", ("x",)),
        UserIdentity(0, b""),
        UserIdentity(6, b""),
        UserIdentity(1, b"", b"passcode"),
        UserIdentity(2, bytes(0x10000)),
        UserIdentityResponse(bytes(0xFFFE)),
    ],
)
def test_what_cannot_be_sent(sub_item: Any) -> None:
    with pytest.raises(LocalProtocolError):
        sub_item.encode()


def test_secrets_are_not_shown() -> None:
    assert repr(UserIdentity(2, b"me", b"secret")) == "UserIdentity(type=2, response_requested=False)"
    assert repr(UserIdentityResponse(b"ticket")) == "UserIdentityResponse()"
    with pytest.raises(LocalProtocolError) as caught:
        UserIdentity(1, b"me", b"secret").encode()
    assert "secret)" not in str(caught.value)
    assert "b'" not in str(caught.value)
