"""Association negotiation as a whole: reject codes, optional features, and that both ends agree on what was
agreed.

Codes are written by hand from PS3.8 Table 9-21; RQ-, AC- and NEG- are the rows of the conformance catalogue.
"""

import dataclasses
from typing import Any, cast

import pytest
from dulcet.acse.negotiation import (
    Accept,
    Agreement,
    agree,
    answer,
    answer_by_user,
    describe_rejection,
    refusal_by_provider,
)
from dulcet.acse.policy import Policy, Reject, SupportedContext
from dulcet.acse.proposal import propose
from dulcet.acse.user_identity import (
    Identified,
    Refused,
    json_web_token,
    kerberos,
    saml,
    username,
    username_and_passcode,
    verify_passcodes,
)
from dulcet.dul.items import (
    AsynchronousOperationsWindow,
    CommonExtendedNegotiation,
    ContextResult,
    ExtendedNegotiation,
    ProposedContext,
    RoleSelection,
    UserIdentity,
    UserIdentityResponse,
    UserInformation,
)
from dulcet.dul.pdu import AssociateAC, AssociateRJ, AssociateRQ, decode
from hypothesis import given
from hypothesis import strategies as st

VERIFICATION = "1.2.840.10008.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
JPEG = "1.2.840.10008.1.2.4.50"

POLICY = Policy(
    {VERIFICATION: SupportedContext((IMPLICIT,)), CT: SupportedContext((EXPLICIT, IMPLICIT))},
    ae_title="ARCHIVE",
)


def request(**more: Any) -> AssociateRQ:
    return propose("ARCHIVE", "SCU", [(VERIFICATION, [IMPLICIT]), (CT, [IMPLICIT, JPEG])], **more)


def policy(**more: Any) -> Policy:
    return dataclasses.replace(POLICY, **more)


def accepted(rq: AssociateRQ, policy: Policy = POLICY) -> Accept:
    verdict = answer(rq, policy)
    assert isinstance(verdict, Accept), verdict
    return verdict


def code(verdict: Accept | Reject | None) -> tuple[int, int, int]:
    assert isinstance(verdict, Reject)
    assert verdict.why
    return verdict.result, verdict.source, verdict.reason


def saying(rq: AssociateRQ, **more: Any) -> AssociateRQ:
    """The request with other user information, lawful or not."""
    return dataclasses.replace(rq, user_information=dataclasses.replace(rq.user_information, **more))


# ---- accepted ----


def test_rq_01_a_plain_request() -> None:
    rq = request()
    verdict = accepted(rq)
    assert verdict.ac == AssociateAC(
        (ContextResult(1, 0, IMPLICIT), ContextResult(3, 0, IMPLICIT)), UserInformation(131072), echo=rq.echo
    )
    assert verdict.reasons == ()
    assert verdict.agreement.explain()[0] == "'SCU' calls 'ARCHIVE'"
    assert (verdict.agreement.window_invoked, verdict.agreement.window_performed) == (1, 1)


def test_ac_01_bytes_11_to_74_are_returned_as_they_came() -> None:
    rq = dataclasses.replace(request(), echo=b"  ARCHIVE       SCU             " + bytes(range(32)))
    assert accepted(rq).ac.echo == rq.echo


def test_every_refused_context_has_its_reason() -> None:
    verdict = accepted(propose("ARCHIVE", "SCU", [(MR, [IMPLICIT]), (CT, [JPEG]), (CT, [EXPLICIT])]))
    assert [result.result for result in verdict.ac.presentation_contexts] == [3, 4, 0]
    assert len(verdict.reasons) == 2
    assert MR in verdict.reasons[0]
    assert JPEG in verdict.reasons[1]


def test_nothing_accepted() -> None:
    rq = propose("ARCHIVE", "SCU", [(MR, [IMPLICIT])])
    assert accepted(rq).agreement.contexts == {}
    assert code(answer(rq, policy(reject_when_nothing_accepted=True))) == (1, 1, 1)
    accepted(request(), policy(reject_when_nothing_accepted=True))


