"""TLS contexts by profile, and the TLS floor as dialogues between two of them with no network."""

import dataclasses
import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from certificates import Certificates
from dulcet.dul.primitives import ACCEPT, CLOSE, CONNECT, Transport
from dulcet.dul.transport.blocking import BlockingDriver
from dulcet.dul.transport.tls import PROFILES, TlsError, client_context, explain, peer, server_context
from dulcet.dul.transport.tls_layer import TlsLayer
from dulcet.dul.transport.tls_profiles import openssl_name
from transport_toys import Flood, Lines, flood_bytes

Context = Callable[..., ssl.SSLContext]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def serving(made: Certificates) -> Context:
    def context(**options: Any) -> ssl.SSLContext:
        who = options.pop("who", made.server)
        return server_context(
            **{"certificate": who.certificate_file, "key": who.key_file, "ca_files": made.ca_files} | options
        )

    return context


@pytest.fixture(scope="session")
def calling(made: Certificates) -> Context:
    def context(**options: Any) -> ssl.SSLContext:
        who = options.pop("who", made.client)
        files = {"certificate": who.certificate_file, "key": who.key_file} if who else {}
        return client_context(**{"ca_files": made.ca_files} | files | options)

    return context


class Pair:
    """A requestor and an acceptor behind their TLS floors, joined by nothing but `carry`."""

    def __init__(
        self,
        client: ssl.SSLContext,
        server: ssl.SSLContext,
        *,
        hostname: str = "localhost",
        piece: int = 1 << 18,
    ) -> None:
        self.requestor, self.acceptor = Lines(requestor=True, answers=False), Lines()
        self.client: TlsLayer[str] = TlsLayer(self.requestor, client, server_side=False, server_hostname=hostname)
        self.server: TlsLayer[str] = TlsLayer(self.acceptor, server, server_side=True)
        self.piece = piece
        self.sent: dict[TlsLayer[str], bytes] = {self.client: b"", self.server: b""}
        self.asked: dict[TlsLayer[str], list[Transport]] = {self.client: [], self.server: []}
        self.client.fill(0.0)
        self.now = 0.0
        assert self.client.outbox.popleft() is CONNECT
        self.server.offered(self.now)
        self.client.connected(self.now)
        self.carry()

    def carry(self) -> None:
        """Move bytes to and fro until both are silent."""
        while self._move(self.client, self.server) or self._move(self.server, self.client):
            continue

    def _move(self, source: TlsLayer[str], target: TlsLayer[str]) -> bool:
        source.fill(self.now)
        if not source.outbox:
            return False
        item = source.outbox.popleft()
        if isinstance(item, Transport):
            self.asked[source].append(item)
            if item is CLOSE:
                target.closed(self.now)
            return True
        self.sent[source] += item
        for start in range(0, len(item), self.piece):
            target.receive(memoryview(item)[start : start + self.piece], self.now)
        return True

    def talk(self) -> None:
        """One round trip: under TLS 1.3 a refused client hears of it only then."""
        self.requestor.say("hello")
        self.carry()


# The dialogue


@pytest.mark.parametrize("piece", [1, 7, 1 << 18])
def test_handshake_talk_and_close(calling: Context, serving: Context, piece: int) -> None:
    pair = Pair(calling(), serving(), piece=piece)
    assert pair.client.ready
    assert pair.server.ready
    assert pair.client.deadline is None
    assert (pair.requestor.heard, pair.acceptor.heard) == (["connected"], ["offered"])
    pair.talk()
    assert pair.acceptor.heard == ["offered", "hello"]
    assert pair.requestor.heard == ["connected", "echo hello"]
    assert b"hello" not in pair.sent[pair.client] + pair.sent[pair.server]
    pair.requestor.say("bye")
    pair.carry()
    assert pair.requestor.heard[-2:] == ["echo bye", "closed"]
    assert pair.asked[pair.server] == [ACCEPT, CLOSE]
    assert not pair.client.truncated
    assert pair.client.error is None


def test_what_is_known_of_the_peer(calling: Context, serving: Context, made: Certificates) -> None:
    pair = Pair(calling(), serving())
    assert pair.server.connection is not None
    known = peer(pair.server.connection)
    assert known.version == "TLSv1.3"
    assert known.alpn == "dicom"
    assert known.subject == "commonName=client"
    assert known.certificate
    assert known.cipher.startswith("TLS_")


def test_alpn_may_be_absent_but_not_invented(calling: Context, serving: Context) -> None:
    context = calling()
    context.set_alpn_protocols(["h2"])
    pair = Pair(context, serving())
    assert pair.server.connection is not None
    assert peer(pair.server.connection).alpn is None


