"""The cases of the catalogue, a module a section or a part of one; `load` registers them all, in the catalogue's order.

A new section is a module here and its name in `SECTIONS`.
"""

from importlib import import_module

SECTIONS = (
    "state_cells",
    "transport",
    "framing",
    "associate_rq",
    "presentation_contexts",
    "associate_rq_fields",
    "associate_ac",
    "associate_ac_read",
    "associate_rj",
    "p_data",
    "maximum_length",
    "release",
    "abort",
    "negotiation",
    "extensions",
    "user_identity",
    "command_sets",
    "command_responses",
    "command_operations",
    "robustness",
    "floods",
    "emitted",
)


def load() -> None:
    """Import every section, once."""
    for section in SECTIONS:
        import_module(f".{section}", __package__)
