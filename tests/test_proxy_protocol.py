"""The PROXY protocol and address lists: what a header may be, and who gets through.

The headers are those of the specification's examples (haproxy, proxy-protocol.txt, sections 2.1 and 2.2).
"""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from certificates import Certificates
from dulcet.dul.primitives import CLOSE
from dulcet.dul.transport.tls import client_context, server_context
from dulcet.services.addresses import Networks
from dulcet.services.proxy_protocol import Header, ProxyError, ProxyLayer, parse
from hypothesis import given
from hypothesis import strategies as st

from dulcet import SCP, SCU, AssociationError, Entity, Operation, Verification

LINE = b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"
SIGNATURE = bytes.fromhex("0D0A0D0A000D0A515549540A")
LOOPBACK = ["127.0.0.0/8"]


def binary(command: int = 0x21, family: int = 0x11, addresses: bytes | None = None, more: bytes = b"") -> bytes:
    """A version 2 header, for 192.0.2.1 port 1111 unless told otherwise."""
    if addresses is None:
        addresses = bytes([192, 0, 2, 1, 192, 0, 2, 2]) + struct.pack(">HH", 1111, 104)
    return SIGNATURE + struct.pack(">BBH", command, family, len(addresses + more)) + addresses + more


V6 = bytes(15) + b"\1" + bytes(15) + b"\2" + struct.pack(">HH", 2222, 104)
HEADERS = [
    (LINE, ("192.168.0.1", 56324)),
    (b"PROXY TCP6 2001:db8::1 ::2 1 65535\r\n", ("2001:db8::1", 1)),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", None),
    (binary(), ("192.0.2.1", 1111)),
    (binary(family=0x21, addresses=V6), ("::1", 2222)),
    (binary(more=b"\3\0\4abcd"), ("192.0.2.1", 1111)),
    (binary(0x20), None),
    (binary(0x20, 0x00, b""), None),
    (binary(family=0x00, addresses=b""), None),
    (binary(family=0x31, addresses=bytes(216)), None),
    (binary(more=bytes(508)), ("192.0.2.1", 1111)),
]


@pytest.mark.parametrize(("header", "source"), HEADERS)
def test_headers(header: bytes, source: Any) -> None:
    local = header[12:13] == b"\x20"
    assert parse(header + b"\1\0more") == Header(source, len(header), local)
    for end in range(len(header)):
        assert parse(header[:end]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"\1\0\0\0",
        b"PROXY TCP4 192.168.0.1 192.168.0.11 56324\r\n",
        b"PROXY TCP5 192.168.0.1 192.168.0.11 56324 443\r\n",
        b"PROXY TCP4 ::1 ::2 56324 443\r\n",
        b"PROXY TCP4 192.168.0.1 192.168.0.11 65536 443\r\n",
        b"PROXY TCP4 192.168.0.1 192.168.0.11 +1 443\r\n",
        b"PROXY \r\n",
        b"PROXY UNKNOWN " + bytes(107),
        binary(0x11),
        binary(0x22),
        binary(addresses=bytes(11)),
        binary(more=bytes(509)),
        b"PROXX",
        SIGNATURE[:5] + b"x",
    ],
)
def test_what_is_none(data: bytes) -> None:
    with pytest.raises(ProxyError):
        parse(data)


@given(st.binary(max_size=600))
def test_anything(tail: bytes) -> None:
    for beginning in (b"", b"PROXY ", SIGNATURE, SIGNATURE + b"\x21\x11"):
        try:
            header = parse(beginning + tail)
        except ProxyError:
            continue
        assert header is None or header.length <= 536


# ---- the layer ----


class Inside:
    """A thing that notes what it hears."""

    def __init__(self) -> None:
        self.outbox: Any = []
        self.deadline: float | None = 99.0
        self.heard: list[Any] = []

    def offered(self, now: float) -> list[Any]:
        self.heard.append(("offered", now))
        return []

    connected = offered

    def receive(self, data: Any, now: float) -> list[Any]:
        self.heard.append(bytes(data))
        return []

    def closed(self, now: float) -> list[Any]:
        self.heard.append("closed")
        return []

    def tick(self, now: float) -> list[Any]:
        self.heard.append("tick")
        return []

    def fill(self, now: float) -> None:
        self.heard.append("fill")


