"""The short way to encode an identifier: what it encodes is what pydicom makes of it, and the rest it leaves alone."""

from io import BytesIO

import pytest
from dulcet.services import flat, identifiers
from dulcet.services.transfer_syntaxes import encoding
from hypothesis import given
from hypothesis import strategies as st
from pydicom.config import IGNORE
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.sequence import Sequence

SYNTAXES = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99")
TEXTS = ("AE", "CS", "DA", "LO", "LT", "PN", "SH", "ST", "TM", "UI")
VALUES = st.one_of(
    st.none(),
    st.text("AZaz09 ^=.-_\x00äé日", max_size=9),
    st.from_regex(r"[0-9]{1,6}", fullmatch=True),
    st.integers(-70000, 70000),
    st.lists(st.text("AZ09", max_size=4), min_size=2, max_size=3),
)
TAGS = st.tuples(st.sampled_from([0x0002, 0x0008, 0x0010, 0x0011, 0x0020]), st.integers(0, 9)).map(
    lambda tag: tag[0] << 16 | tag[1]
)


@st.composite
def data_sets(draw):
    """Elements of any VR with values that mostly fit it, as pydicom holds them."""
    dataset = Dataset()
    for tag in draw(st.sets(TAGS, max_size=6)):
        vr = draw(st.sampled_from([*TEXTS, "IS", "DS", "US", "UL", "SS", "SL", "FD", "OB"]))
        try:
            dataset[tag] = DataElement(tag, vr, draw(VALUES), validation_mode=IGNORE)
        except Exception:  # noqa: BLE001, S112  # pydicom raises whatever a value leads to
            continue
    return dataset


def by_pydicom(dataset, layout):
    try:
        return identifiers._encode(dataset, layout)
    except identifiers.IdentifierError:
        return None


@given(data_sets(), st.sampled_from(SYNTAXES))
def test_it_encodes_as_pydicom_does_or_not_at_all(dataset, syntax):
    layout = encoding(syntax)
    encoded = flat.encode(dataset, layout)
    if encoded is not None:
        assert encoded == by_pydicom(dataset, layout)


@given(st.dictionaries(st.sampled_from(TEXTS), st.text("AZ09^. ", max_size=9)), st.sampled_from(SYNTAXES))
def test_it_does_encode_short_texts(texts, syntax):
    dataset = Dataset()
    for number, (vr, given_text) in enumerate(texts.items()):
        text = given_text.replace(" ", "") if vr == "UI" else given_text  # which pydicom has to strip
        dataset[0x00100010 + number] = DataElement(0x00100010 + number, vr, text, validation_mode=IGNORE)
    assert flat.encode(dataset, encoding(syntax)) == by_pydicom(dataset, encoding(syntax))


def element(vr, value):
    dataset = Dataset()
    dataset.add(DataElement(0x00100010, vr, value, validation_mode=IGNORE))
    return dataset


@pytest.mark.parametrize(
    "dataset",
    [
        element("SQ", Sequence([Dataset()])),
        element("LO", ["A", "B"]),
        element("LO", "ä"),
        element("US", 70000),
        element("OB", b"12"),
        element("IS", 5),
        element("LT", "x" * 0xFFFF),
        read_dataset(BytesIO(b"\x10\0\x20\0\2\0\0\0A "), True, True),
    ],
    ids=["a sequence", "values", "not ASCII", "too large", "bytes", "no text", "too long", "not decoded yet"],
)
def test_it_leaves_to_pydicom_what_is_not_simple(dataset):
    assert flat.encode(dataset, encoding(SYNTAXES[1])) is None


def test_it_leaves_character_sets_to_pydicom():
    dataset = element("LO", "A")
    dataset.SpecificCharacterSet = "ISO_IR 192"
    assert flat.encode(dataset, encoding(SYNTAXES[0])) is None


def test_what_does_not_travel_is_left_out():
    dataset = element("LO", "A")
    dataset.add(DataElement(0x00020010, "UI", "1.2"))
    dataset.add(DataElement(0x00100000, "UL", 10))
    assert flat.encode(dataset, encoding(SYNTAXES[0])) == bytes.fromhex("10001000020000004120")


@given(
    st.dictionaries(
        TAGS.filter(lambda tag: tag >> 16 > 0x0007 and tag & 0xFFFF and tag != 0x00080005),
        st.tuples(
            st.sampled_from([*TEXTS, "IS", "DS"]),
            st.none()
            | st.text("AZ09 ^=.\\é", max_size=9)
            | st.lists(st.text("AZ09", min_size=1, max_size=3), min_size=2),
        )
        | st.tuples(st.just("US"), st.integers(0, 0xFFFF)),
        max_size=6,
    ),
    st.sampled_from(SYNTAXES),
)
def test_elements_encode_as_the_data_set_they_stand_for(values, syntax):
    elements, layout = flat.Elements(values), encoding(syntax)
    encoded = elements.encode(layout)
    if encoded is not None:
        assert encoded == by_pydicom(elements.dataset(), layout)


def test_elements_that_are_not_ascii_go_as_unicode():
    elements = flat.Elements({0x00100010: ("PN", "Äbel")})
    encoded = identifiers.encode(elements, SYNTAXES[1])
    assert encoded == identifiers.encode(elements.dataset(), SYNTAXES[1])
    assert identifiers.decode(encoded, SYNTAXES[1]).PatientName == "Äbel"
