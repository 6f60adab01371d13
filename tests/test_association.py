"""An association as its user hears of it: made, refused, released, aborted, lost, waited for (PS3.8 7, 9; PS3.7 D)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from dialogue import (
    AC,
    CONTEXTS,
    IMPLICIT,
    POLICY,
    RQ,
    VERIFICATION,
    Dialogue,
    End,
    acceptor,
    requestor,
)
from dulcet.acse.association import Association, Timeouts
from dulcet.acse.events import (
    Aborted,
    Established,
    Initiator,
    Rejected,
    Released,
    ReleaseRequested,
    Requested,
)
from dulcet.acse.negotiation import Accept, answer_by_user
from dulcet.acse.policy import Policy, Reject
from dulcet.acse.user_identity import Refused, username
from dulcet.dul.errors import LocalProtocolError
from dulcet.dul.items import ContextResult, ProposedContext, UserInformation
from dulcet.dul.pdu import (
    PDV,
    Abort,
    AssociateAC,
    AssociateRJ,
    AssociateRQ,
    PDataTF,
    ReleaseRP,
    ReleaseRQ,
)
from dulcet.dul.primitives import PDataIndication
from hypothesis import given
from hypothesis import strategies as st
from walks import byte_by_byte, cut_at

DATA = PDataTF((PDV(1, 2, b"data"),))
GARBAGE = bytes.fromhex("08 00 00000002 0102")  # no PDU has this type (PS3.8 9.3.1)
BYTES_OF_IT = PDataIndication([PDV(1, 2, b"data")])

REQUESTOR_STATES = ("Sta4", "Sta5", "Sta6", "Sta7", "Sta8", "Sta9", "Sta11", "Sta13")
ACCEPTOR_STATES = ("Sta2", "Sta3", "Sta6", "Sta7", "Sta8", "Sta10", "Sta12", "Sta13")
ENDS: list[tuple[Callable[..., End], str]] = [(requestor, state) for state in REQUESTOR_STATES]
ENDS += [(acceptor, state) for state in ACCEPTOR_STATES]


def ends(*without: str) -> pytest.MarkDecorator:
    """Every end in every state it can be in, but for some states."""
    cases = [pytest.param(end, state, id=f"{end.__name__}-{state}") for end, state in ENDS if state not in without]
    return pytest.mark.parametrize(("end", "state"), cases)


def met(policy: Policy | None = POLICY, request: AssociateRQ = RQ, associations: int = 0) -> Dialogue:
    """A requestor has asked, and all that follows from it has happened."""
    dialogue = Dialogue(Association(requestor=True), Association(policy, associations=lambda: associations))
    dialogue.requestor.do(dialogue.requestor.thing.associate(request, 0.0))
    dialogue.settle()
    return dialogue


# ---- made ----


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_association_from_request_to_release(size: int) -> None:
    dialogue = Dialogue(Association(requestor=True), Association(POLICY))
    dialogue.requestor.do(dialogue.requestor.thing.associate(RQ, 0.0))
    dialogue.settle(size)
    ours, theirs = dialogue.requestor.thing, dialogue.acceptor.thing
    assert (ours.state, theirs.state) == ("Sta6", "Sta6")
    assert ours.established
    assert theirs.established
    assert (ours.requestor, theirs.requestor) == (True, False)
    assert (ours.request, theirs.request) == (RQ, RQ)
    assert dict(ours.agreement.contexts) == dict(theirs.agreement.contexts)
    assert dialogue.requestor.events == [Established(ours.agreement)]
    assert dialogue.acceptor.events == [Established(theirs.agreement)]
    theirs.send([PDV(1, 2, b"data")], 0.0)
    dialogue.settle(size)
    dialogue.requestor.do(ours.release(0.0))
    dialogue.settle(size)
    assert dialogue.said == [
        "requestor: connect",
        "acceptor: accept",
        "requestor: A-ASSOCIATE-RQ",
        "acceptor: A-ASSOCIATE-AC",
        "acceptor: P-DATA-TF",
        "requestor: A-RELEASE-RQ",
        "acceptor: A-RELEASE-RP",
        "requestor: close",
    ]
    assert dialogue.requestor.events[1:] == [BYTES_OF_IT, Released()]
    assert dialogue.acceptor.events[1:] == [ReleaseRequested(False), Released()]
    assert (ours.state, theirs.state) == ("Sta1", "Sta1")
    assert (ours.deadline, theirs.deadline) == (None, None)


def verdict(error: type[Exception] | None) -> Callable[[AssociateRQ], Reject | None]:
    def hook(_rq: AssociateRQ) -> Reject | None:
        if error is not None:
            raise error("out of order")
        return Reject(2, 3, 1, "come back later")

    return hook


unsayable = replace(POLICY)
object.__setattr__(unsayable, "user_information", UserInformation(implementation_version_name="x" * 17))

REJECTIONS: dict[str, tuple[Policy, AssociateRQ, int, AssociateRJ]] = {
    # by the service provider: AE-6 (PS3.8 Table 9-21, sources 2 and 3)
    "RJ-07 limit": (replace(POLICY, maximum_associations=3), RQ, 3, AssociateRJ(2, 3, 2)),
    # by the service user: Evt8, AE-8
    "RQ-06 application context": (POLICY, replace(RQ, application_context="1.2.3"), 0, AssociateRJ(1, 1, 2)),
    "RQ-37 called title": (replace(POLICY, ae_title="ELSE"), RQ, 0, AssociateRJ(1, 1, 7)),
    "RQ-38 calling title": (replace(POLICY, calling_ae_titles=frozenset({"X"})), RQ, 0, AssociateRJ(1, 1, 3)),
    "NEG-26 identity": (
        replace(POLICY, user_identity=lambda identity, rq: Refused("who?"), identity_required=True),
        replace(RQ, user_information=UserInformation(user_identity=username("nobody"))),
        0,
        AssociateRJ(1, 2, 1),
    ),
    "a hook says no": (replace(POLICY, request_policy=verdict(None)), RQ, 0, AssociateRJ(2, 3, 1)),
    "a hook fails": (replace(POLICY, request_policy=verdict(ValueError)), RQ, 0, AssociateRJ(2, 1, 1)),
    "the answer cannot be sent": (unsayable, RQ, 0, AssociateRJ(2, 1, 1)),
    "nothing accepted, as the policy wants": (
        replace(POLICY, contexts={}, reject_when_nothing_accepted=True),
        RQ,
        0,
        AssociateRJ(1, 1, 1),
    ),
}


@pytest.mark.parametrize("case", REJECTIONS)
def test_rejected(case: str) -> None:
    """RJ-03: the connection is closed without an abort, and both users are told why."""
    policy, request, associations, rejection = REJECTIONS[case]
    dialogue = met(policy, request, associations)
    (ours,), (theirs,) = dialogue.requestor.events, dialogue.acceptor.events
    assert isinstance(ours, Rejected)
    assert isinstance(theirs, Rejected)
    assert ours.pdu == theirs.pdu == rejection
    assert ours.why
    assert theirs.why
    assert dialogue.said[2:] == ["requestor: A-ASSOCIATE-RQ", "acceptor: A-ASSOCIATE-RJ", "requestor: close"]
    assert (dialogue.requestor.state, dialogue.acceptor.state) == ("Sta1", "Sta1")
    assert dialogue.acceptor.thing.agreement is None


def test_rejected_for_its_version() -> None:
    """RQ-04, RQ-05: bit 0 of the version is version 1. After the rejection there is nothing but closing (RJ-02)."""
    for version in (0, 2):
        request = bytearray(RQ.encode())
        request[6:8] = version.to_bytes(2)
        end = acceptor("Sta2")
        (event,) = end.hear(bytes(request), DATA)
        assert event.pdu == AssociateRJ(1, 2, 2)
        assert end.said() == [AssociateRJ(1, 2, 2)]
        assert end.state == "Sta13"


def test_a_failing_policy_is_told_in_the_log_only() -> None:
    dialogue = met(*REJECTIONS["a hook fails"][:2])
    assert dialogue.acceptor.events[0].why == "the policy failed: ValueError: out of order"
    assert "ValueError" not in dialogue.requestor.events[0].why


def test_nothing_accepted_is_an_association_still() -> None:
    dialogue = met(replace(POLICY, contexts={}))
    (ours,) = dialogue.requestor.events
    assert isinstance(ours, Established)
    assert not ours.agreement.contexts
    assert [context.result for context in ours.agreement.refused] == [3, 3, 3, 3]


def test_strange_acceptances_yield_nothing_that_was_not_proposed() -> None:
    """AC-10 to AC-14: a rejected context with garbage in it, a context and a transfer syntax never proposed, a reserved
    result, and one context without an answer."""
    proposed = tuple(ProposedContext(at, VERIFICATION, (IMPLICIT,)) for at in (1, 3, 5, 7, 9))
    results = (
        ContextResult(1, 3, "1.2.3.4"),
        ContextResult(3, 0, "1.2.840.10008.1.2.1"),
        ContextResult(5, 4),
        ContextResult(9, 0, IMPLICIT),
        ContextResult(255, 0, IMPLICIT),
    )
    end = requestor("Sta5", request=replace(RQ, presentation_contexts=proposed))
    answer = AssociateAC(results).encode().replace(bytes([5, 0, 4, 0]), bytes([5, 0, 77, 0]))
    (event,) = end.hear(answer)
    assert isinstance(event, Established)
    assert list(event.agreement.contexts) == [9]
    assert [context.id for context in event.agreement.refused] == [1, 3, 5, 7]
    assert end.state == "Sta6"


def test_data_behind_the_acceptance_is_heard_behind_it() -> None:
    end = requestor("Sta5")
    established, data = end.hear(AC, DATA)
    assert isinstance(established, Established)
    assert data == BYTES_OF_IT


# ---- answered by hand ----


def by_hand() -> End:
    end = acceptor("Sta2", policy=None)
    assert end.hear(RQ) == [Requested(RQ)]
    assert end.state == "Sta3"
    return end


def test_accept_by_hand() -> None:
    end = by_hand()
    answer = answer_by_user(RQ, POLICY)
    assert isinstance(answer, Accept)
    with pytest.raises(LocalProtocolError, match=r"accept|Sta3"):
        end.thing.send([PDV(1, 3, b"ab")], 0.0)
    assert end.do(end.thing.accept(answer.ac, answer.agreement, 0.0)) == [Established(answer.agreement)]
    assert end.said() == [answer.ac]
    assert end.state == "Sta6"
    with pytest.raises(LocalProtocolError, match="Sta6"):
        end.thing.accept(answer.ac, answer.agreement, 0.0)
    with pytest.raises(LocalProtocolError, match="Sta6"):
        end.thing.reject(AssociateRJ(1, 1, 1), 0.0)
    assert end.names() == []


def test_reject_by_hand() -> None:
    end = by_hand()
    (event,) = end.do(end.thing.reject(AssociateRJ(1, 1, 7), 0.0))
    assert event == Rejected(AssociateRJ(1, 1, 7), event.why)
    assert event.why == "rejected-permanent, called-AE-title-not-recognized (by DICOM UL service-user)"
    assert end.said() == [AssociateRJ(1, 1, 7)]
    assert end.state == "Sta13"
    (said,) = by_hand().thing.reject(AssociateRJ(1, 1, 7), 0.0, "we are closed")
    assert said.why == "we are closed"


def test_an_answer_that_cannot_be_sent_changes_nothing() -> None:
    end = by_hand()
    impossible = replace(AC, user_information=UserInformation(100, implementation_version_name="x" * 17))
    answer = answer_by_user(RQ, POLICY)
    assert isinstance(answer, Accept)
    with pytest.raises(LocalProtocolError):
        end.thing.accept(impossible, answer.agreement, 0.0)
    assert end.state == "Sta3"
    assert end.thing.agreement is None
    end.do(end.thing.accept(answer.ac, answer.agreement, 0.0))
    assert end.hear(PDataTF((PDV(1, 2, bytes(200)),)))  # the limit of 100 was never announced


def test_a_request_that_cannot_be_sent_changes_nothing() -> None:
    end = requestor()
    with pytest.raises(LocalProtocolError):
        end.thing.associate(replace(RQ, called_ae_title="A" * 17), 0.0)
    assert (end.state, end.thing.request) == ("Sta1", None)
    assert end.thing.associate(RQ, 0.0) == []
    assert end.names() == ["connect"]


def test_one_association_is_one_association() -> None:
    ours, theirs = requestor("Sta6"), acceptor("Sta6")
    for end in (ours, theirs):
        end.lose()
        assert end.state == "Sta1"
    with pytest.raises(LocalProtocolError, match="another"):
        ours.thing.associate(RQ, 0.0)
    with pytest.raises(LocalProtocolError, match="another"):
        theirs.thing.offered(0.0)
    with pytest.raises(LocalProtocolError, match=r"requestor=False"):
        requestor().thing.offered(0.0)
    with pytest.raises(LocalProtocolError, match=r"requestor=True"):
        acceptor().thing.associate(RQ, 0.0)


# ---- too much at once ----


@pytest.mark.parametrize("policy", [POLICY, None], ids=["policy", "by hand"])
def test_request_and_abort_in_one_piece(policy: Policy | None) -> None:
    """Nobody answers an association that is gone."""
    end = acceptor("Sta2", policy=policy)
    *before, event = end.hear(RQ, Abort(0, 0))
    assert before == ([] if policy else [Requested(RQ)])
    assert event == Aborted(Initiator.PEER_USER, 0, 0, "A-ABORT received", "Sta3")
    assert end.names() == ["close"]
    with pytest.raises(LocalProtocolError, match="Sta1"):
        end.thing.reject(AssociateRJ(1, 1, 1), 0.0)


@pytest.mark.parametrize("early", [DATA, ReleaseRQ(), RQ], ids=lambda pdu: pdu.name)
def test_nothing_may_follow_the_request_before_its_answer(early: Any) -> None:
    """Sta3: AA-8, unexpected PDU. Behind the answer (Sta6) data are welcome: which of the two is a race."""
    end = acceptor("Sta2")
    (event,) = end.hear(RQ, early)
    assert (event.initiator, event.source, event.reason) == (Initiator.LOCAL_PROVIDER, 2, 2)
    assert end.said() == [Abort(2, 2)]
    split = acceptor("Sta2")
    (established,) = split.hear(RQ)
    assert isinstance(established, Established)


def test_ac_16_another_application_context() -> None:
    """PS3.7 A.1: a requestor that cannot operate in the acceptor's application context issues an A-ABORT request."""
    other = replace(AC, application_context="1.2.840.10008.3.1.1.2")
    for behind in ((), (DATA,)):
        end = requestor("Sta5")
        (event,) = end.hear(other, *behind)
        assert event == Aborted(Initiator.LOCAL_USER, 0, 0, event.cause, "Sta6")
        assert "application context '1.2.840.10008.3.1.1.2' (PS3.7 A.1)" in event.cause
        assert end.said() == [Abort(0, 0)]
        assert end.state == "Sta13"
        assert end.thing.agreement is None
    (aborted,) = requestor("Sta5").hear(other, Abort(0, 0))
    assert aborted.initiator is Initiator.PEER_USER


