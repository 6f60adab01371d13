"""Types of the options of `dulcet conformance`: what cannot be meant is refused before anything is dialled.

They are those of the other tools (`options.values`). Of their sentences argparse tells only an `ArgumentTypeError`'s,
with the option's name in front, and ends with the exit code for usage.
"""

import argparse
import shlex
from collections.abc import Callable
from typing import TypeVar

from ..options import values

T = TypeVar("T")


def _told(read: Callable[[str], T]) -> Callable[[str], T]:
    """The same, whose ValueError argparse tells."""

    def reading(text: str) -> T:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return reading


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no command: {error}") from None


def _part(text: str) -> tuple[int, int]:
    part, slash, parts = text.partition("/")
    if not (slash and part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise ValueError(f"{text}: must be K/N, 1 to N")
    return int(part), int(parts)


port = _told(values.port)
"""A TCP port to dial: another number would reach another peer than the one meant."""
listening_port = _told(values.listening_port)
"""A TCP port to listen on; 0 is any that is free."""
count = _told(values.whole(1))
"""How often, or how many at once: at least 1."""
maximum_length = _told(values.whole(0, 0xFFFF_FFFF))
"""A maximum length (PS3.8 D.1.1): what its four bytes hold."""
contexts = _told(values.whole(1, 128))
"""Presentation contexts of one association: as many as there are odd numbers of a byte (PS3.8 9.3.2.2)."""
seconds = _told(values.seconds)
"""A time to wait: more than nothing, and not for ever."""
shard = _told(_part)
"""The K-th of N parts: "2/3" is (2, 3)."""
command = _told(_words)
"""A command as a shell splits it into words."""
