"""Mutations of the SCP, each with the cases that must catch it by the catalogue (in strict mode)."""

import time

from dulcet.dul.actions import Actions, Fault
from dulcet.dul.primitives import CLOSE
from dulcet.tools.conformance import commands, frames
from dulcet.tools.conformance.frames import item, pdu
from dulcet.tools.conformance.reading import Item, cut_items

from . import bytes_of as of
from .bytes_of import ABORT, AC, DATA, RJ, RLRQ, RP, RQ
from .deaf import DEAF_ACCEPTORS
from .lenient import LENIENT_ACCEPTORS
from .mutated import Mutated, Mutation, Rewrite

VERIFICATION = frames.VERIFICATION.encode()
REJECTED = frames.associate_rj(1, 1, 1)


# ---- actions ----


def _silent(_self: Actions, *_: object) -> None:
    """The action does nothing at all."""


def _only_close(self: Actions, *_: object) -> None:
    self.outbox.append(CLOSE)


def _abort_without_artim(self: Actions, fault: Fault) -> None:
    Actions.aa_8(self, fault)
    self.stop_artim()


def _abort_that_knows_no_reason(self: Actions, _fault: Fault) -> None:
    Actions.aa_8(self, Fault(0, "whatever"))


def _abort_as_user(self: Actions, fault: Fault) -> None:
    Actions.aa_8(self, fault)
    self.outbox[-1] = frames.abort(0, 0)


def _ignored_and_restarted(self: Actions, _pdu: object) -> None:
    self.start_artim()


def _released_without_artim(self: Actions, response: object) -> None:
    Actions.ar_4(self, response)  # type: ignore[arg-type]  # passed on as it came
    self.stop_artim()


def _rejected_without_artim(self: Actions, rq: object) -> None:
    Actions.ae_6(self, rq)  # type: ignore[arg-type]  # passed on as it came
    self.stop_artim()


def _stormy(self: Actions, fault: Fault) -> None:
    for _ in range(5):
        Actions.aa_7(self, fault)


# ---- what comes ----


def _rejected_if(test: of.Test) -> Rewrite:
    def into(peer: Mutated, pdu: bytes) -> list[bytes]:
        if pdu[0] == RQ and peer.state == "Sta2" and test(pdu):
            peer.say(REJECTED)
            return []
        return [pdu]

    return into


def _aborted_if(test: of.Test) -> Rewrite:
    def into(peer: Mutated, pdu: bytes) -> list[bytes]:
        if peer.state in ("Sta2", "Sta6") and test(pdu):
            return [frames.pdu(0x47)]  # the core aborts
        return [pdu]

    return into


def _ignored_if(test: of.Test) -> Rewrite:
    return lambda _peer, pdu: [] if test(pdu) else [pdu]


def _types(found: bytes) -> list[int]:
    return [each.type for each in cut_items(found[74:])] if found[0] == RQ else []


def _inner_types(found: bytes, outer: int, skip: int) -> list[int]:
    items = cut_items(found[74:]) if found[0] == RQ else ()
    return [sub.type for each in items if each.type == outer for sub in cut_items(each.value[skip:])]


def _ids(found: bytes) -> list[int]:
    items = cut_items(found[74:]) if found[0] == RQ else ()
    return [each.value[0] for each in items if each.type == 0x20 and each.value]


def _overruns(found: bytes) -> bool:
    at = 74
    while found[0] == RQ and at + 4 <= len(found):
        at += 4 + int.from_bytes(found[at + 2 : at + 4], "big")
    return found[0] == RQ and at != len(found)


def _completed(type_: int, value: bytes) -> Rewrite:
    """An A-ASSOCIATE-RQ that lacks an item is read as if it were there."""

    def into(_peer: Mutated, found: bytes) -> list[bytes]:
        if found[0] != RQ or type_ in _types(found):
            return [found]
        items = sorted([*cut_items(found[74:]), Item(type_, value)], key=lambda each: each.type)
        return [of.with_items(found, items)]

    return into


def _lacks(number: int) -> of.Test:
    """Whether a whole command set lacks an element."""

    def test(found: bytes) -> bool:
        elements = of.message_of(found) if found[0] == DATA else {}
        return bool(elements) and number not in elements

    return test


