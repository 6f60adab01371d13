"""`dulcet termscu`: the rejection that is a success, and what is none."""

import json

from dulcet.services.scp import SCP
from dulcet.services.shutdown import Shutdown
from dulcet.services.verification import Verification
from ports import free_port
from tool_runs import HOLD, LIMIT, Scripted, Tool, documented, process


def test_a_server_agrees_to_stop(tool: Tool) -> None:
    with SCP("PEER", [Verification(), Shutdown()]).running() as running:
        ran = tool("termscu", "-v", "--json", "-aec", "PEER", "127.0.0.1", running.port)
        assert running.wait(LIMIT)
    assert ran.code == 0
    assert [line.split(" peer=")[0] for line in ran.err.splitlines()] == [
        "I: requesting shutdown",
        "I: association rejected, which is how a server consents",
    ]
    assert list(ran.summary) == documented("termscu", "summary") == ["record", "words", "peer", "exit_code"]
    assert ran.summary["words"].endswith(" agreed to stop")


def test_storescp_stops_when_it_may(tool: Tool, tmp_path: object) -> None:
    with process("storescp", "--json", "--allow-shutdown", "-od", tmp_path, 0) as ran:
        assert ran.stdout is not None
        port = json.loads(ran.stdout.readline())["port"]
        assert tool("termscu", "127.0.0.1", port).code == 0
        out, err = ran.communicate(timeout=LIMIT)
    assert (ran.returncode, err) == (0, "")
    assert json.loads(out)["record"] == "summary"


def test_storescp_goes_on_when_it_may_not(tool: Tool, tmp_path: object) -> None:
    """Without --allow-shutdown nobody in the network can stop it."""
    with process("storescp", "--json", "-od", tmp_path, 0) as ran:
        assert ran.stdout is not None
        port = json.loads(ran.stdout.readline())["port"]
        asked = tool("termscu", "127.0.0.1", port)
        assert asked.code == 1
        assert "accepted the association instead of stopping" in asked.out
        assert tool("echoscu", "127.0.0.1", port).code == 0
        assert ran.poll() is None


def test_a_server_that_knows_no_shutdown(tool: Tool) -> None:
    with SCP("PEER", [Verification()]).running() as running:
        ran = tool("termscu", "127.0.0.1", running.port)
        assert not running.wait(0)
    assert ran.code == 1
    assert "accepted the association instead of stopping" in ran.out


def test_another_rejection_is_a_failure(tool: Tool) -> None:
    with SCP("PEER", [Shutdown()], require_called_ae_title=True).running() as running:
        assert tool("termscu", "-aec", "OTHER", "127.0.0.1", running.port).code == 61
        assert not running.wait(0)


def test_what_else_goes_wrong(tool: Tool) -> None:
    assert tool("termscu", "127.0.0.1", free_port()).code == 60
    with Scripted([HOLD]) as peer:
        assert tool("termscu", "-ta", "0.3", "127.0.0.1", peer.port).code == 74
