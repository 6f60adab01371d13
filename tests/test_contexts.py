"""What people may write where presentation contexts are wanted."""

import pytest
from dulcet.acse.proposal import propose
from dulcet.dul.items import ProposedContext
from dulcet.services.contexts import proposed

from dulcet import Verification

VERIFICATION = "1.2.840.10008.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
UNCOMPRESSED = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2")
JPEG = "1.2.840.10008.1.2.4.70"


def test_services_syntaxes_pairs_and_whole_contexts() -> None:
    whole = ProposedContext(99, CT, (JPEG,))
    request = propose("A", "B", proposed([Verification, Verification(), CT, (CT, [JPEG]), whole]))
    assert request.presentation_contexts == (
        ProposedContext(1, VERIFICATION, UNCOMPRESSED),
        ProposedContext(3, VERIFICATION, UNCOMPRESSED),
        ProposedContext(5, CT, UNCOMPRESSED),
        ProposedContext(7, CT, (JPEG,)),
        whole,
    )


@pytest.mark.parametrize("nonsense", [7, None, b"1.2", object, int])
def test_anything_else_is_refused_by_name(nonsense: object) -> None:
    with pytest.raises(TypeError, match="no service, abstract syntax, or presentation context"):
        proposed([nonsense])  # type: ignore[list-item]  # wrong on purpose
