"""The standard as data: tables in TOML, and the loaders that refuse a malformed one.

`upper_layer` (PS3.8 9.2: states, events, actions, Table 9-10), `codes` (the numbers in PDUs), `dimse` (command
elements and the 23 messages), `status` (status codes and classes). Each has `load()` for the file that ships with
dulcet, read when first asked for, and `parse(text)` for any other; what is wrong with one is a `SpecError`.

Imports nothing of ours.
"""

__all__ = ["upper_layer", "codes", "dimse", "status", "errors"]
"""The modules whose names are public; importing this package imports none of them."""


def text_of(name: str) -> str:
    """A table of this package. Read by hand: `importlib.resources` takes 6 ms to import, a twentieth of an echoscu."""
    with open(f"{__path__[0]}/{name}", encoding="utf-8") as file:
        return file.read()
