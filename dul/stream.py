"""Cuts a byte stream into PDUs (PS3.8 9.3.1): six header bytes tell type and length, the body follows.

The bytes come in any pieces. Nothing is allocated from a length on the wire, and a PDU that lies whole in the bytes
just received is handed on as a view of them; only what is left over at the end of an input is copied and waits.
So each PDU is copied at most once, and a stream in any pieces costs linear time.

The reader asks in this order: `header()`, then, having judged it, either `body(length)` or `skip(length)`.
"""

from struct import Struct

HEADER_LENGTH = 6
"""PDU-type, reserved, PDU-length."""

_HEADER = Struct(">BxL")


class Stream:
    """One direction of one connection."""

    __slots__ = ("_at", "_end", "_held", "_skip", "_view")

    def __init__(self) -> None:
        self._held = bytearray()  # the beginning of a PDU from earlier inputs; empty while _skip counts
        self._skip = 0  # bytes of a refused body still to come
        self._view = memoryview(b"")
        self._at = self._end = 0

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take an input. Its views stay valid until `keep`."""
        self._view = memoryview(data)
        self._at, self._end = 0, len(data)

    def keep(self) -> None:
        """The input is over: copy what is left of it."""
        if self._at < self._end:
            self._held += self._view[self._at :]
        self._view = memoryview(b"")
        self._at = self._end = 0

    def discard(self) -> None:
        """Forget everything that came and was not read."""
        self._held = bytearray()
        self._skip = 0
        self._at = self._end

    def header(self) -> tuple[int, int] | None:
        """Type and length of the next PDU, or None until its six bytes are there."""
        if self._skip:
            step = min(self._skip, self._end - self._at)
            self._at += step
            self._skip -= step
        if not self._held:
            if self._end - self._at < HEADER_LENGTH:
                return None
            return _HEADER.unpack_from(self._view, self._at)
        if not self._top_up(HEADER_LENGTH):
            return None
        return _HEADER.unpack_from(self._held)

    def body(self, length: int) -> memoryview | None:
        """The body after the header just read, or None until all of it is there; then the PDU leaves the stream."""
        whole = HEADER_LENGTH + length
        if not self._held:
            start = self._at
            if self._end - start < whole:
                return None
            self._at = start + whole
            return self._view[start + HEADER_LENGTH : self._at]
        if not self._top_up(whole):
            return None
        body, self._held = memoryview(self._held)[HEADER_LENGTH:], bytearray()
        return body

    def skip(self, length: int) -> None:
        """Drop the PDU whose header was just read, its body as it comes."""
        if self._held:
            length -= len(self._held) - HEADER_LENGTH  # what came while the PDU still looked welcome
            self._held = bytearray()
        else:
            self._at += HEADER_LENGTH
        self._skip = length

    def _top_up(self, size: int) -> bool:
        """Complete what is held to a size from the input."""
        if len(self._held) < size:
            stop = min(self._end, self._at + size - len(self._held))
            self._held += self._view[self._at : stop]
            self._at = stop
        return len(self._held) >= size
