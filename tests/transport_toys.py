"""Sans-IO things for the transport's tests: none knows anything of DICOM, as the drivers do not."""

from collections import deque

from dulcet.dul.primitives import ACCEPT, CLOSE, CONNECT, Output


class Lines:
    """Echoes lines; hears "connected", "offered", each line, "due", "closed". "bye" is answered and ends it."""

    def __init__(self, *, requestor: bool = False, answers: bool = True, deadline: float | None = None) -> None:
        self.outbox: deque[Output] = deque([CONNECT] if requestor else [])
        self.deadline = deadline
        self.heard: list[str] = []
        self._answers = answers
        self._line = b""

    def say(self, text: str) -> None:
        self.outbox.append(text.encode() + b"\n")

    def connected(self, now: float) -> list[str]:
        return self._hear("connected")

    def offered(self, now: float) -> list[str]:
        self.outbox.append(ACCEPT)
        return self._hear("offered")

    def receive(self, data: bytes | memoryview, now: float) -> list[str]:
        *lines, self._line = (self._line + bytes(data)).split(b"\n")
        for line in lines:
            if self._answers:
                self.outbox.append(b"echo ")
                self.outbox.append(memoryview(line))
                self.outbox.append(b"")
                self.outbox.append(b"\n")
            if line == b"bye":
                self.outbox.append(CLOSE)
        return self._hear(*(line.decode("latin-1") for line in lines))

    def closed(self, now: float) -> list[str]:
        return self._hear("closed")

    def tick(self, now: float) -> list[str]:
        if self.deadline is None or now < self.deadline:
            return []
        self.deadline = None
        return self._hear("due")

    def fill(self, now: float) -> None:
        """Says nothing of its own accord."""

    def _hear(self, *events: str) -> list[str]:
        self.heard += events
        return list(events)


class Flood(Lines):
    """Sends `size` bytes in pieces of several sizes through `fill`, then closes."""

    PATTERN = bytes(range(256)) * 512

    def __init__(self, size: int, *, requestor: bool = False) -> None:
        super().__init__(requestor=requestor)
        self.left = size
        self.most = 0
        self._standing = False

    def connected(self, now: float) -> list[str]:
        self._standing = True
        return super().connected(now)

    def offered(self, now: float) -> list[str]:
        self._standing = True
        return super().offered(now)

    def fill(self, now: float) -> None:
        while self._standing and self.left and len(self.outbox) < 16:
            for size in (12, 100_000):
                size = min(size, self.left)
                self.outbox.append(memoryview(self.PATTERN)[:size])
                self.left -= size
        if self._standing and not self.left:
            self._standing = False
            self.outbox.append(CLOSE)
        self.most = max(self.most, len(self.outbox))


def flood_bytes(size: int) -> bytes:
    """What a `Flood` of that size sends."""
    block = Flood.PATTERN[:12] + Flood.PATTERN[:100_000]
    whole, rest = divmod(size, len(block))
    tail = Flood.PATTERN[: min(rest, 12)] + Flood.PATTERN[: max(rest - 12, 0)]
    return block * whole + tail
