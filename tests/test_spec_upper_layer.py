"""The loader of `spec/upper_layer.toml` refuses what could make Table 9-10 say something else and says where.

The shipped table is compared with the transcription in `table_9_10.py`; the refusals mutate its text, one
thing each.
"""

import re
from importlib.resources import files

import pytest
import table_9_10 as table
from dulcet.spec.errors import SpecError
from dulcet.spec.upper_layer import UpperLayerSpec, load, parse, reachable

TEXT = (files("dulcet.spec") / "upper_layer.toml").read_text("utf-8")


@pytest.fixture(scope="module")
def spec() -> UpperLayerSpec:
    return load()


# ---- what is loaded is what was transcribed ----


@pytest.mark.parametrize("state", table.STATES)
def test_column(spec: UpperLayerSpec, state: str) -> None:
    found = {event: action.name for (event, where), action in spec.cells.items() if where == state}
    assert found == table.CELLS[state]
    assert set(spec.possible(state)) == set(found)


def test_names(spec: UpperLayerSpec) -> None:
    assert tuple(spec.states) == table.STATES
    assert tuple(spec.events) == table.EVENTS
    assert list(spec.actions) == list(table.ACTIONS)
    assert {name: event.source for name, event in spec.events.items()} == table.ORIGIN
    assert {name for name, state in spec.states.items() if state.artim} == table.ARTIM_STATES


@pytest.mark.parametrize("action", table.ACTIONS)
def test_next_states(spec: UpperLayerSpec, action: str) -> None:
    assert [outcome.next for outcome in spec.actions[action].outcomes] == [
        outcome.next for outcome in table.ACTIONS[action]
    ]
    assert (spec.actions[action].question is None) == (len(table.ACTIONS[action]) == 1)


CONFIRM = {"AAssociateConfirmation": "confirm A-ASSOCIATE", "AReleaseConfirmation": "confirm A-RELEASE"}
INDICATE = {
    "AAssociateIndication": "indicate A-ASSOCIATE",
    "PDataIndication": "indicate P-DATA",
    "AReleaseIndication": "indicate A-RELEASE",
    "APAbortIndication": "indicate A-P-ABORT",
    "AAbortIndication|APAbortIndication": "indicate A-ABORT or A-P-ABORT by source",
}
QUALIFIER = re.compile(r" \(.*\)$")


@pytest.mark.parametrize("action", table.ACTIONS)
def test_steps(spec: UpperLayerSpec, action: str) -> None:
    """`does` says what Tables 9-6 to 9-9 let an observer see, no more and no less."""
    for outcome, expected in zip(spec.actions[action].outcomes, table.ACTIONS[action], strict=True):
        steps = {QUALIFIER.sub("", step) for step in outcome.does}
        seen = {f"send {expected.sends}"} if expected.sends else set()
        seen |= {(CONFIRM | INDICATE)[expected.issues]} if expected.issues else set()
        seen |= {expected.transport} if expected.transport else set()
        seen |= {f"{expected.artim} ARTIM"} if expected.artim else set()
        assert steps - {"stop ARTIM"} == (seen or {"ignore"}) - {"stop ARTIM"}
        assert ("stop ARTIM" in steps) == (expected.artim == "stop" or action == "AE-6")


def test_abort_sources(spec: UpperLayerSpec) -> None:
    """Table 9-9 names the source in AA-1 and AA-8."""
    assert "send A-ABORT (service-user source)" in spec.actions["AA-1"].yes.does
    assert "send A-ABORT (service-provider source)" in spec.actions["AA-8"].yes.does


def test_every_state_is_reachable(spec: UpperLayerSpec) -> None:
    assert reachable(spec) == set(table.STATES)


def test_loaded_once_and_immutable(spec: UpperLayerSpec) -> None:
    assert load() is spec
    with pytest.raises(TypeError):
        spec.cells["Evt1", "Sta2"] = spec.actions["AE-1"]  # type: ignore[index]  # wrong on purpose


