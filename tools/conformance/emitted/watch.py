"""`Watch`: everything a peer sends on one connection, judged as it comes; with the rules of its course, EM-18 to EM-20.

It is told of whole PDUs of both directions in the order in which they passed. With one direction alone (`judge_stream`)
it judges what can be judged of that.
"""

from collections.abc import Iterator

from ..reading import Cutter, Seen
from . import shape
from .flow import Flow
from .rules import Breach

MOST = 100
"""Breaches that are kept of one connection: a storm breaks the same rule again and again."""
_RQ, _AC, _RJ, _DATA, _RLRQ, _RP, _ABORT = range(1, 8)
_MAY_FOLLOW = {_RLRQ: (_RP, _ABORT), _RP: (_ABORT,), _RJ: (_ABORT,), _ABORT: (_ABORT,)}
"""After a PDU of the peer's: what it may still send (Sta7 and Sta9 to Sta13)."""


class Watch:
    """One connection of a peer.

    Args:
        requestor: whether the peer requests the association; None where the PDUs will tell.
    """

    def __init__(self, *, requestor: bool | None = None) -> None:
        self.breaches: list[Breach] = []
        """What was found, in order."""
        self.request: Seen | None = None
        """The A-ASSOCIATE-RQ, whoever sent it."""
        self._is_requestor = requestor
        self._flow = Flow()
        self._last = 0  # the peer's PDU-type after which little may follow
        self._begun = self._over = False

    # ---- the other direction ----

    def sent(self, pdu: Seen) -> None:
        """A PDU went to the peer."""
        if pdu.type == _DATA:
            self._flow.sent(pdu)
        elif pdu.type in (_RQ, _AC) and len(pdu.body) >= 68:
            if pdu.type == _RQ and self.request is None:
                self.request, self._is_requestor = pdu, False
            self._declared(pdu)
            self._window(pdu)
        self._over |= pdu.type in (_RJ, _RP, _ABORT)

    def _declared(self, pdu: Seen) -> None:
        said = [sub.value for sub in pdu.user_items if sub.type == 0x51]
        self._flow.longest = int.from_bytes(said[0], "big") if len(said) == 1 and len(said[0]) == 4 else None

    def _window(self, acceptance: Seen) -> None:
        """An A-ASSOCIATE-AC is known: how many operations the peer may have outstanding (PS3.7 D.3.3.3)."""
        if acceptance.type != _AC or self.request is None:
            return
        which = 0 if self._is_requestor else 2
        said = [
            next((int.from_bytes(sub.value[which : which + 2], "big") for sub in pdu.user_items if sub.type == 0x53), 1)
            for pdu in (self.request, acceptance)
        ]
        self._flow.window = min(filter(None, said), default=0)

    # ---- the peer ----

    def saw(self, pdu: Seen) -> list[Breach]:
        """A PDU of the peer; what it broke."""
        return self._keep(self._judged(pdu))

    def _judged(self, pdu: Seen) -> Iterator[Breach]:
        yield from self._course(pdu)
        yield from shape.breaches(pdu, self.request if pdu.type == _AC else None)
        if pdu.type == _DATA:
            yield from self._flow.saw(pdu)
        elif pdu.type == _RQ and self.request is None:
            self.request, self._is_requestor, self._begun = pdu, True, True
        elif pdu.type == _AC and self._is_requestor is not True:
            self._is_requestor, self._begun = False, True
            self._window(pdu)

    def _course(self, pdu: Seen) -> Iterator[Breach]:
        if pdu.type not in _MAY_FOLLOW.get(self._last, (pdu.type,)):
            yield Breach("EM-19", f"{pdu.name} after its own {_NAMES[self._last]}")
        if pdu.type == _RLRQ:
            if self._is_requestor is False:
                yield Breach("EM-18", "A-RELEASE-RQ of the acceptor")
            elif self._flow.outstanding:
                yield Breach("EM-18", f"A-RELEASE-RQ with {len(self._flow.outstanding)} operations outstanding")
        if pdu.type in _MAY_FOLLOW:
            self._last = pdu.type
        self._over |= pdu.type in (_RJ, _RP, _ABORT)

    def ended(self) -> list[Breach]:
        """The peer ended the connection, before anybody else did."""
        if self._begun and not self._over:
            self._over = True
            return self._keep(iter([Breach("EM-20", "the connection ended without release or abort")]))
        return []

    def we_ended(self) -> None:
        """The other side ended the connection first."""
        self._over = True

    def unread(self) -> None:
        """The other side reads no more: an A-ABORT that a peer gives now may never come through."""
        self._over = True

    def _keep(self, found: Iterator[Breach]) -> list[Breach]:
        fresh = list(found)
        self.breaches += fresh[: max(0, MOST - len(self.breaches))]
        return fresh


_NAMES = {_RLRQ: "A-RELEASE-RQ", _RP: "A-RELEASE-RP", _RJ: "A-ASSOCIATE-RJ", _ABORT: "A-ABORT"}


def judge_stream(data: bytes, *, requestor: bool | None = None) -> list[Breach]:
    """One direction of one association alone: what can be said of it without the other.

    Args:
        data: its bytes, from the first.
        requestor: whether its sender requested the association; an A-ASSOCIATE-RQ or -AC in it tells by itself.
    """
    watch = Watch(requestor=requestor)
    for pdu in Cutter().feed(data):
        watch.saw(pdu)
    return watch.breaches
