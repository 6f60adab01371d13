"""`document(text, name)`: what a TOML text says; the tables that ship with dulcet are kept parsed.

Reading the four tables takes 6 ms and importing `tomllib` 4, of the 90 that `dulcet echoscu` takes. Python parses its
own sources once and keeps the result in `__pycache__`; so do we, in the same folder (`sys.pycache_prefix` counts) and
under the same switch (`sys.dont_write_bytecode`). What is kept has the text that it was made of in it, and counts for
that text only. An uninstalling pip, which knows Python's own files only, leaves it there.
"""

import marshal
import os
import sys
from contextlib import suppress
from importlib.util import cache_from_source
from typing import Any

from . import text_of
from .errors import SpecError

FOLDER = os.path.dirname(cache_from_source(__file__))
"""Where parsed tables are kept, one file for each version of Python."""


def document(text: str, name: str) -> dict[str, Any]:
    """A TOML document as nested dicts.

    Args:
        text: the TOML text.
        name: its name, for messages; where it is one of ours and has its text, what was parsed is kept.

    Raises:
        SpecError: it is no TOML; names the line.
    """
    path = os.path.join(FOLDER, f"{os.path.basename(name)}.{sys.implementation.cache_tag}")
    kept = _kept(path, text)
    if kept is not None:
        return kept
    import tomllib

    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{name}: {error}") from None
    if not sys.dont_write_bytecode and _ships(name, text):
        _keep(path, text, read)
    return read


def _kept(path: str, text: str) -> dict[str, Any] | None:
    with suppress(OSError, EOFError, ValueError, TypeError):  # it is not there, or no whole one: it is made again
        with open(path, "rb") as file:
            of, read = marshal.load(file)  # noqa: S302  # it lies where Python's own compiled files lie
        if of == text:
            return read  # type: ignore[no-any-return]  # what `_keep` wrote
    return None


def _keep(path: str, text: str, read: dict[str, Any]) -> None:
    """Whole or not at all; where we may not write, the next process parses again."""
    part = f"{path}.{os.getpid()}"
    try:
        os.makedirs(FOLDER, exist_ok=True)
        with open(part, "wb") as file:
            file.write(marshal.dumps((text, read)))
        os.replace(part, path)
    except OSError:
        with suppress(OSError):
            os.unlink(part)


def _ships(name: str, text: str) -> bool:
    with suppress(OSError):
        return text_of(name) == text
    return False
