"""Attribute matching of PS3.4 C.2.2.2 as a table, for the index of an archive in whatever database it is."""

from dulcet.services.archive.attributes import Record, tidied
from dulcet.services.archive.schema import ATTRIBUTES
from dulcet.services.query.models import UNIQUE_KEYS, QueryExtension, model, model_of
from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
STUDY_ROOT = model_of(model("find", "study"))
PATIENT_ROOT = model_of(model("find", "patient"))
RELATIONAL = QueryExtension(relational=True)

MATCHING = (
    # what, keyword, key, the values stored, those of them that match
    ("single value", "AccessionNumber", "A1", ["A1", "a1", "A12", "BA1", ""], ["A1"]),  # C.2.2.2.1
    ("padding does not count", "AccessionNumber", " A1 ", ["A1", "A 1"], ["A1"]),
    ("a name in any case", "PatientName", "doe^john", ["DOE^JOHN", "Doe^John", "Doe^Johnny"], ["DOE^JOHN", "Doe^John"]),
    ("a name beyond ASCII in any case", "PatientName", "MÜLLER^JÖRG", ["Müller^Jörg", "Muller^Jorg"], ["Müller^Jörg"]),
    ("empty components at the end", "PatientName", "Doe^John", ["Doe^John^^^", "Doe^John^A"], ["Doe^John^^^"]),
    ("any group of a name", "PatientName", "山田^太郎", ["Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada^Tarou"],
     ["Yamada^Tarou=山田^太郎=やまだ^たろう"]),
    ("group by group", "PatientName", "yama*=*=やまだ^*", ["Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada^Tarou"],
     ["Yamada^Tarou=山田^太郎=やまだ^たろう"]),
    ("a number is a number", "SeriesNumber", "007", ["7", "70", "07"], ["7", "07"]),
    ("list of UIDs", "StudyInstanceUID", ["1.2.1", "1.2.3"], ["1.2.1", "1.2.2", "1.2.3", "1.2.30"],
     ["1.2.1", "1.2.3"]),  # C.2.2.2.2
    ("no wild cards in UIDs", "StudyInstanceUID", "1.2.*", ["1.2.1", "1.2.2"], []),
    ("universal", "AccessionNumber", "", ["A1", ""], ["A1", ""]),  # C.2.2.2.3
    ("* is universal", "AccessionNumber", "*", ["A1", ""], ["A1", ""]),  # C.2.2.2.4
    ("* for a UID too", "StudyInstanceUID", "*", ["1.2.1"], ["1.2.1"]),
    ("* for many characters, or none", "AccessionNumber", "A*1", ["A1", "AB1", "ABC1", "A12"], ["A1", "AB1", "ABC1"]),
    ("? for one character", "AccessionNumber", "A?1", ["A1", "AB1", "AÄ1", "ABC1"], ["AB1", "AÄ1"]),
    ("wild cards tell a from A", "AccessionNumber", "a*", ["a1", "A1"], ["a1"]),
    ("wild cards in names do not", "PatientName", "dOe*", ["Doe^John", "DOE", "Roe"], ["Doe^John", "DOE"]),
    ("* does not find what is not there", "AccessionNumber", "?*", ["A1", ""], ["A1"]),
    ("brackets are letters", "AccessionNumber", "[AB]*", ["[AB]1", "A1", "B1"], ["[AB]1"]),
    ("% and _ are letters", "AccessionNumber", "1%_*", ["1%_2", "1abc"], ["1%_2"]),
    ("one date", "StudyDate", "20260228", ["20260228", "20260301", ""], ["20260228"]),  # C.2.2.2.5
    ("date1-date2", "StudyDate", "20260101-20260131", ["20251231", "20260101", "20260131", "20260201", ""],
     ["20260101", "20260131"]),
    ("-date", "StudyDate", "-20260101", ["20251231", "20260101", "20260102", ""], ["20251231", "20260101"]),
    ("date-", "StudyDate", "20260101-", ["20251231", "20260101", "20260102", ""], ["20260101", "20260102"]),
    ("spaces around the hyphen", "StudyDate", "20260101 - 20260102", ["20260101", "20260103"], ["20260101"]),
    ("dates of ACR-NEMA", "StudyDate", "2026.01.01", ["20260101", "2026.01.01"], ["20260101", "2026.01.01"]),
    ("no date at all", "StudyDate", "today", ["20260101"], []),
    ("no wild cards in dates", "StudyDate", "2026*", ["20260101"], []),
    ("a time", "StudyTime", "103000", ["103000", "1030", "103000.000", "103000.5", "103001"],
     ["103000", "1030", "103000.000", "103000.5"]),
    ("a whole hour", "StudyTime", "10", ["10", "1059", "105959.999999", "11", "095959"],
     ["10", "1059", "105959.999999"]),
    ("time1-time2", "StudyTime", "1030-1130", ["1029", "1030", "113000", "113059", "1131"],
     ["1030", "113000", "113059"]),
    ("-time", "StudyTime", "-0600", ["00", "060000", "0601", ""], ["00", "060000"]),
    ("time-", "StudyTime", "2200-", ["215959", "22", "235959.9", ""], ["22", "235959.9"]),
    ("times of ACR-NEMA", "StudyTime", "10:30:00", ["103000", "10:30:00"], ["103000", "10:30:00"]),
    ("several values mean any", "Modality", ["CT", "MR"], ["CT", "MR", "US"], ["CT", "MR"]),
)  # fmt: skip
"""By hand from PS3.4 C.2.2.2.1 to C.2.2.2.5; where the standard leaves a choice, from what `archive_matching` says."""


def record(number=0, *, path=None, modified=1, syntax=EXPLICIT, **values):
    """A made-up object: each number is one of a patient, study and series of its own."""
    own = {
        "PatientID": f"P{number}",
        "StudyInstanceUID": f"1.2.{number}",
        "SeriesInstanceUID": f"1.2.{number}.1",
        "SOPInstanceUID": f"1.2.{number}.1.1",
        "SOPClassUID": CT,
    } | values
    tidy = {keyword: tidied(ATTRIBUTES[keyword].vr, value) for keyword, value in own.items()}
    kept = {keyword: value for keyword, value in tidy.items() if value}
    return Record(path or f"{number}/{kept['SOPInstanceUID']}.dcm", 100, modified, syntax, kept)


def request(level, **keys):
    """An identifier as it comes from the network: values are what they are."""
    dataset = Dataset()
    for keyword, value in ({UNIQUE_KEYS[level]: "", "QueryRetrieveLevel": level} | keys).items():
        tag, vr = tag_for_keyword(keyword), dictionary_VR(keyword)
        dataset[tag] = DataElement(tag, vr, None if (vr, value) == ("US", "") else value, validation_mode=IGNORE)
    return dataset


def ask(index, level="STUDY", of=STUDY_ROOT, extension=RELATIONAL, **keys):
    """The identifiers that answer a query."""
    return list(index.answers(index.search(request(level, **keys), of, extension)))


def matched(index, keyword, key, values):
    """Which of these values a key matches, when each belongs to an object of its own."""
    index.clear()
    index.add_all([record(number, modified=number, **{keyword: value}) for number, value in enumerate(values)])
    level = ATTRIBUTES[keyword].level
    found = ask(index, "STUDY" if level == "PATIENT" else level, **{keyword: key, "PatientID": ""})
    return [values[int(each.PatientID[1:])] for each in found]
