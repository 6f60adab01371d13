"""What options of several tools do on the wire, in each that has them: transfer syntaxes, keys, TLS, address families.

The columns are those of DCMTK's manual pages and of PS3.6 Table A-1, typed by hand; `test_options` has the spellings.
"""

import json
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from bad_peers import LAST_OF_DATA_SET
from certificates import Certificates
from data_sets import BIG_ENDIAN, CT, DEFLATED, EXPLICIT, IMPLICIT
from dulcet.dimse import messages
from dulcet.dul import pdu
from dulcet.dul.items import ProposedContext
from dulcet.dul.transport.tls import server_context
from dulcet.services.entity import Entity
from dulcet.services.query.query import Query
from dulcet.services.query.retrieve import Retrieve
from dulcet.services.scp import SCP
from dulcet.services.scu import SCU
from dulcet.services.shutdown import Shutdown
from dulcet.services.storage.storage import Storage
from dulcet.services.verification import Verification
from ports import free_port
from tool_runs import LIMIT, Scripted, Tool, needs_ipv6, process, serving
from wire_peers import Wire, accepting, answering, message

pytestmark = pytest.mark.usefixtures("here")
JPEG_FAMILY = "1.2.840.10008.1.2.4."
KEYS = ("-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2")


class Row(NamedTuple):
    letter: str
    """Behind -x and +x."""
    own: tuple[str, ...]
    """The transfer syntaxes it is for."""
    rest: tuple[str, ...]
    """The uncompressed ones that -x? proposes besides."""
    query: bool = False
    """Whether the tools that query propose it for identifiers."""


ANY = (EXPLICIT, BIG_ENDIAN, IMPLICIT)
ROWS = (
    Row("=", (EXPLICIT,), (BIG_ENDIAN, IMPLICIT), query=True),
    Row("e", (EXPLICIT,), (BIG_ENDIAN, IMPLICIT), query=True),
    Row("b", (BIG_ENDIAN,), (EXPLICIT, IMPLICIT), query=True),
    Row("i", (IMPLICIT,), (), query=True),
    Row("d", (DEFLATED,), ANY, query=True),
    Row("s", (f"{JPEG_FAMILY}70",), ANY),
    Row("y", (f"{JPEG_FAMILY}50",), ANY),
    Row("x", (f"{JPEG_FAMILY}51",), ANY),
    Row("v", (f"{JPEG_FAMILY}90",), ANY),
    Row("w", (f"{JPEG_FAMILY}91",), ANY),
    Row("t", (f"{JPEG_FAMILY}80",), ANY),
    Row("u", (f"{JPEG_FAMILY}81",), ANY),
    Row("m", (f"{JPEG_FAMILY}100",), ()),
    Row("h", (f"{JPEG_FAMILY}101",), ()),
    Row("n", (f"{JPEG_FAMILY}102",), ()),
    Row("l", (f"{JPEG_FAMILY}103",), ()),
    Row("2", (f"{JPEG_FAMILY}104",), ()),
    Row("3", (f"{JPEG_FAMILY}105",), ()),
    Row("o", (f"{JPEG_FAMILY}106",), ()),
    Row("4", (f"{JPEG_FAMILY}107",), ()),
    Row("5", (f"{JPEG_FAMILY}108",), ()),
    Row("r", ("1.2.840.10008.1.2.5",), ANY),
)
QUERYING = {
    "findscu": "1.2.840.10008.5.1.4.1.2.2.1",
    "getscu": "1.2.840.10008.5.1.4.1.2.2.3",
    "movescu": "1.2.840.10008.5.1.4.1.2.2.2",
}
"""The tools that ask, and their SOP class of the Study Root."""


def named(rows: Sequence[Row]) -> list[Any]:
    return [pytest.param(row, id=row.letter) for row in rows]


# ---- what -x? proposes ----