# ---- aborted ----

NO_PDU = {"Sta4": ["close"], "Sta2": [], "Sta13": []}


@ends()
def test_abort(end: Callable[..., End], state: str) -> None:
    """Evt15: AA-1, or AA-2 before there is a connection; Sta2 and Sta13 have nothing left to abort."""
    one = end(state)
    events = one.do(one.thing.abort(one.now, "enough"))
    assert one.names() == NO_PDU.get(state, ["A-ABORT"])
    if state in ("Sta2", "Sta13"):
        assert events == []
        return
    numbers = (None, None) if state == "Sta4" else (0, 0)
    assert events == [Aborted(Initiator.LOCAL_USER, *numbers, "enough", state)]
    assert one.thing.deadline == (None if state == "Sta4" else 30.0)  # ARTIM, no user's patience
    assert one.do(one.thing.abort(one.now)) == []
    assert one.hear(GARBAGE, Abort(0, 0)) == []


@ends("Sta4")
@pytest.mark.parametrize(("source", "who"), [(0, Initiator.PEER_USER), (2, Initiator.PEER_PROVIDER)])
def test_aborted_by_the_peer(end: Callable[..., End], state: str, source: int, who: Initiator) -> None:
    """AA-3; AA-2 in Sta2, which is told for the log, and in Sta13, where the end was told before."""
    one = end(state)
    events = one.hear(bytes([7, 0, 0, 0, 0, 4, 0, 0, source, 4]))  # AB-03: a reason is not looked at where source is 0
    assert one.names() == ["close"]
    assert (one.state, one.thing.deadline) == ("Sta1", None)
    if state == "Sta13":
        assert events == []
    elif state == "Sta2":
        assert events == [Aborted(Initiator.PEER_USER, None, None, "A-ABORT before an A-ASSOCIATE-RQ", "Sta2")]
    else:
        (event,) = events
        assert (event.initiator, event.source, event.reason, event.state) == (who, source, 4, state)


