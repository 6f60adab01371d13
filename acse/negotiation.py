"""Association negotiation as pure functions (PS3.8 7.1.1 and 9.3.2-9.3.4, PS3.7 Annex D.3): a proposal and a
policy make an answer.

- `propose` (in `proposal`) builds a requestor's A-ASSOCIATE-RQ;
- `answer` is the acceptor's whole decision, an `Accept` or a `Reject`, with reasons. Its first half is what
  the service provider has to say (`refusal_by_provider`, the question of AE-6), its second half the service
  user's;
- `agree` reads an A-ASSOCIATE-AC for the requestor, in the DICOM application context. It raises for nothing a
  peer may send: what cannot be used is left out of the `Agreement`, and said there.

Optional features (53H, 54H, 56H, 57H, 58H) are answered only when proposed, and 57H never is. A feature
proposed twice for one SOP class in two different ways refuses the association; the very same item twice does
no harm.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from ..dul.items import (
    AsynchronousOperationsWindow,
    CommonExtendedNegotiation,
    ExtendedNegotiation,
    UserIdentity,
    UserIdentityResponse,
    UserInformation,
)
from ..dul.pdu import APPLICATION_CONTEXT, AssociateAC, AssociateRJ, AssociateRQ
from ..dul.ranges import MINIMUM_MAXIMUM_LENGTH
from ..dul.wire import is_ae_title
from ..spec import codes
from ..spec.values import value
from .agreement import NOTHING, AcceptedContext, Agreement, RefusedContext
from .policy import Policy, Reject, SupportedContext
from .presentation import Contexts, confirm, judge
from .proposal import propose
from .user_identity import TYPES, USERNAME_AND_PASSCODE, Identified

__all__ = [
    "propose",
    "answer",
    "refusal_by_provider",
    "answer_by_user",
    "agree",
    "describe_rejection",
    "Accept",
    "Reject",
    "Agreement",
    "AcceptedContext",
    "RefusedContext",
    "Policy",
    "SupportedContext",
]

IDENTITY_REFUSED = "user identity refused"
"""What a refusal for any cause of identity says; the cause itself is for the verifier to log."""

_NO_WINDOW = AsynchronousOperationsWindow(1, 1)  # synchronous: holds where none is negotiated (PS3.7 D.3.3.3)


@value
class Accept:
    """The acceptor's yes."""

    ac: AssociateAC
    """What to send."""
    agreement: Agreement
    """What is agreed by it."""
    reasons: tuple[str, ...] = ()
    """A sentence for each context refused and each role not granted."""


# ---- the acceptor answers ----


def answer(rq: AssociateRQ, policy: Policy, associations: int = 0) -> Accept | Reject:
    """The acceptor's answer to a request, while it has so many other associations."""
    return refusal_by_provider(rq, policy, associations) or answer_by_user(rq, policy)


def refusal_by_provider(rq: AssociateRQ, policy: Policy, associations: int = 0) -> Reject | None:
    """Is the request acceptable to the service provider (AE-6)? None if so, else its refusal."""
    if not rq.protocol_version & 1:
        return Reject(1, 2, 2, f"protocol version {rq.protocol_version:04X}H lacks bit 0 (PS3.8 Table 9-11)")
    if associations >= policy.maximum_associations:
        return Reject(2, 3, 2, f"{associations} associations are open, {policy.maximum_associations} are allowed")
    return None


def answer_by_user(rq: AssociateRQ, policy: Policy) -> Accept | Reject:
    """The service user's half of `answer`."""
    if refusal := _refusal_by_names(rq, policy) or (policy.request_policy and policy.request_policy(rq)):
        return refusal
    said = rq.user_information
    contexts = judge(policy, rq.presentation_contexts, said.role_selections, said.common_extended_negotiations)
    if isinstance(contexts, Reject):
        return contexts
    if fault := _repeated(said):
        return Reject(1, 1, 1, fault)
    identified = _identified(rq, policy)
    if isinstance(identified, Reject):
        return identified
    if policy.reject_when_nothing_accepted and not contexts.accepted:
        return Reject(1, 1, 1, "; ".join(map(str, contexts.refused)))
    return _accept(rq, policy, contexts, identified)


