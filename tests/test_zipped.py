"""Instances in zip files: sent without unpacking, whatever the archive says about itself."""

import os
import zipfile
from pathlib import Path

import pytest
from data_sets import CT, EXPLICIT, data_set
from dulcet.services.storage import zipped
from dulcet.services.storage.outgoing import NotSendable, OutgoingFile, Unsendable, scan
from dulcet.services.storage.part10 import file_meta
from dulcet.services.storage.zipped import look_into


def encoded(uid: str, **more: object) -> bytes:
    return file_meta(CT, uid, EXPLICIT) + data_set(uid, **more)


def archive(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def test_members_are_instances(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "a.zip", {"x/": b"", "x/1": encoded("1.2.1"), "2": encoded("1.2.2", pixels=bytes(2 << 20))}
    )
    first, second = look_into(path)
    assert isinstance(first, OutgoingFile)
    assert isinstance(second, OutgoingFile)
    assert (first.sop_class_uid, first.sop_instance_uid, first.transfer_syntax_uid) == (CT, "1.2.1", EXPLICIT)
    assert str(first.path) == f"{path}!/x/1"
    with first, second:
        assert bytes(first.dataset()) == data_set("1.2.1")
        assert bytes(second.dataset()) == data_set("1.2.2", pixels=bytes(2 << 20))
        assert bytes(first.dataset()) == data_set("1.2.1")


def test_a_name_that_leads_elsewhere_is_a_name(tmp_path: Path) -> None:
    members = {"../../etc/passwd": encoded("1.2.1"), "/abs": encoded("1.2.2")}
    before = sorted(os.listdir(tmp_path.parent))
    files = list(look_into(archive(tmp_path / "a.zip", members)))
    assert all(isinstance(file, OutgoingFile) and str(file.path).startswith(f"{tmp_path}/a.zip!/") for file in files)
    assert sorted(os.listdir(tmp_path.parent)) == before
    assert os.listdir(tmp_path) == ["a.zip"]


def test_what_is_no_instance_is_told(tmp_path: Path) -> None:
    good, bad = look_into(archive(tmp_path / "a.zip", {"1": encoded("1.2.1"), "notes.txt": b"hello"}))
    assert isinstance(good, OutgoingFile)
    assert isinstance(bad, Unsendable)
    assert "notes.txt" in bad.error


def test_a_damaged_member(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"1": encoded("1.2.1")}, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(content)
    (bad,) = look_into(path)
    assert isinstance(bad, Unsendable)
    assert "cannot be unpacked: Bad CRC-32" in bad.error


def test_an_encrypted_member(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"1": encoded("1.2.1")}, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    (bad,) = look_into(path)
    assert isinstance(bad, Unsendable)
    assert "encrypted" in bad.error


def test_an_archive_that_is_cut_off(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"1": encoded("1.2.1")})
    path.write_bytes(path.read_bytes()[:-30])
    (bad,) = look_into(path)
    assert isinstance(bad, Unsendable)
    assert "cannot be read as a zip file" in bad.error


def test_a_member_that_grows_beyond_all_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipped, "MAXIMUM_MEMBER", 1 << 20)
    (bad,) = look_into(archive(tmp_path / "a.zip", {"1": bytes(5 << 20)}))
    assert isinstance(bad, Unsendable)
    assert "unpacks to more than 1048576 bytes" in bad.error


def test_too_many_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipped, "MAXIMUM_MEMBERS", 1)
    (bad,) = look_into(archive(tmp_path / "a.zip", {"1": b"", "2": b""}))
    assert isinstance(bad, Unsendable)


def test_an_instance_with_an_archive_in_it_is_an_instance(tmp_path: Path) -> None:
    inner = archive(tmp_path / "inner.zip", {"1": encoded("1.2.9")}).read_bytes()
    path = tmp_path / "a.dcm"
    path.write_bytes(encoded("1.2.1", pixels=inner))
    (file,) = look_into(path)
    assert isinstance(file, OutgoingFile)
    assert file.sop_instance_uid == "1.2.1"


def test_a_folder_with_archives(tmp_path: Path) -> None:
    archive(tmp_path / "a.zip", {"1": encoded("1.2.1"), "2": encoded("1.2.2")})
    (tmp_path / "b.dcm").write_bytes(encoded("1.2.3"))
    found = [file for file in scan([tmp_path], directories=True, look=look_into) if isinstance(file, OutgoingFile)]
    assert [file.sop_instance_uid for file in found] == ["1.2.1", "1.2.2", "1.2.3"]


def test_files_that_are_not_there(tmp_path: Path) -> None:
    (bad,) = look_into(tmp_path / "nothing.zip")
    assert isinstance(bad, Unsendable)
    assert "No such file" in bad.error
    with pytest.raises(NotSendable):
        OutgoingFile(tmp_path)
