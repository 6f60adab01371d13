"""The head of a DICOM file, read and written (PS3.10 7.1)."""

import io
from contextlib import suppress
from pathlib import Path

import pydicom
import pytest
from data_sets import CT, EXPLICIT, IMPLICIT, data_set, element
from dulcet.dul.items import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dulcet.services.storage.part10 import FileMeta, NotPart10, file_meta, is_part10, peek
from hypothesis import given
from hypothesis import strategies as st

SHIPPED = Path(pydicom.__file__).parent / "data" / "test_files"
HEADLESS = {"ExplVR_BigEndNoMeta.dcm", "ExplVR_LitEndNoMeta.dcm", "no_meta.dcm", "rtstruct.dcm"}
NO_SYNTAX = "meta_missing_tsyntax.dcm"
SHIPPED_NAMES = sorted(path.name for path in SHIPPED.glob("*.dcm"))

PREAMBLE = bytes(128) + b"DICM"


def head(*elements):
    return PREAMBLE + b"".join(elements)


def ui(number, uid):
    return element((2, number), "UI", uid)


def test_every_byte_of_a_head_we_write():
    class_uid = IMPLEMENTATION_CLASS_UID.encode()
    class_uid += b"\0" * (len(class_uid) % 2)
    version = IMPLEMENTATION_VERSION_NAME.encode()
    version += b" " * (len(version) % 2)
    length = 14 + (8 + 4) + (8 + 6) + (8 + 18) + (8 + len(class_uid)) + (8 + len(version)) + (8 + 4)
    assert file_meta("1.2", "1.2.3", IMPLICIT, "ABC") == b"".join(
        (
            bytes(128),  # File Preamble, all zeros
            b"DICM",  # DICOM Prefix
            b"\x02\x00\x00\x00UL\x04\x00" + length.to_bytes(4, "little"),  # File Meta Information Group Length
            b"\x02\x00\x01\x00OB\x00\x00\x02\x00\x00\x00\x00\x01",  # File Meta Information Version
            b"\x02\x00\x02\x00UI\x04\x001.2\x00",  # Media Storage SOP Class UID
            b"\x02\x00\x03\x00UI\x06\x001.2.3\x00",  # Media Storage SOP Instance UID
            b"\x02\x00\x10\x00UI\x12\x001.2.840.10008.1.2\x00",  # Transfer Syntax UID
            b"\x02\x00\x12\x00UI" + bytes((len(class_uid), 0)) + class_uid,  # Implementation Class UID
            b"\x02\x00\x13\x00SH" + bytes((len(version), 0)) + version,  # Implementation Version Name
            b"\x02\x00\x16\x00AE\x04\x00ABC ",  # Source Application Entity Title
        )
    )


uids = st.from_regex(r"[1-9][0-9]{0,9}(\.[1-9][0-9]{0,9}){0,4}", fullmatch=True)
titles = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=16)


@given(uids, uids, uids, titles, st.binary(max_size=20))
def test_what_is_written_is_read(sop_class, instance, syntax, title, rest):
    encoded = file_meta(sop_class, instance, syntax, title)
    assert peek(encoded + b"\x08\x00" + rest) == FileMeta(
        sop_class, instance, syntax, len(encoded), IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, title
    )


def test_pydicom_reads_what_is_written():
    meta = file_meta(CT, "1.2.3", EXPLICIT, "STORESCU")
    read = pydicom.dcmread(io.BytesIO(meta + data_set()))
    assert read.file_meta.FileMetaInformationGroupLength == len(meta) - 132 - 12
    assert read.file_meta.MediaStorageSOPInstanceUID == read.SOPInstanceUID == "1.2.3"
    assert read.file_meta.SourceApplicationEntityTitle == "STORESCU"


@pytest.mark.parametrize("name", [name for name in SHIPPED_NAMES if name not in {*HEADLESS, NO_SYNTAX}])
def test_peek_agrees_with_pydicom(name):
    ours = peek(SHIPPED / name)
    theirs = pydicom.filereader.read_file_meta_info(SHIPPED / name)
    assert ours.sop_class_uid == theirs.get("MediaStorageSOPClassUID", "")
    assert ours.sop_instance_uid == theirs.get("MediaStorageSOPInstanceUID", "")
    assert ours.transfer_syntax_uid == theirs.TransferSyntaxUID
    assert ours.implementation_version_name == theirs.get("ImplementationVersionName", "")
    assert peek((SHIPPED / name).read_bytes()) == ours


@pytest.mark.parametrize("name", sorted(HEADLESS))
def test_what_has_no_prefix_is_no_dicom_file(name):
    with pytest.raises(NotPart10, match=rf"{name}: no DICM after a preamble of 128 bytes \(PS3.10 7.1\)"):
        peek(SHIPPED / name)


def test_a_transfer_syntax_must_be_named():
    with pytest.raises(NotPart10, match=r"no Transfer Syntax UID \(0002,0010\)"):
        peek(SHIPPED / NO_SYNTAX)


def test_a_group_length_is_not_trusted():
    lying = head(element((2, 0), "UL", b"\xff\xff\xff\x7f"), ui(0x10, EXPLICIT), data_set())
    assert peek(lying).dataset_offset == lying.index(data_set())


def test_a_head_longer_than_the_first_read(tmp_path):
    path = tmp_path / "long"
    path.write_bytes(head(ui(0x10, EXPLICIT), element((2, 0x102), "OB", bytes(100_000))) + data_set())
    assert peek(path).dataset_offset == path.stat().st_size - len(data_set())


def test_a_head_beyond_the_limit_is_refused(tmp_path):
    path = tmp_path / "endless"
    path.write_bytes(head(ui(0x10, EXPLICIT), element((2, 0x102), "OB", bytes(2 << 20))))
    with pytest.raises(NotPart10, match=r"endless: File Meta Information: ends inside the value of \(0002,0102\)"):
        peek(path)


def test_every_truncation_is_refused_or_leaves_a_whole_element_out():
    whole = head(ui(2, CT), ui(3, "1.2.3"), ui(0x10, EXPLICIT))
    for end in range(len(whole)):
        with pytest.raises(NotPart10):
            peek(whole[:end])
    assert peek(whole).dataset_offset == len(whole)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(noise):
    with suppress(NotPart10):
        peek(PREAMBLE + b"\x02\x00" + noise)


def test_the_prefix_alone_tells():
    assert is_part10(memoryview(PREAMBLE))
    assert not is_part10(PREAMBLE[:-1])
