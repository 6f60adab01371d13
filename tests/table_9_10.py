"""PS3.8 Table 9-10 and its actions, written down a second time: the oracle of the cell tests.

Nothing here is read from `spec/`. AE-1 to AR-10 were transcribed by hand from PS3.8 2019a, 9.2.2, AA-1 and AA-2 from
2014c, the A-ABORT's fields from 2019a, 9.3.8 (Table 9-26); AA-3 to AA-8 from the standard's words as others quote them.
The cells of Table 9-10 (9.2.3) were not to be seen in the copies at hand. They stand by state, a column at a time,
where `spec/` has them by event, a row at a time, so that a slip of the eye cannot repeat itself, and agree with
the table of pynetdicom 3.0.4; but whoever wrote them had seen the grid of `spec/`: its errors would be here too.

This module is data: it imports nothing of dulcet.
"""

from typing import Literal, NamedTuple

EDITION = "PS3.8 2019a"

STATES = tuple(f"Sta{number}" for number in range(1, 14))
EVENTS = tuple(f"Evt{number}" for number in range(1, 20))

Origin = Literal["user", "transport", "peer", "timer"]

ORIGIN: dict[str, Origin] = {
    "Evt1": "user",  # A-ASSOCIATE request primitive
    "Evt2": "transport",  # transport connect confirmation
    "Evt3": "peer",  # A-ASSOCIATE-AC PDU
    "Evt4": "peer",  # A-ASSOCIATE-RJ PDU
    "Evt5": "transport",  # transport connection indication
    "Evt6": "peer",  # A-ASSOCIATE-RQ PDU
    "Evt7": "user",  # A-ASSOCIATE response primitive (accept)
    "Evt8": "user",  # A-ASSOCIATE response primitive (reject)
    "Evt9": "user",  # P-DATA request primitive
    "Evt10": "peer",  # P-DATA-TF PDU
    "Evt11": "user",  # A-RELEASE request primitive
    "Evt12": "peer",  # A-RELEASE-RQ PDU
    "Evt13": "peer",  # A-RELEASE-RP PDU
    "Evt14": "user",  # A-RELEASE response primitive
    "Evt15": "user",  # A-ABORT request primitive
    "Evt16": "peer",  # A-ABORT PDU
    "Evt17": "transport",  # transport connection closed indication
    "Evt18": "timer",  # ARTIM timer expired
    "Evt19": "peer",  # unrecognized or invalid PDU
}
"""Where each event of Table 9-10 comes from."""

