"""What one event of Table 9-10 costs: `python tests/bench_machine.py [--events N] [--rounds N]`.

The hot cell, Sta6 + Evt10 (DT-2), with an action that does nothing, on three machines built from the same rows: ours,
the stock one of `transitions`, and a dict written by hand, which is as little as Python can do. Rounds take turns, so
that a busy machine is unfair to all of them alike.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial

from dulcet.dul.machine import MACHINE, SPEC
from transitions import Machine

Trigger = Callable[[object], object]


class Model:
    """A state, and the actions and questions of the table, which do nothing."""

    def __init__(self) -> None:
        self.state = "Sta6"


for _name in {action.method for action in SPEC.cells.values()}:
    setattr(Model, _name, lambda self, argument: None)
for _name in {action.question for action in SPEC.cells.values() if action.question}:
    setattr(Model, _name, lambda self, argument: True)


def ours() -> Trigger:
    """The machine of `dul/machine.py`."""
    return partial(MACHINE.events["Evt10"].trigger, Model())


def hand_written() -> Trigger:
    """A dict: cell to action and next state."""
    model = Model()
    table = {cell: (getattr(Model, action.method), action.yes.next) for cell, action in SPEC.cells.items()}

    def fire(event: str, argument: object) -> None:
        action, follows = table[event, model.state]
        action(model, argument)
        model.state = follows

    return partial(fire, "Evt10")


def stock() -> Trigger:
    """`transitions.Machine` as it comes."""
    model = Model()
    machine = Machine(model=model, states=list(SPEC.states), initial="Sta6", auto_transitions=False)
    for (event, state), action in SPEC.cells.items():
        machine.add_transition(event, state, action.yes.next, action.question, before=action.method)
        if action.question is not None:
            machine.add_transition(event, state, action.no.next, unless=action.question, before=action.method)
    fire: Callable[[object], bool] = model.Evt10  # type: ignore[attr-defined]  # the library adds it
    return fire


CONTENDERS = {"dulcet": ours, "a dict, by hand": hand_written, "stock transitions": stock}


def seconds(trigger: Trigger, events: int) -> float:
    """How long one event takes, over so many."""
    argument = object()
    begin = time.perf_counter()
    for _ in range(events):
        trigger(argument)
    return (time.perf_counter() - begin) / events


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--events", type=int, default=20_000, metavar="N", help="events a round")
    parser.add_argument("--rounds", type=int, default=15, metavar="N", help="rounds, of which the median is told")
    options = parser.parse_args(argv)
    triggers = {name: make() for name, make in CONTENDERS.items()}
    rounds: dict[str, list[float]] = {name: [] for name in triggers}
    for _ in range(options.rounds):
        for name, trigger in triggers.items():
            rounds[name].append(seconds(trigger, options.events))
    medians = {name: statistics.median(figures) for name, figures in rounds.items()}
    print(f"one event, Sta6 + Evt10 (DT-2): median of {options.rounds} rounds of {options.events}")
    for name, figure in medians.items():
        print(f"  {name:<18}{figure * 1e6:8.2f} µs   x {figure / medians['dulcet']:.2f}")


if __name__ == "__main__":
    main()
