"""An association of ours that stands, told without a transport: what its blocking and its asyncio form share.

The operations are mixed in by the service modules (`calls`), the connection and the clock by `association` and
`association_aio`.
"""

from ..acse.agreement import Agreement
from ..dimse.exchange import Exchange
from .serving import Serving
from .steps import Inbox


class Live:
    """The association that `Steps` are made for.

    Args:
        exchange: its sans-IO end.
        serving: what the peer may invoke on it.
    """

    def __init__(self, exchange: Exchange, serving: Serving) -> None:
        self._exchange = exchange
        self._serving = serving
        self._inbox: Inbox = Inbox()

    @property
    def agreement(self) -> Agreement:
        """What was agreed."""
        assert self._exchange.agreement is not None  # established when handed out
        return self._exchange.agreement

    @property
    def exchange(self) -> Exchange:
        """The sans-IO end, for what has no method here."""
        return self._exchange

    @property
    def serving(self) -> Serving:
        """What the peer may invoke on it."""
        return self._serving

    def now(self) -> float:
        """The clock of the steps, seconds."""
        raise NotImplementedError
