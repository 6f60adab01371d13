"""Faults a storage SCP commits when it is told to: for testing what its peers make of them."""

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from ..acse.agreement import AcceptedContext
from ..dimse.fragments import Sink
from ..dimse.messages import Request, Response
from ..services.service import Caller, Operation
from ..services.storage.storage import Storage


class FaultyStorage(Storage):
    """A storage SCP that aborts in the middle of an object, or after one and before its answer, or waits there."""

    def __init__(self, *args: Any, abort: str | None, sleep_after: float, sleep_during: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self.blocking = True
        self._abort, self._sleep_after, self._sleep_during = abort, sleep_after, sleep_during

    @classmethod
    def of(cls, options: argparse.Namespace) -> Callable[..., "FaultyStorage"]:
        """The faults a command line asks for."""
        return partial(cls, abort=options.abort, sleep_after=options.sleep_after, sleep_during=options.sleep_during)

    def open_sink(self, caller: Caller, context: AcceptedContext, request: Request) -> Sink:
        """--abort-during: abort as soon as there is a data set to receive."""
        if self._abort == "during":
            caller.abort("--abort-during")
        return super().open_sink(caller, context, request)

    def perform(self, operation: Operation) -> Response:
        """--sleep-during, --abort-after and --sleep-after."""
        time.sleep(self._sleep_during)
        response = super().perform(operation)
        if self._abort == "after":
            operation.caller.abort("--abort-after")
        time.sleep(self._sleep_after)
        return response
