"""Where each field of an encoded PDU lies: names and places, as in the tables of PS3.8 9.3.

For those who want to point at bytes: strategies that corrupt one field, and dumps. It follows the lengths as
they stand, cuts what overruns its parent, and takes any bytes, so that a malformed PDU can be shown as well
as a good one.
"""

from collections.abc import Iterator
from typing import NamedTuple

from ..spec import codes
from .stream import HEADER_LENGTH

HEADER = HEADER_LENGTH


class Field(NamedTuple):
    """One field, and where it lies in the bytes."""

    name: str
    """Its name in the standard behind those of its items: "User Information/Maximum Length/value"."""
    start: int
    """Offset of its first byte."""
    stop: int
    """Offset after its last byte."""


_ASSOCIATE = (
    ("Protocol-version", 2),
    ("Reserved", 2),
    ("Called-AE-title", 16),
    ("Calling-AE-title", 16),
    ("Reserved", 32),
)
_FIXED = {
    1: _ASSOCIATE,
    2: (("Protocol-version", 2), ("Reserved", 2), ("Reserved", 64)),
    3: (("Reserved", 1), ("Result", 1), ("Source", 1), ("Reason/Diag", 1)),
    5: (("Reserved", 4),),
    6: (("Reserved", 4),),
    7: (("Reserved", 2), ("Source", 1), ("Reason/Diag", 1)),
}
"""The fields between the header and the variable items, by PDU type."""
_CONTAINERS = {
    0x20: (("Presentation-context-ID", 1), ("Reserved", 3)),
    0x21: (("Presentation-context-ID", 1), ("Reserved", 1), ("Result/Reason", 1), ("Reserved", 1)),
    0x50: (),
}
"""Items that hold sub-items, and the fields before these."""


def fields(data: bytes | memoryview) -> Iterator[Field]:
    """The fields of one PDU, in the order of its bytes, without gap or overlap."""
    end = len(data)
    yield from _fixed((("PDU-type", 1), ("Reserved", 1), ("PDU-length", 4)), "", 0, end)
    if end <= HEADER:
        return
    type_ = data[0]
    if type_ == 4:
        yield from _pdvs(data)
        return
    table = _FIXED.get(type_, ())
    yield from _fixed(table, "", HEADER, end)
    start = min(end, HEADER + sum(size for _, size in table))
    if type_ in (1, 2):
        yield from _items(data, "", start, end)
    elif start < end:
        yield Field("surplus", start, end)


def _fixed(table: tuple[tuple[str, int], ...], path: str, start: int, end: int) -> Iterator[Field]:
    for name, size in table:
        if start < end:
            yield Field(path + name, start, min(start + size, end))
        start += size


def _items(data: bytes | memoryview, path: str, start: int, end: int) -> Iterator[Field]:
    """A run of items; the path of names grows by one, and never further than two, as sub-items hold none."""
    while start < end:
        name = path + codes.ITEM_TYPES.get(data[start], f"item {data[start]:02X}H") + "/"
        yield from _fixed((("Item-type", 1), ("Reserved", 1), ("Item-length", 2)), name, start, end)
        value = min(start + 4, end)
        stop = min(value + int.from_bytes(data[start + 2 : value], "big"), end)
        table = _CONTAINERS.get(data[start]) if not path else None
        if table is not None:
            yield from _fixed(table, name, value, stop)
            yield from _items(data, name, min(stop, value + sum(size for _, size in table)), stop)
        elif value < stop:
            yield Field(name + "value", value, stop)
        start = stop


def _pdvs(data: bytes | memoryview) -> Iterator[Field]:
    start, end = HEADER, len(data)
    while start < end:
        stop = min(start + 4 + int.from_bytes(data[start : start + 4], "big"), end)
        table = (("Item-length", 4), ("Presentation-context-ID", 1), ("Message control header", 1))
        stop = max(stop, min(start + 4, end))
        yield from _fixed(table, "PDV/", start, stop)
        if start + 6 < stop:
            yield Field("PDV/fragment", start + 6, stop)
        start = stop
