"""Role A: the peer is an acceptor, and the tester dials. With the health check of an acceptor (catalogue 2.3, 4.1).

Healthy is who takes an association, answers a C-ECHO and releases, on a connection of its own and in the time it took
before. A peer that first fails and then serves again was blocked, and for how long is told; one that does not come back
is dead.
"""

import asyncio
import time
from typing import Any

from . import frames, recipes
from .case import Case
from .commands import echo
from .endings import Undriven
from .link import Link, dial
from .results import Health, Level
from .settings import Settings
from .tokens import Token, text
from .trial import Trial

SLOW_FACTOR, SLOW_SECONDS = 5.0, 1.0
"""A health check is slow when it takes this many times the first one, and at least so many seconds more."""
RECOVERY_SECONDS = 30.0
"""How long a peer that fails its check may take to serve again, before it counts as dead."""
PAUSE_SECONDS = 0.25
"""Between two checks of a peer that fails them."""


class AcceptorPeer:
    """A peer that listens.

    Args:
        settings: its address and titles, and the clocks.
    """

    role = "A"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.echo_seconds: float | None = None
        """What the first check took."""

    async def open(self, trial: Trial) -> Link:
        """Connect.

        Raises:
            Undriven: it cannot be reached.
        """
        try:
            return await dial(trial.settings, trial.recording, len(trial.links))
        except (OSError, TimeoutError) as error:
            raise Undriven(f"no connection: {error or 'timed out'}") from None

    async def drive(self, trial: Trial, state: str, **how: Any) -> None:
        """Bring it into a state of its role (`recipes`)."""
        await recipes.drive(trial, state, **how)

    async def ended(self, trial: Trial) -> None:
        """Nothing was started for a trial."""

    async def refused(self, trial: Trial) -> None:
        """Only requestors dial."""
        raise NotImplementedError(f"{trial.case.id} is no case for an acceptor")

    async def reset_all(self, trial: Trial, most: int) -> list[float]:
        """Only requestors dial."""
        raise NotImplementedError(f"{trial.case.id} is no case for an acceptor")

    async def sanity(self) -> str:
        """Why nothing can be tested, with what to mend, or nothing."""
        began = time.monotonic()
        fault = await self._echo()
        self.echo_seconds = time.monotonic() - began
        if not fault:
            self._settings.react = max(self._settings.react, 10 * self.echo_seconds)
        return fault

    async def health(self) -> tuple[Health, float]:
        """How the peer is, and the seconds that the check took or that it was blocked for."""
        began = time.monotonic()
        fault = await self._echo()
        took = time.monotonic() - began
        if not fault:
            usual = self.echo_seconds or 0.0
            slow = took > max(SLOW_FACTOR * usual, usual + SLOW_SECONDS)
            return (Health.SLOW if slow else Health.OK), took
        while time.monotonic() - began < RECOVERY_SECONDS + (self._settings.artim or 0.0):
            await asyncio.sleep(PAUSE_SECONDS)
            if not await self._echo():
                return Health.BLOCKED, time.monotonic() - began
        return Health.DEAD, time.monotonic() - began

    async def _echo(self) -> str:
        """Associate, echo, release; what went wrong, or nothing."""
        trial = Trial(_ECHO, "", self, self._settings)
        try:
            return await converse(trial)
        except Undriven as reason:
            return str(reason)
        finally:
            for link in trial.links:
                await link.close()


async def converse(trial: Trial) -> str:
    """Associate, echo, release on a new connection; what went wrong, or nothing.

    Raises:
        Undriven: there is no connection.
    """
    link = await trial.open()
    track = link.track
    steps = (
        (recipes.request(trial), "AC", "the A-ASSOCIATE-RQ: check titles, SOP class Verification, transfer syntax"),
        (echo(), "RSP", "the C-ECHO-RQ"),
        (frames.release_rq(), "RP", "the A-RELEASE-RQ"),
    )
    for pdu, kind, what in steps:
        before = len(track.trace)
        await link.send([pdu])
        await link.until(lambda before=before: len(track.trace) > before, trial.settings.react)  # type: ignore[misc]  # mypy infers no lambda that has a default
        came = tuple(track.trace[before:])
        if not came or came[0].kind != kind or (kind == "RSP" and came[0] != Token("RSP", (0,))):
            return f"{text(came)} came after {what}"
    return ""


async def _unused(_trial: Trial) -> None:
    """The health check is no case of the catalogue, and has no script."""


_ECHO = Case("X-00", "health-check", "associate, C-ECHO, release", "A", Level.M, ("PS3.8 7.1",), _unused)
