"""The 23 messages as classes: what they hold and refuse, and that the stub for type checkers is true."""

import ast
import copy
import dataclasses
import pickle
import subprocess
import sys
from importlib.resources import files
from typing import Any

import pytest
from dulcet.dimse import command_set, messages
from dulcet.dimse import strategies as ours
from dulcet.dimse.errors import CommandSetError
from dulcet.dimse.messages import LOW, MEDIUM, Message, Request, Response, decode
from dulcet.dimse.status import Status
from dulcet.dul.errors import LocalProtocolError
from hypothesis import given

VERIFICATION = "1.2.840.10008.1.1"

MANDATORY = {
    "C_STORE_RQ": ("affected_sop_class_uid", "message_id", "priority", "affected_sop_instance_uid"),
    "C_STORE_RSP": ("message_id_being_responded_to", "status"),
    "C_FIND_RQ": ("affected_sop_class_uid", "message_id", "priority"),
    "C_FIND_RSP": ("message_id_being_responded_to", "status"),
    "C_CANCEL_RQ": ("message_id_being_responded_to",),
    "C_GET_RQ": ("affected_sop_class_uid", "message_id", "priority"),
    "C_GET_RSP": ("message_id_being_responded_to", "status"),
    "C_MOVE_RQ": ("affected_sop_class_uid", "message_id", "move_destination", "priority"),
    "C_MOVE_RSP": ("message_id_being_responded_to", "status"),
    "C_ECHO_RQ": ("affected_sop_class_uid", "message_id"),
    "C_ECHO_RSP": ("message_id_being_responded_to", "status"),
    "N_EVENT_REPORT_RQ": (
        "affected_sop_class_uid",
        "message_id",
        "affected_sop_instance_uid",
        "event_type_id",
    ),
    "N_EVENT_REPORT_RSP": ("message_id_being_responded_to", "status"),
    "N_GET_RQ": ("requested_sop_class_uid", "message_id", "requested_sop_instance_uid"),
    "N_GET_RSP": ("message_id_being_responded_to", "status"),
    "N_SET_RQ": ("requested_sop_class_uid", "message_id", "requested_sop_instance_uid"),
    "N_SET_RSP": ("message_id_being_responded_to", "status"),
    "N_ACTION_RQ": ("requested_sop_class_uid", "message_id", "requested_sop_instance_uid", "action_type_id"),
    "N_ACTION_RSP": ("message_id_being_responded_to", "status"),
    "N_CREATE_RQ": ("affected_sop_class_uid", "message_id"),
    "N_CREATE_RSP": ("message_id_being_responded_to", "status"),
    "N_DELETE_RQ": ("requested_sop_class_uid", "message_id", "requested_sop_instance_uid"),
    "N_DELETE_RSP": ("message_id_being_responded_to", "status"),
}
"""Transcribed from PS3.7 9.1 and 10.1."""

NUMBERS = {
    "affected_sop_class_uid": 0x0002,
    "requested_sop_class_uid": 0x0003,
    "message_id": 0x0110,
    "message_id_being_responded_to": 0x0120,
    "move_destination": 0x0600,
    "priority": 0x0700,
    "status": 0x0900,
    "affected_sop_instance_uid": 0x1000,
    "requested_sop_instance_uid": 0x1001,
    "event_type_id": 0x1002,
    "action_type_id": 0x1008,
}
"""Element numbers of what is mandatory anywhere, from PS3.7 Table E.1-1."""

EXAMPLES: dict[str, Any] = dict.fromkeys(NUMBERS, 7) | {
    "affected_sop_class_uid": "1.2.3",
    "requested_sop_class_uid": "1.2.4",
    "affected_sop_instance_uid": "1.2.5",
    "requested_sop_instance_uid": "1.2.6",
    "move_destination": "DEST",
    "priority": LOW,
    "status": Status(0),
}


def example(name: str, **more: Any) -> Any:
    """A message with nothing but what is mandatory."""
    return getattr(messages, name)(**{field: EXAMPLES[field] for field in MANDATORY[name]}, **more)


def elements_of(name: str) -> dict[int, Any]:
    """Its elements, so that one can be left out."""
    return command_set.decode(example(name).encode())


