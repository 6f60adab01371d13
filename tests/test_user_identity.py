"""User identity (PS3.7 D.3.3.7): makers of the sub-item, and the verifier of user names and passcodes."""

import pytest
from dulcet.acse.user_identity import (
    Identified,
    Refused,
    json_web_token,
    kerberos,
    saml,
    username,
    username_and_passcode,
    verify_passcodes,
)
from dulcet.dul.errors import LocalProtocolError
from dulcet.dul.items import UserIdentity
from dulcet.dul.pdu import AssociateRQ

RQ = AssociateRQ("ARCHIVE", "SCU", ())
VERIFY = verify_passcodes({"anna": "sésame", "otto": b"\x00\xff"})


@pytest.mark.parametrize(
    ("made", "type_", "primary", "secondary"),  # Table D.3-14
    [
        (username("jürgen"), 1, "jürgen".encode(), b""),
        (username_and_passcode("anna", "sésame"), 2, b"anna", "sésame".encode()),
        (username_and_passcode("otto", b"\x00\xff"), 2, b"otto", b"\x00\xff"),
        (username_and_passcode("anna", ""), 2, b"anna", b""),
        (kerberos(b"ticket"), 3, b"ticket", b""),
        (saml("<Assertion/>"), 4, b"<Assertion/>", b""),
        (json_web_token(b"a.b.c"), 5, b"a.b.c", b""),
    ],
)
def test_each_type(made: UserIdentity, type_: int, primary: bytes, secondary: bytes) -> None:
    assert made == UserIdentity(type_, primary, secondary, response_requested=False)


@pytest.mark.parametrize("make", [username, kerberos, saml, json_web_token])
def test_a_response_is_requested_when_asked_for(make: object) -> None:
    assert make(b"x", response_requested=True).response_requested  # type: ignore[operator]  # a function; typed as an object
    assert username_and_passcode("a", "b", response_requested=True).response_requested


def test_the_sub_item_has_room_for_65529_bytes() -> None:
    assert len(kerberos(bytes(65529)).primary) == 65529  # 65535 less type, response, and two lengths
    with pytest.raises(LocalProtocolError, match="65530 bytes"):
        kerberos(bytes(65530))
    with pytest.raises(LocalProtocolError, match=r"D\.3\.3\.7"):
        username_and_passcode("a" * 40000, "b" * 40000)


def test_an_empty_primary_field_says_nothing() -> None:
    with pytest.raises(LocalProtocolError, match="empty"):
        username("")


def test_what_fits_can_be_encoded() -> None:
    username_and_passcode("a" * 65528, "b").encode()


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        (username_and_passcode("anna", "sésame"), "anna"),
        (username_and_passcode("otto", b"\x00\xff"), "otto"),
        (username_and_passcode("anna", "wrong"), None),
        (username_and_passcode("anna", ""), None),
        (username_and_passcode("nobody", "sésame"), None),
        (UserIdentity(2, b"\xff\xfe"), None),
        (username("anna"), None),
        (kerberos(b"anna"), None),
        (UserIdentity(3, b"anna", "sésame".encode()), None),
    ],
)
def test_verifying_passcodes(identity: UserIdentity, name: str | None) -> None:
    verdict = VERIFY(identity, RQ)
    assert verdict == Identified(name) if name else isinstance(verdict, Refused)


def test_unknown_user_and_wrong_passcode_are_told_apart_by_nobody() -> None:
    unknown = VERIFY(username_and_passcode("nobody", "x"), RQ)
    wrong = VERIFY(username_and_passcode("anna", "x"), RQ)
    assert unknown == wrong


def test_no_secret_in_any_repr() -> None:
    identity = username_and_passcode("anna", "hunter2", response_requested=True)
    for value in (identity, Identified("anna", b"hunter2"), RQ, VERIFY, VERIFY(identity, RQ)):
        assert "hunter2" not in repr(value)
        assert "sésame" not in repr(value)
