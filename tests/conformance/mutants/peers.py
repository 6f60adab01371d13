"""The SCP and the SCU, right but for their mutation, and how the judge is let loose on them."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

from dulcet.acse.events import Established
from dulcet.acse.policy import Policy, SupportedContext
from dulcet.dimse import messages
from dulcet.dimse.events import DimseEvent, Request, Response
from dulcet.dimse.fragments import Memory
from dulcet.dul.errors import LocalProtocolError
from dulcet.dul.pdu import AssociateRQ, ProposedContext
from dulcet.dul.primitives import CONNECT
from dulcet.dul.transport.aio import AsyncioDriver, connect
from dulcet.tools.conformance import frames
from dulcet.tools.conformance.acceptor import AcceptorPeer
from dulcet.tools.conformance.case import registry
from dulcet.tools.conformance.commands import STUDY_ROOT_FIND, element
from dulcet.tools.conformance.emitted.summing import fill, heard, is_rule
from dulcet.tools.conformance.profile import Profile
from dulcet.tools.conformance.requestor import RequestorPeer
from dulcet.tools.conformance.results import Result, TriggerRun
from dulcet.tools.conformance.runner import Runner, Subject, blank, conclude, new_run
from dulcet.tools.conformance.settings import Settings
from dulcet.tools.conformance.trial import play

from .mutated import Mutated, Mutation

SYNTAXES = (frames.IMPLICIT, frames.EXPLICIT)
CLASSES = (frames.VERIFICATION, frames.CT_IMAGE_STORAGE, STUDY_ROOT_FIND)
MATCHES = 2
MAXIMUM_LENGTH = 16384
SOP_CLASS_NOT_SUPPORTED, UNRECOGNIZED_OPERATION, CANNOT_UNDERSTAND = 0x0122, 0x0211, 0xC000
LONG_VRS = (b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"SQ", b"UN", b"UT", b"UC", b"UR")
LARGE = 40_000
"""Bytes of the data set that the SCU stores, more than the judge takes in one P-DATA-TF."""
INSTANCE = "1.2.3.4.5"
REDIAL_SECONDS = 0.1


def profile(claims: Sequence[str] = ()) -> Profile:
    """What `probe` would have measured of the SCP, and what is claimed of it besides."""
    classes = {uid: list(SYNTAXES) for uid in CLASSES}
    return Profile(classes=classes, maximum_length=MAXIMUM_LENGTH, **dict.fromkeys(claims, True))  # type: ignore[arg-type]  # names of flags


class Clinging(AsyncioDriver[DimseEvent]):
    """Keeps its side open when the other side has closed."""

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio's answer for "stay open"
        return True


# ---- the SCP ----


@asynccontextmanager
async def scp(mutation: Mutation) -> AsyncIterator[int]:
    """The port of an SCP with a mutation."""
    contexts = {uid: SupportedContext(SYNTAXES, scp_role=uid == frames.CT_IMAGE_STORAGE) for uid in CLASSES}
    policy = Policy(contexts, maximum_length=MAXIMUM_LENGTH)
    kind = Clinging if mutation.clings else AsyncioDriver[DimseEvent]
    drivers: list[AsyncioDriver[DimseEvent]] = []

    def driver() -> AsyncioDriver[DimseEvent]:
        drivers.append(kind(Mutated(mutation, policy), _perform, server_side=True))
        return drivers[-1]

    server = await asyncio.get_running_loop().create_server(driver, "127.0.0.1", 0)
    try:
        async with server:
            yield server.sockets[0].getsockname()[1]
    finally:
        for each in drivers:
            each.abort()


def _perform(driver: AsyncioDriver[DimseEvent], events: list[DimseEvent]) -> None:
    exchange = driver.thing.exchange  # type: ignore[attr-defined]  # a Mutated
    now = asyncio.get_running_loop().time()
    for event in events:
        if not isinstance(event, Request):
            continue
        try:
            for response, match in _responses(event):
                exchange.respond(event.context.id, response, match, now)
        except LocalProtocolError:
            return  # what came behind has ended the association


def _responses(request: Request) -> Iterator[tuple[messages.Response, bytes | None]]:
    message = request.message
    data = request.sink.getvalue() if isinstance(request.sink, Memory) else b""
    if not isinstance(message, messages.C_ECHO_RQ | messages.C_STORE_RQ | messages.C_FIND_RQ):
        yield message.response(UNRECOGNIZED_OPERATION), None
    elif message.sop_class_uid != request.context.abstract_syntax:
        yield message.response(SOP_CLASS_NOT_SUPPORTED), None
    elif isinstance(message, messages.C_STORE_RQ | messages.C_FIND_RQ) and not _is_data_set(data):
        yield message.response(CANNOT_UNDERSTAND), None
    else:
        if isinstance(message, messages.C_FIND_RQ) and b"2.25." not in data:  # nothing is kept that could be found
            for _ in range(MATCHES):
                yield message.response(0xFF00, dataset_follows=True), element(0x0052, "STUDY ", group=0x0008)
        yield message.response(0), None


def _is_data_set(data: bytes) -> bool:
    """Whether its elements fill it, read in Implicit or in Explicit VR Little Endian."""
    return bool(data) and any(_walked(data, explicit) == len(data) for explicit in (False, True))


def _walked(data: bytes, explicit: bool) -> int:
    at = 0
    while at + 8 <= len(data):
        short = explicit and data[at + 4 : at + 6] not in LONG_VRS
        length = data[at + 6 : at + 8] if short else data[at + 8 : at + 12] if explicit else data[at + 4 : at + 8]
        at += (8 if short or not explicit else 12) + int.from_bytes(length, "little")
    return at


# ---- the SCU ----


class Scu:
    """A trigger for `RequestorPeer`: an SCU in this process that echoes, stores and releases.

    Args:
        mutation: what is wrong with it.
    """

    chooses_title = True
    description = "an SCU of the tests"

    def __init__(self, mutation: Mutation) -> None:
        self._mutation = mutation

    async def pull(self, host: str, port: int, aet: str, case: str) -> "Dialled":
        """Dial."""
        return Dialled(asyncio.ensure_future(self._associate(host, port, aet)), case)

    async def _associate(self, host: str, port: int, aet: str) -> None:
        while not await self._dial(host, port, aet) and self._mutation.dials_on:
            await asyncio.sleep(REDIAL_SECONDS)

    async def _dial(self, host: str, port: int, aet: str) -> bool:
        """One association; whether there was a connection."""
        thing = Mutated(self._mutation, None)
        loop = asyncio.get_running_loop()
        contexts = (
            ProposedContext(1, frames.VERIFICATION, SYNTAXES),
            ProposedContext(3, frames.CT_IMAGE_STORAGE, SYNTAXES),
        )
        thing.exchange.associate(AssociateRQ(aet, "MUTANT", contexts), loop.time())
        thing.fill(loop.time())
        try:
            if self._mutation.clings:
                thing.outbox.remove(CONNECT)
                _, driver = await loop.create_connection(lambda: Clinging(thing, self._went_on), host, port)
            else:
                driver = await connect(thing, (host, port), self._went_on, connect_seconds=2.0)
        except OSError:
            return False
        try:
            await driver.wait_closed()
        finally:
            driver.abort()
        return True

    def _went_on(self, driver: AsyncioDriver[DimseEvent], events: list[DimseEvent]) -> None:
        thing: Mutated = driver.thing  # type: ignore[assignment]  # that is what it drives
        for event in events:
            if isinstance(event, Established | Response):
                now = asyncio.get_running_loop().time()
                try:
                    self._next(thing, event, now)
                except LocalProtocolError:  # no fragment fits, or the association is going
                    thing.exchange.abort(now)
                    thing.fill(now)

    def _next(self, thing: Mutated, event: Established | Response, now: float) -> None:
        exchange = thing.exchange
        accepted = exchange.agreement.contexts if exchange.agreement else {}
        if isinstance(event, Established) and 1 in accepted:
            echo = messages.C_ECHO_RQ(message_id=1, affected_sop_class_uid=frames.VERIFICATION)
            exchange.request(1, echo, None, now)
        elif 3 in accepted and not thing.memory.get("stored"):
            thing.memory["stored"] = True
            store = messages.C_STORE_RQ(
                message_id=2,
                affected_sop_class_uid=frames.CT_IMAGE_STORAGE,
                affected_sop_instance_uid=INSTANCE,
                priority=0,
            )
            exchange.request(3, store, element(0x0010, bytes(LARGE), group=0x7FE0), now)
        elif not exchange.outstanding:
            exchange.release(now)
        thing.fill(now)


class Dialled:
    """An SCU at work."""

    def __init__(self, task: asyncio.Future[None], case: str) -> None:
        self._task = task
        self._case = case

    async def ended(self) -> str:
        """Until it has hung up."""
        await asyncio.wait([self._task])
        return "the SCU has hung up"

    async def finish(self, seconds: float) -> TriggerRun:
        """Wait for it, or end it."""
        await asyncio.wait([self._task], timeout=seconds)
        done = self._task.done()
        self._task.cancel()
        return TriggerRun(("mutant", self._case), 0 if done else None, "")


# ---- judging ----


async def judge_acceptor(mutation: Mutation, ids: Sequence[str]) -> list[Result]:
    """Cases against the SCP, strictly; without sanity and health checks, which many a mutation would not pass."""
    async with scp(mutation) as port:
        made = settings(mutation)
        made.port = port
        return await _judge(AcceptorPeer(made), made, ids)


async def judge_requestor(mutation: Mutation, ids: Sequence[str]) -> list[Result]:
    """Cases against the SCU, the same way."""
    made = settings(mutation)
    async with RequestorPeer(made, Scu(mutation)) as peer:
        return await _judge(peer, made, ids)


async def _judge(peer: Subject, made: Settings, ids: Sequence[str]) -> list[Result]:
    runner = Runner(peer, made, new_run("mutant", peer.role, made))
    cases = [registry()[id_] for id_ in ids]
    played = [runner.judge(each, alone=False) for each in cases if not is_rule(each)]
    results = list(await asyncio.gather(*played))
    rules = [each for each in cases if is_rule(each)]
    conversations = list(heard(results, peer.role))
    if rules:
        conversations.append(("ordinary", await play(rules[0], "", peer, made)))
    for rule in rules:
        result = blank(rule, peer.role)
        fill(result, conversations)
        conclude(result, made)
        results.append(result)
    return results


def settings(mutation: Mutation) -> Settings:
    """Of one judgement."""
    artim = mutation.artim if mutation.told_artim is None else mutation.told_artim
    return Settings(
        strict=True, robust=True, artim=artim, settle=0.05, trigger_seconds=4.0, profile=profile(mutation.claims)
    )
