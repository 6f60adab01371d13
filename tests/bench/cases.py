"""The cases: what is measured, beside whom, and what is to be reached."""

import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from . import memory
from .files import images
from .peers import (
    BARE,
    BARE_UVLOOP,
    DCMTK,
    DULCET,
    ORTHANC,
    PLAIN_DCMTK,
    PYNETDICOM,
    SCRIPT,
    SINK,
    UVLOOP,
    Program,
    Server,
    qrscp,
    storescp,
)
from .place import Place, free_port
from .rounds import Case, Goal, Measure, Opener

KIB, MIB = 1 << 10, 1 << 20
ME, UV = DULCET.name, UVLOOP.name


def seconds(place: Place) -> float:
    """How long one measurement presses a server."""
    return 0.2 if place.quick else 1.5


def served(server: Server, of: Program, mode: str, figure: str = "messages", **settings: float) -> Opener:
    """A server is pressed by `load`: what is done in a second."""

    @contextmanager
    def opener(place: Place) -> Iterator[Measure]:
        port = free_port()
        with place.serving(server(place, of, port), port, of.environment):
            given: dict[str, float] = {"seconds": seconds(place)} | settings
            place.press(mode, port, **settings | {"seconds": 0.1})  # what a server does once is not what is measured

            def once() -> float:
                counted = place.press(mode, port, **given)
                return float(counted[figure]) / float(counted["seconds"])

            yield once

    return opener


def kept(options: Sequence[object], of: Program, count: int, size: int) -> Opener:
    """A server writes objects to files: objects a second.

    They are removed when all is done: ext4 takes half a millisecond to make a file where others were removed in the
    last minutes.
    """

    @contextmanager
    def opener(place: Place) -> Iterator[Measure]:
        port = free_port()
        command = storescp("-od", "{dir}", *options)(place, of, port)
        objects = count // 10 if place.quick else count
        with place.serving(command, port, of.environment):
            place.press("store", port, messages=1, associations=1, bytes=size)

            def once() -> float:
                counted = place.press("store", port, messages=objects, associations=1, bytes=size)
                return float(counted["messages"]) / float(counted["seconds"])

            yield once

    return opener


def bare_files(count: int, size: int) -> Opener:
    """What durable files cost by themselves: write, fsync, link, one after another; files a second."""

    @contextmanager
    def opener(place: Place) -> Iterator[Measure]:
        directory = place.directory("bare")
        objects = count // 10 if place.quick else count
        numbers = itertools.count()

        def once() -> float:
            content = bytes(size)
            root = os.open(directory, os.O_RDONLY)
            begin = time.perf_counter()
            for number in itertools.islice(numbers, objects):
                file = os.open(directory, os.O_RDWR | os.O_TMPFILE, 0o640)
                os.write(file, content)
                os.fsync(file)
                os.link(f"/proc/self/fd/{file}", str(number), dst_dir_fd=root, follow_symlinks=True)
                os.fsync(root)
                os.close(file)
            taken = time.perf_counter() - begin
            os.close(root)
            return objects / taken

        yield once

    return opener


def client(of: Program, words: Callable[[Place, int], list[object]]) -> Opener:
    """A client program against the C sink: seconds of the whole process."""

    @contextmanager
    def opener(place: Place) -> Iterator[Measure]:
        port = free_port()
        with place.serving([place.sink, port], port):
            command = words(place, port)
            place.seconds(command, of.environment)  # from now on it is compiled, and its files are in memory
            yield lambda: place.seconds(command, of.environment)

    return opener


