"""Tables that ship with dulcet are parsed once; what is kept counts for the text that it was made of, and no other."""

import errno
import marshal
import os
import subprocess
import sys
from pathlib import Path

import pytest
from dulcet.spec import documents, text_of
from dulcet.spec.errors import SpecError

NAME = "codes.toml"
TEXT = text_of(NAME)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where tables are kept, which nobody has made yet."""
    monkeypatch.setattr(documents, "FOLDER", str(tmp_path / "kept"))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return tmp_path / "kept"


def kept(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.exists() else []


def test_kept_as_it_was_parsed(folder: Path) -> None:
    parsed = documents.document(TEXT, NAME)
    [file] = kept(folder)
    assert marshal.loads(file.read_bytes()) == (TEXT, parsed)  # noqa: S302  # written above
    assert documents.document(TEXT, NAME) == parsed


def test_what_is_kept_is_taken(folder: Path) -> None:
    documents.document(TEXT, NAME)
    [file] = kept(folder)
    file.write_bytes(marshal.dumps((TEXT, {"this": "one"})))
    assert documents.document(TEXT, NAME) == {"this": "one"}


def test_it_counts_for_its_text_only(folder: Path) -> None:
    documents.document(TEXT, NAME)
    [file] = kept(folder)
    before = file.read_bytes()
    assert documents.document('a = "b"', NAME) == {"a": "b"}
    assert file.read_bytes() == before


def test_only_what_lies_in_our_folder_is_taken(folder: Path, tmp_path: Path) -> None:
    """Not what lies beside a file of somebody else's, whose path is its name."""
    elsewhere = tmp_path / f"{NAME}.{sys.implementation.cache_tag}"
    elsewhere.write_bytes(marshal.dumps((TEXT, {"not": "ours"})))
    assert documents.document(TEXT, str(tmp_path / NAME)) == documents.document(TEXT, NAME)


@pytest.mark.parametrize("name", [NAME, "mine.toml"])
def test_other_texts_are_not_kept(folder: Path, name: str) -> None:
    assert documents.document('a = "b"', name) == {"a": "b"}
    assert kept(folder) == []


@pytest.mark.parametrize(
    "what", [b"", b"\x00", b"(", marshal.dumps((TEXT, {}))[:-4], marshal.dumps(1), marshal.dumps((1, 2, 3))], ids=repr
)
def test_a_damaged_file_is_made_again(folder: Path, what: bytes) -> None:
    parsed = documents.document(TEXT, NAME)
    [file] = kept(folder)
    whole = file.read_bytes()
    file.write_bytes(what)
    assert documents.document(TEXT, NAME) == parsed
    assert file.read_bytes() == whole


def test_where_nothing_can_be_written(folder: Path) -> None:
    folder.write_text("no folder")
    assert documents.document(TEXT, NAME)["pdu_types"]


def test_a_full_disk_leaves_nothing_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert documents.document(TEXT, NAME)["pdu_types"]
    assert kept(folder) == []


def test_kept_where_python_keeps_its_own(tmp_path: Path) -> None:
    program = "import sys; sys.dont_write_bytecode = False; from dulcet.spec import codes; codes.load()"
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(tmp_path)
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, env=environment)
    [file] = tmp_path.rglob("codes.toml.*")
    assert list(file.parent.glob("codes.cpython-*.pyc"))


def test_where_python_keeps_nothing_we_do_not_either(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert documents.document(TEXT, NAME)["pdu_types"]
    assert kept(folder) == []


def test_no_toml(folder: Path) -> None:
    with pytest.raises(SpecError, match=r"^mine\.toml: .*line 2"):
        documents.document("a = 1\nb = what", "mine.toml")


def test_kept_tables_need_no_parser(folder: Path) -> None:
    """All four tables are loaded by a process that has no TOML parser."""
    program = (
        "import sys; sys.dont_write_bytecode = False\n"
        "from dulcet.spec import documents; documents.FOLDER = sys.argv[1]\n"
        "if sys.argv[2] == 'kept': sys.modules['tomllib'] = None\n"
        "from dulcet.spec import codes, dimse, status, upper_layer\n"
        "for each in (codes, dimse, status, upper_layer): each.load()"
    )
    for state in ("new", "kept"):
        subprocess.run([sys.executable, "-c", program, folder, state], check=True, timeout=60)
    assert len(kept(folder)) == 4
