"""`@value`: what `dataclass(frozen=True, slots=True)` makes of a class, made in a fifth of the time.

Nearly everything here is a value with named fields, a hundred classes of them, and the library compiles six functions
for each: 0.6 ms a class, a third of the time that `dulcet echoscu` took. Only `__init__` needs to be compiled;
equality, hash and representation are the same few lines for all. `field`, `fields` and `replace` of `dataclasses` work
on these classes as on its own; `tests/test_values.py` compares the two, feature by feature.
"""

from collections.abc import Callable
from dataclasses import _FIELD, MISSING, Field, FrozenInstanceError, field  # type: ignore[attr-defined]  # see `_field`
from operator import attrgetter
from typing import Any, ClassVar, TypeVar, dataclass_transform, get_origin

__all__ = ["field", "value"]

T = TypeVar("T")
Fields = dict[str, "Field[Any]"]


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(cls: type[T]) -> type[T]:
    """The class with slots for its fields, which are set once; its docstring, methods and class variables stay."""
    own = {name: _field(cls, name, kind) for name, kind in _annotations(cls).items() if not _is_class_variable(kind)}
    fields: Fields = {}
    for base in reversed(cls.__mro__[1:]):
        fields |= vars(base).get("__dataclass_fields__", {})
    fields |= own
    space = {name: each for name, each in vars(cls).items() if name not in ("__dict__", "__weakref__", *own)}
    space |= {"__slots__": tuple(own), "__dataclass_fields__": fields, "__qualname__": cls.__qualname__}
    space.setdefault("__match_args__", tuple(name for name, each in fields.items() if each.init))
    metaclass: Any = type(cls)
    made: Any = metaclass(cls.__name__, cls.__bases__, space)
    implied = "__eq__" in space and space["__hash__"] is None  # Python's own, of a class with an __eq__
    for function in (_init(made, fields), *_freeze(made, fields), *_compare(fields), *_state(fields)):
        if function.__name__ not in space or (implied and function.__name__ == "__hash__"):
            function.__qualname__ = f"{cls.__qualname__}.{function.__name__}"
            setattr(made, function.__name__, function)
    return made  # type: ignore[no-any-return]  # made above


def _annotations(cls: type) -> dict[str, Any]:
    return vars(cls).get("__annotations__", {})  # type: ignore[no-any-return]  # a class's own


def _is_class_variable(kind: Any) -> bool:
    return kind is ClassVar or get_origin(kind) is ClassVar or (isinstance(kind, str) and kind.startswith("ClassVar"))


def _field(cls: type, name: str, kind: Any) -> "Field[Any]":
    """A field as `dataclasses` describes it, with the mark by which its functions know one."""
    default = vars(cls).get(name, MISSING)
    found: Any = default if isinstance(default, Field) else field(default=default)
    found.name, found.type, found.kw_only, found._field_type = name, kind, False, _FIELD
    return found  # type: ignore[no-any-return]  # one of the two


def _init(cls: type, fields: Fields) -> Callable[..., None]:
    """Sets each slot by its own `__set__`, which being frozen does not concern."""
    names: dict[str, Any] = {"_MISSING": MISSING}
    parameters, lines = ["self"], []
    for name, each in fields.items():
        names[f"_set_{name}"] = getattr(cls, name).__set__
        given = name
        if each.default is not MISSING:
            names[f"_default_{name}"] = each.default
            parameters.append(f"{name}=_default_{name}")
        elif each.default_factory is not MISSING:
            names[f"_make_{name}"] = each.default_factory
            parameters.append(f"{name}=_MISSING")
            given = f"_make_{name}() if {name} is _MISSING else {name}"
        else:
            parameters.append(name)
        if not each.init:
            parameters.pop()
            given = f"_default_{name}" if each.default is not MISSING else f"_make_{name}()"
        if each.init or f"_default_{name}" in names or f"_make_{name}" in names:
            lines.append(f" _set_{name}(self,{given})")
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()")
    exec(f"def __init__({','.join(parameters)}):\n" + "\n".join(lines or [" pass"]), names)  # noqa: S102  # names of ours
    init: Callable[..., None] = names["__init__"]
    init.__annotations__ = {name: each.type for name, each in fields.items() if each.init} | {"return": None}
    return init


def _freeze(cls: Any, fields: Fields) -> tuple[Callable[..., None], ...]:
    def __setattr__(self: Any, name: str, to: object) -> None:  # noqa: N807  # what Python calls it
        if type(self) is cls or name in fields:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")
        super(cls, self).__setattr__(name, to)

    def __delattr__(self: Any, name: str) -> None:  # noqa: N807  # as above
        if type(self) is cls or name in fields:
            raise FrozenInstanceError(f"cannot delete field {name!r}")
        super(cls, self).__delattr__(name)

    return __setattr__, __delattr__


def _getter(names: list[str]) -> Callable[[Any], Any]:
    return attrgetter(*names) if names else lambda _: ()


def _compare(fields: Fields) -> tuple[Callable[..., Any], ...]:
    compared = _getter([name for name, each in fields.items() if each.compare])
    hashed = _getter([name for name, each in fields.items() if (each.compare if each.hash is None else each.hash)])
    shown = [name for name, each in fields.items() if each.repr]

    def __eq__(self: Any, other: object) -> Any:  # noqa: N807  # as above
        return compared(self) == compared(other) if type(other) is type(self) else NotImplemented

    def __hash__(self: Any) -> int:  # noqa: N807  # as above
        return hash(hashed(self))

    def __repr__(self: Any) -> str:  # noqa: N807  # as above
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    return __eq__, __hash__, __repr__


def _state(fields: Fields) -> tuple[Callable[..., Any], ...]:
    """Copying and pickling, which know no other way past being frozen."""

    def __getstate__(self: Any) -> list[Any]:  # noqa: N807  # as above
        return [getattr(self, name) for name in fields]

    def __setstate__(self: Any, state: list[Any]) -> None:  # noqa: N807  # as above
        for name, each in zip(fields, state, strict=True):
            object.__setattr__(self, name, each)

    return __getstate__, __setstate__
