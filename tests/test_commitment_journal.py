"""Storage commitment requests survive what happens to the provider between its success response and its report."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from dulcet.services.normalized.commitment import CommitmentReports, CommitmentResult, request_information
from dulcet.services.normalized.commitment_journal import CommitmentJournal, PendingCommitment
from dulcet.services.normalized.commitment_scp import StorageCommitment
from wire_peers import SECONDS, until

from dulcet import SCP, SCU, AssociationAborted, Entity

PUSH_MODEL = "1.2.840.10008.1.20.1"
PUSH_MODEL_INSTANCE = "1.2.840.10008.1.20.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
ONE, OTHER = (CT, "1.2.3.1"), (CT, "1.2.3.2")
NOWHERE = Entity.local("MODALITY", 1)

PROVIDER = """
import sys, threading
from dulcet import SCP, Entity
from dulcet.services.normalized.commitment_scp import StorageCommitment

journal, looks = sys.argv[1:]

def check(sop_class_uid, sop_instance_uid):
    return looks == "quickly" or threading.Event().wait()

service = StorageCommitment(
    check,
    entities={"MODALITY": Entity.local("MODALITY", 1)},
    same_association=False,
    retries=[60.0],
    journal=journal,
    at_most=100_000,
)
SCP("ARCHIVE", [service]).serve("127.0.0.1", 0, ready=lambda server: print(server.port, flush=True))
"""
"""A provider that reaches nobody; it looks quickly, or never comes to an end of it."""


@contextmanager
def provider(journal: Path, looks: str) -> Iterator[tuple[Entity, "subprocess.Popen[str]"]]:
    command = [sys.executable, "-c", PROVIDER, str(journal), looks]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Entity.local("ARCHIVE", int(process.stdout.readline())), process
        finally:
            process.kill()


def request(association: Any, uid: str, *instances: tuple[str, str]) -> int:
    information = request_information(uid, instances or [ONE])
    status: int = association.n_action(PUSH_MODEL, PUSH_MODEL_INSTANCE, 1, information).status
    return status


class Modality:
    """Who asked, and hears reports."""

    def __init__(self) -> None:
        self.heard: list[CommitmentResult] = []
        self.service = CommitmentReports(self.heard.append)

    def restarted(self, journal: Path) -> list[CommitmentResult]:
        """What is reported when the provider starts anew, until its journal is empty."""
        with SCP("MODALITY", [self.service]).running() as here:
            again = StorageCommitment(lambda _, uid: uid == ONE[1], entities={"MODALITY": here.entity}, journal=journal)
            with SCP("ARCHIVE", [again]).running():
                until(lambda: not os.listdir(journal), "an empty journal")
        return self.heard


def test_killed_before_it_has_looked(tmp_path: Path) -> None:
    with provider(tmp_path, "never") as (archive, process):
        with SCU("MODALITY").associate(archive, [PUSH_MODEL]) as association:
            assert request(association, "1.2.3.4", ONE, OTHER) == 0x0000
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    (result,) = Modality().restarted(tmp_path)
    assert (result.transaction_uid, result.committed) == ("1.2.3.4", (ONE,))
    assert [(each.sop_instance_uid, each.reason) for each in result.failed] == [(OTHER[1], 0x0112)]


def test_stopped_in_order(tmp_path: Path) -> None:
    """Its reports are owed all the same."""
    with provider(tmp_path, "quickly") as (archive, process):
        with SCU("MODALITY").associate(archive, [PUSH_MODEL]) as association:
            request(association, "1.2.3.4")
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    assert [result.transaction_uid for result in Modality().restarted(tmp_path)] == ["1.2.3.4"]


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_moment(tmp_path: Path, seed: int) -> None:
    """What was acknowledged is reported after the restart, each once."""
    acknowledged: list[str] = []
    seconds = random.Random(seed).uniform(0.02, 0.2)  # noqa: S311  # nothing secret
    with provider(tmp_path, "quickly") as (archive, process):
        killer = threading.Timer(seconds, process.kill)
        association = SCU("MODALITY").associate(archive, [PUSH_MODEL])
        assert request(association, "1.2.3.0") == 0x0000
        acknowledged.append("1.2.3.0")
        killer.start()
        with suppress(AssociationAborted):
            for number in range(1, 100_000):
                assert request(association, f"1.2.3.{number}") == 0x0000
                acknowledged.append(f"1.2.3.{number}")
        assert association.exchange.ending is not None, "it was killed before all that"
        association.close()
        killer.join()
    reported = [result.transaction_uid for result in Modality().restarted(tmp_path)]
    assert len(reported) == len(set(reported))
    assert set(acknowledged) <= set(reported), "nothing acknowledged is lost"
    assert len(reported) <= len(acknowledged) + 1, "and one at most was not yet acknowledged"


def test_who_goes_away_while_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The request has come; that nobody has heard its answer is no reason to drop it."""
    writing, go = threading.Event(), threading.Event()
    enter = CommitmentJournal.enter

    def slowly(journal: CommitmentJournal, pending: PendingCommitment) -> None:
        writing.set()
        assert go.wait(10)
        enter(journal, pending)

    monkeypatch.setattr(CommitmentJournal, "enter", slowly)
    modality = Modality()
    with SCP("MODALITY", [modality.service]).running() as here:
        service = StorageCommitment(lambda *_: True, entities={"MODALITY": here.entity}, journal=tmp_path)
        with SCP("ARCHIVE", [service]).running() as archive:
            association = SCU("MODALITY").associate(archive.entity, [PUSH_MODEL])

            def cut() -> None:
                assert writing.wait(10)
                for connection in list(archive.server.connections):
                    archive.server.loop.call_soon_threadsafe(connection.abort, "gone")

            cutting = threading.Thread(target=cut)
            cutting.start()
            with pytest.raises(AssociationAborted):
                request(association, "1.2.3.4")
            cutting.join(10)
            association.close()
            go.set()
            until(lambda: modality.heard, "a report")
            until(lambda: not os.listdir(tmp_path), "an empty journal")
    assert [result.transaction_uid for result in modality.heard] == ["1.2.3.4"]


