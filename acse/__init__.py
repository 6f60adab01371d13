"""Association control (PS3.8 7.1 to 7.4, PS3.7 Annex D): what is proposed, what a policy makes of it, what was agreed.

Negotiation is pure functions (`propose`, `answer`, `agree`); `Association` is an `UpperLayer` that applies
them, knows its deadlines and tells events. Sans-IO, in the same few verbs as the floor below.

Imports `dul`, without its transport, and `spec`.
"""

__all__ = [
    "association",
    "events",
    "negotiation",
    "proposal",
    "policy",
    "agreement",
    "user_identity",
]
"""The modules whose names are public; importing this package imports none of them."""