every_message = pytest.mark.parametrize("name", MANDATORY)
each_mandatory = pytest.mark.parametrize(("name", "field"), [(n, f) for n, fields in MANDATORY.items() for f in fields])


# ---- what they are ----


@every_message
def test_a_class(name: str) -> None:
    cls = getattr(messages, name)
    assert cls is getattr(messages, name)
    assert cls.name == name.replace("_", "-")
    assert cls.is_response == name.endswith("_RSP") == issubclass(cls, Response)
    assert cls.is_request == name.endswith("_RQ")
    assert issubclass(cls, Request) == (cls.is_request and name != "C_CANCEL_RQ")
    assert cls.__doc__.startswith(f"{cls.name} (PS3.7 ")
    assert cls.__doc__.startswith(f"{cls.name} ({cls.clause}, Table ")
    required = {f.name for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING}
    assert required == set(MANDATORY[name])
    assert not hasattr(example(name), "__dict__")


def test_there_is_no_other() -> None:
    assert {name for name in dir(messages) if name[:2] in ("C_", "N_")} == set(MANDATORY)
    with pytest.raises(AttributeError, match="C_FIND_RQQ"):
        _ = messages.C_FIND_RQQ  # type: ignore[attr-defined]  # wrong on purpose


@every_message
def test_values_are_frozen_compared_hashed_copied_and_pickled(name: str) -> None:
    message = example(name)
    assert message == example(name)
    assert hash(message) == hash(example(name))
    assert copy.copy(message) == pickle.loads(pickle.dumps(message)) == message  # noqa: S301  # made here
    assert dataclasses.replace(message) == message
    with pytest.raises(dataclasses.FrozenInstanceError):
        message.dataset_follows = True


def test_they_show_what_they_have() -> None:
    rq = messages.C_ECHO_RQ(affected_sop_class_uid=VERIFICATION, message_id=1)
    assert repr(rq) == "C-ECHO-RQ(affected_sop_class_uid='1.2.840.10008.1.1', message_id=1)"
    assert repr(rq.response(0xA700, offending_element=(1,))) == (
        "C-ECHO-RSP(affected_sop_class_uid='1.2.840.10008.1.1', message_id_being_responded_to=1,"
        " status=Status(0xA700), offending_element=(1,))"
    )


def test_a_status_given_as_a_number_is_a_status() -> None:
    rsp = messages.C_ECHO_RSP(message_id_being_responded_to=1, status=0xFE00)  # type: ignore[arg-type]  # wrong on purpose
    assert type(rsp.status) is Status
    assert rsp.status.is_cancel


def test_classes_are_made_when_asked_for() -> None:
    """Tools start fast: importing the module defines none of the 23."""
    script = "from dulcet.dimse import messages as m; print([n for n in vars(m) if n[:2] in ('C_', 'N_')])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_stub_says_what_the_classes_are() -> None:
    """`message_types.pyi`, read as text: same classes, same fields in the same order, types and defaults."""
    tree = ast.parse((files("dulcet.dimse") / "message_types.pyi").read_text("utf-8"))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    assert set(classes) == set(MANDATORY)
    for name, node in classes.items():
        cls = getattr(messages, name)
        stub = [
            (ast.unparse(line.target), ast.unparse(line.annotation), line.value is not None)
            for line in node.body
            if isinstance(line, ast.AnnAssign)
        ]
        real = [(f.name, written(f.type), f.default is not dataclasses.MISSING) for f in dataclasses.fields(cls)]
        assert stub == real, name
        assert [ast.unparse(base) for base in node.bases] == [cls.__base__.__name__]
        assert [ast.unparse(line) for line in node.decorator_list] == [
            "dataclass(frozen=True, slots=True, kw_only=True)"
        ]
        answers = [
            ast.unparse(line.returns) for line in node.body if isinstance(line, ast.FunctionDef) and line.returns
        ]
        assert answers == ([name.replace("_RQ", "_RSP")] if issubclass(cls, Request) else [])


def written(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) and not hasattr(kind, "__args__") else str(kind)


# ---- encoding and decoding ----