@ends("Sta4")
def test_garbage(end: Callable[..., End], state: str) -> None:
    """Evt19: AA-8, in Sta2 AA-1 and in Sta13 AA-7."""
    one = end(state)
    events = one.hear(GARBAGE)
    assert one.said() == [Abort(0, 0) if state == "Sta2" else Abort(2, 1)]
    assert one.state == "Sta13"
    if state == "Sta13":
        assert events == []
        return
    (event,) = events
    who, source, reason = (Initiator.LOCAL_USER, 0, 0) if state == "Sta2" else (Initiator.LOCAL_PROVIDER, 2, 1)
    assert (event.initiator, event.source, event.reason, event.state) == (who, source, reason, state)
    assert "unrecognized PDU type 0x08" in event.cause


@ends("Sta2", "Sta4", "Sta13")
def test_who_aborted_when_both_did(end: Callable[..., End], state: str) -> None:
    """Garbage and an A-ABORT of the peer's provider in one piece: it was we who ended it."""
    one = end(state)
    (event,) = one.hear(GARBAGE, Abort(2, 2))
    assert (event.initiator, event.reason) == (Initiator.LOCAL_PROVIDER, 1)
    assert one.names() == ["A-ABORT", "close"]


def test_the_state_of_an_abort_is_that_in_which_it_happened() -> None:
    """Not that in which the bytes were begun, which came with a release request in front."""
    for pdu, source in ((DATA, 2), (Abort(0, 0), 0)):
        for pieces in ((ReleaseRQ(), pdu), (ReleaseRQ(),)):
            end = acceptor("Sta6")
            end.thing.hold_release = True
            told = end.hear(*pieces)
            if len(pieces) == 1:
                told += end.hear(pdu)
            _, aborted = told
            assert isinstance(aborted, Aborted)
            assert (aborted.source, aborted.state) == (source, "Sta8")


