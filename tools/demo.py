"""`dulcet demo`: real files through our own SCU and SCP on loopback, and proof that they arrived.

Everything is real: sockets, associations, files on the disk. The files are those in pydicom's wheel, so it needs no
network and no data of one's own. Exit code 0 means that every step held.
"""

import argparse
import hashlib
import logging
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..dul.items import RoleSelection
from ..services.entity import Entity
from ..services.errors import AssociationRejected
from ..services.scp import SCP, RunningSCP
from ..services.scu import SCU
from ..services.shutdown import Shutdown
from ..services.storage.dataset_prefix import SOP_CLASS_UID, SOP_INSTANCE_UID, STUDY_INSTANCE_UID, DataSetError, find
from ..services.storage.outcome import StoreOutcome
from ..services.storage.outgoing import OutgoingFile, scan
from ..services.storage.proposing import propose
from ..services.storage.storage import Storage
from ..services.storage.user import StoreResult
from ..services.verification import Verification
from .exit_codes import ExitCode, Failure
from .log import Log
from .reporting import Progress
from .sequence import Step, diagram
from .termscu import agrees_to_stop

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from ..services.query.retrieve_scu import RetrieveResult

CONTEXTS = 127
"""Presentation contexts of an association besides that of C-GET (PS3.8 9.3.2.2)."""
STOP_SECONDS = 10.0
"""How long the SCP may take to stop."""


def main(argv: Sequence[str]) -> int:
    """Echo, store, compare, shut down, find, move, get; tell of each step."""
    parser = argparse.ArgumentParser(
        "dulcet demo",
        description="Start a storage SCP on loopback, send it the real files of pydicom's wheel, compare what arrived "
        "byte for byte, show the association as a sequence diagram, and shut the SCP down. Then let an archive look "
        "at the directory, and find, move and get what is in it.",
        allow_abbrev=False,
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="other files or directories to send")
    options = parser.parse_args(argv)
    files = _storable(options.files)
    if not files:
        raise Failure(ExitCode.NO_INPUT, f"no DICOM file to send: {', '.join(options.files)}")
    with _few_log_lines(), tempfile.TemporaryDirectory(prefix="dulcet-demo-") as directory:
        return Demo(Path(directory), files).run()


@contextmanager
def _few_log_lines() -> Iterator[None]:
    """No warning for each object that shares its UID with another: the demo tells how many there are."""
    log = logging.getLogger("dulcet")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


