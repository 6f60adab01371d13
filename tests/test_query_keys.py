"""Keys of a query: DCMTK's spellings, values by their VR (PS3.5 6.2), and what is said of a wrong one."""

import pytest
from dulcet.services.identifiers import encode
from dulcet.tools.query_keys import WrongKey, set_key, steps
from pydicom.dataset import Dataset

EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
ITEM = b"\xfe\xff\x00\xe0"


def made(*keys: str) -> Dataset:
    query = Dataset()
    for key in keys:
        set_key(query, key)
    return query


@pytest.mark.parametrize(
    "key", ["(0010,0020)=123", "0010,0020=123", "PatientID=123"], ids=["tag", "without brackets", "keyword"]
)
def test_three_spellings_of_a_name(key: str) -> None:
    assert encode(made(key), EXPLICIT) == b"\x10\x00\x20\x00LO\x04\x00123 "


@pytest.mark.parametrize("key", ["PatientName", "PatientName=", "(0010,0010)", "0010,0010="])
def test_no_value_is_zero_length(key: str) -> None:
    assert encode(made(key), EXPLICIT) == b"\x10\x00\x10\x00PN\x00\x00"


def test_upper_and_lower_case_digits() -> None:
    assert made("0020,000d=1.2") == made("(0020,000D)=1.2")


@pytest.mark.parametrize(
    ("key", "encoded"),
    [
        ("StudyDate=20200101-20211231", b"\x08\x00\x20\x00DA\x12\x0020200101-20211231 "),
        ("StudyTime=-1200", b"\x08\x00\x30\x00TM\x06\x00-1200 "),
        ("PatientName=DOE*^J?", b"\x10\x00\x10\x00PN\x08\x00DOE*^J? "),
        ("StudyInstanceUID=1.2\\1.34", b"\x20\x00\x0d\x00UI\x08\x001.2\\1.34"),
        ("ModalitiesInStudy=CT\\MR", b"\x08\x00\x61\x00CS\x06\x00CT\\MR "),
        ("AccessionNumber==", b"\x08\x00\x50\x00SH\x02\x00= "),
        ("PatientComments=a\\b=c", b"\x10\x00\x00\x40LT\x06\x00a\\b=c "),
        ("NumberOfFrames=3", b"\x28\x00\x08\x00IS\x02\x003 "),
        ("PatientWeight=70.5", b"\x10\x00\x30\x10DS\x04\x0070.5"),
        ("Rows=512", b"\x28\x00\x10\x00US\x02\x00\x00\x02"),
        ("TagAngleSecondAxis=-2", b"\x18\x00\x19\x92SS\x02\x00\xfe\xff"),
        ("SelectorULValue=7", b"\x72\x00\x78\x00UL\x04\x00\x07\x00\x00\x00"),
        ("FrameIncrementPointer=(0018,1063)", b"\x28\x00\x09\x00AT\x04\x00\x18\x00\x63\x10"),
        ("SelectorFDValue=0.5", b"\x72\x00\x74\x00FD\x08\x00\x00\x00\x00\x00\x00\x00\xe0\x3f"),
        ("(0009,0010)=OURS", b"\x09\x00\x10\x00LO\x04\x00OURS"),
        ("(0009,1001)=abc", b"\x09\x00\x01\x10UN\x00\x00\x04\x00\x00\x00abc "),
        ("(0008,FFFE)", b"\x08\x00\xfe\xffUN\x00\x00\x00\x00\x00\x00"),
        ("PixelData", b"\xe0\x7f\x10\x00OB\x00\x00\x00\x00\x00\x00"),
    ],
)
def test_values_by_their_vr(key: str, encoded: bytes) -> None:
    assert encode(made(key), EXPLICIT) == encoded


def test_text_beyond_ascii_says_its_character_set() -> None:
    assert encode(made("PatientName=Müller*"), EXPLICIT) == (
        b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 192" + b"\x10\x00\x10\x00PN\x08\x00M\xc3\xbcller*"
    )


