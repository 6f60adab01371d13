"""hypothesis strategies for the PDUs of the upper layer, for our tests and for yours (`dulcet[hypothesis]`).

What they draw is legal: `encode` never refuses it and `decode` gives it back. For what is not legal there is
`corrupted`, which changes one field of a legal PDU. `st.from_type(PDataTF)` and `st.builds` work too
(`strategy_registration`). What takes no arguments is made once: hypothesis looks into every strategy it has not seen,
which took a third of the time of the tests of Table 9-10.
"""

import string
from functools import cache
from typing import Any, Literal

from hypothesis import strategies as st

from ..spec import codes
from .items import (
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
from .layout import HEADER, fields
from .pdu import PDV, Abort, AssociateAC, AssociateRJ, AssociateRQ, PDataTF, Pdu, ReleaseRP, ReleaseRQ

__all__ = [
    "uids",
    "ae_titles",
    "context_ids",
    "proposed_contexts",
    "presentation_contexts",
    "context_results",
    "user_informations",
    "associate_rqs",
    "associate_acs",
    "associate_rjs",
    "presentation_data_values",
    "p_data_tfs",
    "aborts",
    "pdus",
    "corrupted",
    "splits",
]

_KNOWN_UIDS = ("1.2.840.10008.1.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.5.1.4.1.1.2")
_TITLE_CHARACTERS = "".join(sorted({*map(chr, range(0x20, 0x7F))} - {"\\"}))


@cache
def uids() -> st.SearchStrategy[str]:
    """UIDs (PS3.5 9.1), half of them well known."""
    components = st.one_of(st.integers(0, 99), st.integers(0, 2**64)).map(str)
    invented = st.lists(components, min_size=2, max_size=8).map(lambda parts: ".".join(parts)[:64].rstrip("."))
    return st.one_of(st.sampled_from(_KNOWN_UIDS), invented.filter(_no_leading_zero))


def _no_leading_zero(uid: str) -> bool:
    return all(part == "0" or part[0] != "0" for part in uid.split("."))


@cache
def ae_titles() -> st.SearchStrategy[str]:
    """AE titles without insignificant spaces."""
    likely = st.text(string.ascii_uppercase + string.digits + "_-", min_size=1, max_size=16)
    any_legal = st.text(_TITLE_CHARACTERS, min_size=1, max_size=16).map(lambda title: title.strip(" "))
    return st.one_of(likely, any_legal.filter(bool))


@cache
def context_ids() -> st.SearchStrategy[int]:
    """Presentation-context-IDs: odd, 1 to 255."""
    return st.integers(0, 127).map(lambda n: 2 * n + 1)


@cache
def proposed_contexts() -> st.SearchStrategy[ProposedContext]:
    """One presentation context as proposed."""
    syntaxes = st.lists(uids(), min_size=1, max_size=4).map(tuple)
    return st.builds(ProposedContext, context_ids(), uids(), syntaxes)


def presentation_contexts(max_size: int = 6) -> st.SearchStrategy[tuple[ProposedContext, ...]]:
    """The presentation contexts of one A-ASSOCIATE-RQ: at least one, no ID twice."""
    contexts = st.lists(proposed_contexts(), min_size=1, max_size=max_size, unique_by=lambda context: context.id)
    return contexts.map(tuple)


@st.composite
def context_results(draw: st.DrawFn) -> ContextResult:
    """The answer to one presentation context."""
    result = draw(st.sampled_from(sorted(codes.CONTEXT_RESULTS)))
    return ContextResult(draw(context_ids()), result, "" if result else draw(uids()))


def _single_each(negotiations: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    by_class = st.lists(negotiations, max_size=3, unique_by=lambda negotiation: negotiation.sop_class_uid)
    return by_class.map(tuple)


def _identities() -> st.SearchStrategy[UserIdentity]:
    secret = st.binary(max_size=32)
    with_passcode = st.builds(UserIdentity, st.just(2), secret, secret, st.booleans())
    without = st.builds(UserIdentity, st.sampled_from([1, 3, 4, 5]), secret, st.just(b""), st.booleans())
    return st.one_of(with_passcode, without)


def user_informations(
    of: Literal["A-ASSOCIATE-RQ", "A-ASSOCIATE-AC"] = "A-ASSOCIATE-RQ",
) -> st.SearchStrategy[UserInformation]:
    """User information with every sub-item that the PDU may have."""
    request = of == "A-ASSOCIATE-RQ"
    windows = st.integers(0, 0xFFFF)
    lengths = st.one_of(st.sampled_from([0, 16384, 131072]), st.integers(0, 2**32 - 1))
    names = st.text([chr(n) for n in range(0x20, 0x7F)], min_size=1, max_size=16)
    commons = st.builds(CommonExtendedNegotiation, uids(), uids(), st.lists(uids(), max_size=2).map(tuple))
    return st.builds(
        UserInformation,
        maximum_length=lengths,
        implementation_class_uid=uids(),
        implementation_version_name=st.none() | names,
        asynchronous_operations_window=st.none() | st.builds(AsynchronousOperationsWindow, windows, windows),
        role_selections=_single_each(st.builds(RoleSelection, uids(), st.booleans(), st.booleans())),
        extended_negotiations=_single_each(st.builds(ExtendedNegotiation, uids(), st.binary(max_size=8))),
        common_extended_negotiations=_single_each(commons) if request else st.just(()),
        user_identity=st.none() | _identities() if request else st.none(),
        user_identity_response=(
            st.none() if request else st.none() | st.builds(UserIdentityResponse, st.binary(max_size=32))
        ),
    )


@cache
def _protocol_versions() -> st.SearchStrategy[int]:
    return st.one_of(st.just(1), st.integers(0, 0x7FFF).map(lambda n: 2 * n + 1))


@cache
def associate_rqs() -> st.SearchStrategy[AssociateRQ]:
    """A-ASSOCIATE-RQ."""
    return st.builds(
        AssociateRQ,
        ae_titles(),
        ae_titles(),
        presentation_contexts(),
        user_informations(),
        uids(),
        _protocol_versions(),
        st.just(b""),
    )


@cache
def _informations_of_answers() -> st.SearchStrategy[UserInformation]:
    return user_informations("A-ASSOCIATE-AC")


@st.composite
def associate_acs(draw: st.DrawFn, request: AssociateRQ | None = None) -> AssociateAC:
    """A-ASSOCIATE-AC that answers every context of a request, or of one drawn for it."""
    rq = request or draw(associate_rqs())
    contexts = []
    for context in rq.presentation_contexts:
        result = draw(st.sampled_from(sorted(codes.CONTEXT_RESULTS)))
        syntax = "" if result else draw(st.sampled_from(context.transfer_syntaxes))
        contexts.append(ContextResult(context.id, result, syntax))
    return AssociateAC(
        tuple(contexts),
        draw(_informations_of_answers()),
        rq.application_context,
        draw(_protocol_versions()),
        rq.echo,
    )


@cache
def associate_rjs() -> st.SearchStrategy[AssociateRJ]:
    """A-ASSOCIATE-RJ: the sixteen of Table 9-21."""
    results = st.sampled_from(sorted(codes.REJECT_RESULTS))
    sources = st.sampled_from(sorted(codes.REJECT_REASONS))
    return st.builds(lambda result, cause: AssociateRJ(result, *cause), results, sources)


def presentation_data_values(max_size: int = 64) -> st.SearchStrategy[PDV]:
    """One presentation data value, of any kind; fragments are of even length (E.1)."""
    fragments = st.binary(max_size=max_size).map(lambda data: data[: len(data) & ~1])
    return st.builds(PDV, context_ids(), st.integers(0, 3), fragments)


def p_data_tfs(max_size: int = 64) -> st.SearchStrategy[PDataTF]:
    """P-DATA-TF with one to four presentation data values. They need not make sense as messages."""
    values = st.lists(presentation_data_values(max_size), min_size=1, max_size=4).map(tuple)
    return st.builds(PDataTF, values)


@cache
def aborts() -> st.SearchStrategy[Abort]:
    """A-ABORT: the seven of Table 9-26."""
    by_provider = st.sampled_from(sorted(codes.ABORT_REASONS)).map(lambda reason: Abort(2, reason))
    return st.just(Abort()) | by_provider


@cache
def pdus() -> st.SearchStrategy[Pdu]:
    """Any of the seven PDUs."""
    release = st.sampled_from([ReleaseRQ(), ReleaseRP()])
    return st.one_of(release, aborts(), associate_rjs(), p_data_tfs(), associate_rqs(), associate_acs())


@st.composite
def corrupted(draw: st.DrawFn, originals: st.SearchStrategy[Pdu] | None = None) -> bytes:
    """An encoded PDU with one field changed: any of its table or of its items, reserved ones too."""
    data = draw(originals if originals is not None else pdus()).encode()
    _, start, stop = draw(st.sampled_from(list(fields(data))))
    old = int.from_bytes(data[start:stop], "big")
    top = 256 ** (stop - start) - 1
    near = st.sampled_from([0, 1, top, min(old + 1, top), max(old - 1, 0)])
    new = draw(st.one_of(near, st.integers(0, top)).filter(lambda number: number != old))
    return data[:start] + new.to_bytes(stop - start, "big") + data[stop:]


@st.composite
def splits(draw: st.DrawFn, data: bytes, max_size: int = 8) -> list[int]:
    """Where to cut a byte stream: ascending positions, often inside the six header bytes of a PDU."""
    positions = st.integers(0, len(data))
    headers = [at for at in _header_positions(data) if at <= len(data)]
    return sorted(draw(st.lists(st.one_of(st.sampled_from(headers), positions), max_size=max_size)))


def _header_positions(data: bytes) -> list[int]:
    """Positions inside and around the header of each PDU, as far as the lengths lead."""
    positions, start = [0], 0
    while start < len(data):
        positions += range(start, start + HEADER + 1)
        start += HEADER + int.from_bytes(data[start + 2 : start + HEADER], "big")
    return positions
