"""`dulcet conformance words`: every short word of the eight PDU events, from each stable starting point (4.11).

Enumerated and not sampled: 512 words of three, shorter ones being their beginnings. Each is played on a connection of
its own, a PDU at a time, and held against the oracle, the always-on assertions and, at the end, the peer's health.
Sta8 is stable only while a peer is busy, so from there the word leaves in one segment with the A-RELEASE-RQ.
"""

import argparse
import asyncio
import itertools
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ..exit_codes import ExitCode, Failure
from . import arguments, commands, frames
from .acceptor import AcceptorPeer
from .exits import Exit
from .fuzzing.playing import FaultOfTester, Verdict, converse
from .fuzzing.steps import SEND, Step
from .oracle import ACCEPTOR, REQUESTOR
from .reports.diagram import exchange_diagram
from .requestor import RequestorPeer
from .runner import Subject
from .safety import check_target
from .settings import Settings
from .trigger import Command

STARTS = {ACCEPTOR: ("Sta2", "Sta6", "Sta8", "Sta13"), REQUESTOR: ("Sta5", "Sta6", "Sta7", "Sta11", "Sta13")}
"""Where a peer waits for us, by role."""
LETTERS: dict[str, Callable[[Settings], bytes]] = {
    "AC": lambda settings: frames.associate_ac(called=settings.called, calling=settings.calling),
    "RJ": lambda _settings: frames.associate_rj(),
    "RQ": lambda settings: frames.associate_rq(called=settings.called, calling=settings.calling),
    "DATA": lambda _settings: commands.echo(),
    "RLRQ": lambda _settings: frames.release_rq(),
    "RP": lambda _settings: frames.release_rp(),
    "ABORT": lambda _settings: frames.abort(),
    "47H": lambda _settings: frames.pdu(0x47, b"1234"),
}
"""The PDU events, in the order of Table 9-10: Evt3, 4, 6, 10, 12, 13, 16, 19."""
Word = tuple[str, tuple[str, ...]]
"""Where it begins, and its letters."""
Told = Callable[[Verdict], None]
MOST_SHOWN = 20
"""Words that fail which are drawn; all are listed."""
TOLD_EVERY_SECONDS = 5.0


def main(argv: Sequence[str]) -> int:
    """The command."""
    words, command = list(argv[1:]), []
    if "--" in words:
        words, command = words[: words.index("--")], words[words.index("--") + 1 :]
    options = _parser().parse_args(words)
    role = REQUESTOR if command else ACCEPTOR
    if (options.host is None or options.port is None) == (role == ACCEPTOR):
        raise Failure(ExitCode.USAGE, "either HOST PORT of an acceptor, or -- COMMAND... of a requestor")
    states = options.state or STARTS[role]
    if not set(states) <= set(STARTS[role]):
        raise Failure(ExitCode.USAGE, f"--state: {', '.join(STARTS[role])} are where words begin")
    if role == ACCEPTOR:
        check_target(options.host, confirmed=options.target_confirmed)
    settings = _settings(options, role)
    chosen = shard([(state, word) for state in states for word in spelled(options.length)], options.shard)
    return asyncio.run(_run(chosen, settings, command, options.jobs))


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        "dulcet conformance words",
        usage="%(prog)s [options] HOST PORT | %(prog)s [options] -- COMMAND...",
        description="Every word of PDU events from every stable starting point. Behind -- stands the command that "
        "makes a requestor dial, as for `requestor`.",
        allow_abbrev=False,
    )
    made.add_argument("host", metavar="HOST", nargs="?", help="an acceptor's address")
    made.add_argument("port", metavar="PORT", nargs="?", type=arguments.port, help="and its port")
    made.add_argument("--called", metavar="AET", default="ANY-SCP", help="its AE title (%(default)s)")
    made.add_argument("--calling", metavar="AET", default="DULCET", help="ours (%(default)s)")
    made.add_argument(
        "--target-confirmed", action="store_true", help="a public address is meant, and no clinical system"
    )
    made.add_argument(
        "--length", metavar="N", type=int, choices=range(1, 6), default=3, help="PDUs of a word (%(default)s)"
    )
    made.add_argument("--state", metavar="STA", action="append", help="begin there only; may be given again")
    made.add_argument("--shard", metavar="K/N", type=arguments.shard, default=(1, 1), help="the K-th of N parts")
    made.add_argument("--jobs", metavar="N", type=arguments.count, default=8, help="words at once (%(default)s)")
    made.add_argument("--react", metavar="S", type=arguments.seconds, default=2.0, help="for what is due (%(default)s)")
    made.add_argument(
        "--settle",
        metavar="S",
        type=arguments.seconds,
        default=0.05,
        help="of quiet, which prove nothing more comes (%(default)s)",
    )
    made.add_argument("--strict", action="store_true", help="what should be fails too")
    return made


