"""The index of an archive: what is stored, in a database that SQLAlchemy Core can reach (the extra `dulcet[archive]`).

SQLite unless a URL says otherwise, in WAL mode, so that queries do not wait for what is being stored. `add` returns
when the database has the row for good: a C-STORE answered with success after it is found by the next query. Objects
that several threads add at a time share one transaction, and so one wait for the disk.

What becomes of a file in the tables is told in `archive_rows`, what is found in `archive_search`.
"""

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Self

from pydicom.dataset import Dataset
from sqlalchemy import Connection, Engine, create_engine, event, insert, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from ..flat import Elements
from ..query.models import QueryExtension, QueryModel
from .answers import answers
from .attributes import Record
from .rows import Last, Writer
from .schema import METADATA, VERSION, about, instances, superseded
from .search import Search, Stored

SQLITE = "index.sqlite"
"""The file of the index in the archive's directory, unless a URL names another place."""
BUSY_SECONDS = 60.0
"""How long to wait for another process that writes to the same SQLite file."""
ATTEMPTS = 5
"""Times to begin again when another process has added the same patient, study or series in this moment."""
_READING = "dulcet_reading"


class _Ticket:
    """A record that waits to be written."""

    __slots__ = ("done", "error", "record")

    def __init__(self, record: Record) -> None:
        self.record = record
        self.done = False
        self.error: SQLAlchemyError | None = None


class ArchiveIndex:
    """The index of one archive; for many threads, and with a database server for many processes.

    Args:
        where: a directory, for SQLite in a file in it, or a URL of SQLAlchemy's: `postgresql+psycopg://...`.
        durable: whether `add` waits for the disk (SQLite; a database server has a setting of its own).

    Raises:
        SQLAlchemyError: the database cannot be opened.
    """

    def __init__(self, where: "PathLike[str] | str | URL", *, durable: bool = True) -> None:
        self.engine = _engine(where, durable)
        self._reading = self.engine.execution_options(isolation_level="AUTOCOMMIT", **{_READING: True})
        self._waiting: deque[_Ticket] = deque()
        self._writing = threading.Lock()
        self._last: Last | None = None
        with self.engine.begin() as connection:
            about.create(connection, checkfirst=True)
            found = connection.scalar(select(about.c.value).where(about.c.name == "version"))
            if found != str(VERSION):
                _make_anew(connection)

    # ---- reading ----

    def search(
        self,
        keys: Dataset,
        model: QueryModel,
        extension: QueryExtension = QueryExtension(),  # noqa: B008  # immutable
        *,
        retrieve: bool = False,
    ) -> Search:
        """Understand an identifier; see `Search`, also for what it raises."""
        return Search(keys, model, extension, self.engine.dialect.name, retrieve=retrieve)

    def answers(self, search: Search) -> Iterator[Dataset]:
        """The identifiers of the responses to a C-FIND."""
        return (each.dataset() for each in self.elements(search))

    def elements(self, search: Search) -> Iterator[Elements]:
        """The same as they are encoded soonest."""
        return answers(search, self._reading)

    def files(self, search: Search) -> list[Stored]:
        """The files a C-MOVE or C-GET is about."""
        return search.files(self._reading)

    def instance(self, sop_instance_uid: str) -> Stored | None:
        """The file that counts for a SOP instance."""
        found = select(*Stored.columns()).where(instances.c.sop_instance_uid == sop_instance_uid)
        with self._reading.connect() as connection:
            row = connection.execute(found).first()
        return None if row is None else Stored(*row)

    def paths(self) -> dict[str, tuple[int, int]]:
        """Every file it knows, also those superseded: size and time of modification."""
        found: dict[str, tuple[int, int]] = {}
        with self._reading.connect() as connection:
            for table in (instances, superseded):
                rows = connection.execute(select(table.c.path, table.c.size, table.c.modified))
                found.update((path, (size, modified)) for path, size, modified in rows)
        return found

    # ---- writing ----

    def add(self, record: Record) -> None:
        """Enter a file, or what has become of it; returns when the database has it for good.

        Raises:
            SQLAlchemyError: it could not; nothing has changed.
        """
        ticket = _Ticket(record)
        self._waiting.append(ticket)
        with self._writing:
            if not ticket.done:
                self._write_waiting()
        if ticket.error is not None:
            raise ticket.error

    def _write_waiting(self) -> None:
        """Whoever comes first writes for all who wait."""
        tickets = [self._waiting.popleft() for _ in range(len(self._waiting))]
        try:
            self._transact([ticket.record for ticket in tickets])
        except SQLAlchemyError as error:
            if len(tickets) == 1:
                tickets[0].error = error
            else:
                self._write_singly(tickets)
        finally:
            for ticket in tickets:
                ticket.done = True

    def _write_singly(self, tickets: Iterable[_Ticket]) -> None:
        """One of them is at fault; the others shall not suffer."""
        for ticket in tickets:
            try:
                self._transact([ticket.record])
            except SQLAlchemyError as error:
                ticket.error = error

    def add_all(self, records: Sequence[Record]) -> None:
        """Enter many files in one transaction, oldest first."""
        with self._writing:
            self._transact(sorted(records, key=lambda record: (record.modified, record.path)))

    def _transact(self, records: Sequence[Record]) -> None:
        for attempt in range(ATTEMPTS):
            # What another process may have removed shows as an IntegrityError, too: rows name their parents.
            last, self._last = self._last, None
            try:
                with self.engine.begin() as connection:
                    writer = Writer(connection, last)
                    for record in records:
                        writer.enter(record)
                self._last = writer.last
                return
            except IntegrityError:
                if attempt == ATTEMPTS - 1:
                    raise

    def remove(self, paths: Iterable[str]) -> None:
        """Forget files that are not there any more; what they superseded is forgotten too, to be found anew."""
        with self._writing, self.engine.begin() as connection:
            self._last = None
            writer = Writer(connection)
            for path in paths:
                writer.forget(path)

    def clear(self) -> None:
        """Forget everything."""
        with self._writing, self.engine.begin() as connection:
            self._last = None
            _make_anew(connection)

    def optimize(self) -> None:
        """Let the database look at what it holds, so that it plans queries well; after much has been added."""
        with self._writing, self.engine.begin() as connection:
            if self.engine.dialect.name in ("sqlite", "postgresql"):
                connection.exec_driver_sql("ANALYZE")

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


# ---- the database ----


def _engine(where: "PathLike[str] | str | URL", durable: bool) -> Engine:
    if isinstance(where, URL) or (isinstance(where, str) and "://" in where):
        url = make_url(where)
    else:
        url = URL.create("sqlite", database=str(Path(where, SQLITE)))
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", lambda connection, _: _set_up(connection, durable))
    event.listen(engine, "begin", _begin)
    return engine


def _make_anew(connection: Connection) -> None:
    """Empty tables, of this version."""
    METADATA.drop_all(connection)
    METADATA.create_all(connection)
    connection.execute(insert(about).values(name="version", value=str(VERSION)))


def _set_up(connection: Any, durable: bool) -> None:
    """Of each connection to SQLite. Transactions are begun by us: Python's way would begin them too late."""
    connection.isolation_level = None
    for pragma in (
        "journal_mode = WAL",
        f"synchronous = {'FULL' if durable else 'NORMAL'}",
        "foreign_keys = ON",
        "cache_size = -65536",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    """Take the right to write at once: to ask for it in mid-transaction could fail without waiting."""
    if not connection.get_execution_options().get(_READING):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
