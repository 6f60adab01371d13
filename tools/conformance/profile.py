"""What is known of a peer: measured by `probe`, kept in `peer.toml`, and asked for by what a case needs.

A case whose need is lacking is skipped with the reason, never failed. Without a profile everything is assumed that
does not have to be configured at the peer: Verification is there, a release started by an acceptor is not.
"""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path

from ..exit_codes import ExitCode, Failure
from ..options.values import LAST_PORT
from .commands import STUDY_ROOT_FIND, STUDY_ROOT_GET
from .frames import CT_IMAGE_STORAGE, IMPLICIT, VERIFICATION

NEEDS = {
    "verification": (VERIFICATION, "it accepts Verification"),
    "storage": (CT_IMAGE_STORAGE, "it accepts CT Image Storage"),
    "find": (STUDY_ROOT_FIND, "it accepts Study Root Find"),
    "get": (STUDY_ROOT_GET, "it accepts Study Root Get"),
    "can_release": ("", "it can start a release as acceptor"),
    "checks_called": ("", "it checks called AE titles"),
    "checks_calling": ("", "it checks calling AE titles"),
    "checks_identity": ("", "it refuses passcodes it does not know"),
    "concurrency": ("", "it serves a number of associations at once"),
}
"""What a case may need: the SOP class that shows it, if one does, and the words of a skip."""


@dataclass(slots=True)
class Profile:
    """A peer, as far as it was measured; fields are those of `peer.toml`."""

    called: str = ""
    host: str = ""
    port: int = 0
    checks_called: bool = False
    checks_calling: bool = False
    t_artim: float | None = None
    """Seconds, measured; None where it did not fire in time or was not waited for."""
    maximum_length: int | None = None
    """What it announces (D.1)."""
    concurrency: int | None = None
    """Associations at once, up to the number that was tried."""
    closes_after_rp: bool = False
    can_release: bool = False
    """Whether it asks for release as acceptor, by itself or when `release` is run."""
    release: list[str] = field(default_factory=list)
    """The command that makes it ask for release on the one association it has, with placeholders; [] when it does so by
    itself as soon as nothing is asked of it any more."""
    async_window: tuple[int, int] | None = None
    user_identity: list[int] = field(default_factory=list)
    """Types it acknowledges."""
    checks_identity: bool = False
    """Whether it refuses a user name with a wrong passcode (PS3.7 D.3.3.7.3); nobody but its owner can tell."""
    implementation_class_uid: str = ""
    implementation_version_name: str = ""
    echo_seconds: float | None = None
    """One associate, echo and release."""
    classes: dict[str, list[str]] | None = None
    """Accepted transfer syntaxes by SOP class; None when nobody asked."""
    roles: dict[str, list[int]] | None = None
    """By SOP class, which roles it leaves to who calls and proposes both, [SCU, SCP] (PS3.7 D.3.3.4). A class of which
    it says nothing has the default roles and is left out; None when nobody asked."""
    requestor: list[str] = field(default_factory=list)
    """Role R: the command that makes the peer dial, with placeholders; for `both`."""

    def lacks(self, need: str) -> str:
        """Why a need is not met, or nothing."""
        uid, words = NEEDS[need]
        if uid:
            if self.classes is not None and not self.classes.get(uid):
                return f"needs a peer of which the profile says that {words}"
            if self.classes is None and need != "verification":
                return f"needs a profile (--profile) that says whether {words}"
            return ""
        return "" if getattr(self, need) else f"needs a peer of which the profile says that {words}"

    def syntax(self, sop_class: str) -> str:
        """A transfer syntax it accepts for a SOP class."""
        accepted = (self.classes or {}).get(sop_class) or [IMPLICIT]
        return accepted[0]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and _is_number(value)


def _is_words(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_window(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_count, value))


def _is_classes(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_words, value.values()))


def _is_roles(value: object) -> bool:
    return isinstance(value, dict) and all(_is_window(each) and set(each) <= {0, 1} for each in value.values())


_Kind = tuple[Callable[[object], bool], str]
_TEXT: _Kind = (lambda value: isinstance(value, str), "a text in quotes")
_TITLE: _Kind = (lambda value: isinstance(value, str) and len(value) <= 16, "an AE title of at most 16 characters")
_PORT: _Kind = (lambda value: isinstance(value, int) and _is_count(value) and value <= LAST_PORT, "a TCP port")
_SWITCH: _Kind = (lambda value: isinstance(value, bool), "true or false")
_SECONDS: _Kind = (_is_number, "a number of seconds")
_COUNT: _Kind = (_is_count, "a whole number")
_COMMAND: _Kind = (_is_words, "a list of words in quotes")
_FIELDS: dict[str, _Kind] = {
    "called": _TITLE,
    "host": _TEXT,
    "port": _PORT,
    "checks_called": _SWITCH,
    "checks_calling": _SWITCH,
    "t_artim": _SECONDS,
    "maximum_length": _COUNT,
    "concurrency": _COUNT,
    "closes_after_rp": _SWITCH,
    "can_release": _SWITCH,
    "release": _COMMAND,
    "async_window": (_is_window, "two whole numbers, [invoked, performed]"),
    "user_identity": (lambda value: isinstance(value, list) and all(map(_is_count, value)), "a list of identity types"),
    "checks_identity": _SWITCH,
    "implementation_class_uid": _TEXT,
    "implementation_version_name": _TEXT,
    "echo_seconds": _SECONDS,
    "classes": (_is_classes, "a table: a list of transfer syntaxes for each SOP class"),
    "roles": (_is_roles, "a table: two of 0 and 1, [SCU, SCP], for each SOP class"),
    "requestor": _COMMAND,
}
"""What each field of `Profile` may hold, in a test and in words."""


def load(path: str | Path) -> Profile:
    """Read a `peer.toml`.

    Raises:
        Failure: it cannot be read, has a field that is none, or a value that is none of its field.
    """
    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise Failure(ExitCode.USAGE, f"{path}: {error.strerror or error}") from None
    except ValueError as error:  # no UTF-8, or no TOML
        raise Failure(ExitCode.USAGE, f"{path}: {error}") from None
    for name in document:
        if name not in _FIELDS:
            raise Failure(ExitCode.USAGE, f"{path}: {name} is no field of a profile: {', '.join(sorted(_FIELDS))} are")
        fits, words = _FIELDS[name]
        if not fits(document[name]):
            raise Failure(ExitCode.USAGE, f"{path}: {name} is {words}, not {document[name]!r}")
    if "async_window" in document:
        document["async_window"] = tuple(document["async_window"])
    return Profile(**document)


def text(profile: Profile) -> str:
    """A profile as `peer.toml`; what was not measured is left out."""
    lines = [
        "# A DICOM peer as `dulcet conformance probe` measured it. Only its owner can tell whether it asks for release",
        "# as acceptor (can_release), the command that makes it (release), and what makes it dial (requestor).",
    ]
    for each in fields(profile):
        value = getattr(profile, each.name)
        if value is not None and value not in ("", []) and each.name not in ("classes", "roles"):
            lines.append(f"{each.name} = {_toml(value)}")
    for name, table in (("classes", profile.classes), ("roles", profile.roles)):
        if table is not None:
            lines += ["", f"[{name}]", *(f"{_toml(uid)} = {_toml(list(each))}" for uid, each in table.items())]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08X}" for c in value) + '"'
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
