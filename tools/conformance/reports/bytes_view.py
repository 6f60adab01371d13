"""Bytes as a hexdump in HTML, the fields of a PDU in colours, each with its name in the standard (PS3.8 9.3).

What proves who a user is (PS3.7 D.3.3.7) is not shown.
"""

from collections.abc import Iterator
from html import escape

from ....dul import layout
from .drawing import printable

MOST_BYTES = 1024
"""Of one PDU that are shown."""
A_LINE = 16
COLOURS = 6
"""Fields that follow one another have different ones."""
_HIDDEN = "User Identity"
"""Items whose value is."""


def hexdump(data: bytes, length: int, *, pdu: bool) -> str:
    """The bytes, sixteen a line, as the content of a `pre`.

    Args:
        data: as far as they are kept.
        length: how many there were.
        pdu: whether they begin with a PDU's header, so that fields can be told.
    """
    shown = data[:MOST_BYTES]
    fields = list(layout.fields(shown)) if pdu and shown else [layout.Field("", 0, len(shown))]
    lines = [_line(shown, start, fields) for start in range(0, len(shown), A_LINE)]
    if length > len(shown):
        lines.append(f"... {length - len(shown)} bytes more")
    return "\n".join(lines)


def _line(data: bytes, start: int, fields: list[layout.Field]) -> str:
    stop = min(start + A_LINE, len(data))
    pieces = list(_pieces(fields, start, stop))
    left = "".join(_marked(_hex(data, piece, start), piece) for piece in pieces)
    right = "".join(_marked(escape(_characters(data, piece)), piece) for piece in pieces)
    pad = " " * (3 * (A_LINE - (stop - start)) + (stop - start <= A_LINE // 2))
    return f'<i>{start:04x}</i>  {left}{pad} <span class="iso">{right}</span>'


Piece = tuple[int, int, int, str]
"""From, to, colour, name."""


def _pieces(fields: list[layout.Field], start: int, stop: int) -> Iterator[Piece]:
    for number, each in enumerate(fields):
        low, high = max(each.start, start), min(each.stop, stop)
        if low < high:
            yield low, high, number % COLOURS, each.name


def _hex(data: bytes, piece: Piece, start: int) -> str:
    low, high, _, name = piece
    bytes_ = (".." if _is_secret(name) else f"{data[at]:02x}" for at in range(low, high))
    return "".join(f"{each} " + " " * (at - start == A_LINE // 2 - 1) for at, each in enumerate(bytes_, low))


def _characters(data: bytes, piece: Piece) -> str:
    low, high, _, name = piece
    if _is_secret(name):
        return "." * (high - low)
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in data[low:high])


def _is_secret(name: str) -> bool:
    return _HIDDEN in name and name.endswith("/value")


def _marked(text: str, piece: Piece) -> str:
    *_, colour, name = piece
    return f'<b class="f{colour}" title="{escape(printable(name))}">{text}</b>' if name else text