def test_much_data_both_ways(calling: Context, serving: Context) -> None:
    pair = Pair(calling(), serving())
    line = "x" * 1_000_000
    pair.requestor.say(line)
    pair.carry()
    assert pair.requestor.heard[-1] == f"echo {line}"


def test_encryption_waits_for_room(calling: Context, serving: Context) -> None:
    """A flood is encrypted as the driver takes it, not all at once."""
    pair = Pair(calling(), serving())
    flood = Flood(8 << 20)
    flood.connected(0.0)
    pair.client.thing = flood
    pair.client.fill(0.0)
    assert len(pair.client.outbox) < 20
    pair.carry()
    assert pair.acceptor.heard[-1] == "closed"


def test_nothing_is_said_or_heard_before_the_handshake_is_finished(calling: Context) -> None:
    thing = Lines(requestor=True)
    layer: TlsLayer[str] = TlsLayer(thing, calling(), server_side=False, server_hostname="localhost")
    thing.say("secret")
    layer.connected(0.0)
    layer.fill(0.0)
    assert b"secret" not in b"".join(item for item in layer.outbox if not isinstance(item, Transport))
    assert thing.heard == []


# Refusals


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("who", [None, "stranger", "expired", "future", "server", "revoked"])
def test_client_certificate_refused(
    calling: Context, serving: Context, made: Certificates, newest: ssl.TLSVersion, who: str | None
) -> None:
    client = calling(who=getattr(made, who) if who else None)
    client.maximum_version = newest
    pair = Pair(client, serving(crl_files=[made.revocations]))
    pair.talk()
    assert pair.server.error is not None
    assert pair.acceptor.heard == []
    assert pair.requestor.heard[-1] == "closed"
    assert pair.client.error is not None
    assert "certificate" in str(pair.server.error)
    assert "echo hello" not in pair.requestor.heard


def test_a_refused_client_gets_time_to_read_the_alert(calling: Context, serving: Context) -> None:
    pair = Pair(calling(who=None), serving())
    pair.talk()
    assert "requires a certificate" in str(pair.client.error)
    lingering: TlsLayer[str] = TlsLayer(Lines(), serving(), server_side=True)
    lingering.offered(0.0)
    for item in (bytes([22, 3, 1, 0, 4]), b"junk"):
        lingering.receive(item, 0.5)
    assert lingering.error is not None
    assert CLOSE not in lingering.outbox
    assert lingering.receive(b"more", 0.6) == []
    assert lingering.deadline == 1.5
    lingering.tick(1.5)
    assert lingering.outbox[-1] is CLOSE


@pytest.mark.parametrize(("mode", "who"), [("ignore", None), ("verify", None), ("ignore", "stranger")])
def test_client_certificate_not_needed(
    calling: Context, serving: Context, made: Certificates, mode: str, who: str | None
) -> None:
    pair = Pair(calling(who=getattr(made, who) if who else None), serving(client_certificate=mode))
    pair.talk()
    assert pair.requestor.heard[-1] == "echo hello"


@pytest.mark.parametrize(
    ("who", "hostname", "why"),
    [
        ("expired", "localhost", "certificate has expired"),
        ("future", "localhost", "not yet valid"),
        ("stranger", "localhost", "unable to get local issuer certificate"),
        ("client", "localhost", "purpose"),
        ("server", "elsewhere", "Hostname mismatch"),
    ],
)
def test_server_certificate_refused(
    calling: Context, serving: Context, made: Certificates, who: str, hostname: str, why: str
) -> None:
    pair = Pair(calling(), serving(who=getattr(made, who)), hostname=hostname)
    assert pair.requestor.heard == ["closed"]
    assert why in str(pair.client.error)
    assert pair.acceptor.heard == []
    assert pair.server.error is not None


def test_verification_can_be_given_up(serving: Context, made: Certificates) -> None:
    context = client_context(verify=False)
    pair = Pair(context, serving(who=made.expired, client_certificate="ignore"), hostname="elsewhere")
    pair.talk()
    assert pair.requestor.heard[-1] == "echo hello"
    named = client_context(ca_files=made.ca_files, check_hostname=False)
    assert Pair(named, serving(client_certificate="ignore"), hostname="elsewhere").client.ready


def test_strict_certificates(calling: Context, serving: Context) -> None:
    assert Pair(calling(strict=True), serving(strict=True)).server.ready


