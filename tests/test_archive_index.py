"""The index of an archive: attribute matching (PS3.4 C.2.2.2), what identifiers may ask, what becomes of files."""

import string
import threading

import pytest
from archive_cases import CT, EXPLICIT, MATCHING, PATIENT_ROOT, STUDY_ROOT, ask, matched, record, request
from dulcet.services.archive.attributes import name_groups, tidied
from dulcet.services.archive.index import ArchiveIndex
from dulcet.services.archive.matching import condition
from dulcet.services.archive.schema import ATTRIBUTES, METADATA, patients, studies
from dulcet.services.archive.search import UnusableIdentifier
from dulcet.services.query.models import QueryExtension
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, delete, insert, select, text
from sqlalchemy.event import listen, remove
from sqlalchemy.exc import SQLAlchemyError

NOTHING = QueryExtension()


@pytest.fixture
def index(tmp_path):
    with ArchiveIndex(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize(("what", "keyword", "key", "values", "found"), MATCHING, ids=[case[0] for case in MATCHING])
def test_matching(index, what, keyword, key, values, found):
    assert matched(index, keyword, key, values) == found


# ---- against naive oracles ----


@pytest.fixture(scope="module")
def memory():
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        METADATA.create_all(connection)
        yield connection
    engine.dispose()


def selected(connection, table, keyword, values, key):
    """Which of the values the condition for a key selects."""
    attribute = ATTRIBUTES[keyword]
    connection.execute(delete(table))
    for number, value in enumerate(values):
        row = {attribute.column: tidied(attribute.vr, value) or None}
        if attribute.vr == "PN":
            groups = name_groups(tidied("PN", value))
            row |= {f"{attribute.column}_{name}": each for name, each in zip(
                ("match", "ideographic", "phonetic"), groups, strict=True)}  # fmt: skip
        parent = {"identity": str(number)} if table is patients else {"parent": 1, "study_instance_uid": str(number)}
        connection.execute(insert(table).values(pk=number + 1, **row, **parent))
    wanted = condition(table, attribute, [key], "sqlite")
    query = select(table.c.pk) if wanted is None else select(table.c.pk).where(wanted)
    return {values[pk - 1] for pk in connection.scalars(query)}


def naive(pattern, text):
    """Wild card matching, one character after the other."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(naive(pattern[1:], text[start:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and naive(pattern[1:], text[1:])


LETTERS = "aAbB[]%_^-Éé"


@given(st.lists(st.text(LETTERS, min_size=1, max_size=5), max_size=6), st.text(LETTERS + "*?", min_size=1, max_size=5))
def test_wild_cards_as_the_oracle_says(memory, values, key):
    assert selected(memory, patients, "PatientID", values, key) == {value for value in values if naive(key, value)}


@given(st.lists(st.text("aAbBéÉ", min_size=1, max_size=4), max_size=6), st.text("aAbBéÉ*?", min_size=1, max_size=5))
def test_names_as_the_oracle_says(memory, values, key):
    expected = {value for value in values if naive(key.lower(), value.lower())}
    assert selected(memory, patients, "PatientName", values, key) == expected


DATES = st.dates().map(lambda day: f"{day:%Y%m%d}".rjust(8, "0"))


@given(st.lists(DATES, max_size=6), DATES | st.just(""), DATES | st.just(""))
def test_date_ranges_as_the_oracle_says(memory, values, first, last):
    if first or last:
        expected = {value for value in values if int(first or 0) <= int(value) <= int(last or 99999999)}
        assert selected(memory, studies, "StudyDate", values, f"{first}-{last}") == expected


@st.composite
def times(draw):
    """A time of any precision."""
    whole = [f"{draw(st.integers(0, most)):02}" for most in (23, 59, 59)][: draw(st.integers(1, 3))]
    if len(whole) == 3 and draw(st.booleans()):
        return "".join(whole) + "." + draw(st.text(string.digits, min_size=1, max_size=6))
    return "".join(whole)


def span(time):
    """First and last microsecond of the day that a time stands for."""
    whole, _, fraction = time.partition(".")
    first = last = 0
    for at, (unit, most) in enumerate(((3600, 0), (60, 59), (1, 59))):
        digits = whole[2 * at : 2 * at + 2]
        first += int(digits or 0) * unit
        last += int(digits or most) * unit
    return first * 10**6 + int(fraction.ljust(6, "0")), last * 10**6 + int(fraction.ljust(6, "9"))


@given(st.lists(times(), max_size=6), times() | st.just(""), times() | st.just(""))
def test_time_ranges_as_the_oracle_says(memory, values, first, last):
    if first or last:
        low = span(first)[0] if first else 0
        high = span(last)[1] if last else 24 * 3600 * 10**6
        expected = {value for value in values if low <= span(value)[0] <= high}
        assert selected(memory, studies, "StudyTime", values, f"{first}-{last}") == expected


# ---- identifiers ----


def family(index):
    """Patient P1 with studies 1.1 (two series, CT and MR; three images) and 1.2 (one US image); P2 with study 2.1."""
    where = {
        "1.1.1.1": ("P1", "CT"), "1.1.1.2": ("P1", "CT"), "1.1.2.1": ("P1", "MR"), "1.2.1.1": ("P1", "US"),
        "2.1.1.1": ("P2", "CT"),
    }  # fmt: skip
    for number, (uid, (patient, modality)) in enumerate(where.items()):
        series = uid.rpartition(".")[0]
        index.add(record(number, PatientID=patient, PatientName=f"Name^{patient}", Modality=modality,
                         StudyInstanceUID=series.rpartition(".")[0], SeriesInstanceUID=series,
                         SOPInstanceUID=uid, InstanceNumber=str(number), Rows="512"))  # fmt: skip


def test_each_level_of_patient_root(index):
    family(index)
    found = [ask(index, level, PATIENT_ROOT) for level in ("PATIENT", "STUDY", "SERIES", "IMAGE")]
    assert [len(each) for each in found] == [2, 3, 4, 5]
    assert [each.PatientID for each in found[0]] == ["P1", "P2"]
    assert [each.SOPInstanceUID for each in found[3]] == ["1.1.1.1", "1.1.1.2", "1.1.2.1", "1.2.1.1", "2.1.1.1"]


def test_counts_and_lists(index):
    family(index)
    keys = dict.fromkeys(("ModalitiesInStudy", "SOPClassesInStudy", "NumberOfStudyRelatedSeries"), "")
    first, second, _ = ask(index, NumberOfStudyRelatedInstances="", NumberOfPatientRelatedStudies="", **keys)
    assert list(first.ModalitiesInStudy) == ["CT", "MR"]
    assert first.SOPClassesInStudy == CT
    assert [first.NumberOfStudyRelatedSeries, first.NumberOfStudyRelatedInstances] == [2, 3]
    assert first.NumberOfPatientRelatedStudies == 2
    assert [second.ModalitiesInStudy, second.NumberOfStudyRelatedInstances] == ["US", 1]
    (patient,) = ask(index, "PATIENT", PATIENT_ROOT, PatientID="P1", NumberOfPatientRelatedInstances="",
                     NumberOfPatientRelatedSeries="")  # fmt: skip
    assert [patient.NumberOfPatientRelatedInstances, patient.NumberOfPatientRelatedSeries] == [4, 3]
    (series, *_) = ask(index, "SERIES", StudyInstanceUID="1.1", NumberOfSeriesRelatedInstances="")
    assert series.NumberOfSeriesRelatedInstances == 2


@pytest.mark.parametrize(
    ("modalities", "found"), [("MR", ["1.1"]), ("C*", ["1.1", "2.1"]), (["US", "MR"], ["1.1", "1.2"])]
)
def test_modalities_in_study_are_matched(index, modalities, found):
    family(index)
    assert [each.StudyInstanceUID for each in ask(index, ModalitiesInStudy=modalities)] == found


def test_sop_classes_in_study_are_matched_at_every_level(index):
    family(index)
    assert len(ask(index, SOPClassesInStudy=CT)) == 3
    assert len(ask(index, "IMAGE", SOPClassesInStudy=CT, ModalitiesInStudy="MR")) == 3


def test_keys_of_the_levels_above_are_matched_and_returned(index):
    family(index)
    found = ask(index, "IMAGE", PatientName="name^p2", StudyInstanceUID="", Rows="", SOPInstanceUID="")
    assert [(str(each.PatientName), each.StudyInstanceUID, each.Rows) for each in found] == [("Name^P2", "2.1", 512)]


def test_answers_have_the_keys_of_the_request_and_no_others(index):
    family(index)
    (found,) = ask(index, PatientID="P2", StudyDescription="", EthnicGroup="", ProcedureCodeSequence=[])
    assert [element.keyword for element in found] == [
        "QueryRetrieveLevel", "StudyDescription", "ProcedureCodeSequence", "PatientID", "EthnicGroup",
        "StudyInstanceUID",
    ]  # fmt: skip
    assert found.QueryRetrieveLevel == "STUDY"
    assert found.StudyDescription == ""
    assert list(found.ProcedureCodeSequence) == []


@pytest.mark.parametrize(
    ("keys", "complete"),
    [
        ({"PatientID": "P1", "StudyDate": ""}, True),
        ({"NumberOfStudyRelatedInstances": ""}, True),
        ({"NumberOfStudyRelatedInstances": "3"}, False),  # returned, but not matched
        ({"SeriesNumber": ""}, False),  # of a level below
        ({"ProcedureCodeSequence": []}, False),
        ({"RetrieveAETitle": "", "InstanceAvailability": "", "SpecificCharacterSet": "ISO_IR 100"}, True),
    ],
)
def test_unsupported_keys_are_told_of(index, keys, complete):
    assert index.search(request("STUDY", **keys), STUDY_ROOT).complete is complete


def test_images_tell_their_transfer_syntax(index):
    family(index)
    found = ask(index, "IMAGE", SOPInstanceUID="1.1.1.1", AvailableTransferSyntaxUID="", InstanceAvailability="")
    assert [(each.AvailableTransferSyntaxUID, each.InstanceAvailability) for each in found] == [(EXPLICIT, "ONLINE")]


@pytest.mark.parametrize(
    ("model", "level", "keys", "tag"),
    [
        (STUDY_ROOT, "PATIENT", {}, 0x00080052),
        (STUDY_ROOT, "SERIES", {}, 0x0020000D),
        (STUDY_ROOT, "SERIES", {"StudyInstanceUID": ""}, 0x0020000D),
        (STUDY_ROOT, "SERIES", {"StudyInstanceUID": ["1.1", "1.2"]}, 0x0020000D),
        (STUDY_ROOT, "IMAGE", {"StudyInstanceUID": "1.1"}, 0x0020000E),
        (PATIENT_ROOT, "STUDY", {}, 0x00100020),
        (PATIENT_ROOT, "STUDY", {"PatientID": "P*"}, 0x00100020),
    ],
)
def test_hierarchical_queries_name_the_branch(index, model, level, keys, tag):
    """PS3.4 C.4.1.2.1: a single value for the unique key of each level above."""
    with pytest.raises(UnusableIdentifier) as refused:
        index.search(request(level, **keys), model, NOTHING)
    assert (refused.value.status, refused.value.offending_elements) == (0xA900, (tag,))


def test_hierarchical_queries_down_the_branch(index):
    family(index)
    assert len(ask(index, "SERIES", STUDY_ROOT, NOTHING, StudyInstanceUID="1.1")) == 2
    assert len(ask(index, "IMAGE", PATIENT_ROOT, NOTHING, PatientID="P1", StudyInstanceUID="1.1",
                   SeriesInstanceUID="1.1.1")) == 2  # fmt: skip


def files(index, level, model=STUDY_ROOT, extension=QueryExtension(), **keys):  # noqa: B008  # immutable
    search = index.search(request(level, **keys), model, extension, retrieve=True)
    return [each.sop_instance_uid for each in index.files(search)]


def test_retrieval_takes_everything_below(index):
    family(index)
    assert files(index, "PATIENT", PATIENT_ROOT, PatientID="P1") == ["1.1.1.1", "1.1.1.2", "1.1.2.1", "1.2.1.1"]
    assert files(index, "STUDY", StudyInstanceUID="1.1") == ["1.1.1.1", "1.1.1.2", "1.1.2.1"]
    assert files(index, "STUDY", StudyInstanceUID=["1.2", "2.1"]) == ["1.2.1.1", "2.1.1.1"]
    assert files(index, "SERIES", StudyInstanceUID="1.1", SeriesInstanceUID="1.1.2") == ["1.1.2.1"]


def test_retrieval_looks_at_unique_keys_only(index):
    """PS3.4 C.4.2.2.1. What else an SCU sends along does not make it more or less."""
    family(index)
    assert files(index, "STUDY", StudyInstanceUID="1.2", PatientName="nobody", Modality="XX") == ["1.2.1.1"]


@pytest.mark.parametrize("keys", [{}, {"StudyInstanceUID": ""}, {"StudyInstanceUID": "*"}, {"StudyInstanceUID": "1.*"}])
def test_nobody_retrieves_everything(index, keys):
    with pytest.raises(UnusableIdentifier):
        files(index, "STUDY", **keys)


def test_date_and_time_together_where_negotiated(index):
    """PS3.4 C.5.1.1: from the evening of one day to the morning of the next."""
    moments = {0: ("20260101", "1900"), 1: ("20260101", "2100"), 2: ("20260102", "0500"), 3: ("20260102", "0700")}
    for number, (day, time) in moments.items():
        index.add(record(number, StudyDate=day, StudyTime=time))
    keys = {"StudyDate": "20260101-20260102", "StudyTime": "2000-0600", "PatientID": ""}
    together = ask(index, extension=QueryExtension(date_time_matching=True), **keys)
    assert [each.PatientID for each in together] == ["P1", "P2"]
    assert ask(index, extension=NOTHING, **keys) == []


def test_more_uids_than_a_statement_takes(index):
    family(index)
    uids = [f"9.{number}" for number in range(40_000)] + ["1.1.2.1", "2.1.1.1"]
    assert [each.SOPInstanceUID for each in ask(index, "IMAGE", SOPInstanceUID=uids)] == ["1.1.2.1", "2.1.1.1"]


@pytest.mark.parametrize(
    ("level", "keys"),
    [
        ("STUDY", {"PatientID": "P1"}),
        ("STUDY", {"PatientID": "P?1*"}),
        ("STUDY", {"PatientName": "Doe^J*"}),
        ("STUDY", {"AccessionNumber": "A1"}),
        ("STUDY", {"StudyDate": "20260101-20260131"}),
        ("STUDY", {"StudyInstanceUID": ["1.2", "1.3"]}),
        ("STUDY", {"ReferringPhysicianName": "House*"}),
        ("SERIES", {"StudyInstanceUID": "1.2"}),
        ("IMAGE", {"StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.2.1"}),
        ("IMAGE", {"SOPInstanceUID": "1.2.1.1"}),
    ],
)
def test_no_row_is_looked_at_in_vain(index, level, keys):
    """What makes a query over 100 000 instances fast: the database finds rows by its indices, without a scan."""
    statements = []

    def note(_connection, _cursor, statement, parameters, *_):
        statements.append((statement, parameters))

    listen(index.engine, "before_cursor_execute", note)
    ask(index, level, **keys)
    remove(index.engine, "before_cursor_execute", note)
    (statement, parameters) = statements[0]
    with index.engine.connect() as connection:
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    assert plan
    assert not [step for step in plan if step.startswith("SCAN")], plan


# ---- what becomes of files ----


def test_the_youngest_of_files_with_one_uid_counts(index):
    same = {"SOPInstanceUID": "1.2.3", "StudyInstanceUID": "1.2"}
    index.add(record(1, path="middle", modified=2, InstanceNumber="2", **same))
    index.add(record(2, path="old", modified=1, InstanceNumber="1", **same))
    assert [each.InstanceNumber for each in ask(index, "IMAGE", InstanceNumber="")] == [2]
    index.add(record(3, path="young", modified=3, InstanceNumber="3", **same))
    assert [each.InstanceNumber for each in ask(index, "IMAGE", InstanceNumber="")] == [3]
    assert set(index.paths()) == {"old", "middle", "young"}
    assert len(ask(index, "SERIES")) == 1  # the others are not seen, as nothing is in them


def test_what_a_removed_file_superseded_is_to_be_found_anew(index):
    index.add(record(1, path="old", modified=1, SOPInstanceUID="1.2.3"))
    index.add(record(1, path="young", modified=2, SOPInstanceUID="1.2.3"))
    index.remove(["young"])
    assert index.paths() == {}
    assert ask(index) == []


def test_empty_parents_go_with_the_last_object(index):
    family(index)
    index.remove([path for path in index.paths() if "2.1.1.1" not in path])
    assert [each.PatientID for each in ask(index, "PATIENT", PATIENT_ROOT)] == ["P2"]
    assert len(ask(index)) == len(ask(index, "SERIES")) == 1


def test_a_study_that_changes_its_patient_moves(index):
    index.add(record(1, PatientID="WRONG", StudyInstanceUID="1.2", SOPInstanceUID="1"))
    index.add(record(1, PatientID="RIGHT", StudyInstanceUID="1.2", SOPInstanceUID="2"))
    assert [each.PatientID for each in ask(index, "PATIENT", PATIENT_ROOT)] == ["RIGHT"]


def test_values_that_are_missing_in_a_later_object_stay(index):
    index.add(record(1, SOPInstanceUID="1", StudyDescription="knee", PatientName="Doe"))
    index.add(record(1, SOPInstanceUID="2", PatientName="Doe^Jane"))
    (found,) = ask(index, StudyDescription="", PatientName="")
    assert (found.StudyDescription, str(found.PatientName)) == ("knee", "Doe^Jane")


def test_patients_without_id_are_not_thrown_together(index):
    for number in (1, 2):
        index.add(record(number, PatientID="", PatientName=f"Doe^{number}"))
    assert [str(each.PatientName) for each in ask(index, PatientName="")] == ["Doe^1", "Doe^2"]


def test_a_file_that_holds_another_instance_now(index):
    index.add(record(1, path="file", SOPInstanceUID="1"))
    index.add(record(2, path="file", SOPInstanceUID="2", modified=2))
    assert [each.SOPInstanceUID for each in ask(index, "IMAGE")] == ["2"]
    assert [each.PatientID for each in ask(index, "PATIENT", PATIENT_ROOT)] == ["P2"]


def test_keys_of_rows_are_not_used_twice(index, tmp_path):
    """What one process remembers of a series must not be another one's series later."""
    with ArchiveIndex(tmp_path) as other:
        index.add(record(1, SOPInstanceUID="1"))
        other.remove(list(other.paths()))
        other.add(record(2, SOPInstanceUID="2"))
        index.add(record(1, SOPInstanceUID="3"))
    found = ask(index, "IMAGE", PatientID="", StudyInstanceUID="")
    assert [(each.SOPInstanceUID, each.PatientID, each.StudyInstanceUID) for each in found] == [
        ("2", "P2", "1.2.2"), ("3", "P1", "1.2.1")
    ]  # fmt: skip


def test_many_threads_add(index):
    def some(thread):
        for number in range(25):
            index.add(record(number % 5, SOPInstanceUID=f"{thread}.{number}"))

    threads = [threading.Thread(target=some, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ask(index, "IMAGE")) == 200
    assert len(ask(index)) == 5


def test_it_is_there_when_opened_again_and_made_anew_when_of_another_version(index, tmp_path):
    family(index)
    with ArchiveIndex(tmp_path) as again:
        assert len(ask(again, "IMAGE")) == 5
        with again.engine.begin() as connection:
            connection.execute(text("UPDATE about SET value = '0'"))
    with ArchiveIndex(tmp_path) as anew:
        assert ask(anew) == []


def test_a_failure_reaches_who_it_concerns(index, monkeypatch):
    with index.engine.begin() as connection:
        connection.execute(text("DROP TABLE instances"))
    with pytest.raises(SQLAlchemyError):
        index.add(record(1))


def test_sqlite_promises_what_we_do(index):
    with index.engine.begin() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
