"""Two ends of an association and a network between them that delays, splits, joins and cuts.

No sockets: the network is two byte strings under way. Whatever the users and the network do, the trace of
both ends stays inside Table 9-10, ARTIM runs exactly in Sta2 and Sta13, nothing leaves an end that is closed,
and once the network has delivered or cut and ARTIM has passed, both ends are idle again.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest
import table_9_10 as table
from cell_coverage import traced
from dulcet.dul.pdu import PDV, Abort, AssociateRJ, AssociateRQ, PDataTF
from dulcet.dul.primitives import ACCEPT, CLOSE, CONNECT, PDataIndication, PDataRequest, Primitive, Transport
from dulcet.dul.upper_layer import UpperLayer
from hypothesis import event as note
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from walks import ARTIM, DEFAULT, PDVS, REQUESTS, RJ_BY_PROVIDER, RJ_BY_USER, RQ, heard

COUNT = traced("conversation")
USER_EVENTS = [event for event in table.EVENTS if table.ORIGIN[event] == "user"]


@dataclass
class End:
    """An upper layer, its user's ears, and its side of the network."""

    requestor: bool
    refusal: AssociateRJ | None = None
    connecting: bool = False
    """CONNECT was asked for and not yet answered."""
    open: bool = False
    """It has a transport connection."""
    under_way: bytearray = field(default_factory=bytearray)
    """Bytes on their way to this end."""
    finished: bool = False
    """The peer closed behind those bytes."""
    ears: list[Any] = field(default_factory=list)
    """What its user heard."""
    events: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.layer = UpperLayer(
            requestor=self.requestor, artim_seconds=ARTIM, acceptable=self.acceptable, trace=self.trace
        )

    def acceptable(self, rq: AssociateRQ) -> AssociateRJ | None:
        return self.refusal

    def trace(self, now: float, state: str, event: str, action: str, following: str, count: int) -> None:
        COUNT(now, state, event, action, following, count)
        if action == "AR-8":
            assert following == ("Sta9" if self.requestor else "Sta10")
        self.events.append((state, event))

    def user_can(self) -> list[str]:
        return [event for event in self.layer.possible() if table.ORIGIN[event] == "user"]


class Network:
    """Two ends, the time, and what lies between them."""

    def __init__(self, refusal: AssociateRJ | None = None) -> None:
        self.now = 0.0
        self.requestor = End(True)
        self.acceptor = End(False, refusal)
        self.ends = (self.requestor, self.acceptor)

    def peer(self, end: End) -> End:
        return self.acceptor if end is self.requestor else self.requestor

    # ---- what an end wants of the network ----

    def carry(self, end: End, primitives: list[Primitive]) -> None:
        """Note what the user heard and do what the outbox says, in its order."""
        end.ears = heard([*end.ears, *heard(primitives)])
        while end.layer.outbox:
            item = end.layer.outbox.popleft()
            if item is CONNECT:
                assert not end.open
                end.connecting = True
            elif item is ACCEPT:
                assert end.open
            elif item is CLOSE:
                assert not end.layer.outbox, "something stands behind CLOSE"
                self.close(end)
            else:
                assert end.open, "bytes left an end without a connection"
                assert not isinstance(item, Transport)
                if self.peer(end).open:
                    self.peer(end).under_way += item

    def close(self, end: End) -> None:
        """An end closes: what is under way to it is lost, what it sent arrives before its end does."""
        end.open = end.connecting = False
        end.under_way.clear()
        end.finished = False
        self.peer(end).finished = self.peer(end).open

    # ---- what happens ----

    def ask(self, end: End, event: str, content: object = None) -> None:
        content = DEFAULT[event] if content is None else content
        self.carry(end, end.layer.request(REQUESTS[event](content), self.now))

    def connect(self) -> None:
        self.requestor.connecting = False
        self.requestor.open = self.acceptor.open = True
        self.carry(self.acceptor, self.acceptor.layer.offered(self.now))
        self.carry(self.requestor, self.requestor.layer.connected(self.now))

    def refuse(self) -> None:
        self.requestor.connecting = False
        self.carry(self.requestor, self.requestor.layer.closed(self.now))

    def deliver(self, end: End, size: int) -> None:
        """Some of the bytes under way, and the end of the connection behind the last of them."""
        data = bytes(end.under_way[:size])
        del end.under_way[:size]
        if data:
            self.carry(end, end.layer.receive(data, self.now))
        if end.finished and not end.under_way:
            end.open = end.finished = False
            self.carry(end, end.layer.closed(self.now))

    def cut(self) -> None:
        """The connection breaks: both ends are told, nothing more arrives."""
        for end in self.ends:
            if end.open:
                end.open = end.finished = False
                end.under_way.clear()
                self.carry(end, end.layer.closed(self.now))

    def wait(self, seconds: float) -> None:
        self.now += seconds
        for end in self.ends:
            self.carry(end, end.layer.tick(self.now))

    def play(self, steps: list[str]) -> None:
        """Carry out steps: "connect", "settle", or an end and what its user asks."""
        for step in steps:
            if " " in step:
                end, event = step.split()
                self.ask(getattr(self, end), event)
            else:
                getattr(self, step)()

    def settle(self) -> None:
        """Deliver all there is, until nothing moves."""
        while any(end.under_way or end.finished for end in self.ends):
            for end in self.ends:
                self.deliver(end, 1 << 20)

    def states(self) -> tuple[str, str]:
        return self.requestor.layer.state, self.acceptor.layer.state


