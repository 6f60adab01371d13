"""File and directory names for received objects: `CT.1.2.840...`, as users of DCMTK know them.

A UID from the network is somebody else's string. There is one way from it to a name, `component`, and it is
injective: two different strings never share a name (`person` is no name by itself). A valid UID (PS3.5 9.1)
is already a safe name and is used as it is; anything else becomes `x-` and the SHA-256 of its bytes. So a name
holds only letters, digits, `.`, `-` and `_`, has at most 128 characters, and never begins with a dot.

The prefix before the UID tells people what the file is. It says less than the SOP class (two classes may
share one) and need not say more, as the UID alone is unique.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import count
from typing import Final

MAXIMUM_NAME: Final = 128
MAXIMUM_EXTENSION: Final = 16
MAXIMUM_SORT_PREFIX: Final = 48
"""Leaves room for `_` and the longest `component` (66) within MAXIMUM_NAME."""

UNKNOWN: Final = "UNKNOWN"
"""The prefix of a SOP class without one of its own."""

_VALID_UID: Final = re.compile(r"[0-9]+(?:\.[0-9]+)*", re.ASCII)
_DATE: Final = re.compile(r"([0-9]{4})\.?([0-9]{2})\.?([0-9]{2})", re.ASCII)
"""A date; old equipment writes dots (ACR-NEMA)."""
_PLAIN: Final = re.compile(r"[0-9A-Za-z._-]*", re.ASCII)

_STORAGE: Final = "1.2.840.10008.5.1.4.1.1."
_STORAGE_PREFIXES: Final = """
1 CR, 1.1 DX, 1.1.1 DP, 1.2 DXm, 1.2.1 DPm, 1.3 DXo, 1.3.1 DPo
2 CT, 2.1 CTe, 2.2 CTl
3 USf, 3.1 USm
4 MR, 4.1 MRe, 4.2 MRs, 4.3 MRc, 4.4 MRl
5 NMr, 20 NM
6 USr, 6.1 US, 6.2 USe
7 SC, 7.1 SCs, 7.2 SCb, 7.3 SCw, 7.4 SCc
8 OV, 9 CV, 10 ML, 11 VO
9.1.1 TLE, 9.1.2 ECG, 9.1.3 ECA, 9.2.1 WVh, 9.3.1 WVc, 9.4.1 AUV, 9.4.2 AUG, 9.5.1 WVa
9.6.1 WVr, 9.6.2 WVm
9.7.1 EEG, 9.7.2 EMG, 9.7.3 EOG, 9.7.4 WVs, 9.8.1 WVb
11.1 PSg, 11.2 PSc, 11.3 PSp, 11.4 PSb, 11.5 PSx, 11.8 PSa
11.6 VPg, 11.7 VPc, 11.9 VPv, 11.10 VPs, 11.11 VPm
12.1 XA, 12.1.1 XAe, 12.2 RF, 12.2.1 RFe, 12.3 XB
13.1.1 XA3, 13.1.2 XC3, 13.1.3 BT, 13.1.4 BX, 13.1.5 BP
14.1 OCt, 14.2 OCp
30 PM
66 RAW, 66.1 RGs, 66.2 FID, 66.3 RGd, 66.4 SG, 66.5 SGs, 66.6 TR
67 RWM, 68.1 SSm, 68.2 SSp
77.1.1 VLe, 77.1.1.1 VVe, 77.1.2 VLm, 77.1.2.1 VVm, 77.1.3 VLs, 77.1.4 VLp, 77.1.4.1 VVp
77.1 VLr, 77.2 VMr, 77.1.6 VLw, 77.1.7 VLd
77.1.5.1 OPb, 77.1.5.2 OPw, 77.1.5.3 OPr, 77.1.5.4 OPt, 77.1.5.5 OWs, 77.1.5.6 OW3
77.1.5.7 OCe, 77.1.5.8 OCb
78.1 OPl, 78.2 OPa, 78.3 OPk, 78.4 OPs, 78.5 OPv, 78.6 SRs, 78.7 OPx, 78.8 OPc
79.1 SRg, 80.1 OPp, 81.1 OPm, 82.1 CM
88.11 SRt, 88.22 SRe, 88.33 SRc, 88.34 SR3, 88.35 SRx, 88.40 SRp, 88.50 SRm, 88.59 KO, 88.65 SRh
88.67 SRd, 88.68 SRr, 88.69 SRo, 88.70 SRi, 88.71 SRa, 88.72 SRu, 88.73 SRq, 88.74 SRj, 88.75 SRi, 88.76 SRde
90.1 AS, 91.1 MAs
104.1 PDF, 104.2 CDA, 104.3 STL, 104.4 OBJ, 104.5 MTL
128 PI, 128.1 PIl, 129 PC, 130 PIe, 131 SD
200.2 PPcp, 200.8 PPxp
481.1 RI, 481.2 RD, 481.3 RS, 481.4 RTb, 481.5 RP, 481.6 RTr, 481.7 RTs, 481.8 RPi, 481.9 RTi
481.10 RIp, 481.11 RAs, 481.12 RSe, 481.13 Rca, 481.14 Rto, 481.15 Rra, 481.16 RSr
481.17 RRs, 481.18 RRt, 481.19 RRc, 481.20 RRr, 481.21 RSd, 481.22 RTp
501.1 CTs, 501.2.1 DXs, 501.2.2 DPs, 501.3 TDR, 501.4 AI2, 501.5 AI3, 501.6 QR
601.1 EC, 601.2 ECm
"""
"""The last components of the Storage SOP classes (PS3.4 B.5) and the prefixes storescp gives their files."""

PREFIXES: Final[Mapping[str, str]] = {
    _STORAGE + last: prefix
    for last, prefix in (pair.split() for line in _STORAGE_PREFIXES.split("\n") for pair in line.split(",") if pair)
} | {
    "1.2.840.10008.5.1.1.27": "SP",
    "1.2.840.10008.5.1.1.29": "HG",
    "1.2.840.10008.5.1.1.30": "HC",
    "1.2.840.10008.5.1.4.34.7": "RTd",
    "1.2.840.10008.5.1.4.34.10": "RTa",
}


def is_valid_uid(text: str) -> bool:
    """Whether a string has the form of a UID: digits and single dots, 64 at most (PS3.5 9.1)."""
    return len(text) <= 64 and _VALID_UID.fullmatch(text) is not None


def component(text: str) -> str:
    """The one way from a string of the network to a part of a name: injective, 66 characters at most."""
    if is_valid_uid(text):
        return text
    return "x-" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def prefix(sop_class_uid: str) -> str:
    """The letters that stand for a SOP class: CT, MR, SRd ..."""
    return PREFIXES.get(sop_class_uid, UNKNOWN)


def file_name(sop_class_uid: str, sop_instance_uid: str, extension: str = "") -> str:
    """`PREFIX.UID` and the extension, which brings its own dot."""
    return f"{prefix(sop_class_uid)}.{component(sop_instance_uid)}{extension}"


def another_file_name(sop_class_uid: str, sop_instance_uid: str, digest: str, extension: str = "") -> str:
    """The name of a different object under a UID already taken.

    It is made from the content, not a counter, so that the same bytes find the same name again.
    """
    return f"{prefix(sop_class_uid)}.{component(sop_instance_uid)}-{digest[:32]}{extension}"


def unique_file_name(sop_class_uid: str, extension: str = "") -> str:
    """`PREFIX.X.UID` with a fresh UID made from a random UUID (PS3.5 B.2)."""
    return f"{prefix(sop_class_uid)}.X.2.25.{uuid.uuid4().int}{extension}"


def short_unique_file_name(sop_class_uid: str, extension: str = "") -> str:
    """`PREFIX_` and 16 random hexadecimal digits."""
    return f"{prefix(sop_class_uid)}_{uuid.uuid4().int >> 64:016x}{extension}"


def time_file_names(sop_class_uid: str, moment: datetime, extension: str = "") -> Iterator[str]:
    """`YYYYMMDDHHMMSSmmm.PREFIX`, then, for whoever comes in the same millisecond, with `_0001` and so on."""
    digits = f"{moment:%Y%m%d%H%M%S}{moment.microsecond // 1000:03}"
    ending = f"{prefix(sop_class_uid)}{extension}"
    yield f"{digits}.{ending}"
    yield from (f"{digits}_{serial:04}.{ending}" for serial in count(1))


def system_time_file_name(sop_class_uid: str, moment: datetime, extension: str = "") -> str:
    """`YYYYMMDDHHMMSS.ffffff.PREFIX`."""
    return f"{moment:%Y%m%d%H%M%S.%f}.{prefix(sop_class_uid)}{extension}"


def series_date_directories(series_date: str, today: datetime) -> tuple[str, ...]:
    """`data/YYYY/MM/DD` of a date as PS3.5 6.2 has it (VR DA), `undef/` and today's for anything else."""
    date = _DATE.fullmatch(series_date)
    if date is not None:
        try:
            return ("data", *f"{datetime(*map(int, date.groups())):%Y %m %d}".split())  # type: ignore[arg-type]  # three numbers
        except ValueError:
            pass  # no day of the calendar
    return ("undef", f"{today:%Y%m%d}")


