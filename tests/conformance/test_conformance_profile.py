"""`probe` and `peer.toml`: known peers are measured, what was written is read back, and files that are none."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from dulcet.acse.association import Timeouts
from dulcet.services.scp import SCP
from dulcet.services.verification import Verification
from dulcet.tools.conformance import command, frames
from dulcet.tools.conformance.commands import response
from dulcet.tools.conformance.exits import Exit
from dulcet.tools.conformance.probe import measure
from dulcet.tools.conformance.profile import NEEDS, Profile, load, text
from dulcet.tools.conformance.reading import read
from dulcet.tools.conformance.settings import Settings
from dulcet.tools.exit_codes import Failure
from dulcet.tools.log import Log
from hypothesis import given
from hypothesis import strategies as st
from peers import acceptor, read_pdu

from dulcet import Storage

# ---- measured ----


@contextmanager
def archive(folder: Path, artim: float) -> Iterator[int]:
    scp = SCP("ARCHIVE", [Verification(), Storage(folder)], timeouts=Timeouts(artim=artim), log=Log("fatal"))
    with scp.running(port=0) as running:
        yield running.port


def test_a_peer_is_measured_and_its_profile_read_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file that `probe -o` writes is the profile that a run reads."""
    path = tmp_path / "peer.toml"
    with archive(tmp_path / "store", 0.7) as port:
        words = ["probe", "127.0.0.1", str(port), "--called", "ARCHIVE", "-o", str(path), "--wait-artim", "10"]
        assert command.main(words) == Exit.PASSED
    assert capsys.readouterr().out == ""
    found = load(path)
    assert (found.called, found.host, found.port) == ("ARCHIVE", "127.0.0.1", port)
    assert found.t_artim is not None
    assert 0.7 <= found.t_artim < 5.0
    assert (found.maximum_length, found.concurrency, found.can_release) == (131072, 16, False)
    assert found.implementation_version_name.startswith("DULCET")
    assert found.classes is not None
    assert found.classes[frames.VERIFICATION][:2] == [frames.IMPLICIT, frames.EXPLICIT]
    assert frames.CT_IMAGE_STORAGE in found.classes
    assert found.roles == {uid: [1, 0] for uid in found.classes}  # who calls it is the SCU (PS3.7 D.3.3.4)
    assert "Only its owner can tell whether it asks for release" in path.read_text("utf-8").partition("\ncalled")[0]
    assert [need for need in ("verification", "storage", "find", "concurrency") if not found.lacks(need)] == [
        "verification",
        "storage",
        "concurrency",
    ]


def test_without_a_file_the_profile_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with archive(tmp_path, 30.0) as port:
        assert command.main(["probe", "127.0.0.1", str(port), "--wait-artim", "0.05"]) == Exit.PASSED
    printed = tmp_path / "peer.toml"
    printed.write_text(capsys.readouterr().out, "utf-8")
    assert load(printed).port == port
    assert load(printed).t_artim is None  # it did not fire while it was waited for


def test_a_profile_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with archive(tmp_path, 30.0) as port:
        words = ["probe", "127.0.0.1", str(port), "--wait-artim", "0.05", "-o", str(tmp_path / "none" / "peer.toml")]
        assert command.main(words) == Exit.USAGE
    assert f"{tmp_path}/none/peer.toml: No such file or directory" in capsys.readouterr().err


PARTICULAR = frames.user_information(
    frames.maximum_length(4096),
    frames.implementation_class("1.2.3.4"),
    frames.operations_window(2, 3),
    frames.version_name("PARTICULAR"),
    frames.identity_response(),
    frames.role_selection(frames.VERIFICATION, 0, 1),
)


