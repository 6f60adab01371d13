"""What the matrix of bad input is made of: peers not there or failing, files from which nothing comes, a full disk.

All of it holds for root too.
"""

import contextlib
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dulcet.dimse import messages
from dulcet.dul.pdu import PDV, Abort, AssociateRJ, PDataTF, ReleaseRP, ReleaseRQ
from wire_peers import Caller, Wire, accepting, message, store_request

LAST_OF_DATA_SET = 2
"""Message control header of the last fragment of a data set (PS3.8 E.2)."""
FULL = 1 << 20
"""Bytes beyond which no file grows where the disk is full."""


# ---- acceptors that fail; each is a script for `wire_peers.answering` ----


def _ends(wire: Wire, *, deaf: bool = False) -> None:
    """Wait for the other end to abort or close, so that what was sent is not lost with the connection."""
    while (pdu := wire.receive()) is not None and not isinstance(pdu, Abort):
        if isinstance(pdu, ReleaseRQ) and not deaf:
            wire.send(ReleaseRP())


def wrong_title(wire: Wire) -> None:
    """Permanent, by the service user: called AE title not recognized (PS3.8 Table 9-21)."""
    wire.receive()
    wire.send(AssociateRJ(1, 1, 7))
    _ends(wire)


def busy(wire: Wire) -> None:
    """Transient, by the service provider: local limit exceeded."""
    wire.receive()
    wire.send(AssociateRJ(2, 3, 2))
    _ends(wire)


def no_context(wire: Wire) -> None:
    """Accepts the association and none of its contexts."""
    accepting(wire, 3)
    _ends(wire)


def aborts(wire: Wire) -> None:
    """A-ABORT by the service user in the middle: upon the first thing asked."""
    accepting(wire)
    wire.receive()
    wire.send(Abort(0, 0))
    _ends(wire)


def aborts_as_provider(wire: Wire) -> None:
    """The same by the service provider: invalid PDU parameter value."""
    accepting(wire)
    wire.receive()
    wire.send(Abort(2, 6))
    _ends(wire)


def closes(wire: Wire) -> None:
    """Closes the connection upon the first thing asked."""
    accepting(wire)
    wire.receive()
    wire.sock.shutdown(socket.SHUT_WR)
    _ends(wire)


def responds(status: int) -> Callable[[Wire], None]:
    """Responds to the first thing asked with a status, whatever was asked."""

    def script(wire: Wire) -> None:
        accepting(wire)
        pdvs: list[PDV] = []
        while not pdvs or not _whole(pdvs):
            pdu = wire.receive()
            assert isinstance(pdu, PDataTF), pdu
            pdvs += pdu.pdvs
        request: Any = messages.decode(pdvs[0].data)
        wire.send(message(pdvs[0].context_id, request.response(status)))
        _ends(wire)

    return script


def _whole(pdvs: list[PDV]) -> bool:
    """Whether a message has come to its end: its command, unless a data set follows."""
    alone = messages.decode(pdvs[0].data).name == "C-ECHO-RQ"
    return alone or pdvs[-1].control == LAST_OF_DATA_SET


def babbles(wire: Wire) -> None:
    """Is no DICOM node at all."""
    wire.receive()
    wire.send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
    _ends(wire)


def silent(wire: Wire) -> None:
    """Accepts, and says nothing more."""
    accepting(wire)
    _ends(wire, deaf=True)


def lost_at_the_second(wire: Wire) -> None:
    """Answers one C-STORE, and is gone at the next."""
    accepting(wire)
    pdvs: list[PDV] = []
    while not pdvs or pdvs[-1].control != LAST_OF_DATA_SET:
        pdu = wire.receive()
        assert isinstance(pdu, PDataTF), pdu
        pdvs += pdu.pdvs
    request: Any = messages.decode(pdvs[0].data)
    wire.send(message(pdvs[0].context_id, request.response(0)))
    wire.receive()
    wire.reset()


@contextlib.contextmanager
def unreachable() -> Iterator[int]:
    """A port at which SYNs are not answered: its backlog is full, and nobody accepts."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, contextlib.ExitStack() as stack:
        address = listener.getsockname()
        for _ in range(64):
            filler = stack.enter_context(socket.socket())
            filler.settimeout(0.05)
            try:
                filler.connect(address)
            except TimeoutError:
                break
        else:
            raise AssertionError("64 connections did not fill a backlog of none")
        yield int(address[1])


# ---- requestors that fail ----


def half_an_object(port: int, called: str, uid: str) -> Caller:
    """A caller in the middle of a C-STORE."""
    caller = Caller(port)
    caller.associate(called)
    caller.send(PDataTF((PDV(3, 3, store_request(1, uid).encode(True)),)), PDataTF((PDV(3, 0, bytes(10_000)),)))
    return caller


def aborts_halfway(port: int, called: str) -> None:
    """A-ABORT in the middle of an object."""
    with half_an_object(port, called, "1.2.66") as caller:
        caller.send(Abort(0, 0))
        _ends(caller)


def vanishes_halfway(port: int, called: str) -> None:
    """Closes the connection in the middle of an object."""
    with half_an_object(port, called, "1.2.66") as caller:
        caller.sock.shutdown(socket.SHUT_WR)
        _ends(caller)


def knocks_wrongly(port: int, called: str) -> None:
    """Is no DICOM node at all."""
    with Caller(port) as caller:
        caller.send(b"GET / HTTP/1.1\r\nHost: archive\r\n\r\n")
        _ends(caller)


# ---- files ----


def closed(folder: Path) -> Path:
    """A file that is there and that nobody can open, not even root: a link to itself."""
    path = folder / "closed.dcm"
    path.symlink_to(path)
    return path


def dangling(folder: Path) -> Path:
    """A link to what is not there."""
    path = folder / "dangling.dcm"
    path.symlink_to(folder / "nothing")
    return path


def empty(folder: Path) -> Path:
    """A file of no bytes."""
    path = folder / "empty.dcm"
    path.touch()
    return path


def prose(folder: Path) -> Path:
    """A file that is no DICOM file, nor anything that a query or a key could be made of."""
    path = folder / "letter.dcm"
    path.write_bytes(b"Dear colleague,\nthank you for referring this patient.\n" * 20)
    return path


@contextlib.contextmanager
def disk_full() -> Iterator[None]:
    """No file of this process grows beyond `FULL` bytes, as on a disk that is full (EFBIG in place of ENOSPC)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    told = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FULL, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, told)
