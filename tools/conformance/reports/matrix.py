"""Table 9-10 as a picture of what was judged: which cells were, in which role, and how it came out.

`cells` is for every report that draws the table; `lines` is the small one of the terminal.
"""

from collections.abc import Iterator

from ....spec.upper_layer import load
from ..recipes import STARTS, is_gated
from ..results import Outcome, Result, RunResult

Cell = tuple[str, str]
"""Event and state."""
WORST = (Outcome.FAILED, Outcome.ERROR, Outcome.TOLERATED, Outcome.PASSED, Outcome.UNDRIVEN, Outcome.SKIPPED)
"""What a cell shows when several cases judge it."""
SIGNS = {
    Outcome.FAILED: ("x", "bold red"),
    Outcome.ERROR: ("!", "magenta"),
    Outcome.TOLERATED: ("~", "yellow"),
    Outcome.PASSED: ("o", "green"),
    Outcome.UNDRIVEN: ("?", "cyan"),
    Outcome.SKIPPED: ("-", "blue"),
}
"""A letter for those who see no colours, and the style."""
EMPTY, NOT_RUN, LOCAL = " ", ".", ","


def by_cell(run: RunResult) -> dict[Cell, dict[str, list[Result]]]:
    """Results of each cell by role, the worst first, from the cases about one cell each (section S and the timer's)."""
    found: dict[Cell, dict[str, list[Result]]] = {}
    for result in run.results:
        if len(result.cells) == 1:
            found.setdefault(result.cells[0], {}).setdefault(result.role, []).append(result)
    for roles in found.values():
        for results in roles.values():
            results.sort(key=lambda each: WORST.index(each.outcome))
    return found


def cells(run: RunResult) -> dict[Cell, dict[str, Outcome]]:
    """The worst outcome of each cell by role."""
    return {cell: {role: results[0].outcome for role, results in roles.items()} for cell, roles in by_cell(run).items()}


def drivable(run: RunResult) -> set[tuple[str, Cell]]:
    """Role and cell of every cell of a PDU that a tester can reach, in the roles of a run, with this peer."""
    table = load()
    return {
        (role, (event, state))
        for role, state in STARTS
        for event in table.possible(state)
        if role in run.roles and table.events[event].source == "peer" and not (is_gated(role, state) and not _can(run))
    }


def _can(run: RunResult) -> bool:
    """Whether the peer starts releases as acceptor."""
    return bool(run.profile.get("can_release"))


def coverage(run: RunResult) -> tuple[int, int]:
    """How many of the drivable cells were judged, and how many there are."""
    wanted = drivable(run)
    judged = {
        (role, cell)
        for cell, roles in cells(run).items()
        for role, outcome in roles.items()
        if outcome not in (Outcome.SKIPPED, Outcome.UNDRIVEN, Outcome.ERROR)
    }
    return len(wanted & judged), len(wanted)


def lines(run: RunResult) -> Iterator[list[tuple[str, str]]]:
    """The table in rows of (text, style): a letter a cell, of both roles the worse."""
    table, judged = load(), cells(run)
    yield [("      ", ""), *((f"{state[3:]:>3}", "dim") for state in table.states)]
    for event in table.events.values():
        signs = (_sign(judged.get((event.name, state), {}), (event.name, state)) for state in table.states)
        yield [(f"{event.name:<6}", "dim"), *signs]


def _sign(roles: dict[str, Outcome], cell: Cell) -> tuple[str, str]:
    if roles:
        sign, style = SIGNS[min(roles.values(), key=WORST.index)]
        return f"{sign:>3}", style
    table = load()
    if cell not in table.cells:
        return f"{EMPTY:>3}", ""
    return f"{LOCAL if table.events[cell[0]].source == 'user' else NOT_RUN:>3}", "dim"
