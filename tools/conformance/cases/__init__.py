"""The cases of the catalogue, a module a section or two; `load` registers them all, in the catalogue's order.

A new section is a module here and its name in `SECTIONS`.
"""

from importlib import import_module

<<<<<<< HEAD
SECTIONS = (
    "state_cells",
    "transport",
    "framing",
    "associate_rq",
    "associate_ac",
    "associate_rj",
    "release",
    "negotiation",
    "user_identity",
)
=======
SECTIONS = ("state_cells", "transport", "framing", "release", "emitted")
>>>>>>> 0061b3d (Everything a peer sends is judged: EM-01 to EM-20, in every case and on a stream alone)


def load() -> None:
    """Import every section, once."""
    for section in SECTIONS:
        import_module(f".{section}", __package__)
