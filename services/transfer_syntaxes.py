"""How a transfer syntax encodes a data set, and what the letters of tool options mean (PS3.5 Annex A).

Only what the network needs: the three facts that decide how to walk a data set (explicit or implicit VR,
byte order, deflated or not) and the syntaxes dulcet can convert between. Names and status of all syntaxes
are pydicom's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1.99"
EXPLICIT_VR_BIG_ENDIAN = "1.2.840.10008.1.2.2"

UNCOMPRESSED = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN)
"""Best first: explicit VR keeps what the sender knew, big endian is retired and comes last."""

CONVERTIBLE = frozenset((*UNCOMPRESSED, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN))
"""The syntaxes that differ in nothing but how elements are encoded: any can be turned into any other."""

_IMAGE = "1.2.840.10008.1.2.4."
LOSSLESS = frozenset((*(f"{_IMAGE}{tail}" for tail in ("57", "70", "80", "90", "201", "202")), "1.2.840.10008.1.2.5"))
"""Compressed syntaxes whose pixels come out as they went in: JPEG, JPEG-LS, JPEG 2000, HTJ2K, RLE."""
LOSSY = frozenset(f"{_IMAGE}{tail}" for tail in ("50", "51", "81", "91", "203"))
"""Compressed syntaxes whose pixels may have lost something; decompressing loses nothing more."""

_WHOLLY_DEFLATED = frozenset(
    (
        DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
        "1.2.840.10008.1.2.4.95",  # JPIP Referenced Deflate
        "1.2.840.10008.1.2.4.205",  # JPIP HTJ2K Referenced Deflate
    )
)


class Encoding(NamedTuple):
    """How the elements of a data set are laid out."""

    explicit: bool
    """Explicit VR (PS3.5 7.1.2), else implicit (7.1.3)."""
    little_endian: bool
    """Byte order of tags, lengths and numbers (PS3.5 7.3)."""
    deflated: bool = False
    """The whole data set is one deflate stream (PS3.5 A.5)."""


def encoding(transfer_syntax_uid: str) -> Encoding:
    """The layout a transfer syntax prescribes; all unknown ones are Explicit VR Little Endian (A.4)."""
    return Encoding(
        explicit=transfer_syntax_uid != IMPLICIT_VR_LITTLE_ENDIAN,
        little_endian=transfer_syntax_uid != EXPLICIT_VR_BIG_ENDIAN,
        deflated=transfer_syntax_uid in _WHOLLY_DEFLATED,
    )


LETTERS: Mapping[str, str] = {
    "=": EXPLICIT_VR_LITTLE_ENDIAN,
    "e": EXPLICIT_VR_LITTLE_ENDIAN,
    "b": EXPLICIT_VR_BIG_ENDIAN,
    "i": IMPLICIT_VR_LITTLE_ENDIAN,
    "d": DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    "s": "1.2.840.10008.1.2.4.70",
    "y": "1.2.840.10008.1.2.4.50",
    "x": "1.2.840.10008.1.2.4.51",
    "v": "1.2.840.10008.1.2.4.90",
    "w": "1.2.840.10008.1.2.4.91",
    "t": "1.2.840.10008.1.2.4.80",
    "u": "1.2.840.10008.1.2.4.81",
    "m": "1.2.840.10008.1.2.4.100",
    "h": "1.2.840.10008.1.2.4.101",
    "n": "1.2.840.10008.1.2.4.102",
    "l": "1.2.840.10008.1.2.4.103",
    "2": "1.2.840.10008.1.2.4.104",
    "3": "1.2.840.10008.1.2.4.105",
    "o": "1.2.840.10008.1.2.4.106",
    "4": "1.2.840.10008.1.2.4.107",
    "5": "1.2.840.10008.1.2.4.108",
    "r": "1.2.840.10008.1.2.5",
}
"""The last letter of the options `-x?` (propose) and `+x?` (prefer), as users of DCMTK know them."""

KNOWN = tuple(
    dict.fromkeys(
        (*UNCOMPRESSED, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, *sorted(LOSSLESS), *sorted(LOSSY), *LETTERS.values())
    )
)
"""All those this module has a name for, best first."""

_VIDEO = frozenset(LETTERS[letter] for letter in "mhnl23o45")


def fallback(preferred: str) -> tuple[str, ...]:
    """What to propose beside a preferred syntax: the uncompressed rest, or nothing (implicit VR, video)."""
    if preferred == IMPLICIT_VR_LITTLE_ENDIAN or preferred in _VIDEO:
        return ()
    return tuple(uid for uid in UNCOMPRESSED if uid != preferred)
