"""The pytest plugin: cases as tests of a stack's own suite, seen through pytest itself."""

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points

import pytest
from dulcet.tools.conformance.pytest_plugin import __name__ as plugin
from peers import in_a_thread, our_scp
from sample_runs import silent

pytest_plugins = ["pytester"]
Ran = Callable[..., pytest.RunResult]


@pytest.fixture
def ran(pytester: pytest.Pytester) -> Ran:
    """Runs pytest on one ordinary test; the plugin is found as one that is installed."""
    pytester.makepyfile("def test_own(): pass")

    def run(*words: object) -> pytest.RunResult:
        usual = ("-p", "no:xdist", "-p", "no:cacheprovider", "-v")
        return pytester.runpytest_subprocess(*usual, *map(str, words), timeout=60)

    return run


def test_each_case_is_a_test(ran: Ran) -> None:
    with our_scp() as port:
        done = ran(
            "--dulcet-conformance",
            f"127.0.0.1:{port}",
            "--dulcet-conformance-cases",
            "RL-0[12]",
            "--dulcet-conformance-strict",
        )
    done.assert_outcomes(passed=3)
    done.stdout.fnmatch_lines(["*test_own*PASSED*", "*RL-01*PASSED*", "*RL-02*PASSED*"])


def test_a_failure_tells_what_came(ran: Ran) -> None:
    with in_a_thread(silent) as port:
        done = ran("--dulcet-conformance", f"127.0.0.1:{port}", "--dulcet-conformance-cases", "S-A-06-13")
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["*S-A-06-13*", "*A-ASSOCIATE-RQ*", "*(silence)*"])


def test_what_the_peer_lacks_is_skipped(ran: Ran) -> None:
    with our_scp() as port:
        done = ran("--dulcet-conformance", f"127.0.0.1:{port}", "--dulcet-conformance-cases", "RQ-37", "-rs")
    done.assert_outcomes(passed=1, skipped=1)
    done.stdout.fnmatch_lines(["*needs a peer of which the profile says that*"])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--dulcet-conformance", "nowhere"], "nowhere is not HOST:PORT"),
        (
            ["--dulcet-conformance", "8.8.8.8:104"],
            "8.8.8.8 (8.8.8.8) is no private address: --dulcet-conformance-confirmed ",
        ),
        (
            ["--dulcet-conformance", "127.0.0.1:104", "--dulcet-conformance-cases", "NO-99"],
            "NO-99: no case has this id",
        ),
    ],
)
def test_what_cannot_be_is_told(words: list[str], told: str, ran: Ran) -> None:
    done = ran(*words)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert told in done.stderr.str()


def test_a_far_peer_is_judged_once_that_is_confirmed(ran: Ran) -> None:
    """Only collected: nothing is dialled."""
    words = ("--dulcet-conformance", "8.8.8.8:104", "--dulcet-conformance-confirmed", "--collect-only")
    done = ran(*words, "--dulcet-conformance-cases", "RL-01")
    assert done.ret == pytest.ExitCode.OK
    assert "<Item RL-01>" in done.stdout.str()


def test_a_suite_may_have_conformance_options_of_its_own(ran: Ran, pytester: pytest.Pytester) -> None:
    pytester.makeconftest("def pytest_addoption(parser): parser.addoption('--conformance', default='theirs')")
    pytester.makepyfile("def test_own(pytestconfig): assert pytestconfig.getoption('conformance') == 'given'")
    ran("--conformance", "given").assert_outcomes(passed=1)


def test_without_a_peer_it_does_nothing_and_loads_nothing(ran: Ran) -> None:
    ran().assert_outcomes(passed=1)
    code = f"import sys, {plugin}; print([name for name in sys.modules if name.startswith('dulcet.dul')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "[]\n"


def test_pytest_finds_it() -> None:
    assert plugin in [each.value for each in entry_points(group="pytest11")]
