"""Which presentation contexts are proposed for files, and which accepted one a file goes through."""

from typing import NamedTuple

import pytest
from data_sets import BIG_ENDIAN, CT, DEFLATED, EXPLICIT, IMPLICIT, JPEG, MR
from dulcet.dul.items import ProposedContext
from dulcet.services.storage.proposing import MAXIMUM_CONTEXTS, choose, propose
from dulcet.services.transfer_syntaxes import CONVERTIBLE, LETTERS, encoding, fallback
from hypothesis import given
from hypothesis import strategies as st

MPEG2 = "1.2.840.10008.1.2.4.100"


class File(NamedTuple):
    sop_class_uid: str
    transfer_syntax_uid: str


class Accepted(NamedTuple):
    abstract_syntax: str
    transfer_syntax: str


def proposed(*files, **options):
    (batch,) = propose([File(*file) for file in files], **options)
    return [(context.abstract_syntax, context.transfer_syntaxes) for context in batch.contexts]


def test_each_syntax_has_a_context_of_its_own():
    assert proposed((CT, EXPLICIT)) == [(CT, (EXPLICIT,)), (CT, (IMPLICIT,))]
    assert proposed((CT, IMPLICIT)) == [(CT, (IMPLICIT,)), (CT, (EXPLICIT,))]
    assert proposed((CT, BIG_ENDIAN)) == [(CT, (BIG_ENDIAN,)), (CT, (EXPLICIT,)), (CT, (IMPLICIT,))]
    assert proposed((CT, DEFLATED)) == [(CT, (DEFLATED,)), (CT, (EXPLICIT,)), (CT, (IMPLICIT,))]
    assert proposed((CT, JPEG)) == [(CT, (JPEG,))]


def test_files_share_what_they_can():
    assert proposed((CT, EXPLICIT), (CT, IMPLICIT), (MR, JPEG), (CT, EXPLICIT)) == [
        (CT, (EXPLICIT,)), (CT, (IMPLICIT,)), (MR, (JPEG,)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("letter", "contexts"),
    [
        ("=", [(EXPLICIT,), (IMPLICIT, BIG_ENDIAN)]),
        ("e", [(EXPLICIT,), (IMPLICIT, BIG_ENDIAN)]),
        ("b", [(BIG_ENDIAN,), (EXPLICIT, IMPLICIT)]),
        ("i", [(IMPLICIT,)]),
        ("d", [(DEFLATED,), (EXPLICIT, IMPLICIT, BIG_ENDIAN)]),
        ("y", [(JPEG,), (EXPLICIT, IMPLICIT, BIG_ENDIAN)]),
        ("m", [(MPEG2,)]),
    ],
)
def test_a_preferred_syntax_as_storescu_proposes_it(letter, contexts):
    assert proposed((CT, JPEG), preferred=LETTERS[letter]) == [(CT, syntaxes) for syntaxes in contexts]


def test_combined():
    assert proposed((CT, EXPLICIT), (MR, JPEG), (CT, BIG_ENDIAN), combine=True) == [
        (CT, (EXPLICIT, IMPLICIT, BIG_ENDIAN)), (MR, (JPEG,)),
    ]  # fmt: skip
    assert proposed((CT, EXPLICIT), combine=True, preferred=DEFLATED) == [
        (CT, (DEFLATED, EXPLICIT, IMPLICIT, BIG_ENDIAN))
    ]


def test_nothing_to_send():
    assert propose([]) == []


files = st.builds(
    File, st.integers(0, 200).map(lambda n: f"1.2.{n}"), st.sampled_from([EXPLICIT, IMPLICIT, BIG_ENDIAN, JPEG, MPEG2])
)


@given(
    st.lists(files, max_size=300),
    st.booleans(),
    st.sampled_from(["", DEFLATED]),
    st.sampled_from([4, 10, MAXIMUM_CONTEXTS]),
)
def test_every_file_is_in_one_batch_that_carries_it(given_files, combine, preferred, maximum):
    batches = propose(given_files, combine=combine, preferred=preferred, maximum=maximum)
    carried = [file for batch in batches for file in batch.objects]
    assert sorted(carried) == sorted(given_files)
    for batch in batches:
        assert 0 < len(batch.contexts) <= maximum
        assert [context.id for context in batch.contexts] == list(range(1, 2 * len(batch.contexts), 2))
        offered = {(c.abstract_syntax, syntax) for c in batch.contexts for syntax in c.transfer_syntaxes}
        for file in batch.objects:
            assert (file.sop_class_uid, preferred or file.transfer_syntax_uid) in offered


def test_the_129th_context_opens_another_association():
    batches = propose([File(f"1.2.{n}", JPEG) for n in range(300)])
    assert [len(batch.contexts) for batch in batches] == [128, 128, 44]
    assert batches[1].contexts[0] == ProposedContext(1, "1.2.128", (JPEG,))
    assert batches[0].contexts[-1].id == 255


@pytest.mark.parametrize(
    ("own", "accepted", "expected"),
    [
        (EXPLICIT, [IMPLICIT, EXPLICIT], (EXPLICIT, False)),
        (IMPLICIT, [EXPLICIT, IMPLICIT], (IMPLICIT, False)),
        (BIG_ENDIAN, [IMPLICIT, EXPLICIT], (EXPLICIT, True)),
        (DEFLATED, [BIG_ENDIAN, IMPLICIT], (IMPLICIT, True)),
        (EXPLICIT, [BIG_ENDIAN, DEFLATED], (DEFLATED, True)),
        (EXPLICIT, [BIG_ENDIAN], (BIG_ENDIAN, True)),
        (EXPLICIT, [JPEG], None),
        (JPEG, [EXPLICIT, IMPLICIT], None),
        (JPEG, [EXPLICIT, JPEG], (JPEG, False)),
        (EXPLICIT, [], None),
    ],
)
def test_the_closest_accepted_context(own, accepted, expected):
    choice = choose(File(CT, own), [Accepted(MR, own), *(Accepted(CT, syntax) for syntax in accepted)])
    assert (choice and (choice.context.transfer_syntax, choice.convert)) == expected


def test_a_preferred_syntax_wins_over_the_files_own():
    contexts = [Accepted(CT, EXPLICIT), Accepted(CT, DEFLATED), Accepted(CT, JPEG)]
    assert choose(File(CT, EXPLICIT), contexts, preferred=DEFLATED) == (Accepted(CT, DEFLATED), True)
    assert choose(File(CT, JPEG), contexts, preferred=DEFLATED) == (Accepted(CT, JPEG), False)
    assert choose(File(CT, EXPLICIT), contexts, preferred=JPEG) == (Accepted(CT, EXPLICIT), False)


def test_layouts():
    assert encoding(IMPLICIT) == (False, True, False)
    assert encoding(EXPLICIT) == encoding(JPEG) == (True, True, False)
    assert encoding(BIG_ENDIAN) == (True, False, False)
    assert encoding(DEFLATED) == (True, True, True)
    assert {IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED} == CONVERTIBLE
    assert fallback(IMPLICIT) == ()
