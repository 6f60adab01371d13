"""Section RQ: the A-ASSOCIATE-RQ as an acceptor judges it (PS3.8 9.3.2, 7.1.1): its version and its items.

Presentation contexts, and titles and lengths, have modules of their own.

What a sender shall do the clauses say; how a receiver answers a breach they hardly ever do, so any refusal is right,
accepting is lenient, and only silence or a misuse is wrong. What receivers shall skip (9.3.1) or not test (Table 9-11)
is another matter: there a refusal is the fault.
"""

from typing import TYPE_CHECKING

from ....dul.pdu import APPLICATION_CONTEXT
from .. import frames
from ..answers import Answer, asks, breaches, gives
from ..recipes import request
from ..results import Reaction

if TYPE_CHECKING:
    from ..trial import Trial

STRUCTURE = "PS3.8 9.3.2"
ITEMS = "PS3.8 9.3.1"
FIELDS = "PS3.8 Table 9-11"
REJECTIONS = "PS3.8 Table 9-21"
UNKNOWN_UID = "2.25.172772051965440126651801379510090856780.1.1"
"""Nobody's abstract syntax, transfer syntax or application context: under our own root, and assigned to nothing."""
OTHER = "1.2.840.10008.5.1.4.1.1.2"
"""A SOP class beside Verification: CT Image Storage."""
VERSION_ONLY = 'AC | x RJ "only bit 0 of the protocol version is to be tested" | x A(*) "only bit 0 is to be tested"'
SKIPPED = 'AC | x A(*) "what is unknown is to be skipped" | x RJ "what is unknown is to be skipped"'


def syntax(trial: "Trial") -> str:
    return trial.syntax(frames.VERIFICATION)


def verification(trial: "Trial", context_id: int = 1, **how: object) -> bytes:
    """A context for Verification that the peer accepts."""
    return frames.proposed(context_id, frames.VERIFICATION, [syntax(trial)], **how)  # type: ignore[arg-type]  # names of keywords


def only_items(trial: "Trial", *items: bytes) -> bytes:
    return request(trial, items=items)


# ---- what is in order, and the protocol version ----

asks(
    "RQ-01",
    "the least that is valid",
    lambda trial: request(trial, user=frames.user_information(frames.maximum_length(), frames.implementation_class())),
    "AC",
    gives(1, 0),
    clause=STRUCTURE,
    tags=("smoke",),
)
for _id, _version, _tags in (("RQ-02", 0x0003, ("smoke",)), ("RQ-03", 0xFFFF, ())):
    asks(
        _id,
        f"protocol-version {_version:04X}H",
        lambda trial, version=_version: request(trial, version=version),  # type: ignore[misc]  # mypy infers no lambda that has a default
        VERSION_ONLY,
        gives(1, 0),
        clause=FIELDS,
        tags=_tags,
    )
for _id, _version in (("RQ-04", 0x0000), ("RQ-05", 0x0002)):
    asks(
        _id,
        f"protocol-version {_version:04X}H, without bit 0",
        lambda trial, version=_version: request(trial, version=version),  # type: ignore[misc]  # mypy infers no lambda that has a default
        "RJ(1,2,2)",
        clause=(FIELDS, REJECTIONS),
    )

# ---- the application context ----


def _names_its_own(answer: Answer) -> None:
    name = next((item.value for item in answer.ac.items if item.type == 0x10), b"")
    if name != APPLICATION_CONTEXT.encode():
        answer.trial.grade(Reaction.LENIENT, f"application context {name!r} accepted, which is nobody's")


asks(
    "RQ-06",
    "an application context that nobody knows",
    lambda trial: request(trial, application=frames.application_context(UNKNOWN_UID)),
    "RJ(1,1,2) | AC",
    _names_its_own,
    clause=("PS3.7 A.1", REJECTIONS),
    tags=("smoke",),
    why="An acceptor may offer DICOM's in its answer (PS3.7 A.1); no clause asks for a rejection.",
)
breaches("RQ-07", "no application context item", lambda trial: request(trial, application=b""), clause=STRUCTURE)
breaches(
    "RQ-08",
    "an empty application context item",
    lambda trial: request(trial, application=frames.application_context(b"")),
    clause=STRUCTURE,
)
breaches(
    "RQ-09",
    "two application context items",
    lambda trial: request(trial, application=frames.application_context() * 2),
    clause=STRUCTURE,
)

# ---- what must be there ----

asks(
    "RQ-10",
    "no presentation context",
    lambda trial: only_items(trial, frames.application_context(), frames.user_information()),
    'REFUSE | x AC "an A-ASSOCIATE-AC has one context or more (9.3.3), and none was proposed"',
    clause=(STRUCTURE, "PS3.8 9.3.3"),
    event="",
    tags=("smoke",),
)
breaches("RQ-11", "no user information item", lambda trial: request(trial, user=b""), clause=STRUCTURE)
breaches(
    "RQ-12",
    "no maximum length sub-item",
    lambda trial: request(trial, user=frames.user_information(frames.implementation_class())),
    clause=("PS3.8 D.1", "PS3.7 D.3.3.1"),
)
breaches(
    "RQ-13",
    "no implementation class UID sub-item",
    lambda trial: request(trial, user=frames.user_information(frames.maximum_length())),
    clause="PS3.7 D.3.3.2",
)
breaches(
    "RQ-14",
    "items in decreasing order of their types",
    lambda trial: only_items(trial, frames.user_information(), verification(trial), frames.application_context()),
    clause=ITEMS,
)

# ---- what must be skipped ----

asks(
    "RQ-15",
    "an unknown item 60H at the end",
    lambda trial: only_items(
        trial,
        frames.application_context(),
        verification(trial),
        frames.user_information(),
        frames.item(0x60, b"unknown"),
    ),
    SKIPPED,
    gives(1, 0),
    clause=ITEMS,
    tags=("smoke",),
)
asks(
    "RQ-16",
    "an unknown item 11H between known ones",
    lambda trial: only_items(
        trial,
        frames.application_context(),
        frames.item(0x11, b"unknown"),
        verification(trial),
        frames.user_information(),
    ),
    SKIPPED,
    gives(1, 0),
    clause=ITEMS,
)
asks(
    "RQ-17",
    "an unknown user sub-item 5FH",
    lambda trial: request(trial, user=frames.user_information_with(frames.item(0x5F, b"unknown"))),
    SKIPPED,
    gives(1, 0),
    clause=("PS3.8 D.2 n2", ITEMS),
    tags=("smoke",),
)
asks(
    "RQ-18",
    "an unknown sub-item 31H inside a context",
    lambda trial: request(
        trial,
        [
            frames.proposed(
                1,
                frames.VERIFICATION,
                (),
                more=frames.item(0x31, b"unknown") + frames.item(0x40, syntax(trial).encode()),
            )
        ],
    ),
    SKIPPED,
    gives(1, 0),
    clause=ITEMS,
)
