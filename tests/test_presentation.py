"""Presentation contexts and roles, judged by the acceptor and confirmed by the requestor (PS3.7 D.3.2,
D.3.3.4).

The tables are written by hand from the standard; NEG-, RQ- and AC- are the rows of the conformance catalogue.
"""

import pytest
from dulcet.acse.agreement import AcceptedContext, RefusedContext
from dulcet.acse.policy import Policy, Reject, SupportedContext
from dulcet.acse.presentation import Contexts, confirm, judge
from dulcet.dul.items import CommonExtendedNegotiation, ContextResult, ProposedContext, RoleSelection

VERIFICATION = "1.2.840.10008.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
STORAGE = "1.2.840.10008.4.2"
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
JPEG = "1.2.840.10008.1.2.4.50"

POLICY = Policy({VERIFICATION: SupportedContext((EXPLICIT, IMPLICIT)), CT: SupportedContext((EXPLICIT, IMPLICIT))})

NOBODY: tuple[RoleSelection, ...] = ()


def judged(policy: Policy, *contexts: ProposedContext, roles: tuple[RoleSelection, ...] = NOBODY) -> Contexts:
    answer = judge(policy, contexts, roles)
    assert isinstance(answer, Contexts)
    return answer


def refusal(*contexts: ProposedContext, roles: tuple[RoleSelection, ...] = NOBODY) -> Reject:
    answer = judge(POLICY, contexts, roles)
    assert isinstance(answer, Reject)
    assert (answer.result, answer.source, answer.reason) == (1, 1, 1)
    return answer


# ---- the acceptor ----


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT])
def test_neg_01_each_supported_syntax_alone(syntax: str) -> None:
    answer = judged(POLICY, ProposedContext(1, CT, (syntax,)))
    assert answer.results == (ContextResult(1, 0, syntax),)
    assert answer.accepted == {1: AcceptedContext(1, CT, syntax, scu=True, scp=False)}


@pytest.mark.parametrize("proposed", [(IMPLICIT, EXPLICIT), (EXPLICIT, IMPLICIT), (JPEG, IMPLICIT, EXPLICIT)])
def test_neg_02_whose_preference_counts(proposed: tuple[str, ...]) -> None:
    context = ProposedContext(1, CT, proposed)
    requestors = Policy(POLICY.contexts, preference="requestor")
    first_supported = next(uid for uid in proposed if uid != JPEG)
    assert judged(POLICY, context).results == (ContextResult(1, 0, EXPLICIT),)
    assert judged(requestors, context).results == (ContextResult(1, 0, first_supported),)


def test_neg_03_one_abstract_syntax_in_three_contexts() -> None:
    answer = judged(
        POLICY,
        ProposedContext(5, CT, (EXPLICIT,)),
        ProposedContext(1, CT, (JPEG,)),
        ProposedContext(3, CT, (IMPLICIT,)),
    )
    assert answer.results == (
        ContextResult(5, 0, EXPLICIT),
        ContextResult(1, 4),
        ContextResult(3, 0, IMPLICIT),
    )
    assert [context.id for context in answer.by_abstract_syntax[CT]] == [5, 3]
    assert [context.id for context in answer.refused] == [1]


@pytest.mark.parametrize("syntax", [JPEG, BIG_ENDIAN, "1.2.3"])
def test_neg_04_05_rq_29_transfer_syntaxes_not_supported(syntax: str) -> None:
    answer = judged(POLICY, ProposedContext(1, VERIFICATION, (syntax,)))
    assert answer.results == (ContextResult(1, 4),)
    assert answer.refused == (
        RefusedContext(1, VERIFICATION, 4, "none of its transfer syntaxes is supported", (syntax,)),
    )


def test_rq_21_context_255() -> None:
    assert judged(POLICY, ProposedContext(255, CT, (IMPLICIT,))).results == (ContextResult(255, 0, IMPLICIT),)


def test_rq_23_128_contexts() -> None:
    contexts = [ProposedContext(id_, CT, (IMPLICIT,)) for id_ in range(1, 256, 2)]
    assert [result.id for result in judged(POLICY, *contexts).results] == [*range(1, 256, 2)]


