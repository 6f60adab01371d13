"""The house rules of the source tree, read off its syntax: who imports whom, and where the outside world begins.

Imports run one way, `spec <- dul <- acse <- dimse <- services <- tools`. What is sans-IO imports computation only;
sockets, clocks, threads and chance live in `dul/transport/`, in the endpoints of `services/` and in `tools/`.
"""

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = ("spec", "dul", "acse", "dimse", "services", "tools")
"""From the lowest to the highest: each may import itself and those before it."""
WORLD = {"socket", "ssl", "selectors", "select", "asyncio", "threading", "time", "random"}
"""Where a test would need luck: networks, clocks, threads, chance."""
ENDPOINTS = {
    "services/scu.py": {"time"},  # the blocking SCU: associations, and a clock for them
    "services/association.py": {"time"},  # a connection and a clock for the steps of the services
    "services/settings.py": {"ssl"},  # a TLS context among them
    "services/storage/storage.py": {"threading"},  # a lock: objects are stored by several threads of the server's pool
    "services/archive/index.py": {"threading"},  # a lock: one thread writes, for all who wait
    "services/server.py": {"asyncio"},  # the server at work
    "services/connection.py": {"asyncio", "time"},  # one connection of it
    "services/paced.py": {"asyncio"},  # who waits for room
    "services/answers.py": {"asyncio", "time"},  # answers on the way from its services
    "services/identifiers.py": {"threading"},  # a lock: pydicom's warnings are silenced for one thread at a time
    "services/scp.py": {"asyncio", "threading"},  # the server: its loop, and a thread to run it in
    "services/provider.py": {"ssl"},  # what it offers: a TLS context among it
    "services/aio.py": {"asyncio"},  # the SCU on asyncio
    "services/association_aio.py": {"asyncio"},  # a connection and an event loop for the steps of the services
    "services/serving.py": {"asyncio"},  # awaits what async services answer on a blocking association
    "services/normalized/commitment.py": {"asyncio"},  # awaits a report that is heard elsewhere
    "services/normalized/commitment_scp.py": {"asyncio"},  # looks and reports after its response
    "services/storage/side_by_side.py": {"asyncio", "threading"},  # several associations on a loop, and a thread for it
    "services/storage/stored_files.py": {"threading", "time"},  # a lock for its index; what time a directory changed
    "services/normalized/procedure_step.py": {"threading"},  # a lock: steps change one at a time
    "services/query/sub_operations.py": {"asyncio"},  # objects going out while responses do
    "services/query/sub_associations.py": {"asyncio"},  # associations of a C-MOVE, some at a time
}
"""The modules of `services/` that offer network endpoints, and what each needs of the world."""
PURE = {
    *("__future__", "abc", "bisect", "collections", "contextlib", "dataclasses", "enum", "functools", "hashlib"),
    *("heapq", "hmac", "importlib", "itertools", "math", "operator", "re", "string", "struct", "tomllib"),
    *("types", "typing", "_typeshed"),
}
"""What sans-IO code may import from outside: computation and the words to write it in."""
ALSO = {
    "spec/documents.py": {"marshal", "os", "sys", "tomllib"},  # keeps the tables parsed, as Python keeps its sources
    "dul/machine.py": {"transitions"},  # the engine of the table
    "dul/upper_layer.py": {"transitions"},  # its MachineError
    "dul/strategies.py": {"hypothesis"},  # strategies draw PDUs in tests; nothing of ours imports these modules
    "dul/strategy_registration.py": {"hypothesis"},
    "dimse/strategies.py": {"hypothesis"},
}
"""And the libraries, each where it belongs."""
FRONT_DOOR = {
    "tools/options/command_line.py": {"__version__"},  # what --version prints
}
"""What is imported from the package root itself."""


class Import(NamedTuple):
    """One imported module or name."""

    line: int
    name: str
    """Absolute and dotted: "struct", "dulcet.dul.pdu.AssociateRQ"."""

    @property
    def top(self) -> str:
        return self.name.partition(".")[0]

    @property
    def layer(self) -> str | None:
        """Our layer it comes from; "" is the package root."""
        words = self.name.split(".")
        if words[0] != "dulcet":
            return None
        return words[1] if len(words) > 1 and words[1] in LAYERS else ""


