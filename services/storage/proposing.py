"""Which presentation contexts files need, and which accepted one a file goes through (PS3.8 7.1.1.13).

Without a preference each transfer syntax the files are in gets a context of its own, so that the acceptor
cannot choose one that would make us convert although it accepts another; an uncompressed file also gets the
other little endian syntaxes, to which it can be converted. With a preference the two contexts are those of
storescu: the preferred syntax, and the uncompressed rest. 128 contexts fill an association (identifiers are
odd and 8 bits long, PS3.8 9.3.2.2); what is left over goes into the next.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Set
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from ...dul.items import ProposedContext
from ...dul.pdu import MAXIMUM_CONTEXTS
from ...spec.values import value
from ..transfer_syntaxes import (
    CONVERTIBLE,
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    fallback,
)


class Sendable(Protocol):
    """What must be known of an object to choose its context."""

    @property
    def sop_class_uid(self) -> str:
        """Its SOP class, the abstract syntax."""

    @property
    def transfer_syntax_uid(self) -> str:
        """How it is encoded now."""


class Context(Protocol):
    """What must be known of an accepted presentation context."""

    @property
    def abstract_syntax(self) -> str:
        """The SOP class it is for."""

    @property
    def transfer_syntax(self) -> str:
        """The transfer syntax the acceptor chose."""


AnySendable = TypeVar("AnySendable", bound=Sendable)
AnyContext = TypeVar("AnyContext", bound=Context)


@value
class Batch(Generic[AnySendable]):
    """What one association can carry."""

    contexts: tuple[ProposedContext, ...]
    """The presentation contexts to propose."""
    objects: tuple[AnySendable, ...]
    """What they are for, in the order given."""


class Choice(NamedTuple, Generic[AnyContext]):
    """The way an object goes."""

    context: AnyContext
    """The accepted presentation context."""
    convert: bool
    """Whether the object must be converted to the transfer syntax of the context."""


_Need = tuple[str, tuple[str, ...]]
"""A presentation context without its identifier: abstract syntax, transfer syntaxes."""


def propose(
    objects: Iterable[AnySendable],
    *,
    preferred: str = "",
    combine: bool = False,
    maximum: int = MAXIMUM_CONTEXTS,
    decompress: Container[str] = (),
    always_default: bool = False,
) -> list[Batch[AnySendable]]:
    """The associations that carry these objects, and what to propose on each.

    `preferred` is the one transfer syntax to be proposed first (`LETTERS` has them by option letter); empty
    means each object's own. `combine` makes one context a SOP class of all its syntaxes. `decompress` has the
    compressed syntaxes that may be decompressed on the way. `always_default` leaves no SOP class without the default
    transfer syntax, even where nothing can be sent in it (PS3.5 10.1).
    """
    batches: list[tuple[dict[_Need, None], list[AnySendable]]] = []
    for thing in objects:
        needs = _needs(thing, preferred, decompress, always_default)
        room = (batch for batch in batches if _count(batch[0].keys() | needs.keys(), combine) <= maximum)
        batch = next(room, None)
        if batch is None:
            batch = ({}, [])
            batches.append(batch)
        batch[0].update(needs)
        batch[1].append(thing)
    return [Batch(_numbered(contexts, combine), tuple(carried)) for contexts, carried in batches]


def _needs(
    thing: Sendable, preferred: str, decompress: Container[str] = (), always_default: bool = False
) -> dict[_Need, None]:
    """The contexts one object asks for, in order of preference."""
    own = thing.transfer_syntax_uid
    if preferred:
        choices = [(preferred,), fallback(preferred)]
    else:
        # Implicit VR Little Endian is owed for whatever can be sent in it (PS3.5 10.1).
        sendable = own in CONVERTIBLE or own in decompress
        others: tuple[str, ...] = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN) if sendable else ()
        if always_default and not others:
            others = (IMPLICIT_VR_LITTLE_ENDIAN,)
        choices = [(own,), *((uid,) for uid in others if uid != own)]
    return {(thing.sop_class_uid, syntaxes): None for syntaxes in choices if syntaxes}


def _count(contexts: Set[_Need], combine: bool) -> int:
    return len({abstract for abstract, _ in contexts}) if combine else len(contexts)


def _numbered(contexts: Iterable[_Need], combine: bool) -> tuple[ProposedContext, ...]:
    """Give the contexts their odd identifiers."""
    if combine:
        merged: dict[str, dict[str, None]] = {}
        for abstract, syntaxes in contexts:
            merged.setdefault(abstract, {}).update(dict.fromkeys(syntaxes))
        contexts = [(abstract, tuple(syntaxes)) for abstract, syntaxes in merged.items()]
    return tuple(ProposedContext(2 * i + 1, *context) for i, context in enumerate(contexts))


_CLOSEST: Final = (
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
)
"""Where a file can be converted: what keeps the VRs and costs least comes first."""


def choose(
    thing: Sendable,
    contexts: Iterable[AnyContext],
    *,
    preferred: str = "",
    decompress: Container[str] = (),
) -> Choice[AnyContext] | None:
    """The accepted context closest to the syntax of an object, or None if it can go through none of them.

    Its own syntax needs no conversion and wins, unless a `preferred` one it can be converted to was accepted.
    """
    own = thing.transfer_syntax_uid
    order = (own, *_CLOSEST) if own in CONVERTIBLE or own in decompress else (own,)
    if preferred in CONVERTIBLE and own in CONVERTIBLE:
        order = (preferred, *order)
    offered: dict[str, AnyContext] = {}
    for context in contexts:
        if context.abstract_syntax == thing.sop_class_uid:
            offered.setdefault(context.transfer_syntax, context)
    for syntax in order:
        if syntax in offered:
            return Choice(offered[syntax], syntax != own)
    return None
