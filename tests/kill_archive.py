"""Kill an archive at random moments, again and again, and look at what is left.

    python -m tests.kill_archive --runs 1000

While objects are stored, commitments asked for and studies moved, over the network and several at a time, the process
of the archive is killed (SIGKILL). What must hold then, and after the next start:

- an object that was answered with success is in the index, and its file is whole;
- no row is without its file; after the start every file has its row, and nothing else is there;
- a commitment that was acknowledged is reported on, and says that everything is kept;
- what arrives at a Move Destination is what was stored.

The archive is forked from a process that has imported everything, so that a life begins in a fraction of a second.
"""

import argparse
import hashlib
import logging
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from archive_files import CT, EXPLICIT, instance
from dulcet.acse.policy import SupportedContext
from dulcet.dimse.fragments import Memory
from dulcet.dimse.messages import Response
from dulcet.services.archive.archive import JOURNAL
from dulcet.services.archive.index import SQLITE, ArchiveIndex
from dulcet.services.identifiers import encode
from dulcet.services.normalized.commitment import (
    STORAGE_COMMITMENT,
    STORAGE_COMMITMENT_INSTANCE,
    CommitmentReports,
    CommitmentResult,
    request_information,
)
from dulcet.services.query.models import QueryExtension
from dulcet.services.scu import LiveAssociation
from dulcet.services.storage.part10 import file_meta, peek
from dulcet.services.storage.publishing import TEMPORARY_PREFIX

from dulcet import SCP, SCU, AssociationError, Entity, Operation, Service, Timeouts

STUDIES = 5
LIVES = 100
"""Of one directory; then another one begins, so that looking at all of it stays quick."""
WAIT = 60.0
"""Seconds that nothing takes unless something is wrong."""


# ---- the archive, in a process of its own ----


def forking() -> None:
    """The parent of archives: for each line `directory viewer-port modality-port` it forks one, which tells its process
    and port."""
    from dulcet.services.archive.archive import Archive

    for line in sys.stdin:
        directory, viewer, modality = line.rsplit(maxsplit=2)
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            print("over", flush=True)
            continue
        entities = {"VIEWER": Entity.local("VIEWER", int(viewer)), "MODALITY": Entity.local("MODALITY", int(modality))}
        with Archive(directory, destinations=entities) as archive:
            scp = SCP("ARCHIVE", archive.services, timeouts=Timeouts(artim=2.0))
            scp.serve("127.0.0.1", 0, ready=lambda server: print(os.getpid(), server.port, flush=True))
        os._exit(0)


@dataclass
class Archives:
    """Starts archives."""

    parent: "subprocess.Popen[str]"
    ports: tuple[int, int]

    @contextmanager
    def life(self, directory: Path) -> Iterator[tuple[int, Entity]]:
        """An archive: its process, and where it is. It is killed in the end, at the latest."""
        assert self.parent.stdin is not None
        assert self.parent.stdout is not None
        print(directory, *self.ports, file=self.parent.stdin, flush=True)
        pid, port = map(int, self.parent.stdout.readline().split())
        try:
            yield pid, Entity.local("ARCHIVE", port)
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            assert self.parent.stdout.readline() == "over\n"


