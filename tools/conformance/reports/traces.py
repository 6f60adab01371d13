"""A trace of each case: a JSON report with that one case in it, which `dulcet conformance repro` replays."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ..results import Result, RunResult
from .json_report import document


def write(run: RunResult, path: str) -> None:
    """Write a file for each case that had an exchange, into a directory that is made."""
    for result, name in named(run, path, "trace.json"):
        instances = [uid for exchange in result.exchanges for uid in exchange.instances]
        text = json.dumps(document(replace(run, results=[result], instances=instances)), indent=1)
        name.write_text(text + "\n", encoding="utf-8")


def named(run: RunResult, path: str, suffix: str) -> Iterator[tuple[Result, Path]]:
    """The cases that had an exchange, and their files: "PD-18.A.trace.json"."""
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    for result in run.results:
        if any(exchange.events for exchange in result.exchanges):
            yield result, folder / f"{result.id}.{result.role}.{suffix}"
