"""The DIMSE-N services (PS3.7 10), and the service classes built on them, both roles.

`normalized` has the six operations, `calls` makes them methods of an association; `commitment` asks a peer to keep
instances safe, `commitment_scp` answers, with `commitment_reporting` and `commitment_journal` (PS3.4 Annex J);
`procedure_step` tells of a step performed (PS3.4 Annex F), `procedure_step_table` what such a step must have.
"""
