"""An association between two peers, overheard: both followed over Table 9-10, and everything they send watched.

Nothing is sent, so nothing is provoked; peers that must not be touched can be judged like this, through `proxy` or from
a capture. Wherever on the way one listens, a PDU passes before its receiver can react to it, which is all that the
oracle and the rules assume. A breach is laid to the side that sent it.
"""

from dataclasses import dataclass, field

from . import oracle, tokens
from .emitted.rules import RULES
from .emitted.watch import Watch
from .followed import Followed
from .reading import Cutter, Seen
from .results import Level
from .tokens import Token

TABLE = "Table 9-10"
"""In the place of a rule's id: what no reading of the table explains."""
MOST_STEPS = 1000
"""PDUs of an association that are kept for its diagram."""
ENDS = {"fin": "closed", "rst": "reset"}


@dataclass(frozen=True, slots=True)
class Broken:
    """What a side did that it must not."""

    at: float
    """Seconds since the connection began."""
    rule: str
    """ "EM-04", or `TABLE`."""
    what: str
    """In words."""
    level: Level
    strict: bool = False
    """Whether only strict mode minds."""


@dataclass(frozen=True, slots=True)
class Step:
    """A PDU that passed, or the end of a side."""

    at: float
    role: str
    """Who did it: "R" the requestor, "A" the acceptor."""
    name: str
    count: int = 1


@dataclass(slots=True)
class Side:
    """One of the two."""

    role: str
    """ "R" or "A"."""
    address: str
    """Where it is."""
    title: str = ""
    """Its AE title, as the A-ASSOCIATE-RQ has it."""
    implementation: str = ""
    """Its implementation version name, or class UID."""
    sent_bytes: int = 0
    pdus: int = 0
    broken: list[Broken] = field(default_factory=list)
    ended: str = ""
    """How it ended the connection: "fin", "rst", or not."""


class _Ear:
    """What listens to one side."""

    def __init__(self, side: Side, its: Cutter, others: Cutter) -> None:
        requestor = side.role == oracle.REQUESTOR
        self.side = side
        self.cutter = its
        self.watch = Watch(requestor=requestor)
        self.followed = Followed(side.role, "Sta4" if requestor else "Sta2", others)
        if requestor:
            self.followed.follower.sent("Evt2")
        self.explained = True


class Overheard:
    """One connection.

    Args:
        requestor: the address of who connected.
        acceptor: of who was connected to.
        began: when, on the clock of the times that are told.
    """

    def __init__(self, requestor: str, acceptor: str, began: float) -> None:
        self.began = began
        self.requestor = Side(oracle.REQUESTOR, requestor)
        self.acceptor = Side(oracle.ACCEPTOR, acceptor)
        cutters = Cutter(), Cutter()
        self._ears = {
            oracle.REQUESTOR: _Ear(self.requestor, cutters[0], cutters[1]),
            oracle.ACCEPTOR: _Ear(self.acceptor, cutters[1], cutters[0]),
        }
        self.steps: list[Step] = []
        self.outcome = "open"
        """How the association went: "released", "aborted by ...", "rejected ...", or how far it came."""
        self.unjudged = ""
        """Why nothing is judged any more, or nothing."""

    @property
    def sides(self) -> tuple[Side, Side]:
        """Requestor and acceptor."""
        return self.requestor, self.acceptor

    def _pair(self, side: Side) -> tuple[_Ear, _Ear]:
        """Who listens to a side, and to the other."""
        return self._ears[side.role], self._ears["A" if side.role == "R" else "R"]

    def sent(self, side: Side, data: bytes, at: float) -> None:
        """A side sent bytes."""
        side.sent_bytes += len(data)
        if self.unjudged:
            return
        ear, other = self._pair(side)
        pdus = ear.cutter.feed(data)
        for pdu in pdus:
            self._passed(ear, pdu, at - self.began)
            other.watch.sent(pdu)
        other.followed.sent(pdus)
        if ear.cutter.lost:
            self.stop(f"the {_name(side)} sends {ear.cutter.lost}, behind which nothing can be read")

    def _passed(self, ear: _Ear, pdu: Seen, at: float) -> None:
        side, follower = ear.side, ear.followed.follower
        side.pdus += 1
        self._note(side, pdu)
        self._step(side, pdu.name, at)
        states = follower.states if ear.explained else ()
        ear.followed.saw(pdu)
        if ear.explained and not follower.explained:
            ear.explained = False
            what = f"{tokens.of_pdu(pdu)} ({pdu.name}) in {' or '.join(states)}, which no reading of the table explains"
            side.broken.append(Broken(at, TABLE, what, Level.M))
        for each in ear.watch.saw(pdu):
            side.broken.append(Broken(at, each.id, each.what, RULES[each.id].level, each.strict))

    def ended(self, side: Side, how: str, at: float) -> None:
        """A side ended the connection: "fin" or "rst"."""
        ear, other = self._pair(side)
        if side.ended or self.unjudged:
            return
        side.ended = how
        self._step(side, ENDS[how], at - self.began)
        if not other.side.ended:
            for each in ear.watch.ended():
                side.broken.append(Broken(at - self.began, each.id, each.what, RULES[each.id].level))
            if self.outcome in ("open", "requested", "established"):
                self.outcome = f"{self.outcome}, then {ENDS[how]} by the {_name(side)}"
        ear.followed.follower.saw(Token("CLOSE", how="FIN" if how == "fin" else "RST"))
        other.followed.follower.sent("Evt17")
        other.watch.we_ended()

    def stop(self, why: str, since: float | None = None) -> None:
        """Judge nothing from here on, or from an earlier time on, on the clock of the times that are told."""
        self.unjudged = self.unjudged or why
        for side in self.sides:
            side.broken = [each for each in side.broken if since is None or self.began + each.at < since]

    def worst(self, *, strict: bool) -> bool:
        """Whether something was broken that counts."""
        return any(counts(each, strict=strict) for side in self.sides for each in side.broken)

    # ---- what it was ----

    def _step(self, side: Side, name: str, at: float) -> None:
        last = self.steps[-1] if self.steps else None
        if last is not None and (last.role, last.name) == (side.role, name):
            self.steps[-1] = Step(last.at, side.role, name, last.count + 1)
        elif len(self.steps) < MOST_STEPS:
            self.steps.append(Step(at, side.role, name))

    def _note(self, side: Side, pdu: Seen) -> None:
        """Titles, implementations, and how the association goes."""
        match pdu.type:
            case 0x01 if not self.requestor.title:
                self.requestor.title, self.acceptor.title = pdu.calling, pdu.called
                self.outcome = "requested"
            case 0x02:
                self.outcome = "established"
            case 0x03:
                self.outcome = f"rejected {tokens.of_pdu(pdu)}"
            case 0x06:
                self.outcome = "released"
            case 0x07 if not self.outcome.startswith("aborted"):
                self.outcome = f"aborted by the {_name(side)}, {tokens.of_pdu(pdu)}"
        if pdu.type in (0x01, 0x02):
            said = {sub.type: sub.value for sub in pdu.user_items}
            side.implementation = said.get(0x55, said.get(0x52, b"")).decode("ascii", "replace")[:64]


def counts(broken: Broken, *, strict: bool) -> bool:
    """Whether something broken fails a peer in this mode."""
    return strict or (broken.level is Level.M and not broken.strict)


def _name(side: Side) -> str:
    return "requestor" if side.role == oracle.REQUESTOR else "acceptor"
