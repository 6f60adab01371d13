"""Sections PD, AB, CMD, ROB: our own archive and SCU pass them strictly, and wrong peers fail the right ones."""

import asyncio
import io
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from dulcet.acse.association import Timeouts
from dulcet.dimse.command_set import decode
from dulcet.tools.conformance import commands, data_sets, frames, process
from dulcet.tools.conformance.case import registry
from dulcet.tools.conformance.cases.p_data import UNKNOWN_CLASS
from dulcet.tools.conformance.commands import STUDY_ROOT_FIND, STUDY_ROOT_GET
from dulcet.tools.conformance.endings import Skip
from dulcet.tools.conformance.profile import Profile
from dulcet.tools.conformance.reading import read
from dulcet.tools.conformance.reports.json_report import document, parse
from dulcet.tools.conformance.reports.terminal import Terminal
from dulcet.tools.conformance.results import Health, Outcome, RunResult
from dulcet.tools.conformance.selecting import select
from dulcet.tools.log import Log
from peers import ARTIM, apart, judged, judged_by_script, judged_call, only, read_pdu
from pydicom import dcmread
from pydicom.data import get_testdata_file

from dulcet import SCP, SCU, Archive, AssociationError, Entity, Verification

SECTIONS = ("PD-*", "AB-*", "CMD-*")
SYNTAXES = [frames.IMPLICIT, frames.EXPLICIT]
ARCHIVE = Profile(
    classes=dict.fromkeys((frames.VERIFICATION, frames.CT_IMAGE_STORAGE, STUDY_ROOT_FIND, STUDY_ROOT_GET), SYNTAXES)
)
"""What our archive accepts."""


def ids(*selectors: str, role: str) -> list[str]:
    return [each.id for each in select(registry().values(), selectors, role=role, slow=False, robust=False)]


def verdicts(run: RunResult) -> dict[str, str]:
    return {each.id: each.verdict for each in run.results}


def told(run: RunResult) -> list[str]:
    """What did not pass, for a message."""
    return [
        f"{each.id} {each.verdict} {each.signature} {each.reason}"
        for each in run.results
        if each.outcome is not Outcome.PASSED
    ]


@contextmanager
def our_archive(directory: Path) -> Iterator[int]:
    with ExitStack() as opened:
        archive = opened.enter_context(Archive(str(directory)))
        services = [Verification(), *archive.services]
        scp = SCP("ANY-SCP", services, timeouts=Timeouts(artim=ARTIM), log=Log("fatal"))
        yield opened.enter_context(scp.running(port=0)).port


# ---- our own stack ----


def test_our_archive_passes_strictly(tmp_path: Path) -> None:
    wanted = ids(*SECTIONS, role="A")
    with our_archive(tmp_path) as port:
        run = judged(port, wanted, strict=True, profile=ARCHIVE, jobs=4)
    assert not told(run)
    assert len(run.results) == len(wanted) == 27 + 11 + 33


def test_what_was_given_to_be_stored_is_listed(tmp_path: Path) -> None:
    """For cleaning up: on the terminal and in the JSON, also of conversations that were repeated and are not kept."""
    told = io.StringIO()
    with our_archive(tmp_path) as port:
        run = judged(port, ["PD-05", "CMD-37"], profile=ARCHIVE, repeat=2)
    kept = [uid for each in run.results for exchange in each.exchanges for uid in exchange.instances]
    assert len(set(run.instances)) == len(run.instances) == 2 * len(kept)
    stored = {str(dcmread(path).SOPInstanceUID) for path in tmp_path.rglob("*") if b"DICM" in head(path)}
    assert stored
    assert stored <= set(run.instances)
    Terminal(2, told, color=False).summary(run)
    lines = told.getvalue().splitlines()
    words = f"{len(run.instances)} INSTANCES of patient DULCET^CONFORMANCE, to be cleaned up if they were stored"
    first = lines.index(words) + 1
    assert lines[first : first + len(run.instances)] == [f"        {uid}" for uid in run.instances]
    assert document(run)["instances"] == run.instances
    assert parse(document(run)) == run


def head(path: Path) -> bytes:
    return path.read_bytes()[128:132] if path.is_file() else b""


