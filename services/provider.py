"""What an SCP offers, to whom, and within which limits: services, and what an acceptor decides (PS3.8 7.1.1).

No network is here; `scp` listens, and `connection` asks this for every association.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..acse.association import Timeouts
from ..acse.policy import Policy, Reject, SupportedContext
from ..dimse.exchange import DimseEvent
from ..dul.actions import Actions
from ..dul.pdu import AssociateRQ
from ..dul.ranges import check_number, check_seconds
from ..dul.upper_layer import Trace
from .addresses import Networks
from .log import Log, logger
from .service import Caller, Service
from .settings import check_keywords

if TYPE_CHECKING:
    import ssl

POOL = 8
"""Threads for services that block. Storing waits for the disk, which takes that many requests at a time well."""
OnEvent = Callable[[tuple[Any, ...], DimseEvent], None]
"""Called with (caller address, event) for each event of each association."""
REMEMBERED = 1024
"""Abstract syntaxes whose support is remembered: more than there are, and a bound on what peers can make us keep."""

_POLICY = {each.name for each in fields(Policy) if each.init} - {"ae_title", "supports", "request_policy"}
"""What of a `Policy` is for the user to say; the rest the services and the other settings decide."""


class Provider:
    """A service class provider, not yet at work.

    Args:
        ae_title: own title. Associations that call another one are answered too, unless the policy says otherwise.
        services: what is offered; the first service that supports an abstract syntax serves it.
        policy: everything else an acceptor decides: see `Policy`, whose fields are the keywords.
        timeouts: see `Timeouts`.
        maximum_connections: open connections, with an association or without.
        tls: TLS context of `dulcet.dul.transport.tls.server_context`; None: plain TCP.
        family: address family to listen in, `socket.AF_INET` or `AF_INET6`; 0 takes both where it can.
        write_seconds: how long a peer may take no byte of what we send.
        reuse_port: let other processes listen on the same port (SO_REUSEPORT); the kernel deals out the connections.
        pool: threads for services that block.
        on_event: called with (caller address, event) for each event of each association: progress, metrics.
        on_association: called with the `Caller` when an association is established.
        trace: see `UpperLayer`.
        actions: see `UpperLayer`.
        log: a structlog logger; by default dulcet's own.
        refuse: last word on a whole request whose titles have passed, before its contexts are judged.
        allowed_addresses: networks ("10.0.0.0/8") and addresses that may connect; None: any.
        proxy_networks: those from which proxies connect, which must say for whom by the PROXY protocol.

    Raises:
        LocalProtocolError: a setting is out of range.
        TypeError: a keyword is no setting.
    """

    def __init__(
        self,
        ae_title: str = "DULCET",
        services: Sequence[Service] = (),
        *,
        timeouts: Timeouts = Timeouts(),  # noqa: B008  # immutable
        maximum_connections: int = 1000,
        tls: "ssl.SSLContext | None" = None,
        family: int = 0,
        write_seconds: float = 30.0,
        reuse_port: bool = False,
        pool: int = POOL,
        on_event: OnEvent | None = None,
        on_association: Callable[[Caller], None] | None = None,
        trace: Trace | None = None,
        actions: type[Actions] = Actions,
        log: Log | None = None,
        refuse: Callable[[AssociateRQ], Reject | None] | None = None,
        allowed_addresses: Sequence[str] | None = None,
        proxy_networks: Sequence[str] = (),
        **policy: Any,
    ) -> None:
        check_keywords(type(self).__name__, policy, {*_POLICY, *(Provider.__init__.__kwdefaults__ or ())})
        check_seconds("write_seconds", write_seconds)
        check_number("maximum_connections", maximum_connections, 1)
        check_number("pool", pool, 1)
        self.services = tuple(services)
        self.service_for = lru_cache(REMEMBERED)(self._service_for)
        """The first service that supports an abstract syntax with the requestor as SCU, or else as SCP only."""
        policy.setdefault("require_called_ae_title", False)
        policy.setdefault("extended_negotiation", self._negotiate)
        self._allowed = None if allowed_addresses is None else Networks(allowed_addresses)
        self._proxies = Networks(proxy_networks)
        self._refuse = refuse
        self.policy = Policy(
            ae_title=ae_title,
            supports=lru_cache(REMEMBERED)(self._supports),
            request_policy=self._refusal,
            **policy,
        )
        self.timeouts = timeouts
        self.maximum_connections = maximum_connections
        self.tls = tls
        self.family = family
        self.write_seconds = write_seconds
        self.reuse_port = reuse_port
        self.pool_size = pool
        self.on_event = on_event
        self.on_association = on_association
        self.trace = trace
        self.actions = actions
        self.log = log or logger()

    def allows(self, host: str) -> bool:
        """Whether connections may be from here."""
        return self._allowed is None or host in self._allowed

    def is_proxy(self, host: str) -> bool:
        """Whether connections from here begin with a PROXY header."""
        return host in self._proxies

    def _supports(self, abstract_syntax: str) -> SupportedContext | None:
        """As the service that serves it does; the requestor may also be SCP where any other service lets it."""
        service = self.service_for(abstract_syntax)
        supported = None if service is None else service.supports(abstract_syntax)
        if supported is None or supported.scp_role:
            return supported
        others = (each.supports(abstract_syntax) for each in self.services)
        return replace(supported, scp_role=any(each is not None and each.scp_role for each in others))

    def _negotiate(self, abstract_syntax: str, information: bytes) -> bytes | None:
        service = self.service_for(abstract_syntax)
        return None if service is None else service.negotiate(abstract_syntax, information)

    def _refusal(self, request: AssociateRQ) -> Reject | None:
        """Last word on a whole request."""
        return None if self._refuse is None else self._refuse(request)

    def _service_for(self, abstract_syntax: str) -> Service | None:
        found: Service | None = None
        for service in self.services:
            supported = service.supports(abstract_syntax)
            if supported is not None and supported.scu_role:
                return service
            if supported is not None:
                found = found or service
        return found
