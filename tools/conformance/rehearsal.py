"""Plays a case against dulcet itself, on loopback: how `explain` knows the very bytes and the reactions allowed.

What a case sends depends on what was agreed, so the bytes exist only when it is played.
"""

import sys

from ...services.scp import SCP
from ...services.verification import Verification
from ..log import Log
from .acceptor import AcceptorPeer
from .case import Case
from .requestor import RequestorPeer
from .results import Exchange
from .settings import Settings
from .trial import Peer, play
from .trigger import Command

SHOWN = 512
"""Bytes of what is sent that are shown."""
_SETTLE = 0.1
_REQUESTOR = (sys.executable, "-m", "dulcet", "echoscu", "-q", "-aec", "{aet}", "-ta", "2", "-td", "2")


async def rehearse(case: Case, role: str) -> list[Exchange]:
    """The exchanges of a case in a role; none where it waits for timers, comes in hundreds, or needs what our own peers
    do not do."""
    if case.waits or {"gated", "robust"} & set(case.tags):
        return []
    if role == "R":
        settings = Settings(settle=_SETTLE)
        async with RequestorPeer(settings, Command([*_REQUESTOR, "{host}", "{port}"])) as peer:
            return await _all(case, peer, settings)
    scp = SCP("ANY-SCP", [Verification()], log=Log("fatal"))
    with scp.running(port=0) as running:
        settings = Settings(port=running.port, settle=_SETTLE)
        return await _all(case, AcceptorPeer(settings), settings)


async def _all(case: Case, peer: Peer, settings: Settings) -> list[Exchange]:
    return [await play(case, variant, peer, settings) for variant in case.variants]
