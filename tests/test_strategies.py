"""The strategies that are shipped draw what they promise, and hypothesis finds them by itself."""

import subprocess
import sys

import pytest
from dulcet.dimse import messages
from dulcet.dimse import strategies as of_messages
from dulcet.dul import items, pdu
from dulcet.dul import strategies as ours
from dulcet.dul.strategy_registration import STRATEGIES
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.fixture(autouse=True, scope="module")
def made_anew() -> None:
    """Strategies are kept once they are made; whatever ran before, what makes them is called, and counted, here."""
    for each in vars(ours).values():
        if hasattr(each, "cache_clear"):
            each.cache_clear()


@settings(max_examples=50)
@given(ours.presentation_contexts())
def test_contexts_of_one_request_have_ids_of_their_own(contexts: tuple[items.ProposedContext, ...]) -> None:
    ids = [context.id for context in contexts]
    assert contexts
    assert len(set(ids)) == len(ids)
    assert all(number % 2 == 1 for number in ids)


@settings(max_examples=30)
@given(st.data())
def test_an_acceptance_answers_its_request(data: st.DataObject) -> None:
    request = data.draw(ours.associate_rqs())
    acceptance = data.draw(ours.associate_acs(request))
    assert [result.id for result in acceptance.presentation_contexts] == [
        context.id for context in request.presentation_contexts
    ]
    for result, proposed in zip(acceptance.presentation_contexts, request.presentation_contexts, strict=True):
        assert result.result or result.transfer_syntax in proposed.transfer_syntaxes
    assert acceptance.echo == request.encode()[10:74]


@settings(max_examples=30)
@given(ours.pdus())
def test_any_pdu_is_legal(drawn: pdu.Pdu) -> None:
    assert pdu.decode(drawn.encode()) == drawn


@given(ours.p_data_tfs())
def test_fragments_are_of_even_length(drawn: pdu.PDataTF) -> None:
    assert drawn.pdvs
    assert all(len(pdv.data) % 2 == 0 for pdv in drawn.pdvs)


@given(ours.corrupted(st.just(pdu.Abort(2, 6))))
def test_corruption_changes_one_field(data: bytes) -> None:
    original = pdu.Abort(2, 6).encode()
    changed = [n for n, (old, new) in enumerate(zip(original, data, strict=True)) if old != new]
    assert changed
    fields = [range(1), range(1, 2), range(2, 6), range(6, 8), range(8, 9), range(9, 10)]
    assert sum(bool({*changed} & {*field}) for field in fields) == 1


STREAM = pdu.ReleaseRQ().encode() + pdu.PDataTF((pdu.PDV(1, 3, bytes(40)),)).encode()


@given(ours.splits(STREAM))
def test_splits_are_ascending_positions(cuts: list[int]) -> None:
    assert cuts == sorted(cuts)
    assert all(0 <= cut <= len(STREAM) for cut in cuts)
    pieces = [STREAM[a:b] for a, b in zip([0, *cuts], [*cuts, len(STREAM)], strict=True)]
    assert b"".join(pieces) == STREAM


@given(st.data(), st.binary(max_size=20))
def test_any_bytes_can_be_split(data: st.DataObject, stream: bytes) -> None:
    assert all(0 <= cut <= len(stream) for cut in data.draw(ours.splits(stream)))


DATA_SET = bytes(range(40))


@settings(max_examples=50)
@given(st.data())
def test_fragments_are_a_message_and_its_data_set(data: st.DataObject) -> None:
    message = data.draw(of_messages.messages())
    fragments = data.draw(of_messages.fragments(message, DATA_SET))
    assert len({fragment.context_id for fragment in fragments}) == 1
    assert all(len(fragment.data) % 2 == 0 for fragment in fragments)
    command, held = (b"".join(f.data for f in fragments if f.control & 1 == kind) for kind in (1, 0))
    assert messages.decode(command) == message
    assert held == (DATA_SET if message.dataset_follows else b"")


@pytest.mark.parametrize("name", STRATEGIES)
@settings(max_examples=20)  # that hypothesis finds ours at all; what ours draw is tried above
@given(data=st.data())
def test_from_type_draws_ours(name: str, data: st.DataObject) -> None:
    cls = getattr(pdu, name, None) or getattr(items, name)
    drawn = data.draw(st.from_type(cls))
    assert type(drawn) is cls
    if hasattr(drawn, "encode"):
        drawn.encode()


@given(st.from_type(pdu.ReleaseRQ) | st.from_type(pdu.ReleaseRP))
def test_pdus_without_fields_need_no_strategy(drawn: pdu.ReleaseRQ | pdu.ReleaseRP) -> None:
    assert len(drawn.encode()) == 10


ASK = """
drawn = []
@hypothesis.settings(max_examples=5, database=None)
@hypothesis.given(hypothesis.strategies.from_type(pdu.PDataTF))
def draw(p_data_tf):
    p_data_tf.encode()
    drawn.append(p_data_tf)
draw()
assert all(len(pdv.data) % 2 == 0 for p_data_tf in drawn for pdv in p_data_tf.pdvs)
"""


@pytest.mark.parametrize(
    "imports",
    [
        "import hypothesis\nfrom dulcet.dul import pdu",
        "from dulcet.dul import pdu\nimport hypothesis",
        "from dulcet.dul.strategies import pdus\nfrom dulcet.dul import pdu\nimport hypothesis",
    ],
    ids=["hypothesis first", "dulcet first", "strategies first"],
)
def test_from_type_in_any_order_of_imports(imports: str) -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", f"{imports}\n{ASK}"], check=True, timeout=60)


def test_dulcet_alone_does_not_load_hypothesis() -> None:
    code = "import dulcet.dul.pdu, dulcet.dul.strategy_registration, sys; assert 'hypothesis' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