def test_edition_is_named(spec: UpperLayerSpec) -> None:
    assert re.fullmatch(r"PS3\.8 20\d\d[a-e]", spec.edition)


# ---- refusals ----


def line_of(start: str) -> int:
    """Number of the first line that starts so."""
    return next(number for number, line in enumerate(TEXT.splitlines(), 1) if line.startswith(start))


def changed(old: str, new: str, *, count: int = 1) -> str:
    """The shipped text with the line that starts with `old` changed, or the first occurrence of `old`."""
    assert old in TEXT, old
    return TEXT.replace(old, new, count)


def cell(event: str, state: str, name: str) -> str:
    """The shipped text with another name in one cell."""
    lines = TEXT.splitlines()
    number = _row(event)
    words = lines[number].split()
    words[1 + table.STATES.index(state)] = name
    lines[number] = " ".join(words)
    return "\n".join(lines)


def _row(event: str) -> int:
    """Index of an event's line in the grid (its first line stands under [events])."""
    return max(number for number, line in enumerate(TEXT.splitlines()) if line.split()[:1] == [event])


def grid_line(event: str) -> str:
    return TEXT.splitlines()[_row(event)] + "\n"


def refused(text: str, *words: str) -> str:
    """Parse, and look for words in the refusal."""
    with pytest.raises(SpecError) as refusal:
        parse(text, "changed.toml")
    message = str(refusal.value)
    assert message.startswith("changed.toml")
    for word in words:
        assert word in message, message
    return message


def test_the_shipped_text_is_accepted() -> None:
    assert parse(TEXT).cells == load().cells


def test_spec_error_is_a_value_error() -> None:
    assert issubclass(SpecError, ValueError)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("this is = = not TOML", ["line 1"]),
        ("", ["edition"]),
        (changed('edition = "PS3.8', 'issue = "PS3.8'), ["edition is missing"]),
        (changed("\n[states]", "\n[stations]"), ["[states] is missing"]),
        (changed("Sta3 = {", "Sta33 = {"), ["Sta3 expected, Sta33 found", f"line {line_of('Sta3 = {')}"]),
        (changed('Sta4 = { phase = "association establishment", ', "Sta4 = { "), ["Sta4: phase is missing"]),
        (changed('means = "idle"', "means = 7"), ["Sta1: means is missing", f"line {line_of('Sta1 = {')}"]),
        (
            changed('Sta1 = { phase = "no association", means = "idle" }', 'Sta1 = "idle"'),
            ["Sta1 is not a table"],
        ),
        (re.sub(r"(?m)^Sta13 = .*\n", "", TEXT), ["Sta13 is missing"]),
        (
            changed("\n[events]", '\nSta14 = { phase = "beyond", means = "nothing" }\n[events]'),
            ["[states]", "Sta14", "one too many"],
        ),
        (re.sub(r"(?m)^Evt19 = .*\n", "", TEXT), ["Evt19 is missing"]),
        (re.sub(r"(?m)^Evt7 = .*\n", "", TEXT), ["Evt7 expected, Evt8 found"]),
        (
            changed('Evt2 = { source = "transport"', 'Evt2 = { source = "heaven"'),
            ["Evt2", "source", "'heaven'"],
        ),
        (changed("[actions.DT-2]", "[actions.DT-3]"), ["DT-2 expected, DT-3 found", "line"]),
        (
            changed('[actions.AE-3]\ndoes = ["confirm A-ASSOCIATE (accept)"]', "[actions.AE-3]"),
            ["AE-3: does is missing"],
        ),
        (changed('does = ["send A-RELEASE-RQ"]', "does = []"), ["AR-1: does is missing"]),
        (changed('does = ["send A-RELEASE-RQ"]', 'does = ["dance"]'), ["AR-1", "'dance'", "line"]),
        (changed('does = ["send A-RELEASE-RQ"]', "does = [1]"), ["AR-1", "step 1"]),
        (changed('does = ["connect"]\nnext = "Sta4"', 'does = ["connect"]'), ["AE-1: next is missing"]),
        (
            changed('does = ["connect"]\nnext = "Sta4"', 'does = ["connect"]\nnext = "Sta14"'),
            ["AE-1", "'Sta14'"],
        ),
        (
            re.sub(r"(?m)^no = .*next = \"Sta13\" }\n", "", TEXT),
            ["AE-6", "'no'", f"line {line_of('[actions.AE-6]')}"],
        ),
        (changed('question = "acceptable"', "question = 1"), ["AE-6: question is missing"]),
        (changed("\n[table_9_10]", "\n[table_9_11]"), ["grid is missing"]),
        (changed("grid =", "grille ="), ["grid is missing"]),
        (re.sub(r'(?s)grid = """.*"""', "grid = 1", TEXT), ["grid is missing"]),
        (re.sub(r'(?s)grid = """.*"""', 'grid = ""', TEXT), ["first row"]),
        (changed("Sta1  Sta2  Sta3", "Sta2  Sta1  Sta3"), ["first row must name the states"]),
        (TEXT.replace(grid_line("Evt19"), ""), ["18 rows, not 19"]),
        (TEXT.replace(grid_line("Evt7"), ""), ["row Evt7 expected, Evt8 found"]),
        (TEXT.replace(grid_line("Evt19"), grid_line("Evt19") * 2), ["20 rows, not 19"]),
    ],
)
def test_refused(text: str, words: list[str]) -> None:
    refused(text, *words)


