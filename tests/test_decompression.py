"""Compressed pixels become plain ones where pydicom's decoders are installed; a sentence says so where they are not."""

from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from data_sets import EXPLICIT, IMPLICIT, JPEG, UNDEFINED, data_set, element
from dulcet.services.storage import decompression
from dulcet.services.storage.decompression import CannotDecompress, decompress, is_available
from dulcet.services.storage.outgoing import OutgoingFile
from dulcet.services.storage.transcode import CannotConvert
from dulcet.services.transfer_syntaxes import LOSSLESS, LOSSY

FILES = Path(pydicom.__file__).parent / "data" / "test_files"
RLE = "1.2.840.10008.1.2.5"
needs_decoders = pytest.mark.skipif(find_spec("numpy") is None, reason="dulcet[pixels] is not installed")


def test_lossless_or_lossy_and_never_both() -> None:
    assert not LOSSLESS & LOSSY
    assert "1.2.840.10008.1.2.4.70" in LOSSLESS
    assert JPEG in LOSSY
    assert EXPLICIT not in LOSSLESS | LOSSY


@needs_decoders
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
@pytest.mark.parametrize(
    ("compressed", "plain"), [("MR_small_RLE.dcm", "MR_small.dcm"), ("MR_small_jp2klossless.dcm", "MR_small.dcm")]
)
def test_the_pixels_come_back(compressed: str, plain: str, syntax: str) -> None:
    with OutgoingFile(FILES / compressed) as file, OutgoingFile(FILES / plain) as original:
        if not is_available(file.transfer_syntax_uid):
            pytest.skip("its decoder is not installed")
        read = pydicom.filereader.read_dataset(BytesIO(bytes(file.dataset(syntax))), syntax == IMPLICIT, True)
        wanted = pydicom.filereader.read_dataset(BytesIO(bytes(original.dataset())), False, True)
        assert read.PixelData == wanted.PixelData
        assert str(read.SOPInstanceUID) == file.sop_instance_uid
        assert read.PatientName == wanted.PatientName


@needs_decoders
@pytest.mark.skipif(not is_available(JPEG), reason="no decoder for JPEG is installed")
def test_color_becomes_rgb() -> None:
    with OutgoingFile(FILES / "SC_rgb_small_odd_jpeg.dcm") as file:
        read = pydicom.filereader.read_dataset(BytesIO(bytes(file.dataset(EXPLICIT))), False, True)
    assert read.PhotometricInterpretation == "RGB"
    assert len(read.PixelData) == read.Rows * read.Columns * 3 + 1, "padded to an even length"


@needs_decoders
def test_rubbish() -> None:
    pixels = element((0x7FE0, 0x0010), "OB", b"no fragments", length=UNDEFINED)
    with pytest.raises(CannotDecompress, match=r"pixels cannot be decompressed \([A-Za-z]+\)"):
        decompress(data_set()[:-12] + pixels, RLE)


@needs_decoders
def test_without_pixels_there_is_nothing_to_do() -> None:
    encoded = data_set()[:-12]
    assert decompress(encoded, RLE) == encoded


def test_what_nobody_can_decompress() -> None:
    assert not is_available(EXPLICIT)
    assert not is_available("1.2.840.10008.1.2.4.107")


def test_nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decompression, "find_spec", lambda name: None)
    with pytest.raises(CannotConvert, match="no decoder for RLE Lossless is installed; `pip install dulcet"):
        decompress(data_set(), RLE)
