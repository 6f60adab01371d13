"""A pytest plugin: each case of the catalogue is a test of a peer that listens (catalogue 4.14).

    pytest --dulcet-conformance 127.0.0.1:11112 --dulcet-conformance-cases tag:smoke

Without `--dulcet-conformance` it does nothing, and loads nothing of the judge. The tests are called
"conformance::PD-18". What the peer lacks is skipped; a case fails as it does in a run, with what was allowed and came.
The cases carry no marks (-k knows their tags), and no peer is made inside pytest's process: it is dialled.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .case import Case
    from .results import Result
    from .settings import Settings

NAME = "conformance"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Its options."""
    group = parser.getgroup(NAME, "dulcet conformance: judge a DICOM peer")
    group.addoption("--dulcet-conformance", metavar="HOST:PORT", help="the acceptor whose conformance is tested")
    group.addoption("--dulcet-conformance-called", metavar="AET", help="its AE title (ANY-SCP)")
    group.addoption("--dulcet-conformance-profile", metavar="FILE", help="what `dulcet conformance probe` measured")
    group.addoption(
        "--dulcet-conformance-confirmed", action="store_true", help="a public address is meant, and no clinical system"
    )
    group.addoption(
        "--dulcet-conformance-strict", action="store_true", help="what should be fails too, and every leniency"
    )
    group.addoption(
        "--dulcet-conformance-cases",
        metavar="SELECTOR",
        action="append",
        default=[],
        help="which cases, as for `dulcet conformance acceptor`; may be given again",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Take part where a peer is given."""
    if config.getoption("--dulcet-conformance"):
        config.pluginmanager.register(Cases(), "dulcet-conformance-cases")


class Cases:
    """Adds the cases to what is collected."""

    def pytest_collection_modifyitems(
        self, session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """The cases, behind the tests of files, in the order of the catalogue."""
        from ..exit_codes import Failure
        from .selecting import SelectorError

        try:
            collector = Collector.from_parent(session, name=NAME, nodeid=NAME)
            items += collector.collect()
        except (SelectorError, Failure) as error:
            raise pytest.UsageError(f"--dulcet-conformance: {error}") from None


class Collector(pytest.Collector):
    """The cases that are selected."""

    def collect(self) -> Iterator[Item]:
        """A test a case."""
        from .case import registry
        from .selecting import select

        option = self.config.getoption
        settings = _settings(option)
        for case in select(
            registry().values(), option("--dulcet-conformance-cases"), role="A", slow=False, robust=False
        ):
            yield Item.from_parent(self, name=case.id, case=case, settings=settings)


class Item(pytest.Item):
    """One case against the peer."""

    def __init__(self, *, case: Case, settings: Settings, **more: Any) -> None:
        super().__init__(**more)
        self._case, self._settings = case, settings
        for tag in case.tags:
            self.keywords[tag] = True  # for -k

    def runtest(self) -> None:
        """Judge it."""
        from .results import Outcome

        result = asyncio.run(_judged(self._case, self._settings))
        if result.outcome is Outcome.SKIPPED:
            pytest.skip(result.reason)
        if result.outcome not in (Outcome.PASSED, Outcome.TOLERATED):
            raise Deviation(result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What was allowed, what came, and the bytes."""
        from .reports.diagram import case_diagram

        if isinstance(excinfo.value, Deviation):
            return "\n".join(case_diagram(excinfo.value.result, dumps=True))
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[str, None, str]:
        """The case and its title."""
        return NAME, None, f"{self._case.id} {self._case.title}"


class Deviation(AssertionError):
    """The peer does not do what a case expects.

    Args:
        result: of the case.
    """

    def __init__(self, result: Result) -> None:
        super().__init__(f"{result.id}: {result.verdict} {result.signature} {result.reason}".strip())
        self.result = result


def _settings(option: Any) -> Settings:
    """Of the options.

    Raises:
        Failure: the peer is no address, or one that may not be touched, or its profile is none.
    """
    from ..exit_codes import ExitCode, Failure
    from . import profile as profiles
    from .safety import check_target
    from .settings import Settings

    host, colon, port = str(option("--dulcet-conformance")).rpartition(":")
    if not (colon and host and port.isdecimal() and 0 < int(port) < 1 << 16):
        raise Failure(ExitCode.USAGE, f"{option('--dulcet-conformance')} is not HOST:PORT")
    confirmed = "--dulcet-conformance-confirmed"
    check_target(host.strip("[]"), confirmed=option(confirmed), option=confirmed)
    path = option("--dulcet-conformance-profile")
    profile = profiles.load(path) if path else profiles.Profile()
    made = Settings(
        host=host.strip("[]"), port=int(port), profile=profile, strict=option("--dulcet-conformance-strict")
    )
    made.called = option("--dulcet-conformance-called") or profile.called or made.called
    made.artim = profile.t_artim
    return made


async def _judged(case: Case, settings: Settings) -> Result:
    """A case alone, with the peer's health afterwards."""
    from .acceptor import AcceptorPeer
    from .runner import Runner, new_run

    return await Runner(AcceptorPeer(settings), settings, new_run("", "A", settings)).judge(case)