# ---- rejected (PS3.8 9.3.4, Table 9-21) ----


@pytest.mark.parametrize("version", [0x0000, 0x0002, 0xFFFE])
def test_rq_04_05_protocol_version_without_bit_0(version: int) -> None:
    rq = dataclasses.replace(request(), protocol_version=version)
    assert code(answer(rq, POLICY)) == code(refusal_by_provider(rq, POLICY)) == (1, 2, 2)


@pytest.mark.parametrize("version", [0x0001, 0x0003, 0xFFFF])
def test_rq_02_03_only_bit_0_counts(version: int) -> None:
    assert accepted(dataclasses.replace(request(), protocol_version=version)).ac.protocol_version == 1


def test_rj_07_association_limit() -> None:
    few = policy(maximum_associations=2)
    assert code(answer(request(), few, 2)) == code(refusal_by_provider(request(), few, 3)) == (2, 3, 2)
    assert refusal_by_provider(request(), few, 1) is None
    assert isinstance(answer(request(), few, associations=1), Accept)


def test_rq_06_application_context() -> None:
    rq = dataclasses.replace(request(), application_context="1.2.840.10008.3.1.1.2")
    assert refusal_by_provider(rq, POLICY) is None
    assert code(answer_by_user(rq, POLICY)) == (1, 1, 2)


def titled(called: str, calling: str) -> AssociateRQ:
    return dataclasses.replace(request(), called_ae_title=called, calling_ae_title=calling, echo=bytes(64))


@pytest.mark.parametrize(
    ("called", "calling", "more", "expected"),
    [
        ("ARCHIVE", "SCU", {}, None),
        (" ARCHIVE", "SCU ", {}, None),  # RQ-35
        ("archive", "SCU", {}, (1, 1, 7)),  # RQ-37: case is significant
        ("OTHER", "SCU", {}, (1, 1, 7)),
        ("OTHER", "SCU", {"require_called_ae_title": False}, None),
        ("OTHER", "SCU", {"ae_title": None}, None),
        ("", "SCU", {}, (1, 1, 7)),  # RQ-33
        ("   ", "SCU", {"ae_title": None}, (1, 1, 7)),
        ("ARCHIVE", "", {}, (1, 1, 3)),  # RQ-34
        ("ARCHIVE", "A\\B", {}, (1, 1, 3)),  # RQ-36
        ("A\x00", "SCU", {"ae_title": None}, (1, 1, 7)),
        ("ARCHIVE", "SCU", {"calling_ae_titles": frozenset({"SCU", "MOD"})}, None),
        ("ARCHIVE", "OTHER", {"calling_ae_titles": frozenset({"SCU", "MOD"})}, (1, 1, 3)),  # RQ-38
        ("ARCHIVE", "SCU", {"calling_ae_titles": frozenset()}, (1, 1, 3)),
        ("", "", {}, (1, 1, 7)),
    ],
)
def test_titles(called: str, calling: str, more: dict[str, Any], expected: tuple[int, int, int] | None) -> None:
    verdict = answer(titled(called, calling), policy(**more))
    assert isinstance(verdict, Accept) if expected is None else code(verdict) == expected


def test_the_last_word_on_titles() -> None:
    seen = []

    def last_word(called: str, calling: str) -> Reject | None:
        seen.append((called, calling))
        return Reject(2, 3, 1, "come back later") if calling == "BUSY" else None

    asking = policy(ae_title_policy=last_word)
    assert isinstance(answer(titled("ARCHIVE", "SCU"), asking), Accept)
    assert code(answer(titled("ARCHIVE", "BUSY"), asking)) == (2, 3, 1)
    assert code(answer(titled("OTHER", "BUSY"), asking)) == (1, 1, 7)
    assert seen == [("ARCHIVE", "SCU"), ("ARCHIVE", "BUSY")]


