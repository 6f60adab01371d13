"""`spec/dimse.toml` against PS3.7, and its loader against everything that could be wrong with it.

The tables below are transcribed by hand from PS3.7 9.1, 9.3, 10.1, 10.3 and E.1.
"""

import re
import tomllib
from importlib.resources import files

import pytest
from dulcet.spec import dimse
from dulcet.spec.errors import SpecError

ELEMENTS = """
0000 UL 1 CommandGroupLength
0002 UI 1 AffectedSOPClassUID
0003 UI 1 RequestedSOPClassUID
0100 US 1 CommandField
0110 US 1 MessageID
0120 US 1 MessageIDBeingRespondedTo
0600 AE 1 MoveDestination
0700 US 1 Priority
0800 US 1 CommandDataSetType
0900 US 1 Status
0901 AT 1-n OffendingElement
0902 LO 1 ErrorComment
0903 US 1 ErrorID
1000 UI 1 AffectedSOPInstanceUID
1001 UI 1 RequestedSOPInstanceUID
1002 US 1 EventTypeID
1005 AT 1-n AttributeIdentifierList
1008 US 1 ActionTypeID
1020 US 1 NumberOfRemainingSuboperations
1021 US 1 NumberOfCompletedSuboperations
1022 US 1 NumberOfFailedSuboperations
1023 US 1 NumberOfWarningSuboperations
1030 AE 1 MoveOriginatorApplicationEntityTitle
1031 US 1 MoveOriginatorMessageID
"""
"""Table E.1-1: element number, VR, VM, keyword."""

# Table, command field, data set, elements that are mandatory (M), conditional (C), a user option (U); besides 0000,
# 0100, 0800 in all of them and 0901, 0902, 0903 in responses. M, C and U are those of Tables 9.1-1 to 9.1-5 and 10.1-1
# to 10.1-6, of the request for an RQ and of the response for an RSP, with U(=) as U and C(=) as C; a response's 1005
# stands in none of them, it is Annex C's.
MESSAGES = """
C-STORE-RQ         9.3-1   0001 always   0002 0110 0700 1000      |                     | 1030 1031
C-STORE-RSP        9.3-2   8001 never    0120 0900                |                     | 0002 1000
C-FIND-RQ          9.3-3   0020 always   0002 0110 0700           |                     |
C-FIND-RSP         9.3-4   8020 optional 0120 0900                |                     | 0002
C-CANCEL-RQ        9.3-5   0FFF never    0120                     |                     |
C-GET-RQ           9.3-6   0010 always   0002 0110 0700           |                     |
C-GET-RSP          9.3-7   8010 optional 0120 0900                | 1020 1021 1022 1023 | 0002
C-MOVE-RQ          9.3-9   0021 always   0002 0110 0600 0700      |                     |
C-MOVE-RSP         9.3-10  8021 optional 0120 0900                | 1020 1021 1022 1023 | 0002
C-ECHO-RQ          9.3-12  0030 never    0002 0110                |                     |
C-ECHO-RSP         9.3-13  8030 never    0120 0900                |                     | 0002
N-EVENT-REPORT-RQ  10.3-1  0100 optional 0002 0110 1000 1002      |                     |
N-EVENT-REPORT-RSP 10.3-2  8100 optional 0120 0900                | 1002                | 0002 1000
N-GET-RQ           10.3-3  0110 never    0003 0110 1001           |                     | 1005
N-GET-RSP          10.3-4  8110 optional 0120 0900                |                     | 0002 1000 1005
N-SET-RQ           10.3-5  0120 always   0003 0110 1001           |                     |
N-SET-RSP          10.3-6  8120 optional 0120 0900                |                     | 0002 1000 1005
N-ACTION-RQ        10.3-7  0130 optional 0003 0110 1001 1008      |                     |
N-ACTION-RSP       10.3-8  8130 optional 0120 0900                | 1008                | 0002 1000
N-CREATE-RQ        10.3-9  0140 optional 0002 0110                |                     | 1000
N-CREATE-RSP       10.3-10 8140 optional 0120 0900                | 1000                | 0002 1005
N-DELETE-RQ        10.3-11 0150 never    0003 0110 1001           |                     |
N-DELETE-RSP       10.3-12 8150 never    0120 0900                |                     | 0002 1000
"""

