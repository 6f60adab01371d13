"""What people write where presentation contexts are wanted, made into what `propose` numbers (PS3.8 7.1.1.13)."""

from collections.abc import Iterable

from ..acse.proposal import Proposed
from ..dul.items import ProposedContext
from .service import Service
from .transfer_syntaxes import UNCOMPRESSED

Proposable = type[Service] | Service | str | Proposed
"""A service, an abstract syntax, one with its transfer syntaxes, or a whole context with its id."""


def proposed(things: Iterable[Proposable]) -> list[Proposed]:
    """One context for each abstract syntax named; where no transfer syntax is, the uncompressed ones.

    Raises:
        TypeError: something is none of these.
    """
    contexts: list[Proposed] = []
    for thing in things:
        if isinstance(thing, ProposedContext | tuple):
            contexts.append(thing)
        elif isinstance(thing, str):
            contexts.append((thing, UNCOMPRESSED))
        elif isinstance(thing, Service) or (isinstance(thing, type) and issubclass(thing, Service)):
            contexts += [(uid, UNCOMPRESSED) for uid in thing.proposes]
        else:
            raise TypeError(f"{thing!r} is no service, abstract syntax, or presentation context")
    return contexts
