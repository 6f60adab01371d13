"""From the words of a command line to values: a function a kind, each refusing with a sentence that helps.

They raise ValueError; `command_line` puts the option's name in front. Nothing here knows which option it serves.
"""

from collections.abc import Callable
from typing import TypeVar

Number = TypeVar("Number", int, float)

MINIMUM_PDU = 4096
"""The smallest maximum length DCMTK's options take; smaller ones are legal (PS3.8 D.1.1) but help nobody."""
MAXIMUM_PDU = 16 * 1024 * 1024
"""Our own limit for a P-DATA-TF of a peer to whom we announced no limit."""


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """A whole number between two bounds, both included."""
    bounds = f"a whole number, {least} or more" if most is None else f"a whole number from {least} to {most}"

    def number(word: str) -> int:
        try:
            value = int(word)
        except ValueError:
            raise ValueError(f"{word!r} is not a whole number; give {bounds}") from None
        if value < least or (most is not None and value > most):
            raise ValueError(f"{value} is out of range; give {bounds}")
        return value

    return number


def pdu_length(word: str) -> int:
    """A maximum length of PDUs: DCMTK's range and more, and 0 for no limit (PS3.8 D.1.1)."""
    return 0 if word == "0" else _or_none(whole(MINIMUM_PDU, MAXIMUM_PDU), word)


def seconds(word: str) -> float:
    """A length of time; fractions are welcome."""
    try:
        value = float(word)
    except ValueError:
        raise ValueError(f"{word!r} is not a number of seconds; give one more than 0") from None
    if not 0 < value <= 1e9:  # `dul.ranges.LONGEST_SECONDS`: a wrong command line loads no service
        raise ValueError(f"{word} is out of range; give seconds, more than 0")
    return value


def seconds_or_none(word: str) -> float | None:
    """A length of time, or 0 for no limit."""
    return None if word == "0" else _or_none(seconds, word)


def _or_none(parse: Callable[[str], Number], word: str) -> Number:
    """What is refused could have been 0, too."""
    try:
        return parse(word)
    except ValueError as error:
        raise ValueError(f"{error}, or 0 for no limit") from None


def pause(word: str) -> float:
    """A length of time that may be nothing."""
    return 0.0 if word == "0" else seconds(word)


def share(word: str) -> float:
    """A number from 0 to 1."""
    try:
        value = float(word)
    except ValueError:
        raise ValueError(f"{word!r} is not a number") from None
    if not 0 <= value <= 1:
        raise ValueError(f"{word} is out of range; give a number from 0 to 1")
    return value


def socket_seconds(word: str) -> float | None:
    """DCMTK's socket timeout: 0 is none, -1 leaves it to the operating system; we set none in both cases."""
    return None if word == "-1" else seconds_or_none(word)


def ae_title(word: str) -> str:
    """An AE title (PS3.5 6.2, VR AE): 1 to 16 characters, no backslash, outer spaces without meaning."""
    title = word.strip(" ")
    if not 1 <= len(title) <= 16:
        raise ValueError(f"{word!r} is no AE title; it has 1 to 16 characters")
    if not title.isascii() or not title.isprintable() or "\\" in title:
        raise ValueError(f"{word!r} is no AE title; it has ASCII characters only, and no backslash")
    return title


def network(word: str) -> str:
    """A network, or an address."""
    from ipaddress import ip_network

    try:
        return str(ip_network(word))
    except ValueError:
        raise ValueError(f"{word!r} is no network; give one as 10.0.0.0/8 or 2001:db8::/32, or an address") from None


def one_of(*choices: str) -> Callable[[str], str]:
    """One of a few words."""

    def choice(word: str) -> str:
        if word not in choices:
            raise ValueError(f"{word!r} is not one of {', '.join(choices)}")
        return word

    return choice


LAST_PORT = 65535
port = whole(1, LAST_PORT)
"""A port to connect to."""
listening_port = whole(0, LAST_PORT)
"""A port to listen on; 0 lets the operating system choose."""
