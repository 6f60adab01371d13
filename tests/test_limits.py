"""The limits of the design, in one place: what we promise by default. Each has a behaviour test beside its module."""

import inspect

from dulcet.acse import policy
from dulcet.acse.association import Timeouts
from dulcet.dimse import command_set, exchange, fragments
from dulcet.dul import pdu, upper_layer
from dulcet.dul.transport.listen import Listener
from dulcet.services import identifiers
from dulcet.services.scp import SCP
from dulcet.services.storage import dataset_prefix, incoming


def test_time() -> None:
    waits = Timeouts()
    assert (waits.connect, waits.artim, waits.acse, waits.idle) == (10.0, 30.0, 30.0, 300.0)
    assert default(exchange.Exchange, "dimse_seconds") == 300.0
    assert default(SCP, "write_seconds") == 30.0


def test_sizes() -> None:
    assert upper_layer.ASSOCIATE_LIMIT == 1 << 20
    assert upper_layer.MAXIMUM_LENGTH == policy.Policy().maximum_length == 131072
    assert upper_layer.UNLIMITED_P_DATA == 16 << 20
    assert command_set.MAXIMUM_LENGTH == 64 << 10
    assert fragments.MEMORY_LIMIT == 16 << 20
    assert incoming.FileStore.__dataclass_fields__["max_object_bytes"].default == 4 << 30


def test_counts() -> None:
    assert pdu.MAXIMUM_CONTEXTS == 128
    assert fragments.MAXIMUM_EMPTY_FRAGMENTS == 64
    assert dataset_prefix.MAXIMUM_DEPTH == 64
    assert identifiers.MAXIMUM_ELEMENTS == 250_000
    assert upper_layer.GARBAGE_LIMIT == 2  # three A-ABORTs with the first one
    assert exchange.PERFORMED_LIMIT == 16
    assert exchange.OPEN_LIMIT == 1024
    assert exchange.AHEAD_LIMIT == 16 << 20
    assert policy.MAXIMUM_ASSOCIATIONS == 200
    assert default(SCP, "maximum_connections") == default(Listener, "max_connections") == 1000
    assert default(Listener, "max_per_address") == 0  # off


def default(callable_: object, name: str) -> object:
    return inspect.signature(callable_).parameters[name].default  # type: ignore[arg-type]  # a function; typed as an object
