"""Section AC: the A-ASSOCIATE-AC (PS3.8 9.3.3, 7.1.1.14) that an acceptor returns in an ordinary association.

How a requestor reads one is `associate_ac_read`.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ....dul.pdu import APPLICATION_CONTEXT
from .. import frames
from ..answers import Answer, asks, has_none, invents_no_context
from ..recipes import request
from .associate_rq import UNKNOWN_UID

if TYPE_CHECKING:
    from ..trial import Trial

STRUCTURE = "PS3.8 9.3.3"
FIELDS = "PS3.8 Table 9-17"
ITEMS = "PS3.8 9.3.1"
MAXIMUM_LENGTH = "PS3.8 D.1"


def _several(trial: "Trial") -> bytes:
    """Contexts of three kinds, their IDs in no order: nobody may expect one."""
    syntax = trial.syntax(frames.VERIFICATION)
    return request(
        trial,
        [
            frames.proposed(9, frames.VERIFICATION, [syntax]),
            frames.proposed(3, UNKNOWN_UID, [syntax]),
            frames.proposed(251, frames.VERIFICATION, [UNKNOWN_UID, syntax]),
        ],
    )


def _same_titles(answer: Answer) -> None:
    ours, theirs = answer.asked.body[4:68], answer.ac.body[4:68]
    answer.trial.check(theirs == ours, f"bytes 11-74 are {theirs!r}, not as sent, {ours!r}")


def _one_to_one(answer: Answer) -> None:
    numbers = sorted(each.id for each in answer.contexts)
    proposed = sorted(answer.asked.proposals)
    answer.trial.check(numbers == proposed, f"results for contexts {numbers}, proposed were {proposed}")


def _one_of_ours(answer: Answer) -> None:
    for each in answer.contexts:
        proposed = answer.asked.proposals.get(each.id, (b"", ()))[1]
        if each.result == 0:
            found = list(each.transfer_syntaxes)
            right = len(found) == 1 and found[0] in proposed
            answer.trial.check(right, f"context {each.id} accepted with {found}, proposed were {list(proposed)}")


def _dicom(answer: Answer) -> None:
    found = [item.value for item in answer.ac.items if item.type == 0x10]
    answer.trial.check(found == [APPLICATION_CONTEXT.encode()], f"application context {found}")


def _introduces_itself(answer: Answer) -> None:
    for type_, what in ((0x51, "maximum length"), (0x52, "implementation class UID")):
        number = len(answer.sub_items(type_))
        answer.trial.check(number == 1, f"{number} sub-items {type_:02X}H ({what}), one is due")


asks(
    "AC-01",
    "the AE titles of the answer",
    request,
    "AC",
    _same_titles,
    clause=FIELDS,
    why="Bytes 11-74 shall be those of the request (Table 9-17); only who receives them must not test them.",
)
asks(
    "AC-02",
    "a result for every context proposed, and no other",
    _several,
    "AC",
    _one_to_one,
    invents_no_context,
    clause=("PS3.8 7.1.1.14", "PS3.8 9.3.3.2"),
    why="In any order.",
)
asks(
    "AC-03",
    "the transfer syntax of an accepted context",
    _several,
    "AC",
    _one_of_ours,
    clause=("PS3.8 9.3.3.2", "PS3.8 7.1.1.14", "PS3.7 D.3.2"),
)
asks("AC-04", "the application context of the answer", request, "AC", _dicom, clause="PS3.7 A.2.1")
asks(
    "AC-05",
    "maximum length and implementation class UID",
    request,
    "AC",
    _introduces_itself,
    clause=("PS3.7 D.3.3.1", "PS3.7 D.3.3.2", MAXIMUM_LENGTH),
)
asks(
    "AC-06",
    "sub-items that were not proposed",
    request,
    "AC",
    has_none(0x53, 0x54, 0x56, 0x57, 0x58, 0x59, why="nothing of the kind was proposed"),
    clause=("PS3.7 D.3.3.3", "PS3.7 D.3.3.4", "PS3.7 D.3.3.5", "PS3.7 D.3.3.6", "PS3.7 D.3.3.7"),
)


def _faults(answer: Answer) -> Iterator[str]:
    """What is wrong with the shape of an A-ASSOCIATE-AC (Tables 9-17 to 9-20): lengths, order, reserved fields."""
    raw = answer.ac.raw
    if raw[1] or any(raw[8:10]):
        yield "reserved fields of the PDU are not zero"
    last = 0
    for type_, value, fault in _cut(raw[74:]):
        yield from fault
        if type_ < last:
            yield f"item {type_:02X}H behind item {last:02X}H"
        last = type_
        if type_ == 0x21:
            if len(value) < 4 or value[1] or value[3]:
                yield "reserved fields of a context are not zero"
            yield from (each for *_, fault in _cut(value[4:]) for each in fault)
        elif type_ == 0x50:
            yield from (each for *_, fault in _cut(value) for each in fault)


def _cut(data: bytes) -> Iterator[tuple[int, bytes, list[str]]]:
    """Items with what is wrong with their headers."""
    at = 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at + 2 : at + 4], "big")
        faults = [f"item {data[at]:02X}H overruns what it is in"] if end > len(data) or at + 4 > len(data) else []
        if any(data[at + 1 : at + 2]):
            faults.append(f"reserved byte of item {data[at]:02X}H is not zero")
        yield data[at], data[at + 4 : end], faults
        at = end


def _in_shape(answer: Answer) -> None:
    faults = list(_faults(answer))
    answer.trial.check(not faults, "; ".join(faults))


asks(
    "AC-07",
    "order of items, reserved fields and lengths",
    _several,
    "AC",
    _in_shape,
    clause=(STRUCTURE, ITEMS),
    why="Sub-items of user information may stand in any order (9.3.3.3 note).",
)
