"""What a storage SCP keeps, and what it answers (PS3.4 B.2.3)."""

import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pydicom
import pytest
from data_sets import BIG_ENDIAN, CT, DEFLATED, EXPLICIT, IMPLICIT, JPEG, MR, data_set, element, nested
from dulcet.services.storage.incoming import FileStore
from dulcet.services.storage.part10 import peek
from dulcet.services.storage.publishing import Directory, Draft
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SHIPPED = Path(pydicom.__file__).parent / "data" / "test_files"


@pytest.fixture(params=["unnamed drafts", "named drafts"])
def store(request, tmp_path):
    with FileStore(tmp_path / "store", low_space=0) as store:
        store.root.unnamed_files &= request.param == "unnamed drafts"
        yield store


def receive(store, encoded, uid="1.2.3", sop_class=CT, syntax=EXPLICIT, piece=None):
    """One C-STORE."""
    incoming = store.begin(
        sop_class_uid=sop_class, sop_instance_uid=uid, transfer_syntax_uid=syntax, calling_ae_title="STORESCU"
    )
    for start in range(0, len(encoded), piece or len(encoded) or 1):
        incoming.write(memoryview(encoded)[start : start + (piece or len(encoded))])
    return incoming.finish()


def names(store):
    return sorted(os.listdir(store.directory))


def test_stored(store):
    outcome = receive(store, data_set())
    assert (outcome.status, outcome.outcome, outcome.size) == (0, "stored", len(data_set()))
    assert outcome.path == Path(store.directory, "CT.1.2.3")
    contents = outcome.path.read_bytes()
    meta = peek(contents)
    assert contents[meta.dataset_offset :] == data_set()
    assert (meta.sop_class_uid, meta.sop_instance_uid) == (CT, "1.2.3")
    assert (
        (meta.transfer_syntax_uid, meta.source_ae_title)
        == (outcome.transfer_syntax_uid, "STORESCU")
        == (EXPLICIT, "STORESCU")
    )
    assert outcome.path.stat().st_mode & 0o7777 == 0o640
    assert contents[:128] == bytes(128)


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "image_dfl.dcm",
    "JPEG-lossy.dcm", "MR_small_RLE.dcm", "rtplan.dcm", "reportsi.dcm", "SC_rgb_small_odd.dcm"])  # fmt: skip
@pytest.mark.parametrize("piece", [1021, 16372, None])
def test_every_bit_is_kept(tmp_path, name, piece):
    contents = (SHIPPED / name).read_bytes()
    meta = peek(contents)
    sent = contents[meta.dataset_offset :]
    inside = pydicom.dcmread(SHIPPED / name, stop_before_pixels=True)
    with FileStore(tmp_path / "s", mode="crash-safe", digest=True, low_space=0) as store:
        outcome = receive(store, sent, inside.SOPInstanceUID, inside.SOPClassUID, meta.transfer_syntax_uid, piece)
    assert outcome.status == 0
    kept = outcome.path.read_bytes()
    assert kept[peek(kept).dataset_offset :] == sent
    assert outcome.digest == hashlib.sha256(sent).hexdigest()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rest=st.binary(max_size=300_000), piece=st.integers(50, 200_000))
def test_any_fragments_give_the_same_file(tmp_path, rest, piece):
    with FileStore(tmp_path / "s", mode="crash-safe", filenames="unique", low_space=0) as store:
        encoded = data_set(pixels=rest)
        outcome = receive(store, encoded, piece=piece)
    assert outcome.path.read_bytes().endswith(encoded)
    outcome.path.unlink()


def test_a_buffer_may_be_reused_after_write(store):
    buffer = bytearray(data_set())
    incoming = store.begin(sop_class_uid=CT, sop_instance_uid="1.2.3", transfer_syntax_uid=EXPLICIT)
    incoming.write(memoryview(buffer))
    buffer[:] = bytes(len(buffer))
    assert incoming.finish().path.read_bytes().endswith(data_set())


@pytest.mark.parametrize("size", [10, 300_000])
def test_nothing_is_seen_before_finish_nor_after_discard(store, size):
    incoming = store.begin(sop_class_uid=CT, sop_instance_uid="1.2.3", transfer_syntax_uid=EXPLICIT)
    incoming.write(data_set(pixels=bytes(size)))
    assert [name for name in names(store) if not name.startswith(".")] == []
    incoming.discard()
    incoming.discard()
    assert names(store) == []


