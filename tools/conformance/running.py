"""`dulcet conformance acceptor`, `requestor` and `both`: from the command line to the exit code."""

import argparse
import asyncio
import datetime
import os
import shlex
import sys
from collections.abc import Callable, Sequence

from ..exit_codes import ExitCode, Failure
from . import arguments, baseline, conditions_options, reports, repro
from . import profile as profiles
from .acceptor import AcceptorPeer
from .case import Case, registry
from .exits import Exit, exit_code
from .link import Delivery
from .listing import text
from .operator_page import Page
from .reports import REPORTS
from .reports.terminal import Terminal
from .requestor import RequestorPeer
from .results import Expectation, Result, RunResult
from .runner import Runner, Subject, new_run
from .safety import check_target
from .selecting import SelectorError, select, shard
from .settings import Settings
from .trigger import Command, Operator, Trigger
from .trigger_http import HttpTrigger


def main(argv: Sequence[str]) -> int:
    """Any of the three commands."""
    name, words = argv[0], list(argv[1:])
    command: list[str] = []
    if "--" in words:
        split = words.index("--")
        words, command = words[:split], words[split + 1 :]
    options = parser(name).parse_intermixed_args(words)
    if name != "both" and options.repro:
        return repro.main(_once_more(name, options, command))
    conditions_options.check_pairs(words)
    conditions_options.check(options, dials=name != "requestor", listens=name != "acceptor")
    settings = settings_of(options)
    roles = {"acceptor": "A", "requestor": "R", "both": "AR"}[name]
    by_hand = name != "acceptor" and options.manual
    if by_hand and (command or options.trigger_http):
        raise Failure(ExitCode.USAGE, "--manual, --trigger-http or a command: one of them makes the peer dial")
    command = command or ([] if name == "acceptor" or by_hand else settings.profile.requestor)
    dials = by_hand or command or (name == "both" and options.trigger_http)
    if name == "both" and not (settings.profile.host and settings.profile.port and dials):
        raise Failure(ExitCode.USAGE, "both needs a --profile with host, port and requestor (a list of words)")
    try:
        chosen = {role: wanted(options, settings, role) for role in roles}
    except SelectorError as error:
        raise Failure(ExitCode.USAGE, str(error)) from None
    if options.list:
        print(text(list({each.id: each for cases in chosen.values() for each in cases}.values())))
        return Exit.PASSED
    if "A" in roles:
        check_target(settings.host, confirmed=options.target_confirmed)
    again = " ".join(["dulcet conformance", name, *_without_selectors(words, options), "{id}", *_shown(command)])
    return Session(options, settings, roles, again).run(chosen, command)


def _once_more(name: str, options: argparse.Namespace, command: Sequence[str]) -> list[str]:
    """The words of the command `repro`, for a case that is named by --repro.

    Raises:
        Failure: something is asked for besides that `repro` does not do.
    """
    reported = [option for option in REPORTS if getattr(options, f"report_{option}") is not None]
    unheeded = [*reported, *(option for option in _OF_RUNS if getattr(options, option, None))]
    if unheeded or options.selectors:
        asked = ", ".join([*(f"--{option.replace('_', '-')}" for option in unheeded), *options.selectors])
        raise Failure(ExitCode.USAGE, f"--repro tells of one case on the terminal, and does nothing with {asked}")
    words = ["repro", options.repro]
    if name == "acceptor":
        words += [options.host, str(options.port), "--role=A"]
    else:
        words += [f"--listen={options.listen}", f"--listen-host={options.listen_host}", "--role=R"]
    for option in ("called", "calling", "profile", "react", "settle", "artim", "repeat", "delivery"):
        if (value := getattr(options, option)) is not None:
            words.append(f"--{option}={value}")
    for option in ("strict", "robust", "allow_dos", "target_confirmed"):
        words += [f"--{option.replace('_', '-')}"] * getattr(options, option)
    words += conditions_options.again(options)
    return [*words, "--", *command] if command else words


