"""Identifiers as bytes: every uncompressed transfer syntax, character sets, what is malformed, what is never told."""

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from data_sets import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, element, nested
from dulcet.services import identifiers
from dulcet.services.identifiers import MAXIMUM_ELEMENTS, IdentifierError, decode, encode
from pydicom.dataset import Dataset

SYNTAXES = [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED]
VALUE = "Xyzzy^Plugh"


def example() -> Dataset:
    dataset = Dataset()
    dataset.QueryRetrieveLevel = "STUDY"
    dataset.PatientName = "Doe^J*"
    dataset.StudyDate = "20240101-20241231"
    dataset.StudyTime = "1000-"
    dataset.StudyInstanceUID = ["1.2.3", "1.2.4"]
    dataset.PatientID = ""
    item = Dataset()
    item.Modality = "CT"
    item.ScheduledStationAETitle = None
    dataset.ScheduledProcedureStepSequence = [item]
    return dataset


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_there_and_back(syntax: str) -> None:
    back = decode(encode(example(), syntax), syntax)
    assert back.PatientName == "Doe^J*"
    assert back.StudyDate == "20240101-20241231"
    assert back.StudyInstanceUID == ["1.2.3", "1.2.4"]
    assert back.PatientID == ""
    assert back.ScheduledProcedureStepSequence[0].Modality == "CT"
    assert "SpecificCharacterSet" not in back


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_the_empty_data_set(syntax: str) -> None:
    assert len(decode(encode(Dataset(), syntax), syntax)) == 0
    assert len(decode(b"", syntax)) == 0


def test_bytes_are_those_of_the_standard() -> None:
    dataset = Dataset()
    dataset.QueryRetrieveLevel = "STUDY"
    dataset.PatientID = "123"
    assert encode(dataset, IMPLICIT) == (
        b"\x08\x00\x52\x00" b"\x06\x00\x00\x00" b"STUDY "  # (0008,0052), padded to even length
        b"\x10\x00\x20\x00" b"\x04\x00\x00\x00" b"123 "  # (0010,0020)
    )  # fmt: skip
    assert encode(dataset, EXPLICIT) == (
        b"\x08\x00\x52\x00" b"CS" b"\x06\x00" b"STUDY "
        b"\x10\x00\x20\x00" b"LO" b"\x04\x00" b"123 "
    )  # fmt: skip


def test_what_does_not_travel_is_left_out() -> None:
    dataset = example()
    dataset.add_new((0x0008, 0x0000), "UL", 4)
    dataset.add_new((0x0002, 0x0010), "UI", EXPLICIT)
    back = decode(encode(dataset, EXPLICIT), EXPLICIT)
    assert (0x0008, 0x0000) not in back
    assert (0x0002, 0x0010) not in back
    assert (0x0008, 0x0000) in dataset


# Character sets


def test_what_is_not_ascii_goes_as_unicode() -> None:
    dataset = Dataset()
    dataset.PatientName = "Müller^Jörg"
    back = decode(encode(dataset, EXPLICIT), EXPLICIT)
    assert (back.SpecificCharacterSet, back.PatientName) == ("ISO_IR 192", "Müller^Jörg")
    assert "SpecificCharacterSet" not in dataset


def test_also_inside_sequences_and_lists() -> None:
    for value in (["Ä", "b"], None):
        dataset, item = Dataset(), Dataset()
        if value is None:
            item.ScheduledProcedureStepDescription = "Schädel"
            dataset.ScheduledProcedureStepSequence = [item]
        else:
            dataset.OtherPatientNames = value
        assert decode(encode(dataset, IMPLICIT), IMPLICIT).SpecificCharacterSet == "ISO_IR 192"


def test_a_character_set_that_was_chosen_stays() -> None:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.PatientName = "Müller"
    encoded = encode(dataset, EXPLICIT)
    assert "Müller".encode("latin-1") in encoded
    assert decode(encoded, EXPLICIT).PatientName == "Müller"


def test_what_a_character_set_does_not_have_is_an_error() -> None:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.PatientName = "山田^太郎"
    with pytest.raises(IdentifierError) as caught:
        encode(dataset, EXPLICIT)
    assert "山" not in str(caught.value)


