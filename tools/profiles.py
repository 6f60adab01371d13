"""`-xf FILE PROFILE`: DCMTK's association configuration files, so that the files people have keep working.

An INI file with one level more: `[[TransferSyntaxes]]` holds lists of transfer syntaxes,
`[[PresentationContexts]]` lists of SOP classes with such a list each, `[[Profiles]]` names a list of
contexts and, if wanted, one of `[[SCPSCURoleSelection]]` and one of `[[ExtendedNegotiation]]`. Keys and
names of sections ignore case and spaces, values do not. Keys are numbered from 1; a gap, which DCMTK takes
for the end of the list, is an error here, and every error tells the line.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ..dul.items import ExtendedNegotiation, RoleSelection
from ..spec.values import value
from .uid_names import sop_class_uid, transfer_syntax_uid

MOST_CONTEXTS = 128
"""Presentation context identifiers are the odd numbers from 1 to 255 (PS3.8 9.3.2.2)."""


class ProfileError(ValueError):
    """A file or profile that cannot be used; the text tells file and line."""

    exit_code = "PROFILE"


@value
class Context:
    """A presentation context without its identifier."""

    abstract_syntax: str
    """UID of the SOP class."""
    transfer_syntaxes: tuple[str, ...]
    """UIDs; for an acceptor the most wanted first."""


@value
class Profile:
    """What an association is to negotiate."""

    name: str
    """As it stands in the file."""
    contexts: tuple[Context, ...]
    """In the order of the file."""
    roles: tuple[RoleSelection, ...] = ()
    """Roles other than the default ones (PS3.7 D.3.3.4)."""
    extended_negotiations: tuple[ExtendedNegotiation, ...] = ()
    """SOP class extended negotiation, as bytes (PS3.7 D.3.3.5)."""


class Entry(NamedTuple):
    """A line `key = value`."""

    key: str
    """Without spaces, in lower case."""
    value: str
    """As it stands there."""
    line: int
    """Counted from 1."""


@dataclass(slots=True)
class Section:
    """What stands under `[Name]`."""

    name: str
    """As it stands there."""
    line: int
    """Where it begins."""
    entries: list[Entry] = field(default_factory=list)
    """In the order of the file."""


def load(path: str, name: str, *, requestor: bool) -> Profile:
    """A profile of a file; requestors and acceptors have different rules for it."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError as error:
        raise ProfileError(f"{path}: {error.strerror}") from None
    return parse(text, name, requestor=requestor, file=path)


def parse(text: str, name: str, *, requestor: bool, file: str = "profile") -> Profile:
    """The same from text."""
    return _Reader(text, file).profile(name, requestor=requestor)


