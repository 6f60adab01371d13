"""What makes a requestor dial: an HTTP server that is asked, with what goes wrong on the way."""

import asyncio
import contextlib
import re
import socket
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

import pytest
from dulcet.services.scu import SCU
from dulcet.tools.conformance import frames, operator_page, requestor, running, trial
from dulcet.tools.conformance.case import registry
from dulcet.tools.conformance.exits import Exit, exit_code
from dulcet.tools.conformance.operator_page import Page
from dulcet.tools.conformance.requestor import RequestorPeer
from dulcet.tools.conformance.results import Health, Outcome, RunResult
from dulcet.tools.conformance.runner import Runner, blank, new_run
from dulcet.tools.conformance.trigger import Operator
from dulcet.tools.conformance.trigger_http import HttpTrigger
from dulcet.tools.exit_codes import Failure
from http_answers import server
from peers import only, settings
from ports import free_port

from dulcet import AssociationError, Entity, Timeouts


def echo(title: str, port: int) -> None:
    with contextlib.suppress(AssociationError):  # what it makes of a wrong answer is seen on the wire
        SCU("JUDGED", timeouts=Timeouts(artim=1.0)).echo(Entity(title, "127.0.0.1", port))


def judged(trigger: HttpTrigger, *ids: str, **more: object) -> RunResult:
    async def play() -> RunResult:
        made = settings(**more)
        run = new_run("test", "R", made)
        async with RequestorPeer(made, trigger) as peer:
            await Runner(peer, made, run).run([registry()[id_] for id_ in ids])
        return run

    return asyncio.run(play())


def test_a_post_makes_the_peer_dial_and_its_password_is_not_told() -> None:
    asked: list[tuple[str, str, str]] = []

    def dial(path: str, body: str, authorization: str) -> tuple[int, str]:
        asked.append((path, body, authorization))
        title, port = body.split()
        echo(title, int(port))
        return 200, "done"

    with server(dial) as place:
        trigger = HttpTrigger(f"http://user:pass%20word@{place}/echo?case={{case}}", "{aet} {port}")
        run = judged(trigger, "RL-09", "S-R-05-16", jobs=2)
    assert {each.outcome for each in run.results} == {Outcome.PASSED}
    assert {path.rpartition("=")[2] for path, _, _ in asked} == {"X-00", "RL-09", "S-R-05-16"}
    assert {authorization for _, _, authorization in asked} == {"Basic dXNlcjpwYXNzIHdvcmQ="}
    told = run.results[0].exchanges[0].trigger
    assert told is not None
    assert (told.exit_code, told.output) == (0, "200 OK done")
    assert trigger.description == f"POST http://{place}/echo?case={{case}}"
    assert "pass" not in " ".join(told.command)


def test_a_server_elsewhere_is_told_a_host_that_it_can_dial() -> None:
    asked: list[str] = []

    def note(_path: str, body: str, _authorization: str) -> tuple[int, str]:
        asked.append(body)
        return 200, "noted"

    async def pull(place: str) -> None:
        posted = await HttpTrigger(f"http://{place}/", "{host} {port}").pull("0.0.0.0", 11112, "DC-RJ-03", "RJ-03")
        await posted.finish(20.0)

    with server(note) as place:
        asyncio.run(pull(place))
    assert asked == [f"{socket.gethostname()} 11112"]


def test_what_the_server_says_is_recorded_and_not_judged() -> None:
    def dial(_path: str, body: str, _authorization: str) -> tuple[int, str]:
        title, port = body.split()
        echo(title, int(port))
        return 500, "association failed"

    with server(dial) as place:
        run = judged(HttpTrigger(f"http://{place}/", "{aet} {port}"), "RJ-03")
    told = only(run).exchanges[0].trigger
    assert told is not None
    assert (only(run).outcome, told.exit_code) == (Outcome.PASSED, 1)
    assert told.output == "500 Internal Server Error association failed"


def test_a_server_that_does_not_make_it_dial_is_told() -> None:
    with server(lambda *_: (404, "no such button")) as place:
        run = judged(HttpTrigger(f"http://{place}/"), "RJ-03")
    assert (run.sanity, exit_code(run)) == ("the server's answer: 404 Not Found no such button", Exit.UNREACHABLE)
    run = judged(HttpTrigger(f"http://{place}/"), "RJ-03")  # nobody listens any more
    assert run.sanity.startswith("the server's answer: none, ")


def test_a_server_that_never_answers_is_hung_up_on_and_its_peer_is_blocked() -> None:
    over = threading.Event()
    hangs = iter([False, True])  # the sanity check, the case

    def dial(_path: str, body: str, _authorization: str) -> tuple[int, str]:
        title, port = body.split()
        echo(title, int(port))
        if next(hangs, False):
            over.wait(20.0)
        return 200, ""

    with server(dial) as place:
        try:
            run = judged(HttpTrigger(f"http://{place}/", "{aet} {port}"), "RJ-03", trigger_seconds=0.5)
        finally:
            over.set()
    told = only(run).exchanges[0].trigger
    assert told is not None
    assert (only(run).health, told.exit_code) == (Health.BLOCKED, None)