@contextmanager
def archives(*ports: int) -> Iterator[Archives]:
    command = [sys.executable, __file__, "--forking"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        yield Archives(parent, ports)  # type: ignore[arg-type]  # two
        assert parent.stdin is not None
        parent.stdin.close()


# ---- what was promised ----


@dataclass
class Ledger:
    """What one directory has acknowledged, and what is wrong."""

    digests: dict[str, str] = field(default_factory=dict)
    """Of every object that was sent, by SOP Instance UID."""
    stored: dict[str, None] = field(default_factory=dict)
    """Those answered with success, in that order."""
    asked: dict[str, int] = field(default_factory=dict)
    """Commitments that were acknowledged: the number of instances by Transaction UID."""
    reported: dict[str, CommitmentResult] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    checked: int = 0
    """How many of `stored` have been looked at."""

    def report(self, result: CommitmentResult) -> None:
        self.reported[result.transaction_uid] = result

    def arrived(self, uid: str, digest: str) -> None:
        if self.digests.get(uid) != digest:
            self.wrong.append(f"{uid} arrived at the destination as something else")


def made(folder: Path, number: int) -> tuple[str, Path, str]:
    """The object of a number: its UID, its file, and what its data set must be."""
    study = f"1.2.{number % STUDIES}"
    uid = f"{study}.1.{number}"
    dataset = instance(uid, study=study, series=f"{study}.1", pixels=number.to_bytes(4, "big") * 2_000)
    encoded = encode(dataset, EXPLICIT)
    path = folder / f"{number}.dcm"
    path.write_bytes(file_meta(CT, uid, EXPLICIT) + encoded)
    return uid, path, hashlib.sha256(encoded).hexdigest()


def digest_of(path: Path) -> str:
    contents = path.read_bytes()
    return hashlib.sha256(contents[peek(contents).dataset_offset :]).hexdigest()


# ---- what goes on while it lives ----


class Traffic:
    """Threads that keep an archive busy until it is gone."""

    def __init__(self, peer: Entity, folder: Path, ledger: Ledger, numbers: Iterator[int], seed: int) -> None:
        self._peer, self._folder, self._ledger, self._numbers, self._seed = peer, folder, ledger, numbers, seed
        self.counts: Counter[str] = Counter()
        self._taking = threading.Lock()
        self._threads = [
            threading.Thread(target=self._until_gone, args=(work, seed + number))
            for number, work in enumerate((self._store, self._store, self._commit, self._move))
        ]

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join(WAIT)
            if thread.is_alive():
                self._ledger.wrong.append("a client hangs")

    def _until_gone(self, work: Callable[[random.Random], None], seed: int) -> None:
        with suppress(AssociationError):
            work(random.Random(seed))  # noqa: S311  # nothing secret

    def _store(self, chance: random.Random) -> None:
        with SCU("MODALITY").associate(self._peer, [(CT, [EXPLICIT])]) as association:
            while True:
                with self._taking:
                    number = next(self._numbers)
                if chance.random() < 0.1 and number > 10:
                    number = chance.randrange(number)  # again, or for the first time where it was lost with its archive
                uid, path, digest = made(self._folder, number)
                self._ledger.digests[uid] = digest
                status = association.store(path).status
                if status != 0:
                    self._ledger.wrong.append(f"{uid} was answered with {status}")
                self._ledger.stored[uid] = None
                self.counts["stored"] += 1

    def _commit(self, chance: random.Random) -> None:
        reports = CommitmentReports(self._ledger.report)
        with SCU("MODALITY").associate(self._peer, [STORAGE_COMMITMENT], services=[reports]) as association:
            for number in range(1_000_000):
                self._ask(association, chance, f"1.3.{self._seed}.{number}")
                if chance.random() < 0.5:  # else the report waits, or finds nobody
                    association.wait_for(lambda: False, 0.005)

    def _ask(self, association: LiveAssociation, chance: random.Random, uid: str) -> None:
        stored = list(self._ledger.stored)
        if not stored:
            association.wait_for(lambda: bool(self._ledger.stored), 0.005)
            return
        instances = [(CT, each) for each in chance.choices(stored, k=3)]
        information = request_information(uid, instances)
        answer = association.n_action(STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE, 1, information)
        if answer.status == 0:
            self._ledger.asked[uid] = len(instances)
            self.counts["committed"] += 1
        elif answer.status != 0x0213:
            self._ledger.wrong.append(f"a commitment was answered with {answer.status}")

    def _move(self, chance: random.Random) -> None:
        while True:
            study = f"1.2.{chance.randrange(STUDIES)}"
            moved = SCU("WORKSTATION").move(self._peer, destination="VIEWER", StudyInstanceUID=study)
            if not moved.ok:
                self._ledger.wrong.append(f"a move ended with {moved}")
            self.counts["moved"] += 1
            self.counts["objects moved"] += moved.completed


# ---- what must hold ----


def look_at_the_dead(directory: Path, ledger: Ledger) -> None:
    """After a kill, before the next start."""
    database = sqlite3.connect(directory / SQLITE)
    with database:
        rows = dict(database.execute("select sop_instance_uid, path from instances"))
    database.close()
    for uid in list(ledger.stored)[ledger.checked :]:
        if uid not in rows:
            ledger.wrong.append(f"{uid} was acknowledged and is not in the index")
    for uid, path in rows.items():
        if not (directory / path).exists():
            ledger.wrong.append(f"{uid} has a row and no file")


def look_at_the_living(directory: Path, peer: Entity, ledger: Ledger, *, at_all: bool = False) -> None:
    """After a start, before there is anything to do."""
    there = {
        str(path.relative_to(directory))
        for path in directory.rglob("*")
        if path.is_file() and not path.name.startswith(SQLITE) and path.parent.name != JOURNAL
    }
    if any(Path(path).name.startswith(TEMPORARY_PREFIX) for path in there):
        ledger.wrong.append("something was left behind")
    with ArchiveIndex(directory) as index:
        known = set(index.paths())
    if known != there:
        ledger.wrong.append(f"index and files differ: {sorted(known ^ there)[:3]}")
    new = list(ledger.stored)[0 if at_all else ledger.checked :]
    for uid in new:
        study = ".".join(uid.split(".")[:3])
        path = directory / study / f"CT.{uid}.dcm"
        if not path.exists() or digest_of(path) != ledger.digests[uid]:
            ledger.wrong.append(f"{uid} was acknowledged and is not whole")
    if new:
        relational = QueryExtension(relational=True)
        found = {each.SOPInstanceUID for each in SCU("ME").find(peer, level="IMAGE", extension=relational)}
        if missing := [uid for uid in new if uid not in found]:
            ledger.wrong.append(f"{missing[0]} was acknowledged and is not found")
    ledger.checked = len(ledger.stored)


def look_at_the_reports(ledger: Ledger) -> None:
    """When an archive has lived long enough to report everything."""
    until = time.monotonic() + WAIT
    while len(ledger.reported.keys() & ledger.asked.keys()) < len(ledger.asked) and time.monotonic() < until:
        time.sleep(0.02)  # before the next look
    for uid, instances in ledger.asked.items():
        result = ledger.reported.get(uid)
        if result is None:
            ledger.wrong.append(f"commitment {uid} was acknowledged and not reported")
        elif result.failed or len(result.committed) != instances:
            ledger.wrong.append(f"commitment {uid} says that something is not kept: {result.failed[:1]}")


# ---- runs ----


class Viewer(Service):
    """A Move Destination that compares what arrives with what was sent."""

    def __init__(self) -> None:
        self.ledger = Ledger()

    def supports(self, abstract_syntax: str) -> SupportedContext | None:
        return SupportedContext((EXPLICIT,)) if abstract_syntax == CT else None

    def perform(self, operation: Operation) -> Response:
        assert isinstance(operation.sink, Memory)
        digest = hashlib.sha256(operation.sink.getvalue()).hexdigest()
        self.ledger.arrived(str(operation.request.sop_instance_uid), digest)
        return operation.request.response(0x0000)


def killed(runs: int, seed: int, seconds: float = float("inf")) -> tuple[Counter[str], list[str]]:
    """So many lives, or as many as there is time for: what was done in them, and what is wrong."""
    chance = random.Random(seed)  # noqa: S311  # nothing secret
    totals: Counter[str] = Counter()
    wrong: list[str] = []
    until = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="dulcet-kill-") as name:
        viewer, ledgers = Viewer(), [Ledger()]
        reports = CommitmentReports(lambda result: ledgers[-1].report(result))
        with (
            SCP("VIEWER", [viewer]).running() as there,
            SCP("MODALITY", [reports]).running() as here,
            archives(there.port, here.port) as parent,
        ):
            for first in range(0, runs, LIVES):
                if time.monotonic() >= until or wrong:
                    break
                folder = Path(name, f"{first}")
                (folder / "sources").mkdir(parents=True)
                ledger = viewer.ledger = Ledger()
                ledgers.append(ledger)
                lives(parent, folder, ledger, chance, min(LIVES, runs - first), until, totals)
                wrong += ledger.wrong
    return totals, wrong


