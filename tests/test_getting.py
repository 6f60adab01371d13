"""C-GET of what is not known: classes asked for, contexts over several associations, what is missing gotten again."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from archive_files import instance
from data_sets import CT, EXPLICIT, MR
from dulcet.acse.events import Established
from dulcet.services.archive.archive import Archive
from dulcet.services.identifiers import encode
from dulcet.services.paced import PacedExchange
from dulcet.services.query.getting import merged
from dulcet.services.query.keys import keys
from dulcet.services.query.receiving import ANY_SYNTAX, COMMON_STORAGE, ReceivedObject
from dulcet.services.query.retrieve import Retrieve
from dulcet.services.query.retrieve_scu import Progress, RetrieveResult
from dulcet.services.scp import RunningSCP
from dulcet.services.storage.part10 import file_meta
from dulcet.services.storage.storage import is_storage_class
from pydicom.dataset import Dataset
from pydicom.uid import UID_dictionary

from dulcet import SCP, SCU, Entity, Operation, Query, Service, Status, aio

JPEG, JPEG_LS, RLE, HTJ2K = (f"1.2.840.10008.1.2.{tail}" for tail in ("4.50", "4.80", "5", "4.201"))
RARE = [
    uid
    for uid, (_, kind, _, retired, _) in UID_dictionary.items()
    if kind == "SOP Class" and not retired and is_storage_class(uid) and uid not in COMMON_STORAGE
]
"""Storage classes that nobody proposes unasked."""


def file(folder: Path, uid: str, sop_class: str = CT, syntax: str = EXPLICIT, **above: str) -> Path:
    """An object; without pixels it is the same in every explicit little endian syntax."""
    dataset = instance(uid, **above)
    dataset.SOPClassUID = sop_class
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{uid}.dcm"
    path.write_bytes(file_meta(sop_class, uid, syntax) + encode(dataset, EXPLICIT))
    return path


class Peer:
    """An SCP, and the associations made with it: how many contexts each proposed, and what was asked on it."""

    def __init__(self, start: Callable[..., RunningSCP]) -> None:
        self._start = start
        self.asked: list[tuple[int, list[str]]] = []

    def serve(self, services: tuple[Service, ...], **options: Any) -> Entity:
        def heard(_address: Any, event: Any) -> None:
            if isinstance(event, Established):
                self.asked.append((len(event.agreement.contexts), []))
            elif hasattr(event, "message") and event.message.name in ("C-FIND-RQ", "C-GET-RQ"):
                self.asked[-1][1].append(event.message.name)

        return self._start("ARCHIVE", services, on_event=heard, **options).entity

    @property
    def gets(self) -> list[int]:
        """Number of C-GETs on each association that has any."""
        return [names.count("C-GET-RQ") for _, names in self.asked if "C-GET-RQ" in names]


@pytest.fixture
def peer() -> Iterator[Peer]:
    with ExitStack() as stack:
        yield Peer(lambda *arguments, **options: stack.enter_context(SCP(*arguments, **options).running()))


@pytest.fixture
def archive(peer: Peer, tmp_path: Path) -> Iterator[Callable[[], Entity]]:
    """Our archive over what lies in its folder."""
    with ExitStack() as stack:
        yield lambda: peer.serve(stack.enter_context(Archive(tmp_path / "archive")).services)


def got(outcome: Any) -> dict[str, int]:
    """How often each instance came."""
    counts: dict[str, int] = {}
    for uid in outcome:
        counts[uid] = counts.get(uid, 0) + 1
    return counts


class Taker:
    """A store that remembers what came."""

    def __init__(self, refused: dict[str, list[int]] | None = None) -> None:
        self.uids: list[str] = []
        self.syntaxes: dict[str, str] = {}
        self._refused = refused or {}

    def __call__(self, one: ReceivedObject) -> int | None:
        self.uids.append(one.sop_instance_uid)
        self.syntaxes[one.sop_instance_uid] = one.transfer_syntax_uid
        statuses = self._refused.get(one.sop_instance_uid)
        return statuses.pop(0) if statuses else None


# ---- our archive ----


@pytest.mark.parametrize("level", ["PATIENT", "STUDY", "SERIES", "IMAGE"])
def test_rare_classes_are_asked_for(peer: Peer, archive: Callable[[], Entity], tmp_path: Path, level: str) -> None:
    for number, sop_class in enumerate((RARE[0], RARE[1], CT)):
        file(tmp_path / "archive", f"1.2.1.{number}", sop_class)
    wanted = {"PatientID": "P1", "StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.2.1"}
    wanted["SOPInstanceUID"] = ["1.2.1.0", "1.2.1.1", "1.2.1.2"]  # type: ignore[assignment]  # a list of UIDs
    names = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    above = ("PATIENT", "STUDY", "SERIES", "IMAGE").index(level) + 1
    taker = Taker()
    result = SCU("ME").get(archive(), level=level, store=taker, **{name: wanted[name] for name in names[:above]})
    assert (result.status, result.completed, result.failed) == (0x0000, 3, 0)
    assert sorted(taker.uids) == ["1.2.1.0", "1.2.1.1", "1.2.1.2"]
    assert [names for _, names in peer.asked] == [["C-FIND-RQ"], ["C-GET-RQ"]], "one association to ask, one to get"
    assert peer.asked[1][0] == 1 + 3 * (1 + len(ANY_SYNTAX)), "the three classes in every syntax"


def test_into_a_directory_on_an_event_loop(peer: Peer, archive: Callable[[], Entity], tmp_path: Path) -> None:
    for number in range(3):
        file(tmp_path / "archive", f"1.2.1.{number}", RARE[number])
    outcomes: list[Any] = []
    wanted = {"StudyInstanceUID": "1.2", "store": tmp_path / "got", "on_stored": outcomes.append}
    result = asyncio.run(aio.SCU("ME").get(archive(), **wanted))  # type: ignore[arg-type]  # it is awaitable
    assert (result.status, result.completed) == (0x0000, 3)
    assert sorted(each.sop_instance_uid for each in outcomes) == ["1.2.1.0", "1.2.1.1", "1.2.1.2"]
    assert len(list((tmp_path / "got").iterdir())) == 3


SYNTAXES = {"1.2.1.1": EXPLICIT, "1.2.1.2": JPEG, "1.2.1.3": JPEG_LS, "1.2.1.4": RLE, "1.2.1.5": HTJ2K}


@pytest.mark.parametrize("others", [0, 10])
def test_one_class_in_many_syntaxes(peer: Peer, archive: Callable[[], Entity], tmp_path: Path, others: int) -> None:
    """A few classes are proposed in every syntax. Where they are many, the acceptor chooses one of a context's; what is
    kept in others comes on the next association, and nothing else does."""
    for uid, syntax in SYNTAXES.items():
        file(tmp_path / "archive", uid, CT if uid != "1.2.1.4" else MR, syntax, series=f"1.2.{uid[-1] == '5':d}")
    rest = {f"1.2.1.1{number}": EXPLICIT for number in range(others)}
    for number, uid in enumerate(rest):
        file(tmp_path / "archive", uid, RARE[number])
    taker = Taker()
    result = SCU("ME").get(archive(), StudyInstanceUID="1.2", store=taker)
    assert taker.syntaxes == SYNTAXES | rest
    assert got(taker.uids) == dict.fromkeys(SYNTAXES | rest, 1)
    assert (result.status, result.completed, result.failed) == (0x0000, 5 + others, 0)
    assert peer.gets == ([1, 2] if others else [1]), "of the study; of what is missing in each of its two series"


@pytest.mark.parametrize("window", [1, 4])
def test_several_objects_under_way(peer: Peer, tmp_path: Path, window: int) -> None:
    """As many as both ends agree to; on an event loop, into a store."""
    for number in range(40):
        file(tmp_path / "archive", f"1.2.1.{number}", (CT, MR)[number % 2])
    performing: list[int] = []

    class Exchange(PacedExchange):
        def receive(self, data: Any, now: float) -> Any:
            events = super().receive(data, now)
            performing.append(len(self.performing))
            return events

    with Archive(tmp_path / "archive") as archive, pytest.MonkeyPatch.context() as patch:
        patch.setattr("dulcet.services.aio.PacedExchange", Exchange)
        entity = peer.serve(archive.services, asynchronous_operations_window=(8, 8))
        scu = aio.SCU("ME", operations_window=window)
        result = asyncio.run(scu.get(entity, StudyInstanceUID="1.2", store=tmp_path / "got"))  # type: ignore[arg-type]  # it is awaitable
    assert (result.status, result.completed, result.failed) == (0x0000, 40, 0)
    assert len(list((tmp_path / "got").iterdir())) == 40
    assert max(performing) <= window


def test_more_classes_than_an_association_has_contexts(
    peer: Peer, archive: Callable[[], Entity], tmp_path: Path
) -> None:
    classes = [*COMMON_STORAGE, *RARE][:130]
    syntaxes = (EXPLICIT, JPEG, JPEG_LS, RLE)
    for number, sop_class in enumerate(classes):
        for each, syntax in enumerate(syntaxes):
            file(tmp_path / "archive", f"1.2.1.{number}.{each}", sop_class, syntax)
    taker = Taker()
    result = SCU("ME").get(archive(), StudyInstanceUID="1.2", store=taker)
    assert (result.status, result.completed, result.failed, result.warning) == (0x0000, 520, 0, 0)
    assert len(set(taker.uids)) == len(taker.uids) == 520
    assert max(contexts for contexts, _ in peer.asked) <= 128
    assert len(peer.gets) > 3, "130 classes are two contexts each at first, and two more for what did not come"


def test_what_no_context_helps(peer: Peer, archive: Callable[[], Entity], tmp_path: Path) -> None:
    """An object that we refuse for a reason of our own is not gotten again in vain."""
    for number in range(3):
        file(tmp_path / "archive", f"1.2.1.{number}")
    taker = Taker({"1.2.1.1": [0xA700]})
    result = SCU("ME").get(archive(), StudyInstanceUID="1.2", store=taker)
    assert (result.status, result.completed, result.failed) == (0xB000, 2, 1)
    assert result.failed_sop_instances == ("1.2.1.1",)
    assert peer.gets == [1]


def test_cancelled(peer: Peer, archive: Callable[[], Entity], tmp_path: Path) -> None:
    """A cancel ends the whole: what is missing is not gotten in other ways."""
    for number in range(200):
        file(tmp_path / "archive", f"1.2.1.{number}", syntax=JPEG if number else EXPLICIT)
    classes = [CT, *RARE[:10]]
    taker = Taker()
    options: dict[str, Any] = {"sop_classes": classes, "progress": lambda step: False}
    result = SCU("ME").get(archive(), StudyInstanceUID="1.2", store=taker, **options)
    assert result.status == 0xFE00
    assert result.completed + result.failed + result.remaining == 200
    assert peer.gets == [1]


# ---- archives that answer in other ways ----


def files(folder: Path) -> list[Path]:
    return [file(folder, f"1.2.1.{number}", syntax=(EXPLICIT, RLE)[number % 2]) for number in range(4)]


def images(wanted: Dataset, _operation: Operation) -> Iterator[Dataset]:
    """Knows series and images, and no SOP Classes in Study."""
    above = {"StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.2.1"}
    if wanted.QueryRetrieveLevel != "IMAGE":
        yield keys(**above)
        return
    for number in range(4):
        yield keys(**above, SOPInstanceUID=f"1.2.1.{number}", SOPClassUID=CT)
    yield keys(**above, SOPInstanceUID="1.2.1.9")


def test_an_archive_that_tells_no_syntaxes_and_sends_everything_again(peer: Peer, tmp_path: Path) -> None:
    """It ignores what instances are asked for; those that are here are not stored again, nor counted twice."""
    sources = files(tmp_path)
    entity = peer.serve((Retrieve(lambda keys, operation: sources, {}), Query(images)))
    taker = Taker()
    result = SCU("ME").get(entity, StudyInstanceUID="1.2", store=taker, sop_classes=[CT, *RARE[:10]])
    assert got(taker.uids) == {f"1.2.1.{number}": 1 for number in range(4)}
    assert (result.status, result.completed, result.failed) == (0x0000, 4, 0)
    assert peer.gets == [1, 1]


def test_an_archive_that_does_not_answer_queries(peer: Peer, tmp_path: Path) -> None:
    """The usual classes are proposed; what does not come then has failed."""
    sources = [*files(tmp_path), file(tmp_path, "1.2.1.7", RARE[0])]
    taker = Taker()
    scu, entity = SCU("ME"), peer.serve((Retrieve(lambda keys, operation: sources, {}),))
    result = scu.get(entity, StudyInstanceUID="1.2", store=taker)
    assert (result.status, result.completed, result.failed) == (0xB000, 2, 3)
    assert sorted(result.failed_sop_instances) == ["1.2.1.1", "1.2.1.3", "1.2.1.7"]
    assert max(contexts for contexts, _ in peer.asked) == 1 + 2 * len(COMMON_STORAGE)
    result = scu.get(entity, StudyInstanceUID="1.2", store=Taker(), sop_classes=[RARE[0]])
    assert (result.completed, result.failed) == (1, 4)


def test_a_query_that_fails(peer: Peer, tmp_path: Path) -> None:
    def broken(_wanted: Dataset, _operation: Operation) -> Iterator[Dataset]:
        raise OSError("no index")
        yield Dataset()

    sources = files(tmp_path)[:1]
    entity = peer.serve((Retrieve(lambda keys, operation: sources, {}), Query(broken)))
    assert SCU("ME").get(entity, StudyInstanceUID="1.2", store=Taker()).ok


def test_who_says_nothing_of_what_is_above_is_not_asked_for_all(peer: Peer, tmp_path: Path) -> None:
    """A relational retrieval of a series alone: no query for the studies of the world."""
    asked: list[str] = []

    def remember(wanted: Dataset, _operation: Operation) -> list[Dataset]:
        asked.append(wanted.QueryRetrieveLevel)
        return []

    sources = files(tmp_path)[:1]
    entity = peer.serve((Retrieve(lambda keys, operation: sources, {}), Query(remember)))
    assert SCU("ME").get(entity, SeriesInstanceUID="1.2.1", store=Taker()).ok
    assert asked == []


# ---- all together ----


def one(status: int, completed: int = 0, failed: int = 0, uids: tuple[str, ...] = (), **more: Any) -> RetrieveResult:
    return RetrieveResult(Status(status), completed, failed, failed_sop_instances=uids, **more)


HERE = {"a": Status(0), "b": Status(0)}


@pytest.mark.parametrize(
    ("first", "again", "here", "result"),
    [
        ([one(0xB000, 1, 1, ("a",)), one(0xB000, 1, 1, ("b",))], [], HERE, (0x0000, 2, 0, 0, 0, ())),
        ([one(0xB000, 1, 2, ("a", "c")), one(0xB000, 1, 2, ("b", "c"))], [], HERE, (0xB000, 2, 1, 0, 0, ("c",))),
        ([one(0xB000, 1, 1, ("b",))], [one(0x0000, 1)], HERE, (0x0000, 2, 0, 0, 0, ())),
        ([one(0xB000, 1, 1, ("b",))], [one(0x0000, 1)], HERE | {"b": Status(0xB007)}, (0xB000, 1, 0, 1, 0, ())),
        ([one(0xB000, 2, 3)], [one(0xA702, 0, 1)], HERE, (0xB000, 2, 3, 0, 0, ())),
        ([one(0xA702, 0, 2), one(0xA702, 0, 2)], [], {}, (0xA702, 0, 2, 0, 0, ())),
        ([one(0xA900, error_comment="no"), one(0xA900)], [], {}, (0xA900, 0, 0, 0, 0, ())),
        ([one(0xB000, 2, 3), one(0xFE00, 0, 0, remaining=5)], [], HERE, (0xFE00, 2, 0, 0, 3, ())),
    ],
)
def test_merged(first: Any, again: Any, here: Any, result: tuple[Any, ...]) -> None:
    both = merged(first, again, here)
    assert (both.status, both.completed, both.failed, both.warning, both.remaining, both.failed_sop_instances) == result


def test_progress_is_told_on_every_association(peer: Peer, archive: Callable[[], Entity], tmp_path: Path) -> None:
    for number, syntax in enumerate((EXPLICIT, RLE)):
        file(tmp_path / "archive", f"1.2.1.{number}", syntax=syntax)
    steps: list[Progress] = []
    options: dict[str, Any] = {"sop_classes": [CT, *RARE[:10]], "progress": steps.append}
    result = SCU("ME").get(archive(), StudyInstanceUID="1.2", store=Taker(), **options)
    assert result.completed == 2
    assert [step.remaining for step in steps if (step.completed, step.failed) == (0, 0)] == [2, 1]
