"""The index of an archive in a real PostgreSQL: the same code, and the same answers as with SQLite."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from archive_cases import MATCHING, STUDY_ROOT, ask, matched, record, request
from archive_files import instance, store, write
from dulcet.services.archive.archive import Archive
from dulcet.services.archive.index import ArchiveIndex
from dulcet.services.query.models import QueryExtension
from live_peers import Server, dulcet
from live_postgresql import Cluster

from dulcet import SCU, Entity

Proven = Callable[..., None]


@pytest.fixture(scope="module")
def index(postgresql: Cluster) -> Iterator[ArchiveIndex]:
    with ArchiveIndex(postgresql.database()) as opened:
        yield opened


@pytest.mark.parametrize(("what", "keyword", "key", "values", "found"), MATCHING, ids=[case[0] for case in MATCHING])
def test_matching(index: ArchiveIndex, what: str, keyword: str, key: Any, values: list[str], found: list[str]) -> None:
    assert matched(index, keyword, key, values) == found


def test_counts_and_lists(index: ArchiveIndex) -> None:
    index.clear()
    for number, modality in enumerate(("CT", "CT", "MR")):
        index.add(record(1, SOPInstanceUID=f"1.{number}", SeriesInstanceUID=f"2.{modality}", Modality=modality))
    (found,) = ask(index, NumberOfStudyRelatedInstances="", NumberOfStudyRelatedSeries="", ModalitiesInStudy="M?")
    assert (found.NumberOfStudyRelatedInstances, found.NumberOfStudyRelatedSeries) == (3, 2)
    assert list(found.ModalitiesInStudy) == ["CT", "MR"]


def test_date_and_time_together(index: ArchiveIndex) -> None:
    index.clear()
    for number, (day, time) in enumerate((("20260101", "1900"), ("20260101", "2100"), ("20260102", "0500"))):
        index.add(record(number, StudyDate=day, StudyTime=time))
    wanted = request("STUDY", StudyDate="20260101-20260102", StudyTime="2000-0600", PatientID="")
    search = index.search(wanted, STUDY_ROOT, QueryExtension(date_time_matching=True))
    assert [each.PatientID for each in index.answers(search)] == ["P1", "P2"]


def test_more_uids_than_a_statement_takes(index: ArchiveIndex) -> None:
    index.clear()
    index.add(record(1, SOPInstanceUID="1.2.3"))
    uids = [f"9.{number}" for number in range(70_000)] + ["1.2.3"]
    assert len(ask(index, "IMAGE", SOPInstanceUID=uids)) == 1


def test_several_processes_add_at_a_time(postgresql: Cluster) -> None:
    """Each has an index of its own; the studies are the same."""
    url = postgresql.database()
    with ArchiveIndex(url), ArchiveIndex(url) as first, ArchiveIndex(url) as second:

        def some(index: ArchiveIndex, name: int) -> None:
            for number in range(40):
                index.add(record(number % 3, SOPInstanceUID=f"{name}.{number}"))

        threads = [threading.Thread(target=some, args=(each, name)) for name, each in enumerate((first, second) * 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(ask(first, "IMAGE")) == 160
        assert len(ask(second)) == 3


def test_an_archive_is_consistent_after_a_kill(postgresql: Cluster, tmp_path: Path, proven: Proven) -> None:
    url, script = postgresql.database(), Path(__file__).parents[1] / "archive_files.py"
    child = subprocess.Popen([sys.executable, script, tmp_path, "0", url], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    stored = [int(child.stdout.readline()) for _ in range(30)]
    child.kill()
    stored += [int(line) for line in child.communicate()[0].splitlines() if line.strip()]
    with Archive(tmp_path, url) as archive:
        files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.dcm")}
        assert set(archive.index.paths()) == files
        assert len(files) >= len(stored)
        assert store(archive, instance("1.2.3")) == 0
        assert archive.reindex().added == len(files) + 1
    proven("PostgreSQL", "client", "index", "kill -9", "reindex")


def test_the_tool(postgresql: Cluster, tmp_path: Path, proven: Proven) -> None:
    file = write(tmp_path / "in", instance("1.2.1.1", study="1.2", series="1.2.1"))
    command = dulcet("qrscp", "--port", "PORT", "--index", postgresql.database(), tmp_path / "archive")
    with Server(command, tmp_path / "log") as server:
        peer, scu = Entity("QRSCP", "127.0.0.1", server.port), SCU("ME")
        assert all(result.stored for result in scu.store(peer, [file]))
        (study,) = scu.find(peer, level="STUDY", PatientName="DOE*")
        assert scu.get(peer, study, tmp_path / "got").completed == 1
    assert not list((tmp_path / "archive").glob("index.sqlite*"))
    proven("PostgreSQL", "client", "index", "store, find and get with qrscp")