_OF_RUNS = ("pairwise", "baseline", "pid", "restart_cmd", "keep_identities", "list", "manual", "trigger_http")
"""Options that --repro would have to drop, besides the reports; those it can do without change nothing of one case."""


def _without_selectors(words: Sequence[str], options: argparse.Namespace) -> list[str]:
    return [shlex.quote(word).replace("{", "{{").replace("}", "}}") for word in words if word not in options.selectors]


def _shown(command: Sequence[str]) -> list[str]:
    return ["--", *(word.replace("{", "{{").replace("}", "}}") for word in map(_quoted, command))] if command else []


def _quoted(word: str) -> str:
    return word if word.strip("{}").isalpha() else shlex.quote(word)


class Session:
    """One run of the program.

    Args:
        options: of the command line.
        settings: made of them.
        roles: of the peer.
        again: the command that repeats a case, with {id}.
    """

    def __init__(self, options: argparse.Namespace, settings: Settings, roles: str, again: str) -> None:
        self._options = options
        self._settings = settings
        self._roles = roles
        self._again = again
        self._baseline = baseline.load(options.baseline) if options.baseline else {}

    def run(self, chosen: dict[str, list[Case]], command: Sequence[str]) -> int:
        """Judge, report, and say how it ended."""
        total = sum(map(len, chosen.values()))
        if not total:
            raise Failure(ExitCode.USAGE, "no case is left: selectors and packs exclude each other")
        run = new_run(self._described(command), self._roles, self._settings)
        run.again = self._again
        options = self._options
        wanted = {option: getattr(options, f"report_{option}") for option in REPORTS}
        reports.check(wanted)
        faults: list[str] = []
        with Terminal(total, color=not options.no_color, verbose=options.verbose, repro=self._again) as terminal:
            try:
                asyncio.run(self._judge(run, chosen, command, terminal))
            finally:
                faults = reports.write_all(run, wanted)
        terminal.summary(run)
        for fault in faults:
            print(f"dulcet conformance: {fault}", file=sys.stderr)
        return Exit.TESTER_ERROR if faults else exit_code(run)

    async def _judge(
        self, run: RunResult, chosen: dict[str, list[Case]], command: Sequence[str], terminal: Terminal
    ) -> None:
        if "A" in self._roles:
            await self._one(AcceptorPeer(self._settings), run, chosen["A"], terminal)
        if "R" in self._roles and not run.sanity:
            settings = self._listening()
            if not (command or self._options.trigger_http):
                settings.trigger_seconds = self._options.wait
            if self._options.manual:
                await self._by_hand(run, chosen["R"], terminal, settings)
                return
            async with RequestorPeer(settings, self._trigger(command)) as peer:
                await self._one(peer, run, chosen["R"], terminal, settings)

    async def _by_hand(self, run: RunResult, cases: Sequence[Case], terminal: Terminal, settings: Settings) -> None:
        """One case after the other, as fast as an operator dials."""
        settings.jobs = settings.waiting_jobs = 1
        page = Page(len(cases), terminal.console.print, self._options.wait)
        async with RequestorPeer(settings, page) as peer, page.serving(settings.host):
            terminal.console.print(f"what to dial is told here, and at {page.url}")
            await self._one(peer, run, cases, terminal, settings, page.ended)

    async def _one(
        self,
        peer: Subject,
        run: RunResult,
        cases: Sequence[Case],
        terminal: Terminal,
        settings: Settings | None = None,
        tell: Callable[[Result], None] = lambda _result: None,
    ) -> None:
        def known(result: Result) -> bool:
            baseline.compare(result, self._baseline, datetime.date.today())
            return result.expectation is Expectation.XFAIL

        def ended(result: Result) -> None:
            known(result)
            terminal.ended(result)
            tell(result)

        runner = Runner(peer, settings or self._settings, run, began=terminal.began, ended=ended, known=known)
        await runner.run(cases)

    def _listening(self) -> Settings:
        """The settings of role R: where we listen is not where the peer does."""
        from dataclasses import replace

        port = self._options.listen
        return replace(self._settings, host=self._options.listen_host, port=port)

    def _trigger(self, command: Sequence[str]) -> Trigger:
        if command:
            return Command(command)
        if self._options.trigger_http:
            return HttpTrigger(self._options.trigger_http, self._options.trigger_body)
        return Operator(lambda _line: None, self._options.wait)

    def _described(self, command: Sequence[str]) -> str:
        parts = []
        if "A" in self._roles:
            parts.append(f"{self._settings.host} port {self._settings.port}, {self._settings.called}")
        if "R" in self._roles:
            parts.append(self._trigger(command).description)
        return "; ".join(parts)


