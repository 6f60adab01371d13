"""The exit codes: DCMTK's numbers, transcribed by hand, and what leads to them."""

import socket
import ssl
from typing import ClassVar

import pytest
from dulcet.tools.exit_codes import (
    SEVERITY,
    STATUS_CATEGORIES,
    ExitCode,
    Failure,
    exit_code_for,
    for_error,
    for_status,
    worst,
)

NUMBERS = {
    "SUCCESS": 0,
    "FAILURE": 1,
    "USAGE": 2,
    "NO_INPUT": 21,
    "INVALID_INPUT": 22,
    "NO_VALID_INPUT": 23,
    "OUTPUT_NOT_WRITABLE": 43,
    "OUTPUT_DIRECTORY": 45,
    "CONNECT": 60,
    "REJECTED": 61,
    "SEND": 62,
    "LISTEN": 64,
    "NO_CONTEXT": 65,
    "PROFILE": 66,
    "RELEASE": 67,
    "WARNING": 68,
    "STATUS": 69,
    "ABORTED": 70,
    "TLS": 71,
    "PROVIDER_ABORTED": 72,
    "CONNECTION_LOST": 73,
    "TIMED_OUT": 74,
    "CANCELLED": 75,
    "INTERRUPTED": 130,
}


def test_the_table_is_complete() -> None:
    assert {code.name: code.value for code in ExitCode} == NUMBERS
    assert list(SEVERITY) == sorted(set(SEVERITY), key=SEVERITY.index)
    assert set(SEVERITY) == set(ExitCode)


def test_every_code_has_its_own_words() -> None:
    assert len({code.words for code in ExitCode}) == len(NUMBERS)
    assert all(code.words == code.words.strip() != "" for code in ExitCode)


def test_codes_are_numbers() -> None:
    assert int(ExitCode.REJECTED) == 61
    assert f"{ExitCode.REJECTED}" == "61"


class RejectedError(Exception):
    exit_code: ClassVar[str] = "REJECTED"


class RejectedForNowError(RejectedError):
    pass


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RejectedError(), ExitCode.REJECTED),
        (RejectedForNowError(), ExitCode.REJECTED),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
        (ssl.SSLError("no"), ExitCode.TLS),
        (ssl.SSLCertVerificationError("no"), ExitCode.TLS),
        (TimeoutError(), ExitCode.TIMED_OUT),
        (ConnectionRefusedError(), ExitCode.CONNECT),
        (socket.gaierror(), ExitCode.CONNECT),
        (ConnectionResetError(), ExitCode.CONNECTION_LOST),
        (BrokenPipeError(), ExitCode.CONNECTION_LOST),
        (PermissionError(), ExitCode.FAILURE),
        (ValueError(), ExitCode.FAILURE),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else value.name,
)
def test_errors(error: BaseException, code: ExitCode) -> None:
    assert for_error(error) is exit_code_for(error) is code


def test_an_instance_may_name_its_own_code() -> None:
    error = RuntimeError("0xB000")
    error.exit_code = "WARNING"  # type: ignore[attr-defined]  # wrong on purpose
    assert for_error(error) is ExitCode.WARNING


def test_a_name_that_is_not_in_the_table_is_our_mistake() -> None:
    error = RuntimeError()
    error.exit_code = "NO_SUCH"  # type: ignore[attr-defined]  # wrong on purpose
    with pytest.raises(KeyError):
        for_error(error)


@pytest.mark.parametrize(
    ("category", "code"), [("success", 0), ("pending", 0), ("warning", 68), ("failure", 69), ("cancel", 75)]
)
def test_statuses(category: str, code: int) -> None:
    assert for_status(category) == exit_code_for(category) == code


def test_every_category_of_ps3_7_is_there() -> None:
    assert set(STATUS_CATEGORIES) == {"success", "warning", "failure", "cancel", "pending"}


def test_nothing_to_complain_of() -> None:
    assert exit_code_for(None) is worst([]) is ExitCode.SUCCESS


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ("SUCCESS WARNING SUCCESS", "WARNING"),
        ("STATUS WARNING", "STATUS"),
        ("STATUS ABORTED SUCCESS", "ABORTED"),
        ("NO_CONTEXT STATUS", "STATUS"),
        ("CONNECTION_LOST STATUS", "CONNECTION_LOST"),
        ("INTERRUPTED REJECTED", "INTERRUPTED"),
    ],
)
def test_the_worst_counts(codes: str, expected: str) -> None:
    assert worst(ExitCode[name] for name in codes.split()).name == expected


def test_what_a_tool_finds_itself() -> None:
    failure = Failure(ExitCode.LISTEN, "no port")
    assert (for_error(failure), str(failure)) == (ExitCode.LISTEN, "no port")
