"""Settings are judged when they are made: what is refused, with what words, and what is not."""

import math
from typing import Any

import pytest
from dulcet.dul.ranges import LONGEST_SECONDS, check_maximum_length, check_number, check_seconds, check_window
from dulcet.dul.upper_layer import UpperLayer

from dulcet import SCP, SCU, LocalProtocolError, Policy, Timeouts, aio


@pytest.mark.parametrize("seconds", [0, 0.0, -1, math.nan, math.inf, -math.inf, 2e9, "5", True, None])
def test_no_time_to_wait(seconds: object) -> None:
    with pytest.raises(LocalProtocolError, match=r"^patience=.*: seconds expected, above 0 and at most 1000000000$"):
        check_seconds("patience", seconds)


def test_time_to_wait() -> None:
    for seconds in (1e-3, 1, 300.0, LONGEST_SECONDS):
        check_seconds("patience", seconds)
    check_seconds("patience", None, for_ever=True)
    with pytest.raises(LocalProtocolError, match=r"^patience=0: .*, or None for ever$"):
        check_seconds("patience", 0, for_ever=True)


@pytest.mark.parametrize("number", [0, 6, -2, 3.0, "4", None, True])
def test_no_number(number: object) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        check_number("many", number, 1, 5)
    assert str(caught.value) == f"many={number!r}: a whole number expected, 1 to 5"


def test_numbers() -> None:
    for number in (1, 5):
        check_number("many", number, 1, 5)
    check_number("many", 10**9, 1)
    check_number("many", 0, 1, unlimited=True)
    with pytest.raises(LocalProtocolError) as caught:
        check_number("many", -1, 1, unlimited=True, clause="PS3.8 D.1")
    assert str(caught.value) == "many=-1: a whole number expected, 1 or more, or 0 for no limit (PS3.8 D.1)"


def test_what_the_fields_of_the_standard_hold() -> None:
    """Four bytes for a length, and no less than a fragment of two bytes needs; two bytes for operations."""
    for length in (0, 8, 0xFFFFFFFF):
        check_maximum_length("length", length)
    for length in (7, 0x100000000):
        with pytest.raises(
            LocalProtocolError, match=r"length=.*: .*, 8 to 4294967295, or 0 for no limit \(PS3.8 D.1\)"
        ):
            check_maximum_length("length", length)
    for operations in (0, 1, 65535):
        check_window("window", operations)
    with pytest.raises(LocalProtocolError, match=r"window=65536: .*, 1 to 65535, or 0 for no limit \(PS3.7 D.3.3.3\)"):
        check_window("window", 65536)


@pytest.mark.parametrize("made", [SCU, aio.SCU], ids=["blocking", "asyncio"])
@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("dimse_seconds", -1),
        ("write_seconds", 0),
        ("maximum_length", 5),
        ("maximum_send_length", 1 << 32),
        ("operations_window", -1),
    ],
)
def test_an_scu(made: Any, name: str, given: object) -> None:
    with pytest.raises(LocalProtocolError, match=f"^{name}={given}: "):
        made("DULCET", **{name: given})


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("write_seconds", 0),
        ("maximum_connections", 0),
        ("pool", 0),
        ("maximum_associations", -1),
        ("maximum_length", -1),
    ],
)
def test_an_scp(name: str, given: object) -> None:
    with pytest.raises(LocalProtocolError, match=f"^{name}={given}: "):
        SCP("DULCET", **{name: given})  # type: ignore[arg-type]  # wrong on purpose


def test_timeouts_and_policies() -> None:
    for name in ("connect", "artim", "acse", "idle"):
        with pytest.raises(LocalProtocolError, match=f"^{name}=nan: seconds expected"):
            Timeouts(**{name: math.nan})
    with pytest.raises(LocalProtocolError, match=r"^artim=None: "):
        Timeouts(artim=None)  # type: ignore[arg-type]  # ARTIM always ends (PS3.8 9.1.5)
    with pytest.raises(LocalProtocolError, match=r"^asynchronous_operations_window=65536: "):
        Policy(asynchronous_operations_window=(1, 65536))


@pytest.mark.parametrize(
    ("name", "given"), [("artim_seconds", -1.0), ("artim_seconds", 0), ("maximum_length", -1), ("maximum_length", 7)]
)
def test_an_upper_layer(name: str, given: float) -> None:
    """Used by itself it judges what `Timeouts` and `Policy` judge above it."""
    with pytest.raises(LocalProtocolError, match=f"^{name}={given}: "):
        UpperLayer(requestor=False, **{name: given})  # type: ignore[arg-type]  # any of its settings


@pytest.mark.parametrize("made", [SCU, aio.SCU])
def test_a_title(made: Any) -> None:
    with pytest.raises(LocalProtocolError, match=r"^calling AE title 'A{17}' is not 1 to 16 characters"):
        made("A" * 17)


def test_keywords_are_refused_in_the_name_of_what_was_called() -> None:
    for made in (SCU, aio.SCU):
        with pytest.raises(
            TypeError, match=r"^SCU has no setting 'nonsense'; it has actions, dimse_seconds, .*timeouts"
        ):
            made(nonsense=1)
    with pytest.raises(TypeError, match=r"^SCP has no setting 'nonsense'; it has .*maximum_length, .*timeouts"):
        SCP(nonsense=1)
    with pytest.raises(TypeError, match=r"^SCP has no setting 'supports'"):  # its services say that
        SCP(supports=lambda _uid: None)