def test_server_name_expected(calling: Context, serving: Context) -> None:
    server = serving(expect_server_name="localhost")
    assert Pair(calling(), server).server.ready
    refused = Pair(calling(check_hostname=False), server, hostname="elsewhere")
    assert "server name" in str(refused.client.error)
    assert "server name" in str(refused.server.error)


def test_old_versions_are_refused(calling: Context, serving: Context) -> None:
    pair = Pair(calling(profile="aes"), serving())
    assert pair.server.error is not None
    assert "cipher suite in common" in str(pair.server.error)
    old = calling(profile="bcp195")
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    assert "TLS versions" in str(Pair(old, serving()).server.error)


@pytest.mark.parametrize("first", [b"\x01\x00\x00\x00\x00\x04abcd", b"GET / HTTP/1.1\r\n"])
def test_plaintext_on_the_tls_port(serving: Context, first: bytes) -> None:
    thing = Lines()
    layer: TlsLayer[str] = TlsLayer(thing, serving(), server_side=True)
    layer.offered(0.0)
    assert layer.receive(first, 0.1) == []
    assert "where TLS was expected" in str(layer.error)
    assert list(layer.outbox) == [CLOSE]
    assert thing.heard == []
    assert layer.receive(first, 0.2) == []
    assert layer.closed(0.3) == []


def test_plaintext_from_the_called_port(calling: Context) -> None:
    thing = Lines(requestor=True)
    layer: TlsLayer[str] = TlsLayer(thing, calling(), server_side=False, server_hostname="localhost")
    layer.connected(0.0)
    assert layer.receive(b"\x07\x00\x00\x00\x00\x04\x00\x00\x02\x02", 0.1) == ["closed"]
    assert "DICOM PDU of type 07H" in str(layer.error)


# Time, and ends


def test_handshake_deadline_is_absolute(calling: Context, serving: Context) -> None:
    """A ClientHello that drips in is cut off when the time is up, not ten seconds after its last byte."""
    client: TlsLayer[str] = TlsLayer(Lines(), calling(), server_side=False, server_hostname="localhost")
    client.connected(0.0)
    hello = client.outbox.popleft()
    assert isinstance(hello, bytes)
    thing = Lines()
    layer: TlsLayer[str] = TlsLayer(thing, serving(), server_side=True, handshake_seconds=10.0)
    layer.offered(0.0)
    assert layer.deadline == 10.0
    for number in range(100):
        layer.receive(hello[number : number + 1], number / 9)
    assert "no TLS handshake within 10 s" in str(layer.error)
    assert list(layer.outbox) == [CLOSE]
    assert thing.heard == []


def test_silent_server(calling: Context) -> None:
    thing = Lines(deadline=20.0)
    layer: TlsLayer[str] = TlsLayer(thing, calling(), server_side=False, server_hostname="localhost")
    layer.connected(0.0)
    assert layer.deadline == 10.0
    assert layer.tick(10.0) == ["closed"]


def test_the_thing_keeps_its_own_time(calling: Context, serving: Context) -> None:
    pair = Pair(calling(), serving())
    pair.requestor.deadline = 5.0
    assert pair.client.deadline == 5.0
    assert pair.client.tick(4.0) == []
    assert pair.client.tick(5.0) == ["due"]


def test_end_of_file_in_the_handshake(calling: Context, serving: Context) -> None:
    for server_side, context, heard in ((True, serving(), []), (False, calling(), ["closed"])):
        layer: TlsLayer[str] = TlsLayer(Lines(), context, server_side=server_side, server_hostname="localhost")
        layer.offered(0.0) if server_side else layer.connected(0.0)
        assert layer.closed(1.0) == heard
        assert "closed in the TLS handshake" in str(layer.error)
        assert layer.closed(1.0) == []


def test_no_connection_at_all(calling: Context) -> None:
    layer: TlsLayer[str] = TlsLayer(Lines(), calling(), server_side=False, server_hostname="localhost")
    assert layer.closed(1.0) == ["closed"]
    assert layer.error is None
    assert layer.connection is None


def test_truncation(calling: Context, serving: Context) -> None:
    pair = Pair(calling(), serving())
    assert pair.server.closed(1.0) == ["closed"]
    assert pair.server.truncated


def test_a_damaged_record(calling: Context, serving: Context) -> None:
    pair = Pair(calling(), serving())
    pair.requestor.say("hello")
    pair.client.fill(0.0)
    record = pair.client.outbox.popleft()
    assert isinstance(record, bytes)
    assert pair.server.receive(record[:-1] + bytes([record[-1] ^ 1]), 1.0) == ["closed"]
    assert "damaged" in str(pair.server.error)
    assert pair.server.outbox[-1] is CLOSE
    pair.carry()
    assert pair.client.error is not None