# ---- whatever they do ----


ASSOCIATION = ["requestor Evt1", "connect", "settle", "acceptor Evt7", "settle"]
COLLISION = [*ASSOCIATION, "requestor Evt11", "acceptor Evt11", "settle"]
BEGINNINGS: tuple[list[str], ...] = (
    [],
    ["requestor Evt1", "connect"],
    ["requestor Evt1", "connect", "settle"],
    ASSOCIATION,
    [*ASSOCIATION, "acceptor Evt11", "settle"],
    COLLISION,
    [*COLLISION, "requestor Evt14", "settle"],
)
"""Where conversations begin: most of the table lies behind the first few steps, which chance seldom finds."""


class Conversation(RuleBasedStateMachine):
    """Users that do whatever the table lets them, over a network that does whatever networks do."""

    @initialize(refusal=st.sampled_from([None, None, None, RJ_BY_PROVIDER]), steps=st.sampled_from(BEGINNINGS))
    def begin(self, refusal: AssociateRJ | None, steps: list[str]) -> None:
        self.net = Network(None if "acceptor Evt7" in steps else refusal)
        self.net.play(steps)

    def end(self, requestor: bool) -> End:
        return self.net.requestor if requestor else self.net.acceptor

    @precondition(lambda self: self.net.states() == ("Sta1", "Sta1") and not self.net.acceptor.open)
    @rule()
    def begin_again(self) -> None:
        self.net = Network(self.net.acceptor.refusal)
        self.net.ask(self.net.requestor, "Evt1")

    @rule(requestor=st.booleans(), data=st.data())
    def user(self, requestor: bool, data: st.DataObject) -> None:
        end = self.end(requestor)
        going_on = [event for event in end.user_can() if event not in ("Evt1", "Evt8", "Evt15")]
        if going_on:
            event = data.draw(st.sampled_from(going_on))
            note(f"{end.layer.state} {event}")
            content = (PDV(1, 2, data.draw(st.binary(max_size=50))),) if event == "Evt9" else None
            self.net.ask(end, event, content)

    @rule(requestor=st.booleans(), data=st.data())
    def user_ends_it(self, requestor: bool, data: st.DataObject) -> None:
        end = self.end(requestor)
        if ending := [event for event in end.user_can() if event in ("Evt8", "Evt15")]:
            self.net.ask(end, data.draw(st.sampled_from(ending)))

    @precondition(lambda self: self.net.requestor.connecting)
    @rule(answered=st.integers(0, 9))
    def connection(self, answered: int) -> None:
        if answered:
            self.net.connect()
        else:
            self.net.refuse()

    @rule(requestor=st.booleans(), size=st.one_of(st.just(1 << 20), st.integers(1, 12), st.integers(1, 300)))
    def deliver(self, requestor: bool, size: int) -> None:
        self.net.deliver(self.end(requestor), size)

    @rule(
        requestor=st.booleans(),
        event=st.sampled_from(["Evt3", "Evt4", "Evt6", "Evt10", "Evt12", "Evt13", "Evt16", "Evt19"]),
        really=st.integers(0, 3),
    )
    def impostor(self, requestor: bool, event: str, really: int) -> None:
        """A PDU that the peer's layer would not have sent now."""
        end = self.end(requestor)
        if not really and end.open and not end.finished:
            content = DEFAULT[event]
            end.under_way += content if isinstance(content, bytes) else content.encode()

    @rule(seconds=st.sampled_from([0.0, 0.5, 29.0, 31.0]))
    def wait(self, seconds: float) -> None:
        self.net.wait(seconds)

    @rule(really=st.integers(0, 4))
    def cut(self, really: int) -> None:
        if not really:
            self.net.cut()

    @invariant()
    def holds(self) -> None:
        for end in self.net.ends if hasattr(self, "net") else ():
            state, deadline = end.layer.state, end.layer.deadline
            assert (deadline is not None) == (state in table.ARTIM_STATES)
            assert deadline is None or self.net.now < deadline <= self.net.now + ARTIM
            assert (state == "Sta4") == end.connecting
            assert (state == "Sta1") == (not end.connecting and not end.open)
            assert end.layer.possible() == tuple(e for e in table.EVENTS if e in table.CELLS[state])
            assert not end.layer.outbox

    def teardown(self) -> None:
        if not hasattr(self, "net"):
            return
        self.net.settle()
        self.net.wait(ARTIM)
        self.net.settle()
        assert not set(self.net.states()) & table.ARTIM_STATES
        if self.net.requestor.connecting:
            self.net.refuse()
        self.net.cut()
        assert self.net.states() == ("Sta1", "Sta1")


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=300, stateful_step_count=30)


