"""How fast dulcet is, beside every peer that is installed: `python -m tests.bench`.

Each case of `cases` is measured in turns, A B A B …, with client and server as whole processes on loopback; what is
told are medians, and ratios of figures of the same round, since a busy machine is unfair to all of one round alike.
The load comes from a C program (`load.c`), the load of clients goes to one (`sink.c`), so that none of them is what is
measured; both are compiled when asked for, with `cc`.

    python -m tests.bench                        all cases
    python -m tests.bench --only echo,store-512k --quick
    python -m tests.bench --curves --micro       how cost grows; what the parts of the core cost
    python -m tests.bench --json figures.json --svg chart.svg
"""
