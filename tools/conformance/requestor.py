"""Role R: the peer is a requestor, and the tester listens on one port for all cases (catalogue 4.4).

The case is picked by the called AE title `DC-<ID>` in the A-ASSOCIATE-RQ; a connection with another title belongs to
the only case that waits, if there is only one. A peer whose command is still at work long after its connection ended
is blocked: that is its health.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any

from ...dul.transport.sockets import NO_LINGER
from ..exit_codes import ExitCode, Failure
from . import frames, recipes
from .case import Case
from .endings import Undriven
from .link import Link
from .reading import Seen, read
from .results import Health, Level, TriggerRun
from .settings import Settings
from .trial import Played, Trial
from .trigger import Started, Trigger
from .wire import Wire, wired

LONGEST_REQUEST = 1 << 20
"""Bytes of an A-ASSOCIATE-RQ."""
MOST_WAITING = 64
"""Connections that may wait to be told apart."""
FIRST_PDU_SECONDS = 5.0
"""At least, for the A-ASSOCIATE-RQ behind a connection: how soon a peer speaks is no reaction, and not judged."""


def title(case: Played) -> str:
    """The called AE title that picks a case."""
    return f"DC-{case.id}"


class _Waiting:
    """A trial, its trigger, and the connections that came for it."""

    def __init__(self) -> None:
        self.arrived: asyncio.Queue[tuple[Wire, str, bytes] | Undriven] = asyncio.Queue()
        """Each with its address and first bytes, or why it became none."""
        self.ended: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        """Why no connection can come of it any more, in words."""
        self._started: Started | None = None

    def pulled(self, started: Started) -> None:
        """Its trigger is pulled."""
        self._started = started
        self.ended = asyncio.ensure_future(started.ended())

    async def finish(self, seconds: float) -> TriggerRun | None:
        """What became of the trigger, with which it is over; connections that nobody took are closed."""
        run = await self._started.finish(seconds) if self._started else None
        self.ended.cancel()
        while not self.arrived.empty():
            arrived = self.arrived.get_nowait()
            if not isinstance(arrived, Undriven):
                arrived[0].close()
        return run


class RequestorPeer:
    """A peer that dials.

    Args:
        settings: where to listen, and the clocks.
        trigger: what makes it dial.
    """

    role = "R"

    def __init__(self, settings: Settings, trigger: Trigger) -> None:
        self._settings = settings
        self._trigger = trigger
        self._listening: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._waiting: dict[str, _Waiting] = {}
        self._routing: set[asyncio.Task[None]] = set()
        self._reset: Callable[[], None] | None = None
        if not trigger.chooses_title:
            settings.jobs = settings.waiting_jobs = 1

    # ---- the port ----

    async def __aenter__(self) -> "RequestorPeer":
        """Listen.

        Raises:
            Failure: the port cannot be listened on.
        """
        where = self._settings.host, self._settings.port
        try:
            self._listening = socket.create_server(where, family=family(where[0]), backlog=MOST_WAITING)
        except OSError as error:
            raise Failure(ExitCode.LISTEN, f"{where[0]} port {where[1]}: {error.strerror or error}") from None
        self._listening.setblocking(False)
        self._settings.port = self._listening.getsockname()[1]
        self._accepting = asyncio.ensure_future(self._accept(self._listening))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Listen no more."""
        for task in (self._accepting, *self._routing):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        if self._listening is not None:
            self._listening.close()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            sock, address = await loop.sock_accept(listening)
            if self._reset is not None:
                _abandon(sock)
                self._reset()
            elif len(self._routing) >= MOST_WAITING:
                sock.close()
            else:
                task = asyncio.ensure_future(self._route(sock, f"{address[0]} port {address[1]}"))
                self._routing.add(task)
                task.add_done_callback(self._routing.discard)

    async def _route(self, sock: socket.socket, address: str) -> None:
        """Read the A-ASSOCIATE-RQ, and give the connection to its trial."""
        first, wire, fault = bytearray(), None, ""
        try:
            async with asyncio.timeout(max(self._settings.react, FIRST_PDU_SECONDS)):
                wire = await wired(sock, self._settings, server=True)
                await _first_pdu(wire, first)
        except OSError as error:  # that nothing came in time, too
            fault = str(error) or "no handshake in time"
        waiting = self._picked(read(bytes(first)) if len(first) >= 6 else None)
        if wire is None:  # nothing that is said in the clear is for a peer that is to speak TLS
            sock.close()
            if waiting is not None:
                await waiting.arrived.put(Undriven(f"{address} does not agree about TLS: {fault}"))
        elif waiting is None:
            with contextlib.suppress(OSError):
                await wire.send(frames.associate_rj(1, 1, 7))
            wire.close()
        else:
            await waiting.arrived.put((wire, address, bytes(first)))

    def _picked(self, request: Seen | None) -> _Waiting | None:
        called = request.called if request is not None and request.type == 0x01 else ""
        if called in self._waiting:
            return self._waiting[called]
        return next(iter(self._waiting.values())) if len(self._waiting) == 1 else None

    # ---- what a trial needs ----

    async def open(self, trial: Trial) -> Link:
        """Make the peer dial, the first time, and take its next connection.

        Raises:
            Undriven: none comes, its TLS handshake fails, or it does not begin with an A-ASSOCIATE-RQ.
        """
        waiting = self._waiting.get(title(trial.case)) or await self._pull(trial)
        getting = asyncio.ensure_future(waiting.arrived.get())
        await asyncio.wait(
            [getting, waiting.ended], timeout=self._settings.trigger_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        if not getting.done():
            await asyncio.wait([getting], timeout=self._settings.settle)  # it may still be on its way to be told apart
        if not getting.done():
            getting.cancel()
            raise Undriven(waiting.ended.result() if waiting.ended.done() else "the peer did not dial")
        if isinstance(arrived := getting.result(), Undriven):
            raise arrived
        wire, address, first = arrived
        link = Link(wire, trial.recording, len(trial.links), "R", address, first)
        trial.request = next(iter(link.track.pdus), None)
        if trial.request is None or trial.request.type != 0x01:
            trial.links.append(link)
            raise Undriven(f"the connection does not begin with an A-ASSOCIATE-RQ, but with {first[:32]!r}")
        return link

    async def _pull(self, trial: Trial, port: int | None = None) -> _Waiting:
        name = title(trial.case)
        waiting = self._waiting[name] = _Waiting()  # before the trigger, of which a connection may come at once
        try:
            waiting.pulled(
                await self._trigger.pull(
                    self._settings.host, self._settings.port if port is None else port, name, trial.case.id
                )
            )
        except OSError as error:
            raise Undriven(f"the command cannot be run: {error}") from None
        return waiting

    async def drive(self, trial: Trial, state: str, **how: Any) -> None:
        """Bring it into a state of its role (`recipes`)."""
        await recipes.drive(trial, state, **how)

    async def ended(self, trial: Trial) -> None:
        """A trial is over: its trigger must come to its end too."""
        if waiting := self._waiting.pop(title(trial.case), None):
            trial.exchange.trigger = await waiting.finish(self._settings.trigger_seconds)

    # ---- connections that are none ----

    async def refused(self, trial: Trial) -> None:
        """Make the peer dial a port on which nobody listens, and wait until it has given up.

        Raises:
            Undriven: it does not give up.
        """
        with socket.socket(family(self._settings.host)) as unheard:
            unheard.bind((self._settings.host, 0))  # taken, so that nobody else listens there
            port = unheard.getsockname()[1]
            waiting = await self._pull(trial, port)
            trial.recording.add("refused", words=f"port {port}: nobody listens")
            await asyncio.wait([waiting.ended], timeout=self._settings.trigger_seconds)

    async def reset_all(self, trial: Trial, most: int) -> list[float]:
        """Reset every connection the peer makes, until it gives up or has made `most`; when they came, seconds."""
        times: list[float] = []
        enough = asyncio.Event()

        def came() -> None:
            times.append(trial.recording.now)
            trial.recording.add("refused", len(times) - 1, words="reset as soon as it was accepted")
            if len(times) >= most:
                enough.set()

        self._reset = came
        try:
            waiting = await self._pull(trial)
            full = asyncio.ensure_future(enough.wait())
            await asyncio.wait(
                [full, waiting.ended], timeout=self._settings.trigger_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            full.cancel()
        finally:
            self._reset = None
        return times

    # ---- how it is ----

    async def sanity(self) -> str:
        """Whether an ordinary association works: accepted, every request answered, released."""
        trial = Trial(_SANITY, "", self, self._settings)
        try:
            await trial.drive("Sta7")
            await trial.send(frames.release_rp())
            await trial.link.until(lambda: trial.track.closed, self._settings.react)
        except Undriven as reason:
            return str(reason)
        finally:
            await trial.finish()
            await self.ended(trial)
        run = trial.exchange.trigger
        return "the command does not end after an ordinary association" if run and run.exit_code is None else ""

    async def health(self) -> tuple[Health, float]:
        """A requestor is well when its command has come to its end, which each exchange tells itself."""
        return Health.OK, 0.0


def family(host: str) -> socket.AddressFamily:
    """Of the address to listen on: IPv6 for one, and for a name that has nothing else.

    Raises:
        OSError: it has no address.
    """
    if not host:
        return socket.AF_INET
    found = {each[0] for each in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    return socket.AF_INET if socket.AF_INET in found else socket.AF_INET6


async def _first_pdu(wire: Wire, data: bytearray) -> None:
    """Gather the bytes of the first PDU, as far as they come."""
    while len(data) < 6 or len(data) < 6 + min(int.from_bytes(data[2:6], "big"), LONGEST_REQUEST):
        try:
            piece = await wire.receive(1 << 16)
        except OSError:
            break
        if not piece:
            break
        data += piece


def _abandon(sock: socket.socket) -> None:
    """Reset a connection that has just been accepted."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    sock.close()


async def _unused(_trial: Trial) -> None:
    """The sanity check is no case of the catalogue, and has no script."""


_SANITY = Case("X-00", "sanity", "an ordinary association", "R", Level.M, ("PS3.8 7.1",), _unused)
