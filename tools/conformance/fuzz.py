"""`dulcet conformance fuzz`: random conversations with an acceptor, and the smallest that it answers wrongly (4.10)."""

import argparse
import asyncio
import datetime
import hashlib
import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..exit_codes import ExitCode, Failure
from . import arguments
from .acceptor import AcceptorPeer
from .exits import Exit
from .safety import check_target
from .settings import Settings

if TYPE_CHECKING:
    from .fuzzing.counterexample import Counterexample
    from .fuzzing.search import Found, Search
    from .fuzzing.steps import Step

STATES = ("2", "3", "6", "8", "13")
"""Where conversations may begin: where an acceptor can be brought."""


def main(argv: Sequence[str]) -> int:
    """The command."""
    options = _parser().parse_args(argv[1:])
    try:
        from .fuzzing import search
    except ImportError as error:
        if error.name != "hypothesis":
            raise
        raise Failure(ExitCode.USAGE, "needs hypothesis: pip install 'dulcet[hypothesis]'") from None
    check_target(options.host, confirmed=options.target_confirmed)
    saved = _saved(options.replay) if options.replay else None
    settings = _settings(options)
    peer = AcceptorPeer(settings)
    if fault := asyncio.run(peer.sanity()):
        print(f"nothing could be judged: {fault}")
        return Exit.UNREACHABLE
    if saved is not None:
        return _replay(saved, options.repeat, peer, settings)
    from .fuzzing.playing import FaultOfTester

    number = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"{options.host} port {options.port}, from Sta{options.state} on, --seed {number}", flush=True)
    budget = search.Budget(options.seconds, options.connections)
    searching = search.Search(peer, settings, f"Sta{options.state}", budget, told=_tell, pid=options.pid)
    try:
        found = searching.run(options.examples, number, _known(options))
    except FaultOfTester as fault:
        print(fault)
        return Exit.TESTER_ERROR
    _sum_up(searching)
    if found is None:
        return Exit.PASSED
    return _report(found, options, number)


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        "dulcet conformance fuzz",
        description="Random conversations with an acceptor, judged by Table 9-10, the always-on assertions and the "
        "peer's health; the smallest that fails is saved as a file.",
        allow_abbrev=False,
    )
    made.add_argument("host", metavar="HOST", help="the peer's address")
    made.add_argument("port", metavar="PORT", type=arguments.port, help="and its port")
    made.add_argument("--called", metavar="AET", default="ANY-SCP", help="its AE title (%(default)s)")
    made.add_argument("--calling", metavar="AET", default="DULCET", help="ours (%(default)s)")
    made.add_argument(
        "--target-confirmed", action="store_true", help="a public address is meant, and no clinical system"
    )
    made.add_argument("--state", choices=STATES, default="6", help="where each conversation begins (%(default)s)")
    made.add_argument("--examples", metavar="N", type=arguments.count, default=500, help="conversations (%(default)s)")
    made.add_argument("--seed", metavar="N", type=int, help="of the random numbers; printed when not given")
    made.add_argument("--seconds", metavar="S", type=arguments.seconds, default=300.0, help="at most (%(default)s)")
    made.add_argument("--connections", metavar="N", type=arguments.count, default=10000, help="at most (%(default)s)")
    made.add_argument("--react", metavar="S", type=arguments.seconds, default=2.0, help="for what is due (%(default)s)")
    made.add_argument(
        "--settle",
        metavar="S",
        type=arguments.seconds,
        default=0.05,
        help="of quiet, which prove nothing more comes (%(default)s)",
    )
    made.add_argument("--strict", action="store_true", help="what should be fails too")
    made.add_argument(
        "--pid",
        metavar="N",
        type=int,
        help="of the peer on this machine: conversations are steered to what costs memory",
    )
    made.add_argument(
        "--known", metavar="DIR", help="keep what failed there, a folder for each peer, and play that first next time"
    )
    made.add_argument(
        "--save", metavar="FILE", default="counterexample.toml", help="where the one that fails goes (%(default)s)"
    )
    made.add_argument("--replay", metavar="FILE", help="play this one again instead")
    made.add_argument(
        "--repeat", metavar="N", type=arguments.count, default=3, help="with --replay: so often (%(default)s)"
    )
    return made


