"""Random conversations with a live peer, judged by the oracle, the always-on rules and the peer's health (4.10).

- `steps`: a conversation as data: what is sent, in which pieces; closing and resetting.
- `alphabet`: hypothesis strategies of steps, field by field, so that shrinking works on steps and fields.
- `playing`: one conversation with the peer, and what it broke.
- `search`: many of them, the smallest that fails, within a budget.
- `counterexample`: that one as a file, which can be played again.

A list of steps, and no `RuleBasedStateMachine`: no rule needs to know what the peer did before, since every step is
legal for a tester in every state, and a list shrinks by itself and is the file's content as it stands.
"""
