"""DIMSE (PS3.7): the command-set codec, the 23 messages, fragments, operations under way, statuses.

`Exchange` is an `Association` that speaks messages; `messages` has their classes, named as in the standard with
underscores (C_STORE_RQ). Data sets are bytes here: what they hold is for `services`.

Imports `acse`, `dul` without its transport, and `spec`; no data-set library.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .errors import CommandSetError as CommandSetError
    from .errors import FragmentError as FragmentError
    from .events import CancelRequested as CancelRequested
    from .events import Request as Request
    from .events import Response as Response
    from .exchange import Exchange as Exchange
    from .fragments import Memory as Memory
    from .fragments import Reassembly as Reassembly
    from .fragments import Sink as Sink
    from .status import Status as Status

_HOMES = {
    "Exchange": "exchange",
    "Request": "events",
    "Response": "events",
    "CancelRequested": "events",
    "Memory": "fragments",
    "Sink": "fragments",
    "Reassembly": "fragments",
    "Status": "status",
    "CommandSetError": "errors",
    "FragmentError": "errors",
}
"""Each public name and the module it lives in, loaded on first use (PEP 562)."""

__all__ = [*_HOMES]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
