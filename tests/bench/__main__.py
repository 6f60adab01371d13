"""Measure and tell: `python -m tests.bench --help`."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from . import chart, curves, instructions, micro, report
from .cases import CASES
from .place import Place
from .rounds import measure


def options(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="How fast dulcet is, beside its peers.")
    parser.add_argument("--only", metavar="KEY,…", help=f"these cases: {', '.join(CASES)}; none: - ")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of each case")
    parser.add_argument("--quick", action="store_true", help="rough figures: short measurements")
    parser.add_argument(
        "--apart", action="store_true", help="on whatever processors, also where server and client take turns"
    )
    parser.add_argument("--curves", action="store_true", help="how cost grows with sizes and numbers")
    parser.add_argument("--micro", action="store_true", help="what the parts of the core cost")
    parser.add_argument("--instructions", action="store_true", help="what the interpreter executes in a server")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write a bar chart")
    parser.add_argument("-v", "--verbose", action="store_true", help="tell each figure as it is measured")
    found = parser.parse_args(argv)
    if found.only is None and (found.curves or found.micro or found.instructions):
        found.only = "-"
    found.keys = list(CASES) if found.only is None else [key for key in found.only.split(",") if key != "-"]
    unknown = [key for key in found.keys if key not in CASES]
    if unknown:
        parser.error(f"no such case: {', '.join(unknown)}; there are {', '.join(CASES)}")
    return found


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure what is asked for."""
    asked = options(argv)
    say = _say if asked.verbose else lambda _: None
    written: dict[str, object] = {}
    begin = time.monotonic()
    with Place(quick=asked.quick) as place:
        outcomes = [measure(CASES[key], place, asked.rounds, say, apart=asked.apart) for key in asked.keys]
        if outcomes:
            print(report.table(outcomes))
            written |= report.record(outcomes)
        if asked.curves:
            found = [curves.measure(curve, place, say) for curve in curves.CURVES]
            print("\n\n".join(curve.text() for curve in found))
            written["curves"] = [curve.record() for curve in found]
        if asked.micro:
            written["micro"] = micro.measure(rounds=3 if asked.quick else 15)
            print(micro.text(written["micro"]))
        if asked.instructions:
            counted = instructions.measure()
            print(instructions.text(counted))
            written["instructions"] = {name: counts.total() for name, counts in counted.items()}
        if asked.json:
            asked.json.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n")
        if asked.svg:
            asked.svg.write_text(chart.svg(outcomes))
    say(f"{time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
