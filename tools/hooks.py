"""`-xcr COMMAND`: run a program for each object received, without a shell.

The command is split into arguments once, when the tool starts; then the placeholders in each are replaced.
So whatever a peer calls itself, it is one argument and never a command (DCMTK hands the line to `/bin/sh -c`:
CVE-2026-5663). A value in the place of a whole argument cannot pass for an option either.
"""

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from ..spec.values import value
from .log import Log

PLACEHOLDERS = {
    "p": "directory",
    "f": "file",
    "a": "calling_ae_title",
    "c": "called_ae_title",
    "r": "address",
}
"""DCMTK's letters behind `#`, and the fields of `Reception` they stand for."""


class HookError(Exception):
    """A command that cannot be run, told when the tool starts and not at the first object."""

    exit_code = "USAGE"


@value
class Reception:
    """An object that was received, as a command may ask for it."""

    directory: str
    """#p: the directory it was written to."""
    file: str
    """#f: its file name there."""
    calling_ae_title: str
    """#a: who sent it."""
    called_ae_title: str
    """#c: whom they called."""
    address: str
    """#r: the peer's numeric address; names of a name server are a peer's word."""


@value
class Outcome:
    """How a program ended."""

    arguments: tuple[str, ...]
    """What was run."""
    returncode: int | None
    """Its exit code; negative for a signal, None when it could not be started or took too long."""
    error: str = ""
    """What went wrong, in words; nothing when nothing did."""


class Hook:
    """A command for each object: so many at a time, each for so long."""

    def __init__(
        self,
        command: str,
        *,
        log: Log | None = None,
        timeout: float = 60.0,
        concurrency: int = 4,
        name: str = "exec-on-reception",
    ) -> None:
        self.template = split(command)
        """The command's arguments with their placeholders."""
        self._log = log or Log()
        self._timeout = timeout
        self._name = name
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix=name)

    def submit(self, reception: Reception) -> Future[Outcome]:
        """Run it when its turn comes; returns at once. The future is for who wants to wait."""
        return self._pool.submit(self.run, reception)

    def run(self, reception: Reception) -> Outcome:
        """Run it now and wait for its end; never raises, but logs what went wrong."""
        arguments = filled(self.template, reception)
        outcome = _run(arguments, environment(reception), self._timeout)
        if outcome.error:
            self._log.error(f"{self._name}: {outcome.error}", command=shlex.join(arguments))
        return outcome

    def close(self) -> None:
        """Wait for what still runs; programs that did not begin yet are run too."""
        self._pool.shutdown(wait=True)


def split(command: str) -> tuple[str, ...]:
    """The arguments of a command, quotes respected as a shell would."""
    try:
        arguments = tuple(shlex.split(command))
    except ValueError as error:
        raise HookError(f"-xcr/--exec-on-reception: {command!r} cannot be split: {error}") from None
    if not arguments:
        raise HookError("-xcr/--exec-on-reception: the command is empty")
    return arguments


def filled(template: tuple[str, ...], reception: Reception) -> tuple[str, ...]:
    """The arguments with values for placeholders, in one pass: a value's own `#` means nothing."""
    return tuple(_filled(argument, reception) for argument in template)


def _filled(argument: str, reception: Reception) -> str:
    text = re.sub("#([pfacr])", lambda match: _value(reception, match[1]), argument)
    # What a peer chose must not become an option of the program: `#a` called "-rf" arrives as "_rf".
    return f"_{text[1:]}" if argument.startswith("#") and text.startswith("-") else text


def _value(reception: Reception, letter: str) -> str:
    """A value without control characters: no program expects them, and NUL cannot be passed at all."""
    value: str = getattr(reception, PLACEHOLDERS[letter])
    return "".join(character if character.isprintable() else "_" for character in value)


def environment(reception: Reception) -> Mapping[str, str]:
    """Our environment and the values once more: DULCET_DIRECTORY, DULCET_FILE and so on."""
    values = {f"DULCET_{field.upper()}": _value(reception, letter) for letter, field in PLACEHOLDERS.items()}
    return {**os.environ, **values}


def _run(arguments: tuple[str, ...], variables: Mapping[str, str], timeout: float) -> Outcome:
    try:
        # Our standard output may carry JSON records, so the program's goes where its errors go. No file of
        # ours is inherited, and a session of its own lets us end its children with it.
        program = subprocess.Popen(  # noqa: S603 - arguments, no shell: that is what this module is for
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=2,
            env=variables,
            start_new_session=True,
            close_fds=True,
        )
    except OSError as error:
        return Outcome(arguments, None, f"cannot be started: {error.strerror or error}")
    try:
        returncode = program.wait(timeout)
    except subprocess.TimeoutExpired:
        os.killpg(program.pid, signal.SIGKILL)
        program.wait()
        return Outcome(arguments, None, f"took longer than {timeout:g} s and was ended")
    return Outcome(arguments, returncode, f"ended with exit code {returncode}" if returncode else "")
