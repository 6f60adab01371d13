"""The rules as a table: id, what holds, its level and its clauses; and what a breach is."""

from dataclasses import dataclass

from ..results import Level


@dataclass(frozen=True, slots=True)
class Rule:
    """One always-on assertion."""

    title: str
    """What holds of whatever the peer sends."""
    level: Level
    clauses: tuple[str, ...]
    roles: str = "AR"
    """Of the peers that send what it is about."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule that a PDU, or the end of the connection, broke."""

    id: str
    """ "EM-04"."""
    what: str
    """What was wrong."""
    strict: bool = False
    """Whether only strict mode minds: the letter is clear, and most peers do otherwise."""


def _must(title: str, *clauses: str) -> Rule:
    return Rule(title, Level.M, clauses)


RULES = {
    "EM-01": _must("reserved fields are 0", "PS3.8 9.3.2", "PS3.8 9.3.4", "PS3.8 9.3.8"),
    "EM-02": _must("PDUs of a known type; A-ASSOCIATE-RJ, A-RELEASE and A-ABORT of length 4 with defined codes",
                   "PS3.8 9.3.4", "PS3.8 Table 9-21", "PS3.8 Table 9-26"),
    "EM-03": _must("items in increasing order of type, their lengths nest exactly, nothing trails", "PS3.8 9.3.1"),
    "EM-04": _must("UIDs of at most 64 characters, without leading zeros or padding", "PS3.8 F.1", "PS3.5 9.1"),
    # Of an A-ASSOCIATE-RQ alone: those fields of an A-ASSOCIATE-AC are not to be tested (Table 9-17).
    "EM-05": Rule("AE titles of 16 characters of the G0 set, not blank", Level.M, ("PS3.8 Table 9-11",), "R"),
    "EM-06": _must("protocol version has bit 0", "PS3.8 Table 9-11", "PS3.8 Table 9-17"),
    "EM-07": _must("context IDs odd and unique; one abstract syntax and transfer syntaxes proposed, one accepted",
                   "PS3.8 7.1.1.13", "PS3.8 9.3.2.2", "PS3.8 Table 9-18"),
    "EM-08": _must("one 10H, contexts, one 50H, in it one 51H and one 52H",
                   "PS3.8 9.3.2", "PS3.8 D.1", "PS3.7 D.3.3.2"),
    "EM-09": _must("implementation version name of 1 to 16 characters, once", "PS3.7 D.3.3.2"),
    "EM-10": _must("negotiation items once each, about what is proposed, answers to what was asked and no more",
                   "PS3.7 D.3.3.3", "PS3.7 D.3.3.4", "PS3.7 D.3.3.5", "PS3.7 D.3.3.6", "PS3.7 D.3.3.7"),
    "EM-11": _must("P-DATA-TF no longer than the receiver declared", "PS3.8 D.1"),
    "EM-12": _must("fragments even and not empty; bits 2 to 7 of the control header are 0", "PS3.8 E.1", "PS3.8 E.2"),
    "EM-13": _must("fragments of one message on one context, the PDVs of one P-DATA-TF of one message", "PS3.8 E.1"),
    "EM-14": _must("command sets in Implicit VR Little Endian, ascending, even, complete, group length exact",
                   "PS3.7 6.3.1", "PS3.7 9.3", "PS3.7 10.3", "PS3.7 E.1"),
    "EM-15": _must("Message IDs unique while outstanding", "PS3.7 9.1.1.1.1"),
    "EM-16": _must("statuses are those of Annex C", "PS3.7 C"),
    "EM-17": _must("operations outstanding within the window", "PS3.7 D.3.3.3"),
    "EM-18": _must("A-RELEASE-RQ only of the requestor, and with nothing outstanding", "PS3.7 A.5"),
    "EM-19": _must("no PDU after A-RELEASE-RQ, A-RELEASE-RP, A-ASSOCIATE-RJ or A-ABORT but those the table has",
                   "PS3.8 7.2.2", "PS3.8 9.2"),
    "EM-20": Rule("an association ends with release or abort, not with a bare close", Level.S, ("PS3.8 9.1.4 n1",)),
}  # fmt: skip
"""In the order of the catalogue."""
