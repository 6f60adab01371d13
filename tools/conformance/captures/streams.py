"""TCP segments to what happens on connections: bytes of each direction in order, ends, and what the capture lacks.

Segments come late, twice and overlapping; each byte is given once. A hole is known from what follows it, or from an
acknowledgement of what was never seen; it may still be filled by a packet that comes late. While a hole is open the
other direction goes on, because that is the order of things on the wire.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .packets import ACK, FIN, RST, SYN, Endpoint, Segment

MOST_HELD = 1 << 24
"""Bytes behind a hole that are kept; when more wait, it counts as never filled."""
_MODULUS = 1 << 32


def _ahead(number: int, of: int) -> int:
    """How far a sequence number is ahead of another; negative when it is behind."""
    return (number - of + _MODULUS // 2) % _MODULUS - _MODULUS // 2


@dataclass(frozen=True, slots=True)
class Happening:
    """Something on a connection."""

    at: float
    source: Endpoint
    """Whose direction."""
    kind: str
    """ "data", "fin", "rst"."""
    data: bytes = b""


@dataclass(slots=True)
class Direction:
    """One direction of a connection."""

    source: Endpoint
    next: int | None = None
    """The sequence number that is due."""
    acknowledged: int | None = None
    """What the other side has received."""
    held: dict[int, bytes] = field(default_factory=dict)
    fin_at: int | None = None
    ended: bool = False
    hole_since: float | None = None
    """Since when something is missing; None while nothing is."""
    lost: bool = False
    """Whether it will never be filled: nothing more is given."""

    def take(self, segment: Segment) -> Iterator[Happening]:
        """What a segment of this direction brings."""
        start = segment.sequence + bool(segment.flags & SYN)
        if self.next is None and (segment.flags & SYN or segment.size):
            self.next = start % _MODULUS
        if self.next is None or self.lost:
            return
        if segment.flags & FIN:
            self.fin_at = (start + segment.size) % _MODULUS
        if segment.size and _ahead(start + segment.size, self.next) > 0:
            self._hold(start % _MODULUS, segment)
        yield from self._give(segment.at)
        self.look(segment.at)

    def _hold(self, start: int, segment: Segment) -> None:
        if len(segment.payload) > len(self.held.get(start, b"")):
            self.held[start] = segment.payload
        if sum(map(len, self.held.values())) > MOST_HELD:
            self.lost = True
            self.held.clear()
            self.hole_since = segment.at if self.hole_since is None else self.hole_since

    def _give(self, at: float) -> Iterator[Happening]:
        assert self.next is not None  # `take` has set it
        for start in sorted(self.held, key=lambda start: _ahead(start, self.next or 0)):
            behind = -_ahead(start, self.next)
            if behind < 0:
                break
            data = self.held.pop(start)[behind:]
            if data:
                self.next = (self.next + len(data)) % _MODULUS
                yield Happening(at, self.source, "data", data)
        if self.fin_at == self.next and not self.ended:
            self.ended = True
            self.next = (self.next + 1) % _MODULUS
            yield Happening(at, self.source, "fin")

    def acknowledge(self, number: int, at: float) -> None:
        """The other side says that it has everything before a sequence number."""
        if self.acknowledged is None or _ahead(number, self.acknowledged) > 0:
            self.acknowledged = number
        self.look(at)

    def look(self, at: float) -> None:
        """See whether something is missing now."""
        if self.lost or self.next is None:
            return
        beyond = self.acknowledged is not None and _ahead(self.acknowledged, self.next) > 0
        if not self.held and not beyond:
            self.hole_since = None
        elif self.hole_since is None:
            self.hole_since = at


class Connection:
    """One TCP connection of a capture.

    Args:
        first: its first segment.
    """

    def __init__(self, first: Segment) -> None:
        self.at = first.at
        self.opened = bool(first.flags & SYN)
        """Whether its beginning was captured."""
        starts = first.flags & (SYN | ACK) != SYN | ACK
        self.client = first.source if starts else first.destination
        """Who connected, as far as the first segment tells."""
        self.server = first.destination if starts else first.source
        self._directions = {end: Direction(end) for end in (self.client, self.server)}
        self._reset = False

    @property
    def hole_since(self) -> float | None:
        """Since when bytes are missing in the capture; None while none are."""
        return min((each.hole_since for each in self._directions.values() if each.hole_since is not None), default=None)

    @property
    def over(self) -> bool:
        """Whether both sides have ended it."""
        return self._reset or all(each.ended for each in self._directions.values())

    def take(self, segment: Segment) -> Iterator[Happening]:
        """What a segment brings."""
        if self._reset:
            return
        if segment.flags & ACK and not segment.flags & RST:
            self._directions[segment.destination].acknowledge(segment.acknowledged, segment.at)
        yield from self._directions[segment.source].take(segment)
        if segment.flags & RST:
            self._reset = True
            yield Happening(segment.at, segment.source, "rst")


def connections(segments: Iterable[Segment]) -> Iterator[tuple[Connection, list[Happening]]]:
    """Each segment's connection and what it brought there, which may be nothing."""
    known: dict[frozenset[Endpoint], Connection] = {}
    for segment in segments:
        key = frozenset((segment.source, segment.destination))
        connection = known.get(key)
        fresh = segment.flags & (SYN | ACK) == SYN
        if connection is None or (fresh and connection.over):
            connection = known[key] = Connection(segment)
        yield connection, list(connection.take(segment))
