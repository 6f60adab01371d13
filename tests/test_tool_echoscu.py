"""`dulcet echoscu`: what it says, what it proposes, and an exit code for each way an echo can fail."""

import io
import re
import signal
import subprocess
import sys
import time
from typing import Any

import pytest
from data_sets import CT
from dulcet.acse.policy import Reject, SupportedContext
from dulcet.acse.user_identity import Identified, Refused
from dulcet.dimse.messages import Response
from dulcet.dul import pdu
from dulcet.services.scp import SCP
from dulcet.services.service import Operation, Service
from dulcet.services.verification import Verification
from dulcet.tools.connection import scu_for, tracer
from dulcet.tools.log import Log
from dulcet.tools.options.command_line import parse
from ports import free_port
from tool_runs import (
    ACCEPTED,
    CLOSE,
    HOLD,
    LIMIT,
    NO_CONTEXT,
    PROVIDER_ABORT,
    RELEASED,
    ROOT,
    USER_ABORT,
    Scripted,
    Tool,
    documented,
    needs_ipv6,
    process,
)

ECHO_RESPONSE = pdu.PDataTF(
    (
        pdu.PDV(
            1,
            0b11,  # the last fragment of a command
            bytes.fromhex(
                "0000 0000 04000000 42000000"  # Command Group Length
                "0000 0200 12000000 312e322e3834302e31303030382e312e3100"  # Affected SOP Class UID
                "0000 0001 02000000 3080"  # Command Field: C-ECHO-RSP
                "0000 2001 02000000 0100"  # Message ID Being Responded To
                "0000 0008 02000000 0101"  # no data set
                "0000 0009 02000000 0000"  # Status: success
            ),
        ),
    )
).encode()