@pytest.fixture
def inside() -> Inside:
    return Inside()


def layer(inside: Inside, admitted: bool = True) -> tuple[ProxyLayer[Any], list[Any]]:
    told: list[Any] = []

    def admit(header: Header) -> bool:
        told.append(header.source)
        return admitted

    made: ProxyLayer[Any] = ProxyLayer(inside, admit, told.append)
    made.offered(10.0)
    return made, told


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_what_comes_behind_the_header(inside: Inside, size: int) -> None:
    proxied, told = layer(inside)
    assert proxied.deadline == 13.0
    data = LINE + b"A-ASSOCIATE-RQ"
    for start in range(0, len(data), size):
        proxied.fill(11.0)
        proxied.receive(memoryview(data)[start : start + size], 11.0)
    assert told == [("192.168.0.1", 56324)]
    assert inside.heard[0] == ("offered", 11.0)
    assert b"".join(each for each in inside.heard if isinstance(each, bytes)) == b"A-ASSOCIATE-RQ"
    assert (proxied.deadline, proxied.outbox) == (99.0, inside.outbox)
    inside.heard.clear()
    proxied.tick(12.0)
    proxied.fill(12.0)
    proxied.closed(12.0)
    assert inside.heard == ["tick", "fill", "closed"]


def test_refusals(inside: Inside) -> None:
    for data, admitted, why in (
        (b"\1\0", True, "no PROXY header"),
        (LINE, False, ("192.168.0.1", 56324)),
    ):
        proxied, told = layer(inside, admitted)
        proxied.receive(data, 11.0)
        proxied.receive(b"more", 11.0)
        assert (told, list(proxied.outbox), proxied.deadline) == ([why], [CLOSE], None)
    assert inside.heard == []


def test_a_header_that_drips(inside: Inside) -> None:
    """A byte a second does not extend the deadline, which is absolute."""
    proxied, told = layer(inside)
    for number in range(3):
        proxied.receive(LINE[number : number + 1], 10.0 + number)
    proxied.tick(12.9)
    assert told == []
    proxied.receive(LINE[3:], 13.0)
    assert (told, list(proxied.outbox)) == (["no PROXY header within 3 s"], [CLOSE])
    assert inside.heard == []


def test_a_proxy_that_leaves(inside: Inside) -> None:
    proxied, told = layer(inside)
    proxied.closed(11.0)
    assert (told, inside.heard, proxied.deadline) == ([], [], None)


# ---- the server ----


class Who(Verification):
    """Notes who asks."""

    def __init__(self) -> None:
        self.addresses: list[Any] = []

    def perform(self, operation: Operation) -> Any:
        self.addresses.append(operation.caller.address)
        return super().perform(operation)


@contextmanager
def proxy(port: int, header: bytes) -> Iterator[int]:
    """A proxy in front of a port, that takes one connection."""
    import threading

    with socket.create_server(("127.0.0.1", 0)) as listening:

        def pass_on(source: socket.socket, sink: socket.socket) -> None:
            try:
                while data := source.recv(65536):
                    sink.sendall(data)
                sink.shutdown(socket.SHUT_WR)
            except OSError:
                sink.close()

        def serve() -> None:
            ours, _ = listening.accept()
            with ours, socket.create_connection(("127.0.0.1", port)) as theirs:
                theirs.sendall(header)
                back = threading.Thread(target=pass_on, args=(theirs, ours))
                back.start()
                pass_on(ours, theirs)
                back.join()

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(5.0)


@pytest.mark.parametrize("header", [LINE, binary()])
def test_through_a_proxy(header: bytes) -> None:
    who = Who()
    with SCP("SCP", [who], proxy_networks=LOOPBACK).running() as running, proxy(running.port, header) as port:
        assert SCU("SCU").echo(Entity.local("SCP", port)) == 0x0000
    assert who.addresses == [("192.168.0.1", 56324) if header == LINE else ("192.0.2.1", 1111)]


