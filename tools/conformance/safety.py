"""Whom a run may touch (catalogue 4.15): loopback and private addresses; anybody else only when that is confirmed.

The cases send what breaks unprepared software. Never against a system in clinical use.
"""

import ipaddress
import socket

from ..exit_codes import ExitCode, Failure


def check_target(host: str, *, confirmed: bool, option: str = "--target-confirmed") -> None:
    """Refuse a host that is not near, unless somebody has said that it is meant.

    Args:
        host: a name or an address.
        confirmed: whether it was said.
        option: by which one says so.

    Raises:
        Failure: it may not be touched, or has no address.
    """
    if confirmed:
        return
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Failure(ExitCode.USAGE, f"{host}: {error.strerror or error}") from None
    far = {address for *_, (address, *_) in found if not is_near(str(address))}
    if far:
        words = f"is no private address: {option} says that it is a test system, not one in clinical use"
        raise Failure(ExitCode.USAGE, f"{host} ({', '.join(map(str, sorted(far)))}) {words}")


def is_near(address: str) -> bool:
    """Whether an address is of this machine or of a private network."""
    number = ipaddress.ip_address(address.partition("%")[0])
    return number.is_loopback or number.is_private or number.is_link_local