class _Reader:
    """A file as a tree of supersections, sections and entries, and the way through it from a name."""

    def __init__(self, text: str, file: str) -> None:
        self._file = file
        self._tree: dict[str, dict[str, Section]] = {}
        self._read(text)

    def profile(self, name: str, *, requestor: bool) -> Profile:
        profiles = self._tree.get("profiles", {})
        section = profiles.get(_folded(name))
        if section is None:
            there = ", ".join(known.name for known in profiles.values()) or "none"
            raise ProfileError(f"{self._file}: there is no profile {name!r}; there are: {there}")
        parts = {entry.key: entry for entry in section.entries}
        for key, entry in parts.items():
            if key not in ("presentationcontexts", "scpscuroleselection", "extendednegotiation"):
                raise self._error(entry.line, f"{key} is no part of a profile")
        if "presentationcontexts" not in parts:
            raise self._error(section.line, f"profile {section.name} names no PresentationContexts")
        contexts = tuple(self._contexts(parts["presentationcontexts"], requestor))
        roles = parts.get("scpscuroleselection")
        extended = parts.get("extendednegotiation")
        return Profile(
            section.name,
            contexts,
            tuple(self._roles(roles)) if roles else (),
            tuple(self._extended(extended)) if extended else (),
        )

    def _error(self, line: int, words: str) -> ProfileError:
        return ProfileError(f"{self._file}, line {line}: {words}")

    def _read(self, text: str) -> None:
        group: dict[str, Section] | None = None
        section: Section | None = None
        for number, line in enumerate(text.splitlines(), 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            if line.startswith("[["):
                group, section = self._group(line, number), None
            elif line.startswith("["):
                section = self._section(group, line, number)
            else:
                self._entry(section, line, number)

    def _group(self, line: str, number: int) -> dict[str, Section]:
        if not line.endswith("]]"):
            raise self._error(number, f"{line} does not end with ]]")
        return self._tree.setdefault(_folded(line[2:-2]), {})

    def _section(self, group: dict[str, Section] | None, line: str, number: int) -> Section:
        if not line.endswith("]"):
            raise self._error(number, f"{line} does not end with ]")
        name = line[1:-1].strip()
        if group is None:
            raise self._error(number, f"[{name}] stands before any [[...]]")
        if _folded(name) in group:
            raise self._error(number, f"[{name}] is there already, in line {group[_folded(name)].line}")
        return group.setdefault(_folded(name), Section(name, number))

    def _entry(self, section: Section | None, line: str, number: int) -> None:
        key, equals, value = line.partition("=")
        if not equals:
            raise self._error(number, f"{line!r} is neither a heading nor key = value")
        if section is None:
            raise self._error(number, f"{key.strip()} stands before any [...]")
        if any(_folded(key) == entry.key for entry in section.entries):
            raise self._error(number, f"{key.strip()} is there already")
        section.entries.append(Entry(_folded(key), value.strip(), number))

    def _named(self, group: str, name: str, line: int) -> Section:
        section = self._tree.get(_folded(group), {}).get(_folded(name))
        if section is None:
            raise self._error(line, f"there is no [{name}] in [[{group}]]")
        return section

    def _numbered(self, section: Section, word: str) -> Iterator[Entry]:
        """The values of word1, word2 ... in the order of their numbers."""
        found: dict[int, Entry] = {}
        for entry in section.entries:
            digits = entry.key.removeprefix(word.casefold())
            if digits == entry.key or not digits.isdecimal() or digits.startswith("0"):
                raise self._error(entry.line, f"{entry.key}: [{section.name}] has {word}1, {word}2 and so on")
            found[int(digits)] = entry
        if not found:
            raise self._error(section.line, f"[{section.name}] is empty")
        for wanted, number in enumerate(sorted(found), 1):
            if number != wanted:
                line = found[number].line
                raise self._error(line, f"{word}{number} without {word}{wanted} in [{section.name}]")
            yield found[number]

    def _pairs(self, section: Section, word: str) -> Iterator[tuple[str, str, int]]:
        """UID of the SOP class, what stands behind the backslash, and the line."""
        for entry in self._numbered(section, word):
            class_name, backslash, rest = entry.value.partition("\\")
            if not backslash or not rest.strip() or "\\" in rest:
                raise self._error(entry.line, f"{entry.value!r} is not SOP class, backslash, one word")
            yield self._uid(class_name.strip(), entry.line), rest.strip(), entry.line

    def _uid(self, name: str, line: int) -> str:
        try:
            return sop_class_uid(name)
        except ValueError as error:
            raise self._error(line, str(error)) from None

    def _contexts(self, wanted: Entry, requestor: bool) -> Iterator[Context]:
        section = self._named("PresentationContexts", wanted.value, wanted.line)
        seen: set[str] = set()
        for count, (uid, syntaxes, line) in enumerate(self._pairs(section, "PresentationContext"), 1):
            if requestor and count > MOST_CONTEXTS:
                raise self._error(line, f"a request has at most {MOST_CONTEXTS} presentation contexts")
            if not requestor and uid in seen:
                raise self._error(line, f"{uid} is there already; an acceptor has each SOP class once")
            seen.add(uid)
            yield Context(uid, self._transfer_syntaxes(syntaxes, line))

    def _transfer_syntaxes(self, name: str, line: int) -> tuple[str, ...]:
        uids: list[str] = []
        for entry in self._numbered(self._named("TransferSyntaxes", name, line), "TransferSyntax"):
            try:
                uid = transfer_syntax_uid(entry.value)
            except ValueError as error:
                raise self._error(entry.line, str(error)) from None
            if uid in uids:
                raise self._error(entry.line, f"{entry.value} is in this list already")
            uids.append(uid)
        return tuple(uids)

    def _roles(self, wanted: Entry) -> Iterator[RoleSelection]:
        section = self._named("SCPSCURoleSelection", wanted.value, wanted.line)
        for uid, role, line in self._pairs(section, "Role"):
            if role not in ("SCU", "SCP", "BOTH"):
                raise self._error(line, f"{role!r} is no role; there are SCU, SCP and BOTH")
            yield RoleSelection(uid, scu=role != "SCP", scp=role != "SCU")

    def _extended(self, wanted: Entry) -> Iterator[ExtendedNegotiation]:
        section = self._named("ExtendedNegotiation", wanted.value, wanted.line)
        for uid, digits, line in self._pairs(section, "ExtendedNegotiation"):
            try:
                yield ExtendedNegotiation(uid, bytes.fromhex(digits))
            except ValueError:
                raise self._error(line, f"{digits!r} is not hexadecimal") from None


def _folded(name: str) -> str:
    """Names that differ in case and spaces only are the same."""
    return "".join(name.split()).casefold()
