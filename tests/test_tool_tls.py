"""TLS on the command line: every option of its group acts, and whatever fails ends with 71."""

import getpass
import io
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from certificates import Certificates
from dulcet.services.scp import SCP
from dulcet.services.verification import Verification
from dulcet.tools import tls
from dulcet.tools.options.command_line import parse
from tool_runs import LIMIT, Ran, Tool, serving


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def pair(made: Certificates, tool: Tool, tmp_path: Path) -> "Pair":
    return Pair(made, tool, tmp_path)


class Pair:
    """An echoscu and a storescp, each with its TLS options."""

    def __init__(self, made: Certificates, tool: Tool, directory: Path) -> None:
        self._tool, self._directory = tool, directory
        ca = ["+cf", made.authority.certificate_file]
        self.client: list[object] = ["+tls", made.client.key_file, made.client.certificate_file, *ca]
        self.server: list[object] = ["+tls", made.server.key_file, made.server.certificate_file, *ca]

    def __call__(self, client: list[object] | None = None, server: list[object] | None = None) -> Ran:
        server = self.server if server is None else server
        with serving("storescp", "-q", "-od", self._directory, *server) as running:
            return self._tool("echoscu", *(self.client if client is None else client), "127.0.0.1", running.port)


def test_mutual_authentication(pair: Pair) -> None:
    assert pair().code == 0
    assert pair([*pair.client, "-rc", "-pem", "--no-sni"], [*pair.server, "-rc"]).code == 0


def test_no_tls_is_the_default_and_can_be_had_back(pair: Pair) -> None:
    assert pair([*pair.client, "-tls"], [*pair.server, "-tls"]).code == 0


def test_one_end_alone(pair: Pair) -> None:
    ran = pair(server=[])
    assert ran.code == 71
    assert "plain DICOM" in ran.err or "may not speak TLS" in ran.err
    ran = pair(client=[])
    assert ran.code == 73
    assert "without an answer to A-ASSOCIATE-RQ; is this a port for TLS?" in ran.err


def test_a_peer_that_closes(tool: Tool, pair: Pair) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closing = threading.Thread(target=lambda: listener.accept()[0].close(), daemon=True)
        closing.start()
        assert tool("echoscu", *pair.client, "127.0.0.1", listener.getsockname()[1]).code == 71
        closing.join(LIMIT)


def test_anonymous_clients(pair: Pair, made: Certificates) -> None:
    anonymous: list[object] = ["+tla", "+cf", made.authority.certificate_file]
    ran = pair(anonymous)
    assert ran.code == 71
    assert pair(anonymous, [*pair.server, "-vc"]).code == 0
    assert pair(anonymous, [*pair.server, "-ic"]).code == 0
    assert pair(["+tla", "-ic"], [*pair.server, "-ic"]).code == 0
    assert pair(["+tla"], [*pair.server, "-ic"]).code == 71  # whom should it trust?


def test_strangers(pair: Pair, made: Certificates) -> None:
    stranger: list[object] = ["+tls", made.stranger.key_file, made.stranger.certificate_file, *pair.client[3:]]
    assert pair(stranger).code == 71
    assert pair(stranger, [*pair.server, "-vc"]).code == 71
    assert pair(stranger, [*pair.server, "-ic"]).code == 0
    assert pair([*pair.client[:3], "+cf", made.stranger_authority.certificate_file]).code == 71
    assert pair([*pair.client[:3], "-ic"]).code == 0


def test_authorities_in_a_directory(pair: Pair, made: Certificates, tmp_path: Path) -> None:
    pem = made.authority.certificate_file
    name = subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", pem], capture_output=True, text=True, check=True
    )
    (tmp_path / "cas").mkdir()
    (tmp_path / "cas" / f"{name.stdout.strip()}.0").write_bytes(pem.read_bytes())
    assert pair([*pair.client[:3], "+cd", tmp_path / "cas"]).code == 0


def test_revoked_certificates(pair: Pair, made: Certificates) -> None:
    server: list[object] = ["+tls", made.revoked.key_file, made.revoked.certificate_file, *pair.server[3:]]
    assert pair(server=server).code == 0
    assert pair([*pair.client, "+crl", made.revocations], server).code == 71
    assert pair([*pair.client, "+cra", "+crl", made.revocations], server).code == 71
    assert pair([*pair.client, "+crl", made.revocations]).code == 0
    assert pair([*pair.client, "+crv"]).code == 71  # asked to check against a list, and given none


