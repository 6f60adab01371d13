"""`dulcet conformance list` and `explain`: every case of the catalogue is there, and what one sends is shown."""

import json

import pytest
from dulcet.tools.conformance import command
from dulcet.tools.conformance.exits import Exit


def numbered(section: str, most: int) -> list[str]:
    return [f"{section}-{number:02}" for number in range(1, most + 1)]


def cells(role: str, states: str, events: str) -> list[str]:
    return [f"S-{role}-{state}-{event}" for state in states.split() for event in events.split()]


PDU_EVENTS = "03 04 06 10 12 13 16 19"
LISTED = {
    "T": 14,
    "P": 15,
    "RQ": 43,  # the catalogue's 42, and sub-items in another order
    "AC": 22,
    "RJ": 8,
    "PD": 28,
    "RL": 15,
    "AB": 11,
    "NEG": 31,
    "CMD": 40,
    "ROB": 21,
    "EM": 20,
}
"""Catalogue 3.14."""
EVERYTHING = sorted(
    [
        *cells("A", "02 03 06 08 13", f"{PDU_EVENTS} 17"),
        *cells("R", "05 06 07 08 09 11 13", f"{PDU_EVENTS} 17"),
        "S-R-04-17",
        *cells("A", "07 10 12", PDU_EVENTS),  # of an acceptor that starts releases
        *(id_ for section, most in LISTED.items() for id_ in numbered(section, most)),
    ]
)


def test_the_list_has_what_the_catalogue_has(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["list", "--json"]) == Exit.PASSED
    rows = json.loads(capsys.readouterr().out)
    assert sorted(row["id"] for row in rows) == EVERYTHING
    assert len(EVERYTHING) == 109 + 24 + 268
    (row,) = (row for row in rows if row["id"] == "RL-01")
    assert (row["roles"], row["level"], row["states"], row["events"]) == ("A", "M", ["Sta6"], ["Evt12"])
    assert row["clauses"] == ["PS3.8 7.2", "PS3.8 9.3.6"]


def test_the_list_is_a_line_a_case_and_tells_how_many(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["list", "PD-11", "S-A-06-19"]) == Exit.PASSED
    first, second, last = capsys.readouterr().out.splitlines()
    assert first.split()[:5] == ["S-A-06-19", "A", "M", "PS3.8", "Table"]
    assert first.endswith("(3 variants)  [smoke]")
    assert second.split()[:3] == ["PD-11", "A+R", "M"]
    assert last == "2 cases, 4 exchanges"
    assert command.main(["list"]) == Exit.PASSED
    *lines, last = capsys.readouterr().out.splitlines()
    assert sorted(line.split()[0] for line in lines) == EVERYTHING
    assert last.startswith("401 cases, ")


def test_an_explanation_shows_what_is_sent_and_what_is_allowed(capsys: pytest.CaptureFixture[str]) -> None:
    """PD-18, by PS3.8 9.3.5 and E.2: type 04H, length 94H = 2 x (4 + 46H), and of each PDV context 1, header 03H."""
    assert command.main(["explain", "pd-18"]) == Exit.PASSED
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "PD-18  two complete messages in one P-DATA-TF"
    for line in ("  roles    acceptor", "  level    S", "  clauses  PS3.8 E.1", "  cells    Sta6"):
        assert line in lines
    assert any(line.startswith("  expected ") and "RSP(0000), RSP(0000)" in line for line in lines)
    assert any(line.startswith("  why      Refused or answered, both of them") for line in lines)
    sent = lines.index("  sent: P-DATA-TF, 154 bytes")
    bytes_ = bytes.fromhex("".join(line[14:62] for line in lines[sent + 1 :]))
    pdv = "00000046 01 03"
    assert bytes_[:12] == bytes.fromhex(f"04 00 00000094 {pdv}")
    assert bytes_[6 + 74 : 6 + 80] == bytes.fromhex(pdv)
    assert len(bytes_) == 154
    message_id = bytes.fromhex("0000 1001 02000000")  # (0000,0110), two bytes
    assert [bytes_.split(message_id)[number][:2] for number in (1, 2)] == [b"\x01\0", b"\x02\0"]
