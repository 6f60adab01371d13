"""Random conversations: our own SCP holds, wrong peers are found and shrunk, and what is found can be played again."""

import asyncio
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dulcet.tools.conformance import command, frames
from dulcet.tools.conformance.acceptor import AcceptorPeer
from dulcet.tools.conformance.commands import response
from dulcet.tools.conformance.fuzzing import search as search_module
from dulcet.tools.conformance.fuzzing.counterexample import NoCounterexample, document, load
from dulcet.tools.conformance.fuzzing.playing import FaultOfTester, converse
from dulcet.tools.conformance.fuzzing.search import TIMES, Budget, Found, Search
from dulcet.tools.conformance.fuzzing.steps import FIN, RST, SEND, WAIT, Step, turns
from peers import Script, acceptor, our_scp, read_pdu, settings

REACT, SETTLE = 0.3, 0.01


def search(port: int, state: str = "Sta6", budget: Budget | None = None, react: float = REACT) -> Search:
    made = settings(port=port, react=react, settle=SETTLE)
    return Search(AcceptorPeer(made), made, state, budget or Budget(60.0, 1000))


@contextmanager
def scripted(script: Script) -> Iterator[int]:
    """The port of an acceptor that is a script, in a thread of its own, because a search has a loop of its own."""
    ready, stop, ports = threading.Event(), asyncio.Event(), list[int]()

    async def serve() -> None:
        async with acceptor(script) as port:
            ports.extend([port])
            loops.append(asyncio.get_running_loop())
            ready.set()
            await stop.wait()

    loops: list[asyncio.AbstractEventLoop] = []
    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(10.0)
        yield ports[0]
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join(10.0)


async def unexpected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, deaf_to: int = -1) -> bool:
    """Do what a right acceptor does with an ordinary association, up to a PDU that is to be answered with A-ABORT.

    False where the association ended without one; PDUs of the type `deaf_to` are passed over.
    """
    accepted = False
    while True:
        pdu = await read_pdu(reader)
        match pdu[0]:
            case 0x01 if not accepted and len(pdu) > 200:
                accepted = True
                writer.write(frames.associate_ac(fixed=pdu[10:74]))
            case 0x04 if accepted and len(pdu) > 70:
                writer.write(response(1, {}))
            case 0x05 if accepted and len(pdu) == 10:
                writer.write(frames.release_rp())
                return False
            case 0x07:
                return False
            case type_ if type_ != deaf_to:
                return True


