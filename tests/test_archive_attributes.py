"""What the index takes from a file: bounded, decoded, tidied."""

import os

import pytest
from archive_files import CT, EXPLICIT, instance, write
from data_sets import BIG_ENDIAN, DEFLATED, IMPLICIT, data_set, element
from dulcet.services.archive.attributes import NotIndexable, read, tidied
from dulcet.services.storage.part10 import file_meta


def values(tmp_path, content, syntax=EXPLICIT):
    (tmp_path / "file").write_bytes(file_meta(CT, "1.2.3", syntax) + content)
    return read(tmp_path, "file").values


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED])
def test_in_every_encoding(tmp_path, syntax):
    found = values(tmp_path, data_set(syntax=syntax, pixels=bytes(100)), syntax)
    assert found == {
        "SOPClassUID": CT, "SOPInstanceUID": "1.2.3", "PatientName": "A^B", "StudyInstanceUID": "1.2.3.9"
    }  # fmt: skip


def test_a_file_and_what_is_known_of_it(tmp_path):
    path = write(tmp_path / "a" / "b", instance("1.2.3", pixels=bytes(100_000), Rows=512))
    found = read(tmp_path, "a/b")
    assert (found.path, found.size, found.transfer_syntax_uid) == ("a/b", path.stat().st_size, EXPLICIT)
    assert found.modified == path.stat().st_mtime_ns
    assert found.values["Rows"] == "512"


@pytest.mark.parametrize(
    ("terms", "name", "expected"),
    [
        ("", "Müller^Jörg".encode("latin-1"), "Müller^Jörg"),
        ("ISO_IR 100", "Müller^Jörg".encode("latin-1"), "Müller^Jörg"),
        ("ISO_IR 192", "山田^太郎".encode(), "山田^太郎"),
        ("ISO_IR 144", "Юлия".encode("iso8859_5"), "Юлия"),
        ("\\ISO 2022 IR 87", b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B", "Yamada^Tarou=山田^太郎"),
        ("NO SUCH", b"Doe^John", "Doe^John"),
        ("ISO_IR 192", b"Doe^\xff", "Doe^\ufffd"),
        ("ISO_IR 192", b"Doe\0^John  ", "Doe^John"),
    ],
)
def test_character_sets(tmp_path, terms, name, expected):
    before = element((0x0008, 0x0005), "CS", terms) if terms else b""
    found = before + element((0x0008, 0x0016), "UI", CT) + element((0x0008, 0x0018), "UI", "1.2.3")
    found += element((0x0010, 0x0010), "PN", name) + element((0x0020, 0x000D), "UI", "1.2")
    assert values(tmp_path, found)["PatientName"] == expected


def test_values_behind_a_long_header(tmp_path):
    """More than what is read at first stands before the UIDs."""
    private = element((0x0009, 0x1001), "OB", bytes(300_000))
    assert values(tmp_path, data_set(after=private))["StudyInstanceUID"] == "1.2.3.9"


def test_a_value_out_of_bounds_costs_what_is_not_essential(tmp_path):
    long = element((0x0008, 0x1030), "LO", "x" * 5000)
    found = values(tmp_path, data_set(after=long))
    assert (found["StudyInstanceUID"], found.get("StudyDescription")) == ("1.2.3.9", None)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (data_set(study=""), "StudyInstanceUID"),
        (data_set(sop_class=""), "SOPClassUID"),
        (data_set(uid=""), "SOPInstanceUID"),
        (b"", "SOPClassUID"),
        (b"\xff" * 50, "value representation"),
        (data_set()[:55], "ends inside"),
    ],
)
def test_what_cannot_be_found_by_its_content(tmp_path, content, words):
    with pytest.raises(NotIndexable, match=words):
        values(tmp_path, content)


def test_neither_links_nor_pipes_are_followed(tmp_path):
    write(tmp_path / "file", instance("1.2.3"))
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="link"):
        read(tmp_path, "link")
    with pytest.raises((OSError, NotIndexable)):
        read(tmp_path, "pipe")


@pytest.mark.parametrize(
    ("vr", "text", "tidy"),
    [
        ("DA", "19970821", "19970821"), ("DA", "1997.08.21", "19970821"), ("DA", "yesterday", ""), ("DA", "1997", ""),
        ("TM", "1030", "1030"), ("TM", "10:30:15.5", "103015.5"), ("TM", "103", ""), ("TM", "240000", ""),
        ("TM", "1030.5", ""), ("TM", "235960", "235960"),
        ("IS", " 007 ", "7"), ("IS", "+7", "7"), ("IS", "-7", "-7"), ("IS", "1.5", ""), ("IS", "many", ""),
        ("DS", "1.50", "1.5"), ("DS", "15e-1", "1.5"), ("DS", "1e400", ""), ("DS", "nan", ""),
        ("PN", "Doe^John^^^ ", "Doe^John"), ("PN", "Doe==", "Doe"), ("PN", "=X", "=X"),
        ("LO", "  knee ", "knee"), ("LO", "x" * 300, "x" * 255), ("UI", "1.2.3\0", "1.2.3"),
    ],
)  # fmt: skip
def test_tidy(vr, text, tidy):
    assert tidied(vr, text) == tidy
