"""Every mutation against the judge: which are caught, by what, and which are not.

A mutation counts as caught when each case that must catch it fails, in strict mode. With `--runs N` the right peers are
judged as well, so often: ours as programs, where every case of the catalogue that is not slow must pass.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from dulcet.tools.conformance.case import registry
from dulcet.tools.conformance.results import Level, Outcome

from .acceptors import ACCEPTORS
from .mutated import Mutation
from .peers import judge_acceptor, judge_requestor
from .requestors import REQUESTORS

MUTATIONS: tuple[tuple[str, Mutation], ...] = (
    *(("A", each) for each in ACCEPTORS),
    *(("R", each) for each in REQUESTORS),
)
"""With the role of the peer."""


def shown() -> set[tuple[str, str]]:
    """The cases, by role and id, that a mutation shows to be able to fail."""
    return {(role, id_) for role, mutation in MUTATIONS for id_ in mutation.caught_by}


@dataclass(frozen=True)
class Swept:
    """What became of a mutation."""

    mutation: Mutation
    caught: tuple[str, ...]
    missed: dict[str, str]
    """Cases that should have failed, and what they did."""
    seconds: float

    @property
    def whole(self) -> bool:
        """Whether all that must catch it did."""
        return not self.missed and bool(self.caught)

    def __str__(self) -> str:
        word = "caught" if self.whole else "PARTLY" if self.caught else "MISSED"
        missed = "".join(f"; not {id_}: {what}" for id_, what in self.missed.items())
        return f"{word}  {self.mutation.name}: {', '.join(self.caught)}{missed}  {self.seconds:.1f} s"


async def sweep_one(role: str, mutation: Mutation) -> Swept:
    """One mutation against the cases that must catch it."""
    began = time.monotonic()
    judge = judge_acceptor if role == "A" else judge_requestor
    results = await judge(mutation, (*mutation.caught_by, *mutation.beside))
    failed = {each.id for each in results if each.outcome is Outcome.FAILED}
    did = {each.id: f"{each.outcome} {each.signature} {each.reason}".strip() for each in results}
    missed = {id_: did[id_] for id_ in mutation.caught_by if id_ not in failed}
    caught = tuple(id_ for id_ in mutation.caught_by if id_ in failed)
    return Swept(mutation, caught, missed, time.monotonic() - began)


async def sweep(chosen: Sequence[tuple[str, Mutation]], jobs: int) -> list[Swept]:
    """Mutations, some at once, each told as it is done."""
    room = asyncio.Semaphore(jobs)

    async def one(role: str, mutation: Mutation) -> Swept:
        async with room:
            swept = await sweep_one(role, mutation)
        print(swept, flush=True)
        return swept

    return list(await asyncio.gather(*(one(*each) for each in chosen)))


def main(argv: Sequence[str] | None = None) -> int:
    """The command; 0 when everything was caught, and no right peer failed."""
    parser = argparse.ArgumentParser("python -m tests.conformance.mutation_sweep", description=__doc__)
    parser.add_argument("only", nargs="*", metavar="WORD", help="mutations whose names have one of these words")
    parser.add_argument("--jobs", type=int, default=6, metavar="N", help="mutations at once (%(default)s)")
    parser.add_argument("--runs", type=int, default=0, metavar="N", help="judge the right peers so often, too")
    options = parser.parse_args(argv)
    chosen = [each for each in MUTATIONS if not options.only or any(word in each[1].name for word in options.only)]
    began = time.monotonic()
    swept = asyncio.run(sweep(chosen, options.jobs))
    bad = [each for each in swept if not each.whole]
    unshown = [
        f"{each.id}/{role}"
        for each in registry().values()
        for role in each.roles
        if each.level is not Level.I and (role, each.id) not in shown()
    ]
    print(f"no mutation fails {' '.join(unshown)}")
    print(f"{len(swept)} mutations, {len(swept) - len(bad)} caught, in {time.monotonic() - began:.0f} s")
    for each in bad:
        print(each)
    code = bool(bad)
    if options.runs:
        from .right_peers import judge_all

        code |= judge_all(options.runs)
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
