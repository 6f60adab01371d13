"""The report on the terminal: one line a case as it ends, failures in full, a summary by clause, the table in small.

On a terminal there is a bar and colour; into a file the same lines without either.
"""

from collections.abc import Iterator, Sequence
from typing import TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ..case import Case
from ..data_sets import PATIENT
from ..results import (
    Closing,
    Event,
    Exchange,
    Expectation,
    Health,
    Level,
    Outcome,
    Result,
    RunResult,
    expected,
)
from ..tokens import text
from .matrix import lines
from .score import score, tally

STYLES = {
    Outcome.PASSED: "green",
    Outcome.TOLERATED: "yellow",
    Outcome.FAILED: "bold red",
    Outcome.SKIPPED: "blue",
    Outcome.UNDRIVEN: "cyan",
    Outcome.ERROR: "magenta",
}
ARROWS = {">": "------>", "<": "<------", "-": "       "}
MOST_EVENTS = 40
"""Of a failure that are shown; the JSON report has all."""


class Terminal:
    """Tells of a run as it goes.

    Args:
        total: cases there will be.
        stream: where to.
        color: whether colours may be used at all.
        verbose: whether the wire log of every case is shown.
        repro: the command that repeats one case, with {id} for its id.
    """

    def __init__(
        self, total: int, stream: TextIO | None = None, *, color: bool = True, verbose: bool = False, repro: str = ""
    ) -> None:
        self.console = Console(file=stream, no_color=not color, highlight=False, soft_wrap=True)
        self._verbose = verbose
        self._repro = repro
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal)
        self._task = self._progress.add_task("cases", total=total)

    def __enter__(self) -> "Terminal":
        """The bar appears, on a terminal."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """The bar goes."""
        self._progress.stop()

    def began(self, case: Case) -> None:
        """A case begins."""
        self._progress.update(self._task, description=f"{case.id:<12}")

    def ended(self, result: Result) -> None:
        """A case has its result."""
        self._progress.advance(self._task)
        if result.outcome is Outcome.SKIPPED and not self._verbose:
            return  # the summary counts them, with their reasons
        style = "yellow" if expected(result) else STYLES[result.outcome]
        seen = result.reason.strip().splitlines()[-1:] if result.reason else [result.signature]
        flaky = f" FLAKY({result.failures}/{result.runs})" if result.flaky else ""
        word = result.expectation or result.verdict or result.outcome
        self._print(
            f"[{style}]{word:<8}[/] {result.id:<12} {escape(result.title)}  "
            f"[dim]{escape(' '.join(seen))}{flaky}  {result.seconds:.2f} s[/]"
        )
        unexpected = result.outcome in (Outcome.FAILED, Outcome.ERROR) and not expected(result)
        if self._verbose or unexpected or result.expectation is Expectation.DRIFT:
            for line in self._expanded(result):
                self._print(line)

    def _print(self, line: str) -> None:
        self.console.print(line)

    def _expanded(self, result: Result) -> Iterator[str]:
        yield f"    requirement  {escape('; '.join(result.clauses))} ({result.level})"
        if result.expectation:
            yield f"    baseline     [bold]{result.expectation}[/] {escape(result.expected_why)}"
        for exchange in result.exchanges:
            yield from self._exchange(exchange)
        if result.health not in (Health.OK, Health.UNKNOWN):
            yield f"    health       [bold]{result.health}[/] ({result.health_seconds:.1f} s)"
        if self._repro:
            yield f"    repeat       {escape(self._repro.format(id=result.id))}"

    def _exchange(self, exchange: Exchange) -> Iterator[str]:
        if exchange.label:
            yield f"    variant      {escape(exchange.label)}"
        yield f"    expected     {escape(exchange.expected or '-')}"
        closing = "" if exchange.closing is Closing.CLEAN else f", closing {exchange.closing}"
        yield f"    seen         {escape(text(exchange.seen))} ({exchange.reaction}{closing})"
        for words in filter(
            None, (exchange.why, exchange.strict_fault, exchange.growth, exchange.undriven, exchange.error)
        ):
            yield f"                 {escape(words)}"
        for found in exchange.findings:
            yield f"    besides      {found.id}: {escape(found.what)}"
        yield from (f"    {escape(line)}" for line in wire(exchange.events))
        if exchange.trigger is not None:
            code = (
                "had to be ended" if exchange.trigger.exit_code is None else f"exit code {exchange.trigger.exit_code}"
            )
            yield f"    command      {escape(' '.join(exchange.trigger.command))}: {code}"

    def summary(self, run: RunResult) -> None:
        """The end of a run."""
        self._print("")
        if run.sanity:
            self._print(f"[bold red]nothing could be judged:[/] {escape(run.sanity)}")
            return
        self.console.print(by_clause(run.results))
        for row in lines(run):
            self._print("".join(f"[{style}]{text}[/]" if style else text for text, style in row))
        self._print("[dim]o passed  ~ tolerated  x failed  ? not reached  - skipped  . not run  , local event[/]")
        self._print(totals(run))
        if skipped := [each for each in run.results if each.outcome is Outcome.SKIPPED]:
            self._print(f"[bold blue]{len(skipped)} SKIPPED[/]")
            for reason in dict.fromkeys(each.reason for each in skipped):
                count = sum(each.reason == reason for each in skipped)
                self._print(f"  {count:>4}  {escape(reason)}")
        for expectation in Expectation:
            ids = [each.id for each in run.results if expectation and each.expectation is expectation]
            if ids:
                self._print(f"[bold yellow]{len(ids)} {expectation}[/]  {' '.join(ids)}")
        if run.instances:
            words = f"of patient {PATIENT}, to be cleaned up if they were stored"
            self._print(f"[bold blue]{len(run.instances)} INSTANCES[/] {words}")
            for uid in run.instances:
                self._print(f"        {uid}")
        if run.end_sanity:
            self._print(f"[bold red]at the end the peer is not well:[/] {escape(run.end_sanity)}")


def totals(run: RunResult) -> str:
    """The score, which is never one number."""
    parts = [f"{name} {good}/{judged}" for name, good, judged in score(run)]
    counts = [f"{run.count(outcome)} {outcome.lower()}" for outcome in Outcome if run.count(outcome)]
    return f"{' · '.join(parts)}    {', '.join(counts)} in {run.seconds:.1f} s"


def by_clause(results: Sequence[Result]) -> Table:
    """Passed of judged, a row a clause and a column a level."""
    table = Table(box=None, pad_edge=False)
    table.add_column("clause")
    for level in Level:
        table.add_column(str(level), justify="right")
    for clause in sorted({each.clauses[0] for each in results}):
        row = []
        for level in Level:
            passed, of = tally([each for each in results if each.clauses[0] == clause and each.level is level])
            row.append(f"[{'green' if passed == of else 'red'}]{passed}/{of}[/]" if of else "")
        table.add_row(clause, *row)
    return table


def wire(events: Sequence[Event]) -> Iterator[str]:
    """The wire log, a line an event."""
    for event in events[:MOST_EVENTS]:
        states = "|".join(event.states) or ("-" if event.direction == "-" else "off the table")
        name = event.words or event.kind
        words = f"{event.kind}: {name}" if event.direction == "-" and event.kind != name else name
        fault = f"  ! {event.fault}" if event.fault else ""
        yield f"+{event.at:7.3f}  {ARROWS[event.direction]}  {words}  [{states}]{fault}"
    if len(events) > MOST_EVENTS:
        yield f"... {len(events) - MOST_EVENTS} more events"
