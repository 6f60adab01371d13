"""The front of an outbox: the data before the next request to the transport, for vectored writing."""

from collections import deque

from ..primitives import Output, Transport


def front(outbox: deque[Output], most: int) -> list[bytes | memoryview]:
    """The data before the next request, at most so many pieces."""
    pieces: list[bytes | memoryview] = []
    for item in outbox:
        if isinstance(item, Transport) or len(pieces) == most:
            break
        pieces.append(item)
    return pieces


def take(outbox: deque[Output], pieces: list[bytes | memoryview], sent: int) -> bool:
    """Remove what was sent from the front of the outbox; True when that is all the pieces."""
    for piece in pieces:
        size = len(piece)
        if sent < size:
            outbox[0] = memoryview(piece)[sent:]
            return False
        sent -= size
        outbox.popleft()
    return True