def _refusal_by_names(rq: AssociateRQ, policy: Policy) -> Reject | None:
    """Application context name and AE titles, cheapest first (PS3.8 Table 9-21, source service-user)."""
    if rq.application_context != APPLICATION_CONTEXT:
        return Reject(1, 1, 2, f"application context name {rq.application_context!r} is not DICOM's (PS3.7 A.2.1)")
    called, calling = rq.called_ae_title.strip(" "), rq.calling_ae_title.strip(" ")
    own = policy.ae_title if policy.require_called_ae_title else None
    if not is_ae_title(called):
        return Reject(1, 1, 7, f"called AE title {called!r} is none (PS3.8 Table 9-11)")
    if own is not None and called != own:
        return Reject(1, 1, 7, f"called AE title is {called!r}, not {own!r}")
    if not is_ae_title(calling):
        return Reject(1, 1, 3, f"calling AE title {calling!r} is none (PS3.8 Table 9-11)")
    if policy.calling_ae_titles is not None and calling not in policy.calling_ae_titles:
        return Reject(1, 1, 3, f"calling AE title {calling!r} is not among those allowed")
    return policy.ae_title_policy(called, calling) if policy.ae_title_policy else None


def _repeated(said: UserInformation) -> str:
    """An extended negotiation proposed twice in different ways (PS3.7 D.3.3.5.1, D.3.3.6.1); "" when there is
    none."""
    for items in (said.extended_negotiations, said.common_extended_negotiations):
        first: dict[str, ExtendedNegotiation | CommonExtendedNegotiation] = {}
        for item in items:
            if first.setdefault(item.sop_class_uid, item) != item:
                return f"two different {type(item).__name__} items for {item.sop_class_uid} (PS3.7 D.3.3)"
    return ""


def _identified(rq: AssociateRQ, policy: Policy) -> Identified | Reject | None:
    """Who the user is; None where that is left open. PS3.7 D.3.3.7.3: the refusal has source service-provider
    (ACSE)."""
    identity, verify = rq.user_information.user_identity, policy.user_identity
    if verify is None:
        return None
    if identity is not None and identity.type in TYPES:
        verdict = verify(identity, rq)
        return verdict if isinstance(verdict, Identified) else Reject(1, 2, 1, f"{IDENTITY_REFUSED}: {verdict.why}")
    if not policy.identity_required:
        return None
    absent = "none given" if identity is None else f"type {identity.type} is not defined"
    return Reject(1, 2, 1, f"{IDENTITY_REFUSED}: {absent}")


def _accept(rq: AssociateRQ, policy: Policy, contexts: Contexts, identified: Identified | None) -> Accept:
    asked = rq.user_information
    window = _granted_window(asked.asynchronous_operations_window, policy.asynchronous_operations_window)
    extended = _answered_extended(asked.extended_negotiations, policy, contexts) if asked.extended_negotiations else ()
    response = _identity_response(asked.user_identity, identified)
    said = policy.user_information
    if window or contexts.role_selections or extended or response is not None:
        said = UserInformation(
            said.maximum_length,
            said.implementation_class_uid,
            said.implementation_version_name,
            window,
            contexts.role_selections,
            extended,
            user_identity_response=response,
        )
    agreement = _agreement(
        rq,
        asked,
        contexts,
        window or _NO_WINDOW,
        MappingProxyType({item.sop_class_uid: item.information for item in extended}) if extended else NOTHING,
        response,
        user=identified.name if identified else None,
    )
    reasons = (*map(str, contexts.refused), *contexts.remarks) if contexts.refused or contexts.remarks else ()
    return Accept(AssociateAC(contexts.results, said, echo=rq.echo), agreement, reasons)


def _granted_window(
    asked: AsynchronousOperationsWindow | None, most: tuple[int, int]
) -> AsynchronousOperationsWindow | None:
    """The window to answer with (PS3.7 D.3.3.3): never more than asked, never more than we allow."""
    if asked is None:
        return None
    return AsynchronousOperationsWindow(_smaller(asked.invoked, most[0]), _smaller(asked.performed, most[1]))


def _smaller(one: int, other: int) -> int:
    """The smaller of two limits, 0 being unlimited."""
    return min(one, other) if one and other else one or other