def test_tls_through_a_proxy(tmp_path: Any) -> None:
    certificates = Certificates(tmp_path)
    ours = certificates.server
    server = server_context(
        certificate=ours.certificate_file,
        key=ours.key_file,
        ca_files=certificates.ca_files,
        client_certificate="ignore",
    )
    client = client_context(ca_files=certificates.ca_files)
    who = Who()
    scp = SCP("SCP", [who], proxy_networks=LOOPBACK, tls=server)
    with scp.running() as running, proxy(running.port, LINE) as port:
        scu = SCU("SCU", tls=client, server_hostname="localhost")
        assert scu.echo(Entity.local("SCP", port)) == 0x0000
    assert who.addresses == [("192.168.0.1", 56324)]


def test_a_health_check_is_the_proxys_own() -> None:
    who = Who()
    with (
        SCP("SCP", [who], proxy_networks=LOOPBACK, allowed_addresses=["10.0.0.0/8"]).running() as running,
        proxy(running.port, binary(0x20)) as port,
    ):
        assert SCU("SCU").echo(Entity.local("SCP", port)) == 0x0000
    assert [address[0] for address in who.addresses] == ["127.0.0.1"]


@pytest.mark.parametrize("header", [b"PROXY UNKNOWN\r\n", binary(family=0x00, addresses=b"")])
def test_an_unknown_source_is_judged_by_its_proxy(header: bytes) -> None:
    for allowed, answered in (("10.0.0.0/8", False), ("127.0.0.1", True)):
        scp = SCP("SCP", [Verification()], proxy_networks=LOOPBACK, allowed_addresses=[allowed])
        with scp.running() as running, proxy(running.port, header) as port:
            if answered:
                assert SCU("SCU").echo(Entity.local("SCP", port)) == 0x0000
                continue
            with pytest.raises(AssociationError):
                SCU("SCU").echo(Entity.local("SCP", port))


def test_a_source_that_may_not(caplog: pytest.LogCaptureFixture) -> None:
    scp = SCP("SCP", [Verification()], proxy_networks=LOOPBACK, allowed_addresses=["10.0.0.0/8"])
    with scp.running() as running, proxy(running.port, LINE) as port, pytest.raises(AssociationError):
        SCU("SCU").echo(Entity.local("SCP", port))
    assert "address-refused peer='192.168.0.1' proxy='127.0.0.1'" in caplog.text


def test_a_proxy_that_does_not_say(caplog: pytest.LogCaptureFixture) -> None:
    scp = SCP("SCP", [Verification()], proxy_networks=LOOPBACK)
    with scp.running() as running, pytest.raises(AssociationError):
        SCU("SCU").echo(running.entity)
    assert "proxy header refused" in caplog.text


def test_nobody_else_is_believed(caplog: pytest.LogCaptureFixture) -> None:
    scp = SCP("SCP", [Verification()])
    with scp.running() as running, proxy(running.port, LINE) as port, pytest.raises(AssociationError):
        SCU("SCU").echo(Entity.local("SCP", port))
    assert "association aborted" in caplog.text


def test_allowed_addresses(caplog: pytest.LogCaptureFixture) -> None:
    with SCP("SCP", [Verification()], allowed_addresses=["127.0.0.1"]).running() as running:
        assert SCU("SCU").echo(running.entity) == 0x0000
    scp = SCP("SCP", [Verification()], allowed_addresses=["10.0.0.0/8"])
    with scp.running() as running, pytest.raises(AssociationError):
        SCU("SCU").echo(running.entity)
    assert caplog.text.count("address-refused peer='127.0.0.1'") == 1


def test_networks() -> None:
    networks = Networks(["10.0.0.0/8", "2001:db8::/32", "192.0.2.1"])
    for host in ("10.1.2.3", "::ffff:10.1.2.3", "2001:db8::5", "192.0.2.1"):
        assert host in networks
    for host in ("11.1.2.3", "::ffff:11.1.2.3", "2001:db9::5", "192.0.2.2", "fe80::1%eth0"):
        assert host not in networks
    assert "127.0.0.1" not in Networks([])


@pytest.mark.parametrize("networks", ["10.0.0.0/8", ["10.0.0.1/8"], ["here"]])
def test_what_is_no_network(networks: Any) -> None:
    with pytest.raises(ValueError, match=r"network|bits|string"):
        Networks(networks)
    with pytest.raises(ValueError, match=r"network|bits|string"):
        SCP("SCP", proxy_networks=networks)
