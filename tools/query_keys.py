"""Keys of a query as DCMTK writes them: from `-k` words to elements of a data set.

    PatientName=DOE*                      by keyword
    (0010,0020)=123    0010,0020=123      by tag
    ScheduledProcedureStepSequence[0].Modality=CT
    (0040,0100)[0].Modality               without a value: matches everything, and is asked for

Items are counted from 0. A sequence or item that is not there yet is made; an element that is there is replaced. A
backslash divides several values. What is wrong with a key is told with its place in it, and without its value.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MOST_ITEMS = 1000
"""Items in a sequence; a slip of the finger shall not fill the memory."""

_STEP = re.compile(
    r"(?:\((?P<tag>[0-9A-F]{4},[0-9A-F]{4})\)|(?P<bare>[0-9A-F]{4},[0-9A-F]{4})|(?P<keyword>[A-Z]\w*))"
    r"(?:\[(?P<item>[0-9]{1,6})\])?",
    re.IGNORECASE | re.ASCII,
)
_INTEGERS = {"US": (0, 16), "UL": (0, 32), "UV": (0, 64), "SS": (1, 16), "SL": (1, 32), "SV": (1, 64)}
"""Whether it has a sign, and its bits (PS3.5 6.2)."""
_ONE_VALUE = ("ST", "LT", "UT", "UR")
"""Text in which a backslash is just a character (PS3.5 6.2)."""


class WrongKey(ValueError):
    """A key that makes no sense: names the key and the place, not the value."""

    exit_code = "USAGE"


class Step(NamedTuple):
    """One step of a path."""

    words: str
    """As it was written."""
    tag: int
    """The element."""
    item: int | None
    """The item of that sequence; None: the element itself."""


def set_key(query: "Dataset", key: str) -> None:
    """Put one key into a data set.

    Raises:
        WrongKey: it is not written as keys are, names no element, or its value does not fit the element.
    """
    path, _, value = key.partition("=")
    *way, last = steps(path)
    for step in way:
        query = _item(query, step, path)
    if last.item is not None:
        if value:
            raise WrongKey(f"{path}: an item has no value; name an element in it")
        _item(query, last, path)
    else:
        _set(query, last, path, value)


def steps(path: str) -> list[Step]:
    """The steps of a path, the last of which may or may not name an item."""
    found: list[Step] = []
    at = 0
    while True:
        match = _STEP.match(path, at)
        if match is None:
            raise WrongKey(f"{_place(path, at)}: here a keyword or a tag is wanted, as PatientID or (0010,0020)")
        found.append(_step(match, path))
        at = match.end()
        if at == len(path):
            return found
        if path[at] != "." or found[-1].item is None:
            wanted = "a dot, or nothing more" if found[-1].item is not None else "nothing more, or an item as [0]"
            raise WrongKey(f"{_place(path, at)}: after {match[0]} comes {wanted}")
        at += 1


def _place(path: str, at: int) -> str:
    return f"{path or 'a key without a name'}, character {at + 1}"


def _step(match: "re.Match[str]", path: str) -> Step:
    item = None if match["item"] is None else int(match["item"])
    if item is not None and item >= MOST_ITEMS:
        raise WrongKey(f"{path}: item {item} is too far; items are counted from 0 to {MOST_ITEMS - 1}")
    if match["keyword"]:
        return Step(match[0], _tag_of(match["keyword"], path), item)
    tag = int((match["tag"] or match["bare"]).replace(",", ""), 16)
    if tag >> 16 < 8 or tag & 0xFFFF == 0:
        raise WrongKey(f"{path}: {match[0]} is no element of a query")
    return Step(match[0], tag, item)


def _tag_of(keyword: str, path: str) -> int:
    from pydicom.datadict import keyword_dict, tag_for_keyword

    tag = tag_for_keyword(keyword)
    if tag is not None:
        return int(tag)
    import difflib

    lowered = {known.lower(): known for known in keyword_dict}
    likely = [lowered[word] for word in difflib.get_close_matches(keyword.lower(), lowered, n=3, cutoff=0.75)]
    hint = f"; did you mean {' or '.join(likely)}?" if likely else "; a tag, as (0010,0020), will do, too"
    raise WrongKey(f"{path}: {keyword} is no keyword of the data dictionary (PS3.6){hint}")


def _vr(query: "Dataset", tag: int) -> str:
    """The VR the element has in the query file, else in the dictionary; of several the first."""
    if tag in query:
        return str(query[tag].VR)
    from pydicom.datadict import dictionary_VR

    try:
        return dictionary_VR(tag)[:2]
    except KeyError:
        private_creator = tag >> 16 & 1 and 0x10 <= tag & 0xFFFF <= 0xFF
        return "LO" if private_creator else "UN"


def _item(query: "Dataset", step: Step, path: str) -> "Dataset":
    """An item of a sequence, made if it is not there."""
    from pydicom.dataset import Dataset

    if _vr(query, step.tag) != "SQ":
        raise WrongKey(f"{path}: {step.words.partition('[')[0]} is no sequence, so it has no items")
    assert step.item is not None  # only steps with an item lead on
    if step.tag not in query:
        query.add_new(step.tag, "SQ", [])
    items = query[step.tag].value
    while len(items) <= step.item:
        items.append(Dataset())
    item: Dataset = items[step.item]
    return item


def _set(query: "Dataset", step: Step, path: str, value: str) -> None:
    from pydicom.config import IGNORE
    from pydicom.dataelem import DataElement

    vr = _vr(query, step.tag)
    try:
        element = DataElement(step.tag, vr, _value(vr, value), validation_mode=IGNORE)
    except (ValueError, TypeError, OverflowError, ArithmeticError) as error:
        why = str(error) if isinstance(error, _Unfit) else "its value is no number"
        raise WrongKey(f"{path}: {why}; {step.words} has VR {vr} (PS3.5 6.2)") from None
    query[step.tag] = element


class _Unfit(ValueError):
    """Says what is wrong in words of ours, without the value."""


def _value(vr: str, text: str) -> Any:
    """What pydicom takes as the value of such an element."""
    if vr == "SQ":
        if text:
            raise _Unfit("a sequence has no value of its own; name an element in an item, as [0].PatientID")
        return []
    if vr in ("OB", "OW", "OD", "OF", "OL", "OV"):
        if text:
            raise _Unfit("nobody matches binary data; leave the value out")
        return b""
    if vr == "UN":
        encoded = text.encode()
        return encoded + b" " * (len(encoded) % 2)
    if not text:
        return None
    if vr in _ONE_VALUE:
        return text
    convert = _converter(vr)
    values = [convert(word) if convert is not None else word for word in text.split("\\")]
    return values[0] if len(values) == 1 else values


def _converter(vr: str) -> Callable[[str], Any] | None:
    """How to make a binary number of a word; None: this VR is text."""
    if vr in _INTEGERS:
        return lambda word: _integer(word, *_INTEGERS[vr])
    if vr in ("FL", "FD"):
        return float
    return _attribute if vr == "AT" else None


def _integer(word: str, signed: int, bits: int) -> int:
    number = int(word)
    least, most = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    if not least <= number <= most:
        raise _Unfit(f"a value is out of its range, {least} to {most}")
    return number


def _attribute(word: str) -> int:
    """A tag as a value."""
    match = _STEP.fullmatch(word)
    if match is None or match["keyword"] or match["item"]:
        raise _Unfit("a value is wanted as (0010,0020)")
    return int((match["tag"] or match["bare"]).replace(",", ""), 16)
