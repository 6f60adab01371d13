"""Names of received objects: what people expect for good UIDs, and nothing but a name for everything else."""

import hashlib
import os
import re
from datetime import datetime
from itertools import islice

import pytest
from data_sets import CT, MR
from dulcet.services.storage.naming import (
    MAXIMUM_EXTENSION,
    MAXIMUM_NAME,
    MAXIMUM_SORT_PREFIX,
    PREFIXES,
    another_file_name,
    check_local_part,
    component,
    file_name,
    is_valid_uid,
    person,
    prefix,
    series_date_directories,
    short_unique_file_name,
    study_directory,
    study_time_directories,
    system_time_file_name,
    time_file_names,
    unique_file_name,
)
from hypothesis import example, given
from hypothesis import strategies as st

SAFE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}", re.ASCII)
WINDOWS_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")

hostile = st.one_of(
    st.text(),
    st.text("/.\\0\x00~$ \n", max_size=80),
    st.from_regex(r"[0-9.]{0,70}", fullmatch=True),
    st.sampled_from(
        ["", ".", "..", "../../etc/passwd", "/etc/passwd", "1.2/3", "1.2_3", "CON", "1..2", ".1", "1.", "1\n"]
    ),
)


@pytest.mark.parametrize(
    ("sop_class", "letters"),
    [
        ("1.2.840.10008.5.1.4.1.1.1", "CR"),
        (CT, "CT"),
        (MR, "MR"),
        ("1.2.840.10008.5.1.4.1.1.6.1", "US"),
        ("1.2.840.10008.5.1.4.1.1.7", "SC"),
        ("1.2.840.10008.5.1.4.1.1.1.2", "DXm"),
        ("1.2.840.10008.5.1.4.1.1.88.34", "SR3"),
        ("1.2.840.10008.5.1.4.1.1.104.1", "PDF"),
        ("1.2.840.10008.5.1.4.1.1.481.1", "RI"),
        ("1.2.840.10008.5.1.4.1.1.481.3", "RS"),
        ("1.2.3.4", "UNKNOWN"),
        ("../..", "UNKNOWN"),
    ],
)
def test_prefixes_are_those_of_storescp(sop_class, letters):
    assert prefix(sop_class) == letters


def test_the_table_is_whole():
    assert len(PREFIXES) == 180
    assert all(re.fullmatch(r"[A-Z][A-Za-z0-9]{1,3}", letters) for letters in PREFIXES.values())
    assert all(is_valid_uid(uid) for uid in PREFIXES)


def test_a_valid_uid_is_its_own_name():
    assert file_name(CT, "1.2.840.1") == "CT.1.2.840.1"
    assert file_name(CT, "1.2.840.1", ".dcm") == "CT.1.2.840.1.dcm"
    assert study_directory("1.2.3") == "1.2.3"
    assert study_directory("1.2.3", "study") == "study_1.2.3"


def test_anything_else_is_its_digest():
    assert component("a/b") == "x-" + hashlib.sha256(b"a/b").hexdigest()
    assert component("1." * 32 + "1") == "x-" + hashlib.sha256(b"1." * 32 + b"1").hexdigest()  # 65 characters


@given(hostile)
@example("\udcff")
def test_every_name_is_safe(text):
    extension = "." + "d" * (MAXIMUM_EXTENSION - 1)
    for name in (
        component(text),
        file_name(text, text, extension),
        another_file_name(text, text, "0" * 64, extension),
        study_directory(text, "p" * MAXIMUM_SORT_PREFIX),
        unique_file_name(text, extension),
    ):
        assert SAFE.fullmatch(name)
        assert len(name) <= MAXIMUM_NAME
        assert ".." not in name
        assert not WINDOWS_DEVICES.fullmatch(name)
        assert os.path.dirname(os.path.normpath(os.path.join("/root", name))) == "/root"


@given(hostile, hostile)
@example("a/b", "a_b")
@example("1.2", "1.2 ")
def test_two_strings_never_share_a_name(one, other):
    assert (component(one) == component(other)) == (one == other)
    assert (component(one).lower() == component(other).lower()) == (one == other)


@given(hostile, hostile)
def test_a_second_name_is_nobodys_first(one, other):
    assert another_file_name(CT, one, "0" * 64) != file_name(CT, other)


def test_unique_names_are_unique():
    names = {unique_file_name(CT) for _ in range(1000)}
    assert len(names) == 1000
    assert all(name.startswith("CT.X.2.25.") and is_valid_uid(name.removeprefix("CT.X.")) for name in names)


MOMENT = datetime(2026, 3, 9, 7, 5, 2, 48_901)


def test_short_names():
    names = {short_unique_file_name(CT, ".dcm") for _ in range(1000)}
    assert len(names) == 1000
    assert all(re.fullmatch(r"CT_[0-9a-f]{16}\.dcm", name) for name in names)


def test_names_of_the_time():
    names = time_file_names(CT, MOMENT, ".dcm")
    assert list(islice(names, 3)) == [
        "20260309070502048.CT.dcm",
        "20260309070502048_0001.CT.dcm",
        "20260309070502048_0002.CT.dcm",
    ]
    assert system_time_file_name(MR, MOMENT) == "20260309070502.048901.MR"


@pytest.mark.parametrize(
    ("date", "directories"),
    [
        ("20240229", ("data", "2024", "02", "29")),
        ("2024.02.29", ("data", "2024", "02", "29")),
        ("", ("undef", "20260309")),
        ("20230229", ("undef", "20260309")),
        ("20241301", ("undef", "20260309")),
        ("00000101", ("undef", "20260309")),
        ("../../..", ("undef", "20260309")),
        ("20240229\n", ("undef", "20260309")),
        ("２０２４０２２９", ("undef", "20260309")),  # noqa: RUF001  # digits, but not ASCII's
    ],
)
def test_directories_of_a_series_date(date, directories):
    assert series_date_directories(date, MOMENT) == directories


def test_directories_of_a_study_s_time():
    names = list(islice(study_time_directories("study", MOMENT), 2))
    assert names == ["study_20260309_070502048", "study_20260309_070502048_1"]


@pytest.mark.parametrize(
    ("name", "folded"),
    [("Müller^Jörg", "Muller_Jorg"), ("", "ANONYMOUS"), ("^^", "ANONYMOUS"), ("../x", "x"), ("王", "ANONYMOUS")],
)
def test_people(name, folded):
    assert person(name) == folded


@given(hostile)
def test_directories_of_people_and_dates_are_safe(text):
    names = [next(study_time_directories(person(text), MOMENT)), *series_date_directories(text, MOMENT)]
    for name in names:
        assert SAFE.fullmatch(name)
        assert len(name) <= MAXIMUM_NAME
        assert not WINDOWS_DEVICES.fullmatch(name)


@pytest.mark.parametrize("text", ["/", "a/b", "..", ".x", "a b", "\n", "ä", "x" * 17])
def test_parts_of_our_own_user_are_checked(text):
    with pytest.raises(ValueError, match=r"at most|hidden"):
        check_local_part(text, 16, leading_dot=False)


def test_good_parts_pass():
    assert check_local_part(".dcm", 16, leading_dot=True) == ".dcm"
    assert check_local_part("", 16, leading_dot=False) == ""
