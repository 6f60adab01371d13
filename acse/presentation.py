"""Presentation contexts and the roles on them, judged by both ends (PS3.8 7.1.1.13-14, PS3.7 D.3.2 and
D.3.3.4).

`judge` is the acceptor's part: one result for each context proposed, in the order proposed. `confirm` is the
requestor's: what the answer leaves usable of what was proposed.

Roles are told from the requestor's side and negotiated for an abstract syntax, not for a context. The
acceptor grants at most what was proposed; where no role was proposed, or none is granted, the default holds:
the requestor is SCU.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

from ..dul.errors import LocalProtocolError
from ..dul.items import CommonExtendedNegotiation, ContextResult, ProposedContext, RoleSelection
from ..dul.pdu import MAXIMUM_CONTEXTS
from ..dul.wire import encode_uid
from ..spec import codes
from ..spec.values import value
from .agreement import AcceptedContext, RefusedContext, grouped
from .policy import Policy, Reject, SupportedContext

ACCEPTANCE, USER_REJECTION, ABSTRACT_SYNTAX_NOT_SUPPORTED, TRANSFER_SYNTAXES_NOT_SUPPORTED = 0, 1, 3, 4

DEFAULT_ROLES = (True, False)
"""(SCU, SCP) of the requestor when no role selection is agreed."""


@value
class Contexts:
    """What came of the contexts proposed; shared by all associations on which the same was proposed."""

    results: tuple[ContextResult, ...]
    """The acceptor's results, in the order proposed; () at the requestor, who received them."""
    accepted: Mapping[int, AcceptedContext]
    """The usable ones by id."""
    by_abstract_syntax: Mapping[str, tuple[AcceptedContext, ...]]
    """The usable ones by abstract syntax."""
    refused: tuple[RefusedContext, ...]
    """The others."""
    role_selections: tuple[RoleSelection, ...] = ()
    """The role items to answer with."""
    remarks: tuple[str, ...] = ()
    """A sentence for each role not granted (acceptor) or each fault of the answer (requestor)."""


def judge(
    policy: Policy,
    proposed: tuple[ProposedContext, ...],
    roles: tuple[RoleSelection, ...] = (),
    common: tuple[CommonExtendedNegotiation, ...] = (),
) -> Contexts | Reject:
    """The acceptor's answer to the contexts proposed; a refusal when the list itself is against the standard.

    Small requests are remembered: the same peers propose the same over and over (3.5 µs become 0.4 µs).
    """
    if common or max(len(proposed), len(roles)) > 8 or any(len(c.transfer_syntaxes) > 16 for c in proposed):
        return _judge(policy, proposed, roles, common)
    return _remembered(policy, proposed, roles, common)


def _judge(
    policy: Policy,
    proposed: tuple[ProposedContext, ...],
    roles: tuple[RoleSelection, ...],
    common: tuple[CommonExtendedNegotiation, ...],
) -> Contexts | Reject:
    asked = {role.sop_class_uid: role for role in roles}
    if fault := list_fault(proposed) or _contradictions(roles, asked):
        return Reject(1, 1, 1, fault)
    named = {item.sop_class_uid: item for item in common}
    accepted: dict[int, AcceptedContext] = {}
    refused: list[RefusedContext] = []
    results: list[ContextResult] = []
    for context in proposed:
        verdict = _verdict(policy, context, asked.get(context.abstract_syntax), named.get(context.abstract_syntax))
        if isinstance(verdict, AcceptedContext):
            accepted[context.id] = verdict
            results.append(ContextResult(context.id, ACCEPTANCE, verdict.transfer_syntax))
        else:
            refused.append(verdict)
            results.append(ContextResult(context.id, verdict.result or 0))
    by_abstract_syntax = grouped(accepted.values())
    granted, remarks = _answered_roles(asked, by_abstract_syntax)
    return Contexts(tuple(results), MappingProxyType(accepted), by_abstract_syntax, tuple(refused), granted, remarks)


_remembered = lru_cache(maxsize=256)(_judge)  # at most 256 x 8 x 17 UIDs of peers: some 2 MiB


def _verdict(
    policy: Policy,
    context: ProposedContext,
    asked: RoleSelection | None,
    named: CommonExtendedNegotiation | None,
) -> AcceptedContext | RefusedContext:
    """The acceptor's judgement of one context."""
    lawful = _is_uid(context.abstract_syntax)
    supported = policy.supported(context.abstract_syntax) if lawful else None
    if lawful and supported is None and named is not None and policy.common_extended_negotiation is not None:
        supported = policy.common_extended_negotiation(named)
    if supported is None:
        return _refuse(context, ABSTRACT_SYNTAX_NOT_SUPPORTED, "abstract syntax not supported")
    chosen = _choose(supported, context.transfer_syntaxes, policy.preference)
    if chosen is None:
        return _refuse(context, TRANSFER_SYNTAXES_NOT_SUPPORTED, "none of its transfer syntaxes is supported")
    roles = _granted(supported, asked)
    if not any(roles):
        return _refuse(context, USER_REJECTION, "it is served only with the requestor as SCP, which was not proposed")
    return AcceptedContext(context.id, context.abstract_syntax, chosen, *roles)


def _refuse(context: ProposedContext, result: int | None, why: str) -> RefusedContext:
    return RefusedContext(context.id, context.abstract_syntax, result, why, context.transfer_syntaxes)


def _choose(supported: SupportedContext, proposed: Sequence[str], preference: str) -> str | None:
    """The transfer syntax to use: the first, by whoever's preference counts, that both can take."""
    if supported.transfer_syntaxes is None:
        return next(filter(_is_uid, proposed), None)
    first, second = supported.transfer_syntaxes, proposed
    if preference == "requestor":
        first, second = tuple(second), first
    return next((uid for uid in first if uid in second), None)


