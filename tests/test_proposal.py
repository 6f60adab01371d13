"""What a requestor may propose, and what is refused before it is sent."""

from typing import Any

import pytest
from dulcet.acse.proposal import propose
from dulcet.acse.user_identity import username
from dulcet.dul.errors import LocalProtocolError
from dulcet.dul.items import (
    AsynchronousOperationsWindow,
    CommonExtendedNegotiation,
    ExtendedNegotiation,
    ProposedContext,
    RoleSelection,
    UserInformation,
)
from dulcet.dul.pdu import AssociateRQ

VERIFICATION = "1.2.840.10008.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"


def test_the_least() -> None:
    assert propose("ARCHIVE ", " SCU", [(VERIFICATION, [IMPLICIT])]) == AssociateRQ(
        "ARCHIVE", "SCU", (ProposedContext(1, VERIFICATION, (IMPLICIT,)),), UserInformation(131072)
    )


def test_the_most() -> None:
    role = RoleSelection(CT, scu=True, scp=True)
    extended, common = ExtendedNegotiation(CT, b"\x01"), CommonExtendedNegotiation(CT, "1.2.840.10008.4.2")
    said = propose(
        "ARCHIVE",
        "SCU",
        [(CT, (EXPLICIT, IMPLICIT))],
        roles=[role],
        maximum_length=0,
        asynchronous_operations_window=(8, 0),
        extended=[extended],
        common_extended=[common],
        user_identity=username("anna"),
        implementation_class_uid="1.2.3",
        implementation_version_name=None,
    ).user_information
    window = AsynchronousOperationsWindow(8, 0)
    assert said == UserInformation(0, "1.2.3", None, window, (role,), (extended,), (common,), username("anna"))


def test_contexts_are_numbered_1_3_5_around_those_that_have_an_id() -> None:
    kept = ProposedContext(3, CT, (EXPLICIT,))
    rq = propose("A", "B", [(CT, [IMPLICIT]), kept, (VERIFICATION, [IMPLICIT])])
    assert [context.id for context in rq.presentation_contexts] == [1, 3, 5]
    assert rq.presentation_contexts[1] is kept


def test_128_contexts_have_the_ids_1_to_255() -> None:
    rq = propose("A", "B", [(CT, [IMPLICIT])] * 128)
    assert [context.id for context in rq.presentation_contexts] == [*range(1, 256, 2)]


ROLE = RoleSelection(CT, scu=True, scp=True)


@pytest.mark.parametrize(
    ("contexts", "match"),
    [
        ([(CT, [IMPLICIT])] * 129, r"129 .*PS3\.8 7\.1\.1\.13"),
        ([], r"no presentation context.*PS3\.8 7\.1\.1\.13"),
        ([ProposedContext(2, CT, (IMPLICIT,))], "id 2 is not an odd number"),
        ([ProposedContext(1, CT, (IMPLICIT,))] * 2, "twice"),
        ([(CT, [])], "context 1 needs abstract and transfer syntax"),
        ([("", [IMPLICIT])], "context 1 needs abstract and transfer syntax"),
    ],
)
def test_contexts_that_cannot_be(contexts: list[Any], match: str) -> None:
    with pytest.raises(LocalProtocolError, match=match):
        propose("ARCHIVE", "SCU", contexts)


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"roles": [ROLE, ROLE]}, "RoleSelection for"),
        ({"roles": [RoleSelection("1.2", scu=True, scp=True)]}, r"RoleSelection for 1\.2"),
        ({"roles": [RoleSelection(CT, scu=False, scp=False)]}, "neither SCU nor SCP"),
        ({"extended": [ExtendedNegotiation("1.2", b"")]}, "ExtendedNegotiation"),
        ({"common_extended": [CommonExtendedNegotiation("1.2", "1.2")]}, "CommonExtendedNegotiation"),
    ],
)
def test_features_that_cannot_be(more: dict[str, Any], match: str) -> None:
    with pytest.raises(LocalProtocolError, match=match):
        propose("ARCHIVE", "SCU", [(CT, [IMPLICIT])], **more)


@pytest.mark.parametrize(("called", "calling"), [("", "SCU"), ("ARCHIVE", " "), ("A" * 17, "SCU"), ("ARCHIVE", "A\\B")])
def test_titles_that_cannot_be(called: str, calling: str) -> None:
    with pytest.raises(LocalProtocolError, match="AE title"):
        propose(called, calling, [(CT, [IMPLICIT])])
