"""Storage Commitment, push model: both roles, reports on the same and on another association, and what stands in them.

Tags, types and reasons are those of PS3.4 Tables J.3-1 and J.3-2 and of PS3.3 C.14.1.1.
"""

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from data_sets import EXPLICIT, data_set
from dulcet.dul.items import RoleSelection
from dulcet.services.normalized.commitment import (
    CommitmentRefused,
    CommitmentReports,
    CommitmentResult,
    CommitmentTimeout,
    FailedInstance,
    report_information,
    reported,
    request_information,
)
from dulcet.services.normalized.commitment_scp import StorageCommitment
from dulcet.services.normalized.normalized import Normalized, ServiceFailure
from dulcet.services.storage.part10 import file_meta
from dulcet.services.storage.stored_files import StoredFiles
from pydicom.dataset import Dataset
from wire_peers import SECONDS, until

from dulcet import SCP, SCU, Entity, FileStore, Storage, aio

PUSH_MODEL = "1.2.840.10008.1.20.1"
PUSH_MODEL_INSTANCE = "1.2.840.10008.1.20.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"
HERE, GONE, OTHER = (CT, "1.2.3.1"), (CT, "1.2.3.2"), (CT, "1.2.3.3")
FOUND = {HERE: True, GONE: False, OTHER: 0x0119}
RESULT = ((HERE,), (FailedInstance(*GONE, 0x0112), FailedInstance(*OTHER, 0x0119)))
"""What `check` leads to."""


def check(sop_class_uid: str, sop_instance_uid: str) -> bool | int:
    return FOUND[sop_class_uid, sop_instance_uid]


class Log(list[tuple[str, dict[str, Any]]]):
    """Lines of a log."""

    def info(self, event: str, **fields: Any) -> None:
        self.append((event, fields))

    warning = error = info

    def __bool__(self) -> bool:
        return True

    @property
    def reports(self) -> list[Any]:
        return [fields["association"] for event, fields in self if event == "storage commitment reported"]


# ---- what stands in them ----


def test_a_request() -> None:
    information = request_information("1.2.3", [HERE, GONE])
    assert information[0x0008, 0x1195].value == "1.2.3"
    items = information[0x0008, 0x1199].value
    assert [(item[0x0008, 0x1150].value, item[0x0008, 0x1155].value) for item in items] == [HERE, GONE]


def test_a_report_of_success() -> None:
    result = CommitmentResult("1.2.3", (HERE, GONE), retrieve_ae_title="ARCHIVE")
    event, information = report_information(result)
    assert event == 1
    assert (0x0008, 0x1198) not in information
    assert information[0x0008, 0x0054].value == "ARCHIVE"
    assert reported(information) == result
    assert result.complete


def test_a_report_of_failures() -> None:
    result = CommitmentResult("1.2.3", (), (FailedInstance(*GONE, 0x0112),))
    event, information = report_information(result)
    assert event == 2
    assert (0x0008, 0x1199) not in information
    assert information[0x0008, 0x1198].value[0][0x0008, 0x1197].value == 0x0112
    assert reported(information) == result
    assert not result.complete
    assert str(result.failed[0]) == "1.2.3.2: 0x0112 (No such object instance)"


@pytest.mark.parametrize(("information", "status"), [(None, 0x0114), (Dataset(), 0x0120)])
def test_a_report_on_nothing(information: Dataset | None, status: int) -> None:
    with pytest.raises(ServiceFailure) as failure:
        reported(information)
    assert failure.value.status == status


# ---- on the same association ----


@pytest.fixture
def log() -> Log:
    return Log()


def serving(service: StorageCommitment) -> Any:
    return SCP("ARCHIVE", [service]).running()


def test_on_the_same_association(log: Log) -> None:
    with serving(StorageCommitment(check, retrieve_ae_title="ARCHIVE", log=log)) as archive:
        result = SCU("MODALITY").commit(archive.entity, [HERE, GONE, OTHER])
        assert (result.committed, result.failed, result.retrieve_ae_title) == (*RESULT, "ARCHIVE")
        result = SCU("MODALITY").commit(archive.entity, [HERE])
        assert result.complete
    assert log.reports == ["same", "same"]


def test_on_asyncio(log: Log) -> None:
    with serving(StorageCommitment(check, log=log)) as archive:
        result = asyncio.run(aio.SCU("MODALITY").commit(archive.entity, [HERE, GONE, OTHER]))
        assert (result.committed, result.failed) == RESULT
    assert log.reports == ["same"]


