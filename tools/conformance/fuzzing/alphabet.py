"""Strategies of steps: the PDUs as they should be, variants built field by field, and fields that lie.

What is simplest stands first, because shrinking goes there. Values are drawn where a peer has to decide something:
types and lengths of items, UIDs, IDs, result codes, control headers, elements of command sets. Noise without structure
is not drawn here: the catalogue's ROB rows have it.
"""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from ....dul.layout import fields
from .. import commands, frames
from .steps import FIN, RST, SEND, WAIT, Step

MOST_STEPS = 6
_SYNTAXES = (frames.IMPLICIT, frames.EXPLICIT, "1.2.840.10008.1.2.4.50", "1.2.3", "", "1.2.3\0", "x")
_CLASSES = (frames.VERIFICATION, frames.CT_IMAGE_STORAGE, commands.STUDY_ROOT_FIND, "1.2.3", "")
_ITEM_TYPES = (0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5F, 0x00, 0x60, 0xFF)


def plain(called: str, calling: str) -> dict[str, bytes]:
    """The PDUs as they should be, simplest first."""
    return {
        "A-RELEASE-RQ": frames.release_rq(),
        "A-RELEASE-RP": frames.release_rp(),
        "A-ABORT": frames.abort(),
        "A-ASSOCIATE-RJ": frames.associate_rj(),
        "P-DATA-TF": commands.echo(),
        "A-ASSOCIATE-AC": frames.associate_ac(called=called, calling=calling),
        "A-ASSOCIATE-RQ": frames.associate_rq(called=called, calling=calling),
        "PDU-type 47H": frames.pdu(0x47, b"1234"),
    }


def conversations(called: str, calling: str, most: int = MOST_STEPS) -> st.SearchStrategy[list[Step]]:
    """Lists of steps.

    Args:
        called: the peer's AE title.
        calling: ours.
        most: steps.
    """
    return st.lists(_steps(called, calling), min_size=1, max_size=most)


def _steps(called: str, calling: str) -> st.SearchStrategy[Step]:
    valid = plain(called, calling)
    usual = st.sampled_from(sorted(valid.items(), key=lambda pair: len(pair[1])))
    sent = st.one_of(
        usual,
        usual,
        usual,
        lies(list(valid.items())),
        p_data(),
        messages(),
        acceptances(),
        requests(called, calling),
    )
    send = st.builds(
        lambda what, cuts, joined: Step(SEND, what[0], what[1], tuple(cuts), joined),
        sent,
        st.lists(st.integers(0, 100), max_size=3),
        st.booleans(),
    )
    return st.one_of(send, send, send, st.sampled_from([Step(WAIT), Step(FIN), Step(RST)]))


def requests(called: str, calling: str) -> st.SearchStrategy[tuple[str, bytes]]:
    """A-ASSOCIATE-RQ whose lengths are right and whose content may be anything."""
    contexts = st.lists(
        st.builds(frames.proposed, _ids(), st.sampled_from(_CLASSES), st.lists(st.sampled_from(_SYNTAXES), max_size=3)),
        max_size=4,
    )
    return st.builds(
        lambda contexts, user, version, name, titles: (
            f"A-ASSOCIATE-RQ{_content(name, contexts, user)}, version {version}",
            frames.associate_rq(items=[*name, *contexts, *user], version=version, called=titles[0], calling=titles[1]),
        ),
        contexts,
        _users(),
        st.sampled_from([1, 3, 0xFFFF, 2, 0]),
        _names(),
        st.sampled_from([(called, calling), (called, ""), ("", calling), (called, "A\0B")]),
    )


def acceptances() -> st.SearchStrategy[tuple[str, bytes]]:
    """The same of A-ASSOCIATE-AC."""
    contexts = st.lists(
        st.builds(frames.answered, _ids(), st.integers(0, 6), st.lists(st.sampled_from(_SYNTAXES), max_size=2)),
        max_size=3,
    )
    return st.builds(
        lambda contexts, user, name: (
            f"A-ASSOCIATE-AC{_content(name, contexts, user)}",
            frames.associate_ac(items=[*name, *contexts, *user]),
        ),
        contexts,
        _users(),
        _names(),
    )


