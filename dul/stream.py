"""Cuts a byte stream into PDUs (PS3.8 9.3.1): six header bytes tell type and length, the body follows.

The bytes come in any pieces. Nothing is allocated from a length on the wire, and a PDU that lies whole in the bytes
just received is handed on as a view of them; only what is left over at the end of an input is copied and waits.
So each PDU is copied at most once, and a stream in any pieces costs linear time.

The reader asks in this order: `header()`, then, having judged it, either `body(length)` or `skip(length)`. `run` is
the same for several P-DATA-TF of the plainest kind.
"""

from functools import partial
from struct import Struct

from .p_data import P_DATA_TF, PDV, PDV_OVERHEAD

HEADER_LENGTH = 6
"""PDU-type, reserved, PDU-length."""

_HEADER = Struct(">BxL")
_P_DATA_HEADER = Struct(">BxLLBB")
_P_DATA_HEADER_LENGTH = _P_DATA_HEADER.size
_pdv = partial(tuple.__new__, PDV)  # without the frame of a function: 0.12 us instead of 0.25


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

    def run(self, longest: int) -> list[PDV]:
        """The P-DATA-TF PDUs that come next, as far as each lies whole in the input and is one PDV.

        What `header`, `body` and `decode_pdvs` make of them, in half the time: 0.5 us each. They begin where this ends,
        at whatever is longer than that many bytes of PDU-length, cut, of several PDVs, or wrong.
        """
        pdvs: list[PDV] = []
        if self._held or self._skip:
            return pdvs
        view, at, end = self._view, self._at, self._end
        while end - at >= _P_DATA_HEADER_LENGTH:
            type_, length, item_length, context_id, control = _P_DATA_HEADER.unpack_from(view, at)
            after = at + HEADER_LENGTH + length
            if type_ != P_DATA_TF or not PDV_OVERHEAD <= length <= longest or item_length != length - 4 or after > end:
                break
            pdvs.append(_pdv((context_id, control, view[at + _P_DATA_HEADER_LENGTH : after])))
            at = after
        self._at = at
        return pdvs

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