def test_reported_and_forgotten(tmp_path: Path) -> None:
    journal = tmp_path / "made" / "here"
    with SCP("ARCHIVE", [StorageCommitment(lambda *_: True, journal=journal)]).running() as archive:
        assert SCU("MODALITY").commit(archive.entity, [ONE]).complete
        until(lambda: not os.listdir(journal), "an empty journal")


def test_given_up_and_forgotten(tmp_path: Path) -> None:
    """Nobody could be reached in all attempts: who wants more of them says so by `retries`."""
    service = StorageCommitment(
        lambda *_: True, entities={"MODALITY": NOWHERE}, same_association=False, retries=[0.0], journal=tmp_path
    )
    with SCP("ARCHIVE", [service]).running() as archive:
        with SCU("MODALITY").associate(archive.entity, [PUSH_MODEL]) as association:
            assert request(association, "1.2.3.4") == 0x0000
        until(lambda: not os.listdir(tmp_path), "an empty journal")


@pytest.mark.parametrize(
    ("kept", "retries", "seconds"),
    [
        (True, None, [2.0, 10.0, 60.0, *[600.0] * 144]),  # a day and 72 s
        (False, None, [2.0, 10.0, 60.0]),
        (True, [5.0, 7.0], [5.0, 7.0]),
    ],
)
def test_how_long_a_report_is_tried(
    tmp_path: Path, kept: bool, retries: list[float] | None, seconds: list[float]
) -> None:
    """Where a journal keeps it, for a day: a modality may be off over night."""
    paused: list[float] = []
    lines: list[str] = []

    async def pause(wanted: float) -> None:
        paused.append(wanted)

    class Log:
        def warning(self, event: str, **_: Any) -> None:
            lines.append(event)

        info = error = warning

    service = StorageCommitment(
        lambda *_: True,
        entities={"MODALITY": NOWHERE},
        same_association=False,
        retries=retries,
        journal=tmp_path if kept else None,
        log=Log(),  # type: ignore[arg-type]  # all it needs of one
        pause=pause,
    )
    with SCP("ARCHIVE", [service]).running() as archive:
        with SCU("MODALITY").associate(archive.entity, [PUSH_MODEL]) as association:
            assert request(association, "1.2.3.4") == 0x0000
        until(lambda: "storage commitment not reported" in lines, "the end of the attempts")
        until(lambda: not os.listdir(tmp_path), "an empty journal")
    assert paused == seconds
    attempts = lines[: lines.index("storage commitment not reported")]
    assert attempts == ["storage commitment: entity not reached"] * (len(seconds) + 1)


