"""The lean machine of `dul/machine.py` is a `transitions` machine: the stock one does the same in every cell.

Both are built from the same rows and drive a model that writes down what is called. What the lean machine
does not do, it refuses.
"""

from collections.abc import Callable
from typing import Any

import pytest
import table_9_10 as table
from dulcet.dul.machine import MACHINE, SPEC, Cell, Row, UpperLayerMachine
from transitions import Machine, MachineError


class Recorder:
    """A model: a state, and actions and questions that only write down their arguments."""

    def __init__(self, state: str, answer: bool = True) -> None:
        self.state = state
        self.answer = answer
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., bool]:
        if name.partition("_")[0] not in ("ae", "dt", "ar", "aa", "acceptable", "requestor"):
            raise AttributeError(name)

        def note(*args: Any, **kwargs: Any) -> bool:
            self.calls.append((name, args, kwargs, self.state))
            return self.answer

        return note


class Registered(Recorder):
    """A model for the stock machine, which adds triggers to it."""


def stock(state: str, answer: bool) -> tuple[Machine, Registered]:
    """The stock machine, from the same rows, with one registered model."""
    model = Registered(state, answer)
    machine = Machine(model=model, states=list(SPEC.states), initial=state, auto_transitions=False)
    for (event, source), action in SPEC.cells.items():
        step = action.name.lower().replace("-", "_")
        if action.question is None:
            machine.add_transition(event, source, action.yes.next, before=step)
        else:
            machine.add_transition(event, source, action.yes.next, conditions=action.question, before=step)
            machine.add_transition(event, source, action.no.next, unless=action.question, before=step)
    return machine, model


def drive(trigger: Callable[..., Any], model: Recorder, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Fire, and tell what happened."""
    try:
        done: object = trigger(*args)
    except MachineError:
        done = "refused"
    return done, model.state, [call for call in model.calls if "_" in call[0]]


@pytest.mark.parametrize("answer", [True, False])
@pytest.mark.parametrize("event", table.EVENTS)
@pytest.mark.parametrize("state", table.STATES)
def test_stock_and_lean_agree(state: str, event: str, answer: bool) -> None:
    argument = object()
    _, registered = stock(state, answer)
    lean = Recorder(state, answer)
    row = MACHINE.events[event]
    expected = drive(getattr(registered, event), registered, (argument,))
    assert drive(lambda *args: row.trigger(lean, *args), lean, (argument,)) == expected
    filled = table.CELLS[state].get(event)
    assert (expected[0] == "refused") == (filled is None)
    if filled is not None:
        outcome = table.ACTIONS[filled][0 if answer else -1]
        assert lean.state == outcome.next
        called = filled.lower().replace("-", "_")
        assert expected[2] == [(called, (argument,), {}, state)], "the action comes before the state changes"
        assert [call for call in lean.calls if "_" not in call[0]] == [
            (name, (argument,), {}, state) for name in [SPEC.cells[event, state].question] if name
        ], "the question is asked once"


def test_an_action_that_raises_changes_nothing() -> None:
    class Failing(Recorder):
        def ae_1(self, *args: Any) -> None:
            raise RuntimeError("no")

    model = Failing("Sta1")
    with pytest.raises(RuntimeError):
        MACHINE.events["Evt1"].trigger(model)
    assert model.state == "Sta1"


def test_keywords_reach_question_and_action() -> None:
    model = Recorder("Sta2")
    MACHINE.events["Evt6"].trigger(model, pdu=1)
    assert [(name, kwargs) for name, _, kwargs, _ in model.calls] == [
        ("acceptable", {"pdu": 1}),
        ("ae_6", {"pdu": 1}),
    ]


def test_the_rows_stay_those_of_the_library() -> None:
    """What transitions can tell about its machines, it can tell about this one."""
    assert isinstance(MACHINE, Machine)
    assert set(MACHINE.get_triggers("Sta4")) == set(table.CELLS["Sta4"])
    assert len(MACHINE.get_transitions()) == len(table.OUTCOMES)
    (cell,) = MACHINE.get_transitions("Evt10", "Sta6")
    assert isinstance(cell, Cell)
    assert (cell.source, cell.dest, cell.action, cell.question) == ("Sta6", "Sta6", "dt_2", None)
    assert all(isinstance(row, Row) for row in MACHINE.events.values())
    assert list(MACHINE.states) == list(table.STATES)
    assert MACHINE.models == []


def test_cells_can_be_taken_out() -> None:
    machine = UpperLayerMachine(SPEC)
    machine.remove_transition("Evt15", "Sta4")
    with pytest.raises(MachineError):
        machine.events["Evt15"].trigger(Recorder("Sta4"))


# ---- what it does not do, it refuses ----


@pytest.mark.parametrize(
    "option",
    [
        {"queued": True},
        {"send_event": True},
        {"auto_transitions": True},
        {"ordered_transitions": True},
        {"ignore_invalid_triggers": True},
        {"before_state_change": "note"},
        {"after_state_change": "note"},
        {"prepare_event": "note"},
        {"finalize_event": "note"},
        {"on_exception": "note"},
        {"on_final": "note"},
        {"model": object()},
    ],
    ids=lambda option: next(iter(option)),
)
def test_refuses_options(option: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        UpperLayerMachine(SPEC, **option)


def test_refuses_models() -> None:
    with pytest.raises(NotImplementedError):
        MACHINE.add_model(Recorder("Sta1"))
    assert MACHINE.models == []


@pytest.mark.parametrize(
    "option",
    [
        {},
        {"before": ["aa_1", "aa_2"]},
        {"before": len},
        {"before": "aa_1", "after": "aa_2"},
        {"before": "aa_1", "prepare": "aa_2"},
        {"before": "aa_1", "dest": None},
        {"before": "aa_1", "conditions": ["acceptable", "requestor"]},
        {"before": "aa_1", "conditions": "acceptable", "unless": "requestor"},
        {"before": "aa_1", "conditions": len},
    ],
    ids=str,
)
def test_refuses_cells(option: dict[str, Any]) -> None:
    machine = UpperLayerMachine(SPEC)
    with pytest.raises(ValueError, match="cell"):
        machine.add_transition("Evt1", "Sta4", **({"dest": "Sta1"} | option))


@pytest.mark.parametrize("method", ["on_enter_Sta2", "on_exit_Sta1", "before_Evt1", "after_Evt1"])
def test_refuses_callbacks(method: str) -> None:
    """The library makes these up on demand; a callback that is never called must not be taken."""
    machine = UpperLayerMachine(SPEC)
    with pytest.raises((AttributeError, NotImplementedError)):
        getattr(machine, method)("note")
