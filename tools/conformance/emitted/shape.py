"""What a PDU says by itself, and against the A-ASSOCIATE-RQ it answers: EM-01 to EM-10 (PS3.8 9.3, D, F; PS3.7 D.3.3).

`breaches` reads bytes by their own lengths, beside the strict codec: what only the codec finds stands under EM-03. What
an A-ASSOCIATE-AC merely gives back of a request that was wrong (a UID, a context ID) is not held against it.
"""

import re
from collections import Counter
from collections.abc import Iterator

from ....spec import codes
from ..reading import Item, Seen, cut_items
from .rules import Breach

_RQ, _AC, _RJ, _DATA, _ABORT = 0x01, 0x02, 0x03, 0x04, 0x07
_FIXED = {0x03: 4, 0x05: 4, 0x06: 4, 0x07: 4}
_UID = re.compile(rb"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))*")
_G0 = re.compile(rb"[ -~]*")
_ONCE = {0x51: "EM-08", 0x52: "EM-08", 0x53: "EM-10", 0x55: "EM-09", 0x58: "EM-10", 0x59: "EM-10"}
"""User sub-items that stand once at most, and whose rule says so."""
_PER_CLASS = (0x54, 0x56, 0x57)
"""User sub-items that stand once for each SOP class."""


def breaches(pdu: Seen, request: Seen | None) -> list[Breach]:
    """What is wrong with a PDU.

    Args:
        pdu: as it came.
        request: the A-ASSOCIATE-RQ of the association, where it was seen.
    """
    if len(pdu.raw) != 6 + int.from_bytes(pdu.raw[2:6], "big"):
        return [Breach("EM-03", f"{pdu.name}: {pdu.fault}")]  # too long to be read at all
    found = list(_header(pdu))
    if pdu.type in (_RQ, _AC) and len(pdu.body) >= 68:
        found += _associate(pdu, request)
    elif pdu.type == _DATA:
        found += _nested(pdu)
    if pdu.fault and not found and not _given_back(pdu, request):
        found.append(Breach("EM-03", pdu.fault))
    return _gathered(found)


def _gathered(found: list[Breach]) -> list[Breach]:
    """One breach a rule: what 128 contexts all have wrong is one thing."""
    words: dict[str, list[str]] = {}
    for each in found:
        words.setdefault(each.id, []).append(each.what)
    return [
        Breach(id_, said[0] + (f", and {len(said) - 1} more like it" if len(said) > 1 else ""))
        for id_, said in words.items()
    ]


def _given_back(pdu: Seen, request: Seen | None) -> bool:
    """Whether a fault may stem from the request."""
    return pdu.type == _AC and request is not None and bool(request.fault)


def _header(pdu: Seen) -> Iterator[Breach]:
    """EM-01 and EM-02 of all PDUs but A-ASSOCIATE-RQ, -AC and P-DATA-TF, whose bodies have items."""
    if pdu.raw[1]:
        yield Breach("EM-01", f"byte 2 of {pdu.name} is {pdu.raw[1]:02X}H")
    if pdu.type not in codes.PDU_TYPES:
        yield Breach("EM-02", f"{pdu.name} does not exist")
    wanted = _FIXED.get(pdu.type)
    if wanted is None:
        return
    if len(pdu.body) != wanted:
        yield Breach("EM-02", f"{pdu.name} of length {len(pdu.body)}, not {wanted}")
        return
    reserved = {_RJ: pdu.body[:1], _ABORT: pdu.body[:2]}.get(pdu.type, pdu.body)
    if any(reserved):
        yield Breach("EM-01", f"reserved bytes of {pdu.name} are {reserved.hex(' ')}")
    result, source, reason = pdu.byte
    if pdu.type == _RJ and not (result in codes.REJECT_RESULTS and (source, reason) in codes.REJECT_REASONS):
        yield Breach("EM-02", f"A-ASSOCIATE-RJ ({result}, {source}, {reason}) is none of Table 9-21")
    if pdu.type == _ABORT and not _is_abort(source, reason):
        yield Breach("EM-02", f"A-ABORT ({source}, {reason}) is none of Table 9-26")


def _is_abort(source: int, reason: int) -> bool:
    return source in codes.ABORT_SOURCES and reason in (codes.ABORT_REASONS if source else (0,))


def _nested(pdu: Seen) -> Iterator[Breach]:
    """EM-03 of a P-DATA-TF: one or more PDVs, whose lengths fill it (9.3.5)."""
    if not pdu.fragments or not _last_pdv_fits(pdu.body):
        yield Breach("EM-03", f"the PDVs of a P-DATA-TF of length {len(pdu.body)} do not fill it exactly")


def _last_pdv_fits(body: bytes) -> bool:
    at = 0
    while at + 4 <= len(body):
        at += 4 + int.from_bytes(body[at : at + 4], "big")
    return at == len(body)


# ---- A-ASSOCIATE-RQ and -AC ----


