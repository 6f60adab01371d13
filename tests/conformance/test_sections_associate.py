"""Sections RQ, AC, RJ and NEG of the judge: our own peers pass them strictly, and wrong ones fail the right cases.

The wrong peers are a right one, written here, with one thing said otherwise; so the cases are shown to tell, and to
let pass what is right though it is not ours.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from dulcet.acse.association import Timeouts
from dulcet.acse.user_identity import verify_passcodes
from dulcet.services.scp import SCP
from dulcet.services.scu import SCU
from dulcet.services.storage.storage import Storage
from dulcet.services.verification import Verification
from dulcet.tools.conformance import commands, frames
from dulcet.tools.conformance.case import registry
from dulcet.tools.conformance.profile import Profile
from dulcet.tools.conformance.reading import Seen, read
from dulcet.tools.conformance.requestor import RequestorPeer
from dulcet.tools.conformance.results import Outcome, RunResult, TriggerRun
from dulcet.tools.conformance.runner import Runner, new_run
from dulcet.tools.log import Log
from peers import judged, judged_by_script, read_pdu, settings

from dulcet import AssociationError, Entity

SECTIONS = {"RQ": 43, "AC": 22, "RJ": 8, "NEG": 31}
CALLED, CALLING = "JUDGED", "DULCET"
VERIFICATION, CT = "1.2.840.10008.1.1", "1.2.840.10008.5.1.4.1.1.2"
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
MOST = 3


def ids(role: str) -> list[str]:
    return [each.id for each in registry().values() if each.section in SECTIONS and role in each.roles]


def failed(run: RunResult) -> set[str]:
    assert not run.sanity
    assert not [each.reason for each in run.results if each.outcome in (Outcome.ERROR, Outcome.UNDRIVEN)]
    return {each.id for each in run.results if each.outcome is Outcome.FAILED}


def told(run: RunResult) -> list[str]:
    """What did not pass, for a message."""
    return [
        f"{each.id} {each.verdict} {each.signature} {each.reason} {[exchange.why for exchange in each.exchanges]}"
        for each in run.results
        if each.outcome is not Outcome.PASSED
    ]


# ---- the catalogue ----


def test_the_catalogue_is_complete_and_its_levels_are_the_standards() -> None:
    cases = {id_: each for id_, each in registry().items() if each.section in SECTIONS}
    assert set(cases) == {f"{area}-{n:02}" for area, number in SECTIONS.items() for n in range(1, number + 1)}
    binding = (
        "RQ 1-6 10 15-21 23 25-29 35 37 40 41, AC 1-10 12 13 16-18 22, RJ 1-4, NEG 1-3 6-8 13-15 19 20 22 24-26 30"
    )
    free = "RQ 30, RJ 8, NEG 4 5 10 16"
    for level, words in (("M", binding), ("I", free)):
        assert {id_ for id_, each in cases.items() if each.level == level} == set(_listed(words))
    smoke = "RQ 1 2 6 10 15 17 28, NEG 6"
    assert {id_ for id_, each in cases.items() if "smoke" in each.tags} == set(_listed(smoke))
    assert {id_ for id_, each in cases.items() if each.roles == "R"} == set(_listed("AC 8-22, RJ 3-6 8, NEG 19"))


def _listed(text: str) -> Iterator[str]:
    for part in text.split(", "):
        area, *runs = part.split()
        for run in runs:
            first, _, last = run.partition("-")
            yield from (f"{area}-{n:02}" for n in range(int(first), int(last or first) + 1))


def test_the_sixteen_legal_rejections() -> None:
    """PS3.8 Table 9-21: either result, and the reasons of each source that are not reserved."""
    reasons = {1: (1, 2, 3, 7), 2: (1, 2), 3: (1, 2)}
    legal = {f"{result},{source},{n}" for result in (1, 2) for source, known in reasons.items() for n in known}
    assert set(registry()["RJ-04"].variants) == legal
    assert len(legal) == 16


# ---- our own peers ----


@contextmanager
def our_scp(folder: Path, **policy: Any) -> Iterator[int]:
    """An SCP of ours that checks all that can be checked."""
    scp = SCP(
        CALLED,
        [Verification(), Storage(folder)],
        timeouts=Timeouts(artim=1.0),
        log=Log("fatal"),
        require_called_ae_title=True,
        calling_ae_titles=frozenset([CALLING]),
        **policy,
    )
    with scp.running(port=0) as running:
        yield running.port


def profile() -> Profile:
    classes = {VERIFICATION: [EXPLICIT, IMPLICIT, "1.2.840.10008.1.2.4.70"], CT: [IMPLICIT, EXPLICIT]}
    return Profile(
        checks_called=True,
        checks_calling=True,
        checks_identity=True,
        user_identity=[2],
        classes=classes,
        concurrency=MOST,
    )


def test_our_scp_passes_strictly(tmp_path: Path) -> None:
    wanted = [id_ for id_ in ids("A") if id_ != "RJ-07"]
    with our_scp(tmp_path, user_identity=verify_passcodes({"dulcet": "conformance"})) as port:
        run = judged(port, wanted, strict=True, jobs=8, called=CALLED, profile=profile(), react=5.0)
    assert not told(run)
    assert len(run.results) == len(wanted)


def test_our_scp_rejects_the_association_that_is_one_too_many(tmp_path: Path) -> None:
    with our_scp(tmp_path, maximum_associations=MOST) as port:
        run = judged(port, ["RJ-07"], strict=True, called=CALLED, profile=profile())
    assert not told(run)
    assert run.results[0].signature == "RJ(2,3,2)"


Dial = Callable[[str, int, str], Awaitable[None]]


class Dialling:
    """A trigger without a process: a coroutine that dials."""

    chooses_title = True
    description = "in this process"

    def __init__(self, dial: Dial) -> None:
        self._dial = dial

    async def pull(self, host: str, port: int, aet: str, case: str) -> "Dialled":
        return Dialled(asyncio.ensure_future(self._dial(host, port, aet)))  # type: ignore[arg-type]  # a task is what it awaits


class Dialled:
    def __init__(self, task: "asyncio.Future[None]") -> None:
        self._task = task

    async def ended(self) -> str:
        await asyncio.wait([self._task])
        return "it has ended"

    async def finish(self, seconds: float) -> TriggerRun:
        await asyncio.wait_for(self._task, seconds)
        return TriggerRun((), 0, "")


def judged_requestor(dial: Dial, wanted: Sequence[str], **more: object) -> RunResult:
    async def play() -> RunResult:
        made = settings(jobs=4, **more)
        run = new_run("test", "R", made)
        async with RequestorPeer(made, Dialling(dial)) as peer:
            await Runner(peer, made, run).run([registry()[id_] for id_ in wanted])
        return run

    return asyncio.run(play())


async def our_scu(host: str, port: int, aet: str) -> None:
    def echo() -> None:
        with contextlib.suppress(AssociationError):  # what it makes of a wrong answer is seen on the wire
            SCU(CALLING, timeouts=Timeouts(artim=1.0)).echo(Entity(aet, host, port))

    await asyncio.to_thread(echo)


def test_our_scu_passes_strictly() -> None:
    run = judged_requestor(our_scu, ids("R"), strict=True)
    assert not told(run)
    assert {each.id for each in run.results} == set(ids("R"))


# ---- an acceptor that is right, and some that are not ----


def right_contexts(rq: Seen) -> list[bytes]:
    """Verification in the two uncompressed syntaxes."""
    answers = []
    for number, (abstract_syntax, syntaxes) in rq.proposals.items():
        known = [uid for uid in syntaxes if uid.decode() in (IMPLICIT, EXPLICIT)]
        result = 3 if abstract_syntax.decode() != VERIFICATION else 0 if known else 4
        answers.append(frames.answered(number, result, known[:1] or [IMPLICIT]))
    return answers


@dataclass(frozen=True)
class Acceptor:
    """Right, but for what is given otherwise."""

    contexts: Callable[[Seen], list[bytes]] = right_contexts
    titles: bytes | None = None
    """Bytes 11-74, instead of those of the request."""
    more_user: bytes = b""
    version_rejected: bytes = frames.associate_rj(1, 2, 2)
    reversed_items: bool = False
    skips_unknown: bool = True
    answers: Sequence[int] = (1,)
    """How often each request in turn is answered, over and over."""
    speaks_after_rejection: bool = False

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        rq = read(await read_pdu(reader))
        unknown = {item.type for item in (*rq.items, *rq.user_items)} - {0x10, 0x20, *range(0x50, 0x59)}
        if not rq.body[1] & 1:
            writer.write(self.version_rejected)
            if self.speaks_after_rejection:
                writer.write(frames.release_rp())
        elif rq.fault or not rq.proposals or (unknown and not self.skips_unknown):
            writer.write(frames.abort())
        else:
            writer.write(self._acceptance(rq))
            await self._serve(reader, writer)
        await reader.read()

    def _acceptance(self, rq: Seen) -> bytes:
        user = frames.user_information_with(*([self.more_user] if self.more_user else []))
        items = [frames.application_context(), *self.contexts(rq), user]
        items = items[::-1] if self.reversed_items else items
        return frames.associate_ac(items=items, fixed=rq.body[4:68] if self.titles is None else self.titles)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served = 0
        while (pdu := read(await read_pdu(reader))).type == 0x04:
            (fragment,) = pdu.fragments
            request = {0x0110: fragment.data[fragment.data.index(b"\x10\x01\x02\0\0\0") + 6 :][:2]}
            times = self.answers[served % len(self.answers)]
            served += 1
            writer.write(commands.response(fragment.context_id, request) * times)
        writer.write(frames.release_rp())


JUDGED = [
    *("RQ-02", "RQ-04", "RQ-10", "RQ-15", "RQ-16", "RQ-17", "RQ-22", "RQ-23", "RQ-28", "RQ-29"),
    *("AC-01", "AC-02", "AC-03", "AC-04", "AC-05", "AC-06", "AC-07", "RJ-01", "RJ-02"),
    *("NEG-01", "NEG-03", "NEG-06", "NEG-08", "NEG-14", "NEG-15", "NEG-18", "NEG-22", "NEG-24", "NEG-25"),
]


def without_the_last(rq: Seen) -> list[bytes]:
    return right_contexts(rq)[:-1] or right_contexts(rq)


def with_a_stranger(rq: Seen) -> list[bytes]:
    return [*right_contexts(rq), frames.answered(253, 3)]


def as_proposed(rq: Seen) -> list[bytes]:
    return [frames.answered(number, 0, syntaxes) for number, (_, syntaxes) in rq.proposals.items()]


def one_for_all(rq: Seen) -> list[bytes]:
    return [frames.answered(number, 3 if result else 0, [IMPLICIT]) for number, result in _results(rq)]


def _results(rq: Seen) -> Iterator[tuple[int, int]]:
    yield from ((number, abstract.decode() != VERIFICATION) for number, (abstract, _) in rq.proposals.items())


WRONG: dict[str, tuple[Acceptor, str]] = {
    "right": (Acceptor(), ""),
    "one result is missing": (Acceptor(without_the_last), "RQ 23 28 29, AC 2, NEG 3"),
    "a result too many": (Acceptor(with_a_stranger), "AC 2"),
    "everything accepted": (Acceptor(as_proposed), "RQ 28 29, AC 3, NEG 3"),
    "one transfer syntax for all": (Acceptor(one_for_all), "RQ 29, NEG 3"),
    "titles of its own": (Acceptor(titles=b"ACCEPTOR".ljust(64)), "AC 1"),
    "items in decreasing order": (Acceptor(reversed_items=True), "AC 7"),
    "reserved bytes": (Acceptor(more_user=frames.item(0x5E, b"12", reserved=1)), "AC 7"),
    "a role": (Acceptor(more_user=frames.role_selection(VERIFICATION, 1, 1)), "AC 6, NEG 6 8"),
    "a window": (Acceptor(more_user=frames.operations_window(0, 1)), "AC 6, NEG 14 15"),
    "common extended negotiation": (
        Acceptor(more_user=frames.common_extended_negotiation(VERIFICATION, "1.2.840.10008.4.2")),
        "AC 6, NEG 22",
    ),
    "a server response": (Acceptor(more_user=frames.identity_response("ticket")), "AC 6, NEG 24 25"),
    "two maximum lengths": (Acceptor(more_user=frames.maximum_length()), "AC 5"),
    "a reason of another source": (Acceptor(version_rejected=frames.associate_rj(1, 1, 2)), "RQ 4"),
    "a reserved reason": (Acceptor(version_rejected=frames.associate_rj(1, 3, 7)), "RQ 4, RJ 1"),
    "a word after the rejection": (Acceptor(speaks_after_rejection=True), "RQ 4, RJ 1 2"),
    "aborts what is unknown": (Acceptor(skips_unknown=False), "RQ 15 16 17"),
    "a request lost": (Acceptor(answers=(1, 0, 1)), "NEG 18"),
    "a request answered twice": (Acceptor(answers=(1, 2, 0)), "NEG 18"),
}


@pytest.mark.parametrize("name", WRONG)
def test_acceptors(name: str) -> None:
    acceptor, wrong = WRONG[name]
    run = judged_by_script(acceptor, JUDGED, strict=True, jobs=8, react=0.5)
    assert failed(run) == set(_listed(wrong) if wrong else ()), told(run)


def test_a_right_acceptor_may_answer_in_any_order() -> None:
    acceptor = replace(Acceptor(), contexts=lambda rq: right_contexts(rq)[::-1])
    assert not failed(judged_by_script(acceptor, JUDGED, strict=True, jobs=8))


# ---- requestors that are not right ----


async def heedless(host: str, port: int, aet: str) -> None:
    """Sends its request on context 1 and its release, whatever comes."""
    await _associated(host, port, aet, lambda _: commands.echo())


async def picky(host: str, port: int, aet: str) -> None:
    """Tests what is not to be tested, and aborts."""
    await _associated(host, port, aet, lambda pdu: commands.echo() if _is_plain(read(pdu)) else frames.abort(2, 1))


def _is_plain(ac: Seen) -> bool:
    types = {item.type for item in (*ac.items, *ac.user_items)}
    return ac.raw[1] == 0 and types <= {0x10, 0x21, 0x50, 0x51, 0x52, 0x55} and ac.type == 0x02


async def _associated(host: str, port: int, aet: str, makes: Callable[[bytes], bytes]) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):  # the end of a case
        writer.write(frames.associate_rq(called=aet))
        writer.write(makes(await read_pdu(reader)))
        await read_pdu(reader)
        writer.write(frames.release_rq())
        await read_pdu(reader)
    writer.close()


def test_a_requestor_that_heeds_nothing() -> None:
    run = judged_requestor(heedless, [id_ for id_ in ids("R") if id_ != "RJ-04"], strict=True)
    assert failed(run) == set(_listed("AC 10-16 18 19 21 22, RJ 3 5 6")), told(run)


def test_a_requestor_that_tests_what_is_not_to_be_tested() -> None:
    run = judged_requestor(picky, ["AC-08", "AC-09", "AC-17", "AC-18", "AC-20", "RJ-03"])
    assert failed(run) == {"AC-09", "AC-17", "AC-18", "RJ-03"}, told(run)
