"""Re-encoding between the uncompressed transfer syntaxes (PS3.5 A.1 to A.3, A.5), with pydicom.

Between these four only the element headers, the byte order and the deflate wrapper differ. Text is therefore passed
on as the bytes it is, whatever character set it claims, and never looked at: no value is lost, or shows up in a log.
pydicom knows the VR of what comes in implicit VR, and re-encodes numbers. Values it keeps as bytes although they
consist of words - OW, OL, OF, OD, OV, above all Pixel Data - change byte order here (PS3.5 7.3, 8.2).
"""

from __future__ import annotations

import io
import zlib

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_data_element
from pydicom.hooks import raw_element_vr
from pydicom.tag import BaseTag, ItemTag

from ..transfer_syntaxes import CONVERTIBLE, Encoding, encoding
from .dataset_prefix import DataSetError, check_complete

_MAXIMUM_ELEMENTS = 10_000_000
_WORD_SIZES = {"OW": 2, "OL": 4, "OF": 4, "OD": 8, "OV": 8}
_TEXT = frozenset(
    ("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT")
)
"""VRs whose values are the same bytes in every transfer syntax (PS3.5 7.3), besides OB and UN."""


class CannotConvert(ValueError):
    """This data set cannot be turned into that transfer syntax."""


def convert(data_set: bytes | memoryview, source: str, target: str, *, maximum_bytes: int = 4 << 30) -> bytes:
    """The same data set in another transfer syntax; raises `CannotConvert`. Takes several times its size.

    `maximum_bytes` is for what a deflated data set may inflate to.
    """
    for uid in (source, target):
        if uid not in CONVERTIBLE:
            raise CannotConvert(f"transfer syntax {uid} is not uncompressed")
    if source == target:
        return bytes(data_set)
    try:
        return _convert(data_set, encoding(source), encoding(target), maximum_bytes)
    except MemoryError:
        raise
    except DataSetError as error:
        raise CannotConvert(str(error)) from None
    except Exception as error:  # noqa: BLE001 - pydicom raises whatever a malformed value leads to
        # Its messages may quote the value, so they stay here.
        raise CannotConvert(f"data set cannot be re-encoded ({type(error).__name__})") from None


def _convert(data_set: bytes | memoryview, source: Encoding, target: Encoding, maximum_bytes: int) -> bytes:
    if source.deflated:
        data_set = _inflate(data_set, maximum_bytes)
    # pydicom makes the best of a data set that was cut off; a shorter copy is not what anybody asked for.
    check_complete(data_set, source, _MAXIMUM_ELEMENTS)
    decoded = read_dataset(io.BytesIO(data_set), not source.explicit, source.little_endian)
    encoded = _encode(decoded, source, target)
    return _deflate(encoded) if target.deflated else encoded


def encoded(data_set: Dataset, source: str, target: str) -> bytes:
    """A data set that pydicom read in one uncompressed transfer syntax, in another or the same."""
    return _encode(data_set, encoding(source), encoding(target))


def _inflate(data_set: bytes | memoryview, maximum_bytes: int) -> bytes:
    inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    inflated = inflater.decompress(data_set, maximum_bytes)
    if not inflater.eof:
        raise DataSetError(f"the deflate stream is cut off or holds more than {maximum_bytes} bytes")
    return inflated


def _deflate(encoded: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    deflated = deflater.compress(encoded) + deflater.flush()
    return deflated + bytes(len(deflated) % 2)


def _encode(data_set: Dataset, source: Encoding, target: Encoding) -> bytes:
    """One data set, or one item; group lengths, retired and no longer true, are left out (PS3.5 7.2)."""
    stream = DicomBytesIO()
    stream.is_implicit_VR = not target.explicit
    stream.is_little_endian = target.little_endian
    for tag in sorted(data_set.keys()):
        if tag.element != 0:
            write_data_element(stream, _re_encoded(data_set, tag, source, target))
    return stream.getvalue()


def _re_encoded(data_set: Dataset, tag: BaseTag, source: Encoding, target: Encoding) -> RawDataElement | DataElement:
    """An element whose value, if it is kept as bytes, has the byte order of the target."""
    raw = data_set.get_item(tag)
    if isinstance(raw, RawDataElement):
        looked_up: dict[str, str] = {}
        raw_element_vr(raw, looked_up, ds=data_set)
        if looked_up["VR"] in _TEXT:
            return _raw(tag, looked_up["VR"], raw.value or b"", target)
    element = data_set[tag]
    if element.VR == "SQ":
        return _raw(tag, "SQ", b"".join(_item(item, source, target) for item in element.value), target)
    size = _WORD_SIZES.get(element.VR)
    if size is not None and source.little_endian != target.little_endian:
        return _raw(tag, element.VR, _swapped(element.value or b"", size), target)
    return element


def _raw(tag: BaseTag, vr: str, value: bytes, target: Encoding) -> RawDataElement:
    """An element with this value and nothing else, padded to even length (PS3.5 6.2)."""
    if len(value) % 2:
        value += b"\0" if vr == "UI" else b" "
    return RawDataElement(tag, vr, len(value), value, 0, not target.explicit, target.little_endian)


def _item(item: Dataset, source: Encoding, target: Encoding) -> bytes:
    encoded = _encode(item, source, target)
    stream = DicomBytesIO()
    stream.is_little_endian = target.little_endian
    stream.write_tag(ItemTag)
    stream.write_UL(len(encoded))
    return stream.getvalue() + encoded


def _swapped(value: bytes, size: int) -> bytes:
    """The same words in the other byte order."""
    if len(value) % size:
        raise DataSetError(f"a value of {size}-byte words has {len(value)} bytes")
    swapped = bytearray(len(value))
    for index in range(size):
        swapped[index::size] = value[size - 1 - index :: size]
    return bytes(swapped)
