"""`@value` makes of a class what `dataclass(frozen=True, slots=True)` makes of it."""

import copy
import dataclasses
import inspect
import pickle
import typing
from dataclasses import dataclass
from typing import ClassVar

import pytest
from dulcet.spec.values import field, value

library = dataclass(frozen=True, slots=True)


def classes(decorate):
    """The same classes by one or the other."""

    @decorate
    class Plain:
        """Two fields."""

        a: int
        """The first."""
        b: str = "b"

        constant: ClassVar = 5
        other: "ClassVar[int]" = 6

        def total(self):
            return len(self.b) + self.a

    @decorate
    class Nothing:
        pass

    @decorate
    class Options:
        shown: int
        hidden: bytes = field(default=b"", repr=False)
        uncompared: int = field(default=0, compare=False)
        unhashed: tuple = field(default=(), hash=False)
        made: list = field(default_factory=list)
        derived: int = field(init=False, default=7)
        late: int = field(init=False, repr=False)

        def __post_init__(self):
            object.__setattr__(self, "late", self.shown * 2)

    @decorate
    class Derived(Plain):
        c: float = 1.5

    @decorate
    class Own:
        a: int

        def __repr__(self):
            return "mine"

        def __eq__(self, other):
            return isinstance(other, int) and other == self.a

        def __hash__(self):
            return 5

    @decorate
    class EqualOnly:
        a: int

        def __eq__(self, other):
            return True

    return Plain, Nothing, Options, Derived, Own, EqualOnly


OURS, THEIRS = classes(value), classes(library)
both = pytest.mark.parametrize("made", [OURS, THEIRS], ids=["ours", "the library's"])


def described(cls):
    """A class by what it shows of itself."""
    return {
        "name": cls.__qualname__.rpartition(".")[2],
        "doc": cls.__doc__ if cls.__doc__ and "(" not in cls.__doc__ else None,  # the library makes one up
        "slots": cls.__slots__,
        "match": cls.__match_args__,
        "fields": [
            (each.name, each.type, each.default, each.init, each.repr, each.hash, each.compare)
            for each in dataclasses.fields(cls)
        ],
        "parameters": [
            (each.name, each.default is inspect.Parameter.empty, each.kind)
            for each in inspect.signature(cls).parameters.values()
        ],
        "hints": {name: kind for name, kind in typing.get_type_hints(cls.__init__).items() if name != "return"},
    }


@pytest.mark.parametrize(("ours", "theirs"), [*zip(OURS, THEIRS, strict=True)], ids=lambda cls: cls.__name__)
def test_a_class_shows_the_same_of_itself(ours, theirs):
    assert described(ours) == described(theirs)


@both
def test_values_are_made_compared_and_shown(made):
    plain, nothing, options, derived, own, equal_only = made
    assert plain(1) == plain(a=1, b="b") != plain(2)
    assert (plain(1) == derived(1)) is False
    assert plain(1) != 1
    assert hash(plain(1)) == hash(plain(1))
    assert len({plain(1), plain(1), plain(2)}) == 2
    assert plain(1).total() == 2
    assert plain.constant == 5
    assert plain(1).other == 6
    assert nothing() == nothing()
    assert hash(nothing()) == hash(nothing())
    assert repr(plain(1)).endswith("Plain(a=1, b='b')")
    assert repr(derived(1, c=2.0)).endswith("Derived(a=1, b='b', c=2.0)")
    assert repr(options(3, b"secret")).endswith("Options(shown=3, uncompared=0, unhashed=(), made=[], derived=7)")
    assert options(1, uncompared=1) == options(1, uncompared=2)
    assert options(1).late == 2
    assert options(1).made is not options(1).made
    assert repr(own(1)) == "mine"
    assert own(1) == 1
    assert hash(own(1)) == 5
    assert equal_only(1) == equal_only(2)
    assert hash(equal_only(1)) == hash(equal_only(1)) != hash(equal_only(2))


@both
def test_values_are_frozen_and_have_no_other_attributes(made):
    plain = made[0](1)
    for change in (lambda: setattr(plain, "a", 2), lambda: delattr(plain, "a"), lambda: setattr(plain, "z", 2)):
        with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):  # the library's own slip with "z"
            change()
    assert not hasattr(plain, "__dict__")


def test_a_class_below_that_is_none_has_attributes_of_its_own():
    """With the library's it cannot: its `super` names the class before it had slots."""

    class Below(OURS[0]):
        pass

    below = Below(1)
    below.z = 2
    del below.z
    with pytest.raises(dataclasses.FrozenInstanceError):
        below.a = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        del below.a


@both
@pytest.mark.parametrize("call", [(), (1, 2, 3), {"a": 1, "z": 2}], ids=str)
def test_wrong_arguments_are_refused(made, call):
    with pytest.raises(TypeError):
        made[0](**call) if isinstance(call, dict) else made[0](*call)


@both
def test_values_are_replaced_copied_and_matched(made):
    plain, _, options, *_ = made
    assert dataclasses.replace(plain(1), b="c") == plain(1, "c")
    assert dataclasses.is_dataclass(plain)
    assert dataclasses.asdict(plain(1)) == {"a": 1, "b": "b"}
    assert copy.deepcopy(options(1, made=[[2]])) == options(1, made=[[2]])
    match plain(1, "x"):
        case plain(a, b):
            assert (a, b) == (1, "x")


@value
class Pickled:
    """At the top of a module, where pickle finds it."""

    a: int
    b: tuple[int, ...] = ()


def test_values_are_pickled():
    assert pickle.loads(pickle.dumps(Pickled(1, (2,)))) == Pickled(1, (2,))  # noqa: S301  # made here