def test_our_archive_is_robust(tmp_path: Path) -> None:
    """All of ROB but what waits for timers, a million fragments, and the hundreds of connections."""
    left = {"ROB-06", "ROB-10", "ROB-11", "ROB-12", "ROB-13", "ROB-18", "ROB-20"}
    wanted = [id_ for id_ in registry() if id_.startswith("ROB-") and id_ not in left]
    with our_archive(tmp_path) as port:
        run = judged(port, wanted, strict=True, robust=True, allow_dos=True, profile=ARCHIVE)
    assert not told(run)
    notes = [event.words for each in run.results for event in each.exchanges[0].events if event.kind == "note"]
    assert any("not measured" in words for words in notes)


def echo(host: str, port: int, aet: str) -> None:
    with suppress(AssociationError):  # what the case makes of the association
        SCU("DULCET").echo(Entity(aet, host, port))


def store(host: str, port: int, aet: str) -> None:
    with suppress(AssociationError):
        for _ in SCU("DULCET").store(Entity(aet, host, port), [get_testdata_file("CT_small.dcm")]):
            pass


@pytest.mark.parametrize("call", [echo, store])
def test_our_scu_passes_strictly(call: Callable[[str, int, str], object]) -> None:
    wanted = ids(*SECTIONS, role="R")
    run = judged_call(call, wanted, strict=True, jobs=4)
    assert (run.sanity, run.end_sanity) == ("", "")
    skipped = ["PD-28"] if call is echo else []
    assert [line.split()[0] for line in told(run)] == skipped, told(run)
    assert len(run.results) == len(wanted) == 8 + 9 + 7


# ---- wrong acceptors ----