CELLS: dict[str, dict[str, str]] = {
    # Table 9-1: no association
    "Sta1": {"Evt1": "AE-1", "Evt5": "AE-5"},
    # Table 9-2: association establishment
    "Sta2": {
        "Evt3": "AA-1",
        "Evt4": "AA-1",
        "Evt6": "AE-6",
        "Evt10": "AA-1",
        "Evt12": "AA-1",
        "Evt13": "AA-1",
        "Evt16": "AA-2",
        "Evt17": "AA-5",
        "Evt18": "AA-2",
        "Evt19": "AA-1",
    },
    "Sta3": {
        "Evt3": "AA-8",
        "Evt4": "AA-8",
        "Evt6": "AA-8",
        "Evt7": "AE-7",
        "Evt8": "AE-8",
        "Evt10": "AA-8",
        "Evt12": "AA-8",
        "Evt13": "AA-8",
        "Evt15": "AA-1",
        "Evt16": "AA-3",
        "Evt17": "AA-4",
        "Evt19": "AA-8",
    },
    "Sta4": {"Evt2": "AE-2", "Evt15": "AA-2", "Evt17": "AA-4"},
    "Sta5": {
        "Evt3": "AE-3",
        "Evt4": "AE-4",
        "Evt6": "AA-8",
        "Evt10": "AA-8",
        "Evt12": "AA-8",
        "Evt13": "AA-8",
        "Evt15": "AA-1",
        "Evt16": "AA-3",
        "Evt17": "AA-4",
        "Evt19": "AA-8",
    },
    # Table 9-3: data transfer
    "Sta6": {
        "Evt3": "AA-8",
        "Evt4": "AA-8",
        "Evt6": "AA-8",
        "Evt9": "DT-1",
        "Evt10": "DT-2",
        "Evt11": "AR-1",
        "Evt12": "AR-2",
        "Evt13": "AA-8",
        "Evt15": "AA-1",
        "Evt16": "AA-3",
        "Evt17": "AA-4",
        "Evt19": "AA-8",
    },
    # Table 9-4: association release
    "Sta7": {
        "Evt3": "AA-8",
        "Evt4": "AA-8",
        "Evt6": "AA-8",
        "Evt10": "AR-6",
        "Evt12": "AR-8",
        "Evt13": "AR-3",
        "Evt15": "AA-1",
        "Evt16": "AA-3",
        "Evt17": "AA-4",
        "Evt19": "AA-8",
    },
    "Sta8": {
        "Evt3": "AA-8",
        "Evt4": "AA-8",
        "Evt6": "AA-8",
        "Evt9": "AR-7",
        "Evt10": "AA-8",
        "Evt12": "AA-8",
        "Evt13": "AA-8",
        "Evt14": "AR-4",
        "Evt15": "AA-1",
        "Evt16": "AA-3",
        "Evt17": "AA-4",
        "Evt19": "AA-8",
    },
    "Sta9": {
        "Evt3": "AA-8",
        "Evt4": "AA-8",
        "Evt6": "AA-8",
        "Evt10": "AA-8",
        "Evt12": "AA-8",
        "Evt13": "AA-8",
        "Evt14": "AR-9",
        "Evt15": "AA-1",
        "Evt16": "AA-3",
        "Evt17": "AA-4",
        "Evt19": "AA-8",
    },
    "Sta10": {
        "Evt3": "AA-8",
        "Evt4": "AA-8",
        "Evt6": "AA-8",
        "Evt10": "AA-8",
        "Evt12": "AA-8",
        "Evt13": "AR-10",
        "Evt15": "AA-1",
        "Evt16": "AA-3",
        "Evt17": "AA-4",
        "Evt19": "AA-8",
    },
    "Sta11": {
        "Evt3": "AA-8",
        "Evt4": "AA-8",
        "Evt6": "AA-8",
        "Evt10": "AA-8",
        "Evt12": "AA-8",
        "Evt13": "AR-3",
        "Evt15": "AA-1",
        "Evt16": "AA-3",
        "Evt17": "AA-4",
        "Evt19": "AA-8",
    },
    "Sta12": {
        "Evt3": "AA-8",
        "Evt4": "AA-8",
        "Evt6": "AA-8",
        "Evt10": "AA-8",
        "Evt12": "AA-8",
        "Evt13": "AA-8",
        "Evt14": "AR-4",
        "Evt15": "AA-1",
        "Evt16": "AA-3",
        "Evt17": "AA-4",
        "Evt19": "AA-8",
    },
    # Table 9-5: waiting for transport connection close
    "Sta13": {
        "Evt3": "AA-6",
        "Evt4": "AA-6",
        "Evt6": "AA-7",
        "Evt10": "AA-6",
        "Evt12": "AA-6",
        "Evt13": "AA-6",
        "Evt16": "AA-2",
        "Evt17": "AR-5",
        "Evt18": "AA-2",
        "Evt19": "AA-7",
    },
}
"""The filled cells of Table 9-10, by state; what is not here is an empty cell."""


class Outcome(NamedTuple):
    """What an observer sees of one action: Tables 9-6 to 9-9."""

    next: str
    """The state that follows."""
    sends: str = ""
    """The PDU that leaves."""
    issues: str = ""
    """The primitive the user hears: class names of `dulcet.dul.primitives`, the choice of AA-3 written with a
    bar."""
    transport: str = ""
    """What is asked of the transport service: connect, accept (the transport connection response), close."""
    artim: Literal["start", "stop", ""] = ""
    """What happens to ARTIM; empty where the action does not speak of it."""
    answer: str = ""
    """The answer that leads here, for the two actions that ask something."""