def test_a_path_makes_what_is_missing() -> None:
    query = made("ScheduledProcedureStepSequence[0].Modality=CT", "(0040,0100)[0].(0040,0001)", "(0040,0100)[1]")
    assert encode(query, IMPLICIT) == (
        b"\x40\x00\x00\x01\x22\x00\x00\x00"
        + (ITEM + b"\x12\x00\x00\x00" + b"\x08\x00\x60\x00\x02\x00\x00\x00CT" + b"\x40\x00\x01\x00\x00\x00\x00\x00")
        + (ITEM + b"\x00\x00\x00\x00")
    )


def test_a_path_of_several_sequences() -> None:
    key = "RequestAttributesSequence[1].RequestedProcedureCodeSequence[0].CodeValue=X"
    (first, second) = made(key).RequestAttributesSequence
    assert len(first) == 0
    assert second.RequestedProcedureCodeSequence[0].CodeValue == "X"


def test_a_sequence_alone_is_empty() -> None:
    assert encode(made("ReferencedStudySequence"), IMPLICIT) == b"\x08\x00\x10\x11\x00\x00\x00\x00"
    assert encode(made("ReferencedStudySequence[0].PatientID", "ReferencedStudySequence="), IMPLICIT) == encode(
        made("ReferencedStudySequence"), IMPLICIT
    )


def test_a_key_replaces_what_is_there_and_keeps_its_vr() -> None:
    query = made("PatientID=1")
    query.add_new(0x00091001, "SH", "old")
    set_key(query, "PatientID=2")
    set_key(query, "(0009,1001)=new")
    assert query.PatientID == "2"
    assert (query[0x00091001].VR, query[0x00091001].value) == ("SH", "new")


def test_steps() -> None:
    assert [tuple(step) for step in steps("(0040,0100)[0].Modality")] == [
        ("(0040,0100)[0]", 0x00400100, 0),
        ("Modality", 0x00080060, None),
    ]


WRONG = [
    ("", "a key without a name, character 1"),
    ("=secret", "a key without a name, character 1"),
    ("PatientNam=secret", "PatientNam is no keyword of the data dictionary (PS3.6); did you mean PatientName"),
    ("Xyzzyxyzzy=secret", "a tag, as (0010,0020), will do"),
    ("(0010,0020=secret", "(0010,0020, character 1"),
    ("0010,0020)=secret", "0010,0020), character 10: after 0010,0020 comes nothing more"),
    ("PatientID =secret", "PatientID , character 10"),
    ("PatientID[0].PatientID=secret", "PatientID is no sequence"),
    ("PatientID[0]", "PatientID is no sequence"),
    ("(0040,0100).Modality=secret", "character 12: after (0040,0100) comes nothing more, or an item as [0]"),
    ("(0040,0100)[*].Modality=secret", "character 12"),
    ("(0040,0100)[0]Modality=secret", "character 15: after (0040,0100)[0] comes a dot"),
    ("(0040,0100)[0].=secret", "character 16: here a keyword or a tag is wanted"),
    ("(0040,0100)[1000].Modality=secret", "item 1000 is too far"),
    ("(0040,0100)=secret", "a sequence has no value of its own"),
    ("(0040,0100)[0]=secret", "an item has no value"),
    ("(0002,0010)=secret", "(0002,0010) is no element of a query"),
    ("(0010,0000)=secret", "(0010,0000) is no element of a query"),
    ("Rows=secret", "its value is no number; Rows has VR US"),
    ("Rows=65536", "a value is out of its range, 0 to 65535"),
    ("Rows=-1", "0 to 65535"),
    ("SelectorSSValue=40000", "-32768 to 32767"),
    ("InstanceNumber=secret", "InstanceNumber has VR IS"),
    ("PatientWeight=secret", "PatientWeight has VR DS"),
    ("FrameIncrementPointer=secret", "a value is wanted as (0010,0020)"),
    ("PixelData=secret", "nobody matches binary data"),
]


@pytest.mark.parametrize(("key", "said"), WRONG)
def test_a_wrong_key_is_told_with_its_place_and_without_its_value(key: str, said: str) -> None:
    query = made("PatientName=kept")
    with pytest.raises(WrongKey) as caught:
        set_key(query, key)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.exit_code == "USAGE"
    assert caught.value.__cause__ is None
