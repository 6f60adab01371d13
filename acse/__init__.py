"""Association control (PS3.8 7.1 to 7.4, PS3.7 Annex D): what is proposed, what a policy makes of it, what was agreed.

Negotiation is pure functions (`propose`, `answer`, `agree`); `Association` is an `UpperLayer` that applies
them, knows its deadlines and tells events. Sans-IO, in the same few verbs as the floor below.

Imports `dul`, without its transport, and `spec`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .agreement import Agreement as Agreement
    from .association import Association as Association
    from .association import Timeouts as Timeouts
    from .negotiation import Accept as Accept
    from .negotiation import agree as agree
    from .negotiation import answer as answer
    from .policy import Policy as Policy
    from .policy import Reject as Reject
    from .policy import SupportedContext as SupportedContext
    from .proposal import propose as propose

_HOMES = {
    "Association": "association",
    "Timeouts": "association",
    "Policy": "policy",
    "SupportedContext": "policy",
    "Reject": "policy",
    "Agreement": "agreement",
    "Accept": "negotiation",
    "answer": "negotiation",
    "agree": "negotiation",
    "propose": "proposal",
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