def _as_version_1(_peer: Mutated, found: bytes) -> list[bytes]:
    return [frames.patched(found, 6, b"\0\1")] if found[0] == RQ else [found]


def _any_name(peer: Mutated, found: bytes) -> list[bytes]:
    """Whatever the application context, it is taken for DICOM's, and given back."""
    if found[0] != RQ:
        return [found]
    name = next((each.value for each in cut_items(found[74:]) if each.type == 0x10), b"")
    peer.memory["name"] = name
    right = [
        Item(0x10, frames.application_context()[4:]) if each.type == 0x10 else each for each in cut_items(found[74:])
    ]
    return [of.with_items(found, right)]


def _given_back(peer: Mutated, found: list[Item]) -> list[Item]:
    return [Item(0x10, peer.memory.get("name") or each.value) if each.type == 0x10 else each for each in found]


def _one_pdu_a_segment(_peer: Mutated, data: bytes) -> bytes:
    """What stands behind the first PDU of a segment is lost."""
    end = 6 + int.from_bytes(data[2:6], "big") if len(data) >= 6 else len(data)
    return data[:end]


def _extending(peer: Mutated, data: bytes) -> bytes:
    """Every byte extends ARTIM, as an idle timer would be."""
    actions = peer.exchange.association._layer._actions
    if peer.state == "Sta2":
        actions.now = time.monotonic()  # the clock of asyncio's loops
        actions.start_artim()
    return data


def _first_pdv(_peer: Mutated, found: bytes) -> list[bytes]:
    """Of a P-DATA-TF with several PDVs only the first is read."""
    if found[0] != DATA or len(found) < 10:
        return [found]
    end = 10 + int.from_bytes(found[6:10], "big")
    return [pdu(DATA, found[6:end])] if end < len(found) else [found]


def _without_rest(_peer: Mutated, found: bytes) -> list[bytes]:
    """Stray bytes behind the last PDV are not looked at."""
    if found[0] != DATA:
        return [found]
    at = 6
    while at + 4 <= len(found) and at + 4 + int.from_bytes(found[at : at + 4], "big") <= len(found):
        at += 4 + int.from_bytes(found[at : at + 4], "big")
    return [pdu(DATA, found[6:at])] if at > 6 else [found]


def _pdv_lengths(found: bytes) -> list[int]:
    lengths, at = [], 6
    while found[0] == DATA and at + 4 <= len(found):
        lengths.append(int.from_bytes(found[at : at + 4], "big"))
        at += 4 + lengths[-1]
    return lengths


def _context_of(found: bytes) -> int:
    return found[10] if found[0] == DATA and len(found) > 10 else 1


# ---- what leaves ----


def _after_release(peer: Mutated, found: bytes) -> list[bytes]:
    return [found, commands.response(1, commands.echo_elements())] if found[0] == RP else [found]


def _more_results(_peer: Mutated, found: list[Item]) -> list[Item]:
    extra = Item(0x21, b"\xfb\0\3\0" + item(0x40, b"1.2.840.10008.1.2"))
    return [*found[:-1], extra, found[-1]]


def _fewer_results(_peer: Mutated, found: list[Item]) -> list[Item]:
    first = next((number for number, each in enumerate(found) if each.type == 0x21), None)
    return [each for number, each in enumerate(found) if number != first]


def _accepted(value: bytes, *syntaxes: str) -> bytes:
    """A presentation context item's value, accepted with these transfer syntaxes."""
    return value[:2] + b"\0" + value[3:4] + b"".join(item(0x40, uid.encode()) for uid in syntaxes)


def _with(type_: int, value: bytes) -> Rewrite:
    """One more user sub-item, in ascending order."""
    return of.user(lambda _peer, found: sorted([*found, Item(type_, value)], key=lambda each: each.type))


def _always(type_: int, value: bytes) -> Rewrite:
    """A user sub-item that is this, asked or not."""
    return of.user(
        lambda _peer, found: sorted(
            [*(each for each in found if each.type != type_), Item(type_, value)], key=lambda each: each.type
        )
    )


def _uid(value: bytes) -> bytes:
    return len(value).to_bytes(2, "big") + value


