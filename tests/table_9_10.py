"""PS3.8 Table 9-10 and its actions, written down a second time: the oracle of the cell tests.

Nothing here is read from `spec/`, and nothing was copied from it. The grid was transcribed from the standard (9.2.3,
edition 2016a, cell by cell, then held against 2019a and 2024b, which print the same) by a reader who had seen neither
`spec/` nor any other transcription. The actions are those of Tables 9-6 to 9-9 (9.2.2), the A-ABORT's fields those of
Table 9-26 (9.3.8).

This module is data: it imports nothing of dulcet.
"""

from typing import Literal, NamedTuple

EDITION = "PS3.8 2024b"

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

_GRID = """
      Sta1   Sta2      Sta3    Sta4   Sta5    Sta6    Sta7      Sta8    Sta9    Sta10    Sta11   Sta12   Sta13
Evt1  AE-1>4 .         .       .      .       .       .         .       .       .        .       .       .
Evt2  .      .         .       AE-2>5 .       .       .         .       .       .        .       .       .
Evt3  .      AA-1>13   AA-8>13 .      AE-3>6  AA-8>13 AA-8>13   AA-8>13 AA-8>13 AA-8>13  AA-8>13 AA-8>13 AA-6>13
Evt4  .      AA-1>13   AA-8>13 .      AE-4>1  AA-8>13 AA-8>13   AA-8>13 AA-8>13 AA-8>13  AA-8>13 AA-8>13 AA-6>13
Evt5  AE-5>2 .         .       .      .       .       .         .       .       .        .       .       .
Evt6  .      AE-6>3/13 AA-8>13 .      AA-8>13 AA-8>13 AA-8>13   AA-8>13 AA-8>13 AA-8>13  AA-8>13 AA-8>13 AA-7>13
Evt7  .      .         AE-7>6  .      .       .       .         .       .       .        .       .       .
Evt8  .      .         AE-8>13 .      .       .       .         .       .       .        .       .       .
Evt9  .      .         .       .      .       DT-1>6  .         AR-7>8  .       .        .       .       .
Evt10 .      AA-1>13   AA-8>13 .      AA-8>13 DT-2>6  AR-6>7    AA-8>13 AA-8>13 AA-8>13  AA-8>13 AA-8>13 AA-6>13
Evt11 .      .         .       .      .       AR-1>7  .         .       .       .        .       .       .
Evt12 .      AA-1>13   AA-8>13 .      AA-8>13 AR-2>8  AR-8>9/10 AA-8>13 AA-8>13 AA-8>13  AA-8>13 AA-8>13 AA-6>13
Evt13 .      AA-1>13   AA-8>13 .      AA-8>13 AA-8>13 AR-3>1    AA-8>13 AA-8>13 AR-10>12 AR-3>1  AA-8>13 AA-6>13
Evt14 .      .         .       .      .       .       .         AR-4>13 AR-9>11 .        .       AR-4>13 .
Evt15 .      .         AA-1>13 AA-2>1 AA-1>13 AA-1>13 AA-1>13   AA-1>13 AA-1>13 AA-1>13  AA-1>13 AA-1>13 .
Evt16 .      AA-2>1    AA-3>1  .      AA-3>1  AA-3>1  AA-3>1    AA-3>1  AA-3>1  AA-3>1   AA-3>1  AA-3>1  AA-2>1
Evt17 .      AA-5>1    AA-4>1  AA-4>1 AA-4>1  AA-4>1  AA-4>1    AA-4>1  AA-4>1  AA-4>1   AA-4>1  AA-4>1  AR-5>1
Evt18 .      AA-2>1    .       .      .       .       .         .       .       .        .       .       AA-2>1
Evt19 .      AA-1>13   AA-8>13 .      AA-8>13 AA-8>13 AA-8>13   AA-8>13 AA-8>13 AA-8>13  AA-8>13 AA-8>13 AA-7>13
"""
"""Table 9-10 as printed: the action and, after `>`, the number of the state that follows, or of both that may."""

_ROWS = [line.split() for line in _GRID.splitlines()[2:]]

CELLS: dict[str, dict[str, str]] = {
    state: {row[0]: row[column].partition(">")[0] for row in _ROWS if row[column] != "."}
    for column, state in enumerate(STATES, start=1)
}
"""The action of each filled cell, by state and event; what is not here is an empty cell."""

NEXT: dict[tuple[str, str], tuple[str, ...]] = {
    (state, row[0]): tuple(f"Sta{number}" for number in row[column].partition(">")[2].split("/"))
    for column, state in enumerate(STATES, start=1)
    for row in _ROWS
    if row[column] != "."
}
"""The states that Table 9-10 itself prints in each filled cell; those of `ACTIONS` are from Tables 9-6 to 9-9."""


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
