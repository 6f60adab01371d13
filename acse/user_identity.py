"""User identity, both ends (PS3.7 D.3.3.7): makers of the 58H sub-item, and what a verifier answers.

A requestor says who its user is in one of five ways; `username`, `username_and_passcode`, `kerberos`, `saml`
and `json_web_token` build them. An acceptor's `Policy.user_identity` judges what came and returns
`Identified` or `Refused`. Nothing here parses tickets, assertions or tokens, and no secret is ever part of a
`repr`.
"""

from collections.abc import Callable, Mapping
from dataclasses import field

from ..dul.errors import LocalProtocolError
from ..dul.items import UserIdentity
from ..dul.pdu import AssociateRQ
from ..spec.values import value

USERNAME, USERNAME_AND_PASSCODE, KERBEROS, SAML, JSON_WEB_TOKEN = 1, 2, 3, 4, 5
"""User-Identity-Type (Table D.3-14)."""
TYPES = range(1, 6)
"""The types the standard defines."""

MAXIMUM_FIELDS_LENGTH = 0xFFFF - 6
"""Bytes of primary and secondary field together: the item length has 16 bits and counts six bytes before
them."""


@value
class Identified:
    """A verifier's yes."""

    name: str
    """Who the user is, for access decisions and logs."""
    response: bytes = field(default=b"", repr=False)
    """Server-response: the ticket of type 3, the SAML response of type 4; not sent for types 1 and 2."""


@value
class Refused:
    """A verifier's no."""

    why: str
    """For the acceptor's log only: the peer is told one reason for all causes."""


Verifier = Callable[[UserIdentity, AssociateRQ], Identified | Refused]
"""Judges a user identity of types 1 to 5. What it raises leaves negotiation, and no association comes of
it."""


def username(name: str, *, response_requested: bool = False) -> UserIdentity:
    """Type 1: a user name, unproven."""
    return _identity(USERNAME, name, b"", response_requested)


def username_and_passcode(name: str, passcode: str | bytes, *, response_requested: bool = False) -> UserIdentity:
    """Type 2: a user name and a passcode, in clear: for secure connections only."""
    return _identity(USERNAME_AND_PASSCODE, name, passcode, response_requested)


def kerberos(ticket: bytes, *, response_requested: bool = False) -> UserIdentity:
    """Type 3: a Kerberos service ticket."""
    return _identity(KERBEROS, ticket, b"", response_requested)


def saml(assertion: str | bytes, *, response_requested: bool = False) -> UserIdentity:
    """Type 4: a SAML assertion."""
    return _identity(SAML, assertion, b"", response_requested)


def json_web_token(token: str | bytes, *, response_requested: bool = False) -> UserIdentity:
    """Type 5: a JSON Web Token."""
    return _identity(JSON_WEB_TOKEN, token, b"", response_requested)


def verify_passcodes(passcodes: Mapping[str, str | bytes]) -> Verifier:
    """A verifier that knows users and passcodes (type 2) and refuses everything else.

    Only digests are kept, and an unknown user costs the same comparison as a known one.
    """
    from hashlib import sha256  # brings OpenSSL: 3 ms that nobody else need wait
    from hmac import compare_digest

    def digest(passcode: bytes) -> bytes:
        return sha256(passcode).digest()  # so that comparing takes the same time for every length

    known = {_octets(name): digest(_octets(passcode)) for name, passcode in passcodes.items()}
    nobody = bytes(sha256().digest_size)

    def verify(identity: UserIdentity, _rq: AssociateRQ) -> Identified | Refused:
        right = compare_digest(digest(identity.secondary), known.get(identity.primary, nobody))
        if identity.type != USERNAME_AND_PASSCODE:
            return Refused(f"identity of type {identity.type}, but a user name and passcode (type 2) is needed")
        if not right:
            return Refused("unknown user or wrong passcode")
        return Identified(identity.primary.decode())

    return verify


def _identity(kind: int, primary: str | bytes, secondary: str | bytes, response_requested: bool) -> UserIdentity:
    first, second = _octets(primary), _octets(secondary)
    if not first:
        raise LocalProtocolError("the primary field of a user identity is empty (PS3.7 D.3.3.7.1)")
    if len(first) + len(second) > MAXIMUM_FIELDS_LENGTH:
        raise LocalProtocolError(
            f"a user identity of {len(first) + len(second)} bytes does not fit into its sub-item, "
            f"which holds {MAXIMUM_FIELDS_LENGTH} (PS3.7 D.3.3.7.1)"
        )
    return UserIdentity(kind, first, second, response_requested)


def _octets(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value  # names and passcodes are UTF-8 (Table D.3-14)
