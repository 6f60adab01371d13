"""Who may connect to storescp, dcmrecv and qrscp; and what the tools that call say of their user."""

from pathlib import Path

import pytest
from dulcet.acse.user_identity import Identified, Refused
from dulcet.dul.items import UserIdentity
from dulcet.dul.pdu import Abort, AssociateAC, AssociateRQ
from dulcet.services.errors import AssociationError, AssociationRejected
from dulcet.services.scp import SCP
from dulcet.services.scu import SCU
from dulcet.services.verification import Verification
from ports import free_port
from tool_runs import SERVERS, Tool, serving
from wire_peers import Caller

LOOPBACK = "127.0.0.0/8"
HEADER = b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 104\r\n"
"""What a proxy says in front: version 1 of the PROXY protocol."""


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def words(server: str, folder: Path) -> list[object]:
    return [folder] if server == "qrscp" else ["-od", folder]


@pytest.mark.parametrize(
    ("networks", "admitted"),
    [
        ([], True),
        ([LOOPBACK], True),
        (["127.0.0.1"], True),
        (["10.0.0.0/8", "127.0.0.1"], True),
        (["10.0.0.0/8", "192.0.2.0/24"], False),
        (["::1"], False),
    ],
)
def test_addresses(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], networks: list[str], admitted: bool
) -> None:
    allowed = [word for network in networks for word in ("--allow-address", network)]
    with serving(server, *allowed, *words(server, tmp_path)) as running:
        if admitted:
            assert SCU("ME").echo(running.entity) == 0
        else:
            with pytest.raises(AssociationError):
                SCU("ME").echo(running.entity)
    told = capsys.readouterr().err
    assert told == ("" if admitted else "W: address-refused peer=127.0.0.1\n")


@pytest.mark.parametrize(
    ("networks", "header", "answer"),
    [
        ([LOOPBACK], HEADER, AssociateAC),
        ([LOOPBACK], b"", type(None)),
        (["10.0.0.0/8"], b"", AssociateAC),
        (["10.0.0.0/8"], HEADER, Abort),
    ],
    ids=["believed", "says nothing", "none", "not believed"],
)
def test_a_proxy(
    server: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    networks: list[str],
    header: bytes,
    answer: type,
) -> None:
    proxies = [word for network in networks for word in ("--proxy-network", network)]
    with serving(server, "-v", *proxies, *words(server, tmp_path)) as running, Caller(running.port) as caller:
        caller.send(header)
        assert type(caller.associate(running.entity.title)) is answer
    peer = "peer=192.0.2.7 " if answer is AssociateAC and header else "127.0.0.1"
    assert peer in capsys.readouterr().err


def test_the_addresses_are_those_that_the_proxy_tells(server: str, tmp_path: Path) -> None:
    proxied = ["--proxy-network", LOOPBACK, "--allow-address"]
    for network, answer in (("192.0.2.0/24", AssociateAC), (LOOPBACK, type(None))):
        with serving(server, *proxied, network, *words(server, tmp_path)) as running, Caller(running.port) as caller:
            caller.send(HEADER)
            assert type(caller.associate(running.entity.title)) is answer


def test_calling_titles(server: str, tmp_path: Path) -> None:
    titles = ["--allow-calling-aetitle", "ME", "--allow-calling-aetitle", "YOU"]
    with serving(server, *titles, *words(server, tmp_path)) as running:
        assert SCU("ME").echo(running.entity) == SCU("YOU").echo(running.entity) == 0
        with pytest.raises(AssociationRejected) as rejected:
            SCU("THEM").echo(running.entity)
    assert (rejected.value.source, rejected.value.reason) == (1, 3)  # calling AE title not recognized


@pytest.mark.parametrize(
    ("words", "kind", "value"),
    [
        (["-usr", "me", "-pwd", "secret"], 2, b"me"),
        (["--jwt", "token"], 5, b"content"),
        (["--saml", "token"], 4, b"content"),
        (["-kt", "token"], 3, b"content"),
    ],
)
@pytest.mark.parametrize("name", ["echoscu", "storescu", "dcmsend", "findscu", "getscu", "movescu"])
def test_every_tool_that_calls_tells_its_user(
    tool: Tool, files: list[Path], here: Path, name: str, words: list[str], kind: int, value: bytes
) -> None:
    (here / "token").write_bytes(b"content")
    seen: list[UserIdentity] = []

    def judge(identity: UserIdentity, _request: AssociateRQ) -> Identified | Refused:
        seen.append(identity)
        return Refused("nobody may")

    work = files if name in ("storescu", "dcmsend") else [] if name == "echoscu" else ["-S", "-k", "StudyInstanceUID=1"]
    with SCP("ANY-SCP", [Verification()], user_identity=judge).running() as running:
        ran = tool(name, *words, "127.0.0.1", running.port, *work)
    assert ran.code == 61
    assert [(each.type, each.primary) for each in seen] == [(kind, value)]
    assert "secret" not in ran.out + ran.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file or directory"),
        (b"", "is empty (PS3.7 D.3.3.7.1)"),
        (bytes(1 << 20), "does not fit into its sub-item"),
    ],
)
@pytest.mark.parametrize("option", ["--jwt", "--saml", "-kt"])
def test_a_file_that_is_no_identity(tool: Tool, here: Path, option: str, content: bytes | None, said: str) -> None:
    if content is not None:
        (here / "token").write_bytes(content)
    ran = tool("echoscu", option, "token", "127.0.0.1", free_port())
    assert ran.code == 22
    assert ran.err.startswith("dulcet echoscu: token: ")
    assert said in ran.err
