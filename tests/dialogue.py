"""Ends of associations joined by nothing but a test: PDUs go in and come out by name, in any pieces, at any time.

`End` is an `Association` or an `Exchange` with a test for a peer; `Dialogue` is two of them and the bytes under way,
which a test delivers, delays, splits or loses. Events are kept in a form that can be compared: data are bytes of
their own, and P-DATA that came in one run or in two are the same.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dulcet.acse.association import Association, Timeouts
from dulcet.acse.policy import Policy, SupportedContext
from dulcet.acse.proposal import propose
from dulcet.dimse.exchange import Exchange, Request, Response
from dulcet.dimse.fragments import Memory, fragment
from dulcet.dimse.messages import Message
from dulcet.dul.items import ContextResult, ProposedContext, UserInformation
from dulcet.dul.pdu import PDV, AssociateAC, AssociateRQ, PDataTF, Pdu, ReleaseRP, ReleaseRQ, decode
from walks import drain, heard, whole

VERIFICATION, FIND, GET, STORE = (
    "1.2.840.10008.1.1",
    "1.2.840.10008.5.1.4.1.2.2.1",
    "1.2.840.10008.5.1.4.1.2.2.3",
    "1.2.840.10008.5.1.4.1.1.7",
)
"""Verification; Study Root FIND and GET; Secondary Capture Image Storage (PS3.4, PS3.6 Annex A)."""
IMPLICIT = "1.2.840.10008.1.2"
CONTEXTS = tuple(
    ProposedContext(1 + 2 * at, uid, (IMPLICIT,)) for at, uid in enumerate((VERIFICATION, FIND, GET, STORE))
)
"""Contexts 1, 3, 5 and 7."""
RQ = propose("SCP", "SCU", CONTEXTS)
AC = AssociateAC(tuple(ContextResult(context.id, 0, IMPLICIT) for context in CONTEXTS), echo=RQ.echo)
POLICY = Policy(dict.fromkeys((VERIFICATION, FIND, GET, STORE), SupportedContext(None)))

Pieces = Callable[[bytes], Iterable[bytes]]
Heard = Pdu | bytes


def told(events: Iterable[Any]) -> list[Any]:
    """Events in a form that can be compared."""
    kept: list[Any] = []
    for event in events:
        if isinstance(event, Request | Response) and isinstance(event.sink, Memory):
            event = event._replace(sink=event.sink.getvalue())
        kept.append(event)
    return heard(kept)


@dataclass
class End:
    """One end, whose transport is the test."""

    thing: Any
    """An `Association` or an `Exchange`."""
    now: float = 0.0
    events: list[Any] = field(default_factory=list)
    """Everything told so far."""
    pieces: Pieces = whole
    """How what it hears is cut."""

    @property
    def state(self) -> str:
        return str(self.thing.state)

    def do(self, events: Sequence[Any] | None) -> list[Any]:
        """Note what an input caused, as every input's return value is to be noted."""
        caused = told(events or ())
        self.events = heard([*self.events, *caused])
        return caused

    def hear(self, *pdus: Heard) -> list[Any]:
        """The peer sends all of this at once."""
        data = b"".join(pdu if isinstance(pdu, bytes) else pdu.encode() for pdu in pdus)
        caused: list[Any] = []
        for piece in self.pieces(data):
            buffer = bytearray(piece)
            caused += self.do(self.thing.receive(buffer, self.now))
            buffer[:] = b"\xee" * len(buffer)  # a driver fills its buffer again
        return heard(caused)

    def wait(self, seconds: float) -> list[Any]:
        """Time passes, and the driver looks at the clock."""
        self.now += seconds
        return self.do(self.thing.tick(self.now))

    def lose(self) -> list[Any]:
        """The connection is gone."""
        return self.do(self.thing.closed(self.now))

    def bytes_out(self) -> list[bytes | str]:
        """Everything it wants sent: PDUs, and what it asks of the transport in lower case."""
        sent: list[bytes | str] = []
        while self.thing.outbox:
            sent += drain(self.thing.outbox)
            self.thing.fill(self.now)
        return sent

    def said(self) -> list[Pdu | str]:
        """The same, read."""
        return [item if isinstance(item, str) else decode(item) for item in self.bytes_out()]

    def names(self) -> list[str]:
        """The same, by name."""
        return [item if isinstance(item, str) else item.name for item in self.said()]


def pdus(message: Message, dataset: bytes | None = None, context_id: int = 1, longest: int = 0) -> list[Pdu]:
    """A message in P-DATA-TF PDUs, one for each fragment."""
    return [PDataTF((pdv,)) for pdv in pdvs(message, dataset, context_id, longest)]


def pdvs(message: Message, dataset: bytes | None = None, context_id: int = 1, longest: int = 0) -> list[PDV]:
    """A message in presentation data values; b"" is the empty fragment that peers send and we do not (PS3.8 E.1)."""
    command = message.encode(dataset is not None)
    if dataset == b"":
        return [*fragment(context_id, command, None, longest), PDV(context_id, 2, b"")]
    return list(fragment(context_id, command, dataset, longest))


# ---- associations in any state ----


def requestor(state: str = "Sta1", request: AssociateRQ = RQ, answer: AssociateAC = AC, **options: Any) -> End:
    """An association on the requestor's end, led to a state; it answers the peer's release only when told to."""
    end = End(Association(requestor=True, **options))
    end.thing.hold_release = True
    if state != "Sta1":
        end.do(end.thing.associate(request, end.now))
    if state not in ("Sta1", "Sta4"):
        end.do(end.thing.connected(end.now))
    if state not in ("Sta1", "Sta4", "Sta5"):
        end.hear(answer)
    return _onwards(end, state)


