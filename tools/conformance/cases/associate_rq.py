"""Section RQ: the A-ASSOCIATE-RQ as an acceptor judges it (PS3.8 9.3.2, 7.1.1).

What a sender shall do the clauses say; how a receiver answers a breach they hardly ever do, so any refusal is right,
accepting is lenient, and only silence or a misuse is wrong. What receivers shall skip (9.3.1) or not test (Table 9-11)
is another matter: there a refusal is the fault.
"""

from typing import TYPE_CHECKING

from ....dul.pdu import APPLICATION_CONTEXT
from .. import frames
from ..answers import REFUSED, Answer, asks, breaches, gives, invents_no_context, refuses
from ..recipes import request
from ..results import Reaction

if TYPE_CHECKING:
    from ..trial import Trial

STRUCTURE = "PS3.8 9.3.2"
ITEMS = "PS3.8 9.3.1"
FIELDS = "PS3.8 Table 9-11"
REJECTIONS = "PS3.8 Table 9-21"
RESULTS = "PS3.8 Table 9-18"
CONTEXT_IDS = "PS3.8 Table 9-13"
UIDS = "PS3.8 F.1"
UNKNOWN_UID = "2.25.172772051965440126651801379510090856780.1.1"
"""Nobody's abstract syntax, transfer syntax or application context: under our own root, and assigned to nothing."""
LONG_UID = f"{UNKNOWN_UID}.{'1' * (65 - len(UNKNOWN_UID) - 1)}"
"""65 characters, and lawful but for its length."""
OTHER = "1.2.840.10008.5.1.4.1.1.2"
MEBIBYTE = 1 << 20
VERSION_ONLY = 'AC | x RJ "only bit 0 of the protocol version is to be tested" | x A(*) "only bit 0 is to be tested"'
SKIPPED = 'AC | x A(*) "what is unknown is to be skipped" | x RJ "what is unknown is to be skipped"'


def _syntax(trial: "Trial") -> str:
    return trial.profile.syntax(frames.VERIFICATION)


def _verification(trial: "Trial", context_id: int = 1, **how: object) -> bytes:
    """A context for Verification that the peer accepts."""
    return frames.proposed(context_id, frames.VERIFICATION, [_syntax(trial)], **how)  # type: ignore[arg-type]


def _items(trial: "Trial", *items: bytes) -> bytes:
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
        lambda trial, version=_version: request(trial, version=version),  # type: ignore[misc]
        VERSION_ONLY,
        gives(1, 0),
        clause=FIELDS,
        tags=_tags,
    )
for _id, _version in (("RQ-04", 0x0000), ("RQ-05", 0x0002)):
    asks(
        _id,
        f"protocol-version {_version:04X}H, without bit 0",
        lambda trial, version=_version: request(trial, version=version),  # type: ignore[misc]
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
    lambda trial: _items(trial, frames.application_context(), frames.user_information()),
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
    lambda trial: _items(trial, frames.user_information(), _verification(trial), frames.application_context()),
    clause=ITEMS,
)

# ---- what must be skipped ----

asks(
    "RQ-15",
    "an unknown item 60H at the end",
    lambda trial: _items(
        trial,
        frames.application_context(),
        _verification(trial),
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
    lambda trial: _items(
        trial,
        frames.application_context(),
        frames.item(0x11, b"unknown"),
        _verification(trial),
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
                more=frames.item(0x31, b"unknown") + frames.item(0x40, _syntax(trial).encode()),
            )
        ],
    ),
    SKIPPED,
    gives(1, 0),
    clause=ITEMS,
)

# ---- presentation-context-IDs ----

for _id, _number in (("RQ-19", 2), ("RQ-20", 0)):
    breaches(
        _id,
        f"presentation-context-ID {_number}",
        lambda trial, number=_number: request(trial, [_verification(trial, number)]),  # type: ignore[misc]
        invents_no_context,
        level="M",
        clause=CONTEXT_IDS,
        why="An answer that repeats the ID breaks Table 9-18, one that leaves it out breaks 7.1.1.14.",
    )
asks(
    "RQ-21",
    "presentation-context-ID 255",
    lambda trial: request(trial, [_verification(trial, 255)]),
    "AC",
    gives(255, 0),
    invents_no_context,
    clause=CONTEXT_IDS,
)
breaches(
    "RQ-22",
    "two contexts of one presentation-context-ID",
    lambda trial: request(trial, [_verification(trial), frames.proposed(1, OTHER, [_syntax(trial)])]),
    invents_no_context,
    clause="PS3.8 7.1.1.13",
)


