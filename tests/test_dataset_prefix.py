"""The bounded look into a data set: it finds what pydicom finds, and nothing a peer sends makes it run away."""

import time
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pydicom
import pytest
from data_sets import (
    BIG_ENDIAN,
    CT,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    ITEM,
    ITEM_END,
    JPEG,
    SEQUENCE_END,
    UNDEFINED,
    data_set,
    deflate,
    element,
    nested,
)
from dulcet.services.storage import part10
from dulcet.services.storage.dataset_prefix import (
    DataSetError,
    Truncated,
    check_complete,
    find,
    show,
    uid_text,
)
from dulcet.services.transfer_syntaxes import encoding
from hypothesis import given
from hypothesis import strategies as st

SOP_CLASS, SOP_INSTANCE, STUDY = 0x00080016, 0x00080018, 0x0020000D
UIDS = (SOP_CLASS, SOP_INSTANCE, STUDY)

SHIPPED = Path(pydicom.__file__).parent / "data" / "test_files"
NO_PREFIX = {
    "ExplVR_BigEndNoMeta.dcm", "ExplVR_LitEndNoMeta.dcm", "no_meta.dcm", "rtstruct.dcm", "meta_missing_tsyntax.dcm",
}  # fmt: skip
"""No DICOM files, or without a transfer syntax."""
MISLABELLED = "SC_rgb_jpeg.dcm"
"""Its data set is in implicit VR, its File Meta Information says JPEG Baseline."""
REAL = sorted(path.name for path in SHIPPED.glob("*.dcm") if path.name not in NO_PREFIX)


@pytest.mark.parametrize("name", [name for name in REAL if name != MISLABELLED])
@pytest.mark.filterwarnings("ignore:Invalid value")
def test_finds_what_pydicom_finds(name):
    contents = (SHIPPED / name).read_bytes()
    meta = part10.peek(contents)
    found = find(memoryview(contents)[meta.dataset_offset :], meta.transfer_syntax_uid, UIDS)
    expected = pydicom.dcmread(SHIPPED / name, stop_before_pixels=True)
    for tag in UIDS:
        assert uid_text(found.get(tag, b"")) == str(expected[tag].value if tag in expected else "")


def test_a_data_set_in_another_syntax_than_promised_is_refused():
    contents = (SHIPPED / MISLABELLED).read_bytes()
    meta = part10.peek(contents)
    with pytest.raises(DataSetError, match=r"no value representation after tag \(0008,0008\) at byte 0"):
        find(contents[meta.dataset_offset :], meta.transfer_syntax_uid, UIDS)


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED, JPEG])
def test_each_encoding(syntax):
    encoded = data_set("1.2.3", syntax=EXPLICIT if syntax == JPEG else syntax, pixels=bytes(100))
    found = find(encoded, syntax, UIDS)
    assert {tag: uid_text(value) for tag, value in found.items()} == {
        SOP_CLASS: CT, SOP_INSTANCE: "1.2.3", STUDY: "1.2.3.9",
    }  # fmt: skip


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN])
def test_reads_no_further_than_the_last_wanted_element(syntax):
    encoded = data_set(syntax=syntax)
    end = encoded.index(b"1.2.3\0") + 6
    assert SOP_INSTANCE in find(encoded[:end], syntax, (SOP_CLASS, SOP_INSTANCE), whole=False)


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED])
def test_every_truncation_is_told_from_absence(syntax):
    encoded = data_set(syntax=syntax, pixels=bytes(10))
    whole = find(encoded, syntax, (SOP_CLASS, SOP_INSTANCE))
    for end in range(len(encoded)):
        try:
            found = find(encoded[:end], syntax, (SOP_CLASS, SOP_INSTANCE), whole=False)
        except Truncated:
            continue
        assert found == whole


def test_an_end_between_elements_is_absence_if_it_is_the_end():
    encoded = element((0x0008, 0x0016), "UI", CT)
    assert list(find(encoded, EXPLICIT, UIDS)) == [SOP_CLASS]
    with pytest.raises(Truncated, match="ends inside an element header at byte 34"):
        find(encoded, EXPLICIT, UIDS, whole=False)
    assert find(b"", EXPLICIT, UIDS) == {}


@given(st.binary(max_size=300), st.sampled_from([IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED]), st.booleans())
def test_no_bytes_raise_anything_else(noise, syntax, whole):
    with suppress(DataSetError):
        find(noise, syntax, UIDS, whole=whole)


@given(st.lists(st.sampled_from([
    element((0x0008, 0x0005), "CS", "X"),
    element((0x0008, 0x0006), "SQ", length=UNDEFINED),
    element((0x0008, 0x0007), "UN", length=UNDEFINED),
    element(ITEM, "", length=UNDEFINED),
    element(ITEM, "", b"12"),
    element(ITEM_END, ""),
    element(SEQUENCE_END, ""),
    element((0x0008, 0x0018), "UI", "1.2"),
]), max_size=30))  # fmt: skip
def test_no_order_of_elements_raises_anything_else(parts):
    with suppress(DataSetError):
        find(b"".join(parts), EXPLICIT, UIDS)