C_STORE_RQ = bytes.fromhex(
    "0000 0000 04000000 5c000000"  # (0000,0000) Command Group Length: 92 bytes follow
    "0000 0200 06000000 312e322e3300"  # (0000,0002) Affected SOP Class UID: 1.2.3
    "0000 0001 02000000 0100"  # (0000,0100) Command Field: 0001H
    "0000 1001 02000000 0700"  # (0000,0110) Message ID: 7
    "0000 0007 02000000 0200"  # (0000,0700) Priority: LOW
    "0000 0008 02000000 0100"  # (0000,0800) Command Data Set Type: 0001H
    "0000 0010 06000000 312e322e3500"  # (0000,1000) Affected SOP Instance UID: 1.2.5
    "0000 3010 06000000 4d4f44413120"  # (0000,1030) Move Originator AE Title: MODA1, padded with a space
    "0000 3110 02000000 0900"  # (0000,1031) Move Originator Message ID: 9
)

C_ECHO_RSP = bytes.fromhex(
    "0000 0000 04000000 42000000"  # (0000,0000) Command Group Length: 66 bytes follow
    "0000 0200 12000000 312e322e3834302e31303030382e312e3100"  # (0000,0002) 1.2.840.10008.1.1
    "0000 0001 02000000 3080"  # (0000,0100) Command Field: 8030H
    "0000 2001 02000000 0100"  # (0000,0120) Message ID Being Responded To: 1
    "0000 0008 02000000 0101"  # (0000,0800) Command Data Set Type: 0101H
    "0000 0009 02000000 0000"  # (0000,0900) Status: 0000H
)


def test_golden_c_store_rq() -> None:
    rq = messages.C_STORE_RQ(
        affected_sop_class_uid="1.2.3",
        message_id=7,
        priority=LOW,
        affected_sop_instance_uid="1.2.5",
        move_originator_application_entity_title="MODA1",
        move_originator_message_id=9,
    )
    assert decode(C_STORE_RQ) == rq
    assert rq.encode() == C_STORE_RQ


def test_golden_c_echo_rsp() -> None:
    rq = messages.C_ECHO_RQ(affected_sop_class_uid=VERIFICATION, message_id=1)
    assert rq.response(0).encode() == C_ECHO_RSP
    rsp = decode(memoryview(C_ECHO_RSP))
    assert isinstance(rsp, messages.C_ECHO_RSP)
    assert rsp == rq.response(0)
    assert rsp.status.is_success
    assert rsp.message_id_being_responded_to == 1
    assert not rsp.dataset_follows


@given(ours.messages())
def test_what_is_encoded_is_decoded(message: Message) -> None:
    again = decode(message.encode())
    assert again == message
    assert type(again) is type(message)
    assert again.dataset_follows == message.dataset_follows
    assert again.encode() == message.encode()


@given(ours.messages("C-STORE-RSP", "N-GET-RSP"))
def test_a_decoded_response_is_as_one_that_was_made(message: Any) -> None:
    again = decode(message.encode())
    assert repr(again) == repr(message)
    assert hash(again) == hash(message)
    assert type(again.status) is Status  # type: ignore[attr-defined]  # it has a status


@each_mandatory
def test_a_mandatory_element_missing(name: str, field: str) -> None:
    elements = elements_of(name)
    del elements[NUMBERS[field]]
    refused(elements, NUMBERS[field], f"is missing in a {name.replace('_', '-')}")


@each_mandatory
def test_a_mandatory_element_empty(name: str, field: str) -> None:
    refused(elements_of(name) | {NUMBERS[field]: None}, NUMBERS[field], "is empty in a ")


@each_mandatory
def test_a_mandatory_element_mistyped(name: str, field: str) -> None:
    """Three bytes and a pad: no US, no UID; an AE title of 16 and more."""
    data = example(name).encode()
    number = NUMBERS[field]
    elements = command_set.decode(data)
    before = {n: v for n, v in elements.items() if n < number}
    after = {n: v for n, v in elements.items() if n > number}
    raw = number.to_bytes(4, "big")[1::-1] + number.to_bytes(2, "little") + (18).to_bytes(4, "little") + b"\\" * 18
    body = command_set.encode(before)[12:] + raw + command_set.encode(after)[12:]
    with pytest.raises(CommandSetError) as refusal:
        decode(b"\0\0\0\0\4\0\0\0" + len(body).to_bytes(4, "little") + body)
    assert refusal.value.element == number


