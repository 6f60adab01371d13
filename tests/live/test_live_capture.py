"""`dulcet conformance capture` on what dumpcap saw of DCMTK's echoscu and storescp on loopback."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dulcet.services.scp import SCP
from dulcet.services.verification import Verification
from dulcet.tools.conformance.capture import judge
from dulcet.tools.conformance.captures.files import Capture
from dulcet.tools.log import Log
from live_peers import find

DUMPCAP = "/usr/bin/dumpcap"
SECONDS = 20.0
ASSOCIATIONS = 3


@contextmanager
def captured(port: int, path: Path) -> Iterator[None]:
    """Everything of a port on loopback, in a file."""
    words = [DUMPCAP, "-q", "-P", "-i", "lo", "-f", f"tcp port {port}", "-w", str(path)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None  # it was asked for
        line = process.stderr.readline()
        while line and not line.startswith("File:"):
            line = process.stderr.readline()
        if not line:
            pytest.skip("dumpcap may not capture here")
        yield
        until = time.monotonic() + SECONDS
        while not whole(path) and time.monotonic() < until:  # the kernel hands over a moment after it passed
            time.sleep(0.05)  # before the next look
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SECONDS)


def whole(path: Path) -> bool:
    """Whether every association is in the file with both its ends."""
    associations, _ = judge(Capture(path))
    return len(associations) == ASSOCIATIONS and all(side.ended for each in associations for side in each.sides)


@pytest.mark.skipif(not Path(DUMPCAP).exists(), reason="dumpcap is not installed")
def test_what_dumpcap_saw_of_dcmtk(dcmtk: None, tmp_path: Path) -> None:
    scp = SCP("ANY-SCP", [Verification()], log=Log("fatal"))
    path = tmp_path / "c.pcap"
    with scp.running(port=0) as running, captured(running.port, path):
        for _ in range(ASSOCIATIONS):
            words = [str(find("echoscu", "$dcmtk")), "127.0.0.1", str(running.port)]
            subprocess.run(words, check=True, timeout=SECONDS, env={**os.environ, "TCP_NODELAY": "1"})
    associations, notes = judge(Capture(path))
    assert (len(associations), notes) == (ASSOCIATIONS, [])
    for each in associations:
        assert (each.outcome, each.unjudged, each.acceptor.broken) == ("released", "", [])
        # DCMTK leaves FFH in the third byte behind each presentation-context-ID it proposes (Table 9-13)
        assert [broken.rule for broken in each.requestor.broken] == ["EM-01"]