async def particular(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An acceptor that has all `probe` looks for: titles it checks, a window, user identity, a close after RP."""
    rq = await read_pdu(reader)
    if rq[10:26].strip() != b"ANY-SCP":
        writer.write(frames.associate_rj(1, 1, 7))
        return
    if rq[26:42].strip() != b"DULCET":
        writer.write(frames.associate_rj(1, 1, 3))
        return
    ids = [context_id for context_id, (abstract, _) in _proposals(rq).items() if abstract == frames.VERIFICATION]
    contexts = [frames.answered(each, 0 if each in ids[:1] else 3) for each in _proposals(rq)]
    writer.write(frames.associate_ac(contexts, fixed=rq[10:74], user=PARTICULAR))
    while (pdu := await read_pdu(reader))[0] == 0x04:
        writer.write(response(1, {}))
    if pdu[0] == 0x05:
        writer.write(frames.release_rp())


def _proposals(rq: bytes) -> dict[int, tuple[str, object]]:
    return {number: (abstract.decode(), syntaxes) for number, (abstract, syntaxes) in read(rq).proposals.items()}


def test_what_a_peer_has_is_seen() -> None:
    async def play() -> tuple[Profile, str, int]:
        async with acceptor(particular) as port:
            return *(await measure(Settings(port=port, settle=0.2), 0.1)), port

    found, fault, port = asyncio.run(play())
    assert fault == ""
    assert found.echo_seconds is not None
    assert found == Profile(
        called="ANY-SCP",
        host="127.0.0.1",
        port=port,
        checks_called=True,
        checks_calling=True,
        maximum_length=4096,
        concurrency=16,
        closes_after_rp=True,
        async_window=(2, 3),
        user_identity=[1, 2],
        implementation_class_uid="1.2.3.4",
        implementation_version_name="PARTICULAR",
        echo_seconds=found.echo_seconds,
        classes={frames.VERIFICATION: [frames.IMPLICIT]},
        roles={frames.VERIFICATION: [0, 1]},
    )


def test_a_peer_that_rejects_everybody_has_no_profile() -> None:
    async def rejecting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_pdu(reader)
        writer.write(frames.associate_rj(1, 1, 3))
        await reader.read()

    async def play() -> str:
        async with acceptor(rejecting) as port:
            return (await measure(Settings(port=port), 0.1))[1]

    assert asyncio.run(play()).startswith("RJ(1,1,3) came after the A-ASSOCIATE-RQ")


# ---- written and read ----

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=16)
COUNTS = st.integers(0, 1 << 32)
TIMES = st.integers(1, 10**9).map(lambda milliseconds: milliseconds / 1000)
WORDS = st.lists(TEXTS, max_size=3)
PROFILES = st.builds(
    Profile,
    called=TEXTS,
    host=TEXTS,
    port=st.integers(0, 65535),
    checks_called=st.booleans(),
    checks_calling=st.booleans(),
    t_artim=st.none() | TIMES,
    maximum_length=st.none() | COUNTS,
    concurrency=st.none() | COUNTS,
    closes_after_rp=st.booleans(),
    can_release=st.booleans(),
    release=WORDS,
    async_window=st.none() | st.tuples(COUNTS, COUNTS),
    user_identity=st.lists(COUNTS, max_size=3),
    checks_identity=st.booleans(),
    implementation_class_uid=TEXTS,
    implementation_version_name=TEXTS,
    echo_seconds=st.none() | TIMES,
    classes=st.none() | st.dictionaries(TEXTS, WORDS, max_size=3),
    roles=st.none() | st.dictionaries(TEXTS, st.lists(st.integers(0, 1), min_size=2, max_size=2), max_size=3),
    requestor=WORDS,
)


@given(PROFILES)
def test_any_profile_survives_its_file(tmp_path_factory: pytest.TempPathFactory, profile: Profile) -> None:
    """Whatever a peer says of itself: names with quotes, controls, or characters beyond the basic plane."""
    path = tmp_path_factory.mktemp("profile") / "peer.toml"
    path.write_text(text(profile), "utf-8")
    assert load(path) == profile


WRONG: list[tuple[str, str]] = [
    ("called = 5", "called is an AE title of at most 16 characters, not 5"),
    ('called = "SEVENTEEN-LETTERS"', "called is an AE title of at most 16 characters, not 'SEVENTEEN-LETTERS'"),
    ("host = 1", "host is a text in quotes, not 1"),
    ('port = "104"', "port is a TCP port, not '104'"),
    ("port = 65536", "port is a TCP port, not 65536"),
    ("checks_called = 1", "checks_called is true or false, not 1"),
    ("t_artim = true", "t_artim is a number of seconds, not True"),
    ("t_artim = inf", "t_artim is a number of seconds, not inf"),
    ("echo_seconds = -1", "echo_seconds is a number of seconds, not -1"),
    ("concurrency = 1.5", "concurrency is a whole number, not 1.5"),
    ("async_window = 5", "async_window is two whole numbers, [invoked, performed], not 5"),
    ("async_window = [1]", "async_window is two whole numbers, [invoked, performed], not [1]"),
    ("user_identity = [true]", "user_identity is a list of identity types, not [True]"),
    ('release = "kill"', "release is a list of words in quotes, not 'kill'"),
    ("requestor = [1]", "requestor is a list of words in quotes, not [1]"),
    ('classes = ["1.2.3"]', "classes is a table: a list of transfer syntaxes for each SOP class, not ['1.2.3']"),
    ('[roles]\n"1.2.3" = [1, 2]', "roles is a table: two of 0 and 1, [SCU, SCP], for each SOP class, not {"),
    ('[classes]\n"1.2.3" = "1.2"', "classes is a table: a list of transfer syntaxes for each SOP class, not {"),
    ('colour = "red"', "colour is no field of a profile: async_window, called, can_release, "),
    ("called = ", "Invalid value"),
    ("called", "Expected '=' after a key in a key/value pair"),
]


@pytest.mark.parametrize(("document", "words"), WRONG, ids=[document for document, _ in WRONG])
def test_a_file_that_is_no_profile(tmp_path: Path, document: str, words: str) -> None:
    """What is wrong, and in which file."""
    path = tmp_path / "peer.toml"
    path.write_text(document, "utf-8")
    with pytest.raises(Failure) as refusal:
        load(path)
    assert str(refusal.value).startswith(f"{path}: {words}")


@pytest.mark.parametrize(("content", "words"), [(None, "No such file or directory"), (b"\xff", "'utf-8' codec")])
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "peer.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Failure) as refusal:
        load(path)
    assert str(refusal.value).startswith(f"{path}: {words}")


# ---- asked by cases ----


@pytest.mark.parametrize(
    ("how", "met"),
    [
        ({}, {"verification"}),
        ({"classes": {}}, set()),
        ({"classes": {frames.CT_IMAGE_STORAGE: [frames.EXPLICIT]}}, {"storage"}),
        ({"classes": {frames.CT_IMAGE_STORAGE: []}}, set()),
        ({"can_release": True, "checks_called": True}, {"verification", "can_release", "checks_called"}),
        ({"concurrency": 3, "checks_identity": True}, {"verification", "concurrency", "checks_identity"}),
    ],
)
def test_what_a_case_needs(how: dict[str, Any], met: set[str]) -> None:
    profile = Profile(**how)
    assert {need for need in NEEDS if not profile.lacks(need)} == met
    for need in NEEDS.keys() - met:
        assert profile.lacks(need).endswith(NEEDS[need][1])


def test_the_syntax_to_use() -> None:
    profile = Profile(classes={frames.CT_IMAGE_STORAGE: [frames.EXPLICIT, frames.IMPLICIT]})
    assert profile.syntax(frames.CT_IMAGE_STORAGE) == frames.EXPLICIT
    assert profile.syntax(frames.VERIFICATION) == frames.IMPLICIT