def proposed(tool: Tool, *words: object) -> Sequence[ProposedContext]:
    """The presentation contexts of the A-ASSOCIATE-RQ that a command line leads to."""
    with Scripted([pdu.AssociateRJ(1, 1, 1).encode()]) as peer:
        assert tool(words[0], "127.0.0.1", peer.port, *words[1:]).code == 61
    request = pdu.decode(peer.heard[0])
    assert isinstance(request, pdu.AssociateRQ)
    return request.presentation_contexts


@pytest.mark.parametrize("row", named(ROWS))
def test_storescu_proposes(tool: Tool, files: list[Path], row: Row) -> None:
    contexts = proposed(tool, "storescu", f"-x{row.letter}", files[0])
    assert {each.abstract_syntax for each in contexts} == {CT}
    first, *others = (each.transfer_syntaxes for each in contexts)
    assert first == row.own
    assert [set(each) for each in others] == [set(row.rest)] * bool(row.rest)


@pytest.mark.parametrize("row", named([row for row in ROWS if row.query]))
@pytest.mark.parametrize("name", QUERYING)
def test_who_asks_proposes_for_identifiers(tool: Tool, name: str, row: Row) -> None:
    first, *others = proposed(tool, name, f"-x{row.letter}", *KEYS)
    assert (first.abstract_syntax, first.transfer_syntaxes) == (QUERYING[name], row.own + row.rest)
    assert all(each.transfer_syntaxes == ANY for each in others)


# ---- which identifier -k asks with ----

IDENTIFIER = (
    b"\x08\x00\x52\x00CS\x06\x00STUDY "
    b"\x20\x00\x0d\x00UI\x04\x001.2\0"
    b"\x40\x00\x75\x02SQ\x00\x00\x12\x00\x00\x00"
    b"\xfe\xff\x00\xe0\x0a\x00\x00\x00"
    b"\x40\x00\x01\x10SH\x02\x001 "
)
"""Query/Retrieve Level, Study Instance UID, and one item of Request Attributes Sequence with a Requested Procedure ID
(PS3.5 7.5.1), in Explicit VR Little Endian."""


@pytest.mark.parametrize(
    "key",
    ["RequestAttributesSequence[0].RequestedProcedureID=1", "(0040,0275)[0].(0040,1001)=1"],
    ids=["words", "tags"],
)
@pytest.mark.parametrize("name", QUERYING)
def test_a_path_is_a_key_alike(tool: Tool, name: str, key: str) -> None:
    heard: list[bytes] = []

    def hear(wire: Wire) -> None:
        accepting(wire)
        pdvs: list[pdu.PDV] = []
        while not pdvs or pdvs[-1].control != LAST_OF_DATA_SET:
            data = wire.receive()
            assert isinstance(data, pdu.PDataTF)
            pdvs += data.pdvs
        request: Any = messages.decode(pdvs[0].data)
        heard.append(b"".join(each.data for each in pdvs[1:]))
        wire.send(message(pdvs[0].context_id, request.response(0)))
        assert wire.receive() == pdu.ReleaseRQ()
        wire.send(pdu.ReleaseRP())

    with answering(hear) as peer:
        assert tool(name, peer.host, peer.port, *KEYS, "-k", key).code == 0
    assert heard == [IDENTIFIER]


# ---- what +x? accepts ----

EVERY = tuple(dict.fromkeys([IMPLICIT, BIG_ENDIAN, EXPLICIT, *(uid for row in reversed(ROWS) for uid in row.own)]))
"""Everything of the table, in another order."""


def accepted(peer: Entity) -> list[str | None]:
    """What an acceptor chooses of everything, of the uncompressed ones, and of two compressed ones alone."""
    choices = [EVERY, (IMPLICIT, BIG_ENDIAN, EXPLICIT), (f"{JPEG_FAMILY}50",), (f"{JPEG_FAMILY}70",)]
    with SCU("ME").associate(peer, [(CT, syntaxes) for syntaxes in choices]) as association:
        chosen = {each.id: each.transfer_syntax for each in association.agreement.contexts.values()}
    return [chosen.get(number) for number in (1, 3, 5, 7)]


