"""What a peer's process uses, where its pid is known: memory, descriptors, threads, processor time (/proc, Linux).

A server that forks is measured with its children. A `Meter` compares before with after, and keeps the most memory that
was seen in between; what has grown beyond the limits makes the peer's health GROWTH (catalogue 2.3).
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .trial import Trial

MEMORY_GROWTH = 8 << 20
"""Bytes of resident memory that a case may cost."""
SPARE_DESCRIPTORS, SPARE_THREADS = 2, 4
"""More than before that count for nothing: pools and caches fill by and by, a leak shows by the connection."""
BACK_SECONDS = 2.0
"""For descriptors and threads to be as few as before."""
PAUSE_SECONDS = 0.1
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """At one moment."""

    memory: int = 0
    """Resident, bytes."""
    descriptors: int = 0
    threads: int = 0
    processor: float = 0.0
    """Seconds, of user and system."""

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.memory + other.memory,
            self.descriptors + other.descriptors,
            self.threads + other.threads,
            self.processor + other.processor,
        )


def usage(pid: int) -> Usage:
    """Of a process and its children; what has ended meanwhile counts as nothing."""
    found = Usage()
    for each in _family(pid):
        with suppress(OSError, ValueError):
            found += _usage(Path(f"/proc/{each}"))
    return found


def _family(pid: int) -> Iterator[int]:
    waiting = [pid]
    while waiting:
        each = waiting.pop()
        yield each
        with suppress(OSError):
            for task in Path(f"/proc/{each}/task").iterdir():
                waiting += map(int, (task / "children").read_text(encoding="ascii").split())


def _usage(directory: Path) -> Usage:
    # Behind the name in brackets, which may hold anything: proc(5) counts the state as field 3.
    fields = (directory / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return Usage(
        int(fields[21]) * _PAGE,
        len(os.listdir(directory / "fd")),
        int(fields[17]),
        (int(fields[11]) + int(fields[12])) / _TICKS,
    )


class Meter:
    """The peer's process during a case; without a pid it measures nothing, which is noted.

    Args:
        trial: the case; its settings have the pid.
    """

    def __init__(self, trial: "Trial") -> None:
        self._trial = trial
        self._pid = trial.settings.pid if trial.role == "A" else None
        self.before = self._now()
        self._most = self.before.memory
        if self._pid is None:
            trial.recording.note("memory, descriptors and threads of the peer are not measured: no --pid")

    def _now(self) -> Usage:
        return Usage() if self._pid is None else usage(self._pid)

    def look(self) -> None:
        """Look at its memory now."""
        self._most = max(self._most, self._now().memory)

    async def judge(self, *, memory: int = MEMORY_GROWTH, processor: float | None = None) -> None:
        """Note what it used; what has grown beyond these bytes and seconds is the exchange's `growth`."""
        if self._pid is None:
            return
        deadline = self._trial.recording.now + BACK_SECONDS
        while self._kept(now := self._now()) and self._trial.recording.now < deadline:
            await asyncio.sleep(PAUSE_SECONDS)  # before the next look
        more, busy = max(self._most, now.memory) - self.before.memory, now.processor - self.before.processor
        self._trial.recording.note(
            f"memory {more / (1 << 20):+.1f} MiB, descriptors {now.descriptors - self.before.descriptors:+}, "
            f"threads {now.threads - self.before.threads:+}, processor {busy:.2f} s"
        )
        found = self._kept(now)
        if more > memory:
            found.append(f"its memory by {more / (1 << 20):.1f} MiB, {memory >> 20} at most")
        if processor is not None and busy > processor:
            found.append(f"its processor time by {busy:.1f} s, {processor:g} at most")
        self._trial.exchange.growth = "; ".join(found)

    def _kept(self, now: Usage) -> list[str]:
        """What it has not given back."""
        descriptors, threads = now.descriptors - self.before.descriptors, now.threads - self.before.threads
        found = []
        if descriptors > SPARE_DESCRIPTORS:
            found.append(f"its descriptors by {descriptors}")
        if threads > SPARE_THREADS:
            found.append(f"its threads by {threads}")
        return found
