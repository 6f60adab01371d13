"""`dulcet conformance`: the judge of DICOM peers. This is the map.

A case drives the peer to a state of PS3.8 Table 9-10, sends something, and compares what comes back with what the
table, or a clause, allows. The pieces, from the wire up:

- `frames`, `commands`: builders that can write every wrong byte; `reading`: reads whatever comes, and never raises.
- `wire`: TCP, or TLS upon it; `link`: one connection over it, read from its first byte on; `record`: all that happened
  on it, with times, but for who a peer's user is (`identities`).
- `tokens`, `reactions`: the notation `A(2,1) | RSP | ~CLOSE [DIRTY]` for what is seen and what is allowed.
- `oracle`: Table 9-10 as loaded by `spec/`, walked as sets of states: `expected` reactions, and the `Follower`, which
  `followed` tells of PDUs.
- `recipes`: how a peer is brought into a state; `trial`: the verbs of a case (`drive`, `send`, `expect`).
- `emitted/`: what holds of everything a peer sends, EM-01 to EM-20, judged in every conversation by a `Watch`.
- `operations`, `data_sets`: whole C-STORE, C-FIND and C-GET for cases that need one on the way.
- `process`: what the peer's process uses, where its pid is known.
- `case`: the case and its registry; `cases/`: the catalogue, a module a section; `selecting`: which of them.
- `judging`: reaction and closing of a trace; `results`: the one model of results, which all reports read.
- `answers`: what an A-ASSOCIATE-AC says, for cases whose verdict lies inside it.
- `acceptor` (we dial), `requestor` and `trigger` (we listen, and something makes the peer dial): the two kinds of peer;
  `operator_page` tells somebody at the peer, where nothing else can.
- `conditions`: the circumstances a case may be played under, and pairs of them (`--pairwise`).
- `runner`: order, health checks, suspects run alone; `baseline`: failures that are expected.
- `reports/`: terminal, JSON, JUnit, Markdown, page, picture, captures, traces, seeds, draft statement; `steps` is an
  exchange as they all draw it. `clauses`: what the clauses say, in short words.
- `replay` and `script` repeat what was recorded (`repro`); `comparing` and `side_by_side` read several runs.
- `overhearing`: an association between two peers, both judged and neither touched; from a file
  (`captures/`, `capture`) or from between them (`proxy`).
- `fuzzing/`, `fuzz`: random conversations with a live peer, shrunk by hypothesis; `words`: all the short ones.
- `command` and the modules it names: the command line. `pytest_plugin`: cases as tests of pytest.

To add a case: in its section's module, `stimulus(id, title, send, expected, ...)` when it is one stimulus in one state,
`asks(...)` when it is an A-ASSOCIATE-RQ whose answer is looked into, or `@case(id, title, ...)` over a coroutine that
takes a `Trial`. A new section is a module in `cases/` and its name in
`cases.SECTIONS`. A case in both roles has roles="AR"; sub-stimuli are `variants`, and the script reads `trial.variant`.
Needs are keys of `profile.NEEDS`. Ids are permanent.

To add a report: a module in `reports/` with `write(run, path)`, and a line in `reports.REPORTS`, which makes the
option. It reads a `results.RunResult` and nothing else.

To add a trigger: a class with `pull` (see `trigger.Trigger`), and its option in `running`.

To add a command: a module with `main(argv)`, and a line in `command.COMMANDS`.
"""
