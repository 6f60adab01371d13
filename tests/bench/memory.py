"""How much memory a process takes above what it takes idle, and how fairly a server treats many.

Memory is what `/proc` says is resident, pages of mapped files included; its peak is the kernel's (VmHWM), so that
nothing escapes between two looks.
"""

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from .files import image
from .peers import Program, storescp
from .place import LOOK, PATIENCE, Place, free_port
from .rounds import Measure, Opener

MIB = 1 << 20
LARGE = (2 << 30) - 4096
"""Bytes of pixel data of the large object: nearly 2 GiB, DCMTK's readers take no more."""


def resident(pid: int, what: Literal["VmRSS", "VmHWM"]) -> float:
    """MiB that are resident now, or were at most."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) / 1024
    return 0.0  # a process that has ended


def receiving(of: Program) -> Opener:
    """The peak of a server that writes one large object to a file, above what it had after a small one: MiB."""

    @contextmanager
    def opener(place: Place) -> Iterator[Measure]:
        port = free_port()
        size = LARGE // 16 if place.quick else LARGE
        command = storescp("-od", "{dir}", "--durability", "crash-safe")(place, of, port)
        with place.serving(command, port, of.environment) as process:

            def once() -> float:
                place.press("store", port, bytes=4096, messages=1, associations=1)
                before = resident(process.pid, "VmRSS")
                Path(f"/proc/{process.pid}/clear_refs").write_text("5")  # the peak begins anew
                place.press("store", port, bytes=size, messages=1, associations=1)
                for file in place.directory(f"incoming-{port}").iterdir():
                    file.unlink()
                return resident(process.pid, "VmHWM") - before

            yield once

    return opener


def sending(of: Program) -> Opener:
    """The peak of `storescu` with one large file, above that with a small one: MiB."""

    @contextmanager
    def opener(place: Place) -> Iterator[Measure]:
        port = free_port()
        large, small = place.root / "large.dcm", place.root / "small.dcm"
        image(large, 1, LARGE // 16 if place.quick else LARGE, sparse=True)
        image(small, 1, 4096)
        with place.serving([place.sink, port], port):

            def peak(path: Path) -> float:
                command = [*of.words("storescu"), "127.0.0.1", port, path]
                highest = 0.0
                with place.process(command, of.environment) as process:
                    while process.poll() is None:
                        with contextlib.suppress(OSError):  # it ends this very moment
                            highest = max(highest, resident(process.pid, "VmHWM"))
                        time.sleep(LOOK)  # before the next look
                    if process.returncode:
                        raise RuntimeError(f"{command}: {process.returncode}")
                return highest

            yield lambda: peak(large) - peak(small)

    return opener


def idle(count: int, what: Literal["memory", "echo"]) -> Callable[[Program], Opener]:
    """A server with so many idle associations: MiB above what it had with one, or the milliseconds of an echo."""

    def opener_of(of: Program) -> Opener:
        @contextmanager
        def opener(place: Place) -> Iterator[Measure]:
            port = free_port()
            number = count // 10 if place.quick else count
            limits = ("--max-connections", number + 100, "--max-associations", number + 100)
            with place.serving(storescp("--ignore", *limits)(place, of, port), port, of.environment) as process:
                place.press("echo", port, messages=1, associations=1)
                before = resident(process.pid, "VmRSS")  # once: what was given back is mostly kept for the next time

                def once() -> float:
                    with held(place, port, number) as counted:
                        memory = resident(process.pid, "VmRSS") - before
                    return memory if what == "memory" else float(counted["echo_ms"])

                yield once

        return opener

    return opener_of


@contextmanager
def held(place: Place, port: int, number: int) -> Iterator[dict[str, float]]:
    """So many idle associations, as long as the block lasts; what `load hold` measured.

    Raises:
        RuntimeError: not all of them could be made.
    """
    words = [place.load, "hold", port, f"clients={number}"]
    with place.process(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        counted = json.loads(process.stdout.readline())
        if counted["failed"] or counted["echo_failed"]:
            raise RuntimeError(f"of {number} associations {counted['failed']} failed")
        yield counted
        process.stdin.close()
        process.wait(PATIENCE)


def slowest_of(count: int) -> Callable[[Program], Opener]:
    """What the slowest of many senders gets, as a share of their mean."""

    def opener_of(of: Program) -> Opener:
        @contextmanager
        def opener(place: Place) -> Iterator[Measure]:
            port = free_port()
            with place.serving(storescp("--ignore")(place, of, port), port, of.environment):

                def once() -> float:
                    seconds = 0.5 if place.quick else 3.0
                    each = place.press("store", port, clients=count, seconds=seconds)["each"]
                    return float(min(each) * len(each) / sum(each))

                yield once

        return opener

    return opener_of