async def careless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers whatever ends a command with success for Message ID 1, whosever fragments it was made of; takes lengths
    as they come, and says nothing to what it cannot use."""
    while True:
        pdu = read(await read_pdu(reader))
        if pdu.type == 0x01:
            results = [
                frames.answered(number, 3 if abstract.decode() == UNKNOWN_CLASS else 0)
                for number, (abstract, _) in pdu.proposals.items()
            ]
            writer.write(frames.associate_ac(results, fixed=pdu.body[4:68]))
        elif pdu.type == 0x04:
            for fragment in pdu.fragments:
                if fragment.control & 3 == 3:
                    writer.write(commands.response(fragment.context_id, {}))
        elif pdu.type == 0x05:
            writer.write(frames.release_rp())
        elif pdu.type == 0x07:
            return
        else:
            writer.write(frames.abort(2, 1))


CARELESS = {
    "PD-01": "PASS",
    "PD-05": "SKIP",
    "PD-06": "LENIENT",
    "PD-09": "SILENT",
    "PD-11": "FAIL",
    "PD-12": "FAIL",
    "PD-13": "SILENT",
    "PD-14": "FAIL",
    "PD-15": "FAIL",
    "PD-16": "LENIENT",
    "PD-17": "FAIL",
    "PD-18": "PASS",
    "PD-20": "SILENT",
    "PD-22": "LENIENT",
    "PD-26": "FAIL",
    "PD-27": "PASS",
    "AB-07": "INFO",
    "AB-10": "FAIL",
    "CMD-01": "PASS",
    "CMD-02": "FAIL",
    "CMD-03": "LENIENT",
    "CMD-10": "FAIL",
    "CMD-12": "FAIL",
    "CMD-13": "FAIL",
    "CMD-14": "FAIL",
    "CMD-16": "FAIL",
    "CMD-17": "FAIL",
    "CMD-18": "FAIL",
    "CMD-19": "LENIENT",
    "CMD-38": "ALT",
    "CMD-40": "PASS",
}


def test_a_careless_acceptor_is_found_out() -> None:
    run = judged_by_script(careless, list(CARELESS), react=0.3)
    assert verdicts(run) == CARELESS


class Archiving:
    """An acceptor that does one thing wrongly with queries and images; else it answers in order."""

    def __init__(self, wrong: str) -> None:
        self._wrong = wrong

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request: dict[int, object] = {}
        while True:
            pdu = read(await read_pdu(reader))
            if pdu.type == 0x01:
                results = [frames.answered(number) for number in pdu.proposals]
                writer.write(frames.associate_ac(results, fixed=pdu.body[4:68]))
            elif pdu.type == 0x05:
                writer.write(frames.release_rp())
            elif pdu.type == 0x07:
                if self._wrong == "does not hear aborts":
                    await reader.read()
                return
            for fragment in pdu.fragments:
                if fragment.control & 1:
                    request = dict(decode(fragment.data))
                    self._answer(writer, fragment.context_id, request, announced=True)
                elif fragment.control & 2:
                    self._answer(writer, fragment.context_id, request, announced=False)

    def _answer(
        self, writer: asyncio.StreamWriter, context_id: int, request: dict[int, object], *, announced: bool
    ) -> None:
        field = request.get(commands.COMMAND_FIELD)
        if field == commands.C_CANCEL or (announced and request[commands.DATA_SET_TYPE] != commands.NO_DATA_SET):
            return
        elements = commands.response_elements(request)  # type: ignore[arg-type]  # a mapping of elements, as it is read
        if field == commands.C_FIND:
            pending = {**elements, commands.STATUS: 0xFF00, commands.DATA_SET_TYPE: commands.DATA_SET}
            bare = {**pending, commands.DATA_SET_TYPE: commands.NO_DATA_SET}
            match = self._wrong == "pending without data"
            writer.write(frames.p_data(frames.pdv(context_id, commands.command(bare if match else pending))))
            if not match:
                identifier = data_sets.encoded(data_sets.study_query("1.2"), frames.IMPLICIT)
                writer.write(frames.p_data(frames.pdv(context_id, identifier, command=False)))
            if self._wrong == "two finals":
                writer.write(frames.p_data(frames.pdv(context_id, commands.command(elements))))
        writer.write(frames.p_data(frames.pdv(context_id, commands.command(elements))))


@pytest.mark.parametrize(
    ("wrong", "failed"),
    [
        ("", []),
        ("pending without data", ["CMD-34"]),
        ("two finals", ["CMD-31"]),
        ("does not hear aborts", ["AB-01", "AB-06"]),
    ],
)
def test_what_is_wrong_with_queries(wrong: str, failed: list[str]) -> None:
    profile = Profile(classes=dict.fromkeys((frames.VERIFICATION, STUDY_ROOT_FIND), SYNTAXES))
    wanted = ["AB-01", "AB-06", "CMD-31", "CMD-32", "CMD-34"]
    run = judged_by_script(Archiving(wrong), wanted, react=0.3, profile=profile)
    assert [each.id for each in run.failed] == failed, told(run)


def test_an_archive_that_finds_what_was_aborted_has_stored_it() -> None:
    run = judged_by_script(Archiving("finds whatever is asked for"), ["AB-01"], react=0.3, profile=ARCHIVE)
    assert only(run).outcome is Outcome.FAILED
    assert only(run).exchanges[0].why == "what was not received whole was stored"


async def leaking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Keeps a descriptor of every connection."""
    kept.append(os.open(os.devnull, os.O_RDONLY))
    await careless(reader, writer)


kept: list[int] = []


def test_descriptors_that_are_kept_are_growth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "BACK_SECONDS", 0.1)
    try:
        run = judged_by_script(leaking, ["ROB-02"], robust=True, pid=os.getpid())
    finally:
        while kept:
            os.close(kept.pop())
    assert (only(run).health, only(run).outcome, only(run).verdict) == (Health.GROWTH, Outcome.FAILED, "GROWTH")
    assert "its descriptors by" in only(run).reason


def test_what_is_let_go_of_is_no_growth() -> None:
    with apart(ARTIM) as (port, pid):  # what the judge itself takes is not the peer's
        run = judged(port, ["ROB-02"], robust=True, pid=pid)
    assert (only(run).health, only(run).outcome) == (Health.OK, Outcome.PASSED), told(run)


class Hoarding:
    """Takes memory for an A-ASSOCIATE-RQ: so many bytes for each that it says it has."""

    def __init__(self, times: int) -> None:
        self._times = times

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readexactly(6)
        taken = b"x" * (self._times * min(int.from_bytes(head[2:]), 1 << 21))
        writer.write(frames.associate_ac(fixed=(await reader.readexactly(int.from_bytes(head[2:])))[4:68]))
        while (pdu := await read_pdu(reader))[0] == 0x04:
            writer.write(commands.response(1, {}))
        if pdu[0] == 0x05:
            writer.write(frames.release_rp())
        await reader.read()
        del taken


