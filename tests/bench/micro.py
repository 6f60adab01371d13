"""What the parts of the core cost, each by itself, so that what became slower is found where it is."""

import statistics
import time
from collections.abc import Callable
from itertools import repeat

from dulcet.acse.association import Association
from dulcet.acse.policy import Policy, SupportedContext
from dulcet.acse.proposal import propose
from dulcet.dimse import messages
from dulcet.dimse.exchange import Exchange
from dulcet.dimse.fragments import Reassembly, fragment
from dulcet.dul.machine import MACHINE, SPEC
from dulcet.dul.p_data import PDV, decode_pdvs, encode_pdvs, p_data_header
from dulcet.dul.pdu import decode
from dulcet.dul.primitives import Transport
from dulcet.dul.stream import Stream

ECHO, CT, IMPLICIT = "1.2.840.10008.1.1", "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2"
FRAGMENT = bytes(131066)
Do = Callable[[], object]


class _Model:
    """A state, and the actions of the table, which do nothing."""

    state = "Sta6"


for _name in {action.method for action in SPEC.cells.values()}:
    setattr(_Model, _name, lambda self, argument: None)


class _Dropped:
    """A sink that keeps nothing."""

    def write(self, data: object) -> None:
        """Drop it."""


def _store_rq() -> messages.C_STORE_RQ:
    return messages.C_STORE_RQ(
        message_id=7, affected_sop_class_uid=CT, affected_sop_instance_uid="1.2.826.0.1.3680043.9.7433.1.1", priority=0
    )


def _message_in() -> Do:
    """A C-STORE-RQ and a data set of four fragments."""
    command = _store_rq().encode(True)
    fragments = [PDV(1, 3, command), *(PDV(1, 0, FRAGMENT) for _ in range(3)), PDV(1, 2, FRAGMENT)]
    reassembly, sink = Reassembly(), _Dropped()

    def take() -> None:
        for each in fragments:
            if reassembly.take(each) is not None and reassembly.sink is None and each is fragments[0]:
                reassembly.open(sink)

    return take


def _message_out() -> Do:
    message, data = _store_rq(), bytes(4 * len(FRAGMENT))
    return lambda: sum(1 for _ in fragment(1, message.encode(True), data, 131072))


def _stream() -> Do:
    pdus = memoryview(encode_pdvs([PDV(1, 0, FRAGMENT)]) * 2)
    stream = Stream()

    def cut() -> None:
        stream.feed(pdus)
        while (header := stream.header()) is not None:
            stream.body(header[1])
        stream.keep()

    return cut


def _pair() -> tuple[Exchange, Exchange]:
    """Two ends of an association that stands."""
    scu = Exchange(Association(requestor=True))
    scp = Exchange(Association(Policy({ECHO: SupportedContext((IMPLICIT,))})))
    scp.offered(0.0)
    scu.associate(propose("ANY-SCP", "BENCH", [(ECHO, [IMPLICIT])]), 0.0)
    scu.outbox.popleft()
    scu.connected(0.0)
    _carry(scu, scp)
    _carry(scp, scu)
    return scu, scp


def _carry(here: Exchange, there: Exchange) -> list[object]:
    events: list[object] = []
    while here.outbox:
        item = here.outbox.popleft()
        if not isinstance(item, Transport):
            events += there.receive(item, 0.0)
    return events


def _echo() -> Do:
    """A C-ECHO, both ends."""
    scu, scp = _pair()

    def once() -> None:
        request = messages.C_ECHO_RQ(message_id=scu.next_message_id(), affected_sop_class_uid=ECHO)
        scu.request(1, request, None, 0.0)
        (asked,) = _carry(scu, scp)
        scp.respond(1, asked.message.response(0), None, 0.0)  # type: ignore[attr-defined]  # a Request
        _carry(scp, scu)

    return once


def _establish() -> Do:
    return _pair


def _parts() -> dict[str, Do]:
    rq = propose("ANY-SCP", "BENCH", [(ECHO, [IMPLICIT]), (CT, [IMPLICIT])]).encode()
    request = propose("ANY-SCP", "BENCH", [(ECHO, [IMPLICIT]), (CT, [IMPLICIT])])
    body = memoryview(encode_pdvs([PDV(1, 0, FRAGMENT)]))[6:]
    store, store_bytes = _store_rq(), _store_rq().encode(True)
    response = store.response(0)
    response_bytes = response.encode()
    model, trigger = _Model(), MACHINE.events["Evt10"].trigger
    return {
        "machine: one event, Sta6 + Evt10": lambda: trigger(model, None),
        "P-DATA-TF: header out": lambda: p_data_header(131066, 1, 0),
        "P-DATA-TF: decode": lambda: decode_pdvs(body),
        "stream: cut two P-DATA-TF": _stream(),
        "A-ASSOCIATE-RQ: encode": request.encode,
        "A-ASSOCIATE-RQ: decode": lambda: decode(rq),
        "C-STORE-RQ: encode": lambda: store.encode(True),
        "C-STORE-RQ: decode": lambda: messages.decode(store_bytes),
        "C-STORE-RSP: encode": response.encode,
        "C-STORE-RSP: decode": lambda: messages.decode(response_bytes),
        "C-STORE-RSP: made for its request": lambda: store.response(0),
        "message in: command and 4 fragments": _message_in(),
        "message out: command and 4 fragments": _message_out(),
        "association: both ends": _establish(),
        "C-ECHO: both ends": _echo(),
    }


def _seconds(do: Do, times: int) -> float:
    begin = time.perf_counter()
    for _ in repeat(None, times):
        do()
    return (time.perf_counter() - begin) / times


def measure(rounds: int) -> dict[str, float]:
    """Microseconds of each part, the median of so many rounds; the rounds take turns."""
    parts = _parts()
    times = {name: max(1, int(0.01 / _seconds(do, 20))) for name, do in parts.items()}
    found: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(rounds):
        for name, do in parts.items():
            found[name].append(_seconds(do, times[name]))
    return {name: statistics.median(each) * 1e6 for name, each in found.items()}


def text(measured: dict[str, float]) -> str:
    """For people."""
    return "\n".join(f"{name:<40}{figure:8.2f} µs" for name, figure in measured.items())
