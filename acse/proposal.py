"""What a requestor proposes: builds an A-ASSOCIATE-RQ (PS3.8 7.1.1 and 9.3.2, PS3.7 Annex D.3).

What the standard has no room for is refused here, before anything is sent.
"""

from collections.abc import Iterable, Sequence
from itertools import count

from ..dul.errors import LocalProtocolError
from ..dul.items import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    AsynchronousOperationsWindow,
    CommonExtendedNegotiation,
    ExtendedNegotiation,
    ProposedContext,
    RoleSelection,
    UserIdentity,
    UserInformation,
)
from ..dul.pdu import AssociateRQ
from ..dul.upper_layer import MAXIMUM_LENGTH
from ..dul.wire import is_ae_title
from .presentation import list_fault

Proposed = ProposedContext | tuple[str, Iterable[str]]
"""A context to propose: (abstract syntax, transfer syntaxes), or one that has its id already."""


def propose(
    called_ae_title: str,
    calling_ae_title: str,
    contexts: Iterable[Proposed],
    *,
    roles: Sequence[RoleSelection] = (),
    maximum_length: int = MAXIMUM_LENGTH,
    asynchronous_operations_window: tuple[int, int] | None = None,
    extended: Sequence[ExtendedNegotiation] = (),
    common_extended: Sequence[CommonExtendedNegotiation] = (),
    user_identity: UserIdentity | None = None,
    implementation_class_uid: str = IMPLEMENTATION_CLASS_UID,
    implementation_version_name: str | None = IMPLEMENTATION_VERSION_NAME,
) -> AssociateRQ:
    """An A-ASSOCIATE-RQ.

    Args:
        called_ae_title: the acceptor.
        calling_ae_title: ourselves.
        contexts: (abstract syntax, transfer syntaxes by preference), numbered 1, 3, 5, ...; or with ids of
            their own.
        roles: roles other than the default, one for an abstract syntax.
        maximum_length: longest P-DATA-TF we want to receive; 0 is unlimited.
        asynchronous_operations_window: operations we want to invoke, and to perform, at a time; 0 is
            unlimited.
        extended: 56H, one for an abstract syntax.
        common_extended: 57H, one for an abstract syntax.
        user_identity: 58H; see `user_identity`.
        implementation_class_uid: who made this program.
        implementation_version_name: which version of it.

    Raises:
        LocalProtocolError: the standard has no room for it; more than 128 contexts, for example (PS3.8
            7.1.1.13).
    """
    for what, title in (("called", called_ae_title), ("calling", calling_ae_title)):
        check_title(what, title)
    numbered = number(contexts)
    proposed = {context.abstract_syntax for context in numbered}
    for items in (roles, extended, common_extended):
        _check_once_each(items, proposed)
    if any(not (role.scu or role.scp) for role in roles):
        raise LocalProtocolError("a role selection proposes neither SCU nor SCP (PS3.7 D.3.3.4)")
    window = asynchronous_operations_window
    said = UserInformation(
        maximum_length,
        implementation_class_uid,
        implementation_version_name,
        AsynchronousOperationsWindow(*window) if window is not None else None,
        tuple(roles),
        tuple(extended),
        tuple(common_extended),
        user_identity,
    )
    return AssociateRQ(called_ae_title.strip(" "), calling_ae_title.strip(" "), numbered, said)


def check_title(what: str, title: str) -> None:
    """Refuse what is no AE title, called or calling.

    Raises:
        LocalProtocolError: it is none.
    """
    if not is_ae_title(title):
        raise LocalProtocolError(f"{what} AE title {title!r} is not 1 to 16 characters of ISO 646 (PS3.8 Table 9-11)")


def _check_once_each(
    items: Sequence[RoleSelection | ExtendedNegotiation | CommonExtendedNegotiation], proposed: set[str]
) -> None:
    uids = [item.sop_class_uid for item in items]
    for uid in uids:
        if uid not in proposed or uids.count(uid) > 1:
            raise LocalProtocolError(
                f"{type(items[0]).__name__} for {uid}: one for each SOP class proposed only (PS3.7 D.3.3)"
            )


def number(contexts: Iterable[Proposed]) -> tuple[ProposedContext, ...]:
    """Give each context an unused odd id, 1, 3, 5, ...; those that have one keep it."""
    given = list(contexts)
    used = {context.id for context in given if isinstance(context, ProposedContext)}
    free = (id_ for id_ in count(1, 2) if id_ not in used)
    numbered = tuple(
        context if isinstance(context, ProposedContext) else ProposedContext(next(free), context[0], tuple(context[1]))
        for context in given
    )
    if fault := list_fault(numbered):
        raise LocalProtocolError(fault)
    for context in numbered:
        if not context.abstract_syntax or not context.transfer_syntaxes:
            raise LocalProtocolError(
                f"presentation context {context.id} needs abstract and transfer syntax (Table 9-13)"
            )
    return numbered