def test_garbage_in_sta13_is_not_answered_for_ever() -> None:
    """AB-10."""
    end = requestor("Sta13")
    assert end.hear(GARBAGE * 1000, RQ, AC, DATA, ReleaseRQ(), ReleaseRP()) == []
    assert end.names() == ["A-ABORT"] * 2
    assert end.state == "Sta13"
    assert end.wait(30.0) == []
    assert end.names() == ["close"]


@pytest.mark.parametrize(
    "first",
    [GARBAGE, RQ.encode(), ReleaseRP().encode(), bytes.fromhex("04 00 00000006 00000009 0103"), b""],
    ids=["no PDU", "a PDU out of place", "its answer unasked", "a malformed one", "none: we abort"],
)
def test_three_aborts_answer_any_flood(first: bytes) -> None:
    """Whatever the first is for, AA-7 follows twice."""
    end = requestor("Sta6")
    if not first:
        end.do(end.thing.abort(0.0))
    end.hear(first, GARBAGE * 5, RQ, GARBAGE)
    assert end.names() == ["A-ABORT"] * 3


@ends()
def test_connection_lost(end: Callable[..., End], state: str) -> None:
    """Evt17: AA-4; AA-5 in Sta2, which is told for the log; AR-5 in Sta13."""
    one = end(state)
    events = one.lose()
    assert (one.state, one.thing.deadline, one.names()) == ("Sta1", None, [])
    if state == "Sta13":
        assert events == []
    elif state == "Sta2":
        cause = "connection closed before an A-ASSOCIATE-RQ"
        assert events == [Aborted(Initiator.CONNECTION, None, None, cause, state)]
    else:
        assert events == [Aborted(Initiator.CONNECTION, None, None, "transport connection closed", state)]
    assert one.lose() == []


