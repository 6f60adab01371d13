"""Fragments, messages and operations in their order: EM-11 to EM-17 (PS3.8 D.1, Annex E; PS3.7 6.3, 9.1, D.3.3.3).

`Flow` is told of every P-DATA-TF of both directions. Operations of the peer end with any response to them; a response
that fits none may have been taken for any, so then nothing is known to be outstanding any more.
"""

from collections.abc import Iterator

from ..commands import COMMAND_FIELD, MESSAGE_ID
from ..frames import COMMAND, LAST
from ..reading import Assembler, Fragment, Message, Seen
from . import command_sets
from .rules import Breach

_CANCEL = 0x0FFF
_PENDING = (0xFF00, 0xFF01)
_MAY_PEND = (0x0010, 0x0020, 0x0021)
"""Command fields of C-GET, C-FIND, C-MOVE: requests whose responses may be pending."""


class Flow:
    """The data of one association, as the peer's duties go."""

    def __init__(self) -> None:
        self.longest: int | None = None
        """What we declared (51H): bytes of PDU-length, 0 unlimited; None where it is not known."""
        self.window: int | None = None
        """Operations the peer may have outstanding, 0 unlimited; None where it is not known."""
        self.outstanding: dict[int, int] = {}
        """Its requests without a final response: Message ID to Command Field."""
        self._theirs, self._ours = Assembler(), Assembler()
        self._open: int | None = None  # the context of the peer's unfinished message
        self._ids_unknown = False
        self._wrong_uids: set[bytes] = set()  # of ours, which a response has to give back

    # ---- what we sent ----

    def sent(self, pdu: Seen) -> None:
        """A P-DATA-TF to the peer."""
        for fragment in pdu.fragments:
            message = self._ours.feed(fragment)
            if message is not None:
                self._answered(message)

    def _answered(self, message: Message) -> None:
        if command_sets.breaches(bytes(message.command)):
            self._ids_unknown = True
            self._wrong_uids |= command_sets.wrong_uids(bytes(message.command))
        if not message.is_response:
            return
        id_, status = message.responded_to, message.status
        if id_ not in self.outstanding:
            self.outstanding.clear()
        elif not (status in _PENDING and self.outstanding[id_] in _MAY_PEND):
            del self.outstanding[id_]

    # ---- what came ----

    def saw(self, pdu: Seen) -> Iterator[Breach]:
        """A P-DATA-TF of the peer."""
        length = len(pdu.body)
        if self.longest and length > self.longest:
            yield Breach("EM-11", f"a P-DATA-TF of length {length}, where {self.longest} was declared")
        messages = 0
        for fragment in pdu.fragments:
            yield from _fragment(fragment)
            yield from self._order(fragment)
            message = self._theirs.feed(fragment)
            if fragment.control & COMMAND and fragment.control & LAST:
                yield from self._command(message or self._unfinished(fragment.context_id))
            if message is not None:
                messages, self._open = messages + 1, None
                if not message.command:
                    yield Breach("EM-13", "a data set without a command set before it")
        if messages > 1 or (messages and self._open is not None):
            yield Breach("EM-13", "the PDVs of one P-DATA-TF belong to several messages")

    def _unfinished(self, context_id: int) -> Message:
        return next(each for each in self._theirs.unfinished if each.context_id == context_id)

    def _order(self, fragment: Fragment) -> Iterator[Breach]:
        if self._open not in (None, fragment.context_id):
            what = f"a fragment on context {fragment.context_id} inside a message on context {self._open}"
            yield Breach("EM-13", what)
        elif fragment.control & COMMAND and any(each.command_complete for each in self._theirs.unfinished):
            yield Breach("EM-13", "a command fragment where the data set of the message before is not complete")
        self._open = fragment.context_id

    def _command(self, message: Message) -> Iterator[Breach]:
        """A command set is whole, whatever becomes of its data set."""
        command = bytes(message.command)
        yield from command_sets.breaches(command, ids_unknown=self._ids_unknown, given=self._wrong_uids)
        field, id_ = message.number(COMMAND_FIELD), message.number(MESSAGE_ID)
        if field is None or id_ is None or message.is_response or field == _CANCEL:
            return
        if id_ in self.outstanding:
            yield Breach("EM-15", f"Message ID {id_} of a request is that of one outstanding")
        self.outstanding[id_] = field
        if self.window and len(self.outstanding) > self.window:
            yield Breach("EM-17", f"{len(self.outstanding)} operations outstanding, where the window is {self.window}")


def _fragment(fragment: Fragment) -> Iterator[Breach]:
    size = len(fragment.data)
    if size == 0:
        yield Breach("EM-12", "a PDV with nothing behind its control header")
    if size % 2:
        yield Breach("EM-12", f"a fragment of {size} bytes")
    if fragment.control & 0xFC:
        yield Breach("EM-12", f"message control header {fragment.control:02X}H")
