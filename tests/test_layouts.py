"""Decoding by a layout that came before gives what decoding element by element gives, for any bytes."""

from functools import partial

import pytest
from dulcet.dimse import command_set, layouts, messages
from dulcet.dimse.errors import CommandSetError
from dulcet.dimse.strategies import messages as any_message
from dulcet.dul.errors import LocalProtocolError
from hypothesis import given
from hypothesis import strategies as st

CT = "1.2.840.10008.5.1.4.1.1.2"


@pytest.fixture(autouse=True)
def _forgotten():
    layouts.forget()
    yield
    layouts.forget()


def outcome(decode, data):
    """A message with all its fields, or the error that was raised."""
    try:
        message = decode(data)
    except CommandSetError as error:
        return str(error)
    kinds = [type(getattr(message, each)) for each in message._elements]
    return type(message), repr(message), message.dataset_follows, kinds


def the_long_way(data):
    layouts.forget()
    return outcome(messages.decode, data)


def by_layout(example, data):
    """As decoded after an example of what may be its layout."""
    layouts.forget()
    outcome(messages.decode, example)
    return outcome(messages.decode, data)


@given(any_message(), st.data())
def test_a_known_layout_changes_nothing(message, data):
    """Whatever became of the bytes in between: each in its turn decodes as if it were the first."""
    example = message.encode()
    other = bytearray(example)
    for _ in range(data.draw(st.integers(0, 4))):
        other[data.draw(st.integers(0, len(other) - 1))] = data.draw(st.integers(0, 255))
    other = bytes(other)[: data.draw(st.integers(0, len(other)) | st.just(len(other)))]
    assert by_layout(example, other) == the_long_way(other)


@given(any_message(), any_message())
def test_nor_does_that_of_another_message(one, other):
    assert by_layout(one.encode(), other.encode()) == the_long_way(other.encode())


@given(any_message())
def test_writers_write_what_the_long_way_does(message):
    assert message.encode() == command_set.encode(message._values(message.dataset_follows))


store = partial(messages.C_STORE_RQ, affected_sop_class_uid=CT, priority=0, dataset_follows=True)


def known(data):
    """Whether its layout is known and used."""
    return layouts.recall(data) is not None


def test_the_second_of_a_layout_is_recalled_whole():
    messages.decode(store(message_id=1, affected_sop_instance_uid="1.2.3.4").encode())
    second = store(message_id=65535, affected_sop_instance_uid="1.2.3.5")
    assert known(second.encode())
    assert layouts.recall(second.encode()) == second
    assert layouts.recall(second.encode()).dataset_follows


def test_another_length_is_another_layout():
    messages.decode(store(message_id=1, affected_sop_instance_uid="1.2.3.4").encode())
    assert not known(store(message_id=1, affected_sop_instance_uid="1.2.3.4.5.6").encode())


@pytest.mark.parametrize("instead", [b"1.2.3..4", b"\0\0\0\0\0\0\0\0", b"abcdefgh"])
def test_what_is_wrong_with_a_value_is_said_the_long_way(instead):
    data = store(message_id=1, affected_sop_instance_uid="1.2.3.45").encode()
    messages.decode(data)
    assert known(data)
    wrong = data.replace(b"1.2.3.45", instead)
    assert not known(wrong)
    with pytest.raises(CommandSetError, match="AffectedSOPInstanceUID"):
        messages.decode(wrong)


def test_an_element_that_no_field_takes_is_always_looked_at():
    """It may be malformed, and only the long way would notice."""
    elements = command_set.decode(messages.C_ECHO_RQ(message_id=1, affected_sop_class_uid="1.2").encode())
    data = command_set.encode(elements | {0x0700: 1})
    messages.decode(data)
    assert not known(data)


def test_nothing_behind_the_command_set_is_passed_over_unseen():
    """Orthanc 1.10 puts an element of group 0008 there (see `command_set`)."""
    data = messages.C_ECHO_RQ(message_id=1, affected_sop_class_uid="1.2").encode() + bytes.fromhex("0800580000000000")
    messages.decode(data)
    assert not known(data)


def test_long_ones_are_not_kept():
    tags = tuple(range(0x00100000, 0x00100000 + 200))
    data = messages.C_STORE_RSP(message_id_being_responded_to=1, status=0xA900, offending_element=tags).encode()
    assert len(data) > layouts.LONGEST
    messages.decode(data)
    assert not known(data)


def test_layouts_are_forgotten_when_there_are_too_many():
    first = store(message_id=1, affected_sop_instance_uid="1.2").encode()
    messages.decode(first)
    for length in range(1, 62):
        for other in range(1, 62, 2):
            class_uid, instance_uid = "1." + "1" * length, "1." + "2" * other
            messages.decode(
                messages.C_STORE_RQ(
                    message_id=1, affected_sop_class_uid=class_uid, affected_sop_instance_uid=instance_uid, priority=0
                ).encode()
            )
    assert not known(first)


def test_those_that_look_alike_are_kept_beside_each_other():
    """A C-STORE-RQ and its response have the same lengths and the same first element."""
    request = store(message_id=1, affected_sop_instance_uid="1.2.3.4")
    response = request.response(0).encode()
    messages.decode(request.encode())
    messages.decode(response)
    assert known(request.encode())
    assert known(response)


def test_of_those_that_look_alike_only_some_are_kept():
    """Every Command Data Set Type but 0101H says that a data set follows, and each makes another layout."""
    data = store(message_id=1, affected_sop_instance_uid="1.2.3.4").encode()
    others = [data.replace(b"\x00\x08\x02\0\0\0\1\0", b"\x00\x08\x02\0\0\0" + bytes([each, 0])) for each in range(6)]
    assert all(messages.decode(each).dataset_follows for each in others)
    assert [known(each) for each in others] == [True] * layouts.ALIKE + [False] * (len(others) - layouts.ALIKE)


def test_a_command_set_too_long_is_refused_as_ever():
    tags = tuple(range(0x00100000, 0x00100000 + 17000))
    with pytest.raises(LocalProtocolError, match="longer than"):
        messages.C_STORE_RSP(message_id_being_responded_to=1, status=0xA900, offending_element=tags).encode()