@pytest.mark.parametrize(
    ("uid", "sop_class", "offending"),
    [
        ("1.2.4", CT, (0x00080018,)),
        ("1.2.3", MR, (0x00080016,)),
        ("", MR, (0x00080016, 0x00080018)),
        ("1.2.3\n", CT, (0x00080018,)),
    ],
)
def test_a_data_set_that_is_another_instance_than_the_command_says(store, uid, sop_class, offending):
    outcome = receive(store, data_set("1.2.3", CT), uid, sop_class)
    assert (outcome.status, outcome.outcome, outcome.offending_elements) == (0xA900, "mismatch", offending)
    assert outcome.path is None
    assert names(store) == []


@pytest.mark.parametrize(
    ("encoded", "comment"),
    [
        (b"", "a UID is missing from the data set"),
        (data_set(uid=""), "a UID is missing from the data set"),
        (data_set(sop_class=""), "a UID is missing from the data set"),
        (b"GET / HTTP/1.1\r\n\r\n", "no value representation after tag (4547,2054) at byte 0 (PS3.5 7"),
        (data_set()[:40], "ends inside an element header at byte 34"),
        (data_set(before=nested(65)), "sequences nested deeper than 64"),
    ],
)
def test_a_data_set_that_cannot_be_read(store, encoded, comment):
    outcome = receive(store, encoded)
    assert (outcome.status, outcome.outcome) == (0xC000, "not-understood")
    assert outcome.error_comment.startswith(comment[:60])
    assert len(outcome.error_comment) <= 64
    assert names(store) == []


@pytest.mark.parametrize("syntax", [IMPLICIT, BIG_ENDIAN, DEFLATED, JPEG])
def test_uids_are_found_in_every_encoding(store, syntax):
    encoded = data_set(syntax=EXPLICIT if syntax == JPEG else syntax)
    assert receive(store, encoded, syntax=syntax).status == 0


def test_uids_far_from_the_beginning_are_found(store):
    encoded = data_set(before=element((8, 5), "UT", bytes(200_000)))
    assert receive(store, encoded, piece=16372).status == 0


class TestTheSameUID:
    one, other = data_set(pixels=b"one!"), data_set(pixels=b"other!")

    def test_the_same_data_set_again_is_no_news(self, store):
        first = receive(store, self.one)
        os.utime(first.path, ns=(10**18, 10**18))  # a clock tick ago: a write would show
        before = first.path.stat()
        again = receive(store, self.one)
        assert (again.status, again.outcome, again.path) == (0, "identical", first.path)
        after = first.path.stat()
        assert (after.st_ino, after.st_mtime_ns, after.st_size) == (before.st_ino, before.st_mtime_ns, before.st_size)
        assert names(store) == ["CT.1.2.3"]

    def test_from_another_title_it_is_still_the_same(self, store):
        receive(store, self.one)
        incoming = store.begin(
            sop_class_uid=CT, sop_instance_uid="1.2.3", transfer_syntax_uid=EXPLICIT, calling_ae_title="ELSE"
        )
        incoming.write(self.one)
        assert incoming.finish().outcome == "identical"

    def test_both_are_kept(self, store):
        receive(store, self.one)
        kept = receive(store, self.other)
        digest = hashlib.sha256(self.other).hexdigest()[:32]
        assert (kept.status, kept.outcome, kept.path.name) == (0, "kept-both", f"CT.1.2.3-{digest}")
        assert receive(store, self.other).outcome == "identical"
        assert receive(store, self.one).outcome == "identical"
        assert len(names(store)) == 2

    def test_another_encoding_is_another_data_set(self, store):
        receive(store, self.one)
        implicit = data_set(pixels=b"one!", syntax=IMPLICIT)
        assert receive(store, implicit, syntax=IMPLICIT).outcome == "kept-both"

    def test_the_first_is_kept(self, store):
        store.filing = replace_policy(store, "keep-first")
        first = receive(store, self.one)
        assert (receive(store, self.other).status, receive(store, self.other).outcome) == (0, "kept-first")
        assert first.path.read_bytes().endswith(self.one)
        assert names(store) == ["CT.1.2.3"]

    def test_the_newest_replaces(self, store):
        store.filing = replace_policy(store, "replace")
        receive(store, self.one)
        newest = receive(store, self.other)
        assert (newest.status, newest.outcome) == (0, "replaced")
        assert newest.path.read_bytes().endswith(self.other)
        assert names(store) == ["CT.1.2.3"]

    def test_it_is_refused(self, store):
        store.filing = replace_policy(store, "refuse")
        first = receive(store, self.one)
        assert (receive(store, self.other).status, receive(store, self.other).outcome) == (0xC111, "refused")
        assert receive(store, self.one).outcome == "identical"
        assert first.path.read_bytes().endswith(self.one)

    @pytest.mark.parametrize("contents", [b"", b"something else", b"x" * 200])
    def test_a_file_of_somebody_else_is_left_alone(self, store, contents):
        Path(store.directory, "CT.1.2.3").write_bytes(contents)
        assert receive(store, self.one).outcome == "kept-both"
        assert Path(store.directory, "CT.1.2.3").read_bytes() == contents

    def test_even_if_it_has_the_second_name_too(self, store):
        digest = hashlib.sha256(self.one).hexdigest()[:32]
        for name in ("CT.1.2.3", f"CT.1.2.3-{digest}"):
            Path(store.directory, name).write_bytes(b"x")
        outcome = receive(store, self.one)
        assert (outcome.status, outcome.error_comment) == (0xA700, "the file name is taken")