def accepted_by_storescp(_tool: Tool, option: str) -> list[str | None]:
    with serving("storescp", option) as running:
        return accepted(running.entity)


def accepted_by_movescu(tool: Tool, option: str) -> list[str | None]:
    port = free_port()
    found: list[list[str | None]] = []

    def knock(_keys: object, _operation: object) -> list[Path]:
        found.append(accepted(Entity("MOVESCU", "127.0.0.1", port)))
        return []

    with SCP("PEER", [Retrieve(knock, {"MOVESCU": Entity("MOVESCU", "127.0.0.1", port)})]).running() as running:
        assert tool("movescu", option, "+P", port, "127.0.0.1", running.port, *KEYS).code == 0
    return found[0]


RECEIVERS = {"storescp": accepted_by_storescp, "movescu": accepted_by_movescu}


@pytest.mark.parametrize("row", named(ROWS))
@pytest.mark.parametrize("name", RECEIVERS)
def test_who_receives_accepts(tool: Tool, name: str, row: Row) -> None:
    plain = (row.own + row.rest)[0] if row.letter in "=ebi" else EXPLICIT
    jpeg = [uid if (uid,) == row.own else None for uid in (f"{JPEG_FAMILY}50", f"{JPEG_FAMILY}70")]
    assert RECEIVERS[name](tool, f"+x{row.letter}") == [row.own[0], plain, *jpeg]


@pytest.mark.parametrize("name", RECEIVERS)
def test_who_receives_accepts_everything(tool: Tool, name: str) -> None:
    first, *others = RECEIVERS[name](tool, "+xa")
    assert first not in ANY
    assert others == [EXPLICIT, f"{JPEG_FAMILY}50", f"{JPEG_FAMILY}70"]


def test_implicit_alone_is_implicit_alone(tool: Tool) -> None:
    """What +xi accepts has no other syntax behind it."""
    with serving("storescp", "+xi") as running, SCU("ME").associate(running.entity, [(CT, (EXPLICIT,))]) as association:
        assert not association.agreement.contexts


@pytest.mark.parametrize("row", named(ROWS))
def test_getscu_is_ready_for(tool: Tool, row: Row) -> None:
    """It receives over contexts of its own proposing: the preferred syntax, and apart from it the uncompressed ones."""
    first, *storage = proposed(tool, "getscu", f"+x{row.letter}", *KEYS)
    assert (first.abstract_syntax, first.transfer_syntaxes) == (QUERYING["getscu"], ANY)
    offered = [each.transfer_syntaxes for each in storage if each.abstract_syntax == CT]
    if row.letter in "=ebi":
        assert offered == [row.own + row.rest]
    else:
        assert offered == [row.own, ANY]


# ---- TLS ----


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


CALLERS = ("echoscu", "storescu", "dcmsend", *QUERYING, "termscu")
SERVERS = ("storescp", "dcmrecv", "qrscp")


def peer_of(caller: str, folder: Path, **options: Any) -> SCP:
    """Somebody for a calling tool to call: whom termscu can stop, the others can not."""
    station = {"MOVESCU": Entity("MOVESCU", "127.0.0.1", free_port())}
    services = [
        Verification(),
        Storage(folder / "archive"),
        Query(lambda _keys, _operation: []),
        Retrieve(lambda _keys, _operation: [], station),
    ]
    return SCP("ANY-SCP", [*services, Shutdown()] if caller == "termscu" else services, **options)


def call(tool: Tool, name: str, files: list[Path], *words: object) -> int:
    """The exit code of a calling tool, given something to do."""
    work = {"storescu": files, "dcmsend": files, **dict.fromkeys(QUERYING, KEYS)}
    return tool(name, *words, *work.get(name, ())).code