ACTIONS: dict[str, tuple[Outcome, ...]] = {
    # Table 9-6: association establishment
    "AE-1": (Outcome("Sta4", transport="connect"),),
    "AE-2": (Outcome("Sta5", sends="A-ASSOCIATE-RQ"),),
    "AE-3": (Outcome("Sta6", issues="AAssociateConfirmation"),),
    "AE-4": (Outcome("Sta1", issues="AAssociateConfirmation", transport="close"),),
    "AE-5": (Outcome("Sta2", transport="accept", artim="start"),),
    "AE-6": (
        Outcome("Sta3", issues="AAssociateIndication", artim="stop", answer="acceptable"),
        Outcome("Sta13", sends="A-ASSOCIATE-RJ", artim="start", answer="not acceptable"),
    ),
    "AE-7": (Outcome("Sta6", sends="A-ASSOCIATE-AC"),),
    "AE-8": (Outcome("Sta13", sends="A-ASSOCIATE-RJ", artim="start"),),
    # Table 9-7: data transfer
    "DT-1": (Outcome("Sta6", sends="P-DATA-TF"),),
    "DT-2": (Outcome("Sta6", issues="PDataIndication"),),
    # Table 9-8: association release
    "AR-1": (Outcome("Sta7", sends="A-RELEASE-RQ"),),
    "AR-2": (Outcome("Sta8", issues="AReleaseIndication"),),
    "AR-3": (Outcome("Sta1", issues="AReleaseConfirmation", transport="close"),),
    "AR-4": (Outcome("Sta13", sends="A-RELEASE-RP", artim="start"),),
    "AR-5": (Outcome("Sta1", artim="stop"),),
    "AR-6": (Outcome("Sta7", issues="PDataIndication"),),
    "AR-7": (Outcome("Sta8", sends="P-DATA-TF"),),
    "AR-8": (
        Outcome("Sta9", issues="AReleaseIndication", answer="association-requestor"),
        Outcome("Sta10", issues="AReleaseIndication", answer="association-acceptor"),
    ),
    "AR-9": (Outcome("Sta11", sends="A-RELEASE-RP"),),
    "AR-10": (Outcome("Sta12", issues="AReleaseConfirmation"),),
    # Table 9-9: association abort
    "AA-1": (Outcome("Sta13", sends="A-ABORT", artim="start"),),
    "AA-2": (Outcome("Sta1", transport="close", artim="stop"),),
    "AA-3": (Outcome("Sta1", issues="AAbortIndication|APAbortIndication", transport="close"),),
    "AA-4": (Outcome("Sta1", issues="APAbortIndication"),),
    "AA-5": (Outcome("Sta1", artim="stop"),),
    "AA-6": (Outcome("Sta13"),),
    "AA-7": (Outcome("Sta13", sends="A-ABORT"),),
    "AA-8": (Outcome("Sta13", sends="A-ABORT", issues="APAbortIndication", artim="start"),),
}
"""The 28 actions. AE-6 and AR-8 ask one question each and so have two outcomes."""

ABORT_SOURCE = {"AA-1": 0, "AA-7": 2, "AA-8": 2}
"""Who aborts (Table 9-26: 0 service-user, 2 service-provider), by the action that sends the A-ABORT.

Table 9-9 names the service-user in AA-1 and the service-provider in AA-8. It names nobody in AA-7, whose
cause is always a PDU that the service-provider could not take.
"""

NOT_SPECIFIED, UNRECOGNIZED_PDU, UNEXPECTED_PDU, INVALID_VALUE = 0, 1, 2, 6
"""Reasons of Table 9-26 that this layer gives; significant only where the source is the service-provider."""

ARTIM_STATES = frozenset({"Sta2", "Sta13"})
"""Where ARTIM runs: it is started on the way into these two states and stopped or expired on the way out."""

EMPTY = tuple((state, event) for state in STATES for event in EVENTS if event not in CELLS[state])
"""The cells with nothing in them: 124."""

FILLED = tuple((state, event) for state in STATES for event in EVENTS if event in CELLS[state])
"""The cells with an action in them: 123."""

OUTCOMES = tuple(
    (state, event, CELLS[state][event], outcome) for state, event in FILLED for outcome in ACTIONS[CELLS[state][event]]
)
"""Every (state, event, action, outcome): 125, for Sta2 + Evt6 and Sta7 + Evt12 have two."""

OUTCOME_IDS = tuple(
    "-".join((state, event, action, *outcome.answer.split())) for state, event, action, outcome in OUTCOMES
)
"""Names for tests: "Sta6-Evt10-DT-2", "Sta2-Evt6-AE-6-not-acceptable"."""
