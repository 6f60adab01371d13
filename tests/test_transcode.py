"""Conversions between the uncompressed transfer syntaxes, by hand, there and back, and against dcmconv."""

import io
import re
import shutil
import subprocess
import zlib
from pathlib import Path

import pydicom
import pytest
from data_sets import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, JPEG, data_set, deflate, element, nested
from dulcet.services.storage.part10 import file_meta, peek
from dulcet.services.storage.transcode import CannotConvert, convert

SHIPPED = Path(pydicom.__file__).parent / "data" / "test_files"
SYNTAXES = {"implicit": IMPLICIT, "explicit": EXPLICIT, "big endian": BIG_ENDIAN, "deflated": DEFLATED}
FILES = [
    "CT_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "MR_small_expb.dcm", "image_dfl.dcm",
    "rtplan.dcm", "liver_expb_1frame.dcm", "rtdose_expb_1frame.dcm", "SC_rgb_small_odd_big_endian.dcm",
    "SC_rgb_small_odd.dcm", "waveform_ecg.dcm", "examples_palette.dcm", "badVR.dcm", "examples_overlay.dcm",
    "reportsi.dcm",
]  # fmt: skip


def shipped(name):
    contents = (SHIPPED / name).read_bytes()
    meta = peek(contents)
    return meta, contents[meta.dataset_offset :]


def words(syntax):
    """US, UL, AT, OW, OF and 8-bit OB, in a sequence and out of it, each with bytes that tell their order."""
    order = "big" if syntax == BIG_ENDIAN else "little"

    def number(value, size):
        return value.to_bytes(size, order)

    inside = element((0x0028, 0x0009), "AT", number(0x0018, 2) + number(0x1063, 2), syntax=syntax)
    return b"".join(
        (
            element((0x0008, 0x0018), "UI", "1.2.3", syntax=syntax),
            element((0x0008, 0x1140), "SQ", element((0xFFFE, 0xE000), "", inside, syntax=syntax), syntax=syntax),
            element((0x0028, 0x0010), "US", number(0x0102, 2), syntax=syntax),
            element((0x0028, 0x0100), "US", number(16, 2), syntax=syntax),
            element((0x7FE0, 0x0010), "OW", number(0x0304, 2) + number(0x0506, 2), syntax=syntax),
        )
    )


@pytest.mark.parametrize("target", SYNTAXES.values(), ids=list(SYNTAXES))
@pytest.mark.parametrize("source", SYNTAXES.values(), ids=list(SYNTAXES))
def test_every_byte_of_words(source, target):
    def make(syntax):
        return deflate(words(EXPLICIT)) if syntax == DEFLATED else words(syntax)

    converted = convert(make(source), source, target)
    if target == DEFLATED and source != DEFLATED:
        assert zlib.decompress(converted, wbits=-15) == words(EXPLICIT)
    else:
        assert converted == make(target)


def test_bytes_keep_their_order_in_big_endian():
    big = data_set(syntax=BIG_ENDIAN)[: -len(element((0x7FE0, 0x0010), "OW", syntax=BIG_ENDIAN))]
    eight = element((0x0028, 0x0100), "US", b"\0\x08", syntax=BIG_ENDIAN)
    as_bytes = big + eight + element((0x7FE0, 0x0010), "OB", b"1234", syntax=BIG_ENDIAN)
    as_words = big + eight + element((0x7FE0, 0x0010), "OW", b"2143", syntax=BIG_ENDIAN)
    for encoded in (as_bytes, as_words):
        assert convert(encoded, BIG_ENDIAN, IMPLICIT).endswith(b"1234")
        assert convert(encoded, BIG_ENDIAN, EXPLICIT).endswith(b"1234")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("over", SYNTAXES.values(), ids=list(SYNTAXES))
def test_there_and_back(name, over):
    meta, encoded = shipped(name)
    source = meta.transfer_syntax_uid
    plain = convert(
        convert(encoded, source, IMPLICIT if source != IMPLICIT else EXPLICIT),
        IMPLICIT if source != IMPLICIT else EXPLICIT,
        EXPLICIT,
    )
    assert convert(convert(plain, EXPLICIT, over), over, EXPLICIT) == plain


def dumped(path):
    """What dcmdump shows of a file, without what may differ: lengths, delimiters, white space, group lengths."""
    out = subprocess.run(["/usr/bin/dcmdump", "-q", "+L", "+U8", path], capture_output=True, check=True).stdout.decode(
        "latin-1"
    )
    lines = []
    for line in out.splitlines():
        if line.startswith("#") or "(0002," in line or "0000) UL" in line or "fffe,e0" in line:
            continue
        if " SQ " in line:
            line = re.sub(r"with \w+ length|#\s*(\d+|u/l), \d+", "", line)
        lines.append(" ".join(line.split()))
    return lines


DCMCONV = {"+te": EXPLICIT, "+tb": BIG_ENDIAN, "+ti": IMPLICIT, "+td": DEFLATED}


