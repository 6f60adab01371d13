"""Which cells of Table 9-10 a test run has really been through, and by what kind of test.

`trace = traced("live")` makes a hook for `UpperLayer(trace=...)` that counts what happens. Only bytes,
primitives, transport indications and the clock make trace records, so a cell that is counted was reached the
way a user or a peer reaches it. `conftest.py` prints the grid when the run ends, writes it as JSON where
`DULCET_CELLS_JSON` names a file, and lets a whole run fail if a filled outcome was missed by the enumerated
tests or by the property tests. Branch coverage cannot tell this: all cells share the few lines that walk the
table.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal, get_args

import table_9_10 as table

Source = Literal["enumerated", "property", "conversation", "live"]
SOURCES: tuple[Source, ...] = get_args(Source)

PROOFS: dict[Source, str] = {"enumerated": "test_table_9_10.py", "property": "test_table_9_10_properties.py"}
"""The sources that must reach every outcome, and the module where each of them does."""

Trace = Callable[[float, str, str, str, str, int], None]
Visit = tuple[Source, str, str, str]

counts: Counter[Visit] = Counter()
"""How often (source, state, event, next state) happened in this process."""


def traced(source: Source) -> Trace:
    """A trace hook that counts under this source; it refuses what Table 9-10 does not say."""

    def trace(now: float, state: str, event: str, action: str, next_state: str, count: int) -> None:
        assert table.CELLS[state].get(event) == action, f"{state} + {event} -> {action} is not in Table 9-10"
        follow = [outcome.next for outcome in table.ACTIONS[action]]
        assert next_state in follow, f"{action} leads to {follow}, not to {next_state}"
        assert count >= 1
        counts[source, state, event, next_state] += count

    return trace


def missed(source: Source) -> list[str]:
    """The outcomes this source never reached."""
    return [
        f"{state} + {event} -> {action} -> {outcome.next}"
        for state, event, action, outcome in table.OUTCOMES
        if not counts[source, state, event, outcome.next]
    ]


def grid(source: Source) -> Iterable[str]:
    """Table 9-10 with a count in every filled cell and a dot in every empty one."""
    yield " " * 6 + "".join(f"{state:>7}" for state in table.STATES)
    for event in table.EVENTS:
        yield f"{event:<6}" + "".join(f"{_cell(source, state, event):>7}" for state in table.STATES)


def _cell(source: Source, state: str, event: str) -> str:
    if event not in table.CELLS[state]:
        return "."
    count = sum(counts[source, state, event, outcome.next] for outcome in table.ACTIONS[table.CELLS[state][event]])
    return str(count) if count < 100_000 else f"{count // 1000}k"


def write_json(path: Path) -> None:
    """All outcomes with their counts by source."""
    cells = [
        {
            "state": state,
            "event": event,
            "action": action,
            "next": outcome.next,
            "counts": {source: counts[source, state, event, outcome.next] for source in SOURCES},
        }
        for state, event, action, outcome in table.OUTCOMES
    ]
    path.write_text(json.dumps({"edition": table.EDITION, "outcomes": cells}, indent=1) + "\n", encoding="utf-8")


def merge(rows: Iterable[tuple[Visit, int]]) -> None:
    """Add what another process counted: a worker of the test run, a peer in a process of its own."""
    for visit, count in rows:
        counts[visit] += count