def replace_policy(store, policy):
    from dataclasses import replace

    return replace(store.filing, same_uid=policy)


@pytest.mark.parametrize("mode", ["durable", "crash-safe"])
def test_duplicates_raced_by_threads(tmp_path, mode):
    versions = [data_set(pixels=bytes([version]) * 100_000) for version in range(4)]
    barrier = threading.Barrier(8)

    def resend(number):
        barrier.wait()
        return [receive(store, versions[(number + k) % 4], piece=16372) for k in range(8)]

    with FileStore(tmp_path / "s", mode=mode, low_space=0) as store, ThreadPoolExecutor(8) as pool:
        outcomes = [outcome for some in pool.map(resend, range(8)) for outcome in some]
    assert {outcome.status for outcome in outcomes} == {0}
    counts = [sum(each.outcome == what for each in outcomes) for what in ("stored", "kept-both", "identical")]
    assert counts == [1, 3, 60]
    files = [path.read_bytes() for path in (tmp_path / "s").iterdir()]
    assert sorted(contents[peek(contents).dataset_offset :] for contents in files) == sorted(versions)


def test_studies_raced_by_threads(tmp_path):
    def send(number):
        uid = f"1.2.{number}"
        return receive(store, data_set(uid, study=f"1.9.{number % 3}"), uid)

    with FileStore(tmp_path / "s", sort_on_study_uid="st", low_space=0) as store, ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(send, range(48)))
    assert {outcome.outcome for outcome in outcomes} == {"stored"}
    assert sorted(os.listdir(tmp_path / "s")) == ["st_1.9.0", "st_1.9.1", "st_1.9.2"]
    assert all(outcome.path.exists() for outcome in outcomes)


@pytest.mark.parametrize("study", ["../../etc", "/etc", "..", "a\0b", "."])
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_wire_strings_stay_inside(tmp_path, study, syntax):
    with FileStore(tmp_path / "a" / "b", sort_on_study_uid="", low_space=0) as store:
        outcome = receive(store, data_set("../../x", study=study, syntax=syntax), "../../x", syntax=syntax)
        assert outcome.status == 0
    inside = [path for path in (tmp_path / "a" / "b").rglob("*") if path.is_file()]
    everything = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert everything == inside == [outcome.path]
    assert outcome.path.parent.name.startswith("x-")
    assert outcome.path.name.startswith("CT.x-")


def test_no_study_uid_to_sort_by(tmp_path):
    with FileStore(tmp_path / "s", sort_on_study_uid="", low_space=0) as store:
        outcome = receive(store, data_set(study=""))
    assert (outcome.status, outcome.offending_elements) == (0xC000, (0x0020000D,))


def test_a_link_in_place_of_a_study_directory_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    with FileStore(tmp_path / "s", sort_on_study_uid="", low_space=0) as store:
        (tmp_path / "s" / "1.2.3.9").symlink_to(tmp_path / "elsewhere")
        outcome = receive(store, data_set())
    assert (outcome.status, outcome.error_comment) == (0xA700, "Not a directory")
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("make", [
    lambda path: path.symlink_to("/etc/passwd"),
    lambda path: path.mkdir(),
    lambda path: os.mkfifo(path),
])  # fmt: skip
def test_what_stands_in_a_files_place_is_not_waited_for(tmp_path, make):
    descriptors = len(os.listdir("/proc/self/fd"))
    with FileStore(tmp_path / "s", low_space=0) as store:
        make(tmp_path / "s" / "CT.1.2.3")
        assert receive(store, data_set()).status in (0, 0xA700)
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_a_directory_that_goes_away_or_moves(tmp_path):
    with FileStore(tmp_path / "s", low_space=0) as store:
        (tmp_path / "s").rename(tmp_path / "t")
        assert receive(store, data_set()).status == 0
        assert os.listdir(tmp_path / "t") == ["CT.1.2.3"]
        (tmp_path / "t" / "CT.1.2.3").unlink()
        (tmp_path / "t").rmdir()
        assert receive(store, data_set()).status == 0xA700


