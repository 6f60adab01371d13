"""Programs run on reception: one argument stays one argument, whatever a peer calls itself."""

import errno
import io
import json
import os
import socket
import sys
import time
from pathlib import Path

import pytest
from dulcet.tools.exit_codes import for_error
from dulcet.tools.hooks import Hook, HookError, Outcome, Reception, filled, split
from dulcet.tools.log import Log
from wire_peers import SECONDS, until

RECEPTION = Reception("/data/in", "CT.1.2.3.dcm", "MODALITY", "ARCHIVE", "10.0.0.7")

TELL = "import json, os, sys; json.dump([sys.argv[2:], dict(os.environ)], open(sys.argv[1], 'w'))"


def telling(target: Path, arguments: str) -> str:
    """A command that writes its own arguments and environment to a file."""
    return f'{sys.executable} -c "{TELL}" {target} {arguments}'


def run(command: str, reception: Reception = RECEPTION, timeout: float = 30.0) -> tuple[Outcome, str]:
    stream = io.StringIO()
    hook = Hook(command, log=Log("error", stream=stream), timeout=timeout)
    outcome = hook.run(reception)
    hook.close()
    return outcome, stream.getvalue()


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("process #p/#f", ("process", "/data/in/CT.1.2.3.dcm")),
        ("mail -s 'from #a to #c' #r", ("mail", "-s", "from MODALITY to ARCHIVE", "10.0.0.7")),
        ("x #x ## #", ("x", "#x", "##", "#")),
        ("a;b `c` $(d) | e > f", ("a;b", "`c`", "$(d)", "|", "e", ">", "f")),
        ("x '' #f#f", ("x", "", "CT.1.2.3.dcmCT.1.2.3.dcm")),
    ],
)
def test_placeholders(command: str, arguments: tuple[str, ...]) -> None:
    assert filled(split(command), RECEPTION) == arguments


@pytest.mark.parametrize(
    "title",
    ["; rm -rf /", "$(id)", "`id`", "a b", "'", '"', "&& x", "| x", "> /tmp/x", "*", "~", "#f", "%s", "\\"],
)
def test_a_title_is_one_argument(title: str, tmp_path: Path) -> None:
    target = tmp_path / "told"
    outcome, said = run(telling(target, "#a end"), Reception("/d", "f", title, "C", "r"))
    assert (outcome.returncode, outcome.error, said) == (0, "", "")
    arguments, environment = json.loads(target.read_text())
    assert arguments == [title, "end"]
    assert environment["DULCET_CALLING_AE_TITLE"] == title


def test_a_title_is_no_option_and_has_no_control_characters() -> None:
    strange = Reception("/d", "f", "-rf", "A\n\0B\x1b", "r")
    assert filled(("x", "#a", "-#a", "--title=#a", "#c"), strange) == (
        "x",
        "_rf",
        "--rf",
        "--title=-rf",
        "A__B_",
    )


def test_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DULCET_REQUIRE_PEERS", raising=False)
    monkeypatch.setenv("KEPT", "yes")
    target = tmp_path / "told"
    run(telling(target, ""))
    _, environment = json.loads(target.read_text())
    assert {name: value for name, value in environment.items() if name.startswith(("DULCET_", "KEPT"))} == {
        "DULCET_DIRECTORY": "/data/in",
        "DULCET_FILE": "CT.1.2.3.dcm",
        "DULCET_CALLING_AE_TITLE": "MODALITY",
        "DULCET_CALLED_AE_TITLE": "ARCHIVE",
        "DULCET_ADDRESS": "10.0.0.7",
        "KEPT": "yes",
    }


def test_no_socket_is_inherited(tmp_path: Path) -> None:
    target = tmp_path / "told"
    look = f"import os; open('{target}', 'w').write(' '.join(os.listdir('/proc/self/fd')))"
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("this machine has no /proc: cannot see the files of a process")
    with socket.socket() as ours:
        os.set_inheritable(ours.fileno(), True)
        run(f'{sys.executable} -c "{look}"')
    # 0, 1, 2, the file being written and the directory being read.
    assert len(target.read_text().split()) == 5


def test_output_of_the_program_is_not_mixed_into_ours(capfd: pytest.CaptureFixture[str]) -> None:
    run(f"{sys.executable} -c \"print('hello')\"")
    assert capfd.readouterr() == ("", "hello\n")


def test_failures_are_logged_and_not_raised() -> None:
    outcome, said = run(f"{sys.executable} -c 'raise SystemExit(3)'")
    assert outcome.returncode == 3
    assert said.startswith("E: exec-on-reception: ended with exit code 3 command=")
    outcome, said = run("/no/such/program #f")
    assert outcome == Outcome(
        ("/no/such/program", "CT.1.2.3.dcm"), None, "cannot be started: No such file or directory"
    )
    assert "/no/such/program CT.1.2.3.dcm" in said


def test_a_program_that_takes_too_long_ends_with_its_children(tmp_path: Path) -> None:
    target = tmp_path / "pid"
    start = time.monotonic()
    outcome, said = run(f"sh -c 'sleep 60 & echo $! > {target}; wait'", timeout=1.0)
    assert time.monotonic() - start < 20
    assert outcome.returncode is None
    assert "took longer than 1 s and was ended" in said
    until(lambda: ended(int(target.read_text())), "the child to end")


def ended(pid: int) -> bool:
    """Whether a process is gone, or only its entry waits to be read by whoever adopted it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_so_many_at_a_time(tmp_path: Path) -> None:
    hook = Hook("touch #p/#f", concurrency=2)
    names = [f"f{number}" for number in range(6)]
    futures = [hook.submit(Reception(str(tmp_path), name, "A", "B", "r")) for name in names]
    assert all(future.result(30).returncode == 0 for future in futures)
    hook.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def opened(gate: Path) -> bool:
    """Let whoever reads from a FIFO come to its end; whether somebody did."""
    try:
        os.close(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))
    except OSError as error:
        if error.errno != errno.ENXIO:  # nobody reads
            raise
        return False
    return True


def test_submitting_does_not_wait(tmp_path: Path) -> None:
    gates = [tmp_path / "first", tmp_path / "second"]
    hook = Hook("cat #p/#f", concurrency=1)
    for gate in gates:
        os.mkfifo(gate)
    first, second = (hook.submit(Reception(str(tmp_path), gate.name, "A", "B", "r")) for gate in gates)
    until(lambda: opened(gates[0]), "the first to run")
    assert first.result(SECONDS).returncode == 0
    assert not second.done()
    until(lambda: opened(gates[1]), "the second to run")
    hook.close()
    assert second.done()


@pytest.mark.parametrize(
    ("command", "words"), [("", "is empty"), ("  ", "is empty"), ("say 'hello", "cannot be split")]
)
def test_commands_that_cannot_be_run(command: str, words: str) -> None:
    with pytest.raises(HookError, match=words) as raised:
        Hook(command)
    assert for_error(raised.value) == 2