# Errors


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_cut_off_anywhere_is_an_error_or_a_shorter_data_set(syntax: str) -> None:
    encoded = encode(example(), syntax)
    whole = len(decode(encoded, syntax))
    for end in range(1, len(encoded)):
        try:
            assert len(decode(encoded[:end], syntax)) <= whole
        except IdentifierError as error:
            assert "Doe" not in str(error)  # noqa: PT017  # the message is what this is about


def test_garbage() -> None:
    for syntax in SYNTAXES:
        with pytest.raises(IdentifierError):
            decode(b"\xff" * 100, syntax)


def test_an_image_is_no_identifier() -> None:
    jpeg = "1.2.840.10008.1.2.4.50"
    for call in (lambda: decode(b"", jpeg), lambda: encode(Dataset(), jpeg)):
        with pytest.raises(IdentifierError, match=r"1\.2\.840\.10008\.1\.2\.4\.50"):
            call()


def test_depth() -> None:
    decode(nested(60), EXPLICIT)
    with pytest.raises(IdentifierError, match="64"):
        decode(nested(70), EXPLICIT)
    with pytest.raises(IdentifierError):
        decode(nested(5000), EXPLICIT)


def test_depth_of_sequences_that_say_their_length() -> None:
    inner = b""
    for _ in range(70):
        item = b"\xfe\xff\x00\xe0" + len(inner).to_bytes(4, "little") + inner
        inner = b"\x40\x00\x00\x01SQ\x00\x00" + len(item).to_bytes(4, "little") + item
    with pytest.raises(IdentifierError, match="64"):
        decode(inner, EXPLICIT)


def test_a_flood_of_elements_is_not_decoded() -> None:
    """Each takes forty times the eight bytes it had, and time in which nobody else is answered."""
    flood = element((0x0009, 0x1000), "LO") * (MAXIMUM_ELEMENTS + 1)
    with pytest.raises(IdentifierError, match=r"^the data set has more than 250000 elements$"):
        decode(flood, EXPLICIT)


def test_a_deflate_bomb() -> None:
    import zlib

    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    bomb = deflater.compress(bytes(17 << 20)) + deflater.flush()
    with pytest.raises(IdentifierError, match="inflates to more than"):
        decode(bomb, DEFLATED)


def test_no_warning_and_no_error_quotes_a_value(caplog: pytest.LogCaptureFixture) -> None:
    """Warnings are errors in these tests; here they would be pydicom's, about values that do not fit their VR."""
    data = b"".join(
        (
            element((0x0008, 0x0005), "CS", "NO SUCH SET "),
            element((0x0008, 0x0018), "UI", VALUE + "\0"),
            element((0x0008, 0x0020), "DA", VALUE + " "),
            element((0x0010, 0x0020), "LO", "x" * 200),
        )
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dataset = decode(data, EXPLICIT)
        encode(dataset, EXPLICIT)
    assert not caught
    assert not caplog.records
    bad = element((0x0018, 0x9073), "FD", VALUE + " ")
    with pytest.raises(IdentifierError) as error:
        decode(bad, EXPLICIT)
    assert "Xyzzy" not in str(error.value)
    assert error.value.__cause__ is None


def test_threads_leave_the_warning_filters_as_they_were() -> None:
    before = list(warnings.filters)
    encoded = encode(example(), EXPLICIT)

    def work() -> None:
        for _ in range(50):
            decode(encoded, EXPLICIT)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before


def test_nobody_waits_while_another_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long one takes seconds in a thread, and the event loop reads and writes others meanwhile."""
    begun, go_on, real = threading.Event(), threading.Event(), identifiers.read_dataset

    def held(*arguments: Any) -> Any:
        if threading.current_thread() is not threading.main_thread():
            begun.set()
            assert go_on.wait(10)
        return real(*arguments)

    monkeypatch.setattr(identifiers, "read_dataset", held)
    data = encode(example(), IMPLICIT)
    too_long = threading.Timer(5, go_on.set)
    with ThreadPoolExecutor(1) as other:
        long = other.submit(decode, data, IMPLICIT)
        assert begun.wait(10)
        too_long.start()
        assert decode(data, IMPLICIT).PatientName == example().PatientName
        assert not go_on.is_set()
        too_long.cancel()
        go_on.set()
        assert long.result(10).PatientName == example().PatientName
