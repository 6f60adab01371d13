"""Names of UIDs as DCMTK's files spell them: its symbolic names, the keywords of PS3.6, and plain UIDs.

pydicom has the dictionary and is loaded for the first SOP class that is not a plain UID; where DCMTK's name
is not the keyword, the difference follows a few rules, and what follows none stands in a table.
"""

import re
import sys
from functools import cache

_JPEG_FAMILY = "1.2.840.10008.1.2.4."

_TRANSFER_SYNTAXES = {
    "LittleEndianImplicit": "1.2.840.10008.1.2",
    "LittleEndianExplicit": "1.2.840.10008.1.2.1",
    "BigEndianExplicit": "1.2.840.10008.1.2.2",
    "DeflatedLittleEndianExplicit": "1.2.840.10008.1.2.1.99",
    "JPEGBaseline": f"{_JPEG_FAMILY}50",
    "JPEGExtended:Process2+4": f"{_JPEG_FAMILY}51",
    "JPEGLossless:Non-hierarchical:Process14": f"{_JPEG_FAMILY}57",
    "JPEGLossless:Non-hierarchical-1stOrderPrediction": f"{_JPEG_FAMILY}70",
    "JPEGLSLossless": f"{_JPEG_FAMILY}80",
    "JPEGLSLossy": f"{_JPEG_FAMILY}81",
    "JPEG2000LosslessOnly": f"{_JPEG_FAMILY}90",
    "JPEG2000": f"{_JPEG_FAMILY}91",
    "JPEG2000MulticomponentLosslessOnly": f"{_JPEG_FAMILY}92",
    "JPEG2000Multicomponent": f"{_JPEG_FAMILY}93",
    "MPEG2MainProfile@MainLevel": f"{_JPEG_FAMILY}100",
    "MPEG2MainProfile@HighLevel": f"{_JPEG_FAMILY}101",
    "MPEG4HighProfile/Level4.1": f"{_JPEG_FAMILY}102",
    "MPEG4BDcompatibleHighProfile/Level4.1": f"{_JPEG_FAMILY}103",
    "MPEG4HighProfile/Level4.2For2DVideo": f"{_JPEG_FAMILY}104",
    "MPEG4HighProfile/Level4.2For3DVideo": f"{_JPEG_FAMILY}105",
    "MPEG4StereoHighProfile/Level4.2": f"{_JPEG_FAMILY}106",
    "HEVCMainProfile/Level5.1": f"{_JPEG_FAMILY}107",
    "HEVCMain10Profile/Level5.1": f"{_JPEG_FAMILY}108",
    "RLELossless": "1.2.840.10008.1.2.5",
}
"""DCMTK's names; those of byte orders that depend on the machine are added where they are looked up."""

_SOP_CLASSES = {
    "VerificationSOPClass": "1.2.840.10008.1.1",
    "DRAFT_SRTextStorage": "1.2.840.10008.5.1.4.1.1.88.1",
    "DRAFT_SRAudioStorage": "1.2.840.10008.5.1.4.1.1.88.2",
    "DRAFT_SRDetailStorage": "1.2.840.10008.5.1.4.1.1.88.3",
    "DRAFT_SRComprehensiveStorage": "1.2.840.10008.5.1.4.1.1.88.4",
    "ImplantationPlanSRDocumentStorage": "1.2.840.10008.5.1.4.1.1.88.70",
}
"""Names that follow no rule, and the one every file has."""


def transfer_syntax_uid(name: str) -> str:
    """The UID of a transfer syntax by any of its names; ValueError if it has none."""
    here, elsewhere = "LittleEndianExplicit", "BigEndianExplicit"
    if sys.byteorder == "big":
        here, elsewhere = elsewhere, here
    name = {"LocalEndianExplicit": here, "OppositeEndianExplicit": elsewhere}.get(name, name)
    return _TRANSFER_SYNTAXES.get(name) or _uid(name, "a transfer syntax", "Transfer Syntax")


def sop_class_uid(name: str) -> str:
    """The UID of a SOP class by any of its names; ValueError if it has none."""
    return _SOP_CLASSES.get(name) or _uid(name, "a SOP class", "SOP Class", "Meta SOP Class")


def _uid(name: str, wanted: str, *kinds: str) -> str:
    if re.fullmatch(r"[0-9.]+", name):
        if len(name) > 64 or not re.fullmatch(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+", name):
            raise ValueError(f"{name} is no UID")
        return name
    known = _keywords()
    for keyword in _candidates(name):
        uid, kind = known.get(keyword, ("", ""))
        if kind in kinds:
            return uid
    raise ValueError(f"{name!r} is not the name of {wanted}; names are spelled exactly, a UID does too")


def _candidates(name: str) -> list[str]:
    """The keywords of PS3.6 that a name of DCMTK may stand for, the likeliest first."""
    bare = name.removeprefix("RETIRED_").removeprefix("DRAFT_")
    bare = bare.replace("Multiframe", "MultiFrame").removesuffix("SOPClass")
    # A retired class and its successor may share all but the prefix, so what is older is looked for first.
    return [name, bare] if bare == name or "_" not in name else [f"{bare}Retired", f"{bare}Trial", bare]


@cache
def _keywords() -> dict[str, tuple[str, str]]:
    """Keyword to UID and kind."""
    from pydicom.uid import UID_dictionary  # type: ignore[attr-defined] # documented, but not listed as exported

    return {row[4]: (uid, row[1]) for uid, row in UID_dictionary.items() if row[4]}
