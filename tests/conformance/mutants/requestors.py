"""Mutations of the SCU, each with the cases that must catch it by the catalogue (in strict mode)."""

from dulcet.dul.actions import Actions, Fault
from dulcet.dul.primitives import CLOSE
from dulcet.tools.conformance import commands, frames
from dulcet.tools.conformance.frames import item, pdu
from dulcet.tools.conformance.reading import Item, cut_items

from . import bytes_of as of
from .bytes_of import ABORT, AC, DATA, RJ, RLRQ, RP, RQ
from .mutated import Mutated, Mutation, Rewrite

VERIFICATION = frames.VERIFICATION.encode()


def _closing_instead(type_: int) -> Rewrite:
    """In the place of a PDU of this type the connection is closed."""

    def out(peer: Mutated, found: bytes) -> list[bytes]:
        if found[0] != type_:
            return [found]
        peer.close()
        return []

    return out


def _ignoring(type_: int, *states: str) -> Rewrite:
    """PDUs of a type are passed over in these states."""
    return lambda peer, found: [] if found[0] == type_ and peer.state in states else [found]


def _aborting(type_: int, *states: str) -> Rewrite:
    """PDUs of a type are taken for garbage in these states."""
    return lambda peer, found: [pdu(0x47)] if found[0] == type_ and peer.state in states else [found]


def _closing_at(type_: int, *states: str) -> Rewrite:
    def into(peer: Mutated, found: bytes) -> list[bytes]:
        if found[0] == type_ and peer.state in states:
            peer.close()
            return []
        return [found]

    return into


def _any_response(_peer: Mutated, found: bytes) -> list[bytes]:
    """Whatever comes as a response is taken as one to the request outstanding, a success."""
    elements = of.message_of(found) if found[0] == DATA else {}
    if not elements:
        return [found]
    first = commands.command({**commands.response_elements(commands.echo_elements())})
    second = commands.command({**commands.response_elements(commands.store_elements(2, "1.2.3.4.5"))})
    on = found[10]
    return [frames.p_data(frames.pdv(on, first if on == 1 else second))]


def _any_context(peer: Mutated, found: bytes) -> list[bytes]:
    """Whatever the A-ASSOCIATE-AC says, all that was proposed is taken as accepted with its first syntax."""
    if found[0] != AC:
        return [found]
    contexts = [frames.answered(number) for number in of.proposed(peer)]
    return [frames.associate_ac(contexts, fixed=found[10:74])]


def _without_unknown(found: bytes) -> bool:
    return found[0] == AC and bool({each.type for each in cut_items(found[74:])} - {0x10, 0x21, 0x50})


def _release_at_once(peer: Mutated, found: bytes) -> list[bytes]:
    """A-RELEASE-RQ right behind the first request."""
    if found[0] == DATA and not peer.memory.get("released"):
        peer.memory["released"] = True
        return [found, frames.release_rq()]
    return [] if found[0] == RLRQ else [found]


def _data_behind_release(_peer: Mutated, found: bytes) -> list[bytes]:
    return [found, commands.echo(1, 9)] if found[0] == RLRQ else [found]


def _twice(_peer: Mutated, found: bytes) -> list[bytes]:
    """Every request is invoked twice, with the same Message ID."""
    elements = of.message_of(found) if found[0] == DATA else {}
    return [found, found] if elements.get(0x0100) == 0x30 else [found]


def _two_at_once(_peer: Mutated, found: bytes) -> list[bytes]:
    elements = of.message_of(found) if found[0] == DATA else {}
    return [found, commands.echo(1, 99)] if elements.get(0x0100) == 0x30 else [found]


def _glued(peer: Mutated, found: bytes) -> list[bytes]:
    """The fragments of a command or data set are put together again, whatever the acceptor takes."""
    if found[0] != DATA:
        return [found]
    held = peer.memory.setdefault("held", bytearray())
    held += found[12:]
    if not found[11] & 2:
        return []
    whole = frames.p_data(frames.pdv(found[10], bytes(held), control=found[11]))
    held.clear()
    return [whole]


def _reserved_context(_peer: Mutated, value: bytes) -> bytes:
    return frames.patched(value, 2, b"\xff")


def _without_reason(self: Actions, _fault: Fault) -> None:
    Actions.aa_8(self, Fault(0, "whatever"))


