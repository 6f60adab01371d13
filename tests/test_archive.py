"""An archive: what was stored is found, moved and got, and what was acknowledged survives."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from archive_files import CT, EXPLICIT, instance, numbered, store, write
from data_sets import data_set
from dulcet.dul.items import ProposedContext
from dulcet.services.archive.archive import Archive
from dulcet.services.identifiers import encode
from dulcet.services.query.keys import identifier, keys
from dulcet.services.query.models import QueryExtension, model, model_of
from dulcet.services.query.query import QueryFailed
from sqlalchemy.exc import OperationalError

from dulcet import SCP, SCU, Storage

STUDY_ROOT = model_of(model("find", "study"))
RELATIONAL = QueryExtension(relational=True)


def found(archive):
    """The SOP Instance UIDs a query sees."""
    search = archive.index.search(identifier("IMAGE"), STUDY_ROOT, RELATIONAL)
    return {each.SOPInstanceUID for each in archive.index.answers(search)}


@pytest.fixture
def study(tmp_path):
    """Files of two studies, one of them with two series."""
    return [
        write(tmp_path / "in" / f"{uid}.dcm", instance(uid, study=uid[:3], series=uid[:5], patient=f"P{uid[2]}"))
        for uid in ("1.1.1.1", "1.1.1.2", "1.1.2.1", "1.2.1.1")
    ]


@pytest.fixture
def viewer(tmp_path):
    """Somewhere to move to."""
    with SCP("VIEWER", [Storage(tmp_path / "viewer")]).running() as running:
        yield running.entity


@pytest.fixture
def archive(tmp_path, viewer):
    with Archive(tmp_path / "archive", destinations={"VIEWER": viewer}) as opened:
        yield opened


@pytest.fixture
def peer(archive):
    with SCP("ARCHIVE", archive.services).running() as running:
        yield running.entity


def names(folder):
    return sorted(path.name for path in Path(folder).rglob("CT.*"))


def test_store_find_move_and_get(archive, peer, study, tmp_path):
    scu = SCU("ME")
    assert all(result.stored for result in scu.store(peer, study))
    (first, _) = scu.find(peer, level="STUDY", NumberOfStudyRelatedInstances="", ModalitiesInStudy="", PatientID="")
    assert (first.StudyInstanceUID, first.PatientID) == ("1.1", "P1")
    assert (first.NumberOfStudyRelatedInstances, first.ModalitiesInStudy) == (3, "CT")
    assert first.RetrieveAETitle == "ARCHIVE"
    series = list(scu.find(peer, level="SERIES", StudyInstanceUID="1.1"))
    assert [each.SeriesInstanceUID for each in series] == ["1.1.1", "1.1.2"]
    moved = scu.move(peer, destination="VIEWER", level="STUDY", StudyInstanceUID="1.1")
    assert (moved.status, moved.completed, moved.failed) == (0, 3, 0)
    assert names(tmp_path / "viewer") == ["CT.1.1.1.1", "CT.1.1.1.2", "CT.1.1.2.1"]
    got = scu.get(peer, store=tmp_path / "got", level="SERIES", StudyInstanceUID="1.1", SeriesInstanceUID="1.1.2")
    assert (got.status, got.completed) == (0, 1)
    (file,) = (tmp_path / "got").rglob("CT.*")
    assert file.read_bytes().endswith(encode(instance("1.1.2.1", study="1.1", series="1.1.2"), EXPLICIT))


def test_what_was_stored_is_committed(archive, peer, study):
    scu = SCU("ME")
    list(scu.store(peer, study))
    result = scu.commit(peer, [(CT, "1.1.1.1"), (CT, "9.9"), ("1.2.840.10008.5.1.4.1.1.4", "1.1.1.2")])
    assert list(result.committed) == [(CT, "1.1.1.1")]
    assert [(each.sop_instance_uid, each.reason) for each in result.failed] == [("9.9", 0x0112), ("1.1.1.2", 0x0119)]
    (archive.directory / archive.index.instance("1.1.1.1").path).unlink()
    assert archive.committed(CT, "1.1.1.1") == 0x0112


def test_an_unusable_identifier_says_what_is_wrong(peer):
    with pytest.raises(QueryFailed) as refused:
        list(SCU("ME").find(peer, level="SERIES", Modality="CT"))
    assert refused.value.status == 0xA900
    assert refused.value.offending_elements == (0x0020000D,)
    for do in (SCU("ME").get, lambda *given, **keys: SCU("ME").move(*given, destination="VIEWER", **keys)):
        result = do(peer, level="SERIES", SeriesInstanceUID="1.1.1")
        assert result.status == 0xA900


def test_relational_queries_where_negotiated(peer, study):
    scu = SCU("ME")
    list(scu.store(peer, study))
    images = scu.find(peer, level="IMAGE", extension=RELATIONAL, PatientID="P1")
    assert len(list(images)) == 3
    got = []
    result = scu.get(peer, store=study[0].parent / "got", level="IMAGE", SOPInstanceUID="1.2.1.1", extension=RELATIONAL,
                     on_stored=got.append)  # fmt: skip
    assert result.status == 0
    assert [each.sop_instance_uid for each in got] == ["1.2.1.1"]


def test_unsupported_keys_are_answered_with_a_warning(peer, study):
    scu = SCU("ME")
    list(scu.store(peer, study))
    with scu.associate(peer, [model("find", "study")]) as association:
        statuses = [
            [match.status for match in association.find(identifier("STUDY", StudyInstanceUID="1.1", **keys))]
            for keys in ({"PatientName": ""}, {"ProcedureCodeSequence": []})
        ]
    assert statuses == [[0xFF00], [0xFF01]]


def test_keys_in_sequences_are_not_matched_and_that_is_said(peer, study):
    """Optional keys that the index does not hold: every answer is FF01H (PS3.4 C.2.2.1.3, Table C.4-1), none is empty
    for their sake, and what is not known comes back without a value."""
    scu = SCU("ME")
    list(scu.store(peer, study))
    asked = keys(RequestedProcedureID="RP1", ScheduledProcedureStepID="SPS1")
    wanted = identifier("SERIES", StudyInstanceUID="1.1", RequestAttributesSequence=[asked])
    with scu.associate(peer, [model("find", "study")]) as association:
        matches = list(association.find(wanted))
    assert [(match.status, match.identifier.SeriesInstanceUID) for match in matches] == [
        (0xFF01, "1.1.1"),
        (0xFF01, "1.1.2"),
    ]
    assert all(len(match.identifier.RequestAttributesSequence) == 0 for match in matches)


def test_an_object_without_a_study_is_refused_and_leaves_nothing(archive, peer):
    with SCU("ME").associate(peer, [ProposedContext(1, CT, (EXPLICIT,))]) as association:
        path = archive.directory.parent / "orphan"
        from dulcet.services.storage.part10 import file_meta

        path.write_bytes(file_meta(CT, "1.2.3", EXPLICIT) + data_set(study=""))
        assert association.store(path).status == 0xC000
    assert names(archive.directory) == []


def test_success_waits_for_the_index(archive, peer, study, monkeypatch):
    """reliability: an object whose row could not be written is not stored, as nobody would find it."""

    def fails(_record):
        raise OperationalError("INSERT", {}, Exception("disk full"))

    monkeypatch.setattr(archive.index, "add", fails)
    scu = SCU("ME")
    (result,) = scu.store(peer, study[:1])
    assert (result.status, result.error) == (0xA700, "the index cannot be written")
    assert found(archive) == set()
    monkeypatch.undo()
    (result,) = scu.store(peer, study[:1])  # the file is there already, and finds its way into the index
    assert result.status == 0
    assert found(archive) == {"1.1.1.1"}


def test_the_youngest_of_different_objects_with_one_uid_is_seen(archive, peer, tmp_path):
    scu = SCU("ME")
    for name in ("first", "second"):
        list(scu.store(peer, [write(tmp_path / name, instance("1.2.1.1", InstanceNumber=len(name)))]))
    list(scu.store(peer, [tmp_path / "first"]))  # once more: it is there, and no younger
    (image,) = scu.find(peer, level="IMAGE", StudyInstanceUID="1.2", SeriesInstanceUID="1.2.1", InstanceNumber="")
    assert image.InstanceNumber == len("second")
    assert len(names(archive.directory)) == 2  # nothing is lost


# ---- index and files ----


def test_files_that_people_put_there_are_found(tmp_path):
    write(tmp_path / "some" / "folder" / "image", instance("1.2.3"))
    (tmp_path / "notes.txt").write_text("no object")
    (tmp_path / ".hidden").write_text("none of our business")
    with Archive(tmp_path) as archive:
        assert (archive.found.added, archive.found.removed, archive.found.unreadable) == (1, 0, ("notes.txt",))
        assert found(archive) == {"1.2.3"}
    with Archive(tmp_path) as archive:
        assert archive.found.added == 0  # known, and not opened again


def test_rows_without_files_are_removed(tmp_path):
    with Archive(tmp_path) as archive:
        assert store(archive, instance("1.2.3")) == store(archive, instance("1.2.4")) == 0
    next(tmp_path.rglob("CT.1.2.3.dcm")).unlink()
    with Archive(tmp_path) as archive:
        assert (archive.found.added, archive.found.removed) == (0, 1)
        assert found(archive) == {"1.2.4"}


def test_files_without_rows_are_entered(tmp_path):
    with Archive(tmp_path) as archive:
        incoming = archive.store.begin(sop_class_uid=CT, sop_instance_uid="1.2.3", transfer_syntax_uid=EXPLICIT)
        incoming.write(encode(instance("1.2.3"), EXPLICIT))
        assert incoming.finish().status == 0  # and here the process dies
        assert found(archive) == set()
    with Archive(tmp_path) as archive:
        assert found(archive) == {"1.2.3"}


def test_what_a_lost_file_superseded_is_seen_again(tmp_path):
    with Archive(tmp_path) as archive:
        for number in (1, 2):
            store(archive, instance("1.2.3", InstanceNumber=number))
        newest = archive.directory / archive.index.instance("1.2.3").path
    newest.unlink()
    with Archive(tmp_path) as archive:
        search = archive.index.search(identifier("IMAGE", InstanceNumber=""), STUDY_ROOT, RELATIONAL)
        assert [each.InstanceNumber for each in archive.index.answers(search)] == [1]


def test_reindexing_tells_how_far_it_is(tmp_path):
    with Archive(tmp_path) as archive:
        for number in range(7):
            store(archive, numbered(number))
        before = found(archive)
        told = []
        again = archive.reindex(lambda *progress: told.append(progress))
        assert (again.added, found(archive)) == (7, before)
    assert told == [(0, 7), (7, 7)]


@pytest.mark.parametrize("content", [b"", b"\0" * 200, b"\0" * 128 + b"DICM", b"\0" * 128 + b"DICM" + b"\xff" * 100])
def test_what_is_no_object_is_left_alone(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    with Archive(tmp_path) as archive:
        assert archive.found.unreadable == ("file",)
    assert (tmp_path / "file").read_bytes() == content


KILLS = 12


def test_acknowledged_objects_survive_a_kill_at_any_moment(tmp_path):
    """reliability 4.5, with the index: each life begins with the reconciliation of the one before."""
    chance = random.Random(4)  # noqa: S311  # the same moments each time, as far as a machine allows
    acknowledged, number = set(), 0
    for _ in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("archive_files.py"), tmp_path / "archive", str(number)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        lines = [child.stdout.readline()]
        assert lines[0], "the child ended by itself"
        time.sleep(chance.random() * 0.05)  # the moment is what a seed varies
        child.kill()
        lines += child.communicate()[0].splitlines()
        whole = [int(line) for line in lines if line.strip()]
        acknowledged.update(whole)
        number = max(whole) + 2  # what it was at when it died stays as it is
    with Archive(tmp_path / "archive") as archive:
        assert found(archive) >= {numbered(each).SOPInstanceUID for each in acknowledged}
        for each in acknowledged:
            stored = archive.index.instance(numbered(each).SOPInstanceUID)
            assert (archive.directory / stored.path).read_bytes().endswith(encode(numbered(each), EXPLICIT))
        files = {path.relative_to(archive.directory).as_posix() for path in archive.directory.rglob("*.dcm")}
        assert set(archive.index.paths()) == files
    with Archive(tmp_path / "archive") as archive:
        assert (archive.found.added, archive.found.removed, archive.found.unreadable) == (0, 0, ())
