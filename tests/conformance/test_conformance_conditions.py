"""Each context modifier on the wire, and pairs of them: a right peer takes no notice, a wrong one fails in part."""

import asyncio
import itertools
import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from certificates import Certificates
from dulcet.acse.association import Timeouts
from dulcet.dul.transport.tls import server_context
from dulcet.services.scp import SCP
from dulcet.services.verification import Verification
from dulcet.tools.conformance import command, frames
from dulcet.tools.conformance.case import registry
from dulcet.tools.conformance.commands import response
from dulcet.tools.conformance.conditions import FACTORS, applied, in_common, of_run, ordinary, pairwise, words
from dulcet.tools.conformance.exits import Exit
from dulcet.tools.conformance.link import Delivery
from dulcet.tools.conformance.profile import Profile, text
from dulcet.tools.conformance.reading import read
from dulcet.tools.conformance.results import Outcome, Result
from dulcet.tools.conformance.selecting import select
from dulcet.tools.conformance.settings import Settings
from dulcet.tools.log import Log
from peers import (
    ARTIM,
    acceptor,
    at_one_gulp,
    echoscu,
    judged,
    judged_by_script,
    judged_call,
    judged_requestor,
    only,
    our_scp,
    read_pdu,
    told,
)
from tool_runs import needs_ipv6

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
VERIFICATION = "1.2.840.10008.1.1"
BOTH = Profile(classes={VERIFICATION: [IMPLICIT, EXPLICIT]})
SMOKE = [each.id for each in select(registry().values(), ["tag:smoke", "!tag:slow"], role="A", slow=True, robust=True)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@contextmanager
def our_tls_scp(made: Certificates) -> Iterator[int]:
    """The port of an SCP of ours that speaks TLS and asks for no certificate."""
    files = {"certificate": made.server.certificate_file, "key": made.server.key_file}
    context = server_context(**files, client_certificate="ignore")
    scp = SCP("ANY-SCP", [Verification()], timeouts=Timeouts(artim=ARTIM), log=Log("fatal"), tls=context)
    with scp.running(port=0) as running:
        yield running.port


def first_sent(result: Result, number: int = 0) -> bytes:
    return next(event.data for event in result.exchanges[number].events if event.kind == "sent")


# ---- pairs ----


def test_any_two_values_of_two_factors_meet() -> None:
    rows = pairwise(FACTORS)
    for (one, ones), (other, others) in itertools.combinations(FACTORS.items(), 2):
        met = {(row[one], row[other]) for row in rows}
        assert met == set(itertools.product(ones, others))
    assert len(rows) == 12  # no fewer: four deliveries with three maximum lengths
    assert words(rows[0]) == ""
    assert pairwise(FACTORS) == rows


@pytest.mark.parametrize(
    ("settings", "role", "factors"),
    [
        (Settings(pairwise=True), "A", {"delivery", "syntax", "maximum", "contexts"}),
        (Settings(pairwise=True, tls_port=2762), "A", set(FACTORS)),
        (Settings(pairwise=True, tls_port=2762), "R", {"delivery", "syntax", "maximum"}),
        (Settings(), "A", set()),
    ],
)
def test_what_is_varied(settings: Settings, role: str, factors: set[str]) -> None:
    assert {name for row in of_run(settings, role) for name in row} == factors


def test_a_condition_survives_its_words() -> None:
    for row in pairwise(FACTORS):
        made = applied(Settings(), words(row))
        # What is ordinary is not told.
        assert {name: getattr(made, name) or FACTORS[name][0] for name in FACTORS if name != "maximum"} == {
            name: value for name, value in row.items() if name != "maximum"
        }
        assert made.maximum == row["maximum"]
    with pytest.raises(ValueError, match="maximum=7 is no condition"):
        applied(Settings(), "maximum=7")


@pytest.mark.parametrize(("role", "tls_port"), [("A", 0), ("A", 2762), ("R", 0)])
def test_a_condition_survives_its_words_in_a_run_that_is_not_ordinary(role: str, tls_port: int) -> None:
    told_ = {"delivery": Delivery.BYTEWISE, "syntax": "explicit", "maximum": 128, "contexts": 128, "tls": True}
    run = Settings(pairwise=True, tls_port=tls_port, **told_)  # type: ignore[arg-type]
    for row in of_run(run, role):
        played = replace(run, **row)  # type: ignore[arg-type]
        usual = replace(run, **ordinary(role, tls_port=tls_port))  # type: ignore[arg-type]
        assert applied(usual, words(row)) == played


@pytest.mark.parametrize(
    ("failed", "said"),
    [
        (lambda row: row["delivery"] == "bytewise", "under 3 of 12 conditions: only with delivery=bytewise"),
        (lambda row: row["contexts"] == 128, "under 4 of 12 conditions: only with contexts=128"),
        (lambda row: words(row) in ("delivery=split", "maximum=128"), "conditions: maximum=128; delivery=split"),
        (lambda row: True, ""),
    ],
)
def test_what_failures_have_in_common(failed: object, said: str) -> None:
    assert callable(failed)
    rows = pairwise(FACTORS)
    found = in_common([row for row in rows if failed(row)], rows)
    assert found.endswith(said)
    assert bool(found) == bool(said)


# ---- each of them on the wire, PS3.8 9.3.2, D.1 ----


@pytest.mark.parametrize("maximum", [0, 128, 16384])
def test_our_maximum_length(maximum: int) -> None:
    with our_scp() as port:
        run = judged(port, ["RL-01"], maximum=maximum, strict=True)
    assert told(run) == []
    item = bytes([0x51, 0, 0, 4]) + maximum.to_bytes(4, "big")  # Table D.1-1
    assert first_sent(only(run)).count(item) == 1
    accepting = judged_requestor(echoscu(), ["RL-09"], maximum=maximum, strict=True)
    assert told(accepting) == []
    assert first_sent(only(accepting)).count(item) == 1


@pytest.mark.parametrize(
    ("syntax", "profile", "proposed"),
    [
        ("implicit", BOTH, [IMPLICIT]),
        ("explicit", BOTH, [EXPLICIT]),
        ("explicit", Profile(classes={VERIFICATION: [IMPLICIT]}), [IMPLICIT]),
        ("explicit", Profile(), [EXPLICIT, IMPLICIT]),  # nobody knows: the default is proposed too, PS3.5 10.1
        ("", Profile(), [IMPLICIT]),
    ],
)
def test_the_transfer_syntax(syntax: str, profile: Profile, proposed: list[str]) -> None:
    with our_scp() as port:
        run = judged(port, ["RL-01"], syntax=syntax, profile=profile, strict=True)
    assert told(run) == []
    ((_, found),) = read(first_sent(only(run))).proposals.values()
    assert list(found) == [uid.encode() for uid in proposed]


@pytest.mark.parametrize(("syntax", "uid"), [("implicit", IMPLICIT), ("explicit", EXPLICIT)])
def test_the_transfer_syntax_a_requestor_is_given(syntax: str, uid: str) -> None:
    run = judged_requestor(echoscu("--propose-ts", "2"), ["RL-09"], syntax=syntax, strict=True)
    assert told(run) == []
    answered = frames.answered(1, 0, [uid])
    assert answered in first_sent(only(run))


@pytest.mark.parametrize("number", [1, 2, 128])
def test_as_many_presentation_contexts(number: int) -> None:
    with our_scp() as port:
        run = judged(port, ["RL-01"], contexts=number, strict=True)
    assert told(run) == []
    proposals = read(first_sent(only(run))).proposals
    assert list(proposals) == list(range(1, 2 * number, 2))
    assert {name for name, _ in proposals.values()} == {VERIFICATION.encode()}


def test_a_case_keeps_its_own() -> None:
    """NEG-01 proposes what it is about, and nothing is put beside it."""
    with our_scp() as port:
        run = judged(port, ["NEG-01"], contexts=128, strict=True)
    assert told(run) == []
    assert len(read(first_sent(only(run))).proposals) == 1


# ---- where a requestor dials ----


@needs_ipv6
def test_ipv6() -> None:
    """With a case that is refused a connection, for which another port of the address is taken."""
    run = judged_requestor(echoscu("-i6"), ["RL-09", "S-R-04-17"], host="::1", strict=True)
    assert (told(run), run.sanity) == ([], "")
    events = [event for each in run.results for event in each.exchanges[0].events]
    accepted = next(event for event in events if event.kind == "accept")
    assert accepted.words.startswith("::1 port ")


def test_a_name_without_an_address_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine's resolver makes of names that nobody has."""

    def unknown(*_: object, **_more: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    words_ = ["requestor", "--listen-host", "nowhere.invalid", "RL-09", "--", "true"]
    assert command.main(words_) == Exit.USAGE
    assert "nowhere.invalid port 0: Name or service not known" in capsys.readouterr().err


# ---- TLS, PS3.15 Annex B ----


def test_a_tls_peer_passes_the_smoke_set(made: Certificates) -> None:
    with our_tls_scp(made) as port:
        run = judged(port, SMOKE, tls=True, strict=True, jobs=4)
    assert told(run) == []
    assert run.settings["tls"] is True
    assert "tls_key" not in run.settings


def test_tls_is_on_the_wire() -> None:
    """The first byte is a handshake record's (RFC 8446 5.1); who does not answer with TLS cannot be judged."""
    heads: list[bytes] = []

    async def noting(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readexactly(2))

    run = judged_by_script(noting, ["RL-01"], tls=True)
    assert run.sanity.startswith("no connection: ")
    assert heads == [b"\x16\x03"]


def test_a_tls_requestor_passes(made: Certificates) -> None:
    files = {"tls_key": str(made.server.key_file), "tls_cert": str(made.server.certificate_file)}
    client = ["+tla", "+cf", str(made.authority.certificate_file)]
    cases = ["S-R-06-12", "S-R-06-17", "RL-09", "RL-10", "T-14"]
    run = judged_requestor(echoscu(*client), cases, tls=True, strict=True, **files)
    assert told(run) == []
    assert judged_requestor(echoscu(), ["RL-09"], tls=True, **files).sanity != ""  # plain where TLS is due


def test_a_requestor_in_the_clear_is_told_nothing_in_the_clear(made: Certificates) -> None:
    """No PDU, where TLS is due: the connection is closed, and the run says why."""
    came: list[bytes] = []

    def call(host: str, port: int, _aet: str) -> None:
        with socket.create_connection((host, port), timeout=10.0) as sock:
            sock.sendall(frames.associate_rq())
            came.append(b"".join(iter(lambda: sock.recv(1 << 16), b"")))

    files = {"tls_key": str(made.server.key_file), "tls_cert": str(made.server.certificate_file)}
    run = judged_call(call, ["RL-09"], tls=True, **files)
    assert "does not agree about TLS: " in run.sanity
    assert "WRONG_VERSION_NUMBER" in run.sanity.upper().replace(" ", "_")
    assert came == [b""]


def test_what_tls_needs_is_told(made: Certificates, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rubbish").write_text("no key", encoding="utf-8")
    for given, words_ in (
        (["--tls"], "--tls needs --tls-key and --tls-cert to listen"),
        (["--tls", "--tls-cert", "nowhere.pem"], "nowhere.pem: no such file"),
        (["--tls-port", "2762"], "--tls-port is an acceptor's, and a requestor dials us"),
        (["--tls", "--tls-cert", str(tmp_path / "rubbish")], "rubbish"),
    ):
        assert command.main(["requestor", *given, "RL-09", "--", "true"]) == Exit.USAGE
        assert words_ in capsys.readouterr().err


# ---- runs of pairs ----


@pytest.mark.parametrize("given", ["--delivery=split", "--syntax=explicit", "--maximum=16384", "--contexts=3"])
def test_a_value_beside_all_of_them_is_refused(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The default, too: it would be one of several all the same."""
    for words_ in ([given], given.split("=")):
        assert command.main(["acceptor", "127.0.0.1", "104", "--pairwise", *words_]) == Exit.USAGE
        told_ = f"--pairwise plays each case with every value of {given.partition('=')[0]}: give either"
        assert told_ in capsys.readouterr().err


def test_a_right_peer_passes_under_all_pairs(made: Certificates) -> None:
    with our_scp() as port, our_tls_scp(made) as tls_port:
        run = judged(port, SMOKE, pairwise=True, tls_port=tls_port, profile=BOTH, strict=True, jobs=4)
    assert told(run) == []
    result = next(each for each in run.results if each.id == "RL-01")
    assert len(result.exchanges) == 12
    assert result.exchanges[0].label == ""
    assert any("tls=True" in each.label for each in result.exchanges)
    assert first_sent(result, 1) != first_sent(result)


def test_each_end_of_both_has_what_it_needs(made: Certificates, tmp_path: Path) -> None:
    """We dial with TLS, for which nobody asks a certificate of us, and listen in the clear."""
    report, profile = tmp_path / "run.json", tmp_path / "peer.toml"
    with our_scp() as port, our_tls_scp(made) as tls_port:
        dialling = echoscu().description.split()
        profile.write_text(text(Profile(called="ANY-SCP", host="127.0.0.1", port=port, requestor=dialling)), "utf-8")
        words_ = ["both", "--profile", str(profile), "--tls-port", str(tls_port), "--pairwise", "--settle", "0.05"]
        assert command.main([*words_, "--json", str(report), "RL-02"]) == Exit.PASSED
        assert command.main([*words_, "--tls", "RL-02"]) == Exit.USAGE  # the end that listens has no certificate
    acceptors, requestors = json.loads(report.read_text(encoding="utf-8"))["results"]
    assert any("tls=True" in each["label"] for each in acceptors["exchanges"])
    assert not any("tls=True" in each["label"] for each in requestors["exchanges"])


def test_a_right_requestor_passes_under_all_pairs() -> None:
    run = judged_requestor(echoscu(), ["S-R-06-12", "RL-09"], pairwise=True, strict=True, jobs=2)
    assert told(run) == []
    assert {len(each.exchanges) for each in run.results} == {12}


def test_what_fails_bytewise_only_is_one_partial_failure() -> None:
    result = only(judged_by_script(at_one_gulp, ["RL-01"], pairwise=True))
    assert result.outcome is Outcome.FAILED
    broken = [each for each in result.exchanges if "delivery=split" in each.label or "delivery=bytewise" in each.label]
    assert {each.reaction for each in broken} == {"FAIL"}
    assert result.reason.startswith(f"under {len(broken)} of {len(result.exchanges)} conditions: ")
    assert all(each.reaction == "PASS" for each in result.exchanges if each not in broken)


async def few_contexts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Right, but that it aborts who proposes more than one presentation context."""
    answers = {0x01: frames.associate_ac(), 0x04: response(1, {}), 0x05: frames.release_rp()}
    while answer := answers.get((pdu := await read_pdu(reader))[0]):
        if pdu[0] == 0x01 and len(read(pdu).proposals) > 1:
            answer = frames.abort(2, 6)
        writer.write(answer)


def test_the_command_tells_the_condition_and_its_trace_is_replayed_under_it(
    made: Certificates, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "run.json"

    async def play() -> int:
        async with acceptor(few_contexts) as port:
            words_ = ["acceptor", "127.0.0.1", str(port), "RL-01", "--settle", "0.05", "--pairwise"]
            return await asyncio.to_thread(command.main, [*words_, "--json", str(report)])

    assert asyncio.run(play()) == Exit.FAILED
    out = capsys.readouterr().out
    assert "only with contexts=128" in out
    (result,) = json.loads(report.read_text(encoding="utf-8"))["results"]
    assert "only with contexts=128" in result["reason"]
    with our_scp() as port:
        assert command.main(["repro", str(report), "127.0.0.1", str(port)]) == Exit.DRIFT
    out = capsys.readouterr().out
    many = [words(row) for row in of_run(Settings(pairwise=True), "A") if row["contexts"] == 128]
    assert re.findall("other than recorded, (.*); then it was:", out) == many
    with our_tls_scp(made) as port:
        words_ = ["acceptor", "127.0.0.1", str(port), "RL-01", "--settle", "0.05", "--tls", "--json", str(report)]
        assert command.main(words_) == Exit.PASSED
        assert command.main(["repro", str(report)]) == Exit.PASSED  # with TLS, as it was recorded
        assert command.main(["repro", "RL-01", "127.0.0.1", str(port), "--tls", "--maximum", "0"]) == Exit.PASSED
        once = ["--repro", "RL-01", "--tls", "--contexts", "3", "--settle", "0.05"]
        assert command.main(["acceptor", "127.0.0.1", str(port), *once]) == Exit.PASSED
    assert "A-ASSOCIATE-RQ" in capsys.readouterr().out


def test_the_ordinary_pair_of_a_run_with_tls_is_replayed_without(made: Certificates, tmp_path: Path) -> None:
    report = tmp_path / "run.json"
    with our_scp() as port:
        with our_tls_scp(made) as tls_port:
            words_ = ["acceptor", "127.0.0.1", str(port), "RL-01", "--settle", "0.05", "--pairwise"]
            given = ["--tls", "--tls-port", str(tls_port), "--json", str(report)]
            assert command.main([*words_, *given]) == Exit.PASSED
        run = json.loads(report.read_text(encoding="utf-8"))
        del run["results"][0]["exchanges"][1:]
        report.write_text(json.dumps(run), encoding="utf-8")
        assert command.main(["repro", str(report)]) == Exit.PASSED  # nobody speaks TLS any more


def test_the_delivery_of_a_pair_is_the_wires() -> None:
    """Bytes arrive one by one, or six first, as the name of the exchange says."""
    sizes: list[int] = []

    async def counting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = await reader.read(1 << 16)
        sizes.append(len(data))
        whole = data + await reader.readexactly(6 - len(data)) if len(data) < 6 else data
        length = 6 + int.from_bytes(whole[2:6], "big")
        await reader.readexactly(length - len(whole))
        writer.write(frames.associate_ac())
        answers = {0x04: response(1, {}), 0x05: frames.release_rp()}
        while answer := answers.get((await read_pdu(reader))[0]):
            writer.write(answer)

    result = only(judged_by_script(counting, ["RL-01"], pairwise=True))
    deliveries = [each.label for each in result.exchanges]
    assert len(sizes) >= len(deliveries)
    split = [size for label, size in zip(deliveries, sizes[1:], strict=False) if f"delivery={Delivery.SPLIT}" in label]
    assert split == [6] * len(split)
    assert split


def test_unused_options_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for given in (["--contexts", "129"], ["--maximum", "-1"], ["--syntax", "big"], ["--tls-port", "0"]):
        with pytest.raises(SystemExit) as ended:
            command.main(["acceptor", "127.0.0.1", "104", *given])
        assert ended.value.code == 2
        assert given[0] in capsys.readouterr().err
