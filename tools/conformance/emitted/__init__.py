"""What holds of everything a peer sends, whatever it was sent itself: the assertions EM-01 to EM-20 of the catalogue.

A case asks one thing; these rules are asked of every PDU of every case, and of captures and proxied associations. Each
is a clause about the *sender*. A peer that only gives back what was wrong in the request is not blamed for it, and
what is not known, because the other direction was not seen, is not judged: no rule may fail a peer that is right.

- `rules`: the rules with their clauses and levels.
- `shape`: what a PDU says by itself, and against the A-ASSOCIATE-RQ it answers (EM-01 to EM-10).
- `command_sets`: a command set by itself (EM-14, EM-16).
- `flow`: fragments, messages and operations in their order (EM-11 to EM-17).
- `watch`: `Watch`, which follows a conversation, with the rules of its course (EM-18 to EM-20).
- `summing`: a result for each rule, of all the conversations of a run.
"""