@ends()
def test_nothing_more_is_said_after_the_end(end: Callable[..., End], state: str) -> None:
    one = end(state)
    one.lose()
    for verb in (one.thing.release, lambda now: one.thing.send([PDV(1, 3, b"ab")], now)):
        with pytest.raises(LocalProtocolError, match="Sta1"):
            verb(0.0)
    assert one.thing.abort(0.0) == []
    assert one.thing.answer_release(0.0) == []
    assert one.hear(RQ, AC, DATA, GARBAGE) == []
    assert one.wait(1000.0) == []
    one.thing.fill(0.0)
    assert one.names() == []
    assert not one.thing.established


# ---- waited for ----

TIMEOUTS = Timeouts(connect=1.0, artim=2.0, acse=3.0, idle=4.0)
PATIENCE = {"Sta4": 1.0, "Sta5": 3.0, "Sta6": 4.0, "Sta7": 3.0, "Sta10": 3.0, "Sta11": 3.0}


@ends("Sta2", "Sta13")
def test_patience(end: Callable[..., End], state: str) -> None:
    """PS3.8 9.1.4 note 1: when it ends, A-ABORT and not a bare close. Sta3, 8, 9, 12 wait for our own user."""
    one = end(state, timeouts=TIMEOUTS)
    assert one.thing.deadline == PATIENCE.get(state)
    if state not in PATIENCE:
        assert one.wait(1000.0) == []
        return
    assert one.wait(PATIENCE[state] - 0.5) == []
    (event,) = one.wait(0.5)
    numbers = (None, None) if state == "Sta4" else (0, 0)
    assert (event.initiator, event.source, event.reason, event.state) == (Initiator.TIMEOUT, *numbers, state)
    assert f"waited {PATIENCE[state]:g} s for" in event.cause
    assert one.names() == (["close"] if state == "Sta4" else ["A-ABORT"])


