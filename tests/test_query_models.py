"""The query models and their extended negotiation, against the standard: PS3.4 C.6, PS3.6 Table A-1."""

import pytest
from dulcet.services.query.models import (
    MODELS,
    RETURN_KEYS,
    UNIQUE_KEYS,
    QueryExtension,
    model,
    model_of,
    uids,
    verb_of,
)
from pydicom.datadict import tag_for_keyword
from pydicom.uid import UID_dictionary

from dulcet import LocalProtocolError

QR = "1.2.840.10008.5.1.4.1.2"


@pytest.mark.parametrize(
    ("verb", "name", "uid"),
    [
        ("find", "patient", f"{QR}.1.1"),
        ("move", "patient", f"{QR}.1.2"),
        ("get", "patient", f"{QR}.1.3"),
        ("find", "study", f"{QR}.2.1"),
        ("move", "study", f"{QR}.2.2"),
        ("get", "study", f"{QR}.2.3"),
        ("find", "patient-study-only", f"{QR}.3.1"),
        ("move", "composite", f"{QR}.4.2"),
        ("get", "composite", f"{QR}.4.3"),
        ("get", "without-bulk-data", f"{QR}.5.3"),
        ("find", "worklist", "1.2.840.10008.5.1.4.31"),
        ("find", "hanging-protocol", "1.2.840.10008.5.1.4.38.2"),
        ("get", "color-palette", "1.2.840.10008.5.1.4.39.4"),
        ("move", "implant-template-group", "1.2.840.10008.5.1.4.45.3"),
        ("find", "inventory", "1.2.840.10008.5.1.4.1.1.201.2"),
        ("get", "protocol-approval", "1.2.840.10008.5.1.4.1.1.200.6"),
    ],
)
def test_names(verb, name, uid) -> None:
    assert model(verb, name) == uid
    assert model(verb, uid) == uid
    assert verb_of(uid) == verb
    found = model_of(uid)
    assert found is not None
    assert found.name == name


def test_every_query_class_of_the_uid_dictionary_is_here() -> None:
    known = {
        uid: keyword
        for uid, (_, kind, _, _, keyword) in UID_dictionary.items()
        if kind == "SOP Class" and keyword.endswith(("Find", "Move", "Get"))
    }
    ours = {uid: verb for verb in ("find", "move", "get") for uid in uids(verb)}
    assert known.keys() <= ours.keys()
    for uid, keyword in known.items():
        assert keyword.lower().endswith(ours[uid])
    assert all(uid in UID_dictionary for uid in ours)
    retired = {uid for uid in known if UID_dictionary[uid][3] == "Retired"}
    assert {uid for each in MODELS if each.retired for uid in (each.find, each.move, each.get) if uid} == retired


def test_what_there_is_not() -> None:
    with pytest.raises(LocalProtocolError, match="patient, study"):
        model("find", "studies")
    with pytest.raises(LocalProtocolError, match="worklist"):
        model("move", "worklist")
    assert model_of("1.2.3") is None
    assert verb_of("1.2.3") == "find"


def test_keys_are_of_the_dictionary_and_unique_ones_are_asked_for() -> None:
    for level, keywords in RETURN_KEYS.items():
        assert all(tag_for_keyword(keyword) is not None for keyword in keywords)
        assert UNIQUE_KEYS[level] in keywords


# Extended negotiation, Tables C.5-1 to C.5-6


@pytest.mark.parametrize(
    ("extension", "verb", "information"),
    [
        (QueryExtension(relational=True), "find", b"\1"),
        (QueryExtension(date_time_matching=True), "find", b"\0\1\0"),
        (QueryExtension(relational=True, fuzzy_names=True), "find", b"\1\0\1"),
        (QueryExtension(time_zone=True), "find", b"\0\0\0\1"),
        (QueryExtension(relational=True, date_time_matching=True, fuzzy_names=True, time_zone=True), "find", b"\1" * 4),
        (QueryExtension(enhanced=True), "find", b"\0\0\0\0\1"),
        (QueryExtension(multiple_values=True), "find", b"\0\0\0\0\0\0\1"),
        (QueryExtension(relational=True), "move", b"\1"),
        (QueryExtension(enhanced=True), "get", b"\0\1"),
        (QueryExtension(), "find", b"\0"),
    ],
)
def test_bytes(extension, verb, information) -> None:
    assert extension.encode(verb) == information
    assert QueryExtension.decode(information, verb) == extension
    assert bool(extension) == any(information)


def test_what_peers_may_say() -> None:
    assert QueryExtension.decode(b"") == QueryExtension()
    assert QueryExtension.decode(b"\1" * 20) == QueryExtension(
        **dict.fromkeys(
            (
                *("relational", "date_time_matching", "fuzzy_names", "time_zone"),
                *("enhanced", "empty_values", "multiple_values"),
            ),
            True,
        )
    )
    assert QueryExtension.decode(b"\2\xff") == QueryExtension()  # only 1 is a yes


def test_the_answer_is_what_both_have() -> None:
    ours = QueryExtension(relational=True, time_zone=True)
    theirs = QueryExtension(relational=True, fuzzy_names=True)
    assert ours & theirs == QueryExtension(relational=True)


def test_items() -> None:
    item = QueryExtension(relational=True, enhanced=True).item(f"{QR}.1.2")
    assert (item.sop_class_uid, item.information) == (f"{QR}.1.2", b"\1\1")