@pytest.mark.parametrize("abstract_syntax", ["", "1.2.3", "1.2.840.10008.01.1"])
def test_rq_25_28_abstract_syntax_not_supported(abstract_syntax: str) -> None:
    answer = judged(POLICY, ProposedContext(1, abstract_syntax, (IMPLICIT,)))
    assert answer.results == (ContextResult(1, 3),)


def test_rq_27_no_transfer_syntax() -> None:
    assert judged(POLICY, ProposedContext(1, CT, ())).results == (ContextResult(1, 4),)


def test_rq_10_no_context() -> None:
    assert "no presentation context" in refusal().why


@pytest.mark.parametrize("id_", [0, 2, 254, 256, 257, -1])
def test_rq_19_20_id_not_odd(id_: int) -> None:
    assert str(id_) in refusal(ProposedContext(1, CT, (IMPLICIT,)), ProposedContext(id_, CT, (IMPLICIT,))).why


def test_rq_22_id_twice() -> None:
    assert "twice" in refusal(ProposedContext(1, CT, (IMPLICIT,)), ProposedContext(1, VERIFICATION, (IMPLICIT,))).why


def test_rq_24_129_contexts() -> None:
    assert "129" in refusal(*[ProposedContext(1, CT, (IMPLICIT,))] * 129).why


def test_any_transfer_syntax_means_the_first_lawful_one() -> None:
    anything = Policy(supports=lambda uid: SupportedContext(None))
    assert judged(anything, ProposedContext(1, CT, (JPEG, IMPLICIT))).results == (ContextResult(1, 0, JPEG),)
    assert judged(anything, ProposedContext(1, CT, ("1.02", "", IMPLICIT))).results == (ContextResult(1, 0, IMPLICIT),)
    assert judged(anything, ProposedContext(1, CT, ("1.02",))).results == (ContextResult(1, 4),)
    # A UID that we could not send back ourselves is never taken.
    assert judged(anything, ProposedContext(1, "1.02", (IMPLICIT,))).results == (ContextResult(1, 3),)


def test_what_was_judged_once_is_shared() -> None:
    first = judged(POLICY, ProposedContext(1, CT, (IMPLICIT,)))
    assert judged(POLICY, ProposedContext(1, CT, (IMPLICIT,))) is first
    many = tuple(f"1.2.{number}" for number in range(20))  # but not at any size
    assert judged(POLICY, ProposedContext(1, CT, many)) is not judged(POLICY, ProposedContext(1, CT, many))


NO_ITEM, SCU, SCP, BOTH, NEITHER = None, (True, False), (False, True), (True, True), (False, False)

ACCEPTOR_ROLES = [
    # proposed, allowed by the policy, item returned, roles of the requestor (None: context refused, result 1)
    (NO_ITEM, SCU, NO_ITEM, SCU),
    (NO_ITEM, BOTH, NO_ITEM, SCU),
    (NO_ITEM, SCP, NO_ITEM, None),
    (SCU, SCU, SCU, SCU),
    (SCU, BOTH, SCU, SCU),
    (SCU, SCP, NO_ITEM, None),
    (SCP, SCU, NO_ITEM, SCU),  # NEG-09: turned down, so the default roles hold
    (SCP, BOTH, SCP, SCP),
    (SCP, SCP, SCP, SCP),
    (BOTH, SCU, SCU, SCU),
    (BOTH, BOTH, BOTH, BOTH),
    (BOTH, SCP, SCP, SCP),
    (NEITHER, SCU, NO_ITEM, SCU),
    (NEITHER, BOTH, NO_ITEM, SCU),
    (NEITHER, SCP, NO_ITEM, None),
]