@ends("Sta2", "Sta13")
def test_no_patience_set_is_patience_without_end(end: Callable[..., End], state: str) -> None:
    one = end(state, timeouts=Timeouts(connect=None, acse=None, idle=None))
    assert one.thing.deadline is None
    if state == "Sta6":
        one.hear(DATA)
        one.thing.send([PDV(1, 2, b"data")], 0.0)
    assert one.wait(1e9) == []


@ends("Sta2", "Sta3", "Sta4", "Sta8", "Sta9", "Sta12")
def test_a_drip_of_bytes_extends_nothing(end: Callable[..., End], state: str) -> None:
    """T-02: a PDU that never becomes whole does not keep an association alive, in any state."""
    one = end(state, timeouts=replace(TIMEOUTS, acse=4.0, artim=4.0))
    events: list[Any] = []
    for byte in AC.encode()[:5]:
        one.now += 1.0
        events += one.hear(bytes([byte]))
    assert one.state == ("Sta1" if state == "Sta13" else "Sta13")
    assert len(events) == (0 if state == "Sta13" else 1)
    assert one.names() == (["close"] if state == "Sta13" else ["A-ABORT"])


def test_artim_waits_for_the_request() -> None:
    """T-01 to T-03: Sta2 is closed without any PDU, drip or no drip."""
    end = acceptor("Sta2", timeouts=TIMEOUTS)
    end.hear(RQ.encode()[:50])
    end.now = 1.9
    end.hear(RQ.encode()[50:60])
    end.now = 2.0
    (event,) = end.hear(RQ.encode()[60:])
    assert event == Aborted(Initiator.TIMEOUT, None, None, "no A-ASSOCIATE-RQ before ARTIM expired", "Sta2")
    assert end.names() == ["close"]


