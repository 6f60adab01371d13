"""`--workers N`: several processes behind one port, and one end for all of them."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from dulcet.services.entity import Entity
from dulcet.services.scu import SCU
from dulcet.tools.exit_codes import ExitCode
from dulcet.tools.workers import shared
from tool_runs import LIMIT, dicom_file, process

Running = tuple[subprocess.Popen[str], Entity]


@contextlib.contextmanager
def serving(tool: str, *words: object) -> Iterator[Running]:
    """A server of two processes, once both listen."""
    with process(tool, "--json", "--workers", 2, *words) as ran:
        assert ran.stdout is not None
        line = ran.stdout.readline()
        while line and json.loads(line)["record"] != "listening":
            line = ran.stdout.readline()
        yield ran, Entity("ANY-SCP", "127.0.0.1", json.loads(line)["port"])


def workers(ran: subprocess.Popen[str]) -> list[int]:
    """The processes it started."""
    return [int(each) for each in Path(f"/proc/{ran.pid}/task/{ran.pid}/children").read_text().split()]


def ended(ran: subprocess.Popen[str]) -> tuple[int, dict[str, object]]:
    """The exit code and the summary."""
    out, _ = ran.communicate(timeout=LIMIT)
    return ran.returncode, json.loads(out.splitlines()[-1])


def until_gone(processes: list[int]) -> None:
    """Wait for processes that are not ours to end."""
    deadline = time.monotonic() + LIMIT
    while any(Path(f"/proc/{each}").exists() for each in processes):
        assert time.monotonic() < deadline, f"still there: {processes}"
        time.sleep(0.01)  # before the next look


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_objects_of_all_workers_are_counted_together(tmp_path, number):
    with serving("storescp", "-od", tmp_path, "--durability", "crash-safe", 0) as (ran, peer):
        assert len(workers(ran)) == 2
        for each in range(8):  # the kernel deals out connections by their ports: enough of them to reach both
            file = dicom_file(tmp_path / "sent.dcm", f"1.2.{each}")
            assert [result.stored for result in SCU().store(peer, [file])] == [True]
        ran.send_signal(number)
        code, summary = ended(ran)
    assert (code, summary["stored"], summary["failed"]) == (0, 8, 0)


def test_ctrl_c_on_a_terminal_is_one_signal_for_each(tmp_path):
    """The workers are in groups of their own, so the terminal does not signal them besides."""
    with serving("dcmrecv", "-od", tmp_path, 0) as (ran, _):
        assert {os.getpgid(each) for each in workers(ran)} == set(workers(ran))


def test_when_one_is_killed_all_end_and_say_so(tmp_path):
    with serving("storescp", "-od", tmp_path, 0) as (ran, _):
        first, second = workers(ran)
        os.kill(first, signal.SIGKILL)
        assert ended(ran)[0] == ExitCode.FAILURE
        until_gone([second])


def test_when_the_first_process_is_killed_the_others_end(tmp_path):
    with serving("storescp", "-od", tmp_path, 0) as (ran, _):
        left = workers(ran)
        ran.kill()
        ran.wait(LIMIT)
        until_gone(left)


def test_termscu_stops_them_all(tmp_path):
    with (
        serving("storescp", "-od", tmp_path, "--allow-shutdown", 0) as (ran, peer),
        process("termscu", "127.0.0.1", peer.port) as asking,
    ):
        assert asking.wait(LIMIT) == 0
        assert ended(ran)[0] == 0


def test_a_port_that_is_taken_is_an_error(tmp_path):
    with (
        socket.create_server(("", 0)) as taken,
        process("storescp", "--workers", 2, "-od", tmp_path, taken.getsockname()[1]) as ran,
    ):
        assert ran.wait(LIMIT) == ExitCode.LISTEN


def test_what_each_worker_finds_wrong_is_said_once_by_each_and_ends_all(tmp_path):
    """A name extension that no file can have shows when a worker opens its store."""
    with process("storescp", "--workers", 2, "-od", tmp_path, "-fe", "/x", 0) as ran:
        assert ran.wait(LIMIT) != 0


def test_an_archive_is_asked_through_any_of_them(tmp_path):
    pytest.importorskip("sqlalchemy")
    with serving("qrscp", "--port", 0, tmp_path) as (ran, peer):
        file = dicom_file(tmp_path.parent / "sent.dcm", "1.2.3")
        assert [result.stored for result in SCU().store(peer, [file])] == [True]
        for _ in range(8):
            assert SCU().echo(peer) == 0
        ran.send_signal(signal.SIGTERM)
        assert ended(ran)[0] == 0


def test_limits_are_shared_out():
    assert [shared(200, 1), shared(200, 3), shared(1, 4)] == [200, 67, 1]
