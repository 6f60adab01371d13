"""What the query and retrieve tools share: what is asked, of which SOP class, and the association for it."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..dul.errors import LocalProtocolError
from ..services.query import models as query_models
from ..services.query.models import QueryExtension, Verb
from .exit_codes import ExitCode, Failure
from .log import Log
from .options.command_line import UsageError
from .options.transfer_syntaxes import UNCOMPRESSED
from .query_files import BadQuery, queries
from .query_keys import WrongKey

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from ..acse.agreement import Agreement
    from ..dul.items import ExtendedNegotiation


def sop_class(options: argparse.Namespace, verb: Verb) -> str:
    """The SOP class of -W, -P, -S, -O or --model.

    Raises:
        UsageError: the model has no such operation, or there is no such model.
    """
    try:
        return query_models.model(verb, options.model)
    except LocalProtocolError as error:
        raise UsageError(f"--model: {error}") from None


def asked(options: argparse.Namespace) -> "tuple[list[Dataset], list[BadQuery]]":
    """The queries of the command line, and the files that are none.

    Raises:
        UsageError: there is nothing to ask, or a key is wrong.
    """
    if not options.files and not options.key:
        raise UsageError("nothing is asked: give a query file, or keys with -k, as -k PatientID=123")
    good: list[Dataset] = []
    bad: list[BadQuery] = []
    try:
        for query in queries(options.files, options.key):
            if isinstance(query, BadQuery):
                bad.append(query)
            else:
                good.append(query)
    except WrongKey as error:
        raise UsageError(f"-k {error}") from None
    return good, bad


def refuse(bad: list[BadQuery], good: int, log: Log) -> list[ExitCode]:
    """Tell of query files that are none; the codes that leads to."""
    for query in bad:
        key = "; a key is given with -k" if "=" in str(query.path) else ""
        log.error("not asked", file=query.path, why=query.why + key)
    codes = [ExitCode.INVALID_INPUT] * len(bad)
    return codes if good else [*codes, ExitCode.NO_VALID_INPUT]


def transfer_syntaxes(options: argparse.Namespace) -> tuple[str, ...]:
    """What is proposed for identifiers."""
    return options.propose or UNCOMPRESSED


def extension(options: argparse.Namespace) -> QueryExtension:
    """What is asked for by extended negotiation (PS3.4 C.5)."""
    given = vars(options)
    return QueryExtension(**{name: bool(given.get(name)) for name in EXTENSIONS})


EXTENSIONS = (
    *("relational", "date_time_matching", "fuzzy_names", "time_zone"),
    *("enhanced", "empty_values", "multiple_values"),
)
"""The attributes of the options and the fields of `QueryExtension` alike."""


def extended(options: argparse.Namespace, uid: str) -> "list[ExtendedNegotiation]":
    """The items that ask for it; none if nothing is."""
    wanted = extension(options)
    return [wanted.item(uid)] if wanted else []


def tell_extension(options: argparse.Namespace, log: Log, agreement: "Agreement", uid: str) -> None:
    """Warn of what was asked for and not granted: the peer then does without it (PS3.4 C.5.1)."""
    wanted = extension(options)
    if wanted:
        granted = QueryExtension.decode(agreement.extended.get(uid, b""), query_models.verb_of(uid))
        for name in EXTENSIONS:
            if getattr(wanted, name) and not getattr(granted, name):
                log.warning(f"the peer does not grant --{name.replace('_', '-')}")


def check_directory(directory: str) -> None:
    """Refuse an output directory in which nothing can be written, before anybody is asked.

    Raises:
        Failure: it is missing, or closed to us.
    """
    if not (Path(directory).is_dir() and os.access(directory, os.W_OK | os.X_OK)):
        raise Failure(ExitCode.OUTPUT_DIRECTORY, f"{directory}: no directory that can be written to (-od)")


def status_shown(status: Any) -> str | None:
    """A status in records."""
    return None if status is None else f"0x{status:04X}"
