"""The cells behind a release that an acceptor asks for (Sta7, Sta10, Sta12), and RL-14: our own floors, made to ask."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dulcet.tools.conformance.case import registry
from dulcet.tools.conformance.exits import Exit, exit_code
from dulcet.tools.conformance.profile import Profile, load, text
from dulcet.tools.conformance.results import Outcome
from peers import ARTIM, apart, judged, only, told

GATED = [each.id for each in registry().values() if "gated" in each.tags]


@contextmanager
def releasing() -> Iterator[tuple[int, list[str]]]:
    """The port of an acceptor, and the command that makes it ask for release."""
    with apart(ARTIM) as (port, pid):
        yield port, ["kill", "-USR1", str(pid)]


def test_our_scp_passes_every_gated_cell_strictly() -> None:
    """PS3.8 Table 9-10: eight PDU events in each of the three states, and the collision as an acceptor sees it."""
    with releasing() as (port, command):
        run = judged(port, GATED, strict=True, jobs=4, profile=Profile(can_release=True, release=command))
    assert not told(run)
    assert len(run.results) == 24 + 1
    seen = {each.id: each.signature for each in run.results}
    assert seen["S-A-07-13"] == "FIN"  # AR-3
    assert seen["S-A-10-13"] == "RP"  # AR-10, AR-4
    assert seen["RL-14"] == "RP"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["false"], "false ended with 1"),
        (["true"], "RLRQ was due, but AC came"),
        (["/nonexistent/hook"], "/nonexistent/hook cannot be run: "),
        (["sleep", "20"], "sleep did not end within 0.5 s"),
    ],
    ids=["fails", "does nothing", "is not there", "hangs"],
)
def test_a_peer_that_cannot_be_made_to_is_not_judged(command: list[str], words: str) -> None:
    with releasing() as (port, _):
        profile = Profile(can_release=True, release=command)
        run = judged(port, ["S-A-07-13"], profile=profile, trigger_seconds=0.5)
    assert only(run).outcome is Outcome.UNDRIVEN
    assert only(run).reason.startswith(words)
    assert exit_code(run) is Exit.UNREACHABLE  # where nothing at all could be judged


def test_the_command_stands_in_the_profile(tmp_path: Path) -> None:
    profile = Profile(called="PEER", can_release=True, release=["kill", "-USR1", "{port}"])
    path = tmp_path / "peer.toml"
    path.write_text(text(profile), "utf-8")
    assert load(path) == profile
