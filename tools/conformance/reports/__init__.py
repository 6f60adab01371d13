"""Reports: each reads a `results.RunResult` and nothing else.

`REPORTS` maps the option of a report to its module here, which has `write(run, path)`; a new report is a module and a
line of this table. `terminal` is not in it: it is told of each case as the run goes.
"""

from collections.abc import Mapping
from importlib import import_module

from ..results import RunResult

REPORTS = {
    "json": ("json_report", "FILE", "every event of every exchange, as JSON (versioned)"),
}
"""Option without its dashes: module, what the help calls its value, and what it writes."""


def write_all(run: RunResult, paths: Mapping[str, str | None]) -> None:
    """Write those that are wanted.

    Args:
        run: what was found.
        paths: by option; None where it is not wanted.

    Raises:
        OSError: one cannot be written.
    """
    for option, path in paths.items():
        if path is not None:
            import_module(f".{REPORTS[option][0]}", __package__).write(run, path)
