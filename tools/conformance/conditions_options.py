"""The options about the conditions a case is played under, for the commands that judge and for `repro`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..exit_codes import ExitCode, Failure
from . import arguments

NAMES = ("syntax", "maximum", "contexts", "tls", "tls_key", "tls_cert", "tls_port", "pairwise")
"""Fields of `Settings`, and what argparse calls these options."""

OF_ONE = NAMES[:-1]
"""Those of one condition."""
VARIED = ("--delivery", "--syntax", "--maximum", "--contexts")
"""Options of which `--pairwise` has values of its own."""


def add(group: argparse._ArgumentGroup | argparse.ArgumentParser, *, pairwise: bool) -> None:
    """Add them; with `--pairwise` where several conditions make one run."""
    group.add_argument(
        "--syntax",
        choices=["implicit", "explicit"],
        default="",
        help="Little Endian that is proposed, or taken, where the peer has it (its first)",
    )
    group.add_argument(
        "--maximum",
        metavar="BYTES",
        type=arguments.maximum_length,
        default=16384,
        help="our maximum length; 0 is none (%(default)s)",
    )
    group.add_argument(
        "--contexts",
        metavar="N",
        type=arguments.contexts,
        default=1,
        help="presentation contexts to propose to an acceptor, up to 128 (%(default)s)",
    )
    group.add_argument("--tls", action="store_true", help="with TLS; the peer's certificate is not checked")
    group.add_argument("--tls-key", metavar="FILE", default="", help="our private key (PEM)")
    group.add_argument(
        "--tls-cert", metavar="FILE", default="", help="and certificate, without which nobody can listen"
    )
    group.add_argument(
        "--tls-port",
        metavar="PORT",
        type=arguments.port,
        default=0,
        help="where an acceptor speaks TLS, if not at PORT",
    )
    if pairwise:
        group.add_argument(
            "--pairwise",
            action="store_true",
            help="each case under few combinations of --delivery, --syntax, --maximum, --contexts and, where "
            "--tls-port is known, TLS, in which any two of their values meet; what a case says itself stays",
        )


def check_pairs(words: Sequence[str]) -> None:
    """Refuse a value beside `--pairwise`, which has them all: it would be dropped.

    Args:
        words: of the command line; what is given may be the default.

    Raises:
        Failure: there is one.
    """
    options = [word.partition("=")[0] for word in words]
    given = [option for option in VARIED if option in options]
    if "--pairwise" in options and given:
        raise Failure(ExitCode.USAGE, f"--pairwise plays each case with every value of {', '.join(given)}: give either")


def check(options: argparse.Namespace, *, dials: bool, listens: bool) -> None:
    """Refuse TLS that cannot be, at each end that a run has.

    Raises:
        Failure: our certificate is missing, a file cannot be used, or nobody would dial --tls-port.
    """
    if options.tls_port and not dials:
        raise Failure(ExitCode.USAGE, "--tls-port is an acceptor's, and a requestor dials us: --tls listens with TLS")
    if listens and options.tls and not options.tls_cert:
        raise Failure(ExitCode.USAGE, "--tls needs --tls-key and --tls-cert to listen")
    if dials and (options.tls or options.tls_port):
        _check_files(options, server=False)
    if listens and options.tls:
        _check_files(options, server=True)


def _check_files(options: argparse.Namespace, *, server: bool) -> None:
    from ...dul.transport.tls import TlsError
    from .wire import context

    for file in filter(None, (options.tls_key, options.tls_cert)):
        if not Path(file).is_file():
            raise Failure(ExitCode.USAGE, f"{file}: no such file")
    try:
        context(options.tls_key, options.tls_cert, server=server)
    except TlsError as error:
        raise Failure(ExitCode.USAGE, str(error)) from None


def again(options: argparse.Namespace) -> list[str]:
    """The same options as words of a command line."""
    words = []
    for name in NAMES:
        value = getattr(options, name, None)
        if value:
            option = f"--{name.replace('_', '-')}"
            words.append(option if value is True else f"{option}={value}")
    return words if options.maximum else [*words, "--maximum=0"]
