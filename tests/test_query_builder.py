"""From a patient to images, with filters in between, and one of them moved."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from data_sets import CT, EXPLICIT, data_set
from dulcet.services.query.keys import keys
from dulcet.services.query.retrieve import Retrieve
from dulcet.services.query.walked import Image, Series, Study
from dulcet.services.scp import RunningSCP
from dulcet.services.storage.part10 import file_meta
from pydicom.dataset import Dataset

from dulcet import (
    SCP,
    SCU,
    LocalProtocolError,
    Operation,
    Query,
    QueryBuilder,
    QueryFailed,
    Storage,
    Verification,
    aio,
)

ASKED: list[tuple[str, ...]] = []


def archive(wanted: Dataset, operation: Operation) -> Iterator[Dataset]:
    """Two studies a patient, two series a study, two images a series; strict about unique keys."""
    level = wanted.QueryRetrieveLevel
    ASKED.append(
        (level, *(str(wanted.get(key, "-")) for key in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID")))
    )
    for number in (1, 2):
        if level == "STUDY":
            yield keys(
                StudyInstanceUID=f"1.{number}",
                PatientID=wanted.PatientID,
                StudyDate=f"2024010{number}",
                AccessionNumber="A",
                StudyDescription="secret",
                ModalitiesInStudy=["CT", "SR"] if number == 1 else "CT",
            )
        elif level == "SERIES":
            uid = f"{wanted.StudyInstanceUID}.{number}"
            yield keys(SeriesInstanceUID=uid, Modality="CT" if number == 1 else "SR", SeriesNumber=str(number))
        else:
            uid = f"{wanted.SeriesInstanceUID}.{number}"
            yield keys(SOPInstanceUID=uid, SOPClassUID=CT, InstanceNumber="" if number == 2 else "1")


@pytest.fixture
def pacs() -> Iterator[RunningSCP]:
    ASKED.clear()
    with SCP("PACS", [Query(archive), Verification()]).running() as running:
        yield running


def test_the_whole_walk(pacs: RunningSCP) -> None:
    builder = QueryBuilder(SCU("CALLER"), pacs.entity)
    studies = list(builder.study_uids("77"))
    assert [(each.study_instance_uid, each.patient_id, each.date) for each in studies] == [
        ("1.1", "77", "20240101"),
        ("1.2", "77", "20240102"),
    ]
    assert [each.modalities for each in studies] == [("CT", "SR"), ("CT",)]
    series = builder.series_uids(each for each in studies if each.date >= "20240102")
    images = list(builder.image_uids(each for each in series if each.modality == "CT"))
    assert [each.sop_instance_uid for each in images] == ["1.2.1.1", "1.2.1.2"]
    assert [each.number for each in images] == [1, None]
    assert images[0].series.study is studies[1]
    assert ASKED == [
        ("STUDY", "77", "", "-"),
        ("SERIES", "-", "1.2", ""),
        ("IMAGE", "-", "1.2", "1.2.1"),
    ]


def test_the_same_on_an_event_loop(pacs: RunningSCP) -> None:
    async def walk() -> list[str]:
        builder = aio.QueryBuilder(aio.SCU("CALLER"), pacs.entity)
        studies = [each async for each in builder.study_uids("77") if each.date >= "20240102"]
        series = builder.series_uids(studies, Modality="")
        return [image.sop_instance_uid async for image in builder.image_uids(series)]

    assert asyncio.run(walk()) == ["1.2.1.1", "1.2.1.2", "1.2.2.1", "1.2.2.2"]
    with pytest.raises(AttributeError, match="QueryBuilders"):
        aio.QueryBuilders  # noqa: B018  # asked for, to no avail


def test_values_are_small_equal_and_discreet(pacs: RunningSCP) -> None:
    builder = QueryBuilder(SCU("CALLER"), pacs.entity)
    first, again = list(builder.study_uids("77")), list(builder.study_uids("77"))
    assert first == again
    assert hash(first[0]) == hash(again[0])
    assert "secret" not in repr(first[0])
    assert first[0].identifier is not None
    assert first[0].identifier.StudyDescription == "secret"


def test_narrowed_by_further_keys(pacs: RunningSCP) -> None:
    builder = QueryBuilder(SCU("CALLER"), pacs.entity)
    assert list(builder.study_uids("77", StudyDate="20240101-"))
    with pytest.raises(LocalProtocolError, match="StudyDat"):
        list(builder.study_uids("77", StudyDat=""))


def test_nothing_above_asks_nothing(pacs: RunningSCP) -> None:
    builder = QueryBuilder(SCU("CALLER"), pacs.entity)
    assert list(builder.image_uids(builder.series_uids([]))) == []
    assert ASKED == []


def test_a_failure_in_between() -> None:
    def failing(wanted: Dataset, operation: Operation) -> list[tuple[int, None]]:
        return [(0xA700, None)]

    with SCP("PACS", [Query(failing)]).running() as running, pytest.raises(QueryFailed):
        list(QueryBuilder(SCU("CALLER"), running.entity).study_uids("1"))


def test_move_image(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(file_meta(CT, "1.2.1.1", EXPLICIT, "") + data_set("1.2.1.1", CT))
    wanted: list[Dataset] = []

    def handler(identifier: Dataset, operation: Operation) -> list[Path]:
        wanted.append(identifier)
        return [path]

    image = Image(Series(Study("1.2"), "1.2.1"), "1.2.1.1")
    with SCP("CATCHER", [Storage(tmp_path / "caught")]).running() as catcher:
        services = [Retrieve(handler, {"CATCHER": catcher.entity})]
        with SCP("PACS", services).running() as running:
            result = SCU("CALLER").move_image(running.entity, image, "CATCHER")
    assert (result.message_id, result.status, result.completed) == (1, 0x0000, 1)
    assert {each.keyword: each.value for each in wanted[0]} == {
        "QueryRetrieveLevel": "IMAGE",
        "StudyInstanceUID": "1.2",
        "SeriesInstanceUID": "1.2.1",
        "SOPInstanceUID": "1.2.1.1",
    }
    assert len(list((tmp_path / "caught").iterdir())) == 1
