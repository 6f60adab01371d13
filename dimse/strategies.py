"""hypothesis strategies for DIMSE messages, for our tests and for yours (`dulcet[hypothesis]`).

What they draw is legal: `encode` never refuses it and `decode` gives it back. `fragments` cuts an encoded
message as a peer may: any even sizes, empty fragments among them.
"""

from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from ..dul.pdu import PDV
from ..dul.strategies import ae_titles, context_ids, uids
from ..spec import dimse as spec
from . import messages as dimse_messages
from .fragments import COMMAND, LAST
from .messages import Message
from .status import Status

__all__ = ["statuses", "tags", "error_comments", "messages", "fragments"]

_DERIVED = {"CommandGroupLength", "CommandField", "CommandDataSetType"}
_PRINTABLE = "".join(sorted({*map(chr, range(0x20, 0x7F))} - {"\\"}))


def statuses() -> st.SearchStrategy[Status]:
    """Any status, half of them from the tables of the standard."""
    known = (0x0000, 0x0107, 0x0110, 0x0122, 0x0210, 0xA700, 0xA801, 0xB000, 0xC000, 0xFE00, 0xFF00, 0xFF01)
    return st.one_of(st.sampled_from(known), st.integers(0, 0xFFFF)).map(Status)


def tags() -> st.SearchStrategy[int]:
    """Tags of data elements, group in the upper half."""
    return st.integers(0, 0xFFFFFFFF)


def error_comments() -> st.SearchStrategy[str]:
    """What Error Comment may hold; spaces at either end are not significant, so there are none."""
    return st.text(_PRINTABLE, min_size=1, max_size=64).map(str.strip).filter(bool)


def messages(*names: str) -> st.SearchStrategy[Message]:
    """Any message, or one of those named ("C-STORE-RQ")."""
    return st.sampled_from(names or tuple(spec.load().messages)).flatmap(_message)


@st.composite
def fragments(draw: st.DrawFn, message: Message, dataset: bytes = b"", most: int = 8) -> list[PDV]:
    """The PDVs of a message in some legal fragmentation.

    Args:
        draw: given by hypothesis.
        message: what the command says.
        dataset: the data set, if it says that one follows.
        most: cuts through each of the two.
    """
    context_id = draw(context_ids())
    pdvs = _cut(draw, context_id, COMMAND, message.encode(), most)
    if message.dataset_follows:
        pdvs += _cut(draw, context_id, 0, dataset, most)
    return pdvs


def _cut(draw: st.DrawFn, context_id: int, kind: int, data: bytes, most: int) -> list[PDV]:
    cuts = draw(st.lists(st.integers(0, len(data) // 2).map(lambda half: 2 * half), max_size=most).map(sorted))
    bounds = [0, *cuts, len(data)]
    pieces = [data[start:end] for start, end in pairwise(bounds)]
    marks = [kind] * (len(pieces) - 1) + [kind | LAST]
    return [PDV(context_id, mark, piece) for mark, piece in zip(marks, pieces, strict=True)]


def _message(name: str) -> st.SearchStrategy[Message]:
    message = spec.load().messages[name]
    values = {
        field.element.attribute: _values(field.element, field.mark == "M")
        for field in message.fields
        if field.element.keyword not in _DERIVED
    }
    values["dataset_follows"] = (
        st.booleans() if message.data_set == "optional" else st.just(message.data_set == "always")
    )
    return st.builds(getattr(dimse_messages, name.replace("-", "_")), **values)


def _values(element: spec.Element, mandatory: bool) -> st.SearchStrategy[Any]:
    if element.vr == "AT":
        return st.lists(tags(), max_size=4).map(tuple)
    if element.keyword == "Status":
        return statuses()
    if element.keyword == "Priority":
        return st.sampled_from((dimse_messages.LOW, dimse_messages.MEDIUM, dimse_messages.HIGH))
    value: st.SearchStrategy[Any] = {
        "US": st.integers(0, 0xFFFF),
        "UI": uids(),
        "AE": ae_titles().map(str.strip),
        "LO": error_comments(),
    }[element.vr]
    return value if mandatory else st.none() | value
