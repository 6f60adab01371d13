"""Test runs inside a test: of modules that are written for it, with one of our plugins and nothing else of ours."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).parent
PLUGINS = ("cell_coverage.py", "cell_gate.py", "live_matrix.py", "selection.py", "skipped.py", "table_9_10.py")


def inner_run(
    folder: Path, plugin: str, modules: Mapping[str, str], *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Write these modules into `folder` beside the plugins, and run pytest there."""
    for name in PLUGINS:
        shutil.copy(HERE / name, folder)
    for name, text in modules.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    outer = ("PYTEST", "COV_", "DULCET_")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(outer)}
    plugins = ["no:cacheprovider", "selection", plugin, *["xdist"] * ("-n2" in arguments)]
    command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, *(f"-p{name}" for name in plugins)]
    return subprocess.run(
        [*command, "--rootdir", folder, *arguments],
        cwd=folder,
        env=clean | {"PYTHONPATH": str(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
