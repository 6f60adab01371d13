"""`-xcs COMMAND`: run a program when no more objects of a study come.

The standard knows no end of a study. DCMTK takes it for over when an object of another one arrives, which studies that
arrive together break. Here each study has an end of its own: the time of `-tos` after its last object, or, without
that, the end of the last association that brought some of it. A study has a directory of its own, and is told by it.
"""

import threading
import time
from dataclasses import dataclass, field
from typing import Any

from ..acse.events import Aborted, Released
from ..dimse.exchange import DimseEvent
from .hooks import Hook, Reception

_Address = tuple[Any, ...]


@dataclass(slots=True)
class _Study:
    reception: Reception
    """The last object of it."""
    due: float
    """When it is over, if nothing more comes."""
    associations: set[_Address] = field(default_factory=set)
    """Those that brought some of it and still stand."""


class StudyEnds:
    """The studies that are on their way, and a thread that waits for their ends if a time is given."""

    def __init__(self, hook: Hook, seconds: float | None) -> None:
        self._hook, self._seconds = hook, seconds
        self._studies: dict[str, _Study] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._waiter = threading.Thread(target=self._wait, name="end-of-study", daemon=True)
        if seconds is not None:
            self._waiter.start()

    def received(self, address: _Address, reception: Reception) -> None:
        """One more object."""
        with self._changed:
            study = self._studies.setdefault(reception.directory, _Study(reception, 0.0))
            study.reception = reception
            study.due = time.monotonic() + (self._seconds or 0.0)
            study.associations.add(address)
            self._changed.notify()

    def happened(self, address: _Address, event: DimseEvent) -> None:
        """Something happened on an association; its end matters if no time is given."""
        if self._seconds is not None or not isinstance(event, Released | Aborted):
            return
        with self._changed:
            for directory, study in list(self._studies.items()):
                study.associations.discard(address)
                if not study.associations:
                    self._end(directory)

    def _end(self, directory: str) -> None:
        self._hook.submit(self._studies.pop(directory).reception)

    def _wait(self) -> None:
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                for directory, study in list(self._studies.items()):
                    if study.due <= now:
                        self._end(directory)
                self._changed.wait(min((study.due - now for study in self._studies.values()), default=None))

    def close(self) -> None:
        """All studies are over, and so are their programs when this returns."""
        with self._changed:
            self._closed = True
            for directory in list(self._studies):
                self._end(directory)
            self._changed.notify()
        if self._seconds is not None:
            self._waiter.join()
        self._hook.close()