def test_rq_10_22_a_list_of_contexts_that_cannot_be() -> None:
    rq = request()
    assert code(answer(dataclasses.replace(rq, presentation_contexts=()), POLICY)) == (1, 1, 1)
    twice = (rq.presentation_contexts[0],) * 2
    assert code(answer(dataclasses.replace(rq, presentation_contexts=twice), POLICY)) == (1, 1, 1)


def test_a_rejection_in_the_words_of_the_standard() -> None:
    assert describe_rejection(AssociateRJ(1, 1, 7)) == (
        "rejected-permanent, called-AE-title-not-recognized (by DICOM UL service-user)"
    )
    assert describe_rejection(AssociateRJ(2, 3, 2)) == (
        "rejected-transient, local-limit-exceeded (by DICOM UL service-provider (Presentation related function))"
    )
    assert describe_rejection(AssociateRJ(9, 9, 9)) == (
        "rejected (reserved result 9), reserved (9) (by reserved source 9)"
    )


# ---- asynchronous operations window (PS3.7 D.3.3.3) ----


@pytest.mark.parametrize(
    ("asked", "most", "granted"),
    [
        ((5, 5), (1, 1), (1, 1)),  # NEG-15
        ((5, 5), (8, 3), (5, 3)),
        ((5, 5), (0, 0), (5, 5)),
        ((0, 0), (1, 1), (1, 1)),  # NEG-16
        ((0, 0), (4, 0), (4, 0)),
        ((0, 7), (0, 0), (0, 7)),
        ((1, 1), (16, 16), (1, 1)),
    ],
)
def test_neg_15_16_window(asked: tuple[int, int], most: tuple[int, int], granted: tuple[int, int]) -> None:
    rq = request(asynchronous_operations_window=asked)
    verdict = accepted(rq, policy(asynchronous_operations_window=most))
    assert verdict.ac.user_information.asynchronous_operations_window == AsynchronousOperationsWindow(*granted)
    for agreement in (verdict.agreement, agree(rq, verdict.ac)):
        assert (agreement.window_invoked, agreement.window_performed) == granted
        assert agreement.problems == ()


def test_neg_14_no_window_unless_proposed() -> None:
    verdict = accepted(request(), policy(asynchronous_operations_window=(0, 0)))
    assert verdict.ac.user_information.asynchronous_operations_window is None
    assert (verdict.agreement.window_invoked, verdict.agreement.window_performed) == (1, 1)


@pytest.mark.parametrize(
    ("asked", "granted", "held", "fault"),
    [
        (None, (4, 4), (1, 1), False),  # AC-20: unsolicited
        ((4, 4), None, (1, 1), False),
        ((4, 4), (2, 2), (2, 2), False),
        ((4, 4), (9, 2), (4, 2), True),  # NEG-19
        ((4, 4), (0, 4), (4, 4), True),
        ((0, 4), (0, 0), (0, 4), True),
        ((0, 0), (3, 0), (3, 0), False),
    ],
)
def test_neg_19_the_offer_is_never_exceeded(
    asked: tuple[int, int] | None, granted: tuple[int, int] | None, held: tuple[int, int], fault: bool
) -> None:
    rq = request(asynchronous_operations_window=asked)
    ac = accepted(rq).ac
    window = None if granted is None else AsynchronousOperationsWindow(*granted)
    said = dataclasses.replace(ac.user_information, asynchronous_operations_window=window)
    agreement = agree(rq, dataclasses.replace(ac, user_information=said))
    assert (agreement.window_invoked, agreement.window_performed) == held
    assert bool(agreement.problems) == fault


# ---- extended negotiation (PS3.7 D.3.3.5, D.3.3.6) ----


