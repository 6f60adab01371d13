"""What a service user does over associations of its own, told without a transport: one floor above `steps`.

A `Visits` generator yields one association after the other, each with the steps to take on it, is sent what they
returned or thrown what ended them, and returns its result. The blocking and the asyncio SCU make the same visits.
"""

from collections.abc import Callable, Generator, Sequence
from typing import Any, Generic, TypeVar

from ..dul.items import ExtendedNegotiation, RoleSelection
from ..spec.values import value
from .contexts import Proposable
from .live import Live
from .steps import Steps

T = TypeVar("T")


@value
class Visit(Generic[T]):
    """One association, and what is done on it before it is released."""

    contexts: Sequence[Proposable]
    """What to propose."""
    steps: Callable[[Live], Steps[T]]
    """What to do."""
    roles: Sequence[RoleSelection] = ()
    """Roles other than the default ones (PS3.7 D.3.3.4)."""
    extended: Sequence[ExtendedNegotiation] = ()
    """SOP class extended negotiation (PS3.7 D.3.3.5)."""


Visits = Generator[Visit[Any], Any, T]
"""Yields visits; is sent the result of each, or thrown the AssociationError that ended it."""