@each_mandatory
def test_a_mandatory_field_is_not_forgotten(name: str, field: str) -> None:
    message = example(name)
    object.__setattr__(message, field, None)
    with pytest.raises(LocalProtocolError, match=f"a {message.name} needs a "):
        message.encode()


@every_message
def test_no_command_data_set_type(name: str) -> None:
    elements = elements_of(name)
    del elements[0x0800]
    refused(elements, 0x0800, "CommandDataSetType is missing")
    refused(elements | {0x0800: None}, 0x0800, "CommandDataSetType is empty")


@every_message
def test_whether_a_data_set_follows(name: str) -> None:
    """By Tables 9.3-n and 10.3-n: some always have one, some never. 0101H is none, all else is one."""
    elements, message = elements_of(name), example(name)
    may = {"always": {True}, "never": {False}, "optional": {True, False}}[message.data_set]
    for value, follows in ((0x0101, False), (0x0001, True), (0x0000, True), (0x0102, True), (0xFFFF, True)):
        data = command_set.encode(elements | {0x0800: value})
        if follows in may:
            assert decode(data).dataset_follows is follows
        else:
            refused(elements | {0x0800: value}, 0x0800, f"{message.data_set} carries")
    for dataset in (True, False):
        if dataset in may:
            said = command_set.decode(message.encode(dataset))[0x0800]
            assert said == (0x0001 if dataset else 0x0101)
        else:
            with pytest.raises(LocalProtocolError, match=f"a {message.name} {message.data_set} carries a data set"):
                message.encode(dataset)
    assert decode(message.encode()).dataset_follows is (may == {True})


@pytest.mark.parametrize("command_field", [None, 0x0002, 0x8FFF, 0xFFFF, 0x0000])
def test_no_such_message(command_field: int | None) -> None:
    refused({0x0100: command_field, 0x0110: 1, 0x0800: 0x0101}, 0x0100, "CommandField is ")


def test_no_command_field() -> None:
    refused({0x0110: 1, 0x0800: 0x0101}, 0x0100, "CommandField is missing")


def refused(elements: dict[int, Any], number: int, complaint: str) -> None:
    with pytest.raises(CommandSetError, match=complaint) as refusal:
        decode(command_set.encode(elements))
    assert refusal.value.element == number


def test_what_a_message_does_not_know_is_passed_over() -> None:
    more = {0x0001: b"\0\0\0\0", 0x0110: 3, 0x1008: 1, 0x7777: b"xx"}
    assert decode(command_set.encode(elements_of("C_ECHO_RSP") | more)) == example("C_ECHO_RSP")


def test_an_optional_element_without_value_is_none() -> None:
    more = {0x0002: None, 0x0901: None, 0x0902: None, 0x0903: None}
    assert decode(command_set.encode(elements_of("C_ECHO_RSP") | more)) == example("C_ECHO_RSP")


# ---- responses ----


@pytest.mark.parametrize("name", [name for name in MANDATORY if name.endswith("_RQ") and name != "C_CANCEL_RQ"])
def test_a_response_echoes_its_request(name: str) -> None:
    request = example(name)
    response = request.response(0x0110, error_id=3)
    assert type(response) is getattr(messages, name.replace("_RQ", "_RSP"))
    assert response.command_field == request.command_field | 0x8000
    assert response.message_id_being_responded_to == request.message_id
    assert response.status == 0x0110
    assert response.error_id == 3
    named = "requested" if "requested_sop_class_uid" in MANDATORY[name] else "affected"
    assert response.affected_sop_class_uid == getattr(request, f"{named}_sop_class_uid") == request.sop_class_uid
    for field in ("event_type_id", "action_type_id"):
        assert getattr(request.response(0), field, 7) == 7
    if name[0] == "N" or name == "C_STORE_RQ":
        uid = getattr(request, f"{named}_sop_instance_uid")
        assert response.affected_sop_instance_uid == uid == request.sop_instance_uid
    assert decode(response.encode()) == response