def _associate(pdu: Seen, request: Seen | None) -> Iterator[Breach]:
    body, rq = pdu.body, pdu.type == _RQ
    if not body[1] & 1:
        yield Breach("EM-06", f"protocol-version {body[:2].hex()}H")
    if any(body[2:4]) or (rq and any(body[36:68])):
        yield Breach("EM-01", f"reserved bytes of {pdu.name} are not 0")
    if rq:
        yield from _titles(body)
    yield from _items(body[68:], pdu.name)
    yield from _order(pdu)
    yield from _there(pdu)
    yield from _contexts(pdu, request)
    yield from _user(pdu, request)


def _titles(body: bytes) -> Iterator[Breach]:
    for name, title in (("called", body[4:20]), ("calling", body[20:36])):
        if not _G0.fullmatch(title) or not title.strip(b" "):
            yield Breach("EM-05", f"{name} AE title {title!r}")


def _items(data: bytes, where: str) -> Iterator[Breach]:
    """EM-01 and EM-03 of a run of items, and of the runs within them."""
    at = 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at + 2 : at + 4], "big")
        if end > len(data):
            yield Breach("EM-03", f"{len(data) - at} bytes at the end of {where} are no whole item")
            return
        type_, value = data[at], data[at + 4 : end]
        if data[at + 1] and type_ != 0x57:  # byte 2 of 57H is its version (PS3.7 D.3.3.6)
            yield Breach("EM-01", f"byte 2 of an item {type_:02X}H is {data[at + 1]:02X}H")
        if type_ in (0x20, 0x21):
            spare = value[1:4] if type_ == 0x20 else value[1:2] + value[3:4]
            if any(spare):
                yield Breach("EM-01", f"reserved bytes of presentation context {value[0]} are {spare.hex(' ')}")
            yield from _items(value[4:], f"presentation context {value[0] if value else '?'}")
        elif type_ == 0x50:
            yield from _items(value, "user information")
        at = end


def _order(pdu: Seen) -> Iterator[Breach]:
    types = [item.type for item in pdu.items]
    if types != sorted(types):
        yield Breach("EM-03", f"items in the order {' '.join(f'{type_:02X}H' for type_ in types)}")
    for item in pdu.items:
        inside = [sub.type for sub in cut_items(item.value[4:])] if item.type == 0x20 else []
        if inside != sorted(inside):
            yield Breach("EM-03", f"in presentation context {item.value[0]} transfer before abstract syntax")


def _there(pdu: Seen) -> Iterator[Breach]:
    counts = Counter(item.type for item in pdu.items)
    for type_ in (0x10, 0x50):
        if counts[type_] != 1:
            yield Breach("EM-08", f"{counts[type_]} items {type_:02X}H in {pdu.name}")
    context = 0x20 if pdu.type == _RQ else 0x21
    if not counts[context]:
        yield Breach("EM-08", f"no presentation context in {pdu.name}")
    subs = Counter(sub.type for sub in pdu.user_items)
    for type_ in (0x51, 0x52):
        if not subs[type_]:
            yield Breach("EM-08", f"no sub-item {type_:02X}H in {pdu.name}")
    for type_, rule in _ONCE.items():
        if subs[type_] > 1:
            yield Breach(rule, f"{subs[type_]} sub-items {type_:02X}H in {pdu.name}")


def _contexts(pdu: Seen, request: Seen | None) -> Iterator[Breach]:
    proposed = _ids(request, 0x20) if request is not None else []
    ids = _ids(pdu, 0x20 if pdu.type == _RQ else 0x21)
    for number in sorted(set(ids)):
        if number % 2 == 0 and number not in proposed:
            yield Breach("EM-07", f"presentation-context-ID {number} is not odd")
        if ids.count(number) > max(1, proposed.count(number)):
            yield Breach("EM-07", f"presentation-context-ID {number} stands {ids.count(number)} times")
    for item in pdu.items:
        if item.type == 0x20:
            yield from _proposal(item)
        elif item.type == 0x21 and len(item.value) >= 4:
            yield from _answer(item, request)
        elif item.type == 0x10:
            yield from _uid(item.value, "application-context-name", request)


def _ids(pdu: Seen, type_: int) -> list[int]:
    return [item.value[0] for item in pdu.items if item.type == type_ and item.value]


def _proposal(item: Item) -> Iterator[Breach]:
    subs = list(cut_items(item.value[4:]))
    abstract = sum(sub.type == 0x30 for sub in subs)
    if abstract != 1 or not any(sub.type == 0x40 for sub in subs):
        what = f"{abstract} abstract and {sum(sub.type == 0x40 for sub in subs)} transfer syntaxes"
        yield Breach("EM-07", f"presentation context {item.value[0] if item.value else '?'} proposes {what}")
    for sub in subs:
        if sub.type in (0x30, 0x40):
            yield from _uid(sub.value, "abstract-syntax-name" if sub.type == 0x30 else "transfer-syntax-name", None)


