"""The JSON report: all that a run found, every event with its bytes, and back again for `diff`, `matrix` and `repro`.

The names are those of `results`, bytes are hexadecimal, tokens are their notation. `schema` tells the version.
"""

import enum
import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from ...exit_codes import ExitCode, Failure
from ..results import (
    SCHEMA_VERSION,
    Closing,
    Event,
    Exchange,
    Expectation,
    Finding,
    Health,
    Level,
    Outcome,
    Reaction,
    Result,
    RunResult,
    TriggerRun,
)
from ..tokens import Token, pattern
from .typed import faults

Json = dict[str, Any]
CLOSED = ("FIN", "RST")
"""How a CLOSE was seen stands for the token."""


def write(run: RunResult, path: str) -> None:
    """Write it to a file."""
    Path(path).write_text(json.dumps(document(run), indent=1) + "\n", encoding="utf-8")


def document(run: RunResult) -> Json:
    """The report as plain values."""
    return {"schema": SCHEMA_VERSION, **_plain(run)}


def _plain(value: Any) -> Any:
    if isinstance(value, Token):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def load(path: str | Path) -> RunResult:
    """A run from its report.

    Raises:
        Failure: it cannot be read, is no report, or one of another version.
    """
    try:
        return parse(json.loads(Path(path).read_text(encoding="utf-8")))
    except OSError as error:
        raise Failure(ExitCode.USAGE, f"{path}: {error.strerror or error}") from None
    except ValueError as error:
        raise Failure(ExitCode.USAGE, f"{path}: {error}") from None
    except RecursionError:
        raise Failure(ExitCode.USAGE, f"{path}: no report: it is nested too deeply") from None


def parse(found: Json) -> RunResult:
    """A run from plain values.

    Raises:
        ValueError: they are no report, or of another version.
    """
    if not isinstance(found, dict) or found.get("schema") != SCHEMA_VERSION:
        raise ValueError(f"no report of version {SCHEMA_VERSION}")
    try:
        told = {key: value for key, value in found.items() if key != "schema"}
        run = RunResult(**{**told, "results": [_result(each) for each in found["results"]]})
    except KeyError as error:
        raise ValueError(f"no report: {error} is missing") from None
    except (TypeError, AttributeError) as error:
        raise ValueError(f"no report: {error}") from None
    if fault := next(faults(run, RunResult, "the report"), ""):
        raise ValueError(f"no report: {fault}")
    return run


def _result(found: Json) -> Result:
    exchanges = [_exchange(each) for each in found["exchanges"]]
    return Result(**_typed(found, _RESULT) | {"exchanges": exchanges})


def _exchange(found: Json) -> Exchange:
    trigger = found["trigger"]
    return Exchange(
        **_typed(found, _EXCHANGE)
        | {
            "seen": tuple(_token(word) for word in found["seen"]),
            "events": tuple(Event(**_typed(each, _EVENT)) for each in found["events"]),
            "findings": tuple(Finding(**each) for each in found["findings"]),
            "trigger": trigger and TriggerRun(**_typed(trigger, {"command": tuple})),
        }
    )


_RESULT: dict[str, Callable[[Any], Any]] = {
    "level": Level,
    "outcome": Outcome,
    "health": Health,
    "expectation": Expectation,
    **dict.fromkeys(("clauses", "states", "events", "tags"), tuple),
}
_EXCHANGE: dict[str, Callable[[Any], Any]] = {
    "reaction": Reaction,
    "closing": Closing,
    "states": tuple,
    "instances": tuple,
}
_EVENT: dict[str, Callable[[Any], Any]] = {"data": bytes.fromhex, "states": tuple}


def _typed(found: Json, types: Mapping[str, Callable[[Any], Any]]) -> Json:
    return {key: types[key](value) if key in types else value for key, value in found.items()}


def _token(word: str) -> Token:
    return Token("CLOSE", how=word) if word in CLOSED else pattern(word)