def wanted(options: argparse.Namespace, settings: Settings, role: str) -> list[Case]:
    """The cases of a role.

    Raises:
        SelectorError: a selector means nothing.
    """
    cases = select(registry().values(), options.selectors, role=role, slow=settings.slow, robust=settings.robust)
    return shard(cases, options.shard)


def settings_of(options: argparse.Namespace) -> Settings:
    """Settings as the options and the profile say, the options first."""
    profile = profiles.load(options.profile) if options.profile else profiles.Profile()
    settings = Settings(profile=profile)
    settings.host = getattr(options, "host", None) or profile.host or settings.host
    settings.port = getattr(options, "port", None) or profile.port
    settings.called = options.called or profile.called or settings.called
    settings.artim = options.artim or profile.t_artim
    for name in ("calling", "react", "settle", "strict", "robust", "slow", "allow_dos", "pid", "jobs", "repeat"):
        setattr(settings, name, getattr(options, name))
    settings.fail_fast, settings.isolate = options.fail_fast, options.isolate
    settings.keep_identities = options.keep_identities
    settings.delivery = Delivery(options.delivery)
    for name in conditions_options.NAMES:
        setattr(settings, name, getattr(options, name))
    settings.restart = options.restart_cmd
    if profile.concurrency is not None:
        settings.waiting_jobs = max(1, min(settings.waiting_jobs, profile.concurrency - 1))
    return settings


def parser(name: str) -> argparse.ArgumentParser:
    """The options of a command."""
    made = argparse.ArgumentParser(f"dulcet conformance {name}", description=_DESCRIPTIONS[name], allow_abbrev=False)
    if name == "acceptor":
        made.add_argument("host", metavar="HOST", help="the peer's address")
        made.add_argument("port", metavar="PORT", type=arguments.port, help="and its port")
    made.add_argument(
        "selectors", nargs="*", default=[], metavar="SELECTOR", help="which cases; `dulcet conformance` explains"
    )
    if name != "acceptor":
        made.add_argument(
            "--listen",
            metavar="PORT",
            type=arguments.listening_port,
            default=0,
            help="where the peer dials; 0 is any free port",
        )
        made.add_argument("--listen-host", metavar="HOST", default="127.0.0.1", help="on which address (%(default)s)")
        made.add_argument(
            "--trigger-http", metavar="URL", help="a POST to it makes the peer dial; placeholders as in COMMAND"
        )
        made.add_argument(
            "--trigger-body", metavar="TEXT", default="", help="of the POST, with the same placeholders (none)"
        )
        made.add_argument(
            "--manual", action="store_true", help="tell an operator at the peer what to dial, case by case, on a page"
        )
        made.add_argument(
            "--wait",
            metavar="SECONDS",
            type=arguments.seconds,
            default=60.0,
            help="for somebody to make the peer dial (%(default)s)",
        )
    if name != "both":
        made.add_argument("--repro", metavar="ID", help="only this case, told step by step, as `repro` does")
    _common(made)
    return made


_DESCRIPTIONS = {
    "acceptor": "Judge a peer that accepts associations: the tester dials it.",
    "requestor": "Judge a peer that requests associations: the tester listens, and COMMAND behind -- makes the peer "
    "dial, for each case, with {host}, {port}, {aet} and {case} replaced. Without one, whoever dials with the called "
    "AE title DC-<ID> gets that case.",
    "both": "Judge a peer in both roles; its profile has host, port and the requestor's command.",
}