def _answer(item: Item, request: Seen | None) -> Iterator[Breach]:
    number, result = item.value[0], item.value[2]
    if result not in codes.CONTEXT_RESULTS:
        yield Breach("EM-07", f"result {result} of presentation context {number} is none of Table 9-18")
    syntaxes = [sub.value for sub in cut_items(item.value[4:]) if sub.type == 0x40]
    if result == 0:  # of a refused context the syntax is not significant (Table 9-18)
        if len(syntaxes) != 1:
            yield Breach("EM-07", f"presentation context {number} is accepted with {len(syntaxes)} transfer syntaxes")
        for value in syntaxes:
            yield from _uid(value, "transfer-syntax-name", request)


def _uid(value: bytes, what: str, request: Seen | None) -> Iterator[Breach]:
    """EM-04; a UID that stands in the request as it does here is the requestor's."""
    if len(value) <= 64 and _UID.fullmatch(value):
        return
    if request is None or value not in request.raw:
        yield Breach("EM-04", f"{what} {value[:80]!r}")


# ---- user information ----


def _user(pdu: Seen, request: Seen | None) -> Iterator[Breach]:
    for sub in pdu.user_items:
        if sub.type == 0x52:
            yield from _uid(sub.value, "implementation-class-uid", request)
        elif sub.type == 0x55 and not (1 <= len(sub.value) <= 16 and _G0.fullmatch(sub.value)):
            yield Breach("EM-09", f"implementation-version-name {sub.value[:80]!r}")
        elif sub.type == 0x51 and len(sub.value) != 4:
            yield Breach("EM-03", f"sub-item 51H of length {len(sub.value)}, not 4")
        elif sub.type in _PER_CLASS:
            yield from _uid(_class_of(sub), f"SOP-class-uid of a sub-item {sub.type:02X}H", request)
    classes = Counter((sub.type, _class_of(sub)) for sub in pdu.user_items if sub.type in _PER_CLASS)
    for (type_, uid), count in classes.items():
        if count > 1:
            yield Breach("EM-10", f"{count} sub-items {type_:02X}H for {uid.decode('latin-1')}")
    if pdu.type == _RQ:
        yield from _asked(pdu)
    elif request is not None:
        yield from _answered(pdu, request)


def _class_of(sub: Item) -> bytes:
    """The SOP class UID a sub-item 54H, 56H or 57H begins with."""
    return sub.value[2 : 2 + int.from_bytes(sub.value[:2], "big")]


def _asked(pdu: Seen) -> Iterator[Breach]:
    proposed = {abstract for abstract, _ in pdu.proposals.values()}
    for sub in pdu.user_items:
        if sub.type in _PER_CLASS and _class_of(sub) not in proposed:
            yield Breach("EM-10", f"a sub-item {sub.type:02X}H for {_class_of(sub).decode('latin-1')}, not proposed")
        if sub.type == 0x59:
            yield Breach("EM-10", "a sub-item 59H in an A-ASSOCIATE-RQ")


def _answered(pdu: Seen, request: Seen) -> Iterator[Breach]:
    """Answers are to what was asked (PS3.7 D.3.3.3 to D.3.3.7)."""
    asked = request.user_items
    kinds = {sub.type for sub in asked}
    for sub in pdu.user_items:
        if sub.type in (0x57, 0x58):
            yield Breach("EM-10", f"a sub-item {sub.type:02X}H in an A-ASSOCIATE-AC")
        elif sub.type == 0x53:
            yield from _window(sub, asked)
        elif sub.type in (0x54, 0x56):
            same = [each for each in asked if each.type == sub.type and _class_of(each) == _class_of(sub)]
            if not same:
                yield Breach("EM-10", f"a sub-item {sub.type:02X}H that nobody asked for")
            elif sub.type == 0x54 and all(_larger(sub.value[-2:], each.value[-2:]) for each in same):
                yield Breach(
                    "EM-10", f"roles {sub.value[-2:].hex(' ')} where {same[0].value[-2:].hex(' ')} was proposed"
                )
        elif sub.type == 0x59 and not any(each.type == 0x58 and each.value[1:2] == b"\1" for each in asked):
            words = "no response was asked for" if 0x58 in kinds else "no identity was given"
            yield Breach("EM-10", f"a sub-item 59H, where {words}")


def _window(sub: Item, asked: list[Item]) -> Iterator[Breach]:
    offers = [each.value for each in asked if each.type == 0x53 and len(each.value) == 4]
    if not any(each.type == 0x53 for each in asked):
        yield Breach("EM-10", "a sub-item 53H that nobody asked for")
    elif offers and len(sub.value) == 4:
        for start, what in ((0, "invoked"), (2, "performed")):
            offer, answer = (int.from_bytes(each[start : start + 2], "big") for each in (offers[0], sub.value))
            if offer and not 1 <= answer <= offer:  # 0 is unlimited
                yield Breach("EM-10", f"window {what} {answer or 'unlimited'}, where {offer} was offered")


def _larger(answer: bytes, proposed: bytes) -> bool:
    return any(got > want for got, want in zip(answer, proposed, strict=False))
