"""The DICOM upper layer (PS3.8): PDUs and items, framing, the machine of Table 9-10, the 28 actions.

`UpperLayer` is one end of one association, sans-IO; `pdu`, `items` and `primitives` are what it speaks;
`Actions` is where to listen in or to replace. `transport` drives it, or anything of its shape.

Imports `spec` and `transitions`; no socket and no clock but in `transport`, which nothing here imports.
"""

__all__ = [
    "upper_layer",
    "primitives",
    "pdu",
    "items",
    "p_data",
    "actions",
    "machine",
    "stream",
    "layout",
    "errors",
]
"""The modules whose names are public; importing this package imports none of them."""