def test_several_on_one_association(log: Log) -> None:
    """All asked for before the first is reported; one report at a time: the window is 1."""
    reports = CommitmentReports()
    asked = threading.Event()

    def slowly(_sop_class_uid: str, sop_instance_uid: str) -> bool:
        return sop_instance_uid != HERE[1] or asked.wait(SECONDS)

    with (
        serving(StorageCommitment(slowly, log=log)) as archive,
        SCU("MODALITY").associate(archive.entity, [PUSH_MODEL], services=[reports]) as association,
    ):
        transactions = [reports.begin([instance]) for instance in (HERE, GONE, OTHER)]
        for transaction in transactions:
            answer = association.n_action(PUSH_MODEL, PUSH_MODEL_INSTANCE, 1, transaction.information)
            assert answer.status == 0x0000
        asked.set()
        assert association.wait_for(lambda: all(transaction.done for transaction in transactions), SECONDS)
    assert log.reports == ["same"] * 3


def test_a_transaction_that_is_under_way(log: Log) -> None:
    """PS3.3 C.14.1.1: 0131H, duplicate transaction UID; the first one is not disturbed."""
    go = threading.Event()
    reports = CommitmentReports()
    heard: list[CommitmentResult] = []
    duplicates = CommitmentReports(heard.append)

    def waiting(_sop_class_uid: str, _sop_instance_uid: str) -> bool:
        return go.wait(SECONDS)

    with serving(StorageCommitment(waiting, log=log)) as archive:
        first, second = (
            SCU("MODALITY").associate(archive.entity, [PUSH_MODEL], services=[service])
            for service in (reports, duplicates)
        )
        with first, second:
            transaction = reports.begin([HERE], "1.2.3")
            for association in (first, second):
                association.n_action(PUSH_MODEL, PUSH_MODEL_INSTANCE, 1, transaction.information)
            assert second.wait_for(lambda: bool(heard), SECONDS)
            assert heard == [CommitmentResult("1.2.3", (), (FailedInstance(*HERE, 0x0131),))]
            go.set()
            assert first.wait_for(lambda: transaction.done, SECONDS)
            assert transaction.future.result().complete


def test_a_check_that_fails(log: Log) -> None:
    def broken(_sop_class_uid: str, _sop_instance_uid: str) -> bool:
        raise OSError("disk")

    with serving(StorageCommitment(broken, log=log)) as archive:
        result = SCU("MODALITY").commit(archive.entity, [HERE])
    assert result.failed == (FailedInstance(*HERE, 0x0110),)
    assert "storage commitment check failed" in dict(log)


@pytest.mark.parametrize(
    ("instance", "action", "information", "status"),
    [
        ("1.2.3", 1, request_information("1.2", [HERE]), 0x0112),
        (PUSH_MODEL_INSTANCE, 2, request_information("1.2", [HERE]), 0x0123),
        (PUSH_MODEL_INSTANCE, 1, None, 0x0114),
        (PUSH_MODEL_INSTANCE, 1, request_information("", [HERE]), 0x0120),
        (PUSH_MODEL_INSTANCE, 1, request_information("1.2", []), 0x0120),
    ],
)
def test_requests_that_are_refused(
    log: Log, instance: str, action: int, information: Dataset | None, status: int
) -> None:
    with (
        serving(StorageCommitment(check, log=log)) as archive,
        SCU("MODALITY").associate(archive.entity, [PUSH_MODEL]) as association,
    ):
        assert association.n_action(PUSH_MODEL, instance, action, information).status == status
    assert log == []


def test_refused_and_not_reported() -> None:
    def refuse(_operation: Any) -> int:
        return 0x0213

    with SCP("ARCHIVE", [Normalized([PUSH_MODEL], on_action=refuse)]).running() as archive:
        with pytest.raises(CommitmentRefused, match=r"0x0213.*Resource limitation") as refused:
            SCU("MODALITY").commit(archive.entity, [HERE])
        assert refused.value.result.status == 0x0213
    with SCP("ARCHIVE", [Normalized([PUSH_MODEL], on_action=lambda _: None)]).running() as archive:
        with pytest.raises(CommitmentTimeout):
            SCU("MODALITY").commit(archive.entity, [HERE], seconds=0.05)
        with pytest.raises(CommitmentTimeout):
            asyncio.run(aio.SCU("MODALITY").commit(archive.entity, [HERE], seconds=0.05))


# ---- on another association ----


@pytest.fixture
def reports() -> CommitmentReports:
    return CommitmentReports()


@pytest.fixture
def modality(reports: CommitmentReports) -> Iterator[Entity]:
    """An SCP of the one that asks."""
    with SCP("MODALITY", [reports]).running() as running:
        yield running.entity