@pytest.mark.parametrize("started", [False, True])
def test_closing_before_the_handshake_is_finished(calling: Context, started: bool) -> None:
    thing = Lines(requestor=True)
    layer: TlsLayer[str] = TlsLayer(thing, calling(), server_side=False, server_hostname="localhost")
    if started:
        layer.connected(0.0)
    thing.outbox.append(CLOSE)
    layer.fill(0.1)
    assert layer.outbox[-1] is CLOSE
    assert layer.deadline is None


def test_impossible_server_name(calling: Context) -> None:
    layer: TlsLayer[str] = TlsLayer(Lines(), calling(), server_side=False, server_hostname=".bad")
    assert layer.connected(0.0) == ["closed"]
    assert layer.error is not None


# Profiles


@pytest.mark.parametrize("name", [name for name, profile in PROFILES.items() if not profile.refused])
def test_profiles_that_are_offered(calling: Context, serving: Context, made: Certificates, name: str) -> None:
    pair = Pair(calling(profile=name), serving(profile=name, who=made.rsa))
    pair.talk()
    assert pair.requestor.heard[-1] == "echo hello"


@pytest.mark.parametrize(("name", "why"), [("basic", "Triple DES"), ("+pn", "encrypts nothing"), ("x", "there are")])
def test_profiles_that_are_not(name: str, why: str) -> None:
    with pytest.raises(TlsError, match=why):
        client_context(profile=name, verify=False)


@pytest.mark.parametrize("name", ["+pg", "8996", "--profile-8996", "bcp195-8996"])
def test_names_of_the_default_profile(name: str) -> None:
    context = client_context(profile=name, verify=False)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    older = [cipher["name"] for cipher in context.get_ciphers() if cipher["protocol"] != "TLSv1.3"]
    assert sorted(older) == [
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES256-GCM-SHA384",
    ]


def test_extended_profile_is_tls_1_2_only(calling: Context, serving: Context) -> None:
    pair = Pair(calling(), serving(profile="bcp195-ext"))
    assert pair.client.connection is not None
    assert pair.client.connection.version() == "TLSv1.2"


@pytest.mark.parametrize(
    ("suite", "name"),
    [
        ("TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA"),
        ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
        ("TLS_DHE_RSA_WITH_AES_128_CBC_SHA256", "DHE-RSA-AES128-SHA256"),
        ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"),
        ("AES128-SHA", "AES128-SHA"),
    ],
)
def test_more_cipher_suites(suite: str, name: str) -> None:
    assert openssl_name(suite) == name
    context = client_context(verify=False, ciphers=[suite])
    assert name in {cipher["name"] for cipher in context.get_ciphers()}


def test_unknown_cipher_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROFILES, "empty", dataclasses.replace(PROFILES["aes"], name="empty", ciphers=("X",)))
    with pytest.raises(TlsError, match="none of the cipher suites"):
        client_context(verify=False, profile="empty")
    with pytest.raises(TlsError, match="TLS_RSA_WITH_3DES_EDE_CBC_SHA"):
        client_context(verify=False, ciphers=["TLS_RSA_WITH_3DES_EDE_CBC_SHA"])


# Files


def test_locked_key(made: Certificates) -> None:
    files: dict[str, Any] = {
        "certificate": made.server.certificate_file,
        "key": made.locked_key,
        "ca_files": made.ca_files,
    }
    assert server_context(**files, password="secret")  # noqa: S106  # no secret
    for wrong in ("", "wrong"):
        with pytest.raises(TlsError, match="password"):
            server_context(**files, password=wrong)


