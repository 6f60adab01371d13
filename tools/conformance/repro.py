"""`dulcet conformance repro`: a case or a trace once more, told step by step with its bytes (catalogue 4.9).

With an id the case is played anew; with a trace, or a JSON report and an id, the recorded bytes are sent again, and the
run ends with 0 when the peer does as it did then, and with 6 when it does not. `--emit-py` writes a program of its own.
"""

import argparse
import asyncio
import re
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from ..exit_codes import ExitCode, Failure
from . import arguments, conditions, conditions_options, rehearsal
from . import profile as profiles
from .acceptor import AcceptorPeer
from .case import Case, registry
from .endings import Skip
from .exits import Exit, exit_code
from .link import Delivery
from .replay import replay, same
from .reports.diagram import case_diagram
from .reports.json_report import load
from .requestor import RequestorPeer
from .results import Exchange, Outcome, Result, RunResult, badness
from .runner import Subject, blank, conclude, new_run
from .safety import check_target
from .script import program
from .settings import Settings
from .trial import play
from .trigger import Command, Operator

_ADDRESS = re.compile(r"(.+) port (\d+)")


def main(argv: Sequence[str]) -> int:
    """The command."""
    words = list(argv[1:])
    command: list[str] = []
    if "--" in words:
        split = words.index("--")
        words, command = words[:split], words[split + 1 :]
    options = _parser().parse_intermixed_args(words)
    conditions_options.check(options, dials=options.role != "R", listens=options.role == "R")
    recorded = _recorded(options)
    try:
        settings = _settings(options, recorded)
        for each in recorded[1].exchanges if recorded else ():
            conditions.applied(settings, each.conditions)
    except (TypeError, ValueError) as error:
        raise Failure(ExitCode.USAGE, f"{options.what}: its settings are none that a run can have: {error}") from None
    if recorded is None and options.id.upper() not in registry():
        raise Failure(ExitCode.USAGE, f"{options.what} is no file, and no id of a case")
    if recorded is None and options.role and options.role not in registry()[options.id.upper()].roles:
        raise Failure(ExitCode.USAGE, f"{options.id.upper()} is no case for a peer in role {options.role}")
    _check_dos(options, settings, recorded[1] if recorded else None)
    return asyncio.run(_repeat(options, settings, recorded, command))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "dulcet conformance repro",
        description="Play a case once more, and tell every step. A requestor is made to dial by COMMAND behind --.",
        allow_abbrev=False,
    )
    parser.add_argument("what", metavar="ID|TRACE.json", help="the case, or what was recorded of it")
    parser.add_argument("host", metavar="HOST", nargs="?", help="the peer's address; that of the trace when not given")
    parser.add_argument("port", metavar="PORT", nargs="?", type=arguments.port, help="and its port")
    parser.add_argument("--id", default="", metavar="ID", help="which case of a report that has several")
    parser.add_argument("--role", choices=["A", "R"], help="of the peer; the first the case has, when not given")
    parser.add_argument("--emit-py", metavar="FILE", help="write the worst conversation as a program of its own")
    parser.add_argument("--called", metavar="AET", help="the peer's AE title")
    parser.add_argument("--calling", metavar="AET", default="DULCET", help="ours (%(default)s)")
    parser.add_argument("--delivery", choices=[each.value for each in Delivery], help="of what is sent; as it was then")
    conditions_options.add(parser, pairwise=False)
    parser.add_argument(
        "--listen", metavar="PORT", type=arguments.listening_port, default=0, help="where a requestor dials; 0 is any"
    )
    parser.add_argument("--listen-host", metavar="HOST", default="127.0.0.1", help="on which address (%(default)s)")
    parser.add_argument("--profile", metavar="FILE", help="what `dulcet conformance probe` measured")
    parser.add_argument("--target-confirmed", action="store_true", help="a public address is meant")
    parser.add_argument("--react", metavar="SECONDS", type=arguments.seconds, help="for what is due")
    parser.add_argument(
        "--settle", metavar="SECONDS", type=arguments.seconds, help="of quiet, which prove nothing more comes"
    )
    parser.add_argument(
        "--artim", metavar="SECONDS", type=arguments.seconds, help="the peer's ARTIM, where it is known"
    )
    parser.add_argument("--strict", action="store_true", help="what should be fails too")
    parser.add_argument("--robust", action="store_true", help="a case of robustness fails too")
    parser.add_argument("--allow-dos", action="store_true", help="a case may put a peer out of service")
    parser.add_argument(
        "--repeat", metavar="N", type=arguments.count, default=1, help="times (%(default)s); tells how often"
    )
    return parser


def _recorded(options: argparse.Namespace) -> tuple[RunResult, Result] | None:
    """The trace, when it is one; else the id is put into the options."""
    if not Path(options.what).is_file():
        options.id = options.what
        return None
    run = load(options.what)
    wanted = [
        each
        for each in run.results
        if options.id.upper() in ("", each.id) and options.role in (None, each.role) and each.exchanges
    ]
    if len(wanted) != 1:
        ids = ", ".join(dict.fromkeys(each.id for each in run.results if each.exchanges))
        raise Failure(ExitCode.USAGE, f"{options.what} has {ids or 'no case'}: --id and --role tell which")
    return run, wanted[0]


