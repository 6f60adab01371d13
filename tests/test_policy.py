"""What an acceptor's policy may say, and that it cannot be changed behind its back."""

import dataclasses
from typing import Any

import pytest
from dulcet.acse.policy import Policy, Reject, SupportedContext
from dulcet.dul.errors import LocalProtocolError
from dulcet.dul.items import UserInformation
from dulcet.dul.pdu import AssociateRJ

VERIFICATION = "1.2.840.10008.1.1"
IMPLICIT = "1.2.840.10008.1.2"
PLAIN = SupportedContext((IMPLICIT,))

TABLE_9_21 = [(1, 1), (1, 2), (1, 3), (1, 7), (2, 1), (2, 2), (3, 1), (3, 2)]  # (source, reason)


@pytest.mark.parametrize("result", range(4))
@pytest.mark.parametrize("source", range(5))
@pytest.mark.parametrize("reason", range(11))
def test_only_the_refusals_of_table_9_21_can_be_made(result: int, source: int, reason: int) -> None:
    if result in (1, 2) and (source, reason) in TABLE_9_21:
        assert Reject(result, source, reason, "because").pdu == AssociateRJ(result, source, reason)
    else:
        with pytest.raises(LocalProtocolError, match="Table 9-21"):
            Reject(result, source, reason, "because")


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"preference": "mine"}, "preference"),
        ({"identity_required": True}, "verifier"),
        ({"asynchronous_operations_window": (-1, 1)}, "asynchronous_operations_window=-1: "),
        ({"maximum_length": -1}, "maximum_length=-1: "),
        ({"maximum_associations": -1}, "maximum_associations=-1: "),
        ({"calling_ae_titles": "SCU"}, "one string"),
        ({"ae_title": "A" * 17}, "AE title 'AAAAAAAAAAAAAAAAA' is not 1 to 16"),
        ({"ae_title": " "}, "Table 9-11"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, Any], match: str) -> None:
    with pytest.raises(LocalProtocolError, match=match):
        Policy(**wrong)


def test_a_supported_context_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="no transfer syntax"):
        SupportedContext(())
    with pytest.raises(LocalProtocolError, match="no role"):
        SupportedContext((IMPLICIT,), scu_role=False, scp_role=False)


def test_the_table_is_copied_and_cannot_be_written() -> None:
    table = {VERIFICATION: PLAIN}
    policy = Policy(table)
    table.clear()
    assert policy.supported(VERIFICATION) == PLAIN
    with pytest.raises(TypeError):
        policy.contexts["1.2"] = PLAIN  # type: ignore[index]  # wrong on purpose


def test_titles_lose_their_insignificant_spaces() -> None:
    policy = Policy(ae_title=" ARCHIVE ", calling_ae_titles=frozenset({"A ", " B"}))
    assert policy.ae_title == "ARCHIVE"
    assert policy.calling_ae_titles == frozenset({"A", "B"})


def test_the_predicate_is_asked_for_what_the_table_has_not() -> None:
    asked = []

    def supports(uid: str) -> SupportedContext | None:
        asked.append(uid)
        return SupportedContext(None) if uid.startswith("1.2.3.") else None

    policy = Policy({VERIFICATION: PLAIN}, supports)
    assert policy.supported(VERIFICATION) == PLAIN
    assert policy.supported("1.2.3.4") == SupportedContext(None)
    assert policy.supported("1.2.4") is None
    assert asked == ["1.2.3.4", "1.2.4"]
    assert Policy().supported(VERIFICATION) is None


def test_defaults() -> None:
    policy = Policy()
    assert policy.user_information == UserInformation(131072)
    assert (policy.maximum_associations, policy.asynchronous_operations_window) == (200, (1, 1))
    assert (policy.ae_title, policy.calling_ae_titles, policy.user_identity) == (None, None, None)


def test_another_policy_is_made_by_replacing() -> None:
    policy = dataclasses.replace(Policy(ae_title="ONE"), ae_title="TWO", maximum_length=0)
    assert (policy.ae_title, policy.user_information.maximum_length) == ("TWO", 0)