def test_options_of_names(tmp_path):
    with FileStore(tmp_path / "s", extension=".dcm", low_space=0) as store:
        assert receive(store, data_set()).path.name == "CT.1.2.3.dcm"
        assert receive(store, data_set(pixels=b"ab")).path.name.endswith(".dcm")
    with FileStore(tmp_path / "u", filenames="unique", low_space=0) as store:
        assert {receive(store, data_set()).outcome for _ in range(3)} == {"stored"}
        assert len(names(store)) == 3


def test_bare_data_sets(tmp_path):
    with FileStore(tmp_path / "s", file_format=False, low_space=0) as store:
        assert receive(store, data_set()).path.read_bytes() == data_set()
        assert receive(store, data_set()).outcome == "identical"
        assert receive(store, data_set(pixels=b"ab")).outcome == "kept-both"


def test_ignore(tmp_path):
    with FileStore(tmp_path / "s", ignore=True, digest=True) as store:
        outcome = receive(store, b"whatever")
        assert (outcome.status, outcome.outcome, outcome.size, outcome.digest) == (0, "ignored", 8, "")
        assert store.sweep() == 0
        with pytest.raises(ValueError, match="ignores"):
            assert store.root
    assert not (tmp_path / "s").exists()


def test_larger_than_allowed(store):
    store.max_object_bytes = 1000
    incoming = store.begin(sop_class_uid=CT, sop_instance_uid="1.2.3", transfer_syntax_uid=EXPLICIT)
    incoming.write(bytes(1000))
    assert not incoming.refused
    incoming.write(bytes(1))
    assert incoming.refused
    incoming.write(bytes(1 << 20))
    outcome = incoming.finish()
    assert (outcome.status, outcome.outcome, outcome.size) == (0xA700, "failed", 1001 + (1 << 20))
    assert outcome.error_comment == "larger than 1000 bytes"
    assert names(store) == []


def test_low_space_is_refused_before_anything_is_written(store):
    store.low_space = 1 << 60
    incoming = store.begin(sop_class_uid=CT, sop_instance_uid="1.2.3", transfer_syntax_uid=EXPLICIT)
    assert incoming.refused
    incoming.write(data_set())
    outcome = incoming.finish()
    assert (outcome.status, outcome.error_comment) == (0xA700, "low on storage space")


@pytest.mark.parametrize(("free", "size", "room"), [
    (1 << 30, 1 << 30, True),
    ((1 << 30) - 1, 1 << 30, False),
    (5 << 30, 100 << 30, True),
    ((5 << 30) - 1, 100 << 30, False),
])  # fmt: skip
def test_the_watermark_is_a_gibibyte_or_a_twentieth(store, monkeypatch, free, size, room):
    store.low_space = None
    monkeypatch.setattr(Directory, "free_bytes", lambda self: (free, size))
    assert store.has_room() is room


class TestConversion:
    @pytest.mark.parametrize("wanted", [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED])
    @pytest.mark.parametrize("received", [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED])
    def test_files_are_in_the_syntax_wanted(self, tmp_path, received, wanted):
        with FileStore(tmp_path / "s", write_transfer_syntax=wanted, low_space=0) as store:
            encoded = data_set(syntax=received)
            outcome = receive(store, encoded, syntax=received)
            assert (outcome.status, outcome.transfer_syntax_uid) == (0, wanted)
            assert receive(store, encoded, syntax=received).outcome == "identical"
        read = pydicom.dcmread(outcome.path)
        assert read.file_meta.TransferSyntaxUID == wanted
        assert read.SOPInstanceUID == "1.2.3"

    def test_compressed_objects_stay_as_they_are(self, tmp_path):
        with FileStore(tmp_path / "s", write_transfer_syntax=IMPLICIT, low_space=0) as store:
            outcome = receive(store, data_set(), syntax=JPEG)
        assert (outcome.status, outcome.transfer_syntax_uid) == (0, JPEG)

    def test_a_data_set_cut_off_is_not_converted(self, tmp_path):
        with FileStore(tmp_path / "s", write_transfer_syntax=IMPLICIT, low_space=0) as store:
            outcome = receive(store, data_set(pixels=bytes(100))[:-10])
            assert (outcome.status, outcome.error_comment) == (0xC000, "ends inside the value of (7FE0,0010)")
            assert names(store) == []