def _content(names: Sequence[bytes], contexts: Sequence[bytes], users: Sequence[bytes]) -> str:
    """How many items of each kind there are, where that is said of an A-ASSOCIATE PDU."""
    return f" of {len(names)} 10H, {len(contexts)} contexts, {len(users)} 50H"


def _ids() -> st.SearchStrategy[int]:
    return st.sampled_from([1, 3, 255, 0, 2])


def _names() -> st.SearchStrategy[list[bytes]]:
    """Application context items: one, as it should be, or none, another, two."""
    right, other = frames.application_context(), frames.application_context("1.2.3")
    return st.sampled_from([[right], [], [other], [right, right]])


def _users() -> st.SearchStrategy[list[bytes]]:
    """User information items."""
    usual = [frames.maximum_length(), frames.implementation_class()]
    sub_items = st.builds(frames.item, st.sampled_from(_ITEM_TYPES), st.binary(max_size=12))
    with_more = st.lists(sub_items, max_size=3).map(lambda more: [frames.user_information(*usual, *more)])
    lengths = st.sampled_from([0, 1, 7, 20, 128, 16384, 0xFFFFFFFF])
    small = lengths.map(lambda length: [frames.user_information(frames.maximum_length(length), usual[1])])
    return st.one_of(with_more, small, st.sampled_from([[], [frames.item(0x50)]]))


def messages() -> st.SearchStrategy[tuple[str, bytes]]:
    """C-ECHO-RQ of which elements are left out, doubled, or have other values."""
    usual = commands.echo_elements()
    numbers = st.sampled_from([0, 1, 0x30, 0x8030, 0x0FFF, 0x0101, 0xFFFF])
    changed = st.dictionaries(st.sampled_from([*usual, 0x0120, 0x0900, 0x0001]), st.none() | numbers, max_size=3)
    return st.builds(
        lambda changes, context, control: (
            "C-ECHO-RQ variant",
            frames.p_data(frames.pdv(context, commands.command(_changed(usual, changes)), control=control)),
        ),
        changed,
        _ids(),
        st.sampled_from([3, 1, 2, 0, 0xFF]),
    )


def _changed(usual: dict[int, Any], changes: dict[int, int | None]) -> dict[int, Any]:
    found = {**usual, **changes}
    return {number: value for number, value in found.items() if value is not None}


def p_data() -> st.SearchStrategy[tuple[str, bytes]]:
    """P-DATA-TF of any PDVs."""
    pdvs = st.builds(
        lambda context, control, data, length: frames.pdv(context, data, control=control, length=length),
        _ids(),
        st.sampled_from([3, 1, 2, 0, 0xFC]),
        st.binary(max_size=8),
        st.one_of(st.none(), st.integers(0, 12)),
    )
    return st.lists(pdvs, max_size=3).map(lambda parts: ("P-DATA-TF variant", frames.p_data(*parts)))


@st.composite
def lies(draw: st.DrawFn, valid: Sequence[tuple[str, bytes]]) -> tuple[str, bytes]:
    """A PDU one field of which has another value: lengths that lie, reserved bytes, codes."""
    name, data = draw(st.sampled_from(valid))
    field = draw(st.sampled_from([each for each in fields(data) if 0 < each.stop - each.start <= 4]))
    old = int.from_bytes(data[field.start : field.stop], "big")
    top = 256 ** (field.stop - field.start) - 1
    near = sorted({0, 1, max(old - 1, 0), min(old + 1, top), min(old + 4, top), top} - {old})
    new = draw(st.sampled_from(near) | st.integers(0, top))
    return f"{name}, {field.name} {new}", frames.patched(
        data, field.start, new.to_bytes(field.stop - field.start, "big")
    )
