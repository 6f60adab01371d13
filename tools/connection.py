"""From a command line to the `SCU` it asks for: titles, times, limits, TLS, user identity. Shared by the SCU tools."""

import argparse
from typing import TYPE_CHECKING, Any

from ..acse.association import Timeouts
from ..services.entity import Entity
from ..services.scu import SCU
from .log import Log
from .reporting import Report

if TYPE_CHECKING:
    import ssl

    from ..acse.agreement import Agreement
    from ..dul.items import UserIdentity

FAMILIES = {"4": 2, "6": 10, "auto": 0}
"""-i4, -i6, -i0 as `socket.AF_INET`, `AF_INET6`, `AF_UNSPEC`, without importing socket for it."""


def log_for(options: argparse.Namespace) -> Log:
    """The log a command line asks for."""
    return Log(options.log_level, options.log_format)


def report_for(options: argparse.Namespace) -> Report:
    """The report a command line asks for."""
    return Report(json=options.json, quiet=options.log_level == "fatal")


def peer_of(options: argparse.Namespace) -> Entity:
    """Whom to call."""
    return Entity(options.call, options.peer, options.port)


def scu_for(options: argparse.Namespace, log: Log) -> SCU:
    """The SCU a command line asks for.

    Raises:
        OSError, TlsError, ValueError: a file named cannot be read, or is not what it should be.
    """
    given = vars(options)
    artim = given.get("acse_timeout", 30.0)
    settings: dict[str, Any] = {
        "timeouts": Timeouts(connect=options.timeout, artim=artim, acse=artim, idle=None),
        "dimse_seconds": given.get("dimse_timeout", 300.0),
        "maximum_length": options.max_pdu,
        "maximum_send_length": given.get("max_send_pdu", 0),
        "family": FAMILIES[options.ip],
        "user_identity": user_identity(given),
        "trace": tracer(log),
    }
    if given.get("socket_timeout"):
        settings["write_seconds"] = given["socket_timeout"]
    if options.tls is not None:
        settings |= {"tls": tls_context(options), "server_hostname": options.request_sni or options.peer}
    return SCU(options.aetitle, **settings)


def tracer(log: Log) -> Any:
    """A trace of every event of Table 9-10 into the log, where it is wanted."""
    if not log.says("debug"):
        return None

    def trace(_now: float, state: str, event: str, action: str, following: str, count: int) -> None:
        log.debug(f"{state} {event} {action} -> {following}", **({"pdus": count} if count > 1 else {}))

    return trace


def user_identity(given: dict[str, Any]) -> "UserIdentity | None":
    """The user identity named by -usr, -kt, --saml or --jwt (PS3.7 D.3.3.7)."""
    from ..acse import user_identity as identity

    wanted = bool(given.get("pos_response"))
    if given.get("user") is not None:
        if given.get("password") is None:
            return identity.username(given["user"], response_requested=wanted)
        return identity.username_and_passcode(given["user"], given["password"], response_requested=wanted)
    for name, make in (("kerberos", identity.kerberos), ("saml", identity.saml), ("jwt", identity.json_web_token)):
        if given.get(name) is not None:
            with open(given[name], "rb") as file:
                return make(file.read(), response_requested=wanted)
    return None


def tls_context(options: argparse.Namespace) -> "ssl.SSLContext":
    """The TLS context of a requestor."""
    from ..dul.transport.tls import client_context

    checked = options.peer_cert != "ignore"
    return client_context(check_hostname=checked and options.request_sni is not None, verify=checked, **tls_files(options))


def tls_files(options: argparse.Namespace) -> dict[str, Any]:
    """What both ends of TLS are given: own key and certificate, whom to trust, the profile."""
    key, certificate = options.tls or (None, None)
    return {
        "profile": options.security_profile,
        "key": key,
        "certificate": certificate,
        "password": options.key_password or "",
        "ca_files": options.add_cert_file or (),
        "ca_dirs": options.add_cert_dir or (),
        "crl_files": options.add_crl_file or (),
        "ciphers": options.cipher or (),
    }


def tell_agreement(log: Log, agreement: "Agreement", *, contexts: bool = False) -> None:
    """What was agreed, for -v and +v."""
    log.info("association accepted", maximum_send_length=agreement.maximum_send_length or "unlimited")
    if contexts or log.says("debug"):
        for line in agreement.explain():
            log.info(line)
