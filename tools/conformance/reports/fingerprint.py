"""Who the peer says it is: what `probe` measured, and what it said itself in the first association of the run.

PS3.7 D.3.3.1 to D.3.3.3: maximum length, implementation class UID and version name, asynchronous operations window.
"""

from collections.abc import Iterator

from ..reading import Seen, read
from ..results import RunResult


def name(run: RunResult) -> str:
    """What the peer calls itself, its address where it does not say."""
    facts = dict(fingerprint(run))
    return facts.get(_VERSION, "") or facts.get(_CLASS, "") or run.peer


def fingerprint(run: RunResult) -> list[tuple[str, str]]:
    """Names and values, as far as they are known."""
    rows = [("Address", run.peer), ("Roles judged", {"A": "acceptor", "R": "requestor"}.get(run.roles, "both"))]
    said = next(_first(run), None)
    if said is not None:
        rows += _said(said)
    if run.profile.get("echo_seconds") is not None:  # somebody measured it
        rows += [(name, _value(run.profile.get(key))) for key, name in _NAMES.items()]
    if run.settings.get("artim") and run.profile.get("t_artim") is None:
        rows.append(("ARTIM", f"{run.settings['artim']} s (as told)"))
    return [(name, value) for name, value in dict(rows).items() if value]


_CLASS, _VERSION = "Implementation class UID", "Implementation version name"
_NAMES = {
    "t_artim": "ARTIM (s)",
    "concurrency": "Associations at once",
    "closes_after_rp": "Closes after A-RELEASE-RP",
    "can_release": "Can start a release",
    "checks_called": "Checks called AE titles",
    "checks_calling": "Checks calling AE titles",
    "echo_seconds": "An echo takes (s)",
}
"""Fields of the profile that say something about the peer."""


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, int | float) else ""


def _first(run: RunResult) -> Iterator[Seen]:
    """The A-ASSOCIATE-RQs and -ACs of the peer."""
    for result in run.results:
        for exchange in result.exchanges:
            for event in exchange.events:
                if event.kind == "pdu" and event.data[:1] in (b"\x01", b"\x02") and not event.digest:
                    yield read(event.data)


def _said(pdu: Seen) -> Iterator[tuple[str, str]]:
    items = {item.type: item.value for item in pdu.user_items}
    yield _CLASS, _text(items.get(0x52, b""))
    yield _VERSION, _text(items.get(0x55, b""))
    maximum = pdu.maximum_length
    yield "Maximum length", {None: "", 0: "0 (unlimited)"}.get(maximum, str(maximum))
    if len(window := items.get(0x53, b"")) == 4:
        invoked, performed = int.from_bytes(window[:2], "big"), int.from_bytes(window[2:], "big")
        yield "Asynchronous operations window", f"{invoked} invoked, {performed} performed"


def _text(value: bytes) -> str:
    return value.decode("latin-1").strip(" \0")