def study_time_directories(beginning: str, moment: datetime) -> Iterator[str]:
    """`BEGINNING_YYYYMMDD_HHMMSSmmm`, then, for another study in the same millisecond, with `_1` and so on."""
    name = f"{beginning}_{moment:%Y%m%d_%H%M%S}{moment.microsecond // 1000:03}"
    yield name
    yield from (f"{name}_{serial}" for serial in count(1))


def person(patient_name: str) -> str:
    """A patient's name as the beginning of a directory's name: ASCII letters, digits and `_`, `ANONYMOUS` if empty.

    It is not injective, and need not be: a study's directory is told from another's by what comes behind.
    """
    folded = unicodedata.normalize("NFKD", patient_name).encode("ascii", "ignore").decode("ascii")
    return re.sub(r"[^0-9A-Za-z]+", "_", folded).strip("_")[:MAXIMUM_SORT_PREFIX] or "ANONYMOUS"


def study_directory(study_instance_uid: str, sort_prefix: str = "") -> str:
    """`PREFIX_StudyUID`, or the Study Instance UID alone."""
    return f"{sort_prefix}_{component(study_instance_uid)}" if sort_prefix else component(study_instance_uid)


def check_local_part(text: str, maximum: int, *, leading_dot: bool) -> str:
    """Refuse an extension or a prefix of our own user that could not be part of a safe name."""
    if len(text) > maximum or not _PLAIN.fullmatch(text):
        raise ValueError(f"{text!r}: at most {maximum} letters, digits, '.', '-' and '_'")
    if text.startswith(".") and not leading_dot:
        raise ValueError(f"{text!r} would make a hidden file")
    return text