@pytest.mark.parametrize("url", ["peer.example/echo", "ftp://peer/echo", "http:///echo", ""])
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(Failure, match="is no URL of http or https"):
        HttpTrigger(url)


class Eager:
    """A trigger whose peer has dialled, and asked for an association, before anybody hears that it was pulled."""

    chooses_title = True
    description = "eager"

    async def pull(self, host: str, port: int, aet: str, _case: str) -> "Eager":
        self._reader, self._writer = await asyncio.open_connection(host, port)
        self._writer.write(frames.associate_rq(called=aet))
        self._reading = asyncio.ensure_future(self._reader.readexactly(1))
        await asyncio.wait([self._reading], timeout=0.3)  # for an answer that must not come yet
        return self

    async def ended(self) -> str:
        self.first = (await self._reading)[0]
        await self._reader.read()
        return "it hung up"

    async def finish(self, seconds: float) -> None:
        self._writer.close()


def test_a_peer_may_dial_before_its_trigger_has_come_back() -> None:
    async def play() -> None:
        made, trigger = settings(), Eager()
        async with RequestorPeer(made, trigger) as peer:
            exchange = await trial.play(registry()["RJ-03"], "", peer, made)
        assert (trigger.first, exchange.undriven) == (0x03, "")

    asyncio.run(play())


class Halting(Eager):
    """One that sends half of its A-ASSOCIATE-RQ, and nothing for a while."""

    async def pull(self, host: str, port: int, aet: str, _case: str) -> "Halting":
        self._reader, self._writer = await asyncio.open_connection(host, port)
        request = frames.associate_rq(called=aet)
        self._writer.write(request[:40])
        self._reading = asyncio.ensure_future(self._reader.readexactly(1))
        return self


def test_half_a_request_is_told_with_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requestor, "FIRST_PDU_SECONDS", 0.1)

    async def play() -> None:
        made = settings(react=0.1)
        async with RequestorPeer(made, Halting()) as peer:
            exchange = await trial.play(registry()["RJ-03"], "", peer, made)
        assert exchange.undriven.startswith("the connection does not begin with an A-ASSOCIATE-RQ, but with b'\\x01")

    asyncio.run(play())


# ---- an operator ----


async def fetched(url: str, path: str = "/") -> str:
    """What a browser gets."""
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(url).port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
    found = (await reader.read()).decode()
    writer.close()
    return found


async def dial_as_told(page: Page) -> None:
    """An operator who does what the page says, until it says that nothing more is to be done."""
    last = ""
    while "Nothing more is to be dialled" not in (text := await fetched(page.url)):
        asked = re.search(r"<dd>([^<]+)</dd>.*<dd>(\d+)</dd>.*<dd>([^<]+)</dd>", text, re.DOTALL)
        if asked and asked[3] != last:
            last = asked[3]
            await asyncio.to_thread(echo, asked[3], int(asked[2]))


def test_the_page_tells_what_to_dial_and_how_it_came_out() -> None:
    told: list[str] = []

    async def play() -> tuple[RunResult, str, str]:
        made = settings()
        run, page = new_run("test", "R", made), Page(2, told.append, 20.0)
        async with asyncio.timeout(60.0):
            async with page.serving("127.0.0.1"), RequestorPeer(made, page) as peer:
                operator = asyncio.ensure_future(dial_as_told(page))
                await Runner(peer, made, run, ended=page.ended).run([registry()["RJ-03"], registry()["RL-09"]])
                lost = await fetched(page.url, "/etc/passwd")
            await operator
        return run, page.html(), lost

    run, page, lost = asyncio.run(play())
    assert (run.end_sanity, [each.verdict for each in run.results]) == ("", ["PASS", "PASS"])
    assert "2 of 2 cases" in page
    assert "<td>PASS</td><td>RL-09</td>" in page
    assert "refresh" not in page
    assert lost.startswith("HTTP/1.1 404 ")
    cases = [line.partition(":")[0] for line in told]
    assert (cases[0], cases[1:3], cases[-1]) == ("X-00", ["RJ-03", "RL-09"], "X-00")
    assert all("called AE title DC-" in line for line in told)


def test_the_page_shows_text_of_a_peer_as_text() -> None:
    page = Page(1, lambda _: None, 5.0)
    result = blank(registry()["RJ-03"], "R")
    result.verdict, result.reason = "UNDRIVEN", "<script>alert(1)</script>"
    page.ended(result)
    assert "&lt;script&gt;" in page.html()
    assert "<script>" not in page.html()


def test_a_browser_that_says_nothing_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator_page, "REQUEST_SECONDS", 0.1)

    async def play() -> None:
        page = Page(1, lambda _: None, 5.0)
        async with asyncio.timeout(20.0), page.serving("127.0.0.1"):
            for first in (b"", b"GET / HT", b"x" * (operator_page.LONGEST_REQUEST + 10)):
                reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(page.url).port)
                writer.write(first)
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b""
                writer.close()

    asyncio.run(play())


