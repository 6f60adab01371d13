"""`--workers N`: several processes of a server on one port, which the kernel gives connections in turn (SO_REUSEPORT).

One process uses one core: Python runs one thread at a time, and ours is the event loop's. The first process only holds
the port, starts the others and waits for them. A signal ends all of them in order; when one ends, for whatever reason,
all do, since a server with a part missing is one that nobody notices. When the first is killed, the others see the end
of a pipe and stop.
"""

import argparse
import json
import os
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from ..dul.transport.sockets import bind
from .connection import FAMILIES, cannot_listen, log_for, report_for
from .exit_codes import ExitCode, Failure, for_error, worst
from .log import Log
from .options.command_line import UsageError
from .reporting import objects

if TYPE_CHECKING:
    from ..services.server import Server
    from .receiving import Receiving

READY = b"."
"""What a process writes when it listens; when it ends, what it counted follows."""


def shared(total: int, workers: int) -> int:
    """What one process has of a limit."""
    return -(-total // workers)


def run(options: argparse.Namespace, log: Log, make: "Callable[[argparse.Namespace, Log], Receiving]") -> int:
    """Serve with as many processes as are wanted; the exit code.

    Args:
        options: of the command line.
        log: where the first process tells that it listens.
        make: makes the run of one process.

    Raises:
        Failure: the port cannot be listened on.
    """
    with ExitStack() as stack:
        for sock in _reserved(options):
            stack.enter_context(sock)
            options.port = sock.getsockname()[1]
        life, ours = os.pipe()  # `ours` is open as long as this process lives
        workers = [_started(options, make, life, ours) for _ in range(options.workers)]
        os.close(life)
        return Workers(options, log, workers).wait()


def _reserved(options: argparse.Namespace) -> list[socket.socket]:
    """Sockets that hold the port for ours: bound, but deaf, so that the kernel gives them no connection."""
    try:
        listening = bind("::" if options.ip == "6" else "", options.port, family=FAMILIES[options.ip], reuse_port=True)
    except OSError as error:
        raise cannot_listen(options.port, error) from error
    held = []
    for sock in listening:
        with sock:
            held.append(socket.socket(sock.family, socket.SOCK_STREAM))
            held[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            held[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if sock.family == socket.AF_INET6:
                only = sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
                held[-1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
            held[-1].bind(sock.getsockname())
    return held


def _started(options: argparse.Namespace, make: "Callable[..., Receiving]", life: int, ours: int) -> tuple[int, int]:
    """A new process: its number, and the pipe it tells us by."""
    heard, told = os.pipe()
    process = os.fork()
    if process:
        os.close(told)
        return process, heard
    code = ExitCode.FAILURE
    try:
        os.setpgid(0, 0)  # Ctrl-C reaches the first process only, and the others by it
        os.close(heard)
        os.close(ours)
        code = _serve(options, make, life, told)
    finally:
        os._exit(code)


def _serve(options: argparse.Namespace, make: "Callable[..., Receiving]", life: int, told: int) -> ExitCode:
    """The life of one process: it says when it listens, and at the end what it counted."""

    def ready(server: "Server") -> None:
        server.loop.add_reader(life, server.request_stop)
        os.write(told, READY)

    log = log_for(options)
    try:
        receiving = make(options, log)
        receiving.on_ready = ready
        receiving.work()
    except Exception as error:  # noqa: BLE001  # told here, since nobody else is left to
        log.error(str(error) if isinstance(error, Failure | UsageError) else f"{type(error).__name__}: {error}")
        return for_error(error)
    os.write(told, json.dumps(receiving.counts).encode())
    return ExitCode.SUCCESS


class Workers:
    """The processes at work, seen from the first."""

    def __init__(self, options: argparse.Namespace, log: Log, workers: list[tuple[int, int]]) -> None:
        self._options, self._log = options, log
        self._report = report_for(options)
        self._running = {process for process, _ in workers}
        self._pipes = [heard for _, heard in workers]
        self._stopping = False

    def wait(self) -> int:
        """Until all have ended; the worst of their exit codes."""
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            if all(os.read(heard, 1) == READY for heard in self._pipes):
                self._log.info("listening", port=self._options.port, workers=self._options.workers)
                self._report.record("listening", port=self._options.port)
            codes = [self._ended() for _ in self._pipes]
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        return self._summary(codes)

    def _stop(self, number: int, _frame: object = None) -> None:
        self._stopping = True
        for process in self._running:
            os.kill(process, number)

    def _ended(self) -> ExitCode:
        """Wait for the next to end, and have the others follow it."""
        process, status = os.wait()
        self._running.discard(process)
        if not self._stopping:  # once: a second signal ends at once, and kills whoever has finished already
            self._stop(signal.SIGTERM)
        code = os.waitstatus_to_exitcode(status)
        if code < 0:
            self._log.error("a worker was killed", signal=-code)
            return ExitCode.FAILURE
        return next(each for each in ExitCode if each == code)

    def _summary(self, codes: list[ExitCode]) -> int:
        counted = [self._counted(heard) for heard in self._pipes]
        stored, failed = (sum(each[index] for each in counted) for index in (0, 1))
        code = worst(codes)
        words = f"{objects(stored)} stored" + (f", {failed} not" if failed else "")
        self._report.summary(words, stored=stored, failed=failed, exit_code=int(code))
        return code

    def _counted(self, heard: int) -> Any:
        """What a process said at its end; nothing, where it did not come so far."""
        with os.fdopen(heard, "rb") as pipe:
            said = pipe.read().lstrip(READY)
        return json.loads(said) if said else (0, 0)
