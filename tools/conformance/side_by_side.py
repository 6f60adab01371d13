"""`dulcet conformance matrix`: many peers side by side, as one page that needs no network (catalogue 4.8).

Table 9-10 in small for each peer, and under it a grid of all cases, a column a peer.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..exit_codes import ExitCode, Failure
from . import clauses
from .exits import Exit
from .results import Outcome, Result, RunResult


@dataclass(frozen=True, slots=True)
class Row:
    """A case in one role, and how it came out with each peer."""

    id: str
    role: str
    title: str
    clause: str
    level: str
    results: list[Result | None]

    @property
    def differs(self) -> bool:
        """Whether the peers with which it was played do not all come out alike."""
        return len({each.outcome for each in self.results if each is not None}) > 1

    @property
    def bad(self) -> bool:
        """Whether some peer fails."""
        return any(each is not None and each.outcome is Outcome.FAILED for each in self.results)


def rows(runs: Sequence[RunResult]) -> list[Row]:
    """All the cases of all runs, in the order of the standard."""
    known: dict[tuple[str, str], Result] = {}
    for run in runs:
        for result in run.results:
            known.setdefault((result.id, result.role), result)
    by_run = [{(each.id, each.role): each for each in run.results} for run in runs]
    found = [
        Row(each.id, each.role, each.title, each.clauses[0], each.level, [own.get(key) for own in by_run])
        for key, each in known.items()
    ]
    return sorted(found, key=lambda row: (clauses.order(row.clause), row.id, row.role))


def groups(found: Sequence[Row]) -> dict[str, list[Row]]:
    """By clause, in the order they have."""
    made: dict[str, list[Row]] = {}
    for row in found:
        made.setdefault(row.clause, []).append(row)
    return made


def document(runs: Sequence[RunResult]) -> str:
    """The page.

    Raises:
        ModuleNotFoundError: jinja2 is not installed.
    """
    from .reports import fingerprint, page, small_picture
    from .reports.score import score

    found = rows(runs)
    peers = [
        {
            "name": fingerprint.name(run),
            "run": run,
            "verdict": page.verdict(run),
            "scores": [(name, good, of) for name, good, of in score(run) if of],
            "small": page.svg(small_picture.drawn(run)),
        }
        for run in runs
    ]
    return (
        page.environment()
        .get_template("peers.html")
        .render(peers=peers, groups=groups(found), count=len(found), sign=page.SIGN, words=clauses.words)
    )


def main(argv: Sequence[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        "dulcet conformance matrix", description="Many peers side by side, in one page.", allow_abbrev=False
    )
    parser.add_argument("runs", metavar="RUN.json", nargs="+", help="JSON reports, one a peer")
    parser.add_argument("-o", "--output", metavar="FILE", default="index.html", help="the page (%(default)s)")
    options = parser.parse_args(argv[1:])
    from .reports.json_report import load

    try:
        text = document([load(path) for path in options.runs])
        Path(options.output).write_text(text, encoding="utf-8")
    except ModuleNotFoundError as error:
        words = f"it needs {error.name}: pip install 'dulcet[conformance]' gets it"
        raise Failure(ExitCode.USAGE, words) from None
    except OSError as error:
        raise Failure(ExitCode.USAGE, f"{options.output}: {error.strerror or error}") from None
    print(f"{options.output}: {len(options.runs)} peers")
    return Exit.PASSED
