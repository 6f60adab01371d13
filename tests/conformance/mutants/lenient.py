"""Mutations of the SCP that read what is wrong as if it were right: parsers as they are written in a hurry."""

import re

from dulcet.tools.conformance import commands, frames
from dulcet.tools.conformance.frames import pdu
from dulcet.tools.conformance.reading import Item, cut_elements, cut_items, cut_pdvs

from . import bytes_of as of
from .bytes_of import DATA, RQ
from .mutated import Mutated, Mutation

VERIFICATION = frames.VERIFICATION.encode()
LONGEST = 16384
"""What the SCP announces."""


# ---- A-ASSOCIATE-RQ ----


def _items_put_right(_peer: Mutated, found: list[Item]) -> list[Item]:
    """One of each, in their order, as a reader sees it that looks for items by their types."""
    inside = [sub for each in found if each.type == 0x50 for sub in cut_items(each.value)]
    contexts = [each for each in found if each.type == 0x20]
    return [Item(0x10, frames.application_context()[4:]), *contexts, Item(0x50, _user(inside))]


def _user(found: list[Item]) -> bytes:
    """Maximum length and implementation class UID, whatever else there is, and where they are not, of our own."""
    longest = next((each.value for each in found if each.type == 0x51 and len(each.value) == 4), b"\0\0\x40\0")
    name = next((each.value for each in found if each.type == 0x52), b"1.2.3")
    return frames.item(0x51, longest) + frames.item(0x52, name)


def _contexts_put_right(_peer: Mutated, value: bytes) -> bytes:
    """The first abstract syntax of a context as far as it is a UID, and a transfer syntax where there is none."""
    subs = list(cut_items(value[4:]))
    abstract = next((each.value for each in subs if each.type == 0x30), VERIFICATION)
    lawful = re.fullmatch(rb"[0-9.]{1,64}", abstract)
    syntaxes = [each for each in subs if each.type == 0x40] or [Item(0x40, frames.IMPLICIT.encode())]
    return value[:4] + frames.item(0x30, abstract if lawful else VERIFICATION) + of.joined(syntaxes)


def _any_calling_title(_peer: Mutated, found: bytes) -> bytes:
    return frames.patched(found, 26, b"SOMEBODY        ")


# ---- P-DATA-TF and messages ----


def _commands_put_together(peer: Mutated, found: bytes) -> list[bytes]:
    """Fragments of a command are one behind the other, on whatever context and of whatever length."""
    if found[0] != DATA:
        return [found]
    held = peer.memory.setdefault("command", bytearray())
    pdus = []
    for each in cut_pdvs(found[6:]):
        held += each.data
        if each.control & 2:
            pdus.append(frames.p_data(frames.pdv(each.context_id, bytes(held), control=each.control)))
            held.clear()
    return pdus


def _messages_put_together(peer: Mutated, found: bytes) -> list[bytes]:
    """Each context has a message of its own; a command begins a new one, and a data set nobody announced is dropped."""
    if found[0] != DATA:
        return [found]
    pdus = []
    for each in cut_pdvs(found[6:]):
        held = peer.memory.setdefault(each.context_id, {"command": b"", "data": b"", "open": False})
        if each.control & 1:
            held["command"] = each.data if held["open"] else held["command"] + each.data
            held["open"] = False
            if not each.control & 2:
                continue
            if dict(cut_elements(held["command"])).get(commands.DATA_SET_TYPE) == commands.NO_DATA_SET:
                pdus.append(frames.p_data(frames.pdv(each.context_id, held["command"])))
                held["command"] = b""
            else:
                held.update(open=True, data=b"")
        elif held["open"]:
            held["data"] += each.data
            if each.control & 2:
                pdus.append(frames.p_data(frames.pdv(each.context_id, held["command"])))
                pdus.append(frames.p_data(frames.pdv(each.context_id, held["data"], command=False)))
                held.update(open=False, command=b"")
    return pdus


def _cut_to_fit(_peer: Mutated, found: bytes) -> list[bytes]:
    """P-DATA-TF of any length are taken."""
    if found[0] != DATA or len(found) - 6 <= LONGEST:
        return [found]
    pdus = []
    for each in cut_pdvs(found[6:]):
        room = LONGEST - 6
        for at in range(0, len(each.data), room):
            last = at + room >= len(each.data)
            part = frames.pdv(each.context_id, each.data[at : at + room], control=each.control & (3 if last else 1))
            pdus.append(frames.p_data(part))
    return pdus


def _command_put_right(_peer: Mutated, found: bytes) -> list[bytes]:
    """Elements are found by their numbers, and what group length says is not looked at."""
    elements = of.message_of(found) if found[0] == DATA else {}
    if not elements:
        return [found]
    right = commands.command(dict(sorted(pair for pair in elements.items() if pair[0])))
    return [frames.p_data(frames.pdv(found[10], right))]


LENIENT_ACCEPTORS: tuple[Mutation, ...] = (
    Mutation(
        "items of an A-ASSOCIATE-RQ are looked for by their types",
        (
            *("RQ-07", "RQ-08", "RQ-09", "RQ-11", "RQ-12", "RQ-13", "RQ-14", "RQ-39"),
            *("NEG-11", "NEG-12", "NEG-13", "NEG-17", "NEG-21", "NEG-29", "NEG-30", "NEG-31"),
        ),
        into=of.items(_items_put_right, RQ),
    ),
    Mutation(
        "contexts of an A-ASSOCIATE-RQ are put right",
        ("RQ-26", "RQ-27", "RQ-31", "RQ-32", "RQ-41"),
        into=of.contexts(_contexts_put_right, RQ),
    ),
    Mutation("the calling AE title is not looked at", ("RQ-36",), into=of.only(RQ, _any_calling_title)),
    Mutation(
        "it is said to check titles and passcodes, and does not",
        ("RQ-37", "RQ-38", "NEG-26"),
        claims=("checks_called", "checks_calling", "checks_identity"),
    ),
    Mutation(
        "fragments are put together whatever their context and length", ("PD-06", "PD-16"), into=_commands_put_together
    ),
    Mutation(
        "each context has a message of its own",
        ("PD-17", "PD-20", "PD-21", "PD-22", "CMD-21"),
        into=_messages_put_together,
    ),
    Mutation("P-DATA-TF of any length are taken", ("PD-24", "PD-25"), into=_cut_to_fit),
    Mutation("command sets are put right", ("CMD-03",), into=_command_put_right),
    Mutation("a PDU is looked at when it is whole", ("P-03",), into=lambda _peer, found: [found]),
    Mutation(
        "A-RELEASE-RQ and A-ABORT of any length",
        ("RL-03", "RL-04"),
        into=lambda _peer, found: [pdu(found[0], bytes(4))] if found[0] in (5, 7) else [found],
    ),
)
"""In the order of the catalogue."""