@pytest.mark.parametrize("host", ["", "0.0.0.0"])
def test_who_listens_on_every_address_is_dialled_by_name(host: str) -> None:
    """0.0.0.0 is no address that anybody else could dial."""
    told: list[str] = []

    async def play() -> tuple[str, str]:
        page = Page(1, told.append, 5.0)
        async with page.serving(host):
            await page.pull(host, 11112, "DC-RJ-03", "RJ-03")
            return page.url, await fetched(page.url)

    url, page = asyncio.run(play())
    name = socket.gethostname()
    assert urlsplit(url).hostname == name.lower()
    assert f"<dd>{name}</dd>" in page
    assert told[0].startswith(f"RJ-03: make the peer connect to {name} port 11112, ")


def test_the_command_with_an_operator() -> None:
    words = [sys.executable, "-m", "dulcet", "conformance", "requestor", "--manual", "--settle", "0.05", "RJ-03"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as judge:
        assert judge.stdout is not None
        try:
            for line in judge.stdout:
                if asked := re.search(r"port (\d+), called AE title (\S+)", line):
                    echo(asked[2], int(asked[1]))
            assert judge.wait(30.0) == Exit.PASSED
        finally:
            judge.kill()


@pytest.mark.parametrize("other", [["--trigger-http", "http://127.0.0.1/"], ["--", "echoscu"]])
def test_an_operator_and_something_else_is_one_too_many(other: list[str]) -> None:
    with pytest.raises(Failure, match="one of them makes the peer dial"):
        running.main(["requestor", "--manual", "RJ-03", *other])


def test_an_operator_has_as_long_as_was_said(capsys: pytest.CaptureFixture[str]) -> None:
    code = running.main(["requestor", "--manual", "--wait", "0.2", "RJ-03"])
    assert code == Exit.UNREACHABLE
    assert "no connection within 0.2 s" in capsys.readouterr().out


def test_an_address_that_is_not_here_is_told() -> None:
    with pytest.raises(Failure, match=r"192\.0\.2\.1"):
        running.main(["requestor", "--manual", "--listen-host", "192.0.2.1", "RJ-03"])


# ---- nobody is told ----


def test_the_called_title_picks_the_case() -> None:
    """Two cases wait, and the one that was asked for last is dialled first; a title of neither is refused."""
    told: asyncio.Queue[str] = asyncio.Queue()

    async def dial(port: int) -> None:
        titles = [(await told.get()).split()[-1]]
        await asyncio.to_thread(echo, titles[0], port)
        waiting = sorted([(await told.get()).split()[-1], (await told.get()).split()[-1]], reverse=True)
        assert (titles, waiting) == (["DC-X-00"], ["DC-RL-09", "DC-RJ-03"])
        with pytest.raises(AssociationError, match="called-AE-title-not-recognized"):
            await asyncio.to_thread(SCU("JUDGED").echo, Entity("ANY-SCP", "127.0.0.1", port))
        for title in waiting:
            await asyncio.to_thread(echo, title, port)
        await asyncio.to_thread(echo, (await told.get()).split()[-1], port)

    async def play() -> RunResult:
        made = settings(jobs=2)
        run = new_run("test", "R", made)
        async with asyncio.timeout(60.0), RequestorPeer(made, Operator(told.put_nowait, 20.0)) as peer:
            operator = asyncio.ensure_future(dial(made.port))
            await Runner(peer, made, run).run([registry()["RJ-03"], registry()["RL-09"]])
            await operator
        return run

    run = asyncio.run(play())
    assert (run.sanity, run.end_sanity) == ("", "")
    assert {each.id: each.verdict for each in run.results} == {"RJ-03": "PASS", "RL-09": "PASS"}
    for each in run.results:
        first = next(event for event in each.exchanges[0].events if event.kind == "pdu")
        assert f"DC-{each.id}".ljust(16).encode() == first.data[10:26]  # Table 9-11: Called-AE-title


def test_without_a_command_whoever_dials_the_port_is_judged() -> None:
    port = free_port()
    words = ["requestor", "--listen", str(port), "--wait", "20", "--settle", "0.05", "RJ-03"]
    with subprocess.Popen(
        [sys.executable, "-m", "dulcet", "conformance", *words], stdout=subprocess.PIPE, text=True
    ) as judge:
        assert judge.stdout is not None
        try:
            until = time.monotonic() + 60.0
            while judge.poll() is None and time.monotonic() < until:
                echo("DC-RJ-03", port)
            assert judge.wait(1.0) == Exit.PASSED
            assert re.search(r"^PASS +RJ-03 ", judge.stdout.read(), re.MULTILINE)
        finally:
            judge.kill()


def test_it_is_waited_for_as_long_as_was_said(capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    assert running.main(["requestor", "--wait", "0.2", "RJ-03"]) == Exit.UNREACHABLE
    assert "no connection within 0.2 s" in capsys.readouterr().out
    assert time.monotonic() - began < 15.0  # what a command has
