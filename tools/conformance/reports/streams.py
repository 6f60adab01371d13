"""What each side of a connection sent, as TCP would have carried it: the events of an exchange as segments.

An event "bytes" and the PDU it begins hold the same bytes twice; here each stands once, at the time it came.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from ..results import Event

Flags = Literal["open", "refused", "data", "fin", "rst"]
_KINDS: dict[str, Flags] = {
    "connect": "open",
    "accept": "open",
    "refused": "refused",
    "sent": "data",
    "pdu": "data",
    "bytes": "data",
    "fin": "fin",
    "our-fin": "fin",
    "our-close": "fin",
    "rst": "rst",
    "our-rst": "rst",
    "send-failed": "rst",
}
"""Events that leave something on the wire; of silence and notes there is nothing."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Something one side did."""

    event: Event
    flags: Flags
    ours: bool
    """Whether the tester did it."""
    data: bytes = b""
    """As far as it is kept."""
    length: int = 0
    """How many bytes there were."""


def segments(events: Iterable[Event]) -> Iterator[Segment]:
    """The events of an exchange as segments, in order."""
    early: dict[int, bytes] = {}  # by connection: what came of a PDU that is not whole yet
    for event in events:
        flags = _KINDS.get(event.kind)
        if flags is None:
            continue
        data, length = event.data, event.length
        if event.kind == "bytes":
            early[event.connection] = early.get(event.connection, b"") + data
        elif event.kind == "pdu":
            known = early.pop(event.connection, b"")
            data, length = data[len(known) :], length - len(known)
        if flags != "data" or length:
            yield Segment(event, flags, event.direction == ">" or event.kind == "connect", data, length)