@pytest.mark.parametrize(("times", "health"), [(0, Health.OK), (32, Health.GROWTH)])
def test_an_acceptor_that_takes_memory_for_what_a_stranger_sends_has_grown(times: int, health: Health) -> None:
    run = judged_by_script(Hoarding(times), ["RQ-42"], strict=True, pid=os.getpid())
    assert only(run).health is health, told(run)
    assert ("its memory by" in only(run).reason) == (health is Health.GROWTH)
    assert (only(run).outcome is Outcome.FAILED) == (health is Health.GROWTH)


def test_what_a_stranger_sends_costs_our_own_floors_no_memory() -> None:
    with apart(ARTIM) as (port, pid):
        run = judged(port, ["RQ-42", "P-15"], strict=True, pid=pid)
    assert not told(run)
    notes = [event.words for each in run.results for event in each.exchanges[0].events if event.kind == "note"]
    assert [words.partition(" ")[0] for words in notes] == ["memory", "memory"]


def test_a_process_is_measured_with_its_children() -> None:
    async def play() -> tuple[process.Usage, process.Usage]:
        before = process.usage(os.getpid())
        child = await asyncio.create_subprocess_exec("sleep", "30")
        try:
            return before, process.usage(os.getpid())
        finally:
            child.kill()
            await child.wait()

    before, after = asyncio.run(play())
    assert after.threads > before.threads
    assert after.descriptors > before.descriptors
    assert process.usage(2**22 + 1) == process.Usage()


def test_one_at_a_time_is_not_robust() -> None:
    place = asyncio.Lock()

    async def one_at_a_time(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with place:
            await careless(reader, writer)

    run = judged_by_script(one_at_a_time, ["ROB-07"], robust=True, react=0.3)
    assert (only(run).outcome, only(run).health) == (Outcome.FAILED, Health.OK)
    assert "others are not served meanwhile" in only(run).exchanges[0].why


def test_dos_needs_to_be_allowed() -> None:
    run = judged_by_script(careless, ["ROB-14"], robust=True)
    assert (only(run).outcome, only(run).reason.split(":")[0]) == (Outcome.SKIPPED, "needs --allow-dos")


# ---- wrong requestors ----


def gullible(host: str, port: int, aet: str) -> None:
    """Takes whatever comes for the response, and releases."""
    import socket

    with socket.create_connection((host, port), timeout=5.0) as sock:
        for pdu in (frames.associate_rq(called=aet), commands.echo(), frames.release_rq()):
            sock.sendall(pdu)
            if not sock.recv(4096):
                return


def test_who_takes_any_response_is_found_out() -> None:
    run = judged_call(gullible, ["CMD-23", "CMD-24", "CMD-28", "PD-11", "PD-13", "AB-08"], react=0.5)
    found = verdicts(run)
    assert found == {
        "CMD-23": "FAIL",
        "CMD-24": "FAIL",
        "CMD-28": "PASS",
        "PD-11": "FAIL",
        "PD-13": "FAIL",
        "AB-08": "FAIL",
    }


# ---- data sets ----


def test_an_image_is_what_pydicom_reads() -> None:
    from io import BytesIO

    image = data_sets.new_image(1000)
    for syntax, implicit in ((frames.IMPLICIT, True), (frames.EXPLICIT, False)):
        raw = BytesIO(image.encoded(syntax))
        found = dcmread(raw, force=True) if implicit else _explicit(raw)
        assert (found.SOPInstanceUID, found.PatientName, found.Rows) == (image.instance, data_sets.PATIENT, 2)
        assert len(found.PixelData) == image.pixels == 1024


def _explicit(raw: object) -> object:
    from pydicom.filereader import read_dataset

    return read_dataset(raw, is_implicit_VR=False, is_little_endian=True)  # type: ignore[arg-type]  # a BytesIO or what reads like one


def test_a_syntax_that_is_not_written_skips_the_case() -> None:
    with pytest.raises(Skip, match=r"1\.2\.840\.10008\.1\.2\.4\.50"):
        data_sets.new_image().encoded("1.2.840.10008.1.2.4.50")
