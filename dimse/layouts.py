"""The short way to decode a command set, for what is heard again and again; `straight` is the short way to encode.

One peer sends the same few commands again and again: the same elements, of the same lengths, with other values. The
first of a layout is decoded element by element (`command_set`), and its layout is kept: one `struct` for all of it, the
headers that must be the same, and where the values lie. The next one of that layout is one unpacking and one
comparison: a C-STORE-RQ takes 2.7 us instead of 5.4, a C-ECHO-RQ 1.4 instead of 3.2.

A layout holds only elements that the message has a field for, so whatever fits it means exactly what the long way
makes of it; `tests/test_layouts.py` shows that for any bytes. Values are checked here by the same functions.
"""

from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from operator import itemgetter
from struct import Struct
from typing import Any, Final, NamedTuple

from . import command_set

KEY: Final = slice(0, 20)
"""Group length and the header of the first element: they tell layouts apart, but for few…"""
ALIKE: Final = 4
"""… of which so many are kept: a C-STORE-RQ is as long as the response to it."""
LONGEST: Final = 512
"""Bytes of a command set that is worth it; one with everything in it has 400."""
KEPT: Final = 512
"""Layouts kept; beyond that all are forgotten. UIDs of any length make 64 of each message."""
_SHARED: Final = (0x0002, 0x0003)
"""Affected and Requested SOP Class UID: few, so what they decode to is kept too."""
_HEADER: Final = Struct("<2xHL")
_GROUP_LENGTH: Final = Struct("<8xL")
_decode_shared = lru_cache(1024)(command_set.DECODERS[_SHARED[0]])


Put = Callable[[Any, Any], None]
"""Sets a field of a frozen message: its slot's own `__set__`."""


class Layout(NamedTuple):
    """Where things lie in a command set of one shape, and what must be the same."""

    size: int
    """Bytes of the whole command set."""
    unpack: Callable[[bytes], tuple[Any, ...]]
    """Takes it to pieces: headers, and values as numbers or bytes."""
    same: Callable[[tuple[Any, ...]], Any]
    """Of the pieces those that are the same in all of this layout…"""
    expected: Any
    """… and what they are."""
    kind: Any
    """The class of the message."""
    numbers: tuple[tuple[Put, int], ...]
    """Fields whose value is a piece as it is."""
    others: tuple[tuple[Put, int, Callable[[Any], Any]], ...]
    """Fields whose value is made of a piece."""
    fixed: tuple[tuple[Put, Any], ...]
    """Fields that have the same value in all of this layout, none for one."""


_kept: dict[bytes, tuple[Layout, ...]] = {}


def forget() -> None:
    """Know none any more."""
    _kept.clear()


def recall(data: bytes) -> Any:
    """The message of a command set whose layout is known; None where it is not, or where anything is unusual."""
    for layout in _kept.get(data[KEY], ()):
        if len(data) == layout.size:
            pieces = layout.unpack(data)
            if layout.same(pieces) == layout.expected:
                return _made(layout, pieces)
    return None


def _made(layout: Layout, pieces: tuple[Any, ...]) -> Any:
    message = object.__new__(layout.kind)
    for put, piece in layout.numbers:
        put(message, pieces[piece])
    try:
        for put, piece, make in layout.others:
            value = make(pieces[piece])
            if value is None:  # nothing but padding, which may not do
                return None
            put(message, value)
    except ValueError:  # the long way says what is wrong
        return None
    for put, value in layout.fixed:
        put(message, value)
    return message


def remember(
    data: bytes,
    elements: Mapping[int, Any],
    message: Any,
    same: Collection[int],
    made: Mapping[int, Callable[[Any], Any]],
) -> None:
    """Keep the layout of a command set that was decoded the long way, if it is one of those that come again.

    Args:
        data: the command set.
        elements: all it holds, by element number.
        message: what it conveys.
        same: the elements whose values must be the same: they decide on what message it is.
        made: what makes values of those numbers that do not stay numbers.
    """
    alike = _kept.get(data[KEY], ())
    fields = {number: (put, absent) for number, put, absent in message._slots}
    whole = _GROUP_LENGTH.unpack_from(data)[0] + 12 == len(data)  # nothing behind it, as with Orthanc's C-GET
    if not whole or len(data) > LONGEST or len(alike) == ALIKE or not elements.keys() <= {*fields, *same}:
        return
    form, constant = "<12s", [0]
    numbers, others = [], []
    at, piece = 12, 1
    while at < len(data):
        number, length = _HEADER.unpack_from(data, at)
        us = length == 2 and number in command_set.US_NUMBERS
        form += "8s" + ("H" if us else f"{length}s" if length else "")
        constant.append(piece)
        if number in same:
            constant.append(piece + 1)
        elif us and number not in made:
            numbers.append((fields[number][0], piece + 1))
        elif length:
            make = made.get(number) or (_decode_shared if number in _SHARED else command_set.DECODERS[number])
            others.append((fields[number][0], piece + 1, make))
        at, piece = at + 8 + length, piece + (2 if length else 1)
    absent = [(put, absent) for number, (put, absent) in fields.items() if elements.get(number) is None]
    fixed = (*absent, (message._put_dataset_follows, message.dataset_follows))
    unpack, pick = Struct(form).unpack, itemgetter(*constant)
    if len(_kept) >= KEPT:
        forget()
    layout = Layout(len(data), unpack, pick, pick(unpack(data)), type(message), tuple(numbers), tuple(others), fixed)
    _kept[data[KEY]] = (*alike, layout)
