"""Section S: the cells of Table 9-10 that a network event reaches, generated from `spec/` in both roles.

For each state a peer can be driven to and each event a tester can make happen: drive, send, and compare with what the
rows of the table allow there, races included. Evt19 has three sub-stimuli, because peers treat an unknown type with a
body, one without, and a known type that is broken quite differently. Which cells exist is the table's; which states can
be reached is `recipes.STARTS`. The states of an acceptor that starts a release itself are gated.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ....spec.upper_layer import load
from .. import commands, frames, oracle
from ..case import Case, register
from ..judging import Judgement
from ..oracle import Stimulus
from ..reactions import Reactions
from ..recipes import PREFIXES, STARTS, acceptance, is_gated, request
from ..results import Level, Reaction

if TYPE_CHECKING:
    from ..trial import Trial

PDU_EVENTS = ("Evt3", "Evt4", "Evt6", "Evt10", "Evt12", "Evt13", "Evt16", "Evt19")
INVALID = ("unknown type with a body", "unknown type without a body", "known type, broken")
"""The sub-stimuli of Evt19."""
CLOSES = ("FIN", "RST")
"""Those of Evt17."""
SMOKE = ("S-A-02-10", "S-A-02-19", "S-A-06-03", "S-A-06-06", "S-A-06-12", "S-A-06-16", "S-A-06-19", "S-A-13-06")
CLAUSE = "PS3.8 Table 9-10"
FOLLOWED = (oracle.REQUESTOR, "Sta7", "Evt10")
"""The cell that shows nothing itself (AR-6)."""
AFTER_RESET = "nothing is due, and the peer is well"


def invalid(variant: str) -> tuple[bytes, tuple[int, ...]]:
    """A PDU that is Evt19, and the exact A-ABORT reasons for it (Table 9-26)."""
    if variant == INVALID[0]:
        return frames.pdu(0x47, bytes(4)), (1,)
    if variant == INVALID[1]:
        return frames.pdu(0x47), (1,)
    return frames.release_rq(bytes(2)), (4, 6)


def p_data(trial: "Trial") -> bytes:
    """A whole message that the peer can make sense of in its state: a C-ECHO-RQ, or the response it waits for."""
    if trial.role == oracle.ACCEPTOR:
        return commands.echo()
    messages = trial.links[-1].track.messages
    last = messages[-1] if messages else None
    return commands.response(last.context_id, last.elements) if last else commands.response(1, {})


_PDUS: dict[str, Callable[["Trial"], bytes]] = {
    "Evt3": lambda trial: acceptance(trial) if trial.request else frames.associate_ac(),
    "Evt4": lambda _: frames.associate_rj(),
    "Evt6": lambda trial: request(trial),
    "Evt10": p_data,
    "Evt12": lambda _: frames.release_rq(),
    "Evt13": lambda _: frames.release_rp(),
    "Evt16": lambda _: frames.abort(),
    "Evt19": lambda trial: invalid(trial.variant)[0],
}


def allowed(role: str, state: str, event: str, variant: str) -> Reactions:
    """What Table 9-10 has for the event, behind what leads to a transient state; and behind a P-DATA-TF in Sta7 for the
    A-RELEASE-RP that was due (AR-6, AR-3)."""
    reasons = invalid(variant)[1] if event == "Evt19" else oracle.UNEXPECTED
    stimuli = [Stimulus(event, int(event in ("Evt3", "Evt10")), reasons)]
    if (role, state) in PREFIXES:
        stimuli.insert(0, Stimulus(PREFIXES[role, state]))
    if (role, state, event) == FOLLOWED:
        stimuli.append(Stimulus("Evt13"))
    return oracle.expected(role, [STARTS[role, state]], stimuli)


async def pdu_cell(trial: "Trial") -> None:
    """One cell of a PDU event."""
    (state,), (event,) = trial.case.states, trial.case.events
    await trial.drive(state)
    if trial.track.closed and state == "Sta13":
        trial.closed_early()
        return
    await trial.send(_PDUS[event](trial))
    if (trial.role, state, event) == FOLLOWED:
        await trial.send(frames.release_rp())
    await trial.expect(allowed(trial.role, state, event, trial.variant))


async def close_cell(trial: "Trial") -> None:
    """One cell of Evt17: nothing is due on the wire (AA-4, AA-5, AR-5), and the peer lets go and stays well."""
    (state,) = trial.case.states
    await trial.drive(state)
    if trial.prefix:
        await trial.send()
    if trial.variant == "RST":
        await trial.link.reset()
        return
    trial.link.finish()
    await trial.expect(_before_the_close(state))


def _before_the_close(state: str) -> str:
    """What was due to the PDU in front may still come, then the peer closes too; a word to a closed connection is not
    wrong, only useless.

    It is not due any more: the A-RELEASE response (Evt14) is the peer's own event, and where the close (Evt17) comes
    before it in Sta8 or Sta9, AA-4 leads to Sta1 and nothing is sent (Table 9-10).
    """
    first = {"Sta3": ("AC", "RJ"), "Sta8": ("RP",), "Sta9": ("RP",)}.get(state, ())
    traces = ["CLOSE", *(f"{kind}, CLOSE" for kind in first), *(f"{kind}, A(*), CLOSE" for kind in first)]
    return " | ".join([*traces, '~A(*), CLOSE [INFO] "an A-ABORT after the close"'])


def refused_cell() -> Case:
    """S-R-04-17: the connection of a requestor is refused."""

    async def script(trial: "Trial") -> None:
        await trial.peer.refused(trial)
        trial.record("HOLD", Judgement(Reaction.PASS))

    return Case(
        "S-R-04-17",
        "sta4-evt17-connect-refused",
        "Evt17 in Sta4: the connection is refused",
        "R",
        Level.M,
        (CLAUSE,),
        script,
        expected="HOLD",
        states=("Sta4",),
        events=("Evt17",),
        alone=True,
        why="AA-4: the failure is reported, and the peer does not dial on and on.",
    )


def generate() -> list[Case]:
    """The cells, role by role, state by state, event by event."""
    table = load()
    return [
        _cell(role, state, event)
        for role, state in STARTS
        for event in (*PDU_EVENTS, "Evt17")
        if (event, state) in table.cells and not (event == "Evt17" and is_gated(role, state))
    ]


def _cell(role: str, state: str, event: str) -> Case:
    table, gated = load(), is_gated(role, state)
    id_ = f"S-{role}-{int(state[3:]):02}-{int(event[3:]):02}"
    variants: Sequence[str] = {"Evt19": INVALID, "Evt17": CLOSES}.get(event, ("",))
    tags = ("smoke",) * (id_ in SMOKE) + ("gated",) * gated

    def derived(variant: str) -> str:
        if event == "Evt17":
            return _before_the_close(state) if variant == "FIN" else AFTER_RESET
        return str(allowed(role, state, event, variant))

    return Case(
        id_,
        f"{state}-{event}-{table.cells[event, state].name}".lower(),
        f"{event} ({table.events[event].means}) in {state}",
        role,
        Level.M,
        (CLAUSE,),
        close_cell if event == "Evt17" else pdu_cell,
        derived=derived,
        states=(state,),
        events=(event,),
        tags=tags,
        needs=("verification", "can_release") if gated else ("verification",),
        variants=tuple(variants),
        alone=gated,
        why=f"{table.cells[event, state].name}: {'; '.join(table.cells[event, state].yes.does)}",
    )


for _each in [*generate(), refused_cell()]:
    register(_each)
