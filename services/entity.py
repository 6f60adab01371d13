"""`Entity`: an application entity and where it listens (PS3.8 7.1.1.3, 7.1.1.10)."""

from typing import NamedTuple, Self

DICOM_PORT = 104
"""The well-known port (PS3.8 9.1.1); 11112 is the registered one, 2762 that for TLS."""


class Entity(NamedTuple):
    """An AE title and its presentation address.

    >>> Entity.parse("ARCHIVE@pacs.example.org:11112")
    Entity(title='ARCHIVE', host='pacs.example.org', port=11112)
    """

    title: str
    """AE title, 1 to 16 characters."""
    host: str
    """Host name, IPv4 or IPv6 address."""
    port: int = DICOM_PORT
    """TCP port."""

    @classmethod
    def local(cls, title: str, port: int) -> Self:
        """An entity on this machine, reached through the loopback interface."""
        return cls(title, "127.0.0.1", port)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "AET@host:port", "AET@host" or "AET@[v6]:port".

        Raises:
            ValueError: it is none of these; the message says what is wrong with which text.
        """
        title, at, address = text.rpartition("@")
        if not at or not title:
            raise ValueError(f"{text!r} is no entity: AET@host:port expected")
        if address.startswith("["):
            host, bracket, port = address[1:].partition("]")
            if not bracket or (port and not port.startswith(":")):
                raise ValueError(f"{text!r} is no entity: AET@[IPv6 address]:port expected")
            port = port[1:]
        else:
            host, _, port = address.partition(":")
        if not host:
            raise ValueError(f"{text!r} is no entity: the host is missing")
        if not port:
            return cls(title, host)
        if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError(f"{text!r} is no entity: {port!r} is no port, 1 to 65535")
        return cls(title, host, int(port))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.title}@{host}:{self.port}"
