"""An acceptor made of dulcet's floors that asks for release when it is sent SIGUSR1: `python releasing_scp.py ARTIM`.

Prints its port. PS3.8 7.2 lets either user ask, PS3.7 A.5 only the requestor; so our SCP never does, and the cells of
Table 9-10 that lie behind it are proven with this one: association, exchange and driver are those of the SCP.
"""

import asyncio
import signal
import sys
import time

from dulcet.acse.association import Association, Timeouts
from dulcet.acse.policy import Policy, SupportedContext
from dulcet.dimse.exchange import DimseEvent, Exchange, Request
from dulcet.dul.transport.aio import AsyncioDriver

VERIFICATION, IMPLICIT = "1.2.840.10008.1.1", "1.2.840.10008.1.2"


async def main(artim: float) -> None:
    """Serve until SIGTERM."""
    policy = Policy({VERIFICATION: SupportedContext((IMPLICIT,))})
    drivers: set[AsyncioDriver[DimseEvent]] = set()

    def driver() -> AsyncioDriver[DimseEvent]:
        exchange = Exchange(Association(policy, timeouts=Timeouts(artim=artim)))
        # Who waits for an A-RELEASE-RP has nothing more to send (AR-6 takes what comes).
        drivers.add(made := AsyncioDriver(exchange, lambda *told: respond(exchange, *told), server_side=True))
        return made

    def respond(exchange: Exchange, driver: AsyncioDriver[DimseEvent], events: list[DimseEvent]) -> None:
        for event in events:
            if isinstance(event, Request) and exchange.association.established:
                exchange.respond(event.context.id, event.message.response(0), None, time.monotonic())
        driver.flush()

    def release() -> None:
        for each in drivers:
            exchange = each.thing
            if isinstance(exchange, Exchange) and exchange.association.established:
                exchange.association.release(time.monotonic())
                each.flush()

    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, release)
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    server = await loop.create_server(driver, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await stopped.wait()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
