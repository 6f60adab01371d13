"""No report has the user identities that a peer sends (PS3.7 D.3.3.7), in whatever pieces; ours stay for a repro."""

import asyncio
from pathlib import Path

import pytest
from dulcet.tools.conformance import frames, identities, overheard_report
from dulcet.tools.conformance.case import registry
from dulcet.tools.conformance.profile import Profile
from dulcet.tools.conformance.record import Recording, Track
from dulcet.tools.conformance.reports import REPORTS, write_all
from dulcet.tools.conformance.requestor import RequestorPeer
from dulcet.tools.conformance.results import RunResult
from dulcet.tools.conformance.runner import Runner, new_run
from dulcet.tools.conformance.script import program
from hypothesis import given
from hypothesis import strategies as st
from peers import judged, our_scp, settings
from test_conformance_proxy import answering, played

NAME, PASSCODE, TICKET = b"anna.meier", b"open sesame", b"a kerberos ticket"
WORDS = (NAME, PASSCODE, TICKET)


def user(*items: bytes) -> bytes:
    return frames.user_information(frames.maximum_length(), frames.implementation_class(), *items)


IDENTITY = frames.user_identity(2, NAME, PASSCODE)
REQUEST = frames.associate_rq(called="DC-RJ-03", user=user(IDENTITY, frames.version_name()))
ACCEPTANCE = frames.associate_ac(user=user(frames.identity_response(TICKET), frames.version_name()))


def test_fields_become_asterisks_and_nothing_else_changes() -> None:
    """Annotated by hand from Tables D.3-14 and D.3-15."""
    rest = frames.version_name()
    masked = frames.user_identity(2, b"*" * 10, b"*" * 11)
    assert identities.masked(REQUEST) == frames.associate_rq(called="DC-RJ-03", user=user(masked, rest))
    assert identities.masked(ACCEPTANCE) == frames.associate_ac(user=user(frames.identity_response(b"*" * 17), rest))


@pytest.mark.parametrize(
    "broken",
    [
        frames.associate_rq(user=user(frames.user_identity(2, NAME, PASSCODE, primary_length=3))),
        frames.associate_rq(user=user(frames.user_identity(2, NAME, PASSCODE, primary_length=500))),
        frames.associate_rq(user=user(frames.item(0x58, b"\1\0" + frames.counted(b"x") + frames.counted(b"y") + NAME))),
        frames.associate_rq(user=frames.item(0x50, frames.user_identity(2, NAME, PASSCODE), length=8)),
        frames.associate_rq(user=frames.user_identity(2, NAME, PASSCODE)),
        frames.associate_rq(user=user(frames.item(0x58, b"\2"), frames.item(0x58, b"\2\0\0"), frames.item(0x58, NAME))),
        frames.associate_rq(user=user(frames.item(0x58, b"\2\0" + frames.counted(NAME), length=300))),
        frames.associate_rq(user=user(frames.item(0x58, IDENTITY[4:], length=8))),
        frames.associate_rq(user=user(frames.item(0x58, IDENTITY[4:], length=3))),
        frames.associate_rq(user=frames.item(0x50, IDENTITY, length=2)),
        frames.associate_rq(user=user(frames.item(0x51, bytes(4) + IDENTITY, length=400))),
    ],
    ids=[
        "short",
        "long",
        "trailing",
        "overruns its parent",
        "no parent",
        "cut",
        "item too long",
        "item too short",
        "item without room for a field",
        "its header is cut",
        "behind what is too long",
    ],
)
def test_what_does_not_nest_is_struck_out_rather_too_much(broken: bytes) -> None:
    found = identities.masked(broken)
    assert len(found) == len(broken)
    assert not any(word in found for word in (b"meier", b"sesame"))


@given(st.lists(st.integers(0, len(REQUEST + ACCEPTANCE)), max_size=6), st.sampled_from(["R", "A"]))
def test_in_any_pieces(cuts: list[int], role: str) -> None:
    stream, recording = REQUEST + frames.p_data(b"plain text") + ACCEPTANCE, Recording()
    track = Track(recording, 0, role)
    for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), len(stream)], strict=True):
        if start < stop:
            track.received(stream[start:stop])
    kept = b"|".join(event.data for event in recording.events)
    assert not any(word[3:7] in kept for word in WORDS)
    assert [event.data for event in recording.events if event.kind == "pdu"] == [
        identities.masked(REQUEST),
        frames.p_data(b"plain text"),
        identities.masked(ACCEPTANCE),
    ]
    assert track.pdus[0].raw == REQUEST  # judged as it came


@given(st.binary(max_size=300))
def test_whatever_comes_keeps_its_length(data: bytes) -> None:
    for begun in (data, b"\1\0\0\0\1\0" + data, REQUEST[:80] + data):
        assert len(identities.masked(begun)) == len(begun)


class Dialling:
    """A requestor that proves who its user is."""

    chooses_title = True
    description = "dialling"

    async def pull(self, host: str, port: int, aet: str, _case: str) -> "Dialling":
        self._reader, self._writer = await asyncio.open_connection(host, port)
        self._writer.write(REQUEST)
        return self

    async def ended(self) -> str:
        await self._reader.read()
        self._writer.close()
        return "it hung up"

    async def finish(self, _seconds: float) -> None:
        """It ends by itself."""


def dialled(**more: object) -> RunResult:
    async def play() -> RunResult:
        made = settings(**more)
        run = new_run("test", "R", made)
        async with RequestorPeer(made, Dialling()) as peer:
            run.results.append(await Runner(peer, made, run).judge(registry()["RJ-03"]))
        return run

    return asyncio.run(play())


def reported(run: RunResult, folder: Path) -> bytes:
    """All the reports there are, one behind the other, and the program for a bug report; hexadecimal as bytes."""
    folder.mkdir()
    assert not write_all(run, {option: str(folder / option) for option in REPORTS})
    texts = [each.read_bytes() for each in folder.rglob("*") if each.is_file()]
    assert len(texts) >= len(REPORTS) - 1  # what a requestor is sent is no seed
    texts.append(program(run.results[0], run.results[0].exchanges[0], "again.py", 1.0).encode())
    return b"\n".join(texts)


def shown(word: bytes, reports: bytes) -> bool:
    """As text, as hexadecimal of a report, or as the beginning of it in a hexdump."""
    return any(form in reports for form in (word, word.hex().encode(), word[:6].hex(" ").encode()))


def test_no_report_has_what_a_peer_sent(tmp_path: Path) -> None:
    pytest.importorskip("jinja2")
    reports = reported(dialled(), tmp_path / "masked")
    assert not any(shown(word, reports) for word in (NAME, PASSCODE))
    assert shown(b"*" * len(PASSCODE), reports)
    reports = reported(dialled(keep_identities=True), tmp_path / "kept")
    assert all(shown(word, reports) for word in (NAME, PASSCODE))


def test_our_own_stay(tmp_path: Path) -> None:
    with our_scp() as port:
        run = judged(port, ["NEG-26"], profile=Profile(checks_identity=True))
    assert shown(b"a wrong passcode", reported(run, tmp_path / "ours"))


def test_what_is_overheard_keeps_no_bytes(tmp_path: Path) -> None:
    proxy, _, _ = played(answering, REQUEST)
    told = overheard_report.text(proxy.associations, proxy.notes, strict=True, verbose=True)
    overheard_report.written(proxy.associations, proxy.notes, str(tmp_path / "json"))
    assert "A-ASSOCIATE-RQ" in told
    assert not any(shown(word, told.encode() + (tmp_path / "json").read_bytes()) for word in WORDS)
