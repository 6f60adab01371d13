"""Live peers, each started once, and where a test enters what it has proven with them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import live_matrix
import live_postgresql
import pytest
from cell_coverage import traced
from certificates import Certificates
from live_peers import Orthanc, Pynetdicom, find

DCMTK = (
    "echoscu",
    "storescu",
    "dcmsend",
    "termscu",
    "storescp",
    "dcmrecv",
    "dcmqrscp",
    "movescu",
    "getscu",
    "findscu",
    "wlmscpfs",
)


def _missing(peer: str) -> NoReturn:
    pytest.skip(f"{peer} is not installed")


@pytest.fixture(scope="session")
def dcmtk() -> None:
    """All of DCMTK's tools are there."""
    for tool in DCMTK:
        if find(tool, "$dcmtk") is None:
            _missing(f"DCMTK {tool}")


@pytest.fixture(scope="session")
def start_orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Orthanc]]:
    """Starts an Orthanc with these options; all are ended at the end."""
    program = find("Orthanc", "orthanc")
    if program is None:
        _missing("Orthanc")
    started: list[Orthanc] = []

    def start(**options: object) -> Orthanc:
        started.append(Orthanc(program, tmp_path_factory.mktemp("orthanc"), **options))
        return started[-1]

    try:
        yield start
    finally:
        for orthanc in started:
            orthanc.process.kill()


@pytest.fixture(scope="session")
def orthanc(start_orthanc: Callable[..., Orthanc]) -> Orthanc:
    """An Orthanc that takes everything."""
    return start_orthanc()


@pytest.fixture(scope="session")
def pynetdicom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pynetdicom]:
    """pynetdicom in its own process."""
    try:
        import pynetdicom as library  # noqa: F401  # is it there?
    except ImportError:
        _missing("pynetdicom")
    peer = Pynetdicom(tmp_path_factory.mktemp("pynetdicom") / "log")
    try:
        yield peer
    finally:
        peer.close()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[live_postgresql.Cluster]:
    """A PostgreSQL server of our own."""
    place = live_postgresql.programs()
    if place is None:
        _missing("PostgreSQL")
    try:
        import psycopg  # noqa: F401  # is it there?
    except ImportError:
        _missing("psycopg")
    with live_postgresql.Cluster(place) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority and what it signed."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def trace() -> Iterator[Callable[..., None]]:
    """Counts cells as "live", and brings what Table 9-10 does not say from the server's thread to the test."""
    count = traced("live")
    errors: list[AssertionError] = []

    def record(*step: Any) -> None:
        try:
            count(*step)
        except AssertionError as error:
            errors.append(error)

    yield record
    assert not errors


@pytest.fixture
def proven() -> Callable[..., None]:
    """Called at the end of a test with peer, our role, service, and what was proven: a row of the table."""
    return live_matrix.enter


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """Where a peer puts what it received."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder
