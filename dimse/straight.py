"""Functions in straight lines, one for each message, made of its fields: what is said again and again is said fast.

`encoder` writes a command set without looking an element up, sorting or looping; numbers that follow each other are one
`struct`. A C-STORE-RSP takes 1.5 us; 2.7 in a loop over its elements. What does not fit is left to `command_set`, which
says what is wrong; `tests/test_layouts.py` shows that both write the same. `answerer` makes the plain response to a
request: 0.7 us; 1.1 in a loop.

The sources are made of numbers and of the attribute names of `spec/dimse.toml`, of nothing that comes from elsewhere.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from struct import Struct
from typing import Any, Final

from . import command_set

_SHARED: Final = (0x0002, 0x0003)
"""Affected and Requested SOP Class UID: few, so what they are encoded to is kept."""
_FIRST: Final = Struct("<HHLL")
_TAG: Final = Struct("<HH")
_US_HEADER: Final = Struct("<HHL")
_US: Final = Struct("<HHLH")

Field = tuple[int, str, bool]
"""Element number, attribute of the message (or the digits of a constant), whether it must have a value."""
Encoder = Callable[[Any], bytes]


def encoder(fields: Sequence[Field], constants: Mapping[int, int], allowed: Mapping[int, tuple[int, ...]]) -> Encoder:
    """What encodes messages of one class.

    It raises `ValueError`, `TypeError`, `AttributeError` or `struct.error` for what does not fit.

    Args:
        fields: the fields, by their numbers.
        constants: the elements that are the same in all of them, by number.
        allowed: the values that those elements may have which may not have any.
    """
    elements = sorted([*fields, *((number, str(value), True) for number, value in constants.items())])
    names: dict[str, Any] = {"first": _FIRST.pack, "most": command_set.MAXIMUM_LENGTH - 12, "join": b"".join}
    pieces: list[str] = []
    for are_numbers, group in groupby(elements, lambda each: each[2] and each[0] in command_set.US_NUMBERS):
        if are_numbers:
            pieces.append(_numbers(names, list(group)))
        else:
            pieces += [_other(names, *each) for each in group]
    checks = [f" if m.{name} not in {allowed[of]}: raise ValueError" for of, name, _ in fields if of in allowed]
    lines = [
        f" body = join(({', '.join(pieces)},))",
        " if len(body) > most: raise ValueError",
        " return first(0, 0, 4, len(body)) + body",
    ]
    return _made("encode(m)", [*checks, *lines], names)  # type: ignore[no-any-return]  # made of these lines


def _numbers(names: dict[str, Any], elements: list[Field]) -> str:
    """The source that writes numbers which follow each other, constants among them."""
    pack = f"pack_{elements[0][0]}"
    names[pack] = Struct("<" + "8sH" * len(elements)).pack
    names |= {f"head_{number}": _US_HEADER.pack(0, number, 2) for number, _, _ in elements}
    return f"{pack}({', '.join(f'head_{number}, {_source(name)}' for number, name, _ in elements)})"


def _other(names: dict[str, Any], number: int, name: str, mandatory: bool) -> str:
    """The source that writes another element."""
    write = f"write_{number}"
    names[write] = _writer(number)
    if mandatory:
        return f"{write}(m.{name})"
    return f"(b'' if (value := m.{name}) is None or value == () else {write}(value))"


def _source(name: str) -> str:
    return name if name.isdigit() else f"m.{name}"


def _writer(number: int) -> Callable[[Any], bytes]:
    """Writes an element that has a value."""
    if number in command_set.US_NUMBERS:
        return lambda value: _US.pack(0, number, 2, value)
    encode = command_set.ENCODERS[number]
    tag, pack = _TAG.pack(0, number), Struct("<4sL").pack

    def write(value: Any) -> bytes:
        if value is None or value == ():
            raise ValueError("it must have a value")
        raw = encode(value)
        return pack(tag, len(raw)) + raw

    return lru_cache(256)(write) if number in _SHARED else write


def answerer(kind: Any, plan: Iterable[tuple[Callable[..., None], str | None, Any]]) -> Callable[[Any, Any], Any]:
    """What makes a response of a class to a request, with a status, past `__init__`.

    Args:
        kind: the class, whose status is put in last.
        plan: how to set each other field; the attribute of the request it takes; its value where that is None.
    """
    names: dict[str, Any] = {"new": object.__new__, "kind": kind, "put_status": kind._put_status}
    lines = [" m = new(kind)"]
    for index, (put, attribute, value) in enumerate(plan):
        names[f"put_{index}"], names[f"value_{index}"] = put, value
        lines.append(f" put_{index}(m, {f'value_{index}' if attribute is None else f'request.{attribute}'})")
    return _made("answer(request, status)", [*lines, " put_status(m, status)", " return m"], names)  # type: ignore[no-any-return]  # made of these lines


def _made(signature: str, lines: list[str], names: dict[str, Any]) -> Any:
    exec("\n".join([f"def {signature}:", *lines]), names)  # noqa: S102  # names of ours
    return names[signature.partition("(")[0]]