@pytest.mark.parametrize("name", CALLERS)
def test_each_caller_shows_its_certificate(
    tool: Tool, files: list[Path], tmp_path: Path, made: Certificates, name: str
) -> None:
    mine, ca = made.client, ("+cf", made.authority.certificate_file)
    context = server_context(
        certificate=made.server.certificate_file, key=made.server.key_file, ca_files=[made.authority.certificate_file]
    )
    with peer_of(name, tmp_path, tls=context).running() as running:
        peer = ("127.0.0.1", running.port)
        assert call(tool, name, files, "+tla", *ca, *peer) == 71
        assert call(tool, name, files, "+tls", mine.key_file, mine.certificate_file, *peer) == 71
        assert call(tool, name, files, "+tls", mine.key_file, mine.certificate_file, *ca, *peer) == 0


@pytest.mark.parametrize("name", SERVERS)
def test_each_server_shows_its_own_and_wants_the_callers(
    tool: Tool, tmp_path: Path, made: Certificates, name: str
) -> None:
    mine, theirs, ca = made.server, made.client, ("+cf", made.authority.certificate_file)
    words = [tmp_path / "archive"] if name == "qrscp" else []
    with serving(name, "-q", "+tls", mine.key_file, mine.certificate_file, *ca, *words) as running:
        caller = ("echoscu", "-aec", running.entity.title)
        peer = ("127.0.0.1", running.port)
        assert tool(*caller, "+tla", *ca, *peer).code == 71
        assert tool(*caller, "+tls", made.stranger.key_file, made.stranger.certificate_file, *ca, *peer).code == 71
        assert tool(*caller, "+tls", theirs.key_file, theirs.certificate_file, *ca, *peer).code == 0


# ---- IPv4 and IPv6 ----

FAMILIES = [("-i4", "4"), ("-i6", "6"), ("-i0", "46"), ("", "4")]
"""The option, and the families of addresses it is for; DCMTK's tools speak IPv4 where none is given."""
LOOPBACK = {"4": "127.0.0.1", "6": "::1"}


@needs_ipv6
@pytest.mark.parametrize("name", CALLERS)
def test_where_each_caller_calls(tool: Tool, files: list[Path], tmp_path: Path, name: str) -> None:
    for family, host in LOOPBACK.items():
        for option, families in FAMILIES:
            with peer_of(name, tmp_path).running(host) as running:
                code = call(tool, name, files, *filter(None, [option]), host, running.port)
            assert code == (0 if family in families else 60), (option, host)


def reached(port: int) -> str:
    """The families of addresses on which somebody listens."""
    found = ""
    for family, host in LOOPBACK.items():
        with suppress(ConnectionRefusedError), socket.create_connection((host, port), LIMIT):
            found += family
    return found


@needs_ipv6
@pytest.mark.parametrize(("option", "families"), FAMILIES)
@pytest.mark.parametrize("name", SERVERS)
def test_where_each_server_listens(tmp_path: Path, name: str, option: str, families: str) -> None:
    port = ["--port", 0, tmp_path / "archive"] if name == "qrscp" else ["-od", tmp_path, 0]
    with process(name, "--json", *filter(None, [option]), *port) as ran:
        assert ran.stdout is not None
        records = map(json.loads, ran.stdout)
        listening = next(each for each in records if each["record"] == "listening")
        assert reached(listening["port"]) == families


@needs_ipv6
@pytest.mark.parametrize(("option", "families"), FAMILIES)
def test_where_movescu_listens(tool: Tool, tmp_path: Path, option: str, families: str) -> None:
    port = free_port()
    found: list[str] = []

    def knock(_keys: object, _operation: object) -> list[Path]:
        found.append(reached(port))
        return []

    host = "::1" if option == "-i6" else "127.0.0.1"
    retrieve = Retrieve(knock, {"MOVESCU": Entity("MOVESCU", "127.0.0.1", port)})
    with SCP("PEER", [retrieve]).running(host) as running:
        assert tool("movescu", *filter(None, [option]), "+P", port, host, running.port, *KEYS).code == 0
    assert found == [families]