def _process(text: str) -> int:
    """The pid of a process whose descriptors may be looked at."""
    try:
        os.listdir(f"/proc/{int(text)}/fd")
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{text} is no process that can be measured: {error}") from None
    return int(text)


def _common(made: argparse.ArgumentParser) -> None:
    titles = made.add_argument_group("the peer")
    titles.add_argument("--called", metavar="AET", help="its AE title (ANY-SCP)")
    titles.add_argument("--calling", metavar="AET", default="DULCET", help="ours (%(default)s)")
    titles.add_argument("--profile", metavar="FILE", help="what `dulcet conformance probe` measured")
    titles.add_argument(
        "--target-confirmed", action="store_true", help="a public address is meant, and no clinical system"
    )
    titles.add_argument("--baseline", metavar="FILE", help="what it is expected to fail, and how")
    clocks = made.add_argument_group("clocks")
    clocks.add_argument(
        "--react", metavar="SECONDS", type=arguments.seconds, default=2.0, help="for what is due (%(default)s)"
    )
    clocks.add_argument(
        "--settle",
        metavar="SECONDS",
        type=arguments.seconds,
        default=0.3,
        help="of quiet, which prove nothing more comes (%(default)s)",
    )
    clocks.add_argument(
        "--artim", metavar="SECONDS", type=arguments.seconds, help="the peer's ARTIM, where it is known"
    )
    how = made.add_argument_group("how")
    how.add_argument("--strict", action="store_true", help="what should be fails too, and every leniency")
    how.add_argument("--robust", action="store_true", help="with the cases of robustness")
    how.add_argument("--slow", action="store_true", help="with the cases that wait for timers")
    how.add_argument("--allow-dos", action="store_true", help="with those that may put a peer out of service")
    how.add_argument(
        "--pid",
        metavar="PID",
        type=_process,
        help="of the peer's process here, whose memory and descriptors are measured",
    )
    how.add_argument(
        "--jobs",
        metavar="N",
        type=arguments.count,
        default=1,
        help="cases at once (%(default)s); side by side, the peer's health is asked after each with --isolate only",
    )
    how.add_argument(
        "--repeat", metavar="N", type=arguments.count, default=1, help="times each case is run (%(default)s)"
    )
    how.add_argument("--fail-fast", action="store_true", help="stop at the first failure")
    how.add_argument(
        "--isolate", action="store_true", help="check the peer's health after each case, whatever --jobs says"
    )
    how.add_argument(
        "--restart-cmd",
        metavar="CMD",
        type=arguments.command,
        default=[],
        help="starts the peer anew, when a case left it unwell (none)",
    )
    how.add_argument(
        "--delivery",
        choices=[each.value for each in Delivery],
        default=Delivery.COALESCED.value,
        help="of what cases send: PDUs of a stimulus in one write, in one each, with the six bytes of the header in a "
        "write of their own, or a byte a write; a right peer takes no notice (%(default)s)",
    )
    conditions_options.add(how, pairwise=True)
    how.add_argument(
        "--shard",
        metavar="K/N",
        type=arguments.shard,
        default=(1, 1),
        help="the K-th of N parts of the cases, always the same ones: for N machines (1/1)",
    )
    how.add_argument("--list", action="store_true", help="only list the cases that would run")
    told = made.add_argument_group("reports")
    for option, (_, metavar, words) in REPORTS.items():
        told.add_argument(f"--{option}", dest=f"report_{option}", metavar=metavar, help=words)
    told.add_argument(
        "--keep-identities",
        action="store_true",
        help="leave the names, passcodes and tickets of a peer's users in the reports; they are struck out else",
    )
    told.add_argument("--no-color", action="store_true", help="no colours")
    told.add_argument("-v", "--verbose", action="store_true", help="the wire log of every case")
