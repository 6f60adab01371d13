"""Seeds for AFLNet, which fuzzes a server by messages: `.raw` files of what a client sends.

One file for each connection on which an acceptor was sent something; `-P DICOM` of AFLNet cuts it by PDU-length. What
was not kept whole, and what was sent to a requestor, makes none; two connections with the same bytes make one. A
conversation of more events than are kept makes none either, which is told: nobody knows what else was sent.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from ..record import MOST_EVENTS
from ..results import Exchange, RunResult


def write(run: RunResult, path: str) -> None:
    """Write a file for each sequence of bytes, into a directory that is made: "PD-18.1.0.raw", by exchange and
    connection."""
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    written: set[bytes] = set()
    for result in run.results:
        for number, exchange in enumerate(result.exchanges if result.role == "A" else (), start=1):
            if len(exchange.events) >= MOST_EVENTS:
                words = f"no seed of {result.id}.{number}: only its first {MOST_EVENTS} events were kept"
                print(f"dulcet conformance: {words}", file=sys.stderr)
                continue
            for connection, data in seeds(exchange):
                if data not in written:
                    (folder / f"{result.id}.{number}.{connection}.raw").write_bytes(data)
                written.add(data)


def seeds(exchange: Exchange) -> Iterator[tuple[int, bytes]]:
    """What was sent on each connection, where something was and all of it is kept."""
    for connection in sorted({event.connection for event in exchange.events if event.kind == "sent"}):
        sent = [event for event in exchange.events if event.kind == "sent" and event.connection == connection]
        if not any(event.digest for event in sent):
            yield connection, b"".join(event.data for event in sent)