def imports(tree: ast.Module, module: str) -> Iterator[Import]:
    """Everything a module imports, at its top, in functions and for its annotations alike."""
    package = ["dulcet", *Path(module).parent.parts]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = [*base, *([node.module] if node.module else [])]
            yield from (Import(node.lineno, ".".join([*stem, alias.name])) for alias in node.names)


def modules() -> list[str]:
    """Every module of the layers, by its path from the root."""
    return sorted(str(path.relative_to(ROOT)) for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))


def parsed(module: str) -> ast.Module:
    return ast.parse((ROOT / module).read_text(encoding="utf-8"), module)


def layer_of(module: str) -> str:
    return Path(module).parts[0]


def is_transport(module: str) -> bool:
    return module.startswith("dul/transport/")


def is_sans_io(module: str) -> bool:
    """Whether a module is of the layers that know neither network nor clock."""
    return layer_of(module) in ("spec", "dul", "acse", "dimse") and not is_transport(module)


Rule = Callable[[str, ast.Module], Iterator[str]]


def runs_one_way(module: str, tree: ast.Module) -> Iterator[str]:
    """A layer imports itself and those below it, by relative imports, and never the front door."""
    below = LAYERS[: LAYERS.index(layer_of(module)) + 1]
    for each in imports(tree, module):
        if each.layer is not None and each.layer not in below:
            name = each.name.removeprefix("dulcet.")
            if each.layer or name not in FRONT_DOOR.get(module, ()):
                yield f"{each.line}: imports {each.name}"
    for node in ast.walk(tree):
        absolute = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            absolute = [node.module]
        yield from (f"{node.lineno}: {name} is not relative" for name in absolute if name.split(".")[0] == "dulcet")


def is_pure_computation(module: str, tree: ast.Module) -> Iterator[str]:
    """A sans-IO module imports computation only: no pydicom, structlog, asyncio or rich, no world, no files."""
    if is_sans_io(module):
        allowed = PURE | ALSO.get(module, set()) | {"dulcet"}
        yield from (f"{each.line}: imports {each.name}" for each in imports(tree, module) if each.top not in allowed)


def leaves_data_sets_to_the_services(module: str, tree: ast.Module) -> Iterator[str]:
    """Not even the transport knows a data set, a log or a terminal."""
    if layer_of(module) in ("dul", "acse", "dimse"):
        heavy = {"pydicom", "structlog", "rich"} | (set() if is_transport(module) else {"asyncio"})
        yield from (f"{each.line}: imports {each.name}" for each in imports(tree, module) if each.top in heavy)


def knows_no_transport(module: str, tree: ast.Module) -> Iterator[str]:
    """Sans-IO code is driven by the transport and never calls it."""
    if is_sans_io(module):
        for each in imports(tree, module):
            if each.name.startswith("dulcet.dul.transport"):
                yield f"{each.line}: imports {each.name}"


def touches_the_world_at_its_edge(module: str, tree: ast.Module) -> Iterator[str]:
    """In `services/`, only endpoints know sockets, clocks and threads."""
    if layer_of(module) == "services":
        world = WORLD - ENDPOINTS.get(module, set())
        yield from (f"{each.line}: imports {each.name}" for each in imports(tree, module) if each.top in world)