def test_bad_files(made: Certificates, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    with pytest.raises(TlsError, match="does not belong"):
        client_context(certificate=made.client.certificate_file, key=made.server.key_file, ca_files=made.ca_files)
    with pytest.raises(TlsError, match="No such file"):
        client_context(certificate=tmp_path / "missing.pem", ca_files=made.ca_files)
    with pytest.raises(TlsError, match="no certificate"):
        client_context(ca_files=[empty])
    with pytest.raises(TlsError, match="missing: no such directory"):
        client_context(ca_dirs=[tmp_path / "missing"])
    with pytest.raises(TlsError, match="nothing could be verified"):
        client_context()


def test_authorities_in_a_folder(serving: Context, made: Certificates, tmp_path: Path) -> None:
    assert client_context(ca_dirs=[tmp_path]).verify_mode == ssl.CERT_REQUIRED


def test_explain_says_something_about_anything() -> None:
    assert explain(ValueError("odd")) == "odd"
    assert explain(KeyboardInterrupt()) == "KeyboardInterrupt"
    assert explain(OSError(2, "No such file")) == "No such file"
    assert explain(ssl.SSLError(1, "[X] y")) == "[X] y"


# Over sockets


@pytest.fixture
def standard_server(serving: Context) -> Iterator[int]:
    """Python's own TLS sockets at the other end: one connection, one line echoed, then a flood."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        sock, _ = listening.accept()
        with sock, serving().wrap_socket(sock, server_side=True) as secure:
            secure.sendall(b"echo " + secure.recv(100))
            received = bytearray()
            while data := secure.recv(1 << 16):
                received += data
            assert received == flood_bytes(8 << 20)

    thread = threading.Thread(target=serve)
    thread.start()
    yield listening.getsockname()[1]
    thread.join(10)
    listening.close()
    assert not thread.is_alive()


def test_blocking_driver_with_another_implementation(calling: Context, standard_server: int) -> None:
    thing = Lines(requestor=True, answers=False)
    address = ("127.0.0.1", standard_server)
    with BlockingDriver(thing, address, tls=calling()) as driver:
        thing.say("hello")
        while thing.heard[-1:] != ["echo hello"]:
            driver.turn(10)
        flood = Flood(8 << 20)
        flood.connected(0.0)
        assert driver.tls is not None
        driver.tls.thing = flood
        while driver.open:
            driver.turn(10)
        assert driver.error is None


@pytest.mark.parametrize("fault", ["plain", "expired"])
def test_blocking_driver_says_why(calling: Context, serving: Context, made: Certificates, fault: str) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    heard: list[str] = []

    def serve() -> None:
        sock, _ = listening.accept()
        tls = serving(who=made.expired) if fault == "expired" else None
        with BlockingDriver.over(Lines(), sock, tls=tls) as driver:
            while driver.open and driver.tls is not None:
                heard.extend(driver.turn(10))
            if driver.tls is None:
                driver.turn(10)
                driver.thing.outbox.append(b"\x07\0\0\0\0\x04\0\0\2\2")
                driver.turn(0)

    thread = threading.Thread(target=serve)
    thread.start()
    with listening, BlockingDriver(Lines(requestor=True), listening.getsockname(), tls=calling()) as driver:
        caused = driver.turn(10)
        while driver.open:
            caused += driver.turn(10)
        assert caused == ["closed"]
        assert isinstance(driver.error, TlsError)
        assert ("expired" if fault == "expired" else "plain DICOM") in str(driver.error)
    thread.join(10)
    assert heard == []


def test_a_damaged_record_behind_good_ones_ends_the_connection(calling: Context, serving: Context) -> None:
    """What came before it is heard; OpenSSL takes no answer any more, and `receive` must not raise for that."""
    pair = Pair(calling(), serving())
    pair.requestor.say("hello")
    pair.requestor.say("bye")
    pair.client.fill(0.0)
    record = pair.client.outbox.popleft()
    assert isinstance(record, bytes)
    damaged = bytes([23, 3, 3, 0, 32]) + bytes(32)
    assert pair.server.receive(record + damaged, 1.0) == ["hello", "bye", "closed"]
    assert "damaged" in str(pair.server.error)
    pair.server.fill(1.0)
    assert [item for item in pair.server.outbox if isinstance(item, Transport)] == [CLOSE]


def test_a_thing_that_closed_does_not_hear_of_the_peers_close(calling: Context, serving: Context) -> None:
    pair = Pair(calling(), serving())
    pair.requestor.say("bye")
    pair.requestor.outbox.append(CLOSE)
    pair.client.fill(0.0)
    *said, close = pair.client.outbox
    assert close is CLOSE
    everything = b"".join(item for item in said if not isinstance(item, Transport))
    assert pair.server.receive(everything, 1.0) == ["bye"]
    assert [item for item in pair.server.outbox if isinstance(item, Transport)] == [CLOSE]


def test_a_handshake_fails_once_however_much_comes_with_it(calling: Context) -> None:
    thing = Lines()
    layer: TlsLayer[str] = TlsLayer(thing, calling(), server_side=False, server_hostname="localhost")
    layer.connected(0.0)
    assert layer.receive(bytes([22, 3, 1, 0, 4]) + b"junk" * 100_000, 0.5) == ["closed"]
    assert [item for item in layer.outbox if isinstance(item, Transport)] == [CLOSE]
    assert layer.receive(b"", 0.5) == []