RETIRED = """
0001 0010 0200 0300 0400 0850 0860 4000 4010 5010 5020
5110 5120 5130 5140 5150 5160 5170 5180 5190 51A0 51B0
"""
"""Table E.2-1."""


def rows(table: str) -> list[str]:
    return table.strip().splitlines()


def numbers(cells: str) -> set[int]:
    return {int(cell, 16) for cell in cells.split()}


def test_the_elements_are_those_of_the_standard() -> None:
    ours = [f"{e.number:04X} {e.vr} {e.vm} {e.keyword}" for e in dimse.load().elements.values()]
    assert ours == rows(ELEMENTS)


def test_the_retired_elements_are_those_of_the_standard() -> None:
    assert set(dimse.load().retired.values()) == numbers(RETIRED)


def test_there_are_23_messages_in_the_order_of_the_standard() -> None:
    assert list(dimse.load().messages) == [row.split()[0] for row in rows(MESSAGES)]
    assert len(dimse.load().messages) == 23


@pytest.mark.parametrize("row", rows(MESSAGES), ids=lambda row: row.split()[0])
def test_a_message_is_that_of_the_standard(row: str) -> None:
    left, conditional, optional = row.split("|")
    name, table, command_field, data_set, *mandatory = left.split()
    message = dimse.load().messages[name]
    common = "0000 0100 0800 "
    explaining = " 0901 0902 0903" if name.endswith("-RSP") else ""
    assert (message.name, message.table) == (name, table)
    assert message.command_field == int(command_field, 16)
    assert message.data_set == data_set
    marked = {mark: {f.element.number for f in message.fields if f.mark == mark} for mark in "MCU"}
    assert marked["M"] == numbers(common + " ".join(mandatory))
    assert marked["C"] == numbers(conditional)
    assert marked["U"] == numbers(optional + explaining)
    assert message.is_response == name.endswith("-RSP")
    assert message.clause.startswith(table.split("-")[0] + ".")


def test_fields_stand_in_the_order_of_the_tags() -> None:
    for message in dimse.load().messages.values():
        tags = [field.element.number for field in message.fields]
        assert tags == sorted(set(tags))


@pytest.mark.parametrize(
    ("keyword", "attribute"),
    [
        ("AffectedSOPClassUID", "affected_sop_class_uid"),
        ("MessageIDBeingRespondedTo", "message_id_being_responded_to"),
        ("ErrorID", "error_id"),
        ("Priority", "priority"),
        ("NumberOfRemainingSuboperations", "number_of_remaining_suboperations"),
        ("MoveOriginatorApplicationEntityTitle", "move_originator_application_entity_title"),
    ],
)
def test_keywords_become_python_names(keyword: str, attribute: str) -> None:
    assert dimse.load().elements[keyword].attribute == attribute


# ---- malformed ----

TEXT = (files("dulcet.spec") / "dimse.toml").read_text("utf-8")

