"""Networks by their addresses: who may connect, and which connections come through a proxy."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address, ip_network


class Networks:
    """A set of networks.

    >>> "10.1.2.3" in Networks(["10.0.0.0/8", "::1"])
    True

    Args:
        networks: "10.0.0.0/8", "2001:db8::/32", or single addresses.

    Raises:
        ValueError: one of them is none of these.
    """

    def __init__(self, networks: Iterable[str]) -> None:
        if isinstance(networks, str):
            raise ValueError(f"{networks!r} is one string, not several networks")
        self._networks = tuple(map(ip_network, networks))
        self._has = lru_cache(1024)(self._look)

    def __contains__(self, host: object) -> bool:
        """Whether an address, as a socket tells it, is in one of them."""
        return self._has(str(host))

    def _look(self, host: str) -> bool:
        address = ip_address(host)
        mapped = getattr(address, "ipv4_mapped", None)  # how an IPv6 socket tells of an IPv4 peer
        return any((mapped or address) in network for network in self._networks)
