"""Tokens, reactions and how a trace is judged by them."""

import pytest
from dulcet.tools.conformance.judging import judge
from dulcet.tools.conformance.reactions import SETS, parse
from dulcet.tools.conformance.results import Closing, Reaction
from dulcet.tools.conformance.tokens import Token, pattern

FIN, RST = Token("CLOSE", how="FIN"), Token("CLOSE", how="RST")


@pytest.mark.parametrize("text", ["AC", "A(2,6)", "A(2,*)", "RJ(1,2,2)", "RSP(FE00)", "REQ(0030)", "PDU(47)", "CLOSE"])
def test_a_token_is_written_as_it_is_read(text: str) -> None:
    assert str(pattern(text)) == text


@pytest.mark.parametrize("text", ["", "abort", "A(2", "A(x)", "NOPE", "RSP(GG00)"])
def test_what_is_no_notation_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no token|invalid literal"):
        pattern(text)


@pytest.mark.parametrize("text", ["A(2,1) |", "~ [DIRTY]", "A(2,1) [NICE]", "x"])
def test_what_is_no_reaction_is_refused(text: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        parse(text)


@pytest.mark.parametrize("text", [*SETS, "AA8 r6 | ~RSP [LENIENT]", 'A(*) | RSP, RSP | x HOLD "one lost"'])
def test_sets_are_notation(text: str) -> None:
    assert parse(text).alternatives


def seen(*words: str) -> list[Token]:
    return [{"FIN": FIN, "RST": RST}.get(word) or pattern(word) for word in words]


JUDGED = [
    # allowed, trace, reaction, closing
    ("AA8 r2", ("A(2,2)",), "PASS", "CLEAN"),
    ("AA8 r2", ("A(2,2)", "RST"), "PASS", "CLEAN"),  # 9.1.4 asks for a close that does not linger
    ("AA8", ("A(2,2)", "FIN"), "PASS", "CLEAN"),
    ("AA8", ("A(2,3)",), "FAIL", "CLEAN"),  # a reserved reason (Table 9-26)
    ("AA8", ("A(0,0)",), "LENIENT", "CLEAN"),
    ("AA8", ("FIN",), "ALT", "DIRTY"),  # a close is no abort
    ("AA8", ("RST",), "ALT", "DIRTY"),
    ("AA8", (), "SILENT", "CLEAN"),
    ("AA8", ("RSP(0000)",), "FAIL", "CLEAN"),
    ("AA8", ("A(2,1)", "RSP(0000)"), "FAIL", "CLEAN"),  # behind an A-ABORT only A-ABORTs
    ("AA8", ("A(2,1)", "A(2,1)", "A(2,1)"), "PASS", "CLEAN"),
    ("AA8", ("A(2,1)",) * 4, "FAIL", "CLEAN"),  # a storm
    ("AA1", ("A(0,0)",), "PASS", "CLEAN"),
    ("AA1", ("A(2,1)",), "ALT", "CLEAN"),
    ("AA3", ("RST",), "PASS", "CLEAN"),
    ("AA3", (), "SILENT", "CLEAN"),
    ("AA3", ("A(2,0)", "FIN"), "FAIL", "CLEAN"),
    ("AA6", (), "PASS", "CLEAN"),
    ("AA6", ("FIN",), "PASS", "EARLY"),
    ("AA6", ("A(2,2)",), "FAIL", "CLEAN"),
    ("AA7", ("A(2,2)",), "PASS", "CLEAN"),
    ("AA7", ("FIN",), "PASS", "EARLY"),
    ("AA7", (), "SILENT", "CLEAN"),
    ("REFUSE", ("RJ(1,2,2)",), "PASS", "CLEAN"),
    ("REFUSE", ("FIN",), "ALT", "DIRTY"),
    ("REFUSE", ("AC",), "FAIL", "CLEAN"),
    ("RP", ("RP", "FIN"), "PASS", "EARLY"),
    ("RSP", ("RSP(0000)", "FIN"), "PASS", "DIRTY"),  # an association ends with release or abort, not with a close
    ("RSP, RSP, RP", ("RSP(0000)", "RP"), "FAIL", "CLEAN"),
    ('A(*) | RSP, RSP | x RSP "one lost"', ("RSP(0000)",), "FAIL", "CLEAN"),
    ('A(*) | RSP, RSP | x RSP "one lost"', ("RSP(0000)", "RSP(0000)"), "PASS", "CLEAN"),
    ("AC | ~RJ [INFO]", ("RJ(1,1,1)",), "INFO", "CLEAN"),
]


@pytest.mark.parametrize(("allowed", "trace", "reaction", "closing"), JUDGED)
def test_a_trace_is_judged(allowed: str, trace: tuple[str, ...], reaction: str, closing: str) -> None:
    found = judge(parse(allowed), seen(*trace), most_aborts=3)
    assert (found.reaction, found.closing) == (Reaction[reaction], Closing[closing])


def test_an_inexact_reason_passes_and_is_told_to_strict_mode() -> None:
    found = judge(parse("AA8 r2"), seen("A(2,0)"), most_aborts=3)
    assert (found.reaction, found.strict_fault) == (Reaction.PASS, "reason 0 where 2 is exact (Table 9-26)")


def test_a_failure_says_what_its_row_calls_it() -> None:
    assert judge(parse('RSP, RSP | x RSP "one lost"'), seen("RSP(0000)"), most_aborts=3).why == "one lost"