def _without_abort(self: Actions, _cause: object) -> None:
    self.outbox.append(CLOSE)


def _priority(_peer: Mutated, elements: commands.Elements) -> dict[int, commands.Value]:
    return {**elements, 0x0700: 7} if 0x0700 in elements else dict(elements)


_BY_AA_8 = (
    *(f"S-R-05-{event}" for event in ("06", "10", "12", "13", "19")),
    *(f"S-R-{state}-{event}" for state in ("06", "07", "08", "09") for event in ("03", "04", "06", "19")),
    *(f"S-R-11-{event}" for event in ("03", "04", "06", "10", "12", "19")),
    *("S-R-06-13", "P-01", "P-02", "PD-09", "PD-10", "PD-11", "PD-12", "PD-13"),
    *("AC-21", "AC-22", "RJ-05", "RJ-06", "RL-05", "AB-05", "AB-08", "AB-11"),
)
"""What a requestor answers with A-ABORT by the service provider (AA-8)."""


def _is_unsolicited(found: bytes) -> bool:
    inside = [each.value for each in cut_items(found[74:]) if each.type == 0x50] if found[0] == AC else []
    return any(sub.type in (0x53, 0x54, 0x59) for value in inside for sub in cut_items(value))


def _closing_if(test: of.Test) -> Rewrite:
    def into(peer: Mutated, found: bytes) -> list[bytes]:
        if not test(found):
            return [found]
        peer.close()
        return []

    return into


def _is_unlimited(found: bytes) -> bool:
    return found[0] == AC and frames.maximum_length(0) in found


def _tests_rejected(found: bytes) -> bool:
    """Whether a context that is rejected has what is no transfer syntax of ours."""
    answers = [each.value for each in cut_items(found[74:]) if each.type == 0x21] if found[0] == AC else []
    ours = (frames.IMPLICIT.encode(), frames.EXPLICIT.encode())
    return any(
        value[2] and [sub.value for sub in cut_items(value[4:])] not in ([ours[0]], [ours[1]]) for value in answers
    )


def _one_syntax(_peer: Mutated, value: bytes) -> bytes:
    return value[:4] + of.joined(list(cut_items(value[4:]))[:1])


def _ample(_peer: Mutated, found: list[Item]) -> list[Item]:
    return [Item(0x51, b"\0\1\0\0") if each.type == 0x51 else each for each in found]


def _is_unpleasant(found: bytes) -> bool:
    """Whether a response is no success."""
    return found[0] == DATA and of.message_of(found).get(0x0900, 0) != 0


def _answering(_peer: Mutated, found: bytes) -> list[bytes]:
    """A response to nothing, of a status that does not exist, behind each request."""
    if found[0] != DATA or of.message_of(found).get(0x0100) != 0x30:
        return [found]
    return [found, commands.response(found[10], commands.echo_elements(99), 0x1234)]


