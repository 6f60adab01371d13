"""Real files of pydicom's wheel, and instances made to be awkward: what travels in the live tests.

Files are compared by the SHA-256 of their data sets, cut off behind the File Meta Information without a DICOM library;
where a peer had to convert, by pydicom's idea of equality.
"""

import hashlib
import struct
import warnings
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pydicom
from data_sets import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, ITEM, ITEM_END, SEQUENCE_END, UNDEFINED, element

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
CT = "1.2.840.10008.5.1.4.1.1.2"
ROOT = "1.2.826.0.1.3680043.8.498.77"
TEST_FILES = Path(pydicom.__file__).parent / "data" / "test_files"

SYNTAXES = {
    IMPLICIT: "implicit",
    EXPLICIT: "explicit LE",
    BIG_ENDIAN: "explicit BE",
    DEFLATED: "deflated",
    "1.2.840.10008.1.2.4.50": "JPEG baseline",
    "1.2.840.10008.1.2.4.70": "JPEG lossless",
    "1.2.840.10008.1.2.4.80": "JPEG-LS",
    "1.2.840.10008.1.2.4.81": "JPEG-LS near-lossless",
    "1.2.840.10008.1.2.4.90": "JPEG 2000 lossless",
    "1.2.840.10008.1.2.4.91": "JPEG 2000",
    "1.2.840.10008.1.2.5": "RLE",
}
"""The transfer syntaxes of the live tests, and what the matrix calls them."""

REAL = {
    IMPLICIT: "MR_small_implicit.dcm",
    EXPLICIT: "CT_small.dcm",
    BIG_ENDIAN: "MR_small_bigendian.dcm",
    DEFLATED: "image_dfl.dcm",
    "1.2.840.10008.1.2.4.50": "SC_rgb_small_odd_jpeg.dcm",
    "1.2.840.10008.1.2.4.70": "SC_rgb_jpeg_gdcm.dcm",
    "1.2.840.10008.1.2.4.80": "MR_small_jpeg_ls_lossless.dcm",
    "1.2.840.10008.1.2.4.81": "SC_rgb_jls_lossy_line.dcm",
    "1.2.840.10008.1.2.4.90": "MR_small_jp2klossless.dcm",
    "1.2.840.10008.1.2.4.91": "JPEG2000.dcm",
    "1.2.840.10008.1.2.5": "MR_small_RLE.dcm",
}
"""A real file in each."""
NEAR_LOSSLESS = "1.2.840.10008.1.2.4.81"
ENCAPSULATED = element((0x7FE0, 0x0010), "OB", length=UNDEFINED)
"""The head of encapsulated pixel data."""
UNCOMPRESSED = (IMPLICIT, EXPLICIT, BIG_ENDIAN)


def real_files() -> list[Path]:
    """One for each transfer syntax; several are the same instance."""
    return [TEST_FILES / name for name in REAL.values()]


def part10(folder: Path, uid: str, encoded: bytes, *, sop_class: str = CT, syntax: str = EXPLICIT) -> Path:
    """A DICOM file with this data set."""
    meta = b"".join(
        (
            element((0x0002, 0x0001), "OB", b"\0\1"),
            element((0x0002, 0x0002), "UI", sop_class),
            element((0x0002, 0x0003), "UI", uid),
            element((0x0002, 0x0010), "UI", syntax),
            element((0x0002, 0x0012), "UI", ROOT),
        )
    )
    length = element((0x0002, 0x0000), "UL", struct.pack("<L", len(meta)))
    path = folder / f"{uid}.dcm"
    path.write_bytes(bytes(128) + b"DICM" + length + meta + encoded)
    return path


def instance(
    folder: Path,
    number: int,
    *,
    sop_class: str = CT,
    syntax: str = EXPLICIT,
    pixels: bytes = b"\1\2" * 8,
    after: bytes = b"",
) -> Path:
    """A small instance, the number-th; `after` are elements between (0008,0060) and (0010,0010)."""
    uid = f"{ROOT}.{number}"
    compressed = pixels.startswith(ENCAPSULATED)
    encoded = b"".join(
        (
            element((0x0008, 0x0016), "UI", sop_class, syntax=syntax),
            element((0x0008, 0x0018), "UI", uid, syntax=syntax),
            element((0x0008, 0x0060), "CS", "OT", syntax=syntax),
            after,
            element((0x0010, 0x0010), "PN", "Live^Test", syntax=syntax),
            element((0x0010, 0x0020), "LO", "LIVE", syntax=syntax),
            element((0x0020, 0x000D), "UI", f"{ROOT}.0", syntax=syntax),
            element((0x0020, 0x000E), "UI", f"{ROOT}.0.1", syntax=syntax),
            pixels if compressed else element((0x7FE0, 0x0010), "OW", pixels, syntax=syntax),
        )
    )
    return part10(folder, uid, encoded, sop_class=sop_class, syntax=syntax)