def _all_answered(answer: Answer) -> None:
    answered = {each.id for each in answer.contexts}
    missing = len(set(answer.asked.proposals) - answered)
    answer.trial.check(not missing, f"{missing} of {len(answer.asked.proposals)} contexts have no result")


asks(
    "RQ-23",
    "128 contexts",
    lambda trial: request(trial, [_verification(trial, number) for number in range(1, 256, 2)]),
    "AC",
    _all_answered,
    invents_no_context,
    clause=(CONTEXT_IDS, "PS3.8 7.1.1.14"),
)
breaches(
    "RQ-24",
    "129 contexts, one presentation-context-ID twice",
    lambda trial: request(trial, [_verification(trial, number) for number in (*range(1, 256, 2), 1)]),
    invents_no_context,
    clause="PS3.8 7.1.1.13",
)

# ---- abstract and transfer syntaxes ----

asks(
    "RQ-25",
    "a context without abstract syntax",
    lambda trial: request(trial, [frames.proposed(1, None, [_syntax(trial)])]),
    "AC | REFUSE",
    gives(1, 3, 1, 2, 4),
    clause=("PS3.8 9.3.2.2", RESULTS),
    event="",
)
asks(
    "RQ-26",
    "a context with two abstract syntaxes",
    lambda trial: request(
        trial,
        [frames.proposed(1, frames.VERIFICATION, (), more=frames.item(0x30, OTHER.encode()) + _transfer_syntax(trial))],
    ),
    "AC | REFUSE",
    refuses(1, "accepted, though it has two abstract syntaxes"),
    clause=("PS3.8 9.3.2.2", "PS3.7 D.3.2"),
    event="",
)
asks(
    "RQ-27",
    "a context without transfer syntax",
    lambda trial: request(trial, [frames.proposed(1, transfer_syntaxes=())]),
    "AC | REFUSE",
    gives(1, 4, 1, 2, 3),
    clause=("PS3.8 9.3.2.2", RESULTS),
    event="",
)


def _transfer_syntax(trial: "Trial") -> bytes:
    return frames.item(0x40, _syntax(trial).encode())


def _beside(trial: "Trial", context: bytes) -> bytes:
    """A context alone, or beside one for Verification."""
    return request(trial, [context] if trial.variant == "alone" else [context, _verification(trial, 3)])


def _served_beside(answer: Answer) -> None:
    if answer.trial.variant == "beside":
        gives(3, 0)(answer)


ONE_OR_NONE = ("beside", "alone")
NOT_THE_WHOLE = "AC | ~RJ [LENIENT]"
"""Contexts are taken or refused one by one; that the whole is rejected no clause forbids."""
asks(
    "RQ-28",
    "an abstract syntax that nobody knows",
    lambda trial: _beside(trial, frames.proposed(1, UNKNOWN_UID, [_syntax(trial)])),
    NOT_THE_WHOLE,
    gives(1, 3, 1, 2),
    _served_beside,
    clause=(RESULTS, "PS3.7 D.3.2"),
    variants=ONE_OR_NONE,
    tags=("smoke",),
)
asks(
    "RQ-29",
    "a transfer syntax that nobody knows",
    lambda trial: _beside(trial, frames.proposed(1, frames.VERIFICATION, [UNKNOWN_UID])),
    NOT_THE_WHOLE,
    gives(1, 4, 1, 2),
    _served_beside,
    clause=(RESULTS, "PS3.7 D.3.2"),
    variants=ONE_OR_NONE,
)
asks(
    "RQ-30",
    "an abstract syntax padded with NUL",
    lambda trial: request(trial, [frames.proposed(1, f"{frames.VERIFICATION}\0", [_syntax(trial)])]),
    "AC | REFUSE",
    refuses(1, "accepted, though padding is for data sets (PS3.5 9.1)", Reaction.INFO),
    level="I",
    clause=(UIDS, "PS3.5 9.1"),
    event="",
)
_UNLAWFUL = {"a trailing space": f"{frames.VERIFICATION} ", "a letter": f"{frames.VERIFICATION}a"}
asks(
    "RQ-31",
    "an abstract syntax that is no UID",
    lambda trial: request(trial, [frames.proposed(1, _UNLAWFUL[trial.variant], [_syntax(trial)])]),
    "AC | REFUSE",
    gives(1, 3, 1, 2),
    level="S",
    clause=UIDS,
    event="",
    variants=tuple(_UNLAWFUL),
)
asks(
    "RQ-32",
    "an abstract syntax of 65 characters",
    lambda trial: request(trial, [frames.proposed(1, LONG_UID, [_syntax(trial)])]),
    "AC | REFUSE",
    gives(1, 3, 1, 2),
    level="S",
    clause=UIDS,
    event="",
)

