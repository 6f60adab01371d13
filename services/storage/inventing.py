"""Test data from files: each time one is sent it becomes another instance, series, study, patient (PS3.3 C.7).

Only identifiers change; everything else, pixels too, stays as it is. UIDs are made from random UUIDs (PS3.5 B.2).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from io import BytesIO
from typing import Final

from ..transfer_syntaxes import CONVERTIBLE, EXPLICIT_VR_LITTLE_ENDIAN, encoding
from .dataset_prefix import PATIENT_NAME, SOP_INSTANCE_UID, STUDY_INSTANCE_UID
from .outgoing import OutgoingFile, Reading
from .transcode import CannotConvert, convert, encoded

PATIENT_ID: Final = 0x00100020
SERIES_INSTANCE_UID: Final = 0x0020000E
_VRS: Final = {PATIENT_NAME: "PN", PATIENT_ID: "LO"}


class InventedFile(OutgoingFile):
    """A file that is sent with other identifiers than it has."""

    __slots__ = ("_identifiers",)

    def __init__(self, original: OutgoingFile, identifiers: Mapping[int, str]) -> None:
        super().__init__(original.path, Reading.AUTOMATIC)
        self._identifiers = identifiers
        self.sop_instance_uid = identifiers[SOP_INSTANCE_UID]

    def dataset(self, transfer_syntax_uid: str = "") -> memoryview:
        """The data set with its new identifiers, as the file has it or converted; raises as `OutgoingFile` does."""
        own = self.transfer_syntax_uid
        original = super().dataset()
        # Deflated ones are inflated for this, and images stay in their fragments, which are Explicit VR Little Endian.
        plain = EXPLICIT_VR_LITTLE_ENDIAN if encoding(own).deflated or own not in CONVERTIBLE else own
        changed = self._changed(convert(original, own, plain) if own in CONVERTIBLE else bytes(original), plain)
        target = transfer_syntax_uid or own
        return memoryview(convert(changed, plain, target) if target in CONVERTIBLE else changed)

    def _changed(self, plain: bytes, syntax: str) -> bytes:
        from pydicom.filereader import read_dataset

        layout = encoding(syntax)
        try:
            data_set = read_dataset(BytesIO(plain), not layout.explicit, layout.little_endian)
            for tag, value in self._identifiers.items():
                data_set.add_new(tag, _VRS.get(tag, "UI"), value)
            return encoded(data_set, syntax, syntax)
        except Exception as error:  # noqa: BLE001 - pydicom raises whatever a malformed value leads to
            raise CannotConvert(f"identifiers cannot be invented ({type(error).__name__})") from None


class Inventor:
    """Counts what was sent, and makes up identifiers when their time has come.

    Args:
        series: a new series after so many instances; None keeps that of the file.
        study: a new study after so many series; None likewise.
        patient: a new patient after so many studies; None likewise.
    """

    def __init__(self, *, series: int | None = None, study: int | None = None, patient: int | None = None) -> None:
        self._sizes = (series, study, patient)
        self._sent = 0
        self._kept: dict[int, str] = {}

    def of(self, file: OutgoingFile) -> InventedFile:
        """The next instance, made from this file."""
        period = 1
        makers = (self._new_series, self._new_study, self._new_patient)
        for size, make in zip(self._sizes, makers, strict=True):
            if size is None:
                break
            period *= size
            if self._sent % period == 0:
                make()
        self._sent += 1
        return InventedFile(file, {**self._kept, SOP_INSTANCE_UID: _uid()})

    def _new_series(self) -> None:
        self._kept[SERIES_INSTANCE_UID] = _uid()

    def _new_study(self) -> None:
        self._kept[STUDY_INSTANCE_UID] = _uid()

    def _new_patient(self) -> None:
        number = uuid.uuid4().hex[:12].upper()
        self._kept |= {PATIENT_ID: number, PATIENT_NAME: f"INVENTED^{number}"}


def _uid() -> str:
    return f"2.25.{uuid.uuid4().int}"