def acceptor(state: str = "Sta1", request: AssociateRQ = RQ, policy: Policy | None = POLICY, **options: Any) -> End:
    """An association on the acceptor's end, led to a state."""
    end = End(Association(policy if state != "Sta3" else None, **options))
    end.thing.hold_release = True
    if state != "Sta1":
        end.do(end.thing.offered(end.now))
    if state not in ("Sta1", "Sta2"):
        end.hear(request)
    return _onwards(end, state)


def _onwards(end: End, state: str) -> End:
    """From Sta6 to the states of release and to Sta13."""
    thing = end.thing
    if state in ("Sta7", "Sta9", "Sta10", "Sta11", "Sta12"):
        end.do(thing.release(end.now))
    if state in ("Sta8", "Sta9", "Sta10", "Sta11", "Sta12"):
        end.hear(ReleaseRQ())
    if state == "Sta11":
        end.do(thing.answer_release(end.now))
    if state == "Sta12":
        end.hear(ReleaseRP())
    if state == "Sta13":
        end.do(thing.abort(end.now))
    assert end.state == state
    end.bytes_out()
    end.events.clear()
    return end


def talking(
    requests: bool = True,
    *,
    window: tuple[int, int] | None = None,
    longest: int = 131072,
    timeouts: Timeouts = Timeouts(),  # noqa: B008  # immutable
    **options: Any,
) -> End:
    """An exchange in Sta6, requestor's or acceptor's, whose peer takes P-DATA-TF of the length `longest`."""
    said = UserInformation(maximum_length=longest)
    request = replace(RQ, user_information=said)
    answer = replace(AC, user_information=said)
    if window is not None:
        request = propose("SCP", "SCU", CONTEXTS, asynchronous_operations_window=window, maximum_length=longest)
        answer = replace(AC, user_information=request.user_information)
    if requests:
        end = End(Exchange(Association(requestor=True, timeouts=timeouts), **options))
        end.do(end.thing.associate(request, 0.0))
        end.do(end.thing.connected(0.0))
        end.hear(answer)
    else:
        policy = replace(POLICY, asynchronous_operations_window=(0, 0))
        end = End(Exchange(Association(policy, timeouts=timeouts), **options))
        end.do(end.thing.offered(0.0))
        end.hear(request)
    assert end.state == "Sta6"
    end.bytes_out()
    end.events.clear()
    return end


# ---- two of them ----


class Dialogue:
    """A requestor, an acceptor and the bytes between them, which arrive when the test says so."""

    def __init__(self, requestor: Any, acceptor: Any) -> None:
        self.requestor, self.acceptor = End(requestor), End(acceptor)
        self.under_way: dict[str, bytearray] = {"requestor": bytearray(), "acceptor": bytearray()}
        self.said: list[str] = []
        """PDUs and requests to the transport of both ends, in order: "requestor: A-ASSOCIATE-RQ"."""
        self.closed: set[str] = set()

    def end(self, name: str) -> End:
        return self.requestor if name == "requestor" else self.acceptor

    def collect(self) -> None:
        """Take what both want sent."""
        for name, peer in (("requestor", "acceptor"), ("acceptor", "requestor")):
            for item in self.end(name).bytes_out():
                if isinstance(item, bytes):
                    self.said.append(f"{name}: {decode(item).name}")
                    self.under_way[peer] += item
                else:
                    self.said.append(f"{name}: {item}")
                    self._transport(item, name, peer)

    def _transport(self, wish: str, name: str, peer: str) -> None:
        if wish == "connect":
            self.acceptor.do(self.acceptor.thing.offered(self.acceptor.now))
            self.collect()
            self.requestor.do(self.requestor.thing.connected(self.requestor.now))
            self.collect()
        elif wish == "close":
            self.closed.add(name)

    def deliver(self, name: str, size: int = 1 << 30) -> bool:
        """Bytes arrive; whether there were any. The end of the connection arrives behind the last of them."""
        end, data = self.end(name), bytes(self.under_way[name][:size])
        del self.under_way[name][:size]
        if data and name not in self.closed:
            end.hear(data)
        peer = "acceptor" if name == "requestor" else "requestor"
        closing = peer in self.closed and not self.under_way[name] and name not in self.closed
        if closing:
            self.closed.add(name)
            end.lose()
        self.collect()
        return bool(data) or closing

    def settle(self, size: int = 1 << 30) -> None:
        """Deliver everything, in pieces of a size, until nothing moves."""
        self.collect()
        while self.deliver("acceptor", size) | self.deliver("requestor", size):
            pass

    def kinds(self, name: str) -> list[str]:
        """The names of the events told at one end."""
        return [type(event).__name__ for event in self.end(name).events]


def associated(policy: Policy = POLICY, request: AssociateRQ = RQ, **options: Any) -> Dialogue:
    """Two exchanges in Sta6."""
    dialogue = Dialogue(Exchange(Association(requestor=True), **options), Exchange(Association(policy), **options))
    dialogue.requestor.do(dialogue.requestor.thing.associate(request, 0.0))
    dialogue.settle()
    assert (dialogue.requestor.state, dialogue.acceptor.state) == ("Sta6", "Sta6")
    dialogue.said.clear()
    dialogue.requestor.events.clear()
    dialogue.acceptor.events.clear()
    return dialogue
