"""The deliberately wrong peer: what proves that the judge finds what it says it finds.

A small SCP and a small SCU on dulcet's own sans-IO core, each with one mutation: an action of Table 9-10 replaced, a
PDU rewritten on its way out or in, a timer that is none. A mutation names the cases that must catch it, transcribed
from the catalogue and never from a run. Without a mutation the same two peers are right, and must never fail.

- `mutated`: `Mutation`, and the core that has one.
- `peers`: the SCP, the SCU, and how they are judged.
- `bytes_of`: PDUs taken apart, changed and put together again.
- `acceptors`, `requestors`: the mutations; of acceptors, those that are `lenient` and those that are `deaf` apart.
- `sweep`: all of them against the judge; `python -m tests.conformance.mutation_sweep`.
"""