# ---- dialogues ----


@pytest.fixture
def net() -> Network:
    """Two ends in the middle of an association."""
    net = Network()
    net.play(ASSOCIATION)
    assert net.states() == ("Sta6", "Sta6")
    assert names(net.requestor) == ["AAssociateConfirmation"]
    assert names(net.acceptor) == ["AAssociateIndication"]
    for end in net.ends:
        end.ears.clear()
        end.events.clear()
    return net


def names(end: End) -> list[str]:
    return [type(primitive).__name__ for primitive in end.ears]


def closes_in_order(net: Network) -> bool:
    """Both ends idle without ARTIM having expired."""
    return net.states() == ("Sta1", "Sta1") and not any(event == "Evt18" for end in net.ends for _, event in end.events)


@pytest.mark.parametrize("first", ["requestor", "acceptor"])
def test_release(net: Network, first: str) -> None:
    """Either end may release (PS3.8 7.2); the one that answers waits for the connection to close."""
    one: End = getattr(net, first)
    other = net.peer(one)
    net.ask(one, "Evt11")
    net.settle()
    assert names(other) == ["AReleaseIndication"]
    net.ask(other, "Evt14")
    assert other.layer.state == "Sta13"
    net.settle()
    assert names(one) == ["AReleaseConfirmation"]
    assert closes_in_order(net)


def test_release_collision(net: Network) -> None:
    """Both ask at once (PS3.8 9.2.3, Sta9 to Sta12): the requestor answers first, then the acceptor."""
    for end in net.ends:
        net.ask(end, "Evt11")
    net.settle()
    assert net.states() == ("Sta9", "Sta10")
    net.ask(net.requestor, "Evt14")
    assert net.states() == ("Sta11", "Sta10")
    net.settle()
    assert net.states() == ("Sta11", "Sta12")
    net.ask(net.acceptor, "Evt14")
    assert net.states() == ("Sta11", "Sta13")
    net.settle()
    assert closes_in_order(net)
    for end in net.ends:
        assert names(end) == ["AReleaseIndication", "AReleaseConfirmation"]
        assert end.ears[0].collision
    assert [event for _, event in net.requestor.events] == ["Evt11", "Evt12", "Evt14", "Evt13"]
    assert [event for _, event in net.acceptor.events] == ["Evt11", "Evt12", "Evt13", "Evt14", "Evt17"]


def test_ordinary_release_is_no_collision(net: Network) -> None:
    net.ask(net.requestor, "Evt11")
    net.settle()
    (indication,) = net.acceptor.ears
    assert not indication.collision


def test_data_on_both_sides_of_a_release_request(net: Network) -> None:
    """AR-6 and AR-7: what was still to be said arrives, in order."""
    net.ask(net.requestor, "Evt9")
    net.ask(net.requestor, "Evt11")
    net.settle()
    assert names(net.acceptor) == ["PDataIndication", "AReleaseIndication"]
    for _ in range(3):
        net.ask(net.acceptor, "Evt9")
    net.ask(net.acceptor, "Evt14")
    net.settle()
    assert names(net.requestor) == ["PDataIndication", "AReleaseConfirmation"]
    assert isinstance(net.requestor.ears[0], PDataIndication)
    assert net.requestor.ears[0].pdvs == list(PDVS * 3)
    assert closes_in_order(net)


