"""Whether plain values are what a dataclass says of its fields: a report from elsewhere may hold anything."""

import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from math import isfinite
from typing import Any


def faults(value: Any, hint: Any, where: str) -> Iterator[str]:
    """What does not fit its annotation, in words.

    Args:
        value: anything.
        hint: a type, with its arguments.
        where: what the value is called.
    """
    kind, parts = typing.get_origin(hint) or hint, typing.get_args(hint)
    if kind in (types.UnionType, typing.Union):
        if all(any(faults(value, part, where)) for part in parts):
            yield _told(value, where)
    elif kind is float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            yield _told(value, where)
    elif not _is(value, kind):
        yield _told(value, where)
    elif is_dataclass(kind):
        hints = _hints(type(value))
        for each in fields(kind):
            yield from faults(getattr(value, each.name), hints[each.name], f"{where}.{each.name}")
    elif kind in (tuple, list) and parts:
        for number, each in enumerate(value):
            yield from faults(each, parts[0], f"{where}[{number}]")
    elif issubclass(kind, Mapping) and parts:
        for key, each in value.items():
            yield from faults(each, parts[1], f"{where}[{key!r}]")


def _is(value: Any, kind: Any) -> bool:
    """Whether it is of a type; a truth value is no number."""
    return kind in (Any, object) or (isinstance(value, kind) and (kind is bool or not isinstance(value, bool)))


def _hints(kind: type) -> dict[str, Any]:
    """The annotations of a dataclass, read once."""
    if kind not in _READ:
        _READ[kind] = typing.get_type_hints(kind)
    return _READ[kind]


_READ: dict[type, dict[str, Any]] = {}


def _told(value: Any, where: str) -> str:
    words = repr(value)
    return f"{where} is {words if len(words) <= 40 else f'{words[:40]}...'}"
