"""An exchange as a sequence diagram in text, for terminals, JUnit and bug reports (catalogue 4.9).

The tester is on the left and the peer on the right, a line a step; behind it the states that the oracle thought
possible, the time, and what the PDU was.
"""

from collections.abc import Iterator

from ...pdu_text import hexdump
from ..results import Closing, Exchange, Health, Result, RunResult
from ..tokens import text
from .steps import Step, steps

WIDTH = 42
"""Columns between the two lifelines."""
MOST_STEPS = 60
"""Of one exchange; the JSON report has all."""
MOST_BYTES = 512
"""Of one step that are dumped."""


def case_diagram(result: Result, *, dumps: bool = False) -> list[str]:
    """A case in lines: what was expected and seen, then each exchange.

    Args:
        result: of the case.
        dumps: whether the bytes are shown, too.
    """
    found = [f"{result.id}  {result.title}", f"{'; '.join(result.clauses)} ({result.level}), {role(result)}"]
    for exchange in result.exchanges:
        found += ["", *told(exchange), *exchange_diagram(exchange, dumps=dumps)]
    if result.health not in (Health.OK, Health.UNKNOWN):
        found += ["", f"health    {result.health} ({result.health_seconds:.1f} s)"]
    return found


def role(result: Result) -> str:
    """What the peer was, in words."""
    return "the peer is the acceptor" if result.role == "A" else "the peer is the requestor"


def told(exchange: Exchange) -> list[str]:
    """What was allowed and what came."""
    closing = "" if exchange.closing is Closing.CLEAN else f", closing {exchange.closing}"
    rows = (
        ("variant", exchange.label),
        ("expected", exchange.expected),
        ("seen", f"{text(exchange.seen)} ({exchange.reaction}{closing})"),
        ("why", exchange.why),
        ("strictly", exchange.strict_fault),
        ("growth", exchange.growth),
        ("undriven", exchange.undriven),
        ("skipped", exchange.skipped),
        ("error", exchange.error.strip()),
    )
    found = [f"{name:<9} {words}" for name, words in rows if words]
    return [*found, *(f"besides   {each.id} at +{each.at:.3f}: {each.what}" for each in exchange.findings)]


def exchange_diagram(exchange: Exchange, *, dumps: bool = False) -> list[str]:
    """One exchange in lines."""
    found = list(_lines(steps(exchange), dumps=dumps))
    if not found:
        return []
    return [f" tester{'peer':>{WIDTH - 2}}", *found]


def _lines(all_steps: list[Step], *, dumps: bool) -> Iterator[str]:
    driven = any(not step.stimulus for step in all_steps)
    for number, step in enumerate(all_steps[:MOST_STEPS]):
        if driven and step.stimulus and not all_steps[number - 1].stimulus:
            yield f"   |{' the case itself begins ':.^{WIDTH}}|"
        yield _line(step)
        if dumps and step.data:
            yield from hexdump(0, step.data[:MOST_BYTES])
    if len(all_steps) > MOST_STEPS:
        yield f"   ... {len(all_steps) - MOST_STEPS} more"


def _line(step: Step) -> str:
    states = "|".join(step.states) if step.explained else "off the table"
    behind = "  ".join(filter(None, (f"[{states}]" if states else "", f"+{step.at:.3f}", step.remark, _fault(step))))
    return f"   |{_arrow(step)}|  {behind}"


def _fault(step: Step) -> str:
    return f"! {step.fault}" if step.fault else ""


def _arrow(step: Step) -> str:
    length = "" if step.length is None or step.kind == "bytes" else f"  ({step.length})"
    label = step.label if step.kind != "note" else f"({step.label})"
    body = f" {label}{length} "
    if len(body) > WIDTH - 3:
        body = body[: WIDTH - 4] + "~"
    if step.direction == ">":
        return f"{body:-<{WIDTH - 1}}>"
    if step.direction == "<":
        return f"<{body:->{WIDTH - 1}}"
    return f"{f'({step.label})' if step.kind == 'silence' else body.strip():^{WIDTH}}"[:WIDTH]


def repeat(run: RunResult, result: Result) -> str:
    """The command that repeats a case, or nothing where none is known."""
    return run.again.format(id=result.id) if run.again else f"dulcet conformance repro {result.id} HOST PORT"
