"""Which test modules run from their first to their last test: only of those can it be asked what they prove together.

A pytest plugin, on which others stand. Workers of pytest-xdist have all selected the same, and tell the process that
started them.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

selected: set[str] = set()
"""The test modules of this run, by file name."""
curtailed: set[str] = set()
"""Those of which only some tests were selected."""


def whole(modules: Iterable[str]) -> bool:
    """Whether all of these test modules run from their first to their last test."""
    return set(modules) <= selected - curtailed


def pytest_deselected(items: list[pytest.Item]) -> None:
    curtailed.update(item.path.name for item in items)


def pytest_collection_finish(session: pytest.Session) -> None:
    selected.update(item.path.name for item in session.items)
    curtailed.update(Path(argument.split("::")[0]).name for argument in session.config.args if "::" in argument)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """A worker of pytest-xdist is done: what it had selected."""
    output = getattr(node, "workeroutput", {})
    selected.update(output.get("selected", ()))
    curtailed.update(output.get("curtailed", ()))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput |= {"selected": sorted(selected), "curtailed": sorted(curtailed)}