def _settings(options: argparse.Namespace, role: str) -> Settings:
    made = Settings() if role == REQUESTOR else Settings(host=options.host, port=options.port)
    for name in ("called", "calling", "react", "settle", "strict", "jobs"):
        setattr(made, name, getattr(options, name))
    return made


def spelled(length: int) -> Iterator[tuple[str, ...]]:
    """All words of a length, letters being the events of `LETTERS`."""
    return itertools.product(LETTERS, repeat=length)


def shard(everything: Sequence[Word], part: tuple[int, int]) -> list[Word]:
    """One part of several: every n-th, so that each has some of all starting points."""
    return list(everything[part[0] - 1 :: part[1]])


@dataclass(frozen=True, slots=True)
class Failed:
    """A word that a peer answered wrongly."""

    word: Word
    verdict: Verdict


async def _run(chosen: Sequence[Word], settings: Settings, command: Sequence[str], jobs: int) -> Exit:
    async with _peer(settings, command) as peer:
        if fault := await peer.sanity():
            print(f"nothing could be judged: {fault}")
            return Exit.UNREACHABLE
        progress = _Progress(len(chosen))
        try:
            failed = await play(chosen, peer, settings, jobs=jobs, told=progress.one)
        except ExceptionGroup as faults:
            if not isinstance(faults.exceptions[0], FaultOfTester):
                raise
            print(faults.exceptions[0])
            return Exit.TESTER_ERROR
        at_end = await peer.sanity()
    for each in failed[:MOST_SHOWN]:
        print(f"{each.verdict.rule}: {each.verdict.why}\n" + "\n".join(exchange_diagram(each.verdict.exchange)))
    for each in failed:
        print(f"failed  {text(each.word)}  {each.verdict.rule}: {each.verdict.why}")
    print(f"{len(chosen)} words, {len(failed)} failed, {progress.undriven} did not reach their state")
    if at_end:
        print(f"at the end the peer is not well: {at_end}")
        return Exit.PEER_DOWN
    return Exit.FAILED if failed else Exit.PASSED


@asynccontextmanager
async def _peer(settings: Settings, command: Sequence[str]) -> AsyncIterator[Subject]:
    if not command:
        yield AcceptorPeer(settings)
        return
    async with RequestorPeer(settings, Command(command)) as peer:
        yield peer


async def play(
    chosen: Sequence[Word], peer: Subject, settings: Settings, *, jobs: int, told: Told = lambda _verdict: None
) -> list[Failed]:
    """Play words, some at once; those that failed, in order.

    Raises:
        ExceptionGroup: of `FaultOfTester`, when the tester itself failed.
    """
    room = asyncio.Semaphore(max(1, settings.jobs if peer.role == REQUESTOR else jobs))
    failed: dict[int, Failed] = {}

    async def one(number: int, word: Word) -> None:
        async with room:
            verdict = await converse(steps(word, settings), word[0], peer, settings, number=number, alone=False)
        if verdict.failed:
            failed[number] = Failed(word, verdict)
        told(verdict)

    async with asyncio.TaskGroup() as group:
        for number, word in enumerate(chosen):
            group.create_task(one(number, word))
    return [failed[number] for number in sorted(failed)]


def steps(word: Word, settings: Settings) -> list[Step]:
    """A word as what is sent."""
    return [Step(SEND, letter, LETTERS[letter](settings)) for letter in word[1]]


def text(word: Word) -> str:
    """A word for people."""
    return f"{word[0]}: {' '.join(word[1])}"


class _Progress:
    """How far it is, and how long it will take, on standard error now and then."""

    def __init__(self, total: int) -> None:
        self.undriven = 0
        self._total = total
        self._done = self._failed = 0
        self._began = self._told = time.monotonic()

    def one(self, verdict: Verdict) -> None:
        """A word is played."""
        self._done += 1
        self._failed += verdict.failed
        self.undriven += bool(verdict.exchange.undriven)
        now = time.monotonic()
        if now - self._told >= TOLD_EVERY_SECONDS:
            self._told = now
            left = (now - self._began) / self._done * (self._total - self._done)
            print(f"{self._done}/{self._total} words, {self._failed} failed, {left:.0f} s left", file=sys.stderr)
