"""The files that are sent, and the archive that is asked."""

import io
import os
import subprocess
from pathlib import Path

from .place import PATIENCE, Missing, Place, program

CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
STUDY, SERIES, IMAGE = "1.2.826.0.1.3680043.9.7433.2", "1.2.826.0.1.3680043.9.7433.3", "1.2.826.0.1.3680043.9.7433.4"
MATCHES = 4000


def _head(number: int) -> bytes:
    """A DICOM file without pixel data."""
    from pydicom.dataset import Dataset, FileMetaDataset

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = EXPLICIT
    dataset.SOPClassUID, dataset.SOPInstanceUID = CT, f"{IMAGE}.{number}"
    dataset.PatientID, dataset.PatientName = "P1", "Bench^Mark"
    dataset.StudyDate, dataset.StudyTime, dataset.StudyID, dataset.AccessionNumber = "20240101", "120000", "1", "A1"
    dataset.Modality, dataset.SeriesNumber, dataset.InstanceNumber = "CT", 1, number
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = STUDY, SERIES
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def image(path: Path, number: int, size: int, *, sparse: bool = False) -> None:
    """A file with `size` bytes of pixel data; a sparse one takes no room on the disk."""
    with path.open("wb") as file:
        file.write(_head(number) + b"\xe0\x7f\x10\0OW\0\0" + size.to_bytes(4, "little"))
        if sparse:
            file.truncate(file.tell() + size)
        else:
            file.write(bytes(size))


def images(place: Place, count: int, size: int) -> Path:
    """A directory with so many files of so many bytes of pixel data, made once."""
    directory = place.root / f"files-{count}-{size}"
    if not directory.exists():
        directory.mkdir()
        for number in range(1, count + 1):
            image(directory / f"{number}.dcm", number, size)
    return directory


def archive(place: Place) -> Path:
    """A directory of images of one series, with DCMTK's index where DCMTK is there."""
    directory = images(place, MATCHES, 64)
    if not (directory / "index.dat").exists():
        try:
            indexer = program("dcmqridx", "$dcmtk")
        except Missing:
            return directory
        names = sorted(name for name in os.listdir(directory) if name.endswith(".dcm"))
        for start in range(0, len(names), 500):
            subprocess.run(
                [indexer, "-n", ".", *names[start : start + 500]], cwd=directory, check=True, timeout=PATIENCE * 5
            )
    return directory
