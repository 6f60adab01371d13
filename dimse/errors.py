"""What a peer can get wrong in a DIMSE message.

Both errors mean that the stream of messages can no longer be trusted; the exchange answers them with an
A-ABORT. A mistake of the local user is a `LocalProtocolError`, as everywhere.
"""

from ..dul.errors import ProtocolError


class CommandSetError(ProtocolError):
    """A command set that is not what PS3.7 allows."""

    def __init__(self, what: str, *, element: int | None = None, clause: str = "PS3.7 6.3.1") -> None:
        place = "" if element is None else f"(0000,{element:04X}) "
        super().__init__(f"{place}{what} ({clause})")
        self.what = what
        """What is wrong, in the words of the standard."""
        self.element = element
        """The number of the command element that is wrong, or None where it is the whole command set."""
        self.clause = clause
        """The clause that says so."""


class FragmentError(ProtocolError):
    """Message fragments in an order, of a kind or in a number that PS3.8 Annex E or our limits do not
    allow."""

    def __init__(self, what: str, *, clause: str = "PS3.8 E.1") -> None:
        super().__init__(f"{what} ({clause})")
        self.what = what
        """What is wrong, in the words of the standard."""
        self.clause = clause
        """The clause or the limit that says so."""