REQUESTORS: tuple[Mutation, ...] = (
    # what it sends
    Mutation(
        "R: reserved bytes in the contexts of an A-ASSOCIATE-RQ", ("EM-01",), out=of.contexts(_reserved_context, RQ)
    ),
    Mutation("R: items in decreasing order", ("EM-03",), out=of.items(lambda _peer, found: found[::-1], RQ)),
    Mutation(
        "R: padded UIDs",
        ("EM-04",),
        out=of.items(
            lambda _peer, found: [Item(0x10, each.value + b"\0") if each.type == 0x10 else each for each in found], RQ
        ),
    ),
    Mutation("R: a calling title with a NUL", ("EM-05",), out=of.patched(RQ, 26, b"MUTANT\0")),
    Mutation("R: a blank calling title", ("EM-05",), out=of.patched(RQ, 26, b" " * 16)),
    Mutation("R: protocol version 0", ("EM-06",), out=of.patched(RQ, 6, b"\0\0")),
    Mutation(
        "R: an even context ID",
        ("EM-07",),
        out=of.contexts(lambda _peer, value: frames.patched(value, 0, b"\4") if value[0] == 3 else value, RQ),
    ),
    Mutation(
        "R: a context ID twice", ("EM-07",), out=of.items(lambda _peer, found: [found[0], found[1], *found[1:]], RQ)
    ),
    Mutation(
        "R: a context without transfer syntax",
        ("EM-07",),
        out=of.contexts(lambda _peer, value: value[:4] + item(0x30, VERIFICATION) if value[0] == 3 else value, RQ),
    ),
    Mutation(
        "R: no implementation class UID",
        ("EM-08",),
        out=of.user(lambda _peer, found: [each for each in found if each.type != 0x52], RQ),
    ),
    Mutation(
        "R: an empty implementation version name",
        ("EM-09",),
        out=of.user(lambda _peer, found: [Item(0x55, b"") if each.type == 0x55 else each for each in found], RQ),
    ),
    Mutation(
        "R: roles for a class not proposed",
        ("EM-10",),
        out=of.user(
            lambda _peer, found: sorted([*found, Item(0x54, b"\0\x051.2.3\1\0")], key=lambda each: each.type), RQ
        ),
    ),
    Mutation("R: P-DATA-TF longer than declared", ("EM-11", "AC-18", "PD-26"), out=_glued),
    Mutation(
        "R: odd fragments",
        ("EM-12",),
        out=of.fragments(lambda context, data: [frames.p_data(*frames.fragmented(context, data, 7))]),
    ),
    Mutation(
        "R: a request within a request",
        ("EM-13",),
        out=of.fragments(lambda context, data: [frames.p_data(frames.pdv(context, data), frames.pdv(context, data))]),
    ),
    Mutation("R: a priority that does not exist", ("EM-14",), out=of.command(_priority)),
    Mutation(
        "R: group length wrong",
        ("EM-14",),
        out=of.command(lambda _peer, elements: commands.command(elements, group_length=2)),
    ),
    Mutation("R: a Message ID in use", ("EM-15",), out=_twice),
    Mutation("R: more requests than the window has room for", ("EM-17",), out=_two_at_once),
    Mutation("R: release with an operation outstanding", ("EM-18",), out=_release_at_once),
    Mutation("R: a request behind A-RELEASE-RQ", ("EM-19",), out=_data_behind_release),
    Mutation("R: a bare close in the place of A-RELEASE-RQ", ("EM-20",), out=_closing_instead(RLRQ)),
    # how it reacts
    Mutation("R: A-ASSOCIATE-RJ is answered with A-ABORT", ("S-R-05-04", "RJ-03"), into=_aborting(RJ, "Sta5")),
    Mutation("R: A-ASSOCIATE-RJ does not close", ("S-R-05-04", "RJ-03", "RJ-04"), {"ae_4": lambda _self, _pdu: None}),
    Mutation(
        "R: A-ABORT received does not close",
        ("S-R-05-16", "S-R-06-16", "S-R-07-16", "S-R-09-16", "S-R-11-16", "AB-01", "AB-02", "AB-03", "AB-04"),
        {"aa_3": lambda _self, _pdu: None},
    ),
    Mutation("R: no A-ABORT", _BY_AA_8, {"aa_8": lambda _self, _fault: None}),
    Mutation("R: a bare close in the place of A-ABORT", ("S-R-06-03", "S-R-05-06"), {"aa_8": _without_abort}),
    Mutation(
        "R: its patience ends with a bare close",
        ("T-10", "T-11", "RL-13", "CMD-25", "CMD-27", "CMD-29"),
        {"aa_1": _without_abort},
    ),
    Mutation("R: A-RELEASE-RQ in Sta6 is passed over", ("RL-09", "S-R-06-12"), into=_ignoring(RLRQ, "Sta6")),
    Mutation("R: a release collision is passed over", ("RL-10", "S-R-07-12"), into=_ignoring(RLRQ, "Sta7")),
    Mutation(
        "R: a release collision ends with a close",
        ("RL-10", "RL-11", "RL-12", "S-R-07-12"),
        into=_closing_at(RLRQ, "Sta7"),
    ),
    Mutation("R: A-RELEASE-RP after a collision does not close", ("RL-10", "S-R-11-13"), into=_ignoring(RP, "Sta11")),
    Mutation("R: P-DATA-TF in Sta7 aborts", ("RL-15", "S-R-07-10"), into=_aborting(DATA, "Sta7")),
    Mutation("R: A-RELEASE-RP does not close", ("S-R-07-13",), {"ar_3": lambda _self, _pdu: None}),
    Mutation(
        "R: unknown items of an A-ASSOCIATE-AC abort",
        ("AC-17",),
        into=lambda _peer, found: [pdu(0x47)] if _without_unknown(found) else [found],
    ),
    Mutation(
        "R: titles of an A-ASSOCIATE-AC are tested",
        ("AC-09",),
        into=lambda peer, found: [pdu(0x47)] if found[0] == AC and found[10:42] != peer.request[10:42] else [found],
    ),
    Mutation("R: all contexts are taken as accepted", ("AC-11", "AC-13", "AC-14", "AC-15"), into=_any_context),
    Mutation(
        "R: any application context will do",
        ("AC-16",),
        into=of.items(
            lambda _peer, found: [
                Item(0x10, frames.application_context()[4:]) if each.type == 0x10 else each for each in found
            ]
        ),
    ),
    Mutation("R: any response is a success", ("CMD-23", "CMD-24"), into=_any_response),
    Mutation("R: byte 2 of PDUs is tested", ("P-08",), into=lambda _peer, found: [pdu(0x47)] if found[1] else [found]),
    Mutation(
        "R: A-ASSOCIATE-AC is waited for without end",
        ("S-R-05-03", "AC-08", "AC-12", "AC-17"),
        into=_ignoring(AC, "Sta5"),
        tick=False,
    ),
    Mutation(
        "R: AA-6 aborts",
        ("S-R-13-03", "S-R-13-04", "S-R-13-10", "S-R-13-12", "S-R-13-13"),
        {"aa_6": lambda self, _pdu: self.outbox.append(frames.abort(2, 2))},
    ),
    Mutation("R: AA-7 is silent", ("S-R-13-06", "S-R-13-19"), {"aa_7": lambda _self, _fault: None}, artim=4.0),
    Mutation(
        "R: A-ABORT received in Sta13 does not close",
        ("S-R-13-16", "AB-09"),
        {"aa_2": lambda self, _cause=None: self.stop_artim()},
    ),
    Mutation(
        "R: a connection that the peer has closed stays open",
        ("S-R-05-17", "S-R-06-17", "S-R-07-17", "S-R-11-17", "S-R-13-17"),
        clings=True,
        artim=6.0,
        tick=False,
    ),
    Mutation("R: it dials on and on where it is refused", ("S-R-04-17",), dials_on=True),
    Mutation("R: PDUs must come whole", ("P-05", "P-06"), raw=of.whole_or_nothing),
    Mutation(
        "R: reserved bytes of A-ASSOCIATE-AC are tested",
        ("P-09", "AC-09"),
        into=lambda _peer, found: [pdu(0x47)] if found[0] == AC and any(found[8:10]) else [found],
    ),
    Mutation(
        "R: reserved bytes of A-RELEASE-RP are tested",
        ("RL-02",),
        into=lambda _peer, found: [pdu(0x47)] if found[0] == RP and any(found[6:]) else [found],
    ),
    Mutation("R: A-RELEASE-RP of any length", ("RL-05",), into=of.only(RP, lambda _peer, _found: frames.release_rp())),
    Mutation(
        "R: the syntax of a rejected context is tested",
        ("AC-10",),
        into=lambda _peer, found: [pdu(0x47)] if _tests_rejected(found) else [found],
    ),
    Mutation("R: the maximum length is not looked at", ("AC-18", "AC-19", "PD-26", "EM-11"), into=of.user(_ample)),
    Mutation("R: the first transfer syntax of several is taken", ("AC-21",), into=of.contexts(_one_syntax)),
    Mutation("R: sub-items it has not asked for end the connection", ("AC-20",), into=_closing_if(_is_unsolicited)),
    Mutation(
        "R: a window it has not offered ends nothing and begins nothing",
        ("NEG-19",),
        into=lambda _peer, found: [] if _is_unsolicited(found) else [found],
        tick=False,
    ),
    Mutation("R: no maximum length is no length", ("PD-27",), into=_closing_if(_is_unlimited)),
    Mutation(
        "R: a response that is no success is waited out",
        ("CMD-26",),
        into=lambda _peer, found: [] if _is_unpleasant(found) else [found],
        tick=False,
    ),
    Mutation("R: AA-8 knows no reason", ("AB-11", "S-R-06-03"), {"aa_8": _without_reason}),
    Mutation("R: it responds to nothing", ("EM-16",), beside=("PD-27",), out=_answering),
    Mutation("R: A-ABORT of source 1", ("AB-07", "EM-02"), out=of.patched(ABORT, 8, b"\1")),
)
"""In the order of the catalogue."""