class Answering(Verification):
    """A Verification SCP with answers of its own, the last again and again."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)

    def perform(self, operation: Operation) -> Response:
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return operation.request.response(status)


class Aborting(Verification):
    """A Verification SCP that aborts instead."""

    def perform(self, operation: Operation) -> Response:
        operation.caller.abort("no")
        return super().perform(operation)


def echo(tool: Tool, scp: SCP, *words: object) -> Any:
    with scp.running() as running:
        return tool("echoscu", *words, "127.0.0.1", running.port)


def asked(tool: Tool, *words: object) -> pdu.AssociateRQ:
    """The request that a command line leads to."""
    seen: list[pdu.AssociateRQ] = []

    def see(request: pdu.AssociateRQ) -> Reject | None:
        seen.append(request)
        return None

    assert echo(tool, SCP("PEER", [Verification()], refuse=see), *words).code == 0
    return seen[0]


def test_a_peer_that_is_there(tool: Tool) -> None:
    with SCP("PEER", [Verification()]).running() as running:
        ran = tool("echoscu", "-aec", "PEER", "127.0.0.1", running.port)
        said = f"PEER@127.0.0.1:{running.port} answered: 0x0000 (success: Success)\n"
    assert ran == (0, said, "")


def test_verbose(tool: Tool) -> None:
    ran = echo(tool, SCP("PEER", [Verification()]), "-v")
    assert ran.code == 0
    assert re.sub(r"\d{4,}", "N", ran.err).splitlines() == [
        "I: requesting association peer=ANY-SCP@127.0.0.1:N",
        "I: association accepted maximum_send_length=N",
        "I: sending C-ECHO request",
        'I: received C-ECHO response status="N (success: Success)"'.replace("N", "0xN", 1),
        "I: releasing association",
    ]


def test_debug_shows_the_contexts_and_the_table(tool: Tool) -> None:
    ran = echo(tool, SCP("PEER", [Verification()]), "-d")
    assert "presentation context 1: 1.2.840.10008.1.1 accepted with 1.2.840.10008.1.2" in ran.err
    assert "D: Sta5 Evt3 AE-3 -> Sta6" in ran.err


def test_runs_of_data_are_one_line() -> None:
    stream = io.StringIO()
    for level in ("trace", "debug"):
        trace = tracer(Log(level, stream=stream))
        assert trace is not None
        trace(0.0, "Sta6", "Evt10", "DT-2", "Sta6", 7)
        trace(0.0, "Sta6", "Evt11", "AR-1", "Sta7", 1)
    assert stream.getvalue().splitlines() == [
        "T: Sta6 Evt10 DT-2 -> Sta6 pdus=7",
        "D: Sta6 Evt11 AR-1 -> Sta7",
        "D: Sta6 Evt11 AR-1 -> Sta7",
    ]
    assert tracer(Log("info")) is None


def test_quiet(tool: Tool) -> None:
    assert echo(tool, SCP("PEER", [Verification()]), "-q") == (0, "", "")


def test_records(tool: Tool) -> None:
    ran = echo(tool, SCP("PEER", [Verification()]), "--json", "--repeat", 3)
    assert [record["record"] for record in ran.records] == ["echo", "echo", "echo", "summary"]
    assert list(ran.records[0]) == documented("echoscu", "echo") == ["record", "status", "seconds"]
    assert list(ran.summary) == documented("echoscu", "summary")
    assert ran.summary.keys() == {"record", "words", "peer", "status", "exit_code"}
    assert (ran.summary["status"], ran.summary["exit_code"]) == ("0x0000", 0)


def test_a_failure_has_a_summary_too(tool: Tool) -> None:
    ran = tool("echoscu", "--json", "127.0.0.1", free_port())
    assert ran.summary.keys() == {"record", "words", "exit_code"}
    assert ran.summary["exit_code"] == ran.code == 60
    assert ran.err == f"dulcet echoscu: {ran.summary['words']}\n"


def test_a_failure_in_a_log_of_json(tool: Tool) -> None:
    ran = tool("echoscu", "--log-format", "json", "127.0.0.1", free_port())
    assert '"level": "fatal"' in ran.err
    assert '"exit_code": 60' in ran.err
    assert ran.out == ""


@pytest.mark.parametrize(
    ("statuses", "words", "code", "status"),
    [
        ([0x0122], [], 69, "0x0122"),
        ([0x0001], [], 68, "0x0001"),
        ([0x0000, 0x0122, 0x0000], ["--repeat", 3], 69, "0x0122"),
        ([0xFE00], [], 75, "0xFE00"),
    ],
)
def test_the_worst_status_counts(tool: Tool, statuses: list[int], words: list[object], code: int, status: str) -> None:
    ran = echo(tool, SCP("PEER", [Answering(*statuses)]), "--json", *words)
    assert (ran.code, ran.summary["status"], ran.summary["exit_code"]) == (code, status, code)


def test_nobody_listens(tool: Tool) -> None:
    ran = tool("echoscu", "127.0.0.1", free_port())
    assert (ran.code, ran.out) == (60, "")
    assert "refused" in ran.err


def test_a_host_nobody_knows(tool: Tool) -> None:
    ran = tool("echoscu", "no-such-host.invalid", 104)
    assert ran.code == 60
    assert "no-such-host.invalid" in ran.err


def test_a_host_that_does_not_answer(tool: Tool) -> None:
    began = time.monotonic()
    assert tool("echoscu", "-to", "0.3", "192.0.2.1", 104).code in (60, 74)  # RFC 5737: nobody has this address
    assert time.monotonic() - began < LIMIT


def test_rejected(tool: Tool) -> None:
    ran = echo(tool, SCP("RIGHT", [Verification()], require_called_ae_title=True), "-aec", "WRONG")
    assert ran.code == 61
    assert "called-AE-title-not-recognized" in ran.err


@pytest.mark.parametrize(
    ("answers", "words", "code", "said"),
    [
        ([NO_CONTEXT], [], 65, "no accepted presentation context"),
        ([USER_ABORT], [], 70, "peer's service user"),
        ([PROVIDER_ABORT], [], 72, "peer's service provider"),
        ([CLOSE], [], 73, "transport connection"),
        ([HOLD], ["-ta", "0.3"], 74, "waited 0.3 s"),
        ([ACCEPTED, USER_ABORT], [], 70, "peer's service user"),
        ([ACCEPTED, PROVIDER_ABORT], [], 72, "peer's service provider"),
        ([ACCEPTED, CLOSE], [], 73, "transport connection"),
        ([ACCEPTED, HOLD], ["-td", "0.3"], 74, "waited 0.3 s"),
        ([b"GET / HTTP/1.1\r\n"], [], 72, "service provider"),
    ],
)
def test_every_bad_end_has_its_code(tool: Tool, answers: list[bytes], words: list[str], code: int, said: str) -> None:
    with Scripted(answers) as peer:
        ran = tool("echoscu", *words, "127.0.0.1", peer.port)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err


@pytest.mark.parametrize("end", [CLOSE, USER_ABORT])
def test_the_echo_was_answered_but_not_the_release(tool: Tool, end: bytes) -> None:
    with Scripted([ACCEPTED, ECHO_RESPONSE, end]) as peer:
        ran = tool("echoscu", "127.0.0.1", peer.port)
    assert ran.code == 67
    assert "not released in order" in ran.err
    assert "answered: 0x0000" in ran.out


def test_an_abort_of_the_peer_s_service(tool: Tool) -> None:
    assert echo(tool, SCP("PEER", [Aborting()])).code == 70


def test_abort_instead_of_release(tool: Tool) -> None:
    with Scripted([ACCEPTED, ECHO_RESPONSE, HOLD]) as peer:
        ran = tool("echoscu", "-v", "--abort", "127.0.0.1", peer.port)
    assert ran.code == 0
    assert "I: aborting association" in ran.err
    assert peer.types == [1, 4, 7]
    assert peer.heard[-1][8:] == b"\0\0"  # source: service user


def test_release(tool: Tool) -> None:
    with Scripted([ACCEPTED, ECHO_RESPONSE, RELEASED]) as peer:
        assert tool("echoscu", "127.0.0.1", peer.port).code == 0
    assert peer.types == [1, 4, 5]


def test_titles_and_lengths(tool: Tool) -> None:
    request = asked(tool, "-aet", "ME", "-aec", "YOU", "-pdu", 4096)
    assert (request.calling_ae_title, request.called_ae_title) == ("ME", "YOU")
    assert request.user_information.maximum_length == 4096
    assert request.user_information.user_identity is None


def test_contexts(tool: Tool) -> None:
    contexts = asked(tool, "-ppc", 3, "-pts", 38).presentation_contexts
    assert [context.id for context in contexts] == [1, 3, 5]
    assert {context.abstract_syntax for context in contexts} == {"1.2.840.10008.1.1"}
    assert len(contexts[0].transfer_syntaxes) == 38
    (context,) = asked(tool).presentation_contexts
    assert context.transfer_syntaxes == ("1.2.840.10008.1.2",)


@pytest.mark.parametrize(
    ("words", "kind", "primary", "secondary"),
    [
        (["-usr", "me"], 1, b"me", b""),
        (["-usr", "me", "-pwd", "secret"], 2, b"me", b"secret"),
        (["-usr", "me", "-epw"], 2, b"me", b""),
        (["-kt", "FILE"], 3, b"a ticket", b""),
        (["--saml", "FILE"], 4, b"a ticket", b""),
        (["--jwt", "FILE"], 5, b"a ticket", b""),
    ],
)
def test_user_identity(
    tool: Tool, tmp_path: Any, words: list[str], kind: int, primary: bytes, secondary: bytes
) -> None:
    (tmp_path / "ticket").write_bytes(b"a ticket")
    request = asked(tool, *(word.replace("FILE", str(tmp_path / "ticket")) for word in words))
    identity = request.user_information.user_identity
    assert identity is not None
    assert (identity.type, identity.primary, identity.secondary) == (kind, primary, secondary)
    assert not identity.response_requested


def test_a_positive_response_is_insisted_on(tool: Tool) -> None:
    ran = echo(tool, SCP("PEER", [Verification()]), "-usr", "me", "-rsp")
    assert ran.code == 1
    assert "-rsp" in ran.err
    confirming = SCP("PEER", [Verification()], user_identity=lambda _identity, _request: Identified("me"))
    assert echo(tool, confirming, "-usr", "me", "-rsp").code == 0
    refusing = SCP("PEER", [Verification()], user_identity=lambda _identity, _request: Refused("no"))
    assert echo(tool, refusing, "-usr", "me", "-rsp").code == 61


def test_no_secret_and_no_token_in_any_line(tool: Tool, tmp_path: Any) -> None:
    (tmp_path / "token").write_bytes(b"canary.token")
    for words in (["-usr", "me", "-pwd", "canary"], ["--jwt", tmp_path / "token"]):
        ran = echo(tool, SCP("PEER", [Verification()]), *words, "-ll", "trace", "--arguments")
        assert ran.code == 0
        assert "canary" not in ran.out + ran.err


@needs_ipv6
def test_internet_protocols(tool: Tool) -> None:
    scp = SCP("PEER", [Verification()])
    with scp.running("::1") as running:
        for family, host, code in [("-i6", "::1", 0), ("-i0", "::1", 0), ("-i4", "::1", 60)]:
            assert tool("echoscu", family, host, running.port).code == code, (family, host)
        assert f"ANY-SCP@[::1]:{running.port}" in tool("echoscu", "-i0", "::1", running.port).out


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        ("-to 3 -ta 4 -td 5 -ts 6", (3.0, 4.0, 4.0, 5.0, 6.0)),
        ("-to 0 -td 0 -ts 0", (None, 30.0, 30.0, None, 1e9)),
        ("-ts -1", (10.0, 30.0, 30.0, 300.0, 1e9)),
        ("", (10.0, 30.0, 30.0, 300.0, 30.0)),
    ],
)
def test_times(words: str, settings: tuple[object, ...]) -> None:
    made = scu_for(parse("echoscu", [*words.split(), "h", "1"]), Log()).settings
    times = made.timeouts
    assert (times.connect, times.acse, times.artim, made.dimse_seconds, made.write_seconds) == settings


def test_times_of_termscu() -> None:
    made = scu_for(parse("termscu", ["-to", "3", "-ta", "4", "h", "1"]), Log()).settings
    times = made.timeouts
    assert (times.connect, times.acse, made.dimse_seconds, made.write_seconds) == (3.0, 4.0, 300.0, 30.0)


def test_two_interrupts_abort() -> None:
    with (
        Scripted([ACCEPTED, HOLD]) as peer,
        process("echoscu", "-v", "127.0.0.1", peer.port) as ran,
    ):
        assert ran.stderr is not None
        peer.wait_for(2)
        while "sending C-ECHO request" not in ran.stderr.readline():
            assert ran.poll() is None
        ran.send_signal(signal.SIGINT)
        assert ran.stderr.readline().startswith("stopping when")
        ran.send_signal(signal.SIGINT)
        _, err = ran.communicate(timeout=LIMIT)
    assert ran.returncode == 130
    assert err == "dulcet echoscu: stopped from the keyboard\n"
    assert set(peer.types[1:-1]) == {4}
    assert peer.types[-1] == 7


class Nothing(Service):
    """A service that serves computed tomography and nothing else."""

    def supports(self, abstract_syntax: str) -> SupportedContext | None:
        return SupportedContext(None) if abstract_syntax == CT else None


def test_a_peer_without_verification(tool: Tool) -> None:
    ran = echo(tool, SCP("PEER", [Nothing()]))
    assert ran.code == 65
    assert "abstract-syntax-not-supported" in ran.err


def test_a_wrong_command_line_loads_no_service() -> None:
    code = (
        "import sys; from dulcet.tools import cli; code = cli.main(['echoscu', 'localhost'], 'dulcet');"
        "print(code, [name for name in sys.modules if name.startswith(('dulcet.services', 'dulcet.dul', 'socket'))])"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=LIMIT)
    assert ran.stdout == "2 []\n"


def test_what_an_echo_need_not_load() -> None:
    code = (
        "import sys, dulcet.tools.echoscu, dulcet.tools.options.command_line;"
        "print(sorted({'ssl', 'asyncio', 'pydicom', 'structlog', 'rich', 'json', 'importlib.resources', 'subprocess'}"
        " & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=LIMIT)
    assert ran.stdout == "[]\n"
