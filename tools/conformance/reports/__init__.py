"""Reports: each reads a `results.RunResult` and nothing else.

`REPORTS` maps the option of a report to its module here, which has `write(run, path)`; a new report is a module and a
line of this table. `terminal` is not in it: it is told of each case as the run goes.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from ...exit_codes import ExitCode, Failure
from ..results import RunResult

REPORTS = {
    "json": ("json_report", "FILE", "every event of every exchange, as JSON (versioned)"),
    "junit": ("junit", "FILE", "JUnit XML, for continuous integration"),
    "md": ("markdown", "FILE", "Markdown, as for the summary of a job"),
    "svg": ("picture", "FILE", "Table 9-10 as a picture: what was judged, and how it came out"),
    "html": ("page", "FILE", "all of it in one page that needs no network (dulcet[conformance])"),
    "pcap": ("pcapng", "DIR", "a capture of each case, for Wireshark"),
    "statement": ("statement", "FILE", "draft tables for a conformance statement (PS3.2 N.7.3.1), as observed"),
    "seeds": ("seeds", "DIR", "what an acceptor was sent on each connection, as seeds for AFLNet (.raw)"),
    "trace": ("traces", "DIR", "a JSON report of each case, for repro"),
}
"""Option without its dashes: module, what the help calls its value, and what it writes."""


def check(paths: Mapping[str, str | None]) -> None:
    """Find out before a run whether what is wanted after it can be had.

    Args:
        paths: by option; None where it is not wanted.

    Raises:
        Failure: a library is missing, or a place to write to.
    """
    for option, path in paths.items():
        if path is None:
            continue
        try:
            import_module(f".{REPORTS[option][0]}", __package__)
        except ModuleNotFoundError as error:
            words = f"--{option} needs {error.name}: pip install 'dulcet[conformance]' gets it"
            raise Failure(ExitCode.USAGE, words) from None
        if not Path(path).parent.is_dir():
            raise Failure(ExitCode.USAGE, f"--{option} {path}: there is no directory {Path(path).parent}")


def write_all(run: RunResult, paths: Mapping[str, str | None]) -> list[str]:
    """Write those that are wanted; why some could not be written, in words.

    Args:
        run: what was found.
        paths: by option; None where it is not wanted.
    """
    faults = []
    for option, path in paths.items():
        if path is not None:
            try:
                import_module(f".{REPORTS[option][0]}", __package__).write(run, path)
            except OSError as error:
                faults.append(f"--{option} {path}: {error.strerror or error}")
    return faults