def test_on_another_association(log: Log, reports: CommitmentReports, modality: Entity) -> None:
    entities = {"MODALITY": modality}
    with serving(StorageCommitment(check, entities=entities, same_association=False, log=log)) as archive:
        result = SCU("MODALITY").commit(archive.entity, [HERE, GONE, OTHER], reports=reports)
        assert (result.committed, result.failed) == RESULT
        result = asyncio.run(aio.SCU("MODALITY").commit(archive.entity, [HERE], reports=reports))
        assert result.complete
    assert log.reports == ["new", "new"]


def test_when_the_one_that_asked_has_gone(log: Log, reports: CommitmentReports, modality: Entity) -> None:
    """It released the association at once, which it may (PS3.4 J.3.2.1.2)."""
    go = threading.Event()

    def waiting(_sop_class_uid: str, _sop_instance_uid: str) -> bool:
        return go.wait(SECONDS)

    transaction = reports.begin([HERE])
    with serving(StorageCommitment(waiting, entities=lambda title: modality, log=log)) as archive:
        with SCU("MODALITY").associate(archive.entity, [PUSH_MODEL]) as association:
            association.n_action(PUSH_MODEL, PUSH_MODEL_INSTANCE, 1, transaction.information)
        go.set()
        assert transaction.future.result(SECONDS).committed == (HERE,)
        until(lambda: log.reports, "a report")
    assert log.reports == ["new"]


def test_nobody_to_report_to(log: Log) -> None:
    with serving(StorageCommitment(check, same_association=False, log=log)) as archive:
        with pytest.raises(CommitmentTimeout):
            SCU("MODALITY").commit(archive.entity, [HERE], seconds=0.05)
        until(lambda: "storage commitment not reported" in dict(log), "the end of the attempts")
    assert dict(log)["storage commitment: entity not known"] == {"title": "MODALITY"}


def test_attempts_are_bounded(log: Log) -> None:
    nobody = Entity.local("MODALITY", 1)
    service = StorageCommitment(
        check, entities={"MODALITY": nobody}, same_association=False, retries=(0.0, 0.0), log=log
    )
    with serving(service) as archive:
        with pytest.raises(CommitmentTimeout):
            SCU("MODALITY").commit(archive.entity, [HERE], seconds=0.05)
        until(lambda: "storage commitment not reported" in dict(log), "the end of the attempts")
    assert [event for event, _ in log].count("storage commitment: entity not reached") == 3


def test_delivered_at_a_later_attempt(log: Log, reports: CommitmentReports) -> None:
    with SCP("MODALITY").running() as free:
        port = free.port
    service = StorageCommitment(
        check,
        entities={"MODALITY": Entity.local("MODALITY", port)},
        same_association=False,
        retries=[0.05] * 100,
        log=log,
    )
    transaction = reports.begin([HERE])
    with serving(service) as archive:
        with SCU("MODALITY").associate(archive.entity, [PUSH_MODEL]) as association:
            association.n_action(PUSH_MODEL, PUSH_MODEL_INSTANCE, 1, transaction.information)
        until(lambda: "storage commitment: entity not reached" in dict(log), "an attempt")
        with SCP("MODALITY", [reports]).running(port=port):
            assert transaction.future.result(SECONDS).complete
            until(lambda: log.reports, "a report")
            time.sleep(4 * 0.05)  # time for more attempts, of which there must be none
    assert log.reports == ["new"]


def test_an_answer_ends_the_matter(log: Log) -> None:
    """Even one that refuses the report: the peer has heard it."""
    heard: list[Any] = []

    def refuse(operation: Any) -> int:
        heard.append(operation)
        return 0x0110

    with SCP("MODALITY", [Normalized([PUSH_MODEL], on_event_report=refuse)]).running() as modality:
        service = StorageCommitment(
            check,
            entities={"MODALITY": modality.entity},
            same_association=False,
            retries=[0.0] * 3,
            log=log,
        )
        with serving(service) as archive:
            with pytest.raises(CommitmentTimeout):
                SCU("MODALITY").commit(archive.entity, [HERE], seconds=0.1)
            until(lambda: log.reports, "a report")
    assert dict(log)["storage commitment reported"]["status"] == "0x0110"
    assert len(heard) == 1


def test_a_peer_that_does_not_let_us_be_scp(log: Log) -> None:
    with SCP("MODALITY", [Normalized([PUSH_MODEL])]).running() as modality:
        service = StorageCommitment(
            check, entities={"MODALITY": modality.entity}, same_association=False, retries=(), log=log
        )
        with serving(service) as archive:
            with pytest.raises(CommitmentTimeout):
                SCU("MODALITY").commit(archive.entity, [HERE], seconds=0.05)
            until(lambda: "storage commitment not reported" in dict(log), "the end of the attempts")
    assert "storage commitment: role of SCP not accepted" in dict(log)


