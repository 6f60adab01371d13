"""Statuses: numbers with a class and words (PS3.7 Annex C, PS3.4), and the loader of their table."""

import copy
import pickle
from importlib.resources import files

import pytest
from dulcet.dimse import status
from dulcet.dimse.status import Status
from dulcet.dul.errors import LocalProtocolError
from dulcet.spec import status as spec
from dulcet.spec.errors import SpecError


def class_of(code: int) -> str:
    """PS3.7 Annex C, its table read by hand; what it does not list is a failure to us."""
    if code == 0x0000:
        return "success"
    if code in (0x0001, 0x0107, 0x0116) or code >> 12 == 0xB:
        return "warning"
    if code == 0xFE00:
        return "cancel"
    if code in (0xFF00, 0xFF01):
        return "pending"
    return "failure"


def test_every_code_has_its_class() -> None:
    for code in range(0x10000):
        assert Status(code).category == class_of(code), f"{code:04X}"


@pytest.mark.parametrize("code", [0x0000, 0x0107, 0xB000, 0xA700, 0x0122, 0x1234, 0xFE00, 0xFF00, 0xFF01])
def test_the_class_has_a_question_each(code: int) -> None:
    one = Status(code)
    answers = {
        "success": one.is_success,
        "warning": one.is_warning,
        "failure": one.is_failure,
        "cancel": one.is_cancel,
        "pending": one.is_pending,
    }
    assert [name for name, yes in answers.items() if yes] == [class_of(code)]


@pytest.mark.parametrize("code", [0x0000, 0x00FF, 0x0101, 0x01FF, 0x0200, 0x9FFF, 0xA000, 0xC000, 0xCFFF, 0xD000])
def test_which_codes_the_standard_allows(code: int) -> None:
    allowed = code == 0 or 0x0100 <= code <= 0x02FF or code >> 12 in (0xA, 0xB, 0xC)
    assert (spec.load().category(code) is not None) == allowed


def test_a_status_is_a_number() -> None:
    assert Status(0xA700) == 0xA700
    assert {0xA700: "x"}[Status(0xA700)] == "x"
    assert f"{Status(0xA700):04X}" == "A700"
    assert pickle.loads(pickle.dumps(Status(0xA700))) == copy.copy(Status(0xA700))  # noqa: S301  # made here
    assert isinstance(copy.deepcopy(Status(0xA700)), Status)


@pytest.mark.parametrize("code", [-1, 0x10000])
def test_a_status_has_16_bits(code: int) -> None:
    with pytest.raises(LocalProtocolError, match="16 bits"):
        Status(code)


def test_how_it_prints() -> None:
    assert str(Status(0xA700)) == "0xA700 (failure: Refused: Out of Resources)"
    assert str(Status(0)) == "0x0000 (success: Success)"
    assert str(Status(0x1234)) == "0x1234 (failure: not a status of the standard)"
    assert repr(Status(0xFF00)) == "Status(0xFF00)"


@pytest.mark.parametrize(
    ("code", "service", "words"),
    [
        (0x0122, None, "Refused: SOP Class not supported"),
        (0x0122, "storage", "Refused: SOP Class not supported"),
        (0x0112, "storage-commitment", "No such object instance"),
        (0xA7FF, "storage", "Refused: Out of Resources"),
        (0xA800, "storage", "not a status of the standard"),
        (0xB000, "storage", "Coercion of Data Elements"),
        (0xB000, "move", "Sub-operations Complete - One or more Failures"),
        (0xB000, "get", "Sub-operations Complete - One or more Failures or Warnings"),
        (0x0000, "get", "Sub-operations Complete - No Failures or Warnings"),
        (0x0001, "procedure-step", "Requested optional Attributes are not supported"),
        (
            *(0xB000, None),
            "Coercion of Data Elements | Sub-operations Complete - One or more Failures"
            " | Sub-operations Complete - One or more Failures or Warnings",
        ),
        (0xC123, "storage", "Error: Cannot understand"),
        (0xC123, "find", "Failed: Unable to process"),
        (0xFE00, "find", "Matching terminated due to Cancel request"),
        (0xFF00, None, "Pending"),
        (0xA801, "get", "not a status of the standard"),
        (0xA801, "move", "Refused: Move Destination unknown"),
        (0xB304, "unified-procedure-step", "The UPS is already in the requested state of CANCELED"),
        (0xC605, "print", "Failed: Insufficient memory in printer to store the image"),
    ],
)
def test_its_words(code: int, service: str | None, words: str) -> None:
    assert Status.describe(code, service) == words
    if service is None:
        assert Status(code).name == words


def test_an_unknown_service() -> None:
    with pytest.raises(LocalProtocolError, match=r"no service 'x'; there are general, storage, find"):
        Status.describe(0, service="x")


