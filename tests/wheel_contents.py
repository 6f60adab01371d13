"""What a wheel of dulcet holds, against what lies in the source folders: `python tests/wheel_contents.py WHEEL`.

Every file of a layer's folder belongs in the package of that name inside `dulcet`; nothing else lands in site-packages.
"""

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
LAYERS = ("spec", "dul", "acse", "dimse", "services", "tools")
SUFFIXES = (".py", ".pyi", ".toml", ".typed", ".json", ".html", ".css", ".js")
"""What may lie in a layer's folder; a new kind of file has to be named here and in package-data of pyproject.toml."""


def belongs() -> set[str]:
    """The files a wheel must hold, by the name they have inside it."""
    front_door = {f"dulcet/{path.name}" for path in (ROOT / "dulcet").iterdir() if path.is_file()}
    return front_door | {f"dulcet/{path.relative_to(ROOT)}" for layer in LAYERS for path in _files(ROOT / layer)}


def _files(folder: Path) -> Iterator[Path]:
    """Source files: what tools leave behind lies in folders of these two kinds."""
    for path in folder.rglob("*"):
        inside = path.relative_to(folder).parts
        if path.is_file() and not any(part == "__pycache__" or part.startswith(".") for part in inside[:-1]):
            yield path


def holds(wheel: Path) -> set[str]:
    """The files a wheel holds, but for its metadata."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.partition("/")[0].endswith(".dist-info")}


def faults(wheel: Path) -> list[str]:
    """What is missing and what is too much, a line each."""
    held, wanted = holds(wheel), belongs()
    lines = [f"missing: {name}" for name in sorted(wanted - held)]
    lines += [f"too much: {name}" for name in sorted(held - wanted)]
    return lines + [f"of no known kind: {name}" for name in sorted(held) if not name.endswith(SUFFIXES)]


if __name__ == "__main__":
    found = faults(Path(sys.argv[1]))
    print("\n".join(found or [f"{len(holds(Path(sys.argv[1])))} files, all inside dulcet/"]))
    sys.exit(bool(found))
