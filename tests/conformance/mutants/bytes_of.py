"""PDUs taken apart by their lengths, changed in one place, and put together again with lengths that are right."""

from collections.abc import Callable

from dulcet.tools.conformance import commands, frames
from dulcet.tools.conformance.reading import Assembler, Item, cut_elements, cut_items, cut_pdvs

from .mutated import Mutated, Rewrite

RQ, AC, RJ, DATA, RLRQ, RP, ABORT = range(1, 8)
Items = list[Item]
Test = Callable[[bytes], object]
"""Of a PDU, true or false."""


def only(type_: int, change: Callable[[Mutated, bytes], bytes]) -> Rewrite:
    """A rewriting of the PDUs of a type alone."""
    return lambda peer, pdu: [change(peer, pdu)] if pdu[0] == type_ else [pdu]


def dropped(*types: int) -> Rewrite:
    """PDUs of these types vanish."""
    return lambda _peer, pdu: [] if pdu[0] in types else [pdu]


def patched(type_: int, offset: int, value: bytes) -> Rewrite:
    """Bytes of a PDU of a type are others."""
    return only(type_, lambda _peer, pdu: frames.patched(pdu, offset, value))


def items(change: Callable[[Mutated, Items], Items], type_: int = AC) -> Rewrite:
    """The variable items of an A-ASSOCIATE PDU, changed."""
    return only(type_, lambda peer, pdu: with_items(pdu, change(peer, list(cut_items(pdu[74:])))))


def user(change: Callable[[Mutated, Items], Items], type_: int = AC) -> Rewrite:
    """The sub-items of user information, changed."""

    def changed(peer: Mutated, found: Items) -> Items:
        return [
            Item(0x50, joined(change(peer, list(cut_items(each.value))))) if each.type == 0x50 else each
            for each in found
        ]

    return items(changed, type_)


def contexts(change: Callable[[Mutated, bytes], bytes], type_: int = AC) -> Rewrite:
    """The value of every presentation context item, changed."""
    kind = 0x20 if type_ == RQ else 0x21
    return items(
        lambda peer, found: [Item(kind, change(peer, each.value)) if each.type == kind else each for each in found],
        type_,
    )


def with_items(pdu: bytes, found: Items) -> bytes:
    """An A-ASSOCIATE PDU with other items."""
    return frames.pdu(pdu[0], pdu[6:74] + joined(found))


def joined(found: Items) -> bytes:
    """Items as bytes."""
    return b"".join(frames.item(each.type, each.value) for each in found)


def command(change: Callable[[Mutated, commands.Elements], bytes | dict[int, commands.Value]]) -> Rewrite:
    """The command set of a message that is whole in one PDV: other elements, or these very bytes."""

    def rewrite(peer: Mutated, pdu: bytes) -> list[bytes]:
        pdvs = list(cut_pdvs(pdu[6:])) if pdu[0] == DATA else []
        if not pdvs or pdvs[0].control != 3:
            return [pdu]
        elements = dict(cut_elements(pdvs[0].data))
        elements.pop(0, None)
        made = change(peer, elements)
        data = made if isinstance(made, bytes) else commands.command(made)
        return [frames.p_data(frames.pdv(pdvs[0].context_id, data))]

    return rewrite


def fragments(change: Callable[[int, bytes], list[bytes]]) -> Rewrite:
    """The same, sent in other fragments: of its context ID and command set, PDUs."""

    def rewrite(_peer: Mutated, pdu: bytes) -> list[bytes]:
        pdvs = list(cut_pdvs(pdu[6:])) if pdu[0] == DATA else []
        return change(pdvs[0].context_id, pdvs[0].data) if pdvs and pdvs[0].control == 3 else [pdu]

    return rewrite


def whole_or_nothing(_peer: Mutated, data: bytes) -> bytes:
    """A segment that begins in the middle of a PDU, or ends there, is no PDU."""
    whole = len(data) >= 6 and len(data) >= 6 + int.from_bytes(data[2:6], "big")
    return data if whole or data[:1] == b"\x47" else b""


def proposed(peer: Mutated) -> dict[int, bytes]:
    """Abstract syntaxes of the A-ASSOCIATE-RQ by presentation-context-ID."""
    found = {}
    for each in cut_items(peer.request[74:]):
        if each.type == 0x20:
            found[each.value[0]] = next((sub.value for sub in cut_items(each.value[4:]) if sub.type == 0x30), b"")
    return found


def asked(peer: Mutated, type_: int) -> list[bytes]:
    """Values of the user sub-items of a type in the A-ASSOCIATE-RQ."""
    inside = [each.value for each in cut_items(peer.request[74:]) if each.type == 0x50]
    return [sub.value for value in inside for sub in cut_items(value) if sub.type == type_]


def message_of(pdu: bytes) -> dict[int, int | str | bytes]:
    """Elements of the command set in a P-DATA-TF, where it is whole there."""
    assembler = Assembler()
    for fragment in cut_pdvs(pdu[6:]):
        assembler.feed(fragment)
        if fragment.control == 3:
            return dict(cut_elements(fragment.data))
    return {}