def test_neg_20_extended_negotiation() -> None:
    rq = request(extended=[ExtendedNegotiation(CT, b"\x01\x02"), ExtendedNegotiation(VERIFICATION, b"\x03")])

    def first_byte(uid: str, information: bytes) -> bytes | None:
        return information[:1] if uid == CT else None

    verdict = accepted(rq, policy(extended_negotiation=first_byte))
    assert verdict.ac.user_information.extended_negotiations == (ExtendedNegotiation(CT, b"\x01"),)
    assert verdict.agreement.extended == agree(rq, verdict.ac).extended == {CT: b"\x01"}
    silent = accepted(rq)
    assert silent.ac.user_information.extended_negotiations == ()
    assert agree(request(), verdict.ac).extended == {}  # not proposed: ignored


def test_extended_negotiation_of_a_class_not_accepted_is_not_answered() -> None:
    rq = propose("ARCHIVE", "SCU", [(MR, [IMPLICIT])], extended=[ExtendedNegotiation(MR, b"\x01")])
    verdict = accepted(rq, policy(extended_negotiation=lambda uid, information: information))
    assert verdict.ac.user_information.extended_negotiations == ()


def test_neg_21_extended_negotiation_twice() -> None:
    one, other = ExtendedNegotiation(CT, b"\x01"), ExtendedNegotiation(CT, b"\x02")
    echoing = policy(extended_negotiation=lambda uid, information: information)
    assert code(answer(saying(request(), extended_negotiations=(one, other)), echoing)) == (1, 1, 1)
    same = accepted(saying(request(), extended_negotiations=(one, one)), echoing)
    assert same.ac.user_information.extended_negotiations == (one,)
    common = CommonExtendedNegotiation(CT, "1.2"), CommonExtendedNegotiation(CT, "1.3")
    assert code(answer(saying(request(), common_extended_negotiations=common), POLICY)) == (1, 1, 1)


def test_neg_22_common_extended_negotiation_is_never_answered() -> None:
    common = (CommonExtendedNegotiation(MR, "1.2.840.10008.4.2", (CT,)),)
    rq = propose("ARCHIVE", "SCU", [(MR, [IMPLICIT])], common_extended=common)
    knowing = policy(common_extended_negotiation=lambda item: POLICY.supported(item.related[0]))
    verdict = accepted(rq, knowing)
    assert verdict.ac.presentation_contexts == (ContextResult(1, 0, IMPLICIT),)
    assert verdict.ac.user_information.common_extended_negotiations == ()


# ---- user identity (PS3.7 D.3.3.7) ----


def welcome(identity: UserIdentity, _rq: AssociateRQ) -> Identified | Refused:
    return Identified(f"user of type {identity.type}", b"response")


@pytest.mark.parametrize(
    ("identity", "response"),
    [
        (username("anna", response_requested=True), b""),  # NEG-25
        (username_and_passcode("anna", "x", response_requested=True), b""),
        (kerberos(b"ticket", response_requested=True), b"response"),
        (saml("<a/>", response_requested=True), b"response"),
        (json_web_token("a.b.c", response_requested=True), b"response"),
        (username("anna"), None),  # NEG-24
        (kerberos(b"ticket"), None),
    ],
)
def test_neg_24_25_identity_confirmed(identity: UserIdentity, response: bytes | None) -> None:
    rq = request(user_identity=identity)
    verdict = accepted(rq, policy(user_identity=welcome))
    said = verdict.ac.user_information.user_identity_response
    assert said == (None if response is None else UserIdentityResponse(response))
    assert verdict.agreement.user == f"user of type {identity.type}"
    assert verdict.agreement.user_identity_response == agree(rq, verdict.ac).user_identity_response == response
    assert agree(rq, verdict.ac).problems == ()


def test_an_acceptor_may_ignore_identities() -> None:
    rq = request(user_identity=username("anna", response_requested=True))
    verdict = accepted(rq)
    assert verdict.ac.user_information.user_identity_response is None
    assert verdict.agreement.user is None
    assert "does not confirm the user identity" in agree(rq, verdict.ac).problems[0]


PASSCODES = {"user_identity": verify_passcodes({"anna": "sesame"})}