def _settings(options: argparse.Namespace, recorded: tuple[RunResult, Result] | None) -> Settings:
    profile = profiles.load(options.profile) if options.profile else profiles.Profile()
    settings = Settings(profile=profile, calling=options.calling, strict=options.strict, robust=options.robust)
    settings.artim = options.artim or profile.t_artim
    then = recorded[0].settings if recorded else {}
    for name in ("react", "settle"):
        setattr(settings, name, getattr(options, name) or float(then.get(name) or getattr(settings, name)))
    settings.called = options.called or profile.called or settings.called
    settings.delivery = Delivery(options.delivery or str(then.get("delivery", settings.delivery)))
    for name in conditions_options.OF_ONE:
        setattr(settings, name, getattr(options, name))
    settings.tls = options.tls or bool(then.get("tls"))
    settings.tls_port = options.tls_port or (0 if options.port else int(then.get("tls_port", 0)))
    if recorded and then.get("pairwise"):  # a pair tells what is not ordinary, whatever the run was told besides
        usual = conditions.ordinary(recorded[1].role, tls_port=int(then.get("tls_port", 0)))
        settings = replace(settings, **usual)  # type: ignore[arg-type]
    host, port = _address(recorded[1]) if recorded and recorded[1].role == "A" else ("", 0)
    settings.host = options.host or profile.host or host
    settings.port = options.port or profile.port or port
    return settings


def _check_dos(options: argparse.Namespace, settings: Settings, then: Result | None) -> None:
    """What may put a peer out of service is played, or its bytes are sent again, only where that is allowed.

    Raises:
        Failure: it is not.
    """
    case = registry().get(options.id.upper()) if then is None else None
    found = then or case
    if (
        found is None
        or "dos" not in found.tags
        or options.allow_dos
        or (case and _is_rehearsed(case, options, settings))
    ):
        return
    raise Failure(ExitCode.USAGE, f"{found.id} needs --allow-dos: it may put an unprepared peer out of service")


def _is_rehearsed(case: Case, options: argparse.Namespace, settings: Settings) -> bool:
    """Whether a case is played against dulcet itself."""
    return (options.role or case.roles[0]) == "A" and not settings.port


def _address(result: Result) -> tuple[str, int]:
    """Where the peer was when it was recorded."""
    for exchange in result.exchanges:
        for event in exchange.events:
            if event.kind == "connect" and (found := _ADDRESS.fullmatch(event.words)):
                return found[1], int(found[2])
    return "", 0


# ---- playing ----


async def _repeat(
    options: argparse.Namespace,
    settings: Settings,
    recorded: tuple[RunResult, Result] | None,
    command: Sequence[str],
) -> int:
    then = recorded[1] if recorded else None
    codes = []
    for number in range(options.repeat):
        result = await _once(options, settings, then, command)
        if number == 0:
            print("\n".join(case_diagram(result, dumps=True)))
        codes.append(_told(result, then, settings))
    if options.repeat > 1:
        print(f"{sum(code == Exit.PASSED for code in codes)} of {options.repeat} times so")
    if options.emit_py:
        _emit(options.emit_py, result if then is None else then, settings)
    return max(codes)


async def _once(options: argparse.Namespace, settings: Settings, then: Result | None, command: Sequence[str]) -> Result:
    case = registry().get(options.id.upper()) if then is None else None
    role = then.role if then else options.role or (case.roles[0] if case else "A")
    result = replace(then, exchanges=[]) if then else blank(case, role) if case else None
    assert result is not None
    if case is not None and _is_rehearsed(case, options, settings):
        print("no HOST and PORT: against dulcet itself, on loopback")
        result.exchanges = await rehearsal.rehearse(case, role)
    else:
        async with AsyncExitStack() as stack:
            peer = await _peer(stack, options, settings, role, command)
            if then is not None:
                result.exchanges = [await replay(then, each, peer, settings) for each in then.exchanges]
            elif case is not None:
                result.exchanges = [await play(case, variant, peer, settings) for variant in case.variants]
    conclude(result, settings)
    return result


async def _peer(
    stack: AsyncExitStack, options: argparse.Namespace, settings: Settings, role: str, command: Sequence[str]
) -> Subject:
    if role == "A":
        check_target(settings.host, confirmed=options.target_confirmed)
        return AcceptorPeer(settings)
    settings.host, settings.port = options.listen_host, options.listen
    trigger = Command(command) if command else Operator(print, settings.trigger_seconds)
    return await stack.enter_async_context(RequestorPeer(settings, trigger))


def _told(result: Result, then: Result | None, settings: Settings) -> Exit:
    """One line at the end, and the exit code."""
    if then is None:
        print(f"\n{result.verdict or result.outcome} ({result.level}): {result.signature}")
        run = new_run("", result.role, settings)
        run.results.append(result)
        return exit_code(run) if result.outcome is not Outcome.UNDRIVEN else Exit.UNREACHABLE
    if any(each.undriven or each.error or each.skipped for each in result.exchanges):
        words = next(each.undriven or each.error or each.skipped for each in result.exchanges)
        print(f"\nnot played to its end: {words.strip()}")
        return Exit.UNREACHABLE
    other = [each for each, now in zip(then.exchanges, result.exchanges, strict=True) if not same(each, now)]
    for each in other:
        print(f"\nother than recorded{f', {each.label}' if each.label else ''}; then it was:")
        print("\n".join(case_diagram(replace(then, exchanges=[each]))))
    print(f"\n{'other than recorded' if other else 'as recorded'}: {then.verdict} {then.signature}")
    return Exit.DRIFT if other else Exit.PASSED


def _emit(path: str, result: Result, settings: Settings) -> None:
    worst: Exchange | None = max((each for each in result.exchanges if each.events), key=badness, default=None)
    if worst is None:
        raise Failure(ExitCode.USAGE, f"{result.id}: nothing was played that a program could repeat")
    try:
        text = program(result, worst, Path(path).name, settings.react)
        Path(path).write_text(text, encoding="utf-8")
    except (OSError, Skip) as error:
        raise Failure(ExitCode.USAGE, f"{path}: {error}") from None
    print(f"{path}: {len(text.splitlines())} lines")
