"""The conditions that a case is played under: delivery and context modifiers, and pairs of them (catalogue 4.1).

What holds of a case holds in whatever segments it is sent, with any transfer syntax, any maximum length of ours, few or
many presentation contexts, and with TLS beneath. `pairwise` gives few combinations in which any two values of two
factors meet: most faults need no third. A case keeps what it says itself.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

from .frames import MAXIMUM_LENGTH
from .link import Delivery
from .settings import Settings

Condition = Mapping[str, object]
"""Fields of `Settings`, and what they are."""

FACTORS: dict[str, tuple[object, ...]] = {
    "delivery": tuple(Delivery),
    "syntax": ("implicit", "explicit"),
    "maximum": (MAXIMUM_LENGTH, 0, 128),
    "contexts": (1, 128),
    "tls": (False, True),
}
"""By the field of `Settings`: its values, the ordinary one first."""
ACCEPTORS_ONLY = ("contexts", "tls")
"""A requestor proposes the presentation contexts itself, and its command says whether it speaks TLS."""


def of_run(settings: Settings, role: str) -> list[Condition]:
    """The conditions under which each case of a run is played; one that changes nothing, unless pairs are wanted."""
    return pairwise(_varied(role, tls_port=settings.tls_port)) if settings.pairwise else [{}]


def ordinary(role: str, *, tls_port: int) -> Condition:
    """What the words of a pair start from, whatever else the run was told: the ordinary value of all that is varied."""
    return {name: values[0] for name, values in _varied(role, tls_port=tls_port).items()}


def _varied(role: str, *, tls_port: int) -> Mapping[str, Sequence[object]]:
    left_out = ACCEPTORS_ONLY if role == "R" else () if tls_port else ("tls",)
    return {name: values for name, values in FACTORS.items() if name not in left_out}


def pairwise(factors: Mapping[str, Sequence[object]]) -> list[Condition]:
    """Combinations in which each two values of two factors meet, the ordinary one first: always the same ones."""
    rows = [dict(zip(factors, values, strict=True)) for values in itertools.product(*factors.values())]
    chosen, missing = [rows[0]], set().union(*map(_pairs, rows)) - _pairs(rows[0])
    while missing:
        chosen.append(max(rows, key=lambda row: len(_pairs(row) & missing)))
        missing -= _pairs(chosen[-1])
    return list(chosen)


def _pairs(row: Condition) -> set[tuple[tuple[str, object], ...]]:
    return set(itertools.combinations(row.items(), 2))


def words(condition: Condition) -> str:
    """What is not ordinary: "delivery=bytewise maximum=128"."""
    return " ".join(f"{name}={value}" for name, value in condition.items() if value != FACTORS[name][0])


def applied(settings: Settings, text: str) -> Settings:
    """Settings as `words` tell them of an exchange.

    Args:
        settings: of the run; where it was one of pairs, with what is `ordinary`.
        text: the words.

    Raises:
        ValueError: they are none of ours.
    """
    values = {f"{name}={value}": {name: value} for name, all_ in FACTORS.items() for value in all_}
    for word in text.split():
        if word not in values:
            raise ValueError(f"{word} is no condition that a case is played under")
        settings = replace(settings, **values[word])  # type: ignore[arg-type]
    return settings


def in_common(failed: Sequence[Condition], all_: Sequence[Condition]) -> str:
    """What is true of all conditions that failed and of no other, in words; else how many of them failed.

    Args:
        failed: at least one.
        all_: the conditions of the run.
    """
    shared = [
        f"{name}={value}"
        for name, value in failed[0].items()
        if [each for each in all_ if each[name] == value] == list(failed)
    ]
    if len(failed) == len(all_):
        return ""
    told = f"only with {', '.join(shared)}" if shared else "; ".join(words(each) or "as usual" for each in failed)
    return f"under {len(failed)} of {len(all_)} conditions: {told}"