def _answered_extended(
    asked: tuple[ExtendedNegotiation, ...], policy: Policy, contexts: Contexts
) -> tuple[ExtendedNegotiation, ...]:
    """What the service classes answer, for abstract syntaxes that are accepted (PS3.7 D.3.3.5)."""
    if policy.extended_negotiation is None:
        return ()
    answers: list[ExtendedNegotiation] = []
    for uid, item in {item.sop_class_uid: item for item in asked}.items():
        if uid in contexts.by_abstract_syntax:
            information = policy.extended_negotiation(uid, item.information)
            if information is not None:
                answers.append(ExtendedNegotiation(uid, information))
    return tuple(answers)


def _identity_response(asked: UserIdentity | None, identified: Identified | None) -> UserIdentityResponse | None:
    """59H: only when asked for and positive; empty for types 1 and 2 (PS3.7 D.3.3.7.2)."""
    if asked is None or identified is None or not asked.response_requested:
        return None
    return UserIdentityResponse(identified.response if asked.type > USERNAME_AND_PASSCODE else b"")


# ---- the requestor reads the answer ----


def agree(rq: AssociateRQ, ac: AssociateAC) -> Agreement:
    """What the requestor may do after an A-ASSOCIATE-AC."""
    asked, said = rq.user_information, ac.user_information
    contexts = confirm(rq.presentation_contexts, ac.presentation_contexts, asked.role_selections, said.role_selections)
    faults: list[str] = []
    window = _confirmed_window(asked.asynchronous_operations_window, said.asynchronous_operations_window, faults)
    requested = asked.user_identity is not None and asked.user_identity.response_requested
    response = said.user_identity_response if requested else None
    if requested and response is None:
        faults.append("the acceptor does not confirm the user identity, though asked to (PS3.7 D.3.3.7)")
    offered = {item.sop_class_uid for item in asked.extended_negotiations}
    extended = {i.sop_class_uid: i.information for i in said.extended_negotiations if i.sop_class_uid in offered}
    return _agreement(rq, said, contexts, window, MappingProxyType(extended) if extended else NOTHING, response, faults)


def _confirmed_window(
    asked: AsynchronousOperationsWindow | None,
    granted: AsynchronousOperationsWindow | None,
    faults: list[str],
) -> AsynchronousOperationsWindow:
    """The window that holds: what was not asked for, or goes beyond it, does not count."""
    if asked is None or granted is None:
        return _NO_WINDOW
    held = AsynchronousOperationsWindow(
        _smaller(asked.invoked, granted.invoked), _smaller(asked.performed, granted.performed)
    )
    if held != granted:
        faults.append("the acceptor grants a larger asynchronous operations window than was offered; the offer holds")
    return held


# ---- both ----


def _agreement(
    rq: AssociateRQ,
    peer: UserInformation,
    contexts: Contexts,
    window: AsynchronousOperationsWindow,
    extended: Mapping[str, bytes],
    response: UserIdentityResponse | None,
    faults: Sequence[str] = (),
    user: str | None = None,
) -> Agreement:
    problems = (*_length_problems(peer), *faults)
    return Agreement(
        rq.called_ae_title,
        rq.calling_ae_title,
        contexts.accepted,
        contexts.refused,
        peer.maximum_length or 0,
        window.invoked,
        window.performed,
        peer.implementation_class_uid,
        peer.implementation_version_name,
        extended,
        user,
        None if response is None else response.response,
        problems,
        contexts.by_abstract_syntax,
    )


def _length_problems(peer: UserInformation) -> tuple[str, ...]:
    """What is amiss with the two sub-items everybody must send."""
    problems: list[str] = []
    if peer.maximum_length is None:
        problems.append("the peer states no maximum length; taken as unlimited (PS3.8 D.1)")
    elif 0 < peer.maximum_length < MINIMUM_MAXIMUM_LENGTH:
        problems.append(
            f"the peer takes P-DATA-TF of {peer.maximum_length} bytes at most; "
            f"nothing can be sent to it in less than {MINIMUM_MAXIMUM_LENGTH} (PS3.8 D.1, E.1)"
        )
    if peer.implementation_class_uid is None:
        problems.append("the peer states no implementation class UID (PS3.7 D.3.3.2)")
    return tuple(problems)


def describe_rejection(rj: AssociateRJ) -> str:
    """An A-ASSOCIATE-RJ in the words of the standard."""
    result = codes.REJECT_RESULTS.get(rj.result, f"rejected (reserved result {rj.result})")
    source = codes.REJECT_SOURCES.get(rj.source, f"reserved source {rj.source}")
    return f"{result}, {codes.reject_reason(rj.source, rj.reason)} (by {source})"