@pytest.mark.parametrize(
    ("identity", "required", "allowed"),
    [
        (username_and_passcode("anna", "sesame"), False, True),
        (username_and_passcode("anna", "sesame"), True, True),
        (username_and_passcode("anna", "wrong"), False, False),  # NEG-26
        (username_and_passcode("nobody", "sesame"), False, False),
        (username("anna"), False, False),
        (kerberos(b"garbage"), False, False),  # NEG-27
        (saml(b"garbage"), False, False),
        (json_web_token(b"garbage"), False, False),
        (UserIdentity(0, b"anna"), False, True),  # NEG-28: no type of the standard
        (UserIdentity(6, b"anna"), False, True),
        (UserIdentity(255, b"anna"), True, False),
        (None, False, True),
        (None, True, False),
    ],
)
def test_neg_26_to_28_identity_refused(identity: UserIdentity | None, required: bool, allowed: bool) -> None:
    verdict = answer(saying(request(), user_identity=identity), policy(identity_required=required, **PASSCODES))
    if allowed:
        assert isinstance(verdict, Accept)
    else:
        assert code(verdict) == (1, 2, 1)  # one reason for all causes (PS3.7 D.3.3.7.3)
        assert cast("Reject", verdict).why.startswith("user identity refused: ")


def test_ac_20_an_unsolicited_response_is_ignored() -> None:
    asking, silent = (
        request(user_identity=kerberos(b"t", response_requested=True)),
        request(user_identity=kerberos(b"t")),
    )
    ac = accepted(asking, policy(user_identity=welcome)).ac
    assert agree(asking, ac).user_identity_response == b"response"
    assert "b'response'" not in repr(agree(asking, ac))  # it may be a ticket
    assert agree(silent, ac).user_identity_response is None
    assert agree(request(), ac).user_identity_response is None


# ---- what the peer says of itself ----


@pytest.mark.parametrize(
    ("length", "taken", "problem"),
    [
        (None, 0, "no maximum length"),
        (0, 0, None),
        (1, 1, "1 bytes at most"),  # AC-19
        (7, 7, "7 bytes at most"),
        (8, 8, None),
        (20, 20, None),  # AC-18
        (0xFFFFFFFF, 0xFFFFFFFF, None),
    ],
)
def test_ac_18_19_maximum_length(length: int | None, taken: int, problem: str | None) -> None:
    rq = saying(request(), maximum_length=length)
    ac = dataclasses.replace(accepted(request()).ac, user_information=UserInformation(length))
    for agreement in (accepted(rq).agreement, agree(request(), ac)):
        assert agreement.maximum_send_length == taken
        assert len(agreement.problems) == (problem is not None)
        assert (problem or "") in "".join(agreement.problems)


def test_a_peer_without_a_name() -> None:
    ac = dataclasses.replace(accepted(request()).ac, user_information=UserInformation(16384, None, None))
    agreement = agree(request(), ac)
    assert agreement.peer_implementation_class_uid is agreement.peer_implementation_version_name is None
    assert "implementation class UID" in agreement.problems[0]


def test_ac_09_titles_of_the_answer_are_not_tested() -> None:
    ac = accepted(request()).ac
    assert agree(request(), dataclasses.replace(ac, echo=b"\xff" * 64)) == agree(request(), ac)


def test_ac_15_everything_refused() -> None:
    ac = AssociateAC((ContextResult(1, 3), ContextResult(3, 4)))
    agreement = agree(request(), ac)
    assert agreement.contexts == {}
    assert [context.result for context in agreement.refused] == [3, 4]
    assert agreement.context_for(CT) is None
    assert "transfer-syntaxes-not-supported" in agreement.why_not(CT)


# ---- properties ----

ABSTRACT = [VERIFICATION, CT, MR, "1.2.3", "1.2.4"]
TRANSFER = [IMPLICIT, EXPLICIT, JPEG, "1.2.5"]
SMALL = st.integers(0, 4)

