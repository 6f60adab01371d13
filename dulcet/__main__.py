"""`python -m dulcet TOOL ...`: the same as the `dulcet` program."""

import sys

from .tools.cli import main

sys.exit(main())