CONSTANTS = {
    "SUCCESS": 0x0000,
    "NO_SUCH_ATTRIBUTE": 0x0105,
    "INVALID_ATTRIBUTE_VALUE": 0x0106,
    "ATTRIBUTE_LIST_ERROR": 0x0107,
    "PROCESSING_FAILURE": 0x0110,
    "DUPLICATE_SOP_INSTANCE": 0x0111,
    "NO_SUCH_SOP_INSTANCE": 0x0112,
    "NO_SUCH_EVENT_TYPE": 0x0113,
    "NO_SUCH_ARGUMENT": 0x0114,
    "INVALID_ARGUMENT_VALUE": 0x0115,
    "ATTRIBUTE_VALUE_OUT_OF_RANGE": 0x0116,
    "INVALID_SOP_INSTANCE": 0x0117,
    "NO_SUCH_SOP_CLASS": 0x0118,
    "CLASS_INSTANCE_CONFLICT": 0x0119,
    "MISSING_ATTRIBUTE": 0x0120,
    "MISSING_ATTRIBUTE_VALUE": 0x0121,
    "SOP_CLASS_NOT_SUPPORTED": 0x0122,
    "NO_SUCH_ACTION_TYPE": 0x0123,
    "NOT_AUTHORIZED": 0x0124,
    "DUPLICATE_INVOCATION": 0x0210,
    "UNRECOGNIZED_OPERATION": 0x0211,
    "MISTYPED_ARGUMENT": 0x0212,
    "RESOURCE_LIMITATION": 0x0213,
    "CANCEL": 0xFE00,
    "PENDING": 0xFF00,
    "PENDING_OPTIONAL_KEYS_NOT_SUPPORTED": 0xFF01,
    "OUT_OF_RESOURCES": 0xA700,
    "UNABLE_TO_CALCULATE_NUMBER_OF_MATCHES": 0xA701,
    "UNABLE_TO_PERFORM_SUBOPERATIONS": 0xA702,
    "MOVE_DESTINATION_UNKNOWN": 0xA801,
    "DATA_SET_DOES_NOT_MATCH_SOP_CLASS": 0xA900,
    "SUBOPERATIONS_COMPLETE_WITH_FAILURES": 0xB000,
    "COERCION_OF_DATA_ELEMENTS": 0xB000,
    "ELEMENTS_DISCARDED": 0xB006,
    "DATA_SET_DOES_NOT_MATCH_SOP_CLASS_WARNING": 0xB007,
    "CANNOT_UNDERSTAND": 0xC000,
    "UNABLE_TO_PROCESS": 0xC000,
}


def test_the_names_we_give_to_some() -> None:
    ours = {name: value for name, value in vars(status).items() if isinstance(value, Status)}
    assert ours == CONSTANTS


TEXT = (files("dulcet.spec") / "status.toml").read_text("utf-8")


def test_every_row_has_words_and_a_clause() -> None:
    for rows in spec.load().services.values():
        assert all(row.name and row.clause.startswith("PS3.") for row in rows)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("[classes]", "[classes", "status.toml: .*line"),
        ("[classes]", "[klasses]", "must hold edition, classes, services"),
        ("services.general", "services.genral", "'general' among them"),
        ('edition = "PS3.7 and PS3.4 2024d"', "edition = 2024", "edition: must be a text"),
        ('clause = "PS3.4 B.2.3, Table B.2-1"', "clause = 4", "storage: clause must be a text"),
        ('FE00 = "cancel"', 'FE0 = "cancel"', "classes, FE0: must be four"),
        ('FE00 = "cancel"', 'FE00 = "cancelled"', "classes, FE00: class must be"),
        ("B000-BFFF", "BFFF-B000", "classes, BFFF-B000: the range is empty"),
        ('clause = "PS3.4 B.2.3, Table B.2-1"', "", "storage: must have"),
        ('["warning", "Elements Discarded"]', '"Elements Discarded"', "storage, B006: must be"),
        ('["warning", "Elements Discarded"]', '["warning"]', "storage, B006: must be"),
        ('["warning", "Elements Discarded"]', '["warning", 1]', "storage, B006: must be"),
        ('["warning", "Elements Discarded"]', '["warning", ""]', "storage, B006: has no words"),
        ('["warning", "Elements Discarded"]', '["failure", "x"]', "storage, B006: is no failure"),
        ("A700-A7FF", "A700-B7FF", "storage, A700-B7FF: is no failure"),
        ("B006", "B007-B008", "storage, B007-B008: has two rows"),
    ],
)
def test_malformed(old: str, new: str, complaint: str) -> None:
    assert old in TEXT
    with pytest.raises(SpecError, match=complaint) as refusal:
        spec.parse(TEXT.replace(old, new))
    assert str(refusal.value).startswith("status.toml: ")