class Demo:
    """The steps, in order."""

    def __init__(self, directory: Path, files: Sequence[OutgoingFile]) -> None:
        self._directory = directory
        self._files = files
        self._steps: list[Step] = []
        self._outcomes: list[StoreOutcome] = []
        self._failures = 0

    def run(self) -> int:
        """All of it."""
        received = self._directory / "received"
        storage = Storage(received, on_stored=lambda _caller, outcome: self._outcomes.append(outcome))
        with SCP("DULCET", [Verification(), storage, Shutdown()]).running() as running:
            peer = running.entity
            self._tell(True, f"an SCP listens: {peer}")
            scu = SCU("DEMO", trace=lambda *record: self._steps.append(Step(*record)))
            status = scu.echo(peer)
            self._tell(status == 0, f"C-ECHO: {status}")
            self._show("the association of that echo, as the state machine of PS3.8 saw it:")
            self._store(scu, peer)
            self._show("the association that carried the files:")
            self._terminate(scu, peer, running)
        storage.store.close()
        self._archive()
        print()
        self._tell(not self._failures, "all of it held" if not self._failures else f"{self._failures} steps failed")
        return ExitCode.FAILURE if self._failures else ExitCode.SUCCESS

    def _tell(self, held: bool, words: str) -> None:
        self._failures += not held
        print(f"{'ok  ' if held else 'FAIL'} {words}")

    def _show(self, words: str) -> None:
        print(f"\n     {words}\n")
        for line in diagram(self._steps, "DEMO", "DULCET"):
            print(f"     {line}")
        print()
        self._steps.clear()

    def _store(self, scu: SCU, peer: Entity) -> None:
        files = self._files
        results: list[StoreResult] = []
        began = time.monotonic()
        with Progress(len(files), sum(file.size for file in files)) as progress:
            for batch in propose(files):
                with scu.associate(peer, batch.contexts) as association:
                    for file in batch.objects:
                        results.append(association.try_to_store(file, progress=progress.advance))
                        progress.advance(0, files=1)
        seconds = time.monotonic() - began
        stored = sum(result.stored for result in results)
        syntaxes = len({result.transfer_syntax_uid for result in results})
        size = sum(result.size for result in results) / 1e6
        told = f"{stored} of {len(files)} files, {size:.1f} MB in {syntaxes} transfer syntaxes, {seconds:.2f} s"
        self._tell(stored == len(files) > 0, f"C-STORE: {told}")
        beside = sum(outcome.outcome == "kept-both" for outcome in self._outcomes)
        if beside:
            print(f"     ({beside} have the UID of another with different contents: both are kept)")
        self._compare(files)

    def _compare(self, files: Sequence[OutgoingFile]) -> None:
        """What was sent with what lies on the disk now, each object found by its UID."""
        written: dict[str, list[bytes]] = {}
        for outcome in self._outcomes:
            if outcome.path is not None:
                written.setdefault(outcome.sop_instance_uid, []).append(_digest(outcome.path))
        equal = sum(_digest(file.path) in written.get(file.sop_instance_uid, ()) for file in files)
        self._tell(
            equal == len(files), f"the data sets of {equal} of {len(files)} files are on the disk, byte for byte"
        )

    def _terminate(self, scu: SCU, peer: Entity, running: RunningSCP) -> None:
        try:
            agreed, words = agrees_to_stop(scu, peer, Log()), "the SCP accepted the association, but should stop"
        except AssociationRejected as rejected:
            agreed, words = False, f"{rejected}, which is no consent to stop"
        self._tell(agreed, "termscu: the SCP agreed to stop" if agreed else f"termscu: {words}")
        self._tell(running.wait(STOP_SECONDS), "the SCP has stopped")

    def _archive(self) -> None:
        """The same objects again, from an archive over the directory they were written to."""
        print()
        try:
            from ..services.archive.archive import Archive
        except ModuleNotFoundError as error:
            print(f"     to find, move and get: pip install 'dulcet[archive]' ({error.name} is not installed)")
            return
        viewer = Storage(self._directory / "moved")
        with (
            SCP("VIEWER", [viewer]).running() as station,
            Archive(self._directory / "received", destinations={"VIEWER": station.entity}) as archive,
            SCP("ARCHIVE", archive.services).running() as running,
        ):
            self._retrieve(SCU("DEMO"), running.entity)
        viewer.store.close()

    def _retrieve(self, scu: SCU, peer: Entity) -> None:
        """Everything is found; it is moved study by study, and got once more."""
        wanted = {outcome.sop_instance_uid for outcome in self._outcomes if outcome.path and _has_study(outcome.path)}
        studies = list(scu.find(peer, level="STUDY", NumberOfStudyRelatedInstances=""))
        instances = sum(int(study.NumberOfStudyRelatedInstances) for study in studies)
        told = f"{len(studies)} studies of {instances} instances"
        self._tell(instances == len(wanted), f"C-FIND: {told}")
        moved = [scu.move(peer, study, "VIEWER") for study in studies]
        self._tell(all(each.ok for each in moved), f"C-MOVE: {sum(each.completed for each in moved)} to VIEWER")
        got = self._get(scu, peer, studies)
        self._tell(all(each.ok for each in got), f"C-GET: {sum(each.completed for each in got)} over the association")
        for folder in ("moved", "got"):
            equal = self._arrived(folder) & wanted
            self._tell(equal == wanted, f"the data sets of {len(equal)} of {len(wanted)} were {folder}, byte for byte")

    def _get(self, scu: SCU, peer: Entity, studies: "Sequence[Dataset]") -> "list[RetrieveResult]":
        """On one association, which proposes each SOP class in each transfer syntax there is."""
        from ..services.query.models import model
        from ..services.query.retrieve_scu import retrieve_identifier

        kinds = {(outcome.sop_class_uid, outcome.transfer_syntax_uid) for outcome in self._outcomes if outcome.path}
        contexts = [(sop_class, (syntax,)) for sop_class, syntax in sorted(kinds)]
        roles = [RoleSelection(sop_class, False, True) for sop_class in sorted({kind[0] for kind in kinds})]
        with scu.associate(peer, [model("get"), *contexts[:CONTEXTS]], roles=roles) as association:
            return [association.get(retrieve_identifier(study), self._directory / "got") for study in studies]

    def _arrived(self, folder: str) -> set[str]:
        """The instances in a directory that are as they were received."""
        digests = {_digest(outcome.path) for outcome in self._outcomes if outcome.path is not None}
        files = [path for path in (self._directory / folder).rglob("*") if path.is_file()]
        return {OutgoingFile(path).sop_instance_uid for path in files if _digest(path) in digests}


def _has_study(path: Path) -> bool:
    """Whether an archive can file it."""
    file = OutgoingFile(path)
    try:
        return bool(find(file.dataset(), file.transfer_syntax_uid, (STUDY_INSTANCE_UID,), whole=True))
    except DataSetError:
        return False
    finally:
        file.close()


def _storable(named: Sequence[str]) -> list[OutgoingFile]:
    """The files to send: instances whose data set says which they are."""
    if named:
        found = scan(named, directories=True, recurse=True)
    else:
        import pydicom

        found = scan([Path(pydicom.__file__).parent / "data" / "test_files"], directories=True, pattern="*.dcm")
    return [file for file in found if isinstance(file, OutgoingFile) and _names_itself(file)]


def _names_itself(file: OutgoingFile) -> bool:
    try:
        uids = find(file.dataset(), file.transfer_syntax_uid, (SOP_CLASS_UID, SOP_INSTANCE_UID), whole=True)
    except DataSetError:
        return False
    finally:
        file.close()
    return len(uids) == 2  # both that were asked for


def _digest(path: Path) -> bytes:
    file = OutgoingFile(path)
    try:
        return hashlib.sha256(file.dataset()).digest()
    finally:
        file.close()
