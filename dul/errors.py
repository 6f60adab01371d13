"""What can go wrong with the protocol, told apart by whose fault it is.

A peer's fault (`DecodeError`) has an answer ready to send, the A-ABORT reason of PS3.8 Table 9-26, and never
leaves `dul`: the upper layer turns it into Evt19. Our own user's fault (`LocalProtocolError`) is raised
before anything changes.
"""

UNRECOGNIZED_PDU = 1
"""A-ABORT reason: the PDU type is none of the seven."""
UNEXPECTED_PDU = 2
"""A-ABORT reason: a PDU the state has no room for."""
UNEXPECTED_PARAMETER = 5
"""A-ABORT reason: an item once too often, or out of its order. (4, unrecognized PDU parameter, is never given:
unknown items are skipped, PS3.8 9.3.1.)"""
INVALID_PARAMETER_VALUE = 6
"""A-ABORT reason: invalid PDU parameter value."""


class ProtocolError(Exception):
    """Anything dulcet raises about the protocol."""


class LocalProtocolError(ProtocolError):
    """A mistake of the local user; nothing was sent and nothing has changed."""


class DecodeError(ProtocolError):
    """Bytes of a peer that are not what PS3.8 allows."""

    def __init__(self, what: str, *, reason: int = INVALID_PARAMETER_VALUE, clause: str = "") -> None:
        super().__init__(f"{what} ({clause})" if clause else what)
        self.what = what
        """What is wrong, in the words of the standard."""
        self.reason = reason
        """The reason an A-ABORT would give (PS3.8 Table 9-26)."""
        self.clause = clause
        """The clause or table that says so, or nothing."""
