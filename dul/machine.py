"""Table 9-10 of PS3.8 as one `transitions` machine for all associations.

A row of the table is a `transitions` Event, a filled cell a Transition, and a model is any object with a `state` and
the 28 actions as methods (`Actions`). The rows come from `spec/upper_layer.toml`; nothing else knows a next state.

`transitions` is a general library and pays for it: 10.9 µs an event, most of it in callback lists, log calls and
partials that this table does not use. `Cell` and `Row` replace its two inner steps with the only thing the standard
asks for: carry out the action, then take the next state. That makes 0.36 µs (`python tests/bench_machine.py`; a bare
dict: 0.25 µs). `tests/test_machine.py` runs the stock machine beside this one over every cell and finds no difference.
What the lean classes do not do, they refuse.
"""

from collections import defaultdict
from typing import Any

from transitions import Event, Machine, MachineError, Transition

from ..spec.upper_layer import UpperLayerSpec, load


class Cell(Transition):
    """A filled cell of Table 9-10: an action, the state that follows, sometimes one answer to one question."""

    def __init__(
        self,
        source: str,
        dest: str | None,
        conditions: Any = None,
        unless: Any = None,
        before: Any = None,
        after: Any = None,
        prepare: Any = None,
    ) -> None:
        super().__init__(source, dest or "", conditions, unless, before)
        question = conditions or unless
        if not isinstance(before, str) or dest is None or after or prepare:
            raise ValueError(f"a cell has one action, by name, and a next state: {source} -> {dest}, {before!r}")
        if not isinstance(question, str | None) or (conditions and unless):
            raise ValueError(f"a cell asks one question, by name, at most: {conditions!r}, {unless!r}")
        self.action = before
        self.question = question
        self.answer = not unless


class Row(Event):
    """A row of Table 9-10: one event, and what it means in each state where it may happen."""

    transitions: defaultdict[str, list[Cell]]  # type: ignore[assignment]  # the stock class says Transition; ours holds cells only

    def trigger(self, model: Any, *args: Any, **kwargs: Any) -> bool:
        """Carry out the cell of the model's state. The question, where there is one, is asked once.

        Raises:
            MachineError: the cell is empty.
        """
        cells = self.transitions.get(model.state)
        if not cells:
            raise MachineError(f"{self.name} cannot happen in {model.state}")
        cell = cells[0]
        if cell.question is not None:
            answer = bool(getattr(model, cell.question)(*args, **kwargs))
            cell = next(each for each in cells if each.answer is answer)
        getattr(model, cell.action)(*args, **kwargs)
        model.state = cell.dest
        return True


class UpperLayerMachine(Machine):
    """Table 9-10. Holds no model: fire an event with `machine.events["Evt10"].trigger(model, argument)`."""

    transition_cls, event_cls = Cell, Row

    def __init__(self, spec: UpperLayerSpec) -> None:
        super().__init__(model=None, states=list(spec.states), initial="Sta1", auto_transitions=False)
        for (event, state), action in spec.cells.items():
            if action.question is None:
                self.add_transition(event, state, action.yes.next, before=action.method)
            else:
                self.add_transition(event, state, action.yes.next, action.question, before=action.method)
                self.add_transition(event, state, action.no.next, unless=action.question, before=action.method)

    def __getattr__(self, name: str) -> Any:
        """Refused: `transitions` would register callbacks that are never called here."""
        if name.startswith(("on_enter", "on_exit", "before_", "after_")):
            raise NotImplementedError(f"{name}: a state or event of Table 9-10 has no callbacks, see `Actions`")
        raise AttributeError(name)

    def add_model(self, model: Any, initial: Any = None) -> None:
        """Refused: a registered model is a cycle the collector must break, and costs 77 µs an association."""
        raise NotImplementedError("a model needs no registration: events[name].trigger(model, argument)")


SPEC = load()
MACHINE = UpperLayerMachine(SPEC)
