"""Test data made from files: new identifiers at their time, and nothing else changed."""

from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from data_sets import BIG_ENDIAN, CT, DEFLATED, EXPLICIT, IMPLICIT, data_set
from dulcet.services.scp import SCP
from dulcet.services.storage.inventing import InventedFile, Inventor
from dulcet.services.storage.outgoing import OutgoingFile
from dulcet.services.storage.part10 import file_meta
from dulcet.services.storage.storage import Storage
from dulcet.tools import cli
from pydicom.filereader import read_dataset

FILES = Path(pydicom.__file__).parent / "data" / "test_files"


def read(file: OutgoingFile, syntax: str) -> pydicom.Dataset:
    return read_dataset(BytesIO(bytes(file.dataset(syntax))), syntax == IMPLICIT, syntax != BIG_ENDIAN)


def made(path: Path, syntax: str = EXPLICIT) -> OutgoingFile:
    path.write_bytes(file_meta(CT, "1.2.3", syntax) + data_set(pixels=b"\1\2\3\4", syntax=syntax))
    return OutgoingFile(path)


@pytest.mark.parametrize("source", [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED])
@pytest.mark.parametrize("target", [IMPLICIT, EXPLICIT, BIG_ENDIAN])
def test_only_identifiers_change(tmp_path: Path, source: str, target: str) -> None:
    original = made(tmp_path / "a", source)
    invented = Inventor(series=1, study=1, patient=1).of(original)
    before, after = read(original, target), read(invented, target)
    assert after.SOPInstanceUID == invented.sop_instance_uid != before.SOPInstanceUID
    assert after.StudyInstanceUID.startswith("2.25.")
    assert str(after.PatientName).startswith("INVENTED^")
    assert after.PixelData == before.PixelData
    assert after.SOPClassUID == before.SOPClassUID == invented.sop_class_uid


@pytest.mark.parametrize("name", ["MR_small_RLE.dcm", "JPEG2000.dcm", "SC_rgb_small_odd_jpeg.dcm"])
def test_compressed_pixels_stay_as_they_are(name: str) -> None:
    original = OutgoingFile(FILES / name)
    invented = Inventor().of(original)
    assert invented.transfer_syntax_uid == original.transfer_syntax_uid
    before, after = read(original, original.transfer_syntax_uid), read(invented, original.transfer_syntax_uid)
    assert after.PixelData == before.PixelData
    assert after["PixelData"].is_undefined_length
    assert after.SOPInstanceUID != before.SOPInstanceUID
    assert after.StudyInstanceUID == before.StudyInstanceUID


def test_series_studies_patients(tmp_path: Path) -> None:
    original, inventor = made(tmp_path / "a"), Inventor(series=2, study=2, patient=2)
    sets = [read(inventor.of(original), EXPLICIT) for _ in range(16)]
    for keyword, size in (("SOPInstanceUID", 1), ("SeriesInstanceUID", 2), ("StudyInstanceUID", 4), ("PatientID", 8)):
        values = [str(getattr(each, keyword)) for each in sets]
        assert len(set(values)) == 16 // size
        assert all(len(set(values[start : start + size])) == 1 for start in range(0, 16, size))


def test_what_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(file_meta(CT, "1.2.3", EXPLICIT) + data_set()[:-3])
    with pytest.raises(ValueError, match="cannot"):
        Inventor().of(OutgoingFile(path)).dataset(IMPLICIT)
    assert issubclass(InventedFile, OutgoingFile)


def test_storescu_sends_each_time_another(tmp_path: Path) -> None:
    file, inbox = made(tmp_path / "a").path, tmp_path / "in"
    with SCP(services=[Storage(inbox)]).running() as running:
        words = ["storescu", "+IR", "2", "--repeat", "4", "localhost", str(running.port), str(file)]
        assert cli.main(words, "dulcet") == 0
    stored = [pydicom.dcmread(path) for path in inbox.iterdir()]
    assert len(stored) == 4
    assert len({each.SeriesInstanceUID for each in stored}) == 2
    assert {each.StudyInstanceUID for each in stored} == {"1.2.3.9"}
