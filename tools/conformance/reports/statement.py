"""A draft of what a conformance statement tells of failures, from what was observed (PS3.2 2024c, N.7.3.1).

Tables N.7-8 and N.7-9 say what an Application Entity does when communication fails, as initiator of the association
and as its acceptor: time-out, abort, disconnect. Two rows more say what it does with PDUs that are unexpected or
invalid, and tables of their own what it says of itself and how it rejects. Somebody who knows the product has to read
it: what is not seen on the wire (logs, retries, what a user is told) stands here for nobody.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ....spec import codes
from ..results import Exchange, Health, Outcome, Result, RunResult
from ..tokens import Token
from .fingerprint import fingerprint
from .markdown import literal, table

_EXPECTED = ("Evt3", "Evt4", "Evt6", "Evt13")
"""PDUs that are unexpected while data is transferred."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A row of a table: a failure, and the cases that show what comes of it."""

    words: str
    ids: tuple[str, ...]


INITIATOR = (
    Failure("Timeout: no answer to the A-ASSOCIATE-RQ", ("T-10",)),
    Failure("Timeout: no answer to the A-RELEASE-RQ", ("T-11",)),
    Failure("Association rejected", ("S-R-05-04",)),
    Failure("Association aborted", ("S-R-05-16", "S-R-06-16", "S-R-07-16")),
    Failure("Network disconnect", ("S-R-05-17", "S-R-06-17", "S-R-07-17")),
    Failure("No connection", ("S-R-04-17", "T-14")),
    Failure("Unexpected PDU", tuple(f"S-R-06-{event[3:]:0>2}" for event in _EXPECTED)),
    Failure("Unrecognized or invalid PDU", ("S-R-05-19", "S-R-06-19", "S-R-07-19")),
)
"""Table N.7-8."""
ACCEPTOR = (
    Failure("Timeout: no A-ASSOCIATE-RQ", ("T-01", "T-02", "T-03")),
    Failure("Timeout: the association is idle", ("T-08", "T-09")),
    Failure("Association aborted", ("S-A-06-16",)),
    Failure("Network disconnect", ("S-A-02-17", "S-A-06-17")),
    Failure("Unexpected PDU before the association", ("S-A-02-03", "S-A-02-04", "S-A-02-10", "S-A-02-12")),
    Failure("Unexpected PDU", tuple(f"S-A-06-{event[3:]:0>2}" for event in _EXPECTED)),
    Failure("Unrecognized or invalid PDU", ("S-A-02-19", "S-A-06-19")),
)
"""Table N.7-9."""


def write(run: RunResult, path: str) -> None:
    """Write it to a file."""
    Path(path).write_text(document(run), encoding="utf-8")


def document(run: RunResult) -> str:
    """The draft as Markdown."""
    return "\n".join(_lines(run)) + "\n"


def _lines(run: RunResult) -> Iterator[str]:
    yield f"# Draft for a DICOM conformance statement of {literal(run.peer)}"
    yield f"\nAs observed by {run.program}, {run.started}. What the wire does not show has to be added.\n"
    yield from table(("Implementation", ""), [(name, literal(value)) for name, value in fingerprint(run)])
    for role, title, failures in (
        ("R", "N.7.3.1.1 Communication failure behavior as association initiator", INITIATOR),
        ("A", "N.7.3.1.2 Communication failure handling as association acceptor", ACCEPTOR),
    ):
        if role in run.roles:
            yield f"\n## {title}\n"
            yield from table(("Failure", "Behavior", "Cases"), list(_rows(run, role, failures)))
    if rejections := list(_rejections(run)):
        yield "\n## Association rejection\n"
        yield from table(("Result", "Source", "Reason", "Cases"), rejections)
    if classes := run.profile.get("classes"):
        assert isinstance(classes, dict)  # as `probe` writes it
        yield "\n## Accepted presentation contexts\n"
        rows = [(uid, ", ".join(syntaxes)) for uid, syntaxes in classes.items() if syntaxes]
        yield from table(("Abstract syntax", "Transfer syntaxes"), rows)


def _rows(run: RunResult, role: str, failures: Iterable[Failure]) -> Iterator[tuple[str, str, str]]:
    for failure in failures:
        seen = [each for each in run.results if each.id in failure.ids and each.role == role and _was_judged(each)]
        ways = dict.fromkeys(_behaviour(result, exchange) for result in seen for exchange in result.exchanges)
        behaviour = "; or: ".join(ways) if ways else "*not observed*"
        yield failure.words, behaviour, ", ".join(each.id for each in seen)


def _was_judged(result: Result) -> bool:
    return result.outcome not in (Outcome.SKIPPED, Outcome.UNDRIVEN, Outcome.ERROR)


def _behaviour(result: Result, exchange: Exchange) -> str:
    parts = [_words(token) for token in exchange.seen] or ["sends nothing"]
    after = {
        Health.OK: "takes the next association",
        Health.SLOW: "takes the next association, slowly",
        Health.GROWTH: "takes the next association, and keeps resources of this one",
        Health.BLOCKED: f"takes no association for {result.health_seconds:.0f} s",
        Health.DEAD: "takes no association any more",
    }.get(result.health, "")
    return literal(", ".join([*parts, *filter(None, [after])]))


def _words(token: Token) -> str:
    values = tuple(value or 0 for value in token.values)
    match token.kind:
        case "A" if len(values) == 2:
            source = codes.ABORT_SOURCES.get(values[0], f"reserved source {values[0]}")
            reason = f", {codes.abort_reason(*values)}" if values[0] else ""
            return f"sends A-ABORT ({source}{reason})"
        case "RJ" if len(values) == 3:
            return f"sends A-ASSOCIATE-RJ ({codes.reject_reason(*values[1:])})"
        case "CLOSE":
            return "resets the connection" if token.how == "RST" else "closes the connection"
        case "RSP":
            return f"answers with status {values[0]:04X}H"
        case "REQ":
            return "sends a request"
    return {
        "RQ": "asks for an association",
        "AC": "accepts the association",
        "RP": "confirms the release",
        "RLRQ": "asks for release",
        "DATA": "sends a part of a message",
    }.get(token.kind, f"sends {token}")


def _rejections(run: RunResult) -> Iterator[tuple[str, str, str, str]]:
    found: dict[Token, list[str]] = {}
    for result in run.results:
        for token in {token for exchange in result.exchanges for token in exchange.seen if token.kind == "RJ"}:
            found.setdefault(token, []).append(result.id)
    for token, ids in sorted(found.items(), key=lambda each: str(each[0])):
        result_, source, reason = (value or 0 for value in token.values)
        words = codes.REJECT_RESULTS.get(result_, "reserved"), codes.REJECT_SOURCES.get(source, "reserved")
        why = codes.reject_reason(source, reason)
        yield f"{result_} {words[0]}", f"{source} {words[1]}", f"{reason} {why}", ", ".join(dict.fromkeys(ids))
