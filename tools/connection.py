"""From a command line to the `SCU` it asks for: titles, times, limits, user identity. Shared by the SCU tools."""

import argparse
import os
from typing import TYPE_CHECKING, Any

from ..acse.association import Timeouts
from ..dul.errors import LocalProtocolError
from ..dul.ranges import LONGEST_SECONDS
from ..services.entity import Entity
from ..services.errors import AssociationError
from ..services.scu import SCU, LiveAssociation
from .exit_codes import ExitCode, Failure
from .log import Log
from .reporting import Report

if TYPE_CHECKING:
    from ..acse.agreement import Agreement
    from ..dul.items import UserIdentity
    from ..dul.upper_layer import Trace

FAMILIES = {"4": 2, "6": 10, "auto": 0}
"""-i4, -i6, -i0 as `socket.AF_INET`, `AF_INET6`, `AF_UNSPEC`."""
MOST_OF_AN_IDENTITY = 0x10000
"""Bytes read of a file with a user identity: more than its sub-item holds (PS3.7 D.3.3.7), whatever the file is."""
FOR_EVER = LONGEST_SECONDS
"""Seconds where no limit is wanted and a number must be given."""


def log_for(options: argparse.Namespace) -> Log:
    """The log a command line asks for."""
    return Log(options.log_level, options.log_format)


def report_for(options: argparse.Namespace) -> Report:
    """The report a command line asks for."""
    return Report(json=options.json, quiet=options.log_level == "fatal")


def peer_of(options: argparse.Namespace) -> Entity:
    """Whom to call."""
    return Entity(options.call, options.peer, options.port)


def at_peer(peer: Entity, error: AssociationError) -> str:
    """What went wrong with an association, and with whom."""
    words = str(error)
    return words if str(peer) in words else f"{peer}: {words}"


def cannot_listen(port: int, error: OSError) -> Failure:
    """The failure of a server whose port is taken, or not for us."""
    why = os.strerror(error.errno) if error.errno is not None else str(error)  # asyncio says more than that, in tuples
    return Failure(ExitCode.LISTEN, f"cannot listen on port {port}: {why}")


def scu_for(options: argparse.Namespace, log: Log) -> SCU:
    """The SCU a command line asks for.

    Raises:
        OSError, TlsError, ValueError: a file named cannot be read, or is not what it should be.
    """
    given = vars(options)
    settings: dict[str, Any] = {
        "timeouts": Timeouts(connect=options.timeout, artim=options.acse_timeout, acse=options.acse_timeout, idle=None),
        "dimse_seconds": given.get("dimse_timeout", 300.0),
        "write_seconds": given.get("socket_timeout", 30.0) or FOR_EVER,
        "maximum_length": options.max_pdu,
        "maximum_send_length": given.get("max_send_pdu", 0),
        "family": FAMILIES[options.ip],
        "user_identity": user_identity(given),
        "trace": tracer(log),
    }
    if options.tls is not None:
        from .tls import requestor_context

        settings |= {"tls": requestor_context(options), "server_hostname": options.request_sni or ""}
    return SCU(options.aetitle, **settings)


def tracer(log: Log) -> "Trace | None":
    """A trace of Table 9-10 into the log: with -d what changes the state, with `-ll trace` every event."""
    if not log.says("debug"):
        return None

    def trace(_now: float, state: str, event: str, action: str, following: str, count: int) -> None:
        say = log.trace if state == following else log.debug
        say(f"{state} {event} {action} -> {following}", **({"pdus": count} if count > 1 else {}))

    return trace


def user_identity(given: dict[str, Any]) -> "UserIdentity | None":
    """The user identity named by -usr, -kt, --saml or --jwt (PS3.7 D.3.3.7).

    Raises:
        Failure: the file cannot be read, is empty, or larger than a sub-item holds.
    """
    named = [name for name in ("user", "kerberos", "saml", "jwt") if given.get(name) is not None]
    if not named:
        return None
    from ..acse import user_identity as identity

    wanted: bool = given["pos_response"]
    if named == ["user"]:
        if given["password"] is None:
            return identity.username(given["user"], response_requested=wanted)
        return identity.username_and_passcode(given["user"], given["password"], response_requested=wanted)
    make = {"kerberos": identity.kerberos, "saml": identity.saml, "jwt": identity.json_web_token}[named[0]]
    path = given[named[0]]
    try:
        with open(path, "rb") as file:
            return make(file.read(MOST_OF_AN_IDENTITY), response_requested=wanted)
    except OSError as error:
        raise Failure(ExitCode.INVALID_INPUT, f"{path}: {error.strerror or error}") from None
    except LocalProtocolError as error:
        raise Failure(ExitCode.INVALID_INPUT, f"{path}: {error}") from None


def tell_agreement(options: argparse.Namespace, log: Log, agreement: "Agreement") -> None:
    """What was agreed, for -v, and its presentation contexts for +v.

    Raises:
        Failure: the peer did not confirm the user's identity, and -rsp insists on that.
    """
    log.info("association accepted", maximum_send_length=agreement.maximum_send_length or "unlimited")
    if log.says("debug") or vars(options).get("verbose_pc"):
        for line in agreement.explain():
            log.info(line)
    if vars(options).get("pos_response") and agreement.user_identity_response is None:
        raise Failure(ExitCode.FAILURE, "the peer did not confirm the user's identity, as -rsp asks (PS3.7 D.3.3.7)")


def leave(association: LiveAssociation, log: Log, *, abort: bool = False) -> ExitCode:
    """Release, or abort if that is wanted; what was done before stays done, whatever comes of it."""
    if abort:
        log.info("aborting association")
        association.abort("--abort")
        return ExitCode.SUCCESS
    log.info("releasing association")
    try:
        association.release()
    except AssociationError as error:
        log.warning(f"not released in order: {error}")
        return ExitCode.RELEASE
    return ExitCode.SUCCESS
