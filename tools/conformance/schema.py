"""`dulcet conformance schema`: prints the JSON Schema of the JSON report and of traces."""

import argparse
from collections.abc import Sequence
from importlib.resources import files

from .exits import Exit


def main(argv: Sequence[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        "dulcet conformance schema",
        description="Print the JSON Schema of what --json and --trace write.",
        allow_abbrev=False,
    )
    parser.parse_args(argv[1:])
    print(text(), end="")
    return Exit.PASSED


def text() -> str:
    """The schema, as it is shipped."""
    return files(__package__).joinpath("reports", "schema.json").read_text(encoding="utf-8")
