"""What the live tests of this run have proven: peer, role, service, and how."""

from collections.abc import Iterator

Row = tuple[str, str, str]

rows: dict[Row, dict[str, None]] = {}
"""(peer, our role, service) to what was proven, in the order it was."""
missing: set[str] = set()
"""Peers that are not installed."""


def enter(peer: str, role: str, service: str, *what: str) -> None:
    """One more thing was proven."""
    rows.setdefault((peer, role, service), {}).update(dict.fromkeys(what))


def lines() -> Iterator[str]:
    """The table, as Markdown."""
    yield "| peer | dulcet is | service | proven |"
    yield "| --- | --- | --- | --- |"
    for (peer, role, service), what in sorted(rows.items()):
        yield f"| {peer} | {role} | {service} | {', '.join(what)} |"
