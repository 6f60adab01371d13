"""The codes say what PS3.8 9.3 says, transcribed here by hand, and the loader refuses what it must."""

from importlib.resources import files
from typing import Any

import pytest
from dulcet.spec import codes
from dulcet.spec.errors import SpecError

GOOD = (files("dulcet.spec") / "codes.toml").read_text("utf-8")

PDU_TYPES = {
    1: "A-ASSOCIATE-RQ",
    2: "A-ASSOCIATE-AC",
    3: "A-ASSOCIATE-RJ",
    4: "P-DATA-TF",
    5: "A-RELEASE-RQ",
    6: "A-RELEASE-RP",
    7: "A-ABORT",
}
ITEM_TYPES = {
    0x10: "Application Context",
    0x20: "Presentation Context (A-ASSOCIATE-RQ)",
    0x21: "Presentation Context (A-ASSOCIATE-AC)",
    0x30: "Abstract Syntax",
    0x40: "Transfer Syntax",
    0x50: "User Information",
    0x51: "Maximum Length",
    0x52: "Implementation Class UID",
    0x53: "Asynchronous Operations Window",
    0x54: "SCP/SCU Role Selection",
    0x55: "Implementation Version Name",
    0x56: "SOP Class Extended Negotiation",
    0x57: "SOP Class Common Extended Negotiation",
    0x58: "User Identity (A-ASSOCIATE-RQ)",
    0x59: "User Identity (A-ASSOCIATE-AC)",
}
CONTEXT_RESULTS = {
    0: "acceptance",
    1: "user-rejection",
    2: "no-reason (provider rejection)",
    3: "abstract-syntax-not-supported (provider rejection)",
    4: "transfer-syntaxes-not-supported (provider rejection)",
}
REJECT_RESULTS = {1: "rejected-permanent", 2: "rejected-transient"}
REJECT_SOURCES = {
    1: "DICOM UL service-user",
    2: "DICOM UL service-provider (ACSE related function)",
    3: "DICOM UL service-provider (Presentation related function)",
}
REJECT_REASONS = {
    (1, 1): "no-reason-given",
    (1, 2): "application-context-name-not-supported",
    (1, 3): "calling-AE-title-not-recognized",
    (1, 7): "called-AE-title-not-recognized",
    (2, 1): "no-reason-given",
    (2, 2): "protocol-version-not-supported",
    (3, 1): "temporary-congestion",
    (3, 2): "local-limit-exceeded",
}
ABORT_SOURCES = {
    0: "DICOM UL service-user (initiated abort)",
    2: "DICOM UL service-provider (initiated abort)",
}
ABORT_REASONS = {
    0: "reason-not-specified",
    1: "unrecognized-PDU",
    2: "unexpected-PDU",
    4: "unrecognized-PDU parameter",
    5: "unexpected-PDU parameter",
    6: "invalid-PDU-parameter value",
}


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("PDU_TYPES", PDU_TYPES),
        ("ITEM_TYPES", ITEM_TYPES),
        ("CONTEXT_RESULTS", CONTEXT_RESULTS),
        ("REJECT_RESULTS", REJECT_RESULTS),
        ("REJECT_SOURCES", REJECT_SOURCES),
        ("REJECT_REASONS", REJECT_REASONS),
        ("ABORT_SOURCES", ABORT_SOURCES),
        ("ABORT_REASONS", ABORT_REASONS),
    ],
)
def test_words_of_the_standard(table: str, expected: dict[Any, str]) -> None:
    assert codes.__getattr__(table) == expected
    assert getattr(codes, table) == expected


def test_every_code_has_its_clause() -> None:
    loaded = codes.load()
    assert loaded.pdu_types[4].clause == "PS3.8 Table 9-22"
    assert loaded.reject_reasons[3, 2].clause == "PS3.8 Table 9-21"
    for table in codes.TABLES:
        assert all(code.clause.startswith(("PS3.8 ", "PS3.7 D.3.3")) for code in getattr(loaded, table).values())


def test_tables_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        codes.PDU_TYPES[8] = "A-NEW-ONE"  # type: ignore[index]  # wrong on purpose


def test_reasons_in_words() -> None:
    assert codes.reject_reason(1, 7) == "called-AE-title-not-recognized"
    assert codes.reject_reason(1, 4) == "reserved (4)"
    assert codes.abort_reason(2, 6) == "invalid-PDU-parameter value"
    assert codes.abort_reason(2, 3) == "reserved (3)"
    assert codes.abort_reason(0, 6) == "DICOM UL service-user (initiated abort)"
    assert codes.context_result(4) == "transfer-syntaxes-not-supported (provider rejection)"
    assert codes.context_result(9) == "reserved (9)"


@pytest.mark.parametrize("name", ["NO_SUCH_TABLE", "pdu_types", "Pdu_Types"])
def test_other_names_do_not_exist(name: str) -> None:
    with pytest.raises(AttributeError, match=name):
        getattr(codes, name)


def line_of(text: str, start: str) -> int:
    return next(n for n, line in enumerate(text.splitlines(), 1) if line.startswith(start))


@pytest.mark.parametrize(
    ("old", "new", "message", "at"),
    [
        ("[abort_reasons]", "[abort_reason]", r"\[abort_reason\] is no table of codes", "[abort_reason]"),
        ("[abort_reasons]", "[[abort_reasons]]", r"\[abort_reasons\] is missing", ""),
        ("07H =", "7H =", r"\[pdu_types\] 7H: not a number of one byte", "7H "),
        ("07H =", "256 =", r"\[pdu_types\] 256: not a number of one byte", "256 "),
        ("07H =", "6 =", r"\[pdu_types\] 6: 6 stands twice", "6 "),
        ('"A-ABORT", clause', '"A-ABORT", claus', r"07H: needs a name and a clause", "07H "),
        ('{ name = "A-ABORT", clause = "PS3.8 Table 9-26" }', "1", r"07H: needs a name and a clause", "07H "),
        ('"A-ABORT"', '""', r"07H: name is not a text", "07H "),
        ('"A-ABORT"', "7", r"07H: name is not a text", "07H "),
        (
            "[reject_reasons.3]",
            "[reject_reasons.4]",
            r"one table for each of \[reject_sources\]",
            "[reject_sources]",
        ),
        ("[pdu_types]\n", "reject_results = 1\n[pdu_types]\n", r"mine\.toml: Cannot", ""),
    ],
)
def test_malformed_files_are_refused(old: str, new: str, message: str, at: str) -> None:
    text = GOOD.replace(old, new, 1)
    with pytest.raises(SpecError, match=message) as caught:
        codes.parse(text, "mine.toml")
    line = f"mine.toml, line {line_of(text, at)}: " if at else "mine.toml"
    assert str(caught.value).startswith(line)


@pytest.mark.parametrize("table", codes.TABLES)
def test_every_table_must_be_there(table: str) -> None:
    lines = GOOD.splitlines()
    kept, dropping = [], False
    for line in lines:
        dropping = line.startswith(f"[{table}") if line.startswith("[") else dropping
        kept += [] if dropping else [line]
    with pytest.raises(SpecError, match=r"codes\.toml.*(missing|needs)"):
        codes.parse("\n".join(kept))