def test_a_start_begins_all_attempts_anew(tmp_path: Path) -> None:
    """However many there were before; and one that succeeds is the last."""
    paused: list[float] = []
    waiting = threading.Event()

    async def pause(wanted: float) -> None:
        paused.append(wanted)
        if wanted == 600.0:
            waiting.set()
            await asyncio.Event().wait()

    def service(modality: Entity) -> StorageCommitment:
        return StorageCommitment(
            lambda *_: True, entities={"MODALITY": modality}, same_association=False, journal=tmp_path, pause=pause
        )

    with SCP("ARCHIVE", [service(NOWHERE)]).running() as archive:
        with SCU("MODALITY").associate(archive.entity, [PUSH_MODEL]) as association:
            assert request(association, "1.2.3.4") == 0x0000
        assert waiting.wait(SECONDS)
    assert len(os.listdir(tmp_path)) == 1
    waiting.clear()
    with SCP("ARCHIVE", [service(NOWHERE)]).running():
        assert waiting.wait(SECONDS)
    assert paused == [2.0, 10.0, 60.0, 600.0] * 2
    modality = Modality()
    with SCP("MODALITY", [modality.service]).running() as here, SCP("ARCHIVE", [service(here.entity)]).running():
        until(lambda: not os.listdir(tmp_path), "an empty journal")
    assert [result.transaction_uid for result in modality.heard] == ["1.2.3.4"]
    assert len(paused) == 8


def test_what_cannot_be_kept_is_not_promised(tmp_path: Path) -> None:
    taken = tmp_path / "journal"
    service = StorageCommitment(lambda *_: True, same_association=False, journal=taken)
    taken.write_text("a file in its place")
    with (
        SCP("ARCHIVE", [service]).running() as archive,
        SCU("MODALITY").associate(archive.entity, [PUSH_MODEL]) as association,
    ):
        assert request(association, "1.2.3.4") == 0x0213
        taken.unlink()
        assert request(association, "1.2.3.4") == 0x0000, "and the transaction is not under way"
        until(lambda: not os.listdir(taken), "an empty journal")


def test_a_peer_that_asks_for_too_much(tmp_path: Path) -> None:
    """PS3.7 C.5.22: 0213H; others have room, as far as all together do."""
    go = threading.Event()
    service = StorageCommitment(lambda *_: go.wait(10), at_most=2, same_association=False, journal=tmp_path)
    with SCP("ARCHIVE", [service]).running() as archive:
        with SCU("MODALITY").associate(archive.entity, [PUSH_MODEL]) as association:
            assert [request(association, f"1.2.{n}") for n in range(4)] == [0x0000, 0x0000, 0x0213, 0x0213]
            assert request(association, "1.2.0") == 0x0213, "a duplicate is one more report"
        statuses = []
        for n in range(2, 12):
            with SCU(f"OTHER{n}").associate(archive.entity, [PUSH_MODEL]) as association:
                statuses += [request(association, f"1.2.{n}.{each}") for each in range(2)]
        assert statuses == [0x0000] * 18 + [0x0213] * 2, "20 in all"
        assert len(os.listdir(tmp_path)) == 20
        go.set()
        until(lambda: not os.listdir(tmp_path), "an empty journal")
        with SCU("MODALITY").associate(archive.entity, [PUSH_MODEL]) as association:
            assert request(association, "1.2.2") == 0x0000
            until(lambda: not os.listdir(tmp_path), "an empty journal")


def test_the_journal_of_another_program(tmp_path: Path) -> None:
    """What is none of ours is left alone, and told of."""
    lines: list[tuple[str, Any]] = []

    class Log:
        def warning(self, event: str, **fields: Any) -> None:
            lines.append((event, fields["file"]))

    journal = CommitmentJournal(tmp_path)
    pending = PendingCommitment("1.2.3/../4", (ONE, OTHER), "MODALITY", "ARCHIVE")
    journal.enter(pending)
    journal.enter(pending)
    rubbish = {
        "a.json": b"",
        "b.json": b"{}",
        "c.json": json.dumps({"transaction": "1", "asked-by": "A", "asked": "B", "instances": [["1"]]}).encode(),
        "d.json": b"\xff",
        "notes.txt": b"",
    }
    for name, data in rubbish.items():
        (tmp_path / name).write_bytes(data)
    assert journal.pending() == ([pending], ["a.json", "b.json", "c.json", "d.json"])
    StorageCommitment(lambda *_: True, journal=tmp_path, log=Log())  # type: ignore[arg-type]  # all it needs of one
    assert lines == [("storage commitment journal: not a request", name) for name in sorted(rubbish)[:4]]
    journal.strike(pending)
    journal.strike(pending)
    assert sorted(os.listdir(tmp_path)) == sorted(rubbish)
