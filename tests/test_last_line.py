"""The last line that each of the nine tools says, on whichever stream, tells in words how it ended."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from dulcet.services.scp import SCP, RunningSCP
from dulcet.services.shutdown import Shutdown
from ports import free_port
from test_bad_input import archive, work
from tool_runs import LIMIT, dicom_file, process

CALLED = {
    "echoscu": "{peer} answered: 0x0000 (success: Success)",
    "storescu": "1 of 1 files stored at {peer}",
    "dcmsend": "1 of 1 files stored at {peer}",
    "findscu": "1 match at {peer}",
    "getscu": "1 object retrieved from {peer}",
    "movescu": "1 object retrieved from {peer}",
    "termscu": "{peer} agreed to stop",
}
"""The tools that call, and what they end with when all went well."""
NOT_CALLED = {
    "echoscu": "dulcet echoscu: {peer} cannot be reached: 127.0.0.1 port {port}: Connection refused",
    "storescu": "0 of 1 files stored at {peer}: the peer cannot be reached",
    "dcmsend": "0 of 1 files stored at {peer}: the peer cannot be reached",
    "findscu": "0 matches at {peer}: the peer cannot be reached",
    "getscu": "0 objects retrieved from {peer}: the peer cannot be reached",
    "movescu": "0 objects retrieved from {peer}: the peer cannot be reached",
    "termscu": "dulcet termscu: {peer} cannot be reached: 127.0.0.1 port {port}: Connection refused",
}
"""And when nobody listens."""


def end(ran: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit code and the last line."""
    said = ran.communicate(timeout=LIMIT)[0]
    return ran.returncode, said.splitlines()[-1]


def run(*words: object, cwd: Path) -> tuple[int, str]:
    """How a tool ends."""
    with process(*words, cwd=cwd, stderr=subprocess.STDOUT) as ran:
        return end(ran)


@pytest.fixture
def good(tmp_path: Path) -> list[Path]:
    return [dicom_file(tmp_path / "1.dcm", "1.2.1")]


@pytest.fixture(params=CALLED)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def peer(name: str, tmp_path: Path, good: list[Path]) -> Iterator[RunningSCP]:
    """Somebody who does what the tool asks for."""
    with SCP("MOVESCU", archive(tmp_path / "station", []).services).running() as station:
        scp = SCP("ANY-SCP", [Shutdown()]) if name == "termscu" else archive(tmp_path, good, MOVESCU=station.entity)
        with scp.running() as running:
            yield running


def test_it_went_well(name: str, peer: RunningSCP, good: list[Path], tmp_path: Path) -> None:
    ran = run(name, "127.0.0.1", peer.port, *work(name, good), cwd=tmp_path)
    assert ran == (0, CALLED[name].format(peer=f"ANY-SCP@127.0.0.1:{peer.port}"))


def test_nobody_listens(name: str, good: list[Path], tmp_path: Path) -> None:
    port = free_port()
    ran = run(name, "127.0.0.1", port, *work(name, good), cwd=tmp_path)
    assert ran == (60, NOT_CALLED[name].format(peer=f"ANY-SCP@127.0.0.1:{port}", port=port))


@pytest.mark.parametrize("server", ["storescp", "dcmrecv"])
def test_a_server_is_stopped(server: str, tmp_path: Path) -> None:
    with process(server, "-v", 0, cwd=tmp_path, stderr=subprocess.STDOUT) as ran:
        assert ran.stdout is not None
        assert "listening" in ran.stdout.readline()
        ran.send_signal(signal.SIGTERM)
        assert end(ran) == (0, "0 objects stored")


@pytest.mark.parametrize("server", ["storescp", "dcmrecv"])
def test_a_server_has_nowhere_to_write(server: str, tmp_path: Path) -> None:
    words = f"dulcet {server}: missing: no directory that can be written to (-od)"
    assert run(server, "-od", "missing", 0, cwd=tmp_path) == (45, words)