def test_how_far_revocation_is_checked(made: Certificates) -> None:
    for words, flags in [
        ([], 0),
        (["+crv"], ssl.VERIFY_CRL_CHECK_LEAF),
        (["+cra"], ssl.VERIFY_CRL_CHECK_CHAIN),
        (["+cra", "+crl", made.revocations], ssl.VERIFY_CRL_CHECK_CHAIN),
    ]:
        given = ["+tla", "+cf", made.authority.certificate_file, *words, "h", "1"]
        context = tls.requestor_context(parse("echoscu", list(map(str, given))))
        assert context.verify_flags & ssl.VERIFY_CRL_CHECK_CHAIN == flags


def test_server_names(pair: Pair) -> None:
    assert pair([*pair.client, "--request-sni", "localhost"]).code == 0
    ran = pair([*pair.client, "--request-sni", "pacs.example.org"])
    assert ran.code == 71
    assert "pacs.example.org" in ran.err
    expecting = [*pair.server, "--expect-sni", "localhost"]
    assert pair([*pair.client, "--request-sni", "localhost"], expecting).code == 0
    assert pair(pair.client, expecting).code == 71
    assert pair([*pair.client, "-ic", "--request-sni", "other"], expecting).code == 71


def test_no_name_is_sent_unless_asked_for(tool: Tool, made: Certificates, pair: Pair) -> None:
    names: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.server.certificate_file, made.server.key_file)
    context.sni_callback = lambda _connection, name, _context: names.append(name)
    with SCP("PEER", [Verification()], tls=context).running() as running:
        for words in ([], ["--no-sni"], ["--request-sni", "localhost"]):
            assert tool("echoscu", *pair.client, *words, "-i4", "localhost", running.port).code == 0
    assert names == [None, None, "localhost"]


@pytest.mark.parametrize("flag", ["+pg", "+pm", "+py", "+px", "+pz", "+pa"])
def test_profiles(pair: Pair, flag: str, made: Certificates) -> None:
    rsa: list[object] = ["+tls", made.rsa.key_file, made.rsa.certificate_file, *pair.server[3:], flag]
    assert pair([*pair.client, flag], rsa).code == 0


@pytest.mark.parametrize(("flag", "reason"), [("+pb", "Triple DES"), ("+pn", "encrypts nothing")])
def test_profiles_that_are_refused(pair: Pair, flag: str, reason: str) -> None:
    ran = pair([*pair.client, flag])
    assert ran.code == 71
    assert reason in ran.err


def test_ciphers(pair: Pair) -> None:
    assert pair([*pair.client, "+cs", "TLS_RSA_WITH_AES_128_CBC_SHA"]).code == 0
    ran = pair([*pair.client, "+cs", "TLS_OF_OLD"])
    assert ran.code == 71
    assert "TLS_OF_OLD" in ran.err


def test_files_that_are_not_there(pair: Pair) -> None:
    for client in (
        ["+tls", "/nowhere/key", *pair.client[2:]],
        [*pair.client[:2], "/nowhere/certificate", *pair.client[3:]],
        [*pair.client, "+cf", "/nowhere/ca"],
        [*pair.client, "+crl", "/nowhere/crl"],
    ):
        ran = pair(client)
        assert ran.code == 71, client
        assert "/nowhere/" in ran.err


class Keyboard(io.StringIO):
    """A terminal to type at."""

    def isatty(self) -> bool:
        return True


def locked(made: Certificates, pair: Pair) -> list[object]:
    return ["+tls", made.locked_key, made.server.certificate_file, *pair.server[3:]]


def test_passwords_on_the_command_line(pair: Pair, made: Certificates) -> None:
    assert pair(server=[*locked(made, pair), "+pw", "secret"]).code == 0
    client = locked(made, pair)
    for words, said in [(["+pw", "wrong"], "wrong password"), (["-pw"], "wrong password")]:
        ran = pair([*client, *words])
        assert ran.code == 71
        assert said in ran.err
        assert "secret" not in ran.err


@pytest.mark.parametrize("words", [[], ["+ps"]])
def test_passwords_asked_for(
    pair: Pair, made: Certificates, monkeypatch: pytest.MonkeyPatch, words: list[object]
) -> None:
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return "secret"

    monkeypatch.setattr(getpass, "getpass", answer)
    monkeypatch.setattr(sys, "stdin", Keyboard())
    client: list[object] = ["+tls", made.client.key_file, made.client.certificate_file, *pair.client[3:], *words]
    assert pair(client).code == 0
    assert asked == []  # that key has none
    assert pair(client, [*locked(made, pair), *words]).code == 0
    assert asked == [f"password of the key {made.locked_key}: "]