def test_artim_waits_for_the_peer_to_close() -> None:
    """T-04 to T-07: after a rejection, a release, an abort; what is ignored does not start it again."""
    for end in (acceptor("Sta13", timeouts=TIMEOUTS), requestor("Sta13", timeouts=TIMEOUTS)):
        end.now = 1.5
        assert end.hear(DATA) == []
        assert end.wait(0.4) == []
        assert end.state == "Sta13"
        assert end.wait(0.1) == []
        assert (end.state, end.names()) == ("Sta1", ["close"])


def test_idle_means_no_message_either_way() -> None:
    end = acceptor("Sta6", timeouts=TIMEOUTS)
    end.now = 3.0
    end.hear(DATA)
    assert end.thing.deadline == 7.0
    end.now = 5.0
    end.thing.send([PDV(1, 2, b"data")], end.now)
    assert end.thing.deadline == 9.0
    end.now = 8.0
    end.hear(DATA.encode()[:9])
    assert end.thing.deadline == 9.0
    (event,) = end.wait(1.0)
    assert event.cause == "waited 4 s for a message"


def test_an_operation_under_way_is_not_idle() -> None:
    end = acceptor("Sta6", timeouts=TIMEOUTS)
    end.thing.busy = True
    assert end.wait(4.0) == []
    assert end.thing.deadline == 8.0
    end.thing.busy = False
    assert end.wait(3.9) == []
    assert len(end.wait(0.1)) == 1


def test_due_time_happens_before_the_bytes_that_come_with_it() -> None:
    end = requestor("Sta5", timeouts=TIMEOUTS)
    end.now = 3.0
    (event,) = end.hear(AC)
    assert event.initiator is Initiator.TIMEOUT
    assert end.thing.agreement is None
    idle = acceptor("Sta6", timeouts=TIMEOUTS)
    idle.now = 4.0
    (event,) = idle.hear(DATA)
    assert event.initiator is Initiator.TIMEOUT


# ---- released ----


def standing() -> Dialogue:
    dialogue = met()
    dialogue.said.clear()
    for end in (dialogue.requestor, dialogue.acceptor):
        end.events.clear()
    return dialogue


@pytest.mark.parametrize(("asks", "answers"), [("requestor", "acceptor"), ("acceptor", "requestor")])
def test_release(asks: str, answers: str) -> None:
    """RL-01, RL-09: the acceptor of the association may ask, too."""
    dialogue = standing()
    dialogue.end(asks).do(dialogue.end(asks).thing.release(0.0))
    dialogue.settle()
    assert dialogue.said == [f"{asks}: A-RELEASE-RQ", f"{answers}: A-RELEASE-RP", f"{asks}: close"]
    assert dialogue.end(asks).events == [Released()]
    assert dialogue.end(answers).events == [ReleaseRequested(False), Released()]
    assert (dialogue.requestor.state, dialogue.acceptor.state) == ("Sta1", "Sta1")


@pytest.mark.parametrize("size", [1, 3, 1 << 20])
def test_release_collision(size: int) -> None:
    """RL-10, RL-14, PS3.8 7.2.2: the requestor answers first, the acceptor waits for that, then answers."""
    dialogue = standing()
    for end in (dialogue.requestor, dialogue.acceptor):
        end.do(end.thing.release(0.0))
    dialogue.settle(size)
    assert dialogue.said == [
        "requestor: A-RELEASE-RQ",
        "acceptor: A-RELEASE-RQ",
        "requestor: A-RELEASE-RP",
        "acceptor: A-RELEASE-RP",
        "requestor: close",
    ]
    assert dialogue.requestor.events == [ReleaseRequested(True), Released()]
    assert dialogue.acceptor.events == [ReleaseRequested(True), Released()]
    assert (dialogue.requestor.state, dialogue.acceptor.state) == ("Sta1", "Sta1")


