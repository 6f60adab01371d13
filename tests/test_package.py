"""What people get: from a clone of any name, a wheel that holds what belongs to it under one import name; metadata."""

import importlib
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import wheel_contents

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def run(*command: str | Path, cwd: Path) -> str:
    """What a command prints; when it fails, all it said."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a clone would hold were all this committed, in a folder whose name is no Python name."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("needs a git checkout, to know what belongs to the project")
    listed = run(
        *("git", "-c", "safe.directory=*", "ls-files", "-z"),
        *("--cached", "--others", "--exclude-standard"),
        cwd=ROOT,
    )
    folder = tmp_path_factory.mktemp("clones") / "a-b"
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():  # a file deleted and not yet committed is listed, too
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def wheel(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of that clone, built with the setuptools of these tests: no network."""
    out = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel")
    run(*pip, "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", out, ".", cwd=clone)
    (built,) = out.glob("*.whl")
    return built


def python_with(wheel: Path, folder: Path) -> Path:
    """A fresh environment's Python that has this wheel and nothing else."""
    venv.create(folder, symlinks=True)
    executable = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", executable, "install")
    run(*pip, "--quiet", "--no-deps", "--no-index", wheel, cwd=folder)
    return executable


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return python_with(wheel, tmp_path_factory.mktemp("environment"))


def test_the_wheel_holds_what_belongs_to_it(wheel: Path) -> None:
    assert not wheel_contents.faults(wheel)


def test_nothing_lands_bare_in_site_packages(wheel: Path) -> None:
    held = wheel_contents.holds(wheel)
    assert {name.partition("/")[0] for name in held} == {"dulcet"}
    assert {"dulcet/py.typed", "dulcet/spec/upper_layer.toml", "dulcet/dul/transport/aio.py"} <= held


def test_an_installed_wheel_is_whole(python: Path, tmp_path: Path) -> None:
    code = "import dulcet.dul.pdu; from dulcet.spec.upper_layer import load; print(len(load().cells), dulcet.__path__)"
    cells, path = run(python, "-I", "-c", code, cwd=tmp_path).split(maxsplit=1)
    assert int(cells) == 123
    assert path.strip() == repr([str(next(python.parent.parent.glob("lib/python*/site-packages")) / "dulcet")])


def test_an_installed_wheel_has_the_program(python: Path) -> None:
    assert (python.parent / "dulcet").is_file()


def test_an_editable_install_runs_what_stands_in_the_clone(clone: Path, tmp_path: Path) -> None:
    """What `bin/setup` makes of a folder called `a-b`: every layer is that of the folder."""
    folder = shutil.copytree(clone, tmp_path / "a-b")
    build = "import sys; from setuptools import build_meta; build_meta.build_editable(sys.argv[1])"
    run(sys.executable, "-c", build, tmp_path, cwd=folder)
    (built,) = tmp_path.glob("*.whl")
    names = [f"dulcet.{layer}" for layer in wheel_contents.LAYERS if layer != "dulcet"]
    code = "import sys, importlib; print(*[importlib.import_module(name).__file__ for name in sys.argv[1:]], sep='\\n')"
    files = run(python_with(built, tmp_path / "environment"), "-I", "-c", code, *names, cwd=tmp_path).splitlines()
    assert files == [str(folder / name.removeprefix("dulcet.") / "__init__.py") for name in names]


@pytest.mark.parametrize("program", [("-m", "dulcet"), ("-c", "import dulcet.tools.cli as cli; cli.main(['--help'])")])
def test_a_clone_runs_from_its_own_folder(clone: Path, program: tuple[str, str]) -> None:
    """Without being installed: `dulcet/__init__.py` finds the layers beside it."""
    code = [*program, "--help"] if program[0] == "-m" else [*program]
    isolated = [sys.executable, "-S", *code]  # no site-packages, so no dulcet but this one
    assert "usage: dulcet TOOL" in run(*isolated, cwd=clone)


# ---- the metadata ----


def test_every_package_is_listed() -> None:
    """Setuptools does not look for packages when they are mapped; a folder that is not listed is not shipped."""
    listed = PROJECT["tool"]["setuptools"]["package-dir"]
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == set(listed)
    found = {path.parent for layer in wheel_contents.LAYERS for path in (ROOT / layer).rglob("*.py")}
    assert {ROOT / folder for folder in listed.values()} == {*found, ROOT / "dulcet"}