@pytest.mark.parametrize(("proposed", "allowed", "returned", "roles"), ACCEPTOR_ROLES)
def test_neg_06_to_09_roles_granted(
    proposed: tuple[bool, bool] | None,
    allowed: tuple[bool, bool],
    returned: tuple[bool, bool] | None,
    roles: tuple[bool, bool] | None,
) -> None:
    policy = Policy({CT: SupportedContext((IMPLICIT,), *allowed)})
    asked = () if proposed is None else (RoleSelection(CT, *proposed),)
    answer = judged(policy, ProposedContext(1, CT, (IMPLICIT,)), ProposedContext(3, CT, (IMPLICIT,)), roles=asked)
    assert answer.role_selections == (() if returned is None else (RoleSelection(CT, *returned),))
    if roles is None:
        assert answer.results == (ContextResult(1, 1), ContextResult(3, 1))
    else:
        assert [(context.scu, context.scp) for context in answer.accepted.values()] == [roles, roles]
        granted = returned or NEITHER
        assert bool(answer.remarks) == (proposed is not None and proposed != granted)


def test_a_role_turned_down_is_named() -> None:
    policy = Policy({CT: SupportedContext((IMPLICIT,), scu_role=False, scp_role=True)})
    answer = judged(policy, ProposedContext(1, CT, (IMPLICIT,)), roles=(RoleSelection(CT, scu=True, scp=True),))
    assert answer.remarks == (f"{CT}: the requestor may not be SCU",)
    answer = judged(POLICY, ProposedContext(1, CT, (IMPLICIT,)), roles=(RoleSelection(CT, scu=False, scp=True),))
    assert answer.remarks == (f"{CT}: the requestor may not be SCP",)


def test_neg_10_a_role_for_a_class_that_is_not_accepted() -> None:
    role = RoleSelection("1.2.3", scu=True, scp=True)
    assert judged(POLICY, ProposedContext(1, CT, (IMPLICIT,)), roles=(role,)).role_selections == ()
    assert judged(POLICY, ProposedContext(1, "1.2.3", (IMPLICIT,)), roles=(role,)).role_selections == ()


def test_neg_11_two_roles_for_one_class() -> None:
    context = ProposedContext(1, CT, (IMPLICIT,))
    one, other = RoleSelection(CT, scu=True, scp=False), RoleSelection(CT, scu=True, scp=True)
    assert CT in refusal(context, roles=(one, other)).why
    # Some requestors repeat the item for each context of the class.
    assert judged(POLICY, context, roles=(one, one)).role_selections == (one,)


def test_57h_may_make_a_class_known() -> None:
    item = CommonExtendedNegotiation("1.2.3", STORAGE, (CT,))
    asked: list[CommonExtendedNegotiation] = []

    def related(named: CommonExtendedNegotiation) -> SupportedContext | None:
        asked.append(named)
        return POLICY.supported(CT) if CT in named.related else None

    policy = Policy(POLICY.contexts, common_extended_negotiation=related)
    contexts = (
        ProposedContext(1, "1.2.3", (IMPLICIT,)),
        ProposedContext(3, "1.2.4", (IMPLICIT,)),
        ProposedContext(5, CT, (IMPLICIT,)),
    )
    common = (item, CommonExtendedNegotiation("1.2.4", STORAGE), CommonExtendedNegotiation(CT, STORAGE))
    answer = judge(policy, contexts, (), common)
    assert isinstance(answer, Contexts)
    assert [result.result for result in answer.results] == [0, 3, 0]
    assert asked == list(common[:2])
    deaf = judge(POLICY, contexts, (), common)
    assert isinstance(deaf, Contexts)
    assert [result.result for result in deaf.results] == [3, 3, 0]


# ---- the requestor ----

PROPOSED = (ProposedContext(1, CT, (IMPLICIT, EXPLICIT)), ProposedContext(3, VERIFICATION, (IMPLICIT,)))
GOOD = (ContextResult(1, 0, EXPLICIT), ContextResult(3, 0, IMPLICIT))


def test_an_answer_in_any_order() -> None:
    confirmed = confirm(PROPOSED, GOOD[::-1], (), ())
    assert confirmed.accepted == {
        1: AcceptedContext(1, CT, EXPLICIT),
        3: AcceptedContext(3, VERIFICATION, IMPLICIT),
    }
    assert not confirmed.refused
    assert not confirmed.remarks


