"""Peers that speak PDUs over a socket, as a test tells them: to be polite, silent, slow, rude or gone."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

from dulcet.dimse import messages
from dulcet.dul.items import AsynchronousOperationsWindow, ContextResult, ProposedContext, UserInformation
from dulcet.dul.pdu import PDV, AssociateAC, AssociateRQ, PDataTF, Pdu, ReleaseRP, ReleaseRQ, decode
from dulcet.dul.transport.sockets import NO_LINGER

from dulcet import Entity

VERIFICATION = "1.2.840.10008.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
SECONDS = 20.0
"""For whatever is waited for; only failures take that long."""


PIECE = 100_000
"""Of a data set in a P-DATA-TF: below the 131072 our SCP announces."""


def until(condition: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
    """Look again and again until something holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        time.sleep(0.005)  # before the next look


def echo_request(message_id: int) -> Any:
    """A C-ECHO-RQ."""
    return messages.C_ECHO_RQ(message_id=message_id, affected_sop_class_uid=VERIFICATION)


def store_request(message_id: int, uid: str, sop_class: str = CT) -> Any:
    """A C-STORE-RQ."""
    return messages.C_STORE_RQ(
        message_id=message_id, affected_sop_class_uid=sop_class, affected_sop_instance_uid=uid, priority=messages.MEDIUM
    )


def message(context_id: int, command: Any, data_set: bytes | None = None) -> bytes:
    """A message in as few P-DATA-TF as it takes, whole in itself."""
    pdus = PDataTF((PDV(context_id, 3, command.encode(data_set is not None)),)).encode()
    if data_set is not None:
        pieces = [data_set[start : start + PIECE] for start in range(0, len(data_set), PIECE)] or [b""]
        for left, piece in zip(reversed(range(len(pieces))), pieces, strict=True):
            pdus += PDataTF((PDV(context_id, 0 if left else 2, piece),)).encode()
    return pdus


class Wire:
    """One end of a connection, in whole PDUs."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.settimeout(SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, *what: Pdu | bytes) -> None:
        """Send all of it in one piece."""
        self.sock.sendall(b"".join(each if isinstance(each, bytes) else each.encode() for each in what))

    def receive(self) -> Pdu | None:
        """The next PDU; None when the connection has ended."""
        head = self._exactly(6)
        return None if head is None else decode(head + (self._exactly(struct.unpack(">L", head[2:])[0]) or b""))

    def _exactly(self, size: int) -> bytes | None:
        data = b""
        while len(data) < size:
            try:
                piece = self.sock.recv(size - len(data))
            except ConnectionResetError:
                return None
            if not piece:
                return None
            data += piece
        return data

    def response(self) -> Any:
        """The next response."""
        pdu = self.receive()
        assert isinstance(pdu, PDataTF), pdu
        return messages.decode(pdu.pdvs[0].data)

    def reset(self) -> None:
        """Vanish, as after a crash."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self.sock.close()


class Caller(Wire):
    """A requestor."""

    def __init__(self, port: int, *, receive_buffer: int = 0) -> None:
        sock = socket.socket()
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.connect(("127.0.0.1", port))
        super().__init__(sock)

    def associate(self, called: str = "DULCET", sop_class: str = CT, *, said: UserInformation | None = None) -> Any:
        """Ask for Verification on context 1 and a storage class on context 3; the answer."""
        self.send(request(called, sop_class, said))
        return self.receive()

    def release(self) -> None:
        """In order."""
        self.send(ReleaseRQ())
        assert self.receive() == ReleaseRP()


def request(called: str = "DULCET", sop_class: str = CT, said: UserInformation | None = None) -> AssociateRQ:
    """An A-ASSOCIATE-RQ for Verification (1) and a storage class (3)."""
    contexts = (ProposedContext(1, VERIFICATION, (IMPLICIT,)), ProposedContext(3, sop_class, (EXPLICIT,)))
    return AssociateRQ(called, "CALLER", contexts, said or UserInformation())


def acceptance(rq: AssociateRQ, result: int = 0, window: tuple[int, int] | None = None) -> AssociateAC:
    """An A-ASSOCIATE-AC that takes every context with its first transfer syntax, or none; and grants a window."""
    results = (
        ContextResult(context.id, result, context.transfer_syntaxes[0] if result == 0 else "")
        for context in rq.presentation_contexts
    )
    agreed = None if window is None else AsynchronousOperationsWindow(*window)
    return AssociateAC(tuple(results), UserInformation(asynchronous_operations_window=agreed), echo=rq.echo)


@contextmanager
def answering(*scripts: Callable[[Wire], object]) -> Iterator[Entity]:
    """An acceptor that goes through one script with each connection, in order."""
    listening = socket.create_server(("127.0.0.1", 0))
    errors: list[BaseException] = []

    def serve() -> None:
        try:
            for script in scripts:
                sock, _ = listening.accept()
                with Wire(sock) as wire:
                    script(wire)
        except BaseException as error:  # noqa: BLE001  # told below
            errors.append(error)

    listening.settimeout(SECONDS)
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield Entity.local("SCRIPTED", listening.getsockname()[1])
    finally:
        thread.join(SECONDS)
        listening.close()
    assert not errors, errors


def accepting(wire: Wire, result: int = 0, window: tuple[int, int] | None = None) -> AssociateRQ:
    """Take the request and accept it."""
    rq = wire.receive()
    assert isinstance(rq, AssociateRQ)
    wire.send(acceptance(rq, result, window))
    return rq