transfer_syntaxes = st.lists(st.sampled_from(TRANSFER), min_size=1, unique=True).map(tuple)
supported = st.builds(
    SupportedContext,
    st.none() | transfer_syntaxes,
    scu_role=st.just(value=True),
    scp_role=st.booleans(),
) | st.builds(SupportedContext, transfer_syntaxes, scu_role=st.just(value=False), scp_role=st.just(value=True))
policies = st.builds(
    Policy,
    st.dictionaries(st.sampled_from(ABSTRACT), supported),
    supports=st.none() | st.just(lambda uid: SupportedContext(None, scp_role=True) if uid == "1.2.4" else None),
    preference=st.sampled_from(["acceptor", "requestor"]),
    asynchronous_operations_window=st.tuples(SMALL, SMALL),
    extended_negotiation=st.none() | st.just(lambda uid, information: information[:1] if information else None),
    user_identity=st.none() | st.just(welcome),
    maximum_length=st.sampled_from([0, 8, 16384]),
)
identities = st.builds(
    UserIdentity, st.integers(1, 5), st.binary(min_size=1, max_size=4), response_requested=st.booleans()
)


@st.composite
def requests(draw: st.DrawFn) -> AssociateRQ:
    contexts = draw(st.lists(st.tuples(st.sampled_from(ABSTRACT), transfer_syntaxes), min_size=1, max_size=12))
    classes = st.sampled_from([uid for uid, _ in contexts])
    roles = st.builds(
        lambda uid, held: RoleSelection(uid, *held),
        classes,
        st.sampled_from([(True, False), (False, True), (True, True)]),
    )
    extended = st.builds(ExtendedNegotiation, classes, st.binary(max_size=3))
    return propose(
        "ARCHIVE",
        "SCU",
        contexts,
        roles=draw(st.lists(roles, unique_by=lambda role: role.sop_class_uid)),
        asynchronous_operations_window=draw(st.none() | st.tuples(SMALL, SMALL)),
        extended=draw(st.lists(extended, unique_by=lambda item: item.sop_class_uid)),
        user_identity=draw(st.none() | identities),
    )


def shared(agreement: Agreement) -> tuple[object, ...]:
    """The part of an agreement that both ends must hold alike."""
    return (
        agreement.called_ae_title,
        agreement.calling_ae_title,
        agreement.contexts,
        list(agreement.contexts),
        agreement.by_abstract_syntax,
        [(r.id, r.abstract_syntax, r.result, r.transfer_syntaxes) for r in agreement.refused],
        agreement.window_invoked,
        agreement.window_performed,
        agreement.extended,
        agreement.user_identity_response,
    )


@given(requests(), policies)
def test_both_ends_agree_on_what_was_agreed(rq: AssociateRQ, policy: Policy) -> None:
    verdict = accepted(rq, policy)
    assert shared(agree(rq, verdict.ac)) == shared(verdict.agreement)


@given(requests(), policies)
def test_they_agree_over_the_wire_too(rq: AssociateRQ, policy: Policy) -> None:
    verdict = accepted(cast("AssociateRQ", decode(rq.encode())), policy)
    ac = cast("AssociateAC", decode(verdict.ac.encode()))
    assert shared(agree(rq, ac)) == shared(verdict.agreement)
    assert ac.echo == rq.encode()[10:74]


