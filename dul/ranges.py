"""What a setting may be, judged when it is made: a number that is out of range would fail much later, and elsewhere.

Every refusal names the setting, what was given, what is allowed, and the clause where the standard sets the range.
"""

from .errors import LocalProtocolError
from .p_data import PDV_OVERHEAD

LONGEST_SECONDS = 1e9
"""The longest wait, 31 years: what clocks and the system's calls can still add and take."""
MINIMUM_MAXIMUM_LENGTH = PDV_OVERHEAD + 2
"""The least maximum length with which a message can be sent: fragments are of even length (PS3.8 E.1)."""


def check_seconds(name: str, value: object, *, for_ever: bool = False) -> None:
    """Refuse what is no time to wait.

    Args:
        name: what the setting is called.
        value: seconds, above 0.
        for_ever: whether None is allowed, which is without end.

    Raises:
        LocalProtocolError: it is none.
    """
    if value is None and for_ever:
        return
    if not _is_number(value, float) or not 0 < value <= LONGEST_SECONDS:  # type: ignore[operator]  # NaN is not either
        none = ", or None for ever" if for_ever else ""
        raise LocalProtocolError(f"{name}={value!r}: seconds expected, above 0 and at most {LONGEST_SECONDS:.0f}{none}")


def check_number(
    name: str, value: object, least: int, most: int | None = None, *, unlimited: bool = False, clause: str = ""
) -> None:
    """Refuse what is no whole number, or out of range.

    Args:
        name: what the setting is called.
        value: the number.
        least: at least this much.
        most: at most this much; None: there is no most.
        unlimited: whether 0 is allowed, which is without limit.
        clause: where the standard says so.

    Raises:
        LocalProtocolError: it is so.
    """
    if _is_number(value, int):
        if unlimited and value == 0:
            return
        if least <= value and (most is None or value <= most):  # type: ignore[operator]  # it is a number
            return
    reach = f"{least} or more" if most is None else f"{least} to {most}"
    zero = ", or 0 for no limit" if unlimited else ""
    raise LocalProtocolError(f"{name}={value!r}: a whole number expected, {reach}{zero}{clause and f' ({clause})'}")


def check_maximum_length(name: str, value: object) -> None:
    """Refuse what is no maximum length of a P-DATA-TF in bytes: a field of four bytes (PS3.8 D.1), 0 is unlimited.

    Raises:
        LocalProtocolError: it is none, or leaves no room for a fragment.
    """
    check_number(name, value, MINIMUM_MAXIMUM_LENGTH, 0xFFFF_FFFF, unlimited=True, clause="PS3.8 D.1")


def check_window(name: str, value: object) -> None:
    """Refuse what is no number of asynchronous operations: a field of two bytes (PS3.7 D.3.3.3), 0 is unlimited.

    Raises:
        LocalProtocolError: it is none.
    """
    check_number(name, value, 1, 0xFFFF, unlimited=True, clause="PS3.7 D.3.3.3")


def _is_number(value: object, kind: type) -> bool:
    return isinstance(value, (int, kind)) and not isinstance(value, bool)