def test_items_of_either_kind_are_passed():
    sequence = b"".join(
        (
            element((0x0008, 0x0006), "SQ", length=UNDEFINED),
            element(ITEM, "", element((0x0008, 0x0018), "UI", "9.9")),
            element(ITEM, "", length=UNDEFINED),
            element((0x0008, 0x0018), "UI", "8.8"),
            element(ITEM_END, ""),
            element(SEQUENCE_END, ""),
        )
    )
    assert uid_text(find(data_set("1.2.3", before=sequence), EXPLICIT, UIDS)[SOP_INSTANCE]) == "1.2.3"


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN])
def test_a_sequence_of_unknown_vr_is_implicit_little_endian_inside(syntax):
    sequence = b"".join(
        (
            element((0x0008, 0x0007), "UN", length=UNDEFINED, syntax=syntax),
            element(ITEM, "", length=UNDEFINED, syntax=IMPLICIT),
            element((0x0008, 0x0018), "UI", "8.8", syntax=IMPLICIT),
            element(ITEM_END, "", syntax=IMPLICIT),
            element(SEQUENCE_END, "", syntax=IMPLICIT),
        )
    )
    found = find(data_set("1.2.3", before=sequence, syntax=syntax), syntax, UIDS)
    assert uid_text(found[SOP_INSTANCE]) == "1.2.3"


def test_depth_64_is_passed_and_65_refused():
    assert SOP_INSTANCE in find(data_set(before=nested(64)), EXPLICIT, UIDS)
    for depth in (65, 20_000, 1_000_000):
        with pytest.raises(DataSetError, match="nested deeper than 64"):
            find(data_set(before=nested(depth)), EXPLICIT, UIDS)


def test_ten_million_tiny_elements_cost_no_more_than_the_first_of_them():
    flood = element((0x0008, 0x0005), "CS") * 10_000_000
    start = time.process_time()
    with pytest.raises(DataSetError, match=r"more than 100000 elements before \(0020,000D\)"):
        find(flood, EXPLICIT, UIDS)
    assert time.process_time() - start < 4  # of the processor's; it is a tenth, and all of them take ten


def test_a_deflate_bomb_is_inflated_by_a_mebibyte_at_most():
    bomb = deflate(element((0x0008, 0x0005), "UT", bytes(64 << 20)))
    tracemalloc.start()
    with pytest.raises(DataSetError, match=r"ends inside the value|do not reach"):
        find(bomb, DEFLATED, UIDS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_uids_behind_the_first_inflated_bytes_are_found():
    encoded = data_set("1.2.3", before=element((0x0008, 0x0005), "UT", bytes(range(256)) * 400), syntax=EXPLICIT)
    assert uid_text(find(deflate(encoded), DEFLATED, UIDS)[SOP_INSTANCE]) == "1.2.3"


def test_what_is_no_deflate_stream_or_only_part_of_one():
    with pytest.raises(DataSetError, match="not a deflate stream"):
        find(b"\xff" * 50, DEFLATED, UIDS)
    with pytest.raises(Truncated, match="ends inside the deflate stream"):
        find(data_set(syntax=DEFLATED, pixels=bytes(range(256)))[:-20], DEFLATED, UIDS)


@pytest.mark.parametrize(
    ("encoded", "message"),
    [
        (element(ITEM, ""), r"\(FFFE,E000\) at byte 0 is out of place"),
        (element(SEQUENCE_END, ""), r"\(FFFE,E0DD\) at byte 0 is out of place"),
        (element((8, 6), "SQ", length=UNDEFINED) + element(ITEM_END, ""), r"\(FFFE,E00D\) at byte 12 is out of place"),
        (element((8, 6), "SQ", length=UNDEFINED) + element((8, 5), "CS"), r"\(0008,0005\) at byte 12 stands between"),
        (element((8, 0x18), "UI", b"1" * 1026), r"\(0008,0018\) has 1026 bytes, more than 1024"),
        (element((8, 5), "CS", length=4), r"ends inside the value of \(0008,0005\)"),
        (element((8, 6), "SQ", length=UNDEFINED), "ends inside an element header at byte 12"),
    ],
)
def test_what_is_wrong_is_said(encoded, message):
    with pytest.raises(DataSetError, match=message):
        find(encoded, EXPLICIT, UIDS)


def test_complete_or_not():
    encoded = data_set(pixels=bytes(10))
    check_complete(encoded, encoding(EXPLICIT), 10)
    with pytest.raises(Truncated, match=r"ends inside the value of \(7FE0,0010\)"):
        check_complete(encoded[:-2], encoding(EXPLICIT), 10)
    with pytest.raises(DataSetError, match="more than 4 elements"):
        check_complete(encoded, encoding(EXPLICIT), 4)


def test_tags_are_shown_as_the_standard_writes_them():
    assert show(0x7FE00010) == "(7FE0,0010)"