def test_needs_no_more_than_it_says() -> None:
    names = {requirement.split(">")[0] for requirement in PROJECT["project"]["dependencies"]}
    assert names == {"pydicom", "rich", "structlog", "transitions"}
    assert PROJECT["project"]["requires-python"] == ">=3.11"
    extras = PROJECT["project"]["optional-dependencies"]
    assert extras["hypothesis"][0] in extras["test"]


def test_hypothesis_finds_the_strategies() -> None:
    (entry,) = (each for each in entry_points(group="hypothesis") if each.name == "dulcet")
    assert entry.value == "dulcet.dul.strategy_registration:register"
    assert callable(entry.load())


def test_the_changelog_knows_this_version() -> None:
    from dulcet import __version__

    assert f"\n## {__version__} " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


# ---- bin/setup ----


def stub(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


PYTHON = """
echo "python3 $*" >>"$LOG"
case "$*" in
    *version_info*) echo {version}; exit {old} ;;
    *ensurepip*) [ -e "$LOG.venv" ] ;;
    *venv*) mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
esac
"""
"""A Python of Debian's: `ensurepip` is there once `apt-get install` was called."""


def set_up(tmp_path: Path, *words: str, version: str = "3.11", old: bool = False) -> subprocess.CompletedProcess[str]:
    """Run bin/setup of an empty checkout among commands that only write down how they are called."""
    (tmp_path / "checkout" / "bin").mkdir(parents=True, exist_ok=True)
    (tmp_path / "path").mkdir(exist_ok=True)
    shutil.copy(ROOT / "bin" / "setup", tmp_path / "checkout" / "bin")
    stub(tmp_path / "path", "python3", PYTHON.format(version=version, old=int(old)))
    stub(tmp_path / "path", "apt-get", 'echo "apt-get $*" >>"$LOG"; case "$*" in *install*) touch "$LOG.venv";; esac')
    stub(tmp_path / "path", "sudo", '"$@"')
    return subprocess.run(
        ["sh", tmp_path / "checkout" / "bin" / "setup", *words],
        env={"PATH": f"{tmp_path / 'path'}:/usr/bin:/bin", "LOG": str(tmp_path / "log")},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_setup_gets_what_debian_keeps_apart(tmp_path: Path) -> None:
    assert set_up(tmp_path, "test").returncode == 0
    log = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert [line for line in log if line.startswith("apt-get")] == [
        "apt-get -qq update",
        "apt-get -qq -y --no-install-recommends install python3.11-venv",
    ]
    assert log[-2:] == [
        "python3 -m venv --clear .venv",
        "python3 -m pip install --quiet --disable-pip-version-check --editable .[test]",
    ]


def test_setup_asks_for_nothing_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "log.venv").touch()
    assert set_up(tmp_path).returncode == 0
    log = (tmp_path / "log").read_text(encoding="utf-8")
    assert "apt-get" not in log
    assert log.endswith("--editable .\n")


def test_setup_refuses_an_old_python(tmp_path: Path) -> None:
    done = set_up(tmp_path, version="3.10", old=True)
    assert done.returncode == 1
    assert "python3 is 3.10, dulcet needs Python 3.11" in done.stderr
    assert not (tmp_path / "checkout" / ".venv").exists()


@pytest.mark.parametrize("layer", ["spec", "dul", "acse", "dimse", "services", "tools"])
def test_each_layer_says_what_it_is_and_offers_what_it_promises(layer: str) -> None:
    package = importlib.import_module(f"dulcet.{layer}")
    assert len((package.__doc__ or "").splitlines()) > 3
    for name in getattr(package, "__all__", ()):
        assert importlib.import_module(f"dulcet.{layer}.{name}").__doc__


@pytest.mark.parametrize("layer", ["spec", "dul", "acse", "dimse"])
def test_a_layer_loads_nothing_of_its_own_accord(layer: str) -> None:
    code = f"import sys, dulcet.{layer}; print(*[name for name in sys.modules if name.startswith('dulcet.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [f"dulcet.{layer}"]
