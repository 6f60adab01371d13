"""Section RQ, the third part: AE titles (PS3.8 Table 9-11), and lengths that do not nest or are huge (9.3.1).

Spaces around a title mean nothing; a title that is none, or not the peer's, is rejected. A length that leads out of
what surrounds it must not lead the peer astray, and no memory is taken because a length says so.
"""

from typing import TYPE_CHECKING

from .. import frames
from ..answers import REFUSED, ask, asks, breaches, gives
from ..case import case
from ..process import Meter
from ..recipes import request
from .associate_rq import only_items, syntax, verification

if TYPE_CHECKING:
    from ..trial import Trial

ITEMS = "PS3.8 9.3.1"
FIELDS = "PS3.8 Table 9-11"
REJECTIONS = "PS3.8 Table 9-21"
MEBIBYTE = 1 << 20


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
    why="PS3.8 C.2 speaks of called titles; who may call is the acceptor's affair, and Table 9-21 has the reason.",
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
    lambda trial: only_items(trial, frames.application_context(), verification(trial, length=0x1000)),
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
                1, transfer_syntaxes=(), more=frames.item(0x40, syntax(trial).encode(), length=len(syntax(trial)) + 8)
            )
        ],
    ),
    level="M",
    clause=ITEMS,
)


@case(
    "RQ-42",
    "1 MiB of unknown items",
    roles="A",
    level="S",
    clause=ITEMS,
    states=("Sta2",),
    expected="AC | REFUSE",
    why="Skipping them is right, and so is a limit; keeping them is not, which the memory of the process tells.",
)
async def _(trial: "Trial") -> None:
    meter = Meter(trial)
    unknown = [frames.item(0x60, frames.item(0x5F, bytes(60)) * 1000)] * (MEBIBYTE // 64_000 + 1)
    known = frames.application_context(), verification(trial), frames.user_information()
    answer = await ask(trial, only_items(trial, *known, *unknown), trial.case.expected)
    if answer is not None:
        gives(1, 0)(answer)
    await meter.judge()


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