def test_table_that_is_no_table() -> None:
    without = TEXT[: TEXT.index("\n[table_9_10]")]
    refused(without.replace("\n[states]", "\ntable_9_10 = 1\n[states]"), "grid is missing")


@pytest.mark.parametrize("event", table.EVENTS)
def test_ragged_row(event: str) -> None:
    """One cell too few, or one too many, names the row and the line."""
    row = grid_line(event)
    line = f"line {_row(event) + 1}"
    refused(TEXT.replace(row, row.rsplit(maxsplit=1)[0] + "\n"), f"row {event}", "12 cells", line)
    refused(TEXT.replace(row, row.rstrip() + " .\n"), f"row {event}", "14 cells", line)


@pytest.mark.parametrize(("state", "event"), [("Sta6", "Evt10"), ("Sta1", "Evt1"), ("Sta13", "Evt19")])
def test_unknown_action(state: str, event: str) -> None:
    refused(cell(event, state, "ZZ-9"), f"{event} x {state}", "no action ZZ-9", f"line {_row(event) + 1}")


@pytest.mark.parametrize(
    ("state", "event"),
    [(state, event) for state, event in table.FILLED if table.ORIGIN[event] in ("peer", "timer")],
    ids="-".join,
)
def test_a_hole_where_the_network_can_fall_in(state: str, event: str) -> None:
    """A peer or the clock must find an answer in every state where they can speak."""
    refused(cell(event, state, "."), f"line {_row(event) + 1}: ", f"{event} x {state} is empty")


@pytest.mark.parametrize(("state", "event"), [("Sta1", "Evt3"), ("Sta4", "Evt19"), ("Sta6", "Evt18")])
def test_a_cell_nobody_can_enter(state: str, event: str) -> None:
    refused(cell(event, state, "AA-8"), f"line {_row(event) + 1}: ", f"{event} x {state} is filled")


@pytest.mark.parametrize(("state", "event", "action"), [("Sta6", "Evt11", "AR-1"), ("Sta8", "Evt9", "AR-7")])
def test_action_without_a_cell(state: str, event: str, action: str) -> None:
    message = refused(cell(event, state, "."), action, "no cell")
    assert f"line {line_of(f'[actions.{action}]')}" in message


def test_state_nobody_reaches() -> None:
    """Sta12 is entered by AR-10 only."""
    text = TEXT.replace('does = ["confirm A-RELEASE"]\nnext = "Sta12"', 'does = ["confirm A-RELEASE"]\nnext = "Sta13"')
    assert text != TEXT
    refused(text, "no cell leads to Sta12", f"line {line_of('Sta12 = {')}: ")