async def right(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Aborts and closes at what is not ordinary."""
    if await unexpected(reader, writer):
        writer.write(frames.abort(2, 2))


async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Right, but an A-ASSOCIATE-RJ is passed over in silence, in whichever state it comes."""
    if await unexpected(reader, writer, deaf_to=0x03):
        writer.write(frames.abort(2, 2))


def test_our_scp_holds() -> None:
    with our_scp() as port:
        for state in ("Sta2", "Sta6", "Sta13"):
            searching = search(port, state, react=5.0)
            found = searching.run(40, 1)
            assert (found, searching.flaky, searching.undriven) == (None, [], 0)
            assert searching.played >= 30  # the others were drawn twice
            assert searching.budget.used == searching.played


@pytest.mark.parametrize("state", ["Sta3", "Sta8"])
def test_our_scp_holds_in_the_states_that_last_no_time(state: str) -> None:
    """What comes first of a conversation leaves in one segment with the PDU that leads there."""
    with our_scp() as port:
        searching = search(port, state, react=5.0)
        found = searching.run(15, 1)
    assert (found, searching.flaky, searching.undriven) == (None, [], 0)
    assert searching.played >= 8


@pytest.fixture
def aims(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[float]]:
    """What hypothesis is told to steer to, by name."""
    told: dict[str, list[float]] = {}
    real = search_module.target

    def target(observation: float, *, label: str) -> float:
        told.setdefault(label, []).append(observation)
        return real(observation, label=label)

    monkeypatch.setattr(search_module, "target", target)
    return told


def test_a_search_is_steered_to_late_and_to_long_answers(aims: dict[str, list[float]]) -> None:
    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await unexpected(reader, writer):
            await asyncio.sleep(0.2)  # a peer that takes so long
            writer.write(frames.abort(2, 2))

    with scripted(late) as port:
        assert search(port, react=5.0).run(10, 1) is None
    assert sorted(aims) == ["bytes that came for each sent", "seconds to the slowest answer"]
    assert max(aims["seconds to the slowest answer"]) >= 0.2
    assert all(value >= 0 for value in aims["bytes that came for each sent"])


def test_the_command_steers_to_the_memory_of_a_process(
    aims: dict[str, list[float]], capsys: pytest.CaptureFixture[str]
) -> None:
    with our_scp() as port:  # in this process
        words = ["fuzz", "127.0.0.1", str(port), "--seed", "1", "--examples", "3", "--pid", str(os.getpid())]
        assert command.main([*words, "--state", "3"]) == 0
    assert "from Sta3 on, --seed 1" in capsys.readouterr().out
    assert min(aims["resident memory"]) > 10_000  # KiB: Python itself is more
    assert len(aims["resident memory"]) == len(aims["seconds to the slowest answer"])


def test_a_wrong_peer_is_found_and_shrunk_to_one_step() -> None:
    with scripted(deaf) as port:
        searching = search(port)
        found = searching.run(100, 1)
    assert found is not None
    assert (found.failures, found.verdict.rule) == (3, "Table 9-10")
    assert found.verdict.why == "nothing came, though an answer was due in Sta6"
    assert found.steps == (Step(SEND, "A-ASSOCIATE-RJ", frames.associate_rj()),)


def test_the_same_seed_finds_the_same() -> None:
    with scripted(deaf) as port:
        assert search(port).run(100, 1).steps == search(port).run(100, 1).steps  # type: ignore[union-attr]  # something is found


def test_an_always_on_assertion_is_an_invariant() -> None:
    async def sloppy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await unexpected(reader, writer):
            writer.write(frames.abort(2, 3))  # a reason that Table 9-26 does not have

    with scripted(sloppy) as port:
        found = search(port).run(100, 1)
    assert found is not None
    assert (found.verdict.rule, len(found.steps)) == ("EM-02", 1)


def test_what_fails_once_is_flaky_and_not_believed() -> None:
    failing = iter([True, False, False])

    async def moody(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await unexpected(reader, writer):
            if next(failing, False):
                await reader.read()
            else:
                writer.write(frames.abort(2, 2))

    with scripted(moody) as port:
        searching = search(port)
        assert searching.run(40, 1) is None
    assert [each.failures for each in searching.flaky] == [1]


def test_a_peer_that_goes_down_is_told() -> None:
    down: list[bool] = []

    async def dying(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not down and await unexpected(reader, writer):
            down.append(True)
            writer.write(frames.abort(2, 2))

    steps = [Step(SEND, "A-ASSOCIATE-RJ", frames.associate_rj())]
    with scripted(dying) as port:
        made = settings(port=port, react=REACT, artim=-30.0)  # no time to recover
        verdict = asyncio.run(converse(steps, "Sta6", AcceptorPeer(made), made))
    assert (verdict.rule, verdict.why) == ("health", "the peer is DEAD after it")


@pytest.mark.parametrize(
    ("seconds", "connections", "least", "most"),
    [(3600.0, 5, 5, 5 + TIMES), (0.0, 1000, 0, 0)],  # a suspect is played to its end
)
def test_a_budget_ends_a_search(seconds: float, connections: int, least: int, most: int) -> None:
    with scripted(right) as port:
        searching = search(port, budget=Budget(seconds, connections))  # its time begins here
        assert searching.run(100, 1) is None
    assert searching.budget.spent
    assert least <= searching.budget.used <= most


def test_a_fault_of_the_tester_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dulcet.tools.conformance.fuzzing.playing.turns", lambda _steps: 1 / 0)
    with our_scp() as port, pytest.raises(FaultOfTester, match="ZeroDivisionError"):
        search(port).run(1, 1)


# ---- steps ----


def test_steps_are_cut_and_joined_as_they_say() -> None:
    first, second = Step(SEND, "a", b"0123456789", (50, 20, 20)), Step(SEND, "b", b"xy", (), joined=True)
    assert first.pieces == [b"01", b"234", b"56789"]
    assert turns([first, second, Step(WAIT), second, Step(FIN), Step(RST)]) == [
        (SEND, [b"01", b"234", b"56789xy"]),
        (WAIT, []),
        (SEND, [b"xy"]),
        (FIN, []),
        (RST, []),
    ]


ENDS = [
    ([Step(FIN)], "FIN"),
    ([Step(WAIT), Step(RST)], ""),
    ([Step(SEND, "half", frames.release_rq()[:5]), Step(FIN)], "FIN"),
    ([Step(SEND, "lost", b"\x04\0\xff\xff\xff\xff"), Step(WAIT)], None),
]


@pytest.mark.parametrize(("steps", "ended"), ENDS)
def test_ends_and_halves_break_nothing(steps: list[Step], ended: str | None) -> None:
    with our_scp() as port:
        made = settings(port=port, react=REACT)
        verdict = asyncio.run(converse(steps, "Sta6", AcceptorPeer(made), made))
    assert not verdict.failed
    closes = [event.kind for event in verdict.exchange.events if event.kind in ("fin", "rst")]
    assert ended is None or bool(closes) == bool(ended)


# ---- the file and the command ----


def found_example(port: int) -> Found:
    steps = (
        Step(SEND, 'A-ASSOCIATE-RJ "x"', frames.associate_rj(), (50,)),
        Step(SEND, "again", frames.associate_rj(), (), joined=True),
        Step(WAIT),
    )
    made = settings(port=port, react=REACT)
    return Found(steps, asyncio.run(converse(steps, "Sta6", AcceptorPeer(made), made)), 3)


def test_a_counterexample_survives_its_file_and_is_played_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.toml"
    with scripted(deaf) as port:
        found = found_example(port)
        path.write_text(document(found, "Sta6", "test", 1, "now"))
        words = ["fuzz", "127.0.0.1", str(port), "--react", str(REACT), "--replay", str(path), "--repeat", "2"]
        assert command.main(words) == 1
        assert "failed 2 of 2: Table 9-10: nothing came" in capsys.readouterr().out
    saved = load(path)
    assert (saved.state, saved.steps, saved.rule) == ("Sta6", found.steps, "Table 9-10")
    text = path.read_text()
    assert "|......... the case itself begins" in text
    assert "00000000  03 00 00 00 00" in text  # the hexdump
    with our_scp() as port:
        assert command.main([*words[:2], str(port), *words[3:]]) == 0
    assert capsys.readouterr().out.endswith("held 2 times\n")


HEAD = "format = 1\nstate = 'Sta6'\nrule = ''\nwhy = ''\n[[steps]]\n"


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "format = 2",
        HEAD.partition("rule")[0],
        f"{HEAD}kind = 'jump'",
        f"{HEAD}kind = 'send'\nname = ''\nhex = '0g'\ncuts = []\njoined = true",
        f"{HEAD}kind = 'send'\nname = ''\nhex = ''\ncuts = [200]\njoined = true",
    ],
)
def test_a_file_that_is_no_counterexample(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(text)
    with pytest.raises(NoCounterexample, match=r"x\.toml: "):
        load(path)


def test_the_command_saves_what_it_finds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.toml"
    with scripted(deaf) as port:
        words = ["fuzz", "127.0.0.1", str(port), "--seed", "1", "--examples", "100", "--react", str(REACT)]
        code = command.main([*words, "--settle", str(SETTLE), "--save", str(path), "--known", str(tmp_path / "known")])
    out = capsys.readouterr().out
    assert code == 1
    assert "Table 9-10 is broken: nothing came, though an answer was due in Sta6\n  A-ASSOCIATE-RJ (10 bytes)" in out
    assert load(path).steps == (Step(SEND, "A-ASSOCIATE-RJ", frames.associate_rj()),)
    assert [load(each) for each in (tmp_path / "known").rglob("*.toml")] == [load(path)]


def test_what_failed_before_is_played_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = str(tmp_path / "known")
    with scripted(deaf) as port:
        words = ["fuzz", "127.0.0.1", str(port), "--react", str(REACT), "--known", known]
        words += ["--save", str(tmp_path / "x.toml"), "--examples", "100", "--seed"]
        assert command.main([*words, "1"]) == 1
        capsys.readouterr()
        assert command.main([*words, "2"]) == 1
    assert "\n1 conversations, 3 connections\n" in capsys.readouterr().out


def test_a_peer_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["fuzz", "127.0.0.1", "1"]) == 3
    assert "no connection" in capsys.readouterr().out


def test_without_hypothesis_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith("dulcet.tools.conformance.fuzzing")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    assert command.main(["fuzz", "127.0.0.1", "104"]) == 2
    assert "needs hypothesis: pip install 'dulcet[hypothesis]'" in capsys.readouterr().err
