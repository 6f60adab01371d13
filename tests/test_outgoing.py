"""The files a storage SCU sends: found, looked at, read."""

import mmap
import os
from pathlib import Path

import pydicom
import pytest
from data_sets import BIG_ENDIAN, CT, DEFLATED, EXPLICIT, IMPLICIT, JPEG, MR, data_set, deflate, element
from dulcet.services.storage.outgoing import (
    NotSendable,
    OutgoingFile,
    Reading,
    Unsendable,
    guess_transfer_syntax,
    scan,
)
from dulcet.services.storage.part10 import NotPart10, file_meta
from dulcet.services.storage.transcode import CannotConvert

SHIPPED = Path(pydicom.__file__).parent / "data" / "test_files"


def write(path, encoded=None, *, uid="1.2.3", sop_class=CT, syntax=EXPLICIT):
    path.write_bytes(
        file_meta(sop_class, uid, syntax) + (data_set(uid, sop_class, syntax=syntax) if encoded is None else encoded)
    )
    return path


def test_what_a_file_is(tmp_path):
    file = OutgoingFile(write(tmp_path / "a"))
    assert (file.sop_class_uid, file.sop_instance_uid, file.transfer_syntax_uid) == (CT, "1.2.3", EXPLICIT)
    assert file.size == len(data_set())
    assert bytes(file.dataset()) == data_set()
    assert repr(file) == f"OutgoingFile({str(tmp_path / 'a')!r})"


@pytest.mark.parametrize(("size", "mapped"), [(1000, False), ((1 << 20) - 10_000, False), (1 << 20, True)])
def test_a_large_file_is_mapped_and_not_read(tmp_path, size, mapped):
    """From 1 MiB on; a small one costs less when it is read."""
    with OutgoingFile(write(tmp_path / "a", data_set(pixels=bytes(size)))) as file:
        assert isinstance(file.dataset().obj, mmap.mmap) is mapped


@pytest.mark.parametrize("size", [0, 100, (1 << 20) - 1, 1 << 20, 5 << 20])
def test_data_sets_are_handed_out_as_they_are(tmp_path, size):
    encoded = data_set(pixels=bytes(size))
    with OutgoingFile(write(tmp_path / "a", encoded)) as file:
        view = file.dataset()
        assert view == encoded
        assert file.dataset() is view
    assert view == encoded  # a view in use outlives close
    assert file.dataset() == encoded


def test_no_descriptor_stays_open(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    large = OutgoingFile(write(tmp_path / "a", data_set(pixels=bytes(2 << 20))))
    files = [OutgoingFile(tmp_path / "a") for _ in range(100)]
    assert len(os.listdir("/proc/self/fd")) == before
    view = large.dataset()
    large.close()
    del view
    assert len(os.listdir("/proc/self/fd")) == before
    assert len(files) == 100


def test_the_data_set_knows_better_than_the_head(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(file_meta(MR, "9.9", EXPLICIT) + data_set("1.2.3", CT))
    assert (OutgoingFile(path).sop_class_uid, OutgoingFile(path).sop_instance_uid) == (CT, "1.2.3")


def test_the_head_has_the_last_word_on_what_cannot_be_walked(tmp_path):
    file = OutgoingFile(write(tmp_path / "a", b"private stuffs", syntax="1.2.3.4"))
    assert (file.sop_class_uid, file.sop_instance_uid) == (CT, "1.2.3")


def test_uids_behind_the_first_bytes(tmp_path):
    encoded = data_set("1.2.4", before=element((8, 5), "UT", bytes(100_000)))
    assert OutgoingFile(write(tmp_path / "a", encoded)).sop_instance_uid == "1.2.4"


def test_an_odd_deflate_stream_gets_its_nul(tmp_path):
    streams = [deflate(data_set(pixels=bytes(range(n)) * 2)) for n in range(1, 30)]
    odd = next(stream for stream in streams if len(stream) % 2)
    even = next(stream for stream in streams if not len(stream) % 2)
    assert OutgoingFile(write(tmp_path / "odd", odd, syntax=DEFLATED)).dataset() == odd + b"\0"
    assert OutgoingFile(write(tmp_path / "even", even, syntax=DEFLATED)).dataset() == even


def test_converted(tmp_path):
    file = OutgoingFile(write(tmp_path / "a"))
    assert file.dataset(IMPLICIT) == data_set(syntax=IMPLICIT)
    assert file.dataset(EXPLICIT) is file.dataset()
    with pytest.raises(CannotConvert):
        file.dataset(JPEG)


def test_a_file_that_changed_is_not_sent(tmp_path):
    file = OutgoingFile(write(tmp_path / "a"))
    write(tmp_path / "a", data_set(pixels=b"more"))
    with pytest.raises(NotSendable, match="a: changed since it was looked at"):
        file.dataset()
    (tmp_path / "a").unlink()
    with pytest.raises(FileNotFoundError):
        file.dataset()


def test_read_ahead(tmp_path):
    """A small one is read once; what is wrong is said when it is asked for, and a large one is left to be mapped."""
    file = OutgoingFile(write(tmp_path / "a"))
    file.read_ahead()
    (tmp_path / "a").unlink()
    assert bytes(file.dataset()) == data_set()
    file.close()
    file.read_ahead()
    with pytest.raises(FileNotFoundError):
        file.dataset()
    large = OutgoingFile(write(tmp_path / "b", data_set(pixels=bytes(2 << 20))))
    large.read_ahead()
    (tmp_path / "b").unlink()
    with pytest.raises(FileNotFoundError):
        large.dataset()


def test_a_file_cut_short_while_it_is_read(tmp_path, monkeypatch):
    file = OutgoingFile(write(tmp_path / "a"))
    monkeypatch.setattr(os, "pread", lambda fd, size, offset: b"short")
    with pytest.raises(NotSendable, match="changed while it was read"):
        file.dataset()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("dicomdirtests/DICOMDIR", "a media directory"),
        ("nested_priv_SQ.dcm", "no SOP Class UID"),
        ("rtplan_truncated.dcm", "an odd number: it was cut short"),
        ("README.txt", "neither DICOM file nor data set"),
        ("zipMR.gz", "neither DICOM file nor data set"),
    ],
)
def test_what_is_no_instance(name, reason):
    with pytest.raises(NotSendable, match=reason):
        OutgoingFile(SHIPPED / name)


