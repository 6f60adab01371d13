"""DICOMDIR: what it refers to is sent, and nothing that lies elsewhere or is something else."""

import os
import shutil
from pathlib import Path

import pydicom
import pytest
from data_sets import CT, EXPLICIT, UNDEFINED, data_set, element
from dulcet.services.storage import media_directory
from dulcet.services.storage.media_directory import referenced
from dulcet.services.storage.outgoing import OutgoingFile, Unsendable
from dulcet.services.storage.part10 import file_meta

TEST_FILES = Path(pydicom.__file__).parent / "data" / "test_files" / "dicomdirtests"
MEDIA = "1.2.840.10008.1.3.10"


def record(file: str, uid: str = "1.2.1", in_use: bytes = b"\xff\xff") -> bytes:
    content = b"".join(
        (
            element((0x0004, 0x1410), "US", in_use),
            element((0x0004, 0x1430), "CS", "IMAGE"),
            element((0x0004, 0x1500), "CS", file) if file else b"",
            element((0x0004, 0x1511), "UI", uid) if uid else b"",
        )
    )
    return element((0xFFFE, 0xE000), "", content)


def dicomdir(folder: Path, *records: bytes) -> Path:
    path = folder / "DICOMDIR"
    sequence = element((0x0004, 0x1220), "SQ", b"".join(records))
    path.write_bytes(file_meta(MEDIA, "1.2.0", EXPLICIT) + sequence)
    return path


def instance(path: Path, uid: str = "1.2.1") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file_meta(CT, uid, EXPLICIT) + data_set(uid))
    return path


def one(path: Path) -> OutgoingFile | Unsendable:
    (found,) = referenced(path)
    return found


@pytest.mark.parametrize("name", ["DICOMDIR", "DICOMDIR-implicit", "DICOMDIR-bigEnd", "DICOMDIR-reordered"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_real_one(name: str) -> None:
    found = list(referenced(TEST_FILES / name))
    assert len(found) == 31
    assert all(isinstance(file, OutgoingFile) for file in found)
    assert len({file.path for file in found}) == 31


def test_records_that_count(tmp_path: Path) -> None:
    file = instance(tmp_path / "A" / "B")
    path = dicomdir(tmp_path, record("A\\B"), record("A\\B"), record(""), record("A\\C", in_use=b"\0\0"))
    assert [found.path for found in referenced(path)] == [file]


def test_media_mounted_in_lower_case(tmp_path: Path) -> None:
    file = instance(tmp_path / "a" / "b")
    assert one(dicomdir(tmp_path, record("A\\B"))).path == file


@pytest.mark.parametrize("name", ["..\\X", "A\\..\\..\\X", "/etc/passwd", "A/B", ".", "\\X", "A\\\\B"])
def test_names_that_lead_elsewhere(tmp_path: Path, name: str) -> None:
    instance(tmp_path / "X")
    (tmp_path / "disc" / "A").mkdir(parents=True)
    found = one(dicomdir(tmp_path / "disc", record(name)))
    assert isinstance(found, Unsendable)
    assert "no Referenced File ID" in found.error or "leads out" in found.error or "No such file" in found.error


def test_links_that_lead_elsewhere(tmp_path: Path) -> None:
    instance(tmp_path / "X")
    (tmp_path / "disc").mkdir()
    os.symlink(tmp_path, tmp_path / "disc" / "A")
    found = one(dicomdir(tmp_path / "disc", record("A\\X")))
    assert isinstance(found, Unsendable)
    assert "leads out of the directory of DICOMDIR" in found.error


def test_another_instance(tmp_path: Path) -> None:
    instance(tmp_path / "A", "1.2.7")
    found = one(dicomdir(tmp_path, record("A", "1.2.1")))
    assert isinstance(found, Unsendable)
    assert "another instance" in found.error
    assert isinstance(one(dicomdir(tmp_path, record("A", ""))), OutgoingFile)


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    found = one(dicomdir(tmp_path, record("A")))
    assert isinstance(found, Unsendable)
    assert "No such file" in found.error


def test_what_is_no_dicomdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = instance(tmp_path / "A")
    assert "not a DICOMDIR" in getattr(one(file), "error", "")
    assert "No such file" in getattr(one(tmp_path / "nothing"), "error", "")
    broken = tmp_path / "DICOMDIR"
    broken.write_bytes(file_meta(MEDIA, "1.2.0", EXPLICIT) + element((0x0004, 0x1220), "SQ", b"xyz", length=UNDEFINED))
    assert isinstance(one(broken), Unsendable)
    monkeypatch.setattr(media_directory, "MAXIMUM_BYTES", 10)
    assert "more than 10 bytes" in getattr(one(broken), "error", "")


def test_a_copy_of_a_real_one(tmp_path: Path) -> None:
    shutil.copy(TEST_FILES / "DICOMDIR", tmp_path)
    found = list(referenced(tmp_path / "DICOMDIR"))
    assert len(found) == 31
    assert all(isinstance(file, Unsendable) for file in found)