def test_nobody_there_to_be_asked(pair: Pair, made: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    ran = pair([*locked(made, pair), "+ps"])
    assert ran.code == 71
    assert "is encrypted: give its password with +pw" in ran.err


@pytest.mark.parametrize("name", ["echoscu", "storescu", "storescp", "termscu"])
def test_lists(tool: Tool, name: str) -> None:
    ran = tool(name, "+ph")
    assert (ran.code, ran.err) == (0, "")
    flags = [line.split()[0] for line in ran.out.splitlines()]
    assert flags == ["+pg", "+pm", "+py", "+pz", "+px", "+pa", "+pb", "+pn"]
    assert "refused: it encrypts nothing" in ran.out
    ran = tool(name, "--list-ciphers")
    assert (ran.code, ran.err) == (0, "")
    offered, others = ran.out.split("+cs can add:\n")
    assert "ECDHE-RSA-AES128-GCM-SHA256 (TLSv1.2)" in offered
    assert "AES128-SHA" not in offered
    assert "  AES128-SHA\n" in others
    assert "  AES128-SHA (" in tool(name, "+cc", "+tls", "k", "c", "+cs", "AES128-SHA").out
    assert tool(name, "+cc", "+pb").code == 71


def test_the_server_too(tool: Tool, made: Certificates, tmp_path: Path) -> None:
    ran = tool("storescp", "--json", "-od", tmp_path, "+tls", "/nowhere/key", made.server.certificate_file, 0)
    assert (ran.code, ran.summary["exit_code"]) == (71, 71)
    ran = tool("storescp", "-od", tmp_path, "+tls", made.server.key_file, made.server.certificate_file, 0)
    assert ran.code == 71
    assert "no certification authority" in ran.err


@pytest.mark.parametrize(
    ("name", "words", "why"),
    [
        ("client", [], ""),
        ("stranger", [], "unable to get local issuer certificate"),
        ("expired", [], "certificate has expired"),
        ("future", [], "certificate is not yet valid"),
        ("server", [], "unsuitable certificate purpose"),
        ("rsa", ["-ca"], "unable to get local issuer certificate"),
        ("client", ["+crl"], ""),
        ("client", ["+cra", "+crl"], ""),
        ("client", ["+crv"], "unable to get certificate CRL"),
    ],
)
def test_would_a_certificate_be_accepted(tool: Tool, made: Certificates, name: str, words: list[str], why: str) -> None:
    path = getattr(made, name).certificate_file
    given: list[object] = ["+vc", path]
    given += [] if "-ca" in words else ["+cf", made.authority.certificate_file]
    given += [word for word in words if word in ("+crv", "+cra")]
    given += ["+crl", made.revocations] if "+crl" in words else []
    ran = tool("echoscu", *given)
    assert ran.code == (22 if why else 0), ran
    assert ran.out.startswith(f"{path} would {'not ' if why else ''}be accepted")
    assert why in ran.out
    assert tool("echoscu", "--json", *given).summary["exit_code"] == ran.code


def test_a_directory_of_authorities(tool: Tool, made: Certificates, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(made.authority.certificate_file.read_bytes())
    subprocess.run(["openssl", "rehash", tmp_path], check=True, timeout=LIMIT)
    assert tool("echoscu", "+vc", made.client.certificate_file, "+cd", tmp_path).code == 0
    assert tool("echoscu", "+vc", made.stranger.certificate_file, "+cd", tmp_path).code == 22


def test_several_authorities(tool: Tool, made: Certificates) -> None:
    both = ["+cf", made.stranger_authority.certificate_file, "+cf", made.authority.certificate_file]
    assert tool("echoscu", "+vc", made.client.certificate_file, *both).code == 0
    assert tool("echoscu", "+vc", made.stranger.certificate_file, *both).code == 0


def test_is_it_a_root_authority_s(tool: Tool, made: Certificates, tmp_path: Path) -> None:
    root = made.authority.certificate_file
    assert tool("echoscu", "+rc", root) == Ran(0, f"{root} is that of a root authority\n", "")
    ran = tool("echoscu", "+rc", made.client.certificate_file)
    assert (ran.code, "is not that of a root authority: it is not an authority's" in ran.out) == (22, True)
    ran = tool("echoscu", "+rc", made.intermediate.certificate_file)
    assert (ran.code, "somebody else issued it" in ran.out) == (22, True)


@pytest.mark.parametrize("word", ["+vc", "+rc"])
def test_what_is_no_certificate(
    tool: Tool, made: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    ran = tool("echoscu", word, tmp_path / "missing.pem")
    assert (ran.code, ran.err) == (22, f"dulcet echoscu: {tmp_path}/missing.pem: No such file or directory\n")
    ran = tool("echoscu", word, made.client.key_file)
    assert (ran.code, ran.err) == (22, f"dulcet echoscu: {made.client.key_file}: holds no certificate (PEM)\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    ran = tool("echoscu", word, made.authority.certificate_file)
    assert ran.code == 1
    assert "openssl is not installed" in ran.err
