"""What every test run shares: the hypothesis profile, who runs what, and what is told at the end."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["event_loops", "selection", "cell_gate", "live_matrix", "skipped", "tool_fixtures"]

settings.register_profile("dulcet", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("dulcet")

HERE = Path(__file__).parent
STRATEGIES = HERE / "test_strategies.py"
"""Strategies are what only hypothesis calls, so these of its tests do count."""


@pytest.hookimpl(trylast=True)  # after the plugin of hypothesis, which marks its own
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A line that only chance or a foreign peer has led to is not proven: such tests do not count for the coverage.

    They take half the time that way, too.
    """
    for item in items:
        by_chance = item.get_closest_marker("hypothesis") and item.path != STRATEGIES
        if by_chance or HERE / "live" in item.path.parents:
            item.add_marker("no_cover")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """One more than there are processors, as many tests wait for others; none for modules that are named.

    Those are done before workers have started.
    """
    if all(Path(argument.split("::")[0]).is_file() for argument in config.args):
        return 0
    return len(os.sched_getaffinity(0)) + 1