def test_both_roles_at_one_scp(log: Log, reports: CommitmentReports) -> None:
    """An archive that commits itself to modalities may have another one commit itself to it."""
    with serving(StorageCommitment(check, reports=reports, log=log)) as archive:
        assert SCU("MODALITY").commit(archive.entity, [HERE]).complete
        transaction = reports.begin([HERE])
        roles = [RoleSelection(PUSH_MODEL, False, True)]
        with SCU("OTHER").associate(archive.entity, [PUSH_MODEL], roles=roles) as association:
            event, information = report_information(CommitmentResult(transaction.uid, (HERE,)))
            told = association.n_event_report(PUSH_MODEL, PUSH_MODEL_INSTANCE, event, information)
        assert told.status == 0x0000
        assert transaction.future.result(0.0).complete


def test_reports_that_are_refused_or_no_news(reports: CommitmentReports, modality: Entity) -> None:
    transaction = reports.begin([HERE])
    event, information = report_information(CommitmentResult(transaction.uid, (HERE,)))
    _, unknown = report_information(CommitmentResult("1.2.3", (HERE,)))
    roles = [RoleSelection(PUSH_MODEL, False, True)]
    with SCU("ARCHIVE").associate(modality, [PUSH_MODEL], roles=roles) as association:

        def tell(instance: str, event_type_id: int, data: Dataset) -> int:
            return association.n_event_report(PUSH_MODEL, instance, event_type_id, data).status

        assert tell("1.2.3", event, information) == 0x0112
        assert tell(PUSH_MODEL_INSTANCE, 3, information) == 0x0113
        assert tell(PUSH_MODEL_INSTANCE, event, unknown) == 0x0114
        assert not transaction.done
        assert tell(PUSH_MODEL_INSTANCE, event, information) == 0x0000
        assert tell(PUSH_MODEL_INSTANCE, event, information) == 0x0000
        reports.forget(transaction)
        assert tell(PUSH_MODEL_INSTANCE, event, information) == 0x0000


# ---- files ----


def stored(folder: Path, name: str, sop_class: str, sop_instance: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file_meta(sop_class, sop_instance, EXPLICIT) + data_set(sop_instance, sop_class))
    return path


def test_files_are_really_looked_at(tmp_path: Path) -> None:
    found = StoredFiles(tmp_path)
    assert found(*HERE) == 0x0112
    path = stored(tmp_path, "CT.1.2.3.1", *HERE)
    assert found(*HERE) is True
    assert found(MR, HERE[1]) == 0x0119
    path.write_bytes(b"no longer a DICOM file")
    assert found(*HERE) == 0x0112
    path.unlink()
    assert found(*HERE) == 0x0112
    stored(tmp_path, "CT.1.2.3.1", CT, "1.2.3.9")
    assert found(*HERE) == 0x0112


def test_files_of_any_name_anywhere_below(tmp_path: Path) -> None:
    found = StoredFiles(tmp_path)
    stored(tmp_path, "study/series/image.dcm", *HERE)
    assert found(*HERE) is True
    stored(tmp_path, "another.dcm", *GONE)
    assert found(*GONE) is True
    assert found(*HERE) is True


def test_a_directory_is_listed_when_it_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not there must not cost a look at everything that is."""
    found = StoredFiles(tmp_path)
    stored(tmp_path, "study/image.dcm", *HERE)
    for folder in (tmp_path, tmp_path / "study"):
        os.utime(folder, (1.0, 1.0))
    assert found(*GONE) == 0x0112
    listed: list[str] = []
    listing = os.scandir

    def scandir(folder: str) -> Any:
        listed.append(folder)
        return listing(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    assert found(*GONE) == 0x0112
    assert found(*HERE) is True
    assert listed == []
    stored(tmp_path, "study/another.dcm", *GONE)
    assert found(*GONE) is True
    assert listed == [str(tmp_path / "study")]
    assert StoredFiles(tmp_path / "nowhere")(*HERE) == 0x0112


def test_what_was_stored_is_committed(tmp_path: Path, log: Log) -> None:
    files = [stored(tmp_path / "sent", f"{number}.dcm", CT, f"1.2.3.{number}") for number in range(3)]
    with FileStore(tmp_path / "kept", mode="crash-safe", low_space=0) as store:
        services = [Storage(store), StorageCommitment(StoredFiles(store.directory), log=log)]
        with SCP("ARCHIVE", services).running() as archive:
            results = list(SCU("MODALITY").store(archive.entity, files))
            assert all(result.stored for result in results)
            instances = [(result.sop_class_uid, result.sop_instance_uid) for result in results]
            result = SCU("MODALITY").commit(archive.entity, [*instances, OTHER])
    assert result.committed == tuple(instances)
    assert result.failed == (FailedInstance(*OTHER, 0x0112),)
