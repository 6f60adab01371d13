"""The protocol in somebody else's transport: trio, of which dulcet knows nothing; the README shows a socketpair."""

import math

import trio
import trio.testing
from dulcet.acse.association import Association
from dulcet.acse.events import Established, Released
from dulcet.acse.policy import Policy, SupportedContext
from dulcet.acse.proposal import propose
from dulcet.dimse import messages
from dulcet.dimse.exchange import Exchange, Request, Response
from dulcet.dul.primitives import CLOSE, Transport

VERIFICATION = "1.2.840.10008.1.1"
IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"


async def turn(end: Exchange, stream: trio.abc.Stream) -> list[object]:
    """Send what the outbox holds, then wait for bytes or the deadline: all that a driver has to do."""
    end.fill(trio.current_time())
    while end.outbox:
        item = end.outbox.popleft()
        if item is CLOSE:
            await stream.aclose()
            return []
        if not isinstance(item, Transport):
            await stream.send_all(item)
    with trio.move_on_at(math.inf if end.deadline is None else end.deadline):
        data = await stream.receive_some(70)  # odd pieces: the protocol does not mind
        now = trio.current_time()
        return [*(end.receive(data, now) if data else end.closed(now))]
    return [*end.tick(trio.current_time())]


async def serve(stream: trio.abc.Stream) -> list[str]:
    policy = Policy(contexts={VERIFICATION: SupportedContext(None)})
    end = Exchange(Association(policy))
    end.offered(trio.current_time())
    seen = []
    while end.state != "Sta1":
        for event in await turn(end, stream):
            seen.append(type(event).__name__)
            if isinstance(event, Request):
                end.respond(event.context.id, event.message.response(0x0000), None, trio.current_time())
    return seen


async def call(stream: trio.abc.Stream) -> list[object]:
    end = Exchange(Association(requestor=True))
    end.associate(propose("TRIO", "TEST", [(VERIFICATION, [IMPLICIT_VR_LITTLE_ENDIAN])]), trio.current_time())
    end.outbox.clear()  # CONNECT: the stream stands already
    end.connected(trio.current_time())
    seen: list[object] = []
    while end.state != "Sta1":
        for event in await turn(end, stream):
            seen.append(event)
            now = trio.current_time()
            if isinstance(event, Established):
                request = messages.C_ECHO_RQ(message_id=7, affected_sop_class_uid=VERIFICATION)
                end.request(1, request, None, now)
            if isinstance(event, Response):
                end.release(now)
    await stream.aclose()
    return seen


def test_an_echo_over_trio() -> None:
    served: list[str] = []
    called: list[object] = []

    async def main() -> None:
        here, there = trio.testing.memory_stream_pair()
        with trio.fail_after(5):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(run, served, serve, there)
                nursery.start_soon(run, called, call, here)

    async def run(into: list[object], end: object, stream: trio.abc.Stream) -> None:
        into += await end(stream)  # type: ignore[operator]  # a function; typed as an object

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=math.inf))
    established, response, released = called
    assert isinstance(established, Established)
    assert established.agreement.contexts[1].transfer_syntax == IMPLICIT_VR_LITTLE_ENDIAN
    assert isinstance(response, Response)
    assert (response.message.message_id_being_responded_to, response.message.status) == (7, 0x0000)
    assert isinstance(released, Released)
    assert served == ["Established", "Request", "ReleaseRequested", "Released"]


def test_time_is_the_transport_s_own() -> None:
    """A peer that never answers: trio's clock, jumped forward, ends it by the ACSE timeout, then ARTIM closes."""

    async def main() -> list[object]:
        here, _there = trio.testing.memory_stream_pair()
        return await call(here)

    seen = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert [type(event).__name__ for event in seen] == ["Aborted"]
    assert "A-ASSOCIATE-RQ" in seen[0].cause
