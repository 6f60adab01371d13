"""What a storage SCP answers, and why (PS3.4 B.2.3 and table B.2-1)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from ...spec.values import value

SUCCESS: Final = 0x0000
OUT_OF_RESOURCES: Final = 0xA700
DOES_NOT_MATCH_SOP_CLASS: Final = 0xA900
CANNOT_UNDERSTAND: Final = 0xC000
REFUSED_DUPLICATE: Final = 0xC111
"""Ours, in the range Cxxx the standard leaves to us; the last digits recall Duplicate SOP Instance (0111)."""


@value
class StoreOutcome:
    """What became of one object, and what to answer."""

    status: int
    """Status (0000,0900) of the C-STORE-RSP."""
    outcome: str
    """Success is stored, identical, kept-both, kept-first, replaced or ignored;
    failure is refused (a duplicate), mismatch, not-understood or failed."""
    sop_class_uid: str
    """Affected SOP Class UID of the command."""
    sop_instance_uid: str
    """Affected SOP Instance UID of the command."""
    size: int
    """Bytes of the data set received."""
    path: Path | None = None
    """The file that holds the object; None if none does."""
    transfer_syntax_uid: str = ""
    """How the file holds it."""
    digest: str = ""
    """SHA-256 of the data set as received, in hexadecimal, if the store makes digests."""
    error_comment: str = ""
    """Error Comment (0000,0902): at most 64 characters, never a path or a value."""
    offending_elements: tuple[int, ...] = ()
    """Offending Element (0000,0901)."""


class Refused(Exception):
    """Ends `finish` early with a status."""

    def __init__(self, status: int, outcome: str, comment: str, offending: tuple[int, ...] = ()) -> None:
        super().__init__(comment)
        self.status = status
        self.outcome = outcome
        self.offending = offending


def comment_on(error: OSError | MemoryError) -> str:
    """An Error Comment (0000,0902) that names the trouble but no path."""
    if isinstance(error, MemoryError) or error.errno is None:
        return "out of memory" if isinstance(error, MemoryError) else "input/output error"
    return os.strerror(error.errno)
