"""Mutations of the SCP that say nothing where something is due, refuse what is right, or do what nobody asked for."""

from dulcet.dul.actions import Actions
from dulcet.tools.conformance import commands, frames
from dulcet.tools.conformance.frames import pdu
from dulcet.tools.conformance.reading import Item, cut_elements, cut_items, cut_pdvs

from . import bytes_of as of
from .bytes_of import AC, DATA, RQ
from .mutated import Mutated, Mutation, Rewrite

KNOWN = (0x0002, 0x0100, 0x0110, 0x0700, 0x0800, 0x1000)
"""Elements of the requests that the SCP performs, without the group length."""


def _nothing_ever(self: Actions, *_: object) -> None:
    self.stop_artim()


def _as_it_fits(_peer: Mutated, data: bytes) -> bytes:
    if data[:1] == b"\1" and int.from_bytes(data[2:6], "little") == len(data) - 6:
        return frames.patched(data, 2, data[5:1:-1])
    return data


def _user_items(found: bytes) -> list[Item]:
    items = cut_items(found[74:]) if found[0] == RQ else ()
    return [sub for each in items if each.type == 0x50 for sub in cut_items(each.value)]


def _ignored(test: of.Test) -> Rewrite:
    return lambda _peer, found: [] if test(found) else [found]


def _refused(test: of.Test) -> Rewrite:
    return lambda _peer, found: [pdu(0x47)] if test(found) else [found]


def _is_improper(found: bytes) -> bool:
    """Whether a command set is not what one who writes it by the book would have written."""
    for each in cut_pdvs(found[6:]) if found[0] == DATA else ():
        if each.control == 3:
            elements = [pair for pair in cut_elements(each.data) if pair[0]]
            return commands.command(dict(sorted(elements))) != each.data
    return False


def _has_unknown(found: bytes) -> bool:
    return found[0] == DATA and bool(of.message_of(found).keys() - {0x0000, *KNOWN})


def _announces_oddly(found: bytes) -> bool:
    return found[0] == DATA and of.message_of(found).get(0x0800, 1) not in (0x0001, 0x0101)


def _explicit_refused(_peer: Mutated, value: bytes) -> bytes:
    """A context of Explicit VR has result 4, whatever was accepted."""
    return frames.patched(value, 2, b"\4") if frames.EXPLICIT.encode() in value else value


def _first_of_its_class(peer: Mutated, found: list[Item]) -> list[Item]:
    """A SOP class is accepted in one context, and refused in all that follow."""
    seen: set[bytes] = set()
    answers = []
    for each in found:
        if each.type == 0x21:
            uid = of.proposed(peer).get(each.value[0], b"")
            answers.append(Item(0x21, frames.patched(each.value, 2, b"\1")) if uid in seen else each)
            seen.add(uid)
        else:
            answers.append(each)
    return answers


def _odd_roles(peer: Mutated, found: list[Item]) -> list[Item]:
    roles = [Item(0x54, value[:-2] + b"\2\2") for value in of.asked(peer, 0x54)]
    return sorted([*(each for each in found if each.type != 0x54), *roles], key=lambda each: each.type)


def _with_identity(_peer: Mutated, found: list[Item]) -> list[Item]:
    return [*found, Item(0x59, b"\0\3abc")]


def _final_lost(peer: Mutated, found: bytes) -> list[bytes]:
    """The last response of a C-FIND is not sent."""
    elements = of.message_of(found) if found[0] == DATA else {}
    return [] if (elements.get(0x0100), elements.get(0x0900)) == (0x8020, 0) else [found]


def _cannot_lost(_peer: Mutated, found: bytes) -> list[bytes]:
    """A response that tells of data that cannot be understood is not sent."""
    return [] if found[0] == DATA and of.message_of(found).get(0x0900) == 0xC000 else [found]


def _failing(_peer: Mutated, elements: commands.Elements) -> dict[int, commands.Value]:
    return {**elements, 0x0900: 0x0110}


def _releasing(peer: Mutated, found: bytes) -> list[bytes]:
    """It asks for release as soon as it has answered."""
    return [found, frames.release_rq()] if found[0] == DATA else [found]


def _releasing_at_once(_peer: Mutated, found: bytes) -> list[bytes]:
    """It asks for release as soon as there is an association, behind the back of its state machine."""
    return [found, frames.release_rq()] if found[0] == AC else [found]


