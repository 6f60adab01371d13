"""The JUnit report: what continuous integration systems show (catalogue 4.8).

A suite for each clause, a test case for each case and role. What a baseline expects is skipped with its reason; what it
expected in vain fails. The form is the one that Jenkins, GitLab and GitHub read; `tests/conformance/junit.xsd` has it.
The strictest of them, Jenkins' xunit, knows no properties of a test case and no skipped ones of the whole: what is
known of a case stands in front of its output.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ..results import Closing, Expectation, Health, Outcome, Result, RunResult
from .diagram import case_diagram, repeat

NAME = "dulcet conformance"


def write(run: RunResult, path: str) -> None:
    """Write it to a file."""
    Path(path).write_bytes(document(run))


def document(run: RunResult) -> bytes:
    """The report as XML."""
    clauses = list(dict.fromkeys(each.clauses[0] for each in run.results))
    suites = [(clause, [each for each in run.results if each.clauses[0] == clause]) for clause in clauses]
    faults = {"nothing could be judged": run.sanity, "at the end the peer is not well": run.end_sanity}
    faults = {words: fault for words, fault in faults.items() if fault}
    counts = _counts(run.results, run.seconds, len(faults))
    del counts["skipped"]
    root = Element("testsuites", {"name": NAME, **counts})
    for words, fault in faults.items():
        _sanity(root, run, words, fault)
    for clause, results in suites:
        _suite(root, run, clause, results)
    indent(root, " ")
    found: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return found + b"\n"


def class_name(clause: str) -> str:
    """A clause as a name of words and dots: "PS3.8 9.3.5" is "ps3_8.9_3_5"."""
    part, _, number = clause.partition(" ")
    return f"{part.lower().replace('.', '_')}.{re.sub(r'[^A-Za-z0-9]+', '_', number)}"


def _counts(results: Sequence[Result], seconds: float = 0.0, faults: int = 0) -> dict[str, str]:
    kinds = [_kind(each) for each in results]
    return {
        "tests": str(len(results) + faults),
        "failures": str(kinds.count("failure")),
        "errors": str(kinds.count("error") + faults),
        "skipped": str(kinds.count("skipped")),
        "time": f"{seconds:.3f}",
    }


def _kind(result: Result) -> str:
    """The element that tells how a case came out; "" for passed."""
    if result.expectation in (Expectation.XPASS, Expectation.DRIFT):
        return "failure"
    if result.expectation is Expectation.XFAIL or result.outcome in (Outcome.SKIPPED, Outcome.UNDRIVEN):
        return "skipped"
    return {Outcome.FAILED: "failure", Outcome.ERROR: "error"}.get(result.outcome, "")


def _suite(root: Element, run: RunResult, clause: str, results: Sequence[Result]) -> None:
    suite = _opened(root, run, clause, _counts(results, sum(each.seconds for each in results)))
    for result in results:
        _case(suite, run, result)


def _opened(root: Element, run: RunResult, name: str, counts: dict[str, str]) -> Element:
    suite = SubElement(root, "testsuite", {"name": name, **counts})
    if run.started:
        suite.set("timestamp", run.started[:19])
    facts = {"peer": run.peer, "mode": run.mode, "tool": run.program, "edition": run.edition}
    properties = SubElement(suite, "properties")
    for fact, value in facts.items():
        SubElement(properties, "property", name=fact, value=_clean(value))
    return suite


def _sanity(root: Element, run: RunResult, words: str, fault: str) -> None:
    suite = _opened(root, run, "sanity", _counts((), faults=1))
    case = SubElement(suite, "testcase", name=words, classname="sanity", time="0.000")
    SubElement(case, "error", message=_clean(fault), type="SANITY").text = _clean(fault)


def _case(suite: Element, run: RunResult, result: Result) -> None:
    both = f" ({result.role})" if run.roles == "AR" else ""
    case = SubElement(
        suite,
        "testcase",
        name=f"{result.id} {result.slug}{both}",
        classname=class_name(result.clauses[0]),
        time=f"{result.seconds:.3f}",
    )
    if kind := _kind(result):
        words = _message(result)
        element = SubElement(case, kind, message=_clean(words))
        if kind != "skipped":
            element.set("type", str(result.expectation or result.verdict or result.outcome))
            element.text = _clean("\n".join(_details(result)))
    out = SubElement(case, "system-out")
    facts = [f"{name}: {value}" for name, value in _facts(result)]
    lines = [*facts, "", *case_diagram(result, dumps=bool(kind)), "", f"repeat: {repeat(run, result)}"]
    out.text = _clean("\n".join(lines))


def _facts(result: Result) -> Iterator[tuple[str, str]]:
    worst = result.worst
    yield "level", str(result.level)
    yield "role", result.role
    yield from (("clause", clause) for clause in result.clauses)
    yield from (("cell", f"{event} {state}") for event, state in result.cells)
    yield "verdict", result.verdict or str(result.outcome)
    if worst is not None:
        yield "reaction", str(worst.reaction)
        yield "closing", str(worst.closing)
    yield "health", str(result.health)
    yield "signature", result.signature
    if result.flaky:
        yield "flaky", f"{result.failures}/{result.runs}"


def _message(result: Result) -> str:
    """One line: how it came out."""
    if result.expectation:
        return f"{result.expectation}: {result.expected_why or result.signature}"
    if result.reason:
        return result.reason.strip().splitlines()[-1]
    worst = result.worst
    why = worst.why or worst.strict_fault if worst else ""
    if result.health not in (Health.OK, Health.UNKNOWN):
        why = f"the peer is {result.health} afterwards"
    return f"{result.verdict}: {result.signature}{f' ({why})' if why else ''}"


def _details(result: Result) -> Iterator[str]:
    yield f"{'; '.join(result.clauses)} ({result.level})"
    for exchange in result.exchanges:
        label = f"{exchange.label}: " if exchange.label else ""
        closing = "" if exchange.closing is Closing.CLEAN else f", closing {exchange.closing}"
        seen = ", ".join(map(str, exchange.seen)) or "HOLD"
        yield f"{label}expected {exchange.expected or '-'}; seen {seen} ({exchange.reaction}{closing}) {exchange.why}"
        if exchange.error:
            yield exchange.error


def _clean(text: str) -> str:
    """Without the characters that XML 1.0 has not; their code stands instead."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", lambda found: repr(found[0])[1:-1], text)
