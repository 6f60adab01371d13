"""How an SCU behaves on every association it makes, blocking or on an event loop."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ..acse.association import Association, Timeouts
from ..acse.proposal import Proposed, check_title, propose
from ..dimse.exchange import Exchange, OpenSink
from ..dul.actions import Actions
from ..dul.items import ExtendedNegotiation, RoleSelection, UserIdentity
from ..dul.pdu import AssociateRQ
from ..dul.ranges import check_maximum_length, check_seconds, check_window
from ..dul.upper_layer import MAXIMUM_LENGTH, Trace
from .entity import Entity

if TYPE_CHECKING:
    import ssl

E = TypeVar("E", bound=Exchange)


def check_keywords(whose: str, given: Iterable[str], settings: Iterable[str]) -> None:
    """Refuse a keyword that is no setting, in the name of the class that it was given to.

    Raises:
        TypeError: it is none.
    """
    unknown = sorted(set(given) - set(settings))
    if unknown:
        raise TypeError(f"{whose} has no setting {unknown[0]!r}; it has {', '.join(sorted(settings))}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How an SCU behaves, on every association it makes."""

    ae_title: str = "DULCET"
    """Own title, sent as the calling AE title."""
    timeouts: Timeouts = field(default_factory=lambda: Timeouts(idle=None))
    """How long to wait for connection and association; an SCU has no idle limit unless given one."""
    dimse_seconds: float | None = 300.0
    """How long to wait for a response; None: for ever."""
    write_seconds: float = 30.0
    """How long the peer may take no byte of what we send."""
    maximum_length: int = MAXIMUM_LENGTH
    """Longest P-DATA-TF we take, bytes; 0 is unlimited."""
    operations_window: int = 1
    """How many operations to have outstanding at a time, ours and the peer's (C-GET), if the peer agrees
    (PS3.7 D.3.3.3); 0 is unlimited."""
    maximum_send_length: int = 0
    """Longest P-DATA-TF we send, bytes, where the peer would take more; 0 leaves it to the peer."""
    user_identity: UserIdentity | None = None
    """Who the user is (PS3.7 D.3.3.7)."""
    tls: "ssl.SSLContext | None" = None
    """TLS context of `dulcet.dul.transport.tls.client_context`; None: plain TCP."""
    server_hostname: str | None = None
    """Name expected in the peer's certificate, and sent as SNI; None: the host of the entity; "": none at all."""
    family: int = 0
    """Address family, `socket.AF_INET` or `AF_INET6`; 0 takes what the name resolves to."""
    trace: Trace | None = None
    """Called with each event of Table 9-10; see `UpperLayer`."""
    actions: type[Actions] = Actions
    """Class of the 28 actions; see `UpperLayer`."""

    @classmethod
    def of(cls, whose: str, ae_title: str, given: Mapping[str, Any]) -> Self:
        """The settings that the user of a class gave it as keywords.

        Raises:
            TypeError: one of them is no setting.
            LocalProtocolError: one of them is out of range.
        """
        check_keywords(whose, given, {each.name for each in fields(cls)} - {"ae_title"})
        return cls(ae_title=ae_title, **given)

    def __post_init__(self) -> None:
        check_title("calling", self.ae_title)
        check_seconds("dimse_seconds", self.dimse_seconds, for_ever=True)
        check_seconds("write_seconds", self.write_seconds)
        check_maximum_length("maximum_length", self.maximum_length)
        check_maximum_length("maximum_send_length", self.maximum_send_length)
        check_window("operations_window", self.operations_window)

    def request(
        self,
        peer: Entity,
        contexts: Sequence[Proposed],
        roles: Sequence[RoleSelection] = (),
        extended: Sequence[ExtendedNegotiation] = (),
    ) -> AssociateRQ:
        """The A-ASSOCIATE-RQ to a peer."""
        return propose(
            peer.title,
            self.ae_title,
            contexts,
            roles=roles,
            extended=extended,
            maximum_length=self.maximum_length,
            asynchronous_operations_window=(self.operations_window,) * 2 if self.operations_window != 1 else None,
            user_identity=self.user_identity,
        )

    def exchange(self, kind: type[E], open_sink: OpenSink) -> E:
        """The sans-IO end of a new association; `open_sink` is for what the peer may send us (C-GET)."""
        association = Association(requestor=True, timeouts=self.timeouts, trace=self.trace, actions=self.actions)
        return kind(
            association,
            open_sink=open_sink,
            dimse_seconds=self.dimse_seconds,
            maximum_send_length=self.maximum_send_length,
        )
