"""Instances in zip files, sent without unpacking the archive (PS3.12 Annex V has zip as a medium).

A member is copied into a file without a name when it is looked at, and again when it is sent; so one member at a time
takes room, and no path an archive tells is ever a path of ours: it is shown to people and that is all. zipfile checks
the CRC of whatever it reads.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final

from .outgoing import NotSendable, OutgoingFile, Reading, Unsendable, look_at_file
from .part10 import NotPart10

MAXIMUM_MEMBER: Final = 4 << 30
"""Bytes a member may unpack to, whatever the archive says about it."""
MAXIMUM_MEMBERS: Final = 1_000_000
_MAGIC: Final = b"PK\3\4"
_PIECE: Final = 1 << 20


class ZippedFile(OutgoingFile):
    """A member of a zip file with one SOP instance."""

    __slots__ = ("_archive", "_member")

    def __init__(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, reading: Reading) -> None:
        self._archive, self._member = archive, member
        super().__init__(path, reading)

    def _open(self) -> tuple[int, os.stat_result]:
        """A descriptor of a file with the contents of the member, which is gone when it is closed."""
        with TemporaryFile() as copy:
            try:
                with self._archive.open(self._member) as packed:
                    self._copy(packed, copy)
            except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
                # zipfile's RuntimeError is that of an encrypted member.
                raise NotSendable(f"{self.path}: cannot be unpacked: {error}") from None
            copy.flush()
            return os.dup(copy.fileno()), os.fstat(copy.fileno())

    def _copy(self, packed: IO[bytes], copy: IO[bytes]) -> None:
        size = 0
        while piece := packed.read(_PIECE):
            size += len(piece)
            if size > MAXIMUM_MEMBER:
                raise NotSendable(f"{self.path}: unpacks to more than {MAXIMUM_MEMBER} bytes")
            copy.write(piece)

    def _stamp_of(self, status: os.stat_result) -> tuple[int, ...]:
        return status.st_size, self._member.CRC


def look_into(path: Path, reading: Reading = Reading.AUTOMATIC) -> Iterator[OutgoingFile | Unsendable]:
    """The instances a zip file holds; of any other file, the one it holds."""
    try:
        if not _is_zip(path):
            yield from look_at_file(path, reading)
            return
        archive = zipfile.ZipFile(path)
        members = [member for member in archive.infolist() if not member.is_dir()]
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        yield Unsendable(path, f"{path}: cannot be read as a zip file: {error}")
        return
    if len(members) > MAXIMUM_MEMBERS:
        yield Unsendable(path, f"{path}: has more than {MAXIMUM_MEMBERS} members")
        return
    for member in members:
        # What stands before it keeps a member's name from being taken for a path of its own.
        shown = Path(f"{path}!", member.filename.lstrip("/"))
        try:
            yield ZippedFile(archive, member, shown, reading)
        except (OSError, NotPart10, NotSendable) as error:
            yield Unsendable(shown, str(error))


def _is_zip(path: Path) -> bool:
    """By how it begins: what ends like an archive may be an instance with one in it."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == _MAGIC