@given(requests(), policies)
def test_ac_02_03_06_every_answer_is_lawful(rq: AssociateRQ, policy: Policy) -> None:
    ac = accepted(rq, policy).ac
    asked, said = rq.user_information, ac.user_information
    assert [result.id for result in ac.presentation_contexts] == [context.id for context in rq.presentation_contexts]
    for context, result in zip(rq.presentation_contexts, ac.presentation_contexts, strict=True):
        assert result.result in (0, 1, 3, 4)
        assert result.transfer_syntax in (context.transfer_syntaxes if result.result == 0 else ("",))
    proposed = {role.sop_class_uid: role for role in asked.role_selections}
    for role in said.role_selections:
        assert role.scu <= proposed[role.sop_class_uid].scu
        assert role.scp <= proposed[role.sop_class_uid].scp
        assert role.scu or role.scp
    assert {i.sop_class_uid for i in said.extended_negotiations} <= {
        i.sop_class_uid for i in asked.extended_negotiations
    }
    assert said.common_extended_negotiations == ()
    assert said.user_identity is None
    assert asked.asynchronous_operations_window or not said.asynchronous_operations_window
    if said.user_identity_response is not None:
        assert asked.user_identity is not None
        assert asked.user_identity.response_requested


@given(requests(), policies)
def test_negotiation_is_a_function(rq: AssociateRQ, policy: Policy) -> None:
    assert answer(rq, policy) == answer(rq, policy)
    again = accepted(rq, policy)
    assert agree(rq, again.ac) == agree(rq, again.ac)


@given(
    requests(),
    st.lists(st.builds(ContextResult, st.integers(0, 255), st.integers(0, 255), st.sampled_from(["", *TRANSFER]))),
    st.builds(
        UserInformation,
        st.none() | st.integers(0, 0xFFFFFFFF),
        st.none() | st.just("1.2"),
        asynchronous_operations_window=st.none() | st.builds(AsynchronousOperationsWindow, SMALL, SMALL),
        role_selections=st.lists(st.builds(RoleSelection, st.sampled_from(ABSTRACT), st.booleans(), st.booleans())).map(
            tuple
        ),
        user_identity_response=st.none() | st.just(UserIdentityResponse(b"x")),
    ),
)
def test_no_answer_makes_the_requestor_raise_or_exceed_its_proposal(
    rq: AssociateRQ, results: list[ContextResult], said: UserInformation
) -> None:
    agreement = agree(rq, AssociateAC(tuple(results), said))
    proposed = {context.id: context for context in rq.presentation_contexts}
    asked = {role.sop_class_uid: role for role in rq.user_information.role_selections}
    for id_, context in agreement.contexts.items():
        assert context.transfer_syntax in proposed[id_].transfer_syntaxes
        role = asked.get(context.abstract_syntax)
        assert context.scu or context.scp
        assert not context.scp or (role is not None and role.scp)
    assert sorted([*agreement.contexts, *(r.id for r in agreement.refused)]) == sorted(proposed)
    assert agreement.explain()


anything = st.builds(
    AssociateRQ,
    st.text(max_size=17),
    st.text(max_size=17),
    st.lists(
        st.builds(
            ProposedContext,
            st.integers(0, 255),
            st.sampled_from(["", "1.02", *ABSTRACT]),
            st.lists(st.sampled_from(["1.02", *TRANSFER])).map(tuple),
        ),
        max_size=6,
    ).map(tuple),
    st.builds(
        UserInformation,
        st.none() | SMALL,
        role_selections=st.lists(
            st.builds(RoleSelection, st.sampled_from(["1.02", *ABSTRACT]), st.booleans(), st.booleans()),
            max_size=3,
        ).map(tuple),
        user_identity=st.none() | st.builds(UserIdentity, st.integers(0, 7), st.binary(max_size=2)),
    ),
    protocol_version=st.sampled_from([0, 1, 3]),
)


@given(anything, policies)
def test_no_request_makes_the_acceptor_raise_or_its_answer_impossible_to_send(rq: AssociateRQ, policy: Policy) -> None:
    for verdict in (
        answer(rq, policy),
        answer(dataclasses.replace(titled_like(rq), protocol_version=1), policy),
    ):
        (verdict.pdu if isinstance(verdict, Reject) else verdict.ac).encode()


def titled_like(rq: AssociateRQ) -> AssociateRQ:
    """The request with titles that get it past the door."""
    return dataclasses.replace(rq, called_ae_title="ARCHIVE", calling_ae_title="SCU", echo=bytes(64))
