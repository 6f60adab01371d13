"""One connection as the judge sees it: FIN, RST, a send that fails and silence are four different things."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from dulcet.dul.transport.sockets import NO_LINGER
from dulcet.tools.conformance import frames, link
from dulcet.tools.conformance.link import Delivery, Link, dial
from dulcet.tools.conformance.record import Recording
from dulcet.tools.conformance.settings import Settings
from dulcet.tools.conformance.wire import Wire

LONG = 5.0
"""Seconds: what is due comes long before."""


@asynccontextmanager
async def connection() -> AsyncIterator[tuple[Link, socket.socket]]:
    """A link, and the peer's end of it."""
    ours, theirs = await pair()
    made = Link(Wire(ours), Recording(), 0, "A", "a test")
    try:
        yield made, theirs
    finally:
        await made.close()
        theirs.close()


async def pair() -> tuple[socket.socket, socket.socket]:
    """Two ends over TCP, for a socket pair knows no RST."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        ours = socket.socket()
        ours.setblocking(False)
        await loop.sock_connect(ours, server.getsockname())
        theirs, _ = await loop.sock_accept(server)
    theirs.setblocking(False)
    return ours, theirs


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    sock.close()


def kinds(made: Link) -> list[str]:
    return [event.kind for event in made.track._recording.events]


def test_a_pdu_in_front_of_a_fin_is_not_lost() -> None:
    async def play() -> None:
        async with connection() as (made, theirs):
            theirs.sendall(frames.abort(2, 2))
            theirs.close()
            assert await made.until(lambda: made.track.closed, LONG)
            assert [str(token) for token in made.track.trace] == ["A(2,2)", "FIN"]
            assert kinds(made) == ["connect", "pdu", "fin"]

    asyncio.run(play())


def test_a_pdu_in_front_of_a_rst_is_not_lost() -> None:
    async def play() -> None:
        async with connection() as (made, theirs):
            theirs.sendall(frames.abort(2, 2))
            reset(theirs)
            assert await made.until(lambda: made.track.closed, LONG)
            assert [str(token) for token in made.track.trace] == ["A(2,2)", "RST"]
            assert kinds(made) == ["connect", "pdu", "rst"]

    asyncio.run(play())


def test_a_pdu_in_pieces_is_one() -> None:
    async def play() -> None:
        async with connection() as (made, theirs):
            raw = frames.release_rp()
            theirs.sendall(raw[:3])
            assert await made.until(lambda: made.track.received_bytes == 3, LONG)
            assert (made.track.partial, made.track.pdus) == (raw[:3], [])
            theirs.sendall(raw[3:])
            assert await made.until(lambda: bool(made.track.pdus), LONG)
            assert (made.track.pdus[0].raw, made.track.partial) == (raw, b"")

    asyncio.run(play())


def test_bytes_read_before_belong_to_the_connection() -> None:
    async def play() -> None:
        ours, theirs = await pair()
        made = Link(Wire(ours), Recording(), 0, "R", "a test", first=frames.associate_rq())
        with theirs:
            assert [pdu.name for pdu in made.track.pdus] == ["A-ASSOCIATE-RQ"]
            assert kinds(made) == ["accept", "pdu"]
            await made.close()

    asyncio.run(play())


def test_silence_is_recorded_and_ends_no_connection() -> None:
    async def play() -> None:
        async with connection() as (made, theirs):
            await made.quiet(0.02)
            assert kinds(made) == ["connect", "silence"]
            assert not made.track.closed
            theirs.sendall(frames.release_rp())
            assert await made.until(lambda: bool(made.track.pdus), LONG)

    asyncio.run(play())


def test_who_has_ended_is_not_silent() -> None:
    async def play() -> None:
        async with connection() as (made, theirs):
            theirs.close()
            await made.quiet(LONG)
            assert kinds(made) == ["connect", "fin"]

    asyncio.run(play())


def test_what_is_not_seen_in_time() -> None:
    async def play() -> None:
        async with connection() as (made, _):
            assert not await made.until(lambda: made.track.closed, 0.02)

    asyncio.run(play())


@pytest.mark.parametrize(
    ("delivery", "words"),
    [
        (Delivery.COALESCED, ["A-RELEASE-RQ, A-ABORT"]),
        (Delivery.WHOLE, ["A-RELEASE-RQ", "A-ABORT"]),
        (Delivery.SPLIT, ["A-RELEASE-RQ", "A-ABORT"]),
        (Delivery.BYTEWISE, ["A-RELEASE-RQ", "A-ABORT"]),
    ],
)
def test_what_is_sent_arrives_and_is_recorded(delivery: Delivery, words: list[str]) -> None:
    async def play() -> None:
        async with connection() as (made, theirs):
            pdus = [frames.release_rq(), frames.abort()]
            assert await made.send(pdus, delivery)
            made.finish()
            heard = b""
            while data := await asyncio.get_running_loop().sock_recv(theirs, 100):
                heard += data
            assert heard == b"".join(pdus)
            sent = [event for event in made.track._recording.events if event.kind == "sent"]
            assert [event.words for event in sent] == words
            assert made.track.sent_bytes == len(heard)

    asyncio.run(play())


@pytest.mark.parametrize(
    ("delivery", "length", "pieces"),
    [
        (Delivery.COALESCED, 10, [10]),
        (Delivery.WHOLE, 10, [10]),
        (Delivery.SPLIT, 10, [6, 4]),
        (Delivery.SPLIT, 6, [6]),
        (Delivery.SPLIT, 3, [3]),
        (Delivery.BYTEWISE, 10, [1] * 10),
        (Delivery.BYTEWISE, 4096, [1] * 4096),
        (Delivery.BYTEWISE, 1 << 20, [*[1] * 4096, (1 << 20) - 4096]),
    ],
)
def test_a_pdu_is_cut_as_its_delivery_says(delivery: Delivery, length: int, pieces: list[int]) -> None:
    pdu = (bytes(range(256)) * (length // 256 + 1))[:length]
    cut = delivery.pieces(pdu)
    assert [len(piece) for piece in cut] == pieces
    assert b"".join(cut) == pdu


def test_a_send_that_fails_is_told_and_ends_the_connection() -> None:
    """The peer is gone before; what it said last is still read, and the send is not taken for delivered."""

    async def play() -> None:
        async with connection() as (made, theirs):
            theirs.sendall(frames.abort(2, 1))
            assert await made.until(lambda: bool(made.track.pdus), LONG)
            made.pause()
            reset(theirs)
            while await made.send([frames.release_rq()]):
                await asyncio.sleep(0)  # one turn of the loop
            made.resume()
            assert await made.until(lambda: made.track.closed, LONG)
            assert made.track.trace[-1].how == "RST"
            assert kinds(made)[-1] in ("rst", "send-failed")
            assert made.track.pdus[0].name == "A-ABORT"

    asyncio.run(play())


def test_a_peer_that_takes_nothing_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "SEND_SECONDS", 0.05)

    async def play() -> None:
        async with connection() as (made, _):
            assert not await made.send([frames.pdu(0x04, bytes(1 << 23))])
            assert not made.track.closed
            note = made.track._recording.events[-1]
            assert (note.kind, note.words) == (
                "note",
                "the peer does not take what is sent to it: its window stays closed",
            )

    asyncio.run(play())


def test_our_fin_leaves_the_reading_to_go_on() -> None:
    async def play() -> None:
        async with connection() as (made, theirs):
            made.finish()
            made.finish()  # once is enough
            assert made.ours_closed
            assert await asyncio.get_running_loop().sock_recv(theirs, 10) == b""
            theirs.sendall(frames.abort())
            theirs.close()
            assert await made.until(lambda: made.track.closed, LONG)
            assert kinds(made) == ["connect", "our-fin", "pdu", "fin"]

    asyncio.run(play())


def test_our_reset_is_a_reset_to_the_peer() -> None:
    async def play() -> None:
        async with connection() as (made, theirs):
            await made.reset()
            assert made.ours_closed
            with pytest.raises(ConnectionResetError):
                await asyncio.get_running_loop().sock_recv(theirs, 10)
            assert kinds(made) == ["connect", "our-rst"]

    asyncio.run(play())


def test_who_pauses_reads_nothing_until_it_goes_on() -> None:
    async def play() -> None:
        async with connection() as (made, theirs):
            made.read_few(4)
            await asyncio.sleep(0)  # one turn of the loop
            made.pause()
            theirs.sendall(frames.release_rp())
            await made.quiet(0.02)
            # The read that was under way takes its few bytes, and no other begins.
            assert made.track.received_bytes < 10
            made.resume()
            assert await made.until(lambda: bool(made.track.pdus), LONG)

    asyncio.run(play())


def test_a_flood_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "MOST_BYTES", 100)
    monkeypatch.setattr(link, "READ", 10)

    async def play() -> None:
        async with connection() as (made, theirs):
            theirs.sendall(frames.abort() * 30)
            assert await made.until(lambda: made.track.received_bytes >= 100, LONG)
            await made.quiet(0.02)
            assert made.track.received_bytes == 100
            assert not made.track.closed

    asyncio.run(play())


def test_dialling() -> None:
    async def play() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            made = await dial(Settings(port=port, connect=LONG), Recording(), 0)
            assert made.track._recording.events[0].words == f"127.0.0.1 port {port}"
            await made.close()
        with pytest.raises(ConnectionRefusedError):
            await dial(Settings(port=port, connect=LONG), Recording(), 0)

    asyncio.run(play())
