"""A peer followed over Table 9-10 from the PDUs in both directions.

A peer may judge a PDU on its first six bytes, and abort before the rest has come. So when an A-ABORT is seen while a
PDU to the peer has only begun, the event of that PDU counts as having happened; it is not told again when it is whole.
A peer may also be lenient, and take a malformed PDU of a known type as a valid one: the table has nothing against it,
and what a clause has stands in the catalogue.
"""

from collections.abc import Iterable

from . import tokens
from .oracle import Follower
from .reading import Cutter, Seen, promised


class Followed:
    """What is sent to a peer and by it, and the states that follow.

    Args:
        role: of the peer.
        state: where it begins.
        to_it: cuts what is sent to it.
    """

    def __init__(self, role: str, state: str, to_it: Cutter) -> None:
        self.follower = Follower(role, state)
        self._to_it = to_it
        self._told_early = False

    def sent(self, pdus: Iterable[Seen]) -> None:
        """PDUs to the peer are whole."""
        for pdu in pdus:
            if self._told_early:
                self._told_early = False
            else:
                self.follower.sent(*pdu.events)

    def saw(self, pdu: Seen) -> None:
        """A PDU of the peer."""
        token = tokens.of_pdu(pdu)
        held = self._to_it.held if token.kind == "A" and not self._told_early else b""
        if event := promised(held):
            self._told_early = True
            self.follower.sent(event)
        self.follower.saw(token)
