"""Directories for received objects: by study, by date, by name; one for each study, whoever sends at the same time."""

from datetime import datetime
from pathlib import Path
from threading import Barrier, Thread

import pytest
from data_sets import CT, EXPLICIT, data_set, element
from dulcet.services.storage import filing, sorting
from dulcet.services.storage.incoming import FileStore
from dulcet.services.storage.outcome import StoreOutcome
from dulcet.services.storage.sorting import ByPatientName, BySeriesDate, ByStudyTime, ByStudyUID, Sorting

MOMENT = datetime(2026, 3, 9, 7, 5, 2, 48_901)
STUDY, NAME, CHARACTERS, DATE = 0x0020000D, 0x00100010, 0x00080005, 0x00080021


def stored(store: FileStore, uid: str, encoded: bytes) -> StoreOutcome:
    incoming = store.begin(sop_class_uid=CT, sop_instance_uid=uid, transfer_syntax_uid=EXPLICIT)
    incoming.write(encoded)
    return incoming.finish()


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_by_study_uid() -> None:
    assert ByStudyUID("study").directories({STUDY: b"1.2.3\0"}, MOMENT) == ("study_1.2.3",)
    assert ByStudyUID().directories({STUDY: b"1.2.3"}, MOMENT) == ("1.2.3",)


def test_by_time_each_study_has_its_own() -> None:
    by_time = ByStudyTime("in")
    directories = [by_time.directories({STUDY: study}, MOMENT) for study in (b"1.1", b"1.2", b"1.1", b"1.3", b"1.2")]
    assert directories == [
        ("in_20260309_070502048",),
        ("in_20260309_070502048_1",),
        ("in_20260309_070502048",),
        ("in_20260309_070502048_2",),
        ("in_20260309_070502048_1",),
    ]


def test_only_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "_REMEMBERED", 2)
    by_time = ByStudyTime("in")
    for number in range(5):
        assert len(by_time.directories({STUDY: b"1.%d" % number}, MOMENT)) == 1
    assert len(by_time._names) <= 2


def test_studies_that_begin_at_once() -> None:
    by_time, start, found = ByStudyTime("in"), Barrier(8), {}

    def begin(number: int) -> None:
        start.wait()
        for study in range(50):
            found[number, study] = by_time.directories({STUDY: b"1.%d" % study}, MOMENT)

    threads = [Thread(target=begin, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({found[0, study] for study in range(50)}) == 50
    assert all(found[number, study] == found[0, study] for number, study in found)


@pytest.mark.parametrize(
    ("characters", "name", "beginning"),
    [
        (b"", b"Doe^Jane ", "Doe_Jane"),
        (b"ISO_IR 100", "Müller^Jörg".encode("latin-1"), "Muller_Jorg"),
        (b"ISO_IR 192", "Müller^Jörg".encode(), "Muller_Jorg"),
        (b"ISO_IR 192", b"\xff\xfe/..", "ANONYMOUS"),
        (b"", b"", "ANONYMOUS"),
    ],
)
def test_by_patient_name(characters: bytes, name: bytes, beginning: str) -> None:
    values = {STUDY: b"1.2", CHARACTERS: characters, NAME: name}
    assert ByPatientName().directories(values, MOMENT) == (f"{beginning}_20260309_070502048",)


def test_by_series_date() -> None:
    assert BySeriesDate().directories({DATE: b"20240229"}, MOMENT) == ("data", "2024", "02", "29")
    assert BySeriesDate().directories({}, MOMENT) == ("undef", "20260309")


@pytest.mark.parametrize("prefix", ["a/b", "..", ".x", "x" * 49])
@pytest.mark.parametrize("kind", [ByStudyUID, ByStudyTime])
def test_prefixes_are_checked(kind: type[ByStudyUID] | type[ByStudyTime], prefix: str) -> None:
    with pytest.raises(ValueError, match=r"at most|hidden"):
        kind(prefix)


def test_a_time_needs_a_prefix() -> None:
    with pytest.raises(ValueError, match="give a prefix"):
        ByStudyTime("")


@pytest.mark.parametrize("mode", ["durable", "crash-safe"])
def test_a_store_that_sorts_by_date(tmp_path: Path, mode: str) -> None:
    date = element((0x0008, 0x0021), "DA", "20240229")
    with FileStore(tmp_path, sorting=BySeriesDate(), mode=mode, low_space=0) as store:  # type: ignore[arg-type]  # one of its words
        first = stored(store, "1.2.1", data_set("1.2.1", after=date))
        again = stored(store, "1.2.1", data_set("1.2.1", after=date))
        without = stored(store, "1.2.2", data_set("1.2.2"))
    assert (first.outcome, again.outcome, without.outcome) == ("stored", "identical", "stored")
    today = f"{datetime.now():%Y%m%d}"
    assert names(tmp_path) == ["data/2024/02/29/CT.1.2.1", f"undef/{today}/CT.1.2.2"]
    assert first.path == tmp_path / "data/2024/02/29/CT.1.2.1"


@pytest.mark.parametrize(("kind", "beginning"), [(ByStudyTime("s"), "s_"), (ByPatientName(), "A_B_")])
def test_a_store_that_sorts_by_study(tmp_path: Path, kind: Sorting, beginning: str) -> None:
    with FileStore(tmp_path, sorting=kind, low_space=0) as store:
        for number, study in enumerate(("1.1", "1.2", "1.1")):
            assert stored(store, f"1.9.{number}", data_set(f"1.9.{number}", study=study)).status == 0
        assert stored(store, "1.9.9", data_set("1.9.9", study="")).status == 0xC000
    directories = {path.parent.name for path in tmp_path.rglob("CT.*")}
    assert len(directories) == 2
    assert all(name.startswith(beginning) for name in directories)
    assert len(names(tmp_path)) == 3


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        ("short", "CT_" + "[0-9a-f]" * 16),
        ("time", "[0-9]" * 17 + "*.CT"),
        ("system-time", "[0-9]" * 14 + "." + "[0-9]" * 6 + ".CT"),
        ("unique", "CT.X.2.25.*"),
    ],
)
def test_names_that_are_new_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, pattern: str) -> None:
    class Clock(datetime):
        """Stands still, but for every third look."""

        looks = 0

        @classmethod
        def now(cls, tz: object = None) -> "Clock":  # type: ignore[override]  # a Clock, which is what the test looks at
            cls.looks += 1
            return cls(2026, 3, 9, 7, 5, 2, cls.looks // 3)

    monkeypatch.setattr(filing, "datetime", Clock)
    with FileStore(tmp_path, filenames=kind, low_space=0) as store:  # type: ignore[arg-type]  # one of its words
        outcomes = [stored(store, "1.2.1", data_set("1.2.1")) for _ in range(5)]
    assert [outcome.outcome for outcome in outcomes] == ["stored"] * 5
    assert len(list(tmp_path.glob(pattern))) == len(names(tmp_path)) == 5