def test_large_values_leave_as_they_are(net: Network) -> None:
    """A value of any length, alone or in company, arrives as one P-DATA-TF; large ones are not copied on the
    way out."""
    for size in (0, 1, 4096, 4097, 100_000):
        data = bytes(range(256)) * (size // 256) + bytes(size % 256)
        for pdvs in ((PDV(1, 2, memoryview(data)),), (PDV(1, 3, b"x"), PDV(3, 0, data))):
            primitives = net.requestor.layer.request(PDataRequest(pdvs), net.now)
            if len(pdvs) == 1 and size > 4096:
                assert pdvs[0].data in list(net.requestor.layer.outbox)
            net.carry(net.requestor, primitives)
            net.settle()
            (indication,) = net.acceptor.ears
            assert indication == PDataIndication([PDV(i, control, bytes(value)) for i, control, value in pdvs])
            net.acceptor.ears.clear()


@pytest.mark.parametrize("first", ["requestor", "acceptor"])
def test_abort(net: Network, first: str) -> None:
    one: End = getattr(net, first)
    net.ask(one, "Evt15")
    net.settle()
    assert names(net.peer(one)) == ["AAbortIndication"]
    assert names(one) == []
    assert closes_in_order(net)


def test_both_abort(net: Network) -> None:
    for end in net.ends:
        net.ask(end, "Evt15")
    net.settle()
    assert closes_in_order(net)
    assert [names(end) for end in net.ends] == [[], []]


def test_abort_overtaken_by_the_cut(net: Network) -> None:
    net.ask(net.requestor, "Evt15")
    net.cut()
    assert names(net.acceptor) == ["APAbortIndication"]
    assert closes_in_order(net)


def test_a_peer_that_does_not_close_is_closed(net: Network) -> None:
    """Sta13: the one that answered a release waits for ARTIM, not longer."""
    net.acceptor.under_way += bytes.fromhex("05 00 00000004 00000000")
    net.deliver(net.acceptor, 10)
    net.ask(net.acceptor, "Evt14")
    net.wait(ARTIM - 0.001)
    assert net.acceptor.layer.state == "Sta13"
    net.wait(0.001)
    assert net.acceptor.layer.state == "Sta1"
    assert not net.acceptor.open


def test_rejected_by_the_user() -> None:
    net = Network()
    net.ask(net.requestor, "Evt1")
    net.connect()
    net.settle()
    net.ask(net.acceptor, "Evt8", RJ_BY_USER)
    net.settle()
    (confirmation,) = net.requestor.ears
    assert confirmation.pdu == RJ_BY_USER
    assert closes_in_order(net)


def test_rejected_by_the_provider() -> None:
    net = Network(RJ_BY_PROVIDER)
    net.ask(net.requestor, "Evt1")
    net.connect()
    net.settle()
    assert names(net.acceptor) == []
    (confirmation,) = net.requestor.ears
    assert confirmation.pdu == RJ_BY_PROVIDER
    assert closes_in_order(net)


def test_connection_refused() -> None:
    net = Network()
    net.ask(net.requestor, "Evt1")
    net.refuse()
    assert names(net.requestor) == ["APAbortIndication"]
    assert net.states() == ("Sta1", "Sta1")


def test_abort_while_connecting() -> None:
    """AA-2 in Sta4: at once, and a connection that opens afterwards is nothing to it."""
    net = Network()
    net.ask(net.requestor, "Evt1")
    net.ask(net.requestor, "Evt15")
    assert net.requestor.layer.state == "Sta1"
    assert net.requestor.layer.connected(net.now) == []
    assert net.requestor.layer.closed(net.now) == []
    assert not net.requestor.layer.outbox


def test_nobody_asks() -> None:
    """A connection without a request is closed after ARTIM (PS3.8 9.1.5)."""
    net = Network()
    net.acceptor.open = True
    net.carry(net.acceptor, net.acceptor.layer.offered(net.now))
    net.wait(ARTIM)
    assert net.acceptor.layer.state == "Sta1"
    assert not net.acceptor.open


def test_request_and_abort_in_one_piece() -> None:
    """The user hears both at once."""
    net = Network()
    net.acceptor.open = True
    net.carry(net.acceptor, net.acceptor.layer.offered(net.now))
    net.acceptor.under_way += RQ.encode() + Abort(0, 0).encode() + PDataTF(PDVS).encode()
    net.deliver(net.acceptor, 1 << 20)
    assert names(net.acceptor) == ["AAssociateIndication", "AAbortIndication"]
    assert net.acceptor.layer.state == "Sta1"
