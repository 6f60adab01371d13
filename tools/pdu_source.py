"""Cuts a file, a pipe or hexadecimal text into PDUs (PS3.8 9.3.1), one in memory at a time.

Six bytes tell type and length, the body follows. A length that cannot be means that framing is lost: what is
read from there on would be noise, so nothing is.
"""

import re
from collections.abc import Iterator
from typing import IO, Literal, NamedTuple, Protocol

from ..dul.layout import HEADER
from ..dul.pdu import AssociateAC, AssociateRQ, PDataTF
from ..dul.upper_layer import ASSOCIATE_LIMIT, UNLIMITED_P_DATA
from ..spec import codes

UNKNOWN_LIMIT = 64 << 20
"""Longest PDU of an unknown type that is skipped: above all that the known ones can have."""
SHORT_LIMIT = 1024
"""Longest PDU of those whose length is 4: a wrong length this small is rather a sloppy sender's than noise."""

_LIMITS = {AssociateRQ.type: ASSOCIATE_LIMIT, AssociateAC.type: ASSOCIATE_LIMIT, PDataTF.type: UNLIMITED_P_DATA}
_SEPARATORS = re.compile(r"0x|\\x|[\s:,]+", re.IGNORECASE)
_COMMENT = re.compile(r"[|#].*", re.DOTALL)
_OFFSET = re.compile(r"\s*([0-9a-fA-F]{7,16})(:|  |\s*$)")
"""What `xxd` (a colon) and `hexdump -C` (two blanks) put before the bytes of a line; `hexdump` also behind the last."""


class Source(Protocol):
    """What gives bytes, as many as asked for unless it ends."""

    def read(self, size: int, /) -> bytes:
        """The next `size` bytes, fewer only at the end."""


class Piece(NamedTuple):
    """One PDU, or what was found where one should be."""

    offset: int
    """Where it begins."""
    header: bytes
    """PDU-type, reserved, PDU-length: six bytes, fewer where the stream ends in them."""
    body: bytes
    """What follows, as far as it is there."""
    end: Literal["", "truncated", "lost"] = ""
    """Why nothing follows: the stream ends inside this, or its length cannot be."""

    @property
    def type(self) -> int:
        """PDU-type."""
        return self.header[0]

    @property
    def length(self) -> int | None:
        """PDU-length as it says, None where the stream ends before that."""
        return int.from_bytes(self.header[2:], "big") if len(self.header) == HEADER else None


def longest(type_: int) -> int:
    """The longest PDU-length that still makes sense for a type."""
    return _LIMITS.get(type_, SHORT_LIMIT if type_ in codes.PDU_TYPES else UNKNOWN_LIMIT)


def pieces(source: Source) -> Iterator[Piece]:
    """The PDUs of a source, each as soon as it is whole."""
    offset = 0
    while header := source.read(HEADER):
        piece = Piece(offset, header, b"", "truncated")
        if piece.length is None:
            yield piece
            return
        if piece.length > longest(piece.type):
            yield piece._replace(end="lost")
            return
        body = source.read(piece.length)
        if len(body) < piece.length:
            yield piece._replace(body=body)
            return
        yield piece._replace(body=body, end="")
        offset += HEADER + piece.length


class HexTextError(ValueError):
    """Text that is not what `HexText` reads; names the line."""

    exit_code = "INVALID_INPUT"


class HexText:
    """Bytes from hexadecimal text, a line at a time.

    Blanks, colons, commas, 0x and \\x between bytes mean nothing, `|` and `#` begin a comment. Offsets before the
    bytes, as `xxd` and `hexdump -C` print them, are known by being the number of bytes read so far.

    Args:
        text: the text.
    """

    def __init__(self, text: IO[bytes]) -> None:
        self._text = text
        self._held = bytearray()
        self._line = 0
        self._count = 0  # bytes read, to know an offset by
        self._numbered = False  # whether the lines begin with offsets

    def read(self, size: int, /) -> bytes:
        """The next `size` bytes, fewer only at the end."""
        while len(self._held) < size and (line := self._text.readline()):
            self._line += 1
            data = self._bytes(_COMMENT.sub("", line.decode("latin-1")))
            self._count += len(data)
            self._held += data
        data = bytes(self._held[:size])
        del self._held[:size]
        return data

    def _bytes(self, line: str) -> bytes:
        parts = _SEPARATORS.split(self._without_offset(line))
        try:
            return b"".join([bytes.fromhex(part) for part in parts])
        except ValueError:
            wrong = next(part for part in parts if not re.fullmatch("([0-9a-fA-F]{2})*", part))
            raise HexTextError(
                f"line {self._line}: {wrong[:40]!r} is not bytes in hexadecimal, two digits each"
            ) from None

    def _without_offset(self, line: str) -> str:
        found = _OFFSET.match(line)
        if found is None or int(found[1], 16) != self._count:
            return line
        if found[2] not in (":", "  ") and not self._numbered:
            return line  # bytes that happen to be their own count
        self._numbered = True
        rest = line[found.end() :]
        return rest.partition("  ")[0] if found[2] == ":" else rest  # xxd: text behind two blanks