def starts_no_shell(module: str, tree: ast.Module) -> Iterator[str]:
    """What a peer sends can reach a command line; it must never reach a shell."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if any(word.arg == "shell" for word in node.keywords):
                yield f"{node.lineno}: passes shell="
            if ast.unparse(node.func) in (
                "os.system",
                "os.popen",
                "subprocess.getoutput",
                "subprocess.getstatusoutput",
            ):
                yield f"{node.lineno}: calls {ast.unparse(node.func)}"


_STRUCT = ("Struct", "pack", "pack_into", "unpack", "unpack_from", "iter_unpack", "calcsize")


def reads_no_signed_numbers(module: str, tree: ast.Module) -> Iterator[str]:
    """Every number of PS3.8 and of a command set is unsigned; a signed code would make a length negative.
    (`dul/transport` packs what the kernel wants, which is C's.)"""
    if not is_sans_io(module):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in _STRUCT and node.args:
            code = node.args[0]
            pieces = code.values if isinstance(code, ast.JoinedStr) else [code]
            text = "".join(str(piece.value) for piece in pieces if isinstance(piece, ast.Constant))
            if any(sign in text for sign in "bhilqn"):
                yield f"{node.lineno}: struct code {text!r}"


RULES: tuple[Rule, ...] = (
    runs_one_way,
    is_pure_computation,
    leaves_data_sets_to_the_services,
    knows_no_transport,
    touches_the_world_at_its_edge,
    starts_no_shell,
    reads_no_signed_numbers,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_module(rule: Rule) -> None:
    broken = [f"{module}:{fault}" for module in modules() for fault in rule(module, parsed(module))]
    assert not broken, "\n".join([rule.__doc__ or "", *broken])


BREACHES: dict[Rule, tuple[tuple[str, str], ...]] = {
    runs_one_way: (
        ("dul/x.py", "from ..acse import policy"),
        ("acse/x.py", "def f():\n    from ..dimse.status import Status"),
        ("dul/transport/x.py", "from ...acse.policy import Policy"),
        ("services/x.py", "from .. import SCU"),
        ("tools/x.py", "from .. import SCU"),
        ("tools/x.py", "import dulcet.dul.pdu"),
        ("tools/x.py", "from dulcet.dul import pdu"),
    ),
    is_pure_computation: (
        ("dul/x.py", "import socket"),
        ("spec/x.py", "import os.path"),
        ("acse/x.py", "def f():\n    from time import monotonic"),
        ("dimse/x.py", "import transitions"),
    ),
    leaves_data_sets_to_the_services: (
        ("dimse/x.py", "def f():\n    from pydicom.uid import UID"),
        ("dul/transport/x.py", "import structlog"),
        ("acse/x.py", "import asyncio"),
    ),
    knows_no_transport: (
        ("dul/x.py", "from .transport import SansIO"),
        ("dul/x.py", "from . import transport"),
        ("dimse/x.py", "from ..dul.transport.blocking import BlockingDriver"),
    ),
    touches_the_world_at_its_edge: (
        ("services/x.py", "import threading"),
        ("services/scu.py", "import asyncio"),
    ),
    starts_no_shell: (
        ("tools/x.py", "subprocess.run(line, shell=True)"),
        ("services/x.py", "os.system(line)"),
    ),
    reads_no_signed_numbers: (
        ("dul/x.py", "Struct('>Bxl')"),
        ("dimse/x.py", "struct.unpack(f'<{n}h', data)"),
    ),
}
"""For each rule, what it must find."""


@pytest.mark.parametrize(
    ("rule", "module", "code"),
    [(rule, module, code) for rule, breaches in BREACHES.items() for module, code in breaches],
)
def test_a_breach_is_found(rule: Rule, module: str, code: str) -> None:
    assert list(rule(module, ast.parse(code)))


def test_each_rule_has_a_breach() -> None:
    assert set(BREACHES) == set(RULES)


def test_no_exception_outlives_its_reason() -> None:
    """What a module is allowed beyond the rules, it uses."""
    for exceptions in (ENDPOINTS, ALSO):
        for module, allowed in exceptions.items():
            assert allowed <= {each.top for each in imports(parsed(module), module)}, module
    for module, names in FRONT_DOOR.items():
        assert names <= {each.name.removeprefix("dulcet.") for each in imports(parsed(module), module)}, module


def test_modules_are_named_after_what_they_know() -> None:
    vague = ("manager", "util", "utils", "helper", "helpers", "misc", "common")
    assert not [module for module in modules() if set(Path(module).stem.split("_")) & set(vague)]


# ---- what importing costs ----


def imported_by(statement: str) -> set[str]:
    """The modules a statement loads, in a Python of its own that has the checkout on its path."""
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); old = set(sys.modules); "
        f"{statement}; print(*set(sys.modules) - old)"
    )
    ran = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(ran.stdout.split())


def test_the_front_door_imports_next_to_nothing() -> None:
    of_python = imported_by("import importlib, pathlib, typing")
    assert imported_by("import dulcet") - of_python == {"dulcet"}


def test_sans_io_layers_load_nothing_heavy() -> None:
    loaded = imported_by("import dulcet.dimse.exchange, dulcet.dimse.messages, dulcet.acse.negotiation")
    assert "dulcet.dul.upper_layer" in loaded
    heavy = {"pydicom", "structlog", "rich", "hypothesis", "asyncio", "socket", "ssl", "dulcet.dul.transport"}
    assert not loaded & heavy
