"""What two application entities agreed on: the result of a negotiation (PS3.8 7.1.1, PS3.7 Annex D.3).

Both ends hold an `Agreement`; roles and window are always told from the requestor's side, so that the two are
alike. It never changes, its tables are shared between associations that came to the same result, and it can
explain itself: what was proposed, what was granted, and why the rest was not.
"""

from collections.abc import Iterable, Mapping
from dataclasses import field
from types import MappingProxyType
from typing import Any

from ..spec.values import value

NOTHING: Mapping[str, Any] = MappingProxyType({})
"""The empty table, shared."""


@value
class AcceptedContext:
    """A presentation context that may be used."""

    id: int
    """Presentation-context-ID."""
    abstract_syntax: str
    """What is spoken about: a SOP class, as a rule."""
    transfer_syntax: str
    """How its data sets are encoded: one of those proposed."""
    scu: bool = True
    """The requestor may be SCU, the acceptor SCP."""
    scp: bool = False
    """The requestor may be SCP, the acceptor SCU."""

    def __str__(self) -> str:
        roles = " and ".join(role for role, held in (("SCU", self.scu), ("SCP", self.scp)) if held)
        return (
            f"presentation context {self.id}: {self.abstract_syntax} accepted with {self.transfer_syntax}, "
            f"requestor is {roles}"
        )


@value
class RefusedContext:
    """A presentation context that was proposed and may not be used."""

    id: int
    """Presentation-context-ID."""
    abstract_syntax: str
    """What was proposed."""
    result: int | None
    """Table 9-18, as answered; None where there was no answer. 0 when the acceptance itself is not usable."""
    why: str
    """In words."""
    transfer_syntaxes: tuple[str, ...] = ()
    """What was proposed."""

    def __str__(self) -> str:
        proposed = ", ".join(self.transfer_syntaxes) or "no transfer syntax"
        return f"presentation context {self.id}: {self.abstract_syntax!r} with {proposed} refused: {self.why}"


@value
class Agreement:
    """What was agreed on one association."""

    called_ae_title: str
    """The acceptor, as the requestor called it."""
    calling_ae_title: str
    """The requestor."""
    contexts: Mapping[int, AcceptedContext] = field(hash=False)
    """The usable presentation contexts by id, in the order proposed."""
    refused: tuple[RefusedContext, ...] = ()
    """The others, in the order proposed."""
    maximum_send_length: int = 0
    """Longest P-DATA-TF this end may send (PDU-length, PS3.8 D.1); 0 is unlimited."""
    window_invoked: int = 1
    """Operations the requestor may have outstanding at a time (PS3.7 D.3.3.3); 0 is unlimited."""
    window_performed: int = 1
    """Operations the acceptor may have outstanding at a time; 0 is unlimited."""
    peer_implementation_class_uid: str | None = None
    """Who made the peer (PS3.7 D.3.3.2)."""
    peer_implementation_version_name: str | None = None
    """Which version of it."""
    extended: Mapping[str, bytes] = field(default_factory=lambda: NOTHING, hash=False)
    """SOP class UID to the service-class-application-information the acceptor answered (PS3.7 D.3.3.5)."""
    user: str | None = None
    """Acceptor only: who the verifier says the requestor's user is."""
    user_identity_response: bytes | None = field(default=None, repr=False)
    """Server-response to the user identity; None where there is none (PS3.7 D.3.3.7)."""
    problems: tuple[str, ...] = ()
    """What the peer did against the standard and was passed over, or what will hinder use: one sentence
    each."""
    by_abstract_syntax: Mapping[str, tuple[AcceptedContext, ...]] = field(
        default_factory=lambda: NOTHING, repr=False, compare=False
    )
    """`contexts` by abstract syntax; made from it when not given."""

    def __post_init__(self) -> None:
        if self.contexts and not self.by_abstract_syntax:
            object.__setattr__(self, "by_abstract_syntax", grouped(self.contexts.values()))

    def context_for(self, abstract_syntax: str, transfer_syntax: str | None = None) -> AcceptedContext | None:
        """The first usable context of this abstract syntax (and this transfer syntax, if given), or None."""
        for context in self.by_abstract_syntax.get(abstract_syntax, ()):
            if transfer_syntax is None or context.transfer_syntax == transfer_syntax:
                return context
        return None

    def why_not(self, abstract_syntax: str, transfer_syntax: str | None = None) -> str:
        """Why `context_for` finds nothing: a sentence for an error message."""
        wanted = f"{abstract_syntax} with {transfer_syntax}" if transfer_syntax else abstract_syntax
        accepted = self.by_abstract_syntax.get(abstract_syntax, ())
        known = [*map(str, accepted), *(str(r) for r in self.refused if r.abstract_syntax == abstract_syntax)]
        return f"no accepted presentation context for {wanted}: {'; '.join(known) or 'none was proposed'}"

    def explain(self) -> list[str]:
        """The whole agreement in lines for people."""
        lines = [
            f"{self.calling_ae_title!r} calls {self.called_ae_title!r}",
            f"peer implementation: {self.peer_implementation_version_name!r}, {self.peer_implementation_class_uid}",
        ]
        lines += map(str, self.contexts.values())
        lines += map(str, self.refused)
        lines.append(f"longest P-DATA-TF to send: {self.maximum_send_length or 'unlimited'}")
        lines.append(
            "operations at a time: "
            f"requestor {self.window_invoked or 'unlimited'}, acceptor {self.window_performed or 'unlimited'}"
        )
        lines += (f"extended negotiation of {uid}: {info.hex()}" for uid, info in self.extended.items())
        if self.user is not None:
            lines.append(f"user: {self.user!r}")
        lines += (f"problem: {problem}" for problem in self.problems)
        return lines


def grouped(contexts: Iterable[AcceptedContext]) -> Mapping[str, tuple[AcceptedContext, ...]]:
    """Contexts by their abstract syntax, keeping their order."""
    groups: dict[str, tuple[AcceptedContext, ...]] = {}
    for context in contexts:
        groups[context.abstract_syntax] = (*groups.get(context.abstract_syntax, ()), context)
    return MappingProxyType(groups)
