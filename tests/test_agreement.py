"""What was agreed: how it is asked, and that it explains itself and cannot change."""

import dataclasses

import pytest
from dulcet.acse.agreement import AcceptedContext, Agreement, RefusedContext

CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
JPEG = "1.2.840.10008.1.2.4.50"

FIRST = AcceptedContext(1, CT, EXPLICIT)
SECOND = AcceptedContext(5, CT, JPEG, scu=True, scp=True)
MANY = Agreement(
    "ARCHIVE",
    "SCU",
    {1: FIRST, 5: SECOND},
    (RefusedContext(3, MR, 3, "abstract syntax not supported", (IMPLICIT, EXPLICIT)),),
    maximum_send_length=16384,
    window_invoked=0,
    window_performed=2,
    peer_implementation_class_uid="1.2.3",
    peer_implementation_version_name="PEER_1",
    extended={CT: b"\x01\x00"},
    user="anna",
    problems=("something is odd",),
)
NONE = Agreement("ARCHIVE", "SCU", {})


@pytest.mark.parametrize(
    ("abstract_syntax", "transfer_syntax", "found"),
    [
        (CT, None, FIRST),
        (CT, EXPLICIT, FIRST),
        (CT, JPEG, SECOND),
        (CT, IMPLICIT, None),
        (MR, None, None),
        ("1.2", None, None),
    ],
)
def test_context_for(abstract_syntax: str, transfer_syntax: str | None, found: AcceptedContext | None) -> None:
    assert MANY.context_for(abstract_syntax, transfer_syntax) == found
    assert NONE.context_for(abstract_syntax, transfer_syntax) is None


def test_by_abstract_syntax_is_made_once_and_kept() -> None:
    assert MANY.by_abstract_syntax == {CT: (FIRST, SECOND)}
    assert dataclasses.replace(MANY, user=None).by_abstract_syntax is MANY.by_abstract_syntax
    assert NONE.by_abstract_syntax == {}


def test_it_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        MANY.user = "otto"  # type: ignore[misc]  # wrong on purpose
    with pytest.raises(TypeError):
        MANY.by_abstract_syntax["1.2"] = ()  # type: ignore[index]  # wrong on purpose
    assert len({MANY, NONE, MANY}) == 2


def test_it_explains_itself() -> None:
    assert MANY.explain() == [
        "'SCU' calls 'ARCHIVE'",
        "peer implementation: 'PEER_1', 1.2.3",
        f"presentation context 1: {CT} accepted with {EXPLICIT}, requestor is SCU",
        f"presentation context 5: {CT} accepted with {JPEG}, requestor is SCU and SCP",
        f"presentation context 3: '{MR}' with {IMPLICIT}, {EXPLICIT} refused: abstract syntax not supported",
        "longest P-DATA-TF to send: 16384",
        "operations at a time: requestor unlimited, acceptor 2",
        f"extended negotiation of {CT}: 0100",
        "user: 'anna'",
        "problem: something is odd",
    ]
    assert NONE.explain() == [
        "'SCU' calls 'ARCHIVE'",
        "peer implementation: None, None",
        "longest P-DATA-TF to send: unlimited",
        "operations at a time: requestor 1, acceptor 1",
    ]


def test_why_there_is_no_context() -> None:
    assert MANY.why_not("1.2") == "no accepted presentation context for 1.2: none was proposed"
    assert "3: '1.2.840.10008.5.1.4.1.1.4' with" in MANY.why_not(MR)
    assert "refused: abstract syntax not supported" in MANY.why_not(MR, IMPLICIT)
    assert MANY.why_not(CT, IMPLICIT).startswith(f"no accepted presentation context for {CT} with {IMPLICIT}: ")
    assert f"accepted with {JPEG}" in MANY.why_not(CT, IMPLICIT)
    bare = dataclasses.replace(MANY, refused=(RefusedContext(3, MR, None, "the acceptor does not answer it"),))
    assert "with no transfer syntax refused" in bare.why_not(MR)