def _is_uid(uid: str) -> bool:
    """Whether we may say this UID ourselves: decoding is more lenient with a peer's than encoding is with
    ours."""
    try:
        encode_uid(uid, "UID")
    except LocalProtocolError:
        return False
    return True


def _granted(supported: SupportedContext, asked: RoleSelection | None) -> tuple[bool, bool]:
    """(SCU, SCP) of the requestor; neither when the policy leaves it none."""
    if asked is not None:
        scu, scp = asked.scu and supported.scu_role, asked.scp and supported.scp_role
        if scu or scp:
            return scu, scp
    return supported.scu_role, False


def _answered_roles(
    asked: Mapping[str, RoleSelection], accepted: Mapping[str, tuple[AcceptedContext, ...]]
) -> tuple[tuple[RoleSelection, ...], tuple[str, ...]]:
    """Role items to return, and a remark for each role not granted.

    An item that would grant nothing is left out: then the default roles hold, which is the only role left to
    accept.
    """
    items: list[RoleSelection] = []
    remarks: list[str] = []
    for uid, role in asked.items():
        if uid not in accepted:
            continue
        context = accepted[uid][0]
        if (granted := RoleSelection(uid, role.scu and context.scu, role.scp and context.scp)) != role:
            turned_down = " and ".join(
                name for name, refused in (("SCU", granted.scu < role.scu), ("SCP", granted.scp < role.scp)) if refused
            )
            remarks.append(f"{uid}: the requestor may not be {turned_down}")
        if granted.scu or granted.scp:
            items.append(granted)
    return tuple(items), tuple(remarks)


def list_fault(proposed: Sequence[ProposedContext]) -> str:
    """What is wrong with the list as such (PS3.8 7.1.1.13, Table 9-13); "" when nothing is."""
    ids = [context.id for context in proposed]
    if not ids:
        return "no presentation context is proposed (PS3.8 7.1.1.13)"
    if len(ids) > MAXIMUM_CONTEXTS:
        return f"{len(ids)} presentation contexts are proposed, but there are ids for 128 only (PS3.8 7.1.1.13)"
    for id_ in ids:
        if not (id_ & 1 and 0 < id_ < 256):
            return f"presentation context id {id_} is not an odd number from 1 to 255 (PS3.8 Table 9-13)"
    if len(set(ids)) < len(ids):
        return "a presentation context id is used twice (PS3.8 7.1.1.13)"
    return ""


def _contradictions(roles: tuple[RoleSelection, ...], last: Mapping[str, RoleSelection]) -> str:
    """Two role items for one SOP class: the very same twice does no harm (seen where a class has several
    contexts)."""
    for role in roles:
        if last[role.sop_class_uid] != role:
            return f"two different role selections for {role.sop_class_uid} (PS3.7 D.3.3.4.1)"
    return ""


def confirm(
    proposed: tuple[ProposedContext, ...],
    results: tuple[ContextResult, ...],
    asked: tuple[RoleSelection, ...],
    answered: tuple[RoleSelection, ...],
) -> Contexts:
    """What the requestor may use after an A-ASSOCIATE-AC."""
    answers: dict[int, list[ContextResult]] = {context.id: [] for context in proposed}
    faults: list[str] = []
    for result in results:
        if result.id in answers:
            answers[result.id].append(result)
        else:
            faults.append(f"the acceptor answers presentation context {result.id}, which was never proposed")
    roles, role_faults = _confirmed_roles(asked, answered)
    accepted: dict[int, AcceptedContext] = {}
    refused: list[RefusedContext] = []
    for context in proposed:
        if why := _unusable(context, answers[context.id]):
            refused.append(_refuse(context, answers[context.id][0].result if answers[context.id] else None, why))
        else:
            scu, scp = roles.get(context.abstract_syntax, DEFAULT_ROLES)
            chosen = answers[context.id][0].transfer_syntax
            accepted[context.id] = AcceptedContext(context.id, context.abstract_syntax, chosen, scu, scp)
    return Contexts(
        (),
        MappingProxyType(accepted),
        grouped(accepted.values()),
        tuple(refused),
        (),
        (*faults, *role_faults),
    )


def _unusable(context: ProposedContext, answers: list[ContextResult]) -> str:
    """Why a context cannot be used; "" when it can."""
    if not answers:
        return "the acceptor does not answer it"
    answer = answers[0]
    if any(other != answer for other in answers):
        return "the acceptor answers it twice, in different ways"
    if answer.result != ACCEPTANCE:
        return codes.context_result(answer.result)
    if answer.transfer_syntax not in context.transfer_syntaxes:
        return f"accepted with transfer syntax {answer.transfer_syntax!r}, which was not proposed"
    return ""


def _confirmed_roles(
    asked: tuple[RoleSelection, ...], answered: tuple[RoleSelection, ...]
) -> tuple[dict[str, tuple[bool, bool]], list[str]]:
    """(SCU, SCP) of the requestor by abstract syntax, where they were negotiated; and what is wrong with the
    answer.

    A role granted without having been proposed is ignored (PS3.7 D.3.3.4). When all that was proposed is
    turned down the default holds: an accepted context is of no other use.
    """
    wanted = {role.sop_class_uid: role for role in asked}
    roles: dict[str, tuple[bool, bool]] = {}
    faults: list[str] = []
    for role in answered:
        ours = wanted.get(role.sop_class_uid)
        if ours is None or role.scu > ours.scu or role.scp > ours.scp:
            faults.append(f"the acceptor grants a role on {role.sop_class_uid} that was not proposed; ignored")
        if ours is not None:
            held = (ours.scu and role.scu, ours.scp and role.scp)
            roles[role.sop_class_uid] = held if any(held) else DEFAULT_ROLES
    return roles, faults