STORE_RQ = "[messages.C-STORE-RQ]\ncommand_field = 0x0001"


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('edition = "PS3.7 2024b"', 'edition = "PS3.7', "dimse.toml: .*line 1"),
        ('edition = "PS3.7 2024b"', "", "must hold edition"),
        ('edition = "PS3.7 2024b"', 'edition = "x"\nmore = 1', "and nothing else"),
        ('0x0110, vr = "US"', '0x0110, vr = "FL"', "elements, MessageID: vr"),
        ('0x0110, vr = "US", vm = "1"', '0x0110, vr = "US", vm = "2"', "elements, MessageID: vm"),
        ('0x0110, vr = "US", vm = "1"', '0x0110, vr = "US"', "elements, MessageID: must have"),
        ("number = 0x0110", "number = 0x10110", "elements, MessageID: number"),
        ("number = 0x0110", "number = -1", "elements, MessageID: number"),
        ("number = 0x0110", "number = true", "elements, MessageID: number"),
        ("number = 0x0110", "number = 0x0120", "elements: must ascend"),
        ("number = 0x0110", "number = 0x0100", "elements: must ascend"),
        ("CommandGroupLength = {", "One = 1\nCommandGroupLength = {", "elements, One: must have"),
        ("Initiator = 0x0200", "Initiator = 0x0100", "retired, Initiator"),
        ("Initiator = 0x0200", 'Initiator = "x"', "retired, Initiator"),
        ('CommandField = "M"', 'CommandFeild = "M"', "every_message, CommandFeild: is no element"),
        ('OffendingElement = "U"', 'OffendingElement = "X"', "every_response, OffendingElement: mark"),
        ('edition = "PS3.7 2024b"', "edition = 2024", "edition: must be a text"),
        (STORE_RQ, STORE_RQ + "\nmore = 1", "C-STORE-RQ: must have"),
        ('clause = "9.3.1.1"', "clause = 9.3", "C-STORE-RQ: clause and table must be texts"),
        ('table = "9.3-1"', 'table = ""', "C-STORE-RQ: clause and table must be texts"),
        (STORE_RQ, "[messages.C-STORE-RQ]\ncommand_field = 0x10001", "C-STORE-RQ: command_field"),
        (STORE_RQ, "[messages.C-STORE-RQ]\ncommand_field = 0x8002", "C-STORE-RQ: .*8000H"),
        (
            STORE_RQ,
            "[messages.C-STORE-RQ]\ncommand_field = 0x0020",
            "C-FIND-RQ: has the command field of C-STORE-RQ",
        ),
        (STORE_RQ, "[messages.C-STORE-RQ]\ncommand_field = 0x0002", "C-STORE-RSP: its request"),
        ("[messages.C-STORE-RQ", "[messages.C-SAVE-RQ", "C-STORE-RSP: its request"),
        ('data_set = "always"', 'data_set = "sometimes"', "C-STORE-RQ: data_set"),
        ('Priority = "M"', 'Priority = "m"', "C-STORE-RQ, Priority: mark"),
        ('Priority = "M"', 'Prioriti = "M"', "C-STORE-RQ, Prioriti: is no element"),
        ('Priority = "M"', 'CommandField = "M"', "C-STORE-RQ, CommandField: is out of the order"),
        ('Priority = "M"', 'CommandDataSetType = "M"', "C-STORE-RQ, CommandDataSetType: is in every_message"),
        (
            'Status = "M"\nAffected',
            'Status = "M"\nErrorID = "U"\nAffected',
            "C-STORE-RSP, ErrorID: is in every_message",
        ),
    ],
)
def test_malformed(old: str, new: str, complaint: str) -> None:
    count = TEXT.count(old) if old == "[messages.C-STORE-RQ" else 1
    assert old in TEXT
    with pytest.raises(SpecError, match=complaint) as refusal:
        dimse.parse(TEXT.replace(old, new, count))
    assert str(refusal.value).startswith("dimse.toml: ")


@pytest.mark.parametrize("name", ["elements", "retired", "every_message", "every_response", "messages"])
def test_what_should_be_a_table_and_is_none(name: str) -> None:
    parts = {"edition": '"x"'} | dict.fromkeys(("elements", "retired", "every_message", "every_response"), "{}")
    text = "\n".join(f"{key} = {value}" for key, value in (parts | {"messages": "{}", name: "1"}).items())
    with pytest.raises(SpecError, match=f"{name}: must be a table"):
        dimse.parse(text)


def test_the_file_has_no_line_that_is_read_twice() -> None:
    """Each message has its clause and its table once."""
    document = tomllib.loads(TEXT)
    tables = [message["table"] for message in document["messages"].values()]
    clauses = [message["clause"] for message in document["messages"].values()]
    assert len(set(tables)) == len(set(clauses)) == 23
    assert all(re.fullmatch(r"(9|10)\.3-\d+", table) for table in tables)