def _all_roles(peer: Mutated, found: list[Item]) -> list[Item]:
    roles = [Item(0x54, value[:-2] + b"\1\1") for value in of.asked(peer, 0x54)]
    others = [each for each in found if each.type != 0x54]
    return sorted([*others, *roles], key=lambda each: each.type)


def _larger_window(peer: Mutated, found: list[Item]) -> list[Item]:
    window = [Item(0x53, b"\0\x63\0\x63") for _ in of.asked(peer, 0x53)]
    return sorted([*(each for each in found if each.type != 0x53), *window], key=lambda each: each.type)


def _elements(**changes: commands.Value | None) -> Rewrite:
    """Elements of every response are others; None leaves one out."""
    numbers = {"field": 0x0100, "id": 0x0120, "data": 0x0800, "status": 0x0900}
    changed = {numbers[name]: value for name, value in changes.items()}

    def change(_peer: Mutated, elements: commands.Elements) -> dict[int, commands.Value]:
        found = {**elements, **changed}
        return {number: value for number, value in found.items() if value is not None}

    return of.command(change)


def _unsorted(_peer: Mutated, elements: commands.Elements) -> dict[int, commands.Value]:
    return dict(reversed(list(elements.items())))


def _explicit(_peer: Mutated, elements: commands.Elements) -> bytes:
    """The command set in Explicit VR Little Endian."""
    parts = b""
    for number, value in elements.items():
        raw = commands.octets(value)
        vr = b"UI" if isinstance(value, str) else b"US"
        parts += b"\0\0" + number.to_bytes(2, "little") + vr + len(raw).to_bytes(2, "little") + raw
    return b"\0\0\0\0UL\4\0" + len(parts).to_bytes(4, "little") + parts


def _odd(context: int, data: bytes) -> list[bytes]:
    return [frames.p_data(*frames.fragmented(context, data, 7))]


def _mixed(context: int, data: bytes) -> list[bytes]:
    half = len(data) // 4 * 2
    return [
        frames.p_data(frames.pdv(context, data[:half], last=False)),
        frames.p_data(frames.pdv(context + 2, data[half:])),
    ]


def _bigger_than_declared(peer: Mutated, found: bytes) -> list[bytes]:
    """P-DATA-TF are put together again, whatever the requestor takes."""
    if found[0] != DATA:
        return [found]
    held = peer.memory.setdefault("held", [])
    held.append(found[6:])
    last = found[11] & 2 and found[11] & 1
    if not last:
        return []
    whole = b"".join(held)
    held.clear()
    return [pdu(DATA, whole)]


# ---- release, abort, connection ----


def _released_in_any_state(peer: Mutated, found: bytes) -> list[bytes]:
    if found[0] == RLRQ and peer.state in ("Sta2", "Sta13"):
        peer.say(frames.release_rp())
        return []
    return [found]


def _accepted_in_any_state(peer: Mutated, found: bytes) -> list[bytes]:
    if found[0] == RQ and peer.state in ("Sta6", "Sta13"):
        peer.say(frames.associate_ac(fixed=found[10:74]))
        return []
    return [found]


def _answered_in_any_state(peer: Mutated, found: bytes) -> list[bytes]:
    if found[0] == DATA and peer.state in ("Sta2", "Sta13"):
        peer.say(commands.response(1, of.message_of(found)))
        return []
    return [found]


_BY_AA_8 = (
    *(f"S-A-{state}-{event}" for state in ("03", "06", "08") for event in ("03", "04", "06", "13", "19")),
    *("P-01", "P-02", "P-03", "P-04", "PD-09", "PD-10", "PD-11", "PD-12", "PD-13", "PD-24", "PD-25"),
    *("RL-03", "RL-04", "AB-05", "AB-08", "AB-11"),
)
"""What is answered with A-ABORT by the service provider where an association is, or may be (AA-8)."""
_BY_AA_1 = (
    *("S-A-02-03", "S-A-02-04", "S-A-02-10", "S-A-02-12", "S-A-02-13", "S-A-02-19", "P-11", "P-12"),
    *("RQ-07", "RQ-08", "RQ-09", "RQ-11", "RQ-12", "RQ-13", "RQ-14", "RQ-39", "RQ-40", "RQ-41"),
    *("NEG-13", "NEG-30", "PD-14", "PD-16", "PD-17", "PD-20", "PD-21", "CMD-12", "CMD-13", "CMD-16"),
)
"""What is answered with A-ABORT in the name of the service user, or in Sta2 (AA-1)."""

