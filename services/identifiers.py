"""Identifiers and the other data sets that go with a command: pydicom's `Dataset` into bytes and back (PS3.5 7).

Objects are never decoded here, they flow into files; an identifier is small, and everything in it is wanted. So it is
read as a whole, at once: what a peer sent badly shows here, in one kind of error, and not later in somebody's handler.
No message or warning quotes a value: pydicom's own would.
"""

import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from typing import Any

from pydicom import config
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset
from pydicom.multival import MultiValue

from . import flat
from .storage.dataset_prefix import MAXIMUM_DEPTH, DataSetError, check_complete
from .transfer_syntaxes import CONVERTIBLE, Encoding, encoding

MAXIMUM_BYTES = 16 << 20
"""Of an identifier, inflated: as many as are taken from the network undeflated."""
MAXIMUM_ELEMENTS = 250_000
"""Items of sequences counted too. pydicom takes 340 bytes and 14 us for each; the longest there are, requests for
storage commitment, have four for an instance."""
UNICODE = "ISO_IR 192"
"""Specific Character Set of what cannot be said in ASCII, where nobody chose another (PS3.3 C.12.1.1.2)."""

_TEXT = frozenset(("SH", "LO", "ST", "LT", "UC", "UT", "PN"))
"""The VRs that Specific Character Set is about (PS3.5 6.1.2.2)."""


class IdentifierError(ValueError):
    """A data set that cannot be read, or not be written; says why, never with a value."""


class _Silence:
    """What silences pydicom is the process's: the first thread that needs it begins it, the last one ends it, and none
    waits for another's data set."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._needed = 0
        self._undo = ExitStack()

    def begin(self) -> None:
        with self._changing:
            if not self._needed:
                self._undo.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore")
                warnings.filterwarnings("error", "Failed to encode value")
                self._undo.callback(setattr, config.logger, "disabled", config.logger.disabled)
                config.logger.disabled = True
            self._needed += 1

    def end(self) -> None:
        with self._changing:
            self._needed -= 1
            if not self._needed:
                self._undo.close()


_silence = _Silence()


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Silence pydicom, which quotes values in warnings and in its log; but text that would be replaced by question
    marks is an error."""
    _silence.begin()
    try:
        yield
    finally:
        _silence.end()


def encode(dataset: Dataset | flat.Elements, transfer_syntax_uid: str) -> bytes:
    """A data set as it travels; group lengths and File Meta Information are left out (PS3.5 7.2, PS3.10 7.1).

    Text beyond ASCII without a Specific Character Set goes as Unicode, and says so.

    Raises:
        IdentifierError: the transfer syntax is a compressed one, or a value does not fit its VR or character set.
    """
    layout = _layout(transfer_syntax_uid)
    encoded = dataset.encode(layout) if isinstance(dataset, flat.Elements) else flat.encode(dataset, layout)
    if encoded is None:
        encoded = _encode(dataset.dataset() if isinstance(dataset, flat.Elements) else dataset, layout)
    if not layout.deflated:
        return encoded
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    deflated = deflater.compress(encoded) + deflater.flush()
    return deflated + bytes(len(deflated) % 2)


def _encode(dataset: Dataset, layout: Encoding) -> bytes:
    """Any data set, by pydicom."""
    stream = DicomBytesIO()
    stream.is_implicit_VR = not layout.explicit
    stream.is_little_endian = layout.little_endian
    try:
        with _without_warnings():
            write_dataset(stream, _to_send(dataset))
    except Exception as error:  # noqa: BLE001  # pydicom raises whatever a value leads to
        raise IdentifierError(f"the data set cannot be encoded ({type(error).__name__})") from None
    return stream.getvalue()


def decode(data: bytes, transfer_syntax_uid: str) -> Dataset:
    """The data set in bytes from the network, every value of it converted.

    Raises:
        IdentifierError: it is cut off or malformed, nested deeper than 64, longer than 16 MiB, or has more than
            250 000 elements; or the transfer syntax is a compressed one.
    """
    layout = _layout(transfer_syntax_uid)
    try:
        if layout.deflated:
            data = _inflated(data)
        check_complete(data, layout, MAXIMUM_ELEMENTS)
        with _without_warnings():
            dataset = read_dataset(BytesIO(data), not layout.explicit, layout.little_endian)
            _convert(dataset, 0)
    except DataSetError as error:
        raise IdentifierError(f"the data set {error}") from None
    except Exception as error:  # noqa: BLE001  # pydicom raises whatever a malformed value leads to
        raise IdentifierError(f"the data set cannot be decoded ({type(error).__name__})") from None
    return dataset


def _layout(transfer_syntax_uid: str) -> Encoding:
    if transfer_syntax_uid not in CONVERTIBLE:
        raise IdentifierError(f"no data set but an image goes in transfer syntax {transfer_syntax_uid}")
    return encoding(transfer_syntax_uid)


def _inflated(data: bytes) -> bytes:
    inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(data, MAXIMUM_BYTES)
    except zlib.error:
        raise DataSetError("is no deflate stream (PS3.5 A.5)") from None
    if data and not inflater.eof:
        raise DataSetError(f"is cut off, or inflates to more than {MAXIMUM_BYTES} bytes")
    return inflated


def _convert(dataset: Dataset, depth: int) -> None:
    """Convert every value now; pydicom does it when asked for one, with the warnings and errors of then."""
    if depth > MAXIMUM_DEPTH:
        raise DataSetError(f"has sequences nested deeper than {MAXIMUM_DEPTH}")
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                _convert(item, depth + 1)


def _to_send(dataset: Dataset) -> Dataset:
    """A copy without what does not travel, and with a character set if it needs one."""
    sent = Dataset()
    for tag in sorted(dataset.keys()):
        if tag.group > 0x0007 and tag.element != 0:
            sent[tag] = dataset[tag]
    if not sent.get("SpecificCharacterSet") and not _is_ascii(sent):
        sent.SpecificCharacterSet = UNICODE
    return sent


def _is_ascii(dataset: Dataset) -> bool:
    for element in dataset:
        if element.VR == "SQ":
            if not all(map(_is_ascii, element.value)):
                return False
        elif element.VR in _TEXT and not _all_ascii(element.value):
            return False
    return True


def _all_ascii(value: Any) -> bool:
    """Whether a value, or each of several, is ASCII."""
    if isinstance(value, list | MultiValue):
        return all(map(_all_ascii, value))
    return value is None or str(value).isascii()
