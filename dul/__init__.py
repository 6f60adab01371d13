"""The DICOM upper layer (PS3.8): PDUs and items, framing, the machine of Table 9-10, the 28 actions.

`UpperLayer` is one end of one association, sans-IO; `pdu`, `items` and `primitives` are what it speaks;
`Actions` is where to listen in or to replace. `transport` drives it, or anything of its shape.

Imports `spec` and `transitions`; no socket and no clock but in `transport`, which nothing here imports.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .actions import Actions as Actions
    from .errors import DecodeError as DecodeError
    from .errors import LocalProtocolError as LocalProtocolError
    from .errors import ProtocolError as ProtocolError
    from .stream import Stream as Stream
    from .upper_layer import UpperLayer as UpperLayer

_HOMES = {
    "UpperLayer": "upper_layer",
    "Actions": "actions",
    "Stream": "stream",
    "ProtocolError": "errors",
    "LocalProtocolError": "errors",
    "DecodeError": "errors",
}
"""Each public name and the module it lives in, loaded on first use (PEP 562)."""

__all__ = [*_HOMES]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