# ---- AE titles ----

asks(
    "RQ-33",
    "a called AE title of spaces",
    lambda trial: request(trial, called=""),
    f"RJ(1,1,7) | {REFUSED}",
    level="S",
    clause=(FIELDS, REJECTIONS),
    event="",
)
asks(
    "RQ-34",
    "a calling AE title of spaces",
    lambda trial: request(trial, calling=""),
    f"RJ(1,1,3) | {REFUSED}",
    level="S",
    clause=(FIELDS, REJECTIONS),
    event="",
)
asks(
    "RQ-35",
    "AE titles with the spaces in front",
    lambda trial: request(trial, called=trial.settings.called.rjust(16), calling=trial.settings.calling.rjust(16)),
    "AC",
    gives(1, 0),
    clause=FIELDS,
    why="Leading and trailing spaces are not significant: the titles are the same.",
)
_TITLES = {"padded with NUL": "DULCET".ljust(16, "\0"), "with a control character": "DUL\x07CET"}
breaches(
    "RQ-36",
    "a calling AE title that is none",
    lambda trial: request(trial, calling=_TITLES[trial.variant]),
    clause=FIELDS,
    variants=tuple(_TITLES),
)
asks(
    "RQ-37",
    "a called AE title that the peer does not go by",
    lambda trial: request(trial, called="NOBODY-OF-US"),
    "RJ(1,1,7)",
    clause=("PS3.8 C.2", REJECTIONS),
    needs=("verification", "checks_called"),
)
asks(
    "RQ-38",
    "a calling AE title that the peer does not know",
    lambda trial: request(trial, calling="NOBODY-OF-US"),
    "RJ(1,1,3)",
    level="S",
    clause=REJECTIONS,
    needs=("verification", "checks_calling"),
)

# ---- lengths ----

breaches(
    "RQ-39",
    "a maximum length sub-item of length 2",
    lambda trial: request(
        trial, user=frames.user_information(frames.maximum_length(raw=b"\x40\0"), frames.implementation_class())
    ),
    clause="PS3.8 D.1",
)
asks(
    "RQ-40",
    "a context whose length overruns the PDU",
    lambda trial: _items(trial, frames.application_context(), _verification(trial, length=0x1000)),
    "REFUSE",
    clause=ITEMS,
    event="Evt19",
)
breaches(
    "RQ-41",
    "a transfer syntax whose length overruns its context, inside the PDU",
    lambda trial: request(
        trial,
        [
            frames.proposed(
                1, transfer_syntaxes=(), more=frames.item(0x40, _syntax(trial).encode(), length=len(_syntax(trial)) + 8)
            )
        ],
    ),
    level="M",
    clause=ITEMS,
)
asks(
    "RQ-42",
    "1 MiB of unknown items",
    lambda trial: _items(
        trial,
        frames.application_context(),
        _verification(trial),
        frames.user_information(),
        *[frames.item(0x60, frames.item(0x5F, bytes(60)) * 1000)] * (MEBIBYTE // 64_000 + 1),
    ),
    "AC | REFUSE",
    gives(1, 0),
    level="S",
    clause=ITEMS,
    event="",
    why="Skipping them is right, and so is a limit; keeping them is not, which the memory of the process tells.",
)
asks(
    "RQ-43",
    "user sub-items in descending order of their types",
    lambda trial: request(
        trial,
        user=frames.user_information(frames.version_name(), frames.implementation_class(), frames.maximum_length()),
    ),
    "AC",
    gives(1, 0),
    level="S",
    clause="PS3.8 9.3.2.3",
    why="They may stand in any order (9.3.2.3 note).",
)
