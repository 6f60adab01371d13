"""Entities by name: what a file may say, and what is said about one that is wrong."""

from pathlib import Path

import pytest
from dulcet.services.entities import Entities

from dulcet import Entity


def written(folder: Path, text: str) -> Path:
    path = folder / "entities.toml"
    path.write_text(text, "utf-8")
    return path


GOOD = """
[entities]
pacs = "ORTHANC@127.0.0.1:4242"
six = "SIX@[::1]:11112"
short = "SHORT@pacs.example.org"

[entities.modality]
title = "CT01"
host = "ct01.example.org"
port = 11112

[archive]
anything = 1
"""


def test_load(tmp_path: Path) -> None:
    known = Entities.load(written(tmp_path, GOOD))
    assert dict(known) == {
        "pacs": Entity("ORTHANC", "127.0.0.1", 4242),
        "six": Entity("SIX", "::1", 11112),
        "short": Entity("SHORT", "pacs.example.org", 104),
        "modality": Entity("CT01", "ct01.example.org", 11112),
    }
    assert len(known) == 4
    assert known.by_title("CT01 ") == known["modality"]
    assert known.by_title("NOBODY") is None
    assert "CT01" in repr(known)


def test_find(tmp_path: Path) -> None:
    known = Entities.load(written(tmp_path, GOOD))
    assert known.find("pacs") == known["pacs"]
    assert known.find("OTHER@host:105") == Entity("OTHER", "host", 105)
    with pytest.raises(ValueError, match="pacs, six, short, modality"):
        known.find("nobody")
    with pytest.raises(ValueError, match="it has none"):
        Entities({}).find("nobody")


def test_no_table_is_no_entities(tmp_path: Path) -> None:
    assert not Entities.load(written(tmp_path, "[other]\n"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("entities = 1", "entities is no table"),
        ("[entities]\nx = 1", "entities.x: neither"),
        ('[entities]\nx = "nonsense"', "entities.x: .*AET@host:port expected"),
        ('[entities]\nx = "A@host:99999"', "entities.x: .*no port"),
        ('[entities]\nx = "MUCH TOO LONG A TITLE@host"', "entities.x: .*no AE title"),
        ('[entities.x]\ntitle = "A"', "title and host are needed"),
        ('[entities.x]\ntitle = "A"\nhost = "h"\nport = "104"', "no port"),
        ('[entities.x]\ntitle = "A"\nhost = "h"\nport = true', "no port"),
        ('[entities.x]\ntitle = "A"\nhost = "h"\nprot = 1', "neither"),
        ("[entities", "entities.toml"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        Entities.load(written(tmp_path, text))
    assert "entities.toml" in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Entities.load(tmp_path / "none.toml")
