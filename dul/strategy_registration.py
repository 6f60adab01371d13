"""Tell hypothesis which strategy draws which PDU, so that `st.from_type(PDataTF)` works in anybody's tests.

hypothesis calls `register` through its entry point while it is itself being imported, so nothing of
hypothesis may be imported at the top of this module, and the strategies themselves are imported only when one
is wanted.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

STRATEGIES = {
    "AssociateRQ": "associate_rqs",
    "AssociateAC": "associate_acs",
    "AssociateRJ": "associate_rjs",
    "PDataTF": "p_data_tfs",
    "PDV": "presentation_data_values",
    "Abort": "aborts",
    "ProposedContext": "proposed_contexts",
    "ContextResult": "context_results",
    "UserInformation": "user_informations",
}
"""PDU and item classes, and the name of the strategy in `strategies` that draws them."""


def register() -> None:
    """Register the strategies of `STRATEGIES`; called by hypothesis."""
    from hypothesis.strategies import register_type_strategy

    from . import items, pdu

    for class_name in STRATEGIES:
        cls: type[Any] = getattr(pdu, class_name, None) or getattr(items, class_name)
        register_type_strategy(cls, _strategy)


def _strategy(cls: type[Any]) -> "SearchStrategy[Any]":
    strategies = import_module(f"{__package__}.strategies")
    strategy: SearchStrategy[Any] = getattr(strategies, STRATEGIES[cls.__name__])()
    return strategy