def test_an_abort_ends_a_collision() -> None:
    """RL-12; and where our own release was confirmed in the same piece (AR-10), it did not come about."""
    ours = requestor("Sta9")
    assert ours.hear(Abort(0, 0)) == [Aborted(Initiator.PEER_USER, 0, 0, "A-ABORT received", "Sta9")]
    for state in ("Sta7", "Sta10"):
        theirs = acceptor(state)
        before = [ReleaseRQ()] if state == "Sta7" else []
        assert [type(event) for event in theirs.hear(*before, ReleaseRP(), Abort(0, 0))] == [
            *([ReleaseRequested] if before else []),
            Aborted,
        ]


def test_confirmation_and_close_in_one_piece() -> None:
    """Whatever follows A-RELEASE-RP finds nobody (Sta1)."""
    end = requestor("Sta7")
    assert end.hear(DATA, ReleaseRP(), GARBAGE, Abort(0, 0)) == [BYTES_OF_IT, Released()]
    assert end.names() == ["close"]


def test_release_is_answered_when_the_user_is_ready() -> None:
    """AR-7: what is still to be said goes out in Sta8."""
    end = acceptor("Sta6")
    assert end.hear(ReleaseRQ()) == [ReleaseRequested(False)]
    assert end.thing.release_unanswered
    assert end.thing.established
    end.thing.send([PDV(1, 2, b"data")], 0.0)
    with pytest.raises(LocalProtocolError, match="Sta8"):
        end.thing.release(0.0)
    assert end.do(end.thing.answer_release(0.0)) == [Released()]
    assert end.names() == ["P-DATA-TF", "A-RELEASE-RP"]
    assert end.do(end.thing.answer_release(0.0)) == []


def test_data_on_their_way_when_release_was_asked_for() -> None:
    """RL-15, AR-6: P-DATA in Sta7 is delivered. In Sta8 it is an error of the peer's (AA-8)."""
    end = requestor("Sta7")
    assert end.hear(DATA, DATA) == [PDataIndication([PDV(1, 2, b"data")] * 2)]
    assert end.hear(ReleaseRP()) == [Released()]
    bad = acceptor("Sta6")
    requested, event = bad.hear(ReleaseRQ(), DATA)
    assert requested == ReleaseRequested(False)
    assert (event.initiator, event.reason) == (Initiator.LOCAL_PROVIDER, 2)


def test_release_refused_in_words() -> None:
    for end in (requestor("Sta5"), requestor("Sta7"), acceptor("Sta2")):
        with pytest.raises(LocalProtocolError, match=f"Evt11.*{end.state}"):
            end.thing.release(0.0)
        assert end.names() == []


# ---- in any pieces ----

STREAMS = {
    "Sta2": [RQ],
    "Sta5": [AC, DATA, DATA, ReleaseRQ()],
    "Sta6": [DATA, DATA, GARBAGE, DATA, Abort(0, 0)],
    "Sta7": [DATA, ReleaseRQ(), ReleaseRP(), Abort(0, 0)],
}


@pytest.mark.parametrize("state", STREAMS)
@given(cuts=st.lists(st.integers(1, 400), max_size=8))
def test_any_split(state: str, cuts: list[int]) -> None:
    """What is told and said does not depend on the pieces."""

    def play(pieces: Any) -> tuple[list[Any], list[Any], str]:
        one = acceptor(state) if state == "Sta2" else requestor(state)
        one.thing.hold_release = True
        one.pieces = pieces
        one.hear(*STREAMS[state])
        events = [replace(event, state="") if isinstance(event, Aborted) else event for event in one.events]
        return events, one.said(), one.state

    whole = play(lambda data: [data])
    assert play(cut_at(cuts)) == whole
    assert play(byte_by_byte) == whole


def test_contexts_are_those_of_the_catalogue() -> None:
    assert [context.id for context in CONTEXTS] == [1, 3, 5, 7]
