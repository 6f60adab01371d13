"""What an acceptor allows (PS3.8 7.1.1, PS3.7 Annex D.3): the half of a negotiation that does not come from
the peer.

A `Policy` is made once and shared by all associations of an application entity. It says which titles are
answered, which abstract syntaxes are served with which transfer syntaxes and roles, and how far the optional
features go; questions it cannot answer from a table are hooks. To change a policy, make another one
(`dataclasses.replace`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from ..dul.errors import LocalProtocolError
from ..dul.items import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    CommonExtendedNegotiation,
    UserInformation,
)
from ..dul.pdu import AssociateRJ, AssociateRQ
from ..dul.ranges import check_maximum_length, check_number, check_window
from ..dul.upper_layer import MAXIMUM_LENGTH
from ..dul.wire import is_ae_title
from ..spec import codes
from ..spec.values import value
from .user_identity import Verifier

MAXIMUM_ASSOCIATIONS = 200
"""Associations at a time, so that a flood ends in A-ASSOCIATE-RJ and not in exhaustion."""


@value
class Reject:
    """A refusal of the whole association (PS3.8 9.3.4, Table 9-21)."""

    result: int
    """1 rejected-permanent, 2 rejected-transient."""
    source: int
    """1 service-user, 2 service-provider (ACSE), 3 service-provider (presentation)."""
    reason: int
    """Reason/Diag., within its source."""
    why: str
    """In words, for our own log; the peer sees the three numbers only."""

    def __post_init__(self) -> None:
        if self.result not in codes.REJECT_RESULTS or (self.source, self.reason) not in codes.REJECT_REASONS:
            raise LocalProtocolError(
                f"A-ASSOCIATE-RJ with result {self.result}, source {self.source}, reason {self.reason}: "
                "not in PS3.8 Table 9-21"
            )

    @property
    def pdu(self) -> AssociateRJ:
        """The A-ASSOCIATE-RJ that says so."""
        return AssociateRJ(self.result, self.source, self.reason)


@value
class SupportedContext:
    """How an acceptor serves one abstract syntax."""

    transfer_syntaxes: tuple[str, ...] | None
    """Transfer syntaxes it can take, best first; None takes any (an acceptor that keeps what it gets as it
    came)."""
    scu_role: bool = True
    """The requestor may be SCU: we are its SCP. This is what holds when no role is negotiated."""
    scp_role: bool = False
    """The requestor may be SCP, if it proposes so: we are its SCU (as in C-GET)."""

    def __post_init__(self) -> None:
        if self.transfer_syntaxes == ():
            raise LocalProtocolError("a supported context has no transfer syntax; None stands for any")
        if not (self.scu_role or self.scp_role):
            raise LocalProtocolError("a supported context leaves the requestor no role (PS3.7 D.3.3.4)")


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """What one acceptor allows. Two policies are equal only if they are the same one."""

    contexts: Mapping[str, SupportedContext] = field(default_factory=dict)
    """Abstract syntax to how it is served."""
    supports: Callable[[str], SupportedContext | None] | None = None
    """Asked for abstract syntaxes that `contexts` has not (every storage class, say). A pure function of the
    name: what it answers is remembered."""
    preference: Literal["acceptor", "requestor"] = "acceptor"
    """Whose order of transfer syntaxes decides."""

    ae_title: str | None = None
    """Our own AE title; None answers to any."""
    require_called_ae_title: bool = True
    """Refuse requests that call another title than `ae_title`."""
    calling_ae_titles: frozenset[str] | None = None
    """Who may call; None is anybody. AE titles are no secrets: this orders, it does not protect."""
    ae_title_policy: Callable[[str, str], Reject | None] | None = None
    """Last word on (called, calling) AE title, when the checks above have let them pass."""

    request_policy: Callable[[AssociateRQ], Reject | None] | None = None
    """Last word on a whole request whose names have passed, before its contexts are judged."""

    user_identity: Verifier | None = None
    """Judges user identities of types 1 to 5 (PS3.7 D.3.3.7); None ignores them, as the standard allows."""
    identity_required: bool = False
    """Refuse requests without a user identity."""

    maximum_length: int = MAXIMUM_LENGTH
    """Longest P-DATA-TF we want to receive; 0 is unlimited."""
    asynchronous_operations_window: tuple[int, int] = (1, 1)
    """The most we grant: operations the requestor may invoke, and perform, at a time; 0 is unlimited."""
    extended_negotiation: Callable[[str, bytes], bytes | None] | None = None
    """(SOP class UID, service-class-application-information) to the information to answer with, or None for
    no answer."""
    common_extended_negotiation: Callable[[CommonExtendedNegotiation], SupportedContext | None] | None = None
    """Asked for an abstract syntax that is not supported by itself, when the requestor names its service
    class and related general SOP classes (PS3.7 D.3.3.6)."""

    maximum_associations: int = MAXIMUM_ASSOCIATIONS
    """Associations open at a time."""
    reject_when_nothing_accepted: bool = False
    """Refuse the association when no presentation context is acceptable; otherwise accept it, context by
    context refused."""

    implementation_class_uid: str = IMPLEMENTATION_CLASS_UID
    """PS3.7 D.3.3.2."""
    implementation_version_name: str | None = IMPLEMENTATION_VERSION_NAME
    """PS3.7 D.3.3.2, 1 to 16 characters."""
    user_information: UserInformation = field(init=False, repr=False)
    """What every answer says, before anything optional."""

    def __post_init__(self) -> None:
        if self.preference not in ("acceptor", "requestor"):
            raise LocalProtocolError(f"preference is {self.preference!r}, neither 'acceptor' nor 'requestor'")
        if self.identity_required and self.user_identity is None:
            raise LocalProtocolError("identity_required needs a user_identity verifier")
        check_number("maximum_associations", self.maximum_associations, 0)
        check_maximum_length("maximum_length", self.maximum_length)
        for operations in self.asynchronous_operations_window:
            check_window("asynchronous_operations_window", operations)
        if isinstance(self.calling_ae_titles, str):
            raise LocalProtocolError("calling_ae_titles is one string, not a set of AE titles")
        self._set("contexts", MappingProxyType(dict(self.contexts)))
        if self.ae_title is not None:
            if not is_ae_title(self.ae_title):
                raise LocalProtocolError(
                    f"AE title {self.ae_title!r} is not 1 to 16 characters of ISO 646 (PS3.8 Table 9-11)"
                )
            self._set("ae_title", self.ae_title.strip(" "))
        if self.calling_ae_titles is not None:
            self._set("calling_ae_titles", frozenset(title.strip(" ") for title in self.calling_ae_titles))
        said = UserInformation(self.maximum_length, self.implementation_class_uid, self.implementation_version_name)
        self._set("user_information", said)

    def supported(self, abstract_syntax: str) -> SupportedContext | None:
        """How this abstract syntax is served, or None."""
        if supported := self.contexts.get(abstract_syntax):
            return supported
        return self.supports(abstract_syntax) if self.supports else None

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)  # only while being built: callers' tables are copied, titles trimmed
