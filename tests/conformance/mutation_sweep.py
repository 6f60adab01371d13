"""`python -m tests.conformance.mutation_sweep`: every mutation of the wrong peer against the judge."""

import sys

from .mutants.sweep import main

if __name__ == "__main__":
    sys.exit(main())
