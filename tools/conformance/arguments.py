"""Types of the options of `dulcet conformance`: what cannot be meant is refused before anything is dialled.

Each takes the text of an argument and raises `argparse.ArgumentTypeError`, whose words argparse shows with the name of
the option, and which ends with the exit code for usage.
"""

import argparse
import math
import shlex

LAST_PORT = 65535


def port(text: str) -> int:
    """A TCP port to dial: another number would reach another peer than the one meant."""
    return _whole(text, 1, LAST_PORT)


def listening_port(text: str) -> int:
    """A TCP port to listen on; 0 is any that is free."""
    return _whole(text, 0, LAST_PORT)


def count(text: str) -> int:
    """How often, or how many at once: at least 1."""
    return _whole(text, 1, None)


def seconds(text: str) -> float:
    """A time to wait: more than nothing, and not for ever."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return number


def command(text: str) -> list[str]:
    """A command as a shell splits it into words."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no command: {error}") from None


def _whole(text: str, least: int, most: int | None) -> int:
    words = f"at least {least}" if most is None else f"{least} to {most}"
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number ({words})") from None
    if number < least or (most is not None and number > most):
        raise argparse.ArgumentTypeError(f"{number} is out of range: {words}")
    return number
