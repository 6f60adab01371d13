"""A conversation as data: the steps after the peer has been brought to its state."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

SEND, FIN, RST, WAIT = "send", "fin", "rst", "wait"
KINDS = (SEND, FIN, RST, WAIT)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that the tester does."""

    kind: str
    """ "send"; "fin" and "rst" end the connection; "wait" lets the peer come to rest."""
    name: str = ""
    """Of what is sent."""
    data: bytes = b""
    cuts: tuple[int, ...] = ()
    """Where the bytes are cut into segments, as percentages of their length."""
    joined: bool = False
    """Whether it leaves in one segment with the step before."""

    def __str__(self) -> str:
        if self.kind != SEND:
            return self.kind
        pieces = f" in {len(self.pieces)} pieces" if len(self.pieces) > 1 else ""
        return f"{'+ ' if self.joined else ''}{self.name} ({len(self.data)} bytes){pieces}"

    @property
    def pieces(self) -> list[bytes]:
        """The bytes as they leave."""
        bounds = sorted({0, len(self.data), *(len(self.data) * cut // 100 for cut in self.cuts)})
        return [self.data[start:end] for start, end in pairwise(bounds)]


def turns(steps: Iterable[Step]) -> list[tuple[str, list[bytes]]]:
    """What is done between two looks at the peer: a kind, and the segments of a "send"."""
    found: list[tuple[str, list[bytes]]] = []
    for step in steps:
        if step.kind == SEND and step.joined and found and found[-1][0] == SEND:
            segments = found[-1][1]
            first, *rest = step.pieces or [b""]
            segments[-1:] = [segments[-1] + first, *rest]
        else:
            found.append((step.kind, step.pieces or [b""] if step.kind == SEND else []))
    return found


def text(steps: Sequence[Step]) -> str:
    """The steps in words."""
    return "; ".join(map(str, steps)) or "nothing"
