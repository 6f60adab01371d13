"""Section NEG, the second part: who the user is, and what implementation speaks (PS3.7 D.3.3.7, D.3.3.2.3).

An acceptor may know nothing of user identities, and then says nothing of them. A 59H is due only where it was asked for
and the user is known; who is refused is rejected by the service-provider (ACSE).
"""

from .. import frames
from ..answers import Answer, asks, breaches, has_none
from ..recipes import request
from .negotiation import with_user_items

IDENTITY = "PS3.7 D.3.3.7"
IDENTITY_ITEM = "PS3.7 D.3.3.7.1"
IDENTITY_RESPONSE = "PS3.7 D.3.3.7.2"
REFUSED_IDENTITY = "PS3.7 D.3.3.7.3"
VERSION_NAME = "PS3.7 D.3.3.2.3"

NAME, PASSCODE = "dulcet", "conformance"
KNOWN_OR_NOT = "AC | RJ(1,2,1) | ~RJ(1,2,2) [LENIENT]"
"""To a user whom the peer may know, or not (PS3.7 D.3.3.7.3)."""
NOT_ASKED = has_none(0x59, why="no response was asked for")


def _identity(type_: int, response: int) -> bytes:
    return frames.user_identity(type_, NAME, PASSCODE if type_ == 2 else b"", response=response)


asks(
    "NEG-24",
    "a user name, no response asked for",
    lambda trial: with_user_items(trial, _identity(1, 0)),
    KNOWN_OR_NOT,
    NOT_ASKED,
    clause=IDENTITY,
)


def _acknowledges(answer: Answer) -> None:
    found = answer.sub_items(0x59)
    promised = int(answer.trial.variant) in answer.trial.profile.user_identity
    answer.trial.check(len(found) < 2, f"{len(found)} sub-items 59H")
    answer.trial.check(bool(found) or not promised, "no sub-item 59H, which the profile says it answers with")
    for value in found:
        answer.trial.check(value == bytes(2), f"sub-item 59H of {len(value)} bytes, an empty server-response is due")


asks(
    "NEG-25",
    "a user name, and one with a passcode; a response asked for",
    lambda trial: with_user_items(trial, _identity(int(trial.variant), 1)),
    KNOWN_OR_NOT,
    _acknowledges,
    clause=(IDENTITY_RESPONSE, IDENTITY),
    variants=("1", "2"),
    why="Supported or not; the server-response of these types is empty, and the sub-item has length 2.",
)
asks(
    "NEG-26",
    "a wrong passcode",
    lambda trial: with_user_items(trial, frames.user_identity(2, NAME, "a wrong passcode", response=1)),
    "RJ(1,2,1) | ~RJ(1,2,2) [LENIENT]",
    clause=(REFUSED_IDENTITY, "PS3.8 Table 9-21"),
    needs=("verification", "checks_identity"),
    why="Rejected permanently, by the service-provider (ACSE); of its reasons one names the protocol version.",
)
asks(
    "NEG-27",
    "tickets and tokens that are none",
    lambda trial: with_user_items(trial, frames.user_identity(int(trial.variant), b"\xff garbage \0", response=1)),
    "AC | RJ(1,2,1) | RJ(1,2,2)",
    has_none(0x59, why="garbage cannot be authenticated"),
    level="S",
    clause=(IDENTITY, REFUSED_IDENTITY),
    variants=("3", "4", "5"),
)
asks(
    "NEG-28",
    "user identity types that do not exist",
    lambda trial: with_user_items(trial, frames.user_identity(int(trial.variant), NAME)),
    "AC | REFUSE",
    NOT_ASKED,
    level="S",
    clause=IDENTITY_ITEM,
    event="",
    variants=("0", "6", "255"),
)
breaches(
    "NEG-29",
    "a secondary field with type 1",
    lambda trial: with_user_items(trial, frames.user_identity(1, NAME, PASSCODE)),
    clause=IDENTITY_ITEM,
)
asks(
    "NEG-30",
    "a primary field that overruns the sub-item",
    lambda trial: with_user_items(trial, frames.user_identity(1, NAME, primary_length=1000)),
    "REFUSE",
    clause=IDENTITY_ITEM,
    event="Evt19",
)
breaches(
    "NEG-31",
    "implementation version names of 0 and 17 characters",
    lambda trial: request(
        trial,
        user=frames.user_information(
            frames.maximum_length(), frames.implementation_class(), frames.version_name("V" * int(trial.variant))
        ),
    ),
    clause=VERSION_NAME,
    variants=("0", "17"),
)
