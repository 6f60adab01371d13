"""The command line of `dulcet conformance`, wrongly used: what each command says, and that it ends with 2.

Nobody is dialled for it: where an address is given, nothing listens there, and a run would end with 3.
"""

import socket
from pathlib import Path

import pytest
from dulcet.tools.conformance import command
from dulcet.tools.conformance.exits import MEANINGS, Exit

NOWHERE = ("127.0.0.1", "1")
"""Port 1, on which nothing listens."""


def ran(words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit code, and the last line on stderr."""
    try:
        code = command.main(words.split())
    except SystemExit as ended:  # argparse
        code = int(ended.code or 0)
    lines = capsys.readouterr().err.splitlines()
    return code, lines[-1] if lines else ""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with files that are not what they should be."""
    monkeypatch.chdir(tmp_path)
    files = {
        "rubbish.json": "{",
        "list.json": "[]",
        "rubbish.toml": "called = ",
        "unknown.toml": 'colour = "red"',
        "window.toml": "async_window = 5",
        "peer.toml": 'host = "127.0.0.1"\nport = 1',
        "rubbish.pcap": "{",
    }
    for name, words in files.items():
        (tmp_path / name).write_text(words, "utf-8")
    return tmp_path


WRONG = [
    # words of the command line, what is said
    ("acceptor", "the following arguments are required: HOST, PORT"),
    ("acceptor 127.0.0.1", "the following arguments are required: PORT"),
    ("acceptor 127.0.0.1 x", "argument PORT: 'x' is not a whole number; give a whole number from 1 to 65535"),
    ("acceptor 127.0.0.1 0", "argument PORT: 0 is out of range; give a whole number from 1 to 65535"),
    ("acceptor 127.0.0.1 65536", "argument PORT: 65536 is out of range; give a whole number from 1 to 65535"),
    ("acceptor 127.0.0.1 1 PD-81", "PD-81: no case has this id; did you mean PD-"),
    ("acceptor 127.0.0.1 1 T-01 !tag:slow", "no case is left: selectors and packs exclude each other"),
    ("acceptor 127.0.0.1 1 S-R-*", "no case is left: selectors and packs exclude each other"),
    ("acceptor 8.8.8.8 104", "8.8.8.8 (8.8.8.8) is no private address: --target-confirmed says"),
    ("acceptor 127.0.0.1 1 --pid 0", "argument --pid: 0 is no process that can be measured"),
    ("acceptor 127.0.0.1 1 --pid me", "argument --pid: me is no process that can be measured"),
    ("acceptor 127.0.0.1 1 --jobs 0", "argument --jobs: 0 is out of range; give a whole number, 1 or more"),
    (
        "acceptor 127.0.0.1 1 --repeat few",
        "argument --repeat: 'few' is not a whole number; give a whole number, 1 or more",
    ),
    ("acceptor 127.0.0.1 1 --react 0", "argument --react: 0 is out of range; give seconds, more than 0"),
    ("acceptor 127.0.0.1 1 --settle nan", "argument --settle: nan is out of range; give seconds, more than 0"),
    ("acceptor 127.0.0.1 1 --artim inf", "argument --artim: inf is out of range; give seconds, more than 0"),
    ("acceptor 127.0.0.1 1 --restart-cmd '", 'argument --restart-cmd: "\'" is no command: No closing quotation'),
    ("acceptor 127.0.0.1 1 --profile none.toml", "acceptor: none.toml: No such file or directory"),
    ("acceptor 127.0.0.1 1 --profile rubbish.toml", "acceptor: rubbish.toml: Invalid"),
    ("acceptor 127.0.0.1 1 --profile unknown.toml", "acceptor: unknown.toml: colour is no field of a profile"),
    ("acceptor 127.0.0.1 1 --profile window.toml", "window.toml: async_window is two whole numbers"),
    ("acceptor 127.0.0.1 1 --baseline none.toml", "acceptor: none.toml: "),
    ("acceptor 127.0.0.1 1 --baseline unknown.toml", "acceptor: unknown.toml: colour is no entry"),
    ("acceptor 127.0.0.1 1 --json none/run.json", "--json none/run.json: there is no directory none"),
    ("acceptor 127.0.0.1 1 --loud", "unrecognized arguments: --loud"),
    ("acceptor 127.0.0.1 1 --repro RL-99", "RL-99 is no file, and no id of a case"),
    ("acceptor 127.0.0.1 1 --repro RL-09", "RL-09 is no case for a peer in role A"),
    ("requestor --repro RL-01 -- true", "RL-01 is no case for a peer in role R"),
    ("both --repro RL-02", "unrecognized arguments: --repro"),
    ("requestor RQ-01", "no case is left: selectors and packs exclude each other"),
    ("requestor --listen 65536 RL-09", "argument --listen: 65536 is out of range; give a whole number from 0 to 65535"),
    ("requestor --listen -1 RL-09", "argument --listen: -1 is out of range; give a whole number from 0 to 65535"),
    ("requestor --listen-host 192.0.2.1 RL-09 -- true", "192.0.2.1 port 0: Cannot assign requested address"),
    ("requestor --wait 0 RL-09", "argument --wait: 0 is out of range; give seconds, more than 0"),
    ("both", "both needs a --profile with host, port and requestor (a list of words)"),
    ("both --profile peer.toml", "both needs a --profile with host, port and requestor (a list of words)"),
    ("both --profile none.toml", "both: none.toml: No such file or directory"),
    ("probe", "the following arguments are required: HOST, PORT"),
    ("probe 127.0.0.1 99999", "argument PORT: 99999 is out of range; give a whole number from 1 to 65535"),
    ("probe 8.8.8.8 104", "8.8.8.8 (8.8.8.8) is no private address"),
    ("probe 127.0.0.1 1 --wait-artim 0", "argument --wait-artim: 0 is out of range; give seconds, more than 0"),
    ("list level:Q", "list: level:Q: levels are M, S and I"),
    ("list sta14", "list: sta14: states are Sta1 to Sta13 (PS3.8 Table 9-10)"),
    ("explain", "the following arguments are required: ID"),
    ("explain PD-81", "there is no case PD-81"),
    ("repro", "the following arguments are required: ID|TRACE.json"),
    ("repro PD-81", "repro: PD-81 is no file, and no id of a case"),
    ("repro rubbish.json", "repro: rubbish.json: Expecting property name"),
    ("repro list.json", "repro: list.json: no report of version 1"),
    ("repro RL-01 8.8.8.8 104", "8.8.8.8 (8.8.8.8) is no private address"),
    ("repro RL-01 --role R", "repro: RL-01 is no case for a peer in role R"),
    ("repro RL-01 --role Q", "argument --role: invalid choice: 'Q'"),
    ("repro RL-01 --repeat 0", "argument --repeat: 0 is out of range; give a whole number, 1 or more"),
    ("diff list.json", "the following arguments are required: B.json"),
    ("diff none.json list.json", "diff: none.json: No such file or directory"),
    ("diff rubbish.json list.json", "diff: rubbish.json: Expecting property name"),
    ("diff list.json list.json", "diff: list.json: no report of version 1"),
    ("matrix", "the following arguments are required: RUN.json"),
    ("matrix none.json", "matrix: none.json: No such file or directory"),
    ("matrix list.json", "matrix: list.json: no report of version 1"),
    ("schema more", "unrecognized arguments: more"),
    ("baseline", "the following arguments are required: what, PEER.xfail.toml, RUN.json"),
    ("baseline forget peer.toml list.json", "argument what: invalid choice: 'forget'"),
    ("baseline update new.toml none.json", "baseline: none.json: No such file or directory"),
    ("baseline check new.toml list.json", "baseline: list.json: no report of version 1"),
    ("fuzz", "the following arguments are required: HOST, PORT"),
    ("fuzz 127.0.0.1 0", "argument PORT: 0 is out of range; give a whole number from 1 to 65535"),
    ("fuzz 127.0.0.1 1 --state 5", "argument --state: invalid choice: '5'"),
    ("fuzz 127.0.0.1 1 --examples 0", "argument --examples: 0 is out of range; give a whole number, 1 or more"),
    ("fuzz 8.8.8.8 104", "8.8.8.8 (8.8.8.8) is no private address"),
    ("fuzz 127.0.0.1 1 --replay none.toml", "fuzz: none.toml: No such file or directory"),
    ("fuzz 127.0.0.1 1 --replay unknown.toml", "fuzz: unknown.toml: no counter-example"),
    ("words", "either HOST PORT of an acceptor, or -- COMMAND... of a requestor"),
    ("words 127.0.0.1", "either HOST PORT of an acceptor, or -- COMMAND... of a requestor"),
    ("words 127.0.0.1 1 -- true", "either HOST PORT of an acceptor, or -- COMMAND... of a requestor"),
    ("words 127.0.0.1 1 --length 6", "argument --length: invalid choice: 6"),
    ("words 127.0.0.1 1 --state Sta5", "--state: Sta2, Sta6, Sta8, Sta13 are where words begin"),
    ("words 127.0.0.1 1 --shard 3/2", "argument --shard: 3/2: must be K/N, 1 to N"),
    ("words 8.8.8.8 104", "8.8.8.8 (8.8.8.8) is no private address"),
    ("proxy", "the following arguments are required: --to"),
    ("proxy --to 127.0.0.1", "--to 127.0.0.1: must be HOST:PORT"),
    ("proxy --to 127.0.0.1:99999", "--to 127.0.0.1:99999: must be HOST:PORT"),
    (
        "proxy --to 127.0.0.1:1 --listen 99999",
        "argument --listen: 99999 is out of range; give a whole number from 0 to 65535",
    ),
    (
        "proxy --to 127.0.0.1:1 --associations 0",
        "argument --associations: 0 is out of range; give a whole number, 1 or more",
    ),
    ("proxy --to 127.0.0.1:1 --listen-host 192.0.2.1", "192.0.2.1 port 0: Cannot assign requested address"),
    ("capture", "the following arguments are required: FILE"),
    ("capture none.pcap", "capture: none.pcap: No such file or directory"),
    ("capture rubbish.pcap", "rubbish.pcap: begins with 7b, which no pcap or pcapng does"),
]


@pytest.mark.parametrize(("words", "said"), WRONG, ids=[words for words, _ in WRONG])
def test_a_command_line_that_makes_no_sense(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, line = ran(words, capsys)
    assert code == Exit.USAGE
    assert line.startswith(f"dulcet conformance {words.split()[0]}: ")
    assert said in line


def test_every_command_is_wrongly_used_above() -> None:
    assert {words.split()[0] for words, _ in WRONG} == set(command.COMMANDS)


@pytest.mark.parametrize("words", ["acceptor", "probe", "fuzz", "words"])
def test_a_peer_that_is_not_there_is_another_thing(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = command.main([words, *NOWHERE])
    said = capsys.readouterr()
    assert code == Exit.UNREACHABLE
    assert "no connection: [Errno 111]" in said.out + said.err


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for words in (f"requestor RL-09 --listen {port} -- true", f"proxy --to 127.0.0.1:1 --listen {port}"):
            code, line = ran(words, capsys)
            assert (code, f"127.0.0.1 port {port}: Address already in use" in line) == (Exit.USAGE, True)


@pytest.mark.parametrize("words", ["help", "-h", "--help"])
def test_help_tells_every_command_and_every_exit_code(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([words]) == Exit.PASSED
    said = capsys.readouterr().out
    assert all(f"\n  {name} " in said for name in command.COMMANDS)
    assert all(f"\n  {code.value}  {meaning}" in said for code, meaning in MEANINGS.items())


def test_a_command_that_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["judge"]) == Exit.USAGE
    said = capsys.readouterr().err
    assert said.startswith("dulcet conformance: there is no command 'judge'\nusage: dulcet conformance COMMAND ...")


def test_without_a_command_help_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([]) == Exit.USAGE
    said = capsys.readouterr()
    assert (said.out, said.err.startswith("usage: dulcet conformance COMMAND ...")) == ("", True)