# By hand: the statuses of PS3.7 10.1.1.1.8, 10.1.4.1.10 and 10.1.5.1.6, and whether Annex C lists the field there.
WITH_A_FAILURE = {
    ("N_EVENT_REPORT_RQ", "event_type_id"): {
        True: (0x0000, 0x0113, 0x0114, 0x0115),
        False: (0x0110, 0x0112, 0x0117, 0x0118, 0x0119, 0x0210, 0x0211, 0x0212, 0x0213),
    },
    ("N_ACTION_RQ", "action_type_id"): {
        True: (0x0000, 0xB000, 0x0114, 0x0115, 0x0123),
        False: (0x0110, 0x0112, 0x0117, 0x0118, 0x0119, 0x0124, 0x0210, 0x0211, 0x0212, 0x0213, 0xC000),
    },
    ("N_CREATE_RQ", "affected_sop_instance_uid"): {
        True: (0x0000, 0x0107, 0x0116, 0xB000, 0x0110, 0x0111, 0x0115, 0x0117),
        False: (0x0105, 0x0106, 0x0118, 0x0120, 0x0121, 0x0124, 0x0210, 0x0211, 0x0212, 0x0213, 0xC000),
    },
}


@pytest.mark.parametrize(("name", "field"), WITH_A_FAILURE)
def test_what_only_the_response_of_success_says_again(name: str, field: str) -> None:
    """PS3.7 10.1.1.1.5, 10.1.4.1.5, 10.1.5.1.4: in the success response; else where Annex C has the field."""
    request = example(name, **({} if field in MANDATORY[name] else {field: EXAMPLES[field]}))
    for said, statuses in WITH_A_FAILURE[name, field].items():
        for status in statuses:
            assert getattr(request.response(status), field) == (EXAMPLES[field] if said else None), hex(status)
    assert getattr(request.response(0x0213, **{field: EXAMPLES[field]}), field) == EXAMPLES[field]


@pytest.mark.parametrize("priority", [3, 0xFFFF])
def test_a_priority_is_low_medium_or_high(priority: int) -> None:
    """PS3.7 9.1.1.1.5, Table E.1-1. A peer's is read as it is: nothing hangs on it."""
    with pytest.raises(LocalProtocolError, match=rf"Priority {priority} .*\(PS3.7 E.1\)"):
        dataclasses.replace(example("C_FIND_RQ"), priority=priority).encode()
    received = decode(command_set.encode(elements_of("C_FIND_RQ") | {0x0700: priority}))
    assert received.priority == priority  # type: ignore[attr-defined]  # it is a C-FIND-RQ


def test_what_a_response_is_given_goes_before_what_it_echoes() -> None:
    rsp = example("N_CREATE_RQ").response(0, affected_sop_instance_uid="1.9", dataset_follows=True)
    assert rsp.affected_sop_instance_uid == "1.9"
    assert rsp.dataset_follows


def test_an_error_comment_is_made_to_fit() -> None:
    rsp = example("C_STORE_RQ").response(0xA700, error_comment="no\nroom in C:\\böx\x1b" + 99 * "!")
    assert rsp.error_comment == ("no room in C:/b?x?" + 99 * "!")[:64]
    assert decode(rsp.encode()) == rsp
    assert messages.comment("  ") == ""


def test_a_response_has_no_other_fields() -> None:
    with pytest.raises(LocalProtocolError, match="a C-ECHO-RSP has no event_type_id, x"):
        example("C_ECHO_RQ").response(0, x=1, event_type_id=2)
    with pytest.raises(LocalProtocolError, match="16 bits"):
        example("C_ECHO_RQ").response(0x10000)


def test_a_uid_a_peer_wrote_badly_can_be_echoed() -> None:
    rq = decode(command_set.encode(elements_of("C_ECHO_RQ") | {0x0002: "1.02.3"}))
    assert isinstance(rq, messages.C_ECHO_RQ)
    assert command_set.decode(rq.response(0).encode())[0x0002] == "1.02.3"


def test_priorities() -> None:
    """PS3.7 Table E.1-1."""
    assert (messages.LOW, MEDIUM, messages.HIGH) == (2, 0, 1)