@pytest.mark.parametrize(
    "contents", [b"", b"DICM", bytes(8), bytes(20_000), b"\xff" * 20_000, b"\x08\x00\x05\x00UT" + b"\0\0\0\0\0\x01" * 4]
)
def test_what_is_no_data_set(tmp_path, contents):
    (tmp_path / "a").write_bytes(contents)
    why = "neither DICOM file nor data set" if contents else "the file is empty"
    with pytest.raises(NotSendable, match=why):
        OutgoingFile(tmp_path / "a")


def test_a_fifo_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a")
    with pytest.raises(NotSendable, match="not a regular file"):
        OutgoingFile(tmp_path / "a")


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED])
@pytest.mark.parametrize("reading", [Reading.AUTOMATIC, Reading.DATA_SET])
def test_bare_data_sets(tmp_path, syntax, reading):
    (tmp_path / "a").write_bytes(data_set(syntax=syntax))
    file = OutgoingFile(tmp_path / "a", reading)
    assert (file.sop_instance_uid, file.transfer_syntax_uid) == ("1.2.3", syntax)
    assert guess_transfer_syntax(data_set(syntax=syntax)) == syntax


@pytest.mark.parametrize("name", ["ExplVR_BigEndNoMeta.dcm", "ExplVR_LitEndNoMeta.dcm", "rtstruct.dcm"])
def test_real_bare_data_sets(name):
    inside = pydicom.dcmread(SHIPPED / name, force=True, stop_before_pixels=True)
    assert OutgoingFile(SHIPPED / name).sop_instance_uid == inside.SOPInstanceUID


def test_a_long_bare_data_set_whose_uids_are_far(tmp_path):
    (tmp_path / "a").write_bytes(data_set("1.2.4", before=element((8, 5), "UT", bytes(100_000))))
    assert OutgoingFile(tmp_path / "a").sop_instance_uid == "1.2.4"


def test_a_dicom_file_may_be_demanded(tmp_path):
    (tmp_path / "a").write_bytes(data_set())
    with pytest.raises(NotPart10):
        OutgoingFile(tmp_path / "a", Reading.FILE)


class TestScan:
    @pytest.fixture
    def tree(self, tmp_path):
        for folder in ("b", "a", "a/deep"):
            (tmp_path / folder).mkdir()
        for name in ("b/2.dcm", "b/1.dcm", "a/3.dcm", "a/deep/4.dcm", "single", "a/notes.txt"):
            write(tmp_path / name)
        (tmp_path / "a/notes.txt").write_bytes(b"notes")
        (tmp_path / "a/round").symlink_to(tmp_path / "a")
        (tmp_path / "a/link.dcm").symlink_to(tmp_path / "single")
        return tmp_path

    def found(self, tree, paths, **options):
        return [
            ("" if isinstance(each, OutgoingFile) else "!") + str(each.path.relative_to(tree))
            for each in scan([tree / path for path in paths], **options)
        ]

    def test_files_in_the_order_given(self, tree):
        assert self.found(tree, ["single", "b/2.dcm", "a/3.dcm", "missing"]) == [
            "single",
            "b/2.dcm",
            "a/3.dcm",
            "!missing",
        ]

    def test_directories_only_if_wanted(self, tree):
        assert self.found(tree, ["b"]) == ["!b"]
        assert self.found(tree, ["b"], directories=True) == ["b/1.dcm", "b/2.dcm"]
        assert self.found(tree, ["a"], directories=True) == ["a/3.dcm", "a/link.dcm", "!a/notes.txt"]

    def test_deeper_only_if_wanted(self, tree):
        assert self.found(tree, [""], directories=True, recurse=True, pattern="*.dcm") == [
            "a/3.dcm", "a/link.dcm", "a/deep/4.dcm", "b/1.dcm", "b/2.dcm",
        ]  # fmt: skip

    def test_a_pattern_is_for_what_is_found_not_for_what_is_named(self, tree):
        assert self.found(tree, ["single", "a"], directories=True, pattern="*.dcm") == [
            "single",
            "a/3.dcm",
            "a/link.dcm",
        ]

    def test_reasons_are_told(self, tree):
        (told,) = scan([tree / "missing"])
        assert isinstance(told, Unsendable)
        assert "No such file" in told.error

    def test_a_directory_that_cannot_be_listed(self, tree, monkeypatch):
        def forbidden(path):
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(os, "scandir", forbidden)
        (told,) = scan([tree / "a"], directories=True)
        assert "Permission denied" in told.error

    def test_bare_data_sets_by_reading(self, tree):
        (tree / "bare").write_bytes(data_set())
        assert self.found(tree, ["bare"], reading=Reading.FILE) == ["!bare"]
        assert self.found(tree, ["bare"], reading=Reading.DATA_SET) == ["bare"]
