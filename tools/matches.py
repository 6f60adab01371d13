"""What findscu shows of the data sets it found: a table on a terminal, lines with tabs for programs, whole dumps.

The columns are the keys that were asked. Whatever peers send is shown without control characters.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from .native_xml import values_of

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset

BETWEEN_ITEMS = " / "
"""Between the values of several items of a sequence."""
_SAID_ALREADY = ("SpecificCharacterSet", "QueryRetrieveLevel")
"""No column for these: they tell of the query, not of what was found."""
_WIDTH = 40
"""Where the remarks of a dump begin, behind tag and VR."""


class Column(NamedTuple):
    """One column."""

    title: str
    """Keyword or tag; of an element in a sequence with its path."""
    path: tuple[int, ...]
    """The tags on the way to it."""


def columns(query: "Dataset") -> list[Column]:
    """The columns for the answers to a query, in the order of their tags."""
    return list(_columns(query, (), ""))


def _columns(dataset: "Dataset", path: tuple[int, ...], title: str) -> Iterator[Column]:
    for element in dataset:
        if element.keyword in _SAID_ALREADY:
            continue
        here = (*path, int(element.tag))
        name = title + (element.keyword or f"({element.tag.group:04X},{element.tag.element:04X})")
        if element.VR == "SQ" and element.value and len(element.value[0]):
            yield from _columns(element.value[0], here, f"{name}.")
        else:
            yield Column(name, here)


def cell(dataset: "Dataset", path: Sequence[int]) -> str:
    """What stands in a column of a row."""
    if path[0] not in dataset:
        return ""
    element = dataset[path[0]]
    if len(path) == 1:
        return shown(element)
    items = element.value if element.VR == "SQ" else []
    return BETWEEN_ITEMS.join(cell(item, path[1:]) for item in items)


def shown(element: "DataElement") -> str:
    """The values of an element in a line."""
    if element.VR == "SQ":
        return f"{len(element.value)} items" if element.value else ""
    if isinstance(element.value, bytes):
        return _bytes_shown(element)
    return "\\".join(plain(_value(element, value)) for value in values_of(element))


def _bytes_shown(element: "DataElement") -> str:
    text: bytes = element.value.rstrip(b" \0")
    is_text = element.VR == "UN" and text.isascii() and text.decode("ascii").isprintable()
    return text.decode("ascii") if is_text else f"{len(element.value)} bytes"


def _value(element: "DataElement", value: Any) -> str:
    return f"({value >> 16:04x},{value & 0xFFFF:04x})" if element.VR == "AT" else str(value)


def plain(text: str) -> str:
    """The text with control characters escaped, so that it moves no cursor and breaks no line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class Lines:
    """A head line and a line a match, each as it comes; a tab between the columns."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._columns: list[Column] = []

    def begin(self, chosen: list[Column]) -> None:
        """The answers to a query follow."""
        self._write(column.title for column in chosen)
        self._columns = chosen

    def add(self, dataset: "Dataset") -> None:
        """One of them."""
        self._write(cell(dataset, column.path) for column in self._columns)

    def end(self) -> None:
        """There are no more."""

    def _write(self, cells: Iterator[str]) -> None:
        self._stream.write("\t".join(cells) + "\n")
        self._stream.flush()


class Table:
    """A table as wide as the terminal, once all matches are there."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._columns: list[Column] = []
        self._rows: list[list[str]] = []

    def begin(self, chosen: list[Column]) -> None:
        """As `Lines`."""
        self._columns, self._rows = chosen, []

    def add(self, dataset: "Dataset") -> None:
        """As `Lines`."""
        self._rows.append([cell(dataset, column.path) for column in self._columns])

    def end(self) -> None:
        """Draw it."""
        if not self._rows:
            return
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table as Drawn
        from rich.text import Text

        table = Drawn(box=SIMPLE_HEAD, pad_edge=False)
        for column in self._columns:
            table.add_column(column.title, overflow="fold")
        for row in self._rows:
            table.add_row(*map(Text, row))  # as Text, since square brackets would be markup
        Console(file=self._stream).print(table)


def view(stream: TextIO | None = None) -> "Lines | Table":
    """What suits whoever looks: a table on a terminal, lines elsewhere."""
    stream = stream or sys.stdout
    return Table(stream) if stream.isatty() else Lines(stream)


def dump_lines(dataset: "Dataset", indent: str = "") -> Iterator[str]:
    """Every element in a line, as DCMTK's tools show data sets: `(0010,0020) LO [123]   # 1 PatientID`."""
    for element in dataset:
        head = f"{indent}({element.tag.group:04x},{element.tag.element:04x}) {element.VR} "
        value = (
            shown(element) if element.VR == "SQ" else f"[{shown(element)}]" if not element.is_empty else "(no value)"
        )
        keyword = element.keyword or "Unknown"
        yield f"{head}{value or '0 items':<{_WIDTH}} # {element.VM} {keyword}"
        if element.VR == "SQ":
            for item in element.value:
                yield f"{indent}  (fffe,e000) na"
                yield from dump_lines(item, indent + "    ")
