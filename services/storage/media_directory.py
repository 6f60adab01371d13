"""The instances a DICOMDIR refers to (PS3.3 Annex F, PS3.10 8), as files to send.

What stands in a DICOMDIR is somebody else's word: each component of a Referenced File ID is a plain name, the file
lies below the directory of the DICOMDIR even when links are followed, and it is sent only if it is the instance that
the DICOMDIR says.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .outgoing import MEDIA_STORAGE_DIRECTORY, OutgoingFile, Reading, Unsendable, look_at_file
from .part10 import NotPart10, peek

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MAXIMUM_BYTES: Final = 256 << 20
"""A directory of a million instances; it is read as a whole."""
_IN_USE: Final = 0xFFFF
"""Record In-use Flag (0004,1410) of records that count (PS3.3 F.3.2.2); 0 is a retired way to delete one."""


def referenced(path: Path, reading: Reading = Reading.FILE) -> Iterator[OutgoingFile | Unsendable]:
    """Look at every file a DICOMDIR refers to, in its order, each once."""
    try:
        records = _records(path)
    except (OSError, NotPart10, ValueError) as error:
        yield Unsendable(path, str(error))
        return
    seen: set[tuple[str, ...]] = set()
    for record in records:
        components = _components(record)
        if components and components not in seen:
            seen.add(components)
            yield from _look(path, components, record, reading)


def _records(path: Path) -> list[Dataset]:
    if peek(path).sop_class_uid != MEDIA_STORAGE_DIRECTORY:
        raise ValueError(f"{path}: not a DICOMDIR (PS3.3 F.2)")
    if path.stat().st_size > MAXIMUM_BYTES:
        raise ValueError(f"{path}: a DICOMDIR of more than {MAXIMUM_BYTES} bytes")
    from pydicom import dcmread

    try:
        records = dcmread(path).get("DirectoryRecordSequence") or []
        return [record for record in records if record.get("RecordInUseFlag", _IN_USE) != 0]
    except Exception as error:  # noqa: BLE001 - pydicom raises whatever a malformed value leads to
        raise ValueError(f"{path}: cannot be read as a DICOMDIR ({type(error).__name__})") from None


def _components(record: Dataset) -> tuple[str, ...]:
    """Referenced File ID (0004,1500): the names from the directory of the DICOMDIR to the file."""
    value = record.get("ReferencedFileID") or ()
    return (str(value),) if isinstance(value, str) else tuple(map(str, value))


def _look(
    path: Path, components: tuple[str, ...], record: Dataset, reading: Reading
) -> Iterator[OutgoingFile | Unsendable]:
    if any(name in ("", ".", "..") or "/" in name or "\0" in name for name in components):
        yield Unsendable(path, f"{path}: {'/'.join(components)!r} is no Referenced File ID (PS3.10 8.2)")
        return
    folder = path.parent.resolve()
    file = _existing(path.parent, components)
    if not file.resolve().is_relative_to(folder):
        yield Unsendable(file, f"{file}: leads out of the directory of {path.name}")
        return
    for found in look_at_file(file, reading):
        yield _checked(found, record) if isinstance(found, OutgoingFile) else found


def _existing(folder: Path, components: tuple[str, ...]) -> Path:
    """The file, or the file in lower case: so media are mounted often."""
    file = folder.joinpath(*components)
    lower = folder.joinpath(*(name.lower() for name in components))
    return lower if not file.exists() and lower.exists() else file


def _checked(file: OutgoingFile, record: Dataset) -> OutgoingFile | Unsendable:
    told = record.get("ReferencedSOPInstanceUIDInFile")
    if told and str(told) != file.sop_instance_uid:
        return Unsendable(file.path, f"{file.path}: holds another instance than the DICOMDIR says, {told}")
    return file
