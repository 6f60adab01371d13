"""A mutation, and the sans-IO core that has one: everything that comes and goes passes here."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from dulcet.acse.association import Association, Timeouts
from dulcet.acse.policy import Policy
from dulcet.dimse.events import DimseEvent
from dulcet.dimse.exchange import Exchange
from dulcet.dul.actions import Actions
from dulcet.dul.primitives import CLOSE, Output

ARTIM = 1.0
Rewrite = Callable[["Mutated", bytes], Sequence[bytes]]
"""A whole PDU to what takes its place: none, itself, others."""


@dataclass(frozen=True)
class Mutation:
    """One thing that is wrong with a peer."""

    name: str
    caught_by: tuple[str, ...]
    """The cases that must fail, by the catalogue."""
    actions: dict[str, Callable[..., None]] = field(default_factory=dict)
    """Actions of Table 9-10 in the place of the right ones, by the name of their method."""
    out: Rewrite | None = None
    """What leaves."""
    into: Rewrite | None = None
    """What comes, before the core has it."""
    raw: Callable[["Mutated", bytes], bytes] | None = None
    """What comes, as TCP gives it."""
    beside: tuple[str, ...] = ()
    """Cases that are played too, because they bring the peer to do it."""
    artim: float = ARTIM
    """Seconds, of the peer."""
    told_artim: float | None = None
    """What the judge is told of it, where that is another."""
    tick: bool = True
    """Whether time passes at all."""
    clings: bool = False
    """Whether it keeps a connection that the other side has ended."""
    dials_on: bool = False
    """Whether it dials on and on where it is refused."""
    claims: tuple[str, ...] = ()
    """What its profile says of it besides: fields that are true."""


RIGHT = Mutation("none", ())


class Mutated:
    """An `Exchange` with a mutation; a sans-IO thing for the drivers of `dul.transport`."""

    def __init__(self, mutation: Mutation, policy: Policy | None) -> None:
        actions = type("MutatedActions", (Actions,), {"__slots__": (), **mutation.actions})
        timeouts = Timeouts(connect=2.0, artim=mutation.artim, acse=1.0, idle=60.0)
        association = Association(policy, requestor=policy is None, timeouts=timeouts, actions=actions)
        self.exchange = Exchange(association, dimse_seconds=1.0)
        self.mutation = mutation
        self.outbox: deque[Output] = deque()
        self.request = b""
        """The A-ASSOCIATE-RQ, whoever sent it."""
        self.memory: dict[str, Any] = {}
        """What a mutation remembers of this connection."""
        self._in, self._out = bytearray(), bytearray()

    # ---- what drivers ask ----

    @property
    def deadline(self) -> float | None:
        return self.exchange.deadline if self.mutation.tick else None

    def connected(self, now: float) -> list[DimseEvent]:
        return self._after(self.exchange.connected(now))

    def offered(self, now: float) -> list[DimseEvent]:
        return self._after(self.exchange.offered(now))

    def closed(self, now: float) -> list[DimseEvent]:
        return self._after(self.exchange.closed(now))

    def tick(self, now: float) -> list[DimseEvent]:
        return self._after(self.exchange.tick(now))

    def fill(self, now: float) -> None:
        while True:  # a mutation may hold back what the core has given
            self.exchange.fill(now)
            self._after([])
            if self.outbox or not self.exchange.sending:
                break

    def receive(self, data: bytes | memoryview, now: float) -> list[DimseEvent]:
        taken = bytes(data)
        if self.mutation.raw is not None:
            taken = self.mutation.raw(self, taken)
        if self.mutation.into is None:
            self._look(taken)
            return self._after(self.exchange.receive(taken, now))
        self._in += taken
        events: list[DimseEvent] = []
        for pdu in _cut(self._in):
            self._look(pdu)
            for each in self.mutation.into(self, pdu):
                events += self.exchange.receive(each, now)
        return self._after(events)

    # ---- what mutations use ----

    def say(self, *pdus: bytes) -> None:
        """Send these very bytes, besides what the core does."""
        self.outbox.extend(pdus)

    def close(self) -> None:
        """End the connection."""
        self.outbox.append(CLOSE)

    @property
    def state(self) -> str:
        """Of the core."""
        return self.exchange.state

    # ---- within ----

    def _look(self, data: bytes) -> None:
        if not self.request and data[:1] == b"\1":
            self.request = data

    def _after(self, events: list[DimseEvent]) -> list[DimseEvent]:
        """Whatever the core wants to send goes through the mutation."""
        waiting = self.exchange.outbox
        while waiting:
            item = waiting.popleft()
            if not isinstance(item, bytes | bytearray | memoryview):
                self.outbox.append(item)
                continue
            self._out += item
            for pdu in _cut(self._out):
                self._look(pdu)
                self.outbox.extend([pdu] if self.mutation.out is None else self.mutation.out(self, pdu))
        return events


def _cut(data: bytearray) -> list[bytes]:
    """Whole PDUs off the front."""
    found = []
    while len(data) >= 6 and len(data) >= (end := 6 + int.from_bytes(data[2:6], "big")):
        found.append(bytes(data[:end]))
        del data[:end]
    return found