def lives(
    parent: Archives,
    folder: Path,
    ledger: Ledger,
    chance: random.Random,
    count: int,
    until: float,
    totals: Counter[str],
) -> None:
    """Those of one directory, and a last one that ends in peace."""
    numbers = iter(range(10_000_000))
    directory = folder / "archive"
    for _ in range(count):
        if time.monotonic() >= until or ledger.wrong:
            break
        with parent.life(directory) as (pid, peer):
            look_at_the_living(directory, peer, ledger)
            with Traffic(peer, folder / "sources", ledger, numbers, chance.randrange(1 << 30)) as traffic:
                time.sleep(chance.uniform(0.0, 0.4))  # the moment is what a seed varies
                os.kill(pid, signal.SIGKILL)
        look_at_the_dead(directory, ledger)
        totals += traffic.counts
        totals["kills"] += 1
    with parent.life(directory) as (_, peer):
        look_at_the_living(directory, peer, ledger, at_all=True)
        look_at_the_reports(ledger)
    totals["objects kept"] += len(ledger.stored)
    totals["commitments reported"] += len(ledger.reported.keys() & ledger.asked.keys())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.kill_archive", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000, help="kills (default: 1000)")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="end after so long")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    parser.add_argument("--forking", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    logging.disable(logging.ERROR)  # associations end in all ways here
    if options.forking:
        forking()
        return 0
    began = time.monotonic()
    totals, wrong = killed(options.runs, options.seed, options.seconds)
    print(f"seed {options.seed}, {time.monotonic() - began:.0f} s")
    for what, number in sorted(totals.items()):
        print(f"{number:8} {what}")
    print("\n".join(wrong[:20]) or "nothing that was acknowledged is lost; index and files agree")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
