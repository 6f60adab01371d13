"""Messages into fragments and back (PS3.7 6.3 and 8.1, PS3.8 Annex E).

A message is a command set and, where the command says so, a data set. Either is cut into fragments, each with
the presentation context and a control byte: bit 0 set for the command set, bit 1 set for its last fragment.
`fragment` cuts and copies nothing; `Reassembly` puts together and enforces the order: command before data
set, one context per message, one message at a time. Command fragments are kept until the last; data set
fragments go to a sink as they come, so that an object need never be in memory as a whole.

CPython 3.11: taking a data set fragment costs 0.15 us besides the sink, a command in one fragment 0.4 us
besides its decoding; cutting 512 KiB into 5 PDVs costs 4 us.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeGuard

from ..dul.errors import LocalProtocolError
from ..dul.p_data import PDV, PDV_OVERHEAD
from .command_set import MAXIMUM_LENGTH as MAXIMUM_COMMAND_LENGTH
from .errors import CommandSetError, FragmentError
from .messages import Message, decode

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["fragment", "Reassembly", "Command", "Completed", "Sink", "Memory", "FragmentError"]

COMMAND = 0b01
LAST = 0b10
"""COMMAND, LAST: bits of the message control header (PS3.8 E.2)."""
UNLIMITED_FRAGMENT = 131072
"""Bytes per fragment for a peer without a maximum length: larger ones gain nothing and are longer in the way
of an A-ABORT."""
MAXIMUM_EMPTY_FRAGMENTS = 64
"""In a row. The standard sets no bound; without one a peer could keep us busy with nothing for ever."""
MEMORY_LIMIT = 16 * 1024 * 1024
"""Bytes a `Memory` takes. Identifiers and the data sets of N-services are far smaller; objects go
elsewhere."""
_NOTHING = "a data set without any bytes cannot be sent: no fragment is empty (PS3.8 E.1)"


def fragment(
    context_id: int,
    command: bytes,
    dataset: "ReadableBuffer | Iterable[ReadableBuffer] | None",
    maximum_length: int,
) -> tuple[PDV, ...] | Iterator[PDV]:
    """The PDVs of a message, each to travel in a P-DATA-TF of its own.

    Args:
        context_id: the presentation context.
        command: the encoded command set.
        dataset: the encoded data set, whole or in pieces of any size that are asked for when needed; None if
            the command announces none. One of an odd number of bytes is completed with a NUL.
        maximum_length: the longest P-DATA-TF the peer takes, by its PDU-length (PS3.8 D.1); 0 for unlimited.

    Raises:
        LocalProtocolError: no two bytes fit into a fragment; the data set has none, which no fragment can say
            (E.1): at once where it is whole, else when its first fragment is asked for.
    """
    room = (maximum_length - PDV_OVERHEAD) & ~1 if maximum_length else UNLIMITED_FRAGMENT
    if room < 2:
        raise LocalProtocolError(f"a maximum length of {maximum_length} has no room for a fragment (PS3.8 D.1)")
    if dataset is None and len(command) <= room:  # nearly every response: 2.7 us less than the general way
        return (PDV(context_id, COMMAND | LAST, command),)
    if len(command) <= room and _is_flat(dataset) and 0 < len(dataset) <= room and not len(dataset) & 1:
        return (PDV(context_id, COMMAND | LAST, command), PDV(context_id, LAST, dataset))  # a small data set: 3 us less
    parts = _marked(context_id, COMMAND, _even_pieces((command,), room))
    if dataset is None:
        return parts
    return chain(parts, _marked(context_id, 0, _even_pieces(_buffers(dataset), room)))


def _is_flat(dataset: object) -> TypeGuard[bytes | memoryview]:
    """Whether it is plain bytes, or a view of some, whose length is that of its bytes."""
    if type(dataset) is memoryview:
        return dataset.format == "B" and dataset.ndim == 1 and dataset.contiguous
    return type(dataset) is bytes


def _buffers(dataset: "ReadableBuffer | Iterable[ReadableBuffer]") -> "Iterable[ReadableBuffer]":
    """A mmap is both a buffer and an iterable of single bytes: the buffer is meant."""
    try:
        whole = memoryview(dataset)  # type: ignore[arg-type]  # the question is whether it is one
    except TypeError:
        return dataset  # type: ignore[return-value]  # it is no buffer
    if not whole.nbytes:
        raise LocalProtocolError(_NOTHING)
    return (whole,)


def _even_pieces(buffers: "Iterable[ReadableBuffer]", room: int) -> Iterator[bytes | memoryview]:
    """Views of at most `room` bytes, each of them even (PS3.8 E.1).

    Only where a buffer ends in the middle of a pair is anything copied: its last byte, with what the next one
    adds. Where nothing follows, a NUL does: a deflated stream is padded so (PS3.5 A.5), any other data set of
    odd length is broken already, and peers that would read it abort on an odd fragment (DCMTK does).
    """
    odd = b""
    for buffer in buffers:
        view = memoryview(buffer).cast("B")
        if odd and view:
            joined = b"".join((odd, view[: room - 1]))
            view = view[room - 1 :]
            even = len(joined) & ~1
            odd = joined[even:]
            yield joined[:even]
        end = len(view) & ~1
        for start in range(0, end, room):
            yield view[start : min(start + room, end)]
        if end < len(view):
            odd = bytes(view[end:])
    if odd:
        yield odd + b"\0"


def _marked(context_id: int, kind: int, pieces: Iterator[bytes | memoryview]) -> Iterator[PDV]:
    """PDVs of the pieces. Which one is the last is known only when there is no next, so we are one behind."""
    held = next(pieces, None)
    if held is None:
        raise LocalProtocolError(_NOTHING)
    for piece in pieces:
        yield PDV(context_id, kind, held)
        held = piece
    yield PDV(context_id, kind | LAST, held)


class Sink(Protocol):
    """Where the bytes of a data set go."""

    def write(self, data: bytes | memoryview, /) -> object:
        """Take the next bytes. A view is good only until this returns: what is to stay must be copied."""


class Memory:
    """A sink that keeps the data set in memory.

    Args:
        limit: bytes; more of them are a `FragmentError`.
    """

    __slots__ = ("_data", "limit")

    def __init__(self, limit: int = MEMORY_LIMIT) -> None:
        self.limit = limit
        self._data = bytearray()

    def write(self, data: bytes | memoryview, /) -> None:
        """Keep a copy."""
        if len(self._data) + len(data) > self.limit:
            raise FragmentError(f"data set longer than {self.limit} bytes", clause="a limit of ours")
        self._data += data

    @property
    def size(self) -> int:
        """Bytes written."""
        return len(self._data)

    def getvalue(self) -> bytes:
        """All that was written."""
        return bytes(self._data)


class Command(NamedTuple):
    """A command is complete and a data set follows: `Reassembly.open` says where it goes.

    A tuple, as `Completed`: one is made per message, for 0.3 us instead of the 0.9 of a frozen dataclass.
    """

    context_id: int
    """The presentation context of the message."""
    message: Message
    """What the command set conveys."""


class Completed(NamedTuple):
    """A message is complete."""

    context_id: int
    """The presentation context of the message."""
    message: Message
    """What the command set conveys."""
    sink: Sink | None
    """Where its data set went; None if it has none."""


class Reassembly:
    """Puts together what one peer sends, fragment by fragment.

    After a `FragmentError` or `CommandSetError` the stream of messages is lost; what remains is to abort.
    """

    __slots__ = ("_command", "_context_id", "_empty", "_message", "_sink")

    def __init__(self) -> None:
        self._context_id: int | None = None  # of the message under way, None between messages
        self._command = bytearray()  # fragments of a command under way
        self._message: Message | None = None  # once its command is complete
        self._sink: Sink | None = None  # once it is opened
        self._empty = 0  # empty fragments in a row

    @property
    def sink(self) -> Sink | None:
        """The sink of the data set under way, if any: what to throw away when the association ends now."""
        return self._sink

    def open(self, sink: Sink) -> None:
        """Let the data set that follows go to a sink; without this it goes to a `Memory`.

        Raises:
            LocalProtocolError: no data set follows, or it has a sink.
        """
        if self._message is None or self._sink is not None:
            raise LocalProtocolError("a sink is opened once, between a command that announces a data set and its data")
        self._sink = sink

    def take(self, pdv: PDV) -> Command | Completed | None:
        """Take the next fragment, in the order of arrival.

        Returns:
            `Command` when a command is complete and a data set follows, `Completed` when a message is
            complete, None in between.

        Raises:
            FragmentError: no such fragment may come now.
            CommandSetError: the command is malformed.
        """
        context_id, control, data = pdv
        sink = self._sink
        if control == 0 and sink is not None and context_id == self._context_id and data and not len(data) & 1:
            self._empty = 0  # as below, for nearly all there are of a large object: 0.2 us less
            sink.write(data)
            return None
        if context_id != self._context_id and self._context_id is not None:
            raise FragmentError(f"fragment on context {context_id} in a message on context {self._context_id}")
        if control & COMMAND:
            return self._take_command(context_id, control, data)
        if self._message is None:
            raise FragmentError("data set fragment without a complete command that announces a data set")
        if not control & LAST:
            self._check_inner(data)
        if self._sink is None:
            self._sink = Memory()
        self._sink.write(data)
        return self._complete(context_id, self._message) if control & LAST else None

    def _take_command(self, context_id: int, control: int, data: bytes | memoryview) -> Command | Completed | None:
        if self._message is not None:
            raise FragmentError("command fragment before the last fragment of a data set")
        self._context_id = context_id
        if not control & LAST:
            self._check_inner(data)
            self._keep(data)
            return None
        if self._command:
            self._keep(data)
            data = bytes(self._command)
            self._command.clear()
        message = decode(data)
        self._empty = 0
        if message.dataset_follows:
            self._message = message
            return Command(context_id, message)
        self._context_id = None
        return Completed(context_id, message, None)

    def _check_inner(self, data: bytes | memoryview) -> None:
        """What holds of fragments that are not the last. (A last one of odd length passes: some do not pad
        what they deflated, PS3.5 A.5, and nobody reads on behind it. Empty ones pass, as E.1 recommends.)"""
        if not data:
            self._empty += 1
            if self._empty > MAXIMUM_EMPTY_FRAGMENTS:
                raise FragmentError(
                    f"more than {MAXIMUM_EMPTY_FRAGMENTS} empty fragments in a row", clause="a limit of ours"
                )
        elif len(data) & 1:
            raise FragmentError(f"fragment of odd length, {len(data)}, that is not the last")
        else:
            self._empty = 0

    def _keep(self, data: bytes | memoryview) -> None:
        if len(self._command) + len(data) > MAXIMUM_COMMAND_LENGTH:
            raise CommandSetError(f"command set longer than {MAXIMUM_COMMAND_LENGTH} bytes", clause="a limit of ours")
        self._command += data

    def _complete(self, context_id: int, message: Message) -> Completed:
        completed = Completed(context_id, message, self._sink)
        self._context_id = self._message = self._sink = None
        self._empty = 0
        return completed