TABLE_9_18 = {
    1: "user-rejection",
    2: "no-reason (provider rejection)",
    3: "abstract-syntax-not-supported (provider rejection)",
    4: "transfer-syntaxes-not-supported (provider rejection)",
}


@pytest.mark.parametrize("result", range(1, 256))
def test_ac_10_11_refused_contexts(result: int) -> None:
    confirmed = confirm(PROPOSED, (ContextResult(1, result, EXPLICIT), GOOD[1]), (), ())
    assert [*confirmed.accepted] == [3]
    assert confirmed.refused[0].result == result
    assert confirmed.refused[0].why == TABLE_9_18.get(result, f"reserved ({result})")


def test_ac_12_a_context_never_proposed() -> None:
    confirmed = confirm(PROPOSED, (*GOOD, ContextResult(5, 0, IMPLICIT)), (), ())
    assert [*confirmed.accepted] == [1, 3]
    assert "context 5, which was never proposed" in confirmed.remarks[0]


@pytest.mark.parametrize("syntax", [JPEG, ""])
def test_ac_13_a_transfer_syntax_never_proposed(syntax: str) -> None:
    confirmed = confirm(PROPOSED, (ContextResult(1, 0, syntax), GOOD[1]), (), ())
    assert [*confirmed.accepted] == [3]
    assert confirmed.refused[0].result == 0
    assert "not proposed" in confirmed.refused[0].why


def test_ac_14_a_context_without_answer() -> None:
    confirmed = confirm(PROPOSED, GOOD[:1], (), ())
    assert [*confirmed.accepted] == [1]
    assert confirmed.refused == (RefusedContext(3, VERIFICATION, None, "the acceptor does not answer it", (IMPLICIT,)),)


def test_a_context_answered_twice() -> None:
    assert [*confirm(PROPOSED, (*GOOD, GOOD[0]), (), ()).accepted] == [1, 3]
    confirmed = confirm(PROPOSED, (*GOOD, ContextResult(1, 3)), (), ())
    assert [*confirmed.accepted] == [3]
    assert "twice" in confirmed.refused[0].why


REQUESTOR_ROLES = [
    # proposed, answered, roles of the requestor, whether the answer is at fault
    (NO_ITEM, NO_ITEM, SCU, False),
    (NO_ITEM, SCU, SCU, True),
    (NO_ITEM, SCP, SCU, True),
    (NO_ITEM, BOTH, SCU, True),
    (SCU, NO_ITEM, SCU, False),
    (SCU, SCU, SCU, False),
    (SCU, SCP, SCU, True),
    (SCU, BOTH, SCU, True),
    (SCU, NEITHER, SCU, False),
    (SCP, NO_ITEM, SCU, False),
    (SCP, SCU, SCU, True),
    (SCP, SCP, SCP, False),
    (SCP, BOTH, SCP, True),
    (SCP, NEITHER, SCU, False),
    (BOTH, NO_ITEM, SCU, False),
    (BOTH, SCU, SCU, False),
    (BOTH, SCP, SCP, False),
    (BOTH, BOTH, BOTH, False),
    (BOTH, NEITHER, SCU, False),
]


@pytest.mark.parametrize(("proposed", "answered", "roles", "fault"), REQUESTOR_ROLES)
def test_roles_confirmed(
    proposed: tuple[bool, bool] | None,
    answered: tuple[bool, bool] | None,
    roles: tuple[bool, bool],
    fault: bool,
) -> None:
    asked = () if proposed is None else (RoleSelection(CT, *proposed),)
    said = () if answered is None else (RoleSelection(CT, *answered),)
    confirmed = confirm(PROPOSED, GOOD, asked, said)
    assert (confirmed.accepted[1].scu, confirmed.accepted[1].scp) == roles
    assert (confirmed.accepted[3].scu, confirmed.accepted[3].scp) == SCU
    assert bool(confirmed.remarks) == fault