def _settings(options: argparse.Namespace) -> Settings:
    made = Settings(host=options.host, port=options.port)
    for name in ("called", "calling", "react", "settle", "strict"):
        setattr(made, name, getattr(options, name))
    return made


def _folder(options: argparse.Namespace) -> Path:
    """Where the counter-examples of this peer and state are, as far as its address and title tell."""
    name = f"{options.host} {options.port} {options.called} {options.state}"
    return Path(options.known) / hashlib.sha256(name.encode()).hexdigest()[:16]


def _known(options: argparse.Namespace) -> "list[tuple[Step, ...]]":
    """Conversations that failed before."""
    from .fuzzing.counterexample import NoCounterexample, load

    if options.known is None:
        return []
    try:
        return [load(path).steps for path in sorted(_folder(options).glob("*.toml"))]
    except NoCounterexample as error:
        raise Failure(ExitCode.INVALID_INPUT, str(error)) from None


def _tell(line: str) -> None:
    print(f"  {line}", flush=True)


def _sum_up(searching: "Search") -> None:
    budget = searching.budget
    spent = ", the budget is spent" if budget.spent else ""
    print(f"{searching.played} conversations, {budget.used} connections{spent}")
    if searching.undriven:
        print(f"{searching.undriven} did not reach the state")
    for each in searching.flaky:
        from .fuzzing.steps import text

        print(f"FLAKY({each.failures}/3) {each.verdict.rule}: {each.verdict.why}: {text(each.steps)}")


def _report(found: "Found", options: argparse.Namespace, number: int) -> Exit:
    from .fuzzing.counterexample import document
    from .fuzzing.steps import text
    from .reports.diagram import exchange_diagram

    when = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    peer = f"{options.host} port {options.port}, {options.called}"
    saved = document(found, f"Sta{options.state}", peer, number, when)
    Path(options.save).write_text(saved, encoding="utf-8")
    if options.known is not None:
        _folder(options).mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(repr(found.steps).encode()).hexdigest()[:16]
        (_folder(options) / f"{name}.toml").write_text(saved, encoding="utf-8")
    print(f"{found.verdict.rule} is broken: {found.verdict.why}\n  {text(found.steps)}")
    print("\n".join(exchange_diagram(found.verdict.exchange)))
    print(
        f"saved as {options.save}; again: dulcet conformance fuzz {options.host} {options.port} --replay {options.save}"
    )
    return Exit.PEER_DOWN if found.verdict.rule == "health" else Exit.FAILED


def _saved(path: str) -> "Counterexample":
    """What shall be played again, before anybody is dialled."""
    from .fuzzing.counterexample import NoCounterexample, load

    try:
        return load(Path(path))
    except OSError as error:
        raise Failure(ExitCode.NO_INPUT, f"{path}: {error.strerror or error}") from None
    except NoCounterexample as error:
        raise Failure(ExitCode.INVALID_INPUT, str(error)) from None


def _replay(saved: "Counterexample", times: int, peer: AcceptorPeer, settings: Settings) -> Exit:
    from .fuzzing.playing import converse
    from .reports.diagram import exchange_diagram

    verdicts = [asyncio.run(converse(saved.steps, saved.state, peer, settings)) for _ in range(times)]
    failed = [each for each in verdicts if each.failed]
    print("\n".join(exchange_diagram((failed or verdicts)[0].exchange, dumps=True)))
    print(
        f"failed {len(failed)} of {len(verdicts)}: {failed[0].rule}: {failed[0].why}"
        if failed
        else f"held {len(verdicts)} times"
    )
    return Exit.FAILED if failed else Exit.PASSED
