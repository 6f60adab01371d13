"""The exit codes of `dulcet conformance` (catalogue 4.7): fixed numbers, never counts, which would wrap at 256."""

import enum

from .results import Health, Outcome, RunResult


class Exit(enum.IntEnum):
    """How a run ends; reports are written before."""

    PASSED = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    PEER_DOWN = 4
    TESTER_ERROR = 5
    DRIFT = 6


MEANINGS = {
    Exit.PASSED: "no unexpected failure",
    Exit.FAILED: "unexpected failures",
    Exit.USAGE: "the command line makes no sense",
    Exit.UNREACHABLE: "the peer cannot be reached, not even an ordinary association works, or no case could be driven",
    Exit.PEER_DOWN: "the peer is dead, or was blocked",
    Exit.TESTER_ERROR: "a fault of the tester",
    Exit.DRIFT: "only unexpected passes, or failures in another manner than the baseline's",
}


def exit_code(run: RunResult) -> Exit:
    """What a run ends with: the worst that happened."""
    if run.sanity:
        return Exit.UNREACHABLE
    if any(each.outcome is Outcome.ERROR for each in run.results):
        return Exit.TESTER_ERROR
    if run.end_sanity or any(each.health in (Health.DEAD, Health.BLOCKED) for each in run.failed):
        return Exit.PEER_DOWN
    if run.failed:
        return Exit.FAILED
    outcomes = {each.outcome for each in run.results}
    if Outcome.UNDRIVEN in outcomes and outcomes <= {Outcome.UNDRIVEN, Outcome.SKIPPED}:
        return Exit.UNREACHABLE  # nothing was seen of the peer that could be judged
    return Exit.DRIFT if run.drifted else Exit.PASSED