def encapsulated(folder: Path, number: int, syntax: str) -> Path:
    """An instance with compressed pixel data in two fragments, behind an empty Basic Offset Table (PS3.5 A.4)."""
    fragments = b"".join(element(ITEM, "", value) for value in (b"", b"\xff\xd8 no image", b"but two fragments"))
    return instance(folder, number, syntax=syntax, pixels=ENCAPSULATED + fragments + element(SEQUENCE_END, ""))


def undefined_length_sequences() -> bytes:
    """Two sequences in each other, all lengths undefined, with an empty item."""
    code = element((0x0008, 0x0100), "SH", "T-D3000")
    inner = element((0x0008, 0x0006), "SQ", length=UNDEFINED) + element(ITEM, "", code) + element(SEQUENCE_END, "")
    items = element(ITEM, "", length=UNDEFINED) + inner + element(ITEM_END, "") + element(ITEM, "")
    return element((0x0008, 0x1111), "SQ", length=UNDEFINED) + items + element(SEQUENCE_END, "")


def private_elements() -> bytes:
    """A private block, one of its elements with a VR of its own and one UN (PS3.5 7.8)."""
    return b"".join(
        (
            element((0x0009, 0x0010), "LO", "DULCET LIVE TEST"),
            element((0x0009, 0x1001), "LO", "something private"),
            element((0x0009, 0x1002), "UN", bytes(range(64))),
        )
    )


def group_lengths() -> bytes:
    """A retired group length, with a group behind it that has none."""
    inside = element((0x0009, 0x0010), "LO", "DULCET LIVE TEST") + element((0x0009, 0x1001), "LO", "grouped")
    return element((0x0009, 0x0000), "UL", struct.pack("<L", len(inside))) + inside


def odd_values() -> bytes:
    """Two values of odd length, against PS3.5 6.2, so that the data set as a whole is even."""
    value = struct.pack("<HH", 0x0008, 0x1030) + b"LO" + struct.pack("<H", 3) + b"odd"
    return value + struct.pack("<HH", 0x0008, 0x103E) + b"LO" + struct.pack("<H", 5) + b"odder"


def awkward(folder: Path) -> list[Path]:
    """Instances that peers and libraries have stumbled over."""
    return [
        instance(folder, 101, after=undefined_length_sequences()),
        instance(folder, 102, after=private_elements()),
        instance(folder, 103, after=group_lengths()),
        instance(folder, 104, after=odd_values()),
        instance(folder, 105, pixels=b""),
        instance(folder, 106, pixels=b"\1\2\3\4" * 50_000),
    ]


def large(folder: Path) -> Path:
    """An instance of 40 MiB."""
    return instance(folder, 110, pixels=bytes(range(256)) * (40 << 12))


def encoded_data_set(path: Path) -> bytes:
    """The bytes behind the File Meta Information (PS3.10 7.1: its length is its first element)."""
    content = path.read_bytes()
    assert content[128:136] == b"DICM\2\0\0\0"
    return content[144 + struct.unpack_from("<L", content, 140)[0] :]


def digest(path: Path) -> str:
    """SHA-256 of the data set as it travels: a deflate stream of odd length with one NUL more (PS3.5 A.5)."""
    encoded = encoded_data_set(path)
    if len(encoded) % 2 and syntax_of(path) == DEFLATED:
        encoded += b"\0"
    return hashlib.sha256(encoded).hexdigest()


def digests(paths: Iterable[Path]) -> list[str]:
    """Those of many, in an order of their own."""
    return sorted(map(digest, paths))


def read(path: Path) -> Any:
    """The data set as pydicom sees it; it has remarks to make on real files."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(path)


def syntax_of(path: Path) -> str:
    """The transfer syntax a file is in."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return str(pydicom.dcmread(path, specific_tags=[], stop_before_pixels=True).file_meta.TransferSyntaxUID)


def uid_of(path: Path) -> str:
    """Its SOP Instance UID."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return str(pydicom.dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID)


def same_content(one: Path, other: Path) -> bool:
    """Whether pydicom finds two data sets equal, apart from what has no content."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bool(_content(one) == _content(other))


def _content(path: Path) -> Any:
    """Without group lengths and trailing padding, which DCMTK drops; pixel data as the standard wants them."""
    found = pydicom.dcmread(path)
    for tag in list(found.keys()):
        if tag.element == 0 or tag == 0xFFFCFFFC:
            del found[tag]
    syntax, pixels = found.file_meta.TransferSyntaxUID, found.get_item("PixelData")
    if syntax.is_compressed and not syntax.is_deflated:
        found["PixelData"].VR = "OB"  # DCMTK mends it (PS3.5 A.4)
    elif syntax == BIG_ENDIAN and pixels.VR == "OW":  # pydicom leaves words as bytes
        words = array("H", found.PixelData)
        words.byteswap()
        found.PixelData = words.tobytes()
    return found
