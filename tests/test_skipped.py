"""What a run leaves out is told, and where everything can be installed it is a failure."""

from pathlib import Path

import pytest
from inner_runs import inner_run

SKIPPING = """
import pytest

@pytest.fixture(scope="session")
def peer():
    pytest.skip("a peer is not installed")

@pytest.mark.parametrize("n", range(3))
def test_with_a_peer(peer, n):
    pass

@pytest.mark.skipif(True, reason="a tool is not installed")
def test_with_a_tool():
    pass

def test_with_a_decoder():
    pytest.importorskip("no_such_decoder")

def test_with_ipv6():
    pytest.skip("this machine has no IPv6")

@pytest.mark.xfail(reason="known")
def test_known():
    assert False
"""


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "two workers"])
def test_one_line_tells_what_was_left_out(tmp_path: Path, workers: tuple[str, ...]) -> None:
    run = inner_run(tmp_path, "skipped", {"test_a.py": SKIPPING}, *workers)
    assert run.returncode == 0, run.stdout
    (line,) = (line for line in run.stdout.splitlines() if line.startswith("NOT PROVEN"))
    assert line.startswith("NOT PROVEN IN THIS RUN, 6 skipped: a peer is not installed (3); ")
    assert {"a tool is not installed (1)", "this machine has no IPv6 (1)"} < {*line.split(": ", 1)[1].split("; ")}
    assert "could not import 'no_such_decoder'" in line


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "two workers"])
def test_where_it_could_be_installed_it_is_a_failure(tmp_path: Path, workers: tuple[str, ...]) -> None:
    run = inner_run(tmp_path, "skipped", {"test_a.py": SKIPPING}, *workers, DULCET_REQUIRE_PEERS="1")
    assert run.returncode == 1, run.stdout
    assert "1 failed, 1 skipped, 1 xfailed, 4 errors" in run.stdout
    assert "skipped, and DULCET_REQUIRE_PEERS is set: a peer is not installed" in run.stdout
    assert "NOT PROVEN IN THIS RUN, 1 skipped: this machine has no IPv6 (1)" in run.stdout


def test_nothing_left_out_is_nothing_told(tmp_path: Path) -> None:
    run = inner_run(tmp_path, "skipped", {"test_a.py": "def test_all():\n    pass\n"})
    assert run.returncode == 0, run.stdout
    assert "NOT PROVEN" not in run.stdout