def sends(of: Program, count: int, size: int) -> Opener:
    """`storescu` and a directory of files."""

    def words(place: Place, port: int) -> list[object]:
        number = max(1, count // 10) if place.quick else count
        return [*of.words("storescu"), *of.pdu, "+sd", "127.0.0.1", port, images(place, number, size)]

    return client(of, words)


def echoes(of: Program, *options: object) -> Opener:
    """`echoscu`."""
    return client(of, lambda place, port: [*of.words("echoscu"), *options, "127.0.0.1", port])


def again(count: int) -> Callable[[Program], Opener]:
    """`echoscu --repeat`."""

    def opener(of: Program) -> Opener:
        return client(
            of,
            lambda place, port: [
                *of.words("echoscu"), *of.pdu, "--repeat", count // 10 if place.quick else count, "127.0.0.1", port,
            ],
        )  # fmt: skip

    return opener


def named(opener: Callable[[Program], Opener], *programs: Program) -> dict[str, Opener]:
    """The same for several programs, by name."""
    return {of.name: opener(of) for of in programs}


def pressed(
    mode: str, *programs: Program, options: Sequence[object] = ("--ignore",), **settings: Any
) -> dict[str, Opener]:
    """Storage SCPs that drop what they receive."""
    return named(lambda of: served(storescp(*options), of, mode, **settings), *programs)


def both(against: str, plain: float, uvloop: float, stretch: float | None = None) -> list[Goal]:
    """Goals of a server on either event loop."""
    return [Goal(ME, against, plain, stretch), Goal(UV, against, uvloop, stretch)]


def near_the_wire() -> list[Goal]:
    """What there is to stretch for beside the C sink, which does nothing with what it reads."""
    return [Goal(ME, SINK.name, None, 0.8), Goal(UV, SINK.name, None, 0.8)]


DROPPED = (DULCET, UVLOOP, DCMTK)
BARES = (BARE, BARE_UVLOOP)
FILES = 200

CASES: dict[str, Case] = {
    case.key: case
    for case in (
        Case(
            "echo", "SCP: C-ECHO, one association", "/s",
            pressed("echo", *DROPPED, PLAIN_DCMTK, PYNETDICOM, ORTHANC, *BARES, SINK),
            [*both(DCMTK.name, 0.9, 1.2, 2.0), Goal(ME, PYNETDICOM.name, 60), Goal(UV, PYNETDICOM.name, 60)],
            turns=True,
        ),
        Case(
            "associate-8", "SCP: associate + echo + release, 8 clients", "/s",
            pressed("echo", DULCET, UVLOOP, clients=8, messages=1)
            | pressed("echo", DCMTK, options=("--ignore", "--fork"), clients=8, messages=1)
            | pressed("echo", PYNETDICOM, ORTHANC, *BARES, SINK, clients=8, messages=1),
            both(DCMTK.name, 6, 6),
        ),
        Case(
            "associate-1", "SCP: associate + echo + release, 1 client", "/s",
            pressed("echo", *DROPPED, PYNETDICOM, ORTHANC, *BARES, SINK, messages=1),
            both(DCMTK.name, 0.5, 0.9, 1.2),
            turns=True,
        ),
        Case(
            "store-38k", "SCP: 38 KiB objects, dropped", "/s",
            pressed("store", *DROPPED, PLAIN_DCMTK, SINK, bytes=38 * KIB),
            both(DCMTK.name, 1.0, 1.0, 1.5),
            turns=True,
        ),
        Case(
            "store-512k", "SCP: 512 KiB objects, dropped", "/s",
            pressed("store", *DROPPED, PLAIN_DCMTK, PYNETDICOM, SINK, bytes=512 * KIB),
            [*both(DCMTK.name, 1.0, 1.3), *near_the_wire()],
            turns=True,
        ),
        Case(
            "store-32m", "SCP: 32 MiB objects, dropped", "/s",
            pressed("store", *DROPPED, SINK, bytes=32 * MIB),
            [*both(DCMTK.name, 2.0, 2.5), *near_the_wire()],
        ),
        Case(
            "files", "SCP: 512 KiB objects to files, crash-safe", "/s",
            named(lambda of: kept(("--durability", "crash-safe"), of, FILES, 512 * KIB), DULCET, UVLOOP)
            | named(lambda of: kept(("-B",), of, FILES, 512 * KIB), DCMTK),
            both(DCMTK.name, 1.5, 1.5),
            turns=True,
        ),
        Case(
            "files-durable", "SCP: 512 KiB objects to files, durable", "/s",
            named(lambda of: kept(("--durability", "durable"), of, FILES, 512 * KIB), DULCET, UVLOOP)
            | {"write + fsync + link": bare_files(FILES, 512 * KIB)},
            both("write + fsync + link", 0.5, 0.5, 0.8),
        ),
        Case(
            "send-512k", "storescu: 400 files of 512 KiB", "s",
            named(lambda of: sends(of, 400, 512 * KIB), SCRIPT, DCMTK),
            [Goal(ME, DCMTK.name, 1.2, 1.0, at_least=False)],
        ),
        Case(
            "send-32m", "storescu: 20 files of 32 MiB", "s",
            named(lambda of: sends(of, 20, 32 * MIB), SCRIPT, DCMTK),
            [Goal(ME, DCMTK.name, 0.8, 0.5, at_least=False)],
        ),
        Case(
            "send-38k", "storescu: 2 000 files of 38 KiB", "s",
            named(lambda of: sends(of, 2000, 38 * KIB), SCRIPT, DCMTK),
            [Goal(ME, DCMTK.name, 1.2, 1.0, at_least=False)],
        ),
        Case(
            "echoes", "echoscu: 20 000 C-ECHOs", "s",
            named(again(20_000), SCRIPT, DCMTK),
            [Goal(ME, DCMTK.name, 2.0, 1.2, at_least=False)],
        ),
        Case(
            "cold", "echoscu: one C-ECHO, cold", "s",
            named(echoes, SCRIPT, DCMTK, PYNETDICOM),
            [Goal(ME, PYNETDICOM.name, 0.45, 0.3, at_least=False)],
            rounds=11,
        ),
        Case(
            "find", "SCP: C-FIND responses, 4 000 matches", "/s",
            named(lambda of: served(qrscp, of, "find"), DULCET, UVLOOP, DCMTK),
            both(DCMTK.name, 1.0, 1.0, 2.0),
        ),
        Case(
            "fair", "SCP: 64 senders beside one, 512 KiB objects", "/s",
            pressed("store", DULCET, UVLOOP, bytes=512 * KIB, clients=64)
            | {f"{name}, one": one for name, one in pressed("store", DULCET, UVLOOP, bytes=512 * KIB).items()},
            [Goal(ME, f"{ME}, one", 0.8), Goal(UV, f"{UV}, one", 0.8)],
        ),
        Case(
            "slowest", "SCP: the slowest of 64 senders, of their mean", "",
            named(memory.slowest_of(64), DULCET, UVLOOP),
            [Goal(ME, "", 0.3), Goal(UV, "", 0.3)],
            rounds=3,
        ),
        Case(
            "memory-receive", "SCP: memory above idle, one object of 2 GiB", "MiB",
            named(memory.receiving, DULCET, UVLOOP),
            [Goal(ME, "", 32, 0.5, at_least=False), Goal(UV, "", 32, 0.5, at_least=False)],
            rounds=1,
        ),
        Case(
            "memory-send", "storescu: memory above that for 4 KiB, one object of 2 GiB", "MiB",
            named(memory.sending, SCRIPT),
            [Goal(ME, "", 32, 0.5, at_least=False)],
            rounds=1,
        ),
        Case(
            "memory-idle", "SCP: memory of 5 000 idle associations", "MiB",
            named(memory.idle(5000, "memory"), DULCET, UVLOOP),
            [Goal(ME, "", 50, at_least=False), Goal(UV, "", 50, at_least=False)],
            rounds=1,
        ),
        Case(
            "echo-of-5001", "SCP: C-ECHO of one more beside 5 000 associations", "ms",
            named(memory.idle(5000, "echo"), DULCET, UVLOOP),
            [Goal(ME, "", 10, at_least=False), Goal(UV, "", 10, at_least=False)],
            rounds=1,
        ),
    )
}  # fmt: skip
"""By key, in the order of the table."""