ACCEPTORS: tuple[Mutation, ...] = (
    # A-ABORT
    Mutation("AA-8 knows no reason", ("S-A-06-13", "S-A-06-06", "AB-11"), {"aa_8": _abort_that_knows_no_reason}),
    Mutation("AA-8 in the name of the user", ("S-A-06-13", "S-A-06-03"), {"aa_8": _abort_as_user}),
    Mutation("A-ABORT of source 1", ("AB-07", "EM-02", "S-A-06-13"), out=of.patched(ABORT, 8, b"\1")),
    Mutation("A-ABORT of reason 3", ("AB-07", "EM-02"), out=of.patched(ABORT, 9, b"\3")),
    Mutation(
        "a user's A-ABORT with a reason",
        ("EM-02",),
        beside=("S-A-02-10",),
        actions={"aa_1": lambda self, _cause: self.outbox.append(frames.abort(0, 2))},
    ),
    Mutation(
        "A-ABORT of length 6",
        ("AB-07", "EM-02"),
        out=of.only(ABORT, lambda _peer, found: pdu(ABORT, found[6:] + b"\0\0")),
    ),
    Mutation("A-ABORT with reserved bytes", ("EM-01",), beside=("S-A-06-13",), out=of.patched(ABORT, 6, b"\1")),
    Mutation("no A-ABORT in Sta6, and no close", _BY_AA_8, {"aa_8": _silent}),
    Mutation("a bare close in the place of A-ABORT", ("S-A-06-13", "S-A-06-03", "EM-20"), {"aa_8": _only_close}),
    Mutation("no A-ABORT in Sta2, and no close", _BY_AA_1, {"aa_1": _silent}),
    Mutation("a bare close in Sta2", ("S-A-02-10", "S-A-02-12"), {"aa_1": _only_close}),
    Mutation(
        "A-ABORT received does not close",
        ("S-A-03-16", "S-A-06-16", "S-A-08-16", "AB-01", "AB-02", "AB-03", "AB-04", "AB-06"),
        {"aa_3": _silent},
    ),
    Mutation(
        "A-ABORT received in Sta2 and Sta13 does not close",
        ("S-A-02-16", "S-A-13-16", "AB-09"),
        {"aa_2": lambda self, _cause=None: self.stop_artim()},
    ),
    Mutation(
        "A-ABORT is answered with A-ABORT",
        ("S-A-06-16", "AB-04"),
        {"aa_3": lambda self, _pdu: self.outbox.extend([frames.abort(), CLOSE])},
    ),
    Mutation("a storm of A-ABORTs", ("AB-10", "S-A-13-06"), {"aa_7": _stormy}),
    Mutation("AA-7 is silent", ("S-A-13-06", "S-A-13-19"), {"aa_7": _silent}, artim=4.0),
    Mutation(
        "AA-6 aborts",
        ("S-A-13-03", "S-A-13-04", "S-A-13-10", "S-A-13-12", "S-A-13-13"),
        {"aa_6": lambda self, _pdu: self.outbox.append(frames.abort(2, 2))},
    ),
    Mutation(
        "garbage is waited for, not answered",
        ("P-01", "P-02", "S-A-06-19"),
        into=_ignored_if(lambda found: found[0] not in range(1, 8)),
    ),
    # ARTIM
    Mutation("ARTIM never fires", ("T-01", "T-03", "T-04"), tick=False),
    Mutation("every byte extends ARTIM", ("T-02",), raw=_extending, artim=2.5),
    Mutation("AA-6 restarts ARTIM", ("T-07",), {"aa_6": _ignored_and_restarted}),
    Mutation("no ARTIM after A-RELEASE-RP", ("T-05",), {"ar_4": _released_without_artim}),
    Mutation("no ARTIM after A-ASSOCIATE-RJ", ("T-04",), {"ae_6": _rejected_without_artim}),
    Mutation("no ARTIM after A-ABORT", ("T-06",), {"aa_8": _abort_without_artim}),
    Mutation(
        "a late close: ARTIM three times as long as it was told",
        ("T-01", "T-04", "T-05", "T-06"),
        artim=3.0,
        told_artim=1.0,
    ),
    Mutation("an ARTIM of a tenth", ("T-01",), artim=0.4, told_artim=4.0),
    # framing
    Mutation("one PDU a segment", ("P-07", "S-A-03-10", "S-A-03-12", "S-A-03-13"), raw=_one_pdu_a_segment),
    Mutation("PDUs must come whole", ("P-05", "P-06"), raw=of.whole_or_nothing),
    Mutation("byte 2 of PDUs is tested", ("P-08",), into=_aborted_if(lambda found: found[1])),
    Mutation(
        "reserved bytes of A-ASSOCIATE-RQ are tested", ("P-09",), into=_rejected_if(lambda found: any(found[8:10]))
    ),
    Mutation(
        "reserved bytes of A-RELEASE-RQ are tested",
        ("RL-02",),
        into=_aborted_if(lambda found: found[0] == RLRQ and any(found[6:])),
    ),
    # A-ASSOCIATE-RQ
    Mutation(
        "protocol version compared for equality",
        ("RQ-02", "RQ-03"),
        into=_rejected_if(lambda found: found[6:8] != b"\0\1"),
    ),
    Mutation("protocol version not looked at", ("RQ-04", "RQ-05"), into=_as_version_1),
    Mutation("another reason for a protocol version", ("RQ-04",), out=of.only(RJ, lambda _peer, _found: REJECTED)),
    Mutation("application context not looked at", ("RQ-06",), into=_any_name, out=of.items(_given_back)),
    Mutation(
        "unknown items refused",
        ("RQ-15", "RQ-16"),
        into=_rejected_if(lambda found: set(_types(found)) - {0x10, 0x20, 0x50}),
    ),
    Mutation(
        "unknown user sub-items refused",
        ("RQ-17",),
        into=_rejected_if(lambda found: 0x5F in _inner_types(found, 0x50, 0)),
    ),
    Mutation(
        "unknown sub-items of a context refused",
        ("RQ-18",),
        into=_rejected_if(lambda found: set(_inner_types(found, 0x20, 4)) - {0x30, 0x40}),
    ),
    Mutation(
        "spaces in front of a title are significant", ("RQ-35",), into=_rejected_if(lambda found: found[10:11] == b" ")
    ),
    Mutation(
        "sub-items out of order refused",
        ("RQ-43",),
        into=_rejected_if(lambda found: (inner := _inner_types(found, 0x50, 0)) != sorted(inner)),
    ),
    Mutation("only 64 contexts", ("RQ-23",), into=_rejected_if(lambda found: _types(found).count(0x20) > 64)),
    Mutation(
        "context ID 255 refused",
        ("RQ-21",),
        out=of.contexts(lambda _peer, value: frames.patched(value, 2, b"\1") if value[0] == 255 else value),
    ),
    Mutation(
        "unknown abstract syntax accepted",
        ("RQ-28", "RQ-25"),
        out=of.contexts(lambda _peer, value: _accepted(value, frames.IMPLICIT)),
    ),
    Mutation(
        "unknown transfer syntax accepted with another",
        ("RQ-29",),
        out=of.contexts(
            lambda peer, value: (
                _accepted(value, frames.IMPLICIT) if of.proposed(peer).get(value[0]) == VERIFICATION else value
            )
        ),
    ),
    # A-ASSOCIATE-AC
    Mutation("bytes 11-74 not returned", ("AC-01",), out=of.patched(AC, 10, b"SOMEBODY ELSE   ")),
    Mutation("results for IDs never proposed", ("AC-02",), out=of.items(_more_results)),
    Mutation("a result is missing", ("AC-02",), out=of.items(_fewer_results)),
    Mutation(
        "two transfer syntaxes in one context",
        ("AC-03", "EM-07"),
        out=of.contexts(lambda _peer, value: value + item(0x40, b"1.2.840.10008.1.2.1") if value[2] == 0 else value),
    ),
    Mutation(
        "a transfer syntax never proposed",
        ("AC-03", "NEG-01", "NEG-02"),
        out=of.contexts(lambda _peer, value: _accepted(value, "1.2.840.10008.1.2.4.50") if value[2] == 0 else value),
    ),
    Mutation(
        "another application context",
        ("AC-04",),
        out=of.items(lambda _peer, found: [Item(0x10, b"1.2.3") if each.type == 0x10 else each for each in found]),
    ),
    Mutation(
        "no maximum length",
        ("AC-05", "EM-08"),
        out=of.user(lambda _peer, found: [each for each in found if each.type != 0x51]),
    ),
    Mutation("implementation class UID twice", ("AC-05", "EM-08"), out=_with(0x52, b"1.2.3")),
    Mutation("implementation version name of 17 characters", ("EM-09",), out=_always(0x55, b"V" * 17)),
    Mutation("53H that nobody asked for", ("AC-06", "NEG-14", "EM-10"), out=_always(0x53, b"\0\1\0\1")),
    Mutation("54H that nobody asked for", ("AC-06", "NEG-06", "EM-10"), out=_with(0x54, _uid(VERIFICATION) + b"\1\0")),
    Mutation("56H that nobody asked for", ("AC-06", "NEG-20", "EM-10"), out=_with(0x56, _uid(VERIFICATION) + b"\1")),
    Mutation("59H that nobody asked for", ("AC-06", "NEG-24", "EM-10"), out=_with(0x59, b"\0\0")),
    Mutation(
        "57H in an A-ASSOCIATE-AC",
        ("AC-06", "NEG-22", "EM-10"),
        out=_with(0x57, _uid(VERIFICATION) + _uid(b"1.2.3") + b"\0\0"),
    ),
    Mutation("roles answered 1 where 0 was proposed", ("NEG-08", "NEG-09", "EM-10"), out=of.user(_all_roles)),
    Mutation("a window larger than offered", ("NEG-15", "EM-10"), out=of.user(_larger_window)),
    Mutation("items in decreasing order", ("AC-07", "EM-03"), out=of.items(lambda _peer, found: found[::-1])),
    Mutation(
        "reserved bytes in the contexts of an A-ASSOCIATE-AC",
        ("AC-07", "EM-01"),
        out=of.contexts(lambda _peer, value: frames.patched(value, 1, b"\xff")),
    ),
    Mutation(
        "bytes trail an A-ASSOCIATE-AC",
        ("AC-07", "EM-03"),
        out=of.only(AC, lambda _peer, found: pdu(AC, found[6:] + b"\0\0")),
    ),
    Mutation(
        "padded UIDs in an A-ASSOCIATE-AC",
        ("EM-04",),
        out=of.items(
            lambda _peer, found: [Item(0x10, each.value + b"\0") if each.type == 0x10 else each for each in found]
        ),
    ),
    Mutation("protocol version 2 in an A-ASSOCIATE-AC", ("EM-06",), out=of.patched(AC, 6, b"\0\2")),
    # A-ASSOCIATE-RJ
    Mutation(
        "A-ASSOCIATE-RJ of length 6",
        ("RJ-01", "EM-02"),
        out=of.only(RJ, lambda _peer, found: pdu(RJ, found[6:] + b"\0\0")),
    ),
    Mutation("A-ASSOCIATE-RJ of source 4", ("RJ-01", "EM-02"), out=of.patched(RJ, 8, b"\4")),
    Mutation(
        "A-RELEASE-RP behind A-ASSOCIATE-RJ",
        ("RJ-02", "EM-19"),
        out=lambda _peer, found: [found, frames.release_rp()] if found[0] == RJ else [found],
    ),
    # P-DATA-TF
    Mutation("only the first PDV of a PDU is read", ("PD-03", "PD-05", "PD-18"), into=_first_pdv),
    Mutation("stray bytes behind the last PDV are not looked at", ("PD-12",), into=_without_rest),
    Mutation(
        "a PDV that overruns is waited for",
        ("PD-11",),
        into=_ignored_if(
            lambda found: (
                found[0] == DATA and len(found) > 6 and 6 + sum(4 + each for each in _pdv_lengths(found)) > len(found)
            )
        ),
    ),
    Mutation(
        "PDVs without a control header are passed over",
        ("PD-09", "PD-10"),
        into=_ignored_if(lambda found: any(each < 2 for each in _pdv_lengths(found))),
    ),
    Mutation(
        "P-DATA-TF of length 0 is passed over",
        ("PD-13",),
        into=_ignored_if(lambda found: found[0] == DATA and len(found) == 6),
    ),
    Mutation(
        "contexts never proposed are passed over",
        ("PD-14", "PD-15"),
        into=_ignored_if(lambda found: _context_of(found) != 1),
    ),
    Mutation(
        "bits 2 to 7 of the control header are tested",
        ("PD-19",),
        into=_aborted_if(lambda found: found[0] == DATA and len(found) > 11 and found[11] & 0xFC),
    ),
    Mutation(
        "fragments must be larger than two bytes", ("PD-04",), into=_aborted_if(lambda found: 4 in _pdv_lengths(found))
    ),
    Mutation(
        "the maximum counts the PDU header",
        ("PD-23",),
        into=_aborted_if(lambda found: found[0] == DATA and len(found) > 16384),
    ),
    Mutation("odd fragments", ("EM-12",), out=of.fragments(_odd)),
    Mutation("fragments of one message on two contexts", ("EM-13",), out=of.fragments(_mixed)),
    Mutation("P-DATA-TF longer than declared", ("PD-26", "EM-11"), out=_bigger_than_declared),
    # release
    Mutation("A-RELEASE-RQ is not answered", ("RL-01", "RL-02", "RL-06", "RL-07", "S-A-06-12"), out=of.dropped(RP)),
    Mutation("A-RELEASE-RP of length 0", ("EM-02",), out=of.only(RP, lambda _peer, _found: pdu(RP))),
    Mutation("a response behind A-RELEASE-RP", ("RL-08", "EM-19"), out=_after_release),
    Mutation(
        "A-RELEASE-RQ is answered in any state", ("S-A-02-12", "S-A-08-12", "S-A-13-12"), into=_released_in_any_state
    ),
    Mutation("A-ASSOCIATE-RQ is accepted in any state", ("S-A-06-06", "T-12"), into=_accepted_in_any_state),
    Mutation(
        "requests are answered in any state", ("S-A-02-10", "S-A-08-10", "S-A-13-10"), into=_answered_in_any_state
    ),
    # command sets
    Mutation("command set unsorted", ("CMD-01", "EM-14"), out=of.command(_unsorted)),
    Mutation("command set in Explicit VR", ("EM-14",), out=of.command(_explicit)),
    Mutation(
        "group length wrong",
        ("CMD-01", "EM-14"),
        out=of.command(lambda _peer, elements: commands.command(elements, group_length=2)),
    ),
    Mutation(
        "no group length",
        ("CMD-01", "EM-14"),
        out=of.command(lambda _peer, elements: commands.command(elements, headless=True)),
    ),
    Mutation("another Message ID", ("CMD-01", "CMD-02"), out=_elements(id=77)),
    Mutation("another command field", ("CMD-01",), out=_elements(field=0x8001)),
    Mutation("no status", ("CMD-01", "EM-14"), out=_elements(status=None)),
    Mutation("a status that does not exist", ("CMD-01", "EM-16"), out=_elements(status=0x1234)),
    Mutation("a data set announced and not sent", ("CMD-01", "EM-14"), out=_elements(data=1)),
    Mutation(
        "Message ID 0 is none",
        ("CMD-02",),
        into=_ignored_if(lambda found: found[0] == DATA and of.message_of(found).get(0x0110) == 0),
    ),
    Mutation(
        "unknown command fields are passed over",
        ("CMD-17",),
        into=_ignored_if(
            lambda found: found[0] == DATA and of.message_of(found).get(0x0100, 0x30) not in (0x01, 0x20, 0x30, 0x0FFF)
        ),
    ),
    # passed over in silence, or taken as valid
    Mutation(
        "A-ASSOCIATE-RQ without contexts is passed over",
        ("RQ-10",),
        into=_ignored_if(lambda found: found[0] == RQ and 0x20 not in _types(found)),
    ),
    Mutation(
        "A-ASSOCIATE-RQ with even context IDs is passed over",
        ("RQ-19", "RQ-20"),
        into=_ignored_if(lambda found: any(number % 2 == 0 for number in _ids(found))),
    ),
    Mutation(
        "A-ASSOCIATE-RQ with an ID twice is passed over",
        ("RQ-22", "RQ-24"),
        into=_ignored_if(lambda found: len(_ids(found)) != len(set(_ids(found)))),
    ),
    Mutation("A-ASSOCIATE-RQ whose items overrun is waited for", ("RQ-40",), into=_ignored_if(_overruns)),
    Mutation(
        "A-ASSOCIATE-RQ without application context accepted",
        ("RQ-07",),
        into=_completed(0x10, frames.application_context()[4:]),
    ),
    Mutation(
        "A-ASSOCIATE-RQ without user information accepted",
        ("RQ-11",),
        into=_completed(0x50, frames.user_information()[4:]),
    ),
    Mutation(
        "blank titles are passed over",
        ("RQ-33", "RQ-34"),
        into=_ignored_if(lambda found: found[0] == RQ and not (found[10:26].strip() and found[26:42].strip())),
    ),
    Mutation(
        "a short command fragment is lost",
        ("PD-02", "CMD-40"),
        into=_ignored_if(lambda found: found[0] == DATA and len(found) > 11 and found[11] == 1),
    ),
    Mutation(
        "a data set without a command is passed over",
        ("PD-20",),
        into=_ignored_if(lambda found: found[0] == DATA and len(found) > 11 and not found[11] & 1),
    ),
    Mutation(
        "A-ABORT of another source than 0 is passed over",
        ("AB-04",),
        into=_ignored_if(lambda found: found[0] == ABORT and len(found) == 10 and found[8]),
    ),
    Mutation(
        "A-ABORT with a reason is passed over",
        ("AB-03",),
        into=_ignored_if(lambda found: found[0] == ABORT and len(found) == 10 and found[9] and not found[8]),
    ),
    Mutation(
        "A-RELEASE-RQ of another length answered",
        ("RL-03", "RL-04"),
        into=lambda _peer, found: [frames.release_rq()] if found[0] == RLRQ else [found],
    ),
    Mutation("commands without a Message ID are passed over", ("CMD-14",), into=_ignored_if(_lacks(0x0110))),
    Mutation("commands without a SOP class are passed over", ("CMD-15",), into=_ignored_if(_lacks(0x0002))),
    Mutation("commands without a field are passed over", ("CMD-13",), into=_ignored_if(_lacks(0x0100))),
    Mutation("commands without a data set type are passed over", ("CMD-16",), into=_ignored_if(_lacks(0x0800))),
    Mutation(
        "retired elements are refused",
        ("CMD-08",),
        into=_aborted_if(lambda found: found[0] == DATA and 0x0001 in of.message_of(found)),
    ),
    Mutation(
        "a C-CANCEL nobody waits for is an error",
        ("CMD-30", "CMD-32"),
        into=_aborted_if(lambda found: found[0] == DATA and of.message_of(found).get(0x0100) == 0x0FFF),
    ),
    Mutation(
        "every request is a success",
        ("CMD-18", "CMD-19", "CMD-33", "CMD-36", "CMD-39"),
        out=_elements(status=0),
    ),
    *LENIENT_ACCEPTORS,
    *DEAF_ACCEPTORS,
    Mutation("a new A-ASSOCIATE-RQ behind A-ASSOCIATE-RJ is accepted", ("T-13",), into=_accepted_in_any_state),
    Mutation("an A-ASSOCIATE-AC of type 08H", ("RQ-01",), out=of.patched(AC, 0, b"\x08")),
    Mutation(
        "a match without Identifier",
        ("CMD-34",),
        out=of.command(
            lambda _peer, elements: (
                {**elements, 0x0900: 0xFF00, 0x0800: 0x0101} if elements.get(0x0100) == 0x8020 else dict(elements)
            )
        ),
    ),
)
"""In the order of the catalogue."""