@pytest.mark.parametrize("options", [
    {"extension": "/x"}, {"extension": "x" * 17}, {"sort_on_study_uid": "../x"}, {"sort_on_study_uid": ".x"},
    {"mode": "fast"}, {"same_uid": "any"}, {"write_transfer_syntax": JPEG},
])  # fmt: skip
def test_options_that_make_no_sense(tmp_path, options):
    with pytest.raises(ValueError, match=r"at most|hidden|is not one of|not uncompressed"):
        FileStore(tmp_path / "s", **options)
    assert not (tmp_path / "s").exists()


def test_a_file_in_the_directorys_place(tmp_path):
    (tmp_path / "s").write_bytes(b"")
    with pytest.raises(OSError, match="s"):
        FileStore(tmp_path / "s")


def test_drafts_of_the_dead_are_swept_and_those_of_the_living_are_not(tmp_path):
    with FileStore(tmp_path / "s", low_space=0) as store:
        store.root.unnamed_files = False
        (tmp_path / "s" / ".incoming-dead").write_bytes(b"x")
        (tmp_path / "s" / ".incoming-link").symlink_to("/etc/passwd")
        (tmp_path / "s" / "CT.1").write_bytes(b"x")
        living = Draft(store.root)
        assert store.sweep() == 1
        assert len(names(store)) == 3
        living.close()
        assert names(store) == [".incoming-link", "CT.1"]


def test_a_draft_swept_in_the_moment_of_its_birth_is_made_again(tmp_path, monkeypatch):
    import dulcet.services.storage.publishing as publishing

    with FileStore(tmp_path / "s", low_space=0) as store:
        store.root.unnamed_files = False
        lock = publishing.fcntl.flock
        swept = []

        def sweep_first(fd, how):
            if not swept:
                swept.append(True)
                assert store.sweep() == 1
            lock(fd, how)

        monkeypatch.setattr(publishing.fcntl, "flock", sweep_first)
        draft = Draft(store.root)
        assert len(names(store)) == 1
        draft.close()


def test_errors_of_begin_are_answered_too(store):
    store.low_space = 1
    os.close(store.root.fd)
    store.root.fd, mine = os.open(os.devnull, os.O_RDONLY), store.root.fd
    outcome = receive(store, data_set())
    assert outcome.status == 0xA700
    assert mine >= 0


def test_a_comment_for_every_error(store, monkeypatch):
    for error, comment in ((MemoryError(), "out of memory"), (OSError("odd"), "input/output error")):

        def fail(self, *parts, error=error):
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(Draft, "write", fail)
            assert receive(store, data_set()).error_comment == comment
            assert receive(store, data_set(pixels=bytes(100_000))).error_comment == comment


def test_no_descriptor_leaks(store):
    before = len(os.listdir("/proc/self/fd"))
    for pixels in (b"ab", b"cd", b"ab", bytes(100_000)):
        receive(store, data_set(pixels=pixels))
    receive(store, data_set(), "9.9")
    receive(store, b"")
    assert len(os.listdir("/proc/self/fd")) == before


def test_descriptors_are_not_inherited(store):
    incoming = store.begin(sop_class_uid=CT, sop_instance_uid="1.2.3", transfer_syntax_uid=EXPLICIT)
    incoming.write(bytes(100_000))
    for name in os.listdir("/proc/self/fd"):
        path = f"/proc/self/fd/{name}"
        if os.path.exists(path) and os.readlink(path).startswith(str(store.directory)):
            assert not os.get_inheritable(int(name))
    incoming.discard()


@pytest.mark.parametrize("missing", ["O_TMPFILE", "/proc"])
def test_without_what_unnamed_files_need_they_have_names(tmp_path, monkeypatch, missing):
    opened, exists = os.open, os.path.exists

    def without(path, flags, *rest, **options):
        if flags & os.O_TMPFILE == os.O_TMPFILE and missing == "O_TMPFILE":
            raise OSError(95, "Operation not supported")
        return opened(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", without)
    monkeypatch.setattr(os.path, "exists", lambda path: not path.startswith(missing) and exists(path))
    with FileStore(tmp_path / "s", low_space=0) as store:
        assert not store.root.unnamed_files
        assert receive(store, data_set()).outcome == "stored"
        assert names(store) == ["CT.1.2.3"]


def test_a_draft_whose_name_is_gone_closes_in_peace(tmp_path):
    with FileStore(tmp_path / "s", low_space=0) as store:
        store.root.unnamed_files = False
        draft = Draft(store.root)
        for name in names(store):
            os.unlink(tmp_path / "s" / name)
        draft.close()
        draft.close()
        store.root.close()
        store.root.close()
