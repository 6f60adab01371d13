"""`dulcet link-tools DIR`: symbolic links named after the tools, so that `echoscu` alone runs ours.

Links are made only when asked for, because DCMTK's programs have the same names: nobody's are hidden by
surprise, and those that are hidden now are named.
"""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence

from .exit_codes import ExitCode
from .options.table import LETTER_OF_TOOL

USAGE = """usage: dulcet link-tools [--force] DIR

Makes symbolic links to dulcet in DIR, one for each tool that DCMTK has too: echoscu and so on.

  --force   replace what is in the way
"""


def main(argv: Sequence[str]) -> int:
    """Make the links."""
    if any(word in ("-h", "--help") for word in argv):
        print(USAGE, end="")
        return ExitCode.SUCCESS
    words = [word for word in argv if word != "--force"]
    if len(words) != 1 or words[0].startswith("-"):
        print(USAGE, end="", file=sys.stderr)
        return ExitCode.USAGE
    directory = words[0]
    program = executable()
    if program is None:
        print("dulcet link-tools: there is no `dulcet` program to link to; install the package", file=sys.stderr)
        return ExitCode.FAILURE
    os.makedirs(directory, exist_ok=True)
    refused = [told for told in link(program, directory, force="--force" in argv) if told is not None]
    print(f"{len(LETTER_OF_TOOL) - len(refused)} of {len(LETTER_OF_TOOL)} tools are linked in {directory}")
    return ExitCode.OUTPUT_NOT_WRITABLE if refused else ExitCode.SUCCESS


def executable() -> str | None:
    """The `dulcet` program: beside this Python, or else on the path."""
    beside = os.path.join(os.path.dirname(sys.executable), "dulcet")
    return beside if os.access(beside, os.X_OK) else shutil.which("dulcet")


def link(program: str, directory: str, *, force: bool) -> Iterator[str | None]:
    """Link each tool; yields None for a link made and the tool's name where something is in the way."""
    for tool in LETTER_OF_TOOL:
        path = os.path.join(directory, tool)
        hidden = shutil.which(tool)
        if os.path.lexists(path):
            if not force and not _ours(path, program):
                print(f"dulcet link-tools: {path} exists; --force replaces it", file=sys.stderr)
                yield tool
                continue
            os.unlink(path)
        os.symlink(program, path)
        if hidden and hidden != path and shutil.which(tool) == path:
            print(f"{tool} is dulcet's now; {hidden} is hidden")
        yield None


def _ours(path: str, program: str) -> bool:
    return os.path.islink(path) and os.readlink(path) == program
