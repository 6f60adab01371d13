"""What a query tool asks for: query files, and the keys of the command line on top of each.

A query file is a DICOM file, a bare data set, DICOM JSON (PS3.18 Annex F; several in a list are several queries), or a
text with a key a line as `query_keys` tells, `#` for remarks.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..spec.values import value
from .query_keys import WrongKey, set_key

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MAXIMUM_BYTES = 64 << 20
"""Of a query file; one that is larger is an image given by mistake."""


@value
class BadQuery:
    """A query file from which nothing can be asked."""

    path: str
    """The file."""
    why: str
    """What is wrong with it."""


def queries(files: Iterable[str], keys: Iterable[str]) -> "Iterator[Dataset | BadQuery]":
    """Every query, in the order of the files; without files there is one, of the keys alone.

    Raises:
        WrongKey: a key of the command line is wrong.
    """
    from pydicom.dataset import Dataset

    keys = list(keys)
    for found in _read_all(files) if files else [Dataset()]:
        if isinstance(found, Dataset):
            for key in keys:
                set_key(found, key)
        yield found


def _read_all(files: Iterable[str]) -> "Iterator[Dataset | BadQuery]":
    for path in files:
        try:
            yield from read(path)
        except OSError as error:
            yield BadQuery(path, error.strerror or str(error))
        except ValueError as error:
            yield BadQuery(path, str(error).removeprefix(f"{path}: "))


def read(path: str) -> "list[Dataset]":
    """The queries in a file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is none of what a query file may be.
    """
    from ..services.storage.part10 import is_part10, peek

    with Path(path).open("rb") as file:
        data = file.read(MAXIMUM_BYTES + 1)
    if len(data) > MAXIMUM_BYTES:
        raise ValueError(f"larger than {MAXIMUM_BYTES >> 20} MiB")
    if is_part10(data):
        meta = peek(data)
        return [_decoded(data[meta.dataset_offset :], meta.transfer_syntax_uid)]
    if not data.strip():
        raise ValueError("is empty")
    if b"\0" in data:
        return [_decoded(data, _guessed(data))]
    text = data.decode("utf-8-sig")
    return _from_json(text) if text.lstrip()[0] in "[{" else [_from_lines(text)]


def _decoded(data: bytes, transfer_syntax_uid: str) -> "Dataset":
    from ..services.identifiers import decode

    return decode(data, transfer_syntax_uid)


def _guessed(data: bytes) -> str:
    """The transfer syntax of a bare data set, by the first group number and the VR behind the tag, if there is one."""
    from ..services import transfer_syntaxes as known

    data = data[:6].ljust(6, b"\0")
    explicit = data[4:6].isalpha() and data[4:6].isupper()
    if data[1] == 0 and data[0] >= 8:
        return known.EXPLICIT_VR_LITTLE_ENDIAN if explicit else known.IMPLICIT_VR_LITTLE_ENDIAN
    if data[0] == 0 and data[1] >= 8 and explicit:
        return known.EXPLICIT_VR_BIG_ENDIAN
    raise ValueError("is neither a DICOM file, nor a data set, nor DICOM JSON, nor a text of keys")


def _from_json(text: str) -> "list[Dataset]":
    import json

    from pydicom.dataset import Dataset

    try:
        found = json.loads(text)
        return [Dataset.from_json(each) for each in (found if isinstance(found, list) else [found])]
    except Exception as error:  # noqa: BLE001  # pydicom raises whatever JSON of another shape leads to
        where = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise ValueError(f"is no DICOM JSON (PS3.18 F.2){where}") from None


def _from_lines(text: str) -> "Dataset":
    from pydicom.dataset import Dataset

    query = Dataset()
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                set_key(query, line.strip())
            except WrongKey as error:
                raise ValueError(f"line {number}: {error}") from None
    return query
