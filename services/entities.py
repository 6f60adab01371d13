"""Named entities from a TOML file, so that titles, hosts and ports are written down in one place:

[entities]
pacs = "ORTHANC@127.0.0.1:4242"

[entities.modality]
title = "CT01"
host = "ct01.example.org"
port = 104

pacs = Entities.load("entities.toml")["pacs"]
"""

import tomllib
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Self

from ..dul.wire import is_ae_title
from .entity import DICOM_PORT, Entity


class Entities(Mapping[str, Entity]):
    """Entities by the names a file gives them. What is no entity there is a `ValueError` that says which and why."""

    def __init__(self, entities: Mapping[str, Entity], source: str = "") -> None:
        self._entities = dict(entities)
        self._source = source

    @classmethod
    def load(cls, path: "PathLike[str] | str") -> Self:
        """Read the table `[entities]` of a file; other tables are none of our business.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is no TOML, or something in the table is no entity; the message names file and entry.
        """
        try:
            table = tomllib.loads(Path(path).read_text("utf-8")).get("entities", {})
        except ValueError as error:  # no TOML, or no UTF-8
            raise ValueError(f"{path}: {error}") from None
        if not isinstance(table, dict):
            raise ValueError(f"{path}: entities is no table")
        return cls({name: _entity(f"{path}: entities.{name}", entry) for name, entry in table.items()}, str(path))

    def by_title(self, title: str) -> Entity | None:
        """The first entity with an AE title: what a move destination names. Spaces around it do not count."""
        return next((each for each in self.values() if each.title == title.strip(" ")), None)

    def find(self, text: str) -> Entity:
        """What somebody means: one of the names, else "AET@host:port".

        Raises:
            ValueError: neither.
        """
        if text in self._entities:
            return self._entities[text]
        if "@" in text:
            return Entity.parse(text)
        raise ValueError(
            f"{text!r} is no entity of {self._source or 'those known'}: {', '.join(self) or 'it has none'}"
        )

    def __getitem__(self, name: str) -> Entity:
        return self._entities[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entities)

    def __len__(self) -> int:
        return len(self._entities)

    def __repr__(self) -> str:
        return f"Entities({self._entities!r})"


def _entity(where: str, entry: Any) -> Entity:
    """One entry: "AET@host:port", or a table of title, host and port."""
    try:
        entity = Entity.parse(entry) if isinstance(entry, str) else _from_table(entry)
        if not is_ae_title(entity.title):
            raise ValueError(f"{entity.title!r} is no AE title, 1 to 16 characters (PS3.5 6.2)")
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    return entity


def _from_table(entry: Any) -> Entity:
    if not isinstance(entry, dict) or entry.keys() - {"title", "host", "port"}:
        raise ValueError("neither AET@host:port nor a table of title, host and port")
    title, host, port = entry.get("title"), entry.get("host"), entry.get("port", DICOM_PORT)
    if not (isinstance(title, str) and isinstance(host, str) and host):
        raise ValueError("title and host are needed, as text")
    if type(port) is not int or not 0 < port < 65536:
        raise ValueError(f"{port!r} is no port, 1 to 65535")
    return Entity(title, host, port)
