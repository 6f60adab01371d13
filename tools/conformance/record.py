"""What happens on the connections of an exchange, written down as it happens: the wire log of every report.

One `Recording` an exchange. Who a peer's user is does not stand in it, unless that is wanted. It also keeps what the
judging needs of each connection: the trace of tokens, the messages in both directions, and the oracle's set of states
after each event.
"""

import hashlib
import time
from collections.abc import Callable, Iterable

from . import oracle, tokens
from .emitted.rules import Breach
from .emitted.watch import Watch
from .followed import Followed
from .identities import Mask, masked
from .reading import Assembler, Cutter, Message, Seen
from .results import Event, Finding
from .tokens import Token

KEPT = 1 << 16
"""Bytes kept of one event; of more, the length and a digest."""
MOST_EVENTS = 20_000
"""Of one exchange: a storm is counted, not kept."""

MOST_NAMES = 12
"""PDUs that are named of what is sent at once."""


class Recording:
    """The events of one exchange, in order."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, keep_identities: bool = False) -> None:
        self.events: list[Event] = []
        self.findings: list[Finding] = []
        """What of the always-on assertions was broken."""
        self.instances: list[str] = []
        """SOP Instance UIDs that the peer was given to store."""
        self.keep_identities = keep_identities
        """Whether the user identities that a peer sends are kept as they came (`identities`)."""
        self._clock = clock
        self._began = clock()
        self.wall_clock = time.time()
        """When it began: seconds since 1970, UTC."""

    @property
    def now(self) -> float:
        """Seconds since the exchange began."""
        return self._clock() - self._began

    def add(self, kind: str, connection: int = 0, data: bytes = b"", **more: object) -> None:
        """Write an event down."""
        if len(self.events) >= MOST_EVENTS:
            return
        digest = hashlib.sha256(data).hexdigest() if len(data) > KEPT else ""
        event = Event(self.now, kind, connection, data[:KEPT], len(data), digest, **more)  # type: ignore[arg-type]  # names of keywords
        self.events.append(event)

    def found(self, connection: int, breaches: Iterable[Breach]) -> None:
        """Write down what always-on assertions were broken."""
        for each in breaches:
            self.findings.append(Finding(each.id, each.what, self.now, connection, each.strict))

    def note(self, words: str) -> None:
        """Write down what is no event of the wire."""
        self.add("note", words=words)

    def offered(self, instance: str) -> None:
        """Write down that the peer is given an instance to store, which may have to be cleaned up."""
        if instance not in self.instances:
            self.instances.append(instance)
            self.note(f"SOP Instance UID {instance}")


class Track:
    """One connection as seen from outside: cut, put together, followed over the table.

    Args:
        recording: where its events go.
        number: which connection of the exchange.
        role: of the peer.
    """

    def __init__(self, recording: Recording, number: int, role: str) -> None:
        self._recording = recording
        self._number = number
        self._theirs, self._ours = Cutter(), Cutter()
        self._mask = Mask()
        self._assembled = Assembler()
        self._watch = Watch(requestor=role == oracle.REQUESTOR)
        self._followed = Followed(role, "Sta2" if role == oracle.ACCEPTOR else "Sta4", self._ours)
        self.follower = self._followed.follower
        if role == oracle.REQUESTOR:
            self.follower.sent("Evt2")
        self.trace: list[Token] = []
        """What the peer did, all of it."""
        self.pdus: list[Seen] = []
        """The PDUs it sent."""
        self.messages: list[Message] = []
        """The whole messages it sent."""
        self.received_bytes = self.sent_bytes = 0

    @property
    def closed(self) -> bool:
        """Whether the peer has ended the connection."""
        return bool(self.trace) and self.trace[-1].kind == "CLOSE"

    @property
    def partial(self) -> bytes:
        """The beginning of a PDU of the peer whose rest has not come."""
        return self._theirs.held

    @property
    def unfinished(self) -> list[Message]:
        """The messages of which the peer has sent a part."""
        return self._assembled.unfinished

    @property
    def unreadable(self) -> bool:
        """Whether what we sent can no longer be cut into PDUs, so that nobody knows what the peer makes of it."""
        return bool(self._ours.lost)

    def sent(self, data: bytes) -> None:
        """Bytes left."""
        self.sent_bytes += len(data)
        pdus = self._ours.feed(data)
        self._followed.sent(pdus)
        for pdu in pdus:
            self._watch.sent(pdu)
        names = ", ".join(pdu.name for pdu in pdus[:MOST_NAMES]) or f"{len(data)} bytes"
        if len(pdus) > MOST_NAMES:
            names += f" and {len(pdus) - MOST_NAMES} more"
        self._add("sent", data, words=names)

    def received(self, data: bytes) -> None:
        """Bytes came."""
        self.received_bytes += len(data)
        pdus = self._theirs.feed(data)
        for pdu in pdus:
            self._saw_pdu(pdu)
        rest = len(self._theirs.held) if pdus else len(data)
        kept = data if self._recording.keep_identities else self._mask.feed(data)
        if rest:
            self._add("bytes", kept[-rest:], words=f"{rest} bytes")

    def _saw_pdu(self, pdu: Seen) -> None:
        self.pdus.append(pdu)
        found = self._tokens(pdu)
        self.trace += found
        self._followed.saw(pdu)
        self._recording.found(self._number, self._watch.saw(pdu))
        raw = pdu.raw if self._recording.keep_identities else masked(pdu.raw)
        self._add("pdu", raw, words=f"{pdu.name} {tokens.text(tuple(found))}", fault=pdu.fault)

    def _tokens(self, pdu: Seen) -> list[Token]:
        if pdu.type != 0x04:
            return [tokens.of_pdu(pdu)]
        whole = [message for each in pdu.fragments if (message := self._assembled.feed(each)) is not None]
        self.messages += whole
        return [tokens.of_message(message) for message in whole]

    def ended(self, how: str) -> None:
        """The connection is gone: "fin", "rst" or "send-failed"."""
        if self.closed:
            return
        if self._assembled.unfinished:
            self.trace.append(Token("DATA"))
        self.trace.append(Token("CLOSE", how="FIN" if how == "fin" else "RST"))
        self.follower.saw(self.trace[-1])
        self._recording.found(self._number, self._watch.ended())
        self._add(how)

    def note_unsent(self) -> None:
        """The peer takes no more bytes."""
        self._add("note", words="the peer does not take what is sent to it: its window stays closed")

    def unread(self) -> None:
        """The tester reads nothing for a while: what would end the association in order may not come through."""
        self._watch.unread()

    def we_ended(self, kind: str) -> None:
        """The tester closed its side or reset the connection: Evt17 at the peer."""
        self.follower.sent("Evt17")
        self._watch.we_ended()
        self._add(kind)

    def settled(self) -> None:
        """Nothing more came."""
        self.follower.settled()
        self._add("silence")

    def opened(self, kind: str, words: str) -> None:
        """The connection stands."""
        self._add(kind, words=words)

    def _add(self, kind: str, data: bytes = b"", **more: object) -> None:
        self._recording.add(kind, self._number, data, states=self.follower.states, **more)
