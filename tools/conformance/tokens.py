"""What a peer can be seen to do, as tokens, and patterns of tokens: the notation of every expectation and report.

`AC`, `RJ(1,2,2)`, `RQ`, `RP`, `RLRQ`, `A(2,1)` are PDUs with what matters in them; `RSP(0000)` is a whole DIMSE
response with its status, `REQ(0030)` a whole request with its command field, `DATA` a P-DATA-TF that completed no
message, `PDU(47)` one of an unknown type; `CLOSE` is the end of the connection, seen as FIN or RST. In a pattern `*`
stands for any value, and a name without brackets for all of its kind.
"""

import re

from ...spec.values import value
from .reading import Message, Seen

_KINDS = {0x01: "RQ", 0x02: "AC", 0x03: "RJ", 0x04: "DATA", 0x05: "RLRQ", 0x06: "RP", 0x07: "A"}
_PATTERN = re.compile(r"(?P<kind>[A-Z]+)(\((?P<values>[^)]*)\))?")
_HEXADECIMAL = ("RSP", "REQ", "PDU")
KINDS = (*_KINDS.values(), "RSP", "REQ", "PDU", "CLOSE", "HOLD")

Values = tuple[int | None, ...]


@value
class Token:
    """Something seen, or, with None for values, a pattern of it."""

    kind: str
    """One of `KINDS`; HOLD, that nothing comes and the connection stays, is a pattern only."""
    values: Values = ()
    """Numbers that tell it apart; None stands for any, an empty tuple for all of the kind."""
    how: str = ""
    """Of CLOSE: "FIN" or "RST"; not compared."""

    def matches(self, seen: "Token") -> bool:
        """Whether something seen is what this pattern means."""
        if self.kind != seen.kind or (self.values and len(self.values) != len(seen.values)):
            return False
        return all(want in (None, got) for want, got in zip(self.values, seen.values, strict=False))

    def __str__(self) -> str:
        if self.how:
            return self.how
        if not self.values:
            return self.kind
        form = "{:04X}" if self.kind in ("RSP", "REQ") else "{:02X}" if self.kind == "PDU" else "{}"
        return f"{self.kind}({','.join('*' if value is None else form.format(value) for value in self.values)})"


def pattern(text: str) -> Token:
    """A pattern from its notation; `A(*)` is any A-ABORT.

    Raises:
        ValueError: it is not notation.
    """
    found = _PATTERN.fullmatch(text.strip())
    if found is None or found["kind"] not in KINDS:
        raise ValueError(f"{text!r} is no token: {', '.join(KINDS)} are")
    if found["values"] in (None, "*"):
        return Token(found["kind"])
    base = 16 if found["kind"] in _HEXADECIMAL else 10
    return Token(found["kind"], tuple(_number(word.strip(), base) for word in found["values"].split(",")))


def _number(word: str, base: int) -> int | None:
    return None if word == "*" else int(word, base)


def of_pdu(seen: Seen) -> Token:
    """The token of a PDU other than one of a message."""
    kind = _KINDS.get(seen.type)
    if kind is None:
        return Token("PDU", (seen.type,))
    if kind == "RJ":
        return Token(kind, seen.byte)
    return Token(kind, seen.byte[1:]) if kind == "A" else Token(kind)


def of_message(message: Message) -> Token:
    """The token of a whole message."""
    if message.is_response:
        return Token("RSP", (message.status,))
    return Token("REQ", (message.number(0x0100),))


def text(tokens: tuple[Token, ...]) -> str:
    """A trace in words; an empty one is silence."""
    return ", ".join(map(str, tokens)) or "HOLD"
