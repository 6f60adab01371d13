"""Which directory a received object goes to, below that of its store.

Each way to sort names the attributes it looks at and makes directory names of their values through `naming`, so that
nothing a peer sends leads elsewhere. DCMTK's `-ss` and `-sp` begin a directory whenever another study arrives, which
studies that arrive together break; here a directory belongs to its Study Instance UID for as long as the store lives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Final, Protocol

from ...spec.values import value
from . import naming
from .dataset_prefix import PATIENT_NAME, SERIES_DATE, SPECIFIC_CHARACTER_SET, STUDY_INSTANCE_UID, uid_text

_REMEMBERED: Final = 10_000
"""Studies whose directory is known; one that comes again after so many others begins a new one."""


class Sorting(Protocol):
    """A way to sort."""

    @property
    def required(self) -> tuple[int, ...]:
        """Attributes without which an object is refused."""

    @property
    def looked_at(self) -> tuple[int, ...]:
        """Attributes that may be missing."""

    def directories(self, values: Mapping[int, bytes], now: datetime) -> tuple[str, ...]:
        """The directories, each inside the one before, for an object with these values."""


@value
class ByStudyUID:
    """`PREFIX_StudyInstanceUID`."""

    prefix: str = ""
    """What stands before the UID."""
    required: tuple[int, ...] = (STUDY_INSTANCE_UID,)
    looked_at: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        naming.check_local_part(self.prefix, naming.MAXIMUM_SORT_PREFIX, leading_dot=False)

    def directories(self, values: Mapping[int, bytes], now: datetime) -> tuple[str, ...]:
        """One for each study."""
        return (naming.study_directory(uid_text(values[STUDY_INSTANCE_UID]), self.prefix),)


@value
class BySeriesDate:
    """`data/YYYY/MM/DD`, or `undef/YYYYMMDD`."""

    required: tuple[int, ...] = ()
    looked_at: tuple[int, ...] = (SERIES_DATE,)

    def directories(self, values: Mapping[int, bytes], now: datetime) -> tuple[str, ...]:
        """Those of its Series Date (0008,0021)."""
        date = values.get(SERIES_DATE, b"").decode("latin-1").strip(" \0")
        return naming.series_date_directories(date, now)


@value
class ByStudyTime:
    """`PREFIX_YYYYMMDD_HHMMSSmmm`: when the first object of the study came."""

    prefix: str = "study"
    """What stands before the time."""
    required: tuple[int, ...] = (STUDY_INSTANCE_UID,)
    looked_at: tuple[int, ...] = ()
    _names: dict[str, str] = field(default_factory=dict, repr=False)
    _owners: dict[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        naming.check_local_part(self.prefix, naming.MAXIMUM_SORT_PREFIX, leading_dot=False)
        if not self.prefix:
            raise ValueError("a directory named by a time alone tells nobody what it is; give a prefix")

    def directories(self, values: Mapping[int, bytes], now: datetime) -> tuple[str, ...]:
        """One for each study."""
        study = uid_text(values[STUDY_INSTANCE_UID])
        known = self._names.get(study)
        return (known if known is not None else self._begin(study, self._beginning(values), now),)

    def _beginning(self, values: Mapping[int, bytes]) -> str:
        return self.prefix

    def _begin(self, study: str, beginning: str, now: datetime) -> str:
        """A name for a new study. Each step is one operation of a dict, so threads need no lock among them."""
        if len(self._names) >= _REMEMBERED:
            self._owners.clear()
            self._names.clear()
        names = naming.study_time_directories(beginning, now)
        name = next(name for name in names if self._owners.setdefault(name, study) == study)
        return self._names.setdefault(study, name)


@value
class ByPatientName(ByStudyTime):
    """`Name_YYYYMMDD_HHMMSSmmm`: whose study it is and when its first object came."""

    looked_at: tuple[int, ...] = (SPECIFIC_CHARACTER_SET, PATIENT_NAME)

    def _beginning(self, values: Mapping[int, bytes]) -> str:
        sets = values.get(SPECIFIC_CHARACTER_SET, b"").decode("latin-1").strip(" \0")
        # Other character sets (PS3.3 C.12.1.1.2) have no letters that fold to ASCII in a name for people.
        encoding = "utf-8" if sets == "ISO_IR 192" else "latin-1"
        return naming.person(values.get(PATIENT_NAME, b"").decode(encoding, "replace"))