def _asking(_peer: Mutated, found: bytes) -> list[bytes]:
    """It asks back, three times at once, twice with one Message ID."""
    return [found, *(commands.echo(1, number) for number in (5, 5, 6))] if found[0] == DATA else [found]


DEAF_ACCEPTORS: tuple[Mutation, ...] = (
    Mutation(
        "what is no A-ASSOCIATE-RQ is waited out without end",
        ("P-13", "P-14", "S-A-02-19"),
        {"aa_1": _nothing_ever},
    ),
    Mutation(
        "a connection that the peer has closed stays open",
        ("S-A-02-17", "S-A-03-17", "S-A-06-17", "S-A-08-17", "S-A-13-17"),
        clings=True,
        artim=6.0,
    ),
    Mutation("a PDU-length is read in the byte order that fits", ("P-15",), raw=_as_it_fits),
    Mutation(
        "a requestor without a maximum length is not served",
        ("PD-27",),
        into=_refused(lambda found: found[0] == RQ and frames.maximum_length(0) in found),
    ),
    Mutation("A-ASSOCIATE-RQ is passed over", ("S-A-02-06", "RQ-01"), into=_ignored(lambda found: found[0] == RQ)),
    Mutation(
        "a long A-ASSOCIATE-RQ is passed over",
        ("RQ-42",),
        into=_ignored(lambda found: found[0] == RQ and len(found) > 65536),
    ),
    Mutation(
        "requests are not performed",
        ("S-A-06-10", "PD-01", "PD-05", "PD-07", "PD-08", "NEG-18", "CMD-07", "CMD-20", "CMD-38"),
        out=of.dropped(DATA),
    ),
    Mutation("every request fails", ("PD-01", "PD-02", "PD-03", "PD-04"), out=of.command(_failing)),
    Mutation(
        "empty fragments are refused",
        ("PD-07", "PD-08"),
        into=_refused(lambda found: found[0] == DATA and any(not each.data for each in cut_pdvs(found[6:]))),
    ),
    Mutation(
        "Explicit VR is refused, though it is said to be accepted", ("NEG-01",), out=of.contexts(_explicit_refused)
    ),
    Mutation("a SOP class is accepted in one context only", ("NEG-03",), out=of.items(_first_of_its_class)),
    Mutation("roles are answered with values that do not exist", ("NEG-07", "NEG-08"), out=of.user(_odd_roles)),
    Mutation(
        "common extended negotiation is refused",
        ("NEG-22", "NEG-23"),
        into=_refused(lambda found: any(each.type == 0x57 for each in _user_items(found))),
    ),
    Mutation("a user identity is always answered", ("NEG-24", "NEG-25", "NEG-27"), out=of.user(_with_identity)),
    Mutation(
        "user identities of a type that does not exist are passed over",
        ("NEG-28",),
        into=_ignored(
            lambda found: any(each.type == 0x58 and each.value[0] not in range(1, 6) for each in _user_items(found))
        ),
    ),
    Mutation(
        "command sets that are not as by the book are passed over",
        ("CMD-03", "CMD-04", "CMD-05", "CMD-06", "CMD-09", "CMD-10", "CMD-11", "CMD-12"),
        into=_ignored(_is_improper),
    ),
    Mutation("elements nobody knows are refused", ("CMD-07",), into=_refused(_has_unknown)),
    Mutation("only 0001H announces a data set", ("CMD-20",), into=_refused(_announces_oddly)),
    Mutation("the last response of a C-FIND is lost", ("CMD-31",), out=_final_lost),
    Mutation("what cannot be understood is passed over", ("CMD-33", "CMD-35", "CMD-36"), out=_cannot_lost),
    Mutation("it asks for release as acceptor, when it has answered", ("EM-18",), beside=("PD-01",), out=_releasing),
    Mutation(
        "it asks for release, and does not know that it has",
        ("S-A-07-12", "S-A-07-13", "S-A-10-13", "RL-14"),
        out=_releasing_at_once,
        claims=("can_release",),
    ),
    Mutation("it asks back, beyond its window", ("EM-15", "EM-17"), beside=("PD-01",), out=_asking),
)
"""In the order of the catalogue."""
