"""DIMSE (PS3.7): the command-set codec, the 23 messages, fragments, operations under way, statuses.

`Exchange` is an `Association` that speaks messages; `messages` has their classes, named as in the standard with
underscores (C_STORE_RQ). Data sets are bytes here: what they hold is for `services`.

Imports `acse`, `dul` without its transport, and `spec`; no data-set library.
"""

__all__ = [
    "exchange",
    "events",
    "messages",
    "status",
    "fragments",
    "command_set",
    "errors",
]
"""The modules whose names are public; importing this package imports none of them."""
