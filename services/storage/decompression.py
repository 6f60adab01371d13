"""Decompressing Pixel Data (PS3.5 A.4) with pydicom's decoders, which the extra `dulcet[pixels]` brings.

The data set becomes Explicit VR Little Endian, its attributes of the Image Pixel module what the pixels now are (PS3.3
C.7.6.3); everything else stays as it is, the SOP Instance UID too: nothing is lost that was not lost before.
"""

from __future__ import annotations

import io
from importlib.util import find_spec

from ..transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, LOSSLESS, LOSSY
from .transcode import CannotConvert, encoded


class CannotDecompress(CannotConvert):
    """These pixels cannot be decompressed; the text says why, and what would help."""


def is_available(transfer_syntax_uid: str) -> bool:
    """Whether what is installed can decompress this transfer syntax."""
    if transfer_syntax_uid not in LOSSLESS | LOSSY or find_spec("numpy") is None:
        return False
    from pydicom.pixels.decoders.base import get_decoder

    return get_decoder(transfer_syntax_uid).is_available


def decompress(data_set: bytes | memoryview, source: str, target: str = EXPLICIT_VR_LITTLE_ENDIAN) -> bytes:
    """The data set in an uncompressed transfer syntax; raises `CannotDecompress`. Takes several times its size."""
    from pydicom.uid import UID

    if not is_available(source):
        name = UID(source).name
        raise CannotDecompress(f"no decoder for {name} is installed; `pip install dulcet[pixels]` brings one")
    try:
        return _decompress(data_set, source, target)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - decoders raise whatever a malformed stream leads to
        # Their messages may quote values, so they stay here.
        raise CannotDecompress(f"pixels cannot be decompressed ({type(error).__name__})") from None


def _decompress(data_set: bytes | memoryview, source: str, target: str) -> bytes:
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.filereader import read_dataset
    from pydicom.pixels.utils import decompress as decompress_pixels
    from pydicom.uid import UID

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(source)
    stream = io.BytesIO(data_set)
    read = FileDataset(
        stream,
        read_dataset(stream, is_implicit_VR=False, is_little_endian=True),
        file_meta=meta,
        is_implicit_VR=False,
        is_little_endian=True,
    )
    if "PixelData" in read:
        decompress_pixels(read, generate_instance_uid=False)
    return encoded(read, EXPLICIT_VR_LITTLE_ENDIAN, target)