@pytest.mark.parametrize("option", DCMCONV)
@pytest.mark.parametrize("name", FILES)
@pytest.mark.skipif(shutil.which("/usr/bin/dcmconv") is None, reason="DCMTK is not installed: no second opinion")
def test_dcmconv_agrees(tmp_path, name, option):
    meta, encoded = shipped(name)
    target = DCMCONV[option]
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    converted = convert(encoded, meta.transfer_syntax_uid, target)
    ours.write_bytes(file_meta(meta.sop_class_uid, meta.sop_instance_uid, target) + converted)
    subprocess.run(["/usr/bin/dcmconv", "-q", option, SHIPPED / name, theirs], check=True)
    assert dumped(ours) == dumped(theirs)


def test_the_same_syntax_is_no_conversion():
    assert convert(memoryview(b"whatever"), IMPLICIT, IMPLICIT) == b"whatever"


@pytest.mark.parametrize(("source", "target"), [(JPEG, EXPLICIT), (EXPLICIT, JPEG), (EXPLICIT, "1.2.3")])
def test_compressed_syntaxes_are_refused(source, target):
    with pytest.raises(CannotConvert, match="is not uncompressed"):
        convert(data_set(), source, target)


@pytest.mark.parametrize(
    ("encoded", "source", "message"),
    [
        (data_set(pixels=bytes(10))[:-1], EXPLICIT, r"ends inside the value of \(7FE0,0010\)"),
        (deflate(data_set(pixels=bytes(10)))[:-3], DEFLATED, "cut off"),
        (data_set(before=nested(65)), EXPLICIT, "nested deeper than 64"),
        (element((0x0028, 0x0010), "US", b"abcd", length=3) + b"\0", EXPLICIT, "ends inside|re-encoded"),
        (
            element((0x7FE0, 0x0010), "OW", b"abcd", syntax=BIG_ENDIAN, length=3)[:-1],
            BIG_ENDIAN,
            "2-byte words has 3 bytes",
        ),
        (b"\xff" * 100, DEFLATED, "re-encoded"),
    ],
)
def test_what_cannot_be_converted(encoded, source, message):
    with pytest.raises(CannotConvert, match=message):
        convert(encoded, source, IMPLICIT)


def test_a_deflate_bomb_stops_at_the_limit():
    bomb = deflate(element((0x0008, 0x0005), "UT", bytes(64 << 20)))
    with pytest.raises(CannotConvert, match="more than 1048576 bytes"):
        convert(bomb, DEFLATED, EXPLICIT, maximum_bytes=1 << 20)


def test_values_never_show_in_errors():
    canary = element((0x0028, 0x0010), "US", b"CANARY!")
    with pytest.raises(CannotConvert) as raised:
        convert(canary + b"x", EXPLICIT, BIG_ENDIAN)
    assert "CANARY" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("value", [b"\xff\xfe bad \x1b$B", b"1.2.0123", b"a\\b ^=^", b"x" * 200, b" kept "])
@pytest.mark.parametrize(("number", "vr"), [(0x0010, "PN"), (0x0020, "LO"), (0x0030, "DA"), (0x1030, "DS")])
def test_text_is_passed_on_untouched(caplog, value, number, vr):
    """Whatever it is: no character set is applied, no value is judged, and none is logged."""
    value += b" " * (len(value) % 2)
    encoded = element((0x0010, number), vr, value)
    big = convert(encoded, EXPLICIT, BIG_ENDIAN)
    assert big == element((0x0010, number), vr, value, syntax=BIG_ENDIAN)
    assert convert(convert(encoded, EXPLICIT, IMPLICIT), IMPLICIT, EXPLICIT) == encoded
    assert caplog.records == []


def test_a_deflated_data_set_has_even_length():
    lengths = {len(convert(data_set(pixels=bytes(range(n)) * 2), EXPLICIT, DEFLATED)) % 2 for n in range(20)}
    assert lengths == {0}
    assert pydicom.dcmread(io.BytesIO(file_meta("1.2", "1.2", DEFLATED) + convert(data_set(), EXPLICIT, DEFLATED)))


def test_a_value_of_odd_length_is_padded():
    odd = element((0x0008, 0x0008), "CS", b"ab", length=1)[:-1] + element((0x0008, 0x0018), "UI", b"1.", length=1)[:-1]
    expected = element((0x0008, 0x0008), "CS", b"a ") + element((0x0008, 0x0018), "UI", b"1\0")
    assert convert(odd, EXPLICIT, BIG_ENDIAN) == convert(expected, EXPLICIT, BIG_ENDIAN)


def test_group_lengths_are_left_out():
    encoded = element((0x0008, 0x0000), "UL", b"\x0e\0\0\0") + element((0x0008, 0x0008), "CS", "X ")
    assert convert(encoded, EXPLICIT, IMPLICIT) == element((0x0008, 0x0008), "CS", "X ", syntax=IMPLICIT)


def test_a_lack_of_memory_is_not_the_data_sets_fault(monkeypatch):
    def exhausted(*_):
        raise MemoryError

    monkeypatch.setattr("dulcet.services.storage.transcode.read_dataset", exhausted)
    with pytest.raises(MemoryError):
        convert(data_set(), EXPLICIT, IMPLICIT)
